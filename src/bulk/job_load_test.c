/* Tests of loading: duplicates are found, however slow the store and however short the steps. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "bulk/job_load.h"
#include "io/pace.h"

#define PEOPLE 90
#define COPIES 4 /* of each mailbox, one after the other and at the end */
#define ROWS   ((uint64_t)PEOPLE * COPIES)

static uint64_t now_us, a_look_us;

static uint64_t tell_clock(void)
{
    now_us += a_look_us;
    return now_us;
}

static size_t write_list(char *out, size_t size)
{
    size_t len = 0;

    for (unsigned copy = 0; copy < COPIES; copy++)
        for (unsigned i = 0; i < PEOPLE; i++)
            len += (size_t)snprintf(out + len, size - len, "u%u@firm%u.example\n", i, i % 7);
    assert_true(len < size);
    return len;
}

/* Each look at the clock takes so long: what a step can do before it is over. */
static void duplicates_are_found_at_any_pace(void **state)
{
    static const uint64_t looks_us[] = {0, 100, 700, 2500, IO_PACE_MS * 1000};
    static char list[ROWS * 32];
    const struct bulk_load_options options = {.dedupe = BULK_DEDUPE_MAILBOX};
    const size_t len = write_list(list, sizeof(list));

    io_pace_use_clock(tell_clock);
    for (size_t i = 0; i < sizeof(looks_us) / sizeof(*looks_us); i++) {
        struct store_job job = {.state = STORE_JOB_LOADING, .name = SLICE("list")};
        struct bulk_load_progress progress;
        struct bulk_reader *reader;
        struct bulk_load *load;
        struct store *store;
        uint64_t id;
        int code;

        a_look_us = looks_us[i];
        assert_int_equal(store_memory_open(&store, NULL), 0);
        assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
        assert_int_equal(
            bulk_reader_open_bytes("l.txt", slice_from(list, len), 0, NULL, &reader, NULL), 0);
        assert_int_equal(bulk_load_open(store, id, reader, &options, &load, NULL), 0);
        while ((code = bulk_load_step(load, NULL)) == 1)
            continue;
        assert_int_equal(code, 0);
        progress = bulk_load_progress(load);
        assert_int_equal(progress.rows, ROWS);
        assert_int_equal(progress.duplicates, ROWS - PEOPLE);
        bulk_load_close(load);
        bulk_reader_close(reader);
        store_close(store);
    }
    io_pace_use_clock(NULL);
}

/* What people don't see is no part of an address; what it gives stays as it is. */
static void addresses_are_taken_out_of_their_cells(void **state)
{
    static const struct {
        const char *cell, *address;
    } rows[] = {
        {"a@b.example", "a@b.example"},
        {" \ta@b.example\r\n", "a@b.example"},
        {"\xc2\xa0 a@b.example \xc2\xa0", "a@b.example"},
        {"\xef\xbb\xbf\xe2\x80\x8b"
         "a@b.example\xe3\x80\x80",
         "a@b.example"},
        {"\xe2\x80\xaa"
         "a@b.example\xe2\x80\xac",
         "a@b.example"},
        {" \"a@b.example\" ", "a@b.example"},
        {"\"\xc2\xa0"
         "a@b.example\"",
         "a@b.example"},
        {"\xe2\x81\xa8"
         "a@b.example\xe2\x81\xa9",
         "a@b.example"},
        {"a@b.example\xc2\x85", "a@b.example"},
        {"a@b.example\x1a", "a@b.example"},
        {"\va@b.example\f", "a@b.example"},
        /* quotation marks of any kind */
        {"'a@b.example'", "a@b.example"},
        {"'a'@b.example", "'a'@b.example"},
        {"\xe2\x80\x9e"
         "a@b.example\xe2\x80\x9c",
         "a@b.example"},
        {"\xc2\xab a@b.example \xc2\xbb", "a@b.example"},
        {"\xe2\x80\x9c"
         "a@b.example",
         "\xe2\x80\x9c"
         "a@b.example"},
        {"'@", "'@"},
        {"''", "''"},
        {"a@b.example\xe2\x81\xbf", "a@b.example\xe2\x81\xbf"},
        {"\"a b\"@c.example", "\"a b\"@c.example"},
        {"\"a\" b@c.example \"d\"", "\"a\" b@c.example \"d\""},
        {"\"none\"", "\"none\""},
        {"a@b.example\xe2\x82\xac", "a@b.example\xe2\x82\xac"},
        {"\xc2", "\xc2"},
        {"\xc2\xa0", ""},
        {"\"", "\""},
        {"", ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct slice address = bulk_job_address(slice_from_string(rows[i].cell));

        if (!slice_equal(address, slice_from_string(rows[i].address)))
            fail_msg("%s: %.*s", rows[i].cell, (int)address.len, address.ptr);
        assert_true(slice_equal(bulk_job_address(address), address));
    }
    assert_true(
        slice_equal(bulk_job_address(slice_from("a@b.example\0\0", 13)), SLICE("a@b.example")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_taken_out_of_their_cells),
        cmocka_unit_test(duplicates_are_found_at_any_pace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
