/* What streams say while events of a turn are told, as a peer sees it at its end of the wire. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/ip.h"
#include "io/uv_loop.h"

#define WORDS_MAX 200000

struct world {
    struct io_loop *loop;
    struct io_stream *stream; /* ours; NULL: closed */
    int listener, peer;       /* sockets of the test's own */
    struct io_timer watchdog;
    void (*answer)(void);
    ssize_t seen; /* by the peer, while our answer was being given */
    char words[WORDS_MAX];
    size_t len;
};

static struct world world;

static void stop(void *user)
{
    io_loop_stop(world.loop);
}

static void received(void *user, const char *bytes, size_t len)
{
    world.answer();
    world.seen = recv(world.peer, world.words, 1, MSG_DONTWAIT | MSG_PEEK);
    io_loop_stop(world.loop);
}

static void closed(void *user, enum io_close_reason reason, const char *detail)
{
    world.stream = NULL;
    io_loop_stop(world.loop);
}

static const struct io_stream_events events = {
    .connected = stop, .received = received, .closed = closed};

static void watchdog_barks(struct io_timer *timer)
{
    fail_msg("nothing happened for a minute");
}

static int setup(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct io_endpoint to = {.ip = ip_v4(127, 0, 0, 1)};
    socklen_t len = sizeof(at);

    memset(&world, 0, sizeof(world));
    world.loop = io_uv_loop_new(NULL);
    assert_non_null(world.loop);
    io_timer_init(world.loop, &world.watchdog, watchdog_barks, NULL);
    assert_int_equal(io_timer_start(&world.watchdog, io_now_ms(world.loop) + 60000), 0);
    world.listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(world.listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(world.listener, 1), 0);
    assert_int_equal(getsockname(world.listener, (struct sockaddr *)&at, &len), 0);
    to.port = ntohs(at.sin_port);
    assert_int_equal(io_connect(world.loop, NULL, &to, &events, NULL, &world.stream, NULL), 0);
    io_loop_run(world.loop);
    world.peer = accept(world.listener, NULL, NULL);
    assert_true(world.peer >= 0);
    return 0;
}

static int teardown(void **state)
{
    if (world.stream != NULL)
        io_stream_close(world.stream);
    io_timer_stop(&world.watchdog);
    io_loop_free(world.loop);
    close(world.peer);
    close(world.listener);
    return 0;
}

static void say(const char *words)
{
    assert_int_equal(io_stream_write(world.stream, words, strlen(words)), 0);
}

/* Have our end answer something, and its turn end. */
static void answer_with(void (*answer)(void))
{
    world.answer = answer;
    assert_int_equal(send(world.peer, "x", 1, 0), 1);
    io_loop_run(world.loop);
}

/* All that comes within a second, or until the peer has `most`. */
static ssize_t hear(size_t most)
{
    struct pollfd poll_fd = {.fd = world.peer, .events = POLLIN};
    ssize_t n = 0;

    for (world.len = 0; world.len < most; world.len += (size_t)n) {
        if (poll(&poll_fd, 1, 1000) <= 0)
            break;
        n = recv(world.peer, world.words + world.len, most - world.len, 0);
        if (n <= 0)
            break;
    }
    return n;
}

static void two_words(void)
{
    say("QU");
    say("IT\r\n");
}

static void it_goes_out_when_all_events_are_told(void **state)
{
    answer_with(two_words);
    assert_int_equal(world.seen, -1); /* not yet */
    hear(6);
    assert_int_equal(world.len, 6);
    assert_memory_equal(world.words, "QUIT\r\n", 6);
}

static void outside_of_events_it_goes_out_at_once(void **state)
{
    two_words();
    assert_int_equal(recv(world.peer, world.words, 6, MSG_DONTWAIT), 6);
    assert_memory_equal(world.words, "QUIT\r\n", 6);
}

static void timer_speaks(struct io_timer *timer)
{
    two_words();
    world.seen = recv(world.peer, world.words, 1, MSG_DONTWAIT | MSG_PEEK);
    io_loop_stop(world.loop);
}

static void what_a_timer_says_goes_out_after_all_timers(void **state)
{
    struct io_timer timer;

    io_timer_init(world.loop, &timer, timer_speaks, NULL);
    assert_int_equal(io_timer_start(&timer, 0), 0);
    io_loop_run(world.loop);
    assert_int_equal(world.seen, -1);
    assert_int_equal(recv(world.peer, world.words, 6, MSG_DONTWAIT), 6);
}

static void many_words(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        const char digits[] = {(char)('0' + i / 100), (char)('0' + i / 10 % 10),
                               (char)('0' + i % 10), '\0'};

        say(digits);
    }
}

static void more_words_than_are_gathered_keep_their_order(void **state)
{
    answer_with(many_words);
    hear(3000);
    assert_int_equal(world.len, 3000);
    for (unsigned i = 0; i < 1000; i++) {
        unsigned number = (unsigned)(world.words[3 * i] - '0') * 100 +
                          (unsigned)(world.words[3 * i + 1] - '0') * 10 +
                          (unsigned)(world.words[3 * i + 2] - '0');

        assert_int_equal(number, i);
    }
}

static void a_long_speech(void)
{
    static char speech[150000];

    memset(speech, '.', sizeof(speech));
    say("begin");
    assert_int_equal(io_stream_write(world.stream, speech, sizeof(speech)), 0);
    say("end");
}

static void one_longer_than_is_gathered_stands_between_its_neighbours(void **state)
{
    const size_t len = 5 + 150000 + 3;

    answer_with(a_long_speech);
    hear(len);
    assert_int_equal(world.len, len);
    assert_memory_equal(world.words, "begin.", 6);
    assert_memory_equal(world.words + len - 4, ".end", 4);
}

static void words_and_goodbye(void)
{
    two_words();
    io_stream_close(world.stream);
    world.stream = NULL;
}

static void who_closes_has_said_all(void **state)
{
    answer_with(words_and_goodbye);
    assert_int_equal(hear(100), 0); /* the end */
    assert_int_equal(world.len, 6);
}

static void words_and_reset(void)
{
    two_words();
    io_stream_reset(world.stream);
    world.stream = NULL;
}

static void who_resets_has_said_all_before(void **state)
{
    answer_with(words_and_reset);
    assert_int_equal(hear(100), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(world.len, 6);
}

static void peer_is_gone(void)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    two_words();
    setsockopt(world.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(world.peer);
    world.peer = -1;
}

static void that_nobody_hears_it_shows_as_closed(void **state)
{
    answer_with(peer_is_gone);
    assert_non_null(world.stream);
    io_loop_run(world.loop);
    assert_null(world.stream);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_goes_out_when_all_events_are_told),
        T(outside_of_events_it_goes_out_at_once),
        T(what_a_timer_says_goes_out_after_all_timers),
        T(more_words_than_are_gathered_keep_their_order),
        T(one_longer_than_is_gathered_stands_between_its_neighbours),
        T(who_closes_has_said_all),
        T(who_resets_has_said_all_before),
        T(that_nobody_hears_it_shows_as_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
