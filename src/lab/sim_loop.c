/* The virtual clock: a heap of events, and time that jumps to the next of them. */
#include "lab/sim_loop.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "lab/sim_internal.h"

#define START_UNIX_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
/* Room made at the start, so that scheduling what must not fail (a FIN) practically never does. */
#define EVENTS_RESERVED 4096

static struct sim_loop *sim_of(struct io_loop *loop)
{
    return (struct sim_loop *)loop;
}

int sim_event_schedule(struct sim_loop *loop, struct sim_event *event, uint64_t at_ms)
{
    uint64_t at = at_ms > loop->now_ms ? at_ms : loop->now_ms;
    uint64_t tie = loop->plan.reorders ? random_below(&loop->random, SIM_TIES) : 0;

    if (at > SIM_WHEN(UINT64_MAX))
        at = SIM_WHEN(UINT64_MAX); /* never, as good as */
    heap_remove(&loop->events, &event->node);
    return heap_push(&loop->events, &event->node, at * SIM_TIES + tie);
}

void sim_event_cancel(struct sim_loop *loop, struct sim_event *event)
{
    heap_remove(&loop->events, &event->node);
}

uint64_t sim_latency(struct sim_loop *loop)
{
    uint32_t low = loop->plan.latency_min_ms, high = loop->plan.latency_max_ms;

    return high > low ? low + random_below(&loop->random, (uint64_t)high - low + 1) : low;
}

static uint64_t loop_now_ms(struct io_loop *loop)
{
    return sim_of(loop)->now_ms;
}

static int64_t loop_unix_ms(struct io_loop *loop)
{
    return sim_of(loop)->wall_ms + (int64_t)sim_of(loop)->now_ms;
}

static void loop_run(struct io_loop *io)
{
    struct sim_loop *loop = sim_of(io);
    struct heap_node *node;

    loop->stopped = false;
    while (!loop->stopped && (node = heap_peek(&loop->events)) != NULL) {
        struct sim_event *event = SIM_CONTAINER(struct sim_event, node, node);
        uint64_t when = SIM_WHEN(node->key);

        if (loop->plan.stop_after_ms != 0 && when > loop->plan.stop_after_ms) {
            loop->now_ms = loop->plan.stop_after_ms;
            break;
        }
        if (loop->plan.stop_after_events != 0 &&
            loop->counts.events >= loop->plan.stop_after_events)
            break;
        heap_pop(&loop->events);
        if (when > loop->now_ms) /* not so when we were held up */
            loop->now_ms = when;
        loop->counts.events++;
        event->run(event);
        if (loop->happened != NULL)
            loop->happened(loop->happened_user);
    }
}

static void loop_stop(struct io_loop *loop)
{
    sim_of(loop)->stopped = true;
}

static void loop_free(struct io_loop *io)
{
    struct sim_loop *loop = sim_of(io);
    struct slice key;
    size_t cursor = 0;
    void *place;

    CHECK(loop->counts.streams == 0 && loop->listeners.count == 0);
    while (table_next(&loop->places, &cursor, &key, &place))
        memory_free(place);
    table_done(&loop->places);
    table_done(&loop->listeners);
    heap_done(&loop->events);
    memory_free(loop);
}

/* --- timers: the event lives in the timer's own slots --------------------------------------- */

_Static_assert(sizeof(struct sim_event) <= sizeof(((struct io_timer *)0)->slots),
               "an event fits the slots of a timer");

static struct sim_event *event_of(const struct io_timer *timer)
{
    return (struct sim_event *)(void *)&timer->slots[0];
}

static void timer_run(struct sim_event *event)
{
    struct io_timer *timer = SIM_CONTAINER(struct io_timer, slots, event);

    timer->fire(timer);
}

static int timer_start(struct io_timer *timer, uint64_t at_ms)
{
    event_of(timer)->run = timer_run;
    return sim_event_schedule(sim_of(timer->loop), event_of(timer), at_ms);
}

static void timer_stop(struct io_timer *timer)
{
    sim_event_cancel(sim_of(timer->loop), event_of(timer));
}

static bool timer_is_running(const struct io_timer *timer)
{
    return heap_node_is_in(&event_of(timer)->node);
}

/* --- descriptors do not exist here ---------------------------------------------------------- */

static int watch_start(struct io_loop *loop, int fd, unsigned events,
                       void (*ready)(void *user, unsigned events), void *user,
                       struct io_watch **ret_watch)
{
    return ERROR_USAGE;
}

static int watch_change(struct io_watch *watch, unsigned events)
{
    return ERROR_USAGE;
}

static void watch_stop(struct io_watch *watch)
{
}

static const struct io_loop_ops sim_ops = {
    .now_ms = loop_now_ms,
    .unix_ms = loop_unix_ms,
    .run = loop_run,
    .stop = loop_stop,
    .free = loop_free,
    .timer_start = timer_start,
    .timer_stop = timer_stop,
    .timer_is_running = timer_is_running,
    .connect = sim_connect,
    .listen = sim_listen,
    .listener_close = sim_listener_close,
    .listener_endpoint = sim_listener_endpoint,
    .stream_write = sim_stream_write,
    .stream_start_tls = sim_stream_start_tls,
    .stream_close = sim_stream_close,
    .stream_reset = sim_stream_reset,
    .stream_pause = sim_stream_pause,
    .stream_peer = sim_stream_peer,
    .stream_set_events = sim_stream_set_events,
    .watch_start = watch_start,
    .watch_change = watch_change,
    .watch_stop = watch_stop,
};

static int events_reserve(struct heap *heap)
{
    struct heap_node *nodes = memory_zalloc(EVENTS_RESERVED, sizeof(*nodes));
    int code = nodes != NULL ? 0 : ERROR_NOMEM;

    for (size_t i = 0; code == 0 && i < EVENTS_RESERVED; i++)
        code = heap_push(heap, &nodes[i], i);
    while (heap_pop(heap) != NULL)
        ;
    memory_free(nodes);
    return code;
}

struct io_loop *lab_sim_loop_new(const struct lab_sim_plan *plan)
{
    struct sim_loop *loop = memory_zalloc(1, sizeof(*loop));

    if (loop == NULL)
        return NULL;
    loop->base.ops = &sim_ops;
    loop->plan = *plan;
    if (loop->plan.start_unix_ms == 0)
        loop->plan.start_unix_ms = START_UNIX_MS;
    loop->now_ms = plan->start_ms;
    loop->wall_ms = loop->plan.start_unix_ms - (int64_t)plan->start_ms;
    random_init(&loop->random, plan->seed);
    heap_init(&loop->events);
    table_init(&loop->listeners, plan->seed);
    table_init(&loop->places, plan->seed);
    loop->next_port = 40000;
    if (events_reserve(&loop->events) < 0) {
        loop_free(&loop->base);
        return NULL;
    }
    return &loop->base;
}

bool lab_sim_loop_is(const struct io_loop *loop)
{
    return loop->ops == &sim_ops;
}

struct slice sim_key(const struct ip *ip, uint16_t port, char key[SIM_KEY_SIZE])
{
    key[0] = (char)ip->family;
    memcpy(key + 1, ip->bytes, sizeof(ip->bytes));
    memcpy(key + 17, &port, sizeof(port));
    return slice_from(key, SIM_KEY_SIZE);
}

const struct sim_place *sim_place_of(const struct sim_loop *loop, const struct ip *ip)
{
    char key[SIM_KEY_SIZE];

    return table_get(&loop->places, sim_key(ip, 0, key));
}

/* NULL: no memory. */
static struct sim_place *place_get(struct io_loop *io, const struct ip *ip)
{
    struct sim_loop *loop = sim_of(io);
    char key[SIM_KEY_SIZE];
    struct slice name = sim_key(ip, 0, key);
    struct sim_place *place = table_get(&loop->places, name);

    CHECK(lab_sim_loop_is(io));
    if (place != NULL)
        return place;
    place = memory_zalloc(1, sizeof(*place));
    if (place != NULL && table_put(&loop->places, name, place) < 0) {
        memory_free(place);
        return NULL;
    }
    return place;
}

int lab_sim_loop_set_fate(struct io_loop *io, const struct ip *ip, enum lab_sim_fate fate)
{
    struct sim_place *place = place_get(io, ip);

    if (place == NULL)
        return ERROR_NOMEM;
    place->fate = fate;
    return 0;
}

int lab_sim_loop_set_latency(struct io_loop *io, const struct ip *ip, uint32_t latency_ms)
{
    struct sim_place *place = place_get(io, ip);

    if (place == NULL)
        return ERROR_NOMEM;
    place->latency_ms = latency_ms;
    return 0;
}

void lab_sim_loop_jump_wall(struct io_loop *loop, int64_t by_ms)
{
    CHECK(lab_sim_loop_is(loop));
    sim_of(loop)->wall_ms += by_ms;
}

void lab_sim_loop_hold_up(struct io_loop *loop, uint64_t for_ms)
{
    CHECK(lab_sim_loop_is(loop));
    sim_of(loop)->now_ms += for_ms;
}

void lab_sim_loop_on_event(struct io_loop *loop, void (*happened)(void *user), void *user)
{
    CHECK(lab_sim_loop_is(loop));
    sim_of(loop)->happened = happened;
    sim_of(loop)->happened_user = user;
}

void lab_sim_loop_counts(const struct io_loop *loop, struct lab_sim_counts *ret_counts)
{
    CHECK(lab_sim_loop_is(loop));
    *ret_counts = ((const struct sim_loop *)loop)->counts;
}
