/*
 * Tests of the state machine: every cell of the table, and a random world.
 *
 * For each state and event, sessions are brought to the state by every combination of circumstances
 * below, and the event is let happen. The set of states that follow must be exactly what the cell
 * names: both targets seen, and no other.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/instant.h"
#include "base/memory.h"
#include "base/random.h"
#include "smtp/machine.h"
#include "smtp/session_rig.h"

static const char *const event_names[SMTP_ON_COUNT] = {
    [SMTP_ON_2XX] = "2xx",           [SMTP_ON_3XX] = "3xx",
    [SMTP_ON_4XX] = "4xx",           [SMTP_ON_5XX] = "5xx",
    [SMTP_ON_421] = "421",           [SMTP_ON_MALFORMED] = "malformed",
    [SMTP_ON_CLOSED] = "closed",     [SMTP_ON_TIMEOUT] = "timeout",
    [SMTP_ON_DEADLINE] = "deadline", [SMTP_ON_PROGRESS] = "progress",
    [SMTP_ON_FINISH] = "finish",
};

struct circumstances {
    enum smtp_tls_policy tls;
    bool pipelining;
    bool is_all;       /* the session may ask nobody else: QUIT goes with the last */
    bool finish_first; /* finish was asked for while in the state */
    unsigned recipients;
    const char *refusal; /* text of 4xx and 5xx */
    unsigned code_5xx;
};

#define CIRCUMSTANCES (4 * 2 * 2 * 3 * 2 * 2 * 2)

static struct circumstances circumstances_at(unsigned index)
{
    struct circumstances c = {.tls = index % 4};

    index /= 4;
    c.pipelining = index % 2;
    c.finish_first = index / 2 % 2;
    c.recipients = 1 + index / 4 % 3;
    c.refusal = index / 12 % 2 ? "Must issue a STARTTLS command first" : "no";
    c.code_5xx = index / 24 % 2 ? 554 : 550;
    c.is_all = index / 48 % 2;
    return c;
}

static void hear(struct rig *rig, const char *lines)
{
    smtp_session_received(rig->session, lines, strlen(lines), rig->now_ms);
    rig_pull(rig);
}

static void open_session(struct rig *rig, const struct circumstances *c)
{
    static const char *const mailboxes[] = {"a@x.example", "b@x.example", "c@x.example",
                                            "d@y.example"};
    struct smtp_plan plan = {
        .helo_name = SLICE("probe.example"),
        .tls = c->tls,
        .use_pipelining = c->pipelining,
        .rcpts_per_transaction = 5,
        .rcpts_per_session = c->is_all ? c->recipients + 1 : 50,
        .timeout_percent = 100,
        .deadline_ms = INSTANT_NEVER,
        .gap_ms = 0,
    };

    assert_true(rig_new(rig, &plan));
    for (unsigned i = 0; i < c->recipients; i++)
        assert_int_equal(rig_add(rig, slice_from_string(mailboxes[i]), false), 0);
    assert_int_equal(rig_add(rig, slice_from_string(mailboxes[3]), false), 0);
}

static void say_ehlo(struct rig *rig, bool starttls)
{
    hear(rig, starttls ? "250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
                       : "250-mx\r\n250 PIPELINING\r\n");
}

/* Answer until the session is in `state`; false where these circumstances do not lead there. */
static bool walk_to(struct rig *rig, enum smtp_state state, const struct circumstances *c)
{
    struct smtp_session *s = rig->session;

    for (unsigned steps = 0; s->state != state; steps++) {
        assert_true(steps < 60);
        switch (s->state) {
        case SMTP_STATE_NEW:
            smtp_session_start(s, rig->now_ms);
            break;
        case SMTP_STATE_CONNECTING:
            smtp_session_connected(s, rig->now_ms);
            break;
        case SMTP_STATE_GREETING:
            hear(rig, "220 mx\r\n");
            break;
        case SMTP_STATE_EHLO:
            if (state == SMTP_STATE_HELO)
                hear(rig, "500 what\r\n");
            else
                say_ehlo(rig, !s->is_tls && c->tls != SMTP_TLS_NEVER);
            break;
        case SMTP_STATE_STARTTLS:
            hear(rig, "220 go\r\n");
            break;
        case SMTP_STATE_HANDSHAKE:
            rig->is_tls = true;
            smtp_session_secured(s, rig->now_ms);
            break;
        case SMTP_STATE_MAIL:
            hear(rig, state == SMTP_STATE_DRAIN ? "550 no\r\n" : "250 ok\r\n");
            break;
        case SMTP_STATE_RCPT:
            if (state == SMTP_STATE_READY && !smtp_machine_is_batching(s) && s->outstanding == 1) {
                /* READY is left at once: stop where the last reply has been taken. */
                s->outstanding--;
                smtp_machine_settle_first(s, SMTP_OUTCOME_UNTRIED, SMTP_STAGE_RCPT, NULL);
                smtp_machine_enter(s, SMTP_STATE_READY);
                break;
            }
            rig->plan.gap_ms = state == SMTP_STATE_PAUSE ? 1000 : 0;
            s->next_rcpt_ms = rig->now_ms + rig->plan.gap_ms;
            hear(rig, "250 ok\r\n");
            break;
        case SMTP_STATE_MARK:
            say_ehlo(rig, false);
            break;
        case SMTP_STATE_RSET:
            hear(rig, state == SMTP_STATE_QUIT ? "500 no\r\n" : "250 ok\r\n");
            break;
        case SMTP_STATE_IDLE:
            smtp_session_finish(s, rig->now_ms);
            rig_pull(rig);
            break;
        case SMTP_STATE_QUIT:
            if (state != SMTP_STATE_DONE)
                return false;
            hear(rig, "221 bye\r\n");
            break;
        default:
            return false;
        }
        if (s->state != SMTP_STATE_READY)
            rig_pull(rig);
    }
    return true;
}

static void prepare_reply(struct smtp_session *s, enum smtp_event event,
                          const struct circumstances *c)
{
    static const unsigned codes[] = {250, 354, 450, 0, 421};
    struct smtp_reply_parser *parser;
    char line[80];
    size_t consumed;
    int len;

    if (event > SMTP_ON_421)
        return;
    if (event == SMTP_ON_2XX && s->state == SMTP_STATE_MARK && c->recipients > 1)
        len = snprintf(line, sizeof(line), "250-mx\r\n250 PIPELINING\r\n");
    else
        len = snprintf(line, sizeof(line), "%u %s\r\n",
                       event == SMTP_ON_5XX ? c->code_5xx : codes[event],
                       event == SMTP_ON_4XX || event == SMTP_ON_5XX ? c->refusal : "ok");
    parser = &smtp_machine_desk(s)->parser;
    smtp_reply_parser_init(parser);
    assert_int_equal(smtp_reply_feed(parser, line, (size_t)len, &consumed), SMTP_REPLY_DONE);
    if (s->outstanding > 0)
        s->outstanding--;
}

/* One session, one event. Returns the state that follows, or NONE when it can't come to that. */
static enum smtp_state walk_cell(enum smtp_state state, enum smtp_event event,
                                 const struct circumstances *c)
{
    enum smtp_state after = SMTP_STATE_NONE;
    struct rig *rig;

    if (c->is_all && state == SMTP_STATE_IDLE && event == SMTP_ON_PROGRESS)
        return SMTP_STATE_NONE; /* nobody more may be added */
    rig = calloc(1, sizeof(*rig));
    assert_non_null(rig);
    open_session(rig, c);
    if (walk_to(rig, state, c)) {
        struct smtp_session *s = rig->session;

        if (c->finish_first &&
            smtp_machine_table[state].cells[SMTP_ON_FINISH].next == SMTP_STATE_STAY)
            smtp_machine_dispatch(s, SMTP_ON_FINISH);
        while (s->settled.count > 0)
            rig_next(rig);
        if (state == SMTP_STATE_IDLE && event == SMTP_ON_PROGRESS)
            assert_int_equal(rig_add(rig, SLICE("e@x.example"), false), 0);
        prepare_reply(s, event, c);
        s->broken_outcome = SMTP_OUTCOME_PROTOCOL_ERROR;
        smtp_machine_dispatch(s, event);
        after = s->state;
    }
    rig_pull(rig);
    rig_free(rig); /* checks that everyone was answered once */
    free(rig);
    return after;
}

static unsigned bit(enum smtp_state state)
{
    return 1u << state;
}

static void every_cell_is_walked(void **state)
{
    unsigned reached = 0;

    for (enum smtp_state from = SMTP_STATE_NEW; from < SMTP_STATE_COUNT; from++) {
        const struct smtp_row *row = &smtp_machine_table[from];

        printf("%-10s", row->name);
        for (enum smtp_event event = 0; event < SMTP_ON_COUNT; event++) {
            const struct smtp_cell *cell = &row->cells[event];
            unsigned seen = 0, expected;

            expected = bit(cell->next == SMTP_STATE_STAY ? from : cell->next);
            if (cell->otherwise != SMTP_STATE_NONE)
                expected |= bit(cell->otherwise == SMTP_STATE_STAY ? from : cell->otherwise);
            for (unsigned i = 0; i < CIRCUMSTANCES; i++) {
                struct circumstances c = circumstances_at(i);
                enum smtp_state after = walk_cell(from, event, &c);

                if (after != SMTP_STATE_NONE) {
                    seen |= bit(after);
                    reached |= bit(from);
                }
            }
            printf(" %s:", event_names[event]);
            for (enum smtp_state to = SMTP_STATE_NEW; to < SMTP_STATE_COUNT; to++)
                if (seen & bit(to))
                    printf("%s%s", smtp_machine_table[to].name, seen >> to > 1 ? "/" : "");
            if (seen != expected)
                fail_msg("%s on %s: led to %#x, not %#x", row->name, event_names[event], seen,
                         expected);
            reached |= seen;
        }
        printf("\n");
    }
    for (enum smtp_state to = SMTP_STATE_NEW; to < SMTP_STATE_COUNT; to++)
        if (!(reached & bit(to)))
            fail_msg("%s is never reached", smtp_machine_table[to].name);
}

/* From each state a way leads to DONE, and to each state one leads from NEW. */
static void the_table_has_no_island(void **state)
{
    unsigned from_new = bit(SMTP_STATE_NEW) | bit(SMTP_STATE_RSET) | bit(SMTP_STATE_MAIL) |
                        bit(SMTP_STATE_STARTTLS) | bit(SMTP_STATE_IDLE) | bit(SMTP_STATE_PAUSE) |
                        bit(SMTP_STATE_MARK);
    unsigned to_done = bit(SMTP_STATE_DONE);

    for (unsigned round = 0; round < SMTP_STATE_COUNT; round++) {
        for (enum smtp_state from = SMTP_STATE_NEW; from < SMTP_STATE_COUNT; from++) {
            for (enum smtp_event event = 0; event < SMTP_ON_COUNT; event++) {
                const struct smtp_cell *cell = &smtp_machine_table[from].cells[event];

                assert_int_not_equal(cell->next, SMTP_STATE_NONE);
                if (cell->react == NULL)
                    assert_int_equal(cell->otherwise, SMTP_STATE_NONE);
                for (enum smtp_state to = SMTP_STATE_NEW; to < SMTP_STATE_COUNT; to++) {
                    if (cell->next != to && cell->otherwise != to)
                        continue;
                    if (from_new & bit(from))
                        from_new |= bit(to);
                    if (to_done & bit(to))
                        to_done |= bit(from);
                }
            }
        }
    }
    assert_int_equal(from_new, bit(SMTP_STATE_COUNT) - bit(SMTP_STATE_NEW));
    assert_int_equal(to_done, bit(SMTP_STATE_COUNT) - bit(SMTP_STATE_NEW));
    /* What waits for the peer has a time-out; nothing else says a command. */
    for (enum smtp_state s = SMTP_STATE_CONNECTING; s < SMTP_STATE_COUNT; s++)
        if (s != SMTP_STATE_READY && s != SMTP_STATE_PAUSE && s != SMTP_STATE_DONE)
            assert_true(smtp_machine_table[s].timeout_ms > 0);
}

/* ---- a random world ---- */

static const char *random_reply(struct random *random)
{
    static const char *const replies[] = {
        "250 ok\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "250 2.1.5 ok\r\n",
        "250-a\r\n250 b\r\n",
        "220 go\r\n",
        "250-mx\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250 STARTTLS\r\n",
        "250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n",
        "250-mx\r\n250 PIPELINING\r\n",
        "550 5.1.1 no\r\n",
        "450 later\r\n",
        "530 5.7.0 Must issue STARTTLS\r\n",
        "554 blocked\r\n",
        "502 what\r\n",
        "421 bye\r\n",
        "354 go\r\n",
        "221 bye\r\n",
        "garbage\r\n",
        "250",
        "25",
        "\r\n",
        "550-a\r\n",
    };
    /* Mostly the friendly ones, or nothing would get far. */
    size_t count = random_chance(random, 5, 6) ? 9 : ARRAY_LEN(replies);

    return replies[random_below(random, count)];
}

static void random_input(struct rig *rig, struct random *random)
{
    static const char *const mailboxes[] = {"a@x.example",        "b@X.example",
                                            "c@y.example",        "\"d e\"@x.example",
                                            "\xc3\xbc@x.example", "bad"};
    struct smtp_session *s = rig->session;

    switch (random_below(random, 12)) {
    case 0:
        if (rig->added < RIG_RECIPIENTS_MAX)
            rig_add(rig, slice_from_string(mailboxes[random_below(random, 6)]),
                    random_chance(random, 1, 10));
        break;
    case 1:
        smtp_session_connected(s, rig->now_ms);
        break;
    case 2:
        if (rig->tls_started) {
            rig->is_tls = true;
            smtp_session_secured(s, rig->now_ms);
        }
        break;
    case 3:
        if (random_chance(random, 1, 20))
            smtp_session_closed(s, random_below(random, SMTP_OUTCOME_COUNT), rig->now_ms);
        break;
    case 4:
        if (random_chance(random, 1, 10))
            smtp_session_finish(s, rig->now_ms);
        break;
    case 5:
        smtp_session_tick(s, rig->now_ms);
        break;
    default: {
        const char *reply = random_reply(random);

        rig_pull(rig); /* what came before must have been read */
        smtp_session_received(s, reply, strlen(reply), rig->now_ms);
    }
    }
}

static void random_run(uint64_t seed)
{
    struct random random;
    struct smtp_plan plan = {.helo_name = SLICE("probe.example"), .timeout_percent = 100};
    struct rig *rig = calloc(1, sizeof(*rig));
    bool is_pulled = true;

    assert_non_null(rig);
    random_init(&random, seed);
    plan.tls = random_below(&random, 4);
    plan.use_pipelining = random_chance(&random, 1, 2);
    plan.batch_ms = random_chance(&random, 1, 2) ? (uint32_t)random_below(&random, 60000) : 0;
    plan.keep_transcript = random_chance(&random, 1, 2);
    plan.rcpts_per_transaction = 1 + (unsigned)random_below(&random, 4);
    plan.rcpts_per_session = 1 + (unsigned)random_below(&random, 20);
    plan.gap_ms = random_chance(&random, 1, 3) ? (uint32_t)random_below(&random, 2000) : 0;
    plan.deadline_ms = random_chance(&random, 1, 5) ? random_below(&random, 100000) : INSTANT_NEVER;
    if (random_chance(&random, 1, 4))
        plan.sender = SLICE("me@probe.example");
    assert_true(rig_new(rig, &plan));
    for (uint64_t n = random_below(&random, 6); n > 0; n--)
        rig_add(rig, random_chance(&random, 1, 2) ? SLICE("p@x.example") : SLICE("q@y.example"),
                false);
    smtp_session_start(rig->session, 0);
    for (unsigned i = 0; i < 120; i++) {
        /* No time passes while something is written but not on its way. */
        if (is_pulled)
            rig->now_ms += random_chance(&random, 1, 30) ? random_below(&random, 400000)
                                                         : random_below(&random, 50);
        random_input(rig, &random);
        is_pulled = random_chance(&random, 9, 10);
        if (is_pulled)
            rig_pull(rig);
        assert_true(rig->session->outstanding <= 4 + plan.rcpts_per_transaction * 2);
    }
    rig_pull(rig);
    rig_free(rig);
    free(rig);
}

static volatile uint64_t seed_under_way;

static void say_seed(int signal_number)
{
    char line[64];
    int len =
        snprintf(line, sizeof(line), "the seed was %llu\n", (unsigned long long)seed_under_way);

    if (write(STDERR_FILENO, line, (size_t)len) != len || signal_number != SIGABRT)
        _exit(2);
}

static void a_random_world_never_breaks_the_contract(void **state)
{
    uint64_t seed = (uint64_t)time(NULL);

    signal(SIGABRT, say_seed);
    printf("seeds %llu to %llu\n", (unsigned long long)seed, (unsigned long long)seed + 29999);
    for (unsigned i = 0; i < 30000; i++)
        random_run(seed_under_way = seed + i);
    for (unsigned i = 0; i < 1000; i++)
        random_run(seed_under_way = i);
    signal(SIGABRT, SIG_DFL);
}

/* 512 bytes are to be enough for all of an idle connection, the transcript apart. */
static void a_waiting_session_is_small(void **state)
{
    struct circumstances c = {.tls = SMTP_TLS_NEVER, .recipients = 1};
    struct rig *rig = calloc(1, sizeof(*rig));
    struct smtp_session *s;
    size_t held;

    assert_non_null(rig);
    open_session(rig, &c);
    assert_true(walk_to(rig, SMTP_STATE_IDLE, &c));
    s = rig->session;
    assert_null(s->part);
    assert_null(rig->desk.user);
    smtp_session_forget_greeting(s);
    held = sizeof(*s) + strlen(s->domain) + 1;
    printf("%zu bytes (%zu of them the struct)\n", held, sizeof(*s));
    assert_true(held <= 192);
    rig_free(rig);
    free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_walked),
        cmocka_unit_test(the_table_has_no_island),
        cmocka_unit_test(a_random_world_never_breaks_the_contract),
        cmocka_unit_test(a_waiting_session_is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
