/*
 * A habit: what the servers of a domain do with a recipient that nobody can be, and how it was
 * learnt, in a form that outlives the engine.
 *
 * The engine keeps habits for a day, while it lives. Whoever has a store may set a memory: it is
 * told what was learnt and asked when a domain is met for the first time, so that a list that was
 * interrupted goes on without a random recipient for domains that had one. What else the store is
 * for is not known here.
 */
#ifndef MK_PROBE_HABIT_H
#define MK_PROBE_HABIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/instant.h"
#include "base/ip.h"
#include "smtp/reply.h"
#include "verdict/evidence.h"
#include "verdict/naming.h"

#define PROBE_HABIT_KEPT_MS DAY_MS

struct probe_habit {
    struct slice domain;               /* lower-case A-labels, or a literal with brackets */
    enum evidence_catch_all catch_all; /* never UNKNOWN */
    struct ip ip;                      /* whose habit it is: this host's, ... */
    struct slice provider;             /* ... and that of all hosts of a known operator; a name */
    struct smtp_reply reply;           /* to the random recipient */
    int64_t learnt_unix_ms, until_unix_ms;
};

struct probe_memory {
    /*
     * What is known of a domain; false: nothing. Its texts live until the next call. Both are
     * called from inside the engine, cost little, and don't call it.
     */
    bool (*recall)(void *user, struct slice domain, struct probe_habit *ret_habit);
    void (*learnt)(void *user, const struct probe_habit *habit);
    /*
     * Add what own messages to mailboxes of the domain met, what its servers said of mailboxes
     * before, and how those that were proven so are named. Both are zero before. May be NULL. Asked
     * once for each time a domain is met.
     */
    void (*acquaint)(void *user, struct slice domain, struct naming_habits *naming,
                     struct evidence_peers *peers);
    void *user;
};

#endif
