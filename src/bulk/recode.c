#include "bulk/recode.h"

#include <string.h>

#include "base/utf8.h"

/* Windows-1252, 0x80 to 0x9f; 0 where it has nothing (those stay C1 controls, as WHATWG has it). */
static const uint16_t windows_1252[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
};

size_t recode_utf8(uint32_t code, char out[4])
{
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        code = 0xfffd;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

static void append_code_point(uint32_t code, struct buffer *out)
{
    char bytes[4];
    size_t len = recode_utf8(code, bytes);

    buffer_append(out, bytes, len);
}

static size_t append_latin1(struct slice bytes, struct buffer *out)
{
    for (size_t i = 0; i < bytes.len; i++) {
        uint32_t code = (unsigned char)bytes.ptr[i];

        if (code >= 0x80 && code < 0xa0 && windows_1252[code - 0x80] != 0)
            code = windows_1252[code - 0x80];
        append_code_point(code, out);
    }
    return bytes.len;
}

static uint32_t unit_at(enum recode_from from, const char *bytes)
{
    unsigned char a = (unsigned char)bytes[0], b = (unsigned char)bytes[1];

    return from == RECODE_UTF16LE ? (uint32_t)(b << 8 | a) : (uint32_t)(a << 8 | b);
}

static size_t append_utf16(enum recode_from from, struct slice bytes, bool at_end,
                           struct buffer *out)
{
    size_t at = 0;

    while (at + 2 <= bytes.len) {
        uint32_t code = unit_at(from, bytes.ptr + at);

        if (code >= 0xd800 && code < 0xdc00) {
            uint32_t low;

            if (at + 4 > bytes.len && !at_end)
                break;
            low = at + 4 <= bytes.len ? unit_at(from, bytes.ptr + at + 2) : 0;
            if (low >= 0xdc00 && low < 0xe000) {
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                at += 2;
            }
        }
        at += 2;
        append_code_point(code, out);
    }
    if (at + 1 == bytes.len && at_end) {
        append_code_point(0xfffd, out);
        at++;
    }
    return at;
}

size_t recode_append(enum recode_from from, struct slice bytes, bool at_end, struct buffer *out)
{
    switch (from) {
    case RECODE_LATIN1:
        return append_latin1(bytes, out);
    case RECODE_UTF16LE:
    case RECODE_UTF16BE:
        return append_utf16(from, bytes, at_end, out);
    default:
        buffer_append_slice(out, bytes);
        return bytes.len;
    }
}

static char latin1_of(uint32_t code)
{
    if (code < 0x80 || (code >= 0xa0 && code <= 0xff))
        return (char)code;
    for (unsigned i = 0; i < 32; i++)
        if (windows_1252[i] == code)
            return (char)(0x80 + i);
    return '?';
}

void recode_append_latin1(struct slice utf8, struct buffer *out)
{
    for (size_t at = 0; at < utf8.len;) {
        uint32_t code = '?';
        size_t size = utf8_decode(utf8.ptr + at, utf8.len - at, &code);

        buffer_append_byte(out, size > 0 ? latin1_of(code) : '?');
        at += size > 0 ? size : 1;
    }
}

enum recode_from recode_find_utf16(struct slice sample, size_t *ret_bom_len)
{
    size_t zeros[2] = {0, 0}, pairs = sample.len / 2;

    *ret_bom_len = 0;
    if (slice_starts_with(sample, SLICE("\xff\xfe")) ||
        slice_starts_with(sample, SLICE("\xfe\xff"))) {
        *ret_bom_len = 2;
        return sample.ptr[0] == '\xff' ? RECODE_UTF16LE : RECODE_UTF16BE;
    }
    for (size_t i = 0; i < pairs * 2; i++)
        zeros[i % 2] += sample.ptr[i] == '\0';
    /* Addresses are ASCII: every other byte is zero in most of the text. */
    if (pairs >= 2 && zeros[1] > pairs / 2 && zeros[0] < pairs / 20 + 1)
        return RECODE_UTF16LE;
    if (pairs >= 2 && zeros[0] > pairs / 2 && zeros[1] < pairs / 20 + 1)
        return RECODE_UTF16BE;
    return RECODE_NONE;
}

bool recode_looks_latin1(struct slice sample)
{
    size_t sound = 0, broken = 0;

    for (size_t at = 0; at < sample.len;) {
        uint32_t code;
        size_t size;

        if ((signed char)sample.ptr[at] >= 0) {
            at++;
            continue;
        }
        size = utf8_decode(sample.ptr + at, sample.len - at, &code);
        if (size > 0)
            sound++;
        else if (sample.len - at >= 4)
            broken++;
        at += size > 0 ? size : 1;
    }
    /* Short texts may end with their only foreign letter: count what the sample's end cut off. */
    if (sound == 0 && broken == 0 && sample.len < 4096)
        return utf8_find_invalid(sample) >= 0;
    return broken > sound;
}
