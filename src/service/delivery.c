#include "service/delivery.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/json.h"
#include "service/key.h"

#define KIND         "delivery"
#define KEPT_MS      ((int64_t)(30 * DAY_MS))
#define END_OF_MS    9999999999999 /* the largest time that an id can say; 2286 */
#define TRIES_KEPT   10
#define ANSWER_SHOWN 256 /* octets */
#define KEY_SIZE     (20 + 1 + SERVICE_DELIVERY_ID_SIZE)

static const char *const states[] = {"pending", "delivered", "failed"};

/* In the store records stand by webhook, newest first. */
static void note_key(uint64_t webhook, struct slice id, char out[KEY_SIZE])
{
    snprintf(out, KEY_SIZE, "%020ju-%.*s", (uintmax_t)webhook,
             (int)(id.len < SERVICE_DELIVERY_ID_SIZE ? id.len : 0), id.ptr);
}

/* --- making, reading, keeping --------------------------------------------------------------------
 */

static int no_memory(struct error *error)
{
    return error_set(error, ERROR_NOMEM, "out of memory");
}

static int put(struct store *store, uint64_t webhook, struct slice id, struct slice body,
               int64_t now_unix_ms, struct error *error)
{
    char key[KEY_SIZE];

    note_key(webhook, id, key);
    return store_note_put(store, KIND, key, body, now_unix_ms + KEPT_MS, error);
}

int service_delivery_make(struct store *store, uint64_t webhook, const char *event,
                          struct slice payload, int64_t now_unix_ms,
                          char ret_id[SERVICE_DELIVERY_ID_SIZE], struct error *error)
{
    char at[INSTANT_TEXT_SIZE], id[SERVICE_DELIVERY_ID_SIZE];
    struct buffer body;
    struct json json;
    int code;

    snprintf(id, sizeof(id), "%013jd", (intmax_t)(END_OF_MS - now_unix_ms));
    service_random_text(id + 13, 8);
    instant_format(now_unix_ms, at);
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_cstring(&json, "id", id);
    json_name_cstring(&json, "event", event);
    json_name_cstring(&json, "state", states[SERVICE_DELIVERY_PENDING]);
    json_name_cstring(&json, "created_at", at);
    json_name_cstring(&json, "next_at", at);
    json_name_int(&json, "next_unix_ms", now_unix_ms);
    json_name_int(&json, "attempts", 0);
    json_name(&json, "tries");
    json_array_begin(&json);
    json_array_end(&json);
    json_name_string(&json, "payload", payload);
    json_object_end(&json);
    code = body.failed ? no_memory(error)
                       : put(store, webhook, slice_from_string(id), buffer_slice(&body),
                             now_unix_ms, error);
    buffer_done(&body);
    if (code == 0)
        memcpy(ret_id, id, sizeof(id));
    return code;
}

static int parse(struct slice body, cJSON **ret_record, struct error *error)
{
    cJSON *record = cJSON_ParseWithLength(body.ptr, body.len);

    if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(record, "payload")) &&
        cJSON_IsString(cJSON_GetObjectItemCaseSensitive(record, "event")) &&
        cJSON_IsString(cJSON_GetObjectItemCaseSensitive(record, "id")) &&
        cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(record, "tries"))) {
        *ret_record = record;
        return 0;
    }
    cJSON_Delete(record);
    return error_set(error, ERROR_FORMAT, "a webhook's delivery is damaged in the store");
}

int service_delivery_read(struct store *store, uint64_t webhook, struct slice id,
                          cJSON **ret_record, struct error *error)
{
    char key[KEY_SIZE];
    struct slice body;
    struct arena arena;
    int code;

    if (id.len != SERVICE_DELIVERY_ID_SIZE - 1)
        return error_set(error, ERROR_NOT_FOUND, "there is no such delivery");
    arena_init(&arena);
    note_key(webhook, id, key);
    code = store_note_get(store, KIND, key, &arena, &body, error);
    if (code == ERROR_NOT_FOUND)
        error_set(error, code, "there is no such delivery");
    if (code == 0)
        code = parse(body, ret_record, error);
    arena_done(&arena);
    return code;
}

int service_delivery_keep(struct store *store, uint64_t webhook, const cJSON *record,
                          int64_t now_unix_ms, struct error *error)
{
    char *text = cJSON_PrintUnformatted(record);
    int code = text != NULL ? put(store, webhook, service_delivery_id(record),
                                  slice_from_string(text), now_unix_ms, error)
                            : no_memory(error);

    cJSON_free(text);
    return code;
}

int service_delivery_walk(struct store *store, struct slice after, struct arena *arena,
                          struct slice *ret_key, uint64_t *ret_webhook, cJSON **ret_record,
                          struct error *error)
{
    struct slice key = SLICE_EMPTY, body = SLICE_EMPTY;
    int code = store_note_next(store, KIND, after, arena, &key, &body, error);

    if (code != 1)
        return code;
    if (key.len != KEY_SIZE - 1 || !slice_to_u64(slice_prefix(key, 20), UINT64_MAX, ret_webhook))
        return error_set(error, ERROR_FORMAT, "a webhook's delivery is damaged in the store");
    code = parse(body, ret_record, error);
    if (code != 0)
        return code;
    *ret_key = key;
    return 1;
}

int service_delivery_next(struct store *store, uint64_t webhook, struct slice after,
                          struct arena *arena, struct slice *ret_id, cJSON **ret_record,
                          struct error *error)
{
    char from[KEY_SIZE];
    uint64_t owner = 0;
    struct slice key = SLICE_EMPTY;
    int code;

    note_key(webhook, after, from);
    code = service_delivery_walk(store, slice_from_string(from), arena, &key, &owner, ret_record,
                                 error);
    if (code != 1)
        return code;
    if (owner != webhook) {
        cJSON_Delete(*ret_record);
        return 0;
    }
    *ret_id = slice_from_offset(key, 21);
    return 1;
}

int service_delivery_prune(struct store *store, uint64_t webhook, size_t keep, bool with_pending,
                           struct error *error)
{
    struct slice id = SLICE_EMPTY;
    char key[KEY_SIZE];
    struct arena arena;
    cJSON *record;
    size_t seen = 0;
    int code;

    arena_init(&arena);
    while ((code = service_delivery_next(store, webhook, id, &arena, &id, &record, error)) == 1) {
        bool is_pending = service_delivery_state(record) == SERVICE_DELIVERY_PENDING;

        cJSON_Delete(record);
        if ((is_pending && !with_pending) || seen++ < keep)
            continue;
        note_key(webhook, id, key);
        code = store_note_remove(store, KIND, key, error);
        if (code != 0)
            break;
    }
    arena_done(&arena);
    return code;
}

/* --- what a record says --------------------------------------------------------------------------
 */

static struct slice text_of(const cJSON *record, const char *name)
{
    return slice_from_string(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(record, name)));
}

static int64_t number_of(const cJSON *record, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(record, name);

    return cJSON_IsNumber(member) && member->valuedouble >= 0 && member->valuedouble < 1e15
               ? (int64_t)member->valuedouble
               : 0;
}

struct slice service_delivery_payload(const cJSON *record)
{
    return text_of(record, "payload");
}

struct slice service_delivery_event(const cJSON *record)
{
    return text_of(record, "event");
}

struct slice service_delivery_id(const cJSON *record)
{
    return text_of(record, "id");
}

int64_t service_delivery_next_unix_ms(const cJSON *record)
{
    return number_of(record, "next_unix_ms");
}

unsigned service_delivery_attempts(const cJSON *record)
{
    return (unsigned)number_of(record, "attempts");
}

enum service_delivery_state service_delivery_state(const cJSON *record)
{
    struct slice word = text_of(record, "state");

    for (unsigned i = 0; i < ARRAY_LEN(states); i++)
        if (slice_equal(word, slice_from_string(states[i])))
            return (enum service_delivery_state)i;
    return SERVICE_DELIVERY_FAILED;
}

/* In place of the member that is there; takes over `value`, NULL: there was no memory for it. */
static bool replace(cJSON *record, const char *name, cJSON *value)
{
    if (value != NULL && cJSON_ReplaceItemInObjectCaseSensitive(record, name, value))
        return true;
    cJSON_Delete(value);
    return false;
}

bool service_delivery_set_state(cJSON *record, enum service_delivery_state state,
                                int64_t next_unix_ms)
{
    bool is_pending = state == SERVICE_DELIVERY_PENDING;
    char at[INSTANT_TEXT_SIZE];

    instant_format(next_unix_ms, at);
    return replace(record, "state", cJSON_CreateString(states[state])) &&
           replace(record, "next_at", is_pending ? cJSON_CreateString(at) : cJSON_CreateNull()) &&
           replace(record, "next_unix_ms",
                   cJSON_CreateNumber(is_pending ? (double)next_unix_ms : 0));
}

bool service_delivery_reset(cJSON *record, int64_t now_unix_ms)
{
    return service_delivery_set_state(record, SERVICE_DELIVERY_PENDING, now_unix_ms) &&
           replace(record, "attempts", cJSON_CreateNumber(0));
}

bool service_delivery_add_try(cJSON *record, int64_t at_unix_ms, const struct http_outcome *outcome)
{
    cJSON *tries = cJSON_GetObjectItemCaseSensitive(record, "tries"), *one;
    char at[INSTANT_TEXT_SIZE];
    struct buffer text;
    struct json json;

    /* By our writer first: it makes UTF-8 of whatever bytes a stranger answered. */
    buffer_init(&text, 0);
    json_init(&json, &text);
    json_object_begin(&json);
    json_name_cstring(&json, "at", instant_format(at_unix_ms, at));
    json_name(&json, "status");
    if (outcome->status != 0)
        json_int(&json, outcome->status);
    else
        json_null(&json);
    json_name_int(&json, "ms", (int64_t)outcome->took_ms);
    json_name_cstring(&json, "error", outcome->failure);
    json_name_string(&json, "answer", slice_prefix(outcome->answer, ANSWER_SHOWN));
    json_object_end(&json);
    one = text.failed ? NULL : cJSON_ParseWithLength(text.ptr, text.len);
    buffer_done(&text);
    if (one == NULL || !cJSON_AddItemToArray(tries, one)) {
        cJSON_Delete(one);
        return false;
    }
    while (cJSON_GetArraySize(tries) > TRIES_KEPT)
        cJSON_DeleteItemFromArray(tries, 0);
    return replace(record, "attempts", cJSON_CreateNumber(service_delivery_attempts(record) + 1));
}
