/*
 * Orphans: lists that are loading, in a store that several services share, and nobody loads them.
 *
 * Where a list was uploaded its file lies, so that only that service can load it; started again, it
 * goes on with it. One that never is would leave the list loading for ever, and what waits until no
 * list is being loaded (erasure) with it. Services don't say that they are alive: that nothing
 * comes of a list for six hours, while its rows are counted with every batch, says it of any
 * program. Less would not: what was left of an earlier try is cleared first, and a large list is
 * sorted for its duplicates, and neither counts anything, for an hour and more on a slow disk.
 */
#ifndef MK_SERVICE_ORPHANS_H
#define MK_SERVICE_ORPHANS_H

#include "store/store.h"

#define SERVICE_ORPHANS_MAX 32 /* watched at once; the next ones when these are over */
#define SERVICE_ORPHAN_MS   (UINT64_C(6) * 3600 * 1000)

struct service_orphans {
    struct service_orphan {
        uint64_t list, rows, duplicates; /* list 0: free */
        uint64_t since_ms;               /* it has been so */
    } seen[SERVICE_ORPHANS_MAX];
    uint64_t looked_at; /* the last list */
};

struct service_desk;

/* True: a list that is loading, and has been as it is for SERVICE_ORPHAN_MS. */
bool service_orphans_look(struct service_orphans *orphans, const struct store_job *job,
                          uint64_t now_ms);

/*
 * Look at the next few lists, called now and then: what is loading and has its file here is loaded
 * (the answer of a store that said so was lost), and an orphan has failed, for that reason.
 */
void service_orphans_tend(struct service_orphans *orphans, struct service_desk *desk);

#endif
