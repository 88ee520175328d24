/*
 * A minimal SMTP server for benchmarks: epoll, one process of its own, says yes to everything.
 *
 * It does as little as a server can, so that what is measured is the client's cost. It speaks
 * PIPELINING, reads commands by their first letter and closes first after QUIT.
 */
#ifndef MK_BENCH_SINK_H
#define MK_BENCH_SINK_H

#include <stdint.h>
#include <sys/types.h>

/* Fork it, on the given core, listening on a free port of 127.0.0.1. Exits 2 when it can't. */
pid_t sink_start(unsigned core, uint16_t *ret_port);
void sink_stop(pid_t pid);
/* Be it, on `port` of every address, until killed. */
_Noreturn void sink_serve(uint16_t port);

/* Run this process on one core from now on. */
void pin_to_core(unsigned core);

#endif
