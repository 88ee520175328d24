/*
 * When to ask again after "not now", within the patience chosen.
 *
 * Pure. A greylist looks at address, sender and recipient, wants a pause of minutes and forgets
 * after hours, so the calendar is 5, 15, 30, 60 min and hourly after that (most software waits
 * 300 s: Postgrey, milter-greylist); an operator whose window is known says so in its profile.
 * Other failures for the time being are asked again after 15 min, 1 h and 4 h.
 */
#ifndef MK_PROBE_RETRY_H
#define MK_PROBE_RETRY_H

#include <stdint.h>

#include "base/instant.h"
#include "probe/engine.h"

/* A pause of a minute or two is no greylist: even the quick sit it out in the queue. */
#define PROBE_PAUSE_TAKEN_MS (2 * MINUTE_MS)

enum probe_retry_kind {
    PROBE_RETRY_NONE,
    PROBE_RETRY_GREYLIST,  /* come back later: 5, 15, 30, 60 min ... */
    PROBE_RETRY_TEMPORARY, /* their trouble: 15 min, 1 h, 4 h */
    PROBE_RETRY_RATE,      /* too much of us: 15, 30, 60 min */
    PROBE_RETRY_THROTTLED, /* too much for that mailbox: 1 h, 4 h */
    PROBE_RETRY_NETWORK,   /* nobody there: 15 min, 1 h, 4 h, never cut short */
    PROBE_RETRY_UNKNOWN,   /* a 4xx that says "no such user": once, after 15 min */
    PROBE_RETRY_DNS,       /* 1 min, 5 min, 15 min, 1 h; only the patient */
    PROBE_RETRY_COUNT,
};

struct probe_retry {
    enum probe_retry_kind kind;
    unsigned tries_before; /* retries of this kind made already */
    uint64_t waited_ms;    /* patience spent already, of all kinds */
    enum probe_patience patience;
    uint32_t greylist_ms; /* the operator's own window, or 0 */
    uint64_t hint_ms;     /* what such replies usually mean; shortens the first wait, or 0 */
    uint64_t asked_ms;    /* not before that, or 0 */
};

/* How long to wait, or 0: do not ask again. Never beyond what is left of the patience. */
uint64_t probe_retry_wait(const struct probe_retry *retry);

/* All the patience there is. */
uint64_t probe_patience_ms(enum probe_patience patience);

#endif
