/*
 * For the tests and the fuzzer of the session only: a caller that holds the session to its word.
 *
 * It takes the outputs and aborts (CHECK) when one breaks the contract: a recipient told twice or
 * never, IDLE said twice or too early, something after CLOSE or QUIT, QUIT before it is time, a
 * line that is no allowed command, a limit of the plan exceeded.
 */
#ifndef MK_SMTP_SESSION_RIG_H
#define MK_SMTP_SESSION_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "smtp/session.h"
#include "smtp/transcript.h"

#define RIG_RECIPIENTS_MAX 64

struct rig_recipient {
    struct smtp_recipient lent; /* first: what the session gives back */
    struct rig *rig;
    char mailbox[520];
    bool is_accepted, is_told;
};

struct rig {
    struct smtp_session *session;
    struct smtp_desk desk;
    struct smtp_plan plan;
    uint64_t now_ms, deadline_ms; /* deadline: of the last WAIT or IDLE */
    struct rig_recipient recipients[RIG_RECIPIENTS_MAX];
    unsigned added, accepted, told; /* recipients */
    unsigned outputs, rcpts, transaction_rcpts;
    uint64_t last_rcpt_ms;
    char domain[520]; /* of the transaction */
    bool is_idle, is_closed, tls_started, is_tls, said_quit;
    /* Called with each output after it was checked; may be NULL. */
    void (*watch)(struct rig *rig, const struct smtp_output *output);
    void *user;
};

static inline bool rig_new(struct rig *rig, const struct smtp_plan *plan)
{
    memset(rig, 0, sizeof(*rig));
    smtp_desk_init(&rig->desk);
    rig->plan = *plan;
    rig->plan.desk = &rig->desk;
    rig->session = smtp_session_new(&rig->plan);
    return rig->session != NULL;
}

static inline int rig_add(struct rig *rig, struct slice mailbox, bool needs_smtputf8)
{
    struct rig_recipient *recipient;
    int r;

    CHECK(rig->added < RIG_RECIPIENTS_MAX);
    recipient = &rig->recipients[rig->added];
    memset(recipient, 0, sizeof(*recipient));
    recipient->rig = rig;
    CHECK(mailbox.len < sizeof(recipient->mailbox));
    if (mailbox.len > 0)
        memcpy(recipient->mailbox, mailbox.ptr, mailbox.len);
    recipient->lent.mailbox = (struct slice){recipient->mailbox, mailbox.len};
    recipient->lent.needs_smtputf8 = needs_smtputf8;
    r = smtp_session_add(rig->session, &recipient->lent);
    if (r == 0) {
        recipient->is_accepted = true;
        rig->added++;
        rig->accepted++;
        rig->is_idle = false;
    }
    return r;
}

/* Whom nobody wants any more counts as told: a RESULT after that is one too many. */
static inline bool rig_withdraw(struct rig *rig, struct rig_recipient *recipient)
{
    if (!smtp_session_withdraw(rig->session, &recipient->lent))
        return false;
    CHECK(recipient->is_accepted && !recipient->is_told);
    recipient->is_told = true;
    rig->told++;
    return true;
}

static inline void rig_check_rcpt(struct rig *rig, struct slice line)
{
    struct slice path = slice_from_offset(line, 9), domain;

    CHECK(slice_ends_with(path, SLICE(">")));
    path.len--;
    CHECK(slice_rfind_byte(path, '@') > 0);
    domain = slice_from_offset(path, (size_t)slice_rfind_byte(path, '@') + 1);
    if (rig->transaction_rcpts == 0)
        CHECK(slice_to_string(domain, rig->domain, sizeof(rig->domain)));
    CHECK(slice_equal_nocase(domain, slice_from_string(rig->domain)));
    rig->transaction_rcpts++;
    CHECK(rig->transaction_rcpts <= rig->plan.rcpts_per_transaction);
    if (rig->rcpts > 0 && rig->plan.gap_ms > 0)
        CHECK(rig->now_ms >= rig->last_rcpt_ms + rig->plan.gap_ms);
    rig->rcpts++;
    CHECK(rig->rcpts <= rig->plan.rcpts_per_session);
    rig->last_rcpt_ms = rig->now_ms;
}

/* Behind RCPTs only in a batch. */
static inline void rig_check_quit(struct rig *rig)
{
    rig->said_quit = true;
    if (rig->told < rig->accepted)
        CHECK(rig->plan.use_pipelining && rig->plan.gap_ms == 0);
}

static inline void rig_check_line(struct rig *rig, struct slice line)
{
    CHECK(!rig->said_quit);
    CHECK(line.len >= 4 && line.len <= 510);
    for (size_t i = 0; i < line.len; i++)
        CHECK((unsigned char)line.ptr[i] >= 0x20 && line.ptr[i] != 0x7f);
    if (slice_starts_with(line, SLICE("RCPT TO:<"))) {
        rig_check_rcpt(rig, line);
    } else if (slice_starts_with(line, SLICE("MAIL FROM:<"))) {
        CHECK(rig->plan.tls != SMTP_TLS_REQUIRED || rig->is_tls);
        rig->transaction_rcpts = 0;
    } else if (slice_equal(line, SLICE("QUIT"))) {
        rig_check_quit(rig);
    } else {
        CHECK(slice_starts_with(line, SLICE("EHLO ")) || slice_starts_with(line, SLICE("HELO ")) ||
              slice_equal(line, SLICE("STARTTLS")) || slice_equal(line, SLICE("RSET")));
    }
}

static inline void rig_check_bytes(struct rig *rig, struct slice bytes)
{
    struct slice line;

    CHECK(slice_ends_with(bytes, SLICE("\r\n")));
    bytes.len--; /* the last LF, so that there is no empty part behind it */
    while (slice_split(&bytes, '\n', &line)) {
        CHECK(slice_ends_with(line, SLICE("\r")));
        line.len--;
        rig_check_line(rig, line);
    }
}

static inline void rig_check_result(struct rig *rig, const struct smtp_result *result)
{
    struct rig_recipient *recipient = (struct rig_recipient *)result->recipient;

    CHECK(recipient->rig == rig && recipient->is_accepted && !recipient->is_told);
    recipient->is_told = true;
    rig->told++;
    CHECK((unsigned)result->outcome < SMTP_OUTCOME_COUNT);
    CHECK((unsigned)result->stage < SMTP_STAGE_COUNT);
    CHECK(smtp_outcome_name(result->outcome) != NULL);
    if (result->outcome == SMTP_OUTCOME_REPLY) {
        CHECK(result->reply.code >= 200 && result->reply.code <= 599);
        CHECK(result->reply.text.len <= SMTP_REPLY_TEXT_MAX);
        /* Only a RCPT accepts; a reply that kept somebody from being asked is a refusal. */
        CHECK(result->stage == SMTP_STAGE_RCPT || result->reply.code >= 400);
    }
}

/* Take and check one output. */
static inline enum smtp_output_kind rig_next(struct rig *rig)
{
    struct smtp_output output;
    enum smtp_output_kind kind = smtp_session_next(rig->session, &output);

    CHECK(kind == output.kind);
    CHECK(!rig->is_closed || kind == SMTP_OUTPUT_WAIT);
    switch (kind) {
    case SMTP_OUTPUT_WAIT:
        rig->deadline_ms = output.deadline_ms;
        CHECK(!rig->is_closed || output.deadline_ms == UINT64_MAX);
        break;
    case SMTP_OUTPUT_SEND:
        rig_check_bytes(rig, output.bytes);
        break;
    case SMTP_OUTPUT_START_TLS:
        CHECK(!rig->tls_started && rig->plan.tls != SMTP_TLS_NEVER);
        rig->tls_started = true;
        break;
    case SMTP_OUTPUT_RESULT:
        rig_check_result(rig, &output.result);
        break;
    case SMTP_OUTPUT_READY:
        CHECK(!rig->is_idle && rig->plan.use_pipelining && rig->plan.gap_ms == 0);
        break;
    case SMTP_OUTPUT_IDLE:
        CHECK(!rig->is_idle && rig->told == rig->accepted);
        rig->is_idle = true;
        rig->deadline_ms = output.deadline_ms;
        break;
    case SMTP_OUTPUT_CLOSE:
        CHECK(rig->told == rig->accepted);
        rig->is_closed = true;
        break;
    }
    if (kind != SMTP_OUTPUT_WAIT)
        rig->outputs++;
    if (rig->watch != NULL)
        rig->watch(rig, &output);
    return kind;
}

static inline void rig_check_facts(struct rig *rig)
{
    struct smtp_session_facts facts;

    smtp_session_facts(rig->session, &facts);
    CHECK(facts.transcript.len <= SMTP_TRANSCRIPT_MAX);
    CHECK(facts.rcpt_count == rig->rcpts || rig->is_closed || facts.rcpt_count > rig->rcpts);
    CHECK(facts.rcpt_room <= rig->plan.rcpts_per_session);
}

/* Take outputs until there are none. */
static inline void rig_pull(struct rig *rig)
{
    unsigned before = rig->outputs;

    while (rig_next(rig) != SMTP_OUTPUT_WAIT)
        CHECK(rig->outputs - before < 10000);
    rig_check_facts(rig);
}

/* End it: the connection goes, everyone must be answered. */
static inline void rig_free(struct rig *rig)
{
    if (!rig->is_closed) {
        smtp_session_closed(rig->session, SMTP_OUTCOME_DISCONNECTED, rig->now_ms);
        rig_pull(rig);
    }
    CHECK(rig->is_closed && rig->told == rig->accepted);
    CHECK(rig_next(rig) == SMTP_OUTPUT_WAIT);
    smtp_session_free(rig->session);
    rig->session = NULL;
    smtp_desk_done(&rig->desk);
}

#endif
