/*
 * A TCP stream's life: connecting or accepted, open, closed by its owner or by the peer, gone.
 *
 * Callbacks come from the set of streams or a timer, so nothing calls back from inside a call;
 * what is known at once (no route) is told by the stream's timer on the next turn. Closing is
 * bounded: output that a peer does not take within LINGER_MS is dropped. A server side that closes
 * first shuts down its sending and reads what still comes, because a close with unread input resets
 * the connection and can destroy the last words before the peer has read them (RFC 1122 4.2.2.13).
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/uv_internal.h"

#define LINGER_MS 2000

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

_Static_assert(sizeof(struct io_uv_stream) <= 64, "idle connections are many");

static struct io_uv_world *stream_world(const struct io_uv_stream *stream)
{
    return io_uv_world_of(stream->base.loop);
}

/* --- passages ------------------------------------------------------------------------------ */

static void stream_on_timer(struct io_timer *timer);

/* NULL: no memory. */
static struct io_uv_passage *stream_begin_passage(struct io_uv_stream *stream)
{
    if (stream->passage != NULL)
        return stream->passage;
    stream->passage = memory_zalloc(1, sizeof(*stream->passage));
    if (stream->passage == NULL)
        return NULL;
    stream->passage->stream = stream;
    io_timer_init(stream->base.loop, &stream->passage->timer, stream_on_timer, stream);
    return stream->passage;
}

static void stream_end_passage(struct io_uv_stream *stream)
{
    if (stream->passage == NULL)
        return;
    io_timer_stop(&stream->passage->timer);
    memory_free(stream->passage);
    stream->passage = NULL;
}

static int stream_set_timer(struct io_uv_stream *stream, uint64_t delay_ms)
{
    struct io_uv_passage *passage = stream_begin_passage(stream);

    if (passage == NULL)
        return ERROR_NOMEM;
    return io_timer_start(&passage->timer, io_now_ms(stream->base.loop) + delay_ms);
}

static void stream_stop_timer(struct io_uv_stream *stream)
{
    if (stream->passage != NULL)
        io_timer_stop(&stream->passage->timer);
}

/* --- the end ------------------------------------------------------------------------------- */

void io_uv_stream_free(struct io_uv_stream *stream)
{
    stream_end_passage(stream);
    io_uv_output_free(stream);
    io_tls_session_free(stream->tls);
    memory_free(stream);
}

void io_uv_stream_drop(struct io_uv_stream *stream)
{
    if (stream->passage != NULL) {
        io_timer_stop(&stream->passage->timer);
        list_remove(&stream->passage->in_lingering);
    }
    io_uv_streams_remove(stream);
}

static bool stream_is_reading(const struct io_uv_stream *stream)
{
    if (stream->state == IO_UV_OPEN)
        return !stream->paused;
    return stream->state == IO_UV_CLOSED && stream->accepted && !stream->ended;
}

static bool is_want_of_memory(int uv_error)
{
    return uv_error == UV_ENOMEM || uv_error == UV_ENOBUFS;
}

/*
 * We lacked memory for something without which nothing sensible can follow. The peer knows nothing
 * of that: no end comes from there, and the owner has to hear of it from us.
 */
static bool stream_is_broken(const struct io_uv_stream *stream)
{
    return stream->state == IO_UV_OPEN && is_want_of_memory(stream->error);
}

/* After whatever changes what it waits for. Once it has been watched this can't fail. */
static int stream_watch(struct io_uv_stream *stream)
{
    bool is_writing = stream->outbox != NULL || stream->state == IO_UV_CONNECTING;

    if (stream->fd < 0)
        return 0;
    return io_uv_streams_watch(stream, (stream_is_reading(stream) ? IO_READABLE : 0u) |
                                           (is_writing ? IO_WRITABLE : 0u));
}

void io_uv_stream_broke(struct io_uv_stream *stream, int uv_error)
{
    stream->error = uv_error;
    if (stream_is_broken(stream)) /* its end is found then, which needs no memory */
        (void)shutdown(stream->fd, SHUT_RDWR);
}

void io_uv_stream_output_waits(struct io_uv_stream *stream)
{
    stream_watch(stream);
}

/* The owner may be done and everything is sent: leave, or wait for the peer to have read it. */
void io_uv_stream_output_drained(struct io_uv_stream *stream)
{
    if (stream->state == IO_UV_CLOSED && (!stream->accepted || stream->ended ||
                                          stream->error != 0 || shutdown(stream->fd, SHUT_WR) != 0))
        io_uv_stream_drop(stream);
    else
        stream_watch(stream);
}

/* Before its socket closes; the others' words go out with it. */
static void stream_say_all(struct io_uv_stream *stream)
{
    if (stream->has_gathered)
        io_uv_output_let_out(stream_world(stream));
}

/* The owner makes no more calls and gets none. */
static void stream_begin_close(struct io_uv_stream *stream)
{
    bool connecting = stream->state == IO_UV_CONNECTING;

    CHECK(stream->state != IO_UV_CLOSED);
    stream_say_all(stream);
    stream->state = IO_UV_CLOSED;
    stream->events = NULL;
    stream_world(stream)->stream_count--;
    if (connecting || stream->error != 0 || (!stream->accepted && stream->outbox == NULL) ||
        stream_set_timer(stream, LINGER_MS) != 0) {
        io_uv_stream_drop(stream);
        return;
    }
    list_append(&stream_world(stream)->lingering, &stream->passage->in_lingering);
    if (stream->outbox == NULL)
        io_uv_stream_output_drained(stream);
    else
        stream_watch(stream);
}

/* The connection is over: tell the owner and let go. */
static void stream_finish(struct io_uv_stream *stream, enum io_close_reason reason,
                          const char *detail)
{
    const struct io_stream_events *events = stream->events;
    void *user = stream->user;

    stream_begin_close(stream);
    if (events != NULL && events->closed != NULL)
        events->closed(user, reason, detail);
}

static enum io_close_reason reason_of(int uv_error, bool connecting)
{
    switch (uv_error) {
    case UV_ECONNREFUSED:
        return IO_CLOSED_REFUSED;
    case UV_ECONNRESET:
    case UV_EPIPE:
    case UV_ECONNABORTED:
        return IO_CLOSED_RESET;
    case UV_ENETUNREACH:
    case UV_EHOSTUNREACH:
    case UV_ENETDOWN:
    case UV_EHOSTDOWN:
    case UV_EACCES:
    case UV_EPERM:
    case UV_EAFNOSUPPORT:
    case UV_ENOPROTOOPT:
        return IO_CLOSED_UNREACHABLE;
    case UV_ETIMEDOUT: /* the system gave up before the owner did */
        return connecting ? IO_CLOSED_UNREACHABLE : IO_CLOSED_ERROR;
    default:
        return IO_CLOSED_ERROR;
    }
}

static void stream_fail(struct io_uv_stream *stream, int uv_error)
{
    bool connecting = stream->state == IO_UV_CONNECTING;
    enum io_close_reason reason = reason_of(uv_error, connecting);

    stream->error = uv_error;
    if (stream->tls != NULL && !io_tls_is_secured(stream->tls) && !is_want_of_memory(uv_error))
        stream_finish(stream, IO_CLOSED_TLS, "connection reset during the TLS handshake");
    else
        stream_finish(stream, reason, uv_strerror(uv_error));
}

/* --- reading ------------------------------------------------------------------------------- */

static void stream_send_tls_output(struct io_uv_stream *stream)
{
    struct slice output = io_tls_output(stream->tls);

    if (output.len > 0 && io_uv_output_send(stream, output.ptr, output.len) != 0)
        io_uv_stream_broke(stream, UV_ENOMEM); /* ciphertext with a gap is worth nothing */
    io_tls_output_done(stream->tls);
}

/* Deliver what TLS has, until it wants more or the owner stops us. */
static void stream_pump_tls(struct io_uv_stream *stream)
{
    struct io_uv_world *world = stream_world(stream);

    while (stream->state == IO_UV_OPEN && !stream->paused) {
        size_t len = 0;
        enum io_tls_event event =
            io_tls_advance(stream->tls, world->plain_buffer, sizeof(world->plain_buffer), &len);

        stream_send_tls_output(stream);
        switch (event) {
        case IO_TLS_WANTS_MORE:
            io_tls_rest(stream->tls);
            return;
        case IO_TLS_SECURED:
            if (stream->events != NULL && stream->events->secured != NULL)
                stream->events->secured(stream->user, io_tls_facts(stream->tls));
            break;
        case IO_TLS_DATA:
            if (stream->events != NULL && stream->events->received != NULL)
                stream->events->received(stream->user, world->plain_buffer, len);
            break;
        case IO_TLS_ENDED:
            stream_finish(stream, IO_CLOSED_BY_PEER, "closed by peer");
            return;
        case IO_TLS_FAILED:
            stream_finish(stream, IO_CLOSED_TLS, io_tls_failure(stream->tls));
            return;
        }
    }
}

static void stream_on_end(struct io_uv_stream *stream)
{
    stream->ended = true;
    if (stream_is_broken(stream))
        stream_fail(stream, stream->error);
    else if (stream->tls != NULL && !io_tls_is_secured(stream->tls))
        stream_finish(stream, IO_CLOSED_TLS, "connection closed during the TLS handshake");
    else if (stream->error != 0) /* writing had found out before */
        stream_fail(stream, stream->error);
    else
        stream_finish(stream, IO_CLOSED_BY_PEER, "closed by peer");
}

/* n: how many bytes, 0 for the end, or an error in libuv's numbers. */
static void stream_on_read(struct io_uv_stream *stream, const char *bytes, ssize_t n)
{
    if (stream->state == IO_UV_CLOSED) { /* lingering: only the end matters */
        if (n <= 0)
            io_uv_stream_drop(stream);
        return;
    }
    if (n <= 0 && stream->tls != NULL) { /* what it holds was sent before the end */
        stream_pump_tls(stream);
        if (stream->state != IO_UV_OPEN || stream->paused)
            return; /* paused: the end is found again when reading goes on */
    }
    if (n == 0) {
        stream_on_end(stream);
    } else if (n < 0) {
        stream_fail(stream, (int)n);
    } else if (stream->tls != NULL) {
        if (io_tls_feed(stream->tls, bytes, (size_t)n) != 0)
            stream_fail(stream, UV_ENOMEM);
        else
            stream_pump_tls(stream);
    } else if (stream->events != NULL && stream->events->received != NULL) {
        stream->events->received(stream->user, bytes, (size_t)n);
    }
}

static void stream_read(struct io_uv_stream *stream)
{
    struct io_uv_world *world = stream_world(stream);
    ssize_t n = recv(stream->fd, world->read_buffer, sizeof(world->read_buffer), 0);

    if (n >= 0)
        stream_on_read(stream, world->read_buffer, n);
    else if (errno != EAGAIN && errno != EINTR)
        stream_on_read(stream, NULL, -errno);
}

void io_uv_stream_pause(struct io_stream *base, bool paused)
{
    struct io_uv_stream *stream = (struct io_uv_stream *)base;

    if (stream->paused == paused)
        return;
    stream->paused = paused;
    if (stream->state != IO_UV_OPEN)
        return;
    stream_watch(stream);
    if (paused) {
        stream_stop_timer(stream);
        return;
    }
    /* TLS may hold plaintext for which no more ciphertext will come. */
    if (stream->tls != NULL && stream_set_timer(stream, 0) != 0)
        io_uv_stream_broke(stream, UV_ENOMEM);
}

/* --- the beginning ------------------------------------------------------------------------- */

static void stream_on_timer(struct io_timer *timer)
{
    struct io_uv_stream *stream = timer->user;

    switch (stream->state) {
    case IO_UV_CONNECTING:
        stream_fail(stream, stream->error);
        break;
    case IO_UV_OPEN:
        stream_end_passage(stream);
        stream_pump_tls(stream);
        break;
    default:
        io_uv_stream_drop(stream);
        break;
    }
}

static struct io_uv_stream *stream_new(struct io_uv_world *world)
{
    struct io_uv_stream *stream = memory_zalloc(1, sizeof(*stream));

    if (stream == NULL)
        return NULL;
    stream->base.loop = &world->base;
    stream->fd = -1;
    return stream;
}

static void stream_on_connected(struct io_uv_stream *stream)
{
    int code = 0;
    socklen_t len = sizeof(code);

    if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0)
        code = errno;
    if (code != 0) {
        stream_fail(stream, -code);
        return;
    }
    stream->state = IO_UV_OPEN;
    stream_end_passage(stream);
    io_uv_output_flush(stream);
    stream_watch(stream);
    if (stream->events != NULL && stream->events->connected != NULL)
        stream->events->connected(stream->user);
}

void io_uv_stream_ready(struct io_uv_stream *stream, unsigned events)
{
    if (stream->state == IO_UV_CONNECTING) {
        stream_on_connected(stream);
        return;
    }
    if ((events & IO_READABLE) && stream_is_reading(stream))
        stream_read(stream);
    if (stream->fd < 0 || !(events & IO_WRITABLE))
        return;
    if (stream_is_broken(stream))
        stream_fail(stream, stream->error);
    else
        io_uv_output_flush(stream);
}

/* Bind the source address; the port is chosen by connect, a free one for that very destination. */
static int stream_bind(struct io_uv_stream *stream, const struct io_endpoint *from,
                       struct error *error)
{
    struct sockaddr_storage address;
    char text[IP_TEXT_SIZE];
    socklen_t len = io_uv_address_from_endpoint(from, &address);
    int one = 1;

    if (from->port == 0)
        setsockopt(stream->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    if (bind(stream->fd, (const struct sockaddr *)&address, len) == 0)
        return 0;
    return error_set(error, errno == ENOMEM ? ERROR_NOMEM : ERROR_IO,
                     "cannot use the source address %s: %s", ip_format(&from->ip, text),
                     uv_strerror(-errno));
}

/* Ports of our own that ran out are our trouble; any other failure is the world's answer. */
static int stream_begin_connect(struct io_uv_stream *stream, const struct io_endpoint *to,
                                struct error *error)
{
    struct io_uv_passage *passage = stream_begin_passage(stream);
    struct sockaddr_storage address;
    socklen_t len = io_uv_address_from_endpoint(to, &address);
    int one = 1, rc;

    if (passage == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to connect");
    passage->to = *to;
    setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(stream->fd, (const struct sockaddr *)&address, len) == 0 || errno == EINPROGRESS ||
        errno == EINTR) {
        rc = stream_watch(stream);
        return rc == 0 ? 0
                       : error_set(error, ERROR_NOMEM, "no memory to connect: %s", uv_strerror(rc));
    }
    rc = -errno;
    if (rc == UV_EADDRNOTAVAIL || rc == UV_EADDRINUSE || rc == UV_EAGAIN)
        return error_set(error, ERROR_LIMIT, "no local port is free: %s", uv_strerror(rc));
    stream->error = rc;
    if (stream_set_timer(stream, 0) != 0)
        return error_set(error, ERROR_NOMEM, "no memory to connect");
    return 0;
}

int io_uv_stream_connect(struct io_loop *loop, const struct io_endpoint *from,
                         const struct io_endpoint *to, const struct io_stream_events *events,
                         void *user, struct io_stream **ret_stream, struct error *error)
{
    struct io_uv_world *world = io_uv_world_of(loop);
    struct io_uv_stream *stream = stream_new(world);
    int fd, rc;

    CHECK(to->ip.family == 4 || to->ip.family == 6);
    if (stream == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to connect");
    fd = socket(to->ip.family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                0);
    if (fd < 0) {
        rc = -errno;
        memory_free(stream);
        return error_set(error, io_uv_error_code(rc), "cannot make a socket: %s", uv_strerror(rc));
    }
    io_uv_streams_adopt(stream, fd);
    stream->events = events;
    stream->user = user;
    rc = from != NULL && from->ip.family != 0 ? stream_bind(stream, from, error) : 0;
    if (rc == 0)
        rc = stream_begin_connect(stream, to, error);
    if (rc != 0) {
        io_uv_stream_drop(stream);
        return rc;
    }
    world->stream_count++;
    *ret_stream = &stream->base;
    return 0;
}

int io_uv_stream_accept(struct io_uv_world *world, int listening_fd,
                        struct io_uv_stream **ret_stream)
{
    struct io_uv_stream *stream = stream_new(world);
    int fd, one = 1, rc;

    if (stream == NULL)
        return UV_ENOMEM;
    fd = accept4(listening_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        rc = -errno;
        memory_free(stream);
        return rc;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    io_uv_streams_adopt(stream, fd);
    stream->state = IO_UV_OPEN;
    stream->accepted = true;
    rc = stream_watch(stream);
    if (rc != 0) {
        io_uv_stream_drop(stream);
        return rc;
    }
    world->stream_count++;
    *ret_stream = stream;
    return 0;
}

/* --- the owner's calls --------------------------------------------------------------------- */

int io_uv_stream_write(struct io_stream *base, const char *bytes, size_t len)
{
    struct io_uv_stream *stream = (struct io_uv_stream *)base;
    int rc;

    CHECK(stream->state != IO_UV_CLOSED);
    if (stream->tls == NULL)
        return io_uv_output_send(stream, bytes, len);
    rc = io_tls_write(stream->tls, bytes, len);
    stream_send_tls_output(stream);
    return rc == ERROR_IO ? 0 : rc; /* a failed session shows as closed */
}

int io_uv_stream_start_tls(struct io_stream *base, const char *server_name)
{
    struct io_uv_stream *stream = (struct io_uv_stream *)base;
    struct io_uv_world *world = stream_world(stream);
    int rc;

    CHECK(stream->state == IO_UV_OPEN && stream->tls == NULL);
    if (world->tls == NULL)
        world->tls = io_tls_context_new(NULL);
    if (world->tls == NULL)
        return ERROR_INTERNAL;
    rc = io_tls_session_new(world->tls, server_name, &stream->tls);
    if (rc == 0)
        stream_send_tls_output(stream);
    return rc;
}

void io_uv_stream_close(struct io_stream *base)
{
    struct io_uv_stream *stream = (struct io_uv_stream *)base;

    if (stream->tls != NULL && stream->state == IO_UV_OPEN) {
        io_tls_shutdown(stream->tls);
        stream_send_tls_output(stream);
    }
    stream_begin_close(stream);
}

void io_uv_stream_reset(struct io_stream *base)
{
    struct io_uv_stream *stream = (struct io_uv_stream *)base;

    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    CHECK(stream->state != IO_UV_CLOSED);
    stream_say_all(stream);
    stream->state = IO_UV_CLOSED;
    stream->events = NULL;
    stream_world(stream)->stream_count--;
    setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    io_uv_stream_drop(stream);
}

struct io_endpoint io_uv_stream_peer(const struct io_stream *base)
{
    const struct io_uv_stream *stream = (const struct io_uv_stream *)base;
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);

    if (stream->state == IO_UV_CONNECTING)
        return stream->passage->to;
    if (getpeername(stream->fd, (struct sockaddr *)&address, &len) != 0)
        return (struct io_endpoint){0};
    return io_uv_address_to_endpoint(&address);
}

void io_uv_stream_set_events(struct io_stream *base, const struct io_stream_events *events,
                             void *user)
{
    struct io_uv_stream *stream = (struct io_uv_stream *)base;

    stream->events = events;
    stream->user = user;
}
