/*
 * Tests of exports beside somebody who works on the list: how much a step does, and what it sees.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>

#include "bulk/job_export.h"

enum {
    ROWS = 140000, /* more than one view */
};

struct bench {
    char folder[64], job[96], out[96];
    struct store *ours, *theirs; /* of the same file */
    uint64_t id;
    struct buffer text;
    struct bulk_reader *reader;
    struct bulk_writer *writer;
};

static int set_up(void **state)
{
    const struct store_job info = {.name = SLICE("list")};
    struct bench *bench = calloc(1, sizeof(*bench));
    char address[32];

    if (bench == NULL)
        return -1;
    snprintf(bench->folder, sizeof(bench->folder), "/tmp/mk-export-test-XXXXXX");
    if (mkdtemp(bench->folder) == NULL)
        return -1;
    snprintf(bench->job, sizeof(bench->job), "%s/list.mkjob", bench->folder);
    snprintf(bench->out, sizeof(bench->out), "%s/out.txt", bench->folder);
    if (store_open(bench->job, STORE_MODE_CREATE, &bench->theirs, NULL) != 0 ||
        store_job_add(bench->theirs, &info, &bench->id, NULL) != 0)
        return -1;
    buffer_init(&bench->text, 0);
    for (uint64_t row = 1; row <= ROWS; row++) {
        int len = snprintf(address, sizeof(address), "u%u@a.example", (unsigned)row);
        const struct store_row each = {.number = row, .address = slice_from(address, (size_t)len)};
        static struct store_row batch[1000];
        static char texts[1000][32];
        size_t at = (size_t)(row - 1) % 1000;

        batch[at] = each;
        memcpy(texts[at], address, sizeof(address));
        batch[at].address.ptr = texts[at];
        buffer_printf(&bench->text, "%s\n", address);
        if (at == 999 && store_rows_add(bench->theirs, bench->id, batch, 1000, NULL) != 0)
            return -1;
    }
    *state = bench;
    return store_open(bench->job, STORE_MODE_READ_ONLY, &bench->ours, NULL);
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    bulk_reader_close(bench->reader);
    store_close(bench->ours);
    store_close(bench->theirs);
    buffer_done(&bench->text);
    unlink(bench->job);
    unlink(bench->out);
    rmdir(bench->folder);
    free(bench);
    return 0;
}

static struct bulk_export *begin(struct bench *bench, const struct bulk_export_options *options)
{
    struct bulk_writer_options wanted = {.duplicates = BULK_DUPLICATES_ANSWER};
    struct bulk_export *export = NULL;
    struct error error = {0};

    assert_int_equal(bulk_reader_open_bytes("list.txt", buffer_slice(&bench->text), 0, NULL,
                                            &bench->reader, &error),
                     0);
    wanted.input = bulk_reader_format(bench->reader);
    wanted.header = bulk_reader_header(bench->reader);
    assert_int_equal(bulk_writer_open(bench->out, &wanted, &bench->writer, &error), 0);
    assert_int_equal(bulk_export_open(bench->ours, bench->id, bench->reader, bench->writer, options,
                                      &export, &error),
                     0);
    return export;
}

static void they_find_out(struct bench *bench, uint64_t row)
{
    const struct store_result result = {.row = row, .reason = REASON_ACCEPTED};

    assert_int_equal(store_results_put(bench->theirs, bench->id, &result, 1, NULL), 0);
}

/* Whether a row has its result in what was written. */
static bool is_known(struct bench *bench, unsigned row)
{
    char wanted[32], line[256];
    FILE *file = fopen(bench->out, "r");
    bool is_there = false;

    snprintf(wanted, sizeof(wanted), "u%u@a.example,", row);
    assert_non_null(file);
    while (!is_there && fgets(line, sizeof(line), file) != NULL)
        is_there = strncmp(line, wanted, strlen(wanted)) == 0 && strstr(line, "accepted") != NULL;
    fclose(file);
    return is_there;
}

/* Row 1 is found out before the first step; one of the next steps and the last row after it. */
static void see(struct bench *bench, bool keeps_view, uint64_t in_a_step)
{
    const struct bulk_export_options options = {.is_alone = in_a_step > 500,
                                                .keeps_view = keeps_view};
    struct bulk_export *export = begin(bench, &options);
    struct error error = {0};
    int code;

    they_find_out(bench, 1);
    code = bulk_export_step(export, &error);
    if (options.is_alone)
        assert_int_equal(bulk_export_rows(export), in_a_step);
    else
        assert_in_range(bulk_export_rows(export), 1, in_a_step);
    they_find_out(bench, 5000);
    they_find_out(bench, ROWS);
    while (code == 1)
        code = bulk_export_step(export, &error);
    assert_int_equal(code, 0);
    assert_int_equal(bulk_export_rows(export), ROWS);
    bulk_export_close(export);
    assert_int_equal(bulk_writer_finish(bench->writer, &error), 0);
    assert_true(is_known(bench, 1));
    assert_int_equal(is_known(bench, 5000), !keeps_view);
    assert_true(is_known(bench, ROWS)); /* there it is another view */
}

static void steps_are_short_where_others_wait(void **state)
{
    see(*state, false, 500);
}

static void who_is_alone_reads_more_at_once(void **state)
{
    see(*state, false, 2048);
}

static void a_view_lasts_for_many_steps(void **state)
{
    see(*state, true, 2048);
}

/* Rows from..to get results with so many octets of JSON. */
static void they_keep_evidence(struct bench *bench, uint64_t from, uint64_t to, size_t octets)
{
    static char json[10000];
    struct store_result result = {.reason = REASON_ACCEPTED, .json = slice_from(json, octets)};

    memset(json, 'x', sizeof(json));
    for (result.row = from; result.row <= to; result.row++)
        assert_int_equal(store_results_put(bench->theirs, bench->id, &result, 1, NULL), 0);
}

static void step_to(struct bulk_export *export, uint64_t rows)
{
    struct error error = {0};

    assert_int_equal(bulk_export_step(export, &error), 1);
    assert_int_equal(bulk_export_rows(export), rows);
}

/* A page is held whole: behind one of more than four million octets comes one of 500 lines. */
static void much_evidence_is_read_in_smaller_pages(void **state)
{
    const struct bulk_export_options options = {.is_alone = true, .with_json = true};
    struct bench *bench = *state;
    struct bulk_export *export;

    they_keep_evidence(bench, 1, 4096, 2048);
    they_keep_evidence(bench, 4097, 4097, 2049);
    they_keep_evidence(bench, 4098, 6144, 2048);
    they_keep_evidence(bench, 6145, 6644, 8400);
    export = begin(bench, &options);
    step_to(export, 2048);
    step_to(export, 4096); /* the last had four million exactly */
    step_to(export, 6144);
    step_to(export, 6644); /* the last had one more */
    step_to(export, 7144); /* so few can be as much */
    step_to(export, 9192); /* the last had none */
    bulk_export_close(export);
    bulk_writer_abandon(bench->writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(steps_are_short_where_others_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_alone_reads_more_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_view_lasts_for_many_steps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(much_evidence_is_read_in_smaller_pages, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
