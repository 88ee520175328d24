#include "service/webhook.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "service/key.h"
#include "store/store.h"

#define KIND "webhook"

static const struct {
    enum service_event event;
    const char *name;
} events[] = {
    {SERVICE_EVENT_LIST_FINISHED, "list.finished"},
    {SERVICE_EVENT_LIST_CANCELLED, "list.cancelled"},
    {SERVICE_EVENT_LIST_FAILED, "list.failed"},
    {SERVICE_EVENT_VERIFY_FINISHED, "verify.finished"},
    {SERVICE_EVENT_TEST, "webhook.test"},
};

const char *service_event_name(enum service_event event)
{
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (events[i].event == event)
            return events[i].name;
    return NULL;
}

enum service_event service_event_by_name(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (events[i].event != SERVICE_EVENT_TEST &&
            slice_equal(name, slice_from_string(events[i].name)))
            return events[i].event;
    return (enum service_event)0;
}

/* --- writing -------------------------------------------------------------------------------------
 */

static void write_id(struct json *json, const char *name, uint64_t id)
{
    char text[24];

    snprintf(text, sizeof(text), "%ju", (uintmax_t)id);
    json_name_cstring(json, name, id != 0 ? text : NULL);
}

static void write_events(struct json *json, unsigned bits)
{
    json_name(json, "events");
    json_array_begin(json);
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (bits & events[i].event)
            json_cstring(json, events[i].name);
    json_array_end(json);
}

static void write_webhook(struct json *json, const struct service_webhook *webhook,
                          bool with_secrets)
{
    char text[INSTANT_TEXT_SIZE];

    json_object_begin(json);
    write_id(json, "id", webhook->id);
    json_name_cstring(json, "url", webhook->url);
    write_events(json, webhook->events);
    write_id(json, "key", webhook->key);
    write_id(json, "list", webhook->list);
    json_name_bool(json, "active", webhook->is_active);
    if (with_secrets) {
        json_name_int(json, "created_unix_ms", webhook->created_unix_ms);
        json_name_cstring(json, "secret", webhook->secret);
        json_name_cstring(json, "old_secret", webhook->old_secret);
        json_name_int(json, "old_until_unix_ms", webhook->old_until_unix_ms);
    } else {
        json_name_cstring(json, "created_at", instant_format(webhook->created_unix_ms, text));
    }
    json_object_end(json);
}

void service_webhook_write(struct json *json, const struct service_webhook *webhook)
{
    write_webhook(json, webhook, false);
}

static void note_id(uint64_t id, char out[24])
{
    snprintf(out, 24, "%020ju", (uintmax_t)id);
}

static int keep(const struct service_webhooks *webhooks, const struct service_webhook *webhook,
                struct error *error)
{
    struct buffer body;
    struct json json;
    char id[24];
    int code;

    buffer_init(&body, 0);
    json_init(&json, &body);
    write_webhook(&json, webhook, true);
    note_id(webhook->id, id);
    code = body.failed ? error_set(error, ERROR_NOMEM, "out of memory")
                       : store_note_put(webhooks->store, KIND, id, buffer_slice(&body), 0, error);
    buffer_done(&body);
    return code;
}

/* --- reading -------------------------------------------------------------------------------------
 */

static const char *text_of(const cJSON *object, const char *name, size_t max)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(member) && strlen(member->valuestring) <= max ? member->valuestring
                                                                        : NULL;
}

static uint64_t id_of(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    uint64_t id = 0;

    if (cJSON_IsString(member))
        (void)slice_to_u64(slice_from_string(member->valuestring), UINT64_MAX, &id);
    return id;
}

static int64_t moment_of(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNumber(member) && member->valuedouble >= 0 && member->valuedouble < 1e15
               ? (int64_t)member->valuedouble
               : 0;
}

static unsigned events_of(const cJSON *object)
{
    const cJSON *word;
    unsigned bits = 0;

    cJSON_ArrayForEach(word,
                       cJSON_GetObjectItemCaseSensitive(object, "events")) if (cJSON_IsString(word))
        bits |= service_event_by_name(slice_from_string(word->valuestring));
    return bits;
}

static void webhook_free(struct service_webhook *webhook)
{
    if (webhook == NULL)
        return;
    memory_free(webhook->url);
    OPENSSL_cleanse(webhook->secret, sizeof(webhook->secret));
    OPENSSL_cleanse(webhook->old_secret, sizeof(webhook->old_secret));
    memory_free(webhook);
}

static struct service_webhook *webhook_new(const char *url)
{
    struct service_webhook *webhook = memory_zalloc(1, sizeof(*webhook));

    if (webhook == NULL)
        return NULL;
    list_init(&webhook->waiting);
    webhook->url = memory_copy_string(url, strlen(url));
    if (webhook->url != NULL)
        return webhook;
    webhook_free(webhook);
    return NULL;
}

static void add(struct service_webhooks *webhooks, struct service_webhook *webhook)
{
    list_append(&webhooks->list, &webhook->node);
    webhooks->count++;
    if (webhook->id > webhooks->last_id)
        webhooks->last_id = webhook->id;
}

static int add_note(struct service_webhooks *webhooks, struct slice id, struct slice body,
                    struct error *error)
{
    cJSON *object = cJSON_ParseWithLength(body.ptr, body.len);
    const char *url = text_of(object, "url", SIZE_MAX);
    const char *secret = text_of(object, "secret", SERVICE_WEBHOOK_SECRET_SIZE - 1);
    const char *old = text_of(object, "old_secret", SERVICE_WEBHOOK_SECRET_SIZE - 1);
    struct service_webhook *webhook = NULL;
    int code = ERROR_FORMAT;

    if (url == NULL || secret == NULL || old == NULL) {
        error_set(error, ERROR_FORMAT, "the store's webhook %.*s is damaged", SLICE_ARG(id));
        goto done;
    }
    webhook = webhook_new(url);
    code = webhook != NULL ? 0 : error_set(error, ERROR_NOMEM, "out of memory");
    if (code != 0)
        goto done;
    (void)slice_to_u64(id, UINT64_MAX, &webhook->id);
    strcpy(webhook->secret, secret);
    strcpy(webhook->old_secret, old);
    webhook->old_until_unix_ms = moment_of(object, "old_until_unix_ms");
    webhook->created_unix_ms = moment_of(object, "created_unix_ms");
    webhook->events = events_of(object);
    webhook->key = id_of(object, "key");
    webhook->list = id_of(object, "list");
    webhook->is_active = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "active"));
    add(webhooks, webhook);
done:
    cJSON_Delete(object);
    return code;
}

int service_webhooks_open(struct service_webhooks *webhooks, struct store *store,
                          struct error *error)
{
    struct slice id = SLICE_EMPTY, body;
    struct arena arena;
    int code;

    memset(webhooks, 0, sizeof(*webhooks));
    webhooks->store = store;
    list_init(&webhooks->list);
    arena_init(&arena);
    while ((code = store_note_next(store, KIND, id, &arena, &id, &body, error)) == 1)
        if ((code = add_note(webhooks, id, body, error)) != 0)
            break;
    arena_done(&arena);
    if (code != 0)
        service_webhooks_close(webhooks);
    return code;
}

void service_webhooks_close(struct service_webhooks *webhooks)
{
    struct list_node *node;

    if (webhooks->store == NULL)
        return;
    while ((node = list_pop(&webhooks->list)) != NULL)
        webhook_free(LIST_ELEMENT(node, struct service_webhook, node));
    webhooks->store = NULL;
}

struct service_webhook *service_webhook_by_id(const struct service_webhooks *webhooks, uint64_t id)
{
    for (struct list_node *node = list_first(&webhooks->list); node != NULL;
         node = list_after(&webhooks->list, node)) {
        struct service_webhook *webhook = LIST_ELEMENT(node, struct service_webhook, node);

        if (webhook->id == id)
            return webhook;
    }
    return NULL;
}

struct service_webhook *service_webhook_of_list(const struct service_webhooks *webhooks,
                                                uint64_t list)
{
    for (struct list_node *node = list_first(&webhooks->list); node != NULL;
         node = list_after(&webhooks->list, node)) {
        struct service_webhook *webhook = LIST_ELEMENT(node, struct service_webhook, node);

        if (webhook->list == list)
            return webhook;
    }
    return NULL;
}

/* --- making and changing -------------------------------------------------------------------------
 */

static void make_secret(char secret[SERVICE_WEBHOOK_SECRET_SIZE])
{
    memcpy(secret, "whsec_", 6);
    service_random_text(secret + 6, 32);
}

int service_webhook_make(struct service_webhooks *webhooks, const struct service_webhook *wanted,
                         int64_t now_unix_ms, struct service_webhook **ret_webhook,
                         struct error *error)
{
    struct service_webhook *webhook;
    int code;

    if (webhooks->count >= SERVICE_WEBHOOKS_MAX)
        return error_set(error, ERROR_LIMIT, "there are %d webhooks, as many as may be",
                         SERVICE_WEBHOOKS_MAX);
    webhook = webhook_new(wanted->url);
    if (webhook == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    webhook->id = webhooks->last_id + 1;
    webhook->events = wanted->events;
    webhook->key = wanted->key;
    webhook->list = wanted->list;
    webhook->is_active = true;
    webhook->created_unix_ms = now_unix_ms;
    if (wanted->secret[0] != '\0')
        strcpy(webhook->secret, wanted->secret);
    else
        make_secret(webhook->secret);
    code = keep(webhooks, webhook, error);
    if (code != 0) {
        webhook_free(webhook);
        return code;
    }
    add(webhooks, webhook);
    *ret_webhook = webhook;
    return 0;
}

int service_webhook_change(struct service_webhooks *webhooks, struct service_webhook *webhook,
                           const char *url, unsigned wanted, bool is_active, struct error *error)
{
    char *fresh = memory_copy_string(url != NULL ? url : webhook->url,
                                     strlen(url != NULL ? url : webhook->url));
    struct service_webhook before = *webhook;
    int code;

    if (fresh == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    webhook->url = fresh;
    webhook->events = wanted;
    webhook->is_active = is_active;
    code = keep(webhooks, webhook, error);
    if (code != 0) {
        webhook->url = before.url;
        webhook->events = before.events;
        webhook->is_active = before.is_active;
    }
    memory_free(code != 0 ? fresh : before.url);
    OPENSSL_cleanse(&before, sizeof(before));
    return code;
}

int service_webhook_rotate(struct service_webhooks *webhooks, struct service_webhook *webhook,
                           int64_t now_unix_ms, struct error *error)
{
    char older[SERVICE_WEBHOOK_SECRET_SIZE];
    int64_t older_until = webhook->old_until_unix_ms;
    int code;

    strcpy(older, webhook->old_secret);
    strcpy(webhook->old_secret, webhook->secret);
    webhook->old_until_unix_ms = now_unix_ms + SERVICE_WEBHOOK_OVERLAP_MS;
    make_secret(webhook->secret);
    code = keep(webhooks, webhook, error);
    if (code != 0) {
        strcpy(webhook->secret, webhook->old_secret);
        strcpy(webhook->old_secret, older);
        webhook->old_until_unix_ms = older_until;
    }
    OPENSSL_cleanse(older, sizeof(older));
    return code;
}

int service_webhook_remove(struct service_webhooks *webhooks, struct service_webhook *webhook,
                           struct error *error)
{
    char id[24];
    int code;

    CHECK(webhook->under_way == NULL && list_is_empty(&webhook->waiting));
    note_id(webhook->id, id);
    code = store_note_remove(webhooks->store, KIND, id, error);
    if (code != 0)
        return code;
    list_remove(&webhook->node);
    webhooks->count--;
    webhook_free(webhook);
    return 0;
}

/* --- signing -------------------------------------------------------------------------------------
 */

static void hmac(const char *secret, struct slice stamp, struct slice body, char out[65])
{
    unsigned char bytes[32];
    size_t len = sizeof(bytes);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                               OSSL_PARAM_construct_end()};

    CHECK(context != NULL);
    CHECK(EVP_MAC_init(context, (const unsigned char *)secret, strlen(secret), parameters) == 1);
    CHECK(EVP_MAC_update(context, (const unsigned char *)stamp.ptr, stamp.len) == 1);
    CHECK(EVP_MAC_update(context, (const unsigned char *)".", 1) == 1);
    CHECK(EVP_MAC_update(context, (const unsigned char *)body.ptr, body.len) == 1);
    CHECK(EVP_MAC_final(context, bytes, &len, sizeof(bytes)) == 1 && len == sizeof(bytes));
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    service_hex(bytes, len, out);
}

void service_webhook_sign(const struct service_webhook *webhook, int64_t now_unix_ms,
                          struct slice body, char ret_signature[SERVICE_SIGNATURE_SIZE])
{
    char stamp[24], digest[65];
    int len;

    snprintf(stamp, sizeof(stamp), "%jd", (intmax_t)(now_unix_ms / 1000));
    hmac(webhook->secret, slice_from_string(stamp), body, digest);
    len = snprintf(ret_signature, SERVICE_SIGNATURE_SIZE, "t=%s,v1=%s", stamp, digest);
    if (webhook->old_secret[0] == '\0' || now_unix_ms >= webhook->old_until_unix_ms)
        return;
    hmac(webhook->old_secret, slice_from_string(stamp), body, digest);
    snprintf(ret_signature + len, SERVICE_SIGNATURE_SIZE - (size_t)len, ",v1=%s", digest);
}
