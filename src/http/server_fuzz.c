/*
 * Whatever a client sends: path, query, headers, cookies, bodies plain and multipart, to a server
 * whose handler looks at all of it. The first byte says how the body is taken and how the bytes are
 * cut; the rest goes over loopback as it is.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "http/server.h"
#include "io/uv_loop.h"

#define TURNS 4 /* of the loop: accepted, read, answered, and one to spare */

struct world {
    struct io_loop *loop;
    struct http_server *server;
    bool use_sink;
    volatile size_t seen;
};

static bool look(void *user, const char *name, const char *value)
{
    struct world *world = user;

    world->seen += strlen(name) + (value != NULL ? strlen(value) : 0);
    return true;
}

static bool sink(void *user, struct http_request *request, const char *name, const char *filename,
                 const char *bytes, size_t len, uint64_t offset)
{
    struct world *world = user;

    (void)request;
    for (size_t i = 0; i < len; i++)
        world->seen += (unsigned char)bytes[i] + offset;
    world->seen += name != NULL ? strlen(name) : 0;
    world->seen += filename != NULL ? strlen(filename) : 0;
    return true;
}

static void begin(void *user, struct http_request *request)
{
    struct world *world = user;

    if (world->use_sink && http_request_set_sink(request, sink, world) != 0)
        http_respond(request, 400, "text/plain", SLICE("no boundary"));
}

static void complete(void *user, struct http_request *request)
{
    struct world *world = user;
    struct slice body = http_request_body(request);
    const char *value = http_request_query(request, "address");

    http_request_each_query(request, look, world);
    world->seen += value != NULL ? strlen(value) : 0;
    value = http_request_header(request, "Authorization");
    world->seen += value != NULL ? strlen(value) : 0;
    value = http_request_cookie(request, "mailknock_session");
    world->seen += value != NULL ? strlen(value) : 0;
    world->seen += strlen(http_request_path(request)) + strlen(http_request_method(request));
    http_response_header(request, "X-Path", http_request_path(request));
    if (!http_request_is_answered(request))
        http_respond(request, 200, "application/json", body);
}

static void ended(void *user, struct http_request *request, void *cookie)
{
    (void)user;
    (void)request;
    (void)cookie;
}

static void open_world(struct world *world)
{
    static const struct http_events events = {begin, complete, ended};
    const struct http_limits limits = {.body_bytes = 4096};
    const struct io_endpoint at = {.ip = {4, {127, 0, 0, 1}}};
    struct error error;

    world->loop = io_uv_loop_new(&error);
    CHECK(world->loop != NULL);
    world->server = http_server_new(world->loop, &at, -1, &limits, &events, world, &error);
    CHECK(world->server != NULL);
}

static void turn(const struct world *world)
{
    for (unsigned i = 0; i < TURNS; i++)
        io_uv_loop_turn(world->loop);
}

static void say(const struct world *world, const char *bytes, size_t len, size_t first)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons(http_server_endpoint(world->server).port),
    };
    const struct linger at_once = {1, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
        (void)send(fd, bytes, first, MSG_NOSIGNAL | MSG_DONTWAIT);
        turn(world);
        (void)send(fd, bytes + first, len - first, MSG_NOSIGNAL | MSG_DONTWAIT);
        turn(world);
        (void)shutdown(fd, SHUT_WR);
        turn(world);
        /* Nothing is left behind in the kernel, thousands of times a second. */
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    if (fd >= 0)
        close(fd);
    turn(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;

    if (size < 2)
        return 0;
    if (world.loop == NULL)
        open_world(&world);
    world.use_sink = (data[0] & 1) != 0;
    say(&world, (const char *)data + 1, size - 1, (size_t)(data[0] >> 1) % size);
    return 0;
}
