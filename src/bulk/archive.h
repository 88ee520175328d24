/*
 * XML parts of a zip archive (libzip, expat), read as streams within bounds.
 *
 * An archive may be hostile: a part that swells without measure, a document type, elements nested
 * without end and tokens without end are refused, so memory stays bounded whatever is in it.
 */
#ifndef MK_BULK_ARCHIVE_H
#define MK_BULK_ARCHIVE_H

#include <expat.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

#define ARCHIVE_PART_MAX    (UINT64_C(64) << 20) /* bytes of a part that describes others */
#define ARCHIVE_STRINGS_MAX (UINT64_C(4) << 30)
#define ARCHIVE_SHEET_MAX   (UINT64_C(32) << 30)

struct bulk_archive;

/* Open by descriptor, which is the archive's from here on, also after an error. `name`: for
 * messages. */
int bulk_archive_open(int fd, const char *name, struct bulk_archive **ret_archive,
                      struct error *error);
void bulk_archive_close(struct bulk_archive *archive); /* NULL accepted */
const char *bulk_archive_name(const struct bulk_archive *archive);
bool bulk_archive_has(const struct bulk_archive *archive, const char *part);

/* What happens in a part. Names come without their prefix. All may be NULL. */
struct bulk_part_events {
    void (*begin)(void *user, const char *name, const char *const *attributes);
    void (*end)(void *user, const char *name);
    void (*text)(void *user, struct slice text);
};

struct bulk_part;

/* Open a part of at most `most` bytes. ERROR_NOT_FOUND, ERROR_FORMAT, ERROR_LIMIT, ERROR_NOMEM. */
int bulk_part_open(struct bulk_archive *archive, const char *part, uint64_t most,
                   const struct bulk_part_events *events, void *user, struct bulk_part **ret_part,
                   struct error *error);
void bulk_part_close(struct bulk_part *part); /* NULL accepted */

/* Read on until an event called bulk_part_pause (1) or the end (0); or an error. */
int bulk_part_run(struct bulk_part *part, struct error *error);
/* From within an event. */
void bulk_part_pause(struct bulk_part *part);
/* From within an event: give up; bulk_part_run returns `code` (negative) and says `why`. */
void bulk_part_fail(struct bulk_part *part, int code, const char *why);

uint64_t bulk_part_packed_size(const struct bulk_part *part);
uint64_t bulk_part_packed_offset(const struct bulk_part *part); /* estimated from what came out */

/* The value of an attribute by its name without prefix, or NULL. */
const char *bulk_part_attribute(const char *const *attributes, const char *name);

#endif
