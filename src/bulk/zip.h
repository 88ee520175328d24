/*
 * A ZIP archive written piece by piece (APPNOTE 6.3: deflated entries, ZIP64 where it must be).
 *
 * libzip takes its sources first and packs them all in one call, which would hold up the loop for
 * as long as a list is large; here the caller says how much is packed at a time, and memory does
 * not grow with it. Names are UTF-8. Reading archives is bulk/archive.h.
 */
#ifndef MK_BULK_ZIP_H
#define MK_BULK_ZIP_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* An entry that is said to be so large has ZIP64 fields. 2^32 - 1 is what others can't hold; what
   can't be compressed grows by some octets a block. */
#define BULK_ZIP_PLAIN_MAX (UINT64_C(0xffffffff) - (UINT64_C(0xffffffff) >> 8))

struct bulk_zip;

/* fd: of an empty file, open for writing; borrowed. unix_ms: the time of all entries. ERROR_NOMEM.
 */
int bulk_zip_open(int fd, int64_t unix_ms, struct bulk_zip **ret_zip, struct error *error);
/* An entry; after the end of the one before. size: no more bytes than these come. */
int bulk_zip_begin(struct bulk_zip *zip, const char *name, uint64_t size, struct error *error);
/* Its bytes; ERROR_IO. After an error the archive can only be closed. */
int bulk_zip_write(struct bulk_zip *zip, struct slice bytes, struct error *error);
int bulk_zip_end(struct bulk_zip *zip, struct error *error);
/* All entries are there: the directory. */
int bulk_zip_finish(struct bulk_zip *zip, struct error *error);
/* Tests only: leave a hole of so many bytes before what comes next, between entries. */
void bulk_zip_skip(struct bulk_zip *zip, uint64_t bytes);
/* Free it; not its file. NULL accepted. */
void bulk_zip_close(struct bulk_zip *zip);

#endif
