/* Tests of places: lists that are merged and cut, bytes that are written and read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/place.h"

enum {
    ROWS = 500
};

/* The list is what the array says of rows 1 to ROWS: UINT64_MAX: not there. */
static void check(const struct place_list *list, const uint64_t at[ROWS + 1])
{
    size_t index = 0;

    for (uint64_t row = 1; row <= ROWS; row++) {
        assert_int_equal(place_list_find(list, row), index);
        if (at[row] == UINT64_MAX)
            continue;
        assert_true(index < list->count);
        assert_int_equal(list->places[index].row, row);
        assert_int_equal(list->places[index].at, at[row]);
        index++;
    }
    assert_int_equal(index, list->count);
}

static void lists_hold_each_row_once_in_order(void **state)
{
    uint64_t at[ROWS + 1], seed = 20261126;
    struct place more[ROWS];
    struct place_list list = {0};
    struct random random;

    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    random_init(&random, seed);
    memset(at, 0xff, sizeof(at));
    for (unsigned step = 0; step < 300; step++) {
        size_t count = 0, first, end;

        for (uint64_t row = 1; row <= ROWS; row++) {
            if (random_below(&random, 1 + step % 40) != 0)
                continue;
            more[count] = (struct place){row, random_below(&random, 1000)};
            at[row] = more[count++].at;
        }
        assert_int_equal(place_list_merge(&list, more, count), 0);
        check(&list, at);
        first = (size_t)random_below(&random, list.count + 1);
        end = first + (size_t)random_below(&random, list.count - first + 1);
        for (size_t i = first; i < end; i++)
            at[list.places[i].row] = UINT64_MAX;
        place_list_remove(&list, first, end);
        check(&list, at);
    }
    place_list_done(&list);
}

static void no_memory_changes_nothing(void **state)
{
    const struct place one = {7, 1}, other = {8, 2};
    struct place_list list = {0};

    (void)state;
    memory_fail_after(0);
    assert_int_equal(place_list_merge(&list, &one, 1), ERROR_NOMEM);
    memory_fail_after(-1);
    assert_int_equal(list.count, 0);
    assert_int_equal(place_list_merge(&list, &one, 1), 0);
    assert_int_equal(place_list_merge(&list, &other, 1), 0);
    assert_int_equal(list.count, 2);
    place_list_done(&list);
}

static void bytes_are_read_as_they_were_written(void **state)
{
    static const struct place places[] = {{1, 0},
                                          {672, 1},
                                          {673, (1 << 8) + 1},
                                          {UINT64_C(0xffffffffffff), UINT64_C(0xffffffffffff)}};
    char chunk[PLACE_CHUNK_BYTES] = {0};
    struct buffer log;

    (void)state;
    buffer_init(&log, 0);
    for (size_t i = 0; i < 4; i++) {
        struct slice bytes;
        struct place back;

        place_write(chunk, PLACE_CHUNK_ROWS - 1 - i, places[i].at);
        place_log_append(&log, &places[i]);
        bytes = slice_from(log.ptr, log.len);
        assert_int_equal(place_log_count(bytes), i + 1);
        back = place_log_read(bytes, i);
        assert_true(back.row == places[i].row && back.at == places[i].at);
        assert_true(place_read(chunk, PLACE_CHUNK_ROWS - 1 - i) == places[i].at);
    }
    assert_int_equal(place_log_count(slice_from(log.ptr, log.len - 1)), SIZE_MAX);
    buffer_done(&log);
    assert_true(place_number(place_at(PLACE_NUMBER_MAX - 1, 41)) == PLACE_NUMBER_MAX - 1);
    assert_int_equal(place_reason(place_at(PLACE_NUMBER_MAX - 1, 41)), 41);
    assert_int_equal(place_chunk(PLACE_CHUNK_ROWS), 0);
    assert_int_equal(place_chunk(PLACE_CHUNK_ROWS + 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_hold_each_row_once_in_order),
        cmocka_unit_test(no_memory_changes_nothing),
        cmocka_unit_test(bytes_are_read_as_they_were_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
