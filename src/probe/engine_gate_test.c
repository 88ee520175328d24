/* Tests of the engine behind a gate: a site is asked only as long as somebody says that it may be.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/instant.h"
#include "probe/engine_rig.h"
#include "probe/gate.h"
#include "probe/limits.h"

/* Says otherwise when so many recipients were named. */
struct gatekeeper {
    struct bench *bench;
    uint64_t open_until_rcpts;
    enum probe_gate_answer then;
    unsigned refusals;
    uint64_t refused_until_ms;
};

static uint64_t rcpts_seen(const struct bench *bench)
{
    struct lab_counts counts;

    lab_world_counts(bench->world, &counts);
    return counts.rcpts;
}

static enum probe_gate_answer ask_gatekeeper(void *user, const struct probe_gate_question *question)
{
    const struct gatekeeper *keeper = user;

    assert_true(question->site[0] != '\0');
    return rcpts_seen(keeper->bench) < keeper->open_until_rcpts ? PROBE_GATE_OPEN : keeper->then;
}

static void gatekeeper_hears(void *user, const char *site, uint64_t until_ms)
{
    struct gatekeeper *keeper = user;

    assert_string_equal(site, "mx:a.example");
    keeper->refusals++;
    keeper->refused_until_ms = until_ms;
}

static void set_gatekeeper(struct gatekeeper *keeper)
{
    const struct probe_gate gate = {ask_gatekeeper, NULL, gatekeeper_hears, keeper};

    probe_engine_set_gate(keeper->bench->engine, &gate);
}

/* Accepted, but whether anybody would be is another process's to find out: it asks both again. */
static void a_site_that_goes_takes_its_cases_along(void **state)
{
    struct bench *bench = bench_new();
    struct gatekeeper keeper = {.bench = bench, .open_until_rcpts = 1, .then = PROBE_GATE_CLOSED};
    const struct outcome *outcome;

    (void)state;
    assert_true(bench_build(bench, SERVER_A));
    set_gatekeeper(&keeper);
    outcome = submit(bench, SLICE("ann@a.example"));
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    assert_int_equal(outcome->stop, EVIDENCE_STOP_ELSEWHERE);
    assert_int_equal(outcome->attempts, 1);
    assert_int_equal(rcpts_seen(bench), 1);
    /* That its stranger was not asked is no reason to go without when the site is back. */
    keeper.open_until_rcpts = UINT64_MAX;
    outcome = submit(bench, SLICE("ann@a.example"));
    io_loop_run(bench->loop);
    assert_int_equal(outcome->reason, REASON_ACCEPTED);
    nobody_was_annoyed(bench);
    bench_free(bench);
}

/* The right to ask is over (a machine was suspended, say): an open connection says no more. */
static void open_connections_are_fed_by_the_gate(void **state)
{
    struct bench *bench = bench_new();
    struct gatekeeper keeper = {.bench = bench, .open_until_rcpts = 3, .then = PROBE_GATE_LATER};
    char address[32];

    (void)state;
    bench->settings.pipelining = false;
    assert_true(bench_build(bench, "domain a.example\n"
                                   "  mx 10 mx.a.example\n"
                                   "server mx.a.example 192.0.2.1\n"
                                   "  site s connections 1\n"
                                   "  mailbox u*\n"));
    set_gatekeeper(&keeper);
    for (int i = 0; i < 30; i++) {
        snprintf(address, sizeof(address), "u%d@a.example", i);
        assert_non_null(submit(bench, slice_from_string(address)));
    }
    io_loop_run(bench->loop);
    /* What each connection had been given already is said; the others wait for the gate. */
    assert_in_range(rcpts_seen(bench), 3, 3 + PROBE_LIMITS_START);
    assert_true(counts_of(bench).open_cases > 20);
    bench_free(bench);
}

static void the_gate_hears_of_refusals(void **state)
{
    struct bench *bench = bench_new();
    struct gatekeeper keeper = {.bench = bench, .open_until_rcpts = UINT64_MAX};

    (void)state;
    bench->settings.patience = PROBE_PATIENCE_QUICK;
    assert_true(bench_build(bench, SERVER_A "  behave block mail\n"));
    set_gatekeeper(&keeper);
    for (int i = 0; i < 3; i++)
        assert_non_null(submit(bench, i == 0 ? SLICE("ann@a.example") : SLICE("bob@a.example")));
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    assert_int_equal(keeper.refusals, 1); /* once, however many of them it concerns */
    assert_true(keeper.refused_until_ms >= 30 * MINUTE_MS);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_that_goes_takes_its_cases_along),
        cmocka_unit_test(open_connections_are_fed_by_the_gate),
        cmocka_unit_test(the_gate_hears_of_refusals),
    };

    return cmocka_run_group_tests_name("probe-engine-gate", tests, NULL, NULL);
}
