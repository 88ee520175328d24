/*
 * Bytes a second of CPU time: rows and the address column, by our scanner and reader, against loops
 * that do the least that such a loop can, in the same run on the same lists.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "bulk/csv.h"
#include "bulk/reader.h"

enum {
    LIST_SIZE = 64 << 20,
    ROUNDS = 5,
};

struct list {
    const char *name;
    char *text;
    size_t len, rows, column;
};

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the formats stand in main */

static void fill(struct list *list, const char *format)
{
    list->text = malloc(LIST_SIZE + 1024);
    CHECK(list->text != NULL);
    while (list->len < LIST_SIZE) {
        list->len += (size_t)snprintf(list->text + list->len, 1024, format, (unsigned)list->rows,
                                      (unsigned)list->rows * 7 % 9973);
        list->rows++;
    }
}

#pragma GCC diagnostic pop

/* memchr for the line end, the address in front: nothing is cheaper. Quotes are not looked at. */
static size_t hand_lines(const struct list *list)
{
    const char *at = list->text, *end = at + list->len, *next;
    size_t sum = 0;

    while (at < end && (next = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        const char *comma = memchr(at, ',', (size_t)(next - at));

        sum += (size_t)((comma != NULL ? comma : next) - at);
        at = next + 1;
    }
    return sum;
}

/* Byte by byte with a state for quotes, all cells. */
static size_t hand_cells(const struct list *list)
{
    size_t sum = 0, column = 0, from = 0;
    bool is_quoted = false;

    for (size_t i = 0; i < list->len; i++) {
        char c = list->text[i];

        if (c == '"') {
            is_quoted = !is_quoted;
        } else if (!is_quoted && (c == ',' || c == '\n')) {
            if (column == list->column)
                sum += i - from;
            column = c == ',' ? column + 1 : 0;
            from = i + 1;
        }
    }
    return sum;
}

static size_t ours_scan(const struct list *list)
{
    static const struct bulk_csv_shape shape = {.delimiter = ',', .line_end = '\n', .quotes = true};
    size_t at = 0, quiet = 0, sum = 0;
    struct bulk_csv_row row;

    while (at < list->len && bulk_csv_scan(&shape, list->text + at, list->len - at, true,
                                           list->column, &quiet, &row)) {
        sum += row.cell.len;
        at += row.next;
    }
    return sum;
}

/* All of it: window, detection, text of the address. */
static size_t ours_reader(const struct list *list)
{
    struct bulk_reader *reader;
    struct bulk_row row;
    size_t sum = 0;

    CHECK(bulk_reader_open_bytes("list.csv", slice_from(list->text, list->len), 0, NULL, &reader,
                                 NULL) == 0);
    CHECK(bulk_reader_format(reader)->column == list->column);
    while (bulk_reader_next(reader, &row, NULL) == 1)
        sum += row.address.len;
    bulk_reader_close(reader);
    return sum;
}

static double best_of(size_t (*run)(const struct list *), const struct list *list, size_t *ret_sum)
{
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds(), took;

        *ret_sum = run(list);
        took = seconds() - start;
        best = took < best ? took : best;
    }
    return (double)list->len / best / 1e9;
}

int main(void)
{
    struct list lists[] = {
        {.name = "address first, no quotes", .column = 0},
        {.name = "address third, no quotes", .column = 2},
        {.name = "quoted cells", .column = 2},
    };

    fill(&lists[0],
         "user%u@example%u.com,Jane,Doe,2024-03-01,Springfield,United Kingdom,12345,yes\n");
    fill(&lists[1], "%u,Jane Doe,user%u@example.com,2024-03-01,Springfield,United Kingdom,12345\n");
    fill(&lists[2],
         "%u,\"Doe, Jane\",\"user%u@example.com\",\"say \"\"hi\"\"\",Springfield,\"x, y\"\n");
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        size_t sums[4];
        double lines = best_of(hand_lines, &lists[i], &sums[0]);
        double cells = best_of(hand_cells, &lists[i], &sums[1]);
        double scan = best_of(ours_scan, &lists[i], &sums[2]);
        double reader = best_of(ours_reader, &lists[i], &sums[3]);

        CHECK(sums[1] == sums[2]);
        printf("bulk-reader: %-26s scanner %.2f GB/s, reader %.2f GB/s (%.1f M rows/s); by hand: "
               "lines and first cell %.2f, all cells %.2f\n",
               lists[i].name, scan, reader,
               reader * (double)lists[i].rows * 1e3 / (double)lists[i].len, lines, cells);
        free(lists[i].text);
    }
    return 0;
}
