/*
 * The past: what was found out about a mailbox before, and what became of messages to it.
 *
 * Whoever has a store may give the engine a past. It is asked for every address that is submitted
 * and told what every case found out; the engine decides by what it says whether anybody has to be
 * asked at all. Where it is kept and how long it holds is not known here.
 */
#ifndef MK_PROBE_PAST_H
#define MK_PROBE_PAST_H

#include "base/arena.h"
#include "verdict/evidence.h"
#include "verdict/verdict.h"

enum probe_recall {
    PROBE_RECALL_NOTHING, /* *ret_evidence was not filled */
    PROBE_RECALL_STALE,   /* to be asked again; holds still, should nothing be learnt now */
    PROBE_RECALL_FRESH,   /* holds: nobody needs to be asked */
};

/* All are called from inside the engine, cost little, and don't call it. */
struct probe_past {
    /*
     * What is remembered of an accepted address, as evidence on the arena; what follows from
     * today's lists is filled in by the engine. *ret_outcomes is filled in any case: bounces and
     * complaints only where they still count. wants_evidence false: outcomes alone.
     */
    enum probe_recall (*recall)(void *user, const struct address *address, bool wants_evidence,
                                struct arena *arena, struct evidence_history *ret_outcomes,
                                struct evidence *ret_evidence);
    /*
     * Evidence of a case that has ended, and what it means today. Who keeps it as JSON says so in
     * *ret_written, json and brief_len: it lives until the next is learnt.
     */
    void (*learn)(void *user, const struct evidence *evidence, const struct verdict *verdict,
                  struct evidence_written *ret_written);
    void *user;
};

#endif
