#include "service/courier.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "service/delivery.h"
#include "service/key.h"

#define TIMEOUT_MS  (10 * SECOND_MS)
#define PRUNE_EVERY 50 /* new deliveries of a webhook */

/* Between tries; each is lengthened or shortened by up to a fifth, so that what failed together
   does not come back together. Nearly 24 hours in all. */
static const uint64_t waits_ms[SERVICE_COURIER_TRIES - 1] = {
    10 * SECOND_MS, MINUTE_MS,   5 * MINUTE_MS, 30 * MINUTE_MS,
    2 * HOUR_MS,    6 * HOUR_MS, 15 * HOUR_MS,
};

/* A delivery that is pending. */
struct service_parcel {
    struct heap_node heap;
    struct list_node node; /* among those that wait for their webhook's turn */
    struct service_courier *courier;
    uint64_t webhook;
    unsigned attempts; /* since it was made or replayed */
    struct http_exchange *exchange;
    char id[SERVICE_DELIVERY_ID_SIZE];
};

static void look(struct service_courier *courier);

static void complain(struct service_courier *courier, uint64_t webhook, const char *message)
{
    if (!service_log_begin(courier->log, SERVICE_LOG_ERROR, "webhook", io_unix_ms(courier->loop)))
        return;
    service_log_number(courier->log, "webhook", (int64_t)webhook);
    service_log_text(courier->log, "error", slice_from_string(message));
    service_log_end(courier->log);
}

/* --- parcels -------------------------------------------------------------------------------------
 */

static struct service_parcel *parcel_of(struct heap_node *node)
{
    return LIST_ELEMENT(node, struct service_parcel, heap);
}

/* A pending delivery, due at `at_ms`. */
static int parcel_add(struct service_courier *courier, uint64_t webhook, struct slice id,
                      unsigned attempts, uint64_t at_ms, struct error *error)
{
    struct service_parcel *parcel;

    /* Room for all of them: pushes can't fail later. */
    if (heap_reserve(&courier->due, courier->parcels + 1) != 0 ||
        (parcel = memory_zalloc(1, sizeof(*parcel))) == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    parcel->courier = courier;
    parcel->webhook = webhook;
    parcel->attempts = attempts;
    CHECK(slice_to_string(id, parcel->id, sizeof(parcel->id)));
    CHECK(heap_push(&courier->due, &parcel->heap, at_ms) == 0);
    courier->parcels++;
    return 0;
}

static void parcel_free(struct service_parcel *parcel)
{
    struct service_courier *courier = parcel->courier;

    if (parcel->exchange != NULL) {
        http_exchange_cancel(parcel->exchange);
        courier->under_way--;
    }
    heap_remove(&courier->due, &parcel->heap);
    list_remove(&parcel->node);
    courier->parcels--;
    memory_free(parcel);
}

/* --- a try and what comes of it ------------------------------------------------------------------
 */

static uint64_t wait_ms(struct service_courier *courier, unsigned attempts)
{
    uint64_t wait = waits_ms[attempts - 1];

    return wait * 4 / 5 + random_below(&courier->random, wait * 2 / 5);
}

/* The webhook's next one may go. */
static void release(struct service_courier *courier, struct service_webhook *webhook)
{
    struct list_node *node = list_pop(&webhook->waiting);

    webhook->under_way = NULL;
    if (node != NULL)
        CHECK(heap_push(&courier->due, &LIST_ELEMENT(node, struct service_parcel, node)->heap,
                        io_now_ms(courier->loop)) == 0);
}

static void note_try(struct service_parcel *parcel, enum service_delivery_state state,
                     int64_t next_unix_ms, const struct http_outcome *outcome)
{
    struct service_courier *courier = parcel->courier;
    int64_t now = io_unix_ms(courier->loop);
    struct error error = {0};
    cJSON *record;
    int code = service_delivery_read(courier->store, parcel->webhook, slice_from_string(parcel->id),
                                     &record, &error);

    if (code == 0) {
        code = service_delivery_add_try(record, now, outcome) &&
                       service_delivery_set_state(record, state, next_unix_ms)
                   ? service_delivery_keep(courier->store, parcel->webhook, record, now, &error)
                   : error_set(&error, ERROR_NOMEM, "out of memory");
        cJSON_Delete(record);
    }
    if (code != 0 && code != ERROR_NOT_FOUND)
        complain(courier, parcel->webhook, error.message);
}

static void settle(struct service_parcel *parcel, struct service_webhook *webhook,
                   const struct http_outcome *outcome)
{
    struct service_courier *courier = parcel->courier;
    bool is_taken = outcome->status / 100 == 2;
    uint64_t wait;

    parcel->attempts++;
    if (!is_taken)
        courier->failed_tries++;
    if (!is_taken && parcel->attempts < SERVICE_COURIER_TRIES && webhook->is_active) {
        wait = wait_ms(courier, parcel->attempts);
        note_try(parcel, SERVICE_DELIVERY_PENDING, io_unix_ms(courier->loop) + (int64_t)wait,
                 outcome);
        CHECK(heap_push(&courier->due, &parcel->heap, io_now_ms(courier->loop) + wait) == 0);
    } else {
        if (is_taken)
            courier->delivered++;
        else
            courier->given_up++;
        note_try(parcel, is_taken ? SERVICE_DELIVERY_DELIVERED : SERVICE_DELIVERY_FAILED, 0,
                 outcome);
        parcel_free(parcel);
    }
    release(courier, webhook);
}

static void answered(void *user, const struct http_outcome *outcome)
{
    struct service_parcel *parcel = user;
    struct service_courier *courier = parcel->courier;
    struct service_webhook *webhook = service_webhook_by_id(&courier->webhooks, parcel->webhook);

    CHECK(webhook != NULL && webhook->under_way == parcel);
    parcel->exchange = NULL;
    courier->under_way--;
    settle(parcel, webhook, outcome);
    look(courier);
}

/* Sign it and send it. */
static int post(struct service_parcel *parcel, const struct service_webhook *webhook,
                const cJSON *record, struct error *error)
{
    struct service_courier *courier = parcel->courier;
    struct slice payload = service_delivery_payload(record);
    char signature[SERVICE_SIGNATURE_SIZE], lines[3][SERVICE_SIGNATURE_SIZE + 40];
    const char *headers[] = {lines[0], lines[1], lines[2]};
    const struct http_post what = {
        .url = webhook->url,
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
        .body = payload,
        .timeout_ms = TIMEOUT_MS,
    };

    service_webhook_sign(webhook, io_unix_ms(courier->loop), payload, signature);
    snprintf(lines[0], sizeof(lines[0]), "X-Mailknock-Signature: %s", signature);
    snprintf(lines[1], sizeof(lines[1]), "X-Mailknock-Delivery: %s", parcel->id);
    snprintf(lines[2], sizeof(lines[2]), "X-Mailknock-Event: %.40s",
             cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(record, "event")));
    return http_client_post(courier->client, &what, answered, parcel, &parcel->exchange, error);
}

static void begin(struct service_parcel *parcel, struct service_webhook *webhook)
{
    struct service_courier *courier = parcel->courier;
    struct http_outcome failure = {.answer = SLICE_EMPTY};
    struct error error = {0};
    cJSON *record = NULL;
    int code = 0;

    webhook->under_way = parcel;
    if (!webhook->is_active)
        code = error_set(&error, ERROR_USAGE, "the webhook is switched off");
    if (code == 0)
        code = service_delivery_read(courier->store, parcel->webhook, slice_from_string(parcel->id),
                                     &record, &error);
    if (code == 0)
        code = post(parcel, webhook, record, &error);
    cJSON_Delete(record);
    if (code == 0) {
        courier->under_way++;
    } else if (code == ERROR_NOT_FOUND) { /* it was too old */
        parcel_free(parcel);
        release(courier, webhook);
    } else {
        failure.failure = error.message;
        settle(parcel, webhook, &failure);
    }
}

/* Send what is due. */
static void look(struct service_courier *courier)
{
    uint64_t now = io_now_ms(courier->loop);
    struct heap_node *node;

    while (courier->under_way < SERVICE_COURIER_OPEN && (node = heap_peek(&courier->due)) != NULL &&
           node->key <= now) {
        struct service_parcel *parcel = parcel_of(heap_pop(&courier->due));
        struct service_webhook *webhook =
            service_webhook_by_id(&courier->webhooks, parcel->webhook);

        if (webhook == NULL)
            parcel_free(parcel);
        else if (webhook->under_way != NULL)
            list_append(&webhook->waiting, &parcel->node);
        else
            begin(parcel, webhook);
    }
    node = heap_peek(&courier->due);
    if (node != NULL && courier->under_way < SERVICE_COURIER_OPEN)
        (void)io_timer_start(&courier->timer, node->key);
}

static void on_time(struct io_timer *timer)
{
    look(timer->user);
}

/* Later, from the loop: nobody is called from inside what announced it. */
static void stir(struct service_courier *courier)
{
    (void)io_timer_start(&courier->timer, io_now_ms(courier->loop));
}

/* --- events --------------------------------------------------------------------------------------
 */

void service_event_id(char ret_id[SERVICE_EVENT_ID_SIZE])
{
    memcpy(ret_id, "evt_", 4);
    service_random_text(ret_id + 4, SERVICE_EVENT_ID_SIZE - 4 - 1);
}

static bool write_payload(struct buffer *out, enum service_event event, const char *id,
                          struct slice data, int64_t now_unix_ms)
{
    char any[SERVICE_EVENT_ID_SIZE], at[INSTANT_TEXT_SIZE];
    struct json json;

    service_event_id(any);
    json_init(&json, out);
    json_object_begin(&json);
    json_name_cstring(&json, "id", id != NULL ? id : any);
    json_name_cstring(&json, "event", service_event_name(event));
    json_name_cstring(&json, "created_at", instant_format(now_unix_ms, at));
    json_name(&json, "data");
    json_raw(&json, data);
    json_object_end(&json);
    return !out->failed;
}

static int send_payload(struct service_courier *courier, struct service_webhook *webhook,
                        enum service_event event, struct slice payload,
                        char ret_id[SERVICE_DELIVERY_ID_SIZE], struct error *error)
{
    int code;

    if (courier->parcels >= SERVICE_PARCELS_MAX) {
        courier->dropped++;
        return error_set(error, ERROR_LIMIT,
                         "%d deliveries are pending, as many as may be: this one is dropped",
                         SERVICE_PARCELS_MAX);
    }
    code = service_delivery_make(courier->store, webhook->id, service_event_name(event), payload,
                                 io_unix_ms(courier->loop), ret_id, error);
    if (code == 0)
        code = parcel_add(courier, webhook->id, slice_from_string(ret_id), 0,
                          io_now_ms(courier->loop), error);
    if (code == 0 && ++webhook->since_pruned >= PRUNE_EVERY) {
        webhook->since_pruned = 0;
        code = service_delivery_prune(courier->store, webhook->id, SERVICE_DELIVERIES_KEPT, false,
                                      error);
    }
    stir(courier);
    return code;
}

static bool wants(const struct service_webhook *webhook, const struct service_news *news)
{
    bool is_theirs = webhook->key == 0;

    for (size_t i = 0; i < news->key_count && !is_theirs; i++)
        is_theirs = webhook->key == news->keys[i];
    return webhook->is_active && (webhook->events & news->event) != 0 && is_theirs &&
           (webhook->list == 0 ? !news->only_to_own : webhook->list == news->list);
}

bool service_courier_is_wanted(const struct service_courier *courier, enum service_event event)
{
    for (struct list_node *node = list_first(&courier->webhooks.list); node != NULL;
         node = list_after(&courier->webhooks.list, node)) {
        const struct service_webhook *webhook = LIST_ELEMENT(node, struct service_webhook, node);

        if (webhook->is_active && (webhook->events & event) != 0)
            return true;
    }
    return false;
}

int service_courier_announce(struct service_courier *courier, const struct service_news *news,
                             struct error *error)
{
    char id[SERVICE_DELIVERY_ID_SIZE];
    struct buffer payload;
    int code = 0;

    buffer_init(&payload, 0);
    if (!write_payload(&payload, news->event, news->id, news->data, io_unix_ms(courier->loop)))
        code = error_set(error, ERROR_NOMEM, "out of memory");
    for (struct list_node *node = list_first(&courier->webhooks.list);
         !payload.failed && node != NULL; node = list_after(&courier->webhooks.list, node)) {
        struct service_webhook *webhook = LIST_ELEMENT(node, struct service_webhook, node);
        struct error second = {0};
        int sent;

        if (!wants(webhook, news))
            continue;
        sent = send_payload(courier, webhook, news->event, buffer_slice(&payload), id, &second);
        if (sent == 0)
            continue;
        complain(courier, webhook->id, second.message);
        if (code == 0)
            code = error_set(error, sent, "%s", second.message);
    }
    buffer_done(&payload);
    return code;
}

int service_courier_send(struct service_courier *courier, struct service_webhook *webhook,
                         enum service_event event, struct slice data, char ret_id[],
                         struct error *error)
{
    struct buffer payload;
    int code;

    buffer_init(&payload, 0);
    code = write_payload(&payload, event, NULL, data, io_unix_ms(courier->loop))
               ? send_payload(courier, webhook, event, buffer_slice(&payload), ret_id, error)
               : error_set(error, ERROR_NOMEM, "out of memory");
    buffer_done(&payload);
    return code;
}

int service_courier_replay(struct service_courier *courier, struct service_webhook *webhook,
                           struct slice id, struct error *error)
{
    int64_t now = io_unix_ms(courier->loop);
    cJSON *record;
    int code = service_delivery_read(courier->store, webhook->id, id, &record, error);

    if (code != 0)
        return code;
    if (service_delivery_state(record) == SERVICE_DELIVERY_PENDING)
        code = error_set(error, ERROR_BUSY, "it is still being tried");
    else if (courier->parcels >= SERVICE_PARCELS_MAX)
        code = error_set(error, ERROR_LIMIT, "as many deliveries are pending as may be");
    else if (!service_delivery_reset(record, now))
        code = error_set(error, ERROR_NOMEM, "out of memory");
    if (code == 0)
        code = service_delivery_keep(courier->store, webhook->id, record, now, error);
    if (code == 0)
        code = parcel_add(courier, webhook->id, id, 0, io_now_ms(courier->loop), error);
    cJSON_Delete(record);
    stir(courier);
    return code;
}

/* --- webhooks that go ----------------------------------------------------------------------------
 */

int service_courier_remove(struct service_courier *courier, struct service_webhook *webhook,
                           struct error *error)
{
    struct list_node *node;
    uint64_t id = webhook->id;
    int code;

    while ((node = list_first(&webhook->waiting)) != NULL)
        parcel_free(LIST_ELEMENT(node, struct service_parcel, node));
    if (webhook->under_way != NULL)
        parcel_free(webhook->under_way);
    webhook->under_way = NULL;
    for (size_t i = 0; i < courier->due.count;) {
        struct service_parcel *parcel = parcel_of(courier->due.nodes[i]);

        if (parcel->webhook != id) {
            i++;
            continue;
        }
        parcel_free(parcel);
        i = 0; /* the heap was put in order again */
    }
    stir(courier); /* calls that ended here made room for others' */
    code = service_webhook_remove(&courier->webhooks, webhook, error);
    return code == 0 ? service_delivery_prune(courier->store, id, 0, true, error) : code;
}

int service_courier_remove_of(struct service_courier *courier, uint64_t key, uint64_t list,
                              struct error *error)
{
    struct list_node *node = list_first(&courier->webhooks.list);
    int code = 0;

    while (node != NULL && code == 0) {
        struct service_webhook *webhook = LIST_ELEMENT(node, struct service_webhook, node);

        node = list_after(&courier->webhooks.list, node);
        if ((key != 0 && webhook->key == key) || (list != 0 && webhook->list == list))
            code = service_courier_remove(courier, webhook, error);
    }
    return code;
}

/* --- from start to end ---------------------------------------------------------------------------
 */

/* What was under way when the process ended. */
static int take_up(struct service_courier *courier, struct error *error)
{
    int64_t now_unix_ms = io_unix_ms(courier->loop), wait;
    struct slice key = SLICE_EMPTY;
    struct arena arena;
    uint64_t webhook;
    cJSON *record;
    int code;

    arena_init(&arena);
    while ((code = service_delivery_walk(courier->store, key, &arena, &key, &webhook, &record,
                                         error)) == 1) {
        code = 0;
        wait = service_delivery_next_unix_ms(record) - now_unix_ms;
        if (service_delivery_state(record) == SERVICE_DELIVERY_PENDING &&
            service_webhook_by_id(&courier->webhooks, webhook) != NULL)
            code = parcel_add(courier, webhook, service_delivery_id(record),
                              service_delivery_attempts(record),
                              io_now_ms(courier->loop) + (uint64_t)(wait > 0 ? wait : 0), error);
        cJSON_Delete(record);
        if (code != 0)
            break;
    }
    arena_done(&arena);
    return code;
}

int service_courier_open(struct service_courier *courier, struct io_loop *loop, struct store *store,
                         struct http_client *client, struct service_log *log, uint64_t seed,
                         struct error *error)
{
    int code;

    memset(courier, 0, sizeof(*courier));
    courier->loop = loop;
    courier->store = store;
    courier->client = client;
    courier->log = log;
    random_init(&courier->random, seed);
    heap_init(&courier->due);
    io_timer_init(loop, &courier->timer, on_time, courier);
    code = service_webhooks_open(&courier->webhooks, store, error);
    if (code == 0)
        code = take_up(courier, error);
    if (code == 0)
        stir(courier);
    else
        service_courier_close(courier);
    return code;
}

void service_courier_close(struct service_courier *courier)
{
    struct heap_node *due;

    if (courier->loop == NULL)
        return;
    io_timer_stop(&courier->timer);
    for (struct list_node *node =
             courier->webhooks.store != NULL ? list_first(&courier->webhooks.list) : NULL;
         node != NULL; node = list_after(&courier->webhooks.list, node)) {
        struct service_webhook *webhook = LIST_ELEMENT(node, struct service_webhook, node);
        struct list_node *waiting;

        if (webhook->under_way != NULL)
            parcel_free(webhook->under_way);
        while ((waiting = list_first(&webhook->waiting)) != NULL)
            parcel_free(LIST_ELEMENT(waiting, struct service_parcel, node));
    }
    while ((due = heap_peek(&courier->due)) != NULL)
        parcel_free(parcel_of(due));
    heap_done(&courier->due);
    service_webhooks_close(&courier->webhooks);
    courier->loop = NULL;
}
