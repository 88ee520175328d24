/* Tests of results that are put right: of rows that can't be read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bulk/job_mend.h"
#include "bulk/job_outcome.h"

#define SAID "The row can't be read: of itself."

/* Earlier versions held all of them to have no address. */
static void unreadable_rows_are_unknown(void **state)
{
    static const struct {
        struct slice fault, explanation;
        enum verdict_reason reason; /* afterwards */
        const char *address;
    } rows[] = {
        {SLICE("it can't be told which cell is the address"), SLICE(SAID), REASON_NOT_PROBED},
        {SLICE("too few columns: there is none for the address"), SLICE(SAID), REASON_BAD_SYNTAX},
        {SLICE("the object lacks the field"), SLICE(SAID), REASON_BAD_SYNTAX},
        {SLICE(""), SLICE("It has no @."), REASON_BAD_SYNTAX, "a.example"},
        {SLICE("erased on request"), SLICE(""), REASON_BAD_SYNTAX},
    };
    enum {
        COUNT = sizeof(rows) / sizeof(*rows)
    };
    const struct store_query query = {.limit = COUNT, .with_json = true};
    struct store_job job = {.state = STORE_JOB_PAUSED, .name = SLICE("list")};
    struct store_counts counts;
    struct bulk_mend mend;
    struct store_page page;
    struct store *store;
    struct arena arena;
    uint64_t id;
    int code;

    (void)state;
    arena_init(&arena);
    assert_int_equal(store_memory_open(&store, NULL), 0);
    assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        const struct store_row row = {.number = i + 1,
                                      .turn = i,
                                      .address = slice_from_string(rows[i].address),
                                      .fault = rows[i].fault};
        const struct store_result result = {.row = i + 1,
                                            .copies = 0,
                                            .status = VERDICT_INVALID,
                                            .reason = REASON_BAD_SYNTAX,
                                            .checked_unix_ms = 1000,
                                            .explanation = rows[i].explanation,
                                            .json = rows[i].explanation.len > 0 ? SLICE("{}")
                                                                                : SLICE_EMPTY};

        assert_int_equal(store_rows_add(store, id, &row, 1, NULL), 0);
        assert_int_equal(store_results_put(store, id, &result, 1, NULL), 0);
    }
    assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
    bulk_mend_init(&mend, store);
    for (unsigned i = 0; i < 2; i++) { /* also once more */
        assert_int_equal(bulk_mend_begin(&mend, &job, NULL), 1);
        while ((code = bulk_mend_step(&mend, 1, NULL)) == 1) {
        }
        assert_int_equal(code, 0);
        assert_int_equal(mend.mended, 1);
    }
    bulk_mend_done(&mend);
    assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
    assert_int_equal(store_job_left(&job), 0);
    assert_int_equal(store_counts(store, id, &counts, NULL), 0);
    assert_int_equal(counts.rows[REASON_NOT_PROBED], 1);
    assert_int_equal(counts.rows[REASON_BAD_SYNTAX], COUNT - 1);
    store_page_init(&page);
    assert_int_equal(store_page_read(store, id, &query, &page, NULL), 0);
    assert_int_equal(page.count, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        const struct store_result *result = &page.lines[i].result;

        assert_int_equal(result->reason, rows[i].reason);
        assert_int_equal(result->checked_unix_ms, 1000);
        assert_int_equal(result->json.len > 0, rows[i].explanation.len > 0);
    }
    assert_true(slice_starts_with(page.lines[0].result.explanation,
                                  SLICE("The row can't be read: it can't be told")));
    arena_done(&arena);
    store_page_done(&page);
    store_close(store);
}

/* Their cells were held to be addresses that are none, and no row of the list to be unreadable. */
static void cells_with_several_addresses_are_unknown(void **state)
{
    static const struct store_row row = {.number = 1, .address = SLICE("a@x.example; b@x.example")};
    static const struct store_result result = {.row = 1,
                                               .status = VERDICT_INVALID,
                                               .reason = REASON_BAD_SYNTAX,
                                               .checked_unix_ms = 1000,
                                               .explanation = SLICE("It has two @.")};
    static const struct probe_offline_terms terms = {.unix_ms = 1000};
    static struct bulk_rest rest;
    const struct store_query query = {.limit = 1};
    struct bulk_outcome outcome;
    struct buffer scratch;
    struct store_job job = {.state = STORE_JOB_FINISHED, .name = SLICE("list")};
    struct bulk_mend mend;
    struct store_page page;
    struct store *store;
    struct arena arena;
    uint64_t id;
    int code;

    (void)state;
    arena_init(&arena);
    assert_int_equal(store_memory_open(&store, NULL), 0);
    assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
    assert_int_equal(store_rows_add(store, id, &row, 1, NULL), 0);
    assert_int_equal(store_results_put(store, id, &result, 1, NULL), 0);
    assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
    assert_int_equal(job.faults, 0);
    bulk_mend_init(&mend, store);
    assert_int_equal(bulk_mend_begin(&mend, &job, NULL), 1);
    while ((code = bulk_mend_step(&mend, 1, NULL)) == 1) {
    }
    assert_int_equal(code, 0);
    assert_int_equal(mend.mended, 1);
    assert_int_equal(bulk_mend_begin(&mend, &job, NULL), 0); /* there is none any more */
    bulk_mend_done(&mend);
    assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
    assert_int_equal(job.faults, 1);
    store_page_init(&page);
    assert_int_equal(store_page_read(store, id, &query, &page, NULL), 0);
    assert_int_equal(page.lines[0].result.status, VERDICT_UNKNOWN);
    assert_true(slice_starts_with(page.lines[0].result.explanation,
                                  SLICE("The row can't be read: several addresses")));
    page.lines[0].has_result = false;
    buffer_init(&scratch, 0);
    assert_int_equal(bulk_job_rest(&page.lines[0], &terms, &scratch, &rest, &outcome), 0);
    assert_int_equal(outcome.status, VERDICT_UNKNOWN);
    buffer_done(&scratch);
    arena_done(&arena);
    store_page_done(&page);
    store_close(store);
}

/* Each list is looked at once, also where the walk was ended between two of them. */
static void what_was_mended_is_remembered(void **state)
{
    static const struct store_row row = {.number = 1, .address = SLICE("a.example")};
    static const struct store_result result = {.row = 1,
                                               .status = VERDICT_INVALID,
                                               .reason = REASON_BAD_SYNTAX,
                                               .explanation = SLICE("It has no @.")};
    struct store_job job = {.state = STORE_JOB_FINISHED, .name = SLICE("list")};
    static const uint64_t afters[] = {0, 0, 1, 3, 3};
    struct bulk_mend mend;
    struct store *store;
    struct arena arena;
    uint64_t id, after;

    (void)state;
    arena_init(&arena);
    assert_int_equal(store_memory_open(&store, NULL), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
        assert_int_equal(id, i + 1);
        if (i == 2) /* nothing is wrong in it */
            break;
        assert_int_equal(store_rows_add(store, id, &row, 1, NULL), 0);
        assert_int_equal(store_results_put(store, id, &result, 1, NULL), 0);
    }
    for (unsigned i = 0; i < 5; i++) {
        bulk_mend_init(&mend, store);
        assert_int_equal(bulk_mend_recall(&mend, &after, NULL), 0);
        assert_int_equal(after, afters[i]);
        for (id = after + 1; id <= 3; id++) {
            assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
            assert_int_equal(bulk_mend_begin(&mend, &job, NULL), id < 3);
            if (i == 0) /* killed before it looked */
                break;
            if (id < 3)
                assert_int_equal(bulk_mend_step(&mend, 10, NULL), 0);
            if (i == 1)
                break;
        }
        assert_int_equal(bulk_mend_keep(&mend, NULL), 0);
        bulk_mend_done(&mend);
    }
    arena_done(&arena);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unreadable_rows_are_unknown),
        cmocka_unit_test(cells_with_several_addresses_are_unknown),
        cmocka_unit_test(what_was_mended_is_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
