/*
 * `mailknock manual`: manual pages in mdoc(7), made from the tables that --help is made from, so
 * that they can't differ from what the program does.
 *
 * Of a command's details a paragraph that begins "Exit status:" becomes that section, and lines
 * that begin with a blank become EXAMPLES; everything else is DESCRIPTION.
 */
#include <string.h>

#include "base/check.h"
#include "cli/command.h"

#define PROGRAM_PAGE "mailknock"
#define CONFIG_PAGE  "mailknock.conf"
#define EXIT_STATUS  "Exit status:"

/* --- mdoc ------------------------------------------------------------------------------------- */

/* Text that stays text: no macro, no escape, hyphens that can be copied into a shell. */
static void text(struct buffer *out, struct slice words)
{
    if (words.len > 0 && (words.ptr[0] == '.' || words.ptr[0] == '\''))
        buffer_append_string(out, "\\&");
    for (size_t i = 0; i < words.len; i++) {
        if (words.ptr[i] == '\\')
            buffer_append_string(out, "\\e");
        else if (words.ptr[i] == '-')
            buffer_append_string(out, "\\-");
        else if (words.ptr[i] == '\n')
            buffer_append_byte(out, ' ');
        else
            buffer_append_byte(out, words.ptr[i]);
    }
}

static void string(struct buffer *out, const char *words)
{
    text(out, slice_from_string(words));
}

/* A sentence a line, as mdoc wants it: it then knows where to put the wider blank. */
static void sentences(struct buffer *out, struct slice words)
{
    size_t from = 0;

    for (size_t i = 0; i + 2 < words.len; i++) {
        if (words.ptr[i] != '.' || words.ptr[i + 1] != ' ' || words.ptr[i + 2] < 'A' ||
            words.ptr[i + 2] > 'Z')
            continue;
        text(out, slice_from(words.ptr + from, i + 1 - from));
        buffer_append_byte(out, '\n');
        from = i + 2;
    }
    text(out, slice_from_offset(words, from));
    buffer_append_byte(out, '\n');
}

/* `page` is "mailknock-check"; its title is in capitals. */
static void head(struct buffer *out, const char *page, unsigned section, const char *summary)
{
    buffer_append_string(out, ".\\\" Made by: mailknock manual\n.Dd " MK_RELEASED "\n.Dt ");
    for (const char *p = page; *p != '\0'; p++)
        buffer_append_byte(out, *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    buffer_printf(out, " %u\n.Os mailknock %s\n.Sh NAME\n.Nm %s\n.Nd ", section, MK_VERSION, page);
    string(out, summary);
    buffer_append_byte(out, '\n');
}

/* --- options ---------------------------------------------------------------------------------- */

static void allowed(struct buffer *out, const struct config_option *option)
{
    struct buffer words;

    if (option->type == CONFIG_TEXT || option->type == CONFIG_LIST || option->type == CONFIG_BOOL)
        return;
    buffer_init(&words, 0);
    buffer_append_string(&words, "Allowed: ");
    config_describe_allowed(option, &words);
    buffer_append_byte(&words, '.');
    sentences(out, buffer_slice(&words));
    out->failed |= words.failed;
    buffer_done(&words);
}

static void meaning(struct buffer *out, const struct config_option *option)
{
    sentences(out, slice_from_string(option->help));
    allowed(out, option);
    if (option->fallback != NULL && !(option->type == CONFIG_BOOL && option->fallback[0] == 'n')) {
        buffer_append_string(out, "Default:\n.Li ");
        string(out, option->fallback);
        buffer_append_string(out, " .\n");
    }
}

static void on_command_line(struct buffer *out, const struct config_option *option)
{
    bool is_on =
        option->type == CONFIG_BOOL && option->fallback != NULL && option->fallback[0] == 'y';

    buffer_append_string(out, ".It ");
    if (option->letter != '\0')
        buffer_printf(out, "Fl %c , ", option->letter);
    buffer_append_string(out, "Fl \\-");
    string(out, option->name);
    if (is_on) {
        buffer_append_string(out, " , Fl \\-no\\-");
        string(out, option->name);
    }
    if (option->type != CONFIG_BOOL) {
        buffer_append_string(out, " Ar ");
        string(out, option->value_name != NULL ? option->value_name : "VALUE");
    }
    buffer_append_byte(out, '\n');
    meaning(out, option);
}

static void in_file(struct buffer *out, const struct config_option *option)
{
    buffer_append_string(out, ".It Cm ");
    string(out, option->name);
    buffer_append_string(out, " No = Ar ");
    string(out, option->value_name != NULL ? option->value_name : "yes|no");
    buffer_append_byte(out, '\n');
    meaning(out, option);
}

struct option_list {
    const char *first_group;        /* heading of rows before the first group */
    const struct cli_command *only; /* of the common table, what concerns it; NULL: all */
    bool (*wants)(const struct config_option *option, size_t command);
    size_t command;
    void (*item)(struct buffer *out, const struct config_option *option);
};

static void options(struct buffer *out, const struct config_table *table,
                    const struct option_list *how)
{
    const char *group = how->first_group, *open = NULL;

    for (size_t i = 0; i < table->count; i++) {
        const struct config_option *option = &table->options[i];

        if (option->group != NULL)
            group = option->group;
        if ((how->only != NULL && !cli_command_shows(how->only, i)) ||
            (how->wants != NULL && !how->wants(option, how->command)))
            continue;
        if (open == NULL || strcmp(open, group) != 0) {
            buffer_printf(out, "%s.Ss %s\n.Bl -tag -width Ds\n", open != NULL ? ".El\n" : "",
                          group);
            open = group;
        }
        how->item(out, option);
    }
    if (open != NULL)
        buffer_append_string(out, ".El\n");
}

/* --- a command's page ------------------------------------------------------------------------- */

enum part {
    PART_TEXT,
    PART_EXIT_STATUS,
    PART_EXAMPLE
};

static bool is_verbatim(struct slice paragraph)
{
    return paragraph.len > 0 && paragraph.ptr[0] == ' ';
}

/* The next paragraph; a heading line above examples is passed over. False at the end. */
static bool next_paragraph(struct slice *rest, struct slice *ret, enum part *part)
{
    struct slice before, line;
    const char *begin = NULL, *end = NULL;

    for (;;) {
        before = *rest;
        if (!slice_split(rest, '\n', &line))
            break;
        if (line.len == 0 && begin == NULL)
            continue;
        if (line.len == 0)
            break;
        if (slice_equal(line, SLICE("Examples:")))
            continue;
        if (begin != NULL && is_verbatim(line) != (begin[0] == ' ')) {
            *rest = before;
            break;
        }
        if (begin == NULL)
            begin = line.ptr;
        end = line.ptr + line.len;
    }
    if (begin == NULL)
        return false;
    *ret = (struct slice){begin, (size_t)(end - begin)};
    *part = is_verbatim(*ret)                                         ? PART_EXAMPLE
            : slice_starts_with(*ret, slice_from_string(EXIT_STATUS)) ? PART_EXIT_STATUS
                                                                      : PART_TEXT;
    return true;
}

static void example(struct buffer *out, struct slice lines)
{
    struct slice line;

    buffer_append_string(out, ".Bd -literal -offset indent\n");
    while (slice_split(&lines, '\n', &line)) {
        text(out, slice_trim(line));
        buffer_append_byte(out, '\n');
    }
    buffer_append_string(out, ".Ed\n");
}

/* All paragraphs of one kind, under the section's heading unless there is none of it. */
static void details(struct buffer *out, const char *words, enum part wanted, const char *section)
{
    struct slice rest = slice_from_string(words), paragraph;
    enum part part;
    bool any = false;

    while (next_paragraph(&rest, &paragraph, &part)) {
        if (part != wanted)
            continue;
        buffer_printf(out, any ? ".Pp\n" : ".Sh %s\n", section);
        any = true;
        if (part == PART_EXAMPLE)
            example(out, paragraph);
        else if (part == PART_EXIT_STATUS)
            sentences(out, slice_trim(slice_from_offset(paragraph, sizeof(EXIT_STATUS) - 1)));
        else
            sentences(out, paragraph);
    }
}

static void sources(struct buffer *out)
{
    buffer_append_string(
        out, ".Sh ENVIRONMENT\n"
             "Every option can stand in the environment as\n"
             ".Ev MAILKNOCK_NAME ,\n"
             "in capitals and with\n"
             ".Sq _\n"
             "for\n"
             ".Sq \\- ,\n"
             "and in the configuration file, those of one call aside.\n"
             "The command line wins over the environment, the environment over the file.\n"
             ".Bl -tag -width Ds\n"
             ".It Ev MAILKNOCK_CONFIG\n"
             "The configuration file, where\n"
             ".Fl \\-config\n"
             "names none.\n"
             ".It Ev NO_COLOR\n"
             "When set, output is not coloured unless asked.\n"
             ".El\n"
             ".Sh FILES\n"
             ".Bl -tag -width Ds\n"
             ".It Pa " CONFIG_DEFAULT_FILE "\n"
             "The configuration, if it is there.\n"
             ".El\n");
}

static void command_page(struct buffer *out, const struct cli_command *command)
{
    const struct option_list own = {.first_group = "Options", .item = on_command_line};
    const struct option_list common = {
        .first_group = "Common options", .only = command, .item = on_command_line};
    char page[64];

    snprintf(page, sizeof(page), PROGRAM_PAGE "-%s", command->name);
    head(out, page, 1, command->summary);
    buffer_printf(out, ".Sh SYNOPSIS\n.Nm mailknock %s\n", command->name);
    if (command->own.count > 0 || command->uses_common)
        buffer_append_string(out, ".Op Ar OPTION ...\n");
    if (command->arguments[0] != '\0') {
        buffer_append_string(out, ".Ar ");
        string(out, command->arguments);
        buffer_append_byte(out, '\n');
    }
    details(out, command->details, PART_TEXT, "DESCRIPTION");
    if (command->own.count > 0 || command->uses_common)
        buffer_append_string(out, ".Sh OPTIONS\n");
    options(out, &command->own, &own);
    if (command->uses_common) {
        options(out, &config_common, &common);
        sources(out);
    }
    details(out, command->details, PART_EXIT_STATUS, "EXIT STATUS");
    details(out, command->details, PART_EXAMPLE, "EXAMPLES");
    buffer_append_string(out, ".Sh SEE ALSO\n.Xr mailknock 1");
    if (command->uses_common)
        buffer_append_string(out, " ,\n.Xr mailknock.conf 5");
    buffer_append_byte(out, '\n');
}

/* --- the program's and the configuration's ---------------------------------------------------- */

static void program_page(struct buffer *out)
{
    const struct cli_command *command;

    head(out, PROGRAM_PAGE, 1, "tell whether mail to an address would arrive, without sending any");
    buffer_append_string(
        out, ".Sh SYNOPSIS\n.Nm\n.Ar COMMAND\n.Op Ar OPTION ...\n.Op Ar ARGUMENT ...\n"
             ".Sh DESCRIPTION\n"
             ".Nm\n"
             "asks DNS and the recipient's own mail server (EHLO, MAIL FROM, RCPT TO, QUIT) "
             "whether mail to an address would be accepted.\n"
             "It never sends a message: there is no DATA in it.\n"
             "Every result has one status, one reason, and says what the answer rests on.\n"
             ".Pp\n"
             "The commands:\n"
             ".Bl -tag -width Ds\n");
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        buffer_printf(out, ".It Xr mailknock-%s 1\n", command->name);
        string(out, command->summary);
        buffer_append_string(out, ".\n");
    }
    buffer_append_string(out, ".El\n.Pp\n"
                              ".Nm\n"
                              ".Fl \\-version\n"
                              "says the version,\n"
                              ".Nm\n"
                              ".Ar COMMAND\n"
                              ".Fl \\-help\n"
                              "what a command takes.\n");
    sources(out);
    buffer_append_string(out, ".Sh EXAMPLES\n"
                              ".Bd -literal -offset indent\n"
                              "mailknock check someone@example.org\n"
                              "mailknock clean customers.csv\n"
                              ".Ed\n"
                              ".Sh SEE ALSO\n"
                              ".Xr mailknock.conf 5\n"
                              ".Rs\n"
                              ".%A J. Klensin\n"
                              ".%T Simple Mail Transfer Protocol\n"
                              ".%R RFC 5321\n"
                              ".Re\n");
}

static bool may_stand_in_file(const struct config_option *option, size_t command)
{
    return !option->command_line_only &&
           (command == SIZE_MAX || cli_is_first_in_file(option, command));
}

static void config_page(struct buffer *out)
{
    const struct cli_command *command;
    struct option_list how = {.first_group = "Common options",
                              .wants = may_stand_in_file,
                              .command = SIZE_MAX,
                              .item = in_file};

    head(out, CONFIG_PAGE, 5, "configuration of mailknock");
    buffer_append_string(
        out, ".Sh DESCRIPTION\n"
             "One option a line:\n"
             ".D1 Ar name No = Ar value\n"
             "A\n"
             ".Sq #\n"
             "at the start of a line or after a blank begins a comment.\n"
             "A value with blanks at its ends or with\n"
             ".Sq #\n"
             "stands in double quotes.\n"
             "An option that may be given several times takes a line for each value.\n"
             "An unknown name, or a value that is not allowed, is an error that names the line.\n"
             ".Pp\n"
             ".Ql mailknock config default\n"
             "prints a complete file,\n"
             ".Ql mailknock config check\n"
             "says whether one can be used.\n"
             ".Sh OPTIONS\n");
    options(out, &config_common, &how);
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++) {
        char group[64];

        if (!command->uses_common)
            continue;
        snprintf(group, sizeof(group), "Of mailknock %s", command->name);
        how.first_group = group;
        how.command = i;
        options(out, &command->own, &how);
    }
    buffer_append_string(out, ".Sh FILES\n.Bl -tag -width Ds\n.It Pa " CONFIG_DEFAULT_FILE "\n"
                              "Read by every command unless another is named.\n.El\n"
                              ".Sh EXAMPLES\n"
                              ".Bd -literal -offset indent\n"
                              "helo = probe.example.org\n"
                              "mail\\-from = bounces@example.org\n"
                              "resolver = 127.0.0.1\n"
                              ".Ed\n"
                              ".Sh SEE ALSO\n.Xr mailknock 1\n");
}

static int run(struct cli_call *call)
{
    const char *name = call->argument_count > 0 ? call->arguments[0] : PROGRAM_PAGE;
    const struct cli_command *command;
    struct buffer out;

    buffer_init(&out, 0);
    if (strcmp(name, PROGRAM_PAGE) == 0) {
        program_page(&out);
    } else if (strcmp(name, CONFIG_PAGE) == 0) {
        config_page(&out);
    } else if ((command = cli_command_find(slice_from_string(name))) != NULL) {
        command_page(&out, command);
    } else {
        buffer_done(&out);
        return cli_fail(call, CLI_EXIT_USAGE,
                        "there is no manual of '%.60s': name a command, or " CONFIG_PAGE, name);
    }
    return cli_print(call, &out);
}

const struct cli_command cli_manual = {
    .name = "manual",
    .arguments = "[COMMAND|" CONFIG_PAGE "]",
    .summary = "print a manual page",
    .details = "In mdoc, as man and mandoc read it. Without a name: the page of mailknock itself.\n"
               "\n"
               "  mailknock manual clean | man -l -\n"
               "  mailknock manual mailknock.conf | man -l -\n",
    .arguments_max = 1,
    .run = run,
};
