/*
 * Tests of the engine where it does not come to its end: cancelled, withdrawn from, freed, without
 * memory. Every case ends once all the same.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "probe/engine_rig.h"

static void tarpits_cost_one_cases_time(void **state)
{
    struct bench *bench = bench_new();

    bench->settings.case_timeout_ms = 20000;
    assert_true(bench_build(bench, "domain tar.example\n"
                                   "  mx 10 mx.tar.example\n"
                                   "server mx.tar.example 192.0.2.1\n"
                                   "  mailbox ann\n"
                                   "  behave tarpit 15s\n"
                                   "expect ann@tar.example unknown timeout\n"));
    bench_run(bench);
    assert_true(bench->outcomes[0].done_ms < 25000);
    bench_free(bench);
}

static void cancel_once(struct bench *bench)
{
    bench->on_done = NULL;
    probe_engine_cancel(bench->engine);
}

static void cancelling_ends_everything_at_once(void **state)
{
    for (int how = 0; how < 2; how++) {
        struct bench *bench = bench_new();
        char address[32];

        assert_true(bench_build(bench, "domain grey.example\n"
                                       "  mx 10 mx.a.example\n" SERVER_A "  mailbox u*\n"
                                       "  behave greylist 300s\n"));
        for (int i = 0; i < 200; i++) {
            snprintf(address, sizeof(address), "u%d@%s.example", i, i % 2 == 0 ? "a" : "grey");
            assert_non_null(submit(bench, slice_from_string(address)));
        }
        assert_non_null(submit(bench, SLICE("not an address")));
        if (how == 0)
            probe_engine_cancel(bench->engine);
        else
            bench->on_done = cancel_once; /* from inside a callback */
        io_loop_run(bench->loop);
        everybody_ended_once(bench);
        assert_true(bench->last_done_ms < 10000);
        assert_int_equal(bench->outcomes[3].reason, REASON_CANCELLED);
        /* It lives on. */
        assert_non_null(submit(bench, SLICE("ann@missing.example")));
        io_loop_run(bench->loop);
        everybody_ended_once(bench);
        bench_free(bench);
    }
}

static void freeing_ends_everything(void **state)
{
    static const uint64_t moments[] = {1, 30, 100, 200, 300, 500, 1000, 301000};

    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        struct bench *bench = bench_new();
        char address[32];

        bench->plan.stop_after_ms = moments[i];
        assert_true(bench_build(bench, "domain grey.example\n"
                                       "  mx 10 mx.a.example\n" SERVER_A "  mailbox u*\n"
                                       "  behave greylist 300s\n"));
        for (int k = 0; k < 60; k++) {
            snprintf(address, sizeof(address), "u%d@%s.example", k, k % 2 == 0 ? "a" : "grey");
            assert_non_null(submit(bench, slice_from_string(address)));
        }
        io_loop_run(bench->loop);
        probe_engine_free(bench->engine);
        bench->engine = NULL;
        for (size_t k = 0; k < bench->outcome_count; k++)
            assert_int_equal(bench->outcomes[k].done, 1);
        bench_free(bench);
    }
}

static void memory_that_runs_out_ends_cases_not_the_engine(void **state)
{
    const char *text = "domain b.example\n"
                       "  mx 10 mx1.b.example\n"
                       "  mx 20 mx2.b.example\n"
                       "server mx1.b.example 192.0.2.1\n"
                       "  behave down\n"
                       "server mx2.b.example 192.0.2.2\n"
                       "  mailbox u*\n"
                       "domain grey.example\n"
                       "  mx 10 mx.grey.example\n"
                       "server mx.grey.example 192.0.2.3\n"
                       "  mailbox u*\n"
                       "  behave greylist 100s\n";
    bool all_went_well = false;

    for (int64_t successes = 0; !all_went_well; successes++) {
        struct bench *bench = bench_new();
        char address[32];

        all_went_well = true;
        bench->settings.transcripts = true;
        assert_true(bench_build(bench, text));
        memory_fail_after(successes);
        for (int i = 0; i < 6; i++) {
            snprintf(address, sizeof(address), "u%d@%s.example", i, i % 2 == 0 ? "b" : "grey");
            all_went_well &= submit(bench, slice_from_string(address)) != NULL;
        }
        io_loop_run(bench->loop);
        memory_fail_after(-1);
        /* The world itself may have stood still for want of memory; the engine must not have. */
        probe_engine_cancel(bench->engine);
        everybody_ended_once(bench);
        for (size_t i = 0; i < bench->outcome_count; i++) {
            all_went_well &= bench->outcomes[i].reason == REASON_ACCEPTED;
            assert_int_not_equal(bench->outcomes[i].status, VERDICT_INVALID);
        }
        bench_free(bench);
        assert_true(successes < 20000);
    }
}

/* Depth and patience of one address, beside those of others. */
static void wishes_are_heard(void **state)
{
    static const struct probe_wish to_dns = {EVIDENCE_DEPTH_DNS, PROBE_PATIENCE_QUICK},
                                   quick = {EVIDENCE_DEPTH_SMTP, PROBE_PATIENCE_QUICK},
                                   patient = {EVIDENCE_DEPTH_SMTP, PROBE_PATIENCE_PATIENT};
    struct bench *bench = bench_new();
    struct outcome *shallow, *hasty, *calm, *joined;

    (void)state;
    bench->settings.patience = PROBE_PATIENCE_NORMAL;
    assert_true(bench_build(bench, "domain grey.example\n  mx 10 mx.grey.example\n"
                                   "server mx.grey.example 127.0.0.1\n"
                                   "  behave greylist 3600s\n  mailbox ann\n  mailbox ben\n"));
    shallow = submit_wish(bench, SLICE("ann@grey.example"), &to_dns);
    joined = submit_wish(bench, SLICE("ann@grey.example"), &quick);
    calm = submit_wish(bench, SLICE("ann@grey.example"), &patient);
    hasty = submit_wish(bench, SLICE("ben@grey.example"), &quick);
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    nobody_was_annoyed(bench);
    assert_int_equal(shallow->reason, REASON_NOT_PROBED);
    assert_int_equal(shallow->attempts, 0);
    assert_int_equal(hasty->reason, REASON_GREYLISTED);
    assert_true(hasty->done_ms < MINUTE_MS);
    /* Joined to one who waits, it waits too. */
    assert_int_equal(calm->reason, REASON_ACCEPTED);
    assert_int_equal(joined->reason, REASON_ACCEPTED);
    assert_int_equal(joined->done_ms, calm->done_ms);
    bench_free(bench);
}

#define OWNED 120 /* addresses of each owner; a third of them are the other's too */

struct withdrawal {
    struct bench *bench;
    struct probe_owner leaver, stayer;
    bool at_once, is_done;
    uint64_t rcpts[OWNED]; /* of the leaver's mailboxes, when it left */
    struct io_timer timer;
};

static void owned_address(char out[64], bool stays, int i)
{
    /* Hosts that pipeline, that greylist, whose domain accepts all, that can't be reached. */
    static const char *const domains[] = {"a", "grey", "all", "slow", "dead"};
    const char *who = i % 3 == 0 ? "both" : stays ? "stay" : "leave";

    snprintf(out, 64, "u%s%d@%s.example", who, i, domains[i % 5]);
}

static uint64_t rcpts_of_leaver(const struct bench *bench, int i)
{
    char address[64];

    owned_address(address, false, i);
    return lab_world_rcpt_count(bench->world, slice_from_string(address));
}

static void withdraw_now(struct io_timer *timer)
{
    struct withdrawal *withdrawal = timer->user;
    struct bench *bench = withdrawal->bench;

    withdrawal->is_done = true;
    probe_engine_withdraw(bench->engine, &withdrawal->leaver, withdrawal->at_once);
    if (withdrawal->at_once)
        assert_int_equal(withdrawal->leaver.open, 0);
    assert_int_equal(withdrawal->leaver.waiting, 0);
    for (int i = 0; i < OWNED; i++)
        withdrawal->rcpts[i] = rcpts_of_leaver(bench, i);
}

/* What is under way on the wire at that moment may arrive; nothing new is asked. */
static void withdraw_at(uint64_t moment_ms, bool at_once, bool is_alone)
{
    static const char text[] =
        SERVER_A "  mailbox u*\n"
                 "domain grey.example\n  mx 10 mx.grey.example\n"
                 "server mx.grey.example 192.0.2.2\n  mailbox u*\n  behave greylist 60s\n"
                 "domain all.example\n  mx 10 mx.all.example\n"
                 "server mx.all.example 192.0.2.3\n  behave accept-all\n"
                 "domain slow.example\n  mx 10 mx.slow.example\n"
                 "server mx.slow.example 192.0.2.4\n  mailbox u*\n  behave tarpit 2s\n"
                 "domain dead.example\n  mx 10 mx.dead.example\n"
                 "server mx.dead.example 192.0.2.9\n  behave silent connect\n";
    struct withdrawal withdrawal = {.at_once = at_once};
    struct bench *bench = withdrawal.bench = bench_new();
    struct probe_wish wish = {EVIDENCE_DEPTH_SMTP, PROBE_PATIENCE_NORMAL, true};
    struct lab_counts counts;
    unsigned late = 0;
    char address[64];

    bench->plan.seed = bench->settings.seed = moment_ms;
    assert_true(bench_build(bench, text));
    for (int i = 0; i < OWNED; i++) {
        owned_address(address, false, i);
        wish.owner = &withdrawal.leaver;
        assert_non_null(submit_wish(bench, slice_from_string(address), &wish));
        owned_address(address, true, i);
        wish.owner = &withdrawal.stayer;
        if (!is_alone)
            assert_non_null(submit_wish(bench, slice_from_string(address), &wish));
    }
    io_timer_init(bench->loop, &withdrawal.timer, withdraw_now, &withdrawal);
    assert_int_equal(io_timer_start(&withdrawal.timer, moment_ms), 0);
    io_loop_run(bench->loop);
    assert_true(withdrawal.is_done);
    everybody_ended_once(bench);
    nobody_was_annoyed(bench);
    assert_int_equal(withdrawal.leaver.open + withdrawal.stayer.open, 0);
    lab_world_counts(bench->world, &counts);
    assert_int_equal(counts.left_without_quit, 0);
    for (size_t i = 0; i < bench->outcome_count; i++) {
        bool stays = !is_alone && i % 2 == 1;

        if (stays)
            assert_int_not_equal(bench->outcomes[i].reason, REASON_CANCELLED);
        else if (bench->outcomes[i].status == VERDICT_INVALID)
            fail_msg("%s", bench->outcomes[i].explanation);
    }
    for (int i = 0; i < OWNED; i++)
        if (is_alone || i % 3 != 0)
            late += rcpts_of_leaver(bench, i) > withdrawal.rcpts[i];
    assert_true(late <= 2);
    bench_free(bench);
}

static void what_nobody_wants_is_not_asked(void **state)
{
    static const uint64_t moments[] = {1,   25,  50,   80,   110,  150,   200,   260,  300,
                                       400, 700, 1000, 2000, 4000, 10000, 40000, 62000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(moments); i++)
        for (int how = 0; how < 4; how++)
            withdraw_at(moments[i], how % 2 == 1, how / 2 == 1);
}

/* The one with patience leaves; the other does not wait for what it never wanted to wait for. */
static void those_who_stay_keep_their_own_patience(void **state)
{
    struct withdrawal withdrawal = {0};
    struct bench *bench = withdrawal.bench = bench_new();
    struct probe_wish patient = {EVIDENCE_DEPTH_SMTP, PROBE_PATIENCE_PATIENT,
                                 .owner = &withdrawal.leaver};
    const struct probe_wish quick = {EVIDENCE_DEPTH_SMTP, PROBE_PATIENCE_QUICK};
    struct outcome *stays, *leaves;

    (void)state;
    assert_true(bench_build(bench, "domain grey.example\n  mx 10 mx.grey.example\n"
                                   "server mx.grey.example 192.0.2.1\n"
                                   "  behave greylist 3600s\n  mailbox ann\n"));
    leaves = submit_wish(bench, SLICE("ann@grey.example"), &patient);
    stays = submit_wish(bench, SLICE("ann@grey.example"), &quick);
    io_timer_init(bench->loop, &withdrawal.timer, withdraw_now, &withdrawal);
    assert_int_equal(io_timer_start(&withdrawal.timer, 10 * SECOND_MS), 0);
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    assert_int_equal(leaves->stop, EVIDENCE_STOP_CANCELLED);
    assert_int_equal(stays->reason, REASON_GREYLISTED);
    assert_int_equal(stays->done_ms, 10 * SECOND_MS);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wishes_are_heard),
        cmocka_unit_test(what_nobody_wants_is_not_asked),
        cmocka_unit_test(those_who_stay_keep_their_own_patience),
        cmocka_unit_test(tarpits_cost_one_cases_time),
        cmocka_unit_test(cancelling_ends_everything_at_once),
        cmocka_unit_test(freeing_ends_everything),
        cmocka_unit_test(memory_that_runs_out_ends_cases_not_the_engine),
    };

    return cmocka_run_group_tests_name("probe-engine-end", tests, NULL, NULL);
}
