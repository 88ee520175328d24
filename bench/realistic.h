/*
 * The realistic list: what a list of customers looks like to whoever has to ask its mail servers.
 *
 * A seeded generator. The shares are assumptions, not observations of providers: 35% at Gmail, 15%
 * at Microsoft's consumer domains, 10% at Yahoo, and 40% spread by Zipf's law over one domain for
 * every ten addresses of the list (100,000 in a million). Of those domains 30% are at Google (the
 * same site as Gmail), 35% at Microsoft 365, 8% at Proofpoint, 5% at Mimecast and 22% have a server
 * of their own; of these servers 3% are dead (two MX that never answer) and 5% greylist for 300 s.
 * 15% of the mailboxes do not exist.
 *
 *   site        connections  RCPT/session  session starts  round trip
 *   Google              10            20                       80 ms
 *   Microsoft            5            10   every 0.2 s        150 ms
 *   Yahoo                5             5   every 0.2 s        204 ms
 *   Microsoft 365       20            20                      150 ms
 *   Proofpoint           4            10   every 0.5 s        120 ms
 *   Mimecast             4            10   every 0.5 s        120 ms
 *   own server           2            10   every 0.5 s    50..500 ms
 *
 * Nobody can be faster than realistic_bound says, whatever the order in which the work is done.
 */
#ifndef MK_BENCH_REALISTIC_H
#define MK_BENCH_REALISTIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/ip.h"

enum realistic_owner {
    REALISTIC_GOOGLE,
    REALISTIC_MICROSOFT,
    REALISTIC_YAHOO,
    REALISTIC_MICROSOFT365,
    REALISTIC_PROOFPOINT,
    REALISTIC_MIMECAST,
    REALISTIC_OWN,
    REALISTIC_OWNER_COUNT,
};

struct realistic_limits {
    const char *provider; /* whose profile it is, in data/providers.tsv */
    unsigned connections, rcpts_per_session;
    unsigned gap_ms; /* between the starts of two sessions; 0: none */
    unsigned rtt_ms; /* 0: each server's own */
};
extern const struct realistic_limits realistic_limits[REALISTIC_OWNER_COUNT];

struct realistic_domain {
    enum realistic_owner owner;
    uint32_t site; /* below site_count */
    uint32_t rtt_ms;
    uint32_t address_count, known_count; /* known: mailboxes that exist */
    bool is_dead, greylists;
};

struct realistic_address {
    uint32_t domain, serial;
    bool is_known;
};

struct realistic_list {
    struct realistic_domain *domains; /* 0 gmail.com, 1 hotmail.com, 2 yahoo.com, 3... Zipf's */
    size_t domain_count, site_count;
    struct realistic_address *addresses; /* shuffled */
    size_t address_count;
};

enum realistic_order {
    REALISTIC_RANDOM,
    REALISTIC_SORTED, /* by domain name */
};

void realistic_list_init(struct realistic_list *list, size_t address_count, uint64_t seed);
void realistic_list_done(struct realistic_list *list);
void realistic_list_arrange(struct realistic_list *list, enum realistic_order order, uint64_t seed);

#define REALISTIC_ADDRESS_SIZE 80
/* Write the address; returns its length. */
size_t realistic_address_write(const struct realistic_list *list, size_t index,
                               char out[REALISTIC_ADDRESS_SIZE]);

/* The world that the list lives in, as a scenario of the lab. */
void realistic_scenario_write(const struct realistic_list *list, bool pipelining,
                              struct buffer *out);
/* The round trips of its servers: calls `place` for each address. */
void realistic_places(const struct realistic_list *list,
                      void (*place)(void *user, const struct ip *ip, uint32_t rtt_ms), void *user);

struct realistic_bound {
    double seconds;
    const char *what; /* which term decides */
    uint64_t recipients;
};
/*
 * T >= max( max over sites of n/r ; sum over sites of n s/R / connections ; tail )
 *   s = 4 L + R L: connect, EHLO, MAIL, QUIT, and R recipients; pipelined, MAIL and all R in one
 *       trip: s = 4 L (the engine may not be helped by a looser formula)
 *   r = min( C R / s ; R / gap )
 *   n = addresses, and with `strangers` one more for each domain that must be asked whether it
 *       accepts anybody; twice that many where there is greylisting
 *   tail = 300 s and a session where there is greylisting, 60 s where there are dead servers
 */
struct realistic_bound realistic_bound(const struct realistic_list *list, bool pipelined,
                                       bool strangers, unsigned connections);

#endif
