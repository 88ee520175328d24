#include "service/rate.h"

#include "base/instant.h"

/* A call is this many parts, of which per_minute come back in a millisecond: all is exact. */
#define PARTS MINUTE_MS

/* How much of the bucket is used, in parts. */
static uint64_t used_parts(const struct service_rate *rate, uint64_t now_ms)
{
    uint64_t back_ms = now_ms > rate->since_ms ? now_ms - rate->since_ms : 0;

    /* After a minute it is full, whatever was taken. */
    if (back_ms >= MINUTE_MS || back_ms * rate->per_minute >= rate->used)
        return 0;
    return rate->used - back_ms * rate->per_minute;
}

bool service_rate_take(struct service_rate *rate, uint32_t count, uint64_t now_ms)
{
    uint64_t used;

    if (rate->per_minute == 0)
        return true;
    used = used_parts(rate, now_ms) + count * PARTS;
    if (used > rate->per_minute * PARTS)
        return false;
    rate->used = used;
    rate->since_ms = now_ms;
    return true;
}

uint32_t service_rate_left(const struct service_rate *rate, uint64_t now_ms)
{
    if (rate->per_minute == 0)
        return UINT32_MAX;
    return (uint32_t)((rate->per_minute * PARTS - used_parts(rate, now_ms)) / PARTS);
}

uint32_t service_rate_wait_s(const struct service_rate *rate, uint64_t now_ms)
{
    uint64_t wanted = used_parts(rate, now_ms) + PARTS, over_ms;

    if (rate->per_minute == 0 || wanted <= rate->per_minute * PARTS)
        return 0;
    over_ms = (wanted - rate->per_minute * PARTS + rate->per_minute - 1) / rate->per_minute;
    return (uint32_t)((over_ms + SECOND_MS - 1) / SECOND_MS);
}
