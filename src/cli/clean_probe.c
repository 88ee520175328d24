/* A job's rows probed, with what is seen and written meanwhile. */
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/instant.h"
#include "bulk/format.h"
#include "bulk/job_outcome.h"
#include "bulk/job_request.h"
#include "bulk/ndjson.h"
#include "cli/clean_run.h"

#define GRACE_MS         (3 * SECOND_MS) /* after the first Ctrl-C, for answers under way */
#define GOODBYE_MS       (2 * SECOND_MS)
#define LOOK_MS          100
#define STREAMED_AT_ONCE 500
#define HEED_MS          500

/* --- output as it comes ---------------------------------------------------------------------- */

/* As it stands in the list: without a table it is written out, and the store keeps no blanks. */
static bool read_address(struct clean_run *run, struct bulk_row *row)
{
    const struct bulk_format *format = &run->clean->format;
    struct slice cell = row->raw;

    if (format->kind != BULK_KIND_TEXT &&
        (format->kind != BULK_KIND_NDJSON ||
         !ndjson_find(row->raw, slice_from_string(format->column_name), &cell)))
        return true;
    return bulk_format_text(format, cell, run->scratch, &row->address);
}

static int stream_line(struct clean_run *run, const struct store_line *line,
                       const struct bulk_outcome *outcome, struct error *error)
{
    const struct bulk_csv_shape shape = bulk_format_shape(&run->clean->format);
    struct bulk_row row = {
        .number = line->row.number,
        .line = line->row.number,
        .file = run->clean->files[0],
        .raw = line->row.raw,
        .address = line->row.address,
        .fault = line->row.fault.len > 0 ? line->row.fault.ptr : NULL,
    };

    if (row.fault == NULL)
        row.is_unbalanced = bulk_csv_is_unbalanced(&shape, row.raw, run->clean->format.column);
    if (!read_address(run, &row))
        return error_set(error, ERROR_NOMEM, "no memory to write the list");
    return bulk_writer_put(run->stream, &row, outcome, error);
}

/* Those with a result that were kept in an earlier run; that point elsewhere; those without. */
enum stream_part {
    STREAM_KEPT,
    STREAM_DUPLICATES,
    STREAM_REST,
};

static int stream_rest(struct clean_run *run, const struct store_line *line,
                       const struct lists_operator *lists, struct error *error)
{
    const struct probe_offline_terms terms = {
        .lists = lists,
        .unix_ms = (int64_t)time(NULL) * 1000,
        .stop = EVIDENCE_STOP_DEADLINE,
    };
    struct bulk_outcome outcome;
    struct bulk_rest rest;

    if (bulk_job_rest(line, &terms, &run->rest, &rest, &outcome) != 0)
        return error_set(error, ERROR_NOMEM, "no memory to write the list");
    return stream_line(run, line, &outcome, error);
}

static int stream_walk(struct clean_run *run, enum stream_part part,
                       const struct lists_operator *lists, struct error *error)
{
    struct store_query query = {
        .scope = STORE_SCOPE_ROWS, .limit = 500, .with_json = true, .with_raw = true};
    int code = 0;

    do {
        code = store_page_read(run->store, run->job.id, &query, &run->page, error);
        for (size_t i = 0; i < run->page.count && code == 0; i++) {
            const struct store_line *line = &run->page.lines[i];
            struct bulk_outcome outcome;

            if (!line->has_result && part == STREAM_REST)
                code = stream_rest(run, line, lists, error);
            if (!line->has_result || part == STREAM_REST ||
                (line->row.first != 0) != (part == STREAM_DUPLICATES))
                continue;
            bulk_job_outcome(line, &outcome);
            code = stream_line(run, line, &outcome, error);
        }
        query.after = run->page.after;
    } while (code == 0 && !run->page.at_end);
    return code == 0 ? bulk_writer_flush(run->stream, error) : code;
}

static int compare_rows(const void *left, const void *right)
{
    const struct store_result *a = *(const struct store_result *const *)left;
    const struct store_result *b = *(const struct store_result *const *)right;

    return a->row < b->row ? -1 : a->row > b->row;
}

/* Neighbours together: what came with a row is read from the store, what is known of it is here. */
static int stream_some(struct clean_run *run, const struct store_result *results, size_t count,
                       struct error *error)
{
    const struct store_result *sorted[STREAMED_AT_ONCE];
    uint64_t rows[STREAMED_AT_ONCE];
    struct bulk_outcome outcome;
    int code;

    for (size_t i = 0; i < count; i++)
        sorted[i] = &results[i];
    /* cppcheck-suppress uninitvar ; count is not 0 */
    qsort(sorted, count, sizeof(sorted[0]), compare_rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = sorted[i]->row;
    code = store_rows_read(run->store, run->job.id, rows, count, &run->page, error);
    for (size_t i = 0, k = 0; i < run->page.count && code == 0; i++) {
        const struct store_line *line = &run->page.lines[i];

        while (sorted[k]->row != line->row.number)
            k++;
        bulk_job_outcome_of(sorted[k], &outcome);
        code = stream_line(run, line, &outcome, error);
    }
    return code;
}

static void stream_kept(void *user, const struct store_result *results, size_t count)
{
    struct clean_run *run = user;
    int code = 0;

    /* What was written of it then can't be told from here. */
    if (run->error.code != 0)
        return;
    clean_progress_clear(&run->clean->progress);
    for (size_t i = 0; i < count && code == 0; i += STREAMED_AT_ONCE)
        code =
            stream_some(run, results + i,
                        count - i < STREAMED_AT_ONCE ? count - i : STREAMED_AT_ONCE, &run->error);
    if (code == 0)
        code = bulk_writer_flush(run->stream, &run->error);
    if (code != 0)
        bulk_job_stop(run->work, 0); /* whoever read the output went away */
}

enum went clean_run_stream_open(struct clean_run *run)
{
    struct error error = {0};
    int code = clean_open_reader(run->clean, &run->reader, &error);

    if (code == 0)
        code = clean_open_writer(run->clean, run->reader, &run->stream, &error);
    if (code == 0) {
        bulk_writer_gather(run->stream);
        code = run->job.done > 0 ? stream_walk(run, STREAM_KEPT, NULL, &error) : 0;
    }
    return code == 0 ? WENT_WELL : clean_run_fail(run, &error);
}

/* Counted after the fact: nothing was written in order. */
static int stream_report(struct clean_run *run, struct error *error)
{
    struct store_query query = {.limit = 500};
    struct store *outcomes;
    struct bulk_stats stats;
    int code = 0;

    if (run->clean->options->out.report == NULL)
        return 0;
    bulk_stats_init(&stats, run->job.id);
    outcomes = clean_open_outcomes(run->clean);
    do {
        code = store_page_read(run->store, run->job.id, &query, &run->page, error);
        for (size_t i = 0; i < run->page.count && code == 0; i++)
            code = bulk_job_count(&run->page.lines[i], outcomes, &stats, error);
        query.after = run->page.after;
    } while (code == 0 && !run->page.at_end);
    store_close(outcomes);
    if (code == 0)
        code = clean_report(run->clean, &stats, run->job.started_unix_ms,
                            (int64_t)time(NULL) * 1000, error);
    bulk_stats_done(&stats);
    return code;
}

enum went clean_run_stream_finish(struct clean_run *run)
{
    struct lists_operator *lists = NULL;
    struct error error = {0};
    int code = run->job.duplicates > 0 ? stream_walk(run, STREAM_DUPLICATES, NULL, &error) : 0;

    if (code == 0 && run->end == BULK_JOB_OUT_OF_TIME) {
        code = prober_load_lists(run->clean->call->config, &lists, &error);
        if (code == 0)
            code = stream_walk(run, STREAM_REST, lists, &error);
        lists_operator_free(lists);
    }
    if (code == 0)
        code = stream_report(run, &error);
    if (code == 0) {
        run->clean->unreadable = bulk_writer_unreadable(run->stream);
        run->clean->written = bulk_writer_rows(run->stream);
        run->clean->sheets = bulk_writer_sheets(run->stream);
        run->clean->cut = bulk_writer_cut(run->stream);
        code = bulk_writer_finish(run->stream, &error);
        run->stream = NULL;
    }
    return code == 0 ? WENT_WELL : clean_run_fail(run, &error);
}

/* --- probing --------------------------------------------------------------------------------- */

static void work_ended(void *user, enum bulk_job_end end)
{
    struct clean_run *run = user;

    run->end = end;
    io_loop_stop(run->prober.loop);
}

static void heed_signals(struct clean_run *run)
{
    unsigned count = clean_interrupts();

    if (count > 0 && run->signals == 0) {
        clean_say(run->clean, "stopping: what is under way gets some seconds (again: at once)");
        bulk_job_stop(run->work, GRACE_MS);
    }
    if (count > 1 && run->signals < count)
        bulk_job_stop(run->work, 0);
    run->signals = count;
}

/* `mailknock jobs pause` wants the same as Ctrl-C. */
static void heed_requests(struct clean_run *run)
{
    enum bulk_job_request request;
    uint64_t id;

    if (bulk_job_request_next(run->store, run->job.id - 1, io_unix_ms(run->prober.loop), &id,
                              &request, NULL) != 0 ||
        id != run->job.id || bulk_job_request_remove(run->store, id, NULL) != 1 ||
        request != BULK_JOB_REQUEST_PAUSE)
        return;
    clean_say(run->clean, "asked to pause: what is under way gets some seconds");
    bulk_job_stop(run->work, GRACE_MS);
}

/* While the ledger cannot be written nothing goes on: not without a word. */
static void say_what_holds(struct clean_run *run)
{
    struct probe_counts counts;

    probe_engine_counts(run->prober.engine, &counts);
    if (counts.unnoted == 0 || run->said_what_holds || run->clean->options->quiet)
        return;
    run->said_what_holds = true;
    clean_progress_clear(&run->clean->progress);
    cli_fail(run->clean->call, 0, "%s", health_alarm_text(HEALTH_LEDGER));
}

static void look_around(struct io_timer *timer)
{
    struct clean_run *run = timer->user;
    uint64_t now = io_now_ms(run->prober.loop);
    bool is_asked = clean_is_asked();

    heed_signals(run);
    if (now >= run->heeded_ms + HEED_MS) {
        run->heeded_ms = now;
        heed_requests(run);
        say_what_holds(run);
    }
    clean_progress_job(&run->clean->progress, run->work, run->prober.engine, run->prober.loop,
                       is_asked);
    if (is_asked)
        clean_progress_sites(&run->clean->progress, run->prober.engine, run->prober.loop);
    (void)io_timer_start(timer, now + LOOK_MS);
}

/* What is learnt of domains stays in the job file, for the next time; own outcomes are history's.
 */
static int open_habits(struct clean_run *run, struct error *error)
{
    struct probe_memory memory;

    run->habits = bulk_habits_new(run->prober.loop, run->store, run->prober.history_store);
    if (run->habits == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    memory = bulk_habits_memory(run->habits);
    probe_engine_set_memory(run->prober.engine, &memory);
    return 0;
}

static int open_work(struct clean_run *run, struct error *error)
{
    const struct config *config = run->clean->call->config;
    const struct bulk_job_options options = {
        .habits = run->habits,
        .window = (size_t)config->open_cases,
        .order = BULK_FEED_BY_TURN,
        .depth = (enum evidence_depth)config->depth,
        .patience = (enum probe_patience)config->patience,
        .with_evidence = run->clean->options->keep_evidence,
        .json_in_passing = run->clean->job_is_temporary, /* nobody can read it there */
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
    const struct health_mark start = {{0}, {0}};
    struct health_mark now;

    io_timer_init(run->prober.loop, &run->look, look_around, run);
    (void)io_timer_start(&run->look, io_now_ms(run->prober.loop) + LOOK_MS);
    io_loop_run(run->prober.loop);
    io_timer_stop(&run->look);
    clean_progress_job(progress, run->work, run->prober.engine, run->prober.loop,
                       progress->is_json || progress->drawn_lines > 0);
    clean_progress_clear(progress);
    health_mark_take(&run->prober, &now);
    run->alarms = health_judge(&start, &now);
    if (run->said_what_holds)
        run->alarms &= ~(1U << HEALTH_LEDGER);
    if (run->error.code != 0)
        return clean_run_fail(run, &run->error);
    if (run->end == BULK_JOB_FAILED)
        return clean_run_fail(run, bulk_job_error(run->work));
    return run->end == BULK_JOB_STOPPED ? WENT_PARTWAY : WENT_WELL;
}

/* Results are safe without it, but whoever named a place for it thinks that it is kept. */
static void keep_history(struct clean_run *run)
{
    struct history_counts counts;
    struct error error = {0};

    if (run->prober.history == NULL)
        return;
    if (history_flush(run->prober.history, &error) == 0) {
        history_counts(run->prober.history, &counts);
        if (counts.lost == 0)
            return;
    }
    cli_fail(run->clean->call, 0, "not all of the history could be kept: %s",
             history_trouble(run->prober.history));
}

enum went clean_run_probe(struct clean_run *run)
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
        return clean_run_fail(run, &error);
    if (!run->clean->options->quiet)
        cli_advise(run->clean->call, &run->prober);
    if (prober_remember(&run->prober, NULL, &config, &error) < 0)
        cli_fail(run->clean->call, 0, "the history is left aside: %s", error.message);
    error = (struct error){0};
    if (!run->clean->job_is_temporary)
        code = prober_keep_ledger(&run->prober, run->clean->job_path, &error);
    if (code == 0)
        code = open_habits(run, &error);
    if (code == 0)
        code = open_work(run, &error);
    went = code == 0 ? run_work(run) : clean_run_fail(run, &error);
    bulk_job_free(run->work);
    run->work = NULL;
    if (run->prober.engine != NULL) {
        probe_engine_cancel(run->prober.engine);
        prober_say_goodbye(&run->prober, run->signals > 1 ? 0 : GOODBYE_MS);
    }
    if (run->prober.engine != NULL)
        probe_engine_set_memory(run->prober.engine, NULL);
    bulk_habits_free(run->habits);
    run->habits = NULL;
    keep_history(run);
    prober_close(&run->prober);
    return went;
}
