/*
 * Our conversation alone: smtp_session on the loop's streams, without the engine around it. It
 * reads and checks every reply, keeps deadlines and would do STARTTLS; it does not judge.
 */
#ifndef MK_BENCH_CONVERSATION_H
#define MK_BENCH_CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

/* As minimal_run. */
void conversation_run(uint16_t port, unsigned connections, unsigned rcpts, bool pipelined,
                      unsigned probes);

#endif
