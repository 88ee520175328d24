/*
 * A plan's addresses given to an engine that has a history, by a process that is killed and started
 * again hours or days later: what is remembered is true, and no more than what was asked.
 */
#ifndef MK_SOAK_HISTORY_RUN_H
#define MK_SOAK_HISTORY_RUN_H

#include "engine_run.h"

/*
 * Two lives with the faults, one without. clean: the report of the engine's run without faults, to
 * compare with. *ret_report is of the last life, the deaths are of all.
 */
void soak_history_run(const struct soak_plan *plan, const struct soak_faults *faults,
                      const struct soak_report *clean, struct soak_report *ret_report);

#endif
