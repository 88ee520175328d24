/*
 * How far a typed word is from the one that was meant: a restricted Damerau-Levenshtein distance
 * whose steps cost less the easier they happen to fingers on a keyboard.
 */
#ifndef MK_ADDRESS_DISTANCE_H
#define MK_ADDRESS_DISTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define DISTANCE_WORD_MAX 32 /* longer words are always DISTANCE_FAR */
#define DISTANCE_FAR      1000u

#define DISTANCE_STEP_LEAST 5 /* what the cheapest step costs */

/* A typed word made ready to be compared with many. */
struct distance_word {
    struct slice text;
    bool is_short;    /* not longer than DISTANCE_WORD_MAX; the rest is unset when it is not */
    uint64_t letters; /* which characters it has, see distance_letters */
    uint64_t near[DISTANCE_WORD_MAX];       /* by place: what may have been meant by the key */
    uint8_t extra_costs[DISTANCE_WORD_MAX]; /* by place: what it costs to be one too many */
};

/* typed: lower-case ASCII; borrowed. */
void distance_prepare(struct slice typed, struct distance_word *ret_word);

/*
 * How far the typed word is from the one that was meant, or DISTANCE_FAR when that is more than
 * cap.
 *
 * In tenths of a keystroke: a transposition or a doubled or lost double letter 5, a neighbouring
 * key or a lookalike 6, an extra neighbouring key 7, a lost key 8, an extra key 9, any other 10 (14
 * for the first letter, which people rarely miss by more than a key). Hyphens and dots come and go
 * for 5. meant_letters: distance_letters(meant).
 */
unsigned distance_between(const struct distance_word *typed, struct slice meant,
                          uint64_t meant_letters, unsigned cap);

/* Not more than so many of the set. */
static inline bool distance_has_few(uint64_t set, unsigned most)
{
    for (; most > 0 && set != 0; most--)
        set &= set - 1;
    return set == 0;
}

/*
 * Can so few steps do? Each adds and takes away one character at most. Where not, the words are
 * further apart than cap: most pairs of words are, and this is the cheap way to see it. Letters are
 * distance_letters of the words.
 */
static inline bool distance_is_within_reach(size_t typed_len, uint64_t typed_letters,
                                            size_t meant_len, uint64_t meant_letters, unsigned cap)
{
    unsigned steps = cap / DISTANCE_STEP_LEAST;

    return (typed_len > meant_len ? typed_len - meant_len : meant_len - typed_len) <= steps &&
           distance_has_few(typed_letters & ~meant_letters, steps) &&
           distance_has_few(meant_letters & ~typed_letters, steps);
}

/* The set of characters of a lower-case word: one bit a letter or digit, one for all others. */
uint64_t distance_letters(struct slice word);

/* distance_between for once, without a cap. */
unsigned distance_of_typing(struct slice typed, struct slice meant);

/* True when the keys lie next to each other (QWERTY, and what QWERTZ and AZERTY exchange). */
bool distance_keys_touch(char a, char b);

#endif
