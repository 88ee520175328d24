/*
 * Results that an earlier version was wrong about, put right without asking anybody.
 *
 * Rows that can't be read were held to have no address, also where one may stand in them, and cells
 * with several addresses, a whole row, or blanks around one to have a false one; so all were
 * invalid. Their results are replaced where they stand (store_results_replace), so that a finished
 * list stays finished, and killed at any time every row has one whole result. Rows that are seen to
 * be unreadable only now get their fault, and count as such.
 *
 * What an earlier version said of a row's cells is looked at again where the row can be had: as it
 * was kept, or by reading the list. Rows not asked yet get their result then, if they can't be
 * read.
 *
 * In a store of many lists it is remembered up to which of them, by rising id, all were looked at
 * (bulk_mend_keep), so that each is read once.
 */
#ifndef MK_BULK_JOB_MEND_H
#define MK_BULK_JOB_MEND_H

#include "base/buffer.h"
#include "bulk/reader.h"
#include "store/store.h"

struct bulk_mend {
    struct store *store; /* borrowed */
    /* For whoever has the list itself: opens it, as often as it is called. NULL: it can't be had.
     */
    int (*open)(void *user, struct bulk_reader **ret_reader, struct error *error);
    void *user;
    bool asks_again; /* what is to be asked all the same is forgotten for it; else it's unknown */
    int64_t unix_ms; /* when results of rows that had none are found out */
    uint64_t job;
    uint64_t after;             /* rows up to here are looked at */
    bool is_at_waiting;         /* rows without result are looked at now, results after them */
    struct bulk_reader *reader; /* at row */
    struct bulk_row row;
    bool is_other;         /* the list has other rows than those that were kept */
    uint64_t mended;       /* results that were replaced, and rows that got one */
    uint64_t forgotten;    /* results that were taken away */
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
