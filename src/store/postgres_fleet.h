/* The fleet's statements (store/postgres_fleet*.c only). */
#ifndef MK_STORE_POSTGRES_FLEET_H
#define MK_STORE_POSTGRES_FLEET_H

#include "store/fleet.h"
#include "store/postgres_internal.h"

struct store_fleet {
    struct postgres_store *store;
    uint64_t worker;
    uint64_t ttl_ms, until_ms;
    uint64_t deadline_before_ms;
    /* By list: below this turn there is nothing free, as far as was seen. Dead entries of the index
       are not read again and again so. */
    uint64_t floor_job, floor_turn;
    uint64_t beats;    /* said */
    uint64_t sweep_at; /* of them: when there is to be tidied up again */
    bool is_freeing;   /* something may be left of those who were given up */
};

/* Of a task t: its list is running (the state's number is parameter n). */
#define POSTGRES_TASK_RUNS(n)                                                                      \
    "EXISTS (SELECT 1 FROM job j WHERE j.id=t.job AND j.state=$" #n "::int8)"

/* 0; ERROR_NOT_FOUND: we were given up. Inside of a transaction, which it holds others up to. */
int postgres_fleet_check(struct store_fleet *fleet, struct error *error);
/* What a call of a worker that is no more says. */
int postgres_fleet_gone(struct error *error);
/* Lines (row, copies, turn, address, fault, job, chunk, hops) of an answer. */
int postgres_fleet_claims(PGresult *answer, struct store_claims *claims, struct error *error);

#endif
