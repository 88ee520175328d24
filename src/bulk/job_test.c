/*
 * Jobs in the simulated world, with a store that lasts: whatever happens, at the end every row has
 * exactly one result, nothing kept is asked again, and limits hold.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/random.h"
#include "bulk/job.h"
#include "bulk/job_carry.h"
#include "bulk/job_internal.h"
#include "bulk/job_key.h"
#include "bulk/job_rate.h"
#include "bulk/job_seen.h"
#include "lab/sim_loop.h"
#include "lab/world.h"
#include "probe/ledger.h"
#include "probe/state.h"

#define ROWS 300

static const struct ip_network everywhere[] = {{{4, {0}}, 0}, {{6, {0}}, 0}};

static const char scenario_text[] = "domain a.example\n"
                                    "  mx 10 mx.a.example\n"
                                    "server mx.a.example 192.0.2.1\n"
                                    "  offer pipelining\n"
                                    "  mailbox u*\n"
                                    "domain all.example\n"
                                    "  mx 10 mx.all.example\n"
                                    "server mx.all.example 192.0.2.2\n"
                                    "  behave accept-all\n"
                                    "domain grey.example\n"
                                    "  mx 10 mx.grey.example\n"
                                    "server mx.grey.example 192.0.2.3\n"
                                    "  mailbox u*\n"
                                    "  behave greylist 300s\n"
                                    "domain null.example\n"
                                    "  mx null\n";

/* Rows stand sorted by domain, as exports do. */
static const char *const domains[] = {"a.example", "all.example", "grey.example", "null.example",
                                      "none.example"};

static enum verdict_reason expected(uint64_t row)
{
    static const enum verdict_reason reasons[] = {REASON_ACCEPTED, REASON_ACCEPTS_ALL,
                                                  REASON_ACCEPTED, REASON_NULL_MX,
                                                  REASON_DOMAIN_NOT_FOUND};
    size_t domain = (size_t)(row - 1) / (ROWS / ARRAY_LEN(domains));

    if (row % 50 == 0)
        return REASON_NOT_PROBED; /* can't be read */
    if (row % 7 == 0 && (domain == 0 || domain == 2))
        return REASON_MAILBOX_NOT_FOUND;
    return reasons[domain];
}

static void address_of(uint64_t row, char out[64])
{
    size_t domain = (size_t)(row - 1) / (ROWS / ARRAY_LEN(domains));

    snprintf(out, 64, "%s%llu@%s", row % 7 == 0 ? "x" : "u", (unsigned long long)row,
             domains[domain]);
}

/* Row 11 is row 1 again, row 21 is row 11's, and so is the first of the greylisted ones. */
static bool is_duplicate(uint64_t row)
{
    return row == 11 || row == 21;
}

static uint64_t load(struct store *store)
{
    static char addresses[ROWS][64];
    static struct store_row rows[ROWS];
    const struct store_mark marks[] = {{11, 1}, {21, 1}};
    struct store_job job = {.state = STORE_JOB_LOADING, .name = SLICE("list")};
    struct arena arena;
    uint64_t id;

    arena_init(&arena);
    for (uint64_t i = 0; i < ROWS; i++) {
        rows[i] = (struct store_row){
            .number = i + 1, .turn = (uint32_t)(i * 7919 % ROWS), .fault = SLICE_EMPTY};
        address_of(i + 1, addresses[i]);
        rows[i].address = slice_from_string(addresses[i]);
        if ((i + 1) % 50 == 0) {
            rows[i].address = SLICE_EMPTY;
            rows[i].fault = SLICE("no such column");
        }
    }
    assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
    assert_int_equal(store_rows_add(store, id, rows, ROWS, NULL), 0);
    assert_int_equal(store_rows_mark(store, id, marks, 2, NULL), 0);
    assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
    job.state = STORE_JOB_READY;
    assert_int_equal(store_job_update(store, &job, NULL), 0);
    arena_done(&arena);
    return id;
}

/* One life of the program. */
struct run {
    struct lab_sim_plan plan;
    struct probe_settings settings;
    struct bulk_job_options options;
    struct store *store;
    uint64_t id;
    struct io_loop *loop;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct dns_resolver *resolver;
    struct probe_engine *engine;
    struct bulk_habits *habits;
    struct bulk_job *job;
    unsigned ended;
    enum bulk_job_end end;
    uint64_t ended_ms;
    uint64_t kept, kept_with_json;
    uint64_t in_flight_most, held_most;
    uint64_t stop_after_kept, stop_grace_ms;
    uint64_t rcpts_at_stop;
    unsigned strangers[ARRAY_LEN(domains)]; /* asked in this life */
    bool knew_habit[ARRAY_LEN(domains)];    /* before it */
};

static void run_init(struct run *run, struct store *store, uint64_t id, uint64_t seed)
{
    *run = (struct run){
        .plan = {.seed = seed, .latency_min_ms = 5, .latency_max_ms = 40},
        .options = {.window = 40, .depth = EVIDENCE_DEPTH_SMTP, .patience = PROBE_PATIENCE_NORMAL},
        .store = store,
        .id = id,
    };
    probe_settings_init(&run->settings);
    run->settings.helo_name = SLICE("probe.mailknock.example");
    run->settings.allowed = (struct ip_networks){everywhere, ARRAY_LEN(everywhere)};
    run->settings.seed = seed;
}

static void look(struct run *run)
{
    struct bulk_job_progress progress;

    bulk_job_progress(run->job, &progress);
    if (progress.in_flight > run->in_flight_most)
        run->in_flight_most = progress.in_flight;
    if (progress.in_flight + progress.waiting > run->held_most)
        run->held_most = progress.in_flight + progress.waiting;
    assert_int_equal(progress.done + progress.left + progress.duplicates, progress.rows);
}

static uint64_t rcpts_of(const struct run *run)
{
    struct lab_counts counts;

    lab_world_counts(run->world, &counts);
    return counts.rcpts;
}

static void stop(struct run *run)
{
    bulk_job_stop(run->job, run->stop_grace_ms);
    run->rcpts_at_stop = rcpts_of(run);
}

static void kept(void *user, const struct store_result *results, size_t count)
{
    struct run *run = user;
    uint64_t before = run->kept;

    assert_true(count > 0 && results[0].row > 0);
    run->kept += count;
    for (size_t i = 0; i < count; i++)
        run->kept_with_json += results[i].json.len > 0;
    look(run);
    if (before < run->stop_after_kept && run->kept >= run->stop_after_kept)
        stop(run);
}

static void ended(void *user, enum bulk_job_end end)
{
    struct run *run = user;

    run->ended++;
    run->end = end;
    run->ended_ms = io_now_ms(run->loop);
}

static void run_build(struct run *run)
{
    const struct bulk_job_events events = {kept, ended};
    struct dns_resolver_options options = {
        .allowed = run->settings.allowed,
        .use_ipv4 = true,
        .use_ipv6 = true,
        .seed = run->plan.seed,
    };
    struct probe_memory memory;
    struct error error = {0};

    run->scenario = lab_scenario_parse(slice_from_string(scenario_text), &error);
    if (run->scenario == NULL)
        fail_msg("%s", error.message);
    run->loop = lab_sim_loop_new(&run->plan);
    run->world = lab_world_new(run->loop, run->scenario, 25, run->plan.seed, &error);
    assert_non_null(run->world);
    lab_world_set_slack(run->world, run->plan.latency_max_ms * 2);
    run->resolver = dns_resolver_new(run->loop, lab_world_transport(run->world), &options);
    run->engine = probe_engine_new(run->loop, run->resolver, NULL, &run->settings);
    assert_non_null(run->engine);
    run->habits = run->options.habits = bulk_habits_new(run->loop, run->store, run->store);
    memory = bulk_habits_memory(run->habits);
    probe_engine_set_memory(run->engine, &memory);
    if (bulk_job_open(run->loop, run->engine, run->store, run->id, &run->options, &events, run,
                      &run->job, &error) != 0)
        fail_msg("%s", error.message);
}

static void hear(void *user, const char *line)
{
    struct run *run = user;
    char words[64];

    if (strstr(line, "RCPT TO:<mailknock-probe-") == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
        snprintf(words, sizeof(words), "@%s>", domains[i]);
        run->strangers[i] += strstr(line, words) != NULL;
    }
}

static bool is_habit_kept(struct store *store, const char *domain)
{
    struct store_record record;
    struct arena arena;
    int code;

    arena_init(&arena);
    code = store_record_get(store, STORE_RECORD_DOMAIN, slice_from_string(domain), &arena, &record,
                            NULL);
    arena_done(&arena);
    assert_true(code == 0 || code == 1);
    return code == 1;
}

/* What a stranger taught in another life is not asked again, and is kept before any result is. */
static void check_habits(const struct run *run, const bool has_result[ROWS + 1])
{
    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        if (run->knew_habit[i] && run->strangers[i] > 0)
            fail_msg("seed %llu: %s was met with a stranger again",
                     (unsigned long long)run->plan.seed, domains[i]);
    for (uint64_t row = 1; row <= ROWS; row++) {
        size_t domain = (size_t)(row - 1) / (ROWS / ARRAY_LEN(domains));

        if (has_result[row] && domain == 1 && row % 50 != 0)
            assert_true(is_habit_kept(run->store, domains[domain]));
    }
}

/* One life, to its end or until the plan kills it. */
static void run_live(struct run *run)
{
    struct error error = {0};

    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        run->knew_habit[i] = is_habit_kept(run->store, domains[i]);
    lab_world_on_line(run->world, hear, run);
    if (bulk_job_start(run->job, &error) == 0) {
        look(run);
        io_loop_run(run->loop);
    }
    if (lab_world_violation(run->world, 0) != NULL)
        fail_msg("seed %llu: %s", (unsigned long long)run->plan.seed,
                 lab_world_violation(run->world, 0));
    assert_true(run->held_most <= run->options.window * 4);
}

static void run_done(struct run *run)
{
    bulk_job_free(run->job);
    probe_engine_free(run->engine);
    bulk_habits_free(run->habits);
    dns_resolver_free(run->resolver);
    lab_world_free(run->world);
    io_loop_free(run->loop);
    lab_scenario_free(run->scenario);
}

/* Which rows have results: the count; and that they are right. */
static uint64_t check_results(struct store *store, uint64_t id, bool is_faulty,
                              bool has_result[ROWS + 1])
{
    const struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = ROWS + 1};
    struct store_counts counts;
    uint64_t results = 0, rows = 0;
    struct store_page page;

    store_page_init(&page);
    assert_int_equal(store_page_read(store, id, &query, &page, NULL), 0);
    assert_int_equal(page.count, ROWS);
    for (size_t i = 0; i < page.count; i++) {
        const struct store_line *line = &page.lines[i];

        has_result[i + 1] = line->has_result;
        rows += line->has_result;
        if (line->has_result && !is_duplicate(i + 1)) {
            results++;
            /* What breaks on the way may keep us from knowing, never make us wrong. */
            if (line->result.reason != expected(i + 1) &&
                !(is_faulty && line->result.status != VERDICT_INVALID))
                fail_msg("row %zu is %s, not %s: %.*s", i + 1,
                         verdict_reason_name(line->result.reason),
                         verdict_reason_name(expected(i + 1)), SLICE_ARG(line->result.explanation));
        }
    }
    store_page_done(&page);
    assert_int_equal(store_counts(store, id, &counts, NULL), 0);
    for (size_t i = 0; i < VERDICT_REASON_COUNT; i++) {
        results -= counts.results[i];
        rows -= counts.rows[i];
    }
    assert_int_equal(results, 0);
    assert_int_equal(rows, 0);
    for (size_t i = 1; i <= ROWS; i++)
        results += has_result[i];
    return results;
}

static struct store *memory_store(void)
{
    struct store *store;

    assert_int_equal(store_open("memory:", STORE_MODE_CREATE, &store, NULL), 0);
    return store;
}

static enum store_job_state state_of(struct store *store, uint64_t id)
{
    struct store_job job;
    struct arena arena;

    arena_init(&arena);
    assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
    arena_done(&arena);
    return job.state;
}

static void a_list_is_cleaned(void **state)
{
    struct store *store = memory_store();
    bool has_result[ROWS + 1];
    struct bulk_job_progress progress;
    struct run run;

    run_init(&run, store, load(store), 1);
    run_build(&run);
    run_live(&run);
    assert_int_equal(run.ended, 1);
    assert_int_equal(run.end, BULK_JOB_FINISHED);
    assert_int_equal(check_results(store, run.id, false, has_result), ROWS);
    assert_int_equal(state_of(store, run.id), STORE_JOB_FINISHED);
    bulk_job_progress(run.job, &progress);
    assert_int_equal(progress.left, 0);
    assert_int_equal(progress.eta_ms, 0);
    assert_int_equal(progress.counts.rows[REASON_NOT_PROBED], 6);
    assert_int_equal(run.in_flight_most, 40);
    run_done(&run);
    store_close(store);
}

static void json_in_passing_is_kept_where_duplicates_need_it(void **state)
{
    const struct store_query query = {
        .scope = STORE_SCOPE_ROWS, .limit = ROWS + 1, .with_json = true};
    struct store *store = memory_store();
    struct store_page page;
    struct run run;

    run_init(&run, store, load(store), 1);
    run.options.json_in_passing = true;
    run_build(&run);
    run_live(&run);
    assert_int_equal(run.end, BULK_JOB_FINISHED);
    assert_int_equal(run.kept, ROWS - 2);
    assert_int_equal(run.kept_with_json, ROWS - 2);
    store_page_init(&page);
    assert_int_equal(store_page_read(store, run.id, &query, &page, NULL), 0);
    assert_int_equal(page.count, ROWS);
    for (size_t i = 0; i < page.count; i++) {
        assert_true(page.lines[i].has_result);
        assert_int_equal(page.lines[i].result.json.len > 0, i == 0 || is_duplicate(i + 1));
    }
    store_page_done(&page);
    run_done(&run);
    store_close(store);
}

static int dead_results_put(struct store *store, uint64_t job, const struct store_result *results,
                            size_t count, struct error *error)
{
    return error_set(error, ERROR_IO, "we are dead");
}

/* Nothing that is torn down may still be kept. */
static void run_killed(struct run *run)
{
    const struct store_ops *sound = run->store->ops;
    struct store_ops ops = *sound;

    ops.results_put = dead_results_put;
    run->store->ops = &ops;
    run_done(run);
    run->store->ops = sound;
}

/* Killed at any moment, again and again, with a network that breaks: nothing is lost or repeated.
 */
static void killed_jobs_go_on(void **state)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct store *store = memory_store();
        bool before[ROWS + 1], after[ROWS + 1];
        uint64_t id = load(store), count = 0;
        struct random random;
        struct run run;
        unsigned lives = 0;

        random_init(&random, seed);
        memset(before, 0, sizeof(before));
        do {
            run_init(&run, store, id, seed * 1000 + lives);
            run.options.window = 1 + random_below(&random, 60);
            run.plan.split_writes = random_chance(&random, 1, 3);
            run.plan.reset_permille = (unsigned)random_below(&random, 3);
            run.plan.drop_permille = (unsigned)random_below(&random, 30);
            if (lives < 4)
                run.plan.stop_after_ms = 1 + random_below(&random, lives < 2 ? 4000 : 400000);
            run_build(&run);
            run_live(&run);
            for (uint64_t row = 1; row <= ROWS; row++) {
                char address[64];

                address_of(row, address);
                if (before[row] && lab_world_rcpt_count(run.world, slice_from_string(address)) > 0)
                    fail_msg("seed %llu: %s was asked again", (unsigned long long)seed, address);
            }
            run_killed(&run);
            count = check_results(store, id, true, after);
            check_habits(&run, after);
            for (uint64_t row = 1; row <= ROWS; row++)
                assert_true(after[row] || !before[row]);
            memcpy(before, after, sizeof(before));
            lives++;
            assert_true(lives < 10);
        } while (run.ended == 0);
        assert_int_equal(run.end, BULK_JOB_FINISHED);
        assert_int_equal(count, ROWS);
        store_close(store);
    }
}

static void hang_up(struct io_timer *timer)
{
    struct run *run = timer->user;

    if (run->engine->finished_count == 0 && run->ended == 0)
        assert_int_equal(io_timer_start(timer, io_now_ms(run->loop) + 1), 0);
    else
        io_loop_stop(run->loop);
}

/* Without those of duplicates, which come with another's. */
static uint64_t own_results(struct store *store, uint64_t id)
{
    bool has_result[ROWS + 1];
    uint64_t count = check_results(store, id, false, has_result);

    for (uint64_t row = 1; row <= ROWS; row++)
        count -= is_duplicate(row) && has_result[row];
    return count;
}

/* Whoever has no time left keeps what was gathered and what the engine was about to tell. */
static void left_jobs_keep_what_was_answered(void **state)
{
    uint64_t untold = 0;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct store *store = memory_store();
        struct io_timer timer;
        struct run run;
        uint64_t count;

        run_init(&run, store, load(store), seed);
        run_build(&run);
        io_timer_init(run.loop, &timer, hang_up, &run);
        assert_int_equal(io_timer_start(&timer, 200 + seed * 7), 0);
        run_live(&run);
        untold += run.engine->finished_count;
        count = own_results(store, run.id) + run.job->result_count + run.engine->finished_count;
        run_done(&run);
        assert_int_equal(own_results(store, run.id), count);
        store_close(store);
    }
    assert_true(untold > 0);
}

static void stopped_jobs_keep_what_they_have(void **state)
{
    static const uint64_t graces[] = {0, 50, 5000, HOUR_MS};

    for (size_t i = 0; i < ARRAY_LEN(graces); i++) {
        struct store *store = memory_store();
        bool has_result[ROWS + 1];
        struct lab_counts seen;
        struct run run;
        uint64_t count;

        run_init(&run, store, load(store), i + 1);
        run.stop_after_kept = 50;
        run.stop_grace_ms = graces[i];
        run_build(&run);
        run_live(&run);
        assert_int_equal(run.ended, 1);
        assert_int_equal(run.end, BULK_JOB_STOPPED);
        assert_int_equal(state_of(store, run.id), STORE_JOB_PAUSED);
        /* What was on the wire arrives; nothing more is asked, and nobody is hung up on. */
        assert_true(rcpts_of(&run) <= run.rcpts_at_stop + 4);
        lab_world_counts(run.world, &seen);
        assert_int_equal(seen.left_without_quit, 0);
        assert_true(run.ended_ms < MINUTE_MS);
        count = check_results(store, run.id, false, has_result);
        assert_true(count >= 50 && count < ROWS);
        run_done(&run);
        run_init(&run, store, run.id, i + 100);
        run_build(&run);
        run_live(&run);
        assert_int_equal(run.end, BULK_JOB_FINISHED);
        assert_int_equal(check_results(store, run.id, false, has_result), ROWS);
        run_done(&run);
        store_close(store);
    }
}

static void time_may_be_limited(void **state)
{
    struct store *store = memory_store();
    bool has_result[ROWS + 1];
    struct run run;
    uint64_t count;

    run_init(&run, store, load(store), 1);
    run.options.max_time_ms = 30 * SECOND_MS; /* greylists want 300 s */
    run.options.window = 100;
    run_build(&run);
    run_live(&run);
    assert_int_equal(run.end, BULK_JOB_OUT_OF_TIME);
    assert_true(run.ended_ms < 40 * SECOND_MS);
    count = check_results(store, run.id, false, has_result);
    assert_true(count > 200 && count < ROWS);
    run_done(&run);
    store_close(store);
}

/* --- a store that fails -------------------------------------------------------------------- */

static struct random store_faults;
static unsigned fault_permille;
static const struct store_ops *sound_ops;

static bool store_fails(struct error *error)
{
    if (!random_chance(&store_faults, fault_permille, 1000))
        return false;
    error_set(error, ERROR_IO, "the disk is full");
    return true;
}

static int failing_results_put(struct store *store, uint64_t job,
                               const struct store_result *results, size_t count,
                               struct error *error)
{
    if (store_fails(error))
        return ERROR_IO;
    return sound_ops->results_put(store, job, results, count, error);
}

static int failing_page_read(struct store *store, uint64_t job, const struct store_query *query,
                             struct store_page *page, struct error *error)
{
    return store_fails(error) ? ERROR_IO : sound_ops->page_read(store, job, query, page, error);
}

static int failing_job_update(struct store *store, const struct store_job *before,
                              const struct store_job *job, struct error *error)
{
    return store_fails(error) ? ERROR_IO : sound_ops->job_update(store, before, job, error);
}

static void failing_stores_lose_nothing(void **state)
{
    unsigned failed = 0;

    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct store *store = memory_store();
        uint64_t id = load(store);
        bool has_result[ROWS + 1];
        struct store_ops ops = *store->ops;
        struct run run;
        unsigned lives = 0;

        sound_ops = store->ops;
        ops.results_put = failing_results_put;
        ops.page_read = failing_page_read;
        ops.job_update = failing_job_update;
        random_init(&store_faults, seed);
        do {
            /* The disk gets better in time. */
            fault_permille = lives < 8 ? 5 + (unsigned)(seed % 400) : 0;
            store->ops = &ops;
            run_init(&run, store, id, seed);
            run_build(&run);
            run_live(&run);
            if (run.ended > 0 && run.end == BULK_JOB_FAILED) {
                assert_string_equal(bulk_job_error(run.job)->message, "the disk is full");
                failed++;
            }
            run_done(&run);
            store->ops = sound_ops;
            check_results(store, id, false, has_result);
            assert_true(++lives < 12);
        } while (run.ended == 0 || run.end != BULK_JOB_FINISHED);
        assert_int_equal(check_results(store, id, false, has_result), ROWS);
        store_close(store);
    }
    assert_true(failed > 50);
}

/* --- an engine that fails --------------------------------------------------------------------- */

static const struct io_loop_ops *sound_loop;
static uint64_t sound_from_ms;
static enum error_code lack;

static int failing_connect(struct io_loop *loop, const struct io_endpoint *from,
                           const struct io_endpoint *to, const struct io_stream_events *events,
                           void *user, struct io_stream **ret_stream, struct error *error)
{
    if (io_now_ms(loop) < sound_from_ms)
        return error_set(error, lack, "no connection");
    return sound_loop->connect(loop, from, to, events, user, ret_stream, error);
}

static void lack_connections(struct run *run, struct io_loop_ops *ops, uint64_t until_ms)
{
    sound_loop = run->loop->ops;
    sound_from_ms = until_ms;
    *ops = *sound_loop;
    ops->connect = failing_connect;
    run->loop->ops = ops;
}

static int64_t finished_ms(struct store *store, uint64_t id)
{
    struct store_job job;
    struct arena arena;

    arena_init(&arena);
    assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
    arena_done(&arena);
    return job.finished_unix_ms;
}

/* For a while, or for good: then it is said so, after minutes, and goes on when it is mended. */
static void rows_that_we_failed_are_asked_again(void **state)
{
    static const struct {
        uint64_t lacks_ms;
        enum error_code code;
        const char *why;
    } rows[] = {
        {500, ERROR_NOMEM, NULL},
        {40 * SECOND_MS, ERROR_NOMEM, NULL},
        {5 * MINUTE_MS, ERROR_IO, NULL},
        {INSTANT_NEVER, ERROR_NOMEM, "out of memory"},
        {INSTANT_NEVER, ERROR_IO, "no connection can be made from the source address"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store *store = memory_store();
        bool has_result[ROWS + 1];
        struct store_counts counts;
        struct io_loop_ops ops;
        struct run run;

        run_init(&run, store, load(store), i + 1);
        run_build(&run);
        lack = rows[i].code;
        lack_connections(&run, &ops, rows[i].lacks_ms);
        run_live(&run);
        assert_int_equal(run.ended, 1);
        assert_int_equal(run.end, rows[i].why != NULL ? BULK_JOB_FAILED : BULK_JOB_FINISHED);
        assert_true(finished_ms(store, run.id) > 0); /* retention counts from then */
        if (rows[i].why != NULL) {
            assert_non_null(strstr(bulk_job_error(run.job)->message, rows[i].why));
            assert_true(run.ended_ms > 6 * MINUTE_MS);
            assert_true(check_results(store, run.id, false, has_result) < ROWS);
            run.loop->ops = sound_loop;
            run_done(&run);
            run_init(&run, store, run.id, i + 1);
            run_build(&run);
            run_live(&run);
            assert_int_equal(run.end, BULK_JOB_FINISHED);
            assert_true(finished_ms(store, run.id) > 0);
        }
        assert_int_equal(check_results(store, run.id, false, has_result), ROWS);
        assert_int_equal(store_counts(store, run.id, &counts, NULL), 0);
        assert_int_equal(counts.rows[REASON_INTERNAL_ERROR], 0);
        run.loop->ops = sound_loop;
        run_done(&run);
        store_close(store);
    }
}

/*
 * No connection is opened that could not be noted (probe/ledger.h). No row pays for it, however
 * long it lasts: they wait, little is done meanwhile, and they go on when it is over.
 */
struct mended {
    struct io_timer timer;
    struct run *run;
    struct rlimit limit;
    struct probe_counts counts; /* as they were then */
};

static void mend_ledger(struct io_timer *timer)
{
    struct mended *mended = timer->user;

    probe_engine_counts(mended->run->engine, &mended->counts);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &mended->limit), 0);
}

static void a_ledger_that_cannot_be_written_costs_no_row(void **state)
{
    const uint64_t lasts_ms = 20 * MINUTE_MS;
    char folder[] = "/tmp/mk-job-XXXXXX", path[64];
    struct store *store = memory_store();
    struct probe_ledger *ledger = NULL;
    bool has_result[ROWS + 1];
    struct store_counts counts;
    struct mended mended;
    struct rlimit nothing;
    struct run run;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/ledger", folder);
    assert_int_equal(probe_ledger_open(path, 0, "a", 0, &ledger, NULL), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    run_init(&run, store, load(store), 1);
    run_build(&run);
    probe_engine_set_ledger(run.engine, ledger);
    mended.run = &run;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &mended.limit), 0);
    nothing = (struct rlimit){.rlim_cur = 0, .rlim_max = mended.limit.rlim_max};
    io_timer_init(run.loop, &mended.timer, mend_ledger, &mended);
    assert_int_equal(io_timer_start(&mended.timer, io_now_ms(run.loop) + lasts_ms), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &nothing), 0);
    run_live(&run);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &mended.limit), 0);
    assert_int_equal(mended.counts.connections, 0);
    assert_in_range(mended.counts.unnoted, lasts_ms / SECOND_MS / 2, lasts_ms / SECOND_MS + 10);
    assert_int_equal(run.end, BULK_JOB_FINISHED);
    assert_true(run.ended_ms > lasts_ms);
    assert_int_equal(check_results(store, run.id, false, has_result), ROWS);
    assert_int_equal(store_counts(store, run.id, &counts, NULL), 0);
    assert_int_equal(counts.rows[REASON_INTERNAL_ERROR], 0);
    run_done(&run);
    probe_ledger_close(ledger);
    store_close(store);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* --- several jobs on one engine ------------------------------------------------------------- */

static void jobs_share_the_engine(void **state)
{
    const struct bulk_job_events events = {kept, ended};
    struct store *store = memory_store();
    bool has_result[ROWS + 1];
    struct run run, other;
    struct error error = {0};
    uint64_t first = load(store), second = load(store);

    run_init(&run, store, first, 3);
    run.settings.cases_max = 50; /* less than both want */
    run_build(&run);
    run_init(&other, store, second, 3);
    other.loop = run.loop;
    assert_int_equal(bulk_job_open(run.loop, run.engine, store, second, &other.options, &events,
                                   &other, &other.job, &error),
                     0);
    assert_int_equal(bulk_job_start(other.job, &error), 0);
    bulk_job_set_window(other.job, 20);
    run_live(&run);
    assert_int_equal(run.end, BULK_JOB_FINISHED);
    assert_int_equal(other.ended, 1);
    assert_int_equal(other.end, BULK_JOB_FINISHED);
    assert_int_equal(check_results(store, first, false, has_result), ROWS);
    assert_int_equal(check_results(store, second, false, has_result), ROWS);
    bulk_job_free(other.job);
    run_done(&run);
    store_close(store);
}

/* --- the same on disk ----------------------------------------------------------------------- */

static void files_do_as_well_as_memory(void **state)
{
    char folder[] = "/tmp/mk-job-XXXXXX", path[64], command[64];
    bool has_result[ROWS + 1];
    struct store *store;
    uint64_t id = 0;
    struct run run;
    unsigned lives = 0;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/list.mkjob", folder);
    do {
        assert_int_equal(store_open(path, STORE_MODE_CREATE, &store, NULL), 0);
        if (id == 0)
            id = load(store);
        run_init(&run, store, id, 7 + lives);
        run.plan.stop_after_ms = lives < 3 ? 600 : 0;
        run_build(&run);
        run_live(&run);
        run_done(&run);
        store_close(store);
        assert_true(++lives < 6);
    } while (run.ended == 0);
    assert_int_equal(store_open(path, STORE_MODE_READ_ONLY, &store, NULL), 0);
    assert_int_equal(check_results(store, id, false, has_result), ROWS);
    store_close(store);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* --- parts ---------------------------------------------------------------------------------- */

static void feeds_give_every_row_in_its_turn(void **state)
{
    enum {
        MANY = 20000,
    };
    static struct store_row rows[1000];
    static bool seen[MANY + 1];
    struct store *store = memory_store();
    struct store_job job = {.name = SLICE("list")};
    struct bulk_feed *feed;
    struct store_row row;
    uint64_t id, count = 0;
    uint32_t last_turn = 0;

    assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
    for (uint64_t number = 1; number <= MANY; number++) {
        rows[(number - 1) % 1000] = (struct store_row){
            .number = number,
            .turn = (uint32_t)(number * 2654435761U),
            .address = SLICE("x"),
            .fault = SLICE_EMPTY,
        };
        if (number % 1000 == 0)
            assert_int_equal(store_rows_add(store, id, rows, 1000, NULL), 0);
    }
    assert_int_equal(bulk_feed_open(store, id, MANY, BULK_FEED_BY_TURN, &feed, NULL), 0);
    while (bulk_feed_prepare(feed, NULL) == 1)
        count++;
    assert_in_range(count, (MANY + 3999) / 4000, MANY / 16); /* a bit at a time */
    count = 0;
    while (bulk_feed_next(feed, &row, NULL) == 1) {
        uint64_t number = row.number;

        if (count++ % 37 == 5) {
            bulk_feed_put_back(feed);
            assert_int_equal(bulk_feed_next(feed, &row, NULL), 1);
            assert_int_equal(row.number, number);
        }
        assert_false(seen[number]);
        seen[number] = true;
        assert_true((uint32_t)(number * 2654435761U) >= last_turn);
        last_turn = (uint32_t)(number * 2654435761U);
    }
    assert_int_equal(count, MANY);
    bulk_feed_close(feed);
    assert_int_equal(bulk_feed_open(store, id, MANY, BULK_FEED_IN_ORDER, &feed, NULL), 0);
    assert_int_equal(bulk_feed_prepare(feed, NULL), 0);
    for (count = 1; bulk_feed_next(feed, &row, NULL) == 1; count++)
        assert_int_equal(row.number, count);
    assert_int_equal(count, MANY + 1);
    bulk_feed_close(feed);
    store_close(store);
}

/* A job with these addresses, keyed as mailboxes, duplicates marked. */
static uint64_t make_keyed(struct store *store, const char *const *addresses, size_t count)
{
    struct store_job job = {.name = SLICE("list")};
    uint64_t id;

    assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        struct slice address = slice_from_string(addresses[i]);
        char key[BULK_KEY_SIZE];
        struct store_row row = {
            .number = i + 1,
            .key = bulk_job_key_hash(bulk_job_key(BULK_DEDUPE_MAILBOX, address, key)),
            .address = address,
            .fault = SLICE_EMPTY,
        };

        assert_int_equal(store_rows_add(store, id, &row, 1, NULL), 0);
    }
    return id;
}

static void results_move_to_a_changed_list(void **state)
{
    static const char *const old_list[] = {"a@gmail.com", "b@x.example", "c@x.example", "",
                                           "d@x.example"};
    static const char *const new_list[] = {
        "new@x.example", "c@x.example", "A+tag@gmail.com", "a@gmail.com", "", "d@x.example"};
    const struct store_mark mark = {4, 3};
    struct store *store = memory_store();
    uint64_t from = make_keyed(store, old_list, ARRAY_LEN(old_list));
    uint64_t to = make_keyed(store, new_list, ARRAY_LEN(new_list)), carried;
    struct store_counts counts;
    struct store_page page;

    assert_int_equal(store_rows_mark(store, to, &mark, 1, NULL), 0);
    for (uint64_t row = 1; row <= 3; row++) {
        const struct store_result result = {
            .row = row,
            .reason = row == 1 ? REASON_ACCEPTED : REASON_TIMEOUT,
            .status = row == 1 ? VERDICT_VALID : VERDICT_UNKNOWN,
            .explanation = SLICE("as before"),
        };

        assert_int_equal(store_results_put(store, from, &result, 1, NULL), 0);
    }
    for (int again = 0; again < 2; again++) {
        assert_int_equal(bulk_job_carry(store, from, to, BULK_DEDUPE_MAILBOX, &carried, NULL), 0);
        assert_int_equal(carried, again ? 0 : 2);
        assert_int_equal(store_counts(store, to, &counts, NULL), 0);
        assert_int_equal(counts.rows[REASON_ACCEPTED], 2); /* with its duplicate */
        assert_int_equal(counts.rows[REASON_TIMEOUT], 1);
    }
    store_page_init(&page);
    assert_int_equal(store_line_read(store, to, 4, &page, NULL), 0);
    assert_true(page.lines[0].has_result);
    assert_true(slice_equal(page.lines[0].result.explanation, SLICE("as before")));
    assert_int_equal(store_line_read(store, to, 6, &page, NULL), 0);
    assert_false(page.lines[0].has_result); /* d had none yet */
    store_page_done(&page);
    store_close(store);
}

static void mailboxes_have_one_key(void **state)
{
    static const struct {
        const char *a, *b;
        bool exact, mailbox;
    } rows[] = {
        {"bob@gmail.com", "bob@gmail.com", true, true},
        {"bob@gmail.com", "B.ob+news@GMAIL.com", false, true},
        {"bob@example.com", "bob@EXAMPLE.com", false, true},
        {"bob@example.com", "rob@example.com", false, false},
        {"not an address", "not an address", true, true},
        {"not an address", "Not an address", false, false},
        {"@bob@gmail.com", "bob@gmail.com", false, false},
        {"", "", false, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int dedupe = BULK_DEDUPE_OFF; dedupe <= BULK_DEDUPE_MAILBOX; dedupe++) {
            char a_bytes[BULK_KEY_SIZE], b_bytes[BULK_KEY_SIZE];
            struct slice a = bulk_job_key(dedupe, slice_from_string(rows[i].a), a_bytes);
            struct slice b = bulk_job_key(dedupe, slice_from_string(rows[i].b), b_bytes);
            bool same = a.len > 0 && slice_equal(a, b);

            assert_int_equal(same, dedupe == BULK_DEDUPE_EXACT     ? rows[i].exact
                                   : dedupe == BULK_DEDUPE_MAILBOX ? rows[i].mailbox
                                                                   : false);
            assert_int_equal(bulk_job_key_hash(a) == 0, a.len == 0);
            if (same)
                assert_int_equal(bulk_job_key_hash(a), bulk_job_key_hash(b));
        }
    }
}

static void first_rows_are_remembered(void **state)
{
    struct bulk_seen seen;
    uint64_t found = 0;

    bulk_seen_init(&seen, 1 << 20);
    for (uint64_t row = 1; row <= 20000; row++) {
        uint64_t hash = (row % 7000 + 1) * UINT64_C(0x9e3779b97f4a7c15);
        uint64_t first = bulk_seen_first(&seen, hash, row);

        assert_int_equal(first, row < 7000                     ? 0
                                : row == 7000                  ? 0
                                : row - row / 7000 * 7000 == 0 ? 7000
                                                               : row % 7000);
        found += first != 0;
    }
    assert_int_equal(found, 13000);
    assert_int_equal(seen.forgotten, 0);
    bulk_seen_done(&seen);
    /* Full: what was seen stays, what comes is forgotten and said to be. */
    bulk_seen_init(&seen, 0);
    bulk_seen_expect(&seen, UINT64_MAX);
    for (uint64_t row = 1; row <= 5000; row++)
        assert_int_equal(bulk_seen_first(&seen, row * UINT64_C(0x9e3779b97f4a7c15), row), 0);
    assert_true(seen.forgotten > 4000 && seen.forgotten < 5000);
    assert_int_equal(bulk_seen_first(&seen, UINT64_C(0x9e3779b97f4a7c15), 5001), 1);
    bulk_seen_done(&seen);
}

static void rates_are_of_the_last_minute(void **state)
{
    struct bulk_rate rate;
    uint64_t count = 0;

    bulk_rate_init(&rate, 1000, 0);
    assert_true(bulk_rate_per_s(&rate, 1000, 0) == 0);
    for (uint64_t at = 1000; at <= 121000; at += 500)
        bulk_rate_note(&rate, at, count += 50);
    assert_true(bulk_rate_per_s(&rate, 121000, count) > 98);
    assert_true(bulk_rate_per_s(&rate, 121000, count) < 102);
    assert_true(bulk_rate_per_s(&rate, 181000, count) < 60);
}

/* What own messages to a domain met is told when it is met; what has expired is not. */
static void outcomes_acquaint_with_a_domain(void **state)
{
    static const struct {
        enum store_record_kind kind;
        const char *key;
        int64_t left_ms;
        enum verdict_reason value;
    } kept[] = {
        {STORE_RECORD_DELIVERY, "ann.schmidt@a.example", 1000},
        {STORE_RECORD_DELIVERY, "bob.kowalczyk@a.example", 1000},
        {STORE_RECORD_DELIVERY, "info@a.example", 1000},
        {STORE_RECORD_DELIVERY, "old.weber@a.example", -1000},
        {STORE_RECORD_BOUNCE, "cas@a.example", 1000},
        {STORE_RECORD_BOUNCE, "dee@b.example", 1000},
        {STORE_RECORD_MAILBOX, "carol.weber@a.example", 1000, REASON_ACCEPTED},
        {STORE_RECORD_MAILBOX, "dora.weber@a.example", -1000, REASON_ACCEPTED},
        {STORE_RECORD_MAILBOX, "eve@a.example", 1000, REASON_MAILBOX_NOT_FOUND},
        {STORE_RECORD_MAILBOX, "fay.weber@a.example", 1000, REASON_ACCEPTS_ALL},
    };
    const struct lab_sim_plan plan = {.seed = 1};
    struct io_loop *loop = lab_sim_loop_new(&plan);
    struct naming_habits naming = {{0}};
    struct evidence_peers peers = {0};
    struct bulk_habits *habits;
    struct probe_memory memory;
    struct store *store;

    assert_non_null(loop);
    assert_int_equal(store_open("memory:", STORE_MODE_CREATE, &store, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const struct store_record record = {
            .kind = kept[i].kind,
            .key = slice_from_string(kept[i].key),
            .group =
                slice_from_offset(slice_from_string(kept[i].key), strcspn(kept[i].key, "@") + 1),
            .value = (uint8_t)kept[i].value,
            .is_proof = true,
            .checked_unix_ms = io_unix_ms(loop) - 2000,
            .expires_unix_ms = io_unix_ms(loop) + kept[i].left_ms,
            .body = SLICE_EMPTY,
        };

        assert_int_equal(store_records_put(store, &record, 1, NULL), 0);
    }
    habits = bulk_habits_new(loop, store, store);
    assert_non_null(habits);
    memory = bulk_habits_memory(habits);
    memory.acquaint(memory.user, SLICE("a.example"), &naming, &peers);
    assert_int_equal(peers.delivered, 3);
    assert_int_equal(peers.bounced, 1);
    assert_int_equal(peers.accepted, 1);
    assert_int_equal(peers.absent, 1);
    assert_int_equal(peers.refused, 1);
    assert_int_equal(naming_total(&naming), 3);
    assert_int_equal(naming_alike(&naming, NAMING_FIRST_DOT_LAST), 3);
    bulk_habits_free(habits);
    store_close(store);
    io_loop_free(loop);
}

/* A domain with more outcomes than are looked at: its shares are those of its first mailboxes. */
static void many_outcomes_keep_their_shares(void **state)
{
    static const struct {
        const char *domain;
        unsigned deliveries_of_10; /* of 400 mailboxes */
    } rows[] = {{"nine.example", 9}, {"half.example", 5}, {"one.example", 1}};
    const struct lab_sim_plan plan = {.seed = 1};
    struct io_loop *loop = lab_sim_loop_new(&plan);
    struct bulk_habits *habits;
    struct probe_memory memory;
    struct store *store;

    assert_non_null(loop);
    assert_int_equal(store_open("memory:", STORE_MODE_CREATE, &store, NULL), 0);
    habits = bulk_habits_new(loop, store, store);
    assert_non_null(habits);
    memory = bulk_habits_memory(habits);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct naming_habits naming = {{0}};
        struct evidence_peers peers = {0};
        unsigned share;

        for (unsigned k = 0; k < 400; k++) {
            char key[64];
            struct store_record record = {
                .kind = k * 7 % 10 < rows[i].deliveries_of_10 ? STORE_RECORD_DELIVERY
                                                              : STORE_RECORD_BOUNCE,
                .group = slice_from_string(rows[i].domain),
                .is_proof = true,
                .checked_unix_ms = 1,
                .expires_unix_ms = INT64_MAX,
                .body = SLICE_EMPTY,
            };

            snprintf(key, sizeof(key), "u%03u@%s", k, rows[i].domain);
            record.key = slice_from_string(key);
            assert_int_equal(store_records_put(store, &record, 1, NULL), 0);
        }
        memory.acquaint(memory.user, slice_from_string(rows[i].domain), &naming, &peers);
        assert_in_range(peers.delivered + peers.bounced, 64, 130);
        share = 100 * peers.delivered / (peers.delivered + peers.bounced);
        assert_in_range(share, 10 * rows[i].deliveries_of_10 - 4,
                        10 * rows[i].deliveries_of_10 + 4);
    }
    bulk_habits_free(habits);
    store_close(store);
    io_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_acquaint_with_a_domain),
        cmocka_unit_test(many_outcomes_keep_their_shares),
        cmocka_unit_test(a_list_is_cleaned),
        cmocka_unit_test(json_in_passing_is_kept_where_duplicates_need_it),
        cmocka_unit_test(killed_jobs_go_on),
        cmocka_unit_test(left_jobs_keep_what_was_answered),
        cmocka_unit_test(stopped_jobs_keep_what_they_have),
        cmocka_unit_test(time_may_be_limited),
        cmocka_unit_test(failing_stores_lose_nothing),
        cmocka_unit_test(rows_that_we_failed_are_asked_again),
        cmocka_unit_test(a_ledger_that_cannot_be_written_costs_no_row),
        cmocka_unit_test(jobs_share_the_engine),
        cmocka_unit_test(files_do_as_well_as_memory),
        cmocka_unit_test(feeds_give_every_row_in_its_turn),
        cmocka_unit_test(results_move_to_a_changed_list),
        cmocka_unit_test(first_rows_are_remembered),
        cmocka_unit_test(mailboxes_have_one_key),
        cmocka_unit_test(rates_are_of_the_last_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
