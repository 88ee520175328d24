/*
 * Email addresses: the Mailbox grammar of RFC 5321 4.1.2 with RFC 6531 3.3, and what is wrong with
 * one that breaks it.
 *
 * Input is bytes and a length, never a C string: NUL, CR and LF are bytes like others and are never
 * accepted. Parsing is one pass without allocation; libidn2 and libpsl are asked only where a rule
 * needs them. RFC 5322 forms (comments, folding, display names) are recognised and diagnosed, not
 * accepted. This folder knows nothing of providers, DNS or SMTP.
 */
#ifndef MK_ADDRESS_ADDRESS_H
#define MK_ADDRESS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address/diagnosis.h"
#include "base/ip.h"
#include "base/slice.h"

#define ADDRESS_LOCAL_MAX  64  /* octets, RFC 5321 4.5.3.1.1 */
#define ADDRESS_DOMAIN_MAX 255 /* octets, RFC 5321 4.5.3.1.2 */
#define ADDRESS_MAX        254 /* octets, RFC 3696 erratum 1690 */
#define ADDRESS_WIRE_SIZE  321 /* local + "@" + domain + NUL */

struct address {
    enum address_diagnosis diagnosis; /* ADDRESS_VALID, or the first error */
    size_t offset;                    /* byte offset of that error in the input */
    uint32_t flags;                   /* enum address_flag bits; of accepted addresses only */
    struct slice input;               /* as given; borrowed */
    struct slice local;               /* as written, quotes included; borrowed from the input */
    struct slice domain;              /* as written, brackets included; borrowed from the input */
    bool is_literal;
    struct ip literal; /* of an IPv4 or IPv6 literal; family 0 otherwise */
    uint16_t domain_ascii_len;
    char domain_ascii[ADDRESS_DOMAIN_MAX + 1]; /* lower-case A-labels, NUL-terminated; "" for a
                                                  literal or an address that was not accepted */
};

/* How far an accepted address is from one that mail is commonly delivered to (SYNTAX.md 1). */
enum address_form {
    ADDRESS_FORM_REJECT,         /* not deliverable on the public internet as it stands */
    ADDRESS_FORM_ACCEPT_FLAGGED, /* a Mailbox, but of a kind that is rarely deliverable */
    ADDRESS_FORM_ACCEPT,
};

/*
 * Parse len bytes. Always fills *ret_address; true when it is a Mailbox (RFC 5321, 6531). Of an
 * input that is none only diagnosis, offset and input mean something; all else is empty.
 */
bool address_parse(const char *bytes, size_t len, struct address *ret_address);

/* What tells all that address_parse would say of the same input again. */
struct address_memo {
    uint32_t flags;
    uint8_t local_len; /* 0: nothing is remembered */
};

/* Of an accepted address whose domain is a name in ASCII; nothing of others. */
struct address_memo address_remember(const struct address *address);
/* As address_parse of the input that the memo is of, but quicker; parsed where it holds nothing. */
bool address_parse_again(const char *bytes, size_t len, struct address_memo memo,
                         struct address *ret_address);

/*
 * How long the local part is that the input begins with, up to its "@", if that has nothing but
 * letters, digits, "-", "_", "+" and single dots between them, as nearly all have; otherwise 0.
 * What address_parse says of the address follows from its domain then.
 */
size_t address_plain_local_len(struct slice input);

enum address_form address_deliverable_form(const struct address *address);

/*
 * The form that goes on the wire: the local part as written, "@", the A-label domain or literal.
 * Only for accepted addresses. Writes a NUL-terminated string and returns its length.
 */
size_t address_format_wire(const struct address *address, char out[ADDRESS_WIRE_SIZE]);

/*
 * The form for people: NFC local part, U-label domain. Never longer than size - 1 (at least 1024);
 * falls back to the wire form where libidn2 can't convert. Returns the length.
 */
size_t address_format_display(const struct address *address, char *out, size_t size);

/* True when the address can only travel with SMTPUTF8 (RFC 6531): a non-ASCII local part. */
bool address_needs_smtputf8(const struct address *address);

/* What is between the quotes with escapes removed, or the local part itself. At most 64 bytes. */
size_t address_unquote_local(const struct address *address, char out[ADDRESS_LOCAL_MAX]);

#endif
