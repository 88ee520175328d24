/*
 * Address literals, RFC 5321 4.1.3: "[192.0.2.1]", "[IPv6:2001:db8::1]", "[tag:anything]".
 *
 * SMTP's grammars are not quite those of other text forms: octets may have leading zeros, and "::"
 * stands for at least two groups (RFC 4291 2.2 allows one). Both are taken and flagged.
 */
#include <string.h>

#include "address/char_class.h"
#include "address/parse.h"

enum {
    GROUPS = 8, /* of an IPv6 address, 16 bits each */
};

/* Snum of RFC 5321 4.1.3: one to three digits up to 255, taken off *text. */
static bool take_octet(struct slice *text, uint8_t *ret_octet, uint32_t *flags)
{
    unsigned value = 0;
    size_t i = 0;

    while (i < text->len && i < 3 && ascii_is_digit(text->ptr[i]))
        value = value * 10 + (unsigned)(text->ptr[i++] - '0');
    if (i == 0 || value > 255)
        return false;
    if (i > 1 && text->ptr[0] == '0')
        *flags |= ADDRESS_FLAG_LEADING_ZERO;
    *ret_octet = (uint8_t)value;
    *text = slice_from_offset(*text, i);
    return true;
}

static bool parse_ipv4(struct slice text, uint8_t octets[4], uint32_t *flags)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0) {
            if (text.len == 0 || text.ptr[0] != '.')
                return false;
            text = slice_from_offset(text, 1);
        }
        if (!take_octet(&text, &octets[i], flags))
            return false;
    }
    return text.len == 0;
}

/* IPv6-hex: one to four digits, taken off *text. */
static bool take_group(struct slice *text, uint16_t *ret_group)
{
    unsigned value = 0;
    size_t i = 0;

    while (i < text->len && i < 4 && ascii_hex_value(text->ptr[i]) >= 0)
        value = value << 4 | (unsigned)ascii_hex_value(text->ptr[i++]);
    if (i == 0)
        return false;
    *ret_group = (uint16_t)value;
    *text = slice_from_offset(*text, i);
    return true;
}

/* The groups as they are read: `gap` is how many stood before "::", or -1. */
struct groups {
    uint16_t values[GROUPS];
    int count;
    int gap;
};

static bool read_groups(struct slice text, struct groups *groups, uint32_t *flags)
{
    if (slice_starts_with(text, SLICE("::"))) {
        groups->gap = 0;
        text = slice_from_offset(text, 2);
        if (text.len == 0)
            return true;
    }
    for (;;) {
        uint8_t octets[4];

        if (groups->count <= GROUPS - 2 && parse_ipv4(text, octets, flags)) {
            groups->values[groups->count++] = (uint16_t)(octets[0] << 8 | octets[1]);
            groups->values[groups->count++] = (uint16_t)(octets[2] << 8 | octets[3]);
            return true;
        }
        if (groups->count == GROUPS || !take_group(&text, &groups->values[groups->count]))
            return false;
        groups->count++;
        if (text.len == 0)
            return true;
        if (slice_starts_with(text, SLICE("::")) && groups->gap < 0) {
            groups->gap = groups->count;
            text = slice_from_offset(text, 2);
            if (text.len == 0)
                return true;
        } else if (text.ptr[0] == ':') {
            text = slice_from_offset(text, 1);
        } else {
            return false;
        }
    }
}

static bool parse_ipv6(struct slice text, struct ip *ip, uint32_t *flags)
{
    struct groups groups = {.gap = -1};
    int missing;
    int at = 0;

    if (!read_groups(text, &groups, flags))
        return false;
    missing = GROUPS - groups.count;
    if (groups.gap < 0 ? missing != 0 : missing < 1)
        return false;
    if (missing == 1)
        *flags |= ADDRESS_FLAG_IPV6_ONE_GROUP;
    ip->family = 6;
    for (int i = 0; i < groups.count; i++) {
        if (i == groups.gap)
            at += missing;
        ip->bytes[at * 2] = (uint8_t)(groups.values[i] >> 8);
        ip->bytes[at * 2 + 1] = (uint8_t)groups.values[i];
        at++;
    }
    return true;
}

/* Standardized-tag ":" 1*dcontent; the tag is an Ldh-str. Returns the offset of a fault, or -1. */
static ptrdiff_t find_tagged_fault(struct slice text)
{
    ptrdiff_t colon = slice_find_byte(text, ':');
    size_t tag_len = colon < 0 ? text.len : (size_t)colon;

    for (size_t i = 0; i < tag_len; i++) {
        if (!char_is(text.ptr[i], CHAR_LET_DIG) && text.ptr[i] != '-')
            return (ptrdiff_t)i;
    }
    if (colon <= 0 || text.ptr[colon - 1] == '-' || tag_len + 1 == text.len)
        return (ptrdiff_t)tag_len;
    for (size_t i = tag_len + 1; i < text.len; i++) {
        if (!char_is(text.ptr[i], CHAR_DCONTENT))
            return (ptrdiff_t)i;
    }
    return -1;
}

/*
 * "[2001:db8::1]" is an IPv6 address without its tag, a common mistake, though "2001" has the form
 * of a tag. Registered tags are names, so one without a letter is none either.
 */
static bool lacks_tag(struct slice text)
{
    struct ip ip = {0};
    uint32_t flags = 0;

    if (slice_find(text, SLICE("::")) >= 0 || parse_ipv6(text, &ip, &flags))
        return true;
    for (size_t i = 0; i < text.len && text.ptr[i] != ':'; i++) {
        if (ascii_is_alpha(text.ptr[i]))
            return false;
    }
    return true;
}

static bool parse_content(struct address *address, struct slice text, size_t offset)
{
    uint32_t flags = 0;
    ptrdiff_t fault;

    if (slice_starts_with_nocase(text, SLICE("IPv6:"))) {
        if (!parse_ipv6(slice_from_offset(text, 5), &address->literal, &flags))
            return address_fail(address, ADDRESS_LITERAL_IPV6, offset + 5);
    } else if (parse_ipv4(text, address->literal.bytes, &flags)) {
        address->literal.family = 4;
    } else {
        address->literal = (struct ip){0};
        flags = ADDRESS_FLAG_UNKNOWN_TAG;
        fault = find_tagged_fault(text);
        if (fault < 0 && lacks_tag(text))
            fault = 0;
        if (fault >= 0)
            return address_fail(address, ADDRESS_LITERAL_BAD, offset + (size_t)fault);
    }
    address->flags |= flags;
    return true;
}

bool address_parse_literal(struct address *address, size_t start)
{
    struct slice text = slice_from_offset(address->input, start + 1);
    const char *close = memchr(text.ptr, ']', slice_prefix(text, ADDRESS_DOMAIN_MAX).len);
    size_t len;

    if (close == NULL)
        return text.len > ADDRESS_DOMAIN_MAX
                   ? address_fail(address, ADDRESS_DOMAIN_TOO_LONG, start + ADDRESS_DOMAIN_MAX)
                   : address_fail(address, ADDRESS_LITERAL_UNCLOSED, start);
    len = (size_t)(close - text.ptr);
    if (len == 0)
        return address_fail(address, ADDRESS_LITERAL_EMPTY, start + 1);
    if (!parse_content(address, slice_prefix(text, len), start + 1))
        return false;
    if (len + 1 < text.len)
        return address_fail(address, ADDRESS_LITERAL_TRAILING, start + len + 2);
    if (len + 2 > ADDRESS_DOMAIN_MAX)
        return address_fail(address, ADDRESS_DOMAIN_TOO_LONG, start + ADDRESS_DOMAIN_MAX);
    address->domain = slice_from_offset(address->input, start);
    address->is_literal = true;
    address->flags |= ADDRESS_FLAG_ADDRESS_LITERAL;
    return true;
}
