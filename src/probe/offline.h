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
};
void probe_offline_know(struct slice domain, struct probe_offline_known *ret_known);

/*
 * Fill what depends on the input alone: input, address, suggestion, classes, breach, subaddress.
 * evidence->provider must be set before. `suggestion` lives as long as the evidence is read.
 * known: of the address's domain; NULL: to be looked up, or the domain is a literal.
 */
void probe_offline_fill(struct slice input, const struct probe_offline_known *known,
                        const struct suggest_world *world, struct evidence *evidence,
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
struct probe_offline_memory {
    struct probe_offline_domain *domains; /* NULL: remembers nothing */
    size_t domain_room, domain_count;     /* room: a power of two */
    struct probe_offline_shape *shapes;   /* verdicts (verdict/shape.h); NULL: remembers none */
    /* The rules of the domain of the address that was judged last; NULL: look them up. */
    const struct provider_mailbox_rules *rules;
    /* For the JSON of the address that was judged last: of its shape; NULL: it has none. Whoever
       uses it has the same moment and options for all. Valid until the next is judged. */
    struct result_pattern *pattern;
};
/* Without memory for it, it remembers nothing. */
void probe_offline_memory_init(struct probe_offline_memory *memory);
void probe_offline_memory_done(struct probe_offline_memory *memory);

/*
 * Evidence and verdict at this depth, as the engine at depth syntax would give them. memory and
 * lists may be NULL. stop: why more is not asked, where nothing settles it before (DEPTH, DEADLINE,
 * CANCELLED).
 */
void probe_offline_judge(struct slice input, struct probe_offline_memory *memory,
                         const struct lists_operator *lists, int64_t unix_ms,
                         enum evidence_stop stop, struct evidence *ret_evidence,
                         struct verdict *ret_verdict, char suggestion[ADDRESS_WIRE_SIZE]);

#endif
