/* Listening sockets. */
#include "base/check.h"
#include "base/memory.h"
#include "io/uv_internal.h"

#define BACKLOG  1024
#define RETRY_MS 100

struct io_uv_listener {
    struct io_listener base;
    uv_tcp_t tcp;
    uv_timer_t retry; /* when there was no memory for a stream: libuv waits until we take it */
    void (*accepted)(void *user, struct io_stream *stream);
    void *user;
    bool closed;
    int handles; /* still to be closed, once it is */
};

static void listener_on_closed(uv_handle_t *handle)
{
    struct io_uv_listener *listener = handle->data;

    if (--listener->handles == 0)
        memory_free(listener);
}

static void listener_drop(struct io_uv_listener *listener)
{
    listener->handles = 2;
    uv_close((uv_handle_t *)&listener->tcp, listener_on_closed);
    uv_close((uv_handle_t *)&listener->retry, listener_on_closed);
}

static void listener_on_retry(uv_timer_t *retry);

static void listener_take(struct io_uv_listener *listener)
{
    struct io_uv_world *world = io_uv_world_of(listener->base.loop);
    struct io_uv_stream *stream;
    int rc = io_uv_stream_accept(world, (uv_stream_t *)&listener->tcp, &stream);

    world->wakes++;
    if (rc == ERROR_NOMEM)
        uv_timer_start(&listener->retry, listener_on_retry, RETRY_MS, 0);
    if (rc != 0)
        return;
    listener->accepted(listener->user, &stream->base);
    if (stream->state == IO_UV_OPEN) {
        CHECK(stream->events != NULL &&
              stream->events->closed != NULL); /* io_stream_set_events was called, or close */
        io_uv_stream_begin_reading(stream);
    }
}

static void listener_on_retry(uv_timer_t *retry)
{
    struct io_uv_listener *listener = retry->data;

    if (!listener->closed)
        listener_take(listener);
}

static void listener_on_connection(uv_stream_t *server, int status)
{
    struct io_uv_listener *listener = server->data;

    /* Below 0: out of descriptors, or the peer was gone before we came. Nothing to tell. */
    if (status == 0 && !listener->closed)
        listener_take(listener);
}

int io_uv_listener_open(struct io_loop *loop, const struct io_endpoint *at,
                        void (*accepted)(void *user, struct io_stream *stream), void *user,
                        struct io_listener **ret_listener, struct error *error)
{
    struct io_uv_world *world = io_uv_world_of(loop);
    struct io_uv_listener *listener = memory_zalloc(1, sizeof(*listener));
    struct sockaddr_storage address;
    char text[IP_TEXT_SIZE];
    int rc;

    if (listener == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for a listening socket");
    rc = uv_tcp_init(&world->uv, &listener->tcp);
    if (rc != 0) {
        memory_free(listener);
        return error_set(error, io_uv_error_code(rc), "cannot make a socket: %s", uv_strerror(rc));
    }
    uv_timer_init(&world->uv, &listener->retry);
    listener->base.loop = loop;
    listener->tcp.data = listener->retry.data = listener;
    listener->accepted = accepted;
    listener->user = user;
    io_uv_address_from_endpoint(at, &address);
    rc = uv_tcp_bind(&listener->tcp, (const struct sockaddr *)&address, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, listener_on_connection);
    if (rc != 0) {
        listener_drop(listener);
        return error_set(error, rc == UV_EINVAL ? ERROR_IO : io_uv_error_code(rc),
                         "cannot listen on %s port %u: %s",
                         at->ip.family == 0 ? "0.0.0.0" : ip_format(&at->ip, text), at->port,
                         uv_strerror(rc));
    }
    world->listener_count++;
    *ret_listener = &listener->base;
    return 0;
}

void io_uv_listener_close(struct io_listener *base)
{
    struct io_uv_listener *listener = (struct io_uv_listener *)base;

    listener->closed = true;
    io_uv_world_of(base->loop)->listener_count--;
    listener_drop(listener);
}

struct io_endpoint io_uv_listener_endpoint(const struct io_listener *base)
{
    const struct io_uv_listener *listener = (const struct io_uv_listener *)base;
    struct sockaddr_storage address = {0};
    int len = sizeof(address);

    uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&address, &len);
    return io_uv_address_to_endpoint(&address);
}
