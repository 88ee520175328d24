#include "probe/alarm.h"

#include "base/check.h"
#include "base/instant.h"
#include "base/list.h"

void probe_alarms_init(struct probe_alarms *alarms)
{
    *alarms = (struct probe_alarms){0};
    heap_init(&alarms->heap);
}

void probe_alarms_done(struct probe_alarms *alarms)
{
    CHECK(alarms->admitted == 0);
    heap_done(&alarms->heap);
}

int probe_alarms_admit(struct probe_alarms *alarms, struct probe_alarm *alarm,
                       void (*ring)(void *owner), void *owner)
{
    int code = heap_reserve(&alarms->heap, alarms->admitted + 1);

    if (code != 0)
        return code;
    alarms->admitted++;
    *alarm = (struct probe_alarm){.ring = ring, .owner = owner};
    return 0;
}

void probe_alarms_dismiss(struct probe_alarms *alarms, struct probe_alarm *alarm)
{
    if (alarm->ring == NULL)
        return;
    heap_remove(&alarms->heap, &alarm->node);
    alarm->ring = NULL;
    alarms->admitted--;
}

void probe_alarms_count_out(struct probe_alarms *alarms)
{
    CHECK(alarms->admitted > alarms->heap.count); /* whoever is left has room */
    alarms->admitted--;
}

void probe_alarm_set(struct probe_alarms *alarms, struct probe_alarm *alarm, uint64_t at_ms)
{
    CHECK(alarm->ring != NULL);
    heap_remove(&alarms->heap, &alarm->node);
    CHECK(heap_push(&alarms->heap, &alarm->node, at_ms) == 0);
}

void probe_alarm_clear(struct probe_alarms *alarms, struct probe_alarm *alarm)
{
    heap_remove(&alarms->heap, &alarm->node);
}

bool probe_alarm_is_set(const struct probe_alarm *alarm)
{
    return heap_node_is_in(&alarm->node);
}

uint64_t probe_alarm_time(const struct probe_alarm *alarm)
{
    return probe_alarm_is_set(alarm) ? alarm->node.key : INSTANT_NEVER;
}

uint64_t probe_alarms_next(const struct probe_alarms *alarms)
{
    const struct heap_node *top = heap_peek(&alarms->heap);

    return top != NULL ? top->key : INSTANT_NEVER;
}

void probe_alarms_ring(struct probe_alarms *alarms, uint64_t now_ms)
{
    struct heap_node *top;

    while ((top = heap_peek(&alarms->heap)) != NULL && top->key <= now_ms) {
        struct probe_alarm *alarm = LIST_ELEMENT(top, struct probe_alarm, node);

        heap_remove(&alarms->heap, top);
        alarm->ring(alarm->owner);
    }
}
