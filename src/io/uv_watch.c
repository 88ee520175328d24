/* Foreign file descriptors. */
#include "base/memory.h"
#include "io/uv_internal.h"

struct io_uv_watch {
    struct io_watch base;
    uv_poll_t poll;
    unsigned events;
    void (*ready)(void *user, unsigned events);
    void *user;
};

static void watch_on_closed(uv_handle_t *handle)
{
    memory_free(handle->data);
}

static int watch_arm(struct io_uv_watch *watch);

static void watch_on_ready(uv_poll_t *poll, int status, int uv_events)
{
    struct io_uv_watch *watch = poll->data;
    unsigned events = 0;

    io_uv_world_of(watch->base.loop)->wakes++;
    if (status < 0) {
        /* An error on the descriptor: libuv has stopped watching. The owner's read or write will
           find it; an owner that goes on watching wants to be told again. */
        events = watch->events;
        if (watch_arm(watch) != 0)
            return;
    } else {
        if (uv_events & UV_READABLE)
            events |= IO_READABLE;
        if (uv_events & UV_WRITABLE)
            events |= IO_WRITABLE;
    }
    watch->ready(watch->user, events);
}

static int watch_arm(struct io_uv_watch *watch)
{
    int uv_events = (watch->events & IO_READABLE ? UV_READABLE : 0) |
                    (watch->events & IO_WRITABLE ? UV_WRITABLE : 0);
    int rc = uv_events != 0 ? uv_poll_start(&watch->poll, uv_events, watch_on_ready)
                            : uv_poll_stop(&watch->poll);

    return rc == 0 ? 0 : io_uv_error_code(rc);
}

int io_uv_watch_start(struct io_loop *loop, int fd, unsigned events,
                      void (*ready)(void *user, unsigned events), void *user,
                      struct io_watch **ret_watch)
{
    struct io_uv_world *world = io_uv_world_of(loop);
    struct io_uv_watch *watch = memory_zalloc(1, sizeof(*watch));
    int rc;

    if (watch == NULL)
        return ERROR_NOMEM;
    watch->base.loop = loop;
    watch->events = events;
    watch->ready = ready;
    watch->user = user;
    rc = uv_poll_init(&world->uv, &watch->poll, fd);
    if (rc != 0) {
        memory_free(watch);
        return io_uv_error_code(rc);
    }
    watch->poll.data = watch;
    rc = watch_arm(watch);
    if (rc != 0) {
        uv_close((uv_handle_t *)&watch->poll, watch_on_closed);
        return rc;
    }
    world->watch_count++;
    *ret_watch = &watch->base;
    return 0;
}

int io_uv_watch_change(struct io_watch *base, unsigned events)
{
    struct io_uv_watch *watch = (struct io_uv_watch *)base;

    watch->events = events;
    return watch_arm(watch);
}

void io_uv_watch_stop(struct io_watch *base)
{
    struct io_uv_watch *watch = (struct io_uv_watch *)base;

    uv_poll_stop(&watch->poll);
    io_uv_world_of(base->loop)->watch_count--;
    uv_close((uv_handle_t *)&watch->poll, watch_on_closed);
}
