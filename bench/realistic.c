#include "realistic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/random.h"
#include "dns/transport.h"

#define GREYLIST_S     300
#define DEAD_S         60 /* two hosts, 30 s each */
#define CONSUMERS      3  /* gmail.com, hotmail.com, yahoo.com */
#define SITES_OF_MANY  REALISTIC_OWN
#define HOSTS_M365     64
#define HOSTS_PP       16
#define HOSTS_MIMECAST 8

const struct realistic_limits realistic_limits[REALISTIC_OWNER_COUNT] = {
    [REALISTIC_GOOGLE] = {"google", 10, 20, 0, 80},
    [REALISTIC_MICROSOFT] = {"outlook", 5, 10, 200, 150},
    [REALISTIC_YAHOO] = {"yahoo", 5, 5, 200, 204},
    [REALISTIC_MICROSOFT365] = {"microsoft365", 20, 20, 0, 150},
    [REALISTIC_PROOFPOINT] = {"proofpoint", 4, 10, 500, 120},
    [REALISTIC_MIMECAST] = {"mimecast", 4, 10, 500, 120},
    [REALISTIC_OWN] = {"generic", 2, 10, 500, 0},
};

static const char *const consumer_names[CONSUMERS] = {"gmail.com", "hotmail.com", "yahoo.com"};

/* --- making it ----------------------------------------------------------------------------- */

static enum realistic_owner draw_owner(struct random *random)
{
    uint64_t percent = random_below(random, 100);

    return percent < 30   ? REALISTIC_GOOGLE
           : percent < 65 ? REALISTIC_MICROSOFT365
           : percent < 73 ? REALISTIC_PROOFPOINT
           : percent < 78 ? REALISTIC_MIMECAST
                          : REALISTIC_OWN;
}

static void make_domains(struct realistic_list *list, struct random *random)
{
    static const enum realistic_owner consumers[CONSUMERS] = {REALISTIC_GOOGLE, REALISTIC_MICROSOFT,
                                                              REALISTIC_YAHOO};

    list->site_count = SITES_OF_MANY;
    for (size_t i = 0; i < list->domain_count; i++) {
        struct realistic_domain *domain = &list->domains[i];

        domain->owner = i < CONSUMERS ? consumers[i] : draw_owner(random);
        domain->site =
            (uint32_t)(domain->owner == REALISTIC_OWN ? list->site_count++ : domain->owner);
        domain->rtt_ms = realistic_limits[domain->owner].rtt_ms;
        if (domain->owner != REALISTIC_OWN)
            continue;
        domain->rtt_ms = 50 + (uint32_t)random_below(random, 451);
        domain->is_dead = random_chance(random, 3, 100);
        domain->greylists = !domain->is_dead && random_chance(random, 5, 97);
    }
}

/* Zipf's law, exponent 1: a rank by the inverse of the sums of 1/k. */
static uint32_t draw_rank(const double *sums, size_t count, struct random *random)
{
    double at = (double)(random_next(random) >> 11) / 9007199254740992.0 * sums[count - 1];
    size_t low = 0, high = count - 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (sums[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t)low;
}

static uint32_t draw_domain(const double *sums, size_t count, struct random *random)
{
    uint64_t percent = random_below(random, 100);

    if (percent < 60)
        return percent < 35 ? 0 : percent < 50 ? 1 : 2;
    return CONSUMERS + draw_rank(sums, count, random);
}

void realistic_list_init(struct realistic_list *list, size_t address_count, uint64_t seed)
{
    size_t zipf_count = address_count / 10 > 0 ? address_count / 10 : 1;
    double *sums = calloc(zipf_count, sizeof(*sums));
    struct random random;

    random_init(&random, seed);
    list->domain_count = CONSUMERS + zipf_count;
    list->address_count = address_count;
    list->domains = calloc(list->domain_count, sizeof(*list->domains));
    list->addresses = calloc(address_count, sizeof(*list->addresses));
    CHECK(sums != NULL && list->domains != NULL && list->addresses != NULL);
    for (size_t k = 0; k < zipf_count; k++)
        sums[k] = (k > 0 ? sums[k - 1] : 0) + 1.0 / (double)(k + 1);
    make_domains(list, &random);
    for (size_t i = 0; i < address_count; i++) {
        uint32_t domain = draw_domain(sums, zipf_count, &random);
        bool is_known = !random_chance(&random, 15, 100);

        list->addresses[i] = (struct realistic_address){domain, (uint32_t)i, is_known};
        list->domains[domain].address_count++;
        list->domains[domain].known_count += is_known;
    }
    free(sums);
}

void realistic_list_done(struct realistic_list *list)
{
    free(list->domains);
    free(list->addresses);
    *list = (struct realistic_list){0};
}

static int compare_domains(const void *a, const void *b)
{
    const struct realistic_address *x = a, *y = b;

    if (x->domain != y->domain)
        return x->domain < y->domain ? -1 : 1;
    return x->serial < y->serial ? -1 : x->serial > y->serial;
}

void realistic_list_arrange(struct realistic_list *list, enum realistic_order order, uint64_t seed)
{
    struct random random;

    qsort(list->addresses, list->address_count, sizeof(*list->addresses), compare_domains);
    if (order == REALISTIC_SORTED)
        return;
    random_init(&random, seed);
    random_shuffle(&random, list->addresses, list->address_count, sizeof(*list->addresses));
}

/* --- names --------------------------------------------------------------------------------- */

#define NAME_SIZE 64

static void write_domain(uint32_t domain, char out[NAME_SIZE])
{
    if (domain < CONSUMERS)
        snprintf(out, NAME_SIZE, "%s", consumer_names[domain]);
    else
        snprintf(out, NAME_SIZE, "d%06u.example", domain);
}

size_t realistic_address_write(const struct realistic_list *list, size_t index,
                               char out[REALISTIC_ADDRESS_SIZE])
{
    const struct realistic_address *address = &list->addresses[index];
    char domain[NAME_SIZE];
    int len;

    write_domain(address->domain, domain);
    len = snprintf(out, REALISTIC_ADDRESS_SIZE, "%s%07u@%s", address->is_known ? "user" : "nobody",
                   address->serial, domain);
    CHECK(len > 0 && len < REALISTIC_ADDRESS_SIZE);
    return (size_t)len;
}

/* Which of its owner's mail hosts a domain points to, and that host's address. */
static unsigned host_of(const struct realistic_list *list, uint32_t domain)
{
    switch (list->domains[domain].owner) {
    case REALISTIC_GOOGLE:
        return domain == 0 ? 0 : 1;
    case REALISTIC_MICROSOFT365:
        return domain % HOSTS_M365;
    case REALISTIC_PROOFPOINT:
        return domain % HOSTS_PP;
    case REALISTIC_MIMECAST:
        return domain % HOSTS_MIMECAST;
    default:
        return 0;
    }
}

static unsigned host_count(enum realistic_owner owner)
{
    static const unsigned counts[REALISTIC_OWNER_COUNT] = {
        2, 1, 1, HOSTS_M365, HOSTS_PP, HOSTS_MIMECAST, 0};

    return counts[owner];
}

static void write_host(enum realistic_owner owner, unsigned host, char out[NAME_SIZE])
{
    switch (owner) {
    case REALISTIC_GOOGLE:
        snprintf(out, NAME_SIZE, "%s",
                 host == 0 ? "gmail-smtp-in.l.google.com" : "aspmx.l.google.com");
        break;
    case REALISTIC_MICROSOFT:
        snprintf(out, NAME_SIZE, "hotmail-com.olc.protection.outlook.com");
        break;
    case REALISTIC_YAHOO:
        snprintf(out, NAME_SIZE, "mta5.am0.yahoodns.net");
        break;
    case REALISTIC_MICROSOFT365:
        snprintf(out, NAME_SIZE, "h%02u.mail.protection.outlook.com", host);
        break;
    case REALISTIC_PROOFPOINT:
        snprintf(out, NAME_SIZE, "mxa-%08u.gslb.pphosted.com", host);
        break;
    case REALISTIC_MIMECAST:
        snprintf(out, NAME_SIZE, "eu-smtp-inbound-%u.mimecast.com", host);
        break;
    default:
        CHECK(false);
    }
}

static struct ip host_ip(enum realistic_owner owner, unsigned host)
{
    return ip_v4(10, 200, (uint8_t)owner, (uint8_t)(host + 1));
}

/* which: 0, and 1 for the second host of a dead domain. */
static struct ip own_ip(uint32_t domain, unsigned which)
{
    return ip_v4((uint8_t)(11 + which), (uint8_t)(domain >> 16), (uint8_t)(domain >> 8),
                 (uint8_t)domain);
}

/* --- the world ----------------------------------------------------------------------------- */

static void write_site(struct buffer *out, uint32_t site, enum realistic_owner owner)
{
    const struct realistic_limits *limits = &realistic_limits[owner];

    (void)buffer_printf(out, "site s%u connections %u rcpts-per-session %u", site,
                        limits->connections, limits->rcpts_per_session);
    if (limits->gap_ms > 0)
        (void)buffer_printf(out, " per-minute %u", (unsigned)(MINUTE_MS / limits->gap_ms));
    (void)buffer_printf(out, "\n");
}

static void write_server(struct buffer *out, const char *host, struct ip ip, uint32_t site,
                         const char *more)
{
    char text[IP_TEXT_SIZE];

    (void)buffer_printf(out, "server %s %s\n  site s%u\n  mailbox user*\n%s", host,
                        ip_format(&ip, text), site, more);
}

static void write_own(const struct realistic_list *list, uint32_t index, const char *offer,
                      struct buffer *out)
{
    const struct realistic_domain *domain = &list->domains[index];
    char more[NAME_SIZE], name[NAME_SIZE], host[NAME_SIZE + 4];

    write_domain(index, name);
    write_site(out, domain->site, REALISTIC_OWN);
    snprintf(more, sizeof(more), "%s%s", offer,
             domain->is_dead     ? "  behave blackhole\n"
             : domain->greylists ? "  behave greylist 300s\n"
                                 : "");
    (void)buffer_printf(out, "domain %s\n  mx 10 mx0.%s\n", name, name);
    if (domain->is_dead)
        (void)buffer_printf(out, "  mx 20 mx1.%s\n", name);
    for (unsigned which = 0; which <= domain->is_dead; which++) {
        snprintf(host, sizeof(host), "mx%u.%s", which, name);
        write_server(out, host, own_ip(index, which), domain->site, more);
    }
}

void realistic_scenario_write(const struct realistic_list *list, bool pipelining,
                              struct buffer *out)
{
    const char *offer = pipelining ? "  offer pipelining\n" : "  offer size\n";
    char name[NAME_SIZE], host[NAME_SIZE];

    for (unsigned o = 0; o < SITES_OF_MANY; o++) {
        write_site(out, o, (enum realistic_owner)o);
        for (unsigned h = 0; h < host_count((enum realistic_owner)o); h++) {
            write_host((enum realistic_owner)o, h, host);
            write_server(out, host, host_ip((enum realistic_owner)o, h), o, offer);
        }
    }
    for (uint32_t i = 0; i < list->domain_count; i++) {
        const struct realistic_domain *domain = &list->domains[i];

        if (domain->address_count == 0)
            continue;
        if (domain->owner == REALISTIC_OWN) {
            write_own(list, i, offer, out);
            continue;
        }
        write_domain(i, name);
        write_host(domain->owner, host_of(list, i), host);
        (void)buffer_printf(out, "domain %s\n  mx 10 %s\n", name, host);
    }
    (void)buffer_append_byte(out, '\0');
    CHECK(!out->failed);
}

void realistic_places(const struct realistic_list *list,
                      void (*place)(void *user, const struct ip *ip, uint32_t rtt_ms), void *user)
{
    struct ip ip;

    for (unsigned o = 0; o < SITES_OF_MANY; o++) {
        for (unsigned h = 0; h < host_count((enum realistic_owner)o); h++) {
            ip = host_ip((enum realistic_owner)o, h);
            place(user, &ip, realistic_limits[o].rtt_ms);
        }
    }
    for (uint32_t i = 0; i < list->domain_count; i++) {
        if (list->domains[i].owner != REALISTIC_OWN || list->domains[i].address_count == 0)
            continue;
        ip = own_ip(i, 0);
        place(user, &ip, list->domains[i].rtt_ms);
    }
}

/* --- the bound ----------------------------------------------------------------------------- */

/* Recipients to be asked for a domain; 0 where nobody answers. */
static uint64_t recipients_of(const struct realistic_domain *domain, bool strangers)
{
    bool asks_stranger = strangers && domain->known_count > 0 &&
                         domain->owner != REALISTIC_MICROSOFT && domain->owner != REALISTIC_YAHOO;

    if (domain->is_dead)
        return 0;
    return (domain->address_count + (uint64_t)asks_stranger) * (domain->greylists ? 2 : 1);
}

static void decide(struct realistic_bound *bound, double seconds, const char *what)
{
    if (seconds > bound->seconds) {
        bound->seconds = seconds;
        bound->what = what;
    }
}

struct realistic_bound realistic_bound(const struct realistic_list *list, bool pipelined,
                                       bool strangers, unsigned connections)
{
    static const char *const names[] = {"Google",     "Microsoft", "Yahoo",     "Microsoft 365",
                                        "Proofpoint", "Mimecast",  "one server"};
    struct realistic_bound bound = {0, "", 0};
    double connection_seconds = 0;
    uint64_t *counts = calloc(list->site_count, sizeof(*counts));
    uint32_t *rtts = calloc(list->site_count, sizeof(*rtts));

    CHECK(counts != NULL && rtts != NULL);
    for (size_t i = 0; i < list->domain_count; i++) {
        const struct realistic_domain *domain = &list->domains[i];
        /* gmail.com and its like are known to be no catch-all. */
        uint64_t count = recipients_of(domain, strangers && i >= CONSUMERS);

        counts[domain->site] += count;
        rtts[domain->site] = domain->rtt_ms;
        bound.recipients += count;
        if (domain->address_count > 0 && domain->greylists)
            decide(&bound, GREYLIST_S + 5 * domain->rtt_ms / 1e3, "greylist");
        if (domain->address_count > 0 && domain->is_dead)
            decide(&bound, DEAD_S, "dead servers");
    }
    for (size_t s = 0; s < list->site_count; s++) {
        enum realistic_owner o = s < SITES_OF_MANY ? (enum realistic_owner)s : REALISTIC_OWN;
        const struct realistic_limits *limits = &realistic_limits[o];
        double rtt = rtts[s] / 1e3, rcpts = limits->rcpts_per_session;
        double session = pipelined ? 3 * rtt : 4 * rtt + rcpts * rtt;
        double rate = limits->connections * rcpts / (session > 0 ? session : 1);

        if (limits->gap_ms > 0)
            rate = fmin(rate, rcpts * 1e3 / limits->gap_ms);
        decide(&bound, (double)counts[s] / rate, names[o]);
        connection_seconds += (double)counts[s] / rcpts * session;
    }
    decide(&bound, connection_seconds / connections, "all connections");
    free(counts);
    free(rtts);
    return bound;
}
