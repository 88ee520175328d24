/*
 * The fleet: many workers on one store, each row asked by one of them, each site asked by one.
 *
 * An interface of its own beside store.h, because only a database that several machines share needs
 * it: an SQLite file has one process, which holds every site there is.
 *
 *   chunk   some hundred rows of a list with neighbouring turns; claimed whole (SKIP LOCKED). A row
 *           costs no queue entry of its own, and what a worker has not answered when it dies is
 *           found by its having no result.
 *   lease   a site and whose it is. The right to ask there; got on demand by whoever meets the site
 *           first, given back when nothing is left to ask, or to even out what workers hold.
 *   task    a row that turned out to belong to somebody else's site: handed to whoever has that.
 *
 * A worker is a number, drawn when it joins and never used again: the fencing token. It says a beat
 * every few seconds; its leases and claims hold for as long as its beats do, all at once, so that
 * keeping a hundred thousand leases costs one small change. Whose time is over is given up by the
 * others' beats: its leases are free, its chunks and tasks are claimed again, and whatever it still
 * writes is refused (the number is looked up in the same transaction).
 *
 * Clocks are never compared. The database's own clock says when a worker is over; the worker counts
 * from before it sent the beat that was answered, on its own clock since boot, and has closed its
 * connections to mail servers when that time is nearly over (store_fleet_until_ms). So it stops
 * before anybody else may begin, however slow the network is; only the speed of two clocks is
 * trusted.
 *
 * All calls are as in store.h. ERROR_NOT_FOUND from any but join: we were given up; nothing of ours
 * holds any more.
 */
#ifndef MK_STORE_FLEET_H
#define MK_STORE_FLEET_H

#include "store/store.h"

#define STORE_FLEET_CHUNK    200 /* rows */
#define STORE_FLEET_SITE_MAX 384 /* bytes of a lease's key: a site, and where from */

struct store_fleet;

struct store_fleet_terms {
    struct slice name; /* for people */
    /*
     * How long a beat holds. Of it, two fifths are kept back at the end: in the first of them a
     * call that is under way comes to its end (all give up then), the other is for closing
     * connections to mail servers.
     */
    uint64_t ttl_ms;
    bool by_address; /* leases are of a site and an address, not of the site alone */
};
/*
 * The store is borrowed and used by nobody else. ERROR_USAGE: not a store that is shared, or
 * somebody of the fleet has leases of the other kind.
 */
int store_fleet_join(struct store *store, const struct store_fleet_terms *terms,
                     struct store_fleet **ret_fleet, struct error *error);
/* Everything is given back, as far as the store can be reached. NULL accepted. */
void store_fleet_leave(struct store_fleet *fleet);
uint64_t store_fleet_worker(const struct store_fleet *fleet); /* our number */
/* When our right to ask ends, by the clock below. */
uint64_t store_fleet_until_ms(const struct store_fleet *fleet);
/* A clock in ms that is never set and goes on while the machine is suspended (CLOCK_BOOTTIME). */
uint64_t store_fleet_now_ms(const struct store_fleet *fleet);
/* For a loop: readable when somebody told us something (NOTIFY) or may have, the connection being a
   new one. The same for as long as the membership lasts; -1: there is none, beats alone tell. */
int store_fleet_descriptor(const struct store_fleet *fleet);
/* Take what was told: true if there was anything. */
bool store_fleet_heard(struct store_fleet *fleet);

struct store_fleet_state {
    uint64_t in_flight; /* told to the others, for people */
    double rows_per_s;
    uint64_t leases; /* that we hold, as far as we know */
};
struct store_fleet_view {
    uint64_t workers;  /* alive, with us */
    uint64_t leases;   /* held by them, as they said with their last beats */
    uint64_t given_up; /* workers whose time is over, until nothing is left of what they had */
    uint64_t
        tasks_free;   /* handed rows that nobody has taken, up to a million; of a beat or two ago */
    uint64_t lists;   /* that are running */
    bool is_troubled; /* what was done for others failed, as *error says: it is tried again */
};
/*
 * One statement that changes our row. Then what others do not do any more: what the silent had is
 * freed, a bounded bit at a time; who has the lowest number counts what waits for all, when lists
 * are running, and tidies up now and then. Whether that succeeds is not the beat's result.
 */
int store_fleet_beat(struct store_fleet *fleet, const struct store_fleet_state *state,
                     struct store_fleet_view *ret_view, struct error *error);

/* --- leases -------------------------------------------------------------------------------- */

struct store_lease {
    struct slice site;
    bool is_ours;
    uint64_t token;    /* counts up with every change of hands */
    uint64_t ended_ms; /* so long ago its holder was given up; UINT64_MAX: it was not */
    uint64_t quiet_ms; /* still to be left alone for so long, as the last holder said */
};

/* Ask for sites (each once): leases[i].site is given, the rest is filled in. */
int store_leases_take(struct store_fleet *fleet, struct store_lease *leases, size_t count,
                      struct error *error);
/*
 * Free sites that rows of these lists wait for, longest first: at most `max` of them, now ours. On
 * the arena. Of no lists: none.
 */
int store_leases_adopt(struct store_fleet *fleet, const uint64_t *jobs, size_t job_count,
                       size_t max, struct arena *arena, struct store_lease *leases,
                       size_t *ret_count, struct error *error);
/* Nothing of ours is open there any more. quiet_ms: as above, for the next one. */
int store_leases_give(struct store_fleet *fleet, const struct store_lease *leases, size_t count,
                      struct error *error);
/*
 * They are ours, and nobody is to ask there for quiet_ms from now on, whoever will have them then:
 * said when it is known, since we may not be there to say it when we give them. Never less than
 * what was said before.
 */
int store_leases_rest(struct store_fleet *fleet, const struct store_lease *leases, size_t count,
                      struct error *error);
/* After an answer was lost: what the store has as ours and is none of these is free again. */
int store_leases_keep(struct store_fleet *fleet, const struct slice *sites, size_t count,
                      struct error *error);

/* --- rows ---------------------------------------------------------------------------------- */

struct store_claim {
    struct store_row row;
    uint64_t job;
    uint64_t chunk; /* its first turn + 1; 0: a task */
    unsigned hops;  /* of a task: how often it has gone on in vain */
};
struct store_claims {
    struct arena arena;
    struct store_claim *claims;
    size_t count;
    uint64_t chunks; /* claimed, also those in which nothing was left to ask */
};
void store_claims_init(struct store_claims *claims);
void store_claims_done(struct store_claims *claims);

struct store_fleet_list {
    uint64_t id;
    struct slice options;
    bool asks_anew; /* what was found out before is not wanted */
};
/* Running lists, at most `max`. On the arena. */
int store_fleet_running(struct store_fleet *fleet, struct arena *arena,
                        struct store_fleet_list *lists, size_t max, size_t *ret_count,
                        struct error *error);
/* Before a list is set running: how it is to be asked. Not shared: no-op. */
int store_fleet_prepare(struct store *store, uint64_t job, bool asks_anew, struct error *error);
/* Make a running list's chunks, unless they are made. */
int store_fleet_deal(struct store_fleet *fleet, uint64_t job, struct error *error);
/* At most `max` chunks of a list. */
int store_fleet_claim(struct store_fleet *fleet, uint64_t job, size_t max,
                      struct store_claims *ret_claims, struct error *error);
/* Tasks of our sites, of those of these lists that are running, at most `each` of a site. */
int store_fleet_claim_tasks(struct store_fleet *fleet, const struct slice *sites, size_t count,
                            const uint64_t *jobs, size_t job_count, size_t each,
                            struct store_claims *ret_claims, struct error *error);

/*
 * A task goes on in vain when it goes to another site than the one that it was handed to, or when
 * mail servers were asked before (what they said is lost). That a site itself has another holder
 * meanwhile doesn't count.
 */
struct store_routed {
    uint64_t row;
    struct slice site;
    bool was_asked; /* mail servers */
};
/*
 * What became of rows of a list, in one transaction: results are kept (of those that have one
 * already, the older) and counted, routed rows become tasks, chunks that are done go, and so do
 * tasks that have a result.
 */
struct store_fleet_batch {
    const struct store_result *results;
    size_t result_count;
    const struct store_routed *routed;
    size_t routed_count;
    const uint64_t *chunks; /* that are done with this */
    size_t chunk_count;
};
int store_fleet_put(struct store_fleet *fleet, uint64_t job, const struct store_fleet_batch *batch,
                    struct error *error);
/* Our claims of a list, back to everybody. */
int store_fleet_release(struct store_fleet *fleet, uint64_t job, struct error *error);
/* FINISHED, by the database's clock, if every row has its result: 1 when it was us who said so. */
int store_fleet_finish(struct store_fleet *fleet, uint64_t job, struct error *error);
/* How many rows of it have their result. */
int store_fleet_results(struct store_fleet *fleet, uint64_t job, uint64_t *ret_results,
                        struct error *error);
/*
 * FAILED, by the database's clock, with this note, unless rows of it are claimed by anybody (ours
 * were given back before), or it has more than so many results, since then somebody gets on with
 * it: 1 when it was us who said so.
 */
int store_fleet_fail(struct store_fleet *fleet, uint64_t job, struct slice note, uint64_t results,
                     struct error *error);
/* Wake everybody who listens. */
int store_fleet_tell(struct store *store, struct error *error);

/* --- seeing -------------------------------------------------------------------------------- */

struct store_worker {
    uint64_t id;
    struct slice name;
    int64_t joined_unix_ms;
    uint64_t beat_ms; /* ago */
    bool is_alive;
    uint64_t leases, chunks, tasks; /* that it holds */
    uint64_t in_flight;
    double rows_per_s;
};
/* The worker with the next number: 1; none: 0. */
int store_worker_next(struct store *store, uint64_t after, struct arena *arena,
                      struct store_worker *ret_worker, struct error *error);

struct store_fleet_totals {
    uint64_t workers, leases, free_leases; /* free: of sites that rows wait for */
    uint64_t chunks_free, chunks_claimed, tasks_free, tasks_claimed;
    uint64_t lag_ms; /* the longest that a free site has waited */
};
/* ERROR_USAGE: not a store that is shared. */
int store_fleet_totals(struct store *store, struct store_fleet_totals *ret_totals,
                       struct error *error);

#endif
