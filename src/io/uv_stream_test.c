/* Streams on real loopback sockets, in clear and in TLS. Every test ends with nothing left open. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "io/uv_loop.h"

/* One end of a connection, and what happened to it. */
struct end {
    struct io_stream *stream; /* NULL once closed */
    struct buffer got;
    unsigned connected, secured, closed;
    enum io_close_reason reason;
    char detail[128];
    struct io_tls_facts facts;
    void (*on_connected)(struct end *end);
    void (*on_received)(struct end *end);
    void (*on_secured)(struct end *end);
    void (*on_closed)(struct end *end);
};

struct world {
    struct io_loop *loop;
    struct io_listener *listener;
    struct io_endpoint at;
    struct end client, server;
    struct io_timer watchdog;
    bool inside; /* a call that must not call back */
    unsigned accepted;
};

static struct world world;

static void end_connected(void *user)
{
    struct end *end = user;

    assert_false(world.inside);
    end->connected++;
    if (end->on_connected != NULL)
        end->on_connected(end);
}

static void end_received(void *user, const char *bytes, size_t len)
{
    struct end *end = user;

    assert_false(world.inside);
    assert_non_null(end->stream);
    assert_true(buffer_append(&end->got, bytes, len));
    if (end->on_received != NULL)
        end->on_received(end);
}

static void end_secured(void *user, const struct io_tls_facts *facts)
{
    struct end *end = user;

    end->secured++;
    end->facts = *facts;
    if (end->on_secured != NULL)
        end->on_secured(end);
}

static void end_closed(void *user, enum io_close_reason reason, const char *detail)
{
    struct end *end = user;

    assert_false(world.inside);
    end->stream = NULL;
    end->closed++;
    end->reason = reason;
    snprintf(end->detail, sizeof(end->detail), "%s", detail);
    if (end->on_closed != NULL)
        end->on_closed(end);
}

static const struct io_stream_events end_events = {end_connected, end_received, end_secured,
                                                   end_closed};

static void end_close(struct end *end)
{
    if (end->stream != NULL)
        io_stream_close(end->stream);
    end->stream = NULL;
}

static void server_accepted(void *user, struct io_stream *stream)
{
    world.accepted++;
    if (world.server.stream != NULL) { /* only one at a time */
        io_stream_close(stream);
        return;
    }
    world.server.stream = stream;
    io_stream_set_events(stream, &end_events, &world.server);
    if (world.server.on_connected != NULL)
        world.server.on_connected(&world.server);
}

static void watchdog_barks(struct io_timer *timer)
{
    fail_msg("nothing happened for a minute");
}

static void stop(struct end *end)
{
    io_loop_stop(world.loop);
}

static void send_text(struct end *end, const char *text)
{
    assert_int_equal(io_stream_write(end->stream, text, strlen(text)), 0);
}

static int setup(void **state)
{
    const struct io_endpoint at = {.ip = ip_v4(127, 0, 0, 1)};

    memset(&world, 0, sizeof(world));
    world.loop = io_uv_loop_new(NULL);
    assert_non_null(world.loop);
    assert_int_equal(io_listen(world.loop, &at, server_accepted, NULL, &world.listener, NULL), 0);
    world.at = io_listener_endpoint(world.listener);
    assert_true(world.at.port != 0);
    buffer_init(&world.client.got, 0);
    buffer_init(&world.server.got, 0);
    io_timer_init(world.loop, &world.watchdog, watchdog_barks, NULL);
    io_timer_start(&world.watchdog, io_now_ms(world.loop) + 60000);
    return 0;
}

static int teardown(void **state)
{
    end_close(&world.client);
    end_close(&world.server);
    if (world.listener != NULL)
        io_listener_close(world.listener);
    io_timer_stop(&world.watchdog);
    io_loop_free(world.loop);
    buffer_done(&world.client.got);
    buffer_done(&world.server.got);
    return 0;
}

static int try_connect(const struct io_endpoint *from, const struct io_endpoint *to,
                       struct error *error)
{
    int rc;

    world.inside = true;
    rc = io_connect(world.loop, from, to, &end_events, &world.client, &world.client.stream, error);
    world.inside = false;
    return rc;
}

static void connect_client(void)
{
    assert_int_equal(try_connect(NULL, &world.at, NULL), 0);
}

static void turn_ends(struct io_timer *timer)
{
    io_loop_stop(timer->loop);
}

/* One turn of the loop, during which allocations may be made to fail. */
static void turn(bool failing)
{
    struct io_timer end;

    io_timer_init(world.loop, &end, turn_ends, NULL);
    assert_int_equal(io_timer_start(&end, 0), 0);
    if (failing)
        memory_fail_after(0);
    io_loop_run(world.loop);
    memory_fail_after(-1);
}

/* --- in clear ------------------------------------------------------------------------------ */

static void greet(struct end *end)
{
    send_text(end, "220 hi\r\n");
}

static void answer(struct end *end)
{
    if (slice_ends_with(buffer_slice(&end->got), SLICE("\r\n"))) {
        send_text(end, "221 bye\r\n");
        end_close(end);
    }
}

static void quit_when_greeted(struct end *end)
{
    if (slice_equal(buffer_slice(&end->got), SLICE("220 hi\r\n"))) {
        send_text(end, "QU");
        send_text(end, "IT\r\n");
    }
}

static void a_dialogue_ends_with_the_servers_last_words(void **state)
{
    world.server.on_connected = greet;
    world.server.on_received = answer;
    world.client.on_received = quit_when_greeted;
    world.client.on_closed = stop;
    connect_client();
    io_loop_run(world.loop);
    assert_int_equal(world.client.connected, 1);
    assert_int_equal(world.client.closed, 1);
    assert_int_equal(world.client.reason, IO_CLOSED_BY_PEER);
    assert_true(slice_equal(buffer_slice(&world.client.got), SLICE("220 hi\r\n221 bye\r\n")));
    assert_true(slice_equal(buffer_slice(&world.server.got), SLICE("QUIT\r\n")));
    assert_int_equal(world.server.closed, 0); /* it closed itself: no callback */
}

static void refuse(struct end *end)
{
    send_text(end, "554 no\r\n");
    end_close(end);
}

static void last_words_survive_unread_input(void **state)
{
    /* The server says 554 and closes while the client still pours: no reset may eat the 554. */
    static char flood[4 << 20];

    memset(flood, 'f', sizeof(flood));
    world.server.on_received = refuse;
    connect_client();
    assert_int_equal(io_stream_write(world.client.stream, flood, sizeof(flood)), 0);
    world.client.on_closed = stop;
    io_loop_run(world.loop);
    assert_true(slice_equal(buffer_slice(&world.client.got), SLICE("554 no\r\n")));
}

static void refused_and_unreachable(void **state)
{
    const struct io_endpoint nowhere = {.ip = ip_v4(255, 255, 255, 255), .port = 25};
    struct io_endpoint port = world.at;

    io_listener_close(world.listener);
    world.listener = NULL;
    world.client.on_closed = stop;
    assert_int_equal(try_connect(NULL, &port, NULL), 0);
    assert_non_null(world.client.stream);
    assert_int_equal(io_stream_write(world.client.stream, "x", 1), 0); /* waits, then is dropped */
    io_loop_run(world.loop);
    assert_int_equal(world.client.closed, 1);
    assert_int_equal(world.client.connected, 0);
    assert_int_equal(world.client.reason, IO_CLOSED_REFUSED);
    assert_string_equal(world.client.detail, "connection refused");
    /* The system refuses at once; we still tell later. */
    assert_int_equal(try_connect(NULL, &nowhere, NULL), 0);
    assert_int_equal(world.client.closed, 1);
    io_loop_run(world.loop);
    assert_int_equal(world.client.closed, 2);
    assert_int_equal(world.client.reason, IO_CLOSED_UNREACHABLE);
}

static void closing_while_connecting_is_silent(void **state)
{
    const struct io_endpoint nowhere = {.ip = ip_v4(255, 255, 255, 255), .port = 25};

    connect_client();
    end_close(&world.client);
    assert_int_equal(try_connect(NULL, &nowhere, NULL), 0);
    end_close(&world.client);
    connect_client();
    io_stream_reset(world.client.stream);
    world.client.stream = NULL;
    io_listener_close(world.listener);
    world.listener = NULL;
    io_timer_stop(&world.watchdog);
    io_loop_run(world.loop); /* ends: nothing is left */
    assert_int_equal(world.client.connected + world.client.closed, 0);
}

static void source_addresses_are_bound(void **state)
{
    const struct io_endpoint ours = {.ip = ip_v4(127, 0, 0, 9)};
    const struct io_endpoint not_ours = {.ip = ip_v4(203, 0, 113, 9)};
    struct error error = {0};
    struct io_endpoint peer;
    char text[IP_TEXT_SIZE];

    assert_int_equal(try_connect(&not_ours, &world.at, &error), ERROR_IO);
    assert_non_null(strstr(error.message, "203.0.113.9"));
    assert_null(world.client.stream);
    world.server.on_connected = stop;
    assert_int_equal(try_connect(&ours, &world.at, NULL), 0);
    io_loop_run(world.loop);
    peer = io_stream_peer(world.server.stream);
    assert_string_equal(ip_format(&peer.ip, text), "127.0.0.9");
    peer = io_stream_peer(world.client.stream);
    assert_int_equal(peer.port, world.at.port);
}

static void addresses_of_version_6_work(void **state)
{
    struct io_endpoint at = {0};
    struct io_listener *listener;

    assert_true(ip_parse(SLICE("::1"), &at.ip));
    if (io_listen(world.loop, &at, server_accepted, NULL, &listener, NULL) != 0)
        return; /* a machine without IPv6 */
    at = io_listener_endpoint(listener);
    assert_int_equal(at.ip.family, 6);
    world.server.on_connected = greet;
    world.client.on_received = stop;
    assert_int_equal(try_connect(NULL, &at, NULL), 0);
    io_loop_run(world.loop);
    assert_true(slice_equal(buffer_slice(&world.client.got), SLICE("220 hi\r\n")));
    assert_int_equal(io_stream_peer(world.server.stream).ip.family, 6);
    io_listener_close(listener);
}

#define BIG (4u << 20) /* more than the kernel takes at once */

static char *big;

static void make_big(void)
{
    big = memory_alloc(BIG);
    assert_non_null(big);
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i * 2654435761u >> 24);
}

static void send_big_and_close(struct end *end)
{
    for (size_t at = 0; at < BIG; at += BIG / 16) /* many writes: order is kept */
        assert_int_equal(io_stream_write(end->stream, big + at, BIG / 16), 0);
    end_close(end);
}

static struct io_timer resume_timer;
static unsigned pauses;

static void resume(struct io_timer *timer)
{
    world.inside = true;
    io_stream_pause(world.client.stream, false);
    world.inside = false;
}

static void pause_now_and_then(struct end *end)
{
    static size_t next;

    if (pauses == 0)
        next = 0;
    if (end->got.len < next || pauses >= 10)
        return;
    next = end->got.len + BIG / 16;
    pauses++;
    io_stream_pause(end->stream, true);
    io_timer_start(&resume_timer, io_now_ms(world.loop) + 3);
}

static void run_big(void)
{
    make_big();
    pauses = 0;
    io_timer_init(world.loop, &resume_timer, resume, NULL);
    world.client.on_received = pause_now_and_then;
    world.client.on_closed = stop;
    connect_client();
    io_loop_run(world.loop);
    assert_int_equal(world.client.reason, IO_CLOSED_BY_PEER);
    assert_int_equal(world.client.got.len, BIG);
    assert_memory_equal(world.client.got.ptr, big, BIG);
    assert_int_equal(pauses, 10);
    memory_free(big);
}

static void big_writes_arrive_whole(void **state)
{
    world.server.on_connected = send_big_and_close;
    run_big();
}

static void never_read(struct end *end)
{
    io_stream_pause(end->stream, true);
}

static void a_peer_that_never_reads_is_left(void **state)
{
    uint64_t began = io_now_ms(world.loop);

    make_big();
    world.client.on_connected = never_read;
    world.server.on_connected = send_big_and_close;
    connect_client();
    io_timer_init(world.loop, &resume_timer, resume, NULL);
    io_timer_start(&resume_timer, io_now_ms(world.loop) + 5000);
    world.client.on_closed = stop;
    io_loop_run(world.loop);
    assert_true(io_now_ms(world.loop) - began >= 5000);
    assert_int_equal(world.client.closed, 1);
    assert_true(world.client.got.len < BIG); /* the rest was dropped after the linger time */
    memory_free(big);
}

static void writes_have_a_ceiling(void **state)
{
    char *block = memory_zalloc(1, 1 << 20);
    int rc = 0;

    assert_non_null(block);
    connect_client();
    for (int i = 0; i < 64; i++)
        assert_int_equal(io_stream_write(world.client.stream, block, 1 << 20), 0);
    rc = io_stream_write(world.client.stream, block, 1);
    assert_int_equal(rc, ERROR_LIMIT);
    memory_free(block);
}

static void reset_it(struct end *end)
{
    io_stream_reset(end->stream);
    end->stream = NULL;
}

static void resets_are_told_from_ends(void **state)
{
    world.server.on_connected = reset_it;
    world.client.on_closed = stop;
    connect_client();
    io_loop_run(world.loop);
    assert_int_equal(world.client.reason, IO_CLOSED_RESET);
    world.server.on_connected = end_close;
    connect_client();
    io_loop_run(world.loop);
    assert_int_equal(world.client.reason, IO_CLOSED_BY_PEER);
}

static int raw_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(world.at.port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void write_much(struct end *end)
{
    static char block[1 << 20];

    for (int i = 0; i < 8; i++)
        io_stream_write(end->stream, block, sizeof(block));
}

static void a_half_close_lets_waiting_output_go(void **state)
{
    int fd = raw_connect();
    size_t total = 0;
    char block[65536];
    ssize_t n;

    assert_int_equal(shutdown(fd, SHUT_WR), 0); /* we have said all we wanted */
    world.server.on_connected = write_much;
    world.server.on_closed = stop;
    io_loop_run(world.loop);
    assert_int_equal(world.server.reason, IO_CLOSED_BY_PEER);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (int tries = 0; tries < 100000; tries++) {
        n = read(fd, block, sizeof(block));
        if (n == 0)
            break;
        if (n > 0) {
            total += (size_t)n;
            continue;
        }
        turn(false);
    }
    assert_int_equal(total, 8u << 20);
    close(fd);
}

static void close_the_other(struct end *end)
{
    end_close(end == &world.client ? &world.server : &world.client);
    stop(end);
}

/* Both ends have something to read in the same turn; whoever is first closes the other. */
static void who_was_closed_by_another_hears_nothing(void **state)
{
    connect_client();
    while (world.client.connected == 0 || world.accepted == 0)
        turn(false);
    world.client.on_received = world.server.on_received = close_the_other;
    send_text(&world.client, "both");
    send_text(&world.server, "both");
    io_loop_run(world.loop);
    assert_true((world.client.stream == NULL) != (world.server.stream == NULL));
    assert_true((world.client.got.len == 0) != (world.server.got.len == 0));
    assert_int_equal(world.client.closed + world.server.closed, 0);
}

static void running_out_of_descriptors_is_a_limit(void **state)
{
    struct rlimit old, low;
    struct error error = {0};
    int fds[64], fd = raw_connect();
    size_t count = 0;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = 48;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (count < ARRAY_LEN(fds) && (fds[count] = dup(0)) >= 0)
        count++;
    assert_int_equal(try_connect(NULL, &world.at, &error), ERROR_LIMIT);
    assert_non_null(strstr(error.message, "too many open files"));
    turn(false); /* accepting fails too, and nothing breaks */
    assert_int_equal(world.accepted, 0);
    while (count > 0)
        close(fds[--count]);
    setrlimit(RLIMIT_NOFILE, &old);
    close(fd);
    world.server.on_connected = stop;
    connect_client();
    io_loop_run(world.loop);
    assert_true(world.accepted >= 1);
}

static void every_allocation_may_fail(void **state)
{
    bool clean = false;

    world.server.on_connected = greet;
    world.server.on_received = answer;
    world.client.on_received = quit_when_greeted;
    world.client.on_closed = stop;
    for (int n = 0; n < 50 && !clean; n++) {
        struct error error = {0};
        int rc;

        memory_fail_after(n);
        rc = try_connect(NULL, &world.at, &error);
        clean = memory_fail_after(-1) <= (uint64_t)n;
        assert_true(rc == 0 || rc == ERROR_NOMEM);
        assert_int_equal(error.code, rc);
        assert_true(clean == (rc == 0));
    }
    assert_true(clean);
    /* No memory to accept: the connection waits and is taken later. */
    turn(true);
    turn(true);
    assert_int_equal(world.accepted, 0);
    io_loop_run(world.loop);
    assert_int_equal(world.accepted, 1);
    assert_true(slice_ends_with(buffer_slice(&world.client.got), SLICE("221 bye\r\n")));
}

/* --- memory that runs out while it is open --------------------------------------------------- */

/* Half of it went out, and there is no memory for the rest. */
static void write_without_memory(struct end *end)
{
    char *bytes = memory_zalloc(16, BIG); /* more than the kernel takes by far */
    int rc;

    assert_non_null(bytes);
    memory_fail_after(0);
    world.inside = true;
    rc = io_stream_write(end->stream, bytes, (size_t)15 * BIG);
    world.inside = false;
    memory_fail_after(-1);
    assert_int_equal(rc, ERROR_NOMEM);
    memory_free(bytes);
}

static void want_of_memory_is_told(void **state)
{
    world.client.on_connected = never_read;
    world.server.on_connected = write_without_memory;
    world.server.on_closed = stop;
    connect_client();
    io_loop_run(world.loop);
    assert_int_equal(world.server.closed, 1);
    assert_int_equal(world.server.reason, IO_CLOSED_ERROR);
    assert_string_equal(world.server.detail, "not enough memory");
}

/* --- in TLS -------------------------------------------------------------------------------- */

static void server_starts_tls(struct end *end)
{
    if (slice_equal(buffer_slice(&end->got), SLICE("STARTTLS\r\n"))) {
        send_text(end, "220 go\r\n");
        assert_int_equal(io_stream_start_tls(end->stream, NULL), 0);
        buffer_clear(&end->got);
    } else if (end->secured) {
        answer(end);
    }
}

static void client_asks_for_tls(struct end *end)
{
    send_text(end, "STARTTLS\r\n");
}

static void client_starts_tls(struct end *end)
{
    if (slice_equal(buffer_slice(&end->got), SLICE("220 go\r\n"))) {
        world.inside = true;
        assert_int_equal(io_stream_start_tls(end->stream, "mx.example.org"), 0);
        world.inside = false;
        buffer_clear(&end->got);
        send_text(end, "NO"); /* may be written before the handshake is done */
    }
}

static void client_secured(struct end *end)
{
    send_text(end, "OP\r\n");
}

static void a_dialogue_moves_to_tls(void **state)
{
    world.server.on_received = server_starts_tls;
    world.client.on_connected = client_asks_for_tls;
    world.client.on_received = client_starts_tls;
    world.client.on_secured = client_secured;
    world.client.on_closed = stop;
    connect_client();
    io_loop_run(world.loop);
    assert_int_equal(world.client.secured, 1);
    assert_int_equal(world.server.secured, 1);
    assert_true(slice_equal(buffer_slice(&world.server.got), SLICE("NOOP\r\n")));
    assert_true(slice_equal(buffer_slice(&world.client.got), SLICE("221 bye\r\n")));
    assert_int_equal(world.client.reason, IO_CLOSED_BY_PEER);
    assert_string_equal(world.client.facts.version, "TLSv1.3");
    assert_true(world.client.facts.cipher[0] != '\0');
    assert_string_equal(world.client.facts.subject, "CN=mailknock lab");
    assert_string_equal(world.client.facts.issuer, "CN=mailknock lab");
    assert_false(world.client.facts.verified);
    assert_true(world.client.facts.verify_error[0] != '\0');
    assert_string_equal(world.server.facts.subject, "");
}

static void tls_at_once(struct end *end)
{
    assert_int_equal(
        io_stream_start_tls(end->stream, end == &world.server ? NULL : "mx.example.org"), 0);
}

static void big_writes_arrive_whole_in_tls(void **state)
{
    world.server.on_connected = tls_at_once;
    world.client.on_connected = tls_at_once;
    world.server.on_secured = send_big_and_close;
    run_big();
}

static void go_on_without_memory(struct end *end)
{
    io_stream_pause(end->stream, true);
    memory_fail_after(0);
    world.inside = true;
    io_stream_pause(end->stream, false);
    world.inside = false;
    memory_fail_after(-1);
}

/* It may hold text that nothing would bring out any more. */
static void want_of_memory_to_go_on_is_told(void **state)
{
    world.server.on_connected = tls_at_once;
    world.client.on_connected = tls_at_once;
    world.client.on_secured = go_on_without_memory;
    world.client.on_closed = stop;
    connect_client();
    io_loop_run(world.loop);
    assert_int_equal(world.client.reason, IO_CLOSED_ERROR);
    assert_string_equal(world.client.detail, "not enough memory");
}

static void send_garbage(struct end *end)
{
    send_text(end, "220 this is no TLS at all\r\n");
}

static void failed_handshakes_are_told(void **state)
{
    world.client.on_connected = tls_at_once;
    world.client.on_closed = stop;
    world.server.on_connected = send_garbage;
    connect_client();
    io_loop_run(world.loop);
    assert_int_equal(world.client.reason, IO_CLOSED_TLS);
    assert_string_equal(world.client.detail, "wrong version number");
    end_close(&world.server);
    world.server.on_connected = end_close;
    connect_client();
    io_loop_run(world.loop);
    assert_int_equal(world.client.reason, IO_CLOSED_TLS);
    assert_string_equal(world.client.detail, "connection closed during the TLS handshake");
    world.server.on_connected = NULL;
    world.server.on_received = reset_it;
    connect_client();
    io_loop_run(world.loop);
    assert_int_equal(world.client.reason, IO_CLOSED_TLS);
    assert_string_equal(world.client.detail, "connection reset during the TLS handshake");
    assert_int_equal(world.client.secured, 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_dialogue_ends_with_the_servers_last_words),
        T(last_words_survive_unread_input),
        T(refused_and_unreachable),
        T(closing_while_connecting_is_silent),
        T(source_addresses_are_bound),
        T(addresses_of_version_6_work),
        T(big_writes_arrive_whole),
        T(a_peer_that_never_reads_is_left),
        T(writes_have_a_ceiling),
        T(resets_are_told_from_ends),
        T(a_half_close_lets_waiting_output_go),
        T(who_was_closed_by_another_hears_nothing),
        T(running_out_of_descriptors_is_a_limit),
        T(every_allocation_may_fail),
        T(want_of_memory_is_told),
        T(a_dialogue_moves_to_tls),
        T(want_of_memory_to_go_on_is_told),
        T(big_writes_arrive_whole_in_tls),
        T(failed_handshakes_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
