/* The weighted distance of typing errors: see distance.h. */
#include "address/distance.h"

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

static unsigned substitution_cost(char typed, char meant, bool is_first)
{
    if (typed == meant)
        return 0;
    if (distance_keys_touch(typed, meant) || look_alike(typed, meant))
        return COST_NEAR;
    return is_first ? COST_FIRST : COST_OTHER;
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

unsigned distance_of_typing(struct slice typed, struct slice meant)
{
    unsigned rows[3][DISTANCE_WORD_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];

    if (typed.len > DISTANCE_WORD_MAX || meant.len > DISTANCE_WORD_MAX)
        return DISTANCE_FAR;
    last[0] = 0;
    for (size_t j = 0; j < meant.len; j++)
        last[j + 1] = last[j] + lost_cost(meant, j);
    for (size_t i = 0; i < typed.len; i++) {
        unsigned *spare = before;

        row[0] = last[0] + extra_cost(typed, i);
        for (size_t j = 0; j < meant.len; j++) {
            unsigned cost =
                last[j] + substitution_cost(typed.ptr[i], meant.ptr[j], i == 0 && j == 0);

            cost = least(cost, last[j + 1] + extra_cost(typed, i));
            cost = least(cost, row[j] + lost_cost(meant, j));
            if (i > 0 && j > 0 && typed.ptr[i] == meant.ptr[j - 1] &&
                typed.ptr[i - 1] == meant.ptr[j])
                cost = least(cost, before[j - 1] + COST_SWAP);
            row[j + 1] = cost;
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[meant.len];
}
