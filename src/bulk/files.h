/*
 * The files of a list, as if they were one: read in turn, with one format.
 *
 * The format is found in the first that holds anything. Those behind it must be like it: the same
 * header, or none where a list was cut in pieces. A first row that is neither that header nor has
 * an address is a row where nothing speaks for another list. All are looked at before the first row
 * is given, so that a run of hours does not end on the second; pipes and standard input, which are
 * read only once, when their turn comes. Knows nothing of what rows mean.
 */
#ifndef MK_BULK_FILES_H
#define MK_BULK_FILES_H

#include "bulk/reader.h"
#include "bulk/scanner.h"

struct bulk_files {
    struct arena arena;
    const char **paths;
    size_t count, current; /* the one being read */
    size_t first;          /* that holds anything: the others are like it */
    bool is_known;         /* the format is */
    struct bulk_format wanted;
    struct bulk_format format;   /* of the list */
    struct buffer header, lead;  /* their bytes */
    struct bulk_scanner scanner; /* of the file being read */
    uint64_t before, size;       /* bytes of the files before this one; of all */
    bool is_size_known;
    uint64_t kept_line; /* of the file being read: its first row, without address, was taken for
                           a row and no header (0: it was not) */
    struct slice bytes; /* instead of a file */
    size_t piece;
    struct buffer scratch[2];
};

/*
 * Open them, up to the first row; `wanted` (may be NULL) as bulk_reader_open says, which lists the
 * errors. With `bytes` (ptr not NULL), which live as long, paths[0] is only their name. To be done
 * with also after a failure.
 */
int bulk_files_open(struct bulk_files *files, const char *const *paths, size_t count,
                    struct slice bytes, size_t piece, const struct bulk_format *wanted,
                    struct error *error);
void bulk_files_done(struct bulk_files *files);

/* This file is at its end: on to the first row of the next; 1, 0 after the last, or an error. */
int bulk_files_turn(struct bulk_files *files, struct error *error);

/* Bytes read of all files. */
uint64_t bulk_files_offset(const struct bulk_files *files);

#endif
