/*
 * Rows and cells of delimited text (RFC 4180 and what people send instead). Pure, no allocation.
 *
 * A row is found without touching its bytes, so that it can be handed back as it came. A quote
 * counts only at the start of a cell; `""` inside stands for one, and so does `\"` where no cell
 * could end. After a closing quote the rest of the cell is taken as it is, as spreadsheets do.
 *
 * One unbalanced quote never swallows the list. A quoted cell that runs over line ends is believed
 * where it is closed properly, within BULK_CSV_QUOTED_MAX bytes, as notes of several lines are
 * ordinary; but not
 *
 *  - where its quotes can be marks of inches of two rows (a digit behind the opening one and before
 *    the closing one), or it is the address's own cell, and its lines are rows: most with as many
 *    cells as rows have, and an address in the column that is asked for;
 *  - where it makes the row longer or shorter than others, and its first and its last line would
 *    each be a row;
 *  - where it begins a chain of cells over lines that is far longer than a row.
 *
 * Otherwise its quote is a letter like others, the row ends where its line ends, and carries a
 * fault. Of a cell that is believed although its lines are rows it is said so. Knows nothing of
 * files, encodings or what else cells mean.
 */
#ifndef MK_BULK_CSV_H
#define MK_BULK_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/slice.h"

#define BULK_CSV_QUOTED_MAX                                                                        \
    ((size_t)256 << 10)                     /* of a quoted cell with line ends; Excel's: 128 Ki */
#define BULK_CSV_ROW_MAX ((size_t)16 << 20) /* longer ones are cut */

struct bulk_csv_shape {
    char delimiter;
    char line_end;  /* last byte of one: '\n' (CRs before it belong to it), or '\r' */
    bool quotes;    /* false: lines of text or JSON, one cell each */
    size_t columns; /* of most rows, to tell an unbalanced quote; 0: not known */
};

struct bulk_csv_row {
    size_t raw_len;    /* without the line end */
    size_t next;       /* where the next row begins */
    size_t line_count; /* lines of the file that it takes */
    bool has_cell;
    struct slice cell;  /* the one asked for, quotes and all */
    const char *fault;  /* static, or NULL */
    bool is_unbalanced; /* the fault: a quote was taken for a letter, up to the end of the line */
    bool is_joined;     /* lines that look like rows were taken for the text of one cell */
};

/*
 * Find the row at the start of bytes[0..len) and its cell number `column` (from 0). False: no row
 * ends within these bytes; ask again with more of them, or with at_end when there are none (len >
 * 0). *quiet: how many bytes from here on are known to hold no quote; 0 at first, kept by the
 * caller, who changes nothing but the start of `bytes` (by `next`) between two calls.
 */
bool bulk_csv_scan(const struct bulk_csv_shape *shape, const char *bytes, size_t len, bool at_end,
                   size_t column, size_t *quiet, struct bulk_csv_row *ret_row);

/* A row that was found earlier, by itself: was one of its quotes taken for a letter? */
bool bulk_csv_is_unbalanced(const struct bulk_csv_shape *shape, struct slice raw, size_t column);

/* The cells of one row, quotes and all: start with *rest the row; false after the last. */
bool bulk_csv_next_cell(const struct bulk_csv_shape *shape, struct slice *rest,
                        struct slice *ret_cell);
size_t bulk_csv_count_cells(const struct bulk_csv_shape *shape, struct slice raw);

/*
 * A cell's text: itself, or made in `scratch` where it was quoted. The quotes of `"Jo Doe"@x.org`
 * are the address's (RFC 5321 4.1.2), not the cell's. False: no memory.
 */
bool bulk_csv_unquote(struct slice cell, struct buffer *scratch, struct slice *ret_text);

/* Append a cell that reads back as `text`, quoted where it must be. A failure shows in `out`. */
void bulk_csv_append_cell(struct buffer *out, char delimiter, struct slice text);

#endif
