/* Tests of names, messages and the writer. */
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
#include "base/error.h"
#include "dns/message.h"
#include "dns/name.h"
#include "dns/writer.h"

static void names_round_trip(void **state)
{
    char label63[64], longest[254], one_more[256];
    const struct {
        const char *text;
        size_t wire_len; /* 0: refused */
        const char *canonical;
    } rows[] = {
        {"example.org", 13, "example.org"},
        {"EXAMPLE.Org.", 13, "example.org"},
        {".", 1, "."},
        {"", 1, "."},
        {"a\\.b.c", 7, "a\\.b.c"},
        {"\\000\\255.c", 6, "\\000\\255.c"},
        {"\\097b", 4, "ab"},
        {"\\\\.x", 5, "\\\\.x"},
        {"a b", 5, "a\\032b"},
        {"a..b", 0, NULL},
        {".a", 0, NULL},
        {"..", 0, NULL},
        {"a\\", 0, NULL},
        {"a\\256", 0, NULL},
        {"a\\25", 0, NULL},
        {label63, 65, label63},
        {longest, 255, longest},
        {one_more, 0, NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0, NULL},
    };

    memset(label63, 'x', 63);
    label63[63] = '\0';
    for (size_t i = 0; i < 253; i++)
        longest[i] = i % 2 == 0 ? 'a' : '.';
    longest[253] = '\0';
    snprintf(one_more, sizeof(one_more), "%s.a", longest);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t wire[DNS_NAME_WIRE_MAX];
        char text[DNS_NAME_SIZE];

        assert_int_equal(dns_name_to_wire(rows[i].text, wire), rows[i].wire_len);
        if (rows[i].wire_len == 0)
            continue;
        assert_int_equal(dns_name_read(wire, rows[i].wire_len, 0, text), rows[i].wire_len);
        assert_string_equal(text, rows[i].canonical);
    }
}

static void the_longest_text_fits(void **state)
{
    uint8_t wire[DNS_NAME_WIRE_MAX], again[DNS_NAME_WIRE_MAX];
    char text[DNS_NAME_SIZE];
    size_t at = 0;

    memset(wire, 0xff, sizeof(wire)); /* every octet four characters */
    for (; at + 64 < sizeof(wire); at += 64)
        wire[at] = 63;
    wire[at] = (uint8_t)(sizeof(wire) - 2 - at);
    wire[sizeof(wire) - 1] = 0;
    assert_int_equal(dns_name_read(wire, sizeof(wire), 0, text), sizeof(wire));
    assert_true(strlen(text) < DNS_NAME_SIZE);
    assert_int_equal(dns_name_to_wire(text, again), sizeof(wire));
    assert_memory_equal(again, wire, sizeof(wire));
}

static void hostile_names_are_refused(void **state)
{
    const struct {
        const char *bytes;
        size_t len, offset;
    } rows[] = {
        {"\xc0\x00", 2, 0},         /* to itself */
        {"\xc0\x02\xc0\x00", 4, 0}, /* forward */
        {"\x01"
         "a\xc0\x00",
         4, 0}, /* into itself */
        {"\x01"
         "a\xc0\x04\x01"
         "b\xc0\x00",
         8, 4}, /* back, then forward: a loop */
        {"\x01"
         "a\x00\xc0",
         4, 3}, /* half a pointer */
        {"\x05"
         "abc",
         4, 0}, /* label beyond the end */
        {"\x03"
         "abc",
         4, 0}, /* no end */
        {"\x40"
         "a\x00",
         3, 0}, /* reserved label types */
        {"\x80"
         "a\x00",
         3, 0},
        {"", 0, 0},
        {"\x00", 1, 1},
    };
    uint8_t chain[600];
    char text[DNS_NAME_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(
            dns_name_read((const uint8_t *)rows[i].bytes, rows[i].len, rows[i].offset, text), 0);
    /* Pointers all the way back, each with a label: too long in the end, never endless. */
    chain[0] = 0;
    for (size_t at = 1; at + 4 <= sizeof(chain); at += 4) {
        size_t target = at == 1 ? 0 : at - 4;

        chain[at] = 1;
        chain[at + 1] = 'x';
        chain[at + 2] = (uint8_t)(0xc0 | target >> 8);
        chain[at + 3] = (uint8_t)target;
    }
    assert_int_equal(dns_name_read(chain, sizeof(chain), 1 + 4 * 126, text), 1 + 4 * 127);
    assert_int_equal(strlen(text), 253);
    assert_int_equal(dns_name_read(chain, sizeof(chain), 1 + 4 * 127, text), 0);
    /* Pointers to pointers, no label between them: 8,000 in one message would be walked for each
       of its records. */
    chain[0] = 0;
    for (size_t at = 1; at + 2 <= sizeof(chain); at += 2) {
        size_t target = at == 1 ? 0 : at - 2;

        chain[at] = (uint8_t)(0xc0 | target >> 8);
        chain[at + 1] = (uint8_t)target;
    }
    assert_int_equal(dns_name_read(chain, sizeof(chain), 1 + 2 * 126, text), 1 + 2 * 127);
    assert_int_equal(dns_name_read(chain, sizeof(chain), 1 + 2 * 127, text), 0);
}

static void askable_names(void **state)
{
    assert_true(dns_name_is_askable("example.org"));
    assert_true(dns_name_is_askable("_dmarc.example.org"));
    assert_true(dns_name_is_askable("localhost"));
    assert_true(dns_name_is_askable("1.2.3.4.in-addr.arpa"));
    assert_false(dns_name_is_askable(""));
    assert_false(dns_name_is_askable("."));
    assert_false(dns_name_is_askable("example.org."));
    assert_false(dns_name_is_askable("a..b"));
    assert_false(dns_name_is_askable("192.0.2.1"));
    assert_false(dns_name_is_askable("a b.org"));
    assert_false(dns_name_is_askable("a\\046b.org"));
    assert_false(dns_name_is_askable("m\xc3\xbcller.de"));
    assert_false(dns_name_is_askable(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.org"));
}

/* A message with one of everything. */
static size_t sample(uint8_t *out, size_t size, struct dns_writer *writer)
{
    struct dns_header query = {.id = 0x1234, .recursion_desired = true};
    struct dns_question question = {.name = "example.org", .type = DNS_TYPE_ANY};
    struct ip v4 = ip_v4(192, 0, 2, 7), v6;
    char text[600];

    memset(text, 't', sizeof(text));
    assert_true(ip_parse(SLICE("2001:db8::25"), &v6));
    dns_writer_begin_answer(writer, out, size, &query, &question, DNS_RCODE_NOERROR);
    dns_writer_mx(writer, "example.org", 300, 10, "mx1.example.org");
    dns_writer_mx(writer, "example.org", 300, 20, ".");
    dns_writer_name(writer, "www.example.org", 60, DNS_TYPE_CNAME, "mx1.example.org");
    dns_writer_ip(writer, "mx1.example.org", 61, &v4);
    dns_writer_ip(writer, "mx1.example.org", 62, &v6);
    dns_writer_txt(writer, "example.org", 63, slice_from(text, sizeof(text)));
    dns_writer_section(writer, DNS_SECTION_AUTHORITY);
    dns_writer_soa(writer, "org", 900, "a0.example.org", "hostmaster.example.org", 3600);
    dns_writer_opt(writer, 1232);
    return dns_writer_end(writer);
}

static void what_is_written_is_read(void **state)
{
    const struct {
        uint16_t type;
        enum dns_section section;
        uint32_t ttl_s;
        const char *name, *target;
        uint16_t preference;
    } rows[] = {
        {DNS_TYPE_MX, DNS_SECTION_ANSWER, 300, "example.org", "mx1.example.org", 10},
        {DNS_TYPE_MX, DNS_SECTION_ANSWER, 300, "example.org", ".", 20},
        {DNS_TYPE_CNAME, DNS_SECTION_ANSWER, 60, "www.example.org", "mx1.example.org", 0},
        {DNS_TYPE_A, DNS_SECTION_ANSWER, 61, "mx1.example.org", "", 0},
        {DNS_TYPE_AAAA, DNS_SECTION_ANSWER, 62, "mx1.example.org", "", 0},
        {DNS_TYPE_TXT, DNS_SECTION_ANSWER, 63, "example.org", "", 0},
        {DNS_TYPE_SOA, DNS_SECTION_AUTHORITY, 900, "org", "a0.example.org", 0},
        {DNS_TYPE_OPT, DNS_SECTION_ADDITIONAL, 0, ".", "", 0},
    };
    uint8_t bytes[2048];
    struct dns_writer writer;
    size_t len = sample(bytes, sizeof(bytes), &writer);
    struct dns_message message;
    struct dns_question question;
    struct dns_record record;
    char text[1024], ip[IP_TEXT_SIZE];

    assert_false(writer.overflowed || writer.bad_name);
    assert_int_equal(dns_message_open(&message, bytes, len), 0);
    assert_int_equal(message.header.id, 0x1234);
    assert_true(message.header.response && message.header.recursion_desired);
    assert_true(message.header.authoritative && message.header.recursion_available);
    assert_false(message.header.truncated);
    assert_int_equal(dns_message_next_question(&message, &question), 1);
    assert_string_equal(question.name, "example.org");
    assert_int_equal(question.type, DNS_TYPE_ANY);
    assert_int_equal(dns_message_next_question(&message, &question), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(dns_message_next_record(&message, &record), 1);
        assert_int_equal(record.type, rows[i].type);
        assert_int_equal(record.section, rows[i].section);
        assert_int_equal(record.ttl_s, rows[i].ttl_s);
        assert_string_equal(record.name, rows[i].name);
        assert_string_equal(record.target, rows[i].target);
        assert_int_equal(record.preference, rows[i].preference);
        if (record.type == DNS_TYPE_A)
            assert_string_equal(ip_format(&record.ip, ip), "192.0.2.7");
        if (record.type == DNS_TYPE_AAAA)
            assert_string_equal(ip_format(&record.ip, ip), "2001:db8::25");
        if (record.type == DNS_TYPE_SOA)
            assert_int_equal(record.minimum_s, 3600);
        if (record.type == DNS_TYPE_TXT) {
            assert_int_equal(dns_record_text(&record, text, sizeof(text)), 600);
            for (size_t j = 0; j < 600; j++)
                assert_int_equal(text[j], 't');
            assert_int_equal(dns_record_text(&record, text, 300), 300);
        }
        if (record.type == DNS_TYPE_OPT)
            assert_int_equal(record.dns_class, 1232);
    }
    assert_int_equal(dns_message_next_record(&message, &record), 0);
    assert_int_equal(dns_message_next_record(&message, &record), 0);
    assert_true(len < 12 + 17 + 8 * 40 + 650); /* names are compressed */
}

static size_t count_records(const uint8_t *bytes, size_t len, int *ret_end)
{
    struct dns_message message;
    struct dns_record record;
    size_t count = 0;

    *ret_end = dns_message_open(&message, bytes, len);
    if (*ret_end != 0)
        return 0;
    while ((*ret_end = dns_message_next_record(&message, &record)) == 1)
        count++;
    return count;
}

static void every_prefix_and_every_flipped_octet_is_survived(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t bytes[2048];
    struct dns_writer writer;
    size_t len = sample(bytes, sizeof(bytes), &writer), last = 0;
    int end;

    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
    for (size_t cut = 0; cut <= len; cut++) {
        uint8_t *at = (uint8_t *)map + page - cut;
        size_t count;

        memcpy(at, bytes, cut);
        count = count_records(at, cut, &end);
        assert_true(count >= last);
        assert_int_equal(end, cut == len ? 0 : ERROR_FORMAT);
        last = count;
    }
    assert_int_equal(last, 8);
    for (size_t i = 0; i < len; i++) {
        uint8_t *at = (uint8_t *)map + page - len;

        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(at, bytes, len);
            at[i] ^= (uint8_t)(1u << bit);
            assert_true(count_records(at, len, &end) <= len / 11);
            assert_true(end == 0 || end == ERROR_FORMAT);
        }
    }
    munmap(map, 2 * page);
}

static void a_message_that_does_not_fit_says_so(void **state)
{
    uint8_t whole[2048], bytes[2048];
    struct dns_writer writer;
    size_t len = sample(whole, sizeof(whole), &writer);

    for (size_t size = DNS_HEADER_LEN; size < len; size++) {
        struct dns_message message;
        size_t n;
        int end;

        memset(bytes, 0xee, sizeof(bytes));
        n = sample(bytes, size, &writer);
        assert_true(n <= size);
        for (size_t i = size; i < sizeof(bytes); i++)
            assert_int_equal(bytes[i], 0xee);
        assert_true(writer.overflowed);
        assert_int_equal(dns_message_open(&message, bytes, n), 0);
        assert_true(message.header.truncated);
        assert_true(count_records(bytes, n, &end) < 8);
        assert_int_equal(end, 0);
    }
    assert_int_equal(sample(bytes, len, &writer), len);
    assert_memory_equal(bytes, whole, len);
    dns_writer_truncate(&writer);
    assert_int_equal(dns_writer_end(&writer), DNS_HEADER_LEN + 13 + 4);
    assert_int_equal(bytes[2] & 0x02, 0x02);
}

static void malformed_data_are_refused(void **state)
{
    static const struct {
        uint16_t type;
        const char *data;
        size_t len;
    } rows[] = {
        {DNS_TYPE_A, "\x01\x02\x03", 3},
        {DNS_TYPE_A, "\x01\x02\x03\x04\x05", 5},
        {DNS_TYPE_AAAA, "\x01\x02\x03\x04", 4},
        {DNS_TYPE_MX, "\x00\x0a", 2},
        {DNS_TYPE_MX,
         "\x00\x0a\x01"
         "a\x00!",
         6}, /* something behind the name */
        {DNS_TYPE_MX,
         "\x00\x0a\x01"
         "a",
         4}, /* name cut short */
        {DNS_TYPE_CNAME, "", 0},
        {DNS_TYPE_TXT, "", 0},
        {DNS_TYPE_TXT,
         "\x05"
         "abc",
         4},
        {DNS_TYPE_SOA, "\x00\x00\x00\x00", 4},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[128] = {0};
        struct dns_message message;
        struct dns_record record;
        size_t n = DNS_HEADER_LEN;

        bytes[7] = 1;   /* one answer */
        bytes[n++] = 0; /* root */
        bytes[n + 1] = (uint8_t)rows[i].type;
        bytes[n + 3] = DNS_CLASS_IN;
        bytes[n + 9] = (uint8_t)rows[i].len;
        n += 10;
        memcpy(bytes + n, rows[i].data, rows[i].len);
        /* What follows must not be taken for data: an end of name, a full address. */
        n += rows[i].len + 32;
        assert_int_equal(dns_message_open(&message, bytes, n), 0);
        assert_int_equal(dns_message_next_record(&message, &record), ERROR_FORMAT);
    }
}

static void queries_are_built_and_read(void **state)
{
    uint8_t bytes[DNS_UDP_MAX];
    size_t len = dns_query_build(bytes, sizeof(bytes), 77, "MX1.Example.org", DNS_TYPE_AAAA, 0);
    struct dns_header header;
    struct dns_question question;

    assert_int_equal(len, DNS_HEADER_LEN + 17 + 4);
    assert_int_equal(dns_query_read(bytes, len, &header, &question), 0);
    assert_int_equal(header.id, 77);
    assert_true(header.recursion_desired);
    assert_string_equal(question.name, "mx1.example.org");
    assert_int_equal(question.type, DNS_TYPE_AAAA);
    assert_int_equal(dns_query_read(bytes, 11, &header, &question), ERROR_FORMAT);
    assert_int_equal(dns_query_read(bytes, len - 1, &header, &question), ERROR_FORMAT);
    bytes[2] |= 0x80; /* a response */
    assert_int_equal(dns_query_read(bytes, len, &header, &question), ERROR_FORMAT);
    bytes[2] = 0x28; /* UPDATE */
    assert_int_equal(dns_query_read(bytes, len, &header, &question), ERROR_USAGE);
    assert_int_equal(dns_query_build(bytes, sizeof(bytes), 1, "a..b", DNS_TYPE_A, 0), 0);
    assert_int_equal(dns_query_build(bytes, 20, 1, "example.org", DNS_TYPE_A, 0), 0);
}

static void queries_announce_what_they_take(void **state)
{
    uint8_t bytes[DNS_QUERY_MAX];
    size_t len = dns_query_build(bytes, sizeof(bytes), 1, "example.org", DNS_TYPE_MX, 1232);
    struct dns_header header;
    struct dns_question question;
    struct dns_message message;
    struct dns_record record;

    assert_int_equal(len, DNS_HEADER_LEN + 13 + 4 + DNS_OPT_LEN);
    assert_int_equal(dns_query_read(bytes, len, &header, &question), 0);
    assert_int_equal(dns_message_open(&message, bytes, len), 0);
    assert_int_equal(dns_message_next_record(&message, &record), 1);
    assert_int_equal(record.section, DNS_SECTION_ADDITIONAL);
    assert_int_equal(record.type, DNS_TYPE_OPT);
    assert_int_equal(record.dns_class, 1232);
    assert_string_equal(record.name, ".");
    assert_int_equal(dns_message_next_record(&message, &record), 0);
    assert_int_equal(message.offset, len);
    assert_int_equal(dns_query_build(bytes, len - 1, 1, "example.org", DNS_TYPE_MX, 1232), 0);
}

static void large_ttls_count_as_zero(void **state)
{
    uint8_t bytes[DNS_UDP_MAX];
    struct dns_header query = {.id = 1};
    struct dns_writer writer;
    struct dns_message message;
    struct dns_record record;
    struct ip ip = ip_v4(192, 0, 2, 1);

    dns_writer_begin_answer(&writer, bytes, sizeof(bytes), &query, NULL, DNS_RCODE_NOERROR);
    dns_writer_ip(&writer, "a.example", UINT32_C(0x80000000), &ip);
    dns_writer_ip(&writer, "a.example", INT32_MAX, &ip);
    assert_int_equal(dns_message_open(&message, bytes, dns_writer_end(&writer)), 0);
    assert_int_equal(dns_message_next_record(&message, &record), 1);
    assert_int_equal(record.ttl_s, 0);
    assert_int_equal(dns_message_next_record(&message, &record), 1);
    assert_int_equal(record.ttl_s, INT32_MAX);
}

static void outcomes_have_names(void **state)
{
    char buffer[12];

    assert_string_equal(dns_outcome_name(DNS_NODATA), "nodata");
    assert_string_equal(dns_outcome_name(DNS_BOGUS), "bogus");
    assert_true(dns_outcome_is_failure(DNS_TIMEOUT));
    assert_false(dns_outcome_is_failure(DNS_NXDOMAIN));
    assert_int_equal(dns_rcode_outcome(DNS_RCODE_NOTIMP), DNS_REFUSED);
    assert_int_equal(dns_rcode_outcome(DNS_RCODE_SERVFAIL), DNS_SERVFAIL);
    assert_string_equal(dns_type_name(DNS_TYPE_AAAA, buffer), "AAAA");
    assert_string_equal(dns_type_name(65535, buffer), "TYPE65535");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_round_trip),
        cmocka_unit_test(the_longest_text_fits),
        cmocka_unit_test(hostile_names_are_refused),
        cmocka_unit_test(askable_names),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_prefix_and_every_flipped_octet_is_survived),
        cmocka_unit_test(a_message_that_does_not_fit_says_so),
        cmocka_unit_test(malformed_data_are_refused),
        cmocka_unit_test(queries_are_built_and_read),
        cmocka_unit_test(queries_announce_what_they_take),
        cmocka_unit_test(large_ttls_count_as_zero),
        cmocka_unit_test(outcomes_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
