/*
 * The domain: Domain of RFC 5321 4.1.2, labels of letters, digits and hyphens; what its top level
 * says about deliverability.
 *
 * Stricter than DNS (no "_") and without the trailing dot, as SMTP has it. Domains with a byte
 * above 0x7f are domain_idna.c's, literals literal.c's.
 */
#include "address/char_class.h"
#include "address/parse.h"
#include "address/tld.h"

enum {
    LABEL_MAX = 63, /* octets, RFC 1035 2.3.4 */
};

enum address_diagnosis address_domain_byte_diagnosis(char c)
{
    if (char_is(c, CHAR_SPACE))
        return ADDRESS_DOMAIN_SPACE;
    if (char_is(c, CHAR_CONTROL))
        return ADDRESS_DOMAIN_CONTROL;
    if (c == '(' || c == ')')
        return ADDRESS_DOMAIN_COMMENT;
    if (c == '@')
        return ADDRESS_DOMAIN_SECOND_AT;
    if (c == '_')
        return ADDRESS_DOMAIN_UNDERSCORE;
    return ADDRESS_DOMAIN_BAD_CHAR;
}

/* Labels with hyphens in places 3 and 4 are reserved (RFC 5891 4.2.3.1); only sound "xn--" are
 * used. */
static bool label_is_fake(const char *label, size_t len)
{
    return !(len > 4 && label[0] == 'x' && label[1] == 'n' &&
             address_alabel_is_sound(slice_from(label, len)));
}

/* A label of domain_ascii (lower case) is complete; `offset` is where it starts in the input. */
static bool end_label(struct address *address, size_t offset, const char *label, size_t len)
{
    if (len == 0) {
        bool at_end = offset >= address->input.len;
        bool at_start = label == address->domain_ascii;

        if (at_start)
            return address_fail(address, at_end ? ADDRESS_DOMAIN_EMPTY : ADDRESS_DOMAIN_DOT_START,
                                offset);
        return at_end ? address_fail(address, ADDRESS_DOMAIN_DOT_END, offset - 1)
                      : address_fail(address, ADDRESS_DOMAIN_DOT_DOUBLE, offset);
    }
    if (label[0] == '-')
        return address_fail(address, ADDRESS_LABEL_HYPHEN, offset);
    if (label[len - 1] == '-')
        return address_fail(address, ADDRESS_LABEL_HYPHEN, offset + len - 1);
    if (len > LABEL_MAX)
        return address_fail(address, ADDRESS_LABEL_TOO_LONG, offset + LABEL_MAX);
    if (len >= 4 && label[2] == '-' && label[3] == '-' && label_is_fake(label, len))
        address->flags |= ADDRESS_FLAG_FAKE_ALABEL;
    return true;
}

/* Like end_label, but for a label that ends at a byte that can't stand in a domain: at its offset.
 */
static bool fail_at_byte(struct address *address, size_t offset, const char *label, size_t len,
                         char c)
{
    enum address_diagnosis diagnosis = address_domain_byte_diagnosis(c);

    if (len > 0 && (label[0] == '-' || len > LABEL_MAX))
        return end_label(address, offset, label, len);
    return address_fail(address, diagnosis, offset + len);
}

bool address_parse_domain(struct address *address, size_t start)
{
    const char *bytes = address->input.ptr;
    size_t len = address->input.len;
    char *out = address->domain_ascii;
    size_t label = 0; /* where the current label starts in out */
    size_t i = start;

    if (i < len && bytes[i] == '[')
        return address_parse_literal(address, start);
    for (; i < len && i - start <= ADDRESS_DOMAIN_MAX; i++) {
        char c = bytes[i];

        if (char_is(c, CHAR_LET_DIG)) {
            /* Digits have bit 0x20 set already, so that it lower-cases letters and keeps digits. */
            out[i - start] = (char)(c | 0x20);
        } else if (c == '-') {
            out[i - start] = c;
        } else if (c == '.') {
            if (!end_label(address, start + label, out + label, i - start - label))
                return false;
            out[i - start] = c;
            label = i - start + 1;
        } else if (char_is(c, CHAR_HIGH)) {
            return address_parse_domain_idna(address, start);
        } else {
            return fail_at_byte(address, start + label, out + label, i - start - label, c);
        }
    }
    if (i - start > ADDRESS_DOMAIN_MAX)
        return address_fail(address, ADDRESS_DOMAIN_TOO_LONG, start + ADDRESS_DOMAIN_MAX);
    if (!end_label(address, start + label, out + label, i - start - label))
        return false;
    address->domain = slice_from(bytes + start, i - start);
    address->domain_ascii_len = (uint16_t)(i - start);
    out[i - start] = '\0';
    return true;
}

static bool all_are(struct slice s, bool (*is)(char c))
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is(s.ptr[i]))
            return false;
    }
    return true;
}

uint32_t address_domain_flags(const struct address *address)
{
    struct slice domain = slice_from(address->domain_ascii, address->domain_ascii_len);
    ptrdiff_t dot = slice_rfind_byte(domain, '.');
    struct slice tld = slice_from_offset(domain, (size_t)(dot + 1));
    enum address_tld_kind kind = address_tld_find(tld);
    uint32_t flags = dot < 0 ? ADDRESS_FLAG_SINGLE_LABEL : 0;

    if (kind == ADDRESS_TLD_DELEGATED)
        return flags;
    if (kind == ADDRESS_TLD_SPECIAL)
        return flags | ADDRESS_FLAG_TLD_SPECIAL_USE;
    if (all_are(tld, ascii_is_digit))
        return flags | ADDRESS_FLAG_NUMERIC_TLD;
    if (dot < 0)
        return flags;
    if (tld.len == 1)
        return flags | ADDRESS_FLAG_TLD_ONE_LETTER;
    /* No delegated name has a digit or a hyphen unless it is an A-label (RFC 1123 2.1). */
    if (!all_are(tld, ascii_is_alpha) &&
        !(slice_starts_with(tld, SLICE("xn--")) && address_alabel_is_sound(tld)))
        return flags | ADDRESS_FLAG_TLD_NOT_ALPHABETIC;
    return flags | ADDRESS_FLAG_TLD_NOT_DELEGATED;
}
