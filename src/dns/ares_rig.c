#include "dns/ares_rig.h"

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

#include "io/uv_loop.h"

struct ares_rig rig;

const char zones[] = "domain plain.example\n  mx 10 mx.plain.example\n  a 192.0.2.1\n"
                     "domain fails.example\n  fault servfail\n"
                     "domain refuses.example\n  fault refused\n"
                     "domain unknowing.example\n  fault notimp\n"
                     "domain silent.example\n  fault timeout\n"
                     "domain bogus.example\n  fault garbage\n"
                     "domain cut.example\n  fault truncate\n  mx 1 mx.plain.example\n"
                     "domain slow.example\n  slow 100ms\n  a 192.0.2.2\n"
                     "domain *.many.example\n  slow 1500ms\n  a 192.0.2.3\n"
                     "domain *.quick.example\n  a 192.0.2.4\n";

const char failing_zones[] = "domain plain.example\n  fault servfail\n"
                             "domain fails.example\n  fault refused\n"
                             "domain silent.example\n  fault servfail\n";

static void out_of_patience(struct io_timer *timer)
{
    print_error("%u of %u answers after %u ms\n", rig.calls, rig.wanted, GIVE_UP_MS);
    io_loop_stop(rig.loop);
}

int setup(void **state)
{
    memset(&rig, 0, sizeof(rig));
    rig.loop = io_uv_loop_new(NULL);
    io_timer_init(rig.loop, &rig.patience, out_of_patience, NULL);
    return rig.loop == NULL;
}

int teardown(void **state)
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

struct io_endpoint loopback(uint16_t port)
{
    return (struct io_endpoint){.ip = ip_v4(127, 0, 0, 1), .port = port};
}

struct io_endpoint serve(const char *text, uint16_t port)
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

uint64_t questions_heard(size_t world)
{
    struct lab_counts counts;

    lab_world_counts(rig.worlds[world], &counts);
    return counts.questions;
}

int socket_open(struct io_endpoint *ret_at)
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

int socket_open_for_later(struct io_endpoint *ret_at, int *ret_tcp)
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

void start(const struct dns_ares_options *options)
{
    struct error error = {0};

    rig.transport = dns_ares_transport_new(rig.loop, options, &error);
    if (rig.transport == NULL)
        print_error("%s\n", error.message);
    assert_non_null(rig.transport);
}

void on_answer(void *user, enum dns_outcome outcome, const uint8_t *bytes, size_t len)
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

void ask(const char *name, uint16_t type, struct asked *asked)
{
    rig.wanted++;
    rig.asking = true;
    assert_int_equal(dns_transport_ask(rig.transport, name, type, on_answer, asked), 0);
    rig.asking = false;
}

uint64_t wait_all(void)
{
    uint64_t began = io_now_ms(rig.loop);

    assert_int_equal(io_timer_start(&rig.patience, began + GIVE_UP_MS), 0);
    if (rig.calls < rig.wanted)
        io_loop_run(rig.loop);
    io_timer_stop(&rig.patience);
    assert_int_equal(rig.calls, rig.wanted);
    return io_now_ms(rig.loop) - began;
}

struct asked ask_one(const char *name, uint16_t type)
{
    struct asked asked = {0};

    ask(name, type, &asked);
    (void)wait_all();
    assert_int_equal(asked.calls, 1);
    return asked;
}

struct dns_ares_counts counts(void)
{
    struct dns_ares_counts ret;

    dns_ares_transport_counts(rig.transport, &ret);
    return ret;
}
