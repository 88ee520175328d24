/* Parts in a real PostgreSQL: who shares one, how lists go, and what older tables become. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "store/postgres_rig.h"
#include "store/store.h"

#define LARGE UINT64_C(10000000)

static const char *url;

static struct store *open_store(void)
{
    struct error error = {0};
    struct store *store;

    if (store_open(url, STORE_MODE_CREATE, &store, &error) != 0)
        fail_msg("%s", error.message);
    return store;
}

static int set_up(void **state)
{
    /* It holds tables for longer than a step waits; then the step is left for later, as meant. */
    postgres_rig_run("ALTER SYSTEM SET autovacuum TO off");
    postgres_rig_run("SELECT pg_reload_conf()");
    postgres_rig_run("SET client_min_messages TO error; DROP SCHEMA IF EXISTS mailknock CASCADE");
    *state = open_store();
    return 0;
}

static int tear_down(void **state)
{
    store_close(*state);
    return 0;
}

static uint64_t add_list(struct store *store, uint64_t expected, uint64_t rows)
{
    const struct store_job job = {.options = SLICE("{}"), .expected = expected};
    struct error error = {0};
    uint64_t id;

    if (store_job_add(store, &job, &id, &error) != 0)
        fail_msg("%s", error.message);
    for (uint64_t number = 1; number <= rows; number++) {
        const struct store_row row = {.number = number, .address = SLICE("a@example.com")};
        const struct store_result result = {
            .row = number,
            .reason = REASON_ACCEPTED,
            .json = SLICE("{\"schema\":1}"),
        };

        assert_int_equal(store_rows_add(store, id, &row, 1, NULL), 0);
        if (store_results_put(store, id, &result, 1, &error) != 0)
            fail_msg("%s", error.message);
    }
    return id;
}

/* Every row is there, with its result. */
static void expect_list(struct store *store, uint64_t id, uint64_t rows)
{
    const struct store_query query = {.limit = 100, .with_json = true};
    struct store_counts counts;
    struct store_page page;

    store_page_init(&page);
    assert_int_equal(store_page_read(store, id, &query, &page, NULL), 0);
    assert_int_equal(page.count, rows);
    for (size_t i = 0; i < page.count; i++) {
        assert_true(page.lines[i].has_result);
        assert_true(slice_equal(page.lines[i].result.json, SLICE("{\"schema\":1}")));
    }
    assert_int_equal(store_counts(store, id, &counts, NULL), 0);
    assert_int_equal(counts.results[REASON_ACCEPTED], rows);
    store_page_done(&page);
}

static int steps_to_remove(struct store *store, uint64_t id, size_t max)
{
    int steps = 1, code;

    while ((code = store_job_remove(store, id, max, NULL)) == 1)
        steps++;
    assert_int_equal(code, 0);
    return steps;
}

static void small_lists_share_a_part(void **state)
{
    uint64_t first = add_list(*state, 0, 20), second = add_list(*state, 100, 3);

    assert_int_equal(first, 1);
    assert_int_equal(second, 2);
    assert_int_equal(steps_to_remove(*state, first, 5), 9); /* bit by bit: the other stays */
    expect_list(*state, second, 3);
    postgres_rig_expect("(SELECT count(*) FROM mailknock.line_0)=3 AND"
                        " (SELECT count(*) FROM mailknock.result_0)=3");
}

static void a_large_list_is_alone_and_goes_at_once(void **state)
{
    uint64_t small = add_list(*state, 0, 3), large = add_list(*state, LARGE, 20);
    uint64_t other = add_list(*state, LARGE, 20), next = add_list(*state, 0, 3);

    assert_int_equal(small, 1);
    assert_int_equal(large, 1000);
    assert_int_equal(other, 2000);
    assert_int_equal(next, 3000);
    expect_list(*state, large, 20);
    assert_int_equal(steps_to_remove(*state, large, 5), 1);
    postgres_rig_expect("pg_relation_size('mailknock.line_1000')=0 AND"
                        " pg_relation_size('mailknock.result_1000')=0 AND"
                        " NOT EXISTS (SELECT 1 FROM mailknock.tally WHERE job=1000) AND"
                        " NOT EXISTS (SELECT 1 FROM mailknock.job WHERE id=1000)");
    expect_list(*state, small, 3);
    expect_list(*state, other, 20);
    expect_list(*state, next, 3);
    /* Who makes a part drops what is empty. */
    assert_int_equal(add_list(*state, LARGE, 0), 4000);
    postgres_rig_expect(
        "to_regclass('mailknock.line_1000') IS NULL AND"
        " to_regclass('mailknock.result_1000') IS NULL AND"
        " (SELECT array_agg(first ORDER BY first)='{0,2000,3000,4000}' FROM mailknock.part)");
}

static void a_full_part_gets_no_more(void **state)
{
    uint64_t full = add_list(*state, 0, 3), next;

    postgres_rig_run("UPDATE mailknock.job SET rows=100000");
    next = add_list(*state, 0, 3);
    assert_int_equal(next, 1000);
    assert_int_equal(add_list(*state, 0, 0), 1001);
    expect_list(*state, full, 3);
    expect_list(*state, next, 3);
    postgres_rig_expect("(SELECT count(*) FROM mailknock.line_rest)=0");
}

/* It is cleared, to be loaded again: the list stays. */
static void a_list_alone_can_be_loaded_again(void **state)
{
    struct store *store = *state;
    uint64_t id = add_list(store, LARGE, 20);
    struct store_row row = {.number = 1, .address = SLICE("b@example.com")};

    assert_int_equal(store_job_clear(store, id, 5, NULL), 0);
    assert_int_equal(store_rows_add(store, id, &row, 1, NULL), 0);
    postgres_rig_expect("(SELECT rows FROM mailknock.job)=1 AND"
                        " (SELECT count(*) FROM mailknock.line)=1 AND"
                        " (SELECT count(*) FROM mailknock.result)=0");
}

static void lists_of_older_programs_have_no_part(void **state)
{
    struct store *store = *state;
    uint64_t large = add_list(store, LARGE, 3);

    /* An older program draws the next number, which nobody has made a part for. */
    postgres_rig_run(
        "INSERT INTO mailknock.job (state, name, sources, fingerprint, options, note, created_ms,"
        " started_ms, finished_ms, active_ms, rows) VALUES (0, '', '', '', '', '', 0, 0, 0, 0, 2);"
        "INSERT INTO mailknock.line (job, row, key, turn, address)"
        " SELECT 1000, n, 0, 0, 'a' FROM generate_series(1, 2) n");
    assert_int_equal(large, 1);
    postgres_rig_expect("(SELECT count(*) FROM mailknock.line_rest)=2");
    assert_int_equal(add_list(store, 0, 3), 2000);
    assert_int_equal(steps_to_remove(store, 1000, 1), 3);
    postgres_rig_expect("(SELECT count(*) FROM mailknock.line_rest)=0");
}

/* Whoever reads the part now is not waited for: it goes bit by bit then. */
static void a_part_in_use_is_not_waited_for(void **state)
{
    struct store *store = *state, *reader = open_store();
    uint64_t id = add_list(store, LARGE, 20), key, row;
    struct store_keys *keys;

    postgres_rig_run("UPDATE mailknock.line SET key=row");
    assert_int_equal(store_keys_open(reader, id, &keys, NULL), 0);
    assert_int_equal(store_keys_next(keys, &key, &row, NULL), 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_job_remove(store, id, 5, NULL), 1);
    assert_int_equal(store_keys_next(keys, &key, &row, NULL), 1);
    store_keys_close(keys);
    store_close(reader);
    /* The server notices later than the client that a session is over. */
    postgres_rig_run("DO 'BEGIN FOR i IN 1..2000 LOOP EXIT WHEN NOT EXISTS (SELECT 1 FROM pg_locks"
                     " WHERE relation=to_regclass(''mailknock.line_0'') AND pid<>pg_backend_pid());"
                     " PERFORM pg_sleep(0.005); END LOOP; END'");
    /* What is left of it goes at once, as soon as it can. */
    assert_int_equal(steps_to_remove(store, id, 5), 1);
    postgres_rig_expect("pg_relation_size('mailknock.line_0')=0");
}

/* Somebody adds a list into a part that is dropped just then, since it was empty. */
static void what_comes_into_a_part_keeps_it(void **state)
{
    struct store *store = *state;
    uint64_t gone = add_list(store, LARGE, 3);
    struct postgres_rig_session *other;

    assert_int_equal(steps_to_remove(store, gone, 5), 1);
    other = postgres_rig_begin(
        "BEGIN; INSERT INTO mailknock.job (id, state, name, sources, fingerprint, options, note,"
        " created_ms, started_ms, finished_ms, active_ms, rows)"
        " VALUES (7, 0, '', '', '', '', '', 0, 0, 0, 0, 1);"
        "INSERT INTO mailknock.line (job, row, key, turn, address) VALUES (7, 1, 0, 0, 'a')",
        "DO 'BEGIN FOR i IN 1..2000 LOOP EXIT WHEN EXISTS (SELECT 1 FROM pg_locks WHERE NOT"
        " granted AND relation IS NOT NULL); PERFORM pg_sleep(0.005); END LOOP; END'; COMMIT");
    assert_int_equal(add_list(store, LARGE, 0), 1000);
    postgres_rig_end(other);
    postgres_rig_expect("(SELECT count(*) FROM mailknock.line WHERE job=7)=1 AND"
                        " to_regclass('mailknock.line_0') IS NOT NULL AND"
                        " (SELECT array_agg(first ORDER BY first)='{0,1000}' FROM mailknock.part)");
    assert_int_equal(steps_to_remove(store, 7, 5), 1);
    assert_int_equal(add_list(store, LARGE, 0), 2000); /* in which no list is left: it goes now */
    postgres_rig_expect("to_regclass('mailknock.line_0') IS NULL");
}

/* --- tables of version 5, which had no parts ----------------------------------------------------
 */

#define UNPARTED(table)                                                                            \
    "ALTER TABLE mailknock." table " DETACH PARTITION mailknock." table "_0;"                      \
    "DROP TABLE mailknock." table ";"                                                              \
    "ALTER TABLE mailknock." table "_0 RENAME TO " table ";"                                       \
    "ALTER INDEX mailknock." table "_0_pkey RENAME TO " table "_pkey;"

/* job.doubts stays, which the programs of then did not know, and ours goes on with. */
static void make_older(void)
{
    postgres_rig_run(UNPARTED("line") UNPARTED(
        "result") "ALTER INDEX mailknock.line_0_turn RENAME TO line_turn;"
                  "DROP TABLE mailknock.part; DELETE FROM mailknock.version WHERE version>5");
}

static void older_tables_become_the_first_part(void **state)
{
    uint64_t id = add_list(*state, 0, 20), next;
    struct store *old = *state, *store;
    struct error error = {0};

    make_older();
    assert_int_equal(store_open(url, STORE_MODE_READ_ONLY, &store, &error), ERROR_FORMAT);
    assert_non_null(strstr(error.message, "`mailknock serve` renews them"));
    postgres_rig_expect("to_regclass('mailknock.line_0') IS NULL");
    expect_list(old, id, 20);
    store = open_store();
    postgres_rig_expect(
        "(SELECT array_agg(first)='{0}' AND max(until)=1000 FROM mailknock.part) AND"
        " (SELECT count(*) FROM mailknock.line_0)=20");
    expect_list(store, id, 20);
    /* Who was there before goes on, with the statements that it has prepared. */
    expect_list(old, id, 20);
    expect_list(store, add_list(old, 0, 3), 3);
    next = add_list(store, LARGE, 3);
    assert_int_equal(next, 1000);
    expect_list(old, next, 3);
    assert_true(steps_to_remove(old, id, 5) > 1);
    store_close(store);
}

/* Version 6, whose lists are below 2000 until all is done. */
static void make_announced(void)
{
    make_older();
    postgres_rig_run(
        "CREATE TABLE mailknock.part (first bigint PRIMARY KEY, until bigint NOT NULL)");
    postgres_rig_run(
        "ALTER TABLE mailknock.line RENAME TO line_0; ALTER TABLE mailknock.result RENAME TO "
        "result_0;"
        "CREATE TABLE mailknock.line (LIKE mailknock.line_0 INCLUDING ALL) PARTITION BY RANGE "
        "(job);"
        "CREATE TABLE mailknock.result (LIKE mailknock.result_0 INCLUDING ALL)"
        " PARTITION BY RANGE (job);"
        "ALTER TABLE mailknock.line ATTACH PARTITION mailknock.line_0 DEFAULT;"
        "ALTER TABLE mailknock.result ATTACH PARTITION mailknock.result_0 DEFAULT;"
        "INSERT INTO mailknock.version (version, oldest) VALUES (6, 1);"
        "INSERT INTO mailknock.part VALUES (-1, 2000);"
        "ALTER TABLE mailknock.line_0 ADD CONSTRAINT line_0_until CHECK (job<2000) NOT VALID;"
        "ALTER TABLE mailknock.result_0 ADD CONSTRAINT result_0_until CHECK (job<2000) NOT VALID");
}

#define PART_0_UNTIL(until)                                                                        \
    "(SELECT array_agg(first)='{0}' AND max(until)=" until " FROM mailknock.part)"
#define CONSTRAINTS " FROM pg_constraint WHERE conname LIKE '%_0_until')"

/* Too much to be looked through while others wait. */
static void large_older_tables_are_read_beside_others(void **state)
{
    uint64_t id = add_list(*state, 0, 3);
    struct store *old = *state, *store;
    struct error error = {0};

    assert_int_equal(store_advise(old, NULL), 0);
    make_announced();
    assert_int_equal(store_advise(old, &error), 1);
    assert_non_null(strstr(error.message, "do not lie in parts yet"));
    postgres_rig_run("INSERT INTO mailknock.line (job, row, key, turn, address)"
                     " SELECT 1, n, 0, 0, convert_to(repeat('x', 1900), 'UTF8')"
                     " FROM generate_series(1000, 37000) n;"
                     "SELECT setval('mailknock.job_id_seq', 1998)");
    /* Who was there before has no time for it, but no list is refused for that. */
    assert_int_equal(add_list(old, 0, 3), 1999);
    postgres_rig_expect("(SELECT max(until)=2000 FROM mailknock.part WHERE first<0)");
    assert_int_equal(add_list(old, 0, 3), 2000);
    postgres_rig_expect("NOT EXISTS (SELECT 1 FROM mailknock.part) AND NOT EXISTS"
                        " (SELECT 1" CONSTRAINTS);
    store = open_store();
    postgres_rig_expect(PART_0_UNTIL("4000") " AND (SELECT bool_and(convalidated)" CONSTRAINTS);
    assert_int_equal(add_list(old, 0, 3), 4000); /* the first part is full */
    expect_list(store, id + 3999, 3);
    /* Once more so much, for which there is no part. */
    assert_int_equal(store_advise(old, NULL), 0);
    postgres_rig_run("CREATE TABLE mailknock.more AS SELECT 7000 AS job, row, key, turn, address"
                     " FROM mailknock.line WHERE job=1;"
                     "INSERT INTO mailknock.line (job, row, key, turn, address) SELECT * FROM"
                     " mailknock.more");
    assert_int_equal(store_advise(old, &error), 1);
    assert_non_null(strstr(error.message, "list 7000 is the last there"));
    store_close(store);
}

/* A program ended while it read. */
static void parting_goes_on_where_it_stopped(void **state)
{
    uint64_t id = add_list(*state, 0, 3);

    make_older();
    store_close(open_store());
    make_announced();
    store_close(open_store());
    postgres_rig_expect(PART_0_UNTIL("2000") " AND (SELECT bool_and(convalidated)" CONSTRAINTS);
    assert_int_equal(add_list(*state, 0, 3), 2000);
    expect_list(*state, id, 3);
}

/* All was read, but the last step was not had at once. */
static void parting_is_done_when_a_list_comes(void **state)
{
    uint64_t id = add_list(*state, 0, 3);
    struct postgres_rig_session *other;

    make_announced();
    other = postgres_rig_begin("BEGIN; LOCK TABLE mailknock.line IN ACCESS SHARE MODE",
                               "SELECT pg_sleep(0)");
    store_close(open_store());
    assert_int_equal(add_list(*state, 0, 3), id + 1);
    postgres_rig_expect(
        "NOT " PART_0_UNTIL("2000") " AND (SELECT bool_and(convalidated)" CONSTRAINTS);
    postgres_rig_end(other);
    assert_int_equal(add_list(*state, 0, 3), 2000);
    postgres_rig_expect("(SELECT array_agg(first ORDER BY first)='{0,2000}' FROM mailknock.part)");
    expect_list(*state, id, 3);
    expect_list(*state, id + 1, 3);
    expect_list(*state, 2000, 3);
}

int main(void)
{
#define PARTS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PARTS(small_lists_share_a_part),
        PARTS(a_large_list_is_alone_and_goes_at_once),
        PARTS(a_full_part_gets_no_more),
        PARTS(a_list_alone_can_be_loaded_again),
        PARTS(lists_of_older_programs_have_no_part),
        PARTS(a_part_in_use_is_not_waited_for),
        PARTS(what_comes_into_a_part_keeps_it),
        PARTS(older_tables_become_the_first_part),
        PARTS(large_older_tables_are_read_beside_others),
        PARTS(parting_goes_on_where_it_stopped),
        PARTS(parting_is_done_when_a_list_comes),
    };

    return postgres_rig_tests("parts", tests, ARRAY_LEN(tests), &url);
}
