#include "smtp/machine.h"

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "base/utf8.h"

/* No time-out is scaled below this: a slow path alone can take it. */
#define TIMEOUT_FLOOR_MS 2000
/*
 * How long answers to a batch wait for that to QUIT, which proves them. Where nobody waits for it,
 * it gets less; but not as long as others either, as there are servers that never answer it.
 */
#define PROOF_MS (20 * SECOND_MS)

enum smtp_stage smtp_machine_stage(const struct smtp_session *session)
{
    return smtp_machine_table[session->state].stage;
}

struct smtp_desk *smtp_machine_desk(struct smtp_session *session)
{
    struct smtp_desk *desk = session->plan->desk;

    CHECK(desk->user == NULL || desk->user == session);
    desk->user = session;
    return desk;
}

void smtp_machine_note(struct smtp_session *session, const char *words)
{
    if (session->transcript != NULL)
        smtp_transcript_note(session->transcript, slice_from_string(words), session->now_ms);
}

const char smtp_session_no_memory[] = "no memory";

static void came_back(struct smtp_session *session, struct smtp_recipient *recipient)
{
    if (!recipient->is_sent)
        return;
    CHECK(session->in_flight > 0);
    session->in_flight--;
    recipient->is_sent = false;
}

static void settle_one(struct smtp_session *session, struct smtp_recipient *recipient,
                       enum smtp_outcome outcome, enum smtp_stage stage, const char *detail)
{
    recipient->outcome = (uint8_t)outcome;
    recipient->stage = (uint8_t)stage;
    recipient->detail = detail;
    came_back(session, recipient);
    smtp_queue_push(&session->settled, recipient);
}

void smtp_machine_settle(struct smtp_session *session, struct smtp_queue *queue,
                         enum smtp_outcome outcome, enum smtp_stage stage, const char *detail)
{
    struct smtp_recipient *recipient;

    while ((recipient = smtp_queue_pop(queue)) != NULL)
        settle_one(session, recipient, outcome, stage, detail);
}

void smtp_machine_settle_first(struct smtp_session *session, enum smtp_outcome outcome,
                               enum smtp_stage stage, const char *detail)
{
    struct smtp_recipient *recipient;

    smtp_machine_part_held(session);
    recipient = smtp_queue_pop(&session->transaction);
    CHECK(recipient != NULL);
    settle_one(session, recipient, outcome, stage, detail);
}

static bool begin_held(struct smtp_session *session)
{
    struct smtp_desk *desk = smtp_machine_desk(session);

    if (session->held != NULL)
        return true;
    session->held = desk->spare_held != NULL ? desk->spare_held : smtp_held_new();
    desk->spare_held = NULL;
    return session->held != NULL;
}

void smtp_machine_forget_held(struct smtp_session *session)
{
    struct smtp_desk *desk = session->plan->desk;

    smtp_held_clear(session->held);
    if (desk->spare_held == NULL)
        desk->spare_held = session->held;
    else
        smtp_held_free(session->held);
    session->held = NULL;
    session->held_counts = false;
}

void smtp_machine_hold(struct smtp_session *session, unsigned count)
{
    struct smtp_reply reply = smtp_reply_parsed(&smtp_machine_desk(session)->parser);

    CHECK(count <= session->in_flight && !session->held_counts);
    if (begin_held(session) && smtp_held_push(session->held, count, &reply)) {
        session->in_flight -= count;
        return;
    }
    for (unsigned i = 0; i < count; i++)
        smtp_machine_settle_first(session, SMTP_OUTCOME_UNTRIED, SMTP_STAGE_RCPT,
                                  smtp_session_no_memory);
    session->lacks_memory = true;
}

void smtp_machine_part_held(struct smtp_session *session)
{
    if (session->held != NULL)
        smtp_held_collect(session->held, &session->transaction);
}

void smtp_machine_release(struct smtp_session *session)
{
    smtp_machine_part_held(session);
    session->held_counts = session->held != NULL;
}

void smtp_machine_end_batch(struct smtp_session *session, enum smtp_outcome outcome,
                            const char *detail)
{
    struct smtp_recipient *recipient;

    if (session->held == NULL || session->held_counts)
        return;
    session->batch_broke = true;
    smtp_machine_part_held(session);
    while ((recipient = smtp_queue_pop(&session->held->recipients)) != NULL) {
        recipient->is_sent = false; /* not in flight: it was answered */
        settle_one(session, recipient, outcome, SMTP_STAGE_RCPT, detail);
    }
    smtp_machine_forget_held(session);
}

bool smtp_machine_is_batching(const struct smtp_session *session)
{
    /* A server that may demand TLS of a batch would have to be asked the same again. */
    bool may_yet_be_secured = session->starttls_offered && !session->is_tls &&
                              !session->tls_tried && session->plan->tls != SMTP_TLS_NEVER;

    return session->plan->use_pipelining && session->pipelining_offered &&
           session->plan->gap_ms == 0 && !may_yet_be_secured;
}

bool smtp_machine_has_leftover(const struct smtp_session *session)
{
    return session->in.len > 0 || session->part != NULL || session->is_reading;
}

bool smtp_machine_awaits_more(const struct smtp_session *session)
{
    return session->outstanding > (session->quit_is_said || session->mark_is_said ? 1U : 0U);
}

uint64_t smtp_machine_in(const struct smtp_session *session, uint64_t span_ms)
{
    return session->now_ms > INSTANT_NEVER - span_ms ? INSTANT_NEVER : session->now_ms + span_ms;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t deadline_of(const struct smtp_session *session, enum smtp_state state)
{
    const struct smtp_row *row = &smtp_machine_table[state];
    uint64_t span_ms = row->timeout_ms;

    if (state == SMTP_STATE_PAUSE)
        return session->next_rcpt_ms;
    if (span_ms == 0)
        return INSTANT_NEVER;
    if (row->is_scaled)
        span_ms = span_ms * session->plan->timeout_percent / 100;
    if (span_ms < TIMEOUT_FLOOR_MS)
        span_ms = TIMEOUT_FLOOR_MS;
    if (state == SMTP_STATE_QUIT && session->held != NULL)
        span_ms = PROOF_MS;
    span_ms = smtp_machine_in(session, span_ms);
    return session->batch_until_ms > 0 ? earlier(span_ms, session->batch_until_ms) : span_ms;
}

/* Bytes that nothing asked for, found when we are about to speak (RFC 3207 section 5, too). */
static bool is_spoken_to(struct smtp_session *session, enum smtp_state state)
{
    if (!smtp_machine_has_leftover(session) || session->outstanding > 0)
        return false;
    if (state == SMTP_STATE_HANDSHAKE) {
        smtp_machine_break(session, SMTP_ON_MALFORMED, SMTP_OUTCOME_PROTOCOL_ERROR,
                           "bytes came in clear before the TLS handshake");
        return true;
    }
    if (smtp_machine_table[state].send == NULL || state == SMTP_STATE_QUIT)
        return false;
    session->said_too_much = true;
    smtp_machine_break(session, SMTP_ON_MALFORMED, SMTP_OUTCOME_PROTOCOL_ERROR,
                       "the server spoke out of turn");
    return true;
}

void smtp_machine_enter(struct smtp_session *session, enum smtp_state state)
{
    const struct smtp_row *row = &smtp_machine_table[state];

    CHECK(state > SMTP_STATE_NONE && state < SMTP_STATE_COUNT);
    session->state = (uint8_t)state;
    if (is_spoken_to(session, state))
        return;
    if (state == SMTP_STATE_QUIT || state == SMTP_STATE_DONE) {
        CHECK(session->waiting.count == 0 && session->transaction.count == 0 &&
              (session->held == NULL || session->held_counts || state == SMTP_STATE_QUIT));
        session->is_ending = true;
    }
    session->must_start_tls = state == SMTP_STATE_HANDSHAKE;
    session->must_say_idle = state == SMTP_STATE_IDLE;
    if (row->send != NULL)
        row->send(session);
    session->deadline_ms = deadline_of(session, state);
}

void smtp_machine_dispatch(struct smtp_session *session, enum smtp_event event)
{
    const struct smtp_cell *cell = &smtp_machine_table[session->state].cells[event];
    enum smtp_state next =
        cell->react == NULL || cell->react(session) ? cell->next : cell->otherwise;

    if (next != SMTP_STATE_STAY)
        smtp_machine_enter(session, next);
}

void smtp_machine_break(struct smtp_session *session, enum smtp_event event,
                        enum smtp_outcome outcome, const char *detail)
{
    session->broken_outcome = (uint8_t)outcome;
    session->broken_detail = detail;
    smtp_machine_note(session, detail);
    smtp_machine_dispatch(session, event);
}

void smtp_machine_give_up(struct smtp_session *session)
{
    smtp_machine_end_batch(session, SMTP_OUTCOME_UNTRIED, smtp_session_no_memory);
    smtp_machine_settle(session, &session->transaction, SMTP_OUTCOME_UNTRIED,
                        smtp_machine_stage(session), smtp_session_no_memory);
    smtp_machine_settle(session, &session->waiting, SMTP_OUTCOME_UNTRIED,
                        smtp_machine_stage(session), smtp_session_no_memory);
    session->lacks_memory = false;
    buffer_clear(&session->plan->desk->out);
    smtp_machine_enter(session, SMTP_STATE_DONE);
}

static bool wants_starttls(const struct smtp_session *session)
{
    if (session->is_tls || session->tls_tried || session->plan->tls == SMTP_TLS_NEVER)
        return false;
    return session->tls_demanded ||
           (session->starttls_offered && session->plan->tls != SMTP_TLS_DEMANDED);
}

static struct smtp_recipient *next_of(const struct smtp_queue *queue,
                                      const struct smtp_recipient *before)
{
    return before != NULL ? smtp_queue_after(queue, before) : smtp_queue_first(queue);
}

/* Settle those that can't be asked here: RFC 6531 3.2 forbids sending them. */
static void settle_unsendable(struct smtp_session *session)
{
    struct smtp_recipient *recipient, *before = NULL;

    if (session->smtputf8_offered)
        return;
    while ((recipient = next_of(&session->waiting, before)) != NULL) {
        if (!recipient->is_utf8) {
            before = recipient;
            continue;
        }
        smtp_queue_take_after(&session->waiting, before);
        settle_one(session, recipient, SMTP_OUTCOME_SMTPUTF8_NOT_OFFERED, SMTP_STAGE_MAIL,
                   "the server does not offer SMTPUTF8");
    }
}

static bool fits_transaction(const struct smtp_session *session,
                             const struct smtp_recipient *recipient, struct slice domain,
                             bool is_new)
{
    struct slice its = smtp_recipient_domain(recipient);

    return (slice_equal(its, domain) || slice_equal_nocase(its, domain)) &&
           (!recipient->is_utf8 || session->transaction_utf8 || is_new);
}

/* How many more the open transaction may take. */
static unsigned transaction_room(const struct smtp_session *session)
{
    unsigned used = session->rcpt_count + session->transaction.count, room;

    if (used >= session->plan->rcpts_per_session ||
        session->transaction_count >= session->plan->rcpts_per_transaction)
        return 0;
    room = session->plan->rcpts_per_session - used;
    used = session->plan->rcpts_per_transaction - session->transaction_count;
    return room < used ? room : used;
}

/* Move those that fit into the transaction from waiting: mostly all of them, in one go. */
static void fill_transaction(struct smtp_session *session, bool is_new)
{
    struct slice domain = slice_from_string(session->domain);
    unsigned room = transaction_room(session);
    struct smtp_queue others = {0};

    while (room > 0 && session->waiting.count > 0) {
        struct smtp_recipient *recipient = smtp_queue_first(&session->waiting);
        unsigned count = 0;

        while (count < room && count < session->waiting.count &&
               fits_transaction(session, recipient, domain, is_new)) {
            session->transaction_utf8 |= recipient->is_utf8;
            recipient = recipient->next;
            count++;
        }
        session->transaction_count += count;
        room -= count;
        if (count > 0)
            smtp_queue_move(&session->transaction, &session->waiting, count);
        else
            smtp_queue_move(&others, &session->waiting, 1);
    }
    smtp_queue_append(&others, &session->waiting);
    session->waiting = others;
}

/* Most sessions are about one domain: its name is kept from one transaction to the next. */
static bool keep_domain(struct smtp_session *session, struct slice domain)
{
    if (session->domain != NULL && slice_equal(domain, slice_from_string(session->domain)))
        return true;
    memory_free(session->domain);
    session->domain = memory_copy_string(domain.ptr, domain.len);
    return session->domain != NULL;
}

static void begin_transaction(struct smtp_session *session)
{
    session->transaction_count = 0;
    session->transaction_utf8 = !utf8_is_ascii(session->plan->sender);
    if (keep_domain(session, smtp_recipient_domain(smtp_queue_first(&session->waiting))))
        fill_transaction(session, true);
    else
        session->lacks_memory = true;
}

/* Nobody more may be asked: everyone who is left goes untried. */
static void leave_rest(struct smtp_session *session, const char *why)
{
    smtp_machine_part_held(session);
    smtp_machine_settle(session, &session->transaction, SMTP_OUTCOME_UNTRIED, SMTP_STAGE_MAIL, why);
    smtp_machine_settle(session, &session->waiting, SMTP_OUTCOME_UNTRIED, SMTP_STAGE_MAIL, why);
}

/* Nobody is left to be asked. What was said to a batch needs its proof, though. */
static enum smtp_state choose_end(const struct smtp_session *session)
{
    if (session->held == NULL)
        return SMTP_STATE_IDLE;
    return session->mark_is_spent ? SMTP_STATE_QUIT : SMTP_STATE_MARK;
}

enum smtp_state smtp_machine_choose(struct smtp_session *session)
{
    CHECK(!smtp_machine_awaits_more(session) && session->in_flight == 0);
    smtp_machine_part_held(session);
    if (session->mark_is_said)
        return SMTP_STATE_MARK;
    /* That batch is over, without a proof where MAIL was refused. */
    if (session->held == NULL)
        session->batch_until_ms = 0;
    if (session->is_ending) {
        leave_rest(session, NULL);
        return SMTP_STATE_QUIT;
    }
    if (wants_starttls(session)) {
        smtp_queue_append(&session->waiting, &session->transaction);
        return SMTP_STATE_STARTTLS;
    }
    if (session->plan->tls == SMTP_TLS_REQUIRED && !session->is_tls) {
        smtp_machine_settle(session, &session->waiting, SMTP_OUTCOME_TLS_NOT_OFFERED,
                            SMTP_STAGE_STARTTLS, "the server does not offer STARTTLS");
        return SMTP_STATE_QUIT;
    }
    settle_unsendable(session);
    if (session->rcpt_count >= session->plan->rcpts_per_session)
        leave_rest(session, "the session has asked as many recipients as it may");
    if (session->has_mail)
        fill_transaction(session, false);
    if (session->transaction.count == 0 && session->waiting.count == 0)
        return choose_end(session);
    if (session->now_ms < session->next_rcpt_ms)
        return SMTP_STATE_PAUSE;
    if (session->transaction.count > 0)
        return session->has_mail ? SMTP_STATE_RCPT : SMTP_STATE_MAIL;
    begin_transaction(session);
    return session->has_mail ? SMTP_STATE_RSET : SMTP_STATE_MAIL;
}
