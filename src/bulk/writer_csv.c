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

/* From an open quote on: cells parted by delimiters alone. */
static void append_plain(struct buffer *out, char delimiter, struct slice rest)
{
    for (;;) {
        ptrdiff_t at = slice_find_byte(rest, delimiter);
        struct slice cell = at >= 0 ? slice_from(rest.ptr, (size_t)at) : rest;

        if (cell.len > 0 && cell.ptr[0] == '"')
            bulk_csv_append_cell(out, delimiter, cell);
        else
            buffer_append_slice(out, cell);
        if (at < 0)
            return;
        buffer_append_byte(out, delimiter);
        rest = slice_from_offset(rest, (size_t)at + 1);
    }
}

/*
 * The list's own cells. Byte for byte, but for a quote that is never closed: other programs would
 * read up to the next one, over our columns and the rows that follow. Between tabs quotes are
 * mostly letters.
 */
static struct slice own_cells(struct writer_context *context, const struct bulk_row *row)
{
    struct buffer *mended = &context->scratch[0];
    struct slice rest = row->raw, cell;

    if ((!row->is_unbalanced && row->fault == NULL) || context->shape.delimiter == '\t')
        return row->raw;
    while (bulk_csv_next_cell(&context->shape, &rest, &cell))
        if (is_open(context, cell)) {
            size_t before = (size_t)(cell.ptr - row->raw.ptr);

            buffer_clear(mended);
            buffer_append_slice(mended, slice_prefix(row->raw, before));
            append_plain(mended, context->shape.delimiter, slice_from_offset(row->raw, before));
            return buffer_slice(mended);
        }
    return row->raw;
}

/*
 * The cells that have a column, so many of them that ours stand under their names. What a row has
 * beyond these, with the delimiter before it, is for behind ours: it stands under no name anyway.
 */
static void append_columns(struct writer_context *context, struct slice own,
                           struct slice *ret_beyond)
{
    struct slice rest = own, cell;
    size_t count = 0;

    do
        count++;
    while (bulk_csv_next_cell(&context->shape, &rest, &cell) && rest.ptr != NULL &&
           count < context->column_count);
    *ret_beyond =
        rest.ptr != NULL ? slice_from_offset(own, (size_t)(rest.ptr - own.ptr) - 1) : SLICE_EMPTY;
    buffer_append_slice(context->line, slice_prefix(own, own.len - ret_beyond->len));
    pad(context, count);
}

bool writer_csv_begin(struct writer_context *context)
{
    if (context->input.has_bom && is_table(context))
        buffer_append(context->line, "\xef\xbb\xbf", 3);
    if (context->input.has_separator_line && is_table(context))
        buffer_printf(context->line, "sep=%c%s", context->shape.delimiter, context->input.line_end);
    if (is_table(context))
        buffer_append_slice(context->line, context->lead);
    return !context->line->failed;
}

bool writer_csv_header(struct writer_context *context)
{
    if (context->header.len > 0) {
        buffer_append_slice(context->line, context->header);
        pad(context, context->header_cells);
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
    struct slice beyond = SLICE_EMPTY;

    if (!appended_fill(&context->cells, context->dialect, row, outcome))
        return false;
    if (is_table(context)) {
        append_columns(context, own_cells(context, row), &beyond);
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
    buffer_append_slice(context->line, beyond);
    return !context->line->failed && !context->extra.failed && !context->scratch[0].failed;
}
