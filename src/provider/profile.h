/*
 * Mail operators: how to recognise one from MX hosts, how far its answers can be trusted, and how
 * politely it wants to be asked. One row each in data/providers.tsv, compiled in.
 *
 * Every operator has a profile; one that no row names gets the profile "generic". A *site* is what
 * has limits: all domains of a known operator are one site; an unknown one is keyed by its MX
 * hosts' registrable domain.
 */
#ifndef MK_PROVIDER_PROFILE_H
#define MK_PROVIDER_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum provider_trust {
    PROVIDER_TRUST_FULL,        /* 250 and 550 to RCPT mean what they say */
    PROVIDER_TRUST_ACCEPT_NONE, /* 250 proves nothing, and it is no catch-all (Yahoo) */
    PROVIDER_TRUST_ACCEPTS_ALL, /* never refuses at RCPT: provider_accepts_all */
};

enum provider_null_sender {
    PROVIDER_NULL_SENDER_ACCEPTED,
    PROVIDER_NULL_SENDER_REFUSED, /* use the second configured sender from the start */
};

struct provider_limits {
    uint16_t connections;            /* at the same time, 1 to 1000 */
    uint16_t connections_per_minute; /* new ones; 0: no limit */
    uint16_t rcpts_per_session;      /* 1 to 1000 */
    uint16_t rcpts_per_transaction;  /* 1 to 100 */
    uint32_t gap_ms;                 /* between two RCPT of one session */
    uint16_t unknowns_per_session;   /* refused recipients after which a session ends; 0: none */
};

struct provider_profile {
    const char *name;        /* as in results and the reply corpus: "google", "microsoft365" */
    const char *title;       /* for people: "Google (Gmail, Workspace)" */
    const char *mx_patterns; /* space separated: ".google.com" (suffix), "mx.example.net" (host),
                                "in.*.example.net" (any one label); "" for software, not a site */
    const char *greeting;    /* words that only its greetings hold; "" when none are known */
    bool is_gateway;         /* filters for others: its answers depend on the customer behind it */
    enum provider_trust trust;
    enum provider_null_sender null_sender;
    bool random_in_own_session; /* the random recipient must not follow the real one */
    struct provider_limits limits;
    uint16_t timeout_percent; /* of RFC 5321 4.5.3.2 */
    uint32_t greylist_ms;     /* the operator's known window; 0: the usual calendar */
    const char *source;       /* where it was learnt */
};

/* How long that many recipients take at least within these limits, in seconds. */
double provider_limits_seconds(const struct provider_limits *limits, uint64_t recipients);

/* Never NULL: the generic profile where none is named so. */
const struct provider_profile *provider_generic(void);
/* NULL when there is none. */
const struct provider_profile *provider_by_name(struct slice name);
/* By one MX host, lower-case ASCII; NULL when no row names it. */
const struct provider_profile *provider_by_mx(struct slice host);
/* By a consumer domain ("gmail.com"), for tests and `lists provider`; NULL when unknown. */
const struct provider_profile *provider_by_domain(struct slice domain);
/* By the whole MX set, most preferred first: the first host that is known. Never NULL. */
const struct provider_profile *provider_by_mx_set(const struct slice *hosts, size_t count);
/*
 * By the text of a greeting, for hosts whose names say nothing: an operator, or the software alone
 * ("postfix", "exim"), which tells how to read replies but not whose site it is. NULL when unknown.
 */
const struct provider_profile *provider_by_greeting(struct slice greeting);

/* All rows, for listing; NULL past the end. */
const struct provider_profile *provider_at(size_t index);

#define PROVIDER_SITE_KEY_SIZE 256
/*
 * The site of an MX set: the operator's name, or "mx:" and the registrable domain of the most
 * preferred host (the host itself, or an address literal, where there is none) for generic and for
 * software. Lower case, NUL-terminated; hosts longer than fits are cut.
 */
void provider_site_key(const struct provider_profile *profile, struct slice preferred_host,
                       char out[PROVIDER_SITE_KEY_SIZE]);

#endif
