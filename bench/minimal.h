/*
 * The least that a probing client can do: epoll, commands that never change, replies counted by
 * their line ends and not read. The reference for what ours costs.
 */
#ifndef MK_BENCH_MINIMAL_H
#define MK_BENCH_MINIMAL_H

#include <stdbool.h>
#include <stdint.h>

/* Ask `probes` recipients, `rcpts` a connection, over so many connections at a time. */
void minimal_run(uint16_t port, unsigned connections, unsigned rcpts, bool pipelined,
                 unsigned probes);

#endif
