/*
 * One mail host: an IP address, its queue, and whether anybody is at home.
 *
 * A host belongs to one site for as long as it is remembered, whatever names lead to it, so an
 * operator of one machine under a thousand names is still asked within one site's limits. Its
 * queue has a row for each domain; rows take turns of one transaction's length.
 */
#ifndef MK_PROBE_HOST_H
#define MK_PROBE_HOST_H

#include "probe/ask.h"
#include "probe/state.h"

struct probe_site;

#define PROBE_ROW_AHEAD 4

struct probe_row { /* the asks of one domain at one host */
    struct list_node in_host, in_domain;
    struct probe_host *host;
    struct probe_domain *domain;
    struct list asks;
    struct probe_ask *newest[PROBE_ROW_AHEAD]; /* that came last, in turn; NULL: gone */
    unsigned newest_at;                        /* the oldest of them */
};

struct probe_host {
    struct probe_engine *engine;
    struct probe_site *site;
    struct ip ip;
    char *name;                             /* the first MX name that led here */
    struct list_node in_waiting, in_hungry; /* lists of the site */
    struct list_node in_idle, in_held;      /* of the engine */
    uint64_t idle_since_ms;
    unsigned holds; /* sessions and asks that point here */

    struct list rows;
    struct list solo;       /* asks that want a session of their own */
    size_t waiting;         /* in rows and solo */
    size_t hurried;         /* of them */
    uint64_t held_until_ms; /* while in engine->held: no connection for so few asks */
    bool was_held;          /* long enough; until a session is opened */
    struct list sessions;
    unsigned session_count;
    unsigned door_count; /* sessions of it that are at the door */
    unsigned room;       /* recipients that open sessions may still take */

    bool greeting_read;                        /* once: it is the same software every time */
    const struct provider_profile *greeted_as; /* who its greeting says runs it; NULL: nobody */
    bool alive;                                /* has greeted us since it was last found dead */
    bool tls_broken;                           /* its handshakes fail: speak in clear */
    bool one_by_one;           /* replies were out of step: no more batches, and no hurry */
    uint16_t rcpts_learned;    /* takes so many recipients a session; 0: not seen */
    uint16_t unknowns_learned; /* hangs up after so many unknown recipients; 0: not seen */
    uint8_t hangups;           /* times it hung up after an unknown recipient */
    uint8_t failures;          /* connections in a row that came to nothing */
    uint64_t dead_until_ms;
    enum smtp_outcome dead_outcome;
    char dead_detail[96];
    uint32_t rcpt_ms;       /* what one recipient takes in a session, smoothed */
    uint32_t batch_rcpt_ms; /* what one takes where batches are sent, at worst; 0: not seen */
};

/* Find or make; NULL: no memory. name: lower-case, for its site's key and profile. */
struct probe_host *probe_host_get(struct probe_engine *engine, const struct ip *ip,
                                  struct slice name);
/* One that others of the domain wait for: looked up without the table of all hosts; or NULL. */
struct probe_host *probe_host_in_rows(const struct probe_domain *domain, const struct ip *ip);
/* NULL: it is not remembered. */
struct probe_host *probe_host_find(struct probe_engine *engine, const struct ip *ip);
void probe_host_hold(struct probe_host *host);
void probe_host_release(
    struct probe_host *host); /* the engine keeps it a while for what it knows */
void probe_host_free_all(struct probe_engine *engine);
/* Forget hosts (and their sites) that were idle for long. */
void probe_host_sweep(struct probe_engine *engine);

/* ERROR_NOMEM. first: before the other asks of its domain. */
int probe_host_enqueue(struct probe_host *host, struct probe_ask *ask, bool first);
void probe_host_dequeue(struct probe_ask *ask); /* no-op when not queued */
/* The next ask for `session`, out of the queue; NULL when there is none for it. */
struct probe_ask *probe_host_take(struct probe_host *host, struct probe_session *session);

/* The ask is not to be kept waiting for company, wherever it is. */
void probe_host_hurry(struct probe_ask *ask);
/* Let go of hosts held for long enough; of some when they are too many; of all when there is room.
 */
void probe_host_let_go(struct probe_engine *engine);

struct probe_place probe_host_place(const struct probe_host *host);
bool probe_host_is_dead(const struct probe_host *host, uint64_t now_ms);
void probe_host_succeeded(struct probe_host *host);
/* No connection or no greeting. When that makes it dead, its queue is sent away. */
void probe_host_failed(struct probe_host *host, enum smtp_outcome outcome, struct slice detail);
/* Would one more session be worth its connection? Puts the host among the hungry if so. */
bool probe_host_wants_session(const struct probe_host *host);
void probe_host_reconsider(struct probe_host *host);

#endif
