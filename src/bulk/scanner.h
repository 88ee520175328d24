/*
 * One file of a list, open: its rows as they stand, of text through a source or of a workbook's
 * sheet.
 *
 * It is opened, sampled until somebody knows its shape, and then read row by row. The lines that
 * rows stand on are counted here. Knows nothing of other files, of what a header is, nor of what
 * cells mean.
 */
#ifndef MK_BULK_SCANNER_H
#define MK_BULK_SCANNER_H

#include "base/arena.h"
#include "base/buffer.h"
#include "bulk/csv.h"
#include "bulk/reader.h"
#include "bulk/sheet.h"
#include "bulk/source.h"

struct bulk_scanner {
    const char *name;           /* for messages; the path's owner has it */
    struct bulk_source *source; /* of text, or NULL */
    struct bulk_sheet *sheet;   /* of XLSX, or NULL */

    /* Set by the user before the first row. */
    struct bulk_csv_shape shape;
    size_t column; /* of the address */

    size_t used;             /* bytes of the window that the last row took */
    size_t quiet;            /* see bulk_csv_scan */
    uint64_t line, row_line; /* of the next row, and of the last one given */
};

/*
 * Open `path`, or `bytes` instead of it (ptr not NULL; in pieces of `piece` bytes), and of a
 * workbook `sheet_name` (NULL: the first). ERROR_IO, ERROR_FORMAT, ERROR_LIMIT, ERROR_NOMEM.
 */
int bulk_scanner_open(struct bulk_scanner *scanner, const char *path, struct slice bytes,
                      size_t piece, const char *sheet_name, struct error *error);
void bulk_scanner_close(struct bulk_scanner *scanner); /* zeroed or closed: nothing to do */

/* Is there nothing in it? Asked before its first row; 1, 0, or an error. */
int bulk_scanner_is_empty(struct bulk_scanner *scanner, struct error *error);

/*
 * What is known of it before its text is looked at: encoding, BOM, gzip, or that it is a workbook,
 * with its sheets (a name in the arena). ERROR_NOMEM.
 */
int bulk_scanner_describe(const struct bulk_scanner *scanner, struct arena *arena,
                          struct bulk_format *format, struct error *error);
/*
 * Its first bytes (a workbook's first rows as CSV, in `rows`), at least one row of them, and
 * whether there are no more. Nothing is used up.
 */
int bulk_scanner_sample(struct bulk_scanner *scanner, struct buffer *rows, struct slice *ret_bytes,
                        bool *ret_is_whole, struct error *error);
/* The first line of the text, of `len` bytes, is no row (0: there is none such). */
void bulk_scanner_skip_line(struct bulk_scanner *scanner, size_t len);

/*
 * The next row with its cell in `column`: 1; the end of the file: 0; or an error. The slices are
 * valid until the next call. row_line says where it begins.
 */
int bulk_scanner_next(struct bulk_scanner *scanner, struct bulk_csv_row *ret_row,
                      struct slice *ret_raw, struct error *error);
/* The first row was looked at: it is the next one again. */
int bulk_scanner_again(struct bulk_scanner *scanner, struct error *error);

/* Bytes of the file that were read, those that wait in the window not counted. */
uint64_t bulk_scanner_offset(const struct bulk_scanner *scanner);
/* All that were taken from the file, also those in the window. */
uint64_t bulk_scanner_taken(const struct bulk_scanner *scanner);
/* All that there are; false: not known. */
bool bulk_scanner_size(const struct bulk_scanner *scanner, uint64_t *ret_size);

#endif
