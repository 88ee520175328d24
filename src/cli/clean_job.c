/*
 * A list cleaned by way of a job file: made or found again, loaded, probed, written out.
 *
 * The file stands beside the output until that is complete, so that the same command goes on where
 * it was killed. It is locked while somebody works on it.
 */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/json.h"
#include "bulk/job_carry.h"
#include "bulk/job_export.h"
#include "bulk/job_file.h"
#include "bulk/job_load.h"
#include "bulk/job_outcome.h"
#include "bulk/job_source.h"
#include "bulk/spool.h"
#include "cli/clean.h"
#include "config/prober.h"
#include "io/uv_loop.h"

#define REMOVED_AT_ONCE 10000
#define GRACE_MS        (3 * SECOND_MS) /* after the first Ctrl-C, for answers under way */
#define GOODBYE_MS      (2 * SECOND_MS)
#define LOOK_MS         100

/* How a part of the work went. */
enum went {
    WENT_WELL,
    WENT_WRONG,   /* said already */
    WENT_PARTWAY, /* stopped, with work left */
};

struct clean_run {
    struct clean *clean;
    int lock;
    bool is_new;       /* the job file was not there before */
    const char *spool; /* standard input as a file; NULL: not read */
    struct store *store;
    struct arena arena;
    struct store_job job;
    uint64_t begun_ms;
    /* Probing. */
    struct prober prober;
    struct bulk_job *work;
    struct io_timer look;
    enum bulk_job_end end;
    unsigned signals;
    /* Output as it comes; NULL: at the end. */
    struct bulk_reader *reader;
    struct bulk_writer *stream;
    struct store_page page;
    struct error error; /* of the stream */
};

static enum went fail(struct clean_run *run, const struct error *error)
{
    clean_progress_clear(&run->clean->progress);
    cli_fail(run->clean->call, CLI_EXIT_USAGE, "%s", error->message);
    return WENT_WRONG;
}

static bool streams(const struct clean *clean)
{
    return strcmp(clean->output, "-") == 0;
}

/* --- the job file ---------------------------------------------------------------------------- */

/* What changes results, as text: the same text, the same results. */
static struct slice options_text(struct clean *clean)
{
    static const char *const depths[] = {"syntax", "dns", "smtp"};
    static const char *const patiences[] = {"quick", "normal", "patient"};
    static const char *const dedupes[] = {"off", "exact", "mailbox"};
    const struct config *config = clean->call->config;
    struct buffer out;
    struct slice text;
    struct json json;

    buffer_init(&out, 0);
    json_init(&json, &out);
    json_object_begin(&json);
    json_name_cstring(&json, "depth", depths[config->depth]);
    json_name_cstring(&json, "patience", patiences[config->patience]);
    json_name_cstring(&json, "dedupe", dedupes[clean->options->dedupe]);
    json_name_bool(&json, "catch_all", config->catch_all);
    json_name_bool(&json, "evidence", clean->options->keep_evidence);
    json_name_cstring(&json, "column", clean->format.note);
    json_object_end(&json);
    text = out.failed ? slice_from(NULL, 0) : arena_slice(clean->call->arena, buffer_slice(&out));
    buffer_done(&out);
    return text;
}

static struct slice sources_text(struct clean *clean)
{
    const struct bulk_job_source source = {clean->files, clean->file_count, clean->format};
    struct buffer out;
    struct slice text;

    buffer_init(&out, 0);
    bulk_job_source_write(&out, &source);
    text = out.failed ? slice_from(NULL, 0) : arena_slice(clean->call->arena, buffer_slice(&out));
    buffer_done(&out);
    return text;
}

static int remove_job(struct clean_run *run, uint64_t id, struct error *error)
{
    int code;

    while ((code = store_job_remove(run->store, id, REMOVED_AT_ONCE, error)) > 0) {
    }
    return code;
}

/* Is the job that was found the one that is asked for? */
static int check_same(struct clean_run *run, struct slice fingerprint, struct slice options,
                      struct error *error)
{
    const char *path = run->clean->job_path;

    if (!slice_equal(run->job.fingerprint, fingerprint))
        return error_set(error, ERROR_USAGE,
                         "the list has changed since %s was begun (%" PRIu64 " of its results are "
                         "there). Take over the results of mailboxes that are still in it by "
                         "--resume, or start over with --new",
                         path, run->job.done);
    if (slice_equal(run->job.options, options) || run->clean->options->resume)
        return 0;
    return error_set(error, ERROR_USAGE,
                     "%s was begun with other options: %.*s, now %.*s. Go on with the new ones by "
                     "--resume (results that are there stay), or start over with --new",
                     path, SLICE_ARG(run->job.options), SLICE_ARG(options));
}

/* The job of this list, or else the last: 1, 0 when the file holds none. */
static int look_for_job(struct clean_run *run, struct slice fingerprint, struct error *error)
{
    struct store_job job = {0};
    int code;

    run->job.id = 0;
    while ((code = store_job_next(run->store, job.id, &run->arena, &job, error)) == 1) {
        run->job = job;
        if (slice_equal(job.fingerprint, fingerprint))
            return 1;
    }
    return code < 0 ? code : run->job.id != 0;
}

static int remove_others(struct clean_run *run, uint64_t but, struct error *error)
{
    struct store_job job = {0};
    int code;

    while ((code = store_job_next(run->store, job.id, &run->arena, &job, error)) == 1) {
        code = job.id != but ? remove_job(run, job.id, error) : 0;
        if (code != 0)
            break;
    }
    return code;
}

/* What other jobs of the file know of the mailboxes of this one. */
static int carry_over(struct clean_run *run, struct error *error)
{
    enum bulk_dedupe dedupe = (enum bulk_dedupe)run->clean->options->dedupe;
    struct store_job job = {0};
    uint64_t carried = 0;
    int code;

    while ((code = store_job_next(run->store, job.id, &run->arena, &job, error)) == 1) {
        code = job.id != run->job.id
                   ? bulk_job_carry(run->store, job.id, run->job.id, dedupe, &carried, error)
                   : 0;
        if (code != 0)
            break;
        if (job.id != run->job.id)
            clean_say(run->clean, "%" PRIu64 " results taken over", carried);
    }
    return code;
}

static int make_job(struct clean_run *run, struct slice fingerprint, struct slice options,
                    struct error *error)
{
    struct store_job job = {
        .state = STORE_JOB_LOADING,
        .name = slice_from_string(run->clean->files[0]),
        .sources = sources_text(run->clean),
        .fingerprint = fingerprint,
        .options = options,
        .note = SLICE_EMPTY,
        .created_unix_ms = (int64_t)time(NULL) * 1000,
    };
    uint64_t id;
    int code;

    if (job.sources.ptr == NULL || job.options.ptr == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    code = store_job_add(run->store, &job, &id, error);
    return code == 0 ? store_job_get(run->store, id, &run->arena, &run->job, error) : code;
}

/* Standard input is read twice and more: it lies beside the job as long as that is there. */
static int spool_input(struct clean_run *run, struct error *error)
{
    struct clean *clean = run->clean;
    const char **files = arena_array(clean->call->arena, clean->file_count + 1, sizeof(char *));
    int code = files != NULL ? 0 : error_set(error, ERROR_NOMEM, "out of memory");

    for (size_t i = 0; i < clean->file_count && code == 0; i++) {
        files[i] = clean->files[i];
        if (strcmp(files[i], "-") != 0)
            continue;
        if (run->spool != NULL)
            return error_set(error, ERROR_USAGE, "standard input can be read only once");
        run->spool = arena_printf(clean->call->arena, "%s.input", clean->job_path);
        if (run->spool == NULL)
            return error_set(error, ERROR_NOMEM, "out of memory");
        files[i] = run->spool;
        unlink(run->spool);
        code = bulk_spool_stdin(run->spool, error);
    }
    clean->files = files;
    return code;
}

/* What the list looks like is part of what the job is. */
static int find_format(struct clean *clean, struct error *error)
{
    struct bulk_reader *reader = NULL;
    int code = clean_open_reader(clean, &reader, error);

    bulk_reader_close(reader);
    return code;
}

/* The job of this list: found, or made anew. */
static int find_job(struct clean_run *run, struct error *error)
{
    struct clean *clean = run->clean;
    char fingerprint[BULK_FINGERPRINT_SIZE];
    struct slice options;
    int code = spool_input(run, error);

    if (code == 0)
        code = find_format(clean, error);
    options = options_text(clean);
    if (code == 0)
        code = bulk_job_fingerprint(clean->files, clean->file_count, fingerprint, error);
    if (code == 0 && clean->options->start_new)
        code = remove_others(run, 0, error);
    if (code == 0)
        code = look_for_job(run, slice_from_string(fingerprint), error);
    if (code < 0)
        return code;
    if (code == 0 || (clean->options->resume &&
                      !slice_equal(run->job.fingerprint, slice_from_string(fingerprint))))
        return make_job(run, slice_from_string(fingerprint), options, error);
    code = check_same(run, slice_from_string(fingerprint), options, error);
    if (code == 0 && !slice_equal(run->job.options, options)) {
        run->job.options = options;
        code = store_job_update(run->store, &run->job, error);
    }
    if (code == 0 && run->job.state != STORE_JOB_LOADING)
        clean_say(clean, "going on with %s: %" PRIu64 " of %" PRIu64 " results are there",
                  clean->job_path, run->job.done, run->job.rows - run->job.duplicates);
    return code;
}

static enum went open_job(struct clean_run *run)
{
    struct clean *clean = run->clean;
    struct error error = {0};
    int code = bulk_job_lock(clean->job_path, &run->lock, &run->is_new, &error);

    if (code == 0)
        code = store_open(clean->job_path, STORE_MODE_CREATE, &run->store, &error);
    if (code == 0)
        code = find_job(run, &error);
    return code == 0 ? WENT_WELL : fail(run, &error);
}

/* --- loading --------------------------------------------------------------------------------- */

static enum went load_rows(struct clean_run *run, struct bulk_reader *reader)
{
    struct clean *clean = run->clean;
    const struct bulk_load_options options = {
        .dedupe = (enum bulk_dedupe)clean->options->dedupe,
        .keep_raw = streams(clean),
    };
    struct bulk_load *load = NULL;
    struct error error = {0};
    int code = bulk_load_open(run->store, run->job.id, reader, &options, &load, &error);

    if (code == 0)
        code = 1;
    while (code == 1 && !clean_is_interrupted()) {
        struct bulk_load_progress progress;

        code = bulk_load_step(load, &error);
        progress = bulk_load_progress(load);
        clean_progress_reading(&clean->progress, progress.rows, bulk_reader_offset(reader),
                               bulk_reader_size(reader),
                               progress.is_sorting ? "looking for duplicates" : "reading");
    }
    bulk_load_close(load);
    if (code < 0)
        return fail(run, &error);
    return code == 0 ? WENT_WELL : WENT_PARTWAY;
}

static enum went load(struct clean_run *run)
{
    struct clean *clean = run->clean;
    struct bulk_reader *reader = NULL;
    struct error error = {0};
    enum went went;
    int code;

    if (run->job.state != STORE_JOB_LOADING)
        return WENT_WELL;
    code = clean_open_reader(clean, &reader, &error);
    if (code != 0)
        return fail(run, &error);
    went = load_rows(run, reader);
    bulk_reader_close(reader);
    if (went != WENT_WELL)
        return went;
    code = carry_over(run, &error);
    if (code == 0)
        code = store_job_get(run->store, run->job.id, &run->arena, &run->job, &error);
    if (code == 0) {
        run->job.state = STORE_JOB_READY;
        code = store_job_update(run->store, &run->job, &error);
    }
    if (code == 0)
        code = remove_others(run, run->job.id, &error);
    if (code != 0)
        return fail(run, &error);
    clean_say(clean, "%" PRIu64 " rows, %" PRIu64 " duplicates, %" PRIu64 " can't be read",
              run->job.rows, run->job.duplicates, run->job.faults);
    return WENT_WELL;
}

/* --- output as it comes ---------------------------------------------------------------------- */

static int stream_line(struct clean_run *run, const struct store_line *line, struct error *error)
{
    struct bulk_outcome outcome;
    const struct bulk_row row = {
        .number = line->row.number,
        .line = line->row.number,
        .file = run->clean->files[0],
        .raw = line->row.raw,
        .address = line->row.address,
        .fault = line->row.fault.len > 0 ? line->row.fault.ptr : NULL,
    };

    bulk_job_outcome(line, &outcome);
    return bulk_writer_put(run->stream, &row, &outcome, error);
}

/* Rows with results: those kept in an earlier run, or (duplicates) those that point elsewhere. */
static int stream_walk(struct clean_run *run, bool duplicates, struct error *error)
{
    struct store_query query = {.limit = 500, .with_json = true, .with_raw = true};
    int code = 0;

    do {
        code = store_page_read(run->store, run->job.id, &query, &run->page, error);
        for (size_t i = 0; i < run->page.count && code == 0; i++)
            if (run->page.lines[i].has_result && (run->page.lines[i].row.first != 0) == duplicates)
                code = stream_line(run, &run->page.lines[i], error);
        query.after = run->page.after;
    } while (code == 0 && !run->page.at_end);
    return code;
}

static void stream_kept(void *user, const struct store_result *results, size_t count)
{
    struct clean_run *run = user;
    int code = 0;

    clean_progress_clear(&run->clean->progress);
    for (size_t i = 0; i < count && code == 0; i++) {
        code = store_line_read(run->store, run->job.id, results[i].row, &run->page, &run->error);
        if (code == 0)
            code = stream_line(run, &run->page.lines[0], &run->error);
    }
    if (code != 0)
        bulk_job_stop(run->work, 0); /* whoever read the output went away */
}

static int stream_open(struct clean_run *run, struct error *error)
{
    int code = clean_open_reader(run->clean, &run->reader, error);

    if (code == 0)
        code = clean_open_writer(run->clean, run->reader, &run->stream, error);
    return code == 0 ? stream_walk(run, false, error) : code;
}

/* --- probing --------------------------------------------------------------------------------- */

static void work_ended(void *user, enum bulk_job_end end)
{
    struct clean_run *run = user;

    run->end = end;
    io_loop_stop(run->prober.loop);
}

static void signalled(void *user, int signal_number)
{
    struct clean_run *run = user;

    if (signal_number == SIGUSR1) {
        clean_progress_job(&run->clean->progress, run->work, run->prober.engine, run->prober.loop,
                           true);
        return;
    }
    if (run->signals++ == 0) {
        clean_say(run->clean, "stopping: what is under way gets some seconds (again: at once)");
        bulk_job_stop(run->work, GRACE_MS);
    } else {
        bulk_job_stop(run->work, 0);
    }
}

static void look_around(struct io_timer *timer)
{
    struct clean_run *run = timer->user;

    clean_progress_job(&run->clean->progress, run->work, run->prober.engine, run->prober.loop,
                       clean_is_asked());
    (void)io_timer_start(timer, io_now_ms(run->prober.loop) + LOOK_MS);
}

static void listen_to_signals(struct clean_run *run, bool on)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGUSR1};

    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        io_uv_loop_on_signal(run->prober.loop, signals[i], on ? signalled : NULL, run);
}

static int open_work(struct clean_run *run, struct error *error)
{
    const struct config *config = run->clean->call->config;
    const struct bulk_job_options options = {
        .window = (size_t)config->open_cases,
        .order = BULK_FEED_BY_TURN,
        .depth = (enum evidence_depth)config->depth,
        .patience = (enum probe_patience)config->patience,
        .with_evidence = run->clean->options->keep_evidence,
        .max_time_ms = run->clean->options->max_time_ms,
    };
    const struct bulk_job_events events = {
        .kept = run->stream != NULL ? stream_kept : NULL,
        .ended = work_ended,
    };
    int code = bulk_job_open(run->prober.loop, run->prober.engine, run->store, run->job.id,
                             &options, &events, run, &run->work, error);

    return code == 0 ? bulk_job_start(run->work, error) : code;
}

static enum went run_work(struct clean_run *run)
{
    struct clean_progress *progress = &run->clean->progress;

    io_timer_init(run->prober.loop, &run->look, look_around, run);
    (void)io_timer_start(&run->look, io_now_ms(run->prober.loop) + LOOK_MS);
    listen_to_signals(run, true);
    io_loop_run(run->prober.loop);
    io_timer_stop(&run->look);
    listen_to_signals(run, false);
    clean_catch_signals();
    clean_progress_job(progress, run->work, run->prober.engine, run->prober.loop,
                       progress->is_json || progress->is_drawn);
    clean_progress_clear(progress);
    if (run->error.code != 0)
        return fail(run, &run->error);
    if (run->end == BULK_JOB_FAILED)
        return fail(run, bulk_job_error(run->work));
    return run->end == BULK_JOB_STOPPED ? WENT_PARTWAY : WENT_WELL;
}

static enum went probe(struct clean_run *run)
{
    struct config config = *run->clean->call->config;
    struct error error = {0};
    enum went went;
    int code;

    run->end = BULK_JOB_FINISHED;
    if (store_job_left(&run->job) == 0)
        return WENT_WELL;
    config.transcripts = run->clean->options->keep_evidence;
    code = prober_open(&run->prober, NULL, &config, &error);
    if (code != 0)
        return fail(run, &error);
    if (run->prober.has_no_name && !run->clean->options->quiet)
        cli_fail(run->clean->call, 0, "%s", prober_no_name_advice());
    code = open_work(run, &error);
    went = code == 0 ? run_work(run) : fail(run, &error);
    bulk_job_free(run->work);
    run->work = NULL;
    if (run->prober.engine != NULL) {
        probe_engine_cancel(run->prober.engine);
        prober_say_goodbye(&run->prober, run->signals > 1 ? 0 : GOODBYE_MS);
    }
    prober_close(&run->prober);
    return went;
}

/* --- writing out ----------------------------------------------------------------------------- */

static enum went write_out(struct clean_run *run)
{
    struct error error = {0};
    int code = clean_write(run->clean, run->store, &run->job, BULK_EXPORT_REST_NOT_PROBED, &error);

    if (code < 0)
        return fail(run, &error);
    return code == 0 ? WENT_WELL : WENT_PARTWAY;
}

/* Counted after the fact: nothing was written in order. */
static int stream_report(struct clean_run *run, struct error *error)
{
    struct store_query query = {.limit = 500};
    struct bulk_outcome outcome;
    struct bulk_stats stats;
    int code = 0;

    if (run->clean->options->out.report == NULL)
        return 0;
    bulk_stats_init(&stats, run->job.id);
    do {
        code = store_page_read(run->store, run->job.id, &query, &run->page, error);
        for (size_t i = 0; i < run->page.count && code == 0; i++) {
            const struct store_line *line = &run->page.lines[i];

            bulk_job_outcome(line, &outcome);
            if (bulk_stats_add(&stats, line->has_result ? &outcome : NULL, line->row.fault.len > 0,
                               line->result.checked_unix_ms) != 0)
                code = error_set(error, ERROR_NOMEM, "no memory to count the list");
        }
        query.after = run->page.after;
    } while (code == 0 && !run->page.at_end);
    if (code == 0)
        code = clean_report(run->clean, &stats, run->job.started_unix_ms,
                            (int64_t)time(NULL) * 1000, error);
    bulk_stats_done(&stats);
    return code;
}

static enum went stream_finish(struct clean_run *run)
{
    struct error error = {0};
    int code = stream_walk(run, true, &error);

    if (code == 0)
        code = stream_report(run, &error);

    if (code == 0) {
        code = bulk_writer_finish(run->stream, &error);
        run->stream = NULL;
    }
    return code == 0 ? WENT_WELL : fail(run, &error);
}

/* --- the whole ------------------------------------------------------------------------------- */

static void summarise(struct clean_run *run)
{
    uint64_t rows[VERDICT_REASON_COUNT];
    struct store_counts counts;
    struct error error = {0};

    if (store_counts(run->store, run->job.id, &counts, &error) != 0)
        return;
    for (size_t i = 0; i < VERDICT_REASON_COUNT; i++)
        rows[i] = run->clean->options->out.duplicates == BULK_DUPLICATES_ANSWER ? counts.rows[i]
                                                                                : counts.results[i];
    if (run->clean->options->out.duplicates == BULK_DUPLICATES_SKIP)
        rows[REASON_DUPLICATE] += run->job.duplicates;
    if (run->end == BULK_JOB_OUT_OF_TIME)
        rows[REASON_NOT_PROBED] += store_job_left(&run->job);
    clean_summary(run->clean, rows, run->job.duplicates, clean_clock_ms() - run->begun_ms);
}

static void say_how_to_go_on(struct clean_run *run)
{
    struct cli_call *call = run->clean->call;

    if (run->clean->job_is_temporary) {
        fprintf(call->err, "stopped\n");
        return;
    }
    fprintf(call->err,
            "stopped: %" PRIu64 " of %" PRIu64 " results are kept in %s\n"
            "  to go on:      the same command again\n"
            "  to see it now: mailknock jobs export %s -o PART.csv\n",
            run->job.done, run->job.rows - run->job.duplicates, run->clean->job_path,
            run->clean->job_path);
}

static enum went go(struct clean_run *run)
{
    struct error error = {0};
    enum went went = open_job(run);

    if (went == WENT_WELL)
        went = load(run);
    if (went == WENT_WELL && streams(run->clean) && stream_open(run, &error) != 0)
        went = fail(run, &error);
    if (went == WENT_WELL)
        went = probe(run);
    if (run->store != NULL && run->job.id != 0)
        (void)store_job_get(run->store, run->job.id, &run->arena, &run->job, &error);
    if (went == WENT_WELL)
        went = run->stream != NULL ? stream_finish(run) : write_out(run);
    if (went == WENT_WELL)
        summarise(run);
    return went == WENT_WELL && run->end == BULK_JOB_OUT_OF_TIME ? WENT_PARTWAY : went;
}

int clean_by_job(struct clean *clean)
{
    struct clean_run run = {.clean = clean, .lock = -1, .begun_ms = clean_clock_ms()};
    enum went went;
    bool is_done;

    arena_init(&run.arena);
    store_page_init(&run.page);
    clean_catch_signals();
    went = go(&run);
    is_done = went == WENT_WELL && !clean->options->keep_job;
    if (went == WENT_PARTWAY)
        say_how_to_go_on(&run);
    bulk_writer_abandon(run.stream);
    bulk_reader_close(run.reader);
    store_page_done(&run.page);
    store_close(run.store);
    /* A job that could not even be begun leaves nothing behind. */
    if (run.lock >= 0 && (is_done || clean->job_is_temporary || (run.is_new && run.job.id == 0))) {
        bulk_job_file_remove(clean->job_path);
        if (run.spool != NULL)
            unlink(run.spool);
    }
    bulk_job_unlock(run.lock);
    arena_done(&run.arena);
    return went == WENT_WELL    ? CLI_EXIT_OK
           : went == WENT_WRONG ? CLI_EXIT_USAGE
                                : CLI_EXIT_UNDETERMINED;
}
