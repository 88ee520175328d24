/* Tests of the row scanner: rows and cells, whole, cut at every byte, and against a guard page. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/random.h"
#include "bulk/csv.h"

static const struct bulk_csv_shape commas = {.delimiter = ',', .line_end = '\n', .quotes = true};

struct found {
    size_t raw_len, next, lines, cells;
    bool has_cell, has_fault, is_joined;
    char cell[64];
};

static bool scan_at(const struct bulk_csv_shape *shape, const char *bytes, size_t len, bool at_end,
                    size_t column, struct found *ret)
{
    struct bulk_csv_row row;
    size_t quiet = 0;

    if (!bulk_csv_scan(shape, bytes, len, at_end, column, &quiet, &row))
        return false;
    memset(ret, 0, sizeof(*ret));
    ret->raw_len = row.raw_len;
    ret->next = row.next;
    ret->lines = row.line_count;
    ret->has_cell = row.has_cell;
    ret->has_fault = row.fault != NULL;
    ret->is_joined = row.is_joined;
    ret->cells = bulk_csv_count_cells(shape, slice_from(bytes, row.raw_len));
    slice_to_string(slice_prefix(row.cell, 63), ret->cell, sizeof(ret->cell));
    return true;
}

/* The text again and again, ending where the next page can't be read. */
static void scan_every_prefix(const struct bulk_csv_shape *shape, const char *text, size_t len,
                              size_t column)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (len / page + 1) * page;
    char *pages =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct found whole, part;

    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + room, page, PROT_NONE), 0);
    assert_true(scan_at(shape, memcpy(pages + room - len, text, len), len, true, column, &whole));
    for (size_t cut = 1; cut <= len; cut++) {
        char *bytes = memcpy(pages + room - cut, text, cut);

        scan_at(shape, bytes, cut, true, column, &part);
        if (scan_at(shape, bytes, cut, false, column, &part)) {
            if (memcmp(&whole, &part, sizeof(whole)) != 0)
                print_error("cut at %zu of \"%.*s\"\n", cut, (int)len, text);
            assert_memory_equal(&whole, &part, sizeof(whole));
        }
    }
    munmap(pages, room + page);
}

static void first_row(void **state)
{
    static const struct {
        const char *text, *raw, *cell; /* cell 1; NULL: none */
        unsigned next, lines, cells;
        bool has_fault;
    } rows[] = {
        {"a,b,c\nx", "a,b,c", "b", 6, 1, 3, false},
        {"a,b,c\r\nx", "a,b,c", "b", 7, 1, 3, false},
        {"a,b\r\n", "a,b", "b", 5, 1, 2, false},
        {"a,b\r\r\nx", "a,b", "b", 6, 1, 2, false}, /* written as text twice */
        {"a,\r\r\nx", "a,", "", 5, 1, 2, false},
        {"a,b", "a,b", "b", 3, 1, 2, false},
        {"a", "a", NULL, 1, 1, 1, false},
        {"\nx", "", NULL, 1, 1, 1, false},
        {"\r\nx", "", NULL, 2, 1, 1, false},
        {",,\n", ",,", "", 3, 1, 3, false},
        {"a,\"b,c\",d\n", "a,\"b,c\",d", "\"b,c\"", 10, 1, 3, false},
        {"a,\"b\"\r\nx", "a,\"b\"", "\"b\"", 7, 1, 2, false},
        {"a,\"b\"", "a,\"b\"", "\"b\"", 5, 1, 2, false},
        {"a,\"b\nc\",d\nx", "a,\"b\nc\",d", "\"b\nc\"", 10, 2, 3, false},
        {"a,\"b\r\nc\"\r\nx", "a,\"b\r\nc\"", "\"b\r\nc\"", 10, 2, 2, false},
        {"a,\"b\"\"c\nd\",e\nx", "a,\"b\"\"c\nd\",e", "\"b\"\"c\nd\"", 13, 2, 3, false},
        {"a,\"\",c\n", "a,\"\",c", "\"\"", 7, 1, 3, false},
        {"\"\"\"\"\n", "\"\"\"\"", NULL, 5, 1, 1, false},
        /* quotes that are letters */
        {"5\" pipe,b\nx", "5\" pipe,b", "b", 10, 1, 2, false},
        {"a,b \"c\" d\n", "a,b \"c\" d", "b \"c\" d", 10, 1, 2, false},
        {"x,\"John \"J\" S\",c\n", "x,\"John \"J\" S\",c", "\"John \"J\" S\"", 17, 1, 3, false},
        {"x,\"a \\\"b, c\\\" d\",e\n", "x,\"a \\\"b, c\\\" d\",e", "\"a \\\"b, c\\\" d\"", 19, 1, 3,
         false},
        /* quotes that are never closed, or by the next row's */
        {"1,\"foo,a@x\n2,bar,b@x\n", "1,\"foo,a@x", "\"foo", 11, 1, 3, true},
        {"1,\"foo,a@x\n2,\"bar\",b@x\n", "1,\"foo,a@x", "\"foo", 11, 1, 3, true},
        {"1,\"foo,a@x", "1,\"foo,a@x", "\"foo", 10, 1, 3, true},
        {"\"", "\"", NULL, 1, 1, 1, true},
        {"a,\"\n", "a,\"", "\"", 4, 1, 2, true},
        {"a\rb,c\n", "a\rb,c", "c", 6, 1, 2, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = strlen(rows[i].text);
        struct found found;

        assert_true(scan_at(&commas, rows[i].text, len, true, 1, &found));
        if (found.raw_len != strlen(rows[i].raw) || found.cells != rows[i].cells)
            print_error("row %zu: raw_len %zu, cells %zu\n", i, found.raw_len, found.cells);
        assert_int_equal(found.raw_len, strlen(rows[i].raw));
        assert_memory_equal(rows[i].text, rows[i].raw, found.raw_len);
        assert_int_equal(found.next, rows[i].next);
        assert_int_equal(found.lines, rows[i].lines);
        assert_int_equal(found.cells, rows[i].cells);
        assert_int_equal(found.has_fault, rows[i].has_fault);
        assert_int_equal(found.has_cell, rows[i].cell != NULL);
        assert_string_equal(found.cell, rows[i].cell != NULL ? rows[i].cell : "");
        scan_every_prefix(&commas, rows[i].text, len, 1);
    }
}

static void carriage_returns_alone(void **state)
{
    static const struct bulk_csv_shape shape = {';', '\r', true, 0};
    struct found found;

    assert_true(scan_at(&shape, "a;b\rc;d", 7, true, 1, &found));
    assert_int_equal(found.raw_len, 3);
    assert_int_equal(found.next, 4);
    assert_string_equal(found.cell, "b");
    assert_false(scan_at(&shape, "a;b\r", 4, false, 1, &found)); /* a line feed may follow */
    assert_true(scan_at(&shape, "a;b\r\nc", 6, false, 1, &found));
    assert_int_equal(found.next, 5);
    assert_true(scan_at(&shape, "a;\"b\nc\"\rd", 9, true, 1, &found));
    assert_int_equal(found.raw_len, 7);
    scan_every_prefix(&shape, "a;\"b\nc\"\rd\r", 10, 1);
}

/* A multi-line cell that makes the row longer than the others, where its first line would fit. */
static void the_number_of_columns_tells(void **state)
{
    struct bulk_csv_shape shape = commas;
    const char *text = "1,\"foo,a@x\n2,bar\",b@x\n";
    struct found found;

    assert_true(scan_at(&shape, text, strlen(text), true, 2, &found));
    assert_int_equal(found.lines, 2);
    assert_string_equal(found.cell, "b@x");
    text = "1,\"foo,a@x\n2,bar\",b@x,\"c\"\n";
    shape.columns = 3;
    assert_true(scan_at(&shape, text, strlen(text), true, 2, &found));
    assert_int_equal(found.raw_len, 10);
    assert_true(found.has_fault);
    assert_string_equal(found.cell, "a@x");
    scan_every_prefix(&shape, text, strlen(text), 2);
    /* A row with more cells than others, where the quote is one: its last line is no row. */
    text = "1,a@x,\"foo\nbar\",more\n2,b@x,\n";
    assert_true(scan_at(&shape, text, strlen(text), true, 1, &found));
    assert_int_equal(found.lines, 2);
    assert_int_equal(found.cells, 4);
    assert_false(found.has_fault);
    assert_false(bulk_csv_is_unbalanced(&shape, slice_from(text, found.raw_len), 1));
    assert_true(bulk_csv_is_unbalanced(&shape, SLICE("1,\"foo,a@x"), 1));
    scan_every_prefix(&shape, text, strlen(text), 1);
}

/* Marks of inches that could be one quoted cell, whose row has as many cells as others. */
static void lines_that_are_rows_are_not_joined(void **state)
{
    static const struct {
        const char *text;
        size_t columns, column, lines; /* of the first row */
        const char *cell;
    } rows[] = {
        {"1,a@x,\"24\n2,b@x,17\"\n", 3, 1, 1, "a@x"},
        {"1,a@x,\"24\r\n2,b@x,8\r\n3,c@x,17\"\r\n", 3, 1, 1, "a@x"},
        {"\"1,a@x,b\n2\",b@x,c\n", 3, 1, 1, "a@x"},
        {"1,\"a@x\n2,b@x\"\n", 2, 1, 1, "\"a@x"},
        {"a@x,\"24\nb@x,17\"\n", 2, 0, 1, "a@x"},
        /* short rows; more quotes after the second; quotes that were lost at the lines' ends */
        {"1,a@x,\"24,q\n2,b@x,17\"\n", 4, 1, 1, "a@x"},
        {"1,a@x,\"24,x\n2,b@x,17\",\"30\n3,c@x,1,2\n", 4, 1, 1, "a@x"},
        {"1,a@x,\"24,x\n2,b@x,\"\",\"30\n3,c@x,1,2\n", 4, 1, 1, "a@x"},
        {"a@x\",\"b\nc@x\",\"d\ne@x\",\"f\n", 2, 0, 1, "a@x\""},
        /* a few lines between are none */
        {"1,a@x,\"24\n2,,5\n3,c@x,6\n4,z@x,17\"\n", 3, 1, 1, "a@x"},
        {"1,a@x,\"24\n2,,5\n3,z@x,17\"\n", 3, 1, 1, "a@x"},
        {"1,a@x,\"24\n2,n/a,5\n3,b@x\n4,c@x,6\n5,z@x,17\"\n", 3, 1, 1, "a@x"},
        /* text: a line of another width, one without an address, a list within one column */
        {"1,a@x,\"24\nor so\"\n", 3, 1, 2, "a@x"},
        {"1,a@x,\"24\n2,b@x,8\nand more\"\n", 3, 1, 3, "a@x"},
        {"1,a@x,\"24\n2,b at x,17\"\n", 3, 1, 2, "a@x"},
        {"1,a@x,\"24\n2,write to b@x,17\"\n", 3, 1, 2, "a@x"},
        {"1,?,\"24\n2,b@x,17\"\n", 3, 1, 2, "?"},
        {"1,a@x,\"24\n2,b@x,5\n3,,17\"\n", 3, 1, 3, "a@x"},
        {"1,a@x,\"24\nand\nso,on\n3,c@x,17\"\n", 3, 1, 4, "a@x"},
        {"a@x,\"Contacts:\nc@x, backup\"\n", 2, 0, 2, "a@x"},
        {"a@x,\"Write, please, to\nc@x\"\n", 4, 0, 2, "a@x"},
        {"a@x,\"Contacts:\nc@x, backup\nd@x, too\"\n", 2, 0, 3, "a@x"},
        {"1,a@x,\"24,q\nwrite,b at x,17\"\n", 4, 1, 2, "a@x"},
        {"\"a@x\nb@x\"\n", 1, 0, 2, "\"a@x\nb@x\""},
        /* text, whatever its lines look like: it is closed, and no mark of inches */
        {"a@x,\"Contacts:\nb@x,Bob\"\n", 2, 0, 2, "a@x"},
        {"7,a@x,\"moves:\n2024,b@x,left\nfree text\n2025,c@x,joined\"\n", 3, 1, 4, "a@x"},
        /* and where the row is longer than others */
        {"a@x,A,\"Main St 1\nFlat 2\",Berlin,10115,DE\n", 3, 0, 2, "a@x"},
        {"a@x,\"A\nA, B\",x,y\n", 2, 0, 2, "a@x"},
        {"a@x,x,\"a\nb\",0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9\n", 2, 0, 2, "a@x"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bulk_csv_shape shape = commas;
        size_t len = strlen(rows[i].text);
        struct found found;

        shape.columns = rows[i].columns;
        assert_true(scan_at(&shape, rows[i].text, len, true, rows[i].column, &found));
        if (found.lines != rows[i].lines)
            print_error("row %zu\n", i);
        assert_int_equal(found.lines, rows[i].lines);
        assert_string_equal(found.cell, rows[i].cell);
        assert_int_equal(found.has_fault, rows[i].lines == 1);
        scan_every_prefix(&shape, rows[i].text, len, rows[i].column);
    }
}

/* What was believed, and may be rows that lost themselves in a cell, is said. */
static void lines_that_may_be_rows_are_told(void **state)
{
    static const struct {
        const char *text;
        bool is_joined;
    } rows[] = {
        {"1,a@x,\"note\n2,b@x,c\"\n", true},
        {"1,a@x,\"note\n2,b@x,c\nso\n3,c@x,d\"\n", true},
        {"1,a@x,\"note\n2,b@x,c\",more\n", false}, /* a letter: rows, then */
        {"1,a@x,\"24\n2,b@x,17\"\n", false},
        {"1,a@x,\"note\nof two lines\"\n", false},
        {"1,a@x,\"note\nof two, lines, indeed\"\n", false},
        {"1,a@x,note\n", false},
    };
    struct bulk_csv_shape shape = commas;
    struct found found;

    shape.columns = 3;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = strlen(rows[i].text);

        assert_true(scan_at(&shape, rows[i].text, len, true, 1, &found));
        if (found.is_joined != rows[i].is_joined)
            print_error("row %zu\n", i);
        assert_int_equal(found.is_joined, rows[i].is_joined);
        scan_every_prefix(&shape, rows[i].text, len, 1);
    }
}

/* A row with an open quote behind a cell of two lines takes as many lines of the file. */
static void a_joined_row_may_have_an_open_quote(void **state)
{
    static const char text[] = "1,a@x,\"b\nc\",\"d\n2,b@x,,\n";
    struct bulk_csv_shape shape = commas;
    struct found found;

    shape.columns = 4;
    assert_true(scan_at(&shape, text, strlen(text), true, 1, &found));
    assert_int_equal(found.raw_len, 14);
    assert_int_equal(found.lines, 2);
    assert_true(found.has_fault);
    scan_every_prefix(&shape, text, strlen(text), 1);
}

/* Quotes that close each other's to the end of the list: few lines are looked at to tell. */
static void chains_of_quotes_are_bounded(void **state)
{
    static const char line[] = "a@x\",\"b\n";
    size_t len = strlen(line), cell = BULK_CSV_QUOTED_MAX * 3 / 4, size = 2 * cell + 100;
    struct bulk_csv_shape shape = commas;
    char *bytes = malloc(size);
    struct found found;

    assert_non_null(bytes);
    for (size_t i = 0; i < 100; i++)
        memcpy(bytes + i * len, line, len);
    for (shape.columns = 1; shape.columns < 5; shape.columns++) {
        assert_true(scan_at(&shape, bytes, 100 * len, false, 0, &found));
        assert_int_equal(found.next, len);
        assert_true(found.has_fault);
    }
    /* few and long ones */
    shape.columns = 3;
    memset(bytes, 'x', size);
    memcpy(bytes, "a@x,y,\"b\n", 9);
    memcpy(bytes + cell, "\",\"\n", 4);
    memcpy(bytes + 2 * cell, "\",c\n", 4);
    assert_true(scan_at(&shape, bytes, size, false, 0, &found));
    assert_int_equal(found.next, 9);
    assert_true(found.has_fault);
    free(bytes);
}

static void long_things_are_bounded(void **state)
{
    size_t size = BULK_CSV_ROW_MAX + 100;
    char *bytes = malloc(size);
    struct found found;

    assert_non_null(bytes);
    /* a quote that is closed too late */
    memset(bytes, 'x', size);
    memcpy(bytes, "a,\"b,c\nd", 8);
    memcpy(bytes + BULK_CSV_QUOTED_MAX + 10, "\",e\n", 4);
    assert_true(scan_at(&commas, bytes, size, true, 1, &found));
    assert_int_equal(found.raw_len, 6);
    assert_true(found.has_fault);
    /* without a line end in it, it may be as long as a row */
    bytes[6] = 'x';
    assert_true(scan_at(&commas, bytes, size, true, 2, &found));
    assert_string_equal(found.cell, "e");
    assert_false(found.has_fault);
    /* a line that never ends */
    memset(bytes, 'x', size);
    assert_false(scan_at(&commas, bytes, BULK_CSV_ROW_MAX, false, 0, &found));
    assert_true(scan_at(&commas, bytes, size, false, 0, &found));
    assert_int_equal(found.next, BULK_CSV_ROW_MAX);
    assert_true(found.has_fault);
    bytes[0] = '"';
    assert_true(scan_at(&commas, bytes, size, false, 0, &found));
    assert_int_equal(found.next, BULK_CSV_ROW_MAX);
    free(bytes);
}

static void cells_are_unquoted(void **state)
{
    static const struct {
        const char *cell, *text;
    } rows[] = {
        {"a", "a"},
        {"", ""},
        {"\"\"", ""},
        {"\"", "\""},
        {"\"a,b\"", "a,b"},
        {"\"a\"\"b\"", "a\"b"},
        {"\"\"\"\"", "\""},
        {"\"John \"J\" S\"", "John J\" S\""},
        {"\"a \\\"b\\\" c\"", "a \"b\" c"},
        {"\"a\\\"\"b\"", "a\\\"b"},
        {"\"a\"b", "ab"},
        {"\"a b\"@c", "\"a b\"@c"},
        {"\"open", "\"open"},
        {"a\"b\"", "a\"b\""},
    };
    struct buffer scratch;

    buffer_init(&scratch, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice text;

        assert_true(bulk_csv_unquote(slice_from_string(rows[i].cell), &scratch, &text));
        assert_int_equal(text.len, strlen(rows[i].text));
        assert_memory_equal(text.ptr, rows[i].text, text.len);
    }
    buffer_done(&scratch);
}

/* What is written reads back, whatever it is made of. */
static void written_cells_read_back(void **state)
{
    static const char letters[] = "ab\",;\n\r\t@ \\";
    struct random random;
    struct buffer row, scratch;
    uint64_t seed = 20261;

    random_init(&random, seed);
    buffer_init(&row, 0);
    buffer_init(&scratch, 0);
    for (int round = 0; round < 20000; round++) {
        char texts[4][8];
        size_t lens[4], count = 1 + random_below(&random, 4);
        struct slice rest, cell, text;
        char *block;

        buffer_clear(&row);
        for (size_t i = 0; i < count; i++) {
            lens[i] = random_below(&random, 8);
            for (size_t k = 0; k < lens[i]; k++)
                texts[i][k] = letters[random_below(&random, sizeof(letters) - 1)];
            if (i > 0)
                buffer_append_byte(&row, ',');
            bulk_csv_append_cell(&row, ',', slice_from(texts[i], lens[i]));
        }
        /* A block of its own: memory checkers see who looks beyond. */
        block = memory_alloc(row.len);
        assert_non_null(block);
        if (row.len > 0)
            memcpy(block, row.ptr, row.len);
        rest = slice_from(block, row.len);
        for (size_t i = 0; i < count; i++) {
            bool is_backslash_quote = slice_find(slice_from(texts[i], lens[i]), SLICE("\\\"")) >= 0;

            assert_true(bulk_csv_next_cell(&commas, &rest, &cell));
            assert_true(bulk_csv_unquote(cell, &scratch, &text));
            if (is_backslash_quote)
                continue; /* the price of reading `\"` as those who write it mean it */
            if (text.len != lens[i] || memcmp(text.ptr, texts[i], lens[i]) != 0)
                print_error("seed %llu, round %d\n", (unsigned long long)seed, round);
            assert_int_equal(text.len, lens[i]);
            assert_memory_equal(text.ptr, texts[i], lens[i]);
        }
        assert_false(bulk_csv_next_cell(&commas, &rest, &cell));
        memory_free(block);
    }
    buffer_done(&row);
    buffer_done(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_row),
        cmocka_unit_test(carriage_returns_alone),
        cmocka_unit_test(the_number_of_columns_tells),
        cmocka_unit_test(lines_that_are_rows_are_not_joined),
        cmocka_unit_test(lines_that_may_be_rows_are_told),
        cmocka_unit_test(a_joined_row_may_have_an_open_quote),
        cmocka_unit_test(chains_of_quotes_are_bounded),
        cmocka_unit_test(long_things_are_bounded),
        cmocka_unit_test(cells_are_unquoted),
        cmocka_unit_test(written_cells_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
