#include "bulk/fleet_rig.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

#define WORKERS_MAX 8
#define LEASES_MAX  400
#define ROWS_MAX    200
#define CHUNK       10 /* rows */
#define LIST        1

struct lease {
    char site[STORE_FLEET_SITE_MAX];
    uint64_t worker, token, ended_ms, quiet_ms;
    bool has_ended, has_quiet, is_waited_for;
};

struct row {
    char address[64];
    bool has_result, is_task;
    enum verdict_reason reason;
    uint64_t worker;     /* of a task */
    struct lease *lease; /* that it waits for */
};

struct chunk {
    uint64_t worker;
    bool is_done;
};

struct rig_list {
    enum store_job_state state;
    char note[512];
    struct row rows[ROWS_MAX];
    struct chunk chunks[ROWS_MAX / CHUNK];
    size_t row_count;
};

static struct {
    struct rig_list list;
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

void fleet_rig_add_row(const char *address)
{
    struct rig_list *list = &rig.list;

    CHECK(list->row_count < ROWS_MAX);
    CHECK(slice_to_string(slice_from_string(address), list->rows[list->row_count].address,
                          sizeof(list->rows[0].address)));
    list->row_count++;
    list->state = STORE_JOB_RUNNING;
}

void fleet_rig_run_list(void)
{
    rig.list.state = STORE_JOB_RUNNING;
}

enum store_job_state fleet_rig_list(void)
{
    return rig.list.state;
}

const char *fleet_rig_note(void)
{
    return rig.list.note;
}

unsigned fleet_rig_results(enum verdict_reason reason)
{
    unsigned count = 0;

    for (size_t i = 0; i < rig.list.row_count; i++)
        count += rig.list.rows[i].has_result && rig.list.rows[i].reason == reason;
    return count;
}

static bool list_runs(void)
{
    return rig.list.state == STORE_JOB_RUNNING;
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

static void free_rows_of(uint64_t worker)
{
    for (size_t i = 0; i < ARRAY_LEN(rig.list.chunks); i++)
        if (rig.list.chunks[i].worker == worker)
            rig.list.chunks[i].worker = 0;
    for (size_t i = 0; i < rig.list.row_count; i++)
        if (rig.list.rows[i].worker == worker)
            rig.list.rows[i].worker = 0;
}

static void free_all_of(uint64_t worker, uint64_t ended_ms)
{
    free_rows_of(worker);
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
    *ret_view = (struct store_fleet_view){.lists = fleet->wants_adoption || list_runs()};
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

int store_leases_adopt(struct store_fleet *fleet, const uint64_t *jobs, size_t job_count,
                       size_t max, struct arena *arena, struct store_lease *leases,
                       size_t *ret_count, struct error *error)
{
    int code = call(fleet, error);
    size_t count = 0;

    (void)arena;
    (void)jobs;
    if (job_count == 0 && !fleet->wants_adoption) {
        *ret_count = 0;
        return code;
    }
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

/* --- rows ---------------------------------------------------------------------------------- */

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
    int code = call(fleet, error);

    *ret_count = code == 0 && list_runs();
    if (*ret_count > 0)
        lists[0] = (struct store_fleet_list){.id = LIST};
    return code;
}

int store_fleet_deal(struct store_fleet *fleet, uint64_t job, struct error *error)
{
    return 0;
}

static struct store_claim *claim_next(struct store_claims *claims)
{
    CHECK(claims->claims != NULL);
    return memset(&claims->claims[claims->count++], 0, sizeof(*claims->claims));
}

static void begin_claims(struct store_claims *claims)
{
    arena_reset(&claims->arena);
    claims->count = 0;
    claims->claims = arena_array(&claims->arena, ROWS_MAX, sizeof(*claims->claims));
}

static void claim_row(struct store_claims *claims, size_t at, size_t chunk)
{
    *claim_next(claims) = (struct store_claim){
        .job = LIST,
        .chunk = chunk,
        .row = {.number = at + 1, .address = slice_from_string(rig.list.rows[at].address)},
    };
}

/* One in which nothing is left comes with row 0. */
static void claim_chunk(struct store_claims *claims, size_t chunk)
{
    size_t before = claims->count;

    for (size_t at = chunk * CHUNK; at < (chunk + 1) * CHUNK && at < rig.list.row_count; at++)
        if (!rig.list.rows[at].has_result && !rig.list.rows[at].is_task)
            claim_row(claims, at, chunk + 1);
    if (claims->count == before)
        *claim_next(claims) = (struct store_claim){.job = LIST, .chunk = chunk + 1};
}

int store_fleet_claim(struct store_fleet *fleet, uint64_t job, size_t max,
                      struct store_claims *ret_claims, struct error *error)
{
    int code = call(fleet, error);

    begin_claims(ret_claims);
    for (size_t i = 0; i * CHUNK < rig.list.row_count && max > 0 && code == 0; i++) {
        struct chunk *chunk = &rig.list.chunks[i];

        if (chunk->worker != 0 || chunk->is_done)
            continue;
        chunk->worker = fleet->worker;
        claim_chunk(ret_claims, i);
        max--;
    }
    if (code == 0)
        code = answer(fleet, fleet->claim_fault, error);
    if (code != 0)
        ret_claims->count = 0;
    return code;
}

int store_fleet_claim_tasks(struct store_fleet *fleet, const struct slice *sites, size_t count,
                            const uint64_t *jobs, size_t job_count, size_t each,
                            struct store_claims *ret_claims, struct error *error)
{
    int code = call(fleet, error);

    begin_claims(ret_claims);
    for (size_t i = 0; i < rig.list.row_count && list_runs() && code == 0; i++) {
        struct row *row = &rig.list.rows[i];

        if (!row->is_task || row->worker != 0 || row->lease->worker != fleet->worker)
            continue;
        row->worker = fleet->worker;
        claim_row(ret_claims, i, 0);
    }
    return code;
}

int store_fleet_put(struct store_fleet *fleet, uint64_t job, const struct store_fleet_batch *batch,
                    struct error *error)
{
    int code = call(fleet, error);

    for (size_t i = 0; i < batch->result_count && code == 0; i++) {
        struct row *row = &rig.list.rows[batch->results[i].row - 1];

        if (!row->has_result)
            row->reason = batch->results[i].reason;
        row->has_result = true;
        row->is_task = false;
        row->worker = 0;
    }
    for (size_t i = 0; i < batch->routed_count && code == 0; i++) {
        struct row *row = &rig.list.rows[batch->routed[i].row - 1];

        row->is_task = !row->has_result;
        row->worker = 0;
        row->lease = find(batch->routed[i].site);
        row->lease->is_waited_for = true;
    }
    for (size_t i = 0; i < batch->chunk_count && code == 0; i++) {
        struct chunk *chunk = &rig.list.chunks[batch->chunks[i] - 1];

        chunk->is_done = chunk->is_done || chunk->worker == fleet->worker;
        chunk->worker = chunk->is_done ? 0 : chunk->worker;
    }
    return code;
}

int store_fleet_release(struct store_fleet *fleet, uint64_t job, struct error *error)
{
    int code = call(fleet, error);

    if (code == 0)
        free_rows_of(fleet->worker);
    return code;
}

static int end_as(enum store_job_state state)
{
    if (!list_runs())
        return 0;
    rig.list.state = state;
    return 1;
}

int store_fleet_finish(struct store_fleet *fleet, uint64_t job, struct error *error)
{
    int code = call(fleet, error);

    if (code != 0)
        return code;
    for (size_t i = 0; i < rig.list.row_count; i++)
        if (!rig.list.rows[i].has_result)
            return 0;
    return end_as(STORE_JOB_FINISHED);
}

static uint64_t count_results(void)
{
    uint64_t count = 0;

    for (size_t i = 0; i < rig.list.row_count; i++)
        count += rig.list.rows[i].has_result;
    return count;
}

int store_fleet_results(struct store_fleet *fleet, uint64_t job, uint64_t *ret_results,
                        struct error *error)
{
    int code = call(fleet, error);

    *ret_results = count_results();
    return code;
}

int store_fleet_fail(struct store_fleet *fleet, uint64_t job, struct slice note, uint64_t results,
                     struct error *error)
{
    int code = call(fleet, error);

    if (code != 0)
        return code;
    for (size_t i = 0; i < rig.list.row_count; i++)
        if (rig.list.rows[i].worker != 0 || rig.list.chunks[i / CHUNK].worker != 0)
            return 0;
    if (count_results() > results)
        return 0;
    CHECK(slice_to_string(note, rig.list.note, sizeof(rig.list.note)));
    return end_as(STORE_JOB_FAILED);
}
