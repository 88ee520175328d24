/* The client over libcurl's multi interface, its sockets and time-outs in the hands of the loop. */
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/list.h"
#include "base/memory.h"
#include "http/client.h"

#define CONNECT_MS       (5 * SECOND_MS)
#define ANSWER_BYTES_MAX 65536 /* beyond it the connection is closed; its status counts */

struct curl_client {
    struct http_client base;
    struct io_loop *loop;
    struct ip_networks allowed;
    CURLM *multi;
    struct io_timer timer;
    struct list exchanges;
};

/* A descriptor of libcurl's that the loop watches. */
struct watched {
    struct curl_client *client;
    struct io_watch *watch;
    int fd;
};

struct curl_exchange {
    struct http_exchange base;
    struct list_node node;
    CURL *easy;
    struct curl_slist *headers;
    void (*done)(void *user, const struct http_outcome *outcome);
    void *user;
    uint64_t begun_ms;
    struct ip refused; /* an address that must not be connected to; family 0: none */
    char trouble[CURL_ERROR_SIZE];
    size_t answer_len, answer_bytes; /* kept; come */
    char answer[HTTP_CLIENT_ANSWER_MAX];
};

static void exchange_free(struct curl_exchange *exchange)
{
    struct curl_client *client = (struct curl_client *)exchange->base.client;

    list_remove(&exchange->node);
    if (exchange->easy != NULL) {
        (void)curl_multi_remove_handle(client->multi, exchange->easy);
        curl_easy_cleanup(exchange->easy);
    }
    curl_slist_free_all(exchange->headers);
    memory_free(exchange);
}

/* --- what ended ----------------------------------------------------------------------------------
 */

static void finish(struct curl_exchange *exchange, CURLcode code)
{
    struct curl_client *client = (struct curl_client *)exchange->base.client;
    struct http_outcome outcome = {
        .answer = slice_from(exchange->answer, exchange->answer_len),
        .took_ms = io_now_ms(client->loop) - exchange->begun_ms,
    };
    char refusal[IP_TEXT_SIZE + 100], ip[IP_TEXT_SIZE];
    long status = 0;

    (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    /* Cut off by us for its length: it was an answer all the same. */
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && status != 0))
        outcome.status = (unsigned)status;
    if (outcome.status == 0 && exchange->refused.family != 0) {
        snprintf(refusal, sizeof(refusal),
                 "the name leads to %s (%s): --allow-net opens ranges of your own",
                 ip_format(&exchange->refused, ip), ip_reserved_range(&exchange->refused));
        outcome.failure = refusal;
    } else if (outcome.status == 0) {
        outcome.failure = exchange->trouble[0] != '\0' ? exchange->trouble
                          : code != CURLE_OK           ? curl_easy_strerror(code)
                                                       : "the answer is not HTTP";
    }
    exchange->done(exchange->user, &outcome);
    exchange_free(exchange);
}

static void reap(struct curl_client *client)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        struct curl_exchange *exchange = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        CHECK(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange) == CURLE_OK);
        finish(exchange, message->data.result);
    }
}

/* --- libcurl and the loop ------------------------------------------------------------------------
 */

static void advance(struct curl_client *client, curl_socket_t fd, int what)
{
    int running;

    (void)curl_multi_socket_action(client->multi, fd, what, &running);
    reap(client);
}

static void on_ready(void *user, unsigned events)
{
    struct watched *watched = user;

    /* May free `watched`. */
    advance(watched->client, watched->fd,
            (events & IO_READABLE ? CURL_CSELECT_IN : 0) |
                (events & IO_WRITABLE ? CURL_CSELECT_OUT : 0));
}

static void on_time(struct io_timer *timer)
{
    advance(timer->user, CURL_SOCKET_TIMEOUT, 0);
}

static int time_wanted(CURLM *multi, long timeout_ms, void *user)
{
    struct curl_client *client = user;

    (void)multi;
    if (timeout_ms < 0)
        io_timer_stop(&client->timer);
    else if (io_timer_start(&client->timer, io_now_ms(client->loop) + (uint64_t)timeout_ms) != 0)
        return -1;
    return 0;
}

static void unwatch(struct curl_client *client, struct watched *watched)
{
    (void)curl_multi_assign(client->multi, watched->fd, NULL);
    if (watched->watch != NULL)
        io_watch_stop(watched->watch);
    memory_free(watched);
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    struct curl_client *client = user;
    struct watched *watched = socket_user;
    unsigned events =
        (what & CURL_POLL_IN ? IO_READABLE : 0) | (what & CURL_POLL_OUT ? IO_WRITABLE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watched != NULL)
            unwatch(client, watched);
        return 0;
    }
    if (watched != NULL)
        return io_watch_change(watched->watch, events) == 0 ? 0 : -1;
    watched = memory_zalloc(1, sizeof(*watched));
    if (watched == NULL)
        return -1;
    watched->client = client;
    watched->fd = fd;
    if (io_watch_start(client->loop, fd, events, on_ready, watched, &watched->watch) != 0) {
        memory_free(watched);
        return -1;
    }
    (void)curl_multi_assign(client->multi, fd, watched);
    return 0;
}

/* --- what an exchange asks of us -----------------------------------------------------------------
 */

static bool read_address(const struct curl_sockaddr *address, struct ip *ret_ip)
{
    *ret_ip = (struct ip){0};
    if (address->family == AF_INET) {
        ret_ip->family = 4;
        memcpy(ret_ip->bytes, &((const struct sockaddr_in *)&address->addr)->sin_addr, 4);
    } else if (address->family == AF_INET6) {
        ret_ip->family = 6;
        memcpy(ret_ip->bytes,
               &((const struct sockaddr_in6 *)(const void *)&address->addr)->sin6_addr, 16);
    }
    return ret_ip->family != 0;
}

/* The one place where it is decided who may be connected to: after all names were looked up. */
static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct curl_exchange *exchange = user;
    const struct curl_client *client = (const struct curl_client *)exchange->base.client;
    struct ip ip;

    if (purpose != CURLSOCKTYPE_IPCXN || !read_address(address, &ip))
        return CURL_SOCKET_BAD;
    if (!ip_may_probe(&ip, client->allowed)) {
        exchange->refused = ip;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *user)
{
    struct curl_exchange *exchange = user;
    size_t room = sizeof(exchange->answer) - exchange->answer_len, len = size * count;

    exchange->answer_bytes += len;
    if (room > len)
        room = len;
    memcpy(exchange->answer + exchange->answer_len, bytes, room);
    exchange->answer_len += room;
    return exchange->answer_bytes > ANSWER_BYTES_MAX ? 0 : len;
}

/* --- posting
 * -------------------------------------------------------------------------------------- */

static bool add_header(struct curl_exchange *exchange, const char *header)
{
    struct curl_slist *grown = curl_slist_append(exchange->headers, header);

    if (grown == NULL)
        return false;
    exchange->headers = grown;
    return true;
}

/* A value that libcurl would not take is a lack of memory: all of them are known to it. */
#define SET(option, value) (code == CURLE_OK ? code = curl_easy_setopt(easy, option, value) : code)

static bool prepare(struct curl_exchange *exchange, const struct http_post *post)
{
    CURL *easy = exchange->easy;
    CURLcode code = CURLE_OK;

    SET(CURLOPT_PRIVATE, exchange);
    SET(CURLOPT_URL, post->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* whatever the environment says: a proxy would look names up for us */
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_HTTPHEADER, exchange->headers);
    SET(CURLOPT_USERAGENT, "mailknock/" MK_VERSION);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.len);
    SET(CURLOPT_COPYPOSTFIELDS, post->body.ptr);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, exchange);
    SET(CURLOPT_WRITEFUNCTION, take_answer);
    SET(CURLOPT_WRITEDATA, exchange);
    SET(CURLOPT_ERRORBUFFER, exchange->trouble);
    SET(CURLOPT_TIMEOUT_MS, (long)post->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    SET(CURLOPT_FORBID_REUSE, 1L); /* calls are rare: no idle connections to look after */
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* giving up does not wait for a resolver that is asleep */
    return code == CURLE_OK;
}

#undef SET

static int client_post(struct http_client *base, const struct http_post *post,
                       void (*done)(void *user, const struct http_outcome *outcome), void *user,
                       struct http_exchange **ret_exchange, struct error *error)
{
    struct curl_client *client = (struct curl_client *)base;
    struct curl_exchange *exchange;
    bool is_ready;
    int code = http_client_check_url(post->url, client->allowed, error);

    if (code != 0)
        return code;
    exchange = memory_zalloc(1, sizeof(*exchange));
    if (exchange == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    exchange->base.client = base;
    exchange->done = done;
    exchange->user = user;
    exchange->begun_ms = io_now_ms(client->loop);
    list_append(&client->exchanges, &exchange->node);
    exchange->easy = curl_easy_init();
    /* "Expect:" keeps libcurl from asking leave for a larger body. */
    is_ready = exchange->easy != NULL && add_header(exchange, "Content-Type: application/json") &&
               add_header(exchange, "Expect:");
    for (size_t i = 0; is_ready && i < post->header_count; i++)
        is_ready = add_header(exchange, post->headers[i]);
    if (!is_ready || !prepare(exchange, post) ||
        curl_multi_add_handle(client->multi, exchange->easy) != CURLM_OK) {
        exchange_free(exchange);
        return error_set(error, ERROR_NOMEM, "out of memory");
    }
    *ret_exchange = &exchange->base;
    return 0;
}

static void client_cancel(struct http_exchange *exchange)
{
    exchange_free((struct curl_exchange *)exchange);
}

static void client_free(struct http_client *base)
{
    struct curl_client *client = (struct curl_client *)base;

    CHECK(list_is_empty(&client->exchanges));
    if (client->multi != NULL)
        (void)curl_multi_cleanup(client->multi);
    io_timer_stop(&client->timer);
    memory_free(client);
    curl_global_cleanup();
}

struct http_client *http_client_new(struct io_loop *loop, struct ip_networks allowed,
                                    struct error *error)
{
    static const struct http_client_ops ops = {client_post, client_cancel, client_free};
    struct curl_client *client = memory_zalloc(1, sizeof(*client));

    if (client == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(error, ERROR_NOMEM, "out of memory");
        memory_free(client);
        return NULL;
    }
    client->base.ops = &ops;
    client->loop = loop;
    client->allowed = allowed;
    list_init(&client->exchanges);
    io_timer_init(loop, &client->timer, on_time, client);
    client->multi = curl_multi_init();
    if (client->multi == NULL ||
        curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted) != CURLM_OK ||
        curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client) != CURLM_OK ||
        curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, time_wanted) != CURLM_OK ||
        curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client) != CURLM_OK) {
        client_free(&client->base);
        error_set(error, ERROR_NOMEM, "out of memory");
        return NULL;
    }
    return &client->base;
}
