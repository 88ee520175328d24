/*
 * Tests of the engine when there is much to do: who waits, for whom, and how long all of it takes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/random.h"
#include "probe/engine_rig.h"
#include "probe/ledger.h"
#include "probe/limits.h"

static void there_is_a_ceiling_of_cases(void **state)
{
    struct bench *bench = bench_new();

    bench->settings.cases_max = 2;
    assert_true(bench_build(bench, SERVER_A));
    assert_non_null(submit(bench, SLICE("ann@a.example")));
    assert_non_null(submit(bench, SLICE("bob@a.example")));
    assert_null(submit(bench, SLICE("cas@a.example")));
    io_loop_run(bench->loop);
    assert_non_null(submit(bench, SLICE("cas@a.example")));
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    bench_free(bench);
}

static const struct probe_wish row_wish = {EVIDENCE_DEPTH_SMTP, PROBE_PATIENCE_NORMAL, true};
static const struct probe_wish hurried_wish = {EVIDENCE_DEPTH_SMTP, PROBE_PATIENCE_NORMAL, false};

static void submit_later(struct io_timer *timer)
{
    struct bench *bench = timer->user;

    assert_non_null(submit_wish(bench, SLICE("bob@two.example"), &row_wish));
}

static unsigned visits_to(const struct bench *bench, const char *host)
{
    struct slice log = lab_world_log_text(bench->world), line;
    unsigned count = 0;
    char words[64];

    snprintf(words, sizeof(words), "connects to %s", host);
    while (slice_split(&log, '\n', &line))
        count += slice_ends_with(line, slice_from_string(words));
    return count;
}

/* While the engine is full, rows wait until their host is worth a connection; others do not. */
static void rows_wait_for_company(void **state)
{
    static const char text[] =
        "domain slow.example\n  mx 10 mx.slow.example\n"
        "server mx.slow.example 192.0.2.1\n  mailbox u*\n  behave tarpit 9s\n"
        "domain one.example\n  mx 10 mx.both.example\n"
        "domain two.example\n  mx 10 mx.both.example\n"
        "server mx.both.example 192.0.2.2\n  mailbox ann\n  mailbox bob\n";
    static const struct {
        bool full;
        const struct probe_wish *wish;
        unsigned visits;
    } rows[] = {{true, &row_wish, 1}, {true, &hurried_wish, 2}, {false, &row_wish, 2}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bench *bench = bench_new();
        struct io_timer timer;
        char address[32];

        bench->settings.cases_max = rows[i].full ? 40 : 4000;
        assert_true(bench_build(bench, text));
        io_timer_init(bench->loop, &timer, submit_later, bench);
        assert_int_equal(io_timer_start(&timer, 20 * SECOND_MS), 0);
        for (int n = 0; n < 36; n++) {
            snprintf(address, sizeof(address), "u%d@slow.example", n);
            assert_non_null(submit_wish(bench, slice_from_string(address), &row_wish));
        }
        assert_non_null(submit_wish(bench, SLICE("ann@one.example"), rows[i].wish));
        io_loop_run(bench->loop);
        everybody_ended_once(bench);
        nobody_was_annoyed(bench);
        assert_int_equal(visits_to(bench, "mx.both.example"), rows[i].visits);
        assert_int_equal(bench->outcomes[36].reason, REASON_ACCEPTED);
        assert_int_equal(bench->outcomes[37].reason, REASON_ACCEPTED);
        assert_true(bench->outcomes[36].done_ms < (rows[i].visits == 1 ? 70 : 5) * SECOND_MS);
        bench_free(bench);
    }
}

/* However few may be open, those held for company never keep the rest from going on. */
static void those_that_wait_for_company_stay_few(void **state)
{
    struct bench *bench = bench_new();
    struct buffer text;
    char address[48];

    bench->settings.cases_max = 40;
    buffer_init(&text, 0);
    for (int i = 0; i < 40; i++)
        buffer_printf(&text,
                      "domain d%d.example\n  mx 10 mx.d%d.example\nserver mx.d%d.example "
                      "192.0.2.%d\n  mailbox ann\n",
                      i, i, i, i + 1);
    buffer_append_byte(&text, '\0');
    assert_true(bench_build(bench, text.ptr));
    for (int i = 0; i < 40; i++) {
        snprintf(address, sizeof(address), "ann@d%d.example", i);
        assert_non_null(submit_wish(bench, slice_from_string(address), &row_wish));
    }
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    assert_true(bench->last_done_ms < 5 * SECOND_MS);
    buffer_done(&text);
    bench_free(bench);
}

static void domains_of_a_site_take_turns(void **state)
{
    struct bench *bench = bench_new();
    const struct outcome *small;
    char address[32];

    assert_true(bench_build(bench, "domain big.example\n"
                                   "  mx 10 mx.big.example\n"
                                   "domain small.example\n"
                                   "  mx 10 mx.big.example\n"
                                   "server mx.big.example 192.0.2.1\n"
                                   "  mailbox u*\n"));
    for (int i = 0; i < 1000; i++) {
        snprintf(address, sizeof(address), "u%d@big.example", i);
        assert_non_null(submit(bench, slice_from_string(address)));
    }
    small = submit(bench, SLICE("u@small.example"));
    assert_non_null(small);
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    nobody_was_annoyed(bench);
    assert_true(small->done_ms * 10 < bench->last_done_ms);
    bench_free(bench);
}

struct rounds {
    struct bench *bench;
    struct io_timer timer;
    int round, taken;
};

static void submit_ten(struct io_timer *timer)
{
    struct rounds *rounds = timer->user;
    char address[64];

    for (int i = 0; i < 10; i++) {
        snprintf(address, sizeof(address), "u%d-%d@grey.example", rounds->round, i);
        rounds->taken += submit(rounds->bench, slice_from_string(address)) != NULL;
    }
    if (++rounds->round < 6)
        (void)io_timer_start(timer, io_now_ms(rounds->bench->loop) + 20 * SECOND_MS);
}

/* Those that wait are not what the engine is full of. */
static void waiting_makes_room_for_others(void **state)
{
    struct bench *bench = bench_new();
    struct rounds rounds = {.bench = bench};

    (void)state;
    bench->settings.cases_max = 10;
    assert_true(bench_build(bench, "domain grey.example\n"
                                   "  mx 10 mx.a.example\n" SERVER_A "  mailbox u*\n"
                                   "  behave greylist 300s\n"));
    io_timer_init(bench->loop, &rounds.timer, submit_ten, &rounds);
    assert_int_equal(io_timer_start(&rounds.timer, 0), 0);
    io_loop_run(bench->loop);
    assert_int_equal(rounds.taken, 40); /* four times what it may ask */
    everybody_ended_once(bench);
    nobody_was_annoyed(bench);
    bench_free(bench);
}

/* How many connections to mx.dN.example a ledger knows. */
static unsigned noted(struct probe_ledger *ledger, int number)
{
    const struct provider_limits ceiling = provider_generic()->limits;
    char name[48], key[PROVIDER_SITE_KEY_SIZE];
    struct probe_limits limits;
    unsigned count;

    snprintf(name, sizeof(name), "mx.d%d.example", number);
    provider_site_key(provider_generic(), slice_from_string(name), key);
    assert_int_equal(probe_limits_init(&limits, &ceiling), 0);
    probe_ledger_recall(ledger, key, MINUTE_MS, &limits);
    count = limits.opened_count;
    probe_limits_done(&limits);
    return count;
}

static void descriptors_that_run_out_are_waited_for(void **state)
{
    char path[] = "/tmp/mk-engine-ledger-XXXXXX";
    struct bench *bench = bench_new();
    struct probe_ledger *ledger = NULL;
    struct error error = {0};
    struct buffer text;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(probe_ledger_open(path, 0, "a", 1, &ledger, &error), 0);
    bench->plan.streams_max = 20;
    buffer_init(&text, 0);
    for (int i = 0; i < 100; i++)
        buffer_printf(&text,
                      "domain d%d.example\n  mx 10 mx.d%d.example\nserver mx.d%d.example "
                      "192.0.2.%d\n  mailbox ann\nexpect ann@d%d.example valid accepted\n",
                      i, i, i, i + 1, i);
    buffer_append_byte(&text, '\0');
    assert_true(bench_build(bench, text.ptr));
    probe_engine_set_ledger(bench->engine, ledger);
    bench_run(bench);
    probe_ledger_close(ledger);
    assert_int_equal(probe_ledger_open(path, 0, "a", MINUTE_MS, &ledger, &error), 0);
    for (int i = 0; i < 100; i++)
        assert_true(noted(ledger, i) <= 1);
    probe_ledger_close(ledger);
    unlink(path);
    buffer_done(&text);
    bench_free(bench);
}

#define BOUND_CASES 3600

/*
 * Three operators behind one engine: how long all their addresses take, against the lower bound
 * of the slowest operator, n / (C R / (4 L + R L)): four round trips to begin and end a session,
 * one for each recipient. order: 0 shuffled, 1 sorted by domain.
 */
static void run_against_bound(bool pipelined, int order, unsigned connections_max, double allowed)
{
    static const unsigned shares[] = {60, 30, 10}; /* of the addresses, in per cent */
    const unsigned c = 5, r = 20;
    const double trip = 0.1;
    struct bench *bench = bench_new();
    char(*addresses)[64] = calloc(BOUND_CASES, sizeof(*addresses));
    unsigned count = 0;
    struct random random;
    struct buffer text;
    double bound, took, session;

    assert_non_null(addresses);
    bench->plan.latency_min_ms = bench->plan.latency_max_ms = 50;
    bench->settings.connections_max = connections_max;
    bench->settings.limits_opened = true;
    bench->settings.limits_override = (struct provider_limits){
        .connections = (uint16_t)c,
        .rcpts_per_session = (uint16_t)r,
        .rcpts_per_transaction = (uint16_t)r,
    };
    buffer_init(&text, 0);
    for (unsigned s = 0; s < ARRAY_LEN(shares); s++) {
        unsigned n = BOUND_CASES * shares[s] / 100;

        buffer_printf(&text,
                      "site s%u connections %u rcpts-per-session %u\n"
                      "domain op%u.example\n  mx 10 mx.op%u.example\n"
                      "server mx.op%u.example 192.0.2.%u\n  site s%u\n  mailbox u*\n  offer %s\n",
                      s, c, r, s, s, s, s + 1, s, pipelined ? "pipelining" : "size");
        for (unsigned i = 0; i < n; i++)
            snprintf(addresses[count++], sizeof(*addresses), "u%u@op%u.example", i, s);
    }
    buffer_append_byte(&text, '\0');
    random_init(&random, 5);
    if (order == 0)
        random_shuffle(&random, addresses, count, sizeof(*addresses));
    assert_true(bench_build(bench, text.ptr));
    for (unsigned i = 0; i < count; i++)
        assert_non_null(submit(bench, slice_from_string(addresses[i])));
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    nobody_was_annoyed(bench);
    /* Pipelined, RCPTs and QUIT travel with MAIL. */
    session = pipelined ? 3 * trip : 4 * trip + r * trip;
    bound = BOUND_CASES * shares[0] / 100 * session / (c * r);
    took = (double)bench->last_done_ms / 1000;
    if (getenv("MK_TIMES") != NULL)
        printf("pipelined %d, order %d, %u connections: %.1f s, bound %.1f s, x%.3f, %llu "
               "connections\n",
               pipelined, order, connections_max, took, bound, took / bound,
               (unsigned long long)counts_of(bench).connections);
    assert_true(took <= bound * allowed);
    assert_true(counts_of(bench).connections * 10 <= count);
    buffer_done(&text);
    free(addresses);
    bench_free(bench);
}

static void wall_time_is_close_to_the_bound(void **state)
{
    for (int order = 0; order < 2; order++) {
        run_against_bound(false, order, 200, 1.05);
        run_against_bound(true, order, 200, 1.10);
        /* Room for two operators of three; the slowest must have its five all the time. */
        run_against_bound(false, order, 10, 1.07);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_makes_room_for_others),
        cmocka_unit_test(there_is_a_ceiling_of_cases),
        cmocka_unit_test(rows_wait_for_company),
        cmocka_unit_test(those_that_wait_for_company_stay_few),
        cmocka_unit_test(domains_of_a_site_take_turns),
        cmocka_unit_test(descriptors_that_run_out_are_waited_for),
        cmocka_unit_test(wall_time_is_close_to_the_bound),
    };

    return cmocka_run_group_tests_name("probe-engine-load", tests, NULL, NULL);
}
