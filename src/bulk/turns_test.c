/* Turns are sorted, whatever their number, and nothing is lost or comes twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "bulk/turns.h"

static uint32_t turn_of(uint64_t row, unsigned bits)
{
    return (uint32_t)(row * 2654435761U) >> (32 - bits);
}

static void sort(uint64_t count, unsigned bits)
{
    struct bulk_turns *turns = bulk_turns_new();
    uint64_t row, last = 0, sum = 0, found = 0;
    uint32_t turn;

    assert_non_null(turns);
    for (row = 1; row <= count; row++)
        assert_int_equal(bulk_turns_add(turns, turn_of(row, bits), row, NULL), 0);
    assert_int_equal(bulk_turns_settle(turns, NULL), 0);
    while (bulk_turns_next(turns, &turn, &row, NULL) == 1) {
        assert_int_equal(turn, turn_of(row, bits));
        if (found > 0) {
            assert_true(turn_of(row, bits) >= turn_of(last, bits));
            assert_true(turn_of(row, bits) > turn_of(last, bits) || row > last);
        }
        last = row;
        sum += row;
        found++;
    }
    assert_int_equal(found, count);
    assert_int_equal(sum, count * (count + 1) / 2);
    assert_int_equal(bulk_turns_next(turns, &turn, &row, NULL), 0);
    bulk_turns_free(turns);
}

static void rows_come_by_turn(void **state)
{
    static const uint64_t counts[] = {0, 1, 255, 256, 32767, 32768, 32769, 65536, 200000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        sort(counts[i], 32);
        sort(counts[i], 4); /* many equal ones */
    }
}

static void memory_may_fail(void **state)
{
    (void)state;
    for (int64_t fine = 0; fine < 12; fine++) {
        struct bulk_turns *turns;
        int code = 0;
        uint64_t row;

        memory_fail_after(fine);
        turns = bulk_turns_new();
        for (row = 1; turns != NULL && code == 0 && row <= 70000; row++)
            code = bulk_turns_add(turns, turn_of(row, 32), row, NULL);
        if (turns != NULL && code == 0)
            code = bulk_turns_settle(turns, NULL);
        memory_fail_after(-1);
        assert_true(turns == NULL || code == 0 || code == ERROR_NOMEM);
        bulk_turns_free(turns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_by_turn),
        cmocka_unit_test(memory_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
