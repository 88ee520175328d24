#include "bulk/reader.h"

#include "address/address.h"
#include "base/memory.h"
#include "bulk/blanks.h"
#include "bulk/files.h"
#include "bulk/format.h"
#include "bulk/ndjson.h"
#include "bulk/several.h"
#include "bulk/shift.h"

#define BLANK_MAX 4096 /* octets of a row without anything in it */

static const char fault_short[] = "too few columns: there is none for the address";
static const char fault_object[] = "not a JSON object";
static const char fault_field[] = "the object lacks the field";
/* The same where an address may stand all the same: by their first words people know them. */
static const char fault_short_at[] = "too few columns: an address may stand elsewhere in the row";
static const char fault_field_at[] =
    "the object lacks the field: an address may stand elsewhere in it";
static const char fault_nested_at[] = "the field holds no text: an address may stand within it";
static const char fault_unclear[] =
    "more cells than other rows: which of them is the address can't be told";
static const char fault_several[] =
    "several addresses in one cell: which of them is the row's can't be told";
static const char fault_kept[] =
    "no address, and no header like that of the first list: it was taken for a row";
static const char fault_beside[] =
    "other text beside the address in its cell, as if it were a whole row";
static const char fault_return[] =
    "a line end of another kind in the address's cell: two rows may stand in one";
static const char doubt_open[] = "a quote is never closed: it was taken for a letter";
static const char doubt_joined[] =
    "lines that look like rows were taken for the text of one cell, as its quotes are closed";

struct bulk_reader {
    struct bulk_files files;

    /* Blank rows that are rows if another follows, and the row that came after them. */
    struct bulk_blanks blanks;
    struct bulk_csv_row held;
    struct slice held_raw;
    bool is_held;

    uint64_t number;
    struct bulk_fault faults[BULK_FAULTS_KEPT];
    size_t fault_count;
    struct bulk_fault doubts[BULK_FAULTS_KEPT];
    uint64_t doubt_count; /* all of them */
    struct buffer scratch[2];
};

static int open_reader(const char *const *paths, size_t count, struct slice bytes, size_t piece,
                       const struct bulk_format *wanted, struct bulk_reader **ret_reader,
                       struct error *error)
{
    struct bulk_reader *reader = memory_zalloc(1, sizeof(*reader));
    int code;

    if (reader == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to read a list");
    bulk_blanks_init(&reader->blanks);
    buffer_init(&reader->scratch[0], 0);
    buffer_init(&reader->scratch[1], 0);
    code = bulk_files_open(&reader->files, paths, count, bytes, piece, wanted, error);
    if (code != 0) {
        bulk_reader_close(reader);
        return code;
    }
    *ret_reader = reader;
    return 0;
}

int bulk_reader_open(const char *const *files, size_t file_count, const struct bulk_format *wanted,
                     struct bulk_reader **ret_reader, struct error *error)
{
    if (file_count == 0)
        return error_set(error, ERROR_USAGE, "no list was named");
    return open_reader(files, file_count, (struct slice){NULL, 0}, 0, wanted, ret_reader, error);
}

int bulk_reader_open_bytes(const char *name, struct slice bytes, size_t piece,
                           const struct bulk_format *wanted, struct bulk_reader **ret_reader,
                           struct error *error)
{
    if (bytes.ptr == NULL)
        bytes = SLICE_EMPTY;
    return open_reader(&name, 1, bytes, piece, wanted, ret_reader, error);
}

void bulk_reader_close(struct bulk_reader *reader)
{
    if (reader == NULL)
        return;
    bulk_files_done(&reader->files);
    bulk_blanks_done(&reader->blanks);
    buffer_done(&reader->scratch[0]);
    buffer_done(&reader->scratch[1]);
    memory_free(reader);
}

const struct bulk_format *bulk_reader_format(const struct bulk_reader *reader)
{
    return &reader->files.format;
}

struct slice bulk_reader_header(const struct bulk_reader *reader)
{
    return buffer_slice(&reader->files.header);
}

struct slice bulk_reader_lead(const struct bulk_reader *reader)
{
    return buffer_slice(&reader->files.lead);
}

static int no_memory(const struct bulk_reader *reader, uint64_t line, struct error *error)
{
    return error_set(error, ERROR_NOMEM, "%s: no memory for line %llu", reader->files.scanner.name,
                     (unsigned long long)line);
}

/* As it is, or as JSON may have it. */
static bool has_at(struct slice text)
{
    return slice_find_byte(text, '@') >= 0 || slice_find(text, SLICE("\\u0040")) >= 0;
}

static const char *read_field(const struct bulk_reader *reader, struct slice raw,
                              struct slice *ret_value)
{
    if (slice_trim(raw).len == 0)
        return NULL;
    if (ndjson_find(raw, slice_from_string(reader->files.format.column_name), ret_value))
        return (ret_value->ptr[0] == '{' || ret_value->ptr[0] == '[') && has_at(*ret_value)
                   ? fault_nested_at
                   : NULL;
    if (!ndjson_is_object(raw))
        return fault_object;
    return has_at(raw) ? fault_field_at : fault_field;
}

/* The next row of this file or of a later one, held; 1, 0 after the last. */
static int hold_row(struct bulk_reader *reader, struct error *error)
{
    struct bulk_scanner *scanner = &reader->files.scanner;

    for (;;) {
        int code = bulk_scanner_next(scanner, &reader->held, &reader->held_raw, error);

        if (code != 0)
            return code;
        bulk_blanks_drop(&reader->blanks);
        code = bulk_files_turn(&reader->files, error);
        if (code <= 0)
            return code;
    }
}

static bool is_blank(const struct bulk_reader *reader, struct slice raw)
{
    if (raw.len > BLANK_MAX || reader->held.fault != NULL)
        return false;
    for (size_t i = 0; i < raw.len; i++)
        if (raw.ptr[i] != ' ' && raw.ptr[i] != '\t' && raw.ptr[i] != '\0' &&
            raw.ptr[i] != '\x1a' && /* the end of a file of DOS */
            !(reader->files.scanner.shape.quotes &&
              raw.ptr[i] == reader->files.scanner.shape.delimiter))
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
                                    reader->files.scanner.row_line);
        else
            code = 0;
        if (code < 0)
            return error_set(error, code, "%s: no memory", reader->files.scanner.name);
        reader->is_held = code == 0;
    }
    if (bulk_blanks_take(&reader->blanks, &ret_row->raw, ret_scanned, &ret_row->line))
        return 1;
    reader->is_held = false;
    *ret_scanned = reader->held;
    ret_row->raw = reader->held_raw;
    ret_row->line = reader->files.scanner.row_line;
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

/* As where one line of many ends by CR alone. */
static bool has_lone_return(struct slice address)
{
    ptrdiff_t at;

    address = slice_trim(address);
    at = slice_find_byte(address, '\r');
    return at >= 0 && address.ptr[at + 1] != '\n' && slice_find_byte(address, '@') >= 0;
}

static bool is_divider(char c)
{
    return c == ';' || c == ',' || c == '\t' || c == '|';
}

static bool is_edge(char c)
{
    return is_divider(c) || c == ' ' || c == '"';
}

/*
 * One cell where others have several: as of a list with another delimiter, added to this one. A
 * stray delimiter with nothing beside it divides nothing: the address is told of ("a@b.example;").
 */
static bool is_otherwise_divided(const struct bulk_reader *reader, struct slice raw,
                                 struct slice cell)
{
    const struct bulk_format *format = &reader->files.format;

    if (format->kind != BULK_KIND_CSV || format->columns <= 1 || cell.len != raw.len ||
        slice_find_byte(cell, '@') < 0 || is_readable(cell))
        return false;
    while (cell.len > 0 && is_edge(cell.ptr[0]))
        cell = slice_from_offset(cell, 1);
    while (cell.len > 0 && is_edge(cell.ptr[cell.len - 1]))
        cell.len--;
    for (size_t i = 0; i < cell.len; i++)
        if (is_divider(cell.ptr[i]))
            return true;
    return false;
}

const char *bulk_fault_of_address(struct slice address)
{
    if (bulk_has_several(address))
        return fault_several;
    if (bulk_has_beside(address))
        return fault_beside;
    return has_lone_return(address) ? fault_return : NULL;
}

/* The cell with the address, where an unquoted delimiter moved it. */
static int heed_shift(struct bulk_reader *reader, struct slice *cell, struct bulk_row *row,
                      struct error *error)
{
    struct slice found = SLICE_EMPTY;
    enum bulk_shift shift = bulk_shift_find(&reader->files.format, &reader->files.scanner.shape,
                                            row->raw, *cell, reader->scratch, &found);

    if (shift == BULK_SHIFT_NOMEM)
        return no_memory(reader, row->line, error);
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
    ret_row->file = reader->files.paths[reader->files.current];
    ret_row->fault = scanned.fault;
    if (reader->files.format.kind == BULK_KIND_NDJSON) {
        if (scanned.fault == NULL)
            ret_row->fault = read_field(reader, ret_row->raw, &cell);
    } else if (scanned.has_cell) {
        cell = scanned.cell;
        if (scanned.fault == NULL && is_otherwise_divided(reader, ret_row->raw, cell))
            ret_row->fault = fault_short_at;
    } else if (scanned.fault == NULL && ret_row->raw.len > 0) {
        if (has_at(ret_row->raw))
            ret_row->fault = fault_short_at;
        else if (reader->files.format.kind != BULK_KIND_XLSX) /* there they are empty ones */
            ret_row->fault = fault_short;
    }
    if (scanned.has_cell && scanned.fault == NULL && bulk_shift_may_be(&reader->files.format, cell))
        code = heed_shift(reader, &cell, ret_row, error);
    else
        code = 0;
    if (code != 0)
        return code;
    if (!bulk_format_text(&reader->files.format, cell, reader->scratch, &ret_row->address))
        return no_memory(reader, ret_row->line, error);
    if (ret_row->fault == fault_short_at && bulk_has_several(ret_row->address))
        ret_row->fault = fault_several;
    if (ret_row->fault == NULL)
        ret_row->fault = bulk_fault_of_address(ret_row->address);
    if (ret_row->fault == NULL && ret_row->line == reader->files.kept_line)
        ret_row->fault = fault_kept;
    ret_row->is_unbalanced =
        scanned.is_unbalanced && scanned.has_cell && is_readable(ret_row->address);
    if (ret_row->is_unbalanced)
        ret_row->fault = NULL;
    if (ret_row->fault != NULL)
        keep_fault(reader, ret_row);
    ret_row->is_doubtful = ret_row->fault == NULL && (ret_row->is_unbalanced || scanned.is_joined);
    if (ret_row->is_doubtful)
        keep_doubt(reader, ret_row, scanned.is_joined ? doubt_joined : doubt_open);
    return 1;
}

/*
 * By its words, as a store keeps nothing else of a fault, for people to read. A kind beside them
 * would be a column more in every store, and rows of earlier versions would have none: there the
 * words would be asked all the same. So they don't change, and job_mend_test.c holds them to it.
 */
bool bulk_fault_is_no_address(struct slice why)
{
    return slice_equal(why, slice_from_string(fault_short)) ||
           slice_equal(why, slice_from_string(fault_kept)) ||
           slice_equal(why, slice_from_string(fault_field));
}

struct slice bulk_fault_by_row(struct slice why, struct slice raw)
{
    if (!has_at(raw))
        return why;
    if (slice_equal(why, slice_from_string(fault_short)))
        return slice_from_string(fault_short_at);
    if (slice_equal(why, slice_from_string(fault_field)))
        return slice_from_string(fault_field_at);
    return why;
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
    return bulk_files_offset(&reader->files);
}

uint64_t bulk_reader_size(const struct bulk_reader *reader)
{
    return reader->files.is_size_known ? reader->files.size : 0;
}
