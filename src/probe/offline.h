/*
 * The cheap layers: what can be known of an address without asking anybody.
 *
 * Syntax, lists, the providers' own rules and typing errors. The engine's cases begin and end with
 * them; where nothing more is wanted (depth syntax) they are the whole work, and then millions of
 * addresses a second need neither a loop nor a case. Pure.
 */
#ifndef MK_PROBE_OFFLINE_H
#define MK_PROBE_OFFLINE_H

#include "address/suggest.h"
#include "lists/operator.h"
#include "provider/mailbox.h"
#include "verdict/evidence.h"
#include "verdict/result.h"
#include "verdict/verdict.h"

/* A domain of a well-known provider; suggest_world's is_real where no DNS is asked. */
bool probe_offline_domain_is_real(void *context, struct slice domain);

/*
 * What is known of a domain name (no literal) without asking anybody. To look it up, above all for
 * typing errors, costs more than all the rest of an address's cheap layers.
 */
struct probe_offline_known {
    struct provider_mailbox_rules rules;
    uint16_t classes; /* lists_domain_classes */
    bool is_sound;    /* nothing in it to mend, whatever DNS may know of it */
    bool is_plain;    /* the parser takes the name as it stands, and whatever plain local part is in
                         front (address_plain_local_len) says of the address: */
    uint32_t address_flags;
};
void probe_offline_know(struct slice domain, struct probe_offline_known *ret_known);

/*
 * Fill what depends on the input alone: input, address, suggestion, classes, breach, subaddress;
 * and the traits of a valid address's local part, without quotes.
 * evidence->provider must be set before. `suggestion` lives as long as the evidence is read.
 * memo: of the input. known: of the address's domain; NULL: to be looked up, or the domain is a
 * literal.
 */
void probe_offline_fill(struct slice input, struct address_memo memo,
                        const struct probe_offline_known *known, const struct suggest_world *world,
                        struct evidence *evidence, struct address_traits *ret_traits,
                        char suggestion[ADDRESS_WIRE_SIZE]);

/* Do the operator's lists (1 << kind bits) keep the address from being looked at? */
bool probe_offline_is_skipped(unsigned matches);
/* Do they say of an address that it is not to be mailed? */
bool probe_offline_is_unwelcome(unsigned matches);

/*
 * What is known of domains: a list names the same ones again and again. 16 MiB at most; beyond that
 * newer domains push older ones out.
 */
struct probe_offline_domain;
struct probe_offline_shape;
struct probe_offline_mended;
struct probe_offline_memory {
    void *block;                          /* where the domains lie, from a cache line on */
    struct probe_offline_domain *domains; /* NULL: remembers nothing */
    size_t domain_room, domain_count;     /* room: a power of two */
    struct probe_offline_shape *shapes;   /* verdicts (verdict/shape.h); NULL: remembers none */
    struct probe_offline_mended *mended;  /* what was meant by some domains; NULL: likewise */
};
/* Without memory for it, it remembers nothing. */
void probe_offline_memory_init(struct probe_offline_memory *memory);
void probe_offline_memory_done(struct probe_offline_memory *memory);

/* What addresses are judged by. */
struct probe_offline_terms {
    const struct lists_operator *lists; /* may be NULL */
    int64_t unix_ms;                    /* when it is said to have been checked */
    enum evidence_stop stop; /* why more is not asked, where nothing settles it before: DEPTH,
                                DEADLINE, CANCELLED, or NONE */
};

/* An address that is being judged, or was; its suggestion borrows from here. */
struct probe_offline_case {
    struct evidence evidence;
    struct address_traits traits;     /* of a valid address's local part, without quotes */
    uint64_t domain_hash;             /* 0: its domain is not to be remembered */
    size_t plain_domain_at;           /* > 0: not parsed before the look-up, which may tell all */
    struct probe_offline_known known; /* of a valid address; without domain_hash only the rules */
    struct result_pattern *pattern;   /* for the JSON of addresses of its shape; NULL: none. Valid
                                         until the next is judged by the same memory, for whoever
                                         has the same moment and options for all */
    char suggestion[ADDRESS_WIRE_SIZE];
};

/* Evidence and verdict at this depth, as the engine at depth syntax would give them. memory may be
 * NULL. */
void probe_offline_judge(struct slice input, struct probe_offline_memory *memory,
                         const struct probe_offline_terms *terms,
                         struct probe_offline_case *ret_case, struct verdict *ret_verdict);

/*
 * The same in steps, for whoever has many addresses. Domains in their thousands lie outside
 * the processor's caches, and to wait for one takes as long as half of all else: so each step is
 * taken for several addresses before the next, and what they wait for is fetched meanwhile.
 */
/* Once for a case, before its first address. */
void probe_offline_begin(const struct probe_offline_terms *terms,
                         struct probe_offline_case *ret_case);
/*
 * Another address for a case that was begun with the same terms; what it held is gone. evidence has
 * the address's parts only after the look-up.
 */
void probe_offline_parse(struct slice input, const struct probe_offline_memory *memory,
                         struct probe_offline_case *each);
/* What is known of the domain will be asked for soon: begin to fetch it. */
void probe_offline_fetch(const struct probe_offline_memory *memory,
                         const struct probe_offline_case *each);
void probe_offline_look_up(struct probe_offline_memory *memory, struct probe_offline_case *each);
/* The verdict: *room, or one of the memory's, which is valid as long as the pattern is. */
const struct verdict *probe_offline_conclude(struct probe_offline_memory *memory,
                                             const struct probe_offline_terms *terms,
                                             struct probe_offline_case *each, struct verdict *room);

#endif
