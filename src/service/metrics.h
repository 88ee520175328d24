/*
 * What the service counts itself, and the Prometheus page it all goes on (text format 0.0.4).
 */
#ifndef MK_SERVICE_METRICS_H
#define MK_SERVICE_METRICS_H

#include "base/buffer.h"
#include "verdict/verdict.h"

#define SERVICE_HISTOGRAM_BUCKETS 14

struct service_histogram {
    uint64_t buckets[SERVICE_HISTOGRAM_BUCKETS + 1]; /* the last: more than all bounds */
    uint64_t count, sum_ms;
};

struct service_metrics {
    uint64_t verdicts[VERDICT_REASON_COUNT];
    uint64_t responses[6]; /* by hundreds of the status */
    struct service_histogram request_ms, verify_ms, batch_ms;
};

void service_histogram_add(struct service_histogram *histogram, uint64_t ms);

struct service;
/* The whole page. A failure shows in out->failed. */
void service_metrics_write(const struct service *service, struct buffer *out);

#endif
