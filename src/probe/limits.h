/*
 * What one site allows, and how much of it is used: connections at a time, new ones a minute.
 *
 * Pure: time is an argument. The ceilings are hard: opening beyond one is our bug and aborts. Below
 * the ceiling the number of connections adapts as TCP's congestion window does: it starts low,
 * doubles with success until something was refused, then creeps; a refusal halves it.
 *
 * "A minute" is any 60 seconds as the *server* sees them, so the window has a margin for packets
 * that travel at different speeds.
 */
#ifndef MK_PROBE_LIMITS_H
#define MK_PROBE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "provider/profile.h"

#define PROBE_LIMITS_START     2     /* connections before anything is known */
#define PROBE_LIMITS_WINDOW_MS 61000 /* a minute, and margin for uneven delays */

struct probe_limits {
    struct provider_limits ceiling;
    unsigned allowed;    /* connections, as adapted now: 1 to ceiling.connections */
    unsigned threshold;  /* above it growth is slow */
    unsigned credit;     /* successes since the last slow growth */
    unsigned open;       /* connections now */
    uint64_t *opened_ms; /* ring of the last connections_per_minute openings; NULL: no limit */
    unsigned opened_next, opened_count;
};

/* The profile's limits with the settings' override (engine.h says how) applied; all in bounds. */
struct provider_limits probe_limits_merge(const struct provider_limits *profile,
                                          const struct provider_limits *override, bool opened);

int probe_limits_init(struct probe_limits *limits, const struct provider_limits *ceiling);
void probe_limits_done(struct probe_limits *limits);

/* When a connection may be opened: now_ms or earlier: at once; INSTANT_NEVER: when one closes. */
uint64_t probe_limits_next_open(const struct probe_limits *limits, uint64_t now_ms);
/* When the last one was opened, where that is counted; 0: none, or not counted. */
uint64_t probe_limits_last_opened(const struct probe_limits *limits);
/* One that others opened before (probe/ledger.h), in the order of time; it is closed by now. */
void probe_limits_recall(struct probe_limits *limits, uint64_t opened_ms);
/* Only when probe_limits_next_open allows it (checked). */
void probe_limits_opened(struct probe_limits *limits, uint64_t now_ms);
void probe_limits_closed(struct probe_limits *limits);

void probe_limits_succeeded(struct probe_limits *limits); /* a session got an ordinary answer */
void probe_limits_refused(struct probe_limits *limits);   /* we were told to slow down */

#endif
