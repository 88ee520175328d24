/*
 * What a local part is made of, found in one look for all that judge names: lists of roles, rules
 * of providers, letters that are nobody's name. A bit a byte, the first byte's the lowest.
 */
#ifndef MK_ADDRESS_TRAITS_H
#define MK_ADDRESS_TRAITS_H

#include <stddef.h>
#include <stdint.h>

#include "address/address.h"
#include "base/slice.h"

struct address_traits {
    size_t len;
    uint64_t letters, vowels, digits, hexadecimals; /* of ASCII, any case; "y" is a vowel */
    uint64_t dots, hyphens, underscores, blanks, pluses;
    uint64_t high; /* bytes that are not ASCII */
    /* The bytes, ASCII letters in lower case; behind them what means nothing, and room for sixteen
       to be read together from each of them on. */
    char lower[ADDRESS_LOCAL_MAX + 16];
};

/* local: ADDRESS_LOCAL_MAX bytes at most, as they are meant to be read: quotes are bytes, too. */
void address_traits_of(struct slice local, struct address_traits *ret_traits);

/* The first `len` of the bits. */
static inline uint64_t address_traits_first(size_t len)
{
    return len < 64 ? (UINT64_C(1) << len) - 1 : UINT64_MAX;
}

/* How many bytes stand before the tag ("+shop"): all of them where there is none. A "+" in front is
 * no tag. */
static inline size_t address_traits_untagged(const struct address_traits *traits)
{
    uint64_t pluses = traits->pluses & ~UINT64_C(1);

    return pluses != 0 ? (size_t)__builtin_ctzll(pluses) : traits->len;
}

#endif
