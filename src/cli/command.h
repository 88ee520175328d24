/*
 * A command of the program: one table row, one file (`mailknock check` is cli/check.c).
 *
 * cli_main finds the row, reads configuration and options into `config` and the command's own
 * structure, and calls run. Exit statuses: 0 all well (check: all valid), 1 some not valid,
 * 2 usage or configuration or a file, 3 some could not be determined.
 */
#ifndef MK_CLI_COMMAND_H
#define MK_CLI_COMMAND_H

#include <stdio.h>

#include "config/config.h"

struct prober;

enum cli_exit {
    CLI_EXIT_OK = 0,
    CLI_EXIT_NOT_VALID = 1,
    CLI_EXIT_USAGE = 2,
    CLI_EXIT_UNDETERMINED = 3,
};

struct cli_call {
    const struct cli_command *command;
    const struct config *config; /* complete and checked; defaults where uses_common is false */
    const char *config_file;     /* that was read, or NULL */
    const void *options;         /* the command's own structure, defaults filled in */
    char **arguments;            /* what is neither option nor option's value; NULL-terminated */
    size_t argument_count;
    struct arena *arena; /* lives until the program ends */
    FILE *out, *err;     /* stdout and stderr */
    bool out_is_terminal, err_is_terminal;
    bool colour;     /* wanted on out */
    bool err_colour; /* wanted on err */
    bool err_events; /* err is read by a program: what fails is an event, too (cli/event.h) */
    unsigned width;  /* columns of the terminal, 80 when there is none; at least 40 */
    int write_errno; /* of the first write to `out` by cli_print that failed */
};

struct cli_command {
    const char *name;      /* "check" */
    const char *arguments; /* "ADDRESS..." */
    const char *summary;   /* one line for `mailknock --help` */
    const char *details;   /* paragraphs and examples of `mailknock check --help`: paragraphs are
                              separated by an empty line; lines that begin with a blank stay as
                              they are */
    struct config_table own;
    size_t options_size;   /* of the command's own structure */
    bool uses_common;      /* common options, file and environment apply and are shown */
    bool heeds_kept_lists; /* of the store and the history file (config/kept_lists.h) */
    const char *common;    /* groups and options of them that its help shows, "A|--b"; NULL: all */
    size_t arguments_min, arguments_max; /* SIZE_MAX: any number */
    const char *words; /* fixed words its first argument may be: "show|default|check"; or NULL */
    int (*run)(struct cli_call *call); /* an exit status */
};

/* Add a command here, and its row to the table in command.c. */
extern const struct cli_command cli_check, cli_clean, cli_classify, cli_lists, cli_lab, cli_demo,
    cli_jobs, cli_serve, cli_worker, cli_keys, cli_erase, cli_feedback, cli_config, cli_completion,
    cli_doctor, cli_manual, cli_mcp;

/* All rows, in the order of the help; NULL past the end. */
const struct cli_command *cli_command_at(size_t index);
const struct cli_command *cli_command_find(struct slice name);

/* Does the common option at `index` of its table concern the command? Others are taken, not shown.
 */
bool cli_command_shows(const struct cli_command *command, size_t index);
/*
 * Whether the file's documentation shows this option of the command at `index`: it may stand in a
 * file, and neither the common options nor a command before have one of that name.
 */
bool cli_is_first_in_file(const struct config_option *option, size_t index);

/*
 * The whole program; argv as main has it. Output that can't be written (a full disk, a reader that
 * went away) ends in CLI_EXIT_USAGE.
 */
int cli_main(int argc, char **argv, FILE *out, FILE *err);

/*
 * Write what was gathered to call->out and free it. CLI_EXIT_OK; CLI_EXIT_USAGE when memory had run
 * out (said here) or the output can't be written (cli_main says so at the end).
 */
int cli_print(struct cli_call *call, struct buffer *text);

/*
 * "mailknock: message" on call->err, in red on a terminal, and the exit status for it. Bytes of
 * strangers in it are made printable.
 */
int cli_fail(struct cli_call *call, enum cli_exit status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Say in the same way what the operator should know of an open prober (prober_advice). */
void cli_advise(struct cli_call *call, const struct prober *prober);

#endif
