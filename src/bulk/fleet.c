#include "bulk/fleet.h"

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "bulk/fleet_internal.h"

#define BEATS_IN_TTL 6    /* one is said every sixth of what it holds */
#define PART_MS      2000 /* connections are closed meanwhile, when we stop */
#define PART_LOOK_MS 50

/* --- trouble ------------------------------------------------------------------------------- */

/* Told once, until something succeeds. */
void bulk_fleet_trouble(struct bulk_fleet *fleet, const struct error *error)
{
    fleet->error = *error;
    if (fleet->told_trouble)
        return;
    fleet->told_trouble = true;
    fleet->events.trouble(fleet->user, error->message);
}

static void stop_timers(struct bulk_fleet *fleet)
{
    io_timer_stop(&fleet->beat_timer);
    io_timer_stop(&fleet->pump_timer);
    io_timer_stop(&fleet->flush_timer);
    io_timer_stop(&fleet->stop_timer);
    io_timer_stop(&fleet->lease_timer);
}

bool bulk_fleet_look_whether_lost(struct bulk_fleet *fleet)
{
    if (!fleet->is_lost &&
        store_fleet_now_ms(fleet->membership) >= store_fleet_until_ms(fleet->membership))
        fleet->is_lost = true;
    return fleet->is_lost;
}

/* Sites go back one by one, with their rest; those whose connections don't close, when we leave. */
static bool has_parted(struct bulk_fleet *fleet)
{
    uint64_t now = io_now_ms(fleet->loop);

    if (fleet->part_ms == 0)
        fleet->part_ms = now;
    return bulk_fleet_lease_part(fleet) || now >= fleet->part_ms + PART_MS;
}

/* False: not all of it now. */
static bool flush_lists(struct bulk_fleet *fleet)
{
    bool all = true;

    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node))
        all = bulk_fleet_flush(LIST_ELEMENT(node, struct bulk_fleet_list, node)) && all;
    return all;
}

static void stopped_at_last(struct bulk_fleet *fleet)
{
    if (!fleet->is_stopping || fleet->in_flight > 0 || fleet->told_stopped || !flush_lists(fleet))
        return;
    if (!has_parted(fleet)) {
        bulk_fleet_pump_soon(fleet, PART_LOOK_MS);
        return;
    }
    fleet->told_stopped = true;
    stop_timers(fleet);
    fleet->events.stopped(fleet->user);
}

static void lose(struct bulk_fleet *fleet)
{
    if (fleet->told_stopped)
        return;
    fleet->told_stopped = true;
    stop_timers(fleet);
    fleet->events.lost(fleet->user);
}

static void pump(struct io_timer *timer)
{
    struct bulk_fleet *fleet = timer->user;

    if (bulk_fleet_look_whether_lost(fleet)) {
        lose(fleet);
        return;
    }
    if (!fleet->is_stopping)
        bulk_fleet_feed(fleet);
    stopped_at_last(fleet);
}

void bulk_fleet_pump_soon(struct bulk_fleet *fleet, uint64_t after_ms)
{
    if (!fleet->told_stopped && !io_timer_is_running(&fleet->pump_timer))
        (void)io_timer_start(&fleet->pump_timer, io_now_ms(fleet->loop) + after_ms);
}

static void flush_all(struct io_timer *timer)
{
    struct bulk_fleet *fleet = timer->user;

    (void)flush_lists(fleet);
    bulk_fleet_finish_lists(fleet);
    bulk_fleet_pump_soon(fleet, 0);
}

/* --- beats and news ------------------------------------------------------------------------ */

static void heard(void *user, unsigned events);

/* The connection may be another one by now. */
static void watch(struct bulk_fleet *fleet)
{
    int descriptor = store_fleet_descriptor(fleet->membership);

    if (fleet->watch != NULL && (descriptor != fleet->watched || descriptor < 0)) {
        io_watch_stop(fleet->watch);
        fleet->watch = NULL;
    }
    if (fleet->watch == NULL && descriptor >= 0 &&
        io_watch_start(fleet->loop, descriptor, IO_READABLE, heard, fleet, &fleet->watch) == 0)
        fleet->watched = descriptor;
}

static void news(struct bulk_fleet *fleet)
{
    fleet->tasks_dry = false;
    bulk_fleet_look_for_lists(fleet);
    bulk_fleet_pump_soon(fleet, 0);
}

static void heard(void *user, unsigned events)
{
    struct bulk_fleet *fleet = user;

    (void)events;
    if (store_fleet_heard(fleet->membership))
        news(fleet);
    watch(fleet);
}

int bulk_fleet_say_beat(struct bulk_fleet *fleet, struct error *error)
{
    uint64_t now = io_now_ms(fleet->loop);
    struct store_fleet_state state = {
        .in_flight = fleet->in_flight,
        .leases = fleet->counts.leases,
    };

    if (now > fleet->beaten_ms)
        state.rows_per_s = (double)(fleet->counts.results - fleet->beat_results) * SECOND_MS /
                           (double)(now - fleet->beaten_ms);
    fleet->told_leases = fleet->counts.leases;
    return store_fleet_beat(fleet->membership, &state, &fleet->view, error);
}

static void beat(struct io_timer *timer)
{
    struct bulk_fleet *fleet = timer->user;
    uint64_t now = io_now_ms(fleet->loop), every = fleet->options.ttl_ms / BEATS_IN_TTL;
    struct error error = {0};
    int code;

    if (bulk_fleet_look_whether_lost(fleet)) {
        lose(fleet);
        return;
    }
    code = bulk_fleet_say_beat(fleet, &error);
    if (code != 0 || fleet->view.is_troubled)
        bulk_fleet_trouble(fleet, &error);
    if (code == ERROR_NOT_FOUND)
        fleet->is_lost = true;
    if (bulk_fleet_look_whether_lost(fleet)) {
        lose(fleet);
        return;
    }
    if (code == 0) {
        fleet->told_trouble = fleet->view.is_troubled;
        fleet->beaten_ms = now;
        fleet->beat_results = fleet->counts.results;
        (void)store_fleet_heard(fleet->membership);
        /* Also what a timer was to do that could not be started. */
        (void)flush_lists(fleet);
        bulk_fleet_lease_tend(fleet);
        bulk_fleet_finish_lists(fleet); /* that were dry since the last beat */
        if (fleet->view.lists > 0 || !list_is_empty(&fleet->lists) || fleet->is_stopping)
            news(fleet);
    }
    watch(fleet);
    if (io_timer_start(&fleet->beat_timer, io_now_ms(fleet->loop) + every) != 0) {
        error_set(&error, ERROR_NOMEM, "no memory for a timer");
        bulk_fleet_trouble(fleet, &error);
        fleet->is_lost = true; /* as it will be: no beat is said any more */
        lose(fleet);
    }
}

/* --- from start to end --------------------------------------------------------------------- */

int bulk_fleet_open(struct io_loop *loop, struct probe_engine *engine, struct store *store,
                    const struct bulk_fleet_options *options,
                    const struct bulk_fleet_events *events, void *user,
                    struct bulk_fleet **ret_fleet, struct error *error)
{
    const struct store_fleet_terms terms = {
        .name = options->name,
        .ttl_ms = options->ttl_ms,
        .by_address = options->egress_count > 0,
    };
    struct bulk_fleet *fleet = memory_zalloc(1, sizeof(*fleet));
    int code;

    CHECK(options->window > 0);
    if (fleet == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for a worker");
    *fleet = (struct bulk_fleet){.loop = loop,
                                 .engine = engine,
                                 .store = store,
                                 .options = *options,
                                 .events = *events,
                                 .user = user};
    code = store_fleet_join(store, &terms, &fleet->membership, error);
    if (code != 0) {
        memory_free(fleet);
        return code;
    }
    list_init(&fleet->lists);
    store_claims_init(&fleet->claims);
    buffer_init(&fleet->scratch, 0);
    io_timer_init(loop, &fleet->beat_timer, beat, fleet);
    io_timer_init(loop, &fleet->pump_timer, pump, fleet);
    io_timer_init(loop, &fleet->flush_timer, flush_all, fleet);
    io_timer_init(loop, &fleet->stop_timer, flush_all, fleet);
    bulk_fleet_lease_init(fleet);
    fleet->beaten_ms = io_now_ms(loop);
    if (io_timer_start(&fleet->beat_timer, io_now_ms(loop)) != 0)
        code = error_set(error, ERROR_NOMEM, "no memory for a timer");
    if (code == 0)
        *ret_fleet = fleet;
    else {
        store_fleet_leave(fleet->membership);
        bulk_fleet_free(fleet);
    }
    return code;
}

static void grace_is_over(struct io_timer *timer)
{
    struct bulk_fleet *fleet = timer->user;

    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node)) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);

        if (list->owner.open > 0)
            probe_engine_withdraw(fleet->engine, &list->owner, true);
    }
    bulk_fleet_pump_soon(fleet, 0);
}

void bulk_fleet_stop(struct bulk_fleet *fleet, uint64_t grace_ms)
{
    fleet->is_stopping = true;
    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node))
        probe_engine_withdraw(fleet->engine,
                              &LIST_ELEMENT(node, struct bulk_fleet_list, node)->owner, false);
    io_timer_stop(&fleet->stop_timer);
    io_timer_init(fleet->loop, &fleet->stop_timer, grace_is_over, fleet);
    (void)io_timer_start(&fleet->stop_timer, io_now_ms(fleet->loop) + grace_ms);
    bulk_fleet_pump_soon(fleet, 0);
}

void bulk_fleet_free(struct bulk_fleet *fleet)
{
    struct list_node *node;

    if (fleet == NULL)
        return;
    fleet->told_stopped = true; /* nothing is begun any more */
    fleet->is_lost = true;
    stop_timers(fleet);
    if (fleet->watch != NULL)
        io_watch_stop(fleet->watch);
    while ((node = list_first(&fleet->lists)) != NULL)
        bulk_fleet_list_free(LIST_ELEMENT(node, struct bulk_fleet_list, node));
    stop_timers(fleet);
    bulk_fleet_lease_done(fleet);
    store_claims_done(&fleet->claims);
    buffer_done(&fleet->scratch);
    memory_free(fleet);
}

struct store_fleet *bulk_fleet_membership(struct bulk_fleet *fleet)
{
    return fleet->membership;
}

void bulk_fleet_counts(const struct bulk_fleet *fleet, struct bulk_fleet_counts *ret_counts)
{
    *ret_counts = fleet->counts;
    ret_counts->worker = store_fleet_worker(fleet->membership);
    ret_counts->workers = fleet->view.workers;
    ret_counts->fleet_leases = fleet->view.leases;
    ret_counts->in_flight = fleet->in_flight;
}
