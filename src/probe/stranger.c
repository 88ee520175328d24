#include "probe/stranger.h"

#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "probe/case.h"
#include "probe/domain.h"
#include "probe/host.h"
#include "probe/session.h"
#include "probe/site.h"
#include "provider/reply_delay.h"

#define BROKEN_MAX   2 /* conversations that may break before it was in vain */
#define UNTRIED_MAX  200
#define VAIN_KEPT_MS MINUTE_MS

static void alarm_rang(void *owner);

static void write_mailbox(struct probe_stranger *stranger, const char *domain)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648 6 */
    char *at = stranger->mailbox;

    memcpy(at, PROBE_STRANGER_PREFIX, sizeof(PROBE_STRANGER_PREFIX) - 1);
    at += sizeof(PROBE_STRANGER_PREFIX) - 1;
    for (unsigned i = 0; i < PROBE_STRANGER_RANDOM; i++)
        *at++ = letters[random_below(&stranger->engine->random, 32)];
    *at++ = '@';
    memcpy(at, domain, strlen(domain) + 1);
}

static struct probe_stranger *stranger_new(struct probe_domain *domain)
{
    struct probe_engine *engine = domain->engine;
    size_t len = sizeof(PROBE_STRANGER_PREFIX) + PROBE_STRANGER_RANDOM + strlen(domain->name);
    struct probe_stranger *stranger = memory_zalloc(1, sizeof(*stranger) + len + 1);

    if (stranger == NULL)
        return NULL;
    if (probe_alarms_admit(&engine->alarms, &stranger->alarm, alarm_rang, stranger) != 0) {
        memory_free(stranger);
        return NULL;
    }
    stranger->engine = engine;
    stranger->domain = domain;
    list_init(&stranger->waiters);
    arena_init(&stranger->arena);
    write_mailbox(stranger, domain->name);
    stranger->ask.recipient.mailbox = slice_from(stranger->mailbox, len);
    stranger->ask.is_random = true;
    stranger->ask.domain = domain;
    stranger->ask.alone = domain->provider->random_in_own_session;
    stranger->budget_ms = engine->settings.case_timeout_ms;
    return stranger;
}

void probe_stranger_free(struct probe_stranger *stranger)
{
    if (stranger == NULL)
        return;
    CHECK(stranger->ask.session == NULL && list_is_empty(&stranger->waiters));
    probe_host_dequeue(&stranger->ask);
    probe_alarms_dismiss(&stranger->engine->alarms, &stranger->alarm);
    arena_done(&stranger->arena);
    memory_free(stranger);
}

bool probe_stranger_is_under_way(const struct probe_domain *domain)
{
    return domain->stranger != NULL && !domain->stranger->is_over;
}

static uint64_t later_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/*
 * Stand in the queue, or, where we were refused a moment ago and may be welcome again within the
 * patience chosen, wait for that. ERROR_BUSY when neither helps, ERROR_NOMEM.
 */
static int enqueue(struct probe_stranger *stranger)
{
    struct probe_engine *engine = stranger->engine;
    uint64_t now = probe_engine_now(engine);
    uint64_t patience = probe_patience_ms(stranger->patience);
    uint64_t until_ms =
        later_of(stranger->host->site->breaker.until_ms, stranger->domain->breaker.until_ms);

    if (probe_host_is_dead(stranger->host, now))
        return ERROR_BUSY;
    if (until_ms <= now)
        return probe_host_enqueue(stranger->host, &stranger->ask, true);
    if (stranger->waited_ms + (until_ms - now) > later_of(patience, PROBE_PAUSE_TAKEN_MS))
        return ERROR_BUSY;
    stranger->waiting_since_ms = now;
    probe_alarm_set(&engine->alarms, &stranger->alarm, until_ms);
    return 0;
}

bool probe_stranger_send(struct probe_domain *domain, struct probe_host *host,
                         const struct probe_wish *wish)
{
    struct probe_place place = probe_host_place(host);
    struct probe_stranger *stranger = domain->stranger;

    if (stranger != NULL && stranger->is_over) {
        if (probe_engine_now(domain->engine) < stranger->vain_until_ms &&
            probe_places_are_alike(&place, &stranger->place))
            return false;
        probe_stranger_free(stranger);
        stranger = domain->stranger = NULL;
    }
    if (stranger != NULL) {
        if (wish->patience > stranger->patience)
            stranger->patience = wish->patience;
        if (!wish->is_in_no_hurry)
            probe_host_hurry(&stranger->ask);
        return true;
    }
    stranger = stranger_new(domain);
    if (stranger == NULL)
        return false;
    stranger->patience = wish->patience;
    stranger->ask.hurried = !wish->is_in_no_hurry;
    stranger->host = host;
    stranger->place = place;
    if (enqueue(stranger) != 0) {
        probe_stranger_free(stranger);
        return false;
    }
    domain->stranger = stranger;
    list_append(&domain->engine->strangers, &stranger->in_engine);
    probe_domain_hold(domain);
    probe_host_hold(host);
    return true;
}

void probe_stranger_await(struct probe_domain *domain, struct probe_case *kase)
{
    CHECK(probe_stranger_is_under_way(domain));
    list_append(&domain->stranger->waiters, &kase->node);
}

/*
 * It is over, one way or the other: everybody who waits goes on, and it lets go of its holds. That
 * it was in vain is remembered for so long.
 */
static void settle_for(struct probe_stranger *stranger, uint64_t kept_ms)
{
    struct probe_domain *domain = stranger->domain;
    struct probe_host *host = stranger->host;
    struct list_node *node;

    probe_alarm_clear(&stranger->engine->alarms, &stranger->alarm);
    probe_host_dequeue(&stranger->ask);
    list_remove(&stranger->in_engine);
    stranger->is_over = true;
    stranger->vain_until_ms = probe_engine_now(stranger->engine) + kept_ms;
    while ((node = list_pop(&stranger->waiters)) != NULL)
        probe_case_stranger_settled(LIST_ELEMENT(node, struct probe_case, node));
    if (probe_domain_habit(domain, &stranger->place) != EVIDENCE_CATCH_ALL_UNKNOWN) {
        probe_stranger_free(stranger);
        domain->stranger = NULL;
    }
    probe_host_release(host);
    probe_domain_release(domain);
}

static void settle(struct probe_stranger *stranger)
{
    settle_for(stranger, VAIN_KEPT_MS);
}

void probe_stranger_abandon(struct probe_domain *domain)
{
    struct probe_stranger *stranger = domain->stranger;

    if (probe_stranger_is_under_way(domain) &&
        (stranger->ask.session == NULL || probe_session_withdraw(&stranger->ask)))
        settle(stranger);
}

void probe_stranger_cancel_all(struct probe_engine *engine)
{
    struct list_node *node;

    while ((node = list_first(&engine->strangers)) != NULL)
        settle(LIST_ELEMENT(node, struct probe_stranger, in_engine));
}

/* --- being asked --------------------------------------------------------------------------- */

static void alarm_rang(void *owner)
{
    struct probe_stranger *stranger = owner;

    if (stranger->ask.session != NULL) {
        stranger->budget_ms = 0;
        probe_session_abort(stranger->ask.session, SMTP_OUTCOME_TIMEOUT,
                            "no time left for this address");
        return;
    }
    stranger->waited_ms += probe_engine_now(stranger->engine) - stranger->waiting_since_ms;
    if (enqueue(stranger) != 0)
        settle(stranger);
}

void probe_stranger_out(struct probe_stranger *stranger)
{
    probe_alarm_set(&stranger->engine->alarms, &stranger->alarm,
                    probe_engine_now(stranger->engine) +
                        (stranger->budget_ms > 0 ? stranger->budget_ms : 1));
}

void probe_stranger_failed(struct probe_stranger *stranger)
{
    settle(stranger);
}

/* What they were told themselves is worth too little without its answer. */
void probe_stranger_elsewhere(struct probe_stranger *stranger, const char *site)
{
    for (struct list_node *node = list_first(&stranger->waiters), *next; node != NULL;
         node = next) {
        struct probe_case *kase = LIST_ELEMENT(node, struct probe_case, node);

        next = list_after(&stranger->waiters, node);
        if (probe_places_are_alike(&stranger->place, &kase->answered_by))
            probe_case_elsewhere(kase, site);
    }
    settle_for(stranger, 0);
}

/* The latest attempt replaces the one before: a domain's habit is one line of evidence. */
static bool keep_attempt(struct probe_stranger *stranger, const struct probe_answer *answer)
{
    struct slice host_name = slice_from_string(answer->session->host->name);

    if (answer->result->outcome == SMTP_OUTCOME_UNTRIED)
        return true;
    stranger->has_attempt = false;
    arena_reset(&stranger->arena);
    host_name = arena_slice(&stranger->arena, host_name);
    if (host_name.ptr == NULL || probe_attempt_make(&stranger->arena, &stranger->ask, answer,
                                                    host_name, &stranger->attempt) != 0)
        return false;
    stranger->has_attempt = true;
    return true;
}

static enum probe_retry_kind retry_kind(enum smtp_class reply_class)
{
    switch (reply_class) {
    case SMTP_CLASS_GREYLISTED:
        return PROBE_RETRY_GREYLIST;
    case SMTP_CLASS_RATE_LIMITED:
        return PROBE_RETRY_RATE;
    default:
        return PROBE_RETRY_TEMPORARY;
    }
}

static bool wait_for_later(struct probe_stranger *stranger, const struct probe_answer *answer)
{
    struct probe_engine *engine = stranger->engine;
    struct probe_retry retry = {
        .kind = retry_kind(answer->classified.reply_class),
        .tries_before = stranger->put_off,
        .waited_ms = stranger->waited_ms,
        .patience = stranger->patience,
        .greylist_ms = stranger->domain->provider->greylist_ms,
        .hint_ms = answer->classified.retry_after_s * SECOND_MS,
        .asked_ms = reply_delay_named(answer->result->reply.text) * SECOND_MS,
    };
    uint64_t wait = probe_retry_wait(&retry);

    if (wait == 0)
        return false;
    stranger->put_off++;
    stranger->waiting_since_ms = probe_engine_now(engine);
    probe_alarm_set(&engine->alarms, &stranger->alarm, stranger->waiting_since_ms + wait);
    return true;
}

static bool ask_again(struct probe_stranger *stranger, const struct probe_answer *answer)
{
    if (answer->result->outcome == SMTP_OUTCOME_UNTRIED)
        stranger->untried++;
    else
        stranger->broken++;
    if (stranger->broken > BROKEN_MAX || stranger->untried > UNTRIED_MAX)
        return false;
    return stranger->budget_ms > 0 && enqueue(stranger) == 0;
}

void probe_stranger_answered(struct probe_stranger *stranger, const struct probe_answer *answer)
{
    struct probe_domain *domain = stranger->domain;
    const struct smtp_reply *reply = &answer->result->reply;
    uint64_t spent = answer->now_ms - stranger->ask.asked_ms;
    bool goes_on = false;

    probe_alarm_clear(&stranger->engine->alarms, &stranger->alarm);
    stranger->budget_ms = spent < stranger->budget_ms ? stranger->budget_ms - spent : 0;
    if (!keep_attempt(stranger, answer) || stranger->engine->cancelled) {
        settle(stranger);
        return;
    }
    switch (probe_plan_random(&answer->input)) {
    case PROBE_RANDOM_ACCEPTED:
        (void)probe_domain_learn(domain, EVIDENCE_CATCH_ALL_ACCEPTS, reply, &stranger->place);
        break;
    case PROBE_RANDOM_REFUSED:
        (void)probe_domain_learn(domain, EVIDENCE_CATCH_ALL_REFUSES, reply, &stranger->place);
        break;
    case PROBE_RANDOM_LATER:
        goes_on = wait_for_later(stranger, answer);
        break;
    case PROBE_RANDOM_BROKEN:
        goes_on = ask_again(stranger, answer);
        break;
    case PROBE_RANDOM_NOTHING:
        break;
    }
    if (!goes_on || domain->cases == 0)
        settle(stranger);
}
