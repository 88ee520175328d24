/* Tests of rows that the reader can't make an address of: which of them have none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "bulk/reader.h"

static struct bulk_reader *open_list(const char *name, const char *text)
{
    struct bulk_reader *reader;

    assert_int_equal(bulk_reader_open_bytes(name, slice_from_string(text), 0, NULL, &reader, NULL),
                     0);
    return reader;
}

/* No customer is thrown away for standing in another column, field, or kind of list. */
static void an_address_elsewhere(void **state)
{
    static const struct {
        const char *name, *row;
        bool has_fault, is_no_address;
    } rows[] = {
        {"a.csv", "B;b@y.example;q", true, false},
        {"a.csv", "b@y.example", true, false},
        {"a.csv", "C\tc@y.example\tq", true, false},
        {"a.csv", "C", true, true},
        {"a.csv", "C,,", false, false},
        {"b.csv", "b@y.example;B;q", true, false},
        {"b.csv", "b@y.example|B", true, false},
        {"b.csv", "b@y.example", false, false},
        {"b.csv", "b @y.example", false, false},
        {"b.csv", "b@y;example,B", false, false},
        /* a stray delimiter divides nothing: the address is told of */
        {"b.csv", "b@y.example;", false, false},
        {"b.csv", "b@y.example| ", false, false},
        {"b.csv", " ;b@y.example;;", false, false},
        {"b.csv", "\"b@y.example,\"", false, false},
        {"b.csv", "<b@y.example>;", false, false},
        {"b.csv", "<b@y.example>;B", true, false},
        {"b.csv", "B;q", false, false},
        {"c.txt", "b@y.example;B;q", true, false}, /* a row of another kind of list */
        {"c.txt", "b@y.example;B", false, false},
        {"d.ndjson", "{\"Email\":\"b@y.example\"}", true, false},
        {"d.ndjson", "{\"Email\":\"b\\u0040y.example\"}", true, false},
        {"d.ndjson", "{\"contact\":{\"email\":\"b@y.example\"}}", true, false},
        {"d.ndjson", "{\"email\":[\"b@y.example\"]}", true, false},
        {"d.ndjson", "{\"email\":{\"v\":\"b\\u0040y.example\"}}", true, false},
        {"d.ndjson", "{\"name\":\"B\"}", true, true},
        {"d.ndjson", "{\"email\":[]}", false, false},
        {"d.ndjson", "{\"email\":null,\"cc\":\"b@y.example\"}", false, false}, /* it says: none */
    };
    static const char *const lists[] = {
        "name,email,city\nA,1@x.example,c\nA,2@x.example,c\nA,3@x.example,c\n",
        "email,name\n1@x.example,A\n2@x.example,A\n3@x.example,A\n",
        "1@x.example\n2@x.example\n3@x.example\n",
        ("{\"email\":\"1@x.example\"}\n{\"email\":\"2@x.example\"}\n"
         "{\"email\":\"3@x.example\"}\n"),
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bulk_reader *reader;
        struct bulk_row row;
        char text[200];

        snprintf(text, sizeof(text), "%s%s\n", lists[rows[i].name[0] - 'a'], rows[i].row);
        reader = open_list(rows[i].name, text);
        for (int n = 0; n < 4; n++)
            assert_int_equal(bulk_reader_next(reader, &row, NULL), 1);
        if ((row.fault != NULL) != rows[i].has_fault)
            print_error("row %zu\n", i);
        assert_int_equal(row.fault != NULL, rows[i].has_fault);
        assert_int_equal(row.fault != NULL &&
                             bulk_fault_is_no_address(slice_from_string(row.fault)),
                         rows[i].is_no_address);
        bulk_reader_close(reader);
    }
}

/* What several addresses are called doesn't depend on how many cells their row has. */
static void several_in_a_short_row(void **state)
{
    struct bulk_reader *reader =
        open_list("a.csv", "email,name\n1@x.example,A\n2@x.example,A\n"
                           "a@b.example ; x@y.example\na@b.example ; x@y.example,A\n");
    struct bulk_row row;

    for (int n = 0; n < 4; n++) {
        assert_int_equal(bulk_reader_next(reader, &row, NULL), 1);
        if (n < 2)
            assert_null(row.fault);
        else
            assert_string_equal(row.fault, "several addresses in one cell: which of them is the "
                                           "row's can't be told");
    }
    bulk_reader_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_elsewhere),
        cmocka_unit_test(several_in_a_short_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
