#include "service/audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "service/internal.h"

#define KIND       "audit"
#define KEPT_MS    ((int64_t)(400 * DAY_MS))
#define END_OF_MS  9999999999999 /* the largest time that an id can say; 2286 */
#define PAGE_MAX   500
#define PAGE_USUAL 100

int service_audit_note(struct store *store, int64_t now_unix_ms, const char *event, uint64_t key_id,
                       const char *subject, struct error *error)
{
    static unsigned last; /* tells apart what happened in the same millisecond */
    char id[40], at[INSTANT_TEXT_SIZE], key[24];
    struct buffer body;
    struct json json;
    int code;

    /* Notes are walked upwards: the newest must have the smallest id. */
    snprintf(id, sizeof(id), "%013jd-%04u", (intmax_t)(END_OF_MS - now_unix_ms),
             9999 - last++ % 10000);
    snprintf(key, sizeof(key), "%ju", (uintmax_t)key_id);
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_cstring(&json, "at", instant_format(now_unix_ms, at));
    json_name_cstring(&json, "event", event);
    json_name_cstring(&json, "by",
                      key_id == 0                            ? "service"
                      : key_id == SERVICE_AUDIT_COMMAND_LINE ? "command line"
                                                             : "key");
    json_name_cstring(&json, "key",
                      key_id != 0 && key_id != SERVICE_AUDIT_COMMAND_LINE ? key : NULL);
    json_name_cstring(&json, "subject", subject);
    json_object_end(&json);
    code = body.failed
               ? error_set(error, ERROR_NOMEM, "out of memory")
               : store_note_put(store, KIND, id, buffer_slice(&body), now_unix_ms + KEPT_MS, error);
    buffer_done(&body);
    return code;
}

int service_audit_write(struct store *store, struct slice cursor, size_t limit, struct json *json,
                        struct arena *arena, struct slice *ret_next, struct error *error)
{
    struct slice id = cursor, body, last = SLICE_EMPTY;
    int code = 0;

    *ret_next = SLICE_EMPTY;
    for (size_t i = 0; (code = store_note_next(store, KIND, id, arena, &id, &body, error)) == 1;
         i++) {
        if (i == limit) {
            *ret_next = last;
            return 0;
        }
        json_raw(json, body);
        last = id;
    }
    return code;
}

void service_audit(struct service_call *call, const char *event, const char *format, ...)
{
    struct service *service = call->service;
    struct error error = {0};
    char subject[200];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(subject, sizeof(subject), format, arguments);
    va_end(arguments);
    if (service_audit_note(service->store, service_unix_ms(service), event, call->key_id, subject,
                           &error) != 0 &&
        service_log_begin(&service->log, SERVICE_LOG_ERROR, "audit", service_unix_ms(service))) {
        service_log_text(&service->log, "error", slice_from_string(error.message));
        service_log_end(&service->log);
    }
}

/* GET /v1/audit */
void service_audit_get(struct service_call *call)
{
    uint64_t limit = PAGE_USUAL;
    struct error error = {0};
    struct slice next;
    struct arena arena;
    struct buffer body;
    struct json json;
    int code;

    if (!service_query_number(call, "limit", 1, PAGE_MAX, &limit))
        return;
    arena_init(&arena);
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name(&json, "items");
    json_array_begin(&json);
    code = service_audit_write(call->service->store, service_query_text(call, "cursor"),
                               (size_t)limit, &json, &arena, &next, &error);
    json_array_end(&json);
    if (next.len > 0)
        json_name_string(&json, "next", next);
    else
        json_name_null(&json, "next");
    json_object_end(&json);
    if (code != 0) {
        buffer_done(&body);
        service_problem_of(call, &error);
    } else {
        service_answer(call, 200, &body);
    }
    arena_done(&arena);
}
