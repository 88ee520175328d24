#include "http/client_fake.h"

#include "base/check.h"
#include "base/memory.h"

struct fake_client {
    struct http_client base;
    struct io_loop *loop;
    http_client_fake_answer *answer;
    void *user;
    unsigned open;
};

struct fake_exchange {
    struct http_exchange base;
    struct io_timer timer;
    struct http_outcome outcome;
    void (*done)(void *user, const struct http_outcome *outcome);
    void *user;
};

static void fake_cancel(struct http_exchange *base)
{
    struct fake_exchange *exchange = (struct fake_exchange *)base;

    ((struct fake_client *)base->client)->open--;
    io_timer_stop(&exchange->timer);
    memory_free(exchange);
}

static void fake_done(struct io_timer *timer)
{
    struct fake_exchange *exchange = timer->user;

    exchange->done(exchange->user, &exchange->outcome);
    fake_cancel(&exchange->base);
}

static int fake_post(struct http_client *base, const struct http_post *post,
                     void (*done)(void *user, const struct http_outcome *outcome), void *user,
                     struct http_exchange **ret_exchange, struct error *error)
{
    struct fake_client *client = (struct fake_client *)base;
    struct fake_exchange *exchange = memory_zalloc(1, sizeof(*exchange));

    if (exchange == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    exchange->base.client = base;
    exchange->done = done;
    exchange->user = user;
    io_timer_init(client->loop, &exchange->timer, fake_done, exchange);
    client->answer(client->user, post, &exchange->outcome);
    if (io_timer_start(&exchange->timer, io_now_ms(client->loop) + exchange->outcome.took_ms) !=
        0) {
        memory_free(exchange);
        return error_set(error, ERROR_NOMEM, "out of memory");
    }
    client->open++;
    *ret_exchange = &exchange->base;
    return 0;
}

static void fake_free(struct http_client *base)
{
    CHECK(((struct fake_client *)base)->open == 0);
    memory_free(base);
}

struct http_client *http_client_fake_new(struct io_loop *loop, http_client_fake_answer *answer,
                                         void *user)
{
    static const struct http_client_ops ops = {fake_post, fake_cancel, fake_free};
    struct fake_client *client = memory_zalloc(1, sizeof(*client));

    if (client == NULL)
        return NULL;
    *client = (struct fake_client){{&ops}, loop, answer, user, 0};
    return &client->base;
}
