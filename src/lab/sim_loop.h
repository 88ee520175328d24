/*
 * A loop without a world: virtual clock, network in memory, repeatable from its seed.
 *
 * io_loop_run jumps from event to event; hours pass in microseconds. Connecting to an endpoint
 * where nobody listens is refused after one round trip, or never answered where the plan or the
 * fate of the address says so. Bytes arrive after the latency of the plan, whole or cut in pieces,
 * in order. TLS is acted out: the handshake takes two round trips and can be made to fail; bytes
 * that are not part of it break it, as they would break a real one.
 *
 * Clocks may jump and the process be held up, as on a machine that is suspended or swapped out.
 *
 * When nothing can happen any more, io_loop_run returns. Listeners do not keep it running.
 */
#ifndef MK_LAB_SIM_LOOP_H
#define MK_LAB_SIM_LOOP_H

#include "io/loop.h"

struct lab_sim_plan {
    uint64_t seed;
    uint32_t latency_min_ms, latency_max_ms; /* one way */
    bool split_writes;                       /* deliver in pieces of random size */
    unsigned drop_permille;     /* chance that a connection attempt is never answered */
    unsigned reset_permille;    /* chance that a delivered piece is a reset instead */
    unsigned tls_fail_permille; /* chance that a handshake fails */
    unsigned stall_permille;    /* chance that what a server says is late, by up to stall_max_ms */
    uint32_t stall_max_ms;
    unsigned streams_max;       /* io_connect gives ERROR_LIMIT beyond it; 0: no limit */
    uint64_t start_ms;          /* of io_now_ms: how long the machine has been up */
    int64_t start_unix_ms;      /* 0: 2026-01-01T00:00:00Z */
    uint64_t stop_after_ms;     /* virtual time after which run returns; 0: never */
    uint64_t stop_after_events; /* so many events after which it does; 0: never */
    bool reorders;              /* what is due in the same millisecond happens in any order */
};

struct io_loop *lab_sim_loop_new(const struct lab_sim_plan *plan); /* NULL: no memory */
bool lab_sim_loop_is(const struct io_loop *loop);

/* What becomes of attempts to connect to an address. */
enum lab_sim_fate {
    LAB_SIM_NORMAL,      /* accepted if someone listens, refused otherwise */
    LAB_SIM_BLACKHOLE,   /* never answered */
    LAB_SIM_UNREACHABLE, /* no route to host, after one round trip */
};
/* 0 or ERROR_NOMEM. The loop must be a simulated one. */
int lab_sim_loop_set_fate(struct io_loop *loop, const struct ip *ip, enum lab_sim_fate fate);
/* So far away is this address, always: one way, instead of the plan's latency; 0: the plan's. */
int lab_sim_loop_set_latency(struct io_loop *loop, const struct ip *ip, uint32_t latency_ms);

/* The wall clock is set, forwards or backwards; io_now_ms goes on as it did. */
void lab_sim_loop_jump_wall(struct io_loop *loop, int64_t by_ms);
/* The process is held up (stopped, swapped out): time passes, and what fell due is late. */
void lab_sim_loop_hold_up(struct io_loop *loop, uint64_t for_ms);
/* Called after every event; NULL: no longer. */
void lab_sim_loop_on_event(struct io_loop *loop, void (*happened)(void *user), void *user);

struct lab_sim_counts {
    uint64_t events;           /* everything that happened */
    size_t streams, listeners; /* open now, both ends counted */
    size_t streams_peak;
};
void lab_sim_loop_counts(const struct io_loop *loop, struct lab_sim_counts *ret_counts);

#endif
