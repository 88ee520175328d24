/*
 * The demo's list on its way through the layers that real lists take: reader, store (in memory),
 * duplicates, job, writer. Knows nothing of the lab.
 */
#ifndef MK_CLI_DEMO_LIST_H
#define MK_CLI_DEMO_LIST_H

#include "bulk/job.h"
#include "bulk/job_key.h"
#include "cli/view.h"
#include "config/prober.h"

struct demo_list {
    const char *path;
    struct store *store;
    struct arena arena;
    struct store_job job; /* as it was when last looked at */
    struct bulk_job *work;
    enum bulk_job_end end;
    void (*ended)(struct demo_list *list);
    void *user;
};

/* Read and look for duplicates. The errors of reader and store. Safe to close after a failure. */
int demo_list_open(struct demo_list *list, const char *path, struct error *error);
/* Begin; `ended` (with list->end set) comes from the loop. */
int demo_list_start(struct demo_list *list, struct prober *prober,
                    void (*ended)(struct demo_list *list), void *user, struct error *error);
/* Rows with results, so far. */
uint64_t demo_list_done(struct demo_list *list);
/* The cleaned list, once the job has ended. */
int demo_list_write(struct demo_list *list, const char *path, struct error *error);
/* Rows by status and reason, and one line for every reason: the first row that has it. */
int demo_list_tell(struct demo_list *list, struct view_summary *ret_summary,
                   struct buffer *examples, const struct view_style *style, struct error *error);
void demo_list_close(struct demo_list *list); /* safe on a zeroed one */

#endif
