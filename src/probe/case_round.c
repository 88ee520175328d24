#include "probe/case_round.h"

#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "probe/domain.h"
#include "probe/host.h"
#include "probe/owner.h"
#include "probe/site.h"

#define ADDRESSES_PER_HOST 3 /* RFC 5321 5.1 wants at least two tried */

/* --- waiting ------------------------------------------------------------------------------- */

static void wait_until(struct probe_case *kase, uint64_t until_ms)
{
    probe_alarm_aim(&kase->alarm, probe_case_wait_is_over, kase);
    probe_alarm_set(&kase->engine->waits, &kase->alarm, until_ms);
}

/* True when the case waits now; false when there is no patience for it. */
bool probe_case_wait(struct probe_case *kase, enum probe_retry_kind kind, uint64_t hint_ms,
                     uint64_t asked_ms)
{
    struct probe_engine *engine = kase->engine;
    const struct provider_profile *provider =
        kase->ask.domain != NULL ? kase->ask.domain->provider : NULL;
    struct probe_retry retry = {
        .kind = kind,
        .tries_before = kase->retries[kind],
        .waited_ms = kase->waited_ms,
        .patience = kase->patience,
        .greylist_ms = provider != NULL ? provider->greylist_ms : 0,
        .hint_ms = hint_ms,
        .asked_ms = asked_ms,
    };
    uint64_t wait = probe_retry_wait(&retry);

    if (wait == 0 || kase->attempt_count >= PROBE_CASE_ATTEMPTS_MAX || engine->cancelled)
        return false;
    kase->retries[kind]++;
    kase->waiting_since_ms = probe_engine_now(engine);
    probe_owner_waits(kase);
    kase->state = PROBE_CASE_WAITING;
    list_remove(&kase->node);
    wait_until(kase, kase->waiting_since_ms + wait);
    return true;
}

void probe_case_wait_is_over(void *owner)
{
    struct probe_case *kase = owner;

    CHECK(kase->state == PROBE_CASE_WAITING);
    kase->waited_ms += probe_engine_now(kase->engine) - kase->waiting_since_ms;
    probe_owner_waits_no_more(kase);
    kase->again_count = 0;
    kase->round_attempts = 0;
    kase->state = PROBE_CASE_READY;
    probe_case_hurry(kase); /* it has waited enough */
    list_append(&kase->engine->ready, &kase->node);
}

/* --- from host to host --------------------------------------------------------------------- */

/* A proxy connects from where it likes. */
static bool family_fits(const struct probe_egress *egress, const struct ip *ip)
{
    uint8_t family = egress->source.ip.family;

    return family == 0 || family == ip->family || egress->proxy != NULL;
}

/* Before there is a site: does any identity reach that family? */
static bool any_family_fits(const struct probe_engine *engine, const struct ip *ip)
{
    for (size_t i = 0; i < engine->settings.egress_count; i++)
        if (family_fits(&engine->settings.egresses[i], ip))
            return true;
    return false;
}

struct evidence_attempt *probe_case_next_attempt(struct probe_case *kase)
{
    if (kase->attempt_count == kase->attempt_room) {
        unsigned room = kase->attempt_room == 0 ? 2 : kase->attempt_room * 2;
        struct evidence_attempt *grown = arena_take(&kase->arena, room * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        if (kase->attempt_count > 0)
            memcpy(grown, kase->attempts, kase->attempt_count * sizeof(*grown));
        kase->attempts = grown;
        kase->attempt_room = (uint16_t)room;
    }
    return &kase->attempts[kase->attempt_count];
}

int probe_case_add_attempt(struct probe_case *kase, const struct evidence_attempt *attempt)
{
    struct evidence_attempt *place = probe_case_next_attempt(kase);

    if (place == NULL)
        return ERROR_NOMEM;
    *place = *attempt;
    kase->attempt_count++;
    return 0;
}

/* What was found out about a dead host a moment ago, as this case's own experience. */
static int remember_dead(struct probe_case *kase, const struct probe_host *host,
                         struct slice host_name)
{
    uint64_t now = probe_engine_now(kase->engine);
    struct evidence_attempt attempt = {
        .unix_ms = probe_engine_unix(kase->engine),
        .host = host_name,
        .ip = host->ip,
        .recipient = kase->ask.recipient.mailbox,
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
    return probe_case_add_attempt(kase, &attempt);
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

            if (!any_family_fits(kase->engine, ip))
                continue;
            host = probe_host_in_rows(kase->ask.domain, ip);
            if (host == NULL)
                host = probe_host_get(kase->engine, ip, mx->name);
            if (host == NULL)
                return ERROR_NOMEM;
            if (!family_fits(host->site->egress, ip)) {
                probe_host_hold(host);
                probe_host_release(host); /* forgotten, unless others know it */
                continue;
            }
            if (!probe_host_is_dead(host, now)) {
                *ret_host = host;
                return 0;
            }
            if (kase->round_attempts == 0 && kase->attempt_count < PROBE_CASE_ATTEMPTS_MAX &&
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

    if (probe_breaker_is_open(&kase->ask.domain->breaker, now)) {
        probe_case_blocked(kase, kase->ask.domain->breaker.until_ms);
        if (kase->state == PROBE_CASE_FINISHED)
            return true;
        probe_owner_waits(kase);
        kase->state = PROBE_CASE_WAITING;
        kase->waiting_since_ms = now;
        list_remove(&kase->node);
        wait_until(kase, kase->ask.domain->breaker.until_ms);
        return true;
    }
    if (probe_breaker_is_open(&host->site->breaker, now)) {
        probe_case_blocked(kase, host->site->breaker.until_ms);
        return kase->state == PROBE_CASE_FINISHED;
    }
    return false;
}

void probe_case_enqueue(struct probe_case *kase, struct probe_host *host, bool first)
{
    enum probe_gate_answer answer = probe_site_gate(host->site);

    if (answer == PROBE_GATE_CLOSED) {
        probe_case_elsewhere(kase, host->site->key);
        return;
    }
    if (answer == PROBE_GATE_LATER)
        probe_site_heed_gate(host->site);
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
    probe_case_enqueue(kase, host, false);
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
    if (retry != PROBE_RETRY_NONE && probe_case_wait(kase, retry, kase->hint_s * SECOND_MS, 0))
        return;
    if (kase->vague && kase->round_attempts > 0 && kase->answered_by.profile != NULL)
        probe_case_needs_stranger(kase);
    else
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
}

void probe_case_next_host(struct probe_case *kase, enum probe_retry_kind retry)
{
    struct probe_host *host;

    if (kase->budget_ms == 0)
        probe_case_finish(kase, EVIDENCE_STOP_DEADLINE);
    else if (find_host(kase, &host) != 0)
        probe_case_fail(kase, "out of memory");
    else if (host != NULL)
        probe_case_enqueue(kase, host, false);
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
    uint64_t patience = probe_patience_ms(kase->patience);
    uint64_t now = probe_engine_now(kase->engine);

    if (!kase->was_blocked)
        kase->blocked_since_ms = now;
    kase->was_blocked = true;
    if (patience < PROBE_PAUSE_TAKEN_MS)
        patience = PROBE_PAUSE_TAKEN_MS;
    if (until_ms - kase->blocked_since_ms + kase->waited_ms > patience)
        probe_case_finish(kase, EVIDENCE_STOP_BREAKER);
}
