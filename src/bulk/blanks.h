/*
 * Blank rows that wait for another row.
 *
 * Between others a blank row is one; at the end of a list it is none. So whoever reads rows holds
 * them here until one comes that is not blank. As there may be millions, those that are alike are
 * counted, and only so many kinds one after the other are held. Knows nothing of what makes a row
 * blank.
 */
#ifndef MK_BULK_BLANKS_H
#define MK_BULK_BLANKS_H

#include <stdint.h>

#include "base/buffer.h"
#include "bulk/csv.h"

#define BULK_BLANKS_RUNS 8 /* of rows that are alike */

struct bulk_blanks {
    struct {
        struct buffer raw;
        struct bulk_csv_row row; /* the first of them; its cell is in `raw` */
        uint64_t count, line;    /* yet to be given; where the next of them stands */
    } runs[BULK_BLANKS_RUNS];
    size_t first, end; /* runs that are held */
};

void bulk_blanks_init(struct bulk_blanks *blanks);
void bulk_blanks_done(struct bulk_blanks *blanks);
/* They were at the end. */
void bulk_blanks_drop(struct bulk_blanks *blanks);

/*
 * Hold one more, of one line of its own; `row->cell` stands in `raw`, both are copied. 1; 0: it is
 * of one kind too many; ERROR_NOMEM. Not between two calls of bulk_blanks_take.
 */
int bulk_blanks_hold(struct bulk_blanks *blanks, struct slice raw, const struct bulk_csv_row *row,
                     uint64_t line);
/* The next that was held, valid until the next is held; false after the last. */
bool bulk_blanks_take(struct bulk_blanks *blanks, struct slice *ret_raw,
                      struct bulk_csv_row *ret_row, uint64_t *ret_line);

#endif
