/*
 * A TCP stream's life: connecting or accepted, open, closed by its owner or by the peer, gone.
 *
 * Callbacks come from libuv's, and libuv's from uv_run, so nothing calls back from inside a call;
 * what is known at once (no route) is told by the stream's timer on the next turn. Closing is
 * bounded: output that a peer does not take within LINGER_MS is dropped. A server side that closes
 * first shuts down its sending and reads what still comes, because a close with unread input resets
 * the connection and can destroy the last words before the peer has read them (RFC 1122 4.2.2.13).
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/uv_internal.h"

#define LINGER_MS 2000

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

_Static_assert(sizeof(struct io_uv_stream) <= 304, "idle connections are many");

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
    if (stream->passage != NULL)
        io_timer_init(stream->base.loop, &stream->passage->timer, stream_on_timer, stream);
    return stream->passage;
}

/* No request of it may be under way. */
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

void io_uv_stream_on_closed(uv_handle_t *handle)
{
    struct io_uv_stream *stream = handle->data;

    stream_end_passage(stream);
    io_uv_output_free(stream);
    io_tls_session_free(stream->tls);
    memory_free(stream);
}

static void stream_drop(struct io_uv_stream *stream)
{
    stream_stop_timer(stream);
    if (!uv_is_closing((uv_handle_t *)&stream->tcp))
        uv_close((uv_handle_t *)&stream->tcp, io_uv_stream_on_closed);
}

static void stream_on_shutdown(uv_shutdown_t *request, int status)
{
    struct io_uv_stream *stream = request->data;

    if (status < 0 && !uv_is_closing((uv_handle_t *)&stream->tcp))
        stream_drop(stream);
}

/* The owner is done and everything is sent: leave, or wait for the peer to have read it. */
void io_uv_stream_output_drained(struct io_uv_stream *stream)
{
    struct io_uv_passage *passage;

    if (stream->state != IO_UV_CLOSED)
        return;
    if (!stream->accepted || stream->ended || stream->error != 0) {
        stream_drop(stream);
        return;
    }
    passage = stream_begin_passage(stream);
    if (passage == NULL) {
        stream_drop(stream);
        return;
    }
    passage->request.shutdown.data = stream;
    if (uv_shutdown(&passage->request.shutdown, (uv_stream_t *)&stream->tcp, stream_on_shutdown) !=
        0)
        stream_drop(stream);
}

/* The owner makes no more calls and gets none. */
static void stream_begin_close(struct io_uv_stream *stream)
{
    bool connecting = stream->state == IO_UV_CONNECTING;

    CHECK(stream->state != IO_UV_CLOSED);
    stream->state = IO_UV_CLOSED;
    stream->events = NULL;
    stream_world(stream)->stream_count--;
    if (connecting || stream->error != 0 || (!stream->accepted && stream->outbox == NULL) ||
        stream_set_timer(stream, LINGER_MS) != 0) {
        stream_drop(stream);
        return;
    }
    if (!stream->accepted || stream->ended)
        uv_read_stop((uv_stream_t *)&stream->tcp);
    else
        io_uv_stream_begin_reading(stream);
    if (stream->outbox == NULL)
        io_uv_stream_output_drained(stream);
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
    if (stream->tls != NULL && !io_tls_is_secured(stream->tls))
        stream_finish(stream, IO_CLOSED_TLS, "connection reset during the TLS handshake");
    else
        stream_finish(stream, reason, uv_strerror(uv_error));
}

/* --- reading ------------------------------------------------------------------------------- */

static void stream_send_tls_output(struct io_uv_stream *stream)
{
    struct slice output = io_tls_output(stream->tls);

    if (output.len > 0 && io_uv_output_send(stream, output.ptr, output.len) != 0)
        stream->error = UV_ENOMEM; /* ciphertext with a gap is worth nothing */
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
    if (stream->tls != NULL && !io_tls_is_secured(stream->tls))
        stream_finish(stream, IO_CLOSED_TLS, "connection closed during the TLS handshake");
    else if (stream->error != 0) /* writing had found out before */
        stream_fail(stream, stream->error);
    else
        stream_finish(stream, IO_CLOSED_BY_PEER, "closed by peer");
}

static void stream_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct io_uv_world *world = stream_world(handle->data);

    *ret_buf = uv_buf_init(world->read_buffer, sizeof(world->read_buffer));
}

static void stream_on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
    struct io_uv_stream *stream = handle->data;

    stream_world(stream)->wakes++;
    if (n == 0)
        return;
    if (stream->state == IO_UV_CLOSED) { /* lingering: only the end matters */
        if (n < 0)
            stream_drop(stream);
        return;
    }
    if (n < 0 && stream->tls != NULL) { /* what it holds was sent before the end */
        stream_pump_tls(stream);
        if (stream->state != IO_UV_OPEN || stream->paused)
            return; /* paused: the end is found again when reading goes on */
    }
    if (n == UV_EOF) {
        stream_on_end(stream);
    } else if (n < 0) {
        stream_fail(stream, (int)n);
    } else if (stream->tls != NULL) {
        if (io_tls_feed(stream->tls, buf->base, (size_t)n) != 0)
            stream_fail(stream, UV_ENOMEM);
        else
            stream_pump_tls(stream);
    } else if (stream->events != NULL && stream->events->received != NULL) {
        stream->events->received(stream->user, buf->base, (size_t)n);
    }
}

void io_uv_stream_begin_reading(struct io_uv_stream *stream)
{
    if (stream->paused && stream->state == IO_UV_OPEN)
        return;
    if (!uv_is_closing((uv_handle_t *)&stream->tcp)) /* UV_EALREADY is as good */
        uv_read_start((uv_stream_t *)&stream->tcp, stream_on_alloc, stream_on_read);
}

void io_uv_stream_pause(struct io_stream *base, bool paused)
{
    struct io_uv_stream *stream = (struct io_uv_stream *)base;

    if (stream->paused == paused)
        return;
    stream->paused = paused;
    if (stream->state != IO_UV_OPEN)
        return;
    if (paused) {
        uv_read_stop((uv_stream_t *)&stream->tcp);
        stream_stop_timer(stream);
        return;
    }
    io_uv_stream_begin_reading(stream);
    /* TLS may hold plaintext for which no more ciphertext will come. */
    if (stream->tls != NULL && stream_set_timer(stream, 0) != 0)
        stream->error = UV_ENOMEM;
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
        stream_drop(stream);
        break;
    }
}

static struct io_uv_stream *stream_new(struct io_uv_world *world)
{
    struct io_uv_stream *stream = memory_zalloc(1, sizeof(*stream));

    if (stream == NULL)
        return NULL;
    stream->base.loop = &world->base;
    return stream;
}

static void stream_on_connected(uv_connect_t *request, int status)
{
    struct io_uv_stream *stream = request->data;

    stream_world(stream)->wakes++;
    if (uv_is_closing((uv_handle_t *)&stream->tcp))
        return;
    if (status < 0) {
        stream_fail(stream, status);
        return;
    }
    stream->state = IO_UV_OPEN;
    stream_end_passage(stream);
    io_uv_stream_begin_reading(stream);
    if (io_uv_output_flush(stream) != 0)
        stream->error = UV_ENOMEM;
    if (stream->events != NULL && stream->events->connected != NULL)
        stream->events->connected(stream->user);
}

/* Bind the source address; the port is chosen by connect, a free one for that very destination. */
static int stream_bind(struct io_uv_stream *stream, const struct io_endpoint *from,
                       struct error *error)
{
    struct sockaddr_storage address;
    char text[IP_TEXT_SIZE];
    uv_os_fd_t fd;
    int one = 1, rc;

    if (from->port == 0 && uv_fileno((uv_handle_t *)&stream->tcp, &fd) == 0)
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    io_uv_address_from_endpoint(from, &address);
    rc = uv_tcp_bind(&stream->tcp, (const struct sockaddr *)&address, 0);
    if (rc == 0)
        return 0;
    return error_set(error, rc == UV_ENOMEM ? ERROR_NOMEM : ERROR_IO,
                     "cannot use the source address %s: %s", ip_format(&from->ip, text),
                     uv_strerror(rc));
}

/* Ports of our own that ran out are our trouble; any other failure is the world's answer. */
static int stream_begin_connect(struct io_uv_stream *stream, const struct io_endpoint *to,
                                struct error *error)
{
    struct io_uv_passage *passage = stream_begin_passage(stream);
    struct sockaddr_storage address;
    int rc;

    if (passage == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to connect");
    io_uv_address_from_endpoint(to, &address);
    uv_tcp_nodelay(&stream->tcp, 1);
    passage->to = *to;
    passage->request.connect.data = stream;
    rc = uv_tcp_connect(&passage->request.connect, &stream->tcp, (const struct sockaddr *)&address,
                        stream_on_connected);
    if (rc == 0)
        return 0;
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
    int rc;

    CHECK(to->ip.family == 4 || to->ip.family == 6);
    if (stream == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to connect");
    rc = uv_tcp_init_ex(&world->uv, &stream->tcp, to->ip.family == 4 ? AF_INET : AF_INET6);
    if (rc != 0) {
        memory_free(stream);
        return error_set(error, io_uv_error_code(rc), "cannot make a socket: %s", uv_strerror(rc));
    }
    stream->tcp.data = stream;
    stream->events = events;
    stream->user = user;
    rc = from != NULL && from->ip.family != 0 ? stream_bind(stream, from, error) : 0;
    if (rc == 0)
        rc = stream_begin_connect(stream, to, error);
    if (rc != 0) {
        stream_drop(stream);
        return rc;
    }
    world->stream_count++;
    *ret_stream = &stream->base;
    return 0;
}

int io_uv_stream_accept(struct io_uv_world *world, uv_stream_t *server,
                        struct io_uv_stream **ret_stream)
{
    struct io_uv_stream *stream = stream_new(world);

    if (stream == NULL)
        return ERROR_NOMEM;
    uv_tcp_init(&world->uv, &stream->tcp); /* makes no socket: cannot fail */
    stream->tcp.data = stream;
    stream->state = IO_UV_OPEN;
    stream->accepted = true;
    if (uv_accept(server, (uv_stream_t *)&stream->tcp) != 0) {
        stream_drop(stream);
        return ERROR_IO;
    }
    uv_tcp_nodelay(&stream->tcp, 1);
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

    CHECK(stream->state != IO_UV_CLOSED);
    stream->state = IO_UV_CLOSED;
    stream_world(stream)->stream_count--;
    stream_stop_timer(stream);
    if (uv_tcp_close_reset(&stream->tcp, io_uv_stream_on_closed) != 0)
        stream_drop(stream);
}

struct io_endpoint io_uv_stream_peer(const struct io_stream *base)
{
    const struct io_uv_stream *stream = (const struct io_uv_stream *)base;
    struct sockaddr_storage address = {0};
    int len = sizeof(address);

    if (stream->state == IO_UV_CONNECTING)
        return stream->passage->to;
    if (uv_tcp_getpeername(&stream->tcp, (struct sockaddr *)&address, &len) != 0)
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
