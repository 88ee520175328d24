/* Each acts on one turn of one visit; what it must remember beyond that it keeps with the server.
 */
#include "lab/behaviour_act.h"

#include <stdio.h>

#include "base/check.h"
#include "lab/server.h"

static void settle(struct lab_turn *turn, struct slice reply)
{
    turn->settled = true;
    turn->reply = reply;
}

/* --- refusals --------------------------------------------------------------------------------- */

void lab_act_refuse(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    settle(turn, b->reply);
    /* A refused visitor at the door: most servers hang up, and RFC 5321 3.1 lets them. */
    if (turn->stage == LAB_STAGE_CONNECT)
        turn->then = LAB_THEN_CLOSE;
}

void lab_act_hangup(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    if (b->reply.len > 0 && !turn->settled)
        settle(turn, b->reply);
    turn->then = LAB_THEN_CLOSE;
}

void lab_act_refuse_null(struct lab_visit *visit, const struct lab_behaviour *b,
                         struct lab_turn *turn)
{
    if (turn->argument.len == 0)
        settle(turn, b->reply);
}

void lab_act_refuse_sender(struct lab_visit *visit, const struct lab_behaviour *b,
                           struct lab_turn *turn)
{
    bool hit = b->word.ptr[0] == '@' ? slice_ends_with_nocase(turn->argument, b->word)
                                     : slice_equal_nocase(turn->argument, b->word);

    if (hit)
        settle(turn, b->reply);
}

void lab_act_refuse_own_name(struct lab_visit *visit, const struct lab_behaviour *b,
                             struct lab_turn *turn)
{
    struct slice name = turn->argument;
    ptrdiff_t at = slice_rfind_byte(name, '@');

    if (at >= 0)
        name = slice_from_offset(name, (size_t)at + 1);
    if (name.len > 0 && slice_equal_nocase(name, b->word))
        settle(turn, b->reply);
}

void lab_act_auth_required(struct lab_visit *visit, const struct lab_behaviour *b,
                           struct lab_turn *turn)
{
    settle(turn, b->reply);
}

void lab_act_one_domain(struct lab_visit *visit, const struct lab_behaviour *b,
                        struct lab_turn *turn)
{
    if (visit->domain[0] != '\0' && !slice_equal(slice_from_string(visit->domain), turn->domain))
        settle(turn, b->reply);
}

/* --- recipients ------------------------------------------------------------------------------- */

void lab_act_accept_all(struct lab_visit *visit, const struct lab_behaviour *b,
                        struct lab_turn *turn)
{
    if (turn->served && turn->state == LAB_MAILBOX_UNKNOWN && turn->mailbox_reply.len == 0)
        turn->state = LAB_MAILBOX_OK;
}

void lab_act_no_ehlo(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    settle(turn, b->reply);
}

/* --- memory: greylisting, counters -------------------------------------------------------------
 */

static struct slice client_key(const struct lab_visit *visit, char out[IP_TEXT_SIZE])
{
    return slice_from_string(ip_format(&visit->client, out));
}

void lab_act_greylist(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    char key[1024], client[IP_TEXT_SIZE];
    uint64_t now = lab_visit_now_ms(visit);
    struct lab_memory *memory;

    if (slice_equal(slice_from_string(b->kind->name), SLICE("greylist-known")) &&
        turn->state == LAB_MAILBOX_UNKNOWN)
        return;
    (void)snprintf(key, sizeof(key), "%s %.200s %.*s@%.*s", ip_format(&visit->client, client),
                   visit->sender, SLICE_ARG(turn->local), SLICE_ARG(turn->domain));
    memory = lab_visit_memory(visit, b, slice_from_string(key));
    if (memory == NULL)
        return;
    if (now - memory->since_ms >= b->span_ms)
        memory->count = 1; /* passed once, passes for good */
    if (memory->count == 0)
        settle(turn, b->reply);
}

void lab_act_postscreen(struct lab_visit *visit, const struct lab_behaviour *b,
                        struct lab_turn *turn)
{
    char client[IP_TEXT_SIZE];
    struct lab_memory *memory = lab_visit_memory(visit, b, client_key(visit, client));

    if (memory != NULL && memory->count == 0)
        memory->count = visit->id + 1; /* the visit in which the deep tests are made */
    if (memory != NULL && memory->count == visit->id + 1)
        settle(turn, b->reply);
}

void lab_act_fail_first(struct lab_visit *visit, const struct lab_behaviour *b,
                        struct lab_turn *turn)
{
    char key[512];
    struct lab_memory *memory;

    (void)snprintf(key, sizeof(key), "%.*s@%.*s", SLICE_ARG(turn->local), SLICE_ARG(turn->domain));
    memory = lab_visit_memory(visit, b, slice_from_string(key));
    if (memory != NULL && memory->count++ < b->count)
        settle(turn, b->reply);
}

/* Count in windows of span_ms: true while the count is above the behaviour's. */
static bool window_exceeded(struct lab_visit *visit, const struct lab_behaviour *b)
{
    char client[IP_TEXT_SIZE];
    struct lab_memory *memory = lab_visit_memory(visit, b, client_key(visit, client));

    if (memory == NULL)
        return false;
    if (lab_visit_now_ms(visit) - memory->since_ms >= b->span_ms) {
        memory->since_ms = lab_visit_now_ms(visit);
        memory->count = 0;
    }
    return ++memory->count > b->count;
}

void lab_act_rate(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    if (!window_exceeded(visit, b))
        return;
    settle(turn, b->reply);
    if (turn->stage == LAB_STAGE_CONNECT)
        turn->then = LAB_THEN_CLOSE;
}

void lab_act_max_connections(struct lab_visit *visit, const struct lab_behaviour *b,
                             struct lab_turn *turn)
{
    if (visit->server->open_count > b->count) {
        settle(turn, b->reply);
        turn->then = LAB_THEN_CLOSE;
    }
}

void lab_act_rcpts_per_session(struct lab_visit *visit, const struct lab_behaviour *b,
                               struct lab_turn *turn)
{
    if (visit->rcpts > b->count)
        settle(turn, b->reply);
}

void lab_act_session_limit(struct lab_visit *visit, const struct lab_behaviour *b,
                           struct lab_turn *turn)
{
    if (visit->rcpts > b->count) {
        settle(turn, b->reply);
        turn->then = LAB_THEN_CLOSE;
    }
}

void lab_act_rcpts_per_transaction(struct lab_visit *visit, const struct lab_behaviour *b,
                                   struct lab_turn *turn)
{
    if (visit->transaction_rcpts > b->count)
        settle(turn, b->reply);
}

/* What a harvest counter knows of the client: counts unknown recipients over all its visits. */
static bool harvest_tripped(struct lab_visit *visit, const struct lab_behaviour *b,
                            const struct lab_turn *turn)
{
    char client[IP_TEXT_SIZE];
    struct lab_memory *memory = lab_visit_memory(visit, b, client_key(visit, client));
    uint64_t now = lab_visit_now_ms(visit);

    if (memory == NULL)
        return false;
    if (now - memory->since_ms >= b->span_ms) {
        memory->since_ms = now;
        memory->count = 0;
    }
    if (memory->count >= b->count)
        return true;
    if (turn->state == LAB_MAILBOX_UNKNOWN)
        memory->count++;
    return false;
}

void lab_act_harvest(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    if (harvest_tripped(visit, b, turn))
        settle(turn, b->reply);
}

void lab_act_harvest_accept(struct lab_visit *visit, const struct lab_behaviour *b,
                            struct lab_turn *turn)
{
    if (harvest_tripped(visit, b, turn))
        turn->state = LAB_MAILBOX_OK;
}

void lab_act_harvest_hangup(struct lab_visit *visit, const struct lab_behaviour *b,
                            struct lab_turn *turn)
{
    if (visit->unknowns >= b->count) {
        settle(turn, b->reply);
        turn->then = LAB_THEN_CLOSE;
    }
}

/* --- broken connections ------------------------------------------------------------------------
 */

static void end_turn(struct lab_turn *turn, enum lab_then then)
{
    settle(turn, SLICE_EMPTY);
    turn->mute = true;
    turn->then = then;
}

void lab_act_drop(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    end_turn(turn, LAB_THEN_CLOSE);
}

void lab_act_reset(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    end_turn(turn, LAB_THEN_RESET);
}

void lab_act_silent(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    end_turn(turn, LAB_THEN_SILENCE);
}

void lab_act_deaf(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    turn->then = LAB_THEN_DEAF;
}

/* --- time and form -----------------------------------------------------------------------------
 */

void lab_act_delay(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    turn->delay_ms += b->span_ms;
}

void lab_act_drip(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    visit->drip_ms = b->span_ms;
}

void lab_act_split(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    visit->splits = true;
}

void lab_act_bare_lf(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    visit->bare_lf = true;
}

void lab_act_idle(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    visit->idle_ms = b->span_ms;
    visit->idle_reply = b->reply;
}

void lab_act_broken_pipelining(struct lab_visit *visit, const struct lab_behaviour *b,
                               struct lab_turn *turn)
{
    visit->loses_pipelined = true;
}

void lab_act_careless(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    visit->is_careless = true;
}

void lab_act_gather(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    visit->gathers = true;
}

void lab_act_hasty_quit(struct lab_visit *visit, const struct lab_behaviour *b,
                        struct lab_turn *turn)
{
    visit->is_hasty = true;
}

void lab_act_lose_replies(struct lab_visit *visit, const struct lab_behaviour *b,
                          struct lab_turn *turn)
{
    turn->mute = turn->mute || (b->count > 0 && visit->rcpts % b->count == 0);
}

void lab_act_garbage(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    turn->settled = true;
    turn->raw = SLICE("\x80\xff\x00\x01\xfe\x7f garbage \x1b[31m\x00\xc3\x28\r\n");
    turn->raw_repeat = 1;
}

void lab_act_extra(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    turn->extra = b->reply;
}

void lab_act_http(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    turn->settled = true;
    turn->raw = SLICE("HTTP/1.1 400 Bad Request\r\nServer: lab\r\nContent-Type: text/html\r\n"
                      "Connection: close\r\n\r\n<html><body>Bad Request</body></html>\r\n");
    turn->raw_repeat = 1;
    turn->then = LAB_THEN_CLOSE;
}

void lab_act_endless(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    end_turn(turn, LAB_THEN_FLOOD);
    visit->flood = turn->stage == LAB_STAGE_CONNECT ? SLICE("220-still greeting you\r\n")
                                                    : SLICE("250-still talking to you\r\n");
}

void lab_act_long_line(struct lab_visit *visit, const struct lab_behaviour *b,
                       struct lab_turn *turn)
{
    turn->settled = true;
    turn->raw = SLICE("220 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    turn->raw_repeat = (size_t)(b->count / turn->raw.len) + 1;
}

/* --- TLS ---------------------------------------------------------------------------------------
 */

void lab_act_tls_only(struct lab_visit *visit, const struct lab_behaviour *b, struct lab_turn *turn)
{
    if (!visit->tls)
        settle(turn, b->reply);
}

void lab_act_starttls_broken(struct lab_visit *visit, const struct lab_behaviour *b,
                             struct lab_turn *turn)
{
    turn->settled = true;
    turn->raw = SLICE("220 2.0.0 Ready to start TLS\r\n");
    turn->raw_repeat = 1;
    turn->then = LAB_THEN_CLOSE;
}

void lab_act_starttls_inject(struct lab_visit *visit, const struct lab_behaviour *b,
                             struct lab_turn *turn)
{
    turn->settled = true;
    turn->raw = SLICE("220 2.0.0 Ready to start TLS\r\n250 injected before the handshake\r\n");
    turn->raw_repeat = 1;
    turn->then = LAB_THEN_TLS;
}

void lab_act_starttls_silent(struct lab_visit *visit, const struct lab_behaviour *b,
                             struct lab_turn *turn)
{
    turn->settled = true;
    turn->raw = SLICE("220 2.0.0 Ready to start TLS\r\n");
    turn->raw_repeat = 1;
    turn->then = LAB_THEN_SILENCE;
}

/* --- watching ----------------------------------------------------------------------------------
 */

void lab_act_forbidden(struct lab_visit *visit, const struct lab_behaviour *b,
                       struct lab_turn *turn)
{
    lab_visit_violate(visit, "connected to %.*s, where nothing sends anyone",
                      SLICE_ARG(visit->server->model->host));
}
