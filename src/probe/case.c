#include "probe/case.h"

#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "lists/builtin.h"
#include "probe/domain.h"
#include "probe/host.h"
#include "probe/offline.h"
#include "probe/session.h"
#include "probe/site.h"
#include "probe/stranger.h"
#include "provider/mailbox.h"
#include "provider/reply_delay.h"

#define ADDRESSES_PER_HOST 3   /* RFC 5321 5.1 wants at least two tried */
#define ATTEMPTS_MAX       40  /* kept; a bound, not a plan */
#define UNTRIED_MAX        200 /* sessions that end before its turn: a sign of no memory */

/* --- submitting ---------------------------------------------------------------------------- */

static struct probe_submission *submission_new(struct slice input, probe_done *done, void *user)
{
    struct probe_submission *submission = memory_alloc(sizeof(*submission) + input.len);

    if (submission == NULL)
        return NULL;
    if (input.len > 0)
        memcpy(submission->bytes, input.ptr, input.len);
    submission->next = NULL;
    submission->done = done;
    submission->user = user;
    submission->input = slice_from(submission->bytes, input.len);
    return submission;
}

static void join(struct probe_case *kase, struct probe_submission *submission)
{
    struct probe_submission *first = kase->submissions;

    if (first == NULL) {
        kase->submissions = submission;
    } else {
        submission->next = first->next;
        first->next = submission;
    }
}

static void wait_is_over(void *owner);
static void deadline_came(void *owner);

static struct probe_case *case_new(struct probe_engine *engine, struct slice wire)
{
    struct probe_case *kase = memory_zalloc(1, sizeof(*kase) + wire.len + 1);

    if (kase == NULL)
        return NULL;
    if (probe_alarms_admit(&engine->waits, &kase->wait, wait_is_over, kase) != 0 ||
        probe_alarms_admit(&engine->alarms, &kase->deadline, deadline_came, kase) != 0) {
        probe_alarms_dismiss(&engine->waits, &kase->wait);
        memory_free(kase);
        return NULL;
    }
    kase->engine = engine;
    if (wire.len > 0)
        memcpy(kase->wire, wire.ptr, wire.len);
    kase->ask.mailbox = slice_from(kase->wire, wire.len);
    arena_init(&kase->arena);
    kase->submitted_ms = probe_engine_now(engine);
    kase->budget_ms = engine->settings.case_timeout_ms;
    return kase;
}

static void case_free(struct probe_case *kase)
{
    struct probe_engine *engine = kase->engine;

    probe_alarms_dismiss(&engine->waits, &kase->wait);
    probe_alarms_dismiss(&engine->alarms, &kase->deadline);
    arena_done(&kase->arena);
    memory_free(kase);
}

static void case_hurry(struct probe_case *kase)
{
    kase->wish.is_in_no_hurry = false;
    probe_host_hurry(&kase->ask);
}

int probe_case_submit(struct probe_engine *engine, struct slice address,
                      const struct probe_wish *wish, probe_done *done, void *user)
{
    struct probe_submission *submission = submission_new(address, done, user);
    struct probe_case *kase = NULL;
    char wire[ADDRESS_WIRE_SIZE] = "";
    struct address parsed;
    size_t wire_len = 0;
    struct probe_case *shallow = NULL;

    if (submission == NULL)
        return ERROR_NOMEM;
    if (address_parse(submission->input.ptr, submission->input.len, &parsed)) {
        wire_len = address_format_wire(&parsed, wire);
        kase = table_get(&engine->mailboxes, slice_from(wire, wire_len));
        /* One that goes less far is soon over: from now on others join the deeper one. */
        if (kase != NULL && kase->wish.depth < wish->depth) {
            shallow = kase;
            kase = NULL;
        }
    }
    if (kase == NULL) {
        kase = case_new(engine, slice_from(wire, wire_len));
        if (kase == NULL)
            goto no_memory;
        if (wire_len > 0 && table_put(&engine->mailboxes, kase->ask.mailbox, kase) != 0) {
            case_free(kase);
            goto no_memory;
        }
        kase->wish = *wish;
        kase->has_mailbox_key = wire_len > 0;
        if (shallow != NULL)
            shallow->has_mailbox_key = false;
        kase->ask.needs_smtputf8 = wire_len > 0 && address_needs_smtputf8(&parsed);
        list_append(&engine->cases, &kase->in_cases);
        list_append(&engine->ready, &kase->node);
    }
    if (wish->patience > kase->wish.patience)
        kase->wish.patience = wish->patience;
    join(kase, submission);
    if (!wish->is_in_no_hurry)
        case_hurry(kase);
    engine->submissions++;
    engine->counts.submitted++;
    return 0;

no_memory:
    memory_free(submission);
    return ERROR_NOMEM;
}

/* --- ending -------------------------------------------------------------------------------- */

void probe_case_finish(struct probe_case *kase, enum evidence_stop stop)
{
    struct probe_engine *engine = kase->engine;

    CHECK(kase->state != PROBE_CASE_OUT && kase->state != PROBE_CASE_FINISHED);
    if (engine->cancelled && stop == EVIDENCE_STOP_NONE)
        stop = EVIDENCE_STOP_CANCELLED; /* it would have gone on */
    probe_alarm_clear(&engine->waits, &kase->wait);
    probe_host_dequeue(&kase->ask);
    list_remove(&kase->node);
    kase->stop = stop;
    kase->state = PROBE_CASE_FINISHED;
    /* From now on the same mailbox is a new question. */
    if (kase->has_mailbox_key) {
        table_take(&engine->mailboxes, kase->ask.mailbox);
        kase->has_mailbox_key = false;
    }
    list_append(&engine->finished, &kase->node);
}

void probe_case_fail(struct probe_case *kase, const char *why)
{
    kase->internal = why;
    probe_case_finish(kase, EVIDENCE_STOP_INTERNAL);
}

/* --- the cheap layers ---------------------------------------------------------------------- */

#define BIT(kind) (1U << (kind))

/* What the lists say is bad to mail, whether it exists or not: no server is bothered with it. */
static bool is_listed(unsigned matches, unsigned builtin, bool disposable_mx)
{
    bool allowed = (matches & BIT(LISTS_OPERATOR_ALLOW)) != 0;
    bool disposable = (builtin & LISTS_DISPOSABLE) != 0 || disposable_mx ||
                      (matches & BIT(LISTS_OPERATOR_DISPOSABLE)) != 0;

    if ((matches & (BIT(LISTS_OPERATOR_TRAP) | BIT(LISTS_OPERATOR_COMPLAINT))) != 0)
        return true;
    if (allowed)
        return false;
    if ((matches & BIT(LISTS_OPERATOR_LISTED)) != 0)
        return true;
    return disposable && (matches & BIT(LISTS_OPERATOR_NOT_DISPOSABLE)) == 0;
}

static void case_go_by_facts(struct probe_case *kase);
static void case_needs_stranger(struct probe_case *kase);
static void case_next_host(struct probe_case *kase, enum probe_retry_kind retry);

static void case_look_up(struct probe_case *kase, const struct address *address)
{
    struct probe_engine *engine = kase->engine;
    struct slice name =
        address->is_literal ? address->domain : slice_from_string(address->domain_ascii);
    const struct evidence_domain *facts = NULL;
    int code;

    kase->domain = probe_domain_get(engine, name);
    if (kase->domain == NULL) {
        probe_case_fail(kase, "out of memory");
        return;
    }
    kase->domain->cases++;
    kase->ask.domain = kase->domain;
    if (address->is_literal)
        code = probe_domain_make_literal(kase->domain, &address->literal);
    else
        code = 0;
    if (code == 0)
        code = probe_domain_look_up(kase->domain, &facts);
    if (code != 0) {
        probe_case_fail(kase, "out of memory");
    } else if (facts == NULL) {
        kase->state = PROBE_CASE_LOOKING_UP;
        list_append(&kase->domain->dns_waiters, &kase->node);
    } else {
        case_go_by_facts(kase);
    }
}

static void case_start(struct probe_case *kase)
{
    struct slice input = kase->submissions->input;
    struct address address;
    struct slice domain;

    if (!address_parse(input.ptr, input.len, &address)) {
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
        return;
    }
    domain = address.is_literal ? address.domain : slice_from_string(address.domain_ascii);
    if (kase->engine->lists != NULL)
        kase->operator_matches = lists_operator_match(kase->engine->lists, address.local, domain);
    if (probe_offline_is_skipped(kase->operator_matches) ||
        provider_mailbox_breach(address.local, domain) != NULL)
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
    else if (kase->wish.depth == EVIDENCE_DEPTH_SYNTAX)
        probe_case_finish(kase, EVIDENCE_STOP_DEPTH);
    else
        case_look_up(kase, &address);
}

void probe_case_step(struct probe_case *kase)
{
    CHECK(kase->state == PROBE_CASE_READY);
    if (kase->domain == NULL)
        case_start(kase);
    else if (kase->facts == NULL)
        probe_case_facts_came(kase);
    else if (kase->needs_stranger)
        case_needs_stranger(kase);
    else
        case_next_host(kase, PROBE_RETRY_NONE);
}

/* --- waiting ------------------------------------------------------------------------------- */

/* True when the case waits now; false when there is no patience for it. */
static bool case_wait(struct probe_case *kase, enum probe_retry_kind kind, uint64_t hint_ms,
                      uint64_t asked_ms)
{
    struct probe_engine *engine = kase->engine;
    const struct provider_profile *provider = kase->domain != NULL ? kase->domain->provider : NULL;
    struct probe_retry retry = {
        .kind = kind,
        .tries_before = kase->retries[kind],
        .waited_ms = kase->waited_ms,
        .patience = kase->wish.patience,
        .greylist_ms = provider != NULL ? provider->greylist_ms : 0,
        .hint_ms = hint_ms,
        .asked_ms = asked_ms,
    };
    uint64_t wait = probe_retry_wait(&retry);

    if (wait == 0 || kase->attempt_count >= ATTEMPTS_MAX || engine->cancelled)
        return false;
    kase->retries[kind]++;
    kase->waiting_since_ms = probe_engine_now(engine);
    kase->state = PROBE_CASE_WAITING;
    list_remove(&kase->node);
    probe_alarm_set(&engine->waits, &kase->wait, kase->waiting_since_ms + wait);
    return true;
}

static void wait_is_over(void *owner)
{
    struct probe_case *kase = owner;

    CHECK(kase->state == PROBE_CASE_WAITING);
    kase->waited_ms += probe_engine_now(kase->engine) - kase->waiting_since_ms;
    kase->again_count = 0;
    kase->round_attempts = 0;
    kase->state = PROBE_CASE_READY;
    case_hurry(kase); /* it has waited enough */
    list_append(&kase->engine->ready, &kase->node);
}

/* --- facts --------------------------------------------------------------------------------- */

static bool facts_failed(const struct evidence_domain *facts)
{
    return dns_outcome_is_failure(facts->mx_outcome) ||
           dns_outcome_is_failure(facts->address_outcome);
}

static bool facts_have_address(const struct evidence_domain *facts)
{
    for (size_t i = 0; i < facts->host_count; i++) {
        if (facts->hosts[i].address_count > 0)
            return true;
    }
    return false;
}

static void case_go_by_facts(struct probe_case *kase)
{
    const struct evidence_domain *facts = kase->domain->facts;
    struct probe_domain *domain = kase->domain;
    unsigned builtin = lists_domain_classes(slice_from_string(domain->name));

    kase->facts = domain->is_literal ? facts : dns_facts_hold(facts);
    kase->operator_matches |= domain->mx_matches;
    if (facts->null_mx || !facts_have_address(facts)) {
        if (facts_failed(facts) && case_wait(kase, PROBE_RETRY_DNS, 0, 0)) {
            if (!domain->is_literal)
                dns_facts_release(kase->facts);
            kase->facts = NULL; /* look again when the wait is over */
            return;
        }
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
    } else if (probe_offline_is_skipped(kase->operator_matches) ||
               is_listed(kase->operator_matches, builtin, domain->disposable_mx)) {
        /* Throwaway and listed domains are settled; probing them would only annoy. */
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
    } else if (kase->wish.depth == EVIDENCE_DEPTH_DNS) {
        probe_case_finish(kase, EVIDENCE_STOP_DEPTH);
    } else {
        case_next_host(kase, PROBE_RETRY_NONE);
    }
}

void probe_case_facts_came(struct probe_case *kase)
{
    const struct evidence_domain *facts;

    kase->state = PROBE_CASE_READY;
    list_remove(&kase->node);
    if (probe_domain_look_up(kase->domain, &facts) != 0) {
        probe_case_fail(kase, "out of memory");
    } else if (facts == NULL) {
        kase->state = PROBE_CASE_LOOKING_UP;
        list_append(&kase->domain->dns_waiters, &kase->node);
    } else {
        case_go_by_facts(kase);
    }
}

/* --- from host to host --------------------------------------------------------------------- */

static bool family_fits(const struct probe_engine *engine, const struct ip *ip)
{
    uint8_t family = engine->settings.source.ip.family;

    return family == 0 || family == ip->family;
}

static int add_attempt(struct probe_case *kase, const struct evidence_attempt *attempt)
{
    if (kase->attempt_count == kase->attempt_room) {
        unsigned room = kase->attempt_room == 0 ? 2 : kase->attempt_room * 2;
        struct evidence_attempt *grown = arena_array(&kase->arena, room, sizeof(*grown));

        if (grown == NULL)
            return ERROR_NOMEM;
        if (kase->attempt_count > 0)
            memcpy(grown, kase->attempts, kase->attempt_count * sizeof(*grown));
        kase->attempts = grown;
        kase->attempt_room = room;
    }
    kase->attempts[kase->attempt_count++] = *attempt;
    return 0;
}

/* What was found out about a dead host a moment ago, as this case's own experience. */
static int remember_dead(struct probe_case *kase, const struct probe_host *host,
                         struct slice host_name)
{
    uint64_t now = probe_engine_now(kase->engine);
    struct evidence_attempt attempt = {
        .unix_ms = io_unix_ms(kase->engine->loop),
        .host = host_name,
        .ip = host->ip,
        .recipient = kase->ask.mailbox,
        .sender = probe_site_sender(host->site),
        .outcome = host->dead_outcome,
        .stage = SMTP_STAGE_CONNECT,
        .tls = SLICE_EMPTY,
        .transcript = SLICE_EMPTY,
    };
    char *detail =
        arena_printf(&kase->arena, "%s (found a moment ago; not tried again for %u s)",
                     host->dead_detail, (unsigned)((host->dead_until_ms - now) / SECOND_MS));

    if (detail == NULL)
        return ERROR_NOMEM;
    attempt.detail = slice_from_string(detail);
    return add_attempt(kase, &attempt);
}

/*
 * The first host, from where the case stands, that is not known to be dead. *ret_host is NULL when
 * there is none. ERROR_NOMEM.
 */
static int find_host(struct probe_case *kase, struct probe_host **ret_host)
{
    const struct evidence_domain *facts = kase->facts;
    uint64_t now = probe_engine_now(kase->engine);

    *ret_host = NULL;
    for (; kase->host_at < facts->host_count; kase->host_at++, kase->address_at = 0) {
        const struct evidence_host *mx = &facts->hosts[kase->host_at];

        for (; kase->address_at < mx->address_count && kase->address_at < ADDRESSES_PER_HOST;
             kase->address_at++) {
            const struct ip *ip = &mx->addresses[kase->address_at];
            struct probe_host *host;

            if (!family_fits(kase->engine, ip))
                continue;
            host = probe_host_get(kase->engine, ip, mx->name);
            if (host == NULL)
                return ERROR_NOMEM;
            if (!probe_host_is_dead(host, now)) {
                *ret_host = host;
                return 0;
            }
            if (kase->round_attempts == 0 && kase->attempt_count < ATTEMPTS_MAX &&
                remember_dead(kase, host, mx->name) != 0)
                return ERROR_NOMEM;
        }
    }
    return 0;
}

/* True when the site or the domain is not to be bothered now, and the case was dealt with. */
static bool case_is_blocked(struct probe_case *kase, const struct probe_host *host)
{
    uint64_t now = probe_engine_now(kase->engine);

    if (probe_breaker_is_open(&kase->domain->breaker, now)) {
        probe_case_blocked(kase, kase->domain->breaker.until_ms);
        if (kase->state == PROBE_CASE_FINISHED)
            return true;
        kase->state = PROBE_CASE_WAITING;
        kase->waiting_since_ms = now;
        list_remove(&kase->node);
        probe_alarm_set(&kase->engine->waits, &kase->wait, kase->domain->breaker.until_ms);
        return true;
    }
    if (probe_breaker_is_open(&host->site->breaker, now)) {
        probe_case_blocked(kase, host->site->breaker.until_ms);
        return kase->state == PROBE_CASE_FINISHED;
    }
    return false;
}

static void case_enqueue(struct probe_case *kase, struct probe_host *host, bool first)
{
    if (case_is_blocked(kase, host))
        return;
    list_remove(&kase->node);
    kase->state = PROBE_CASE_QUEUED;
    if (probe_host_enqueue(host, &kase->ask, first) != 0)
        probe_case_fail(kase, "out of memory");
}

/*
 * A connection that broke at a host which answers others is asked once more at once: it was an
 * accident of the network, most likely.
 */
static bool case_tries_at_once(struct probe_case *kase)
{
    struct probe_host *host;

    if (!kase->broke || kase->retried_at_once || kase->budget_ms == 0)
        return false;
    kase->retried_at_once = true;
    if (find_host(kase, &host) != 0 || host == NULL || !host->alive) {
        kase->host_at = kase->address_at = 0;
        return false;
    }
    case_enqueue(kase, host, false);
    return true;
}

/* No host is left in this round: wait for another, compare with a random recipient, or end. */
static void case_round_over(struct probe_case *kase, enum probe_retry_kind retry)
{
    kase->host_at = kase->address_at = 0;
    if (case_tries_at_once(kase))
        return;
    if (retry == PROBE_RETRY_NONE && kase->round_attempts == 0)
        retry = PROBE_RETRY_NETWORK;
    if (retry != PROBE_RETRY_NONE && case_wait(kase, retry, kase->hint_ms, 0))
        return;
    if (kase->vague && kase->round_attempts > 0 && kase->answered_by.profile != NULL)
        case_needs_stranger(kase);
    else
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
}

static void case_next_host(struct probe_case *kase, enum probe_retry_kind retry)
{
    struct probe_host *host;

    if (kase->budget_ms == 0)
        probe_case_finish(kase, EVIDENCE_STOP_DEADLINE);
    else if (find_host(kase, &host) != 0)
        probe_case_fail(kase, "out of memory");
    else if (host != NULL)
        case_enqueue(kase, host, false);
    else
        case_round_over(kase, retry);
}

void probe_case_host_dead(struct probe_case *kase)
{
    kase->state = PROBE_CASE_READY;
    list_append(&kase->engine->ready, &kase->node);
}

/* --- refusals of us ------------------------------------------------------------------------ */

void probe_case_blocked(struct probe_case *kase, uint64_t until_ms)
{
    uint64_t patience = probe_patience_ms(kase->wish.patience);
    uint64_t now = probe_engine_now(kase->engine);

    if (kase->blocked_since_ms == 0)
        kase->blocked_since_ms = now;
    if (patience < PROBE_PAUSE_TAKEN_MS)
        patience = PROBE_PAUSE_TAKEN_MS;
    if (until_ms - kase->blocked_since_ms + kase->waited_ms > patience)
        probe_case_finish(kase, EVIDENCE_STOP_BREAKER);
}

/* --- answers ------------------------------------------------------------------------------- */

static void deadline_came(void *owner)
{
    struct probe_case *kase = owner;

    CHECK(kase->state == PROBE_CASE_OUT);
    kase->budget_ms = 0;
    probe_session_abort(kase->ask.session, SMTP_OUTCOME_TIMEOUT, "no time left for this address");
}

void probe_case_out(struct probe_case *kase)
{
    struct probe_engine *engine = kase->engine;

    kase->state = PROBE_CASE_OUT;
    probe_alarm_set(&engine->alarms, &kase->deadline,
                    probe_engine_now(engine) + (kase->budget_ms > 0 ? kase->budget_ms : 1));
}

static void spend_time(struct probe_case *kase, uint64_t now)
{
    uint64_t spent = now - kase->ask.asked_ms;

    probe_alarm_clear(&kase->engine->alarms, &kase->deadline);
    kase->budget_ms = spent < kase->budget_ms ? kase->budget_ms - spent : 0;
}

static int keep_attempt(struct probe_case *kase, const struct probe_answer *answer)
{
    struct evidence_attempt attempt;
    struct slice host_name = slice_from_string(answer->session->host->name);

    if (answer->result->outcome == SMTP_OUTCOME_UNTRIED || kase->attempt_count >= ATTEMPTS_MAX)
        return 0;
    if (kase->host_at < kase->facts->host_count)
        host_name = kase->facts->hosts[kase->host_at].name;
    if (probe_attempt_make(&kase->arena, &kase->ask, answer, host_name, &attempt) != 0 ||
        add_attempt(kase, &attempt) != 0)
        return ERROR_NOMEM;
    kase->round_attempts++;
    return 0;
}

/* The domain's refusals of us count against the domain, those before RCPT against the site. */
static void note_domain(struct probe_case *kase, const struct probe_plan *plan, uint64_t now)
{
    if (plan->ordinary)
        probe_breaker_succeeded(&kase->domain->breaker, now);
    else if (plan->refuses_us && !plan->refuses_session && plan->refusal > PROBE_REFUSAL_SLOW_DOWN)
        probe_breaker_strike(&kase->domain->breaker, plan->refusal, now);
}

static uint64_t longer(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void case_wait_or_end(struct probe_case *kase, const struct probe_answer *answer)
{
    struct probe_domain *domain = kase->domain;
    const struct probe_breaker *breaker = &answer->session->site->breaker;
    uint64_t asked_ms = reply_delay_named(answer->result->reply.text) * SECOND_MS;

    if (probe_breaker_is_open(breaker, answer->now_ms))
        asked_ms = longer(asked_ms, breaker->until_ms - answer->now_ms);
    if (!case_wait(kase, answer->plan.retry, kase->hint_ms, asked_ms)) {
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
        return;
    }
    /* A greylist makes the random recipient wait as long: start its clock with this one's. */
    if (answer->plan.retry == PROBE_RETRY_GREYLIST && answer->input.stage == SMTP_STAGE_RCPT &&
        probe_domain_wants_stranger(domain) &&
        probe_domain_habit(domain, &kase->answered_by) == EVIDENCE_CATCH_ALL_UNKNOWN)
        (void)probe_stranger_send(domain, answer->session->host, &kase->wish);
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
    return add_attempt(kase, &attempt);
}

/* The stranger has been asked where this case was, or can't be: with what it heard, the end. */
static void case_has_seen_stranger(struct probe_case *kase)
{
    const struct probe_stranger *stranger = kase->domain->stranger;

    if (stranger != NULL && stranger->has_attempt && kase->attempt_count < ATTEMPTS_MAX &&
        probe_places_are_alike(&stranger->place, &kase->answered_by) &&
        keep_stranger(kase, &stranger->attempt) != 0)
        probe_case_fail(kase, "out of memory");
    else
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
}

void probe_case_stranger_settled(struct probe_case *kase)
{
    const struct probe_stranger *stranger = kase->domain->stranger;

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
    struct probe_domain *domain = kase->domain;

    if (probe_domain_habit(domain, &kase->answered_by) == EVIDENCE_CATCH_ALL_UNKNOWN)
        return false;
    return kase->saw_stranger ||
           (!probe_stranger_is_under_way(domain) && !probe_domain_doubts_habit(domain));
}

static void case_needs_stranger(struct probe_case *kase)
{
    struct probe_domain *domain = kase->domain;
    struct probe_host *host;

    if (!probe_domain_wants_stranger(domain) || is_habit_trusted(kase)) {
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
        return;
    }
    kase->saw_stranger = true;
    host = host_that_answered(kase);
    if (host == NULL || !probe_stranger_send(domain, host, &kase->wish)) {
        case_has_seen_stranger(kase);
        return;
    }
    list_remove(&kase->node);
    kase->state = PROBE_CASE_STRANGER;
    probe_stranger_await(domain, kase);
}

static void case_follow_plan(struct probe_case *kase, const struct probe_answer *answer)
{
    const struct probe_plan *plan = &answer->plan;
    struct probe_host *host = answer->session->host;

    kase->hint_ms = answer->classified.retry_after_s * SECOND_MS;
    kase->broke = answer->result->outcome == SMTP_OUTCOME_CONNECT_FAILED ||
                  answer->result->outcome == SMTP_OUTCOME_DISCONNECTED;
    switch (plan->step) {
    case PROBE_STEP_FINISH:
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
        break;
    case PROBE_STEP_VAGUE:
        kase->vague = true;
        case_needs_stranger(kase);
        break;
    case PROBE_STEP_ACCEPTED:
        case_needs_stranger(kase);
        break;
    case PROBE_STEP_AGAIN:
        if (answer->result->outcome != SMTP_OUTCOME_UNTRIED)
            kase->again_count++;
        else
            kase->untried_count++;
        if (kase->untried_count >= UNTRIED_MAX)
            probe_case_fail(kase, "every session ended before its turn came");
        else if (kase->budget_ms == 0)
            probe_case_finish(kase, EVIDENCE_STOP_DEADLINE);
        else
            case_enqueue(kase, host, true);
        break;
    case PROBE_STEP_IN_CLEAR:
    case PROBE_STEP_SECOND_SENDER:
        case_enqueue(kase, host, true);
        break;
    case PROBE_STEP_NEXT_ADDRESS:
        kase->vague |= plan->vague;
        kase->address_at++;
        case_next_host(kase, plan->retry);
        break;
    case PROBE_STEP_NEXT_HOST:
        kase->vague |= plan->vague;
        kase->host_at++;
        kase->address_at = 0;
        case_next_host(kase, plan->retry);
        break;
    case PROBE_STEP_WAIT:
        case_wait_or_end(kase, answer);
        break;
    }
}

void probe_case_answered(struct probe_case *kase, const struct probe_answer *answer)
{
    bool cancelled = kase->engine->cancelled;

    CHECK(kase->state == PROBE_CASE_OUT);
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
        probe_domain_heard(kase->domain, answer->input.code >= 500);
    if (cancelled)
        probe_case_finish(kase, EVIDENCE_STOP_CANCELLED);
    else
        case_follow_plan(kase, answer);
}
