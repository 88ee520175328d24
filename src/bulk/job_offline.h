/*
 * A list cleaned without asking anybody: from the reader straight to the writer, in one pass.
 *
 * Millions of rows a second need neither store nor engine. Duplicates are found by 64-bit hashes of
 * their keys in a table of bounded size; when that is full, later first rows are not remembered and
 * their duplicates stay unmarked, which is counted and said.
 */
#ifndef MK_BULK_JOB_OFFLINE_H
#define MK_BULK_JOB_OFFLINE_H

#include "bulk/job_key.h"
#include "bulk/reader.h"
#include "bulk/stats.h"
#include "bulk/writer.h"
#include "lists/operator.h"
#include "store/store.h"

struct bulk_offline;

struct bulk_offline_options {
    enum bulk_dedupe dedupe;
    const struct lists_operator *lists; /* may be NULL */
    int64_t unix_ms;                    /* when it is said to have been checked */
    bool with_json;                     /* the writer wants whole results */
    size_t memory_max;                  /* of the table, in bytes; 0: 256 MiB */
    struct bulk_stats *stats;           /* counts what is written; NULL: nobody wants it */
};

struct bulk_offline_progress {
    uint64_t rows, faults, duplicates;
    uint64_t forgotten;                       /* first rows that found the table full */
    uint64_t by_reason[VERDICT_REASON_COUNT]; /* rows, duplicates too */
};

/* Reader and writer are borrowed. ERROR_NOMEM. */
int bulk_offline_open(struct bulk_reader *reader, struct bulk_writer *writer,
                      const struct bulk_offline_options *options, struct bulk_offline **ret_offline,
                      struct error *error);
/* Some thousand rows more: 1; the end: 0; the errors of reader and writer. */
int bulk_offline_step(struct bulk_offline *offline, struct error *error);
const struct bulk_offline_progress *bulk_offline_progress(const struct bulk_offline *offline);
void bulk_offline_close(struct bulk_offline *offline); /* NULL accepted */

#endif
