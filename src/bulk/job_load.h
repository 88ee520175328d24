/*
 * Loading a list into the store: rows in batches, then the search for duplicates.
 *
 * In steps of some milliseconds, so that a loop stays alive beside it. Memory does not grow with
 * the list: rows go straight to the store, and duplicates are found by walking the rows' hashes in
 * sorted order (bulk/turns.h). A load that was killed starts again: see bulk_load_open.
 */
#ifndef MK_BULK_JOB_LOAD_H
#define MK_BULK_JOB_LOAD_H

#include "bulk/job_key.h"
#include "bulk/reader.h"
#include "store/store.h"

struct bulk_load;

struct bulk_load_options {
    enum bulk_dedupe dedupe;
    bool keep_raw; /* rows as they came, for output out of order */
};

struct bulk_load_progress {
    uint64_t rows, faults, doubts, duplicates;
    bool is_sorting; /* all rows are read, duplicates are looked for */
};

/* Rows that the job has are taken away first. Store and reader are borrowed. ERROR_NOMEM. */
int bulk_load_open(struct store *store, uint64_t job, struct bulk_reader *reader,
                   const struct bulk_load_options *options, struct bulk_load **ret_load,
                   struct error *error);
/* The next bit of work: 1 when there is more, 0 when the list is loaded; the reader's and the
   store's errors. */
int bulk_load_step(struct bulk_load *load, struct error *error);
struct bulk_load_progress bulk_load_progress(const struct bulk_load *load);
void bulk_load_close(struct bulk_load *load); /* NULL accepted */

#endif
