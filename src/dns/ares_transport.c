/*
 * Questions waiting, under way, resting and finished; which server gets which.
 *
 * A question is in exactly one list. c-ares is entered at one place (question_send, lane_ready,
 * on_tick) and left before anything else is done: what its callbacks leave behind is settled by
 * transport_settle. Only answers are handed on from inside a callback, where their octets live.
 */
#include "dns/ares_transport.h"

#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "dns/ares_server.h"
#include "dns/writer.h"

#define TIMEOUT_MS     2000
#define TRIES          4
#define OUTSTANDING    2000
#define TICK_MS        20   /* ares_timeout() looks at every question: 30 us at 5,000 */
#define REST_MS        500  /* before asking again those that refused at once: they may restart */
#define ANSWER_COST    2304 /* of the kernel's receive buffer for one small answer, at worst */
#define BURST_MIN      32
#define BURST_MAX      256 /* what a server's receive buffer holds when nobody has enlarged it */
#define ID_COUNT       65536
#define NO_DNS_SERVERS "no DNS servers: name one with --resolver, or in /etc/resolv.conf"

struct question {
    struct list_node node;
    struct ares_transport *transport;
    dns_transport_done *done; /* NULL: told already, when the transport was freed */
    void *user;
    struct dns_ares_server *server; /* asked last */
    uint64_t due_ms;                /* of a resting one */
    uint8_t *refusal;               /* the last message that was no help, owned; or NULL */
    size_t refusal_len;
    enum dns_outcome failure;
    uint32_t asked; /* servers of this round, by bit */
    unsigned tries;
    uint16_t type, id;
    bool edns;        /* as it was sent last */
    bool was_formerr; /* with EDNS */
    char name[];
};

struct ares_transport {
    struct dns_transport base;
    struct io_loop *loop;
    struct io_timer tick;
    struct dns_ares_server servers[DNS_ARES_SERVERS_MAX];
    size_t server_count;
    unsigned tries, outstanding, outstanding_max;
    unsigned burst, burst_max; /* sent in this tick and not answered: what buffers can hold */
    unsigned depth;            /* of calls that may call back */
    bool closing;
    struct list waiting, asked, resting, finished;
    struct dns_ares_counts counts;
    uint64_t ids[ID_COUNT / 64]; /* in use: c-ares tells answers apart by id and question only */
    uint16_t random_ids[128];
    size_t random_left;
};

static const struct dns_transport_ops transport_ops;

/* --- ids ----------------------------------------------------------------------------------- */

static uint16_t id_take(struct ares_transport *transport)
{
    for (;;) {
        uint16_t id;

        if (transport->random_left == 0) {
            ssize_t len = getrandom(transport->random_ids, sizeof(transport->random_ids), 0);

            CHECK(len == (ssize_t)sizeof(transport->random_ids)); /* up to 256: never in part */
            transport->random_left = ARRAY_LEN(transport->random_ids);
        }
        id = transport->random_ids[--transport->random_left];
        if ((transport->ids[id / 64] >> id % 64 & 1) == 0) {
            transport->ids[id / 64] |= UINT64_C(1) << id % 64;
            return id;
        }
    }
}

static void id_give_back(struct ares_transport *transport, uint16_t id)
{
    transport->ids[id / 64] &= ~(UINT64_C(1) << id % 64);
}

/* --- which server -------------------------------------------------------------------------- */

static struct dns_ares_server *server_not_asked(struct question *question, bool usable_only)
{
    struct ares_transport *transport = question->transport;

    for (size_t i = 0; i < transport->server_count; i++) {
        struct dns_ares_server *server = &transport->servers[i];

        if ((question->asked >> i & 1) == 0 && (!usable_only || dns_ares_server_is_usable(server)))
            return server;
    }
    return NULL;
}

/* The next server in this round, or the first of the next; the dead only when all are. */
static struct dns_ares_server *server_pick(struct question *question)
{
    struct dns_ares_server *server = server_not_asked(question, true);
    uint32_t asked = question->asked;

    if (server == NULL) {
        question->asked = 0;
        server = server_not_asked(question, true);
    }
    if (server == NULL) {
        question->asked = asked;
        server = server_not_asked(question, false);
    }
    if (server == NULL) {
        question->asked = 0;
        server = server_not_asked(question, false);
    }
    question->asked |= UINT32_C(1) << (server - question->transport->servers);
    return server;
}

/* --- the end of a question ----------------------------------------------------------------- */

static void question_free(struct question *question)
{
    memory_free(question->refusal);
    memory_free(question);
}

static void question_tell(struct question *question, enum dns_outcome outcome,
                          const uint8_t *message, size_t len)
{
    struct ares_transport *transport = question->transport;

    transport->depth++;
    question->done(question->user, outcome, message, len);
    transport->depth--;
    question_free(question);
}

/* Nothing more is to be had: told soon, but not from here. */
static void question_give_up(struct question *question)
{
    list_append(&question->transport->finished, &question->node);
}

static void question_again(struct question *question)
{
    struct ares_transport *transport = question->transport;
    bool rests = question->failure == DNS_UNREACHABLE && server_not_asked(question, true) == NULL;

    if (question->tries >= transport->tries) {
        question_give_up(question);
    } else if (rests) {
        question->due_ms = io_now_ms(transport->loop) + REST_MS;
        list_append(&transport->resting, &question->node);
    } else {
        list_prepend(&transport->waiting, &question->node);
    }
}

/* --- answers ------------------------------------------------------------------------------- */

static void refusal_keep(struct question *question, const uint8_t *message, size_t len)
{
    uint8_t *copy = memory_alloc(len);

    if (copy == NULL)
        return;
    memcpy(copy, message, len);
    memory_free(question->refusal);
    question->refusal = copy;
    question->refusal_len = len;
}

static void question_on_message(struct question *question, const uint8_t *message, size_t len)
{
    uint8_t rcode = message[3] & 15;

    dns_ares_server_note_answer(question->server);
    if (rcode == DNS_RCODE_FORMERR && question->edns) {
        question->was_formerr = true;
        list_prepend(&question->transport->waiting, &question->node);
        return;
    }
    if (question->was_formerr && rcode != DNS_RCODE_FORMERR)
        question->server->edns = false;
    question->was_formerr = false;
    if (rcode == DNS_RCODE_NOERROR || rcode == DNS_RCODE_NXDOMAIN ||
        question->tries >= question->transport->tries || server_not_asked(question, true) == NULL) {
        question_tell(question, DNS_FOUND, message, len);
        return;
    }
    refusal_keep(question, message, len);
    list_prepend(&question->transport->waiting, &question->node);
}

static void question_on_failure(struct question *question, int status)
{
    if (status == ARES_ETIMEOUT) {
        question->transport->counts.timeouts++;
        question->failure = DNS_TIMEOUT;
    } else if (question->failure != DNS_TIMEOUT) {
        question->failure = DNS_UNREACHABLE;
    }
    dns_ares_server_note_failure(question->server);
    question->was_formerr = false;
    question_again(question);
}

/* From c-ares: from lane_ready or on_tick, from question_send (it could not even send), or, when
   the channel is destroyed, from transport_destroy. */
static void on_answered(void *user, int status, int timeouts, unsigned char *message, int len)
{
    struct question *question = user;
    struct ares_transport *transport = question->transport;

    list_remove(&question->node);
    id_give_back(transport, question->id);
    transport->outstanding--;
    if (transport->burst > 0)
        transport->burst--;
    question->server->lanes[question->edns].outstanding--;
    if (question->done == NULL)
        question_free(question);
    else if (status == ARES_SUCCESS && len >= DNS_HEADER_LEN)
        question_on_message(question, message, (size_t)len);
    else
        question_on_failure(question, status);
}

/* --- sending ------------------------------------------------------------------------------- */

static void question_send(struct question *question)
{
    struct ares_transport *transport = question->transport;
    struct dns_ares_server *server;
    uint8_t bytes[DNS_QUERY_MAX];
    size_t len, burst_max;

    if (question->tries > 0)
        transport->counts.resent++;
    if (!question->was_formerr) { /* else the same server again, and that is no try */
        question->server = server_pick(question);
        question->tries++;
    }
    /* The last try goes without EDNS: some path may not stand it. */
    question->edns = question->server->edns && !question->was_formerr &&
                     (question->tries < transport->tries || transport->tries == 1);
    question->id = id_take(transport);
    len = dns_query_build(bytes, sizeof(bytes), question->id, question->name, question->type,
                          question->edns ? DNS_ARES_UDP_SIZE : 0);
    CHECK(len > 0);
    list_append(&transport->asked, &question->node);
    transport->outstanding++;
    transport->burst++;
    transport->counts.sent++;
    question->server->lanes[question->edns].outstanding++;
    server = question->server; /* the question may be gone when it could not be sent */
    if (dns_ares_server_send(server, question->edns, bytes, len, on_answered, question) < 0)
        on_answered(question, ARES_ECONNREFUSED, 0, NULL, 0);
    burst_max = server->receive_buffer / ANSWER_COST;
    transport->burst_max = burst_max < BURST_MIN   ? BURST_MIN
                           : burst_max > BURST_MAX ? BURST_MAX
                                                   : (unsigned)burst_max;
}

static void transport_pump(struct ares_transport *transport)
{
    struct list_node *node;

    while (transport->outstanding < transport->outstanding_max &&
           transport->burst < transport->burst_max &&
           (node = list_pop(&transport->waiting)) != NULL)
        question_send(LIST_ELEMENT(node, struct question, node));
}

/* --- turns of the loop --------------------------------------------------------------------- */

static void tell_finished(struct ares_transport *transport)
{
    struct list_node *node, *last = transport->finished.head.previous;
    bool more = !list_is_empty(&transport->finished);

    /* Those that finish meanwhile wait for the next turn, or a caller that asks anew whenever it
       fails would keep us here. */
    while (more && !transport->closing) {
        struct question *question;

        node = list_pop(&transport->finished);
        more = node != last;
        question = LIST_ELEMENT(node, struct question, node);
        if (question->refusal != NULL)
            question_tell(question, DNS_FOUND, question->refusal, question->refusal_len);
        else
            question_tell(question, question->failure, NULL, 0);
    }
}

static void tick_arm(struct ares_transport *transport)
{
    /* Without memory for the timer there is still the sockets' next answer to come here again. */
    if (!list_is_empty(&transport->finished))
        (void)io_timer_start(&transport->tick, io_now_ms(transport->loop));
    else if (!io_timer_is_running(&transport->tick) &&
             (transport->outstanding > 0 || !list_is_empty(&transport->waiting) ||
              !list_is_empty(&transport->resting)))
        (void)io_timer_start(&transport->tick, io_now_ms(transport->loop) + TICK_MS);
}

static void transport_destroy(struct ares_transport *transport)
{
    for (size_t i = 0; i < transport->server_count; i++)
        dns_ares_server_done(&transport->servers[i]);
    CHECK(transport->outstanding == 0);
    io_timer_stop(&transport->tick);
    memory_free(transport);
    ares_library_cleanup();
}

/* At the end of every turn, outside of c-ares. */
static void transport_settle(struct ares_transport *transport)
{
    tell_finished(transport);
    if (transport->closing) {
        transport_destroy(transport);
        return;
    }
    transport_pump(transport);
    tick_arm(transport);
}

static void lane_ready(void *user, struct dns_ares_lane *lane, ares_socket_t readable,
                       ares_socket_t writable)
{
    struct ares_transport *transport = user;

    transport->depth++;
    dns_ares_lane_process(lane, readable, writable);
    transport->depth--;
    transport_settle(transport);
}

static void rested_go_on(struct ares_transport *transport)
{
    struct list_node *node;

    while ((node = list_first(&transport->resting)) != NULL) {
        struct question *question = LIST_ELEMENT(node, struct question, node);

        if (question->due_ms > io_now_ms(transport->loop))
            return;
        list_remove(node);
        list_append(&transport->waiting, node);
    }
}

static void on_tick(struct io_timer *timer)
{
    struct ares_transport *transport = timer->user;

    transport->burst = 0;
    transport->depth++;
    for (size_t i = 0; i < transport->server_count; i++) {
        for (size_t j = 0; j < ARRAY_LEN(transport->servers[i].lanes); j++) {
            struct dns_ares_lane *lane = &transport->servers[i].lanes[j];

            if (lane->outstanding > 0)
                dns_ares_lane_tick(lane);
        }
    }
    transport->depth--;
    rested_go_on(transport);
    transport_settle(transport);
}

/* --- the transport ------------------------------------------------------------------------- */

static int transport_ask(struct dns_transport *base, const char *name, uint16_t type,
                         dns_transport_done *done, void *user)
{
    struct ares_transport *transport = (struct ares_transport *)base;
    struct question *question;
    size_t len;

    if (transport->closing)
        return ERROR_BUSY;
    if (!dns_name_is_askable(name))
        return ERROR_RANGE;
    len = strlen(name);
    question = memory_zalloc(1, sizeof(*question) + len + 1);
    if (question == NULL)
        return ERROR_NOMEM;
    if (!io_timer_is_running(&transport->tick) &&
        io_timer_start(&transport->tick, io_now_ms(transport->loop) + TICK_MS) < 0) {
        memory_free(question);
        return ERROR_NOMEM;
    }
    question->transport = transport;
    question->done = done;
    question->user = user;
    question->type = type;
    memcpy(question->name, name, len + 1);
    list_append(&transport->waiting, &question->node);
    if (transport->depth == 0) { /* else c-ares may be at work above us: settled by who called it */
        transport_pump(transport);
        tick_arm(transport);
    }
    return 0;
}

static void list_tell_all(struct list *list)
{
    struct list_node *node;

    while ((node = list_pop(list)) != NULL)
        question_tell(LIST_ELEMENT(node, struct question, node), DNS_TIMEOUT, NULL, 0);
}

static void transport_free(struct dns_transport *base)
{
    struct ares_transport *transport = (struct ares_transport *)base;
    struct list_node *node;

    CHECK(!transport->closing);
    transport->closing = true;
    list_tell_all(&transport->finished);
    list_tell_all(&transport->waiting);
    list_tell_all(&transport->resting);
    /* c-ares holds on to the others until its channels are destroyed. */
    while ((node = list_pop(&transport->asked)) != NULL) {
        struct question *question = LIST_ELEMENT(node, struct question, node);
        dns_transport_done *done = question->done;

        CHECK(done != NULL);
        question->done = NULL;
        done(question->user, DNS_TIMEOUT, NULL, 0);
    }
    if (transport->depth == 0)
        transport_destroy(transport);
}

static const struct dns_transport_ops transport_ops = {transport_ask, transport_free};

/* --- making one ---------------------------------------------------------------------------- */

static void server_add(struct ares_transport *transport, const struct io_endpoint *at,
                       unsigned timeout_ms)
{
    struct dns_ares_server *server = &transport->servers[transport->server_count++];
    struct io_endpoint endpoint = *at;

    if (endpoint.port == 0)
        endpoint.port = 53;
    dns_ares_server_init(server, transport->loop, &endpoint, timeout_ms);
    server->ready = lane_ready;
    server->user = transport;
}

/* Those of /etc/resolv.conf, as c-ares reads it. */
static int system_servers_add(struct ares_transport *transport, unsigned timeout_ms,
                              struct error *error)
{
    struct ares_addr_port_node *nodes = NULL;
    ares_channel channel = NULL;
    int rc = ares_init(&channel);

    if (rc == ARES_SUCCESS)
        rc = ares_get_servers_ports(channel, &nodes);
    if (rc != ARES_SUCCESS) {
        (void)error_set(error, rc == ARES_ENOMEM ? ERROR_NOMEM : ERROR_INTERNAL,
                        "the system's DNS servers: %s", ares_strerror(rc));
        goto done;
    }
    for (struct ares_addr_port_node *node = nodes; node != NULL; node = node->next) {
        struct io_endpoint at = {.ip.family = node->family == AF_INET6 ? 6 : 4,
                                 .port = (uint16_t)node->udp_port};

        memcpy(at.ip.bytes, &node->addr, node->family == AF_INET6 ? 16 : 4);
        if (transport->server_count < DNS_ARES_SERVERS_MAX)
            server_add(transport, &at, timeout_ms);
    }
    if (transport->server_count == 0)
        rc = error_set(error, ERROR_NOT_FOUND, NO_DNS_SERVERS);
done:
    if (nodes != NULL)
        ares_free_data(nodes);
    if (channel != NULL)
        ares_destroy(channel);
    return rc == ARES_SUCCESS ? 0 : -1;
}

static int options_check(const struct dns_ares_options *options, struct error *error)
{
    if (options->server_count > DNS_ARES_SERVERS_MAX)
        return error_set(error, ERROR_RANGE, "%zu DNS servers: at most %d", options->server_count,
                         DNS_ARES_SERVERS_MAX);
    if (options->max_outstanding > DNS_ARES_OUTSTANDING_MAX)
        return error_set(error, ERROR_RANGE, "%u outstanding DNS questions: at most %d",
                         options->max_outstanding, DNS_ARES_OUTSTANDING_MAX);
    return 0;
}

static struct ares_transport *transport_make(struct io_loop *loop,
                                             const struct dns_ares_options *options)
{
    struct ares_transport *transport = memory_zalloc(1, sizeof(*transport));

    if (transport == NULL)
        return NULL;
    transport->base.ops = &transport_ops;
    transport->loop = loop;
    transport->tries = options->tries != 0 ? options->tries : TRIES;
    transport->outstanding_max =
        options->max_outstanding != 0 ? options->max_outstanding : OUTSTANDING;
    transport->burst_max = BURST_MIN;
    list_init(&transport->waiting);
    list_init(&transport->asked);
    list_init(&transport->resting);
    list_init(&transport->finished);
    io_timer_init(loop, &transport->tick, on_tick, transport);
    return transport;
}

struct dns_transport *dns_ares_transport_new(struct io_loop *loop,
                                             const struct dns_ares_options *options,
                                             struct error *error)
{
    unsigned timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS;
    struct ares_transport *transport;
    int rc;

    if (options_check(options, error) < 0)
        return NULL;
    rc = ares_library_init(ARES_LIB_INIT_ALL);
    if (rc != ARES_SUCCESS) {
        (void)error_set(error, ERROR_INTERNAL, "c-ares: %s", ares_strerror(rc));
        return NULL;
    }
    transport = transport_make(loop, options);
    if (transport == NULL) {
        ares_library_cleanup();
        (void)error_set(error, ERROR_NOMEM, "no memory for the DNS transport");
        return NULL;
    }
    for (size_t i = 0; i < options->server_count; i++)
        server_add(transport, &options->servers[i], timeout_ms);
    if (options->server_count == 0 && system_servers_add(transport, timeout_ms, error) < 0) {
        transport_destroy(transport);
        return NULL;
    }
    return &transport->base;
}

void dns_ares_transport_counts(const struct dns_transport *base, struct dns_ares_counts *ret)
{
    CHECK(base->ops == &transport_ops);
    *ret = ((const struct ares_transport *)base)->counts;
}
