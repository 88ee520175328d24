#include "base/utf8.h"

#include <string.h>

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t utf8_decode(const char *bytes, size_t len, uint32_t *ret_code_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)bytes[0];
    uint32_t code;
    size_t size;

    if (lead < 0x80) {
        *ret_code_point = lead;
        return 1;
    }
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (len < size)
        return 0;
    code = lead & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if (!is_tail(bytes[i]))
            return 0;
        code = code << 6 | ((unsigned char)bytes[i] & 0x3f);
    }
    if (code < smallest[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code_point = code;
    return size;
}

size_t utf8_visible_len(struct slice s)
{
    const uint64_t each = UINT64_C(0x0101010101010101), high = each << 7;
    size_t at = 0;

    for (; at + 8 <= s.len; at += 8) {
        uint64_t word;

        /* A high bit where a byte has one, or would when 0x20 is taken or one is added. */
        memcpy(&word, s.ptr + at, 8);
        if (((word | (word - each * 0x20) | (word + each)) & high) != 0)
            break;
    }
    while (at < s.len && s.ptr[at] >= 0x20 && s.ptr[at] < 0x7f)
        at++;
    return at;
}

/* How many bytes from the start are ASCII: eight at a time, then one by one. */
static size_t ascii_len(struct slice s)
{
    size_t at = 0;

    for (; at + 8 <= s.len; at += 8) {
        uint64_t word;

        memcpy(&word, s.ptr + at, 8);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (at < s.len && (unsigned char)s.ptr[at] < 0x80)
        at++;
    return at;
}

ptrdiff_t utf8_find_invalid(struct slice s)
{
    size_t at = ascii_len(s);

    while (at < s.len) {
        uint32_t code;
        size_t size = utf8_decode(s.ptr + at, s.len - at, &code);

        if (size == 0)
            return (ptrdiff_t)at;
        at += size;
    }
    return -1;
}

bool utf8_is_ascii(struct slice s)
{
    return ascii_len(s) == s.len;
}

static bool is_wide(uint32_t code)
{
    return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
           (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
           (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
           (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1faff) ||
           (code >= 0x20000 && code <= 0x3fffd);
}

static bool is_combining(uint32_t code)
{
    return (code >= 0x300 && code <= 0x36f) || (code >= 0x200b && code <= 0x200f);
}

size_t utf8_columns(struct slice s)
{
    size_t at = 0, columns = 0;

    while (at < s.len) {
        uint32_t code = 0xfffd;
        size_t size = utf8_decode(s.ptr + at, s.len - at, &code);

        at += size > 0 ? size : 1;
        columns += is_combining(code) ? 0 : is_wide(code) ? 2 : 1;
    }
    return columns;
}
