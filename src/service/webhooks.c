/* /v1/webhooks: who is called when something has happened, and what came of it. */
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "service/delivery.h"
#include "service/internal.h"

#define PAGE_MAX   250
#define PAGE_USUAL 50

/* The one in the path; NULL: there is none, and 404 was said. */
static struct service_webhook *webhook_of(struct service_call *call)
{
    struct service_webhook *webhook = NULL;
    uint64_t id;

    if (slice_to_u64(call->match.parts[0], UINT64_MAX, &id))
        webhook = service_webhook_by_id(&call->service->courier.webhooks, id);
    if (webhook == NULL)
        service_problem(call, 404, "no_such_webhook", "there is no webhook %.*s",
                        SLICE_ARG(slice_prefix(call->match.parts[0], 40)));
    return webhook;
}

static void answer_webhook(struct service_call *call, const struct service_webhook *webhook)
{
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    service_webhook_write(&json, webhook);
    service_answer(call, 200, &body);
}

/* The one answer in which its secret stands. */
static void answer_secret(struct service_call *call, unsigned status,
                          const struct service_webhook *webhook)
{
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_cstring(&json, "secret", webhook->secret);
    json_name(&json, "details");
    service_webhook_write(&json, webhook);
    json_object_end(&json);
    service_answer(call, status, &body);
}

void service_webhooks_get(struct service_call *call)
{
    const struct service_webhooks *webhooks = &call->service->courier.webhooks;
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name(&json, "items");
    json_array_begin(&json);
    for (struct list_node *node = list_first(&webhooks->list); node != NULL;
         node = list_after(&webhooks->list, node))
        service_webhook_write(&json, LIST_ELEMENT(node, struct service_webhook, node));
    json_array_end(&json);
    json_name_null(&json, "next");
    json_object_end(&json);
    service_answer(call, 200, &body);
}

/* --- making and changing -------------------------------------------------------------------------
 */

/* Absent: as it was. */
static bool read_events(struct service_call *call, const cJSON *object, unsigned *ret_events)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, "events"), *word;
    unsigned bits = 0;

    if (array == NULL)
        return true;
    cJSON_ArrayForEach(word, array)
    {
        unsigned bit =
            cJSON_IsString(word) ? service_event_by_name(slice_from_string(word->valuestring)) : 0;

        if (bit == 0) {
            bits = 0;
            break;
        }
        bits |= bit;
    }
    if (bits == 0) {
        service_problem(call, 422, "bad_events",
                        "\"events\" must be an array of \"list.finished\", \"list.cancelled\", "
                        "\"list.failed\", \"verify.finished\"");
        return false;
    }
    *ret_events = bits;
    return true;
}

/* Absent: untouched. */
static bool read_url(struct service_call *call, const cJSON *object, const char **ret_url)
{
    struct error error = {0};

    if (!service_get_text(call, object, "url", ret_url))
        return false;
    if (*ret_url == NULL ||
        http_client_check_url(*ret_url, call->service->prober->allowed, &error) == 0)
        return true;
    service_problem(call, 422, "bad_url", "%s", error.message);
    return false;
}

static bool read_key(struct service_call *call, const cJSON *object, uint64_t *ret_key)
{
    const char *text = NULL;

    if (!service_get_text(call, object, "key", &text))
        return false;
    if (text == NULL || (slice_to_u64(slice_from_string(text), UINT64_MAX, ret_key) &&
                         service_key_by_id(&call->service->keys, *ret_key) != NULL))
        return true;
    service_problem(call, 422, "no_such_key", "there is no key %.40s", text);
    return false;
}

void service_webhooks_post(struct service_call *call)
{
    struct service *service = call->service;
    struct service_webhook wanted = {.events = SERVICE_EVENTS_ALL}, *webhook;
    const char *url = NULL;
    struct error error = {0};
    cJSON *object = service_body(call, "url,events,key");

    if (object == NULL)
        return;
    if (!read_url(call, object, &url) || !read_events(call, object, &wanted.events) ||
        !read_key(call, object, &wanted.key))
        goto done;
    if (url == NULL) {
        service_problem(call, 422, "no_url", "\"url\" is missing");
        goto done;
    }
    wanted.url = (char *)url; /* it is copied */
    if (service_webhook_make(&service->courier.webhooks, &wanted, service_unix_ms(service),
                             &webhook, &error) != 0) {
        service_problem_of(call, &error);
        goto done;
    }
    service_audit(call, "webhook_made", "webhook %ju", (uintmax_t)webhook->id);
    answer_secret(call, 201, webhook);
done:
    cJSON_Delete(object);
}

void service_webhook_get(struct service_call *call)
{
    const struct service_webhook *webhook = webhook_of(call);

    if (webhook != NULL)
        answer_webhook(call, webhook);
}

void service_webhook_patch(struct service_call *call)
{
    struct service_webhook *webhook = webhook_of(call);
    const char *url = NULL;
    struct error error = {0};
    unsigned events;
    bool is_active;
    cJSON *object = webhook != NULL ? service_body(call, "url,events,active") : NULL;

    if (object == NULL)
        return;
    events = webhook->events;
    is_active = webhook->is_active;
    if (!read_url(call, object, &url) || !read_events(call, object, &events) ||
        !service_get_bool(call, object, "active", &is_active))
        goto done;
    if (service_webhook_change(&call->service->courier.webhooks, webhook, url, events, is_active,
                               &error) != 0) {
        service_problem_of(call, &error);
        goto done;
    }
    service_audit(call, "webhook_changed", "webhook %ju", (uintmax_t)webhook->id);
    answer_webhook(call, webhook);
done:
    cJSON_Delete(object);
}

void service_webhook_delete(struct service_call *call)
{
    struct service_webhook *webhook = webhook_of(call);
    struct error error = {0};
    uint64_t id;

    if (webhook == NULL)
        return;
    id = webhook->id;
    if (service_courier_remove(&call->service->courier, webhook, &error) != 0) {
        service_problem_of(call, &error);
        return;
    }
    service_audit(call, "webhook_removed", "webhook %ju", (uintmax_t)id);
    service_answer_nothing(call);
}

void service_webhook_secret_post(struct service_call *call)
{
    struct service *service = call->service;
    struct service_webhook *webhook = webhook_of(call);
    struct error error = {0};

    if (webhook == NULL)
        return;
    if (service_webhook_rotate(&service->courier.webhooks, webhook, service_unix_ms(service),
                               &error) != 0) {
        service_problem_of(call, &error);
        return;
    }
    service_audit(call, "webhook_secret_changed", "webhook %ju", (uintmax_t)webhook->id);
    answer_secret(call, 200, webhook);
}

/* --- deliveries ----------------------------------------------------------------------------------
 */

/* Takes over the record. */
static void write_record(struct json *json, cJSON *record, bool with_payload)
{
    char *text;

    cJSON_DeleteItemFromObjectCaseSensitive(record, "next_unix_ms");
    if (!with_payload)
        cJSON_DeleteItemFromObjectCaseSensitive(record, "payload");
    text = cJSON_PrintUnformatted(record);
    if (text != NULL)
        json_raw(json, slice_from_string(text));
    else
        json->out->failed = true;
    cJSON_free(text);
    cJSON_Delete(record);
}

static void answer_delivery(struct service_call *call, unsigned status,
                            const struct service_webhook *webhook, struct slice id)
{
    struct error error = {0};
    struct buffer body;
    struct json json;
    cJSON *record;

    if (service_delivery_read(call->service->store, webhook->id, id, &record, &error) != 0) {
        service_problem_of(call, &error);
        return;
    }
    buffer_init(&body, 0);
    json_init(&json, &body);
    write_record(&json, record, true);
    service_answer(call, status, &body);
}

void service_webhook_test_post(struct service_call *call)
{
    struct service_webhook *webhook = webhook_of(call);
    char id[SERVICE_DELIVERY_ID_SIZE];
    struct error error = {0};

    if (webhook == NULL)
        return;
    if (!webhook->is_active)
        service_problem(call, 409, "inactive", "the webhook is switched off");
    else if (service_courier_send(&call->service->courier, webhook, SERVICE_EVENT_TEST,
                                  SLICE("{\"message\":\"this is a test\"}"), id, &error) != 0)
        service_problem_of(call, &error);
    else
        answer_delivery(call, 202, webhook, slice_from_string(id));
}

void service_deliveries_get(struct service_call *call)
{
    struct store *store = call->service->store;
    const struct service_webhook *webhook = webhook_of(call);
    struct slice id, last = SLICE_EMPTY;
    uint64_t limit = PAGE_USUAL, shown = 0;
    struct error error = {0};
    struct arena arena;
    struct buffer body;
    struct json json;
    cJSON *record;
    int code;

    if (webhook == NULL || !service_query_number(call, "limit", 1, PAGE_MAX, &limit))
        return;
    id = service_query_text(call, "cursor");
    arena_init(&arena);
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name(&json, "items");
    json_array_begin(&json);
    while ((code = service_delivery_next(store, webhook->id, id, &arena, &id, &record, &error)) ==
           1) {
        if (shown == limit) { /* there is more */
            cJSON_Delete(record);
            break;
        }
        write_record(&json, record, false);
        last = id;
        shown++;
    }
    json_array_end(&json);
    if (code == 1)
        json_name_string(&json, "next", last);
    else
        json_name_null(&json, "next");
    json_object_end(&json);
    if (code < 0) {
        buffer_done(&body);
        service_problem_of(call, &error);
    } else {
        service_answer(call, 200, &body);
    }
    arena_done(&arena);
}

void service_delivery_get(struct service_call *call)
{
    const struct service_webhook *webhook = webhook_of(call);

    if (webhook != NULL)
        answer_delivery(call, 200, webhook, call->match.parts[1]);
}

void service_delivery_replay_post(struct service_call *call)
{
    struct service_webhook *webhook = webhook_of(call);
    struct error error = {0};

    if (webhook == NULL)
        return;
    if (!webhook->is_active)
        service_problem(call, 409, "inactive", "the webhook is switched off");
    else if (service_courier_replay(&call->service->courier, webhook, call->match.parts[1],
                                    &error) != 0)
        service_problem_of(call, &error);
    else
        answer_delivery(call, 202, webhook, call->match.parts[1]);
}
