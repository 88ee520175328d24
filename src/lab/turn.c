/* What a server makes of a command: its behaviours first, then its mailboxes and texts. */
#include "lab/turn.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "lab/behaviour.h"
#include "lab/command.h"
#include "lab/visit.h"
#include "lab/world_internal.h"

static struct slice mailbox_text(const struct lab_server *server, enum lab_mailbox_state state)
{
    static const enum lab_text texts[] = {
#define X(symbol, name, text) LAB_TEXT_##text,
        LAB_MAILBOX_STATES(X)
#undef X
    };

    return lab_server_text(server, texts[state]);
}

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
    lab_visit_answer(visit, &turn);
}

static void transaction_end(struct lab_visit *visit)
{
    visit->in_transaction = visit->mail_was_refused = false;
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
    lab_visit_answer(visit, &turn);
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
    lab_visit_answer(visit, &turn);
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
    lab_visit_answer(visit, &turn);
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
    visit->mail_was_refused = false;
    visit->transaction_rcpts = 0; /* those of the careless, behind a refused MAIL, were others */
    behaviours_act(visit, &turn, LAB_STAGE_MAIL);
    if (!turn.settled)
        turn_settle_text(visit, &turn, LAB_TEXT_MAIL);
    (void)slice_to_string(slice_prefix(command->argument, sizeof(visit->sender) - 1), visit->sender,
                          sizeof(visit->sender));
    if (turn.reply.len > 0 && turn.reply.ptr[0] == '2') {
        visit->in_transaction = true;
        visit->smtputf8 = command->smtputf8;
    } else {
        visit->mail_was_refused = true;
    }
    lab_visit_answer(visit, &turn);
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

static bool may_pipeline(const struct lab_visit *visit)
{
    return visit->extended && (visit->server->model->offers & LAB_OFFER_PIPELINING) != 0;
}

static void command_rcpt(struct lab_visit *visit, const struct lab_command *command, bool pipelined)
{
    struct lab_turn turn = {.stage = LAB_STAGE_RCPT, .argument = command->argument};
    bool is_behind_refusal = visit->mail_was_refused && may_pipeline(visit);
    char folded[LAB_LINE_MAX];

    /*
     * In a batch behind a refused MAIL it can't be helped, though the batch may come in pieces; nor
     * behind one that this server has lost.
     */
    if (!visit->in_transaction && !pipelined && !is_behind_refusal && !visit->loses_pipelined)
        lab_visit_violate(visit, "RCPT outside a transaction");
    if (!visit->in_transaction && !(is_behind_refusal && visit->is_careless)) {
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
    lab_visit_answer(visit, &turn);
}

static void command_message(struct lab_visit *visit, const char *name)
{
    struct lab_turn turn = {.stage = LAB_STAGE_RSET,
                            .settled = true,
                            .reply = SLICE("554 5.5.1 The lab takes no messages"),
                            .then = LAB_THEN_CLOSE};

    lab_visit_violate(visit, "the client said %s: it wanted to send a message", name);
    lab_visit_answer(visit, &turn);
}

static void pipelining_judge(struct lab_visit *visit, const struct lab_command *command)
{
    if (command->verb == LAB_VERB_QUIT) /* giving up without waiting is everyone's right */
        return;
    if (!may_pipeline(visit))
        lab_visit_violate(visit, "a command before the answer to the last one, without PIPELINING");
    else if (!visit->previous_may_be_followed)
        lab_visit_violate(visit, "a command pipelined behind one that must end a batch");
}

void lab_turn_command(struct lab_visit *visit, struct slice line, bool pipelined)
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
    if (command.fault != NULL && !command.is_forgiven) {
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

void lab_turn_greet(struct lab_visit *visit)
{
    struct lab_turn turn = {.stage = LAB_STAGE_CONNECT};

    behaviours_act(visit, &turn, LAB_STAGE_CONNECT);
    if (!turn.settled)
        turn_settle_text(visit, &turn, LAB_TEXT_GREETING);
    lab_visit_answer(visit, &turn);
}
