/*
 * SOCKS5 against a proxy that is played here, on real loopback sockets: its answers come whole or
 * byte by byte, with the server's first words behind them, or are refusals, or nonsense.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/check.h"
#include "io/socks.h"
#include "io/uv_loop.h"

#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

struct turn {
    struct slice heard, said; /* the client's words that are waited for, and the answer */
};

static const struct turn granted[] = {
    {BYTES("\x05\x01\x00"), BYTES("\x05\x00")},
    {BYTES("\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x19"),
     BYTES("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
           "220 mx.example.org\r\n")},
    {{NULL, 0}, {NULL, 0}},
};
static const struct turn granted_with_login[] = {
    {BYTES("\x05\x02\x00\x02"), BYTES("\x05\x02")},
    {BYTES("\x01\x03who\x06secret"), BYTES("\x01\x00")},
    {BYTES("\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x19"), BYTES("\x05\x00\x00\x03\x05proxy\x00\x00"
                                                              "220 mx.example.org\r\n")},
    {{NULL, 0}, {NULL, 0}},
};
static const struct turn login_refused[] = {
    {BYTES("\x05\x02\x00\x02"), BYTES("\x05\x02")},
    {BYTES("\x01\x03who\x06secret"), BYTES("\x01\x01")},
    {{NULL, 0}, {NULL, 0}},
};
static const struct turn login_wanted[] = {
    {BYTES("\x05\x01\x00"), BYTES("\x05\xff")},
    {{NULL, 0}, {NULL, 0}},
};
static const struct turn refused[] = {
    {BYTES("\x05\x01\x00"), BYTES("\x05\x00")},
    {BYTES("\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x19"),
     BYTES("\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00")},
    {{NULL, 0}, {NULL, 0}},
};
static const struct turn unreachable[] = {
    {BYTES("\x05\x01\x00"), BYTES("\x05\x00")},
    {BYTES("\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x19"), BYTES("\x05\x04\x00\x01")},
    {{NULL, 0}, {NULL, 0}},
};
static const struct turn no_proxy[] = {
    {BYTES("\x05\x01\x00"), BYTES("220 I am a mail server\r\n")},
    {{NULL, 0}, {NULL, 0}},
};
static const struct turn odd_address[] = {
    {BYTES("\x05\x01\x00"), BYTES("\x05\x00")},
    {BYTES("\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x19"), BYTES("\x05\x00\x00\x09\x00")},
    {{NULL, 0}, {NULL, 0}},
};

static const struct {
    const char *name;
    const struct turn *turns;
    bool has_login, connects;
    enum io_close_reason reason;
    const char *detail;
} cases[] = {
    {"granted", granted, false, true, 0, ""},
    {"granted with a login", granted_with_login, true, true, 0, ""},
    {"login refused", login_refused, true, false, IO_CLOSED_ERROR, "refused user and password"},
    {"login wanted", login_wanted, false, false, IO_CLOSED_ERROR, "wants a user"},
    {"refused", refused, false, false, IO_CLOSED_REFUSED, "connection refused"},
    {"unreachable", unreachable, false, false, IO_CLOSED_UNREACHABLE, "host unreachable"},
    {"no proxy", no_proxy, false, false, IO_CLOSED_ERROR, "no SOCKS5 proxy"},
    {"an odd address", odd_address, false, false, IO_CLOSED_ERROR, "no SOCKS5 proxy"},
};

static struct {
    struct io_loop *loop;
    struct io_listener *listener;
    struct io_stream *proxy, *client; /* NULL: closed */
    struct io_socks *socks;
    const struct turn *turn;
    struct buffer heard, got;
    size_t piece; /* octets a write of the proxy's */
    unsigned connected, closed;
    enum io_close_reason reason;
    char detail[160];
    bool closes_when_connected;
    struct io_timer watchdog;
} world;

static void stop(void)
{
    io_loop_stop(world.loop);
}

/* --- the proxy -------------------------------------------------------------------------------- */

static void proxy_received(void *user, const char *bytes, size_t len)
{
    (void)user;
    buffer_append(&world.heard, bytes, len);
    while (world.turn->heard.len > 0 && world.heard.len >= world.turn->heard.len) {
        struct slice said = world.turn->said;

        assert_true(slice_equal(buffer_slice(&world.heard), world.turn->heard));
        buffer_clear(&world.heard);
        for (size_t at = 0; at < said.len; at += world.piece)
            assert_int_equal(
                io_stream_write(world.proxy, said.ptr + at,
                                said.len - at < world.piece ? said.len - at : world.piece),
                0);
        world.turn++;
    }
}

static void proxy_closed(void *user, enum io_close_reason reason, const char *detail)
{
    (void)user;
    (void)reason;
    (void)detail;
    world.proxy = NULL;
    stop();
}

static const struct io_stream_events proxy_events = {.received = proxy_received,
                                                     .closed = proxy_closed};

static void accepted(void *user, struct io_stream *stream)
{
    (void)user;
    world.proxy = stream;
    io_stream_set_events(stream, &proxy_events, NULL);
}

/* --- the client ------------------------------------------------------------------------------- */

static void let_go(void)
{
    io_socks_free(world.socks);
    world.socks = NULL;
}

static void client_connected(void *user)
{
    (void)user;
    world.connected++;
    if (world.closes_when_connected) {
        let_go();
        io_stream_close(world.client);
        world.client = NULL;
    }
}

static void client_received(void *user, const char *bytes, size_t len)
{
    (void)user;
    assert_int_equal(world.connected, 1);
    assert_non_null(world.client);
    let_go();
    buffer_append(&world.got, bytes, len);
    if (slice_ends_with(buffer_slice(&world.got), SLICE("\r\n"))) {
        io_stream_close(world.client);
        world.client = NULL;
    }
}

static void client_closed(void *user, enum io_close_reason reason, const char *detail)
{
    (void)user;
    world.closed++;
    world.client = NULL;
    world.reason = reason;
    snprintf(world.detail, sizeof(world.detail), "%s", detail);
    let_go();
    if (world.proxy == NULL)
        stop();
}

static const struct io_stream_events client_events = {
    .connected = client_connected, .received = client_received, .closed = client_closed};

static void too_long(struct io_timer *timer)
{
    (void)timer;
    fail_msg("nothing happened for five seconds");
}

static struct io_endpoint begin(const struct turn *turns, size_t piece)
{
    const struct io_endpoint at = {.ip = {4, {127, 0, 0, 1}}};
    struct error error = {0};

    memset(&world, 0, sizeof(world));
    world.loop = io_uv_loop_new(&error);
    assert_non_null(world.loop);
    world.turn = turns;
    world.piece = piece;
    buffer_init(&world.heard, 0);
    buffer_init(&world.got, 0);
    assert_int_equal(io_listen(world.loop, &at, accepted, NULL, &world.listener, &error), 0);
    io_timer_init(world.loop, &world.watchdog, too_long, NULL);
    assert_int_equal(io_timer_start(&world.watchdog, io_now_ms(world.loop) + 5000), 0);
    return io_listener_endpoint(world.listener);
}

static void ask(const struct io_socks_proxy *proxy)
{
    const struct io_endpoint to = {.ip = {4, {192, 0, 2, 7}}, .port = 25}, from = {.port = 0};

    assert_int_equal(io_socks_connect(world.loop, &from, proxy, &to, &client_events, NULL,
                                      &world.socks, &world.client, NULL),
                     0);
    io_loop_run(world.loop);
}

static void end(void)
{
    io_timer_stop(&world.watchdog);
    assert_null(world.client);
    assert_null(world.socks);
    if (world.proxy != NULL)
        io_stream_close(world.proxy);
    io_listener_close(world.listener);
    io_loop_free(world.loop);
    buffer_done(&world.heard);
    buffer_done(&world.got);
}

static void every_answer_is_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece <= 64; piece *= 8) {
            struct io_socks_proxy proxy = {.at = begin(cases[i].turns, piece)};

            if (cases[i].has_login) {
                proxy.user = "who";
                proxy.password = "secret";
            }
            print_message("%s, %zu octets at a time\n", cases[i].name, piece);
            ask(&proxy);
            assert_int_equal(world.connected, cases[i].connects);
            assert_int_equal(world.closed, !cases[i].connects);
            if (cases[i].connects) {
                assert_true(slice_equal(buffer_slice(&world.got), SLICE("220 mx.example.org\r\n")));
            } else {
                assert_int_equal(world.reason, cases[i].reason);
                assert_non_null(strstr(world.detail, cases[i].detail));
            }
            end();
        }
}

/* The owner may close from inside `connected`, with words of the server's still to be told. */
static void the_owner_may_close_at_once(void **state)
{
    struct io_socks_proxy proxy = {.at = begin(granted, 64)};

    (void)state;
    world.closes_when_connected = true;
    ask(&proxy);
    assert_int_equal(world.connected, 1);
    assert_int_equal(world.got.len, 0);
    end();
}

static void a_proxy_that_is_not_there_is_said(void **state)
{
    struct io_socks_proxy proxy = {.at = begin(granted, 1)};

    (void)state;
    io_listener_close(world.listener);
    world.listener = NULL;
    ask(&proxy);
    assert_int_equal(world.closed, 1);
    assert_int_equal(world.reason, IO_CLOSED_ERROR);
    assert_non_null(strstr(world.detail, "proxy can't be reached"));
    assert_null(world.socks);
    io_timer_stop(&world.watchdog);
    io_loop_free(world.loop);
    buffer_done(&world.heard);
    buffer_done(&world.got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_is_understood),
        cmocka_unit_test(the_owner_may_close_at_once),
        cmocka_unit_test(a_proxy_that_is_not_there_is_said),
    };

    return cmocka_run_group_tests_name("io/socks", tests, NULL, NULL);
}
