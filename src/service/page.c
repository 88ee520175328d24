/* The page and its parts, and the API's description. */
#include <string.h>

#include "service/asset.h"
#include "service/internal.h"

#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "                   \
    "frame-ancestors 'none'"

void service_page(struct service_call *call)
{
    const char *path = http_request_path(call->request);
    const char *known = http_request_header(call->request, "If-None-Match");

    for (size_t i = 0; i < service_asset_count; i++) {
        const struct service_asset *asset = &service_assets[i];

        if (strcmp(asset->path, path) != 0)
            continue;
        http_response_header(call->request, "Content-Security-Policy", POLICY);
        http_response_header(call->request, "Referrer-Policy", "no-referrer");
        http_response_header(call->request, "Cache-Control", "no-cache");
        http_response_header(call->request, "ETag", asset->tag);
        if (known != NULL && strstr(known, asset->tag) != NULL)
            http_respond(call->request, 304, NULL, SLICE_EMPTY);
        else
            http_respond(call->request, 200, asset->content_type,
                         slice_from((const char *)asset->bytes, asset->len));
        return;
    }
    service_problem(call, 404, "no_such_path", "there is nothing at %.200s", path);
}
