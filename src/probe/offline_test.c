/* Tests of the cheap layers: what is remembered of domains changes no verdict. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/random.h"
#include "probe/offline.h"

/* What a judgement depends on the domain for. */
struct judged {
    struct probe_offline_case each;
    struct verdict verdict;
    char key[PROVIDER_KEY_SIZE];
    struct buffer json;
};

static void judged_done(struct judged *judged)
{
    buffer_done(&judged->json);
}

static void judge(const char *text, struct probe_offline_memory *memory, struct judged *ret)
{
    const struct probe_offline_terms terms = {.unix_ms = 1000, .stop = EVIDENCE_STOP_DEPTH};
    struct result_options options = {.source = "live"};
    const struct evidence *evidence = &ret->each.evidence;
    struct json json;

    memset(ret, 0, sizeof(*ret));
    buffer_init(&ret->json, 0);
    probe_offline_judge(slice_from_string(text), memory, &terms, &ret->each, &ret->verdict);
    if (evidence->address.diagnosis == ADDRESS_VALID)
        provider_mailbox_key_of(&evidence->address, memory != NULL ? &ret->each.known.rules : NULL,
                                NULL, ret->key);
    options.pattern = ret->each.pattern;
    json_init(&json, &ret->json);
    result_write_json(&json, evidence, &ret->verdict, &options);
    assert_int_equal(json.level, 0);
    assert_false(ret->json.failed);
}

static void expect_same(const char *text, struct probe_offline_memory *memory)
{
    struct judged fresh, remembered;

    judge(text, NULL, &fresh);
    judge(text, memory, &remembered);
    if (fresh.verdict.reason != remembered.verdict.reason ||
        fresh.verdict.flags != remembered.verdict.flags ||
        fresh.verdict.score != remembered.verdict.score ||
        fresh.verdict.status != remembered.verdict.status ||
        fresh.verdict.action != remembered.verdict.action ||
        fresh.verdict.retry_after_s != remembered.verdict.retry_after_s ||
        strcmp(fresh.verdict.explanation, remembered.verdict.explanation) != 0 ||
        !slice_equal(buffer_slice(&fresh.json), buffer_slice(&remembered.json)) ||
        fresh.each.evidence.builtin_classes != remembered.each.evidence.builtin_classes ||
        fresh.each.evidence.mailbox_breach != remembered.each.evidence.mailbox_breach ||
        fresh.each.evidence.subaddress != remembered.each.evidence.subaddress ||
        !slice_equal(fresh.each.evidence.suggestion, remembered.each.evidence.suggestion) ||
        strcmp(fresh.key, remembered.key) != 0)
        fail_msg("%s: another judgement from memory (suggested '%s' and '%s', keys '%s' and '%s')",
                 text, fresh.each.suggestion, remembered.each.suggestion, fresh.key,
                 remembered.key);
    judged_done(&fresh);
    judged_done(&remembered);
}

static const char *const addresses[] = {
    "anna.berg@gmail.com",
    "a@gmail.com",
    "anna.berg+shop@gmail.com",
    "anna.berg@GMAIL.com",
    "anna@gmial.com",
    "Anna.Berg@GMIAL.com",
    "a{at}b@gmial.com",
    "anna@gmail.con",
    "anna@gmail.com.",
    "anna@firm.example",
    "anna@fastmail.com",
    "tag@anna.fastmail.com",
    "anna+x@anna.fastmail.com",
    "info@firm.example",
    "no-reply@firm.example",
    "anna@mailinator.com",
    "anna@sub.mailinator.com",
    "anna@[192.0.2.1]",
    "\"anna berg\"@gmail.com",
    "\"anna\"@firm.example",
    "'anna@firm.example",
    "anna@b\303\274cher.example", /* UTF-8 of a u with diaeresis */
    "j\xc3\xbcrgen@gmail.com",
    "anna@xn--bcher-kva.example",
    "anna-list@yahoo.com",
    "anna_1@yahoo.com",
    "anna@hotmial.be",
    "anna@localhost",
    "anna@",
    "",
    "anna@a-name-of-a-domain-that-is-longer-than-others.example",
};

static void memory_changes_no_verdict(void **state)
{
    struct probe_offline_memory memory;

    probe_offline_memory_init(&memory);
    assert_non_null(memory.domains);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
            expect_same(addresses[i], &memory);
    /* The other way round: what was said first is not what is said later. */
    for (size_t i = ARRAY_LEN(addresses); i > 0; i--)
        expect_same(addresses[i - 1], &memory);
    probe_offline_memory_done(&memory);
}

/* A local part of names, roles, noise, numbers and tags. */
static void make_local(struct random *random, char *out, size_t size)
{
    static const char *const words[] = {"anna",    "berg",     "jsmith", "li",       "krzysztof",
                                        "info",    "no-reply", "sales",  "xkqzvbwt", "tsch",
                                        "o'brien", "M",        "Rossi",  "qwrtz",    "a1b2c3",
                                        "web",     "tanaka",   "uk"};
    static const char *const joints[] = {"", ".", "_", "-", "+"};
    size_t count = 1 + random_below(random, 3), len = 0;

    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s",
                                i > 0 ? joints[random_below(random, ARRAY_LEN(joints))] : "",
                                words[random_below(random, ARRAY_LEN(words))]);
    if (random_below(random, 2) == 0)
        snprintf(out + len, size - len, "%u", (unsigned)random_below(random, 3000));
    else if (random_below(random, 8) == 0) /* letters of any kind */
        for (size_t i = 0; i < len; i++)
            if (random_below(random, 3) > 0)
                out[i] = (char)('a' + random_below(random, 26));
}

/* Verdicts that were copied for their shape (verdict/shape.h) are what would have been judged. */
static void addresses_of_one_shape_are_judged_alike(void **state)
{
    static const char *const domains[] = {
        "gmail.com",    "yahoo.com",  "firm.example",   "web.de",         "Other.Example",
        "fastmail.com", "gmial.com",  "mailinator.com", "a.fastmail.com", "xn--bcher-kva.example",
        "localhost",    "[192.0.2.7]"};
    const uint64_t seed = 3;
    struct probe_offline_memory memory;
    struct random random;
    char text[120];

    print_message("seed %llu\n", (unsigned long long)seed);
    random_init(&random, seed);
    probe_offline_memory_init(&memory);
    assert_non_null(memory.shapes);
    for (size_t i = 0; i < 20000; i++) {
        size_t len;

        make_local(&random, text, 80);
        len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "@%s",
                 domains[random_below(&random, ARRAY_LEN(domains))]);
        expect_same(text, &memory);
    }
    probe_offline_memory_done(&memory);
}

/* Every other domain is real, as if it had a mail server. */
static bool is_half_real(void *context, struct slice domain)
{
    return domain.len % 2 == 0 || probe_offline_domain_is_real(context, domain);
}

static void expect_suggestion(const char *text)
{
    const struct suggest_world world = {is_half_real, NULL};
    char expected[ADDRESS_WIRE_SIZE] = "", suggestion[ADDRESS_WIRE_SIZE];
    struct slice input = slice_from_string(text);
    struct evidence evidence = {.provider = NULL};
    struct address_traits traits;
    size_t len = suggest_address(input, &world, expected);

    probe_offline_fill(input, (struct address_memo){0}, NULL, &world, &evidence, &traits,
                       suggestion);
    if (!slice_equal(evidence.suggestion, slice_from(expected, len)))
        fail_msg("%s: '%.*s' is suggested, not '%.*s'", text, SLICE_ARG(evidence.suggestion),
                 (int)len, expected);
}

/* What saves the look at the whole address takes no suggestion away. */
static void sound_addresses_lose_no_suggestion(void **state)
{
    static const char *const domains[] = {"gmail.com",    "gmial.com", "Gmail.Com",  "gmail.con",
                                          "hotmial.be",   "gmailcom",  "localhost",  "firm.example",
                                          "firm.exampel", "web.dee",   "[192.0.2.7]"};
    struct random random;
    char text[120];

    for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
        expect_suggestion(addresses[i]);
    random_init(&random, 5);
    for (size_t i = 0; i < 5000; i++) {
        size_t len;

        make_local(&random, text, 80);
        len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "@%s",
                 domains[random_below(&random, ARRAY_LEN(domains))]);
        expect_suggestion(text);
    }
}

/* So many that they push each other out. */
static void memory_that_is_full_is_right(void **state)
{
    enum {
        DOMAINS = 150000,
        CHECKED_EACH = 500,
    };
    struct probe_offline_memory memory;
    struct random random;
    char text[80];

    probe_offline_memory_init(&memory);
    random_init(&random, 1);
    for (unsigned i = 0; i < DOMAINS; i++) {
        struct judged judged;

        snprintf(text, sizeof(text), "anna@a%u.%s", i, i % 7 == 0 ? "fastmail.com" : "example");
        if (i % CHECKED_EACH != 0) {
            judge(text, &memory, &judged);
            judged_done(&judged);
            continue;
        }
        expect_same(text, &memory);
        snprintf(text, sizeof(text), "anna@a%u.example",
                 (unsigned)random_below(&random, (uint64_t)i + 1));
        expect_same(text, &memory);
        expect_same(addresses[i / CHECKED_EACH % ARRAY_LEN(addresses)], &memory);
    }
    probe_offline_memory_done(&memory);
}

static void expect_verdict(const struct probe_offline_case *each, const struct verdict *verdict,
                           const char *text)
{
    struct judged alone;

    judge(text, NULL, &alone);
    assert_int_equal(verdict->reason, alone.verdict.reason);
    assert_int_equal(verdict->flags, alone.verdict.flags);
    assert_int_equal(verdict->score, alone.verdict.score);
    assert_string_equal(verdict->explanation, alone.verdict.explanation);
    assert_true(slice_equal(each->evidence.suggestion, alone.each.evidence.suggestion));
    judged_done(&alone);
}

/* Step by step, all of them together, as one after the other; and again in the same cases, each
 * with another address. */
static void steps_taken_together_change_no_verdict(void **state)
{
    const struct probe_offline_terms terms = {.unix_ms = 1000, .stop = EVIDENCE_STOP_DEPTH};
    struct probe_offline_case together[ARRAY_LEN(addresses)];
    struct probe_offline_memory memory;

    probe_offline_memory_init(&memory);
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
        probe_offline_begin(&terms, &together[i]);
    for (size_t shift = 0; shift < ARRAY_LEN(addresses); shift += 7) {
        for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
            probe_offline_parse(slice_from_string(addresses[(i + shift) % ARRAY_LEN(addresses)]),
                                &memory, &together[i]);
        for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
            probe_offline_fetch(&memory, &together[i]);
        for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
            probe_offline_look_up(&memory, &together[i]);
        for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
            struct verdict room;
            const struct verdict *verdict =
                probe_offline_conclude(&memory, &terms, &together[i], &room);

            expect_verdict(&together[i], verdict, addresses[(i + shift) % ARRAY_LEN(addresses)]);
        }
    }
    probe_offline_memory_done(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_changes_no_verdict),
        cmocka_unit_test(addresses_of_one_shape_are_judged_alike),
        cmocka_unit_test(sound_addresses_lose_no_suggestion),
        cmocka_unit_test(memory_that_is_full_is_right),
        cmocka_unit_test(steps_taken_together_change_no_verdict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
