/*
 * Lists that an earlier version finished, put right (bulk/job_mend.h): after the start, one after
 * the other, in steps of some milliseconds between the loop's other business. Each is looked at
 * once, and that it was is kept in the store.
 */
#ifndef MK_SERVICE_MEND_H
#define MK_SERVICE_MEND_H

#include "bulk/job_mend.h"
#include "io/loop.h"
#include "io/pace.h"

struct service;

struct service_mend {
    struct service *service; /* NULL: not started */
    struct io_timer timer;
    struct io_pace pace; /* in rows */
    struct bulk_mend work;
    bool is_at_list; /* work.job has more to look at */
};

/* ERROR_NOMEM, the store's errors. */
int service_mend_start(struct service_mend *mend, struct service *service, struct error *error);
void service_mend_stop(struct service_mend *mend); /* also one that was not started */

#endif
