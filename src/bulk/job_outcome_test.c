/* Tests of outcomes that are kept: of rows that can't be read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bulk/job_outcome.h"

#define SAID "The row can't be read: of itself."

/* Earlier versions held all of them to have no address. */
static void unreadable_rows_get_their_results_anew(void **state)
{
    static const struct {
        struct slice fault, explanation;
        bool is_known;
    } rows[] = {
        {SLICE("it can't be told which cell is the address"), SLICE(SAID), false},
        {SLICE("too few columns: there is none for the address"), SLICE(SAID), true},
        {SLICE(""), SLICE("It has no @."), true},
        {SLICE("erased on request"), SLICE(""), true},
    };
    enum {
        COUNT = sizeof(rows) / sizeof(*rows)
    };
    const struct store_query query = {.limit = COUNT};
    struct store_job job = {.state = STORE_JOB_PAUSED, .name = SLICE("list")};
    struct store_page page;
    struct store *store;
    struct arena arena;
    uint64_t id;

    (void)state;
    arena_init(&arena);
    assert_int_equal(store_memory_open(&store, NULL), 0);
    assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        const struct store_row row = {.number = i + 1, .turn = i, .fault = rows[i].fault};
        const struct store_result result = {.row = i + 1,
                                            .copies = 0,
                                            .status = VERDICT_INVALID,
                                            .reason = REASON_BAD_SYNTAX,
                                            .checked_unix_ms = 1000,
                                            .explanation = rows[i].explanation,
                                            .json = SLICE("{}")};

        assert_int_equal(store_rows_add(store, id, &row, 1, NULL), 0);
        assert_int_equal(store_results_put(store, id, &result, 1, NULL), 0);
    }
    assert_int_equal(bulk_job_forget_faults(store, id, NULL), 0);
    assert_int_equal(bulk_job_forget_faults(store, id, NULL), 0);
    assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
    assert_int_equal(store_job_left(&job), 1);
    store_page_init(&page);
    assert_int_equal(store_page_read(store, id, &query, &page, NULL), 0);
    assert_int_equal(page.count, COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(page.lines[i].has_result, rows[i].is_known);
    arena_done(&arena);
    store_page_done(&page);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unreadable_rows_get_their_results_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
