#include "smtp/session.h"

#include "base/check.h"
#include "base/error.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "smtp/command.h"
#include "smtp/machine.h"

/* More unread bytes than this is no conversation: a hundred replies of common length are 10 KiB. */
#define INPUT_MAX (256 * 1024)

const char *smtp_outcome_name(enum smtp_outcome outcome)
{
    static const char *const names[SMTP_OUTCOME_COUNT] = {
        [SMTP_OUTCOME_REPLY] = "reply",
        [SMTP_OUTCOME_CONNECT_FAILED] = "connect_failed",
        [SMTP_OUTCOME_TIMEOUT] = "timeout",
        [SMTP_OUTCOME_DISCONNECTED] = "disconnected",
        [SMTP_OUTCOME_PROTOCOL_ERROR] = "protocol_error",
        [SMTP_OUTCOME_TLS_FAILED] = "tls_failed",
        [SMTP_OUTCOME_TLS_NOT_OFFERED] = "tls_not_offered",
        [SMTP_OUTCOME_SMTPUTF8_NOT_OFFERED] = "smtputf8_not_offered",
        [SMTP_OUTCOME_UNTRIED] = "untried",
    };

    CHECK((unsigned)outcome < SMTP_OUTCOME_COUNT);
    return names[outcome];
}

static unsigned clamp(unsigned value, unsigned min, unsigned max)
{
    return value < min ? min : value > max ? max : value;
}

struct smtp_session *smtp_session_new(const struct smtp_plan *plan)
{
    struct smtp_session *session = memory_zalloc(1, sizeof(*session));

    CHECK(smtp_helo_name_is_safe(plan->helo_name) && smtp_sender_is_safe(plan->sender));
    if (session == NULL)
        return NULL;
    session->plan = *plan;
    session->plan.rcpts_per_session = clamp(plan->rcpts_per_session, 1, 100000);
    session->plan.rcpts_per_transaction = clamp(plan->rcpts_per_transaction, 1, 100000);
    session->plan.timeout_percent = clamp(plan->timeout_percent, 1, 100);
    session->state = SMTP_STATE_NEW;
    session->deadline_ms = INSTANT_NEVER;
    buffer_init(&session->in, INPUT_MAX);
    buffer_init(&session->out, 0);
    buffer_init(&session->domain, 0);
    if (plan->keep_transcript) {
        session->transcript = memory_alloc(sizeof(*session->transcript));
        if (session->transcript == NULL) {
            memory_free(session);
            return NULL;
        }
        smtp_transcript_init(session->transcript);
    }
    return session;
}

void smtp_session_free(struct smtp_session *session)
{
    if (session == NULL)
        return;
    smtp_queue_free(&session->waiting);
    smtp_queue_free(&session->transaction);
    smtp_queue_free(&session->settled);
    buffer_done(&session->in);
    buffer_done(&session->out);
    buffer_done(&session->domain);
    memory_free(session->parser);
    memory_free((char *)session->greeting.ptr);
    if (session->transcript != NULL)
        smtp_transcript_done(session->transcript);
    memory_free(session->transcript);
    memory_free(session);
}

static unsigned rcpt_room(const struct smtp_session *session)
{
    /* Sent ones are in rcpt_count already. */
    unsigned used = session->rcpt_count + session->waiting.count + session->transaction.count -
                    session->in_flight;

    if (session->is_ending || session->finish_is_new || session->is_closed ||
        session->lacks_memory || used >= session->plan.rcpts_per_session)
        return 0;
    return session->plan.rcpts_per_session - used;
}

int smtp_session_add(struct smtp_session *session, const struct smtp_recipient *recipient)
{
    struct smtp_entry *entry;
    uint16_t domain_at;

    if (!smtp_mailbox_is_safe(recipient->mailbox, &domain_at))
        return ERROR_RANGE;
    if (rcpt_room(session) == 0)
        return ERROR_LIMIT;
    entry = memory_alloc(sizeof(*entry));
    if (entry == NULL)
        return ERROR_NOMEM;
    *entry = (struct smtp_entry){
        .mailbox = recipient->mailbox,
        .tag = recipient->tag,
        .domain_at = domain_at,
        .needs_smtputf8 = recipient->needs_smtputf8 || !utf8_is_ascii(recipient->mailbox) ||
                          !utf8_is_ascii(session->plan.sender),
    };
    smtp_queue_push(&session->waiting, entry);
    return 0;
}

static bool take_unsent(struct smtp_queue *queue, const void *tag)
{
    struct smtp_entry *entry, *before = NULL;

    for (entry = queue->first; entry != NULL; before = entry, entry = entry->next) {
        if (entry->tag != tag || entry->is_sent)
            continue;
        memory_free(smtp_queue_take_after(queue, before));
        return true;
    }
    return false;
}

bool smtp_session_withdraw(struct smtp_session *session, const void *tag)
{
    return take_unsent(&session->waiting, tag) || take_unsent(&session->transaction, tag);
}

static void tell_time(struct smtp_session *session, uint64_t now_ms)
{
    if (now_ms > session->now_ms)
        session->now_ms = now_ms < INSTANT_NEVER ? now_ms : INSTANT_NEVER - 1;
    session->is_time_stale = false;
}

void smtp_session_start(struct smtp_session *session, uint64_t now_ms)
{
    tell_time(session, now_ms);
    if (session->state != SMTP_STATE_NEW)
        return;
    if (session->transcript != NULL)
        smtp_transcript_start(session->transcript, session->now_ms);
    smtp_machine_dispatch(session, SMTP_ON_PROGRESS);
}

void smtp_session_connected(struct smtp_session *session, uint64_t now_ms)
{
    tell_time(session, now_ms);
    if (session->state != SMTP_STATE_CONNECTING || session->is_closed)
        return;
    smtp_machine_note(session, "connected");
    smtp_machine_dispatch(session, SMTP_ON_PROGRESS);
}

void smtp_session_received(struct smtp_session *session, const char *bytes, size_t len,
                           uint64_t now_ms)
{
    tell_time(session, now_ms);
    if (session->state == SMTP_STATE_DONE || session->is_closed || len == 0)
        return;
    if (session->in_at > 0) {
        buffer_consume(&session->in, session->in_at);
        session->in_at = 0;
    }
    if (len > INPUT_MAX - session->in.len)
        session->is_flooded = true;
    else if (!buffer_append(&session->in, bytes, len))
        session->lacks_memory = true;
}

void smtp_session_secured(struct smtp_session *session, uint64_t now_ms)
{
    tell_time(session, now_ms);
    if (session->state != SMTP_STATE_HANDSHAKE || session->must_start_tls || session->is_closed ||
        session->in.len > 0)
        return;
    smtp_machine_note(session, "TLS handshake done");
    smtp_machine_dispatch(session, SMTP_ON_PROGRESS);
}

void smtp_session_closed(struct smtp_session *session, enum smtp_outcome why, uint64_t now_ms)
{
    tell_time(session, now_ms);
    if (session->state == SMTP_STATE_DONE || session->is_closed)
        return;
    session->is_closed = true;
    session->closed_is_new = true;
    session->closed_why = (uint8_t)(why == SMTP_OUTCOME_TIMEOUT || why == SMTP_OUTCOME_TLS_FAILED
                                        ? why
                                        : SMTP_OUTCOME_DISCONNECTED);
}

void smtp_session_tick(struct smtp_session *session, uint64_t now_ms)
{
    tell_time(session, now_ms);
}

void smtp_session_finish(struct smtp_session *session, uint64_t now_ms)
{
    tell_time(session, now_ms);
    if (session->state != SMTP_STATE_DONE && !session->is_ending)
        session->finish_is_new = true;
}

static void drop_input(struct smtp_session *session)
{
    buffer_done(&session->in);
    session->in_at = 0;
}

/* A whole reply came: see what it is to this state. */
static void take_reply(struct smtp_session *session)
{
    static const enum smtp_event events[] = {SMTP_ON_2XX, SMTP_ON_3XX, SMTP_ON_4XX, SMTP_ON_5XX};
    unsigned code = smtp_reply_parsed(session->parser).code;
    enum smtp_event event = code == 421 ? SMTP_ON_421 : events[code / 100 - 2];

    session->broken_outcome = SMTP_OUTCOME_PROTOCOL_ERROR;
    if (code == 421)
        session->broken_detail = "the server closed the session (421)";
    else if (session->outstanding == 0)
        session->broken_detail = "the server spoke out of turn";
    else if (event == SMTP_ON_3XX)
        session->broken_detail = "a 3xx reply where none can be";
    else
        session->broken_detail = "the server refused RSET";
    if (session->outstanding > 0)
        session->outstanding--;
    if (code == 221 && session->state != SMTP_STATE_QUIT) {
        /* "221 I can break rules, too. Goodbye." accepts nothing. */
        smtp_machine_break(session, SMTP_ON_MALFORMED, SMTP_OUTCOME_PROTOCOL_ERROR,
                           "the server said goodbye (221) unasked");
        return;
    }
    smtp_machine_dispatch(session, event);
}

/* Read one reply from what was received. False: nothing to act on. */
static bool read_input(struct smtp_session *session)
{
    struct slice bytes = slice_from_offset(buffer_slice(&session->in), session->in_at);
    enum smtp_reply_progress progress;
    size_t consumed;

    if (session->parser == NULL) {
        session->parser = memory_alloc(sizeof(*session->parser));
        if (session->parser == NULL) {
            session->lacks_memory = true;
            return true;
        }
        smtp_reply_parser_init(session->parser);
    } else if (!smtp_reply_is_partial(session->parser)) {
        smtp_reply_parser_init(session->parser);
    }
    progress = smtp_reply_feed(session->parser, bytes.ptr, bytes.len, &consumed);
    session->in_at += consumed;
    if (session->transcript != NULL)
        smtp_transcript_received(session->transcript, slice_prefix(bytes, consumed),
                                 session->now_ms);
    if (progress == SMTP_REPLY_MORE)
        return false;
    if (progress == SMTP_REPLY_DONE) {
        take_reply(session);
    } else {
        drop_input(session);
        smtp_machine_break(session, SMTP_ON_MALFORMED, SMTP_OUTCOME_PROTOCOL_ERROR,
                           session->parser->bad_reason);
    }
    return true;
}

static bool take_input(struct smtp_session *session)
{
    if (session->in_at >= session->in.len)
        return false;
    switch (session->state) {
    case SMTP_STATE_NEW:
    case SMTP_STATE_CONNECTING:
    case SMTP_STATE_HANDSHAKE:
        if (session->transcript != NULL)
            smtp_transcript_received(session->transcript, buffer_slice(&session->in),
                                     session->now_ms);
        drop_input(session);
        smtp_machine_break(session, SMTP_ON_MALFORMED, SMTP_OUTCOME_PROTOCOL_ERROR,
                           session->state == SMTP_STATE_HANDSHAKE
                               ? "bytes came in clear before the TLS handshake"
                               : "bytes came before the connection");
        return true;
    default:
        return read_input(session);
    }
}

static void take_closed(struct smtp_session *session)
{
    session->closed_is_new = false;
    smtp_machine_break(session, SMTP_ON_CLOSED, session->closed_why,
                       session->state <= SMTP_STATE_CONNECTING       ? "no connection"
                       : session->state == SMTP_STATE_HANDSHAKE      ? "the TLS handshake failed"
                       : session->closed_why == SMTP_OUTCOME_TIMEOUT ? "the connection timed out"
                       : session->closed_why == SMTP_OUTCOME_TLS_FAILED
                           ? "TLS broke down"
                           : "the server closed the connection");
}

static bool take_time(struct smtp_session *session)
{
    if (session->now_ms >= session->plan.deadline_ms) {
        smtp_machine_break(session, SMTP_ON_DEADLINE, SMTP_OUTCOME_TIMEOUT,
                           "the time for this session ran out");
        return true;
    }
    if (session->now_ms < session->deadline_ms)
        return false;
    if (session->state == SMTP_STATE_PAUSE || session->state == SMTP_STATE_IDLE)
        smtp_machine_dispatch(session, SMTP_ON_TIMEOUT);
    else
        smtp_machine_break(session, SMTP_ON_TIMEOUT, SMTP_OUTCOME_TIMEOUT,
                           "no answer within the time allowed");
    return true;
}

/* Let the machine act on one thing that happened; false when nothing is left. */
static bool step(struct smtp_session *session)
{
    if (session->lacks_memory) {
        smtp_machine_give_up(session);
        return true;
    }
    if (take_input(session))
        return true;
    if (session->is_flooded) {
        session->is_flooded = false;
        smtp_machine_break(session, SMTP_ON_MALFORMED, SMTP_OUTCOME_PROTOCOL_ERROR,
                           "far more bytes came than were asked for");
        return true;
    }
    if (session->closed_is_new) {
        take_closed(session);
        return true;
    }
    if (session->finish_is_new) {
        session->finish_is_new = false;
        smtp_machine_dispatch(session, SMTP_ON_FINISH);
        return true;
    }
    if (take_time(session))
        return true;
    if (session->state == SMTP_STATE_READY) {
        smtp_machine_enter(session, smtp_machine_choose(session));
        return true;
    }
    if (session->state == SMTP_STATE_IDLE && session->waiting.count > 0 &&
        !session->is_time_stale) {
        smtp_machine_dispatch(session, SMTP_ON_PROGRESS);
        return true;
    }
    return false;
}

static void tell_result(struct smtp_session *session, struct smtp_output *ret)
{
    struct smtp_entry *entry = smtp_queue_pop(&session->settled);

    ret->kind = SMTP_OUTPUT_RESULT;
    ret->result = (struct smtp_result){
        .tag = entry->tag,
        .outcome = entry->outcome,
        .stage = entry->stage,
        .detail = entry->detail,
    };
    if (entry->outcome == SMTP_OUTCOME_REPLY) {
        CHECK(session->parser != NULL);
        ret->result.reply = smtp_reply_parsed(session->parser);
    }
    memory_free(entry);
}

static void tell_bytes(struct smtp_session *session, struct smtp_output *ret)
{
    ret->kind = SMTP_OUTPUT_SEND;
    ret->bytes = buffer_slice(&session->out);
    session->out_is_told = true;
    if (session->transcript != NULL)
        smtp_transcript_sent(session->transcript, ret->bytes, session->now_ms);
}

/* What is to be told, most urgent first; false: nothing. */
static bool tell(struct smtp_session *session, struct smtp_output *ret)
{
    if (session->settled.count > 0) {
        tell_result(session, ret);
        return true;
    }
    if (session->state == SMTP_STATE_DONE && !session->close_is_told) {
        session->close_is_told = true;
        ret->kind = SMTP_OUTPUT_CLOSE;
        return true;
    }
    if (session->is_closed || session->lacks_memory || session->state == SMTP_STATE_DONE)
        return false;
    if (session->out.len > 0 && !session->out_is_told) {
        tell_bytes(session, ret);
    } else if (session->must_start_tls) {
        session->must_start_tls = false;
        ret->kind = SMTP_OUTPUT_START_TLS;
    } else if (session->must_say_idle) {
        session->must_say_idle = false;
        ret->kind = SMTP_OUTPUT_IDLE;
    } else {
        return false;
    }
    return true;
}

static uint64_t next_deadline(const struct smtp_session *session)
{
    if (session->state == SMTP_STATE_DONE)
        return INSTANT_NEVER;
    if (session->state == SMTP_STATE_IDLE && session->waiting.count > 0)
        return session->now_ms;
    return session->deadline_ms < session->plan.deadline_ms ? session->deadline_ms
                                                            : session->plan.deadline_ms;
}

/* A session that waits holds no buffers: thousands of them wait at a time. */
static void release_buffers(struct smtp_session *session)
{
    drop_input(session);
    if (session->out_is_told || session->state == SMTP_STATE_DONE) {
        buffer_done(&session->out);
        session->out_is_told = false;
    }
    if (session->parser != NULL && !smtp_reply_is_partial(session->parser)) {
        memory_free(session->parser);
        session->parser = NULL;
    }
}

enum smtp_output_kind smtp_session_next(struct smtp_session *session, struct smtp_output *ret)
{
    *ret = (struct smtp_output){.kind = SMTP_OUTPUT_WAIT, .deadline_ms = INSTANT_NEVER};
    do {
        if (tell(session, ret)) {
            if (ret->kind == SMTP_OUTPUT_IDLE)
                ret->deadline_ms = next_deadline(session);
            return ret->kind;
        }
    } while (session->state != SMTP_STATE_DONE && step(session));
    ret->deadline_ms = next_deadline(session);
    session->is_time_stale = true;
    release_buffers(session);
    return SMTP_OUTPUT_WAIT;
}

void smtp_session_facts(const struct smtp_session *session, struct smtp_session_facts *ret_facts)
{
    *ret_facts = (struct smtp_session_facts){
        .stage = smtp_machine_stage(session),
        .tls = session->is_tls,
        .starttls_offered = session->ehlo.starttls,
        .pipelining_offered = session->ehlo.pipelining,
        .smtputf8_offered = session->ehlo.smtputf8,
        .size_offered = session->ehlo.size,
        .used_helo = session->used_helo,
        .rcpt_count = session->rcpt_count,
        .rcpt_room = rcpt_room(session),
        .greeting = session->greeting.ptr != NULL ? session->greeting : SLICE_EMPTY,
        .transcript =
            session->transcript != NULL ? smtp_transcript_text(session->transcript) : SLICE_EMPTY,
    };
}
