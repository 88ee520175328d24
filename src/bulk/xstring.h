/*
 * Text of a workbook's cell (ST_Xstring, ECMA-376 part 1, 22.9.2.19): what XML cannot hold stands
 * there as "_xHHHH_", a unit of UTF-16 in hexadecimal digits, and an underscore that would be taken
 * for the beginning of that as "_x005F_".
 */
#ifndef MK_BULK_XSTRING_H
#define MK_BULK_XSTRING_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

#define XSTRING_ESCAPE_LEN 7

/* Whether such an escape begins the text; its unit. */
bool bulk_xstring_escape(struct slice text, uint16_t *ret_unit);

/*
 * What the cell says: `raw` itself where nothing is escaped, else in `room`, which is emptied. NUL
 * and halves of pairs, which are no letters, stay as they are. Out of memory: room->failed.
 */
struct slice bulk_xstring_text(struct slice raw, struct buffer *room);

#endif
