/* Rows as CSV: the list's own bytes, then our columns in its own delimiter and encoding. */
#include "bulk/writer_internal.h"

#include "bulk/recode.h"

static bool is_table(const struct writer_context *context)
{
    return context->input.kind == BULK_KIND_CSV || context->input.kind == BULK_KIND_XLSX;
}

static void append_delimiter(struct writer_context *context)
{
    buffer_append_byte(context->line, context->shape.delimiter);
}

/* Our own text is UTF-8; the list may be Latin-1. */
static void append_cell(struct writer_context *context, struct slice text)
{
    if (context->input.encoding == BULK_ENCODING_LATIN1 && is_table(context)) {
        buffer_clear(&context->extra);
        recode_append_latin1(text, &context->extra);
        text = buffer_slice(&context->extra);
    }
    bulk_csv_append_cell(context->line, context->shape.delimiter, text);
}

/* Empty cells, so that ours stand below each other in ragged lists. */
static void pad(struct writer_context *context, size_t from)
{
    for (; from < context->column_count; from++)
        append_delimiter(context);
}

static bool is_open(struct writer_context *context, struct slice cell)
{
    struct slice text;

    return cell.len > 0 && cell.ptr[0] == '"' &&
           (!bulk_csv_unquote(cell, &context->extra, &text) || text.ptr == cell.ptr);
}

/* From an open quote on: its cells by delimiters alone. How many there are. */
static size_t append_plain(struct writer_context *context, struct slice rest)
{
    for (size_t count = 1;; count++) {
        ptrdiff_t at = slice_find_byte(rest, context->shape.delimiter);
        struct slice cell = at >= 0 ? slice_from(rest.ptr, (size_t)at) : rest;

        if (cell.len > 0 && cell.ptr[0] == '"')
            bulk_csv_append_cell(context->line, context->shape.delimiter, cell);
        else
            buffer_append_slice(context->line, cell);
        if (at < 0)
            return count;
        append_delimiter(context);
        rest = slice_from_offset(rest, (size_t)at + 1);
    }
}

/*
 * The list's own cells; how many there are. Byte for byte, but for a quote that is never closed:
 * other programs would read up to the next one, over our columns and the rows that follow. Between
 * tabs quotes are mostly letters.
 */
static size_t append_own(struct writer_context *context, const struct bulk_row *row)
{
    struct slice rest = row->raw, cell;
    size_t count = 0;

    if (!row->is_unbalanced || context->shape.delimiter == '\t') {
        buffer_append_slice(context->line, row->raw);
        return bulk_csv_count_cells(&context->shape, row->raw);
    }
    while (bulk_csv_next_cell(&context->shape, &rest, &cell)) {
        if (count > 0)
            append_delimiter(context);
        if (is_open(context, cell))
            return count +
                   append_plain(context, slice_from(cell.ptr, (size_t)(row->raw.ptr + row->raw.len -
                                                                       cell.ptr)));
        buffer_append_slice(context->line, cell);
        count++;
    }
    return count;
}

bool writer_csv_begin(struct writer_context *context)
{
    if (context->input.has_bom && is_table(context))
        buffer_append(context->line, "\xef\xbb\xbf", 3);
    if (context->input.has_separator_line && is_table(context))
        buffer_printf(context->line, "sep=%c%s", context->shape.delimiter, context->input.line_end);
    return !context->line->failed;
}

bool writer_csv_header(struct writer_context *context)
{
    if (context->header.len > 0) {
        buffer_append_slice(context->line, context->header);
        pad(context, bulk_csv_count_cells(&context->shape, context->header));
    } else {
        for (size_t i = 0; i < context->column_count; i++) {
            if (i > 0)
                append_delimiter(context);
            append_cell(context, context->columns[i]);
        }
    }
    for (size_t i = 0; i < APPENDED_COLUMN_COUNT; i++) {
        if (context->names.names[i] == NULL)
            continue;
        append_delimiter(context);
        append_cell(context, slice_from_string(context->names.names[i]));
    }
    return !context->line->failed && !context->extra.failed;
}

bool writer_csv_row(struct writer_context *context, const struct bulk_row *row,
                    const struct bulk_outcome *outcome)
{
    if (!appended_fill(&context->cells, context->dialect, row, outcome))
        return false;
    if (is_table(context)) {
        pad(context, append_own(context, row));
    } else if (context->input.kind == BULK_KIND_NDJSON) {
        append_cell(context, row->address);
        append_delimiter(context);
        append_cell(context, row->raw);
    } else {
        append_cell(context, row->address);
    }
    for (size_t i = 0; i < APPENDED_COLUMN_COUNT; i++) {
        if (context->names.names[i] == NULL)
            continue;
        append_delimiter(context);
        append_cell(context, context->cells.cells[i]);
    }
    return !context->line->failed && !context->extra.failed;
}
