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

#include "io/socks.h"
#include "probe/ask.h"
#include "probe/state.h"

struct probe_site;

/* Kept small: what can be had from host, site or plan is not repeated. */
struct probe_session {
    struct probe_host *host;
    struct smtp_session *smtp;
    struct io_stream *stream;
    struct list_node in_engine, in_site; /* each in one of two lists: of the idle, of the others */
    struct list_node in_host, in_woken;
    struct probe_alarm alarm;
    struct probe_domain *turn; /* whose transaction it is; held */
    uint64_t last_answer_ms;
    uint64_t until_ms;      /* connecting, lingering, QUIT or the slot ends then; INSTANT_NEVER */
    struct io_socks *socks; /* of a proxy that is connecting; NULL: none */
    char *tls;              /* what was agreed on, in words; NULL: in clear */
    char *close_detail;     /* NULL: none */
    uint16_t asked_count;   /* given to smtp, not answered */
    uint16_t taken;         /* ever given */
    uint16_t answered, unknowns, unknowns_in_a_row;
    uint16_t room; /* as counted in host->room */
    uint16_t turn_left;
    bool connected : 1, succeeded : 1, failure_noted : 1, greeting_read : 1;
    bool idle : 1;     /* in the lists of the idle */
    bool at_door : 1;  /* its batch will be due when the server has said what it offers */
    bool in_clear : 1; /* because the host's handshakes fail */
    bool trial : 1;    /* the one conversation of a half-open breaker */
    bool alone : 1;    /* for one random recipient only */
    bool finishing : 1, finish_said : 1;
    bool was_reset : 1; /* maybe not by the server, which may still hold the connection */
    bool leaving : 1;   /* closed by us; the slot waits for the server to notice */
    bool is_gone : 1;   /* not among engine->connections any more */
};

/* The site's, or what the greeting gave away. */
const struct provider_profile *probe_session_profile(const struct probe_session *session);

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
void probe_session_leave_door(struct probe_session *session); /* no-op when it is not there */
/* How many more recipients it may take, as the host counts them. */
void probe_session_set_room(struct probe_session *session, unsigned room);

/* --- probe/lesson.c: what a result teaches about host, site and breaker ---------------------- */

void probe_lesson_prepare(const struct probe_session *session, const struct smtp_result *result,
                          struct probe_answer *ret_answer);
void probe_lesson_learn(struct probe_session *session, const struct probe_ask *ask,
                        const struct probe_answer *answer);

#endif
