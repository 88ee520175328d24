/*
 * Any bytes as a list, in pieces of any size: rows come out whole and in order, and can be written.
 * The first byte says how it is read and written.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/utf8.h"
#include "bulk/csv.h"
#include "bulk/format.h"
#include "bulk/reader.h"
#include "bulk/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const struct bulk_format *format, const struct bulk_row *row)
{
    struct bulk_csv_shape shape = bulk_format_shape(format);
    struct slice rest = row->raw, cell;
    size_t len = 0;

    CHECK(row->address.len == 0 || utf8_find_invalid(row->address) < 0);
    while (bulk_csv_next_cell(&shape, &rest, &cell))
        len += cell.len + 1;
    CHECK(len == row->raw.len + 1); /* the cells and what parts them are the row */
}

static void read_and_write(struct bulk_reader *reader, struct slice list, unsigned how)
{
    const struct bulk_format *format = bulk_reader_format(reader);
    struct bulk_writer_options options = {
        .kind = how & 8 ? BULK_KIND_NDJSON : BULK_KIND_CSV,
        .input = format,
        .header = bulk_reader_header(reader),
        .lead = bulk_reader_lead(reader),
        .dialect = how & 16 ? DIALECT_ZEROBOUNCE : DIALECT_MAILKNOCK,
    };
    bool is_as_it_came = format->encoding != BULK_ENCODING_UTF16 && !format->gzipped &&
                         format->kind != BULK_KIND_XLSX;
    struct bulk_writer *writer;
    struct bulk_row row;
    size_t at = 0;
    uint64_t number = 0, line = 0;
    int code;

    CHECK(bulk_writer_open("/dev/null", &options, &writer, NULL) == 0);
    while ((code = bulk_reader_next(reader, &row, NULL)) == 1) {
        struct bulk_outcome outcome = {.status = VERDICT_UNKNOWN,
                                       .reason = REASON_TIMEOUT,
                                       .suggestion = row.address,
                                       .explanation = slice_prefix(row.raw, 100)};

        CHECK(row.number == ++number);
        CHECK(row.line >= line);
        line = row.line;
        check_row(format, &row);
        if (is_as_it_came) { /* its bytes stand in the list, after those of the row before */
            ptrdiff_t found = slice_find(slice_from_offset(list, at), row.raw);

            CHECK(found >= 0);
            at += (size_t)found + row.raw.len;
        }
        CHECK(bulk_writer_put(writer, &row, number % 3 == 0 ? NULL : &outcome, NULL) == 0);
    }
    CHECK(code == 0 || code == ERROR_IO || code == ERROR_LIMIT || code == ERROR_FORMAT);
    CHECK(bulk_writer_finish(writer, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = {0, 1, 3, 17};
    struct bulk_format wanted = {.has_header = -1, .column = SIZE_MAX};
    struct bulk_reader *reader;
    struct slice list;
    int code;

    if (size == 0)
        return 0;
    list = slice_from((const char *)data + 1, size - 1);
    if (data[0] & 4) { /* everything is said */
        wanted.kind = data[0] & 32 ? BULK_KIND_NDJSON : BULK_KIND_CSV;
        wanted.delimiter = data[0] & 64 ? ';' : ',';
        wanted.has_header = data[0] >> 7;
        wanted.column = wanted.kind == BULK_KIND_CSV ? 1 : SIZE_MAX;
        wanted.column_name = wanted.kind == BULK_KIND_CSV ? NULL : "a.b";
    }
    code = bulk_reader_open_bytes("list", list, pieces[data[0] & 3], &wanted, &reader, NULL);
    if (code == 0) {
        read_and_write(reader, list, data[0]);
        bulk_reader_close(reader);
    }
    CHECK(code <= 0 && code != ERROR_NOMEM && code != ERROR_INTERNAL);
    return 0;
}
