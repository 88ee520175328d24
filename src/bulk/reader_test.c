/* Tests of the reader: what is found out about lists of every shape, and the rows that come out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "bulk/csv.h"
#include "bulk/reader.h"
#include "bulk/source.h"

static struct bulk_reader *open_bytes(const char *name, const char *bytes, size_t len, size_t piece)
{
    struct bulk_reader *reader;
    struct error error = {0};
    int code = bulk_reader_open_bytes(name, slice_from(bytes, len), piece, NULL, &reader, &error);

    if (code != 0)
        print_error("%s\n", error.message);
    assert_int_equal(code, 0);
    return reader;
}

/* All addresses, each followed by a blank; "!" stands before those of rows with a fault. */
static void addresses_of(struct bulk_reader *reader, char *out, size_t size)
{
    struct error error = {0};
    struct bulk_row row;
    size_t len = 0;
    int code;

    while ((code = bulk_reader_next(reader, &row, &error)) == 1)
        len += (size_t)snprintf(out + len, len < size ? size - len : 0, "%s%.*s ",
                                row.fault != NULL ? "!" : "", SLICE_ARG(row.address));
    if (code < 0)
        print_error("%s\n", error.message);
    assert_int_equal(code, 0);
    assert_true(len < size);
    out[len] = '\0';
}

static void formats_are_found(void **state)
{
    static const struct {
        const char *name, *text, *note, *addresses;
    } rows[] = {
        {"a.csv", "id,email,city\n1,a@b.example,X\n2,c@d.example,Y\n",
         "CSV, header, addresses in column 2 \"email\"", "a@b.example c@d.example "},
        {"a.csv", "\xef\xbb\xbfName;E-Mail;Ort\r\nM\xc3\xbcller;a@b.example;K\xc3\xb6ln\r\n",
         "CSV with ';', header, addresses in column 2 \"E-Mail\"", "a@b.example "},
        /* for spreadsheets, and wrong about nothing: "," would have been found otherwise */
        {"a.csv", "sep=;\r\nName, first;E-Mail\r\nM, A;a@b.example\r\nN, B;c@d.example\r\n",
         "CSV with ';', header, addresses in column 2 \"E-Mail\"", "a@b.example c@d.example "},
        {"a.csv", "\xef\xbb\xbf\"SEP=|\"\na@b.example|x\nc@d.example|y\n",
         "CSV with '|', no header, addresses in column 1", "a@b.example c@d.example "},
        {"a.csv", "sep=a,email\nx,a@b.example\n", "CSV, header, addresses in column 2 \"email\"",
         "a@b.example "},
        {"a.tsv", "a@b.example\tx\nc@d.example\ty\n",
         "CSV with tabs, no header, addresses in column 1", "a@b.example c@d.example "},
        {"a.txt", "1|a@b.example\n2|c@d.example\n",
         "CSV with '|', no header, addresses in column 2", "a@b.example c@d.example "},
        {"a.txt", "a@b.example\nc@d.example\n\nnonsense\n", "plain text",
         "a@b.example c@d.example  nonsense "},
        {"a.txt", "a@b.example\rc@d.example\r", "plain text", "a@b.example c@d.example "},
        {"a.txt", "Courriel\na@b.example\n", "CSV, header, addresses in column 1 \"Courriel\"",
         "a@b.example "},
        {"a.csv", "\"a@b.example\"\n\"c@d.example\"\n", "CSV, no header, addresses in column 1",
         "a@b.example c@d.example "},
        {"a.csv", "\xe5\xa7\x93\xe5\x90\x8d,\xe9\x82\xae\xe7\xae\xb1\nx,a@b.example\n",
         "CSV, header, addresses in column 2 \"\xe9\x82\xae\xe7\xae\xb1\"", "a@b.example "},
        {"a.csv", "Name,\xd0\x9f\xd0\x9e\xd0\xa7\xd0\xa2\xd0\x90\nx,not one\n",
         "CSV, header, addresses in column 2 \"\xd0\x9f\xd0\x9e\xd0\xa7\xd0\xa2\xd0\x90\"",
         "not one "},
        /* the name misleads, the content does not */
        {"a.csv", "Address,Kontakt\n1 Main St,a@b.example\n2 Main St,c@d.example\n",
         "CSV, header, addresses in column 2 \"Kontakt\"", "a@b.example c@d.example "},
        {"a.csv", "Email,Email status\na@b.example,sent\n",
         "CSV, header, addresses in column 1 \"Email\"", "a@b.example "},
        {"a.csv", "email_2,email\n,a@b.example\n,c@d.example\nx@y.example,e@f.example\n",
         "CSV, header, addresses in column 2 \"email\"", "a@b.example c@d.example e@f.example "},
        /* decimal commas, and a comma in a name */
        {"a.csv", "a@b.example;1,5\nc@d.example;2,5\n",
         "CSV with ';', no header, addresses in column 1", "a@b.example c@d.example "},
        {"a.csv", "x;a@b.example\n\"Smith; John\";c@d.example\n",
         "CSV with ';', no header, addresses in column 2", "a@b.example c@d.example "},
        {"a.csv", "Name,mail\nM\xfcller,m\xfcller@b.example\nx,y@z.example\n",
         "CSV, Latin-1, header, addresses in column 2 \"mail\"",
         "m\xc3\xbcller@b.example y@z.example "},
        {"a.json",
         "{\"id\":1,\"email\":\"a@b.example\"}\n{\"id\":2,\"email\":\"c\\u0040d.example\"}\n",
         "NDJSON, field \"email\"", "a@b.example c@d.example "},
        {"a", "{\"user\":{\"mail\":\"a@b.example\"}}\n\n{\"user\":{}}\n{\"user\":\n[]\n",
         "NDJSON, field \"user.mail\"", "a@b.example  ! ! ! "},
        {"a.csv", "id,email\n1,a@b.example\n2\n\n3,c@d.example,surplus\n",
         "CSV, header, addresses in column 2 \"email\"", "a@b.example !  c@d.example "},
        /* an unquoted delimiter before the address moves it; nothing else in a row is one */
        {"a.csv", "id,email\r\r\n1,a@b.example\r\r\n2,c@d.example\r\r\n\x1a",
         "CSV, header, addresses in column 2 \"email\"", "a@b.example c@d.example "},
        /* what stands above a header; a row is none of it */
        {"a.csv", "People, May 2026\n\nName,E-Mail\nAnn,a@b.example\n",
         "CSV, header below 2 other rows, addresses in column 2 \"E-Mail\"", "a@b.example "},
        {"a.csv", "\r\nName;E-Mail\r\nAnn;a@b.example\r\n",
         "CSV with ';', header below 1 other row, addresses in column 2 \"E-Mail\"",
         "a@b.example "},
        {"a.csv", "sep=;\nE-mail report;;\n;;\nName;Email;x\nAnn;a@b.example;1\nBob;;\n",
         "CSV with ';', header below 2 other rows, addresses in column 2 \"Email\"",
         "a@b.example  "},
        {"a.csv", "Made by x@y.example,\nName,Email\nAnn,a@b.example\n",
         "CSV, no header, addresses in column 2", " Email a@b.example "},
        {"a.csv", "Ann,Ann,1\nBob,email,\nCas,a@b.example,3\n",
         "CSV, no header, addresses in column 2", "Ann email a@b.example "},
        /* nor is a header that says it weakly, above somebody whose address is "email" */
        {"a.csv", "Name,Contact\nAnn,email\nBob,a@b.example\n",
         "CSV, header, addresses in column 2 \"Contact\"", "email a@b.example "},
        {"a.csv", "id,login\n1,mail\n2,a@b.example\n",
         "CSV, header, addresses in column 2 \"login\"", "mail a@b.example "},
        {"a.csv", "Mai;\nKunde;Kontakt\nAnn;E-Mail\nBob;a@b.example\n",
         "CSV with ';', header below 1 other row, addresses in column 2 \"Kontakt\"",
         "E-Mail a@b.example "},
        {"a.csv", "Report,Contact,\nid,E-Mail,Name\n1,a@b.example,Ann\n",
         "CSV, header below 1 other row, addresses in column 2 \"E-Mail\"", "a@b.example "},
        {"a.csv", "\nemail\na@b.example\n",
         "CSV, header below 1 other row, addresses in column 1 \"email\"", "a@b.example "},
        {"a.csv",
         "id,email,note\n1,a@b.example,\nAcme, Inc.,c@d.example,\n3,e@f.example,\n"
         "4,none,,x@y.example\n5,,x@y.example,\n6,none,z\n7,g@h.example,i,j\n",
         "CSV, header, addresses in column 2 \"email\"",
         "a@b.example c@d.example e@f.example none ! none g@h.example "},
        /* what hides in quotes that are letters is seen, as the rows are read later */
        {"a.csv",
         "id,email,size,cc\n1,a@b.example,\"24,x@y.example\n2,c@d.example,17\",\n"
         "3,none,5,x@y.example,so,so\n",
         "CSV, header, addresses in column 2 \"email\"", "a@b.example c@d.example !none "},
        /* further delimiters behind it; which of two it is can't be told */
        {"a.csv",
         "id,email,note\n1,a@b.example,\n2,a@b.example,\nAcme, Inc.,c@d.example,so, so\n"
         "Acme,Inc,c@d.example,e@f.example,so\nAcme,Inc,e@@f.example,\n",
         "CSV, header, addresses in column 2 \"email\"",
         "a@b.example a@b.example c@d.example !Inc e@@f.example "},
        /* somebody else's to the left of it: it is taken for none of these */
        {"a.csv",
         "name,cc,email,note\nA,,1@b.example,\nA,,2@b.example,\nA,,3@b.example,\n"
         "A,,4@b.example,\nA,x@y.example,a@b.example,\nAcme, Inc.,x@y.example,c@d.example,\n"
         "B,x@y.example,e@f.example,g@h.example, or so\nC,,e@f.example,g@h.example, or so\n"
         "Acme, Ltd.,x@y.example,none,\nAcme, Ltd., B,none,i@j.example,so\n",
         "CSV, header, addresses in column 3 \"email\"",
         "1@b.example 2@b.example 3@b.example 4@b.example a@b.example c@d.example e@f.example "
         "e@f.example x@y.example i@j.example "},
        {"a.csv",
         "name,cc,email\nA,x@y.example,1@b.example\nA,x@y.example,2@b.example\n"
         "A,,8@b.example\nA,,8@b.example\nA,,8@b.example\nA,,8@b.example\nA,,8@b.example\n"
         "\"A\",\"\",\"3@b.example\",\"z@z.example\"\nA, ,4@b.example,z@z.example\n"
         "A,none,5@b.example,z@z.example\n\"A\",\"none\",\"6@b.example\",\"z@z.example\"\n"
         "\"A\",\"\",\"\",\"z@z.example\"\nAcme, Inc.,x@y.example,7@b.example\n",
         "CSV, header, addresses in column 3 \"email\"",
         "1@b.example 2@b.example 8@b.example 8@b.example 8@b.example 8@b.example 8@b.example "
         "3@b.example 4@b.example !5@b.example !6@b.example ! "
         "7@b.example "},
        {"a.csv",
         "email,name\na@b.example,A\nc@d.example,C\n\"\",\"x@y.example\",\"B\"\n,x@y.example,B\n",
         "CSV, header, addresses in column 1 \"email\"", "a@b.example c@d.example ! ! "},
        {"a.csv",
         "cc,email,bcc\nx@y.example,a@b.example,\n,c@d.example,x@y.example\n"
         "Acme,x@y.example,e@f.example,\n",
         "CSV, header, addresses in column 2 \"email\" (column 3 \"bcc\" has addresses too)",
         "a@b.example c@d.example !x@y.example "},
        /* but not to where somebody else's stand */
        {"a.csv",
         "id,email,cc,note\n1,a@b.example,,\n2,c@d.example,boss@y.example,\n"
         "3,none,boss@y.example,late, ill\n4,none,,boss@y.example,\nAcme, Inc.,e@f.example,,\n"
         "Acme, Ltd., B,g@h.example,,\n",
         "CSV, header, addresses in column 2 \"email\"",
         "a@b.example c@d.example !none none e@f.example g@h.example "},
        /* rows that leave out their last cells: the header tells how wide the list is */
        {"a.csv",
         "id,email,name,cc,note\n1,a@b.example,N\n2,c@d.example,N\n3,none,N,boss@y.example,x\n"
         "4,e@f.example,\"N\nM\",,\"o\np\"\n",
         "CSV, header, addresses in column 2 \"email\"",
         "a@b.example c@d.example none e@f.example "},
        /* quotes that are the address's own */
        {"a.csv", "id,email\n1,\"a b\"@c.example\n2,\"a,b\"@c.example\n3,\"\"\"d\"\"@e.example\"\n",
         "CSV, header, addresses in column 2 \"email\"",
         "\"a b\"@c.example \"a,b\"@c.example \"d\"@e.example "},
        {"a.txt", "\"a b\"@c.example\nd@e.example\n", "CSV, no header, addresses in column 1",
         "\"a b\"@c.example d@e.example "},
        {"a.csv", "email,note\na@b.example,\"open\nc@d.example,x\ne@f.example,\"y\nz\"\n",
         "CSV, header, addresses in column 1 \"email\"", "a@b.example c@d.example e@f.example "},
        /* no quotes in these, whatever they look like; but one in the address is one too many */
        {"a.tsv", "id\temail\tsize\n1\ta@b.example\t\"3\n2\tc@d.example\t5\" x 3\"\n",
         "CSV with tabs, header, addresses in column 2 \"email\"", "a@b.example c@d.example "},
        {"a.csv", "id,email\n1,\"a@b.example\n2,c@d.example\n",
         "CSV, header, addresses in column 2 \"email\"", "!\"a@b.example c@d.example "},
        /* blank rows are rows only between others */
        {"a.csv", "id,email\n1,a@b.example\n\n\n2,c@d.example\n\n\n\n",
         "CSV, header, addresses in column 2 \"email\"", "a@b.example   c@d.example "},
        {"a.csv", "id;email;x\r\n;;\r\n1;a@b.example;\r\n;;\r\n;;\r\n",
         "CSV with ';', header, addresses in column 2 \"email\"", " a@b.example "},
        {"a.txt", "a@b.example\n\n  \n\n\nc@d.example\n", "plain text",
         "a@b.example       c@d.example "},
        {"a.txt", "a@b.example\n\n  \n\n\n", "plain text", "a@b.example "},
        {"a.csv", "id,email\n,\n\n1,a@b.example\n,\n,\n\n ,\n",
         "CSV, header, addresses in column 2 \"email\"", "  a@b.example "},
        {"a.json", "{\"email\":\"a@b.example\"}\n\n{\"email\":\"c@d.example\"}\n\n",
         "NDJSON, field \"email\"", "a@b.example  c@d.example "},
        /* two that could be it are said */
        {"a.csv", "id,Work,Private\n1,a@b.example,e@f.example\n2,c@d.example,g@h.example\n",
         "CSV, header, addresses in column 2 \"Work\" (column 3 \"Private\" has addresses too)",
         "a@b.example c@d.example "},
        /* one in a field that most objects lack does not outweigh many */
        {"a.json",
         "{\"email\":\"a@b.example\"}\n{\"email\":\"none\"}\n{\"email\":\"c@d.example\"}\n"
         "{\"email\":\"e@f.example\",\"user\":{\"email\":\"x@y.example\"}}\n",
         "NDJSON, field \"email\"", "a@b.example none c@d.example e@f.example "},
        {"a.json",
         "{\"Email\":\"x@y.example\"}\n{\"email\":\"none\"}\n{\"email\":\"\"}\n"
         "{\"email\":\"a@b.example\"}\n{\"email\":\"none\"}\n{\"email\":\"c@d.example\"}\n",
         "NDJSON, field \"email\"", "! none  a@b.example none c@d.example "},
        /* but those of a field with no such name are its own */
        {"a.json",
         "{\"email\":\"a@b.example\"}\n{\"x\":\"<1@y.example>\"}\n{\"x\":\"<2@y.example>\"}\n"
         "{\"x\":\"3@y.example\"}\n",
         "NDJSON, field \"email\"", "a@b.example ! ! ! "},
        {"a.csv", "\n\n\n", "CSV, nothing in it", ""},
        {"a.csv", "email\n", "CSV, header, addresses in column 1 \"email\"", ""},
        {"a.csv", "", "CSV, nothing in it", ""},
        {"a.txt", "", "plain text, nothing in it", ""},
        {"a.txt", "liste\n\nemail\na@b.example\nc@d.example\n", "plain text",
         "liste  email a@b.example c@d.example "},
        {"a.txt", "a@b.example", "plain text", "a@b.example "},
        /* no address book */
        {"a.csv", "dn: x,email\n1,a@b.example\n2,c@d.example\n",
         "CSV, header, addresses in column 2 \"email\"", "a@b.example c@d.example "},
        {"a.csv", "dn: x=y,email\n1: z,a@b.example\n",
         "CSV, header, addresses in column 2 \"email\"", "a@b.example "},
        {"a.csv", "dn: x=y,email", "CSV, header, addresses in column 2 \"email\"", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bulk_reader *reader =
            open_bytes(rows[i].name, rows[i].text, strlen(rows[i].text), 0);
        char found[200];

        if (strcmp(bulk_reader_format(reader)->note, rows[i].note) != 0)
            print_error("row %zu\n", i);
        assert_string_equal(bulk_reader_format(reader)->note, rows[i].note);
        addresses_of(reader, found, sizeof(found));
        assert_string_equal(found, rows[i].addresses);
        bulk_reader_close(reader);
    }
}

/* Somebody else's addresses do not win because one or some of the list's are bad or empty. */
static void lists_are_not_taken_for_their_owners(void **state)
{
    static const struct {
        const char *name, *head, *row,
            *bad; /* '#': the number of the row; '$': the owner's; `bad` is every tenth */
        bool is_owner_same;
        const char *note;
    } rows[] = {
        {"a.json", "", "{\"email\":\"u#@a.example\",\"owner\":{\"email\":\"b$@b.example\"}}\n",
         "{\"email\":\"bad\",\"owner\":{\"email\":\"b$@b.example\"}}\n", true,
         "NDJSON, field \"email\" (field \"owner.email\" has addresses too)"},
        {"a.json", "", "{\"created_by\":{\"email\":\"b$@b.example\"},\"email\":\"u#@a.example\"}\n",
         "{\"created_by\":{\"email\":\"b$@b.example\"},\"email\":\"\"}\n", false,
         "NDJSON, field \"email\" (field \"created_by.email\" has addresses too)"},
        {"a.json", "", "{\"email\":\"u#@a.example\",\"work_email\":\"b$@b.example\"}\n",
         "{\"email\":null,\"work_email\":\"b$@b.example\"}\n", false,
         "NDJSON, field \"email\" (field \"work_email\" has addresses too)"},
        /* whatever the name, it is the same in all */
        {"a.json", "", "{\"contact_email\":\"u#@a.example\",\"email\":\"b$@b.example\"}\n",
         "{\"contact_email\":\"\",\"email\":\"b$@b.example\"}\n", true,
         "NDJSON, field \"contact_email\" (field \"email\" has addresses too)"},
        {"a.csv", "E-Mail,contact_email\n", "u#@a.example,b$@b.example\n", "bad,b$@b.example\n",
         false,
         "CSV, header, addresses in column 1 \"E-Mail\" (column 2 \"contact_email\" has addresses "
         "too)"},
        {"a.csv", "contact_email,email\n", "b$@b.example,u#@a.example\n", "b$@b.example,\n", true,
         "CSV, header, addresses in column 2 \"email\" (column 1 \"contact_email\" has addresses "
         "too)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bulk_reader *reader;
        char text[8000];
        size_t len = (size_t)snprintf(text, sizeof(text), "%s", rows[i].head);

        for (unsigned k = 0; k < 50; k++) {
            const char *at = k % 10 == 0 ? rows[i].bad : rows[i].row;

            for (; *at != '\0'; at++) {
                if (*at == '#' || *at == '$')
                    len += (size_t)snprintf(text + len, sizeof(text) - len, "%u",
                                            *at == '$' && rows[i].is_owner_same ? 0 : k);
                else
                    text[len++] = *at;
                assert_true(len < sizeof(text) - 20);
            }
        }
        reader = open_bytes(rows[i].name, text, len, 0);
        assert_string_equal(bulk_reader_format(reader)->note, rows[i].note);
        bulk_reader_close(reader);
    }
}

/* Quotes that are letters hide none, and those of cells hide the ones in them. */
static void line_ends_are_found(void **state)
{
    static const struct {
        const char *text, *line_end;
    } rows[] = {
        {"a@b,5\" x\r\nc@d,\"two\nlines\"\r\ne@f,\"three\nlines\nhere\"\r\n", "\r\n"},
        {"a@b,5\" x\rc@d,\"two\nlines\"\re@f,\"three\nlines\nhere\"\r", "\r"},
        {"a@b,\"so \"\"5\"\" x\"\nc@d,\"two\r\nlines\"\ne@f,\"three\r\nlines\r\n\"\n", "\n"},
        {"\"a@b\"\n\"c@d\"\n", "\n"},
        {"a@b", "\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bulk_reader *reader = open_bytes("a.csv", rows[i].text, strlen(rows[i].text), 0);

        assert_string_equal(bulk_reader_format(reader)->line_end, rows[i].line_end);
        bulk_reader_close(reader);
    }
}

/* Rows whose quotes leave a doubt are told, and counted beyond those that are kept. */
static void doubts_are_kept(void **state)
{
    static const char text[] =
        "id,email,note\n1,a@b.example,\"open\n2,c@d.example,\"so\n3,e@f.example,x\"\n"
        "4,\"g@h.example\n5,i@j.example,\"two\nlines\"\n"
        "6,k@l.example,\"x\n7,k@l.example,\"x\n8,k@l.example,\"x\n9,k@l.example,\"x\n";
    static const uint64_t lines[] = {2, 3, 8, 9, 10};
    struct bulk_reader *reader = open_bytes("a.csv", text, sizeof(text) - 1, 0);
    const struct bulk_fault *kept;
    char found[200];
    uint64_t all;

    addresses_of(reader, found, sizeof(found));
    assert_string_equal(found, "a@b.example c@d.example !\"g@h.example i@j.example k@l.example "
                               "k@l.example k@l.example k@l.example ");
    assert_int_equal(bulk_reader_doubts(reader, &kept, &all), BULK_FAULTS_KEPT);
    assert_int_equal(all, 6);
    for (size_t i = 0; i < BULK_FAULTS_KEPT; i++) {
        assert_int_equal(kept[i].line, lines[i]);
        assert_string_equal(kept[i].file, "a.csv");
        assert_non_null(strstr(kept[i].why, i == 1 ? "look like rows" : "never closed"));
    }
    assert_int_equal(bulk_reader_faults(reader, &kept), 1);
    bulk_reader_close(reader);
}

static void bad_wishes_are_explained(void **state)
{
    static const struct {
        const char *text, *column, *message;
    } rows[] = {
        {"id,name,town\n1,Bob,Rome\n2,Ann,Oslo\n", NULL,
         "a.csv: no column looks like e-mail addresses; there are: 1 \"id\", 2 \"name\", 3 "
         "\"town\". "
         "Say which: --column NAME or N"},
        {"id,email\n1,a@b.example\n", "mail",
         "a.csv: there is no column \"mail\"; there are: 1 \"id\", 2 \"email\". Say which: "
         "--column NAME or N"},
        {"id,email\n1,a@b.example\n", "3",
         "a.csv: there is no column \"3\"; there are: 1 \"id\", 2 \"email\". Say which: --column "
         "NAME or N"},
        {"{}\n", NULL, "a.csv: no field looks like e-mail addresses. Say which: --field NAME"},
        {"{\"id\":1,\"who\":\"x\"}\n", NULL,
         "a.csv: no field looks like e-mail addresses; there are: \"id\", \"who\". Say which: "
         "--field "
         "NAME"},
        {"[\n  {\"email\":\"a@b.example\"}]", NULL,
         "a.csv: is one JSON array; give one object a line (jq -c '.[]' makes that)"},
        {"[\"a@b.example\", \"c@d.example\"]\n", NULL,
         "a.csv: is one JSON array; give one address a line (jq -r '.[]' makes that)"},
        {"{\"id\":1,\"email\":\"a@b.example\"}\n", "mail",
         "a.csv: no object has the field \"mail\"; there are: \"id\", \"email\". Say which: "
         "--field "
         "NAME"},
        {"\nbegin:vcard\r\nVERSION:3.0\r\n", NULL,
         "a.csv: is an address book of vCards; export the contacts as CSV"},
        {"dn: cn=Ann,mail=a@b.example\nmail: a@b.example\n", NULL,
         "a.csv: is an address book of LDIF; export the contacts as CSV"},
        {"dn: cn=Ann,\r\n mail=a@b.example\r\n ,o=B\r\ncn:: QW5u\r\nmail: a@b.example\r\n", NULL,
         "a.csv: is an address book of LDIF; export the contacts as CSV"},
        {"<!DOCTYPE html>\n<a href='mailto:a@b.example'>\n", NULL,
         "a.csv: is a web page or XML; a list is CSV, text, NDJSON or XLSX"},
        {"%PDF-1.7\n", NULL, "a.csv: is a PDF; a list is CSV, text, NDJSON or XLSX"},
        {"\x7f\x45LF\x02\x01\x01\x03@\x1b\x02", NULL,
         "a.csv: is not text; a list is CSV, text, NDJSON or XLSX"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bulk_format wanted = {
            .has_header = -1, .column = SIZE_MAX, .column_name = rows[i].column};
        struct bulk_reader *reader;
        struct error error = {0};

        assert_int_equal(bulk_reader_open_bytes("a.csv", slice_from_string(rows[i].text), 0,
                                                &wanted, &reader, &error),
                         ERROR_FORMAT);
        assert_string_equal(error.message, rows[i].message);
    }
}

static void a_workbook_that_is_none_is_refused(void **state)
{
    struct bulk_format wanted = {.has_header = -1, .column = SIZE_MAX};
    struct bulk_reader *reader;
    struct error error = {0};

    assert_int_equal(bulk_reader_open_bytes("a.xlsx", SLICE("email\na@b.example\n"), 0, &wanted,
                                            &reader, &error),
                     ERROR_FORMAT);
    assert_string_equal(error.message,
                        "a.xlsx: is no workbook, whatever its name says; save the list as .xlsx or "
                        "CSV again, or give it the ending of what it is");
}

static void a_column_can_be_named(void **state)
{
    static const struct {
        const char *name, *text, *addresses;
        enum bulk_kind kind;
    } rows[] = {
        {"Second", "first,second\na@b.example,c@d.example\n", "c@d.example ", BULK_KIND_UNKNOWN},
        {"2", "first,second\na@b.example,c@d.example\n", "c@d.example ", BULK_KIND_UNKNOWN},
        {"1", "a@b.example\nc@d.example\n", "a@b.example c@d.example ", BULK_KIND_UNKNOWN},
        {"b.c", "{\"email\":\"a@b.example\",\"b\":{\"c\":\"x\"}}\n", "x ", BULK_KIND_UNKNOWN},
        {"b.c", "{\"b.c\":1,\"b\":{\"c\":\"x\"}}\n", "1 ", BULK_KIND_NDJSON},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bulk_format wanted = {.kind = rows[i].kind,
                                     .has_header = -1,
                                     .column = SIZE_MAX,
                                     .column_name = rows[i].name};
        struct bulk_reader *reader;
        struct error error = {0};
        char found[100];

        assert_int_equal(bulk_reader_open_bytes("list", slice_from_string(rows[i].text), 0, &wanted,
                                                &reader, &error),
                         0);
        addresses_of(reader, found, sizeof(found));
        assert_string_equal(found, rows[i].addresses);
        bulk_reader_close(reader);
    }
}

/* A field that is named may stand far down, or in the first of several files alone. */
static void a_number_may_be_too_high(void **state)
{
    struct bulk_format wanted = {.has_header = -1, .column = 2};
    struct bulk_reader *reader;
    struct error error = {0};

    assert_int_equal(bulk_reader_open_bytes("a.csv", SLICE("id,email\n1,a@b.example\n"), 0, &wanted,
                                            &reader, &error),
                     ERROR_FORMAT);
    assert_string_equal(error.message, "a.csv: there is no column \"3\"; there are: 1 \"id\", 2 "
                                       "\"email\". Say which: --column NAME or N");
    /* a list that goes on may have longer rows than it began with */
    snprintf(wanted.line_end, sizeof(wanted.line_end), "\n");
    assert_int_equal(
        bulk_reader_open_bytes("a.csv", SLICE("id,email\n"), 0, &wanted, &reader, &error), 0);
    bulk_reader_close(reader);
}

/* A header that is longer than what is looked at otherwise. */
static void a_first_row_is_seen_whole(void **state)
{
    size_t commas = 2 * BULK_SOURCE_SAMPLE;
    char *text = malloc(2 * commas + 100), *end, found[100];
    struct bulk_reader *reader;

    assert_non_null(text);
    strcpy(text, "email");
    memset(text + 5, ',', commas);
    strcpy(text + 5 + commas, "\na@b.example");
    end = text + strlen(text);
    memset(end, ',', commas);
    strcpy(end + commas, "\n");
    reader = open_bytes("a.csv", text, strlen(text), 4096);
    assert_string_equal(bulk_reader_format(reader)->note,
                        "CSV, header, addresses in column 1 \"email\"");
    addresses_of(reader, found, sizeof(found));
    assert_string_equal(found, "a@b.example ");
    bulk_reader_close(reader);
    free(text);
}

static void a_field_may_come_late(void **state)
{
    static const struct {
        int before; /* rows without it */
        bool has_it;
        int code;
    } rows[] = {
        {10, true, 0},   {10, false, ERROR_FORMAT}, {600, true, 0}, {600, false, ERROR_FORMAT},
        {9000, true, 0}, {9000, false, 0}, /* longer than what is looked at */
    };
    char *text = malloc(9001 * 24);
    struct bulk_format wanted = {
        .kind = BULK_KIND_NDJSON, .has_header = -1, .column = SIZE_MAX, .column_name = "mail"};

    assert_non_null(text);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bulk_reader *reader;
        struct error error = {0};
        struct bulk_row row;
        size_t len = 0;
        int good = 0, code;

        for (int k = 0; k < rows[i].before; k++)
            len += (size_t)sprintf(text + len, "{\"email\":\"%d@b.ex\"}\n", k);
        if (rows[i].has_it)
            len += (size_t)sprintf(text + len, "{\"mail\":\"a@b.ex\"}\n");
        code = bulk_reader_open_bytes("a", slice_from(text, len), 0, &wanted, &reader, &error);
        assert_int_equal(code, rows[i].code);
        if (code != 0)
            continue;
        while ((code = bulk_reader_next(reader, &row, &error)) == 1)
            good += row.fault == NULL;
        assert_int_equal(code, 0);
        assert_int_equal(good, rows[i].has_it);
        assert_int_equal(row.number, rows[i].before + rows[i].has_it);
        bulk_reader_close(reader);
    }
    free(text);
}

/* Rows, numbers and lines of a list longer than the window, in pieces of every awkward size. */
static void a_long_list_in_pieces(void **state)
{
    enum {
        ROWS = 20000
    };
    static const size_t pieces[] = {0, 1, 7, 4096, 65537};
    char *text = malloc(ROWS * 64);
    size_t len = (size_t)sprintf(text, "id,note,email\r\n");

    for (int i = 1; i <= ROWS; i++)
        len += (size_t)sprintf(text + len,
                               i % 3 == 0 ? "%d,\"two\nlines, \"\"x\"\"\",u%d@b.example\r\n"
                                          : "%d,plain,u%d@b.example\r\n",
                               i, i);
    assert_true(len > 300000);
    for (size_t p = 0; p < ARRAY_LEN(pieces); p++) {
        struct bulk_reader *reader = open_bytes("x.csv", text, len, pieces[p]);
        const char *at = strchr(text, '\n') + 1;
        struct error error = {0};
        struct bulk_row row;
        uint64_t line = 2;

        assert_string_equal(bulk_reader_format(reader)->line_end, "\r\n");
        assert_int_equal(bulk_reader_format(reader)->columns, 3);
        assert_int_equal(bulk_reader_size(reader), len);
        for (int i = 1; i <= ROWS; i++) {
            char address[32];

            assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
            assert_int_equal(row.number, i);
            assert_int_equal(row.line, line);
            assert_memory_equal(row.raw.ptr, at, row.raw.len);
            assert_memory_equal(at + row.raw.len, "\r\n", 2);
            at += row.raw.len + 2;
            line += i % 3 == 0 ? 2 : 1;
            assert_int_equal(row.address.len, sprintf(address, "u%d@b.example", i));
            assert_memory_equal(row.address.ptr, address, row.address.len);
        }
        assert_int_equal(bulk_reader_next(reader, &row, &error), 0);
        assert_int_equal(bulk_reader_offset(reader), len);
        bulk_reader_close(reader);
    }
    free(text);
}

/* Text as UTF-16 of one order or the other. */
static size_t as_utf16(const char *ascii, bool is_big, bool has_bom, char *out)
{
    size_t len = 0;

    if (has_bom) {
        out[len++] = (char)(is_big ? 0xfe : 0xff);
        out[len++] = (char)(is_big ? 0xff : 0xfe);
    }
    for (; *ascii != '\0'; ascii++) {
        out[len++] = is_big ? '\0' : *ascii;
        out[len++] = is_big ? *ascii : '\0';
    }
    return len;
}

static void utf16_is_read(void **state)
{
    for (int i = 0; i < 8; i++) {
        char bytes[200], found[100];
        size_t len =
            as_utf16("id\temail\r\n1\ta@b.example\r\n2\tc@d.example\r\n", i & 1, i & 2, bytes);
        struct bulk_reader *reader = open_bytes("x.txt", bytes, len, i & 4 ? 1 : 0);

        assert_int_equal(bulk_reader_format(reader)->encoding, BULK_ENCODING_UTF16);
        assert_int_equal(bulk_reader_format(reader)->has_bom, (i & 2) != 0);
        assert_int_equal(bulk_reader_format(reader)->delimiter, '\t');
        addresses_of(reader, found, sizeof(found));
        assert_string_equal(found, "a@b.example c@d.example ");
        bulk_reader_close(reader);
    }
}

static size_t gzip(const char *text, size_t len, char *out, size_t size)
{
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)text;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)size;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static void gzip_is_inflated(void **state)
{
    char packed[400], found[100];
    size_t first = gzip("email\na@b.example\n", 18, packed, 200);
    size_t len = first + gzip("c@d.example\n", 12, packed + first, 190);
    static const size_t pieces[] = {0, 1, 3};

    memset(packed + len, 0, 5); /* padding */
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct bulk_reader *reader = open_bytes("x.csv.gz", packed, len + 5, pieces[i]);

        assert_true(bulk_reader_format(reader)->gzipped);
        assert_string_equal(bulk_reader_format(reader)->note,
                            "CSV, gzipped, header, addresses in column 1 \"email\"");
        addresses_of(reader, found, sizeof(found));
        assert_string_equal(found, "a@b.example c@d.example ");
        bulk_reader_close(reader);
    }
    for (size_t cut = 3; cut < len; cut++) {
        struct bulk_reader *reader;
        struct error error = {0};
        int code =
            bulk_reader_open_bytes("x.gz", slice_from(packed, cut), 0, NULL, &reader, &error);

        if (cut == first) { /* a whole member */
            assert_int_equal(code, 0);
            bulk_reader_close(reader);
            continue;
        }
        assert_int_equal(code, ERROR_FORMAT);
        assert_non_null(strstr(error.message, "cut off"));
    }
    packed[15] ^= 0x55;
    {
        struct bulk_reader *reader;
        struct error error = {0};

        assert_int_equal(
            bulk_reader_open_bytes("x.gz", slice_from(packed, len), 0, NULL, &reader, &error),
            ERROR_FORMAT);
        assert_non_null(strstr(error.message, "damaged"));
    }
}

/* Each of them is somebody's: none is chosen, and no row is invalid for it. */
static void several_addresses_in_a_cell(void **state)
{
    static const struct {
        const char *cell;
        bool is_readable;
    } rows[] = {
        {"a@b.example", true},
        {"\"a@b.example, c@d.example\"", false},
        {"a@b.example;c@d.example", false},
        {"a@b.example/c@d.example", false},
        {"a@b.example c@d.example", false},
        {"\"Ann <a@b.example>, \"\"Bob, jr.\"\" <c@d.example>\"", false},
        {"a@b.example and x@@", true},                   /* no second one */
        {"a@b.example <A@B.example>", true},             /* the same */
        {"\"\"\"a@b.example,c@d\"\"@e.example\"", true}, /* one, quoted */
        {"@@", true},
        {"a@b.example@d.example", true},           /* none at all */
        {"\"Ann <\"\"a@b\"\"@c.example>\"", true}, /* one, quoted */
        {"a@b.example\xc2\xa0z@d.example", false},
        {"a@b.example\xef\xbc\x9bz@d.example", false},
        {"a@b.example\xe3\x80\x81z@d.example", false},
        {"a@b.example\xe2\x80\x93z@d.example", false},
        {"a@b.example\xe2\x80\x8bz@d.example", false},
        {"a@b.example\xc2\xb7z@d.example", false},
        {"a@b.example:c@d.example", false},
        {"a@b.example&c@d.example", false},
        {"a@b.example\\c@d.example", false},
        {"a@b.example_c@d.example", false},
        {"a@b.example.;c@d.example.", false},
        {"a@b.example. c@d.example.", false},
        {"\xc3\xbc@b\xc3\xbc.example c@d.example", false},
        {"a@b.example\xe5\x92\x8cz@d.example", false}, /* a letter between them */
        {"a@b\xc3\xbc.example\xe5\x92\x8c\xe6\x88\x96z@d.example", false},
        {"a@\xe4\xbe\x8b.\xe4\xbe\x8bz@d.example", false},
        {"a@b\xc3\xbc@d.example", true},
        /* one of them is none: the other is somebody's all the same */
        {"a@b..example;c@d.example", false},
        {"\"c@d.example, a@b..example\"", false},
        {"a@@b.example c@d.example", false},
        {"Ann @ Acme <a@b.example>", true},
        {"Ann @Acme a@b.example", true},
        {"a@b.example or c@", true},
        {"Ann c@b@d.example", true},
        {"a@@b.example", true},
        {"a@b..example;c@d..example", true},
        {"a@b.example@d.example", true},
        {"\xc3\xbc@b\xc3\xbc.example. <\xc3\xbc@b\xc3\xbc.example>", true},
        {"\"\"\"a@b\"\"@c.example; d@e.example\"", false},
        /* one, and other text as in other cells or columns */
        {"\"Cas,c@d.example,x\"", false},
        {"\"c@d.example, Cas, x\"", false},
        {"\"c@d.example, Cas\"", true}, /* a remark */
        {"Cas    c@d.example", false},
        {"Cas;c@d.example", false},
        {"\"c@d.example, \"", true},
        {"\"c@d,example\"", true}, /* a slip */
        {"\"c@x.d,example\"", true},
        {"\"Cas, C <c@d.example>\"", true},
        {"Cas c@d.example", true},
        {"\"\"\"a,b  c\"\"@d.example\"", true},
        {"c@d.example\rCas,e@f.example", false}, /* two rows: the first one's line ends otherwise */
        {"c@d.example\r", true},
        {"\"Bob\r\n\"", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bulk_reader *reader;
        struct bulk_row row;
        char text[200];

        snprintf(text, sizeof(text), "name,email\nAnn,x@y.example\nBob,%s\n", rows[i].cell);
        reader = open_bytes("x.csv", text, strlen(text), 0);
        assert_int_equal(bulk_reader_next(reader, &row, NULL), 1);
        assert_int_equal(bulk_reader_next(reader, &row, NULL), 1);
        if ((row.fault == NULL) != rows[i].is_readable)
            print_error("row %zu\n", i);
        assert_int_equal(row.fault == NULL, rows[i].is_readable);
        assert_false(row.fault != NULL && bulk_fault_is_no_address(slice_from_string(row.fault)));
        bulk_reader_close(reader);
    }
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void several_files(void **state)
{
    static const struct {
        const char *texts[3], *addresses, *message;
    } rows[] = {
        {{"id,email\n1,a@b.example\n", "ID, Email\n2,c@d.example\n", "id,email\n"},
         "a@b.example c@d.example ",
         NULL},
        {{"id,email\n1,a@b.example\n", "2,c@d.example\n3,e@f.example", "id,email\n4,g@h.example\n"},
         "a@b.example c@d.example e@f.example g@h.example ",
         NULL},
        {{"id,email\n1,a@b.example\n", "id,email\n2,m\xfcll@d.example\n", "id,email\n"},
         "a@b.example m\xc3\xbcll@d.example ",
         NULL},
        {{"id,email\n1,a@b.example\n", "email,id\nc@d.example,2\n", ""}, NULL, "is not like"},
        {{"a@b.example\n", "c@d.example", "e@f.example\n"},
         "a@b.example c@d.example e@f.example ",
         NULL},
        {{"{\"email\":\"a@b.example\"}\n", "{\"id\":1}\n{\"id\":2}\n",
          "{\"email\":\"c@d.example\"}\n"},
         "a@b.example ! ! c@d.example ",
         NULL},
        {{"{\"email\":\"a@b.example\"}\n", "\n", "{\n"}, "a@b.example ! ", NULL},
        {{"a@b.example\n", "x@y.example\n", "id,email\n1,c@d.example\n"},
         NULL,
         "2: is no plain text"},
        {{"a@b.example\n", "{\"email\":\"c@d.example\"}\n", ""}, NULL, "1: is no plain text"},
        {{"{\"email\":\"a@b.example\"}\n", "c@d.example\n", ""}, NULL, "1: is no NDJSON"},
        /* an empty one first does not tell what the list is like */
        {{"", "id,email\n1,a@b.example\n", "id,email\n2,c@d.example\n"},
         "a@b.example c@d.example ",
         NULL},
        {{"\n\n", "", "id,email\n1,a@b.example\n"}, "a@b.example ", NULL},
        {{"", "id,email\n1,a@b.example\n", "a@b.example\n"}, NULL, "2: is not like"},
        {{"", "{\"email\":\"a@b.example\"}\n", "{\"email\":1}"}, "a@b.example 1 ", NULL},
        {{"", "", ""}, "", NULL},
        /* a piece that begins with a longer row than others */
        {{"id,email\n1,a@b.example\n2,c@d.example\n",
          "3,e@f.example,x\n4,g@h.example\nAcme, Inc.,i@j.example\n", ""},
         "a@b.example c@d.example e@f.example g@h.example i@j.example ",
         NULL},
        /* or with one whose address was moved by a name, where most rows are as the list's */
        {{"name,email\nAnn,a@b.example\n", "Acme, Inc.,c@d.example\nBob,e@f.example\n", ""},
         "a@b.example c@d.example e@f.example ",
         NULL},
        {{"name,email\nAnn,a@b.example\n",
          "Acme,Ann,c@d.example\nBest,Bob,e@f.example\nCo,Cas,g@h.example\n", ""},
         NULL,
         "1: is not like"},
        /* or with one that has no address, where those below it have theirs in the same place */
        {{"name,email\nAnn,a@b.example\n", "Bob,\nCas,c@d.example\n", "Dan, \nEve,e@f.example\n"},
         "a@b.example ! c@d.example !  e@f.example ",
         NULL},
        {{"name,email\nAnn,a@b.example\n", "c@d.example,\ne@f.example,Bob\n", ""},
         NULL,
         "1: is not like"},
        /* or that has it nowhere, as it is the only one, or of words that name no column */
        {{"name,email\nAnn,a@b.example\n", "Bob,\n", "Cas\n\n"}, "a@b.example ! ! ", NULL},
        {{"name,email\nAnn,a@b.example\n", "Bob,n/a\n", "Cas,-\nDan,c@d.example\n"},
         "a@b.example !n/a !- c@d.example ",
         NULL},
        {{"name,email\nAnn,a@b.example\n", "Firma,E-Mail\n", ""}, NULL, "1: is not like"},
        {{"name,email\nAnn,a@b.example\n", "Firma,Kontakt\nBob,c@d.example\n", ""},
         NULL,
         "1: is not like"},
        {{"name,email\nAnn,a@b.example\n", "Bob,n/a\nc@d.example,Cas\n", ""},
         NULL,
         "1: is not like"},
        {{"name,email\nAnn,a@b.example\n", "c@d.example,Bob\n", ""}, NULL, "1: is not like"},
        {{"name,email\nAnn,a@b.example\n", "id,\n", ""}, "a@b.example ! ", NULL},
        {{"name,email\nAnn,a@b.example\n", "name,\n", ""}, NULL, "1: is not like"},
        /* a list without such a line may go on in a piece with one */
        {{"name;email\nAnn;a@b.example\n", "sep=;\nBob;\nCas;c@d.example\n", ""},
         "a@b.example ! c@d.example ",
         NULL},
        /* where more stands above the header */
        {{"Of May\n\nname,email\nAnn,a@b.example\n", "Of June\n\nName,Email\nBob,c@d.example\n",
          "Cas,e@f.example\n"},
         "a@b.example c@d.example e@f.example ",
         NULL},
        {{"name,email\nAnn,a@b.example\n", "\n,\nName,Email\nBob,c@d.example\n", ""},
         "a@b.example c@d.example ",
         NULL},
        {{"name,email\nAnn,a@b.example\n", "Of June,\nName,Email\nBob,c@d.example\n", ""},
         "a@b.example ! Email c@d.example ",
         NULL},
        /* but not what is wider than what stands above the first one's: it may be a row */
        {{"Report,\nname,email\nAnn,a@b.example\n", "Bob,n/a\nname,email\nCas,c@d.example\n",
          "June\nname,email\nDan,e@f.example\n"},
         "a@b.example !n/a email c@d.example e@f.example ",
         NULL},
        /* rows go to the output as they are: there they would be of one cell */
        {{"name,email\nAnn,a@b.example\n", "sep=;\nname;email\nCas;c@d.example\n", ""},
         NULL,
         "1: is not like"},
        {{"name,email\nAnn,a@b.example\n", "", "sep=;\nCas;c@d.example\n"},
         NULL,
         "its delimiter is another"},
        {{"email\na@b.example\n", "sep=;\nc@d.example;x\n", ""}, NULL, "its delimiter is another"},
        {{"email\na@b.example\n", "sep=;\nemail\nc@d.example\n", "sep=,\nemail\ne@f.example\n"},
         "a@b.example c@d.example e@f.example ",
         NULL},
        /* a header that is empty above the addresses */
        {{"name,email,x\nAnn,a@b.example,1\n", "id,, X \nBob,c@d.example,2\n", ""},
         NULL,
         "1: is not like"},
        /* what is for spreadsheets stands before a row as well as before a header */
        {{"sep=;\nid;email\n1;a@b.example\n", "sep=;\n2;c@d.example\n3;e@f.example\n",
          "sep=;\nid;email\n4;g@h.example\n"},
         "a@b.example c@d.example e@f.example g@h.example ",
         NULL},
    };
    char folder[] = "/tmp/mk-reader-XXXXXX", paths[3][64];
    const char *files[3] = {paths[0], paths[1], paths[2]};

    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < 3; i++)
        snprintf(paths[i], sizeof(paths[i]), "%s/%zu", folder, i);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bulk_reader *reader;
        struct error error = {0};
        char found[200];
        int code;

        for (size_t k = 0; k < 3; k++)
            write_file(paths[k], rows[i].texts[k]);
        code = bulk_reader_open(files, 3, NULL, &reader, &error);
        if (rows[i].message != NULL) {
            assert_int_equal(code, ERROR_FORMAT);
            assert_non_null(strstr(error.message, rows[i].message));
            continue;
        }
        if (code != 0)
            print_error("row %zu: %s\n", i, error.message);
        assert_int_equal(code, 0);
        addresses_of(reader, found, sizeof(found));
        assert_string_equal(found, rows[i].addresses);
        assert_int_equal(bulk_reader_offset(reader), bulk_reader_size(reader));
        bulk_reader_close(reader);
    }
    for (size_t i = 0; i < 3; i++)
        unlink(paths[i]);
    rmdir(folder);
}

/* Whether a piece's first row names columns of the list takes as long as both are long, and not one
   times the other (minutes). */
static void first_rows_are_long(void **state)
{
    enum {
        COLUMNS = 50000
    };
    static const struct {
        const char *last; /* cell of the second file's first row, whose first is blank */
        bool is_row;
    } rows[] = {{"x", true}, {" C49999", false}};
    char folder[] = "/tmp/mk-reader-XXXXXX", paths[2][64];
    const char *files[2] = {paths[0], paths[1]};

    assert_non_null(mkdtemp(folder));
    for (size_t k = 0; k < 2; k++)
        snprintf(paths[k], sizeof(paths[k]), "%s/%zu", folder, k);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buffer texts[2];
        struct bulk_reader *reader;

        for (size_t k = 0; k < 2; k++) {
            buffer_init(&texts[k], 0);
            buffer_append_string(&texts[k], k == 0 ? "email" : "");
            for (unsigned c = 1; c < COLUMNS; c++)
                buffer_printf(&texts[k], k == 0 ? ",c%u" : ",d%u", c);
            buffer_printf(&texts[k], k == 0 ? ",d\na@b.example" : ",%s\nc@d.example", rows[i].last);
            for (unsigned c = 0; c < COLUMNS; c++)
                buffer_append_byte(&texts[k], ',');
            buffer_append(&texts[k], "\n", 2);
            assert_false(texts[k].failed);
            write_file(paths[k], texts[k].ptr);
            buffer_done(&texts[k]);
        }
        assert_int_equal(bulk_reader_open(files, 2, NULL, &reader, NULL),
                         rows[i].is_row ? 0 : ERROR_FORMAT);
        if (rows[i].is_row)
            bulk_reader_close(reader);
    }
    for (size_t k = 0; k < 2; k++)
        unlink(paths[k]);
    rmdir(folder);
}

/* Rows are named by the line on which they stand, whatever stands before them. */
static void lines_of_several_files(void **state)
{
    static const struct {
        const char *texts[2];
        uint64_t lines[2];
    } rows[] = {
        {{"id,email\n1,a@b.example\n", "id,email\n2,c@d.example\n"}, {2, 2}},
        {{"id,email\n1,a@b.example\n", "2,c@d.example\n"}, {2, 1}},
        {{"sep=;\ni;email\n1;a@b.example\n", "sep=;\ni;email\n2;c@d.example\n"}, {3, 3}},
        {{"sep=;\ni;email\n1;a@b.example\n", "sep=;\n2;c@d.example\n"}, {3, 2}},
        {{"\"i\nd\",email\n1,a@b.example\n", "\"i\nd\",email\n2,c@d.example\n"}, {3, 3}},
    };
    char folder[] = "/tmp/mk-reader-XXXXXX", paths[2][64];
    const char *files[2] = {paths[0], paths[1]};

    assert_non_null(mkdtemp(folder));
    for (size_t k = 0; k < 2; k++)
        snprintf(paths[k], sizeof(paths[k]), "%s/%zu", folder, k);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bulk_reader *reader;
        struct error error = {0};
        struct bulk_row row;

        for (size_t k = 0; k < 2; k++)
            write_file(paths[k], rows[i].texts[k]);
        assert_int_equal(bulk_reader_open(files, 2, NULL, &reader, &error), 0);
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(bulk_reader_next(reader, &row, &error), 1);
            assert_string_equal(row.file, paths[k]);
            assert_int_equal(row.line, rows[i].lines[k]);
        }
        bulk_reader_close(reader);
    }
    for (size_t k = 0; k < 2; k++)
        unlink(paths[k]);
    rmdir(folder);
}

static void missing_files_are_named(void **state)
{
    const char *files[] = {"/nowhere/list.csv", "/tmp"};
    struct bulk_reader *reader;
    struct error error = {0};

    assert_int_equal(bulk_reader_open(&files[0], 1, NULL, &reader, &error), ERROR_IO);
    assert_string_equal(error.message,
                        "/nowhere/list.csv: can't be opened: No such file or directory");
    assert_int_equal(bulk_reader_open(&files[1], 1, NULL, &reader, &error), ERROR_IO);
    assert_string_equal(error.message, "/tmp: is a folder; name the file in it");
}

/* Every allocation in turn fails: an error, no leak, no crash. */
static void memory_runs_out(void **state)
{
    static const char text[] = "id,email\n1,\"a\"\"b@c.example\"\n2,m\xfcll@d.example\n";
    bool done = false;

    for (int64_t n = 0; n < 1000 && !done; n++) {
        struct bulk_reader *reader = NULL;
        struct error error = {0};
        struct bulk_row row;
        int code;

        memory_fail_after(n);
        code = bulk_reader_open_bytes("x", slice_from_string(text), 0, NULL, &reader, &error);
        if (code == 0)
            while ((code = bulk_reader_next(reader, &row, &error)) == 1)
                continue;
        memory_fail_after(-1);
        bulk_reader_close(reader);
        assert_true(code == 0 || code == ERROR_NOMEM);
        done = code == 0;
    }
    assert_true(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_found),
        cmocka_unit_test(lists_are_not_taken_for_their_owners),
        cmocka_unit_test(line_ends_are_found),
        cmocka_unit_test(doubts_are_kept),
        cmocka_unit_test(bad_wishes_are_explained),
        cmocka_unit_test(a_workbook_that_is_none_is_refused),
        cmocka_unit_test(a_column_can_be_named),
        cmocka_unit_test(a_number_may_be_too_high),
        cmocka_unit_test(a_first_row_is_seen_whole),
        cmocka_unit_test(a_long_list_in_pieces),
        cmocka_unit_test(utf16_is_read),
        cmocka_unit_test(gzip_is_inflated),
        cmocka_unit_test(a_field_may_come_late),
        cmocka_unit_test(several_addresses_in_a_cell),
        cmocka_unit_test(several_files),
        cmocka_unit_test(first_rows_are_long),
        cmocka_unit_test(lines_of_several_files),
        cmocka_unit_test(missing_files_are_named),
        cmocka_unit_test(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
