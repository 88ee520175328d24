/* Tests of taking addresses in: what the domain tells is what the parser says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "probe/taken.h"

static const char *const domains[] = {
    "example.com",
    "a.b",
    "x",
    "xn--mnchen-3ya.de",
    "foo-bar.co.uk",
    "sub.x.museum",
    "1.2.3.4",
    "a.test",
    "t.invalidtld",
    "ab--cd.com",
    "xn--zzzzz.de",
    "d.example",
    "e.c",
    "a1.9",
};

static void init(struct probe_engine *engine)
{
    *engine = (struct probe_engine){.depth = 1};
    table_init(&engine->domains, 5);
    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        assert_non_null(probe_domain_get(engine, slice_from_string(domains[i])));
}

static void done(struct probe_engine *engine)
{
    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        probe_domain_release(probe_domain_find(engine, slice_from_string(domains[i])));
    table_done(&engine->domains);
}

static void check_same(const struct address *one, const struct address *other)
{
    assert_int_equal(one->diagnosis, other->diagnosis);
    assert_int_equal(one->flags, other->flags);
    assert_true(slice_equal(one->local, other->local));
    assert_true(slice_equal(one->domain, other->domain));
    assert_int_equal(one->is_literal, other->is_literal);
    assert_string_equal(one->domain_ascii, other->domain_ascii);
    assert_int_equal(one->domain_ascii_len, other->domain_ascii_len);
}

/* Whether it was plain. */
static bool check(const struct probe_engine *engine, struct slice input)
{
    struct probe_taken taken;
    struct address address;
    char wire[ADDRESS_WIRE_SIZE];

    probe_take_in(engine, input, &taken);
    if (!address_parse(input.ptr, input.len, &address)) {
        assert_false(taken.is_plain);
        assert_int_equal(taken.wire.len, 0);
        return false;
    }
    assert_true(slice_equal(taken.wire, slice_from(wire, address_format_wire(&address, wire))));
    assert_true(slice_equal(taken.local, address.local));
    assert_true(slice_equal(taken.domain,
                            address.is_literal
                                ? address.domain
                                : slice_from(address.domain_ascii, address.domain_ascii_len)));
    assert_int_equal(taken.memo.flags, address_remember(&address).flags);
    assert_int_equal(taken.memo.local_len, address_remember(&address).local_len);
    assert_int_equal(taken.needs_smtputf8, address_needs_smtputf8(&address));
    assert_int_equal(taken.is_literal, address.is_literal);
    if (!address.is_literal)
        assert_ptr_equal(taken.known, probe_domain_find(engine, taken.domain));
    check_same(probe_taken_address(&taken), &address);
    if (taken.is_plain) {
        struct smtp_recipient looked_at = {.mailbox = taken.wire}, vouched_for = looked_at;

        assert_true(smtp_recipient_check(&looked_at));
        smtp_recipient_vouch(&vouched_for, (uint16_t)(taken.local.len + 1));
        assert_int_equal(vouched_for.is_checked, looked_at.is_checked);
        assert_int_equal(vouched_for.has_utf8, looked_at.has_utf8);
        assert_int_equal(vouched_for.domain_at, looked_at.domain_at);
    }
    return taken.is_plain;
}

static void what_a_domain_tells_is_what_the_parser_says(void **state)
{
    static const char alphabet[] = "abcxyzABC0123456789..--__++\"@ \\[\xc3\xa4";
    struct probe_engine engine;
    struct random random;
    unsigned plain = 0;

    init(&engine);
    random_init(&random, 1);
    for (int round = 0; round < 100000; round++) {
        const char *name = domains[random_below(&random, ARRAY_LEN(domains))];
        /* Few bytes mostly, and of the plain ones: so that both ways are gone often. */
        size_t len = random_below(&random, random_chance(&random, 1, 8) ? 70 : 12);
        size_t kinds = random_chance(&random, 1, 2) ? 27 : sizeof(alphabet) - 1;
        char bytes[400];

        for (size_t i = 0; i < len; i++)
            bytes[i] = alphabet[random_below(&random, kinds)];
        bytes[len++] = '@';
        memcpy(bytes + len, name, strlen(name));
        len += strlen(name);
        if (random_chance(&random, 1, 4))
            bytes[random_below(&random, len)] = alphabet[random_below(&random, sizeof(alphabet))];
        plain += check(&engine, slice_from(bytes, len));
    }
    assert_in_range(plain, 10000, 90000);
    done(&engine);
}

static void only_names_as_they_are_kept_are_plain(void **state)
{
    char longest[400];
    struct probe_engine engine;

    init(&engine);
    assert_true(check(&engine, SLICE("anna@example.com")));
    assert_true(check(&engine, SLICE("Anna.B+c_d-e@example.com")));
    assert_false(check(&engine, SLICE("anna@Example.com")));
    assert_false(check(&engine, SLICE("anna@example.org"))); /* nobody has got it */
    assert_false(check(&engine, SLICE("\"anna\"@example.com")));
    assert_false(check(&engine, SLICE("anna@m\xc3\xbcnchen.de")));
    assert_false(check(&engine, SLICE("anna@[127.0.0.1]")));
    assert_false(check(&engine, SLICE("anna@")));
    assert_false(check(&engine, SLICE("@example.com")));
    assert_false(check(&engine, SLICE("")));
    memset(longest, 'a', sizeof(longest));
    memcpy(longest + 64, "@example.com", 12);
    check(&engine, slice_from(longest, 76));
    check(&engine, slice_from(longest + 1, 75));
    done(&engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_domain_tells_is_what_the_parser_says),
        cmocka_unit_test(only_names_as_they_are_kept_are_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
