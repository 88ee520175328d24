/*
 * The real world behind io/loop.h: libuv for sockets and timers, OpenSSL for TLS.
 */
#ifndef MK_IO_UV_LOOP_H
#define MK_IO_UV_LOOP_H

#include "io/loop.h"

/* NULL and *error on failure. OpenSSL is set up only when the first handshake begins. */
struct io_loop *io_uv_loop_new(struct error *error);

/*
 * Call `handler` from the loop when the process gets `signal_number` (SIGINT, SIGTERM, SIGUSR1,
 * SIGHUP, SIGWINCH). One handler a signal; NULL takes it away. 0, ERROR_NOMEM or ERROR_IO.
 * Does not keep the loop running.
 */
int io_uv_loop_on_signal(struct io_loop *loop, int signal_number,
                         void (*handler)(void *user, int signal_number), void *user);

/*
 * For a loop that another program's loop drives. Whenever its descriptor is readable, or the time
 * to wait has passed, io_uv_loop_turn handles everything that is due, without waiting. After that,
 * and after starting anything from outside a callback (there io_uv_loop_turn is due at once), ask
 * for the time again.
 */
int io_uv_loop_descriptor(struct io_loop *loop);
int io_uv_loop_wait_ms(struct io_loop *loop); /* -1: until the descriptor is readable */
void io_uv_loop_turn(struct io_loop *loop);
/* Read the clock now, before starting something with a loop that has not run for a while. */
void io_uv_loop_update_time(struct io_loop *loop);

/* Sockets this process may still open, from RLIMIT_NOFILE, less a reserve; at least 16. */
unsigned io_uv_loop_socket_limit(void);

#endif
