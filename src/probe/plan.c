#include "probe/plan.h"

#include "verdict/finding.h"

#define AGAIN_MAX 2 /* sessions that may break under one address before it is held to mean it */

static bool is_temporary(const struct probe_plan_input *input)
{
    return input->code >= 400 && input->code < 500;
}

/* The conversation broke, or never began. */
static void plan_broken(const struct probe_plan_input *input, struct probe_plan *plan)
{
    plan->retry = PROBE_RETRY_NETWORK;
    if (input->lost_in_batch && input->again_count < AGAIN_MAX) {
        plan->step = PROBE_STEP_AGAIN; /* one by one from now on */
        return;
    }
    switch (input->outcome) {
    case SMTP_OUTCOME_CONNECT_FAILED:
        plan->step = PROBE_STEP_NEXT_ADDRESS;
        break;
    case SMTP_OUTCOME_TLS_FAILED:
        plan->step = input->may_do_without_tls && !input->was_tls_tried ? PROBE_STEP_IN_CLEAR
                                                                        : PROBE_STEP_NEXT_HOST;
        break;
    case SMTP_OUTCOME_DISCONNECTED:
    case SMTP_OUTCOME_TIMEOUT:
        /* Servers hang up after somebody else's unknown recipient (FIELD.md 2). */
        plan->step = !input->first_in_session && input->again_count < AGAIN_MAX
                         ? PROBE_STEP_AGAIN
                         : PROBE_STEP_NEXT_HOST;
        break;
    case SMTP_OUTCOME_PROTOCOL_ERROR:
    case SMTP_OUTCOME_TLS_NOT_OFFERED:
        plan->step = PROBE_STEP_NEXT_HOST;
        plan->retry = PROBE_RETRY_NONE;
        break;
    case SMTP_OUTCOME_SMTPUTF8_NOT_OFFERED:
        plan->step = PROBE_STEP_FINISH;
        plan->retry = PROBE_RETRY_NONE;
        plan->ordinary = true;
        break;
    default: /* UNTRIED */
        plan->step = PROBE_STEP_AGAIN;
        break;
    }
}

static void plan_refusal_of_us(const struct probe_plan_input *input, enum probe_refusal refusal,
                               struct probe_plan *plan)
{
    plan->refuses_us = true;
    plan->refuses_session = input->stage != SMTP_STAGE_RCPT;
    plan->refusal = refusal;
    plan->step = refusal == PROBE_REFUSAL_PERMANENT ? PROBE_STEP_FINISH : PROBE_STEP_WAIT;
    plan->retry = refusal == PROBE_REFUSAL_PERMANENT ? PROBE_RETRY_NONE : PROBE_RETRY_RATE;
}

static void plan_sender(const struct probe_plan_input *input, struct probe_plan *plan)
{
    if (input->has_other_sender) {
        plan->step = PROBE_STEP_SECOND_SENDER;
    } else {
        plan->step = is_temporary(input) ? PROBE_STEP_WAIT : PROBE_STEP_FINISH;
        plan->retry = is_temporary(input) ? PROBE_RETRY_TEMPORARY : PROBE_RETRY_NONE;
    }
}

static void plan_next_host(struct probe_plan *plan, enum probe_retry_kind retry, bool vague)
{
    plan->step = PROBE_STEP_NEXT_HOST;
    plan->retry = retry;
    plan->vague = vague;
}

/* A reply before RCPT says nothing of the mailbox; one to RCPT may. */
static void plan_unclear(const struct probe_plan_input *input, struct probe_plan *plan)
{
    if (input->stage != SMTP_STAGE_RCPT)
        plan_next_host(plan, is_temporary(input) ? PROBE_RETRY_TEMPORARY : PROBE_RETRY_NONE, false);
    else if (is_temporary(input))
        plan_next_host(plan, PROBE_RETRY_TEMPORARY, false);
    else if (input->classified.reply_class != SMTP_CLASS_AMBIGUOUS ||
             input->classified.confidence < VERDICT_PLAIN_CONFIDENCE)
        plan->step = PROBE_STEP_VAGUE; /* one that plainly says two things is what it is */
}

/*
 * A refusal of the recipient. In words that do not say so plainly it is compared with what a
 * stranger hears; and so are "it exists, but refuses you" and "it is suspended", which can't be
 * true of a stranger (it may be we who are suspended), and "bad address syntax", which a server
 * says to everybody when it dislikes how we ask.
 */
static void plan_refused(const struct probe_plan_input *input, struct probe_plan *plan)
{
    enum smtp_class reply_class = input->classified.reply_class;

    if (is_temporary(input)) {
        plan->step = PROBE_STEP_WAIT; /* REPLIES.md 1: once more after 15 min */
        plan->retry = PROBE_RETRY_UNKNOWN;
    } else if (input->classified.confidence < VERDICT_PLAIN_CONFIDENCE ||
               reply_class == SMTP_CLASS_RECIPIENT_RESTRICTED ||
               reply_class == SMTP_CLASS_MAILBOX_DISABLED ||
               reply_class == SMTP_CLASS_SYNTAX_REJECTED) {
        plan->step = PROBE_STEP_VAGUE;
    }
}

/* Classes that only a reply to RCPT can have; before it they would be a misreading. */
static bool is_about_recipient(enum smtp_class reply_class)
{
    switch (reply_class) {
    case SMTP_CLASS_ACCEPTED:
    case SMTP_CLASS_MAILBOX_NOT_FOUND:
    case SMTP_CLASS_MAILBOX_DISABLED:
    case SMTP_CLASS_MAILBOX_FULL:
    case SMTP_CLASS_RECIPIENT_RESTRICTED:
    case SMTP_CLASS_RECIPIENT_THROTTLED:
    case SMTP_CLASS_MOVED:
    case SMTP_CLASS_SYNTAX_REJECTED:
        return true;
    default:
        return false;
    }
}

static void plan_reply(const struct probe_plan_input *input, struct probe_plan *plan)
{
    bool temporary = is_temporary(input);

    plan->ordinary = input->stage == SMTP_STAGE_RCPT;
    if (input->too_many && !input->first_in_session && input->again_count < AGAIN_MAX) {
        plan->step = PROBE_STEP_AGAIN; /* RFC 5321 4.5.3.1.10: the others, in another go */
        return;
    }
    if (input->stage != SMTP_STAGE_RCPT && is_about_recipient(input->classified.reply_class)) {
        plan_unclear(input, plan);
        return;
    }
    switch (input->classified.reply_class) {
    case SMTP_CLASS_ACCEPTED:
        plan->step = PROBE_STEP_ACCEPTED;
        break;
    case SMTP_CLASS_MAILBOX_NOT_FOUND:
    case SMTP_CLASS_MAILBOX_DISABLED:
    case SMTP_CLASS_MOVED:
    case SMTP_CLASS_RECIPIENT_RESTRICTED:
    case SMTP_CLASS_SYNTAX_REJECTED:
        plan_refused(input, plan);
        break;
    case SMTP_CLASS_MAILBOX_FULL:
        if (!temporary && input->classified.confidence < VERDICT_PLAIN_CONFIDENCE)
            plan->step = PROBE_STEP_VAGUE;
        break;
    case SMTP_CLASS_RECIPIENT_THROTTLED:
        plan->step = PROBE_STEP_WAIT;
        plan->retry = PROBE_RETRY_THROTTLED;
        break;
    case SMTP_CLASS_GREYLISTED:
        plan->step = PROBE_STEP_WAIT;
        plan->retry = PROBE_RETRY_GREYLIST;
        break;
    case SMTP_CLASS_RATE_LIMITED:
        plan->ordinary = false;
        plan_refusal_of_us(input, PROBE_REFUSAL_SLOW_DOWN, plan);
        /* "421 Too many errors": others had used the session up. The site is given its rest; this
           one's turn comes after it. */
        if (input->code == 421 && input->stage == SMTP_STAGE_RCPT && !input->first_in_session &&
            input->again_count < AGAIN_MAX)
            plan->step = PROBE_STEP_AGAIN;
        break;
    case SMTP_CLASS_SENDER_BLOCKED:
        plan->ordinary = false;
        plan_refusal_of_us(input, temporary ? PROBE_REFUSAL_TEMPORARY : PROBE_REFUSAL_PERMANENT,
                           plan);
        break;
    case SMTP_CLASS_SENDER_REJECTED:
        plan->ordinary = false;
        plan_sender(input, plan);
        break;
    case SMTP_CLASS_RELAY_DENIED:
    case SMTP_CLASS_DOMAIN_NOT_ACCEPTED:
    case SMTP_CLASS_AUTH_REQUIRED:
        plan_next_host(plan, temporary ? PROBE_RETRY_TEMPORARY : PROBE_RETRY_NONE, false);
        break;
    case SMTP_CLASS_TLS_REQUIRED:
    case SMTP_CLASS_PROTOCOL_ERROR:
        plan_next_host(plan, PROBE_RETRY_NONE, false);
        break;
    case SMTP_CLASS_SERVER_TEMPORARY_FAILURE:
    case SMTP_CLASS_NETWORK:
        plan_next_host(plan, PROBE_RETRY_TEMPORARY, false);
        break;
    case SMTP_CLASS_SERVER_PERMANENT_FAILURE:
        plan_next_host(plan, PROBE_RETRY_NONE, input->stage == SMTP_STAGE_RCPT);
        break;
    case SMTP_CLASS_POLICY_REJECTED:
    case SMTP_CLASS_AMBIGUOUS:
    case SMTP_CLASS_COUNT:
        plan_unclear(input, plan);
        break;
    }
    /* 421 closes the channel; it is about the session, not about this recipient (RFC 5321 3.8). */
    if (input->code == 421 && !plan->refuses_us && plan->step != PROBE_STEP_SECOND_SENDER) {
        plan->ordinary = false;
        if ((!input->first_in_session || input->lost_in_batch) && input->again_count < AGAIN_MAX)
            plan->step = PROBE_STEP_AGAIN;
        else if (plan->retry != PROBE_RETRY_GREYLIST)
            plan_next_host(plan, PROBE_RETRY_TEMPORARY, false);
    }
}

void probe_plan_next(const struct probe_plan_input *input, struct probe_plan *ret_plan)
{
    *ret_plan = (struct probe_plan){.step = PROBE_STEP_FINISH};
    if (input->outcome == SMTP_OUTCOME_REPLY)
        plan_reply(input, ret_plan);
    else
        plan_broken(input, ret_plan);
}

static bool is_put_off(const struct probe_plan_input *input)
{
    switch (input->classified.reply_class) {
    case SMTP_CLASS_GREYLISTED:
        return true;
    case SMTP_CLASS_SERVER_TEMPORARY_FAILURE:
    case SMTP_CLASS_RATE_LIMITED:
        return is_temporary(input);
    default:
        return false;
    }
}

enum probe_random_answer probe_plan_random(const struct probe_plan_input *input)
{
    if (input->outcome != SMTP_OUTCOME_REPLY)
        return input->outcome == SMTP_OUTCOME_SMTPUTF8_NOT_OFFERED ? PROBE_RANDOM_NOTHING
                                                                   : PROBE_RANDOM_BROKEN;
    if (input->stage != SMTP_STAGE_RCPT)
        return input->classified.reply_class == SMTP_CLASS_GREYLISTED ? PROBE_RANDOM_LATER
                                                                      : PROBE_RANDOM_NOTHING;
    switch (finding_control_of(input->stage, input->code, input->classified.reply_class)) {
    case FINDING_CONTROL_ACCEPTED:
        return PROBE_RANDOM_ACCEPTED;
    case FINDING_CONTROL_REFUSED:
        return PROBE_RANDOM_REFUSED;
    default:
        return is_put_off(input) ? PROBE_RANDOM_LATER : PROBE_RANDOM_NOTHING;
    }
}
