/* Questions wait as timers; answers are made when they fire. */
#include "lab/sim_transport.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/name.h"
#include "lab/world_internal.h"
#include "lab/zone.h"

/* What a client with four tries of two seconds waits for a server that never answers. */
#define TIMEOUT_MS     8000
#define LATENCY_MS_MAX 20

struct sim_transport;

struct question {
    struct question *next, *prev;
    struct sim_transport *transport;
    struct io_timer timer;
    struct dns_question question;
    dns_transport_done *done;
    void *user;
    bool timeout;
};

struct sim_transport {
    struct dns_transport base;
    struct lab_world *world;
    struct question *questions;
    uint16_t next_id;
};

static void question_unlink(struct question *q)
{
    if (q->prev != NULL)
        q->prev->next = q->next;
    else
        q->transport->questions = q->next;
    if (q->next != NULL)
        q->next->prev = q->prev;
    io_timer_stop(&q->timer);
}

static void question_fire(struct io_timer *timer)
{
    struct question *q = timer->user;
    struct sim_transport *transport = q->transport;
    struct dns_header header = {.id = transport->next_id++, .recursion_desired = true};
    struct lab_zone_reply reply;
    uint8_t message[16384];

    question_unlink(q);
    if (q->timeout) {
        q->done(q->user, DNS_TIMEOUT, NULL, 0);
    } else {
        lab_zone_answer(transport->world->scenario, &header, &q->question, false, message,
                        sizeof(message), &reply);
        q->done(q->user, DNS_FOUND, message, reply.len);
    }
    memory_free(q);
}

static int transport_ask(struct dns_transport *base, const char *name, uint16_t type,
                         dns_transport_done *done, void *user)
{
    struct sim_transport *transport = (struct sim_transport *)base;
    struct lab_world *world = transport->world;
    struct dns_header header = {0};
    struct lab_zone_reply reply;
    uint8_t scratch[512];
    uint64_t delay;
    struct question *q;

    if (!dns_name_is_askable(name))
        return ERROR_RANGE;
    q = memory_zalloc(1, sizeof(*q));
    if (q == NULL)
        return ERROR_NOMEM;
    q->transport = transport;
    q->done = done;
    q->user = user;
    (void)slice_to_string(slice_from_string(name), q->question.name, sizeof(q->question.name));
    ascii_lower_bytes(q->question.name, strlen(q->question.name));
    q->question.type = type;
    q->question.dns_class = DNS_CLASS_IN;
    /* Now only for the delay; the answer itself is made when its time has come. */
    lab_zone_answer(world->scenario, &header, &q->question, false, scratch, sizeof(scratch),
                    &reply);
    q->timeout = reply.kind == LAB_FAULT_TIMEOUT || reply.delay_ms >= TIMEOUT_MS;
    delay =
        q->timeout ? TIMEOUT_MS : reply.delay_ms + random_below(&world->random, LATENCY_MS_MAX) + 1;
    io_timer_init(world->loop, &q->timer, question_fire, q);
    if (io_timer_start(&q->timer, io_now_ms(world->loop) + delay) < 0) {
        memory_free(q);
        return ERROR_NOMEM;
    }
    q->next = transport->questions;
    if (q->next != NULL)
        q->next->prev = q;
    transport->questions = q;
    world->counts.questions++;
    return 0;
}

static void transport_free(struct dns_transport *base)
{
    struct sim_transport *transport = (struct sim_transport *)base;

    while (transport->questions != NULL) {
        struct question *q = transport->questions;

        question_unlink(q);
        q->done(q->user, DNS_TIMEOUT, NULL, 0);
        memory_free(q);
    }
    memory_free(transport);
}

static const struct dns_transport_ops transport_ops = {transport_ask, transport_free};

struct dns_transport *lab_sim_transport_new(struct lab_world *world)
{
    struct sim_transport *transport = memory_zalloc(1, sizeof(*transport));

    if (transport == NULL)
        return NULL;
    transport->base.ops = &transport_ops;
    transport->world = world;
    return &transport->base;
}
