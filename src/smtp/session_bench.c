/*
 * What a probe costs in our own code, without sockets: sessions against a server that always says
 * yes, with one recipient and with fifty, one by one and pipelined. And replies read per second.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/instant.h"
#include "smtp/session.h"

#define RUN_MS 1000

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Answer everything that was sent in one read, as a fast server does. */
static size_t answer(struct slice sent, char *to)
{
    struct slice line;
    size_t len = 0;

    sent.len--;
    while (slice_split(&sent, '\n', &line)) {
        static const char ehlo[] = "250-mx.example\r\n250-SIZE 1000\r\n250 PIPELINING\r\n";
        static const char ok[] = "250 2.1.5 recipient ok, it seems\r\n";
        const char *reply = line.ptr[0] == 'E' ? ehlo : ok;

        memcpy(to + len, reply, strlen(reply));
        len += strlen(reply);
    }
    return len;
}

#define RECIPIENTS_MAX 50

static struct smtp_desk desk;

static unsigned run_session(unsigned recipients, bool use_pipelining, bool keep_transcript)
{
    static char replies[65536];
    static struct smtp_recipient lent[RECIPIENTS_MAX];
    struct smtp_plan plan = {
        .desk = &desk,
        .helo_name = SLICE("probe.example"),
        .use_pipelining = use_pipelining,
        .keep_transcript = keep_transcript,
        .rcpts_per_transaction = recipients,
        .rcpts_per_session = recipients,
        .timeout_percent = 100,
        .deadline_ms = INSTANT_NEVER,
    };
    struct smtp_session *session = smtp_session_new(&plan);
    struct smtp_output output;
    unsigned answered = 0;
    size_t len = 0;

    CHECK(session != NULL);
    for (unsigned i = 0; i < recipients; i++) {
        lent[i].mailbox = SLICE("someone.there@example.com");
        CHECK(smtp_session_add(session, &lent[i]) == 0);
    }
    smtp_session_start(session, 0);
    smtp_session_connected(session, 0);
    smtp_session_received(session, "220 mx.example\r\n", 16, 0);
    for (;;) {
        switch (smtp_session_next(session, &output)) {
        case SMTP_OUTPUT_SEND:
            len = answer(output.bytes, replies);
            break;
        case SMTP_OUTPUT_RESULT:
            answered++;
            break;
        case SMTP_OUTPUT_IDLE:
            smtp_session_finish(session, 0);
            break;
        case SMTP_OUTPUT_WAIT:
            CHECK(len > 0);
            smtp_session_received(session, replies, len, 0);
            len = 0;
            break;
        case SMTP_OUTPUT_CLOSE:
            smtp_session_free(session);
            return answered;
        case SMTP_OUTPUT_START_TLS:
        case SMTP_OUTPUT_READY:
            break;
        }
    }
}

static void bench_sessions(const char *what, unsigned recipients, bool use_pipelining,
                           bool keep_transcript)
{
    uint64_t start = now_ns(), spent = 0, probes = 0;

    while (spent < RUN_MS * UINT64_C(1000000)) {
        for (unsigned i = 0; i < 100; i++)
            probes += run_session(recipients, use_pipelining, keep_transcript);
        spent = now_ns() - start;
    }
    printf("%-44s %8.0f ns CPU/probe\n", what, (double)spent / (double)probes);
}

static void bench_replies(void)
{
    static const char reply[] = "550-5.1.1 The email account that you tried to reach does not\r\n"
                                "550-5.1.1 exist. Please try double-checking the address for\r\n"
                                "550 5.1.1 typos or unnecessary spaces. NoSuchUser - gsmtp\r\n";
    static struct smtp_reply_parser parser;
    uint64_t start = now_ns(), spent = 0, count = 0;
    size_t consumed;

    while (spent < RUN_MS * UINT64_C(1000000)) {
        for (unsigned i = 0; i < 1000; i++, count++) {
            smtp_reply_parser_init(&parser);
            CHECK(smtp_reply_feed(&parser, reply, sizeof(reply) - 1, &consumed) == SMTP_REPLY_DONE);
        }
        spent = now_ns() - start;
    }
    printf("%-44s %8.0f ns CPU/reply, %.1f M/s\n", "replies of three lines, 180 octets",
           (double)spent / (double)count, (double)count * 1e3 / (double)spent);
}

int main(void)
{
    smtp_desk_init(&desk);
    bench_sessions("1 recipient a session", 1, false, false);
    bench_sessions("1 recipient a session, pipelined", 1, true, false);
    bench_sessions("1 recipient a session, with transcript", 1, false, true);
    bench_sessions("50 recipients a session", 50, false, false);
    bench_sessions("50 recipients a session, pipelined", 50, true, false);
    bench_replies();
    return 0;
}
