/*
 * An address from its parts, and which of its errors is the one to tell.
 *
 * The parser (local.c, domain.c, domain_idna.c, literal.c) stops at the first byte that breaks the
 * grammar. What people did wrong is sometimes better said of the whole: that is looked for only
 * after a failure, so that sound addresses do not pay for it.
 */
#include "address/address.h"

#include <string.h>

#include "address/char_class.h"
#include "address/parse.h"
#include "base/check.h"
#include "base/utf8.h"

enum {
    /* How far into a hopeless input bad UTF-8 is looked for. */
    EXPLAIN_MAX = 4096,
};

/* Octets on the wire: quotes, brackets and A-labels as sent. */
static size_t wire_len(const struct address *address)
{
    size_t domain_len = address->is_literal ? address->domain.len : address->domain_ascii_len;

    return address->local.len + 1 + domain_len;
}

static bool parse_parts(struct address *address)
{
    if (!address_parse_local(address) || !address_parse_domain(address, address->local.len + 1))
        return false;
    /* The limit is one of SMTP's, so it is the form on the wire that counts. */
    if (wire_len(address) > ADDRESS_MAX)
        return address_fail(address, ADDRESS_ADDRESS_TOO_LONG,
                            address->input.len > ADDRESS_MAX ? ADDRESS_MAX : address->input.len);
    if (address->input.len > ADDRESS_MAX)
        address->flags |= ADDRESS_FLAG_LENGTH_OF_WHICH_FORM;
    if (!address->is_literal)
        address->flags |= address_domain_flags(address);
    return true;
}

static void begin(struct address *address, struct slice input)
{
    address->diagnosis = ADDRESS_VALID;
    address->offset = 0;
    address->flags = 0;
    address->input = input;
    address->local = SLICE_EMPTY;
    address->domain = SLICE_EMPTY;
    address->is_literal = false;
    address->literal = (struct ip){0};
    address->domain_ascii_len = 0;
    address->domain_ascii[0] = '\0';
}

static bool is_mailbox(struct slice input)
{
    struct address scratch;

    begin(&scratch, input);
    return parse_parts(&scratch);
}

/* SP and TAB at both ends. Not CR and LF: those are never a slip of the hand. */
static struct slice trim_outer_space(struct slice s)
{
    while (s.len > 0 && char_is(s.ptr[0], CHAR_SPACE))
        s = slice_from_offset(s, 1);
    while (s.len > 0 && char_is(s.ptr[s.len - 1], CHAR_SPACE))
        s.len--;
    return s;
}

/* "John Doe <john@example.com>", "<john@example.com>": the offset of "<", or -1. */
static ptrdiff_t find_angle_address(struct slice trimmed)
{
    bool is_quoted = slice_starts_with(trimmed, SLICE("\""));
    ptrdiff_t open;

    if (!slice_ends_with(trimmed, SLICE(">")))
        return -1;
    open = slice_rfind_byte(slice_prefix(trimmed, trimmed.len - 1), '<');
    if (open < 0)
        return -1;
    for (ptrdiff_t i = 0; i < open; i++) {
        if (char_is(trimmed.ptr[i], CHAR_CONTROL) || (trimmed.ptr[i] == '<' && !is_quoted))
            return -1;
    }
    return is_mailbox(slice_from(trimmed.ptr + open + 1, trimmed.len - (size_t)open - 2)) ? open
                                                                                          : -1;
}

/* The parser has failed; replace its diagnosis where the whole says more. */
static void explain(struct address *address)
{
    struct slice input = address->input;
    struct slice trimmed = trim_outer_space(input);
    size_t leading = (size_t)(trimmed.ptr - input.ptr);
    ptrdiff_t invalid, open;

    if (trimmed.len == 0) {
        address_fail(address, ADDRESS_EMPTY, 0);
        return;
    }
    invalid = utf8_find_invalid(slice_prefix(input, EXPLAIN_MAX));
    if (invalid >= 0 && ((size_t)invalid + 4 <= EXPLAIN_MAX || input.len <= EXPLAIN_MAX)) {
        address_fail(address, ADDRESS_BAD_UTF8, (size_t)invalid);
        return;
    }
    open = find_angle_address(trimmed);
    if (open >= 0)
        address_fail(address, ADDRESS_DISPLAY_NAME, leading + (size_t)open);
    else if (trimmed.len < input.len && is_mailbox(trimmed))
        address_fail(address, ADDRESS_OUTER_SPACE, leading > 0 ? 0 : trimmed.len);
    else if (memchr(input.ptr, '@', input.len) == NULL)
        address_fail(address, ADDRESS_NO_AT, input.len);
}

bool address_parse(const char *bytes, size_t len, struct address *ret_address)
{
    CHECK(bytes != NULL || len == 0);
    begin(ret_address, len > 0 ? slice_from(bytes, len) : SLICE_EMPTY);
    if (parse_parts(ret_address))
        return true;
    explain(ret_address);
    ret_address->flags = 0;
    ret_address->local = SLICE_EMPTY;
    ret_address->domain = SLICE_EMPTY;
    ret_address->is_literal = false;
    ret_address->literal = (struct ip){0};
    ret_address->domain_ascii_len = 0;
    ret_address->domain_ascii[0] = '\0';
    return false;
}

struct address_memo address_remember(const struct address *address)
{
    bool is_plain = address->diagnosis == ADDRESS_VALID && !address->is_literal &&
                    address->local.ptr == address->input.ptr &&
                    address->local.len + 1 + address->domain.len == address->input.len &&
                    address->local.len <= ADDRESS_LOCAL_MAX &&
                    slice_equal_nocase(address->domain, slice_from(address->domain_ascii,
                                                                   address->domain_ascii_len));

    return is_plain ? (struct address_memo){address->flags, (uint8_t)address->local.len}
                    : (struct address_memo){0};
}

bool address_parse_again(const char *bytes, size_t len, struct address_memo memo,
                         struct address *ret_address)
{
    if (memo.local_len == 0)
        return address_parse(bytes, len, ret_address);
    CHECK(len > memo.local_len + 1U && len - memo.local_len - 1 <= ADDRESS_DOMAIN_MAX);
    begin(ret_address, slice_from(bytes, len));
    ret_address->flags = memo.flags;
    ret_address->local = slice_from(bytes, memo.local_len);
    ret_address->domain = slice_from(bytes + memo.local_len + 1, len - memo.local_len - 1);
    ret_address->domain_ascii_len = (uint16_t)ret_address->domain.len;
    ascii_copy_lower(ret_address->domain_ascii, ret_address->domain.ptr, ret_address->domain.len);
    ret_address->domain_ascii[ret_address->domain.len] = '\0';
    return true;
}

enum address_form address_deliverable_form(const struct address *address)
{
    const uint32_t rejected = ADDRESS_FLAG_NUMERIC_TLD | ADDRESS_FLAG_TLD_ONE_LETTER |
                              ADDRESS_FLAG_TLD_NOT_ALPHABETIC | ADDRESS_FLAG_UNKNOWN_TAG;
    const uint32_t harmless = ADDRESS_FLAG_SMTPUTF8 | ADDRESS_FLAG_IDN | ADDRESS_FLAG_IDN_MAPPED |
                              ADDRESS_FLAG_LENGTH_OF_WHICH_FORM;

    if (address->diagnosis != ADDRESS_VALID || (address->flags & rejected) != 0)
        return ADDRESS_FORM_REJECT;
    if ((address->flags & ~harmless) != 0)
        return ADDRESS_FORM_ACCEPT_FLAGGED;
    return ADDRESS_FORM_ACCEPT;
}

bool address_needs_smtputf8(const struct address *address)
{
    return (address->flags & ADDRESS_FLAG_SMTPUTF8) != 0;
}
