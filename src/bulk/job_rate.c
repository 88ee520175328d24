#include "bulk/job_rate.h"

#include "base/instant.h"

#define STEP_MS (2 * SECOND_MS)

static void add(struct bulk_rate *rate, uint64_t now_ms, uint64_t count)
{
    rate->at_ms[rate->next] = now_ms;
    rate->count[rate->next] = count;
    rate->next = (rate->next + 1) % BULK_RATE_READINGS;
    if (rate->filled < BULK_RATE_READINGS)
        rate->filled++;
}

static unsigned newest(const struct bulk_rate *rate)
{
    return (rate->next + BULK_RATE_READINGS - 1) % BULK_RATE_READINGS;
}

void bulk_rate_init(struct bulk_rate *rate, uint64_t now_ms, uint64_t count)
{
    *rate = (struct bulk_rate){0};
    add(rate, now_ms, count);
}

void bulk_rate_note(struct bulk_rate *rate, uint64_t now_ms, uint64_t count)
{
    if (now_ms - rate->at_ms[newest(rate)] >= STEP_MS)
        add(rate, now_ms, count);
}

double bulk_rate_per_s(const struct bulk_rate *rate, uint64_t now_ms, uint64_t count)
{
    unsigned oldest = rate->filled < BULK_RATE_READINGS ? 0 : rate->next;
    uint64_t span_ms = now_ms - rate->at_ms[oldest];

    if (span_ms == 0)
        return 0;
    return (double)(count - rate->count[oldest]) * 1000 / (double)span_ms;
}
