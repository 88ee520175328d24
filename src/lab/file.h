/*
 * Whole files, read and written.
 */
#ifndef MK_LAB_FILE_H
#define MK_LAB_FILE_H

#include "base/buffer.h"
#include "base/error.h"

/* Append the contents of `path` to out. ERROR_IO, ERROR_NOMEM. */
int lab_file_read(const char *path, struct buffer *out, struct error *error);
/* Whole or not at all, so that whoever waits for the file never sees half of it. ERROR_IO. */
int lab_file_write(const char *path, struct slice text, struct error *error);

#endif
