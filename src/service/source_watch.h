/*
 * Are the addresses that we probe from on a block list? Asked once an hour of the lists of
 * addresses that are configured (--mx-blocklist): told by an alarm (service/alarms.h)
 * and a metric. Where a
 * translator hides the public address, --source-ip of a public one is needed; private ones are not
 * asked about.
 */
#ifndef MK_SERVICE_SOURCE_WATCH_H
#define MK_SERVICE_SOURCE_WATCH_H

#include <stdint.h>

struct service;
struct source_round;

struct service_source_watch {
    unsigned listings; /* in the last round that ended */
    char text[320];    /* of the alarm, when there are any */
    struct source_round *round;
    uint64_t next_ms;
};

/* Begin a round when it is time. Called now and then. */
void service_source_watch_run(struct service *service);
/* Answers to come are not waited for. */
void service_source_watch_close(struct service_source_watch *watch);

#endif
