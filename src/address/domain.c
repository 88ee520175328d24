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
#include "base/eight.h"

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

static void finish_name(struct address *address, size_t start)
{
    size_t len = address->input.len - start;

    address->domain = slice_from(address->input.ptr + start, len);
    address->domain_ascii_len = (uint16_t)len;
    address->domain_ascii[len] = '\0';
}

/*
 * Most domains have nothing but letters, digits and single dots between them, and no label of
 * theirs can be too long: they are read eight bytes at a time. False: of another kind, or wrong.
 */
static bool parse_plain_name(struct address *address, size_t start)
{
    const char *bytes = address->input.ptr + start, *end = address->input.ptr + address->input.len;
    size_t len = address->input.len - start;
    uint64_t plain = 0, dots = 0;

    if (len == 0 || len > LABEL_MAX || address->input.len < 8)
        return false;
    for (size_t at = 0; at < len; at += 8) {
        uint64_t word = len - at >= 8 ? eight_read(bytes + at) : eight_read_last(end, len - at);
        uint64_t lower = word | EIGHT_TIMES(0x20U), is_dot = eight_equal(word, '.');
        uint64_t is_let_dig = eight_between(lower, 'a', 'z') | eight_between(word, '0', '9');

        dots |= eight_gather(is_dot) << at;
        plain |= eight_gather(is_let_dig | is_dot) << at;
        eight_write(lower, address->domain_ascii + at);
    }
    /* An empty label is a dot at either end, or beside another. */
    if (plain != (UINT64_C(1) << len) - 1 ||
        (dots & (UINT64_C(1) | UINT64_C(1) << (len - 1))) != 0 || (dots & dots >> 1) != 0)
        return false;
    finish_name(address, start);
    return true;
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
    if (parse_plain_name(address, start))
        return true;
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
    finish_name(address, start);
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
    size_t from = domain.len; /* of the top level: it is too short for memrchr to gain anything */
    enum address_tld_kind kind;
    struct slice tld;
    uint32_t flags;

    while (from > 0 && domain.ptr[from - 1] != '.')
        from--;
    tld = slice_from_offset(domain, from);
    kind = address_tld_find(tld);
    flags = from == 0 ? ADDRESS_FLAG_SINGLE_LABEL : 0;

    if (kind == ADDRESS_TLD_DELEGATED)
        return flags;
    if (kind == ADDRESS_TLD_SPECIAL)
        return flags | ADDRESS_FLAG_TLD_SPECIAL_USE;
    if (all_are(tld, ascii_is_digit))
        return flags | ADDRESS_FLAG_NUMERIC_TLD;
    if (from == 0)
        return flags;
    if (tld.len == 1)
        return flags | ADDRESS_FLAG_TLD_ONE_LETTER;
    /* No delegated name has a digit or a hyphen unless it is an A-label (RFC 1123 2.1). */
    if (!all_are(tld, ascii_is_alpha) &&
        !(slice_starts_with(tld, SLICE("xn--")) && address_alabel_is_sound(tld)))
        return flags | ADDRESS_FLAG_TLD_NOT_ALPHABETIC;
    return flags | ADDRESS_FLAG_TLD_NOT_DELEGATED;
}
