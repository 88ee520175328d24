/* Our loop inside a foreign one, here poll(2): nothing is missed, and nothing spins. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <poll.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/uv_loop.h"

#define ROUNDS       200
#define PATIENCE_MS  5000
#define WAITS_A_PASS 20 /* far more than a connection needs; a loop that spins takes thousands */

struct party {
    struct io_loop *loop;
    struct io_endpoint at;
    struct io_stream *client, *server;
    enum io_close_reason reason;
    unsigned accepted, connected, closed;
    unsigned timer_fired;
};

static void connect_again(struct party *party);

static void client_connected(void *user)
{
    struct party *party = user;

    party->connected++;
}

static void client_closed(void *user, enum io_close_reason reason, const char *detail)
{
    struct party *party = user;

    party->closed++;
    party->client = NULL;
    if (party->closed < ROUNDS)
        connect_again(party); /* what is watched changes inside a callback */
}

static void connect_again(struct party *party)
{
    static const struct io_stream_events events = {.connected = client_connected,
                                                   .closed = client_closed};

    assert_int_equal(io_connect(party->loop, &(struct io_endpoint){0}, &party->at, &events, party,
                                &party->client, NULL),
                     0);
}

static void accepted(void *user, struct io_stream *stream)
{
    struct party *party = user;

    party->accepted++;
    io_stream_close(stream);
}

static void timer_fired(struct io_timer *timer)
{
    ((struct party *)timer->user)->timer_fired++;
}

/* One pass of the foreign loop; how long it slept does not matter, that it woke up does. */
static void pass(struct io_loop *loop)
{
    struct pollfd watched = {.fd = io_uv_loop_descriptor(loop), .events = POLLIN};
    int wait_ms = io_uv_loop_wait_ms(loop);

    if (wait_ms < 0 || wait_ms > PATIENCE_MS)
        wait_ms = PATIENCE_MS;
    if (poll(&watched, 1, wait_ms) == 0 && wait_ms == PATIENCE_MS)
        fail_msg("nothing woke the foreign loop");
    io_uv_loop_turn(loop);
}

static void foreign_loop_misses_nothing(void **state)
{
    struct party party = {.loop = io_uv_loop_new(NULL)};
    const struct io_endpoint any_port = {.ip = ip_v4(127, 0, 0, 1)};
    struct io_listener *listener;
    unsigned passes = 0;

    assert_non_null(party.loop);
    assert_int_equal(io_listen(party.loop, &any_port, accepted, &party, &listener, NULL), 0);
    party.at = io_listener_endpoint(listener);
    connect_again(&party);
    io_uv_loop_turn(party.loop);
    while (party.closed < ROUNDS) {
        pass(party.loop);
        passes++;
    }
    assert_int_equal(party.connected, ROUNDS);
    assert_int_equal(party.accepted, ROUNDS);
    assert_true(passes < ROUNDS * WAITS_A_PASS);
    io_listener_close(listener);
    io_loop_free(party.loop);
}

static void waits_for_the_next_timer(void **state)
{
    struct party party = {.loop = io_uv_loop_new(NULL)};
    struct io_timer timer;

    assert_non_null(party.loop);
    io_uv_loop_turn(party.loop);
    assert_int_equal(io_uv_loop_wait_ms(party.loop), -1); /* nothing to wait for */
    io_timer_init(party.loop, &timer, timer_fired, &party);
    usleep(30000); /* the loop was not run for a while: its clock is old */
    io_uv_loop_update_time(party.loop);
    assert_int_equal(io_timer_start(&timer, io_now_ms(party.loop) + 200), 0);
    io_uv_loop_turn(party.loop);
    assert_in_range(io_uv_loop_wait_ms(party.loop), 1, 200);
    assert_int_equal(party.timer_fired, 0);
    while (party.timer_fired == 0)
        pass(party.loop);
    io_loop_free(party.loop);
}

static void kept(void *user, struct io_stream *stream)
{
    static const struct io_stream_events events = {.closed = client_closed};
    struct party *party = user;

    party->accepted++;
    party->server = stream;
    io_stream_set_events(stream, &events, party);
}

static void told_of_end(void *user, enum io_close_reason reason, const char *detail)
{
    struct party *party = user;

    party->closed++;
    party->client = NULL;
    party->reason = reason;
}

static void a_paused_stream_without_a_peer_lets_the_loop_sleep(void **state)
{
    static const struct io_stream_events events = {.connected = client_connected,
                                                   .closed = told_of_end};
    struct party party = {.loop = io_uv_loop_new(NULL)};
    const struct io_endpoint any_port = {.ip = ip_v4(127, 0, 0, 1)};
    struct io_listener *listener;
    unsigned woken = 0;

    assert_non_null(party.loop);
    assert_int_equal(io_listen(party.loop, &any_port, kept, &party, &listener, NULL), 0);
    party.at = io_listener_endpoint(listener);
    assert_int_equal(io_connect(party.loop, NULL, &party.at, &events, &party, &party.client, NULL),
                     0);
    io_uv_loop_turn(party.loop);
    while (party.connected == 0 || party.accepted == 0)
        pass(party.loop);
    io_stream_pause(party.client, true);
    io_stream_reset(party.server);
    for (unsigned i = 0; i < WAITS_A_PASS; i++) {
        struct pollfd watched = {.fd = io_uv_loop_descriptor(party.loop), .events = POLLIN};

        io_uv_loop_turn(party.loop);
        woken += poll(&watched, 1, 5) > 0;
    }
    assert_in_range(woken, 0, 2);
    assert_int_equal(party.closed, 0);
    io_stream_pause(party.client, false);
    io_uv_loop_turn(party.loop);
    while (party.closed == 0)
        pass(party.loop);
    assert_int_equal(party.reason, IO_CLOSED_RESET);
    io_listener_close(listener);
    io_loop_free(party.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_loop_misses_nothing),
        cmocka_unit_test(waits_for_the_next_timer),
        cmocka_unit_test(a_paused_stream_without_a_peer_lets_the_loop_sleep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
