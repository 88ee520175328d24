#include "verdict/gibberish.h"

#include <stddef.h>
#include <stdint.h>

#include "verdict/letters.h"

#define SURPLUS_BITS 18
#define SURPLUS_LEN  7 /* letters of the word */
#define DOUBTED_LEN  5
#define ROW_LEN      6 /* consonants */

/* Of the part that can be read: address_traits. */
struct traits {
    uint64_t letters, vowels, digits, hexadecimals;
};

#define LETTER(c) (UINT32_C(1) << ((c) - 'a'))

/* By first letter, the second letters with which it is one consonant. */
static const uint32_t second_letters[26] = {
    ['c' - 'a'] = LETTER('h') | LETTER('k') | LETTER('z'),
    ['d' - 'a'] = LETTER('z'),
    ['g' - 'a'] = LETTER('h'),
    ['k' - 'a'] = LETTER('h'),
    ['n' - 'a'] = LETTER('g'),
    ['p' - 'a'] = LETTER('h'),
    ['r' - 'a'] = LETTER('z'),
    ['s' - 'a'] = LETTER('h') | LETTER('z'),
    ['t' - 'a'] = LETTER('h') | LETTER('s') | LETTER('z'),
    ['w' - 'a'] = LETTER('h'),
    ['z' - 'a'] = LETTER('h'),
};

/* Consonants written with several letters: how many letters, at the start of s, a consonant. */
static size_t consonant_len(struct slice s)
{
    char first = ascii_lower(s.ptr[0]), second = s.len >= 2 ? ascii_lower(s.ptr[1]) : '\0';

    if (first == 't' && second == 's' && slice_starts_with_nocase(s, SLICE("tsch")))
        return 4;
    if (first == 's' && second == 'c' && slice_starts_with_nocase(s, SLICE("sch")))
        return 3;
    if (first == 's' && second == 'z' && slice_starts_with_nocase(s, SLICE("szcz")))
        return 4;
    if (!ascii_is_alpha(second))
        return 1;
    return first == second || (second_letters[first - 'a'] & LETTER(second)) != 0 ? 2 : 1;
}

/* The longest row of consonants, those of several letters counted once. */
static size_t consonants_in_row(struct slice local, const struct traits *traits)
{
    uint64_t consonants = traits->letters & ~traits->vowels;
    size_t longest = 0, row = 0, at = 0;

    while (at < local.len) {
        bool is_consonant = (consonants >> at & 1) != 0;

        row = is_consonant ? row + 1 : 0;
        longest = row > longest ? row : longest;
        at += is_consonant ? consonant_len(slice_from_offset(local, at)) : 1;
    }
    return longest;
}

/* Is there a row of so many letters at all, whatever they are counted as? */
static bool has_row(uint64_t letters, unsigned len)
{
    while (--len > 0)
        letters &= letters >> 1;
    return letters != 0;
}

static size_t count_of(uint64_t bits)
{
    return (size_t)__builtin_popcountll(bits);
}

/* Few are wanted, and mostly there are fewer: no need to count them all. */
static bool has_many(uint64_t bits, unsigned wanted)
{
    while (--wanted > 0 && bits != 0)
        bits &= bits - 1;
    return bits != 0;
}

/* Most names have none of them, which is seen before anything is counted. */
static bool has_odd_traits(struct slice local, const struct traits *traits)
{
    uint64_t letters = traits->letters, vowels = traits->vowels, digits = traits->digits;

    if (vowels == 0 && has_many(letters, 8))
        return true;
    if (local.len >= 12 && has_many((letters << 1 & digits) | (digits << 1 & letters), 5))
        return true;
    if (local.len >= 16 && digits != 0 && letters != 0 &&
        count_of(traits->hexadecimals) == local.len)
        return true;
    return has_row(letters & ~vowels, ROW_LEN) && count_of(vowels) * 4 < count_of(letters) &&
           consonants_in_row(local, traits) >= ROW_LEN;
}

/* Without a tag; empty where letters are not of ASCII. */
static struct slice legible_part(const struct address_traits *traits)
{
    size_t len = address_traits_untagged(traits);

    return (traits->high & address_traits_first(len)) == 0 ? slice_from(traits->lower, len)
                                                           : SLICE_EMPTY;
}

/*
 * The greatest surplus of the words of five letters or more, 0 without one; and whether that of one
 * of seven or more is enough by itself.
 */
static int greatest_surplus(struct slice local, uint64_t letters, bool *ret_is_enough)
{
    int greatest = 0;

    *ret_is_enough = false;
    while (letters != 0) {
        unsigned from = (unsigned)__builtin_ctzll(letters);
        uint64_t behind = ~(letters >> from);
        unsigned len = behind != 0 ? (unsigned)__builtin_ctzll(behind) : 64;

        if (len >= DOUBTED_LEN) {
            int surplus = letters_surplus_bits(slice_from(local.ptr + from, len));

            greatest = surplus > greatest ? surplus : greatest;
            *ret_is_enough |= len >= SURPLUS_LEN && surplus >= SURPLUS_BITS;
        }
        letters = from + len < 64 ? letters >> (from + len) << (from + len) : 0;
    }
    return greatest;
}

void gibberish_look(const struct address_traits *traits, struct gibberish *ret_gibberish)
{
    struct slice local = legible_part(traits);
    uint64_t legible = address_traits_first(local.len);
    const struct traits seen = {
        .letters = traits->letters & legible,
        .vowels = traits->vowels & legible,
        .digits = traits->digits & legible,
        .hexadecimals = traits->hexadecimals & legible,
    };
    bool is_enough;

    ret_gibberish->surplus_bits = greatest_surplus(local, seen.letters, &is_enough);
    ret_gibberish->is_suspected = is_enough || has_odd_traits(local, &seen);
}
