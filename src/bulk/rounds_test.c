/* Rounds: how long between them, when they are in vain, and what starts the count anew. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "bulk/rounds.h"

static const uint64_t waits_ms[] = {SECOND_MS, 10 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS};

/* One in which rows are put back; true: it goes on, after *wait_ms. */
static bool in_vain(struct bulk_rounds *rounds, size_t rows, uint64_t *wait_ms, struct error *error)
{
    for (size_t i = 0; i < rows; i++)
        bulk_rounds_put_back(rounds, i + 1 < rows ? SLICE("no socket") : SLICE("no memory"));
    return bulk_rounds_next(rounds, wait_ms, error);
}

static void they_are_longer_and_longer_apart(void **state)
{
    struct bulk_rounds rounds = {0};
    struct error error = {0};
    uint64_t wait_ms;

    for (size_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
        assert_true(in_vain(&rounds, 3, &wait_ms, &error));
        assert_int_equal(wait_ms, waits_ms[i]);
        assert_int_equal(error.code, 0);
    }
    /* It will not mend by itself. Whoever tries all the same is told the same again. */
    for (size_t rows = 2; rows < 4; rows++) {
        char said[64];

        assert_false(in_vain(&rounds, rows, &wait_ms, &error));
        assert_int_equal(wait_ms, 5 * MINUTE_MS);
        assert_int_equal(error.code, ERROR_INTERNAL);
        snprintf(said, sizeof(said), "%zu addresses could not be asked: no memory", rows);
        assert_string_equal(error.message, said);
    }
}

/* A row with a result starts the count anew: in whichever round, also when it was too late. */
static void a_result_starts_anew(void **state)
{
    for (size_t before = 0; before < ARRAY_LEN(waits_ms) + 2; before++) {
        struct bulk_rounds rounds = {0};
        struct error error = {0};
        uint64_t wait_ms;

        for (size_t i = 0; i < before; i++)
            (void)in_vain(&rounds, 1, &wait_ms, &error);
        bulk_rounds_brought(&rounds);
        for (size_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
            assert_true(in_vain(&rounds, 1, &wait_ms, &error));
            assert_int_equal(wait_ms, waits_ms[i]);
        }
        assert_false(in_vain(&rounds, 1, &wait_ms, &error));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_longer_and_longer_apart),
        cmocka_unit_test(a_result_starts_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
