#include "probe/engine.h"

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "probe/case.h"
#include "probe/domain.h"
#include "probe/host.h"
#include "probe/session.h"
#include "probe/site.h"
#include "probe/state.h"
#include "probe/stranger.h"

#define CASE_TIMEOUT_MS     (180 * SECOND_MS)
#define CONNECT_TIMEOUT_MS  (30 * SECOND_MS)
#define CONNECTIONS_MAX     200
#define CASES_MAX           10000
#define HELD_TO_ACTIVE      4 /* cases held, waiting ones too, to cases_max */
#define SMTP_PORT           25
#define DESCRIPTOR_PAUSE_MS SECOND_MS
#define LEDGER_PAUSE_MS     SECOND_MS
#define SETTLE_AT           32 /* answered cases that are kept until the loop's next turn */

void probe_settings_init(struct probe_settings *settings)
{
    *settings = (struct probe_settings){
        .port = SMTP_PORT,
        .tls = SMTP_TLS_OPPORTUNISTIC,
        .depth = EVIDENCE_DEPTH_SMTP,
        .patience = PROBE_PATIENCE_NORMAL,
        .case_timeout_ms = CASE_TIMEOUT_MS,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .timeout_percent = 100,
        .connections_max = CONNECTIONS_MAX,
        .cases_max = CASES_MAX,
        .pipelining = true,
        .catch_all = true,
        .helo_name = SLICE_EMPTY,
        .sender = SLICE_EMPTY,
        .second_sender = SLICE_EMPTY,
    };
}

/* Zero means "as documented". */
static void fill_in(struct probe_settings *settings)
{
    struct probe_settings usual;

    probe_settings_init(&usual);
    if (settings->port == 0)
        settings->port = usual.port;
    if (settings->case_timeout_ms == 0)
        settings->case_timeout_ms = usual.case_timeout_ms;
    if (settings->connect_timeout_ms == 0)
        settings->connect_timeout_ms = usual.connect_timeout_ms;
    if (settings->timeout_percent == 0)
        settings->timeout_percent = usual.timeout_percent;
    if (settings->connections_max == 0)
        settings->connections_max = usual.connections_max;
    if (settings->cases_max == 0)
        settings->cases_max = usual.cases_max;
}

static void timer_fired(struct io_timer *timer)
{
    struct probe_engine *engine = timer->user;

    engine->timer_ms = INSTANT_NEVER;
    probe_engine_enter(engine);
    probe_alarms_ring(&engine->waits, probe_engine_now(engine));
    probe_alarms_ring(&engine->alarms, probe_engine_now(engine));
    probe_case_deadlines_ring(engine);
    probe_engine_leave(engine);
}

/* Settling does the rest: has_room says yes again. */
static void descriptors_may_be_back(void *owner)
{
}

static void held_for_long(void *owner)
{
    probe_host_let_go(owner);
}

static void init_lists(struct probe_engine *engine)
{
    table_init(&engine->domains, random_next(&engine->random));
    table_init(&engine->hosts, random_next(&engine->random));
    table_init(&engine->sites, random_next(&engine->random));
    table_init_borrowing(&engine->mailboxes, random_next(&engine->random));
    list_init(&engine->cases);
    list_init(&engine->sessions);
    list_init(&engine->strangers);
    list_init(&engine->idle_sessions);
    list_init(&engine->idle_domains);
    list_init(&engine->idle_hosts);
    list_init(&engine->held);
    list_init(&engine->ready);
    list_init(&engine->dirty);
    list_init(&engine->woken);
    list_init(&engine->finished);
    list_init(&engine->out);
    heap_init(&engine->starved);
}

struct probe_engine *probe_engine_new(struct io_loop *loop, struct dns_resolver *resolver,
                                      const struct lists_operator *lists,
                                      const struct probe_settings *settings)
{
    struct probe_engine *engine = memory_zalloc(1, sizeof(*engine));

    if (engine == NULL)
        return NULL;
    engine->loop = loop;
    engine->resolver = resolver;
    engine->lists = lists;
    engine->settings = *settings;
    fill_in(&engine->settings);
    engine->own_egress = (struct probe_egress){
        .helo_name = settings->helo_name,
        .sender = settings->sender,
        .second_sender = settings->second_sender,
        .source = settings->source,
    };
    if (settings->egress_count == 0) {
        engine->settings.egresses = &engine->own_egress;
        engine->settings.egress_count = 1;
    }
    random_init(&engine->random, settings->seed);
    init_lists(engine);
    smtp_desk_init(&engine->desk);
    io_timer_init(loop, &engine->timer, timer_fired, engine);
    engine->timer_ms = INSTANT_NEVER;
    probe_alarms_init(&engine->alarms);
    probe_alarms_init(&engine->waits);
    if (probe_alarms_admit(&engine->alarms, &engine->descriptor_alarm, descriptors_may_be_back,
                           engine) != 0 ||
        probe_alarms_admit(&engine->alarms, &engine->held_alarm, held_for_long, engine) != 0) {
        probe_alarms_done(&engine->alarms);
        memory_free(engine);
        return NULL;
    }
    return engine;
}

void probe_engine_set_lists(struct probe_engine *engine, const struct lists_operator *lists)
{
    engine->lists = lists;
}

void probe_engine_set_memory(struct probe_engine *engine, const struct probe_memory *memory)
{
    engine->memory = memory != NULL ? *memory : (struct probe_memory){0};
}

void probe_engine_set_ledger(struct probe_engine *engine, struct probe_ledger *ledger)
{
    engine->ledger = ledger;
}

void probe_engine_set_gate(struct probe_engine *engine, const struct probe_gate *gate)
{
    engine->gate = gate != NULL ? *gate : (struct probe_gate){0};
}

void probe_engine_gate_turned(struct probe_engine *engine, const char *key)
{
    struct probe_site *site = table_get(&engine->sites, slice_from_string(key));

    if (site == NULL)
        return;
    probe_engine_enter(engine);
    probe_site_gate_turned(site);
    probe_engine_leave(engine);
}

void probe_engine_set_past(struct probe_engine *engine, const struct probe_past *past)
{
    engine->past = past != NULL ? *past : (struct probe_past){0};
}

uint64_t probe_engine_now(const struct probe_engine *engine)
{
    return engine->depth > 0 ? engine->now_ms : io_now_ms(engine->loop);
}

int64_t probe_engine_unix(struct probe_engine *engine)
{
    uint64_t now = probe_engine_now(engine);

    if (engine->unix_ms == 0 || engine->unix_at_ms != now) {
        engine->unix_ms = io_unix_ms(engine->loop);
        engine->unix_at_ms = now;
    }
    return engine->unix_ms;
}

/* --- coming in, settling, going out -------------------------------------------------------- */

void probe_engine_enter(struct probe_engine *engine)
{
    if (engine->depth++ == 0)
        engine->now_ms = io_now_ms(engine->loop);
}

/* A connection is to be had: the neediest of the sites that wait for one may open it. */
static bool grant_connection(struct probe_engine *engine)
{
    struct heap_node *node;
    struct probe_site *site;

    if (!probe_engine_has_room(engine) || (node = heap_pop(&engine->starved)) == NULL)
        return false;
    site = LIST_ELEMENT(node, struct probe_site, in_starved);
    site->granted = true;
    probe_site_mark(site);
    return true;
}

static bool settle_once(struct probe_engine *engine)
{
    struct list_node *node;

    if ((node = list_pop(&engine->ready)) != NULL) {
        probe_case_step(LIST_ELEMENT(node, struct probe_case, node));
    } else if ((node = list_pop(&engine->woken)) != NULL) {
        probe_session_run(LIST_ELEMENT(node, struct probe_session, in_woken));
    } else if ((node = list_pop(&engine->dirty)) != NULL) {
        probe_site_run(LIST_ELEMENT(node, struct probe_site, in_dirty));
    } else if ((node = list_pop(&engine->finished)) != NULL) {
        engine->finished_count--;
        probe_case_report(LIST_ELEMENT(node, struct probe_case, node));
    } else if (!list_is_empty(&engine->held) && !probe_engine_is_full(engine)) {
        probe_host_let_go(engine);
    } else {
        return grant_connection(engine);
    }
    return true;
}

static void settle(struct probe_engine *engine)
{
    struct list_node *node;

    engine->settling = true;
    do {
        while (settle_once(engine)) {
        }
        /* With nothing open there is nothing to linger for. */
        while (engine->submissions == 0 && (node = list_first(&engine->idle_sessions)) != NULL)
            probe_session_retire(LIST_ELEMENT(node, struct probe_session, in_engine));
    } while (!list_is_empty(&engine->woken));
    engine->settling = false;
}

/* Have the timer fire at at_ms or before. */
static int arm(struct probe_engine *engine, uint64_t at_ms)
{
    int code;

    if (at_ms >= engine->timer_ms)
        return 0;
    code = io_timer_start(&engine->timer, at_ms);
    engine->timer_ms = code == 0 ? at_ms : INSTANT_NEVER;
    return code;
}

static uint64_t next_event_ms(const struct probe_engine *engine)
{
    uint64_t alarm = probe_alarms_next(&engine->alarms);
    uint64_t wait = probe_alarms_next(&engine->waits);
    uint64_t deadline = probe_case_next_deadline(engine);
    uint64_t first = alarm < wait ? alarm : wait;

    return first < deadline ? first : deadline;
}

static void break_off_sessions(struct probe_engine *engine)
{
    struct list_node *node, *after;

    while ((node = list_first(&engine->idle_sessions)) != NULL)
        probe_session_abort(LIST_ELEMENT(node, struct probe_session, in_engine),
                            SMTP_OUTCOME_DISCONNECTED, "cancelled");
    for (node = list_first(&engine->sessions); node != NULL; node = after) {
        struct probe_session *session = LIST_ELEMENT(node, struct probe_session, in_engine);

        after = list_after(&engine->sessions, node);
        if (!session->leaving)
            probe_session_abort(session, SMTP_OUTCOME_DISCONNECTED, "cancelled");
    }
}

/* End all that is open, as cancelled or as failed. */
static void end_all(struct probe_engine *engine, const char *failure)
{
    struct list_node *node, *after;

    engine->cancelled = true;
    break_off_sessions(engine);
    probe_stranger_cancel_all(engine);
    for (node = list_first(&engine->cases); node != NULL; node = after) {
        struct probe_case *kase = LIST_ELEMENT(node, struct probe_case, in_cases);

        after = list_after(&engine->cases, node);
        if (kase->state == PROBE_CASE_FINISHED)
            continue;
        if (failure != NULL)
            probe_case_fail(kase, failure);
        else
            probe_case_finish(kase, EVIDENCE_STOP_CANCELLED);
    }
    engine->cancelled = false;
}

void probe_engine_leave(struct probe_engine *engine)
{
    CHECK(engine->depth > 0);
    if (engine->depth == 1 && !engine->settling) {
        settle(engine);
        if (!engine->closing && arm(engine, next_event_ms(engine)) != 0) {
            /* Without a timer nothing would ever go on: better an honest end than none. */
            end_all(engine, "no memory for a timer");
            settle(engine);
        }
    }
    engine->depth--;
}

void probe_engine_leave_soon(struct probe_engine *engine)
{
    if (engine->depth > 1 || engine->settling || engine->finished_count >= SETTLE_AT ||
        arm(engine, probe_engine_now(engine)) != 0)
        probe_engine_leave(engine);
    else
        engine->depth--;
}

int probe_engine_submit(struct probe_engine *engine, struct slice address, probe_done *done,
                        void *user)
{
    const struct probe_wish wish = {.depth = engine->settings.depth,
                                    .patience = engine->settings.patience};

    return probe_engine_submit_wish(engine, address, &wish, done, user);
}

/* Open submissions that do not wait for a later attempt. */
static size_t active(const struct probe_engine *engine)
{
    return engine->submissions - engine->waiting;
}

int probe_engine_submit_wish(struct probe_engine *engine, struct slice address,
                             const struct probe_wish *wish, probe_done *done, void *user)
{
    int code;

    if (wish->depth > engine->settings.depth)
        return ERROR_RANGE;
    if (engine->closing || active(engine) >= engine->settings.cases_max ||
        engine->submissions / HELD_TO_ACTIVE >= engine->settings.cases_max)
        return ERROR_BUSY;
    /* Inside a callback the settling will find it; outside, the timer's next turn. */
    if (engine->depth == 0) {
        code = arm(engine, probe_engine_now(engine));
        if (code != 0)
            return ERROR_NOMEM;
    }
    return probe_case_submit(engine, address, wish, done, user);
}

void probe_engine_cancel(struct probe_engine *engine)
{
    probe_engine_enter(engine);
    end_all(engine, NULL);
    probe_engine_leave(engine);
}

void probe_engine_free(struct probe_engine *engine)
{
    struct list_node *node;

    if (engine == NULL)
        return;
    CHECK(engine->depth == 0); /* not from inside a callback */
    engine->closing = true;
    probe_engine_cancel(engine);
    CHECK(list_is_empty(&engine->cases));
    while ((node = list_first(&engine->sessions)) != NULL)
        probe_session_free(LIST_ELEMENT(node, struct probe_session, in_engine));
    probe_domain_free_all(engine);
    probe_host_free_all(engine);
    CHECK(engine->sites.count == 0 && engine->connections == 0 && engine->mailboxes.count == 0);
    smtp_desk_done(&engine->desk);
    while (engine->spare_count > 0)
        arena_done(&engine->spares[--engine->spare_count]);
    while (engine->case_block_count > 0)
        memory_free(engine->case_blocks[--engine->case_block_count]);
    table_done(&engine->domains);
    table_done(&engine->hosts);
    table_done(&engine->sites);
    table_done(&engine->mailboxes);
    heap_done(&engine->starved);
    probe_alarms_dismiss(&engine->alarms, &engine->descriptor_alarm);
    probe_alarms_dismiss(&engine->alarms, &engine->held_alarm);
    probe_alarms_done(&engine->alarms);
    probe_alarms_done(&engine->waits);
    io_timer_stop(&engine->timer);
    memory_free(engine);
}

/* --- the allowance of connections ---------------------------------------------------------- */

bool probe_engine_has_room(const struct probe_engine *engine)
{
    return engine->connections < engine->settings.connections_max &&
           probe_engine_now(engine) >= engine->descriptors_until_ms;
}

bool probe_engine_is_full(const struct probe_engine *engine)
{
    return active(engine) >= engine->settings.cases_max - engine->settings.cases_max / 4;
}

void probe_engine_connection_closed(struct probe_engine *engine)
{
    CHECK(engine->connections > 0);
    engine->connections--;
    engine->descriptors_until_ms = 0;
}

void probe_engine_descriptors_spent(struct probe_engine *engine)
{
    engine->descriptors_until_ms = probe_engine_now(engine) + DESCRIPTOR_PAUSE_MS;
    probe_alarm_set(&engine->alarms, &engine->descriptor_alarm, engine->descriptors_until_ms);
}

void probe_engine_ledger_failed(struct probe_engine *engine)
{
    engine->ledger_until_ms = probe_engine_now(engine) + LEDGER_PAUSE_MS;
    engine->counts.unnoted++;
}

/* --- looking at it ------------------------------------------------------------------------- */

void probe_engine_counts(const struct probe_engine *engine, struct probe_counts *ret_counts)
{
    size_t cursor = 0;
    struct slice key;
    void *value;

    *ret_counts = engine->counts;
    ret_counts->open_cases = engine->submissions;
    ret_counts->open_sessions = engine->connections;
    ret_counts->sites = engine->sites.count;
    ret_counts->breakers_open = 0;
    while (table_next(&engine->sites, &cursor, &key, &value)) {
        const struct probe_site *site = value;

        ret_counts->breakers_open +=
            probe_breaker_is_open(&site->breaker, probe_engine_now(engine));
    }
    ret_counts->greylist_waiting = engine->waits.heap.count;
    ret_counts->next_retry_ms = probe_alarms_next(&engine->waits);
}

static void forget_later(struct probe_engine *engine)
{
    size_t cursor = 0;
    struct slice key;
    void *value;

    while (table_next(&engine->sites, &cursor, &key, &value)) {
        struct probe_site *site = value;

        site->later_count = 0;
        site->later_ms = INSTANT_NEVER;
    }
}

/* Counted when somebody looks: a case that waits holds neither host nor site. */
static void count_later(struct probe_engine *engine)
{
    struct list_node *node;

    forget_later(engine);
    for (node = list_first(&engine->cases); node != NULL; node = list_after(&engine->cases, node)) {
        const struct probe_case *kase = LIST_ELEMENT(node, struct probe_case, in_cases);
        const struct probe_host *host;
        uint64_t at_ms = probe_alarm_time(&kase->alarm);

        if (kase->state != PROBE_CASE_WAITING || kase->answered_by.profile == NULL)
            continue;
        host = probe_host_find(engine, &kase->answered_by.ip);
        if (host == NULL)
            continue;
        host->site->later_count++;
        if (at_ms < host->site->later_ms)
            host->site->later_ms = at_ms;
    }
}

static void describe_site(const struct probe_site *site, struct probe_site_state *ret_state)
{
    uint64_t now = probe_engine_now(site->engine), until = 0;
    double per_s = probe_pace_per_s(&site->pace, now);

    *ret_state = (struct probe_site_state){
        .key = site->key,
        .profile = site->profile,
        .waiting = site->waiting_count,
        .sessions = site->limits.open,
        .connection_limit = site->limits.allowed,
        .rcpts_per_s = per_s,
        .eta_ms = site->waiting_count == 0 ? 0 : INSTANT_NEVER,
        .later = site->later_count,
        .later_ms = site->later_ms,
    };
    if (probe_breaker_is_open(&site->breaker, now))
        ret_state->breaker_until_ms = until = site->breaker.until_ms;
    if (site->waiting_count > 0 && per_s > 0)
        ret_state->eta_ms = (uint64_t)((double)site->waiting_count * SECOND_MS / per_s) +
                            (until > now ? until - now : 0);
}

bool probe_engine_next_site(struct probe_engine *engine, size_t *cursor,
                            struct probe_site_state *ret_state)
{
    struct slice key;
    void *value;

    if (*cursor == 0)
        count_later(engine);
    if (!table_next(&engine->sites, cursor, &key, &value))
        return false;
    describe_site(value, ret_state);
    return true;
}

bool probe_engine_find_site(struct probe_engine *engine, const char *key,
                            struct probe_site_state *ret_state)
{
    struct probe_site *site = table_get(&engine->sites, slice_from_string(key));

    if (site != NULL)
        describe_site(site, ret_state);
    return site != NULL;
}

uint64_t probe_engine_site_fresh_ms(struct probe_engine *engine, const char *key)
{
    struct probe_site *site = table_get(&engine->sites, slice_from_string(key));
    uint64_t now = probe_engine_now(engine), until;

    if (site == NULL)
        return 0;
    until = probe_limits_last_opened(&site->limits) + PROBE_LIMITS_WINDOW_MS;
    return probe_limits_last_opened(&site->limits) != 0 && until > now ? until - now : 0;
}
