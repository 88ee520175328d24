/* The parts of a running job: see bulk/job.h. Only src/bulk/job*.c include this. */
#ifndef MK_BULK_JOB_INTERNAL_H
#define MK_BULK_JOB_INTERNAL_H

#include "base/buffer.h"
#include "bulk/job.h"
#include "bulk/job_rate.h"
#include "bulk/rounds.h"
#include "io/pace.h"

#define BULK_BATCH 1000

enum bulk_job_phase {
    BULK_JOB_PHASE_OPEN,
    BULK_JOB_PHASE_RUNNING,
    BULK_JOB_PHASE_STOPPING,
    BULK_JOB_PHASE_LEAVING, /* what comes now is gathered, no more */
    BULK_JOB_PHASE_ENDED,
};

/* An address in flight. */
struct bulk_ticket {
    struct bulk_job *job;
    uint64_t row, copies;
};

struct bulk_job {
    struct io_loop *loop;
    struct probe_engine *engine;
    struct store *store;
    struct bulk_job_options options;
    struct bulk_job_events events;
    void *user;
    struct arena info_arena;
    struct store_job info;
    struct store_counts counts;
    struct bulk_feed *feed;
    enum bulk_job_phase phase;
    enum bulk_job_end end;
    struct probe_owner owner; /* of all that is in flight */
    bool is_fed;              /* no row is left to feed */
    bool is_feeding;
    struct bulk_rounds rounds;
    bool was_cancelled; /* by somebody else: a case in flight */
    bool is_withdrawn;  /* only what was being asked is still awaited */
    uint64_t grace_ms;

    struct arena arena;           /* of the batch */
    struct store_result *results; /* BULK_BATCH and a window of room */
    size_t result_count, result_room;
    struct io_pace commits; /* in results kept together, at most BULK_BATCH */
    struct io_pace feeding; /* in rows */
    struct buffer scratch;
    struct io_timer flush_timer;
    struct io_timer feed_timer; /* try again: the engine had no room */
    struct io_timer stop_timer; /* max_time; then withdrawing; then the grace */
    unsigned failures;          /* of the store, in a row */
    uint64_t active_before_ms, started_ms, saved_ms;
    uint64_t done_before;
    uint64_t longest_commit_ms;
    struct bulk_rate rate;
    struct error error;
};

/* The row's result joins the batch. ERROR_NOMEM: it does not. */
int bulk_job_gather(struct bulk_job *job, struct store_result *result, uint64_t row,
                    uint64_t copies);
/* Keep the batch. True when all is kept; else the job has failed, or it will be tried again. */
bool bulk_job_flush(struct bulk_job *job);

/* What the store says of it: ERROR_NOMEM and the store's errors. */
int bulk_job_read_info(struct bulk_job *job, struct error *error);
/* False, and the job has failed: without it the loop may have nothing left to wait for. */
bool bulk_job_start_timer(struct bulk_job *job, struct io_timer *timer, uint64_t after_ms);
uint64_t bulk_job_run_ms(const struct bulk_job *job);
/* Ends with FAILED, with job->error as it is. */
void bulk_job_fail(struct bulk_job *job);
/* Look whether there is something to do or nothing any more. */
void bulk_job_go_on(struct bulk_job *job);

#endif
