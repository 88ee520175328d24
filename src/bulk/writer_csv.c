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

bool writer_csv_header(struct writer_context *context)
{
    if (context->input.has_bom && is_table(context))
        buffer_append(context->line, "\xef\xbb\xbf", 3);
    if (context->input.has_separator_line && is_table(context))
        buffer_printf(context->line, "sep=%c%s", context->shape.delimiter, context->input.line_end);
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
        buffer_append_slice(context->line, row->raw);
        pad(context, bulk_csv_count_cells(&context->shape, row->raw));
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
