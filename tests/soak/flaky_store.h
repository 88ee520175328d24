/*
 * Faults laid over a store: calls that fail before or after they took effect, and the death of the
 * process inside one of them, after which nothing takes effect any more.
 *
 * One store at a time: the state is static.
 */
#ifndef MK_SOAK_FLAKY_STORE_H
#define MK_SOAK_FLAKY_STORE_H

#include "store/store.h"

struct flaky_store_plan {
    uint64_t seed;
    unsigned fail_permille;
    uint64_t dies_at; /* this call, from 1; 0: lives */
    bool dies_after;  /* it took effect */
    void (*died)(void *user);
    void *user;
};

void flaky_store_begin(struct store *store, const struct flaky_store_plan *plan);
/* From now on nothing takes effect. */
void flaky_store_die(void);
/* The store is sound again. */
void flaky_store_end(void);

struct flaky_store_counts {
    uint64_t calls, failures;
};
struct flaky_store_counts flaky_store_counts(void);

#endif
