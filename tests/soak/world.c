#include "world.h"

#include "base/check.h"

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
    "  behave rcpts-per-transaction 2\n",
    "  behave session-limit 4\n",
    "  behave tarpit 2s\n",
    "  behave block rcpt\n",
    "  behave block mail\n",
    "  behave relay-denied\n",
    "  behave refuse-all\n",
    "  behave refuse-null\n",
    "  behave reset rcpt\n",
    "  behave drop mail\n",
    "  behave silent rcpt\n",
    "  behave garbage rcpt\n",
    "  behave split\n",
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

static void write_site(struct random *random, struct buffer *text, unsigned site, unsigned domains,
                       unsigned *ip)
{
    unsigned hosts = 1 + (unsigned)random_below(random, 3);

    (void)buffer_printf(text,
                        "site s%u connections 2 per-minute 20 rcpts-per-session 10 "
                        "unknowns-per-session 4 gap 500ms\n",
                        site);
    for (unsigned d = 0; d < domains; d++) {
        (void)buffer_printf(text, "domain d%u.op%u.example\n", d, site);
        for (unsigned h = 0; h < hosts; h++)
            (void)buffer_printf(text, "  mx %u mx%u.op%u.example\n",
                                (unsigned)random_below(random, 3) * 10, h, site);
    }
    for (unsigned h = 0; h < hosts; h++, (*ip)++)
        (void)buffer_printf(
            text, "server mx%u.op%u.example 192.0.%u.%u\n  site s%u\n  mailbox u*\n%s", h, site,
            2 + *ip / 200, 1 + *ip % 200, site, quirks[random_below(random, ARRAY_LEN(quirks))]);
}

void soak_world_write(struct random *random, struct buffer *text, struct soak_world *ret_world)
{
    struct soak_world world = {.site_count = 1 + (unsigned)random_below(random, SOAK_SITES_MAX)};
    unsigned ip = 1;

    for (unsigned s = 0; s < world.site_count; s++) {
        world.domain_counts[s] = 1 + (unsigned)random_below(random, SOAK_DOMAINS_MAX);
        write_site(random, text, s, world.domain_counts[s], &ip);
    }
    (void)buffer_append_byte(text, '\0');
    *ret_world = world;
}
