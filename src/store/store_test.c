/* One suite over every store: jobs, their rows and results. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/store_rig.h"

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

/* What a later program sees of rows that an earlier one could read. */
static void faults_can_be_noted(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    const struct store_mark mark = {2, 1};
    const struct store_fault faults[] = {
        {1, SLICE("several")}, {3, SLICE("several")}, {9, SLICE("several")}};
    const struct store_row rows[] = {{.number = 1, .key = 5, .address = SLICE("a@b.example; c")},
                                     {.number = 2, .key = 5, .address = SLICE("a@b.example; c")},
                                     {.number = 3, .fault = SLICE("too short")}};
    struct store_page page;

    assert_int_equal(store_rows_add(bench->store, id, rows, 3, NULL), 0);
    assert_int_equal(store_rows_mark(bench->store, id, &mark, 1, NULL), 0);
    for (int i = 0; i < 2; i++) { /* also once more */
        assert_int_equal(store_rows_fault(bench->store, id, faults, 3, NULL), 0);
        assert_int_equal(get_job(bench->store, id).faults, 3);
    }
    store_page_init(&page);
    assert_int_equal(store_line_read(bench->store, id, 1, &page, NULL), 0);
    assert_true(slice_equal(page.lines[0].row.fault, SLICE("several")));
    assert_true(slice_equal(page.lines[0].row.address, SLICE("a@b.example; c")));
    assert_int_equal(store_line_read(bench->store, id, 3, &page, NULL), 0);
    assert_true(slice_equal(page.lines[0].row.fault, SLICE("too short")));
    store_page_done(&page);
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

static void pages_of_every_scope_have_what_came(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    struct store_page page;

    add_rows(bench->store, id, 1, 10, 1000); /* that of row 7 is kept */
    store_page_init(&page);
    for (int scope = STORE_SCOPE_ROWS; scope <= STORE_SCOPE_PENDING; scope++) {
        for (int with_raw = 0; with_raw < 2; with_raw++) {
            const struct store_query query = {
                .scope = (enum store_scope)scope, .limit = 10, .with_raw = with_raw};

            assert_int_equal(store_page_read(bench->store, id, &query, &page, NULL), 0);
            assert_int_equal(page.count, 10);
            for (size_t i = 0; i < page.count; i++)
                assert_true(slice_equal(page.lines[i].row.raw,
                                        with_raw && i == 6 ? SLICE("a,b,c") : SLICE_EMPTY));
        }
    }
    store_page_done(&page);
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

#define SUITE(each)                                                                                \
    each(jobs_are_kept_and_changed), each(jobs_go_bit_by_bit), each(keys_come_sorted),             \
        each(pending_rows_are_read_by_number), each(rows_are_read_by_number),                      \
        each(results_are_counted_once), each(results_can_be_taken_back),                           \
        each(results_can_be_replaced), each(rows_can_be_erased), each(faults_can_be_noted),        \
        each(pages_show_what_is_asked_for), each(pages_of_every_scope_have_what_came),             \
        each(rare_reasons_are_found_far_away), each(a_job_is_changed_only_as_it_was_read),         \
        each(no_memory_is_an_error)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        SUITE(EVERYWHERE),
        cmocka_unit_test(urls_name_their_kind),
    };
    const struct CMUnitTest shared[] = {SUITE(IN_POSTGRES)};

    return store_rig_main(argc, argv, tests, ARRAY_LEN(tests), shared, ARRAY_LEN(shared));
}
