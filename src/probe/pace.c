#include "probe/pace.h"

#include "base/instant.h"

#define SPAN_MS (30 * SECOND_MS)

void probe_pace_note(struct probe_pace *pace, uint64_t now_ms)
{
    uint64_t age = now_ms - pace->since_ms;

    if (age >= SPAN_MS) {
        pace->before = age < 2 * SPAN_MS ? pace->now : 0;
        pace->now = 0;
        pace->since_ms = age < 2 * SPAN_MS ? pace->since_ms + SPAN_MS : now_ms;
    }
    pace->now++;
}

double probe_pace_per_s(const struct probe_pace *pace, uint64_t now_ms)
{
    uint64_t age = now_ms - pace->since_ms;

    if (age >= 2 * SPAN_MS)
        return 0;
    /* What has just begun has no past: its pace is that of the time since, a second at least. */
    if (pace->before == 0)
        return (double)pace->now * SECOND_MS / (double)(age > SECOND_MS ? age : SECOND_MS);
    if (age >= SPAN_MS)
        return (double)pace->now * SECOND_MS / (double)age;
    return ((double)pace->now + (double)pace->before * (double)(SPAN_MS - age) / SPAN_MS) *
           SECOND_MS / SPAN_MS;
}
