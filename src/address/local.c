/*
 * The local part: Dot-string or Quoted-string of RFC 5321 4.1.2, with the UTF-8 of RFC 6531 3.3.
 *
 * Obsolete mixtures ("a".b), comments and folding are RFC 5322's and not SMTP's: recognised only to
 * name them.
 */
#include "address/char_class.h"
#include "address/parse.h"
#include "base/sixteen.h"
#include "base/utf8.h"

/* What is wrong with a byte that can't stand in a Dot-string. */
static enum address_diagnosis dot_string_diagnosis(char c)
{
    if (char_is(c, CHAR_SPACE))
        return ADDRESS_LOCAL_SPACE;
    if (char_is(c, CHAR_CONTROL))
        return ADDRESS_LOCAL_CONTROL;
    if (c == '(' || c == ')')
        return ADDRESS_LOCAL_COMMENT;
    return ADDRESS_LOCAL_BAD_CHAR;
}

/* The dot at offset i does not stand between two atoms, or the "@" at i follows a dot or nothing.
 */
static bool fail_at_empty_atom(struct address *address, size_t i)
{
    const char *bytes = address->input.ptr;

    if (i == 0)
        return address_fail(address,
                            bytes[0] == '@' ? ADDRESS_LOCAL_EMPTY : ADDRESS_LOCAL_DOT_START, 0);
    if (bytes[i] == '@')
        return address_fail(address, ADDRESS_LOCAL_DOT_END, i - 1);
    return address_fail(address, ADDRESS_LOCAL_DOT_DOUBLE, i);
}

/* Step over one character above U+007F at *i. */
static bool skip_utf8(struct address *address, size_t *i)
{
    uint32_t code_point;
    size_t len = utf8_decode(address->input.ptr + *i, address->input.len - *i, &code_point);

    if (len == 0)
        return address_fail(address, ADDRESS_BAD_UTF8, *i);
    address->flags |= ADDRESS_FLAG_SMTPUTF8;
    *i += len;
    return true;
}

static bool finish_local(struct address *address, size_t len)
{
    if (len > ADDRESS_LOCAL_MAX)
        return address_fail(address, ADDRESS_LOCAL_TOO_LONG, ADDRESS_LOCAL_MAX);
    address->local = slice_prefix(address->input, len);
    if (address->flags & ADDRESS_FLAG_SMTPUTF8)
        address->flags |= address_local_unicode_flags(address->local);
    return true;
}

/* Sixteen bytes at a time. 0: of another kind, or wrong. */
size_t address_plain_local_len(struct slice input)
{
    uint64_t dots = 0, bits;
    size_t at, len;

    for (at = 0; at < input.len && at < ADDRESS_LOCAL_MAX; at += 16) {
        sixteen bytes = sixteen_read(input.ptr + at, input.len - at < 16 ? input.len - at : 16);
        sixteen is_dot = (sixteen)(bytes == '.');
        sixteen is_plain = sixteen_between(bytes | 0x20, 'a', 'z') |
                           sixteen_between(bytes, '0', '9') | is_dot |
                           (sixteen)((bytes == '-') | (bytes == '_') | (bytes == '+'));

        dots |= sixteen_gather(is_dot) << at;
        bits = ~sixteen_gather(is_plain) & 0xffff;
        if (bits == 0)
            continue;
        len = at + (size_t)__builtin_ctzll(bits);
        /* Bits of dots behind it are the domain's. */
        dots &= (UINT64_C(1) << len) - 1;
        if (len == 0 || len >= input.len || input.ptr[len] != '@' || (dots & 1) != 0 ||
            (dots >> (len - 1) & 1) != 0 || (dots & dots >> 1) != 0)
            return 0;
        return len;
    }
    return 0;
}

static bool parse_dot_string(struct address *address)
{
    const size_t plain = address_plain_local_len(address->input);
    const char *bytes = address->input.ptr;
    size_t len = address->input.len;
    size_t most = len <= ADDRESS_LOCAL_MAX ? len : ADDRESS_LOCAL_MAX + 1; /* to be looked at */
    size_t atom = 0; /* where the current atom starts */
    size_t i = 0;

    if (plain > 0)
        return finish_local(address, plain);
    for (;;) {
        char c;

        while (i < most && char_is(bytes[i], CHAR_ATEXT))
            i++;
        if (i >= most)
            break;
        c = bytes[i];
        if (c == '.' || c == '@') {
            if (i == atom)
                return fail_at_empty_atom(address, i);
            if (c == '@')
                return finish_local(address, i);
            atom = ++i;
        } else if (char_is(c, CHAR_HIGH)) {
            if (!skip_utf8(address, &i))
                return false;
        } else {
            return address_fail(address, dot_string_diagnosis(c), i);
        }
    }
    if (i > ADDRESS_LOCAL_MAX)
        return address_fail(address, ADDRESS_LOCAL_TOO_LONG, ADDRESS_LOCAL_MAX);
    return address_fail(address, ADDRESS_NO_AT, len);
}

/* The byte after the closing quote, at i, must be the "@". */
static bool finish_quoted_string(struct address *address, size_t i)
{
    if (i >= address->input.len)
        return address_fail(address, ADDRESS_NO_AT, i);
    if (address->input.ptr[i] != '@')
        return address_fail(address, ADDRESS_QUOTE_NOT_WHOLE, i);
    if (i == 2)
        address->flags |= ADDRESS_FLAG_EMPTY_QUOTED;
    return finish_local(address, i);
}

static bool parse_quoted_string(struct address *address)
{
    const char *bytes = address->input.ptr;
    size_t len = address->input.len;
    size_t i = 1;

    address->flags |= ADDRESS_FLAG_QUOTED_LOCAL;
    while (i < len && i <= ADDRESS_LOCAL_MAX) {
        char c = bytes[i];

        if (char_is(c, CHAR_QTEXT)) {
            i++;
        } else if (c == '"') {
            return finish_quoted_string(address, i + 1);
        } else if (c == '\\') {
            /* quoted-pairSMTP is "\" and 32 to 126; RFC 6531 does not widen it. */
            if (i + 1 >= len)
                return address_fail(address, ADDRESS_QUOTE_UNCLOSED, 0);
            if (bytes[i + 1] < 32 || bytes[i + 1] > 126)
                return address_fail(address, ADDRESS_QUOTE_BAD_ESCAPE, i);
            i += 2;
        } else if (char_is(c, CHAR_HIGH)) {
            if (!skip_utf8(address, &i))
                return false;
        } else {
            return address_fail(address, ADDRESS_QUOTE_BAD_CHAR, i);
        }
    }
    if (i > ADDRESS_LOCAL_MAX)
        return address_fail(address, ADDRESS_LOCAL_TOO_LONG, ADDRESS_LOCAL_MAX);
    return address_fail(address, ADDRESS_QUOTE_UNCLOSED, 0);
}

bool address_parse_local(struct address *address)
{
    if (address->input.len > 0 && address->input.ptr[0] == '"')
        return parse_quoted_string(address);
    return parse_dot_string(address);
}
