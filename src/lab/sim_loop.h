/*
 * A loop without a world: virtual clock, network in memory, repeatable from its seed.
 *
 * io_loop_run jumps from event to event; hours pass in microseconds. Connecting to an endpoint where
 * nobody listens is refused after one round trip, or never answered where the fault plan says so.
 * Bytes arrive after the latency of the plan, whole or cut in pieces, in order. TLS is acted out: the
 * handshake takes two round trips and can be made to fail.
 */
#ifndef MK_LAB_SIM_LOOP_H
#define MK_LAB_SIM_LOOP_H

#include "io/loop.h"

struct lab_sim_plan {
    uint64_t seed;
    uint32_t latency_min_ms, latency_max_ms; /* one way */
    bool split_writes;       /* deliver in pieces of random size */
    unsigned drop_permille;  /* chance that a connection attempt is never answered */
    unsigned reset_permille; /* chance that a delivered piece is a reset instead */
    int64_t start_unix_ms;   /* 0: 2026-01-01T00:00:00Z */
    uint64_t stop_after_ms;  /* virtual time after which run returns; 0: never */
};

struct io_loop *lab_sim_loop_new(const struct lab_sim_plan *plan); /* NULL: no memory */

#endif
