/* Tests of what a job is fed with, and how fast it goes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "bulk/job_rate.h"
#include "bulk/job_rig.h"

static void feeds_give_every_row_in_its_turn(void **state)
{
    enum {
        MANY = 20000,
    };
    static struct store_row rows[1000];
    static bool seen[MANY + 1];
    struct store *store = memory_store();
    struct store_job job = {.name = SLICE("list")};
    struct bulk_feed *feed;
    struct store_row row;
    uint64_t id, count = 0;
    uint32_t last_turn = 0;

    assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
    for (uint64_t number = 1; number <= MANY; number++) {
        rows[(number - 1) % 1000] = (struct store_row){
            .number = number,
            .turn = (uint32_t)(number * 2654435761U),
            .address = SLICE("x"),
            .fault = SLICE_EMPTY,
        };
        if (number % 1000 == 0)
            assert_int_equal(store_rows_add(store, id, rows, 1000, NULL), 0);
    }
    assert_int_equal(bulk_feed_open(store, id, MANY, BULK_FEED_BY_TURN, &feed, NULL), 0);
    while (bulk_feed_prepare(feed, NULL) == 1)
        count++;
    assert_in_range(count, (MANY + 3999) / 4000, MANY / 16); /* a bit at a time */
    count = 0;
    while (bulk_feed_next(feed, &row, NULL) == 1) {
        uint64_t number = row.number;

        if (count++ % 37 == 5) {
            bulk_feed_put_back(feed);
            assert_int_equal(bulk_feed_next(feed, &row, NULL), 1);
            assert_int_equal(row.number, number);
        }
        assert_false(seen[number]);
        seen[number] = true;
        assert_true((uint32_t)(number * 2654435761U) >= last_turn);
        last_turn = (uint32_t)(number * 2654435761U);
    }
    assert_int_equal(count, MANY);
    bulk_feed_close(feed);
    assert_int_equal(bulk_feed_open(store, id, MANY, BULK_FEED_IN_ORDER, &feed, NULL), 0);
    assert_int_equal(bulk_feed_prepare(feed, NULL), 0);
    for (count = 1; bulk_feed_next(feed, &row, NULL) == 1; count++)
        assert_int_equal(row.number, count);
    assert_int_equal(count, MANY + 1);
    bulk_feed_close(feed);
    store_close(store);
}

static void rates_are_of_the_last_minute(void **state)
{
    struct bulk_rate rate;
    uint64_t count = 0;

    bulk_rate_init(&rate, 1000, 0);
    assert_true(bulk_rate_per_s(&rate, 1000, 0) == 0);
    for (uint64_t at = 1000; at <= 121000; at += 500)
        bulk_rate_note(&rate, at, count += 50);
    assert_true(bulk_rate_per_s(&rate, 121000, count) > 98);
    assert_true(bulk_rate_per_s(&rate, 121000, count) < 102);
    assert_true(bulk_rate_per_s(&rate, 181000, count) < 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feeds_give_every_row_in_its_turn),
        cmocka_unit_test(rates_are_of_the_last_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
