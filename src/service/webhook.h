/*
 * Webhooks: who is called when something has happened, and with which secret it is signed.
 *
 * An endpoint is a URL, the events it wants, and whose: everybody's, those of one API key, or those
 * of one list. They live in memory and, as notes, in the store; the secret is kept readable, since
 * signing needs it, and shown only when it is made. What is sent when is service/courier.h's.
 */
#ifndef MK_SERVICE_WEBHOOK_H
#define MK_SERVICE_WEBHOOK_H

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/list.h"

struct store;

#define SERVICE_WEBHOOKS_MAX        5000
#define SERVICE_WEBHOOK_SECRET_SIZE 201 /* of the longest secret, and NUL */
#define SERVICE_WEBHOOK_SECRET_MIN  16
#define SERVICE_WEBHOOK_OVERLAP_MS  ((int64_t)DAY_MS) /* the old secret signs too, so long */

enum service_event {
    SERVICE_EVENT_LIST_FINISHED = 1 << 0,
    SERVICE_EVENT_LIST_CANCELLED = 1 << 1,
    SERVICE_EVENT_LIST_FAILED = 1 << 2,
    SERVICE_EVENT_VERIFY_FINISHED = 1 << 3, /* an answer that nobody could wait for */
    SERVICE_EVENT_TEST = 1 << 4,            /* on demand, always wanted */
};
#define SERVICE_EVENTS_OF_LISTS                                                                    \
    (SERVICE_EVENT_LIST_FINISHED | SERVICE_EVENT_LIST_CANCELLED | SERVICE_EVENT_LIST_FAILED)
#define SERVICE_EVENTS_ALL (SERVICE_EVENTS_OF_LISTS | SERVICE_EVENT_VERIFY_FINISHED)

struct http_exchange;

struct service_webhook {
    struct list_node node;
    uint64_t id;
    char *url;
    unsigned events; /* bits of enum service_event */
    uint64_t key;    /* only what this API key began; 0: everybody's */
    uint64_t list;   /* only this list's; 0: all. It goes with its list */
    bool is_active;
    int64_t created_unix_ms;
    char secret[SERVICE_WEBHOOK_SECRET_SIZE];
    char old_secret[SERVICE_WEBHOOK_SECRET_SIZE]; /* "": none */
    int64_t old_until_unix_ms;
    /* The courier's: one call at a time, the others wait in order. */
    struct service_parcel *under_way;
    struct list waiting;
    unsigned since_pruned;
};

struct service_webhooks {
    struct store *store; /* borrowed */
    struct list list;    /* oldest first */
    size_t count;
    uint64_t last_id;
};

/* "list.finished"; NULL: not exactly one. */
const char *service_event_name(enum service_event event);
/* 0: none of them. SERVICE_EVENT_TEST is not asked for. */
enum service_event service_event_by_name(struct slice name);

/* Read what the store has. ERROR_NOMEM, ERROR_IO, ERROR_FORMAT. */
int service_webhooks_open(struct service_webhooks *webhooks, struct store *store,
                          struct error *error);
void service_webhooks_close(struct service_webhooks *webhooks);

struct service_webhook *service_webhook_by_id(const struct service_webhooks *webhooks, uint64_t id);
/* A list's own, or NULL. */
struct service_webhook *service_webhook_of_list(const struct service_webhooks *webhooks,
                                                uint64_t list);
/*
 * A new one as `wanted` says (url, events, key, list, secret; an empty secret is made up). The URL
 * was checked. ERROR_LIMIT: as many as may be; ERROR_NOMEM, ERROR_IO.
 */
int service_webhook_make(struct service_webhooks *webhooks, const struct service_webhook *wanted,
                         int64_t now_unix_ms, struct service_webhook **ret_webhook,
                         struct error *error);
/* Another URL (NULL: the same), events and activity. ERROR_NOMEM, ERROR_IO; then nothing changed.
 */
int service_webhook_change(struct service_webhooks *webhooks, struct service_webhook *webhook,
                           const char *url, unsigned events, bool is_active, struct error *error);
/* A new secret; the old one goes on signing beside it for a day. */
int service_webhook_rotate(struct service_webhooks *webhooks, struct service_webhook *webhook,
                           int64_t now_unix_ms, struct error *error);
/* It leaves the store and the list and is freed: the courier has let go of it. */
int service_webhook_remove(struct service_webhooks *webhooks, struct service_webhook *webhook,
                           struct error *error);

/* One object, without the secrets. */
void service_webhook_write(struct json *json, const struct service_webhook *webhook);

/*
 * "t=SECONDS,v1=HEX": HMAC-SHA-256 under the secret over "SECONDS.BODY"; a second v1 under the old
 * secret while that is in use.
 */
#define SERVICE_SIGNATURE_SIZE 192
void service_webhook_sign(const struct service_webhook *webhook, int64_t now_unix_ms,
                          struct slice body, char ret_signature[SERVICE_SIGNATURE_SIZE]);

#endif
