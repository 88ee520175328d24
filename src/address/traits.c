#include "address/traits.h"

#include <string.h>

#include "base/check.h"
#include "base/sixteen.h"

/* Of sixteen bytes all but `len`; `lower` begins with them. */
static inline void look_at(sixteen bytes, struct address_traits *ret)
{
    sixteen small = bytes | 0x20; /* makes no letter of what is none */
    sixteen is_letter = sixteen_between(small, 'a', 'z');
    sixteen is_digit = sixteen_between(bytes, '0', '9');
    sixteen is_vowel = (sixteen)((small == 'a') | (small == 'e') | (small == 'i') | (small == 'o') |
                                 (small == 'u') | (small == 'y'));

    ret->letters = sixteen_gather(is_letter);
    ret->vowels = sixteen_gather(is_vowel);
    ret->digits = sixteen_gather(is_digit);
    ret->hexadecimals = sixteen_gather(sixteen_between(small, 'a', 'f') | is_digit);
    ret->dots = sixteen_gather((sixteen)(bytes == '.'));
    ret->hyphens = sixteen_gather((sixteen)(bytes == '-'));
    ret->underscores = sixteen_gather((sixteen)(bytes == '_'));
    ret->blanks = sixteen_gather((sixteen)(bytes == ' '));
    ret->pluses = sixteen_gather((sixteen)(bytes == '+'));
    ret->high = sixteen_gather(bytes);
    bytes |= is_letter & 0x20;
    memcpy(ret->lower, &bytes, 16);
}

/* Few are longer than sixteen bytes: what stands behind them. */
static __attribute__((noinline)) void look_at_rest(struct slice local, struct address_traits *all)
{
    for (size_t at = 16; at < local.len; at += 16) {
        size_t len = local.len - at < 16 ? local.len - at : 16;
        struct address_traits part;

        look_at(sixteen_read(local.ptr + at, len), &part);
        all->letters |= part.letters << at;
        all->vowels |= part.vowels << at;
        all->digits |= part.digits << at;
        all->hexadecimals |= part.hexadecimals << at;
        all->dots |= part.dots << at;
        all->hyphens |= part.hyphens << at;
        all->underscores |= part.underscores << at;
        all->blanks |= part.blanks << at;
        all->pluses |= part.pluses << at;
        all->high |= part.high << at;
        memcpy(all->lower + at, part.lower, 16);
    }
}

void address_traits_of(struct slice local, struct address_traits *ret_traits)
{
    CHECK(local.len <= ADDRESS_LOCAL_MAX);
    ret_traits->len = local.len;
    look_at(sixteen_read(local.ptr, local.len < 16 ? local.len : 16), ret_traits);
    if (local.len > 16)
        look_at_rest(local, ret_traits);
}
