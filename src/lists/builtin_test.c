/* Tests of the built-in lists: what they must say, and above all what they must never say. */
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

#include "address/suffix.h"
#include "base/check.h"
#include "lists/builtin.h"

static unsigned domain(const char *name)
{
    return lists_domain_classes(slice_from_string(name));
}

static unsigned local(const char *name)
{
    return lists_local_classes(slice_from_string(name));
}

static void domains_have_their_classes(void **state)
{
    static const struct {
        const char *name;
        unsigned classes;
    } rows[] = {
        {"gmail.com", LISTS_FREE | LISTS_PROVIDER},
        {"outlook.com", LISTS_FREE | LISTS_PROVIDER},
        {"yahoo.co.uk", LISTS_FREE | LISTS_PROVIDER},
        {"comcast.net", LISTS_FREE | LISTS_PROVIDER},
        {"mailinator.com", LISTS_DISPOSABLE},
        {"guerrillamail.com", LISTS_DISPOSABLE},
        {"sharklasers.com", LISTS_DISPOSABLE},
        {"yopmail.com", LISTS_DISPOSABLE},
        {"10minutemail.com", LISTS_DISPOSABLE},
        {"temp-mail.org", LISTS_DISPOSABLE},
        {"trashmail.com", LISTS_DISPOSABLE},
        {"maildrop.cc", LISTS_DISPOSABLE},
        {"x.mailinator.com", LISTS_DISPOSABLE},
        {"a.b.c.d.mailinator.com", LISTS_DISPOSABLE},
        {"mail.gmail.com", 0}, /* free and provider match exactly */
        {"thisisnotmailinator.com", 0},
        {"mailinator.com.example", 0},
        {"example.com", 0},
        {"com", 0},
        {"", 0},
        {".", 0},
        {"...", 0},
        {".mailinator.com", LISTS_DISPOSABLE},
        {"mailinator.com.", 0},
        {"MAILINATOR.com", 0}, /* callers hand over lower case */
        {"info@", 0},          /* a key of another kind is never a domain */
        {"@generator.email", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (domain(rows[i].name) != rows[i].classes)
            fail_msg("%s: %#x, not %#x", rows[i].name, domain(rows[i].name), rows[i].classes);
    }
}

/* The worst error of this folder is to call a real provider, firm or university disposable. */
static void real_domains_are_never_disposable(void **state)
{
    static const char *const names[] = {
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "msn.com",
        "yahoo.com",
        "ymail.com",
        "aol.com",
        "icloud.com",
        "me.com",
        "mac.com",
        "proton.me",
        "protonmail.com",
        "pm.me",
        "tutanota.com",
        "gmx.de",
        "web.de",
        "mail.com",
        "email.com",
        "zoho.com",
        "yandex.ru",
        "ya.ru",
        "mail.ru",
        "bk.ru",
        "list.ru",
        "inbox.ru",
        "rambler.ru",
        "qq.com",
        "163.com",
        "126.com",
        "sina.com",
        "sohu.com",
        "naver.com",
        "daum.net",
        "hanmail.net",
        "seznam.cz",
        "wp.pl",
        "o2.pl",
        "onet.pl",
        "interia.pl",
        "libero.it",
        "virgilio.it",
        "laposte.net",
        "orange.fr",
        "free.fr",
        "sfr.fr",
        "t-online.de",
        "freenet.de",
        "comcast.net",
        "att.net",
        "sbcglobal.net",
        "verizon.net",
        "charter.net",
        "cox.net",
        "bellsouth.net",
        "earthlink.net",
        "shaw.ca",
        "rogers.com",
        "bigpond.com",
        "btinternet.com",
        "virginmedia.com",
        "sky.com",
        "ukr.net",
        "abv.bg",
        "rediffmail.com",
        "uol.com.br",
        "fastmail.com",
        "fastmail.fm",
        "hey.com",
        "hushmail.com",
        "posteo.de",
        "mailbox.org",
        "riseup.net",
        "vfemail.net",
        "safe-mail.net",
        "docomo.ne.jp",
        "ezweb.ne.jp",
        /* forwarding and aliases */
        "duck.com",
        "mozmail.com",
        "privaterelay.appleid.com",
        "simplelogin.com",
        "aleeas.com",
        "slmail.me",
        "passmail.net",
        "addy.io",
        "anonaddy.com",
        "anonaddy.me",
        "anyone.anonaddy.com",
        "anyone.mozmail.com",
        "forwardemail.net",
        "improvmx.com",
        "pobox.com",
        /* firms, public bodies, universities */
        "google.com",
        "microsoft.com",
        "apple.com",
        "amazon.com",
        "amazonaws.com",
        "facebook.com",
        "github.com",
        "gitlab.com",
        "ibm.com",
        "siemens.com",
        "debian.org",
        "kernel.org",
        "craigslist.org",
        "paypal.com",
        "ebay.com",
        "netflix.com",
        "bbc.co.uk",
        "nytimes.com",
        "harvard.edu",
        "mit.edu",
        "stanford.edu",
        "ox.ac.uk",
        "cam.ac.uk",
        "ethz.ch",
        "tum.de",
        "nus.edu.sg",
        "u-tokyo.ac.jp",
        "nasa.gov",
        "europa.eu",
        "army.mil",
        "who.int",
        "sdf.org",
        /* public suffixes and hosts of subdomains */
        "co.uk",
        "com.br",
        "eu.org",
        "duckdns.org",
        "dynv6.net",
        "pp.ua",
        "github.io",
        /* reserved names */
        "example.com",
        "example.net",
        "example.org",
        "test",
        "localhost",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (domain(names[i]) & LISTS_DISPOSABLE)
            fail_msg("%s is called disposable", names[i]);
        if (lists_mx_is_disposable(slice_from_string(names[i])))
            fail_msg("%s as a mail host is called disposable", names[i]);
    }
}

static void mail_hosts_of_throwaway_services_are_known(void **state)
{
    static const struct {
        const char *host;
        bool disposable;
    } rows[] = {
        {"mail.mailinator.com", true},
        {"mail2.mailinator.com", true},
        {"in.mail.tm", true},
        {"mail.wabblywabble.com", true},
        {"generator.email", true},
        {"recv7.erinn.biz", true},
        {"prd-smtp.10minutemail.com", true},
        {"mx4.beavis99.net", true},
        {"aspmx.l.google.com", false},
        {"route1.mx.cloudflare.net", false},
        {"mx1.simplelogin.co", false},
        {"mail.anonaddy.me", false},
        {"mx1.forwardemail.net", false},
        {"mail.protonmail.ch", false},
        {"mta5.am0.yahoodns.net", false},
        {"mx2.mailhostbox.com", false},
        {"notgenerator.email", false},
        {"email", false},
        {"", false},
        {".", false},
        {"tm", false},
        {"..", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (lists_mx_is_disposable(slice_from_string(rows[i].host)) != rows[i].disposable)
            fail_msg("%s", rows[i].host);
    }
}

static void local_parts_have_their_classes(void **state)
{
    static const struct {
        const char *name;
        unsigned classes;
    } rows[] = {
        {"info", LISTS_ROLE},
        {"INFO", LISTS_ROLE},
        {"info+news", LISTS_ROLE},
        {"info2", LISTS_ROLE},
        {"info-de", LISTS_ROLE},
        {"sales.uk", LISTS_ROLE},
        {"customer-service", LISTS_ROLE},
        {"customer_service", LISTS_ROLE},
        {"\"info\"", LISTS_ROLE},
        {"postmaster", LISTS_ROLE},
        {"abuse", LISTS_ROLE},
        {"kontakt", LISTS_ROLE},
        {"buchhaltung", LISTS_ROLE},
        {"comptabilite", LISTS_ROLE},
        {"ventas", LISTS_ROLE},
        {"faturamento", LISTS_ROLE},
        {"segreteria", LISTS_ROLE},
        {"klantenservice", LISTS_ROLE},
        {"ksiegowosc", LISTS_ROLE},
        {"buhgalteria", LISTS_ROLE},
        {"noreply", LISTS_NO_REPLY},
        {"no-reply", LISTS_NO_REPLY},
        {"No_Reply", LISTS_NO_REPLY},
        {"do.not.reply", LISTS_NO_REPLY},
        {"news-noreply", LISTS_NO_REPLY},
        {"noreply-eu", LISTS_NO_REPLY},
        {"noreply42", LISTS_NO_REPLY},
        {"xnoreplyx", LISTS_NO_REPLY},
        {"ne-pas-repondre", LISTS_NO_REPLY},
        {"shop-no-responder", LISTS_NO_REPLY},
        {"nao.responda", LISTS_NO_REPLY},
        {"mailer-daemon", LISTS_ROLE | LISTS_NO_REPLY},
        {"john.smith", 0},
        {"info.smith", 0},
        {"smith.info", 0},
        {"anna", 0},
        {"paris", 0},
        {"alexa", 0},
        {"+info", 0},
        {"+", 0},
        {"", 0},
        {"\"\"", 0},
        {"...", 0},
        {"@", 0},
        {"info@", 0},
        {"12345", 0},
        {"a.b.c.d.e.f.g.h.i.j.k.l.m", 0},
        {"gmail.com", 0},
    };
    char longest[65];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (local(rows[i].name) != rows[i].classes)
            fail_msg("%s: %#x, not %#x", rows[i].name, local(rows[i].name), rows[i].classes);
    }
    memset(longest, 'x', sizeof(longest));
    assert_int_equal(lists_local_classes(slice_from(longest, 64)), 0);
    assert_int_equal(lists_local_classes(slice_from(longest, 65)), 0);
    memset(longest, '-', sizeof(longest));
    assert_int_equal(lists_local_classes(slice_from(longest, 64)), 0);
}

static void counts_are_what_is_promised(void **state)
{
    assert_true(lists_count(LISTS_DISPOSABLE) >= 100000);
    assert_true(lists_count(LISTS_FREE) >= 4000);
    assert_true(lists_count(LISTS_PROVIDER) >= 400);
    assert_true(lists_count(LISTS_ROLE) >= 1000);
    assert_true(lists_count(LISTS_NO_REPLY) >= 50);
}

/* Open a text file below data/lists, or fail the test. */
static FILE *open_list(const char *name)
{
    const char *root = getenv("MK_SOURCE_ROOT");
    char path[1024];
    FILE *file;

    assert_non_null(root);
    snprintf(path, sizeof(path), "%s/data/lists/%s", root, name);
    file = fopen(path, "r");
    assert_non_null(file);
    return file;
}

/* Each line of the text must be found by C with the class that Python gave it. */
static void check_file(const char *name, unsigned class_bit)
{
    FILE *file = open_list(name);
    char line[512];
    size_t lines = 0, in_class = lists_count((enum lists_class)class_bit);

    while (fgets(line, sizeof(line), file) != NULL) {
        struct slice entry = slice_trim(slice_from_string(line));

        if (entry.len == 0 || entry.ptr[0] == '#')
            continue;
        if (!(lists_domain_classes(entry) & class_bit))
            fail_msg("%s: %.*s is lost", name, SLICE_ARG(entry));
        if (class_bit != LISTS_DISPOSABLE && (lists_domain_classes(entry) & LISTS_DISPOSABLE))
            fail_msg("%s: %.*s is disposable", name, SLICE_ARG(entry));
        /* The walk over parents relies on this: a suffix would condemn everyone below it. */
        if (class_bit == LISTS_DISPOSABLE && address_registrable_domain(entry).len == 0)
            fail_msg("%s: %.*s is a public suffix", name, SLICE_ARG(entry));
        lines++;
    }
    fclose(file);
    assert_int_equal(lines, in_class);
}

static void every_line_of_the_text_is_found(void **state)
{
    check_file("disposable_domains.txt", LISTS_DISPOSABLE);
    check_file("free_domains.txt", LISTS_FREE);
    check_file("provider_domains.txt", LISTS_PROVIDER);
}

static void every_correction_holds(void **state)
{
    FILE *file = open_list("corrections.tsv");
    char line[512];
    size_t checked = 0;

    while (fgets(line, sizeof(line), file) != NULL) {
        struct slice rest = slice_trim(slice_from_string(line)), list, sign, value;
        unsigned bit;

        if (rest.len == 0 || rest.ptr[0] == '#')
            continue;
        assert_true(slice_split(&rest, '\t', &list));
        assert_true(slice_split(&rest, '\t', &sign));
        assert_true(slice_split(&rest, '\t', &value));
        bit = slice_equal(list, SLICE("disposable")) ? LISTS_DISPOSABLE
              : slice_equal(list, SLICE("free"))     ? LISTS_FREE
                                                     : LISTS_PROVIDER;
        if (((lists_domain_classes(value) & bit) != 0) != slice_equal(sign, SLICE("+")))
            fail_msg("%.*s: not corrected; run data/refresh", SLICE_ARG(value));
        checked++;
    }
    fclose(file);
    assert_true(checked > 100);
}

/* Look-ups read not one byte past their argument, whatever its length and bytes. */
static void look_ups_stay_inside_their_argument(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t random = 12345;

    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
    for (size_t round = 0; round < 3000; round++) {
        size_t len = round % 300;
        char *bytes = map + page - len;
        static const char alphabet[] = "..--@+\"aio\0\xff"
                                       "com";

        for (size_t i = 0; i < len; i++) {
            random = random * 1664525 + 1013904223;
            bytes[i] = alphabet[(random >> 16) % (sizeof(alphabet) - 1)];
        }
        lists_domain_classes(slice_from(bytes, len));
        lists_mx_is_disposable(slice_from(bytes, len));
        lists_local_classes(slice_from(bytes, len));
    }
    munmap(map, 2 * page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains_have_their_classes),
        cmocka_unit_test(real_domains_are_never_disposable),
        cmocka_unit_test(mail_hosts_of_throwaway_services_are_known),
        cmocka_unit_test(local_parts_have_their_classes),
        cmocka_unit_test(counts_are_what_is_promised),
        cmocka_unit_test(every_line_of_the_text_is_found),
        cmocka_unit_test(every_correction_holds),
        cmocka_unit_test(look_ups_stay_inside_their_argument),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
