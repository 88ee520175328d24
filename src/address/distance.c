/* The weighted distance of typing errors: see distance.h. */
#include "address/distance.h"

#include <stdatomic.h>
#include <string.h>

enum {
    COST_SWAP = 5,
    COST_DOUBLE = 5,
    COST_HYPHEN = 5,
    COST_NEAR = 6,
    COST_BRUSH = 7,
    COST_LOST = 8,
    COST_EXTRA = 9,
    COST_OTHER = 10,
    COST_FIRST = 14,
};

/* The keys around each letter, and those that other layouts put in its place. */
static const char *const neighbours[26] = {
    ['a' - 'a'] = "qwsz",    ['b' - 'a'] = "vghn",    ['c' - 'a'] = "xdfv",
    ['d' - 'a'] = "serfcx",  ['e' - 'a'] = "wsdr34",  ['f' - 'a'] = "drtgvc",
    ['g' - 'a'] = "ftyhbv",  ['h' - 'a'] = "gyujnb",  ['i' - 'a'] = "ujko89",
    ['j' - 'a'] = "huikmn",  ['k' - 'a'] = "jiolm",   ['l' - 'a'] = "kop",
    ['m' - 'a'] = "njk",     ['n' - 'a'] = "bhjm",    ['o' - 'a'] = "iklp09",
    ['p' - 'a'] = "ol0",     ['q' - 'a'] = "wa12",    ['r' - 'a'] = "edft45",
    ['s' - 'a'] = "awedxz",  ['t' - 'a'] = "rfgy56",  ['u' - 'a'] = "yhji78",
    ['v' - 'a'] = "cfgb",    ['w' - 'a'] = "qase23z", ['x' - 'a'] = "zsdc",
    ['y' - 'a'] = "tghu67z", ['z' - 'a'] = "asxwy",
};

bool distance_keys_touch(char a, char b)
{
    if (a >= 'a' && a <= 'z')
        return b != '\0' && strchr(neighbours[a - 'a'], b) != NULL;
    if (b >= 'a' && b <= 'z')
        return distance_keys_touch(b, a);
    /* Digits stand in a row, 0 at its end. */
    return ascii_is_digit(a) && ascii_is_digit(b) && (a - b == 1 || b - a == 1);
}

static bool look_alike(char a, char b)
{
    static const char *const sets[] = {"il1", "o0", "s5", "uv"};

    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        if (strchr(sets[i], a) != NULL && strchr(sets[i], b) != NULL)
            return true;
    }
    return false;
}

/* Each letter and digit has a bit, all other characters share one. */
static uint64_t letter_bit(char c)
{
    if (c >= 'a' && c <= 'z')
        return UINT64_C(1) << (c - 'a');
    if (ascii_is_digit(c))
        return UINT64_C(1) << (26 + c - '0');
    return UINT64_C(1) << 36;
}

uint64_t distance_letters(struct slice word)
{
    uint64_t letters = 0;

    for (size_t i = 0; i < word.len; i++)
        letters |= letter_bit(word.ptr[i]);
    return letters;
}

/* The keys around c and the characters that look like it, asked key by key. */
static uint64_t find_near_letters(char c)
{
    static const char keys[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    uint64_t near = 0;

    for (const char *key = keys; *key != '\0'; key++) {
        if (distance_keys_touch(c, *key) || look_alike(c, *key))
            near |= letter_bit(*key);
    }
    return near;
}

/*
 * The same, found once for each character. Threads that come first at the same time write the same
 * values.
 */
static uint64_t near_letters(char c)
{
    static _Atomic uint64_t known[256]; /* never 0 once found: BIT_FOUND */
    enum {
        BIT_FOUND = 63,
    };
    _Atomic uint64_t *entry = &known[(unsigned char)c];
    uint64_t near = atomic_load_explicit(entry, memory_order_relaxed);

    if (near == 0) {
        near = find_near_letters(c) | UINT64_C(1) << BIT_FOUND;
        atomic_store_explicit(entry, near, memory_order_relaxed);
    }
    return near & ~(UINT64_C(1) << BIT_FOUND);
}

/* typed.ptr[i] is one too many. */
static unsigned extra_cost(struct slice typed, size_t i)
{
    char c = typed.ptr[i];
    char before = i > 0 ? typed.ptr[i - 1] : '\0';
    char after = i + 1 < typed.len ? typed.ptr[i + 1] : '\0';

    if (c == before || c == after)
        return COST_DOUBLE;
    if (c == '-')
        return COST_HYPHEN;
    if (distance_keys_touch(c, before) || distance_keys_touch(c, after))
        return COST_BRUSH;
    return COST_EXTRA;
}

/* meant.ptr[j] was not typed. */
static unsigned lost_cost(struct slice meant, size_t j)
{
    char c = meant.ptr[j];

    if ((j > 0 && c == meant.ptr[j - 1]) || (j + 1 < meant.len && c == meant.ptr[j + 1]))
        return COST_DOUBLE;
    return c == '-' || c == '.' ? COST_HYPHEN : COST_LOST;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

void distance_prepare(struct slice typed, struct distance_word *ret_word)
{
    ret_word->text = typed;
    ret_word->is_short = typed.len <= DISTANCE_WORD_MAX;
    if (!ret_word->is_short)
        return;
    ret_word->letters = distance_letters(typed);
    for (size_t i = 0; i < typed.len; i++) {
        ret_word->near[i] = near_letters(typed.ptr[i]);
        ret_word->extra_costs[i] = (uint8_t)extra_cost(typed, i);
    }
}

static unsigned substitution_cost(const struct distance_word *typed, size_t i, char meant, size_t j)
{
    if (typed->text.ptr[i] == meant)
        return 0;
    /* All other characters share a bit that is nobody's neighbour. */
    if ((typed->near[i] & letter_bit(meant)) != 0)
        return COST_NEAR;
    return i == 0 && j == 0 ? COST_FIRST : COST_OTHER;
}

/* One row of the table: typed up to i against every prefix of meant. Returns the least cost in it.
 */
static unsigned fill_row(const struct distance_word *typed, size_t i, struct slice meant,
                         const uint8_t *lost_costs, const unsigned *before, const unsigned *last,
                         unsigned *row)
{
    const char *text = typed->text.ptr;
    unsigned extra = typed->extra_costs[i];
    unsigned row_least;

    row[0] = row_least = last[0] + extra;
    for (size_t j = 0; j < meant.len; j++) {
        unsigned cost = last[j] + substitution_cost(typed, i, meant.ptr[j], j);

        cost = least(cost, last[j + 1] + extra);
        cost = least(cost, row[j] + lost_costs[j]);
        if (i > 0 && j > 0 && text[i] == meant.ptr[j - 1] && text[i - 1] == meant.ptr[j])
            cost = least(cost, before[j - 1] + COST_SWAP);
        row[j + 1] = cost;
        row_least = least(row_least, cost);
    }
    return row_least;
}

unsigned distance_between(const struct distance_word *typed, struct slice meant,
                          uint64_t meant_letters, unsigned cap)
{
    unsigned rows[3][DISTANCE_WORD_MAX + 1];
    uint8_t lost_costs[DISTANCE_WORD_MAX];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    unsigned last_least = 0;

    if (!typed->is_short || meant.len > DISTANCE_WORD_MAX ||
        !distance_is_within_reach(typed->text.len, typed->letters, meant.len, meant_letters, cap))
        return DISTANCE_FAR;
    last[0] = 0;
    for (size_t j = 0; j < meant.len; j++) {
        lost_costs[j] = (uint8_t)lost_cost(meant, j);
        last[j + 1] = last[j] + lost_costs[j];
    }
    for (size_t i = 0; i < typed->text.len; i++) {
        unsigned *spare = before;
        unsigned row_least = fill_row(typed, i, meant, lost_costs, before, last, row);

        /* A transposition reaches back two rows, so that both must be too dear. */
        if (row_least > cap && last_least > cap)
            return DISTANCE_FAR;
        last_least = row_least;
        before = last;
        last = row;
        row = spare;
    }
    return last[meant.len] <= cap ? last[meant.len] : DISTANCE_FAR;
}

unsigned distance_of_typing(struct slice typed, struct slice meant)
{
    struct distance_word word;

    distance_prepare(typed, &word);
    return distance_between(&word, meant, distance_letters(meant), DISTANCE_FAR - 1);
}
