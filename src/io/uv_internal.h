/*
 * What the files behind io/uv_loop.h share: the loop, a stream, and their joints.
 *
 * One uv_timer drives all our timers through a heap, because a uv_timer_t does not fit into an
 * io_timer and most timers are stopped before they fire. What is due already comes by an idle
 * handle: a uv_timer of no delay that is started again from its own callback rings again before
 * libuv (1.44) has looked at any socket. One read buffer serves all streams: bytes
 * are valid during the callback only. A stream is as small as it can be while idle: it has a socket
 * in a set of ours instead of a handle of libuv (uv_streams.c); buffers for output exist only while
 * the kernel refuses to take more, and what is needed only at the beginning and at the end only
 * then. Errors of the system are libuv's numbers and words (UV_EPIPE is -EPIPE).
 */
#ifndef MK_IO_UV_INTERNAL_H
#define MK_IO_UV_INTERNAL_H

#include <uv.h>

#include "base/buffer.h"
#include "base/heap.h"
#include "base/list.h"
#include "io/loop.h"
#include "io/tls.h"
#include "io/uv_loop.h"

#define IO_UV_SIGNALS_MAX   8
#define IO_UV_GATHERED_MAX  64
#define IO_UV_GATHERED_SIZE 65536

struct io_uv_signal_slot {
    uv_signal_t signal;
    int number; /* 0: free */
    void (*handler)(void *user, int signal_number);
    void *user;
};

/*
 * What streams have to say while many events of a turn are told: it goes out when all are, one
 * after the other. To read, to think and to send by turns costs more: each evicts the others from
 * the processor's caches, and a peer that has fallen asleep meanwhile is woken for every word.
 */
struct io_uv_gathered {
    bool is_open; /* what is said now is gathered */
    unsigned count;
    struct io_uv_said {
        struct io_uv_stream *stream;
        uint32_t start, len;    /* in bytes */
    } said[IO_UV_GATHERED_MAX]; /* first said first */
    uint32_t used;
    char bytes[IO_UV_GATHERED_SIZE];
};

struct io_uv_world {
    struct io_loop base;
    uv_loop_t uv;
    uv_timer_t timer;
    uv_idle_t idle; /* runs while a timer is due already */
    struct heap timers;
    int epoll;            /* the set of streams */
    uv_poll_t poll;       /* looks at it; keeps the loop running while there is a socket */
    uv_prepare_t prepare; /* before the loop waits: frees those that were dropped */
    size_t socket_count;
    struct io_uv_stream *dropped;
    struct list lingering;      /* passages of streams whose owners are done with them */
    struct io_tls_context *tls; /* NULL until the first handshake */
    struct io_uv_signal_slot signals[IO_UV_SIGNALS_MAX];
    size_t stream_count, listener_count, watch_count; /* that their owners have not closed */
    uint64_t wakes;                                   /* callbacks that libuv has made */
    bool restless;                                    /* a turn ended with more to do */
    char read_buffer[65536];
    char plain_buffer[16384]; /* of TLS: one record */
    struct io_uv_gathered gathered;
};

/* Output that the kernel would not take yet. */
struct io_uv_outbox {
    struct buffer bytes;
    size_t sent; /* of them */
};

enum io_uv_stream_state {
    IO_UV_CONNECTING,
    IO_UV_OPEN,
    IO_UV_CLOSED, /* its owner is done with it; what was written still goes out */
};

/* What a stream has while it is connecting, closing, or about to go on after a pause. */
struct io_uv_passage {
    struct io_uv_stream *stream;
    struct io_timer timer;         /* connecting: tell of a failure; open: go on; closed: give up */
    struct io_endpoint to;         /* connecting */
    struct list_node in_lingering; /* closed */
};

struct io_uv_stream {
    struct io_stream base;
    const struct io_stream_events *events; /* NULL: its owner is done with it */
    union {
        void *user;
        struct io_uv_stream *next_dropped; /* fd is -1 */
    };
    struct io_uv_outbox *outbox;
    struct io_tls_session *tls;
    struct io_uv_passage *passage; /* NULL: it just is */
    int fd;                        /* -1: dropped */
    int error;                     /* why connecting failed, or writing */
    uint8_t state;                 /* enum io_uv_stream_state */
    uint8_t watched;               /* what is waited for, if it is_watched at all */
    bool accepted : 1, paused : 1, ended : 1, is_watched : 1;
    bool has_gathered : 1; /* something of it is in the world's */
};

static inline struct io_uv_world *io_uv_world_of(struct io_loop *loop)
{
    return (struct io_uv_world *)loop;
}

/* uv_loop.c */
int io_uv_error_code(int uv_error); /* enum error_code */

/* uv_stream.c */
int io_uv_stream_connect(struct io_loop *loop, const struct io_endpoint *from,
                         const struct io_endpoint *to, const struct io_stream_events *events,
                         void *user, struct io_stream **ret_stream, struct error *error);
/*
 * Accept what waits at a listening socket. 0; of libuv's numbers: UV_ENOMEM (it still waits),
 * UV_EAGAIN (nobody waits), or what else accept(2) says.
 */
int io_uv_stream_accept(struct io_uv_world *world, int listening_fd,
                        struct io_uv_stream **ret_stream);
int io_uv_stream_write(struct io_stream *base, const char *bytes, size_t len);
int io_uv_stream_start_tls(struct io_stream *base, const char *server_name);
void io_uv_stream_close(struct io_stream *base);
void io_uv_stream_reset(struct io_stream *base);
void io_uv_stream_pause(struct io_stream *base, bool paused);
struct io_endpoint io_uv_stream_peer(const struct io_stream *base);
void io_uv_stream_set_events(struct io_stream *base, const struct io_stream_events *events,
                             void *user);
void io_uv_stream_ready(struct io_uv_stream *stream, unsigned events);
void io_uv_stream_drop(struct io_uv_stream *stream); /* at once, whatever still waits */
void io_uv_stream_free(struct io_uv_stream *stream); /* for the set: it was dropped */

/* uv_streams.c */
int io_uv_streams_init(struct io_uv_world *world); /* 0, or libuv's number */
void io_uv_streams_done(struct io_uv_world *world);
void io_uv_streams_adopt(struct io_uv_stream *stream, int fd); /* from here on it must be dropped */
/* enum io_watch_events. 0, or libuv's number, which only the first time for a stream can give. */
int io_uv_streams_watch(struct io_uv_stream *stream, unsigned events);
/* Close the socket; the stream is freed before the loop next waits. No-op when it was dropped. */
void io_uv_streams_remove(struct io_uv_stream *stream);

/* uv_output.c: what goes to the kernel */
int io_uv_output_send(struct io_uv_stream *stream, const char *bytes, size_t len);
void io_uv_output_flush(struct io_uv_stream *stream);
void io_uv_output_free(struct io_uv_stream *stream);
/* Gather from now on; and let all that is gathered out, for a while or for good. */
void io_uv_output_gather(struct io_uv_world *world);
void io_uv_output_let_out(struct io_uv_world *world);
void io_uv_output_end_gathering(struct io_uv_world *world);
/* Nothing can be sent any more; where it was for want of memory the owner is told in the next turn.
 */
void io_uv_stream_broke(struct io_uv_stream *stream, int uv_error);
/* The stream's side: something waits now; and everything waiting has gone, or never will. */
void io_uv_stream_output_waits(struct io_uv_stream *stream);
void io_uv_stream_output_drained(struct io_uv_stream *stream);

/* uv_listener.c */
int io_uv_listener_open(struct io_loop *loop, const struct io_endpoint *at,
                        void (*accepted)(void *user, struct io_stream *stream), void *user,
                        struct io_listener **ret_listener, struct error *error);
void io_uv_listener_close(struct io_listener *base);
struct io_endpoint io_uv_listener_endpoint(const struct io_listener *base);

/* uv_watch.c */
int io_uv_watch_start(struct io_loop *loop, int fd, unsigned events,
                      void (*ready)(void *user, unsigned events), void *user,
                      struct io_watch **ret_watch);
int io_uv_watch_change(struct io_watch *base, unsigned events);
void io_uv_watch_stop(struct io_watch *base);

/* uv_address.c */
socklen_t io_uv_address_from_endpoint(const struct io_endpoint *endpoint,
                                      struct sockaddr_storage *ret_address);
struct io_endpoint io_uv_address_to_endpoint(const struct sockaddr_storage *address);

#endif
