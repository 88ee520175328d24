#include "smtp/session.h"

#include "base/check.h"
#include "base/error.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "smtp/command.h"
#include "smtp/ehlo.h"
#include "smtp/machine.h"

#define DESK_OUT_KEPT (64 * 1024)

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

void smtp_desk_init(struct smtp_desk *desk)
{
    desk->user = NULL;
    desk->spare_held = NULL;
    buffer_init(&desk->out, 0);
    smtp_reply_parser_init(&desk->parser);
}

void smtp_desk_done(struct smtp_desk *desk)
{
    CHECK(desk->user == NULL);
    smtp_held_free(desk->spare_held);
    buffer_done(&desk->out);
}

struct smtp_session *smtp_session_new(const struct smtp_plan *plan)
{
    struct smtp_session *session = memory_zalloc(1, sizeof(*session));

    CHECK(smtp_helo_name_is_safe(plan->helo_name) && smtp_sender_is_safe(plan->sender));
    CHECK(plan->rcpts_per_session >= 1 && plan->rcpts_per_transaction >= 1);
    CHECK(plan->timeout_percent >= 1 && plan->timeout_percent <= 100);
    if (session == NULL)
        return NULL;
    session->plan = plan;
    session->state = SMTP_STATE_NEW;
    session->deadline_ms = INSTANT_NEVER;
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

/* The desk is free for others; what lies on it is this session's no more. */
static void leave_desk(struct smtp_session *session)
{
    struct smtp_desk *desk = session->plan->desk;

    session->in = SLICE_EMPTY;
    session->is_reading = false;
    if (desk->user != session)
        return;
    desk->user = NULL;
    if (desk->out.capacity > DESK_OUT_KEPT)
        buffer_done(&desk->out);
    else
        buffer_clear(&desk->out);
    session->out_is_told = false;
}

const struct smtp_plan *smtp_session_plan(const struct smtp_session *session)
{
    return session->plan;
}

void smtp_session_free(struct smtp_session *session)
{
    if (session == NULL)
        return;
    leave_desk(session);
    smtp_held_free(session->held);
    memory_free(session->part);
    memory_free(session->domain);
    memory_free(session->greeting);
    if (session->transcript != NULL)
        smtp_transcript_done(session->transcript);
    memory_free(session->transcript);
    memory_free(session);
}

static unsigned rcpt_room(const struct smtp_session *session)
{
    /* Sent ones, and those of them that are held, are in rcpt_count already. */
    unsigned held = session->held != NULL ? session->held->owed : 0;
    unsigned used = session->rcpt_count + session->waiting.count + session->transaction.count -
                    session->in_flight - held;

    if (session->is_ending || session->finish_is_new || session->is_closed ||
        session->lacks_memory || used >= session->plan->rcpts_per_session)
        return 0;
    return session->plan->rcpts_per_session - used;
}

bool smtp_recipient_check(struct smtp_recipient *recipient)
{
    bool is_ascii = true;

    recipient->is_checked =
        smtp_mailbox_is_safe(recipient->mailbox, &recipient->domain_at, &is_ascii);
    recipient->has_utf8 = !is_ascii;
    return recipient->is_checked;
}

int smtp_session_add(struct smtp_session *session, struct smtp_recipient *recipient)
{
    if (!recipient->is_checked && !smtp_recipient_check(recipient))
        return ERROR_RANGE;
    if (rcpt_room(session) == 0)
        return ERROR_LIMIT;
    recipient->is_utf8 =
        recipient->needs_smtputf8 || recipient->has_utf8 || !utf8_is_ascii(session->plan->sender);
    recipient->is_sent = false;
    recipient->detail = NULL;
    smtp_queue_push(&session->waiting, recipient);
    return 0;
}

static bool take_unsent(struct smtp_queue *queue, const struct smtp_recipient *recipient)
{
    struct smtp_recipient *at, *before = NULL;

    for (at = smtp_queue_first(queue); at != NULL; at = smtp_queue_after(queue, at)) {
        if (at == recipient) {
            if (at->is_sent)
                return false;
            smtp_queue_take_after(queue, before);
            return true;
        }
        before = at;
    }
    return false;
}

bool smtp_session_withdraw(struct smtp_session *session, struct smtp_recipient *recipient)
{
    return take_unsent(&session->waiting, recipient) ||
           take_unsent(&session->transaction, recipient);
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
    CHECK(session->in.len == 0);
    if (len > INPUT_MAX)
        session->is_flooded = true;
    else
        session->in = slice_from(bytes, len);
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
    session->in = SLICE_EMPTY;
}

/*
 * The list of what a server offers answers EHLO alone. Where it stands for another answer, a reply
 * too many came before it, or one is missing in a batch, and all others may be their neighbours'.
 */
static bool is_list_out_of_step(const struct smtp_session *session, struct smtp_reply reply,
                                unsigned line_count)
{
    struct smtp_ehlo ehlo;

    if (line_count < 2 || reply.code != 250 ||
        (session->state != SMTP_STATE_HELO && session->state != SMTP_STATE_MAIL &&
         session->state != SMTP_STATE_RCPT))
        return false;
    smtp_ehlo_parse(reply.text, &ehlo);
    return ehlo.pipelining || ehlo.starttls || ehlo.eight_bit_mime || ehlo.enhanced_codes;
}

/* A whole reply came: see what it is to this state. */
static void take_reply(struct smtp_session *session)
{
    static const enum smtp_event events[] = {SMTP_ON_2XX, SMTP_ON_3XX, SMTP_ON_4XX, SMTP_ON_5XX};
    const struct smtp_reply_parser *parser = &session->plan->desk->parser;
    struct smtp_reply reply = smtp_reply_parsed(parser);
    unsigned code = reply.code;
    enum smtp_event event = code == 421 ? SMTP_ON_421 : events[code / 100 - 2];

    session->broken_outcome = code == 421 ? SMTP_OUTCOME_DISCONNECTED : SMTP_OUTCOME_PROTOCOL_ERROR;
    if (code == 421)
        session->broken_detail = "the server closed the session (421)";
    else if (session->outstanding == 0)
        session->broken_detail = "the server spoke out of turn";
    else if (event == SMTP_ON_3XX)
        session->broken_detail = "a 3xx reply where none can be";
    else if (session->state == SMTP_STATE_MARK)
        session->broken_detail = "EHLO was not answered by a list: replies are out of step";
    else
        session->broken_detail = "the server refused RSET";
    session->said_too_much |= session->outstanding == 0 && code != 421;
    if (session->outstanding > 0)
        session->outstanding--;
    if (session->plan->settle_ms > 0)
        session->next_rcpt_ms = smtp_machine_in(session, session->plan->settle_ms);
    if (code == 221 && session->state != SMTP_STATE_QUIT) {
        /* "221 I can break rules, too. Goodbye." accepts nothing. */
        smtp_machine_break(session, SMTP_ON_MALFORMED, SMTP_OUTCOME_PROTOCOL_ERROR,
                           session->quit_is_said
                               ? "the server said goodbye (221) before it had answered"
                               : "the server said goodbye (221) unasked");
        return;
    }
    if (is_list_out_of_step(session, reply, parser->line_count)) {
        session->said_too_much |= !session->mark_is_said;
        smtp_machine_break(session, SMTP_ON_MALFORMED, SMTP_OUTCOME_PROTOCOL_ERROR,
                           "the list that answers EHLO came for another: replies are out of step");
        return;
    }
    smtp_machine_dispatch(session, event);
}

/*
 * Nearly all of a batch is answered in the same words, over and over: what the machine has done at
 * the first of them it would do again, with no other end. So those that follow are held together;
 * but for the last answer that is due, which leads to another state.
 */
static void take_the_same(struct smtp_session *session)
{
    const struct smtp_reply_parser *parser = &session->plan->desk->parser;
    unsigned most = session->outstanding > 2 ? session->outstanding - 2 : 0, count = 0;
    size_t len;

    if (session->state != SMTP_STATE_RCPT || session->lacks_memory ||
        !smtp_machine_is_batching(session))
        return;
    while (count < most && (len = smtp_reply_comes_again(parser, session->in)) > 0) {
        if (session->transcript != NULL)
            smtp_transcript_received(session->transcript, slice_prefix(session->in, len),
                                     session->now_ms);
        session->in = slice_from_offset(session->in, len);
        count++;
    }
    if (count == 0)
        return;
    session->outstanding -= count;
    smtp_machine_hold(session, count);
}

/* Read one reply from what was received. False: nothing to act on. */
static bool read_input(struct smtp_session *session)
{
    struct smtp_reply_parser *parser = &smtp_machine_desk(session)->parser;
    struct slice bytes = session->in;
    enum smtp_reply_progress progress = SMTP_REPLY_DONE;
    size_t consumed = 0;

    if (session->part != NULL) {
        smtp_reply_take_up(session->part, parser);
        session->part = NULL;
    } else if (!session->is_reading) {
        consumed = smtp_reply_comes_again(parser, bytes);
        if (consumed == 0)
            smtp_reply_parser_init(parser);
    }
    if (consumed == 0)
        progress = smtp_reply_feed(parser, bytes.ptr, bytes.len, &consumed);
    session->in = slice_from_offset(bytes, consumed);
    session->is_reading = progress == SMTP_REPLY_MORE;
    if (session->transcript != NULL)
        smtp_transcript_received(session->transcript, slice_prefix(bytes, consumed),
                                 session->now_ms);
    if (progress == SMTP_REPLY_MORE)
        return false;
    if (progress == SMTP_REPLY_DONE) {
        take_reply(session);
        take_the_same(session);
    } else {
        drop_input(session);
        smtp_machine_break(session, SMTP_ON_MALFORMED, SMTP_OUTCOME_PROTOCOL_ERROR,
                           parser->bad_reason);
    }
    return true;
}

static bool take_input(struct smtp_session *session)
{
    if (session->in.len == 0)
        return false;
    switch (session->state) {
    case SMTP_STATE_NEW:
    case SMTP_STATE_CONNECTING:
    case SMTP_STATE_HANDSHAKE:
        if (session->transcript != NULL)
            smtp_transcript_received(session->transcript, session->in, session->now_ms);
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
    if (session->now_ms >= session->plan->deadline_ms) {
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
    if (session->state == SMTP_STATE_READY && session->outstanding > 0) {
        smtp_machine_enter(session, smtp_machine_choose(session)); /* what comes answers the last */
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
    struct smtp_recipient *recipient = smtp_queue_pop(&session->settled);

    ret->kind = SMTP_OUTPUT_RESULT;
    ret->result = (struct smtp_result){
        .recipient = recipient,
        .outcome = recipient->outcome,
        .stage = recipient->stage,
        .detail = recipient->detail,
        .told_together = 1,
        .next = NULL,
        .is_again = false,
    };
    if (recipient->outcome == SMTP_OUTCOME_REPLY)
        ret->result.reply = smtp_reply_parsed(&smtp_machine_desk(session)->parser);
}

/* False: all are told, and what was borrowed for it is not needed any more. */
static bool tell_held(struct smtp_session *session, struct smtp_output *ret)
{
    unsigned together = session->held->at == 0 ? session->held->recipients.count : 0;
    bool is_again = session->held->telling_count > 0;
    struct smtp_recipient *recipient = smtp_held_pop(session->held, &ret->result.reply);

    if (recipient == NULL) {
        smtp_machine_forget_held(session);
        return false;
    }
    ret->kind = SMTP_OUTPUT_RESULT;
    ret->result.recipient = recipient;
    ret->result.outcome = SMTP_OUTCOME_REPLY;
    ret->result.stage = SMTP_STAGE_RCPT;
    ret->result.detail = NULL;
    ret->result.told_together = together;
    ret->result.is_again = is_again;
    ret->result.next = smtp_queue_first(&session->held->recipients);
    return true;
}

static void tell_bytes(struct smtp_session *session, struct smtp_output *ret)
{
    ret->kind = SMTP_OUTPUT_SEND;
    ret->bytes = buffer_slice(&session->plan->desk->out);
    session->out_is_told = true;
    if (session->transcript != NULL)
        smtp_transcript_sent(session->transcript, ret->bytes, session->now_ms);
}

/* What is to be told, most urgent first; false: nothing. */
static bool tell(struct smtp_session *session, struct smtp_output *ret)
{
    if (session->held_counts && tell_held(session, ret))
        return true;
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
    if (session->plan->desk->user == session && session->plan->desk->out.len > 0 &&
        !session->out_is_told) {
        tell_bytes(session, ret);
    } else if (session->must_start_tls) {
        session->must_start_tls = false;
        ret->kind = SMTP_OUTPUT_START_TLS;
    } else if (session->must_say_ready) {
        session->must_say_ready = false;
        ret->kind = SMTP_OUTPUT_READY;
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
    return session->deadline_ms < session->plan->deadline_ms ? session->deadline_ms
                                                             : session->plan->deadline_ms;
}

/* What is half done is put by; without memory for that the session gives up. */
static bool put_by(struct smtp_session *session)
{
    if (!session->is_reading)
        return true;
    session->is_reading = false;
    session->part = smtp_reply_put_by(&session->plan->desk->parser);
    session->lacks_memory = session->part == NULL;
    return session->part != NULL;
}

enum smtp_output_kind smtp_session_next(struct smtp_session *session, struct smtp_output *ret)
{
    ret->kind = SMTP_OUTPUT_WAIT; /* only what the kind is said to have is set */
    ret->deadline_ms = INSTANT_NEVER;
    do {
        if (tell(session, ret)) {
            if (ret->kind == SMTP_OUTPUT_IDLE)
                ret->deadline_ms = next_deadline(session);
            if (ret->kind == SMTP_OUTPUT_CLOSE)
                leave_desk(session);
            return ret->kind;
        }
    } while (session->state != SMTP_STATE_DONE && (step(session) || !put_by(session)));
    ret->deadline_ms = next_deadline(session);
    session->is_time_stale = true;
    leave_desk(session);
    return SMTP_OUTPUT_WAIT;
}

void smtp_session_facts(const struct smtp_session *session, struct smtp_session_facts *ret_facts)
{
    *ret_facts = (struct smtp_session_facts){
        .stage = smtp_machine_stage(session),
        .tls = session->is_tls,
        .starttls_offered = session->starttls_offered,
        .pipelining_offered = session->pipelining_offered,
        .smtputf8_offered = session->smtputf8_offered,
        .batch_broke = session->batch_broke,
        .said_too_much = session->said_too_much,
        .quit_answered = session->is_parted,
        .rcpt_count = session->rcpt_count,
        .rcpt_room = rcpt_room(session),
        .greeting = slice_from_string(session->greeting != NULL ? session->greeting : ""),
        .transcript =
            session->transcript != NULL ? smtp_transcript_text(session->transcript) : SLICE_EMPTY,
    };
}

bool smtp_session_batch_broke(const struct smtp_session *session)
{
    return session->batch_broke;
}

void smtp_session_forget_greeting(struct smtp_session *session)
{
    memory_free(session->greeting);
    session->greeting = NULL;
}
