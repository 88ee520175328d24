/* The fleet in PostgreSQL: workers, their beats, and what people see of them. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/postgres_fleet.h"

#define HELD_BACK(ttl_ms) ((ttl_ms)*2 / 5) /* of a beat: nobody is asked any more */
#define DEADLINE(ttl_ms)  ((ttl_ms) / 5)   /* of a statement */
/* Of what is held back: who waits for the store still waits so long, the rest is for closing. */
#define STILL_WAITS(ttl_ms) ((ttl_ms) / 5)
#define LISTEN              "LISTEN mailknock"
/* What the dead had is freed in bites, each well below a statement's time, while a beat may last.
 */
#define FREED_AT_ONCE   1000
#define FREEING(ttl_ms) ((ttl_ms) / 20)
#define SWEPT_AT_ONCE   1000 /* leases that nobody has needed for long */
#define SWEEP_BEATS     9    /* from one sweep to the next, unless there is more */

static const struct postgres_text join_text = {
    "FLEET_JOIN",
    "INSERT INTO worker (name, joined_ms, expires, by_address) VALUES ($1,"
    " (extract(epoch FROM clock_timestamp())*1000)::int8,"
    " clock_timestamp()+$2::int8*interval '1 millisecond', $3::int8) RETURNING id",
    false,
};
static const struct postgres_text differs_text = {
    "FLEET_DIFFERS",
    "SELECT id, name FROM worker WHERE expires>clock_timestamp() AND id<>$1::int8"
    " AND by_address<>$2::int8 ORDER BY id LIMIT 1",
    true,
};
/* One row is changed, and of the others read what they said: as many as there are workers. */
#define ALIVE "expires>clock_timestamp()"
static const struct postgres_text beat_text = {
    "FLEET_BEAT",
    "WITH me AS (UPDATE worker SET expires=clock_timestamp()+$2::int8*interval '1 millisecond',"
    " beat=clock_timestamp(), in_flight=$3::int8, rate=$4::int8, sites=$5::int8"
    " WHERE id=$1::int8 AND " ALIVE " RETURNING 1)"
    " SELECT (SELECT count(*) FROM me), count(*) FILTER (WHERE " ALIVE "),"
    " coalesce(sum(CASE WHEN id=$1::int8 THEN $5::int8 ELSE sites END) FILTER (WHERE " ALIVE
    "), 0)::int8,"
    " count(*) FILTER (WHERE NOT " ALIVE "), coalesce(min(id) FILTER (WHERE " ALIVE "), 0),"
    " coalesce((SELECT waiting FROM worker WHERE " ALIVE " ORDER BY id LIMIT 1), 0),"
    " (SELECT count(*) FROM job WHERE state=$6::int8) FROM worker",
    true,
};
static const struct postgres_text count_text = {
    "FLEET_COUNT",
    "UPDATE worker SET waiting=(SELECT count(*) FROM (SELECT 1 FROM task t WHERE worker=0"
    " AND " POSTGRES_TASK_RUNS(2) " LIMIT 1000000) AS t) WHERE id=$1::int8 RETURNING waiting",
    true,
};
/* A refusal that an earlier holder told outlives the next one. */
#define REST_KEPT "quiet=CASE WHEN quiet>clock_timestamp() THEN quiet END"
/* At most $1 of each table, of those (o) that `whose` says; `most`: of the table with most of them.
 */
#define FREED(whose)                                                                               \
    "l AS (UPDATE lease x SET worker=0, ended=coalesce((SELECT expires FROM worker w"              \
    " WHERE w.id=x.worker), clock_timestamp()), " REST_KEPT                                        \
    " FROM (SELECT site, worker FROM lease o WHERE worker<>0 AND " whose                           \
    " LIMIT $1::int8) AS f WHERE x.site=f.site AND x.worker=f.worker RETURNING 1),"                \
    " c AS (UPDATE chunk x SET worker=0"                                                           \
    " FROM (SELECT job, turn, worker FROM chunk o WHERE worker<>0 AND " whose                      \
    " LIMIT $1::int8) AS f WHERE x.job=f.job AND x.turn=f.turn AND x.worker=f.worker"              \
    " RETURNING 1),"                                                                               \
    " t AS (UPDATE task x SET worker=0"                                                            \
    " FROM (SELECT job, row, worker FROM task o WHERE worker<>0 AND " whose                        \
    " LIMIT $1::int8) AS f WHERE x.job=f.job AND x.row=f.row AND x.worker=f.worker"                \
    " RETURNING 1),"                                                                               \
    " n AS (SELECT greatest((SELECT count(*) FROM l), (SELECT count(*) FROM c),"                   \
    " (SELECT count(*) FROM t)) AS most)"
#define FREED_OF_DEAD FREED("worker IN (SELECT id FROM dead)")
/* The dead go with the last of what they had: until then they say whose it was, and till when. */
static const struct postgres_text reap_text = {
    "FLEET_REAP",
    "WITH dead AS (SELECT id FROM worker WHERE expires<=clock_timestamp() AND id<>$2::int8"
    " FOR UPDATE SKIP LOCKED), " FREED_OF_DEAD ", gone AS (DELETE FROM worker"
    " WHERE id IN (SELECT id FROM dead) AND (SELECT most FROM n)<$1::int8) SELECT most FROM n",
    false,
};
#define FREED_OF_NOBODY FREED("NOT EXISTS (SELECT 1 FROM worker w WHERE w.id=o.worker)")
/*
 * A claim that its worker had given up may be committed while it is being deleted, unseen by the
 * statement that frees what it had: what belongs to nobody. Numbers of workers never come again.
 */
static const struct postgres_text free_text = {
    "FLEET_FREE",
    "WITH " FREED_OF_NOBODY " SELECT most FROM n",
    true,
};
static const struct postgres_text sweep_text = {
    "FLEET_SWEEP",
    "DELETE FROM lease WHERE site IN (SELECT site FROM lease l WHERE worker=0"
    " AND ended<clock_timestamp()-interval '5 minutes'"
    " AND (quiet IS NULL OR quiet<clock_timestamp()) AND NOT EXISTS (SELECT 1 FROM task t"
    " WHERE t.site=l.site) LIMIT $1::int8 FOR UPDATE SKIP LOCKED)",
    true,
};
/* Rows that were handed to a site whose lease was swept away just then. One look a site. */
static const struct postgres_text mend_text = {
    "FLEET_MEND",
    "WITH RECURSIVE s AS ((SELECT site FROM task WHERE worker=0 ORDER BY site LIMIT 1) UNION ALL"
    " SELECT (SELECT t.site FROM task t WHERE t.worker=0 AND t.site>s.site ORDER BY t.site"
    " LIMIT 1) FROM s WHERE s.site IS NOT NULL)"
    " INSERT INTO lease (site, ended, quiet) SELECT site, clock_timestamp(), clock_timestamp()"
    " FROM s WHERE site IS NOT NULL AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.site=s.site)"
    " ON CONFLICT (site) DO NOTHING",
    true,
};
static const struct postgres_text check_text = {
    "FLEET_CHECK",
    "SELECT 1::int8 FROM worker WHERE id=$1::int8 AND expires>clock_timestamp() FOR KEY SHARE",
    false,
};
/* From now on it is one of the dead. */
static const struct postgres_text leave_text = {
    "FLEET_LEAVE",
    "UPDATE worker SET expires=clock_timestamp() WHERE id=$1::int8 AND " ALIVE,
    true,
};
static const struct postgres_text tell_text = {"FLEET_TELL", "SELECT pg_notify('mailknock', '')",
                                               true};
static const struct postgres_text worker_text = {
    "FLEET_WORKER",
    "SELECT id, name, joined_ms, greatest(0, extract(epoch FROM "
    "clock_timestamp()-beat)*1000)::int8,"
    " CASE WHEN expires>clock_timestamp() THEN 1 ELSE 0 END::int8,"
    " (SELECT count(*) FROM lease WHERE worker=w.id), (SELECT count(*) FROM chunk WHERE"
    " worker=w.id), (SELECT count(*) FROM task WHERE worker=w.id), in_flight, rate"
    " FROM worker w WHERE id>$1::int8 ORDER BY id LIMIT 1",
    true,
};
static const struct postgres_text totals_text = {
    "FLEET_TOTALS",
    "SELECT (SELECT count(*) FROM worker WHERE expires>clock_timestamp()),"
    " (SELECT count(*) FROM lease WHERE worker<>0), f.many,"
    " (SELECT count(*) FROM chunk WHERE worker=0), (SELECT count(*) FROM chunk WHERE worker<>0),"
    " (SELECT count(*) FROM task WHERE worker=0), (SELECT count(*) FROM task WHERE worker<>0),"
    " f.lag FROM (SELECT count(*) AS many,"
    " coalesce(max(extract(epoch FROM clock_timestamp()-ended)*1000), 0)::int8 AS lag FROM lease l"
    " WHERE worker=0 AND EXISTS (SELECT 1 FROM task t WHERE t.site=l.site AND t.worker=0"
    " AND " POSTGRES_TASK_RUNS(1) ")) AS f",
    true,
};

/* The beat that was sent then was answered. */
static void holds_from(struct store_fleet *fleet, uint64_t sent_ms)
{
    fleet->until_ms = sent_ms + fleet->ttl_ms - HELD_BACK(fleet->ttl_ms);
    fleet->store->over_ms = fleet->until_ms + STILL_WAITS(fleet->ttl_ms);
}

int postgres_fleet_gone(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND,
                     "the others have given this worker up: it was not heard of for too long");
}

static int not_shared(struct error *error)
{
    return error_set(error, ERROR_USAGE,
                     "a fleet needs a store that is shared: --store postgresql://...");
}

static struct postgres_store *shared(struct store *store)
{
    return store_is_shared(store) ? postgres_store_of(store) : NULL;
}

/* --- one worker ---------------------------------------------------------------------------- */

/* Sites of one and sites at an address of the other would be asked by both. */
static int refuse_different(struct store_fleet *fleet, bool by_address, struct error *error)
{
    struct postgres_params params;
    PGresult *answer;
    struct slice name;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)fleet->worker);
    postgres_bind_int(&params, by_address);
    code =
        postgres_store_ask(fleet->store, &differs_text, &params, &answer, "join the fleet", error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    name = PQntuples(answer) > 0 ? postgres_bytes(answer, 0, 1) : SLICE_EMPTY;
    if (PQntuples(answer) > 0)
        code = error_set(error, ERROR_USAGE,
                         "worker %llu of %s (%.*s) has --leases %s and this one %s, so that both "
                         "would ask at one site: give all the same, or stop the others first (one "
                         "that was killed counts until its --lease is over)",
                         (unsigned long long)postgres_int(answer, 0, 0), fleet->store->place,
                         SLICE_ARG(name), by_address ? "site" : "address",
                         by_address ? "address" : "site");
    PQclear(answer);
    return code;
}

/* From now on the store waits for nothing longer than a worker may, and hears what others tell. */
static int hurry(struct store_fleet *fleet, struct error *error)
{
    struct postgres_store *store = fleet->store;
    char sql[96];

    store->deadline_ms = DEADLINE(fleet->ttl_ms);
    store->statement_ms = store->deadline_ms; /* who has given up a statement leaves none behind */
    store->is_hasty = true;
    store->greeting = LISTEN;
    postgres_ear_open(store);
    snprintf(sql, sizeof(sql), LISTEN "; SET statement_timeout TO %llu",
             (unsigned long long)store->statement_ms);
    return postgres_store_run(store, sql, "join the fleet", error);
}

static void take_time(struct store_fleet *fleet)
{
    struct postgres_store *store = fleet->store;

    postgres_ear_close(store);
    store->deadline_ms = fleet->deadline_before_ms;
    store->statement_ms = 0;
    store->is_hasty = false;
    store->greeting = NULL;
    if (store->connection != NULL)
        (void)postgres_store_run(store, "UNLISTEN *; SET statement_timeout TO 0", "leave the fleet",
                                 NULL);
}

int store_fleet_join(struct store *base, const struct store_fleet_terms *terms,
                     struct store_fleet **ret_fleet, struct error *error)
{
    struct postgres_store *store = shared(base);
    struct store_fleet *fleet;
    struct postgres_params params;
    PGresult *answer;
    uint64_t sent = postgres_clock_ms();
    int code;

    if (store == NULL)
        return not_shared(error);
    fleet = memory_zalloc(1, sizeof(*fleet));
    if (fleet == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to join the fleet");
    fleet->store = store;
    fleet->deadline_before_ms = store->deadline_ms;
    fleet->ttl_ms = terms->ttl_ms;
    code = hurry(fleet, error);
    postgres_params_init(&params);
    postgres_bind_bytes(&params, terms->name);
    postgres_bind_int(&params, (int64_t)terms->ttl_ms);
    postgres_bind_int(&params, terms->by_address);
    if (code == 0)
        code = postgres_store_ask(store, &join_text, &params, &answer, "join the fleet", error);
    postgres_params_done(&params);
    if (code != 0) {
        take_time(fleet);
        memory_free(fleet);
        return code;
    }
    fleet->worker = (uint64_t)postgres_int(answer, 0, 0);
    holds_from(fleet, sent);
    PQclear(answer);
    code = refuse_different(fleet, terms->by_address, error);
    if (code == 0)
        *ret_fleet = fleet;
    else
        store_fleet_leave(fleet);
    return code;
}

static int say_for(struct store_fleet *fleet, const struct postgres_text *text,
                   const int64_t *numbers, size_t count, PGresult **ret_answer, const char *what,
                   struct error *error)
{
    struct postgres_params params;
    int code;

    postgres_params_init(&params);
    for (size_t i = 0; i < count; i++)
        postgres_bind_int(&params, numbers[i]);
    code = postgres_store_ask(fleet->store, text, &params, ret_answer, what, error);
    postgres_params_done(&params);
    return code;
}

/* How many rows it concerned; negative: failed. */
static int64_t say(struct store_fleet *fleet, const struct postgres_text *text,
                   const int64_t *numbers, size_t count, const char *what, struct error *error)
{
    PGresult *answer;
    uint64_t many = 0;
    int code = say_for(fleet, text, numbers, count, &answer, what, error);

    if (code != 0)
        return code;
    (void)slice_to_u64(slice_from_string(PQcmdTuples(answer)), INT64_MAX, &many);
    PQclear(answer);
    return (int64_t)many;
}

/* The number that it answers, 0 if it doesn't; negative: failed. */
static int64_t say_one(struct store_fleet *fleet, const struct postgres_text *text,
                       const int64_t *numbers, size_t count, const char *what, struct error *error)
{
    PGresult *answer;
    int64_t number;
    int code = say_for(fleet, text, numbers, count, &answer, what, error);

    if (code != 0)
        return code;
    number = PQntuples(answer) > 0 ? postgres_int(answer, 0, 0) : 0;
    PQclear(answer);
    return number;
}

/* True: nothing is left of it. False: more than there was time for, or it failed. */
static bool free_all(struct store_fleet *fleet, const struct postgres_text *text,
                     const int64_t *numbers, size_t count, uint64_t until_ms, int64_t *ret_code,
                     struct error *error)
{
    int64_t most;

    do
        most = say_one(fleet, text, numbers, count, "give workers up", error);
    while (most >= FREED_AT_ONCE && postgres_clock_ms() < until_ms);
    *ret_code = most < 0 ? most : 0;
    return most >= 0 && most < FREED_AT_ONCE;
}

/* Of all whose time is over but for `but`. What is left then is the next beat's, of anybody. */
static int give_up_the_silent(struct store_fleet *fleet, uint64_t but, bool are_there,
                              uint64_t until_ms, struct error *error)
{
    const int64_t numbers[] = {FREED_AT_ONCE, (int64_t)but};
    int64_t code = 0;

    if (are_there) {
        fleet->floor_job = 0; /* their chunks are free again */
        fleet->is_freeing = true;
        if (!free_all(fleet, &reap_text, numbers, 2, until_ms, &code, error))
            return (int)code;
    }
    if (fleet->is_freeing && free_all(fleet, &free_text, numbers, 1, until_ms, &code, error))
        fleet->is_freeing = false;
    return (int)code;
}

void store_fleet_leave(struct store_fleet *fleet)
{
    int64_t worker;

    if (fleet == NULL)
        return;
    worker = (int64_t)fleet->worker;
    fleet->store->over_ms = 0; /* nothing is asked any more */
    if (say(fleet, &leave_text, &worker, 1, "leave the fleet", NULL) >= 0 &&
        give_up_the_silent(fleet, 0, true, postgres_clock_ms() + DEADLINE(fleet->ttl_ms), NULL) ==
            0)
        (void)store_fleet_tell(&fleet->store->base, NULL);
    take_time(fleet);
    memory_free(fleet);
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
    (void)fleet;
    return postgres_clock_ms();
}

int store_fleet_descriptor(const struct store_fleet *fleet)
{
    return fleet->store->ear.is_on ? fleet->store->ear.all : -1;
}

bool store_fleet_heard(struct store_fleet *fleet)
{
    return postgres_heard(fleet->store);
}

static int see(struct postgres_store *store, const struct postgres_text *text,
               PGresult **ret_answer, struct error *error)
{
    struct postgres_params params;
    int code;

    postgres_params_init(&params);
    postgres_bind_int(&params, STORE_JOB_RUNNING);
    code = postgres_store_ask(store, text, &params, ret_answer, "see the fleet", error);
    postgres_params_done(&params);
    return code;
}

/* What only one of the fleet has to do, the one with the lowest number. */
static int do_for_all(struct store_fleet *fleet, struct store_fleet_view *view, struct error *error)
{
    const int64_t counted[] = {(int64_t)fleet->worker, STORE_JOB_RUNNING}, swept = SWEPT_AT_ONCE;
    int64_t many, code = 0;

    if (view->lists > 0 || view->tasks_free > 0) {
        many = say_one(fleet, &count_text, counted, ARRAY_LEN(counted), "count what waits", error);
        if (many >= 0)
            view->tasks_free = (uint64_t)many;
        else
            code = many;
    }
    if (fleet->beats < fleet->sweep_at)
        return (int)code;
    many = say(fleet, &sweep_text, &swept, 1, "tidy up", error);
    fleet->sweep_at = fleet->beats + (many < SWEPT_AT_ONCE ? SWEEP_BEATS : 1);
    if (many >= 0 && view->lists > 0)
        many = say(fleet, &mend_text, NULL, 0, "tidy up", error);
    return many < 0 ? (int)many : (int)code;
}

int store_fleet_beat(struct store_fleet *fleet, const struct store_fleet_state *state,
                     struct store_fleet_view *ret_view, struct error *error)
{
    const int64_t numbers[] = {(int64_t)fleet->worker,    (int64_t)fleet->ttl_ms,
                               (int64_t)state->in_flight, (int64_t)state->rows_per_s,
                               (int64_t)state->leases,    STORE_JOB_RUNNING};
    uint64_t sent = postgres_clock_ms(), first;
    PGresult *answer;
    int code =
        say_for(fleet, &beat_text, numbers, ARRAY_LEN(numbers), &answer, "say a beat", error);

    if (code != 0)
        return code;
    if (postgres_int(answer, 0, 0) == 0) {
        PQclear(answer);
        return postgres_fleet_gone(error);
    }
    holds_from(fleet, sent);
    fleet->beats++;
    *ret_view = (struct store_fleet_view){
        .workers = (uint64_t)postgres_int(answer, 0, 1),
        .leases = (uint64_t)postgres_int(answer, 0, 2),
        .given_up = (uint64_t)postgres_int(answer, 0, 3),
        .tasks_free = (uint64_t)postgres_int(answer, 0, 5),
        .lists = (uint64_t)postgres_int(answer, 0, 6),
    };
    first = (uint64_t)postgres_int(answer, 0, 4);
    PQclear(answer);
    /* The beat is said, whatever becomes of what is done for others. */
    code = give_up_the_silent(fleet, fleet->worker, ret_view->given_up > 0,
                              sent + FREEING(fleet->ttl_ms), error);
    ret_view->is_troubled = code != 0;
    if (first == fleet->worker && do_for_all(fleet, ret_view, error) != 0)
        ret_view->is_troubled = true;
    return 0;
}

int postgres_fleet_check(struct store_fleet *fleet, struct error *error)
{
    int64_t worker = (int64_t)fleet->worker;
    int64_t many = say(fleet, &check_text, &worker, 1, "look for ourselves", error);

    return many < 0 ? (int)many : many == 0 ? postgres_fleet_gone(error) : 0;
}

int store_fleet_tell(struct store *base, struct error *error)
{
    struct postgres_store *store = shared(base);

    if (store == NULL)
        return 0;
    return postgres_store_ask(store, &tell_text, NULL, NULL, "wake the workers", error);
}

/* --- seeing -------------------------------------------------------------------------------- */

int store_worker_next(struct store *base, uint64_t after, struct arena *arena,
                      struct store_worker *ret_worker, struct error *error)
{
    struct postgres_store *store = shared(base);
    struct postgres_params params;
    PGresult *answer;
    int code;

    if (store == NULL)
        return not_shared(error);
    postgres_params_init(&params);
    postgres_bind_int(&params, (int64_t)after);
    code = postgres_store_ask(store, &worker_text, &params, &answer, "see the workers", error);
    postgres_params_done(&params);
    if (code != 0)
        return code;
    if (PQntuples(answer) > 0) {
        *ret_worker = (struct store_worker){
            .id = (uint64_t)postgres_int(answer, 0, 0),
            .name = arena_slice(arena, postgres_bytes(answer, 0, 1)),
            .joined_unix_ms = postgres_int(answer, 0, 2),
            .beat_ms = (uint64_t)postgres_int(answer, 0, 3),
            .is_alive = postgres_int(answer, 0, 4) != 0,
            .leases = (uint64_t)postgres_int(answer, 0, 5),
            .chunks = (uint64_t)postgres_int(answer, 0, 6),
            .tasks = (uint64_t)postgres_int(answer, 0, 7),
            .in_flight = (uint64_t)postgres_int(answer, 0, 8),
            .rows_per_s = (double)postgres_int(answer, 0, 9),
        };
        code = ret_worker->name.ptr != NULL ? 1 : error_set(error, ERROR_NOMEM, "out of memory");
    }
    PQclear(answer);
    return code;
}

int store_fleet_totals(struct store *base, struct store_fleet_totals *ret_totals,
                       struct error *error)
{
    struct postgres_store *store = shared(base);
    PGresult *answer;
    int code;

    if (store == NULL)
        return not_shared(error);
    code = see(store, &totals_text, &answer, error);
    if (code != 0)
        return code;
    *ret_totals = (struct store_fleet_totals){
        .workers = (uint64_t)postgres_int(answer, 0, 0),
        .leases = (uint64_t)postgres_int(answer, 0, 1),
        .free_leases = (uint64_t)postgres_int(answer, 0, 2),
        .chunks_free = (uint64_t)postgres_int(answer, 0, 3),
        .chunks_claimed = (uint64_t)postgres_int(answer, 0, 4),
        .tasks_free = (uint64_t)postgres_int(answer, 0, 5),
        .tasks_claimed = (uint64_t)postgres_int(answer, 0, 6),
        .lag_ms = (uint64_t)postgres_int(answer, 0, 7),
    };
    PQclear(answer);
    return 0;
}
