/* Tests of cases by themselves: one that has another's memory knows nothing of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "base/random.h"
#include "probe/case.h"
#include "probe/engine_rig.h"
#include "probe/state.h"

/*
 * Each at a domain of its own, and once more at another: what the engine has learnt from one tells
 * nothing of the next. The domain's number goes where %u is.
 */
static const struct {
    const char *address, *server;
} kinds[] = {
    {"ann@a%u.example", "  mailbox ann\n"},
    {"\"ann\"@A%u.example", "  mailbox ann\n"}, /* its wire form is another */
    {"nobody@a%u.example", "  mailbox ann\n"},
    {"ann@a%u.example", "  behave accept-all\n"},
    {"ann@a%u.example", "  mailbox ann\n  behave greylist 300s\n"},
    {"ann@a%u.example", "  mailbox ann full\n"},
    {"ann@a%u.example", "  mailbox ann 451 4.3.0 Temporary trouble\n"},
    {"ann@a%u.example", "  mailbox ann 550 5.7.1 Access denied\n"},
    {"ann@a%u.example", "  mailbox ann\n  behave block mail\n"},
    {"ann@a%u.example", "  mailbox ann\n  behave hangup rcpt 450 4.7.1 later\n"},
    {"ann@a%u.example", "  mailbox ann\n  behave drop rcpt\n"},
    {"ann@a%u.example", "  mailbox ann\n  behave fail-first 1\n"},
    {"ann@a%u.example", "  mailbox ann\n  behave refuse-all 550 no thanks\n"},
    {"j\xc3\xb6rg@a%u.example", "  mailbox ann\n"},
    {"ann@a%u.example", "  behave down\n"},
    {"ann@a%u.example", "  mailbox ann\n  behave tarpit 9s\n"},
    {"ann@a%u.example", "  mailbox ann\n  behave relay-denied\n"},
    {"ann@a%u.example", "  mailbox ann\n  behave block connect 421 4.7.0 later\n"},
    {"ann@a%u.example", "  mailbox ann\n  offer pipelining\n  behave rcpts-per-session 2\n"},
    {"ann@a%u.example", "  mailbox ann\n  behave rate-rcpts 1 60s\n"},
    {"ann@a%u.example", "  mailbox ann\n  offer pipelining\n  behave broken-pipelining\n"},
    {"a b@c%u", NULL},
    {"", NULL},
    {"ann@missing%u.example", NULL},
    {"ann@[192.0.2.%u]", NULL},
};

enum {
    EACH = 2,
    CASES = EACH * ARRAY_LEN(kinds),
};

static struct bench *world(bool transcripts)
{
    struct bench *bench = bench_new();
    struct buffer text;

    buffer_init(&text, 0);
    for (unsigned i = 0; i < CASES; i++)
        if (kinds[i / EACH].server != NULL)
            buffer_printf(&text,
                          "domain a%u.example\n  mx 10 mx.a%u.example\n"
                          "server mx.a%u.example 192.0.2.%u\n%s",
                          i, i, i, i + 1, kinds[i / EACH].server);
    buffer_append_byte(&text, '\0');
    bench->settings.transcripts = transcripts;
    assert_true(bench_build(bench, text.ptr));
    buffer_done(&text);
    return bench;
}

/* A stranger's name is random. */
static void hide_strangers(char *explanation)
{
    static const char made_up[] = "mailknock-probe-";
    char *at = explanation;

    while ((at = strstr(at, made_up)) != NULL)
        for (at += sizeof(made_up) - 1; *at != '\0' && *at != '@'; at++)
            *at = '*';
}

/*
 * What lay there before may be worse than what any case leaves: every bit of it set, or some. The
 * alarm alone stays, which is not set.
 */
static void paint(struct bench *bench, int byte)
{
    struct probe_engine *engine = bench->engine;

    for (unsigned i = 0; i < engine->case_block_count; i++)
        memset((char *)engine->case_blocks[i] + sizeof(struct probe_alarm), byte,
               PROBE_CASE_BLOCK - sizeof(struct probe_alarm));
}

enum {
    MEETING = 5,    /* it, with two others of its domain, and two who come later */
    UNPAINTED = -1, /* what the cases before left is there */
};

static struct outcome *submit_painted(struct bench *bench, struct slice address, int colour,
                                      enum evidence_depth depth, bool is_in_no_hurry)
{
    struct probe_wish wish = {depth, PROBE_PATIENCE_NORMAL, is_in_no_hurry};
    struct outcome *outcome;

    if (colour != UNPAINTED)
        paint(bench, colour);
    outcome = submit_wish(bench, address, &wish);
    assert_non_null(outcome);
    return outcome;
}

static void run_to_the_end(struct bench *bench)
{
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
}

/* The i-th, submitted `times` at once, and run to its end. */
static void meet(struct bench *bench, unsigned i, unsigned times, int colour,
                 struct outcome ret_outcomes[MEETING])
{
    const char *address = kinds[i / EACH].address, *at = strstr(address, "%u");
    struct outcome *outcomes[MEETING] = {NULL};
    struct buffer text;
    char other[32];

    buffer_init(&text, 0);
    buffer_append(&text, address, at != NULL ? (size_t)(at - address) : strlen(address));
    if (at != NULL)
        buffer_printf(&text, "%u%s", i, at + 2);
    outcomes[0] = submit_painted(bench, buffer_slice(&text), colour, EVIDENCE_DEPTH_SMTP, false);
    for (unsigned j = 1; j < times; j++) /* they join it */
        submit_painted(bench, buffer_slice(&text), colour, EVIDENCE_DEPTH_SMTP, false);
    buffer_done(&text);
    for (unsigned j = 1; j < MEETING; j++) {
        if (j == 3)
            run_to_the_end(bench);
        snprintf(other, sizeof(other), "bob%u@a%u.example", j, i);
        outcomes[j] = submit_painted(bench, slice_from_string(other), colour,
                                     j == 4 ? EVIDENCE_DEPTH_DNS : EVIDENCE_DEPTH_SMTP, true);
    }
    run_to_the_end(bench);
    for (unsigned j = 0; j < MEETING; j++) {
        hide_strangers(outcomes[j]->explanation);
        ret_outcomes[j] = *outcomes[j];
    }
}

/* All that an outcome is, for comparison. */
static const char *told(const struct outcome *outcome, char *ret_text, size_t size)
{
    snprintf(ret_text, size,
             "%s/%s, %zu attempts and %zu random ones, stop %d, catch-all %d%s, %lld ms ago, peers "
             "%u %u %u %u %u: %s",
             verdict_status_name(outcome->status), verdict_reason_name(outcome->reason),
             outcome->attempts, outcome->random_attempts, (int)outcome->stop,
             (int)outcome->catch_all, outcome->catch_all_from_cache ? " of before" : "",
             (long long)outcome->ended_before_ms, outcome->peers.proven, outcome->peers.alike,
             outcome->peers.refused, outcome->peers.accepted, outcome->peers.absent,
             outcome->explanation);
    return ret_text;
}

static void expect_the_same(unsigned round, const struct outcome *got, const struct outcome *wanted)
{
    char a[VERDICT_EXPLANATION_SIZE + 256], b[sizeof(a)];

    if (strcmp(told(got, a, sizeof(a)), told(wanted, b, sizeof(b))) != 0)
        fail_msg("round %u, \"%s\":\n%s\ninstead of\n%s", round, got->address, a, b);
}

static void a_case_knows_nothing_of_the_one_before(void **state)
{
    static const int colours[] = {UNPAINTED, 0xff, UNPAINTED, 0x09};
    static struct outcome fresh[CASES][MEETING];
    struct outcome outcomes[MEETING];
    unsigned order[CASES];
    struct random random;

    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct bench *bench = world(true);

        order[i] = i;
        meet(bench, i, 1, UNPAINTED, fresh[i]);
        bench_free(bench);
    }
    random_init(&random, 7);
    for (unsigned round = 0; round < 20; round++) {
        struct bench *bench = world(round % 2 == 0);

        random_shuffle(&random, order, CASES, sizeof(*order));
        for (unsigned i = 0; i < CASES; i++) {
            meet(bench, order[i], 1 + round % 3, colours[round % ARRAY_LEN(colours)], outcomes);
            for (unsigned j = 0; j < MEETING; j++)
                expect_the_same(round, &outcomes[j], &fresh[order[i]][j]);
        }
        bench_free(bench);
    }
}

/* Inputs of every length around that of a block, side by side: each case has room for its own. */
static void a_case_has_room_for_its_input(void **state)
{
    static char texts[8][PROBE_CASE_BLOCK + 40];
    struct bench *bench = bench_new();

    (void)state;
    assert_true(bench_build(bench, SERVER_A));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        memset(texts[i], (int)('a' + i), sizeof(texts[i]));
    for (size_t len = 8; len < sizeof(texts[0]); len += len < 90 ? 17 : 3) {
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
            assert_non_null(submit(bench, slice_from(texts[i], i % 3 == 2 ? i : len - i)));
        io_loop_run(bench->loop);
    }
    everybody_ended_once(bench); /* and was told of what it had given */
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_knows_nothing_of_the_one_before),
        cmocka_unit_test(a_case_has_room_for_its_input),
    };

    return cmocka_run_group_tests_name("probe-case", tests, NULL, NULL);
}
