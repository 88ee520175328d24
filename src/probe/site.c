#include "probe/site.h"

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "probe/host.h"
#include "probe/session.h"

/* A batch that takes so much of the time of its addresses is given up: the rest is for asking them
 * again, one by one. */
#define BATCH_PART 2

/*
 * Where replies were out of step, one too many is to be seen before the next command is said; or it
 * would be taken for its answer.
 */
#define SETTLE_MS 500

static void alarm_rang(void *owner)
{
    probe_site_mark(owner);
}

static void site_destroy(struct probe_site *site)
{
    probe_alarms_dismiss(&site->engine->alarms, &site->alarm);
    probe_limits_done(&site->limits);
    for (size_t i = 0; i < PROBE_SITE_PLANS; i++)
        memory_free(site->plans[i]);
    memory_free(site->key);
    memory_free(site);
}

static const struct provider_limits *limits_of(const struct probe_settings *settings,
                                               const struct provider_profile *profile)
{
    for (size_t i = 0; i < settings->site_limit_count; i++) {
        if (slice_equal(settings->site_limits[i].provider, slice_from_string(profile->name)))
            return &settings->site_limits[i].limits;
    }
    return &profile->limits;
}

/* What a process before us opened there, and was refused. */
static void recall(struct probe_site *site)
{
    struct probe_ledger *ledger = site->engine->ledger;
    uint64_t now = probe_engine_now(site->engine);

    probe_ledger_recall(ledger, site->key, now, &site->limits);
    probe_ledger_recall_rest(ledger, site->key, now, &site->breaker);
}

static struct probe_site *site_new(struct probe_engine *engine,
                                   const struct provider_profile *profile, const char *key)
{
    const struct probe_settings *settings = &engine->settings;
    struct probe_site *site = memory_zalloc(1, sizeof(*site));
    struct provider_limits ceiling = probe_limits_merge(
        limits_of(settings, profile), &settings->limits_override, settings->limits_opened);

    if (site == NULL)
        return NULL;
    site->engine = engine;
    site->profile = profile;
    site->egress =
        probe_egress_choose(settings->egresses, settings->egress_count, slice_from_string(key));
    site->use_second_sender = profile->null_sender == PROVIDER_NULL_SENDER_REFUSED &&
                              site->egress->sender.len == 0 && site->egress->second_sender.len > 0;
    list_init(&site->waiting);
    list_init(&site->hungry);
    list_init(&site->sessions);
    list_init(&site->idle_sessions);
    site->key = memory_copy_string(key, slice_from_string(key).len);
    if (site->key == NULL || probe_limits_init(&site->limits, &ceiling) != 0 ||
        probe_alarms_admit(&engine->alarms, &site->alarm, alarm_rang, site) != 0 ||
        heap_reserve(&engine->starved, engine->sites.count + 1) != 0 ||
        table_put(&engine->sites, slice_from_string(key), site) != 0) {
        site_destroy(site);
        return NULL;
    }
    if (engine->ledger != NULL)
        recall(site);
    return site;
}

struct probe_site *probe_site_get(struct probe_engine *engine,
                                  const struct provider_profile *profile, struct slice host_name)
{
    char key[PROVIDER_SITE_KEY_SIZE];
    struct probe_site *site;

    provider_site_key(profile, host_name, key);
    site = table_get(&engine->sites, slice_from_string(key));
    return site != NULL ? site : site_new(engine, profile, key);
}

void probe_site_drop(struct probe_site *site)
{
    if (site->host_count > 0)
        return;
    CHECK(site->limits.open == 0 && site->waiting_count == 0);
    table_take(&site->engine->sites, slice_from_string(site->key));
    list_remove(&site->in_dirty);
    heap_remove(&site->engine->starved, &site->in_starved);
    site_destroy(site);
}

void probe_site_mark(struct probe_site *site)
{
    if (!list_node_is_in(&site->in_dirty))
        list_append(&site->engine->dirty, &site->in_dirty);
}

struct slice probe_site_sender(const struct probe_site *site)
{
    return site->use_second_sender ? site->egress->second_sender : site->egress->sender;
}

static unsigned timeout_percent(const struct probe_site *site)
{
    unsigned percent =
        site->profile->timeout_percent * site->engine->settings.timeout_percent / 100;

    return percent < 1 ? 1 : percent > 100 ? 100 : percent;
}

const struct smtp_plan *probe_site_plan(struct probe_site *site, bool in_clear, bool alone,
                                        bool one_by_one)
{
    const struct probe_settings *settings = &site->engine->settings;
    const struct provider_limits *ceiling = &site->limits.ceiling;
    size_t at = site->use_second_sender * 8u + one_by_one * 4u + in_clear * 2u + alone;
    struct smtp_plan *plan = site->plans[at];

    if (plan != NULL)
        return plan;
    plan = memory_alloc(sizeof(*plan));
    if (plan == NULL)
        return NULL;
    *plan = (struct smtp_plan){
        .desk = &site->engine->desk,
        .helo_name = site->egress->helo_name,
        .sender = probe_site_sender(site),
        .tls = in_clear ? SMTP_TLS_NEVER : settings->tls,
        .use_pipelining = settings->pipelining && ceiling->gap_ms == 0 && !one_by_one,
        .keep_transcript = settings->transcripts,
        .rcpts_per_transaction = ceiling->rcpts_per_transaction,
        .rcpts_per_session = alone ? 1 : ceiling->rcpts_per_session,
        .gap_ms = ceiling->gap_ms,
        .settle_ms = one_by_one ? SETTLE_MS : 0,
        .batch_ms = settings->case_timeout_ms / BATCH_PART,
        .timeout_percent = timeout_percent(site),
        .deadline_ms = INSTANT_NEVER,
    };
    site->plans[at] = plan;
    return plan;
}

/* --- opening connections ------------------------------------------------------------------- */

/*
 * Sites that need the longest to work off their queue come first: they decide when the whole list
 * is done, and a connection they wait for is time lost. By powers of two, so that small ones of
 * about the same need are served in the order in which they came.
 */
static uint64_t starved_key(const struct probe_site *site)
{
    uint64_t load = site->waiting_count * UINT64_C(16) / site->limits.ceiling.connections;
    uint64_t key = 64;

    while (load > 1) {
        load >>= 1;
        key--;
    }
    return key;
}

static void wait_for_engine(struct probe_site *site)
{
    struct list_node *idle = list_first(&site->engine->idle_sessions);
    uint64_t key = starved_key(site);

    if (!heap_node_is_in(&site->in_starved) || site->in_starved.key != key) {
        heap_remove(&site->engine->starved, &site->in_starved);
        CHECK(heap_push(&site->engine->starved, &site->in_starved, key) == 0);
    }
    if (idle != NULL && !probe_engine_has_room(site->engine)) /* kept for nothing */
        probe_session_retire(LIST_ELEMENT(idle, struct probe_session, in_engine));
}

static void wait_for_slot(struct probe_site *site, uint64_t at_ms)
{
    struct list_node *idle = list_first(&site->idle_sessions);

    if (at_ms != INSTANT_NEVER)
        probe_alarm_set(&site->engine->alarms, &site->alarm, at_ms);
    else if (idle != NULL)
        probe_session_retire(LIST_ELEMENT(idle, struct probe_session, in_site));
}

/* The host whose turn it is. Those that want no connection any more leave the list. */
static struct probe_host *next_hungry(struct probe_site *site)
{
    struct list_node *node;

    while ((node = list_first(&site->hungry)) != NULL) {
        struct probe_host *host = LIST_ELEMENT(node, struct probe_host, in_hungry);

        if (probe_host_wants_session(host))
            return host;
        list_remove(node);
    }
    return NULL;
}

bool probe_site_needs_note(const struct probe_site *site)
{
    return site->engine->ledger != NULL && site->limits.ceiling.connections_per_minute > 0;
}

/* As probe_limits_next_open. */
static uint64_t next_open(const struct probe_site *site, uint64_t now)
{
    uint64_t at = probe_limits_next_open(&site->limits, now);
    uint64_t ledger = probe_site_needs_note(site) ? site->engine->ledger_until_ms : 0;

    return at < ledger ? ledger : at;
}

/* Open one connection if there is one to open; false when there is nothing more to do now. */
static bool open_one(struct probe_site *site, uint64_t now)
{
    struct probe_engine *engine = site->engine;
    struct probe_host *host = next_hungry(site);
    bool granted = site->granted;
    uint64_t at;

    site->granted = false;
    if (host == NULL || !probe_breaker_allows(&site->breaker, now))
        return false;
    at = next_open(site, now);
    if (at > now) {
        wait_for_slot(site, at);
        return false;
    }
    if (!probe_engine_has_room(engine) || (engine->starved.count > 0 && !granted)) {
        wait_for_engine(site);
        return false;
    }
    list_remove(&host->in_hungry);
    list_append(&site->hungry, &host->in_hungry); /* the next turn is another's */
    return probe_session_open(host);
}

enum probe_gate_answer probe_site_gate(const struct probe_site *site)
{
    const struct probe_gate *gate = &site->engine->gate;
    const struct probe_gate_question question = {
        .site = site->key,
        .connections_per_minute = site->limits.ceiling.connections_per_minute,
    };

    return gate->ask != NULL ? gate->ask(gate->user, &question) : PROBE_GATE_OPEN;
}

void probe_site_heed_gate(struct probe_site *site)
{
    const struct probe_gate *gate = &site->engine->gate;
    uint64_t now = probe_engine_now(site->engine);
    uint64_t until = gate->rests_until != NULL ? gate->rests_until(gate->user, site->key) : 0;

    /* A window of new connections is just waited for. */
    if (until > now + PROBE_LIMITS_WINDOW_MS)
        probe_breaker_heed(&site->breaker, until, now);
}

static void retire_all(struct probe_site *site);
static void tell_all(struct probe_site *site, bool is_elsewhere);

void probe_site_gate_turned(struct probe_site *site)
{
    if (probe_site_gate(site) == PROBE_GATE_CLOSED) {
        retire_all(site);
        tell_all(site, true);
    }
    probe_site_mark(site);
}

void probe_site_run(struct probe_site *site)
{
    uint64_t now = probe_engine_now(site->engine);

    if (site->waiting_count > 0 && probe_site_gate(site) != PROBE_GATE_OPEN) {
        site->granted = false;
        if (probe_site_gate(site) == PROBE_GATE_CLOSED) {
            tell_all(site, true);
            return;
        }
        probe_site_heed_gate(site);
        if (probe_breaker_is_open(&site->breaker, now))
            tell_all(site, false);
        return;
    }
    if (probe_breaker_is_open(&site->breaker, now)) {
        site->granted = false;
        if (site->waiting_count > 0)
            probe_alarm_set(&site->engine->alarms, &site->alarm, site->breaker.until_ms);
        return;
    }
    while (open_one(site, now)) {
    }
}

void probe_site_slot_freed(struct probe_site *site)
{
    probe_limits_closed(&site->limits);
    if (!list_is_empty(&site->hungry))
        probe_site_mark(site);
}

/* --- manners ------------------------------------------------------------------------------- */

void probe_site_succeeded(struct probe_site *site)
{
    struct probe_engine *engine = site->engine;
    uint64_t now = probe_engine_now(engine);
    bool was_half_open = probe_breaker_is_half_open(&site->breaker, now);

    probe_breaker_succeeded(&site->breaker, now);
    if (was_half_open && engine->ledger != NULL)
        probe_ledger_rest(engine->ledger, site->key, &site->breaker, now);
    if (was_half_open || !list_is_empty(&site->hungry))
        probe_site_mark(site);
}

static void tell(const struct probe_site *site, struct probe_ask *ask, bool is_elsewhere)
{
    if (is_elsewhere)
        probe_ask_elsewhere(ask, site->key);
    else
        probe_ask_blocked(ask, site->breaker.until_ms);
}

/*
 * To every ask in its queues. Cases that have not the patience to wait for the breaker end now; the
 * others stay queued. All of them end when the site is another process's.
 */
static void tell_all(struct probe_site *site, bool is_elsewhere)
{
    struct list_node *at_host, *at_row, *at_ask, *next_host, *next_row, *next_ask;

    for (at_host = list_first(&site->waiting); at_host != NULL; at_host = next_host) {
        struct probe_host *host = LIST_ELEMENT(at_host, struct probe_host, in_waiting);

        next_host = list_after(&site->waiting, at_host);
        probe_host_hold(host);
        while ((at_ask = list_first(&host->solo)) != NULL) {
            struct probe_ask *ask = LIST_ELEMENT(at_ask, struct probe_ask, node);

            probe_host_dequeue(ask);
            tell(site, ask, is_elsewhere);
        }
        for (at_row = list_first(&host->rows); at_row != NULL; at_row = next_row) {
            struct probe_row *row = LIST_ELEMENT(at_row, struct probe_row, in_host);

            next_row = list_after(&host->rows, at_row);
            for (at_ask = list_first(&row->asks); at_ask != NULL; at_ask = next_ask) {
                bool last = (next_ask = list_after(&row->asks, at_ask)) == NULL;

                tell(site, LIST_ELEMENT(at_ask, struct probe_ask, node), is_elsewhere);
                if (last) /* the row may be gone */
                    break;
            }
        }
        probe_host_release(host);
    }
}

static void retire_all(struct probe_site *site)
{
    struct list_node *node;

    while ((node = list_first(&site->idle_sessions)) != NULL) /* they are idle no more then */
        probe_session_retire(LIST_ELEMENT(node, struct probe_session, in_site));
    for (node = list_first(&site->sessions); node != NULL; node = list_after(&site->sessions, node))
        probe_session_retire(LIST_ELEMENT(node, struct probe_session, in_site));
}

/* Who asks there after us has to know. */
static void note_rest(struct probe_site *site)
{
    const struct probe_engine *engine = site->engine;
    uint64_t until = site->breaker.until_ms;

    if (engine->gate.refused != NULL)
        engine->gate.refused(engine->gate.user, site->key, until);
    if (engine->ledger != NULL)
        probe_ledger_rest(engine->ledger, site->key, &site->breaker, probe_engine_now(engine));
}

void probe_site_refused(struct probe_site *site, enum probe_refusal refusal, bool opens)
{
    uint64_t now = probe_engine_now(site->engine), until = site->breaker.until_ms;
    bool opened;

    if (opens || refusal == PROBE_REFUSAL_SLOW_DOWN)
        opened = probe_breaker_refused(&site->breaker, refusal, now);
    else
        opened = probe_breaker_strike(&site->breaker, refusal, now);
    if (site->breaker.until_ms > until)
        note_rest(site);
    if (!opened)
        return;
    probe_limits_refused(&site->limits);
    retire_all(site);
    tell_all(site, false);
    probe_site_mark(site);
}
