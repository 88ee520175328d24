#include "bulk/xstring.h"

#include <string.h>
#include <unistr.h>

bool bulk_xstring_escape(struct slice text, uint16_t *ret_unit)
{
    unsigned unit = 0;

    if (text.len < XSTRING_ESCAPE_LEN || text.ptr[0] != '_' || text.ptr[1] != 'x' ||
        text.ptr[XSTRING_ESCAPE_LEN - 1] != '_')
        return false;
    for (size_t i = 2; i < XSTRING_ESCAPE_LEN - 1; i++) {
        int digit = ascii_hex_value(text.ptr[i]);

        if (digit < 0)
            return false;
        unit = unit << 4 | (unsigned)digit;
    }
    *ret_unit = (uint16_t)unit;
    return true;
}

static size_t find_underscore(struct slice raw, size_t from)
{
    const char *found = memchr(raw.ptr + from, '_', raw.len - from);

    return found != NULL ? (size_t)(found - raw.ptr) : raw.len;
}

struct slice bulk_xstring_text(struct slice raw, struct buffer *room)
{
    size_t kept = 0;
    uint16_t unit;

    buffer_clear(room);
    for (size_t at = find_underscore(raw, 0); at < raw.len; at = find_underscore(raw, at)) {
        uint8_t letter[4];
        int len = bulk_xstring_escape(slice_from_offset(raw, at), &unit) && unit != 0
                      ? u8_uctomb(letter, unit, sizeof(letter))
                      : -1;

        if (len < 0) {
            at++;
            continue;
        }
        buffer_append(room, raw.ptr + kept, at - kept);
        buffer_append(room, (const char *)letter, (size_t)len);
        kept = at += XSTRING_ESCAPE_LEN;
    }
    if (kept == 0)
        return raw;
    buffer_append(room, raw.ptr + kept, raw.len - kept);
    return buffer_slice(room);
}
