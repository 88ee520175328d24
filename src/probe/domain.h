/*
 * A domain: what DNS says of it, and what its servers do with recipients that do not exist.
 *
 * One look-up serves all its cases, and one stranger (probe/stranger.h): others wait for the
 * first's outcome. Habits are remembered while the engine lives, bounded, a day at most.
 */
#ifndef MK_PROBE_DOMAIN_H
#define MK_PROBE_DOMAIN_H

#include "probe/offline.h"
#include "probe/state.h"
#include "verdict/naming.h"

struct probe_stranger;

struct probe_domain {
    struct probe_engine *engine;
    char *name; /* lower-case A-labels, or "[literal]" */
    bool is_literal;
    struct probe_offline_known known; /* of its name; not of a literal */
    unsigned holds;                   /* cases, sessions on its turn, the stranger under way */
    struct list_node in_idle;
    unsigned cases;
    struct list rows; /* at hosts */

    const struct evidence_domain *facts; /* held while there are cases; NULL: to be asked */
    uint64_t facts_until_ms;
    uint64_t facts_id; /* no others of the engine's life have it; 0: a literal's, or none yet */
    bool is_looking_up;
    struct list dns_waiters;  /* cases */
    struct arena facts_arena; /* of a literal's made-up facts */
    const struct provider_profile *provider;
    bool disposable_mx;
    unsigned mx_matches; /* of the operator's "mx:" entries */
    bool is_consumer;    /* a provider's own consumer domain, where nothing is catch-all */
    struct probe_breaker breaker;

    struct probe_stranger *stranger;    /* under way, or in vain a moment ago; NULL: neither */
    enum evidence_catch_all catch_all;  /* as learnt from one */
    struct smtp_reply catch_all_reply;  /* text on the heap, or "" */
    struct probe_place catch_all_place; /* whose habit it is */
    uint64_t catch_all_until_ms;
    bool was_recalled;        /* engine->memory was asked */
    unsigned refused;         /* recipients that it did not know */
    unsigned accepted_in_row; /* since the last of them, or since the habit was learnt */
    uint8_t doubts;           /* how often the habit was looked at again */

    bool is_acquainted;           /* engine->memory was asked for the two below */
    struct naming_habits naming;  /* of its proven mailboxes */
    struct evidence_peers record; /* what is known of its mailboxes otherwise; alike is not used */
};

/* name: lower-case A-labels, or a literal with brackets. Held for the caller. NULL: no memory. */
struct probe_domain *probe_domain_get(struct probe_engine *engine, struct slice name);
/* One that others have got, not held for the caller; or NULL. */
struct probe_domain *probe_domain_find(const struct probe_engine *engine, struct slice name);
void probe_domain_hold(struct probe_domain *domain);
void probe_domain_release(struct probe_domain *domain);
void probe_domain_free_all(struct probe_engine *engine);

/*
 * Facts that still hold, or NULL: then the look-up is under way and the case goes on the list
 * dns_waiters. ERROR_NOMEM.
 */
int probe_domain_look_up(struct probe_domain *domain, const struct evidence_domain **ret_facts);
/* The facts of an address literal, made on the spot. ERROR_NOMEM. */
int probe_domain_make_literal(struct probe_domain *domain, const struct ip *ip);

/* The greeting gave away who runs an unknown host. */
void probe_domain_greeted(struct probe_domain *domain, const struct provider_profile *profile);

/* --- probe/peers.c --------------------------------------------------------------------------- */

/* Of the evidence's address, looked at once by the two below, and only where it is needed. */
#define PROBE_PATTERN_UNSEEN NAMING_PATTERN_COUNT

/* What is known of the domain's other mailboxes, beside the one that the evidence is of. */
void probe_domain_fill_peers(struct probe_domain *domain, struct evidence *evidence,
                             enum naming_pattern *pattern);
/* A verdict from today's answers: one more mailbox is known to be there, or not to be. */
void probe_domain_note_verdict(struct probe_domain *domain, const struct evidence *evidence,
                               const struct verdict *verdict, enum naming_pattern *pattern);

/* --- probe/habit.c --------------------------------------------------------------------------- */

/* Does a stranger tell anything here? */
bool probe_domain_wants_stranger(const struct probe_domain *domain);
/* What is done with strangers at `place`; unknown when it was not learnt there, or too long ago. */
enum evidence_catch_all probe_domain_habit(struct probe_domain *domain,
                                           const struct probe_place *place);
/* Keep what a stranger's reply taught. ERROR_NOMEM: it is not kept. */
int probe_domain_learn(struct probe_domain *domain, enum evidence_catch_all habit,
                       const struct smtp_reply *reply, const struct probe_place *place);
void probe_domain_forget_habit(struct probe_domain *domain);
/* A recipient of the domain was answered for. */
void probe_domain_heard(struct probe_domain *domain, bool refused);
/*
 * Is "it refuses strangers" to be looked at again? A server that counts unknown recipients may
 * accept everybody once it has met enough of them (REPLIES.md 3.3): after three, a run of 50
 * acceptances, then of 100, 200, ... is doubted. Asking says that it is being done: true once.
 */
bool probe_domain_doubts_habit(struct probe_domain *domain);

#endif
