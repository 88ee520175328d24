#include "dns/ares_server.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/instant.h"

#define RECEIVE_BUFFER   (4 << 20) /* default 208 KB loses a quarter of 5,000 answers */
#define FAILURES_MAX     3         /* in a row, and a server is left alone */
#define PAUSE_MIN_MS     SECOND_MS
#define PAUSE_MAX_MS     MINUTE_MS
#define LANE_INDEX(edns) ((edns) ? 1 : 0)

void dns_ares_server_init(struct dns_ares_server *server, struct io_loop *loop,
                          const struct io_endpoint *at, unsigned timeout_ms)
{
    memset(server, 0, sizeof(*server));
    server->loop = loop;
    server->at = *at;
    server->timeout_ms = timeout_ms;
    server->edns = true;
    for (size_t i = 0; i < ARRAY_LEN(server->lanes); i++) {
        server->lanes[i].server = server;
        for (size_t j = 0; j < DNS_ARES_SOCKETS_MAX; j++)
            server->lanes[i].sockets[j] =
                (struct dns_ares_socket){.lane = &server->lanes[i], .fd = ARES_SOCKET_BAD};
    }
}

void dns_ares_server_done(struct dns_ares_server *server)
{
    for (size_t i = 0; i < ARRAY_LEN(server->lanes); i++) {
        if (server->lanes[i].channel != NULL)
            ares_destroy(server->lanes[i].channel); /* closes its sockets, see on_socket_state */
        server->lanes[i].channel = NULL;
    }
}

/* --- sockets ------------------------------------------------------------------------------- */

static void on_ready(void *user, unsigned events)
{
    struct dns_ares_socket *socket = user;
    struct dns_ares_server *server = socket->lane->server;

    server->ready(server->user, socket->lane, events & IO_READABLE ? socket->fd : ARES_SOCKET_BAD,
                  events & IO_WRITABLE ? socket->fd : ARES_SOCKET_BAD);
}

static void socket_watch(struct dns_ares_socket *socket)
{
    struct io_loop *loop = socket->lane->server->loop;

    if (socket->watch != NULL)
        (void)io_watch_change(socket->watch, socket->events);
    else if (io_watch_start(loop, socket->fd, socket->events, on_ready, socket, &socket->watch) < 0)
        socket->watch = NULL;
}

static struct dns_ares_socket *socket_find(struct dns_ares_lane *lane, ares_socket_t fd)
{
    for (size_t i = 0; i < DNS_ARES_SOCKETS_MAX; i++) {
        if (lane->sockets[i].fd == fd)
            return &lane->sockets[i];
    }
    return NULL;
}

/* c-ares opened a socket, wants to hear of other events, or is about to close it (no events). */
static void on_socket_state(void *user, ares_socket_t fd, int readable, int writable)
{
    struct dns_ares_lane *lane = user;
    struct dns_ares_socket *socket = socket_find(lane, fd);

    if (!readable && !writable) {
        if (socket == NULL)
            return;
        if (socket->watch != NULL)
            io_watch_stop(socket->watch);
        *socket = (struct dns_ares_socket){.lane = lane, .fd = ARES_SOCKET_BAD};
        return;
    }
    if (socket == NULL)
        socket = socket_find(lane, ARES_SOCKET_BAD);
    CHECK(socket != NULL);
    socket->fd = fd;
    socket->events = (readable ? IO_READABLE : 0) | (writable ? IO_WRITABLE : 0);
    socket_watch(socket);
}

/* A fresh socket: let it hold many answers, beyond the system's bound where we may (CAP_NET_ADMIN);
   and learn what it holds. */
static int on_socket_configure(ares_socket_t fd, int type, void *user)
{
    struct dns_ares_lane *lane = user;
    int size = RECEIVE_BUFFER;
    socklen_t len = sizeof(size);

    if (type != SOCK_DGRAM)
        return 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len) == 0 && size > 0)
        lane->server->receive_buffer = (size_t)size;
    return 0;
}

/* --- channels ------------------------------------------------------------------------------ */

static int server_set(ares_channel channel, const struct io_endpoint *at)
{
    struct ares_addr_port_node node = {.udp_port = at->port, .tcp_port = at->port};

    node.family = at->ip.family == 6 ? AF_INET6 : AF_INET;
    if (at->ip.family == 6)
        memcpy(&node.addr.addr6, at->ip.bytes, 16);
    else
        memcpy(&node.addr.addr4, at->ip.bytes, 4);
    return ares_set_servers_ports(channel, &node);
}

static int lane_open(struct dns_ares_lane *lane, bool edns)
{
    struct dns_ares_server *server = lane->server;
    char lookups[] = "b", nowhere[] = "/dev/null"; /* c-ares would read resolv.conf each time */
    struct ares_options options = {
        .flags = ARES_FLAG_STAYOPEN | ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH |
                 ARES_FLAG_NOALIASES | (edns ? ARES_FLAG_EDNS : 0),
        .timeout = (int)server->timeout_ms,
        .tries = 1,
        .socket_receive_buffer_size = RECEIVE_BUFFER,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = lane,
        .ednspsz = DNS_ARES_UDP_SIZE,
        .lookups = lookups,
        .resolvconf_path = nowhere,
    };
    int rc =
        ares_init_options(&lane->channel, &options,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                              ARES_OPT_SOCK_RCVBUF | ARES_OPT_SOCK_STATE_CB | ARES_OPT_EDNSPSZ |
                              ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS | ARES_OPT_RESOLVCONF);

    if (rc != ARES_SUCCESS) {
        lane->channel = NULL;
        return rc == ARES_ENOMEM ? ERROR_NOMEM : ERROR_INTERNAL;
    }
    ares_set_socket_configure_callback(lane->channel, on_socket_configure, lane);
    if (server_set(lane->channel, &server->at) != ARES_SUCCESS) {
        ares_destroy(lane->channel);
        lane->channel = NULL;
        return ERROR_NOMEM;
    }
    return 0;
}

int dns_ares_server_send(struct dns_ares_server *server, bool edns, const uint8_t *question,
                         size_t len, ares_callback answered, void *user)
{
    struct dns_ares_lane *lane = &server->lanes[LANE_INDEX(edns)];
    int rc = lane->channel == NULL ? lane_open(lane, edns) : 0;

    if (rc == 0)
        ares_send(lane->channel, question, (int)len, answered, user);
    return rc;
}

void dns_ares_lane_process(struct dns_ares_lane *lane, ares_socket_t readable,
                           ares_socket_t writable)
{
    for (size_t i = 0; i < DNS_ARES_SOCKETS_MAX; i++) {
        if (lane->sockets[i].fd != ARES_SOCKET_BAD && lane->sockets[i].watch == NULL)
            socket_watch(&lane->sockets[i]);
    }
    if (lane->channel != NULL)
        ares_process_fd(lane->channel, readable, writable);
}

void dns_ares_lane_tick(struct dns_ares_lane *lane)
{
    ares_socket_t fds[DNS_ARES_SOCKETS_MAX];

    /* A copy: processing may close sockets and open others. */
    for (size_t i = 0; i < DNS_ARES_SOCKETS_MAX; i++)
        fds[i] = lane->sockets[i].fd;
    for (size_t i = 0; i < DNS_ARES_SOCKETS_MAX; i++) {
        if (fds[i] != ARES_SOCKET_BAD && socket_find(lane, fds[i]) != NULL)
            dns_ares_lane_process(lane, fds[i], ARES_SOCKET_BAD);
    }
    dns_ares_lane_process(lane, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* --- health -------------------------------------------------------------------------------- */

void dns_ares_server_note_answer(struct dns_ares_server *server)
{
    server->failures = 0;
    server->pause_ms = 0;
    server->paused_until_ms = 0;
}

void dns_ares_server_note_failure(struct dns_ares_server *server)
{
    uint64_t now = io_now_ms(server->loop);

    server->failures++;
    /* What was sent before the pause began fails during it and says nothing new. */
    if (server->failures < FAILURES_MAX || now < server->paused_until_ms)
        return;
    server->pause_ms = server->pause_ms == 0 ? PAUSE_MIN_MS : 2 * server->pause_ms;
    if (server->pause_ms > PAUSE_MAX_MS)
        server->pause_ms = PAUSE_MAX_MS;
    server->paused_until_ms = now + server->pause_ms;
}

bool dns_ares_server_is_usable(const struct dns_ares_server *server)
{
    return server->failures < FAILURES_MAX ||
           (io_now_ms(server->loop) >= server->paused_until_ms &&
            server->lanes[0].outstanding + server->lanes[1].outstanding == 0);
}
