/*
 * A client that answers from memory, for tests: on any loop, without a network.
 */
#ifndef MK_HTTP_CLIENT_FAKE_H
#define MK_HTTP_CLIENT_FAKE_H

#include "http/client.h"

/* What the other side would say. The outcome's texts must live until it was told. */
typedef void http_client_fake_answer(void *user, const struct http_post *post,
                                     struct http_outcome *ret_outcome);

/* Every post is answered by `answer` after outcome.took_ms of the loop's time. NULL: no memory. */
struct http_client *http_client_fake_new(struct io_loop *loop, http_client_fake_answer *answer,
                                         void *user);

#endif
