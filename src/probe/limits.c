#include "probe/limits.h"

#include <stddef.h>

#include "base/check.h"
#include "base/error.h"
#include "base/instant.h"
#include "base/memory.h"

/* 0 in the override leaves the profile's value; unopened, only the stricter of both counts. */
static unsigned merge_ceiling(unsigned profile, unsigned override, bool opened)
{
    if (override == 0)
        return profile;
    return opened || override < profile ? override : profile;
}

/* As merge_ceiling for limits where 0 means "none". */
static unsigned merge_optional(unsigned profile, unsigned override, bool opened)
{
    if (opened)
        return override;
    return profile == 0 ? override : merge_ceiling(profile, override, false);
}

static uint16_t at_least_one(unsigned value)
{
    return (uint16_t)(value == 0 ? 1 : value);
}

struct provider_limits probe_limits_merge(const struct provider_limits *profile,
                                          const struct provider_limits *override, bool opened)
{
    struct provider_limits merged = {
        .connections =
            at_least_one(merge_ceiling(profile->connections, override->connections, opened)),
        .connections_per_minute = (uint16_t)merge_optional(
            profile->connections_per_minute, override->connections_per_minute, opened),
        .rcpts_per_session = at_least_one(
            merge_ceiling(profile->rcpts_per_session, override->rcpts_per_session, opened)),
        .rcpts_per_transaction = at_least_one(
            merge_ceiling(profile->rcpts_per_transaction, override->rcpts_per_transaction, opened)),
        .gap_ms = opened || override->gap_ms > profile->gap_ms ? override->gap_ms : profile->gap_ms,
        .unknowns_per_session = (uint16_t)merge_optional(profile->unknowns_per_session,
                                                         override->unknowns_per_session, opened),
    };

    return merged;
}

int probe_limits_init(struct probe_limits *limits, const struct provider_limits *ceiling)
{
    CHECK(ceiling->connections > 0 && ceiling->rcpts_per_session > 0 &&
          ceiling->rcpts_per_transaction > 0);
    *limits = (struct probe_limits){.ceiling = *ceiling, .threshold = ceiling->connections};
    limits->allowed =
        ceiling->connections < PROBE_LIMITS_START ? ceiling->connections : PROBE_LIMITS_START;
    if (ceiling->connections_per_minute == 0)
        return 0;
    limits->opened_ms = memory_zalloc(ceiling->connections_per_minute, sizeof(uint64_t));
    return limits->opened_ms == NULL ? ERROR_NOMEM : 0;
}

void probe_limits_done(struct probe_limits *limits)
{
    memory_free(limits->opened_ms);
    limits->opened_ms = NULL;
}

uint64_t probe_limits_next_open(const struct probe_limits *limits, uint64_t now_ms)
{
    if (limits->open >= limits->allowed)
        return INSTANT_NEVER;
    if (limits->opened_ms == NULL || limits->opened_count < limits->ceiling.connections_per_minute)
        return now_ms;
    return limits->opened_ms[limits->opened_next] + PROBE_LIMITS_WINDOW_MS;
}

uint64_t probe_limits_last_opened(const struct probe_limits *limits)
{
    unsigned most = limits->ceiling.connections_per_minute;

    if (limits->opened_ms == NULL || limits->opened_count == 0)
        return 0;
    return limits->opened_ms[(limits->opened_next + most - 1) % most];
}

void probe_limits_recall(struct probe_limits *limits, uint64_t opened_ms)
{
    if (limits->opened_ms == NULL)
        return;
    limits->opened_ms[limits->opened_next] = opened_ms;
    limits->opened_next = (limits->opened_next + 1) % limits->ceiling.connections_per_minute;
    if (limits->opened_count < limits->ceiling.connections_per_minute)
        limits->opened_count++;
}

void probe_limits_opened(struct probe_limits *limits, uint64_t now_ms)
{
    CHECK(probe_limits_next_open(limits, now_ms) <= now_ms);
    limits->open++;
    CHECK(limits->open <= limits->ceiling.connections);
    probe_limits_recall(limits, now_ms);
}

void probe_limits_closed(struct probe_limits *limits)
{
    CHECK(limits->open > 0);
    limits->open--;
}

void probe_limits_succeeded(struct probe_limits *limits)
{
    unsigned most = limits->ceiling.connections;

    if (limits->allowed >= most)
        return;
    if (limits->allowed < limits->threshold) {
        limits->allowed =
            limits->allowed * 2 < limits->threshold ? limits->allowed * 2 : limits->threshold;
    } else if (++limits->credit >= limits->allowed) {
        limits->allowed++;
        limits->credit = 0;
    }
}

void probe_limits_refused(struct probe_limits *limits)
{
    limits->allowed = limits->allowed > 1 ? limits->allowed / 2 : 1;
    limits->threshold = limits->allowed;
    limits->credit = 0;
}
