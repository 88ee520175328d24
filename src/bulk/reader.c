#include "bulk/reader.h"

#include <string.h>

#include "address/address.h"
#include "base/arena.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "bulk/blanks.h"
#include "bulk/format.h"
#include "bulk/ndjson.h"
#include "bulk/shift.h"
#include "bulk/sheet.h"
#include "bulk/source.h"

#define BLANK_MAX 4096 /* octets of a row without anything in it */

static const char fault_short[] = "too few columns: there is none for the address";
static const char fault_object[] = "not a JSON object";
static const char fault_field[] = "the object lacks the field";
static const char fault_unclear[] =
    "more cells than other rows: which of them is the address can't be told";
static const char doubt_open[] = "a quote is never closed: it was taken for a letter";
static const char doubt_joined[] =
    "lines that look like rows were taken for the text of one cell, as its quotes are closed";

struct bulk_reader {
    struct arena arena;
    const char **files;
    size_t file_count, file; /* the one being read */
    size_t first;            /* that holds anything: the others are like it */
    bool is_known;           /* the format is */
    struct bulk_format wanted;
    struct bulk_format format; /* of the list */
    struct buffer header;

    /* The file being read: text through a source, XLSX row by row. */
    struct bulk_source *source;
    struct bulk_sheet *sheet;
    struct bulk_csv_shape shape;
    size_t used;  /* bytes of the window that the last row took */
    size_t quiet; /* see bulk_csv_scan */
    uint64_t line;

    /* Blank rows that are rows if another follows, and the row that came after them. */
    struct bulk_blanks blanks;
    struct bulk_csv_row held;
    struct slice held_raw;
    uint64_t held_line;
    bool is_held;

    uint64_t number;
    struct bulk_fault faults[BULK_FAULTS_KEPT];
    size_t fault_count;
    struct bulk_fault doubts[BULK_FAULTS_KEPT];
    uint64_t doubt_count;         /* all of them */
    uint64_t offset_before, size; /* of the files before this one; of all */
    bool is_size_known;
    struct slice bytes; /* instead of a file */
    size_t piece;
    struct buffer scratch[2];
};

static void close_file(struct bulk_reader *reader)
{
    if (reader->source != NULL)
        reader->offset_before += bulk_source_offset(reader->source);
    if (reader->sheet != NULL)
        reader->offset_before += bulk_sheet_size(reader->sheet);
    bulk_source_close(reader->source);
    bulk_sheet_close(reader->sheet);
    reader->source = NULL;
    reader->sheet = NULL;
    reader->used = reader->quiet = 0;
}

static const char *file_name(const struct bulk_reader *reader)
{
    const char *name = reader->files[reader->file];

    return strcmp(name, "-") == 0 ? "standard input" : name;
}

static int open_source(struct bulk_reader *reader, struct error *error)
{
    const char *path = reader->files[reader->file];

    return reader->bytes.ptr != NULL
               ? bulk_source_open_bytes(path, reader->bytes, reader->piece, &reader->source, error)
               : bulk_source_open(path, &reader->source, error);
}

/* The archive is opened by its own name, or by that of a copy where it has none. */
static int open_sheet(struct bulk_reader *reader, struct error *error)
{
    bool is_file = reader->bytes.ptr == NULL && !bulk_source_is_once(reader->files[reader->file]);
    int code;

    if (is_file)
        code = bulk_sheet_open(reader->files[reader->file], reader->wanted.sheet, &reader->sheet,
                               error);
    else
        code = bulk_sheet_open_source(reader->source, file_name(reader), reader->wanted.sheet,
                                      &reader->sheet, error);
    bulk_source_close(reader->source);
    reader->source = NULL;
    return code;
}

/* What can be known of a row; 1, 0 at the end of the file. */
static int scan_text(struct bulk_reader *reader, struct bulk_csv_row *row, struct slice *ret_raw,
                     struct error *error)
{
    bulk_source_use(reader->source, reader->used);
    reader->used = 0;
    for (;;) {
        struct slice window = bulk_source_window(reader->source);
        bool at_end = bulk_source_at_end(reader->source);
        size_t column = reader->shape.quotes ? reader->format.column : 0;
        int code;

        if (window.len > 0 && bulk_csv_scan(&reader->shape, window.ptr, window.len, at_end, column,
                                            &reader->quiet, row)) {
            *ret_raw = slice_from(window.ptr, row->raw_len);
            reader->used = row->next;
            return 1;
        }
        if (at_end)
            return 0;
        code = bulk_source_more(reader->source, error);
        if (code != 0)
            return code;
    }
}

static int scan_sheet(struct bulk_reader *reader, struct bulk_csv_row *row, struct slice *ret_raw,
                      struct error *error)
{
    const char *fault = NULL;
    uint64_t line = 0;
    int more = bulk_sheet_next(reader->sheet, ret_raw, &line, &fault, error);
    struct slice rest, cell;
    size_t index = 0;

    if (more != 1)
        return more;
    *row = (struct bulk_csv_row){.line_count = 1, .fault = fault};
    reader->line = line;
    rest = *ret_raw;
    while (bulk_csv_next_cell(&reader->shape, &rest, &cell)) {
        if (index++ == reader->format.column) {
            row->has_cell = true;
            row->cell = cell;
            break;
        }
    }
    return 1;
}

static int scan(struct bulk_reader *reader, struct bulk_csv_row *row, struct slice *ret_raw,
                struct error *error)
{
    return reader->sheet != NULL ? scan_sheet(reader, row, ret_raw, error)
                                 : scan_text(reader, row, ret_raw, error);
}

/* The cell's text. */
static int read_cell(struct bulk_reader *reader, struct slice cell, uint64_t line,
                     struct slice *ret_text, struct error *error)
{
    if (bulk_format_text(&reader->format, cell, reader->scratch, ret_text))
        return 0;
    return error_set(error, ERROR_NOMEM, "%s: no memory for line %llu", file_name(reader),
                     (unsigned long long)line);
}

static int differs(const struct bulk_reader *reader, const char *how, struct error *error)
{
    return error_set(error, ERROR_FORMAT,
                     "%s: is not like %s (%s); lists of one run must have the same columns",
                     file_name(reader), reader->files[reader->first], how);
}

/* Do two header rows name the same columns? 1, 0, or ERROR_NOMEM. */
static int is_same_header(struct bulk_reader *reader, struct slice mine, struct error *error)
{
    struct slice theirs = buffer_slice(&reader->header), a, b;
    struct bulk_csv_shape shape = bulk_format_shape(&reader->format);

    for (;;) {
        bool has_mine = bulk_csv_next_cell(&reader->shape, &mine, &a);
        bool has_theirs = bulk_csv_next_cell(&shape, &theirs, &b);
        struct buffer copy;
        int code;
        bool is_same;

        if (!has_mine || !has_theirs)
            return has_mine == has_theirs;
        buffer_init(&copy, 0);
        code = read_cell(reader, a, reader->line, &a, error);
        if (code == 0 && !buffer_append_slice(&copy, slice_trim(a)))
            code = error_set(error, ERROR_NOMEM, "%s: no memory", file_name(reader));
        if (code == 0)
            code = read_cell(reader, b, reader->line, &b, error);
        is_same = code == 0 && slice_equal_nocase(buffer_slice(&copy), slice_trim(b));
        buffer_done(&copy);
        if (code != 0 || !is_same)
            return code;
    }
}

/* The first row of a later file: its header, which is passed over, or a row, yet to be read. */
static int check_header(struct bulk_reader *reader, struct error *error)
{
    struct bulk_csv_row row;
    struct slice raw, text = SLICE_EMPTY;
    int code = scan(reader, &row, &raw, error);

    if (code <= 0)
        return code;
    code = is_same_header(reader, raw, error);
    if (code != 0) {
        reader->line += row.line_count;
        return code < 0 ? code : 0;
    }
    /* A list that was cut in pieces has its header in the first alone. */
    if (row.has_cell) {
        code = read_cell(reader, row.cell, reader->line, &text, error);
        if (code != 0)
            return code;
    }
    if (slice_find_byte(text, '@') < 0)
        return differs(reader, "its header is another", error);
    if (reader->sheet != NULL)
        return bulk_sheet_rewind(reader->sheet, error);
    reader->used = reader->quiet = 0;
    return 0;
}

static int sample_sheet(struct bulk_reader *reader, struct buffer *rows, struct error *error)
{
    for (int i = 0; i < 300; i++) {
        struct slice raw;
        const char *fault;
        uint64_t line;
        int more = bulk_sheet_next(reader->sheet, &raw, &line, &fault, error);

        if (more <= 0)
            return more < 0 ? more : bulk_sheet_rewind(reader->sheet, error);
        if (!buffer_append_slice(rows, raw) || !buffer_append_byte(rows, '\n'))
            return error_set(error, ERROR_NOMEM, "%s: no memory", file_name(reader));
    }
    return bulk_sheet_rewind(reader->sheet, error);
}

/* A first row that is longer than what is looked at would be none. */
static int sample_text(struct bulk_reader *reader, struct bulk_format_sample *sample,
                       struct error *error)
{
    struct bulk_source *source = reader->source;
    int code = 0;

    for (;;) {
        sample->bytes = bulk_source_window(source);
        sample->is_whole = bulk_source_at_end(source);
        if (code != 0 || sample->is_whole || sample->bytes.len >= BULK_CSV_ROW_MAX ||
            slice_find_byte(sample->bytes, '\n') >= 0 || slice_find_byte(sample->bytes, '\r') >= 0)
            return code;
        code = bulk_source_more(source, error);
    }
}

/* Find the format of the file that was opened. */
static int find_format(struct bulk_reader *reader, const struct bulk_format *wanted,
                       struct bulk_format *format, struct error *error)
{
    struct bulk_format_sample sample = {.file = file_name(reader), .is_later = reader->is_known};
    struct bulk_format known = *wanted;
    size_t separator_len = 0;
    struct buffer rows;
    int code = 0;

    *format = (struct bulk_format){.has_header = -1, .column = SIZE_MAX};
    buffer_init(&rows, 0);
    if (reader->sheet != NULL) {
        format->kind = BULK_KIND_XLSX;
        format->sheets_left_out = bulk_sheet_others(reader->sheet);
        format->sheet =
            arena_string(&reader->arena, slice_from_string(bulk_sheet_name(reader->sheet)));
        sample.is_whole = true;
        code = format->sheet != NULL ? sample_sheet(reader, &rows, error)
                                     : error_set(error, ERROR_NOMEM, "%s: no memory", sample.file);
        sample.bytes = buffer_slice(&rows);
    } else {
        format->encoding = bulk_source_encoding(reader->source);
        format->has_bom = bulk_source_has_bom(reader->source);
        format->gzipped = bulk_source_container(reader->source) == BULK_CONTAINER_GZIP;
        code = sample_text(reader, &sample, error);
        if (wanted->kind == BULK_KIND_UNKNOWN || wanted->kind == BULK_KIND_CSV)
            separator_len = bulk_format_separator_line(sample.bytes, &known.delimiter);
        format->has_separator_line = separator_len > 0;
        sample.bytes = slice_from_offset(sample.bytes, separator_len);
    }
    if (code == 0)
        code = bulk_format_find(&sample, &known, &reader->arena, format, error);
    buffer_done(&rows);
    reader->used = separator_len;
    reader->line += separator_len > 0;
    return code;
}

static int begin_first(struct bulk_reader *reader, struct error *error)
{
    struct bulk_csv_row row = {0};
    struct slice raw = SLICE_EMPTY;
    int code = find_format(reader, &reader->wanted, &reader->format, error);

    if (code != 0)
        return code;
    reader->shape = bulk_format_shape(&reader->format);
    if (!reader->format.has_header)
        return 0;
    code = scan(reader, &row, &raw, error);
    if (code <= 0)
        return code;
    reader->line += row.line_count;
    return buffer_append_slice(&reader->header, raw)
               ? 0
               : error_set(error, ERROR_NOMEM, "%s: no memory", file_name(reader));
}

/* A file after the first: of the same kind, with the same header or none. */
static int begin_later(struct bulk_reader *reader, struct error *error)
{
    struct bulk_format wanted = reader->format, found;
    int code;

    if ((reader->sheet != NULL) != (reader->format.kind == BULK_KIND_XLSX))
        return differs(reader, "one is XLSX, the other is not", error);
    if (reader->source != NULL && bulk_source_encoding(reader->source) == BULK_ENCODING_LATIN1 &&
        reader->format.encoding != BULK_ENCODING_LATIN1) {
        code = bulk_source_recode(reader->source, error);
        if (code != 0)
            return code;
    } else if (reader->source != NULL && reader->format.encoding == BULK_ENCODING_LATIN1 &&
               bulk_source_encoding(reader->source) != BULK_ENCODING_LATIN1 &&
               !utf8_is_ascii(bulk_source_window(reader->source))) {
        return differs(reader, "Latin-1 and Unicode; name the Unicode one first", error);
    }
    if (wanted.kind == BULK_KIND_NDJSON)
        wanted.column = SIZE_MAX;
    code = find_format(reader, &wanted, &found, error);
    if (code != 0)
        return code;
    reader->shape = bulk_format_shape(&found);
    reader->shape.columns = reader->format.columns; /* a piece may begin with a longer row */
    return reader->format.has_header ? check_header(reader, error) : 0;
}

/* Is there nothing in the file? 1, 0, or an error. */
static int is_empty_file(struct bulk_reader *reader, struct error *error)
{
    struct slice raw;
    const char *fault;
    uint64_t line;
    int code = 0;

    if (reader->sheet != NULL) {
        int more = bulk_sheet_next(reader->sheet, &raw, &line, &fault, error);

        code = more >= 0 ? bulk_sheet_rewind(reader->sheet, error) : more;
        return code == 0 ? more == 0 : code;
    }
    while (code == 0 && bulk_source_window(reader->source).len == 0 &&
           !bulk_source_at_end(reader->source))
        code = bulk_source_more(reader->source, error);
    return code == 0 ? bulk_source_at_end(reader->source) &&
                           slice_trim(bulk_source_window(reader->source)).len == 0
                     : code;
}

/*
 * Does another file tell what the list is like? An empty one has no header, and hides nobody
 * else's. Standard input and pipes are read once, and not to look at them.
 */
static bool is_followed(const struct bulk_reader *reader)
{
    return reader->file + 1 < reader->file_count &&
           !bulk_source_is_once(reader->files[reader->file + 1]);
}

static int begin_file(struct bulk_reader *reader, struct error *error)
{
    int code = open_source(reader, error);

    reader->line = 1;
    if (code == 0 && bulk_source_container(reader->source) == BULK_CONTAINER_ZIP)
        code = open_sheet(reader, error);
    if (code == 0 && (reader->is_known || is_followed(reader)))
        code = is_empty_file(reader, error);
    if (code != 0)
        return code < 0 ? code : 0;
    if (reader->is_known)
        return begin_later(reader, error);
    code = begin_first(reader, error);
    reader->is_known = code == 0;
    return code;
}

/* The first file that holds anything. */
static int begin_list(struct bulk_reader *reader, struct error *error)
{
    int code;

    reader->file = reader->first;
    reader->is_known = false;
    buffer_clear(&reader->header);
    code = begin_file(reader, error);
    while (code == 0 && !reader->is_known) {
        close_file(reader);
        reader->file++;
        code = begin_file(reader, error);
    }
    reader->first = reader->file;
    return code;
}

/* Look at the files that come later, so that a run of hours does not end on the second one. */
static int check_later_files(struct bulk_reader *reader, struct error *error)
{
    int code = 0;

    reader->is_size_known = true;
    for (size_t i = reader->first; code == 0 && i < reader->file_count; i++) {
        struct bulk_source *source = reader->source;
        uint64_t size;

        reader->file = i;
        if (i > reader->first && bulk_source_is_once(reader->files[i])) {
            reader->is_size_known = false;
            continue;
        }
        if (i > reader->first) {
            code = begin_file(reader, error);
            source = reader->source;
            if (code != 0)
                break;
        }
        size = reader->sheet != NULL ? bulk_sheet_size(reader->sheet) : bulk_source_size(source);
        reader->size += size;
        reader->is_size_known &= size > 0 || (source != NULL && bulk_source_at_end(source));
        if (reader->file_count > 1 && i + 1 < reader->file_count)
            close_file(reader);
    }
    if (code != 0 || reader->file_count == 1)
        return code;
    close_file(reader);
    reader->offset_before = 0;
    return begin_list(reader, error);
}

static int start(struct bulk_reader *reader, const char *const *files, size_t file_count,
                 const struct bulk_format *wanted, struct error *error)
{
    static const struct bulk_format anything = {.has_header = -1, .column = SIZE_MAX};
    int code;

    arena_init(&reader->arena);
    buffer_init(&reader->header, 0);
    bulk_blanks_init(&reader->blanks);
    buffer_init(&reader->scratch[0], 0);
    buffer_init(&reader->scratch[1], 0);
    reader->wanted = wanted != NULL ? *wanted : anything;
    reader->files = arena_array(&reader->arena, file_count, sizeof(*reader->files));
    if (reader->files == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to read a list");
    for (size_t i = 0; i < file_count; i++) {
        reader->files[i] = arena_string(&reader->arena, slice_from_string(files[i]));
        if (reader->files[i] == NULL)
            return error_set(error, ERROR_NOMEM, "no memory to read a list");
    }
    if (file_count > 1 && bulk_source_is_once(files[0]))
        return error_set(error, ERROR_USAGE,
                         "%s can be read only once, and can't be the first of several lists",
                         strcmp(files[0], "-") == 0 ? "standard input (\"-\")" : files[0]);
    reader->file_count = file_count;
    code = begin_list(reader, error);
    return code == 0 ? check_later_files(reader, error) : code;
}

int bulk_reader_open(const char *const *files, size_t file_count, const struct bulk_format *wanted,
                     struct bulk_reader **ret_reader, struct error *error)
{
    struct bulk_reader *reader;
    int code;

    if (file_count == 0)
        return error_set(error, ERROR_USAGE, "no list was named");
    reader = memory_zalloc(1, sizeof(*reader));
    if (reader == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to read a list");
    code = start(reader, files, file_count, wanted, error);
    if (code != 0) {
        bulk_reader_close(reader);
        return code;
    }
    *ret_reader = reader;
    return 0;
}

int bulk_reader_open_bytes(const char *name, struct slice bytes, size_t piece,
                           const struct bulk_format *wanted, struct bulk_reader **ret_reader,
                           struct error *error)
{
    struct bulk_reader *reader = memory_zalloc(1, sizeof(*reader));
    int code;

    if (reader == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to read a list");
    reader->bytes = bytes.ptr != NULL ? bytes : SLICE_EMPTY;
    reader->piece = piece;
    code = start(reader, &name, 1, wanted, error);
    if (code != 0) {
        bulk_reader_close(reader);
        return code;
    }
    *ret_reader = reader;
    return 0;
}

void bulk_reader_close(struct bulk_reader *reader)
{
    if (reader == NULL)
        return;
    close_file(reader);
    buffer_done(&reader->header);
    bulk_blanks_done(&reader->blanks);
    buffer_done(&reader->scratch[0]);
    buffer_done(&reader->scratch[1]);
    arena_done(&reader->arena);
    memory_free(reader);
}

const struct bulk_format *bulk_reader_format(const struct bulk_reader *reader)
{
    return &reader->format;
}

struct slice bulk_reader_header(const struct bulk_reader *reader)
{
    return buffer_slice(&reader->header);
}

static const char *read_field(const struct bulk_reader *reader, struct slice raw,
                              struct slice *ret_value)
{
    if (slice_trim(raw).len == 0)
        return NULL;
    if (ndjson_find(raw, slice_from_string(reader->format.column_name), ret_value))
        return NULL;
    return ndjson_is_object(raw) ? fault_field : fault_object;
}

/* The next row of this file or of a later one, held; 1, 0 after the last. */
static int hold_row(struct bulk_reader *reader, struct error *error)
{
    int code;

    for (;;) {
        code = scan(reader, &reader->held, &reader->held_raw, error);
        if (code != 0)
            break;
        bulk_blanks_drop(&reader->blanks);
        if (reader->file + 1 == reader->file_count)
            return 0;
        close_file(reader);
        reader->file++;
        code = begin_file(reader, error);
        if (code != 0)
            return code;
    }
    reader->held_line = reader->line;
    reader->line += reader->held.line_count;
    return code;
}

static bool is_blank(const struct bulk_reader *reader, struct slice raw)
{
    if (raw.len > BLANK_MAX)
        return false;
    for (size_t i = 0; i < raw.len; i++)
        if (raw.ptr[i] != ' ' && raw.ptr[i] != '\t' &&
            !(reader->shape.quotes && raw.ptr[i] == reader->shape.delimiter))
            return false;
    return true;
}

/* The row to give next: 1, 0 at the end. */
static int take_row(struct bulk_reader *reader, struct bulk_csv_row *ret_scanned,
                    struct bulk_row *ret_row, struct error *error)
{
    while (!reader->is_held) {
        int code = hold_row(reader, error);

        if (code <= 0)
            return code;
        if (is_blank(reader, reader->held_raw))
            code = bulk_blanks_hold(&reader->blanks, reader->held_raw, &reader->held,
                                    reader->held_line);
        else
            code = 0;
        if (code < 0)
            return error_set(error, code, "%s: no memory", file_name(reader));
        reader->is_held = code == 0;
    }
    if (bulk_blanks_take(&reader->blanks, &ret_row->raw, ret_scanned, &ret_row->line))
        return 1;
    reader->is_held = false;
    *ret_scanned = reader->held;
    ret_row->raw = reader->held_raw;
    ret_row->line = reader->held_line;
    return 1;
}

/*
 * A row with an unbalanced quote is as good as any when an address stands where it should: tab
 * separated lists know no quotes, and a mark of inches is one.
 */
static bool is_readable(struct slice address)
{
    struct address parsed;

    address = slice_trim(address);
    return address_parse(address.ptr, address.len, &parsed);
}

/* The cell with the address, where an unquoted delimiter moved it. */
static int heed_shift(struct bulk_reader *reader, struct slice *cell, struct bulk_row *row,
                      struct error *error)
{
    struct slice found = SLICE_EMPTY;
    enum bulk_shift shift =
        bulk_shift_find(&reader->format, &reader->shape, row->raw, *cell, reader->scratch, &found);

    if (shift == BULK_SHIFT_NOMEM)
        return error_set(error, ERROR_NOMEM, "%s: no memory for line %llu", file_name(reader),
                         (unsigned long long)row->line);
    if (shift == BULK_SHIFT_UNCLEAR)
        row->fault = fault_unclear;
    if (shift == BULK_SHIFT_FOUND)
        *cell = found;
    return 0;
}

static void keep_fault(struct bulk_reader *reader, const struct bulk_row *row)
{
    if (reader->fault_count < BULK_FAULTS_KEPT)
        reader->faults[reader->fault_count++] =
            (struct bulk_fault){row->line, row->file, row->fault};
}

static void keep_doubt(struct bulk_reader *reader, const struct bulk_row *row, const char *why)
{
    if (reader->doubt_count < BULK_FAULTS_KEPT)
        reader->doubts[reader->doubt_count] = (struct bulk_fault){row->line, row->file, why};
    reader->doubt_count++;
}

int bulk_reader_next(struct bulk_reader *reader, struct bulk_row *ret_row, struct error *error)
{
    struct bulk_csv_row scanned = {0};
    struct slice cell = SLICE_EMPTY;
    int code = take_row(reader, &scanned, ret_row, error);

    if (code <= 0)
        return code;
    ret_row->number = ++reader->number;
    ret_row->file = reader->files[reader->file];
    ret_row->fault = scanned.fault;
    if (reader->format.kind == BULK_KIND_NDJSON) {
        if (scanned.fault == NULL)
            ret_row->fault = read_field(reader, ret_row->raw, &cell);
    } else if (scanned.has_cell) {
        cell = scanned.cell;
    } else if (scanned.fault == NULL && ret_row->raw.len > 0) {
        ret_row->fault = fault_short;
    }
    if (scanned.has_cell && scanned.fault == NULL && bulk_shift_may_be(&reader->format, cell))
        code = heed_shift(reader, &cell, ret_row, error);
    else
        code = 0;
    if (code == 0)
        code = read_cell(reader, cell, ret_row->line, &ret_row->address, error);
    if (code != 0)
        return code;
    ret_row->is_unbalanced =
        scanned.is_unbalanced && scanned.has_cell && is_readable(ret_row->address);
    if (ret_row->is_unbalanced)
        ret_row->fault = NULL;
    if (ret_row->fault != NULL)
        keep_fault(reader, ret_row);
    else if (ret_row->is_unbalanced || scanned.is_joined)
        keep_doubt(reader, ret_row, scanned.is_joined ? doubt_joined : doubt_open);
    return 1;
}

bool bulk_fault_is_no_address(struct slice why)
{
    return slice_equal(why, slice_from_string(fault_short)) ||
           slice_equal(why, slice_from_string(fault_field));
}

size_t bulk_reader_faults(const struct bulk_reader *reader, const struct bulk_fault **ret_faults)
{
    *ret_faults = reader->faults;
    return reader->fault_count;
}

size_t bulk_reader_doubts(const struct bulk_reader *reader, const struct bulk_fault **ret_doubts,
                          uint64_t *ret_all)
{
    *ret_doubts = reader->doubts;
    *ret_all = reader->doubt_count;
    return reader->doubt_count < BULK_FAULTS_KEPT ? (size_t)reader->doubt_count : BULK_FAULTS_KEPT;
}

uint64_t bulk_reader_offset(const struct bulk_reader *reader)
{
    uint64_t here = 0;

    if (reader->source != NULL)
        here = bulk_source_offset(reader->source) -
               (bulk_source_container(reader->source) == BULK_CONTAINER_NONE
                    ? bulk_source_window(reader->source).len
                    : 0);
    if (reader->sheet != NULL)
        here = bulk_sheet_offset(reader->sheet);
    return reader->offset_before + here;
}

uint64_t bulk_reader_size(const struct bulk_reader *reader)
{
    return reader->is_size_known ? reader->size : 0;
}
