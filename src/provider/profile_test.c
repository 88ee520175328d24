/* Tests of the operators' table: who is recognised, and who must not be taken for whom. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <math.h>

#include "base/check.h"
#include "lists/builtin.h"
#include "provider/profile.h"

static const char *name_of(const struct provider_profile *profile)
{
    return profile != NULL ? profile->name : "(none)";
}

static void mail_hosts_name_their_operator(void **state)
{
    static const struct {
        const char *host, *name;
    } rows[] = {
        {"aspmx.l.google.com", "google"},
        {"alt1.gmail-smtp-in.l.google.com", "google"},
        {"aspmx2.googlemail.com", "google"},
        {"contoso-com.mail.protection.outlook.com", "microsoft365"},
        {"contoso-com.p-v1.mx.microsoft", "microsoft365"},
        {"outlook-com.olc.protection.outlook.com", "outlook"},
        {"hotmail-com.olc.protection.outlook.com", "outlook"},
        {"mta5.am0.yahoodns.net", "yahoo"},
        {"mx-aol.mail.gm0.yahoodns.net", "yahoo"},
        {"mx1.mail.yahoo.co.jp", "yahoo.co.jp"},
        {"mx01.mail.icloud.com", "apple"},
        {"al-ip4-mx-vip1.prodigy.net", "att"},
        {"eu-smtp-inbound-1.mimecast.com", "mimecast"},
        {"za-smtp-inbound-1.mimecast.co.za", "mimecast"},
        {"mx0a-00000001.pphosted.com", "proofpoint"},
        {"mx1-us1.ppe-hosted.com", "proofpoint-essentials"},
        {"d1.a.ess.barracudanetworks.com", "barracuda"},
        {"mx1.hc123-45.iphmx.com", "cisco-esa"},
        {"cluster1.eu.messagelabs.com", "messagelabs"},
        {"example.in.tmes.trendmicro.com", "trendmicro"},
        {"mx1.antispamcloud.com", "spamexperts"},
        {"mx10.antispam.mailspamprotection.com", "mailspamprotection"},
        {"mx.zoho.eu", "zoho"},
        {"in1-smtp.messagingengine.com", "fastmail"},
        {"mail.protonmail.ch", "protonmail"},
        {"mx1.alias.proton.me", "simplelogin"},
        {"mx00.emig.gmx.net", "gmx"},
        {"mx-ha02.web.de", "web.de"},
        {"mx00.kundenserver.de", "ionos"},
        {"mx1.mail.ovh.net", "ovh"},
        {"spool.mail.gandi.net", "gandi"},
        {"mx.yandex.net", "yandex"},
        {"mxs.mail.ru", "mail.ru"},
        {"mx1.qq.com", "qq"},
        {"mxbiz1.qq.com", "qq"},
        {"163mx01.mxmail.netease.com", "netease"},
        {"inbound-smtp.eu-west-1.amazonaws.com", "ses"},
        {"mx1.emailsrvr.com", "rackspace"},
        {"smtp.secureserver.net", "godaddy"},
        {"smtp-in.orange.fr", "orange"},
        {"smtpz4.laposte.net", "laposte"},
        {"mx1.free.fr", "free"},
        {"mx1a1.comcast.net", "comcast"},
        {"mx00.t-online.de", "t-online"},
        {"cxr.mx.a.cloudfilter.net", "cox"},
        {"mx.b.cloudfilter.net", "cloudfilter"},
        {"smtpin.rzone.de", "strato"},
        {"mta-gw.infomaniak.ch", "infomaniak"},
        {"mx1.improvmx.com", "improvmx"},
        {"mx1.forwardemail.net", "forwardemail.net"},
        {"mx1.simplelogin.co", "simplelogin"},
        {"route1.mx.cloudflare.net", "cloudflare"},
        {"mx.seznam.cz", "seznam"},
        {"mx1.naver.com", "naver"},
        {"mx.sendgrid.net", "sendgrid"},
        /* not to be mistaken: customers' own machines, and names that only look alike */
        {"wsip-192-0-2-1.ph.ph.cox.net", "(none)"},
        {"rrcs-192-0-2-1.central.biz.rr.com", "(none)"},
        {"static.1.2.0.192.clients.your-server.de", "(none)"},
        {"vps12345.ovh.net", "(none)"},
        {"ip-192-0-2-1.ip.secureserver.net", "(none)"},
        {"mailstore1.europe.secureserver.net", "godaddy"},
        {"www123.your-server.de", "hetzner"},
        {"l1.rev.numericable.fr", "(none)"},
        {"google.com.example", "(none)"},
        {"notgoogle.com", "(none)"},
        {"mx.notgoogle.com", "(none)"},
        {"protection.outlook.com", "(none)"},
        {"smtp.office365.com", "(none)"},
        {"ec2-1-2-3-4.compute-1.amazonaws.com", "(none)"},
        {"inbound-smtp.amazonaws.com", "(none)"},
        {"inbound-smtp..amazonaws.com", "(none)"},
        {"inbound-smtp.a.b.amazonaws.com", "(none)"},
        {"x.sendgrid.net", "(none)"},
        {"google.com", "(none)"}, /* ".google.com" means below it */
        {".google.com", "google"},
        {"mail.example.org", "(none)"},
        {"", "(none)"},
        {".", "(none)"},
        {"...", "(none)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *name = name_of(provider_by_mx(slice_from_string(rows[i].host)));

        if (strcmp(name, rows[i].name) != 0)
            fail_msg("%s: %s, not %s", rows[i].host, name, rows[i].name);
    }
}

static void mx_sets_are_known_by_the_first_known_host(void **state)
{
    struct slice hosts[] = {SLICE("mail.example.org"), SLICE("aspmx.l.google.com"),
                            SLICE("mx.yandex.net")};

    assert_string_equal(provider_by_mx_set(hosts, 3)->name, "google");
    assert_string_equal(provider_by_mx_set(hosts, 1)->name, "generic");
    assert_string_equal(provider_by_mx_set(NULL, 0)->name, "generic");
}

static void greetings_tell_operators_before_software(void **state)
{
    static const struct {
        const char *greeting, *name;
    } rows[] = {
        {"mx.google.com ESMTP a640c23a62f3a-9 - gsmtp", "google"},
        {"AM5EUR03FT0.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready",
         "microsoft365"},
        {"exch01.corp.local Microsoft ESMTP MAIL Service ready at Mon", "exchange"},
        {"mail.example.org ESMTP Postfix (Debian/GNU)", "postfix"},
        {"mail.example.org ESMTP Exim 4.96 Mon", "exim"},
        {"h.example ESMTP Exim 4.96 | We do not authorize the use of this system to transport",
         "cpanel-exim"},
        {"gmx.net (mxgmx104) Nemesis ESMTP Service ready", "gmx"},
        {"mail.example.org ESMTP", "(none)"},
        {"", "(none)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *name = name_of(provider_by_greeting(slice_from_string(rows[i].greeting)));

        if (strcmp(name, rows[i].name) != 0)
            fail_msg("%s: %s, not %s", rows[i].greeting, name, rows[i].name);
    }
}

static void consumer_domains_name_their_operator(void **state)
{
    static const struct {
        const char *domain, *name;
    } rows[] = {
        {"gmail.com", "google"},
        {"googlemail.com", "google"},
        {"outlook.com", "outlook"},
        {"hotmail.co.uk", "outlook"},
        {"yahoo.fr", "yahoo"},
        {"aol.com", "yahoo"},
        {"icloud.com", "apple"},
        {"ya.ru", "yandex"},
        {"web.de", "web.de"},
        {"example.com", "(none)"},
        {"", "(none)"},
        {"gmail.com.", "(none)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *name = name_of(provider_by_domain(slice_from_string(rows[i].domain)));

        if (strcmp(name, rows[i].name) != 0)
            fail_msg("%s: %s, not %s", rows[i].domain, name, rows[i].name);
    }
}

static void every_row_is_sound(void **state)
{
    size_t count = 0, sites = 0;

    for (const struct provider_profile *p; (p = provider_at(count)) != NULL; count++) {
        struct slice patterns = slice_from_string(p->mx_patterns), pattern;

        if (provider_by_name(slice_from_string(p->name)) != p)
            fail_msg("%s is not found by its name", p->name);
        if (strlen(p->source) < 8 || strlen(p->title) < 2)
            fail_msg("%s has no source or title", p->name);
        if (p->limits.connections < 1 || p->limits.rcpts_per_session < 1 ||
            p->limits.rcpts_per_transaction < 1 || p->timeout_percent < 1)
            fail_msg("%s: a limit is zero", p->name);
        sites += patterns.len > 0;
        while (patterns.len > 0 && slice_split(&patterns, ' ', &pattern)) {
            char host[300], *star;

            snprintf(host, sizeof(host), "%s%.*s", pattern.ptr[0] == '.' ? "mx" : "",
                     SLICE_ARG(pattern));
            if ((star = strchr(host, '*')) != NULL)
                *star = 'x';
            if (provider_by_mx(slice_from_string(host)) != p)
                fail_msg("%s is not taken for %s", host, p->name);
            if (lists_mx_is_disposable(slice_from_string(host)))
                fail_msg("%s is on the list of throwaway services", host);
        }
    }
    assert_ptr_equal(provider_at(0), provider_generic());
    assert_null(provider_at(count));
    assert_null(provider_by_name(SLICE("")));
    assert_null(provider_by_name(SLICE("goog")));
    assert_true(sites >= 100);
}

/* What reports and rules rely on: names, trust and senders of the operators that matter most. */
static void the_great_operators_are_as_documented(void **state)
{
    const struct provider_profile *outlook = provider_by_name(SLICE("outlook"));

    assert_int_equal(provider_by_name(SLICE("yahoo"))->trust, PROVIDER_TRUST_ACCEPT_NONE);
    assert_int_equal(provider_by_name(SLICE("ses"))->trust, PROVIDER_TRUST_ACCEPT_NONE);
    assert_int_equal(provider_by_name(SLICE("sendgrid"))->trust, PROVIDER_TRUST_ACCEPTS_ALL);
    assert_int_equal(provider_by_name(SLICE("google"))->trust, PROVIDER_TRUST_FULL);
    assert_int_equal(outlook->null_sender, PROVIDER_NULL_SENDER_REFUSED);
    assert_int_equal(outlook->limits.rcpts_per_session, 1);
    assert_true(outlook->random_in_own_session);
    assert_int_equal(provider_by_name(SLICE("netease"))->null_sender, PROVIDER_NULL_SENDER_REFUSED);
    assert_int_equal(provider_by_name(SLICE("google"))->limits.connections, 5);
    assert_int_equal(provider_by_name(SLICE("apple"))->limits.rcpts_per_session, 5);
    assert_int_equal(provider_by_name(SLICE("barracuda"))->greylist_ms, 300000);
    assert_true(provider_by_name(SLICE("mimecast"))->is_gateway);
    assert_true(provider_by_name(SLICE("spamexperts"))->timeout_percent >
                provider_generic()->timeout_percent);
}

static void sites_have_keys(void **state)
{
    static const struct {
        const char *profile, *host, *key;
    } rows[] = {
        {"google", "aspmx.l.google.com", "google"},
        {"generic", "mx1.mail.example.co.uk", "mx:example.co.uk"},
        {"generic", "MX.Example.ORG", "mx:example.org"},
        {"generic", "localhost", "mx:localhost"},
        {"generic", "", "mx:"},
        {"postfix", "mx.example.org", "mx:example.org"},
    };
    char key[PROVIDER_SITE_KEY_SIZE], longest[400];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        provider_site_key(provider_by_name(slice_from_string(rows[i].profile)),
                          slice_from_string(rows[i].host), key);
        assert_string_equal(key, rows[i].key);
    }
    memset(longest, 'x', sizeof(longest));
    provider_site_key(provider_generic(), slice_from(longest, sizeof(longest)), key);
    assert_int_equal(strlen(key), sizeof(key) - 1);
}

static void limits_take_their_time(void **state)
{
    static const struct {
        struct provider_limits limits;
        uint64_t recipients;
        double seconds;
    } rows[] = {
        /* Two sessions of ten, each 0.5 s of greeting and ten steps of 0.1 s. */
        {{.connections = 2, .rcpts_per_session = 10}, 2000, 150},
        /* A second's pause between recipients. */
        {{.connections = 1, .rcpts_per_session = 1, .gap_ms = 1000}, 10, 16},
        /* One new connection a minute is what holds it up. */
        {{.connections = 9, .connections_per_minute = 1, .rcpts_per_session = 5}, 50, 600},
        {{.connections = 9, .rcpts_per_session = 5}, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(fabs(provider_limits_seconds(&rows[i].limits, rows[i].recipients) -
                         rows[i].seconds) < 0.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_take_their_time),
        cmocka_unit_test(mail_hosts_name_their_operator),
        cmocka_unit_test(mx_sets_are_known_by_the_first_known_host),
        cmocka_unit_test(greetings_tell_operators_before_software),
        cmocka_unit_test(consumer_domains_name_their_operator),
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(the_great_operators_are_as_documented),
        cmocka_unit_test(sites_have_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
