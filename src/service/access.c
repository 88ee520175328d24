/* Sessions of the page, and API keys. */
#include <stdio.h>
#include <string.h>

#include "base/instant.h"
#include "service/internal.h"

#define COOKIE "mailknock_session"

static void write_who(struct buffer *body, const struct service_call *call)
{
    const struct service_key *key = service_key_by_id(&call->service->keys, call->key_id);
    struct json json;

    buffer_init(body, 0);
    json_init(&json, body);
    json_object_begin(&json);
    json_name_bool(&json, "open", call->service->options.open);
    json_name_cstring(&json, "name", key != NULL ? key->name : NULL);
    json_name(&json, "scopes");
    json_array_begin(&json);
    for (unsigned bit = 1; bit < SERVICE_SCOPE_ALL; bit <<= 1)
        if (call->scopes & bit)
            json_cstring(&json, service_scope_name((enum service_scope)bit));
    json_array_end(&json);
    json_name_cstring(&json, "version", MK_VERSION);
    json_object_end(&json);
}

void service_session_get(struct service_call *call)
{
    struct service *service = call->service;
    const char *cookie = http_request_cookie(call->request, COOKIE);
    const struct service_key *key;
    uint64_t id = 0;
    struct buffer body;

    if (cookie != NULL)
        id = service_session_find(&service->sessions, slice_from_string(cookie),
                                  service_now_ms(service));
    key = service_key_by_id(&service->keys, id);
    call->key_id = key != NULL ? key->id : 0;
    call->scopes = key != NULL ? key->scopes : 0;
    if (service->options.open)
        call->scopes = SERVICE_SCOPE_ALL;
    write_who(&body, call);
    service_answer(call, 200, &body);
}

void service_session_post(struct service_call *call)
{
    struct service *service = call->service;
    char token[SERVICE_SESSION_SIZE], cookie[160];
    const char *secret = "";
    struct buffer body;
    cJSON *object = service_body(call, "key");

    if (object == NULL)
        return;
    if (!service_get_text(call, object, "key", &secret) ||
        !service_identify(call, slice_trim(slice_from_string(secret))))
        goto done;
    if (service_session_make(&service->sessions, call->key_id, service_now_ms(service), token) !=
        0) {
        service_no_memory(call);
        goto done;
    }
    snprintf(cookie, sizeof(cookie),
             COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200%s", token,
             service->is_loopback ? "" : "; Secure");
    http_response_header(call->request, "Set-Cookie", cookie);
    write_who(&body, call);
    service_answer(call, 200, &body);
done:
    cJSON_Delete(object);
}

void service_session_delete(struct service_call *call)
{
    const char *cookie = http_request_cookie(call->request, COOKIE);

    if (cookie != NULL)
        service_session_end(&call->service->sessions, slice_from_string(cookie));
    http_response_header(call->request, "Set-Cookie",
                         COOKIE "=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    service_answer_nothing(call);
}

/* --- keys --------------------------------------------------------------------------------------
 */

void service_keys_get(struct service_call *call)
{
    struct service_keys *keys = &call->service->keys;
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name(&json, "items");
    json_array_begin(&json);
    for (struct list_node *node = list_first(&keys->list); node != NULL;
         node = list_after(&keys->list, node))
        service_key_write(&json, LIST_ELEMENT(node, struct service_key, node));
    json_array_end(&json);
    json_name_null(&json, "next");
    json_object_end(&json);
    service_answer(call, 200, &body);
}

static bool read_scopes(struct service_call *call, const cJSON *object, unsigned *ret_scopes)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, "scopes"), *word;

    if (!cJSON_IsArray(array)) {
        service_problem(call, 422, "bad_scopes",
                        "\"scopes\" must be an array of \"verify\", \"lists\", \"admin\"");
        return false;
    }
    *ret_scopes = 0;
    cJSON_ArrayForEach(word, array)
    {
        unsigned bit =
            cJSON_IsString(word) ? service_scopes_parse(slice_from_string(word->valuestring)) : 0;

        if (bit == 0) {
            service_problem(call, 422, "bad_scopes",
                            "scopes are \"verify\", \"lists\" and \"admin\"");
            return false;
        }
        *ret_scopes |= bit;
    }
    return true;
}

void service_keys_post(struct service_call *call)
{
    struct service *service = call->service;
    const struct service_key *key;
    char secret[SERVICE_KEY_SIZE];
    const char *name = "";
    uint64_t per_minute = 0;
    unsigned scopes = 0;
    struct error error = {0};
    struct buffer body;
    struct json json;
    cJSON *object = service_body(call, "name,scopes,per_minute");

    if (object == NULL)
        return;
    if (!service_get_text(call, object, "name", &name) ||
        !service_get_number(call, object, "per_minute", 0, 1000000, &per_minute) ||
        !read_scopes(call, object, &scopes))
        goto done;
    if (service_key_make(&service->keys, name, scopes, (uint32_t)per_minute,
                         service_unix_ms(service), secret, &key, &error) != 0) {
        service_problem_of(call, &error);
        goto done;
    }
    service_audit(call, "key_made", "key %ju", (uintmax_t)key->id);
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_cstring(&json, "key", secret);
    json_name(&json, "details");
    service_key_write(&json, key);
    json_object_end(&json);
    service_answer(call, 201, &body);
done:
    cJSON_Delete(object);
}

void service_keys_delete(struct service_call *call)
{
    struct error error = {0};
    uint64_t id;

    if (!slice_to_u64(call->match.parts[0], UINT64_MAX, &id) ||
        service_key_remove(&call->service->keys, id, &error) != 0) {
        service_problem(call, 404, "no_such_key", "there is no key %.*s",
                        SLICE_ARG(slice_prefix(call->match.parts[0], 40)));
        return;
    }
    (void)service_courier_remove_of(&call->service->courier, id, 0, &error);
    service_audit(call, "key_removed", "key %ju", (uintmax_t)id);
    service_answer_nothing(call);
}
