/* Tests of XLSX: workbooks made by hand as others write them, hostile ones, and our own read back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "bulk/job_export.h"
#include "bulk/reader.h"
#include "bulk/workbook.h"
#include "bulk/writer.h"

static char folder[] = "/tmp/mk-sheet-XXXXXX";
static char path[64], path_out[64];

static int make_folder(void **state)
{
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/in.xlsx", folder);
    snprintf(path_out, sizeof(path_out), "%s/out.xlsx", folder);
    return 0;
}

static int remove_folder(void **state)
{
    unlink(path);
    unlink(path_out);
    return rmdir(folder);
}

#define LETTERS_50 "12345678901234567890123456789012345678901234567890"
#define LETTERS_500                                                                                \
    LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50        \
        LETTERS_50 LETTERS_50

struct part {
    const char *name, *text;
};

static void write_zip(const struct part *parts, size_t count)
{
    int number;
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &number);

    assert_non_null(zip);
    for (size_t i = 0; i < count; i++) {
        zip_source_t *source = zip_source_buffer(zip, parts[i].text, strlen(parts[i].text), 0);

        assert_true(zip_file_add(zip, parts[i].name, source, 0) >= 0);
    }
    assert_int_equal(zip_close(zip), 0);
}

#define MAIN      "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define RELATIONS "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define HEAD      "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"

static const char workbook[] =
    HEAD "<workbook xmlns=\"" MAIN "\" xmlns:r=\"" RELATIONS "\"><workbookPr/><sheets>"
         "<sheet name=\"Old\" sheetId=\"1\" state=\"hidden\" r:id=\"rId1\"/>"
         "<sheet name=\"People &amp; more\" sheetId=\"2\" r:id=\"rId2\"/></sheets></workbook>";
static const char relations[] = HEAD
    "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
    "<Relationship Id=\"rId1\" Type=\"" RELATIONS "/worksheet\" Target=\"worksheets/sheet1.xml\"/>"
    "<Relationship Id=\"rId2\" Type=\"" RELATIONS
    "/worksheet\" Target=\"/xl/worksheets/sheet2.xml\"/>"
    "<Relationship Id=\"rId3\" Type=\"" RELATIONS "/styles\" Target=\"styles.xml\"/>"
    "<Relationship Id=\"rId4\" Type=\"" RELATIONS
    "/sharedStrings\" Target=\"sharedStrings.xml\"/></Relationships>";
static const char styles[] =
    HEAD "<styleSheet xmlns=\"" MAIN
         "\"><numFmts count=\"1\"><numFmt numFmtId=\"164\" formatCode=\"dd\\.mm\\.yyyy\\ hh:mm\"/>"
         "</numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs><cellXfs count=\"3\">"
         "<xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"164\"/></cellXfs></styleSheet>";
static const char strings[] =
    HEAD "<sst xmlns=\"" MAIN "\" count=\"4\" uniqueCount=\"4\"><si><t>Name</t></si>"
         "<si><t>E-Mail</t></si><si><r><t>M\xc3\xbcll</t></r><r><rPr><b/></rPr><t xml:space="
         "\"preserve\">er,_x0020_\"Jo_x0022_</t></r><rPh sb=\"0\" eb=\"1\"><t>never</t></rPh></si>"
         "<si><t>v@a.example_x000D_</t></si></sst>";
static const char sheet_old[] =
    HEAD "<worksheet xmlns=\"" MAIN "\"><sheetData><row><c t=\"inlineStr\"><is><t>old@a.example</t>"
         "</is></c></row></sheetData></worksheet>";
static const char sheet_people[] =
    HEAD "<worksheet xmlns=\"" MAIN "\"><dimension ref=\"A1:F9\"/><sheetData>"
         "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c>"
         "<c r=\"D1\" t=\"str\"><f>1&amp;2</f><v>since</v></c></row>"
         "<row r=\"2\"><c r=\"A2\" t=\"s\"><v>2</v></c><c r=\"B2\" t=\"s\"><v>3</v></c>"
         "<c r=\"D2\" s=\"1\"><v>45352</v></c><c r=\"E2\" s=\"2\"><v>45352.5208333333</v></c></row>"
         "<row r=\"3\"><c r=\"A3\" s=\"1\"/></row>"
         "<row r=\"7\"><c r=\"B7\" t=\"inlineStr\"><is><t>x@y.example</t></is></c>"
         "<c r=\"D7\"><v>4.9151234567E+11</v></c><c r=\"E7\" t=\"b\"><v>1</v></c>"
         "<c r=\"F7\" t=\"e\"><v>#N/A</v></c></row>"
         "<row><c t=\"inlineStr\"><is><t>=1+1</t></is></c><c t=\"n\"><v>0.1</v></c></row>"
         "<row><c r=\"A9\" t=\"str\"><f>A8</f><v></v></c><c r=\"B9\"><f>A8&amp;A7</f><v/></c></row>"
         "<row r=\"11\"><c r=\"A11\"><f>A8</f></c><c r=\"B11\" t=\"str\"><f>A8</f><v></v></c>"
         "<c r=\"C11\"><v>7</v></c></row>"
         "<row r=\"12\"><c/><c t=\"inlineStr\"><is><t>b@y.example</t></is></c>"
         "<c t=\"inlineStr\"><is><t/></is></c><c t=\"n\"><v>8</v></c></row>"
         "<row r=\"13\"><c r=\"A13\"><v>9</v></c><c r=\"B13\" t=\"e\"><v>#N/A</v></c></row>"
         "<row r=\"14\"><c r=\"B14\"><f>A8</f></c></row>"
         "<row r=\"15\"><c r=\"B15\"><f>LOWER(A8)</f><v>0</v></c></row>"
         "<row r=\"16\"><c r=\"B16\" t=\"str\"><f>A8</f></c></row>"
         "<row r=\"17\"><c r=\"B17\" t=\"s\"><v>99</v></c></row>"
         "<row r=\"18\"><c r=\"A18\"><v>1</v></c><c r=\"B18\" t=\"s\"><v>-1</v></c></row>"
         "<row r=\"19\"><c r=\"A19\"><f>1+1</f><v>2</v></c>"
         "<c r=\"B19\" t=\"str\"><f>A8</f><v>x@y.example</v></c></row>"
         "<row r=\"20\"><c r=\"A20\"><v>3</v></c><c r=\"B20\" t=\"s\"/></row>"
         "</sheetData></worksheet>";

static void write_workbook(void)
{
    const struct part parts[] = {
        {"[Content_Types].xml", HEAD "<Types/>"},   {"xl/workbook.xml", workbook},
        {"xl/_rels/workbook.xml.rels", relations},  {"xl/styles.xml", styles},
        {"xl/sharedStrings.xml", strings},          {"xl/worksheets/sheet1.xml", sheet_old},
        {"xl/worksheets/sheet2.xml", sheet_people},
    };

    write_zip(parts, ARRAY_LEN(parts));
}

static int open_list(const char *file, const char *sheet, struct bulk_reader **ret_reader,
                     struct error *error)
{
    struct bulk_format wanted = {.has_header = -1, .column = SIZE_MAX, .sheet = sheet};

    return bulk_reader_open(&file, 1, &wanted, ret_reader, error);
}

static void rows_of_a_sheet(void **state)
{
    static const struct {
        uint64_t line;
        const char *raw, *address;
    } rows[] = {
        {2, "\"M\xc3\xbcller, \"\"Jo\"\"\",\"v@a.example\r\",,2024-03-01,2024-03-01 12:30:00",
         "v@a.example\r"},
        {3, "", ""}, /* also where it is not in the file */
        {4, "", ""},
        {5, "", ""},
        {6, "", ""},
        {7, ",x@y.example,,491512345670,TRUE,#N/A", "x@y.example"},
        {8, "=1+1,0.1", "0.1"},
    };
    struct bulk_reader *reader;
    struct error error = {0};
    struct bulk_row row;

    write_workbook();
    assert_int_equal(open_list(path, NULL, &reader, &error), 0);
    assert_string_equal(bulk_reader_format(reader)->note,
                        "XLSX, sheet \"People & more\", header, addresses in column 2 \"E-Mail\"");
    assert_true(slice_equal(bulk_reader_header(reader), SLICE("Name,E-Mail,,since")));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
        assert_int_equal(row.number, i + 1);
        assert_int_equal(row.line, rows[i].line);
        assert_int_equal(row.raw.len, strlen(rows[i].raw));
        assert_memory_equal(row.raw.ptr, rows[i].raw, row.raw.len);
        assert_true(slice_equal(row.address, slice_from_string(rows[i].address)));
    }
    /* What a formula comes to, which the file does not say, may be an address; nothing is none. */
    assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
    assert_int_equal(row.line, 9);
    assert_non_null(row.fault);
    assert_false(bulk_fault_is_no_address(slice_from_string(row.fault)));
    assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
    assert_int_equal(row.line, 10);
    assert_null(row.fault);
    assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
    assert_int_equal(row.line, 11);
    assert_null(row.fault);
    assert_int_equal(row.address.len, 0);
    /* Cells that don't say where they are stand side by side, empty ones among them. */
    assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
    assert_true(slice_equal(row.raw, SLICE(",b@y.example,,8")));
    assert_true(slice_equal(row.address, SLICE("b@y.example")));
    /* An error, what such a formula comes to, a text that is not in the workbook. */
    for (uint64_t line = 13; line <= 18; line++) {
        assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
        assert_int_equal(row.line, line);
        assert_non_null(row.fault);
        assert_false(bulk_fault_is_no_address(slice_from_string(row.fault)));
    }
    assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
    assert_true(slice_equal(row.raw, SLICE("2,x@y.example")));
    assert_null(row.fault);
    assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
    assert_int_equal(row.line, 20);
    assert_true(row.fault == NULL || bulk_fault_is_no_address(slice_from_string(row.fault)));
    assert_int_equal(bulk_reader_next(reader, &row, &error), 0);
    assert_int_equal(bulk_reader_offset(reader), bulk_reader_size(reader));
    bulk_reader_close(reader);
    assert_int_equal(open_list(path, "old", &reader, &error), 0);
    assert_non_null(
        strstr(bulk_reader_format(reader)->note, "sheet \"Old\" (1 other is not read)"));
    assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
    assert_true(slice_equal(row.address, SLICE("old@a.example")));
    bulk_reader_close(reader);
    assert_int_equal(open_list(path, "New", &reader, &error), ERROR_FORMAT);
    assert_non_null(
        strstr(error.message, "has no sheet \"New\"; there are: \"Old\", \"People & more\""));
}

/* A note far below makes no list of a million rows; smaller gaps are rows. */
static void a_gap_in_a_sheet(void **state)
{
    static const struct {
        uint64_t line;
        unsigned blanks;
    } rows[] = {
        {3, 0}, {4, 1}, {1002, 999}, {1003, 1000}, {1004, 0}, {1048576, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[600];
        const struct part parts[] = {
            {"[Content_Types].xml", HEAD "<Types/>"},  {"xl/workbook.xml", workbook},
            {"xl/_rels/workbook.xml.rels", relations}, {"xl/styles.xml", styles},
            {"xl/sharedStrings.xml", strings},         {"xl/worksheets/sheet1.xml", sheet_old},
            {"xl/worksheets/sheet2.xml", text},
        };
        struct bulk_reader *reader;
        struct error error = {0};
        struct bulk_row row;
        int code;

        snprintf(text, sizeof(text),
                 HEAD "<worksheet xmlns=\"" MAIN "\"><sheetData>"
                      "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>1</v></c></row>"
                      "<row r=\"2\"><c r=\"A2\" t=\"s\"><v>3</v></c></row>"
                      "<row r=\"%llu\"><c r=\"A%llu\" t=\"s\"><v>0</v></c></row>"
                      "</sheetData></worksheet>",
                 (unsigned long long)rows[i].line, (unsigned long long)rows[i].line);
        write_zip(parts, ARRAY_LEN(parts));
        assert_int_equal(open_list(path, NULL, &reader, &error), 0);
        while ((code = bulk_reader_next(reader, &row, &error)) == 1 && row.line < rows[i].line)
            assert_true(row.number == 1 || row.raw.len == 0);
        assert_int_equal(code, 1);
        assert_true(slice_equal(row.address, SLICE("Name")));
        assert_int_equal(row.line, rows[i].line);
        assert_int_equal(row.number, 2 + rows[i].blanks);
        assert_int_equal(bulk_reader_next(reader, &row, &error), 0);
        bulk_reader_close(reader);
    }
}

/* The archive from memory, as from a pipe: copied to a file without a name. */
static void a_workbook_without_a_file(void **state)
{
    char bytes[8192];
    struct bulk_reader *reader;
    struct error error = {0};
    struct bulk_row row;
    FILE *file;
    size_t len;

    write_workbook();
    file = fopen(path, "rb");
    assert_non_null(file);
    len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    assert_int_equal(
        bulk_reader_open_bytes("x", slice_from(bytes, len), 100, NULL, &reader, &error), 0);
    assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
    assert_true(slice_equal(row.address, SLICE("v@a.example\r")));
    bulk_reader_close(reader);
    /* cut or damaged anywhere: an error or the same rows, never a crash */
    for (size_t cut = 4; cut < len; cut += 7) {
        char copy[sizeof(bytes)];

        memcpy(copy, bytes, len);
        copy[cut] ^= 0x41;
        for (int i = 0; i < 2; i++) {
            if (bulk_reader_open_bytes("x", slice_from(copy, i == 0 ? len : cut), 0, NULL, &reader,
                                       &error) != 0)
                continue;
            while (bulk_reader_next(reader, &row, &error) == 1)
                continue;
            bulk_reader_close(reader);
        }
    }
}

static void hostile_workbooks_are_refused(void **state)
{
    enum {
        SIZE = 80 << 20
    };
    static const char row[] = "<row><c><v>1</v></c></row>";
    char *swollen = malloc(SIZE + 1), *deep = malloc(70 * 3 + 1), *endless = malloc((8 << 20) + 1);
    struct {
        const char *sheet, *message;
        int code;
    } rows[] = {
        {"<!DOCTYPE x [<!ENTITY a \"aaaa\">]><worksheet>&a;</worksheet>",
         "declares a document type", ERROR_FORMAT},
        {"<worksheet><sheetData><row>", "no element found", ERROR_FORMAT},
        {"<worksheet></sheet>", "mismatched tag", ERROR_FORMAT},
        {deep, "nested too deep", ERROR_LIMIT},
        {endless, "has no end", ERROR_LIMIT},
        {swollen, "swells without measure", ERROR_LIMIT},
    };

    for (size_t i = 0; i < 70; i++)
        memcpy(deep + i * 3, "<a>", 3);
    deep[70 * 3] = '\0';
    memset(endless, 'x', 8 << 20);
    memcpy(endless, "<worksheet a='", 14);
    endless[8 << 20] = '\0';
    memcpy(swollen, "<x>", 3);
    for (size_t at = 3; at + sizeof(row) <= SIZE; at += sizeof(row) - 1)
        memcpy(swollen + at, row, sizeof(row));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct part parts[] = {
            {"xl/workbook.xml", workbook},
            {"xl/_rels/workbook.xml.rels", relations},
            {"xl/worksheets/sheet2.xml", rows[i].sheet},
        };
        struct bulk_format wanted = {.has_header = 0, .column = 0};
        const char *file = path;
        struct bulk_reader *reader;
        struct error error = {0};
        struct bulk_row found;
        int code;

        write_zip(parts, ARRAY_LEN(parts));
        code = bulk_reader_open(&file, 1, &wanted, &reader, &error);
        if (code == 0) {
            while ((code = bulk_reader_next(reader, &found, &error)) == 1)
                continue;
            bulk_reader_close(reader);
        }
        assert_int_equal(code, rows[i].code);
        if (strstr(error.message, rows[i].message) == NULL)
            print_error("%s\n", error.message);
        assert_non_null(strstr(error.message, rows[i].message));
    }
    free(swollen);
    free(deep);
    free(endless);
}

static void other_archives_are_named(void **state)
{
    const struct part ods[] = {{"content.xml", "<x/>"}}, other[] = {{"a.txt", "x"}};
    struct bulk_reader *reader;
    struct error error = {0};

    write_zip(ods, 1);
    assert_int_equal(open_list(path, NULL, &reader, &error), ERROR_FORMAT);
    assert_non_null(strstr(error.message, "OpenDocument"));
    write_zip(other, 1);
    assert_int_equal(open_list(path, NULL, &reader, &error), ERROR_FORMAT);
    assert_non_null(strstr(error.message, "no workbook"));
}

static void dates_are_told_from_numbers(void **state)
{
    static const struct {
        unsigned id;
        const char *code;
        enum workbook_date date;
    } formats[] = {
        {0, NULL, WORKBOOK_NO_DATE},
        {14, NULL, WORKBOOK_DATE},
        {22, NULL, WORKBOOK_DATE_TIME},
        {20, NULL, WORKBOOK_TIME},
        {46, NULL, WORKBOOK_NO_DATE},
        {164, "yyyy-mm-dd", WORKBOOK_DATE},
        {164, "[$-407]d. mmmm yyyy;@", WORKBOOK_DATE},
        {164, "m/d/yy h:mm AM/PM", WORKBOOK_DATE_TIME},
        {164, "[h]:mm:ss", WORKBOOK_NO_DATE},
        {164, "#,##0.00\\ \"days\"", WORKBOOK_NO_DATE},
        {164, "General", WORKBOOK_NO_DATE},
        {164, "0.00E+00", WORKBOOK_NO_DATE},
        {164, "[Red]0;[Blue]-0", WORKBOOK_NO_DATE},
    };
    static const struct {
        double days;
        bool from_1904;
        enum workbook_date kind;
        const char *text;
    } dates[] = {
        {1, false, WORKBOOK_DATE, "1900-01-01"},
        {59, false, WORKBOOK_DATE, "1900-02-28"},
        {61, false, WORKBOOK_DATE, "1900-03-01"},
        {25569, false, WORKBOOK_DATE, "1970-01-01"},
        {45351, false, WORKBOOK_DATE, "2024-02-29"},
        {45351.999999, false, WORKBOOK_DATE_TIME, "2024-03-01 00:00:00"},
        {43889, true, WORKBOOK_DATE, "2024-02-29"},
        {0.25, false, WORKBOOK_TIME, "06:00:00"},
        {45351.25, false, WORKBOOK_DATE, "2024-02-29 06:00:00"},
        {-1, false, WORKBOOK_DATE, ""},
        {1e300, false, WORKBOOK_DATE, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (bulk_workbook_format_date(formats[i].id, formats[i].code) != formats[i].date)
            print_error("format %u \"%s\"\n", formats[i].id, formats[i].code);
        assert_int_equal(bulk_workbook_format_date(formats[i].id, formats[i].code),
                         formats[i].date);
    }
    for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
        struct bulk_workbook book = {.from_1904 = dates[i].from_1904};
        char text[32];

        bulk_workbook_date(&book, dates[i].kind, dates[i].days, text);
        assert_string_equal(text, dates[i].text);
    }
}

static void our_own_are_read_back(void **state)
{
    static const char text[] =
        "id,email,note\n007,v@a.example,=1+1\n2,x,\"two\nlines & <tags>\"\n3,y,bad \xff byte\n"
        "4,z,\x01 _x0041_ _x00_ __x005F_\n";
    struct bulk_writer_options options = {0};
    struct bulk_outcome outcome = {.status = VERDICT_VALID,
                                   .reason = REASON_ACCEPTED,
                                   .score = 97,
                                   .suggestion = SLICE_EMPTY,
                                   .provider = SLICE("=Evil"),
                                   .explanation = SLICE("Fine.")};
    static const char *const back[] = {
        "007,v@a.example,=1+1,valid,accepted,97,send,,,'=Evil,Fine.",
        "2,x,\"two\nlines & <tags>\",valid,accepted,97,send,,,'=Evil,Fine.",
        "3,y,bad \xc3\xbf byte,valid,accepted,97,send,,,'=Evil,Fine.",
        "4,z,\x01 _x0041_ _x00_ __x005F_,valid,accepted,97,send,,,'=Evil,Fine.",
    };
    struct bulk_reader *reader;
    struct bulk_writer *writer;
    struct error error = {0};
    struct bulk_row row;

    assert_int_equal(
        bulk_reader_open_bytes("a.csv", slice_from_string(text), 0, NULL, &reader, &error), 0);
    options.input = bulk_reader_format(reader);
    options.header = bulk_reader_header(reader);
    assert_int_equal(bulk_writer_open(path_out, &options, &writer, &error), 0);
    while (bulk_reader_next(reader, &row, &error) == 1)
        assert_int_equal(bulk_writer_put(writer, &row, &outcome, &error), 0);
    bulk_reader_close(reader);
    assert_int_equal(bulk_writer_finish(writer, &error), 0);
    assert_int_equal(open_list(path_out, NULL, &reader, &error), 0);
    assert_true(slice_equal(bulk_reader_header(reader),
                            SLICE("id,email,note,mk_status,mk_reason,mk_score,mk_action,mk_flags,"
                                  "mk_suggestion,mk_provider,mk_explanation")));
    for (size_t i = 0; i < ARRAY_LEN(back); i++) {
        assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
        if (!slice_equal(row.raw, slice_from_string(back[i])))
            print_error("%.*s\n", SLICE_ARG(row.raw));
        assert_true(slice_equal(row.raw, slice_from_string(back[i])));
    }
    assert_int_equal(bulk_reader_next(reader, &row, &error), 0);
    bulk_reader_close(reader);
}

/* A list of two columns as a workbook of sheets that hold no more than is said. */
static unsigned write_sheets(const char *text, const struct bulk_writer_options *limits)
{
    struct bulk_writer_options options = *limits;
    struct bulk_reader *reader;
    struct bulk_writer *writer;
    struct error error = {0};
    struct bulk_row row;
    unsigned sheets;

    assert_int_equal(
        bulk_reader_open_bytes("a.csv", slice_from_string(text), 0, NULL, &reader, &error), 0);
    options.input = bulk_reader_format(reader);
    options.header = bulk_reader_header(reader);
    assert_int_equal(bulk_writer_open(path_out, &options, &writer, &error), 0);
    assert_int_equal(bulk_writer_sheets(writer), 1);
    while (bulk_reader_next(reader, &row, &error) == 1)
        assert_int_equal(bulk_writer_put(writer, &row, NULL, &error), 0);
    bulk_reader_close(reader);
    sheets = bulk_writer_sheets(writer);
    assert_int_equal(bulk_writer_finish(writer, &error), 0);
    return sheets;
}

/* Whose addresses stand in one of its sheets, with a blank behind each. */
static void read_sheet(unsigned number, char *ret_found, size_t size)
{
    struct bulk_reader *reader;
    struct error error = {0};
    struct bulk_row row;
    size_t len = 0;
    char name[16];

    ret_found[0] = '\0';
    snprintf(name, sizeof(name), "Sheet%u", number);
    assert_int_equal(open_list(path_out, name, &reader, &error), 0);
    assert_true(slice_starts_with(bulk_reader_header(reader), SLICE("id,email,mk_")));
    while (bulk_reader_next(reader, &row, &error) == 1 && len < size)
        len += (size_t)snprintf(ret_found + len, size - len, "%.*s ", SLICE_ARG(row.address));
    bulk_reader_close(reader);
}

#define ROWS_MAX 1048576 /* of a sheet, by the format; the header is one of them */

/* The first sheet is as full as the format allows, and no fuller: programs would not read the rest.
 */
static void a_sheet_has_as_many_rows_as_the_format(void **state)
{
    struct bulk_format format = {.kind = BULK_KIND_TEXT, .line_end = "\n"};
    struct bulk_writer_options options = {.input = &format, .columns = 1U << APPENDED_STATUS};
    struct bulk_row row = {.raw = SLICE(""), .address = SLICE("")}; /* blank ones are as good */
    struct bulk_reader *reader;
    struct bulk_writer *writer;
    struct error error = {0};

    assert_int_equal(bulk_writer_open(path_out, &options, &writer, &error), 0);
    for (row.number = 1; row.number < ROWS_MAX; row.number++)
        assert_int_equal(bulk_writer_put(writer, &row, NULL, &error), 0);
    assert_int_equal(bulk_writer_sheets(writer), 1);
    row.raw = row.address = SLICE("a@a.example");
    assert_int_equal(bulk_writer_put(writer, &row, NULL, &error), 0);
    assert_int_equal(bulk_writer_sheets(writer), 2);
    assert_int_equal(bulk_writer_finish(writer, &error), 0);
    assert_int_equal(open_list(path_out, "Sheet2", &reader, &error), 0);
    assert_true(slice_equal(bulk_reader_header(reader), SLICE("address,mk_status")));
    assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
    assert_true(slice_equal(row.address, SLICE("a@a.example")));
    assert_int_equal(bulk_reader_next(reader, &row, &error), 0);
    bulk_reader_close(reader);
}

/* What does not fit into a sheet goes on in the next, under the same header. */
static void a_long_list_takes_several_sheets(void **state)
{
    static const char text[] = "id,email\n1,a@a.example\n2,b@a.example\n3,c@a.example\n"
                               "4,d@a.example\n5,e@a.example\n";
    static const char large[] = "id,email\n1,a@a.example\n2,b@a.example\n" LETTERS_500 LETTERS_500
                                ",c@a.example\n4,d@a.example\n5,e@a.example\n";
    static const struct {
        const char *text;
        struct bulk_writer_options options;
        const char *sheets[5];
    } rows[] = {
        {text,
         {.sheet_rows = 3},
         {"a@a.example b@a.example ", "c@a.example d@a.example ", "e@a.example "}},
        {large,
         {.sheet_octets = 2100},
         {"a@a.example b@a.example c@a.example ", "d@a.example e@a.example "}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned sheets = write_sheets(rows[i].text, &rows[i].options), wanted = 0;
        char found[64];

        while (wanted < ARRAY_LEN(rows[i].sheets) && rows[i].sheets[wanted] != NULL)
            wanted++;
        assert_int_equal(sheets, wanted);
        for (unsigned j = 0; j < sheets; j++) {
            read_sheet(j + 1, found, sizeof(found));
            assert_string_equal(found, rows[i].sheets[j]);
        }
    }
}

static void memory_runs_out(void **state)
{
    bool done = false;

    write_workbook();
    for (int64_t n = 0; n < 5000 && !done; n++) {
        struct bulk_reader *reader = NULL;
        struct error error = {0};
        struct bulk_row row;
        int code;

        memory_fail_after(n);
        code = open_list(path, NULL, &reader, &error);
        if (code == 0)
            while ((code = bulk_reader_next(reader, &row, &error)) == 1)
                continue;
        memory_fail_after(-1);
        bulk_reader_close(reader);
        if (code != 0 && code != ERROR_NOMEM)
            print_error("%d %s\n", (int)n, error.message);
        assert_true(code == 0 || code == ERROR_NOMEM);
        done = code == 0;
    }
    assert_true(done);
}

/* Jobs of versions that passed over rows without text are written as they were read. */
static void jobs_without_blank_rows(void **state)
{
    static const char *const addresses[] = {"v@a.example", "x@y.example"};
    const struct store_job job = {.name = SLICE("list")};
    const struct bulk_export_options options = {.rest = BULK_EXPORT_REST_EMPTY};
    struct bulk_writer_options wanted = {.kind = BULK_KIND_CSV};
    struct bulk_reader *reader;
    struct bulk_writer *writer;
    struct bulk_export *export;
    struct store *store;
    struct error error = {0};
    uint64_t id;
    int code;

    (void)state;
    write_workbook();
    assert_int_equal(store_memory_open(&store, NULL), 0);
    assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
    for (unsigned i = 0; i < 2; i++) {
        const struct store_row row = {.number = i + 1, .address = slice_from_string(addresses[i])};

        assert_int_equal(store_rows_add(store, id, &row, 1, NULL), 0);
    }
    assert_int_equal(open_list(path, NULL, &reader, &error), 0);
    wanted.input = bulk_reader_format(reader);
    wanted.header = bulk_reader_header(reader);
    assert_int_equal(bulk_writer_open(path_out, &wanted, &writer, &error), 0);
    assert_int_equal(bulk_export_open(store, id, reader, writer, &options, &export, &error), 0);
    while ((code = bulk_export_step(export, &error)) == 1) {
    }
    if (code != 0)
        print_error("%s\n", error.message);
    assert_int_equal(code, 0);
    assert_int_equal(bulk_export_rows(export), 2);
    bulk_export_close(export);
    assert_int_equal(bulk_writer_finish(writer, &error), 0);
    bulk_reader_close(reader);
    store_close(store);
}

/* Jobs of versions that took what stands above a header for rows. */
static void jobs_with_rows_above(void **state)
{
    static const char text[] = "Of May\n\nname,email\nAnn,a@b.example\nBob,c@d.example\n";
    static const char *const addresses[] = {"", "", "email", "a@b.example", "c@d.example"};
    const struct store_job job = {.name = SLICE("list")};
    struct bulk_stats stats;
    struct bulk_export_options options = {.rest = BULK_EXPORT_REST_EMPTY, .stats = &stats};
    struct bulk_writer_options wanted = {.kind = BULK_KIND_CSV};
    struct bulk_reader *reader;
    struct bulk_writer *writer;
    struct bulk_export *export;
    struct store *store;
    struct error error = {0};
    uint64_t id;
    int code;

    (void)state;
    bulk_stats_init(&stats, 1);
    assert_int_equal(store_memory_open(&store, NULL), 0);
    assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
    for (unsigned i = 0; i < ARRAY_LEN(addresses); i++) {
        const struct store_row row = {.number = i + 1, .address = slice_from_string(addresses[i])};

        assert_int_equal(store_rows_add(store, id, &row, 1, NULL), 0);
    }
    assert_int_equal(
        bulk_reader_open_bytes("a.csv", slice_from_string(text), 0, NULL, &reader, &error), 0);
    wanted.input = bulk_reader_format(reader);
    wanted.header = bulk_reader_header(reader);
    wanted.lead = bulk_reader_lead(reader);
    assert_int_equal(bulk_writer_open(path_out, &wanted, &writer, &error), 0);
    assert_int_equal(bulk_export_open(store, id, reader, writer, &options, &export, &error), 0);
    while ((code = bulk_export_step(export, &error)) == 1) {
    }
    if (code != 0)
        print_error("%s\n", error.message);
    assert_int_equal(code, 0);
    assert_int_equal(bulk_export_rows(export), 2);
    bulk_export_close(export);
    assert_int_equal(bulk_writer_finish(writer, &error), 0);
    bulk_reader_close(reader);
    store_close(store);
    bulk_stats_done(&stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_without_blank_rows),
        cmocka_unit_test(jobs_with_rows_above),
        cmocka_unit_test(rows_of_a_sheet),
        cmocka_unit_test(a_gap_in_a_sheet),
        cmocka_unit_test(a_workbook_without_a_file),
        cmocka_unit_test(hostile_workbooks_are_refused),
        cmocka_unit_test(other_archives_are_named),
        cmocka_unit_test(dates_are_told_from_numbers),
        cmocka_unit_test(our_own_are_read_back),
        cmocka_unit_test(a_long_list_takes_several_sheets),
        cmocka_unit_test(a_sheet_has_as_many_rows_as_the_format),
        cmocka_unit_test(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
