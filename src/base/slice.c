#include "base/slice.h"

#include "base/eight.h"

/* What differs is mostly equal but for letters, if at all: names are in lower case already. */
static bool equal_nocase(const char *a, const char *b, size_t len)
{
    size_t at = 0;

    for (; at + 8 <= len; at += 8) {
        uint64_t one = eight_read(a + at), other = eight_read(b + at);

        if (one != other && eight_lower(one) != eight_lower(other))
            return false;
    }
    for (; at < len; at++)
        if (ascii_lower(a[at]) != ascii_lower(b[at]))
            return false;
    return true;
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
    return a.len == b.len && equal_nocase(a.ptr, b.ptr, a.len);
}

int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_equal(slice_prefix(s, prefix.len), prefix);
}

bool slice_ends_with(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len && slice_equal(slice_from_offset(s, s.len - suffix.len), suffix);
}

bool slice_starts_with_nocase(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_equal_nocase(slice_prefix(s, prefix.len), prefix);
}

bool slice_ends_with_nocase(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len &&
           slice_equal_nocase(slice_from_offset(s, s.len - suffix.len), suffix);
}

ptrdiff_t slice_find_byte(struct slice s, char c)
{
    const char *at = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;

    return at == NULL ? -1 : at - s.ptr;
}

ptrdiff_t slice_rfind_byte(struct slice s, char c)
{
    const char *at = s.len > 0 ? memrchr(s.ptr, c, s.len) : NULL;

    return at == NULL ? -1 : at - s.ptr;
}

ptrdiff_t slice_find(struct slice s, struct slice needle)
{
    const char *at;

    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return -1;
    at = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return at == NULL ? -1 : at - s.ptr;
}

ptrdiff_t slice_find_nocase(struct slice s, struct slice needle)
{
    if (s.len < needle.len)
        return -1;
    for (size_t at = 0; at + needle.len <= s.len; at++)
        if (equal_nocase(s.ptr + at, needle.ptr, needle.len))
            return (ptrdiff_t)at;
    return -1;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool slice_split(struct slice *rest, char separator, struct slice *ret_part)
{
    ptrdiff_t at;

    if (rest->ptr == NULL)
        return false;
    at = slice_find_byte(*rest, separator);
    if (at < 0) {
        *ret_part = *rest;
        *rest = (struct slice){NULL, 0};
    } else {
        *ret_part = slice_prefix(*rest, (size_t)at);
        rest->ptr += at + 1;
        rest->len -= (size_t)at + 1;
    }
    return true;
}

bool slice_to_u64(struct slice s, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');

        if (!ascii_is_digit(s.ptr[i]) || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *ret_value = value;
    return true;
}

bool slice_to_string(struct slice s, char *out, size_t size)
{
    if (s.len >= size) {
        if (size > 0)
            out[0] = '\0';
        return false;
    }
    if (s.len > 0)
        memcpy(out, s.ptr, s.len);
    out[s.len] = '\0';
    return true;
}

int ascii_hex_value(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void ascii_copy_lower(char *to, const char *from, size_t len)
{
    if (len < 8) {
        for (size_t i = 0; i < len; i++)
            to[i] = ascii_lower(from[i]);
        return;
    }
    /* The last eight may have been among those before: what is in lower case stays as it is. */
    for (size_t at = 0; at + 8 < len; at += 8)
        eight_write(eight_lower(eight_read(from + at)), to + at);
    eight_write(eight_lower(eight_read(from + len - 8)), to + len - 8);
}

void ascii_lower_bytes(char *bytes, size_t len)
{
    ascii_copy_lower(bytes, bytes, len);
}
