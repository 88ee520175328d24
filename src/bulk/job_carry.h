/*
 * Results carried from one job to another: for a list that has changed since it was begun.
 *
 * Mailboxes are found again by their keys, whatever row they stand in now. Only rows without result
 * get one.
 */
#ifndef MK_BULK_JOB_CARRY_H
#define MK_BULK_JOB_CARRY_H

#include "bulk/job_key.h"
#include "store/store.h"

/*
 * Both jobs are loaded with the same dedupe (OFF: nothing is carried). Takes seconds for millions
 * of rows. The store's errors; ERROR_NOMEM. May be done again after it was broken off.
 */
int bulk_job_carry(struct store *store, uint64_t from, uint64_t to, enum bulk_dedupe dedupe,
                   uint64_t *ret_carried, struct error *error);

/*
 * Within a job, to rows whose address is another one without what an earlier version kept around
 * it, from the row that was this mailbox all along: to a million of them. Else as above.
 */
int bulk_job_carry_within(struct store *store, uint64_t job, enum bulk_dedupe dedupe,
                          uint64_t *ret_carried, struct error *error);

#endif
