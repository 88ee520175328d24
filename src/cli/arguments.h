/*
 * The command line taken apart: options with their values, and arguments, in the order given.
 *
 * GNU manners: `--name value`, `--name=value`, `--switch`, `--no-switch`, `-o value`, `-ovalue`;
 * options anywhere; after "--" all are arguments; "-" is one. Nothing is set here: values of the
 * command line win over file and environment, so they are applied last.
 */
#ifndef MK_CLI_ARGUMENTS_H
#define MK_CLI_ARGUMENTS_H

#include "cli/command.h"

struct cli_setting {
    const struct config_option *option;
    bool is_common;    /* of config_common, not of the command's own */
    const char *where; /* as typed: "--helo", "-o" */
    struct slice value;
};

struct cli_arguments {
    struct cli_setting *settings; /* on the arena */
    size_t setting_count;
    char **plain; /* NULL-terminated */
    size_t plain_count;
    bool wants_help;
};

/* Of what follows the command's name. ERROR_USAGE suggests the nearest option; ERROR_NOMEM. */
int cli_arguments_parse(const struct cli_command *command, int count, char **words,
                        struct arena *arena, struct cli_arguments *ret, struct error *error);

/* Into the structures that hold defaults, file and environment already. */
int cli_arguments_apply(const struct cli_arguments *arguments, struct config *config, void *own,
                        struct arena *arena, struct error *error);

/*
 * Overwrite in the words themselves, where `ps` shows them to everybody, values of secret options
 * and passwords in URLs (scheme://user:password@host). Settings are applied before: they are
 * copies.
 */
void cli_arguments_hide(const struct cli_arguments *arguments);

#endif
