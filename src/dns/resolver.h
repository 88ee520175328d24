/*
 * What a domain's mail exchangers are, and what DNS says besides: cached and single-flighted.
 *
 * Looks up MX in preference order (ties shuffled), A and AAAA of every host, the implicit MX, null
 * MX; follows CNAMEs; refuses addresses that no probe may reach; SPF and DMARC as signals.
 * NXDOMAIN, NODATA, SERVFAIL and time-out are kept apart. Answers live as long as their TTLs say,
 * bounded by the options; failures are kept for seconds only.
 */
#ifndef MK_DNS_RESOLVER_H
#define MK_DNS_RESOLVER_H

#include "base/error.h"
#include "base/ip.h"
#include "dns/blocklist.h"
#include "dns/transport.h"
#include "io/loop.h"
#include "verdict/evidence.h"

struct dns_resolver;

struct dns_resolver_options {
    struct ip_networks allowed; /* reserved ranges that may be probed; borrowed */
    /* Address families to offer; both false: both. The other is looked up only where a host has
       none of these, to tell "out of our reach" from "not there". */
    bool use_ipv4, use_ipv6;
    bool want_spf, want_dmarc;
    const struct dns_blocklist *blocklists; /* to ask about domains and mail hosts; borrowed */
    size_t blocklist_count;
    uint32_t ttl_min_s, ttl_max_s; /* of positive and negative answers; 0: 60 and 86400 */
    uint32_t failure_ttl_s;        /* 0: 30 */
    unsigned hosts_max;            /* MX hosts looked at, most preferred first; 0: 16 */
    unsigned cache_max;            /* domains and host names kept, about 1 KB each; 0: 50000 */
    uint64_t seed;                 /* for shuffling equal preferences */
};

/* The transport and the loop must outlive the resolver. NULL: no memory. */
struct dns_resolver *dns_resolver_new(struct io_loop *loop, struct dns_transport *transport,
                                      const struct dns_resolver_options *options);
/* Outstanding look-ups are dropped without a callback. NULL accepted. */
void dns_resolver_free(struct dns_resolver *resolver);

/*
 * `facts` is counted: the callback owns one count and gives it back with dns_facts_release. NULL
 * when memory ran out. The mail part is complete and final. SPF and DMARC hold nothing up: until
 * they are answered their outcome is NOT_ASKED, and they and their rows of `answers` are filled in
 * when they come, for as long as the facts and the resolver live. Block lists are waited for. A
 * callback may do anything, free the resolver included.
 */
typedef void dns_domain_done(void *user, const struct evidence_domain *facts);

/*
 * Look up the mail facts of a domain (lower-case A-labels, NUL-terminated). The callback comes
 * exactly once, later, never from inside this call. ERROR_NOMEM, ERROR_RANGE.
 */
int dns_resolver_domain(struct dns_resolver *resolver, const char *domain, dns_domain_done *done,
                        void *user);
/* Drop the look-ups that `user` waits for: their callbacks won't come. Others' go on. */
void dns_resolver_forget(struct dns_resolver *resolver, const void *user);
const struct evidence_domain *dns_facts_hold(const struct evidence_domain *facts);
void dns_facts_release(const struct evidence_domain *facts); /* NULL accepted */

struct dns_resolver_counts {
    uint64_t questions, answers, failures, cache_hits, joined; /* joined: single flight */
    uint64_t listings, listing_refusals; /* domains on block lists; lists that would not answer */
};
void dns_resolver_counts(const struct dns_resolver *resolver, struct dns_resolver_counts *ret);

#endif
