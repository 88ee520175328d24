/* Tests of the address parser: rows of input and outcome, hostile input, and the output forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "address/address.h"
#include "address/char_class.h"
#include "address/punycode.h"
#include "address/tld.h"
#include "base/check.h"

#define TEXT(literal) (literal), sizeof(literal) - 1

static const char sixty_four[] = "1234567890123456789012345678901234567890123456789012345678901234";

static void faults_are_named_with_their_offset(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum address_diagnosis diagnosis;
        size_t offset;
    } rows[] = {
        {TEXT(""), ADDRESS_EMPTY, 0},
        {TEXT(" \t "), ADDRESS_EMPTY, 0},
        {TEXT("john"), ADDRESS_NO_AT, 4},
        {TEXT("\"john\""), ADDRESS_NO_AT, 6},
        {TEXT("john\xef\xbc\xa0gmail.com"), ADDRESS_NO_AT, 16},
        {TEXT("@x.com"), ADDRESS_LOCAL_EMPTY, 0},
        {TEXT(".a@x.com"), ADDRESS_LOCAL_DOT_START, 0},
        {TEXT("a.@x.com"), ADDRESS_LOCAL_DOT_END, 1},
        {TEXT("a..b@x.com"), ADDRESS_LOCAL_DOT_DOUBLE, 2},
        {TEXT("a b@x.com"), ADDRESS_LOCAL_SPACE, 1},
        {TEXT("a\tb@x.com"), ADDRESS_LOCAL_SPACE, 1},
        {TEXT("a\0@x.com"), ADDRESS_LOCAL_CONTROL, 1},
        {TEXT("a\r@x.com"), ADDRESS_LOCAL_CONTROL, 1},
        {TEXT("\na@x.com"), ADDRESS_LOCAL_CONTROL, 0},
        {TEXT("a@x.com\n"), ADDRESS_DOMAIN_CONTROL, 7},
        {TEXT("a(b)@x.com"), ADDRESS_LOCAL_COMMENT, 1},
        {TEXT("a,b@x.com"), ADDRESS_LOCAL_BAD_CHAR, 1},
        {TEXT("a\"b\"@x.com"), ADDRESS_LOCAL_BAD_CHAR, 1},
        {TEXT("\"ab@x.com"), ADDRESS_QUOTE_UNCLOSED, 0},
        {TEXT("\"ab@x.com\\"), ADDRESS_QUOTE_UNCLOSED, 0},
        {TEXT("\"a\tb\"@x.com"), ADDRESS_QUOTE_BAD_CHAR, 2},
        {TEXT("\"a\nb\"@x.com"), ADDRESS_QUOTE_BAD_CHAR, 2},
        {TEXT("\"a\\\nb\"@x.com"), ADDRESS_QUOTE_BAD_ESCAPE, 2},
        {TEXT("\"\\\xc3\xa9\"@x.com"), ADDRESS_QUOTE_BAD_ESCAPE, 1},
        {TEXT("\"a\"b@x.com"), ADDRESS_QUOTE_NOT_WHOLE, 3},
        {TEXT("a@"), ADDRESS_DOMAIN_EMPTY, 2},
        {TEXT("a@.x.com"), ADDRESS_DOMAIN_DOT_START, 2},
        {TEXT("a@\xe3\x80\x82x.com"), ADDRESS_DOMAIN_DOT_START, 2},
        {TEXT("a@x.com."), ADDRESS_DOMAIN_DOT_END, 7},
        {TEXT("a@\xc3\xbc.com."), ADDRESS_DOMAIN_DOT_END, 8},
        {TEXT("a@x..com"), ADDRESS_DOMAIN_DOT_DOUBLE, 4},
        {TEXT("a@\xc3\xbc..com"), ADDRESS_DOMAIN_DOT_DOUBLE, 5},
        {TEXT("a@x y.com"), ADDRESS_DOMAIN_SPACE, 3},
        {TEXT("a@x\x7f.com"), ADDRESS_DOMAIN_CONTROL, 3},
        {TEXT("a@x\0.com"), ADDRESS_DOMAIN_CONTROL, 3},
        {TEXT("a@\xc3\xbc\0.com"), ADDRESS_DOMAIN_CONTROL, 4},
        {TEXT("a@x(y).com"), ADDRESS_DOMAIN_COMMENT, 3},
        {TEXT("a@b@x.com"), ADDRESS_DOMAIN_SECOND_AT, 3},
        {TEXT("a@b_c.com"), ADDRESS_DOMAIN_UNDERSCORE, 3},
        {TEXT("a@\xc3\xbc_c.com"), ADDRESS_DOMAIN_UNDERSCORE, 4},
        {TEXT("a@\xc3\xbc;x.com"), ADDRESS_DOMAIN_BAD_CHAR, 4},
        {TEXT("a@gmail,com"), ADDRESS_DOMAIN_BAD_CHAR, 7},
        {TEXT("a@\xe2\x80\xae.com"), ADDRESS_DOMAIN_IDNA, 2},
        {TEXT("a@x.\xef\xbc\xbf.com"), ADDRESS_DOMAIN_IDNA, 4}, /* maps to "_" */
        {TEXT("a@x.\xe1\xbf\xaf.com"), ADDRESS_DOMAIN_IDNA, 4}, /* maps to "`" */
        {TEXT("a@\xc2\xad.com"), ADDRESS_DOMAIN_IDNA, 2},       /* maps to nothing */
        {TEXT("a@\xef\xb8\x8f.com"), ADDRESS_DOMAIN_IDNA, 2},   /* a selector alone */
        {TEXT("a@\xef\xbf\xbd.com"), ADDRESS_DOMAIN_IDNA, 2},   /* U+FFFD */
        {TEXT("a@-\xe2\x9d\xa4.com"), ADDRESS_DOMAIN_IDNA, 2},
        {TEXT("a@\xe2\x84\xa2\xe2\x9d\xa4.com"), ADDRESS_DOMAIN_IDNA, 2}, /* U+2122 is mapped */
        {TEXT("a@-x.com"), ADDRESS_LABEL_HYPHEN, 2},
        {TEXT("a@x-.com"), ADDRESS_LABEL_HYPHEN, 3},
        {TEXT("a@xn--.com"), ADDRESS_LABEL_HYPHEN, 5},
        {TEXT("a@-\xc3\xbc.com"), ADDRESS_DOMAIN_IDNA, 2},
        {TEXT("a@x.com-"), ADDRESS_LABEL_HYPHEN, 7},
        {TEXT("a@[]"), ADDRESS_LITERAL_EMPTY, 3},
        {TEXT("a@["), ADDRESS_LITERAL_UNCLOSED, 2},
        {TEXT("a@[192.0.2.1"), ADDRESS_LITERAL_UNCLOSED, 2},
        {TEXT("a@[192.0.2.1]x"), ADDRESS_LITERAL_TRAILING, 13},
        {TEXT("a@[192.0.2.256]"), ADDRESS_LITERAL_BAD, 6},
        {TEXT("a@[192.0.2]"), ADDRESS_LITERAL_BAD, 6},
        {TEXT("a@[2001:db8::1]"), ADDRESS_LITERAL_BAD, 3},
        {TEXT("a@[1:2:3:4:5:6:7:8]"), ADDRESS_LITERAL_BAD, 3},
        {TEXT("a@[tag:]"), ADDRESS_LITERAL_BAD, 6},
        {TEXT("a@[tag-:x]"), ADDRESS_LITERAL_BAD, 7},
        {TEXT("a@[tag:x\ny]"), ADDRESS_LITERAL_BAD, 8},
        {TEXT("a@[IPv6:]"), ADDRESS_LITERAL_IPV6, 8},
        {TEXT("a@[IPv6:1:2:3:4:5:6:7]"), ADDRESS_LITERAL_IPV6, 8},
        {TEXT("a@[IPv6:1:2:3:4:5:6:7:8:9]"), ADDRESS_LITERAL_IPV6, 8},
        {TEXT("a@[IPv6:1:2:3:4::5:6:7:8]"), ADDRESS_LITERAL_IPV6, 8},
        {TEXT("a@[IPv6:1::2::3]"), ADDRESS_LITERAL_IPV6, 8},
        {TEXT("a@[IPv6:1:2:3:4:5:6:7:]"), ADDRESS_LITERAL_IPV6, 8},
        {TEXT("a@[IPv6::1]"), ADDRESS_LITERAL_IPV6, 8},
        {TEXT("a@[IPv6:12345::]"), ADDRESS_LITERAL_IPV6, 8},
        {TEXT("a@[IPv6:1:2:3:4:5:6:7:192.0.2.1]"), ADDRESS_LITERAL_IPV6, 8},
        {TEXT("\xff@x.com"), ADDRESS_BAD_UTF8, 0},
        {TEXT("a@x.com\xc3"), ADDRESS_BAD_UTF8, 7},
        {TEXT("\xed\xa0\x80@x.com"), ADDRESS_BAD_UTF8, 0},
        {TEXT("(\xff)@x.com"), ADDRESS_BAD_UTF8, 1},
        {TEXT(" a@x.com"), ADDRESS_OUTER_SPACE, 0},
        {TEXT("a@x.com \t"), ADDRESS_OUTER_SPACE, 7},
        {TEXT(" a b@x.com"), ADDRESS_LOCAL_SPACE, 0},
        {TEXT("A B <a@x.com>"), ADDRESS_DISPLAY_NAME, 4},
        {TEXT(" <a@x.com> "), ADDRESS_DISPLAY_NAME, 1},
        {TEXT("A\nB <a@x.com>"), ADDRESS_LOCAL_CONTROL, 1},
        {TEXT("A B <a@-x.com>"), ADDRESS_LOCAL_SPACE, 1},
    };
    struct address address;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_false(address_parse(rows[i].bytes, rows[i].len, &address));
        if (address.diagnosis != rows[i].diagnosis || address.offset != rows[i].offset)
            fail_msg("row %zu \"%s\": got %s at %zu, expected %s at %zu", i, rows[i].bytes,
                     address_diagnosis_name(address.diagnosis), address.offset,
                     address_diagnosis_name(rows[i].diagnosis), rows[i].offset);
        assert_int_equal(address.flags, 0);
        assert_int_equal(address.local.len + address.domain.len + address.domain_ascii_len, 0);
        assert_int_equal(address_deliverable_form(&address), ADDRESS_FORM_REJECT);
    }
}

#define F(name) ADDRESS_FLAG_##name

static void mailboxes_are_accepted_with_their_flags(void **state)
{
    enum {
        R = ADDRESS_FORM_REJECT,
        G = ADDRESS_FORM_ACCEPT_FLAGGED,
        A = ADDRESS_FORM_ACCEPT,
    };
    static const struct {
        const char *text;
        uint32_t flags;
        int form;
        const char *wire; /* NULL: as the text */
    } rows[] = {
        {"John.Doe@Example.COM", 0, A, "John.Doe@example.com"},
        {"!#$%&'*+-/=?^_`{|}~@x.org", 0, A, NULL},
        {"a@1.fm", 0, A, NULL},
        {"\"\"@x.com", F(QUOTED_LOCAL) | F(EMPTY_QUOTED), G, NULL},
        {"\"a @b\\\"\"@x.com", F(QUOTED_LOCAL), G, NULL},
        {"a@localhost", F(SINGLE_LABEL) | F(TLD_SPECIAL_USE), G, NULL},
        {"a@com", F(SINGLE_LABEL), G, NULL},
        {"a@mi-nus", F(SINGLE_LABEL), G, NULL},
        {"a@1.2.3.4", F(NUMERIC_TLD), R, NULL},
        {"a@123", F(NUMERIC_TLD) | F(SINGLE_LABEL), R, NULL},
        {"a@x.c", F(TLD_ONE_LETTER), R, NULL},
        {"a@x.c0m", F(TLD_NOT_ALPHABETIC), R, NULL},
        {"a@x.xn--0", F(TLD_NOT_ALPHABETIC) | F(FAKE_ALABEL), R, NULL},
        {"a@x.nosuchtld", F(TLD_NOT_DELEGATED), G, NULL},
        {"a@x.test", F(TLD_SPECIAL_USE), G, NULL},
        {"a@XN--BCHER-KVA.de", 0, A, "a@xn--bcher-kva.de"},
        {"a@xn--a.com", F(FAKE_ALABEL), G, NULL},
        {"a@ab--cd.com", F(FAKE_ALABEL), G, NULL},
        {"a@b\xc3\xbc"
         "cher.de",
         F(IDN), A, "a@xn--bcher-kva.de"},
        {"a@B\xc3\xbc"
         "cher.DE",
         F(IDN) | F(IDN_MAPPED), A, "a@xn--bcher-kva.de"},
        {"a@fa\xc3\x9f.de", F(IDN), A, "a@xn--fa-hia.de"},
        {"a@gmail\xef\xbc\x8e"
         "com",
         F(IDN) | F(IDN_MAPPED), A, "a@gmail.com"},
        {"a@\xef\xbd\x87mail.com", F(IDN) | F(IDN_MAPPED), A, "a@gmail.com"},
        {"a@a\xc2\xb7"
         "b.cat",
         F(IDN) | F(IDN_DISPUTED), G, "a@xn--ab-0ea.cat"},
        {"a@i\xe2\x9d\xa4.ws", F(IDN) | F(IDN_DISPUTED), G, "a@xn--i-7iq.ws"},
        {"a@I\xe2\x9d\xa4\xef\xb8\x8f.ws", F(IDN) | F(IDN_DISPUTED), G, "a@xn--i-7iq.ws"},
        {"a@\xf0\x9f\x92\xa9.la", F(IDN) | F(IDN_DISPUTED), G, "a@xn--ls8h.la"},
        {"a@l\xc2\xb7l.cat", F(IDN), A, "a@xn--ll-0ea.cat"},
        {"a@xn--a.\xc3\xbc.com", F(IDN) | F(FAKE_ALABEL), G, "a@xn--a.xn--tda.com"},
        {"\xc3\xa9@x.com", F(SMTPUTF8), A, NULL},
        {"\"\xc3\xa9\"@x.com", F(SMTPUTF8) | F(QUOTED_LOCAL), G, NULL},
        {"\xf0\x9f\x98\x80@x.com", F(SMTPUTF8) | F(LOCAL_SYMBOLS), G, NULL},
        {"a\xef\xbb\xbf@x.com", F(SMTPUTF8) | F(LOCAL_UNSAFE_UNICODE), G, NULL},
        {"a\xe2\x80\x8c"
         "b@x.com",
         F(SMTPUTF8), A, NULL},
        {"a@[192.0.2.1]", F(ADDRESS_LITERAL), G, NULL},
        {"a@[192.0.02.1]", F(ADDRESS_LITERAL) | F(LEADING_ZERO), G, NULL},
        {"a@[ipV6:2001:DB8::1]", F(ADDRESS_LITERAL), G, NULL},
        {"a@[IPv6:::]", F(ADDRESS_LITERAL), G, NULL},
        {"a@[IPv6:1:2:3:4:5:6:7::]", F(ADDRESS_LITERAL) | F(IPV6_ONE_GROUP), G, NULL},
        {"a@[IPv6:::ffff:192.0.2.1]", F(ADDRESS_LITERAL), G, NULL},
        {"a@[x-tag:data]", F(ADDRESS_LITERAL) | F(UNKNOWN_TAG), R, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char wire[ADDRESS_WIRE_SIZE];
        struct address address, again;
        size_t len;

        if (!address_parse(rows[i].text, strlen(rows[i].text), &address))
            fail_msg("%s: %s at %zu", rows[i].text, address_diagnosis_name(address.diagnosis),
                     address.offset);
        if (address.flags != rows[i].flags)
            fail_msg("%s: flags %x, expected %x", rows[i].text, address.flags, rows[i].flags);
        assert_int_equal(address_deliverable_form(&address), rows[i].form);
        len = address_format_wire(&address, wire);
        assert_int_equal(len, strlen(wire));
        assert_string_equal(wire, rows[i].wire != NULL ? rows[i].wire : rows[i].text);
        assert_true(address_parse(wire, strlen(wire), &again));
        assert_string_equal(again.domain_ascii, address.domain_ascii);
        assert_int_equal(address_needs_smtputf8(&address), (rows[i].flags & F(SMTPUTF8)) != 0);
    }
}

static void what_is_remembered_is_all_that_was_said(void **state)
{
    static const struct {
        const char *text;
        uint8_t local_len; /* 0: nothing is */
    } rows[] = {
        {"a@b.example", 1},
        {"Anna.Berg+x=!#@Mail.EXAMPLE.com", 14},
        {"1234567890123456789012345678901234567890123456789012345678901234@x.example", 64},
        {"a@xn--mller-kva.example", 1},
        {"m\xc3\xbc@b.example", 3},
        {"\"a@b\"@b.example", 5},
        {"a@M\xc3\xbcller.example", 0},
        {"a@[192.0.2.1]", 0},
        {"a@b@c.example", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *text = rows[i].text;
        struct address address, again;
        bool is_valid = address_parse(text, strlen(text), &address);
        struct address_memo memo = address_remember(&address);

        if (memo.local_len != rows[i].local_len)
            fail_msg("%s: %u", text, memo.local_len);
        assert_int_equal(address_parse_again(text, strlen(text), memo, &again), is_valid);
        assert_int_equal(again.diagnosis, address.diagnosis);
        assert_int_equal(again.offset, address.offset);
        assert_int_equal(again.flags, address.flags);
        assert_true(again.input.ptr == address.input.ptr && again.input.len == address.input.len);
        assert_true(again.local.ptr == address.local.ptr && again.local.len == address.local.len);
        assert_true(again.domain.ptr == address.domain.ptr);
        assert_int_equal(again.domain.len, address.domain.len);
        assert_int_equal(again.is_literal, address.is_literal);
        assert_int_equal(again.literal.family, address.literal.family);
        assert_int_equal(again.domain_ascii_len, address.domain_ascii_len);
        assert_string_equal(again.domain_ascii, address.domain_ascii);
    }
}

static void literals_give_their_address(void **state)
{
    static const struct {
        const char *text;
        const char *ip;
    } rows[] = {
        {"a@[192.0.2.1]", "192.0.2.1"},
        {"a@[010.000.2.1]", "10.0.2.1"},
        {"a@[IPv6:2001:db8::1]", "2001:db8::1"},
        {"a@[IPv6:::1]", "::1"},
        {"a@[IPv6:1::]", "1::"},
        {"a@[IPv6:::]", "::"},
        {"a@[IPv6:1:2:3:4:5:6:192.0.2.1]", "1:2:3:4:5:6:c000:201"},
        {"a@[IPv6:1:2:3:4:5:6:7:8]", "1:2:3:4:5:6:7:8"},
        {"a@[x-tag:data]", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address address;
        char text[IP_TEXT_SIZE];

        assert_true(address_parse(rows[i].text, strlen(rows[i].text), &address));
        assert_true(address.is_literal);
        assert_string_equal(address.domain_ascii, "");
        assert_string_equal(ip_format(&address.literal, text), rows[i].ip);
    }
}

/* Compose "local@domain" of the given lengths; the domain in labels of at most 50. */
static size_t compose(char *out, size_t local_len, size_t domain_len)
{
    memset(out, 'a', local_len + 1 + domain_len);
    out[local_len] = '@';
    for (size_t i = 50; i + 4 < domain_len; i += 51)
        out[local_len + 1 + i] = '.';
    memcpy(out + local_len + 1 + domain_len - 4, ".com", 4);
    return local_len + 1 + domain_len;
}

static void lengths_are_exact(void **state)
{
    static char text[2048];
    struct address address;

    assert_true(address_parse(text, compose(text, 64, 100), &address));
    assert_false(address_parse(text, compose(text, 65, 100), &address));
    assert_int_equal(address.diagnosis, ADDRESS_LOCAL_TOO_LONG);
    assert_int_equal(address.offset, 64);
    assert_true(address_parse(text, compose(text, 4, 249), &address));
    assert_false(address_parse(text, compose(text, 4, 250), &address));
    assert_int_equal(address.diagnosis, ADDRESS_ADDRESS_TOO_LONG);
    assert_false(address_parse(text, compose(text, 1, 255), &address));
    assert_int_equal(address.diagnosis, ADDRESS_ADDRESS_TOO_LONG);
    assert_false(address_parse(text, compose(text, 1, 256), &address));
    assert_int_equal(address.diagnosis, ADDRESS_DOMAIN_TOO_LONG);
    assert_int_equal(address.offset, 2 + 255);

    /* 64 octets with the quotes and the backslashes. */
    snprintf(text, sizeof(text), "\"%.60s\\a\"@x.com", sixty_four);
    assert_true(address_parse(text, strlen(text), &address));
    snprintf(text, sizeof(text), "\"%.61s\\a\"@x.com", sixty_four);
    assert_false(address_parse(text, strlen(text), &address));
    assert_int_equal(address.diagnosis, ADDRESS_LOCAL_TOO_LONG);

    snprintf(text, sizeof(text), "a@%.63s.com", sixty_four);
    assert_true(address_parse(text, strlen(text), &address));
    snprintf(text, sizeof(text), "a@%.64s.com", sixty_four);
    assert_false(address_parse(text, strlen(text), &address));
    assert_int_equal(address.diagnosis, ADDRESS_LABEL_TOO_LONG);

    /* The A-label form counts: 4 labels of 50 times U+044A are over 254 octets only as U-labels. */
    strcpy(text, "a@");
    for (int label = 0; label < 4; label++) {
        for (int i = 0; i < 50; i++)
            strcat(text, "\xd1\x8a");
        strcat(text, label < 3 ? "." : ".com");
    }
    assert_true(address_parse(text, strlen(text), &address));
    assert_true((address.flags & F(LENGTH_OF_WHICH_FORM)) != 0);
}

static void megabytes_are_refused(void **state)
{
    static const char *const units[] = {"a",  "a.", "@", "\"", "\\",           "\xc3\xa9",
                                        "a@", "<",  " ", "[",  "\xe3\x80\x82", "xn--a."};
    enum {
        SIZE = 1 << 20,
    };
    char *text = test_malloc(SIZE);

    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        for (int with_local = 0; with_local < 2; with_local++) {
            size_t unit_len = strlen(units[u]);
            struct address address;

            for (size_t i = 0; i < SIZE; i++)
                text[i] = units[u][i % unit_len];
            if (with_local)
                memcpy(text, "a@", 2);
            assert_false(address_parse(text, SIZE, &address));
            assert_int_not_equal(address.diagnosis, ADDRESS_VALID);
            assert_true(address.offset <= SIZE);
        }
    }
    test_free(text);
}

/* Every prefix, and every single byte put anywhere, against the end of a readable page. */
static void inputs_stand_against_a_guard_page(void **state)
{
    static const char *const seeds[] = {
        "john.doe@mail.example.com", "\"a \\\"b\"@x.co.uk", "\xc3\xa9@fa\xc3\x9f.xn--p1ai",
        "a@[IPv6:1:2::192.0.2.1]",   "A B <a@x.com>",
    };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct address address;

    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    for (size_t s = 0; s < ARRAY_LEN(seeds); s++) {
        for (size_t len = 1; len <= strlen(seeds[s]); len++) {
            char *bytes = pages + page - len;

            memcpy(bytes, seeds[s], len);
            address_parse(bytes, len, &address);
            for (int c = 0; c < 256; c++) {
                char saved = bytes[len - 1];

                bytes[len - 1] = (char)c;
                if (address_parse(bytes, len, &address))
                    assert_true(c != 0 && c != '\r' && c != '\n');
                bytes[len - 1] = saved;
            }
        }
    }
    munmap(pages, page * 2);
}

static void quotes_come_off(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"john@x.com", "john"},
        {"\"john doe\"@x.com", "john doe"},
        {"\"a\\\\b\\\"c\\d\"@x.com", "a\\b\"cd"},
        {"\"\"@x.com", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address address;
        char out[ADDRESS_LOCAL_MAX];
        size_t len;

        assert_true(address_parse(rows[i].text, strlen(rows[i].text), &address));
        len = address_unquote_local(&address, out);
        assert_true(slice_equal(slice_from(out, len), slice_from_string(rows[i].expected)));
    }
}

static void people_see_unicode(void **state)
{
    static const struct {
        const char *text;
        const char *display;
    } rows[] = {
        {"John@EXAMPLE.com", "John@example.com"},
        {"a@xn--bcher-kva.de", "a@b\xc3\xbc"
                               "cher.de"},
        {"e\xcc\x81@b\xc3\xbc"
         "cher.de",
         "\xc3\xa9@b\xc3\xbc"
         "cher.de"},
        {"a@xn--a.com", "a@xn--a.com"},
        {"a@i\xe2\x9d\xa4.ws", "a@xn--i-7iq.ws"},
        {"a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address address;
        char out[1024];
        size_t len;

        assert_true(address_parse(rows[i].text, strlen(rows[i].text), &address));
        len = address_format_display(&address, out, sizeof(out));
        assert_int_equal(len, strlen(out));
        assert_string_equal(out, rows[i].display);
    }
}

/* The character table, derived once more from the ranges of the RFCs. */
static void classes_are_those_of_the_rfcs(void **state)
{
    for (int b = 0; b < 256; b++) {
        bool alnum = (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');
        bool atext = alnum || (b != 0 && b < 128 && strchr("!#$%&'*+-/=?^_`{|}~", b) != NULL);
        bool qtext = (b >= 32 && b <= 33) || (b >= 35 && b <= 91) || (b >= 93 && b <= 126);
        bool dcontent = (b >= 33 && b <= 90) || (b >= 94 && b <= 126);

        assert_int_equal(char_is((char)b, CHAR_ATEXT), atext);
        assert_int_equal(char_is((char)b, CHAR_QTEXT), qtext);
        assert_int_equal(char_is((char)b, CHAR_LET_DIG), alnum);
        assert_int_equal(char_is((char)b, CHAR_DCONTENT), dcontent);
        assert_int_equal(char_is((char)b, CHAR_SPACE), b == ' ' || b == '\t');
        assert_int_equal(char_is((char)b, CHAR_CONTROL), (b < 32 && b != '\t') || b == 127);
        assert_int_equal(char_is((char)b, CHAR_HIGH), b > 127);
    }
}

static void top_levels_are_known(void **state)
{
    static const struct {
        const char *label;
        enum address_tld_kind kind;
    } rows[] = {
        {"com", ADDRESS_TLD_DELEGATED},
        {"aaa", ADDRESS_TLD_DELEGATED},
        {"zw", ADDRESS_TLD_DELEGATED},
        {"xn--p1ai", ADDRESS_TLD_DELEGATED},
        {"xn--vermgensberatung-pwb", ADDRESS_TLD_DELEGATED},
        {"museum", ADDRESS_TLD_DELEGATED},
        {"arpa", ADDRESS_TLD_SPECIAL},
        {"localhost", ADDRESS_TLD_SPECIAL},
        {"con", ADDRESS_TLD_UNKNOWN},
        {"COM", ADDRESS_TLD_UNKNOWN},
        {"", ADDRESS_TLD_UNKNOWN},
    };
    size_t found = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(address_tld_find(slice_from_string(rows[i].label)), rows[i].kind);
    /* Every entry of the table can be found where its hash says. */
    for (size_t slot = 0; slot < ADDRESS_TLD_SLOTS; slot++) {
        const uint8_t *entry = address_tld_text + address_tld_slots[slot];

        if (address_tld_slots[slot] == 0)
            continue;
        found++;
        assert_int_equal(address_tld_find(slice_from((const char *)entry + 2, entry[0])), entry[1]);
    }
    assert_true(found > 1400);
}

/* RFC 3492 7.1 (B), and labels that are well known. */
static void punycode_encodes_the_samples(void **state)
{
    static const struct {
        const char *encoded;
        size_t count;
        uint32_t code_points[24];
    } rows[] = {
        {"ihqwcrb4cv8a8dqg056pqjye",
         9,
         {0x4ed6, 0x4eec, 0x4e3a, 0x4ec0, 0x4e48, 0x4e0d, 0x8bf4, 0x4e2d, 0x6587}},
        {"bcher-kva", 6, {'b', 0xfc, 'c', 'h', 'e', 'r'}},
        {"ls8h", 1, {0x1f4a9}},
    };
    uint32_t many[PUNYCODE_MAX];
    char out[PUNYCODE_MAX];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = punycode_encode(rows[i].code_points, rows[i].count, out);

        assert_true(slice_equal(slice_from(out, len), slice_from_string(rows[i].encoded)));
    }
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = 0x1f300 + (uint32_t)i;
    assert_int_equal(punycode_encode(many, ARRAY_LEN(many), out), 0);
}

static void names_are_complete_and_unique(void **state)
{
    for (int i = 0; i < ADDRESS_DIAGNOSIS_COUNT; i++) {
        const char *sentence = address_diagnosis_sentence((enum address_diagnosis)i);

        assert_int_equal(sentence[strlen(sentence) - 1], '.');
        for (int j = 0; j < i; j++)
            assert_string_not_equal(address_diagnosis_name((enum address_diagnosis)i),
                                    address_diagnosis_name((enum address_diagnosis)j));
    }
    for (int i = 0; i < ADDRESS_FLAG_COUNT; i++)
        assert_true(strlen(address_flag_name((enum address_flag_index)i)) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_named_with_their_offset),
        cmocka_unit_test(mailboxes_are_accepted_with_their_flags),
        cmocka_unit_test(what_is_remembered_is_all_that_was_said),
        cmocka_unit_test(literals_give_their_address),
        cmocka_unit_test(lengths_are_exact),
        cmocka_unit_test(megabytes_are_refused),
        cmocka_unit_test(inputs_stand_against_a_guard_page),
        cmocka_unit_test(quotes_come_off),
        cmocka_unit_test(people_see_unicode),
        cmocka_unit_test(classes_are_those_of_the_rfcs),
        cmocka_unit_test(top_levels_are_known),
        cmocka_unit_test(punycode_encodes_the_samples),
        cmocka_unit_test(names_are_complete_and_unique),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
