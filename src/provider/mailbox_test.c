/* Tests of consumer providers' mailbox rules: what can't exist, and what is one mailbox. */
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
#include "base/random.h"
#include "provider/data.h"
#include "provider/mailbox.h"

static const char *breach(const char *local, const char *domain)
{
    return provider_mailbox_breach(slice_from_string(local), slice_from_string(domain));
}

static void only_what_no_account_can_be_is_a_breach(void **state)
{
    static const struct {
        const char *local, *domain;
        bool is_breach;
    } rows[] = {
        {"john.smith", "gmail.com", false},
        {"johnsm", "gmail.com", false},
        {"j.o.h.n.s.m", "gmail.com", false},
        {"johns", "gmail.com", true},
        {"j.o.h.n.s", "gmail.com", true},
        {"johns+longer.tag_with-anything", "gmail.com", true},
        {"johnsmith+tag_x-y", "gmail.com", false},
        {"john_smith", "gmail.com", true},
        {"john-smith", "gmail.com", true},
        {"john_smith", "googlemail.com", true},
        {"jos\xc3\xa9smith", "gmail.com", true},
        {"+johnsmith", "gmail.com", true},
        {"a23456789012345678901234567890", "gmail.com", false},
        {"a234567890123456789012345678901", "gmail.com", true},
        {"a.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0", "gmail.com", false},
        {"......", "gmail.com", true},
        {"\"john.smith\"", "gmail.com", false},
        {"\"john smith\"", "gmail.com", true},
        {"\"john\\smith\"", "gmail.com", false}, /* the escaped "s" is an "s" */
        {"x", "outlook.com", false},
        {"_old_name_", "hotmail.com", false},
        {"john#smith", "hotmail.com", true},
        {"john+a#b", "hotmail.com", false},
        {"ab", "yahoo.com", false},
        {"1", "yahoo.com", false},
        {"base-keyword", "yahoo.com", false},
        {"a+b", "yahoo.com", false}, /* not certain, so left open */
        {"a!b", "yahoo.com", true},
        {"words_and_more_of_them_0e", "icloud.com", false}, /* Hide My Email */
        {"a&b", "icloud.com", true},
        {"da.me.", "docomo.ne.jp", false},
        {"a!b", "example.com", false},
        {"a", "workspace.example", false},
        {"", "gmail.com", true},
        {"\"\"", "gmail.com", true},
        {"\"", "gmail.com", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *says = breach(rows[i].local, rows[i].domain);

        if ((says != NULL) != rows[i].is_breach)
            fail_msg("%s@%s: %s", rows[i].local, rows[i].domain, says != NULL ? says : "(none)");
    }
    assert_string_equal(breach("johns", "gmail.com"), "Gmail names have 6 to 30 characters.");
    assert_string_equal(breach("john_smith", "gmail.com"),
                        "Gmail names hold only letters, digits and dots.");
    assert_non_null(provider_mailbox_breach(slice_from("john\0smith", 10), SLICE("gmail.com")));
}

/* An accepted address, as address_parse makes one. */
static struct address make_address(const char *local, const char *domain)
{
    struct address address = {.diagnosis = ADDRESS_VALID};

    address.local = slice_from_string(local);
    address.domain = slice_from_string(domain);
    address.is_literal = domain[0] == '[';
    if (!address.is_literal) {
        address.domain_ascii_len = (uint16_t)address.domain.len;
        memcpy(address.domain_ascii, domain, address.domain.len + 1);
    }
    return address;
}

static void spellings_of_one_mailbox_have_one_key(void **state)
{
    static const struct {
        const char *local, *domain, *profile, *key;
    } rows[] = {
        {"John.Smith+news", "gmail.com", "google", "johnsmith@gmail.com"},
        {"johnsmith", "googlemail.com", "google", "johnsmith@gmail.com"},
        {"\"John.Smith\"", "gmail.com", NULL, "johnsmith@gmail.com"},
        {"John.Smith+news", "firm.example", "google", "john.smith@firm.example"},
        {"John.Smith+news", "firm.example", "microsoft365", "john.smith@firm.example"},
        {"John.Smith+news", "firm.example", NULL, "John.Smith+news@firm.example"},
        {"John.Smith+news", "firm.example", "generic", "John.Smith+news@firm.example"},
        {"John.Smith+x", "outlook.com", "outlook", "john.smith@outlook.com"},
        {"john.smith", "hotmail.com", "outlook", "john.smith@hotmail.com"},
        {"Base-Keyword", "yahoo.com", "yahoo", "base-keyword@yahoo.com"},
        {"a+b", "yahoo.com", "yahoo", "a+b@yahoo.com"},
        {"John+x", "me.com", "apple", "john@icloud.com"},
        {"john", "mac.com", "apple", "john@icloud.com"},
        {"J.o_h-n+x", "proton.me", "protonmail", "john@proton.me"},
        {"john", "pm.me", "protonmail", "john@pm.me"},
        {"John+x", "fastmail.com", "fastmail", "john@fastmail.com"},
        {"x", "john.fastmail.com", "fastmail", "john@fastmail.com"},
        {"j_s", "fastmail.com", "fastmail", "j-s@fastmail.com"},
        {"x", "j-s.fastmail.com", "fastmail", "j-s@fastmail.com"},
        {"john-smith", "ya.ru", "yandex", "john.smith@yandex.ru"},
        {"john.smith", "yandex.com", "yandex", "john.smith@yandex.ru"},
        {"PostMaster", "firm.example", NULL, "postmaster@firm.example"},
        {"+tag", "gmail.com", "google", "+tag@gmail.com"},
        {"...", "gmail.com", "google", "...@gmail.com"},
        {"A", "[IPv6:::1]", "google", "A@[ipv6:::1]"},
        {"\"a\\\"b\"", "firm.example", NULL, "a\"b@firm.example"},
    };

    char text[400];
    size_t parsed = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address address = make_address(rows[i].local, rows[i].domain);
        const struct provider_profile *profile =
            rows[i].profile != NULL ? provider_by_name(slice_from_string(rows[i].profile)) : NULL;
        char key[PROVIDER_KEY_SIZE];
        size_t len = provider_mailbox_key(&address, profile, key);

        if (strcmp(key, rows[i].key) != 0)
            fail_msg("%s@%s: %s, not %s", rows[i].local, rows[i].domain, key, rows[i].key);
        assert_int_equal(len, strlen(key));
        /* The same from the text, where it is an address at all ("...@gmail.com" is none). */
        snprintf(text, sizeof(text), "%s@%s", rows[i].local, rows[i].domain);
        if (address_parse(text, strlen(text), &address)) {
            provider_mailbox_key(&address, profile, key);
            assert_string_equal(key, rows[i].key);
            if (profile == NULL || strcmp(rows[i].domain, "gmail.com") == 0) {
                struct slice domain =
                    address.is_literal ? address.domain : slice_from_string(address.domain_ascii);

                assert_int_equal(provider_mailbox_spelling(address.local, domain, key),
                                 strlen(rows[i].key));
                assert_string_equal(key, rows[i].key);
            }
            parsed++;
        }
    }
    assert_true(parsed >= ARRAY_LEN(rows) - 1);
}

/* Any bytes, at the edge of what may be read. */
static void hostile_bytes_do_no_harm(void **state)
{
    static const char alphabet[] = "..--__++@\"\\aB1\0\xff ";
    static const char *const domains[] = {"gmail.com",      "yahoo.com",   "ya.ru",       "pm.me",
                                          "x.fastmail.com", "outlook.com", "firm.example"};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct random random;

    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
    random_init(&random, 7);
    for (size_t round = 0; round < 20000; round++) {
        size_t len = random_below(&random, ADDRESS_LOCAL_MAX + 1);
        struct slice domain = slice_from_string(domains[round % ARRAY_LEN(domains)]);
        struct slice local = slice_from(map + page - len, len);
        struct address address = make_address("", domain.ptr);
        char key[PROVIDER_KEY_SIZE];

        for (size_t i = 0; i < len; i++)
            map[page - len + i] = alphabet[random_below(&random, sizeof(alphabet) - 1)];
        provider_mailbox_breach(local, domain);
        provider_mailbox_is_subaddress(local, domain, provider_generic());
        address.local = local;
        len = provider_mailbox_key(&address, provider_by_name(SLICE("google")), key);
        assert_in_range(len, 3, PROVIDER_KEY_SIZE - 1);
        assert_in_range(provider_mailbox_spelling(local, domain, key), 3, PROVIDER_KEY_SIZE - 1);
    }
    munmap(map, 2 * page);
}

static void the_longest_address_fits(void **state)
{
    char local[65], domain[256], key[PROVIDER_KEY_SIZE];
    struct address address;

    memset(local, 'l', 64);
    local[64] = '\0';
    memset(domain, 'd', 255);
    domain[255] = '\0';
    address = make_address(local, domain);
    assert_int_equal(provider_mailbox_key(&address, NULL, key), 64 + 1 + 255);
}

static void tags_are_seen_where_they_are_tags(void **state)
{
    static const struct {
        const char *local, *domain, *profile;
        bool tagged;
    } rows[] = {
        {"john+x", "gmail.com", NULL, true},
        {"john", "gmail.com", NULL, false},
        {"+x", "gmail.com", NULL, false},
        {"base-key", "yahoo.com", NULL, true},
        {"base-key", "gmail.com", NULL, false},
        {"john+x", "tuta.com", NULL, false},
        {"john+x", "firm.example", "microsoft365", true},
        {"john+x", "firm.example", NULL, true},
        {"x", "john.fastmail.com", "fastmail", true},
        {"x", "fastmail.com", "fastmail", false},
        {"\"a+b\"", "firm.example", NULL, false},
        {"", "firm.example", NULL, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct provider_profile *profile =
            rows[i].profile != NULL ? provider_by_name(slice_from_string(rows[i].profile)) : NULL;

        if (provider_mailbox_is_subaddress(slice_from_string(rows[i].local),
                                           slice_from_string(rows[i].domain),
                                           profile) != rows[i].tagged)
            fail_msg("%s@%s", rows[i].local, rows[i].domain);
    }
}

static void rules_are_told_in_words(void **state)
{
    char names[PROVIDER_MAILBOX_WORDS], folds[PROVIDER_MAILBOX_WORDS];

    assert_true(provider_mailbox_words(SLICE("googlemail.com"), names, folds));
    assert_string_equal(names, "6 to 30 letters and digits and any of .");
    assert_string_equal(folds, "case does not count; dots do not count; '+tag' is cut off; at "
                               "gmail.com");
    assert_true(provider_mailbox_words(SLICE("yandex.ru"), names, folds));
    assert_non_null(strstr(folds, "'-' is '.'"));
    assert_true(provider_mailbox_words(SLICE("rediffmail.com"), names, folds));
    assert_string_equal(names, "");
    assert_false(provider_mailbox_words(SLICE("firm.example"), names, folds));
}

/* Whoever knows that a host is nobody's in particular need not look for rules. */
static void no_rule_is_of_the_generic_provider(void **state)
{
    for (size_t i = 0; i < mailbox_domain_count; i++)
        assert_int_not_equal(mailbox_rules[mailbox_domains[i].row].provider, 0);
    for (size_t i = 0; i < mailbox_hosted_count; i++) {
        assert_int_not_equal(mailbox_rules[mailbox_hosted[i].row].provider, 0);
        assert_string_not_equal(mailbox_hosted[i].name, provider_generic()->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_told_in_words),
        cmocka_unit_test(only_what_no_account_can_be_is_a_breach),
        cmocka_unit_test(spellings_of_one_mailbox_have_one_key),
        cmocka_unit_test(the_longest_address_fits),
        cmocka_unit_test(hostile_bytes_do_no_harm),
        cmocka_unit_test(no_rule_is_of_the_generic_provider),
        cmocka_unit_test(tags_are_seen_where_they_are_tags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
