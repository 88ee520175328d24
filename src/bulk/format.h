/*
 * What a list looks like, found out from its first bytes: kind, line ends, delimiter, header, and
 * the column with the addresses. Pure: the same sample gives the same answer, and the answer is a
 * sentence too (`note`), so that a wrong guess is seen before an hour is spent on it.
 */
#ifndef MK_BULK_FORMAT_H
#define MK_BULK_FORMAT_H

#include "base/arena.h"
#include "bulk/csv.h"
#include "bulk/reader.h"

struct bulk_format_sample {
    struct slice bytes; /* without BOM; UTF-8 or Latin-1 */
    bool is_whole;      /* nothing comes after */
    const char *file;   /* for its ending and for messages */
    bool is_later;      /* another list was first, and says what is wanted */
};

/*
 * Find what `wanted` leaves open. *format comes with encoding, has_bom, has_separator_line, gzipped
 * (and kind and sheet of XLSX, whose sample is its rows as CSV) and goes with all else; strings
 * live in the arena. ERROR_FORMAT as bulk_reader_open says, ERROR_NOMEM.
 */
int bulk_format_find(const struct bulk_format_sample *sample, const struct bulk_format *wanted,
                     struct arena *arena, struct bulk_format *format, struct error *error);

/*
 * Spreadsheets are told the delimiter by a first line "sep=;". Its length with its end, and the
 * delimiter; 0: the text does not begin with one.
 */
size_t bulk_format_separator_line(struct slice text, char *ret_delimiter);

/* How its rows are to be scanned. */
struct bulk_csv_shape bulk_format_shape(const struct bulk_format *format);

/* The text of a cell or field as UTF-8, in up to two scratch buffers. False: no memory. */
bool bulk_format_text(const struct bulk_format *format, struct slice cell, struct buffer scratch[2],
                      struct slice *ret_text);

#endif
