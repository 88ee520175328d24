/* Tests of limits, breaker and alarms: pure, with time as an argument. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/error.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/random.h"
#include "probe/alarm.h"
#include "probe/breaker.h"
#include "probe/limits.h"

static struct provider_limits some_limits(unsigned connections, unsigned per_minute)
{
    return (struct provider_limits){
        .connections = (uint16_t)connections,
        .connections_per_minute = (uint16_t)per_minute,
        .rcpts_per_session = 20,
        .rcpts_per_transaction = 10,
    };
}

static void overrides_only_tighten_unless_opened(void **state)
{
    static const struct {
        struct provider_limits profile, override, closed, opened;
    } rows[] = {
        {{10, 30, 20, 10, 500, 5}, {0}, {10, 30, 20, 10, 500, 5}, {10, 0, 20, 10, 0, 0}},
        {{10, 30, 20, 10, 500, 5},
         {20, 60, 50, 50, 0, 9},
         {10, 30, 20, 10, 500, 5},
         {20, 60, 50, 50, 0, 9}},
        {{10, 0, 20, 10, 0, 0}, {2, 6, 5, 1, 700, 1}, {2, 6, 5, 1, 700, 1}, {2, 6, 5, 1, 700, 1}},
        {{0, 0, 0, 0, 0, 0}, {0}, {1, 0, 1, 1, 0, 0}, {1, 0, 1, 1, 0, 0}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct provider_limits got;

        got = probe_limits_merge(&rows[i].profile, &rows[i].override, false);
        assert_memory_equal(&got, &rows[i].closed, sizeof(got));
        got = probe_limits_merge(&rows[i].profile, &rows[i].override, true);
        assert_memory_equal(&got, &rows[i].opened, sizeof(got));
    }
}

static void connections_start_low_double_and_are_halved(void **state)
{
    struct provider_limits ceiling = some_limits(20, 0);
    struct probe_limits limits;

    assert_int_equal(probe_limits_init(&limits, &ceiling), 0);
    assert_int_equal(limits.allowed, 2);
    for (unsigned want = 4; want <= 16; want *= 2) {
        probe_limits_succeeded(&limits);
        assert_int_equal(limits.allowed, want);
    }
    probe_limits_succeeded(&limits);
    probe_limits_succeeded(&limits);
    assert_int_equal(limits.allowed, 20);
    probe_limits_refused(&limits);
    assert_int_equal(limits.allowed, 10);
    for (int i = 0; i < 9; i++)
        probe_limits_succeeded(&limits);
    assert_int_equal(limits.allowed, 10); /* one more only after ten successes */
    probe_limits_succeeded(&limits);
    assert_int_equal(limits.allowed, 11);
    for (int i = 0; i < 10; i++)
        probe_limits_refused(&limits);
    assert_int_equal(limits.allowed, 1);
    probe_limits_done(&limits);
}

/* Whatever is tried at random, any window of a minute and any moment keep within the ceilings. */
static void ceilings_hold_in_every_window(void **state)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct random random;
        struct provider_limits ceiling;
        struct probe_limits limits;
        uint64_t opened[4000], now = 1000;
        size_t count = 0;

        random_init(&random, seed);
        ceiling = some_limits(1 + (unsigned)random_below(&random, 8),
                              1 + (unsigned)random_below(&random, 30));
        assert_int_equal(probe_limits_init(&limits, &ceiling), 0);
        for (int step = 0; step < 4000; step++) {
            now += random_below(&random, 1500);
            if (random_chance(&random, 1, 2) && limits.open > 0)
                probe_limits_closed(&limits);
            if (random_chance(&random, 1, 20))
                probe_limits_refused(&limits);
            if (random_chance(&random, 1, 3))
                probe_limits_succeeded(&limits);
            if (probe_limits_next_open(&limits, now) > now)
                continue;
            probe_limits_opened(&limits, now);
            assert_true(limits.open <= ceiling.connections);
            if (count >= ceiling.connections_per_minute)
                assert_true(now - opened[count - ceiling.connections_per_minute] >= 60000);
            opened[count++] = now;
        }
        if (count == 0)
            fail_msg("seed %llu: nothing was opened", (unsigned long long)seed);
        probe_limits_done(&limits);
    }
}

static void the_next_opening_is_foretold(void **state)
{
    struct provider_limits ceiling = some_limits(2, 2);
    struct probe_limits limits;

    assert_int_equal(probe_limits_init(&limits, &ceiling), 0);
    assert_int_equal(probe_limits_next_open(&limits, 5), 5);
    probe_limits_opened(&limits, 5);
    probe_limits_opened(&limits, 7);
    assert_true(probe_limits_next_open(&limits, 8) == INSTANT_NEVER);
    probe_limits_closed(&limits);
    assert_int_equal(probe_limits_next_open(&limits, 8), 5 + PROBE_LIMITS_WINDOW_MS);
    probe_limits_done(&limits);
    memory_fail_after(0);
    assert_int_equal(probe_limits_init(&limits, &ceiling), ERROR_NOMEM);
    memory_fail_after(-1);
}

static void breakers_open_half_open_and_close(void **state)
{
    struct probe_breaker breaker = {0};
    uint64_t now = HOUR_MS;

    assert_true(probe_breaker_allows(&breaker, now));
    assert_true(probe_breaker_refused(&breaker, PROBE_REFUSAL_TEMPORARY, now));
    assert_false(probe_breaker_refused(&breaker, PROBE_REFUSAL_TEMPORARY, now + 5));
    assert_int_equal(breaker.until_ms, now + 30 * MINUTE_MS);
    assert_false(probe_breaker_allows(&breaker, now + MINUTE_MS));
    probe_breaker_succeeded(&breaker, now + MINUTE_MS); /* an old conversation's answer */
    assert_true(probe_breaker_is_open(&breaker, now + MINUTE_MS));

    now = breaker.until_ms;
    assert_true(probe_breaker_is_half_open(&breaker, now));
    assert_true(probe_breaker_try(&breaker, now));
    assert_false(probe_breaker_allows(&breaker, now)); /* one at a time */
    probe_breaker_tried(&breaker);
    assert_true(probe_breaker_try(&breaker, now));
    assert_true(probe_breaker_refused(&breaker, PROBE_REFUSAL_TEMPORARY, now));
    assert_int_equal(breaker.until_ms, now + HOUR_MS); /* twice as long */

    now = breaker.until_ms + 1;
    assert_true(probe_breaker_try(&breaker, now));
    probe_breaker_succeeded(&breaker, now);
    assert_true(probe_breaker_allows(&breaker, now));
    assert_false(probe_breaker_try(&breaker, now));
    assert_true(probe_breaker_refused(&breaker, PROBE_REFUSAL_SLOW_DOWN, now));
    assert_int_equal(breaker.until_ms, now + 2 * MINUTE_MS);
    assert_false(probe_breaker_refused(&breaker, PROBE_REFUSAL_PERMANENT, now + 1));
    assert_int_equal(breaker.until_ms, now + 1 + 2 * HOUR_MS); /* worse: longer, not anew */
}

static void three_strikes_in_a_row_open(void **state)
{
    struct probe_breaker breaker = {0};

    assert_false(probe_breaker_strike(&breaker, PROBE_REFUSAL_PERMANENT, 1));
    assert_false(probe_breaker_strike(&breaker, PROBE_REFUSAL_PERMANENT, 2));
    probe_breaker_succeeded(&breaker, 3);
    assert_false(probe_breaker_strike(&breaker, PROBE_REFUSAL_PERMANENT, 4));
    assert_false(probe_breaker_strike(&breaker, PROBE_REFUSAL_PERMANENT, 5));
    assert_true(probe_breaker_strike(&breaker, PROBE_REFUSAL_PERMANENT, 6));
    /* Half open, one is enough. */
    assert_true(probe_breaker_strike(&breaker, PROBE_REFUSAL_PERMANENT, breaker.until_ms));
}

static unsigned rung;

static void count_ring(void *owner)
{
    rung += *(unsigned *)owner;
}

static void alarms_ring_when_due(void **state)
{
    struct probe_alarms alarms;
    struct probe_alarm early = {0}, late = {0};
    unsigned one = 1, ten = 10;

    rung = 0;
    probe_alarms_init(&alarms);
    assert_int_equal(probe_alarms_admit(&alarms, &early, count_ring, &one), 0);
    assert_int_equal(probe_alarms_admit(&alarms, &late, count_ring, &ten), 0);
    memory_fail_after(0); /* setting can't fail */
    probe_alarm_set(&alarms, &late, 50);
    probe_alarm_set(&alarms, &early, 70);
    probe_alarm_set(&alarms, &early, 20);
    memory_fail_after(-1);
    assert_int_equal(probe_alarms_next(&alarms), 20);
    probe_alarms_ring(&alarms, 30);
    assert_int_equal(rung, 1);
    assert_false(probe_alarm_is_set(&early));
    probe_alarm_clear(&alarms, &late);
    probe_alarms_ring(&alarms, 100);
    assert_int_equal(rung, 1);
    assert_true(probe_alarms_next(&alarms) == INSTANT_NEVER);
    probe_alarms_dismiss(&alarms, &early);
    probe_alarms_dismiss(&alarms, &late);
    probe_alarms_dismiss(&alarms, &late);
    probe_alarms_done(&alarms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overrides_only_tighten_unless_opened),
        cmocka_unit_test(connections_start_low_double_and_are_halved),
        cmocka_unit_test(ceilings_hold_in_every_window),
        cmocka_unit_test(the_next_opening_is_foretold),
        cmocka_unit_test(breakers_open_half_open_and_close),
        cmocka_unit_test(three_strikes_in_a_row_open),
        cmocka_unit_test(alarms_ring_when_due),
    };

    return cmocka_run_group_tests_name("probe-limits", tests, NULL, NULL);
}
