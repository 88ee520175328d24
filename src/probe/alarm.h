/*
 * Alarms: what the engine must come back to, on one timer of the loop.
 *
 * An alarm lives in its owner. Room for it is taken when the owner is made (probe_alarms_admit),
 * so that setting one later cannot fail and nothing is ever forgotten for want of memory.
 */
#ifndef MK_PROBE_ALARM_H
#define MK_PROBE_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/heap.h"

struct probe_alarm {
    struct heap_node node;
    void (*ring)(void *owner);
    void *owner;
};

struct probe_alarms {
    struct heap heap;
    size_t admitted;
};

void probe_alarms_init(struct probe_alarms *alarms);
void probe_alarms_done(struct probe_alarms *alarms);

/* Count an owner in; ERROR_NOMEM. The alarm is not set. */
int probe_alarms_admit(struct probe_alarms *alarms, struct probe_alarm *alarm,
                       void (*ring)(void *owner), void *owner);
/* Count it out, clearing it. No-op for one that was never admitted (zeroed). */
void probe_alarms_dismiss(struct probe_alarms *alarms, struct probe_alarm *alarm);

/*
 * Count an owner in whose alarm is all zeros and is aimed only when it is to be set, as it nearly
 * never is: until then nobody looks at it. ERROR_NOMEM.
 */
static inline int probe_alarms_count_in(struct probe_alarms *alarms)
{
    if (alarms->admitted >= alarms->heap.capacity &&
        heap_reserve(&alarms->heap, alarms->admitted + 1) != 0)
        return ERROR_NOMEM;
    alarms->admitted++;
    return 0;
}

static inline void probe_alarm_aim(struct probe_alarm *alarm, void (*ring)(void *owner),
                                   void *owner)
{
    alarm->ring = ring;
    alarm->owner = owner;
}

/* Count out one that is known not to be set, without looking at it: it may be far away. */
void probe_alarms_count_out(struct probe_alarms *alarms);

void probe_alarm_set(struct probe_alarms *alarms, struct probe_alarm *alarm, uint64_t at_ms);
void probe_alarm_clear(struct probe_alarms *alarms, struct probe_alarm *alarm);
bool probe_alarm_is_set(const struct probe_alarm *alarm);
uint64_t probe_alarm_time(const struct probe_alarm *alarm); /* INSTANT_NEVER when not set */

/* When the next one rings; INSTANT_NEVER. */
uint64_t probe_alarms_next(const struct probe_alarms *alarms);
/* Ring everything that is due. */
void probe_alarms_ring(struct probe_alarms *alarms, uint64_t now_ms);

#endif
