/* The real loop: clock, timers, signals, foreign descriptors, limits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "io/uv_loop.h"

static int setup(void **state)
{
    *state = io_uv_loop_new(NULL);
    return *state == NULL;
}

static int teardown(void **state)
{
    io_loop_free(*state);
    return 0;
}

static char fired[64];
static size_t fired_count;

static void note(struct io_timer *timer)
{
    assert_false(io_timer_is_running(timer));
    fired[fired_count++] = *(const char *)timer->user;
    fired[fired_count] = '\0';
}

static void timers_fire_in_order(void **state)
{
    struct io_loop *loop = *state;
    struct io_timer a, b, c, d, e;
    uint64_t now = io_now_ms(loop);

    fired_count = 0;
    io_timer_init(loop, &a, note, (void *)"a");
    io_timer_init(loop, &b, note, (void *)"b");
    io_timer_init(loop, &c, note, (void *)"c");
    io_timer_init(loop, &d, note, (void *)"d");
    io_timer_init(loop, &e, note, (void *)"e");
    assert_int_equal(io_timer_start(&a, now + 30), 0);
    assert_int_equal(io_timer_start(&b, now + 10), 0);
    assert_int_equal(io_timer_start(&c, now + 10), 0);
    assert_int_equal(io_timer_start(&d, 0), 0); /* long ago: at once, but not now */
    assert_int_equal(io_timer_start(&e, now + 20), 0);
    assert_int_equal(fired_count, 0);
    assert_true(io_timer_is_running(&e));
    io_timer_stop(&e);
    io_timer_stop(&e);
    assert_false(io_timer_is_running(&e));
    assert_int_equal(io_timer_start(&a, now + 5), 0); /* restarted: earlier */
    io_loop_run(loop);
    assert_string_equal(fired, "dabc");
    assert_true(io_now_ms(loop) >= now + 10);
}

static unsigned spins;
static struct io_timer victim;

static void spin(struct io_timer *timer)
{
    if (++spins < 5)
        assert_int_equal(io_timer_start(timer, 0), 0);
    else
        io_loop_stop(timer->loop);
}

static void stop_the_other(struct io_timer *timer)
{
    io_timer_stop(&victim);
}

static void a_timer_that_restarts_itself_starves_nobody(void **state)
{
    struct io_loop *loop = *state;
    struct io_timer spinner, other, stopper;
    uint64_t now = io_now_ms(loop);

    spins = 0;
    fired_count = 0;
    io_timer_init(loop, &spinner, spin, NULL);
    io_timer_init(loop, &other, note, (void *)"o");
    io_timer_init(loop, &stopper, stop_the_other, NULL);
    io_timer_init(loop, &victim, note, (void *)"v");
    assert_int_equal(io_timer_start(&spinner, 0), 0);
    assert_int_equal(io_timer_start(&stopper, 0), 0);
    assert_int_equal(io_timer_start(&victim, 0), 0); /* due in the same turn as its stopper */
    assert_int_equal(io_timer_start(&other, now), 0);
    io_loop_run(loop);
    assert_int_equal(spins, 5);
    assert_string_equal(fired, "o");
}

static void spin_on(struct io_timer *timer)
{
    spins++;
    if (spins < 1000)
        assert_int_equal(io_timer_start(timer, 0), 0);
}

static void hear(void *user, unsigned events)
{
    unsigned *heard_at = user;

    if (*heard_at == 0)
        *heard_at = spins;
}

static void nor_does_it_starve_descriptors(void **state)
{
    struct io_loop *loop = *state;
    struct io_timer spinner;
    struct io_watch *watch;
    unsigned heard_at = 0;
    int ends[2];

    spins = 0;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(io_watch_start(loop, ends[0], IO_READABLE, hear, &heard_at, &watch), 0);
    io_timer_init(loop, &spinner, spin_on, NULL);
    assert_int_equal(io_timer_start(&spinner, 0), 0);
    while (spins < 1000)
        io_uv_loop_turn(loop);
    assert_true(heard_at > 0 && heard_at < 10);
    io_watch_stop(watch);
    close(ends[0]);
    close(ends[1]);
}

static void starting_a_timer_may_fail(void **state)
{
    struct io_loop *loop = *state;
    struct io_timer timer, never = {0};

    io_timer_init(loop, &timer, note, (void *)"x");
    memory_fail_after(0);
    assert_int_equal(io_timer_start(&timer, 0), ERROR_NOMEM);
    memory_fail_after(-1);
    assert_false(io_timer_is_running(&timer));
    io_timer_stop(&timer);
    io_timer_stop(&never); /* never initialised: stopped */
    io_loop_run(loop);
}

static void clocks_tell_the_time(void **state)
{
    assert_true(io_unix_ms(*state) > INT64_C(1600000000000));
    assert_true(io_now_ms(*state) > 0);
}

static int caught;

static void on_signal(void *user, int number)
{
    caught = number;
    io_loop_stop(user);
}

static void raise_it(struct io_timer *timer)
{
    raise(SIGUSR1);
    assert_int_equal(caught, 0); /* not from inside */
}

static void give_up(struct io_timer *timer)
{
    io_loop_stop(timer->loop);
}

static void signals_are_told_by_the_loop(void **state)
{
    struct io_loop *loop = *state;
    struct io_timer raiser, end;

    caught = 0;
    assert_int_equal(io_uv_loop_on_signal(loop, SIGUSR1, on_signal, loop), 0);
    io_loop_run(loop); /* a handler alone does not keep it running */
    io_timer_init(loop, &raiser, raise_it, NULL);
    io_timer_init(loop, &end, give_up, NULL);
    io_timer_start(&raiser, 0);
    io_timer_start(&end, io_now_ms(loop) + 2000);
    io_loop_run(loop);
    assert_int_equal(caught, SIGUSR1);
    caught = 0;
    assert_int_equal(io_uv_loop_on_signal(loop, SIGUSR1, NULL, NULL), 0);
    assert_int_equal(io_uv_loop_on_signal(loop, SIGUSR2, NULL, NULL), 0);
    assert_int_equal(io_uv_loop_on_signal(loop, SIGUSR1, on_signal, loop), 0);
    io_timer_start(&raiser, 0);
    io_loop_run(loop);
    assert_int_equal(caught, SIGUSR1);
    io_timer_stop(&end);
}

struct watcher {
    struct io_loop *loop;
    struct io_watch *watch;
    int fd, peer;
    unsigned reads, writes;
    bool stop_inside;
};

static void on_ready(void *user, unsigned events)
{
    struct watcher *w = user;
    char byte;

    if (events & IO_WRITABLE) {
        w->writes++;
        assert_int_equal(write(w->peer, "xy", 2), 2);
        assert_int_equal(io_watch_change(w->watch, IO_READABLE), 0);
    }
    if (events & IO_READABLE) {
        assert_int_equal(read(w->fd, &byte, 1), 1);
        if (++w->reads == 2) {
            io_watch_stop(w->watch);
            close(w->fd);
        }
    }
}

static void descriptors_are_watched(void **state)
{
    struct watcher w = {.loop = *state};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    w.fd = pair[0];
    w.peer = pair[1];
    assert_int_equal(io_watch_start(*state, w.fd, IO_WRITABLE, on_ready, &w, &w.watch), 0);
    assert_int_equal(w.writes, 0);
    io_loop_run(*state);
    assert_int_equal(w.writes, 1);
    assert_int_equal(w.reads, 2);
    close(w.peer);
    assert_true(io_watch_start(*state, w.fd, IO_READABLE, on_ready, &w, &w.watch) < 0);
    memory_fail_after(0);
    assert_int_equal(io_watch_start(*state, 0, IO_READABLE, on_ready, &w, &w.watch), ERROR_NOMEM);
    memory_fail_after(-1);
}

static void socket_limit_is_sensible(void **state)
{
    unsigned limit = io_uv_loop_socket_limit();
    int fds[8];

    assert_true(limit >= 16 && limit < (unsigned)sysconf(_SC_OPEN_MAX));
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = dup(0);
    assert_int_equal(io_uv_loop_socket_limit(), limit - ARRAY_LEN(fds));
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
}

static void a_loop_that_cannot_be_made_says_why(void **state)
{
    struct error error = {0};

    memory_fail_after(0);
    assert_null(io_uv_loop_new(&error));
    memory_fail_after(-1);
    assert_int_equal(error.code, ERROR_NOMEM);
    io_loop_free(NULL);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(timers_fire_in_order),
        T(a_timer_that_restarts_itself_starves_nobody),
        T(nor_does_it_starve_descriptors),
        T(starting_a_timer_may_fail),
        T(clocks_tell_the_time),
        T(signals_are_told_by_the_loop),
        T(descriptors_are_watched),
        T(socket_limit_is_sensible),
        T(a_loop_that_cannot_be_made_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
