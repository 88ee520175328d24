/*
 * Visits: reading commands, letting behaviours act, answering in the form and at the time they
 * want.
 *
 * A visit that ends inside a callback is only marked dead; whoever entered from the loop frees it
 * (visit_leave), so nothing below ever touches freed memory.
 */
#include "lab/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "lab/command.h"
#include "lab/preset.h"
#include "lab/sim_loop.h"
#include "lab/world_internal.h"

#define LINE_MAX     4096
#define LOSE_MS      100 /* what comes so soon behind a command is lost by broken pipelining */
#define FLOOD_PIECES 64  /* copies of the flood line a turn of its timer */

static void visit_pump(struct lab_visit *visit);

/* --- small things ------------------------------------------------------------------------------
 */

uint64_t lab_visit_now_ms(const struct lab_visit *visit)
{
    return io_now_ms(visit->server->world->loop);
}

struct slice lab_server_text(const struct lab_server *server, enum lab_text text)
{
    if (server->texts[text].ptr != NULL)
        return server->texts[text];
    if (server->preset != NULL && server->preset->texts[text] != NULL)
        return slice_from_string(server->preset->texts[text]);
    return slice_from_string(lab_text_default(text));
}

static struct slice mailbox_text(const struct lab_server *server, enum lab_mailbox_state state)
{
    static const enum lab_text texts[] = {
#define X(symbol, name, text) LAB_TEXT_##text,
        LAB_MAILBOX_STATES(X)
#undef X
    };

    return lab_server_text(server, texts[state]);
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

/* --- the end of a visit -------------------------------------------------------------------------
 */

/* The connection is over; frees later, in visit_leave. */
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

static void visit_leave(struct lab_visit *visit)
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

static void visit_close(struct lab_visit *visit)
{
    struct io_stream *stream = visit->stream;

    if (visit->dead)
        return;
    visit_end(visit, "closed by the server");
    io_stream_close(stream);
}

/* --- answering ----------------------------------------------------------------------------------
 */

static void idle_start(struct lab_visit *visit)
{
    if (visit->idle_ms != 0)
        (void)io_timer_start(&visit->idle_timer, lab_visit_now_ms(visit) + visit->idle_ms);
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
        buffer_clear(&visit->in);
    visit->greeted = true;
    switch (then) {
    case LAB_THEN_GO_ON:
        visit->mode = LAB_MODE_READY;
        idle_start(visit);
        break;
    case LAB_THEN_CLOSE:
        visit_close(visit);
        break;
    case LAB_THEN_RESET:
        visit_end(visit, "reset by the server");
        io_stream_reset(stream);
        break;
    case LAB_THEN_SILENCE:
        visit->mode = LAB_MODE_SILENT;
        break;
    case LAB_THEN_TLS:
        if (visit->in.len > 0)
            lab_visit_violate(visit, "the client sent bytes in clear after STARTTLS");
        buffer_clear(&visit->in);
        visit->mode = LAB_MODE_TLS;
        if (io_stream_start_tls(stream, NULL) < 0)
            visit_close(visit);
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
        visit_close(visit);
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
            visit_close(visit);
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
    visit_leave(visit);
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

static void turn_answer(struct lab_visit *visit, const struct lab_turn *turn)
{
    size_t before = visit->out.len;
    uint64_t delay_ms = turn->delay_ms;

    turn_render(visit, turn);
    if (visit->out.failed) {
        visit_close(visit);
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
    else
        answer_write(visit);
}

/* --- turns -------------------------------------------------------------------------------------
 */

static void behaviours_act(struct lab_visit *visit, struct lab_turn *turn, enum lab_stage stage)
{
    const struct lab_behaviour *b = visit->server->model->behaviours;

    for (; b != NULL; b = b->next)
        if ((b->stages & LAB_STAGE_BIT(stage)) != 0 && b->kind->act != NULL &&
            (!turn->settled || b->kind->always))
            b->kind->act(visit, b, turn);
}

static void turn_settle_text(struct lab_visit *visit, struct lab_turn *turn, enum lab_text text)
{
    turn->settled = true;
    turn->reply = lab_server_text(visit->server->model, text);
}

static void say(struct lab_visit *visit, enum lab_text text)
{
    struct lab_turn turn = {.stage = LAB_STAGE_RSET};

    turn_settle_text(visit, &turn, text);
    turn_answer(visit, &turn);
}

static void transaction_end(struct lab_visit *visit)
{
    visit->in_transaction = false;
    visit->transaction_rcpts = 0;
    visit->domain[0] = '\0';
}

static void command_simple(struct lab_visit *visit, enum lab_stage stage, enum lab_text text)
{
    struct lab_turn turn = {.stage = stage};

    behaviours_act(visit, &turn, stage);
    if (!turn.settled)
        turn_settle_text(visit, &turn, text);
    if (stage == LAB_STAGE_QUIT) {
        visit->said_quit = true;
        if (turn.then == LAB_THEN_GO_ON)
            turn.then = LAB_THEN_CLOSE;
    } else {
        transaction_end(visit);
    }
    turn_answer(visit, &turn);
}

/* The EHLO keywords as a reply text of several lines. */
static void ehlo_text(struct lab_visit *visit, struct buffer *out)
{
    static const struct {
        unsigned offer;
        const char *line;
    } lines[] = {
        {LAB_OFFER_PIPELINING, "PIPELINING"},
        {LAB_OFFER_SIZE, "SIZE 52428800"},
        {LAB_OFFER_STARTTLS, "STARTTLS"},
        {LAB_OFFER_AUTH, "AUTH PLAIN LOGIN"},
        {LAB_OFFER_ENHANCED, "ENHANCEDSTATUSCODES"},
        {LAB_OFFER_8BITMIME, "8BITMIME"},
        {LAB_OFFER_DSN, "DSN"},
        {LAB_OFFER_SMTPUTF8, "SMTPUTF8"},
        {LAB_OFFER_CHUNKING, "CHUNKING"},
    };
    unsigned offers = visit->server->model->offers;

    (void)buffer_append_slice(out, lab_server_text(visit->server->model, LAB_TEXT_HELO));
    if (visit->tls)
        offers &= ~(unsigned)LAB_OFFER_STARTTLS;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if ((offers & lines[i].offer) != 0)
            (void)buffer_printf(out, " | %s", lines[i].line);
}

static void helo_judge(struct lab_visit *visit, struct slice name)
{
    bool is_literal = name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']';

    if (slice_equal_nocase(name, SLICE("localhost")) ||
        (!is_literal && slice_find_byte(name, '.') < 0))
        lab_visit_violate(visit, "HELO name %.*s is no host's name", SLICE_ARG(name));
    if (slice_equal_nocase(name, visit->server->model->host))
        lab_visit_violate(visit, "HELO under the name of the server itself");
}

static void command_helo(struct lab_visit *visit, const struct lab_command *command)
{
    bool extended = command->verb == LAB_VERB_EHLO;
    enum lab_stage stage = extended ? LAB_STAGE_EHLO : LAB_STAGE_HELO;
    struct lab_turn turn = {.stage = stage, .argument = command->argument};
    struct buffer text;

    buffer_init(&text, 0);
    helo_judge(visit, command->argument);
    (void)slice_to_string(slice_prefix(command->argument, sizeof(visit->helo) - 1), visit->helo,
                          sizeof(visit->helo));
    transaction_end(visit);
    behaviours_act(visit, &turn, stage);
    if (!turn.settled && extended) {
        ehlo_text(visit, &text);
        turn.reply = buffer_slice(&text);
    } else if (!turn.settled) {
        turn_settle_text(visit, &turn, LAB_TEXT_HELO);
    }
    if (turn.reply.len > 0 && turn.reply.ptr[0] == '2') {
        visit->hello = true;
        visit->extended = extended;
    }
    turn_answer(visit, &turn);
    buffer_done(&text);
}

static void command_starttls(struct lab_visit *visit)
{
    struct lab_turn turn = {.stage = LAB_STAGE_STARTTLS};

    if (visit->tls || (visit->server->model->offers & LAB_OFFER_STARTTLS) == 0) {
        lab_visit_violate(visit, "STARTTLS where it was not offered");
        say(visit, LAB_TEXT_BAD_COMMAND);
        return;
    }
    behaviours_act(visit, &turn, LAB_STAGE_STARTTLS);
    if (!turn.settled) {
        turn_settle_text(visit, &turn, LAB_TEXT_STARTTLS);
        turn.then = LAB_THEN_TLS;
    }
    turn_answer(visit, &turn);
}

static void command_mail(struct lab_visit *visit, const struct lab_command *command)
{
    struct lab_turn turn = {.stage = LAB_STAGE_MAIL, .argument = command->argument};

    if (!visit->hello || visit->in_transaction) {
        lab_visit_violate(visit, visit->hello ? "MAIL within a transaction" : "MAIL before EHLO");
        say(visit, LAB_TEXT_BAD_SEQUENCE);
        return;
    }
    if (command->smtputf8 &&
        (!visit->extended || (visit->server->model->offers & LAB_OFFER_SMTPUTF8) == 0))
        lab_visit_violate(visit, "SMTPUTF8 where it was not offered");
    behaviours_act(visit, &turn, LAB_STAGE_MAIL);
    if (!turn.settled)
        turn_settle_text(visit, &turn, LAB_TEXT_MAIL);
    (void)slice_to_string(slice_prefix(command->argument, sizeof(visit->sender) - 1), visit->sender,
                          sizeof(visit->sender));
    if (turn.reply.len > 0 && turn.reply.ptr[0] == '2') {
        visit->in_transaction = true;
        visit->smtputf8 = command->smtputf8;
    }
    turn_answer(visit, &turn);
}

/* Split and look up the recipient. */
static void recipient_look_up(struct lab_visit *visit, struct lab_turn *turn, char *folded)
{
    const struct lab_server *model = visit->server->model;
    const struct lab_mailbox *mailbox;
    ptrdiff_t at = slice_rfind_byte(turn->argument, '@');
    size_t len = turn->argument.len;

    memcpy(folded, turn->argument.ptr, len);
    ascii_lower_bytes(folded, len);
    if (at < 0)
        at = (ptrdiff_t)len;
    turn->local = slice_from(folded, (size_t)at);
    turn->domain = slice_from_offset(slice_from(folded, len), (size_t)at + 1);
    turn->served = lab_scenario_serves(visit->server->world->scenario, model, turn->domain);
    turn->state = LAB_MAILBOX_UNKNOWN;
    turn->mailbox_reply = SLICE_EMPTY;
    if (!turn->served) {
        turn->mailbox_reply = lab_server_text(model, LAB_TEXT_RELAY);
        return;
    }
    mailbox = lab_server_mailbox(model, turn->local, turn->domain);
    if (mailbox != NULL) {
        turn->state = mailbox->state;
        turn->mailbox_reply = mailbox->reply;
    }
}

static void rcpt_judge(struct lab_visit *visit, const struct lab_turn *turn)
{
    bool ascii = true;

    for (size_t i = 0; i < turn->argument.len; i++)
        ascii = ascii && (unsigned char)turn->argument.ptr[i] < 0x80;
    if (!ascii && !visit->smtputf8)
        lab_visit_violate(visit, "RCPT with UTF-8 and no SMTPUTF8");
    if (turn->state == LAB_MAILBOX_NEVER)
        lab_visit_violate(visit, "RCPT named %.*s, which must never be asked",
                          SLICE_ARG(turn->argument));
}

static void rcpt_settle(struct lab_visit *visit, struct lab_turn *turn)
{
    struct lab_world *world = visit->server->world;
    bool unknown = turn->state == LAB_MAILBOX_UNKNOWN;

    behaviours_act(visit, turn, LAB_STAGE_RCPT);
    if (!turn->settled) {
        turn->settled = true;
        turn->reply = turn->mailbox_reply.len > 0 ? turn->mailbox_reply
                                                  : mailbox_text(visit->server->model, turn->state);
    }
    lab_world_note_rcpt(world, turn->argument, unknown);
    if (turn->reply.len > 0 && turn->reply.ptr[0] == '2')
        return;
    if (unknown) {
        visit->unknowns++;
        lab_limits_unknown(visit->server->site, visit);
    }
    /* Those that act on a refused recipient may still change how it is said. */
    if (turn->then == LAB_THEN_GO_ON) {
        turn->settled = false;
        behaviours_act(visit, turn, LAB_STAGE_BAD_RCPT);
        turn->settled = true;
    }
}

static void command_rcpt(struct lab_visit *visit, const struct lab_command *command, bool pipelined)
{
    struct lab_turn turn = {.stage = LAB_STAGE_RCPT, .argument = command->argument};
    char folded[LINE_MAX];

    if (!visit->in_transaction) {
        if (!pipelined) /* in a batch behind a refused MAIL it can't be helped */
            lab_visit_violate(visit, "RCPT outside a transaction");
        say(visit, LAB_TEXT_BAD_SEQUENCE);
        return;
    }
    recipient_look_up(visit, &turn, folded);
    rcpt_judge(visit, &turn);
    visit->rcpts++;
    visit->transaction_rcpts++;
    lab_limits_rcpt(visit->server->site, visit);
    visit->last_rcpt_ms = lab_visit_now_ms(visit);
    rcpt_settle(visit, &turn);
    if (visit->domain[0] == '\0')
        (void)slice_to_string(slice_prefix(turn.domain, sizeof(visit->domain) - 1), visit->domain,
                              sizeof(visit->domain));
    turn_answer(visit, &turn);
}

static void command_message(struct lab_visit *visit, const char *name)
{
    struct lab_turn turn = {.stage = LAB_STAGE_RSET,
                            .settled = true,
                            .reply = SLICE("554 5.5.1 The lab takes no messages"),
                            .then = LAB_THEN_CLOSE};

    lab_visit_violate(visit, "the client said %s: it wanted to send a message", name);
    turn_answer(visit, &turn);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static void pipelining_judge(struct lab_visit *visit, const struct lab_command *command)
{
    if (command->verb == LAB_VERB_QUIT) /* giving up without waiting is everyone's right */
        return;
    if (!visit->extended || (visit->server->model->offers & LAB_OFFER_PIPELINING) == 0)
        lab_visit_violate(visit, "a command before the answer to the last one, without PIPELINING");
    else if (!visit->previous_may_be_followed)
        lab_visit_violate(visit, "a command pipelined behind one that must end a batch");
}

static void command_run(struct lab_visit *visit, struct slice line, bool pipelined)
{
    struct lab_command command;

    lab_command_parse(line, &command);
    if (command.fault != NULL)
        lab_visit_violate(visit, "%s: %.*s", command.fault, SLICE_ARG(slice_prefix(line, 80)));
    if (pipelined)
        pipelining_judge(visit, &command);
    visit->previous_may_be_followed = command.verb == LAB_VERB_MAIL ||
                                      command.verb == LAB_VERB_RCPT ||
                                      command.verb == LAB_VERB_RSET;
    if (command.fault != NULL) {
        say(visit, LAB_TEXT_BAD_COMMAND);
        return;
    }
    switch (command.verb) {
    case LAB_VERB_EHLO:
    case LAB_VERB_HELO:
        command_helo(visit, &command);
        break;
    case LAB_VERB_STARTTLS:
        command_starttls(visit);
        break;
    case LAB_VERB_MAIL:
        command_mail(visit, &command);
        break;
    case LAB_VERB_RCPT:
        command_rcpt(visit, &command, pipelined);
        break;
    case LAB_VERB_RSET:
        command_simple(visit, LAB_STAGE_RSET, LAB_TEXT_RSET);
        break;
    case LAB_VERB_QUIT:
        command_simple(visit, LAB_STAGE_QUIT, LAB_TEXT_QUIT);
        break;
    case LAB_VERB_NOOP:
        say(visit, LAB_TEXT_MAIL);
        break;
    case LAB_VERB_DATA:
        command_message(visit, "DATA");
        break;
    case LAB_VERB_BDAT:
        command_message(visit, "BDAT");
        break;
    default:
        say(visit, LAB_TEXT_BAD_COMMAND);
        break;
    }
}

/* Take commands out of the input while we are ready for them. */
static void visit_pump(struct lab_visit *visit)
{
    while (!visit->dead && visit->mode == LAB_MODE_READY) {
        struct slice in = buffer_slice(&visit->in), line;
        ptrdiff_t end = slice_find_byte(in, '\n');
        bool pipelined = !visit->fresh;
        char copy[LINE_MAX];

        if (end < 0 && in.len <= LINE_MAX - 1)
            return;
        if (end < 0 || end >= LINE_MAX) {
            lab_visit_violate(visit, "a command line of more than %d bytes", LINE_MAX);
            visit_close(visit);
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
        command_run(visit, line, pipelined);
    }
}

static void on_received(void *user, const char *bytes, size_t len)
{
    struct lab_visit *visit = user;

    if (visit->mode == LAB_MODE_SILENT || visit->mode == LAB_MODE_FLOOD)
        return;
    if (!visit->greeted && visit->in.len == 0)
        lab_visit_violate(visit, "the client spoke before the greeting");
    if (visit->mode == LAB_MODE_READY && visit->in.len == 0)
        visit->fresh = true;
    if (!buffer_append(&visit->in, bytes, len))
        visit_close(visit);
    visit_pump(visit);
    visit_leave(visit);
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
    visit_leave(visit);
}

static void on_closed(void *user, enum io_close_reason reason, const char *detail)
{
    struct lab_visit *visit = user;
    struct lab_world *world = visit->server->world;

    if (reason == IO_CLOSED_BY_PEER && !visit->said_quit && visit->mode == LAB_MODE_READY)
        world->counts.left_without_quit++;
    visit_end(visit,
              reason == IO_CLOSED_BY_PEER ? "closed by the client" : io_close_reason_name(reason));
    visit_leave(visit);
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

    turn_answer(visit, &turn);
    visit_leave(visit);
}

/* --- coming and going --------------------------------------------------------------------------
 */

static void visit_greet(struct lab_visit *visit)
{
    struct lab_turn turn = {.stage = LAB_STAGE_CONNECT};

    behaviours_act(visit, &turn, LAB_STAGE_CONNECT);
    if (!turn.settled)
        turn_settle_text(visit, &turn, LAB_TEXT_GREETING);
    turn_answer(visit, &turn);
}

static void on_accepted(void *user, struct io_stream *stream)
{
    struct lab_server_run *server = user;
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
    visit_greet(visit);
    visit_leave(visit);
}

static enum lab_special special_of(const struct lab_server *model)
{
    for (const struct lab_behaviour *b = model->behaviours; b != NULL; b = b->next)
        if (b->kind->special != LAB_SPECIAL_NONE)
            return b->kind->special;
    return LAB_SPECIAL_NONE;
}

static int server_listen(struct lab_server_run *server, uint16_t port, struct error *error)
{
    const struct lab_server *model = server->model;
    struct io_loop *loop = server->world->loop;
    enum lab_special special = special_of(model);

    for (size_t i = 0; i < model->ip_count; i++) {
        struct io_endpoint at = {.ip = model->ips[i], .port = port};
        int code = 0;

        if (special == LAB_SPECIAL_BLACKHOLE && lab_sim_loop_is(loop))
            code = lab_sim_loop_set_fate(loop, &at.ip, LAB_SIM_BLACKHOLE);
        else if (special == LAB_SPECIAL_UNREACHABLE && lab_sim_loop_is(loop))
            code = lab_sim_loop_set_fate(loop, &at.ip, LAB_SIM_UNREACHABLE);
        if (code < 0)
            return error_set(error, code, "no memory for the lab");
        if (special == LAB_SPECIAL_DOWN || special == LAB_SPECIAL_UNREACHABLE)
            continue;
        code = io_listen(loop, &at, on_accepted, server, &server->listeners[server->listener_count],
                         error);
        if (code == ERROR_IO && at.ip.family == 6) { /* this machine has no IPv6 */
            lab_world_log(server->world, "%s can't be served by IPv6", model->host_string);
            continue;
        }
        if (code < 0)
            return code;
        server->listener_count++;
    }
    return 0;
}

struct lab_server_run *lab_server_start(struct lab_world *world, const struct lab_server *model,
                                        uint16_t port, struct lab_site_run *site,
                                        struct error *error)
{
    struct lab_server_run *server = memory_zalloc(1, sizeof(*server));

    if (server == NULL)
        goto no_memory;
    server->world = world;
    server->model = model;
    server->site = site;
    table_init(&server->memory, 0);
    server->listeners = memory_zalloc(model->ip_count, sizeof(struct io_listener *));
    if (server->listeners == NULL)
        goto no_memory;
    if (server_listen(server, port, error) < 0) {
        lab_server_stop(server);
        return NULL;
    }
    return server;

no_memory:
    (void)error_set(error, ERROR_NOMEM, "no memory for the server %s", model->host_string);
    lab_server_stop(server);
    return NULL;
}

void lab_server_stop(struct lab_server_run *server)
{
    struct slice key;
    size_t cursor = 0;
    void *memory;

    if (server == NULL)
        return;
    while (server->visits != NULL) {
        struct lab_visit *visit = server->visits;

        visit_close(visit);
        visit_leave(visit);
    }
    for (size_t i = 0; i < server->listener_count; i++)
        io_listener_close(server->listeners[i]);
    memory_free(server->listeners);
    while (table_next(&server->memory, &cursor, &key, &memory))
        memory_free(memory);
    table_done(&server->memory);
    memory_free(server);
}
