#include "bulk/fleet.h"

#include <time.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "bulk/fleet_internal.h"
#include "provider/mailbox.h"

#define BEATS_IN_TTL  6      /* one is said every sixth of what it holds */
#define LISTS_AT_ONCE 64     /* worked on by one worker */
#define KEYS_AT_ONCE  200    /* sites asked for tasks in one statement */
#define BUSY_MS       200    /* after the engine had no room */
#define HANDED_MOST   500000 /* rows that wait as tasks; the store counts up to a million */
#define PART_MS       2000   /* connections are closed meanwhile, when we stop */
#define PART_LOOK_MS  50
#define FEED_MS       100 /* without looking at anything else: beats must be said */
#define EXPECTED      200 /* rows whose records are read at once */

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

static uint64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_MS + (uint64_t)now.tv_nsec / 1000000;
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
    if (!fleet->is_lost && clock_ms() >= store_fleet_until_ms(fleet->membership))
        fleet->is_lost = true;
    return fleet->is_lost;
}

/* --- lists --------------------------------------------------------------------------------- */

static struct bulk_fleet_list *find_list(struct bulk_fleet *fleet, uint64_t id)
{
    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node)) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);

        if (list->id == id)
            return list;
    }
    return NULL;
}

static void one_waits(struct probe_owner *owner)
{
    bulk_fleet_pump_soon(LIST_ELEMENT(owner, struct bulk_fleet_list, owner)->fleet, 0);
}

static void list_free(struct bulk_fleet_list *list)
{
    struct bulk_fleet *fleet = list->fleet;
    struct list_node *node;

    if (list->owner.open > 0)
        probe_engine_withdraw(list->fleet->engine, &list->owner, true);
    CHECK(list->owner.open == 0);
    while ((node = list_pop(&list->chunk_list)) != NULL)
        memory_free(LIST_ELEMENT(node, struct bulk_fleet_chunk, node));
    list_remove(&list->node);
    /* What was claimed of it but not fed is not ours any more. */
    for (size_t i = fleet->claim_at; i < fleet->claims.count; i++)
        if (fleet->claims.claims[i].job == list->id)
            fleet->claims.claims[i].job = 0;
    arena_done(&list->arena);
    memory_free(list);
}

static int add_list(struct bulk_fleet *fleet, const struct store_fleet_list *running,
                    struct error *error)
{
    struct bulk_fleet_list *list = memory_zalloc(1, sizeof(*list));
    int code;

    if (list == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for a list");
    list->fleet = fleet;
    list->id = running->id;
    list->is_seen = true;
    list_init(&list->chunk_list);
    arena_init(&list->arena);
    code = fleet->options.read_wish(fleet->user, running, &list->wish, error);
    if (code == 0)
        code = store_fleet_deal(fleet->membership, running->id, error);
    if (code != 0) {
        arena_done(&list->arena);
        memory_free(list);
        return code;
    }
    list->wish.is_in_no_hurry = true;
    list->wish.is_fresh = running->asks_anew;
    list->wish.owner = &list->owner;
    list->owner.waits = one_waits;
    list_append(&fleet->lists, &list->node);
    return 0;
}

/* Paused, cancelled or gone: nothing more is asked for it; what was asked is kept. */
static void end_list(struct bulk_fleet_list *list)
{
    struct bulk_fleet *fleet = list->fleet;
    struct error error = {0};

    list->is_over = true;
    if (!list->is_withdrawn) {
        list->is_withdrawn = true;
        probe_engine_withdraw(fleet->engine, &list->owner, false);
    }
    if (list->owner.open > 0 || !bulk_fleet_flush(list))
        return;
    if (store_fleet_release(fleet->membership, list->id, &error) != 0) {
        bulk_fleet_trouble(fleet, &error);
        return;
    }
    list_free(list);
}

/* Which lists are running: new ones are joined, others left. */
static void look_for_lists(struct bulk_fleet *fleet)
{
    struct store_fleet_list running[LISTS_AT_ONCE];
    struct error error = {0};
    struct arena arena;
    size_t count = 0;

    arena_init(&arena);
    if (store_fleet_running(fleet->membership, &arena, running, LISTS_AT_ONCE, &count, &error) !=
        0) {
        bulk_fleet_trouble(fleet, &error);
        arena_done(&arena);
        return;
    }
    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node)) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);

        list->is_dry = list->is_seen = false;
    }
    for (size_t i = 0; i < count; i++) {
        struct bulk_fleet_list *list = find_list(fleet, running[i].id);

        if (list != NULL && !list->is_over)
            list->is_seen = true;
        else if (list == NULL && !fleet->is_stopping && add_list(fleet, &running[i], &error) != 0)
            bulk_fleet_trouble(fleet, &error);
    }
    arena_done(&arena);
    for (struct list_node *node = list_first(&fleet->lists), *next; node != NULL; node = next) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);

        next = list_after(&fleet->lists, node);
        if (!list->is_seen)
            end_list(list);
    }
}

/* --- feeding ------------------------------------------------------------------------------- */

/* 0; ERROR_BUSY: the engine is full. */
static int submit(struct bulk_fleet_list *list, struct bulk_fleet_chunk *chunk,
                  const struct store_claim *claim)
{
    const struct store_row *row = &claim->row;
    struct bulk_fleet_ticket *ticket = memory_zalloc(1, sizeof(*ticket));
    int code;

    if (ticket == NULL)
        return ERROR_NOMEM;
    *ticket = (struct bulk_fleet_ticket){list, chunk, row->number, row->copies, claim->hops};
    code = probe_engine_submit_wish(list->fleet->engine, row->address, &list->wish,
                                    bulk_fleet_answered, ticket);
    if (code != 0)
        memory_free(ticket);
    else
        list->fleet->in_flight++;
    return code;
}

/* The chunk of the claim that is next, with all its rows still to come; NULL: no memory. */
static struct bulk_fleet_chunk *begin_chunk(struct bulk_fleet *fleet, struct bulk_fleet_list *list)
{
    const struct store_claim *claim = &fleet->claims.claims[fleet->claim_at];
    struct bulk_fleet_chunk *chunk = memory_zalloc(1, sizeof(*chunk));

    if (chunk == NULL)
        return NULL;
    chunk->first = claim->chunk;
    for (size_t i = fleet->claim_at;
         i < fleet->claims.count && fleet->claims.claims[i].chunk == claim->chunk; i++)
        chunk->left++;
    list_append(&list->chunk_list, &chunk->node);
    return chunk;
}

struct expected {
    struct arena arena;
    struct store_record_name names[5 * EXPECTED];
    size_t count;
};

static void expect(struct expected *expected, enum store_record_kind kind, struct slice key)
{
    if (key.ptr != NULL && key.len > 0 && key.len <= STORE_RECORD_KEY_MAX)
        expected->names[expected->count++] = (struct store_record_name){kind, key};
}

/* Of an address the engine's past and memory will want to know all of this. */
static void expect_address(struct expected *expected, struct slice text)
{
    static const enum store_record_kind kinds[] = {STORE_RECORD_MAILBOX, STORE_RECORD_BOUNCE,
                                                   STORE_RECORD_DELIVERY, STORE_RECORD_COMPLAINT};
    char bytes[PROVIDER_KEY_SIZE];
    struct address address;
    struct slice key;

    if (!address_parse(text.ptr, text.len, &address))
        return;
    key = arena_slice(&expected->arena,
                      slice_from(bytes, provider_mailbox_key(&address, NULL, bytes)));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        expect(expected, kinds[i], key);
    if (!address.is_literal)
        expect(expected, STORE_RECORD_DOMAIN,
               arena_slice(&expected->arena, slice_from_string(address.domain_ascii)));
}

/* One by one they would cost several waits for each row. */
static void expect_records(struct bulk_fleet *fleet)
{
    struct expected *expected = memory_zalloc(1, sizeof(*expected));
    size_t until = fleet->claim_at + EXPECTED;

    if (expected == NULL)
        return;
    arena_init(&expected->arena);
    if (until > fleet->claims.count)
        until = fleet->claims.count;
    for (size_t i = fleet->claim_at; i < until; i++)
        expect_address(expected, fleet->claims.claims[i].row.address);
    store_records_expect(fleet->store, expected->names, expected->count);
    fleet->expected_until = until;
    arena_done(&expected->arena);
    memory_free(expected);
}

/* One claim more to the engine: false when it can't be now. */
static bool feed_one(struct bulk_fleet *fleet)
{
    const struct store_claim *claim = &fleet->claims.claims[fleet->claim_at];
    struct bulk_fleet_list *list = find_list(fleet, claim->job);

    if (list == NULL || list->is_over) {
        fleet->claim_at++; /* released with its list */
        fleet->chunk = NULL;
        return true;
    }
    /* A mail server is not asked for an answer that there is no room for. */
    if (!bulk_fleet_has_room(list) && !bulk_fleet_flush(list)) {
        bulk_fleet_pump_soon(fleet, BUSY_MS);
        return false;
    }
    if (list->is_over)
        return true; /* it is gone, as the store has just said */
    if (fleet->claim_at >= fleet->expected_until)
        expect_records(fleet);
    if (claim->chunk != 0 && (fleet->chunk == NULL || fleet->chunk_first != claim->chunk)) {
        fleet->chunk = begin_chunk(fleet, list);
        fleet->chunk_first = claim->chunk;
        if (fleet->chunk == NULL)
            return false;
    }
    if (claim->chunk == 0)
        fleet->chunk = NULL;
    if (claim->row.number == 0) {
        bulk_fleet_settle(list, fleet->chunk);
    } else if (claim->row.fault.len > 0) {
        bulk_fleet_fault(list, fleet->chunk, &claim->row);
    } else if (submit(list, fleet->chunk, claim) != 0) {
        bulk_fleet_pump_soon(fleet, BUSY_MS);
        return false;
    }
    fleet->claim_at++;
    return true;
}

/* The lists that we work on: a row of another one would be ours, and nobody would ask it. */
static size_t joined_lists(struct bulk_fleet *fleet, uint64_t ids[LISTS_AT_ONCE])
{
    size_t count = 0;

    for (struct list_node *node = list_first(&fleet->lists); node != NULL && count < LISTS_AT_ONCE;
         node = list_after(&fleet->lists, node)) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);

        if (!list->is_over)
            ids[count++] = list->id;
    }
    return count;
}

/* Tasks of our sites before chunks: somebody waits for them already. 1: some; 0: none. */
static int claim_tasks(struct bulk_fleet *fleet, struct error *error)
{
    struct slice keys[KEYS_AT_ONCE];
    uint64_t lists[LISTS_AT_ONCE];
    size_t list_count, count, each;
    int code;

    if (fleet->tasks_dry)
        return 0;
    list_count = joined_lists(fleet, lists);
    count = list_count > 0 ? bulk_fleet_lease_keys(fleet, keys, KEYS_AT_ONCE) : 0;
    if (count == 0)
        return 0;
    each = fleet->options.window / count / 2;
    each = each < 8 ? 8 : each > 400 ? 400 : each;
    code = store_fleet_claim_tasks(fleet->membership, keys, count, lists, list_count, each,
                                   &fleet->claims, error);
    if (code == 0)
        fleet->tasks_dry = fleet->claims.count == 0;
    return code < 0 ? code : fleet->claims.count > 0;
}

/*
 * Rows of the slowest sites pile up as tasks while the others are worked off. There is no use in
 * piling up more of them than the fleet can hold in flight: the lists stay as they are meanwhile.
 */
static bool too_many_are_handed(const struct bulk_fleet *fleet)
{
    const uint64_t most = fleet->options.window * (fleet->view.workers + 1);

    return fleet->view.tasks_free > (most < HANDED_MOST ? most : HANDED_MOST);
}

static int claim_chunks(struct bulk_fleet *fleet, struct error *error)
{
    size_t room = fleet->options.window - fleet->in_flight;
    size_t max = room / STORE_FLEET_CHUNK / 2 + 1;

    if (too_many_are_handed(fleet))
        return 0;

    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node)) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);
        int code;

        if (list->is_over || list->is_dry)
            continue;
        code = store_fleet_claim(fleet->membership, list->id, max < 8 ? max : 8, &fleet->claims,
                                 error);
        if (code < 0)
            return code;
        if (fleet->claims.count > 0) {
            list_remove(&list->node); /* the next turn is another's */
            list_append(&fleet->lists, &list->node);
            return 1;
        }
        list->is_dry = true;
    }
    return 0;
}

/* More claims: false when there are none to be had. */
static bool claim_more(struct bulk_fleet *fleet)
{
    struct error error = {0};
    int code;

    fleet->claim_at = fleet->claims.count = fleet->expected_until = 0;
    fleet->chunk = NULL;
    code = claim_tasks(fleet, &error);
    if (code == 0)
        code = claim_chunks(fleet, &error);
    if (code < 0)
        bulk_fleet_trouble(fleet, &error);
    fleet->counts.claimed += code > 0 ? fleet->claims.count : 0;
    return code > 0;
}

/* So many in flight, not counting those that wait for a later attempt. */
static bool has_window(const struct bulk_fleet *fleet)
{
    size_t waiting = 0;

    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node))
        waiting += LIST_ELEMENT(node, struct bulk_fleet_list, node)->owner.waiting;
    return fleet->in_flight - waiting < fleet->options.window &&
           fleet->in_flight / 4 < fleet->options.window;
}

static bool is_to_be_fed(const struct bulk_fleet *fleet, const struct bulk_fleet_list *list)
{
    for (size_t i = fleet->claim_at; i < fleet->claims.count; i++)
        if (fleet->claims.claims[i].job == list->id)
            return true;
    return false;
}

/*
 * Nothing of a list is under way here, and it is not finished. What is ours of it all the same (the
 * answer to a claim was lost, a batch was full) goes back; the next look at the lists joins it
 * anew.
 */
static void step_back(struct bulk_fleet_list *list)
{
    struct error error = {0};

    if (store_fleet_release(list->fleet->membership, list->id, &error) != 0)
        bulk_fleet_trouble(list->fleet, &error);
    else
        list_free(list);
}

static void finish_lists(struct bulk_fleet *fleet)
{
    for (struct list_node *node = list_first(&fleet->lists), *next; node != NULL; node = next) {
        struct bulk_fleet_list *list = LIST_ELEMENT(node, struct bulk_fleet_list, node);
        struct error error = {0};
        int code;

        next = list_after(&fleet->lists, node);
        if (list->owner.open > 0 || !list->is_dry || list->is_over || is_to_be_fed(fleet, list))
            continue;
        if (!bulk_fleet_flush(list))
            continue;
        code = store_fleet_finish(fleet->membership, list->id, &error);
        if (code == 1)
            (void)store_fleet_tell(fleet->store, NULL);
        else if (code == 0 && !fleet->is_stopping)
            step_back(list);
    }
}

/* Sites go back one by one, with their rest; those whose connections don't close, when we leave. */
static bool has_parted(struct bulk_fleet *fleet)
{
    uint64_t now = io_now_ms(fleet->loop);

    if (fleet->part_ms == 0)
        fleet->part_ms = now;
    return bulk_fleet_lease_part(fleet) || now >= fleet->part_ms + PART_MS;
}

static void stopped_at_last(struct bulk_fleet *fleet)
{
    if (!fleet->is_stopping || fleet->in_flight > 0 || fleet->told_stopped)
        return;
    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node))
        if (!bulk_fleet_flush(LIST_ELEMENT(node, struct bulk_fleet_list, node)))
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
    uint64_t until = clock_ms() + FEED_MS;

    if (bulk_fleet_look_whether_lost(fleet)) {
        lose(fleet);
        return;
    }
    while (!fleet->is_stopping && has_window(fleet)) {
        if (fleet->claim_at == fleet->claims.count && !claim_more(fleet))
            break;
        if (!feed_one(fleet))
            break;
        if (clock_ms() >= until) {
            bulk_fleet_pump_soon(fleet, 0);
            break;
        }
    }
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

    for (struct list_node *node = list_first(&fleet->lists); node != NULL;
         node = list_after(&fleet->lists, node))
        (void)bulk_fleet_flush(LIST_ELEMENT(node, struct bulk_fleet_list, node));
    finish_lists(fleet);
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
    look_for_lists(fleet);
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

static void beat(struct io_timer *timer)
{
    struct bulk_fleet *fleet = timer->user;
    uint64_t now = io_now_ms(fleet->loop), every = fleet->options.ttl_ms / BEATS_IN_TTL;
    struct store_fleet_state state = {.in_flight = fleet->in_flight};
    struct error error = {0};
    int code;

    if (bulk_fleet_look_whether_lost(fleet)) {
        lose(fleet);
        return;
    }
    if (now > fleet->beaten_ms)
        state.rows_per_s = (double)(fleet->counts.results - fleet->beat_results) * SECOND_MS /
                           (double)(now - fleet->beaten_ms);
    code = store_fleet_beat(fleet->membership, &state, &fleet->view, &error);
    if (code != 0)
        bulk_fleet_trouble(fleet, &error);
    if (code == ERROR_NOT_FOUND)
        fleet->is_lost = true;
    if (bulk_fleet_look_whether_lost(fleet)) {
        lose(fleet);
        return;
    }
    if (code == 0) {
        fleet->told_trouble = false;
        fleet->beaten_ms = now;
        fleet->beat_results = fleet->counts.results;
        (void)store_fleet_heard(fleet->membership);
        bulk_fleet_lease_tend(fleet);
        finish_lists(fleet); /* that were dry since the last beat */
        news(fleet);
    }
    watch(fleet);
    (void)io_timer_start(&fleet->beat_timer, io_now_ms(fleet->loop) + every);
}

/* --- from start to end --------------------------------------------------------------------- */

int bulk_fleet_open(struct io_loop *loop, struct probe_engine *engine, struct store *store,
                    const struct bulk_fleet_options *options,
                    const struct bulk_fleet_events *events, void *user,
                    struct bulk_fleet **ret_fleet, struct error *error)
{
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
    code = store_fleet_join(store, options->name, options->ttl_ms, &fleet->membership, error);
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
        list_free(LIST_ELEMENT(node, struct bulk_fleet_list, node));
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
