/*
 * Any bytes as cells of a table that is written as a workbook and read again: each says what it
 * said, as far as XML can hold it. Cells end with a byte 0xff, rows with 0xfe; the first byte says
 * how many columns the table has, and how many rows a sheet holds.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/utf8.h"
#include "bulk/csv.h"
#include "bulk/reader.h"
#include "bulk/recode.h"
#include "bulk/spool.h"
#include "bulk/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROWS_MAX    64
#define COLUMNS_MAX 4

static const char header[] = "a,b,c,d";

/* The table's rows, and what those that are not blank have to be when they are read. */
struct table {
    struct buffer rows[ROWS_MAX], wanted[ROWS_MAX];
    size_t count, wanted_count;
    size_t columns;
};

/* One of our columns, empty, stands between the table's own and those beyond. */
static void put_wanted(struct buffer *out, size_t *place, size_t column, struct slice text)
{
    if (text.len == 0)
        return;
    for (; *place < column; ++*place)
        buffer_append_byte(out, ',');
    bulk_csv_append_cell(out, ',', text);
}

/* What no UTF-8 is, is taken for Latin-1; what XML can't hold is replaced. */
static void hold(struct slice text, struct buffer *out)
{
    struct buffer latin1;

    buffer_init(&latin1, 0);
    if (utf8_find_invalid(text) >= 0) {
        recode_append(RECODE_LATIN1, text, true, &latin1);
        text = buffer_slice(&latin1);
    }
    for (size_t at = 0, len; at < text.len; at += len) {
        uint32_t code;

        len = utf8_decode(text.ptr + at, text.len - at, &code);
        CHECK(len > 0);
        if (code == 0 || code == 0xfffe || code == 0xffff)
            buffer_append_string(out, "\xef\xbf\xbd");
        else
            buffer_append(out, text.ptr + at, len);
    }
    buffer_done(&latin1);
}

/* Rows of blanks alone are none at the end of a sheet. */
static bool is_blank(struct slice raw)
{
    for (size_t i = 0; i < raw.len; i++)
        if (memchr(" \t\r\n\v\f\",", raw.ptr[i], 8) == NULL)
            return false;
    return true;
}

static void add_row(struct table *table, struct slice cells)
{
    struct buffer *row = &table->rows[table->count++];
    struct buffer *wanted = &table->wanted[table->wanted_count];
    struct slice cell;
    struct buffer held;
    size_t place = 0;

    buffer_init(row, 0);
    buffer_init(wanted, 0);
    buffer_init(&held, 0);
    for (size_t i = 0; slice_split(&cells, '\xff', &cell); i++) {
        if (i > 0)
            buffer_append_byte(row, ',');
        bulk_csv_append_cell(row, ',', cell);
        buffer_clear(&held);
        hold(cell, &held);
        put_wanted(wanted, &place, i < table->columns ? i : i + 1, buffer_slice(&held));
    }
    buffer_done(&held);
    if (!is_blank(buffer_slice(wanted)))
        table->wanted_count++;
    else
        buffer_done(wanted);
}

static void make_table(struct slice bytes, struct table *table)
{
    struct slice cells;

    while (table->count < ROWS_MAX && slice_split(&bytes, '\xfe', &cells))
        add_row(table, cells);
}

static void free_table(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        buffer_done(&table->rows[i]);
    for (size_t i = 0; i < table->wanted_count; i++)
        buffer_done(&table->wanted[i]);
}

static unsigned write_workbook(const struct table *table, const char *path, unsigned sheet_rows)
{
    const struct bulk_format format = {.kind = BULK_KIND_CSV,
                                       .encoding = BULK_ENCODING_UTF8,
                                       .delimiter = ',',
                                       .has_header = 1,
                                       .columns = table->columns,
                                       .line_end = "\n"};
    const struct bulk_writer_options options = {.input = &format,
                                                .header =
                                                    slice_from(header, 2 * table->columns - 1),
                                                .columns = 1U << APPENDED_STATUS,
                                                .sheet_rows = sheet_rows,
                                                .is_passing = true};
    struct bulk_writer *writer;
    unsigned sheets;

    CHECK(table->columns <= COLUMNS_MAX);
    CHECK(bulk_writer_open(path, &options, &writer, NULL) == 0);
    for (size_t i = 0; i < table->count; i++) {
        const struct bulk_row row = {
            .number = i + 1, .raw = buffer_slice(&table->rows[i]), .address = SLICE_EMPTY};

        CHECK(bulk_writer_put(writer, &row, NULL, NULL) == 0);
    }
    sheets = bulk_writer_sheets(writer);
    CHECK(bulk_writer_finish(writer, NULL) == 0);
    return sheets;
}

/* The next of the table's rows from *at on, as they have to be. */
static void read_sheet(const struct table *table, const char *path, unsigned number, size_t *at)
{
    char name[16];
    struct bulk_format wanted = {
        .kind = BULK_KIND_XLSX, .has_header = 1, .column = 0, .sheet = name};
    struct bulk_reader *reader;
    struct bulk_row row;
    int code;

    snprintf(name, sizeof(name), "Sheet%u", number);
    CHECK(bulk_reader_open(&path, 1, &wanted, &reader, NULL) == 0);
    while ((code = bulk_reader_next(reader, &row, NULL)) == 1) {
        if (is_blank(row.raw))
            continue;
        CHECK(*at < table->wanted_count);
        CHECK(slice_equal(row.raw, buffer_slice(&table->wanted[*at])));
        ++*at;
    }
    CHECK(code == 0);
    bulk_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct table table;
    char path[256];
    unsigned sheets;
    size_t at = 0;

    if (size == 0)
        return 0;
    table = (struct table){.columns = 1 + data[0] % COLUMNS_MAX};
    make_table(slice_from((const char *)data + 1, size - 1), &table);
    snprintf(path, sizeof(path), "%s/mk-fuzz-%ld.xlsx", bulk_spool_folder(), (long)getpid());
    sheets = write_workbook(&table, path, data[0] & 4 ? 0 : 2 + (data[0] >> 3 & 7));
    for (unsigned i = 1; i <= sheets; i++)
        read_sheet(&table, path, i, &at);
    CHECK(at == table.wanted_count);
    unlink(path);
    free_table(&table);
    return 0;
}
