/*
 * Stops us from knocking where we were refused: one breaker a site, one a domain.
 *
 * Pure: time is an argument. Closed: work flows. A refusal of us opens it for a time, during which
 * nothing new is asked there; then it is half open: one conversation may try, and its outcome
 * closes the breaker or opens it for twice as long. A request to slow down opens it too, for
 * minutes instead of hours. Never a reason to try another way in (DESIGN.md 5).
 */
#ifndef MK_PROBE_BREAKER_H
#define MK_PROBE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum probe_refusal {
    PROBE_REFUSAL_SLOW_DOWN, /* rate limits: from 2 min, doubling to 1 h */
    PROBE_REFUSAL_TEMPORARY, /* blocked with 4xx: from 30 min */
    PROBE_REFUSAL_PERMANENT, /* blocked with 5xx: from 2 h */
};

struct probe_breaker {
    uint64_t until_ms; /* no work before; 0: closed */
    uint32_t span_ms;  /* how long it was opened last */
    uint8_t strikes;   /* refusals in a row that have not opened it yet */
    bool trying;       /* half open, and the one conversation is under way */
};

/*
 * A refusal that opens the breaker at once. Returns true when it opened now (it was not open), so
 * that refusals of conversations already under way count once.
 */
bool probe_breaker_refused(struct probe_breaker *breaker, enum probe_refusal refusal,
                           uint64_t now_ms);
/* A refusal that opens it only as the third in a row: one recipient's or domain's policy. */
bool probe_breaker_strike(struct probe_breaker *breaker, enum probe_refusal refusal,
                          uint64_t now_ms);
/* Somebody else was refused, for us too: open until then, unless it is for longer already. */
void probe_breaker_heed(struct probe_breaker *breaker, uint64_t until_ms, uint64_t now_ms);
/* As a process before us left it, of one that was never open: open, or half open and no longer. */
void probe_breaker_recall(struct probe_breaker *breaker, uint64_t until_ms, uint32_t span_ms);
/* An ordinary answer: closes a half-open breaker, forgets strikes. */
void probe_breaker_succeeded(struct probe_breaker *breaker, uint64_t now_ms);

bool probe_breaker_is_open(const struct probe_breaker *breaker, uint64_t now_ms);
/* Half open: open before, its time over, nothing proven since. */
bool probe_breaker_is_half_open(const struct probe_breaker *breaker, uint64_t now_ms);
/* May a new conversation begin? When half open, only one at a time. */
bool probe_breaker_allows(const struct probe_breaker *breaker, uint64_t now_ms);
/* A conversation begins; when half open it is the one. Returns whether it is. */
bool probe_breaker_try(struct probe_breaker *breaker, uint64_t now_ms);
/* The one ended without an answer either way. */
void probe_breaker_tried(struct probe_breaker *breaker);

#endif
