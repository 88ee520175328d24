/*
 * The bytes of one input, in order, through a window: from a file, from standard input or from
 * memory, inflated where they are gzipped, made UTF-8 where they are UTF-16.
 *
 * The window grows only as far as its user leaves bytes in it. A truncated or damaged gzip stream,
 * and one that swells without measure, is an error that says where. Knows nothing of rows.
 */
#ifndef MK_BULK_SOURCE_H
#define MK_BULK_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "bulk/reader.h"

#define BULK_SOURCE_SAMPLE ((size_t)128 << 10) /* bytes looked at to find the format */

/* What the first bytes say that it is, before any text is read. */
enum bulk_container {
    BULK_CONTAINER_NONE,
    BULK_CONTAINER_GZIP,
    BULK_CONTAINER_ZIP, /* XLSX, perhaps: the window holds the bytes of the archive */
};

struct bulk_source;

/* Can this be read only once: standard input ("-"), a pipe, a terminal? */
bool bulk_source_is_once(const char *path);

/*
 * Open `path` ("-": standard input) and fill the window with a sample, at the end of which the
 * encoding is known. A file must outlive nothing: it is the source's. ERROR_IO, ERROR_NOMEM.
 */
int bulk_source_open(const char *path, struct bulk_source **ret_source, struct error *error);
/* The same from memory, which must live as long; handed on in pieces of `piece` bytes (0: whole).
 */
int bulk_source_open_bytes(const char *name, struct slice bytes, size_t piece,
                           struct bulk_source **ret_source, struct error *error);
void bulk_source_close(struct bulk_source *source); /* NULL accepted */

enum bulk_container bulk_source_container(const struct bulk_source *source);
enum bulk_encoding bulk_source_encoding(const struct bulk_source *source);
bool bulk_source_has_bom(const struct bulk_source *source); /* it is not in the window */
/* Make UTF-8 of Latin-1 from here on: for a list whose other files are UTF-8. ERROR_NOMEM. */
int bulk_source_recode(struct bulk_source *source, struct error *error);

/* The bytes that were read and not yet used; valid until the next call. */
struct slice bulk_source_window(const struct bulk_source *source);
bool bulk_source_at_end(const struct bulk_source *source); /* nothing comes after the window */
/* The first len bytes of the window were used. */
void bulk_source_use(struct bulk_source *source, size_t len);
/* More bytes into the window, or at_end. 0, ERROR_IO, ERROR_STOPPED (a signal ended the wait),
 * ERROR_FORMAT (gzip damaged or cut off), ERROR_LIMIT, ERROR_NOMEM. */
int bulk_source_more(struct bulk_source *source, struct error *error);

/* Bytes taken from the file, and its size (0: not known). */
uint64_t bulk_source_offset(const struct bulk_source *source);
uint64_t bulk_source_size(const struct bulk_source *source);

#endif
