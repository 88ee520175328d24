/*
 * The set of streams: those that have a socket, and how the loop hears of them.
 *
 * One epoll descriptor of ours is watched by libuv like any other; what is ready in it is told to
 * the streams. A stream that waits costs its own 64 octets that way, where a handle of libuv takes
 * 160 to 250, and an event in an array of sixty-four costs no call of libuv. Watching is by level:
 * what a stream did not read is told again.
 *
 * Who drops a stream may stand in one of its functions, and its event may be in the array still:
 * it loses its socket at once and its memory before the loop next waits.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "io/uv_internal.h"

#define EVENTS_MAX 64

static unsigned events_of(uint32_t epoll_events)
{
    unsigned events = 0;

    /* An error or the end is for whoever reads or writes next to find. */
    if (epoll_events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        events |= IO_READABLE;
    if (epoll_events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
        events |= IO_WRITABLE;
    return events;
}

static void streams_on_ready(uv_poll_t *poll, int status, int uv_events)
{
    struct io_uv_world *world = poll->data;
    struct epoll_event ready[EVENTS_MAX];
    int count = epoll_wait(world->epoll, ready, EVENTS_MAX, 0);

    world->wakes++;
    io_uv_output_gather(world);
    for (int i = 0; i < count; i++) {
        struct io_uv_stream *stream = ready[i].data.ptr;

        if (stream->fd >= 0)
            io_uv_stream_ready(stream, events_of(ready[i].events));
    }
    io_uv_output_end_gathering(world);
}

/* Nothing of libuv's turn is on the stack of a stream now. */
static void streams_bury(uv_prepare_t *prepare)
{
    struct io_uv_world *world = prepare->data;

    while (world->dropped != NULL) {
        struct io_uv_stream *stream = world->dropped;

        world->dropped = stream->next_dropped;
        io_uv_stream_free(stream);
    }
}

int io_uv_streams_init(struct io_uv_world *world)
{
    int rc;

    world->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (world->epoll < 0)
        return -errno;
    rc = uv_poll_init(&world->uv, &world->poll, world->epoll);
    if (rc != 0) {
        close(world->epoll);
        return rc;
    }
    CHECK(uv_poll_start(&world->poll, UV_READABLE, streams_on_ready) == 0);
    uv_unref((uv_handle_t *)&world->poll);
    world->poll.data = world;
    uv_prepare_init(&world->uv, &world->prepare);
    uv_prepare_start(&world->prepare, streams_bury);
    uv_unref((uv_handle_t *)&world->prepare);
    world->prepare.data = world;
    list_init(&world->lingering);
    return 0;
}

void io_uv_streams_done(struct io_uv_world *world)
{
    while (!list_is_empty(&world->lingering))
        io_uv_stream_drop(
            LIST_ELEMENT(list_first(&world->lingering), struct io_uv_passage, in_lingering)
                ->stream);
    streams_bury(&world->prepare);
    CHECK(world->socket_count == 0);
    close(world->epoll);
}

void io_uv_streams_adopt(struct io_uv_stream *stream, int fd)
{
    struct io_uv_world *world = io_uv_world_of(stream->base.loop);

    stream->fd = fd;
    if (world->socket_count++ == 0)
        uv_ref((uv_handle_t *)&world->poll);
}

/* For nothing at all, still, a peer that went away is told again and again; by the edge, once. */
static uint32_t epoll_events_of(unsigned events)
{
    return (events & IO_READABLE ? EPOLLIN : 0u) | (events & IO_WRITABLE ? EPOLLOUT : 0u) |
           (events == 0 ? EPOLLET : 0u);
}

int io_uv_streams_watch(struct io_uv_stream *stream, unsigned events)
{
    struct io_uv_world *world = io_uv_world_of(stream->base.loop);
    struct epoll_event event = {.events = epoll_events_of(events), .data.ptr = stream};

    if (stream->is_watched && stream->watched == events)
        return 0;
    if (epoll_ctl(world->epoll, stream->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, stream->fd,
                  &event) != 0) {
        CHECK(!stream->is_watched); /* only taking a new one in needs memory */
        return -errno;
    }
    stream->is_watched = true;
    stream->watched = (uint8_t)events;
    return 0;
}

void io_uv_streams_remove(struct io_uv_stream *stream)
{
    struct io_uv_world *world = io_uv_world_of(stream->base.loop);

    if (stream->fd < 0)
        return;
    CHECK(!stream->has_gathered);
    /* A child between fork and exec may hold the socket open, and closing alone would not do. */
    if (stream->is_watched)
        (void)epoll_ctl(world->epoll, EPOLL_CTL_DEL, stream->fd, NULL);
    close(stream->fd);
    stream->fd = -1;
    if (--world->socket_count == 0)
        uv_unref((uv_handle_t *)&world->poll);
    stream->next_dropped = world->dropped;
    world->dropped = stream;
}
