/* Tests of the EHLO keyword parser. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "smtp/ehlo.h"
#include "smtp/reply.h"

enum {
    TLS = 1,
    PIPE = 2,
    UTF8 = 4,
    EIGHT = 8,
    CODES = 16,
    AUTH = 32,
    SIZE = 64
};

static const struct {
    const char *text;
    unsigned offered;
    uint64_t size_max;
} rows[] = {
    {"", 0, 0},
    {"mx.example", 0, 0},
    {"STARTTLS", 0, 0}, /* the first line is the greeting */
    {"mx.example | STARTTLS", TLS, 0},
    {"mx.example | starttls | Pipelining", TLS | PIPE, 0},
    {" | STARTTLS", TLS, 0},
    {"mx.example | PIPELINING | SIZE 10240000 | VRFY | ETRN | STARTTLS | ENHANCEDSTATUSCODES | "
     "8BITMIME | DSN | SMTPUTF8 | CHUNKING",
     PIPE | SIZE | TLS | CODES | EIGHT | UTF8, 10240000},
    {"mx.example | SIZE", SIZE, 0},
    {"mx.example | SIZE 0", SIZE, 0},
    {"mx.example | SIZE=5", SIZE, 5},
    {"mx.example | SIZE 99999999999999999999", SIZE, 0},
    {"mx.example | SIZE many", SIZE, 0},
    {"mx.example | AUTH LOGIN PLAIN", AUTH, 0},
    {"mx.example | AUTH=LOGIN", AUTH, 0},
    {"mx.example |   STARTTLS  ", TLS, 0},
    {"mx.example | STARTTLS\t", TLS, 0},
    {"mx.example | STARTTLSX | XSTARTTLS | XXXXXXXA | START TLS", 0, 0},
    {"mx.example |  | PIPELINING", PIPE, 0},
    {"mx.example | = | \xff\xfe | PIPELINING", PIPE, 0},
    {"mx.example|STARTTLS", 0, 0},
};

static unsigned offered(const struct smtp_ehlo *e)
{
    return (e->starttls ? TLS : 0) | (e->pipelining ? PIPE : 0) | (e->smtputf8 ? UTF8 : 0) |
           (e->eight_bit_mime ? EIGHT : 0) | (e->enhanced_codes ? CODES : 0) |
           (e->auth ? AUTH : 0) | (e->size ? SIZE : 0);
}

static void keywords_are_found(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct smtp_ehlo ehlo;

        memset(&ehlo, 0xff, sizeof(ehlo));
        smtp_ehlo_parse(slice_from_string(rows[i].text), &ehlo);
        if (offered(&ehlo) != rows[i].offered || ehlo.size_max != rows[i].size_max)
            fail_msg("%s: %x", rows[i].text, offered(&ehlo));
    }
}

static void keywords_come_through_the_reply_parser(void **state)
{
    static const char wire[] = "250-mx.example at your service\r\n250-SIZE 1000\r\n"
                               "250-STARTTLS\r\n250 SMTPUTF8\r\n";
    struct smtp_reply_parser parser;
    struct smtp_ehlo ehlo;
    size_t consumed;

    smtp_reply_parser_init(&parser);
    assert_int_equal(smtp_reply_feed(&parser, wire, sizeof(wire) - 1, &consumed), SMTP_REPLY_DONE);
    smtp_ehlo_parse(smtp_reply_parsed(&parser).text, &ehlo);
    assert_int_equal(offered(&ehlo), SIZE | TLS | UTF8);
    assert_int_equal(ehlo.size_max, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keywords_are_found),
        cmocka_unit_test(keywords_come_through_the_reply_parser),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
