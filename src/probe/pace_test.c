#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/instant.h"
#include "probe/pace.h"

static void the_pace_is_of_the_last_minute(void **state)
{
    struct probe_pace pace = {0};
    uint64_t now = HOUR_MS;

    (void)state;
    assert_true(probe_pace_per_s(&pace, now) == 0);
    for (; now < HOUR_MS + 10 * SECOND_MS; now += 100)
        probe_pace_note(&pace, now);
    assert_true(probe_pace_per_s(&pace, now) > 9.5 && probe_pace_per_s(&pace, now) < 10.5);
    for (; now < HOUR_MS + 300 * SECOND_MS; now += 50)
        probe_pace_note(&pace, now);
    assert_true(probe_pace_per_s(&pace, now) > 19 && probe_pace_per_s(&pace, now) < 21);
    /* Nothing any more: slower and slower, then nothing. */
    assert_true(probe_pace_per_s(&pace, now + 40 * SECOND_MS) < 16);
    assert_true(probe_pace_per_s(&pace, now + 61 * SECOND_MS) == 0);
    /* And again, after a long pause. */
    now += HOUR_MS;
    probe_pace_note(&pace, now);
    assert_true(probe_pace_per_s(&pace, now) > 0.9 && probe_pace_per_s(&pace, now) < 1.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pace_is_of_the_last_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
