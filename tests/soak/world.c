#include "world.h"

#include "base/check.h"

/* The first is none. */
static const char *const quirks[] = {
    "",
    "",
    "",
    "  behave accept-all\n",
    "  behave greylist 300s\n",
    "  behave greylist-known 200s\n",
    "  behave hangup bad-rcpt\n",
    "  behave harvest-hangup 3\n",
    "  behave rate-rcpts 20 60s\n",
    "  behave rate-connections 3 60s\n",
    "  behave max-connections 1\n",
    "  behave rcpts-per-session 4\n",
    "  behave rcpts-per-session 3 552 Too many recipients\n",
    "  behave rcpts-per-transaction 2\n",
    "  behave session-limit 4\n",
    "  behave session-limit 2\n",
    "  behave tarpit 2s\n",
    "  behave block rcpt\n",
    "  behave block mail\n",
    "  behave careless\n  behave block mail\n",
    "  behave careless\n  behave refuse mail 451 4.3.0 Temporary failure, try again later\n",
    "  behave careless\n  behave refuse-null\n",
    "  behave relay-denied\n",
    "  behave refuse-all\n",
    "  behave refuse-null\n",
    "  behave reset rcpt\n",
    "  behave drop mail\n",
    "  behave silent rcpt\n",
    "  behave garbage rcpt\n",
    "  behave split\n",
    "  behave gather\n",
    "  behave gather\n  behave split\n",
    "  behave gather\n  behave session-limit 3\n",
    "  behave gather\n  behave harvest-hangup 3\n",
    "  behave hasty-quit\n",
    "  behave lose-replies 2\n",
    "  behave lose-replies 3\n  behave gather\n",
    "  behave lose-replies 2\n  behave idle 20s\n",
    "  behave broken-pipelining\n",
    "  behave broken-pipelining\n  behave idle 20s\n",
    "  offer pipelining\n  behave extra bad-rcpt 550 5.1.1 see our page\n",
    "  offer pipelining\n  behave extra bad-rcpt 550 5.1.1 our page\n  behave delay rcpt 2s\n",
    "  behave delay rcpt 15s\n",
    "  behave down\n",
    "  behave blackhole\n",
    "  behave postscreen\n",
    "  behave fail-first 1\n",
    "  behave no-ehlo\n",
    "  behave one-domain\n",
    "  behave idle 5s\n",
    "  behave slow-banner 20s\n",
    "  offer starttls pipelining\n",
    "  offer starttls\n  behave starttls-broken\n",
    "  offer starttls\n  behave tls-only\n",
    "  offer nothing\n",
};

static uint16_t one_to(struct random *random, unsigned most)
{
    return (uint16_t)(1 + random_below(random, most));
}

static void make_limits(struct random *random, struct soak_world *world)
{
    world->limits = provider_generic()->limits;
    world->has_batches = random_chance(random, 1, 2);
    if (!world->has_batches)
        return;
    world->limits = (struct provider_limits){
        .connections = one_to(random, 3),
        .connections_per_minute = one_to(random, 40),
        .rcpts_per_session = one_to(random, 20),
        .rcpts_per_transaction = one_to(random, 10),
        .unknowns_per_session = random_chance(random, 1, 3) ? 0 : one_to(random, 8),
    };
}

/* Some come at once, some after answers to RCPT, some too late for anybody. */
static unsigned some_late_s(struct random *random)
{
    return random_chance(random, 1, 2) ? 0 : one_to(random, random_chance(random, 3, 4) ? 8 : 90);
}

static void make_signals(struct random *random, struct soak_signals *ret_signals)
{
    *ret_signals = (struct soak_signals){
        .has_spf = random_chance(random, 1, 2),
        .has_dmarc = random_chance(random, 1, 2),
    };
    ret_signals->spf_late_s = some_late_s(random);
    ret_signals->dmarc_late_s = some_late_s(random);
}

void soak_world_make(struct random *random, struct soak_world *ret_world)
{
    struct soak_world world = {.site_count = 1 + (unsigned)random_below(random, SOAK_SITES_MAX)};

    make_limits(random, &world);
    for (unsigned s = 0; s < world.site_count; s++) {
        struct soak_site *site = &world.sites[s];

        site->domain_count = 1 + (unsigned)random_below(random, SOAK_DOMAINS_MAX);
        site->host_count = 1 + (unsigned)random_below(random, SOAK_HOSTS_MAX);
        for (unsigned d = 0; d < site->domain_count; d++) {
            for (unsigned h = 0; h < site->host_count; h++)
                site->preferences[d][h] = (unsigned)random_below(random, 3) * 10;
            make_signals(random, &site->signals[d]);
        }
        for (unsigned h = 0; h < site->host_count; h++) {
            site->quirks[h] = (unsigned)random_below(random, ARRAY_LEN(quirks));
            site->pipelines[h] = world.has_batches && random_chance(random, 3, 4);
        }
    }
    *ret_world = world;
}

static void write_txt(const char *record, unsigned late_s, struct buffer *text)
{
    if (record != NULL)
        (void)buffer_printf(text, "  txt %s\n", record);
    if (late_s > 0)
        (void)buffer_printf(text, "  slow %us txt\n", late_s);
}

/* At the end of the domain's block. */
static void write_signals(const struct soak_signals *signals, unsigned domain, unsigned site,
                          struct buffer *text)
{
    write_txt(signals->has_spf ? "\"v=spf1 mx -all\"" : NULL, signals->spf_late_s, text);
    if (!signals->has_dmarc && signals->dmarc_late_s == 0)
        return;
    (void)buffer_printf(text, "domain _dmarc.d%u.op%u.example\n", domain, site);
    write_txt(signals->has_dmarc ? "\"v=DMARC1; p=reject\"" : NULL, signals->dmarc_late_s, text);
}

static void write_site(const struct soak_world *world, unsigned number, struct buffer *text)
{
    const struct soak_site *site = &world->sites[number];
    const struct provider_limits *limits = &world->limits;

    (void)buffer_printf(text,
                        "site s%u connections %u per-minute %u rcpts-per-session %u "
                        "rcpts-per-transaction %u unknowns-per-session %u gap %ums\n",
                        number, limits->connections, limits->connections_per_minute,
                        limits->rcpts_per_session, limits->rcpts_per_transaction,
                        limits->unknowns_per_session, limits->gap_ms);
    for (unsigned d = 0; d < site->domain_count; d++) {
        (void)buffer_printf(text, "domain d%u.op%u.example\n", d, number);
        for (unsigned h = 0; h < site->host_count; h++)
            (void)buffer_printf(text, "  mx %u mx%u.op%u.example\n", site->preferences[d][h], h,
                                number);
        write_signals(&site->signals[d], d, number, text);
    }
    for (unsigned h = 0; h < site->host_count; h++)
        (void)buffer_printf(
            text, "server mx%u.op%u.example 192.0.2.%u\n  site s%u\n  mailbox u*\n%s%s", h, number,
            1 + number * SOAK_HOSTS_MAX + h, number,
            site->pipelines[h] ? "  offer pipelining\n" : "", quirks[site->quirks[h]]);
}

void soak_world_write(const struct soak_world *world, struct buffer *text)
{
    for (unsigned s = 0; s < world->site_count; s++)
        if (world->sites[s].domain_count > 0)
            write_site(world, s, text);
    (void)buffer_append_byte(text, '\0');
}
