/*
 * A command of the program: one table row, one file (`mailknock check` is cli/check.c).
 *
 * main.c finds the row, reads configuration and options into `config` and the command's own
 * structure, and calls run. Exit statuses: 0 all well (check: all valid), 1 some not valid,
 * 2 usage or configuration or a file, 3 some could not be determined.
 */
#ifndef MK_CLI_COMMAND_H
#define MK_CLI_COMMAND_H

#include <stdio.h>

#include "config/config.h"

enum cli_exit {
    CLI_EXIT_OK = 0,
    CLI_EXIT_NOT_VALID = 1,
    CLI_EXIT_USAGE = 2,
    CLI_EXIT_UNDETERMINED = 3,
};

struct cli_call {
    const struct config *config; /* complete and checked */
    const void *options;         /* the command's own structure, defaults filled in */
    char **arguments;            /* what is neither option nor option's value; NULL-terminated */
    size_t argument_count;
    struct arena *arena; /* lives until the program ends */
    FILE *out, *err;     /* stdout and stderr */
    bool out_is_terminal, err_is_terminal;
    bool colour;    /* wanted on out */
    unsigned width; /* columns of the terminal, 80 when there is none */
};

struct cli_command {
    const char *name;      /* "check" */
    const char *arguments; /* "ADDRESS..." */
    const char *summary;   /* one line for `mailknock --help` */
    const char *details;   /* paragraphs and examples of `mailknock check --help` */
    struct config_table own;
    size_t options_size; /* of the command's own structure */
    bool uses_common;    /* common options apply and are shown */
    size_t arguments_min, arguments_max; /* SIZE_MAX: any number */
    int (*run)(struct cli_call *call);   /* an exit status */
};

extern const struct cli_command cli_check, cli_clean, cli_classify, cli_lists, cli_lab, cli_demo,
    cli_jobs;

/* "mailknock: message" on call->err, in red on a terminal, and the exit status for it. */
int cli_fail(struct cli_call *call, enum cli_exit status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
