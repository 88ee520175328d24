#include "service/call.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "service/internal.h"

#define DETAIL_BYTES_MAX 1000
#define NO_MEMORY        "the server is out of memory; try again later"
#define RETRY_AFTER_S    "5" /* with every 503: what is full or away now may not be then */

static const char *title_of(unsigned status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests";
    case 503:
        return "Service Unavailable";
    case 507:
        return "Insufficient Storage";
    default:
        return "Internal Server Error";
    }
}

void service_answer(struct service_call *call, unsigned status, struct buffer *body)
{
    bool complete = buffer_append_byte(body, '\n') && !body->failed;

    http_response_header(call->request, "Cache-Control", "no-store");
    if (complete)
        http_respond_buffer(call->request, status, "application/json", body);
    else
        service_no_memory(call);
    buffer_done(body);
}

void service_answer_nothing(struct service_call *call)
{
    http_respond(call->request, 204, NULL, SLICE_EMPTY);
}

/* What every error has, however it is said (RFC 9110 15.5.2 for 401, 10.2.3 for 503). */
static void add_error_headers(struct service_call *call, unsigned status)
{
    http_response_header(call->request, "Cache-Control", "no-store");
    if (status == 401)
        http_response_header(call->request, "WWW-Authenticate", "Bearer realm=\"mailknock\"");
    if (status == 503)
        http_response_header(call->request, "Retry-After", RETRY_AFTER_S);
}

void service_refuse(struct service_call *call, unsigned status, const char *message)
{
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_cstring(&json, "error", message);
    json_object_end(&json);
    buffer_append_byte(&body, '\n');
    add_error_headers(call, body.failed ? 503 : status);
    if (body.failed) /* said without memory: whoever can't answer comes here */
        http_respond(call->request, 503, "application/json",
                     SLICE("{\"error\":\"Please Try Again\"}\n"));
    else
        http_respond(call->request, status, "application/json", buffer_slice(&body));
    buffer_done(&body);
}

void service_problem(struct service_call *call, unsigned status, const char *code,
                     const char *format, ...)
{
    char detail[DETAIL_BYTES_MAX];
    struct buffer body;
    struct json json;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    if (call->match.route != NULL && call->match.route->manner != SERVICE_OWN) {
        service_refuse(call, status, detail);
        return;
    }
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_cstring(&json, "type", "about:blank");
    json_name_cstring(&json, "title", title_of(status));
    json_name_int(&json, "status", status);
    json_name_cstring(&json, "code", code);
    json_name_cstring(&json, "detail", detail);
    json_object_end(&json);
    buffer_append_byte(&body, '\n');
    add_error_headers(call, body.failed ? 503 : status);
    if (body.failed) /* as above */
        http_respond(call->request, 503, "application/problem+json",
                     SLICE("{\"type\":\"about:blank\",\"title\":\"Service Unavailable\","
                           "\"status\":503,\"code\":\"no_memory\",\"detail\":\"" NO_MEMORY
                           "\"}\n"));
    else
        http_respond(call->request, status, "application/problem+json", buffer_slice(&body));
    buffer_done(&body);
}

void service_no_memory(struct service_call *call)
{
    service_problem(call, 503, "no_memory", "%s", NO_MEMORY);
}

void service_problem_of(struct service_call *call, const struct error *error)
{
    const char *message = service_desk_public(&call->service->desk, error->message);

    switch (error->code) {
    case ERROR_NOT_FOUND:
        service_problem(call, 404, "not_found", "%s", message);
        break;
    case ERROR_USAGE:
    case ERROR_FORMAT:
    case ERROR_RANGE:
        service_problem(call, 422, "unusable", "%s", message);
        break;
    case ERROR_BUSY:
        service_problem(call, 409, "busy", "%s", message);
        break;
    case ERROR_LIMIT:
        service_problem(call, 413, "too_much", "%s", message);
        break;
    case ERROR_IO:
        service_problem(call, 507, "storage", "%s", message);
        break;
    case ERROR_NOMEM:
        service_no_memory(call);
        break;
    default:
        service_problem(call, 500, "internal", "%s", message);
        break;
    }
}

/* --- the body -------------------------------------------------------------------------------- */

static bool is_listed(const char *name, const char *allowed)
{
    struct slice rest = slice_from_string(allowed), word;

    while (slice_split(&rest, ',', &word))
        if (slice_equal(word, slice_from_string(name)))
            return true;
    return false;
}

cJSON *service_body(struct service_call *call, const char *allowed)
{
    struct slice body = http_request_body(call->request);
    const char *end = NULL;
    cJSON *object;

    if (slice_trim(body).len == 0) {
        service_problem(call, 400, "no_body", "the request needs a JSON object as its body");
        return NULL;
    }
    object = cJSON_ParseWithLengthOpts(body.ptr, body.len, &end, 0);
    if (object == NULL) {
        service_problem(call, 400, "bad_json", "the body is not JSON: it goes wrong at byte %zu",
                        end != NULL ? (size_t)(end - body.ptr) : 0);
        return NULL;
    }
    if (!cJSON_IsObject(object) ||
        slice_trim(slice_from_offset(body, (size_t)(end - body.ptr))).len > 0) {
        service_problem(call, 400, "bad_json", "the body must be one JSON object");
        cJSON_Delete(object);
        return NULL;
    }
    for (const cJSON *member = object->child; allowed != NULL && member != NULL;
         member = member->next) {
        if (is_listed(member->string, allowed))
            continue;
        service_problem(call, 422, "unknown_member", "\"%.60s\" is not known here; known are: %s",
                        member->string, allowed);
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

bool service_get_text(struct service_call *call, const cJSON *object, const char *name,
                      const char **ret_text)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    if (member == NULL || cJSON_IsNull(member))
        return true;
    if (!cJSON_IsString(member)) {
        service_problem(call, 422, "bad_type", "\"%s\" must be a string", name);
        return false;
    }
    *ret_text = member->valuestring;
    return true;
}

bool service_get_number(struct service_call *call, const cJSON *object, const char *name,
                        uint64_t min, uint64_t max, uint64_t *ret_number)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    if (member == NULL || cJSON_IsNull(member))
        return true;
    if (!cJSON_IsNumber(member) || member->valuedouble != floor(member->valuedouble) ||
        member->valuedouble < (double)min || member->valuedouble > (double)max) {
        service_problem(call, 422, "bad_number", "\"%s\" must be a whole number from %ju to %ju",
                        name, (uintmax_t)min, (uintmax_t)max);
        return false;
    }
    *ret_number = (uint64_t)member->valuedouble;
    return true;
}

bool service_get_bool(struct service_call *call, const cJSON *object, const char *name,
                      bool *ret_bool)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    if (member == NULL || cJSON_IsNull(member))
        return true;
    if (!cJSON_IsBool(member)) {
        service_problem(call, 422, "bad_type", "\"%s\" must be true or false", name);
        return false;
    }
    *ret_bool = cJSON_IsTrue(member) != 0;
    return true;
}

/* --- the query -------------------------------------------------------------------------------- */

struct slice service_query_text(const struct service_call *call, const char *name)
{
    return slice_from_string(http_request_query(call->request, name));
}

bool service_query_number(struct service_call *call, const char *name, uint64_t min, uint64_t max,
                          uint64_t *ret_number)
{
    const char *text = http_request_query(call->request, name);
    uint64_t number;

    if (text == NULL || text[0] == '\0')
        return true;
    if (!slice_to_u64(slice_from_string(text), max, &number) || number < min) {
        service_problem(call, 422, "bad_number", "\"%s\" must be a whole number from %ju to %ju",
                        name, (uintmax_t)min, (uintmax_t)max);
        return false;
    }
    *ret_number = number;
    return true;
}

bool service_query_bool(struct service_call *call, const char *name, bool *ret_bool)
{
    const char *text = http_request_query(call->request, name);

    if (text == NULL)
        return true;
    if (text[0] == '\0' || strcmp(text, "true") == 0 || strcmp(text, "1") == 0 ||
        strcmp(text, "yes") == 0) {
        *ret_bool = true;
        return true;
    }
    if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0 || strcmp(text, "no") == 0) {
        *ret_bool = false;
        return true;
    }
    service_problem(call, 422, "bad_type", "\"%s\" must be true or false", name);
    return false;
}
