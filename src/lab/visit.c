/*
 * A visit that ends inside a callback is only marked dead; whoever entered from the loop frees it
 * (lab_visit_leave), so nothing below ever touches freed memory.
 */
#include "lab/visit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "lab/turn.h"
#include "lab/world_internal.h"

#define LOSE_MS      100 /* what comes so soon behind a command is lost by broken pipelining */
#define FLOOD_PIECES 64  /* copies of the flood line a turn of its timer */

static void visit_pump(struct lab_visit *visit);

uint64_t lab_visit_now_ms(const struct lab_visit *visit)
{
    return io_now_ms(visit->server->world->loop);
}

void lab_visit_violate(struct lab_visit *visit, const char *format, ...)
{
    char message[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    lab_world_violate(visit->server->world, "%.*s, connection %llu: %s",
                      SLICE_ARG(visit->server->model->host), (unsigned long long)visit->id,
                      message);
}

struct lab_memory *lab_visit_memory(struct lab_visit *visit, const struct lab_behaviour *behaviour,
                                    struct slice key)
{
    struct lab_server_run *server = visit->server;
    struct lab_memory *memory;
    char full[1400];
    int len = snprintf(full, sizeof(full), "%u %.*s", behaviour->index, SLICE_ARG(key));
    struct slice name =
        slice_from(full, (size_t)len < sizeof(full) ? (size_t)len : sizeof(full) - 1);

    memory = table_get(&server->memory, name);
    if (memory != NULL)
        return memory;
    memory = memory_zalloc(1, sizeof(*memory));
    if (memory == NULL)
        return NULL;
    memory->since_ms = lab_visit_now_ms(visit);
    if (table_put(&server->memory, name, memory) < 0) {
        memory_free(memory);
        return NULL;
    }
    return memory;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void visit_end(struct lab_visit *visit, const char *how)
{
    struct lab_server_run *server = visit->server;

    if (visit->dead)
        return;
    visit->dead = true;
    visit->stream = NULL;
    io_timer_stop(&visit->timer);
    io_timer_stop(&visit->idle_timer);
    server->open_count--;
    lab_limits_disconnect(server->site);
    lab_world_log(server->world, "%llu %s", (unsigned long long)visit->id, how);
}

void lab_visit_leave(struct lab_visit *visit)
{
    if (!visit->dead)
        return;
    if (visit->prev != NULL)
        visit->prev->next = visit->next;
    else
        visit->server->visits = visit->next;
    if (visit->next != NULL)
        visit->next->prev = visit->prev;
    buffer_done(&visit->in);
    buffer_done(&visit->out);
    memory_free(visit);
}

void lab_visit_close(struct lab_visit *visit)
{
    struct io_stream *stream = visit->stream;

    if (visit->dead)
        return;
    visit_end(visit, "closed by the server");
    io_stream_close(stream);
}

/* --- answering -------------------------------------------------------------------------------- */

static void idle_start(struct lab_visit *visit)
{
    if (visit->idle_ms != 0)
        (void)io_timer_start(&visit->idle_timer, lab_visit_now_ms(visit) + visit->idle_ms);
}

/* Whole lines, the last of which may still be on its way. */
static void lose_input(struct lab_visit *visit)
{
    visit->loses_line = visit->in.len > 0 && visit->in.ptr[visit->in.len - 1] != '\n';
    buffer_clear(&visit->in);
}

/* Everything is said: do what comes after. */
static void answer_said(struct lab_visit *visit)
{
    struct io_stream *stream = visit->stream;
    enum lab_then then = visit->then;

    buffer_clear(&visit->out);
    visit->out_at = 0;
    visit->then = LAB_THEN_GO_ON;
    if (visit->loses_pipelined)
        lose_input(visit);
    visit->greeted = true;
    switch (then) {
    case LAB_THEN_GO_ON:
        visit->mode = LAB_MODE_READY;
        idle_start(visit);
        break;
    case LAB_THEN_CLOSE:
        lab_visit_close(visit);
        break;
    case LAB_THEN_RESET:
        visit_end(visit, "reset by the server");
        io_stream_reset(stream);
        break;
    case LAB_THEN_SILENCE:
        visit->mode = LAB_MODE_SILENT;
        break;
    case LAB_THEN_DEAF:
        visit->mode = LAB_MODE_SILENT;
        io_stream_pause(stream, true);
        break;
    case LAB_THEN_TLS:
        if (visit->in.len > 0)
            lab_visit_violate(visit, "the client sent bytes in clear after STARTTLS");
        buffer_clear(&visit->in);
        visit->mode = LAB_MODE_TLS;
        if (io_stream_start_tls(stream, NULL) < 0)
            lab_visit_close(visit);
        break;
    case LAB_THEN_FLOOD:
        visit->mode = LAB_MODE_FLOOD;
        (void)io_timer_start(&visit->timer, lab_visit_now_ms(visit));
        break;
    }
}

static size_t piece_len(struct lab_visit *visit, size_t left)
{
    if (visit->drip_ms != 0)
        return 1;
    if (visit->splits)
        return 1 + (size_t)random_below(&visit->server->world->random, left < 8 ? left : 8);
    return left;
}

/* Send the next piece of the answer, or all of it. */
static void answer_write(struct lab_visit *visit)
{
    size_t left = visit->out.len - visit->out_at;
    size_t len = left > 0 ? piece_len(visit, left) : 0;

    if (len > 0 && io_stream_write(visit->stream, visit->out.ptr + visit->out_at, len) < 0) {
        lab_visit_close(visit);
        return;
    }
    visit->out_at += len;
    if (visit->out_at < visit->out.len) {
        visit->mode = LAB_MODE_WRITING;
        (void)io_timer_start(&visit->timer,
                             lab_visit_now_ms(visit) + (visit->drip_ms != 0 ? visit->drip_ms : 1));
        return;
    }
    answer_said(visit);
}

static void flood_write(struct lab_visit *visit)
{
    for (int i = 0; i < FLOOD_PIECES; i++)
        if (io_stream_write(visit->stream, visit->flood.ptr, visit->flood.len) < 0) {
            lab_visit_close(visit);
            return;
        }
    (void)io_timer_start(&visit->timer, lab_visit_now_ms(visit) + 10);
}

static void timer_fire(struct io_timer *timer)
{
    struct lab_visit *visit = timer->user;

    if (visit->mode == LAB_MODE_FLOOD)
        flood_write(visit);
    else
        answer_write(visit);
    visit_pump(visit);
    lab_visit_leave(visit);
}

static void bare_lf_make(struct buffer *out)
{
    size_t to = 0;

    for (size_t from = 0; from < out->len; from++)
        if (out->ptr[from] != '\r')
            out->ptr[to++] = out->ptr[from];
    out->len = to;
}

static void turn_render(struct lab_visit *visit, const struct lab_turn *turn)
{
    char client[IP_TEXT_SIZE];
    struct lab_text_facts facts = {
        .recipient = turn->stage == LAB_STAGE_RCPT || turn->stage == LAB_STAGE_BAD_RCPT
                         ? turn->argument
                         : SLICE_EMPTY,
        .sender = turn->stage == LAB_STAGE_MAIL ? turn->argument : slice_from_string(visit->sender),
        .host = visit->server->model->host,
        .client = slice_from_string(ip_format(&visit->client, client)),
        .helo = slice_from_string(visit->helo),
    };

    if (turn->mute)
        return;
    if (turn->raw.ptr != NULL) {
        for (size_t i = 0; i < turn->raw_repeat; i++)
            (void)buffer_append_slice(&visit->out, turn->raw);
        return;
    }
    lab_text_expand(turn->reply, &facts, &visit->out);
    if (turn->extra.len > 0)
        lab_text_expand(turn->extra, &facts, &visit->out);
    if (visit->bare_lf)
        bare_lf_make(&visit->out);
}

static bool has_line(const struct lab_visit *visit)
{
    return slice_find_byte(buffer_slice(&visit->in), '\n') >= 0;
}

void lab_visit_answer(struct lab_visit *visit, const struct lab_turn *turn)
{
    size_t before = visit->out.len;
    uint64_t delay_ms = turn->delay_ms;

    turn_render(visit, turn);
    if (visit->out.failed) {
        lab_visit_close(visit);
        return;
    }
    if (visit->out.len > before)
        lab_world_log_bytes(visit->server->world, "S: ", visit->out.ptr + before,
                            visit->out.len - before);
    visit->then = turn->then;
    visit->mode = LAB_MODE_DELAY;
    if (visit->loses_pipelined)
        delay_ms += LOSE_MS;
    if (delay_ms != 0)
        (void)io_timer_start(&visit->timer, lab_visit_now_ms(visit) + delay_ms);
    else if (visit->gathers && visit->then == LAB_THEN_GO_ON && has_line(visit))
        visit->mode = LAB_MODE_READY; /* it is said with the next answer */
    else
        answer_write(visit);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void visit_pump(struct lab_visit *visit)
{
    while (!visit->dead && visit->mode == LAB_MODE_READY) {
        struct slice in = buffer_slice(&visit->in), line;
        ptrdiff_t end = slice_find_byte(in, '\n');
        bool pipelined = !visit->fresh;
        char copy[LAB_LINE_MAX];

        if (end < 0 && in.len <= LAB_LINE_MAX - 1)
            return;
        if (end < 0 || end >= LAB_LINE_MAX) {
            lab_visit_violate(visit, "a command line of more than %d bytes", LAB_LINE_MAX);
            lab_visit_close(visit);
            return;
        }
        line = slice_prefix(in, (size_t)end);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        else
            lab_visit_violate(visit, "a line ended by a bare LF");
        memcpy(copy, line.ptr, line.len);
        line.ptr = copy;
        buffer_consume(&visit->in, (size_t)end + 1);
        io_timer_stop(&visit->idle_timer);
        lab_world_log_bytes(visit->server->world, "C: ", line.ptr, line.len);
        visit->fresh = false;
        lab_turn_command(visit, line, pipelined);
    }
}

static bool has_quit(const struct lab_visit *visit)
{
    struct slice rest = buffer_slice(&visit->in), line;

    while (slice_split(&rest, '\n', &line))
        if (slice_equal_nocase(line, SLICE("QUIT\r")))
            return true;
    return false;
}

static void on_received(void *user, const char *bytes, size_t len)
{
    struct lab_visit *visit = user;

    if (visit->mode == LAB_MODE_SILENT || visit->mode == LAB_MODE_FLOOD)
        return;
    if (visit->loses_line) {
        const char *end = memchr(bytes, '\n', len);
        size_t lost = end != NULL ? (size_t)(end - bytes) + 1 : len;

        visit->loses_line = end == NULL;
        bytes += lost;
        len -= lost;
    }
    if (!visit->greeted && visit->in.len == 0)
        lab_visit_violate(visit, "the client spoke before the greeting");
    if (visit->mode == LAB_MODE_READY && visit->in.len == 0)
        visit->fresh = true;
    if (!buffer_append(&visit->in, bytes, len) || (visit->is_hasty && has_quit(visit)))
        lab_visit_close(visit);
    visit_pump(visit);
    lab_visit_leave(visit);
}

static void on_secured(void *user, const struct io_tls_facts *facts)
{
    struct lab_visit *visit = user;

    visit->tls = true;
    visit->hello = false;
    visit->extended = false;
    visit->mode = LAB_MODE_READY;
    visit->fresh = true; /* after the handshake the client speaks first (RFC 3207 4.2) */
    idle_start(visit);
    visit_pump(visit);
    lab_visit_leave(visit);
}

static void on_closed(void *user, enum io_close_reason reason, const char *detail)
{
    struct lab_visit *visit = user;
    struct lab_world *world = visit->server->world;

    if (reason == IO_CLOSED_BY_PEER && !visit->said_quit && visit->mode == LAB_MODE_READY)
        world->counts.left_without_quit++;
    visit_end(visit,
              reason == IO_CLOSED_BY_PEER ? "closed by the client" : io_close_reason_name(reason));
    lab_visit_leave(visit);
}

static const struct io_stream_events visit_events = {
    .received = on_received,
    .secured = on_secured,
    .closed = on_closed,
};

static void idle_fire(struct io_timer *timer)
{
    struct lab_visit *visit = timer->user;
    struct lab_turn turn = {.stage = LAB_STAGE_QUIT,
                            .settled = true,
                            .reply = visit->idle_reply,
                            .then = LAB_THEN_CLOSE};

    lab_visit_answer(visit, &turn);
    lab_visit_leave(visit);
}

/* --- coming ----------------------------------------------------------------------------------- */

void lab_visit_open(struct lab_server_run *server, struct io_stream *stream)
{
    struct lab_world *world = server->world;
    struct lab_visit *visit = memory_zalloc(1, sizeof(*visit));
    char text[IP_TEXT_SIZE];

    if (visit == NULL) {
        io_stream_close(stream);
        return;
    }
    visit->server = server;
    visit->stream = stream;
    visit->client = io_stream_peer(stream).ip;
    visit->id = world->next_visit++;
    visit->mode = LAB_MODE_DELAY;
    buffer_init(&visit->in, 1024 * 1024);
    buffer_init(&visit->out, 0);
    io_timer_init(world->loop, &visit->timer, timer_fire, visit);
    io_timer_init(world->loop, &visit->idle_timer, idle_fire, visit);
    visit->next = server->visits;
    if (visit->next != NULL)
        visit->next->prev = visit;
    server->visits = visit;
    server->open_count++;
    world->counts.connections++;
    io_stream_set_events(stream, &visit_events, visit);
    lab_world_log(world, "%llu %s connects to %.*s", (unsigned long long)visit->id,
                  ip_format(&visit->client, text), SLICE_ARG(server->model->host));
    lab_limits_connect(server->site, visit);
    lab_turn_greet(visit);
    lab_visit_leave(visit);
}
