#include "store/store_rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "store/postgres_rig.h"

static const char *postgres_url = ""; /* there is none */

void open_again(struct bench *bench, enum store_mode mode)
{
    struct error error = {0};

    store_close(bench->store);
    bench->store = NULL;
    if (bench->kind == NAMELESS_FILE)
        mode = STORE_MODE_TEMPORARY;
    if (store_open(bench->kind == MEMORY ? "memory:" : bench->path, mode, &bench->store, &error) !=
        0)
        fail_msg("%s", error.message);
}

static int set_up(void **state, enum kind kind)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    bench->kind = kind;
    bench->is_memory = kind == MEMORY || kind == NAMELESS_FILE;
    strcpy(bench->folder, "/tmp/mk-store-XXXXXX");
    if (mkdtemp(bench->folder) == NULL) {
        free(bench);
        return -1;
    }
    snprintf(bench->path, sizeof(bench->path), "%s/a b?%%41#.mkjob", bench->folder);
    if (kind == POSTGRES) {
        snprintf(bench->path, sizeof(bench->path), "%s", postgres_url);
        postgres_rig_run(
            "SET client_min_messages TO error; DROP SCHEMA IF EXISTS mailknock CASCADE");
    }
    open_again(bench, STORE_MODE_CREATE);
    *state = bench;
    return 0;
}

int set_up_memory(void **state)
{
    return set_up(state, MEMORY);
}

int set_up_sqlite(void **state)
{
    return set_up(state, SQLITE_FILE);
}

int set_up_nameless(void **state)
{
    return set_up(state, NAMELESS_FILE);
}

int set_up_postgres(void **state)
{
    return postgres_url[0] != '\0' ? set_up(state, POSTGRES) : 0;
}

int tear_down(void **state)
{
    struct bench *bench = *state;
    char command[192];

    if (bench == NULL)
        return 0;
    store_close(bench->store);
    snprintf(command, sizeof(command), "chmod -R u+w %s && rm -r %s", bench->folder, bench->folder);
    assert_int_equal(system(command), 0);
    free(bench);
    return 0;
}

uint64_t add_job(struct store *store)
{
    const struct store_job job = {
        .state = STORE_JOB_LOADING,
        .name = SLICE("customers.csv"),
        .sources = SLICE("[\"customers.csv\"]"),
        .fingerprint = SLICE("12-abc"),
        .options = SLICE("{}"),
        .note = SLICE_EMPTY,
        .created_unix_ms = 1000,
    };
    uint64_t id = 0;

    assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
    assert_true(id > 0);
    return id;
}

struct store_job get_job(struct store *store, uint64_t id)
{
    static struct arena arena;
    struct store_job job = {0};

    arena_done(&arena);
    assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
    return job;
}

void add_rows(struct store *store, uint64_t job, uint64_t from, uint64_t to, uint64_t period)
{
    static char addresses[1000][48];
    struct store_row rows[1000];
    size_t count = 0;

    assert_true(to - from < 1000);
    for (uint64_t number = from; number <= to; number++, count++) {
        snprintf(addresses[count], sizeof(addresses[0]), "user%llu@example.com",
                 (unsigned long long)(number % period));
        rows[count] = (struct store_row){
            .number = number,
            .key = number % 3 == 0 ? 0 : UINT64_C(0xffffffffffff0000) + number % period,
            .address = number % 3 == 0 ? SLICE_EMPTY : slice_from_string(addresses[count]),
            .turn = (uint32_t)(number * 2654435761U),
            .fault = number % 3 == 0 ? SLICE("no such column") : SLICE_EMPTY,
            .is_doubtful = number % 3 == 1,
            .raw = number % 7 == 0 ? SLICE("a,b,c") : SLICE_EMPTY,
        };
    }
    assert_int_equal(store_rows_add(store, job, rows, count, NULL), 0);
}

struct store_result result_of(uint64_t row, enum verdict_reason reason)
{
    return (struct store_result){
        .row = row,
        .status = verdict_reason_status(reason),
        .reason = reason,
        .action = ACTION_REVIEW,
        .score = (uint8_t)(row % 101),
        .flags = row % 2 == 0 ? VERDICT_FLAG_ROLE : VERDICT_FLAG_ROLE | VERDICT_FLAG_FREE,
        .retry_after_s = 60,
        .checked_unix_ms = 123456789012,
        .provider = row % 5 == 0 ? SLICE("google") : SLICE_EMPTY,
        .domain = SLICE("mail.example.com"),
        .suggestion = SLICE_EMPTY,
        .explanation = SLICE("The server said so."),
        .json = SLICE("{\"schema\":1,\"address\":\"x@gmail.com\",\"status\":\"valid\"}"),
    };
}

void put(struct store *store, uint64_t job, uint64_t row, enum verdict_reason reason)
{
    const struct store_result result = result_of(row, reason);
    struct error error = {0};

    if (store_results_put(store, job, &result, 1, &error) != 0)
        fail_msg("%s", error.message);
}

struct store_counts counts_of(struct store *store, uint64_t job)
{
    struct store_counts counts;

    assert_int_equal(store_counts(store, job, &counts, NULL), 0);
    return counts;
}

size_t collect(struct store *store, uint64_t job, struct store_query query, uint64_t numbers[],
               size_t max)
{
    struct store_page page;
    size_t count = 0;

    store_page_init(&page);
    do {
        assert_int_equal(store_page_read(store, job, &query, &page, NULL), 0);
        assert_true(page.count <= query.limit);
        for (size_t i = 0; i < page.count; i++) {
            assert_true(count < max);
            assert_true(count == 0 || page.lines[i].row.number > numbers[count - 1]);
            numbers[count++] = page.lines[i].row.number;
        }
        query.after = page.after;
    } while (!page.at_end);
    store_page_done(&page);
    return count;
}

int store_rig_shared(const struct CMUnitTest *shared, size_t count)
{
    int failed = 0;

    postgres_url = postgres_rig_start();
    if (postgres_url[0] != '\0')
        failed = _cmocka_run_group_tests("shared", shared, count, NULL, NULL);
    postgres_rig_stop();
    return failed;
}

int store_rig_main(int argc, char **argv, const struct CMUnitTest *tests, size_t count,
                   const struct CMUnitTest *shared, size_t shared_count)
{
    return argc > 1 && strcmp(argv[1], "postgresql") == 0
               ? store_rig_shared(shared, shared_count)
               : _cmocka_run_group_tests("tests", tests, count, NULL, NULL);
}
