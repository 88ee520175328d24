/* What the resolver makes of answers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "dns/resolver_rig.h"

static void domains_become_facts(void **state)
{
    static const struct {
        const char *domain, *facts;
    } rows[] = {
        {"two.example", "mx=found 10:mx1.two.example=9.9.9.1+9.9.9.2+2620:fe::1 "
                        "20:mx2.two.example=9.9.9.3"},
        {"twice.example", "mx=found 5:mx1.two.example=9.9.9.1+9.9.9.2+2620:fe::1"},
        {"gone.example", "mx=nxdomain"},
        {"gone2.example", "mx=nxdomain"},
        {"implicit.example", "mx=nodata address=found implicit 0:implicit.example=9.9.9.4"},
        {"nosoa.example", "mx=nodata address=found implicit 0:nosoa.example=9.9.9.4"},
        {"nothing.example", "mx=nodata address=nodata"},
        {"half.example", "mx=nodata address=servfail"},
        {"null.example", "mx=found null"},
        {"nulls.example", "mx=found null"},
        {"somenull.example", "mx=found 10:mx2.two.example=9.9.9.3"},
        {"servfail.example", "mx=servfail"},
        {"refused.example", "mx=refused"},
        {"timeout.example", "mx=timeout"},
        {"unreachable.example", "mx=unreachable"},
        {"garbage.example", "mx=bogus"},
        {"cut.example", "mx=bogus"},
        {"other.test", "mx=bogus"},
        {"referral.example", "mx=servfail"},
        {"alias.example", "mx=found 7:mx2.two.example=9.9.9.3"},
        {"far.example", "mx=found 10:mx1.two.example=9.9.9.1+9.9.9.2+2620:fe::1 "
                        "20:mx2.two.example=9.9.9.3"},
        {"faraway.example", "mx=nodata address=found implicit 0:faraway.example=9.9.9.4"},
        {"loop1.example", "mx=bogus"},
        {"self.example", "mx=bogus"},
        {"odd.example", "mx=bogus"},
        {"mxalias.example", "mx=found 1:mxa.example=9.9.9.5"},
        {"literal.example", "mx=found 1:9.9.9.9=nxdomain 2:mx2.two.example=9.9.9.3"},
        {"onlyliteral.example", "mx=found 1:9.9.9.9=nxdomain"},
        {"private.example", "mx=found 1:priv.example-2 2:mixed.example=9.9.9.6-1"},
        {"own.example", "mx=found 1:own.example-2"},
        {"mapped.example", "mx=found 1:map1.example-4 2:map2.example=2620:fe::2-1"},
        {"unsure.example", "mx=found 1:unsure.example=servfail-1"},
        {"halfsure.example", "mx=nodata address=timeout"},
        {"deadhosts.example", "mx=found 1:x1.example=timeout 2:x2.example=nxdomain "
                              "3:x3.example=nodata"},
    };

    start_with(zone, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(ask(rows[i].domain), 0);
        run();
        expect_facts(rows[i].facts);
        assert_int_equal(rig.told.calls, i + 1);
        assert_true(slice_equal(rig.told.facts->name, slice_from_string(rows[i].domain)));
    }
    finish();
}

static void answers_are_kept_as_evidence(void **state)
{
    static const char *const expected[][3] = {
        {"literal.example", "MX", "1 9.9.9.9, 2 mx2.two.example"},
        {"9.9.9.9", "A", "an IP address stands where a host name should (RFC 1035 section 3.3.9)"},
        {"mx2.two.example", "A", "9.9.9.3"},
        {"mx2.two.example", "AAAA", ""},
    };

    start_with(zone, NULL);
    assert_int_equal(ask("literal.example"), 0);
    rig.loop.now_ms += 40;
    run();
    assert_int_equal(rig.told.facts->answer_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const struct evidence_dns_answer *answer = &rig.told.facts->answers[i];

        assert_true(slice_equal(answer->name, slice_from_string(expected[i][0])));
        assert_string_equal(answer->type, expected[i][1]);
        assert_true(slice_equal(answer->text, slice_from_string(expected[i][2])));
    }
    assert_int_equal(rig.told.facts->answers[0].ttl_s, 300);
    assert_int_equal(rig.told.facts->answers[3].outcome, DNS_NODATA);
    assert_int_equal(rig.told.facts->duration_ms, 40);
    ask("private.example");
    run();
    assert_string_equal(rig.told.facts->hosts[0].refused_range,
                        ip_reserved_range(&(struct ip){4, {10, 0, 0, 1}}));
    finish();
}

static void options_are_heeded(void **state)
{
    const struct ip_network ten = {ip_v4(10, 0, 0, 0), 8};
    const struct dns_resolver_options v4 = {.use_ipv4 = true, .allowed = {&ten, 1}};
    const struct dns_resolver_options v6 = {.use_ipv6 = true, .hosts_max = 1};

    start_with(zone, &v4);
    ask("private.example");
    run();
    expect_facts("mx=found 1:priv.example=10.0.0.1-1 2:mixed.example=9.9.9.6-1");
    expect_log("MX private.example, A priv.example, A mixed.example");
    finish();
    start_with(zone, &v6);
    ask("two.example");
    run();
    expect_facts("mx=found 10:mx1.two.example=2620:fe::1");
    expect_log("MX two.example, AAAA mx1.two.example");
    finish();
}

/* Who speaks only one family still has to know that a host is there. */
static void the_other_family_is_no_absence(void **state)
{
    static const struct {
        const char *domain, *facts, *log;
    } rows[] = {
        {"sixonly.example", "mx=found 1:six.example",
         "MX sixonly.example, A six.example, AAAA six.example"},
        {"siximplicit.example", "mx=nodata address=found implicit 0:siximplicit.example",
         "MX siximplicit.example, A siximplicit.example, AAAA siximplicit.example"},
        {"sixpublic.example", "mx=found 1:sixp.example",
         "MX sixpublic.example, A sixp.example, AAAA sixp.example"},
        {"nosix.example", "mx=found 1:nosix.example=servfail 2:gone.example=nxdomain",
         "MX nosix.example, A nosix.example, A gone.example, AAAA nosix.example"},
        {"sixpriv.example", "mx=found 1:sixq.example-1",
         "MX sixpriv.example, A sixq.example, AAAA sixq.example"},
        {"two.example", "mx=found 10:mx1.two.example=9.9.9.1+9.9.9.2 20:mx2.two.example=9.9.9.3",
         "MX two.example, A mx1.two.example, A mx2.two.example"},
    };
    const struct dns_resolver_options v4 = {.use_ipv4 = true};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start_with(zone, &v4);
        ask(rows[i].domain);
        run();
        expect_facts(rows[i].facts);
        expect_log(rows[i].log);
        finish();
    }
}

static void equal_preferences_are_shuffled(void **state)
{
    static const struct row rows[] = {
        {"many.example", DNS_TYPE_MX,
         "MX 5 b.example; MX 5 a.example; MX 5 c.example; MX 1 first.example; MX 9 last.example"},
        {NULL, 0, NULL},
    };
    bool seen[3] = {false};
    char order[2][5];

    for (uint64_t seed = 0; seed < 64; seed++) {
        struct dns_resolver_options options = {.use_ipv4 = true, .seed = seed / 2};

        start_with(rows, &options);
        ask("many.example");
        run();
        assert_int_equal(rig.told.facts->host_count, 5);
        assert_true(slice_equal(rig.told.facts->hosts[0].name, SLICE("first.example")));
        assert_true(slice_equal(rig.told.facts->hosts[4].name, SLICE("last.example")));
        for (size_t i = 0; i < 5; i++)
            order[seed % 2][i] = rig.told.facts->hosts[i].name.ptr[0];
        seen[rig.told.facts->hosts[1].name.ptr[0] - 'a'] = true;
        if (seed % 2 == 1) /* the same seed, the same order */
            assert_memory_equal(order[0], order[1], 5);
        finish();
    }
    assert_true(seen[0] && seen[1] && seen[2]);
}

/* --- signals ------------------------------------------------------------------------------- */

static void signals_are_noted_and_never_waited_for(void **state)
{
    const struct dns_resolver_options options = {
        .use_ipv4 = true, .want_spf = true, .want_dmarc = true};

    start_with(signed_zone, &options);
    ask("s.example");
    answer_one(0);
    expect_log("MX s.example, TXT s.example, TXT _dmarc.s.example, A mx.s.example");
    answer_one(2); /* the address: enough */
    assert_int_equal(rig.told.calls, 1);
    assert_int_equal(rig.told.facts->spf_outcome, DNS_NOT_ASKED);
    assert_int_equal(rig.told.facts->answer_count, 2);
    answer_one(0); /* late, into the facts that we hold */
    assert_int_equal(rig.told.facts->spf_outcome, DNS_FOUND);
    assert_true(slice_equal(rig.told.facts->spf, SLICE("v=spf1 -all")));
    assert_int_equal(rig.told.facts->answer_count, 3);
    assert_true(slice_equal(rig.told.facts->answers[2].name, SLICE("s.example")));
    assert_true(slice_equal(rig.told.facts->answers[2].text,
                            SLICE("\"hello \\\"you\\\"\", \"v=spf1 -all\", \"v=spf10 no\"")));
    answer_one(0);
    assert_int_equal(rig.told.facts->dmarc_outcome, DNS_FOUND);
    assert_true(slice_starts_with(rig.told.facts->dmarc, SLICE("v=DMARC1")));
    assert_int_equal(rig.told.calls, 1);
    /* Before the addresses, with a fall-back to the organization. */
    ask("mail.shop.co.uk");
    run();
    assert_int_equal(rig.told.facts->spf_outcome, DNS_SERVFAIL);
    assert_int_equal(rig.told.facts->mx_outcome, DNS_FOUND);
    assert_int_equal(rig.told.facts->dmarc_outcome, DNS_FOUND);
    assert_true(slice_equal(rig.told.facts->dmarc, SLICE("v=DMARC1")));
    assert_int_equal(rig.told.facts->answer_count, 5);
    assert_true(slice_equal(rig.told.facts->answers[4].name, SLICE("_dmarc.shop.co.uk")));
    finish();
}

static void signals_may_outlast_resolver_and_facts(void **state)
{
    const struct dns_resolver_options options = {
        .use_ipv4 = true, .want_spf = true, .want_dmarc = true};

    start_with(signed_zone, &options);
    ask("s.example");
    answer_one(0);
    answer_one(2);
    dns_facts_release(rig.told.facts);
    rig.told.facts = NULL;
    finish(); /* two questions are still out */
    start_with(signed_zone, &options);
    ask("s.example");
    answer_one(0);
    answer_one(1); /* DMARC before the facts are complete, SPF never */
    answer_one(1);
    assert_int_equal(rig.told.facts->dmarc_outcome, DNS_FOUND);
    assert_int_equal(rig.told.facts->answer_count, 3);
    finish();
}

/* --- block lists --------------------------------------------------------------------------- */

/* Asked about the domain and its hosts, once for all, when there are hosts; failures say nothing.
 */
static void block_lists_are_asked(void **state)
{
    static const struct row rows[] = {
        {"bad.example", DNS_TYPE_MX, "MX 10 mx.example"},
        {"also.example", DNS_TYPE_MX, "MX 10 mx.example"},
        {"off.example", DNS_TYPE_MX, "MX 10 mx.off.example"},
        {"mx.example", DNS_TYPE_A, "A 9.9.9.9"},
        {"mx.off.example", DNS_TYPE_A, "A 9.9.9.8"},
        {"bad.example.names.lab", DNS_TYPE_A, "A 127.0.0.2"},
        {"mx.example.names.lab", DNS_TYPE_A, "SERVFAIL"},
        {"off.example.names.lab", DNS_TYPE_A, "A 127.255.255.254"},
        {"8.9.9.9.ips.lab", DNS_TYPE_A, "A 127.0.0.9; A 127.0.0.4"},
        {NULL, 0, NULL},
    };
    struct dns_blocklist lists[] = {{.zone = "names.lab"},
                                    {.zone = "ips.lab", .of_addresses = true}};
    const struct dns_resolver_options options = {
        .use_ipv6 = true, /* the lists' answers are A records all the same */
        .use_ipv4 = true,
        .blocklists = lists,
        .blocklist_count = ARRAY_LEN(lists),
    };
    struct dns_resolver_counts counts;

    start_with(rows, &options);
    ask("bad.example");
    run();
    expect_log("MX bad.example, A mx.example, AAAA mx.example, A bad.example.names.lab, "
               "A mx.example.names.lab, A 9.9.9.9.ips.lab");
    assert_int_equal(rig.told.facts->listing_count, 1);
    assert_true(slice_equal(rig.told.facts->listings[0].subject, SLICE("bad.example")));
    assert_true(slice_equal(rig.told.facts->listings[0].zone, SLICE("names.lab")));
    assert_false(rig.told.facts->listings[0].is_refused);
    assert_int_equal(rig.told.facts->answer_count, 6); /* every question is evidence */

    ask("also.example"); /* the host is known, and what lists say of it */
    run();
    expect_log("MX also.example, A also.example.names.lab");
    assert_int_equal(rig.told.facts->listing_count, 0);

    ask("off.example");
    run();
    expect_log("MX off.example, A mx.off.example, AAAA mx.off.example, A off.example.names.lab, "
               "A mx.off.example.names.lab, A 8.9.9.9.ips.lab");
    assert_int_equal(rig.told.facts->listing_count, 2);
    assert_true(rig.told.facts->listings[0].is_refused);
    assert_true(slice_equal(rig.told.facts->listings[1].subject, SLICE("9.9.9.8")));

    ask("gone.example"); /* nothing to ask about */
    run();
    expect_log("MX gone.example");
    dns_resolver_counts(rig.resolver, &counts);
    assert_int_equal(counts.listings, 2);
    assert_int_equal(counts.listing_refusals, 1);
    finish();
}

static void bad_names_are_refused(void **state)
{
    start_with(zone, NULL);
    assert_int_equal(ask(""), ERROR_RANGE);
    assert_int_equal(ask("a..b"), ERROR_RANGE);
    assert_int_equal(ask("a b.example"), ERROR_RANGE);
    assert_int_equal(ask("9.9.9.9"), ERROR_RANGE);
    assert_int_equal(ask("x.example\r\n"), ERROR_RANGE);
    run();
    assert_int_equal(rig.told.calls, 0);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains_become_facts),
        cmocka_unit_test(answers_are_kept_as_evidence),
        cmocka_unit_test(options_are_heeded),
        cmocka_unit_test(the_other_family_is_no_absence),
        cmocka_unit_test(equal_preferences_are_shuffled),
        cmocka_unit_test(signals_are_noted_and_never_waited_for),
        cmocka_unit_test(signals_may_outlast_resolver_and_facts),
        cmocka_unit_test(block_lists_are_asked),
        cmocka_unit_test(bad_names_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
