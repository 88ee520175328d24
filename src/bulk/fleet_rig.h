/*
 * A shared store for tests of a worker: store/fleet.h in memory, by a loop's clock.
 *
 * Linked instead of the real one. Any number of workers of one process share it, so that a test
 * runs a fleet on one virtual clock; it has one list at most. Each worker can be cut off, can
 * lose answers of what was done all the same, and its machine can have been suspended.
 */
#ifndef MK_BULK_FLEET_RIG_H
#define MK_BULK_FLEET_RIG_H

#include "io/loop.h"
#include "store/fleet.h"

#define FLEET_RIG_TTL_MS 20000

enum fleet_rig_fault {
    FLEET_RIG_WORKS,
    FLEET_RIG_CUT,  /* nothing arrives */
    FLEET_RIG_MUTE, /* it is done, and the answer is lost */
};

struct store_fleet {
    uint64_t worker, ttl_ms, until_ms, expires_ms; /* expires_ms: by the loop; 0: given up */
    uint64_t suspended_ms;                         /* its clock is so far ahead of the loop's */
    enum fleet_rig_fault fault;                    /* of all calls */
    enum fleet_rig_fault give_fault, claim_fault;  /* of giving, and of claiming rows, alone */
    bool wants_adoption;                           /* its beats say that a list is running */
    uint64_t leases;                               /* as it said */
    bool is_here;
};

void fleet_rig_start(struct io_loop *loop);
/* Rows wait for a site that nobody has. */
void fleet_rig_add_site(const char *site);
/* Whose the lease is; 0: nobody's. How long it rests still. */
uint64_t fleet_rig_holder(const char *site);
uint64_t fleet_rig_rest_ms(const char *site);
unsigned fleet_rig_count(uint64_t worker);
/* Its process is gone, without a word. */
void fleet_rig_kill(struct store_fleet *fleet);
/* Statements that were said so far. */
unsigned fleet_rig_said(void);

/* A row more of the list, which runs when it has the first. */
void fleet_rig_add_row(const char *address);
/* Once more, after it has failed. */
void fleet_rig_run_list(void);
enum store_job_state fleet_rig_list(void);
const char *fleet_rig_note(void);
/* Rows whose result has this reason. */
unsigned fleet_rig_results(enum verdict_reason reason);

#endif
