/*
 * Jobs in the simulated world, with a store that lasts: whatever happens, at the end every row has
 * exactly one result, nothing kept is asked again, and limits hold.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/random.h"
#include "bulk/job_rig.h"

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

static void jobs_share_the_engine(void **state)
{
    const struct bulk_job_events events = {run_kept, run_ended};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_cleaned),
        cmocka_unit_test(json_in_passing_is_kept_where_duplicates_need_it),
        cmocka_unit_test(killed_jobs_go_on),
        cmocka_unit_test(left_jobs_keep_what_was_answered),
        cmocka_unit_test(stopped_jobs_keep_what_they_have),
        cmocka_unit_test(time_may_be_limited),
        cmocka_unit_test(jobs_share_the_engine),
        cmocka_unit_test(files_do_as_well_as_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
