#include "service/idempotency.h"

#include <string.h>

#include "base/instant.h"
#include "service/internal.h"

#define KIND    "idempotency"
#define KEPT_MS SERVICE_TOKEN_KEPT_MS /* the list can be found as long */
#define KEY_MAX 255
#define BEGUN   "begun"

/* The note's id; false: there is no key. */
static bool note_id(const struct service_call *call, char id[SERVICE_KEY_HASH_SIZE])
{
    const char *key = http_request_header(call->request, "Idempotency-Key");
    char text[KEY_MAX + 32];

    if (key == NULL)
        return false;
    snprintf(text, sizeof(text), "%ju:%s", (uintmax_t)call->key_id, key);
    service_hash(slice_from_string(text), id);
    return true;
}

/* The body is "DIGEST ID", or "DIGEST begun TOKEN". */
static enum service_repeat read_note(struct slice body, const char *digest, uint64_t *ret_id,
                                     char ret_token[SERVICE_TOKEN_SIZE])
{
    struct slice kept, word;
    bool is_same;

    if (!slice_split(&body, ' ', &kept))
        return SERVICE_REPEAT_FIRST;
    is_same = slice_equal(kept, slice_from_string(digest));
    if (slice_to_u64(body, INT64_MAX, ret_id))
        return is_same ? SERVICE_REPEAT_AGAIN : SERVICE_REPEAT_REFUSED;
    if (!slice_split(&body, ' ', &word) || !slice_equal(word, SLICE(BEGUN)) ||
        !slice_to_string(body, ret_token, SERVICE_TOKEN_SIZE))
        return is_same ? SERVICE_REPEAT_FIRST : SERVICE_REPEAT_REFUSED;
    return is_same ? SERVICE_REPEAT_BEGUN : SERVICE_REPEAT_OTHER;
}

void service_idempotency_refuse(struct service_call *call)
{
    service_problem(call, 422, "idempotency_key_reused",
                    "this Idempotency-Key came with another request before");
}

enum service_repeat service_idempotency_look(struct service_call *call, const char *digest,
                                             uint64_t *ret_id, char ret_token[SERVICE_TOKEN_SIZE])
{
    const char *key = http_request_header(call->request, "Idempotency-Key");
    enum service_repeat repeat = SERVICE_REPEAT_FIRST;
    char id[SERVICE_KEY_HASH_SIZE];
    struct slice body;
    struct error error = {0};
    struct arena arena;
    int code;

    if (key != NULL && (key[0] == '\0' || strlen(key) > KEY_MAX)) {
        service_problem(call, 422, "bad_idempotency_key",
                        "Idempotency-Key takes 1 to %d characters", KEY_MAX);
        return SERVICE_REPEAT_REFUSED;
    }
    if (!note_id(call, id))
        return SERVICE_REPEAT_FIRST;
    arena_init(&arena);
    code = store_note_get(call->service->store, KIND, id, &arena, &body, &error);
    if (code == 0) {
        repeat = read_note(body, digest, ret_id, ret_token);
        if (repeat == SERVICE_REPEAT_REFUSED)
            service_idempotency_refuse(call);
    } else if (code != ERROR_NOT_FOUND) {
        service_problem_of(call, &error);
        repeat = SERVICE_REPEAT_REFUSED;
    }
    arena_done(&arena);
    return repeat;
}

static int put_note(struct service_call *call, const char *body, struct error *error)
{
    char id[SERVICE_KEY_HASH_SIZE];

    return note_id(call, id)
               ? store_note_put(call->service->store, KIND, id, slice_from_string(body),
                                service_unix_ms(call->service) + KEPT_MS, error)
               : 0;
}

int service_idempotency_begin(struct service_call *call, const char *digest, const char *token,
                              struct error *error)
{
    char body[SERVICE_KEY_HASH_SIZE + sizeof(BEGUN) + SERVICE_TOKEN_SIZE + 2];

    snprintf(body, sizeof(body), "%s " BEGUN " %s", digest, token);
    return put_note(call, body, error);
}

void service_idempotency_keep(struct service_call *call, const char *digest, uint64_t made)
{
    struct service *service = call->service;
    char body[SERVICE_KEY_HASH_SIZE + 24];
    struct error error = {0};

    snprintf(body, sizeof(body), "%s %ju", digest, (uintmax_t)made);
    if (put_note(call, body, &error) != 0 &&
        service_log_begin(&service->log, SERVICE_LOG_ERROR, "store", service_unix_ms(service))) {
        service_log_text(&service->log, "error", slice_from_string(error.message));
        service_log_end(&service->log);
    }
}
