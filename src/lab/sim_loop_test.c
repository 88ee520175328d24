/* Tests of the simulated loop. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "lab/sim_loop.h"

/* One end of a connection that notes what happens to it. */
struct end {
    struct io_loop *loop;
    struct io_stream *stream;
    struct buffer got;
    unsigned connected, secured, pieces;
    int closed; /* enum io_close_reason, or -1 */
    uint64_t connected_ms, secured_ms, closed_ms;
    bool echo, close_on_data, tls_on_data;
};

static void end_connected(void *user)
{
    struct end *end = user;

    end->connected++;
    end->connected_ms = io_now_ms(end->loop);
}

static void end_received(void *user, const char *bytes, size_t len)
{
    struct end *end = user;

    end->pieces++;
    assert_true(buffer_append(&end->got, bytes, len));
    if (end->echo)
        assert_int_equal(io_stream_write(end->stream, bytes, len), 0);
    if (end->tls_on_data) {
        end->tls_on_data = false;
        assert_int_equal(io_stream_write(end->stream, "go", 2), 0);
        assert_int_equal(io_stream_start_tls(end->stream, NULL), 0);
    }
    if (end->close_on_data) {
        io_stream_close(end->stream);
        end->stream = NULL;
    }
}

static void end_secured(void *user, const struct io_tls_facts *facts)
{
    struct end *end = user;

    end->secured++;
    end->secured_ms = io_now_ms(end->loop);
    assert_string_equal(facts->version, "TLSv1.3");
}

static void end_closed(void *user, enum io_close_reason reason, const char *detail)
{
    struct end *end = user;

    assert_non_null(detail);
    assert_int_equal(end->closed, -1);
    end->closed = (int)reason;
    end->closed_ms = io_now_ms(end->loop);
    end->stream = NULL;
}

static const struct io_stream_events end_events = {
    end_connected,
    end_received,
    end_secured,
    end_closed,
};

static void end_accepted(void *user, struct io_stream *stream)
{
    struct end *end = user;

    end->stream = stream;
    io_stream_set_events(stream, &end_events, end);
}

struct pair {
    struct io_loop *loop;
    struct io_listener *listener;
    struct end client, server;
};

static const struct io_endpoint somewhere = {.ip = {4, {127, 0, 0, 9}}, .port = 25};

static void end_init(struct end *end, struct io_loop *loop)
{
    memset(end, 0, sizeof(*end));
    end->loop = loop;
    end->closed = -1;
    buffer_init(&end->got, 0);
}

static void pair_init(struct pair *pair, const struct lab_sim_plan *plan)
{
    pair->loop = lab_sim_loop_new(plan);
    assert_non_null(pair->loop);
    end_init(&pair->client, pair->loop);
    end_init(&pair->server, pair->loop);
    assert_int_equal(
        io_listen(pair->loop, &somewhere, end_accepted, &pair->server, &pair->listener, NULL), 0);
}

static void pair_connect(struct pair *pair)
{
    assert_int_equal(io_connect(pair->loop, NULL, &somewhere, &end_events, &pair->client,
                                &pair->client.stream, NULL),
                     0);
    io_loop_run(pair->loop);
}

static void pair_done(struct pair *pair)
{
    if (pair->client.stream != NULL)
        io_stream_close(pair->client.stream);
    io_loop_run(pair->loop);
    if (pair->server.stream != NULL)
        io_stream_close(pair->server.stream);
    buffer_done(&pair->client.got);
    buffer_done(&pair->server.got);
    io_listener_close(pair->listener);
    io_loop_free(pair->loop);
}

/* --- timers ------------------------------------------------------------------------------------
 */

struct tick {
    struct io_timer timer;
    uint64_t fired_ms;
    unsigned count, repeats;
    char *order, name;
};

static void tick_fire(struct io_timer *timer)
{
    struct tick *tick = timer->user;

    assert_false(io_timer_is_running(timer));
    tick->fired_ms = io_now_ms(timer->loop);
    tick->count++;
    if (tick->order != NULL)
        strncat(tick->order, &tick->name, 1);
    if (tick->repeats-- > 0)
        assert_int_equal(io_timer_start(timer, tick->fired_ms + HOUR_MS), 0);
}

static void timers_fire_in_order_and_time_jumps(void **state)
{
    struct io_loop *loop = lab_sim_loop_new(&(struct lab_sim_plan){.seed = 1});
    struct tick ticks[4] = {0};
    char order[16] = "";

    for (size_t i = 0; i < ARRAY_LEN(ticks); i++) {
        io_timer_init(loop, &ticks[i].timer, tick_fire, &ticks[i]);
        ticks[i].order = order;
        ticks[i].name = (char)('a' + i);
    }
    assert_int_equal(io_timer_start(&ticks[0].timer, 500), 0);
    assert_int_equal(io_timer_start(&ticks[1].timer, 100), 0);
    assert_int_equal(io_timer_start(&ticks[2].timer, 100), 0);
    assert_int_equal(io_timer_start(&ticks[3].timer, 50), 0);
    assert_true(io_timer_is_running(&ticks[3].timer));
    io_timer_stop(&ticks[3].timer);
    io_timer_stop(&ticks[3].timer);
    assert_int_equal(io_timer_start(&ticks[0].timer, 700), 0); /* restart moves it */
    ticks[2].repeats = 6;
    io_loop_run(loop);
    assert_string_equal(order, "bcacccccc");
    assert_int_equal(ticks[0].fired_ms, 700);
    assert_int_equal(io_now_ms(loop), 100 + 6 * HOUR_MS);
    assert_int_equal(io_unix_ms(loop), INT64_C(1767225600000) + 100 + 6 * (int64_t)HOUR_MS);
    io_loop_free(loop);
}

static void the_loop_stops_at_the_time_named(void **state)
{
    struct io_loop *loop = lab_sim_loop_new(&(struct lab_sim_plan){.stop_after_ms = 1000});
    struct tick tick = {0};

    io_timer_init(loop, &tick.timer, tick_fire, &tick);
    assert_int_equal(io_timer_start(&tick.timer, 1001), 0);
    io_loop_run(loop);
    assert_int_equal(tick.count, 0);
    assert_int_equal(io_now_ms(loop), 1000);
    io_timer_stop(&tick.timer);
    io_loop_free(loop);
}

static void the_loop_stops_after_the_events_named(void **state)
{
    struct io_loop *loop = lab_sim_loop_new(&(struct lab_sim_plan){.stop_after_events = 3});
    struct lab_sim_counts counts;
    struct tick tick = {.repeats = 9};

    io_timer_init(loop, &tick.timer, tick_fire, &tick);
    assert_int_equal(io_timer_start(&tick.timer, 1), 0);
    io_loop_run(loop);
    assert_int_equal(tick.count, 3);
    io_loop_run(loop); /* they are over */
    assert_int_equal(tick.count, 3);
    lab_sim_loop_counts(loop, &counts);
    assert_int_equal(counts.events, 3);
    io_timer_stop(&tick.timer);
    io_loop_free(loop);
}

static void clocks_jump_and_the_process_is_held_up(void **state)
{
    struct io_loop *loop = lab_sim_loop_new(&(struct lab_sim_plan){.seed = 1});
    int64_t before = io_unix_ms(loop);
    struct tick ticks[2] = {0};

    for (size_t i = 0; i < ARRAY_LEN(ticks); i++) {
        io_timer_init(loop, &ticks[i].timer, tick_fire, &ticks[i]);
        assert_int_equal(io_timer_start(&ticks[i].timer, 100 * (i + 1)), 0);
    }
    lab_sim_loop_jump_wall(loop, -(int64_t)DAY_MS);
    assert_int_equal(io_unix_ms(loop), before - (int64_t)DAY_MS);
    assert_int_equal(io_now_ms(loop), 0);
    lab_sim_loop_hold_up(loop, 150);
    io_loop_run(loop);
    assert_int_equal(ticks[0].fired_ms, 150); /* late */
    assert_int_equal(ticks[1].fired_ms, 200);
    assert_int_equal(io_unix_ms(loop), before - (int64_t)DAY_MS + 200);
    io_loop_free(loop);
}

static void count_event(void *user)
{
    ++*(unsigned *)user;
}

/* In every order that there is, but only within the millisecond; and the seed says which. */
static void equals_may_come_in_any_order(void **state)
{
    bool seen[6] = {0};

    for (uint64_t seed = 0; seed < 200; seed++) {
        char orders[2][16] = {"", ""};

        for (int run = 0; run < 2; run++) {
            struct io_loop *loop =
                lab_sim_loop_new(&(struct lab_sim_plan){.seed = seed, .reorders = true});
            struct tick ticks[4] = {0};
            unsigned events = 0;

            for (size_t i = 0; i < ARRAY_LEN(ticks); i++) {
                io_timer_init(loop, &ticks[i].timer, tick_fire, &ticks[i]);
                ticks[i].order = orders[run];
                ticks[i].name = (char)('a' + i);
                assert_int_equal(io_timer_start(&ticks[i].timer, i < 3 ? 10 : 11), 0);
            }
            lab_sim_loop_on_event(loop, count_event, &events);
            io_loop_run(loop);
            assert_int_equal(events, 4);
            io_loop_free(loop);
        }
        assert_string_equal(orders[0], orders[1]);
        assert_int_equal(orders[0][3], 'd');
        seen[(orders[0][0] - 'a') * 2 + (orders[0][1] > orders[0][2])] = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        assert_true(seen[i]);
}

/* --- streams -----------------------------------------------------------------------------------
 */

static void bytes_arrive_after_the_latency_in_order(void **state)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct lab_sim_plan plan = {
            .seed = seed, .latency_min_ms = 10, .latency_max_ms = 30, .split_writes = seed % 2};
        struct pair pair;
        struct buffer sent;

        pair_init(&pair, &plan);
        buffer_init(&sent, 0);
        pair.server.echo = true;
        pair_connect(&pair);
        assert_int_equal(pair.client.connected, 1);
        assert_in_range(pair.client.connected_ms, 20, 60);
        for (int i = 0; i < 40; i++) {
            char text[64];
            size_t len = (size_t)snprintf(text, sizeof(text), "piece number %d,", i);

            assert_true(buffer_append(&sent, text, len));
            assert_int_equal(io_stream_write(pair.client.stream, text, len), 0);
        }
        io_loop_run(pair.loop);
        assert_true(slice_equal(buffer_slice(&sent), buffer_slice(&pair.server.got)));
        assert_true(slice_equal(buffer_slice(&sent), buffer_slice(&pair.client.got)));
        if (plan.split_writes)
            assert_true(pair.client.pieces > 40);
        buffer_done(&sent);
        pair_done(&pair);
        assert_int_equal(pair.server.closed, IO_CLOSED_BY_PEER);
    }
}

static void far_places_are_far_both_ways(void **state)
{
    struct lab_sim_plan plan = {.latency_min_ms = 10, .latency_max_ms = 10};
    struct pair pair;

    pair_init(&pair, &plan);
    pair.server.echo = true;
    assert_int_equal(lab_sim_loop_set_latency(pair.loop, &somewhere.ip, 70), 0);
    pair_connect(&pair);
    assert_int_equal(pair.client.connected_ms, 140);
    assert_int_equal(io_stream_write(pair.client.stream, "x", 1), 0);
    io_loop_run(pair.loop);
    assert_int_equal(pair.client.got.len, 1);
    assert_int_equal(io_now_ms(pair.loop), 280);
    pair_done(&pair);
}

static void nobody_listening_is_refused_or_lost(void **state)
{
    static const struct {
        enum lab_sim_fate fate;
        uint16_t port;
        int closed;
        uint64_t at_ms;
    } rows[] = {
        {LAB_SIM_NORMAL, 26, IO_CLOSED_REFUSED, 20},
        {LAB_SIM_UNREACHABLE, 25, IO_CLOSED_UNREACHABLE, 20},
        {LAB_SIM_BLACKHOLE, 25, -1, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lab_sim_plan plan = {.latency_min_ms = 10, .latency_max_ms = 10};
        struct io_endpoint to = {.ip = somewhere.ip, .port = rows[i].port};
        struct pair pair;

        pair_init(&pair, &plan);
        assert_int_equal(lab_sim_loop_set_fate(pair.loop, &somewhere.ip, rows[i].fate), 0);
        assert_int_equal(
            io_connect(pair.loop, NULL, &to, &end_events, &pair.client, &pair.client.stream, NULL),
            0);
        io_loop_run(pair.loop);
        assert_int_equal(pair.client.connected, 0);
        assert_int_equal(pair.client.closed, rows[i].closed);
        assert_int_equal(pair.client.closed_ms, rows[i].at_ms);
        pair_done(&pair);
    }
}

static void closing_tells_the_other_end_after_the_data(void **state)
{
    struct lab_sim_plan plan = {.latency_min_ms = 1, .latency_max_ms = 9, .split_writes = true};
    struct pair pair;

    pair_init(&pair, &plan);
    pair_connect(&pair);
    assert_int_equal(io_stream_write(pair.client.stream, "last words", 10), 0);
    io_stream_close(pair.client.stream);
    pair.client.stream = NULL;
    assert_int_equal(io_stream_write(pair.server.stream, "into the void", 13), 0);
    io_loop_run(pair.loop);
    assert_true(slice_equal(buffer_slice(&pair.server.got), SLICE("last words")));
    assert_int_equal(pair.server.closed, IO_CLOSED_BY_PEER);
    assert_int_equal(pair.client.closed, -1);
    assert_int_equal(pair.client.pieces, 0);
    pair_done(&pair);

    pair_init(&pair, &plan);
    pair_connect(&pair);
    io_stream_reset(pair.server.stream);
    pair.server.stream = NULL;
    io_loop_run(pair.loop);
    assert_int_equal(pair.client.closed, IO_CLOSED_RESET);
    pair_done(&pair);

    /* Closing in the middle of receiving: no more callbacks. */
    pair_init(&pair, &plan);
    pair.client.close_on_data = true;
    pair_connect(&pair);
    assert_int_equal(io_stream_write(pair.server.stream, "many pieces of data", 19), 0);
    io_loop_run(pair.loop);
    assert_int_equal(pair.client.pieces, 1);
    pair_done(&pair);
}

static void pausing_holds_bytes_back(void **state)
{
    struct lab_sim_plan plan = {.latency_min_ms = 5, .latency_max_ms = 5};
    struct pair pair;

    pair_init(&pair, &plan);
    pair_connect(&pair);
    io_stream_pause(pair.server.stream, true);
    assert_int_equal(io_stream_write(pair.client.stream, "x", 1), 0);
    io_loop_run(pair.loop);
    assert_int_equal(pair.server.pieces, 0);
    io_stream_pause(pair.server.stream, false);
    io_loop_run(pair.loop);
    assert_int_equal(pair.server.pieces, 1);
    pair_done(&pair);
}

static void tls_is_acted_in_two_round_trips(void **state)
{
    struct lab_sim_plan plan = {.latency_min_ms = 10, .latency_max_ms = 10};
    struct pair pair;

    pair_init(&pair, &plan);
    pair_connect(&pair);
    assert_int_equal(io_stream_start_tls(pair.server.stream, NULL), 0);
    assert_int_equal(io_stream_start_tls(pair.client.stream, "mx.example"), 0);
    assert_int_equal(io_stream_write(pair.client.stream, "secret", 6), 0);
    io_loop_run(pair.loop);
    assert_int_equal(pair.client.secured, 1);
    assert_int_equal(pair.server.secured, 1);
    assert_int_equal(pair.client.secured_ms, 20 + 40);
    assert_true(slice_equal(buffer_slice(&pair.server.got), SLICE("secret")));
    pair_done(&pair);
}

static void tls_breaks_on_what_is_no_handshake(void **state)
{
    struct lab_sim_plan plan = {.latency_min_ms = 10, .latency_max_ms = 10};
    struct pair pair;

    /* Bytes in clear that were on their way. */
    pair_init(&pair, &plan);
    pair_connect(&pair);
    assert_int_equal(io_stream_write(pair.server.stream, "250 injected\r\n", 14), 0);
    assert_int_equal(io_stream_start_tls(pair.server.stream, NULL), 0);
    assert_int_equal(io_stream_start_tls(pair.client.stream, "mx.example"), 0);
    io_loop_run(pair.loop);
    assert_int_equal(pair.client.closed, IO_CLOSED_TLS);
    assert_int_equal(pair.client.secured, 0);
    pair_done(&pair);

    /* A server that never agreed sees the hello as bytes. */
    pair_init(&pair, &plan);
    pair_connect(&pair);
    assert_int_equal(io_stream_start_tls(pair.client.stream, "mx.example"), 0);
    io_loop_run(pair.loop);
    assert_int_equal(pair.server.got.ptr[0], 0x16);
    pair_done(&pair);

    /* The peer closes, or the plan wants failure. */
    pair_init(&pair, &plan);
    pair_connect(&pair);
    assert_int_equal(io_stream_start_tls(pair.client.stream, "mx.example"), 0);
    io_stream_close(pair.server.stream);
    pair.server.stream = NULL;
    io_loop_run(pair.loop);
    assert_int_equal(pair.client.closed, IO_CLOSED_TLS);
    pair_done(&pair);

    plan.tls_fail_permille = 1000;
    pair_init(&pair, &plan);
    pair_connect(&pair);
    assert_int_equal(io_stream_start_tls(pair.server.stream, NULL), 0);
    assert_int_equal(io_stream_start_tls(pair.client.stream, "mx.example"), 0);
    io_loop_run(pair.loop);
    assert_int_equal(pair.client.closed, IO_CLOSED_TLS);
    pair_done(&pair);
}

static void faults_come_from_the_plan_and_repeat_with_the_seed(void **state)
{
    unsigned lost[2] = {0}, reset[2] = {0};

    for (int run = 0; run < 2; run++) {
        for (uint64_t seed = 0; seed < 200; seed++) {
            struct lab_sim_plan plan = {.seed = seed,
                                        .latency_max_ms = 5,
                                        .drop_permille = 300,
                                        .reset_permille = 300,
                                        .streams_max = 2};
            struct io_stream *third;
            struct pair pair;

            pair_init(&pair, &plan);
            pair_connect(&pair);
            if (pair.client.connected == 0) {
                lost[run]++;
            } else {
                assert_int_equal(
                    io_connect(pair.loop, NULL, &somewhere, &end_events, NULL, &third, NULL),
                    ERROR_LIMIT);
                assert_int_equal(io_stream_write(pair.client.stream, "x", 1), 0);
                io_loop_run(pair.loop);
                reset[run] += pair.client.closed == IO_CLOSED_RESET;
            }
            pair_done(&pair);
        }
    }
    assert_in_range(lost[0], 30, 90);
    assert_in_range(reset[0], 20, 70);
    assert_int_equal(lost[0], lost[1]);
    assert_int_equal(reset[0], reset[1]);
}

static void no_memory_is_an_error_not_a_crash(void **state)
{
    for (int64_t n = 0;; n++) {
        struct lab_sim_plan plan = {.latency_max_ms = 3, .split_writes = true};
        struct io_loop *loop;
        struct io_listener *listener = NULL;
        struct end client, server;
        bool failed;

        (void)memory_fail_after(n);
        loop = lab_sim_loop_new(&plan);
        failed = loop == NULL;
        if (!failed) {
            end_init(&client, loop);
            end_init(&server, loop);
            failed = io_listen(loop, &somewhere, end_accepted, &server, &listener, NULL) < 0;
            failed |=
                io_connect(loop, NULL, &somewhere, &end_events, &client, &client.stream, NULL) < 0;
            io_loop_run(loop);
            failed |= client.connected == 0;
            if (client.stream != NULL)
                failed |= io_stream_write(client.stream, "hello there", 11) < 0;
        }
        (void)memory_fail_after(-1);
        if (loop != NULL) {
            io_loop_run(loop);
            if (client.stream != NULL)
                io_stream_close(client.stream);
            io_loop_run(loop);
            if (server.stream != NULL)
                io_stream_close(server.stream);
            if (listener != NULL)
                io_listener_close(listener);
            buffer_done(&client.got);
            buffer_done(&server.got);
            io_loop_free(loop);
        }
        if (!failed)
            break;
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_and_time_jumps),
        cmocka_unit_test(the_loop_stops_at_the_time_named),
        cmocka_unit_test(the_loop_stops_after_the_events_named),
        cmocka_unit_test(clocks_jump_and_the_process_is_held_up),
        cmocka_unit_test(equals_may_come_in_any_order),
        cmocka_unit_test(bytes_arrive_after_the_latency_in_order),
        cmocka_unit_test(far_places_are_far_both_ways),
        cmocka_unit_test(nobody_listening_is_refused_or_lost),
        cmocka_unit_test(closing_tells_the_other_end_after_the_data),
        cmocka_unit_test(pausing_holds_bytes_back),
        cmocka_unit_test(tls_is_acted_in_two_round_trips),
        cmocka_unit_test(tls_breaks_on_what_is_no_handshake),
        cmocka_unit_test(faults_come_from_the_plan_and_repeat_with_the_seed),
        cmocka_unit_test(no_memory_is_an_error_not_a_crash),
    };

    return cmocka_run_group_tests_name("sim_loop", tests, NULL, NULL);
}
