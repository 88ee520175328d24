/* /v1/lists: lists and what is done with them. */
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "service/idempotency.h"
#include "service/internal.h"
#include "service/list_view.h"
#include "service/upload.h"

#define PAGE_DEFAULT 50
#define PAGE_MAX     500

/* The id in the path; 0: none can be. */
uint64_t service_list_id(const struct service_call *call)
{
    uint64_t id = 0;

    return slice_to_u64(call->match.parts[0], INT64_MAX, &id) ? id : 0;
}

bool service_list_is_at_rest(struct service_call *call, uint64_t id)
{
    struct service *service = call->service;
    struct store_job job;
    struct error error = {0};
    struct arena arena;
    int code;

    arena_init(&arena);
    code = id != 0 ? store_job_get(service->store, id, &arena, &job, &error)
                   : error_set(&error, ERROR_NOT_FOUND, "there is no such list");
    if (code == 0 && (service_desk_find(&service->desk, id) != NULL ||
                      job.state == STORE_JOB_LOADING || job.state == STORE_JOB_READY ||
                      job.state == STORE_JOB_RUNNING || job.state == STORE_JOB_REMOVING))
        code = error_set(&error, ERROR_BUSY, "the list is being worked on, or was not started yet");
    arena_done(&arena);
    if (code != 0)
        service_problem_of(call, &error);
    return code == 0;
}

static bool read_page(struct service_call *call, uint64_t *ret_limit, uint64_t *ret_cursor)
{
    *ret_limit = PAGE_DEFAULT;
    *ret_cursor = INT64_MAX;
    return service_query_number(call, "limit", 1, PAGE_MAX, ret_limit) &&
           service_query_number(call, "cursor", 1, INT64_MAX, ret_cursor);
}

bool service_list_exists(struct service_call *call, uint64_t id)
{
    struct store_job job;
    struct error error = {0};
    struct arena arena;
    int code;

    arena_init(&arena);
    code = id != 0 ? store_job_get(call->service->store, id, &arena, &job, &error)
                   : error_set(&error, ERROR_NOT_FOUND, "there is no such list");
    arena_done(&arena);
    if (code != 0)
        service_problem_of(call, &error);
    return code == 0;
}

/* Newest first: the store walks upwards, so ids are gathered before they are shown. */
void service_lists_get(struct service_call *call)
{
    struct service *service = call->service;
    struct slice text = service_query_text(call, "text");
    uint64_t limit, cursor, after = 0, last = 0;
    struct store_job job;
    struct error error = {0};
    struct arena arena;
    struct buffer body;
    struct json json;
    uint64_t *ids;
    size_t count = 0;
    int code;

    if (!read_page(call, &limit, &cursor))
        return;
    arena_init(&arena);
    /* A ring of the last `limit` ids below the cursor. */
    ids = arena_array(&arena, limit, sizeof(*ids));
    code = ids != NULL ? 0 : error_set(&error, ERROR_NOMEM, "out of memory");
    while (code == 0 && (code = store_job_next(service->store, after, &arena, &job, &error)) == 1) {
        code = 0;
        after = job.id;
        if (job.id >= cursor)
            break;
        if (text.len == 0 || slice_find_nocase(job.name, text) >= 0)
            ids[count++ % limit] = job.id;
    }
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name(&json, "items");
    json_array_begin(&json);
    for (size_t i = 0; code >= 0 && i < limit && i < count; i++) {
        last = ids[(count - 1 - i) % limit];
        code = service_list_view_write(&service->desk, last, &json, &error);
    }
    json_array_end(&json);
    if (count > limit)
        buffer_printf(&body, ",\"next\":\"%ju\"", (uintmax_t)last);
    else
        json_name_null(&json, "next");
    json_object_end(&json);
    arena_done(&arena);
    if (code < 0) {
        buffer_done(&body);
        service_problem_of(call, &error);
    } else {
        service_answer(call, 200, &body);
    }
}

void service_answer_list(struct service_call *call, uint64_t id, unsigned status)
{
    struct error error = {0};
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    if (service_list_view_write(&call->service->desk, id, &json, &error) != 0) {
        buffer_done(&body);
        service_problem_of(call, &error);
    } else {
        service_answer(call, status, &body);
    }
}

void service_list_get(struct service_call *call)
{
    service_answer_list(call, service_list_id(call), 200);
}

static void answer_new_list(struct service_call *call, uint64_t id)
{
    char location[64];

    snprintf(location, sizeof(location), "/v1/lists/%ju", (uintmax_t)id);
    http_response_header(call->request, "Location", location);
    service_answer_list(call, id, 201);
}

/* Before anything is made: can the list's own webhook be? */
static int check_webhook(const struct service *service, const struct service_list_options *options,
                         struct error *error)
{
    size_t len = options->webhook_secret != NULL ? strlen(options->webhook_secret) : 0;

    if (options->webhook == NULL && options->webhook_secret == NULL)
        return 0;
    if (options->webhook == NULL || len < SERVICE_WEBHOOK_SECRET_MIN ||
        len >= SERVICE_WEBHOOK_SECRET_SIZE)
        return error_set(error, ERROR_USAGE,
                         "\"webhook\" needs a \"webhook_secret\" of %d to %d bytes, which what is "
                         "sent is signed with",
                         SERVICE_WEBHOOK_SECRET_MIN, SERVICE_WEBHOOK_SECRET_SIZE - 1);
    return http_client_check_url(options->webhook, service->prober->allowed, error);
}

static int add_webhook(struct service *service, const struct service_list_options *options,
                       uint64_t list, struct error *error)
{
    struct service_webhook wanted = {
        .url = (char *)options->webhook, /* it is copied */
        .events = SERVICE_EVENTS_OF_LISTS,
        .list = list,
    };
    struct service_webhook *webhook;

    CHECK(slice_to_string(slice_from_string(options->webhook_secret), wanted.secret,
                          sizeof(wanted.secret)));
    return service_webhook_make(&service->courier.webhooks, &wanted, service_unix_ms(service),
                                &webhook, error);
}

/* What belongs to a list that is in the store, and to the request that made it: its webhook, unless
   it has it already. */
static int complete(struct service_call *call, const struct service_list_options *options,
                    const char *digest, uint64_t list, struct error *error)
{
    struct service *service = call->service;
    int code = 0;

    if (options->webhook != NULL &&
        service_webhook_of_list(&service->courier.webhooks, list) == NULL) {
        code = add_webhook(service, options, list, error);
        if (code == 0) /* who asks again may come after the list's end */
            service_announce_list(service, list);
    }
    if (code == 0)
        service_idempotency_keep(call, digest, list);
    return code;
}

/* Was it made already? Also where we died right after it was, or could not say so: BEGUN is that
   something of it may be missing. */
static enum service_repeat look_again(struct service_call *call, const char *digest,
                                      char token[SERVICE_TOKEN_SIZE], uint64_t *ret_id)
{
    enum service_repeat repeat = service_idempotency_look(call, digest, ret_id, token);
    struct error error = {0};
    int code;

    if (repeat != SERVICE_REPEAT_BEGUN && repeat != SERVICE_REPEAT_OTHER)
        return repeat;
    code = service_desk_find_token(&call->service->desk, token, ret_id, &error);
    if (code == ERROR_NOT_FOUND)
        return SERVICE_REPEAT_FIRST;
    if (code != 0) {
        service_problem_of(call, &error);
        return SERVICE_REPEAT_REFUSED;
    }
    if (repeat == SERVICE_REPEAT_OTHER) {
        service_idempotency_refuse(call);
        return SERVICE_REPEAT_REFUSED;
    }
    return SERVICE_REPEAT_BEGUN;
}

void service_lists_post(struct service_call *call)
{
    struct service *service = call->service;
    const struct service_upload *upload = call->state;
    struct service_list_options options;
    const cJSON *object, *name;
    struct error error = {0};
    struct arena arena;
    char fingerprint[SERVICE_KEY_HASH_SIZE], digest[SERVICE_KEY_HASH_SIZE];
    char token[SERVICE_TOKEN_SIZE];
    struct service_list_source source = {
        .fingerprint = fingerprint, .token = token, .key = call->key_id};
    enum service_repeat repeat;
    uint64_t id = 0;
    int code = 0;

    if (http_request_is_answered(call->request) || !service_upload_finish(call))
        return;
    service_upload_digest(upload, fingerprint, digest);
    repeat = look_again(call, digest, token, &id);
    if (repeat == SERVICE_REPEAT_REFUSED)
        return;
    if (repeat == SERVICE_REPEAT_AGAIN) {
        http_response_header(call->request, "Idempotency-Replayed", "true");
        answer_new_list(call, id);
        return;
    }
    arena_init(&arena);
    object = service_upload_options(upload);
    name = cJSON_GetObjectItemCaseSensitive(object, "name");
    service_list_options_init(&options, &service->prober->settings);
    if (object != NULL)
        code = service_list_options_read(&options, object, &arena, &error);
    if (code == 0)
        code = check_webhook(service, &options, &error);
    source.upload = service_upload_path(upload);
    source.ending = service_upload_ending(upload);
    source.name = cJSON_IsString(name) ? name->valuestring : service_upload_name(upload);
    source.from = http_request_cookie(call->request, "mailknock_session") != NULL ? "web" : "api";
    if (repeat == SERVICE_REPEAT_FIRST) {
        service_random_text(token, sizeof(token) - 1);
        if (code == 0)
            code = service_idempotency_begin(call, digest, token, &error);
        if (code == 0)
            code = service_desk_add(&service->desk, &source, &options, &id, &error);
    }
    if (code == 0)
        code = complete(call, &options, digest, id, &error);
    arena_done(&arena);
    if (code != 0) {
        service_problem_of(call, &error);
        return;
    }
    if (repeat == SERVICE_REPEAT_FIRST)
        service_audit(call, "list_made", "list %ju", (uintmax_t)id);
    else
        http_response_header(call->request, "Idempotency-Replayed", "true");
    answer_new_list(call, id);
}

void service_list_delete(struct service_call *call)
{
    struct error error = {0};

    if (service_desk_remove(&call->service->desk, service_list_id(call), &error) != 0) {
        service_problem_of(call, &error);
        return;
    }
    service_audit(call, "list_removed", "list %ju", (uintmax_t)service_list_id(call));
    service_answer_nothing(call);
}

/* Name at any time; the rest while it is ready. */
void service_list_patch(struct service_call *call)
{
    struct service *service = call->service;
    cJSON *object = service_body(call, SERVICE_LIST_CHANGEABLE);
    struct service_list_options options;
    struct store_job job;
    struct error error = {0};
    struct arena arena;
    const char *name = NULL;
    uint64_t id = service_list_id(call);
    bool only_name = cJSON_GetArraySize(object) == 1;
    int code;

    if (object == NULL)
        return;
    arena_init(&arena);
    if (!service_get_text(call, object, "name", &name))
        goto done;
    only_name = only_name && name != NULL;
    service_list_options_init(&options, &service->prober->settings);
    code = id != 0 ? store_job_get(service->store, id, &arena, &job, &error)
                   : error_set(&error, ERROR_NOT_FOUND, "there is no such list");
    if (code == 0)
        code = service_list_options_parse(&options, job.options, &arena, &error);
    if (code == 0)
        code = service_list_options_read(&options, object, &arena, &error);
    if (code == 0)
        code = service_desk_change(&service->desk, id, name, only_name ? NULL : &options, &error);
    if (code != 0)
        service_problem_of(call, &error);
    else
        service_answer_list(call, id, 200);
done:
    arena_done(&arena);
    cJSON_Delete(object);
}

static void act(struct service_call *call,
                int (*action)(struct service_desk *desk, uint64_t id, struct error *error))
{
    struct error error = {0};

    if (action(&call->service->desk, service_list_id(call), &error) != 0)
        service_problem_of(call, &error);
    else
        service_answer_list(call, service_list_id(call), 200);
}

void service_list_start(struct service_call *call)
{
    act(call, service_desk_start);
}

void service_list_pause(struct service_call *call)
{
    act(call, service_desk_pause);
}

void service_list_cancel(struct service_call *call)
{
    act(call, service_desk_cancel);
}
