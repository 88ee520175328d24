/*
 * What decides about leases: workers with engines of their own in one simulated world, sharing the
 * rig's store. No site is ever asked by two, whatever is lost, late or asleep.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/instant.h"
#include "bulk/fleet.h"
#include "bulk/fleet_rig.h"
#include "lab/sim_loop.h"
#include "lab/world.h"

#define WORKERS 3
#define SITES   40

static const struct ip_network everywhere[] = {{{4, {0}}, 0}, {{6, {0}}, 0}};

struct member {
    struct bench *bench;
    struct dns_resolver *resolver;
    struct probe_engine *engine;
    struct bulk_fleet *fleet;
    struct store_fleet *membership;
    unsigned answered, elsewhere, blocked;
    uint64_t answered_ms, lost_ms; /* the last; when it was told, 0: not */
};

struct bench {
    struct io_loop *loop;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct store *store;
    struct probe_settings settings;
    struct member members[WORKERS];
    struct io_timer stop;
};

static void stop_loop(struct io_timer *timer)
{
    io_loop_stop(timer->loop);
}

static void run_for(struct bench *bench, uint64_t ms)
{
    assert_int_equal(io_timer_start(&bench->stop, io_now_ms(bench->loop) + ms), 0);
    io_loop_run(bench->loop);
}

/* Sites s0, s1...; `extra` is said of each server. */
static void bench_start(struct bench *bench, const char *extra)
{
    const struct lab_sim_plan plan = {.seed = 1, .latency_min_ms = 5, .latency_max_ms = 20};
    struct error error = {0};
    struct buffer text;

    *bench = (struct bench){0};
    buffer_init(&text, 0);
    for (int i = 0; i < SITES; i++)
        buffer_printf(
            &text,
            "domain s%d.example\n  mx 10 mx.s%d.example\n"
            "server mx.s%d.example 192.0.2.%d\n  site s%d connections 2\n  mailbox u*\n%s",
            i, i, i, i + 1, i, extra);
    bench->scenario = lab_scenario_parse(slice_from(text.ptr, text.len), &error);
    buffer_done(&text);
    if (bench->scenario == NULL)
        fail_msg("%s", error.message);
    bench->loop = lab_sim_loop_new(&plan);
    bench->world = lab_world_new(bench->loop, bench->scenario, 25, 1, &error);
    assert_non_null(bench->world);
    lab_world_set_slack(bench->world, 2 * plan.latency_max_ms);
    assert_int_equal(store_open("memory:", STORE_MODE_CREATE, &bench->store, NULL), 0);
    probe_settings_init(&bench->settings);
    bench->settings.helo_name = SLICE("probe.mailknock.example");
    bench->settings.allowed = (struct ip_networks){everywhere, ARRAY_LEN(everywhere)};
    bench->settings.seed = 1;
    bench->settings.pipelining = false;
    bench->settings.catch_all = false;
    io_timer_init(bench->loop, &bench->stop, stop_loop, bench);
    fleet_rig_start(bench->loop);
}

static int read_wish(void *user, const struct store_fleet_list *list, struct probe_wish *ret_wish,
                     struct error *error)
{
    *ret_wish = (struct probe_wish){.depth = EVIDENCE_DEPTH_SMTP};
    return 0;
}

static void trouble(void *user, const char *message)
{
}

static void lost(void *user)
{
    struct member *member = user;

    member->lost_ms = io_now_ms(member->bench->loop);
}

static struct member *join(struct bench *bench, int at)
{
    static const struct bulk_fleet_events events = {trouble, lost, lost};
    const struct dns_resolver_options options = {
        .allowed = bench->settings.allowed, .use_ipv4 = true, .seed = 1};
    const struct bulk_fleet_options fleet = {
        .name = SLICE("w"), .window = 100, .ttl_ms = FLEET_RIG_TTL_MS, .read_wish = read_wish};
    struct member *member = &bench->members[at];

    member->bench = bench;
    member->resolver = dns_resolver_new(bench->loop, lab_world_transport(bench->world), &options);
    member->engine = probe_engine_new(bench->loop, member->resolver, NULL, &bench->settings);
    assert_non_null(member->engine);
    assert_int_equal(bulk_fleet_open(bench->loop, member->engine, bench->store, &fleet, &events,
                                     member, &member->fleet, NULL),
                     0);
    member->membership = bulk_fleet_membership(member->fleet);
    return member;
}

/* What was open is closed as by a kernel; the store hears nothing. */
static void die(struct member *member)
{
    bulk_fleet_free(member->fleet);
    probe_engine_free(member->engine);
    dns_resolver_free(member->resolver);
    member->fleet = NULL;
    member->engine = NULL;
    member->resolver = NULL;
}

static void bench_end(struct bench *bench)
{
    if (lab_world_violation(bench->world, 0) != NULL)
        fail_msg("%s", lab_world_violation(bench->world, 0));
    for (int i = 0; i < WORKERS; i++)
        die(&bench->members[i]);
    io_timer_stop(&bench->stop);
    lab_world_free(bench->world);
    io_loop_free(bench->loop);
    lab_scenario_free(bench->scenario);
    store_close(bench->store);
}

static void answered(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct member *member = user;

    member->answered +=
        verdict->reason == REASON_ACCEPTED || verdict->reason == REASON_RCPT_UNTRUSTED;
    member->elsewhere += evidence->stop == EVIDENCE_STOP_ELSEWHERE;
    member->blocked += evidence->stop == EVIDENCE_STOP_BREAKER;
    member->answered_ms = io_now_ms(member->bench->loop);
}

static void ask(struct member *member, int site, int many)
{
    static int number;
    char address[64];

    for (int i = 0; i < many; i++) {
        snprintf(address, sizeof(address), "u%d@s%d.example", ++number, site);
        assert_int_equal(
            probe_engine_submit(member->engine, slice_from_string(address), answered, member), 0);
    }
}

static uint64_t leases_of(const struct member *member)
{
    struct bulk_fleet_counts counts;

    bulk_fleet_counts(member->fleet, &counts);
    return counts.leases;
}

static struct lab_counts seen(const struct bench *bench)
{
    struct lab_counts counts;

    lab_world_counts(bench->world, &counts);
    return counts;
}

#define SITE "mx:s0.example"

/* --- taken, given ---------------------------------------------------------------------------- */

static void a_site_is_asked_by_whose_lease_it_is(void **state)
{
    struct bench bench;
    struct member *one, *two;

    bench_start(&bench, "");
    one = join(&bench, 0);
    two = join(&bench, 1);
    ask(one, 0, 3);
    run_for(&bench, 2000);
    assert_int_equal(one->answered, 3);
    assert_int_equal(fleet_rig_holder(SITE), one->membership->worker);
    ask(two, 0, 2);
    run_for(&bench, 1000);
    assert_int_equal(two->elsewhere, 2);
    assert_int_equal(two->answered, 0);
    /* Nothing is asked there any more: it goes back, and the other one may have it. */
    run_for(&bench, 2 * MINUTE_MS);
    assert_int_equal(fleet_rig_holder(SITE), 0);
    assert_int_equal(leases_of(one), 0);
    ask(two, 0, 2);
    run_for(&bench, 2 * MINUTE_MS);
    assert_int_equal(two->answered, 2);
    bench_end(&bench);
}

/* At rest a beat is one statement. */
static void who_has_nothing_to_do_says_beats(void **state)
{
    struct bench bench;
    unsigned before;

    bench_start(&bench, "");
    join(&bench, 0);
    run_for(&bench, MINUTE_MS);
    before = fleet_rig_said();
    run_for(&bench, 10 * MINUTE_MS);
    assert_in_range(fleet_rig_said() - before, 10 * MINUTE_MS / (FLEET_RIG_TTL_MS / 6) - 2,
                    10 * MINUTE_MS / (FLEET_RIG_TTL_MS / 6) + 2);
    bench_end(&bench);
}

/* Whether the answer to giving it comes or not: it may be another's from then on. */
static void what_was_given_is_not_asked_when_the_answer_is_lost(void **state)
{
    struct bench bench;
    struct member *one, *two;

    bench_start(&bench, "");
    one = join(&bench, 0);
    two = join(&bench, 1);
    one->membership->give_fault = FLEET_RIG_MUTE;
    ask(one, 0, 1);
    run_for(&bench, 2 * MINUTE_MS);
    assert_int_equal(fleet_rig_holder(SITE), 0);
    assert_int_equal(leases_of(one), 1); /* as far as it knows */
    ask(two, 0, 1);
    run_for(&bench, 2000);
    assert_int_equal(fleet_rig_holder(SITE), two->membership->worker);
    ask(one, 0, 1);
    run_for(&bench, 1000);
    assert_int_equal(one->elsewhere, 1);
    /* Said twice, it changes nothing. */
    ask(two, 0, 1);
    one->membership->give_fault = FLEET_RIG_WORKS;
    run_for(&bench, 4000);
    assert_int_equal(leases_of(one), 0);
    assert_int_equal(fleet_rig_holder(SITE), two->membership->worker);
    bench_end(&bench);
}

/* What the store has as ours and we don't know would be asked by nobody. */
static void what_was_adopted_unheard_goes_back(void **state)
{
    struct bench bench;
    struct member *one;

    bench_start(&bench, "");
    one = join(&bench, 0);
    one->membership->wants_adoption = true;
    run_for(&bench, 1000);
    fleet_rig_add_site("mx:s1.example");
    run_for(&bench, 2000);
    one->membership->fault = FLEET_RIG_MUTE;
    run_for(&bench, 4000); /* one beat, whose answer is lost too */
    one->membership->fault = FLEET_RIG_WORKS;
    run_for(&bench, 20 * SECOND_MS);
    assert_int_equal(one->lost_ms, 0);
    assert_int_equal(fleet_rig_count(one->membership->worker), leases_of(one));
    assert_int_equal(leases_of(one), 1);
    bench_end(&bench);
}

/* --- deaths ---------------------------------------------------------------------------------- */

/* What the dead one opened in the minute before is not known to the next holder. */
static void a_window_is_waited_for_after_a_death(void **state)
{
    struct bench bench;
    struct member *one, *two;
    uint64_t died;

    bench_start(&bench, "");
    bench.settings.limits_override.connections_per_minute = 2;
    one = join(&bench, 0);
    two = join(&bench, 1);
    ask(one, 0, 2);
    run_for(&bench, 1000);
    assert_int_equal(one->answered, 2);
    died = io_now_ms(bench.loop);
    die(one);
    run_for(&bench, FLEET_RIG_TTL_MS + 5000); /* given up */
    ask(two, 0, 1);
    run_for(&bench, 2 * MINUTE_MS);
    assert_int_equal(two->answered, 1);
    assert_true(two->answered_ms >= died + MINUTE_MS);
    bench_end(&bench);
}

static void a_refusal_outlives_who_heard_it(void **state)
{
    struct bench bench;
    struct member *one, *two;
    uint64_t before;

    bench_start(&bench, "  behave block mail\n");
    one = join(&bench, 0);
    two = join(&bench, 1);
    ask(one, 0, 20);
    run_for(&bench, 2000);
    assert_true(fleet_rig_rest_ms(SITE) > 25 * MINUTE_MS);
    before = seen(&bench).connections;
    assert_in_range(before, 1, 2);
    die(one);
    run_for(&bench, FLEET_RIG_TTL_MS + 5000);
    ask(two, 0, 20);
    run_for(&bench, 2000);
    assert_int_equal(two->blocked, 20); /* nobody waits for hours */
    ask(two, 0, 5);
    run_for(&bench, 3000);
    assert_int_equal(two->blocked, 25);
    run_for(&bench, 25 * MINUTE_MS);
    ask(two, 0, 5);
    run_for(&bench, 2000);
    assert_int_equal(fleet_rig_holder(SITE), two->membership->worker);
    assert_int_equal(seen(&bench).connections, before);
    bench_end(&bench);
}

/* The store doesn't answer: all is closed before anybody else may begin. */
static void who_is_cut_off_gives_up_in_time(void **state)
{
    struct bench bench;
    struct member *one;
    uint64_t cut;

    bench_start(&bench, "");
    one = join(&bench, 0);
    run_for(&bench, 10 * SECOND_MS);
    one->membership->fault = FLEET_RIG_CUT;
    cut = io_now_ms(bench.loop);
    run_for(&bench, MINUTE_MS);
    assert_true(one->lost_ms > cut);
    assert_true(one->lost_ms + FLEET_RIG_TTL_MS / 6 < one->membership->expires_ms);
    bench_end(&bench);
}

/* Its timers don't know of the time in between; its connections may still be open. */
static void who_was_suspended_asks_nobody(void **state)
{
    struct bench bench;
    struct member *one;
    uint64_t before;

    bench_start(&bench, "  behave delay rcpt 500ms\n");
    one = join(&bench, 0);
    ask(one, 0, 60);
    run_for(&bench, 4000);
    before = seen(&bench).rcpts;
    assert_true(before > 3 && one->answered < 60);
    one->membership->suspended_ms = 10 * MINUTE_MS;
    one->membership->expires_ms = 0;
    run_for(&bench, FLEET_RIG_TTL_MS);
    assert_true(one->lost_ms > 0);
    assert_in_range(seen(&bench).rcpts, before,
                    before + 2); /* what two connections had been given */
    bench_end(&bench);
}

/* --- no memory ------------------------------------------------------------------------------- */

static const struct io_loop_ops *sound_loop;
static const void *without_timers; /* whose owner can start none */

static int failing_timer_start(struct io_timer *timer, uint64_t at_ms)
{
    return timer->user == without_timers ? ERROR_NOMEM : sound_loop->timer_start(timer, at_ms);
}

static void lack_timers(struct bench *bench, struct io_loop_ops *ops, const void *owner)
{
    sound_loop = bench->loop->ops;
    without_timers = owner;
    *ops = *sound_loop;
    ops->timer_start = failing_timer_start;
    bench->loop->ops = ops;
}

static void what_could_not_be_seen_to_is_with_the_next_beat(void **state)
{
    struct bench bench;
    struct io_loop_ops ops;
    struct member *one;

    bench_start(&bench, "");
    one = join(&bench, 0);
    run_for(&bench, 500); /* after a beat */
    lack_timers(&bench, &ops, one->fleet);
    ask(one, 0, 3);
    run_for(&bench, 1000);
    assert_int_equal(fleet_rig_holder(SITE), 0);
    without_timers = NULL;
    run_for(&bench, FLEET_RIG_TTL_MS / 6 + 2000);
    assert_int_equal(one->answered, 3);
    bench.loop->ops = sound_loop;
    bench_end(&bench);
}

/* Nothing would be said any more, and nobody would know. */
static void who_cannot_say_beats_has_lost(void **state)
{
    struct bench bench;
    struct io_loop_ops ops;
    struct member *one;

    bench_start(&bench, "");
    one = join(&bench, 0);
    run_for(&bench, 500);
    lack_timers(&bench, &ops, one->fleet);
    run_for(&bench, FLEET_RIG_TTL_MS / 6);
    assert_true(one->lost_ms > 0);
    bench.loop->ops = sound_loop;
    bench_end(&bench);
}

/* --- rows that a worker fails ---------------------------------------------------------------- */

static uint64_t sound_from_ms;
static struct ip lacking; /* connections from there (family 0: at all) fail before that time */

static int failing_connect(struct io_loop *loop, const struct io_endpoint *from,
                           const struct io_endpoint *to, const struct io_stream_events *events,
                           void *user, struct io_stream **ret_stream, struct error *error)
{
    if (io_now_ms(loop) < sound_from_ms && (lacking.family == 0 || ip_equal(&from->ip, &lacking)))
        return error_set(error, ERROR_NOMEM, "no connection");
    return sound_loop->connect(loop, from, to, events, user, ret_stream, error);
}

/* A list of forty rows, and worker 0, that can make no connection until then. */
static struct member *bench_with_list(struct bench *bench, struct io_loop_ops *ops,
                                      uint64_t until_ms)
{
    char address[64];
    struct member *one;

    bench_start(bench, "");
    for (int i = 0; i < 40; i++) {
        /* One in eight as earlier versions kept them. */
        snprintf(address, sizeof(address), "%su%d@s%d.example", i % 8 == 3 ? "\xc2\xa0" : "", i,
                 i % 5);
        fleet_rig_add_row(address);
    }
    sound_loop = bench->loop->ops;
    *ops = *sound_loop;
    ops->connect = failing_connect;
    bench->loop->ops = ops;
    sound_from_ms = until_ms;
    lacking = (struct ip){4, {192, 0, 2, 250}};
    bench->settings.source.ip = lacking;
    one = join(bench, 0);
    bench->settings.source.ip.bytes[3]--;
    return one;
}

static void everybody_has_a_result(struct bench *bench)
{
    assert_int_equal(fleet_rig_list(), STORE_JOB_FINISHED);
    assert_int_equal(fleet_rig_results(REASON_ACCEPTED) + fleet_rig_results(REASON_RCPT_UNTRUSTED),
                     40);
    bench->loop->ops = sound_loop;
    bench_end(bench);
}

static void rows_that_we_failed_are_asked_again(void **state)
{
    struct io_loop_ops ops;
    struct bench bench;

    bench_with_list(&bench, &ops, 40 * SECOND_MS);
    run_for(&bench, 30 * SECOND_MS);
    assert_int_equal(fleet_rig_results(REASON_INTERNAL_ERROR), 0);
    run_for(&bench, 5 * MINUTE_MS);
    everybody_has_a_result(&bench);
}

/* Nor does it end the list for others, who have what it lacks. */
static void what_one_lacks_another_may_have(void **state)
{
    struct io_loop_ops ops;
    struct bench bench;

    bench_with_list(&bench, &ops, UINT64_MAX);
    run_for(&bench, 5 * SECOND_MS); /* the sites are its own */
    join(&bench, 1);
    run_for(&bench, 15 * MINUTE_MS);
    everybody_has_a_result(&bench);
}

static void a_list_that_nobody_can_ask_fails(void **state)
{
    struct io_loop_ops ops;
    struct bench bench;

    bench_with_list(&bench, &ops, UINT64_MAX);
    run_for(&bench, 6 * MINUTE_MS);
    assert_int_equal(fleet_rig_list(), STORE_JOB_RUNNING);
    run_for(&bench, 2 * MINUTE_MS);
    assert_int_equal(fleet_rig_list(), STORE_JOB_FAILED);
    assert_string_equal(fleet_rig_note(), "40 addresses could not be asked: out of memory");
    assert_int_equal(fleet_rig_results(REASON_INTERNAL_ERROR), 0);
    sound_from_ms = 0;
    fleet_rig_run_list();
    run_for(&bench, 5 * MINUTE_MS);
    everybody_has_a_result(&bench);
}

/* What a claim gave is ours, though we never heard of it: nobody else is asked for it. */
static void rows_of_a_claim_that_was_not_heard_are_asked(void **state)
{
    struct io_loop_ops ops;
    struct bench bench;
    struct member *one = bench_with_list(&bench, &ops, 0);

    one->membership->claim_fault = FLEET_RIG_MUTE;
    run_for(&bench, 5 * SECOND_MS);
    join(&bench, 1);
    run_for(&bench, MINUTE_MS);
    assert_int_equal(fleet_rig_results(REASON_ACCEPTED), 0);
    assert_int_equal(fleet_rig_list(), STORE_JOB_RUNNING);
    one->membership->claim_fault = FLEET_RIG_WORKS;
    run_for(&bench, MINUTE_MS);
    everybody_has_a_result(&bench);
}

/* Each has rounds in vain and finds, between them, all rows with the other: both count on. */
static void a_list_that_two_cannot_ask_fails(void **state)
{
    struct io_loop_ops ops;
    struct bench bench;

    bench_with_list(&bench, &ops, UINT64_MAX);
    lacking.family = 0;
    run_for(&bench, 500);
    join(&bench, 1);
    run_for(&bench, 30 * MINUTE_MS);
    assert_int_equal(fleet_rig_list(), STORE_JOB_FAILED);
    bench.loop->ops = sound_loop;
    bench_end(&bench);
}

/* --- shares ---------------------------------------------------------------------------------- */

/* Busy sites leave late: what is leaving is not counted as what stays, beat for beat. */
static void nobody_sheds_below_a_share(void **state)
{
    const bool is_busy = *state != NULL;
    struct bench bench;
    struct member *one, *two;
    char site[32];

    bench_start(&bench, is_busy ? "  behave delay rcpt 8s\n" : "");
    one = join(&bench, 0);
    one->membership->wants_adoption = true;
    for (int i = 0; i < SITES; i++) {
        snprintf(site, sizeof(site), "mx:s%d.example", i);
        fleet_rig_add_site(site);
    }
    run_for(&bench, 20 * SECOND_MS);
    assert_int_equal(leases_of(one), SITES);
    if (is_busy)
        run_for(&bench, 40 * SECOND_MS); /* adopted, it may be a minute before it is asked */
    for (int i = 0; is_busy && i < SITES; i++)
        ask(one, i, 30);
    /* Connections that count in no window any more, so that it costs nothing to give them up. */
    run_for(&bench, is_busy ? 63 * SECOND_MS : 2000);
    two = join(&bench, 1);
    two->membership->wants_adoption = true;
    for (int i = 0; i < 30; i++) {
        run_for(&bench, SECOND_MS);
        assert_true(fleet_rig_count(one->membership->worker) >= SITES / 2);
    }
    assert_true(leases_of(one) <= SITES / 2 + SITES / 8 + 4);
    assert_true(leases_of(two) >= SITES / 4);
    assert_true(leases_of(one) + leases_of(two) <= SITES);
    bench_end(&bench);
}

int main(void)
{
    static bool is_busy = true;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_is_asked_by_whose_lease_it_is),
        cmocka_unit_test(who_has_nothing_to_do_says_beats),
        cmocka_unit_test(what_was_given_is_not_asked_when_the_answer_is_lost),
        cmocka_unit_test(what_was_adopted_unheard_goes_back),
        cmocka_unit_test(a_window_is_waited_for_after_a_death),
        cmocka_unit_test(a_refusal_outlives_who_heard_it),
        cmocka_unit_test(who_is_cut_off_gives_up_in_time),
        cmocka_unit_test(who_was_suspended_asks_nobody),
        cmocka_unit_test(what_could_not_be_seen_to_is_with_the_next_beat),
        cmocka_unit_test(who_cannot_say_beats_has_lost),
        cmocka_unit_test(rows_that_we_failed_are_asked_again),
        cmocka_unit_test(what_one_lacks_another_may_have),
        cmocka_unit_test(a_list_that_nobody_can_ask_fails),
        cmocka_unit_test(rows_of_a_claim_that_was_not_heard_are_asked),
        cmocka_unit_test(a_list_that_two_cannot_ask_fails),
        cmocka_unit_test(nobody_sheds_below_a_share),
        cmocka_unit_test_prestate(nobody_sheds_below_a_share, &is_busy),
    };

    return cmocka_run_group_tests_name("bulk-fleet", tests, NULL, NULL);
}
