/*
 * One name server as dns/ares_transport.c knows it: its c-ares channels and how it has been faring.
 *
 * c-ares 1.18 forgets a dead server at once, so every question would pay that server's time-out
 * again. Therefore each server has channels of its own, with one try each, and its health is
 * remembered here; which server gets which question is the transport's to say. Two lanes a server:
 * with EDNS (RFC 6891), because the mail records of large domains exceed 512 octets, and without,
 * for servers and paths that cannot stand it. c-ares cuts questions to pieces when its EDNS flag
 * does not agree with what is sent, so one channel cannot do both.
 *
 * Knows nothing of questions, of how many tries they get, or of what answers say.
 */
#ifndef MK_DNS_ARES_SERVER_H
#define MK_DNS_ARES_SERVER_H

#include <ares.h>
#include <stdbool.h>

#include "io/loop.h"

#define DNS_ARES_UDP_SIZE    1232 /* fits every path unfragmented (DNS flag day 2020) */
#define DNS_ARES_SOCKETS_MAX 4    /* of a channel to one server: one UDP, one TCP, and slack */

struct dns_ares_server;

struct dns_ares_socket {
    struct dns_ares_lane *lane;
    ares_socket_t fd;       /* ARES_SOCKET_BAD: a free slot */
    unsigned events;        /* enum io_watch_events that c-ares wants to hear of */
    struct io_watch *watch; /* NULL: could not be had; the next tick tries again */
};

struct dns_ares_lane {
    struct dns_ares_server *server;
    ares_channel channel; /* NULL until it is used */
    unsigned outstanding; /* the transport's count */
    struct dns_ares_socket sockets[DNS_ARES_SOCKETS_MAX];
};

struct dns_ares_server {
    struct io_loop *loop;
    struct io_endpoint at;
    unsigned timeout_ms;
    /* A socket is ready: call dns_ares_lane_process. */
    void (*ready)(void *user, struct dns_ares_lane *lane, ares_socket_t readable,
                  ares_socket_t writable);
    void *user;
    struct dns_ares_lane lanes[2]; /* without EDNS, with EDNS */
    bool edns;                     /* not known to fail */
    unsigned failures;             /* in a row, no answer between them */
    uint64_t pause_ms;             /* how long it was left alone last */
    uint64_t paused_until_ms;
    size_t receive_buffer; /* octets the kernel gave its UDP socket; 0 before the first */
};

/* Opens nothing yet. */
void dns_ares_server_init(struct dns_ares_server *server, struct io_loop *loop,
                          const struct io_endpoint *at, unsigned timeout_ms);
/* Not from inside a callback of c-ares. Questions under way end with ARES_EDESTRUCTION. */
void dns_ares_server_done(struct dns_ares_server *server);

/*
 * Send a question built by dns/writer.h; `answered` comes once, perhaps before this returns.
 * edns must say whether the question has the EDNS record. ERROR_NOMEM, ERROR_INTERNAL (c-ares could
 * not be set up): `answered` won't come.
 */
int dns_ares_server_send(struct dns_ares_server *server, bool edns, const uint8_t *question,
                         size_t len, ares_callback answered, void *user);
/* Let c-ares read, write and time out; sockets may be ARES_SOCKET_BAD. */
void dns_ares_lane_process(struct dns_ares_lane *lane, ares_socket_t readable,
                           ares_socket_t writable);

/*
 * Time out what is overdue, but read first: when this process was held up, answers that came in
 * time still wait in the sockets.
 */
void dns_ares_lane_tick(struct dns_ares_lane *lane);

void dns_ares_server_note_answer(struct dns_ares_server *server);
void dns_ares_server_note_failure(struct dns_ares_server *server);
/* False while it is left alone for not answering; then one question at a time may find out. */
bool dns_ares_server_is_usable(const struct dns_ares_server *server);

#endif
