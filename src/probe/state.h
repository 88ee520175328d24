/*
 * The engine's own parts and how they hang together. Nothing outside src/probe includes this.
 *
 *   engine ──< site (an operator: limits, breaker) ──< host (one IP address: queue, health)
 *     │                                                  │ rows: one a domain, taking turns
 *     ├──< domain (DNS facts, catch-all habit) ──────────┘ asks: real ones of cases, one random
 *     ├──< case (one address)  owns its ask              │
 *     └──< session (one connection) ─────────────────────┘ takes asks from its host's queue
 *
 * Callbacks of the loop and the resolver come in through probe_engine_enter and leave through
 * probe_engine_leave, which settles what they stirred up: cases ready for their next step, sites
 * that may open connections, sessions to be fed, cases to be reported. Parts only mark each other
 * for that (the lists below), so that nothing is freed or called back under somebody's feet.
 */
#ifndef MK_PROBE_STATE_H
#define MK_PROBE_STATE_H

#include "base/arena.h"
#include "base/list.h"
#include "base/random.h"
#include "base/table.h"
#include "probe/alarm.h"
#include "probe/breaker.h"
#include "probe/engine.h"
#include "probe/gate.h"
#include "probe/ledger.h"
#include "probe/limits.h"
#include "probe/plan.h"
#include "probe/retry.h"
#include "provider/classify_memo.h"
#include "verdict/memo.h"

#define PROBE_SPARES_MAX 64
#define PROBE_CASE_BLOCK 512 /* of memory, for a case with its addresses; some take more */

/*
 * Who answered, as far as habits go: what one host does with strangers, its backup MX may not do;
 * but all hosts of a known operator do the same for one domain.
 */
struct probe_place {
    struct ip ip;
    const struct provider_profile *profile; /* of the site; NULL: nobody answered */
};
bool probe_places_are_alike(const struct probe_place *a, const struct probe_place *b);

struct probe_engine {
    struct io_loop *loop;
    struct dns_resolver *resolver;
    const struct lists_operator *lists; /* may be NULL */
    struct probe_settings settings;
    struct probe_egress own_egress; /* where the settings name no identities */
    struct probe_memory memory;     /* of habits; its functions may be NULL */
    struct probe_past past;         /* its functions may be NULL */
    struct probe_gate gate;         /* its function may be NULL */
    struct probe_ledger *ledger;    /* NULL: limits hold within this process */
    struct random random;
    struct io_timer timer;
    uint64_t timer_ms; /* when it fires; INSTANT_NEVER: not running */
    struct probe_alarms alarms;
    struct probe_alarms waits; /* cases that wait for a later attempt */
    struct probe_alarm descriptor_alarm;
    uint64_t descriptors_until_ms; /* no connection before: descriptors ran out */
    uint64_t ledger_until_ms;      /* none that has to be noted before: it could not be */

    struct table domains, hosts, sites;
    struct table mailboxes;              /* wire form, which stands in the case, to its open case */
    struct list cases;                   /* all that are open */
    struct list sessions, idle_sessions; /* a session is in one of them */
    struct smtp_desk desk;               /* where all of them work */
    struct list strangers;               /* that are under way */
    struct list idle_domains, idle_hosts; /* kept for what they know; oldest first */
    size_t idle_domain_count;
    struct list held;      /* hosts that wait for more asks; oldest first */
    size_t held_ask_count; /* theirs */
    struct probe_alarm held_alarm;

    struct list ready;    /* cases to take their next step */
    struct list dirty;    /* sites that may have something to do */
    struct list woken;    /* sessions to feed or finish */
    struct list finished; /* cases to report */
    size_t finished_count;
    struct list out;     /* cases that are, soonest deadline first; not all (probe/case_answer.c) */
    struct heap starved; /* sites that wait for a connection of the engine's allowance */

    uint64_t now_ms;     /* the loop's time, while depth > 0 */
    uint64_t unix_at_ms; /* when it was unix_ms; 0: not known */
    int64_t unix_ms;

    struct classify_memo heard;
    struct verdict_memo judged;
    uint64_t facts_count;                  /* that domains have got; the last one's number */
    struct arena spares[PROBE_SPARES_MAX]; /* of cases that are over; each of one block */
    unsigned spare_count;
    void *case_blocks[PROBE_SPARES_MAX]; /* that cases lay in, of PROBE_CASE_BLOCK bytes each */
    unsigned case_block_count;

    unsigned connections;
    size_t submissions; /* open ones, joined ones too */
    size_t waiting;     /* of them: for a later attempt */
    struct probe_counts counts;
    unsigned depth;
    bool settling, closing, cancelled;
};

void probe_engine_enter(struct probe_engine *engine);
void probe_engine_leave(struct probe_engine *engine);
/*
 * The same for the many events of one turn of the loop: what they stirred up is settled together
 * when all of them have been told, or as soon as many cases are answered. The code for reading
 * replies and that for judging stay in the processor's cache that way, neither with the kernel's.
 */
void probe_engine_leave_soon(struct probe_engine *engine);
uint64_t probe_engine_now(const struct probe_engine *engine);
/* The wall clock, read once a turn of the loop, as often as the loop's own time. */
int64_t probe_engine_unix(struct probe_engine *engine);

/* May one more connection be opened, all sites together? */
bool probe_engine_has_room(const struct probe_engine *engine);
/* So many cases are open that what is in no hurry may wait: others have enough to do. */
bool probe_engine_is_full(const struct probe_engine *engine);
/* A connection is gone; when things have settled, the neediest site may have it. */
void probe_engine_connection_closed(struct probe_engine *engine);
/* No file descriptors: wait a second, and for connections that close. */
void probe_engine_descriptors_spent(struct probe_engine *engine);
/* A connection could not be noted: none that has to be is opened for a second. */
void probe_engine_ledger_failed(struct probe_engine *engine);

#endif
