/*
 * Outcomes as a table: which columns of it hold the address, the outcome, the moment and the words
 * of a bounce, by the names of its header or by what stands in its first row. Pure.
 */
#ifndef MK_FEEDBACK_TABLE_H
#define MK_FEEDBACK_TABLE_H

#include "base/buffer.h"
#include "bulk/csv.h"
#include "feedback/outcome.h"

/* Columns by name; NULL: find out. */
struct feedback_columns {
    const char *address, *outcome, *date, *detail;
};

#define FEEDBACK_COLUMN_NONE SIZE_MAX

struct feedback_table {
    struct bulk_csv_shape shape;
    bool has_header;
    size_t address, outcome, date, detail; /* from 0; FEEDBACK_COLUMN_NONE */
    struct buffer scratch[4];              /* one a column */
};

/*
 * From the first row. False, and why (static): a named column is absent, or no column looks like
 * addresses or outcomes.
 */
bool feedback_table_open(struct feedback_table *table, struct slice first_row,
                         const struct feedback_columns *wanted, const char **ret_why);
void feedback_table_done(struct feedback_table *table);
/* A row as an event, which borrows from row and table; false, and why (static). */
bool feedback_table_read(struct feedback_table *table, struct slice row,
                         struct feedback_event *ret_event, const char **ret_why);

#endif
