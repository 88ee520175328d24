/*
 * Tests of scenarios, servers and limits with a small scripted client on the simulated loop.
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
#include "base/memory.h"
#include "lab/behaviour.h"
#include "lab/sim_loop.h"
#include "lab/world.h"

/* A client that waits for a whole reply, then says its next line; notes everything it hears. */
struct talk {
    struct io_loop *loop;
    struct io_stream *stream;
    struct slice script; /* lines split by ";", "*" at the front: do not wait for the reply */
    struct buffer heard;
    size_t line_start;
    unsigned pieces; /* in which it was heard */
    bool script_over, quiet;
    int closed;
    uint64_t end_ms;
};

static void talk_say(struct talk *talk)
{
    struct slice line;
    char batch[2000];
    size_t batch_len = 0;

    while (slice_split(&talk->script, ';', &line)) {
        bool at_once = slice_starts_with(line, SLICE("*"));

        line = slice_trim(slice_from_offset(line, at_once ? 1 : 0));
        if (slice_equal(line, SLICE("CLOSE"))) {
            io_stream_close(talk->stream);
            talk->stream = NULL;
            return;
        }
        if (slice_equal(line, SLICE("TLS"))) {
            assert_int_equal(io_stream_start_tls(talk->stream, "mx"), 0);
            return;
        }
        batch_len += (size_t)snprintf(batch + batch_len, sizeof(batch) - batch_len, "%.*s\r\n",
                                      SLICE_ARG(line));
        if (at_once) /* goes in one piece with the next line */
            continue;
        assert_int_equal(io_stream_write(talk->stream, batch, batch_len), 0);
        return;
    }
    talk->script_over = true;
}

static void talk_connected(void *user)
{
    struct talk *talk = user;

    if (slice_starts_with(talk->script, SLICE("*")))
        talk_say(talk);
}

static void talk_received(void *user, const char *bytes, size_t len)
{
    struct talk *talk = user;

    talk->end_ms = io_now_ms(talk->loop);
    talk->pieces++;
    assert_true(buffer_append(&talk->heard, bytes, len));
    if (talk->heard.len > 100000) { /* an endless one: it is enough */
        io_stream_close(talk->stream);
        talk->stream = NULL;
        return;
    }
    for (;;) {
        struct slice rest = slice_from_offset(buffer_slice(&talk->heard), talk->line_start);
        ptrdiff_t end = slice_find_byte(rest, '\n');

        if (end < 0 || talk->stream == NULL)
            return;
        talk->line_start += (size_t)end + 1;
        if (end >= 4 && rest.ptr[3] == ' ')
            talk_say(talk);
    }
}

static void talk_secured(void *user, const struct io_tls_facts *facts)
{
    talk_say(user);
}

static void talk_closed(void *user, enum io_close_reason reason, const char *detail)
{
    struct talk *talk = user;

    talk->closed = (int)reason;
    talk->end_ms = io_now_ms(talk->loop);
    talk->stream = NULL;
}

static const struct io_stream_events talk_events = {
    talk_connected,
    talk_received,
    talk_secured,
    talk_closed,
};

/* Talk to 127.0.1.1, until nothing more happens or virtual time is up. Returns what was heard. */
static const char *talk_run(struct talk *talk, struct io_loop *loop, const char *script)
{
    struct io_endpoint to = {.ip = ip_v4(127, 0, 1, 1), .port = 25};

    memset(talk, 0, sizeof(*talk));
    talk->loop = loop;
    talk->script = slice_from_string(script);
    talk->closed = -1;
    buffer_init(&talk->heard, 0);
    assert_int_equal(io_connect(loop, NULL, &to, &talk_events, talk, &talk->stream, NULL), 0);
    io_loop_run(loop);
    if (talk->stream != NULL)
        io_stream_close(talk->stream);
    assert_true(buffer_append_byte(&talk->heard, '\0'));
    return talk->heard.ptr;
}

static struct lab_scenario *scenario_of(const char *text)
{
    struct error error = {0};
    struct lab_scenario *scenario = lab_scenario_parse(slice_from_string(text), &error);

    if (scenario == NULL)
        fail_msg("%s\n%s", error.message, text);
    return scenario;
}

#define SCENARIO_HEAD                                                                              \
    "domain example.com\n  mx 10 mx.example.com\nserver mx.example.com 127.0.1.1\n"                \
    "  mailbox alice\n  mailbox full full\n  mailbox odd 559 custom for %r at %h\n"

#define HELLO    "EHLO client.example;MAIL FROM:<>;"
#define ASK(who) "RCPT TO:<" who "@example.com>;"

/* One server line or more, one conversation, what must be heard, what must not, violations. */
static const struct {
    const char *server;
    const char *script;
    const char *heard;
    const char *violation; /* a part of the first one; NULL: there must be none */
} rows[] = {
    {"", HELLO ASK("alice") "QUIT", "250 2.1.5 Ok\r\n221 ", NULL},
    {"", HELLO ASK("ALICE") "QUIT", "250 2.1.5 Ok\r\n221 ", NULL},
    {"", HELLO ASK("zed") "QUIT", "550 5.1.1 <zed@example.com>: ", NULL},
    {"", HELLO ASK("full") "QUIT", "452 4.2.2 <full@", NULL},
    {"", HELLO ASK("odd") "QUIT", "559 custom for odd@example.com at mx.example.com\r\n", NULL},
    {"", HELLO "RCPT TO:<a@elsewhere.example>;QUIT", "554 5.7.1 <a@elsewhere.example>: Relay",
     NULL},
    {"  unknown 550-5.1.1 first | 550 second %l %d %%\n", HELLO ASK("zed") "QUIT",
     "550-5.1.1 first\r\n550 second zed example.com %\r\n", NULL},
    {"  like google\n", HELLO ASK("zed") "QUIT", "550 5.1.1  https://support.google.com", NULL},
    {"  offer pipelining starttls size\n", "EHLO client.example;QUIT",
     "250-PIPELINING\r\n250-SIZE 52428800\r\n250 STARTTLS\r\n", NULL},
    {"  behave accept-all\n", HELLO ASK("zed") "QUIT", "250 2.1.5 Ok\r\n", NULL},
    {"  behave accept-all\n", HELLO "RCPT TO:<a@elsewhere.example>;QUIT", "554 5.7.1", NULL},
    {"  behave refuse-all\n", HELLO ASK("alice") "QUIT", "550 5.7.1 Recipient refused", NULL},
    {"  behave relay-denied\n", HELLO ASK("alice") "QUIT", "Relay access denied", NULL},
    {"  behave block connect\n", HELLO "QUIT", "554 5.7.1 Service unavailable; Client host", NULL},
    {"  behave block helo\n", "EHLO c.example;HELO c.example;QUIT", "554 ", NULL},
    {"  behave no-ehlo\n", "EHLO c.example;HELO c.example;MAIL FROM:<>;" ASK("alice") "QUIT",
     "502 5.5.2 Error: command not recognized\r\n250 mx.example.com\r\n250 2.1.0", NULL},
    {"  behave refuse mail 550 no %s here\n", "EHLO c.example;MAIL FROM:<me@c.example>;QUIT",
     "550 no me@c.example here", NULL},
    {"  behave refuse-null\n", "EHLO c.example;MAIL FROM:<>;QUIT", "550 5.7.1 <>: Sender", NULL},
    {"  behave refuse-null\n", "EHLO c.example;MAIL FROM:<me@c.example>;QUIT", "250 2.1.0 Ok",
     NULL},
    {"  behave refuse-sender @c.example\n", "EHLO c.example;MAIL FROM:<me@C.example>;QUIT",
     "550 5.1.8 <me@C.example>", NULL},
    {"  behave refuse-own-name example.com\n", "EHLO example.com;QUIT", "you are not example.com",
     NULL},
    {"  behave auth-required\n", HELLO "QUIT", "530 5.7.0 Authentication", NULL},
    {"  behave block rcpt\n", HELLO ASK("alice") "QUIT", "blocked using zen", NULL},
    {"  behave greylist 5m\n", HELLO ASK("alice") "QUIT", "450 4.2.0 <alice@example.com>: ", NULL},
    {"  behave greylist-known 5m\n", HELLO ASK("zed") "QUIT", "550 5.1.1", NULL},
    {"  behave postscreen\n", HELLO ASK("alice") "QUIT", "450 4.3.2", NULL},
    {"  behave fail-first 2\n", HELLO ASK("alice") ASK("alice") ASK("alice") "QUIT",
     "451 4.3.0 <alice@example.com>: Temporary lookup failure\r\n451 4.3.0 "
     "<alice@example.com>: Temporary lookup failure\r\n250 2.1.5",
     NULL},
    {"  behave rcpts-per-session 1\n", HELLO ASK("alice") ASK("alice") "QUIT",
     "250 2.1.5 Ok\r\n452 4.5.3", NULL},
    {"  behave session-limit 1\n", HELLO ASK("alice") ASK("alice") "QUIT",
     "250 2.1.5 Ok\r\n421 4.7.0", NULL},
    {"  behave rcpts-per-transaction 1\n",
     HELLO ASK("alice") ASK("alice") "RSET;MAIL FROM:<>;" ASK("alice") "QUIT",
     "452 4.5.3 Too many recipients\r\n250 2.0.0 Ok\r\n250 2.1.0 Ok\r\n250 2.1.5", NULL},
    {"  behave rate-rcpts 1\n", HELLO ASK("alice") ASK("alice") "QUIT", "450 4.7.1 Error: too many",
     NULL},
    {"  behave rate-connections 0\n", "QUIT", "421 4.7.0 mx.example.com Error: too many", NULL},
    {"  behave max-connections 0\n", "QUIT", "421 4.7.0 mx.example.com Error: too many", NULL},
    {"  behave harvest 2\n", HELLO ASK("x") ASK("y") ASK("alice") "QUIT",
     "550 5.7.1 Too many invalid recipients from [127.0.0.1]", NULL},
    {"  behave harvest-accept 1\n", HELLO ASK("x") ASK("y") "QUIT", "250 2.1.5 Ok", NULL},
    {"  behave harvest-hangup 1\n", HELLO ASK("x") ASK("y") "QUIT", "421 4.7.0 mx", NULL},
    {"  serves b.example\n  behave one-domain\n",
     HELLO ASK("alice") "RCPT TO:<alice@b.example>;QUIT", "451 4.3.0 Multiple destination", NULL},
    {"  behave hangup bad-rcpt\n", HELLO ASK("x") ASK("y") "QUIT", "550 5.1.1 <x@", NULL},
    {"  behave http\n", "QUIT", "HTTP/1.1 400", NULL},
    {"  behave extra mail 250 2.0.0 and another thing\n", HELLO "QUIT",
     "250 2.1.0 Ok\r\n250 2.0.0 and another", NULL},
    {"  behave garbage ehlo\n", "EHLO c.example;QUIT", "220 mx.example.com ESMTP lab\r\n\x80\xff",
     NULL},
    {"  behave endless connect\n", "QUIT", "220-still greeting you\r\n220-still", NULL},
    {"  behave long-line connect 60000\n", "QUIT", "220 aaaaaaaaaaa", NULL},
    {"  behave bare-lf\n", HELLO ASK("alice") "QUIT", "250 2.1.5 Ok\n221", NULL},
    {"  behave split\n", HELLO ASK("alice") "QUIT", "250 2.1.5 Ok\r\n221", NULL},
    {"  behave drip 3s\n", HELLO ASK("alice") "QUIT", "250 2.1.5 Ok\r\n221", NULL},
    {"  behave tarpit 20s\n", HELLO ASK("alice") "QUIT", "250 2.1.5 Ok\r\n221", NULL},
    {"  behave slow-banner 90s\n", HELLO ASK("alice") "QUIT", "250 2.1.5 Ok\r\n221", NULL},
    {"  behave delay rcpt 30s\n", HELLO ASK("alice") "QUIT", "250 2.1.5 Ok\r\n221", NULL},
    {"  behave idle 30s\n", "EHLO c.example", "421 4.4.2 mx.example.com", NULL},
    {"  offer starttls\n  behave tls-only\n",
     "EHLO c.example;MAIL FROM:<>;STARTTLS;TLS;EHLO c.example;MAIL FROM:<>;" ASK("alice") "QUIT",
     "530 5.7.0 Must issue a STARTTLS command first\r\n220 2.0.0 Ready to start TLS\r\n"
     "250 mx.example.com\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n221",
     NULL},
    {"  offer starttls\n  behave starttls-refused\n", "EHLO c.example;STARTTLS;QUIT",
     "454 4.7.0 TLS not available", NULL},
    {"  offer starttls\n  behave starttls-inject\n", "EHLO c.example;STARTTLS;CLOSE",
     "220 2.0.0 Ready to start TLS\r\n250 injected", NULL},
    {"  behave broken-pipelining\n  offer pipelining\n",
     "EHLO c.example;*MAIL FROM:<>;" ASK("alice") "QUIT", "250 2.1.0 Ok\r\n221",
     NULL}, /* the RCPT was lost */
    {"  offer pipelining\n", "EHLO c.example;*MAIL FROM:<>;*" ASK("alice") ASK("zed") "QUIT",
     "250 2.1.5 Ok\r\n550 5.1.1", NULL},
    {"  offer pipelining\n  behave lose-replies 2\n",
     "EHLO c.example;*MAIL FROM:<>;*" ASK("zed") "*" ASK("alice") ASK("zoe") "QUIT",
     "250 2.1.0 Ok\r\n550 5.1.1 <zed@example.com>: Recipient address rejected: User unknown in "
     "local recipient table\r\n550 5.1.1 <zoe@",
     NULL},
    {"  offer pipelining\n  behave careless\n  behave block mail\n",
     "EHLO c.example;*MAIL FROM:<>;*" ASK("alice") ASK("zed") "QUIT", "250 2.1.5 Ok\r\n550 5.1.1",
     NULL},
    {"  offer pipelining\n  behave gather\n", "EHLO c.example;*MAIL FROM:<>;" ASK("alice") "QUIT",
     "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n", NULL},
    {"  offer pipelining\n  behave hasty-quit\n", "EHLO c.example;QUIT", "250 PIPELINING", NULL},
    {"  behave careless\n", "EHLO c.example;" ASK("alice") "QUIT", "503 5.5.1", "RCPT outside"},
    /* what clients must not do */
    {"", HELLO ASK("alice") "DATA;QUIT", "554 5.5.1 The lab takes no messages", "DATA"},
    {"", HELLO ASK("alice") "BDAT 10 LAST;QUIT", "554 5.5.1", "BDAT"},
    {"", "EHLO c.example;*MAIL FROM:<>;" ASK("alice") "QUIT", "250 2.1.0", "without PIPELINING"},
    {"  behave slow-banner 1s\n", "*EHLO c.example;QUIT", "220", "before the greeting"},
    {"  offer pipelining\n", "EHLO c.example;*EHLO c.example;MAIL FROM:<>;QUIT", "250",
     "must end a batch"},
    {"", "MAIL FROM:<>;QUIT", "503 5.5.1", "MAIL before EHLO"},
    {"", "EHLO c.example;" ASK("alice") "QUIT", "503 5.5.1", "RCPT outside"},
    {"", "EHLO localhost;QUIT", "250", "no host's name"},
    {"", "EHLO mx.example.com;QUIT", "250", "server itself"},
    {"", "EHLO c.example;RCPT TO <x@y>;QUIT", "502", "angle brackets"},
    {"", "EHLO c.example;MAIL FROM: <a@b.example>;QUIT", "250", "a blank between"},
    {"", "EHLO c.example;MAIL FROM:<a>b>;QUIT", "502", "without a space"},
    {"", "EHLO c.example;FOO;QUIT", "502", "no SMTP command"},
    {"", "EHLO c\rx.example;QUIT", "502", "CR or NUL"},
    {"", HELLO "RCPT TO:<a@example.com\nRCPT TO:<b@example.com>;QUIT", "502", "bare LF"},
    {"", "EHLO c.example;STARTTLS;QUIT", "502", "not offered"},
    {"", "EHLO c.example;MAIL FROM:<> SMTPUTF8;QUIT", "250", "SMTPUTF8 where"},
    {"", HELLO ASK("j\xc3\xb6rg") "QUIT", "550", "no SMTPUTF8"},
    {"  mailbox trap never\n", HELLO ASK("trap") "QUIT", "250 2.1.5", "never be asked"},
    {"  behave forbidden\n", "QUIT", "220", "nothing sends anyone"},
    /* limits of sites */
    {"  site s rcpts-per-session 1\n", HELLO ASK("alice") ASK("alice") "QUIT", "250",
     "more than 1 RCPTs"},
    {"  site s rcpts-per-session 2\n", HELLO ASK("alice") ASK("alice") "QUIT", "250", NULL},
    {"  site s rcpts-per-transaction 1\n", HELLO ASK("alice") ASK("alice") "QUIT", "250",
     "more than 1 RCPTs in one transaction"},
    {"  site s rcpts-per-transaction 1\n",
     HELLO ASK("alice") "RSET;MAIL FROM:<>;" ASK("alice") "QUIT", "250", NULL},
    {"  site s gap 1s\n", HELLO ASK("alice") ASK("alice") "QUIT", "250", "wants 1000 ms"},
    {"  site s gap 20ms\n", HELLO ASK("alice") ASK("alice") "QUIT", "250", NULL},
    {"  site s unknowns-per-session 1\n", HELLO ASK("x") ASK("alice") "QUIT", "250",
     "after 1 refused"},
    {"  site s unknowns-per-session 2\n", HELLO ASK("x") ASK("alice") "QUIT", "250", NULL},
};

static void every_behaviour_acts(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lab_sim_plan plan = {.seed = i, .latency_min_ms = 10, .latency_max_ms = 10};
        struct io_loop *loop = lab_sim_loop_new(&plan);
        struct lab_scenario *scenario;
        struct lab_world *world;
        struct talk talk;
        const char *heard, *violation;
        char text[2000];

        (void)snprintf(text, sizeof(text), "%s%s", SCENARIO_HEAD, rows[i].server);
        scenario = scenario_of(text);
        world = lab_world_new(loop, scenario, 25, 1, NULL);
        assert_non_null(world);
        heard = talk_run(&talk, loop, rows[i].script);
        if (strstr(heard, rows[i].heard) == NULL)
            fail_msg("row %zu: %s%s\nheard: %s\nwanted: %s", i, rows[i].server, rows[i].script,
                     heard, rows[i].heard);
        violation = lab_world_violation(world, 0);
        if (rows[i].violation == NULL
                ? violation != NULL
                : violation == NULL || strstr(violation, rows[i].violation) == NULL)
            fail_msg("row %zu: %s%s\nviolation: %s\nwanted: %s\n%.*s", i, rows[i].server,
                     rows[i].script, violation, rows[i].violation,
                     SLICE_ARG(lab_world_log_text(world)));
        buffer_done(&talk.heard);
        lab_world_free(world);
        lab_scenario_free(scenario);
        io_loop_free(loop);
    }
}

/* How broken connections end: reply count heard and reason. */
static void connections_break_where_they_should(void **state)
{
    static const struct {
        const char *server, *script;
        const char *heard_last;
        int closed;
    } breaks[] = {
        {"  behave drop connect\n", HELLO, "", IO_CLOSED_BY_PEER},
        {"  behave drop ehlo\n", HELLO, "220 mx.example.com ESMTP lab\r\n", IO_CLOSED_BY_PEER},
        {"  behave drop mail\n", HELLO, "250 mx.example.com\r\n", IO_CLOSED_BY_PEER},
        {"  behave reset rcpt\n", HELLO ASK("alice"), "250 2.1.0 Ok\r\n", IO_CLOSED_RESET},
        {"  behave drop bad-rcpt\n", HELLO ASK("zed"), "250 2.1.0 Ok\r\n", IO_CLOSED_BY_PEER},
        {"  behave drop bad-rcpt\n", HELLO ASK("alice") "QUIT", "221 2.0.0 Bye\r\n",
         IO_CLOSED_BY_PEER},
        {"  behave silent rcpt\n", HELLO ASK("alice"), "250 2.1.0 Ok\r\n", -1},
        {"  behave silent connect\n", HELLO, "", -1},
        {"  behave deaf ehlo\n", HELLO ASK("alice"), "250 mx.example.com\r\n", -1},
        {"  behave down\n", HELLO, "", IO_CLOSED_REFUSED},
        {"  behave unreachable\n", HELLO, "", IO_CLOSED_UNREACHABLE},
        {"  behave blackhole\n", HELLO, "", -1},
        {"  offer starttls\n  behave starttls-broken\n", "EHLO c.example;STARTTLS;TLS", "TLS\r\n",
         IO_CLOSED_TLS},
        {"  offer starttls\n  behave starttls-silent\n", "EHLO c.example;STARTTLS;TLS", "TLS\r\n",
         -1},
        {"", HELLO "QUIT", "221 2.0.0 Bye\r\n", IO_CLOSED_BY_PEER},
        {"  offer pipelining\n  behave hasty-quit\n",
         "EHLO c.example;*MAIL FROM:<>;*" ASK("alice") "QUIT", "250 PIPELINING\r\n",
         IO_CLOSED_BY_PEER},
        {"  offer pipelining\n  behave gather\n  behave drop rcpt\n",
         "EHLO c.example;*MAIL FROM:<>;" ASK("alice"), "250 2.1.0 Ok\r\n", IO_CLOSED_BY_PEER},
    };

    for (size_t i = 0; i < ARRAY_LEN(breaks); i++) {
        struct lab_sim_plan plan = {.seed = i, .latency_min_ms = 3, .latency_max_ms = 3};
        struct io_loop *loop = lab_sim_loop_new(&plan);
        struct lab_scenario *scenario;
        struct lab_world *world;
        struct talk talk;
        char text[2000];

        (void)snprintf(text, sizeof(text), "%s%s", SCENARIO_HEAD, breaks[i].server);
        scenario = scenario_of(text);
        world = lab_world_new(loop, scenario, 25, 1, NULL);
        assert_non_null(world);
        (void)talk_run(&talk, loop, breaks[i].script);
        talk.heard.len--;
        if (!slice_ends_with(buffer_slice(&talk.heard), slice_from_string(breaks[i].heard_last)) ||
            talk.closed != breaks[i].closed)
            fail_msg("row %zu: closed %d, heard %s", i, talk.closed, talk.heard.ptr);
        assert_null(lab_world_violation(world, 0));
        buffer_done(&talk.heard);
        lab_world_free(world);
        lab_scenario_free(scenario);
        io_loop_free(loop);
    }
}

/* How many pieces the answers to a batch come in. */
static void batches_are_answered_in_one_piece_or_many(void **state)
{
    static const struct {
        const char *server;
        unsigned pieces; /* greeting, EHLO, the batch, QUIT */
    } ways[] = {{"  offer pipelining\n", 6}, {"  offer pipelining\n  behave gather\n", 4}};

    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct lab_sim_plan plan = {.latency_min_ms = 3, .latency_max_ms = 3};
        struct io_loop *loop = lab_sim_loop_new(&plan);
        struct lab_scenario *scenario;
        struct lab_world *world;
        struct talk talk;
        char text[2000];

        (void)snprintf(text, sizeof(text), "%s%s", SCENARIO_HEAD, ways[i].server);
        scenario = scenario_of(text);
        world = lab_world_new(loop, scenario, 25, 1, NULL);
        assert_non_null(world);
        (void)talk_run(&talk, loop,
                       "EHLO c.example;*MAIL FROM:<>;*" ASK("alice") ASK("zed") "QUIT");
        assert_int_equal(talk.pieces, ways[i].pieces);
        assert_null(lab_world_violation(world, 0));
        buffer_done(&talk.heard);
        lab_world_free(world);
        lab_scenario_free(scenario);
        io_loop_free(loop);
    }
}

static void greylisting_ends_and_counters_expire(void **state)
{
    struct lab_scenario *scenario =
        scenario_of(SCENARIO_HEAD "  behave greylist 5m\n  behave rate-connections 3\n"
                                  "  site s connections 1 per-minute 3\n");
    struct lab_sim_plan plan = {.latency_min_ms = 10, .latency_max_ms = 10};
    struct io_loop *loop = lab_sim_loop_new(&plan);
    struct lab_world *world = lab_world_new(loop, scenario, 25, 1, NULL);
    struct lab_counts counts;
    struct talk talk;

    assert_non_null(world);
    assert_non_null(strstr(talk_run(&talk, loop, HELLO ASK("alice") "QUIT"), "450 4.2.0"));
    buffer_done(&talk.heard);
    for (int i = 0; i < 3; i++) { /* another sender is another triplet */
        const char *heard =
            talk_run(&talk, loop, "EHLO c.example;MAIL FROM:<a@b.example>;" ASK("alice") "QUIT");

        assert_non_null(strstr(heard, i < 2 ? "450 4.2.0" : "421 4.7.0"));
        buffer_done(&talk.heard);
    }
    lab_world_counts(world, &counts);
    assert_int_equal(counts.connections, 4);
    assert_int_equal(counts.violations, 1);
    assert_non_null(strstr(lab_world_violation(world, 0), "3 a minute allowed"));
    assert_int_equal(lab_world_rcpt_count(world, SLICE("Alice@Example.com")), 3);
    lab_world_free(world);
    io_loop_free(loop);

    /* The same again, five minutes later. */
    loop = lab_sim_loop_new(&plan);
    world = lab_world_new(loop, scenario, 25, 1, NULL);
    assert_non_null(strstr(talk_run(&talk, loop, HELLO ASK("alice") "QUIT"), "450 4.2.0"));
    buffer_done(&talk.heard);
    assert_non_null(strstr(talk_run(&talk, loop, "*;QUIT"), "221")); /* and a violation */
    buffer_done(&talk.heard);
    lab_world_free(world);
    lab_scenario_free(scenario);
    io_loop_free(loop);
}

static void scenarios_name_the_line_that_is_wrong(void **state)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"domain example.com\n  mx ten mx.example.com\n", "line 2: ten is no preference"},
        {"mx 10 mx.example.com\n", "line 1: mx belongs under a domain"},
        {"domain a.example\nmx 10 mx.a.example\n", "line 2: mx belongs under a domain"},
        {"domain a.example\n  mailbox bob\n", "line 2: mailbox belongs under a server"},
        {"domain a.example b\n", "line 1: b is not understood here"},
        {"domain a..example\n", "line 1: \"a..example\" is no domain name"},
        {"domain\n", "line 1: a domain name is missing"},
        {"nonsense\n", "line 1: unknown directive nonsense"},
        {"server mx.example 127.0.0.300\n", "line 1: 127.0.0.300 is no IP address"},
        {"server mx.example\n", "line 1: the server's address is missing"},
        {"server a.example 127.0.1.1\nserver b.example 127.0.1.1\n",
         "line 2: 127.0.1.1 is another server's address"},
        {"server a.example 127.0.1.1\n  behave badly\n", "line 2: no behaviour is called badly"},
        {"server a.example 127.0.1.1\n  behave greylist\n", "line 2: a time is missing"},
        {"server a.example 127.0.1.1\n  behave greylist 5\n", "line 2: 5 is no time"},
        {"server a.example 127.0.1.1\n  behave drop lunch\n", "line 2: lunch is no stage"},
        {"server a.example 127.0.1.1\n  behave refuse mail\n", "line 2: a reply must begin"},
        {"server a.example 127.0.1.1\n  unknown 550 %x\n", "line 2: unknown placeholder"},
        {"server a.example 127.0.1.1\n  like nobody\n", "line 2: no operator is known as nobody"},
        {"server a.example 127.0.1.1\n  offer tea\n", "line 2: unknown extension tea"},
        {"server a.example 127.0.1.1\n  mailbox bob sleepy\n", "line 2: sleepy is no state"},
        {"server a.example 127.0.1.1\n  reply lunch 250 ok\n", "line 2: there is no situation"},
        {"site s speed 3\n", "line 1: unknown limit speed"},
        {"domain a.example\n  fault earthquake\n", "line 2: unknown fault earthquake"},
        {"domain a.example\n  txt \"open\n", "line 2: a quotation mark is missing"},
        {"domain a.example\n  txt \"bad \\q\"\n", "line 2: unknown escape"},
        {"expect a@b.example\n", "line 1: the status is missing"},
        {"expect a@b.example valid accepted maybe\n", "line 1: maybe is not understood here"},
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error error = {0};

        assert_null(lab_scenario_parse(slice_from_string(bad[i].text), &error));
        assert_int_equal(error.code, ERROR_FORMAT);
        if (strstr(error.message, bad[i].message) != error.message)
            fail_msg("row %zu: %s, wanted %s", i, error.message, bad[i].message);
    }
}

static void scenarios_are_understood(void **state)
{
    struct lab_scenario *s = scenario_of(
        "# a comment\n\nset patience quick\nset patience normal   # the last one counts\n"
        "list trap trap@example.com\nlist block example.org\n"
        "expect \"\\\"john \\x64oe\\\"@example.com\" invalid mailbox_not_found \"does not\" "
        "suggests a@b.example\nexpect a#b@example.com valid accepted\n");
    const struct lab_expectation *e = lab_scenario_expectation(s, 0);
    struct slice kind, entry;

    assert_int_equal(lab_scenario_expectation_count(s), 2);
    assert_true(slice_equal(e->address, SLICE("\"john doe\"@example.com")));
    assert_true(slice_equal(e->explanation, SLICE("does not")));
    assert_true(slice_equal(e->suggestion, SLICE("a@b.example")));
    assert_int_equal(e->line, 7);
    assert_true(slice_equal(lab_scenario_expectation(s, 1)->address, SLICE("a#b@example.com")));
    assert_null(lab_scenario_expectation(s, 2));
    assert_true(slice_equal(lab_scenario_setting(s, SLICE("patience")), SLICE("normal")));
    assert_int_equal(lab_scenario_setting(s, SLICE("depth")).len, 0);
    assert_true(lab_scenario_list_entry(s, 1, &kind, &entry));
    assert_true(slice_equal(kind, SLICE("block")));
    assert_true(slice_equal(entry, SLICE("example.org")));
    assert_false(lab_scenario_list_entry(s, 2, &kind, &entry));
    lab_scenario_free(s);
}

static void no_memory_ends_in_an_error(void **state)
{
    static const char text[] = SCENARIO_HEAD "  behave greylist 5m\n  site s per-minute 3\n"
                                             "domain x.example\n  txt \"hello\"\n";
    int64_t n;

    for (n = 0; n < 500; n++) {
        struct lab_sim_plan plan = {0};
        struct io_loop *loop = lab_sim_loop_new(&plan);
        struct lab_world *world = NULL;
        struct lab_scenario *s;
        struct error error = {0};

        (void)memory_fail_after(n);
        s = lab_scenario_parse(slice_from_string(text), &error);
        if (s != NULL)
            world = lab_world_new(loop, s, 25, 1, &error);
        (void)memory_fail_after(-1);
        if (world == NULL)
            assert_int_equal(error.code, ERROR_NOMEM);
        lab_world_free(world);
        lab_scenario_free(s);
        io_loop_free(loop);
        if (world != NULL)
            break;
    }
    assert_in_range(n, 5, 499);
}

static void every_behaviour_has_a_row_and_a_summary(void **state)
{
    size_t count = 0;

    for (; lab_behaviour_at(count) != NULL; count++) {
        const struct lab_behaviour_kind *kind = lab_behaviour_at(count);
        bool tried = false;
        char line[64];

        assert_non_null(kind->summary);
        assert_ptr_equal(lab_behaviour_by_name(slice_from_string(kind->name)), kind);
        (void)snprintf(line, sizeof(line), "behave %s", kind->name);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            tried = tried || strstr(rows[i].server, line) != NULL;
        if (!tried && kind->special == LAB_SPECIAL_NONE && strcmp(kind->name, "drop") != 0 &&
            strcmp(kind->name, "silent") != 0 && strcmp(kind->name, "deaf") != 0 &&
            strcmp(kind->name, "reset") != 0 && strcmp(kind->name, "starttls-broken") != 0 &&
            strcmp(kind->name, "starttls-silent") != 0)
            fail_msg("no row tries %s", kind->name);
    }
    assert_true(count >= 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_behaviour_acts),
        cmocka_unit_test(connections_break_where_they_should),
        cmocka_unit_test(batches_are_answered_in_one_piece_or_many),
        cmocka_unit_test(greylisting_ends_and_counters_expire),
        cmocka_unit_test(scenarios_name_the_line_that_is_wrong),
        cmocka_unit_test(scenarios_are_understood),
        cmocka_unit_test(no_memory_ends_in_an_error),
        cmocka_unit_test(every_behaviour_has_a_row_and_a_summary),
    };

    return cmocka_run_group_tests_name("lab", tests, NULL, NULL);
}
