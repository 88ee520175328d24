/*
 * Tests of the engine in the lab's simulated world: every case ends exactly once and rightly,
 * limits hold as seen from outside, and nothing is lost, whatever breaks.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/instant.h"
#include "probe/engine_rig.h"

static void mailboxes_are_told_apart_in_one_session(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, SERVER_A "expect ann@a.example valid accepted\n"
                                            "expect bob@a.example valid accepted\n"
                                            "expect cas@a.example do_not_mail mailbox_full\n"
                                            "expect nobody@a.example invalid mailbox_not_found\n"
                                            "expect \"a b@a.example\" invalid bad_syntax\n"));
    bench_run(bench);
    assert_int_equal(counts_of(bench).connections, 1);
    assert_int_equal(counts_of(bench).random_rcpts, 1); /* one for the domain */
    assert_int_equal(counts_of(bench).rcpts, 5);
    assert_int_equal(counts_of(bench).open_sessions, 0);
    bench_free(bench);
}

static void catch_all_domains_are_found_once(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, "domain all.example\n"
                                   "  mx 10 mx.all.example\n"
                                   "server mx.all.example 192.0.2.1\n"
                                   "  behave accept-all\n"
                                   "expect x1@all.example catch_all accepts_all\n"
                                   "expect x2@all.example catch_all accepts_all\n"
                                   "expect x3@all.example catch_all accepts_all\n"));
    bench_run(bench);
    assert_int_equal(counts_of(bench).random_rcpts, 1);
    /* Remembered for those who come later. */
    assert_non_null(submit(bench, SLICE("x4@all.example")));
    io_loop_run(bench->loop);
    assert_int_equal(bench->outcomes[3].reason, REASON_ACCEPTS_ALL);
    assert_int_equal(bench->outcomes[3].random_attempts, 0);
    assert_int_equal(counts_of(bench).random_rcpts, 1);
    bench_free(bench);
}

/* What was proven of a domain's people tells of those that nobody vouches for. */
static void domains_are_known_by_their_mailboxes(void **state)
{
    struct bench *bench = bench_new();
    const struct outcome *outcome;

    bench->settings.patience = PROBE_PATIENCE_QUICK;
    assert_true(bench_build(bench, "domain a.example\n"
                                   "  mx 10 mx.a.example\n"
                                   "server mx.a.example 192.0.2.1\n"
                                   "  mailbox ann.schmidt\n"
                                   "  mailbox bob.kowalczyk\n"
                                   "  mailbox info\n"
                                   "  mailbox cas.weber 451 4.3.0 Temporary trouble\n"
                                   "expect ann.schmidt@a.example valid accepted\n"
                                   "expect bob.kowalczyk@a.example valid accepted\n"
                                   "expect info@a.example valid accepted\n"
                                   "expect nobody@a.example invalid mailbox_not_found\n"));
    bench_run(bench);
    outcome = submit(bench, SLICE("cas.weber@a.example"));
    assert_non_null(outcome);
    io_loop_run(bench->loop);
    assert_int_equal(outcome->status, VERDICT_UNKNOWN);
    assert_int_equal(outcome->peers.proven, 2);
    assert_int_equal(outcome->peers.alike, 2);
    assert_int_equal(outcome->peers.refused, 2); /* nobody, and the stranger */
    assert_int_equal(outcome->peers.absent, 1);
    assert_int_equal(outcome->peers.accepted, 3); /* the role too */
    bench_free(bench);
}

static void domains_without_mail_need_no_connection(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, "domain null.example\n"
                                   "  mx null\n"
                                   "domain servfail.example\n"
                                   "  fault servfail\n"
                                   "domain nothing.example\n"
                                   "  txt hello\n"
                                   "expect a@null.example invalid null_mx\n"
                                   "expect a@missing.example invalid domain_not_found\n"
                                   "expect a@nothing.example invalid no_mail_server\n"
                                   "expect a@servfail.example unknown dns_error\n"));
    bench_run(bench);
    assert_int_equal(counts_of(bench).connections, 0);
    bench_free(bench);
}

static void greylists_are_waited_for(void **state)
{
    struct bench *bench = bench_new();
    const char *text = "domain grey.example\n"
                       "  mx 10 mx.grey.example\n"
                       "server mx.grey.example 192.0.2.1\n"
                       "  mailbox ann\n"
                       "  behave greylist 300s\n"
                       "expect ann@grey.example valid accepted\n"
                       "expect bob@grey.example invalid mailbox_not_found\n";

    assert_true(bench_build(bench, text));
    bench_run(bench);
    /* The stranger's clock was started with the others': one wait is enough. */
    assert_true(bench->outcomes[0].done_ms < 6 * MINUTE_MS);
    assert_int_equal(bench->outcomes[0].attempts, 3);
    bench_free(bench);

    bench = bench_new();
    bench->settings.patience = PROBE_PATIENCE_QUICK;
    assert_true(bench_build(bench, "domain grey.example\n"
                                   "  mx 10 mx.grey.example\n"
                                   "server mx.grey.example 192.0.2.1\n"
                                   "  mailbox ann\n"
                                   "  behave greylist 300s\n"
                                   "expect ann@grey.example unknown greylisted\n"));
    bench_run(bench);
    assert_true(bench->outcomes[0].done_ms < MINUTE_MS);
    bench_free(bench);
}

static void waiting_keeps_nobody_else_waiting(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, "domain grey.example\n"
                                   "  mx 10 mx.a.example\n" SERVER_A
                                   "  mailbox gus@grey.example 451 4.7.1 Greylisted, try later\n"
                                   "expect gus@grey.example unknown greylisted\n"
                                   "expect ann@a.example valid accepted\n"));
    bench_run(bench);
    assert_true(bench->outcomes[1].done_ms < 5000);
    assert_true(bench->outcomes[0].done_ms >= 10 * MINUTE_MS);
    bench_free(bench);
}

static void the_next_mx_is_tried(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, "domain b.example\n"
                                   "  mx 10 mx1.b.example\n"
                                   "  mx 20 mx2.b.example\n"
                                   "  mx 30 mx3.b.example\n"
                                   "  mx 40 mx4.b.example\n"
                                   "  mx 50 mx5.b.example\n"
                                   "server mx1.b.example 192.0.2.1\n"
                                   "  behave down\n"
                                   "server mx2.b.example 192.0.2.2\n"
                                   "  behave blackhole\n"
                                   "server mx3.b.example 192.0.2.3\n"
                                   "  behave refuse connect 421 4.3.2 Service not available\n"
                                   "server mx4.b.example 192.0.2.4\n"
                                   "  behave relay-denied\n"
                                   "server mx5.b.example 192.0.2.5\n"
                                   "  mailbox ann\n"
                                   "expect ann@b.example valid accepted\n"
                                   "expect bob@b.example invalid mailbox_not_found\n"));
    bench_run(bench);
    assert_int_equal(bench->outcomes[1].attempts, 5);
    bench_free(bench);
}

static void dead_hosts_are_found_dead_once(void **state)
{
    struct bench *bench = bench_new();
    char address[32];

    assert_true(bench_build(bench, "domain dead.example\n"
                                   "  mx 10 mx1.dead.example\n"
                                   "  mx 20 mx2.dead.example\n"
                                   "server mx1.dead.example 192.0.2.1\n"
                                   "  behave blackhole\n"
                                   "server mx2.dead.example 192.0.2.2\n"
                                   "  behave blackhole\n"));
    for (int i = 0; i < 1000; i++) {
        snprintf(address, sizeof(address), "u%d@dead.example", i);
        assert_non_null(submit(bench, slice_from_string(address)));
    }
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    for (size_t i = 0; i < bench->outcome_count; i++) {
        assert_int_equal(bench->outcomes[i].reason, REASON_CONNECT_FAILED);
        assert_true(bench->outcomes[i].attempts >= 1);
    }
    assert_int_equal(counts_of(bench).connections, 2);
    assert_true(bench->last_done_ms < 65 * SECOND_MS);
    bench_free(bench);
}

static void refusals_of_us_quiet_the_site(void **state)
{
    struct bench *bench = bench_new();
    char address[32];

    bench->settings.patience = PROBE_PATIENCE_QUICK;
    assert_true(bench_build(bench, "domain b.example\n"
                                   "  mx 10 mx1.b.example\n"
                                   "  mx 20 mx2.b.example\n"
                                   "server mx1.b.example 192.0.2.1\n"
                                   "  behave block connect\n"
                                   "server mx2.b.example 192.0.2.2\n"
                                   "  behave forbidden\n"));
    for (int i = 0; i < 300; i++) {
        snprintf(address, sizeof(address), "u%d@b.example", i);
        assert_non_null(submit(bench, slice_from_string(address)));
    }
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    nobody_was_annoyed(bench); /* the sibling MX was left alone */
    for (size_t i = 0; i < bench->outcome_count; i++)
        assert_int_equal(bench->outcomes[i].reason, REASON_PROBE_BLOCKED);
    assert_true(counts_of(bench).connections <= 2);
    assert_true(counts_of(bench).refusals_of_us >= 1);
    assert_int_equal(counts_of(bench).breakers_open, 1);
    bench_free(bench);
}

static void rate_limits_are_sat_out(void **state)
{
    struct bench *bench = bench_new();
    char address[32];
    unsigned known = 0;

    assert_true(bench_build(bench, "domain r.example\n"
                                   "  mx 10 mx.r.example\n"
                                   "server mx.r.example 192.0.2.1\n"
                                   "  mailbox u*\n"
                                   "  behave rate-rcpts 30 60s\n"));
    for (int i = 0; i < 100; i++) {
        snprintf(address, sizeof(address), "u%d@r.example", i);
        assert_non_null(submit(bench, slice_from_string(address)));
    }
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    nobody_was_annoyed(bench);
    for (size_t i = 0; i < bench->outcome_count; i++) {
        known += bench->outcomes[i].reason == REASON_ACCEPTED;
        assert_int_not_equal(bench->outcomes[i].status, VERDICT_INVALID);
    }
    assert_true(known > 60);
    bench_free(bench);
}

static void the_second_sender_is_used_where_needed(void **state)
{
    struct bench *bench = bench_new();

    bench->settings.second_sender = SLICE("probe@mailknock.example");
    assert_true(bench_build(bench, SERVER_A "  behave refuse-null\n"
                                            "expect ann@a.example valid accepted\n"
                                            "expect bob@a.example valid accepted\n"));
    bench_run(bench);
    assert_true(counts_of(bench).connections <= 3);
    bench_free(bench);

    bench = bench_new();
    assert_true(bench_build(bench, SERVER_A "  behave refuse-null\n"
                                            "expect ann@a.example unknown probe_blocked\n"));
    bench_run(bench);
    bench_free(bench);
}

static void broken_tls_is_done_without(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, SERVER_A "  offer starttls\n"
                                            "  behave starttls-broken\n"
                                            "expect ann@a.example valid accepted\n"
                                            "expect nix@a.example invalid mailbox_not_found\n"));
    bench_run(bench);
    bench_free(bench);

    bench = bench_new();
    bench->settings.tls = SMTP_TLS_REQUIRED;
    assert_true(bench_build(bench, SERVER_A "  offer starttls\n"
                                            "  behave starttls-broken\n"
                                            "expect ann@a.example unknown tls_required\n"));
    bench_run(bench);
    bench_free(bench);
}

static void a_hang_up_is_not_the_next_ones_fault(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, SERVER_A "  behave hangup bad-rcpt\n"
                                            "expect n1@a.example invalid mailbox_not_found\n"
                                            "expect n2@a.example invalid mailbox_not_found\n"
                                            "expect n3@a.example invalid mailbox_not_found\n"
                                            "expect n4@a.example invalid mailbox_not_found\n"
                                            "expect ann@a.example valid accepted\n"
                                            "expect bob@a.example valid accepted\n"));
    bench_run(bench);
    bench_free(bench);
}

static void full_sessions_go_on_in_another(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, SERVER_A "  mailbox u*\n"
                                            "  behave rcpts-per-session 3\n"
                                            "expect u1@a.example valid accepted\n"
                                            "expect u2@a.example valid accepted\n"
                                            "expect u3@a.example valid accepted\n"
                                            "expect u4@a.example valid accepted\n"
                                            "expect u5@a.example valid accepted\n"
                                            "expect u6@a.example valid accepted\n"
                                            "expect u7@a.example valid accepted\n"));
    bench_run(bench);
    bench_free(bench);
}

static void refusals_of_everybody_prove_nothing(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, SERVER_A "  behave refuse-all\n"
                                            "expect ann@a.example unknown refuses_all\n"
                                            "expect nix@a.example unknown refuses_all\n"));
    bench_run(bench);
    assert_int_equal(counts_of(bench).random_rcpts, 1);
    bench_free(bench);
}

/* A backup MX that accepts everything proves nothing, whatever the first one does. */
static void habits_belong_to_hosts(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, "domain b.example\n"
                                   "  mx 10 mx1.b.example\n"
                                   "  mx 20 mx2.b.example\n"
                                   "server mx1.b.example 192.0.2.1\n"
                                   "  mailbox ann\n"
                                   "  mailbox bob temporary\n"
                                   "  mailbox cas temporary\n"
                                   "server mx2.b.example 192.0.2.2\n"
                                   "  behave accept-all\n"
                                   "expect ann@b.example valid accepted\n"
                                   "expect bob@b.example catch_all accepts_all\n"
                                   "expect cas@b.example catch_all accepts_all\n"));
    bench_run(bench);
    assert_int_equal(counts_of(bench).random_rcpts, 2);
    bench_free(bench);
}

/*
 * A server that has met enough unknown recipients accepts everybody from then on (REPLIES.md 3.3):
 * a long run of acceptances is doubted.
 */
static void a_habit_is_looked_at_again(void **state)
{
    enum {
        NAMES = 200
    };
    struct bench *bench = bench_new();
    unsigned valid = 0, catch_all = 0;
    char address[32];

    assert_true(bench_build(bench, SERVER_A "  behave harvest-accept 3 1h\n"
                                            "expect ann@a.example valid accepted\n"));
    bench_run(bench);
    for (unsigned i = 0; i < NAMES; i++) {
        struct outcome *outcome;

        snprintf(address, sizeof(address), "n%u@a.example", i);
        outcome = submit(bench, slice_from_string(address));
        assert_non_null(outcome);
        io_loop_run(bench->loop);
        valid += outcome->status == VERDICT_VALID;
        catch_all += outcome->status == VERDICT_CATCH_ALL;
    }
    assert_true(valid <= 50);
    assert_true(catch_all >= NAMES - 56);
    assert_int_equal(counts_of(bench).random_rcpts, 2);
    bench_free(bench);
}

static void strangers_keep_out_of_others_sessions_where_wanted(void **state)
{
    struct bench *bench = bench_new();

    bench->settings.limits_opened = true; /* or the profile's one recipient a session would do it */
    bench->settings.limits_override =
        (struct provider_limits){.rcpts_per_session = 20, .rcpts_per_transaction = 20};
    bench->settings.second_sender = SLICE("probe@mailknock.example");
    assert_true(bench_build(bench, "domain own.example\n"
                                   "  mx 10 own.olc.protection.outlook.com\n"
                                   "server own.olc.protection.outlook.com 192.0.2.1\n"
                                   "  like outlook\n"
                                   "  mailbox u*\n"
                                   "  behave refuse-null\n"
                                   "expect u1@own.example valid accepted\n"
                                   "expect u2@own.example valid accepted\n"));
    bench_run(bench);
    assert_int_equal(counts_of(bench).connections, 2);
    assert_int_equal(counts_of(bench).random_rcpts, 1);
    bench_free(bench);
}

static void waits_that_replies_name_are_kept(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, "domain soon.example\n"
                                   "  mx 10 mx.soon.example\n"
                                   "server mx.soon.example 192.0.2.1\n"
                                   "  mailbox ann\n"
                                   "  behave greylist 60s 450 4.7.1 Greylisted, try again in 60 "
                                   "seconds\n"
                                   "domain late.example\n"
                                   "  mx 10 mx.late.example\n"
                                   "server mx.late.example 192.0.2.2\n"
                                   "  mailbox ann\n"
                                   "  behave greylist 3600s 450 4.7.1 Greylisted, try again in "
                                   "3600 seconds\n"
                                   "expect ann@soon.example valid accepted\n"
                                   "expect ann@late.example unknown greylisted\n"));
    bench_run(bench);
    assert_true(bench->outcomes[1].done_ms < MINUTE_MS); /* ten minutes' patience is no use */
    bench_free(bench);
}

static void equal_mailboxes_are_asked_once(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, SERVER_A "expect ann@a.example valid accepted\n"
                                            "expect ann@A.Example valid accepted\n"
                                            "expect ann@a.example valid accepted\n"));
    bench_run(bench);
    assert_int_equal(lab_world_rcpt_count(bench->world, SLICE("ann@a.example")), 1);
    bench_free(bench);
}

static void lists_settle_without_a_connection(void **state)
{
    struct bench *bench = bench_new();

    bench->lists = lists_operator_new();
    assert_int_equal(
        lists_operator_load(bench->lists, LISTS_OPERATOR_OPT_OUT, SLICE("ann@a.example\n"), NULL),
        0);
    assert_int_equal(
        lists_operator_load(bench->lists, LISTS_OPERATOR_BLOCK, SLICE("blocked.example\n"), NULL),
        0);
    assert_int_equal(
        lists_operator_load(bench->lists, LISTS_OPERATOR_TRAP, SLICE("bob@a.example\n"), NULL), 0);
    assert_int_equal(lists_operator_load(bench->lists, LISTS_OPERATOR_DISPOSABLE,
                                         SLICE("mx:mx.a.example\n"), NULL),
                     0);
    assert_true(bench_build(bench, SERVER_A "expect ann@a.example skipped opted_out\n"
                                            "expect x@blocked.example skipped blocked_domain\n"
                                            "expect bob@a.example do_not_mail spam_trap\n"
                                            "expect cas@a.example do_not_mail disposable\n"));
    bench_run(bench);
    assert_int_equal(counts_of(bench).connections, 0);
    bench_free(bench);
}

static void depths_end_before_smtp(void **state)
{
    struct bench *bench = bench_new();

    bench->settings.depth = EVIDENCE_DEPTH_DNS;
    assert_true(bench_build(bench,
                            SERVER_A "expect ann@a.example unknown not_probed\n"
                                     "expect ann@missing.example invalid domain_not_found\n"));
    bench_run(bench);
    assert_int_equal(counts_of(bench).connections, 0);
    bench_free(bench);
}

static void literals_are_asked_directly(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, SERVER_A "  mailbox ann@[192.0.2.1]\n"));
    assert_non_null(submit(bench, SLICE("ann@[192.0.2.1]")));
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    assert_int_equal(counts_of(bench).connections, 1);
    bench_free(bench);

    bench = bench_new();
    bench->settings.allowed = (struct ip_networks){NULL, 0};
    assert_true(bench_build(bench, SERVER_A));
    assert_non_null(submit(bench, SLICE("ann@[192.0.2.1]")));
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    assert_int_equal(counts_of(bench).connections, 0);
    assert_int_equal(bench->outcomes[0].reason, REASON_UNROUTABLE_MX);
    bench_free(bench);
}

/* What TXT records say comes while facts are held; a verdict of before is not that of after. */
static void signals_that_come_late(void **state)
{
    struct bench *bench = bench_new();

    assert_true(bench_build(bench, "domain a.example\n  mx 10 mx.a.example\n  slow 5s txt\n"
                                   "server mx.a.example 192.0.2.1\n  offer pipelining\n"
                                   "  behave accept-all\n"));
    for (unsigned i = 0; i < 400; i++) {
        char name[64];

        snprintf(name, sizeof(name), "anna.schmidt%c%c@a.example", 'a' + i % 26, 'a' + i / 26);
        assert_non_null(submit(bench, slice_from_string(name)));
    }
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mailboxes_are_told_apart_in_one_session),
        cmocka_unit_test(catch_all_domains_are_found_once),
        cmocka_unit_test(domains_are_known_by_their_mailboxes),
        cmocka_unit_test(domains_without_mail_need_no_connection),
        cmocka_unit_test(greylists_are_waited_for),
        cmocka_unit_test(waiting_keeps_nobody_else_waiting),
        cmocka_unit_test(the_next_mx_is_tried),
        cmocka_unit_test(dead_hosts_are_found_dead_once),
        cmocka_unit_test(refusals_of_us_quiet_the_site),
        cmocka_unit_test(rate_limits_are_sat_out),
        cmocka_unit_test(the_second_sender_is_used_where_needed),
        cmocka_unit_test(broken_tls_is_done_without),
        cmocka_unit_test(a_hang_up_is_not_the_next_ones_fault),
        cmocka_unit_test(full_sessions_go_on_in_another),
        cmocka_unit_test(refusals_of_everybody_prove_nothing),
        cmocka_unit_test(habits_belong_to_hosts),
        cmocka_unit_test(a_habit_is_looked_at_again),
        cmocka_unit_test(strangers_keep_out_of_others_sessions_where_wanted),
        cmocka_unit_test(waits_that_replies_name_are_kept),
        cmocka_unit_test(equal_mailboxes_are_asked_once),
        cmocka_unit_test(lists_settle_without_a_connection),
        cmocka_unit_test(depths_end_before_smtp),
        cmocka_unit_test(literals_are_asked_directly),
        cmocka_unit_test(signals_that_come_late),
    };

    return cmocka_run_group_tests_name("probe-engine", tests, NULL, NULL);
}
