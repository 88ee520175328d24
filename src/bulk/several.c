#include "bulk/several.h"

#include <string.h>

#include "address/address.h"

/* The next run of octets that are none of those that people set between addresses. */
static bool next_part(struct slice *rest, struct slice *ret_part)
{
    static const char between[] = " \t\r\n,;|/<>()[]\"'";
    size_t start = 0, end;

    while (start < rest->len && memchr(between, rest->ptr[start], sizeof(between) - 1) != NULL)
        start++;
    end = start;
    while (end < rest->len && memchr(between, rest->ptr[end], sizeof(between) - 1) == NULL)
        end++;
    *ret_part = slice_prefix(slice_from_offset(*rest, start), end - start);
    *rest = slice_from_offset(*rest, end);
    return end > start;
}

bool bulk_has_several(struct slice text)
{
    ptrdiff_t at = slice_find_byte(text, '@');
    struct slice rest = text, part, first = SLICE_EMPTY;
    struct address parsed;

    if (at < 0 || slice_find_byte(slice_from_offset(text, (size_t)at + 1), '@') < 0)
        return false;
    text = slice_trim(text);
    if (address_parse(text.ptr, text.len, &parsed)) /* with an @ in a quoted local part */
        return false;
    while (next_part(&rest, &part)) {
        if (!address_parse(part.ptr, part.len, &parsed))
            continue;
        /* "a@x.example <a@x.example>" names one. */
        if (first.len > 0 && !slice_equal_nocase(part, first))
            return true;
        first = part;
    }
    return false;
}
