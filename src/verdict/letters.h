/*
 * Words of local parts: which are names of people, and how unlike any name their letters are.
 *
 * Two tables compiled from data/names.tsv (given names and surnames of fifty languages) and
 * data/name_letters.txt (how unlikely a letter is behind two others, learnt from those names and
 * from English words). Both together are 150 KB. A word is lower-case or upper-case ASCII letters;
 * of anything else nothing is known. What is not in the tables may be a name all the same.
 */
#ifndef MK_VERDICT_LETTERS_H
#define MK_VERDICT_LETTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define LETTERS_GIVEN_NAME 1u
#define LETTERS_SURNAME    2u
/* Which of the two the word is known as, or 0. */
unsigned letters_name_kinds(struct slice word);
bool letters_is_given_name(struct slice word);
bool letters_is_surname(struct slice word);

#define LETTERS_NAME_MAX 20 /* letters; no longer word is known */

/* The same of many beginnings of one word, of `len` letters at most the word's: each letter is
 * looked at once. */
struct letters_heads {
    uint32_t hashes[LETTERS_NAME_MAX];
};
void letters_heads_of(struct slice word, struct letters_heads *ret_heads);
unsigned letters_head_kinds(const struct letters_heads *heads, size_t len);

/*
 * By how many bits the word is better explained by letters drawn at random than as a name or a
 * word: names are mostly below 0, random strings of eight letters and more above 20. An initial
 * before or behind a name ("jschmidt", "janed") counts as such.
 */
int letters_surplus_bits(struct slice word);

/* --- the compiled tables --------------------------------------------------------------------- */

#define LETTERS_NAME_SLOTS 65536
extern const uint16_t letters_names[LETTERS_NAME_SLOTS];
extern const uint8_t letters_costs[27 * 27 * 27]; /* quarters of a bit; 26: before or behind */

#endif
