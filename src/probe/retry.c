#include "probe/retry.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/instant.h"

#define MIN(n) ((uint32_t)((n)*MINUTE_MS))

/* A wait shorter than this is not worth a connection, except where the operator says so. */
#define SHORTEST_MS (4 * MINUTE_MS)

#define HURRIED_MS MINUTE_MS /* the least that a hint can make of a wait */

/* Greylists count from when the first RCPT reached them; clocks and packets are uneven. */
#define GREYLIST_MARGIN_MS (5 * SECOND_MS)

struct calendar {
    uint32_t waits_ms[5]; /* 0 ends it */
    bool repeats;         /* the last goes on for as long as the patience does */
    bool may_be_hurried;  /* when the reply is of a kind that is over sooner */
    bool may_be_cut;      /* what is left of the patience is used when the wait is longer */
};

static const struct calendar calendars[PROBE_RETRY_COUNT] = {
    [PROBE_RETRY_NONE] = {.waits_ms = {0}},
    [PROBE_RETRY_GREYLIST] = {{MIN(5), MIN(15), MIN(30), MIN(60)}, true, true, true},
    [PROBE_RETRY_TEMPORARY] = {{MIN(15), MIN(60), MIN(240)}, false, true, true},
    [PROBE_RETRY_RATE] = {{MIN(15), MIN(30), MIN(60)}, true, false, true},
    [PROBE_RETRY_THROTTLED] = {{MIN(60), MIN(240)}, false, false, false},
    [PROBE_RETRY_NETWORK] = {{MIN(15), MIN(60), MIN(240)}, false, false, false},
    [PROBE_RETRY_UNKNOWN] = {{MIN(15)}, false, true, true},
    [PROBE_RETRY_DNS] = {{MIN(1), MIN(5), MIN(15), MIN(60)}, true, false, false},
};

uint64_t probe_patience_ms(enum probe_patience patience)
{
    switch (patience) {
    case PROBE_PATIENCE_QUICK:
        return 0;
    case PROBE_PATIENCE_NORMAL:
        return 10 * MINUTE_MS;
    case PROBE_PATIENCE_PATIENT:
        return 6 * HOUR_MS;
    }
    return 0;
}

static uint64_t calendar_wait(const struct calendar *calendar, unsigned tries_before)
{
    size_t count = 0;

    while (count < ARRAY_LEN(calendar->waits_ms) && calendar->waits_ms[count] != 0)
        count++;
    if (tries_before < count)
        return calendar->waits_ms[tries_before];
    return calendar->repeats && count > 0 ? calendar->waits_ms[count - 1] : 0;
}

uint64_t probe_retry_wait(const struct probe_retry *retry)
{
    const struct calendar *calendar = &calendars[retry->kind];
    uint64_t patience = probe_patience_ms(retry->patience);
    uint64_t left = patience > retry->waited_ms ? patience - retry->waited_ms : 0;
    uint64_t wait = calendar_wait(calendar, retry->tries_before);
    uint64_t shortest = SHORTEST_MS;

    CHECK(retry->kind < PROBE_RETRY_COUNT);
    if (wait == 0 || (retry->kind == PROBE_RETRY_DNS && retry->patience != PROBE_PATIENCE_PATIENT))
        return 0;
    if (retry->kind == PROBE_RETRY_GREYLIST && retry->tries_before == 0 && retry->greylist_ms > 0) {
        wait = retry->greylist_ms;
        shortest = wait;
    }
    if (retry->tries_before == 0 && retry->hint_ms > 0 && retry->hint_ms < wait &&
        calendar->may_be_hurried)
        wait = retry->hint_ms > HURRIED_MS ? retry->hint_ms : HURRIED_MS;
    if (retry->kind == PROBE_RETRY_GREYLIST)
        wait += GREYLIST_MARGIN_MS;
    if (retry->asked_ms > left)
        return 0; /* they said when; before that it would be another refusal */
    if (retry->asked_ms > wait)
        wait = retry->asked_ms;
    if (wait <= left)
        return wait;
    return calendar->may_be_cut && left >= shortest ? left : 0;
}
