/*
 * How others schedule: discrete-event models of the usual policies, on the same list.
 *
 * They know the true round trips, never lose a packet, ask no strangers and waste no time on DNS,
 * so that each is at its best. One recipient a connection, unless said otherwise.
 */
#ifndef MK_BENCH_FIFO_H
#define MK_BENCH_FIFO_H

#include "realistic.h"

enum fifo_policy {
    FIFO_LIMITED,   /* the next row is asked when its site has room; a full site blocks a worker */
    FIFO_UNLIMITED, /* the same without limits: fast by breaking them */
    FIFO_DOMAINS,   /* a worker takes a whole domain, in one session after the other */
};

struct fifo_outcome {
    double seconds;
    uint64_t connections;
    unsigned over; /* the most connections that a site had beyond its limit */
};
struct fifo_outcome fifo_run(const struct realistic_list *list, enum fifo_policy policy,
                             unsigned workers, bool pipelined);

#endif
