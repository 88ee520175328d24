#include "conversation.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/instant.h"
#include "io/uv_loop.h"
#include "smtp/session.h"

struct run {
    struct io_loop *loop;
    struct smtp_desk desk;
    struct smtp_plan plan;
    uint16_t port;
    unsigned rcpts, started, sessions, open;
    bool pipelined;
    uint64_t answers;
};

struct talk {
    struct run *run;
    struct smtp_session *session;
    struct io_stream *stream;
    struct io_timer timer;
    struct smtp_recipient recipients[];
};

static void talk_start(struct run *run);

static void talk_end(struct talk *talk)
{
    struct run *run = talk->run;

    if (talk->stream != NULL)
        io_stream_close(talk->stream);
    io_timer_stop(&talk->timer);
    smtp_session_free(talk->session);
    free(talk);
    run->open--;
    if (run->started < run->sessions)
        talk_start(run);
    else if (run->open == 0)
        io_loop_stop(run->loop);
}

static void pump(struct talk *talk)
{
    struct smtp_output output;

    for (;;) {
        switch (smtp_session_next(talk->session, &output)) {
        case SMTP_OUTPUT_SEND:
            CHECK(io_stream_write(talk->stream, output.bytes.ptr, output.bytes.len) == 0);
            break;
        case SMTP_OUTPUT_RESULT:
            CHECK(output.result.outcome == SMTP_OUTCOME_REPLY && output.result.reply.code == 250);
            talk->run->answers++;
            break;
        case SMTP_OUTPUT_READY:
            break;
        case SMTP_OUTPUT_IDLE:
            smtp_session_finish(talk->session, io_now_ms(talk->run->loop));
            break;
        case SMTP_OUTPUT_CLOSE:
            talk_end(talk);
            return;
        case SMTP_OUTPUT_WAIT: /* one that rings early does no harm */
            if (!io_timer_is_running(&talk->timer))
                CHECK(io_timer_start(&talk->timer, output.deadline_ms) == 0);
            return;
        case SMTP_OUTPUT_START_TLS:
            CHECK(false);
        }
    }
}

static void timer_fired(struct io_timer *timer)
{
    struct talk *talk = timer->user;

    smtp_session_tick(talk->session, io_now_ms(talk->run->loop));
    pump(talk);
}

static void connected(void *user)
{
    struct talk *talk = user;

    smtp_session_connected(talk->session, io_now_ms(talk->run->loop));
    pump(talk);
}

static void received(void *user, const char *bytes, size_t len)
{
    struct talk *talk = user;

    smtp_session_received(talk->session, bytes, len, io_now_ms(talk->run->loop));
    pump(talk);
}

static void closed(void *user, enum io_close_reason reason, const char *detail)
{
    struct talk *talk = user;

    talk->stream = NULL;
    smtp_session_closed(talk->session, SMTP_OUTCOME_DISCONNECTED, io_now_ms(talk->run->loop));
    pump(talk);
}

static void talk_start(struct run *run)
{
    static const struct io_stream_events events = {
        .connected = connected, .received = received, .closed = closed};
    const struct io_endpoint from = {0}, to = {ip_v4(127, 0, 0, 1), run->port};
    struct talk *talk = calloc(1, sizeof(*talk) + run->rcpts * sizeof(*talk->recipients));

    CHECK(talk != NULL);
    talk->run = run;
    talk->session = smtp_session_new(&run->plan);
    CHECK(talk->session != NULL);
    io_timer_init(run->loop, &talk->timer, timer_fired, talk);
    for (unsigned i = 0; i < run->rcpts; i++) {
        talk->recipients[i].mailbox = SLICE("someone.there@example.com");
        CHECK(smtp_session_add(talk->session, &talk->recipients[i]) == 0);
    }
    CHECK(io_connect(run->loop, &from, &to, &events, talk, &talk->stream, NULL) == 0);
    run->open++;
    run->started++;
    smtp_session_start(talk->session, io_now_ms(run->loop));
    pump(talk);
}

void conversation_run(uint16_t port, unsigned connections, unsigned rcpts, bool pipelined,
                      unsigned probes)
{
    struct run run = {
        .port = port, .rcpts = rcpts, .sessions = probes / rcpts, .pipelined = pipelined};

    smtp_desk_init(&run.desk);
    run.plan = (struct smtp_plan){
        .desk = &run.desk,
        .helo_name = SLICE("probe.example"),
        .use_pipelining = pipelined,
        .rcpts_per_transaction = rcpts,
        .rcpts_per_session = rcpts,
        .timeout_percent = 100,
        .deadline_ms = INSTANT_NEVER,
        .sender = SLICE_EMPTY,
    };
    run.loop = io_uv_loop_new(NULL);
    CHECK(run.loop != NULL);
    while (run.open < connections && run.started < run.sessions)
        talk_start(&run);
    io_loop_run(run.loop);
    CHECK(run.answers == (uint64_t)run.sessions * rcpts);
    io_loop_free(run.loop);
    smtp_desk_done(&run.desk);
}
