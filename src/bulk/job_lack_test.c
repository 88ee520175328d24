/* Tests of jobs that lack what they need: a store that fails, connections, a ledger. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <signal.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/random.h"
#include "bulk/job_rig.h"
#include "probe/ledger.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failing_stores_lose_nothing),
        cmocka_unit_test(rows_that_we_failed_are_asked_again),
        cmocka_unit_test(a_ledger_that_cannot_be_written_costs_no_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
