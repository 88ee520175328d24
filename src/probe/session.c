#include "probe/session.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "probe/domain.h"
#include "probe/host.h"
#include "probe/site.h"

#define QUIT_MS  (10 * SECOND_MS) /* for the 221 */
#define LEAVE_MS (2 * SECOND_MS)  /* until the server must have seen that we broke off */

#define CLOSE_DETAIL_SIZE 96

static void pump(struct probe_session *session);

/* --- its clock, its turn -------------------------------------------------------------------- */

/* The alarm may ring early, which does no harm; it is moved only to ring earlier. */
static void set_alarm(struct probe_session *session, uint64_t at_ms)
{
    uint64_t now = probe_engine_now(session->host->engine);

    if (session->until_ms < at_ms)
        at_ms = session->until_ms;
    if (at_ms <= now)
        at_ms = now + 1;
    if (at_ms < probe_alarm_time(&session->alarm))
        probe_alarm_set(&session->host->engine->alarms, &session->alarm, at_ms);
}

void probe_session_wake(struct probe_session *session)
{
    if (!session->leaving && !list_node_is_in(&session->in_woken))
        list_append(&session->host->engine->woken, &session->in_woken);
}

void probe_session_retire(struct probe_session *session)
{
    if (session->leaving || session->finishing)
        return;
    probe_session_leave_idle(session);
    probe_session_leave_door(session);
    session->finishing = true;
    probe_session_set_room(session, 0);
    probe_session_wake(session);
}

/* What the evidence says of the end. Without memory it says less. */
static void say_why(struct probe_session *session, const char *what, const char *detail)
{
    char words[CLOSE_DETAIL_SIZE];
    int len = snprintf(words, sizeof(words), "%s%s%s", what, detail[0] != '\0' ? ": " : "", detail);

    CHECK(len >= 0);
    memory_free(session->close_detail);
    session->close_detail = memory_copy_string(words, strlen(words));
}

/* --- the end ------------------------------------------------------------------------------- */

/* The server has seen the end: the slot is free, and the session is no more. */
static void session_end(struct probe_session *session)
{
    struct probe_engine *engine = session->host->engine;
    struct probe_host *host = session->host;
    struct probe_site *site = session->host->site;

    list_remove(&session->in_engine);
    list_remove(&session->in_site);
    list_remove(&session->in_woken);
    probe_alarms_dismiss(&engine->alarms, &session->alarm);
    memory_free(session->tls);
    memory_free(session->close_detail);
    if (!session->is_gone)
        probe_engine_connection_closed(engine);
    memory_free(session);
    probe_site_slot_freed(site);
    probe_host_release(host);
}

/* No more conversation: everything but the slot is given back. */
static void stop_talking(struct probe_session *session)
{
    struct probe_host *host = session->host;

    CHECK(session->asked_count == 0);
    probe_session_leave_idle(session);
    probe_session_leave_door(session);
    probe_session_set_room(session, 0);
    list_remove(&session->in_host);
    list_remove(&session->in_woken);
    host->session_count--;
    if (session->turn != NULL)
        probe_domain_release(session->turn);
    session->turn = NULL;
    smtp_session_free(session->smtp);
    session->smtp = NULL;
    if (session->trial) {
        probe_breaker_tried(&session->host->site->breaker);
        probe_site_mark(session->host->site);
    }
    session->leaving = true;
    probe_host_reconsider(host);
}

static void session_close(struct probe_session *session)
{
    struct smtp_session_facts facts;
    bool seen;

    smtp_session_facts(session->smtp, &facts);
    session->host->one_by_one |= facts.said_too_much; /* maybe when nobody was left to hear it */
    /* Where we give up while it is being made, the server may have taken the connection. */
    seen = (session->stream == NULL && !session->was_reset) || facts.quit_answered;
    if (session->stream != NULL)
        io_stream_close(session->stream);
    session->stream = NULL;
    io_socks_free(session->socks);
    session->socks = NULL;
    stop_talking(session);
    if (seen) {
        session_end(session);
    } else {
        /* Of our own sockets it is none any more; its site may still count it. */
        session->is_gone = true;
        probe_engine_connection_closed(session->host->engine);
        session->until_ms = probe_engine_now(session->host->engine) + LEAVE_MS;
        probe_alarm_set(&session->host->engine->alarms, &session->alarm, session->until_ms);
    }
}

void probe_session_abort(struct probe_session *session, enum smtp_outcome why, const char *detail)
{
    probe_session_leave_idle(session);
    if (session->asked_count == 0 && session->connected && !session->finish_said) {
        session->finishing = session->finish_said = true; /* QUIT is polite even now */
        smtp_session_finish(session->smtp, probe_engine_now(session->host->engine));
        pump(session);
        if (session->leaving)
            return;
    }
    say_why(session, detail, "");
    session->finishing = session->finish_said = true;
    smtp_session_closed(session->smtp, why, probe_engine_now(session->host->engine));
    pump(session);
}

void probe_session_free(struct probe_session *session)
{
    CHECK(session->leaving);
    session_end(session);
}

/* --- the conversation ---------------------------------------------------------------------- */

void probe_session_run(struct probe_session *session)
{
    if (!session->finishing && session->asked_count == 0)
        probe_session_go_on(session);
    pump(session);
}

/* It is the same software every time: once a host is enough. */
static void read_greeting(struct probe_session *session, struct slice greeting)
{
    struct probe_host *host = session->host;

    if (greeting.len == 0)
        return;
    session->greeting_read = true;
    if (!host->greeting_read && host->site->profile == provider_generic())
        host->greeted_as = provider_by_greeting(greeting);
    host->greeting_read = true;
    smtp_session_forget_greeting(session->smtp);
}

const struct provider_profile *probe_session_profile(const struct probe_session *session)
{
    const struct provider_profile *greeted_as =
        session->greeting_read ? session->host->greeted_as : NULL;

    return greeted_as != NULL ? greeted_as : session->host->site->profile;
}

/* What a result means to any ask that has been out so many times. */
static void understand(struct probe_session *session, const struct probe_ask *ask,
                       const struct smtp_result *result, struct probe_answer *ret_answer)
{
    struct smtp_session_facts facts;

    if (!session->greeting_read) {
        smtp_session_facts(session->smtp, &facts);
        read_greeting(session, facts.greeting);
    }
    if (session->answered == 0 && session->greeting_read && session->host->greeted_as != NULL)
        probe_domain_greeted(ask->domain, session->host->greeted_as);
    probe_lesson_prepare(session, result, ret_answer);
    ret_answer->input.again_count = probe_ask_again_count(ask);
    probe_plan_next(&ret_answer->input, &ret_answer->plan);
}

/*
 * A batch is answered in the same words mostly: what they mean was found out for the result before
 * this, and stands in *answer still. To the first of a session they may mean something else.
 */
static bool is_understood(const struct probe_ask *ask, const struct smtp_result *result,
                          const struct probe_answer *answer)
{
    return result->is_again && !answer->input.first_in_session &&
           answer->input.again_count == probe_ask_again_count(ask);
}

/* *answer: the one before this, if there is one. */
static void handle_result(struct probe_session *session, const struct smtp_result *result,
                          struct probe_answer *answer)
{
    struct probe_ask *ask = LIST_ELEMENT(result->recipient, struct probe_ask, recipient);
    struct smtp_session_facts facts;

    CHECK(ask->session == session && session->asked_count > 0);
    if (result->next != NULL)
        probe_ask_fetch(LIST_ELEMENT(result->next, struct probe_ask, recipient));
    session->asked_count--;
    probe_session_leave_door(session); /* no batch is due where one is answered alone */
    if (!is_understood(ask, result, answer))
        understand(session, ask, result, answer);
    if (session->host->engine->settings.transcripts) {
        smtp_session_facts(session->smtp, &facts);
        answer->transcript = facts.transcript;
    }
    probe_lesson_learn(session, ask, answer);
    probe_ask_answered(ask, answer);
}

static void send(struct probe_session *session, struct slice bytes)
{
    if (session->stream != NULL && io_stream_write(session->stream, bytes.ptr, bytes.len) != 0) {
        say_why(session, "writing failed", "");
        smtp_session_closed(session->smtp, SMTP_OUTCOME_DISCONNECTED,
                            probe_engine_now(session->host->engine));
    }
}

static void start_tls(struct probe_session *session)
{
    session->host->engine->counts.tls_handshakes++;
    if (session->stream != NULL && io_stream_start_tls(session->stream, session->host->name) != 0) {
        say_why(session, "TLS could not be begun", "");
        smtp_session_closed(session->smtp, SMTP_OUTCOME_TLS_FAILED,
                            probe_engine_now(session->host->engine));
    }
}

/* Before it waits: at QUIT there is little to wait for, and a limit to it, if nobody's answer is
   proven by it. */
static void note_quit(struct probe_session *session)
{
    struct smtp_session_facts facts;

    smtp_session_facts(session->smtp, &facts);
    if (!session->greeting_read)
        read_greeting(session, facts.greeting);
    if (facts.stage == SMTP_STAGE_QUIT && session->asked_count == 0 &&
        session->until_ms == INSTANT_NEVER)
        session->until_ms = probe_engine_now(session->host->engine) + QUIT_MS;
}

/* Say QUIT when it is time; once. */
static void say_finish(struct probe_session *session)
{
    if (!session->finishing || session->finish_said)
        return;
    session->finish_said = true;
    smtp_session_finish(session->smtp, probe_engine_now(session->host->engine));
}

static void pump(struct probe_session *session)
{
    struct smtp_output output;
    struct probe_answer answer; /* the last */

    answer.input.first_in_session = true; /* there is none */
    for (;;) {
        say_finish(session);
        switch (smtp_session_next(session->smtp, &output)) {
        case SMTP_OUTPUT_SEND:
            send(session, output.bytes);
            break;
        case SMTP_OUTPUT_START_TLS:
            start_tls(session);
            break;
        case SMTP_OUTPUT_RESULT:
            handle_result(session, &output.result, &answer);
            break;
        case SMTP_OUTPUT_READY:
            probe_session_leave_door(session);
            probe_session_feed(session);
            break;
        case SMTP_OUTPUT_IDLE:
            probe_session_go_on(session);
            break;
        case SMTP_OUTPUT_CLOSE:
            session_close(session);
            return;
        case SMTP_OUTPUT_WAIT:
            note_quit(session);
            set_alarm(session, output.deadline_ms);
            return;
        }
    }
}

static void alarm_rang(void *owner)
{
    struct probe_session *session = owner;
    struct probe_engine *engine = session->host->engine;
    uint64_t now = probe_engine_now(engine);
    char detail[64];

    if (session->leaving) {
        session_end(session);
    } else if (now < session->until_ms) {
        smtp_session_tick(session->smtp, now);
        pump(session);
    } else if (!session->connected) {
        snprintf(detail, sizeof(detail), "no answer within %u s",
                 (unsigned)(engine->settings.connect_timeout_ms / SECOND_MS));
        probe_session_abort(session, SMTP_OUTCOME_CONNECT_FAILED, detail);
    } else if (session->idle) {
        probe_session_retire(session);
    } else {
        probe_session_abort(session, SMTP_OUTCOME_TIMEOUT, "no reply to QUIT");
    }
}

/* --- events of the stream ------------------------------------------------------------------ */

/* The server speaks, or nobody will: the proxy has done its part. */
static void proxy_is_done(struct probe_session *session)
{
    io_socks_free(session->socks);
    session->socks = NULL;
}

static void stream_connected(void *user)
{
    struct probe_session *session = user;

    probe_engine_enter(session->host->engine);
    session->connected = true;
    session->until_ms = INSTANT_NEVER;
    smtp_session_connected(session->smtp, probe_engine_now(session->host->engine));
    pump(session);
    probe_engine_leave_soon(session->host->engine);
}

static void stream_received(void *user, const char *bytes, size_t len)
{
    struct probe_session *session = user;
    struct probe_engine *engine = session->host->engine;

    probe_engine_enter(engine);
    proxy_is_done(session);
    smtp_session_received(session->smtp, bytes, len, probe_engine_now(engine));
    pump(session);
    probe_engine_leave_soon(engine);
}

/* Without memory the evidence lacks the words; the conversation goes on. */
static void tell_tls(struct probe_session *session, const struct io_tls_facts *facts)
{
    char words[320];
    int len = snprintf(words, sizeof(words), "%s %s; certificate %s, %s", facts->version,
                       facts->cipher, facts->subject[0] != '\0' ? facts->subject : "without a name",
                       facts->verified               ? "verified"
                       : facts->verify_error[0] != 0 ? facts->verify_error
                                                     : "not verified");

    if (len > 0 && session->tls == NULL)
        session->tls = memory_copy_string(words, strlen(words));
}

static void stream_secured(void *user, const struct io_tls_facts *facts)
{
    struct probe_session *session = user;
    struct probe_engine *engine = session->host->engine;

    probe_engine_enter(engine);
    tell_tls(session, facts);
    smtp_session_secured(session->smtp, probe_engine_now(engine));
    pump(session);
    probe_engine_leave_soon(engine);
}

static void stream_closed(void *user, enum io_close_reason reason, const char *detail)
{
    struct probe_session *session = user;
    struct probe_engine *engine = session->host->engine;
    enum smtp_outcome why = SMTP_OUTCOME_DISCONNECTED;

    probe_engine_enter(engine);
    session->stream = NULL;
    session->was_reset = reason == IO_CLOSED_RESET;
    if (!session->connected)
        why = SMTP_OUTCOME_CONNECT_FAILED;
    else if (reason == IO_CLOSED_TLS)
        why = SMTP_OUTCOME_TLS_FAILED;
    if (detail == NULL || strcmp(detail, io_close_reason_name(reason)) == 0)
        detail = "";
    say_why(session, io_close_reason_name(reason), detail);
    proxy_is_done(session);
    smtp_session_closed(session->smtp, why, probe_engine_now(engine));
    pump(session);
    probe_engine_leave_soon(engine);
}

static const struct io_stream_events stream_events = {
    .connected = stream_connected,
    .received = stream_received,
    .secured = stream_secured,
    .closed = stream_closed,
};

/* --- opening ------------------------------------------------------------------------------- */

static struct probe_session *session_new(struct probe_host *host)
{
    struct probe_session *session = memory_zalloc(1, sizeof(*session));
    struct probe_engine *engine = host->engine;
    const struct smtp_plan *plan;

    if (session == NULL)
        return NULL;
    session->host = host;
    session->in_clear = host->tls_broken && engine->settings.tls != SMTP_TLS_REQUIRED;
    session->alone = !list_is_empty(&host->solo);
    session->last_answer_ms = probe_engine_now(engine);
    session->until_ms = session->last_answer_ms + engine->settings.connect_timeout_ms;
    plan = probe_site_plan(host->site, session->in_clear, session->alone, host->one_by_one);
    session->smtp = plan != NULL ? smtp_session_new(plan) : NULL;
    if (session->smtp == NULL ||
        probe_alarms_admit(&engine->alarms, &session->alarm, alarm_rang, session) != 0) {
        smtp_session_free(session->smtp);
        memory_free(session);
        return NULL;
    }
    return session;
}

/* Nothing can be opened for our own want of something: one ask pays, so that things move on. */
static void fail_one(struct probe_host *host, const char *why)
{
    struct list_node *node = list_first(&host->solo);
    struct probe_ask *ask;

    if (node == NULL) {
        node = list_first(&host->rows);
        node = list_first(&LIST_ELEMENT(node, struct probe_row, in_host)->asks);
    }
    ask = LIST_ELEMENT(node, struct probe_ask, node);
    probe_host_dequeue(ask);
    probe_ask_failed(ask, why);
    probe_host_reconsider(host);
}

static bool open_failed(struct probe_host *host, int code)
{
    if (code == ERROR_LIMIT) {
        probe_engine_descriptors_spent(host->engine);
        probe_site_mark(host->site); /* it joins those that wait for a connection */
    } else if (code == ERROR_NOMEM) {
        fail_one(host, "out of memory");
    } else {
        fail_one(host, "no connection can be made from the source address");
    }
    return false;
}

static int connect_stream(struct probe_session *session)
{
    struct probe_engine *engine = session->host->engine;
    const struct probe_egress *egress = session->host->site->egress;
    struct io_endpoint to = {session->host->ip, engine->settings.port};

    if (egress->proxy != NULL)
        return io_socks_connect(engine->loop, &egress->source, egress->proxy, &to, &stream_events,
                                session, &session->socks, &session->stream, NULL);
    return io_connect(engine->loop, &egress->source, &to, &stream_events, session, &session->stream,
                      NULL);
}

/* Before it is opened: who is killed now must not be forgotten by the next process. */
static bool is_noted(const struct probe_site *site, uint64_t now)
{
    return !probe_site_needs_note(site) ||
           probe_ledger_note(site->engine->ledger, site->key, now) == 0;
}

static void session_abandon(struct probe_session *session)
{
    probe_alarms_dismiss(&session->host->engine->alarms, &session->alarm);
    smtp_session_free(session->smtp);
    memory_free(session);
}

bool probe_session_open(struct probe_host *host)
{
    struct probe_engine *engine = host->engine;
    struct probe_session *session = session_new(host);
    uint64_t now = probe_engine_now(engine);
    int code;

    if (session == NULL)
        return open_failed(host, ERROR_NOMEM);
    if (!is_noted(host->site, now)) {
        session_abandon(session);
        probe_engine_ledger_failed(engine);
        probe_site_mark(host->site); /* it waits for the ledger */
        return false;
    }
    code = connect_stream(session);
    if (code != 0) {
        if (probe_site_needs_note(host->site))
            probe_ledger_take_back(engine->ledger);
        session_abandon(session);
        return open_failed(host, code);
    }
    probe_limits_opened(&host->site->limits, now);
    session->trial = probe_breaker_try(&host->site->breaker, now);
    session->at_door =
        smtp_session_plan(session->smtp)->use_pipelining && !session->trial && !session->alone;
    host->door_count += session->at_door;
    engine->connections++;
    CHECK(engine->connections <= engine->settings.connections_max);
    engine->counts.connections++;
    list_append(&engine->sessions, &session->in_engine);
    list_append(&host->site->sessions, &session->in_site);
    list_append(&host->sessions, &session->in_host);
    host->session_count++;
    host->was_held = false;
    probe_host_hold(host);
    probe_session_feed(session);
    smtp_session_start(session->smtp, now);
    pump(session);
    return true;
}
