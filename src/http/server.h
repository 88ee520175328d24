/*
 * An HTTP/1.1 server on the loop: requests come in whole, answers go out now, later or bit by bit.
 *
 * libmicrohttpd parses and writes; its epoll descriptor is one more descriptor of the loop, so that
 * handlers run on the loop's thread like everything else and need no locks. This folder knows
 * nothing of what is served. Every size and time that a client could stretch has a ceiling.
 */
#ifndef MK_HTTP_SERVER_H
#define MK_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "io/loop.h"

struct http_server;
struct http_request;

struct http_limits {
    unsigned connections; /* at a time; 0: 2000 */
    size_t body_bytes;    /* of a buffered body; 0: 1 MiB */
    unsigned idle_s;      /* between bytes of a request, and between requests; 0: 60 */
    unsigned request_s;   /* from the first byte of a request to its last header; 0: 15 */
};

struct http_events {
    /*
     * The headers of a request are there. Set a sink (http_request_set_sink) to take the body in
     * pieces, or answer at once (a refusal: the body is not read, the connection closed); otherwise
     * the body is kept, and one above the ceiling is answered 413 without asking anybody.
     */
    void (*begin)(void *user, struct http_request *request);
    /*
     * The whole body is there: answer now, or later from anywhere on the loop. A request stays
     * valid until `ended`.
     */
    void (*complete)(void *user, struct http_request *request);
    /* Answered and sent, or the client went away: forget it. `cookie` is what was set. */
    void (*ended)(void *user, struct http_request *request, void *cookie);
};

/*
 * Listen at `at` (port 0: any), or on `listen_fd` when that is not negative (socket activation).
 * NULL and *error on failure (address in use: the message says so).
 */
struct http_server *http_server_new(struct io_loop *loop, const struct io_endpoint *at,
                                    int listen_fd, const struct http_limits *limits,
                                    const struct http_events *events, void *user,
                                    struct error *error);
/* A listening socket for it, bound now: port 0: any. Not negative, or ERROR_IO. */
int http_server_listen(const struct io_endpoint *at, struct error *error);
struct io_endpoint http_server_endpoint(const struct http_server *server);
/* No new connections; those there go on. */
void http_server_quiesce(struct http_server *server);
/* Open requests end (`ended` is called). NULL accepted. */
void http_server_free(struct http_server *server);

struct http_counts {
    uint64_t connections, requests, open_connections, open_requests;
};
void http_server_counts(const struct http_server *server, struct http_counts *ret_counts);

/* --- a request -------------------------------------------------------------------------------- */

const char *http_request_method(const struct http_request *request); /* "GET" */
const char *http_request_path(const struct http_request *request); /* decoded, without the query */
struct io_endpoint http_request_peer(const struct http_request *request);
uint64_t http_request_started_ms(const struct http_request *request);
/* NULL when absent. Names of headers without regard to case. */
const char *http_request_header(const struct http_request *request, const char *name);
const char *http_request_cookie(const struct http_request *request, const char *name);
const char *http_request_query(const struct http_request *request, const char *name);
/* Every query argument in turn; stops when `each` returns false. value may be NULL. */
void http_request_each_query(const struct http_request *request,
                             bool (*each)(void *user, const char *name, const char *value),
                             void *user);
/* What was buffered; until `ended`. */
struct slice http_request_body(const struct http_request *request);

void http_request_set_cookie_pointer(struct http_request *request, void *cookie);
void *http_request_cookie_pointer(const struct http_request *request);

/*
 * Take the body in pieces; only from `begin`. Returning false refuses the rest: the sink has
 * answered. With multipart/form-data the pieces are those of its fields, `name` and `filename` said
 * with each (offset 0 begins one); otherwise both are NULL.
 */
typedef bool http_sink(void *user, struct http_request *request, const char *name,
                       const char *filename, const char *bytes, size_t len, uint64_t offset);
/* ERROR_FORMAT: a multipart body without boundary; ERROR_NOMEM. */
int http_request_set_sink(struct http_request *request, http_sink *sink, void *user);

/* --- the answer: exactly one of http_respond... a request --------------------------------------
 */

/* Before the answer. Values with CR or LF are left out. */
void http_response_header(struct http_request *request, const char *name, const char *value);

/* Copies the body; compressed when that pays and the client takes it. */
void http_respond(struct http_request *request, unsigned status, const char *content_type,
                  struct slice body);

/* The same, and the buffer's bytes are taken over: it is empty afterwards. */
void http_respond_buffer(struct http_request *request, unsigned status, const char *content_type,
                         struct buffer *body);

/*
 * An answer that is made once and given to many requests: what is asked for again and again costs
 * no copies. NULL: no memory, or it is so large that it is compressed for those who take that.
 */
struct http_answer;
struct http_answer *http_answer_new(unsigned status, const char *content_type,
                                    const char *cache_control, struct slice body);
/* NULL accepted. What is being sent is sent to its end. */
void http_answer_free(struct http_answer *answer);
/* False: this request must be answered in the usual way: its answer has headers of its own, or the
   request has waited. */
bool http_respond_again(struct http_request *request, const struct http_answer *answer);

/*
 * An answer in pieces. `read` fills out[size] and returns how much: 0: nothing now
 * (http_respond_wake when there is), HTTP_READ_END, HTTP_READ_ABORT (the connection breaks, so that
 * nobody takes half for the whole). Called from the loop. `user` must live until `ended`.
 */
#define HTTP_READ_END   (-1)
#define HTTP_READ_ABORT (-2)
typedef ptrdiff_t http_read(void *user, char *out, size_t size);
void http_respond_stream(struct http_request *request, unsigned status, const char *content_type,
                         http_read *read, void *user);
/* There is something to read again. No-op when the stream is not waiting. */
void http_respond_wake(struct http_request *request);

/* Of the answer; 0: none yet. */
unsigned http_request_status(const struct http_request *request);
bool http_request_is_answered(const struct http_request *request);

#endif
