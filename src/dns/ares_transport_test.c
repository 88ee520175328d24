/*
 * The transport on the real loop: against the lab's DNS server, and against a crooked one made
 * here, which does what no sane server does.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/ares_transport.h"
#include "dns/message.h"
#include "dns/writer.h"
#include "io/uv_loop.h"
#include "lab/world.h"

#define GIVE_UP_MS 20000
#define DEAF_UNTIL 5000
#define LATE_MAX   8 /* time-outs where three are due: the servers share our thread and may stall */

static const char zones[] = "domain plain.example\n  mx 10 mx.plain.example\n  a 192.0.2.1\n"
                            "domain fails.example\n  fault servfail\n"
                            "domain refuses.example\n  fault refused\n"
                            "domain unknowing.example\n  fault notimp\n"
                            "domain silent.example\n  fault timeout\n"
                            "domain bogus.example\n  fault garbage\n"
                            "domain cut.example\n  fault truncate\n  mx 1 mx.plain.example\n"
                            "domain slow.example\n  slow 100ms\n  a 192.0.2.2\n"
                            "domain *.many.example\n  slow 1500ms\n  a 192.0.2.3\n"
                            "domain *.quick.example\n  a 192.0.2.4\n";

static const char failing_zones[] = "domain plain.example\n  fault servfail\n"
                                    "domain fails.example\n  fault refused\n"
                                    "domain silent.example\n  fault servfail\n";

struct asked {
    unsigned calls, answers;
    enum dns_outcome outcome; /* of the transport */
    uint8_t rcode;
    bool truncated;
    struct ip ip;
    size_t len;
};

static struct {
    struct io_loop *loop;
    struct dns_transport *transport;
    struct io_timer patience;
    struct lab_scenario *scenarios[3];
    struct lab_world *worlds[3];
    size_t world_count;
    bool asking; /* a callback now is a mistake */
    unsigned calls, wanted;
} rig;

/* --- the rig ------------------------------------------------------------------------------- */

static void out_of_patience(struct io_timer *timer)
{
    print_error("%u of %u answers after %u ms\n", rig.calls, rig.wanted, GIVE_UP_MS);
    io_loop_stop(rig.loop);
}

static int setup(void **state)
{
    memset(&rig, 0, sizeof(rig));
    rig.loop = io_uv_loop_new(NULL);
    io_timer_init(rig.loop, &rig.patience, out_of_patience, NULL);
    return rig.loop == NULL;
}

static int teardown(void **state)
{
    dns_transport_free(rig.transport);
    for (size_t i = 0; i < rig.world_count; i++) {
        lab_world_free(rig.worlds[i]);
        lab_scenario_free(rig.scenarios[i]);
    }
    io_timer_stop(&rig.patience);
    io_loop_free(rig.loop);
    return 0;
}

static struct io_endpoint loopback(uint16_t port)
{
    return (struct io_endpoint){.ip = ip_v4(127, 0, 0, 1), .port = port};
}

/* Serve zones on a loopback port (0: any). */
static struct io_endpoint serve(const char *text, uint16_t port)
{
    size_t i = rig.world_count++;
    struct io_endpoint at = loopback(port);
    struct error error = {0};
    int rc;

    rig.scenarios[i] = lab_scenario_parse(slice_from_string(text), &error);
    assert_non_null(rig.scenarios[i]);
    rig.worlds[i] = lab_world_new(rig.loop, rig.scenarios[i], 25, 1, &error);
    assert_non_null(rig.worlds[i]);
    /* The UDP port that the system picks may be somebody else's for TCP. */
    for (int tries = 1; (rc = lab_world_serve_dns(rig.worlds[i], &at, &error)) < 0 && port == 0;)
        assert_true(tries++ < 20);
    assert_int_equal(rc, 0);
    return lab_world_dns_endpoint(rig.worlds[i]);
}

static uint64_t questions_heard(size_t world)
{
    struct lab_counts counts;

    lab_world_counts(rig.worlds[world], &counts);
    return counts.questions;
}

/* A bound UDP socket: its port is ours, and nobody reads it until somebody does. */
static int socket_open(struct io_endpoint *ret_at)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int size = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    *ret_at = loopback(ntohs(address.sin_port));
    return fd;
}

/* The same where a world is served later: *ret_tcp keeps others from taking the port for TCP. */
static int socket_open_for_later(struct io_endpoint *ret_at, int *ret_tcp)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int tries = 1; tries < 20; tries++) {
        int fd = socket_open(ret_at);

        *ret_tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(*ret_tcp >= 0);
        address.sin_port = htons(ret_at->port);
        if (bind(*ret_tcp, (struct sockaddr *)&address, sizeof(address)) == 0)
            return fd;
        (void)close(*ret_tcp);
        (void)close(fd);
    }
    fail_msg("no port is free for both");
    return -1;
}

static void start(const struct dns_ares_options *options)
{
    struct error error = {0};

    rig.transport = dns_ares_transport_new(rig.loop, options, &error);
    if (rig.transport == NULL)
        print_error("%s\n", error.message);
    assert_non_null(rig.transport);
}

static void on_answer(void *user, enum dns_outcome outcome, const uint8_t *bytes, size_t len)
{
    struct asked *asked = user;
    struct dns_message message;
    struct dns_record record;

    assert_false(rig.asking);
    asked->calls++;
    asked->outcome = outcome;
    asked->len = len;
    if (outcome == DNS_FOUND && dns_message_open(&message, bytes, len) == 0) {
        asked->rcode = message.header.rcode;
        asked->truncated = message.header.truncated;
        while (dns_message_next_record(&message, &record) == 1) {
            asked->answers += record.section == DNS_SECTION_ANSWER;
            if (record.type == DNS_TYPE_A)
                asked->ip = record.ip;
        }
    } else {
        assert_null(bytes);
    }
    if (++rig.calls == rig.wanted)
        io_loop_stop(rig.loop);
}

static void ask(const char *name, uint16_t type, struct asked *asked)
{
    rig.wanted++;
    rig.asking = true;
    assert_int_equal(dns_transport_ask(rig.transport, name, type, on_answer, asked), 0);
    rig.asking = false;
}

/* Until everything asked is answered; how long that took. */
static uint64_t wait_all(void)
{
    uint64_t began = io_now_ms(rig.loop);

    assert_int_equal(io_timer_start(&rig.patience, began + GIVE_UP_MS), 0);
    if (rig.calls < rig.wanted)
        io_loop_run(rig.loop);
    io_timer_stop(&rig.patience);
    assert_int_equal(rig.calls, rig.wanted);
    return io_now_ms(rig.loop) - began;
}

static struct asked ask_one(const char *name, uint16_t type)
{
    struct asked asked = {0};

    ask(name, type, &asked);
    (void)wait_all();
    assert_int_equal(asked.calls, 1);
    return asked;
}

static struct dns_ares_counts counts(void)
{
    struct dns_ares_counts ret;

    dns_ares_transport_counts(rig.transport, &ret);
    return ret;
}

/* --- against the lab ----------------------------------------------------------------------- */

static void outcomes_are_kept_apart(void **state)
{
    static const struct {
        const char *name;
        uint16_t type;
        enum dns_outcome outcome;
        uint8_t rcode;
        unsigned answers;
    } rows[] = {
        {"plain.example", DNS_TYPE_MX, DNS_FOUND, DNS_RCODE_NOERROR, 1},
        {"plain.example", DNS_TYPE_A, DNS_FOUND, DNS_RCODE_NOERROR, 1},
        {"plain.example", DNS_TYPE_AAAA, DNS_FOUND, DNS_RCODE_NOERROR, 0},
        {"nowhere.example", DNS_TYPE_MX, DNS_FOUND, DNS_RCODE_NXDOMAIN, 0},
        {"fails.example", DNS_TYPE_MX, DNS_FOUND, DNS_RCODE_SERVFAIL, 0},
        {"refuses.example", DNS_TYPE_MX, DNS_FOUND, DNS_RCODE_REFUSED, 0},
        {"unknowing.example", DNS_TYPE_MX, DNS_FOUND, DNS_RCODE_NOTIMP, 0},
        {"silent.example", DNS_TYPE_MX, DNS_TIMEOUT, 0, 0},
        {"bogus.example", DNS_TYPE_MX, DNS_TIMEOUT, 0, 0},
        {"cut.example", DNS_TYPE_MX, DNS_FOUND, DNS_RCODE_NOERROR, 1},
        {"slow.example", DNS_TYPE_A, DNS_FOUND, DNS_RCODE_NOERROR, 1},
    };
    struct asked asked[ARRAY_LEN(rows)] = {0};
    struct io_endpoint server = serve(zones, 0);

    start(&(struct dns_ares_options){&server, 1, .timeout_ms = 800, .tries = 2});
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ask(rows[i].name, rows[i].type, &asked[i]);
    (void)wait_all();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (asked[i].outcome != rows[i].outcome || asked[i].rcode != rows[i].rcode ||
            asked[i].answers != rows[i].answers || asked[i].calls != 1 || asked[i].truncated)
            print_error("%s: %s, rcode %u, %u answers\n", rows[i].name,
                        dns_outcome_name(asked[i].outcome), asked[i].rcode, asked[i].answers);
        assert_int_equal(asked[i].calls, 1);
        assert_int_equal(asked[i].outcome, rows[i].outcome);
        assert_int_equal(asked[i].rcode, rows[i].rcode);
        assert_int_equal(asked[i].answers, rows[i].answers);
        assert_false(asked[i].truncated);
    }
    assert_int_equal(counts().timeouts, 4); /* two names, two tries */
}

static void long_answers_come_by_tcp(void **state)
{
    char text[16384] = "domain long.example\n";
    struct io_endpoint server;
    struct asked asked;

    for (int i = 0; i < 150; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "  mx %d mx%d.example\n",
                       i, i);
    server = serve(text, 0);
    start(&(struct dns_ares_options){&server, 1, .timeout_ms = 5000});
    for (int i = 0; i < 3; i++) { /* on one connection */
        asked = ask_one("long.example", DNS_TYPE_MX);
        assert_int_equal(asked.outcome, DNS_FOUND);
        assert_int_equal(asked.answers, 150);
        assert_true(asked.len > DNS_UDP_MAX);
        assert_false(asked.truncated);
    }
    assert_int_equal(counts().resent, 0);
    assert_int_equal(questions_heard(0), 6);
}

/* 512 octets are not the end for UDP. */
static void longer_answers_come_by_udp(void **state)
{
    char text[4096] = "domain long.example\n";
    struct io_endpoint server;
    struct asked asked;

    for (int i = 0; i < 40; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "  mx %d mx%d.example\n",
                       i, i);
    server = serve(text, 0);
    start(&(struct dns_ares_options){&server, 1, .timeout_ms = 5000});
    asked = ask_one("long.example", DNS_TYPE_MX);
    assert_int_equal(asked.answers, 40);
    assert_true(asked.len > DNS_UDP_MAX);
    assert_int_equal(questions_heard(0), 1);
}

static void nothing_is_lost_of_five_thousand(void **state)
{
    enum {
        COUNT = 5000
    };
    struct asked *asked = memory_zalloc(COUNT, sizeof(*asked));
    struct io_endpoint server = serve(zones, 0);
    char name[64];
    uint64_t took;

    assert_non_null(asked);
    start(&(struct dns_ares_options){&server, 1, .timeout_ms = 5000, .max_outstanding = COUNT});
    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof(name), "n%u.many.example", i);
        ask(name, DNS_TYPE_A, &asked[i]);
    }
    took = wait_all();
    print_message("%u outstanding: %llu ms, %llu sent again\n", COUNT, (unsigned long long)took,
                  (unsigned long long)counts().resent);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(asked[i].calls, 1);
        assert_int_equal(asked[i].outcome, DNS_FOUND);
        assert_int_equal(asked[i].answers, 1);
    }
    assert_true(took >= 1500);
    memory_free(asked);
}

static void more_than_the_cap_wait(void **state)
{
    struct asked asked[100] = {0};
    struct io_endpoint server = serve(zones, 0);
    uint64_t took;

    start(&(struct dns_ares_options){&server, 1, .timeout_ms = 2000, .max_outstanding = 25});
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        ask("slow.example", DNS_TYPE_A, &asked[i]);
    assert_int_equal(counts().sent, 25);
    took = wait_all();
    assert_true(took >= 390); /* four rounds of 100 ms, less what clocks round away */
    assert_int_equal(counts().sent, 100);
}

/* --- several servers ----------------------------------------------------------------------- */

static void a_dead_first_server_is_remembered(void **state)
{
    struct io_endpoint servers[2];
    int tcp, dead = socket_open_for_later(&servers[0], &tcp);
    struct asked asked;

    servers[1] = serve(zones, 0);
    start(&(struct dns_ares_options){servers, 2, .timeout_ms = 800});
    for (int i = 0; i < 30; i++) {
        asked = ask_one("plain.example", DNS_TYPE_A);
        assert_int_equal(asked.outcome, DNS_FOUND);
        assert_int_equal(asked.answers, 1);
    }
    assert_in_range(counts().timeouts, 3, LATE_MAX);
    assert_in_range(questions_heard(0), 30, 30 + LATE_MAX);
    /* It comes back: found out after its pause, with one question, then it is the first again. */
    (void)close(dead);
    (void)close(tcp);
    (void)serve(zones, servers[0].port);
    for (int i = 0; i < 400 && questions_heard(1) < 10; i++) {
        asked = ask_one(questions_heard(1) == 0 ? "slow.example" : "plain.example", DNS_TYPE_A);
        assert_int_equal(asked.outcome, DNS_FOUND);
    }
    assert_in_range(questions_heard(1), 10, 10 + LATE_MAX);
    assert_in_range(counts().timeouts, 3, LATE_MAX);
}

static void a_wave_pays_for_a_dead_server_once(void **state)
{
    struct io_endpoint servers[2];
    int dead = socket_open(&servers[0]);
    struct asked asked[200] = {0};

    servers[1] = serve(zones, 0);
    start(&(struct dns_ares_options){servers, 2, .timeout_ms = 300, .max_outstanding = 100});
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        ask("plain.example", DNS_TYPE_A, &asked[i]);
    (void)wait_all();
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        assert_int_equal(asked[i].answers, 1);
    assert_true(counts().timeouts <= 100);
    (void)close(dead);
}

static void refusing_servers_cost_nothing(void **state)
{
    struct io_endpoint servers[2];
    struct asked asked;

    (void)close(socket_open(&servers[0])); /* nobody there: ICMP says so */
    servers[1] = serve(zones, 0);
    start(&(struct dns_ares_options){servers, 2, .timeout_ms = 5000});
    for (int i = 0; i < 10; i++) {
        asked = ask_one("plain.example", DNS_TYPE_A);
        assert_int_equal(asked.outcome, DNS_FOUND);
    }
    assert_int_equal(counts().timeouts, 0);
    assert_true(counts().sent <= 13);
}

static void nobody_there_is_unreachable(void **state)
{
    struct io_endpoint servers[2];
    struct asked asked;
    uint64_t began = io_now_ms(rig.loop);

    (void)close(socket_open(&servers[0]));
    servers[1] = (struct io_endpoint){.ip = ip_v4(255, 255, 255, 255)}; /* refused in connect(2) */
    start(&(struct dns_ares_options){servers, 2, .timeout_ms = 5000, .tries = 4});
    asked = ask_one("plain.example", DNS_TYPE_A);
    assert_int_equal(asked.outcome, DNS_UNREACHABLE);
    assert_int_equal(counts().sent, 4);
    assert_true(io_now_ms(rig.loop) - began >= 490); /* it rested between the rounds */
}

static void a_silent_and_a_refusing_server_time_out(void **state)
{
    struct io_endpoint servers[2];
    int silent = socket_open(&servers[0]);
    struct asked asked;

    servers[1] = (struct io_endpoint){.ip = ip_v4(255, 255, 255, 255)};
    start(&(struct dns_ares_options){servers, 2, .timeout_ms = 100, .tries = 2});
    asked = ask_one("plain.example", DNS_TYPE_A);
    assert_int_equal(asked.outcome, DNS_TIMEOUT);
    (void)close(silent);
}

static void others_may_know_better(void **state)
{
    struct io_endpoint servers[2];
    struct asked asked;

    servers[0] = serve(failing_zones, 0);
    servers[1] = serve(zones, 0);
    start(&(struct dns_ares_options){servers, 2, .timeout_ms = 500, .tries = 2});
    asked = ask_one("plain.example", DNS_TYPE_A); /* SERVFAIL, then an answer */
    assert_int_equal(asked.rcode, DNS_RCODE_NOERROR);
    assert_int_equal(asked.answers, 1);
    asked = ask_one("fails.example", DNS_TYPE_A); /* REFUSED, then SERVFAIL */
    assert_int_equal(asked.outcome, DNS_FOUND);
    assert_int_equal(asked.rcode, DNS_RCODE_SERVFAIL);
    asked = ask_one("silent.example", DNS_TYPE_A); /* SERVFAIL, then nothing: SERVFAIL it is */
    assert_int_equal(asked.outcome, DNS_FOUND);
    assert_int_equal(asked.rcode, DNS_RCODE_SERVFAIL);
    asked = ask_one("nowhere.example", DNS_TYPE_A); /* NXDOMAIN is an answer */
    assert_int_equal(asked.rcode, DNS_RCODE_NXDOMAIN);
    assert_int_equal(questions_heard(0), 4);
    assert_int_equal(questions_heard(1), 3);
}

/* --- a crooked server ---------------------------------------------------------------------- */

enum crookedness {
    FORMERR_TO_EDNS,          /* as servers before EDNS do */
    FORMERR_WITH_OPT_TO_EDNS, /* as broken ones do */
    DEAF_TO_EDNS,             /* as some firewalls make them */
    DEAF,                     /* until it has heard 5,000: then it stops the loop */
    FORMERR_TO_ALL,
    HASTY,      /* answers and stops the loop */
    LIES_FIRST, /* other ids, another question, a short one, noise; then the truth, twice */
};

static struct crook {
    int fd;
    struct io_watch *watch;
    enum crookedness how;
    unsigned heard, heard_edns, duplicates;
    bool ids[65536];
} crook;

static void crook_send(const uint8_t *bytes, size_t len, const struct sockaddr_in *to)
{
    (void)sendto(crook.fd, bytes, len, 0, (const struct sockaddr *)to, sizeof(*to));
}

static void crook_answer(const struct dns_header *header, const struct dns_question *question,
                         uint8_t rcode, bool opt, const struct sockaddr_in *to)
{
    struct dns_writer writer;
    struct ip ip = ip_v4(192, 0, 2, 9);
    uint8_t bytes[512];

    dns_writer_begin_answer(&writer, bytes, sizeof(bytes), header, question, rcode);
    if (rcode == DNS_RCODE_NOERROR)
        (void)dns_writer_ip(&writer, question->name, 60, &ip);
    if (opt)
        (void)dns_writer_opt(&writer, 4096);
    crook_send(bytes, dns_writer_end(&writer), to);
}

static void crook_lie(const struct dns_header *header, const struct dns_question *question,
                      const struct sockaddr_in *to)
{
    struct dns_header other_header = *header;
    struct dns_question other = *question;

    other_header.id ^= 0x0101;
    crook_answer(&other_header, question, DNS_RCODE_NXDOMAIN, false, to);
    (void)snprintf(other.name, sizeof(other.name), "other.example");
    crook_answer(header, &other, DNS_RCODE_NXDOMAIN, false, to);
    other = *question;
    other.type = DNS_TYPE_MX;
    crook_answer(header, &other, DNS_RCODE_NXDOMAIN, false, to);
    crook_send((const uint8_t *)"\0\0\201", 3, to);
    crook_send((const uint8_t *)"", 0, to);
    crook_answer(header, question, DNS_RCODE_NOERROR, false, to);
    crook_answer(header, question, DNS_RCODE_NXDOMAIN, false, to);
}

static void crook_hear(const uint8_t *bytes, size_t len, const struct sockaddr_in *from)
{
    struct dns_header header;
    struct dns_question question;
    bool edns = bytes[11] != 0;

    assert_int_equal(dns_query_read(bytes, len, &header, &question), 0);
    crook.heard++;
    crook.heard_edns += edns;
    crook.duplicates += crook.ids[header.id];
    crook.ids[header.id] = true;
    if (crook.how == DEAF && crook.heard == DEAF_UNTIL)
        io_loop_stop(rig.loop);
    if (crook.how == DEAF)
        return;
    if (crook.how == HASTY)
        io_loop_stop(rig.loop);
    if (crook.how == LIES_FIRST)
        crook_lie(&header, &question, from);
    else if (crook.how == FORMERR_TO_ALL || (edns && crook.how == FORMERR_TO_EDNS))
        crook_answer(&header, &question, DNS_RCODE_FORMERR, false, from);
    else if (edns && crook.how == FORMERR_WITH_OPT_TO_EDNS)
        crook_answer(&header, &question, DNS_RCODE_FORMERR, true, from);
    else if (!edns || crook.how != DEAF_TO_EDNS)
        crook_answer(&header, &question, DNS_RCODE_NOERROR, false, from);
}

static void crook_ready(void *user, unsigned events)
{
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    uint8_t bytes[1024];
    ssize_t len;

    while ((len = recvfrom(crook.fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from,
                           &from_len)) > 0)
        crook_hear(bytes, (size_t)len, &from);
}

static struct io_endpoint crook_start(enum crookedness how)
{
    struct io_endpoint at;

    memset(&crook, 0, sizeof(crook));
    crook.how = how;
    crook.fd = socket_open(&at);
    assert_int_equal(
        io_watch_start(rig.loop, crook.fd, IO_READABLE, crook_ready, NULL, &crook.watch), 0);
    return at;
}

static void crook_stop(void)
{
    if (crook.watch == NULL)
        return;
    io_watch_stop(crook.watch);
    (void)close(crook.fd);
    crook.watch = NULL;
}

static int teardown_crook(void **state)
{
    crook_stop();
    return teardown(state);
}

static void servers_without_edns_are_found_out(void **state)
{
    static const struct {
        enum crookedness how;
        unsigned heard_edns_max;
        uint64_t timeouts_max;
    } rows[] = {
        {FORMERR_TO_EDNS, 2, 0}, /* c-ares mends the first by itself and does not say so */
        {FORMERR_WITH_OPT_TO_EDNS, 1, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct io_endpoint server = crook_start(rows[i].how);

        start(&(struct dns_ares_options){&server, 1, .timeout_ms = 5000});
        for (int n = 0; n < 10; n++) {
            struct asked asked = ask_one("plain.example", DNS_TYPE_A);

            assert_int_equal(asked.outcome, DNS_FOUND);
            assert_int_equal(asked.rcode, DNS_RCODE_NOERROR);
            assert_int_equal(asked.answers, 1);
        }
        assert_true(crook.heard_edns <= rows[i].heard_edns_max);
        assert_int_equal(counts().timeouts, rows[i].timeouts_max);
        dns_transport_free(rig.transport);
        rig.transport = NULL;
        crook_stop();
    }
}

static void the_last_try_is_plain(void **state)
{
    struct io_endpoint server = crook_start(DEAF_TO_EDNS);
    struct asked asked;

    start(&(struct dns_ares_options){&server, 1, .timeout_ms = 400, .tries = 3});
    asked = ask_one("plain.example", DNS_TYPE_A);
    assert_int_equal(asked.outcome, DNS_FOUND);
    assert_int_equal(asked.answers, 1);
    assert_int_equal(crook.heard_edns, 2);
    assert_int_equal(crook.heard, 3);
}

static void formerr_to_everything_is_an_answer(void **state)
{
    struct io_endpoint server = crook_start(FORMERR_TO_ALL);

    start(&(struct dns_ares_options){&server, 1, .timeout_ms = 5000});
    for (int i = 0; i < 3; i++) {
        struct asked asked = ask_one("plain.example", DNS_TYPE_A);

        assert_int_equal(asked.outcome, DNS_FOUND);
        assert_int_equal(asked.rcode, DNS_RCODE_FORMERR);
    }
    assert_true(crook.heard <= 7); /* two each, and one that c-ares adds once */
}

static void lies_are_dropped(void **state)
{
    struct io_endpoint server = crook_start(LIES_FIRST);

    start(&(struct dns_ares_options){&server, 1, .timeout_ms = 5000});
    for (int i = 0; i < 20; i++) {
        struct asked asked = ask_one("plain.example", DNS_TYPE_A);
        struct ip truth = ip_v4(192, 0, 2, 9);

        assert_int_equal(asked.rcode, DNS_RCODE_NOERROR);
        assert_true(ip_equal(&asked.ip, &truth));
    }
}

/* Held up for longer than the time-out, with the answer there: it counts. */
static void answers_that_waited_for_us_count(void **state)
{
    struct io_endpoint server = crook_start(HASTY);
    struct asked asked = {0};

    start(&(struct dns_ares_options){&server, 1, .timeout_ms = 300});
    ask("plain.example", DNS_TYPE_A, &asked);
    io_loop_run(rig.loop); /* until the crook has answered */
    assert_int_equal(crook.heard, 1);
    (void)usleep(500000);
    (void)wait_all();
    assert_int_equal(asked.outcome, DNS_FOUND);
    assert_int_equal(counts().timeouts, 0);
}

/* c-ares compares its own ids byte-swapped and had 271 pairs among 5,000. */
static void ids_under_way_are_unique(void **state)
{
    enum {
        COUNT = DEAF_UNTIL
    };
    struct asked *asked = memory_zalloc(COUNT, sizeof(*asked));
    struct io_endpoint server = crook_start(DEAF);

    assert_non_null(asked);
    start(&(struct dns_ares_options){&server, 1, .timeout_ms = 3000, .tries = 2,
                                     .max_outstanding = COUNT});
    for (unsigned i = 0; i < COUNT; i++)
        ask("plain.example", DNS_TYPE_A, &asked[i]);
    assert_int_equal(io_timer_start(&rig.patience, io_now_ms(rig.loop) + GIVE_UP_MS), 0);
    io_loop_run(rig.loop); /* until the crook has heard them all */
    assert_int_equal(crook.heard, COUNT);
    assert_int_equal(crook.duplicates, 0);
    dns_transport_free(rig.transport);
    rig.transport = NULL;
    assert_int_equal(rig.calls, COUNT);
    memory_free(asked);
}

/* --- the end, and the edges ---------------------------------------------------------------- */

static void freeing_ends_everything(void **state)
{
    struct asked asked[20] = {0};
    struct io_endpoint server = serve(zones, 0);

    start(&(struct dns_ares_options){&server, 1, .max_outstanding = 7});
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        ask(i % 2 == 0 ? "silent.example" : "cut.example", DNS_TYPE_MX, &asked[i]);
    dns_transport_free(rig.transport);
    rig.transport = NULL;
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        assert_int_equal(asked[i].calls, 1);
        assert_int_equal(asked[i].outcome, DNS_TIMEOUT);
    }
}

static unsigned refused, told;

static void ask_while_closing(void *user, enum dns_outcome outcome, const uint8_t *bytes,
                              size_t len)
{
    told++;
    if (dns_transport_ask(user, "plain.example", DNS_TYPE_A, ask_while_closing, user) == ERROR_BUSY)
        refused++;
}

static void asking_while_it_is_freed_is_refused(void **state)
{
    struct io_endpoint server = serve(zones, 0);

    refused = told = 0;
    start(&(struct dns_ares_options){&server, 1, .max_outstanding = 2});
    for (int i = 0; i < 5; i++)
        assert_int_equal(dns_transport_ask(rig.transport, "silent.example", DNS_TYPE_A,
                                           ask_while_closing, rig.transport),
                         0);
    dns_transport_free(rig.transport);
    rig.transport = NULL;
    assert_int_equal(told, 5);
    assert_int_equal(refused, 5);
}

static void free_inside(void *user, enum dns_outcome outcome, const uint8_t *bytes, size_t len)
{
    if (++*(unsigned *)user == 1) {
        dns_transport_free(rig.transport);
        rig.transport = NULL;
        io_loop_stop(rig.loop);
    }
}

static void it_may_be_freed_by_what_it_calls(void **state)
{
    static const char *const names[] = {"plain.example", "cut.example", "silent.example"};
    struct io_endpoint server = serve(zones, 0);

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        unsigned calls = 0;

        start(&(struct dns_ares_options){&server, 1, .timeout_ms = 100, .tries = 1,
                                         .max_outstanding = 3});
        for (int n = 0; n < 6; n++)
            assert_int_equal(
                dns_transport_ask(rig.transport, names[i], DNS_TYPE_MX, free_inside, &calls), 0);
        io_loop_run(rig.loop);
        assert_null(rig.transport);
        assert_int_equal(calls, 6);
    }
}

static void ask_the_next(void *user, enum dns_outcome outcome, const uint8_t *bytes, size_t len)
{
    unsigned *left = user;

    assert_false(rig.asking);
    assert_int_equal(outcome, DNS_FOUND);
    if (--*left == 0) {
        io_loop_stop(rig.loop);
        return;
    }
    rig.asking = true;
    assert_int_equal(dns_transport_ask(rig.transport, "plain.example",
                                       *left % 3 == 0 ? DNS_TYPE_MX : DNS_TYPE_A, ask_the_next,
                                       left),
                     0);
    rig.asking = false;
}

static void callbacks_may_ask(void **state)
{
    struct io_endpoint server = serve(zones, 0);
    unsigned left = 1000;

    start(&(struct dns_ares_options){&server, 1, .max_outstanding = 1});
    assert_int_equal(
        dns_transport_ask(rig.transport, "cut.example", DNS_TYPE_MX, ask_the_next, &left), 0);
    io_loop_run(rig.loop);
    assert_int_equal(left, 0);
}

static void want_of_memory_is_told_at_once(void **state)
{
    struct io_endpoint server = serve(zones, 0);
    struct asked asked = {0};

    memory_fail_after(0);
    assert_null(dns_ares_transport_new(rig.loop, &(struct dns_ares_options){&server, 1}, NULL));
    memory_fail_after(-1);
    start(&(struct dns_ares_options){&server, 1});
    for (int n = 0; n < 2; n++) {
        memory_fail_after(n);
        if (dns_transport_ask(rig.transport, "plain.example", DNS_TYPE_A, on_answer, &asked) == 0)
            rig.wanted++;
        memory_fail_after(-1);
    }
    (void)wait_all();
    assert_int_equal(asked.calls, rig.wanted);
    asked = ask_one("plain.example", DNS_TYPE_A);
    assert_int_equal(asked.answers, 1);
}

static void nonsense_is_refused(void **state)
{
    struct io_endpoint servers[DNS_ARES_SERVERS_MAX + 1] = {{.ip.family = 4}};
    struct error error = {0};

    assert_null(dns_ares_transport_new(
        rig.loop, &(struct dns_ares_options){servers, ARRAY_LEN(servers)}, &error));
    assert_int_equal(error.code, ERROR_RANGE);
    assert_null(dns_ares_transport_new(
        rig.loop,
        &(struct dns_ares_options){servers, 1, .max_outstanding = DNS_ARES_OUTSTANDING_MAX + 1},
        &error));
    assert_int_equal(error.code, ERROR_RANGE);
    start(&(struct dns_ares_options){0}); /* those of the system */
    assert_int_equal(dns_transport_ask(rig.transport, "a..b", DNS_TYPE_A, on_answer, NULL),
                     ERROR_RANGE);
    assert_int_equal(dns_transport_ask(rig.transport, "192.0.2.1", DNS_TYPE_A, on_answer, NULL),
                     ERROR_RANGE);
    assert_int_equal(dns_transport_ask(rig.transport, "a\nb.example", DNS_TYPE_A, on_answer, NULL),
                     ERROR_RANGE);
}

static void ipv6_servers_are_asked_too(void **state)
{
    struct io_endpoint at = {.ip = {.family = 6}};
    struct lab_scenario *scenario = lab_scenario_parse(slice_from_string(zones), NULL);
    struct lab_world *world = lab_world_new(rig.loop, scenario, 25, 1, NULL);
    struct asked asked;

    at.ip.bytes[15] = 1;
    rig.scenarios[0] = scenario;
    rig.worlds[rig.world_count++] = world;
    if (lab_world_serve_dns(world, &at, NULL) < 0) {
        print_message("no IPv6 on this machine\n");
        skip();
    }
    at = lab_world_dns_endpoint(world);
    start(&(struct dns_ares_options){&at, 1, .timeout_ms = 1000});
    asked = ask_one("cut.example", DNS_TYPE_MX);
    assert_int_equal(asked.answers, 1);
}

#define TEST(function)       cmocka_unit_test_setup_teardown(function, setup, teardown)
#define TEST_CROOK(function) cmocka_unit_test_setup_teardown(function, setup, teardown_crook)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(outcomes_are_kept_apart),
        TEST(long_answers_come_by_tcp),
        TEST(longer_answers_come_by_udp),
        TEST(nothing_is_lost_of_five_thousand),
        TEST(more_than_the_cap_wait),
        TEST(a_dead_first_server_is_remembered),
        TEST(a_wave_pays_for_a_dead_server_once),
        TEST(refusing_servers_cost_nothing),
        TEST(nobody_there_is_unreachable),
        TEST(a_silent_and_a_refusing_server_time_out),
        TEST(others_may_know_better),
        TEST_CROOK(servers_without_edns_are_found_out),
        TEST_CROOK(the_last_try_is_plain),
        TEST_CROOK(formerr_to_everything_is_an_answer),
        TEST_CROOK(lies_are_dropped),
        TEST_CROOK(answers_that_waited_for_us_count),
        TEST_CROOK(ids_under_way_are_unique),
        TEST(freeing_ends_everything),
        TEST(asking_while_it_is_freed_is_refused),
        TEST(it_may_be_freed_by_what_it_calls),
        TEST(callbacks_may_ask),
        TEST(want_of_memory_is_told_at_once),
        TEST(nonsense_is_refused),
        TEST(ipv6_servers_are_asked_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
