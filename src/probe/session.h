/*
 * A session: one connection to one host, and the conversation on it.
 *
 * Binds the sans-IO smtp_session to a stream of the loop and feeds it asks from its host's queue
 * while there is room and queue. Never keeps a connection that others need: with an empty queue
 * it lingers a second at most, and says QUIT. The site's slot is given back when the server must
 * have seen the end: after its 221 or its close, or a while after we broke off.
 *
 * What a result means for host, site and breaker is learnt here, before its owner hears of it.
 */
#ifndef MK_PROBE_SESSION_H
#define MK_PROBE_SESSION_H

#include "probe/ask.h"
#include "probe/state.h"

struct probe_site;

struct probe_session {
    struct probe_engine *engine;
    struct probe_site *site;
    struct probe_host *host;
    const struct provider_profile *profile; /* the site's, or what the greeting gave away */
    struct smtp_session *smtp;
    struct io_stream *stream;
    struct slice sender;
    struct list_node in_engine, in_site, in_host, in_idle, in_site_idle, in_woken;
    struct probe_alarm alarm;
    struct list asked;
    unsigned asked_count; /* given to smtp, not answered */
    unsigned taken;       /* ever given */
    unsigned answered, unknowns, unknowns_in_a_row;
    unsigned room;             /* as counted in host->room */
    struct probe_domain *turn; /* whose transaction it is; held */
    unsigned turn_left;
    bool connected, succeeded, failure_noted, greeting_read;
    bool in_clear; /* because the host's handshakes fail */
    bool trial;    /* the one conversation of a half-open breaker */
    bool alone;    /* for one random recipient only */
    bool finishing, finish_said;
    bool awaits_goodbye; /* QUIT was said; only the 221 or the peer's close is missing */
    bool was_reset;      /* maybe not by the server, which may still hold the connection */
    bool leaving;        /* closed by us; the slot waits for the server to notice */
    uint64_t opened_ms, last_answer_ms;
    uint64_t until_ms; /* connecting, lingering, QUIT or the slot ends then; INSTANT_NEVER */
    char *tls;         /* what was agreed on, in words; NULL: in clear */
    char close_detail[96];
};

/* Open one to a host with something in its queue. False: it can't be now, and who must was told. */
bool probe_session_open(struct probe_host *host);
/* Feed or finish one that was woken. */
void probe_session_run(struct probe_session *session);
void probe_session_wake(struct probe_session *session);
/* Say QUIT as soon as what is out is answered; nothing new is fed. Takes effect in settling. */
void probe_session_retire(struct probe_session *session);
/* Break off now: what is out is answered as `why`. Not from inside an answer. */
void probe_session_abort(struct probe_session *session, enum smtp_outcome why, const char *detail);
/* Take back an ask that is out but was not asked: true, and nothing comes for it. False: too late.
 */
bool probe_session_withdraw(struct probe_ask *ask);
/* The engine is being freed and the session is over but for its slot. */
void probe_session_free(struct probe_session *session);

/* --- probe/session_feed.c: what the conversation is given, and when it is over --------------- */

/* As many of its host's asks as may be out at the same time. */
void probe_session_feed(struct probe_session *session);
/* All is answered: more, or linger a little, or goodbye. */
void probe_session_go_on(struct probe_session *session);
void probe_session_leave_idle(struct probe_session *session); /* no-op when it is not */
/* How many more recipients it may take, as the host counts them. */
void probe_session_set_room(struct probe_session *session, unsigned room);

/* --- probe/lesson.c: what a result teaches about host, site and breaker ---------------------- */

void probe_lesson_prepare(const struct probe_session *session, const struct smtp_result *result,
                          struct probe_answer *ret_answer);
void probe_lesson_learn(struct probe_session *session, const struct probe_ask *ask,
                        const struct probe_answer *answer);

#endif
