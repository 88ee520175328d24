/* Commands, read strictly. */
#include "lab/command.h"

#include "base/check.h"

static const struct {
    struct slice name;
    enum lab_verb verb;
} verbs[] = {
    {{"EHLO", 4}, LAB_VERB_EHLO},         {{"HELO", 4}, LAB_VERB_HELO},
    {{"STARTTLS", 8}, LAB_VERB_STARTTLS}, {{"MAIL", 4}, LAB_VERB_MAIL},
    {{"RCPT", 4}, LAB_VERB_RCPT},         {{"RSET", 4}, LAB_VERB_RSET},
    {{"NOOP", 4}, LAB_VERB_NOOP},         {{"QUIT", 4}, LAB_VERB_QUIT},
    {{"DATA", 4}, LAB_VERB_DATA},         {{"BDAT", 4}, LAB_VERB_BDAT},
    {{"VRFY", 4}, LAB_VERB_OTHER},        {{"EXPN", 4}, LAB_VERB_OTHER},
    {{"HELP", 4}, LAB_VERB_OTHER},        {{"AUTH", 4}, LAB_VERB_OTHER},
    {{"ETRN", 4}, LAB_VERB_OTHER},
};

/* "<path>" with parameters behind it. */
static void path_parse(struct slice text, struct lab_command *command)
{
    size_t at = 1;
    bool quoted = false;
    struct slice rest, word;

    for (; at < text.len && (quoted || text.ptr[at] != '>'); at++) {
        if (text.ptr[at] == '"')
            quoted = !quoted;
        else if (text.ptr[at] == '\\' && quoted)
            at++;
        else if (!quoted && (text.ptr[at] == '<' || text.ptr[at] == ' '))
            break;
    }
    if (at >= text.len || text.ptr[at] != '>') {
        command->fault = "the path is not well formed";
        return;
    }
    command->argument = slice_from(text.ptr + 1, at - 1);
    rest = slice_from_offset(text, at + 1);
    if (rest.len > 0 && rest.ptr[0] != ' ')
        command->fault = "something follows the path without a space";
    while (rest.len > 0 && slice_split(&rest, ' ', &word))
        if (slice_equal_nocase(word, SLICE("SMTPUTF8")))
            command->smtputf8 = true;
}

/* "FROM:<path>" or "TO:<path>". Blanks before the path are against RFC 5321 3.3, and no server
 * minds. */
static void transaction_parse(struct slice text, struct slice lead, struct lab_command *command)
{
    struct slice path =
        slice_starts_with_nocase(text, lead) ? slice_from_offset(text, lead.len) : SLICE_EMPTY;
    bool blank = path.len > 0 && path.ptr[0] == ' ';

    while (path.len > 0 && path.ptr[0] == ' ')
        path = slice_from_offset(path, 1);
    if (path.len == 0 || path.ptr[0] != '<') {
        command->fault = "the path does not follow the colon in angle brackets";
        return;
    }
    path_parse(path, command);
    if (blank && command->fault == NULL) {
        command->fault = "a blank between the colon and the path";
        command->is_forgiven = true;
    }
}

void lab_command_parse(struct slice line, struct lab_command *ret_command)
{
    struct lab_command command = {.argument = SLICE_EMPTY};
    ptrdiff_t space = slice_find_byte(line, ' ');
    struct slice verb = space < 0 ? line : slice_prefix(line, (size_t)space);
    struct slice rest = space < 0 ? SLICE_EMPTY : slice_from_offset(line, (size_t)space + 1);

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (slice_equal_nocase(verb, verbs[i].name))
            command.verb = verbs[i].verb;
    if (slice_find_byte(line, '\r') >= 0 || slice_find_byte(line, '\0') >= 0)
        command.fault = "CR or NUL inside a command";
    switch (command.verb) {
    case LAB_VERB_EHLO:
    case LAB_VERB_HELO:
        command.argument = rest;
        if (rest.len == 0 || slice_find_byte(rest, ' ') >= 0)
            command.fault = "EHLO wants exactly one name";
        break;
    case LAB_VERB_MAIL:
        transaction_parse(rest, SLICE("FROM:"), &command);
        break;
    case LAB_VERB_RCPT:
        transaction_parse(rest, SLICE("TO:"), &command);
        if (command.argument.len == 0 && (command.fault == NULL || command.is_forgiven)) {
            command.fault = "RCPT names nobody";
            command.is_forgiven = false;
        }
        break;
    case LAB_VERB_RSET:
    case LAB_VERB_QUIT:
    case LAB_VERB_STARTTLS:
        if (space >= 0)
            command.fault = "an argument where none belongs";
        break;
    case LAB_VERB_UNKNOWN:
        command.fault = "no SMTP command";
        break;
    default:
        break;
    }
    *ret_command = command;
}
