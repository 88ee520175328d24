/*
 * A stranger: the recipient that nobody can be, asked once for a whole domain.
 *
 * "mailknock-probe-" and twelve random letters and digits: recognisable to a postmaster, and no
 * person's name. It is asked after a real recipient, where the answer tells something: was the
 * real one accepted, or refused unclearly, because of who it is, or is everybody? The stranger
 * outlives the case that called for it, waits for greylists like anybody else, and settles all
 * cases of the domain that wait for it. A 4xx that patience does not outlast, or a broken
 * conversation, teaches nothing; then nothing is remembered but, for a minute, that it was in vain.
 */
#ifndef MK_PROBE_STRANGER_H
#define MK_PROBE_STRANGER_H

#include "probe/ask.h"
#include "probe/state.h"

struct probe_case;
struct probe_host;

#define PROBE_STRANGER_PREFIX "mailknock-probe-"
#define PROBE_STRANGER_RANDOM 12

struct probe_stranger {
    struct probe_engine *engine;
    struct probe_domain *domain; /* held while under way */
    struct list_node in_engine;  /* while under way */
    struct probe_ask ask;
    struct probe_place place;
    struct probe_host *host;         /* where it is asked; held while under way */
    struct list waiters;             /* cases */
    struct arena arena;              /* of the attempt */
    struct evidence_attempt attempt; /* the latest */
    bool has_attempt;
    bool is_over; /* in vain; kept until vain_until_ms */
    uint64_t vain_until_ms;
    unsigned broken, untried, put_off;
    enum probe_patience patience; /* of the most patient who sent it */
    uint64_t waited_ms, waiting_since_ms, budget_ms;
    struct probe_alarm alarm; /* a wait, or the budget while it is out */
    char mailbox[];
};

/*
 * Send one to `host` unless one is under way or the habit is known. False when there is none and
 * none can be had (no memory, in vain a moment ago): go on without.
 */
bool probe_stranger_send(struct probe_domain *domain, struct probe_host *host,
                         const struct probe_wish *wish);
/* `kase` (in no list) waits for the outcome; only when one is under way. */
void probe_stranger_await(struct probe_domain *domain, struct probe_case *kase);
bool probe_stranger_is_under_way(const struct probe_domain *domain);
/* Nobody is left to whom it matters: it is not asked again. */
void probe_stranger_abandon(struct probe_domain *domain);
void probe_stranger_free(struct probe_stranger *stranger); /* over or never sent; NULL accepted */
/* The engine is cancelled, sessions are gone: end all that are under way. */
void probe_stranger_cancel_all(struct probe_engine *engine);

/* Backs of probe/ask.h. */
void probe_stranger_out(struct probe_stranger *stranger);
void probe_stranger_answered(struct probe_stranger *stranger, const struct probe_answer *answer);
void probe_stranger_failed(struct probe_stranger *stranger);
/* Where it was to be asked is another process's site: so are those who wait for its answer. */
void probe_stranger_elsewhere(struct probe_stranger *stranger, const char *site);

#endif
