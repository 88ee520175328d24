#include "probe/host.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "probe/domain.h"
#include "probe/session.h"
#include "probe/site.h"

#define KEPT_MS               (15 * MINUTE_MS) /* what an unused host is remembered */
#define DEAD_FIRST_MS         (5 * MINUTE_MS)
#define DEAD_LONGEST_MS       HOUR_MS
#define FAILURES_OF_A_LIVING  3 /* a host that answered before may fail twice in a row */
#define FAILURES_OF_A_STRANGE 2 /* one that takes connections and drops them */
#define RCPT_GUESS_MS         300
#define HELD_MS               MINUTE_MS /* for more to be asked in one session */
/* A queue that its sessions will have worked off in this time needs no further connection. */
#define SHORT_QUEUE_MS 3000

static struct slice key_of(const struct ip *ip, char key[17])
{
    key[0] = (char)ip->family;
    memcpy(key + 1, ip->bytes, sizeof(ip->bytes));
    return slice_from(key, 17);
}

static struct probe_host *host_new(struct probe_engine *engine, const struct ip *ip,
                                   struct slice name)
{
    const struct provider_profile *profile = provider_by_mx(name);
    struct probe_host *host = memory_zalloc(1, sizeof(*host));
    char key[17];

    if (host == NULL)
        return NULL;
    host->name = memory_copy_string(name.ptr, name.len);
    if (host->name == NULL)
        goto failed;
    host->site = probe_site_get(engine, profile != NULL ? profile : provider_generic(), name);
    if (host->site == NULL)
        goto failed;
    if (table_put(&engine->hosts, key_of(ip, key), host) != 0) {
        probe_site_drop(host->site);
        goto failed;
    }
    host->site->host_count++;
    host->engine = engine;
    host->ip = *ip;
    host->rcpt_ms = host->site->limits.ceiling.gap_ms + RCPT_GUESS_MS;
    list_init(&host->rows);
    list_init(&host->solo);
    list_init(&host->sessions);
    host->idle_since_ms = probe_engine_now(engine);
    list_append(&engine->idle_hosts, &host->in_idle);
    return host;

failed:
    memory_free(host->name);
    memory_free(host);
    return NULL;
}

static void host_free(struct probe_host *host)
{
    struct probe_site *site = host->site;
    char key[17];

    CHECK(host->holds == 0 && host->waiting == 0 && host->session_count == 0);
    table_take(&host->engine->hosts, key_of(&host->ip, key));
    list_remove(&host->in_idle);
    list_remove(&host->in_hungry);
    CHECK(!list_node_is_in(&host->in_held));
    site->host_count--;
    probe_site_drop(site);
    memory_free(host->name);
    memory_free(host);
}

struct probe_host *probe_host_find(struct probe_engine *engine, const struct ip *ip)
{
    char key[17];

    return table_get(&engine->hosts, key_of(ip, key));
}

struct probe_host *probe_host_get(struct probe_engine *engine, const struct ip *ip,
                                  struct slice name)
{
    struct probe_host *host = probe_host_find(engine, ip);

    if (host != NULL)
        return host;
    probe_host_sweep(engine);
    return host_new(engine, ip, name);
}

void probe_host_hold(struct probe_host *host)
{
    list_remove(&host->in_idle);
    host->holds++;
}

void probe_host_release(struct probe_host *host)
{
    CHECK(host->holds > 0);
    if (--host->holds > 0)
        return;
    host->idle_since_ms = probe_engine_now(host->engine);
    list_append(&host->engine->idle_hosts, &host->in_idle);
}

/* Two a call keeps pace with one made a call; nobody pays for a long walk. */
void probe_host_sweep(struct probe_engine *engine)
{
    uint64_t now = probe_engine_now(engine);

    for (int i = 0; i < 2; i++) {
        struct list_node *node = list_first(&engine->idle_hosts);
        struct probe_host *host;

        if (node == NULL)
            return;
        host = LIST_ELEMENT(node, struct probe_host, in_idle);
        if (now < host->idle_since_ms + KEPT_MS)
            return;
        list_remove(node);
        if (now < host->dead_until_ms || probe_breaker_is_open(&host->site->breaker, now)) {
            host->idle_since_ms = now; /* it still knows something: once more round */
            list_append(&engine->idle_hosts, node);
        } else {
            host_free(host);
        }
    }
}

void probe_host_free_all(struct probe_engine *engine)
{
    struct list_node *node;

    while ((node = list_first(&engine->idle_hosts)) != NULL)
        host_free(LIST_ELEMENT(node, struct probe_host, in_idle));
    CHECK(engine->hosts.count == 0);
}

/* --- the queue ----------------------------------------------------------------------------- */

static struct probe_row *find_row(const struct probe_domain *domain, const struct probe_host *host)
{
    struct list_node *node;

    for (node = list_first(&domain->rows); node != NULL; node = list_after(&domain->rows, node)) {
        struct probe_row *row = LIST_ELEMENT(node, struct probe_row, in_domain);

        if (row->host == host)
            return row;
    }
    return NULL;
}

struct probe_host *probe_host_in_rows(const struct probe_domain *domain, const struct ip *ip)
{
    struct list_node *node;

    for (node = list_first(&domain->rows); node != NULL; node = list_after(&domain->rows, node)) {
        struct probe_row *row = LIST_ELEMENT(node, struct probe_row, in_domain);

        if (ip_equal(&row->host->ip, ip))
            return row->host;
    }
    return NULL;
}

static struct probe_row *get_row(struct probe_domain *domain, struct probe_host *host)
{
    struct probe_row *row = find_row(domain, host);

    if (row != NULL)
        return row;
    row = memory_zalloc(1, sizeof(*row));
    if (row == NULL)
        return NULL;
    row->host = host;
    row->domain = domain;
    list_init(&row->asks);
    list_append(&host->rows, &row->in_host);
    list_append(&domain->rows, &row->in_domain);
    return row;
}

static void row_free(struct probe_row *row)
{
    list_remove(&row->in_host);
    list_remove(&row->in_domain);
    memory_free(row);
}

/* It is the one that will be fetched when the turn of the fourth before it has come. */
static void row_append(struct probe_row *row, struct probe_ask *ask)
{
    struct probe_ask **before = &row->newest[row->newest_at++ % PROBE_ROW_AHEAD];

    if (*before != NULL)
        (*before)->later = ask;
    *before = ask;
    list_append(&row->asks, &ask->node);
}

/* It has left, and nothing may be written to it. */
static void row_forget(struct probe_row *row, const struct probe_ask *ask)
{
    for (unsigned i = 0; i < PROBE_ROW_AHEAD; i++) {
        if (row->newest[i] == ask)
            row->newest[i] = NULL;
    }
    if (list_is_empty(&row->asks))
        row_free(row);
}

int probe_host_enqueue(struct probe_host *host, struct probe_ask *ask, bool first)
{
    struct probe_row *row = ask->alone ? NULL : get_row(ask->domain, host);
    struct list *queue = ask->alone ? &host->solo : row != NULL ? &row->asks : NULL;

    CHECK(!list_node_is_in(&ask->node) && ask->session == NULL);
    if (queue == NULL)
        return ERROR_NOMEM;
    ask->later = NULL;
    if (first)
        list_prepend(queue, &ask->node);
    else if (row != NULL)
        row_append(row, ask);
    else
        list_append(queue, &ask->node);
    ask->host = host;
    probe_host_hold(host);
    host->site->waiting_count++;
    host->hurried += ask->hurried;
    if (list_node_is_in(&host->in_held))
        host->engine->held_ask_count++;
    if (host->waiting++ == 0)
        list_append(&host->site->waiting, &host->in_waiting);
    probe_host_reconsider(host);
    return 0;
}

static void release_hold(struct probe_host *host)
{
    if (!list_node_is_in(&host->in_held))
        return;
    list_remove(&host->in_held);
    host->engine->held_ask_count -= host->waiting;
}

/* Out of the queue; its row, or NULL, is the caller's to free when empty. */
static void unqueue(struct probe_ask *ask)
{
    struct probe_host *host;

    CHECK(ask != NULL); /* callers that pop have looked whether there is one */
    host = ask->host;

    list_remove(&ask->node);
    ask->host = NULL;
    host->hurried -= ask->hurried;
    if (list_node_is_in(&host->in_held))
        host->engine->held_ask_count--;
    if (--host->site->waiting_count == 0) /* nothing to come back for */
        probe_alarm_clear(&host->engine->alarms, &host->site->alarm);
    if (--host->waiting == 0) {
        release_hold(host);
        host->was_held = false;
        list_remove(&host->in_waiting);
        list_remove(&host->in_hungry);
    }
}

void probe_host_dequeue(struct probe_ask *ask)
{
    struct probe_host *host = ask->host;
    struct probe_row *row;

    if (!list_node_is_in(&ask->node) || ask->session != NULL)
        return;
    unqueue(ask);
    row = ask->alone ? NULL : find_row(ask->domain, host);
    if (row != NULL)
        row_forget(row, ask);
    probe_host_release(host);
}

static struct probe_row *choose_row(struct probe_host *host, struct probe_session *session)
{
    struct probe_row *row = NULL;
    struct list_node *node;

    if (session->turn != NULL && session->turn_left > 0)
        row = find_row(session->turn, host);
    if (row == NULL) {
        node = list_pop(&host->rows);
        if (node == NULL)
            return NULL;
        list_append(&host->rows, node); /* the next session takes another domain */
        row = LIST_ELEMENT(node, struct probe_row, in_host);
        if (session->turn != NULL)
            probe_domain_release(session->turn);
        session->turn = row->domain;
        probe_domain_hold(session->turn);
        session->turn_left = host->site->limits.ceiling.rcpts_per_transaction;
    }
    session->turn_left--;
    return row;
}

struct probe_ask *probe_host_take(struct probe_host *host, struct probe_session *session)
{
    struct probe_row *row = NULL;
    struct list_node *node;
    struct probe_ask *ask;

    if (session->alone) {
        node = list_first(&host->solo);
    } else {
        row = choose_row(host, session);
        node = row != NULL ? list_first(&row->asks) : NULL;
    }
    if (node == NULL)
        return NULL;
    ask = LIST_ELEMENT(node, struct probe_ask, node);
    if (ask->later != NULL)
        probe_ask_fetch_to_go(ask->later);
    unqueue(ask);
    if (row != NULL)
        row_forget(row, ask);
    probe_host_release(host); /* the session holds it */
    return ask;
}

struct probe_place probe_host_place(const struct probe_host *host)
{
    return (struct probe_place){host->ip, host->site->profile};
}

bool probe_places_are_alike(const struct probe_place *a, const struct probe_place *b)
{
    if (a->profile == NULL || b->profile == NULL)
        return false;
    return ip_equal(&a->ip, &b->ip) ||
           (a->profile == b->profile && a->profile != provider_generic());
}

/* --- health -------------------------------------------------------------------------------- */

bool probe_host_is_dead(const struct probe_host *host, uint64_t now_ms)
{
    return host->dead_until_ms > now_ms;
}

void probe_host_succeeded(struct probe_host *host)
{
    bool was_alive = host->alive;

    host->alive = true;
    host->failures = 0;
    host->dead_until_ms = 0;
    if (!was_alive)
        probe_host_reconsider(host);
}

static void send_queue_away(struct probe_host *host)
{
    struct list_node *node;

    while (host->waiting > 0) {
        struct probe_ask *ask;

        node = list_first(&host->solo);
        if (node == NULL) {
            node = list_first(&host->rows);
            CHECK(node != NULL); /* whoever waits is in one of them */
            node = list_first(&LIST_ELEMENT(node, struct probe_row, in_host)->asks);
        }
        CHECK(node != NULL);
        ask = LIST_ELEMENT(node, struct probe_ask, node);
        probe_host_dequeue(ask);
        probe_ask_host_dead(ask);
    }
}

void probe_host_failed(struct probe_host *host, enum smtp_outcome outcome, struct slice detail)
{
    uint64_t span = DEAD_FIRST_MS;
    unsigned dead_from = host->alive                            ? FAILURES_OF_A_LIVING
                         : outcome == SMTP_OUTCOME_DISCONNECTED ? FAILURES_OF_A_STRANGE
                                                                : 1;

    if (host->failures < 32)
        host->failures++;
    if (host->failures < dead_from)
        return;
    for (unsigned i = dead_from; i < host->failures && span < DEAD_LONGEST_MS; i++)
        span *= 2;
    host->dead_until_ms =
        probe_engine_now(host->engine) + (span < DEAD_LONGEST_MS ? span : DEAD_LONGEST_MS);
    host->dead_outcome = outcome;
    if (!slice_to_string(slice_prefix(detail, sizeof(host->dead_detail) - 1), host->dead_detail,
                         sizeof(host->dead_detail)))
        host->dead_detail[0] = '\0';
    host->alive = false;
    probe_host_hold(host);
    send_queue_away(host);
    probe_host_release(host);
}

/* --- when another connection is worth it --------------------------------------------------- */

/*
 * A list's rows need not be asked at once, and a full engine has other work: rather one connection
 * for many than many for one each.
 */
static bool may_be_held(const struct probe_host *host)
{
    size_t surplus = host->waiting > host->room ? host->waiting - host->room : 0;

    return !host->was_held && host->hurried == 0 && list_is_empty(&host->solo) &&
           surplus < host->site->limits.ceiling.rcpts_per_session &&
           probe_engine_is_full(host->engine);
}

static void hold(struct probe_host *host)
{
    struct probe_engine *engine = host->engine;

    list_remove(&host->in_hungry);
    if (list_node_is_in(&host->in_held))
        return;
    host->held_until_ms = probe_engine_now(engine) + HELD_MS;
    list_append(&engine->held, &host->in_held);
    engine->held_ask_count += host->waiting;
    if (!probe_alarm_is_set(&engine->held_alarm))
        probe_alarm_set(&engine->alarms, &engine->held_alarm, host->held_until_ms);
    probe_host_let_go(engine);
}

/* Those held must stay few, or they are what the engine is full of. */
void probe_host_let_go(struct probe_engine *engine)
{
    uint64_t now = probe_engine_now(engine);
    struct list_node *node;

    while ((node = list_first(&engine->held)) != NULL) {
        struct probe_host *host = LIST_ELEMENT(node, struct probe_host, in_held);

        if (now < host->held_until_ms && probe_engine_is_full(engine) &&
            engine->held_ask_count <= engine->settings.cases_max / 4) {
            probe_alarm_set(&engine->alarms, &engine->held_alarm, host->held_until_ms);
            return;
        }
        release_hold(host);
        host->was_held = true;
        probe_host_reconsider(host);
    }
}

void probe_host_hurry(struct probe_ask *ask)
{
    struct probe_host *host = ask->host;

    if (ask->hurried)
        return;
    ask->hurried = true;
    if (!list_node_is_in(&ask->node) || ask->session != NULL)
        return;
    host->hurried++;
    probe_host_reconsider(host);
}

bool probe_host_wants_session(const struct probe_host *host)
{
    if (host->waiting == 0 || list_node_is_in(&host->in_held))
        return false;
    if (!list_is_empty(&host->solo) || host->session_count == 0)
        return true;
    if (!host->alive)
        return false; /* one caller at a door that may have nobody behind it */
    if (host->waiting > host->room)
        return true;
    return host->waiting * (uint64_t)host->rcpt_ms / host->session_count > SHORT_QUEUE_MS;
}

void probe_host_reconsider(struct probe_host *host)
{
    struct list_node *node;

    if (host->waiting == 0)
        return;
    if (may_be_held(host))
        hold(host);
    else
        release_hold(host);
    if (probe_host_wants_session(host)) {
        if (!list_node_is_in(&host->in_hungry))
            list_append(&host->site->hungry, &host->in_hungry);
        probe_site_mark(host->site);
    }
    /* An idle session takes it at once; it stands first among its host's. */
    node = list_first(&host->sessions);
    if (node != NULL) {
        struct probe_session *session = LIST_ELEMENT(node, struct probe_session, in_host);

        if (session->idle)
            probe_session_wake(session);
    }
}
