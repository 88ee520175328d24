#include "bulk/job.h"

#include "base/check.h"
#include "base/instant.h"
#include "base/list.h"
#include "base/memory.h"
#include "bulk/job_internal.h"
#include "bulk/job_outcome.h"
#include "io/loop.h"

#define RETRY_MS         SECOND_MS /* after the engine had no room */
#define INFO_SAVED_MS    (10 * SECOND_MS)
#define TIME_UP_GRACE_MS (5 * SECOND_MS)
#define FED_IN_A_TURN    100 /* at most: the engine has its work with each, too */
#define COMMIT_MS        20
#define BATCH_LEAST      64 /* what a commit costs with no rows is small beside theirs by then */
#define HELD_TO_ACTIVE   4  /* addresses held, waiting ones too, to the window */

/* --- what the store knows of it ------------------------------------------------------------ */

int bulk_job_read_info(struct bulk_job *job, struct error *error)
{
    int code;

    arena_reset(&job->info_arena);
    code = store_job_get(job->store, job->info.id, &job->info_arena, &job->info, error);
    return code == 0 ? store_counts(job->store, job->info.id, &job->counts, error) : code;
}

uint64_t bulk_job_run_ms(const struct bulk_job *job)
{
    return job->phase == BULK_JOB_PHASE_OPEN ? 0 : io_now_ms(job->loop) - job->started_ms;
}

static int save_info(struct bulk_job *job, enum store_job_state state, struct error *error)
{
    struct store_job kept;
    struct arena arena;
    int code;

    job->info.state = state;
    job->info.active_ms = job->active_before_ms + bulk_job_run_ms(job);
    job->saved_ms = io_now_ms(job->loop);
    arena_init(&arena);
    code = store_job_get(job->store, job->info.id, &arena, &kept, error);
    if (code == 0) {
        /* Others give it a name, or take it away, while we are at it. */
        if (kept.state != STORE_JOB_REMOVING)
            kept.state = state;
        kept.note = job->info.note;
        kept.started_unix_ms = job->info.started_unix_ms;
        kept.finished_unix_ms = job->info.finished_unix_ms;
        kept.active_ms = job->info.active_ms;
        code = store_job_update(job->store, &kept, error);
    }
    arena_done(&arena);
    return code;
}

/* --- ending -------------------------------------------------------------------------------- */

static void stop_timers(struct bulk_job *job)
{
    io_timer_stop(&job->flush_timer);
    io_timer_stop(&job->feed_timer);
    io_timer_stop(&job->stop_timer);
}

/* Nobody asks for this job any more; what comes of it now is dropped. */
static void let_go(struct bulk_job *job)
{
    job->phase = BULK_JOB_PHASE_ENDED;
    if (job->owner.open > 0)
        probe_engine_withdraw(job->engine, &job->owner, true);
    CHECK(job->owner.open == 0);
}

static void end(struct bulk_job *job, enum bulk_job_end how)
{
    static const enum store_job_state states[] = {
        [BULK_JOB_FINISHED] = STORE_JOB_FINISHED,
        [BULK_JOB_STOPPED] = STORE_JOB_PAUSED,
        [BULK_JOB_OUT_OF_TIME] = STORE_JOB_PAUSED,
        [BULK_JOB_FAILED] = STORE_JOB_FAILED,
    };
    int code;

    CHECK(job->phase != BULK_JOB_PHASE_ENDED);
    job->info.note = how == BULK_JOB_FAILED ? slice_from_string(job->error.message) : SLICE_EMPTY;
    if (how == BULK_JOB_FINISHED || how == BULK_JOB_FAILED) /* retention counts from then */
        job->info.finished_unix_ms = io_unix_ms(job->loop);
    /* A store that failed may fail at this too: the first error is the one to tell. */
    code = save_info(job, states[how], how == BULK_JOB_FAILED ? NULL : &job->error);
    job->end = code == 0 ? how : BULK_JOB_FAILED;
    stop_timers(job);
    let_go(job);
    job->events.ended(job->user, job->end);
}

/*
 * Nothing more is asked, and what was found out is not asked again, whatever went wrong: neither
 * what is gathered nor what the engine was about to tell. Kept twice it is kept once.
 */
static void keep_last(struct bulk_job *job)
{
    job->phase = BULK_JOB_PHASE_LEAVING;
    if (job->owner.open > 0)
        probe_engine_withdraw(job->engine, &job->owner, true);
    if (job->result_count == 0 || job->failures > 0)
        return;
    bulk_habits_flush(job->options.habits);
    (void)store_results_put(job->store, job->info.id, job->results, job->result_count, NULL);
}

void bulk_job_fail(struct bulk_job *job)
{
    keep_last(job);
    end(job, BULK_JOB_FAILED);
}

/* --- timers and options ---------------------------------------------------------------------- */

/* Without it the loop may have nothing left to wait for. */
bool bulk_job_start_timer(struct bulk_job *job, struct io_timer *timer, uint64_t after_ms)
{
    if (io_timer_start(timer, io_now_ms(job->loop) + after_ms) == 0)
        return true;
    error_set(&job->error, ERROR_NOMEM, "no memory for a timer");
    bulk_job_fail(job);
    return false;
}

static const struct result_options *json_options(const struct bulk_job *job,
                                                 struct result_options *options)
{
    *options = (struct result_options){.with_evidence = job->options.with_evidence};
    return job->options.without_json ? NULL : options;
}

/* --- feeding ------------------------------------------------------------------------------- */

/* Rows that we failed, when all others have their results. */
static void begin_round(struct bulk_job *job)
{
    uint64_t wait_ms;

    if (!bulk_rounds_next(&job->rounds, &wait_ms, &job->error)) {
        bulk_job_fail(job);
        return;
    }
    bulk_feed_rewind(job->feed);
    job->is_fed = false;
    (void)bulk_job_start_timer(job, &job->feed_timer, wait_ms);
}

static void keep(struct bulk_job *job, int code, struct store_result *result, uint64_t row,
                 uint64_t copies)
{
    if (code == 0)
        code = bulk_job_gather(job, result, row, copies);
    if (code != 0)
        bulk_rounds_put_back(&job->rounds, SLICE("no memory to keep results"));
    else
        bulk_rounds_brought(&job->rounds);
}

static void take(struct bulk_job *job, const struct evidence *evidence,
                 const struct verdict *verdict, uint64_t row, uint64_t copies)
{
    struct result_options options;
    struct store_result result;
    int code;

    if (evidence->stop == EVIDENCE_STOP_CANCELLED) { /* it is asked again another time */
        job->was_cancelled = true;
        return;
    }
    if (evidence->stop == EVIDENCE_STOP_INTERNAL) {
        bulk_rounds_put_back(&job->rounds, evidence->internal);
        return;
    }
    code = bulk_job_result(evidence, verdict, json_options(job, &options), &job->scratch, &result);
    keep(job, code, &result, row, copies);
}

static void probe_is_done(void *user, const struct evidence *evidence,
                          const struct verdict *verdict)
{
    struct bulk_ticket *ticket = user;
    struct bulk_job *job = ticket->job;
    uint64_t row = ticket->row, copies = ticket->copies;

    memory_free(ticket);
    if (job->phase == BULK_JOB_PHASE_ENDED)
        return;
    take(job, evidence, verdict, row, copies);
    if (job->phase != BULK_JOB_PHASE_LEAVING)
        bulk_job_go_on(job);
}

/* 0; ERROR_BUSY: the engine is full. */
static int submit(struct bulk_job *job, const struct store_row *row)
{
    const struct probe_wish wish = {
        .depth = job->options.depth,
        .patience = job->options.patience,
        .is_in_no_hurry = true,
        .owner = &job->owner,
        .is_fresh = job->options.asks_anew,
    };
    struct bulk_ticket *ticket = memory_zalloc(1, sizeof(*ticket));
    int code;

    if (ticket == NULL)
        return ERROR_NOMEM;
    ticket->job = job;
    ticket->row = row->number;
    ticket->copies = row->copies;
    code = probe_engine_submit_wish(job->engine, row->address, &wish, probe_is_done, ticket);
    if (code != 0)
        memory_free(ticket);
    return code;
}

static void keep_fault(struct bulk_job *job, const struct store_row *row)
{
    struct result_options options;
    struct store_result result;
    struct verdict verdict;
    int code = bulk_job_fault_result(row->fault, io_unix_ms(job->loop), json_options(job, &options),
                                     &job->scratch, &verdict, &result);

    keep(job, code, &result, row->number, row->copies);
}

/* One more row into flight: 1; none is left: 0; negative: not now, or never (ended). */
static int feed_one(struct bulk_job *job)
{
    struct store_row row;
    int code = bulk_feed_next(job->feed, &row, &job->error);

    if (code < 0) {
        bulk_job_fail(job);
        return code;
    }
    if (code == 0)
        return 0;
    bulk_job_row(&row);
    if (row.fault.len > 0) {
        keep_fault(job, &row);
        return 1;
    }
    code = submit(job, &row);
    if (code == 0)
        return 1;
    bulk_feed_put_back(job->feed);
    (void)bulk_job_start_timer(job, &job->feed_timer, RETRY_MS);
    return code;
}

static bool may_feed(const struct bulk_job *job)
{
    size_t window = job->options.window;

    return job->phase == BULK_JOB_PHASE_RUNNING && !job->is_fed && job->failures == 0 &&
           job->owner.open - job->owner.waiting < window &&
           job->owner.open / HELD_TO_ACTIVE < window && !io_timer_is_running(&job->feed_timer);
}

/* From inside the engine: another may be fed, but not from here. */
static void one_waits(struct probe_owner *owner)
{
    struct bulk_job *job = LIST_ELEMENT(owner, struct bulk_job, owner);

    if (job->phase == BULK_JOB_PHASE_RUNNING && !job->is_fed &&
        !io_timer_is_running(&job->feed_timer))
        (void)io_timer_start(&job->feed_timer, io_now_ms(job->loop)); /* else the next result */
}

/* Is the order of the rows known? Else some more is done for it, and the loop has its turn. */
static bool is_prepared(struct bulk_job *job)
{
    int code;

    if (io_timer_is_running(&job->feed_timer))
        return false;
    code = bulk_feed_prepare(job->feed, &job->error);
    if (code < 0)
        bulk_job_fail(job);
    else if (code > 0)
        (void)bulk_job_start_timer(job, &job->feed_timer, 0);
    return code == 0;
}

static void feed(struct bulk_job *job)
{
    if (job->is_feeding) /* a batch kept on the way calls back */
        return;
    if (!is_prepared(job))
        return;
    job->is_feeding = true;
    (void)io_pace_begin(&job->feeding);
    for (size_t fed = 0; may_feed(job); fed++) {
        if (fed == FED_IN_A_TURN || (fed > 0 && io_pace_is_over(&job->feeding)))
            (void)bulk_job_start_timer(job, &job->feed_timer, 0);
        else if (feed_one(job) == 0)
            job->is_fed = true;
    }
    job->is_feeding = false;
}

void bulk_job_go_on(struct bulk_job *job)
{
    if (job->phase == BULK_JOB_PHASE_RUNNING)
        feed(job);
    if (job->phase == BULK_JOB_PHASE_ENDED || job->owner.open > 0 || job->is_feeding ||
        job->failures > 0)
        return;
    if (job->phase == BULK_JOB_PHASE_RUNNING && !job->is_fed)
        return; /* the engine had no room: the timer runs */
    if (!bulk_job_flush(job))
        return;
    if (store_job_left(&job->info) == 0)
        end(job, BULK_JOB_FINISHED);
    else if (job->phase == BULK_JOB_PHASE_STOPPING)
        end(job, job->end);
    else if (job->rounds.put_back > 0 && !job->was_cancelled)
        begin_round(job);
    else if (job->phase == BULK_JOB_PHASE_RUNNING)
        end(job, BULK_JOB_STOPPED); /* somebody cancelled the engine under us */
}

/* --- timers -------------------------------------------------------------------------------- */

static void flush_time_came(struct io_timer *timer)
{
    struct bulk_job *job = timer->user;

    if (!bulk_job_flush(job))
        return;
    if (io_now_ms(job->loop) - job->saved_ms >= INFO_SAVED_MS)
        (void)save_info(job, STORE_JOB_RUNNING, NULL); /* only for people who look */
    bulk_job_go_on(job);
}

static void feed_time_came(struct io_timer *timer)
{
    bulk_job_go_on(timer->user);
}

static void stop_time_came(struct io_timer *timer)
{
    struct bulk_job *job = timer->user;

    if (job->phase == BULK_JOB_PHASE_RUNNING) {
        job->end = BULK_JOB_OUT_OF_TIME;
        bulk_job_stop(job, TIME_UP_GRACE_MS);
        return;
    }
    probe_engine_withdraw(job->engine, &job->owner, job->is_withdrawn);
    if (!job->is_withdrawn && job->owner.open > 0 && job->phase == BULK_JOB_PHASE_STOPPING)
        (void)bulk_job_start_timer(job, timer, job->grace_ms);
    job->is_withdrawn = true;
    bulk_job_go_on(job);
}

/* --- from outside -------------------------------------------------------------------------- */

int bulk_job_open(struct io_loop *loop, struct probe_engine *engine, struct store *store,
                  uint64_t id, const struct bulk_job_options *options,
                  const struct bulk_job_events *events, void *user, struct bulk_job **ret_job,
                  struct error *error)
{
    struct bulk_job *job = memory_zalloc(1, sizeof(*job));
    int code;

    CHECK(options->window > 0 && events->ended != NULL);
    if (job == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for a job");
    job->loop = loop;
    job->engine = engine;
    job->store = store;
    job->options = *options;
    job->events = *events;
    job->user = user;
    job->info.id = id;
    io_pace_init(&job->feeding, IO_PACE_MS, 1, FED_IN_A_TURN);
    io_pace_init(&job->commits, COMMIT_MS, BATCH_LEAST, BULK_BATCH);
    arena_init(&job->info_arena);
    arena_init(&job->arena);
    buffer_init(&job->scratch, 0);
    job->owner.waits = one_waits;
    io_timer_init(loop, &job->flush_timer, flush_time_came, job);
    io_timer_init(loop, &job->feed_timer, feed_time_came, job);
    io_timer_init(loop, &job->stop_timer, stop_time_came, job);
    code = bulk_job_read_info(job, error);
    if (code == 0 && job->info.state == STORE_JOB_LOADING)
        code = error_set(error, ERROR_USAGE, "job %llu is not loaded", (unsigned long long)id);
    if (code == 0)
        code = bulk_feed_open(store, id, job->info.rows, options->order, &job->feed, error);
    if (code != 0) {
        bulk_job_free(job);
        return code;
    }
    *ret_job = job;
    return 0;
}

int bulk_job_start(struct bulk_job *job, struct error *error)
{
    uint64_t now = io_now_ms(job->loop);
    int code;

    CHECK(job->phase == BULK_JOB_PHASE_OPEN);
    job->active_before_ms = job->info.active_ms;
    job->done_before = job->info.done;
    job->started_ms = now;
    bulk_rate_init(&job->rate, now, job->info.done);
    if (job->info.started_unix_ms == 0)
        job->info.started_unix_ms = io_unix_ms(job->loop);
    job->info.note = SLICE_EMPTY;
    job->info.finished_unix_ms = 0;
    code = save_info(job, STORE_JOB_RUNNING, error);
    if (code == 0 && (io_timer_start(&job->feed_timer, now) != 0 ||
                      (job->options.max_time_ms > 0 &&
                       io_timer_start(&job->stop_timer, now + job->options.max_time_ms) != 0)))
        code = error_set(error, ERROR_NOMEM, "no memory for a timer");
    if (code == 0)
        job->phase = BULK_JOB_PHASE_RUNNING;
    return code;
}

void bulk_job_stop(struct bulk_job *job, uint64_t grace_ms)
{
    if (job->phase == BULK_JOB_PHASE_RUNNING) {
        job->phase = BULK_JOB_PHASE_STOPPING;
        if (job->end != BULK_JOB_OUT_OF_TIME)
            job->end = BULK_JOB_STOPPED;
    }
    if (job->phase != BULK_JOB_PHASE_STOPPING)
        return;
    job->grace_ms = grace_ms;
    /* Withdrawn and ended from the loop, never from inside this call. */
    (void)bulk_job_start_timer(job, &job->stop_timer, job->is_withdrawn ? grace_ms : 0);
}

void bulk_job_set_window(struct bulk_job *job, size_t window)
{
    CHECK(window > 0);
    if (window > job->options.window && job->phase == BULK_JOB_PHASE_RUNNING &&
        !io_timer_is_running(&job->feed_timer))
        (void)io_timer_start(&job->feed_timer, io_now_ms(job->loop)); /* else the next result */
    job->options.window = window;
}

void bulk_job_free(struct bulk_job *job)
{
    if (job == NULL)
        return;
    stop_timers(job);
    if (job->phase == BULK_JOB_PHASE_RUNNING || job->phase == BULK_JOB_PHASE_STOPPING)
        keep_last(job);
    let_go(job);
    bulk_feed_close(job->feed);
    memory_free(job->results);
    buffer_done(&job->scratch);
    arena_done(&job->arena);
    arena_done(&job->info_arena);
    memory_free(job);
}

const struct error *bulk_job_error(const struct bulk_job *job)
{
    return &job->error;
}
