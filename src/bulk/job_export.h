/*
 * A job's results laid beside the rows of its list, in the list's order.
 *
 * The list is read again, in step with the store, and handed to a writer. At any time: what is not
 * known yet is left empty or said to be not probed.
 */
#ifndef MK_BULK_JOB_EXPORT_H
#define MK_BULK_JOB_EXPORT_H

#include "bulk/reader.h"
#include "bulk/stats.h"
#include "bulk/writer.h"
#include "lists/operator.h"
#include "store/store.h"

enum bulk_export_rest {
    BULK_EXPORT_REST_EMPTY,      /* empty cells */
    BULK_EXPORT_REST_NOT_PROBED, /* what is known without asking: unknown/not_probed mostly */
    BULK_EXPORT_REST_CANCELLED,  /* skipped/cancelled */
};

struct bulk_export_options {
    enum bulk_export_rest rest;
    const struct lists_operator *lists; /* for the rest and for suggestions; may be NULL */
    int64_t unix_ms;                    /* for the rest: now */
    bool with_json;                     /* the writer wants whole results */
    struct bulk_stats *stats;           /* counts what is written; NULL: nobody wants it */
    struct store *outcomes;             /* of own messages, for stats; NULL: none are known */
    struct store_filter filter;         /* rows wanted, on top of the writer's; texts borrowed */
    bool is_alone;                      /* nobody waits for a step: it may take longer */
    /*
     * Somebody else may write to the store: many steps see it as it was at the first of them. Not
     * with a writer that may be kept waiting, for till the end of it the store's log only grows.
     */
    bool keeps_view;
};

struct bulk_export;

/* All are borrowed; the reader is at its start and must read the list that was loaded. */
int bulk_export_open(struct store *store, uint64_t job, struct bulk_reader *reader,
                     struct bulk_writer *writer, const struct bulk_export_options *options,
                     struct bulk_export **ret_export, struct error *error);
/* Other lists from now on: whoever replaces those that were given calls it before the next step. */
void bulk_export_set_lists(struct bulk_export *export, const struct lists_operator *lists);
/*
 * Some hundred rows more, or thousand when alone: 1; all are written: 0; ERROR_RANGE: the list's
 * rows are not those that were loaded (another list, or an earlier version read it otherwise); the
 * errors of store, reader and writer. Rows without address after the list's last, which earlier
 * versions took blank lines for, are left out.
 */
int bulk_export_step(struct bulk_export *export, struct error *error);
uint64_t bulk_export_rows(const struct bulk_export *export); /* written so far */
void bulk_export_close(struct bulk_export *export);          /* NULL accepted */

#endif
