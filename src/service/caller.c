/* Who calls, what they may do and how often: keys, the page's sessions, scopes, rates. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "service/internal.h"

#define CSRF_HEADER "X-Mailknock"
#define COOKIE      "mailknock_session"

/* The key that the request shows, or "". Reacher's own client shows it without a scheme. */
static struct slice shown_key(const struct service_call *call)
{
    const char *header = http_request_header(call->request, "Authorization");

    if (header != NULL && slice_starts_with_nocase(slice_from_string(header), SLICE("Bearer ")))
        return slice_trim(slice_from_string(header + 7));
    if (header != NULL && slice_starts_with(slice_from_string(header), SLICE("mk_")))
        return slice_trim(slice_from_string(header));
    header = http_request_header(call->request, "X-API-Key");
    if (header == NULL)
        header = http_request_header(call->request, "X-Reacher-Secret");
    return slice_trim(slice_from_string(header));
}

static bool is_safe_method(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* By cookie. A request that changes something must carry a header that no other site's page can
 * set. */
static struct service_key *key_of_session(struct service_call *call)
{
    struct service *service = call->service;
    const char *cookie = http_request_cookie(call->request, COOKIE);
    uint64_t id;

    if (cookie == NULL)
        return NULL;
    if (!is_safe_method(http_request_method(call->request)) &&
        http_request_header(call->request, CSRF_HEADER) == NULL)
        return NULL;
    id = service_session_find(&service->sessions, slice_from_string(cookie),
                              service_now_ms(service));
    return id != 0 ? service_key_by_id(&service->keys, id) : NULL;
}

/* A key that is not known may have been made by `mailknock keys` a moment ago. */
static struct service_key *find_key(struct service *service, struct slice secret)
{
    struct service_key *key = service_key_find(&service->keys, secret);
    struct error error = {0};

    if (key != NULL || service_now_ms(service) < service->refresh_keys_ms)
        return key;
    service->refresh_keys_ms = service_now_ms(service) + SECOND_MS;
    (void)service_keys_refresh(&service->keys, &error);
    return service_key_find(&service->keys, secret);
}

enum service_key_fit service_look_up_key(struct service_call *call, struct slice secret)
{
    struct service *service = call->service;
    struct ip peer = http_request_peer(call->request).ip;
    struct service_key *key;
    char text[16];

    if (service->options.open) {
        call->scopes = SERVICE_SCOPE_ALL;
        return SERVICE_KEY_FITS;
    }
    /* Right keys first: behind a web server everybody comes from one address, and nobody may shut
       the others out by guessing. 160 random bits are not found at any rate. */
    key = find_key(service, secret);
    if (key == NULL) {
        call->retry_after_s =
            service_stranger_wait_s(&service->strangers, &peer, service_now_ms(service));
        if (call->retry_after_s == 0) {
            service_stranger_failed(&service->strangers, &peer, service_now_ms(service));
            return SERVICE_KEY_UNKNOWN;
        }
        snprintf(text, sizeof(text), "%u", call->retry_after_s);
        http_response_header(call->request, "Retry-After", text);
        return SERVICE_KEY_TOO_OFTEN;
    }
    call->key_id = key->id;
    call->scopes = key->scopes;
    return SERVICE_KEY_FITS;
}

bool service_identify(struct service_call *call, struct slice secret)
{
    switch (service_look_up_key(call, secret)) {
    case SERVICE_KEY_FITS:
        return true;
    case SERVICE_KEY_TOO_OFTEN:
        service_problem(call, 429, "too_many_failures",
                        "too many wrong keys from your address; try again in %u s",
                        call->retry_after_s);
        return false;
    default:
        service_problem(call, 401, "bad_key", "this API key is not known here");
        return false;
    }
}

uint32_t service_take_turn(struct service_call *call)
{
    struct service *service = call->service;
    struct service_key *key;
    uint64_t now = service_now_ms(service);
    char text[80];
    uint32_t wait_s;

    if (call->key_id == 0)
        return 0;
    key = service_key_by_id(&service->keys, call->key_id);
    CHECK(key != NULL);
    wait_s = service_rate_wait_s(&key->rate, now);
    if (wait_s == 0) {
        (void)service_rate_take(&key->rate, 1, now);
        service_key_used(key, service_unix_ms(service));
    }
    if (key->rate.per_minute == 0)
        return 0;
    snprintf(text, sizeof(text), "\"key\";q=%u;w=60", key->rate.per_minute);
    http_response_header(call->request, "RateLimit-Policy", text);
    snprintf(text, sizeof(text), "\"key\";r=%u;t=%u", service_rate_left(&key->rate, now),
             wait_s > 0 ? wait_s : 60);
    http_response_header(call->request, "RateLimit", text);
    if (wait_s > 0) {
        snprintf(text, sizeof(text), "%u", wait_s);
        http_response_header(call->request, "Retry-After", text);
    }
    return wait_s;
}

bool service_admit(struct service_call *call)
{
    uint32_t wait_s = service_take_turn(call);

    if (wait_s == 0)
        return true;
    service_problem(call, 429, "rate_limited",
                    "this key may call %u times a minute; try again in %u s",
                    service_key_by_id(&call->service->keys, call->key_id)->rate.per_minute, wait_s);
    return false;
}

bool service_authorise(struct service_call *call)
{
    const struct service_route *route = call->match.route;
    struct slice secret = shown_key(call);

    if (route->scope == SERVICE_SCOPE_PUBLIC || route->manner == SERVICE_VENDOR_KEY)
        return true;
    if (call->service->options.open) {
        call->scopes = SERVICE_SCOPE_ALL;
        return true;
    }
    if (secret.len > 0) {
        if (!service_identify(call, secret))
            return false;
    } else {
        const struct service_key *key = key_of_session(call);

        if (key == NULL) {
            service_problem(call, 401, "no_key",
                            "show an API key: \"Authorization: Bearer mk_...\" or \"X-API-Key\"");
            return false;
        }
        call->key_id = key->id;
        call->scopes = key->scopes;
    }
    if ((call->scopes & route->scope) == 0) {
        service_problem(call, 403, "wrong_scope", "this key lacks the scope \"%s\"",
                        service_scope_name((enum service_scope)route->scope));
        return false;
    }
    return service_admit(call);
}
