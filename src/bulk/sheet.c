#include "bulk/sheet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bulk/archive.h"
#include "bulk/csv.h"
#include "bulk/spool.h"
#include "bulk/strings.h"
#include "bulk/workbook.h"
#include "bulk/xstring.h"

#define COLUMNS_MAX 16384      /* of a sheet: XFD */
#define ROWS_MAX    (1U << 20) /* of one that any program could show */
#define GAP_MAX     1000       /* rows without text between others that are rows of the list */
#define VALUE_MAX                                                                                  \
    ((size_t)1 << 20) /* bytes of a cell that are kept; Excel's: 32,767 characters                 \
                       */

enum cell_type {
    CELL_NUMBER,
    CELL_SHARED, /* a number of a shared string */
    CELL_TEXT,   /* inline, of a formula, or ISO 8601 already */
    CELL_BOOLEAN,
    CELL_ERROR, /* "#N/A" */
};

struct bulk_sheet {
    struct arena arena;
    struct bulk_archive *archive;
    struct bulk_workbook workbook;
    struct bulk_strings *strings;
    struct bulk_part *part;

    /* the row under way */
    struct buffer row;
    bool has_row, has_text;
    uint64_t line;                       /* its number */
    uint64_t given;                      /* the number of the one last given; 0: none was */
    size_t place;                        /* of the next cell, if it says nothing else */
    size_t next_column;                  /* after the last cell that was written */
    bool is_full;                        /* BULK_CSV_ROW_MAX reached: cells are left out */
    bool has_unvalued;                   /* without it all below is zero */
    uint64_t unvalued[COLUMNS_MAX / 64]; /* columns whose value nobody knows, a bit each */
    /* the cell under way */
    enum cell_type type;
    size_t column;
    size_t style;
    struct buffer value, text; /* text: of one with escapes */
    unsigned value_depth, phonetic_depth;
    bool has_formula, has_value;
    bool lacks_string; /* there is no shared string of its number: the workbook is damaged */
};

/* "BC12": column 54 from 0; false when there are no letters. */
static bool column_of(const char *reference, size_t *ret_column)
{
    size_t column = 0;
    const char *at = reference;

    for (; ascii_is_alpha(*at) && column <= COLUMNS_MAX; at++)
        column = column * 26 + (size_t)(ascii_upper(*at) - 'A') + 1;
    *ret_column = column - 1;
    return at > reference;
}

static void begin_row(struct bulk_sheet *sheet, const char *const *attributes)
{
    const char *number = bulk_part_attribute(attributes, "r");
    uint64_t line;

    buffer_clear(&sheet->row);
    sheet->place = sheet->next_column = 0;
    sheet->has_text = sheet->is_full = false;
    if (sheet->has_unvalued)
        memset(sheet->unvalued, 0, sizeof(sheet->unvalued));
    sheet->has_unvalued = false;
    sheet->line++;
    if (number != NULL && slice_to_u64(slice_from_string(number), ROWS_MAX, &line) &&
        line > sheet->line)
        sheet->line = line;
}

static enum cell_type type_of(const char *name)
{
    if (name == NULL || strcmp(name, "n") == 0)
        return CELL_NUMBER;
    if (strcmp(name, "s") == 0)
        return CELL_SHARED;
    if (strcmp(name, "e") == 0)
        return CELL_ERROR;
    return strcmp(name, "b") == 0 ? CELL_BOOLEAN : CELL_TEXT;
}

static void begin_cell(struct bulk_sheet *sheet, const char *const *attributes)
{
    const char *reference = bulk_part_attribute(attributes, "r");
    const char *style = bulk_part_attribute(attributes, "s");
    size_t column;

    sheet->type = type_of(bulk_part_attribute(attributes, "t"));
    sheet->style = style != NULL ? strtoul(style, NULL, 10) : 0;
    sheet->column = sheet->place;
    if (reference != NULL && column_of(reference, &column) && column > sheet->column)
        sheet->column = column;
    sheet->value_depth = sheet->phonetic_depth = 0;
    sheet->has_formula = sheet->has_value = sheet->lacks_string = false;
    buffer_clear(&sheet->value);
}

/* <row r="2"><c r="A2" t="s" s="1"><v>0</v></c><c t="inlineStr"><is><t>text</t></is></c></row> */
static void on_begin(void *user, const char *name, const char *const *attributes)
{
    struct bulk_sheet *sheet = user;

    if (strcmp(name, "c") == 0)
        begin_cell(sheet, attributes);
    else if (strcmp(name, "v") == 0 || strcmp(name, "t") == 0)
        sheet->value_depth++, sheet->has_value = true;
    else if (strcmp(name, "rPh") == 0)
        sheet->phonetic_depth++;
    else if (strcmp(name, "f") == 0)
        sheet->has_formula = true;
    else if (strcmp(name, "row") == 0)
        begin_row(sheet, attributes);
}

static void on_text(void *user, struct slice text)
{
    struct bulk_sheet *sheet = user;

    if (sheet->value_depth == 0 || sheet->phonetic_depth > 0 ||
        sheet->value.len + text.len > VALUE_MAX)
        return;
    buffer_append_slice(&sheet->value, text);
}

/* A number as a person would read it: 15 digits, dates as dates. */
static struct slice number_text(const struct bulk_sheet *sheet, struct slice value, char out[40])
{
    enum workbook_date date = sheet->style < sheet->workbook.style_count
                                  ? sheet->workbook.styles[sheet->style]
                                  : WORKBOOK_NO_DATE;
    char copy[64], *end;
    double number;

    if (!slice_to_string(slice_trim(value), copy, sizeof(copy)) || copy[0] == '\0')
        return value;
    number = strtod(copy, &end);
    if (*end != '\0')
        return value;
    if (date != WORKBOOK_NO_DATE) {
        bulk_workbook_date(&sheet->workbook, date, number, out);
        if (out[0] != '\0')
            return slice_from_string(out);
    }
    snprintf(out, 40, "%.15g", number);
    return slice_from_string(out);
}

static struct slice shared_text(struct bulk_sheet *sheet, struct slice value)
{
    struct slice text;
    uint64_t index;

    if (value.len == 0)
        return SLICE_EMPTY;
    if (slice_to_u64(value, UINT32_MAX, &index) && bulk_strings_get(sheet->strings, index, &text))
        return bulk_xstring_text(slice_prefix(text, VALUE_MAX), &sheet->text);
    sheet->lacks_string = true;
    return SLICE_EMPTY;
}

static struct slice cell_text(struct bulk_sheet *sheet, char out[40])
{
    struct slice value = buffer_slice(&sheet->value);

    switch (sheet->type) {
    case CELL_NUMBER:
        return number_text(sheet, value, out);
    case CELL_SHARED:
        return shared_text(sheet, slice_trim(value));
    case CELL_BOOLEAN:
        return slice_equal(value, SLICE("1")) ? SLICE("TRUE") : SLICE("FALSE");
    default:
        return bulk_xstring_text(value, &sheet->text);
    }
}

/*
 * A text that is empty, too, is a value: that has a type. A number may be one that a program wrote
 * that doesn't calculate: 0, as XlsxWriter does, or what its caller liked.
 */
static bool lacks_value(const struct bulk_sheet *sheet)
{
    return sheet->type == CELL_ERROR || sheet->lacks_string ||
           (sheet->has_formula && (sheet->type == CELL_NUMBER || !sheet->has_value));
}

static void note_unvalued(struct bulk_sheet *sheet)
{
    sheet->has_text = true;
    if (sheet->column >= COLUMNS_MAX)
        return;
    sheet->unvalued[sheet->column / 64] |= UINT64_C(1) << sheet->column % 64;
    sheet->has_unvalued = true;
}

static void end_cell(struct bulk_sheet *sheet)
{
    char out[40];
    struct slice text = cell_text(sheet, out);

    sheet->place = sheet->column + 1;
    if (lacks_value(sheet))
        note_unvalued(sheet);
    if (sheet->row.failed || sheet->value.failed || sheet->text.failed) {
        bulk_part_fail(sheet->part, ERROR_NOMEM, "no memory");
        return;
    }
    if (text.len == 0 || sheet->column >= COLUMNS_MAX || sheet->is_full)
        return;
    if (sheet->row.len + text.len * 2 + COLUMNS_MAX > BULK_CSV_ROW_MAX) {
        sheet->is_full = true;
        return;
    }
    for (size_t i = sheet->next_column > 0 ? sheet->next_column - 1 : 0; i < sheet->column; i++)
        buffer_append_byte(&sheet->row, ',');
    bulk_csv_append_cell(&sheet->row, ',', text);
    sheet->next_column = sheet->column + 1;
    sheet->has_text = true;
    if (sheet->row.failed)
        bulk_part_fail(sheet->part, ERROR_NOMEM, "no memory");
}

static void on_end(void *user, const char *name)
{
    struct bulk_sheet *sheet = user;

    if (strcmp(name, "c") == 0) {
        end_cell(sheet);
    } else if (strcmp(name, "v") == 0 || strcmp(name, "t") == 0) {
        if (sheet->value_depth > 0)
            sheet->value_depth--;
    } else if (strcmp(name, "rPh") == 0) {
        if (sheet->phonetic_depth > 0)
            sheet->phonetic_depth--;
    } else if (strcmp(name, "row") == 0 && sheet->has_text) {
        /* Those without text wait for one with it: sheets end with thousands of them. */
        sheet->has_row = true;
        bulk_part_pause(sheet->part);
    }
}

int bulk_sheet_rewind(struct bulk_sheet *sheet, struct error *error)
{
    static const struct bulk_part_events events = {on_begin, on_end, on_text};

    bulk_part_close(sheet->part);
    sheet->part = NULL;
    sheet->line = sheet->given = 0;
    sheet->has_row = false;
    return bulk_part_open(sheet->archive, sheet->workbook.sheet_part, ARCHIVE_SHEET_MAX, &events,
                          sheet, &sheet->part, error);
}

static int open_archive(int fd, const char *name, const char *sheet_name,
                        struct bulk_sheet **ret_sheet, struct error *error)
{
    struct bulk_archive *archive;
    struct bulk_sheet *sheet;
    int code = bulk_archive_open(fd, name, &archive, error);

    if (code != 0)
        return code;
    sheet = memory_zalloc(1, sizeof(*sheet));
    if (sheet == NULL) {
        bulk_archive_close(archive);
        return error_set(error, ERROR_NOMEM, "%s: no memory to read it", name);
    }
    sheet->archive = archive;
    arena_init(&sheet->arena);
    buffer_init(&sheet->row, 0);
    buffer_init(&sheet->value, 0);
    buffer_init(&sheet->text, 0);
    code = bulk_workbook_read(archive, sheet_name, &sheet->arena, &sheet->workbook, error);
    if (code == 0)
        code = bulk_strings_read(archive, sheet->workbook.strings_part, &sheet->strings, error);
    if (code == 0)
        code = bulk_sheet_rewind(sheet, error);
    if (code != 0) {
        bulk_sheet_close(sheet);
        return code;
    }
    *ret_sheet = sheet;
    return 0;
}

int bulk_sheet_open(const char *path, const char *sheet_name, struct bulk_sheet **ret_sheet,
                    struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_set(error, ERROR_IO, "%s: can't be opened: %s", path, strerror(errno));
    return open_archive(fd, path, sheet_name, ret_sheet, error);
}

int bulk_sheet_open_source(struct bulk_source *source, const char *name, const char *sheet_name,
                           struct bulk_sheet **ret_sheet, struct error *error)
{
    int fd, code = bulk_spool_source(source, &fd, error);

    return code == 0 ? open_archive(fd, name, sheet_name, ret_sheet, error) : code;
}

void bulk_sheet_close(struct bulk_sheet *sheet)
{
    if (sheet == NULL)
        return;
    bulk_part_close(sheet->part);
    bulk_strings_free(sheet->strings);
    bulk_archive_close(sheet->archive);
    buffer_done(&sheet->row);
    buffer_done(&sheet->value);
    buffer_done(&sheet->text);
    arena_done(&sheet->arena);
    memory_free(sheet);
}

const char *bulk_sheet_name(const struct bulk_sheet *sheet)
{
    return sheet->workbook.sheet_name;
}

size_t bulk_sheet_others(const struct bulk_sheet *sheet)
{
    return sheet->workbook.others;
}

int bulk_sheet_next(struct bulk_sheet *sheet, struct slice *ret_raw, uint64_t *ret_line,
                    const char **ret_fault, struct error *error)
{
    int code = sheet->has_row ? 0 : bulk_part_run(sheet->part, error);

    if (code < 0)
        return code;
    *ret_fault = NULL;
    if (!sheet->has_row) {
        *ret_line = sheet->line + 1;
        return 0;
    }
    /* A note in the sheet's last row makes no list of a million: nobody left so many blank. */
    if (sheet->given + GAP_MAX + 1 < sheet->line)
        sheet->given = sheet->line - 1;
    if (sheet->given > 0 && sheet->given + 1 < sheet->line) {
        *ret_raw = SLICE_EMPTY;
        *ret_line = ++sheet->given;
        return 1;
    }
    sheet->has_row = false;
    sheet->given = sheet->line;
    *ret_raw = buffer_slice(&sheet->row);
    *ret_line = sheet->line;
    if (sheet->is_full)
        *ret_fault = "longer than 16 MiB: cut";
    return 1;
}

bool bulk_sheet_lacks(const struct bulk_sheet *sheet, size_t column)
{
    return column < COLUMNS_MAX && sheet->given == sheet->line &&
           (sheet->unvalued[column / 64] >> column % 64 & 1) != 0;
}

uint64_t bulk_sheet_offset(const struct bulk_sheet *sheet)
{
    return sheet->part != NULL ? bulk_part_packed_offset(sheet->part) : 0;
}

uint64_t bulk_sheet_size(const struct bulk_sheet *sheet)
{
    return sheet->part != NULL ? bulk_part_packed_size(sheet->part) : 0;
}
