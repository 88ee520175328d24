/*
 * Domains with U-labels: IDNA 2008 (RFC 5890 to 5893) after the mapping of UTS 46, by libidn2.
 *
 * libidn2 is asked label by label and is never trusted with what it passes through: with
 * IDN2_USE_STD3_ASCII_RULES it silently deletes characters, without it "_", spaces and empty labels
 * survive. So the ASCII characters of a label are checked before and the whole result after.
 */
#include <idn2.h>
#include <string.h>

#include "address/char_class.h"
#include "address/parse.h"
#include "address/punycode.h"
#include "base/utf8.h"

enum {
    LABEL_MAX = 63,
    /* The longest U-label that can fit into 63 octets as an A-label: 59 characters of 4 octets. */
    LABEL_UTF8_MAX = 59 * 4,
};

/* One label, from libidn2's point of view. */
struct conversion {
    char ascii[LABEL_MAX + 1];
    size_t ascii_len;
    bool is_mapped;   /* the U-label is not what was written */
    bool is_disputed; /* UTS 46 takes it, the registration rules of IDNA 2008 don't */
};

/*
 * Full stops that UTS 46 maps to ".": U+3002, U+FF0E, U+FF61. Returns the octets of the dot at
 * bytes, or 0.
 */
static size_t dot_len(const char *bytes, size_t len)
{
    if (len > 0 && bytes[0] == '.')
        return 1;
    if (len >= 3 &&
        (memcmp(bytes, "\xe3\x80\x82", 3) == 0 || memcmp(bytes, "\xef\xbc\x8e", 3) == 0 ||
         memcmp(bytes, "\xef\xbd\xa1", 3) == 0))
        return 3;
    return 0;
}

/* The U-label of conversion->ascii as libidn2 gives it back: is it what was written? */
static void compare_with_ulabel(const char *written, struct conversion *conversion)
{
    char *ulabel = NULL;
    uint8_t *registered = NULL;

    if (idn2_to_unicode_8z8z(conversion->ascii, &ulabel, 0) != IDN2_OK) {
        conversion->is_disputed = true;
        return;
    }
    conversion->is_mapped = strcmp(written, ulabel) != 0;
    /* Look-up skips the rules of RFC 5892 appendix A.3 to A.9 (CONTEXTO); registration has them. */
    if (idn2_register_u8((const uint8_t *)ulabel, NULL, &registered, IDN2_NFC_INPUT) != IDN2_OK)
        conversion->is_disputed = true;
    idn2_free(registered);
    idn2_free(ulabel);
}

/*
 * A label of ASCII and symbols such as emoji: UTS 46 takes it, IDNA 2008 and libidn2 don't, and
 * some registries sell it. Only what normalisation (UTS 46, 4) leaves as it is.
 */
static bool convert_symbols(struct slice label, struct conversion *conversion)
{
    enum {
        VARIATION_SELECTOR_16 = 0xfe0f, /* "as an emoji": UTS 46 ignores it */
    };
    uint32_t code_points[PUNYCODE_MAX];
    size_t count = 0, symbols = 0;

    for (size_t i = 0; i < label.len;) {
        uint32_t c = 0;

        i += utf8_decode(label.ptr + i, label.len - i, &c);
        if (c == VARIATION_SELECTOR_16)
            continue;
        if (count == PUNYCODE_MAX || (c >= 0x80 && !address_symbol_is_sound(c)))
            return false;
        symbols += c >= 0x80;
        code_points[count++] = c < 0x80 ? (uint32_t)ascii_lower((char)c) : c;
    }
    if (symbols == 0 || code_points[0] == '-' || code_points[count - 1] == '-' ||
        (count >= 4 && code_points[2] == '-' && code_points[3] == '-'))
        return false;
    memcpy(conversion->ascii, "xn--", 4);
    conversion->ascii_len = punycode_encode(code_points, count, conversion->ascii + 4);
    if (conversion->ascii_len == 0)
        return false;
    conversion->ascii_len += 4;
    conversion->is_disputed = true;
    return true;
}

static bool convert_label(struct slice label, struct conversion *ret_conversion)
{
    char written[LABEL_UTF8_MAX + 1];
    uint8_t *ascii = NULL;
    bool is_sound = false;

    *ret_conversion = (struct conversion){0};
    if (!slice_to_string(label, written, sizeof(written)))
        return false;
    if (idn2_lookup_u8((const uint8_t *)written, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) !=
        IDN2_OK)
        goto done;
    ret_conversion->ascii_len = strlen((const char *)ascii);
    if (ret_conversion->ascii_len == 0 || ret_conversion->ascii_len > LABEL_MAX)
        goto done;
    memcpy(ret_conversion->ascii, ascii, ret_conversion->ascii_len);
    for (size_t i = 0; i < ret_conversion->ascii_len; i++) {
        char *c = &ret_conversion->ascii[i];

        if (!char_is(*c, CHAR_LET_DIG) && *c != '-')
            goto done;
        *c = ascii_lower(*c);
    }
    if (ret_conversion->ascii[0] == '-' ||
        ret_conversion->ascii[ret_conversion->ascii_len - 1] == '-')
        goto done;
    compare_with_ulabel(written, ret_conversion);
    is_sound = true;
done:
    idn2_free(ascii);
    return is_sound;
}

bool address_alabel_is_sound(struct slice label)
{
    struct conversion conversion;

    return label.len <= LABEL_MAX && convert_label(label, &conversion) &&
           slice_equal_nocase(label, slice_from(conversion.ascii, conversion.ascii_len));
}

/* Append one label to domain_ascii, behind a dot unless it is the first. */
static bool append_label(struct address *address, struct slice label, size_t offset)
{
    size_t dot = address->domain_ascii_len > 0 ? 1 : 0;
    char *out = address->domain_ascii + address->domain_ascii_len;

    if (address->domain_ascii_len + dot + label.len > ADDRESS_DOMAIN_MAX)
        return address_fail(address, ADDRESS_DOMAIN_TOO_LONG, offset);
    if (dot > 0)
        *out++ = '.';
    memcpy(out, label.ptr, label.len);
    ascii_lower_bytes(out, label.len);
    out[label.len] = '\0';
    address->domain_ascii_len = (uint16_t)(address->domain_ascii_len + dot + label.len);
    return true;
}

static bool parse_ascii_label(struct address *address, struct slice label, size_t offset)
{
    if (label.ptr[0] == '-')
        return address_fail(address, ADDRESS_LABEL_HYPHEN, offset);
    if (label.ptr[label.len - 1] == '-')
        return address_fail(address, ADDRESS_LABEL_HYPHEN, offset + label.len - 1);
    if (label.len > LABEL_MAX)
        return address_fail(address, ADDRESS_LABEL_TOO_LONG, offset + LABEL_MAX);
    if (label.len >= 4 && label.ptr[2] == '-' && label.ptr[3] == '-' &&
        !(slice_starts_with_nocase(label, SLICE("xn--")) && address_alabel_is_sound(label)))
        address->flags |= ADDRESS_FLAG_FAKE_ALABEL;
    return append_label(address, label, offset);
}

static bool parse_unicode_label(struct address *address, struct slice label, size_t offset)
{
    struct conversion conversion;

    if (label.len > LABEL_UTF8_MAX)
        return address_fail(address, ADDRESS_LABEL_TOO_LONG, offset + LABEL_UTF8_MAX);
    if (!convert_label(label, &conversion) && !convert_symbols(label, &conversion))
        return address_fail(address, ADDRESS_DOMAIN_IDNA, offset);
    if (conversion.is_mapped)
        address->flags |= ADDRESS_FLAG_IDN_MAPPED;
    if (conversion.is_disputed)
        address->flags |= ADDRESS_FLAG_IDN_DISPUTED;
    return append_label(address, slice_from(conversion.ascii, conversion.ascii_len), offset);
}

/* Read to the end of the label at *i, checking its characters; *ret_ascii: it is ASCII. */
static bool scan_label(struct address *address, size_t *i, bool *ret_ascii)
{
    const char *bytes = address->input.ptr;
    size_t len = address->input.len;
    size_t start = *i;

    *ret_ascii = true;
    while (*i < len && dot_len(bytes + *i, len - *i) == 0) {
        uint32_t code_point;
        size_t char_len = utf8_decode(bytes + *i, len - *i, &code_point);

        if (char_len == 0)
            return address_fail(address, ADDRESS_BAD_UTF8, *i);
        if (char_len > 1)
            *ret_ascii = false;
        else if (!char_is(bytes[*i], CHAR_LET_DIG) && bytes[*i] != '-')
            return address_fail(address, address_domain_byte_diagnosis(bytes[*i]), *i);
        *i += char_len;
        if (*i - start > LABEL_UTF8_MAX)
            return address_fail(address, ADDRESS_LABEL_TOO_LONG, start);
    }
    return true;
}

bool address_parse_domain_idna(struct address *address, size_t start)
{
    const char *bytes = address->input.ptr;
    size_t len = address->input.len;
    size_t i = start;

    address->flags |= ADDRESS_FLAG_IDN;
    address->flags &= ~(uint32_t)ADDRESS_FLAG_FAKE_ALABEL; /* labels are judged again */
    address->domain_ascii_len = 0;
    for (;;) {
        size_t label = i;
        size_t dot;
        bool is_ascii;

        if (!scan_label(address, &i, &is_ascii))
            return false;
        dot = dot_len(bytes + i, len - i);
        if (i == label && dot == 0)
            return address_fail(address, ADDRESS_DOMAIN_DOT_END, label - 1);
        if (i == label)
            return address_fail(
                address, label == start ? ADDRESS_DOMAIN_DOT_START : ADDRESS_DOMAIN_DOT_DOUBLE,
                label);
        if (!(is_ascii ? parse_ascii_label
                       : parse_unicode_label)(address, slice_from(bytes + label, i - label), label))
            return false;
        if (dot == 0)
            break;
        if (dot > 1)
            address->flags |= ADDRESS_FLAG_IDN_MAPPED;
        i += dot;
    }
    address->domain = slice_from(bytes + start, len - start);
    return true;
}
