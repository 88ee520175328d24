/*
 * JSON that people send as a list's options: read, written and read again it says the same; and
 * what becomes of webhook deliveries' records in the store.
 */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "service/delivery.h"
#include "service/list_options.h"

static void write(struct buffer *out, const struct service_list_options *options)
{
    struct json json;

    buffer_init(out, 0);
    json_init(&json, out);
    service_list_options_write(&json, options);
}

static void options_stay_what_they_are(struct slice text)
{
    const struct probe_settings settings = {0};
    struct service_list_options first, second;
    struct buffer once, twice;
    struct bulk_format format;
    struct error error = {0};
    struct arena arena;

    arena_init(&arena);
    service_list_options_init(&first, &settings);
    if (service_list_options_parse(&first, text, &arena, &error) == 0) {
        write(&once, &first);
        service_list_options_init(&second, &settings);
        CHECK(service_list_options_parse(&second, buffer_slice(&once), &arena, &error) == 0);
        write(&twice, &second);
        CHECK(slice_equal(buffer_slice(&once), buffer_slice(&twice)));
        service_list_options_format(&second, &format);
        buffer_done(&once);
        buffer_done(&twice);
    } else {
        CHECK(error.code != 0 && error.message[0] != '\0');
    }
    arena_done(&arena);
}

/* A stranger's answer goes into the record, and comes back as UTF-8. */
static void answers_are_kept(struct slice bytes)
{
    static const char record_text[] =
        "{\"id\":\"a\",\"event\":\"e\",\"state\":\"pending\",\"next_at\":null,\"next_unix_ms\":0,"
        "\"attempts\":0,\"tries\":[],\"payload\":\"{}\"}";
    const struct http_outcome outcome = {.status = 200, .answer = bytes};
    cJSON *record = cJSON_Parse(record_text), *again;
    char *text;

    CHECK(record != NULL && service_delivery_add_try(record, 0, &outcome));
    CHECK(service_delivery_attempts(record) == 1);
    text = cJSON_PrintUnformatted(record);
    again = cJSON_Parse(text);
    CHECK(again != NULL && service_delivery_attempts(again) == 1);
    cJSON_free(text);
    cJSON_Delete(again);
    cJSON_Delete(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_from((const char *)data, size);

    options_stay_what_they_are(bytes);
    answers_are_kept(bytes);
    return 0;
}
