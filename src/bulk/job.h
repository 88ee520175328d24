/*
 * A job: the rows of a loaded list, fed to the engine and brought home to the store.
 *
 * Runs on any loop, beside other jobs on the same engine: each keeps at most `window` addresses in
 * flight, so that jobs with equal windows get equal shares. Those that wait for a greylist are not
 * counted (three windows of them at most), so that the rest of the list goes on. Results are
 * gathered and kept in batches (of 250 ms, at most 1000, and fewer where keeping them holds the
 * loop for more than 20 ms), and only what is kept is counted and told. A killed job loses what was
 * in flight and the last batch, nothing else; opened again it goes on with the rows without result.
 * A row that we failed (no memory, no source address, a ledger that can't be written) has none:
 * when all others are done it is asked again. When for some minutes none of them gets a result,
 * the job has failed, and says why; its rows are asked when it is opened again.
 *
 *   open ─ start ─> RUNNING ─ all rows have results ─> ended(FINISHED)
 *                      ├─ stop ─> STOPPING ─ grace over or nothing in flight ─> ended(STOPPED)
 *                      ├─ no time left ──────^
 *                      └─ the store fails, or we ─> ended(FAILED)
 */
#ifndef MK_BULK_JOB_H
#define MK_BULK_JOB_H

#include "bulk/habits.h"
#include "bulk/job_feed.h"
#include "probe/engine.h"
#include "store/store.h"

struct bulk_job;

enum bulk_job_end {
    BULK_JOB_FINISHED,    /* every row has its result */
    BULK_JOB_STOPPED,     /* as asked; the rest is still to do */
    BULK_JOB_OUT_OF_TIME, /* max_time_ms are over; the rest is still to do */
    BULK_JOB_FAILED,      /* see bulk_job_error */
};

struct bulk_job_options {
    size_t window; /* addresses in flight, at least 1; those that wait for later not counted */
    enum bulk_feed_order order;
    enum evidence_depth depth; /* not deeper than the engine's settings */
    enum probe_patience patience;
    bool asks_anew;             /* whatever was found out before (probe/past.h) */
    bool without_json;          /* keep columns only */
    bool json_in_passing;       /* told with `kept`; kept of rows that have duplicates alone */
    bool with_evidence;         /* transcripts and DNS answers in the JSON */
    uint64_t max_time_ms;       /* of this run; 0: as long as it takes */
    struct bulk_habits *habits; /* kept before results are; borrowed; NULL: none */
};

struct bulk_job_events {
    /* Both come from inside the loop only, and neither may free the job. Results were kept. */
    void (*kept)(void *user, const struct store_result *results, size_t count);
    /* Once: nothing more will happen. */
    void (*ended)(void *user, enum bulk_job_end end);
};

/*
 * All are borrowed; the job in the store must be loaded. ERROR_USAGE when it is not or is finished;
 * the store's errors; ERROR_NOMEM.
 */
int bulk_job_open(struct io_loop *loop, struct probe_engine *engine, struct store *store,
                  uint64_t id, const struct bulk_job_options *options,
                  const struct bulk_job_events *events, void *user, struct bulk_job **ret_job,
                  struct error *error);
/* Begin; everything else happens in the loop. ERROR_NOMEM; the store's errors. */
int bulk_job_start(struct bulk_job *job, struct error *error);
/*
 * Feed no more, and ask no more: what was fed is withdrawn from the engine, but for those whose
 * RCPT was said. Their answers are waited for, grace_ms at most, and kept where they settle it.
 * Again, with less grace: sooner.
 */
void bulk_job_stop(struct bulk_job *job, uint64_t grace_ms);
/* Addresses in flight from now on: shares change as jobs come and go. */
void bulk_job_set_window(struct bulk_job *job, size_t window);
/* At any time but from inside its own events. What is in flight is withdrawn. NULL accepted. */
void bulk_job_free(struct bulk_job *job);

/* Why it failed. */
const struct error *bulk_job_error(const struct bulk_job *job);

struct bulk_job_progress {
    uint64_t rows, duplicates, done, left; /* left: results still to come */
    uint64_t done_in_run;
    uint64_t in_flight;         /* without those that wait */
    uint64_t waiting;           /* for a later attempt */
    uint64_t run_ms;            /* since start */
    double rows_per_s;          /* results kept, over the last minute */
    uint64_t eta_ms;            /* estimate; INSTANT_NEVER: not known */
    struct store_counts counts; /* as kept */
    uint64_t longest_commit_ms; /* a stall of the loop */
};
void bulk_job_progress(struct bulk_job *job, struct bulk_job_progress *ret_progress);

#endif
