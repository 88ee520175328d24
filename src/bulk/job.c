#include "bulk/job.h"

#include <time.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "bulk/job_internal.h"
#include "bulk/job_outcome.h"
#include "io/loop.h"

#define FLUSH_MS         250
#define RETRY_MS         SECOND_MS /* after the store failed, or the engine had no room */
#define FAILURES_MAX     3
#define BATCH_BYTES      (4U << 20)
#define INFO_SAVED_MS    (10 * SECOND_MS)
#define TIME_UP_GRACE_MS (5 * SECOND_MS)
#define FED_IN_A_TURN    2000 /* then the loop has other things to do */

/* --- what the store knows of it ------------------------------------------------------------ */

static int read_info(struct bulk_job *job, struct error *error)
{
    int code;

    arena_reset(&job->info_arena);
    code = store_job_get(job->store, job->info.id, &job->info_arena, &job->info, error);
    return code == 0 ? store_counts(job->store, job->info.id, &job->counts, error) : code;
}

static uint64_t run_ms(const struct bulk_job *job)
{
    return job->phase == BULK_JOB_PHASE_OPEN ? 0 : io_now_ms(job->loop) - job->started_ms;
}

static int save_info(struct bulk_job *job, enum store_job_state state, struct error *error)
{
    job->info.state = state;
    job->info.active_ms = job->active_before_ms + run_ms(job);
    job->saved_ms = io_now_ms(job->loop);
    return store_job_update(job->store, &job->info, error);
}

/* --- ending -------------------------------------------------------------------------------- */

static void stop_timers(struct bulk_job *job)
{
    io_timer_stop(&job->flush_timer);
    io_timer_stop(&job->feed_timer);
    io_timer_stop(&job->stop_timer);
}

static void abandon_tickets(struct bulk_job *job)
{
    struct list_node *node;

    while ((node = list_pop(&job->tickets)) != NULL)
        LIST_ELEMENT(node, struct bulk_ticket, node)->job = NULL;
    job->in_flight = 0;
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
    if (how == BULK_JOB_FINISHED)
        job->info.finished_unix_ms = io_unix_ms(job->loop);
    /* A store that failed may fail at this too: the first error is the one to tell. */
    code = save_info(job, states[how], how == BULK_JOB_FAILED ? NULL : &job->error);
    job->end = code == 0 ? how : BULK_JOB_FAILED;
    job->phase = BULK_JOB_PHASE_ENDED;
    stop_timers(job);
    abandon_tickets(job);
    job->events.ended(job->user, job->end);
}

void bulk_job_fail(struct bulk_job *job)
{
    end(job, BULK_JOB_FAILED);
}

/* --- keeping results ----------------------------------------------------------------------- */

static void empty_batch(struct bulk_job *job)
{
    job->result_count = 0;
    arena_reset(&job->arena);
}

/* Without it the loop may have nothing left to wait for. */
static bool start_timer(struct bulk_job *job, struct io_timer *timer, uint64_t after_ms)
{
    if (io_timer_start(timer, io_now_ms(job->loop) + after_ms) == 0)
        return true;
    error_set(&job->error, ERROR_NOMEM, "no memory for a timer");
    bulk_job_fail(job);
    return false;
}

/* The loop's own clock stands still during a commit. */
static uint64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_MS + (uint64_t)now.tv_nsec / 1000000;
}

static int commit(struct bulk_job *job)
{
    uint64_t before = clock_ms(), took;
    int code =
        store_results_put(job->store, job->info.id, job->results, job->result_count, &job->error);

    if (code == 0)
        code = read_info(job, &job->error);
    took = clock_ms() - before;
    if (took > job->longest_commit_ms)
        job->longest_commit_ms = took;
    return code;
}

/* True when all is kept. */
static bool flush(struct bulk_job *job)
{
    io_timer_stop(&job->flush_timer);
    if (job->result_count == 0)
        return true;
    if (commit(job) != 0) {
        /* Somebody may make room or let go of a lock. */
        if (++job->failures > FAILURES_MAX)
            bulk_job_fail(job);
        else
            (void)start_timer(job, &job->flush_timer, RETRY_MS);
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

/* The row's result joins the batch; without memory for it the row is left for another time. */
static void gather(struct bulk_job *job, struct store_result *result, uint64_t row, uint64_t copies)
{
    result->row = row;
    result->copies = copies;
    if (add_result(job, result) != 0) {
        error_set(&job->error, ERROR_NOMEM, "no memory to keep results");
        bulk_job_fail(job);
        return;
    }
    if (job->failures > 0)
        return; /* a retry is on its way */
    if (job->result_count >= BULK_BATCH || job->arena.used_bytes >= BATCH_BYTES)
        (void)flush(job);
    else if (!io_timer_is_running(&job->flush_timer))
        (void)start_timer(job, &job->flush_timer, FLUSH_MS);
}

static const struct result_options *json_options(const struct bulk_job *job,
                                                 struct result_options *options)
{
    *options = (struct result_options){.with_evidence = job->options.with_evidence};
    return job->options.without_json ? NULL : options;
}

/* --- feeding ------------------------------------------------------------------------------- */

static void probe_is_done(void *user, const struct evidence *evidence,
                          const struct verdict *verdict)
{
    struct bulk_ticket *ticket = user;
    struct bulk_job *job = ticket->job;
    struct result_options options;
    struct store_result result;
    uint64_t row = ticket->row, copies = ticket->copies;

    list_remove(&ticket->node);
    memory_free(ticket);
    if (job == NULL)
        return;
    job->in_flight--;
    /* Broken off, it is asked again another time. */
    if (evidence->stop != EVIDENCE_STOP_CANCELLED) {
        if (bulk_job_result(evidence, verdict, json_options(job, &options), &job->scratch,
                            &result) != 0) {
            error_set(&job->error, ERROR_NOMEM, "no memory to keep results");
            bulk_job_fail(job);
            return;
        }
        gather(job, &result, row, copies);
    }
    bulk_job_go_on(job);
}

/* 0; ERROR_BUSY: the engine is full. */
static int submit(struct bulk_job *job, const struct store_row *row)
{
    const struct probe_wish wish = {
        .depth = job->options.depth,
        .patience = job->options.patience,
        .is_in_no_hurry = true,
    };
    struct bulk_ticket *ticket = memory_zalloc(1, sizeof(*ticket));
    int code;

    if (ticket == NULL)
        return ERROR_NOMEM;
    ticket->job = job;
    ticket->row = row->number;
    ticket->copies = row->copies;
    code = probe_engine_submit_wish(job->engine, row->address, &wish, probe_is_done, ticket);
    if (code != 0) {
        memory_free(ticket);
        return code;
    }
    list_append(&job->tickets, &ticket->node);
    job->in_flight++;
    return 0;
}

static void keep_fault(struct bulk_job *job, const struct store_row *row)
{
    struct result_options options;
    struct store_result result;
    struct verdict verdict;

    if (bulk_job_fault_result(row->fault, io_unix_ms(job->loop), json_options(job, &options),
                              &job->scratch, &verdict, &result) != 0) {
        error_set(&job->error, ERROR_NOMEM, "no memory to keep results");
        bulk_job_fail(job);
        return;
    }
    gather(job, &result, row->number, row->copies);
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
    if (row.fault.len > 0) {
        keep_fault(job, &row);
        return 1;
    }
    code = submit(job, &row);
    if (code == 0)
        return 1;
    bulk_feed_put_back(job->feed);
    (void)start_timer(job, &job->feed_timer, RETRY_MS);
    return code;
}

static bool may_feed(const struct bulk_job *job)
{
    return job->phase == BULK_JOB_PHASE_RUNNING && !job->is_fed && job->failures == 0 &&
           job->in_flight < job->options.window && !io_timer_is_running(&job->feed_timer);
}

static void feed(struct bulk_job *job)
{
    if (job->is_feeding) /* a batch kept on the way calls back */
        return;
    job->is_feeding = true;
    for (size_t fed = 0; may_feed(job); fed++) {
        if (fed == FED_IN_A_TURN)
            (void)start_timer(job, &job->feed_timer, 0);
        else if (feed_one(job) == 0)
            job->is_fed = true;
    }
    job->is_feeding = false;
}

void bulk_job_go_on(struct bulk_job *job)
{
    if (job->phase == BULK_JOB_PHASE_RUNNING)
        feed(job);
    if (job->phase == BULK_JOB_PHASE_ENDED || job->in_flight > 0 || job->is_feeding ||
        job->failures > 0)
        return;
    if (job->phase == BULK_JOB_PHASE_RUNNING && !job->is_fed)
        return; /* the engine had no room: the timer runs */
    if (!flush(job))
        return;
    if (store_job_left(&job->info) == 0)
        end(job, BULK_JOB_FINISHED);
    else if (job->phase == BULK_JOB_PHASE_STOPPING)
        end(job, job->end);
    else if (job->phase == BULK_JOB_PHASE_RUNNING)
        end(job, BULK_JOB_STOPPED); /* somebody cancelled the engine under us */
}

/* --- timers -------------------------------------------------------------------------------- */

static void flush_time_came(struct io_timer *timer)
{
    struct bulk_job *job = timer->user;

    if (!flush(job))
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
    abandon_tickets(job);
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
    arena_init(&job->info_arena);
    arena_init(&job->arena);
    buffer_init(&job->scratch, 0);
    list_init(&job->tickets);
    io_timer_init(loop, &job->flush_timer, flush_time_came, job);
    io_timer_init(loop, &job->feed_timer, feed_time_came, job);
    io_timer_init(loop, &job->stop_timer, stop_time_came, job);
    code = read_info(job, error);
    if (code == 0 && job->info.state == STORE_JOB_LOADING)
        code = error_set(error, ERROR_USAGE, "job %llu is not loaded", (unsigned long long)id);
    if (code == 0)
        code = bulk_feed_open(store, id, options->order, &job->feed, error);
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
    /* Ended from the loop, never from inside this call. */
    (void)start_timer(job, &job->stop_timer, job->in_flight > 0 ? grace_ms : 0);
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
    abandon_tickets(job);
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

const struct store_job *bulk_job_info(const struct bulk_job *job)
{
    return &job->info;
}

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
        .in_flight = job->in_flight,
        .run_ms = run_ms(job),
        .rows_per_s = per_s,
        .eta_ms = eta_ms(job, per_s, store_job_left(&job->info)),
        .counts = job->counts,
        .longest_commit_ms = job->longest_commit_ms,
    };
}
