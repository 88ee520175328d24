/*
 * A whole address mended: what copying and pasting left around it, look-alike characters, spoken
 * forms ("john at example dot com"), slips in the local part, and the domain (suggest.c).
 *
 * Everything happens in one bounded copy, and nothing is offered that does not parse.
 */
#include <string.h>

#include "address/char_class.h"
#include "address/suggest.h"
#include "address/suggest_parts.h"
#include "base/utf8.h"

enum {
    TEXT_MAX = 1024, /* longer inputs are no mistyped addresses */
};

struct text {
    char bytes[TEXT_MAX];
    size_t len;
};

/* Invisible characters that copying brings along. The joiners U+200C and U+200D are not: letters.
 */
static bool is_invisible(uint32_t c)
{
    return c == 0xfeff || c == 0x00ad || c == 0x200b || c == 0x200e || c == 0x200f ||
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x2069);
}

static bool is_unicode_space(uint32_t c)
{
    return c == 0x00a0 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Copy without invisible characters; look-alikes of SP and "@" become those. */
static bool copy_visible(struct slice s, struct text *text)
{
    text->len = 0;
    for (size_t i = 0; i < s.len;) {
        uint32_t c;
        size_t len;

        if ((unsigned char)s.ptr[i] < 0x80 && text->len < TEXT_MAX) {
            text->bytes[text->len++] = s.ptr[i++];
            continue;
        }
        len = utf8_decode(s.ptr + i, s.len - i, &c);
        if (len == 0 || text->len + len > TEXT_MAX)
            return false;
        if (is_unicode_space(c)) {
            text->bytes[text->len++] = ' ';
        } else if (c == 0xff20 || c == 0xfe6b) {
            text->bytes[text->len++] = '@';
        } else if (!is_invisible(c)) {
            memcpy(text->bytes + text->len, s.ptr + i, len);
            text->len += len;
        }
        i += len;
    }
    return true;
}

/* Replace every `spoken` by `meant`, one byte. */
static void replace_spoken(struct text *text, struct slice spoken, char meant)
{
    for (;;) {
        ptrdiff_t at = slice_find_nocase(slice_from(text->bytes, text->len), spoken);
        size_t after;

        if (at < 0)
            return;
        after = (size_t)at + spoken.len;
        text->bytes[at] = meant;
        memmove(text->bytes + at + 1, text->bytes + after, text->len - after);
        text->len -= spoken.len - 1;
    }
}

/* "john (at) example (dot) com". Only where no "@" was typed. */
static void hear_spoken_form(struct text *text)
{
    static const struct slice ats[] = {{"(at)", 4}, {"[at]", 4}, {" at ", 4}};
    static const struct slice dots[] = {{"(dot)", 5}, {"[dot]", 5}, {" dot ", 5}};

    if (slice_find_byte(slice_from(text->bytes, text->len), '@') >= 0)
        return;
    for (size_t i = 0; i < 3; i++)
        replace_spoken(text, ats[i], '@');
    for (size_t i = 0; i < 3; i++)
        replace_spoken(text, dots[i], '.');
}

static struct slice strip(struct slice s, const char *leading, const char *trailing)
{
    while (s.len > 0 && s.ptr[0] != '\0' && strchr(leading, s.ptr[0]) != NULL)
        s = slice_from_offset(s, 1);
    while (s.len > 0 && s.ptr[s.len - 1] != '\0' && strchr(trailing, s.ptr[s.len - 1]) != NULL)
        s.len--;
    return s;
}

/* Quotes or brackets around the whole: "'john@example.com'". */
static struct slice unpair(struct slice s)
{
    static const char *const pairs[] = {"\"\"", "''", "``", "()", "[]", "{}", "<>"};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        if (s.len > 2 && s.ptr[0] == pairs[i][0] && s.ptr[s.len - 1] == pairs[i][1])
            return slice_trim(slice_from(s.ptr + 1, s.len - 2));
    }
    return s;
}

/* What stands between the brackets of "John <john@example.com>", behind "mailto:", within quotes.
 */
static struct slice unwrap(struct slice s)
{
    ptrdiff_t open;

    s = slice_trim(s);
    open = slice_rfind_byte(s, '<');
    if (open >= 0 && slice_ends_with(s, SLICE(">")))
        s = slice_from(s.ptr + open + 1, s.len - (size_t)open - 2);
    s = unpair(slice_trim(s));
    if (slice_starts_with_nocase(s, SLICE("mailto:"))) {
        ptrdiff_t query = slice_find_byte(s, '?');

        s = slice_from_offset(slice_prefix(s, query < 0 ? s.len : (size_t)query), 7);
    }
    return s;
}

/* "a@b.example; A@b.example": one address said twice is that address, in which it is cut. */
static struct slice once(struct slice s)
{
    ptrdiff_t at = slice_find_byte(s, '@'), again;
    struct slice local = slice_prefix(s, at < 0 ? 0 : (size_t)at + 1);
    struct slice domain = slice_from_offset(s, local.len), rest, second;

    again = local.len > 1 ? slice_find_nocase(domain, local) : -1;
    if (again <= 0)
        return s;
    rest = slice_from_offset(domain, (size_t)again + local.len);
    second = strip(rest, "", " \t\"'`>)]},;:.");
    if (second.len == 0 || second.len >= (size_t)again ||
        !slice_starts_with_nocase(domain, second) ||
        char_is(domain.ptr[second.len], CHAR_LET_DIG) || domain.ptr[again - 1] == '\0' ||
        strchr(" \t\r\n,;:/|&(<[\"'`", domain.ptr[again - 1]) == NULL)
        return s;
    return slice_prefix(s, local.len + second.len);
}

/* Offset of the only "@" outside quotes ("@@" is taken for one: its last), or -1. */
static ptrdiff_t find_at(struct slice s)
{
    ptrdiff_t at = -1;
    bool is_quoted = false;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' && (i == 0 || is_quoted))
            is_quoted = !is_quoted;
        else if (is_quoted && s.ptr[i] == '\\')
            i++;
        else if (!is_quoted && s.ptr[i] == '@') {
            if (at >= 0 && (size_t)at + 1 != i)
                return -1;
            at = (ptrdiff_t)i;
        }
    }
    return is_quoted ? -1 : at;
}

/* Append the local part: without blanks and dots at its ends, and with single dots. */
static size_t append_local(struct slice local, char out[ADDRESS_WIRE_SIZE])
{
    size_t len = 0;

    local = strip(local, " \t@", " \t@");
    if (!slice_starts_with(local, SLICE("\"")))
        local = strip(local, ".", ".");
    if (local.len > ADDRESS_LOCAL_MAX * 2)
        return 0;
    for (size_t i = 0; i < local.len; i++) {
        bool doubled = local.ptr[i] == '.' && len > 0 && out[len - 1] == '.';

        if (!doubled || local.ptr[0] == '"')
            out[len++] = local.ptr[i];
    }
    return len;
}

/* Append the domain, mended if need be. */
static size_t append_domain(struct slice domain, const struct suggest_world *world, char *out,
                            size_t room)
{
    char mended[ADDRESS_DOMAIN_MAX + 1];
    ptrdiff_t query = slice_find_byte(domain, '?');

    if (query >= 0)
        domain = slice_prefix(domain, (size_t)query);
    domain = slice_trim(domain);
    if (!slice_starts_with(domain, SLICE("[")) && suggest_domain(domain, world, mended))
        domain = slice_from_string(mended);
    if (domain.len > room)
        return 0;
    memcpy(out, domain.ptr, domain.len);
    return domain.len;
}

static bool has_control(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (char_is(s.ptr[i], CHAR_CONTROL))
            return true;
    }
    return false;
}

/* Write the mended form of one candidate; 0 when it does not parse or is not deliverable. */
static size_t mend_address(struct slice s, const struct suggest_world *world,
                           char out[ADDRESS_WIRE_SIZE])
{
    ptrdiff_t at = find_at(s);
    size_t len, domain_len;
    struct address address;

    if (at <= 0)
        return 0;
    len = append_local(slice_prefix(s, (size_t)at), out);
    if (len == 0)
        return 0;
    out[len++] = '@';
    domain_len = append_domain(slice_from_offset(s, (size_t)at + 1), world, out + len,
                               ADDRESS_WIRE_SIZE - 1 - len);
    len += domain_len;
    out[len] = '\0';
    if (domain_len == 0 || !address_parse(out, len, &address) ||
        address_deliverable_form(&address) == ADDRESS_FORM_REJECT)
        return 0;
    return len;
}

size_t suggest_address(struct slice address, const struct suggest_world *world,
                       char out[ADDRESS_WIRE_SIZE])
{
    char mended[ADDRESS_WIRE_SIZE];
    struct text text;
    struct slice inner, stripped;
    size_t len;

    if (address.len == 0 || address.len > TEXT_MAX || !copy_visible(address, &text))
        return 0;
    inner = once(slice_trim(slice_from(text.bytes, text.len)));
    if (has_control(inner))
        return 0;
    text.len = inner.len;
    memmove(text.bytes, inner.ptr, inner.len);
    hear_spoken_form(&text);
    inner = unwrap(slice_from(text.bytes, text.len));
    len = mend_address(inner, world, mended);
    if (len == 0) {
        stripped = strip(inner, " \t\"'`<([{,;:", " \t\"'`>)]},;:.");
        len = stripped.len < inner.len ? mend_address(stripped, world, mended) : 0;
    }
    if (len == 0 || slice_equal(slice_from(mended, len), address))
        return 0;
    memcpy(out, mended, len + 1);
    return len;
}
