/*
 * Saying the commands. With PIPELINING (RFC 2920), RSET, MAIL and the RCPTs of a transaction are
 * written at once, and behind the last of those that wait EHLO, or QUIT where nobody can follow;
 * the states behind the first then find theirs already sent.
 */
#include "base/check.h"
#include "base/instant.h"
#include "smtp/command.h"
#include "smtp/machine.h"

/* The caller of `send` has seen what was in `out` before. */
static struct buffer *fresh_out(struct smtp_session *session)
{
    struct smtp_desk *desk = smtp_machine_desk(session);

    if (session->out_is_told)
        buffer_clear(&desk->out);
    session->out_is_told = false;
    return &desk->out;
}

static void sent(struct smtp_session *session, bool ok)
{
    if (ok)
        session->outstanding++;
    else
        session->lacks_memory = true;
}

void smtp_send_nothing(struct smtp_session *session)
{
    sent(session, true);
}

void smtp_send_ehlo(struct smtp_session *session)
{
    sent(session, smtp_command_ehlo(fresh_out(session), session->plan->helo_name));
}

void smtp_send_helo(struct smtp_session *session)
{
    sent(session, smtp_command_helo(fresh_out(session), session->plan->helo_name));
}

void smtp_send_starttls(struct smtp_session *session)
{
    session->tls_tried = true;
    sent(session, smtp_command_starttls(fresh_out(session)));
}

void smtp_send_quit(struct smtp_session *session)
{
    if (session->quit_is_said)
        return;
    session->quit_is_said = true;
    sent(session, smtp_command_quit(fresh_out(session)));
}

void smtp_send_mark(struct smtp_session *session)
{
    if (session->mark_is_said)
        return;
    session->mark_is_said = session->mark_is_spent = true;
    sent(session, smtp_command_ehlo(fresh_out(session), session->plan->helo_name));
}

/* What proves that the replies are in step, behind the last of those that wait (session.h). */
static void write_proof(struct smtp_session *session)
{
    bool is_full = session->rcpt_count >= session->plan->rcpts_per_session;

    if (session->waiting.count > 0 && !is_full)
        return;
    if (!is_full && !session->mark_is_spent) {
        smtp_send_mark(session);
        return;
    }
    session->is_ending = true;
    smtp_send_quit(session);
}

/* More than one is asked, and none of it counts before all of it is answered. */
static void start_clock(struct smtp_session *session)
{
    if (session->plan->batch_ms > 0 && session->batch_until_ms == 0 &&
        (session->in_flight > 1 || session->held != NULL))
        session->batch_until_ms = smtp_machine_in(session, session->plan->batch_ms);
}

static void write_rcpts(struct smtp_session *session)
{
    struct buffer *out = fresh_out(session);
    bool is_batching = smtp_machine_is_batching(session);
    struct smtp_recipient *recipient;

    for (recipient = smtp_queue_first(&session->transaction); recipient != NULL;
         recipient = smtp_queue_after(&session->transaction, recipient)) {
        CHECK(!recipient->is_sent); /* the batch before has been answered */
        if (!smtp_command_rcpt(out, recipient->mailbox)) {
            session->lacks_memory = true;
            return;
        }
        recipient->is_sent = true;
        session->in_flight++;
        session->outstanding++;
        session->rcpt_count++;
        if (!is_batching)
            break;
    }
    session->next_rcpt_ms = smtp_machine_in(session, session->plan->gap_ms);
    if (!is_batching)
        return;
    start_clock(session);
    write_proof(session);
}

void smtp_send_rcpt(struct smtp_session *session)
{
    if (session->outstanding == 0)
        write_rcpts(session);
}

void smtp_send_mail(struct smtp_session *session)
{
    if (session->outstanding > 0)
        return;
    sent(session, smtp_command_mail(fresh_out(session), session->plan->sender,
                                    session->transaction_utf8 && session->smtputf8_offered));
    if (smtp_machine_is_batching(session))
        write_rcpts(session);
}

void smtp_send_rset(struct smtp_session *session)
{
    sent(session, smtp_command_rset(fresh_out(session)));
    if (!smtp_machine_is_batching(session))
        return;
    sent(session, smtp_command_mail(fresh_out(session), session->plan->sender,
                                    session->transaction_utf8 && session->smtputf8_offered));
    write_rcpts(session);
}
