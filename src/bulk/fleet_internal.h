/* The parts of a worker: see bulk/fleet.h. Only src/bulk/fleet*.c include this. */
#ifndef MK_BULK_FLEET_INTERNAL_H
#define MK_BULK_FLEET_INTERNAL_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/table.h"
#include "bulk/fleet.h"
#include "bulk/rounds.h"
#include "io/loop.h"

#define BULK_FLEET_BATCH 500
#define BULK_FLEET_LISTS 64 /* worked on by one worker */

enum bulk_fleet_hold {
    BULK_FLEET_WANTED,  /* to be asked for in the next turn */
    BULK_FLEET_HELD,    /* ours */
    BULK_FLEET_FOREIGN, /* somebody else's, when last asked for */
    BULK_FLEET_LEAVING, /* ours until its last connection is closed */
};

struct bulk_fleet_site {
    struct list_node node;
    enum bulk_fleet_hold hold;
    unsigned per_minute;
    uint64_t at_ms;     /* HELD: not to be asked before; FOREIGN: to be asked for again */
    uint64_t used_ms;   /* when the engine last asked for it */
    uint64_t rest_ms;   /* we were refused there: until then nobody is to ask; 0: we were not */
    bool is_untold;     /* the store has not been told of that */
    bool is_waited_for; /* the engine was told to wait */
    bool is_foreign;    /* a lease for an address that we don't ask from: only its rows are ours */
    char key[STORE_FLEET_SITE_MAX];   /* as the engine calls it; of a foreign one: the lease's */
    char lease[STORE_FLEET_SITE_MAX]; /* as the store calls it */
};

/* A chunk that is claimed. */
struct bulk_fleet_chunk {
    struct list_node node;
    uint64_t first; /* as store_claim.chunk; 0: some of its rows have no answer */
    size_t left;    /* rows without an answer in a batch */
};

struct bulk_fleet_list { /* that is running */
    struct list_node node;
    struct bulk_fleet *fleet;
    uint64_t id;
    struct probe_wish wish;
    struct probe_owner owner;
    bool is_over;      /* paused or gone: nothing more is asked */
    bool is_withdrawn; /* and what is in flight is taken back */
    bool is_dry;       /* nothing was free when last asked */
    bool is_seen;      /* among the running ones, when last looked */
    bool is_left;      /* by step_back(), until the next look */
    struct bulk_rounds rounds;
    uint64_t had_results; /* when the last round was over, whoever brought them */
    uint64_t again_ms;    /* nothing is claimed of it before: we failed rows of it */
    struct list chunk_list;
    struct arena arena; /* of the batch */
    struct store_result results[BULK_FLEET_BATCH];
    struct store_routed routed[BULK_FLEET_BATCH];
    uint64_t chunks[2 * BULK_FLEET_BATCH];
    size_t result_count, routed_count, chunk_count;
};

struct bulk_fleet_ticket {
    struct bulk_fleet_list *list;
    struct bulk_fleet_chunk *chunk; /* NULL: a task */
    uint64_t row, copies;
    unsigned hops; /* as store_claim.hops */
};

struct bulk_fleet {
    struct io_loop *loop;
    struct probe_engine *engine;
    struct store *store;
    struct store_fleet *membership;
    struct bulk_fleet_options options;
    struct bulk_fleet_events events;
    void *user;
    struct list lists, sites;
    struct table site_table;
    struct store_claims claims;
    size_t claim_at, expected_until; /* of the claims; until there their records are read */
    size_t task_cursor;              /* sites asked for tasks in turns */
    struct io_watch *watch;
    int watched;
    struct io_timer beat_timer, pump_timer, flush_timer, lease_timer, stop_timer;
    struct store_fleet_view view;
    struct buffer scratch;
    struct error error;
    uint64_t told_ms, beat_results, beaten_ms;
    uint64_t told_leases; /* that were ours when the view was had */
    uint64_t left_ms; /* nothing is adopted or given up before: what was too much finds others */
    struct bulk_fleet_counts counts;
    size_t in_flight, wanted, untold;
    struct bulk_fleet_chunk *chunk; /* of the claim that was fed last */
    uint64_t chunk_first;
    bool is_stopping, is_lost, told_trouble;
    uint64_t part_ms;  /* stopping: since when sites are given back; 0: not yet */
    bool told_stopped; /* or lost: nothing is begun any more */
    bool is_unsure;    /* the store may hold leases as ours that we don't know of */
    bool tasks_dry;    /* no tasks were free when last asked */
};

/* --- fleet.c */
void bulk_fleet_trouble(struct bulk_fleet *fleet, const struct error *error);
void bulk_fleet_pump_soon(struct bulk_fleet *fleet, uint64_t after_ms);
/* It may be that our time is over: true when it is. */
bool bulk_fleet_look_whether_lost(struct bulk_fleet *fleet);
/* To the store, and fleet->view from it. Its errors. */
int bulk_fleet_say_beat(struct bulk_fleet *fleet, struct error *error);

/* --- fleet_list.c: the lists that are running */
struct bulk_fleet_list *bulk_fleet_find_list(struct bulk_fleet *fleet, uint64_t id);
void bulk_fleet_list_free(struct bulk_fleet_list *list);
/* Which are running: new ones are joined, others left. */
void bulk_fleet_look_for_lists(struct bulk_fleet *fleet);
/* We failed rows of it, and wait until we ask them again. */
bool bulk_fleet_list_rests(const struct bulk_fleet_list *list);
/* Those that we work on: a row of another one would be ours, and nobody would ask it. */
size_t bulk_fleet_joined_lists(struct bulk_fleet *fleet, uint64_t ids[BULK_FLEET_LISTS]);
void bulk_fleet_finish_lists(struct bulk_fleet *fleet);

/* --- fleet_feed.c: rows for the engine */
/* As much as there is room for, and time. */
void bulk_fleet_feed(struct bulk_fleet *fleet);
/* Is some of it claimed, and not with the engine yet? */
bool bulk_fleet_is_to_be_fed(const struct bulk_fleet *fleet, const struct bulk_fleet_list *list);

/* --- fleet_lease.c: which sites are ours */
void bulk_fleet_lease_init(struct bulk_fleet *fleet);
void bulk_fleet_lease_done(struct bulk_fleet *fleet);
/* With every beat: adopt what waits, give back what is idle or too much. */
void bulk_fleet_lease_tend(struct bulk_fleet *fleet);
/*
 * Give all back, each when its last connection is closed, with how long it is to rest. True: none
 * is ours any more.
 */
bool bulk_fleet_lease_part(struct bulk_fleet *fleet);
/* What the store calls the lease that we need for a site. Empty: it has too long a name. */
struct slice bulk_fleet_lease_name(const struct bulk_fleet *fleet, struct slice site,
                                   char out[STORE_FLEET_SITE_MAX]);
/* Keys of sites that are ours, from *cursor on, round and round. */
size_t bulk_fleet_lease_keys(struct bulk_fleet *fleet, struct slice *keys, size_t max);

/* --- fleet_batch.c: what became of rows */
void bulk_fleet_answered(void *user, const struct evidence *evidence,
                         const struct verdict *verdict);
/* A row that can't be read. */
void bulk_fleet_fault(struct bulk_fleet_list *list, struct bulk_fleet_chunk *chunk,
                      const struct store_row *row);
/* One row less of a chunk; the last one completes it. */
void bulk_fleet_settle(struct bulk_fleet_list *list, struct bulk_fleet_chunk *chunk);
/* Room for one more answer? Else the batch has to be kept first. */
bool bulk_fleet_has_room(const struct bulk_fleet_list *list);
/* Keep what is there. False: not now. */
bool bulk_fleet_flush(struct bulk_fleet_list *list);

#endif
