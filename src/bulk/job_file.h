/*
 * A job's file beside the list that it cleans: one owner at a time, and whether the list is still
 * the same.
 */
#ifndef MK_BULK_JOB_FILE_H
#define MK_BULK_JOB_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/*
 * Make the file if it is not there (*ret_is_new: it is empty) and lock it (flock(2)) until the lock
 * is let go or the process ends, however it ends. ret_is_new NULL: it must be there, and is not
 * made where somebody has just taken it away. ERROR_BUSY: another process works on it; ERROR_IO.
 * The lock must be let go only after the store on the file is closed: SQLite's own locks would be
 * lost with it.
 */
int bulk_job_lock(const char *path, int *ret_lock, bool *ret_is_new, struct error *error);
void bulk_job_unlock(int lock); /* -1: no-op */
/* Does somebody work on it? For people only: a moment later it may be otherwise. */
bool bulk_job_is_locked(const char *path);

/* Where the job keeps the index-th list that can be read only once; a part until it is known to be
   the job's. */
void bulk_job_spool_name(struct buffer *out, const char *path, size_t index, bool is_part);
/* Take those away from the index-th on. */
void bulk_job_spools_remove(const char *path, size_t index);

/* Take the file, its logs, its ledger (probe/ledger.h) and such lists away; the lock is still
   held. */
void bulk_job_file_remove(const char *path);

#define BULK_FINGERPRINT_SIZE 64

/* Sizes and contents of files in one short text. Reads them whole. ERROR_IO, ERROR_NOMEM. */
int bulk_job_fingerprint(const char *const *files, size_t count, char out[BULK_FINGERPRINT_SIZE],
                         struct error *error);

#endif
