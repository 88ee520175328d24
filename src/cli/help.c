#include "cli/help.h"

#include <string.h>

#include "base/utf8.h"

#define NAMES_WIDTH 26  /* columns of option names; longer ones push their text to the next line */
#define FILL_MOST   100 /* longer lines read badly */

static void blanks(struct buffer *out, unsigned count)
{
    while (count-- > 0)
        buffer_append_byte(out, ' ');
}

static void heading(struct buffer *out, const char *words, const struct help_style *style)
{
    buffer_printf(out, style->colour ? "\n\033[1m%s\033[0m\n" : "\n%s\n", words);
}

void help_fill(struct buffer *out, struct slice words, unsigned at, unsigned indent, unsigned width)
{
    unsigned column = at;
    bool is_first = true;
    struct slice word;

    if (width > FILL_MOST)
        width = FILL_MOST;
    while (slice_split(&words, ' ', &word)) {
        unsigned len = (unsigned)utf8_columns(word);

        if (word.len == 0)
            continue;
        if (!is_first && column + 1 + len > width) {
            buffer_append_byte(out, '\n');
            blanks(out, indent);
            column = indent;
        } else if (!is_first) {
            buffer_append_byte(out, ' ');
            column++;
        }
        buffer_append_slice(out, word);
        column += len;
        is_first = false;
    }
}

static bool is_verbatim(struct slice line)
{
    return line.len == 0 || line.ptr[0] == ' ';
}

/* Lines of a paragraph are filled together; lines that begin with a blank stay. */
static void paragraphs(struct buffer *out, const char *text, const struct help_style *style)
{
    struct slice rest = slice_from_string(text), line;
    struct buffer paragraph;

    /* The end is trimmed, not the beginning: a first line may be one that stays as it is. */
    rest.len = (size_t)(slice_trim(rest).ptr - rest.ptr) + slice_trim(rest).len;
    buffer_init(&paragraph, 0);
    for (bool more = true; more;) {
        more = slice_split(&rest, '\n', &line);
        if (more && !is_verbatim(line)) {
            buffer_append_slice(&paragraph, line);
            buffer_append_byte(&paragraph, ' ');
            continue;
        }
        if (paragraph.len > 0) {
            help_fill(out, buffer_slice(&paragraph), 0, 0, style->width);
            buffer_append_byte(out, '\n');
            buffer_clear(&paragraph);
        }
        if (more) {
            buffer_append_slice(out, line);
            buffer_append_byte(out, '\n');
        }
    }
    out->failed |= paragraph.failed;
    buffer_done(&paragraph);
}

/* A name on the left, its meaning filled on the right. */
static void entry(struct buffer *out, struct slice name, struct slice meaning,
                  const struct help_style *style)
{
    unsigned used = (unsigned)utf8_columns(name) + 2;

    buffer_append_string(out, "  ");
    buffer_append_slice(out, name);
    if (used + 2 > NAMES_WIDTH) {
        buffer_append_byte(out, '\n');
        used = 0;
    }
    blanks(out, NAMES_WIDTH - used);
    help_fill(out, meaning, NAMES_WIDTH, NAMES_WIDTH, style->width);
    buffer_append_byte(out, '\n');
}

static bool shows_default(const struct config_option *option)
{
    return option->fallback != NULL && !(option->type == CONFIG_BOOL && option->fallback[0] == 'n');
}

/* Does the meaning say all the words that may be chosen? */
static bool names_choices(const struct config_option *option)
{
    struct slice rest = slice_from_string(option->choices), word;

    while (slice_split(&rest, '|', &word))
        if (slice_find(slice_from_string(option->help), word) < 0)
            return false;
    return true;
}

/* What there is to choose from, and what holds without being asked. */
static void choices(const struct config_option *option, struct buffer *meaning)
{
    bool has_list = option->type == CONFIG_CHOICE && !names_choices(option);
    bool has_default = shows_default(option);

    if (!has_list && !has_default)
        return;
    buffer_append_string(meaning, " (");
    if (has_list)
        config_describe_allowed(option, meaning);
    if (has_default)
        buffer_printf(meaning, "%sdefault %s", has_list ? "; " : "", option->fallback);
    buffer_append_string(meaning, ")");
}

static void option_entry(struct buffer *out, const struct config_option *option,
                         const struct help_style *style)
{
    struct buffer name, meaning;

    buffer_init(&name, 0);
    buffer_init(&meaning, 0);
    if (option->letter != '\0')
        buffer_printf(&name, "-%c, ", option->letter);
    buffer_printf(&name, "--%s%s",
                  option->type == CONFIG_BOOL && shows_default(option) ? "[no-]" : "",
                  option->name);
    if (option->type != CONFIG_BOOL)
        buffer_printf(&name, " %s", option->value_name != NULL ? option->value_name : "VALUE");
    buffer_append_string(&meaning, option->help);
    choices(option, &meaning);
    entry(out, buffer_slice(&name), buffer_slice(&meaning), style);
    out->failed |= name.failed || meaning.failed;
    buffer_done(&name);
    buffer_done(&meaning);
}

/* only: of the common table, what concerns this command. */
static void option_entries(struct buffer *out, const struct config_table *table,
                           const char *first_group, const struct cli_command *only,
                           const struct help_style *style)
{
    const char *group = first_group, *open = NULL;

    for (size_t i = 0; i < table->count; i++) {
        if (table->options[i].group != NULL)
            group = table->options[i].group;
        if (only != NULL && !cli_command_shows(only, i))
            continue;
        if (open == NULL || strcmp(open, group) != 0)
            heading(out, group, style);
        open = group;
        option_entry(out, &table->options[i], style);
    }
}

void help_program(struct buffer *out, const struct help_style *style)
{
    const struct cli_command *command;

    buffer_append_string(out, "Usage: mailknock COMMAND [OPTION...] [ARGUMENT...]\n\n");
    help_fill(out,
              SLICE("Finds out whether mail to an address would arrive, by asking DNS and the "
                    "recipient's own mail server, and never sends a message."),
              0, 0, style->width);
    buffer_append_byte(out, '\n');
    heading(out, "Commands", style);
    for (size_t i = 0; (command = cli_command_at(i)) != NULL; i++)
        entry(out, slice_from_string(command->name), slice_from_string(command->summary), style);
    heading(out, "Begin with", style);
    buffer_append_string(out, "  mailknock check someone@example.org\n"
                              "  mailknock COMMAND --help\n");
}

void help_command(struct buffer *out, const struct cli_command *command,
                  const struct help_style *style)
{
    buffer_printf(out, "Usage: mailknock %s [OPTION...]%s%s\n\n", command->name,
                  command->arguments[0] != '\0' ? " " : "", command->arguments);
    paragraphs(out, command->details, style);
    option_entries(out, &command->own, "Options", NULL, style);
    if (command->uses_common) {
        option_entries(out, &config_common, "Common options", command, style);
        buffer_append_byte(out, '\n');
        help_fill(out,
                  SLICE("Every option can stand in the configuration file as 'name = value' and in "
                        "the environment as MAILKNOCK_NAME, those of one call aside. The command "
                        "line wins over the environment, the environment over the file."),
                  0, 0, style->width);
        buffer_append_byte(out, '\n');
    }
}
