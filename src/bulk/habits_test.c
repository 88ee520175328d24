/* Tests of what is learnt of a domain from outcomes of its mailboxes that are kept. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "bulk/habits.h"
#include "lab/sim_loop.h"

/* What own messages to a domain met is told when it is met; what has expired is not. */
static void outcomes_acquaint_with_a_domain(void **state)
{
    static const struct {
        enum store_record_kind kind;
        const char *key;
        int64_t left_ms;
        enum verdict_reason value;
    } kept[] = {
        {STORE_RECORD_DELIVERY, "ann.schmidt@a.example", 1000},
        {STORE_RECORD_DELIVERY, "bob.kowalczyk@a.example", 1000},
        {STORE_RECORD_DELIVERY, "info@a.example", 1000},
        {STORE_RECORD_DELIVERY, "old.weber@a.example", -1000},
        {STORE_RECORD_BOUNCE, "cas@a.example", 1000},
        {STORE_RECORD_BOUNCE, "dee@b.example", 1000},
        {STORE_RECORD_MAILBOX, "carol.weber@a.example", 1000, REASON_ACCEPTED},
        {STORE_RECORD_MAILBOX, "dora.weber@a.example", -1000, REASON_ACCEPTED},
        {STORE_RECORD_MAILBOX, "eve@a.example", 1000, REASON_MAILBOX_NOT_FOUND},
        {STORE_RECORD_MAILBOX, "fay.weber@a.example", 1000, REASON_ACCEPTS_ALL},
    };
    const struct lab_sim_plan plan = {.seed = 1};
    struct io_loop *loop = lab_sim_loop_new(&plan);
    struct naming_habits naming = {{0}};
    struct evidence_peers peers = {0};
    struct bulk_habits *habits;
    struct probe_memory memory;
    struct store *store;

    assert_non_null(loop);
    assert_int_equal(store_open("memory:", STORE_MODE_CREATE, &store, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const struct store_record record = {
            .kind = kept[i].kind,
            .key = slice_from_string(kept[i].key),
            .group =
                slice_from_offset(slice_from_string(kept[i].key), strcspn(kept[i].key, "@") + 1),
            .value = (uint8_t)kept[i].value,
            .is_proof = true,
            .checked_unix_ms = io_unix_ms(loop) - 2000,
            .expires_unix_ms = io_unix_ms(loop) + kept[i].left_ms,
            .body = SLICE_EMPTY,
        };

        assert_int_equal(store_records_put(store, &record, 1, NULL), 0);
    }
    habits = bulk_habits_new(loop, store, store);
    assert_non_null(habits);
    memory = bulk_habits_memory(habits);
    memory.acquaint(memory.user, SLICE("a.example"), &naming, &peers);
    assert_int_equal(peers.delivered, 3);
    assert_int_equal(peers.bounced, 1);
    assert_int_equal(peers.accepted, 1);
    assert_int_equal(peers.absent, 1);
    assert_int_equal(peers.refused, 1);
    assert_int_equal(naming_total(&naming), 3);
    assert_int_equal(naming_alike(&naming, NAMING_FIRST_DOT_LAST), 3);
    bulk_habits_free(habits);
    store_close(store);
    io_loop_free(loop);
}

/* A domain with more outcomes than are looked at: its shares are those of its first mailboxes. */
static void many_outcomes_keep_their_shares(void **state)
{
    static const struct {
        const char *domain;
        unsigned deliveries_of_10; /* of 400 mailboxes */
    } rows[] = {{"nine.example", 9}, {"half.example", 5}, {"one.example", 1}};
    const struct lab_sim_plan plan = {.seed = 1};
    struct io_loop *loop = lab_sim_loop_new(&plan);
    struct bulk_habits *habits;
    struct probe_memory memory;
    struct store *store;

    assert_non_null(loop);
    assert_int_equal(store_open("memory:", STORE_MODE_CREATE, &store, NULL), 0);
    habits = bulk_habits_new(loop, store, store);
    assert_non_null(habits);
    memory = bulk_habits_memory(habits);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct naming_habits naming = {{0}};
        struct evidence_peers peers = {0};
        unsigned share;

        for (unsigned k = 0; k < 400; k++) {
            char key[64];
            struct store_record record = {
                .kind = k * 7 % 10 < rows[i].deliveries_of_10 ? STORE_RECORD_DELIVERY
                                                              : STORE_RECORD_BOUNCE,
                .group = slice_from_string(rows[i].domain),
                .is_proof = true,
                .checked_unix_ms = 1,
                .expires_unix_ms = INT64_MAX,
                .body = SLICE_EMPTY,
            };

            snprintf(key, sizeof(key), "u%03u@%s", k, rows[i].domain);
            record.key = slice_from_string(key);
            assert_int_equal(store_records_put(store, &record, 1, NULL), 0);
        }
        memory.acquaint(memory.user, slice_from_string(rows[i].domain), &naming, &peers);
        assert_in_range(peers.delivered + peers.bounced, 64, 130);
        share = 100 * peers.delivered / (peers.delivered + peers.bounced);
        assert_in_range(share, 10 * rows[i].deliveries_of_10 - 4,
                        10 * rows[i].deliveries_of_10 + 4);
    }
    bulk_habits_free(habits);
    store_close(store);
    io_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_acquaint_with_a_domain),
        cmocka_unit_test(many_outcomes_keep_their_shares),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
