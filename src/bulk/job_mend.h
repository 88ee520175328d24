/*
 * Results that an earlier version was wrong about, put right without asking anybody.
 *
 * Rows that can't be read were held to have no address, also where one may stand in them, and cells
 * with several addresses, or with a whole row, to have a false one; so all were invalid. Their
 * results are replaced where they stand (store_results_replace), so that a finished list stays
 * finished, and killed at any time every row has one whole result. Rows that are seen to be
 * unreadable only now get their fault, and count as such.
 *
 * In a store of many lists it is remembered up to which of them, by rising id, all were looked at
 * (bulk_mend_keep), so that each is read once.
 */
#ifndef MK_BULK_JOB_MEND_H
#define MK_BULK_JOB_MEND_H

#include "base/buffer.h"
#include "store/store.h"

struct bulk_mend {
    struct store *store; /* borrowed */
    uint64_t job;
    uint64_t after;        /* rows up to here are looked at */
    uint64_t mended;       /* results that were replaced */
    uint64_t kept, passed; /* all lists up to here are mended: as remembered; as it is now */
    struct store_page page;
    struct arena arena; /* of a step's results */
    struct buffer scratch;
};

void bulk_mend_init(struct bulk_mend *mend, struct store *store);
void bulk_mend_done(struct bulk_mend *mend);
/* Go to this job: 1 when there may be something to do in it, 0 when not; the store's errors. */
int bulk_mend_begin(struct bulk_mend *mend, const struct store_job *job, struct error *error);
/* Look at some results more, at most `amount`: 1 when there are others, 0 when all are mended;
   ERROR_NOMEM, the store's errors. */
int bulk_mend_step(struct bulk_mend *mend, size_t amount, struct error *error);
/*
 * For whoever begins with every job of the store, by rising id, after what bulk_mend_recall says:
 * the list is not read again after the next start. The store's errors.
 */
int bulk_mend_recall(struct bulk_mend *mend, uint64_t *ret_after, struct error *error);
int bulk_mend_keep(struct bulk_mend *mend, struct error *error);

#endif
