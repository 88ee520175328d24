/*
 * An HTTP client on the loop: one body is posted, what became of it is told.
 *
 * It calls addresses that people type in (webhooks), so it goes nowhere they could use it to look
 * into the operator's own network: every address is checked at the moment a socket is made for it,
 * whatever DNS said before; redirects are not followed, no proxy is asked, answers are read only so
 * far. libcurl stands behind it; http/client_fake.h answers from memory. This folder knows nothing
 * of what is posted.
 */
#ifndef MK_HTTP_CLIENT_H
#define MK_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ip.h"
#include "base/slice.h"
#include "io/loop.h"

#define HTTP_CLIENT_URL_MAX    2000 /* bytes */
#define HTTP_CLIENT_ANSWER_MAX 1024 /* octets of an answer's body that are kept */

struct http_client;
struct http_exchange;

struct http_post {
    const char *url;
    const char *const *headers; /* "Name: value", without CR and LF */
    size_t header_count;
    struct slice body; /* of type application/json */
    uint64_t timeout_ms;
};

struct http_outcome {
    unsigned status;     /* of the answer; 0: there was none */
    struct slice answer; /* the first HTTP_CLIENT_ANSWER_MAX octets of its body */
    uint64_t took_ms;
    const char *failure; /* why there was no answer, for people; NULL when there was one */
};

/*
 * Begin; everything is copied. `done` comes once from the loop, never from inside this call, and
 * frees the exchange. ERROR_NOMEM; ERROR_USAGE: the URL is none to post to.
 */
int http_client_post(struct http_client *client, const struct http_post *post,
                     void (*done)(void *user, const struct http_outcome *outcome), void *user,
                     struct http_exchange **ret_exchange, struct error *error);
/* Nobody wants to know any more; `done` is not called. */
void http_exchange_cancel(struct http_exchange *exchange);
/* NULL accepted; every exchange must have ended or been cancelled. Not from inside `done`. */
void http_client_free(struct http_client *client);

/*
 * May one post to this URL? http or https, without user and password, to port 80, 443 or 1024 and
 * above; an address instead of a name must be public or in `allowed`. ERROR_USAGE says what is
 * wrong. Names are not looked up here: where they lead is checked when the call is made.
 */
int http_client_check_url(const char *url, struct ip_networks allowed, struct error *error);

/* The real one. `allowed` is borrowed. NULL and *error on failure. */
struct http_client *http_client_new(struct io_loop *loop, struct ip_networks allowed,
                                    struct error *error);

/* --- for implementations -----------------------------------------------------------------------
 */

struct http_client_ops {
    int (*post)(struct http_client *client, const struct http_post *post,
                void (*done)(void *user, const struct http_outcome *outcome), void *user,
                struct http_exchange **ret_exchange, struct error *error);
    void (*cancel)(struct http_exchange *exchange);
    void (*free)(struct http_client *client);
};

/* First members of every implementation. */
struct http_client {
    const struct http_client_ops *ops;
};
struct http_exchange {
    struct http_client *client;
};

#endif
