/*
 * How fast something goes, over the last minute: a ring of readings, one every two seconds. Pure.
 */
#ifndef MK_BULK_JOB_RATE_H
#define MK_BULK_JOB_RATE_H

#include <stdint.h>

#define BULK_RATE_READINGS 31

struct bulk_rate {
    uint64_t at_ms[BULK_RATE_READINGS], count[BULK_RATE_READINGS];
    unsigned filled, next;
};

void bulk_rate_init(struct bulk_rate *rate, uint64_t now_ms, uint64_t count);
/* `count` so far; may be called as often as one likes. */
void bulk_rate_note(struct bulk_rate *rate, uint64_t now_ms, uint64_t count);
/* A second; 0 when nothing happened. */
double bulk_rate_per_s(const struct bulk_rate *rate, uint64_t now_ms, uint64_t count);

#endif
