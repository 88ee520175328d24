/* What is to be told of a job under way: counts, rate, and when it will be done. */
#include "base/instant.h"
#include "bulk/job_internal.h"
#include "io/loop.h"

/* When the rest is done, if it goes on like this; the last greylist wait is not awaited in vain. */
static uint64_t eta_ms(const struct bulk_job *job, double per_s, uint64_t left)
{
    uint64_t now = io_now_ms(job->loop), eta = INSTANT_NEVER;
    struct probe_counts counts;

    if (left == 0)
        return 0;
    if (per_s > 0)
        eta = (uint64_t)((double)left * 1000 / per_s);
    probe_engine_counts(job->engine, &counts);
    if (counts.next_retry_ms != INSTANT_NEVER && counts.next_retry_ms > now &&
        (eta == INSTANT_NEVER || eta < counts.next_retry_ms - now))
        eta = counts.next_retry_ms - now;
    return eta;
}

void bulk_job_progress(struct bulk_job *job, struct bulk_job_progress *ret_progress)
{
    uint64_t now = io_now_ms(job->loop);
    double per_s = bulk_rate_per_s(&job->rate, now, job->info.done);

    bulk_rate_note(&job->rate, now, job->info.done);
    *ret_progress = (struct bulk_job_progress){
        .rows = job->info.rows,
        .duplicates = job->info.duplicates,
        .done = job->info.done,
        .left = store_job_left(&job->info),
        .done_in_run = job->info.done - job->done_before,
        .in_flight = job->owner.open - job->owner.waiting,
        .waiting = job->owner.waiting,
        .run_ms = bulk_job_run_ms(job),
        .rows_per_s = per_s,
        .eta_ms = eta_ms(job, per_s, store_job_left(&job->info)),
        .counts = job->counts,
        .longest_commit_ms = job->longest_commit_ms,
    };
}
