/*
 * Saying the commands. With PIPELINING (RFC 2920), RSET, MAIL and the RCPTs of a transaction are
 * written at once, and QUIT where the plan wants it and nobody can follow; the states behind the
 * first then find theirs already sent.
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

/*
 * The session may ask nobody else, whatever the replies are. (A plan that waits to be told to use
 * TLS may have to ask the same again.)
 */
static bool is_last_batch(const struct smtp_session *session)
{
    bool may_yet_be_secured = session->starttls_offered && !session->is_tls &&
                              !session->tls_tried && session->plan->tls != SMTP_TLS_NEVER;

    return session->plan->quit_with_last && smtp_machine_is_batching(session) &&
           session->plan->gap_ms == 0 && session->rcpt_count >= session->plan->rcpts_per_session &&
           session->waiting.count == 0 && !may_yet_be_secured;
}

static void write_last(struct smtp_session *session)
{
    if (!is_last_batch(session))
        return;
    session->quit_with_last = true;
    session->is_ending = true;
    smtp_send_quit(session);
}

static void write_rcpts(struct smtp_session *session)
{
    struct buffer *out = fresh_out(session);
    uint64_t gap_ms = session->plan->gap_ms;
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
        if (!smtp_machine_is_batching(session) || gap_ms > 0)
            break;
    }
    session->next_rcpt_ms =
        session->now_ms > INSTANT_NEVER - gap_ms ? INSTANT_NEVER : session->now_ms + gap_ms;
    write_last(session);
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
