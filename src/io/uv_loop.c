/* The loop itself: clock, timers, signals, life and death. */
#include "io/uv_loop.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/uv_internal.h"

#define SOCKETS_RESERVE 64 /* for files, the store, the resolver, standard streams */
#define SOCKETS_MIN     16
#define SOCKETS_MAX     1000000
#define FILES_WISH      1048576 /* raise the soft limit up to this at most */

/* A timer's place in the heap lies in its slots. */
_Static_assert(sizeof(struct heap_node) <= sizeof(((struct io_timer *)0)->slots),
               "a heap node must fit into a timer's slots");

static struct heap_node *timer_node(const struct io_timer *timer)
{
    return (struct heap_node *)(void *)timer->slots;
}

static struct io_timer *node_timer(struct heap_node *node)
{
    return (struct io_timer *)(void *)((char *)node - offsetof(struct io_timer, slots));
}

int io_uv_error_code(int uv_error)
{
    switch (uv_error) {
    case UV_ENOMEM:
    case UV_ENOBUFS:
        return ERROR_NOMEM;
    case UV_EMFILE:
    case UV_ENFILE:
        return ERROR_LIMIT;
    case UV_EINVAL:
        return ERROR_USAGE;
    case UV_EADDRINUSE:
        return ERROR_BUSY;
    default:
        return ERROR_IO;
    }
}

static uint64_t world_now_ms(struct io_loop *loop)
{
    return uv_now(&io_uv_world_of(loop)->uv);
}

static int64_t world_unix_ms(struct io_loop *loop)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- timers -------------------------------------------------------------------------------- */

static void timers_on_due(uv_timer_t *handle);
static void timers_on_idle(uv_idle_t *handle);

/* Let the earliest of ours ring: with the next turn, by the one uv_timer, or never. */
static void timers_arm(struct io_uv_world *world)
{
    struct heap_node *first = heap_peek(&world->timers);
    uint64_t now = uv_now(&world->uv);

    /* Starting fails only for a closing handle. */
    if (first != NULL && first->key <= now)
        uv_idle_start(&world->idle, timers_on_idle);
    else
        uv_idle_stop(&world->idle);
    if (first != NULL && first->key > now)
        uv_timer_start(&world->timer, timers_on_due, first->key - now, 0);
    else
        uv_timer_stop(&world->timer);
}

/*
 * Fire what is due. Timers that are started meanwhile wait for the next turn, even when they are
 * due already, so that one that restarts itself cannot hold the loop.
 */
static void fire_due(struct io_uv_world *world)
{
    uint32_t next_order = world->timers.next_order;
    uint64_t now = uv_now(&world->uv);
    struct heap_node *node;

    world->wakes++;
    io_uv_output_gather(world);
    while ((node = heap_peek(&world->timers)) != NULL && node->key <= now &&
           heap_node_is_before(node, next_order)) {
        struct io_timer *timer = node_timer(node);

        heap_remove(&world->timers, node);
        timer->fire(timer);
    }
    io_uv_output_end_gathering(world);
    timers_arm(world);
}

static void timers_on_due(uv_timer_t *handle)
{
    fire_due(handle->data);
}

static void timers_on_idle(uv_idle_t *handle)
{
    fire_due(handle->data);
}

static int world_timer_start(struct io_timer *timer, uint64_t at_ms)
{
    struct io_uv_world *world = io_uv_world_of(timer->loop);
    struct heap_node *node = timer_node(timer);
    uint64_t now = uv_now(&world->uv);
    int rc;

    heap_remove(&world->timers, node);
    /* Never before now: else it would come before those that are overdue already. */
    rc = heap_push(&world->timers, node, at_ms > now ? at_ms : now);
    timers_arm(world);
    return rc;
}

static void world_timer_stop(struct io_timer *timer)
{
    struct io_uv_world *world = io_uv_world_of(timer->loop);
    struct heap_node *node = timer_node(timer);
    bool first = heap_peek(&world->timers) == node;

    heap_remove(&world->timers, node);
    if (first)
        timers_arm(world);
}

static bool world_timer_is_running(const struct io_timer *timer)
{
    return heap_node_is_in(timer_node(timer));
}

/* --- signals ------------------------------------------------------------------------------- */

static void signal_on_caught(uv_signal_t *handle, int number)
{
    struct io_uv_signal_slot *slot = handle->data;

    if (slot->handler != NULL)
        slot->handler(slot->user, number);
}

static struct io_uv_signal_slot *signal_slot(struct io_uv_world *world, int number)
{
    struct io_uv_signal_slot *unused = NULL;

    for (size_t i = 0; i < IO_UV_SIGNALS_MAX; i++) {
        if (world->signals[i].number == number)
            return &world->signals[i];
        if (world->signals[i].number == 0 && unused == NULL)
            unused = &world->signals[i];
    }
    return unused;
}

int io_uv_loop_on_signal(struct io_loop *loop, int signal_number,
                         void (*handler)(void *user, int signal_number), void *user)
{
    struct io_uv_world *world = io_uv_world_of(loop);
    struct io_uv_signal_slot *slot = signal_slot(world, signal_number);

    if (slot == NULL)
        return ERROR_LIMIT;
    if (handler == NULL) {
        if (slot->number != 0)
            uv_signal_stop(&slot->signal);
        slot->handler = NULL;
        return 0;
    }
    if (slot->number == 0) {
        int rc = uv_signal_init(&world->uv, &slot->signal);

        if (rc != 0)
            return io_uv_error_code(rc);
        slot->signal.data = slot;
        slot->number = signal_number;
        uv_unref((uv_handle_t *)&slot->signal);
    }
    slot->handler = handler;
    slot->user = user;
    return uv_signal_start(&slot->signal, signal_on_caught, signal_number) == 0 ? 0 : ERROR_IO;
}

/* --- life ---------------------------------------------------------------------------------- */

static void world_run(struct io_loop *loop)
{
    uv_run(&io_uv_world_of(loop)->uv, UV_RUN_DEFAULT);
}

static void world_stop(struct io_loop *loop)
{
    uv_stop(&io_uv_world_of(loop)->uv);
}

static void close_leftover(uv_handle_t *handle, void *user)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void world_free(struct io_loop *loop)
{
    struct io_uv_world *world = io_uv_world_of(loop);
    struct heap_node *node;

    CHECK(world->stream_count == 0 && world->listener_count == 0 && world->watch_count == 0);
    io_uv_streams_done(world); /* those that still flush are cut off */
    uv_walk(&world->uv, close_leftover, NULL);
    while (uv_run(&world->uv, UV_RUN_DEFAULT) != 0)
        continue;
    node = heap_peek(&world->timers);
    CHECK(node == NULL); /* a timer that runs would outlive its loop */
    CHECK(uv_loop_close(&world->uv) == 0);
    heap_done(&world->timers);
    io_tls_context_free(world->tls);
    memory_free(world);
}

/*
 * A peer that went away is told by the write, not by a signal. A handler that the program around
 * us has set is left alone.
 */
static void ignore_sigpipe(void)
{
    struct sigaction now;

    if (sigaction(SIGPIPE, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
        now.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < limit.rlim_max && limit.rlim_cur < FILES_WISH) {
        limit.rlim_cur = limit.rlim_max < FILES_WISH ? limit.rlim_max : FILES_WISH;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

struct io_loop *io_uv_loop_new(struct error *error)
{
    static const struct io_loop_ops ops = {
        .now_ms = world_now_ms,
        .unix_ms = world_unix_ms,
        .run = world_run,
        .stop = world_stop,
        .free = world_free,
        .timer_start = world_timer_start,
        .timer_stop = world_timer_stop,
        .timer_is_running = world_timer_is_running,
        .connect = io_uv_stream_connect,
        .listen = io_uv_listener_open,
        .listener_close = io_uv_listener_close,
        .listener_endpoint = io_uv_listener_endpoint,
        .stream_write = io_uv_stream_write,
        .stream_start_tls = io_uv_stream_start_tls,
        .stream_close = io_uv_stream_close,
        .stream_reset = io_uv_stream_reset,
        .stream_pause = io_uv_stream_pause,
        .stream_peer = io_uv_stream_peer,
        .stream_set_events = io_uv_stream_set_events,
        .watch_start = io_uv_watch_start,
        .watch_change = io_uv_watch_change,
        .watch_stop = io_uv_watch_stop,
    };
    struct io_uv_world *world = memory_zalloc(1, sizeof(*world));
    int rc;

    if (world == NULL) {
        error_set(error, ERROR_NOMEM, "no memory for the event loop");
        return NULL;
    }
    rc = uv_loop_init(&world->uv);
    if (rc == 0) {
        rc = io_uv_streams_init(world);
        if (rc != 0)
            CHECK(uv_loop_close(&world->uv) == 0);
    }
    if (rc != 0) {
        error_set(error, io_uv_error_code(rc), "cannot start the event loop: %s", uv_strerror(rc));
        memory_free(world);
        return NULL;
    }
    ignore_sigpipe();
    raise_file_limit();
    world->base.ops = &ops;
    heap_init(&world->timers);
    uv_timer_init(&world->uv, &world->timer);
    world->timer.data = world;
    uv_idle_init(&world->uv, &world->idle);
    world->idle.data = world;
    return &world->base;
}

unsigned io_uv_loop_socket_limit(void)
{
    struct rlimit limit;
    DIR *dir = opendir("/proc/self/fd");
    rlim_t taken = SOCKETS_RESERVE;

    if (dir != NULL) {
        while (readdir(dir) != NULL)
            taken++;
        closedir(dir);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < taken + SOCKETS_MIN)
        return SOCKETS_MIN;
    return limit.rlim_cur - taken > SOCKETS_MAX ? SOCKETS_MAX : (unsigned)(limit.rlim_cur - taken);
}
