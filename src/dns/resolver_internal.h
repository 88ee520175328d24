/*
 * How the resolver is made, for the files that make it. From the bottom up:
 *
 *   query   one question with its CNAMEs, over the transport; may be forgotten by its owner
 *   host    A and AAAA of one name: cached, asked once for all who want them
 *   facts   the finished, counted evidence_domain, packed into one block
 *   signal  SPF and DMARC of a domain, written into its facts whenever they come
 *   domain  MX, then its hosts, then facts: cached, asked once for all who want them
 *
 * Finished look-ups are told at one place (dns_resolver_tell), when everything else has been
 * done for the message that finished them: a callback may then do anything, free us included.
 */
#ifndef MK_DNS_RESOLVER_INTERNAL_H
#define MK_DNS_RESOLVER_INTERNAL_H

#include "base/arena.h"
#include "base/list.h"
#include "base/random.h"
#include "base/table.h"
#include "dns/answer.h"
#include "dns/resolver.h"

/* --- cache entries: hosts and domains share one bound ----------------------------------- */

struct dns_cached {
    struct list_node in_recent; /* least recently used first; in none while it is looked up */
    uint64_t expires_ms;
    void (*evict)(struct dns_cached *cached); /* leave table and list, free when nobody holds it */
};

struct dns_resolver {
    struct io_loop *loop;
    struct dns_transport *transport;
    struct dns_resolver_options options;
    struct random random;
    struct table domains;  /* struct dns_domain, by name */
    struct table hosts;    /* struct dns_host, by name */
    struct table listings; /* the same, of questions to block lists */
    struct list recent;    /* struct dns_cached */
    size_t recent_count;
    struct list queries, signals, lookups; /* under way */
    struct list ready, telling;            /* struct dns_waiter, to be told; being told */
    struct io_timer ready_timer;           /* of those whose answer was in the cache */
    struct dns_resolver_counts counts;
    bool *freed; /* set while callbacks run: they may free us */
};

void dns_cache_keep(struct dns_resolver *resolver, struct dns_cached *cached, uint32_t ttl_s);
void dns_cache_touch(struct dns_resolver *resolver, struct dns_cached *cached);
void dns_cache_remove(struct dns_resolver *resolver, struct dns_cached *cached);
bool dns_cache_is_fresh(const struct dns_resolver *resolver, const struct dns_cached *cached);
/* A TTL from the wire within the options' bounds, or the failures' own. */
uint32_t dns_cache_ttl(const struct dns_resolver *resolver, uint32_t ttl_s, bool failure);

/* --- queries ------------------------------------------------------------------------------- */

struct dns_query;
/* answer NULL: no memory. It lives for the call. */
typedef void dns_query_done(void *owner, const struct dns_answer *answer);

/* 0, ERROR_NOMEM, ERROR_RANGE (a name that cannot be asked for). */
int dns_query_start(struct dns_resolver *resolver, const char *name, uint16_t type,
                    dns_query_done *done, void *owner, struct dns_query **ret_query);
void dns_query_forget(struct dns_query *query); /* its callback won't come; NULL accepted */

/* --- hosts --------------------------------------------------------------------------------- */

struct dns_host_family {
    uint16_t type;
    enum dns_outcome outcome; /* NOT_ASKED: that family is not used */
    uint32_t ttl_s;
    struct dns_query *query;
    struct ip *ips;
    size_t ip_count;
    char *text;
};

struct dns_host {
    struct dns_cached cached;
    struct dns_resolver *resolver;
    char *name;
    unsigned holds;
    bool is_detached; /* replaced or evicted: gone when the last hold is */
    bool no_memory;
    bool is_listing; /* a question to a block list: A alone, and no address of anybody */
    unsigned pending;
    struct dns_host_family families[2]; /* A, AAAA */
    struct list waiters;                /* struct dns_host_wait */
};

/* Embedded in whoever waits; user of a hold on the host. */
struct dns_host_wait {
    struct list_node node;
    struct dns_host *host; /* held from dns_host_want until dns_host_release */
    void (*done)(struct dns_host_wait *wait);
};

/* 1: known already; 0: wait->done will be called; ERROR_NOMEM. */
int dns_host_want(struct dns_resolver *resolver, const char *name, struct dns_host_wait *wait);
/* The same for a question to a block list, whose answer is A records only. */
int dns_host_want_listing(struct dns_resolver *resolver, const char *name,
                          struct dns_host_wait *wait);
void dns_host_release(struct dns_host_wait *wait); /* waits no longer; no-op without a host */
enum dns_outcome dns_host_outcome(const struct dns_host *host); /* of both families together */
uint32_t dns_host_ttl(const struct dns_host *host);
void dns_host_free(struct dns_host *host);

/* --- facts --------------------------------------------------------------------------------- */

#define DNS_SIGNALS_MAX 3 /* SPF, DMARC, DMARC of the organization */

struct dns_facts {
    struct evidence_domain domain; /* first: facts are known outside by this */
    unsigned holds;
    bool sealed;                         /* the mail part is there */
    char *name;                          /* until sealed */
    void *block;                         /* everything of the mail part */
    struct evidence_dns_answer *answers; /* room for the signals' behind the mail part's */
    struct evidence_dns_answer signals[DNS_SIGNALS_MAX]; /* that came before it was sealed */
    void *signal_memory[2 * DNS_SIGNALS_MAX];
    size_t signal_count, signal_memory_count;
};

struct dns_domain;
struct dns_facts *dns_facts_new(const char *name);
/* Pack what the look-up found. ERROR_NOMEM. */
int dns_facts_seal(struct dns_facts *facts, const struct dns_domain *domain, uint32_t ttl_s,
                   uint32_t duration_ms);
/* Note what was said to one of the signals' questions. ERROR_NOMEM. */
int dns_facts_add_signal(struct dns_facts *facts, const char *name,
                         const struct dns_answer *answer);
/* A copy that lives as long as the facts; ptr NULL when there is no memory. */
struct slice dns_facts_copy(struct dns_facts *facts, struct slice text);

/* --- signals ------------------------------------------------------------------------------- */

/* Ask for SPF and DMARC as the options say; nobody waits for them. */
void dns_signals_start(struct dns_resolver *resolver, struct dns_facts *facts);
void dns_signals_stop(struct dns_resolver *resolver);

/* --- domains ------------------------------------------------------------------------------- */

struct dns_domain_host {
    struct dns_domain *domain;
    const char *name;
    uint16_t preference;
    const char *unusable; /* why it can be no host, or NULL */
    struct dns_host_wait wait;
};

#define DNS_LISTINGS_MAX 48 /* questions to block lists, of one domain */

struct dns_domain_listing {
    struct dns_domain *domain;
    const struct dns_blocklist *list;
    const char *name;    /* asked for */
    const char *subject; /* the name or address that it is about */
    struct dns_host_wait wait;
};

struct dns_domain {
    struct dns_cached cached;
    struct list_node in_lookups; /* while it is looked up */
    struct dns_resolver *resolver;
    char *name;
    struct list waiters; /* struct dns_waiter */
    struct dns_facts *facts;
    uint64_t began_ms;
    /* of the look-up: */
    struct arena arena;
    struct dns_query *mx;
    enum dns_outcome mx_outcome;
    uint32_t mx_ttl_s;
    const char *mx_text;
    bool null_mx, implicit_mx, no_memory;
    struct dns_domain_host *hosts;
    size_t host_count, hosts_left_out, host_pending;
    struct dns_domain_listing *listings;
    size_t listing_count, listing_pending;
};

struct dns_waiter {
    struct list_node node;
    dns_domain_done *done;
    void *user;
    struct dns_facts *facts; /* held, once it is ready; NULL: no memory */
};

/* A domain's look-up begins. NULL: no memory (*ret_error) or not a name. */
struct dns_domain *dns_domain_start(struct dns_resolver *resolver, const char *name,
                                    int *ret_error);
void dns_domain_free(struct dns_domain *domain);

/* --- block lists (listing.c) ----------------------------------------------------------------- */

/* The hosts are known: ask; dns_domain_listings_known follows, perhaps during the call. */
void dns_domain_ask_listings(struct dns_domain *domain);
void dns_domain_listings_known(struct dns_domain *domain); /* in domain.c */
void dns_domain_release_listings(struct dns_domain *domain);
/* What the list says; *ret_code NULL: nothing. */
enum dns_listing dns_domain_listing_of(const struct dns_domain_listing *listing,
                                       const char **ret_meaning, const struct ip **ret_code);

/* --- telling --------------------------------------------------------------------------------- */

/* Their look-up is over (facts NULL: for want of memory): they are told soon. */
void dns_resolver_ready(struct dns_resolver *resolver, struct list *waiters,
                        struct dns_facts *facts);
/* Call back all who are ready; the resolver may be gone afterwards. */
void dns_resolver_tell(struct dns_resolver *resolver);

#endif
