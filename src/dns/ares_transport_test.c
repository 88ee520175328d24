/* The transport on the real loop, against the lab's DNS server. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/ares_rig.h"

#define LATE_MAX 8 /* time-outs where three are due: the servers share our thread and may stall */

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
