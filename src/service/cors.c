/* Cross-origin requests (CORS, the Fetch standard): which other sites' pages may ask. */
#include <string.h>

#include "service/internal.h"

static bool origin_is_welcome(const struct service *service, const char *origin)
{
    for (size_t i = 0; i < service->options.origins.count; i++) {
        const char *allowed = service->options.origins.values[i];

        if (strcmp(allowed, "*") == 0 || strcmp(allowed, origin) == 0)
            return true;
    }
    return false;
}

void service_add_cors(struct service_call *call)
{
    const char *origin = http_request_header(call->request, "Origin");

    if (origin == NULL || !origin_is_welcome(call->service, origin))
        return;
    http_response_header(call->request, "Access-Control-Allow-Origin", origin);
    http_response_header(call->request, "Access-Control-Expose-Headers",
                         "RateLimit, RateLimit-Policy, Retry-After, Location, "
                         "Idempotency-Replayed, ETag, X-Mailknock-Cut");
    if (strcmp(http_request_method(call->request), "OPTIONS") != 0)
        return;
    http_response_header(call->request, "Access-Control-Allow-Methods",
                         "GET, POST, PUT, PATCH, DELETE");
    http_response_header(call->request, "Access-Control-Allow-Headers",
                         "Authorization, X-API-Key, Content-Type, Idempotency-Key, "
                         "If-Match");
    http_response_header(call->request, "Access-Control-Max-Age", "600");
}
