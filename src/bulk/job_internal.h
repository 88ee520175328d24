/* The parts of a running job: see bulk/job.h. Only src/bulk/job*.c include this. */
#ifndef MK_BULK_JOB_INTERNAL_H
#define MK_BULK_JOB_INTERNAL_H

#include "base/buffer.h"
#include "base/list.h"
#include "bulk/job.h"
#include "bulk/job_rate.h"

#define BULK_BATCH 1000

enum bulk_job_phase {
    BULK_JOB_PHASE_OPEN,
    BULK_JOB_PHASE_RUNNING,
    BULK_JOB_PHASE_STOPPING,
    BULK_JOB_PHASE_ENDED,
};

/* An address in flight. Freed when the engine is done with it, even when the job is gone. */
struct bulk_ticket {
    struct list_node node; /* in job->tickets */
    struct bulk_job *job;  /* NULL: gone */
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
    struct list tickets;
    size_t in_flight;
    bool is_fed; /* no row is left to feed */
    bool is_feeding;

    struct arena arena;           /* of the batch */
    struct store_result *results; /* BULK_BATCH and a window of room */
    size_t result_count, result_room;
    struct buffer scratch;
    struct io_timer flush_timer;
    struct io_timer feed_timer; /* try again: the engine had no room */
    struct io_timer stop_timer; /* max_time, then the grace */
    unsigned failures;          /* of the store, in a row */
    uint64_t active_before_ms, started_ms, saved_ms;
    uint64_t done_before;
    uint64_t longest_commit_ms;
    struct bulk_rate rate;
    struct error error;
};

/* Ends with FAILED, with job->error as it is. */
void bulk_job_fail(struct bulk_job *job);
/* Look whether there is something to do or nothing any more. */
void bulk_job_go_on(struct bulk_job *job);

#endif
