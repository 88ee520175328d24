/* What is known of a list's rows, laid beside them: by `clean` at the end, by `jobs export` at any
   time. */
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "bulk/job_outcome.h"
#include "bulk/report.h"
#include "cli/clean.h"
#include "config/prober.h"

int clean_report(struct clean *clean, struct bulk_stats *stats, int64_t started_unix_ms,
                 int64_t finished_unix_ms, struct error *error)
{
    static const char *const depths[] = {"syntax", "dns", "smtp"};
    static const char *const patiences[] = {"quick", "normal", "patient"};
    static const char *const duplicates[] = {"answered as the first", "skipped", "left out"};
    const struct config *config = clean->call->config;
    const struct bulk_report_setting settings[] = {
        {"depth", depths[config->depth]},
        {"duplicates", duplicates[clean->options->out.duplicates]},
        /* Of mail servers only. */
        {"patience", patiences[config->patience]},
        {"catch-all", config->catch_all ? "asked for" : "not asked for"},
    };
    bool asked_nobody = config->depth != EVIDENCE_DEPTH_SMTP;
    const char *name = clean->name != NULL ? clean->name : clean->files[0];
    const char *slash = strrchr(name, '/');
    const struct bulk_report report = {
        .title = slash != NULL ? slash + 1 : name,
        .format = clean->format.note,
        .stats = stats,
        .asked_nobody = asked_nobody,
        .doubts = clean->doubts,
        .started_unix_ms = started_unix_ms,
        .finished_unix_ms = finished_unix_ms,
        .settings = settings,
        .setting_count = asked_nobody ? 2 : ARRAY_LEN(settings),
        .version = MK_VERSION,
    };

    return clean->options->out.report == NULL
               ? 0
               : bulk_report_write(clean->options->out.report, &report, error);
}

struct store *clean_open_outcomes(const struct clean *clean)
{
    const struct config *config = clean->call->config;
    const char *place = config->history_file != NULL ? config->history_file : config->store;
    struct store *store = NULL;
    struct error error = {0};

    if (clean->options->out.report == NULL || place == NULL || !config->history)
        return NULL;
    if (store_open(place, STORE_MODE_READ_ONLY, &store, &error) != 0 &&
        error.code != ERROR_NOT_FOUND)
        cli_fail(clean->call, 0, "what became of messages is left aside: %s", error.message);
    return store;
}

/* Is the output a file, or will be? Whoever reads anything else may keep us waiting. */
static bool never_waits(const struct clean *clean)
{
    struct stat about;

    if (strcmp(clean->output, "-") == 0)
        return fstat(STDOUT_FILENO, &about) == 0 && S_ISREG(about.st_mode);
    return stat(clean->output, &about) != 0 || S_ISREG(about.st_mode);
}

static int write_rows(struct clean *clean, struct bulk_export *export, uint64_t rows,
                      struct error *error)
{
    int code = 1;

    while (code == 1 && !clean_is_interrupted()) {
        code = bulk_export_step(export, error);
        clean_progress_writing(&clean->progress, bulk_export_rows(export), rows);
    }
    return code;
}

int clean_write(struct clean *clean, struct store *store, const struct store_job *job,
                enum bulk_export_rest rest, struct error *error)
{
    struct bulk_export_options options = {
        .rest = rest,
        .unix_ms = (int64_t)time(NULL) * 1000,
        .is_alone = true,
        .keeps_view = never_waits(clean),
    };
    struct bulk_stats stats;
    struct lists_operator *lists = NULL;
    struct bulk_reader *reader = NULL;
    struct bulk_writer *writer = NULL;
    struct bulk_export *export = NULL;
    struct store *outcomes = clean_open_outcomes(clean);
    int code = prober_load_lists(clean->call->config, &lists, error);

    options.lists = lists;
    bulk_stats_init(&stats, job->id);
    if (clean->options->out.report != NULL)
        options.stats = &stats;
    options.outcomes = bulk_job_outcomes(outcomes != NULL ? outcomes : store);
    if (code == 0)
        code = clean_open_reader(clean, &reader, error);
    if (code == 0)
        code = clean_open_writer(clean, reader, &writer, error);
    if (code == 0)
        options.with_json = bulk_writer_wants_json(writer);
    if (code == 0)
        code = bulk_export_open(store, job->id, reader, writer, &options, &export, error);
    if (code == 0)
        code = write_rows(clean, export, job->rows, error);
    if (code == 0)
        clean->doubts = clean_doubts(reader);
    if (code == 0 && clean->owes_rows) {
        clean_progress_clear(&clean->progress);
        clean_say_rows(clean, reader, job->rows, job->duplicates, job->faults);
        clean->owes_rows = false;
    }
    if (code == 0) {
        clean->unreadable = bulk_writer_unreadable(writer);
        clean->written = bulk_writer_rows(writer);
        clean->sheets = bulk_writer_sheets(writer);
        clean->cut = bulk_writer_cut(writer);
        code = bulk_writer_finish(writer, error);
        writer = NULL;
    }
    if (code == 0)
        code = clean_report(clean, &stats, job->started_unix_ms, options.unix_ms, error);
    bulk_stats_done(&stats);
    bulk_writer_abandon(writer);
    bulk_export_close(export);
    bulk_reader_close(reader);
    store_close(outcomes);
    lists_operator_free(lists);
    clean_progress_clear(&clean->progress);
    return code;
}
