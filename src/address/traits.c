#include "address/traits.h"

#include <string.h>

#include "base/check.h"
#include "base/sixteen.h"

void address_traits_of(struct slice local, struct address_traits *ret_traits)
{
    uint64_t letters = 0, vowels = 0, digits = 0, hexadecimals = 0, high = 0;
    uint64_t dots = 0, hyphens = 0, underscores = 0, blanks = 0, pluses = 0;

    CHECK(local.len <= ADDRESS_LOCAL_MAX);
    for (size_t at = 0; at < local.len; at += 16) {
        size_t len = local.len - at < 16 ? local.len - at : 16;
        sixteen bytes = sixteen_read(local.ptr + at, len);
        sixteen small = bytes | 0x20; /* makes no letter of what is none */
        sixteen is_digit = sixteen_between(bytes, '0', '9');
        sixteen is_vowel = (sixteen)((small == 'a') | (small == 'e') | (small == 'i') |
                                     (small == 'o') | (small == 'u') | (small == 'y'));

        letters |= sixteen_gather(sixteen_between(small, 'a', 'z')) << at;
        vowels |= sixteen_gather(is_vowel) << at;
        digits |= sixteen_gather(is_digit) << at;
        hexadecimals |= sixteen_gather(sixteen_between(small, 'a', 'f') | is_digit) << at;
        dots |= sixteen_gather((sixteen)(bytes == '.')) << at;
        hyphens |= sixteen_gather((sixteen)(bytes == '-')) << at;
        underscores |= sixteen_gather((sixteen)(bytes == '_')) << at;
        blanks |= sixteen_gather((sixteen)(bytes == ' ')) << at;
        pluses |= sixteen_gather((sixteen)(bytes == '+')) << at;
        high |= sixteen_gather(bytes) << at;
        bytes |= sixteen_between(bytes, 'A', 'Z') & 0x20;
        memcpy(ret_traits->lower + at, &bytes, 16);
    }
    ret_traits->len = local.len;
    ret_traits->letters = letters;
    ret_traits->vowels = vowels;
    ret_traits->digits = digits;
    ret_traits->hexadecimals = hexadecimals;
    ret_traits->dots = dots;
    ret_traits->hyphens = hyphens;
    ret_traits->underscores = underscores;
    ret_traits->blanks = blanks;
    ret_traits->pluses = pluses;
    ret_traits->high = high;
}
