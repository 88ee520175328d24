/* The fleet on a real PostgreSQL: leases, claims, tasks, and who is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "store/fleet.h"
#include "store/postgres_rig.h"

#define ROWS   1000
#define TTL_MS (60 * 1000)

static const char *url;

struct bench {
    struct store *stores[2];
    struct store_fleet *workers[2];
    struct arena arena;
    uint64_t job;
};

static void open_store(struct store **ret_store)
{
    struct error error = {0};

    if (store_open(url, STORE_MODE_CREATE, ret_store, &error) != 0)
        fail_msg("%s", error.message);
}

static uint64_t add_list(struct store *store, enum store_job_state state)
{
    struct store_job job = {.state = STORE_JOB_LOADING, .options = SLICE("{}")};
    static char addresses[ROWS][32];
    static struct store_row rows[ROWS];

    for (unsigned i = 0; i < ROWS; i++) {
        snprintf(addresses[i], sizeof(addresses[0]), "user%u@example.com", i + 1);
        rows[i] = (struct store_row){
            .number = i + 1,
            .address = slice_from_string(addresses[i]),
            .turn = (uint32_t)(i + 1) * 2654435761U,
        };
    }
    assert_int_equal(store_job_add(store, &job, &job.id, NULL), 0);
    for (unsigned i = 0; i < ROWS; i += 500)
        assert_int_equal(store_rows_add(store, job.id, rows + i, 500, NULL), 0);
    job.state = state;
    assert_int_equal(store_job_update(store, &job, NULL), 0);
    return job.id;
}

static int set_up(void **state)
{
    const struct store_fleet_terms terms = {.name = SLICE("w"), .ttl_ms = TTL_MS};
    struct bench *bench = calloc(1, sizeof(*bench));

    arena_init(&bench->arena);
    postgres_rig_run("SET client_min_messages TO error; DROP SCHEMA IF EXISTS mailknock CASCADE");
    for (int i = 0; i < 2; i++) {
        open_store(&bench->stores[i]);
        assert_int_equal(store_fleet_join(bench->stores[i], &terms, &bench->workers[i], NULL), 0);
    }
    bench->job = add_list(bench->stores[0], STORE_JOB_RUNNING);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    for (int i = 0; i < 2; i++) {
        store_fleet_leave(bench->workers[i]);
        store_close(bench->stores[i]);
    }
    arena_done(&bench->arena);
    free(bench);
    return 0;
}

static struct store_lease take(struct store_fleet *worker, const char *site)
{
    struct store_lease lease = {.site = slice_from_string(site)};

    assert_int_equal(store_leases_take(worker, &lease, 1, NULL), 0);
    return lease;
}

static struct store_result result_of(uint64_t row)
{
    return (struct store_result){
        .row = row,
        .status = VERDICT_VALID,
        .reason = REASON_ACCEPTED,
        .action = ACTION_SEND,
        .checked_unix_ms = 1,
        .json = SLICE("{}"),
    };
}

static int put_one(struct bench *bench, int who, uint64_t row)
{
    struct store_result result = result_of(row);
    const struct store_fleet_batch batch = {.results = &result, .result_count = 1};

    return store_fleet_put(bench->workers[who], bench->job, &batch, NULL);
}

static int route_one(struct bench *bench, int who, uint64_t row, const char *site, bool was_asked)
{
    const struct store_routed routed = {row, slice_from_string(site), was_asked};
    const struct store_fleet_batch batch = {.routed = &routed, .routed_count = 1};

    return store_fleet_put(bench->workers[who], bench->job, &batch, NULL);
}

static uint64_t done(struct bench *bench)
{
    struct store_counts counts;
    uint64_t sum = 0;

    assert_int_equal(store_counts(bench->stores[0], bench->job, &counts, NULL), 0);
    for (int i = 0; i < VERDICT_REASON_COUNT; i++)
        sum += counts.results[i];
    return sum;
}

/* Its time is over; one beat of the other notices. */
static void silence(struct bench *bench, int who)
{
    const struct store_fleet_state state = {0};
    struct store_fleet_view view;
    char sql[200];

    snprintf(sql, sizeof(sql),
             "UPDATE mailknock.worker SET expires=clock_timestamp()-interval '2 seconds'"
             " WHERE id=%llu",
             (unsigned long long)store_fleet_worker(bench->workers[who]));
    postgres_rig_run(sql);
    assert_int_equal(store_fleet_beat(bench->workers[!who], &state, &view, NULL), 0);
    assert_int_equal(view.given_up, 1);
}

/* --- leases -------------------------------------------------------------------------------- */

static void a_site_is_one_workers(void **state)
{
    struct bench *bench = *state;
    struct store_lease first = take(bench->workers[0], "a"), lease;

    assert_true(first.is_ours);
    assert_true(first.ended_ms == UINT64_MAX);
    assert_false(take(bench->workers[1], "a").is_ours);
    assert_true(take(bench->workers[0], "a").is_ours);
    first.quiet_ms = 30000;
    /* What is not ours is not given back. */
    assert_int_equal(store_leases_give(bench->workers[1], &first, 1, NULL), 0);
    assert_false(take(bench->workers[1], "a").is_ours);
    assert_int_equal(store_leases_give(bench->workers[0], &first, 1, NULL), 0);
    lease = take(bench->workers[1], "a");
    assert_true(lease.is_ours);
    assert_true(lease.token > first.token);
    assert_true(lease.ended_ms == UINT64_MAX); /* given back: its rest says it all */
    assert_true(lease.quiet_ms > 10000 && lease.quiet_ms <= 30000);
}

static void the_silent_are_given_up_and_refused(void **state)
{
    struct bench *bench = *state;
    const struct store_fleet_state nothing = {0};
    struct store_fleet_view view;
    struct store_lease lease;

    assert_true(take(bench->workers[0], "a").is_ours);
    assert_int_equal(put_one(bench, 0, 1), 0);
    silence(bench, 0);
    lease = take(bench->workers[1], "a");
    assert_true(lease.is_ours);
    assert_true(lease.ended_ms >= 2000 && lease.ended_ms < TTL_MS);
    /* Whatever it still says is refused, and changes nothing. */
    assert_int_equal(put_one(bench, 0, 2), ERROR_NOT_FOUND);
    assert_int_equal(route_one(bench, 0, 3, "a", true), ERROR_NOT_FOUND);
    assert_int_equal(store_fleet_beat(bench->workers[0], &nothing, &view, NULL), ERROR_NOT_FOUND);
    assert_false(take(bench->workers[0], "b").is_ours);
    assert_int_equal(done(bench), 1);
}

static void free_sites_that_rows_wait_for_are_adopted(void **state)
{
    struct bench *bench = *state;
    const uint64_t other = bench->job + 1;
    struct store_job job = {0};
    struct store_lease leases[4];
    size_t count;

    assert_true(take(bench->workers[0], "held").is_ours);
    assert_int_equal(route_one(bench, 1, 1, "held", false), 0);
    assert_int_equal(route_one(bench, 1, 2, "free", false), 0);
    assert_int_equal(store_leases_adopt(bench->workers[1], &bench->job, 1, 4, &bench->arena, leases,
                                        &count, NULL),
                     0);
    assert_int_equal(count, 1);
    assert_true(slice_equal(leases[0].site, SLICE("free")));
    /* Of lists that we are not at we would take no rows. */
    assert_int_equal(store_leases_give(bench->workers[1], leases, 1, NULL), 0);
    assert_int_equal(
        store_leases_adopt(bench->workers[1], &other, 1, 4, &bench->arena, leases, &count, NULL),
        0);
    assert_int_equal(count, 0);
    assert_int_equal(
        store_leases_adopt(bench->workers[1], NULL, 0, 4, &bench->arena, leases, &count, NULL), 0);
    assert_int_equal(count, 0);
    leases[0].site = SLICE("free");
    assert_true(take(bench->workers[1], "free").is_ours);
    assert_int_equal(store_leases_give(bench->workers[1], leases, 1, NULL), 0);
    /* An answer was lost: what is not known to be ours is free again, what is stays. */
    assert_true(take(bench->workers[0], "unknown").is_ours);
    assert_int_equal(store_leases_keep(bench->workers[0], &SLICE("held"), 1, NULL), 0);
    assert_false(take(bench->workers[1], "held").is_ours);
    assert_true(take(bench->workers[1], "unknown").is_ours);
    /* Rows of a list that is paused wait for nobody. */
    assert_int_equal(store_job_next(bench->stores[0], 0, &bench->arena, &job, NULL), 1);
    job.state = STORE_JOB_PAUSED;
    assert_int_equal(store_job_update(bench->stores[0], &job, NULL), 0);
    assert_int_equal(store_leases_adopt(bench->workers[1], &bench->job, 1, 4, &bench->arena, leases,
                                        &count, NULL),
                     0);
    assert_int_equal(count, 0);
}

static struct store_fleet_view say_beat(struct bench *bench, int who, uint64_t leases)
{
    const struct store_fleet_state state = {.leases = leases};
    struct store_fleet_view view;

    assert_int_equal(store_fleet_beat(bench->workers[who], &state, &view, NULL), 0);
    return view;
}

/* That an operator refused its holder outlives it, killed at whatever moment. */
static void a_rest_outlives_its_holder(void **state)
{
    struct bench *bench = *state;
    struct store_lease lease = take(bench->workers[0], "a");

    assert_true(take(bench->workers[0], "b").is_ours);
    lease.quiet_ms = 120000;
    /* Whose site it isn't has nothing to say. */
    assert_int_equal(store_leases_rest(bench->workers[1], &lease, 1, NULL), 0);
    assert_true(take(bench->workers[0], "a").quiet_ms == 0);
    assert_int_equal(store_leases_rest(bench->workers[0], &lease, 1, NULL), 0);
    lease.quiet_ms = 1000; /* never shorter than it was said */
    assert_int_equal(store_leases_rest(bench->workers[0], &lease, 1, NULL), 0);
    silence(bench, 0);
    lease = take(bench->workers[1], "a");
    assert_true(lease.is_ours);
    assert_true(lease.quiet_ms > 60000 && lease.quiet_ms <= 120000);
    lease = take(bench->workers[1], "b");
    assert_true(lease.quiet_ms == 0);
    assert_true(lease.ended_ms < TTL_MS);
    lease = (struct store_lease){.site = SLICE("a")};
    assert_int_equal(store_leases_give(bench->workers[1], &lease, 1, NULL), 0);
    assert_true(take(bench->workers[1], "a").quiet_ms > 60000);
}

#define MANY_SQL "12000"

/* More than a statement has time for, by far: it goes bit by bit, of who leaves and by the others.
 */
static void what_many_leases_take_is_done_in_bits(void **state)
{
    struct bench *bench = *state;
    const struct store_fleet_terms terms = {.name = SLICE("w"), .ttl_ms = 5000};
    const struct store_fleet_state nothing = {0};
    struct store_fleet_view view = {0};
    char sql[512];
    int beats = 0;

    for (int i = 0; i < 2; i++) {
        store_fleet_leave(bench->workers[i]);
        assert_int_equal(store_fleet_join(bench->stores[i], &terms, &bench->workers[i], NULL), 0);
    }
    snprintf(sql, sizeof(sql),
             "INSERT INTO mailknock.lease (site, worker) SELECT convert_to(n::text, 'UTF8'), %llu"
             " FROM generate_series(1, " MANY_SQL ") n;"
             "CREATE FUNCTION mailknock.slow() RETURNS trigger LANGUAGE plpgsql AS"
             " 'BEGIN PERFORM pg_sleep(0.001); RETURN new; END';"
             "CREATE TRIGGER slow BEFORE UPDATE ON mailknock.lease FOR EACH ROW"
             " WHEN (get_byte(old.site, length(old.site)-1)=48) EXECUTE FUNCTION mailknock.slow()",
             (unsigned long long)store_fleet_worker(bench->workers[0]));
    postgres_rig_run(sql);
    store_fleet_leave(bench->workers[0]);
    bench->workers[0] = NULL;
    do
        assert_int_equal(store_fleet_beat(bench->workers[1], &nothing, &view, NULL), 0);
    while (view.given_up > 0 && ++beats < 100);
    assert_int_equal(view.given_up, 0);
    assert_int_equal(view.workers, 1);
    postgres_rig_expect(
        "(SELECT count(*) FROM mailknock.lease WHERE worker=0 AND ended IS NOT NULL)"
        "=" MANY_SQL " AND (SELECT count(*) FROM mailknock.worker)=1");
}

/* It is said, and tried again: the beat holds all the same. */
static void a_beat_holds_whatever_becomes_of_others(void **state)
{
    struct bench *bench = *state;
    const struct store_fleet_state nothing = {0};
    struct store_fleet_view view = {0};
    struct error error = {0};

    assert_true(take(bench->workers[0], "a").is_ours);
    postgres_rig_run(
        "CREATE FUNCTION mailknock.no() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RAISE EXCEPTION ''no room''; END';"
        "CREATE TRIGGER no BEFORE UPDATE ON mailknock.lease FOR EACH ROW"
        " EXECUTE FUNCTION mailknock.no();"
        "UPDATE mailknock.worker SET expires=clock_timestamp() WHERE id=(SELECT min(id) FROM"
        " mailknock.worker)");
    assert_int_equal(store_fleet_beat(bench->workers[1], &nothing, &view, &error), 0);
    assert_true(view.is_troubled);
    assert_non_null(strstr(error.message, "no room"));
    assert_int_equal(view.lists, 1);
    postgres_rig_run("DROP TRIGGER no ON mailknock.lease");
    assert_int_equal(store_fleet_beat(bench->workers[1], &nothing, &view, NULL), 0);
    assert_false(view.is_troubled);
    assert_true(take(bench->workers[1], "a").is_ours);
}

static void all_have_the_same_kind_of_leases(void **state)
{
    struct bench *bench = *state;
    struct store_fleet_terms terms = {.name = SLICE("late"), .ttl_ms = TTL_MS, .by_address = true};
    struct store_fleet *other = NULL;
    struct error error = {0};
    struct store *store;

    open_store(&store);
    assert_int_equal(store_fleet_join(store, &terms, &other, &error), ERROR_USAGE);
    assert_null(other);
    assert_non_null(strstr(error.message, "(w) has --leases site and this one address"));
    assert_int_equal(say_beat(bench, 0, 0).workers, 2); /* nothing is left of it */
    /* When the others are gone it may; a program of before, which says nothing, is no other. */
    for (int i = 0; i < 2; i++) {
        store_fleet_leave(bench->workers[i]);
        bench->workers[i] = NULL;
    }
    postgres_rig_run("INSERT INTO mailknock.worker (name, joined_ms, expires) VALUES ('old', 1,"
                     " clock_timestamp()+interval '1 hour')");
    assert_int_equal(store_fleet_join(store, &terms, &other, NULL), 0);
    store_fleet_leave(other);
    store_close(store);
}

static void beats_say_what_others_said(void **state)
{
    struct bench *bench = *state;
    struct store_fleet_view view;

    (void)say_beat(bench, 0, 7);
    view = say_beat(bench, 1, 5);
    assert_int_equal(view.workers, 2);
    assert_int_equal(view.leases, 12);
    assert_int_equal(view.lists, 1);
    assert_int_equal(view.tasks_free, 0);
    assert_int_equal(route_one(bench, 1, 1, "a", false), 0);
    assert_int_equal(route_one(bench, 1, 2, "b", false), 0);
    /* The first of them counts for all. */
    assert_int_equal(say_beat(bench, 1, 5).tasks_free, 0);
    assert_int_equal(say_beat(bench, 0, 7).tasks_free, 2);
    assert_int_equal(say_beat(bench, 1, 5).tasks_free, 2);
    silence(bench, 0);
    view = say_beat(bench, 1, 5);
    assert_int_equal(view.workers, 1);
    assert_int_equal(view.leases, 5);
    assert_int_equal(view.tasks_free, 2);
}

/* A lease is swept away while rows are handed to its site: they would wait for ever. */
static void handed_rows_without_a_lease_are_found(void **state)
{
    struct bench *bench = *state;
    struct store_lease leases[4];
    size_t count = 0;

    assert_int_equal(route_one(bench, 1, 1, "a", false), 0);
    assert_int_equal(route_one(bench, 1, 2, "b", false), 0);
    postgres_rig_run("DELETE FROM mailknock.lease");
    (void)say_beat(bench, 0, 0); /* the first one tidies up */
    assert_int_equal(store_leases_adopt(bench->workers[1], &bench->job, 1, 4, &bench->arena, leases,
                                        &count, NULL),
                     0);
    assert_int_equal(count, 2);
    assert_true(leases[0].quiet_ms == 0 && leases[0].ended_ms == UINT64_MAX);
}

/* --- claims -------------------------------------------------------------------------------- */

static size_t claim(struct bench *bench, int who, size_t max, bool seen[ROWS + 1],
                    struct store_claims *claims)
{
    assert_int_equal(store_fleet_claim(bench->workers[who], bench->job, max, claims, NULL), 0);
    for (size_t i = 0; i < claims->count; i++) {
        uint64_t row = claims->claims[i].row.number;

        if (row == 0) /* a chunk in which nothing is left */
            continue;
        assert_false(seen[row]);
        seen[row] = true;
    }
    return claims->count;
}

static void rows_are_claimed_once_until_a_list_is_finished(void **state)
{
    struct bench *bench = *state;
    struct store_result results[ROWS];
    uint64_t chunks[ROWS];
    struct store_fleet_batch batch = {.results = results, .chunks = chunks};
    bool seen[ROWS + 1] = {false};
    struct store_claims claims;
    size_t total = 0;

    store_claims_init(&claims);
    for (int i = 0; i < 2; i++) /* the second one changes nothing */
        assert_int_equal(store_fleet_deal(bench->workers[i], bench->job, NULL), 0);
    for (int who = 0; claim(bench, who, 1, seen, &claims) > 0; who = !who) {
        batch.result_count = batch.chunk_count = 0;
        for (size_t i = 0; i < claims.count; i++) {
            results[batch.result_count++] = result_of(claims.claims[i].row.number);
            chunks[0] = claims.claims[i].chunk;
        }
        batch.chunk_count = 1;
        total += batch.result_count;
        assert_int_equal(store_fleet_finish(bench->workers[who], bench->job, NULL), 0);
        /* The answer to the first was lost, say. */
        for (int i = 0; i < 2; i++)
            assert_int_equal(store_fleet_put(bench->workers[who], bench->job, &batch, NULL), 0);
        assert_int_equal(done(bench), total);
    }
    assert_int_equal(total, ROWS);
    assert_int_equal(store_fleet_finish(bench->workers[1], bench->job, NULL), 1);
    assert_int_equal(store_fleet_finish(bench->workers[0], bench->job, NULL), 0);
    store_claims_done(&claims);
}

static void what_the_dead_did_not_answer_is_claimed_again(void **state)
{
    struct bench *bench = *state;
    bool seen[ROWS + 1] = {false}, again[ROWS + 1] = {false};
    struct store_claims claims;

    store_claims_init(&claims);
    assert_int_equal(store_fleet_deal(bench->workers[0], bench->job, NULL), 0);
    assert_true(claim(bench, 0, 8, seen, &claims) > 0);
    assert_int_equal(claim(bench, 1, 8, seen, &claims), 0);
    assert_int_equal(put_one(bench, 0, 7), 0);
    assert_int_equal(route_one(bench, 0, 8, "a", false), 0);
    silence(bench, 0);
    assert_int_equal(claim(bench, 1, 8, again, &claims), ROWS - 2);
    assert_false(again[7]); /* it has its result */
    assert_false(again[8]); /* it is a task */
    store_claims_done(&claims);
}

/* --- tasks --------------------------------------------------------------------------------- */

static size_t claim_tasks(struct bench *bench, int who, const char *site,
                          struct store_claims *claims)
{
    const struct slice sites[] = {slice_from_string(site)};

    assert_int_equal(
        store_fleet_claim_tasks(bench->workers[who], sites, 1, &bench->job, 1, 10, claims, NULL),
        0);
    return claims->count;
}

/* A list fails only when nobody is at it; it can be run again. */
static void a_list_fails_when_nobody_has_rows_of_it(void **state)
{
    struct bench *bench = *state;
    const struct slice why = SLICE("no memory");
    bool seen[ROWS + 1] = {false};
    struct store_claims claims;
    struct store_job job;
    uint64_t results;

    store_claims_init(&claims);
    assert_int_equal(store_fleet_deal(bench->workers[0], bench->job, NULL), 0);
    assert_true(claim(bench, 0, 1, seen, &claims) > 0);
    assert_int_equal(store_fleet_fail(bench->workers[1], bench->job, why, 0, NULL), 0);
    assert_int_equal(route_one(bench, 0, 8, "a", false), 0);
    assert_int_equal(store_fleet_release(bench->workers[0], bench->job, NULL), 0);
    take(bench->workers[0], "a");
    assert_int_equal(claim_tasks(bench, 0, "a", &claims), 1);
    assert_int_equal(store_fleet_fail(bench->workers[1], bench->job, why, 0, NULL), 0);
    assert_int_equal(store_fleet_release(bench->workers[0], bench->job, NULL), 0);
    /* Somebody gets on with it. */
    assert_int_equal(store_fleet_results(bench->workers[1], bench->job, &results, NULL), 0);
    assert_int_equal(results, 0);
    assert_int_equal(put_one(bench, 0, 1), 0);
    assert_int_equal(store_fleet_fail(bench->workers[1], bench->job, why, results, NULL), 0);
    assert_int_equal(store_fleet_results(bench->workers[1], bench->job, &results, NULL), 0);
    assert_int_equal(results, 1);
    assert_int_equal(store_fleet_fail(bench->workers[1], bench->job, why, results, NULL), 1);
    assert_int_equal(store_fleet_fail(bench->workers[1], bench->job, why, 0, NULL), 0);
    assert_int_equal(store_job_get(bench->stores[0], bench->job, &bench->arena, &job, NULL), 0);
    assert_int_equal(job.state, STORE_JOB_FAILED);
    assert_true(job.finished_unix_ms > 0);
    assert_true(slice_equal(job.note, why));
    store_claims_done(&claims);
}

static void handed_rows_count_what_was_in_vain(void **state)
{
    struct bench *bench = *state;
    struct store_claims claims;

    store_claims_init(&claims);
    assert_int_equal(route_one(bench, 0, 5, "a", false), 0);
    assert_int_equal(claim_tasks(bench, 1, "b", &claims), 0);
    assert_int_equal(claim_tasks(bench, 1, "a", &claims), 1);
    assert_int_equal(claims.claims[0].row.number, 5);
    assert_int_equal(claims.claims[0].hops, 0);
    assert_int_equal(claim_tasks(bench, 0, "a", &claims), 0); /* it is the other's */
    /* The site has another holder meanwhile: not in vain. */
    assert_int_equal(route_one(bench, 1, 5, "a", false), 0);
    assert_int_equal(claim_tasks(bench, 0, "a", &claims), 1);
    assert_int_equal(claims.claims[0].hops, 0);
    /* To another site; then what was asked there is lost. */
    assert_int_equal(route_one(bench, 0, 5, "b", false), 0);
    assert_int_equal(claim_tasks(bench, 1, "b", &claims), 1);
    assert_int_equal(claims.claims[0].hops, 1);
    assert_int_equal(route_one(bench, 1, 5, "b", true), 0);
    assert_int_equal(claim_tasks(bench, 1, "b", &claims), 1);
    assert_int_equal(claims.claims[0].hops, 2);
    /* A result ends it, and what has one is not handed over. */
    assert_int_equal(put_one(bench, 1, 5), 0);
    assert_int_equal(route_one(bench, 0, 5, "a", false), 0);
    assert_int_equal(claim_tasks(bench, 1, "a", &claims), 0);
    store_claims_done(&claims);
}

/* --- lists --------------------------------------------------------------------------------- */

static void running_lists_say_whether_they_are_asked_anew(void **state)
{
    struct bench *bench = *state;
    uint64_t second = add_list(bench->stores[0], STORE_JOB_RUNNING);
    struct store_fleet_list lists[4];
    size_t count;

    (void)add_list(bench->stores[0], STORE_JOB_PAUSED);
    assert_int_equal(store_fleet_prepare(bench->stores[0], second, true, NULL), 0);
    assert_int_equal(store_fleet_running(bench->workers[1], &bench->arena, lists, 4, &count, NULL),
                     0);
    assert_int_equal(count, 2);
    assert_int_equal(lists[0].id, bench->job);
    assert_false(lists[0].asks_anew);
    assert_int_equal(lists[1].id, second);
    assert_true(lists[1].asks_anew);
}

int main(void)
{
#define FLEET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FLEET(a_site_is_one_workers),
        FLEET(the_silent_are_given_up_and_refused),
        FLEET(free_sites_that_rows_wait_for_are_adopted),
        FLEET(a_rest_outlives_its_holder),
        FLEET(what_many_leases_take_is_done_in_bits),
        FLEET(a_beat_holds_whatever_becomes_of_others),
        FLEET(all_have_the_same_kind_of_leases),
        FLEET(beats_say_what_others_said),
        FLEET(handed_rows_without_a_lease_are_found),
        FLEET(rows_are_claimed_once_until_a_list_is_finished),
        FLEET(what_the_dead_did_not_answer_is_claimed_again),
        FLEET(a_list_fails_when_nobody_has_rows_of_it),
        FLEET(handed_rows_count_what_was_in_vain),
        FLEET(running_lists_say_whether_they_are_asked_anew),
    };

    return postgres_rig_tests("fleet", tests, ARRAY_LEN(tests), &url);
}
