/*
 * A cleaned list: the rows as they came, and what was found out about them behind each.
 *
 * CSV keeps the original bytes of a row and appends columns in the list's own delimiter and
 * quoting, defused against formula injection; cells for which the list has no column stand behind
 * them, so that those are found under their names; NDJSON keeps the object and adds the result
 * under "mailknock"; XLSX is written anew, on several sheets where one can't hold all rows. Files
 * appear under their names only when they are complete (temporary file, fsync, rename).
 */
#ifndef MK_BULK_WRITER_H
#define MK_BULK_WRITER_H

#include "bulk/appended.h"
#include "bulk/outcome.h"
#include "bulk/reader.h"
#include "verdict/dialect.h"

struct bulk_writer;

enum bulk_duplicates {
    BULK_DUPLICATES_ANSWER, /* the verdict of the first on every row, marked */
    BULK_DUPLICATES_SKIP,   /* skipped/duplicate */
    BULK_DUPLICATES_DROP,   /* left out */
};

struct bulk_writer_options {
    enum bulk_kind kind;                    /* UNKNOWN: by the name's ending, else as the input */
    const struct bulk_format *input;        /* the reader's */
    struct slice header, lead;              /* the reader's */
    const char *prefix;                     /* of the appended columns; NULL: "mk_" */
    enum verdict_dialect dialect;           /* whose words; DIALECT_MAILKNOCK: ours */
    bool only[VERDICT_STATUS_COUNT];        /* statuses wanted; all false: all */
    bool want_reason[VERDICT_REASON_COUNT]; /* all false: all */
    enum bulk_duplicates duplicates;
    unsigned columns;      /* appended ones wanted: 1 << enum appended_column; 0: APPENDED_USUAL */
    bool split;            /* one file a status beside `path`: NAME.valid.csv, ... */
    bool with_all;         /* with split: beside these NAME.all.csv, with every row */
    uint32_t sheet_rows;   /* of XLSX, the header among them; 0: as many as the format allows */
    uint64_t sheet_octets; /* of a sheet's XML, before its last row; 0: likewise */
    bool is_passing;       /* read back at once and removed: nothing waits for the disk */
    unsigned (*stops)(void); /* signals that told us to stop (bulk/output.h); NULL: none */
};

/* With split: "list.csv.gz" and "valid" are "list.valid.csv.gz". NULL: no memory. */
const char *bulk_writer_split_path(const char *path, const char *word, struct arena *arena);

/* Can such a file be at all? Asked before there is anything to write. ERROR_USAGE. */
int bulk_writer_check(const char *path, const struct bulk_writer_options *options,
                      struct error *error);
/* path "-": standard output, flushed row by row unless bulk_writer_gather was called. ERROR_IO,
 * ERROR_USAGE, ERROR_NOMEM, ERROR_STOPPED. */
int bulk_writer_open(const char *path, const struct bulk_writer_options *options,
                     struct bulk_writer **ret_writer, struct error *error);
/* outcome NULL: not determined yet (partial exports): empty cells, JSON null. */
int bulk_writer_put(struct bulk_writer *writer, const struct bulk_row *row,
                    const struct bulk_outcome *outcome, struct error *error);
/* Likewise not determined; but its mailbox stands in row `first` already (0: in none), and what
   options.duplicates says of such a row needs no verdict, unless it is to have the first one's. */
int bulk_writer_put_pending(struct bulk_writer *writer, const struct bulk_row *row, uint64_t first,
                            struct error *error);
/* Somebody reads along, row by row: none should wait for others. */
bool bulk_writer_is_stream(const struct bulk_writer *writer);
/* Does it want whole results (bulk_outcome.json)? Tables do without. */
bool bulk_writer_wants_json(const struct bulk_writer *writer);
/* Rows put into the output so far: those that are wanted. */
uint64_t bulk_writer_rows(const struct bulk_writer *writer);
/* The first of our columns, where the list has one of the name wished for, and they all have others
   ("mk2_status"); else NULL. */
const char *bulk_writer_renamed(const struct bulk_writer *writer);
/* Of all rows, wanted or not, those that are unknown as they can't be read. */
uint64_t bulk_writer_unreadable(const struct bulk_writer *writer);
/* Sheets of the longest workbook so far; 0: it is none. */
unsigned bulk_writer_sheets(const struct bulk_writer *writer);
/* Cells of workbooks that are not whole: longer, or further to the right, than those hold. */
uint64_t bulk_writer_cut(const struct bulk_writer *writer);
/*
 * To standard output, from now on: rows are gathered until they are flushed or many, for whoever
 * has several at once.
 */
void bulk_writer_gather(struct bulk_writer *writer);
int bulk_writer_flush(struct bulk_writer *writer, struct error *error);
/* Complete: fsync and rename. The writer is freed whatever happens. */
int bulk_writer_finish(struct bulk_writer *writer, struct error *error);
/* Give up: temporary files are removed. NULL accepted. */
void bulk_writer_abandon(struct bulk_writer *writer);

#endif
