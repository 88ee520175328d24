/* Steps find the size that fits, from too large and too small, and keep to their bounds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "io/pace.h"

/* Work that takes so long for each of what is counted. */
static size_t work(struct io_pace *pace, unsigned each_us, uint64_t *ret_took_us)
{
    size_t amount = io_pace_begin(pace);

    /* The step's beginning is moved back instead of waiting: no other program's noise. */
    pace->began_us -= (uint64_t)each_us * amount;
    *ret_took_us = io_pace_end(pace, amount);
    return amount;
}

static void test_grows_to_what_fits(void **state)
{
    struct io_pace pace;
    uint64_t took_us;
    size_t before = 0;

    (void)state;
    io_pace_init(&pace, 500, 10, 100000);
    for (int i = 0; i < 10; i++) {
        size_t amount = work(&pace, 10, &took_us);

        assert_true(before == 0 || amount <= 2 * before);
        before = amount;
    }
    /* 500 ms hold 50,000 at 10 us; some of them go to whoever else runs here. */
    assert_in_range(pace.amount, 40000, 50000);
    assert_in_range(took_us, 400000, 700000);
}

static void test_shrinks_but_not_to_nothing(void **state)
{
    struct io_pace pace;
    uint64_t took_us;

    (void)state;
    io_pace_init(&pace, 5, 10, 8000);
    assert_int_equal(work(&pace, 1000, &took_us), 1000);
    assert_true(took_us >= 1000000);
    assert_int_equal(pace.amount, 250); /* a quarter: one step that stalled is not the rule */
    for (int i = 0; i < 5; i++)
        (void)work(&pace, 1000, &took_us);
    assert_int_equal(pace.amount, 10);
}

static void test_little_work_teaches_nothing(void **state)
{
    struct io_pace pace;

    (void)state;
    io_pace_init(&pace, 1000, 1, 800);
    assert_int_equal(io_pace_begin(&pace), 100);
    (void)io_pace_end(&pace, 3);
    assert_int_equal(pace.amount, 100);
}

static void test_is_over(void **state)
{
    struct io_pace pace;

    (void)state;
    io_pace_init(&pace, 1000, 1, 1);
    assert_int_equal(io_pace_begin(&pace), 1);
    assert_false(io_pace_is_over(&pace));
    pace.began_us -= 1000 * 1000;
    assert_true(io_pace_is_over(&pace));
}

static uint64_t told_us;

static uint64_t tell_clock(void)
{
    return told_us;
}

static void test_another_clock(void **state)
{
    struct io_pace pace;

    (void)state;
    io_pace_use_clock(tell_clock);
    io_pace_init(&pace, 5, 1, 1000);
    (void)io_pace_begin(&pace);
    told_us += 4999;
    assert_false(io_pace_is_over(&pace));
    told_us += 1;
    assert_true(io_pace_is_over(&pace));
    assert_int_equal(io_pace_end(&pace, 125), 5000);
    io_pace_use_clock(NULL);
    (void)io_pace_begin(&pace);
    assert_false(pace.began_us == told_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_to_what_fits),
        cmocka_unit_test(test_shrinks_but_not_to_nothing),
        cmocka_unit_test(test_little_work_teaches_nothing),
        cmocka_unit_test(test_is_over),
        cmocka_unit_test(test_another_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
