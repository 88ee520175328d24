/*
 * Where a job's list came from, as the JSON text that the store keeps: files and how to read them.
 *
 * Enough to open the same list again with the same rows, from any folder, without asking or
 * guessing anew.
 */
#ifndef MK_BULK_JOB_SOURCE_H
#define MK_BULK_JOB_SOURCE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "bulk/reader.h"

struct bulk_job_source {
    const char *const *files; /* as absolute paths where that can be told */
    size_t file_count;
    struct bulk_format format; /* as found; note is left out */
};

/* An out-of-memory shows in the buffer. */
void bulk_job_source_write(struct buffer *out, const struct bulk_job_source *source);
/* Texts on the arena. ERROR_FORMAT: no such text; ERROR_NOMEM. */
int bulk_job_source_read(struct slice text, struct arena *arena, struct bulk_job_source *ret_source,
                         struct error *error);

#endif
