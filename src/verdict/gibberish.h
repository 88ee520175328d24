/*
 * Does a local part look like fingers on a keyboard, or a random string, rather than a name?
 *
 * A modest guess from the letters alone, for a flag and a few points of the score, never for a
 * verdict. It asks for one of four signs, each tuned to leave names, words and initials of the
 * European languages alone:
 *   - a word of seven letters or more that random letters explain better than names and words do,
 *     by 18 bits or more (verdict/letters.h);
 *   - six consonants in a row, where "sch", "th" and their like count as one, in a local part whose
 *     letters are less than a quarter vowels;
 *   - eight letters or more and no vowel;
 *   - letters and digits changing places five times or more within twelve characters or more, or
 *     sixteen hexadecimal digits or more with both kinds in them.
 * Local parts with non-ASCII letters are left alone. The tag after "+" is not looked at.
 */
#ifndef MK_VERDICT_GIBBERISH_H
#define MK_VERDICT_GIBBERISH_H

#include <stdbool.h>

#include "address/traits.h"

struct gibberish {
    bool is_suspected;
    /* The first sign by degrees: the greatest surplus of its words in bits (letters_surplus_bits),
       at least 0. Of words of fewer than five letters nothing is known. */
    int surplus_bits;
};

/* Of a local part without quotes. */
void gibberish_look(const struct address_traits *traits, struct gibberish *ret_gibberish);

#endif
