/* How a request is answered. */
#include <string.h>
#include <zlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "http/internal.h"

#define STREAM_BLOCK_BYTES (32 * 1024)
#define COMPRESS_FROM      1024 /* bytes; below, the headers cost more than is saved */

static bool is_clean(const char *text)
{
    return strpbrk(text, "\r\n") == NULL;
}

static struct http_header *header_new(struct http_request *request, size_t text_size)
{
    size_t align = _Alignof(struct http_header);
    size_t size = (sizeof(struct http_header) + text_size + align - 1) / align * align;
    struct http_header *header;

    if (size <= sizeof(request->room) - request->room_used) {
        header = (struct http_header *)(void *)(request->room + request->room_used);
        request->room_used += size;
        header->is_heap = false;
        return header;
    }
    header = memory_alloc(size);
    if (header != NULL)
        header->is_heap = true;
    return header;
}

void http_response_header(struct http_request *request, const char *name, const char *value)
{
    size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;
    struct http_header *header;

    CHECK(request->phase != HTTP_PHASE_ANSWERED);
    if (!is_clean(name) || !is_clean(value))
        return;
    header = header_new(request, name_size + value_size);
    if (header == NULL)
        return;
    memcpy(header->text, name, name_size);
    header->value = header->text + name_size;
    memcpy(header->value, value, value_size);
    header->next = request->headers;
    request->headers = header;
}

/* --- compression -------------------------------------------------------------------------------
 */

/* Does the answer depend on what the client takes? */
static bool is_compressible(const char *content_type, size_t len)
{
    return len >= COMPRESS_FROM && content_type != NULL &&
           (strncmp(content_type, "text/", 5) == 0 || strstr(content_type, "json") != NULL ||
            strstr(content_type, "javascript") != NULL || strstr(content_type, "svg") != NULL);
}

static bool client_takes_gzip(const struct http_request *request)
{
    const char *accepted = http_request_header(request, "Accept-Encoding");

    return accepted != NULL && strstr(accepted, "gzip") != NULL &&
           strstr(accepted, "gzip;q=0") == NULL;
}

/* gzip of `body` on the heap, or NULL when it does not pay or there is no memory. */
static void *compress_body(struct slice body, size_t *ret_len)
{
    z_stream z = {0};
    unsigned char *out = NULL;

    if (body.len > UINT32_MAX || deflateInit2(&z, 5, Z_DEFLATED, 15 + 16, 8, 0) != Z_OK)
        return NULL;
    out = memory_alloc(body.len);
    if (out != NULL) {
        z.next_in = (unsigned char *)(uintptr_t)body.ptr;
        z.avail_in = (uInt)body.len;
        z.next_out = out;
        z.avail_out = (uInt)body.len;
        if (deflate(&z, Z_FINISH) != Z_STREAM_END) {
            memory_free(out);
            out = NULL;
        }
    }
    *ret_len = z.total_out;
    (void)deflateEnd(&z);
    return out;
}

/* --- handing over ------------------------------------------------------------------------------
 */

/* What every answer says: of which type it is, and that nobody may think otherwise. */
static void add_type(struct MHD_Response *response, const char *content_type)
{
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (content_type != NULL)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
}

static void set_answer(struct http_request *request, unsigned status, const char *content_type,
                       struct MHD_Response *response)
{
    bool was_suspended = request->phase == HTTP_PHASE_SUSPENDED;

    CHECK(request->phase != HTTP_PHASE_ANSWERED);
    request->phase = HTTP_PHASE_ANSWERED;
    request->status = status;
    request->response = response; /* NULL: no memory; the connection breaks */
    if (response != NULL)
        add_type(response, content_type);
    if (was_suspended)
        http_server_resume(request->server, request);
}

enum MHD_Result http_response_queue(struct http_request *request)
{
    struct MHD_Response *response = request->response;
    enum MHD_Result result;

    if (response == NULL)
        return MHD_NO;
    for (struct http_header *header = request->headers; header != NULL; header = header->next)
        (void)MHD_add_response_header(response, header->text, header->value);
    result = MHD_queue_response(request->connection, request->status, response);
    request->response = NULL;
    if (!request->is_shared)
        MHD_destroy_response(response); /* MHD has counted itself in */
    return result;
}

/* A response that owns the bytes, or NULL, and they are freed. */
static struct MHD_Response *own(void *bytes, size_t len)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(len, bytes, memory_free);

    if (response == NULL)
        memory_free(bytes);
    return response;
}

/* Compressed where that pays; NULL: it doesn't. Caches are told where that depends on the client.
 */
static struct MHD_Response *packed_response(struct http_request *request, const char *content_type,
                                            struct slice body)
{
    size_t len = 0;
    void *packed = NULL;

    if (!is_compressible(content_type, body.len))
        return NULL;
    http_response_header(request, "Vary", "Accept-Encoding");
    if (client_takes_gzip(request))
        packed = compress_body(body, &len);
    if (packed == NULL)
        return NULL;
    http_response_header(request, "Content-Encoding", "gzip");
    return own(packed, len);
}

void http_respond(struct http_request *request, unsigned status, const char *content_type,
                  struct slice body)
{
    struct MHD_Response *response = packed_response(request, content_type, body);

    if (response == NULL)
        response = MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.ptr,
                                                   MHD_RESPMEM_MUST_COPY);
    set_answer(request, status, content_type, response);
}

void http_respond_buffer(struct http_request *request, unsigned status, const char *content_type,
                         struct buffer *body)
{
    struct MHD_Response *response = packed_response(request, content_type, buffer_slice(body));

    if (response != NULL || body->ptr == NULL) {
        buffer_done(body);
    } else {
        response = own(body->ptr, body->len);
        buffer_init(body, 0);
    }
    set_answer(request, status, content_type, response);
}

/* --- again and again -----------------------------------------------------------------------------
 */

struct http_answer {
    struct MHD_Response *response;
    unsigned status;
};

struct http_answer *http_answer_new(unsigned status, const char *content_type,
                                    const char *cache_control, struct slice body)
{
    struct http_answer *answer;

    if (is_compressible(content_type, body.len))
        return NULL;
    answer = memory_zalloc(1, sizeof(*answer));
    if (answer == NULL)
        return NULL;
    answer->status = status;
    answer->response = MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.ptr,
                                                       MHD_RESPMEM_MUST_COPY);
    if (answer->response == NULL) {
        memory_free(answer);
        return NULL;
    }
    add_type(answer->response, content_type);
    (void)MHD_add_response_header(answer->response, MHD_HTTP_HEADER_CACHE_CONTROL, cache_control);
    return answer;
}

void http_answer_free(struct http_answer *answer)
{
    if (answer == NULL)
        return;
    MHD_destroy_response(answer->response);
    memory_free(answer);
}

bool http_respond_again(struct http_request *request, const struct http_answer *answer)
{
    CHECK(request->phase != HTTP_PHASE_ANSWERED);
    /* One that waited is given its answer only in the next turn: the answer may be gone by then. */
    if (request->headers != NULL || request->phase == HTTP_PHASE_SUSPENDED)
        return false;
    request->phase = HTTP_PHASE_ANSWERED;
    request->status = answer->status;
    request->response = answer->response;
    request->is_shared = true;
    return true;
}

/* --- in pieces -----------------------------------------------------------------------------------
 */

static ssize_t read_stream(void *user, uint64_t position, char *out, size_t size)
{
    struct http_request *request = user;
    ptrdiff_t len;

    (void)position;
    if (request->is_gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    len = request->read(request->read_user, out, size);
    if (len > 0)
        return len;
    if (len == HTTP_READ_END)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (len < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    request->stream_waits = true;
    http_hangup_watch(request);
    MHD_suspend_connection(request->connection);
    return 0;
}

void http_respond_stream(struct http_request *request, unsigned status, const char *content_type,
                         http_read *read, void *user)
{
    request->read = read;
    request->read_user = user;
    set_answer(request, status, content_type,
               MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_stream,
                                                 request, NULL));
}

void http_respond_wake(struct http_request *request)
{
    if (!request->stream_waits)
        return;
    request->stream_waits = false;
    http_hangup_unwatch(request);
    http_server_resume(request->server, request);
}
