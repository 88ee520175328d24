/* What messages say, also those that were made to keep their readers busy or to mislead them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/answer.h"
#include "dns/writer.h"

#define ASKED "asked.example"

static uint8_t bytes[DNS_MESSAGE_MAX];
static struct dns_writer writer;
static struct arena arena;

static int setup(void **state)
{
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    arena_done(&arena);
    return 0;
}

static void begin(uint16_t type, uint8_t rcode)
{
    struct dns_header query = {.id = 1, .recursion_desired = true};
    struct dns_question question = {.name = ASKED, .type = type};

    dns_writer_begin_answer(&writer, bytes, sizeof(bytes), &query, &question, rcode);
}

static struct dns_answer answer_to(uint16_t type, size_t len)
{
    struct dns_answer answer;

    assert_int_equal(dns_answer_read(&arena, ASKED, type, bytes, len, &answer), 0);
    return answer;
}

static struct dns_answer end(uint16_t type)
{
    return answer_to(type, dns_writer_end(&writer));
}

static void a_message_full_of_mx_is_cut(void **state)
{
    char host[64];
    struct dns_answer answer;
    unsigned count = 0;

    begin(DNS_TYPE_MX, DNS_RCODE_NOERROR);
    do
        (void)snprintf(host, sizeof(host), "m%u." ASKED, count);
    while (dns_writer_mx(&writer, ASKED, 60, (uint16_t)count, host) && ++count < 100000);
    assert_in_range(count, 2000, 99999); /* no message holds 100,000 */
    bytes[2] &= (uint8_t)~0x02;
    writer.overflowed = false;
    answer = end(DNS_TYPE_MX);
    assert_int_equal(answer.outcome, DNS_FOUND);
    assert_int_equal(answer.record_count, DNS_RECORDS_MAX);
    for (unsigned i = 0; i < answer.record_count; i++)
        assert_int_equal(answer.records[i].preference, i);
}

static void counts_that_lie_are_not_believed(void **state)
{
    struct dns_answer answer;
    size_t len;

    begin(DNS_TYPE_MX, DNS_RCODE_NOERROR);
    assert_true(dns_writer_mx(&writer, ASKED, 60, 1, "mx." ASKED));
    len = dns_writer_end(&writer);
    bytes[6] = bytes[7] = 0xff; /* 65,535 answers */
    answer = answer_to(DNS_TYPE_MX, len);
    assert_int_equal(answer.outcome, DNS_BOGUS);
    assert_int_equal(answer.record_count, 0);
}

static void huge_texts_are_cut(void **state)
{
    static char text[60000];
    struct dns_answer answer;
    struct buffer shown;

    memset(text, 'x', sizeof(text));
    begin(DNS_TYPE_TXT, DNS_RCODE_NOERROR);
    assert_true(dns_writer_txt(&writer, ASKED, 60, slice_from(text, sizeof(text))));
    answer = end(DNS_TYPE_TXT);
    assert_int_equal(answer.outcome, DNS_FOUND);
    assert_int_equal(answer.record_count, 1);
    assert_int_equal(answer.records[0].text.len, 4096);
    buffer_init(&shown, 0);
    dns_answer_format(&answer, DNS_TYPE_TXT, &shown);
    assert_in_range(shown.len, 1000, 1010);
    buffer_done(&shown);
}

/* A chain of so many CNAMEs within one message. */
static struct dns_answer chain(unsigned length, const char *last)
{
    char from[64] = ASKED, to[64];

    begin(DNS_TYPE_A, DNS_RCODE_NOERROR);
    for (unsigned i = 1; i <= length; i++) {
        (void)snprintf(to, sizeof(to), "c%u.example", i);
        assert_true(dns_writer_name(&writer, from, 100 + i, DNS_TYPE_CNAME,
                                    i == length && last != NULL ? last : to));
        memcpy(from, to, sizeof(from));
    }
    return end(DNS_TYPE_A);
}

static void chains_end(void **state)
{
    struct ip ip = ip_v4(9, 9, 9, 9);
    struct dns_answer answer = chain(DNS_ALIASES_MAX, NULL);

    assert_int_equal(answer.outcome, DNS_FOUND); /* nothing is said of its end: to be asked */
    assert_string_equal(answer.alias, "c12.example");
    assert_int_equal(answer.alias_count, DNS_ALIASES_MAX);
    assert_int_equal(answer.ttl_s, 101);
    assert_int_equal(chain(DNS_ALIASES_MAX + 1, NULL).outcome, DNS_BOGUS);
    assert_int_equal(chain(3, ASKED).outcome, DNS_BOGUS);        /* a ring */
    assert_int_equal(chain(3, "c2.example").outcome, DNS_BOGUS); /* a hook */
    assert_int_equal(chain(1, ASKED).outcome, DNS_BOGUS);        /* to itself */
    /* In any order, and what belongs to nobody in the chain is left alone. */
    begin(DNS_TYPE_A, DNS_RCODE_NOERROR);
    assert_true(dns_writer_ip(&writer, "stray.example", 1, &ip));
    assert_true(dns_writer_ip(&writer, "c2.example", 60, &ip));
    assert_true(dns_writer_name(&writer, "c1.example", 70, DNS_TYPE_CNAME, "c2.example"));
    assert_true(dns_writer_name(&writer, ASKED, 80, DNS_TYPE_CNAME, "c1.example"));
    answer = end(DNS_TYPE_A);
    assert_int_equal(answer.outcome, DNS_FOUND);
    assert_int_equal(answer.record_count, 1);
    assert_int_equal(answer.ttl_s, 60);
    assert_null(answer.alias);
}

static void only_answers_to_the_question_count(void **state)
{
    struct dns_answer answer;
    size_t len;

    begin(DNS_TYPE_MX, DNS_RCODE_NOERROR);
    assert_true(dns_writer_mx(&writer, ASKED, 60, 1, "mx." ASKED));
    len = dns_writer_end(&writer);
    assert_int_equal(answer_to(DNS_TYPE_MX, len).outcome, DNS_FOUND);
    assert_int_equal(answer_to(DNS_TYPE_A, len).outcome, DNS_BOGUS);
    assert_int_equal(dns_answer_read(&arena, "other.example", DNS_TYPE_MX, bytes, len, &answer), 0);
    assert_int_equal(answer.outcome, DNS_BOGUS);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(answer_to(DNS_TYPE_MX, cut).outcome, DNS_BOGUS);
    bytes[2] &= 0x7f; /* no response */
    assert_int_equal(answer_to(DNS_TYPE_MX, len).outcome, DNS_BOGUS);
    bytes[2] |= 0x82; /* cut off */
    assert_int_equal(answer_to(DNS_TYPE_MX, len).outcome, DNS_BOGUS);
}

static void absence_lasts_as_long_as_its_soa_says(void **state)
{
    static const struct {
        uint8_t rcode;
        uint32_t ttl_s, minimum_s, lasts_s;
        enum dns_outcome outcome;
    } rows[] = {
        {DNS_RCODE_NXDOMAIN, 3600, 60, 60, DNS_NXDOMAIN},
        {DNS_RCODE_NXDOMAIN, 30, 60, 30, DNS_NXDOMAIN},
        {DNS_RCODE_NOERROR, 3600, 60, 60, DNS_NODATA},
        {DNS_RCODE_NOERROR, 3600, UINT32_MAX, 0, DNS_NODATA},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_answer answer;

        begin(DNS_TYPE_MX, rows[i].rcode);
        dns_writer_section(&writer, DNS_SECTION_AUTHORITY);
        assert_true(dns_writer_soa(&writer, "example", rows[i].ttl_s, "ns.example", "root.example",
                                   rows[i].minimum_s));
        answer = end(DNS_TYPE_MX);
        assert_int_equal(answer.outcome, rows[i].outcome);
        assert_int_equal(answer.ttl_s, rows[i].lasts_s);
    }
}

static size_t put(size_t at, const void *what, size_t len)
{
    memcpy(bytes + at, what, len);
    return at + len;
}

/*
 * As many records as fit, each owned by a name of as many pointers as a message can hold: 8,000
 * steps for each of 4,000 names, again for each of 12 CNAMEs, unless somebody counts.
 */
static void pointers_to_pointers_keep_nobody_busy(void **state)
{
    size_t at, first, last;
    uint16_t count = 0;

    begin(DNS_TYPE_A, DNS_RCODE_NOERROR);
    /* One record of an unknown type whose data are the pointers. */
    at = dns_writer_end(&writer);
    at = put(at, "\xc0\x0c\xff\x00\x00\x01\x00\x00\x00\x3c", 10);
    first = at + 2;
    last = first;
    for (size_t pointer = first; pointer < 0x3ff0; pointer += 2) {
        size_t target = pointer == first ? DNS_HEADER_LEN : pointer - 2;

        bytes[pointer] = (uint8_t)(0xc0 | target >> 8);
        bytes[pointer + 1] = (uint8_t)target;
        last = pointer;
    }
    bytes[at] = (uint8_t)((last + 2 - first) >> 8);
    bytes[at + 1] = (uint8_t)(last + 2 - first);
    at = last + 2;
    for (count = 1; at + 16 <= sizeof(bytes); count++) {
        bytes[at++] = (uint8_t)(0xc0 | last >> 8);
        bytes[at++] = (uint8_t)last;
        at = put(at, "\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x09\x09\x09\x09", 14);
    }
    bytes[6] = (uint8_t)(count >> 8);
    bytes[7] = (uint8_t)count;
    assert_int_equal(answer_to(DNS_TYPE_A, at).outcome, DNS_BOGUS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_full_of_mx_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_that_lie_are_not_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(huge_texts_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(chains_end, setup, teardown),
        cmocka_unit_test_setup_teardown(only_answers_to_the_question_count, setup, teardown),
        cmocka_unit_test_setup_teardown(absence_lasts_as_long_as_its_soa_says, setup, teardown),
        cmocka_unit_test_setup_teardown(pointers_to_pointers_keep_nobody_busy, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
