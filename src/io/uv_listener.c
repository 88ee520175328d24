/* Listening sockets. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/uv_internal.h"

#define BACKLOG     1024
#define ACCEPTS_MAX 64 /* in a turn of the loop */
#define RETRY_MS    100

struct io_uv_listener {
    struct io_listener base;
    int fd; /* -1: closed */
    uv_poll_t poll;
    uv_timer_t retry; /* when there was no memory or descriptor: whoever came waits that long */
    void (*accepted)(void *user, struct io_stream *stream);
    void *user;
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
    uv_close((uv_handle_t *)&listener->poll, listener_on_closed);
    uv_close((uv_handle_t *)&listener->retry, listener_on_closed);
    close(listener->fd);
    listener->fd = -1;
}

static int listener_begin(struct io_uv_listener *listener);

static void listener_on_retry(uv_timer_t *retry)
{
    listener_begin(retry->data);
}

static void listener_rest(struct io_uv_listener *listener)
{
    uv_poll_stop(&listener->poll);
    uv_timer_start(&listener->retry, listener_on_retry, RETRY_MS, 0);
}

/* One that waits. 0, or libuv's number. */
static int listener_take(struct io_uv_listener *listener)
{
    struct io_uv_stream *stream;
    int rc = io_uv_stream_accept(io_uv_world_of(listener->base.loop), listener->fd, &stream);

    if (rc != 0)
        return rc;
    listener->accepted(listener->user, &stream->base);
    if (stream->state == IO_UV_OPEN)
        CHECK(stream->events != NULL &&
              stream->events->closed != NULL); /* io_stream_set_events was called, or close */
    return 0;
}

static void listener_on_ready(uv_poll_t *poll, int status, int uv_events)
{
    struct io_uv_listener *listener = poll->data;
    int rc = status;

    io_uv_world_of(listener->base.loop)->wakes++;
    for (unsigned i = 0; i < ACCEPTS_MAX && rc == 0 && listener->fd >= 0; i++) {
        rc = listener_take(listener);
        if (rc == UV_ECONNABORTED || rc == UV_EINTR) /* gone before we came */
            rc = 0;
    }
    if (rc != 0 && rc != UV_EAGAIN)
        listener_rest(listener);
}

static int listener_begin(struct io_uv_listener *listener)
{
    return uv_poll_start(&listener->poll, UV_READABLE, listener_on_ready);
}

/* A socket that listens, or libuv's number. */
static int listen_at(const struct io_endpoint *at)
{
    struct sockaddr_storage address;
    socklen_t len = io_uv_address_from_endpoint(at, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1, zero = 0, rc;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (address.ss_family == AF_INET6) /* "::" is for version 4 as well */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    if (bind(fd, (const struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

static int listener_init(struct io_uv_listener *listener, const struct io_endpoint *at)
{
    struct io_uv_world *world = io_uv_world_of(listener->base.loop);
    int rc;

    listener->fd = listen_at(at);
    if (listener->fd < 0)
        return listener->fd;
    rc = uv_poll_init(&world->uv, &listener->poll, listener->fd);
    if (rc != 0) {
        close(listener->fd);
        return rc;
    }
    uv_timer_init(&world->uv, &listener->retry);
    listener->poll.data = listener->retry.data = listener;
    CHECK(listener_begin(listener) == 0); /* fails only for a closing handle */
    return 0;
}

int io_uv_listener_open(struct io_loop *loop, const struct io_endpoint *at,
                        void (*accepted)(void *user, struct io_stream *stream), void *user,
                        struct io_listener **ret_listener, struct error *error)
{
    struct io_uv_listener *listener = memory_zalloc(1, sizeof(*listener));
    char text[IP_TEXT_SIZE];
    int rc;

    if (listener == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for a listening socket");
    listener->base.loop = loop;
    listener->accepted = accepted;
    listener->user = user;
    rc = listener_init(listener, at);
    if (rc != 0) {
        memory_free(listener);
        return error_set(error, rc == UV_EINVAL ? ERROR_IO : io_uv_error_code(rc),
                         "cannot listen on %s port %u: %s",
                         at->ip.family == 0 ? "0.0.0.0" : ip_format(&at->ip, text), at->port,
                         uv_strerror(rc));
    }
    io_uv_world_of(loop)->listener_count++;
    *ret_listener = &listener->base;
    return 0;
}

void io_uv_listener_close(struct io_listener *base)
{
    struct io_uv_listener *listener = (struct io_uv_listener *)base;

    io_uv_world_of(base->loop)->listener_count--;
    listener_drop(listener);
}

struct io_endpoint io_uv_listener_endpoint(const struct io_listener *base)
{
    const struct io_uv_listener *listener = (const struct io_uv_listener *)base;
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);

    (void)getsockname(listener->fd, (struct sockaddr *)&address, &len);
    return io_uv_address_to_endpoint(&address);
}
