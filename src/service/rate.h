/*
 * How often somebody may call: a bucket that fills steadily and is emptied by calls.
 *
 * Pure: time is an argument. The draft of the RateLimit header fields
 * (draft-ietf-httpapi-ratelimit) names what is said of it.
 */
#ifndef MK_SERVICE_RATE_H
#define MK_SERVICE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct service_rate {
    uint32_t per_minute; /* also what may come at once; 0: no limit */
    uint64_t used;       /* at since_ms, in 60,000ths of a call */
    uint64_t since_ms;
};

/* Take `count` out; false when there is not enough, and nothing was taken. */
bool service_rate_take(struct service_rate *rate, uint32_t count, uint64_t now_ms);
/* What is left, in calls. */
uint32_t service_rate_left(const struct service_rate *rate, uint64_t now_ms);
/* Seconds until there is one again, at least 1; 0 when there is one now. */
uint32_t service_rate_wait_s(const struct service_rate *rate, uint64_t now_ms);

#endif
