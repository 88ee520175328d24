#include "bulk/scanner.h"

#include <string.h>

#define SAMPLE_ROWS 300 /* of a sheet */

/* The archive is opened by its own name, or by that of a copy where it has none. */
static int open_sheet(struct bulk_scanner *scanner, const char *path, bool is_file,
                      const char *sheet_name, struct error *error)
{
    int code = is_file ? bulk_sheet_open(path, sheet_name, &scanner->sheet, error)
                       : bulk_sheet_open_source(scanner->source, scanner->name, sheet_name,
                                                &scanner->sheet, error);

    bulk_source_close(scanner->source);
    scanner->source = NULL;
    return code;
}

int bulk_scanner_open(struct bulk_scanner *scanner, const char *path, struct slice bytes,
                      size_t piece, const char *sheet_name, struct error *error)
{
    bool is_file = bytes.ptr == NULL && !bulk_source_is_once(path);
    int code;

    *scanner = (struct bulk_scanner){.line = 1, .row_line = 1};
    scanner->name = strcmp(path, "-") == 0 ? "standard input" : path;
    code = bytes.ptr != NULL ? bulk_source_open_bytes(path, bytes, piece, &scanner->source, error)
                             : bulk_source_open(path, &scanner->source, error);
    if (code == 0 && bulk_source_container(scanner->source) == BULK_CONTAINER_ZIP)
        code = open_sheet(scanner, path, is_file, sheet_name, error);
    return code;
}

void bulk_scanner_close(struct bulk_scanner *scanner)
{
    bulk_source_close(scanner->source);
    bulk_sheet_close(scanner->sheet);
    scanner->source = NULL;
    scanner->sheet = NULL;
}

int bulk_scanner_is_empty(struct bulk_scanner *scanner, struct error *error)
{
    struct bulk_source *source = scanner->source;
    int code = 0;

    if (scanner->sheet != NULL) {
        struct slice raw;
        const char *fault;
        uint64_t line;
        int more = bulk_sheet_next(scanner->sheet, &raw, &line, &fault, error);

        code = more >= 0 ? bulk_sheet_rewind(scanner->sheet, error) : more;
        return code == 0 ? more == 0 : code;
    }
    while (code == 0 && bulk_source_window(source).len == 0 && !bulk_source_at_end(source))
        code = bulk_source_more(source, error);
    return code == 0 ? bulk_source_at_end(source) && slice_trim(bulk_source_window(source)).len == 0
                     : code;
}

static int no_memory(const struct bulk_scanner *scanner, struct error *error)
{
    return error_set(error, ERROR_NOMEM, "%s: no memory", scanner->name);
}

int bulk_scanner_describe(const struct bulk_scanner *scanner, struct arena *arena,
                          struct bulk_format *format, struct error *error)
{
    if (scanner->sheet != NULL) {
        format->kind = BULK_KIND_XLSX;
        format->sheets_left_out = bulk_sheet_others(scanner->sheet);
        format->sheet = arena_string(arena, slice_from_string(bulk_sheet_name(scanner->sheet)));
        return format->sheet != NULL ? 0 : no_memory(scanner, error);
    }
    format->encoding = bulk_source_encoding(scanner->source);
    format->has_bom = bulk_source_has_bom(scanner->source);
    format->gzipped = bulk_source_container(scanner->source) == BULK_CONTAINER_GZIP;
    return 0;
}

static int sample_sheet(struct bulk_scanner *scanner, struct buffer *rows, struct error *error)
{
    for (int i = 0; i < SAMPLE_ROWS;) {
        struct slice raw;
        const char *fault;
        uint64_t line;
        int more = bulk_sheet_next(scanner->sheet, &raw, &line, &fault, error);

        if (more < 0)
            return more;
        if (more == 0)
            break;
        if (raw.len == 0)
            continue;
        i++;
        if (!buffer_append_slice(rows, raw) || !buffer_append_byte(rows, '\n'))
            return no_memory(scanner, error);
    }
    return bulk_sheet_rewind(scanner->sheet, error);
}

/* A first row that is longer than what is looked at would be none. */
static int sample_text(struct bulk_source *source, struct slice *ret_bytes, bool *ret_is_whole,
                       struct error *error)
{
    int code = 0;

    for (;;) {
        struct slice bytes = bulk_source_window(source);

        *ret_bytes = bytes;
        *ret_is_whole = bulk_source_at_end(source);
        if (code != 0 || *ret_is_whole || bytes.len >= BULK_CSV_ROW_MAX ||
            slice_find_byte(bytes, '\n') >= 0 || slice_find_byte(bytes, '\r') >= 0)
            return code;
        code = bulk_source_more(source, error);
    }
}

int bulk_scanner_sample(struct bulk_scanner *scanner, struct buffer *rows, struct slice *ret_bytes,
                        bool *ret_is_whole, struct error *error)
{
    int code;

    if (scanner->sheet == NULL)
        return sample_text(scanner->source, ret_bytes, ret_is_whole, error);
    code = sample_sheet(scanner, rows, error);
    *ret_bytes = buffer_slice(rows);
    *ret_is_whole = true;
    return code;
}

void bulk_scanner_skip_line(struct bulk_scanner *scanner, size_t len)
{
    scanner->used = len;
    scanner->line += len > 0;
}

static int next_of_text(struct bulk_scanner *scanner, struct bulk_csv_row *row,
                        struct slice *ret_raw, struct error *error)
{
    size_t column = scanner->shape.quotes ? scanner->column : 0;

    bulk_source_use(scanner->source, scanner->used);
    scanner->used = 0;
    for (;;) {
        struct slice window = bulk_source_window(scanner->source);
        bool at_end = bulk_source_at_end(scanner->source);
        int code;

        if (window.len > 0 && bulk_csv_scan(&scanner->shape, window.ptr, window.len, at_end, column,
                                            &scanner->quiet, row)) {
            *ret_raw = slice_from(window.ptr, row->raw_len);
            scanner->used = row->next;
            return 1;
        }
        if (at_end)
            return 0;
        code = bulk_source_more(scanner->source, error);
        if (code != 0)
            return code;
    }
}

static int next_of_sheet(struct bulk_scanner *scanner, struct bulk_csv_row *row,
                         struct slice *ret_raw, struct error *error)
{
    const char *fault = NULL;
    uint64_t line = 0;
    int more = bulk_sheet_next(scanner->sheet, ret_raw, &line, &fault, error);
    struct slice rest, cell;
    size_t index = 0;

    if (more != 1)
        return more;
    if (fault == NULL && bulk_sheet_lacks(scanner->sheet, scanner->column))
        fault = "a formula without a text, an error, or a text that the workbook lacks: mend it in "
                "a spreadsheet and save the list";
    *row = (struct bulk_csv_row){.line_count = 1, .fault = fault};
    scanner->line = line;
    rest = *ret_raw;
    while (bulk_csv_next_cell(&scanner->shape, &rest, &cell)) {
        if (index++ == scanner->column) {
            row->has_cell = true;
            row->cell = cell;
            break;
        }
    }
    return 1;
}

int bulk_scanner_next(struct bulk_scanner *scanner, struct bulk_csv_row *ret_row,
                      struct slice *ret_raw, struct error *error)
{
    int code = scanner->sheet != NULL ? next_of_sheet(scanner, ret_row, ret_raw, error)
                                      : next_of_text(scanner, ret_row, ret_raw, error);

    if (code == 1) {
        scanner->row_line = scanner->line;
        scanner->line += ret_row->line_count;
    }
    return code;
}

int bulk_scanner_again(struct bulk_scanner *scanner, struct error *error)
{
    scanner->line = scanner->row_line;
    scanner->used = scanner->quiet = 0;
    return scanner->sheet != NULL ? bulk_sheet_rewind(scanner->sheet, error) : 0;
}

uint64_t bulk_scanner_taken(const struct bulk_scanner *scanner)
{
    if (scanner->sheet != NULL)
        return bulk_sheet_size(scanner->sheet);
    return scanner->source != NULL ? bulk_source_offset(scanner->source) : 0;
}

uint64_t bulk_scanner_offset(const struct bulk_scanner *scanner)
{
    if (scanner->sheet != NULL)
        return bulk_sheet_offset(scanner->sheet);
    if (scanner->source == NULL)
        return 0;
    return bulk_source_offset(scanner->source) -
           (bulk_source_container(scanner->source) == BULK_CONTAINER_NONE
                ? bulk_source_window(scanner->source).len
                : 0);
}

bool bulk_scanner_size(const struct bulk_scanner *scanner, uint64_t *ret_size)
{
    uint64_t size = scanner->sheet != NULL ? bulk_sheet_size(scanner->sheet)
                                           : bulk_source_size(scanner->source);

    *ret_size = size;
    return size > 0 || (scanner->source != NULL && bulk_source_at_end(scanner->source));
}
