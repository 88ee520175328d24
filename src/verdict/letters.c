#include "verdict/letters.h"

#include <stddef.h>

#define GIVEN       0x8000u
#define SURNAME     0x4000u
#define FINGERPRINT 0x3fffu

#define CASE_BIT        0x20 /* of letters, set in those of lower case */
#define NAME_MIN        2
#define HASH_START      2166136261U
#define HASH_FACTOR     16777619U
#define EDGE            26 /* what stands before and behind a word */
#define RANDOM_COST     19 /* quarters of a bit: log2 of 26 */
#define INITIAL_SURPLUS 8  /* quarters of a bit: an initial is any letter, and not all have one */
#define INITIAL_REST    3  /* letters that must be left beside one */

/* Must be what name_hash in tools/compile-names is, but for its last step. */
static uint32_t hash_on(uint32_t hash, char c)
{
    return (hash ^ (unsigned char)(c | CASE_BIT)) * HASH_FACTOR;
}

static unsigned kinds_of(uint32_t hash)
{
    uint32_t slot;

    hash ^= hash >> 15;
    for (slot = hash % LETTERS_NAME_SLOTS; letters_names[slot] != 0;
         slot = (slot + 1) % LETTERS_NAME_SLOTS)
        if ((letters_names[slot] & FINGERPRINT) == (hash >> 16 & FINGERPRINT))
            return ((letters_names[slot] & GIVEN) != 0 ? LETTERS_GIVEN_NAME : 0) |
                   ((letters_names[slot] & SURNAME) != 0 ? LETTERS_SURNAME : 0);
    return 0;
}

unsigned letters_name_kinds(struct slice word)
{
    uint32_t hash = HASH_START;

    if (word.len < NAME_MIN || word.len > LETTERS_NAME_MAX)
        return 0;
    for (size_t i = 0; i < word.len; i++)
        hash = hash_on(hash, word.ptr[i]);
    return kinds_of(hash);
}

void letters_heads_of(struct slice word, struct letters_heads *ret_heads)
{
    uint32_t hash = HASH_START;

    for (size_t i = 0; i < word.len && i < LETTERS_NAME_MAX; i++)
        ret_heads->hashes[i] = hash = hash_on(hash, word.ptr[i]);
}

unsigned letters_head_kinds(const struct letters_heads *heads, size_t len)
{
    return len >= NAME_MIN && len <= LETTERS_NAME_MAX ? kinds_of(heads->hashes[len - 1]) : 0;
}

bool letters_is_given_name(struct slice word)
{
    return (letters_name_kinds(word) & LETTERS_GIVEN_NAME) != 0;
}

bool letters_is_surname(struct slice word)
{
    return (letters_name_kinds(word) & LETTERS_SURNAME) != 0;
}

/* What a letter costs behind two others. */
static int cost_of(unsigned first, unsigned second, unsigned third)
{
    return letters_costs[(first * 27 + second) * 27 + third];
}

/* 0 for "a" and "A"; more than 25 for what is no letter. */
static unsigned letter_of(char c)
{
    return (unsigned char)((c | CASE_BIT) - 'a');
}

/* Quarters of a bit by which random letters explain it better; false: not all are letters. */
static bool look_at_surplus(struct slice word, int *ret_surplus)
{
    unsigned first = EDGE, second = EDGE;
    int surplus = -(int)word.len * RANDOM_COST;

    for (size_t i = 0; i < word.len; i++) {
        unsigned third = letter_of(word.ptr[i]);

        if (third > 25)
            return false;
        surplus += cost_of(first, second, third);
        first = second;
        second = third;
    }
    *ret_surplus = surplus + cost_of(first, second, EDGE);
    return true;
}

/* The same without its last letter, or without its first: all but the costs at that end stay. Of
 * three letters or more. */
static int without_last(struct slice word, int surplus)
{
    unsigned third = letter_of(word.ptr[word.len - 3]), second = letter_of(word.ptr[word.len - 2]),
             last = letter_of(word.ptr[word.len - 1]);

    return surplus + RANDOM_COST - cost_of(third, second, last) - cost_of(second, last, EDGE) +
           cost_of(third, second, EDGE);
}

static int without_first(struct slice word, int surplus)
{
    unsigned first = letter_of(word.ptr[0]), second = letter_of(word.ptr[1]),
             third = letter_of(word.ptr[2]);

    return surplus + RANDOM_COST - cost_of(EDGE, EDGE, first) - cost_of(EDGE, first, second) -
           cost_of(first, second, third) + cost_of(EDGE, EDGE, second) +
           cost_of(EDGE, second, third);
}

static int least_of(int a, int b)
{
    return a < b ? a : b;
}

int letters_surplus_bits(struct slice word)
{
    int whole, least;

    if (word.len == 0 || !look_at_surplus(word, &whole))
        return 0;
    least = whole;
    /* Most words are names or near them: no initial makes more of those. */
    if (least > 0 && word.len > INITIAL_REST)
        least = least_of(least, without_last(word, whole) + INITIAL_SURPLUS);
    if (least > 0 && word.len > INITIAL_REST)
        least = least_of(least, without_first(word, whole) + INITIAL_SURPLUS);
    return least / 4;
}
