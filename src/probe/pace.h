/*
 * A pace: how many a second of something there were lately, by two half-minutes. Costs two numbers
 * and no memory of each event; forgets within a minute.
 */
#ifndef MK_PROBE_PACE_H
#define MK_PROBE_PACE_H

#include <stdint.h>

struct probe_pace { /* zeroed: nothing yet */
    uint64_t since_ms;
    uint32_t now, before; /* events since then, and in the half-minute before */
};

void probe_pace_note(struct probe_pace *pace, uint64_t now_ms);
double probe_pace_per_s(const struct probe_pace *pace, uint64_t now_ms);

#endif
