/*
 * UDP through io_watch_start, TCP through io_listen (RFC 1035 4.2, RFC 7766). Delayed answers wait
 * on timers; at most ANSWERS_MAX of them, further questions are dropped as an overloaded server
 * would.
 */
#include "lab/dns_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/writer.h"
#include "lab/world_internal.h"
#include "lab/zone.h"

#define ANSWERS_MAX        10000
#define UDP_ANSWER_MAX     1232 /* what resolvers announce by EDNS; others get TC sooner */
#define UDP_TURN_MAX       64   /* datagrams a turn of the loop */
#define UDP_RECEIVE_BUFFER (4 << 20)

struct peer {
    struct sockaddr_storage address;
    socklen_t address_len;
};

struct connection {
    struct connection *next, *prev;
    struct lab_dns_server *server;
    struct io_stream *stream;
    struct buffer in;
    bool dead;
};

/* An answer on its way, held back by `slow`. */
struct answer {
    struct answer *next, *prev;
    struct lab_dns_server *server;
    struct io_timer timer;
    struct peer peer;
    size_t len;
    uint8_t bytes[];
};

struct lab_dns_server {
    struct lab_world *world;
    struct io_endpoint at;
    int fd;
    struct io_watch *watch;
    struct io_listener *listener;
    struct connection *connections;
    struct answer *answers;
    size_t answer_count;
};

static socklen_t sockaddr_fill(const struct io_endpoint *at, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (at->ip.family == 6) {
        struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)(void *)ret;

        sin6->sin6_family = AF_INET6;
        sin6->sin6_port = htons(at->port);
        memcpy(&sin6->sin6_addr, at->ip.bytes, 16);
        return sizeof(*sin6);
    } else {
        struct sockaddr_in *sin = (struct sockaddr_in *)(void *)ret;

        sin->sin_family = AF_INET;
        sin->sin_port = htons(at->port);
        memcpy(&sin->sin_addr, at->ip.bytes, 4);
        return sizeof(*sin);
    }
}

/* --- answers -----------------------------------------------------------------------------------
 */

/* The EDNS size a query announces, or 512. */
static size_t udp_room(const uint8_t *bytes, size_t len)
{
    struct dns_message message;
    struct dns_record record;

    if (dns_message_open(&message, bytes, len) < 0)
        return DNS_UDP_MAX;
    while (dns_message_next_record(&message, &record) == 1)
        if (record.type == DNS_TYPE_OPT && record.dns_class > DNS_UDP_MAX)
            return record.dns_class < UDP_ANSWER_MAX ? record.dns_class : UDP_ANSWER_MAX;
    return DNS_UDP_MAX;
}

/* Read a query, write its answer. False: say nothing. */
static bool query_answer(struct lab_dns_server *server, const uint8_t *bytes, size_t len,
                         bool by_udp, uint8_t *out, size_t size, struct lab_zone_reply *ret_reply)
{
    struct dns_header header;
    struct dns_question question;
    struct dns_writer writer;
    int code;

    if (len < DNS_HEADER_LEN)
        return false;
    code = dns_query_read(bytes, len, &header, &question);
    if (code < 0) {
        struct dns_header answer = {.id = header.id, .response = true};

        if (header.response)
            return false;
        answer.rcode = code == ERROR_USAGE ? DNS_RCODE_NOTIMP : DNS_RCODE_FORMERR;
        dns_writer_begin(&writer, out, size, &answer);
        *ret_reply = (struct lab_zone_reply){.len = dns_writer_end(&writer)};
        return true;
    }
    server->world->counts.questions++;
    lab_zone_answer(server->world->scenario, &header, &question, by_udp, out, size, ret_reply);
    return ret_reply->kind != LAB_FAULT_TIMEOUT;
}

/* --- UDP ---------------------------------------------------------------------------------------
 */

static void answer_free(struct answer *answer)
{
    if (answer->prev != NULL)
        answer->prev->next = answer->next;
    else
        answer->server->answers = answer->next;
    if (answer->next != NULL)
        answer->next->prev = answer->prev;
    answer->server->answer_count--;
    io_timer_stop(&answer->timer);
    memory_free(answer);
}

static void answer_fire(struct io_timer *timer)
{
    struct answer *answer = timer->user;

    /* A datagram that can't be sent is a lost one. */
    (void)sendto(answer->server->fd, answer->bytes, answer->len, MSG_DONTWAIT,
                 (struct sockaddr *)&answer->peer.address, answer->peer.address_len);
    answer_free(answer);
}

static void answer_delay(struct lab_dns_server *server, const struct peer *peer,
                         const uint8_t *bytes, const struct lab_zone_reply *reply)
{
    struct answer *answer;

    if (server->answer_count >= ANSWERS_MAX)
        return;
    answer = memory_alloc(sizeof(*answer) + reply->len);
    if (answer == NULL)
        return;
    memset(answer, 0, sizeof(*answer));
    answer->server = server;
    answer->peer = *peer;
    answer->len = reply->len;
    memcpy(answer->bytes, bytes, reply->len);
    answer->next = server->answers;
    if (answer->next != NULL)
        answer->next->prev = answer;
    server->answers = answer;
    server->answer_count++;
    io_timer_init(server->world->loop, &answer->timer, answer_fire, answer);
    if (io_timer_start(&answer->timer, io_now_ms(server->world->loop) + reply->delay_ms) < 0)
        answer_free(answer);
}

static void udp_ready(void *user, unsigned events)
{
    struct lab_dns_server *server = user;
    uint8_t query[4096], out[UDP_ANSWER_MAX];

    for (int i = 0; i < UDP_TURN_MAX; i++) {
        struct peer peer = {.address_len = sizeof(peer.address)};
        struct lab_zone_reply reply;
        ssize_t len = recvfrom(server->fd, query, sizeof(query), MSG_DONTWAIT,
                               (struct sockaddr *)&peer.address, &peer.address_len);

        if (len < 0)
            return;
        if (!query_answer(server, query, (size_t)len, true, out, udp_room(query, (size_t)len),
                          &reply))
            continue;
        if (reply.delay_ms > 0)
            answer_delay(server, &peer, out, &reply);
        else
            (void)sendto(server->fd, out, reply.len, MSG_DONTWAIT, (struct sockaddr *)&peer.address,
                         peer.address_len);
    }
}

/* --- TCP ---------------------------------------------------------------------------------------
 */

static void connection_free(struct connection *c)
{
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        c->server->connections = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    buffer_done(&c->in);
    memory_free(c);
}

/* One framed query; delays do not apply to TCP, which is asked after UDP has been slow already. */
static bool tcp_query(struct connection *c, const uint8_t *bytes, size_t len)
{
    static const size_t out_max = 16384;
    uint8_t out[2 + 16384];
    struct lab_zone_reply reply;

    if (!query_answer(c->server, bytes, len, false, out + 2, out_max, &reply))
        return true;
    out[0] = (uint8_t)(reply.len >> 8);
    out[1] = (uint8_t)reply.len;
    return io_stream_write(c->stream, (const char *)out, reply.len + 2) == 0;
}

static void tcp_received(void *user, const char *bytes, size_t len)
{
    struct connection *c = user;
    bool alive = buffer_append(&c->in, bytes, len);

    while (alive && c->in.len >= 2) {
        size_t want = (size_t)(uint8_t)c->in.ptr[0] << 8 | (uint8_t)c->in.ptr[1];

        if (c->in.len < 2 + want)
            return;
        alive = tcp_query(c, (const uint8_t *)c->in.ptr + 2, want);
        buffer_consume(&c->in, 2 + want);
    }
    if (!alive) {
        io_stream_close(c->stream);
        connection_free(c);
    }
}

static void tcp_closed(void *user, enum io_close_reason reason, const char *detail)
{
    connection_free(user);
}

static const struct io_stream_events tcp_events = {
    .received = tcp_received,
    .closed = tcp_closed,
};

static void tcp_accepted(void *user, struct io_stream *stream)
{
    struct lab_dns_server *server = user;
    struct connection *c = memory_zalloc(1, sizeof(*c));

    if (c == NULL) {
        io_stream_close(stream);
        return;
    }
    c->server = server;
    c->stream = stream;
    buffer_init(&c->in, 2 * 65537);
    c->next = server->connections;
    if (c->next != NULL)
        c->next->prev = c;
    server->connections = c;
    io_stream_set_events(stream, &tcp_events, c);
}

/* --- life --------------------------------------------------------------------------------------
 */

/* Bind UDP, and take over the port when any would do. */
static int udp_open(struct lab_dns_server *server, struct error *error)
{
    struct sockaddr_storage address;
    socklen_t len = sockaddr_fill(&server->at, &address);
    int room = UDP_RECEIVE_BUFFER;
    char text[IP_TEXT_SIZE];

    server->fd = socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&address, len) < 0 ||
        getsockname(server->fd, (struct sockaddr *)&address, &len) < 0)
        return error_set(error, errno == EADDRINUSE ? ERROR_BUSY : ERROR_IO,
                         "DNS on %s port %u (UDP): %s", ip_format(&server->at.ip, text),
                         server->at.port, strerror(errno));
    /* Client and server often share one loop here: what comes in one turn must fit. */
    if (setsockopt(server->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
        (void)setsockopt(server->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    if (server->at.port == 0)
        server->at.port = ntohs(address.ss_family == AF_INET6
                                    ? ((struct sockaddr_in6 *)(void *)&address)->sin6_port
                                    : ((struct sockaddr_in *)(void *)&address)->sin_port);
    return 0;
}

struct lab_dns_server *lab_dns_server_new(struct lab_world *world, const struct io_endpoint *at,
                                          struct error *error)
{
    struct lab_dns_server *server = memory_zalloc(1, sizeof(*server));
    int code;

    if (server == NULL) {
        (void)error_set(error, ERROR_NOMEM, "no memory for the DNS server");
        return NULL;
    }
    server->world = world;
    server->at = *at;
    server->fd = -1;
    code = udp_open(server, error);
    if (code < 0)
        goto done;
    code = io_watch_start(world->loop, server->fd, IO_READABLE, udp_ready, server, &server->watch);
    if (code < 0) {
        (void)error_set(error, code, "DNS: this loop can't watch sockets");
        goto done;
    }
    code = io_listen(world->loop, &server->at, tcp_accepted, server, &server->listener, error);
done:
    if (code < 0) {
        lab_dns_server_free(server);
        return NULL;
    }
    return server;
}

void lab_dns_server_free(struct lab_dns_server *server)
{
    if (server == NULL)
        return;
    while (server->answers != NULL)
        answer_free(server->answers);
    while (server->connections != NULL) {
        io_stream_close(server->connections->stream);
        connection_free(server->connections);
    }
    if (server->listener != NULL)
        io_listener_close(server->listener);
    if (server->watch != NULL)
        io_watch_stop(server->watch);
    if (server->fd >= 0)
        (void)close(server->fd);
    memory_free(server);
}

struct io_endpoint lab_dns_server_endpoint(const struct lab_dns_server *server)
{
    return server->at;
}
