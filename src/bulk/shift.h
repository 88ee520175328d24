/*
 * Rows with more cells than others: an unquoted delimiter stands in one of them (`Acme, Inc.`), and
 * what is behind it stands further on than it should. Where is the address, then?
 *
 * Told by what the cells hold, and by the columns in which addresses of somebody else (`cc`) stand.
 * The wrong mailbox must never be asked in place of the row's own, and no part of a name be judged
 * as an address: where two readings are possible, none is chosen.
 */
#ifndef MK_BULK_SHIFT_H
#define MK_BULK_SHIFT_H

#include "bulk/csv.h"
#include "bulk/reader.h"

enum bulk_shift {
    BULK_SHIFT_NONE,    /* the cell in the address's column is the one */
    BULK_SHIFT_FOUND,   /* another is */
    BULK_SHIFT_UNCLEAR, /* it can't be told */
    BULK_SHIFT_NOMEM,
};

/* Can it be about this cell, of the address's column? Quick: most rows are not looked at further.
 */
bool bulk_shift_may_be(const struct bulk_format *format, struct slice cell);

/* Of a row that was read well, and its cell in the address's column; ret_cell: quotes and all. */
enum bulk_shift bulk_shift_find(const struct bulk_format *format,
                                const struct bulk_csv_shape *shape, struct slice raw,
                                struct slice cell, struct buffer scratch[2],
                                struct slice *ret_cell);

#endif
