/*
 * The rows of a job that have no result yet, one after the other, in the order of their turns
 * (bulk/order.h) or of the list.
 *
 * Turns are sorted first, a bit at a time (bulk/turns.h), and only row numbers are kept of it, so
 * that memory does not grow with the list. Then the next few hundred rows are read from the store
 * at once, as they are by then: what got a result or was erased meanwhile is not given, or as it is
 * now. Every call does a few milliseconds of work at most.
 */
#ifndef MK_BULK_JOB_FEED_H
#define MK_BULK_JOB_FEED_H

#include "store/store.h"

struct bulk_feed;

enum bulk_feed_order {
    BULK_FEED_BY_TURN,
    BULK_FEED_IN_ORDER, /* of the list: for output as it comes */
};

/* The store is borrowed; the job has `rows` rows. ERROR_NOMEM. */
int bulk_feed_open(struct store *store, uint64_t job, uint64_t rows, enum bulk_feed_order order,
                   struct bulk_feed **ret_feed, struct error *error);
void bulk_feed_close(struct bulk_feed *feed); /* NULL accepted */

/*
 * Sort some thousand rows more: 1 when there is more to do before rows can be given, 0 when they
 * can. ERROR_NOMEM; ERROR_IO, also when there is no room for a temporary file; the store's errors.
 */
int bulk_feed_prepare(struct bulk_feed *feed, struct error *error);
/* Once prepared, the next row without result: 1; none is left: 0; the same errors. Valid until the
 * next call. */
int bulk_feed_next(struct bulk_feed *feed, struct store_row *ret_row, struct error *error);
/* From the beginning once more, in the order of the list: rows that have no result still. */
void bulk_feed_rewind(struct bulk_feed *feed);
/* The row last given was not taken: it comes again next. */
void bulk_feed_put_back(struct bulk_feed *feed);

#endif
