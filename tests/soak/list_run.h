/*
 * A plan's addresses as a list: read, loaded into a store, cleaned as a job, handed back, by a
 * process that is killed between any two events or inside any call of its store, and started again.
 */
#ifndef MK_SOAK_LIST_RUN_H
#define MK_SOAK_LIST_RUN_H

#include "engine_run.h"

/* clean: the report of the run without faults, to compare with; NULL: this is it. */
void soak_list_run(const struct soak_plan *plan, const struct soak_faults *faults,
                   const struct soak_report *clean, struct soak_report *ret_report);

/* Where files are made; taken away at the end. */
void soak_list_folder_make(void);
void soak_list_folder_remove(void);

#endif
