/*
 * The HTTP client: which URLs it takes, and on the real loop against our own server over loopback.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "http/client.h"
#include "http/server.h"
#include "io/uv_loop.h"

static const struct ip_network loopback[] = {{{4, {127}}, 8}, {{6, {[15] = 1}}, 128}};
static const struct ip_networks nothing = {NULL, 0}, at_home = {loopback, ARRAY_LEN(loopback)};

/* --- URLs ----------------------------------------------------------------------------------------
 */

static const struct {
    const char *url;
    bool is_home;          /* is loopback allowed? */
    const char *complaint; /* within; NULL: fine */
} urls[] = {
    {"https://hooks.example.org/in", false, NULL},
    {"http://hooks.example.org:8080/in?a=b", false, NULL},
    {"https://192.0.2.1.example/", false, NULL},
    {"https://1.1.1.1/", false, NULL},
    {"https://[2606:4700:4700::1111]/", false, NULL},
    {"http://127.0.0.1:8080/", true, NULL},
    {"http://[::1]:8080/", true, NULL},
    {"http://127.0.0.1:8080/", false, "no public address"},
    {"http://2130706433/", false, "no public address"}, /* the same in one number */
    {"http://0x7f.1/", false, "no public address"},
    {"http://[::ffff:10.0.0.1]/", true, "no public address"},
    {"http://169.254.169.254/latest/meta-data", true, "no public address"},
    {"http://10.1.2.3/", true, "no public address"},
    {"http://[fd00::1]/", true, "no public address"},
    {"ftp://hooks.example.org/", false, "must begin with"},
    {"file:///etc/passwd", false, ""},
    {"gopher://hooks.example.org/", false, "must begin with"},
    {"hooks.example.org/in", false, "is no URL"},
    {"", false, "is no URL"},
    {"https://", false, "is no URL"},
    {"https://user:secret@hooks.example.org/", false, "user or password"},
    {"https://user@hooks.example.org/", false, "user or password"},
    {"https://hooks.example.org:25/", false, "port 25"},
    {"https://hooks.example.org:22/", false, "port 22"},
    {"https://hooks.example.org:0/", false, ""},
    {"https://hooks.example.org:70000/", false, ""},
    {"https://hooks.example.org/a\r\nX: y", false, "is no URL"},
};

static void test_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct error error = {0};
        int code = http_client_check_url(urls[i].url, urls[i].is_home ? at_home : nothing, &error);

        if (code != (urls[i].complaint != NULL ? ERROR_USAGE : 0))
            fail_msg("%s: %d %s", urls[i].url, code, error.message);
        if (urls[i].complaint != NULL && strstr(error.message, urls[i].complaint) == NULL)
            fail_msg("%s: \"%s\" lacks \"%s\"", urls[i].url, error.message, urls[i].complaint);
    }
}

static void test_long_urls(void **state)
{
    char url[HTTP_CLIENT_URL_MAX + 2];
    struct error error = {0};

    (void)state;
    memset(url, 'a', sizeof(url));
    memcpy(url, "https://a.example/", 18);
    url[HTTP_CLIENT_URL_MAX] = '\0';
    assert_int_equal(http_client_check_url(url, nothing, &error), 0);
    url[HTTP_CLIENT_URL_MAX] = 'a';
    url[HTTP_CLIENT_URL_MAX + 1] = '\0';
    assert_int_equal(http_client_check_url(url, nothing, &error), ERROR_USAGE);
}

/* --- posting -------------------------------------------------------------------------------------
 */

struct bench {
    struct io_loop *loop;
    struct http_server *server;
    struct http_client *client;
    struct http_exchange *exchange;
    struct io_timer give_up, later;
    unsigned requests, done;
    unsigned status;
    char answer[HTTP_CLIENT_ANSWER_MAX + 1], failure[300], got[300];
    bool timed_out;
};

static ptrdiff_t read_without_end(void *user, char *out, size_t size)
{
    (void)user;
    memset(out, 'x', size);
    return (ptrdiff_t)size;
}

static void complete(void *user, struct http_request *request)
{
    struct bench *bench = user;
    const char *path = http_request_path(request);

    bench->requests++;
    snprintf(bench->got, sizeof(bench->got), "%s %s|%s|%s|%.*s", http_request_method(request), path,
             http_request_header(request, "Content-Type"), http_request_header(request, "X-Mark"),
             SLICE_ARG(http_request_body(request)));
    if (strcmp(path, "/silence") == 0)
        return;
    if (strcmp(path, "/elsewhere") == 0) {
        http_response_header(request, "Location", "/there");
        http_respond(request, 302, "text/plain", SLICE("go there"));
    } else if (strcmp(path, "/flood") == 0) {
        http_respond_stream(request, 200, "text/plain", read_without_end, bench);
    } else {
        http_respond(request, strcmp(path, "/bad") == 0 ? 500 : 200, "text/plain", SLICE("well"));
    }
}

static void begin(void *user, struct http_request *request)
{
    (void)user;
    (void)request;
}

static void ended(void *user, struct http_request *request, void *cookie)
{
    (void)user;
    (void)request;
    (void)cookie;
}

static void give_up(struct io_timer *timer)
{
    struct bench *bench = timer->user;

    bench->timed_out = true;
    io_loop_stop(bench->loop);
}

static void cancel(struct io_timer *timer)
{
    struct bench *bench = timer->user;

    http_exchange_cancel(bench->exchange);
    io_loop_stop(bench->loop);
}

static void open_bench(struct bench *bench, struct ip_networks allowed)
{
    static const struct http_events events = {begin, complete, ended};
    const struct io_endpoint at = {.ip = {4, {127, 0, 0, 1}}};
    const struct http_limits limits = {0};
    struct error error = {0};

    memset(bench, 0, sizeof(*bench));
    bench->loop = io_uv_loop_new(&error);
    assert_non_null(bench->loop);
    bench->server = http_server_new(bench->loop, &at, -1, &limits, &events, bench, &error);
    assert_non_null(bench->server);
    bench->client = http_client_new(bench->loop, allowed, &error);
    assert_non_null(bench->client);
    io_timer_init(bench->loop, &bench->give_up, give_up, bench);
    io_timer_init(bench->loop, &bench->later, cancel, bench);
}

static void close_bench(struct bench *bench)
{
    io_timer_stop(&bench->give_up);
    http_client_free(bench->client);
    http_server_free(bench->server);
    io_loop_free(bench->loop);
}

static void done(void *user, const struct http_outcome *outcome)
{
    struct bench *bench = user;

    bench->done++;
    bench->status = outcome->status;
    snprintf(bench->answer, sizeof(bench->answer), "%.*s", SLICE_ARG(outcome->answer));
    snprintf(bench->failure, sizeof(bench->failure), "%s",
             outcome->failure != NULL ? outcome->failure : "");
    io_loop_stop(bench->loop);
}

/* Post and run until it is over. */
static void post(struct bench *bench, const char *host, const char *path, uint64_t timeout_ms)
{
    static const char *const headers[] = {"X-Mark: here"};
    char url[200];
    struct http_post what = {
        .url = url,
        .headers = headers,
        .header_count = 1,
        .body = SLICE("{\"a\":1}"),
        .timeout_ms = timeout_ms,
    };
    struct error error = {0};

    bench->done = 0;
    snprintf(url, sizeof(url), "http://%s:%u%s", host, http_server_endpoint(bench->server).port,
             path);
    if (http_client_post(bench->client, &what, done, bench, &bench->exchange, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(bench->done, 0);
    io_timer_start(&bench->give_up, io_now_ms(bench->loop) + 20 * SECOND_MS);
    io_loop_run(bench->loop);
    assert_false(bench->timed_out);
}

static void test_post(void **state)
{
    struct bench bench;

    (void)state;
    open_bench(&bench, at_home);
    post(&bench, "127.0.0.1", "/in", 5000);
    assert_int_equal(bench.status, 200);
    assert_string_equal(bench.answer, "well");
    assert_string_equal(bench.failure, "");
    assert_string_equal(bench.got, "POST /in|application/json|here|{\"a\":1}");
    post(&bench, "127.0.0.1", "/bad", 5000);
    assert_int_equal(bench.status, 500);
    close_bench(&bench);
}

static void test_redirects_are_not_followed(void **state)
{
    struct bench bench;

    (void)state;
    open_bench(&bench, at_home);
    post(&bench, "127.0.0.1", "/elsewhere", 5000);
    assert_int_equal(bench.status, 302);
    assert_int_equal(bench.requests, 1);
    close_bench(&bench);
}

/* A name passes as a URL; what it leads to is looked at when a socket is made for it. */
static void test_names_that_lead_home(void **state)
{
    struct bench bench;

    (void)state;
    open_bench(&bench, nothing);
    post(&bench, "localhost", "/in", 5000);
    assert_int_equal(bench.done, 1);
    assert_int_equal(bench.status, 0);
    if (strstr(bench.failure, "loopback") == NULL)
        fail_msg("%s", bench.failure);
    assert_int_equal(bench.requests, 0);
    close_bench(&bench);
}

static void test_long_answers_are_cut(void **state)
{
    struct bench bench;

    (void)state;
    open_bench(&bench, at_home);
    post(&bench, "127.0.0.1", "/flood", 5000);
    assert_int_equal(bench.status, 200);
    assert_int_equal(strlen(bench.answer), HTTP_CLIENT_ANSWER_MAX);
    close_bench(&bench);
}

static void test_silence_and_refusal(void **state)
{
    struct bench bench;
    struct error error = {0};
    struct http_post what = {
        .url = "http://127.0.0.1:1025/", .body = SLICE("{}"), .timeout_ms = 5000};

    (void)state;
    open_bench(&bench, at_home);
    post(&bench, "127.0.0.1", "/silence", 200);
    assert_int_equal(bench.status, 0);
    assert_int_not_equal(bench.failure[0], '\0');
    /* Nobody listens there. */
    assert_int_equal(http_client_post(bench.client, &what, done, &bench, &bench.exchange, &error),
                     0);
    io_loop_run(bench.loop);
    assert_int_equal(bench.status, 0);
    assert_int_not_equal(bench.failure[0], '\0');
    /* No URL at all is said at once. */
    what.url = "http://10.0.0.1/";
    assert_int_equal(http_client_post(bench.client, &what, done, &bench, &bench.exchange, &error),
                     ERROR_USAGE);
    close_bench(&bench);
}

static void test_cancel(void **state)
{
    struct bench bench;

    (void)state;
    open_bench(&bench, at_home);
    io_timer_start(&bench.later, io_now_ms(bench.loop) + 100);
    post(&bench, "127.0.0.1", "/silence", 5000);
    assert_int_equal(bench.done, 0);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_long_urls),
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_redirects_are_not_followed),
        cmocka_unit_test(test_names_that_lead_home),
        cmocka_unit_test(test_long_answers_are_cut),
        cmocka_unit_test(test_silence_and_refusal),
        cmocka_unit_test(test_cancel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
