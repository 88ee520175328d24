/*
 * Webhooks on a virtual clock: signatures, retries over a day, restarts, replays, the log's bounds.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "http/client_fake.h"
#include "lab/sim_loop.h"
#include "service/courier.h"
#include "service/delivery.h"

#define SECRET "0123456789abcdef"

struct bench {
    struct io_loop *loop;
    struct store *store;
    struct http_client *client;
    struct service_log log;
    struct service_courier courier;
    struct io_timer stop;
    /* The other side: what it answers, what it got. */
    unsigned status, taken_from; /* from which call on it answers 204 */
    const char *failure;
    uint64_t took_ms;
    unsigned calls, open, open_peak;
    uint64_t called_ms[64];
    char url[100], signature[300], delivery[64], event[64], body[2000];
};

static void answer(void *user, const struct http_post *post, struct http_outcome *ret_outcome)
{
    struct bench *bench = user;

    assert_true(bench->calls < ARRAY_LEN(bench->called_ms));
    bench->called_ms[bench->calls++] = io_now_ms(bench->loop);
    snprintf(bench->url, sizeof(bench->url), "%s", post->url);
    snprintf(bench->body, sizeof(bench->body), "%.*s", SLICE_ARG(post->body));
    for (size_t i = 0; i < post->header_count; i++) {
        (void)sscanf(post->headers[i], "X-Mailknock-Signature: %299s", bench->signature);
        (void)sscanf(post->headers[i], "X-Mailknock-Delivery: %63s", bench->delivery);
        (void)sscanf(post->headers[i], "X-Mailknock-Event: %63s", bench->event);
    }
    ret_outcome->status = bench->calls >= bench->taken_from ? 204 : bench->status;
    ret_outcome->failure = ret_outcome->status == 0 ? bench->failure : NULL;
    ret_outcome->answer = SLICE("\xff<b>sorry</b>");
    ret_outcome->took_ms = bench->took_ms;
}

static void stop(struct io_timer *timer)
{
    io_loop_stop(timer->user);
}

static void open_courier(struct bench *bench)
{
    struct error error = {0};

    if (service_courier_open(&bench->courier, bench->loop, bench->store, bench->client, &bench->log,
                             7, &error) != 0)
        fail_msg("%s", error.message);
}

static void open_bench(struct bench *bench)
{
    const struct lab_sim_plan plan = {.seed = 1};
    struct error error = {0};

    memset(bench, 0, sizeof(*bench));
    bench->status = 500;
    bench->taken_from = 1;
    bench->took_ms = 20;
    bench->loop = lab_sim_loop_new(&plan);
    assert_non_null(bench->loop);
    assert_int_equal(store_memory_open(&bench->store, &error), 0);
    bench->client = http_client_fake_new(bench->loop, answer, bench);
    assert_non_null(bench->client);
    service_log_open(&bench->log, NULL, SERVICE_LOG_LOGFMT, SERVICE_LOG_INFO, false);
    io_timer_init(bench->loop, &bench->stop, stop, bench->loop);
    open_courier(bench);
}

static void close_bench(struct bench *bench)
{
    io_timer_stop(&bench->stop);
    service_courier_close(&bench->courier);
    http_client_free(bench->client);
    service_log_close(&bench->log);
    store_close(bench->store);
    io_loop_free(bench->loop);
}

static struct service_webhook *make(struct bench *bench, unsigned events, uint64_t key,
                                    uint64_t list)
{
    struct service_webhook wanted = {.events = events, .key = key, .list = list, .secret = SECRET};
    struct service_webhook *webhook;
    char url[] = "https://hooks.example/in";
    struct error error = {0};

    wanted.url = url;
    assert_int_equal(service_webhook_make(&bench->courier.webhooks, &wanted,
                                          io_unix_ms(bench->loop), &webhook, &error),
                     0);
    return webhook;
}

static void run_for(struct bench *bench, uint64_t ms)
{
    io_timer_start(&bench->stop, io_now_ms(bench->loop) + ms);
    io_loop_run(bench->loop);
}

static void announce(struct bench *bench, enum service_event event, uint64_t key, uint64_t list)
{
    struct error error = {0};
    const struct service_news news = {
        .event = event, .keys = &key, .key_count = 1, .list = list, .data = SLICE("{\"a\":1}")};

    if (service_courier_announce(&bench->courier, &news, &error) != 0)
        fail_msg("%s", error.message);
}

static cJSON *read_record(struct bench *bench, uint64_t webhook)
{
    struct error error = {0};
    struct arena arena;
    struct slice id;
    cJSON *record = NULL;

    arena_init(&arena);
    assert_int_equal(
        service_delivery_next(bench->store, webhook, SLICE_EMPTY, &arena, &id, &record, &error), 1);
    arena_done(&arena);
    return record;
}

static size_t count_records(struct bench *bench, uint64_t webhook)
{
    struct slice id = SLICE_EMPTY;
    struct error error = {0};
    struct arena arena;
    cJSON *record;
    size_t count = 0;

    arena_init(&arena);
    while (service_delivery_next(bench->store, webhook, id, &arena, &id, &record, &error) == 1) {
        cJSON_Delete(record);
        count++;
    }
    arena_done(&arena);
    return count;
}

/* --- signatures ----------------------------------------------------------------------------------
 */

static void test_signature(void **state)
{
    struct service_webhook webhook = {
        .secret = "key", .old_secret = "old", .old_until_unix_ms = 2000};
    char signature[SERVICE_SIGNATURE_SIZE];

    (void)state;
    /* printf '0.The quick brown fox' | openssl dgst -sha256 -hmac key (and old) */
    service_webhook_sign(&webhook, 2000, SLICE("The quick brown fox"), signature);
    assert_string_equal(signature,
                        "t=2,v1=6469373f333fa74fa15aa08a2c01def5c812714e8039fdac184c3061b5f48e64");
    service_webhook_sign(&webhook, 999, SLICE("The quick brown fox"), signature);
    assert_string_equal(signature,
                        "t=0,v1=10c3ae5bdd0fd5c9ad60a05ea4051bb529622def626c0d64295951b2039454ed,"
                        "v1=8526ac81f1e2a3f699344748dbd5d795f8b5014eb7ad857e6f17d15a0115e7de");
}

static void test_rotation(void **state)
{
    struct bench bench;
    struct service_webhook *webhook;
    struct error error = {0};

    (void)state;
    open_bench(&bench);
    webhook = make(&bench, SERVICE_EVENTS_ALL, 0, 0);
    assert_int_equal(
        service_webhook_rotate(&bench.courier.webhooks, webhook, io_unix_ms(bench.loop), &error),
        0);
    assert_string_equal(webhook->old_secret, SECRET);
    assert_string_not_equal(webhook->secret, SECRET);
    assert_int_equal(strlen(webhook->secret), 38);
    announce(&bench, SERVICE_EVENT_LIST_FINISHED, 0, 0);
    run_for(&bench, SECOND_MS);
    assert_non_null(strstr(strstr(bench.signature, "v1=") + 3, ",v1=")); /* both */
    run_for(&bench, DAY_MS);
    announce(&bench, SERVICE_EVENT_LIST_FINISHED, 0, 0);
    run_for(&bench, SECOND_MS);
    assert_null(strstr(strstr(bench.signature, "v1=") + 3, ",v1="));
    close_bench(&bench);
}

/* --- who gets what -------------------------------------------------------------------------------
 */

static const struct {
    unsigned events;
    uint64_t key, list; /* of the webhook */
    enum service_event event;
    uint64_t by, of; /* whose doing, and which list */
    bool is_told;
} wishes[] = {
    {SERVICE_EVENTS_ALL, 0, 0, SERVICE_EVENT_LIST_FINISHED, 1, 5, true},
    {SERVICE_EVENTS_ALL, 0, 0, SERVICE_EVENT_VERIFY_FINISHED, 0, 0, true},
    {SERVICE_EVENT_LIST_CANCELLED, 0, 0, SERVICE_EVENT_LIST_FINISHED, 1, 5, false},
    {SERVICE_EVENT_LIST_CANCELLED, 0, 0, SERVICE_EVENT_LIST_CANCELLED, 1, 5, true},
    {SERVICE_EVENTS_ALL, 1, 0, SERVICE_EVENT_LIST_FINISHED, 1, 5, true},
    {SERVICE_EVENTS_ALL, 1, 0, SERVICE_EVENT_LIST_FINISHED, 2, 5, false},
    {SERVICE_EVENTS_ALL, 1, 0, SERVICE_EVENT_LIST_FINISHED, 0, 5, false},
    {SERVICE_EVENTS_OF_LISTS, 0, 5, SERVICE_EVENT_LIST_FAILED, 1, 5, true},
    {SERVICE_EVENTS_OF_LISTS, 0, 5, SERVICE_EVENT_LIST_FAILED, 1, 6, false},
    {SERVICE_EVENTS_OF_LISTS, 0, 5, SERVICE_EVENT_VERIFY_FINISHED, 1, 0, false},
};

static void test_who_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
        struct bench bench;
        uint64_t id;

        open_bench(&bench);
        id = make(&bench, wishes[i].events, wishes[i].key, wishes[i].list)->id;
        announce(&bench, wishes[i].event, wishes[i].by, wishes[i].of);
        assert_int_equal(bench.calls, 0); /* not from inside */
        run_for(&bench, SECOND_MS);
        if (bench.calls != wishes[i].is_told || count_records(&bench, id) != wishes[i].is_told)
            fail_msg("wish %zu: %u calls", i, bench.calls);
        if (wishes[i].is_told)
            assert_string_equal(bench.event, service_event_name(wishes[i].event));
        close_bench(&bench);
    }
}

static void test_what_is_sent(void **state)
{
    struct bench bench;
    char expected[SERVICE_SIGNATURE_SIZE];
    struct service_webhook *webhook;
    long stamp;
    cJSON *payload;

    (void)state;
    open_bench(&bench);
    webhook = make(&bench, SERVICE_EVENTS_ALL, 0, 0);
    announce(&bench, SERVICE_EVENT_LIST_FINISHED, 0, 0);
    run_for(&bench, SECOND_MS);
    assert_string_equal(bench.url, "https://hooks.example/in");
    payload = cJSON_Parse(bench.body);
    assert_non_null(payload);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(payload, "event")),
                        "list.finished");
    assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(payload, "data"), "a"));
    cJSON_Delete(payload);
    assert_int_equal(sscanf(bench.signature, "t=%ld,", &stamp), 1);
    service_webhook_sign(webhook, (int64_t)stamp * 1000, slice_from_string(bench.body), expected);
    assert_string_equal(bench.signature, expected);
    close_bench(&bench);
}

/* --- trying again --------------------------------------------------------------------------------
 */

static void test_eight_tries_within_a_day(void **state)
{
    struct bench bench;
    struct service_webhook *webhook;
    cJSON *record, *tries;

    (void)state;
    open_bench(&bench);
    bench.taken_from = UINT32_MAX;
    webhook = make(&bench, SERVICE_EVENTS_ALL, 0, 0);
    announce(&bench, SERVICE_EVENT_LIST_FINISHED, 0, 0);
    run_for(&bench, SECOND_MS);
    record = read_record(&bench, webhook->id);
    assert_int_equal(service_delivery_state(record), SERVICE_DELIVERY_PENDING);
    assert_true(service_delivery_next_unix_ms(record) > io_unix_ms(bench.loop));
    cJSON_Delete(record);
    run_for(&bench, 40 * HOUR_MS);
    assert_int_equal(bench.calls, SERVICE_COURIER_TRIES);
    assert_true(bench.called_ms[7] - bench.called_ms[0] > 18 * HOUR_MS);
    assert_true(bench.called_ms[7] - bench.called_ms[0] < 30 * HOUR_MS);
    for (unsigned i = 2; i < bench.calls; i++)
        assert_true(bench.called_ms[i] - bench.called_ms[i - 1] >
                    bench.called_ms[i - 1] - bench.called_ms[i - 2]);
    record = read_record(&bench, webhook->id);
    assert_int_equal(service_delivery_state(record), SERVICE_DELIVERY_FAILED);
    assert_int_equal(service_delivery_attempts(record), SERVICE_COURIER_TRIES);
    tries = cJSON_GetObjectItem(record, "tries");
    assert_int_equal(cJSON_GetArraySize(tries), SERVICE_COURIER_TRIES);
    assert_int_equal(
        cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetArrayItem(tries, 0), "status")), 500);
    /* Whatever a stranger's bytes were, ours are UTF-8. */
    assert_string_equal(
        cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(tries, 0), "answer")),
        "\xef\xbf\xbd<b>sorry</b>");
    assert_int_equal(bench.courier.parcels, 0);
    cJSON_Delete(record);
    close_bench(&bench);
}

static void test_taken_at_last(void **state)
{
    struct bench bench;
    struct service_webhook *webhook;
    char first[64];
    cJSON *record;

    (void)state;
    open_bench(&bench);
    bench.status = 0;
    bench.failure = "nobody answers";
    bench.taken_from = 3;
    webhook = make(&bench, SERVICE_EVENTS_ALL, 0, 0);
    announce(&bench, SERVICE_EVENT_LIST_FINISHED, 0, 0);
    run_for(&bench, SECOND_MS);
    strcpy(first, bench.delivery);
    run_for(&bench, 2 * DAY_MS);
    assert_int_equal(bench.calls, 3);
    assert_string_equal(bench.delivery, first); /* whoever got it twice can tell */
    record = read_record(&bench, webhook->id);
    assert_int_equal(service_delivery_state(record), SERVICE_DELIVERY_DELIVERED);
    cJSON_Delete(record);
    close_bench(&bench);
}

/* One webhook is called by one connection at a time, in order; another one is not held up. */
static void test_order(void **state)
{
    struct bench bench;
    struct service_webhook *slow;

    (void)state;
    open_bench(&bench);
    bench.took_ms = 5 * SECOND_MS;
    slow = make(&bench, SERVICE_EVENT_LIST_FINISHED, 0, 0);
    (void)make(&bench, SERVICE_EVENT_LIST_FAILED, 0, 0);
    for (unsigned i = 0; i < 3; i++)
        announce(&bench, SERVICE_EVENT_LIST_FINISHED, 0, 0);
    announce(&bench, SERVICE_EVENT_LIST_FAILED, 0, 0);
    run_for(&bench, SECOND_MS);
    assert_int_equal(bench.calls, 2);
    run_for(&bench, 30 * SECOND_MS);
    assert_int_equal(bench.calls, 4);
    assert_true(bench.called_ms[2] >= bench.called_ms[0] + bench.took_ms);
    assert_true(bench.called_ms[3] >= bench.called_ms[2] + bench.took_ms);
    assert_null(slow->under_way);
    close_bench(&bench);
}

static void test_restart(void **state)
{
    struct bench bench;
    struct service_webhook *webhook;
    cJSON *record;
    uint64_t id;

    (void)state;
    open_bench(&bench);
    bench.taken_from = 3;
    id = make(&bench, SERVICE_EVENTS_ALL, 3, 0)->id;
    announce(&bench, SERVICE_EVENT_VERIFY_FINISHED, 3, 0);
    run_for(&bench, SECOND_MS);
    assert_int_equal(bench.calls, 1);
    service_courier_close(&bench.courier); /* between two tries */
    open_courier(&bench);
    webhook = service_webhook_by_id(&bench.courier.webhooks, id);
    assert_non_null(webhook);
    assert_string_equal(webhook->secret, SECRET);
    assert_int_equal(webhook->key, 3);
    run_for(&bench, 13 * SECOND_MS);
    io_timer_stop(&bench.stop);
    bench.took_ms = HOUR_MS;
    run_for(&bench, 2 * MINUTE_MS); /* in the middle of a call */
    assert_int_equal(bench.calls, 3);
    service_courier_close(&bench.courier);
    bench.took_ms = 20;
    open_courier(&bench);
    run_for(&bench, SECOND_MS); /* made once more: nobody knows whether it arrived */
    assert_int_equal(bench.calls, 4);
    record = read_record(&bench, id);
    assert_int_equal(service_delivery_state(record), SERVICE_DELIVERY_DELIVERED);
    cJSON_Delete(record);
    close_bench(&bench);
}

/* --- the log -------------------------------------------------------------------------------------
 */

static void test_replay(void **state)
{
    struct bench bench;
    struct service_webhook *webhook;
    char id[SERVICE_DELIVERY_ID_SIZE];
    struct error error = {0};
    cJSON *record;

    (void)state;
    open_bench(&bench);
    webhook = make(&bench, SERVICE_EVENTS_ALL, 0, 0);
    assert_int_equal(
        service_courier_send(&bench.courier, webhook, SERVICE_EVENT_TEST, SLICE("{}"), id, &error),
        0);
    assert_int_equal(service_courier_replay(&bench.courier, webhook, slice_from_string(id), &error),
                     ERROR_BUSY);
    run_for(&bench, SECOND_MS);
    assert_int_equal(bench.calls, 1);
    assert_string_equal(bench.event, "webhook.test");
    assert_int_equal(service_courier_replay(&bench.courier, webhook, slice_from_string(id), &error),
                     0);
    run_for(&bench, SECOND_MS);
    assert_int_equal(bench.calls, 2);
    assert_string_equal(bench.delivery, id);
    record = read_record(&bench, webhook->id);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(record, "tries")), 2);
    cJSON_Delete(record);
    assert_int_equal(service_courier_replay(&bench.courier, webhook, SLICE("nonsense"), &error),
                     ERROR_NOT_FOUND);
    close_bench(&bench);
}

static void test_the_log_is_bounded(void **state)
{
    struct bench bench;
    struct service_webhook *webhook, *other;

    (void)state;
    open_bench(&bench);
    webhook = make(&bench, SERVICE_EVENTS_ALL, 0, 0);
    other = make(&bench, SERVICE_EVENT_LIST_FAILED, 0, 0);
    announce(&bench, SERVICE_EVENT_LIST_FAILED, 0, 0);
    for (unsigned i = 0; i < 400; i++) {
        announce(&bench, SERVICE_EVENT_LIST_FINISHED, 0, 0);
        run_for(&bench, SECOND_MS);
        bench.calls = 0;
    }
    assert_true(count_records(&bench, webhook->id) >= SERVICE_DELIVERIES_KEPT);
    assert_true(count_records(&bench, webhook->id) <= SERVICE_DELIVERIES_KEPT + 50);
    assert_int_equal(count_records(&bench, other->id), 1);
    close_bench(&bench);
}

static void test_pending_ones_are_bounded(void **state)
{
    struct bench bench;
    struct error error = {0};
    uint64_t key = 0;
    const struct service_news news = {
        .event = SERVICE_EVENT_LIST_FAILED, .keys = &key, .key_count = 1, .data = SLICE("{}")};

    (void)state;
    open_bench(&bench);
    (void)make(&bench, SERVICE_EVENTS_ALL, 0, 0);
    bench.courier.parcels = SERVICE_PARCELS_MAX;
    assert_int_equal(service_courier_announce(&bench.courier, &news, &error), ERROR_LIMIT);
    assert_int_equal(bench.courier.dropped, 1);
    bench.courier.parcels = 0;
    close_bench(&bench);
}

/* --- webhooks that go ----------------------------------------------------------------------------
 */

static void test_switched_off(void **state)
{
    struct bench bench;
    struct service_webhook *webhook;
    struct error error = {0};
    cJSON *record;

    (void)state;
    open_bench(&bench);
    bench.taken_from = UINT32_MAX;
    webhook = make(&bench, SERVICE_EVENTS_ALL, 0, 0);
    announce(&bench, SERVICE_EVENT_LIST_FINISHED, 0, 0);
    run_for(&bench, SECOND_MS);
    assert_int_equal(service_webhook_change(&bench.courier.webhooks, webhook,
                                            "https://other.example/", webhook->events, false,
                                            &error),
                     0);
    announce(&bench, SERVICE_EVENT_LIST_FINISHED, 0, 0);
    run_for(&bench, DAY_MS);
    assert_int_equal(bench.calls, 1);
    assert_int_equal(count_records(&bench, webhook->id), 1);
    record = read_record(&bench, webhook->id);
    assert_int_equal(service_delivery_state(record), SERVICE_DELIVERY_FAILED);
    cJSON_Delete(record);
    close_bench(&bench);
}

static void test_removal(void **state)
{
    struct bench bench;
    struct error error = {0};
    uint64_t first, second;

    (void)state;
    open_bench(&bench);
    bench.taken_from = UINT32_MAX;
    bench.took_ms = 30 * SECOND_MS;
    first = make(&bench, SERVICE_EVENTS_ALL, 4, 0)->id;
    second = make(&bench, SERVICE_EVENTS_OF_LISTS, 0, 9)->id;
    for (unsigned i = 0; i < 3; i++)
        announce(&bench, SERVICE_EVENT_LIST_FAILED, 4, 9);
    run_for(&bench, SECOND_MS); /* each has one under way, two that wait */
    assert_int_equal(bench.courier.parcels, 6);
    assert_int_equal(service_courier_remove_of(&bench.courier, 4, 0, &error), 0);
    assert_int_equal(bench.courier.parcels, 3);
    assert_int_equal(count_records(&bench, first), 0);
    run_for(&bench, MINUTE_MS); /* one between tries as well */
    assert_int_equal(service_courier_remove_of(&bench.courier, 0, 9, &error), 0);
    assert_int_equal(bench.courier.parcels, 0);
    assert_int_equal(bench.courier.under_way, 0);
    assert_int_equal(count_records(&bench, second), 0);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_who_is_told),
        cmocka_unit_test(test_what_is_sent),
        cmocka_unit_test(test_eight_tries_within_a_day),
        cmocka_unit_test(test_taken_at_last),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_the_log_is_bounded),
        cmocka_unit_test(test_pending_ones_are_bounded),
        cmocka_unit_test(test_switched_off),
        cmocka_unit_test(test_removal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
