/*
 * The simulated network: a connection is two streams, each with a queue of what is on its way to
 * it.
 *
 * A queued segment has the time at which it arrives; one event a stream delivers the first. Each
 * delivery takes its segment out and arranges the next one before it calls the owner, so that the
 * owner may close, write or pause at will: the stream is not looked at again.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "lab/sim_internal.h"

enum segment_kind {
    SEGMENT_CONNECTED,
    SEGMENT_DATA,
    SEGMENT_CLOSED, /* refused, end of stream, reset: see reason */
    SEGMENT_HELLO,  /* the four flights of the acted handshake */
    SEGMENT_SERVER_HELLO,
    SEGMENT_FINISHED,
    SEGMENT_SERVER_FINISHED,
};

struct sim_segment {
    struct sim_segment *next;
    enum segment_kind kind;
    bool encrypted;
    bool embedded; /* not from the heap */
    enum io_close_reason reason;
    uint64_t arrival_ms;
    size_t len;
    char bytes[];
};

enum tls_state {
    TLS_NONE,
    TLS_HANDSHAKE,
    TLS_ON,
};

struct sim_stream {
    struct io_stream base;
    struct sim_stream *peer; /* NULL: not yet, or no longer */
    const struct io_stream_events *events;
    void *user;
    struct io_endpoint local, remote;
    struct sim_segment *queue, *queue_last;
    uint64_t last_arrival_ms;
    uint32_t latency_ms;              /* of the place at the other end; 0: the plan's */
    struct sim_event deliver, arrive; /* arrive: our connection attempt reaches the listener */
    enum tls_state tls;
    bool tls_server, paused, closing_queued;
    struct buffer held;         /* written during the handshake */
    struct sim_segment closing; /* the last segment needs no memory */
};

struct sim_listener {
    struct io_listener base;
    struct io_endpoint at;
    void (*accepted)(void *user, struct io_stream *stream);
    void *user;
};

/* What a server that expects plain SMTP sees when a handshake begins: the start of a TLS record. */
static const char hello_bytes[] = {0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x03};

static struct sim_loop *loop_of(const struct sim_stream *stream)
{
    return (struct sim_loop *)stream->base.loop;
}

static void deliver_run(struct sim_event *event);
static void arrive_run(struct sim_event *event);

static struct sim_stream *stream_new(struct sim_loop *loop)
{
    struct sim_stream *stream = memory_zalloc(1, sizeof(*stream));

    if (stream == NULL)
        return NULL;
    stream->base.loop = &loop->base;
    stream->deliver.run = deliver_run;
    stream->arrive.run = arrive_run;
    buffer_init(&stream->held, 0);
    loop->counts.streams++;
    if (loop->counts.streams > loop->counts.streams_peak)
        loop->counts.streams_peak = loop->counts.streams;
    return stream;
}

static void segment_free(struct sim_segment *segment)
{
    if (!segment->embedded)
        memory_free(segment);
}

static void stream_destroy(struct sim_stream *stream)
{
    struct sim_loop *loop = loop_of(stream);

    sim_event_cancel(loop, &stream->deliver);
    sim_event_cancel(loop, &stream->arrive);
    while (stream->queue != NULL) {
        struct sim_segment *segment = stream->queue;

        stream->queue = segment->next;
        segment_free(segment);
    }
    if (stream->peer != NULL)
        stream->peer->peer = NULL;
    buffer_done(&stream->held);
    CHECK(loop->counts.streams > 0);
    loop->counts.streams--;
    memory_free(stream);
}

static int deliver_schedule(struct sim_stream *stream)
{
    if (stream->queue == NULL || stream->paused)
        return 0;
    return sim_event_schedule(loop_of(stream), &stream->deliver, stream->queue->arrival_ms);
}

static uint64_t latency_of(const struct sim_stream *stream)
{
    return stream->latency_ms != 0 ? stream->latency_ms : sim_latency(loop_of(stream));
}

/* Put a segment on its way to `to`, behind what is on its way already. */
static int segment_send(struct sim_stream *to, struct sim_segment *segment)
{
    struct sim_loop *loop = loop_of(to);
    uint64_t at = loop->now_ms + latency_of(to);

    if (loop->plan.stall_permille != 0 && !to->tls_server &&
        random_chance(&loop->random, loop->plan.stall_permille, 1000))
        at += random_below(&loop->random, (uint64_t)loop->plan.stall_max_ms + 1);
    segment->arrival_ms = at > to->last_arrival_ms ? at : to->last_arrival_ms;
    segment->next = NULL;
    if (to->queue == NULL) {
        to->queue = segment;
        if (deliver_schedule(to) < 0) {
            to->queue = NULL;
            return ERROR_NOMEM;
        }
    } else {
        to->queue_last->next = segment;
    }
    to->queue_last = segment;
    to->last_arrival_ms = segment->arrival_ms;
    return 0;
}

static int bytes_send(struct sim_stream *to, enum segment_kind kind, bool encrypted,
                      const char *bytes, size_t len)
{
    struct sim_segment *segment;

    if (to == NULL || to->closing_queued) /* the peer is gone: into the void */
        return 0;
    segment = memory_alloc(sizeof(*segment) + len);
    if (segment == NULL)
        return ERROR_NOMEM;
    memset(segment, 0, sizeof(*segment));
    segment->kind = kind;
    segment->encrypted = encrypted;
    segment->len = len;
    if (len > 0)
        memcpy(segment->bytes, bytes, len);
    if (segment_send(to, segment) < 0) {
        memory_free(segment);
        return ERROR_NOMEM;
    }
    return 0;
}

static void closing_send(struct sim_stream *to, enum io_close_reason reason)
{
    if (to == NULL || to->closing_queued)
        return;
    memset(&to->closing, 0, sizeof(to->closing));
    to->closing.kind = SEGMENT_CLOSED;
    to->closing.reason = reason;
    to->closing.embedded = true;
    /* Without memory for the event the end is lost, as a packet may be; time-outs remain. */
    to->closing_queued = segment_send(to, &to->closing) == 0;
}

/* --- delivery ------------------------------------------------------------------------------- */

/* The stream ends for its owner: tell, then free. */
static void stream_end(struct sim_stream *stream, enum io_close_reason reason, const char *detail)
{
    const struct io_stream_events *events = stream->events;
    void *user = stream->user;

    stream->events = NULL;
    if (events != NULL && events->closed != NULL)
        events->closed(user, reason, detail);
    stream_destroy(stream);
}

static void tls_break(struct sim_stream *stream, const char *detail)
{
    closing_send(stream->peer, IO_CLOSED_RESET);
    stream_end(stream, IO_CLOSED_TLS, detail);
}

static void tls_complete(struct sim_stream *stream)
{
    static const struct io_tls_facts client_facts = {
        .version = "TLSv1.3",
        .cipher = "TLS_AES_256_GCM_SHA384",
        .subject = "CN=lab",
        .issuer = "CN=lab",
        .verified = false,
        .verify_error = "self-signed certificate",
    };
    static const struct io_tls_facts server_facts = {
        .version = "TLSv1.3",
        .cipher = "TLS_AES_256_GCM_SHA384",
        .verify_error = "no certificate",
    };

    stream->tls = TLS_ON;
    if (stream->held.len > 0)
        (void)bytes_send(stream->peer, SEGMENT_DATA, true, stream->held.ptr, stream->held.len);
    buffer_done(&stream->held);
    if (stream->events->secured != NULL)
        stream->events->secured(stream->user, stream->tls_server ? &server_facts : &client_facts);
}

static void data_deliver(struct sim_stream *stream, const struct sim_segment *segment)
{
    struct sim_loop *loop = loop_of(stream);

    if (loop->plan.reset_permille != 0 &&
        random_chance(&loop->random, loop->plan.reset_permille, 1000)) {
        closing_send(stream->peer, IO_CLOSED_RESET);
        stream_end(stream, IO_CLOSED_RESET, "connection reset by peer");
    } else if (stream->tls == TLS_HANDSHAKE || (stream->tls == TLS_ON && !segment->encrypted)) {
        tls_break(stream, "wrong version number");
    } else {
        stream->events->received(stream->user, segment->bytes, segment->len);
    }
}

static void handshake_deliver(struct sim_stream *stream, const struct sim_segment *segment)
{
    struct sim_loop *loop = loop_of(stream);

    if (stream->tls == TLS_NONE) { /* the other side began without being asked */
        stream->events->received(stream->user, hello_bytes, sizeof(hello_bytes));
        return;
    }
    switch (segment->kind) {
    case SEGMENT_HELLO:
        (void)bytes_send(stream->peer, SEGMENT_SERVER_HELLO, false, NULL, 0);
        break;
    case SEGMENT_SERVER_HELLO:
        if (loop->plan.tls_fail_permille != 0 &&
            random_chance(&loop->random, loop->plan.tls_fail_permille, 1000)) {
            tls_break(stream, "handshake failure");
            break;
        }
        (void)bytes_send(stream->peer, SEGMENT_FINISHED, false, NULL, 0);
        break;
    case SEGMENT_FINISHED:
        (void)bytes_send(stream->peer, SEGMENT_SERVER_FINISHED, false, NULL, 0);
        tls_complete(stream);
        break;
    default:
        tls_complete(stream);
        break;
    }
}

static const char *closed_detail(enum io_close_reason reason)
{
    switch (reason) {
    case IO_CLOSED_REFUSED:
        return "connection refused";
    case IO_CLOSED_UNREACHABLE:
        return "no route to host";
    case IO_CLOSED_RESET:
        return "connection reset by peer";
    default:
        return "end of stream";
    }
}

static void deliver_run(struct sim_event *event)
{
    struct sim_stream *stream = SIM_CONTAINER(struct sim_stream, deliver, event);
    struct sim_segment *segment = stream->queue;

    CHECK(segment != NULL && stream->events != NULL);
    stream->queue = segment->next;
    /* One event was just taken out of the heap, so there is room for this one. */
    CHECK(deliver_schedule(stream) == 0);
    switch (segment->kind) {
    case SEGMENT_CONNECTED:
        stream->events->connected(stream->user);
        break;
    case SEGMENT_DATA:
        data_deliver(stream, segment);
        break;
    case SEGMENT_CLOSED: { /* embedded in the stream, which dies here */
        bool in_handshake = stream->tls == TLS_HANDSHAKE;
        enum io_close_reason reason = segment->reason;

        if (in_handshake)
            stream_end(stream, IO_CLOSED_TLS, "the peer closed during the handshake");
        else
            stream_end(stream, reason, closed_detail(reason));
        return;
    }
    default:
        handshake_deliver(stream, segment);
        break;
    }
    segment_free(segment);
}

/* --- connecting ----------------------------------------------------------------------------- */

/* At the address, at all of its family (0.0.0.0, ::), or at all. */
static struct sim_listener *listener_at(struct sim_loop *loop, const struct io_endpoint *at)
{
    const struct ip wanted[] = {at->ip, {.family = at->ip.family}, {.family = 0}};
    struct sim_listener *listener = NULL;
    char key[SIM_KEY_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(wanted) && listener == NULL; i++)
        listener = table_get(&loop->listeners, sim_key(&wanted[i], at->port, key));
    return listener;
}

static enum lab_sim_fate fate_of(const struct sim_loop *loop, const struct ip *ip)
{
    const struct sim_place *place = sim_place_of(loop, ip);

    return place != NULL ? place->fate : LAB_SIM_NORMAL;
}

/* The attempt reaches the other side. */
static void arrive_run(struct sim_event *event)
{
    struct sim_stream *client = SIM_CONTAINER(struct sim_stream, arrive, event);
    struct sim_loop *loop = loop_of(client);
    struct sim_listener *listener = listener_at(loop, &client->remote);
    struct sim_stream *server;

    if (fate_of(loop, &client->remote.ip) == LAB_SIM_UNREACHABLE) {
        closing_send(client, IO_CLOSED_UNREACHABLE);
        return;
    }
    server = listener != NULL ? stream_new(loop) : NULL;
    if (server == NULL || bytes_send(client, SEGMENT_CONNECTED, false, NULL, 0) < 0) {
        if (server != NULL)
            stream_destroy(server);
        closing_send(client, IO_CLOSED_REFUSED);
        return;
    }
    server->peer = client;
    server->latency_ms = client->latency_ms;
    server->local = client->remote;
    server->remote = client->local;
    server->tls_server = true;
    client->peer = server;
    listener->accepted(listener->user, &server->base);
}

int sim_connect(struct io_loop *io, const struct io_endpoint *from, const struct io_endpoint *to,
                const struct io_stream_events *events, void *user, struct io_stream **ret_stream,
                struct error *error)
{
    struct sim_loop *loop = (struct sim_loop *)io;
    const struct sim_place *place = sim_place_of(loop, &to->ip);
    struct sim_stream *stream;
    bool lost;

    if (loop->plan.streams_max != 0 && loop->counts.streams >= loop->plan.streams_max)
        return error_set(error, ERROR_LIMIT, "no more than %u simulated streams",
                         loop->plan.streams_max);
    stream = stream_new(loop);
    if (stream == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for a connection");
    stream->events = events;
    stream->user = user;
    stream->remote = *to;
    stream->latency_ms = place != NULL ? place->latency_ms : 0;
    if (from != NULL)
        stream->local = *from;
    if (stream->local.ip.family == 0 && to->ip.family == 6) {
        stream->local.ip.family = 6;
        stream->local.ip.bytes[15] = 1;
    } else if (stream->local.ip.family == 0) {
        stream->local.ip = ip_v4(127, 0, 0, 1);
    }
    if (stream->local.port == 0)
        stream->local.port = loop->next_port++ | 0x8000;
    lost = fate_of(loop, &to->ip) == LAB_SIM_BLACKHOLE ||
           (loop->plan.drop_permille != 0 &&
            random_chance(&loop->random, loop->plan.drop_permille, 1000));
    if (!lost && sim_event_schedule(loop, &stream->arrive, loop->now_ms + latency_of(stream)) < 0) {
        stream_destroy(stream);
        return error_set(error, ERROR_NOMEM, "no memory for a connection");
    }
    *ret_stream = &stream->base;
    return 0;
}

int sim_listen(struct io_loop *io, const struct io_endpoint *at,
               void (*accepted)(void *user, struct io_stream *stream), void *user,
               struct io_listener **ret_listener, struct error *error)
{
    struct sim_loop *loop = (struct sim_loop *)io;
    struct sim_listener *listener;
    char text[IP_TEXT_SIZE], key[SIM_KEY_SIZE];

    if (table_get(&loop->listeners, sim_key(&at->ip, at->port, key)) != NULL)
        return error_set(error, ERROR_BUSY, "%s port %u: address already in use",
                         ip_format(&at->ip, text), at->port);
    listener = memory_zalloc(1, sizeof(*listener));
    if (listener == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for a listener");
    listener->base.loop = io;
    listener->at = *at;
    if (at->port == 0)
        listener->at.port = loop->next_port++ | 0x8000;
    listener->accepted = accepted;
    listener->user = user;
    if (table_put(&loop->listeners, sim_key(&listener->at.ip, listener->at.port, key), listener) <
        0) {
        memory_free(listener);
        return error_set(error, ERROR_NOMEM, "no memory for a listener");
    }
    loop->counts.listeners++;
    *ret_listener = &listener->base;
    return 0;
}

void sim_listener_close(struct io_listener *base)
{
    struct sim_loop *loop = (struct sim_loop *)base->loop;
    const struct io_endpoint *at = &((struct sim_listener *)base)->at;
    char key[SIM_KEY_SIZE];

    CHECK(table_take(&loop->listeners, sim_key(&at->ip, at->port, key)) == base);
    loop->counts.listeners--;
    memory_free(base);
}

struct io_endpoint sim_listener_endpoint(const struct io_listener *listener)
{
    return ((const struct sim_listener *)listener)->at;
}

/* --- what owners do ------------------------------------------------------------------------- */

int sim_stream_write(struct io_stream *io, const char *bytes, size_t len)
{
    struct sim_stream *stream = (struct sim_stream *)io;
    struct sim_loop *loop = loop_of(stream);

    if (stream->tls == TLS_HANDSHAKE)
        return buffer_append(&stream->held, bytes, len) ? 0 : ERROR_NOMEM;
    for (size_t at = 0; at < len;) {
        size_t piece = len - at;
        int code;

        if (loop->plan.split_writes && piece > 1)
            piece = 1 + random_below(&loop->random, piece < 64 ? piece : 64);
        code = bytes_send(stream->peer, SEGMENT_DATA, stream->tls == TLS_ON, bytes + at, piece);
        if (code < 0)
            return code;
        at += piece;
    }
    return 0;
}

int sim_stream_start_tls(struct io_stream *io, const char *server_name)
{
    struct sim_stream *stream = (struct sim_stream *)io;

    CHECK(stream->tls == TLS_NONE);
    stream->tls = TLS_HANDSHAKE;
    stream->tls_server = server_name == NULL;
    if (stream->tls_server)
        return 0;
    return bytes_send(stream->peer, SEGMENT_HELLO, false, NULL, 0);
}

void sim_stream_close(struct io_stream *io)
{
    struct sim_stream *stream = (struct sim_stream *)io;

    closing_send(stream->peer, IO_CLOSED_BY_PEER);
    stream_destroy(stream);
}

void sim_stream_reset(struct io_stream *io)
{
    struct sim_stream *stream = (struct sim_stream *)io;

    closing_send(stream->peer, IO_CLOSED_RESET);
    stream_destroy(stream);
}

void sim_stream_pause(struct io_stream *io, bool paused)
{
    struct sim_stream *stream = (struct sim_stream *)io;

    stream->paused = paused;
    if (paused)
        sim_event_cancel(loop_of(stream), &stream->deliver);
    else
        (void)deliver_schedule(stream);
}

struct io_endpoint sim_stream_peer(const struct io_stream *stream)
{
    return ((const struct sim_stream *)stream)->remote;
}

void sim_stream_set_events(struct io_stream *io, const struct io_stream_events *events, void *user)
{
    struct sim_stream *stream = (struct sim_stream *)io;

    stream->events = events;
    stream->user = user;
}
