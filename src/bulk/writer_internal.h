/*
 * What the three formats of bulk/writer.h share. Not for others.
 */
#ifndef MK_BULK_WRITER_INTERNAL_H
#define MK_BULK_WRITER_INTERNAL_H

#include "bulk/appended.h"
#include "bulk/csv.h"
#include "bulk/output.h"
#include "bulk/writer.h"

/* What does not change from row to row. */
struct writer_context {
    enum bulk_kind kind;
    enum verdict_dialect dialect;
    struct bulk_format input;
    struct bulk_csv_shape shape; /* of the input's rows */
    struct slice header, lead;   /* own copies, as they came; "" for none */
    struct slice *columns;       /* the list's own columns, as text; unique */
    struct slice *names_before;  /* the same as JSON strings, with a colon; NULL: no header */
    size_t names_len;            /* bytes of all of these */
    size_t header_cells;         /* 0: it has none */
    size_t column_count;         /* width: the header's, or of most rows */
    uint32_t sheet_rows;         /* of one sheet, the header among them */
    uint64_t sheet_octets;       /* of its XML, before the last row */
    bool has_header;             /* only where the list had one, or a plain list becomes a table */
    struct appended_names names;
    struct arena arena;
    /* for one row */
    struct appended_cells cells;
    struct buffer *line; /* what waits for the row's file */
    struct buffer extra, scratch[2];
};

/* Lists that come as lines or objects have these columns in a table. */
#define WRITER_LINE_COLUMN   "address"
#define WRITER_OBJECT_COLUMN "input"

/* What stands before the first line of a table, header or not. False: no memory. */
bool writer_csv_begin(struct writer_context *context);
/* The row as a line of CSV, without its end, behind what is in context->line. False: no memory. */
bool writer_csv_header(struct writer_context *context);
bool writer_csv_row(struct writer_context *context, const struct bulk_row *row,
                    const struct bulk_outcome *outcome);
/* Once, when the columns are named. False: no memory. */
bool writer_ndjson_prepare(struct writer_context *context);
/* As an object, without line end, likewise. */
bool writer_ndjson_row(struct writer_context *context, const struct bulk_row *row,
                       const struct bulk_outcome *outcome);

#define WRITER_SHEET_COLUMNS 16384u /* of a sheet, at most */

/* A workbook being written. fd: an empty file, borrowed; path: its name for messages. */
struct writer_sheet;
int writer_sheet_open(int fd, const char *path, struct writer_context *context,
                      struct writer_sheet **ret_sheet, struct error *error);
int writer_sheet_put(struct writer_sheet *sheet, const struct bulk_row *row,
                     const struct bulk_outcome *outcome, struct error *error);
/* How many sheets it has: a list that is longer than one goes on in the next. */
unsigned writer_sheet_number(const struct writer_sheet *sheet);
/* How many cells had more text than a workbook holds, or stood beyond its last column. */
uint64_t writer_sheet_cut(const struct writer_sheet *sheet);
/* Its end, after which it is freed whatever happens. */
int writer_sheet_finish(struct writer_sheet *sheet, struct error *error);
void writer_sheet_abandon(struct writer_sheet *sheet); /* NULL accepted */

#endif
