#include "service/days.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "store/store.h"

#define KIND "day"

static void date_of(int64_t unix_ms, char out[11])
{
    char text[INSTANT_TEXT_SIZE];

    instant_format(unix_ms, text);
    memcpy(out, text, 10);
    out[10] = '\0';
}

static void read_counts(struct slice body, uint64_t counts[VERDICT_STATUS_COUNT])
{
    cJSON *object = cJSON_ParseWithLength(body.ptr, body.len);

    for (unsigned i = 0; i < VERDICT_STATUS_COUNT; i++) {
        const cJSON *member =
            cJSON_GetObjectItemCaseSensitive(object, verdict_status_name((enum verdict_status)i));

        counts[i] =
            cJSON_IsNumber(member) && member->valuedouble > 0 ? (uint64_t)member->valuedouble : 0;
    }
    cJSON_Delete(object);
}

static void write_counts(struct json *json, const uint64_t counts[VERDICT_STATUS_COUNT])
{
    json_object_begin(json);
    for (unsigned i = 0; i < VERDICT_STATUS_COUNT; i++)
        json_name_int(json, verdict_status_name((enum verdict_status)i), (int64_t)counts[i]);
    json_object_end(json);
}

int service_days_flush(struct service_days *days, struct store *store, struct error *error)
{
    struct buffer body;
    struct json json;
    int code;

    if (!days->changed)
        return 0;
    buffer_init(&body, 0);
    json_init(&json, &body);
    write_counts(&json, days->counts);
    code = body.failed ? error_set(error, ERROR_NOMEM, "out of memory")
                       : store_note_put(store, KIND, days->today, buffer_slice(&body), 0, error);
    buffer_done(&body);
    days->changed = code != 0;
    return code;
}

/* The process may have been started again today: go on from what is kept. */
static void begin_day(struct service_days *days, struct store *store, int64_t now_unix_ms)
{
    struct slice body;
    struct arena arena;

    arena_init(&arena);
    date_of(now_unix_ms, days->today);
    days->day = now_unix_ms / (int64_t)DAY_MS;
    memset(days->counts, 0, sizeof(days->counts));
    if (store_note_get(store, KIND, days->today, &arena, &body, NULL) == 0)
        read_counts(body, days->counts);
    arena_done(&arena);
}

void service_days_count(struct service_days *days, struct store *store, enum verdict_reason reason,
                        int64_t now_unix_ms)
{
    if (days->today[0] == '\0' || now_unix_ms / (int64_t)DAY_MS != days->day) {
        (void)service_days_flush(days, store, NULL);
        begin_day(days, store, now_unix_ms);
    }
    days->counts[verdict_reason_status(reason)]++;
    days->changed = true;
}

int service_days_write(struct service_days *days, struct store *store, int64_t now_unix_ms,
                       unsigned count, struct json *json, struct error *error)
{
    char from[11];
    struct slice id, body;
    struct arena arena;
    int code = service_days_flush(days, store, error);

    if (code != 0)
        return code;
    arena_init(&arena);
    date_of(now_unix_ms - (int64_t)(count * DAY_MS), from);
    id = slice_from_string(from);
    json_array_begin(json);
    while ((code = store_note_next(store, KIND, id, &arena, &id, &body, error)) == 1) {
        uint64_t counts[VERDICT_STATUS_COUNT];

        read_counts(body, counts);
        json_object_begin(json);
        json_name_string(json, "date", id);
        json_name(json, "counts");
        write_counts(json, counts);
        json_object_end(json);
    }
    json_array_end(json);
    arena_done(&arena);
    return code;
}
