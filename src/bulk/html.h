/*
 * Pieces of HTML for the report: text made safe, numbers as people read them. Failures show in
 * `out`.
 */
#ifndef MK_BULK_HTML_H
#define MK_BULK_HTML_H

#include <stdint.h>

#include "base/buffer.h"

/*
 * Text from anybody, fit for an element or a quoted attribute: markup escaped, control characters
 * and those that turn the direction of writing taken out, bytes that are no UTF-8 replaced.
 */
void html_text(struct buffer *out, struct slice text);
void html_string(struct buffer *out, const char *text);
/* 1234567 as "1,234,567". */
void html_count(struct buffer *out, uint64_t count);
/* part of whole as "12.3 %"; "0 %" of nothing, "<0.1 %" of little. */
void html_share(struct buffer *out, uint64_t part, uint64_t whole);
/* "24 Nov 2026, 03:04 UTC". */
void html_moment(struct buffer *out, int64_t unix_ms);

#endif
