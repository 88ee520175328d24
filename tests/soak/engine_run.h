/* A plan's addresses given to the engine one by one, as callers of an API do. */
#ifndef MK_SOAK_ENGINE_RUN_H
#define MK_SOAK_ENGINE_RUN_H

#include "stage.h"

struct soak_report {
    struct soak_outcome outcomes[SOAK_ADDRESSES_MAX];
    uint64_t events, store_calls; /* of the first life */
    unsigned deaths;              /* that happened */
    uint64_t digest;
    char failure[SOAK_FAILURE_SIZE]; /* "": none */
};

/* clean: the report of the run without faults, to compare with; NULL: this is it. */
void soak_engine_run(const struct soak_plan *plan, const struct soak_faults *faults,
                     const struct soak_report *clean, struct soak_report *ret_report);

/* Who lives beside the engine: made before the first address is submitted, gone before the engine.
 */
struct soak_guest {
    void (*come)(void *user, struct soak_stage *stage);
    /* was_killed: nothing that is done now may have an effect. */
    void (*go)(void *user, struct soak_stage *stage, bool was_killed);
    bool is_dead; /* set by the guest: the process was killed, and its loop stopped */
    void *user;
};

/* One life of several: as soak_engine_run, but for those whose answer a kill cut off. */
void soak_engine_live(const struct soak_plan *plan, const struct soak_faults *faults,
                      const struct soak_report *clean, const struct soak_dawn *dawn,
                      struct soak_guest *guest, struct soak_report *ret_report);

#endif
