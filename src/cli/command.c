#include "cli/command.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "base/check.h"
#include "base/utf8.h"
#include "cli/arguments.h"
#include "cli/event.h"
#include "cli/help.h"
#include "cli/terminal.h"
#include "cli/view.h"
#include "config/prober.h"

/* In the order of the help. */
/* clang-format off */
static const struct cli_command *const commands[] = {
    &cli_check,
    &cli_clean,
    &cli_jobs,
    &cli_classify,
    &cli_lists,
    &cli_demo,
    &cli_serve,
    &cli_worker,
    &cli_keys,
    &cli_erase,
    &cli_mcp,
    &cli_feedback,
    &cli_doctor,
    &cli_lab,
    &cli_config,
    &cli_completion,
    &cli_manual,
};
/* clang-format on */

const struct cli_command *cli_command_at(size_t index)
{
    return index < ARRAY_LEN(commands) ? commands[index] : NULL;
}

const struct cli_command *cli_command_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (slice_equal(slice_from_string(commands[i]->name), name))
            return commands[i];
    return NULL;
}

bool cli_command_shows(const struct cli_command *command, size_t index)
{
    const struct config_option *option = &config_common.options[index], *first = option;
    struct slice rest = slice_from_string(command->common), word;

    if (!command->uses_common || command->common == NULL)
        return command->uses_common;
    while (first->group == NULL && first > config_common.options)
        first--;
    while (slice_split(&rest, '|', &word))
        if (slice_equal(word, slice_from_string(first->group)) ||
            (slice_starts_with(word, SLICE("--")) &&
             slice_equal(slice_from_offset(word, 2), slice_from_string(option->name))))
            return true;
    return false;
}

bool cli_is_first_in_file(const struct config_option *option, size_t index)
{
    struct slice name = slice_from_string(option->name);

    if (option->command_line_only || config_find(&config_common, name) != NULL)
        return false;
    for (size_t i = 0; i < index; i++)
        if (commands[i]->uses_common && config_find(&commands[i]->own, name) != NULL)
            return false;
    return true;
}

static void fail_event(struct cli_call *call, enum cli_exit status, const char *message)
{
    struct event event;

    json_name_string(event_begin(&event, status == CLI_EXIT_OK ? "warning" : "error"), "message",
                     slice_from_string(message));
    fflush(call->out);
    event_end(&event, call->err);
}

int cli_fail(struct cli_call *call, enum cli_exit status, const char *format, ...)
{
    struct buffer text, line;
    char message[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (call->err_events) {
        fail_event(call, status, message);
        return status;
    }
    buffer_init(&text, 0);
    buffer_init(&line, 0);
    view_clean(&text, slice_from_string(message));
    help_fill(&line, buffer_slice(&text), sizeof("mailknock: ") - 1, 2, call->width);
    fflush(call->out);
    fprintf(call->err,
            call->err_colour ? "\033[1;31mmailknock:\033[0m %.*s\n" : "mailknock: %.*s\n",
            SLICE_ARG(buffer_slice(&line)));
    buffer_done(&line);
    buffer_done(&text);
    return status;
}

void cli_advise(struct cli_call *call, const struct prober *prober)
{
    const char *said;

    for (unsigned i = 0; (said = prober_advice(prober, i)) != NULL; i++)
        cli_fail(call, 0, "%s", said);
}

int cli_print(struct cli_call *call, struct buffer *text)
{
    int status = CLI_EXIT_OK;

    if (text->failed) {
        status = cli_fail(call, CLI_EXIT_USAGE, "out of memory");
    } else if (text->len > 0 && fwrite(text->ptr, 1, text->len, call->out) != text->len) {
        if (call->write_errno == 0)
            call->write_errno = errno;
        status = CLI_EXIT_USAGE;
    }
    buffer_done(text);
    buffer_init(text, 0);
    return status;
}

static int print_program_help(struct cli_call *call)
{
    struct help_style style = {call->width, call->colour};
    struct buffer text;

    buffer_init(&text, 0);
    help_program(&text, &style);
    return cli_print(call, &text);
}

static int print_command_help(struct cli_call *call, const struct cli_command *command)
{
    struct help_style style = {call->width, call->colour};
    struct buffer text;

    buffer_init(&text, 0);
    help_command(&text, command, &style);
    return cli_print(call, &text);
}

static int unknown_command(struct cli_call *call, const char *name)
{
    const char *nearest = NULL;
    unsigned distance = 0;

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        config_nearer(slice_from_string(name), commands[i]->name, &nearest, &distance);
    if (strchr(name, '@') != NULL)
        return cli_fail(call, CLI_EXIT_USAGE,
                        "'%.60s' is no command; to check an address: mailknock check ADDRESS",
                        name);
    if (nearest != NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "there is no command '%.60s'; did you mean '%s'?",
                        name, nearest);
    return cli_fail(call, CLI_EXIT_USAGE,
                    "there is no command '%.60s' (mailknock --help lists all)", name);
}

/* --- one command ------------------------------------------------------------------------------ */

/* Defaults, file, environment, command line. */
static int load(struct cli_call *call, const struct cli_arguments *arguments, struct config *config,
                void *own, struct error *error)
{
    struct config_target targets[ARRAY_LEN(commands) + 1];
    const char *file = NULL;
    size_t count = 0;
    int code = config_set_defaults(&config_common, config, call->arena);

    if (code == 0)
        code = config_set_defaults(&call->command->own, own, call->arena);
    if (code < 0)
        return error_set(error, code, "out of memory");
    if (call->command->uses_common) {
        for (size_t i = 0; i < arguments->setting_count; i++)
            if (strcmp(arguments->settings[i].option->name, "config") == 0)
                file = arguments->settings[i].value.ptr;
        targets[count++] = (struct config_target){&config_common, config};
        for (size_t i = 0; i < ARRAY_LEN(commands); i++)
            targets[count++] = (struct config_target){&commands[i]->own,
                                                      commands[i] == call->command ? own : NULL};
        code = config_load(targets, count, file, call->arena, &call->config_file, error);
    }
    return code == 0 ? cli_arguments_apply(arguments, config, own, call->arena, error) : code;
}

/* Where the first argument is one of a few words. */
static int check_first_word(struct cli_call *call)
{
    const char *nearest = NULL;
    unsigned distance = 0;
    struct slice rest, word, given;

    if (call->command->words == NULL || call->argument_count == 0)
        return CLI_EXIT_OK;
    given = slice_from_string(call->arguments[0]);
    rest = slice_from_string(call->command->words);
    while (slice_split(&rest, '|', &word)) {
        const char *name = arena_string(call->arena, word);

        if (slice_equal(word, given))
            return CLI_EXIT_OK;
        if (name != NULL)
            config_nearer(given, name, &nearest, &distance);
    }
    if (nearest != NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "%s does not know '%.60s'; did you mean '%s'?",
                        call->command->name, call->arguments[0], nearest);
    return cli_fail(call, CLI_EXIT_USAGE, "%s does not know '%.60s': mailknock %s %s",
                    call->command->name, call->arguments[0], call->command->name,
                    call->command->arguments);
}

static int check_argument_count(struct cli_call *call)
{
    const struct cli_command *command = call->command;

    if (call->argument_count < command->arguments_min)
        return cli_fail(call, CLI_EXIT_USAGE, "%s wants more: mailknock %s %s", command->name,
                        command->name, command->arguments);
    if (call->argument_count > command->arguments_max)
        return cli_fail(call, CLI_EXIT_USAGE, "'%.60s' is one argument too many: mailknock %s %s",
                        call->arguments[command->arguments_max], command->name, command->arguments);
    return check_first_word(call);
}

/* A program reads what is said, also of the other words, which may mean nothing. */
static bool wants_events(const struct cli_command *command, int count, char **words)
{
    if (config_find(&command->own, SLICE("json-progress")) == NULL)
        return false;
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++)
        if (strcmp(words[i], "--json-progress") == 0)
            return true;
    return false;
}

static int run(struct cli_call *call, int count, char **words)
{
    struct config config = {0};
    struct cli_arguments arguments;
    struct error error = {0};
    void *own = arena_alloc(call->arena, call->command->options_size + 1);
    int status;

    call->err_events = wants_events(call->command, count, words);
    if (own == NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "out of memory");
    if (cli_arguments_parse(call->command, count, words, call->arena, &arguments, &error) < 0)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    if (arguments.wants_help)
        return print_command_help(call, call->command);
    if (load(call, &arguments, &config, own, &error) < 0)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    cli_arguments_hide(&arguments);
    config.heeds_kept_lists = call->command->heeds_kept_lists;
    call->config = &config;
    call->options = own;
    call->arguments = arguments.plain;
    call->argument_count = arguments.plain_count;
    call->colour = terminal_wants_colour(call->out, (enum config_colour)config.colour);
    call->err_colour = terminal_wants_colour(call->err, (enum config_colour)config.colour);
    status = check_argument_count(call);
    return status == CLI_EXIT_OK ? call->command->run(call) : status;
}

static int dispatch(struct cli_call *call, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";

    if (argc < 2) {
        print_program_help(call);
        return CLI_EXIT_USAGE;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        fprintf(call->out, "mailknock %s\n", MK_VERSION);
        return CLI_EXIT_OK;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        if (argc < 3)
            return print_program_help(call);
        call->command = cli_command_find(slice_from_string(argv[2]));
        return call->command != NULL ? print_command_help(call, call->command)
                                     : unknown_command(call, argv[2]);
    }
    if (word[0] == '-')
        return cli_fail(call, CLI_EXIT_USAGE,
                        "'%.60s' comes before the command; write mailknock COMMAND %.60s", word,
                        word);
    call->command = cli_command_find(slice_from_string(word));
    return call->command != NULL ? run(call, argc - 2, argv + 2) : unknown_command(call, word);
}

int cli_main(int argc, char **argv, FILE *out, FILE *err)
{
    struct arena arena;
    struct cli_call call = {
        .arena = &arena,
        .out = out,
        .err = err,
        .out_is_terminal = terminal_is(out),
        .err_is_terminal = terminal_is(err),
        .colour = terminal_wants_colour(out, CONFIG_COLOUR_AUTO),
        .err_colour = terminal_wants_colour(err, CONFIG_COLOUR_AUTO),
        .width = terminal_width(out, err),
    };
    int status;

    /* A peer or reader that goes away is an error of one write, not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    arena_init(&arena);
    status = dispatch(&call, argc, argv);
    if (fflush(out) != 0 && call.write_errno == 0)
        call.write_errno = errno;
    if (call.write_errno != 0 || ferror(out)) {
        /* Whoever closed the pipe knows. */
        if (call.write_errno != EPIPE)
            cli_fail(&call, CLI_EXIT_USAGE, "can't write the output: %s",
                     call.write_errno != 0 ? strerror(call.write_errno) : "writing failed");
        status = CLI_EXIT_USAGE;
    }
    arena_done(&arena);
    return status;
}
