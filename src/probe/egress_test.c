/* Which identity a site meets: always the same, in fair shares, and few move when one is added. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/check.h"
#include "probe/egress.h"

#define SITES 10000
#define NAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct probe_egress egresses[] = {
    {.name = NAME("192.0.2.1 via nobody")},
    {.name = NAME("192.0.2.2 via nobody")},
    {.name = NAME("any via 192.0.2.3:1080")},
    {.name = NAME("2001:db8::4 via nobody")},
};

static size_t chosen(unsigned site, size_t count)
{
    char key[32];
    int len = snprintf(key, sizeof(key), "mx%u.example.org", site);

    return (size_t)(probe_egress_choose(egresses, count, slice_from(key, (size_t)len)) - egresses);
}

static void a_site_stays_with_one(void **state)
{
    (void)state;
    for (unsigned site = 0; site < SITES; site++) {
        assert_int_equal(chosen(site, 1), 0);
        assert_int_equal(chosen(site, 3), chosen(site, 3));
    }
}

static void shares_are_fair(void **state)
{
    size_t shares[ARRAY_LEN(egresses)] = {0};

    (void)state;
    for (unsigned site = 0; site < SITES; site++)
        shares[chosen(site, ARRAY_LEN(egresses))]++;
    for (size_t i = 0; i < ARRAY_LEN(egresses); i++)
        assert_in_range(shares[i], SITES / 4 - SITES / 40, SITES / 4 + SITES / 40);
}

/* Whoever moves moves to the new one. */
static void one_more_takes_only_its_share(void **state)
{
    unsigned moved = 0;

    (void)state;
    for (unsigned site = 0; site < SITES; site++) {
        size_t before = chosen(site, 3), after = chosen(site, 4);

        if (before == after)
            continue;
        assert_int_equal(after, 3);
        moved++;
    }
    assert_in_range(moved, SITES / 4 - SITES / 40, SITES / 4 + SITES / 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_stays_with_one),
        cmocka_unit_test(shares_are_fair),
        cmocka_unit_test(one_more_takes_only_its_share),
    };

    return cmocka_run_group_tests_name("probe/egress", tests, NULL, NULL);
}
