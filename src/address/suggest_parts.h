/* The parts of suggestions, for suggest.c and suggest_address.c. */
#ifndef MK_ADDRESS_SUGGEST_PARTS_H
#define MK_ADDRESS_SUGGEST_PARTS_H

#include <stdbool.h>

#include "address/address.h"
#include "base/slice.h"

/*
 * Lower case, without what no domain has: other characters, empty labels, hyphens at the ends of
 * labels, a top level twice; a comma, semicolon or space between letters is a dot. False when
 * nothing is left, when it is not ASCII, or when it is too long.
 */
bool suggest_repair_domain(struct slice domain, char out[ADDRESS_DOMAIN_MAX + 1]);

/* True when "a@domain" is an address that is deliverable by its form. */
bool suggest_is_domain(struct slice domain);

/*
 * The popular domain that is nearest, when it is near enough and no other is as near; domain is
 * lower case, clean, has a dot and is not popular itself. is_delegated: its top level exists.
 */
bool suggest_search(struct slice domain, bool is_delegated, struct slice *ret_found);

#endif
