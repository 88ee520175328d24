/* GET and POST /v1/verify: one address, within a deadline. */
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "service/idempotency.h"
#include "service/internal.h"
#include "verdict/dialect.h"

#define TIMEOUT_MS     (10 * SECOND_MS)
#define TIMEOUT_MS_MAX (2 * MINUTE_MS)
#define MEMBERS        "address,timeout_ms,depth,fresh,evidence,profile"

struct verify {
    struct service_question question; /* first: it is found by it */
    struct service_call *call;
    const char *address;
    const char *depth_name, *profile;
    uint64_t timeout_ms;
    bool fresh, evidence;
    enum evidence_depth depth;
    enum verdict_dialect dialect;
    cJSON *body; /* what the texts above point into */
};

static void verify_ended(struct service_call *call)
{
    struct verify *verify = call->state;

    service_verifier_forget(&verify->question);
    cJSON_Delete(verify->body);
    memory_free(verify);
}

static bool parse_depth(struct verify *verify)
{
    static const char *const names[] = {"syntax", "dns", "smtp"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(verify->depth_name, names[i]) == 0) {
            verify->depth = (enum evidence_depth)i;
            return true;
        }
    }
    service_problem(verify->call, 422, "bad_depth",
                    "\"depth\" must be syntax, dns or smtp, not \"%.40s\"", verify->depth_name);
    return false;
}

static bool parse_profile(struct verify *verify)
{
    if (dialect_by_name(slice_from_string(verify->profile), &verify->dialect))
        return true;
    service_problem(verify->call, 422, "bad_profile",
                    "\"profile\" must be mailknock, emailverify, zerobounce, neverbounce, kickbox "
                    "or reacher, not \"%.40s\"",
                    verify->profile);
    return false;
}

static bool read_query(struct verify *verify)
{
    struct service_call *call = verify->call;
    const char *text;

    verify->address = http_request_query(call->request, "address");
    if (verify->address == NULL)
        verify->address = http_request_query(call->request, "email");
    if ((text = http_request_query(call->request, "depth")) != NULL)
        verify->depth_name = text;
    if ((text = http_request_query(call->request, "profile")) != NULL)
        verify->profile = text;
    return service_query_number(call, "timeout_ms", 0, TIMEOUT_MS_MAX, &verify->timeout_ms) &&
           service_query_bool(call, "fresh", &verify->fresh) &&
           service_query_bool(call, "evidence", &verify->evidence);
}

static bool read_body(struct verify *verify)
{
    struct service_call *call = verify->call;

    verify->body = service_body(call, MEMBERS);
    return verify->body != NULL &&
           service_get_text(call, verify->body, "address", &verify->address) &&
           service_get_text(call, verify->body, "depth", &verify->depth_name) &&
           service_get_text(call, verify->body, "profile", &verify->profile) &&
           service_get_number(call, verify->body, "timeout_ms", 0, TIMEOUT_MS_MAX,
                              &verify->timeout_ms) &&
           service_get_bool(call, verify->body, "fresh", &verify->fresh) &&
           service_get_bool(call, verify->body, "evidence", &verify->evidence);
}

/* The object with members added before its end. */
static void add_members(struct buffer *out, struct slice object, const struct verify *verify,
                        const struct service_verified *verified, bool pending)
{
    const char *status_field, *detail_field;
    struct dialect_words words;

    CHECK(object.len >= 2 && object.ptr[object.len - 1] == '}');
    (void)buffer_reserve(out, object.len + 2); /* the usual case in one piece */
    buffer_append(out, object.ptr, object.len - 1);
    if (pending)
        buffer_append_string(out, ",\"pending\":true");
    if (verify->dialect != DIALECT_MAILKNOCK) {
        words = dialect_words(verify->dialect, verified->status, verified->reason, verified->flags);
        dialect_fields(verify->dialect, &status_field, &detail_field);
        buffer_printf(out, ",\"profile\":{\"name\":\"%s\",\"%s\":\"%s\"",
                      dialect_name(verify->dialect), status_field, words.status);
        if (detail_field != NULL)
            buffer_printf(out, ",\"%s\":\"%s\"", detail_field, words.detail);
        buffer_append_byte(out, '}');
    }
    buffer_append_byte(out, '}');
}

/* The answer that everybody gets who asks for no more than the object: made once. */
static bool answer_again(struct verify *verify, const struct service_verified *verified)
{
    struct http_answer **answer = verified->again;
    struct buffer body;

    if (answer == NULL || verify->evidence || verify->dialect != DIALECT_MAILKNOCK)
        return false;
    if (*answer == NULL) {
        buffer_init(&body, 0);
        (void)buffer_reserve(&body, verified->json.len + 1);
        buffer_append_slice(&body, verified->json);
        if (buffer_append_byte(&body, '\n'))
            *answer = http_answer_new(200, "application/json", "no-store", buffer_slice(&body));
        buffer_done(&body);
    }
    return *answer != NULL && http_respond_again(verify->call->request, *answer);
}

static void answered(struct service_question *question, const struct service_verified *verified,
                     bool pending)
{
    struct verify *verify = LIST_ELEMENT(question, struct verify, question);
    struct service *service = verify->call->service;
    struct slice object = verify->evidence ? verified->evidence : verified->json;
    struct buffer body;

    service_histogram_add(&service->metrics.verify_ms,
                          service_now_ms(service) - http_request_started_ms(verify->call->request));
    if (!pending)
        service_count(service, verified->reason);
    if (!pending && answer_again(verify, verified))
        return;
    buffer_init(&body, 0);
    if (object.len == 0)
        body.failed = true;
    else
        add_members(&body, object, verify, verified, pending);
    service_answer(verify->call, 200, &body);
}

static void ask(struct verify *verify)
{
    struct service_call *call = verify->call;
    int code =
        service_verifier_ask(&call->service->verifier, slice_from_string(verify->address),
                             verify->depth, verify->fresh, verify->timeout_ms, &verify->question);

    if (code == ERROR_BUSY)
        service_problem(call, 503, "busy",
                        "as many addresses are under way as may be; try again in some seconds");
    else if (code != 0)
        service_no_memory(call);
}

/*
 * A POST with an Idempotency-Key that came before is answered from memory, or joins what is under
 * way: nobody is asked anew, even with "fresh". False: a problem was said.
 */
static bool is_first(struct verify *verify)
{
    struct service_call *call = verify->call;
    char digest[SERVICE_KEY_HASH_SIZE];
    char token[SERVICE_TOKEN_SIZE];
    uint64_t made;

    if (verify->body == NULL)
        return true;
    service_hash(http_request_body(call->request), digest);
    switch (service_idempotency_look(call, digest, &made, token)) {
    case SERVICE_REPEAT_REFUSED:
        return false;
    case SERVICE_REPEAT_OTHER: /* of a list */
        service_idempotency_refuse(call);
        return false;
    case SERVICE_REPEAT_AGAIN:
        http_response_header(call->request, "Idempotency-Replayed", "true");
        verify->fresh = false;
        return true;
    default:
        service_idempotency_keep(call, digest, 0);
        return true;
    }
}

void service_verify(struct service_call *call)
{
    struct verify *verify = memory_zalloc(1, sizeof(*verify));
    bool is_read;

    if (verify == NULL) {
        service_no_memory(call);
        return;
    }
    call->state = verify;
    call->ended = verify_ended;
    verify->call = call;
    verify->question.answered = answered;
    verify->question.asker = call->key_id;
    verify->timeout_ms = TIMEOUT_MS;
    verify->depth_name = "smtp";
    verify->profile = "mailknock";
    is_read = strcmp(http_request_method(call->request), "POST") == 0 ? read_body(verify)
                                                                      : read_query(verify);
    if (!is_read)
        return;
    if (verify->address == NULL) {
        service_problem(call, 422, "no_address", "\"address\" is missing");
        return;
    }
    if (parse_depth(verify) && parse_profile(verify) && is_first(verify))
        ask(verify);
}
