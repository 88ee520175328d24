#include "bulk/files.h"

#include <string.h>

#include "base/utf8.h"
#include "bulk/column.h"
#include "bulk/format.h"
#include "bulk/names.h"
#include "bulk/shift.h"

#define LEAD_MAX 20 /* rows above a later file's header */

static int no_memory(const struct bulk_files *files, struct error *error)
{
    return error_set(error, ERROR_NOMEM, "%s: no memory", files->scanner.name);
}

static int differs(const struct bulk_files *files, const char *how, struct error *error)
{
    return error_set(error, ERROR_FORMAT,
                     "%s: is not like %s (%s); lists of one run must have the same columns",
                     files->scanner.name, files->paths[files->first], how);
}

static void close_file(struct bulk_files *files)
{
    files->before += bulk_scanner_taken(&files->scanner);
    bulk_scanner_close(&files->scanner);
}

/* Find the format of the file that was opened. */
static int find_format(struct bulk_files *files, const struct bulk_format *wanted,
                       struct bulk_format *format, struct error *error)
{
    struct bulk_scanner *scanner = &files->scanner;
    struct bulk_format_sample sample = {.file = scanner->name, .is_later = files->is_known};
    struct bulk_format known = *wanted;
    size_t separator_len = 0;
    struct buffer rows;
    int code;

    *format = (struct bulk_format){.has_header = -1, .column = SIZE_MAX};
    buffer_init(&rows, 0);
    code = bulk_scanner_describe(scanner, &files->arena, format, error);
    if (code == 0)
        code = bulk_scanner_sample(scanner, &rows, &sample.bytes, &sample.is_whole, error);
    if (code == 0 && scanner->sheet == NULL) {
        if (wanted->kind == BULK_KIND_UNKNOWN || wanted->kind == BULK_KIND_CSV)
            separator_len = bulk_format_separator_line(sample.bytes, &known.delimiter);
        format->has_separator_line = separator_len > 0;
        sample.bytes = slice_from_offset(sample.bytes, separator_len);
    }
    if (code == 0)
        code = bulk_format_find(&sample, &known, &files->arena, format, error);
    buffer_done(&rows);
    bulk_scanner_skip_line(scanner, separator_len);
    return code;
}

/* Rows are scanned as those of the list. */
static void take_shape(struct bulk_files *files)
{
    files->scanner.shape = bulk_format_shape(&files->format);
    files->scanner.column = files->format.column;
}

/* The header, and what stands above it: the format counts rows of workbooks that have text. */
static int take_header(struct bulk_files *files, struct error *error)
{
    struct bulk_csv_row row = {0};
    struct slice raw = SLICE_EMPTY;
    unsigned lead = files->format.lead;

    for (;;) {
        int code = bulk_scanner_next(&files->scanner, &row, &raw, error);
        bool is_blank = files->scanner.sheet != NULL && raw.len == 0, is_lead;

        if (code <= 0)
            return code;
        is_lead = lead > 0 || is_blank;
        if (!buffer_append_slice(is_lead ? &files->lead : &files->header, raw) ||
            (is_lead && !buffer_append_string(&files->lead, files->format.line_end)))
            return no_memory(files, error);
        if (!is_lead)
            return 0;
        lead -= !is_blank;
    }
}

static int begin_first(struct bulk_files *files, struct error *error)
{
    int code = find_format(files, &files->wanted, &files->format, error);

    if (code != 0)
        return code;
    take_shape(files);
    return files->format.has_header ? take_header(files, error) : 0;
}

static int read_cell(struct bulk_files *files, struct slice cell, struct slice *ret_text,
                     struct error *error)
{
    return bulk_format_text(&files->format, cell, files->scratch, ret_text)
               ? 0
               : no_memory(files, error);
}

/* Do two header rows name the same columns? 1, 0, or ERROR_NOMEM. */
static int is_same_header(struct bulk_files *files, struct slice mine, struct error *error)
{
    struct slice theirs = buffer_slice(&files->header), a, b;
    struct bulk_csv_shape shape = bulk_format_shape(&files->format);

    for (;;) {
        bool has_mine = bulk_csv_next_cell(&files->scanner.shape, &mine, &a);
        bool has_theirs = bulk_csv_next_cell(&shape, &theirs, &b);
        struct buffer copy;
        int code;
        bool is_same;

        if (!has_mine || !has_theirs)
            return has_mine == has_theirs;
        buffer_init(&copy, 0);
        code = read_cell(files, a, &a, error);
        if (code == 0 && !buffer_append_slice(&copy, slice_trim(a)))
            code = no_memory(files, error);
        if (code == 0)
            code = read_cell(files, b, &b, error);
        is_same = code == 0 && slice_equal_nocase(buffer_slice(&copy), slice_trim(b));
        buffer_done(&copy);
        if (code != 0 || !is_same)
            return code;
    }
}

/*
 * Is the address of this row, whose cell in its column is none, told to stand further on? Not where
 * most rows (of so many columns) are as long: then it is another list. 1, 0, or ERROR_NOMEM.
 */
static int is_shifted(struct bulk_files *files, const struct bulk_csv_row *row, struct slice raw,
                      size_t columns, struct error *error)
{
    struct slice found;
    enum bulk_shift shift;

    if (columns != files->format.columns || row->fault != NULL || !row->has_cell ||
        !bulk_shift_may_be(&files->format, row->cell))
        return 0;
    shift = bulk_shift_find(&files->format, &files->scanner.shape, raw, row->cell, files->scratch,
                            &found);
    return shift == BULK_SHIFT_NOMEM ? no_memory(files, error) : shift != BULK_SHIFT_NONE;
}

/* Do the rows that come tell by themselves that addresses stand in the list's column? 1, 0, or
   ERROR_NOMEM. */
static int has_its_column(struct bulk_files *files, struct error *error)
{
    struct bulk_format wanted = files->format, found;
    struct error unlike = {0};
    int code;

    wanted.has_header = 0;
    wanted.delimiter = files->scanner.shape.delimiter; /* as the file's own first line may say */
    wanted.column = SIZE_MAX;
    wanted.column_name = NULL;
    code = find_format(files, &wanted, &found, &unlike);
    if (code == ERROR_NOMEM)
        return no_memory(files, error);
    return code == 0 && found.column == files->format.column &&
           found.columns == files->format.columns;
}

/* 0, or ERROR_NOMEM. */
static int collect_names(struct bulk_files *files, struct bulk_names *names, struct error *error)
{
    struct bulk_csv_shape shape = bulk_format_shape(&files->format);
    struct slice header = buffer_slice(&files->header), name;
    int code = 0;

    while (code == 0 && bulk_csv_next_cell(&shape, &header, &name)) {
        code = read_cell(files, name, &name, error);
        if (code == 0 && bulk_names_add(names, name) != 0)
            code = no_memory(files, error);
    }
    return code;
}

/* Is any cell of this row the name of one of the list's columns? 1, 0, or ERROR_NOMEM. */
static int names_a_column(struct bulk_files *files, struct slice raw, struct error *error)
{
    struct bulk_names names;
    struct slice cell;
    int code;

    bulk_names_init(&names);
    code = collect_names(files, &names, error);
    while (code == 0 && bulk_csv_next_cell(&files->scanner.shape, &raw, &cell)) {
        code = read_cell(files, cell, &cell, error);
        if (code == 0 && slice_trim(cell).len > 0)
            code = bulk_names_has(&names, cell);
        if (code < 0)
            code = no_memory(files, error);
    }
    bulk_names_done(&names);
    return code;
}

/* Does nothing but blank rows follow the first one? 1, 0, or an error. */
static int is_alone(struct bulk_files *files, struct error *error)
{
    const struct bulk_csv_shape *shape = &files->scanner.shape;
    size_t quiet = 0, rows = 0;
    struct bulk_csv_row row;
    struct buffer buffer;
    struct slice rest;
    bool is_whole;
    int code;

    buffer_init(&buffer, 0);
    code = bulk_scanner_sample(&files->scanner, &buffer, &rest, &is_whole, error);
    while (code == 0 && rest.len > 0 && rows < 2 &&
           bulk_csv_scan(shape, rest.ptr, rest.len, is_whole, 0, &quiet, &row)) {
        rows += slice_trim(slice_prefix(rest, row.raw_len)).len > 0;
        rest = slice_from_offset(rest, row.next);
    }
    buffer_done(&buffer);
    return code == 0 ? is_whole && rows < 2 : code;
}

/* Does this cell name a column of addresses? */
static bool is_column_name(struct slice text)
{
    return column_name_hint(slice_trim(text)) != COLUMN_HINT_NONE;
}

/*
 * Of a row that has no address in its place: 1 when it is a row, 0 when it is another list's
 * header, or an error. A header of other words is told by what stands below it: nothing, or
 * addresses in the same column of as many, which would be read well all the same.
 */
static int is_row_without(struct bulk_files *files, struct slice text, struct slice raw,
                          struct error *error)
{
    bool has_address = slice_find_byte(raw, '@') >= 0, has_text = slice_trim(text).len > 0;
    int code;

    if (has_text && (has_address || is_column_name(text)))
        return 0;
    /* Headers are rarely empty above addresses, and have other names in common then. */
    code = names_a_column(files, raw, error);
    if (code != 0)
        return code < 0 ? code : 0;
    code = bulk_scanner_again(&files->scanner, error);
    if (code == 0 && !has_address)
        code = is_alone(files, error);
    return code == 0 ? has_its_column(files, error) : code;
}

/* A list that was cut in pieces has its header in the first alone: is this a row, where another
   file has its header? 1, 0, or an error. */
static int is_row(struct bulk_files *files, const struct bulk_csv_row *row, struct slice raw,
                  size_t columns, struct error *error)
{
    struct slice text = SLICE_EMPTY;
    int code = row->has_cell ? read_cell(files, row->cell, &text, error) : 0;

    if (code != 0)
        return code;
    if (slice_find_byte(text, '@') >= 0)
        return 1;
    if (slice_trim(text).len > 0) {
        code = is_shifted(files, row, raw, columns, error);
        if (code == 0) /* what it was found in is gone */
            code = read_cell(files, row->cell, &text, error);
        if (code != 0)
            return code;
    }
    code = is_row_without(files, text, raw, error);
    if (code == 1 && slice_trim(raw).len > 0)
        files->kept_line = files->scanner.line;
    return code;
}

static bool is_blank(const struct bulk_csv_shape *shape, struct slice raw)
{
    for (size_t i = 0; i < raw.len; i++)
        if (!ascii_is_space(raw.ptr[i]) && !(shape->quotes && raw.ptr[i] == shape->delimiter))
            return false;
    return true;
}

static size_t count_filled(const struct bulk_csv_shape *shape, struct slice raw)
{
    struct slice cell;
    size_t filled = 0;

    while (bulk_csv_next_cell(shape, &raw, &cell))
        filled += slice_trim(cell).len > 0;
    return filled;
}

/* How many cells are filled in that row above the first file's header which has most. */
static size_t lead_width(const struct bulk_files *files)
{
    struct bulk_csv_shape shape = bulk_format_shape(&files->format);
    struct slice rest = buffer_slice(&files->lead);
    struct bulk_csv_row row;
    size_t quiet = 0, width = 0;

    while (rest.len > 0 && bulk_csv_scan(&shape, rest.ptr, rest.len, true, 0, &quiet, &row)) {
        size_t filled = count_filled(&shape, slice_prefix(rest, row.raw_len));

        width = filled > width ? filled : width;
        rest = slice_from_offset(rest, row.next);
    }
    return width;
}

/*
 * Does the list's header stand further down in this file, too? Above it are no rows of the list
 * where they are blank, or hold no more than what stands above the first file's. How many rows, of
 * workbooks those with text; 0: it does not; or an error.
 */
static int find_lower_header(struct bulk_files *files, struct error *error)
{
    const struct bulk_csv_shape *shape = &files->scanner.shape;
    struct bulk_csv_row row;
    struct buffer buffer;
    struct slice rest, raw;
    size_t quiet = 0, width = lead_width(files);
    bool is_whole;
    int found = 0, code;

    buffer_init(&buffer, 0);
    code = bulk_scanner_again(&files->scanner, error);
    if (code == 0)
        code = bulk_scanner_sample(&files->scanner, &buffer, &rest, &is_whole, error);
    for (int i = 0; code == 0 && found == 0 && i < LEAD_MAX && rest.len > 0 &&
                    bulk_csv_scan(shape, rest.ptr, rest.len, is_whole, 0, &quiet, &row);
         i++) {
        raw = slice_prefix(rest, row.raw_len);
        rest = slice_from_offset(rest, row.next);
        code = is_same_header(files, raw, error);
        if (code == 1)
            found = i;
        if (slice_find_byte(raw, '@') >= 0 ||
            (!is_blank(shape, raw) && count_filled(shape, raw) > width))
            break;
    }
    buffer_done(&buffer);
    return code < 0 ? code : found;
}

static int pass_over(struct bulk_files *files, int rows, struct error *error)
{
    struct bulk_csv_row row;
    struct slice raw;

    while (rows > 0) {
        int code = bulk_scanner_next(&files->scanner, &row, &raw, error);

        if (code <= 0)
            return code;
        rows -= files->scanner.sheet == NULL || raw.len > 0;
    }
    return 0;
}

/* The first row of a later file: its header, which is passed over, or a row, yet to be read. */
static int check_header(struct bulk_files *files, size_t columns, struct error *error)
{
    struct bulk_csv_row row;
    struct slice raw;
    int code = bulk_scanner_next(&files->scanner, &row, &raw, error);

    if (code <= 0)
        return code;
    code = is_same_header(files, raw, error);
    if (code != 0)
        return code < 0 ? code : 0;
    code = find_lower_header(files, error);
    if (code != 0)
        return code < 0 ? code : pass_over(files, code + 1, error);
    code = bulk_scanner_next(&files->scanner, &row, &raw, error);
    if (code <= 0)
        return code;
    code = is_row(files, &row, raw, columns, error);
    if (code <= 0)
        return code < 0 ? code : differs(files, "its header is another", error);
    return bulk_scanner_again(&files->scanner, error);
}

/* Latin-1 among Unicode is made Unicode; the other way round there is no telling. */
static int heed_encoding(struct bulk_files *files, struct error *error)
{
    struct bulk_source *source = files->scanner.source;
    bool is_latin1, is_list_latin1 = files->format.encoding == BULK_ENCODING_LATIN1;

    if (source == NULL)
        return 0;
    is_latin1 = bulk_source_encoding(source) == BULK_ENCODING_LATIN1;
    if (is_latin1 && !is_list_latin1)
        return bulk_source_recode(source, error);
    if (!is_latin1 && is_list_latin1 && !utf8_is_ascii(bulk_source_window(source)))
        return differs(files, "Latin-1 and Unicode; name the Unicode one first", error);
    return 0;
}

/* Rows are passed on as they are, to stand between the list's: only where there is one column its
   own first line may name another delimiter. */
static bool is_divided_otherwise(const struct bulk_files *files, const struct bulk_format *found)
{
    return found->kind == BULK_KIND_CSV && found->delimiter != files->format.delimiter &&
           (found->columns > 1 || files->format.columns > 1);
}

/* A file after the first: of the same kind, with the same header or none. */
static int begin_later(struct bulk_files *files, struct error *error)
{
    struct bulk_format wanted = files->format, found;
    int code;

    if ((files->scanner.sheet != NULL) != (files->format.kind == BULK_KIND_XLSX))
        return differs(files, "one is XLSX, the other is not", error);
    code = heed_encoding(files, error);
    if (code != 0)
        return code;
    if (wanted.kind == BULK_KIND_NDJSON)
        wanted.column = SIZE_MAX;
    code = find_format(files, &wanted, &found, error);
    if (code != 0)
        return code;
    if (is_divided_otherwise(files, &found))
        return differs(files, "its delimiter is another", error);
    files->scanner.shape = bulk_format_shape(&found);
    files->scanner.shape.columns = files->format.columns; /* a piece may begin with a longer row */
    return files->format.has_header ? check_header(files, found.columns, error) : 0;
}

/*
 * Does another file tell what the list is like? An empty one has no header, and hides nobody
 * else's. Standard input and pipes are read once, and not to look at them.
 */
static bool is_followed(const struct bulk_files *files)
{
    return files->current + 1 < files->count &&
           !bulk_source_is_once(files->paths[files->current + 1]);
}

static int begin_file(struct bulk_files *files, struct error *error)
{
    int code = bulk_scanner_open(&files->scanner, files->paths[files->current], files->bytes,
                                 files->piece, files->wanted.sheet, error);

    files->kept_line = 0;
    if (files->is_known)
        take_shape(files); /* also of a file that is all blank */
    if (code == 0 && (files->is_known || is_followed(files)))
        code = bulk_scanner_is_empty(&files->scanner, error);
    if (code != 0)
        return code < 0 ? code : 0;
    if (files->is_known)
        return begin_later(files, error);
    code = begin_first(files, error);
    files->is_known = code == 0;
    return code;
}

/* The first file that holds anything. */
static int begin_list(struct bulk_files *files, struct error *error)
{
    int code;

    files->current = files->first;
    files->is_known = false;
    buffer_clear(&files->header);
    buffer_clear(&files->lead);
    code = begin_file(files, error);
    while (code == 0 && !files->is_known) {
        close_file(files);
        files->current++;
        code = begin_file(files, error);
    }
    files->first = files->current;
    return code;
}

/* Look at the files that come later, and begin anew. */
static int check_later_files(struct bulk_files *files, struct error *error)
{
    int code = 0;

    files->is_size_known = true;
    for (size_t i = files->first; code == 0 && i < files->count; i++) {
        uint64_t size;

        files->current = i;
        if (i > files->first && bulk_source_is_once(files->paths[i])) {
            files->is_size_known = false;
            continue;
        }
        if (i > files->first) {
            code = begin_file(files, error);
            if (code != 0)
                break;
        }
        files->is_size_known &= bulk_scanner_size(&files->scanner, &size);
        files->size += size;
        if (i + 1 < files->count)
            close_file(files);
    }
    if (code != 0 || files->count == 1)
        return code;
    close_file(files);
    files->before = 0;
    return begin_list(files, error);
}

static int copy_paths(struct bulk_files *files, const char *const *paths, size_t count,
                      struct error *error)
{
    files->paths = arena_array(&files->arena, count, sizeof(*files->paths));
    for (size_t i = 0; files->paths != NULL && i < count; i++) {
        files->paths[i] = arena_string(&files->arena, slice_from_string(paths[i]));
        if (files->paths[i] == NULL)
            break;
        files->count++;
    }
    return files->count == count ? 0 : error_set(error, ERROR_NOMEM, "no memory to read a list");
}

int bulk_files_open(struct bulk_files *files, const char *const *paths, size_t count,
                    struct slice bytes, size_t piece, const struct bulk_format *wanted,
                    struct error *error)
{
    static const struct bulk_format anything = {.has_header = -1, .column = SIZE_MAX};
    int code;

    *files = (struct bulk_files){.wanted = wanted != NULL ? *wanted : anything};
    files->bytes = bytes;
    files->piece = piece;
    arena_init(&files->arena);
    buffer_init(&files->header, 0);
    buffer_init(&files->lead, 0);
    buffer_init(&files->scratch[0], 0);
    buffer_init(&files->scratch[1], 0);
    code = copy_paths(files, paths, count, error);
    if (code == 0 && count > 1 && bulk_source_is_once(paths[0]))
        code = error_set(error, ERROR_USAGE,
                         "%s can be read only once, and can't be the first of several lists",
                         strcmp(paths[0], "-") == 0 ? "standard input (\"-\")" : paths[0]);
    if (code == 0)
        code = begin_list(files, error);
    return code == 0 ? check_later_files(files, error) : code;
}

void bulk_files_done(struct bulk_files *files)
{
    bulk_scanner_close(&files->scanner);
    buffer_done(&files->header);
    buffer_done(&files->lead);
    buffer_done(&files->scratch[0]);
    buffer_done(&files->scratch[1]);
    arena_done(&files->arena);
}

int bulk_files_turn(struct bulk_files *files, struct error *error)
{
    int code;

    if (files->current + 1 == files->count)
        return 0;
    close_file(files);
    files->current++;
    code = begin_file(files, error);
    return code == 0 ? 1 : code;
}

uint64_t bulk_files_offset(const struct bulk_files *files)
{
    return files->before + bulk_scanner_offset(&files->scanner);
}
