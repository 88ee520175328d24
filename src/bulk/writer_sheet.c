/* Rows as a workbook, by libxlsxwriter in the mode that keeps one row in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xlsxwriter.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "bulk/format.h"
#include "bulk/writer_internal.h"

#define CELLS_MAX   16384u /* of a row */
#define LETTERS_MAX 32767u /* of a cell, in UTF-16 units */

struct writer_sheet {
    struct writer_context *context;
    char *path;
    lxw_workbook *book;
    lxw_worksheet *sheet;
    lxw_format *bold;
    lxw_row_t row;
    unsigned number; /* of the sheet, from 1 */
};

static int no_memory(const struct writer_sheet *sheet, struct error *error)
{
    return error_set(error, ERROR_NOMEM, "%s: no memory for row %u", sheet->path,
                     (unsigned)sheet->row + 1);
}

/* Text as the format can hold it: valid UTF-8, no NUL, not longer than a cell may be. */
static const char *make_fit(struct writer_context *context, struct slice text)
{
    struct buffer *out = &context->extra;
    size_t units = 0;

    buffer_clear(out);
    for (size_t at = 0; at < text.len && units < LETTERS_MAX - 1;) {
        uint32_t code = 0;
        size_t size = utf8_decode(text.ptr + at, text.len - at, &code);

        if (size == 0 || code == 0 || code == 0xfffe || code == 0xffff)
            buffer_append(out, "\xef\xbf\xbd", 3);
        else
            buffer_append(out, text.ptr + at, size);
        units += code > 0xffff ? 2 : 1;
        at += size > 0 ? size : 1;
    }
    buffer_append_byte(out, '\0');
    return out->failed ? NULL : out->ptr;
}

/* A number that says nothing else than its digits: "00123" and "1e5" stay text. */
static bool is_plain_number(struct slice text, double *ret_number)
{
    char copy[20], back[40];
    char *end;

    if (text.len == 0 || text.len > 15 || !slice_to_string(text, copy, sizeof(copy)))
        return false;
    *ret_number = strtod(copy, &end);
    snprintf(back, sizeof(back), "%.15g", *ret_number);
    return *end == '\0' && strcmp(copy, back) == 0;
}

static int put_text(struct writer_sheet *sheet, size_t column, struct slice text,
                    bool may_be_number, lxw_format *format, struct error *error)
{
    const char *string;
    double number;
    lxw_error result;

    if (text.len == 0 || column >= CELLS_MAX)
        return 0;
    if (may_be_number && is_plain_number(text, &number)) {
        result =
            worksheet_write_number(sheet->sheet, sheet->row, (lxw_col_t)column, number, format);
    } else {
        string = make_fit(sheet->context, text);
        if (string == NULL)
            return no_memory(sheet, error);
        result =
            worksheet_write_string(sheet->sheet, sheet->row, (lxw_col_t)column, string, format);
    }
    if (result == LXW_ERROR_MEMORY_MALLOC_FAILED)
        return no_memory(sheet, error);
    return result == LXW_NO_ERROR ? 0
                                  : error_set(error, ERROR_INTERNAL, "%s: row %u: %s", sheet->path,
                                              (unsigned)sheet->row + 1, lxw_strerror(result));
}

static int put_header(struct writer_sheet *sheet, struct error *error)
{
    struct writer_context *context = sheet->context;
    size_t column = 0;
    int code = 0;

    if (!context->has_header)
        return 0;
    for (size_t i = 0; code == 0 && i < context->column_count; i++)
        code = put_text(sheet, column++, context->columns[i], false, sheet->bold, error);
    for (size_t i = 0; code == 0 && i < APPENDED_COLUMN_COUNT; i++)
        if (context->names.names[i] != NULL)
            code = put_text(sheet, column++, slice_from_string(context->names.names[i]), false,
                            sheet->bold, error);
    sheet->row++;
    return code;
}

/* One sheet more, with the header again: what does not fit into one goes on in the next. */
static int add_sheet(struct writer_sheet *sheet, struct error *error)
{
    size_t columns = sheet->context->column_count + APPENDED_COLUMN_COUNT;

    sheet->sheet = workbook_add_worksheet(sheet->book, NULL);
    if (sheet->sheet == NULL)
        return error_set(error, ERROR_NOMEM, "%s: no memory to write it", sheet->path);
    sheet->row = 0;
    sheet->number++;
    worksheet_set_column(sheet->sheet, 0, (lxw_col_t)(columns - 1), 18, NULL);
    if (sheet->context->has_header)
        worksheet_freeze_panes(sheet->sheet, 1, 0);
    return put_header(sheet, error);
}

int writer_sheet_open(const char *path, struct writer_context *context,
                      struct writer_sheet **ret_sheet, struct error *error)
{
    lxw_workbook_options options = {.constant_memory = LXW_TRUE, .tmpdir = getenv("TMPDIR")};
    struct writer_sheet *sheet = memory_zalloc(1, sizeof(*sheet));
    int code = 0;

    if (sheet == NULL)
        return error_set(error, ERROR_NOMEM, "%s: no memory to write it", path);
    sheet->context = context;
    sheet->path = memory_copy_string(path, strlen(path));
    sheet->book = sheet->path != NULL ? workbook_new_opt(path, &options) : NULL;
    sheet->bold = sheet->book != NULL ? workbook_add_format(sheet->book) : NULL;
    if (sheet->bold == NULL)
        code = error_set(error, ERROR_NOMEM, "%s: no memory to write it", path);
    if (code == 0) {
        format_set_bold(sheet->bold);
        code = add_sheet(sheet, error);
    }
    if (code != 0) {
        writer_sheet_close(sheet, NULL);
        return code;
    }
    *ret_sheet = sheet;
    return 0;
}

/* The row's own cells; what stands beyond the columns that have names, behind ours (`count`). */
static int put_own(struct writer_sheet *sheet, const struct bulk_row *row, size_t count,
                   struct error *error)
{
    struct writer_context *context = sheet->context;
    bool has_numbers = context->input.kind == BULK_KIND_XLSX;
    struct slice rest = row->raw, cell, text;
    int code = 0;

    if (!context->shape.quotes) {
        code = put_text(sheet, 0, row->address, false, NULL, error);
        if (code == 0 && context->input.kind == BULK_KIND_NDJSON)
            code = put_text(sheet, 1, row->raw, false, NULL, error);
        return code;
    }
    for (size_t i = 0;
         code == 0 && rest.len > 0 && bulk_csv_next_cell(&context->shape, &rest, &cell); i++) {
        if (!bulk_format_text(&context->input, cell, context->scratch, &text))
            return no_memory(sheet, error);
        code = put_text(sheet, i < context->column_count ? i : i + count, text, has_numbers, NULL,
                        error);
    }
    return code;
}

int writer_sheet_put(struct writer_sheet *sheet, const struct bulk_row *row,
                     const struct bulk_outcome *outcome, struct error *error)
{
    struct writer_context *context = sheet->context;
    size_t column = context->column_count;
    int code = sheet->row >= sheet->context->sheet_rows ? add_sheet(sheet, error) : 0;

    if (code == 0 && !appended_fill(&context->cells, context->dialect, row, outcome))
        code = no_memory(sheet, error);
    for (size_t i = 0; code == 0 && i < APPENDED_COLUMN_COUNT; i++)
        if (context->names.names[i] != NULL)
            code = put_text(sheet, column++, context->cells.cells[i], i == APPENDED_SCORE, NULL,
                            error);
    if (code == 0)
        code = put_own(sheet, row, column - context->column_count, error);
    sheet->row++;
    return code;
}

unsigned writer_sheet_number(const struct writer_sheet *sheet)
{
    return sheet->number;
}

int writer_sheet_close(struct writer_sheet *sheet, struct error *error)
{
    lxw_error result = LXW_NO_ERROR;
    int code = 0;

    if (sheet->book != NULL)
        result = workbook_close(sheet->book);
    if (result != LXW_NO_ERROR)
        code = error_set(error, ERROR_IO,
                         "%s: writing failed: %s; is there room on its disk and in TMPDIR?",
                         sheet->path, lxw_strerror(result));
    memory_free(sheet->path);
    memory_free(sheet);
    return code;
}
