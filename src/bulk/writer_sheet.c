/*
 * Rows as a workbook (ECMA-376: SpreadsheetML in a ZIP package), a row at a time.
 *
 * Written by ourselves: the library that did so gathers sheets in temporary files and does not
 * notice when their disk is full, so that rows were missing and nobody was told. Text stands in its
 * cell, not in a table of shared strings, so that memory does not grow with the list, and all of it
 * goes to the output's own file, whose errors are heard. What names the sheets comes behind them,
 * when it is known how many there are.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "bulk/format.h"
#include "bulk/writer_internal.h"
#include "bulk/xstring.h"
#include "bulk/zip.h"

#define LETTERS_MAX 32767u /* of a cell, in UTF-16 units */
#define XML_AT_ONCE ((size_t)64 << 10)

#define DECLARATION   "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define SPREADSHEET   "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define RELATION      "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define PACKAGE       "http://schemas.openxmlformats.org/package/2006/"
#define CONTENT       "application/vnd.openxmlformats-officedocument.spreadsheetml."
#define RELATIONSHIPS "<Relationships xmlns=\"" PACKAGE "relationships\">"

static const char package_relations[] =
    DECLARATION RELATIONSHIPS "<Relationship Id=\"rId1\" Type=\"" RELATION "/officeDocument\""
                              " Target=\"xl/workbook.xml\"/></Relationships>";
/* All parts of which it says nothing else are sheets. First in the archive, by which others tell
   workbooks from archives. */
static const char content_types[] = DECLARATION
    "<Types xmlns=\"" PACKAGE "content-types\">"
    "<Default Extension=\"rels\" "
    "ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
    "<Default Extension=\"xml\" ContentType=\"" CONTENT "worksheet+xml\"/>"
    "<Override PartName=\"/xl/workbook.xml\" ContentType=\"" CONTENT "sheet.main+xml\"/>"
    "<Override PartName=\"/xl/styles.xml\" ContentType=\"" CONTENT "styles+xml\"/></Types>";
/* Two styles: 0 is usual, 1 the header's. */
static const char styles[] = DECLARATION
    "<styleSheet xmlns=\"" SPREADSHEET "\">"
    "<fonts count=\"2\">"
    "<font><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font>"
    "<font><b/><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font></fonts>"
    "<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>"
    "<fill><patternFill patternType=\"gray125\"/></fill></fills>"
    "<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border>"
    "</borders><cellStyleXfs count=\"1\">"
    "<xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>"
    "<cellXfs count=\"2\">"
    "<xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>"
    "<xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\""
    " applyFont=\"1\"/></cellXfs><cellStyles count=\"1\">"
    "<cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles></styleSheet>";

struct writer_sheet {
    struct writer_context *context;
    struct bulk_zip *zip;
    char *path;        /* for messages */
    struct buffer xml; /* to be packed */
    uint64_t octets;   /* of XML that this sheet has, packed */
    uint32_t row;      /* the next, from 0 */
    char digits[12];   /* its number, from 1 */
    unsigned number;   /* of the sheet, from 1 */
    uint64_t cut;      /* cells that are not whole, or left out */
};

static int no_memory(const struct writer_sheet *sheet, struct error *error)
{
    return error_set(error, ERROR_NOMEM, "%s: no memory for row %u", sheet->path,
                     (unsigned)sheet->row + 1);
}

/* --- parts of the package -------------------------------------------------------------------- */

/* What the archive says, with the output's name. */
static int told(const struct writer_sheet *sheet, int code, const struct error *inner,
                struct error *error)
{
    return code != 0 ? error_set(error, code, "%s: %s", sheet->path, inner->message) : 0;
}

static int begin_part(struct writer_sheet *sheet, const char *name, struct error *error)
{
    struct error inner = {0};

    return told(sheet, bulk_zip_begin(sheet->zip, name, 0, &inner), &inner, error);
}

/* Pack what has come together, if it is so much. */
static int pack(struct writer_sheet *sheet, size_t at_least, struct error *error)
{
    struct error inner = {0};
    int code = 0;

    if (sheet->xml.failed)
        return no_memory(sheet, error);
    if (sheet->xml.len < at_least)
        return 0;
    code = bulk_zip_write(sheet->zip, buffer_slice(&sheet->xml), &inner);
    sheet->octets += sheet->xml.len;
    buffer_clear(&sheet->xml);
    return told(sheet, code, &inner, error);
}

static int end_part(struct writer_sheet *sheet, struct error *error)
{
    struct error inner = {0};
    int code = pack(sheet, 1, error);

    return code == 0 ? told(sheet, bulk_zip_end(sheet->zip, &inner), &inner, error) : code;
}

static int put_part(struct writer_sheet *sheet, const char *name, const char *xml,
                    struct error *error)
{
    int code = begin_part(sheet, name, error);

    buffer_append_string(&sheet->xml, xml);
    return code == 0 ? end_part(sheet, error) : code;
}

/* --- cells ----------------------------------------------------------------------------------- */

/* What XML can't hold though it is a letter: spreadsheets write it as "_x0001_". */
static bool is_escaped(uint32_t code)
{
    return code < 0x20 && code != '\t' && code != '\n';
}

/* Would the underscore be taken for the beginning of such a letter, perhaps one that ends with the
   first underscore of another? */
static bool looks_escaped(struct slice bytes)
{
    char letters[XSTRING_ESCAPE_LEN];
    uint16_t unit;

    if (bytes.len < sizeof(letters))
        return false;
    memcpy(letters, bytes.ptr, sizeof(letters));
    if (is_escaped((unsigned char)letters[sizeof(letters) - 1]))
        letters[sizeof(letters) - 1] = '_';
    return bulk_xstring_escape(slice_from(letters, sizeof(letters)), &unit);
}

/* A letter as XML has it; what XML can't hold as spreadsheets write it, or not at all. `bytes`:
   from the letter on, `size` of them its own. */
static void put_letter(struct buffer *out, struct slice bytes, size_t size, uint32_t code)
{
    if (size == 0 || code == 0 || code == 0xfffe || code == 0xffff)
        buffer_append(out, "\xef\xbf\xbd", 3);
    else if (is_escaped(code))
        buffer_printf(out, "_x%04X_", (unsigned)code);
    else if (code == '_' && looks_escaped(bytes))
        buffer_append_string(out, "_x005F_");
    else if (code == '&')
        buffer_append_string(out, "&amp;");
    else if (code == '<')
        buffer_append_string(out, "&lt;");
    else if (code == '>')
        buffer_append_string(out, "&gt;");
    else
        buffer_append(out, bytes.ptr, size);
}

/* Letters from the beginning on, no more than `most`, that stand in XML as they are. */
static size_t plain_len(struct slice text, size_t most)
{
    size_t len = 0;

    while (len < text.len && len < most && text.ptr[len] >= ' ' && text.ptr[len] != '&' &&
           text.ptr[len] != '<' && text.ptr[len] != '>' && text.ptr[len] != '_' &&
           (unsigned char)text.ptr[len] < 0x80)
        len++;
    return len;
}

/* Text as the format can hold it: valid UTF-8, no NUL, not longer than a cell may be. False: it was
   longer. */
static bool put_fit(struct buffer *out, struct slice text)
{
    size_t units = 0, at = 0;

    while (at < text.len && units < LETTERS_MAX) {
        size_t plain = plain_len(slice_from_offset(text, at), LETTERS_MAX - units), size;
        uint32_t code = 0;

        buffer_append(out, text.ptr + at, plain);
        units += plain;
        at += plain;
        if (at == text.len || units == LETTERS_MAX)
            break;
        size = utf8_decode(text.ptr + at, text.len - at, &code);
        units += code > 0xffff ? 2 : 1;
        if (units > LETTERS_MAX)
            break;
        put_letter(out, slice_from_offset(text, at), size, code);
        at += size > 0 ? size : 1;
    }
    return at >= text.len;
}

/* A number that says nothing else than its digits: "00123" and "1e5" stay text. */
static bool is_plain_number(struct slice text)
{
    char copy[20], back[40];
    double number;
    char *end;

    if (text.len == 0 || text.len > 15 || !slice_to_string(text, copy, sizeof(copy)))
        return false;
    number = strtod(copy, &end);
    snprintf(back, sizeof(back), "%.15g", number);
    /* "nan" and "inf" are words. */
    return *end == '\0' && isfinite(number) && strcmp(copy, back) == 0;
}

/* "A7", "AB12" */
static void put_place(struct writer_sheet *sheet, size_t column)
{
    char letters[8];
    size_t at = sizeof(letters);

    for (size_t left = column + 1; left > 0; left = (left - 1) / 26)
        letters[--at] = (char)('A' + (left - 1) % 26);
    buffer_append(&sheet->xml, letters + at, sizeof(letters) - at);
    buffer_append_string(&sheet->xml, sheet->digits);
}

static bool is_blank(char letter)
{
    return letter == ' ' || letter == '\t' || letter == '\n';
}

static void put_cell(struct writer_sheet *sheet, size_t column, struct slice text,
                     bool may_be_number, bool is_header)
{
    struct buffer *xml = &sheet->xml;

    if (text.len == 0 || column >= WRITER_SHEET_COLUMNS) {
        sheet->cut += text.len > 0;
        return;
    }
    buffer_append_string(xml, "<c r=\"");
    put_place(sheet, column);
    if (may_be_number && is_plain_number(text)) {
        buffer_append_string(xml, "\"><v>");
        buffer_append_slice(xml, text);
        buffer_append_string(xml, "</v></c>");
        return;
    }
    buffer_append_string(xml, is_header ? "\" s=\"1\" t=\"inlineStr\"><is><t"
                                        : "\" t=\"inlineStr\"><is><t");
    buffer_append_string(xml, is_blank(text.ptr[0]) || is_blank(text.ptr[text.len - 1])
                                  ? " xml:space=\"preserve\">"
                                  : ">");
    sheet->cut += !put_fit(xml, text);
    buffer_append_string(xml, "</t></is></c>");
}

static void begin_row(struct writer_sheet *sheet)
{
    snprintf(sheet->digits, sizeof(sheet->digits), "%u", (unsigned)sheet->row + 1);
    buffer_append_string(&sheet->xml, "<row r=\"");
    buffer_append_string(&sheet->xml, sheet->digits);
    buffer_append_string(&sheet->xml, "\">");
}

static int end_row(struct writer_sheet *sheet, struct error *error)
{
    buffer_append_string(&sheet->xml, "</row>");
    sheet->row++;
    return pack(sheet, XML_AT_ONCE, error);
}

static int put_header(struct writer_sheet *sheet, struct error *error)
{
    const struct writer_context *context = sheet->context;
    size_t column = 0;

    begin_row(sheet);
    for (size_t i = 0; i < context->column_count; i++)
        put_cell(sheet, column++, context->columns[i], false, true);
    for (size_t i = 0; i < APPENDED_COLUMN_COUNT; i++)
        if (context->names.names[i] != NULL)
            put_cell(sheet, column++, slice_from_string(context->names.names[i]), false, true);
    return end_row(sheet, error);
}

/* What stands above the header. */
static int put_lead(struct writer_sheet *sheet, struct error *error)
{
    struct writer_context *context = sheet->context;
    struct slice rest = context->lead, row, cell, text;
    struct bulk_csv_row found;
    size_t quiet = 0;
    int code = 0;

    while (code == 0 && rest.len > 0 &&
           bulk_csv_scan(&context->shape, rest.ptr, rest.len, true, 0, &quiet, &found)) {
        size_t column = 0;

        row = slice_prefix(rest, found.raw_len);
        rest = slice_from_offset(rest, found.next);
        begin_row(sheet);
        while (bulk_csv_next_cell(&context->shape, &row, &cell)) {
            if (!bulk_format_text(&context->input, cell, context->scratch, &text))
                return no_memory(sheet, error);
            put_cell(sheet, column++, text, false, false);
        }
        code = end_row(sheet, error);
    }
    return code;
}

/* --- sheets ---------------------------------------------------------------------------------- */

static int end_sheet(struct writer_sheet *sheet, struct error *error)
{
    buffer_append_string(&sheet->xml, "</sheetData></worksheet>");
    return end_part(sheet, error);
}

/* Rows that stay in sight: the header and what stands above it. */
static unsigned fixed_rows(const struct writer_context *context)
{
    struct slice rest = context->lead;
    struct bulk_csv_row found;
    unsigned rows = 1;
    size_t quiet = 0;

    while (rest.len > 0 &&
           bulk_csv_scan(&context->shape, rest.ptr, rest.len, true, 0, &quiet, &found)) {
        rest = slice_from_offset(rest, found.next);
        rows++;
    }
    return rows;
}

/* One sheet more, with the header again, and what stands above it: what does not fit into one goes
 * on in the next. */
static int add_sheet(struct writer_sheet *sheet, struct error *error)
{
    size_t columns = sheet->context->column_count + APPENDED_COLUMN_COUNT;
    int code = sheet->number > 0 ? end_sheet(sheet, error) : 0;
    char name[48];

    if (code != 0)
        return code;
    sheet->row = 0;
    sheet->octets = 0;
    snprintf(name, sizeof(name), "xl/worksheets/sheet%u.xml", ++sheet->number);
    code = begin_part(sheet, name, error);
    if (code != 0)
        return code;
    buffer_printf(&sheet->xml,
                  DECLARATION "<worksheet xmlns=\"" SPREADSHEET "\"><sheetViews><sheetView%s "
                              "workbookViewId=\"0\">",
                  sheet->number == 1 ? " tabSelected=\"1\"" : "");
    if (sheet->context->has_header)
        buffer_printf(&sheet->xml,
                      "<pane ySplit=\"%u\" topLeftCell=\"A%u\" activePane=\"bottomLeft\" "
                      "state=\"frozen\"/><selection pane=\"bottomLeft\"/>",
                      fixed_rows(sheet->context), fixed_rows(sheet->context) + 1);
    buffer_printf(&sheet->xml,
                  "</sheetView></sheetViews><sheetFormatPr defaultRowHeight=\"15\"/><cols>"
                  "<col min=\"1\" max=\"%zu\" width=\"18.7109375\" customWidth=\"1\"/></cols>"
                  "<sheetData>",
                  columns < WRITER_SHEET_COLUMNS ? columns : WRITER_SHEET_COLUMNS);
    code = put_lead(sheet, error);
    return code == 0 && sheet->context->has_header ? put_header(sheet, error) : code;
}

int writer_sheet_open(int fd, const char *path, struct writer_context *context,
                      struct writer_sheet **ret_sheet, struct error *error)
{
    struct writer_sheet *sheet = memory_zalloc(1, sizeof(*sheet));
    struct error inner = {0};
    int code = 0;

    if (sheet == NULL)
        return error_set(error, ERROR_NOMEM, "%s: no memory to write it", path);
    sheet->context = context;
    buffer_init(&sheet->xml, 0);
    if (strcmp(path, "-") == 0)
        path = "standard output";
    sheet->path = memory_copy_string(path, strlen(path));
    if (sheet->path == NULL)
        code = error_set(error, ERROR_NOMEM, "%s: no memory to write it", path);
    if (code == 0) /* the same list is the same file: no time */
        code = told(sheet, bulk_zip_open(fd, 0, &sheet->zip, &inner), &inner, error);
    if (code == 0)
        code = put_part(sheet, "[Content_Types].xml", content_types, error);
    if (code == 0)
        code = put_part(sheet, "_rels/.rels", package_relations, error);
    if (code == 0)
        code = put_part(sheet, "xl/styles.xml", styles, error);
    if (code == 0)
        code = add_sheet(sheet, error);
    if (code != 0) {
        writer_sheet_abandon(sheet);
        return code;
    }
    *ret_sheet = sheet;
    return 0;
}

/* Cells of a table from *rest: the columns' own (`beyond` 0), or what stands beyond them, behind
   ours. */
static bool put_cells(struct writer_sheet *sheet, struct slice *rest, size_t *index, size_t until,
                      size_t beyond)
{
    struct writer_context *context = sheet->context;
    bool has_numbers = context->input.kind == BULK_KIND_XLSX;
    struct slice cell, text;

    while (*index < until && rest->len > 0 && bulk_csv_next_cell(&context->shape, rest, &cell)) {
        if (!bulk_format_text(&context->input, cell, context->scratch, &text))
            return false;
        put_cell(sheet, (*index)++ + beyond, text, has_numbers, false);
    }
    return true;
}

static void put_ours(struct writer_sheet *sheet, size_t *column)
{
    struct writer_context *context = sheet->context;

    for (size_t i = 0; i < APPENDED_COLUMN_COUNT; i++)
        if (context->names.names[i] != NULL)
            put_cell(sheet, (*column)++, context->cells.cells[i], i == APPENDED_SCORE, false);
}

int writer_sheet_put(struct writer_sheet *sheet, const struct bulk_row *row,
                     const struct bulk_outcome *outcome, struct error *error)
{
    struct writer_context *context = sheet->context;
    bool is_full = sheet->row >= context->sheet_rows ||
                   sheet->octets + sheet->xml.len >= context->sheet_octets;
    size_t width = context->column_count, column = width, index = 0;
    struct slice rest = row->raw;
    int code = is_full ? add_sheet(sheet, error) : 0;

    if (code != 0)
        return code;
    if (!appended_fill(&context->cells, context->dialect, row, outcome))
        return no_memory(sheet, error);
    begin_row(sheet);
    if (!context->shape.quotes) {
        put_cell(sheet, 0, row->address, false, false);
        if (context->input.kind == BULK_KIND_NDJSON)
            put_cell(sheet, 1, row->raw, false, false);
    } else if (!put_cells(sheet, &rest, &index, width, 0)) {
        return no_memory(sheet, error);
    }
    put_ours(sheet, &column);
    if (context->shape.quotes && index == width &&
        !put_cells(sheet, &rest, &index, WRITER_SHEET_COLUMNS, column - width))
        return no_memory(sheet, error);
    return end_row(sheet, error);
}

unsigned writer_sheet_number(const struct writer_sheet *sheet)
{
    return sheet->number;
}

uint64_t writer_sheet_cut(const struct writer_sheet *sheet)
{
    return sheet->cut;
}

/* --- what names the sheets ------------------------------------------------------------------- */

static int put_workbook(struct writer_sheet *sheet, struct error *error)
{
    struct buffer *xml = &sheet->xml;
    int code = begin_part(sheet, "xl/workbook.xml", error);

    buffer_append_string(xml, DECLARATION "<workbook xmlns=\"" SPREADSHEET "\" xmlns:r=\"" RELATION
                                          "\"><bookViews><workbookView/></bookViews><sheets>");
    for (unsigned i = 1; i <= sheet->number; i++)
        buffer_printf(xml, "<sheet name=\"Sheet%u\" sheetId=\"%u\" r:id=\"rId%u\"/>", i, i, i);
    buffer_append_string(xml, "</sheets></workbook>");
    return code == 0 ? end_part(sheet, error) : code;
}

static int put_relations(struct writer_sheet *sheet, struct error *error)
{
    struct buffer *xml = &sheet->xml;
    int code = begin_part(sheet, "xl/_rels/workbook.xml.rels", error);

    buffer_append_string(xml, DECLARATION RELATIONSHIPS);
    for (unsigned i = 1; i <= sheet->number; i++)
        buffer_printf(xml,
                      "<Relationship Id=\"rId%u\" Type=\"" RELATION
                      "/worksheet\" Target=\"worksheets/sheet%u.xml\"/>",
                      i, i);
    buffer_printf(xml,
                  "<Relationship Id=\"rId%u\" Type=\"" RELATION
                  "/styles\" Target=\"styles.xml\"/></Relationships>",
                  sheet->number + 1);
    return code == 0 ? end_part(sheet, error) : code;
}

int writer_sheet_finish(struct writer_sheet *sheet, struct error *error)
{
    struct error inner = {0};
    int code = end_sheet(sheet, error);

    if (code == 0)
        code = put_workbook(sheet, error);
    if (code == 0)
        code = put_relations(sheet, error);
    if (code == 0)
        code = told(sheet, bulk_zip_finish(sheet->zip, &inner), &inner, error);
    writer_sheet_abandon(sheet);
    return code;
}

void writer_sheet_abandon(struct writer_sheet *sheet)
{
    if (sheet == NULL)
        return;
    bulk_zip_close(sheet->zip);
    buffer_done(&sheet->xml);
    memory_free(sheet->path);
    memory_free(sheet);
}
