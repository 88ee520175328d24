#include "bulk/several.h"

#include "address/address.h"
#include "base/utf8.h"

#define QUOTED_MAX 256 /* octets of a quoted local part that are looked at */

/* Beyond ASCII: letters, and what belongs to them; not what people set between addresses. */
static bool is_letter_beyond(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } others[] = {
        {0x80, 0xa9},     {0xab, 0xb4},     {0xb6, 0xb9},     {0xbb, 0xbf},       {0xd7, 0xd7},
        {0xf7, 0xf7},     {0x37e, 0x37e},   {0x55d, 0x55d},   {0x589, 0x58a},     {0x60c, 0x60c},
        {0x61b, 0x61b},   {0x6d4, 0x6d4},   {0x1680, 0x1680}, {0x2000, 0x206f},   {0x2190, 0x2bff},
        {0x2e00, 0x2e7f}, {0x3000, 0x3004}, {0x3008, 0x3020}, {0x3030, 0x3030},   {0x30fb, 0x30fb},
        {0xfe10, 0xfe19}, {0xfe30, 0xfe6f}, {0xfeff, 0xfeff}, {0xff01, 0xff0f},   {0xff1a, 0xff20},
        {0xff3b, 0xff40}, {0xff5b, 0xff65}, {0xffe0, 0xffff}, {0x1f000, 0x1faff},
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (c <= others[i].last)
            return c < others[i].first;
    return true;
}

/* Length of the character if it may be one of a name, as nearly all are written; else 0. */
static size_t name_len(struct slice rest, const char *beside_letters)
{
    uint32_t c;
    size_t len = rest.len > 0 ? utf8_decode(rest.ptr, rest.len, &c) : 0;

    if (len > 1)
        return is_letter_beyond(c) ? len : 0;
    if (len == 0)
        return 0;
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                   slice_find_byte(slice_from_string(beside_letters), (char)c) >= 0
               ? 1
               : 0;
}

/* Of a quoted local part with its @: "a@b"@; 0: none begins here. */
static size_t quoted_len(struct slice rest)
{
    size_t at = 1;

    if (rest.len == 0 || rest.ptr[0] != '"')
        return 0;
    rest = slice_prefix(rest, QUOTED_MAX);
    while (at < rest.len && rest.ptr[at] != '"')
        at += rest.ptr[at] == '\\' ? 2 : 1;
    return at + 1 < rest.len && rest.ptr[at + 1] == '@' ? at + 2 : 0;
}

/* Where another script begins behind a domain's dot, as nothing need divide addresses that are
   joined by a word of it; 0: nowhere. */
static size_t script_end(struct slice run)
{
    ptrdiff_t dot = slice_find_byte(run, '.');

    for (size_t i = dot < 0 ? run.len : (size_t)dot + 2; i < run.len; i++)
        if (((unsigned char)run.ptr[i] < 0x80) != ((unsigned char)run.ptr[i - 1] < 0x80))
            return i;
    return 0;
}

/* Without dots behind it, as of a sentence; 0: there is none, or a further @ follows it. */
static size_t domain_len(struct slice rest)
{
    size_t end = 0, len;

    while ((len = name_len(slice_from_offset(rest, end), ".-")) > 0)
        end += len;
    if (end < rest.len && rest.ptr[end] == '@')
        end = script_end(slice_prefix(rest, end));
    while (end > 0 && (rest.ptr[end - 1] == '.' || rest.ptr[end - 1] == '-'))
        end--;
    return end;
}

/* The next run that is an address, with whatever there is around it. */
static bool next_address(struct slice *rest, struct slice *ret_address)
{
    size_t start = 0, at = 0; /* of the local part, and what comes */
    struct address parsed;

    while (at < rest->len) {
        struct slice here = slice_from_offset(*rest, at);
        size_t len = quoted_len(here), end;

        if (len > 0) {
            start = at;
            at += len - 1;
        } else if (here.ptr[0] != '@') {
            len = name_len(here, ".-_+");
            if (len == 0 || (start == at && here.ptr[0] == '.'))
                start = at + 1;
            at += len > 0 ? len : 1;
            continue;
        }
        end = at + 1 + domain_len(slice_from_offset(*rest, at + 1));
        *ret_address = slice_from(rest->ptr + start, end - start);
        start = ++at;
        if (end > at && address_parse(ret_address->ptr, ret_address->len, &parsed)) {
            *rest = slice_from_offset(*rest, end);
            return true;
        }
    }
    return false;
}

/* A delimiter of cells, or blanks as columns of a fixed width have them, at `at`; its length. */
static size_t parting_len(struct slice text, size_t at)
{
    char c = text.ptr[at];

    if (c == ',' || c == ';' || c == '|' || c == '\t')
        return 1;
    return c == ' ' && at + 1 < text.len && text.ptr[at + 1] == ' ' ? 2 : 0;
}

/* Asked of every row of every list. */
static bool is_parted(struct slice text)
{
    static const bool may_part[256] = {
        [','] = true, [';'] = true, ['|'] = true, ['\t'] = true, [' '] = true};

    for (size_t i = 0; i < text.len; i++)
        if (may_part[(unsigned char)text.ptr[i]] && parting_len(text, i) > 0)
            return true;
    return false;
}

static bool is_whole_address(struct slice piece)
{
    struct address parsed;

    return address_parse(piece.ptr, piece.len, &parsed) &&
           (parsed.is_literal || slice_find_byte(parsed.domain, '.') > 0);
}

bool bulk_has_beside(struct slice text)
{
    bool is_behind = false; /* a remark, or a comma for a dot: it is told what was meant */
    size_t from = 0, addresses = 0, others = 0;
    struct address parsed;

    text = slice_trim(text);
    if (slice_find_byte(text, '@') < 0 || !is_parted(text) ||
        address_parse(text.ptr, text.len, &parsed)) /* in a quoted local part */
        return false;
    for (size_t i = 0; i <= text.len; i++) {
        size_t parting = i < text.len ? parting_len(text, i) : 1;
        struct slice piece = slice_from(text.ptr + from, i - from);

        if (parting == 0)
            continue;
        if (is_whole_address(slice_trim(piece)))
            addresses++;
        else if (slice_find_byte(piece, '@') >= 0)
            return false;
        else if (slice_trim(piece).len > 0) {
            is_behind = addresses > 0;
            others++;
        }
        i += parting - 1;
        from = i + 1;
    }
    if (others == 1 && is_behind)
        return false;
    return addresses == 1 && others > 0;
}

static bool is_of_word(char c)
{
    return ascii_is_alnum(c) || (unsigned char)c >= 0x80;
}

static bool has_divider(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (slice_find_byte(SLICE(" \t\r\n,;/|"), text.ptr[i]) >= 0)
            return true;
    return false;
}

/* Was something beside an address meant to be one ("a@b..example; c@d.example")? A word with an @
   in it that is divided from the address, which stands behind all this, or before. */
static bool has_attempt(struct slice beside, bool is_behind)
{
    for (size_t at = 1; at < beside.len; at++) {
        size_t end = at;

        while (end < beside.len && beside.ptr[end] == '@')
            end++;
        if (end == at)
            continue;
        if (end < beside.len && is_of_word(beside.ptr[at - 1]) && is_of_word(beside.ptr[end]) &&
            has_divider(is_behind ? slice_prefix(beside, at) : slice_from_offset(beside, end)))
            return true;
        at = end;
    }
    return false;
}

bool bulk_has_several(struct slice text)
{
    ptrdiff_t at = slice_find_byte(text, '@');
    struct slice rest = text, next, first = SLICE_EMPTY;
    struct address parsed;

    if (at < 0 || slice_find_byte(slice_from_offset(text, (size_t)at + 1), '@') < 0)
        return false;
    text = slice_trim(text);
    if (address_parse(text.ptr, text.len, &parsed)) /* with an @ in a quoted local part */
        return false;
    for (struct slice before = rest; next_address(&rest, &next); before = rest) {
        /* "a@x.example <a@x.example>" names one. */
        if (first.len > 0 && !slice_equal_nocase(next, first))
            return true;
        if (has_attempt(slice_prefix(before, (size_t)(next.ptr - before.ptr)), false))
            return true;
        first = next;
    }
    return first.len > 0 && has_attempt(rest, true);
}
