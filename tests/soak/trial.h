/*
 * A plan tried in a process of its own, so that one that crashes is a failure like any other; and
 * the smallest part of a plan that still fails.
 */
#ifndef MK_SOAK_TRIAL_H
#define MK_SOAK_TRIAL_H

#include "engine_run.h"

enum soak_part {
    SOAK_ENGINE,
    SOAK_ENGINE_FAULTY,
    SOAK_HISTORY,
    SOAK_LIST,
    SOAK_LIST_FAULTY,
    SOAK_REPEAT, /* the same once more is the same */
    SOAK_PART_COUNT,
};

const char *soak_part_name(enum soak_part part);

struct soak_reports {
    struct soak_report engine, engine_faulty, history, list, list_faulty;
};

/* Run all parts, or up to the one that fails: which, or SOAK_PART_COUNT. Text in `failure`. */
enum soak_part soak_try(const struct soak_plan *plan, bool repeats, struct soak_reports *reports,
                        char failure[SOAK_FAILURE_SIZE]);

/*
 * Take away what is not needed for this part to fail, in at most `tries` tries, and print what is
 * left as a scenario. `plan` becomes it.
 */
void soak_shrink(struct soak_plan *plan, enum soak_part part, unsigned tries);

#endif
