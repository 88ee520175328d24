/*
 * UTF-8 as RFC 3629 section 4 defines it: no overlong form, no surrogate, nothing above U+10FFFF.
 */
#ifndef MK_BASE_UTF8_H
#define MK_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * Decode the character at bytes (len > 0 bytes available). Returns its length, 1 to 4, or 0 when
 * the bytes are not well formed.
 */
size_t utf8_decode(const char *bytes, size_t len, uint32_t *ret_code_point);
/* Offset of the first byte that is not well formed, or -1. */
ptrdiff_t utf8_find_invalid(struct slice s);
bool utf8_is_ascii(struct slice s);
/* How many bytes from the start are visible ASCII or SP. */
size_t utf8_visible_len(struct slice s);
/* Columns of a terminal, approximately: one a character, two for East Asian wide ones. */
size_t utf8_columns(struct slice s);

#endif
