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

/* The i-th, submitted `times` at once, and run to its end. */
static struct outcome *meet(struct bench *bench, unsigned i, unsigned times)
{
    const char *address = kinds[i / EACH].address, *at = strstr(address, "%u");
    struct outcome *outcome = NULL;
    struct buffer text;

    buffer_init(&text, 0);
    buffer_append(&text, address, at != NULL ? (size_t)(at - address) : strlen(address));
    if (at != NULL)
        buffer_printf(&text, "%u%s", i, at + 2);
    while (times-- > 0)
        outcome = submit(bench, buffer_slice(&text));
    buffer_done(&text);
    assert_non_null(outcome);
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    hide_strangers(outcome->explanation);
    return outcome;
}

static bool is_the_same(const struct outcome *a, const struct outcome *b)
{
    return a->reason == b->reason && a->attempts == b->attempts &&
           a->random_attempts == b->random_attempts && a->stop == b->stop &&
           strcmp(a->explanation, b->explanation) == 0;
}

static void a_case_knows_nothing_of_the_one_before(void **state)
{
    struct outcome fresh[CASES];
    unsigned order[CASES];
    struct random random;

    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        struct bench *bench = world(true);

        order[i] = i;
        fresh[i] = *meet(bench, i, 1);
        bench_free(bench);
    }
    random_init(&random, 7);
    for (unsigned round = 0; round < 20; round++) {
        struct bench *bench = world(round % 2 == 0);

        random_shuffle(&random, order, CASES, sizeof(*order));
        for (unsigned i = 0; i < CASES; i++) {
            const struct outcome *outcome = meet(bench, order[i], 1 + round % 3);
            const struct outcome *wanted = &fresh[order[i]];

            if (!is_the_same(outcome, wanted))
                fail_msg("round %u, \"%s\": %s, %zu attempts, \"%s\"; not %s, %zu, \"%s\"", round,
                         outcome->address, verdict_reason_name(outcome->reason), outcome->attempts,
                         outcome->explanation, verdict_reason_name(wanted->reason),
                         wanted->attempts, wanted->explanation);
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
