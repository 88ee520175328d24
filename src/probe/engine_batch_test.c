/*
 * Tests of the engine where many are asked at once: what servers lose, say twice or say too late is
 * nobody else's answer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "probe/case.h"
#include "probe/engine_rig.h"

/* So that MAIL and RCPTs go out together, and QUIT with the last of `rcpts`. */
static void open_limits(struct bench *bench, unsigned rcpts)
{
    bench->settings.limits_opened = true;
    bench->settings.limits_override = (struct provider_limits){
        .connections = 5,
        .rcpts_per_session = (uint16_t)rcpts,
        .rcpts_per_transaction = (uint16_t)rcpts,
    };
}

/* The same five, and a stranger: how many sessions of at most `rcpts` they need. */
static void run_with_quit(const char *behaviour, unsigned rcpts, unsigned connections)
{
    struct bench *bench = bench_new();
    char text[1024];

    open_limits(bench, rcpts);
    snprintf(text, sizeof(text),
             SERVER_A "%s"
                      "expect ann@a.example valid accepted\n"
                      "expect bob@a.example valid accepted\n"
                      "expect n1@a.example invalid mailbox_not_found\n"
                      "expect n2@a.example invalid mailbox_not_found\n"
                      "expect cas@a.example do_not_mail mailbox_full\n",
             behaviour);
    assert_true(bench_build(bench, text));
    bench_run(bench);
    if (counts_of(bench).connections != connections)
        fail_msg("%srcpts %u: %llu connections, not %u", behaviour, rcpts,
                 (unsigned long long)counts_of(bench).connections, connections);
    bench_free(bench);
}

/*
 * QUIT goes with the last that a session may ask. A server that then owes answers, or gives another
 * to QUIT, has said nothing of those mailboxes: they are asked again, one by one.
 */
static void quit_goes_with_the_last(void **state)
{
    run_with_quit("", 3, 2); /* with the stranger they are six */
    run_with_quit("", 1, 6);
    run_with_quit("", 50, 1); /* one session has room for the stranger, who comes later */
    run_with_quit("  behave hasty-quit\n", 3, 3);
    run_with_quit("  behave hasty-quit\n", 1, 7);
    run_with_quit("  behave hasty-quit\n", 50,
                  2);                            /* the stranger's is the session's second batch */
    run_with_quit("  behave drop quit\n", 3, 3); /* nothing proves the batch */
    run_with_quit("  behave silent quit\n", 3, 3);
    run_with_quit("  behave refuse quit 500 what\n", 3, 3); /* no answer to QUIT: out of step */
    run_with_quit("  behave rcpts-per-session 2\n", 3, 3);
    run_with_quit("  behave hangup bad-rcpt\n", 5, 6); /* what it said before may be out of step */
    run_with_quit("  behave fail-first 1\n", 5, 4);
    run_with_quit("  offer starttls\n  behave tls-only\n", 3, 2);
}

/*
 * `count` addresses, of which every third is nobody's. Whoever ends otherwise fails the test, and
 * whose end is not known where all are to be.
 */
static void run_thirds(struct bench *bench, const char *behaviour, unsigned count, bool all_known)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "domain a.example\n  mx 10 mx.a.example\nserver mx.a.example 192.0.2.1\n"
             "  mailbox u*\n%s%s",
             "  offer pipelining\n", behaviour);
    assert_true(bench_build(bench, text));
    for (unsigned i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "%c%u@a.example", i % 3 == 0 ? 'n' : 'u', i);
        assert_non_null(submit(bench, slice_from_string(text)));
    }
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    for (unsigned i = 0; i < count; i++) {
        const struct outcome *outcome = &bench->outcomes[i];

        if (outcome->status != (i % 3 == 0 ? VERDICT_INVALID : VERDICT_VALID) &&
            (all_known || outcome->status != VERDICT_UNKNOWN))
            fail_msg("%s%s: %s", behaviour, outcome->address, verdict_reason_name(outcome->reason));
    }
}

/* A batch is no larger than can be answered while the clocks of all of it run. */
static void slow_servers_get_small_batches(void **state)
{
    static const struct {
        const char *behaviour;
        unsigned timeout_s, connections;
    } rows[] = {
        {"", 180, 2},                          /* eight to learn by, the rest, a stranger */
        {"  behave delay rcpt 5s\n", 180, 6},  /* never more than 45 s together */
        {"  behave delay rcpt 25s\n", 180, 0}, /* eight take more than half of the time */
        {"  behave delay rcpt 3s\n", 20, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bench *bench = bench_new();

        bench->settings.case_timeout_ms = rows[i].timeout_s * SECOND_MS;
        open_limits(bench, 50);
        bench->settings.limits_override.connections = 1;
        run_thirds(bench, rows[i].behaviour, 90, true);
        if (rows[i].connections > 0 && counts_of(bench).connections != rows[i].connections)
            fail_msg("%s: %llu connections", rows[i].behaviour,
                     (unsigned long long)counts_of(bench).connections);
        bench_free(bench);
    }
}

/*
 * Two lines for one command, as servers say that forget the hyphen (RFC 5321 4.2.1): whoever comes
 * next hears what was meant for his neighbour, before his own answer is there.
 */
static void replies_too_many_are_nobodys(void **state)
{
    static const struct {
        const char *text;
        bool all_known;
    } behaviours[] = {
        {"  behave extra bad-rcpt 550 5.1.1 see our page\n", true},
        {"  behave extra bad-rcpt 550 5.1.1 see our page\n  behave delay rcpt 2s\n", true},
        {"  behave extra bad-rcpt 550 5.1.1 see our page\n  behave split\n", true},
        {"  behave extra bad-rcpt 550 5.1.1 see our page\n  behave drop quit\n", true},
        {"  behave extra mail 250 2.1.0 Ok\n  behave delay rcpt 2s\n", false},
        {"  behave extra rcpt 250 2.1.0 Ok\n  behave delay rcpt 2s\n", false},
        {"  behave extra connect 250 ok\n  behave drip 1ms\n", false},
        {"  behave extra connect 550 no\n  behave drip 1ms\n", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(behaviours); i++) {
        for (unsigned seed = 0; seed < 10; seed++) {
            struct bench *bench = bench_new();

            open_limits(bench, seed % 2 == 0 ? 3 : 50);
            bench->plan.seed = seed;
            bench->plan.split_writes = true;
            run_thirds(bench, behaviours[i].text, 20, behaviours[i].all_known);
            bench_free(bench);
        }
    }
}

/*
 * Without batches such a line is told from an answer only where it comes before the next command.
 * Once it was seen, each command waits for it.
 */
static void servers_that_say_too_much_are_given_time(void **state)
{
    struct bench *bench = bench_new();
    char address[32];

    open_limits(bench, 50);
    assert_true(bench_build(bench, "domain a.example\n  mx 10 mx.a.example\n"
                                   "server mx.a.example 192.0.2.1\n"
                                   "  mailbox u*\n"
                                   "  behave extra bad-rcpt 550 5.1.1 see our page\n"
                                   "  behave drip 3ms\n"
                                   "domain b.example\n  mx 10 mx.b.example\n"
                                   "server mx.b.example 192.0.2.2\n"
                                   "  mailbox ann\n"
                                   "  behave delay rcpt 20s\n"));
    assert_non_null(submit(bench, SLICE("n0@a.example")));
    assert_non_null(submit(bench, SLICE("ann@b.example"))); /* the other connection may linger */
    io_loop_run(bench->loop);
    for (unsigned i = 2; i < 20; i++) {
        snprintf(address, sizeof(address), "%c%u@a.example", i % 3 == 0 ? 'n' : 'u', i);
        assert_non_null(submit(bench, slice_from_string(address)));
    }
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    for (unsigned i = 2; i < 20; i++)
        assert_int_equal(bench->outcomes[i].status, i % 3 == 0 ? VERDICT_INVALID : VERDICT_VALID);
    bench_free(bench);
}

/* A batch that was not answered whole says nothing; one by one it is told who is there. */
static void servers_that_lose_of_a_batch_are_asked_one_by_one(void **state)
{
    run_with_quit("  behave broken-pipelining\n  behave idle 20s\n", 50, 3);
    run_with_quit("  behave broken-pipelining\n  behave idle 20s\n", 5, 3);
}

/*
 * A server that hangs up on one leaves those behind him without a turn, and they come again. Who
 * had no turn in 200 sessions has met what others met: it is not asked for ever, and not called
 * anything.
 */
static void who_never_has_a_turn_ends_as_disconnected(void **state)
{
    for (unsigned before = 198; before <= 199; before++) {
        struct bench *bench = bench_new();
        unsigned ended = 0;
        char text[32];

        open_limits(bench, 50);
        assert_true(bench_build(bench, SERVER_A "  mailbox u*\n  behave hangup bad-rcpt\n"));
        for (unsigned i = 0; i < 12; i++) {
            snprintf(text, sizeof(text), "%c%u@a.example", i % 4 == 0 ? 'n' : 'u', i);
            assert_non_null(submit(bench, slice_from_string(text)));
        }
        for (struct list_node *node = list_first(&bench->engine->cases); node != NULL;
             node = list_after(&bench->engine->cases, node))
            LIST_ELEMENT(node, struct probe_case, in_cases)->untried_count = (uint8_t)before;
        io_loop_run(bench->loop);
        everybody_ended_once(bench);
        for (unsigned i = 0; i < 12; i++) {
            const struct outcome *outcome = &bench->outcomes[i];

            if (outcome->reason == REASON_DISCONNECTED) {
                assert_non_null(strstr(outcome->explanation, "mx.a.example"));
                assert_int_equal(outcome->stop, EVIDENCE_STOP_NONE);
                assert_true(outcome->attempts > 0);
                ended++;
            } else {
                assert_int_equal(outcome->status, i % 4 == 0 ? VERDICT_INVALID : VERDICT_VALID);
            }
        }
        assert_int_equal(ended > 0, before == 199);
        bench_free(bench);
    }
}

/*
 * "Too many" is the limit of a session, and said to its first it refuses us. Of four who hear it in
 * one batch three are to be asked again; the next session's first is the last, as we are refused.
 */
static void the_same_words_mean_another_thing_to_the_first(void **state)
{
    struct bench *bench = bench_new();

    open_limits(bench, 50);
    bench->settings.patience = PROBE_PATIENCE_QUICK;
    assert_true(bench_build(bench, "domain a.example\n  mx 10 mx.a.example\n"
                                   "server mx.a.example 192.0.2.1\n"
                                   "  offer pipelining\n"
                                   "  mailbox u* 452 4.5.3 Too many recipients\n"
                                   "expect u1@a.example unknown rate_limited\n"
                                   "expect u2@a.example unknown rate_limited\n"
                                   "expect u3@a.example unknown rate_limited\n"
                                   "expect u4@a.example unknown rate_limited\n"));
    bench_run(bench);
    assert_int_equal(counts_of(bench).rcpts, 5);
    bench_free(bench);
}

/*
 * "Too many" with words of its own is the last word only to one who was sent away twice. Each of a
 * batch hears it after as many goes as he has had himself, not as his neighbour has.
 */
static void the_same_words_mean_another_thing_after_some_goes(void **state)
{
    for (unsigned odd = 0; odd <= 1; odd++) {
        struct bench *bench = bench_new();
        unsigned i = 0;
        char text[32];

        open_limits(bench, 50);
        assert_true(bench_build(bench, SERVER_A "  mailbox n* 552 5.5.3 No such user here\n"));
        assert_non_null(submit(bench, SLICE("ann@a.example"))); /* to its first it is the last */
        for (i = 1; i <= 6; i++) {
            snprintf(text, sizeof(text), "n%u@a.example", i);
            assert_non_null(submit(bench, slice_from_string(text)));
        }
        i = 0;
        for (struct list_node *node = list_first(&bench->engine->cases); node != NULL;
             node = list_after(&bench->engine->cases, node))
            LIST_ELEMENT(node, struct probe_case, in_cases)->again_count = i++ % 2 == odd ? 2 : 0;
        io_loop_run(bench->loop);
        everybody_ended_once(bench);
        assert_int_equal(bench->outcomes[0].reason, REASON_ACCEPTED);
        for (i = 1; i <= 6; i++) {
            const struct outcome *outcome = &bench->outcomes[i];

            assert_int_equal(outcome->reason, REASON_MAILBOX_NOT_FOUND);
            assert_int_equal(outcome->attempts - outcome->random_attempts, i % 2 == odd ? 1 : 2);
        }
        bench_free(bench);
    }
}

/*
 * Five connections are opened for forty, and the first whose server has said what it offers leaves
 * the others their part: none is opened for nothing, none has all the work.
 */
static void those_at_the_door_share_the_queue(void **state)
{
    struct bench *bench = bench_new();
    char address[32];
    uint64_t begun = 0;

    open_limits(bench, 50);
    assert_true(bench_build(bench, "domain a.example\n  mx 10 mx.a.example\n"
                                   "server mx.a.example 192.0.2.1\n"
                                   "  offer pipelining\n"
                                   "  behave delay rcpt 1s\n"
                                   "  mailbox u*\n"));
    for (unsigned i = 0; i < 52; i++) {
        snprintf(address, sizeof(address), "u%u@a.example", i);
        if (i == 12) { /* until then it has got to know the server's pace */
            io_loop_run(bench->loop);
            begun = io_now_ms(bench->loop);
        }
        assert_non_null(submit(bench, slice_from_string(address)));
    }
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    assert_true(bench->last_done_ms - begun >= 8000 && bench->last_done_ms - begun < 12000);
    bench_free(bench);
}

/* The next connection waits until a server must know that the one before is over: 221 says so. */
static void a_place_is_free_when_the_server_knows(void **state)
{
    static const struct {
        const char *behaviour;
        bool is_known;
    } rows[] = {
        {"", true},
        {"  behave drop quit\n", true}, /* it went itself */
        {"  behave refuse quit 500 what\n", false},
        {"  behave refuse quit 250 ok\n", false},
        {"  behave refuse quit 421 later\n", false},
        {"  behave silent quit\n", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bench *bench = bench_new();
        char text[512];
        uint64_t first_ms, second_ms;

        open_limits(bench, 1);
        bench->settings.limits_override.connections = 1;
        bench->settings.pipelining = false;
        bench->settings.catch_all = false;
        snprintf(text, sizeof(text), SERVER_A "%s", rows[i].behaviour);
        assert_true(bench_build(bench, text));
        assert_non_null(submit(bench, SLICE("ann@a.example")));
        assert_non_null(submit(bench, SLICE("bob@a.example")));
        io_loop_run(bench->loop);
        everybody_ended_once(bench);
        assert_int_equal(counts_of(bench).connections, 2);
        first_ms = bench->outcomes[0].done_ms;
        second_ms = bench->outcomes[1].done_ms;
        assert_int_equal(second_ms - first_ms < 2 * SECOND_MS, rows[i].is_known);
        bench_free(bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quit_goes_with_the_last),
        cmocka_unit_test(slow_servers_get_small_batches),
        cmocka_unit_test(replies_too_many_are_nobodys),
        cmocka_unit_test(servers_that_say_too_much_are_given_time),
        cmocka_unit_test(those_at_the_door_share_the_queue),
        cmocka_unit_test(a_place_is_free_when_the_server_knows),
        cmocka_unit_test(who_never_has_a_turn_ends_as_disconnected),
        cmocka_unit_test(servers_that_lose_of_a_batch_are_asked_one_by_one),
        cmocka_unit_test(the_same_words_mean_another_thing_to_the_first),
        cmocka_unit_test(the_same_words_mean_another_thing_after_some_goes),
    };

    return cmocka_run_group_tests_name("probe-engine-batch", tests, NULL, NULL);
}
