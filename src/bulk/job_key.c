#include "bulk/job_key.h"

#include <string.h>

#include "address/address.h"
#include "base/table.h"

#define ADDRESS_KEPT_MAX 4096 /* whatever is longer is no address */

/* Before a mailbox's key: addresses that are compared as they are never begin with a blank. */
#define MARK_MAILBOX ' '

struct slice bulk_job_key_parsed(enum bulk_dedupe dedupe, struct slice address,
                                 const struct address *parsed,
                                 const struct provider_mailbox_rules *rules,
                                 char out[BULK_KEY_SIZE])
{
    if (dedupe == BULK_DEDUPE_OFF || address.len == 0)
        return SLICE_EMPTY;
    if (dedupe == BULK_DEDUPE_EXACT || parsed == NULL || parsed->diagnosis != ADDRESS_VALID)
        return address;
    out[0] = MARK_MAILBOX;
    return slice_from(out, 1 + provider_mailbox_key_of(parsed, rules, NULL, out + 1));
}

struct slice bulk_job_key(enum bulk_dedupe dedupe, struct slice address, char out[BULK_KEY_SIZE])
{
    const struct address *known = NULL;
    struct address parsed;

    if (dedupe == BULK_DEDUPE_MAILBOX) {
        (void)address_parse(address.ptr, address.len, &parsed);
        known = &parsed;
    }
    return bulk_job_key_parsed(dedupe, address, known, NULL, out);
}

uint64_t bulk_job_key_hash(struct slice key)
{
    uint64_t hash;

    if (key.len == 0)
        return 0;
    hash = hash_bytes(key.ptr, key.len, 0);
    return hash != 0 ? hash : 1;
}

/* Blanks beyond ASCII, and what is not seen at all, as copies from pages and mails have them. */
static bool is_blank(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;

    if (byte[0] == 0xe2 && byte[1] == 0x80) /* U+2000 to 200F, 202A to 202F */
        return byte[2] <= 0x8f || (byte[2] >= 0xaa && byte[2] <= 0xaf);
    if (byte[0] == 0xe2 && byte[1] == 0x81) /* U+205F, 2060, 2066 to 2069 */
        return byte[2] == 0x9f || byte[2] == 0xa0 || (byte[2] >= 0xa6 && byte[2] <= 0xa9);
    return memcmp(at, "\xe3\x80\x80", 3) == 0 || memcmp(at, "\xef\xbb\xbf", 3) == 0;
}

/* U+00A0; U+0085, which ends lines on mainframes. */
static bool is_short_blank(const char *at)
{
    return memcmp(at, "\xc2\xa0", 2) == 0 || memcmp(at, "\xc2\x85", 2) == 0;
}

/* What fills up a field of a fixed length, what ends a file of DOS, and what paper is fed by. */
static bool is_filler(char c)
{
    return c == '\0' || c == '\x1a' || c == '\v' || c == '\f';
}

/* Length of a quotation mark of word processors and keyboards; 0: none. */
static size_t mark_len(const char *at, size_t len)
{
    static const char *const marks[] = {
        "'",
        "`",
        "\xc2\xb4",     /* acute */
        "\xc2\xab",     /* guillemets */
        "\xc2\xbb",     /* */
        "\xe2\x80\x98", /* U+2018 to 201A, 201C to 201E, 2039, 203A */
        "\xe2\x80\x99",
        "\xe2\x80\x9a",
        "\xe2\x80\x9c",
        "\xe2\x80\x9d",
        "\xe2\x80\x9e",
        "\xe2\x80\xb9",
        "\xe2\x80\xba",
    };

    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
        size_t size = strlen(marks[i]);

        if (len >= size && memcmp(at, marks[i], size) == 0)
            return size;
    }
    return 0;
}

/* Between two of them: no domain ends with one. The text within, or "". Quick for most. */
static struct slice between_marks(struct slice text)
{
    char last = text.len > 2 ? text.ptr[text.len - 1] : 'x';
    size_t before, after = 0;

    if (last != '\'' && last != '`' && (unsigned char)last < 0x80)
        return SLICE_EMPTY;
    before = mark_len(text.ptr, text.len);
    for (size_t size = 1; before > 0 && after == 0 && size <= 3 && before + size < text.len; size++)
        if (mark_len(text.ptr + text.len - size, size) == size)
            after = size;
    if (after == 0)
        return SLICE_EMPTY;
    text = slice_from(text.ptr + before, text.len - before - after);
    return slice_find_byte(text, '@') >= 0 ? text : SLICE_EMPTY;
}

/* All of it in quotes of its own, as in a cell that has a blank before them: nobody's address. */
static bool is_quoted(struct slice text)
{
    return text.len > 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"' &&
           slice_find_byte(slice_from(text.ptr + 1, text.len - 2), '"') < 0 &&
           slice_find_byte(text, '@') >= 0;
}

struct slice bulk_job_address(struct slice cell)
{
    for (;;) {
        size_t len;

        cell = slice_trim(cell);
        len = cell.len;
        if (len >= 3 && is_blank(cell.ptr))
            cell = slice_from_offset(cell, 3);
        else if (len >= 2 && is_short_blank(cell.ptr))
            cell = slice_from_offset(cell, 2);
        else if (len >= 3 && is_blank(cell.ptr + len - 3))
            cell.len -= 3;
        else if (len >= 2 && is_short_blank(cell.ptr + len - 2))
            cell.len -= 2;
        else if (len >= 1 && is_filler(cell.ptr[len - 1]))
            cell.len--;
        else if (len >= 1 && (cell.ptr[0] == '\v' || cell.ptr[0] == '\f'))
            cell = slice_from_offset(cell, 1);
        else if (between_marks(cell).len > 0)
            cell = between_marks(cell);
        else if (is_quoted(cell))
            cell = slice_from(cell.ptr + 1, len - 2);
        else
            return slice_prefix(cell, ADDRESS_KEPT_MAX);
    }
}
