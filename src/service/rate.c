#include "service/rate.h"

#include "base/instant.h"

/* Time that stands for `count` calls. */
static uint64_t cost_ms(const struct service_rate *rate, uint32_t count)
{
    return (uint64_t)count * MINUTE_MS / rate->per_minute;
}

/* How much of the bucket is used, as time. */
static uint64_t used_ms(const struct service_rate *rate, uint64_t now_ms)
{
    return rate->full_ms > now_ms ? rate->full_ms - now_ms : 0;
}

bool service_rate_take(struct service_rate *rate, uint32_t count, uint64_t now_ms)
{
    uint64_t used;

    if (rate->per_minute == 0)
        return true;
    used = used_ms(rate, now_ms) + cost_ms(rate, count);
    if (used > MINUTE_MS)
        return false;
    rate->full_ms = now_ms + used;
    return true;
}

uint32_t service_rate_left(const struct service_rate *rate, uint64_t now_ms)
{
    if (rate->per_minute == 0)
        return UINT32_MAX;
    return (uint32_t)((MINUTE_MS - used_ms(rate, now_ms)) * rate->per_minute / MINUTE_MS);
}

uint32_t service_rate_wait_s(const struct service_rate *rate, uint64_t now_ms)
{
    uint64_t over;

    if (rate->per_minute == 0 || used_ms(rate, now_ms) + cost_ms(rate, 1) <= MINUTE_MS)
        return 0;
    over = used_ms(rate, now_ms) + cost_ms(rate, 1) - MINUTE_MS;
    return (uint32_t)((over + SECOND_MS - 1) / SECOND_MS);
}
