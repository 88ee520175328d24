#include "verdict/letters.h"

#include <stddef.h>

#define GIVEN       0x8000u
#define SURNAME     0x4000u
#define FINGERPRINT 0x3fffu

#define NAME_MIN        2
#define NAME_MAX        20
#define EDGE            26 /* what stands before and behind a word */
#define RANDOM_COST     19 /* quarters of a bit: log2 of 26 */
#define INITIAL_SURPLUS 8  /* quarters of a bit: an initial is any letter, and not all have one */
#define INITIAL_REST    3  /* letters that must be left beside one */

/* Must be what name_hash in tools/compile-names is. */
static uint32_t name_hash(struct slice word)
{
    uint32_t value = 2166136261U;

    for (size_t i = 0; i < word.len; i++)
        value = (value ^ (unsigned char)ascii_lower(word.ptr[i])) * 16777619U;
    return value ^ (value >> 15);
}

unsigned letters_name_kinds(struct slice word)
{
    uint32_t hash, slot;

    if (word.len < NAME_MIN || word.len > NAME_MAX)
        return 0;
    hash = name_hash(word);
    for (slot = hash % LETTERS_NAME_SLOTS; letters_names[slot] != 0;
         slot = (slot + 1) % LETTERS_NAME_SLOTS)
        if ((letters_names[slot] & FINGERPRINT) == (hash >> 16 & FINGERPRINT))
            return ((letters_names[slot] & GIVEN) != 0 ? LETTERS_GIVEN_NAME : 0) |
                   ((letters_names[slot] & SURNAME) != 0 ? LETTERS_SURNAME : 0);
    return 0;
}

bool letters_is_given_name(struct slice word)
{
    return (letters_name_kinds(word) & LETTERS_GIVEN_NAME) != 0;
}

bool letters_is_surname(struct slice word)
{
    return (letters_name_kinds(word) & LETTERS_SURNAME) != 0;
}

/* Quarters of a bit by which random letters explain it better. */
static int surplus_of(struct slice word)
{
    unsigned first = EDGE, second = EDGE;
    int surplus = -(int)word.len * RANDOM_COST;

    for (size_t i = 0; i <= word.len; i++) {
        unsigned third = i < word.len ? (unsigned)(ascii_lower(word.ptr[i]) - 'a') : EDGE;

        surplus += letters_costs[(first * 27 + second) * 27 + third];
        first = second;
        second = third;
    }
    return surplus;
}

int letters_surplus_bits(struct slice word)
{
    int least, without;

    for (size_t i = 0; i < word.len; i++)
        if (!ascii_is_alpha(word.ptr[i]))
            return 0;
    if (word.len == 0)
        return 0;
    least = surplus_of(word);
    /* Most words are names or near them: no initial makes more of those. */
    for (size_t from = 0; from < 2 && least > 0 && word.len > INITIAL_REST; from++) {
        without = surplus_of(slice_from(word.ptr + from, word.len - 1)) + INITIAL_SURPLUS;
        least = without < least ? without : least;
    }
    return least / 4;
}
