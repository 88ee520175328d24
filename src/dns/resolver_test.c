/* The resolver over a scripted transport and a clock that stands still until it is moved. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "dns/resolver.h"
#include "dns/writer.h"

/* --- a loop with a clock of its own -------------------------------------------------------- */

struct fake_loop {
    struct io_loop base;
    uint64_t now_ms;
    struct io_timer *timer; /* the resolver has one */
    int start_rc;
};

static uint64_t fake_now(struct io_loop *loop)
{
    return ((struct fake_loop *)loop)->now_ms;
}

static int fake_timer_start(struct io_timer *timer, uint64_t at_ms)
{
    struct fake_loop *loop = (struct fake_loop *)timer->loop;

    assert_true(loop->timer == NULL || loop->timer == timer);
    if (loop->start_rc == 0)
        loop->timer = timer;
    return loop->start_rc;
}

static void fake_timer_stop(struct io_timer *timer)
{
    ((struct fake_loop *)timer->loop)->timer = NULL;
}

static const struct io_loop_ops fake_loop_ops = {
    .now_ms = fake_now, .timer_start = fake_timer_start, .timer_stop = fake_timer_stop};

/* --- a transport that answers from a script ------------------------------------------------ */

struct row {
    const char *name;
    uint16_t type;
    const char *says; /* see script_answer */
};

struct question {
    char name[256];
    uint16_t type;
    dns_transport_done *done;
    void *user;
};

struct fake_transport {
    struct dns_transport base;
    const struct row *rows;
    struct question queue[256];
    size_t count;
    struct buffer log; /* "MX example.org A mx1.example.org ..." */
    bool inside;
};

static struct fake_loop loop;
static struct fake_transport transport;
static struct dns_resolver *resolver;

static int fake_ask(struct dns_transport *base, const char *name, uint16_t type,
                    dns_transport_done *done, void *user)
{
    void *memory = memory_alloc(1); /* so that asking can fail */
    char buffer[12];

    if (memory == NULL)
        return ERROR_NOMEM;
    memory_free(memory);
    assert_true(dns_name_is_askable(name));
    assert_true(transport.count < ARRAY_LEN(transport.queue));
    transport.queue[transport.count] = (struct question){.type = type, .done = done, .user = user};
    snprintf(transport.queue[transport.count++].name, 256, "%s", name);
    if (transport.log.len < 4096)
        assert_true(buffer_printf(&transport.log, "%s%s %s", transport.log.len > 0 ? ", " : "",
                                  dns_type_name(type, buffer), name) ||
                    transport.log.failed);
    return 0;
}

static const struct dns_transport_ops fake_transport_ops = {.ask = fake_ask};

/* One record of the script, as "TYPE value", behind the CNAMEs before it. */
static void script_record(struct dns_writer *writer, char *owner, uint32_t *ttl_s, char *words)
{
    char *value = strchr(words, ' ');
    struct ip ip;

    assert_non_null(value);
    *value++ = '\0';
    if (strcmp(words, "TTL") == 0) {
        *ttl_s = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(words, "CNAME") == 0) {
        dns_writer_name(writer, owner, *ttl_s, DNS_TYPE_CNAME, value);
        strcpy(owner, value);
    } else if (strcmp(words, "MX") == 0) {
        char *host;
        unsigned long preference = strtoul(value, &host, 10);

        dns_writer_mx(writer, owner, *ttl_s, (uint16_t)preference, host + 1);
    } else if (strcmp(words, "TXT") == 0) {
        dns_writer_txt(writer, owner, *ttl_s, slice_from_string(value));
    } else {
        assert_true(strcmp(words, "A") == 0 || strcmp(words, "AAAA") == 0);
        assert_true(ip_parse(slice_from_string(value), &ip));
        dns_writer_ip(writer, owner, *ttl_s, &ip);
    }
    assert_false(writer->bad_name);
}

/*
 * "MX 10 a.example; MX 20 b.example", "CNAME x.example; A 9.9.9.9" (the A is x.example's), "TTL 5"
 * for what follows; or one word for all: NXDOMAIN, NODATA, NOSOA, REFERRAL, SERVFAIL, REFUSED,
 * TIMEOUT, UNREACHABLE, GARBAGE, CUT, OTHER (somebody else's question). A CNAME may be followed by
 * NXDOMAIN or NODATA.
 */
static enum dns_outcome script_answer(const char *name, uint16_t type, const char *says,
                                      uint8_t *bytes, size_t *ret_len)
{
    struct dns_header query = {.id = 1, .recursion_desired = true};
    struct dns_question question = {.type = type};
    struct dns_writer writer;
    char owner[256], copy[2048], *rest = copy, *part;
    uint32_t ttl_s = 300;
    uint8_t rcode = DNS_RCODE_NOERROR;
    bool soa = false, ns = false;

    if (strcmp(says, "TIMEOUT") == 0)
        return DNS_TIMEOUT;
    if (strcmp(says, "UNREACHABLE") == 0)
        return DNS_UNREACHABLE;
    if (strcmp(says, "SERVFAIL") == 0)
        rcode = DNS_RCODE_SERVFAIL;
    if (strcmp(says, "REFUSED") == 0)
        rcode = DNS_RCODE_REFUSED;
    if (strstr(says, "NXDOMAIN") != NULL)
        rcode = DNS_RCODE_NXDOMAIN;
    soa = strstr(says, "NXDOMAIN") != NULL || strstr(says, "NODATA") != NULL;
    ns = strcmp(says, "REFERRAL") == 0;
    snprintf(question.name, sizeof(question.name), "%s",
             strcmp(says, "OTHER") == 0 ? "other.example" : name);
    snprintf(owner, sizeof(owner), "%s", name);
    snprintf(copy, sizeof(copy), "%s", says);
    dns_writer_begin_answer(&writer, bytes, 4096, &query, &question, rcode);
    while ((part = strsep(&rest, ";")) != NULL) {
        part += strspn(part, " ");
        if (strchr(part, ' ') != NULL)
            script_record(&writer, owner, &ttl_s, part);
    }
    dns_writer_section(&writer, DNS_SECTION_AUTHORITY);
    if (soa)
        dns_writer_soa(&writer, "example", ttl_s, "ns.example", "root.example", 600);
    if (ns)
        dns_writer_name(&writer, "example", ttl_s, DNS_TYPE_NS, "ns.example");
    if (strcmp(says, "CUT") == 0)
        dns_writer_truncate(&writer);
    *ret_len = dns_writer_end(&writer);
    if (ns)
        bytes[2] &= (uint8_t)~0x04; /* no authority's */
    if (strcmp(says, "GARBAGE") == 0)
        bytes[7] = 1; /* promises an answer that is not there */
    return DNS_FOUND;
}

static const char *script_find(const char *name, uint16_t type)
{
    for (const struct row *row = transport.rows; row->name != NULL; row++) {
        if (row->type == type && strcmp(row->name, name) == 0)
            return row->says;
    }
    return type == DNS_TYPE_AAAA || type == DNS_TYPE_TXT ? "NODATA" : "NXDOMAIN";
}

/* Answer the question at `index` of the queue. */
static void answer_one(size_t index)
{
    struct question question = transport.queue[index];
    uint8_t bytes[4096];
    size_t len = 0;
    enum dns_outcome outcome = script_answer(
        question.name, question.type, script_find(question.name, question.type), bytes, &len);

    memmove(&transport.queue[index], &transport.queue[index + 1],
            (--transport.count - index) * sizeof(transport.queue[0]));
    question.done(question.user, outcome, outcome == DNS_FOUND ? bytes : NULL, len);
}

static void fire_timer(void)
{
    struct io_timer *timer = loop.timer;

    loop.timer = NULL;
    if (timer != NULL)
        timer->fire(timer);
}

static void run(void)
{
    while (transport.count > 0 || loop.timer != NULL) {
        if (transport.count > 0)
            answer_one(0);
        fire_timer();
    }
}

/* --- what came of it ----------------------------------------------------------------------- */

static struct {
    unsigned calls, empty;
    const struct evidence_domain *facts; /* of the last call, held */
} told;

static void on_told(void *user, const struct evidence_domain *facts)
{
    assert_false(transport.inside);
    told.calls++;
    told.empty += facts == NULL;
    dns_facts_release(told.facts);
    told.facts = facts;
}

static int ask(const char *name)
{
    int rc;

    transport.inside = true;
    rc = dns_resolver_domain(resolver, name, on_told, &told);
    transport.inside = false;
    return rc;
}

static void describe(const struct evidence_domain *facts, struct buffer *out)
{
    char ip[IP_TEXT_SIZE];

    buffer_printf(out, "mx=%s", dns_outcome_name(facts->mx_outcome));
    if (facts->address_outcome != DNS_NOT_ASKED)
        buffer_printf(out, " address=%s", dns_outcome_name(facts->address_outcome));
    buffer_printf(out, "%s%s", facts->null_mx ? " null" : "",
                  facts->implicit_mx ? " implicit" : "");
    for (size_t i = 0; i < facts->host_count; i++) {
        const struct evidence_host *host = &facts->hosts[i];

        buffer_printf(out, " %u:%.*s", host->preference, SLICE_ARG(host->name));
        if (host->outcome != DNS_FOUND)
            buffer_printf(out, "=%s", dns_outcome_name(host->outcome));
        for (size_t a = 0; a < host->address_count; a++)
            buffer_printf(out, "%s%s", a == 0 ? "=" : "+", ip_format(&host->addresses[a], ip));
        if (host->refused_count > 0)
            buffer_printf(out, "-%zu", host->refused_count);
    }
    buffer_append_byte(out, '\0');
    assert_false(out->failed);
}

static void expect_facts(const char *expected)
{
    struct buffer out;

    assert_non_null(told.facts);
    buffer_init(&out, 0);
    describe(told.facts, &out);
    assert_string_equal(out.ptr, expected);
    buffer_done(&out);
}

static void expect_log(const char *expected)
{
    buffer_append_byte(&transport.log, '\0');
    assert_string_equal(transport.log.ptr, expected);
    buffer_clear(&transport.log);
}

static void start_with(const struct row *rows, const struct dns_resolver_options *options)
{
    static const struct dns_resolver_options plain = {.use_ipv4 = true, .use_ipv6 = true};

    memset(&loop, 0, sizeof(loop));
    memset(&transport, 0, sizeof(transport));
    memset(&told, 0, sizeof(told));
    loop.base.ops = &fake_loop_ops;
    loop.now_ms = 1000;
    transport.base.ops = &fake_transport_ops;
    transport.rows = rows;
    buffer_init(&transport.log, 0);
    resolver = dns_resolver_new(&loop.base, &transport.base, options != NULL ? options : &plain);
    assert_non_null(resolver);
}

/* The transport outlives the resolver: it ends all questions that are left. */
static void finish(void)
{
    dns_resolver_free(resolver);
    resolver = NULL;
    while (transport.count > 0) {
        struct question question = transport.queue[--transport.count];

        question.done(question.user, DNS_TIMEOUT, NULL, 0);
    }
    dns_facts_release(told.facts);
    told.facts = NULL;
    buffer_done(&transport.log);
}

/* --- facts --------------------------------------------------------------------------------- */

static const struct row zone[] = {
    {"two.example", DNS_TYPE_MX, "MX 20 mx2.two.example; MX 10 mx1.two.example"},
    {"mx1.two.example", DNS_TYPE_A, "A 9.9.9.1; A 9.9.9.2"},
    {"mx1.two.example", DNS_TYPE_AAAA, "AAAA 2620:fe::1"},
    {"mx2.two.example", DNS_TYPE_A, "A 9.9.9.3"},
    {"twice.example", DNS_TYPE_MX, "MX 20 mx1.two.example; MX 5 MX1.two.example"},
    {"gone.example", DNS_TYPE_MX, "NXDOMAIN"},
    {"gone2.example", DNS_TYPE_MX, "CNAME gone.example; NXDOMAIN"},
    {"implicit.example", DNS_TYPE_MX, "NODATA"},
    {"implicit.example", DNS_TYPE_A, "A 9.9.9.4"},
    {"nosoa.example", DNS_TYPE_MX, "NOSOA"},
    {"nosoa.example", DNS_TYPE_A, "A 9.9.9.4"},
    {"nothing.example", DNS_TYPE_MX, "NODATA"},
    {"nothing.example", DNS_TYPE_A, "NODATA"},
    {"half.example", DNS_TYPE_MX, "NODATA"},
    {"half.example", DNS_TYPE_A, "NODATA"},
    {"half.example", DNS_TYPE_AAAA, "SERVFAIL"},
    {"null.example", DNS_TYPE_MX, "MX 0 ."},
    {"nulls.example", DNS_TYPE_MX, "MX 0 .; MX 10 ."},
    {"somenull.example", DNS_TYPE_MX, "MX 0 .; MX 10 mx2.two.example"},
    {"servfail.example", DNS_TYPE_MX, "SERVFAIL"},
    {"refused.example", DNS_TYPE_MX, "REFUSED"},
    {"timeout.example", DNS_TYPE_MX, "TIMEOUT"},
    {"unreachable.example", DNS_TYPE_MX, "UNREACHABLE"},
    {"garbage.example", DNS_TYPE_MX, "GARBAGE"},
    {"cut.example", DNS_TYPE_MX, "CUT"},
    {"other.test", DNS_TYPE_MX, "OTHER"},
    {"referral.example", DNS_TYPE_MX, "REFERRAL"},
    {"alias.example", DNS_TYPE_MX, "CNAME a.example; CNAME two.example; MX 7 mx2.two.example"},
    {"far.example", DNS_TYPE_MX, "CNAME two.example"},
    {"faraway.example", DNS_TYPE_MX, "CNAME implicit.example"},
    {"faraway.example", DNS_TYPE_A, "CNAME implicit.example"},
    {"loop1.example", DNS_TYPE_MX, "CNAME loop2.example"},
    {"loop2.example", DNS_TYPE_MX, "CNAME loop1.example"},
    {"self.example", DNS_TYPE_MX, "CNAME self.example"},
    {"odd.example", DNS_TYPE_MX, "CNAME b\\032d.example"},
    {"mxalias.example", DNS_TYPE_MX, "MX 1 mxa.example"},
    {"mxa.example", DNS_TYPE_A, "CNAME mxb.example; A 9.9.9.5"},
    {"literal.example", DNS_TYPE_MX, "MX 1 9.9.9.9; MX 2 mx2.two.example"},
    {"onlyliteral.example", DNS_TYPE_MX, "MX 1 9.9.9.9"},
    {"private.example", DNS_TYPE_MX, "MX 1 priv.example; MX 2 mixed.example"},
    {"priv.example", DNS_TYPE_A, "A 10.0.0.1; A 127.0.0.1"},
    {"mixed.example", DNS_TYPE_A, "A 192.168.1.1; A 9.9.9.6"},
    {"own.example", DNS_TYPE_MX, "MX 1 own.example"},
    {"own.example", DNS_TYPE_A, "A 127.0.0.1"},
    {"own.example", DNS_TYPE_AAAA, "AAAA ::1"},
    {"mapped.example", DNS_TYPE_MX, "MX 1 map1.example; MX 2 map2.example"},
    {"map1.example", DNS_TYPE_AAAA,
     "AAAA ::ffff:10.0.0.1; AAAA ::ffff:127.0.0.1; AAAA 64:ff9b::a00:1; AAAA 2002:7f00:1::"},
    {"map2.example", DNS_TYPE_AAAA, "AAAA ::ffff:169.254.169.254; AAAA 2620:fe::2"},
    {"unsure.example", DNS_TYPE_MX, "MX 1 unsure.example"},
    {"unsure.example", DNS_TYPE_A, "A 10.0.0.1"},
    {"unsure.example", DNS_TYPE_AAAA, "SERVFAIL"},
    {"halfsure.example", DNS_TYPE_MX, "NODATA"},
    {"halfsure.example", DNS_TYPE_A, "A 10.0.0.1"},
    {"halfsure.example", DNS_TYPE_AAAA, "TIMEOUT"},
    {"sixonly.example", DNS_TYPE_MX, "MX 1 six.example"},
    {"six.example", DNS_TYPE_A, "NODATA"},
    {"six.example", DNS_TYPE_AAAA, "AAAA 2620:fe::3"},
    {"siximplicit.example", DNS_TYPE_MX, "NODATA"},
    {"siximplicit.example", DNS_TYPE_A, "NODATA"},
    {"siximplicit.example", DNS_TYPE_AAAA, "AAAA 2620:fe::3"},
    {"sixpublic.example", DNS_TYPE_MX, "MX 1 sixp.example"},
    {"sixp.example", DNS_TYPE_A, "A 10.0.0.1"},
    {"sixp.example", DNS_TYPE_AAAA, "AAAA 2620:fe::3"},
    {"nosix.example", DNS_TYPE_MX, "MX 1 nosix.example; MX 2 gone.example"},
    {"nosix.example", DNS_TYPE_A, "NODATA"},
    {"nosix.example", DNS_TYPE_AAAA, "SERVFAIL"},
    {"sixpriv.example", DNS_TYPE_MX, "MX 1 sixq.example"},
    {"sixq.example", DNS_TYPE_A, "NODATA"},
    {"sixq.example", DNS_TYPE_AAAA, "AAAA fd00::1"},
    {"deadhosts.example", DNS_TYPE_MX, "MX 1 x1.example; MX 2 x2.example; MX 3 x3.example"},
    {"x1.example", DNS_TYPE_A, "TIMEOUT"},
    {"x2.example", DNS_TYPE_A, "NXDOMAIN"},
    {"x2.example", DNS_TYPE_AAAA, "NXDOMAIN"},
    {"x3.example", DNS_TYPE_A, "NODATA"},
    {NULL, 0, NULL},
};

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
        assert_int_equal(told.calls, i + 1);
        assert_true(slice_equal(told.facts->name, slice_from_string(rows[i].domain)));
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
    loop.now_ms += 40;
    run();
    assert_int_equal(told.facts->answer_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const struct evidence_dns_answer *answer = &told.facts->answers[i];

        assert_true(slice_equal(answer->name, slice_from_string(expected[i][0])));
        assert_string_equal(answer->type, expected[i][1]);
        assert_true(slice_equal(answer->text, slice_from_string(expected[i][2])));
    }
    assert_int_equal(told.facts->answers[0].ttl_s, 300);
    assert_int_equal(told.facts->answers[3].outcome, DNS_NODATA);
    assert_int_equal(told.facts->duration_ms, 40);
    ask("private.example");
    run();
    assert_string_equal(told.facts->hosts[0].refused_range,
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
        assert_int_equal(told.facts->host_count, 5);
        assert_true(slice_equal(told.facts->hosts[0].name, SLICE("first.example")));
        assert_true(slice_equal(told.facts->hosts[4].name, SLICE("last.example")));
        for (size_t i = 0; i < 5; i++)
            order[seed % 2][i] = told.facts->hosts[i].name.ptr[0];
        seen[told.facts->hosts[1].name.ptr[0] - 'a'] = true;
        if (seed % 2 == 1) /* the same seed, the same order */
            assert_memory_equal(order[0], order[1], 5);
        finish();
    }
    assert_true(seen[0] && seen[1] && seen[2]);
}

/* --- signals ------------------------------------------------------------------------------- */

static const struct row signed_zone[] = {
    {"s.example", DNS_TYPE_MX, "MX 1 mx.s.example"},
    {"mx.s.example", DNS_TYPE_A, "A 9.9.9.9"},
    {"s.example", DNS_TYPE_TXT, "TXT hello \"you\"; TXT v=spf1 -all; TXT v=spf10 no"},
    {"_dmarc.s.example", DNS_TYPE_TXT, "TXT v=DMARC1; p=none"},
    {"mail.shop.co.uk", DNS_TYPE_MX, "MX 1 mx.s.example"},
    {"mail.shop.co.uk", DNS_TYPE_TXT, "SERVFAIL"},
    {"_dmarc.mail.shop.co.uk", DNS_TYPE_TXT, "NXDOMAIN"},
    {"_dmarc.shop.co.uk", DNS_TYPE_TXT, "TXT v=DMARC1"},
    {NULL, 0, NULL},
};

static void signals_are_noted_and_never_waited_for(void **state)
{
    const struct dns_resolver_options options = {
        .use_ipv4 = true, .want_spf = true, .want_dmarc = true};

    start_with(signed_zone, &options);
    ask("s.example");
    answer_one(0);
    expect_log("MX s.example, TXT s.example, TXT _dmarc.s.example, A mx.s.example");
    answer_one(2); /* the address: enough */
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.facts->spf_outcome, DNS_NOT_ASKED);
    assert_int_equal(told.facts->answer_count, 2);
    answer_one(0); /* late, into the facts that we hold */
    assert_int_equal(told.facts->spf_outcome, DNS_FOUND);
    assert_true(slice_equal(told.facts->spf, SLICE("v=spf1 -all")));
    assert_int_equal(told.facts->answer_count, 3);
    assert_true(slice_equal(told.facts->answers[2].name, SLICE("s.example")));
    assert_true(slice_equal(told.facts->answers[2].text,
                            SLICE("\"hello \\\"you\\\"\", \"v=spf1 -all\", \"v=spf10 no\"")));
    answer_one(0);
    assert_int_equal(told.facts->dmarc_outcome, DNS_FOUND);
    assert_true(slice_starts_with(told.facts->dmarc, SLICE("v=DMARC1")));
    assert_int_equal(told.calls, 1);
    /* Before the addresses, with a fall-back to the organization. */
    ask("mail.shop.co.uk");
    run();
    assert_int_equal(told.facts->spf_outcome, DNS_SERVFAIL);
    assert_int_equal(told.facts->mx_outcome, DNS_FOUND);
    assert_int_equal(told.facts->dmarc_outcome, DNS_FOUND);
    assert_true(slice_equal(told.facts->dmarc, SLICE("v=DMARC1")));
    assert_int_equal(told.facts->answer_count, 5);
    assert_true(slice_equal(told.facts->answers[4].name, SLICE("_dmarc.shop.co.uk")));
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
    dns_facts_release(told.facts);
    told.facts = NULL;
    finish(); /* two questions are still out */
    start_with(signed_zone, &options);
    ask("s.example");
    answer_one(0);
    answer_one(1); /* DMARC before the facts are complete, SPF never */
    answer_one(1);
    assert_int_equal(told.facts->dmarc_outcome, DNS_FOUND);
    assert_int_equal(told.facts->answer_count, 3);
    finish();
}

/* --- cache, single flight, letting go ------------------------------------------------------ */

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
        told.calls = 0;
        ask(cases[i].name);
        run();
        assert_int_equal(told.facts->ttl_s, cases[i].ttl_s);
        expect_log(cases[i].first_log);
        loop.now_ms += cases[i].ttl_s * UINT64_C(1000) - 1;
        ask(cases[i].name);
        assert_int_equal(told.calls, 1); /* not from inside, even when it is known */
        run();
        assert_int_equal(told.calls, 2);
        expect_log("");
        loop.now_ms++;
        ask(cases[i].name);
        run();
        assert_int_equal(told.calls, 3);
        expect_log(cases[i].later_log);
    }
    dns_resolver_counts(resolver, &counts);
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
    assert_int_equal(told.calls, 3);
    expect_log("MX two.example, MX twice.example, A mx1.two.example, AAAA mx1.two.example, "
               "A mx2.two.example, AAAA mx2.two.example");
    dns_resolver_counts(resolver, &counts);
    assert_int_equal(counts.joined, 2);
    finish();
}

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
    assert_int_equal(told.facts->listing_count, 1);
    assert_true(slice_equal(told.facts->listings[0].subject, SLICE("bad.example")));
    assert_true(slice_equal(told.facts->listings[0].zone, SLICE("names.lab")));
    assert_false(told.facts->listings[0].is_refused);
    assert_int_equal(told.facts->answer_count, 6); /* every question is evidence */

    ask("also.example"); /* the host is known, and what lists say of it */
    run();
    expect_log("MX also.example, A also.example.names.lab");
    assert_int_equal(told.facts->listing_count, 0);

    ask("off.example");
    run();
    expect_log("MX off.example, A mx.off.example, AAAA mx.off.example, A off.example.names.lab, "
               "A mx.off.example.names.lab, A 8.9.9.9.ips.lab");
    assert_int_equal(told.facts->listing_count, 2);
    assert_true(told.facts->listings[0].is_refused);
    assert_true(slice_equal(told.facts->listings[1].subject, SLICE("9.9.9.8")));

    ask("gone.example"); /* nothing to ask about */
    run();
    expect_log("MX gone.example");
    dns_resolver_counts(resolver, &counts);
    assert_int_equal(counts.listings, 2);
    assert_int_equal(counts.listing_refusals, 1);
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
    buffer_clear(&transport.log);
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
    assert_int_equal(dns_resolver_domain(resolver, "two.example", on_told, &loop), 0);
    dns_resolver_forget(resolver, &told);
    run();
    assert_int_equal(told.calls, 1); /* the other's */
    ask("two.example");              /* from the cache */
    dns_resolver_forget(resolver, &told);
    run();
    assert_int_equal(told.calls, 1);
    /* The resolver goes, its question is still out. */
    ask("gone.example");
    assert_int_equal(transport.count, 1);
    late = transport.queue[0];
    transport.count = 0;
    finish();
    late.done(late.user, DNS_TIMEOUT, NULL, 0);
    assert_int_equal(told.calls, 1);
}

static void on_told_free_it(void *user, const struct evidence_domain *facts)
{
    told.calls++;
    dns_facts_release(facts);
    dns_resolver_free(resolver);
    resolver = NULL;
}

static void on_told_ask_again(void *user, const struct evidence_domain *facts)
{
    told.calls++;
    dns_facts_release(facts);
    if (told.calls < 4)
        assert_int_equal(dns_resolver_domain(resolver, "gone.example", on_told_ask_again, &told),
                         0);
    dns_resolver_forget(resolver, &loop);
}

static void callbacks_may_do_anything(void **state)
{
    start_with(zone, NULL);
    dns_resolver_domain(resolver, "gone.example", on_told_ask_again, &told);
    dns_resolver_domain(resolver, "gone.example", on_told, &loop); /* forgotten by the first */
    run();
    assert_int_equal(told.calls, 4);
    dns_resolver_domain(resolver, "two.example", on_told_free_it, &told);
    dns_resolver_domain(resolver, "two.example", on_told_free_it, &told); /* never told */
    run();
    assert_int_equal(told.calls, 5);
    finish();
    start_with(zone, NULL);
    ask("gone.example");
    run();
    dns_resolver_domain(resolver, "gone.example", on_told_free_it, &told);
    run(); /* from the timer */
    assert_int_equal(told.calls, 2);
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
    assert_int_equal(told.calls, 0);
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
            assert_int_equal(told.calls, rc == 0);
            assert_true(failed || told.empty == 0);
            /* Afterwards all is as if nothing had happened. */
            buffer_clear(&transport.log);
            told.empty = 0;
            assert_int_equal(ask(names[i]), 0);
            run();
            assert_int_equal(told.empty, 0);
            assert_int_equal(told.facts->mx_outcome, i == 1 ? DNS_NODATA : DNS_FOUND);
            assert_true(told.facts->host_count > 0);
            finish();
        }
    }
    start_with(zone, NULL);
    ask("gone.example");
    run();
    loop.start_rc = ERROR_NOMEM;
    assert_int_equal(ask("gone.example"), ERROR_NOMEM);
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
        cmocka_unit_test(answers_are_cached_for_their_time),
        cmocka_unit_test(look_ups_are_shared),
        cmocka_unit_test(block_lists_are_asked),
        cmocka_unit_test(the_cache_is_bounded),
        cmocka_unit_test(look_ups_can_be_forgotten),
        cmocka_unit_test(callbacks_may_do_anything),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
