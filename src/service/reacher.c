/*
 * The dialect of Reacher (check-if-email-exists): /v0 and /v1 check_email and bulk, as its public
 * documentation describes them. Fields of its own probing (proxy, hello_name, ...) are taken and
 * not followed: who asks, and how, is this server's affair. Errors are {"error": "..."}.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "bulk/csv.h"
#include "service/batch.h"
#include "service/internal.h"
#include "verdict/dialect.h"

#define TIMEOUT_MS   (60 * SECOND_MS)
#define RESULTS_PAGE 50
#define RESULTS_MAX  1000
#define READ_ROWS    1000

/* --- one result in their form
 * ---------------------------------------------------------------------- */

struct facts {
    enum verdict_status status;
    enum verdict_reason reason;
    uint32_t flags;
    const cJSON *result; /* ours; NULL: not at hand */
};

static void write_misc(struct json *json, const struct facts *facts)
{
    json_name(json, "misc");
    json_object_begin(json);
    json_name_bool(json, "is_disposable", (facts->flags & VERDICT_FLAG_DISPOSABLE) != 0);
    json_name_bool(json, "is_role_account", (facts->flags & VERDICT_FLAG_ROLE) != 0);
    json_name_bool(json, "is_b2c", (facts->flags & VERDICT_FLAG_FREE) != 0);
    json_name_null(json, "gravatar_url");
    json_name_null(json, "haveibeenpwned");
    json_object_end(json);
}

static void write_mx(struct json *json, const struct facts *facts)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(facts->result, "mx"), *mx;

    json_name(json, "mx");
    json_object_begin(json);
    json_name_bool(json, "accepts_mail", cJSON_GetArraySize(list) > 0);
    json_name(json, "records");
    json_array_begin(json);
    cJSON_ArrayForEach(mx, list)
    {
        const cJSON *host = cJSON_GetObjectItemCaseSensitive(mx, "host");

        if (cJSON_IsString(host))
            json_cstring(json, host->valuestring);
    }
    json_array_end(json);
    json_object_end(json);
}

static bool is_failure(const struct facts *facts)
{
    return facts->status == VERDICT_UNKNOWN && facts->reason != REASON_RCPT_UNTRUSTED &&
           facts->reason != REASON_NOT_PROBED;
}

static void write_smtp(struct json *json, const struct facts *facts)
{
    const cJSON *why = cJSON_GetObjectItemCaseSensitive(facts->result, "explanation");

    json_name(json, "smtp");
    json_object_begin(json);
    if (is_failure(facts)) {
        json_name(json, "error");
        json_object_begin(json);
        json_name_cstring(json, "type", "SmtpError");
        json_name_cstring(json, "message",
                          cJSON_IsString(why) ? why->valuestring
                                              : verdict_reason_name(facts->reason));
        json_object_end(json);
        if (facts->reason == REASON_PROBE_BLOCKED)
            json_name_cstring(json, "description", "IpBlacklisted");
    } else {
        json_name_bool(json, "can_connect_smtp",
                       cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(facts->result, "smtp")));
        json_name_bool(json, "has_full_inbox", facts->reason == REASON_MAILBOX_FULL);
        json_name_bool(json, "is_catch_all", facts->status == VERDICT_CATCH_ALL);
        json_name_bool(json, "is_deliverable",
                       facts->status == VERDICT_VALID || facts->status == VERDICT_CATCH_ALL);
        json_name_bool(json, "is_disabled", facts->reason == REASON_MAILBOX_DISABLED);
    }
    json_object_end(json);
}

static void write_syntax(struct json *json, const struct facts *facts, struct slice input)
{
    const cJSON *suggestion = cJSON_GetObjectItemCaseSensitive(facts->result, "suggestion");
    const cJSON *normalized = cJSON_GetObjectItemCaseSensitive(facts->result, "normalized");
    struct address address;
    bool is_valid = address_parse(input.ptr, input.len, &address);

    json_name(json, "syntax");
    json_object_begin(json);
    if (is_valid)
        json_name_string(json, "address", input);
    else
        json_name_null(json, "address");
    json_name_string(json, "domain", is_valid ? address.domain : SLICE_EMPTY);
    json_name_bool(json, "is_valid_syntax", is_valid);
    json_name_string(json, "username", is_valid ? address.local : SLICE_EMPTY);
    json_name_cstring(json, "normalized_email",
                      cJSON_IsString(normalized) ? normalized->valuestring : NULL);
    json_name_cstring(json, "suggestion",
                      cJSON_IsString(suggestion) ? suggestion->valuestring : NULL);
    json_object_end(json);
}

/* When it was asked, and how long that took. */
static void write_debug(struct json *json, const struct facts *facts)
{
    const cJSON *checked = cJSON_GetObjectItemCaseSensitive(facts->result, "checked_at");
    const cJSON *took = cJSON_GetObjectItemCaseSensitive(facts->result, "duration_ms");
    int64_t took_ms = cJSON_IsNumber(took) ? (int64_t)took->valuedouble : 0, end_ms;
    char text[INSTANT_TEXT_SIZE];

    if (!cJSON_IsString(checked) ||
        !instant_parse(slice_from_string(checked->valuestring), &end_ms))
        return;
    json_name(json, "debug");
    json_object_begin(json);
    json_name_cstring(json, "backend_name", "mailknock");
    json_name_cstring(json, "start_time", instant_format(end_ms - took_ms, text));
    json_name_cstring(json, "end_time", instant_format(end_ms, text));
    json_name(json, "duration");
    json_object_begin(json);
    json_name_int(json, "secs", took_ms / 1000);
    json_name_int(json, "nanos", took_ms % 1000 * 1000000);
    json_object_end(json);
    json_object_end(json);
}

static void write_result(struct json *json, struct slice input, const struct facts *facts)
{
    struct dialect_words words =
        dialect_words(DIALECT_REACHER, facts->status, facts->reason, facts->flags);

    json_object_begin(json);
    json_name_string(json, "input", input);
    json_name_cstring(json, "is_reachable", words.status);
    write_misc(json, facts);
    write_mx(json, facts);
    write_smtp(json, facts);
    write_syntax(json, facts, input);
    write_debug(json, facts);
    json_object_end(json);
}

/* Their columns; the last is the error's words. */
static void write_csv_head(struct buffer *out)
{
    buffer_append_string(
        out, "input,is_reachable,misc.is_disposable,misc.is_role_account,misc.gravatar_url,"
             "mx.accepts_mail,smtp.can_connect,smtp.has_full_inbox,smtp.is_catch_all,"
             "smtp.is_deliverable,smtp.is_disabled,syntax.is_valid_syntax,syntax.domain,"
             "syntax.username,error\r\n");
}

static void write_csv_line(struct buffer *out, struct slice input, const struct facts *facts)
{
    const char *word =
        dialect_words(DIALECT_REACHER, facts->status, facts->reason, facts->flags).status;
    const cJSON *mx = cJSON_GetObjectItemCaseSensitive(facts->result, "mx");
    const cJSON *smtp = cJSON_GetObjectItemCaseSensitive(facts->result, "smtp");
    struct address address;
    bool is_valid = address_parse(input.ptr, input.len, &address);
    const bool truths[] = {
        (facts->flags & VERDICT_FLAG_DISPOSABLE) != 0,
        (facts->flags & VERDICT_FLAG_ROLE) != 0,
        cJSON_GetArraySize(mx) > 0,
        cJSON_IsObject(smtp),
        facts->reason == REASON_MAILBOX_FULL,
        facts->status == VERDICT_CATCH_ALL,
        facts->status == VERDICT_VALID || facts->status == VERDICT_CATCH_ALL,
        facts->reason == REASON_MAILBOX_DISABLED,
        is_valid,
    };

    bulk_csv_append_cell(out, ',', input);
    buffer_printf(out, ",%s", word);
    for (size_t i = 0; i < ARRAY_LEN(truths); i++)
        /* Behind the second stands the address of a picture, which is never looked for. */
        buffer_printf(out, ",%s%s", truths[i] ? "true" : "false", i == 1 ? "," : "");
    buffer_append_byte(out, ',');
    bulk_csv_append_cell(out, ',', is_valid ? address.domain : SLICE_EMPTY);
    buffer_append_byte(out, ',');
    bulk_csv_append_cell(out, ',', is_valid ? address.local : SLICE_EMPTY);
    buffer_printf(out, ",%s\r\n", is_failure(facts) ? verdict_reason_name(facts->reason) : "");
}

/* --- one address
 * ------------------------------------------------------------------------------------- */

struct check {
    struct service_question question; /* first */
    struct service_call *call;
    cJSON *body;
    struct slice address;
};

static void check_ended(struct service_call *call)
{
    struct check *self = call->state;

    service_verifier_forget(&self->question);
    cJSON_Delete(self->body);
    memory_free(self);
}

static void checked(struct service_question *question, const struct service_verified *verified,
                    bool pending)
{
    struct check *self = LIST_ELEMENT(question, struct check, question);
    cJSON *result = cJSON_ParseWithLength(verified->json.ptr, verified->json.len);
    const struct facts facts = {verified->status, verified->reason, verified->flags, result};
    struct buffer body;
    struct json json;

    if (!pending)
        service_count(self->call->service, verified->reason);
    buffer_init(&body, 0);
    json_init(&json, &body);
    write_result(&json, self->address, &facts);
    service_answer(self->call, 200, &body);
    cJSON_Delete(result);
}

void service_reacher_check(struct service_call *call)
{
    struct slice text = http_request_body(call->request);
    struct check *self = memory_zalloc(1, sizeof(*self));
    const cJSON *to;

    if (self == NULL) {
        service_refuse(call, 503, "out of memory");
        return;
    }
    self->call = call;
    self->question.answered = checked;
    self->question.asker = call->key_id;
    self->body = cJSON_ParseWithLength(text.ptr, text.len);
    call->state = self;
    call->ended = check_ended;
    to = cJSON_GetObjectItemCaseSensitive(self->body, "to_email");
    if (!cJSON_IsString(to)) {
        service_refuse(call, 400, "to_email is missing");
        return;
    }
    self->address = slice_from_string(to->valuestring);
    if (service_verifier_ask(&call->service->verifier, self->address, EVIDENCE_DEPTH_SMTP, false,
                             TIMEOUT_MS, &self->question) != 0)
        service_refuse(call, 503, "too many addresses are under way; try again in some seconds");
}

void service_reacher_version(struct service_call *call)
{
    http_respond(call->request, 200, "application/json",
                 SLICE("{\"version\":\"mailknock " MK_VERSION "\"}\n"));
}

/* --- many
 * ---------------------------------------------------------------------------------------------- */

void service_reacher_bulk(struct service_call *call)
{
    struct service *service = call->service;
    struct slice text = http_request_body(call->request);
    cJSON *object = cJSON_ParseWithLength(text.ptr, text.len);
    const cJSON *input = cJSON_GetObjectItemCaseSensitive(object, "input");
    struct service_list_options options;
    char path[SERVICE_BATCH_PATH_SIZE];
    const struct service_list_source source = {
        .upload = path,
        .ending = ".ndjson",
        .name = "bulk",
        .from = "reacher",
        .fingerprint = "",
        .key = call->key_id,
    };
    struct error error = {0};
    struct buffer body;
    struct json json;
    size_t rejected;
    uint64_t id = 0;

    if (!cJSON_IsArray(input) || cJSON_GetArraySize(input) == 0) {
        service_refuse(call, 400, "input must be an array of addresses");
        cJSON_Delete(object);
        return;
    }
    if (cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(object, "webhook"))) {
        /* Taken and not followed, somebody would wait for calls that never come. */
        service_refuse(call, 400,
                       "webhook: a call for each address is not made here; leave it "
                       "away and make a webhook for lists with POST /v1/webhooks");
        cJSON_Delete(object);
        return;
    }
    service_list_options_init(&options, &service->prober->settings);
    options.field = "address";
    if (service_batch_file(service, input, path, &rejected, &error) != 0 ||
        service_desk_add(&service->desk, &source, &options, &id, &error) != 0) {
        service_refuse(call, error.code == ERROR_USAGE ? 400 : 500, error.message);
    } else {
        buffer_init(&body, 0);
        json_init(&json, &body);
        json_object_begin(&json);
        json_name_int(&json, "job_id", (int64_t)id);
        json_object_end(&json);
        service_answer(call, 200, &body);
    }
    cJSON_Delete(object);
}

/* False: answered. Texts on the arena. */
static bool get_job(struct service_call *call, struct arena *arena, struct store_job *ret_job)
{
    uint64_t id = service_list_id(call);
    struct error error = {0};

    if (id != 0 && store_job_get(call->service->store, id, arena, ret_job, &error) == 0)
        return true;
    service_refuse(call, 404, "there is no such job");
    return false;
}

void service_reacher_job(struct service_call *call)
{
    uint64_t by_word[4] = {0}; /* safe, risky, invalid, unknown */
    static const char *const words[] = {"safe", "risky", "invalid", "unknown"};
    static const char *const names[] = {"total_safe", "total_risky", "total_invalid",
                                        "total_unknown"};
    char created[INSTANT_TEXT_SIZE], finished[INSTANT_TEXT_SIZE];
    struct store_counts counts;
    struct store_job job;
    struct error error = {0};
    struct arena arena;
    struct buffer body;
    struct json json;
    bool is_done;

    arena_init(&arena);
    if (!get_job(call, &arena, &job))
        goto done;
    if (store_counts(call->service->store, job.id, &counts, &error) != 0) {
        service_refuse(call, 500, error.message);
        goto done;
    }
    for (unsigned i = 0; i < VERDICT_REASON_COUNT; i++) {
        enum verdict_reason reason = (enum verdict_reason)i;
        const char *word =
            dialect_words(DIALECT_REACHER, verdict_reason_status(reason), reason, 0).status;

        for (unsigned k = 0; k < ARRAY_LEN(words); k++)
            if (strcmp(word, words[k]) == 0)
                by_word[k] += counts.rows[i];
    }
    is_done = service_batch_is_over(&job);
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_int(&json, "job_id", (int64_t)job.id);
    json_name_cstring(&json, "created_at", instant_format(job.created_unix_ms, created));
    json_name_cstring(&json, "finished_at",
                      is_done ? instant_format(job.finished_unix_ms, finished) : NULL);
    json_name_int(&json, "total_records", (int64_t)job.rows);
    json_name_int(&json, "total_processed",
                  (int64_t)(job.state == STORE_JOB_FINISHED ? job.rows : job.done));
    json_name(&json, "summary");
    json_object_begin(&json);
    for (unsigned k = 0; k < ARRAY_LEN(names); k++)
        json_name_int(&json, names[k], (int64_t)by_word[k]);
    json_object_end(&json);
    json_name_cstring(&json, "job_status", is_done ? "Completed" : "Running");
    json_object_end(&json);
    service_answer(call, 200, &body);
done:
    arena_done(&arena);
}

static void write_page(struct buffer *body, struct json *json, const struct store_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct store_line *line = &page->lines[i];
        cJSON *result = cJSON_ParseWithLength(line->result.json.ptr, line->result.json.len);
        enum verdict_reason reason = line->has_result ? line->result.reason : REASON_CANCELLED;
        const struct facts facts = {verdict_reason_status(reason), reason,
                                    line->has_result ? line->result.flags : 0, result};

        if (json == NULL)
            write_csv_line(body, line->row.address, &facts);
        else
            write_result(json, line->row.address, &facts);
        cJSON_Delete(result);
    }
}

/* `limit` rows after the first `offset`; 0: all that come. As CSV when json is NULL. */
static int write_results(struct service_call *call, uint64_t id, uint64_t offset, uint64_t limit,
                         struct buffer *body, struct json *json, struct error *error)
{
    /* Rows are numbered from 1 without gaps. */
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .with_json = true, .after = offset};
    uint64_t left = limit > 0 ? limit : UINT64_MAX;
    struct store_page page;
    int code;

    store_page_init(&page);
    do {
        query.limit = (size_t)(left < READ_ROWS ? left : READ_ROWS);
        code = store_page_read(call->service->store, id, &query, &page, error);
        if (code != 0)
            break;
        write_page(body, json, &page);
        left -= page.count;
        query.after = page.after;
    } while (left > 0 && !page.at_end && !body->failed);
    store_page_done(&page);
    return code;
}

static void answer_json(struct service_call *call, uint64_t id, uint64_t offset, uint64_t limit)
{
    struct error error = {0};
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name(&json, "results");
    json_array_begin(&json);
    if (write_results(call, id, offset, limit, &body, &json, &error) == 0) {
        json_array_end(&json);
        json_object_end(&json);
        service_answer(call, 200, &body);
    } else {
        service_refuse(call, 500, error.message);
    }
    buffer_done(&body);
}

/* A list made here is no longer than its JSON body was, so that the whole file is held. */
static void answer_csv(struct service_call *call, uint64_t id, uint64_t offset, uint64_t limit)
{
    struct error error = {0};
    struct buffer body;

    buffer_init(&body, 0);
    write_csv_head(&body);
    if (write_results(call, id, offset, limit, &body, NULL, &error) != 0)
        service_refuse(call, 500, error.message);
    else if (body.failed)
        service_refuse(call, 503, "out of memory");
    else
        http_respond_buffer(call->request, 200, "text/csv; charset=utf-8", &body);
    buffer_done(&body);
}

void service_reacher_results(struct service_call *call)
{
    bool as_csv = slice_equal(service_query_text(call, "format"), SLICE("csv"));
    uint64_t limit = as_csv ? 0 : RESULTS_PAGE, offset = 0;
    struct store_job job;
    struct arena arena;

    if (!service_query_number(call, "limit", 1, as_csv ? INT64_MAX : RESULTS_MAX, &limit) ||
        !service_query_number(call, "offset", 0, INT64_MAX, &offset))
        return;
    arena_init(&arena);
    if (get_job(call, &arena, &job)) {
        if (as_csv)
            answer_csv(call, job.id, offset, limit);
        else
            answer_json(call, job.id, offset, limit);
    }
    arena_done(&arena);
}
