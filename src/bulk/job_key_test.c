/* Tests of what mailboxes of a list are told by, and of results that go with them to a changed
 * list. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "bulk/job_carry.h"
#include "bulk/job_key.h"
#include "bulk/job_rig.h"
#include "bulk/job_seen.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_move_to_a_changed_list),
        cmocka_unit_test(first_rows_are_remembered),
        cmocka_unit_test(mailboxes_have_one_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
