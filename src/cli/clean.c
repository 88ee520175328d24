/* `mailknock clean LIST...`: a list checked and handed back. The parts: cli/clean.h. */
#include "cli/clean.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/instant.h"
#include "bulk/job_offline.h"
#include "bulk/source.h"
#include "cli/clean_rows.h"
#include "cli/event.h"
#include "cli/view.h"
#include "config/prober.h"

/* --- the end --------------------------------------------------------------------------------- */

/* How the files of --split are called, or NULL for want of memory. */
static const char *split_path(const struct clean *clean)
{
    return bulk_writer_split_path(clean->output, "STATUS", clean->call->arena);
}

static void say_where(const struct clean *clean, struct buffer *out)
{
    const char *split;

    if (clean->options->out.only != NULL || clean->options->out.export != CLEAN_EXPORT_ALL)
        buffer_printf(out, "%" PRIu64 " of these rows ", clean->written);
    if (!clean->options->out.split) {
        buffer_printf(out, "written to %s\n", clean->output);
        return;
    }
    split = split_path(clean);
    if (split != NULL)
        buffer_printf(out, "written to a file for each status: %s\n", split);
}

/* The same for programs. */
static void write_summary(const struct clean *clean, const struct view_summary *summary,
                          uint64_t took_ms)
{
    struct event event;
    struct json *json = event_begin(&event, "cleaned");

    json_name_int(json, "rows", (int64_t)summary->total);
    for (unsigned i = 0; i < VERDICT_STATUS_COUNT; i++)
        json_name_int(json, verdict_status_name((enum verdict_status)i),
                      (int64_t)summary->by_status[i]);
    json_name_int(json, "unasked", (int64_t)clean->unasked);
    json_name_int(json, "written", (int64_t)clean->written);
    if (clean->sheets > 0)
        json_name_int(json, "sheets", clean->sheets);
    if (clean->cut > 0)
        json_name_int(json, "cut", (int64_t)clean->cut);
    if (clean->renamed != NULL)
        json_name_cstring(json, "status_column", clean->renamed);
    json_name(json, "output");
    json_cstring(json, clean->options->out.split ? split_path(clean) : clean->output);
    json_name(json, "report");
    json_cstring(json, clean->options->out.report);
    json_name_int(json, "took_ms", (int64_t)took_ms);
    event_end(&event, clean->call->err);
}

/* What may come of rows that are unknown now. A row that can't be read stays so. */
static void say_unknown(const struct clean *clean, uint64_t unknown, struct buffer *out)
{
    uint64_t others = clean->unasked + clean->unreadable; /* a row may be both */
    uint64_t unproven = unknown > others ? unknown - others : 0;
    bool is_one = unproven == 1;

    if (unproven > 0 && clean->call->config->depth != EVIDENCE_DEPTH_SMTP)
        buffer_printf(out,
                      "%" PRIu64 " %s unknown: no mail server was asked about %s "
                      "(--depth smtp does)\n",
                      unproven, is_one ? "is" : "are", is_one ? "it" : "them");
    else if (unproven > 0)
        buffer_printf(
            out,
            "%" PRIu64 " %s unknown: nothing was proven. Keep %s apart and clean %s again "
            "later (--only unknown writes nothing else)\n",
            unproven, is_one ? "is" : "are", is_one ? "it" : "them", is_one ? "it" : "them");
    if (clean->unreadable > 0)
        buffer_printf(out,
                      "%" PRIu64 " can't be read, and %s unknown, too: look at %s in the list\n",
                      clean->unreadable, clean->unreadable == 1 ? "is" : "are",
                      clean->unreadable == 1 ? "it" : "them");
    if (clean->unasked > 0)
        buffer_printf(out, "%" PRIu64 " %s not_probed: %s turn did not come in time\n",
                      clean->unasked, clean->unasked == 1 ? "is" : "are",
                      clean->unasked == 1 ? "its" : "their");
}

void clean_summary(struct clean *clean, const uint64_t by_reason[VERDICT_REASON_COUNT],
                   uint64_t took_ms)
{
    const struct view_style style = {.width = clean->call->width,
                                     .colour = clean->call->err_colour};
    struct view_summary summary = {0};
    struct buffer out;
    char span[32];

    clean_progress_clear(&clean->progress);
    for (unsigned i = 0; i < VERDICT_REASON_COUNT; i++) {
        summary.by_reason[i] = by_reason[i];
        summary.by_status[verdict_reason_status((enum verdict_reason)i)] += by_reason[i];
        summary.total += by_reason[i];
    }
    if (clean->options->json_progress)
        write_summary(clean, &summary, took_ms);
    if (clean->options->quiet || clean->options->json_progress)
        return;
    buffer_init(&out, 0);
    view_summary(&out, &summary, &style);
    buffer_printf(&out, "\ntook %s\n", span_format(took_ms, span));
    if (strcmp(clean->output, "-") != 0)
        say_where(clean, &out);
    if (clean->cut > 0)
        buffer_printf(&out, CLEAN_CUT "\n", CLEAN_CUT_ARG(clean));
    if (clean->renamed != NULL)
        buffer_printf(&out,
                      "the list has columns of the names that are added: these begin with %s\n",
                      clean->renamed);
    if (clean->sheets > 1)
        buffer_printf(&out,
                      "it has %u sheets, as one holds 1,048,576 rows: many programs read the first "
                      "alone\n",
                      clean->sheets);
    if (clean->options->out.report != NULL)
        buffer_printf(&out, "report in %s\n", clean->options->out.report);
    say_unknown(clean, summary.by_status[VERDICT_UNKNOWN], &out);
    if (!out.failed)
        fwrite(out.ptr, 1, out.len, clean->call->err);
    fflush(clean->call->err);
    buffer_done(&out);
}

/* --- without asking anybody ------------------------------------------------------------------ */

static int offline_rows(struct clean *clean, struct bulk_offline *offline,
                        struct bulk_reader *reader, struct error *error)
{
    int code = 1;

    while (code == 1 && !clean_is_interrupted()) {
        code = bulk_offline_step(offline, error);
        clean_progress_reading(&clean->progress, bulk_offline_progress(offline)->rows,
                               bulk_reader_offset(reader), bulk_reader_size(reader), "checking");
    }
    /* The signal may have ended who writes to us, too: then this is not the end of the list. */
    return code == 0 && clean_is_interrupted() ? 1 : code;
}

static void offline_summary(struct clean *clean, const struct bulk_reader *reader,
                            const struct bulk_offline_progress *progress, uint64_t took_ms)
{
    clean_progress_clear(&clean->progress);
    clean_say_rows(clean, reader, progress->rows, progress->duplicates, progress->faults);
    if (progress->forgotten > 0)
        clean_say(clean,
                  "%" PRIu64 " rows did not fit into the memory for finding duplicates: some may "
                  "be left",
                  progress->forgotten);
    clean_summary(clean, progress->by_reason, took_ms);
}

/* A file appears when it is whole; what went to standard output is with others already. */
static int stop_offline(struct clean *clean, struct bulk_writer **writer, struct error *error)
{
    uint64_t rows;
    int code;

    clean_progress_clear(&clean->progress);
    if (*writer == NULL || !bulk_writer_is_stream(*writer)) {
        cli_fail(clean->call, CLI_EXIT_UNDETERMINED, "stopped; nothing was written");
        return 1;
    }
    rows = bulk_writer_rows(*writer);
    code = bulk_writer_finish(*writer, error);
    *writer = NULL;
    if (code < 0 && code != ERROR_STOPPED)
        return code;
    if (code == ERROR_STOPPED)
        cli_fail(clean->call, CLI_EXIT_UNDETERMINED, "stopped: %s", error->message);
    else
        cli_fail(clean->call, CLI_EXIT_UNDETERMINED, "stopped: %" PRIu64 " row%s written", rows,
                 rows == 1 ? " was" : "s were");
    return 1;
}

int clean_offline(struct clean *clean)
{
    struct bulk_offline_options options = {
        .dedupe = (enum bulk_dedupe)clean->options->dedupe,
        .unix_ms = (int64_t)time(NULL) * 1000,
    };
    uint64_t begun_ms = clean_clock_ms();
    struct bulk_stats stats;
    struct lists_operator *lists = NULL;
    struct bulk_reader *reader = NULL;
    struct bulk_writer *writer = NULL;
    struct bulk_offline *offline = NULL;
    struct error error = {0};
    int code = prober_load_lists(clean->call->config, &lists, &error);

    options.lists = lists;
    bulk_stats_init(&stats, 1);
    if (clean->options->out.report != NULL)
        options.stats = &stats;
    clean_catch_signals();
    if (code == 0)
        code = clean_keep_first(clean, &error);
    if (code == 0)
        code = clean_open_reader(clean, &reader, &error);
    if (code == 0)
        code = clean_open_writer(clean, reader, &writer, &error);
    if (code == 0)
        options.with_json = bulk_writer_wants_json(writer);
    if (code == 0)
        code = bulk_offline_open(reader, writer, &options, &offline, &error);
    if (code == 0)
        code = offline_rows(clean, offline, reader, &error);
    if (clean_was_stopped(code))
        code = stop_offline(clean, &writer, &error);
    if (code == 0) {
        clean->unreadable = bulk_writer_unreadable(writer);
        clean->written = bulk_writer_rows(writer);
        clean->sheets = bulk_writer_sheets(writer);
        clean->cut = bulk_writer_cut(writer);
        code = bulk_writer_finish(writer, &error);
        writer = NULL;
    }
    if (code == 0)
        clean->doubts = clean_doubts(reader);
    if (code == 0)
        code = clean_report(clean, &stats, options.unix_ms, (int64_t)time(NULL) * 1000, &error);
    bulk_stats_done(&stats);
    clean_progress_clear(&clean->progress);
    if (code < 0)
        cli_fail(clean->call, CLI_EXIT_USAGE, "%s", error.message);
    else if (code == 0)
        offline_summary(clean, reader, bulk_offline_progress(offline), clean_clock_ms() - begun_ms);
    bulk_offline_close(offline);
    bulk_writer_abandon(writer);
    bulk_reader_close(reader);
    lists_operator_free(lists);
    return code == 0 ? CLI_EXIT_OK : code > 0 ? CLI_EXIT_UNDETERMINED : CLI_EXIT_USAGE;
}

/* --- the command ------------------------------------------------------------------------------ */

static int run(struct cli_call *call)
{
    struct clean clean = {.call = call, .options = call->options};
    struct bulk_writer_options checked;
    struct error error = {0};
    int code;

    call->err_events = clean.options->json_progress;
    code = clean_files(&clean, &error);
    if (code == 0)
        code = clean_writer_options(clean.options, &checked, &error);
    if (code == 0 && clean.options->start_new && clean.options->resume)
        code = error_set(&error, ERROR_USAGE, "--new and --resume contradict each other");
    if (code != 0)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    clean_progress_init(&clean);
    if (clean.options->dry_run)
        return clean_plan(&clean);
    if (call->config->depth == EVIDENCE_DEPTH_SYNTAX)
        return clean_offline(&clean);
    return clean_by_job(&clean);
}

#define AT(field) .offset = offsetof(struct clean_options, field)

static const struct config_option rows[] = {
    {.name = "column",
     .type = CONFIG_TEXT,
     AT(column),
     .value_name = "NAME|N",
     .command_line_only = true,
     .group = "The list",
     .help = "The column with the addresses: its name in the header, or its number from 1. "
             "Default: found by header and content."},
    {.name = "field",
     .type = CONFIG_TEXT,
     AT(field),
     .value_name = "NAME",
     .command_line_only = true,
     .help = "The same for NDJSON, with dots into objects: user.mail. Default: found by name "
             "and content."},
    {.name = "header",
     .type = CONFIG_CHOICE,
     AT(header),
     .value_name = "WHEN",
     .choices = "auto|yes|no",
     .fallback = "auto",
     .command_line_only = true,
     .help = "Whether a table has a header. auto: finds it, also below a title; yes: the first row "
             "is it."},
    {.name = "sheet",
     .type = CONFIG_TEXT,
     AT(sheet),
     .value_name = "NAME",
     .command_line_only = true,
     .help = "The sheet of an XLSX file. Default: the first."},
    {.name = "dedupe",
     .type = CONFIG_CHOICE,
     AT(dedupe),
     .value_name = "HOW",
     .choices = "off|exact|mailbox",
     .fallback = "mailbox",
     .help = "What is verified only once: the same text, or the same mailbox by its provider's "
             "rules (case, dots, tags)."},
    CLEAN_OUTPUT_ROWS(struct clean_options, out),
    {.name = "keep-evidence",
     .type = CONFIG_BOOL,
     AT(keep_evidence),
     .help = "Keep DNS answers and transcripts: in NDJSON output, and in the job."},
    {.name = "dry-run",
     .type = CONFIG_BOOL,
     AT(dry_run),
     .command_line_only = true,
     .group = "The work",
     .help = "Ask nobody: count rows, duplicates, domains and operators, and estimate the time."},
    {.name = "max-time",
     .type = CONFIG_DURATION,
     AT(max_time_ms),
     .value_name = "TIME",
     .command_line_only = true,
     .help = "Stop after this time and write what is known, the rest as not_probed; the same "
             "command goes on. Default: none."},
    {.name = "new",
     .type = CONFIG_BOOL,
     AT(start_new),
     .command_line_only = true,
     .help = "Start over, even if a job file of this list is there."},
    {.name = "resume",
     .type = CONFIG_BOOL,
     AT(resume),
     .command_line_only = true,
     .help = "Go on although the list has changed, or options that results depend on (depth, "
             "patience, dedupe, catch-all, keep-evidence, tls, helo, mail-from, second-mail-from, "
             "the column, the content of your own lists): results that are there stay."},
    {.name = "keep-job",
     .type = CONFIG_BOOL,
     AT(keep_job),
     .help = "Leave the job file OUT.mkjob when the list is cleaned, for mailknock jobs."},
    {.name = "quiet",
     .letter = 'q',
     .type = CONFIG_BOOL,
     AT(quiet),
     .command_line_only = true,
     .help = "Say nothing but errors."},
    {.name = "json-progress",
     .type = CONFIG_BOOL,
     AT(json_progress),
     .command_line_only = true,
     .help = "Progress as one JSON object a second on standard error, for programs."},
};

const struct cli_command cli_clean = {
    .name = "clean",
    .arguments = "LIST...",
    .summary = "check a list and write it again, with a verdict in each row",
    .details =
        "Lists are CSV, TSV, text with an address a line, NDJSON or XLSX, gzipped or not, - for "
        "standard input, or a pipe. Rows and columns stay as they are; columns with the result are "
        "added.\n\n"
        "While it works, a job file stands beside the output (OUT.mkjob). Whatever happens, the "
        "same command goes on where it stood, and nothing is asked twice. Ctrl-C stops in an "
        "orderly way; a second one at once.\n\n"
        "Exit status: 0 the list is cleaned, 2 it could not be (said why), 3 stopped with work "
        "left.\n\n"
        "Examples:\n"
        "  mailknock clean customers.csv\n"
        "  mailknock clean customers.csv -o - --format ndjson | jq .mailknock.status\n"
        "  mailknock clean customers.xlsx --export safe -o send.csv\n"
        "  mailknock clean big.csv.gz --dry-run",
    .own = {rows, ARRAY_LEN(rows)},
    .options_size = sizeof(struct clean_options),
    .uses_common = true,
    .heeds_kept_lists = true,
    .arguments_min = 1,
    .arguments_max = SIZE_MAX,
    .run = run,
};
