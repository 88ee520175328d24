/*
 * For tests of the transport: the real loop, servers of the lab on loopback, and one who asks and
 * waits.
 */
#ifndef MK_DNS_ARES_RIG_H
#define MK_DNS_ARES_RIG_H

#include "dns/ares_transport.h"
#include "dns/message.h"
#include "io/loop.h"
#include "lab/world.h"

#define GIVE_UP_MS 20000

struct asked {
    unsigned calls, answers;
    enum dns_outcome outcome; /* of the transport */
    uint8_t rcode;
    bool truncated;
    struct ip ip;
    size_t len;
};

extern struct ares_rig {
    struct io_loop *loop;
    struct dns_transport *transport;
    struct io_timer patience;
    struct lab_scenario *scenarios[3];
    struct lab_world *worlds[3];
    size_t world_count;
    bool asking; /* a callback now is a mistake */
    unsigned calls, wanted;
} rig;

/* What zones answer: as their names say, and those of others. */
extern const char zones[], failing_zones[];

/* Of each test (cmocka). */
int setup(void **state);
int teardown(void **state);
struct io_endpoint loopback(uint16_t port);
/* Serve zones on a loopback port (0: any). */
struct io_endpoint serve(const char *text, uint16_t port);
uint64_t questions_heard(size_t world);
/* A bound UDP socket: its port is ours, and nobody reads it until somebody does. */
int socket_open(struct io_endpoint *ret_at);
/* The same where a world is served later: *ret_tcp keeps others from taking the port for TCP. */
int socket_open_for_later(struct io_endpoint *ret_at, int *ret_tcp);
/* The transport. */
void start(const struct dns_ares_options *options);
/* For one who asks: a struct asked. */
void on_answer(void *user, enum dns_outcome outcome, const uint8_t *bytes, size_t len);
void ask(const char *name, uint16_t type, struct asked *asked);
/* Until everything asked is answered; how long that took. */
uint64_t wait_all(void);
/* Ask, and wait. */
struct asked ask_one(const char *name, uint16_t type);
struct dns_ares_counts counts(void);

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
