/* Tests of the feeding order: small domains stay together, big ones are spread evenly. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "bulk/order.h"

static void a_small_domain_stays_together(void **state)
{
    struct bulk_order *order = bulk_order_new(1);
    uint32_t key;

    assert_non_null(order);
    key = bulk_order_key(order, SLICE("small.example"));
    for (int i = 1; i < BULK_ORDER_BATCH; i++) {
        (void)bulk_order_key(order, SLICE("other.example"));
        assert_int_equal(bulk_order_key(order, SLICE("small.example")), key);
    }
    assert_int_not_equal(bulk_order_key(order, SLICE("small.example")), key);
    bulk_order_free(order);
}

/* Of a domain with many batches, every stretch of the list holds its share, give or take one. */
static void a_big_domain_is_spread_evenly(void **state)
{
    enum {
        STRETCHES = 32
    };
    static const unsigned batch_counts[] = {2, 10, 33, 100, 1000, 40000};

    for (size_t row = 0; row < sizeof(batch_counts) / sizeof(batch_counts[0]); row++) {
        struct bulk_order *order = bulk_order_new(row);
        unsigned found[STRETCHES] = {0}, batches = batch_counts[row];

        assert_non_null(order);
        for (unsigned i = 0; i < batches * BULK_ORDER_BATCH; i++) {
            uint32_t key = bulk_order_key(order, SLICE("gmail.com"));

            if (i % BULK_ORDER_BATCH == 0)
                found[(uint64_t)key * STRETCHES >> 32]++;
        }
        for (unsigned i = 0; i < STRETCHES; i++) {
            double share = (double)batches / STRETCHES;

            if (found[i] > share + 2 || found[i] + 2 < share)
                fail_msg("%u of %u batches in stretch %u", found[i], batches, i);
        }
        bulk_order_free(order);
    }
}

static void seeds_give_orders_of_their_own(void **state)
{
    struct bulk_order *a = bulk_order_new(1), *b = bulk_order_new(1), *c = bulk_order_new(2);
    unsigned differ = 0;
    char name[32];

    assert_true(a != NULL && b != NULL && c != NULL);
    for (int i = 0; i < 1000; i++) {
        struct slice domain;
        uint32_t key;

        snprintf(name, sizeof(name), "d%d.example", i);
        domain = slice_from(name, strlen(name));
        key = bulk_order_key(a, domain);
        assert_int_equal(bulk_order_key(b, domain), key);
        differ += bulk_order_key(c, domain) != key;
    }
    assert_true(differ > 990);
    bulk_order_free(a);
    bulk_order_free(b);
    bulk_order_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_domain_stays_together),
        cmocka_unit_test(a_big_domain_is_spread_evenly),
        cmocka_unit_test(seeds_give_orders_of_their_own),
    };

    return cmocka_run_group_tests_name("bulk-order", tests, NULL, NULL);
}
