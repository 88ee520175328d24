/*
 * A list cleaned by way of a job file: made or found again, loaded, probed, written out.
 *
 * The file stands beside the output until that is complete, so that the same command goes on where
 * it was killed. It is locked while somebody works on it.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "bulk/job_file.h"
#include "cli/clean_run.h"
#include "cli/event.h"

enum went clean_run_fail(struct clean_run *run, const struct error *error)
{
    clean_progress_clear(&run->clean->progress);
    cli_fail(run->clean->call, CLI_EXIT_USAGE, "%s", error->message);
    return clean_was_stopped(error->code) ? WENT_PARTWAY : WENT_WRONG;
}

bool clean_run_streams(const struct clean_run *run)
{
    return strcmp(run->clean->output, "-") == 0;
}

/* The next part, unless one before ended otherwise, or a signal came between two. */
static enum went then(struct clean_run *run, enum went went, enum went (*part)(struct clean_run *))
{
    if (went == WENT_WELL && clean_is_interrupted())
        return WENT_PARTWAY;
    return went == WENT_WELL ? part(run) : went;
}

static enum went load_and_probe(struct clean_run *run)
{
    struct error error = {0};
    enum went went = clean_run_load(run);

    went = then(run, went, clean_run_mend);
    if (clean_run_streams(run))
        went = then(run, went, clean_run_stream_open);
    went = then(run, went, clean_run_probe);
    if (run->job.id != 0)
        (void)store_job_get(run->store, run->job.id, &run->arena, &run->job, &error);
    return went;
}

/* --- writing out ----------------------------------------------------------------------------- */

static enum went write_out(struct clean_run *run)
{
    struct error error = {0};
    int code = clean_write(run->clean, run->store, &run->job, BULK_EXPORT_REST_NOT_PROBED, &error);

    if (code == ERROR_RANGE && !run->is_read_anew) {
        run->is_read_anew = true;
        code = clean_run_read_anew(run, &error);
        if (code == 0)
            return then(run, load_and_probe(run), write_out);
    }
    if (code < 0)
        return clean_run_fail(run, &error);
    return code == 0 ? WENT_WELL : WENT_PARTWAY;
}

/* --- the whole ------------------------------------------------------------------------------- */

static void summarise(struct clean_run *run)
{
    uint64_t rows[VERDICT_REASON_COUNT], known = 0;
    struct store_counts counts;
    struct error error = {0};

    if (store_counts(run->store, run->job.id, &counts, &error) != 0)
        return;
    for (size_t i = 0; i < VERDICT_REASON_COUNT; i++) {
        rows[i] = run->clean->options->out.duplicates == BULK_DUPLICATES_ANSWER ? counts.rows[i]
                                                                                : counts.results[i];
        known += rows[i];
    }
    if (run->clean->options->out.duplicates == BULK_DUPLICATES_SKIP)
        rows[REASON_DUPLICATE] += run->job.duplicates;
    if (run->end == BULK_JOB_OUT_OF_TIME)
        run->clean->unasked = run->clean->options->out.duplicates == BULK_DUPLICATES_ANSWER
                                  ? run->job.rows - known
                                  : store_job_left(&run->job);
    rows[REASON_NOT_PROBED] += run->clean->unasked;
    clean_summary(run->clean, rows, clean_clock_ms() - run->begun_ms);
}

static void write_stopped(struct clean_run *run)
{
    bool is_kept = !run->clean->job_is_temporary && run->job.id != 0;
    struct event event;
    struct json *json = event_begin(&event, "stopped");

    json_name_bool(json, "written", run->is_written);
    json_name_int(json, "done", (int64_t)run->job.done);
    json_name_int(json, "left", (int64_t)store_job_left(&run->job));
    json_name(json, "job");
    json_cstring(json, is_kept ? run->clean->job_path : NULL);
    event_end(&event, run->clean->call->err);
}

static void say_how_to_go_on(struct clean_run *run)
{
    struct cli_call *call = run->clean->call;

    if (run->clean->options->json_progress) {
        write_stopped(run);
        return;
    }
    if (call->err_is_terminal)
        fputs("\r\033[K", call->err); /* the ^C of a second Ctrl-C */
    if (run->clean->job_is_temporary) {
        fputs(run->is_written ? "out of time\n" : "stopped\n", call->err);
        return;
    }
    if (run->is_written) {
        fprintf(call->err,
                "out of time: %" PRIu64 " of %" PRIu64 " results are known, and written; they are "
                "kept in %s\n  to go on: the same command again\n",
                run->job.done, run->job.rows - run->job.duplicates, run->clean->job_path);
        return;
    }
    if (run->job.id == 0 || run->job.state == STORE_JOB_LOADING) {
        fprintf(call->err, "stopped: the list was not read to its end, and nobody was asked\n"
                           "  to go on:      the same command again\n");
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
    enum went went = then(run, clean_run_find(run), load_and_probe);

    went = then(run, went, clean_run_streams(run) ? clean_run_stream_finish : write_out);
    run->is_written = went == WENT_WELL;
    if (run->is_written)
        summarise(run);
    /* After all counts, so that it is seen. */
    for (unsigned i = 0; i < HEALTH_ALARM_COUNT && went != WENT_WRONG; i++)
        if ((run->alarms >> i & 1) != 0 && !run->clean->options->quiet)
            cli_fail(run->clean->call, 0, "%s", health_alarm_text((enum health_alarm)i));
    return went == WENT_WELL && run->end == BULK_JOB_OUT_OF_TIME ? WENT_PARTWAY : went;
}

int clean_by_job(struct clean *clean)
{
    struct clean_run run = {.clean = clean, .lock = -1, .begun_ms = clean_clock_ms()};
    enum went went;
    bool is_done;

    memory_use_large_pages();
    arena_init(&run.arena);
    buffer_init(&run.scratch[0], 0);
    buffer_init(&run.scratch[1], 0);
    buffer_init(&run.rest, 0);
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
    clean_run_drop_input(&run);
    /* A job that could not even be begun leaves nothing behind. */
    if (run.lock >= 0 && (is_done || clean->job_is_temporary || (run.is_new && run.job.id == 0)))
        bulk_job_file_remove(clean->job_path);
    bulk_job_unlock(run.lock);
    arena_done(&run.arena);
    buffer_done(&run.scratch[0]);
    buffer_done(&run.scratch[1]);
    buffer_done(&run.rest);
    return went == WENT_WELL    ? CLI_EXIT_OK
           : went == WENT_WRONG ? CLI_EXIT_USAGE
                                : CLI_EXIT_UNDETERMINED;
}
