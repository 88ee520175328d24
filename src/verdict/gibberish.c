#include "verdict/gibberish.h"

#include <stddef.h>

#include "base/check.h"
#include "verdict/letters.h"

#define SURPLUS_BITS 18
#define SURPLUS_LEN  7 /* letters of the word */
#define DOUBTED_LEN  5

struct traits {
    size_t letters, vowels, digits, others;
    size_t consonants_in_row; /* the longest row */
    size_t changes;           /* from a letter to a digit or back */
    bool only_hex;
};

static bool is_vowel(char c)
{
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y';
}

static bool may_be_second(char c)
{
    c = ascii_lower(c);
    return c == 'c' || c == 'g' || c == 'h' || c == 'k' || c == 's' || c == 'z';
}

static bool may_be_first(char c)
{
    c = ascii_lower(c);
    return c == 't' || c == 's' || c == 'c' || c == 'd' || c == 'g' || c == 'k' || c == 'n' ||
           c == 'p' || c == 'r' || c == 'w' || c == 'z';
}

/* Consonants written with several letters: how many letters, at the start of s. */
static size_t consonant_len(struct slice s)
{
    static const char *const clusters[] = {"tsch", "sch", "szcz", "ch", "ck", "cz", "dz",
                                           "gh",   "kh",  "ng",   "ph", "rz", "sh", "sz",
                                           "th",   "ts",  "tz",   "wh", "zh"};

    /* First and second letters of all of them are some of a few. */
    bool may_be = s.len >= 2 && may_be_second(s.ptr[1]) && may_be_first(s.ptr[0]);

    for (size_t i = 0; may_be && i < ARRAY_LEN(clusters); i++) {
        struct slice cluster = slice_from_string(clusters[i]);

        if (slice_starts_with_nocase(s, cluster))
            return cluster.len;
    }
    return s.len >= 2 && ascii_lower(s.ptr[0]) == ascii_lower(s.ptr[1]) ? 2 : 1;
}

static void look_at(struct slice local, struct traits *traits)
{
    size_t row = 0, at = 0;
    char last = '\0';

    *traits = (struct traits){.only_hex = true};
    while (at < local.len) {
        char c = ascii_lower(local.ptr[at]);
        size_t len = 1;

        traits->only_hex &= ascii_hex_value(c) >= 0;
        if (ascii_is_alpha(c) && !is_vowel(c)) {
            len = consonant_len(slice_from_offset(local, at));
            traits->only_hex &= len == 1 || c == ascii_lower(local.ptr[at + 1]);
            row++;
        } else {
            row = 0;
        }
        if (row > traits->consonants_in_row)
            traits->consonants_in_row = row;
        if (ascii_is_alpha(c))
            traits->letters += len;
        else if (ascii_is_digit(c))
            traits->digits++;
        else
            traits->others++;
        traits->vowels += is_vowel(c);
        if ((ascii_is_alpha(c) && ascii_is_digit(last)) ||
            (ascii_is_digit(c) && ascii_is_alpha(last)))
            traits->changes++;
        last = c;
        at += len;
    }
}

/* Without a tag; empty where letters are not of ASCII. */
static struct slice legible_part(struct slice local)
{
    ptrdiff_t plus = slice_find_byte(local, '+');

    if (plus > 0)
        local = slice_prefix(local, (size_t)plus);
    for (size_t i = 0; i < local.len; i++)
        if ((unsigned char)local.ptr[i] >= 0x80)
            return SLICE_EMPTY;
    return local;
}

/* The greatest surplus of the words of at least len_min letters; 0 without one. */
static int greatest_surplus(struct slice local, size_t len_min)
{
    int greatest = 0;
    size_t start = 0;

    for (size_t i = 0; i <= local.len; i++) {
        if (i < local.len && ascii_is_alpha(local.ptr[i]))
            continue;
        if (i - start >= len_min) {
            int surplus = letters_surplus_bits(slice_from(local.ptr + start, i - start));

            greatest = surplus > greatest ? surplus : greatest;
        }
        start = i + 1;
    }
    return greatest;
}

int gibberish_surplus_bits(struct slice local)
{
    return greatest_surplus(legible_part(local), DOUBTED_LEN);
}

bool gibberish_suspected(struct slice local)
{
    struct traits traits;

    local = legible_part(local);
    if (greatest_surplus(local, SURPLUS_LEN) >= SURPLUS_BITS)
        return true;
    look_at(local, &traits);
    if (traits.consonants_in_row >= 6 && traits.vowels * 4 < traits.letters)
        return true;
    if (traits.letters >= 8 && traits.vowels == 0)
        return true;
    if (traits.changes >= 5 && local.len >= 12)
        return true;
    return traits.only_hex && local.len >= 16 && traits.digits > 0 && traits.letters > 0;
}
