/*
 * The rows of one sheet of an XLSX workbook, as lines of CSV (UTF-8, commas).
 *
 * The workbook is a zip of XML (ECMA-376). It is read as a stream: memory does not grow with the
 * sheet; the shared strings lie in a temporary file. A workbook may be hostile: what swells without
 * measure, declares a document type or nests without end is refused. Formulas are never looked at,
 * only the values that were stored beside them; dates come out as ISO 8601.
 */
#ifndef MK_BULK_SHEET_H
#define MK_BULK_SHEET_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "bulk/source.h"

struct bulk_sheet;

/* Open a sheet by name (NULL: the first). ERROR_IO, ERROR_FORMAT, ERROR_LIMIT, ERROR_NOMEM. */
int bulk_sheet_open(const char *path, const char *sheet_name, struct bulk_sheet **ret_sheet,
                    struct error *error);
/* The same from what is left of a source that has no file: copied to a temporary one. */
int bulk_sheet_open_source(struct bulk_source *source, const char *name, const char *sheet_name,
                           struct bulk_sheet **ret_sheet, struct error *error);
void bulk_sheet_close(struct bulk_sheet *sheet); /* NULL accepted */

const char *bulk_sheet_name(const struct bulk_sheet *sheet);
size_t bulk_sheet_others(const struct bulk_sheet *sheet); /* further ones of its workbook, shown */

/*
 * The next row, its number in the sheet, from 1, and why it is not whole (or NULL): 1; the end: 0;
 * or an error. The slice is valid until the next call. Rows without text are given, as "", where
 * they stand between others: above the first and below the last they are none, nor are more than
 * 1,000 of them in a row.
 */
int bulk_sheet_next(struct bulk_sheet *sheet, struct slice *ret_raw, uint64_t *ret_line,
                    const char **ret_fault, struct error *error);
/*
 * Is the text of the cell in this column (from 0) of the row last given unknown? It holds a formula
 * of which the file does not say what it comes to, or perhaps not truly, as it says a number
 * (programs that don't calculate leave that to spreadsheets), an error ("#N/A"), or the number of a
 * text that the workbook lacks.
 */
bool bulk_sheet_lacks(const struct bulk_sheet *sheet, size_t column);
/* From the first row again. */
int bulk_sheet_rewind(struct bulk_sheet *sheet, struct error *error);

/* Compressed bytes read of the sheet, and its compressed size. */
uint64_t bulk_sheet_offset(const struct bulk_sheet *sheet);
uint64_t bulk_sheet_size(const struct bulk_sheet *sheet);

#endif
