/*
 * What only the operator can mend (config/health.h), over the last hour or two: a banner, a metric
 * and a line in the log.
 */
#ifndef MK_SERVICE_ALARMS_H
#define MK_SERVICE_ALARMS_H

#include "base/json.h"
#include "config/health.h"

struct service;

/* Two marks, an hour apart: an alarm does not end because an hour does. */
struct service_alarms {
    struct health_mark earlier, later;
    uint64_t later_ms;
    unsigned logged; /* bits of those that the log knows to be on */
};

/* Log what began and ended; moves the marks once an hour. Called now and then. */
void service_alarms_watch(struct service *service);
/* An array of {code, text}. */
void service_alarms_write(const struct service *service, struct json *json);
/* The samples of the metric mailknock_alarm. */
void service_alarms_measure(const struct service *service, struct buffer *out);

#endif
