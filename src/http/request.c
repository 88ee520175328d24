/* What a request says. */
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/memory.h"
#include "http/internal.h"

#define MULTIPART_BUFFER_BYTES (64 * 1024)

void http_request_free(struct http_request *request)
{
    struct http_header *header, *next;

    http_hangup_unwatch(request);
    if (request->multipart != NULL)
        (void)MHD_destroy_post_processor(request->multipart);
    for (header = request->headers; header != NULL; header = next) {
        next = header->next;
        if (header->is_heap)
            memory_free(header);
    }
    if (request->response != NULL && !request->is_shared)
        MHD_destroy_response(request->response);
    buffer_done(&request->body);
    memory_free(request);
}

const char *http_request_method(const struct http_request *request)
{
    return request->method;
}

const char *http_request_path(const struct http_request *request)
{
    return request->path;
}

struct io_endpoint http_endpoint_from(const struct sockaddr_storage *address)
{
    struct io_endpoint at = {0};

    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

        at.ip.family = 6;
        memcpy(at.ip.bytes, &in6->sin6_addr, 16);
        at.port = ntohs(in6->sin6_port);
    } else if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;

        at.ip.family = 4;
        memcpy(at.ip.bytes, &in->sin_addr, 4);
        at.port = ntohs(in->sin_port);
    }
    return at;
}

struct io_endpoint http_request_peer(const struct http_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct sockaddr_storage address = {0};
    size_t len;

    if (info == NULL || info->client_addr == NULL)
        return (struct io_endpoint){0};
    len = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                   : sizeof(struct sockaddr_in);
    memcpy(&address, info->client_addr, len);
    return http_endpoint_from(&address);
}

uint64_t http_request_started_ms(const struct http_request *request)
{
    return request->started_ms;
}

static const char *lookup(const struct http_request *request, enum MHD_ValueKind kind,
                          const char *name)
{
    return MHD_lookup_connection_value(request->connection, kind, name);
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return lookup(request, MHD_HEADER_KIND, name);
}

const char *http_request_cookie(const struct http_request *request, const char *name)
{
    return lookup(request, MHD_COOKIE_KIND, name);
}

const char *http_request_query(const struct http_request *request, const char *name)
{
    return lookup(request, MHD_GET_ARGUMENT_KIND, name);
}

struct each_query {
    bool (*each)(void *user, const char *name, const char *value);
    void *user;
};

static enum MHD_Result pass_query(void *user, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    const struct each_query *query = user;

    (void)kind;
    return query->each(query->user, name, value) ? MHD_YES : MHD_NO;
}

void http_request_each_query(const struct http_request *request,
                             bool (*each)(void *user, const char *name, const char *value),
                             void *user)
{
    struct each_query query = {each, user};

    (void)MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, pass_query, &query);
}

struct slice http_request_body(const struct http_request *request)
{
    return buffer_slice(&request->body);
}

void http_request_set_cookie_pointer(struct http_request *request, void *cookie)
{
    request->cookie = cookie;
}

void *http_request_cookie_pointer(const struct http_request *request)
{
    return request->cookie;
}

unsigned http_request_status(const struct http_request *request)
{
    return request->status;
}

bool http_request_is_answered(const struct http_request *request)
{
    return request->phase == HTTP_PHASE_ANSWERED;
}

bool http_request_is_suspended(const struct http_request *request)
{
    return request->phase == HTTP_PHASE_SUSPENDED || request->stream_waits;
}

static enum MHD_Result take_field(void *user, enum MHD_ValueKind kind, const char *name,
                                  const char *filename, const char *content_type,
                                  const char *encoding, const char *bytes, uint64_t offset,
                                  size_t len)
{
    struct http_request *request = user;

    (void)kind;
    (void)content_type;
    (void)encoding;
    /* Every part has a name (RFC 7578 4.2); without memory for it the library goes on without. */
    if (request->phase == HTTP_PHASE_ANSWERED || name == NULL)
        return MHD_NO;
    return request->sink(request->sink_user, request, name, filename, bytes, len, offset) ? MHD_YES
                                                                                          : MHD_NO;
}

/* What the post processor wants of the type: else it failed for want of memory. */
static bool has_boundary(const char *type)
{
    const char *boundary = strcasestr(type, "boundary=");
    size_t len = boundary != NULL ? strlen(boundary + 9) : 0;

    return len > 0 && 2 * len + 2 <= MULTIPART_BUFFER_BYTES;
}

int http_request_set_sink(struct http_request *request, http_sink *sink, void *user)
{
    const char *type = http_request_header(request, "Content-Type");

    CHECK(request->phase == HTTP_PHASE_BODY && request->sink == NULL);
    request->sink = sink;
    request->sink_user = user;
    if (type == NULL || strncasecmp(type, "multipart/form-data", 19) != 0)
        return 0;
    request->multipart =
        MHD_create_post_processor(request->connection, MULTIPART_BUFFER_BYTES, take_field, request);
    if (request->multipart != NULL)
        return 0;
    request->sink = NULL;
    return has_boundary(type) ? ERROR_NOMEM : ERROR_FORMAT;
}
