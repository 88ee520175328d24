#include "verdict/naming.h"

#include <string.h>

#include "base/check.h"
#include "verdict/letters.h"

#define PARTS_MAX   4
#define PIECE_MIN   3  /* letters of each name in "firstlast" */
#define SURPLUS_MAX 18 /* bits; above, letters are no name's (verdict/gibberish.h) */

const char *naming_pattern_name(enum naming_pattern pattern)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        NAMING_PATTERNS(X)
#undef X
    };

    CHECK((unsigned)pattern < ARRAY_LEN(names));
    return names[pattern];
}

/* --- cutting up ------------------------------------------------------------------------------ */

struct parts {
    struct slice words[PARTS_MAX];
    size_t count;
    char separator; /* 0: none; 1: of two kinds, or too many */
};

static bool is_separator(char c)
{
    return c == '.' || c == '_' || c == '-';
}

static struct slice without_tag_and_number(struct slice local)
{
    ptrdiff_t plus = slice_find_byte(local, '+');

    if (plus > 0)
        local = slice_prefix(local, (size_t)plus);
    while (local.len > 1 &&
           (ascii_is_digit(local.ptr[local.len - 1]) || is_separator(local.ptr[local.len - 1])))
        local.len--;
    return local;
}

/* False: there is something else than letters and separators. */
static bool cut(struct slice local, struct parts *parts)
{
    size_t start = 0;

    *parts = (struct parts){.count = 0};
    for (size_t i = 0; i <= local.len; i++) {
        if (i < local.len && ascii_is_alpha(local.ptr[i]))
            continue;
        if (i == start || (i < local.len && !is_separator(local.ptr[i])) ||
            parts->count == PARTS_MAX)
            return false;
        parts->words[parts->count++] = slice_from(local.ptr + start, i - start);
        start = i + 1;
        if (i < local.len && parts->separator != 0 && parts->separator != local.ptr[i])
            parts->separator = 1;
        else if (i < local.len)
            parts->separator = local.ptr[i];
    }
    return true;
}

/* --- one word -------------------------------------------------------------------------------- */

/* Where "firstlast" or "lastfirst" can be cut into two known names. */
static enum naming_pattern pattern_of_joined(struct slice word, const struct letters_heads *heads)
{
    for (size_t at = PIECE_MIN; at + PIECE_MIN <= word.len; at++) {
        unsigned head = letters_head_kinds(heads, at), tail;

        if (head == 0)
            continue;
        tail = letters_name_kinds(slice_from_offset(word, at));
        if ((head & LETTERS_GIVEN_NAME) != 0 && (tail & LETTERS_SURNAME) != 0)
            return NAMING_FIRST_LAST;
        if ((head & LETTERS_SURNAME) != 0 && (tail & LETTERS_GIVEN_NAME) != 0)
            return NAMING_LAST_FIRST;
    }
    return NAMING_NONE;
}

/* By the names that are known in it; NAMING_NONE: none is. */
static enum naming_pattern pattern_of_names(struct slice word)
{
    struct letters_heads heads;
    enum naming_pattern joined;
    unsigned kinds;

    if (word.len < 2)
        return NAMING_NONE;
    letters_heads_of(word, &heads);
    kinds = letters_head_kinds(&heads, word.len);
    if (kinds != 0)
        return (kinds & LETTERS_GIVEN_NAME) != 0 ? NAMING_FIRST : NAMING_LAST;
    if (word.len > PIECE_MIN && letters_is_surname(slice_from_offset(word, 1)))
        return NAMING_INITIAL_LAST;
    joined = pattern_of_joined(word, &heads);
    if (joined != NAMING_NONE)
        return joined;
    kinds = word.len > PIECE_MIN ? letters_head_kinds(&heads, word.len - 1) : 0;
    return (kinds & LETTERS_GIVEN_NAME) != 0 ? NAMING_FIRST_INITIAL : NAMING_NONE;
}

static enum naming_pattern pattern_of_word(struct slice word)
{
    enum naming_pattern pattern = pattern_of_names(word);

    if (pattern != NAMING_NONE || word.len < 2)
        return pattern;
    return letters_surplus_bits(word) >= SURPLUS_MAX ? NAMING_NONE : NAMING_WORD;
}

/* --- two words ------------------------------------------------------------------------------- */

/* The patterns with "." come first, then those with "_" and "-". */
static enum naming_pattern with_separator(enum naming_pattern dotted, char separator)
{
    return (enum naming_pattern)(dotted + (separator == '_' ? 1 : separator == '-' ? 2 : 0));
}

static enum naming_pattern pattern_of_two(struct slice one, struct slice two, char separator)
{
    unsigned first, second, as_first_last, as_last_first;

    if (one.len == 1 && two.len == 1)
        return NAMING_NONE;
    if (one.len == 1)
        return with_separator(NAMING_INITIAL_DOT_LAST, separator);
    if (two.len == 1)
        return with_separator(NAMING_FIRST_DOT_INITIAL, separator);
    if (letters_surplus_bits(one) >= SURPLUS_MAX || letters_surplus_bits(two) >= SURPLUS_MAX)
        return NAMING_NONE;
    first = letters_name_kinds(one);
    second = letters_name_kinds(two);
    as_first_last = ((first & LETTERS_GIVEN_NAME) != 0) + ((second & LETTERS_SURNAME) != 0);
    as_last_first = ((first & LETTERS_SURNAME) != 0) + ((second & LETTERS_GIVEN_NAME) != 0);
    return with_separator(
        as_last_first > as_first_last ? NAMING_LAST_DOT_FIRST : NAMING_FIRST_DOT_LAST, separator);
}

enum naming_pattern naming_pattern_of(struct slice local)
{
    struct parts parts;

    if (!cut(without_tag_and_number(local), &parts))
        return NAMING_NONE;
    if (parts.count == 1)
        return pattern_of_word(parts.words[0]);
    if (parts.count == 2)
        return pattern_of_two(parts.words[0], parts.words[1], parts.separator);
    return NAMING_THREE;
}

/* How many bytes stand before tag and number, which may have separators among its digits. One at
 * least, if there is any. */
static size_t len_of_words(const struct address_traits *traits, uint64_t separators)
{
    uint64_t all = address_traits_first(address_traits_untagged(traits));
    uint64_t others = all & ~(traits->digits | separators);

    return others != 0 ? (size_t)(64 - __builtin_clzll(others)) : (size_t)(all & 1);
}

/* The same words as cut() finds, by bits. */
bool naming_has_known_name(const struct address_traits *traits)
{
    uint64_t separators = traits->dots | traits->hyphens | traits->underscores;
    size_t len = len_of_words(traits, separators);
    uint64_t all = address_traits_first(len), letters = traits->letters & all;
    struct slice words = slice_from(traits->lower, len);

    separators &= all;
    if (len == 0 || (letters | separators) != all)
        return false;
    if (separators == 0)
        return pattern_of_names(words) != NAMING_NONE;
    if ((separators & 1) != 0 || (separators & separators >> 1) != 0 ||
        __builtin_popcountll(separators) >= PARTS_MAX)
        return false;
    for (size_t from = 0; from < len;) {
        uint64_t behind = (separators | ~all) >> from;
        size_t word_len = behind != 0 ? (size_t)__builtin_ctzll(behind) : len;

        if (letters_name_kinds(slice_prefix(slice_from_offset(words, from), word_len)) != 0)
            return true;
        from += word_len + 1;
    }
    return false;
}

/* --- habits ---------------------------------------------------------------------------------- */

void naming_learn(struct naming_habits *habits, enum naming_pattern pattern)
{
    CHECK((unsigned)pattern < NAMING_PATTERN_COUNT);
    if (pattern == NAMING_NONE)
        return;
    if (habits->counts[pattern] == UINT8_MAX)
        for (size_t i = 0; i < NAMING_PATTERN_COUNT; i++)
            habits->counts[i] /= 2;
    habits->counts[pattern]++;
}

unsigned naming_total(const struct naming_habits *habits)
{
    static const struct naming_habits none;
    unsigned total = 0;

    if (memcmp(habits, &none, sizeof(none)) == 0) /* as of most domains */
        return 0;
    for (size_t i = 0; i < NAMING_PATTERN_COUNT; i++)
        total += habits->counts[i];
    return total;
}

unsigned naming_alike(const struct naming_habits *habits, enum naming_pattern pattern)
{
    CHECK((unsigned)pattern < NAMING_PATTERN_COUNT);
    return habits->counts[pattern];
}
