/*
 * A list, row by row: CSV, TSV, plain text, NDJSON or XLSX, gzipped or not, from files or stdin.
 *
 * What the rows look like is found out once, from the first bytes (bulk/format.h): encoding,
 * delimiter, header, the column with the addresses. Rows keep their own bytes, so that a list can
 * be handed back as it came. A row that can't be read is a row with a fault, never the end of the
 * list. Reading the same input again gives the same rows with the same numbers: resumed and
 * exported lists rely on it. Standard input and compressed input can be read only once; whoever
 * needs it twice spools it (bulk/spool.h).
 */
#ifndef MK_BULK_READER_H
#define MK_BULK_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum bulk_kind {
    BULK_KIND_UNKNOWN, /* find out */
    BULK_KIND_CSV,     /* any delimiter */
    BULK_KIND_TEXT,    /* an address a line */
    BULK_KIND_NDJSON,
    BULK_KIND_XLSX,
};

enum bulk_encoding {
    BULK_ENCODING_UTF8,   /* also ASCII */
    BULK_ENCODING_LATIN1, /* bytes above 127 that are no UTF-8; handed back as they are */
    BULK_ENCODING_UTF16,  /* with or without BOM; handed back as UTF-8 */
};

#define BULK_FORMAT_OTHERS 64 /* columns: of those behind them it is not known */

/* What was asked for, or found: the same structure says both. */
struct bulk_format {
    enum bulk_kind kind;
    enum bulk_encoding encoding;
    char delimiter;          /* of CSV; 0: find out */
    int has_header;          /* -1: find out, 0, 1 */
    unsigned lead;           /* rows above the header: titles, remarks, blank ones; found with it */
    size_t column;           /* of the address, from 0; SIZE_MAX: find out */
    const char *column_name; /* --column NAME|N (N from 1) or --field NAME ("a.b": nested); NULL */
    size_t columns;          /* of most rows; found, never wanted */
    uint64_t others;   /* of its first columns those (1 << N) with addresses of somebody else */
    const char *sheet; /* of XLSX; NULL: the first */
    size_t sheets_left_out; /* of XLSX; found */
    bool has_bom;
    bool has_separator_line; /* "sep=;" before all else, for spreadsheets: no row, and kept */
    bool gzipped;
    char line_end[3]; /* "\n", "\r\n" or "\r": what the list uses, for lines that we add */
    char note[256];   /* what was found, for people: "CSV with ';', header, column 3 \"E-mail\"" */
};

struct bulk_row {
    uint64_t number;  /* from 1, data rows only, over all files; the header has none */
    uint64_t line;    /* line of the file where it begins, from 1; XLSX: the sheet's row */
    const char *file; /* as named */
    struct slice
        raw; /* its bytes without the line end (UTF-8 where the input was UTF-16 or XLSX) */
    struct slice
        address;        /* unquoted, UTF-8 (Latin-1 decoded), NOT trimmed; "" where there is none */
    const char *fault;  /* why the row can't be read (static), or NULL */
    bool is_unbalanced; /* it can, but one of its quotes was taken for a letter */
    bool is_doubtful;   /* it can, but its quotes leave a doubt (bulk_reader_doubts) */
};

/* Where a row that can't be read, or only with a doubt, stands, and why. */
struct bulk_fault {
    uint64_t line;    /* as of a row */
    const char *file; /* as named; lives as long as the reader */
    const char *why;  /* static */
};

#define BULK_FAULTS_KEPT 5 /* the first ones: the rest is counted by who reads */

/* Is it that there is no address in the row? Else one may stand in it, and nobody could read it. */
bool bulk_fault_is_no_address(struct slice why);
/* Why what stands in an address's cell can't be told to be one person's (static), or NULL. */
const char *bulk_fault_of_address(struct slice address);

/*
 * What is to be said of a row that an earlier version kept: why it can't be read, as it was said
 * then ("": it can), and its bytes. Other words, where an address may stand in a row that was held
 * to have none; static then.
 */
struct slice bulk_fault_by_row(struct slice why, struct slice raw);

struct bulk_reader;

/*
 * Open one or several inputs ("-": stdin) of the same format. `wanted` as far as it is known.
 * ERROR_IO, ERROR_FORMAT (no column looks like addresses: the message lists the columns; named
 * column absent; files that differ), ERROR_NOMEM.
 */
int bulk_reader_open(const char *const *files, size_t file_count, const struct bulk_format *wanted,
                     struct bulk_reader **ret_reader, struct error *error);
/* The same from memory, which must live as long; read in pieces of `piece` bytes (0: whole). */
int bulk_reader_open_bytes(const char *name, struct slice bytes, size_t piece,
                           const struct bulk_format *wanted, struct bulk_reader **ret_reader,
                           struct error *error);
void bulk_reader_close(struct bulk_reader *reader); /* NULL accepted */

/* What was found, and the header row's own bytes ("" when there is none). */
const struct bulk_format *bulk_reader_format(const struct bulk_reader *reader);
struct slice bulk_reader_header(const struct bulk_reader *reader);
/* The rows above it, likewise, each with a line end; "": there are none. */
struct slice bulk_reader_lead(const struct bulk_reader *reader);

/*
 * The next row: 1; the end: 0; ERROR_IO (reading failed), ERROR_FORMAT (gzip damaged or cut off:
 * says where), ERROR_NOMEM. Slices are valid until the next call. Blank rows at the end of a file
 * (nothing, or nothing but delimiters and blanks, of BULK_BLANKS_RUNS kinds in turn at most) are
 * none; elsewhere they are rows, as others are told from them by their place.
 */
int bulk_reader_next(struct bulk_reader *reader, struct bulk_row *ret_row, struct error *error);

/* The first rows with a fault of those that were read so far, and how many are kept. */
size_t bulk_reader_faults(const struct bulk_reader *reader, const struct bulk_fault **ret_faults);

/*
 * The same of rows that were read although their quotes leave a doubt: one is never closed, or
 * lines that look like rows were taken for the text of one cell. ret_all: how many there were in
 * all.
 */
size_t bulk_reader_doubts(const struct bulk_reader *reader, const struct bulk_fault **ret_doubts,
                          uint64_t *ret_all);

/* Bytes read of the input, and all of it (0: not known): for progress while loading. */
uint64_t bulk_reader_offset(const struct bulk_reader *reader);
uint64_t bulk_reader_size(const struct bulk_reader *reader);

#endif
