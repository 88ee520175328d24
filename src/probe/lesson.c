#include "probe/domain.h"
#include "probe/host.h"
#include "probe/session.h"
#include "probe/site.h"

#define HANGUPS_TO_LEARN 2

static bool is_null_or_first_sender(const struct probe_session *session)
{
    struct slice second = session->host->site->egress->second_sender;

    return second.len > 0 && !slice_equal(smtp_session_plan(session->smtp)->sender, second);
}

/*
 * The limit of one session or transaction is reached (RFC 5321 4.5.3.1.10, RFC 3463 X.5.3). Exim
 * gives no enhanced code; with recipients_max_reject it says 552, which RFC 5321 takes for 452.
 */
static bool is_too_many(const struct smtp_result *result)
{
    const struct smtp_reply *reply = &result->reply;

    return result->outcome == SMTP_OUTCOME_REPLY && result->stage == SMTP_STAGE_RCPT &&
           (reply->code == 452 || reply->code == 552) &&
           ((reply->enhanced.subject == 5 && reply->enhanced.detail == 3) ||
            slice_find_nocase(reply->text, SLICE("too many recipients")) >= 0);
}

/*
 * The recipients went out in a batch, and its replies are not proven: the server may have lost
 * some, or said too many. 421 is nobody's answer then; those untried behind it were cut off by it.
 */
static bool is_lost_in_batch(const struct probe_session *session, const struct smtp_result *result)
{
    struct smtp_session_facts facts;

    if ((result->outcome == SMTP_OUTCOME_REPLY && result->reply.code != 421) ||
        session->host->engine->cancelled ||
        (result->outcome == SMTP_OUTCOME_UNTRIED && result->stage != SMTP_STAGE_RSET))
        return false;
    smtp_session_facts(session->smtp, &facts);
    return facts.batch_broke;
}

void probe_lesson_prepare(const struct probe_session *session, const struct smtp_result *result,
                          struct probe_answer *ret_answer)
{
    struct probe_plan_input *input = &ret_answer->input;
    bool is_reply = result->outcome == SMTP_OUTCOME_REPLY;

    ret_answer->result = result;
    ret_answer->session = session;
    ret_answer->sender = smtp_session_plan(session->smtp)->sender;
    ret_answer->now_ms = probe_engine_now(session->host->engine);
    ret_answer->tls = session->tls != NULL ? slice_from_string(session->tls) : SLICE_EMPTY;
    ret_answer->transcript = SLICE_EMPTY;
    if (is_reply) {
        struct classify_input classify = {
            .stage = result->stage,
            .provider = probe_session_profile(session)->name,
            .reply = result->reply,
        };

        classify_memo_reply(&session->host->engine->heard, &classify, &ret_answer->classified);
        ret_answer->detail = SLICE_EMPTY;
    } else {
        ret_answer->classified = (struct classification){0};
        ret_answer->detail = slice_from_string(session->close_detail != NULL ? session->close_detail
                                                                             : result->detail);
    }
    *input = (struct probe_plan_input){
        .outcome = result->outcome,
        .stage = result->stage,
        .code = is_reply ? result->reply.code : 0,
        .classified = ret_answer->classified,
        .first_in_session = session->answered == 0,
        .lost_in_batch = is_lost_in_batch(session, result),
        .was_tls_tried = session->in_clear,
        .may_do_without_tls = session->host->engine->settings.tls != SMTP_TLS_REQUIRED,
        .too_many = is_too_many(result),
        .has_other_sender = is_null_or_first_sender(session),
    };
}

static void count(struct probe_engine *engine, const struct probe_ask *ask,
                  const struct probe_answer *answer)
{
    if (answer->result->stage == SMTP_STAGE_RCPT &&
        answer->result->outcome != SMTP_OUTCOME_UNTRIED) {
        engine->counts.rcpts++;
        engine->counts.random_rcpts += ask->is_random;
        probe_pace_note(&answer->session->host->site->pace, answer->now_ms);
    }
    engine->counts.refusals_of_us += answer->plan.refuses_us;
}

/* Is anybody at home? */
static void learn_health(struct probe_session *session, const struct probe_answer *answer)
{
    struct probe_host *host = session->host;
    enum smtp_outcome outcome = answer->result->outcome;
    bool at_door =
        answer->result->stage == SMTP_STAGE_CONNECT || answer->result->stage == SMTP_STAGE_ANY;

    if (outcome == SMTP_OUTCOME_REPLY ||
        (!at_door && outcome != SMTP_OUTCOME_UNTRIED && outcome != SMTP_OUTCOME_CONNECT_FAILED)) {
        probe_host_succeeded(host);
        return;
    }
    if (outcome == SMTP_OUTCOME_UNTRIED || session->failure_noted ||
        session->host->engine->cancelled)
        return;
    session->failure_noted = true;
    session->host->engine->counts.connect_failures += outcome == SMTP_OUTCOME_CONNECT_FAILED;
    probe_host_failed(host, outcome, answer->detail);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/*
 * Servers count every recipient that they refuse, for whatever reason and with whatever code
 * (Postfix smtpd_soft_error_limit and smtpd_hard_error_limit), so that is what we count; and those
 * whose MAIL was refused, for in a batch their RCPTs were refused behind it. 421 refuses nobody: it
 * ends the session.
 */
static bool was_refused(const struct probe_answer *answer)
{
    enum smtp_stage stage = answer->result->stage;

    return answer->result->outcome == SMTP_OUTCOME_REPLY &&
           (stage == SMTP_STAGE_RCPT || stage == SMTP_STAGE_MAIL) && answer->input.code >= 400 &&
           answer->input.code != 421;
}

/* A server that hangs up after somebody's unknown recipient is asked for fewer of them. */
static void learn_hangup(struct probe_session *session, const struct probe_answer *answer)
{
    struct probe_host *host = session->host;
    bool is_lost = answer->input.lost_in_batch;
    bool broke = (answer->result->outcome == SMTP_OUTCOME_DISCONNECTED && !is_lost) ||
                 (answer->result->outcome == SMTP_OUTCOME_REPLY && answer->input.code == 421);

    host->one_by_one |= is_lost || smtp_session_batch_broke(session->smtp);
    if (broke && session->unknowns_in_a_row > 0 && !session->host->engine->cancelled &&
        ++host->hangups >= HANGUPS_TO_LEARN) {
        host->hangups = HANGUPS_TO_LEARN;
        host->unknowns_learned = (uint16_t)least(session->unknowns, UINT16_MAX);
    }
    if (answer->input.too_many && session->answered > 0 && !answer->plan.refuses_us) {
        if (host->rcpts_learned == 0 || session->answered < host->rcpts_learned)
            host->rcpts_learned = (uint16_t)least(session->answered, UINT16_MAX);
        probe_session_retire(session);
    }
    if (was_refused(answer)) {
        session->unknowns++;
        session->unknowns_in_a_row++;
    } else {
        session->unknowns_in_a_row = 0;
    }
}

/* So many recipients took so long each, the time until they could be asked with it. */
static void note_pace(struct probe_session *session, uint64_t each_ms, unsigned together)
{
    struct probe_host *host = session->host;
    uint64_t weight = least(together, 8), half;

    host->rcpt_ms = (uint32_t)((host->rcpt_ms * (8 - weight) + each_ms * weight) / 8);
    if (!smtp_session_plan(session->smtp)->use_pipelining)
        return;
    half = (host->batch_rcpt_ms + each_ms) / 2;
    host->batch_rcpt_ms = (uint32_t)(each_ms > half ? each_ms : half);
    if (host->batch_rcpt_ms == 0)
        host->batch_rcpt_ms = 1;
}

static void learn_pace(struct probe_session *session, const struct probe_ask *ask,
                       const struct probe_answer *answer)
{
    uint64_t since =
        ask->asked_ms > session->last_answer_ms ? ask->asked_ms : session->last_answer_ms;
    unsigned together = answer->result->told_together;

    if (together > 0 && answer->result->outcome == SMTP_OUTCOME_REPLY &&
        answer->result->stage == SMTP_STAGE_RCPT)
        note_pace(session, (answer->now_ms - since) / together, together);
    session->last_answer_ms = answer->now_ms;
}

static void learn_manners(struct probe_session *session, const struct probe_answer *answer)
{
    const struct probe_plan *plan = &answer->plan;
    struct probe_site *site = session->host->site;

    if (plan->ordinary) {
        if (!session->succeeded)
            probe_limits_succeeded(&site->limits);
        if (!session->succeeded || site->breaker.strikes > 0 || site->breaker.until_ms != 0)
            probe_site_succeeded(site);
        session->succeeded = true;
        session->trial = false;
    }
    if (plan->refuses_us) {
        probe_site_refused(site, plan->refusal, plan->refuses_session);
        session->trial = false;
        probe_session_retire(session);
    }
    if (plan->step == PROBE_STEP_SECOND_SENDER) {
        site->use_second_sender = true;
        probe_session_retire(session);
    }
    if (plan->step == PROBE_STEP_IN_CLEAR)
        session->host->tls_broken = true;
}

void probe_lesson_learn(struct probe_session *session, const struct probe_ask *ask,
                        const struct probe_answer *answer)
{
    count(session->host->engine, ask, answer);
    learn_health(session, answer);
    learn_hangup(session, answer);
    learn_pace(session, ask, answer);
    learn_manners(session, answer);
    if (answer->result->outcome != SMTP_OUTCOME_UNTRIED)
        session->answered++;
}
