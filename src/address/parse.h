/*
 * The parts of the parser, for address.c: each reads one part of an address and says where the
 * first thing wrong with it is.
 *
 * Offsets are into the whole input. On failure the parts fill only diagnosis and offset.
 */
#ifndef MK_ADDRESS_PARSE_H
#define MK_ADDRESS_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "address/address.h"

/* Set the first error; returns false, for `return address_fail(...)`. */
static inline bool address_fail(struct address *address, enum address_diagnosis diagnosis,
                                size_t offset)
{
    address->diagnosis = diagnosis;
    address->offset = offset;
    return false;
}

/* The local part and the "@" behind it: sets local and flags. Stops early on an over-long one. */
bool address_parse_local(struct address *address);

/* The domain, from `start` to the end of the input: sets domain, domain_ascii and flags. */
bool address_parse_domain(struct address *address, size_t start);

/* The same where the domain has a byte above 0x7f (domain_idna.c). */
bool address_parse_domain_idna(struct address *address, size_t start);

/* An address literal with its brackets: sets domain, is_literal, literal and flags. */
bool address_parse_literal(struct address *address, size_t start);

/* What is wrong with an ASCII byte that can't stand in a domain. */
enum address_diagnosis address_domain_byte_diagnosis(char c);

/* True when a label that starts with "xn--" is what IDNA 2008 makes of a U-label. */
bool address_alabel_is_sound(struct slice label);

/* Flags of the finished domain_ascii: single label and the kinds of top level domain. */
uint32_t address_domain_flags(const struct address *address);

/* Flags for the characters of a local part that is not ASCII (well-formed UTF-8). */
uint32_t address_local_unicode_flags(struct slice local);

/* True for a symbol that is stable under NFKC and that UTS 46 takes in labels: emoji, mostly. */
bool address_symbol_is_sound(uint32_t code_point);

#endif
