/*
 * The columns that are appended to a row: what they are called and what stands in them.
 *
 * Cells whose text comes from strangers (suggestion, provider, explanation, send_to) are defused: a
 * spreadsheet must not take them for a formula, even if it parts the row at another delimiter than
 * ours.
 */
#ifndef MK_BULK_APPENDED_H
#define MK_BULK_APPENDED_H

#include "base/arena.h"
#include "base/buffer.h"
#include "bulk/outcome.h"
#include "bulk/reader.h"
#include "verdict/dialect.h"

enum appended_column {
    APPENDED_STATUS, /* in a vendor's dialect these two are the vendor's */
    APPENDED_REASON,
    APPENDED_SCORE,
    APPENDED_ACTION,
    APPENDED_FLAGS, /* words separated by blanks; "duplicate" among them */
    APPENDED_SUGGESTION,
    APPENDED_PROVIDER,
    APPENDED_EXPLANATION,
    /* Only where it is asked for: the suggestion, or else the row's own address. A valid row keeps
       its own: what accepts mail is no slip. */
    APPENDED_SEND_TO,
    APPENDED_COLUMN_COUNT,
};

/* What a list gets unless told otherwise. */
#define APPENDED_USUAL ((1U << APPENDED_SEND_TO) - 1)

struct appended_names {
    const char *names[APPENDED_COLUMN_COUNT]; /* NULL: no such column in this dialect */
    unsigned number;                          /* in their prefix; 1: none, as they are wished for */
};

/*
 * Names that none of the list's own columns has. With prefix "mk_" a list that was cleaned before
 * gets "mk2_". A vendor's two columns have the vendor's own names ("status", "sub_status") so that
 * what read the vendor's files reads ours; with the prefix before them where the list has such a
 * column or a prefix was asked for. False: no memory.
 */
bool appended_name(enum verdict_dialect dialect, const char *prefix, const struct slice *own,
                   size_t own_count, struct arena *arena, struct appended_names *ret_names);

struct appended_cells {
    struct slice cells[APPENDED_COLUMN_COUNT];
    char score[4];
    char flags[VERDICT_FLAG_COUNT * 20];
    struct buffer defused[4];
};

void appended_init(struct appended_cells *cells);
void appended_done(struct appended_cells *cells);
/*
 * Fill the cells (UTF-8); outcome NULL: all "" but for the row's fault, which is the explanation
 * where there is no other. Valid until the next call, as long as the outcome is. False: no memory.
 */
bool appended_fill(struct appended_cells *cells, enum verdict_dialect dialect,
                   const struct bulk_row *row, const struct bulk_outcome *outcome);

/* Append text, defused. A failure shows in `out`. */
void appended_defuse(struct slice text, struct buffer *out);

#endif
