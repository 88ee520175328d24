#include "dns/resolver_rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/writer.h"

struct resolver_rig rig;

/* --- a loop with a clock of its own -------------------------------------------------------- */

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

static int fake_ask(struct dns_transport *base, const char *name, uint16_t type,
                    dns_transport_done *done, void *user)
{
    void *memory = memory_alloc(1); /* so that asking can fail */
    char buffer[12];

    if (memory == NULL)
        return ERROR_NOMEM;
    memory_free(memory);
    assert_true(dns_name_is_askable(name));
    assert_true(rig.transport.count < ARRAY_LEN(rig.transport.queue));
    rig.transport.queue[rig.transport.count] =
        (struct question){.type = type, .done = done, .user = user};
    snprintf(rig.transport.queue[rig.transport.count++].name, 256, "%s", name);
    if (rig.transport.log.len < 4096)
        assert_true(buffer_printf(&rig.transport.log, "%s%s %s",
                                  rig.transport.log.len > 0 ? ", " : "",
                                  dns_type_name(type, buffer), name) ||
                    rig.transport.log.failed);
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
    for (const struct row *row = rig.transport.rows; row->name != NULL; row++) {
        if (row->type == type && strcmp(row->name, name) == 0)
            return row->says;
    }
    return type == DNS_TYPE_AAAA || type == DNS_TYPE_TXT ? "NODATA" : "NXDOMAIN";
}

void answer_one(size_t index)
{
    struct question question = rig.transport.queue[index];
    uint8_t bytes[4096];
    size_t len = 0;
    enum dns_outcome outcome = script_answer(
        question.name, question.type, script_find(question.name, question.type), bytes, &len);

    memmove(&rig.transport.queue[index], &rig.transport.queue[index + 1],
            (--rig.transport.count - index) * sizeof(rig.transport.queue[0]));
    question.done(question.user, outcome, outcome == DNS_FOUND ? bytes : NULL, len);
}

void fire_timer(void)
{
    struct io_timer *timer = rig.loop.timer;

    rig.loop.timer = NULL;
    if (timer != NULL)
        timer->fire(timer);
}

void run(void)
{
    while (rig.transport.count > 0 || rig.loop.timer != NULL) {
        if (rig.transport.count > 0)
            answer_one(0);
        fire_timer();
    }
}

/* --- what came of it ----------------------------------------------------------------------- */

void on_told(void *user, const struct evidence_domain *facts)
{
    assert_false(rig.transport.inside);
    rig.told.calls++;
    rig.told.empty += facts == NULL;
    dns_facts_release(rig.told.facts);
    rig.told.facts = facts;
}

int ask(const char *name)
{
    int rc;

    rig.transport.inside = true;
    rc = dns_resolver_domain(rig.resolver, name, on_told, &rig.told);
    rig.transport.inside = false;
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

void expect_facts(const char *expected)
{
    struct buffer out;

    assert_non_null(rig.told.facts);
    buffer_init(&out, 0);
    describe(rig.told.facts, &out);
    assert_string_equal(out.ptr, expected);
    buffer_done(&out);
}

void expect_log(const char *expected)
{
    buffer_append_byte(&rig.transport.log, '\0');
    assert_string_equal(rig.transport.log.ptr, expected);
    buffer_clear(&rig.transport.log);
}

void start_with(const struct row *rows, const struct dns_resolver_options *options)
{
    static const struct dns_resolver_options plain = {.use_ipv4 = true, .use_ipv6 = true};

    memset(&rig.loop, 0, sizeof(rig.loop));
    memset(&rig.transport, 0, sizeof(rig.transport));
    memset(&rig.told, 0, sizeof(rig.told));
    rig.loop.base.ops = &fake_loop_ops;
    rig.loop.now_ms = 1000;
    rig.transport.base.ops = &fake_transport_ops;
    rig.transport.rows = rows;
    buffer_init(&rig.transport.log, 0);
    rig.resolver =
        dns_resolver_new(&rig.loop.base, &rig.transport.base, options != NULL ? options : &plain);
    assert_non_null(rig.resolver);
}

void finish(void)
{
    dns_resolver_free(rig.resolver);
    rig.resolver = NULL;
    while (rig.transport.count > 0) {
        struct question question = rig.transport.queue[--rig.transport.count];

        question.done(question.user, DNS_TIMEOUT, NULL, 0);
    }
    dns_facts_release(rig.told.facts);
    rig.told.facts = NULL;
    buffer_done(&rig.transport.log);
}

/* --- zones --------------------------------------------------------------------------------- */

const struct row zone[] = {
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

const struct row signed_zone[] = {
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
