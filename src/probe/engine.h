/*
 * The engine: takes addresses, gives back evidence and verdicts, within every site's limits.
 *
 * An address becomes a *case* on an arena of its own. It walks the cheap layers (syntax, lists,
 * domain), waits in the queue of its *site* (the operator behind the MX set), is asked in a
 * *session* shared with other cases of the site, may wait for a greylist or another MX, and ends in
 * exactly one `done` call. Limits belong to sites and are never exceeded: connections, new
 * connections a minute, recipients a session, gaps, share of unknown recipients. Domains of one
 * site take turns. One loop, one thread, no locks; the clock and network are the loop's.
 */
#ifndef MK_PROBE_ENGINE_H
#define MK_PROBE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ip.h"
#include "dns/resolver.h"
#include "io/loop.h"
#include "lists/operator.h"
#include "probe/egress.h"
#include "probe/habit.h"
#include "probe/past.h"
#include "verdict/evidence.h"
#include "verdict/verdict.h"

struct probe_engine;
struct probe_ledger;

enum probe_patience {
    PROBE_PATIENCE_QUICK,   /* no greylist wait */
    PROBE_PATIENCE_NORMAL,  /* up to 10 minutes */
    PROBE_PATIENCE_PATIENT, /* up to 6 hours */
};

/* Limits of one operator's site, or of all "generic" ones, instead of its profile's. */
struct probe_site_limits {
    struct slice provider; /* the profile's name */
    struct provider_limits limits;
};

struct probe_settings {
    struct slice helo_name;     /* our real host name; borrowed for the engine's life */
    struct slice sender;        /* reverse-path; empty: the null sender */
    struct slice second_sender; /* for sites that refuse the first; empty: none */
    struct io_endpoint source;  /* address to connect from; family 0: the system's choice */
    /* Instead of the four above, identities among which sites are spread; borrowed; none: those. */
    const struct probe_egress *egresses;
    size_t egress_count;
    uint16_t port; /* SMTP; 0: 25 */
    enum smtp_tls_policy tls;
    enum evidence_depth depth;
    enum probe_patience patience;
    uint32_t case_timeout_ms;    /* of one address, without greylist waits; 0: 180000 */
    uint32_t connect_timeout_ms; /* 0: 30000 */
    unsigned timeout_percent;    /* scales command time-outs beside the profile's; 0: 100 */
    unsigned connections_max;    /* all sites together; 0: 200 */
    /*
     * Addresses held at once; 0: 10000. Those that wait for a later attempt are not counted, so
     * that a greylist stops nobody else; they may be three times as many beside the others.
     */
    unsigned cases_max;
    bool pipelining;
    bool transcripts;                            /* keep transcripts in the evidence */
    bool catch_all;                              /* ask a random recipient where needed */
    const struct probe_site_limits *site_limits; /* borrowed for the engine's life */
    size_t site_limit_count;
    struct ip_networks allowed; /* reserved ranges that address literals may name; borrowed */
    /*
     * Fields above 0 stand against every site's limits, the stricter counts. With limits_opened
     * (labs, tests) the override counts alone: fields above 0 replace the profile's, and gap_ms,
     * connections_per_minute and unknowns_per_session hold as they are, 0 meaning none.
     */
    struct provider_limits limits_override;
    bool limits_opened;
    uint64_t seed;
};

/* Defaults as documented above. */
void probe_settings_init(struct probe_settings *settings);

/* All must outlive the engine; lists may be NULL. NULL: no memory. */
struct probe_engine *probe_engine_new(struct io_loop *loop, struct dns_resolver *resolver,
                                      const struct lists_operator *lists,
                                      const struct probe_settings *settings);
/* Other lists from now on, for addresses yet to come; the old ones are no longer looked at. */
void probe_engine_set_lists(struct probe_engine *engine, const struct lists_operator *lists);
/* Habits outlive the engine by it (copied); NULL: they do not. */
void probe_engine_set_memory(struct probe_engine *engine, const struct probe_memory *memory);
/*
 * Limits a minute hold beyond the engine by it (borrowed), for sites yet to be met; NULL: they do
 * not. While it cannot be written no connection that counts is made: the addresses wait.
 */
void probe_engine_set_ledger(struct probe_engine *engine, struct probe_ledger *ledger);
/* What is remembered of mailboxes, for addresses yet to come (copied); NULL: nothing. */
void probe_engine_set_past(struct probe_engine *engine, const struct probe_past *past);
/* Open cases end with `done` (cancelled) during this call. NULL accepted. */
void probe_engine_free(struct probe_engine *engine);

/*
 * Evidence and verdict live for the call only. Called exactly once per accepted submission, never
 * from inside probe_engine_submit.
 */
typedef void probe_done(void *user, const struct evidence *evidence, const struct verdict *verdict);

/*
 * Take an address (any bytes, copied). ERROR_BUSY when cases_max are held (try again after a
 * `done`); ERROR_NOMEM. A mailbox that is under way already is joined, not asked twice.
 */
int probe_engine_submit(struct probe_engine *engine, struct slice address, probe_done *done,
                        void *user);

/*
 * On whose behalf addresses are asked, where that may have to end before the answers are there: a
 * job. Zeroed before its first submission; it must outlive the last. The engine counts in it.
 */
struct probe_owner {
    size_t open;    /* submissions whose `done` is to come */
    size_t waiting; /* of them: for a later attempt (a greylist) */
    /* One more waits; NULL: not to be told. From inside the engine: don't call it. */
    void (*waits)(struct probe_owner *owner);
};

/* How far to go for one address; the settings say the same for all others. */
struct probe_wish {
    enum evidence_depth depth;
    enum probe_patience patience;
    /*
     * For a row of a list: while the engine is full, its host may be left alone for up to a minute
     * until there is enough to ask for a whole session.
     */
    bool is_in_no_hurry;
    bool is_fresh;             /* not from the past */
    struct probe_owner *owner; /* NULL: nobody in particular */
};
/*
 * As probe_engine_submit, with a wish of its own. A mailbox under way is joined when it goes as
 * far; the most patient and the most hurried of those who
 * joined count. ERROR_RANGE: deeper than the settings allow.
 */
int probe_engine_submit_wish(struct probe_engine *engine, struct slice address,
                             const struct probe_wish *wish, probe_done *done, void *user);

/*
 * Nobody asks on this owner's behalf any more. What was not asked ends as cancelled during this
 * call; a RCPT that was said is waited for, and its `done` comes with the answer, as a result if
 * that settles it and cancelled if it would have gone on. No connection is broken off. Cases that
 * others asked for as well go on for those. at_once: every `done` is called during this call.
 */
void probe_engine_withdraw(struct probe_engine *engine, struct probe_owner *owner, bool at_once);

/* End every open case now: verdicts of what is known, otherwise skipped/cancelled. */
void probe_engine_cancel(struct probe_engine *engine);

struct probe_counts {
    uint64_t submitted, finished;
    uint64_t recalled; /* answered from the past, nobody was asked */
    uint64_t rcpts, random_rcpts, connections, connect_failures, tls_handshakes;
    uint64_t greylist_waiting; /* cases waiting for a later attempt, now */
    uint64_t next_retry_ms;    /* when the earliest of them goes on; INSTANT_NEVER: none */
    uint64_t open_cases, open_sessions, sites, breakers_open;
    uint64_t refusals_of_us; /* sender_blocked and rate_limited replies */
    uint64_t unnoted;        /* times that the ledger could not be written */
};
void probe_engine_counts(const struct probe_engine *engine, struct probe_counts *ret_counts);

/* One site, for progress and `jobs`: walk with *cursor 0; false at the end. */
struct probe_site_state {
    const char *key;
    const struct provider_profile *profile;
    size_t waiting, sessions;
    unsigned connection_limit; /* as adapted now */
    uint64_t breaker_until_ms; /* 0: closed */
    double rcpts_per_s;        /* answered, over the last minute */
    uint64_t eta_ms;           /* until the queue is worked off; INSTANT_NEVER: not known */
    size_t later;              /* addresses that wait for a later attempt there (a greylist) */
    uint64_t later_ms;         /* when the first of them goes on; INSTANT_NEVER: none */
};
bool probe_engine_next_site(struct probe_engine *engine, size_t *cursor,
                            struct probe_site_state *ret_state);

#endif
