#include "stage.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "dns/resolver.h"
#include "flaky.h"
#include "io/pace.h"

#define CONNECTIONS_MAX 200 /* the engine's own, where the plan has no other */

const struct soak_faults soak_no_faults;

void soak_fail(struct soak_stage *stage, const char *format, ...)
{
    va_list args;

    if (stage->failure[0] != '\0')
        return;
    va_start(args, format);
    (void)vsnprintf(stage->failure, sizeof(stage->failure), format, args);
    va_end(args);
}

/* --- disturbances ---------------------------------------------------------------------------- */

/* A clock for the size of steps that is the same in every run; now and then it leaps. */
static struct random pace_random;
static uint64_t pace_us;
static unsigned pace_permille;

static uint64_t pace_clock_us(void)
{
    pace_us += random_chance(&pace_random, pace_permille, 1000) ? 100000 : 10;
    return pace_us;
}

static void memory_is_back(struct io_timer *timer)
{
    (void)memory_fail_after(-1);
}

static void disturb(struct io_timer *timer)
{
    struct soak_stage *stage = timer->user;
    uint64_t month_ms = 30 * DAY_MS;

    if (stage->disturbances < stage->faults.wall_jumps)
        lab_sim_loop_jump_wall(stage->loop, (int64_t)random_below(&stage->random, 2 * month_ms) -
                                                (int64_t)month_ms);
    else
        lab_sim_loop_hold_up(stage->loop,
                             random_below(&stage->random, stage->faults.hold_up_max_ms + 1));
    if (++stage->disturbances < stage->faults.wall_jumps + stage->faults.hold_ups)
        (void)io_timer_start(timer,
                             io_now_ms(stage->loop) + random_below(&stage->random, 2 * MINUTE_MS));
}

static void lied(void *user, const char *name)
{
    struct soak_stage *stage = user;
    const char *site = strstr(name, "op");

    if (site != NULL)
        stage->lied_sites |= 1U << strtoul(site + 2, NULL, 10);
}

static void came_inside(void *user, struct io_stream *stream)
{
    soak_fail(user, "somebody knocked inside the house");
    io_stream_close(stream);
}

static void heard(void *user, const char *line)
{
    struct soak_stage *stage = user;

    for (; *line != '\0'; line++) /* FNV-1a */
        stage->digest = (stage->digest ^ (unsigned char)*line) * UINT64_C(0x100000001b3);
}

/* --- building and ending ---------------------------------------------------------------------- */

static void build_loop(struct soak_stage *stage, uint64_t seed, const struct soak_dawn *dawn)
{
    const struct soak_faults *faults = &stage->faults;
    const struct lab_sim_plan sim = {
        .seed = seed,
        .latency_min_ms = 20,
        .latency_max_ms = stage->plan->latency_max_ms,
        .split_writes = faults->split > 0,
        .reorders = faults->reorder > 0,
        .drop_permille = faults->drop_permille,
        .reset_permille = faults->reset_permille,
        .tls_fail_permille = faults->tls_fail_permille,
        .stall_permille = faults->stall_permille,
        .stall_max_ms = 10 * MINUTE_MS,
        .start_ms = dawn->start_ms,
        .start_unix_ms = dawn->start_unix_ms,
        .stop_after_events = dawn->stop_events,
    };

    stage->loop = lab_sim_loop_new(&sim);
    CHECK(stage->loop != NULL);
    io_timer_init(stage->loop, &stage->memory, memory_is_back, stage);
    io_timer_init(stage->loop, &stage->disturb, disturb, stage);
}

static void build_world(struct soak_stage *stage, uint64_t seed)
{
    const struct flaky_plan flaky = {stage->faults.dns_loss_permille,
                                     stage->faults.dns_lie_permille, seed, lied, stage};
    struct error error = {0};
    struct buffer text;

    buffer_init(&text, 0);
    soak_world_write(&stage->plan->world, &text);
    stage->scenario = lab_scenario_parse(slice_from_string(text.ptr), &error);
    buffer_done(&text);
    CHECK(stage->scenario != NULL);
    stage->world = lab_world_new(stage->loop, stage->scenario, 25, seed, &error);
    CHECK(stage->world != NULL);
    /* Who is held up, or whose packets are, comes too soon after the one before. */
    lab_world_set_slack(stage->world,
                        (uint64_t)stage->plan->latency_max_ms * 2 +
                            (stage->faults.hold_ups > 0 ? stage->faults.hold_up_max_ms : 0));
    lab_world_on_line(stage->world, heard, stage);
    for (size_t i = 0; i < FLAKY_INSIDE_COUNT; i++) {
        const struct io_endpoint house = {flaky_inside[i], 25};

        CHECK(io_listen(stage->loop, &house, came_inside, stage, &stage->inside[i], &error) == 0);
    }
    stage->transport = flaky_transport_new(lab_world_transport(stage->world), &flaky);
    CHECK(stage->transport != NULL);
}

void soak_stage_build(struct soak_stage *stage, const struct soak_plan *plan,
                      const struct soak_faults *faults, const struct soak_dawn *dawn)
{
    uint64_t seed = plan->seed + (uint64_t)dawn->life * UINT64_C(1000000007);
    struct probe_settings settings;
    struct dns_resolver_options options = {
        .use_ipv4 = true, .use_ipv6 = true, .want_spf = true, .want_dmarc = true, .seed = seed};

    *stage = (struct soak_stage){
        .plan = plan, .faults = *faults, .digest = UINT64_C(0xcbf29ce484222325)};
    random_init(&stage->random, seed + 1);
    random_init(&pace_random, seed);
    pace_us = 0;
    pace_permille = faults->slow_disk_permille;
    io_pace_use_clock(pace_clock_us);
    build_loop(stage, seed, dawn);
    build_world(stage, seed);
    if (dawn->visits.len > 0)
        lab_world_restore_visits(stage->world, dawn->visits, dawn->passed_ms);
    soak_plan_settings(plan, &settings);
    settings.seed = seed;
    options.allowed = settings.allowed;
    stage->resolver = dns_resolver_new(stage->loop, stage->transport, &options);
    stage->engine = probe_engine_new(stage->loop, stage->resolver, NULL, &settings);
    CHECK(stage->resolver != NULL && stage->engine != NULL);
}

/* What must hold whatever happens, and between any two events. */
static void happened(void *user)
{
    struct soak_stage *stage = user;
    const char *violation = lab_world_violation(stage->world, 0);
    unsigned most = stage->plan->few_connections ? 2 : CONNECTIONS_MAX;
    struct probe_counts counts;

    if (violation != NULL)
        soak_fail(stage, "%s", violation);
    probe_engine_counts(stage->engine, &counts);
    if (counts.submitted != counts.finished + counts.open_cases)
        soak_fail(stage, "of %" PRIu64 " cases %" PRIu64 " have ended and %" PRIu64 " are open",
                  counts.submitted, counts.finished, counts.open_cases);
    if (counts.open_sessions > most)
        soak_fail(stage, "%" PRIu64 " sessions are open", counts.open_sessions);
    if (stage->look != NULL)
        stage->look(stage->look_user);
    if (stage->failure[0] != '\0')
        io_loop_stop(stage->loop);
}

void soak_stage_run(struct soak_stage *stage, void (*look)(void *user), void *user)
{
    stage->look = look;
    stage->look_user = user;
    lab_sim_loop_on_event(stage->loop, happened, stage);
    if (stage->faults.wall_jumps + stage->faults.hold_ups > 0)
        CHECK(io_timer_start(&stage->disturb, io_now_ms(stage->loop) +
                                                  random_below(&stage->random, 20 * SECOND_MS)) ==
              0);
    if (stage->faults.memory_after > 0) {
        stage->memory_is_short = true;
        CHECK(io_timer_start(&stage->memory, io_now_ms(stage->loop) +
                                                 random_below(&stage->random, 30 * SECOND_MS)) ==
              0);
        (void)memory_fail_after(stage->faults.memory_after);
    }
    io_loop_run(stage->loop);
    (void)memory_fail_after(-1);
    lab_sim_loop_on_event(stage->loop, NULL, NULL);
}

void soak_stage_check_end(struct soak_stage *stage)
{
    struct probe_counts counts;

    probe_engine_counts(stage->engine, &counts);
    if (counts.open_cases != 0)
        soak_fail(stage, "%" PRIu64 " cases are open", counts.open_cases);
    if (!stage->memory_is_short && counts.open_sessions != 0)
        soak_fail(stage, "%" PRIu64 " sessions are open", counts.open_sessions);
}

void soak_stage_done(struct soak_stage *stage)
{
    io_timer_stop(&stage->memory);
    io_timer_stop(&stage->disturb);
    probe_engine_free(stage->engine);
    dns_resolver_free(stage->resolver);
    for (size_t i = 0; i < FLAKY_INSIDE_COUNT; i++)
        io_listener_close(stage->inside[i]);
    lab_world_free(stage->world); /* questions under way end here, by way of the transport */
    dns_transport_free(stage->transport);
    io_loop_free(stage->loop);
    lab_scenario_free(stage->scenario);
    io_pace_use_clock(NULL);
}

uint64_t soak_stage_events(const struct soak_stage *stage)
{
    struct lab_sim_counts counts;

    lab_sim_loop_counts(stage->loop, &counts);
    return counts.events;
}

/* --- what is true ---------------------------------------------------------------------------- */

static bool is_lied_about(const struct soak_stage *stage, const struct soak_address *address)
{
    return (stage->lied_sites & 1U << address->site) != 0;
}

void soak_check_outcome(struct soak_stage *stage, const struct soak_address *address,
                        const struct soak_outcome *outcome)
{
    bool exists = soak_address_exists(stage->plan, address);
    char text[SOAK_ADDRESS_SIZE];

    (void)soak_address_text(address, text);
    if (outcome->done != 1)
        soak_fail(stage, "%s ended %u times", text, outcome->done);
    if (outcome->explanation[0] == '\0' && !stage->memory_is_short)
        soak_fail(stage, "%s is %s without an explanation", text,
                  verdict_reason_name(outcome->reason));
    if (outcome->reason == REASON_INTERNAL_ERROR && !stage->memory_is_short)
        soak_fail(stage, "%s: %s", text, outcome->explanation);
    if (address->kind != SOAK_MAILBOX && outcome->reason != REASON_BAD_SYNTAX &&
        outcome->reason != REASON_CANCELLED && !stage->memory_is_short)
        soak_fail(stage, "%s is %s", text, verdict_reason_name(outcome->reason));
    if (is_lied_about(stage, address))
        return;
    if (!exists && outcome->status == VERDICT_VALID)
        soak_fail(stage, "%s does not exist and is valid: %s", text, outcome->explanation);
    if (exists && outcome->status == VERDICT_INVALID &&
        outcome->reason != REASON_DOMAIN_NOT_ACCEPTED)
        soak_fail(stage, "%s exists and is invalid: %s", text, outcome->explanation);
}

void soak_check_against(struct soak_stage *stage, const struct soak_address *address,
                        const struct soak_outcome *faulty, const struct soak_outcome *clean)
{
    bool is_true =
        !soak_address_exists(stage->plan, address) &&
        (faulty->reason == REASON_MAILBOX_NOT_FOUND || faulty->reason == REASON_BAD_SYNTAX);
    char text[SOAK_ADDRESS_SIZE];

    if (faulty->status == VERDICT_INVALID && clean->status != VERDICT_INVALID && !is_true &&
        !is_lied_about(stage, address))
        soak_fail(stage, "%s is invalid with faults only (%s without): %s",
                  soak_address_text(address, text), verdict_reason_name(clean->reason),
                  faulty->explanation);
}
