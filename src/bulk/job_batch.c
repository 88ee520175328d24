/* Results on their way into the store: gathered, kept together, told when they are kept. */
#include "base/instant.h"
#include "base/memory.h"
#include "bulk/job_internal.h"
#include "io/loop.h"

#define FLUSH_MS     250
#define RETRY_MS     SECOND_MS /* after the store failed */
#define FAILURES_MAX 3
#define BATCH_BYTES  (4U << 20)

static void empty_batch(struct bulk_job *job)
{
    job->result_count = 0;
    arena_reset(&job->arena);
}

/* What is told as it comes need not be kept, but where duplicates will be answered with it. */
static int put(struct bulk_job *job)
{
    struct slice *jsons;
    int code;

    if (!job->options.json_in_passing)
        return store_results_put(job->store, job->info.id, job->results, job->result_count,
                                 &job->error);
    jsons = arena_array(&job->arena, job->result_count, sizeof(*jsons));
    if (jsons == NULL)
        return error_set(&job->error, ERROR_NOMEM, "no memory to keep results");
    for (size_t i = 0; i < job->result_count; i++) {
        jsons[i] = job->results[i].json;
        if (job->results[i].copies == 0)
            job->results[i].json = SLICE_EMPTY;
    }
    code =
        store_results_put(job->store, job->info.id, job->results, job->result_count, &job->error);
    for (size_t i = 0; i < job->result_count; i++)
        job->results[i].json = jsons[i];
    return code;
}

/*
 * The next batch is so large that its commit holds the loop no longer than a moment: other jobs,
 * and people with a browser, wait meanwhile. A disk that is slow for once costs a few small
 * batches.
 */
static int commit(struct bulk_job *job)
{
    uint64_t took_ms;
    int code;

    (void)io_pace_begin(&job->commits);
    bulk_habits_flush(job->options.habits);
    code = put(job);
    if (code == 0)
        code = bulk_job_read_info(job, &job->error);
    took_ms = io_pace_end(&job->commits, job->result_count) / 1000;
    if (took_ms > job->longest_commit_ms)
        job->longest_commit_ms = took_ms;
    return code;
}

bool bulk_job_flush(struct bulk_job *job)
{
    io_timer_stop(&job->flush_timer);
    if (job->result_count == 0)
        return true;
    if (commit(job) != 0) {
        /* Somebody may make room or let go of a lock. */
        if (++job->failures > FAILURES_MAX)
            bulk_job_fail(job);
        else
            (void)bulk_job_start_timer(job, &job->flush_timer, RETRY_MS);
        return false;
    }
    job->failures = 0;
    bulk_rate_note(&job->rate, io_now_ms(job->loop), job->info.done);
    if (job->events.kept != NULL)
        job->events.kept(job->user, job->results, job->result_count);
    empty_batch(job);
    return true;
}

static bool own(struct arena *arena, struct slice *text)
{
    *text = arena_slice(arena, *text);
    return text->ptr != NULL;
}

static int add_result(struct bulk_job *job, const struct store_result *from)
{
    struct store_result *result;

    if (job->result_count == job->result_room) {
        size_t room = job->result_room == 0 ? BULK_BATCH : job->result_room * 2;

        result = memory_resize(job->results, room, sizeof(*result));
        if (result == NULL)
            return ERROR_NOMEM;
        job->results = result;
        job->result_room = room;
    }
    result = &job->results[job->result_count];
    *result = *from;
    if (!own(&job->arena, &result->provider) || !own(&job->arena, &result->domain) ||
        !own(&job->arena, &result->suggestion) || !own(&job->arena, &result->explanation) ||
        !own(&job->arena, &result->json))
        return ERROR_NOMEM;
    job->result_count++;
    return 0;
}

int bulk_job_gather(struct bulk_job *job, struct store_result *result, uint64_t row,
                    uint64_t copies)
{
    int code;

    result->row = row;
    result->copies = copies;
    code = add_result(job, result);
    if (code != 0)
        return code;
    if (job->failures > 0 || job->phase == BULK_JOB_PHASE_LEAVING)
        return 0; /* a retry is on its way, or whoever leaves keeps it */
    if (job->result_count >= job->commits.amount || job->arena.used_bytes >= BATCH_BYTES)
        (void)bulk_job_flush(job);
    else if (!io_timer_is_running(&job->flush_timer))
        (void)bulk_job_start_timer(job, &job->flush_timer, FLUSH_MS);
    return 0;
}
