/* The thin dispatch from io/loop.h to whichever world is behind it. */
#include "io/loop.h"

#include <string.h>

#include "base/check.h"

uint64_t io_now_ms(struct io_loop *loop)
{
    return loop->ops->now_ms(loop);
}

int64_t io_unix_ms(struct io_loop *loop)
{
    return loop->ops->unix_ms(loop);
}

void io_loop_run(struct io_loop *loop)
{
    loop->ops->run(loop);
}

void io_loop_stop(struct io_loop *loop)
{
    loop->ops->stop(loop);
}

void io_loop_free(struct io_loop *loop)
{
    if (loop != NULL)
        loop->ops->free(loop);
}

void io_timer_init(struct io_loop *loop, struct io_timer *timer,
                   void (*fire)(struct io_timer *timer), void *user)
{
    memset(timer, 0, sizeof(*timer));
    timer->loop = loop;
    timer->fire = fire;
    timer->user = user;
}

int io_timer_start(struct io_timer *timer, uint64_t at_ms)
{
    CHECK(timer->loop != NULL && timer->fire != NULL);
    return timer->loop->ops->timer_start(timer, at_ms);
}

void io_timer_stop(struct io_timer *timer)
{
    if (timer->loop != NULL) /* a timer never initialised is a stopped one */
        timer->loop->ops->timer_stop(timer);
}

bool io_timer_is_running(const struct io_timer *timer)
{
    return timer->loop != NULL && timer->loop->ops->timer_is_running(timer);
}

const char *io_close_reason_name(enum io_close_reason reason)
{
    switch (reason) {
    case IO_CLOSED_BY_PEER:
        return "closed by peer";
    case IO_CLOSED_RESET:
        return "connection reset";
    case IO_CLOSED_REFUSED:
        return "connection refused";
    case IO_CLOSED_UNREACHABLE:
        return "unreachable";
    case IO_CLOSED_TLS:
        return "TLS failure";
    case IO_CLOSED_ERROR:
        return "error";
    }
    return "error";
}

int io_connect(struct io_loop *loop, const struct io_endpoint *from, const struct io_endpoint *to,
               const struct io_stream_events *events, void *user, struct io_stream **ret_stream,
               struct error *error)
{
    return loop->ops->connect(loop, from, to, events, user, ret_stream, error);
}

int io_stream_write(struct io_stream *stream, const char *bytes, size_t len)
{
    return stream->loop->ops->stream_write(stream, bytes, len);
}

int io_stream_start_tls(struct io_stream *stream, const char *server_name)
{
    return stream->loop->ops->stream_start_tls(stream, server_name);
}

void io_stream_close(struct io_stream *stream)
{
    stream->loop->ops->stream_close(stream);
}

void io_stream_reset(struct io_stream *stream)
{
    stream->loop->ops->stream_reset(stream);
}

void io_stream_pause(struct io_stream *stream, bool paused)
{
    stream->loop->ops->stream_pause(stream, paused);
}

struct io_endpoint io_stream_peer(const struct io_stream *stream)
{
    return stream->loop->ops->stream_peer(stream);
}

int io_listen(struct io_loop *loop, const struct io_endpoint *at,
              void (*accepted)(void *user, struct io_stream *stream), void *user,
              struct io_listener **ret_listener, struct error *error)
{
    return loop->ops->listen(loop, at, accepted, user, ret_listener, error);
}

void io_listener_close(struct io_listener *listener)
{
    listener->loop->ops->listener_close(listener);
}

struct io_endpoint io_listener_endpoint(const struct io_listener *listener)
{
    return listener->loop->ops->listener_endpoint(listener);
}

void io_stream_set_events(struct io_stream *stream, const struct io_stream_events *events,
                          void *user)
{
    stream->loop->ops->stream_set_events(stream, events, user);
}

int io_watch_start(struct io_loop *loop, int fd, unsigned events,
                   void (*ready)(void *user, unsigned events), void *user,
                   struct io_watch **ret_watch)
{
    return loop->ops->watch_start(loop, fd, events, ready, user, ret_watch);
}

int io_watch_change(struct io_watch *watch, unsigned events)
{
    return watch->loop->ops->watch_change(watch, events);
}

void io_watch_stop(struct io_watch *watch)
{
    watch->loop->ops->watch_stop(watch);
}
