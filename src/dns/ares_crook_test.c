/* The transport against a server made here, which does what no sane server does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/ares_rig.h"
#include "dns/writer.h"

#define DEAF_UNTIL 5000

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

#define TEST_CROOK(function) cmocka_unit_test_setup_teardown(function, setup, teardown_crook)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST_CROOK(servers_without_edns_are_found_out), TEST_CROOK(the_last_try_is_plain),
        TEST_CROOK(formerr_to_everything_is_an_answer), TEST_CROOK(lies_are_dropped),
        TEST_CROOK(answers_that_waited_for_us_count),   TEST_CROOK(ids_under_way_are_unique),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
