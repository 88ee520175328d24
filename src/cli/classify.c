/*
 * `mailknock classify`: SMTP replies on standard input, what they mean on standard output.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/lines.h"
#include "provider/classify.h"
#include "verdict/result.h"

#define LINE_MAX_IN 65536 /* octets looked at; a reply has at most SMTP_REPLY_TEXT_MAX */
#define FLUSH_AT    65536 /* octets of output gathered before they are written */
#define NAME_MAX_IN 255   /* octets of a provider's or host's name */

/* One line of input, its fields read. */
struct question {
    enum smtp_stage stage;
    const char *provider; /* or NULL */
    char provider_text[NAME_MAX_IN + 1];
    const char *fault; /* what is wrong with the fields, or NULL */
    struct slice reply;
};

/* --- reading ---------------------------------------------------------------------------------- */

static void take_stage(struct question *question, struct slice value)
{
    if (!smtp_stage_from_name(value, &question->stage))
        question->fault = "The field stage= names no stage; write connect, helo, starttls, mail, "
                          "rcpt or any.";
}

/* provider= wins over mx=, whichever comes first. */
static void take_provider(struct question *question, struct slice value)
{
    if (slice_to_string(value, question->provider_text, sizeof(question->provider_text)))
        question->provider = question->provider_text;
}

static void take_mx(struct question *question, struct slice value)
{
    char host[NAME_MAX_IN + 1];
    const struct provider_profile *profile;

    if (value.len > 0 && value.ptr[value.len - 1] == '.')
        value.len--;
    if (question->provider != NULL || !slice_to_string(value, host, sizeof(host)))
        return;
    ascii_lower_bytes(host, value.len);
    profile = provider_by_mx(slice_from(host, value.len));
    if (profile != NULL)
        question->provider = profile->name;
}

static bool take_field(struct question *question, struct slice field)
{
    static const struct {
        struct slice name;
        void (*take)(struct question *question, struct slice value);
    } fields[] = {
        {{"stage=", 6}, take_stage}, {{"provider=", 9}, take_provider}, {{"mx=", 3}, take_mx}};

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (slice_starts_with(field, fields[i].name)) {
            fields[i].take(question, slice_trim(slice_from_offset(field, fields[i].name.len)));
            return true;
        }
    }
    return false;
}

static void read_question(struct slice line, struct question *ret)
{
    ptrdiff_t tab;

    ret->stage = SMTP_STAGE_ANY;
    ret->provider = ret->fault = NULL;
    while ((tab = slice_find_byte(line, '\t')) > 0 &&
           take_field(ret, slice_prefix(line, (size_t)tab)))
        line = slice_from_offset(line, (size_t)tab + 1);
    ret->reply = line;
}

/* --- answering -------------------------------------------------------------------------------- */

static void write_answer(struct buffer *out, const struct smtp_reply *reply,
                         const struct classification *classified, enum smtp_stage stage)
{
    struct json json;

    json_init(&json, out);
    result_write_reply(&json, reply, classified, stage);
    buffer_append_byte(out, '\n');
}

/* What is no reply is no testimony: said so, and nothing concluded. */
static void write_fault(struct buffer *out, const char *rule, const char *sentence)
{
    static const struct smtp_reply no_reply = {.text = {"", 0}};
    const struct classification fault = {
        .reply_class = SMTP_CLASS_PROTOCOL_ERROR,
        .rule = rule,
        .confidence = 100,
        .sentence = sentence,
    };

    write_answer(out, &no_reply, &fault, SMTP_STAGE_ANY);
}

static void answer(struct buffer *out, struct slice line)
{
    static char text[SMTP_REPLY_TEXT_MAX];
    struct question question;
    struct classify_input input;
    struct classification classified;

    read_question(line, &question);
    if (question.fault != NULL) {
        write_fault(out, "bad_field", question.fault);
        return;
    }
    if (!smtp_reply_from_line(question.reply, text, &input.reply)) {
        write_fault(out, "not_smtp",
                    "The line does not begin with an SMTP reply code, 200 to 599.");
        return;
    }
    input.stage = question.stage;
    input.provider = question.provider;
    classify_reply(&input, &classified);
    write_answer(out, &input.reply, &classified, question.stage);
}

/* --- the command ------------------------------------------------------------------------------ */

static bool flush(struct cli_call *call, struct buffer *out)
{
    if (fwrite(out->ptr, 1, out->len, call->out) != out->len || fflush(call->out) != 0) {
        call->write_errno = errno;
        return false;
    }
    buffer_clear(out);
    return true;
}

static int run(struct cli_call *call)
{
    struct cli_lines lines;
    struct buffer out;
    struct error error;
    struct slice line;
    int status = CLI_EXIT_OK;

    cli_lines_init(&lines, STDIN_FILENO, LINE_MAX_IN);
    buffer_init(&out, 0);
    for (bool more = true; more;) {
        while (cli_lines_next(&lines, &line)) {
            answer(&out, line);
            if (out.len >= FLUSH_AT && !flush(call, &out))
                goto done; /* cli_main says what happened to the output */
        }
        if (out.failed) {
            status = cli_fail(call, CLI_EXIT_USAGE, "out of memory");
            goto done;
        }
        if (out.len > 0 && !flush(call, &out))
            goto done;
        more = !lines.ended;
        if (more && cli_lines_fill(&lines, &error) < 0) {
            status = cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
            goto done;
        }
    }
done:
    buffer_done(&out);
    cli_lines_done(&lines);
    return status;
}

const struct cli_command cli_classify = {
    .name = "classify",
    .arguments = "",
    .summary = "say what SMTP replies mean",
    .details =
        "Reads replies from standard input, one a line: the code, an enhanced code if there is "
        "one, "
        "the text; the lines of a longer reply joined with \" | \". Writes one JSON object for "
        "each "
        "line, in order.\n"
        "\n"
        "Before the reply may stand, each followed by a tab: stage=connect|helo|starttls|mail|rcpt "
        "(where in the dialogue it was said), mx=HOST (who said it) or provider=NAME (as mailknock "
        "lists providers has them).\n"
        "\n"
        "  echo '550 5.1.1 no such user' | mailknock classify\n"
        "  printf 'stage=rcpt\\tmx=mx.example.org\\t450 Come later\\n' | mailknock "
        "classify\n",
    .arguments_max = 0,
    .run = run,
};
