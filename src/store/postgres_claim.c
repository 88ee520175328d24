/* Chunks, tasks and leases in PostgreSQL. */
#include "base/check.h"
#include "base/memory.h"
#include "store/postgres_fleet.h"

#define TURNS (UINT64_C(1) << 32)

static const struct postgres_text deal_text = {
    "FLEET_DEAL",
    "WITH list AS (UPDATE job SET dealt=1, started_ms=CASE WHEN started_ms=0 THEN"
    " (extract(epoch FROM clock_timestamp())*1000)::int8 ELSE started_ms END"
    " WHERE id=$1::int8 AND dealt=0 AND state=$3::int8 RETURNING id,"
    " $4::int8/(greatest(1, rows/$2::int8))+1 AS width)"
    " INSERT INTO chunk (job, turn, until) SELECT id, t, t+width FROM list,"
    " generate_series(0::int8, $4::int8-1, width) AS t ON CONFLICT DO NOTHING",
    false,
};
/* The worker's own row is locked in the same statement: whoever gives it up waits, or was first. */
#define OURS(n)                                                                                    \
    "SELECT 1 FROM worker WHERE id=$" #n "::int8 AND expires>clock_timestamp() FOR KEY SHARE"

static const struct postgres_text claim_text = {
    "FLEET_CLAIM",
    "WITH me AS (" OURS(
        2) "), c AS (SELECT job, turn FROM chunk WHERE job=$1::int8 AND worker=0"
           " AND turn>=$4::int8 AND EXISTS (SELECT 1 FROM me) ORDER BY turn LIMIT $3::int8"
           " FOR UPDATE SKIP LOCKED),"
           " u AS (UPDATE chunk SET worker=$2::int8 FROM c WHERE chunk.job=c.job AND "
           "chunk.turn=c.turn"
           " RETURNING chunk.job, chunk.turn, chunk.until)"
           " SELECT r.row, r.copies, r.turn, r.address, r.fault, u.job, u.turn+1, 0::int8 FROM u "
           "LEFT JOIN"
           " line r ON r.job=$1::int8 AND r.turn>=u.turn AND r.turn<u.until AND r.first=0"
           " AND NOT EXISTS (SELECT 1 FROM result s WHERE s.job=$1::int8 AND s.row=r.row)"
           " AND NOT EXISTS (SELECT 1 FROM task t WHERE t.job=r.job AND t.row=r.row)"
           " ORDER BY u.turn, r.turn, r.row",
    false,
};
static const struct postgres_text running_text = {
    "FLEET_RUNNING",
    "SELECT id, options, anew::int8 FROM job WHERE state=$1::int8 ORDER BY id LIMIT $2::int8",
    true,
};
static const struct postgres_text prepare_text = {
    "FLEET_PREPARE",
    "UPDATE job SET anew=$2::int8 WHERE id=$1::int8",
    true,
};
static const struct postgres_text tasks_text = {
    "FLEET_TASKS",
    "WITH me AS (" OURS(
        1) "), c AS (SELECT f.job, f.row FROM unnest($2::bytea[]) AS s(site),"
           " LATERAL (SELECT t.job, t.row FROM task t WHERE t.site=s.site AND t.worker=0"
           " AND EXISTS (SELECT 1 FROM me) AND t.job=ANY($5::int8[])"
           " AND " POSTGRES_TASK_RUNS(
               4) " ORDER BY t.job, t.row LIMIT $3::int8 FOR UPDATE SKIP LOCKED) AS f),"
                  " u AS (UPDATE task SET worker=$1::int8 FROM c WHERE task.job=c.job AND "
                  "task.row=c.row"
                  " RETURNING task.job, task.row, task.hops)"
                  " SELECT r.row, r.copies, r.turn, r.address, r.fault, u.job, 0::int8, "
                  "u.hops::int8 "
                  "FROM u "
                  "JOIN line r"
                  " USING (job, row) WHERE r.job=ANY($5::int8[])",
    false,
};
static const struct postgres_text results_text = {
    "FLEET_RESULTS",
    "DELETE FROM task WHERE job=$1::int8 AND row=ANY($2::int8[])",
    false,
};
/*
 * Said twice (the answer was lost), it changes nothing that somebody has taken or answered since.
 * Leases that are there are left alone: batches would wait for each other at a large operator's
 * row. One that is being swept away meanwhile is made again (FLEET_MEND).
 */
static const struct postgres_text route_text = {
    "FLEET_ROUTE",
    "WITH l AS (INSERT INTO lease (site, ended, quiet) SELECT DISTINCT site, clock_timestamp(),"
    " clock_timestamp() FROM unnest($3::bytea[]) AS t(site)"
    " ORDER BY site ON CONFLICT (site) DO NOTHING)"
    " INSERT INTO task (job, row, site, hops) SELECT $1::int8, row, site, asked FROM"
    " unnest($2::int8[], $3::bytea[], $5::int8[]) AS t(row, site, asked) WHERE NOT EXISTS (SELECT "
    "1 FROM result s"
    " WHERE s.job=$1::int8 AND s.row=t.row)"
    " AND EXISTS (SELECT 1 FROM job WHERE id=$1::int8) ORDER BY row"
    " ON CONFLICT (job, row) DO UPDATE SET site=excluded.site, worker=0,"
    " hops=CASE WHEN task.worker=0 THEN task.hops WHEN task.site<>excluded.site"
    " THEN least(task.hops+1, 1000) ELSE least(task.hops+excluded.hops, 1000) END"
    " WHERE task.worker IN (0, $4::int8)",
    false,
};
static const struct postgres_text done_text = {
    "FLEET_DONE",
    "DELETE FROM chunk WHERE job=$1::int8 AND worker=$2::int8 AND turn+1=ANY($3::int8[])",
    false,
};
static const struct postgres_text release_text = {
    "FLEET_RELEASE",
    "WITH t AS (UPDATE task SET worker=0 WHERE job=$1::int8 AND worker=$2::int8)"
    " UPDATE chunk SET worker=0 WHERE job=$1::int8 AND worker=$2::int8",
    true,
};
/* What was claimed twice may have left chunks and tasks of rows that have their result. */
static const struct postgres_text finish_text = {
    "FLEET_FINISH",
    "WITH f AS (UPDATE job SET state=$2::int8, note='', finished_ms="
    "(extract(epoch FROM clock_timestamp())*1000)::int8 WHERE id=$1::int8 AND state=$3::int8 AND"
    " dealt=1 AND rows-duplicates<=(SELECT coalesce(sum(results), 0) FROM"
    " tally WHERE job=$1::int8) RETURNING id),"
    " c AS (DELETE FROM chunk USING f WHERE chunk.job=f.id),"
    " t AS (DELETE FROM task USING f WHERE task.job=f.id) SELECT count(*) FROM f",
    false,
};
static const struct postgres_text count_text = {
    "FLEET_COUNT",
    "SELECT coalesce(sum(results), 0)::int8 FROM tally WHERE job=$1::int8",
    true,
};
static const struct postgres_text fail_text = {
    "FLEET_FAIL",
    "WITH f AS (UPDATE job SET state=$2::int8, note=$4::bytea, finished_ms="
    "(extract(epoch FROM clock_timestamp())*1000)::int8 WHERE id=$1::int8 AND"
    " state=$3::int8 AND $5::int8>=(SELECT coalesce(sum(results), 0) FROM tally WHERE"
    " job=$1::int8) AND NOT EXISTS (SELECT 1 FROM chunk WHERE job=$1::int8 AND worker<>0)"
    " AND NOT EXISTS (SELECT 1 FROM task WHERE job=$1::int8 AND worker<>0) RETURNING id)"
    " SELECT count(*) FROM f",
    false,
};
static const struct postgres_text take_text = {
    "LEASES_TAKE",
    "WITH me AS (" OURS(
        1) ") INSERT INTO lease AS l (site, worker, token) SELECT DISTINCT site,"
           " $1::int8, nextval('token') FROM unnest($2::bytea[]) AS t(site), me ORDER BY site"
           " ON CONFLICT (site) DO UPDATE SET worker=$1::int8, token=nextval('token')"
           " WHERE l.worker=0 OR l.worker=$1::int8 RETURNING site, token,"
           " CASE WHEN ended IS NULL OR quiet IS NOT NULL THEN -1 ELSE"
           " extract(epoch FROM clock_timestamp()-ended)*1000 END::int8,"
           " greatest(0, coalesce(extract(epoch FROM quiet-clock_timestamp())*1000, 0))::int8",
    false,
};
static const struct postgres_text adopt_text = {
    "LEASES_ADOPT",
    "WITH me AS (" OURS(
        1) "), c AS (SELECT site FROM lease l WHERE worker=0 AND EXISTS (SELECT 1"
           " FROM me) AND EXISTS (SELECT 1 FROM task t WHERE t.site=l.site AND t.worker=0"
           " AND t.job=ANY($4::int8[]) AND " POSTGRES_TASK_RUNS(
               3) ")"
                  " ORDER BY ended NULLS FIRST LIMIT $2::int8 FOR UPDATE SKIP LOCKED)"
                  " UPDATE lease SET worker=$1::int8, token=nextval('token') FROM c WHERE "
                  "lease.site=c.site"
                  " RETURNING lease.site, token,"
                  " CASE WHEN ended IS NULL OR quiet IS NOT NULL THEN -1 ELSE"
                  " extract(epoch FROM clock_timestamp()-ended)*1000 END::int8,"
                  " greatest(0, coalesce(extract(epoch FROM quiet-clock_timestamp())*1000, "
                  "0))::int8",
    false,
};
static const struct postgres_text give_text = {
    "LEASES_GIVE",
    "UPDATE lease SET worker=0, ended=clock_timestamp(),"
    " quiet=greatest(quiet, clock_timestamp()+t.rest*interval '1 millisecond')"
    " FROM unnest($2::bytea[], $3::int8[]) AS t(site, rest)"
    " WHERE lease.site=t.site AND lease.worker=$1::int8",
    true,
};
static const struct postgres_text rest_text = {
    "LEASES_REST",
    "UPDATE lease SET quiet=greatest(quiet, clock_timestamp()+t.rest*interval '1 millisecond')"
    " FROM unnest($2::bytea[], $3::int8[]) AS t(site, rest)"
    " WHERE lease.site=t.site AND lease.worker=$1::int8",
    true,
};

/* They rest as long as they did: we have not asked there. */
static const struct postgres_text keep_text = {
    "LEASES_KEEP",
    "UPDATE lease SET worker=0 WHERE worker=$1::int8 AND NOT site=ANY($2::bytea[])",
    true,
};

/* --- claims -------------------------------------------------------------------------------- */

void store_claims_init(struct store_claims *claims)
{
    *claims = (struct store_claims){0};
    arena_init(&claims->arena);
}

void store_claims_done(struct store_claims *claims)
{
    arena_done(&claims->arena);
}

int postgres_fleet_claims(PGresult *answer, struct store_claims *claims, struct error *error)
{
    int count = PQntuples(answer);
    uint64_t last = 0;

    arena_reset(&claims->arena);
    claims->count = 0;
    claims->chunks = 0;
    claims->claims = arena_array(&claims->arena, (size_t)count + 1, sizeof(*claims->claims));
    if (claims->claims == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for claims");
    for (int i = 0; i < count; i++) {
        struct store_claim claim = {
            .row =
                {
                    .number = (uint64_t)postgres_int(answer, i, 0),
                    .copies = (uint64_t)postgres_int(answer, i, 1),
                    .turn = (uint32_t)postgres_int(answer, i, 2),
                    .address = arena_slice(&claims->arena, postgres_bytes(answer, i, 3)),
                    .fault = arena_slice(&claims->arena, postgres_bytes(answer, i, 4)),
                },
            .job = (uint64_t)postgres_int(answer, i, 5),
            .chunk = (uint64_t)postgres_int(answer, i, 6),
            .hops = (unsigned)postgres_int(answer, i, 7),
        };

        if (claim.row.address.ptr == NULL || claim.row.fault.ptr == NULL)
            return error_set(error, ERROR_NOMEM, "no memory for claims");
        claims->chunks += claim.chunk != 0 && claim.chunk != last;
        last = claim.chunk;
        /* A chunk in which nothing is left comes with row 0, to be said done. */
        claims->claims[claims->count++] = claim;
    }
    return 0;
}

static int claim(struct store_fleet *fleet, const struct postgres_text *text,
                 struct postgres_params *params, struct store_claims *ret_claims,
                 struct error *error)
{
    PGresult *answer;
    int code = postgres_store_ask(fleet->store, text, params, &answer, "claim rows", error);

    postgres_params_done(params);
    if (code != 0)
        return code;
    code = postgres_fleet_claims(answer, ret_claims, error);
    PQclear(answer);
    return code;
}

int store_fleet_running(struct store_fleet *fleet, struct arena *arena,
                        struct store_fleet_list *lists, size_t max, size_t *ret_count,
                        struct error *error)
{
    struct postgres_params params;
    PGresult *answer;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, STORE_JOB_RUNNING);
    postgres_bind_int(&params, (int64_t)max);
    code =
        postgres_store_ask(fleet->store, &running_text, &params, &answer, "look for lists", error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    for (int i = 0; i < PQntuples(answer) && code == 0; i++) {
        lists[i] = (struct store_fleet_list){
            .id = (uint64_t)postgres_int(answer, i, 0),
            .options = arena_slice(arena, postgres_bytes(answer, i, 1)),
            .asks_anew = postgres_int(answer, i, 2) != 0,
        };
        if (lists[i].options.ptr == NULL)
            code = error_set(error, ERROR_NOMEM, "no memory for lists");
    }
    *ret_count = (size_t)PQntuples(answer);
    PQclear(answer);
    return code;
}

int store_fleet_prepare(struct store *base, uint64_t job, bool asks_anew, struct error *error)
{
    struct postgres_params params;
    int code;

    if (!store_is_shared(base))
        return 0;
    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_int(&params, asks_anew);
    code = postgres_store_ask(postgres_store_of(base), &prepare_text, &params, NULL,
                              "prepare a list", error);
    postgres_params_done(&params);
    return code;
}

int store_fleet_deal(struct store_fleet *fleet, uint64_t job, struct error *error)
{
    struct postgres_params params;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_int(&params, STORE_FLEET_CHUNK);
    postgres_bind_int(&params, STORE_JOB_RUNNING);
    postgres_bind_int(&params, (int64_t)TURNS);
    code = postgres_store_ask(fleet->store, &deal_text, &params, NULL, "deal a list out", error);
    postgres_params_done(&params);
    return code;
}

int store_fleet_claim(struct store_fleet *fleet, uint64_t job, size_t max,
                      struct store_claims *ret_claims, struct error *error)
{
    uint64_t floor = fleet->floor_job == job ? fleet->floor_turn : 0;
    struct postgres_params params;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_int(&params, (int64_t)fleet->worker);
    postgres_bind_int(&params, (int64_t)max);
    postgres_bind_int(&params, (int64_t)floor);
    code = claim(fleet, &claim_text, &params, ret_claims, error);
    if (code != 0)
        return code;
    fleet->floor_job = ret_claims->count > 0 ? job : 0;
    if (ret_claims->count > 0)
        fleet->floor_turn = ret_claims->claims[ret_claims->count - 1].chunk;
    return 0;
}

int store_fleet_claim_tasks(struct store_fleet *fleet, const struct slice *sites, size_t count,
                            const uint64_t *jobs, size_t job_count, size_t each,
                            struct store_claims *ret_claims, struct error *error)
{
    struct postgres_params params;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)fleet->worker);
    postgres_bind_texts_begin(&params, count);
    for (size_t i = 0; i < count; i++)
        postgres_add_text(&params, sites[i]);
    postgres_bind_int(&params, (int64_t)each);
    postgres_bind_int(&params, STORE_JOB_RUNNING);
    postgres_bind_numbers(&params, jobs, job_count);
    return claim(fleet, &tasks_text, &params, ret_claims, error);
}

/* --- what became of them -------------------------------------------------------------------- */

static int put_results(struct store_fleet *fleet, uint64_t job,
                       const struct store_fleet_batch *batch, struct error *error)
{
    struct postgres_params params;
    int code;

    if (batch->result_count == 0)
        return 0;
    code =
        postgres_results_put(&fleet->store->base, job, batch->results, batch->result_count, error);
    if (code != 0)
        return code;
    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_ints_begin(&params, batch->result_count);
    for (size_t i = 0; i < batch->result_count; i++)
        postgres_add_int(&params, (int64_t)batch->results[i].row);
    code = postgres_store_ask(fleet->store, &results_text, &params, NULL, "keep results", error);
    postgres_params_done(&params);
    return code;
}

static int put_routed(struct store_fleet *fleet, uint64_t job,
                      const struct store_fleet_batch *batch, struct error *error)
{
    struct postgres_params params;
    int code;

    if (batch->routed_count == 0)
        return 0;
    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_ints_begin(&params, batch->routed_count);
    for (size_t i = 0; i < batch->routed_count; i++)
        postgres_add_int(&params, (int64_t)batch->routed[i].row);
    postgres_bind_texts_begin(&params, batch->routed_count);
    for (size_t i = 0; i < batch->routed_count; i++)
        postgres_add_text(&params, batch->routed[i].site);
    postgres_bind_int(&params, (int64_t)fleet->worker);
    postgres_bind_ints_begin(&params, batch->routed_count);
    for (size_t i = 0; i < batch->routed_count; i++)
        postgres_add_int(&params, batch->routed[i].was_asked);
    code = postgres_store_ask(fleet->store, &route_text, &params, NULL, "hand rows over", error);
    postgres_params_done(&params);
    return code;
}

static int put_done(struct store_fleet *fleet, uint64_t job, const struct store_fleet_batch *batch,
                    struct error *error)
{
    struct postgres_params params;
    int code;

    if (batch->chunk_count == 0)
        return 0;
    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_int(&params, (int64_t)fleet->worker);
    postgres_bind_numbers(&params, batch->chunks, batch->chunk_count);
    code = postgres_store_ask(fleet->store, &done_text, &params, NULL, "keep results", error);
    postgres_params_done(&params);
    return code;
}

int store_fleet_put(struct store_fleet *fleet, uint64_t job, const struct store_fleet_batch *batch,
                    struct error *error)
{
    int code = postgres_store_begin(fleet->store, "keep results", error);

    if (code != 0)
        return code;
    code = postgres_fleet_check(fleet, error);
    if (code == 0)
        code = put_results(fleet, job, batch, error);
    if (code == 0)
        code = put_routed(fleet, job, batch, error);
    if (code == 0)
        code = put_done(fleet, job, batch, error);
    return postgres_store_end(fleet->store, code, "keep results", error);
}

int store_fleet_release(struct store_fleet *fleet, uint64_t job, struct error *error)
{
    struct postgres_params params;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_int(&params, (int64_t)fleet->worker);
    code = postgres_store_ask(fleet->store, &release_text, &params, NULL, "give rows back", error);
    postgres_params_done(&params);
    fleet->floor_job = 0;
    return code;
}

/* How many lists it was that ended: 1, or 0. */
static int end_list(struct store_fleet *fleet, const struct postgres_text *text,
                    struct postgres_params *params, const char *what, struct error *error)
{
    PGresult *answer;
    int code = postgres_store_ask(fleet->store, text, params, &answer, what, error);

    postgres_params_done(params);
    if (code != 0)
        return code;
    code = postgres_int(answer, 0, 0) == 1;
    PQclear(answer);
    return code;
}

int store_fleet_finish(struct store_fleet *fleet, uint64_t job, struct error *error)
{
    struct postgres_params params;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_int(&params, STORE_JOB_FINISHED);
    postgres_bind_int(&params, STORE_JOB_RUNNING);
    return end_list(fleet, &finish_text, &params, "finish a list", error);
}

int store_fleet_results(struct store_fleet *fleet, uint64_t job, uint64_t *ret_results,
                        struct error *error)
{
    struct postgres_params params;
    PGresult *answer;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    code = postgres_store_ask(fleet->store, &count_text, &params, &answer, "count results", error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    *ret_results = (uint64_t)postgres_int(answer, 0, 0);
    PQclear(answer);
    return 0;
}

int store_fleet_fail(struct store_fleet *fleet, uint64_t job, struct slice note, uint64_t results,
                     struct error *error)
{
    struct postgres_params params;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)job);
    postgres_bind_int(&params, STORE_JOB_FAILED);
    postgres_bind_int(&params, STORE_JOB_RUNNING);
    postgres_bind_bytes(&params, note);
    postgres_bind_int(&params, (int64_t)results);
    return end_list(fleet, &fail_text, &params, "say that a list failed", error);
}

/* --- leases -------------------------------------------------------------------------------- */

static void read_lease(const PGresult *answer, int row, struct store_lease *lease)
{
    int64_t ended = postgres_int(answer, row, 2);

    lease->is_ours = true;
    lease->token = (uint64_t)postgres_int(answer, row, 1);
    lease->ended_ms = ended < 0 ? UINT64_MAX : (uint64_t)ended; /* given back, it says quiet */
    lease->quiet_ms = (uint64_t)postgres_int(answer, row, 3);
}

int store_leases_take(struct store_fleet *fleet, struct store_lease *leases, size_t count,
                      struct error *error)
{
    struct postgres_params params;
    PGresult *answer;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)fleet->worker);
    postgres_bind_texts_begin(&params, count);
    for (size_t i = 0; i < count; i++)
        postgres_add_text(&params, leases[i].site);
    code = postgres_store_ask(fleet->store, &take_text, &params, &answer, "take sites", error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    for (size_t i = 0; i < count; i++) {
        leases[i].is_ours = false;
        for (int row = 0; row < PQntuples(answer) && !leases[i].is_ours; row++)
            if (slice_equal(postgres_bytes(answer, row, 0), leases[i].site))
                read_lease(answer, row, &leases[i]);
    }
    PQclear(answer);
    return 0;
}

int store_leases_adopt(struct store_fleet *fleet, const uint64_t *jobs, size_t job_count,
                       size_t max, struct arena *arena, struct store_lease *leases,
                       size_t *ret_count, struct error *error)
{
    struct postgres_params params;
    PGresult *answer;
    int code;

    *ret_count = 0;
    if (job_count == 0)
        return 0;
    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)fleet->worker);
    postgres_bind_int(&params, (int64_t)max);
    postgres_bind_int(&params, STORE_JOB_RUNNING);
    postgres_bind_numbers(&params, jobs, job_count);
    code = postgres_store_ask(fleet->store, &adopt_text, &params, &answer, "take sites", error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    for (int row = 0; row < PQntuples(answer) && code == 0; row++) {
        leases[row].site = arena_slice(arena, postgres_bytes(answer, row, 0));
        read_lease(answer, row, &leases[row]);
        if (leases[row].site.ptr == NULL)
            code = error_set(error, ERROR_NOMEM, "no memory for leases");
    }
    *ret_count = (size_t)PQntuples(answer);
    PQclear(answer);
    return code;
}

/* A statement about sites that are ours, each with its rest. */
static int say_rests(struct store_fleet *fleet, const struct postgres_text *text,
                     const struct store_lease *leases, size_t count, const char *what,
                     struct error *error)
{
    struct postgres_params params;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)fleet->worker);
    postgres_bind_texts_begin(&params, count);
    for (size_t i = 0; i < count; i++)
        postgres_add_text(&params, leases[i].site);
    postgres_bind_ints_begin(&params, count);
    for (size_t i = 0; i < count; i++)
        postgres_add_int(&params, (int64_t)leases[i].quiet_ms);
    code = postgres_store_ask(fleet->store, text, &params, NULL, what, error);
    postgres_params_done(&params);
    return code;
}

int store_leases_give(struct store_fleet *fleet, const struct store_lease *leases, size_t count,
                      struct error *error)
{
    return say_rests(fleet, &give_text, leases, count, "give sites back", error);
}

int store_leases_rest(struct store_fleet *fleet, const struct store_lease *leases, size_t count,
                      struct error *error)
{
    return say_rests(fleet, &rest_text, leases, count, "say that sites rest", error);
}

int store_leases_keep(struct store_fleet *fleet, const struct slice *sites, size_t count,
                      struct error *error)
{
    struct postgres_params params;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)fleet->worker);
    postgres_bind_texts_begin(&params, count);
    for (size_t i = 0; i < count; i++)
        postgres_add_text(&params, sites[i]);
    code = postgres_store_ask(fleet->store, &keep_text, &params, NULL, "give sites back", error);
    postgres_params_done(&params);
    return code;
}
