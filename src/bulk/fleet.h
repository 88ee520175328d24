/*
 * A worker of the fleet: takes rows of running lists from a shared store, has the engine ask, and
 * brings the results home.
 *
 * It holds the leases of the sites it asks at (store/fleet.h) and is the engine's gate
 * (probe/gate.h): a site is opened when its lease is ours; a case that turns out to belong to
 * somebody else's site is handed over as a task. Chunks of lists are claimed when there is room in
 * the window, tasks of our sites before them. Results are kept in batches with what they complete,
 * in one transaction.
 *
 * When the store can't be reached for so long that our leases may be over, `lost` is called:
 * whoever runs us must then close every connection to mail servers at once (free us, then the
 * engine). What was in flight is asked again by others.
 */
#ifndef MK_BULK_FLEET_H
#define MK_BULK_FLEET_H

#include "bulk/habits.h"
#include "probe/engine.h"
#include "store/fleet.h"

struct bulk_fleet;

struct bulk_fleet_options {
    struct slice name;          /* for people: host and process */
    size_t window;              /* addresses in flight */
    uint64_t ttl_ms;            /* a beat holds so long */
    struct bulk_habits *habits; /* borrowed; NULL: none */
    /*
     * The engine's identities, where a site's limits are kept for each source address: a lease is
     * of a site and the one that it sees then. 0: of the site alone, whatever workers' addresses.
     */
    const struct probe_egress *egresses;
    size_t egress_count;
    /* How far a list wants to go. ERROR_FORMAT, ERROR_NOMEM: it is not worked on by us. */
    int (*read_wish)(void *user, const struct store_fleet_list *list, struct probe_wish *ret_wish,
                     struct error *error);
};

struct bulk_fleet_events {
    void (*trouble)(void *user, const char *message); /* worth a line in a log */
    void (*lost)(void *user);                         /* see above, or no memory; once */
    void (*stopped)(void *user);                      /* as asked */
};

/* All borrowed. The store must be used by nobody else. The store's errors, ERROR_NOMEM. */
int bulk_fleet_open(struct io_loop *loop, struct probe_engine *engine, struct store *store,
                    const struct bulk_fleet_options *options,
                    const struct bulk_fleet_events *events, void *user,
                    struct bulk_fleet **ret_fleet, struct error *error);
/* Claim no more; what was asked is waited for, grace_ms at most, and kept. */
void bulk_fleet_stop(struct bulk_fleet *fleet, uint64_t grace_ms);
/* What is in flight is withdrawn; leases and claims stay ours until store_fleet_leave. */
void bulk_fleet_free(struct bulk_fleet *fleet); /* NULL accepted; before the engine */
/* Leave the fleet, when no connection is open any more. After bulk_fleet_free. */
struct store_fleet *bulk_fleet_membership(struct bulk_fleet *fleet);

struct bulk_fleet_counts {
    uint64_t worker, workers, leases, fleet_leases;
    uint64_t in_flight, results, routed, claimed, refused_batches;
};
void bulk_fleet_counts(const struct bulk_fleet *fleet, struct bulk_fleet_counts *ret_counts);

#endif
