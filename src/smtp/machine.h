/*
 * The state machine of a session: its states, what can happen, and the table that joins them.
 *
 * A session is in one state at a time; smtp_machine_enter is the only place that changes it.
 * Something happens (an event), the cell of the state's row names a reaction and the next state; a
 * reaction that returns false leads to `otherwise` instead. The table (machine_table.c) has no
 * empty cell, which a test proves. READY is left at once by smtp_machine_choose, which decides what
 * to ask next. Internal to the session: nobody else includes this but its tests.
 */
#ifndef MK_SMTP_MACHINE_H
#define MK_SMTP_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smtp/held.h"
#include "smtp/queue.h"
#include "smtp/reply.h"
#include "smtp/session.h"
#include "smtp/transcript.h"

enum smtp_state {
    SMTP_STATE_NONE, /* in a cell: not filled */
    SMTP_STATE_NEW,
    SMTP_STATE_CONNECTING,
    SMTP_STATE_GREETING,
    SMTP_STATE_EHLO,
    SMTP_STATE_HELO,
    SMTP_STATE_STARTTLS,
    SMTP_STATE_HANDSHAKE,
    SMTP_STATE_READY, /* nothing is under way: choose what comes next */
    SMTP_STATE_RSET,
    SMTP_STATE_MAIL,
    SMTP_STATE_RCPT,
    SMTP_STATE_MARK,  /* the EHLO behind a batch: its list proves that replies are in step */
    SMTP_STATE_DRAIN, /* MAIL was refused: the replies to RCPTs sent with it are ignored */
    SMTP_STATE_PAUSE, /* the gap between two RCPTs */
    SMTP_STATE_IDLE,
    SMTP_STATE_QUIT,
    SMTP_STATE_DONE,
    SMTP_STATE_COUNT,
    SMTP_STATE_STAY, /* in a cell: the state is not entered again, its deadline goes on */
};

enum smtp_event {
    SMTP_ON_2XX,
    SMTP_ON_3XX,
    SMTP_ON_4XX,
    SMTP_ON_5XX,
    SMTP_ON_421,       /* the server is about to close, whatever was asked (RFC 5321 3.8) */
    SMTP_ON_MALFORMED, /* not SMTP, or at a time when nothing was asked */
    SMTP_ON_CLOSED,
    SMTP_ON_TIMEOUT,  /* of the state */
    SMTP_ON_DEADLINE, /* of the session */
    SMTP_ON_PROGRESS, /* what was waited for: started, connected, secured, more recipients */
    SMTP_ON_FINISH,
    SMTP_ON_COUNT,
};

typedef bool smtp_reaction(struct smtp_session *session);

struct smtp_cell {
    smtp_reaction *react; /* NULL: as if it returned true */
    enum smtp_state next;
    enum smtp_state otherwise; /* NONE where react is NULL or never returns false */
};

struct smtp_row {
    const char *name;
    enum smtp_stage stage;
    void (*send)(struct smtp_session *session); /* say the command; NULL: none */
    uint32_t timeout_ms;                        /* 0: none, or the state's own */
    bool is_scaled;                             /* by plan.timeout_percent */
    struct smtp_cell cells[SMTP_ON_COUNT];
};

extern const struct smtp_row smtp_machine_table[SMTP_STATE_COUNT];

struct smtp_session {
    const struct smtp_plan *plan;
    uint64_t now_ms;         /* as last told */
    uint64_t deadline_ms;    /* of the state */
    uint64_t next_rcpt_ms;   /* not before: plan->gap_ms, plan->settle_ms */
    uint64_t batch_until_ms; /* all of the batch is to be answered by then; 0: none is under way */
    struct smtp_queue waiting, transaction, settled;
    unsigned outstanding;               /* commands sent and not answered */
    unsigned in_flight;                 /* recipients whose RCPT was sent and not answered */
    unsigned transaction_count;         /* of the transaction so far, answered ones too */
    unsigned rcpt_count;                /* RCPT commands sent */
    struct slice in;                    /* bytes received and not read yet; borrowed */
    char *domain;                       /* of the transaction; owned; NULL: none so far */
    struct smtp_held *held;             /* said to a batch, not proven yet; owned; NULL: nothing */
    struct smtp_reply_part *part;       /* of a reply that came by halves; owned; NULL: none */
    char *greeting;                     /* owned; NULL: none, or forgotten */
    struct smtp_transcript *transcript; /* NULL: not kept */
    const char *broken_detail;          /* how the conversation broke, for the reactions */
    uint8_t state;                      /* enum smtp_state */
    uint8_t broken_outcome;             /* enum smtp_outcome */
    uint8_t closed_why;                 /* enum smtp_outcome */
    bool is_reading : 1;                /* the desk's parser holds the beginning of a reply */
    bool starttls_offered : 1;
    bool pipelining_offered : 1;
    bool smtputf8_offered : 1;
    bool is_closed : 1;     /* the connection is gone */
    bool closed_is_new : 1; /* and the machine does not know yet */
    bool quit_is_said : 1;  /* it is the last of the commands outstanding, or answered */
    bool mark_is_said : 1;  /* EHLO behind a batch is the last of the commands outstanding */
    bool mark_is_spent : 1; /* it was said in this session */
    bool batch_broke : 1;   /* before all of it was answered */
    bool is_parted : 1;     /* 221 has come: the server knows that it is over */
    bool said_too_much : 1; /* a reply came that nothing had asked for */
    bool finish_is_new : 1; /* finish was asked for, and the machine does not know yet */
    bool is_ending : 1;     /* nothing is asked any more */
    bool is_time_stale : 1; /* time may have passed since it was told */
    bool held_counts : 1;   /* what is held is to be told */
    bool lacks_memory : 1;
    bool is_flooded : 1; /* more bytes came than are kept */
    bool has_mail : 1;   /* a transaction is open at the server */
    bool transaction_utf8 : 1;
    bool is_tls : 1;
    bool tls_tried : 1;
    bool tls_demanded : 1;   /* the server refused to go on without */
    bool out_is_told : 1;    /* what is on the desk was given to the caller */
    bool must_start_tls : 1; /* START_TLS is to be told */
    bool must_say_idle : 1;
    bool must_say_ready : 1;
    bool close_is_told : 1;
};

/* The desk, for this session: nobody else is at work there (a CHECK). */
struct smtp_desk *smtp_machine_desk(struct smtp_session *session);

/* Let something happen. */
void smtp_machine_dispatch(struct smtp_session *session, enum smtp_event event);
/* The same, for events that break the conversation. detail: static words. */
void smtp_machine_break(struct smtp_session *session, enum smtp_event event,
                        enum smtp_outcome outcome, const char *detail);
/* Change the state: say its command, set its deadline. */
void smtp_machine_enter(struct smtp_session *session, enum smtp_state state);
/* In READY: what comes next. */
enum smtp_state smtp_machine_choose(struct smtp_session *session);
/* Memory lacks: everyone ends UNTRIED and the session is DONE. */
void smtp_machine_give_up(struct smtp_session *session);

/* End every recipient of a queue in the same way. */
void smtp_machine_settle(struct smtp_session *session, struct smtp_queue *queue,
                         enum smtp_outcome outcome, enum smtp_stage stage, const char *detail);
/* End the first recipient of the transaction. */
void smtp_machine_settle_first(struct smtp_session *session, enum smtp_outcome outcome,
                               enum smtp_stage stage, const char *detail);
/*
 * The first `count` recipients of the transaction that are not held are answered by the reply on
 * the desk, in a batch: they are put by until that is over. They stay where they are: mostly all
 * are answered before anybody looks at one, and then the whole queue is moved, and none touched.
 */
void smtp_machine_hold(struct smtp_session *session, unsigned count);
/* Have those that are held out of the transaction, before that is looked at. */
void smtp_machine_part_held(struct smtp_session *session);
/* All that was held is told or settled: the memory is for the next batch. */
void smtp_machine_forget_held(struct smtp_session *session);
/* The replies are in step: those that were put by count. */
void smtp_machine_release(struct smtp_session *session);
/*
 * The batch is over, and what was said to it is not proven: it does not count, as a reply may have
 * been lost or have been one too many. All share one fate, and can be asked again one by one.
 */
void smtp_machine_end_batch(struct smtp_session *session, enum smtp_outcome outcome,
                            const char *detail);
/* Is more asked than the QUIT or EHLO behind a batch, if that is said already? */
bool smtp_machine_awaits_more(const struct smtp_session *session);
void smtp_machine_note(struct smtp_session *session, const char *words);
enum smtp_stage smtp_machine_stage(const struct smtp_session *session);
/* The moment that comes after so long. */
uint64_t smtp_machine_in(const struct smtp_session *session, uint64_t span_ms);
/* RSET, MAIL and RCPTs go out together. */
bool smtp_machine_is_batching(const struct smtp_session *session);
/* True when bytes are there that nothing asked for, as far as now known. */
bool smtp_machine_has_leftover(const struct smtp_session *session);

/* What the rows say: machine_send.c. */
void smtp_send_nothing(struct smtp_session *session); /* the greeting comes by itself */
void smtp_send_ehlo(struct smtp_session *session);
void smtp_send_helo(struct smtp_session *session);
void smtp_send_starttls(struct smtp_session *session);
void smtp_send_rset(struct smtp_session *session);
void smtp_send_mail(struct smtp_session *session);
void smtp_send_rcpt(struct smtp_session *session);
void smtp_send_mark(struct smtp_session *session);
void smtp_send_quit(struct smtp_session *session);

/* What the cells do: machine_react.c. */
smtp_reaction smtp_react_break_all, smtp_react_break_connecting, smtp_react_break_handshake,
    smtp_react_break_asked, smtp_react_break_late, smtp_react_leave, smtp_react_refuse_all,
    smtp_react_greeting, smtp_react_ehlo, smtp_react_ehlo_refused, smtp_react_helo,
    smtp_react_helo_refused, smtp_react_starttls, smtp_react_starttls_refused, smtp_react_secured,
    smtp_react_rset, smtp_react_mail, smtp_react_mail_refused, smtp_react_mail_shutdown,
    smtp_react_rcpt, smtp_react_rcpt_refused, smtp_react_rcpt_shutdown, smtp_react_marked,
    smtp_react_drained, smtp_react_parted, smtp_react_parted_badly;

#endif
