/*
 * One SMTP conversation as a client that never sends a message: a state machine without sockets.
 *
 * The life of a session: init with a plan; add recipients; start. Whoever owns the connection tells
 * what happens (connected, bytes, secured, closed, time passing) and after each call takes outputs
 * by smtp_session_next until it says WAIT. There is no callback, no clock, and no way to say DATA
 * or BDAT: no state sends them.
 *
 * Thousands of sessions wait at a time, so one that waits holds next to nothing: recipients are
 * their owners', and what a session needs only while it works (a reply being read, commands being
 * written) is a desk that all share.
 *
 * Every recipient that was added gets exactly one RESULT, whatever happens: the reply to its RCPT;
 * or the reply (greeting, EHLO, STARTTLS, MAIL) that kept it from being asked; or how the
 * conversation broke; or UNTRIED when the session ended before its turn, for reasons of which
 * others were told. When all are answered the session is IDLE and more may be added until
 * smtp_session_finish; then it says QUIT. An IDLE session that is forgotten quits after a minute.
 *
 * Transactions: MAIL, one or more RCPT, RSET (RFC 5321 4.1.1.5). A transaction holds recipients of
 * one domain only. SMTPUTF8 (RFC 6531) is asked only where offered and needed. STARTTLS
 * (RFC 3207): bytes that came before the handshake are an attack and end the session.
 *
 * With PIPELINING (RFC 2920), where the plan allows it, MAIL and the RCPTs go out at once, and a
 * reply belongs to a command by its place alone. Where a server lost one, or gave two lines for one
 * command, all that follow would be taken for those of their neighbours, and so many replies may
 * have come as were due before the one too many is seen. So a batch ends in a command whose answer
 * can be nothing else, as RFC 2920 3.1 allows: QUIT, which only 221 answers, with the last that the
 * session may ask; else EHLO, answered by the server's list, which resets the transaction (RFC 5321
 * 4.1.4). EHLO once a session only, as Sendmail takes the third for an attack (MAXHELOCOMMANDS):
 * the batch behind it ends in QUIT. What is said to a batch counts when that proof has come, and
 * only then; else smtp_session_facts tells, and whoever asks again does it without batches.
 *
 * Without batches a reply can be one too many as well. One that comes before the next command goes
 * out ends the session, and smtp_session_facts tells; one that comes after it can't be told from
 * its answer, by nobody. So gap_ms counts from a refusal again, which is what such servers say more
 * to; and where a server is known for it, settle_ms makes each command wait.
 */
#ifndef MK_SMTP_SESSION_H
#define MK_SMTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/buffer.h"
#include "smtp/class.h"
#include "smtp/reply.h"

struct smtp_session; /* see machine.h; size by smtp_session_new */
struct smtp_held;

/*
 * Where sessions work, one after the other: from the call that tells of something until WAIT or
 * CLOSE the desk is one session's (a CHECK). Outlives its sessions.
 */
struct smtp_desk {
    struct smtp_session *user;    /* NULL: free */
    struct smtp_held *spare_held; /* for the next batch; NULL: none */
    struct buffer out;
    struct smtp_reply_parser parser;
};

void smtp_desk_init(struct smtp_desk *desk);
void smtp_desk_done(struct smtp_desk *desk);

enum smtp_tls_policy {
    /* STARTTLS where offered; go on in clear where it is refused, in a new session if it fails */
    SMTP_TLS_OPPORTUNISTIC,
    SMTP_TLS_DEMANDED, /* STARTTLS only when the server demands it (530 and the like) */
    SMTP_TLS_NEVER,
    SMTP_TLS_REQUIRED, /* no MAIL without TLS */
};

/* Borrowed for the life of the sessions that it is the plan of, and all that it points to. */
struct smtp_plan {
    struct smtp_desk *desk;
    struct slice helo_name; /* our host name, or an address literal; smtp_helo_name_is_safe */
    struct slice sender;    /* reverse-path without "<>"; empty: the null sender;
                               smtp_sender_is_safe (smtp/command.h) */
    enum smtp_tls_policy tls;
    bool use_pipelining; /* where there is no gap, and TLS won't be demanded yet */
    bool keep_transcript;
    unsigned rcpts_per_transaction; /* at least 1 */
    unsigned rcpts_per_session;     /* at least 1 */
    uint32_t gap_ms;                /* least time between two RCPT commands, and after a refusal */
    uint32_t settle_ms;             /* least time between a reply and the next command */
    uint32_t batch_ms;              /* a batch of several ends then; 0: as its commands do */
    unsigned timeout_percent;       /* of the RFC 5321 4.5.3.2 time-outs, 1 to 100 */
    uint64_t deadline_ms;           /* on the caller's clock; the whole session; INSTANT_NEVER */
};

/* Its owner's, lent to a session from smtp_session_add to its RESULT. */
struct smtp_recipient {
    struct slice mailbox; /* wire form, checked: no CR, LF, NUL, "<", ">" outside quotes */
    bool needs_smtputf8 : 1;
    /* The session's own: */
    bool is_checked : 1; /* smtp_recipient_check has told what stands in mailbox */
    bool has_utf8 : 1;   /* mailbox is not ASCII */
    bool is_utf8 : 1;    /* it, or our sender, can only be said with SMTPUTF8 */
    bool is_sent : 1;    /* its RCPT has been sent; an answer does not count yet */
    uint8_t outcome;     /* enum smtp_outcome; when settled */
    uint8_t stage;       /* enum smtp_stage; when settled */
    uint16_t domain_at;  /* offset of the domain in mailbox */
    const char *detail;  /* static words; when settled */
    struct smtp_recipient *next;
};

enum smtp_outcome {
    SMTP_OUTCOME_REPLY,          /* the server answered: see stage and reply */
    SMTP_OUTCOME_CONNECT_FAILED, /* no connection */
    SMTP_OUTCOME_TIMEOUT,        /* no answer in time at `stage` */
    SMTP_OUTCOME_DISCONNECTED,   /* closed by the peer at `stage` without a reply */
    SMTP_OUTCOME_PROTOCOL_ERROR, /* what came at `stage` is not SMTP */
    SMTP_OUTCOME_TLS_FAILED,     /* handshake failed */
    SMTP_OUTCOME_TLS_NOT_OFFERED,
    SMTP_OUTCOME_SMTPUTF8_NOT_OFFERED,
    SMTP_OUTCOME_UNTRIED, /* never asked, through nobody's fault; ask again elsewhere */
    SMTP_OUTCOME_COUNT,
};

/* The very `detail` of those that ended UNTRIED because we had no memory. */
extern const char smtp_session_no_memory[];

struct smtp_result {
    struct smtp_recipient *recipient; /* given back: the session has done with it */
    enum smtp_outcome outcome;
    enum smtp_stage stage;
    struct smtp_reply reply; /* with REPLY; text borrowed until the next call on the session */
    const char *detail;      /* static or session-owned words for the other outcomes; may be NULL */
    unsigned told_together; /* of a batch so many are told from now on; 0: the one before said so */
    struct smtp_recipient *next; /* of a batch: who is told next; NULL: nobody, or not known */
    bool is_again; /* but for the recipient, the very same as the result before it: of one batch,
                      in the same words, nothing between */
};

enum smtp_output_kind {
    SMTP_OUTPUT_WAIT,      /* nothing to do before `deadline_ms`, or until something happens */
    SMTP_OUTPUT_SEND,      /* write `bytes` */
    SMTP_OUTPUT_START_TLS, /* start the handshake, then tell smtp_session_secured or _closed */
    SMTP_OUTPUT_RESULT,    /* `result` */
    SMTP_OUTPUT_READY,     /* the server takes batches: what is added now goes with the first one */
    SMTP_OUTPUT_IDLE,  /* every recipient is answered: add more or finish. Said once each time */
    SMTP_OUTPUT_CLOSE, /* close the connection; nothing follows */
};

struct smtp_output {
    enum smtp_output_kind kind;
    struct slice bytes; /* valid until the next call on the session */
    struct smtp_result result;
    uint64_t deadline_ms; /* with WAIT and IDLE: call smtp_session_tick then */
};

/*
 * NULL: no memory. The plan's names must be safe to send and its numbers within their ranges (see
 * there; a CHECK).
 */
struct smtp_session *smtp_session_new(const struct smtp_plan *plan);
/* As it was given. */
const struct smtp_plan *smtp_session_plan(const struct smtp_session *session);
/* NULL accepted. Recipients without a RESULT get none. */
void smtp_session_free(struct smtp_session *session);

/*
 * Can the mailbox be sent safely? smtp_session_add looks for itself; but where recipients wait for
 * long, it is cheaper to look when their mailbox has just been written. It must not change then.
 */
bool smtp_recipient_check(struct smtp_recipient *recipient);
/*
 * Without looking: the caller knows that nothing but letters, digits, ".", "-", "_" and "+" stands
 * on both sides of one "@", which stands before domain_at.
 */
static inline void smtp_recipient_vouch(struct smtp_recipient *recipient, uint16_t domain_at)
{
    recipient->is_checked = true;
    recipient->has_utf8 = false;
    recipient->domain_at = domain_at;
}

/*
 * Queue a recipient. 0, ERROR_RANGE (the mailbox could not be sent safely) or ERROR_LIMIT
 * (rcpts_per_session used up or the session is ending): then there is no RESULT for it.
 * Who has many need add but one before the server has answered: at READY the others can join it.
 * When IDLE was said and WAIT after it, tell the time with smtp_session_tick after adding: the
 * session goes on then. (It waits for a deadline that is past, so that forgetting costs one turn.)
 */
int smtp_session_add(struct smtp_session *session, struct smtp_recipient *recipient);
/*
 * Nobody wants to know any more: true when the recipient had not been asked; it is given back and
 * gets neither a RCPT nor a RESULT then. False: it is too late, and the RESULT comes as always.
 */
bool smtp_session_withdraw(struct smtp_session *session, struct smtp_recipient *recipient);

void smtp_session_start(struct smtp_session *session, uint64_t now_ms); /* connecting begins */
void smtp_session_connected(struct smtp_session *session, uint64_t now_ms);
/* The bytes are borrowed until WAIT or CLOSE: outputs must be taken before more is received. */
void smtp_session_received(struct smtp_session *session, const char *bytes, size_t len,
                           uint64_t now_ms);
void smtp_session_secured(struct smtp_session *session, uint64_t now_ms);
/*
 * The connection is gone; `why` is one of CONNECT_FAILED, DISCONNECTED, TLS_FAILED, TIMEOUT. While
 * connecting every reason counts as CONNECT_FAILED, during the handshake as TLS_FAILED. What was
 * received before is still read.
 */
void smtp_session_closed(struct smtp_session *session, enum smtp_outcome why, uint64_t now_ms);
void smtp_session_tick(struct smtp_session *session, uint64_t now_ms);
/* Say QUIT once what is asked is answered; recipients not yet asked end UNTRIED. */
void smtp_session_finish(struct smtp_session *session, uint64_t now_ms);

/* Take the next output; until it is WAIT, after every call above. Returns its kind. */
enum smtp_output_kind smtp_session_next(struct smtp_session *session, struct smtp_output *ret);

/* What is known so far, for evidence. */
struct smtp_session_facts {
    enum smtp_stage stage;
    bool tls; /* the conversation is encrypted now */
    bool starttls_offered, pipelining_offered, smtputf8_offered;
    bool batch_broke;      /* it was over without a proof that its replies are in step */
    bool said_too_much;    /* a reply came that nothing had asked for */
    bool quit_answered;    /* the server knows that it is over */
    unsigned rcpt_count;   /* RCPT commands sent */
    unsigned rcpt_room;    /* how many more recipients may be added */
    struct slice greeting; /* text of the greeting, borrowed; "": none yet, or forgotten */
    struct slice transcript; /* "S: 220 …\nC: EHLO …\n", each line led by ms since start; bounded to
                                16 KiB with a note where it was cut; borrowed until the next call */
};
void smtp_session_facts(const struct smtp_session *session, struct smtp_session_facts *ret_facts);
bool smtp_session_batch_broke(const struct smtp_session *session); /* of them, this alone */
/* The greeting has been read and is not wanted any more. */
void smtp_session_forget_greeting(struct smtp_session *session);

const char *smtp_outcome_name(enum smtp_outcome outcome); /* "reply", "timeout", ... */

#endif
