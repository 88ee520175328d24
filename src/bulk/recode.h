/*
 * Other encodings made UTF-8: UTF-16 in either order, and Latin-1 as it is met in the wild, which
 * is Windows-1252. Pure.
 */
#ifndef MK_BULK_RECODE_H
#define MK_BULK_RECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum recode_from {
    RECODE_NONE,
    RECODE_LATIN1,
    RECODE_UTF16LE,
    RECODE_UTF16BE,
};

/*
 * Append what the bytes mean and return how many were used: all but the beginning of a character
 * that is not complete, unless at_end. What is no character becomes U+FFFD. A failure shows in
 * `out`.
 */
size_t recode_append(enum recode_from from, struct slice bytes, bool at_end, struct buffer *out);

/* Append UTF-8 as Windows-1252; characters that it lacks become '?'. */
void recode_append_latin1(struct slice utf8, struct buffer *out);

/* A code point as UTF-8, 1 to 4 bytes; what is none (a surrogate) becomes U+FFFD. Returns the
 * length. */
size_t recode_utf8(uint32_t code_point, char out[4]);

/* By byte order mark, or by where the zero bytes are; NONE for anything else. */
enum recode_from recode_find_utf16(struct slice sample, size_t *ret_bom_len);

/*
 * Do bytes above 127 look like Latin-1 rather than UTF-8? An incomplete character at the end of a
 * sample is no sign.
 */
bool recode_looks_latin1(struct slice sample);

#endif
