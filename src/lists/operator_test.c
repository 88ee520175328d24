/* Tests of the operator's lists. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "lists/operator.h"

#define BLOCK (1u << LISTS_OPERATOR_BLOCK)
#define ALLOW (1u << LISTS_OPERATOR_ALLOW)

static unsigned match(const struct lists_operator *lists, const char *local, const char *domain)
{
    return lists_operator_match(lists, slice_from_string(local), slice_from_string(domain));
}

static unsigned match_mx(const struct lists_operator *lists, const char *host)
{
    return lists_operator_match_mx(lists, slice_from_string(host));
}

static const char text[] = "\xef\xbb\xbf# opted out by telephone\r\n"
                           "\r\n"
                           "John.Smith@Example.COM   # a comment\r\n"
                           "blocked.example\r\n"
                           "@only.example\r\n"
                           "  mx:Mail.Trap.example\t# a host\r\n"
                           "a#b@hash.example\r\n"
                           "b\xc3\xbc"
                           "cher.example\r\n"
                           "user@[192.0.2.1]\r\n"
                           "john.smith@example.com";

static void entries_match_what_they_say(void **state)
{
    static const struct {
        const char *local, *domain;
        bool matches;
    } rows[] = {
        {"john.smith", "example.com", true},
        {"JOHN.SMITH", "example.com", true},
        {"john", "example.com", false},
        {"john.smith", "sub.example.com", false},
        {"x", "blocked.example", true},
        {"x", "a.b.blocked.example", true},
        {"x", "notblocked.example", false},
        {"x", "example", false},
        {"x", "only.example", true},
        {"x", "sub.only.example", false},
        {"a#b", "hash.example", true},
        {"a", "hash.example", false},
        {"x", "xn--bcher-kva.example", true},
        {"user", "[192.0.2.1]", true},
        {"user", "[192.0.2.2]", false},
        {"x", "mail.trap.example", false}, /* "mx:" speaks of mail hosts */
        {"", "", false},
        {"", "only.example", true},
    };
    struct lists_operator *lists = lists_operator_new();
    struct error error = {0};

    assert_int_equal(lists_operator_load(lists, LISTS_OPERATOR_BLOCK, SLICE(text), &error), 0);
    assert_int_equal(lists_operator_count(lists, LISTS_OPERATOR_BLOCK), 7);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (match(lists, rows[i].local, rows[i].domain) != (rows[i].matches ? BLOCK : 0))
            fail_msg("%s@%s", rows[i].local, rows[i].domain);
    }
    assert_int_equal(match_mx(lists, "mail.trap.example"), BLOCK);
    assert_int_equal(match_mx(lists, "mx1.mail.trap.example"), BLOCK);
    assert_int_equal(match_mx(lists, "trap.example"), 0);
    assert_int_equal(match_mx(lists, "blocked.example"), 0);
    assert_int_equal(match_mx(lists, ""), 0);
    lists_operator_free(lists);
}

static void kinds_are_kept_apart(void **state)
{
    struct lists_operator *lists = lists_operator_new();

    assert_int_equal(match(lists, "x", "example.com"), 0);
    assert_int_equal(match_mx(lists, "example.com"), 0);
    assert_int_equal(lists_operator_load(lists, LISTS_OPERATOR_BLOCK, SLICE("example.com"), NULL),
                     0);
    assert_int_equal(
        lists_operator_load(lists, LISTS_OPERATOR_ALLOW, SLICE("ann@example.com\n"), NULL), 0);
    assert_int_equal(match(lists, "ann", "example.com"), BLOCK | ALLOW);
    assert_int_equal(match(lists, "bob", "example.com"), BLOCK);
    assert_int_equal(lists_operator_load(lists, LISTS_OPERATOR_ALLOW, SLICE("example.com"), NULL),
                     0);
    assert_int_equal(match(lists, "bob", "example.com"), BLOCK | ALLOW);
    assert_int_equal(lists_operator_count(lists, LISTS_OPERATOR_ALLOW), 2);
    assert_int_equal(lists_operator_count(lists, LISTS_OPERATOR_BLOCK), 1);
    assert_int_equal(lists_operator_count(lists, LISTS_OPERATOR_TRAP), 0);
    lists_operator_free(lists);
    lists_operator_free(NULL);
}

/*
 * "+" begins a tag in names of plus.example; those of all other domains have one spelling. Quotes
 * that are not needed are left out, as everywhere.
 */
static size_t spell(struct slice local, struct slice domain, char out[ADDRESS_WIRE_SIZE])
{
    ptrdiff_t plus = slice_find_byte(local, '+');

    if (plus > 0 && slice_equal(domain, SLICE("plus.example")))
        local = slice_prefix(local, (size_t)plus);
    if (slice_equal(local, SLICE("\"\"")))
        local = SLICE_EMPTY;
    return (size_t)snprintf(out, ADDRESS_WIRE_SIZE, "%.*s@%.*s", SLICE_ARG(local),
                            SLICE_ARG(domain));
}

static void an_address_stands_for_its_mailbox(void **state)
{
    static const struct {
        const char *local, *domain;
        unsigned bits;
    } rows[] = {
        {"ann", "plus.example", BLOCK},   {"Ann+x", "plus.example", BLOCK},
        {"ann+y", "plus.example", BLOCK}, {"anna", "plus.example", 0},
        {"bob+x", "plus.example", ALLOW}, {"bob", "plus.example", ALLOW},
        {"BOB+y", "plus.example", ALLOW}, {"ann+x", "one.example", BLOCK},
        {"ann", "one.example", 0},        {"", "plus.example", 0},
        {"user+x", "[192.0.2.1]", BLOCK}, {"user", "[192.0.2.1]", 0},
        {"x+y", "sub.plus.example", 0},   {"\"\"", "whole.example", BLOCK},
        {"ann", "whole.example", 0},
    };
    struct lists_operator *lists = lists_operator_new();

    lists_operator_heed_spellings(lists, spell);
    assert_int_equal(lists_operator_load(lists, LISTS_OPERATOR_BLOCK,
                                         SLICE("ann@plus.example\nann+x@one.example\n"
                                               "user+x@[192.0.2.1]\n\"\"@whole.example"),
                                         NULL),
                     0);
    assert_int_equal(
        lists_operator_load(lists, LISTS_OPERATOR_ALLOW, SLICE("Bob+x@Plus.example"), NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (match(lists, rows[i].local, rows[i].domain) != rows[i].bits)
            fail_msg("%s@%s", rows[i].local, rows[i].domain);
    assert_int_equal(lists_operator_count(lists, LISTS_OPERATOR_BLOCK), 4);
    assert_int_equal(lists_operator_count(lists, LISTS_OPERATOR_ALLOW), 1);
    lists_operator_free(lists);
}

static void a_bad_line_is_named(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"a.example\n\nnot a domain\n", "line 3: \"not?a?domain\""},
        {"word", "line 1: \"word\""},
        {"@", "line 1: "},
        {"mx:", "line 1: "},
        {"mx:@x.example", "line 1: "},
        {"a@", "line 1: "},
        {"a@b@c.example", "line 1: "},
        {"a..b@c.example", "line 1: "},
        {"-x.example", "line 1: "},
        {"x_y.example", "line 1: "},
        {".example.com", "line 1: "},
        {"example.com.", "line 1: "},
        {"*.example.com", "line 1: "},
        {"[192.0.2.1]", "line 1: "},
        {"\xff.example", "line 1: \"?.example\""},
        {"good.example\na.example, b.example", "line 2: "},
    };
    static char longest[5000];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lists_operator *lists = lists_operator_new();
        struct error error = {0};

        if (lists_operator_load(lists, LISTS_OPERATOR_BLOCK, slice_from_string(rows[i].text),
                                &error) != ERROR_FORMAT ||
            strncmp(error.message, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("%s: \"%s\"", rows[i].text, error.message);
        lists_operator_free(lists);
    }
    memset(longest, 'x', sizeof(longest));
    struct lists_operator *lists = lists_operator_new();
    assert_int_equal(lists_operator_load(lists, LISTS_OPERATOR_BLOCK,
                                         slice_from(longest, sizeof(longest)), NULL),
                     ERROR_FORMAT);
    /* The lines before a bad one count; NUL is a byte like others. */
    assert_int_equal(lists_operator_load(lists, LISTS_OPERATOR_BLOCK,
                                         slice_from("a.example\nb\0.example", 20), NULL),
                     ERROR_FORMAT);
    assert_int_equal(match(lists, "x", "a.example"), BLOCK);
    lists_operator_free(lists);
}

static void empty_texts_are_empty_lists(void **state)
{
    static const char *const texts[] = {"", "\n", "#", "# x\n\t\n \r\n", "\xef\xbb\xbf"};
    struct lists_operator *lists = lists_operator_new();

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(
            lists_operator_load(lists, LISTS_OPERATOR_TRAP, slice_from_string(texts[i]), NULL), 0);
    assert_int_equal(lists_operator_count(lists, LISTS_OPERATOR_TRAP), 0);
    lists_operator_free(lists);
}

/* Whatever allocation fails, the list stays whole and can be loaded again. */
static void the_nth_allocation_may_fail(void **state)
{
    for (int64_t n = 0;; n++) {
        struct lists_operator *lists;
        struct error error = {0};
        int code;

        memory_fail_after(n);
        lists = lists_operator_new();
        if (lists != NULL)
            lists_operator_heed_spellings(lists, spell);
        code = lists != NULL ? lists_operator_load(lists, LISTS_OPERATOR_BLOCK, SLICE(text), &error)
                             : ERROR_NOMEM;
        memory_fail_after(-1);
        assert_true(code == 0 || code == ERROR_NOMEM);
        if (lists != NULL && code != 0) {
            assert_int_equal(strncmp(error.message, "line ", 5), 0);
            assert_int_equal(lists_operator_load(lists, LISTS_OPERATOR_BLOCK, SLICE(text), NULL),
                             0);
        }
        if (lists != NULL) {
            assert_int_equal(lists_operator_count(lists, LISTS_OPERATOR_BLOCK), 7);
            assert_int_equal(match(lists, "x", "only.example"), BLOCK);
        }
        lists_operator_free(lists);
        if (code == 0) {
            assert_true(n > 5);
            break;
        }
    }
}

/* Every prefix of the text loads or is refused without a byte read past its end. */
static void texts_cut_anywhere_stay_inside(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
    for (size_t len = 0; len < sizeof(text); len++) {
        struct lists_operator *lists = lists_operator_new();
        char *bytes = map + page - len;
        int code;

        memcpy(bytes, text, len);
        code = lists_operator_load(lists, LISTS_OPERATOR_BLOCK, slice_from(bytes, len), NULL);
        assert_true(code == 0 || code == ERROR_FORMAT);
        lists_operator_match(lists, SLICE("x"), slice_from(bytes, len));
        lists_operator_match_mx(lists, slice_from(bytes, len));
        lists_operator_free(lists);
    }
    munmap(map, 2 * page);
}

static void names_of_kinds_differ(void **state)
{
    for (int a = 0; a < LISTS_OPERATOR_KIND_COUNT; a++) {
        for (int b = 0; b < a; b++)
            assert_string_not_equal(lists_operator_kind_name((enum lists_operator_kind)a),
                                    lists_operator_kind_name((enum lists_operator_kind)b));
    }
    assert_string_equal(lists_operator_kind_name(LISTS_OPERATOR_OPT_OUT), "opt_out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_match_what_they_say),
        cmocka_unit_test(kinds_are_kept_apart),
        cmocka_unit_test(an_address_stands_for_its_mailbox),
        cmocka_unit_test(a_bad_line_is_named),
        cmocka_unit_test(empty_texts_are_empty_lists),
        cmocka_unit_test(the_nth_allocation_may_fail),
        cmocka_unit_test(texts_cut_anywhere_stay_inside),
        cmocka_unit_test(names_of_kinds_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
