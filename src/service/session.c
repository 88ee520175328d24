#include "service/session.h"

#include <string.h>

#include "base/instant.h"
#include "base/memory.h"

#define SESSION_MS         (12 * HOUR_MS)
#define SESSIONS_MAX       10000
#define STRANGERS_MAX      10000
#define TRIES_PER_MINUTE   10
#define STRANGER_FORGET_MS (10 * MINUTE_MS)

struct session {
    struct list_node node;
    char hash[SERVICE_KEY_HASH_SIZE];
    uint64_t key_id;
    uint64_t until_ms;
};

void service_sessions_open(struct service_sessions *sessions, uint64_t seed)
{
    table_init(&sessions->by_token, seed);
    list_init(&sessions->list);
}

static void session_free(struct service_sessions *sessions, struct session *session)
{
    (void)table_take(&sessions->by_token, slice_from_string(session->hash));
    list_remove(&session->node);
    memory_free(session);
}

void service_sessions_close(struct service_sessions *sessions)
{
    struct list_node *node;

    if (sessions->list.head.next == NULL)
        return;
    while ((node = list_first(&sessions->list)) != NULL)
        session_free(sessions, LIST_ELEMENT(node, struct session, node));
    table_done(&sessions->by_token);
}

static void make_room(struct service_sessions *sessions, uint64_t now_ms)
{
    struct list_node *node;

    while ((node = list_first(&sessions->list)) != NULL) {
        struct session *oldest = LIST_ELEMENT(node, struct session, node);

        if (now_ms < oldest->until_ms && sessions->by_token.count < SESSIONS_MAX)
            return;
        session_free(sessions, oldest);
    }
}

int service_session_make(struct service_sessions *sessions, uint64_t key_id, uint64_t now_ms,
                         char ret_token[SERVICE_SESSION_SIZE])
{
    struct session *session = memory_zalloc(1, sizeof(*session));
    int code;

    if (session == NULL)
        return ERROR_NOMEM;
    make_room(sessions, now_ms);
    service_random_text(ret_token, SERVICE_SESSION_SIZE - 1);
    service_hash(slice_from_string(ret_token), session->hash);
    session->key_id = key_id;
    session->until_ms = now_ms + SESSION_MS;
    code = table_put(&sessions->by_token, slice_from_string(session->hash), session);
    if (code != 0) {
        memory_free(session);
        return code;
    }
    list_append(&sessions->list, &session->node);
    return 0;
}

static struct session *find(struct service_sessions *sessions, struct slice token)
{
    char hash[SERVICE_KEY_HASH_SIZE];

    service_hash(token, hash);
    return table_get(&sessions->by_token, slice_from_string(hash));
}

uint64_t service_session_find(struct service_sessions *sessions, struct slice token,
                              uint64_t now_ms)
{
    struct session *session = find(sessions, token);

    if (session == NULL)
        return 0;
    if (now_ms >= session->until_ms) {
        session_free(sessions, session);
        return 0;
    }
    return session->key_id;
}

void service_session_end(struct service_sessions *sessions, struct slice token)
{
    struct session *session = find(sessions, token);

    if (session != NULL)
        session_free(sessions, session);
}

/* --- strangers ---------------------------------------------------------------------------------
 */

struct stranger {
    struct list_node node; /* the one that failed longest ago first */
    struct ip ip;
    struct service_rate rate;
    uint64_t failed_ms;
};

/* All of an IPv6 /64 is one household. */
static struct slice stranger_key(const struct ip *ip)
{
    return slice_from((const char *)ip->bytes, ip->family == 6 ? 8 : 4);
}

void service_strangers_open(struct service_strangers *strangers, uint64_t seed)
{
    table_init(&strangers->by_ip, seed);
    list_init(&strangers->list);
}

static void stranger_free(struct service_strangers *strangers, struct stranger *stranger)
{
    (void)table_take(&strangers->by_ip, stranger_key(&stranger->ip));
    list_remove(&stranger->node);
    memory_free(stranger);
}

void service_strangers_close(struct service_strangers *strangers)
{
    struct list_node *node;

    if (strangers->list.head.next == NULL)
        return;
    while ((node = list_first(&strangers->list)) != NULL)
        stranger_free(strangers, LIST_ELEMENT(node, struct stranger, node));
    table_done(&strangers->by_ip);
}

static struct stranger *stranger_new(struct service_strangers *strangers, const struct ip *ip,
                                     uint64_t now_ms)
{
    struct list_node *node;
    struct stranger *stranger;

    while ((node = list_first(&strangers->list)) != NULL) {
        struct stranger *oldest = LIST_ELEMENT(node, struct stranger, node);

        if (strangers->by_ip.count < STRANGERS_MAX &&
            now_ms - oldest->failed_ms < STRANGER_FORGET_MS)
            break;
        stranger_free(strangers, oldest);
    }
    stranger = memory_zalloc(1, sizeof(*stranger));
    if (stranger == NULL)
        return NULL;
    stranger->ip = *ip;
    stranger->rate.per_minute = TRIES_PER_MINUTE;
    if (table_put(&strangers->by_ip, stranger_key(ip), stranger) != 0) {
        memory_free(stranger);
        return NULL;
    }
    list_append(&strangers->list, &stranger->node);
    return stranger;
}

void service_stranger_failed(struct service_strangers *strangers, const struct ip *ip,
                             uint64_t now_ms)
{
    struct stranger *stranger = table_get(&strangers->by_ip, stranger_key(ip));

    if (stranger == NULL)
        stranger = stranger_new(strangers, ip, now_ms);
    if (stranger == NULL)
        return;
    stranger->failed_ms = now_ms;
    (void)service_rate_take(&stranger->rate, 1, now_ms);
    list_remove(&stranger->node);
    list_append(&strangers->list, &stranger->node);
}

uint32_t service_stranger_wait_s(const struct service_strangers *strangers, const struct ip *ip,
                                 uint64_t now_ms)
{
    const struct stranger *stranger = table_get(&strangers->by_ip, stranger_key(ip));

    return stranger != NULL ? service_rate_wait_s(&stranger->rate, now_ms) : 0;
}
