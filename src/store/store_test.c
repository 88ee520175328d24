/*
 * One suite over every store, and what only SQLite can show: files that are damaged, foreign,
 * newer, not writable, locked, full.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>
#ifdef MK_WITH_POSTGRES
#include <libpq-fe.h>
#endif

#include "base/check.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/postgres_rig.h"
#include "store/store.h"

enum kind {
    MEMORY,
    SQLITE_FILE,
    NAMELESS_FILE,
    POSTGRES,
};

struct bench {
    enum kind kind;
    bool is_memory; /* gone when it is closed */
    char folder[64];
    char path[256]; /* or the URL */
    struct store *store;
};

static const char *postgres_url = ""; /* there is none */

static void open_again(struct bench *bench, enum store_mode mode)
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
    if (mkdtemp(bench->folder) == NULL)
        return -1;
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

static int set_up_memory(void **state)
{
    return set_up(state, MEMORY);
}

static int set_up_sqlite(void **state)
{
    return set_up(state, SQLITE_FILE);
}

static int set_up_nameless(void **state)
{
    return set_up(state, NAMELESS_FILE);
}

static int set_up_postgres(void **state)
{
    return postgres_url[0] != '\0' ? set_up(state, POSTGRES) : 0;
}

static int tear_down(void **state)
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

static uint64_t add_job(struct store *store)
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

static struct store_job get_job(struct store *store, uint64_t id)
{
    static struct arena arena;
    struct store_job job = {0};

    arena_done(&arena);
    assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
    return job;
}

/* Rows from..to: every third address is a fault, keys repeat every `period` rows. */
static void add_rows(struct store *store, uint64_t job, uint64_t from, uint64_t to, uint64_t period)
{
    static char addresses[1000][32];
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

static struct store_result result_of(uint64_t row, enum verdict_reason reason)
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

static void put(struct store *store, uint64_t job, uint64_t row, enum verdict_reason reason)
{
    const struct store_result result = result_of(row, reason);
    struct error error = {0};

    if (store_results_put(store, job, &result, 1, &error) != 0)
        fail_msg("%s", error.message);
}

static struct store_counts counts_of(struct store *store, uint64_t job)
{
    struct store_counts counts;

    assert_int_equal(store_counts(store, job, &counts, NULL), 0);
    return counts;
}

/* --- the suite ----------------------------------------------------------------------------- */

static void jobs_are_kept_and_changed(void **state)
{
    struct bench *bench = *state;
    uint64_t first = add_job(bench->store), second = add_job(bench->store);
    struct store_job job = get_job(bench->store, first);
    struct arena arena;

    assert_true(second > first);
    assert_true(slice_equal(job.name, SLICE("customers.csv")));
    assert_true(slice_equal(job.note, SLICE_EMPTY));
    assert_int_equal(job.created_unix_ms, 1000);
    job.state = STORE_JOB_FAILED;
    job.note = SLICE("the disk was full");
    job.started_unix_ms = 7;
    job.active_ms = 99;
    job.rows = 12345; /* not ours to change */
    assert_int_equal(store_job_update(bench->store, &job, NULL), 0);
    job = get_job(bench->store, first);
    assert_int_equal(job.state, STORE_JOB_FAILED);
    assert_true(slice_equal(job.note, SLICE("the disk was full")));
    assert_int_equal(job.active_ms, 99);
    assert_int_equal(job.rows, 0);
    arena_init(&arena);
    assert_int_equal(store_job_next(bench->store, 0, &arena, &job, NULL), 1);
    assert_int_equal(job.id, first);
    assert_int_equal(store_job_next(bench->store, first, &arena, &job, NULL), 1);
    assert_int_equal(job.id, second);
    assert_int_equal(store_job_next(bench->store, second, &arena, &job, NULL), 0);
    assert_int_equal(store_job_get(bench->store, 99, &arena, &job, NULL), ERROR_NOT_FOUND);
    job.id = 99;
    assert_int_equal(store_job_update(bench->store, &job, NULL), ERROR_NOT_FOUND);
    assert_int_equal(store_rows_add(bench->store, 99, NULL, 0, NULL), ERROR_NOT_FOUND);
    arena_done(&arena);
}

static void jobs_go_bit_by_bit(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store), other = add_job(bench->store);
    struct store_job job;
    struct arena arena;
    unsigned calls = 1;

    add_rows(bench->store, id, 1, 500, 1000);
    add_rows(bench->store, other, 1, 10, 1000);
    for (uint64_t row = 1; row <= 100; row++)
        put(bench->store, id, row, REASON_ACCEPTED);
    put(bench->store, other, 1, REASON_ACCEPTED);
    job = get_job(bench->store, id);
    assert_int_equal(job.faults, 166);
    assert_int_equal(job.doubts, 167);
    while (store_job_clear(bench->store, id, 60, NULL) == 1)
        calls++;
    assert_true(bench->is_memory || calls == 11);
    job = get_job(bench->store, id);
    assert_int_equal(job.rows + job.done + job.faults + job.doubts + job.duplicates, 0);
    assert_int_equal(counts_of(bench->store, id).rows[REASON_ACCEPTED], 0);
    add_rows(bench->store, id, 1, 500, 1000);
    while (store_job_remove(bench->store, id, 60, NULL) == 1) {
    }
    arena_init(&arena);
    assert_int_equal(store_job_get(bench->store, id, &arena, &job, NULL), ERROR_NOT_FOUND);
    arena_done(&arena);
    job = get_job(bench->store, other);
    assert_int_equal(job.rows, 10);
    assert_int_equal(counts_of(bench->store, other).rows[REASON_ACCEPTED], 1);
    assert_true(add_job(bench->store) > other);
}

static void keys_come_sorted(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store), key, row, last_key = 0, last_row = 0, count = 0;
    struct store_keys *keys;

    add_rows(bench->store, id, 1, 900, 7);
    assert_int_equal(store_keys_open(bench->store, id, &keys, NULL), 0);
    while (store_keys_next(keys, &key, &row, NULL) == 1) {
        const struct store_mark mark = {row, last_row};

        if (key == last_key) {
            assert_true(row > last_row);
            /* Marking while walking is what it is for. */
            assert_int_equal(store_rows_mark(bench->store, id, &mark, 1, NULL), 0);
        } else {
            assert_true(count == 0 || (int64_t)key > (int64_t)last_key);
        }
        assert_true(row % 3 != 0);
        last_key = key;
        last_row = row;
        count++;
    }
    store_keys_close(keys);
    assert_int_equal(count, 600);
    assert_int_equal(get_job(bench->store, id).duplicates, 600 - 7);
    assert_int_equal(get_job(bench->store, id).faults, 300);
}

static void pending_rows_are_read_by_number(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    const uint64_t wanted[] = {1, 4, 5, 9, 10, 899, 900, 901};
    static const uint64_t expected[] = {1, 5, 10, 899, 900};
    const struct store_mark marks[] = {{4, 1}};
    struct store_page page;

    add_rows(bench->store, id, 1, 900, 1000);
    assert_int_equal(store_rows_mark(bench->store, id, marks, 1, NULL), 0);
    put(bench->store, id, 9, REASON_ACCEPTED);
    store_page_init(&page);
    assert_int_equal(store_pending_read(bench->store, id, wanted, ARRAY_LEN(wanted), &page, NULL),
                     0);
    assert_int_equal(page.count, ARRAY_LEN(expected));
    for (size_t i = 0; i < page.count; i++) {
        const struct store_row *row = &page.lines[i].row;

        assert_int_equal(row->number, expected[i]);
        assert_int_equal(row->turn, (uint32_t)(row->number * 2654435761U));
        assert_int_equal(row->copies, row->number == 1);
        assert_false(page.lines[i].has_result);
    }
    store_page_done(&page);
}

static void rows_are_read_by_number(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    const uint64_t wanted[] = {1, 4, 7, 899, 901};
    const struct store_mark marks[] = {{4, 1}};
    struct store_page page;

    add_rows(bench->store, id, 1, 900, 1000);
    assert_int_equal(store_rows_mark(bench->store, id, marks, 1, NULL), 0);
    put(bench->store, id, 1, REASON_ACCEPTED);
    store_page_init(&page);
    assert_int_equal(store_rows_read(bench->store, id, wanted, ARRAY_LEN(wanted), &page, NULL), 0);
    assert_int_equal(page.count, 4);
    for (size_t i = 0; i < page.count; i++) {
        const struct store_line *line = &page.lines[i];

        assert_int_equal(line->row.number, wanted[i]);
        assert_int_equal(line->row.first, line->row.number == 4);
        assert_false(line->has_result);
        assert_int_equal(line->result.domain.len, 0);
        assert_true(line->row.address.len > 0);
        assert_int_equal(line->row.raw.len > 0, line->row.number == 7);
    }
    store_page_done(&page);
}

static void results_are_counted_once(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    const struct store_mark marks[] = {{4, 1}, {7, 1}, {8, 2}};
    struct store_result results[2];
    struct store_counts counts;
    struct store_page page;

    add_rows(bench->store, id, 1, 10, 1000);
    assert_int_equal(store_rows_mark(bench->store, id, marks, 3, NULL), 0);
    results[0] = result_of(1, REASON_ACCEPTED);
    results[0].copies = 2;
    results[1] = result_of(2, REASON_MAILBOX_NOT_FOUND);
    results[1].copies = 1;
    assert_int_equal(store_results_put(bench->store, id, results, 2, NULL), 0);
    results[0].reason = REASON_TIMEOUT; /* too late */
    results[1] = result_of(3, REASON_TIMEOUT);
    assert_int_equal(store_results_put(bench->store, id, results, 2, NULL), 0);
    counts = counts_of(bench->store, id);
    assert_int_equal(counts.results[REASON_ACCEPTED], 1);
    assert_int_equal(counts.rows[REASON_ACCEPTED], 3);
    assert_int_equal(counts.rows[REASON_MAILBOX_NOT_FOUND], 2);
    assert_int_equal(counts.results[REASON_TIMEOUT], 1);
    assert_int_equal(get_job(bench->store, id).done, 3);
    assert_int_equal(store_job_left(&(struct store_job){.rows = 10, .duplicates = 3, .done = 3}),
                     4);

    open_again(bench, bench->is_memory ? STORE_MODE_CREATE : STORE_MODE_READ_ONLY);
    if (bench->is_memory)
        return; /* nothing is left, as it should be */
    store_page_init(&page);
    assert_int_equal(store_line_read(bench->store, id, 7, &page, NULL), 0);
    assert_int_equal(page.lines[0].row.first, 1);
    assert_true(page.lines[0].has_result);
    assert_true(slice_equal(page.lines[0].row.raw, SLICE("a,b,c")));
    assert_int_equal(page.lines[0].result.reason, REASON_ACCEPTED);
    assert_int_equal(page.lines[0].result.status, VERDICT_VALID);
    assert_true(slice_equal(page.lines[0].result.json, result_of(1, 0).json));
    assert_true(slice_equal(page.lines[0].result.explanation, SLICE("The server said so.")));
    assert_int_equal(page.lines[0].result.checked_unix_ms, 123456789012);
    assert_int_equal(store_line_read(bench->store, id, 11, &page, NULL), ERROR_NOT_FOUND);
    store_page_done(&page);
}

static void results_can_be_taken_back(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store), forgotten = 0;
    const struct store_mark marks[] = {{4, 1}, {7, 1}};
    const uint64_t rows[] = {1, 3, 4, 99};
    struct store_result result = result_of(1, REASON_TIMEOUT);
    struct store_counts counts;

    add_rows(bench->store, id, 1, 10, 1000);
    assert_int_equal(store_rows_mark(bench->store, id, marks, 2, NULL), 0);
    result.copies = 2;
    assert_int_equal(store_results_put(bench->store, id, &result, 1, NULL), 0);
    put(bench->store, id, 2, REASON_TIMEOUT);
    /* Row 3 has none, 4 is a duplicate, 99 is not there. */
    assert_int_equal(store_results_forget(bench->store, id, rows, 4, &forgotten, NULL), 0);
    assert_int_equal(forgotten, 1);
    counts = counts_of(bench->store, id);
    assert_int_equal(counts.results[REASON_TIMEOUT], 1);
    assert_int_equal(counts.rows[REASON_TIMEOUT], 1);
    assert_int_equal(get_job(bench->store, id).done, 1);
    assert_int_equal(store_results_forget(bench->store, id, rows, 4, &forgotten, NULL), 0);
    assert_int_equal(forgotten, 0);
    result.reason = REASON_ACCEPTED;
    assert_int_equal(store_results_put(bench->store, id, &result, 1, NULL), 0);
    counts = counts_of(bench->store, id);
    assert_int_equal(counts.rows[REASON_ACCEPTED], 3);
    assert_int_equal(get_job(bench->store, id).done, 2);
    assert_int_equal(store_results_forget(bench->store, id + 1, rows, 1, &forgotten, NULL),
                     ERROR_NOT_FOUND);
}

/* The result in the place of the old one, counted with the duplicates that it answers. */
static void results_can_be_replaced(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store), replaced = 99;
    const struct store_mark marks[] = {{4, 1}, {7, 1}};
    struct store_result results[6], kept = result_of(1, REASON_ACCEPTS_ALL);
    struct store_counts counts;
    struct store_page page;

    add_rows(bench->store, id, 1, 10, 1000);
    assert_int_equal(store_rows_mark(bench->store, id, marks, 2, NULL), 0);
    kept.copies = 2;
    assert_int_equal(store_results_put(bench->store, id, &kept, 1, NULL), 0);
    put(bench->store, id, 2, REASON_ACCEPTS_ALL);
    put(bench->store, id, 3, REASON_TIMEOUT);
    put(bench->store, id, 5, REASON_TIMEOUT);
    assert_int_equal(store_row_erase(bench->store, id, 5, SLICE("erased"), NULL), 0);
    put(bench->store, id, 6, REASON_BAD_SYNTAX); /* it can't be read */
    for (size_t i = 0; i < 6; i++)
        results[i] = result_of(i + 1, REASON_LISTED_DOMAIN);
    results[0].copies = 2;
    results[0].json = SLICE("{\"now\":1}");
    results[0].explanation = SLICE("Otherwise now.");
    results[2].checked_unix_ms++; /* 3 was asked again meanwhile; 4 has none; 5 is erased */
    assert_int_equal(store_results_replace(bench->store, id, results, 6, &replaced, NULL), 0);
    assert_int_equal(replaced, 3);
    counts = counts_of(bench->store, id);
    assert_int_equal(counts.results[REASON_LISTED_DOMAIN], 3);
    assert_int_equal(counts.rows[REASON_LISTED_DOMAIN], 5);
    assert_int_equal(counts.results[REASON_BAD_SYNTAX], 0);
    assert_int_equal(counts.results[REASON_ACCEPTS_ALL], 0);
    assert_int_equal(counts.rows[REASON_ACCEPTS_ALL], 0);
    assert_int_equal(counts.results[REASON_TIMEOUT], 2);
    assert_int_equal(get_job(bench->store, id).done, 5);
    store_page_init(&page);
    assert_int_equal(store_line_read(bench->store, id, 7, &page, NULL), 0);
    assert_int_equal(page.lines[0].result.reason, REASON_LISTED_DOMAIN);
    assert_true(slice_equal(page.lines[0].result.json, SLICE("{\"now\":1}")));
    assert_true(slice_equal(page.lines[0].result.explanation, SLICE("Otherwise now.")));
    assert_int_equal(store_line_read(bench->store, id, 5, &page, NULL), 0);
    assert_int_equal(page.lines[0].result.reason, REASON_TIMEOUT);
    assert_int_equal(page.lines[0].result.explanation.len, 0);
    store_page_done(&page);
    /* What is counted can be taken out again. */
    assert_int_equal(
        store_results_forget(bench->store, id, (const uint64_t[]){1}, 1, &replaced, NULL), 0);
    assert_int_equal(counts_of(bench->store, id).rows[REASON_LISTED_DOMAIN], 2);
    assert_int_equal(store_results_replace(bench->store, id + 1, results, 1, &replaced, NULL),
                     ERROR_NOT_FOUND);
}

/* Nothing of the address is left, not even in the bytes of the file. */
static void rows_can_be_erased(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    struct store_row row = {.number = 1,
                            .key = 5,
                            .address = SLICE("erase.me@secret.example"),
                            .raw = SLICE("7,erase.me@secret.example,x")};
    struct store_result result = result_of(1, REASON_ACCEPTED);
    struct store_page page;
    char command[300];

    assert_int_equal(store_rows_add(bench->store, id, &row, 1, NULL), 0);
    result.domain = SLICE("secret.example");
    result.explanation = SLICE("The server took erase.me@secret.example.");
    result.json = SLICE_EMPTY;
    assert_int_equal(store_results_put(bench->store, id, &result, 1, NULL), 0);
    assert_int_equal(store_row_erase(bench->store, id, 1, SLICE("erased"), NULL), 0);
    assert_int_equal(store_row_erase(bench->store, id, 2, SLICE("erased"), NULL), 0);
    store_page_init(&page);
    assert_int_equal(store_line_read(bench->store, id, 1, &page, NULL), 0);
    assert_int_equal(page.lines[0].row.address.len, 0);
    assert_int_equal(page.lines[0].row.raw.len, 0);
    assert_true(slice_equal(page.lines[0].row.fault, SLICE("erased")));
    assert_int_equal(page.lines[0].result.reason, REASON_ACCEPTED);
    assert_int_equal(page.lines[0].result.explanation.len, 0);
    assert_int_equal(page.lines[0].result.domain.len, 0);
    store_page_done(&page);
    assert_int_equal(counts_of(bench->store, id).rows[REASON_ACCEPTED], 1);
    if (bench->kind != SQLITE_FILE)
        return;
    store_close(bench->store); /* the log is worked in */
    bench->store = NULL;
    snprintf(command, sizeof(command), "! grep -q secret.example '%s'", bench->path);
    assert_int_equal(system(command), 0);
    open_again(bench, STORE_MODE_EXISTING);
}

/* What a query gives, page by page of `limit`, as row numbers. */
static size_t collect(struct store *store, uint64_t job, struct store_query query,
                      uint64_t numbers[], size_t max)
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

static void pages_show_what_is_asked_for(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store), numbers[1000];
    const struct store_mark marks[] = {{11, 1}, {22, 1}};
    static const struct {
        struct store_query query;
        size_t count;
        uint64_t first;
    } rows[] = {
        {{.scope = STORE_SCOPE_ROWS}, 30, 1},
        {{.scope = STORE_SCOPE_ROWS, .after = 10, .until = 20}, 10, 11},
        {{.scope = STORE_SCOPE_MAILBOXES}, 28, 1},
        {{.scope = STORE_SCOPE_PENDING}, 10, 3},
        {{.scope = STORE_SCOPE_PENDING, .after = 10, .until = 20}, 3, 12},
        /* Rows 1, 4, 7, ... are valid, 2, 5, 8, ... unknown (timeout, and dns_error above 20). */
        {{.scope = STORE_SCOPE_MAILBOXES, .filter = {.reasons = UINT64_C(1) << REASON_ACCEPTED}},
         9,
         1},
        {{.scope = STORE_SCOPE_ROWS, .filter = {.reasons = UINT64_C(1) << REASON_ACCEPTED}}, 11, 1},
        {{.scope = STORE_SCOPE_MAILBOXES,
          .filter = {.reasons =
                         (UINT64_C(1) << REASON_TIMEOUT) | (UINT64_C(1) << REASON_DNS_ERROR)}},
         9,
         2},
        {{.scope = STORE_SCOPE_MAILBOXES,
          .filter = {.reasons = UINT64_C(1) << REASON_DNS_ERROR, .flags = VERDICT_FLAG_FREE}},
         2,
         23},
        {{.scope = STORE_SCOPE_MAILBOXES, .filter = {.score_min = 10, .score_max = 14}}, 3, 10},
        {{.scope = STORE_SCOPE_MAILBOXES, .filter = {.provider = {"google", 6}}}, 4, 5},
        {{.scope = STORE_SCOPE_MAILBOXES, .filter = {.domain = {"Example.com", 11}}}, 18, 1},
        {{.scope = STORE_SCOPE_MAILBOXES, .filter = {.domain = {"l.example.com", 13}}}, 0, 0},
        {{.scope = STORE_SCOPE_MAILBOXES, .filter = {.text = {"USER2", 5}}}, 7, 2},
        {{.scope = STORE_SCOPE_ROWS, .filter = {.text = {"said so", 7}}}, 20, 1},
    };

    add_rows(bench->store, id, 1, 30, 1000);
    assert_int_equal(store_rows_mark(bench->store, id, marks, 2, NULL), 0);
    for (uint64_t row = 1; row <= 30; row++) {
        if (row % 3 == 0 || row == 11 || row == 22)
            continue;
        put(bench->store, id, row,
            row % 3 == 1 ? REASON_ACCEPTED
            : row > 20   ? REASON_DNS_ERROR
                         : REASON_TIMEOUT);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t limit = 1; limit <= 64; limit *= 4) {
            struct store_query query = rows[i].query;
            size_t count;

            query.limit = limit;
            count = collect(bench->store, id, query, numbers, ARRAY_LEN(numbers));
            if (count != rows[i].count || (count > 0 && numbers[0] != rows[i].first))
                fail_msg("query %zu, pages of %zu: %zu lines from %llu", i, limit, count,
                         count > 0 ? (unsigned long long)numbers[0] : 0);
        }
    }
}

static void rare_reasons_are_found_far_away(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store), numbers[8];
    const struct store_mark marks[] = {{300, 290}};
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 4, .scan = 1};

    add_rows(bench->store, id, 1, 301, 1000);
    assert_int_equal(store_rows_mark(bench->store, id, marks, 1, NULL), 0);
    for (uint64_t row = 1; row < 300; row++)
        put(bench->store, id, row, row == 290 ? REASON_DNS_ERROR : REASON_ACCEPTED);
    query.filter.reasons = UINT64_C(1) << REASON_DNS_ERROR;
    assert_int_equal(collect(bench->store, id, query, numbers, ARRAY_LEN(numbers)), 2);
    assert_int_equal(numbers[0], 290);
    assert_int_equal(numbers[1], 300);
    query.until = 299;
    assert_int_equal(collect(bench->store, id, query, numbers, ARRAY_LEN(numbers)), 1);
    query.until = 0;
    query.filter.reasons = UINT64_C(1) << REASON_NULL_MX;
    assert_int_equal(collect(bench->store, id, query, numbers, ARRAY_LEN(numbers)), 0);
}

/* --- packing ------------------------------------------------------------------------------- */

static void notes_are_kept_in_order_and_expire(void **state)
{
    struct bench *bench = *state;
    static const char *const ids[] = {"b", "a", "ab", "c"};
    struct slice id = SLICE_EMPTY, body;
    struct arena arena;
    char walked[64] = "";

    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_int_equal(store_note_put(bench->store, "key", ids[i], slice_from_string(ids[i]),
                                        i == 2 ? 500 : 0, NULL),
                         0);
    assert_int_equal(store_note_put(bench->store, "kez", "a", SLICE("other"), 0, NULL), 0);
    assert_int_equal(store_note_put(bench->store, "kex", "z", SLICE("other"), 0, NULL), 0);
    assert_int_equal(store_note_put(bench->store, "key", "b", SLICE("b\0b"), 0, NULL), 0);
    open_again(bench, STORE_MODE_CREATE);
    if (bench->is_memory) { /* it forgets: say it again */
        for (size_t i = 0; i < ARRAY_LEN(ids); i++)
            store_note_put(bench->store, "key", ids[i], slice_from_string(ids[i]), i == 2 ? 500 : 0,
                           NULL);
        store_note_put(bench->store, "key", "b", SLICE("b\0b"), 0, NULL);
        store_note_put(bench->store, "kez", "a", SLICE("other"), 0, NULL);
        store_note_put(bench->store, "kex", "z", SLICE("other"), 0, NULL);
    }
    while (store_note_next(bench->store, "key", id, &arena, &id, &body, NULL) == 1)
        snprintf(walked + strlen(walked), sizeof(walked) - strlen(walked), "%.*s ", SLICE_ARG(id));
    assert_string_equal(walked, "a ab b c ");
    assert_int_equal(store_note_get(bench->store, "key", "b", &arena, &body, NULL), 0);
    assert_true(slice_equal(body, SLICE("b\0b")));
    assert_int_equal(store_note_expire(bench->store, 499, 10, NULL), 0);
    assert_int_equal(store_note_expire(bench->store, 500, 10, NULL), 1);
    assert_int_equal(store_note_get(bench->store, "key", "ab", &arena, &body, NULL),
                     ERROR_NOT_FOUND);
    assert_int_equal(store_note_remove(bench->store, "key", "a", NULL), 0);
    assert_int_equal(store_note_remove(bench->store, "key", "a", NULL), 0);
    assert_int_equal(store_note_get(bench->store, "key", "a", &arena, &body, NULL),
                     ERROR_NOT_FOUND);
    assert_int_equal(store_note_get(bench->store, "kez", "a", &arena, &body, NULL), 0);
    arena_done(&arena);
}

static void notes_have_a_mark(void **state)
{
    struct bench *bench = *state;
    uint64_t before, same, after;

    assert_int_equal(store_notes_mark(bench->store, "key", &before, NULL), 0);
    for (unsigned i = 0; i < 6; i++) {
        const char *id = i % 2 == 0 ? "a" : "b";
        struct slice body = slice_from_string(i < 2 ? "x" : "y");

        if (i < 4)
            assert_int_equal(store_note_put(bench->store, "key", id, body, 0, NULL), 0);
        else
            assert_int_equal(store_note_remove(bench->store, "key", id, NULL), 0);
        assert_int_equal(store_note_put(bench->store, "other", id, body, 0, NULL), 0);
        assert_int_equal(store_notes_mark(bench->store, "key", &after, NULL), 0);
        assert_int_equal(store_notes_mark(bench->store, "key", &same, NULL), 0);
        assert_true(after != before);
        assert_true(after == same);
        before = after;
    }
}

static void a_note_is_changed_only_as_it_was_read(void **state)
{
    struct bench *bench = *state;
    struct store *store = bench->store, *other = store;
    struct slice body;
    struct arena arena;

    if (!bench->is_memory)
        assert_int_equal(store_open(bench->path, STORE_MODE_EXISTING, &other, NULL), 0);
    arena_init(&arena);
    /* Both saw nothing; the other is quicker. */
    assert_int_equal(store_note_change(other, "list", "a", SLICE_EMPTY, SLICE("x"), NULL), 1);
    assert_int_equal(store_note_change(store, "list", "a", SLICE_EMPTY, SLICE("y"), NULL), 0);
    assert_int_equal(store_note_get(store, "list", "a", &arena, &body, NULL), 0);
    assert_true(slice_equal(body, SLICE("x")));
    /* Said twice, since the answer was lost. */
    assert_int_equal(store_note_change(other, "list", "a", SLICE_EMPTY, SLICE("x"), NULL), 1);
    assert_int_equal(store_note_change(store, "list", "a", SLICE("x"), SLICE("xy"), NULL), 1);
    assert_int_equal(store_note_change(store, "list", "a", SLICE("x"), SLICE("xy"), NULL), 1);
    assert_int_equal(store_note_change(other, "list", "a", SLICE("x"), SLICE("xz"), NULL), 0);
    assert_int_equal(store_note_change(other, "list", "b", SLICE("x"), SLICE("z"), NULL), 0);
    assert_int_equal(store_note_get(store, "list", "b", &arena, &body, NULL), ERROR_NOT_FOUND);
    assert_int_equal(store_note_change(other, "list", "a", SLICE("xy"), SLICE_EMPTY, NULL), 1);
    assert_int_equal(store_note_change(store, "list", "a", SLICE_EMPTY, SLICE("w"), NULL), 1);
    assert_int_equal(store_note_get(other, "list", "a", &arena, &body, NULL), 0);
    assert_true(slice_equal(body, SLICE("w")));
    arena_done(&arena);
    if (other != store)
        store_close(other);
}

static void a_job_is_changed_only_as_it_was_read(void **state)
{
    struct bench *bench = *state;
    struct store *store = bench->store, *other = store;
    uint64_t id = add_job(store);
    struct store_job before, after;
    struct arena arena;

    if (!bench->is_memory)
        assert_int_equal(store_open(bench->path, STORE_MODE_EXISTING, &other, NULL), 0);
    arena_init(&arena);
    assert_int_equal(store_job_get(store, id, &arena, &before, NULL), 0);
    after = before;
    after.state = STORE_JOB_CANCELLED;
    assert_int_equal(store_job_change(other, &before, &after, NULL), 1);
    /* Somebody who still thinks that it is loading. */
    after.state = STORE_JOB_READY;
    after.note = SLICE("loaded");
    assert_int_equal(store_job_change(store, &before, &after, NULL), 0);
    assert_int_equal(get_job(store, id).state, STORE_JOB_CANCELLED);
    assert_true(slice_equal(get_job(store, id).note, SLICE_EMPTY));
    /* Said twice, since the answer was lost. */
    after = before;
    after.state = STORE_JOB_CANCELLED;
    assert_int_equal(store_job_change(other, &before, &after, NULL), 1);
    /* Each of what it is compared by. */
    before.state = STORE_JOB_CANCELLED;
    for (unsigned i = 0; i < 3; i++) {
        struct store_job stale = before;
        struct slice *texts[] = {&stale.name, &stale.options, &stale.note};

        *texts[i] = SLICE("another");
        after = before;
        after.state = STORE_JOB_PAUSED;
        assert_int_equal(store_job_change(store, &stale, &after, NULL), 0);
    }
    assert_int_equal(store_job_change(store, &before, &after, NULL), 1);
    assert_int_equal(get_job(other, id).state, STORE_JOB_PAUSED);
    /* It was begun and ended since somebody read it, who only gives it a name. */
    before = after;
    after.started_unix_ms = 1000;
    after.finished_unix_ms = 2000;
    after.active_ms = 900;
    assert_int_equal(store_job_update(other, &after, NULL), 0);
    after = before;
    after.name = SLICE("named");
    assert_int_equal(store_job_change(store, &before, &after, NULL), 1);
    assert_true(slice_equal(get_job(other, id).name, SLICE("named")));
    assert_int_equal(get_job(other, id).started_unix_ms, 1000);
    assert_int_equal(get_job(other, id).finished_unix_ms, 2000);
    assert_int_equal(get_job(other, id).active_ms, 900);
    before.id = after.id = id + 1000;
    assert_int_equal(store_job_change(store, &before, &after, NULL), 0);
    arena_done(&arena);
    if (other != store)
        store_close(other);
}

/* --- files --------------------------------------------------------------------------------- */

static int try_open(const struct bench *bench, enum store_mode mode, struct error *error)
{
    struct store *store;
    int code = store_open(bench->path, mode, &store, error);

    if (code == 0)
        store_close(store);
    else
        assert_non_null(strstr(error->message, bench->path));
    return code;
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static int64_t count_sql(const char *path, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t count;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

static void files_that_are_not_ours_are_refused(void **state)
{
    struct bench *bench = *state;
    struct error error = {0};
    char garbage[8192];
    FILE *file;

    store_close(bench->store);
    bench->store = NULL;
    run_sql(bench->path, "PRAGMA user_version=9999");
    assert_int_equal(try_open(bench, STORE_MODE_EXISTING, &error), ERROR_FORMAT);
    assert_non_null(strstr(error.message, "newer"));
    /* Somebody else's database. */
    unlink(bench->path);
    assert_int_equal(try_open(bench, STORE_MODE_EXISTING, &error), ERROR_NOT_FOUND);
    assert_int_equal(try_open(bench, STORE_MODE_READ_ONLY, &error), ERROR_NOT_FOUND);
    run_sql(bench->path, "CREATE TABLE theirs (x)");
    assert_int_equal(try_open(bench, STORE_MODE_CREATE, &error), ERROR_FORMAT);
    /* No database at all. */
    memset(garbage, 'x', sizeof(garbage));
    write_file(bench->path, garbage, sizeof(garbage));
    assert_int_equal(try_open(bench, STORE_MODE_CREATE, &error), ERROR_FORMAT);
    file = fopen(bench->path, "rb");
    assert_int_equal(fread(garbage, 1, sizeof(garbage), file), sizeof(garbage));
    fclose(file);
    assert_int_equal(garbage[100], 'x'); /* and it is left as it was */
}

/* As files of version 4 are: an index of results for rows, another for reasons; of 5: one for both;
   of 6: places; of 7: results under another name. */
#define NO_DOUBTS      "DROP VIEW result; ALTER TABLE job DROP COLUMN doubts;"
#define NAMED_RESULT   NO_DOUBTS "ALTER TABLE outcome RENAME TO result;"
#define WITHOUT_PLACES "DROP TABLE place; DROP TABLE place_log;"
static const char version_4[] =
    NAMED_RESULT WITHOUT_PLACES "CREATE UNIQUE INDEX result_row ON result (job, row);"
                                "CREATE INDEX result_reason ON result (job, reason, row);"
                                "PRAGMA user_version=4";
static const char version_5[] =
    NAMED_RESULT WITHOUT_PLACES "CREATE UNIQUE INDEX result_row ON result (job, row, reason);"
                                "PRAGMA user_version=5";
static const char version_6[] = NAMED_RESULT "PRAGMA user_version=6";
static const char version_7[] = NO_DOUBTS "CREATE VIEW result AS SELECT 1 FROM \"newer\";"
                                          "PRAGMA user_version=7";

static void renew(struct bench *bench, const char *older)
{
    uint64_t id = add_job(bench->store), numbers[8];
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 8};
    struct error error = {0};

    add_rows(bench->store, id, 1, 5, 1000);
    add_rows(bench->store, id, 1001, 2000, 1000);
    put(bench->store, id, 1500, REASON_TIMEOUT);
    put(bench->store, id, 1, REASON_ACCEPTED);
    put(bench->store, id, 4, REASON_TIMEOUT);
    store_close(bench->store);
    bench->store = NULL;
    run_sql(bench->path, older);
    assert_int_equal(try_open(bench, STORE_MODE_READ_ONLY, &error), ERROR_FORMAT);
    open_again(bench, STORE_MODE_EXISTING);
    put(bench->store, id, 4, REASON_ACCEPTED); /* it has one */
    assert_int_equal(counts_of(bench->store, id).results[REASON_ACCEPTED], 1);
    query.filter.reasons = UINT64_C(1) << REASON_TIMEOUT;
    assert_int_equal(collect(bench->store, id, query, numbers, ARRAY_LEN(numbers)), 2);
    assert_true(numbers[0] == 4 && numbers[1] == 1500);
    put(bench->store, id, 5, REASON_ACCEPTED);
    assert_int_equal(get_job(bench->store, id).done, 4);
    while (store_job_remove(bench->store, id, 100, &error) == 1)
        ;
    assert_int_equal(count_sql(bench->path, "SELECT (SELECT count(*) FROM outcome) +"
                                            " (SELECT count(*) FROM place) +"
                                            " (SELECT count(*) FROM place_log)"),
                     0);
}

static void older_files_are_renewed(void **state)
{
    struct bench *bench = *state;

    renew(bench, version_7);
    renew(bench, version_6);
    renew(bench, version_5);
    renew(bench, version_4);
}

/* By what programs of versions 1 to 5 keep, read and take away results. */
static const char *const older_statements[] = {
    "INSERT INTO result (job, row, reason, action, score, flags, retry_after, checked_ms, provider,"
    " domain, suggestion, explanation, json) SELECT 1,2,1,1,0,0,0,0,NULL,NULL,NULL,NULL,NULL"
    " WHERE NOT EXISTS (SELECT 1 FROM result WHERE job=1 AND row=2)",
    "SELECT r.row, s.reason FROM row r LEFT JOIN result s ON s.job=r.job AND s.row=r.row",
    "SELECT row FROM result WHERE job=1 AND row>0 AND row<=9 AND reason=1 ORDER BY row",
    "UPDATE result SET provider=NULL WHERE job=1 AND row=1",
    "DELETE FROM result WHERE job=1 AND row=1",
};

/* One that has the file open meanwhile learns it by its next statement, and changes nothing. */
static void older_programs_fail_on_a_renewed_file(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    sqlite3_stmt *statements[ARRAY_LEN(older_statements)];
    sqlite3 *db;

    add_rows(bench->store, id, 1, 2, 1000);
    put(bench->store, id, 1, REASON_ACCEPTED);
    store_close(bench->store);
    bench->store = NULL;
    run_sql(bench->path, version_4);
    assert_int_equal(sqlite3_open(bench->path, &db), SQLITE_OK);
    for (size_t i = 0; i < ARRAY_LEN(statements); i++)
        assert_int_equal(sqlite3_prepare_v2(db, older_statements[i], -1, &statements[i], NULL),
                         SQLITE_OK);
    open_again(bench, STORE_MODE_EXISTING);
    for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
        assert_int_equal(sqlite3_step(statements[i]), SQLITE_ERROR);
        assert_non_null(strstr(sqlite3_errmsg(db), "renewed by a newer mailknock"));
        sqlite3_finalize(statements[i]);
    }
    sqlite3_close(db);
    assert_int_equal(counts_of(bench->store, id).results[REASON_ACCEPTED], 1);
    put(bench->store, id, 2, REASON_TIMEOUT);
    assert_int_equal(get_job(bench->store, id).done, 2);
}

static void damage_is_noticed(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 1000};
    struct error error = {0};
    struct store_page page;
    struct stat info;
    char junk[512];
    FILE *file;
    int code;

    add_rows(bench->store, id, 1, 900, 1000);
    store_close(bench->store);
    bench->store = NULL;
    assert_int_equal(stat(bench->path, &info), 0);
    memset(junk, 0xa5, sizeof(junk));
    file = fopen(bench->path, "r+b");
    for (long at = 4096; at < info.st_size; at += 4096) {
        fseek(file, at, SEEK_SET);
        assert_int_equal(fwrite(junk, 1, sizeof(junk), file), sizeof(junk));
    }
    fclose(file);
    store_page_init(&page);
    code = store_open(bench->path, STORE_MODE_EXISTING, &bench->store, &error);
    if (code == 0)
        code = store_page_read(bench->store, id, &query, &page, &error);
    assert_int_equal(code, ERROR_FORMAT);
    assert_non_null(strstr(error.message, "damaged"));
    store_page_done(&page);
}

/* Root may write everywhere: then there is nothing to see. */
static void folders_may_be_read_only(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    struct error error = {0};

    store_close(bench->store);
    bench->store = NULL;
    assert_int_equal(chmod(bench->path, 0400), 0);
    assert_int_equal(chmod(bench->folder, 0500), 0);
    open_again(bench, STORE_MODE_READ_ONLY);
    assert_int_equal(get_job(bench->store, id).id, id);
    store_close(bench->store);
    bench->store = NULL;
    if (access(bench->path, W_OK) == 0)
        skip();
    assert_int_equal(try_open(bench, STORE_MODE_EXISTING, &error), ERROR_IO);
    strcat(bench->path, "-new");
    assert_int_equal(try_open(bench, STORE_MODE_CREATE, &error), ERROR_IO);
}

static int64_t age_ms(const char *path)
{
    struct timespec now;
    struct stat info;

    if (stat(path, &info) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    return (now.tv_sec - info.st_mtim.tv_sec) * 1000 +
           (now.tv_nsec - info.st_mtim.tv_nsec) / 1000000;
}

static bool expect_busy(int code, const struct error *error)
{
    return code == ERROR_BUSY && strstr(error->message, "changed while it was read") != NULL;
}

/* Whatever is read of a file that was changed. */
static bool is_refused(struct store *store, uint64_t job, struct store_page *page)
{
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 10};
    struct store_record record, records[STORE_RECORD_KIND_COUNT];
    struct store_record_total total;
    struct store_counts counts;
    struct store_job info;
    struct slice id, body;
    struct error e = {0};
    struct arena *arena = &page->arena;
    unsigned found;

    return expect_busy(store_page_read(store, job, &query, page, &e), &e) &&
           expect_busy(store_job_get(store, job, arena, &info, &e), &e) &&
           expect_busy(store_counts(store, job, &counts, &e), &e) &&
           expect_busy(store_note_get(store, "key", "one", arena, &body, &e), &e) &&
           expect_busy(store_note_next(store, "key", SLICE_EMPTY, arena, &id, &body, &e), &e) &&
           expect_busy(store_record_get(store, STORE_RECORD_BOUNCE, SLICE("k"), arena, &record, &e),
                       &e) &&
           expect_busy(store_records_get(store, 3, SLICE("k"), arena, records, &found, &e), &e) &&
           expect_busy(store_record_next(store, STORE_RECORD_BOUNCE, SLICE_EMPTY, SLICE_EMPTY,
                                         arena, &record, &e),
                       &e) &&
           expect_busy(store_records_total(store, STORE_RECORD_BOUNCE, &total, &e), &e);
}

/* A child without rights reads what the parent changes. Exit status: 0 as it should be. */
static int read_without_rights(const char *path, uint64_t job, int told, int go)
{
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 10};
    struct store *store = NULL;
    struct store_page page;
    char byte = 0;

    store_page_init(&page);
    /* Changed right now: a change that follows could have the same time. */
    if (utimensat(AT_FDCWD, path, NULL, 0) != 0 || setuid(65534) != 0 ||
        store_open(path, STORE_MODE_READ_ONLY, &store, NULL) != 0)
        return 1;
    if (store_page_read(store, job, &query, &page, NULL) != 0 || page.count != 10)
        return 2;
    if (age_ms(path) < 19)
        return 3;
    if (write(told, &byte, 1) != 1 || read(go, &byte, 1) != 1)
        return 4;
    return is_refused(store, job, &page) ? 0 : 5;
}

static void a_change_under_a_reader_without_locks_is_noticed(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    int told[2], go[2], status;
    char byte = 0;
    pid_t child;

    if (getuid() != 0)
        skip(); /* for another user it takes one */
    add_rows(bench->store, id, 1, 100, 1000);
    store_close(bench->store);
    bench->store = NULL;
    assert_int_equal(chmod(bench->path, 0644), 0);
    assert_int_equal(chmod(bench->folder, 0755), 0);
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(go), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(go[1]);
        _exit(read_without_rights(bench->path, id, told[1], go[0]));
    }
    close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    open_again(bench, STORE_MODE_EXISTING);
    add_rows(bench->store, id, 101, 900, 1000);
    store_close(bench->store); /* the log goes into the file */
    bench->store = NULL;
    assert_int_equal(write(go[1], &byte, 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(told[0]);
    close(go[0]);
    close(go[1]);
}

static void readers_see_what_was_kept_while_it_is_written(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    struct store *reader = NULL;

    add_rows(bench->store, id, 1, 100, 1000);
    assert_int_equal(store_open(bench->path, STORE_MODE_READ_ONLY, &reader, NULL), 0);
    assert_int_equal(get_job(reader, id).rows, 100);
    put(bench->store, id, 1, REASON_ACCEPTED);
    assert_int_equal(counts_of(reader, id).rows[REASON_ACCEPTED], 1);
    assert_int_equal(store_job_update(reader, &(struct store_job){.id = id}, NULL), ERROR_IO);
    store_close(reader);
}

static int64_t checked_ms(struct store *store, struct slice key)
{
    struct store_record record = {0};
    struct arena arena;
    int code;

    arena_init(&arena);
    code = store_record_get(store, STORE_RECORD_MAILBOX, key, &arena, &record, NULL);
    arena_done(&arena);
    assert_true(code >= 0);
    return code == 1 ? record.checked_unix_ms : 0;
}

static void keep_mailbox(struct store *store, struct slice key, int64_t checked_unix_ms)
{
    const struct store_record record = {
        .kind = STORE_RECORD_MAILBOX,
        .key = key,
        .group = SLICE("x.example"),
        .is_proof = true,
        .checked_unix_ms = checked_unix_ms,
        .expires_unix_ms = checked_unix_ms + 1000,
        .body = SLICE("{}"),
    };

    assert_int_equal(store_records_put(store, &record, 1, NULL), 0);
}

static void many_reads_are_one_view_until_somebody_writes(void **state)
{
    struct bench *bench = *state;
    struct slice a = SLICE("a@x.example"), b = SLICE("b@x.example");
    struct store *store = bench->store, *other = NULL;

    assert_int_equal(store_open(bench->path, STORE_MODE_EXISTING, &other, NULL), 0);
    keep_mailbox(store, a, 1);
    store_reads_begin(store);
    assert_int_equal(checked_ms(store, a), 1);
    keep_mailbox(other, a, 2);
    store_reads_begin(store);
    assert_int_equal(checked_ms(store, a), 1);
    store_reads_end(store);
    assert_int_equal(checked_ms(store, a), 1);
    /* What is written within is written at once, in a transaction or by a statement alone. */
    keep_mailbox(store, b, 3);
    assert_int_equal(checked_ms(other, b), 3);
    assert_int_equal(checked_ms(store, a), 2);
    store_reads_begin(store);
    assert_int_equal(checked_ms(store, a), 2);
    assert_int_equal(store_record_remove(store, STORE_RECORD_MAILBOX, b, NULL), 1);
    assert_int_equal(checked_ms(other, b), 0);
    store_reads_end(store);
    keep_mailbox(other, a, 4);
    assert_int_equal(checked_ms(store, a), 4);
    store_reads_end(store);
    keep_mailbox(other, a, 5);
    assert_int_equal(checked_ms(store, a), 5);
    store_close(other);
}

static unsigned kinds_found(struct store *store, struct slice key)
{
    struct store_record records[STORE_RECORD_KIND_COUNT];
    struct arena arena;
    unsigned found;

    arena_init(&arena);
    assert_int_equal(store_records_get(store, (1U << STORE_RECORD_KIND_COUNT) - 1, key, &arena,
                                       records, &found, NULL),
                     0);
    arena_done(&arena);
    return found;
}

static void kinds_that_come_later_are_found(void **state)
{
    const unsigned mailbox = 1U << STORE_RECORD_MAILBOX, bounce = 1U << STORE_RECORD_BOUNCE;
    struct store_record bounced = {.kind = STORE_RECORD_BOUNCE, .group = SLICE("x.example")};
    struct bench *bench = *state;
    struct store *store = bench->store, *other = NULL;
    struct slice a = SLICE("a@x.example");

    bounced.key = a;
    assert_int_equal(store_open(bench->path, STORE_MODE_EXISTING, &other, NULL), 0);
    store_reads_begin(store);
    assert_int_equal(kinds_found(store, a), 0);
    keep_mailbox(other, a, 1);
    assert_int_equal(kinds_found(store, a), 0); /* one view */
    store_reads_end(store);
    store_reads_begin(store);
    assert_int_equal(kinds_found(store, a), mailbox);
    assert_int_equal(store_records_put(store, &bounced, 1, NULL), 0);
    assert_int_equal(kinds_found(store, a), mailbox | bounce);
    store_reads_begin(store);
    assert_int_equal(kinds_found(store, a), mailbox | bounce);
    assert_int_equal(store_record_remove(store, STORE_RECORD_MAILBOX, a, NULL), 1);
    assert_int_equal(kinds_found(store, a), bounce);
    store_reads_end(store);
    store_reads_end(store);
    assert_int_equal(kinds_found(store, a), bounce);
    store_close(other);
}

static void what_others_wrote_is_noticed(void **state)
{
    struct bench *bench = *state;
    uint64_t before, after;
    struct store *other;
    struct error error = {0};

    assert_int_equal(store_others_mark(bench->store, &before, &error), 0);
    add_job(bench->store);
    assert_int_equal(store_others_mark(bench->store, &after, &error), 0);
    assert_true(after == before);
    assert_int_equal(store_open(bench->path, STORE_MODE_EXISTING, &other, &error), 0);
    add_job(other);
    store_close(other);
    assert_int_equal(store_others_mark(bench->store, &after, &error), 0);
    assert_true(after != before);
    before = after;
    assert_int_equal(store_others_mark(bench->store, &after, &error), 0);
    assert_true(after == before);
}

/* A limit of pages answers just as a full disk does. The connection must be the store's. */
static void limit_pages(struct store *store, const char *sql)
{
    sqlite3 *db = ((struct {
                      struct store base;
                      sqlite3 *db;
                  } *)(void *)store)
                      ->db;

    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int put_until_full(struct store *store, uint64_t id, struct error *error)
{
    struct store_result result = result_of(1, REASON_ACCEPTED);
    char text[4000];
    int code = 0;

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('!' + (i * i * 31 + i / 7 * 11) % 90);
    result.explanation = slice_from(text, sizeof(text));
    for (uint64_t row = 1; row <= 900 && code == 0; row++) {
        result.row = row;
        code = store_results_put(store, id, &result, 1, error);
    }
    return code;
}

static void a_full_disk_loses_nothing(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store), done;
    struct error error = {0};

    add_rows(bench->store, id, 1, 900, 1000);
    limit_pages(bench->store, "PRAGMA max_page_count=60");
    assert_int_equal(put_until_full(bench->store, id, &error), ERROR_IO);
    assert_non_null(strstr(error.message, "disk is full"));
    done = get_job(bench->store, id).done;
    assert_true(done > 5 && done < 900);
    assert_int_equal(counts_of(bench->store, id).rows[REASON_ACCEPTED], done);
    /* Room again: on it goes. */
    limit_pages(bench->store, "PRAGMA max_page_count=100000");
    put(bench->store, id, 900, REASON_ACCEPTED);
    open_again(bench, STORE_MODE_EXISTING);
    assert_int_equal(get_job(bench->store, id).done, done + 1);
}

/* A file without a name is in none of the places that its URL could name. */
static void a_full_folder_of_temporary_files_is_named(void **state)
{
    struct bench *bench = *state;
    struct error error = {0};
    struct store *store;
    char wanted[128];
    uint64_t id;

    snprintf(wanted, sizeof(wanted), "the disk of temporary files (%s) is full; make room there",
             bench->folder);
    assert_int_equal(setenv("TMPDIR", bench->folder, 1), 0);
    assert_int_equal(store_open("/nowhere/list.mkjob", STORE_MODE_TEMPORARY, &store, &error), 0);
    id = add_job(store);
    add_rows(store, id, 1, 900, 1000);
    limit_pages(store, "PRAGMA max_page_count=60");
    assert_int_equal(put_until_full(store, id, &error), ERROR_IO);
    assert_non_null(strstr(error.message, wanted));
    assert_non_null(strstr(error.message, "TMPDIR"));
    assert_null(strstr(error.message, "/nowhere"));
    store_close(store);
    /* As SQLite does, where that folder is none. */
    assert_int_equal(setenv("TMPDIR", "/nowhere", 1), 0);
    assert_int_equal(store_open("list.mkjob", STORE_MODE_TEMPORARY, &store, &error), 0);
    id = add_job(store);
    add_rows(store, id, 1, 900, 1000);
    limit_pages(store, "PRAGMA max_page_count=60");
    assert_int_equal(put_until_full(store, id, &error), ERROR_IO);
    assert_non_null(strstr(error.message, "tmp) is full"));
    store_close(store);
    unsetenv("TMPDIR");
}

static void urls_name_their_kind(void **state)
{
    struct store *store;
    struct error error = {0};

    assert_int_equal(store_open("mysql://host/db", STORE_MODE_CREATE, &store, &error), ERROR_USAGE);
    assert_true(store_url_is_shared("postgresql://host/db"));
    assert_true(store_url_is_shared("postgres://host/db"));
    assert_false(store_url_is_shared("sqlite:postgresql:"));
    assert_null(store_url_path("postgresql://host/db"));
    assert_int_equal(store_open("sqlite:", STORE_MODE_CREATE, &store, &error), ERROR_USAGE);
    assert_string_equal(store_url_path("sqlite:/a/b"), "/a/b");
    assert_string_equal(store_url_path("c.mkjob"), "c.mkjob");
    assert_null(store_url_path("memory:"));
}

static struct store_record record_of(const char *key, int64_t checked, int64_t expires,
                                     bool is_proof, const char *body)
{
    return (struct store_record){
        .kind = STORE_RECORD_MAILBOX,
        .key = slice_from_string(key),
        .group = SLICE("a.example"),
        .value = 7,
        .is_proof = is_proof,
        .checked_unix_ms = checked,
        .expires_unix_ms = expires,
        .body = slice_from_string(body),
    };
}

/* What is kept after a second record, of what a first one says. */
static void a_failure_never_takes_the_place_of_a_proof(void **state)
{
    static const struct {
        const char *what;
        int64_t checked, expires;
        bool is_proof;
        int64_t checked_2;
        bool is_proof_2;
        const char *kept;
        uint32_t failures;
    } rows[] = {
        {"a later proof replaces a proof", 100, 500, true, 200, true, "second", 0},
        {"an older proof does not", 100, 500, true, 99, true, "first", 0},
        {"a failure is counted beside a proof", 100, 500, true, 200, false, "first", 1},
        {"not twice at the same moment", 100, 500, true, 200, false, "first", 1},
        {"an older failure is not", 100, 500, true, 99, false, "first", 0},
        {"a failure replaces an expired proof", 100, 500, true, 500, false, "second", 0},
        {"a failure replaces a failure", 100, 500, false, 200, false, "second", 0},
        {"a proof replaces a failure", 100, 500, false, 200, true, "second", 0},
    };
    struct bench *bench = *state;
    struct arena arena;

    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct store_record both[] = {
            record_of("k", rows[i].checked, rows[i].expires, rows[i].is_proof, "first"),
            record_of("k", rows[i].checked_2, 900, rows[i].is_proof_2, "second"),
        };
        struct store_record got;

        (void)store_record_remove(bench->store, STORE_RECORD_MAILBOX, SLICE("k"), NULL);
        assert_int_equal(store_records_put(bench->store, both, 2, NULL), 0);
        assert_int_equal(store_records_put(bench->store, &both[1], 1, NULL), 0);
        assert_int_equal(
            store_record_get(bench->store, STORE_RECORD_MAILBOX, SLICE("k"), &arena, &got, NULL),
            1);
        if (!slice_equal(got.body, slice_from_string(rows[i].kept)) ||
            got.failures != rows[i].failures)
            fail_msg("%s: kept %.*s, %u failures", rows[i].what, SLICE_ARG(got.body), got.failures);
        assert_int_equal(got.failed_unix_ms, rows[i].failures > 0 ? rows[i].checked_2 : 0);
        assert_true(slice_equal(got.group, SLICE("a.example")));
        assert_int_equal(got.value, 7);
    }
    arena_done(&arena);
}

static void records_are_walked_counted_and_removed(void **state)
{
    struct bench *bench = *state;
    struct store_record_total total;
    struct store_record record = record_of("b\0b", 1, 10, true, "body");
    struct store_record got = {.key = SLICE_EMPTY};
    struct arena arena;
    char found[16] = "";

    arena_init(&arena);
    record.key = SLICE("b\0b");
    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    for (const char *at = "dac"; *at != '\0'; at++) {
        record.key = slice_from(at, 1);
        record.group = *at == 'c' ? SLICE("c.example") : SLICE_EMPTY;
        assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    }
    record.kind = STORE_RECORD_BOUNCE;
    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    if (!bench->is_memory)
        open_again(bench, STORE_MODE_EXISTING);
    while (store_record_next(bench->store, STORE_RECORD_MAILBOX, SLICE_EMPTY, got.key, &arena, &got,
                             NULL) == 1)
        strncat(found, got.key.ptr, 1);
    assert_string_equal(found, "abcd");
    assert_int_equal(store_record_next(bench->store, STORE_RECORD_MAILBOX, SLICE("c.example"),
                                       SLICE_EMPTY, &arena, &got, NULL),
                     1);
    assert_true(slice_equal(got.key, SLICE("c")));
    assert_int_equal(store_record_next(bench->store, STORE_RECORD_MAILBOX, SLICE("c.example"),
                                       got.key, &arena, &got, NULL),
                     0);
    assert_int_equal(store_records_total(bench->store, STORE_RECORD_MAILBOX, &total, NULL), 0);
    assert_int_equal(total.records, 4);
    assert_in_range(total.bytes, 4 * STORE_RECORD_OVERHEAD, 4 * (STORE_RECORD_OVERHEAD + 40));
    assert_int_equal(store_record_remove(bench->store, STORE_RECORD_MAILBOX, SLICE("b\0b"), NULL),
                     1);
    assert_int_equal(store_record_remove(bench->store, STORE_RECORD_MAILBOX, SLICE("b\0b"), NULL),
                     0);
    assert_int_equal(store_records_total(bench->store, STORE_RECORD_MAILBOX, &total, NULL), 0);
    assert_int_equal(total.records, 3);
    assert_int_equal(
        store_record_get(bench->store, STORE_RECORD_BOUNCE, SLICE("c"), &arena, &got, NULL), 1);
    arena_done(&arena);
}

static void records_of_several_kinds_are_read_at_once(void **state)
{
    struct bench *bench = *state;
    struct store_record put[3], got[STORE_RECORD_KIND_COUNT];
    struct arena arena;
    unsigned found = 77;

    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(put); i++)
        put[i] = record_of("a", 1, 10, true, "of a");
    put[1].kind = STORE_RECORD_COMPLAINT;
    put[1].body = SLICE("angry");
    put[2].key = SLICE("b");
    put[2].kind = STORE_RECORD_BOUNCE;
    assert_int_equal(store_records_put(bench->store, put, ARRAY_LEN(put), NULL), 0);
    for (unsigned kinds = 0; kinds < 1U << STORE_RECORD_KIND_COUNT; kinds++) {
        const unsigned there = 1U << STORE_RECORD_MAILBOX | 1U << STORE_RECORD_COMPLAINT;

        assert_int_equal(
            store_records_get(bench->store, kinds, SLICE("a"), &arena, got, &found, NULL), 0);
        assert_int_equal(found, kinds & there);
        if ((found >> STORE_RECORD_MAILBOX & 1) != 0)
            assert_true(slice_equal(got[STORE_RECORD_MAILBOX].body, SLICE("of a")));
        if ((found >> STORE_RECORD_COMPLAINT & 1) != 0) {
            assert_int_equal(got[STORE_RECORD_COMPLAINT].kind, STORE_RECORD_COMPLAINT);
            assert_true(slice_equal(got[STORE_RECORD_COMPLAINT].body, SLICE("angry")));
        }
    }
    arena_done(&arena);
}

/* Whatever was said to be expected, what is read is what is there. */
static void records_that_are_expected_are_those_that_are_there(void **state)
{
    struct bench *bench = *state;
    const struct store_record_name names[] = {
        {STORE_RECORD_MAILBOX, SLICE("a")}, {STORE_RECORD_BOUNCE, SLICE("a")},
        {STORE_RECORD_MAILBOX, SLICE("b")}, {STORE_RECORD_MAILBOX, SLICE("c")},
        {STORE_RECORD_MAILBOX, SLICE("c")},
    };
    struct store_record record = record_of("a", 1, 10, true, "first"), got;
    struct arena arena;

    arena_init(&arena);
    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    record = record_of("c", 1, 10, true, "of c");
    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    store_records_expect(bench->store, names, ARRAY_LEN(names));
    for (int again = 0; again < 2; again++) {
        assert_int_equal(
            store_record_get(bench->store, STORE_RECORD_MAILBOX, SLICE("a"), &arena, &got, NULL),
            1);
        assert_true(slice_equal(got.body, SLICE("first")));
        assert_true(slice_equal(got.key, SLICE("a")));
        assert_int_equal(
            store_record_get(bench->store, STORE_RECORD_BOUNCE, SLICE("a"), &arena, &got, NULL), 0);
    }
    /* What changes meanwhile is not answered as it was. */
    store_records_expect(bench->store, names, ARRAY_LEN(names));
    record = record_of("b", 1, 10, true, "new");
    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    record = record_of("a", 2, 10, true, "second");
    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    assert_int_equal(store_record_remove(bench->store, STORE_RECORD_MAILBOX, SLICE("c"), NULL), 1);
    assert_int_equal(
        store_record_get(bench->store, STORE_RECORD_MAILBOX, SLICE("b"), &arena, &got, NULL), 1);
    assert_int_equal(
        store_record_get(bench->store, STORE_RECORD_MAILBOX, SLICE("a"), &arena, &got, NULL), 1);
    assert_true(slice_equal(got.body, SLICE("second")));
    assert_int_equal(
        store_record_get(bench->store, STORE_RECORD_MAILBOX, SLICE("c"), &arena, &got, NULL), 0);
    arena_done(&arena);
}

/* A walk over more than is read at once, while some of what it will meet changes. */
static void a_long_walk_meets_every_record_as_it_is(void **state)
{
    struct bench *bench = *state;
    struct store_record record, got = {.key = SLICE_EMPTY};
    struct arena arena;
    char key[16];
    unsigned seen = 0;

    arena_init(&arena);
    for (unsigned i = 0; i < 150; i++) {
        snprintf(key, sizeof(key), "k%03u", i);
        record = record_of(key, 1, 10, true, "body");
        record.group = SLICE("g.example");
        assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    }
    while (store_record_next(bench->store, STORE_RECORD_MAILBOX, SLICE("g.example"), got.key,
                             &arena, &got, NULL) == 1) {
        snprintf(key, sizeof(key), "k%03u", seen);
        assert_true(slice_equal(got.key, slice_from_string(key)));
        if (seen == 20) { /* of those that come, one goes; and so does the one we stand on */
            assert_int_equal(
                store_record_remove(bench->store, STORE_RECORD_MAILBOX, SLICE("k021"), NULL), 1);
            assert_int_equal(store_record_remove(bench->store, STORE_RECORD_MAILBOX, got.key, NULL),
                             1);
            seen++;
        }
        seen++;
    }
    assert_int_equal(seen, 150);
    arena_done(&arena);
}

static void records_expire_oldest_first_and_keep_below_a_size(void **state)
{
    struct bench *bench = *state;
    struct store_record_total total;
    char key[16], body[201];

    memset(body, 'x', 200);
    body[200] = '\0';
    for (int i = 0; i < 100; i++) {
        struct store_record record;

        snprintf(key, sizeof(key), "k%02d", i * 37 % 100);
        record = record_of(key, 1, 1000 + i * 37 % 100, true, body);
        assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
        record.is_proof = true; /* replaced by itself: counted once */
        assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
    }
    assert_int_equal(store_records_total(bench->store, STORE_RECORD_MAILBOX, &total, NULL), 0);
    assert_int_equal(total.records, 100);
    assert_int_equal(
        store_records_expire(bench->store, STORE_RECORD_MAILBOX, 999, UINT64_MAX, 1000, NULL), 0);
    assert_int_equal(
        store_records_expire(bench->store, STORE_RECORD_MAILBOX, 1009, UINT64_MAX, 4, NULL), 4);
    assert_int_equal(
        store_records_expire(bench->store, STORE_RECORD_MAILBOX, 1009, UINT64_MAX, 1000, NULL), 6);
    assert_int_equal(store_records_total(bench->store, STORE_RECORD_MAILBOX, &total, NULL), 0);
    assert_int_equal(total.records, 90);
    assert_in_range(
        store_records_expire(bench->store, STORE_RECORD_MAILBOX, 1009, total.bytes / 2, 1000, NULL),
        44, 46);
    for (int i = 0; i < 100; i++) {
        struct store_record got;
        struct arena arena;

        arena_init(&arena);
        snprintf(key, sizeof(key), "k%02d", i);
        if (i < 54 || i >= 56)
            assert_int_equal(store_record_get(bench->store, STORE_RECORD_MAILBOX,
                                              slice_from_string(key), &arena, &got, NULL),
                             i >= 56);
        arena_done(&arena);
    }
}

/* Any allocation of ours may fail: an error, and the store goes on. */
static void no_memory_is_an_error(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 100, .with_json = true};
    struct store_result result = result_of(1, REASON_ACCEPTED);
    struct store_page page;
    struct store_keys *keys;
    bool failed;

    add_rows(bench->store, id, 1, 50, 1000);
    store_page_init(&page);
    /* A walk over keys is a connection there: that takes time. */
    for (int64_t n = 0; n < (bench->kind == POSTGRES ? 40 : 400); n++) {
        result.row = (uint64_t)n % 50 + 1;
        store_page_done(&page);
        store_page_init(&page);
        memory_fail_after(n % 40);
        failed = store_results_put(bench->store, id, &result, 1, NULL) != 0;
        failed |= store_page_read(bench->store, id, &query, &page, NULL) != 0;
        if (store_keys_open(bench->store, id, &keys, NULL) == 0)
            store_keys_close(keys);
        memory_fail_after(-1);
        assert_true(failed || n % 40 > 1);
    }
    assert_int_equal(store_results_put(bench->store, id, &result, 1, NULL), 0);
    store_page_done(&page);
}

/* --- what only PostgreSQL can show ----------------------------------------------------------- */

#ifdef MK_WITH_POSTGRES
static int note_path(void *user, const char *path)
{
    buffer_append_string(user, path);
    buffer_append_byte(user, ' ');
    return strcmp(path, "/stop") == 0 ? ERROR_LIMIT : 0;
}

static void files_that_a_url_names_are_told(void **state)
{
    static const struct {
        const char *url, *told;
        int code;
    } rows[] = {
        {"sqlite:/a/b.db", "", 0},
        {"postgresql://h/d", "/env/root.crt ", 0},
        {"postgresql://h/d?sslrootcert=/url/root.crt", "/url/root.crt ", 0},
        {"postgresql://h/d?sslkey=/k&sslcert=/c&passfile=/p", "/p /c /k /env/root.crt ", 0},
        {"postgresql:///d?host=/run/one,h,/run/two", "/env/root.crt /run/one /run/two ", 0},
        {"postgresql://h/d?sslcert=/stop&sslkey=/k", "/stop ", ERROR_LIMIT},
        {"postgresql://?service=none-of-that-name", "/env/root.crt ", 0},
        {"postgresql://h:x:y/", "/env/root.crt ", 0},
    };
    struct buffer told;

    assert_int_equal(setenv("PGSSLROOTCERT", "/env/root.crt", 1), 0);
    buffer_init(&told, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buffer_clear(&told);
        assert_int_equal(store_url_files(rows[i].url, note_path, &told), rows[i].code);
        if (!slice_equal(buffer_slice(&told), slice_from_string(rows[i].told)))
            fail_msg("%s: %.*s", rows[i].url, SLICE_ARG(buffer_slice(&told)));
        assert_null(getenv("PGSERVICE"));
    }
    buffer_done(&told);
    assert_int_equal(unsetenv("PGSSLROOTCERT"), 0);
}

static void secrets_are_refused_and_not_repeated(void **state)
{
    static const char *const urls[] = {
        "postgresql://me:hush-hush@/db?host=/nowhere",
        "postgresql:///db?host=/nowhere&password=hush-hush",
        "postgresql:///db?host=/nowhere&sslpassword=hush-hush",
        "postgresql://me:hush-hush@[::1/db",
        "postgresql:///db?hush-hush=1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct error error = {0};
        struct store *store;

        assert_int_equal(store_open(urls[i], STORE_MODE_CREATE, &store, &error), ERROR_USAGE);
        assert_null(strstr(error.message, "hush"));
    }
}

static void a_server_that_is_not_there_is_an_error(void **state)
{
    struct error error = {0};
    struct store *store;

    (void)state;
    setenv("PGPASSWORD", "hush-hush", 1);
    assert_int_equal(
        store_open("postgresql://me@/db?host=/nowhere", STORE_MODE_CREATE, &store, &error),
        ERROR_IO);
    unsetenv("PGPASSWORD");
    assert_non_null(strstr(error.message, "postgresql:///nowhere/db"));
    assert_null(strstr(error.message, "hush"));
}

static void a_lost_connection_is_made_again(void **state)
{
    static const char kill[] = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                               " WHERE application_name='mailknock'";
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);

    add_rows(bench->store, id, 1, 50, 1000);
    put(bench->store, id, 1, REASON_ACCEPTED);
    for (int i = 0; i < 3; i++) {
        postgres_rig_run(kill);
        usleep(20000);
        /* Prepared statements were the old connection's. */
        put(bench->store, id, 1, REASON_TIMEOUT);
        assert_int_equal(get_job(bench->store, id).done, 1);
    }
    add_rows(bench->store, id, 51, 60, 1000);
    assert_int_equal(get_job(bench->store, id).rows, 60);
}

static void many_may_start_at_once(void **state)
{
    struct bench *bench = *state;
    pid_t pids[8];

    store_close(bench->store);
    bench->store = NULL;
    for (int round = 0; round < 2; round++) {
        postgres_rig_run("SET client_min_messages TO error; DROP SCHEMA mailknock CASCADE");
        for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                struct error error = {0};
                struct store *store;

                if (store_open(bench->path, STORE_MODE_CREATE, &store, &error) == 0)
                    _exit(0);
                fprintf(stderr, "%s\n", error.message);
                _exit(1);
            }
        }
        for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
            int status = -1;

            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_int_equal(status, 0);
        }
    }
    open_again(bench, STORE_MODE_EXISTING);
}

static void tables_have_an_age(void **state)
{
    struct bench *bench = *state;
    struct error error = {0};
    struct store *store;

    /* Of a newer program, but this one may go on with them. */
    postgres_rig_run("INSERT INTO mailknock.version (version, oldest) VALUES (1000, 1)");
    open_again(bench, STORE_MODE_CREATE);
    postgres_rig_run("UPDATE mailknock.version SET oldest=1000 WHERE version=1000");
    assert_int_equal(store_open(bench->path, STORE_MODE_CREATE, &store, &error), ERROR_FORMAT);
    assert_non_null(strstr(error.message, "newer mailknock"));
    postgres_rig_run("SET client_min_messages TO error; DROP SCHEMA mailknock CASCADE");
    assert_int_equal(store_open(bench->path, STORE_MODE_EXISTING, &store, &error), ERROR_NOT_FOUND);
    assert_int_equal(store_open(bench->path, STORE_MODE_READ_ONLY, &store, &error),
                     ERROR_NOT_FOUND);
}

static void a_reader_changes_nothing(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    struct store_job job = get_job(bench->store, id);
    struct error error = {0};

    open_again(bench, STORE_MODE_READ_ONLY);
    assert_int_equal(store_job_update(bench->store, &job, &error), ERROR_IO);
    assert_int_equal(get_job(bench->store, id).created_unix_ms, 1000);
}

/* Of an older program's tables: they are left so. */
static void notes_are_looked_at_as_they_are(void **state)
{
    static const char older[] = "DELETE FROM mailknock.version WHERE version=(SELECT max(version) "
                                "FROM mailknock.version)";
    struct bench *bench = *state;
    struct error error = {0};
    struct store *store;
    struct slice body;
    struct arena arena;

    arena_init(&arena);
    assert_int_equal(store_note_put(bench->store, "list", "a", SLICE("text"), 0, NULL), 0);
    postgres_rig_run(older);
    for (int i = 0; i < 2; i++) {
        open_again(bench, STORE_MODE_NOTES);
        assert_int_equal(store_note_get(bench->store, "list", "a", &arena, &body, NULL), 0);
        assert_true(slice_equal(body, SLICE("text")));
    }
    assert_int_equal(store_note_put(bench->store, "list", "a", SLICE("mine"), 0, &error), ERROR_IO);
    assert_int_equal(store_open(bench->path, STORE_MODE_READ_ONLY, &store, &error), ERROR_FORMAT);
    arena_done(&arena);
}
#endif

#define EVERYWHERE(test)                                                                           \
    {"memory: " #test, test, set_up_memory, tear_down, NULL},                                      \
        {"sqlite: " #test, test, set_up_sqlite, tear_down, NULL},                                  \
    {                                                                                              \
        "sqlite without a name: " #test, test, set_up_nameless, tear_down, NULL                    \
    }
#define SQLITE(test) cmocka_unit_test_setup_teardown(test, set_up_sqlite, tear_down)

#define IN_POSTGRES(test)                                                                          \
    {                                                                                              \
        "postgresql: " #test, test, set_up_postgres, tear_down, NULL                               \
    }

/* The suite with PostgreSQL, where there is one. */
static int run_with_postgres(void)
{
#ifdef MK_WITH_POSTGRES
    const struct CMUnitTest tests[] = {
        IN_POSTGRES(jobs_are_kept_and_changed),
        IN_POSTGRES(jobs_go_bit_by_bit),
        IN_POSTGRES(keys_come_sorted),
        IN_POSTGRES(pending_rows_are_read_by_number),
        IN_POSTGRES(rows_are_read_by_number),
        IN_POSTGRES(results_are_counted_once),
        IN_POSTGRES(results_can_be_taken_back),
        IN_POSTGRES(results_can_be_replaced),
        IN_POSTGRES(rows_can_be_erased),
        IN_POSTGRES(pages_show_what_is_asked_for),
        IN_POSTGRES(rare_reasons_are_found_far_away),
        IN_POSTGRES(notes_are_kept_in_order_and_expire),
        IN_POSTGRES(notes_have_a_mark),
        IN_POSTGRES(a_note_is_changed_only_as_it_was_read),
        IN_POSTGRES(a_job_is_changed_only_as_it_was_read),
        IN_POSTGRES(a_failure_never_takes_the_place_of_a_proof),
        IN_POSTGRES(records_are_walked_counted_and_removed),
        IN_POSTGRES(records_of_several_kinds_are_read_at_once),
        IN_POSTGRES(records_that_are_expected_are_those_that_are_there),
        IN_POSTGRES(a_long_walk_meets_every_record_as_it_is),
        IN_POSTGRES(records_expire_oldest_first_and_keep_below_a_size),
        IN_POSTGRES(no_memory_is_an_error),
        IN_POSTGRES(a_lost_connection_is_made_again),
        IN_POSTGRES(many_may_start_at_once),
        IN_POSTGRES(tables_have_an_age),
        IN_POSTGRES(a_reader_changes_nothing),
        IN_POSTGRES(notes_are_looked_at_as_they_are),
    };
    int failed;

    postgres_url = postgres_rig_start();
    failed = postgres_url[0] != '\0' ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
    postgres_rig_stop();
    return failed;
#else
    return 0;
#endif
}

/* With "postgresql": that alone, in its own time. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EVERYWHERE(jobs_are_kept_and_changed),
        EVERYWHERE(jobs_go_bit_by_bit),
        EVERYWHERE(keys_come_sorted),
        EVERYWHERE(pending_rows_are_read_by_number),
        EVERYWHERE(rows_are_read_by_number),
        EVERYWHERE(results_are_counted_once),
        EVERYWHERE(results_can_be_taken_back),
        EVERYWHERE(results_can_be_replaced),
        EVERYWHERE(rows_can_be_erased),
        EVERYWHERE(pages_show_what_is_asked_for),
        EVERYWHERE(rare_reasons_are_found_far_away),
        EVERYWHERE(notes_are_kept_in_order_and_expire),
        EVERYWHERE(notes_have_a_mark),
        EVERYWHERE(a_note_is_changed_only_as_it_was_read),
        EVERYWHERE(a_job_is_changed_only_as_it_was_read),
        EVERYWHERE(a_failure_never_takes_the_place_of_a_proof),
        EVERYWHERE(records_are_walked_counted_and_removed),
        EVERYWHERE(records_of_several_kinds_are_read_at_once),
        EVERYWHERE(records_that_are_expected_are_those_that_are_there),
        EVERYWHERE(a_long_walk_meets_every_record_as_it_is),
        EVERYWHERE(records_expire_oldest_first_and_keep_below_a_size),
        EVERYWHERE(no_memory_is_an_error),
        SQLITE(files_that_are_not_ours_are_refused),
        SQLITE(older_files_are_renewed),
        SQLITE(older_programs_fail_on_a_renewed_file),
        SQLITE(damage_is_noticed),
        SQLITE(folders_may_be_read_only),
        SQLITE(a_change_under_a_reader_without_locks_is_noticed),
        SQLITE(readers_see_what_was_kept_while_it_is_written),
        SQLITE(many_reads_are_one_view_until_somebody_writes),
        SQLITE(kinds_that_come_later_are_found),
        SQLITE(what_others_wrote_is_noticed),
        SQLITE(a_full_disk_loses_nothing),
        SQLITE(a_full_folder_of_temporary_files_is_named),
        cmocka_unit_test(urls_name_their_kind),
#ifdef MK_WITH_POSTGRES
        cmocka_unit_test(secrets_are_refused_and_not_repeated),
        cmocka_unit_test(files_that_a_url_names_are_told),
        cmocka_unit_test(a_server_that_is_not_there_is_an_error),
#endif
    };

    if (argc > 1 && strcmp(argv[1], "postgresql") == 0)
        return run_with_postgres();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
