/*
 * Tests of places in SQLite: results put, replaced and taken back at random, through two handles
 * that hold few places and are closed and opened, stand where they should after each step.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/random.h"
#include "store/sqlite_internal.h"

enum {
    ROWS = 3000, /* five chunks */
    BATCH = 120,
    LONG = 700, /* so many that an entry of the log is too long for more to join it */
    HELD = 40,
    JOBS = 40, /* more than are in memory at once */
    STEPS = 400,
};

struct bench {
    char folder[64], path[96];
    struct store *stores[2];   /* of the same file */
    uint64_t jobs[JOBS], rows; /* of each */
    struct random random;
    /* What should be there: reason + 1, or 0; and when it was checked. */
    uint8_t reasons[JOBS][ROWS + 1];
    int64_t checked[JOBS][ROWS + 1];
};

static uint64_t below(struct bench *bench, uint64_t end)
{
    return random_below(&bench->random, end);
}

static void open_store(struct bench *bench, size_t which)
{
    struct error error = {0};

    store_close(bench->stores[which]);
    bench->stores[which] = NULL;
    if (store_open(bench->path, STORE_MODE_CREATE, &bench->stores[which], &error) != 0)
        fail_msg("%s", error.message);
    sqlite_places_hold(sqlite_store_of(bench->stores[which]), HELD);
    /* The disk is not what is tested. */
    assert_int_equal(sqlite3_exec(sqlite_store_of(bench->stores[which])->db,
                                  "PRAGMA synchronous=OFF", NULL, NULL, NULL),
                     SQLITE_OK);
}

static void add_job(struct bench *bench, size_t job)
{
    const struct store_job info = {.name = SLICE("list")};
    struct store_row rows[ROWS];

    for (uint64_t i = 0; i < bench->rows; i++)
        rows[i] = (struct store_row){.number = i + 1, .address = SLICE("a@b.example")};
    assert_int_equal(store_job_add(bench->stores[0], &info, &bench->jobs[job], NULL), 0);
    assert_int_equal(
        store_rows_add(bench->stores[0], bench->jobs[job], rows, (size_t)bench->rows, NULL), 0);
    memset(bench->reasons[job], 0, sizeof(bench->reasons[job]));
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    if (bench == NULL)
        return -1;
    snprintf(bench->folder, sizeof(bench->folder), "/tmp/mk-place-test-XXXXXX");
    if (mkdtemp(bench->folder) == NULL)
        return -1;
    snprintf(bench->path, sizeof(bench->path), "%s/list.mkjob", bench->folder);
    bench->rows = ROWS;
    for (size_t i = 0; i < 2; i++)
        open_store(bench, i);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < 2; i++)
        store_close(bench->stores[i]);
    unlink(bench->path);
    rmdir(bench->folder);
    free(bench);
    return 0;
}

/* --- what is there --------------------------------------------------------------------------- */

/* Lines of a page, whole or of one reason, against what should be there. */
static void check_pages(struct bench *bench, struct store *store, size_t job, unsigned reason)
{
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 700};
    const uint8_t *reasons = bench->reasons[job];
    struct store_page page;
    struct error error = {0};
    uint64_t row = 0;

    if (reason != 0)
        query.filter.reasons = UINT64_C(1) << (reason - 1);
    store_page_init(&page);
    do {
        if (store_page_read(store, bench->jobs[job], &query, &page, &error) != 0)
            fail_msg("%s", error.message);
        for (size_t i = 0; i < page.count; i++) {
            const struct store_line *line = &page.lines[i];

            for (row++; reason != 0 && row <= bench->rows && reasons[row] != reason; row++)
                ;
            assert_int_equal(line->row.number, row);
            assert_int_equal(line->has_result, reasons[row] != 0);
            if (!line->has_result)
                continue;
            assert_int_equal(line->result.reason + 1, reasons[row]);
            assert_int_equal(line->result.checked_unix_ms, bench->checked[job][row]);
        }
        query.after = page.after;
    } while (!page.at_end);
    for (row++; reason != 0 && row <= bench->rows && reasons[row] != reason; row++)
        ;
    assert_int_equal(row, bench->rows + 1);
    store_page_done(&page);
}

static void check_pending(struct bench *bench, struct store *store, size_t job)
{
    struct store_query query = {.scope = STORE_SCOPE_PENDING, .limit = 700};
    struct store_page page;
    uint64_t row = 0;

    store_page_init(&page);
    do {
        assert_int_equal(store_page_read(store, bench->jobs[job], &query, &page, NULL), 0);
        for (size_t i = 0; i < page.count; i++) {
            for (row++; row <= bench->rows && bench->reasons[job][row] != 0; row++)
                ;
            assert_int_equal(page.lines[i].row.number, row);
        }
        query.after = page.after;
    } while (!page.at_end);
    for (row++; row <= bench->rows && bench->reasons[job][row] != 0; row++)
        ;
    assert_int_equal(row, bench->rows + 1);
    store_page_done(&page);
}

static void check(struct bench *bench, size_t jobs)
{
    size_t job = (size_t)below(bench, jobs);
    struct store *store = bench->stores[below(bench, 2)];

    switch (below(bench, 3)) {
    case 0:
        check_pages(bench, store, job, 0);
        break;
    case 1:
        check_pages(bench, store, job, 1 + (unsigned)below(bench, 5));
        break;
    default:
        check_pending(bench, store, job);
    }
}

/* --- what happens ---------------------------------------------------------------------------- */

/* A batch of rows in no order, now and then near each other, some perhaps twice. */
static size_t choose(struct bench *bench, uint64_t rows[LONG])
{
    static const size_t most[] = {3, 3, BATCH, BATCH, BATCH, LONG};
    size_t count = 1 + (size_t)below(bench, most[below(bench, 6)]);
    uint64_t all = bench->rows, near = below(bench, 4) == 0 && all > 300 ? 300 : all;
    uint64_t from = below(bench, all - near + 1);

    for (size_t i = 0; i < count; i++)
        rows[i] = 1 + from + below(bench, near);
    return count;
}

static size_t make_results(struct bench *bench, int64_t checked, struct store_result results[LONG])
{
    uint64_t rows[LONG];
    size_t count = choose(bench, rows);

    for (size_t i = 0; i < count; i++)
        results[i] = (struct store_result){.row = rows[i],
                                           .reason = (enum verdict_reason)below(bench, 5),
                                           .checked_unix_ms = checked};
    return count;
}

static void put(struct bench *bench, struct store *store, size_t job, int64_t now)
{
    struct store_result results[LONG];
    size_t count = make_results(bench, now, results);
    struct error error = {0};

    if (store_results_put(store, bench->jobs[job], results, count, &error) != 0)
        fail_msg("%s", error.message);
    for (size_t i = 0; i < count; i++) {
        if (bench->reasons[job][results[i].row] != 0)
            continue;
        bench->reasons[job][results[i].row] = (uint8_t)(results[i].reason + 1);
        bench->checked[job][results[i].row] = now;
    }
}

static void replace(struct bench *bench, struct store *store, size_t job)
{
    struct store_result results[LONG];
    size_t count = make_results(bench, 0, results);
    bool seen[ROWS + 1] = {false};
    uint64_t replaced, expected = 0;

    for (size_t i = 0; i < count; i++)
        results[i].checked_unix_ms = bench->checked[job][results[i].row] - (i % 5 == 0);
    assert_int_equal(
        store_results_replace(store, bench->jobs[job], results, count, &replaced, NULL), 0);
    /* Of one row, the first. */
    for (size_t i = 0; i < count; i++) {
        uint64_t row = results[i].row;

        if (seen[row])
            continue;
        seen[row] = true;
        if (i % 5 == 0 || bench->reasons[job][row] == 0)
            continue;
        bench->reasons[job][row] = (uint8_t)(results[i].reason + 1);
        expected++;
    }
    assert_int_equal(replaced, expected);
}

static void forget(struct bench *bench, struct store *store, size_t job)
{
    uint64_t rows[LONG], forgotten, expected = 0;
    size_t count = choose(bench, rows);

    for (size_t i = 0; i < count; i++) {
        expected += bench->reasons[job][rows[i]] != 0;
        bench->reasons[job][rows[i]] = 0;
    }
    assert_int_equal(store_results_forget(store, bench->jobs[job], rows, count, &forgotten, NULL),
                     0);
    assert_int_equal(forgotten, expected);
}

static int refuse_commit(void *user)
{
    (void)user;
    return 1;
}

/* A commit that does not come about leaves all as it was. */
static void break_off(struct bench *bench, struct store *store, size_t job, int64_t now)
{
    struct store_result results[LONG];
    size_t count = make_results(bench, now, results);
    sqlite3 *db = sqlite_store_of(store)->db;

    sqlite3_commit_hook(db, refuse_commit, NULL);
    assert_true(store_results_put(store, bench->jobs[job], results, count, NULL) < 0);
    sqlite3_commit_hook(db, NULL, NULL);
}

static void do_anything(struct bench *bench, size_t jobs, int step)
{
    size_t job = (size_t)below(bench, jobs);
    struct store *store = bench->stores[below(bench, 8) == 0];

    switch (below(bench, 12)) {
    case 0:
    case 1:
        forget(bench, store, job);
        break;
    case 2:
        replace(bench, store, job);
        break;
    case 3:
        open_store(bench, (size_t)below(bench, 2));
        break;
    case 4:
        break_off(bench, store, job, step);
        break;
    default:
        put(bench, store, job, step);
    }
}

static void results_stand_where_they_should(void **state)
{
    struct bench *bench = *state;
    uint64_t seed = 20261127;

    print_message("seed %llu\n", (unsigned long long)seed);
    random_init(&bench->random, seed);
    for (size_t job = 0; job < 2; job++)
        add_job(bench, job);
    for (int step = 1; step <= STEPS; step++) {
        do_anything(bench, 2, step);
        check(bench, 2);
    }
    for (unsigned reason = 0; reason <= 5; reason++)
        check_pages(bench, bench->stores[1], 0, reason);
}

static int64_t number_of(struct store *store, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t number;

    assert_int_equal(sqlite3_prepare_v2(sqlite_store_of(store)->db, sql, -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static void put_rows(struct bench *bench, uint64_t from, size_t count)
{
    struct store_result results[LONG];

    for (size_t i = 0; i < count; i++) {
        results[i] = (struct store_result){.row = from + i};
        bench->reasons[0][from + i] = 1;
    }
    assert_int_equal(store_results_put(bench->stores[0], bench->jobs[0], results, count, NULL), 0);
}

/* Long entries stand for themselves in the log, and short ones join none of them. */
static void long_commits_and_short_ones_take_turns(void **state)
{
    struct bench *bench = *state;
    uint64_t row = 5, forgotten;

    sqlite_places_hold(sqlite_store_of(bench->stores[0]), ROWS);
    add_job(bench, 0);
    memset(bench->checked[0], 0, sizeof(bench->checked[0]));
    put_rows(bench, 2000, 1);
    put_rows(bench, 1, LONG);
    put_rows(bench, 2001, 2);
    assert_int_equal(
        store_results_forget(bench->stores[0], bench->jobs[0], &row, 1, &forgotten, NULL), 0);
    bench->reasons[0][row] = 0;
    assert_int_equal(number_of(bench->stores[0], "SELECT count(*) FROM place_log"), 3);
    put_rows(bench, LONG + 1, LONG);
    assert_int_equal(number_of(bench->stores[0], "SELECT count(*) FROM place_log"), 4);
    put_rows(bench, 2003, 1);
    assert_int_equal(number_of(bench->stores[0], "SELECT max(length(packed)) FROM place_log"),
                     LONG * PLACE_LOG_BYTES);
    for (size_t i = 0; i < 2; i++)
        check_pages(bench, bench->stores[i], 0, 0);
}

/* Lists come and go in memory, mostly without a word from the other handle. */
static void more_lists_than_are_held_stand_where_they_should(void **state)
{
    struct bench *bench = *state;

    random_init(&bench->random, 5);
    bench->rows = 100;
    for (size_t job = 0; job < JOBS; job++)
        add_job(bench, job);
    for (int step = 1; step <= 10 * STEPS; step++) {
        if (step % 40 == 0)
            do_anything(bench, JOBS, step);
        else if (step % 4 == 0)
            forget(bench, bench->stores[0], (size_t)below(bench, JOBS));
        else
            put(bench, bench->stores[0], (size_t)below(bench, JOBS), step);
        check(bench, JOBS);
    }
    for (size_t job = 0; job < JOBS; job++)
        check_pages(bench, bench->stores[1], job, 0);
}

static void set_state(struct bench *bench, enum store_job_state state)
{
    const struct store_job job = {.id = bench->jobs[0], .name = SLICE("list"), .state = state};

    assert_int_equal(store_job_update(bench->stores[0], &job, NULL), 0);
}

/* Which rows have no result is remembered while they are asked about. */
static void what_only_work_needs_goes_with_it(void **state)
{
    static const enum store_job_state ended[] = {STORE_JOB_PAUSED, STORE_JOB_FINISHED,
                                                 STORE_JOB_CANCELLED, STORE_JOB_FAILED};
    struct bench *bench = *state;
    const struct sqlite_store *store = sqlite_store_of(bench->stores[0]);

    add_job(bench, 0);
    for (size_t i = 0; i < sizeof(ended) / sizeof(ended[0]); i++) {
        set_state(bench, STORE_JOB_RUNNING);
        check_pending(bench, bench->stores[0], 0);
        set_state(bench, STORE_JOB_RUNNING);
        assert_true(sqlite_places_beside(store) >= ROWS / 8);
        set_state(bench, ended[i]);
        assert_int_equal(sqlite_places_beside(store), 0);
    }
    check_pending(bench, bench->stores[0], 0);
}

static int64_t count_of(struct store *store, const char *table)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
    return number_of(store, sql);
}

/* A whole list in random order: chunks are all written, and the log does not grow with the list. */
static void what_is_written_leaves_the_log(void **state)
{
    struct bench *bench = *state;
    struct store *store = bench->stores[0];
    int64_t logged = 0;

    random_init(&bench->random, 3);
    add_job(bench, 0);
    for (uint64_t i = 0; i < ROWS; i += 10) {
        struct store_result results[10];

        for (uint64_t j = 0; j < 10; j++)
            results[j] = (struct store_result){.row = (i + j) * 1009 % ROWS + 1};
        assert_int_equal(store_results_put(store, bench->jobs[0], results, 10, NULL), 0);
        for (size_t j = 0; j < 10; j++)
            bench->reasons[0][results[j].row] = 1;
        memset(bench->checked[0], 0, sizeof(bench->checked[0]));
        logged = count_of(store, "place_log") > logged ? count_of(store, "place_log") : logged;
    }
    assert_int_equal(count_of(store, "place"), (ROWS + PLACE_CHUNK_ROWS - 1) / PLACE_CHUNK_ROWS);
    assert_in_range(logged, 1, 4 * HELD / 10);
    check_pages(bench, bench->stores[1], 0, 0);
}

/* Rows that are asked again and again, so few that all of them are held. */
static void the_log_of_a_short_list_is_bounded(void **state)
{
    struct bench *bench = *state;
    struct store *store = bench->stores[0];
    struct store_result results[HELD / 2];
    uint64_t rows[HELD / 2], forgotten;
    int64_t most = 0;

    add_job(bench, 0);
    for (size_t i = 0; i < HELD / 2; i++) {
        rows[i] = i + 1;
        results[i] = (struct store_result){.row = i + 1};
        bench->reasons[0][i + 1] = 1;
    }
    memset(bench->checked[0], 0, sizeof(bench->checked[0]));
    for (int night = 0; night < 100; night++) {
        int64_t octets;

        assert_int_equal(store_results_put(store, bench->jobs[0], results, HELD / 2, NULL), 0);
        octets = number_of(store, "SELECT sum(length(packed)) FROM place_log");
        most = octets > most ? octets : most;
        if (night < 99)
            assert_int_equal(
                store_results_forget(store, bench->jobs[0], rows, HELD / 2, &forgotten, NULL), 0);
    }
    assert_in_range(most, 1, 5 * HELD * PLACE_LOG_BYTES);
    check_pages(bench, bench->stores[1], 0, 0);
}

/* Bit by bit, with the places of another list untouched, also when it is broken off. */
static void lists_go_with_their_places(void **state)
{
    struct bench *bench = *state;
    struct store_job job;
    struct arena arena;
    int code;

    random_init(&bench->random, 4);
    for (size_t i = 0; i < 2; i++)
        add_job(bench, i);
    for (int step = 1; step <= 60; step++) {
        put(bench, bench->stores[0], (size_t)step % 2, step);
        forget(bench, bench->stores[0], (size_t)step % 2);
        put(bench, bench->stores[0], (size_t)step % 2, step);
    }
    while ((code = store_job_remove(bench->stores[below(bench, 2)], bench->jobs[0],
                                    1 + (size_t)below(bench, 100), NULL)) == 1)
        if (below(bench, 10) == 0)
            open_store(bench, (size_t)below(bench, 2));
    assert_int_equal(code, 0);
    arena_init(&arena);
    assert_int_equal(store_job_get(bench->stores[0], bench->jobs[1], &arena, &job, NULL), 0);
    assert_int_equal(count_of(bench->stores[0], "outcome"), job.done);
    arena_done(&arena);
    for (size_t i = 0; i < 2; i++)
        check_pages(bench, bench->stores[i], 1, 0);
    while (store_job_remove(bench->stores[0], bench->jobs[1], 1000, NULL) == 1)
        ;
    assert_int_equal(count_of(bench->stores[0], "outcome") + count_of(bench->stores[0], "place") +
                         count_of(bench->stores[0], "place_log"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_stand_where_they_should, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_commits_and_short_ones_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_lists_than_are_held_stand_where_they_should, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_only_work_needs_goes_with_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_written_leaves_the_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_log_of_a_short_list_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_go_with_their_places, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
