/*
 * Input that can be read only once, put where it can be read again.
 *
 * Whoever needs standard input or a pipe twice (resuming, exporting in another format) copies it to
 * a file first and reads that. What is needed only while the process lives lies in a file without a
 * name.
 */
#ifndef MK_BULK_SPOOL_H
#define MK_BULK_SPOOL_H

#include <stdbool.h>

#include "base/error.h"
#include "bulk/source.h"

/*
 * Copy `from` ("-": standard input) to a new file at `path` (only its owner may read it), flushed
 * to the disk. What stood there is lost, and nothing is left there after an error. ERROR_IO;
 * ERROR_STOPPED: a signal whose handler was set without SA_RESTART ended the wait for more, or
 * `is_stopped` says that one came. It may have ended whoever writes to us, too: then the end is not
 * the list's.
 */
int bulk_spool_input(const char *from, const char *path, bool (*is_stopped)(void),
                     struct error *error);

#define BULK_SPOOL_PATH_SIZE 32

/*
 * The same into a file without a name, which stays until the process ends, however it does.
 * `ret_path`: by which it is opened until then, in this process.
 */
int bulk_spool_input_unnamed(const char *from, bool (*is_stopped)(void),
                             char ret_path[BULK_SPOOL_PATH_SIZE], struct error *error);

/* Where files without a name lie: TMPDIR, else /tmp. */
const char *bulk_spool_folder(void);
/* A file without a name in there, to be closed by the caller. ERROR_IO. */
int bulk_spool_unnamed(int *ret_fd, struct error *error);

/* Write all of the bytes; `name` is for the message, NULL: it has none. ERROR_IO. */
int bulk_spool_write(int fd, const char *name, struct slice bytes, struct error *error);

/* What is left of a source, as it came (zip, or not compressed at all), into an unnamed file. */
int bulk_spool_source(struct bulk_source *source, int *ret_fd, struct error *error);

#endif
