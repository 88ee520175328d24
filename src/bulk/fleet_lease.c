/*
 * Which sites are ours: the engine's gate, and the leases behind it.
 *
 * A site that the engine meets is asked for with others, a moment later. One that is somebody
 * else's stays so for some seconds without being asked for again. One that nothing was asked of for
 * a while goes back, and so does what is more than our share when others join: first it is closed
 * to the engine, then, when its last connection is gone, given.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "bulk/fleet_internal.h"
#include "probe/gate.h"

#define TAKEN_AT_ONCE 200
#define ADOPTED_LEAST 8
#define AGAIN_MS      (SECOND_MS / 2) /* after the store did not answer */
#define FOREIGN_MS    (3 * SECOND_MS)
#define LEFT_MS       (10 * SECOND_MS) /* what was given away is not taken again before */
#define IDLE_MS       (5 * SECOND_MS)
#define MINUTE        (60 * SECOND_MS)
#define FROM          "|" /* between a site and an address; in no name of either */
#define SPARE         4   /* leases above our share are given only from so many on */

struct slice bulk_fleet_lease_name(const struct bulk_fleet *fleet, struct slice site,
                                   char out[STORE_FLEET_SITE_MAX])
{
    const struct bulk_fleet_options *options = &fleet->options;
    const struct probe_egress *egress;
    int len;

    if (options->egress_count == 0)
        len = snprintf(out, STORE_FLEET_SITE_MAX, "%.*s", SLICE_ARG(site));
    else {
        egress = probe_egress_choose(options->egresses, options->egress_count, site);
        len = snprintf(out, STORE_FLEET_SITE_MAX, "%.*s" FROM "%.*s", SLICE_ARG(site),
                       SLICE_ARG(egress->name));
    }
    return len < STORE_FLEET_SITE_MAX ? slice_from(out, (size_t)len) : SLICE_EMPTY;
}

static struct bulk_fleet_site *add(struct bulk_fleet *fleet, struct slice key, struct slice lease)
{
    struct bulk_fleet_site *site = memory_zalloc(1, sizeof(*site));

    if (site == NULL || table_put(&fleet->site_table, key, site) != 0) {
        memory_free(site);
        return NULL;
    }
    memcpy(site->key, key.ptr, key.len);
    memcpy(site->lease, lease.ptr, lease.len);
    list_append(&fleet->sites, &site->node);
    site->hold = BULK_FLEET_FOREIGN; /* as of before any time */
    return site;
}

/* By the engine's name of it. NULL: no memory, or it has too long a name. */
static struct bulk_fleet_site *find(struct bulk_fleet *fleet, struct slice key)
{
    struct bulk_fleet_site *site = table_get(&fleet->site_table, key);
    char name[STORE_FLEET_SITE_MAX];
    struct slice lease;

    if (site != NULL)
        return site;
    lease = bulk_fleet_lease_name(fleet, key, name);
    return lease.len > 0 ? add(fleet, key, lease) : NULL;
}

/* By the store's name of its lease, which may be one for an address that is not ours. */
static struct bulk_fleet_site *find_lease(struct bulk_fleet *fleet, struct slice lease)
{
    ptrdiff_t at = fleet->options.egress_count > 0 ? slice_rfind_byte(lease, FROM[0]) : -1;
    struct slice key = at > 0 ? slice_prefix(lease, (size_t)at) : lease;
    char name[STORE_FLEET_SITE_MAX];
    struct bulk_fleet_site *site;

    if (lease.len >= STORE_FLEET_SITE_MAX)
        return NULL;
    if (slice_equal(bulk_fleet_lease_name(fleet, key, name), lease))
        return find(fleet, key);
    site = table_get(&fleet->site_table, lease);
    if (site == NULL)
        site = add(fleet, lease, lease);
    if (site != NULL)
        site->is_foreign = true;
    return site;
}

/* Nothing is to be said of its rest (any more). */
static void is_told(struct bulk_fleet *fleet, struct bulk_fleet_site *site)
{
    fleet->untold -= site->is_untold;
    site->is_untold = false;
}

static void forget(struct bulk_fleet *fleet, struct bulk_fleet_site *site)
{
    is_told(fleet, site);
    (void)table_take(&fleet->site_table, slice_from_string(site->key));
    list_remove(&site->node);
    memory_free(site);
}

/* Whether something is wanted, or to be told, is looked at. Without memory the next beat does. */
static void see_to_it(struct bulk_fleet *fleet, uint64_t after_ms)
{
    if (!io_timer_is_running(&fleet->lease_timer))
        (void)io_timer_start(&fleet->lease_timer, io_now_ms(fleet->loop) + after_ms);
}

static void want(struct bulk_fleet *fleet, struct bulk_fleet_site *site)
{
    site->hold = BULK_FLEET_WANTED;
    fleet->wanted++;
    see_to_it(fleet, 0);
}

static bool is_ours(const struct bulk_fleet_site *site)
{
    return site->hold == BULK_FLEET_HELD || site->hold == BULK_FLEET_LEAVING;
}

/* --- the gate ------------------------------------------------------------------------------ */

static enum probe_gate_answer ask(void *user, const struct probe_gate_question *question)
{
    struct bulk_fleet *fleet = user;
    struct bulk_fleet_site *site = find(fleet, slice_from_string(question->site));
    uint64_t now = io_now_ms(fleet->loop);

    if (site == NULL)
        return PROBE_GATE_LATER;
    if (bulk_fleet_look_whether_lost(fleet)) {
        bulk_fleet_pump_soon(fleet, 0); /* which says so */
        return PROBE_GATE_LATER;
    }
    site->per_minute = question->connections_per_minute;
    site->used_ms = now;
    switch (site->hold) {
    case BULK_FLEET_HELD:
        site->is_waited_for = now < site->at_ms;
        return site->is_waited_for ? PROBE_GATE_LATER : PROBE_GATE_OPEN;
    case BULK_FLEET_LEAVING:
        return PROBE_GATE_CLOSED;
    case BULK_FLEET_FOREIGN:
        if (now < site->at_ms)
            return PROBE_GATE_CLOSED;
        want(fleet, site);
        break;
    case BULK_FLEET_WANTED:
        break;
    }
    site->is_waited_for = true;
    return PROBE_GATE_LATER;
}

static uint64_t rests_until(void *user, const char *key)
{
    struct bulk_fleet *fleet = user;
    const struct bulk_fleet_site *site = table_get(&fleet->site_table, slice_from_string(key));

    return site != NULL && site->hold == BULK_FLEET_HELD ? site->at_ms : 0;
}

/* The next holder has to know, also if we are killed: the store is told before long. */
static void refused(void *user, const char *key, uint64_t until_ms)
{
    struct bulk_fleet *fleet = user;
    struct bulk_fleet_site *site = table_get(&fleet->site_table, slice_from_string(key));

    if (site == NULL || !is_ours(site) || until_ms <= site->rest_ms)
        return;
    site->rest_ms = until_ms;
    fleet->untold += !site->is_untold;
    site->is_untold = true;
    see_to_it(fleet, 0);
}

/* --- taking -------------------------------------------------------------------------------- */

static void settle(struct bulk_fleet *fleet, struct bulk_fleet_site *site,
                   const struct store_lease *lease)
{
    uint64_t now = io_now_ms(fleet->loop);

    if (!lease->is_ours) {
        site->hold = BULK_FLEET_FOREIGN;
        site->at_ms = now + FOREIGN_MS;
        return;
    }
    fleet->counts.leases += !is_ours(site); /* it may be that an answer was lost */
    site->hold = BULK_FLEET_HELD;
    site->used_ms = now;
    site->at_ms = now + lease->quiet_ms;
    /* How many connections the last one opened in the minute before is not known. */
    if (site->per_minute > 0 && lease->ended_ms < MINUTE &&
        site->at_ms < now + MINUTE - lease->ended_ms)
        site->at_ms = now + MINUTE - lease->ended_ms;
}

static void turn(struct bulk_fleet *fleet, struct bulk_fleet_site *site)
{
    site->is_waited_for = false;
    if (!site->is_foreign)
        probe_engine_gate_turned(fleet->engine, site->key);
}

/* False: not now. */
static bool tell_rests(struct bulk_fleet *fleet)
{
    struct store_lease leases[TAKEN_AT_ONCE];
    struct bulk_fleet_site *sites[TAKEN_AT_ONCE];
    uint64_t now = io_now_ms(fleet->loop);
    struct error error = {0};
    size_t count = 0;

    for (struct list_node *node = list_first(&fleet->sites);
         node != NULL && count < TAKEN_AT_ONCE && count < fleet->untold;
         node = list_after(&fleet->sites, node)) {
        struct bulk_fleet_site *site = LIST_ELEMENT(node, struct bulk_fleet_site, node);

        if (!site->is_untold)
            continue;
        leases[count] = (struct store_lease){
            .site = slice_from_string(site->lease),
            .quiet_ms = site->rest_ms > now ? site->rest_ms - now : 0,
        };
        sites[count++] = site;
    }
    if (count == 0)
        return true;
    if (store_leases_rest(fleet->membership, leases, count, &error) != 0) {
        bulk_fleet_trouble(fleet, &error);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        is_told(fleet, sites[i]);
    return true;
}

/* False: not now. */
static bool take_wanted(struct bulk_fleet *fleet)
{
    struct store_lease leases[TAKEN_AT_ONCE];
    struct bulk_fleet_site *sites[TAKEN_AT_ONCE];
    struct error error = {0};
    size_t count = 0;

    for (struct list_node *node = list_first(&fleet->sites);
         node != NULL && count < TAKEN_AT_ONCE && count < fleet->wanted;
         node = list_after(&fleet->sites, node)) {
        struct bulk_fleet_site *site = LIST_ELEMENT(node, struct bulk_fleet_site, node);

        if (site->hold != BULK_FLEET_WANTED)
            continue;
        leases[count].site = slice_from_string(site->lease);
        sites[count++] = site;
    }
    if (count == 0)
        return true;
    if (store_leases_take(fleet->membership, leases, count, &error) != 0) {
        bulk_fleet_trouble(fleet, &error);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        fleet->wanted--;
        settle(fleet, sites[i], &leases[i]);
    }
    for (size_t i = 0; i < count; i++)
        turn(fleet, sites[i]);
    return true;
}

static void tell_and_take(struct io_timer *timer)
{
    struct bulk_fleet *fleet = timer->user;

    if (fleet->is_lost || bulk_fleet_look_whether_lost(fleet))
        return;
    if (!tell_rests(fleet) || !take_wanted(fleet))
        see_to_it(fleet, AGAIN_MS);
    else if (fleet->wanted + fleet->untold > 0)
        see_to_it(fleet, 0);
}

/* Nobody else could take what is ours and unknown to us: rows would wait there for ever. */
static void make_sure(struct bulk_fleet *fleet)
{
    struct slice *known = memory_zalloc(fleet->site_table.count + 1, sizeof(*known));
    struct error error = {0};
    size_t count = 0;

    if (known == NULL)
        return;
    for (struct list_node *node = list_first(&fleet->sites); node != NULL;
         node = list_after(&fleet->sites, node)) {
        const struct bulk_fleet_site *site = LIST_ELEMENT(node, struct bulk_fleet_site, node);

        if (is_ours(site))
            known[count++] = slice_from_string(site->lease);
    }
    if (store_leases_keep(fleet->membership, known, count, &error) != 0)
        bulk_fleet_trouble(fleet, &error);
    else
        fleet->is_unsure = false;
    memory_free(known);
}

/*
 * Whoever says the first beat after somebody's death is not to have all that was his: nobody takes
 * more than he has already, or a few.
 */
static size_t adopted_at_once(const struct bulk_fleet *fleet)
{
    uint64_t ours = fleet->counts.leases;

    return ours < ADOPTED_LEAST ? ADOPTED_LEAST : ours > TAKEN_AT_ONCE ? TAKEN_AT_ONCE : ours;
}

static void adopt(struct bulk_fleet *fleet)
{
    struct store_lease leases[TAKEN_AT_ONCE];
    uint64_t lists[BULK_FLEET_LISTS]; /* of others we would take no rows */
    size_t list_count = bulk_fleet_joined_lists(fleet, lists), count = 0;
    struct error error = {0};
    struct arena arena;

    arena_init(&arena);
    if (store_leases_adopt(fleet->membership, lists, list_count, adopted_at_once(fleet), &arena,
                           leases, &count, &error) != 0) {
        fleet->is_unsure = true; /* it may be the answer that was lost */
        bulk_fleet_trouble(fleet, &error);
    }
    for (size_t i = 0; i < count; i++) {
        struct bulk_fleet_site *site = find_lease(fleet, leases[i].site);

        if (site == NULL) {
            fleet->is_unsure = true; /* it is ours, and we can't use it */
            continue;
        }
        if (site->hold == BULK_FLEET_WANTED)
            fleet->wanted--;
        /* Whether it has a limit of connections a minute the engine has not said yet. */
        site->per_minute = site->per_minute > 0 ? site->per_minute : 1;
        settle(fleet, site, &leases[i]);
        turn(fleet, site);
    }
    arena_done(&arena);
    if (count > 0)
        bulk_fleet_pump_soon(fleet, 0);
}

/* --- giving -------------------------------------------------------------------------------- */

static bool is_busy(struct bulk_fleet *fleet, const struct bulk_fleet_site *site,
                    struct probe_site_state *state)
{
    *state = (struct probe_site_state){.sessions = 0};
    return !site->is_foreign && probe_engine_find_site(fleet->engine, site->key, state) &&
           (state->sessions > 0 || (state->waiting > 0 && site->hold != BULK_FLEET_LEAVING));
}

/* For the next holder, who knows neither that we were refused nor what we opened, nor how long it
   was to rest when we got it. */
static uint64_t quiet_ms(struct bulk_fleet *fleet, const struct bulk_fleet_site *site,
                         const struct probe_site_state *state)
{
    uint64_t now = io_now_ms(fleet->loop);
    uint64_t fresh = site->is_foreign ? 0 : probe_engine_site_fresh_ms(fleet->engine, site->key);
    uint64_t until = state->breaker_until_ms > site->at_ms ? state->breaker_until_ms : site->at_ms;
    uint64_t rest;

    until = site->rest_ms > until ? site->rest_ms : until; /* the engine may have forgotten it */
    rest = until > now ? until - now : 0;
    return rest > fresh ? rest : fresh;
}

static void give_quiet(struct bulk_fleet *fleet)
{
    struct store_lease leases[TAKEN_AT_ONCE];
    struct bulk_fleet_site *sites[TAKEN_AT_ONCE];
    bool is_idle[TAKEN_AT_ONCE];
    uint64_t now = io_now_ms(fleet->loop);
    struct error error = {0};
    size_t count = 0;

    for (struct list_node *node = list_first(&fleet->sites); node != NULL && count < TAKEN_AT_ONCE;
         node = list_after(&fleet->sites, node)) {
        struct bulk_fleet_site *site = LIST_ELEMENT(node, struct bulk_fleet_site, node);
        uint64_t idle = site->per_minute > 0 && !site->is_foreign ? MINUTE + IDLE_MS : IDLE_MS;
        struct probe_site_state state;

        if (site->hold == BULK_FLEET_HELD && now < site->used_ms + idle)
            continue;
        if (!is_ours(site) || is_busy(fleet, site, &state))
            continue;
        leases[count] = (struct store_lease){
            .site = slice_from_string(site->lease),
            .quiet_ms = quiet_ms(fleet, site, &state),
        };
        /* Whether the answer comes or not, somebody else may have it from here on. */
        is_idle[count] = site->hold == BULK_FLEET_HELD;
        site->hold = BULK_FLEET_LEAVING;
        sites[count++] = site;
    }
    if (count == 0)
        return;
    if (store_leases_give(fleet->membership, leases, count, &error) != 0) {
        bulk_fleet_trouble(fleet, &error);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        fleet->counts.leases--;
        sites[i]->at_ms = is_idle[i] ? now : now + LEFT_MS;
        if (!is_idle[i])
            fleet->left_ms = now + LEFT_MS;
        sites[i]->hold = BULK_FLEET_FOREIGN;
        sites[i]->rest_ms = 0;
        is_told(fleet, sites[i]);
    }
    (void)store_fleet_tell(fleet->store, NULL);
}

/* It would rest for up to a minute in other hands; worth it only when we have too much to do. */
static bool is_costly(struct bulk_fleet *fleet, const struct bulk_fleet_site *site)
{
    return fleet->in_flight < fleet->options.window && !site->is_foreign &&
           probe_engine_site_fresh_ms(fleet->engine, site->key) > 0;
}

/* Of a worker, by what all hold as far as is known: with what we took since we said how many. */
static uint64_t share_of_one(const struct bulk_fleet *fleet)
{
    uint64_t workers = fleet->view.workers > 0 ? fleet->view.workers : 1, all = fleet->view.leases;

    all -= all < fleet->told_leases ? all : fleet->told_leases;
    all += fleet->counts.leases;
    return (all + workers - 1) / workers;
}

/* What is leaving already is as good as gone. */
static uint64_t count_to_stay(const struct bulk_fleet *fleet)
{
    uint64_t count = 0;

    for (struct list_node *node = list_first(&fleet->sites); node != NULL;
         node = list_after(&fleet->sites, node))
        count += LIST_ELEMENT(node, struct bulk_fleet_site, node)->hold == BULK_FLEET_HELD;
    return count;
}

/* More than our share, now that others are there: what is too much is to leave. */
static void even_out(struct bulk_fleet *fleet)
{
    uint64_t share = share_of_one(fleet), ours = count_to_stay(fleet), many;

    /* What we gave up is nobody's for a moment, and would make the share look smaller than it is.
     */
    if (fleet->view.workers <= 1 || ours <= share + share / 4 + SPARE ||
        io_now_ms(fleet->loop) < fleet->left_ms)
        return;
    many = ours - share;
    for (struct list_node *node = list_first(&fleet->sites), *next; node != NULL && many > 0;
         node = next) {
        struct bulk_fleet_site *site = LIST_ELEMENT(node, struct bulk_fleet_site, node);

        next = list_after(&fleet->sites, node);
        if (site->hold != BULK_FLEET_HELD || is_costly(fleet, site))
            continue;
        site->hold = BULK_FLEET_LEAVING;
        many--;
        turn(fleet, site);
    }
}

/* What is remembered of others' sites is forgotten when it says nothing any more. */
static void tidy(struct bulk_fleet *fleet)
{
    uint64_t now = io_now_ms(fleet->loop);

    for (struct list_node *node = list_first(&fleet->sites), *next; node != NULL; node = next) {
        struct bulk_fleet_site *site = LIST_ELEMENT(node, struct bulk_fleet_site, node);

        next = list_after(&fleet->sites, node);
        if (site->hold == BULK_FLEET_HELD && site->is_waited_for && now >= site->at_ms)
            turn(fleet, site);
        else if (site->hold == BULK_FLEET_FOREIGN && !site->is_waited_for && now >= site->at_ms)
            forget(fleet, site);
    }
}

void bulk_fleet_lease_tend(struct bulk_fleet *fleet)
{
    if (fleet->wanted + fleet->untold > 0)
        see_to_it(fleet, 0);
    if (fleet->is_unsure)
        make_sure(fleet);
    /* What was too much for us is for others. */
    if (!fleet->is_stopping && fleet->view.lists > 0 && io_now_ms(fleet->loop) >= fleet->left_ms)
        adopt(fleet);
    if (!fleet->is_stopping)
        even_out(fleet);
    give_quiet(fleet);
    tidy(fleet);
}

bool bulk_fleet_lease_part(struct bulk_fleet *fleet)
{
    for (struct list_node *node = list_first(&fleet->sites), *next; node != NULL; node = next) {
        struct bulk_fleet_site *site = LIST_ELEMENT(node, struct bulk_fleet_site, node);

        next = list_after(&fleet->sites, node);
        if (site->hold != BULK_FLEET_HELD)
            continue;
        site->hold = BULK_FLEET_LEAVING;
        turn(fleet, site);
    }
    give_quiet(fleet);
    return fleet->counts.leases == 0;
}

size_t bulk_fleet_lease_keys(struct bulk_fleet *fleet, struct slice *keys, size_t max)
{
    size_t count = 0, at = 0, held = 0;

    for (struct list_node *node = list_first(&fleet->sites); node != NULL;
         node = list_after(&fleet->sites, node))
        held += LIST_ELEMENT(node, struct bulk_fleet_site, node)->hold == BULK_FLEET_HELD;
    if (held == 0)
        return 0;
    fleet->task_cursor = held > max ? fleet->task_cursor % held : 0;
    for (struct list_node *node = list_first(&fleet->sites); node != NULL && count < max;
         node = list_after(&fleet->sites, node)) {
        struct bulk_fleet_site *site = LIST_ELEMENT(node, struct bulk_fleet_site, node);

        if (site->hold == BULK_FLEET_HELD && at++ >= fleet->task_cursor)
            keys[count++] = slice_from_string(site->lease);
    }
    fleet->task_cursor += count;
    return count;
}

void bulk_fleet_lease_init(struct bulk_fleet *fleet)
{
    const struct probe_gate gate = {ask, rests_until, refused, fleet};

    list_init(&fleet->sites);
    table_init(&fleet->site_table, store_fleet_worker(fleet->membership));
    io_timer_init(fleet->loop, &fleet->lease_timer, tell_and_take, fleet);
    probe_engine_set_gate(fleet->engine, &gate);
}

void bulk_fleet_lease_done(struct bulk_fleet *fleet)
{
    struct list_node *node;

    probe_engine_set_gate(fleet->engine, NULL);
    io_timer_stop(&fleet->lease_timer);
    while ((node = list_first(&fleet->sites)) != NULL)
        forget(fleet, LIST_ELEMENT(node, struct bulk_fleet_site, node));
    table_done(&fleet->site_table);
}
