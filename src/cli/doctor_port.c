/* Whether mail servers can be reached: to a few large sites, a greeting and QUIT, nothing more. */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/instant.h"
#include "cli/doctor.h"
#include "smtp/reply.h"

#define SITES_MAX 8
#define VISIT_MS  (10 * SECOND_MS)

/* Large, of different operators, and used to being asked. */
static const char *const default_sites[] = {"gmail.com", "outlook.com", "yahoo.com", "icloud.com"};

enum visit_end {
    VISIT_UNDER_WAY,
    VISIT_GREETED, /* `reply` says how */
    VISIT_NO_CONNECTION,
    VISIT_NO_GREETING,
    VISIT_NO_TIME, /* ours was up before its own */
};

struct visit {
    struct doctor *doctor;
    const char *site;
    bool asks; /* DNS, for the facts */
    const struct evidence_domain *facts;
    struct slice host; /* borrowed from the facts */
    struct io_endpoint to;
    struct io_stream *stream;
    struct io_socks *socks; /* where a proxy stands between */
    struct io_timer limit;
    bool connected;
    enum visit_end end;
    bool is_open; /* counted as pending */
    const char *trouble;
    struct smtp_reply reply;
    struct smtp_reply_parser parser;
};

static void visit_over(struct visit *visit)
{
    if (!visit->is_open)
        return;
    visit->is_open = false;
    io_socks_free(visit->socks);
    visit->socks = NULL;
    io_timer_stop(&visit->limit);
    doctor_settle(visit->doctor);
}

static void visit_connected(void *user)
{
    struct visit *visit = user;

    visit->connected = true;
}

static void visit_received(void *user, const char *bytes, size_t len)
{
    struct visit *visit = user;
    size_t taken;

    if (visit->end != VISIT_UNDER_WAY) { /* the answer to QUIT */
        io_stream_close(visit->stream);
        visit->stream = NULL;
        visit_over(visit);
        return;
    }
    switch (smtp_reply_feed(&visit->parser, bytes, len, &taken)) {
    case SMTP_REPLY_MORE:
        return;
    case SMTP_REPLY_DONE:
        visit->reply = smtp_reply_parsed(&visit->parser);
        visit->end = VISIT_GREETED;
        if (io_stream_write(visit->stream, "QUIT\r\n", 6) == 0)
            return;
        break;
    case SMTP_REPLY_BAD:
        visit->end = VISIT_NO_GREETING;
        visit->trouble = visit->parser.bad_reason;
        break;
    }
    io_stream_close(visit->stream);
    visit->stream = NULL;
    visit_over(visit);
}

static void visit_closed(void *user, enum io_close_reason reason, const char *detail)
{
    struct visit *visit = user;

    visit->stream = NULL;
    if (visit->end == VISIT_UNDER_WAY) {
        visit->end = visit->connected ? VISIT_NO_GREETING : VISIT_NO_CONNECTION;
        visit->trouble = io_close_reason_name(reason);
    }
    visit_over(visit);
}

static const struct io_stream_events visit_events = {
    .connected = visit_connected,
    .received = visit_received,
    .closed = visit_closed,
};

static void visit_give_up(struct visit *visit)
{
    if (visit->end == VISIT_UNDER_WAY) {
        visit->end = visit->connected ? VISIT_NO_GREETING : VISIT_NO_CONNECTION;
        visit->trouble = "time-out";
    }
    if (visit->stream != NULL)
        io_stream_close(visit->stream);
    visit->stream = NULL;
    visit_over(visit);
}

static void visit_too_long(struct io_timer *timer)
{
    visit_give_up(timer->user);
}

/* The address to connect from; family 0: the system's choice. */
static struct io_endpoint source_of(const struct doctor *doctor)
{
    struct io_endpoint from = {0};

    if (doctor->who.source_ip != NULL)
        (void)ip_parse(slice_from_string(doctor->who.source_ip), &from.ip);
    return from;
}

static int visit_connect(struct visit *visit, struct error *error)
{
    struct doctor *doctor = visit->doctor;
    const struct io_socks_proxy *proxy = doctor->who.proxy;
    struct io_endpoint from = source_of(doctor);
    uint8_t family = proxy != NULL ? proxy->at.ip.family : visit->to.ip.family;

    if (from.ip.family != family)
        from = (struct io_endpoint){0};
    if (proxy != NULL)
        return io_socks_connect(doctor->loop, &from, proxy, &visit->to, &visit_events, visit,
                                &visit->socks, &visit->stream, error);
    return io_connect(doctor->loop, &from, &visit->to, &visit_events, visit, &visit->stream, error);
}

static void visit_begin(struct visit *visit)
{
    struct doctor *doctor = visit->doctor;
    struct error error = {0};

    smtp_reply_parser_init(&visit->parser);
    io_timer_init(doctor->loop, &visit->limit, visit_too_long, visit);
    if (visit_connect(visit, &error) < 0) {
        visit->end = VISIT_NO_CONNECTION;
        visit->trouble = arena_string(doctor->arena, slice_from_string(error.message));
        return;
    }
    visit->is_open = true;
    doctor->pending++;
    if (io_timer_start(&visit->limit, io_now_ms(doctor->loop) + VISIT_MS) < 0)
        visit_give_up(visit);
}

/* The first address of the most preferred host that has one; false: none. */
static bool choose_address(const struct evidence_domain *facts, const struct config *config,
                           struct visit *visit)
{
    uint8_t family = source_of(visit->doctor).ip.family;

    /* IPv4 first: many hosts have no way out by IPv6, and that is another matter. */
    if (family == 0)
        family = config->ipv4 ? 4 : 6;
    for (int pass = 0; facts != NULL && pass < 2; pass++) {
        for (size_t i = 0; i < facts->host_count; i++) {
            for (size_t k = 0; k < facts->hosts[i].address_count; k++) {
                const struct ip *ip = &facts->hosts[i].addresses[k];

                if (pass == 0 && ip->family != family)
                    continue;
                visit->host = facts->hosts[i].name;
                visit->to = (struct io_endpoint){*ip, (uint16_t)config->port};
                return true;
            }
        }
    }
    return false;
}

/* No site waits for the slow DNS of another. */
static void site_found(void *user, const struct evidence_domain *facts)
{
    struct visit *visit = user;

    visit->asks = false;
    visit->facts = facts;
    if (choose_address(facts, visit->doctor->config, visit))
        visit_begin(visit);
    doctor_settle(visit->doctor);
}

static void site_ask(struct visit *visit)
{
    struct doctor *doctor = visit->doctor;

    if (doctor->resolver == NULL || doctor->expired ||
        dns_resolver_domain(doctor->resolver, visit->site, site_found, visit) < 0)
        return;
    visit->asks = true;
    doctor->pending++;
}

/* When the waiting is over: what is still under way has no time left. */
static void visit_end(struct visit *visit)
{
    if (visit->asks || (visit->is_open && visit->end == VISIT_UNDER_WAY))
        visit->end = VISIT_NO_TIME;
    if (visit->asks)
        dns_resolver_forget(visit->doctor->resolver, visit);
    if (visit->is_open)
        visit_give_up(visit);
}

static void judge_greeting(struct doctor *doctor, const struct visit *visit)
{
    const struct smtp_reply *reply = &visit->reply;

    if (reply->code < 300)
        doctor_report_add(&doctor->report, DOCTOR_PORT, DOCTOR_OK, "", "%s: %.*s greets on port %u",
                          visit->site, SLICE_ARG(visit->host), visit->to.port);
    else
        doctor_report_add(
            &doctor->report, DOCTOR_PORT, reply->code < 500 ? DOCTOR_WARNING : DOCTOR_FAILED,
            "Read what it says; the address has a bad name there, is in a block list, "
            "or lacks reverse DNS.",
            "%s: %.*s turns us away: %u %.*s", visit->site, SLICE_ARG(visit->host), reply->code,
            SLICE_ARG(slice_prefix(reply->text, 300)));
}

static void judge_visit(struct doctor *doctor, const struct visit *visit, bool any_reached)
{
    char ip[IP_TEXT_SIZE];

    ip_format(&visit->to.ip, ip);
    if (visit->end == VISIT_NO_TIME)
        doctor_report_add(&doctor->report, DOCTOR_PORT, DOCTOR_NOT_CHECKED,
                          "Run the doctor again, with a longer --timeout.",
                          "%s: the time was up before its mail server was heard", visit->site);
    else if (visit->to.ip.family == 0)
        doctor_report_add(&doctor->report, DOCTOR_PORT, DOCTOR_NOT_CHECKED,
                          "See the resolver first, or name another site with --site.",
                          "%s: no mail host with an address that may be connected to was found",
                          visit->site);
    else if (visit->end == VISIT_GREETED)
        judge_greeting(doctor, visit);
    else
        doctor_report_add(
            &doctor->report, DOCTOR_PORT, any_reached ? DOCTOR_WARNING : DOCTOR_FAILED,
            any_reached ? "Run the doctor again; the site may have been busy, or a firewall lets "
                          "only some connections out."
                        : "Ask the provider of this host to open outgoing connections to the port, "
                          "look at the firewall, or run mailknock where it is open.",
            "%s: %s %.*s [%s] port %u (%s)", visit->site,
            visit->end == VISIT_NO_GREETING ? "no greeting from" : "no connection to",
            SLICE_ARG(visit->host), ip, visit->to.port,
            visit->trouble != NULL ? visit->trouble : "unknown");
}

void doctor_check_port(struct doctor *doctor)
{
    const struct config_list *given = &doctor->options->sites;
    const char *const *sites = given->count > 0 ? given->values : default_sites;
    size_t count = given->count > 0 ? given->count : ARRAY_LEN(default_sites);
    struct visit *visits;
    bool any_reached = false;

    count = count < SITES_MAX ? count : SITES_MAX;
    visits = arena_array(doctor->arena, count, sizeof(*visits));
    if (visits == NULL) {
        doctor->report.out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        visits[i] = (struct visit){.doctor = doctor, .site = sites[i]};
        site_ask(&visits[i]);
    }
    doctor_wait(doctor);
    for (size_t i = 0; i < count; i++) {
        visit_end(&visits[i]);
        any_reached |= visits[i].end == VISIT_GREETED;
    }
    for (size_t i = 0; i < count; i++) {
        judge_visit(doctor, &visits[i], any_reached);
        dns_facts_release(visits[i].facts);
    }
}
