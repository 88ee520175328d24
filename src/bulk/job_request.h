/*
 * What another process wants of a job: pause it, go on with it. A note in the store, which whoever
 * works on the job looks for now and then, obeys and takes away.
 *
 * Signals would do for one process on the same machine; a store is shared by more than that.
 */
#ifndef MK_BULK_JOB_REQUEST_H
#define MK_BULK_JOB_REQUEST_H

#include "store/store.h"

enum bulk_job_request {
    BULK_JOB_REQUEST_NONE,
    BULK_JOB_REQUEST_PAUSE,
    BULK_JOB_REQUEST_RESUME,
};

/* Leave one; it takes the place of an older. The store's errors. */
int bulk_job_request_put(struct store *store, uint64_t job, enum bulk_job_request request,
                         int64_t now_unix_ms, struct error *error);
/* Take it away again, obeyed or not: 1 when it was there, 0 when somebody was faster. */
int bulk_job_request_remove(struct store *store, uint64_t job, struct error *error);
/*
 * The next request of a job above `after` that is not too old to be still wanted; *ret_job 0 when
 * there is none. Old ones are taken away.
 */
int bulk_job_request_next(struct store *store, uint64_t after, int64_t now_unix_ms,
                          uint64_t *ret_job, enum bulk_job_request *ret_request,
                          struct error *error);

#endif
