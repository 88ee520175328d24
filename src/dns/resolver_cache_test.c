/* What the resolver keeps and shares, and how it lets go. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/resolver_rig.h"

static void answers_are_cached_for_their_time(void **state)
{
    static const struct row rows[] = {
        {"short.example", DNS_TYPE_MX, "TTL 5; MX 1 h.example"},
        {"long.example", DNS_TYPE_MX, "TTL 1000000; MX 1 h.example"},
        {"h.example", DNS_TYPE_A, "TTL 200000; A 9.9.9.9"},
        {"no.example", DNS_TYPE_MX, "NXDOMAIN"},
        {"bad.example", DNS_TYPE_MX, "SERVFAIL"},
        {NULL, 0, NULL},
    };
    static const struct {
        const char *name;
        uint32_t ttl_s;
        const char *first_log, *later_log;
    } cases[] = {
        {"short.example", 60, "MX short.example, A h.example", "MX short.example"},
        {"long.example", 86400, "MX long.example", "MX long.example, A h.example"},
        {"no.example", 300, "MX no.example", "MX no.example"}, /* the SOA's own TTL */
        {"bad.example", 30, "MX bad.example", "MX bad.example"},
    };
    const struct dns_resolver_options options = {.use_ipv4 = true};
    struct dns_resolver_counts counts;

    start_with(rows, &options);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        rig.told.calls = 0;
        ask(cases[i].name);
        run();
        assert_int_equal(rig.told.facts->ttl_s, cases[i].ttl_s);
        expect_log(cases[i].first_log);
        rig.loop.now_ms += cases[i].ttl_s * UINT64_C(1000) - 1;
        ask(cases[i].name);
        assert_int_equal(rig.told.calls, 1); /* not from inside, even when it is known */
        run();
        assert_int_equal(rig.told.calls, 2);
        expect_log("");
        rig.loop.now_ms++;
        ask(cases[i].name);
        run();
        assert_int_equal(rig.told.calls, 3);
        expect_log(cases[i].later_log);
    }
    dns_resolver_counts(rig.resolver, &counts);
    assert_int_equal(counts.questions, 10);
    assert_int_equal(counts.answers, 8);
    assert_int_equal(counts.failures, 2);
    assert_int_equal(counts.cache_hits, 4 + 2); /* domains and hosts */
    finish();
}

static void look_ups_are_shared(void **state)
{
    struct dns_resolver_counts counts;

    start_with(zone, NULL);
    ask("two.example");
    ask("two.example");
    ask("twice.example"); /* shares a host */
    run();
    assert_int_equal(rig.told.calls, 3);
    expect_log("MX two.example, MX twice.example, A mx1.two.example, AAAA mx1.two.example, "
               "A mx2.two.example, AAAA mx2.two.example");
    dns_resolver_counts(rig.resolver, &counts);
    assert_int_equal(counts.joined, 2);
    finish();
}

static void the_cache_is_bounded(void **state)
{
    const struct dns_resolver_options options = {.use_ipv4 = true, .cache_max = 3};

    start_with(zone, &options);
    ask("gone.example");
    run();
    ask("nothing.example"); /* an entry for its host, too */
    run();
    ask("gone.example"); /* used: stays */
    run();
    ask("servfail.example"); /* one too many */
    run();
    buffer_clear(&rig.transport.log);
    ask("gone.example");
    run();
    expect_log("");
    ask("nothing.example"); /* its host's entry was the oldest and went */
    run();
    expect_log("");
    for (int i = 0; i < 3; i++) {
        ask("two.example");
        run();
        ask("private.example");
        run();
    }
    finish();
}

static void look_ups_can_be_forgotten(void **state)
{
    struct question late;

    start_with(zone, NULL);
    ask("two.example");
    assert_int_equal(dns_resolver_domain(rig.resolver, "two.example", on_told, &rig.loop), 0);
    dns_resolver_forget(rig.resolver, &rig.told);
    run();
    assert_int_equal(rig.told.calls, 1); /* the other's */
    ask("two.example");                  /* from the cache */
    dns_resolver_forget(rig.resolver, &rig.told);
    run();
    assert_int_equal(rig.told.calls, 1);
    /* The resolver goes, its question is still out. */
    ask("gone.example");
    assert_int_equal(rig.transport.count, 1);
    late = rig.transport.queue[0];
    rig.transport.count = 0;
    finish();
    late.done(late.user, DNS_TIMEOUT, NULL, 0);
    assert_int_equal(rig.told.calls, 1);
}

static void on_told_free_it(void *user, const struct evidence_domain *facts)
{
    rig.told.calls++;
    dns_facts_release(facts);
    dns_resolver_free(rig.resolver);
    rig.resolver = NULL;
}

static void on_told_ask_again(void *user, const struct evidence_domain *facts)
{
    rig.told.calls++;
    dns_facts_release(facts);
    if (rig.told.calls < 4)
        assert_int_equal(
            dns_resolver_domain(rig.resolver, "gone.example", on_told_ask_again, &rig.told), 0);
    dns_resolver_forget(rig.resolver, &rig.loop);
}

static void callbacks_may_do_anything(void **state)
{
    start_with(zone, NULL);
    dns_resolver_domain(rig.resolver, "gone.example", on_told_ask_again, &rig.told);
    dns_resolver_domain(rig.resolver, "gone.example", on_told,
                        &rig.loop); /* forgotten by the first */
    run();
    assert_int_equal(rig.told.calls, 4);
    dns_resolver_domain(rig.resolver, "two.example", on_told_free_it, &rig.told);
    dns_resolver_domain(rig.resolver, "two.example", on_told_free_it, &rig.told); /* never told */
    run();
    assert_int_equal(rig.told.calls, 5);
    finish();
    start_with(zone, NULL);
    ask("gone.example");
    run();
    dns_resolver_domain(rig.resolver, "gone.example", on_told_free_it, &rig.told);
    run(); /* from the timer */
    assert_int_equal(rig.told.calls, 2);
    finish();
}

static void every_allocation_may_fail(void **state)
{
    static const char *const names[] = {"two.example", "implicit.example", "far.example",
                                        "literal.example", "mail.shop.co.uk"};
    const struct dns_resolver_options options = {
        .use_ipv4 = true, .use_ipv6 = true, .want_spf = true, .want_dmarc = true};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bool failed = true;

        for (int n = 0; failed; n++) {
            int rc;

            assert_true(n < 400);
            start_with(i == 4 ? signed_zone : zone, &options);
            memory_fail_after(n);
            rc = ask(names[i]);
            run();
            failed = memory_fail_after(-1) > (uint64_t)n;
            assert_true(rc == 0 || (failed && rc == ERROR_NOMEM));
            assert_int_equal(rig.told.calls, rc == 0);
            assert_true(failed || rig.told.empty == 0);
            /* Afterwards all is as if nothing had happened. */
            buffer_clear(&rig.transport.log);
            rig.told.empty = 0;
            assert_int_equal(ask(names[i]), 0);
            run();
            assert_int_equal(rig.told.empty, 0);
            assert_int_equal(rig.told.facts->mx_outcome, i == 1 ? DNS_NODATA : DNS_FOUND);
            assert_true(rig.told.facts->host_count > 0);
            finish();
        }
    }
    start_with(zone, NULL);
    ask("gone.example");
    run();
    rig.loop.start_rc = ERROR_NOMEM;
    assert_int_equal(ask("gone.example"), ERROR_NOMEM);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_cached_for_their_time),
        cmocka_unit_test(look_ups_are_shared),
        cmocka_unit_test(the_cache_is_bounded),
        cmocka_unit_test(look_ups_can_be_forgotten),
        cmocka_unit_test(callbacks_may_do_anything),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
