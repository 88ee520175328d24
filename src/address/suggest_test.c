/* Tests of suggestions: rows of domains and whole addresses, distances, hostile input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "address/distance.h"
#include "address/popular.h"
#include "address/suggest.h"
#include "base/check.h"
#include "base/random.h"

static bool is_own(void *context, struct slice domain)
{
    return slice_equal(domain, SLICE("hotmail.be")) || slice_equal(domain, SLICE("imail.com"));
}

static const struct suggest_world world = {.is_real = is_own};

static void domains_are_mended(void **state)
{
    static const struct {
        const char *domain;
        const char *expected; /* NULL: leave alone */
    } rows[] = {
        {"gmail.com", NULL},
        {"GMAIL.com", NULL},
        {"mail.gmail.com", NULL},
        {"www.gmail.com", "gmail.com"},
        {"gmial.com", "gmail.com"},
        {"GMIAL.COM", "gmail.com"},
        {"gmail,com", "gmail.com"},
        {"gmail com", "gmail.com"},
        {"gmail..com", "gmail.com"},
        {"gmail.com.", "gmail.com"},
        {".gmail.com", "gmail.com"},
        {"-gmail-.com", "gmail.com"},
        {"gmail.com.com", "gmail.com"},
        {"#gmail.com`", "gmail.com"},
        {"gmail.com (home)", "gmail.com"},
        {"a.example(at work)", "a.example"},
        {"(gmail.com)", "gmail.com"},
        {"gmailcom", "gmail.com"},
        {"yahooco.uk", "yahoo.co.uk"},
        {"gmail.co.m", "gmail.com"},
        {"hotmail", "hotmail.com"},
        {"ymail", "ymail.com"},
        {"hotmial", "hotmail.com"},
        {"mail", NULL},
        {"gm", NULL},
        {"localhost", NULL},
        {"gmail.co", "gmail.com"},
        {"startup.co", NULL},
        {"radio.ne", NULL},
        {"comcast.ne", "comcast.net"},
        {"con-artists.con", "con-artists.com"},
        {"shop.nte", "shop.net"},
        {"x.con", NULL},
        {"shop.local", NULL},
        {"gmail.edd", NULL},
        {"gmail.de", NULL},
        {"mail.cz", NULL},
        {"aon.com", NULL},
        {"lime.con", "lime.com"},
        {"hotmail.dr", NULL}, /* hotmail.fr or hotmail.de? */
        {"hotmial.be", "hotmail.be"},
        {"hotmial.xyz", NULL},
        {"imail.com", NULL},
        {"imail.con", "imail.com"},
        {"optusnet.co.au", "optusnet.com.au"},
        {"bigpond.net.ua", "bigpond.net.au"},
        {"example.com,", "example.com"},
        {"exa mple,com", "exa.mple.com"},
        /* what stands behind a domain is no part of it */
        {"a.example.com, Berlin", "a.example.com"},
        {"example.com; b", "example.com"},
        {"example.com or none", "example.com"},
        {"example.com - Sales", "example.com"},
        {"example.com / c", "example.com"},
        {"example.com|b", "example.com"},
        {"example.co.uk, London", "example.co.uk"},
        {"example.com, M\xc3\xbcnchen", "example.com"},
        {"gmial.con, Berlin", "gmail.com"},
        {"gmail, com", "gmail.com"},
        {"gmail,com, Berlin", "gmail.com"},
        /* or is its end after all */
        {"example.co uk", "example.co.uk"},
        {"example.co. uk", "example.co.uk"},
        {"yahoo.com br", "yahoo.com.br"},
        {"yahoo.co,uk", "yahoo.co.uk"},
        {"b\xc3\xbc"
         "cher.de, Berlin",
         NULL},
        {"b\xc3\xbc"
         "cher.de",
         NULL},
        {"", NULL},
        {".", NULL},
        {"[192.0.2.1]", NULL},
        {"1.2.3.4", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[ADDRESS_DOMAIN_MAX + 1] = "";
        bool found = suggest_domain(slice_from_string(rows[i].domain), &world, out);

        if (found != (rows[i].expected != NULL) || (found && strcmp(out, rows[i].expected) != 0))
            fail_msg("%s: got %s", rows[i].domain, found ? out : "nothing");
    }
    assert_false(suggest_domain(SLICE("imail.com"), &world, (char[256]){0}));
    assert_true(suggest_domain(SLICE("hmail.com"), NULL, (char[256]){0}));
}

static void mail_servers_speak_for_a_domain(void **state)
{
    static const struct suggest_world with_mx = {.has_mail_server = true};
    char out[ADDRESS_DOMAIN_MAX + 1];

    assert_false(suggest_domain(SLICE("hmail.com"), &with_mx, out));
    assert_true(suggest_domain(SLICE("gmial.com"), &with_mx, out)); /* a listed squat */
    assert_string_equal(out, "gmail.com");
}

/* What the compiler of the tables derives must be what the code would. */
static void tables_are_consistent(void **state)
{
    for (size_t i = 0; i < popular_domain_count; i++) {
        const struct popular_domain *popular = &popular_domains[i];

        assert_int_equal(popular->name_letters, distance_letters(popular->name));
        assert_int_equal(popular->rest_letters, distance_letters(popular->rest));
        assert_int_equal(popular->name.len + 1 + popular->rest.len, popular->domain.len);
        assert_ptr_equal(popular_find(popular->domain), popular);
        assert_true(popular_name_is_known(popular->name));
    }
    for (size_t i = 0; i < tld_typo_count; i++)
        assert_ptr_equal(tld_typo_find(tld_typos[i].typed), &tld_typos[i]);
}

/* The cap and the letters only save time: they never change an answer. */
static void caps_do_not_change_distances(void **state)
{
    struct random random;

    random_init(&random, 11);
    for (int round = 0; round < 3000; round++) {
        struct slice meant = popular_domains[random_below(&random, popular_domain_count)].domain;
        char text[DISTANCE_WORD_MAX];
        struct slice typed = slice_prefix(meant, sizeof(text));
        struct distance_word word;
        unsigned cap = (unsigned)random_below(&random, 25), exact, capped;

        memcpy(text, typed.ptr, typed.len);
        typed.ptr = text;
        for (uint64_t i = random_below(&random, 4); i > 0; i--)
            text[random_below(&random, typed.len)] = "abcxyz-.19"[random_below(&random, 10)];
        distance_prepare(typed, &word);
        exact = distance_of_typing(typed, meant);
        capped = distance_between(&word, meant, distance_letters(meant), cap);
        assert_int_equal(capped, exact <= cap ? exact : DISTANCE_FAR);
    }
}

/* Every listed squat must be one that the method itself mends. */
static void squats_are_mended(void **state)
{
    for (size_t i = 0; i < typo_squat_count; i++) {
        char out[ADDRESS_DOMAIN_MAX + 1];

        if (!suggest_domain(typo_squats[i], NULL, out))
            fail_msg("%s", typo_squats[i].ptr);
        assert_non_null(popular_find(slice_from_string(out)));
    }
}

static void addresses_are_mended(void **state)
{
    static const struct {
        const char *address;
        const char *expected; /* NULL: nothing to suggest */
    } rows[] = {
        {"john@gmail.com", NULL},
        {"john@gmial.com", "john@gmail.com"},
        {"John@GMIAL.com", "John@gmail.com"},
        {" john@example.org\r\n", "john@example.org"},
        {"<john@example.org>", "john@example.org"},
        {"John Doe <john@gmial.con>", "john@gmail.com"},
        {"mailto:john@example.org?subject=hi", "john@example.org"},
        {"john@gmail.com?subject=hi", "john@gmail.com"},
        {"'john@example.org'", "john@example.org"},
        {"\"john@example.org\"", "john@example.org"},
        {"(john@example.org);", "john@example.org"},
        {"john@example.org.", "john@example.org"},
        {"john @ example.org", "john@example.org"},
        {"john@@example.org", "john@example.org"},
        {"john..doe@example.org", "john.doe@example.org"},
        {".john.@example.org", "john@example.org"},
        {"\"a..b\"@gmial.com", "\"a..b\"@gmail.com"},
        {"\"a@b\"@gmial.com", "\"a@b\"@gmail.com"},
        {"john\xef\xbc\xa0"
         "example.org",
         "john@example.org"},
        {"\xef\xbb\xbfjohn@example.org\xe2\x80\x8b", "john@example.org"},
        {"\xc2\xa0john@example.org", "john@example.org"},
        {"john(at)example.org", "john@example.org"},
        {"john at example dot org", "john@example.org"},
        {"john@b\xc3\xbc"
         "cher.de ",
         "john@b\xc3\xbc"
         "cher.de"},
        {"john@[192.0.2.1] ", "john@[192.0.2.1]"},
        {"john@example.org, Berlin", "john@example.org"},
        {"john@example.org or none", "john@example.org"},
        {"john@example.org;b", "john@example.org"},
        {"john@example.org;john@example.org", "john@example.org"},
        {"john@example.org\njohn@example.org", "john@example.org"},
        {"<john@example.org>, <john@example.org>", "john@example.org"},
        {"john@example.org, John@Example.org.", "john@example.org"},
        {"john@example.org (JOHN@EXAMPLE.ORG)", "john@example.org"},
        {"john@gmial.com or john@gmial.com", "john@gmail.com"},
        {"john@example.org; john@example.org; jane@example.org", NULL},
        {"john@example.org; jimjohn@example.org", NULL},
        {"john@example.org; jim.john@example.org", NULL},
        {"john@example.org; john@example.or", NULL},
        {"john@example.or; john@example.org", NULL},
        {"john@example.orgjohn@example.org", NULL},
        {"john@john@example.org", NULL},
        {"john doe@example.org", NULL},
        {"john@example.org, jane@example.org", NULL},
        {"john@example.org\njane@example.org", NULL},
        {"john@1.2.3.4 ", NULL},
        {"john", NULL},
        {"@gmial.com", NULL},
        {"", NULL},
        {"\xff@gmial.com", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[ADDRESS_WIRE_SIZE] = "";
        size_t len = suggest_address(slice_from_string(rows[i].address), &world, out);

        if ((len > 0) != (rows[i].expected != NULL) ||
            (len > 0 && strcmp(out, rows[i].expected) != 0))
            fail_msg("%s: got %s", rows[i].address, len > 0 ? out : "nothing");
        assert_true(len == 0 || len == strlen(out));
    }
    assert_int_equal(suggest_address(slice_from("jo\0hn@gmial.com", 15), NULL, (char[321]){0}), 0);
}

static void distances_are_weighed(void **state)
{
    static const struct {
        const char *typed;
        const char *meant;
        unsigned distance;
    } rows[] = {
        {"gmail", "gmail", 0},  {"gmial", "gmail", 5},  {"gmaill", "gmail", 5},
        {"yaho", "yahoo", 5},   {"gnail", "gmail", 6},  {"gma1l", "gmail", 6},
        {"gmnail", "gmail", 7}, {"gmai", "gmail", 8},   {"gmail", "gmail1", 8},
        {"gmwail", "gmail", 7}, {"gmxail", "gmail", 9}, {"gmeil", "gmail", 10},
        {"email", "gmail", 14}, {"g-mail", "gmail", 5}, {"", "abc", 24},
    };
    char word[DISTANCE_WORD_MAX + 2];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned got =
            distance_of_typing(slice_from_string(rows[i].typed), slice_from_string(rows[i].meant));

        if (got != rows[i].distance)
            fail_msg("%s %s: %u", rows[i].typed, rows[i].meant, got);
    }
    memset(word, 'a', sizeof(word));
    assert_int_equal(distance_of_typing(slice_from(word, DISTANCE_WORD_MAX),
                                        slice_from(word, DISTANCE_WORD_MAX)),
                     0);
    assert_int_equal(distance_of_typing(slice_from(word, sizeof(word) - 1), SLICE("a")),
                     DISTANCE_FAR);
    /* Keys touch both ways or not at all. */
    for (char a = 'a'; a <= 'z'; a++) {
        for (char b = 'a'; b <= 'z'; b++) {
            if (distance_keys_touch(a, b) != distance_keys_touch(b, a))
                fail_msg("%c %c", a, b);
        }
    }
}

/* Random strings of tricky pieces: whatever comes out parses and differs from what went in. */
static void suggestions_always_parse(void **state)
{
    static const char *const pieces[] = {
        "gmail", "gmial", ".", "com", "con", "@",       " ",        "<",    ">",
        "\"",    "\\",    ",", "-",   "_",   "mailto:", "\xc3\xa9", "\xff", "co.uk",
        "www.",  "(at)",  "[", "]",   "1",   "xn--",    "\n",       "?"};
    struct random random;
    int found = 0;

    random_init(&random, 7);
    for (int round = 0; round < 4000; round++) {
        char text[256] = "", domain[ADDRESS_DOMAIN_MAX + 1], out[ADDRESS_WIRE_SIZE];
        struct slice input;
        struct address address;
        size_t len;

        for (uint64_t i = random_below(&random, 10); i > 0; i--)
            strcat(text, pieces[random_below(&random, ARRAY_LEN(pieces))]);
        input = slice_from_string(text);
        len = suggest_address(input, &world, out);
        if (len > 0) {
            found++;
            assert_true(address_parse(out, len, &address));
            assert_false(slice_equal(slice_from(out, len), input));
        }
        if (suggest_domain(input, &world, domain)) {
            char whole[2 + ADDRESS_DOMAIN_MAX + 1];

            snprintf(whole, sizeof(whole), "a@%s", domain);
            assert_true(address_parse(whole, strlen(whole), &address));
            assert_false(slice_equal_nocase(slice_from_string(domain), input));
        }
    }
    assert_true(found > 20);
}

static void long_inputs_have_no_suggestion(void **state)
{
    static char text[1 << 20];
    char out[ADDRESS_WIRE_SIZE], domain[ADDRESS_DOMAIN_MAX + 1];

    memset(text, 'a', sizeof(text));
    assert_false(suggest_domain(slice_from(text, sizeof(text)), &world, domain));
    assert_false(suggest_domain(slice_from(text, 255), &world, domain));
    text[10] = '@';
    assert_int_equal(suggest_address(slice_from(text, sizeof(text)), &world, out), 0);
    assert_int_equal(suggest_address(slice_from(text, 1024), &world, out), 0);
    memcpy(text + 250, ".con", 4);
    assert_false(suggest_domain(slice_from(text + 11, 255), &world, domain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains_are_mended),
        cmocka_unit_test(mail_servers_speak_for_a_domain),
        cmocka_unit_test(tables_are_consistent),
        cmocka_unit_test(caps_do_not_change_distances),
        cmocka_unit_test(squats_are_mended),
        cmocka_unit_test(addresses_are_mended),
        cmocka_unit_test(distances_are_weighed),
        cmocka_unit_test(suggestions_always_parse),
        cmocka_unit_test(long_inputs_have_no_suggestion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
