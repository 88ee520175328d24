/*
 * The HTTP server on the real loop, asked by clients on the same loop over loopback.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/check.h"
#include "base/instant.h"
#include "http/server.h"
#include "io/uv_loop.h"

struct bench {
    struct io_loop *loop;
    struct http_server *server;
    struct io_timer give_up, later, look;
    struct http_request *waiting; /* for a later answer or a stream's next piece */
    struct http_answer *answer;   /* given again and again */
    unsigned ended, pieces, pieces_wanted;
    bool refuse_at_once, use_sink, timed_out;
    struct buffer sunk;
};

struct client {
    struct bench *bench;
    struct io_stream *stream;
    const char *send;
    size_t send_len;
    struct buffer got;
    bool closed;
    bool leave_at_once;
    bool leave_when_told; /* as soon as something came */
};

#ifdef __has_feature
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif
/* Sanitizers have a heap of their own. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&       \
    !HAS_FEATURE(address_sanitizer) && !HAS_FEATURE(memory_sanitizer) &&                           \
    !HAS_FEATURE(thread_sanitizer)
#define FAILS_CALLOC
#endif

#ifdef FAILS_CALLOC
#define BIG    60000
#define A_NAME "a-name-of-20-letters"

enum failing {
    FAIL_NONE,
    FAIL_BIG,   /* the post processor, which has its buffer in itself */
    FAIL_NAMES, /* what it copies out of a part's header */
};
static enum failing failing;

void *__libc_calloc(size_t count, size_t size);
void *__libc_malloc(size_t size);

__attribute__((visibility("default"))) void *calloc(size_t count, size_t size)
{
    if (failing == FAIL_BIG && count * size > BIG) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_calloc(count, size);
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    if (failing == FAIL_NAMES && size == sizeof(A_NAME)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(size);
}
#endif

/* --- the served side ------------------------------------------------------------------------- */

static bool sink(void *user, struct http_request *request, const char *name, const char *filename,
                 const char *bytes, size_t len, uint64_t offset)
{
    struct bench *bench = user;

    (void)request;
    if (offset == 0 && name != NULL)
        buffer_printf(&bench->sunk, "[%s:%s]", name, filename != NULL ? filename : "");
    buffer_append(&bench->sunk, bytes, len);
    return true;
}

static void begin(void *user, struct http_request *request)
{
    struct bench *bench = user;

    http_request_set_cookie_pointer(request, bench);
    if (bench->refuse_at_once)
        http_respond(request, 401, "text/plain", SLICE("who are you?"));
    else if (bench->use_sink)
        switch (http_request_set_sink(request, sink, bench)) {
        case ERROR_FORMAT:
            http_respond(request, 400, "text/plain", SLICE("no boundary"));
            break;
        case ERROR_NOMEM:
            http_respond(request, 503, "text/plain", SLICE("no memory"));
            break;
        }
}

static ptrdiff_t read_pieces(void *user, char *out, size_t size)
{
    struct bench *bench = user;

    assert_true(size >= 16);
    if (bench->pieces == 3)
        return HTTP_READ_END;
    if (bench->pieces == 1 && !io_timer_is_running(&bench->later)) {
        io_timer_start(&bench->later, io_now_ms(bench->loop) + 20);
        return 0;
    }
    return snprintf(out, size, "piece %u\n", ++bench->pieces);
}

/* Says something, and never anything again. */
static ptrdiff_t read_once(void *user, char *out, size_t size)
{
    struct bench *bench = user;

    return bench->pieces++ == 0 ? snprintf(out, size, "so far\n") : 0;
}

static void complete(void *user, struct http_request *request)
{
    struct bench *bench = user;
    const char *path = http_request_path(request);
    struct buffer out;

    buffer_init(&out, 0);
    if (strcmp(path, "/hello world") == 0) {
        const char *who = http_request_query(request, "who");

        http_response_header(request, "X-Evil", "a\r\nSet-Cookie: b");
        for (int i = 0; i < 40; i++) /* more than there is room for in the request */
            http_response_header(request, "X-Many", "twenty bytes of text");
        buffer_printf(&out, "%s %s %s", http_request_method(request), who != NULL ? who : "-",
                      http_request_peer(request).ip.family == 4 ? "v4" : "?");
        http_respond(request, 200, "text/plain", buffer_slice(&out));
    } else if (strcmp(path, "/echo") == 0) {
        http_respond(request, 200, "text/plain", http_request_body(request));
    } else if (strcmp(path, "/big") == 0) {
        for (int i = 0; i < 1000; i++)
            buffer_append_string(&out, "0123456789");
        http_respond(request, 200, "application/json", buffer_slice(&out));
    } else if (strcmp(path, "/later") == 0) {
        bench->waiting = request;
        io_timer_start(&bench->later, io_now_ms(bench->loop) + 20);
    } else if (strcmp(path, "/stream") == 0) {
        bench->waiting = request;
        http_respond_stream(request, 200, "text/plain", read_pieces, bench);
    } else if (strcmp(path, "/silent stream") == 0) {
        http_respond_stream(request, 200, "text/plain", read_once, bench);
    } else if (strcmp(path, "/again") == 0) {
        if (http_request_query(request, "own") != NULL)
            http_response_header(request, "X-Own", "yes");
        if (!http_respond_again(request, bench->answer))
            http_respond(request, 200, "text/plain", SLICE("in the usual way"));
    } else if (strcmp(path, "/sunk") == 0) {
        http_respond(request, 200, "text/plain", buffer_slice(&bench->sunk));
    }
    buffer_done(&out);
}

static void ended(void *user, struct http_request *request, void *cookie)
{
    struct bench *bench = user;

    assert_ptr_equal(cookie, bench);
    if (bench->waiting == request)
        bench->waiting = NULL;
    bench->ended++;
}

static void on_later(struct io_timer *timer)
{
    struct bench *bench = timer->user;

    if (bench->waiting == NULL)
        return;
    if (http_request_is_answered(bench->waiting)) {
        bench->pieces++;
        http_respond_wake(bench->waiting);
    } else {
        http_respond(bench->waiting, 202, "text/plain", SLICE("at last"));
    }
}

static void on_give_up(struct io_timer *timer)
{
    struct bench *bench = timer->user;

    bench->timed_out = true;
    io_loop_stop(bench->loop);
}

/* Stop as soon as the request has got as far as it gets. */
static void on_look(struct io_timer *timer)
{
    struct bench *bench = timer->user;
    struct http_counts counts;

    http_server_counts(bench->server, &counts);
    if (counts.open_requests == 1 && bench->pieces >= bench->pieces_wanted)
        io_loop_stop(bench->loop);
    else
        io_timer_start(timer, io_now_ms(bench->loop) + 10);
}

static const struct http_events events = {begin, complete, ended};

static void bench_open(struct bench *bench, const struct http_limits *limits)
{
    struct io_endpoint at = {.ip = {.family = 4, .bytes = {127, 0, 0, 1}}};
    struct error error = {0};

    memset(bench, 0, sizeof(*bench));
    bench->loop = io_uv_loop_new(&error);
    assert_non_null(bench->loop);
    bench->server = http_server_new(bench->loop, &at, -1, limits, &events, bench, &error);
    if (bench->server == NULL)
        fail_msg("%s", error.message);
    io_timer_init(bench->loop, &bench->later, on_later, bench);
    io_timer_init(bench->loop, &bench->look, on_look, bench);
    io_timer_init(bench->loop, &bench->give_up, on_give_up, bench);
    io_timer_start(&bench->give_up, io_now_ms(bench->loop) + 20 * SECOND_MS);
    buffer_init(&bench->sunk, 0);
}

static void bench_close(struct bench *bench)
{
    io_timer_stop(&bench->later);
    io_timer_stop(&bench->look);
    io_timer_stop(&bench->give_up);
    http_server_free(bench->server);
    io_loop_free(bench->loop);
    buffer_done(&bench->sunk);
}

/* --- the asking side ------------------------------------------------------------------------- */

static void client_connected(void *user)
{
    struct client *client = user;

    io_stream_write(client->stream, client->send, client->send_len);
    if (client->leave_at_once) {
        io_stream_close(client->stream);
        client->closed = true;
        io_timer_start(&client->bench->give_up, io_now_ms(client->bench->loop) + 300);
    }
}

static void client_received(void *user, const char *bytes, size_t len)
{
    struct client *client = user;

    buffer_append(&client->got, bytes, len);
    if (client->leave_when_told) {
        io_stream_close(client->stream);
        client->closed = true;
        io_timer_start(&client->bench->give_up, io_now_ms(client->bench->loop) + 300);
    }
}

static void client_closed(void *user, enum io_close_reason reason, const char *detail)
{
    struct client *client = user;

    (void)reason;
    (void)detail;
    client->closed = true;
    io_loop_stop(client->bench->loop);
}

static const struct io_stream_events client_events = {client_connected, client_received, NULL,
                                                      client_closed};

static void ask(struct bench *bench, struct client *client, const char *text)
{
    struct io_endpoint to = http_server_endpoint(bench->server), from = {0};
    struct error error = {0};

    client->bench = bench;
    client->send = text;
    client->send_len = strlen(text);
    client->closed = false;
    buffer_init(&client->got, 0);
    assert_int_equal(
        io_connect(bench->loop, &from, &to, &client_events, client, &client->stream, &error), 0);
    io_loop_run(bench->loop);
    buffer_append_byte(&client->got, '\0');
}

static bool has(const struct client *client, const char *text)
{
    return slice_find(buffer_slice(&client->got), slice_from_string(text)) >= 0;
}

static void answer_is(struct bench *bench, const char *request, const char *status,
                      const char *body)
{
    struct client client = {0};

    ask(bench, &client, request);
    if (!has(&client, status) || !has(&client, body))
        fail_msg("to %s\ncame %s", request, client.got.ptr);
    assert_false(has(&client, "Set-Cookie"));
    buffer_done(&client.got);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_answers(void **state)
{
    struct http_limits limits = {.body_bytes = 64};
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    answer_is(&bench,
              "GET /hello%20world?who=a%26b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
              "HTTP/1.1 200", "GET a&b v4");
    answer_is(
        &bench,
        "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nping",
        "HTTP/1.1 200", "ping");
    answer_is(&bench, "GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 202",
              "at last");
    assert_int_equal(bench.ended, 3);
    bench_close(&bench);
}

/* One answer for all; whoever needs a header of its own gets its own. Many headers find room. */
static void test_answers_again(void **state)
{
    static const char request[] = "GET /again HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct http_limits limits = {0};
    struct bench bench;
    char large[2000];

    (void)state;
    bench_open(&bench, &limits);
    bench.answer = http_answer_new(203, "text/plain", "no-store", SLICE("always the same"));
    assert_non_null(bench.answer);
    for (int i = 0; i < 3; i++) {
        answer_is(&bench, request, "HTTP/1.1 203", "always the same");
        answer_is(&bench, request, "Cache-Control: no-store", "X-Content-Type-Options: nosniff");
        answer_is(&bench, "GET /again?own=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                  "X-Own: yes", "in the usual way");
    }
    http_answer_free(bench.answer);
    memset(large, 'a', sizeof(large));
    assert_null(http_answer_new(200, "text/plain", "no-store", slice_from(large, sizeof(large))));
    bench_close(&bench);
}

static void test_bodies_have_a_ceiling(void **state)
{
    struct http_limits limits = {.body_bytes = 8};
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    answer_is(&bench, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n",
              "HTTP/1.1 413", "Too Large");
    answer_is(&bench,
              "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: "
              "chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n",
              "HTTP/1.1 413", "Too Large");
    answer_is(&bench,
              "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n\r\n"
              "12345678",
              "HTTP/1.1 200", "12345678");
    bench_close(&bench);
}

static void test_refuses_before_the_body(void **state)
{
    struct http_limits limits = {0};
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    bench.refuse_at_once = true;
    answer_is(
        &bench,
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nConnection: close\r\n\r\nab",
        "HTTP/1.1 401", "who are you?");
    bench_close(&bench);
}

static void test_streams(void **state)
{
    struct http_limits limits = {0};
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    answer_is(&bench, "GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
              "HTTP/1.1 200", "piece 3");
    bench_close(&bench);
}

static void test_multipart(void **state)
{
    struct http_limits limits = {.body_bytes = 8};
    struct bench bench;

    (void)state;
    bench_open(&bench, &limits);
    bench.use_sink = true;
    answer_is(&bench,
              "POST /sunk HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: "
              "multipart/form-data; boundary=BB\r\nContent-Length: 140\r\n\r\n"
              "--BB\r\nContent-Disposition: form-data; name=\"f\"; filename=\"l.csv\"\r\n\r\n"
              "a@b.example\r\n"
              "--BB\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nx\r\n--BB--\r\n",
              "HTTP/1.1 200", "[f:l.csv]a@b.example[n:]x");
    answer_is(&bench,
              "POST /sunk HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: "
              "multipart/form-data\r\nContent-Length: 3\r\n\r\nabc",
              "HTTP/1.1 400", "no boundary");
    bench_close(&bench);
}

#ifdef FAILS_CALLOC
/* The library's own memory, which is no affair of base/memory.h. */
static void test_multipart_without_memory(void **state)
{
    static const struct {
        enum failing failing;
        const char *type, *status, *body;
    } rows[] = {
        {FAIL_BIG, "multipart/form-data; boundary=BB", "HTTP/1.1 503", "no memory"},
        {FAIL_BIG, "multipart/form-data", "HTTP/1.1 400", "no boundary"},
        {FAIL_BIG, "multipart/form-data; boundary=", "HTTP/1.1 400", "no boundary"},
        {FAIL_NAMES, "multipart/form-data; boundary=BB", "HTTP/1.1 503", "out of memory"},
        {FAIL_NAMES, "multipart/form-data; boundary=BB", "HTTP/1.1 503", "\r\nRetry-After: 5\r\n"},
    };
    struct http_limits limits = {.body_bytes = 8};
    struct bench bench;
    char request[512];

    (void)state;
    bench_open(&bench, &limits);
    bench.use_sink = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(request, sizeof(request),
                 "POST /sunk HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\n"
                 "Content-Length: 77\r\n\r\n"
                 "--BB\r\nContent-Disposition: form-data; name=\"" A_NAME
                 "\"\r\n\r\nx\r\n--BB--\r\n",
                 rows[i].type);
        failing = rows[i].failing;
        answer_is(&bench, request, rows[i].status, rows[i].body);
        failing = FAIL_NONE;
    }
    bench_close(&bench);
}
#endif

static void test_compresses(void **state)
{
    struct http_limits limits = {0};
    struct bench bench;
    struct client client = {0};
    char plain[11000];
    z_stream z = {0};
    ptrdiff_t at;

    (void)state;
    bench_open(&bench, &limits);
    ask(&bench, &client,
        "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_true(has(&client, "Content-Encoding: gzip"));
    at = slice_find(buffer_slice(&client.got), SLICE("\r\n\r\n"));
    assert_true(at > 0);
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = (unsigned char *)client.got.ptr + at + 4;
    z.avail_in = (uInt)(client.got.len - (size_t)at - 4);
    z.next_out = (unsigned char *)plain;
    z.avail_out = sizeof(plain);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, 10000);
    assert_memory_equal(plain + 9990, "0123456789", 10);
    inflateEnd(&z);
    buffer_done(&client.got);
    bench_close(&bench);
}

static void test_hangs_up_on_dripping_headers(void **state)
{
    struct http_limits limits = {.idle_s = 1, .request_s = 1};
    struct bench bench;
    struct client client = {0};

    (void)state;
    bench_open(&bench, &limits);
    ask(&bench, &client, "GET /hel");
    assert_false(bench.timed_out);
    assert_true(client.closed);
    buffer_done(&client.got);
    bench_close(&bench);
}

static void test_client_leaves(void **state)
{
    struct http_limits limits = {0};
    struct bench bench;
    struct client client = {.leave_at_once = true};

    (void)state;
    bench_open(&bench, &limits);
    ask(&bench, &client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(bench.ended, 1);
    buffer_done(&client.got);
    bench_close(&bench);
}

/* Nothing is sent that could fail, and yet it is noticed. */
static void test_client_leaves_a_stream(void **state)
{
    struct http_limits limits = {0};
    struct bench bench;
    struct client client = {.leave_when_told = true};

    (void)state;
    bench_open(&bench, &limits);
    ask(&bench, &client, "GET /silent%20stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(bench.ended, 1);
    assert_true(bench.pieces >= 2);
    buffer_done(&client.got);
    bench_close(&bench);
}

static void test_ends_with_open_requests(void **state)
{
    static const char *const open[] = {
        "GET /never HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12",
        "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"};
    struct http_limits limits = {0};
    struct bench bench;
    struct client clients[ARRAY_LEN(open)] = {0};
    struct http_counts counts;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(open); i++) {
        bench_open(&bench, &limits);
        bench.pieces_wanted = i == 2 ? 1 : 0;
        io_timer_start(&bench.look, io_now_ms(bench.loop) + 10);
        ask(&bench, &clients[i], open[i]);
        assert_false(bench.timed_out);
        http_server_counts(bench.server, &counts);
        assert_int_equal(counts.open_requests, 1);
        if (!clients[i].closed)
            io_stream_close(clients[i].stream);
        buffer_done(&clients[i].got);
        http_server_free(bench.server);
        assert_int_equal(bench.ended, 1);
        bench.server = NULL;
        bench_close(&bench);
    }
}

static void test_address_in_use(void **state)
{
    struct http_limits limits = {0};
    struct bench bench;
    struct error error = {0};
    struct io_endpoint at;

    (void)state;
    bench_open(&bench, &limits);
    at = http_server_endpoint(bench.server);
    assert_null(http_server_new(bench.loop, &at, -1, &limits, &events, &bench, &error));
    assert_int_equal(error.code, ERROR_IO);
    assert_non_null(strstr(error.message, "in use"));
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_answers_again),
        cmocka_unit_test(test_bodies_have_a_ceiling),
        cmocka_unit_test(test_refuses_before_the_body),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_multipart),
#ifdef FAILS_CALLOC
        cmocka_unit_test(test_multipart_without_memory),
#endif
        cmocka_unit_test(test_compresses),
        cmocka_unit_test(test_hangs_up_on_dripping_headers),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_client_leaves_a_stream),
        cmocka_unit_test(test_ends_with_open_requests),
        cmocka_unit_test(test_address_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
