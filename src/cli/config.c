/*
 * `mailknock config`: the configuration as it is, as it could be, and whether it is right.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/view.h"
#include "config/prober.h"
#include "probe/engine.h"

#define COMMENT_WIDTH 78

extern char **environ;

/* --- the example file ------------------------------------------------------------------------- */

static void comment(struct buffer *out, struct slice words)
{
    struct buffer filled;
    struct slice rest, line;

    buffer_init(&filled, 0);
    help_fill(&filled, words, 0, 0, COMMENT_WIDTH - 2);
    rest = buffer_slice(&filled);
    while (slice_split(&rest, '\n', &line))
        buffer_printf(out, "# %.*s\n", SLICE_ARG(line));
    out->failed |= filled.failed;
    buffer_done(&filled);
}

static const char *example_value(const struct config_option *option)
{
    if (option->fallback != NULL)
        return option->fallback;
    return option->value_name != NULL ? option->value_name : "no";
}

/* *group is the heading that stands above. */
static void example_option(struct buffer *out, const struct config_option *option,
                           const char **group)
{
    struct buffer words;

    buffer_init(&words, 0);
    if (option->group != NULL && (*group == NULL || strcmp(*group, option->group) != 0)) {
        *group = option->group;
        buffer_printf(out, "\n# --- %s ---\n", *group);
    }
    buffer_append_byte(out, '\n');
    comment(out, slice_from_string(option->help));
    if (option->type == CONFIG_TEXT || option->type == CONFIG_LIST) {
        buffer_append_string(&words, option->type == CONFIG_LIST ? "Any number of lines." : "");
    } else {
        buffer_append_string(&words, "Allowed: ");
        config_describe_allowed(option, &words);
        buffer_append_byte(&words, '.');
    }
    if (words.len > 0)
        comment(out, buffer_slice(&words));
    buffer_printf(out, "#%s = %s\n", option->name, example_value(option));
    out->failed |= words.failed;
    buffer_done(&words);
}

static void write_example(struct buffer *out)
{
    const struct cli_command *command;
    const char *group = NULL;

    comment(out,
            SLICE("Configuration of mailknock: one option a line, 'name = value'. Every option "
                  "is shown with its default; take away the '#' to change one. The environment "
                  "(MAILKNOCK_HELO for helo, and so on) wins over this file, the command line "
                  "over both. A '#' at the start of a line or after a blank begins a comment; "
                  "a value with blanks at its ends or with '#' stands in double quotes. "
                  "'mailknock config check' says whether all is well."));
    for (size_t i = 0; i < config_common.count; i++)
        if (!config_common.options[i].command_line_only)
            example_option(out, &config_common.options[i], &group);
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        bool any = false;

        for (size_t k = 0; command->uses_common && k < command->own.count; k++) {
            if (!cli_is_first_in_file(&command->own.options[k], i))
                continue;
            if (!any && command->own.options[k].group == NULL)
                buffer_printf(out, "\n# --- mailknock %s ---\n", command->name);
            any = true;
            example_option(out, &command->own.options[k], &group);
        }
    }
}

/* --- as it is --------------------------------------------------------------------------------- */

static void write_effective(struct buffer *out, const struct cli_call *call)
{
    buffer_append_string(out, "# From ");
    if (call->config_file != NULL) {
        view_clean(out, slice_from_string(call->config_file));
        buffer_append_string(out, ", the environment and the command line.\n");
    } else {
        buffer_append_string(out, "the environment and the command line; there is no file.\n");
    }
    for (size_t i = 0; i < config_common.count; i++) {
        const struct config_option *option = &config_common.options[i];
        struct buffer value;

        if (option->command_line_only)
            continue;
        buffer_init(&value, 0);
        for (size_t k = 0; config_format_value(option, call->config, k, &value); k++) {
            buffer_printf(out, "%s = %.*s\n", option->name, SLICE_ARG(buffer_slice(&value)));
            buffer_clear(&value);
        }
        out->failed |= value.failed;
        buffer_done(&value);
    }
}

/* --- whether it is right ---------------------------------------------------------------------- */

static bool is_known_variable(struct slice name)
{
    char variable[CONFIG_ENVIRONMENT_NAME_SIZE];
    const struct cli_command *command;

    if (slice_equal(name, SLICE("MAILKNOCK_CONFIG")))
        return true;
    for (size_t i = 0; i < config_common.count; i++)
        if (slice_equal(name, slice_from_string(
                                  config_environment_name(&config_common.options[i], variable))))
            return true;
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++)
        for (size_t k = 0; command->uses_common && k < command->own.count; k++)
            if (slice_equal(name, slice_from_string(
                                      config_environment_name(&command->own.options[k], variable))))
                return true;
    return false;
}

static bool check_environment(struct cli_call *call)
{
    bool ok = true;

    for (char **entry = environ; *entry != NULL; entry++) {
        struct slice name = slice_from_string(*entry);
        ptrdiff_t equals = slice_find_byte(name, '=');

        if (equals < 0 || !slice_starts_with(name, SLICE("MAILKNOCK_")))
            continue;
        name = slice_prefix(name, (size_t)equals);
        if (is_known_variable(name))
            continue;
        cli_fail(call, CLI_EXIT_USAGE, "no option is behind the variable %.*s",
                 SLICE_ARG(slice_prefix(name, 80)));
        ok = false;
    }
    return ok;
}

static int run_check(struct cli_call *call)
{
    struct prober prober;
    struct error error = {0};
    bool ok = check_environment(call);

    if (prober_open(&prober, NULL, call->config, &error) < 0)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    if (ok && call->config->depth == EVIDENCE_DEPTH_SMTP) {
        fprintf(call->out, "Well formed. mailknock says EHLO %.*s and MAIL FROM:<%.*s>.\n",
                SLICE_ARG(prober.settings.helo_name), SLICE_ARG(prober.settings.sender));
        cli_advise(call, &prober);
    } else if (ok) {
        fputs("Well formed.\n", call->out);
    }
    prober_close(&prober);
    return ok ? CLI_EXIT_OK : CLI_EXIT_USAGE;
}

static int run(struct cli_call *call)
{
    const char *word = call->argument_count > 0 ? call->arguments[0] : "show";
    struct buffer out;

    if (strcmp(word, "check") == 0)
        return run_check(call);
    buffer_init(&out, 0);
    if (strcmp(word, "default") == 0)
        write_example(&out);
    else
        write_effective(&out, call);
    return cli_print(call, &out);
}

const struct cli_command cli_config = {
    .name = "config",
    .arguments = "[show|default|check]",
    .summary = "show the configuration, a commented example, or what is wrong",
    .details = "show prints what is in force, from file, environment and options. default prints a "
               "complete "
               "configuration file in which every option is explained. check says whether the "
               "configuration "
               "can be used: names, networks, list files, variables.\n"
               "\n"
               "  mailknock config default > mailknock.conf\n"
               "  mailknock config check --config mailknock.conf\n",
    .uses_common = true,
    .arguments_max = 1,
    .words = "show|default|check",
    .run = run,
};
