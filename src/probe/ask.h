/*
 * An ask: one RCPT that somebody wants put to a host; a case's own, or a domain's random one.
 *
 * Embedded in its owner. It is nowhere, queued at a host, or out in a session, and when out it
 * comes back exactly once.
 */
#ifndef MK_PROBE_ASK_H
#define MK_PROBE_ASK_H

#include "probe/state.h"

struct probe_host;
struct probe_domain;
struct probe_session;

struct probe_ask {
    struct list_node node;           /* in a row, in host->solo, or in session->asked */
    struct smtp_recipient recipient; /* lent to the session when out; wire form, the owner's */
    bool is_random;                  /* the owner is a domain, otherwise a case */
    bool alone;                      /* wants a session in which nobody else was asked */
    bool hurried; /* somebody waits for it: not to be kept until there is more to ask */
    struct probe_domain *domain;
    struct probe_host *host; /* whose queue it is in, or whose session has it */
    struct probe_session *session;
    union {
        uint64_t asked_ms;       /* out: when it went */
        struct probe_ask *later; /* in a row: whose turn comes after a few others', to be fetched
                                    meanwhile; it may be gone: never looked at. NULL: not known */
    };
    int64_t asked_unix_ms;
};

/* What came back. Everything borrowed for the call. */
struct probe_answer {
    const struct smtp_result *result;
    struct classification classified;
    struct probe_plan_input input;
    struct probe_plan plan;
    struct slice detail, tls, transcript, sender;
    const struct probe_session *session;
    uint64_t now_ms;
};

/*
 * It is soon needed, with its owner: thousands are open, more than the processor's cache holds. For
 * its answer, or to go out, which needs less.
 */
void probe_ask_fetch(const struct probe_ask *ask);
void probe_ask_fetch_to_go(const struct probe_ask *ask);
/* It goes out: the owner's clock runs. */
void probe_ask_went_out(struct probe_ask *ask, struct probe_session *session);
void probe_ask_answered(struct probe_ask *ask, const struct probe_answer *answer);
/* How many sessions broke before it was this one's turn (probe/plan.h). */
unsigned probe_ask_again_count(const struct probe_ask *ask);
/* Could not be asked through no fault of the world: the owner ends with it. */
void probe_ask_failed(struct probe_ask *ask, const char *why);
/* Its host does not answer (dead), or refused us (blocked until the site's breaker says). */
void probe_ask_host_dead(struct probe_ask *ask);
void probe_ask_blocked(struct probe_ask *ask, uint64_t until_ms);
/* Its site is another process's. */
void probe_ask_elsewhere(struct probe_ask *ask, const char *site);

#endif
