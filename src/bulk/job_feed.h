/*
 * The rows of a job that have no result yet, one after the other, in the order of their turns
 * (bulk/order.h) or of the list.
 *
 * Turns are sorted once, when the feed is opened, and only row numbers are kept of it, in an
 * unnamed temporary file (eight bytes a row), so that memory does not grow with the list.
 */
#ifndef MK_BULK_JOB_FEED_H
#define MK_BULK_JOB_FEED_H

#include "store/store.h"

struct bulk_feed;

enum bulk_feed_order {
    BULK_FEED_BY_TURN,
    BULK_FEED_IN_ORDER, /* of the list: for output as it comes */
};

/*
 * The store is borrowed. Takes seconds for millions of rows by turn. ERROR_NOMEM; ERROR_IO, also
 * when there is no room for a temporary file; the store's errors.
 */
int bulk_feed_open(struct store *store, uint64_t job, enum bulk_feed_order order,
                   struct bulk_feed **ret_feed, struct error *error);
void bulk_feed_close(struct bulk_feed *feed); /* NULL accepted */

/* The next row without result: 1; none is left: 0; the store's errors. Valid until the next call.
 */
int bulk_feed_next(struct bulk_feed *feed, struct store_row *ret_row, struct error *error);
/* The row last given was not taken: it comes again next. */
void bulk_feed_put_back(struct bulk_feed *feed);

#endif
