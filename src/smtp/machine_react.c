/* What the cells of the table do, beyond naming the next state. */
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "smtp/ehlo.h"
#include "smtp/machine.h"

#define GREETING_MAX 512 /* octets of the greeting's text kept */

static struct smtp_reply reply_of(struct smtp_session *session)
{
    return smtp_reply_parsed(&smtp_machine_desk(session)->parser);
}

static void settle_all(struct smtp_session *session, enum smtp_outcome outcome, const char *detail)
{
    enum smtp_stage stage = smtp_machine_stage(session);

    smtp_machine_part_held(session);
    smtp_machine_settle(session, &session->transaction, outcome, stage, detail);
    smtp_machine_settle(session, &session->waiting, outcome, stage, detail);
}

/* More than so many were asked together, and are not answered. */
static void note_broken_batch(struct smtp_session *session, unsigned answered)
{
    session->batch_broke |= session->in_flight > answered && smtp_machine_is_batching(session);
}

/* Before anybody was asked: it is everybody's fate. */
bool smtp_react_break_all(struct smtp_session *session)
{
    settle_all(session, session->broken_outcome, session->broken_detail);
    return true;
}

bool smtp_react_break_connecting(struct smtp_session *session)
{
    settle_all(session, SMTP_OUTCOME_CONNECT_FAILED, session->broken_detail);
    return true;
}

bool smtp_react_break_handshake(struct smtp_session *session)
{
    settle_all(session, SMTP_OUTCOME_TLS_FAILED, session->broken_detail);
    return true;
}

/* In a transaction: the fate of those that were asked; for the others it tells nothing. */
bool smtp_react_break_asked(struct smtp_session *session)
{
    enum smtp_stage stage = smtp_machine_stage(session);

    note_broken_batch(session, 0);
    smtp_machine_end_batch(session, session->broken_outcome, session->broken_detail);
    while (session->transaction.count > 0 &&
           (session->state == SMTP_STATE_MAIL || smtp_queue_first(&session->transaction)->is_sent))
        smtp_machine_settle_first(session, session->broken_outcome, stage, session->broken_detail);
    settle_all(session, SMTP_OUTCOME_UNTRIED, session->broken_detail);
    return true;
}

/*
 * Between questions: nobody was asked. When no recipient has been asked in this session at all,
 * "untried" would make the caller come back for the same; then it is everybody's fate.
 */
bool smtp_react_break_late(struct smtp_session *session)
{
    note_broken_batch(session, 0);
    smtp_machine_end_batch(session, session->broken_outcome, session->broken_detail);
    settle_all(session, session->rcpt_count > 0 ? SMTP_OUTCOME_UNTRIED : session->broken_outcome,
               session->broken_detail);
    return true;
}

/* Those who were not asked end untried; answers that are under way are still taken. */
bool smtp_react_leave(struct smtp_session *session)
{
    struct smtp_recipient *last_sent = NULL, *recipient;

    smtp_machine_part_held(session);
    for (recipient = smtp_queue_first(&session->transaction);
         recipient != NULL && recipient->is_sent;
         recipient = smtp_queue_after(&session->transaction, recipient))
        last_sent = recipient;
    while ((recipient = smtp_queue_take_after(&session->transaction, last_sent)) != NULL)
        smtp_queue_push(&session->waiting, recipient);
    smtp_machine_settle(session, &session->waiting, SMTP_OUTCOME_UNTRIED,
                        smtp_machine_stage(session), NULL);
    session->is_ending = true;
    return true;
}

/* The reply keeps everybody from being asked. */
bool smtp_react_refuse_all(struct smtp_session *session)
{
    settle_all(session, SMTP_OUTCOME_REPLY, NULL);
    session->is_ending = true;
    return true;
}

bool smtp_react_greeting(struct smtp_session *session)
{
    struct slice text = slice_prefix(reply_of(session).text, GREETING_MAX);
    char *copy = memory_copy_string(text.ptr, text.len);

    if (copy == NULL)
        session->lacks_memory = true;
    session->greeting = copy;
    return !session->is_ending;
}

static void forget_offers(struct smtp_session *session)
{
    session->starttls_offered = session->pipelining_offered = false;
    session->smtputf8_offered = false;
}

static void read_offers(struct smtp_session *session)
{
    struct smtp_ehlo ehlo;

    smtp_ehlo_parse(reply_of(session).text, &ehlo);
    session->starttls_offered = ehlo.starttls;
    session->pipelining_offered = ehlo.pipelining;
    session->smtputf8_offered = ehlo.smtputf8;
}

/* The first transaction is next: if it may be a batch, more may join it. */
static void get_ready(struct smtp_session *session)
{
    session->must_say_ready = !session->is_ending && smtp_machine_is_batching(session);
}

bool smtp_react_ehlo(struct smtp_session *session)
{
    read_offers(session);
    get_ready(session);
    return true;
}

/*
 * True: the list of what the server offers has come, which answers EHLO and nothing else; so what
 * came before it was in step. RFC 5321 4.1.4: the transaction is reset.
 */
bool smtp_react_marked(struct smtp_session *session)
{
    session->mark_is_said = false;
    session->batch_until_ms = 0;
    session->has_mail = false;
    read_offers(session);
    if (session->pipelining_offered) {
        smtp_machine_release(session);
        return true;
    }
    session->broken_outcome = SMTP_OUTCOME_PROTOCOL_ERROR;
    session->broken_detail = "EHLO was not answered by a list: replies are out of step";
    smtp_machine_note(session, session->broken_detail);
    return !smtp_react_break_late(session);
}

static bool names_tls_requirement(struct smtp_reply reply)
{
    static const char *const words[] = {"requir", "must", "need", "only", "mandatory"};

    if (slice_find_nocase(reply.text, SLICE("STARTTLS")) >= 0)
        return true;
    if (reply.enhanced.subject == 7 && reply.enhanced.detail == 10)
        return true; /* X.7.10 Encryption Needed, RFC 5248 registry */
    if (slice_find_nocase(reply.text, SLICE("TLS")) < 0 &&
        slice_find_nocase(reply.text, SLICE("encrypt")) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_find_nocase(reply.text, slice_from_string(words[i])) >= 0)
            return true;
    return false;
}

/*
 * True when the refusal asks for STARTTLS and we can still give it: "530 Must issue a STARTTLS
 * command first" (RFC 3207 section 4). A server that refuses EHLO so can't have offered it yet.
 */
static bool demands_tls(struct smtp_session *session)
{
    bool is_helo = smtp_machine_stage(session) == SMTP_STAGE_HELO;

    if (session->is_tls || session->tls_tried || session->plan->tls == SMTP_TLS_NEVER ||
        session->is_ending || (!is_helo && !session->starttls_offered))
        return false;
    if (!names_tls_requirement(reply_of(session)))
        return false;
    session->tls_demanded = true;
    return true;
}

/* True: try HELO (RFC 5321 3.2). */
bool smtp_react_ehlo_refused(struct smtp_session *session)
{
    uint16_t code = reply_of(session).code;

    if (session->is_ending || demands_tls(session))
        return false;
    /* 554 and 521 (RFC 7504) turn us away; the others may mean EHLO itself. */
    if (code != 554 && code != 521)
        return true;
    smtp_react_refuse_all(session);
    return false;
}

bool smtp_react_helo(struct smtp_session *session)
{
    forget_offers(session);
    return true;
}

/* True: quit. */
bool smtp_react_helo_refused(struct smtp_session *session)
{
    if (demands_tls(session))
        return false;
    return smtp_react_refuse_all(session);
}

/* True: begin the handshake. When finishing there is no polite way out any more. */
bool smtp_react_starttls(struct smtp_session *session)
{
    return !session->is_ending;
}

/* True: go on in clear. */
bool smtp_react_starttls_refused(struct smtp_session *session)
{
    if (session->plan->tls == SMTP_TLS_OPPORTUNISTIC && !session->tls_demanded) {
        get_ready(session);
        return true;
    }
    smtp_react_refuse_all(session);
    return false;
}

/* RFC 3207 4.2: everything learnt in clear is forgotten, and a transaction with it. */
bool smtp_react_secured(struct smtp_session *session)
{
    session->is_tls = true;
    session->has_mail = false;
    forget_offers(session);
    return true;
}

/* True: MAIL went out with RSET. */
bool smtp_react_rset(struct smtp_session *session)
{
    session->has_mail = false;
    return session->outstanding > 0;
}

/* True: RCPTs went out with MAIL. */
bool smtp_react_mail(struct smtp_session *session)
{
    session->has_mail = true;
    return smtp_machine_awaits_more(session);
}

/* True: RCPTs went out with MAIL, whose replies mean nothing now. */
bool smtp_react_mail_refused(struct smtp_session *session)
{
    struct smtp_recipient *recipient;

    if (demands_tls(session)) {
        for (recipient = smtp_queue_first(&session->transaction); recipient != NULL;
             recipient = smtp_queue_after(&session->transaction, recipient))
            recipient->is_sent = false;
        session->in_flight = 0;
        smtp_queue_append(&session->waiting, &session->transaction);
    } else {
        smtp_machine_settle(session, &session->transaction, SMTP_OUTCOME_REPLY, SMTP_STAGE_MAIL,
                            NULL);
    }
    return smtp_machine_awaits_more(session);
}

bool smtp_react_mail_shutdown(struct smtp_session *session)
{
    smtp_machine_end_batch(session, session->broken_outcome, session->broken_detail);
    smtp_machine_settle(session, &session->transaction, SMTP_OUTCOME_REPLY, SMTP_STAGE_MAIL, NULL);
    settle_all(session, SMTP_OUTCOME_UNTRIED, "the server closed the session (421)");
    return true;
}

/* True: more answers are due. */
bool smtp_react_rcpt(struct smtp_session *session)
{
    if (smtp_machine_is_batching(session))
        smtp_machine_hold(session, 1);
    else
        smtp_machine_settle_first(session, SMTP_OUTCOME_REPLY, SMTP_STAGE_RCPT, NULL);
    return smtp_machine_awaits_more(session);
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

bool smtp_react_rcpt_refused(struct smtp_session *session)
{
    struct smtp_recipient *recipient;

    /* Servers that say two lines for one command do so when they refuse: the gap is for those. */
    session->next_rcpt_ms =
        later(session->next_rcpt_ms, smtp_machine_in(session, session->plan->gap_ms));
    if (!demands_tls(session))
        return smtp_react_rcpt(session);
    smtp_machine_part_held(session);
    recipient = smtp_queue_pop(&session->transaction);
    recipient->is_sent = false;
    session->in_flight--;
    smtp_queue_push(&session->waiting, recipient);
    return smtp_machine_awaits_more(session);
}

bool smtp_react_rcpt_shutdown(struct smtp_session *session)
{
    note_broken_batch(session, 1);
    smtp_machine_end_batch(session, SMTP_OUTCOME_DISCONNECTED,
                           "the server closed the session (421)");
    smtp_machine_settle_first(session, SMTP_OUTCOME_REPLY, SMTP_STAGE_RCPT, NULL);
    settle_all(session, SMTP_OUTCOME_UNTRIED, "the server closed the session (421)");
    return true;
}

/* True: the last of the replies that were still due has come. */
bool smtp_react_drained(struct smtp_session *session)
{
    return !smtp_machine_awaits_more(session);
}

/*
 * True: QUIT is answered, too. Only 221 answers it (RFC 5321 4.2.3), and it answers nothing else:
 * where something stands in its place, or nothing comes, the replies to a batch may be out of step.
 */
bool smtp_react_parted(struct smtp_session *session)
{
    if (session->outstanding > 0)
        return false;
    session->is_parted = reply_of(session).code == 221;
    if (session->is_parted)
        smtp_machine_release(session);
    else
        smtp_machine_end_batch(session, SMTP_OUTCOME_PROTOCOL_ERROR,
                               "QUIT was not answered by 221: replies are out of step");
    return true;
}

bool smtp_react_parted_badly(struct smtp_session *session)
{
    smtp_machine_end_batch(session, session->broken_outcome, session->broken_detail);
    return true;
}
