#include "base/check.h"
#include "base/instant.h"
#include "probe/case_round.h"
#include "probe/domain.h"
#include "probe/host.h"
#include "probe/session.h"
#include "probe/site.h"
#include "probe/stranger.h"
#include "provider/reply_delay.h"

#define UNTRIED_MAX 200 /* sessions that end before its turn */

/* --- answers ------------------------------------------------------------------------------- */

/*
 * Those in engine->out stand in the order of their deadlines: nearly all have the whole of their
 * time left when they go out, and come behind the last. The others have an alarm. With a heap for
 * them all each reply would look at cases all over the memory.
 */
static struct probe_case *first_out(const struct probe_engine *engine)
{
    struct list_node *node = list_first(&engine->out);

    return node != NULL ? LIST_ELEMENT(node, struct probe_case, node) : NULL;
}

/* Of one that is OUT. */
static uint64_t deadline_of(const struct probe_case *kase)
{
    return kase->ask.asked_ms + (kase->budget_ms > 0 ? kase->budget_ms : 1);
}

uint64_t probe_case_next_deadline(const struct probe_engine *engine)
{
    const struct probe_case *kase = first_out(engine);

    return kase != NULL ? deadline_of(kase) : INSTANT_NEVER;
}

void probe_case_deadlines_ring(struct probe_engine *engine)
{
    struct probe_case *kase;

    while ((kase = first_out(engine)) != NULL && deadline_of(kase) <= probe_engine_now(engine)) {
        list_remove(&kase->node);
        probe_case_deadline_came(kase);
    }
}

void probe_case_deadline_came(void *owner)
{
    struct probe_case *kase = owner;

    CHECK(kase->state == PROBE_CASE_OUT);
    kase->budget_ms = 0;
    probe_session_abort(kase->ask.session, SMTP_OUTCOME_TIMEOUT, "no time left for this address");
}

void probe_case_in(struct probe_case *kase)
{
    if (list_node_is_in(&kase->node))
        list_remove(&kase->node);
    else
        probe_alarm_clear(&kase->engine->alarms, &kase->alarm);
}

static void ring_at_deadline(struct probe_case *kase)
{
    probe_alarm_aim(&kase->alarm, probe_case_deadline_came, kase);
    probe_alarm_set(&kase->engine->alarms, &kase->alarm, deadline_of(kase));
}

void probe_case_out(struct probe_case *kase)
{
    struct probe_engine *engine = kase->engine;

    CHECK(!list_node_is_in(&kase->node));
    kase->state = PROBE_CASE_OUT;
    if (list_is_empty(&engine->out) ||
        deadline_of(LIST_ELEMENT(list_last(&engine->out), struct probe_case, node)) <=
            deadline_of(kase))
        list_append(&engine->out, &kase->node);
    else
        ring_at_deadline(kase);
}

static void spend_time(struct probe_case *kase, uint64_t now)
{
    uint64_t spent = now - kase->ask.asked_ms;

    probe_case_in(kase);
    kase->budget_ms = spent < kase->budget_ms ? kase->budget_ms - spent : 0;
}

static int keep_attempt(struct probe_case *kase, const struct probe_answer *answer)
{
    struct evidence_attempt *attempt;
    struct slice host_name;

    if (answer->result->outcome == SMTP_OUTCOME_UNTRIED ||
        kase->attempt_count >= PROBE_CASE_ATTEMPTS_MAX)
        return 0;
    if (kase->arena.newest == NULL && kase->engine->spare_count > 0)
        kase->arena = kase->engine->spares[--kase->engine->spare_count];
    host_name = kase->host_at < kase->facts->host_count
                    ? kase->facts->hosts[kase->host_at].name
                    : slice_from_string(answer->session->host->name);
    attempt = probe_case_next_attempt(kase);
    if (attempt == NULL ||
        probe_attempt_make(&kase->arena, &kase->ask, answer, host_name, attempt) != 0)
        return ERROR_NOMEM;
    kase->attempt_count++;
    kase->round_attempts++;
    return 0;
}

/* The domain's refusals of us count against the domain, those before RCPT against the site. */
static void note_domain(struct probe_case *kase, const struct probe_plan *plan, uint64_t now)
{
    if (plan->ordinary)
        probe_breaker_succeeded(&kase->ask.domain->breaker, now);
    else if (plan->refuses_us && !plan->refuses_session && plan->refusal > PROBE_REFUSAL_SLOW_DOWN)
        probe_breaker_strike(&kase->ask.domain->breaker, plan->refusal, now);
}

static uint64_t longer(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void case_wait_or_end(struct probe_case *kase, const struct probe_answer *answer)
{
    struct probe_domain *domain = kase->ask.domain;
    const struct probe_breaker *breaker = &answer->session->host->site->breaker;
    uint64_t asked_ms = reply_delay_named(answer->result->reply.text) * SECOND_MS;

    if (probe_breaker_is_open(breaker, answer->now_ms))
        asked_ms = longer(asked_ms, breaker->until_ms - answer->now_ms);
    if (!probe_case_wait(kase, answer->plan.retry, kase->hint_s * SECOND_MS, asked_ms)) {
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
        return;
    }
    /* A greylist makes the random recipient wait as long: start its clock with this one's. */
    if (answer->plan.retry == PROBE_RETRY_GREYLIST && answer->input.stage == SMTP_STAGE_RCPT &&
        probe_domain_wants_stranger(domain) &&
        probe_domain_habit(domain, &kase->answered_by) == EVIDENCE_CATCH_ALL_UNKNOWN) {
        const struct probe_wish wish = probe_case_wish(kase);

        (void)probe_stranger_send(domain, answer->session->host, &wish);
    }
}

/* The stranger's attempt is part of what this case lived through. */
static int keep_stranger(struct probe_case *kase, const struct evidence_attempt *from)
{
    struct evidence_attempt attempt = *from;
    struct slice *texts[] = {&attempt.reply.text, &attempt.transcript, &attempt.detail,
                             &attempt.tls,        &attempt.host,       &attempt.recipient};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i] = arena_slice(&kase->arena, *texts[i]);
        if (texts[i]->ptr == NULL)
            return ERROR_NOMEM;
    }
    return probe_case_add_attempt(kase, &attempt);
}

/* The stranger has been asked where this case was, or can't be: with what it heard, the end. */
static void case_has_seen_stranger(struct probe_case *kase)
{
    const struct probe_stranger *stranger = kase->ask.domain->stranger;

    if (stranger != NULL && stranger->has_attempt &&
        kase->attempt_count < PROBE_CASE_ATTEMPTS_MAX &&
        probe_places_are_alike(&stranger->place, &kase->answered_by) &&
        keep_stranger(kase, &stranger->attempt) != 0)
        probe_case_fail(kase, "out of memory");
    else
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
}

void probe_case_stranger_settled(struct probe_case *kase)
{
    const struct probe_stranger *stranger = kase->ask.domain->stranger;

    kase->state = PROBE_CASE_READY;
    if (probe_places_are_alike(&stranger->place, &kase->answered_by) || kase->engine->cancelled) {
        case_has_seen_stranger(kase);
    } else { /* it was at another host's door: this case sends its own */
        kase->needs_stranger = true;
        list_append(&kase->engine->ready, &kase->node);
    }
}

/* The last host that replied; a stranger must be asked where the real one was. */
static struct probe_host *host_that_answered(struct probe_case *kase)
{
    CHECK(kase->answered_by.profile != NULL && kase->attempt_count > 0);
    return probe_host_get(kase->engine, &kase->answered_by.ip,
                          kase->attempts[kase->attempt_count - 1].host);
}

/* While a stranger is on its way to look again, nobody relies on what the one before was told. */
static bool is_habit_trusted(const struct probe_case *kase)
{
    struct probe_domain *domain = kase->ask.domain;

    if (probe_domain_habit(domain, &kase->answered_by) == EVIDENCE_CATCH_ALL_UNKNOWN)
        return false;
    return kase->saw_stranger ||
           (!probe_stranger_is_under_way(domain) && !probe_domain_doubts_habit(domain));
}

void probe_case_needs_stranger(struct probe_case *kase)
{
    const struct probe_wish wish = probe_case_wish(kase);
    struct probe_domain *domain = kase->ask.domain;
    struct probe_host *host;

    if (!probe_domain_wants_stranger(domain) || is_habit_trusted(kase)) {
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
        return;
    }
    if (kase->is_withdrawn) {
        probe_case_finish(kase, EVIDENCE_STOP_CANCELLED);
        return;
    }
    kase->saw_stranger = true;
    host = host_that_answered(kase);
    if (host == NULL || !probe_stranger_send(domain, host, &wish)) {
        case_has_seen_stranger(kase);
        return;
    }
    list_remove(&kase->node);
    kase->state = PROBE_CASE_STRANGER;
    probe_stranger_await(domain, kase);
}

/*
 * Session after session ended before its turn came. With no memory that is our doing; else a server
 * hangs up, time and again, on others: then it is what became of this one, too.
 */
static void case_never_had_a_turn(struct probe_case *kase, const struct probe_answer *answer)
{
    struct smtp_result result = *answer->result;
    struct probe_answer broken = *answer;

    if (result.detail == smtp_session_no_memory) {
        probe_case_fail(kase, "out of memory in every session");
        return;
    }
    result.outcome = SMTP_OUTCOME_DISCONNECTED;
    broken.result = &result;
    if (keep_attempt(kase, &broken) != 0)
        probe_case_fail(kase, "out of memory");
    else
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
}

static void case_follow_plan(struct probe_case *kase, const struct probe_answer *answer)
{
    const struct probe_plan *plan = &answer->plan;
    struct probe_host *host = answer->session->host;

    kase->hint_s = answer->classified.retry_after_s;
    kase->broke = answer->result->outcome == SMTP_OUTCOME_CONNECT_FAILED ||
                  answer->result->outcome == SMTP_OUTCOME_DISCONNECTED;
    switch (plan->step) {
    case PROBE_STEP_FINISH:
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
        break;
    case PROBE_STEP_VAGUE:
        kase->vague = true;
        probe_case_needs_stranger(kase);
        break;
    case PROBE_STEP_ACCEPTED:
        probe_case_needs_stranger(kase);
        break;
    case PROBE_STEP_AGAIN:
        if (answer->result->outcome != SMTP_OUTCOME_UNTRIED)
            kase->again_count++;
        else
            kase->untried_count++;
        if (kase->untried_count >= UNTRIED_MAX)
            case_never_had_a_turn(kase, answer);
        else if (kase->budget_ms == 0)
            probe_case_finish(kase, EVIDENCE_STOP_DEADLINE);
        else
            probe_case_enqueue(kase, host, true);
        break;
    case PROBE_STEP_IN_CLEAR:
    case PROBE_STEP_SECOND_SENDER:
        probe_case_enqueue(kase, host, true);
        break;
    case PROBE_STEP_NEXT_ADDRESS:
        kase->vague |= plan->vague;
        kase->address_at++;
        probe_case_next_host(kase, plan->retry);
        break;
    case PROBE_STEP_NEXT_HOST:
        kase->vague |= plan->vague;
        kase->host_at++;
        kase->address_at = 0;
        probe_case_next_host(kase, plan->retry);
        break;
    case PROBE_STEP_WAIT:
        case_wait_or_end(kase, answer);
        break;
    }
}

/* Nobody wants it to go on, and it would. */
static bool is_no_longer_wanted(const struct probe_case *kase, const struct probe_plan *plan)
{
    return kase->engine->cancelled ||
           (kase->is_withdrawn && plan->step != PROBE_STEP_FINISH &&
            plan->step != PROBE_STEP_VAGUE && plan->step != PROBE_STEP_ACCEPTED);
}

void probe_case_answered(struct probe_case *kase, const struct probe_answer *answer)
{
    bool cancelled = kase->engine->cancelled;

    CHECK(kase->state == PROBE_CASE_OUT);
    table_fetch(&kase->engine->mailboxes, kase->mailbox_hash); /* it may end here */
    spend_time(kase, answer->now_ms);
    kase->state = PROBE_CASE_READY; /* in no list: this function puts it somewhere */
    if (!(cancelled && answer->result->outcome != SMTP_OUTCOME_REPLY) &&
        keep_attempt(kase, answer) != 0) {
        probe_case_fail(kase, "out of memory");
        return;
    }
    if (answer->result->outcome == SMTP_OUTCOME_REPLY)
        kase->answered_by = probe_host_place(answer->session->host);
    note_domain(kase, &answer->plan, answer->now_ms);
    /* "Not now" tells neither that somebody is known nor that nobody is. */
    if (answer->result->outcome == SMTP_OUTCOME_REPLY && answer->input.stage == SMTP_STAGE_RCPT &&
        answer->input.code / 100 != 4)
        probe_domain_heard(kase->ask.domain, answer->input.code >= 500);
    if (is_no_longer_wanted(kase, &answer->plan))
        probe_case_finish(kase, EVIDENCE_STOP_CANCELLED);
    else
        case_follow_plan(kase, answer);
}
