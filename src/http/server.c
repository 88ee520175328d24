#include "http/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "http/internal.h"

/* Of one request, with MHD's own bookkeeping. MHD clears that much after every request: twice of it
   costs as much as all that the service does for a check from memory. */
#define HEADER_BYTES_MAX (16 * 1024)
#define PATROL_MS        (2 * SECOND_MS)

/* --- the daemon on the loop ------------------------------------------------------------------- */

static void set_timer(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;

    if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES)
        (void)io_timer_start(&server->timer, io_now_ms(server->loop) + wait_ms);
    else
        io_timer_stop(&server->timer);
}

void http_server_run(struct http_server *server)
{
    if (server->running) {
        server->again = true;
        return;
    }
    server->running = true;
    do {
        server->again = false;
        (void)MHD_run(server->daemon);
    } while (server->again);
    server->running = false;
    set_timer(server);
}

static void on_ready(void *user, unsigned events)
{
    (void)events;
    http_server_run(user);
}

static void on_timer(struct io_timer *timer)
{
    http_server_run(timer->user);
}

void http_server_resume(struct http_server *server, struct http_request *request)
{
    MHD_resume_connection(request->connection);
    /* MHD looks at it in its next run; the loop comes back for that, so that whoever answers is
       not called back from inside the answer. */
    if (server->running)
        server->again = true;
    else
        (void)io_timer_start(&server->timer, io_now_ms(server->loop));
}

/* How long a connection may take with what it is sending; what it waits for us is not counted. */
static bool is_too_slow(const struct http_server *server, const struct http_connection *link,
                        uint64_t now)
{
    const struct http_request *request = link->request;
    uint64_t limit_s = server->limits.request_s;

    if (request == NULL) {
        /* The first request of a connection comes at once; later ones after a pause. */
        if (link->is_used)
            limit_s += server->limits.idle_s;
        return now - link->waiting_since_ms > limit_s * SECOND_MS;
    }
    /* A body that a sink takes may be of any length, and only somebody known sends one. */
    limit_s += server->limits.idle_s;
    return request->phase == HTTP_PHASE_BODY && request->sink == NULL &&
           now - request->started_ms > limit_s * SECOND_MS;
}

/*
 * MHD's time-out starts anew with every byte, so a client that drips its headers would hold a
 * connection for hours: those that take too long are hung up on.
 */
static void on_patrol(struct io_timer *timer)
{
    struct http_server *server = timer->user;
    uint64_t now = io_now_ms(server->loop);
    struct list_node *node;

    for (node = list_first(&server->connections); node != NULL;
         node = list_after(&server->connections, node)) {
        struct http_connection *link = LIST_ELEMENT(node, struct http_connection, node);

        if (is_too_slow(server, link, now))
            (void)shutdown(link->fd, SHUT_RDWR);
    }
    (void)io_timer_start(&server->patrol, now + PATROL_MS);
}

/*
 * An octet 0 in a path or an argument would end it early for everybody who reads it as text, and
 * something else would be answered than what was asked: such requests are refused whole. This is
 * the only place where MHD shows the path as it came; what it returns is the request's context.
 */
static char holds_nul;

static void *on_uri(void *user, const char *uri, struct MHD_Connection *connection)
{
    (void)user;
    (void)connection;
    return strstr(uri, "%00") != NULL ? &holds_nul : NULL;
}

/* --- what MHD tells -----------------------------------------------------------------------------
 */

static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = user;
    struct http_connection *link = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        link = memory_zalloc(1, sizeof(*link));
        *context = link;
        if (link == NULL)
            return; /* not patrolled; MHD's own time-out holds */
        link->server = server;
        link->fd = info->connect_fd;
        link->waiting_since_ms = io_now_ms(server->loop);
        list_append(&server->connections, &link->node);
        server->counts.connections++;
        server->counts.open_connections++;
    } else if (link != NULL) {
        list_remove(&link->node);
        server->counts.open_connections--;
        memory_free(link);
    }
}

static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct http_server *server = user;
    struct http_request *request = *context;

    (void)connection;
    (void)code;
    if (request == NULL || *context == &holds_nul)
        return;
    *context = NULL;
    server->counts.open_requests--;
    if (request->link != NULL) {
        request->link->request = NULL;
        request->link->waiting_since_ms = io_now_ms(server->loop);
    }
    if (server->events.ended != NULL)
        server->events.ended(server->user, request, request->cookie);
    http_request_free(request);
}

static struct http_request *request_new(struct http_server *server,
                                        struct MHD_Connection *connection, const char *path,
                                        const char *method)
{
    size_t path_size = strlen(path) + 1, method_size = strlen(method) + 1;
    struct http_request *request = memory_alloc(sizeof(*request) + path_size + method_size);
    const union MHD_ConnectionInfo *info;

    if (request == NULL)
        return NULL;
    memset(request, 0, offsetof(struct http_request, room));
    request->server = server;
    request->connection = connection;
    request->path = memcpy(request->text, path, path_size);
    request->method = memcpy(request->text + path_size, method, method_size);
    request->started_ms = io_now_ms(server->loop);
    buffer_init(&request->body, server->limits.body_bytes);
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info != NULL && info->socket_context != NULL) {
        request->link = info->socket_context;
        request->link->request = request;
        request->link->is_used = true;
    }
    server->counts.requests++;
    server->counts.open_requests++;
    return request;
}

/* A body that says it will be too large is refused before it is sent. */
static bool says_too_much(const struct http_request *request)
{
    const char *length = http_request_header(request, "Content-Length");
    uint64_t bytes;

    return length != NULL && request->sink == NULL &&
           (!slice_to_u64(slice_from_string(length), UINT64_MAX, &bytes) ||
            bytes > request->server->limits.body_bytes);
}

static void answer_too_large(struct http_request *request)
{
    http_respond(
        request, MHD_HTTP_CONTENT_TOO_LARGE, "application/problem+json",
        SLICE(
            "{\"type\":\"about:blank\",\"title\":\"Content Too Large\",\"status\":413,"
            "\"code\":\"too_large\",\"detail\":\"the body is larger than this server takes\"}\n"));
}

static enum MHD_Result refuse_nul(struct http_request *request)
{
    http_respond(request, MHD_HTTP_BAD_REQUEST, "application/problem+json",
                 SLICE("{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
                       "\"code\":\"bad_path\","
                       "\"detail\":\"there is an octet 0 in the path or an argument\"}\n"));
    return http_response_queue(request);
}

static enum MHD_Result begin(struct http_server *server, struct http_request *request)
{
    server->events.begin(server->user, request);
    if (request->phase != HTTP_PHASE_ANSWERED && says_too_much(request))
        answer_too_large(request);
    return request->phase == HTTP_PHASE_ANSWERED ? http_response_queue(request) : MHD_YES;
}

/* The post processor says only that it can't go on. */
static void refuse_multipart(struct http_request *request, bool is_memory)
{
    if (is_memory) {
        http_response_header(request, "Retry-After", "5");
        http_respond(
            request, MHD_HTTP_SERVICE_UNAVAILABLE, "application/problem+json",
            SLICE("{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
                  "\"code\":\"no_memory\","
                  "\"detail\":\"the server is out of memory; try again later\"}\n"));
        return;
    }
    http_respond(request, MHD_HTTP_BAD_REQUEST, "application/problem+json",
                 SLICE("{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
                       "\"code\":\"bad_multipart\","
                       "\"detail\":\"the multipart body is not well formed\"}\n"));
}

static enum MHD_Result take_body(struct http_request *request, const char *bytes, size_t *len)
{
    if (request->phase == HTTP_PHASE_ANSWERED) {
        *len = 0; /* refused meanwhile: the rest is not wanted */
        return MHD_YES;
    }
    if (request->multipart != NULL) {
        errno = 0;
        if (MHD_post_process(request->multipart, bytes, *len) != MHD_YES &&
            request->phase != HTTP_PHASE_ANSWERED)
            refuse_multipart(request, errno == ENOMEM);
    } else if (request->sink != NULL) {
        (void)request->sink(request->sink_user, request, NULL, NULL, bytes, *len, 0);
    } else if (!request->too_large && !buffer_append(&request->body, bytes, *len)) {
        request->too_large = true;
    }
    *len = 0;
    return MHD_YES;
}

static enum MHD_Result complete(struct http_server *server, struct http_request *request)
{
    if (request->phase == HTTP_PHASE_BODY) {
        request->phase = HTTP_PHASE_ASKED;
        if (request->too_large)
            answer_too_large(request);
        else
            server->events.complete(server->user, request);
    }
    if (request->phase == HTTP_PHASE_ANSWERED)
        return http_response_queue(request);
    request->phase = HTTP_PHASE_SUSPENDED;
    MHD_suspend_connection(request->connection);
    return MHD_YES;
}

static enum MHD_Result on_access(void *user, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *bytes,
                                 size_t *len, void **context)
{
    struct http_server *server = user;
    bool is_refused = *context == &holds_nul;
    struct http_request *request = is_refused ? NULL : *context;

    (void)version;
    if (server->freeing)
        return MHD_NO;
    if (request == NULL) {
        request = request_new(server, connection, path, method);
        *context = request;
        if (request == NULL)
            return MHD_NO;
        return is_refused ? refuse_nul(request) : begin(server, request);
    }
    if (*len > 0)
        return take_body(request, bytes, len);
    return complete(server, request);
}

/* --- from new to free ----------------------------------------------------------------------------
 */

static socklen_t to_sockaddr(const struct io_endpoint *at, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (at->ip.family == 6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(at->port);
        memcpy(&in6->sin6_addr, at->ip.bytes, 16);
        return sizeof(*in6);
    }
    struct sockaddr_in *in = (struct sockaddr_in *)ret;

    in->sin_family = AF_INET;
    in->sin_port = htons(at->port);
    if (at->ip.family == 4)
        memcpy(&in->sin_addr, at->ip.bytes, 4);
    return sizeof(*in);
}

int http_server_listen(const struct io_endpoint *at, struct error *error)
{
    struct sockaddr_storage address;
    socklen_t len = to_sockaddr(at, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    char text[IP_TEXT_SIZE] = "0.0.0.0";

    if (fd < 0)
        return error_set(error, ERROR_IO, "no socket for HTTP: %m");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, SOMAXCONN) != 0) {
        if (at->ip.family != 0)
            ip_format(&at->ip, text);
        error_set(error, ERROR_IO, "can't listen at %s port %u: %m", text, at->port);
        close(fd);
        return ERROR_IO;
    }
    return fd;
}

static void apply_defaults(struct http_limits *limits)
{
    if (limits->connections == 0)
        limits->connections = 2000;
    if (limits->body_bytes == 0)
        limits->body_bytes = 1024 * 1024;
    if (limits->idle_s == 0)
        limits->idle_s = 60;
    if (limits->request_s == 0)
        limits->request_s = 15;
}

static int start(struct http_server *server, int fd, struct error *error)
{
    const union MHD_DaemonInfo *info;

    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access, server,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_URI_LOG_CALLBACK, on_uri,
        server, MHD_OPTION_CONNECTION_LIMIT, server->limits.connections,
        MHD_OPTION_CONNECTION_TIMEOUT, server->limits.idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEADER_BYTES_MAX, MHD_OPTION_END);
    if (server->daemon == NULL) {
        close(fd);
        return error_set(error, ERROR_INTERNAL, "the HTTP library could not be started");
    }
    info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return io_watch_start(server->loop, info->epoll_fd, IO_READABLE, on_ready, server,
                          &server->watch);
}

struct http_server *http_server_new(struct io_loop *loop, const struct io_endpoint *at,
                                    int listen_fd, const struct http_limits *limits,
                                    const struct http_events *events, void *user,
                                    struct error *error)
{
    struct http_server *server = memory_zalloc(1, sizeof(*server));

    if (server == NULL) {
        error_set(error, ERROR_NOMEM, "out of memory");
        return NULL;
    }
    server->loop = loop;
    server->limits = *limits;
    apply_defaults(&server->limits);
    server->events = *events;
    server->user = user;
    list_init(&server->connections);
    io_timer_init(loop, &server->timer, on_timer, server);
    io_timer_init(loop, &server->patrol, on_patrol, server);
    if (listen_fd < 0)
        listen_fd = http_server_listen(at, error);
    if (listen_fd < 0 || start(server, listen_fd, error) != 0 ||
        io_timer_start(&server->patrol, io_now_ms(loop) + PATROL_MS) != 0) {
        http_server_free(server);
        return NULL;
    }
    return server;
}

struct io_endpoint http_server_endpoint(const struct http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_LISTEN_FD);
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    struct io_endpoint at = {0};

    if (info == NULL || getsockname(info->listen_fd, (struct sockaddr *)&address, &len) != 0)
        return at;
    return http_endpoint_from(&address);
}

void http_server_quiesce(struct http_server *server)
{
    int fd = MHD_quiesce_daemon(server->daemon);

    if (fd >= 0)
        close(fd);
}

/* Suspended connections must go on before MHD may stop. */
static void resume_all(struct http_server *server)
{
    struct list_node *node;

    for (node = list_first(&server->connections); node != NULL;
         node = list_after(&server->connections, node)) {
        struct http_connection *link = LIST_ELEMENT(node, struct http_connection, node);

        if (link->request != NULL && http_request_is_suspended(link->request))
            MHD_resume_connection(link->request->connection);
    }
}

void http_server_free(struct http_server *server)
{
    if (server == NULL)
        return;
    CHECK(!server->running);
    server->freeing = true;
    io_timer_stop(&server->timer);
    io_timer_stop(&server->patrol);
    if (server->watch != NULL)
        io_watch_stop(server->watch);
    if (server->daemon != NULL) {
        resume_all(server);
        MHD_stop_daemon(server->daemon);
    }
    memory_free(server);
}

void http_server_counts(const struct http_server *server, struct http_counts *ret_counts)
{
    *ret_counts = server->counts;
}
