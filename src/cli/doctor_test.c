/* Tests of the doctor's pure parts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "cli/command.h"
#include "cli/doctor_facts.h"
#include "cli/doctor_report.h"

static struct ip ip_of(const char *text)
{
    struct ip ip;

    assert_true(ip_parse(slice_from_string(text), &ip));
    return ip;
}

static void reverse_names(void **state)
{
    static const struct {
        const char *ip, *zone, *name;
    } rows[] = {
        {"192.0.2.1", NULL, "1.2.0.192.in-addr.arpa"},
        {"127.0.0.2", "bl.example", "2.0.0.127.bl.example"},
        {"2001:db8::567:89ab", NULL,
         "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
        {"::1", "bl.example",
         "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.example"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip ip = ip_of(rows[i].ip);
        char out[DNS_REVERSE_SIZE];

        assert_string_equal(dns_reverse_name(&ip, rows[i].zone, out), rows[i].name);
    }
}

static void public_resolvers(void **state)
{
    static const struct {
        const char *ip, *owner;
    } rows[] = {
        {"1.1.1.1", "Cloudflare"}, {"8.8.8.8", "Google"},
        {"9.9.9.9", "Quad9"},      {"2606:4700:4700::1111", "Cloudflare"},
        {"8.8.8.9", NULL},         {"127.0.0.1", NULL},
        {"1.1.1.9", NULL},         {"2001:4860:4860::8888", "Google"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip ip = ip_of(rows[i].ip);
        const char *owner = doctor_public_resolver(&ip);

        if (rows[i].owner == NULL)
            assert_null(owner);
        else
            assert_string_equal(owner, rows[i].owner);
    }
}

static void resolv_conf(void **state)
{
    static const char text[] = "# nameserver 192.0.2.9\nsearch example\n"
                               "nameserver 192.0.2.1\n  nameserver\t::1 # here\n"
                               "nameserver fe80::1%eth0\nnameservers 192.0.2.8\n"
                               "nameserver nonsense\nnameserver\nnameserver 192.0.2.2";
    static const char *const wanted[] = {"192.0.2.1", "::1", "fe80::1", "192.0.2.2"};
    struct io_endpoint out[8];

    assert_int_equal(doctor_read_resolv_conf(SLICE(text), out, ARRAY_LEN(out)), ARRAY_LEN(wanted));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        char found[IP_TEXT_SIZE];

        assert_string_equal(ip_format(&out[i].ip, found), wanted[i]);
    }
    assert_int_equal(doctor_read_resolv_conf(SLICE(text), out, 2), 2);
    assert_int_equal(doctor_read_resolv_conf(SLICE_EMPTY, out, 2), 0);
}

/* --- SPF -------------------------------------------------------------------------------------- */

static void spf_records(void **state)
{
    static const struct {
        const char *text, *terms; /* NULL: no SPF record */
    } rows[] = {
        {"v=spf1", ""}, {"V=SPF1 -all", " -all"},  {"v=spf10 -all", NULL}, {"v=spf1\t-all", NULL},
        {"", NULL},     {"spf2.0/pra -all", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice terms;
        bool is = doctor_spf_is_record(slice_from_string(rows[i].text), &terms);

        assert_int_equal(is, rows[i].terms != NULL);
        if (is)
            assert_true(slice_equal(terms, slice_from_string(rows[i].terms)));
    }
}

static void spf_terms(void **state)
{
    static const struct {
        const char *text;
        enum doctor_spf_kind kind;
        char qualifier;
        const char *domain;
        uint8_t prefix4, prefix6;
    } rows[] = {
        {"-all", DOCTOR_SPF_ALL, '-', "", 32, 128},
        {"~ALL", DOCTOR_SPF_ALL, '~', "", 32, 128},
        {"a", DOCTOR_SPF_A, '+', "", 32, 128},
        {"a/24", DOCTOR_SPF_A, '+', "", 24, 128},
        {"?mx:h.example/24//64", DOCTOR_SPF_MX, '?', "h.example", 24, 64},
        {"a:h.example//96", DOCTOR_SPF_A, '+', "h.example", 32, 96},
        {"include:_spf.example", DOCTOR_SPF_INCLUDE, '+', "_spf.example", 32, 128},
        {"redirect=r.example", DOCTOR_SPF_REDIRECT, '+', "r.example", 0, 0},
        {"redirect=%{d}.example", DOCTOR_SPF_OTHER, '+', "%{d}.example", 0, 0},
        {"exp=e.example", DOCTOR_SPF_IGNORED, '+', "e.example", 0, 0},
        {"exists:%{i}.e.example", DOCTOR_SPF_OTHER, '+', "", 0, 0},
        {"ptr", DOCTOR_SPF_OTHER, '+', "", 32, 128},
        {"include:", DOCTOR_SPF_BAD, '+', "", 32, 128},
        {"include", DOCTOR_SPF_BAD, '+', "", 32, 128},
        {"all:x.example", DOCTOR_SPF_BAD, '+', "x.example", 32, 128},
        {"a/33", DOCTOR_SPF_BAD, '+', "", 32, 128},
        {"-", DOCTOR_SPF_BAD, '-', "", 32, 128},
        {"ipv4:192.0.2.1", DOCTOR_SPF_BAD, '+', "192.0.2.1", 0, 0},
        {"ip4:192.0.2.1/40", DOCTOR_SPF_BAD, '+', "192.0.2.1/40", 0, 0},
        {"ip6:192.0.2.1", DOCTOR_SPF_BAD, '+', "192.0.2.1", 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice rest = slice_from_string(rows[i].text);
        struct doctor_spf_term term;

        assert_true(doctor_spf_next(&rest, &term));
        if (term.kind != rows[i].kind || term.qualifier != rows[i].qualifier ||
            term.prefix4 != rows[i].prefix4 || term.prefix6 != rows[i].prefix6 ||
            !slice_equal(term.domain, slice_from_string(rows[i].domain)))
            fail_msg("%s: kind %d, %c, domain %.*s, /%u//%u", rows[i].text, term.kind,
                     term.qualifier, SLICE_ARG(term.domain), term.prefix4, term.prefix6);
        assert_false(doctor_spf_next(&rest, &term));
    }
}

static void spf_networks(void **state)
{
    static const struct {
        const char *term, *ip;
        bool contains;
    } rows[] = {
        {"ip4:192.0.2.1", "192.0.2.1", true},      {"ip4:192.0.2.1", "192.0.2.2", false},
        {"ip4:192.0.2.77/24", "192.0.2.2", true},  {"ip4:192.0.2.77/25", "192.0.2.200", false},
        {"ip4:0.0.0.0/0", "198.51.100.1", true},   {"IP6:2001:db8::/32", "2001:db8:1::1", true},
        {"ip6:2001:db8::1", "2001:db8::2", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice rest = slice_from_string(rows[i].term);
        struct ip ip = ip_of(rows[i].ip);
        struct doctor_spf_term term;

        assert_true(doctor_spf_next(&rest, &term));
        assert_int_equal(term.kind, DOCTOR_SPF_IP);
        assert_int_equal(ip_network_contains(&term.network, &ip), rows[i].contains);
    }
}

static void spf_prefixes(void **state)
{
    static const struct {
        uint8_t prefix4, prefix6;
        const char *candidate, *ours;
        bool matches;
    } rows[] = {
        {32, 128, "192.0.2.1", "192.0.2.1", true},
        {32, 128, "192.0.2.1", "192.0.2.0", false},
        {31, 128, "192.0.2.1", "192.0.2.0", true},
        {23, 128, "192.0.3.1", "192.0.2.0", true},
        {24, 128, "192.0.3.1", "192.0.2.0", false},
        {0, 128, "10.0.0.1", "192.0.2.0", true},
        {0, 0, "10.0.0.1", "2001:db8::1", false},
        {32, 64, "2001:db8::1", "2001:db8::ffff", true},
        {32, 65, "2001:db8::", "2001:db8:0:0:8000::", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct doctor_spf_term term = {.prefix4 = rows[i].prefix4, .prefix6 = rows[i].prefix6};
        struct ip candidate = ip_of(rows[i].candidate), ours = ip_of(rows[i].ours);

        assert_int_equal(doctor_spf_matches(&term, &candidate, &ours), rows[i].matches);
    }
}

/* Terms of random octets: read to the end, no term longer than what was given. */
static void spf_garbage(void **state)
{
    static const char alphabet[] = " +-~?:/=%ip46amxlnclude.0123\0\xff";
    unsigned seed = 20261125;

    for (int round = 0; round < 20000; round++) {
        char text[24];
        struct slice rest = {text, 0};
        struct doctor_spf_term term;

        rest.len = (size_t)rand_r(&seed) % sizeof(text);
        for (size_t i = 0; i < rest.len; i++)
            text[i] = alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
        for (int terms = 0; doctor_spf_next(&rest, &term); terms++) {
            assert_in_range(terms, 0, 24);
            assert_in_range(term.domain.len, 0, sizeof(text));
        }
    }
}

/* --- the report ------------------------------------------------------------------------------- */

static void report_shows(void **state)
{
    struct doctor_report report;
    struct view_style style = {.width = 80};
    struct arena arena;
    struct buffer out;

    arena_init(&arena);
    buffer_init(&out, 0);
    doctor_report_init(&report, &arena);
    assert_int_equal(doctor_report_status(&report), CLI_EXIT_OK);
    doctor_report_add(&report, DOCTOR_CLOCK, DOCTOR_OK, "", "it is %d", 2026);
    doctor_report_add(&report, DOCTOR_PTR, DOCTOR_WARNING, "Mend it.", "odd");
    assert_int_equal(doctor_report_status(&report), CLI_EXIT_OK);
    doctor_report_add(&report, DOCTOR_HELO, DOCTOR_NOT_CHECKED, "", "nobody answered");
    assert_int_equal(doctor_report_status(&report), CLI_EXIT_UNDETERMINED);
    doctor_report_add(&report, DOCTOR_PORT, DOCTOR_FAILED, "Open it.", "554 go \033[31maway");
    assert_int_equal(doctor_report_status(&report), CLI_EXIT_NOT_VALID);
    doctor_report_text(&report, &style, &out);
    buffer_append_byte(&out, '\0');
    /* In the order of the checks, not of their coming. */
    assert_non_null(
        strstr(out.ptr, "ok           clock             it is 2026\nnot checked  HELO"));
    assert_true(strstr(out.ptr, "HELO name") < strstr(out.ptr, "reverse DNS"));
    assert_non_null(strstr(out.ptr, "\n                               Fix: Mend it.\n"));
    assert_non_null(strstr(out.ptr, "554 go \\x1b[31maway\n"));
    assert_null(strchr(out.ptr, '\033'));
    assert_non_null(strstr(out.ptr, "\n1 ok, 1 warning, 1 failed, 1 not checked. Mend "));
    buffer_clear(&out);
    style = (struct view_style){.width = 40, .colour = true};
    doctor_report_text(&report, &style, &out);
    buffer_append_byte(&out, '\0');
    assert_non_null(strstr(out.ptr, "\033[31mfailed     \033[0m  mail port\n  554 go"));
    buffer_clear(&out);
    doctor_report_json(&report, &out);
    buffer_append_byte(&out, '\0');
    assert_non_null(strstr(out.ptr, "\"check\":\"reverse_dns\",\"result\":\"warning\",\"detail\":"
                                    "\"odd\",\"why\":\"Many servers"));
    assert_non_null(strstr(out.ptr, "\"result\":\"not_checked\""));
    assert_non_null(strstr(out.ptr, "\"fix\":null"));
    report.about = "egress 2 (192.0.2.1)";
    doctor_report_add(&report, DOCTOR_PTR, DOCTOR_OK, "", "it has %s", "a name");
    buffer_clear(&out);
    doctor_report_json(&report, &out);
    buffer_append_byte(&out, '\0');
    assert_non_null(strstr(out.ptr, "\"egress 2 (192.0.2.1): it has a name\""));
    buffer_done(&out);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reverse_names), cmocka_unit_test(public_resolvers),
        cmocka_unit_test(resolv_conf),   cmocka_unit_test(spf_records),
        cmocka_unit_test(spf_terms),     cmocka_unit_test(spf_networks),
        cmocka_unit_test(spf_prefixes),  cmocka_unit_test(spf_garbage),
        cmocka_unit_test(report_shows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
