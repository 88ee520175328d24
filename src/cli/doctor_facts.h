/*
 * What the doctor knows without asking anybody: public resolvers, SPF terms, resolv.conf. Pure.
 */
#ifndef MK_CLI_DOCTOR_FACTS_H
#define MK_CLI_DOCTOR_FACTS_H

#include "base/ip.h"
#include "dns/blocklist.h"
#include "io/loop.h"

/* Whose public resolver an address is ("Cloudflare"), or NULL. */
const char *doctor_public_resolver(const struct ip *ip);

/* The `nameserver` lines of resolv.conf(5), at most `max`; returns how many. */
size_t doctor_read_resolv_conf(struct slice text, struct io_endpoint *out, size_t max);

/* --- SPF (RFC 7208) ------------------------------------------------------------------------- */

enum doctor_spf_kind {
    DOCTOR_SPF_ALL,
    DOCTOR_SPF_IP,      /* ip4, ip6 */
    DOCTOR_SPF_A,       /* the domain's addresses */
    DOCTOR_SPF_MX,      /* those of its mail hosts */
    DOCTOR_SPF_INCLUDE, /* as the domain's own record says */
    DOCTOR_SPF_REDIRECT,
    DOCTOR_SPF_OTHER,   /* exists, ptr, macros: not evaluated here */
    DOCTOR_SPF_IGNORED, /* exp and unknown modifiers */
    DOCTOR_SPF_BAD,
};

struct doctor_spf_term {
    enum doctor_spf_kind kind;
    char qualifier;      /* '+', '-', '~', '?' */
    struct slice domain; /* as written, or "" for the current one; borrowed */
    struct ip_network network;
    uint8_t prefix4, prefix6; /* of a and mx: 32 and 128 without a suffix */
};

/* True for a TXT record that is an SPF record; *ret_terms is what follows the version. */
bool doctor_spf_is_record(struct slice text, struct slice *ret_terms);
/* The next term; false at the end. */
bool doctor_spf_next(struct slice *terms, struct doctor_spf_term *ret_term);
/* Whether two addresses of a family agree in their first bits (prefix4 or prefix6). */
bool doctor_spf_matches(const struct doctor_spf_term *term, const struct ip *candidate,
                        const struct ip *ours);

#endif
