/*
 * `mailknock feedback`: what became of messages, brought into the store and taken out again.
 *
 *   feedback import FILE...   bounces, deliveries and complaints of any source
 *   feedback export           what is kept, one JSON object a line
 *   feedback history          what is remembered of mailboxes: results with their evidence
 *   feedback clear            away with bounces, deliveries and complaints
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/place.h"
#include "cli/view.h"
#include "feedback/import.h"

#define FAULTS_SHOWN 20

struct feedback_options {
    const char *data;
    struct feedback_columns columns;
    bool json;
};

struct feedback {
    struct cli_call *call;
    const struct feedback_options *options;
    const char *url; /* of the store */
    struct store *store;
    uint64_t faults_shown;
};

/* Kinds that tell what became of messages. */
static const struct {
    enum store_record_kind kind;
    enum feedback_outcome outcome;
} kinds[] = {
    {STORE_RECORD_BOUNCE, FEEDBACK_BOUNCE},
    {STORE_RECORD_DELIVERY, FEEDBACK_DELIVERY},
    {STORE_RECORD_COMPLAINT, FEEDBACK_COMPLAINT},
};

static int fail(const struct feedback *feedback, const struct error *error)
{
    return cli_fail(feedback->call, CLI_EXIT_USAGE, "%s", error->message);
}

static int64_t unix_ms_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- import -------------------------------------------------------------------------------------
 */

static void show_fault(void *user, const char *file, uint64_t line, const char *why)
{
    struct feedback *feedback = user;

    if (++feedback->faults_shown <= FAULTS_SHOWN)
        cli_fail(feedback->call, 0, "%s, line %" PRIu64 ": %s", file, line, why);
    else if (feedback->faults_shown == FAULTS_SHOWN + 1)
        cli_fail(feedback->call, 0, "more like these are not shown");
}

static int summary(const struct feedback *feedback, const struct feedback_keeper *keeper,
                   uint64_t faults)
{
    struct buffer out;
    struct json json;

    buffer_init(&out, 0);
    json_init(&json, &out);
    json_object_begin(&json);
    for (int i = 0; i < FEEDBACK_OUTCOME_COUNT; i++)
        json_name_int(&json, feedback_outcome_name((enum feedback_outcome)i),
                      (int64_t)keeper->counts[i]);
    json_name_int(&json, "faults", (int64_t)faults);
    json_object_end(&json);
    buffer_append_byte(&out, '\n');
    if (!feedback->options->json) {
        buffer_clear(&out);
        buffer_printf(
            &out,
            "%" PRIu64 " bounces, %" PRIu64 " deliveries, %" PRIu64
            " complaints taken into %s; passed over: %" PRIu64 " soft bounces, %" PRIu64
            " refusals of the sender, %" PRIu64 " other events, %" PRIu64 " that can't be read\n",
            keeper->counts[FEEDBACK_BOUNCE], keeper->counts[FEEDBACK_DELIVERY],
            keeper->counts[FEEDBACK_COMPLAINT], feedback->url, keeper->counts[FEEDBACK_SOFT],
            keeper->counts[FEEDBACK_BLOCKED], keeper->counts[FEEDBACK_OTHER], faults);
    }
    return cli_print(feedback->call, &out);
}

static int run_import(struct feedback *feedback)
{
    struct cli_call *call = feedback->call;
    struct feedback_keeper *keeper = memory_alloc(sizeof(*keeper));
    struct feedback_import import = {
        .keeper = keeper,
        .columns = feedback->options->columns,
        .fault = show_fault,
        .user = feedback,
    };
    struct error error = {0};
    int code = 0, status;

    if (keeper == NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "out of memory");
    if (call->argument_count < 2) {
        memory_free(keeper);
        return cli_fail(call, CLI_EXIT_USAGE, "name the files to import, or - for standard input");
    }
    feedback_keeper_init(keeper, feedback->store, unix_ms_now());
    for (size_t i = 1; i < call->argument_count && code == 0; i++)
        code = feedback_import_path(&import, call->arguments[i], &error);
    /* What was read before something failed is true all the same. */
    if (code == 0)
        code = feedback_keep_all(keeper, &error);
    else
        (void)feedback_keep_all(keeper, NULL);
    status = code == 0 ? summary(feedback, keeper, import.faults) : fail(feedback, &error);
    if (status == CLI_EXIT_OK && import.faults > 0)
        status = CLI_EXIT_NOT_VALID;
    feedback_keeper_done(keeper);
    memory_free(keeper);
    return status;
}

/* --- export -------------------------------------------------------------------------------------
 */

static void write_outcome(struct buffer *out, const struct store_record *record,
                          enum feedback_outcome outcome)
{
    char moment[INSTANT_TEXT_SIZE];
    struct json json;

    json_init(&json, out);
    json_object_begin(&json);
    json_name_string(&json, "address", record->key);
    json_name_cstring(&json, "outcome", feedback_outcome_name(outcome));
    json_name_cstring(&json, "at", instant_format(record->checked_unix_ms, moment));
    if (record->body.len > 0)
        json_name_string(&json, "detail", record->body);
    json_object_end(&json);
    buffer_append_byte(out, '\n');
}

static void write_result(struct buffer *out, const struct store_record *record)
{
    buffer_append_slice(out, record->body);
    buffer_append_byte(out, '\n');
}

/* All records of a kind; each is on an arena of its own turn. */
static int write_kind(struct feedback *feedback, enum store_record_kind kind,
                      enum feedback_outcome outcome)
{
    struct arena arenas[2];
    struct store_record record = {.key = SLICE_EMPTY};
    struct error error = {0};
    int code, status = CLI_EXIT_OK;
    unsigned turn = 0;

    arena_init(&arenas[0]);
    arena_init(&arenas[1]);
    while (status == CLI_EXIT_OK &&
           (code = store_record_next(feedback->store, kind, SLICE_EMPTY, record.key, &arenas[turn],
                                     &record, &error)) == 1) {
        struct buffer out;

        buffer_init(&out, 0);
        if (kind == STORE_RECORD_MAILBOX)
            write_result(&out, &record);
        else
            write_outcome(&out, &record, outcome);
        status = cli_print(feedback->call, &out);
        turn = 1 - turn;
        arena_reset(&arenas[turn]);
    }
    arena_done(&arenas[0]);
    arena_done(&arenas[1]);
    return status == CLI_EXIT_OK && code < 0 ? fail(feedback, &error) : status;
}

static int run_export(struct feedback *feedback)
{
    int status = CLI_EXIT_OK;

    for (size_t i = 0; i < ARRAY_LEN(kinds) && status == CLI_EXIT_OK; i++)
        status = write_kind(feedback, kinds[i].kind, kinds[i].outcome);
    return status;
}

static int run_history(struct feedback *feedback)
{
    return write_kind(feedback, STORE_RECORD_MAILBOX, FEEDBACK_OTHER);
}

/* --- clear --------------------------------------------------------------------------------------
 */

static int run_clear(struct feedback *feedback)
{
    struct error error = {0};
    uint64_t removed = 0;
    int code = 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds) && code == 0; i++) {
        while ((code = store_records_expire(feedback->store, kinds[i].kind, INT64_MAX, 0, 10000,
                                            &error)) > 0)
            removed += (uint64_t)code;
    }
    if (code < 0)
        return fail(feedback, &error);
    fprintf(feedback->call->out, "%" PRIu64 " outcomes removed\n", removed);
    return CLI_EXIT_OK;
}

/* --- the command --------------------------------------------------------------------------------
 */

static const struct {
    const char *word;
    enum store_mode mode;
    int (*run)(struct feedback *feedback);
} verbs[] = {
    {"import", STORE_MODE_CREATE, run_import},
    {"export", STORE_MODE_READ_ONLY, run_export},
    {"history", STORE_MODE_READ_ONLY, run_history},
    {"clear", STORE_MODE_EXISTING, run_clear},
};

static int run_verb(struct feedback *feedback, size_t verb)
{
    const char *url = cli_place(feedback->call, feedback->options->data);
    struct error error = {0};
    int status;

    if (url == NULL)
        return cli_fail(feedback->call, CLI_EXIT_USAGE, "out of memory");
    if (verbs[verb].run != run_import && feedback->call->argument_count > 1)
        return cli_fail(feedback->call, CLI_EXIT_USAGE, "'%.60s' is one argument too many",
                        feedback->call->arguments[1]);
    feedback->url = url;
    if (store_open(url, verbs[verb].mode, &feedback->store, &error) < 0)
        return fail(feedback, &error);
    status = verbs[verb].run(feedback);
    store_close(feedback->store);
    return status;
}

static int run(struct cli_call *call)
{
    struct feedback feedback = {.call = call, .options = call->options};

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(call->arguments[0], verbs[i].word) == 0)
            return run_verb(&feedback, i);
    return cli_fail(call, CLI_EXIT_USAGE, "'%.60s' is none of import, export, history, clear",
                    call->arguments[0]);
}

static const struct config_option rows[] = {
    {.name = "data",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct feedback_options, data),
     .value_name = "FOLDER",
     .group = "Where",
     .help =
         "The folder of a service whose store is in it. Default: the history file where one "
         "is named, else the store, else $STATE_DIRECTORY, else ./mailknock-data. A service "
         "learns what is in its store: name its folder where a history file is configured too."},
    {.name = "address",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct feedback_options, columns.address),
     .value_name = "NAME",
     .command_line_only = true,
     .group = "Tables",
     .help = "The column of the addresses. Default: found by its name, or by what stands in it."},
    {.name = "outcome",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct feedback_options, columns.outcome),
     .value_name = "NAME",
     .command_line_only = true,
     .help = "The column that says what became of the message."},
    {.name = "date",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct feedback_options, columns.date),
     .value_name = "NAME",
     .command_line_only = true,
     .help = "The column that says when."},
    {.name = "detail",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct feedback_options, columns.detail),
     .value_name = "NAME",
     .command_line_only = true,
     .help = "The column with the server's words; they tell a bounce from a refusal of you."},
    {.name = "json",
     .type = CONFIG_BOOL,
     .offset = offsetof(struct feedback_options, json),
     .command_line_only = true,
     .group = "Output",
     .help = "Counts as one JSON object."},
};

const struct cli_command cli_feedback = {
    .name = "feedback",
    .arguments = "import|export|history|clear [FILE...]",
    .summary = "learn from bounces, deliveries and complaints",
    .details =
        "import takes what became of messages: tables (CSV with address, outcome, date), delivery "
        "reports (an mbox, a Maildir, a message; RFC 3464, complaints of RFC 5965), and the events "
        "of Amazon SES, SendGrid, Mailgun and Postmark (JSON). A hard bounce makes an address "
        "do_not_mail for --bounce-time, a complaint for good; a delivery raises the score of what "
        "servers don't tell. What the server's words say was a refusal of you, and what may pass, "
        "is not held against an address. The same file again changes nothing.\n"
        "\n"
        "export writes what is kept, in a form that import takes; history writes what is "
        "remembered of mailboxes, results with their evidence; clear removes all outcomes. One "
        "person's: mailknock erase.\n"
        "\n"
        "  mailknock feedback import bounces.csv --data /var/lib/mailknock\n"
        "  mailknock feedback import ~/Maildir/.Bounces --store sqlite:known.db\n"
        "  mailknock feedback export --store sqlite:known.db > outcomes.ndjson\n",
    .own = {rows, ARRAY_LEN(rows)},
    .options_size = sizeof(struct feedback_options),
    .uses_common = true,
    .common = "--history-file|--config|--store|--color",
    .arguments_min = 1,
    .arguments_max = SIZE_MAX,
    .words = "import|export|history|clear",
    .run = run,
};
