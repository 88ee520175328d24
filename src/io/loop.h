/*
 * The world as the engine sees it: a clock, timers, byte streams, TLS. One thread.
 *
 * Two implementations behind one interface: io/uv_loop.h (libuv, OpenSSL; the real world) and
 * lab/sim_loop.h (virtual clock, simulated network, repeatable from a seed). Callbacks run from
 * io_loop_run only, never from inside the call that starts something, so nobody is surprised by
 * reentrance. A stream that its owner closes makes no more callbacks.
 */
#ifndef MK_IO_LOOP_H
#define MK_IO_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ip.h"

struct io_loop;
struct io_stream;
struct io_listener;
struct io_watch;

struct io_endpoint {
    struct ip ip;  /* family 0: any address */
    uint16_t port; /* 0: any */
};

/* Monotonic, cached for the turn of the loop. */
uint64_t io_now_ms(struct io_loop *loop);
/* Wall clock, for people. */
int64_t io_unix_ms(struct io_loop *loop);

/* Runs until io_loop_stop, or until nothing is left that could happen. */
void io_loop_run(struct io_loop *loop);
void io_loop_stop(struct io_loop *loop);
/* Frees the loop; streams, listeners and timers must be closed before. */
void io_loop_free(struct io_loop *loop);

/* --- timers: embedded in their owner, started and stopped at will -------------------------- */

struct io_timer {
    struct io_loop *loop;
    void (*fire)(struct io_timer *timer); /* the timer is stopped when it is called */
    void *user;
    void *slots[6]; /* the implementation's own */
};

void io_timer_init(struct io_loop *loop, struct io_timer *timer,
                   void (*fire)(struct io_timer *timer), void *user);
/* Fire once at at_ms (now or earlier: on the next turn). Restarts one that runs. 0 or ERROR_NOMEM.
 */
int io_timer_start(struct io_timer *timer, uint64_t at_ms);
void io_timer_stop(struct io_timer *timer); /* no-op when stopped */
bool io_timer_is_running(const struct io_timer *timer);

/* --- streams ------------------------------------------------------------------------------ */

enum io_close_reason {
    IO_CLOSED_BY_PEER,
    IO_CLOSED_RESET,
    IO_CLOSED_REFUSED,     /* connection refused */
    IO_CLOSED_UNREACHABLE, /* network or host unreachable, no route, permission denied */
    IO_CLOSED_TLS,         /* handshake failed or TLS error */
    IO_CLOSED_ERROR,       /* anything else */
};

const char *io_close_reason_name(enum io_close_reason reason);

struct io_tls_facts {
    char version[16]; /* "TLSv1.3" */
    char cipher[64];
    char subject[128]; /* of the peer's certificate, "" if it has none */
    char issuer[128];
    bool verified;         /* chain and name hold against the system's roots */
    char verify_error[96]; /* why not, "" if verified */
};

/* Borrowed for the life of the stream: a constant, most likely. */
struct io_stream_events {
    void (*connected)(void *user);
    void (*received)(void *user, const char *bytes, size_t len); /* bytes valid during the call */
    void (*secured)(void *user, const struct io_tls_facts *facts);
    /* The stream is freed after this returns; do not close it again. detail is static or lives
       for the call. */
    void (*closed)(void *user, enum io_close_reason reason, const char *detail);
};

/*
 * Begin to connect from `from` (family 0: the system's choice) to `to`. On success *ret_stream is
 * set and `connected` or `closed` will follow. ERROR_NOMEM, ERROR_LIMIT (no file descriptors left),
 * ERROR_IO (the source address is not ours). There is no time-out here: the owner has timers.
 */
int io_connect(struct io_loop *loop, const struct io_endpoint *from, const struct io_endpoint *to,
               const struct io_stream_events *events, void *user, struct io_stream **ret_stream,
               struct error *error);
/* Copies. Order is kept. A write to a peer that went away shows as `closed` later. */
int io_stream_write(struct io_stream *stream, const char *bytes, size_t len);
/*
 * Start TLS on a connected stream; `secured` or `closed` follows. As client, server_name is the
 * SNI and the name to check (never required to verify); as server, server_name is NULL and the
 * loop's own self-made certificate is used. Bytes not yet delivered are treated as handshake bytes.
 */
int io_stream_start_tls(struct io_stream *stream, const char *server_name);
/* Send what was written, then close; no more callbacks. */
void io_stream_close(struct io_stream *stream);
/* Close at once with a reset, for the lab's hostile servers; no more callbacks. */
void io_stream_reset(struct io_stream *stream);
/* Stop and go on reading (back-pressure). */
void io_stream_pause(struct io_stream *stream, bool paused);
/* Family 0 when the connection is gone. */
struct io_endpoint io_stream_peer(const struct io_stream *stream);

/* --- listening: for the lab and the service ----------------------------------------------- */

/*
 * `accepted` gets a stream already connected; it must call io_stream_set_events at once or close
 * it.
 */
int io_listen(struct io_loop *loop, const struct io_endpoint *at,
              void (*accepted)(void *user, struct io_stream *stream), void *user,
              struct io_listener **ret_listener, struct error *error);
void io_listener_close(struct io_listener *listener);
struct io_endpoint io_listener_endpoint(const struct io_listener *listener);
void io_stream_set_events(struct io_stream *stream, const struct io_stream_events *events,
                          void *user);

/* --- foreign file descriptors (c-ares, UDP): the real loop only ---------------------------- */

enum io_watch_events {
    IO_READABLE = 1,
    IO_WRITABLE = 2,
};

/* ERROR_USAGE on a simulated loop. The descriptor stays the caller's. */
int io_watch_start(struct io_loop *loop, int fd, unsigned events,
                   void (*ready)(void *user, unsigned events), void *user,
                   struct io_watch **ret_watch);
int io_watch_change(struct io_watch *watch, unsigned events);
void io_watch_stop(struct io_watch *watch); /* frees; call before closing the descriptor */

/* --- for implementations ------------------------------------------------------------------- */

struct io_loop_ops {
    uint64_t (*now_ms)(struct io_loop *loop);
    int64_t (*unix_ms)(struct io_loop *loop);
    void (*run)(struct io_loop *loop);
    void (*stop)(struct io_loop *loop);
    void (*free)(struct io_loop *loop);
    int (*timer_start)(struct io_timer *timer, uint64_t at_ms);
    void (*timer_stop)(struct io_timer *timer);
    bool (*timer_is_running)(const struct io_timer *timer);
    int (*connect)(struct io_loop *loop, const struct io_endpoint *from,
                   const struct io_endpoint *to, const struct io_stream_events *events, void *user,
                   struct io_stream **ret_stream, struct error *error);
    int (*listen)(struct io_loop *loop, const struct io_endpoint *at,
                  void (*accepted)(void *user, struct io_stream *stream), void *user,
                  struct io_listener **ret_listener, struct error *error);
    void (*listener_close)(struct io_listener *listener);
    struct io_endpoint (*listener_endpoint)(const struct io_listener *listener);
    int (*stream_write)(struct io_stream *stream, const char *bytes, size_t len);
    int (*stream_start_tls)(struct io_stream *stream, const char *server_name);
    void (*stream_close)(struct io_stream *stream);
    void (*stream_reset)(struct io_stream *stream);
    void (*stream_pause)(struct io_stream *stream, bool paused);
    struct io_endpoint (*stream_peer)(const struct io_stream *stream);
    void (*stream_set_events)(struct io_stream *stream, const struct io_stream_events *events,
                              void *user);
    int (*watch_start)(struct io_loop *loop, int fd, unsigned events,
                       void (*ready)(void *user, unsigned events), void *user,
                       struct io_watch **ret_watch);
    int (*watch_change)(struct io_watch *watch, unsigned events);
    void (*watch_stop)(struct io_watch *watch);
};

/* First member of every implementation's loop, stream, listener and watch. */
struct io_loop {
    const struct io_loop_ops *ops;
};
struct io_stream {
    struct io_loop *loop;
};
struct io_listener {
    struct io_loop *loop;
};
struct io_watch {
    struct io_loop *loop;
};

#endif
