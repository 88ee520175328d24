/* Tests of block lists: what is configured, what is asked, what an answer means. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "dns/blocklist.h"

static void lists_are_read(void **state)
{
    static const struct {
        const char *text, *zone; /* zone NULL: refused */
        size_t codes;
    } rows[] = {
        {"dbl.example.org", "dbl.example.org", 0},
        {"DBL.Example.org", "dbl.example.org", 0},
        {"dbl.example.org=127.0.0.2", "dbl.example.org", 1},
        {"dbl.example.org=127.0.0.2-127.0.0.9,127.0.1.4", "dbl.example.org", 2},
        {"", NULL, 0},
        {"org", NULL, 0},
        {"..", NULL, 0},
        {"dbl.example.org=", NULL, 0},
        {"dbl.example.org=2", NULL, 0},
        {"dbl.example.org=192.0.2.1", NULL, 0},
        {"dbl.example.org=127.0.0.9-127.0.0.2", NULL, 0},
        {"dbl.example.org=127.0.0.2,", NULL, 0},
        {"dbl.example.org=::1", NULL, 0},
        {"d.example=127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5,127.0.0.6,127.0.0.7,127.0.0."
         "8,127.0.0.9",
         NULL, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_blocklist list;
        struct error error = {0};
        int code = dns_blocklist_parse(slice_from_string(rows[i].text), &list, &error);

        if ((code == 0) != (rows[i].zone != NULL))
            fail_msg("%s: %d %s", rows[i].text, code, error.message);
        if (code != 0)
            continue;
        assert_string_equal(list.zone, rows[i].zone);
        assert_int_equal(list.code_count, rows[i].codes);
    }
}

static void keys_are_not_shown(void **state)
{
    static const struct {
        const char *zone, *shown;
    } rows[] = {
        {"zen.spamhaus.org", "zen.spamhaus.org"},
        {"abcdefghijklmnopqrst12345x.zen.dq.spamhaus.net", "zen.dq.spamhaus.net"},
        {"0123456789abcdef0123456789abcdef.combined.mail.abusix.zone", "combined.mail.abusix.zone"},
        {"short19characters00.example.org", "example.org"},
        {"a1b2c3d4.example.org", "example.org"},
        {"a1b2c3d.example.org", "a1b2c3d.example.org"},
        {"onlylettersofaname.example.org", "onlylettersofaname.example.org"},
        {"dnsbl-1.example.org", "dnsbl-1.example.org"},
        {"with-a-hyphen-it-is-a-name.example.org", "with-a-hyphen-it-is-a-name.example.org"},
        {"abcdefghijklmnopqrst", "abcdefghijklmnopqrst"},
        {"", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(dns_blocklist_shown(rows[i].zone), rows[i].shown);
}

static void codes_mean_what_the_list_says(void **state)
{
    static const struct {
        const char *list, *code;
        enum dns_listing listing;
    } rows[] = {
        {"bl.example", "127.0.0.2", DNS_LISTING_LISTED},
        {"bl.example", "127.0.0.255", DNS_LISTING_LISTED},
        {"bl.example", "127.0.1.2", DNS_LISTING_LISTED},
        {"bl.example", "127.0.0.1", DNS_LISTING_ODD},
        {"bl.example", "127.0.0.0", DNS_LISTING_ODD},
        {"bl.example", "127.1.0.2", DNS_LISTING_ODD},
        {"bl.example", "127.255.255.254", DNS_LISTING_REFUSED},
        {"bl.example", "127.255.255.252", DNS_LISTING_REFUSED},
        {"bl.example", "192.0.2.1", DNS_LISTING_ODD},
        {"bl.example", "::1", DNS_LISTING_ODD},
        {"bl.example=127.0.0.4", "127.0.0.4", DNS_LISTING_LISTED},
        {"bl.example=127.0.0.4", "127.0.0.2", DNS_LISTING_NONE},
        {"bl.example=127.255.255.0-127.255.255.255", "127.255.255.254", DNS_LISTING_REFUSED},
        {"dbl.spamhaus.org", "127.0.1.4", DNS_LISTING_LISTED},
        {"dbl.spamhaus.org", "127.0.1.103", DNS_LISTING_NONE},
        {"dbl.spamhaus.org", "127.0.1.255", DNS_LISTING_REFUSED},
        {"dbl.spamhaus.org=127.0.1.103", "127.0.1.103", DNS_LISTING_LISTED},
        {"zen.spamhaus.org", "127.0.0.10", DNS_LISTING_NONE},
        {"zen.spamhaus.org", "127.0.0.3", DNS_LISTING_LISTED},
        {"multi.uribl.com", "127.0.0.1", DNS_LISTING_REFUSED},
        {"multi.uribl.com", "127.0.0.4", DNS_LISTING_NONE},
        {"multi.uribl.com", "127.0.0.6", DNS_LISTING_LISTED},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_blocklist list;
        const char *meaning;
        struct ip ip;

        assert_int_equal(dns_blocklist_parse(slice_from_string(rows[i].list), &list, NULL), 0);
        assert_true(ip_parse(slice_from_string(rows[i].code), &ip));
        if (dns_blocklist_judge(&list, &ip, &meaning) != rows[i].listing)
            fail_msg("%s %s", rows[i].list, rows[i].code);
        assert_non_null(meaning);
    }
}

static void rows_of_the_table_are_sound(void **state)
{
    for (const struct dns_blocklist_row *row = dns_blocklist_rows; row->zone != NULL; row++) {
        struct dns_blocklist list;

        assert_int_equal(dns_blocklist_parse(slice_from_string(row->zone), &list, NULL), 0);
        assert_string_equal(list.zone, row->zone);
        assert_true(row->first <= row->last && strlen(row->meaning) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(keys_are_not_shown),
        cmocka_unit_test(codes_mean_what_the_list_says),
        cmocka_unit_test(rows_of_the_table_are_sound),
    };

    return cmocka_run_group_tests_name("dns-blocklist", tests, NULL, NULL);
}
