#include "probe/breaker.h"

#include "base/check.h"
#include "base/instant.h"

#define STRIKES_TO_OPEN 3

struct span {
    uint32_t first_ms, longest_ms;
};

/* REPLIES.md 1: rate_limited 15 to 60 min as it persists, 4xx blocks 30 min, 5xx blocks hours. */
static const struct span spans[] = {
    [PROBE_REFUSAL_SLOW_DOWN] = {2 * MINUTE_MS, HOUR_MS},
    [PROBE_REFUSAL_TEMPORARY] = {30 * MINUTE_MS, 4 * HOUR_MS},
    [PROBE_REFUSAL_PERMANENT] = {2 * HOUR_MS, 8 * HOUR_MS},
};

bool probe_breaker_refused(struct probe_breaker *breaker, enum probe_refusal refusal,
                           uint64_t now_ms)
{
    const struct span *span = &spans[refusal];
    bool was_open = probe_breaker_is_open(breaker, now_ms);
    uint64_t length = span->first_ms;

    CHECK(refusal <= PROBE_REFUSAL_PERMANENT);
    if (!was_open && (uint64_t)breaker->span_ms * 2 > length)
        length = (uint64_t)breaker->span_ms * 2;
    if (length > span->longest_ms)
        length = span->longest_ms;
    breaker->strikes = 0;
    breaker->trying = false;
    /* A worse refusal while open makes it longer; the same again changes nothing. */
    if (was_open && now_ms + length <= breaker->until_ms)
        return false;
    if (was_open && length <= breaker->span_ms)
        return false;
    breaker->span_ms = (uint32_t)length;
    breaker->until_ms = now_ms + length;
    return !was_open;
}

bool probe_breaker_strike(struct probe_breaker *breaker, enum probe_refusal refusal,
                          uint64_t now_ms)
{
    if (probe_breaker_is_half_open(breaker, now_ms) || ++breaker->strikes >= STRIKES_TO_OPEN)
        return probe_breaker_refused(breaker, refusal, now_ms);
    return false;
}

void probe_breaker_heed(struct probe_breaker *breaker, uint64_t until_ms, uint64_t now_ms)
{
    if (until_ms <= now_ms || until_ms <= breaker->until_ms)
        return;
    breaker->strikes = 0;
    breaker->trying = false;
    breaker->span_ms = (uint32_t)(until_ms - now_ms < UINT32_MAX ? until_ms - now_ms : UINT32_MAX);
    breaker->until_ms = until_ms;
}

void probe_breaker_recall(struct probe_breaker *breaker, uint64_t until_ms, uint32_t span_ms)
{
    breaker->until_ms = until_ms;
    breaker->span_ms = span_ms;
}

void probe_breaker_succeeded(struct probe_breaker *breaker, uint64_t now_ms)
{
    breaker->strikes = 0;
    if (probe_breaker_is_open(breaker, now_ms))
        return; /* an answer to what was asked before it opened */
    breaker->until_ms = 0;
    breaker->span_ms = 0;
    breaker->trying = false;
}

bool probe_breaker_is_open(const struct probe_breaker *breaker, uint64_t now_ms)
{
    return breaker->until_ms > now_ms;
}

bool probe_breaker_is_half_open(const struct probe_breaker *breaker, uint64_t now_ms)
{
    return breaker->until_ms != 0 && breaker->until_ms <= now_ms;
}

bool probe_breaker_allows(const struct probe_breaker *breaker, uint64_t now_ms)
{
    return breaker->until_ms == 0 || (breaker->until_ms <= now_ms && !breaker->trying);
}

bool probe_breaker_try(struct probe_breaker *breaker, uint64_t now_ms)
{
    CHECK(probe_breaker_allows(breaker, now_ms));
    breaker->trying = breaker->until_ms != 0;
    return breaker->trying;
}

void probe_breaker_tried(struct probe_breaker *breaker)
{
    breaker->trying = false;
}
