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

#endif
