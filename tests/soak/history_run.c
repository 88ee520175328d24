#include "history_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "bulk/habits.h"
#include "flaky_store.h"
#include "history/history.h"

#define LIVES 3 /* the last one without faults */

/* What lasts from life to life. */
struct past {
    const struct soak_plan *plan;
    const struct soak_faults *faults;
    const struct soak_report *clean;
    struct store *store;
    struct soak_dawn dawn;
    struct buffer visits;
    unsigned lied_sites;
    bool was_asked[SOAK_ADDRESSES_MAX]; /* in any life */
    /* What is remembered of it at the beginning of this life was found out then; 0: nothing. */
    int64_t proven_unix_ms[SOAK_ADDRESSES_MAX];

    struct soak_guest guest; /* of this life */
    struct io_loop *loop;
    struct history *history;
    struct bulk_habits *habits;
    struct probe_memory memory;
};

static bool is_last(const struct past *past)
{
    return past->dawn.life == LIVES - 1;
}

/* --- what is remembered ----------------------------------------------------------------------- */

/* The first address of the plan that names this mailbox, which is its key; -1: none does. */
static int find(const struct soak_plan *plan, struct slice key)
{
    char text[SOAK_ADDRESS_SIZE];

    for (unsigned i = 0; i < plan->address_count; i++)
        if (plan->addresses[i].kind == SOAK_MAILBOX &&
            slice_equal(key, slice_from_string(soak_address_text(&plan->addresses[i], text))))
            return (int)i;
    return -1;
}

/* Only its own server can say so. */
static bool is_of_server(enum verdict_reason reason)
{
    return reason == REASON_ACCEPTED || reason == REASON_MAILBOX_NOT_FOUND;
}

static void check_record(struct past *past, struct soak_stage *stage,
                         const struct store_record *record)
{
    int i = find(past->plan, record->key);
    struct soak_outcome outcome = {.done = 1, .explanation = "remembered"};

    if (i < 0) {
        soak_fail(stage, "%.*s is remembered, and was never given", SLICE_ARG(record->key));
        return;
    }
    outcome.reason = (enum verdict_reason)record->value;
    outcome.status = verdict_reason_status(outcome.reason);
    if (record->is_proof && outcome.status == VERDICT_UNKNOWN)
        soak_fail(stage, "%.*s is remembered as proven %s", SLICE_ARG(record->key),
                  verdict_reason_name(outcome.reason));
    if (outcome.reason == REASON_INTERNAL_ERROR || outcome.reason == REASON_CANCELLED)
        soak_fail(stage, "%.*s is remembered as %s", SLICE_ARG(record->key),
                  verdict_reason_name(outcome.reason));
    if (is_of_server(outcome.reason) && !past->was_asked[i])
        soak_fail(stage, "%.*s is remembered as %s, and nobody was asked", SLICE_ARG(record->key),
                  verdict_reason_name(outcome.reason));
    if (!record->is_proof)
        return;
    soak_check_outcome(stage, &past->plan->addresses[i], &outcome);
    soak_check_against(stage, &past->plan->addresses[i], &outcome, &past->clean->outcomes[i]);
}

/* What is told of a domain is of mailboxes that were asked, each counted once. */
static void check_counts(struct past *past, struct soak_stage *stage, unsigned site,
                         unsigned domain)
{
    const struct soak_plan *plan = past->plan;
    struct naming_habits naming = {{0}};
    struct evidence_peers peers = {0};
    char name[SOAK_ADDRESS_SIZE], text[SOAK_ADDRESS_SIZE];
    unsigned asked = 0;

    (void)snprintf(name, sizeof(name), "d%u.op%u.example", domain, site);
    past->memory.acquaint(past->memory.user, slice_from_string(name), &naming, &peers);
    for (unsigned i = 0; i < plan->address_count; i++)
        asked +=
            past->was_asked[i] && plan->addresses[i].site == site &&
            plan->addresses[i].domain == domain &&
            find(plan, slice_from_string(soak_address_text(&plan->addresses[i], text))) == (int)i;
    if (peers.accepted + peers.absent > asked)
        soak_fail(stage,
                  "of %s %" PRIu32 " are remembered as accepted and %" PRIu32
                  " as refused, and %u were asked",
                  name, peers.accepted, peers.absent, asked);
}

static void check_records(struct past *past, struct soak_stage *stage)
{
    struct store_record record = {.key = SLICE_EMPTY};
    struct arena arena;

    arena_init(&arena);
    while (store_record_next(past->store, STORE_RECORD_MAILBOX, SLICE_EMPTY, record.key, &arena,
                             &record, NULL) == 1)
        check_record(past, stage, &record);
    arena_done(&arena);
    for (unsigned site = 0; site < past->plan->world.site_count; site++)
        for (unsigned domain = 0; domain < SOAK_DOMAINS_MAX; domain++)
            check_counts(past, stage, site, domain);
}

static void find_proofs(struct past *past)
{
    int64_t now = io_unix_ms(past->loop);
    char text[SOAK_ADDRESS_SIZE];
    struct store_record record;
    struct arena arena;

    arena_init(&arena);
    for (unsigned i = 0; i < past->plan->address_count; i++) {
        bool is_proven;

        (void)soak_address_text(&past->plan->addresses[i], text);
        arena_reset(&arena);
        is_proven = past->plan->addresses[i].kind == SOAK_MAILBOX &&
                    store_record_get(past->store, STORE_RECORD_MAILBOX, slice_from_string(text),
                                     &arena, &record, NULL) == 1 &&
                    record.is_proof && record.checked_unix_ms <= now;
        past->proven_unix_ms[i] = is_proven ? record.checked_unix_ms : 0;
    }
    arena_done(&arena);
}

/* To the end of this life no clock has made it stale: the shortest is of three hours. */
static bool is_fresh(const struct past *past, unsigned i)
{
    return past->proven_unix_ms[i] > 0 &&
           io_unix_ms(past->loop) - past->proven_unix_ms[i] < (int64_t)(3 * HOUR_MS);
}

/* --- a life ----------------------------------------------------------------------------------- */

static void die(void *user)
{
    struct past *past = user;

    past->guest.is_dead = true;
    io_loop_stop(past->loop);
}

static void plan_death(struct past *past, struct flaky_store_plan *store_plan)
{
    struct random random;

    past->dawn.stop_events = 0;
    if (is_last(past) || past->dawn.life >= past->faults->deaths)
        return;
    random_init(&random, past->plan->seed * 41 + past->dawn.life);
    if (random_chance(&random, 1, 2))
        past->dawn.stop_events = 1 + random_below(&random, past->clean->events);
    else
        store_plan->dies_at = 1 + random_below(&random, 3 * past->plan->address_count);
    store_plan->dies_after = random_chance(&random, 1, 2);
}

static struct flaky_store_plan store_plan; /* of the life that begins */

static void come(void *user, struct soak_stage *stage)
{
    const struct history_options options = {.bounce_days = 0};
    struct past *past = user;
    struct error error = {0};

    past->loop = stage->loop;
    stage->lied_sites = past->lied_sites;
    find_proofs(past);
    past->habits = bulk_habits_new(stage->loop, past->store, past->store);
    CHECK(past->habits != NULL);
    past->memory = bulk_habits_memory(past->habits);
    probe_engine_set_memory(stage->engine, &past->memory);
    CHECK(history_open(stage->loop, past->store, stage->engine, &options, &past->history, &error) ==
          0);
    flaky_store_begin(past->store, &store_plan);
}

static void note_questions(struct past *past, struct soak_stage *stage)
{
    char text[SOAK_ADDRESS_SIZE];

    for (unsigned i = 0; i < past->plan->address_count; i++) {
        bool is_asked;

        (void)soak_address_text(&past->plan->addresses[i], text);
        is_asked = lab_world_rcpt_count(stage->world, slice_from_string(text)) > 0;
        past->was_asked[i] = past->was_asked[i] || is_asked;
        /* A store that fails to say what it knows costs a question. */
        if (is_asked && is_fresh(past, i) && flaky_store_counts().failures == 0 &&
            !stage->memory_is_short && stage->faults.wall_jumps == 0)
            soak_fail(stage, "%s is remembered, and was asked again", text);
    }
}

static void plan_dawn(struct past *past, const struct soak_stage *stage)
{
    static const uint64_t spans[] = {100, MINUTE_MS, 4 * HOUR_MS, 4 * DAY_MS, 40 * DAY_MS};
    struct soak_dawn *dawn = &past->dawn;
    struct random random;

    random_init(&random, past->plan->seed * 43 + dawn->life);
    buffer_clear(&past->visits);
    lab_world_save_visits(stage->world, &past->visits);
    CHECK(!past->visits.failed);
    dawn->life++;
    dawn->visits = buffer_slice(&past->visits);
    dawn->passed_ms = MINUTE_MS + spans[random_below(&random, ARRAY_LEN(spans))];
    dawn->start_ms = io_now_ms(stage->loop) + dawn->passed_ms;
    dawn->start_unix_ms = io_unix_ms(stage->loop) + (int64_t)dawn->passed_ms;
}

static void go(void *user, struct soak_stage *stage, bool was_killed)
{
    struct past *past = user;
    struct history_counts counts;
    struct probe_counts engine;

    if (was_killed)
        flaky_store_die();
    note_questions(past, stage);
    probe_engine_counts(stage->engine, &engine);
    probe_engine_set_memory(stage->engine, NULL);
    (void)history_flush(past->history, NULL);
    history_counts(past->history, &counts);
    if (counts.kept + counts.lost > engine.finished)
        soak_fail(stage, "%" PRIu64 " records were kept and %" PRIu64 " lost of %" PRIu64 " cases",
                  counts.kept, counts.lost, engine.finished);
    /* Without memory for the case the submission fails behind the question. */
    if (!stage->memory_is_short && counts.fresh + counts.stale + counts.unknown > engine.submitted)
        soak_fail(stage, "the past was asked more often than the engine");
    if (engine.recalled > counts.fresh)
        soak_fail(stage, "%" PRIu64 " were recalled, and %" PRIu64 " were fresh", engine.recalled,
                  counts.fresh);
    history_close(past->history);
    flaky_store_end();
    past->lied_sites = stage->lied_sites;
    check_records(past, stage);
    bulk_habits_free(past->habits);
    plan_dawn(past, stage);
}

void soak_history_run(const struct soak_plan *plan, const struct soak_faults *faults,
                      const struct soak_report *clean, struct soak_report *ret_report)
{
    struct past past = {.plan = plan, .faults = faults, .clean = clean};
    struct error error = {0};
    unsigned deaths = 0;

    past.guest = (struct soak_guest){.come = come, .go = go, .user = &past};
    buffer_init(&past.visits, 0);
    CHECK(store_open("memory:", STORE_MODE_CREATE, &past.store, &error) == 0);
    do {
        bool is_peaceful = is_last(&past);

        past.guest.is_dead = false;
        store_plan = (struct flaky_store_plan){
            .seed = plan->seed + past.dawn.life,
            .fail_permille = is_peaceful ? 0 : faults->store_permille,
            .died = die,
            .user = &past,
        };
        plan_death(&past, &store_plan);
        soak_engine_live(plan, is_peaceful ? &soak_no_faults : faults, clean, &past.dawn,
                         &past.guest, ret_report);
        deaths += ret_report->deaths;
    } while (past.dawn.life < LIVES && ret_report->failure[0] == '\0');
    ret_report->deaths = deaths;
    store_close(past.store);
    buffer_done(&past.visits);
}
