#include "flaky.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"

struct flaky {
    struct dns_transport base;
    struct dns_transport *inner;
    struct random random;
    unsigned permille;
};

struct question {
    struct flaky *flaky;
    dns_transport_done *done;
    void *user;
};

static void answered(void *user, enum dns_outcome outcome, const uint8_t *message, size_t len)
{
    static const enum dns_outcome ways[] = {DNS_TIMEOUT, DNS_UNREACHABLE, DNS_BOGUS};
    struct question question = *(struct question *)user;
    struct flaky *flaky = question.flaky;

    memory_free(user);
    if (random_chance(&flaky->random, flaky->permille, 1000)) {
        outcome = ways[random_below(&flaky->random, 3)];
        message = NULL;
        len = 0;
    }
    question.done(question.user, outcome, message, len);
}

static int ask(struct dns_transport *base, const char *name, uint16_t type,
               dns_transport_done *done, void *user)
{
    struct flaky *flaky = (struct flaky *)base;
    struct question *question = memory_alloc(sizeof(*question));
    int code;

    if (question == NULL)
        return ERROR_NOMEM;
    *question = (struct question){flaky, done, user};
    code = dns_transport_ask(flaky->inner, name, type, answered, question);
    if (code != 0)
        memory_free(question);
    return code;
}

static void flaky_free(struct dns_transport *base)
{
    memory_free(base);
}

static const struct dns_transport_ops flaky_ops = {ask, flaky_free};

struct dns_transport *flaky_transport_new(struct dns_transport *inner, unsigned permille,
                                          uint64_t seed)
{
    struct flaky *flaky = memory_zalloc(1, sizeof(*flaky));

    if (flaky == NULL)
        return NULL;
    flaky->base.ops = &flaky_ops;
    flaky->inner = inner;
    flaky->permille = permille;
    random_init(&flaky->random, seed);
    return &flaky->base;
}
