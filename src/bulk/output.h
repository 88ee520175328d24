/*
 * A file that appears under its name only when it is complete.
 *
 * Bytes go to a temporary file in the same folder; finishing flushes it to the disk and renames it
 * over the old one, so that whoever reads the name sees the old list or the new, never half of one.
 * Standard output, pipes and devices are written directly. A name that ends in ".gz" is compressed.
 */
#ifndef MK_BULK_OUTPUT_H
#define MK_BULK_OUTPUT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

struct bulk_output;

#define BULK_OUTPUT_PLACE_SIZE 4096 /* PATH_MAX */

/* Where the file itself will lie: path, or where it leads to as a link, in `room`. NULL: nowhere,
   the links go round. */
const char *bulk_output_place(const char *path, char room[BULK_OUTPUT_PLACE_SIZE]);

/*
 * path "-": standard output. A link is followed: what it points to is replaced. ERROR_IO,
 * ERROR_NOMEM; ERROR_STOPPED: a signal ended the wait for somebody to open a named pipe.
 */
int bulk_output_open(const char *path, struct bulk_output **ret_output, struct error *error);

/*
 * Whoever reads a pipe or terminal may leave it full without going away, and a write waits for
 * ever. A signal (its handler set without SA_RESTART) ends that wait when `stops`, which counts how
 * often we were told to stop, is not 0: what is left may take some seconds more the first time, and
 * none the second. Then, and where the reader goes away after it, ERROR_STOPPED.
 */
void bulk_output_heed(struct bulk_output *output, unsigned (*stops)(void));
/* It is read back at once and removed: no power failure needs to be survived. */
void bulk_output_skip_sync(struct bulk_output *output);
/* Append. After an error all that follows fails with the same. */
int bulk_output_write(struct bulk_output *output, struct slice bytes, struct error *error);
/*
 * The same without a copy: append to what waits to be written, then push. Valid as long as the
 * output is.
 */
struct buffer *bulk_output_buffer(struct bulk_output *output);
int bulk_output_push(struct bulk_output *output, struct error *error);
/* Let readers of a pipe see what was written so far. Nothing for files. */
int bulk_output_flush(struct bulk_output *output, struct error *error);

/*
 * For formats that are written at any place of their file (bulk/zip.h): an empty one, open for
 * writing and ours to close, whose bytes the output has when it is finished. For a pipe it is a
 * temporary file. Not together with bulk_output_write, nor for a name that ends in ".gz". ERROR_IO.
 */
int bulk_output_file(struct bulk_output *output, int *ret_fd, struct error *error);

/* Flush to the disk and rename. Frees the output whatever happens; after an error nothing is left.
 */
int bulk_output_finish(struct bulk_output *output, struct error *error);
void bulk_output_abandon(struct bulk_output *output); /* NULL accepted */

#endif
