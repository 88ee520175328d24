/* A program built without libpq. */
#include "store/fleet.h"

bool store_has_postgres(void)
{
    return false;
}

int store_postgres_open(const char *url, enum store_mode mode, struct store **ret_store,
                        struct error *error)
{
    return error_set(error, ERROR_USAGE,
                     "this mailknock was built without PostgreSQL (libpq): use a file's name or "
                     "sqlite:PATH, or build it with -Dpostgres=enabled");
}

int store_postgres_may_prepare(const char *url, struct error *error)
{
    return store_postgres_open(url, STORE_MODE_READ_ONLY, NULL, error);
}

int store_postgres_files(const char *url, int (*each)(void *user, const char *path), void *user)
{
    return 0;
}

/* Nobody can join a fleet without a store that is shared: no more than this is ever called. */

static int none(struct error *error)
{
    return error_set(error, ERROR_USAGE, "this mailknock was built without PostgreSQL (libpq)");
}

int store_fleet_join(struct store *store, const struct store_fleet_terms *terms,
                     struct store_fleet **ret_fleet, struct error *error)
{
    return none(error);
}

void store_fleet_leave(struct store_fleet *fleet)
{
}

uint64_t store_fleet_worker(const struct store_fleet *fleet)
{
    return 0;
}

uint64_t store_fleet_until_ms(const struct store_fleet *fleet)
{
    return 0;
}

uint64_t store_fleet_now_ms(const struct store_fleet *fleet)
{
    return 0;
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
    return none(error);
}

int store_leases_take(struct store_fleet *fleet, struct store_lease *leases, size_t count,
                      struct error *error)
{
    return none(error);
}

int store_leases_adopt(struct store_fleet *fleet, const uint64_t *jobs, size_t job_count,
                       size_t max, struct arena *arena, struct store_lease *leases,
                       size_t *ret_count, struct error *error)
{
    return none(error);
}

int store_leases_give(struct store_fleet *fleet, const struct store_lease *leases, size_t count,
                      struct error *error)
{
    return none(error);
}

int store_leases_rest(struct store_fleet *fleet, const struct store_lease *leases, size_t count,
                      struct error *error)
{
    return none(error);
}

int store_leases_keep(struct store_fleet *fleet, const struct slice *sites, size_t count,
                      struct error *error)
{
    return none(error);
}

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
    return none(error);
}

int store_fleet_prepare(struct store *store, uint64_t job, bool asks_anew, struct error *error)
{
    return 0;
}

int store_fleet_deal(struct store_fleet *fleet, uint64_t job, struct error *error)
{
    return none(error);
}

int store_fleet_claim(struct store_fleet *fleet, uint64_t job, size_t max,
                      struct store_claims *ret_claims, struct error *error)
{
    return none(error);
}

int store_fleet_claim_tasks(struct store_fleet *fleet, const struct slice *sites, size_t count,
                            const uint64_t *jobs, size_t job_count, size_t each,
                            struct store_claims *ret_claims, struct error *error)
{
    return none(error);
}

int store_fleet_put(struct store_fleet *fleet, uint64_t job, const struct store_fleet_batch *batch,
                    struct error *error)
{
    return none(error);
}

int store_fleet_release(struct store_fleet *fleet, uint64_t job, struct error *error)
{
    return none(error);
}

int store_fleet_finish(struct store_fleet *fleet, uint64_t job, struct error *error)
{
    return none(error);
}

int store_fleet_results(struct store_fleet *fleet, uint64_t job, uint64_t *ret_results,
                        struct error *error)
{
    return none(error);
}

int store_fleet_fail(struct store_fleet *fleet, uint64_t job, struct slice note, uint64_t results,
                     struct error *error)
{
    return none(error);
}

int store_fleet_tell(struct store *store, struct error *error)
{
    return 0;
}

int store_worker_next(struct store *store, uint64_t after, struct arena *arena,
                      struct store_worker *ret_worker, struct error *error)
{
    return none(error);
}

int store_fleet_totals(struct store *store, struct store_fleet_totals *ret_totals,
                       struct error *error)
{
    return none(error);
}
