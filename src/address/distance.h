/*
 * How far a typed word is from the one that was meant: a restricted Damerau-Levenshtein distance
 * whose steps cost less the easier they happen to fingers on a keyboard.
 */
#ifndef MK_ADDRESS_DISTANCE_H
#define MK_ADDRESS_DISTANCE_H

#include <stdbool.h>

#include "base/slice.h"

#define DISTANCE_WORD_MAX 32 /* longer words are always DISTANCE_FAR */
#define DISTANCE_FAR      1000u

/*
 * In tenths of a keystroke: a transposition or a doubled or lost double letter 5, a neighbouring
 * key or a lookalike 6, an extra neighbouring key 7, a lost key 8, an extra key 9, any other 10 (14
 * for the first letter, which people rarely miss by more than a key). Lower-case ASCII.
 */
unsigned distance_of_typing(struct slice typed, struct slice meant);

/* True when the keys lie next to each other (QWERTY, and what QWERTZ and AZERTY exchange). */
bool distance_keys_touch(char a, char b);

#endif
