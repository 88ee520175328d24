/*
 * The dialect of EmailVerify.io: its clients work when only the base address is changed.
 *
 * What their documentation, SDKs and MCP client say differently is taken in every form and answered
 * in the SDKs' (FIELD section 5): the key in the query or the body, task ids as numbers or strings,
 * trailing slashes. Errors are {"error": "..."}.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "service/batch.h"
#include "service/internal.h"
#include "verdict/dialect.h"

#define BATCH_MAX  5000
#define TIMEOUT_MS (30 * SECOND_MS)
#define CREDITS    1000000000 /* nobody counts here; clients want a number */

/*
 * May the one with this key do that? Otherwise it was answered in their words: 401 for the key, 403
 * for what it may not (theirs: no credits), 429 for too often.
 */
static bool admit(struct service_call *call, const char *key, unsigned scope)
{
    switch (service_look_up_key(call, slice_trim(slice_from_string(key)))) {
    case SERVICE_KEY_FITS:
        break;
    case SERVICE_KEY_TOO_OFTEN:
        service_refuse(call, 429, "Please Try Again");
        return false;
    case SERVICE_KEY_UNKNOWN:
        service_refuse(call, 401, "Invalid API Key");
        return false;
    }
    if ((call->scopes & scope) == 0) {
        service_refuse(call, 403, "This API Key May Not Do That");
        return false;
    }
    if (service_take_turn(call) > 0) {
        service_refuse(call, 429, "Please Try Again");
        return false;
    }
    return true;
}

/* --- one address -------------------------------------------------------------------------------
 */

struct validate {
    struct service_question question; /* first */
    struct service_call *call;
};

static void validate_ended(struct service_call *call)
{
    struct validate *self = call->state;

    service_verifier_forget(&self->question);
    memory_free(self);
}

static void write_row(struct json *json, const char *name, struct slice address,
                      enum verdict_status status, enum verdict_reason reason, uint32_t flags)
{
    struct dialect_words words = dialect_words(DIALECT_EMAILVERIFY, status, reason, flags);

    json_object_begin(json);
    json_name_string(json, name, address);
    json_name_cstring(json, "status", words.status);
    json_name_cstring(json, "sub_status", words.detail[0] != '\0' ? words.detail : "none");
    json_object_end(json);
}

static void validated(struct service_question *question, const struct service_verified *verified,
                      bool pending)
{
    struct validate *self = LIST_ELEMENT(question, struct validate, question);
    struct service_call *call = self->call;
    struct buffer body;
    struct json json;

    if (!pending)
        service_count(call->service, verified->reason);
    buffer_init(&body, 0);
    json_init(&json, &body);
    write_row(&json, "email", service_query_text(call, "email"), verified->status, verified->reason,
              verified->flags);
    service_answer(call, 200, &body);
}

void service_ev_validate(struct service_call *call)
{
    struct service *service = call->service;
    struct slice email = service_query_text(call, "email");
    struct validate *self;

    if (!admit(call, http_request_query(call->request, "key"), SERVICE_SCOPE_VERIFY))
        return;
    if (email.len == 0) {
        service_refuse(call, 400, "Invalid Request");
        return;
    }
    self = memory_zalloc(1, sizeof(*self));
    if (self == NULL) {
        service_refuse(call, 503, "Please Try Again");
        return;
    }
    self->call = call;
    self->question.answered = validated;
    self->question.asker = call->key_id;
    call->state = self;
    call->ended = validate_ended;
    if (service_verifier_ask(&service->verifier, email, EVIDENCE_DEPTH_SMTP, false, TIMEOUT_MS,
                             &self->question) != 0)
        service_refuse(call, 503, "Please Try Again");
}

/* --- many addresses ----------------------------------------------------------------------------
 */

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(member) ? member->valuestring : NULL;
}

static void answer_batch(struct service_call *call, uint64_t id, size_t count, size_t rejected)
{
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_cstring(&json, "status", "success");
    json_name_int(&json, "task_id", (int64_t)id);
    json_name_int(&json, "count_submitted", (int64_t)count);
    json_name_int(&json, "count_duplicates_removed", 0);
    json_name_int(&json, "count_rejected_emails", (int64_t)rejected);
    json_name_int(&json, "count_processing", (int64_t)count);
    json_object_end(&json);
    service_answer(call, 200, &body);
}

void service_ev_batch(struct service_call *call)
{
    struct service *service = call->service;
    struct slice text = http_request_body(call->request);
    cJSON *object = cJSON_ParseWithLength(text.ptr, text.len);
    const cJSON *batch = cJSON_GetObjectItemCaseSensitive(object, "email_batch");
    const char *key = http_request_query(call->request, "key");
    const char *title = text_of(object, "title");
    struct service_list_options options;
    struct error error = {0};
    char path[SERVICE_BATCH_PATH_SIZE];
    struct service_list_source source = {
        .upload = path,
        .ending = ".ndjson",
        .name = title != NULL ? title : "batch",
        .from = "emailverify",
        .fingerprint = "",
    };
    size_t rejected;
    uint64_t id = 0;
    int code;

    if (!admit(call, key != NULL ? key : text_of(object, "key"), SERVICE_SCOPE_LISTS))
        goto done;
    if (!cJSON_IsArray(batch) || cJSON_GetArraySize(batch) == 0 ||
        cJSON_GetArraySize(batch) > BATCH_MAX) {
        service_refuse(call, 400, "Invalid Request");
        goto done;
    }
    service_list_options_init(&options, &service->prober->settings);
    options.field = "address";
    source.key = call->key_id; /* known only since it was admitted */
    code = service_batch_file(service, batch, path, &rejected, &error);
    if (code == 0)
        code = service_desk_add(&service->desk, &source, &options, &id, &error);
    if (code == ERROR_USAGE || code == ERROR_FORMAT)
        service_refuse(call, 400, "Invalid Request");
    else if (code != 0)
        service_refuse(call, 500, "Please Try Again");
    else
        answer_batch(call, id, (size_t)cJSON_GetArraySize(batch), rejected);
done:
    cJSON_Delete(object);
}

static int write_results(struct service *service, uint64_t id, struct json *json,
                         struct error *error)
{
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 1000};
    struct store_page page;
    int code;

    store_page_init(&page);
    json_name(json, "results");
    json_object_begin(json);
    json_name(json, "email_batch");
    json_array_begin(json);
    do {
        code = store_page_read(service->store, id, &query, &page, error);
        for (size_t i = 0; i < page.count && code == 0; i++) {
            const struct store_line *line = &page.lines[i];
            enum verdict_reason reason = line->has_result ? line->result.reason : REASON_CANCELLED;

            write_row(json, "address", line->row.address, verdict_reason_status(reason), reason,
                      line->has_result ? line->result.flags : 0);
        }
        query.after = page.after;
    } while (code == 0 && !page.at_end);
    json_array_end(json);
    json_object_end(json);
    store_page_done(&page);
    return code;
}

void service_ev_result(struct service_call *call)
{
    struct service *service = call->service;
    struct slice wanted = service_query_text(call, "task_id");
    struct store_job job;
    struct error error = {0};
    struct arena arena;
    struct buffer body;
    struct json json;
    uint64_t id = 0, mailboxes;
    bool is_done;
    int code;

    if (!admit(call, http_request_query(call->request, "key"), SERVICE_SCOPE_LISTS))
        return;
    arena_init(&arena);
    buffer_init(&body, 0);
    json_init(&json, &body);
    if (!slice_to_u64(wanted, INT64_MAX, &id) || id == 0 ||
        store_job_get(service->store, id, &arena, &job, &error) != 0) {
        service_refuse(call, 400, "Invalid Request");
        goto done;
    }
    if (job.state == STORE_JOB_FAILED) {
        service_refuse(call, 500, "Please Try Again");
        goto done;
    }
    is_done = service_batch_is_over(&job);
    mailboxes = job.rows - job.duplicates;
    json_object_begin(&json);
    json_name_int(&json, "count_checked",
                  (int64_t)(job.state == STORE_JOB_FINISHED ? job.rows : job.done));
    json_name_int(&json, "count_total", (int64_t)job.rows);
    json_name_string(&json, "name", job.name);
    json_name_int(&json, "progress_percentage",
                  is_done         ? 100
                  : mailboxes > 0 ? (int64_t)(job.done * 100 / mailboxes)
                                  : 0);
    json_name_int(&json, "task_id", (int64_t)id);
    json_name_cstring(&json, "status", is_done ? "verified" : "queued");
    code = 0;
    if (is_done)
        code = write_results(service, id, &json, &error);
    else
        json_name_null(&json, "results");
    json_object_end(&json);
    if (code != 0)
        service_refuse(call, 500, "Please Try Again");
    else
        service_answer(call, 200, &body);
done:
    buffer_done(&body);
    arena_done(&arena);
}

/* --- the account
 * ---------------------------------------------------------------------------------- */

void service_ev_balance(struct service_call *call)
{
    bool is_old = strstr(call->match.route->pattern, "/v1/") != NULL;
    struct buffer body;
    struct json json;

    if (!admit(call, http_request_query(call->request, "key"),
               SERVICE_SCOPE_VERIFY | SERVICE_SCOPE_LISTS))
        return;
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_cstring(&json, "api_status", "enabled");
    if (is_old) {
        json_name_int(&json, "remaining_credits", CREDITS);
        json_name_int(&json, "daily_credits_limit", CREDITS);
        json_name_int(&json, "remaining_daily_credits", CREDITS);
        json_name_int(&json, "referral_credits", 0);
        json_name_int(&json, "bonus_credits", 0);
    } else {
        json_name_int(&json, "available_credits", CREDITS);
    }
    json_object_end(&json);
    service_answer(call, 200, &body);
}

void service_ev_key(struct service_call *call)
{
    struct buffer body;
    struct json json;

    if (!admit(call, http_request_query(call->request, "key"), SERVICE_SCOPE_ALL))
        return;
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_bool(&json, "valid", true);
    json_object_end(&json);
    service_answer(call, 200, &body);
}
