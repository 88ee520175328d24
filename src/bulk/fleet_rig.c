#include "bulk/fleet_rig.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

#define WORKERS_MAX 8
#define LEASES_MAX  400

struct lease {
    char site[STORE_FLEET_SITE_MAX];
    uint64_t worker, token, ended_ms, quiet_ms;
    bool has_ended, has_quiet, is_waited_for;
};

static struct {
    struct io_loop *loop;
    struct store_fleet workers[WORKERS_MAX];
    struct lease leases[LEASES_MAX];
    size_t lease_count;
    uint64_t token;
    unsigned said;
} rig;

static uint64_t now_ms(void)
{
    return io_now_ms(rig.loop);
}

void fleet_rig_start(struct io_loop *loop)
{
    memset(&rig, 0, sizeof(rig));
    rig.loop = loop;
}

static struct lease *find(struct slice site)
{
    for (size_t i = 0; i < rig.lease_count; i++)
        if (slice_equal(site, slice_from_string(rig.leases[i].site)))
            return &rig.leases[i];
    CHECK(rig.lease_count < LEASES_MAX);
    CHECK(slice_to_string(site, rig.leases[rig.lease_count].site, STORE_FLEET_SITE_MAX));
    return &rig.leases[rig.lease_count++];
}

void fleet_rig_add_site(const char *site)
{
    find(slice_from_string(site))->is_waited_for = true;
}

uint64_t fleet_rig_holder(const char *site)
{
    return find(slice_from_string(site))->worker;
}

uint64_t fleet_rig_rest_ms(const char *site)
{
    const struct lease *lease = find(slice_from_string(site));

    return lease->has_quiet && lease->quiet_ms > now_ms() ? lease->quiet_ms - now_ms() : 0;
}

unsigned fleet_rig_count(uint64_t worker)
{
    unsigned count = 0;

    for (size_t i = 0; i < rig.lease_count; i++)
        count += rig.leases[i].worker == worker;
    return count;
}

unsigned fleet_rig_said(void)
{
    return rig.said;
}

void fleet_rig_kill(struct store_fleet *fleet)
{
    fleet->is_here = false;
}

/* --- workers ------------------------------------------------------------------------------- */

static int unreachable(struct error *error)
{
    return error_set(error, ERROR_IO, "the rig is out of reach");
}

static bool is_alive(const struct store_fleet *fleet)
{
    return fleet->expires_ms > now_ms();
}

/* 0 when a call arrives and we are somebody. */
static int call(struct store_fleet *fleet, struct error *error)
{
    rig.said++;
    if (fleet->fault == FLEET_RIG_CUT)
        return unreachable(error);
    return is_alive(fleet) ? 0 : error_set(error, ERROR_NOT_FOUND, "given up");
}

static int answer(const struct store_fleet *fleet, enum fleet_rig_fault fault, struct error *error)
{
    return fleet->fault == FLEET_RIG_MUTE || fault == FLEET_RIG_MUTE ? unreachable(error) : 0;
}

static void free_all_of(uint64_t worker, uint64_t ended_ms)
{
    for (size_t i = 0; i < rig.lease_count; i++) {
        struct lease *lease = &rig.leases[i];

        if (lease->worker != worker)
            continue;
        lease->worker = 0;
        lease->has_ended = true;
        lease->ended_ms = ended_ms;
        lease->has_quiet = lease->has_quiet && lease->quiet_ms > now_ms();
    }
}

static void hold(struct store_fleet *fleet)
{
    fleet->expires_ms = now_ms() + fleet->ttl_ms;
    fleet->until_ms = store_fleet_now_ms(fleet) + fleet->ttl_ms * 3 / 5;
}

int store_fleet_join(struct store *store, const struct store_fleet_terms *terms,
                     struct store_fleet **ret_fleet, struct error *error)
{
    struct store_fleet *fleet = rig.workers;

    (void)store;
    while (fleet->worker != 0)
        CHECK(++fleet < rig.workers + WORKERS_MAX);
    *fleet = (struct store_fleet){
        .worker = (uint64_t)(fleet - rig.workers) + 1, .ttl_ms = terms->ttl_ms, .is_here = true};
    hold(fleet);
    *ret_fleet = fleet;
    return 0;
}

void store_fleet_leave(struct store_fleet *fleet)
{
    if (fleet == NULL || !is_alive(fleet))
        return;
    free_all_of(fleet->worker, now_ms());
    fleet->expires_ms = 0;
}

uint64_t store_fleet_worker(const struct store_fleet *fleet)
{
    return fleet->worker;
}

uint64_t store_fleet_until_ms(const struct store_fleet *fleet)
{
    return fleet->until_ms;
}

uint64_t store_fleet_now_ms(const struct store_fleet *fleet)
{
    return now_ms() + fleet->suspended_ms;
}

int store_fleet_descriptor(const struct store_fleet *fleet)
{
    return -1;
}

bool store_fleet_heard(struct store_fleet *fleet)
{
    return false;
}

int store_fleet_beat(struct store_fleet *fleet, const struct store_fleet_state *state,
                     struct store_fleet_view *ret_view, struct error *error)
{
    int code = call(fleet, error);

    if (code != 0)
        return code;
    fleet->leases = state->leases;
    *ret_view = (struct store_fleet_view){.lists = fleet->wants_adoption};
    for (struct store_fleet *one = rig.workers; one->worker != 0; one++) {
        if (one->expires_ms == 0)
            continue;
        if (is_alive(one)) {
            ret_view->workers++;
            ret_view->leases += one->leases;
            continue;
        }
        ret_view->given_up++;
        free_all_of(one->worker, one->expires_ms);
        one->expires_ms = 0;
    }
    code = answer(fleet, FLEET_RIG_WORKS, error);
    if (code == 0)
        hold(fleet);
    return code;
}

int store_fleet_tell(struct store *store, struct error *error)
{
    return 0;
}

/* --- leases -------------------------------------------------------------------------------- */

static void take(const struct store_fleet *fleet, struct lease *lease, struct store_lease *ret)
{
    bool said = lease->has_quiet || !lease->has_ended;

    lease->worker = fleet->worker;
    lease->token = ++rig.token;
    ret->site = slice_from_string(lease->site);
    ret->is_ours = true;
    ret->token = lease->token;
    ret->ended_ms = said ? UINT64_MAX : now_ms() - lease->ended_ms;
    ret->quiet_ms = lease->has_quiet && lease->quiet_ms > now_ms() ? lease->quiet_ms - now_ms() : 0;
}

int store_leases_take(struct store_fleet *fleet, struct store_lease *leases, size_t count,
                      struct error *error)
{
    int code = call(fleet, error);

    for (size_t i = 0; i < count && code == 0; i++) {
        struct lease *lease = find(leases[i].site);

        leases[i].is_ours = false;
        if (lease->worker == 0 || lease->worker == fleet->worker)
            take(fleet, lease, &leases[i]);
    }
    return code != 0 ? code : answer(fleet, FLEET_RIG_WORKS, error);
}

int store_leases_adopt(struct store_fleet *fleet, size_t max, struct arena *arena,
                       struct store_lease *leases, size_t *ret_count, struct error *error)
{
    int code = call(fleet, error);
    size_t count = 0;

    (void)arena;
    for (size_t i = 0; i < rig.lease_count && count < max && code == 0; i++)
        if (rig.leases[i].worker == 0 && rig.leases[i].is_waited_for)
            take(fleet, &rig.leases[i], &leases[count++]);
    if (code == 0)
        code = answer(fleet, FLEET_RIG_WORKS, error);
    if (code == 0)
        *ret_count = count;
    return code;
}

static void rest(struct lease *lease, uint64_t for_ms)
{
    if (!lease->has_quiet || lease->quiet_ms < now_ms() + for_ms)
        lease->quiet_ms = now_ms() + for_ms;
    lease->has_quiet = true;
}

static int say_rests(struct store_fleet *fleet, const struct store_lease *leases, size_t count,
                     bool gives, struct error *error)
{
    int code = call(fleet, error);

    for (size_t i = 0; i < count && code == 0; i++) {
        struct lease *lease = find(leases[i].site);

        if (lease->worker != fleet->worker)
            continue;
        rest(lease, leases[i].quiet_ms);
        if (!gives)
            continue;
        lease->worker = 0;
        lease->has_ended = true;
        lease->ended_ms = now_ms();
    }
    return code != 0 ? code : answer(fleet, gives ? fleet->give_fault : FLEET_RIG_WORKS, error);
}

int store_leases_give(struct store_fleet *fleet, const struct store_lease *leases, size_t count,
                      struct error *error)
{
    return say_rests(fleet, leases, count, true, error);
}

int store_leases_rest(struct store_fleet *fleet, const struct store_lease *leases, size_t count,
                      struct error *error)
{
    return say_rests(fleet, leases, count, false, error);
}

int store_leases_keep(struct store_fleet *fleet, const struct slice *sites, size_t count,
                      struct error *error)
{
    int code = call(fleet, error);

    for (size_t i = 0; i < rig.lease_count && code == 0; i++) {
        struct lease *lease = &rig.leases[i];
        bool is_known = false;

        for (size_t k = 0; k < count; k++)
            is_known = is_known || slice_equal(sites[k], slice_from_string(lease->site));
        if (lease->worker == fleet->worker && !is_known)
            lease->worker = 0;
    }
    return code;
}

/* --- rows: there are none ------------------------------------------------------------------ */

void store_claims_init(struct store_claims *claims)
{
    *claims = (struct store_claims){0};
    arena_init(&claims->arena);
}

void store_claims_done(struct store_claims *claims)
{
    arena_done(&claims->arena);
}

int store_fleet_running(struct store_fleet *fleet, struct arena *arena,
                        struct store_fleet_list *lists, size_t max, size_t *ret_count,
                        struct error *error)
{
    *ret_count = 0;
    return call(fleet, error);
}

int store_fleet_deal(struct store_fleet *fleet, uint64_t job, struct error *error)
{
    return 0;
}

int store_fleet_claim(struct store_fleet *fleet, uint64_t job, size_t max,
                      struct store_claims *ret_claims, struct error *error)
{
    return 0;
}

int store_fleet_claim_tasks(struct store_fleet *fleet, const struct slice *sites, size_t count,
                            const uint64_t *jobs, size_t job_count, size_t each,
                            struct store_claims *ret_claims, struct error *error)
{
    return 0;
}

int store_fleet_put(struct store_fleet *fleet, uint64_t job, const struct store_fleet_batch *batch,
                    struct error *error)
{
    return 0;
}

int store_fleet_release(struct store_fleet *fleet, uint64_t job, struct error *error)
{
    return 0;
}

int store_fleet_finish(struct store_fleet *fleet, uint64_t job, struct error *error)
{
    return 0;
}
