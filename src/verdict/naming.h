/*
 * The pattern by which a local part is made of a person's name, and what a domain's habits are.
 *
 * Most organisations make addresses by one rule: first.last, flast, first. Once a few mailboxes of
 * a domain are proven, whether another follows their pattern tells much about it where the server
 * itself accepts everybody. A pattern is guessed from the letters (verdict/letters.h); the guess
 * may be wrong, but is mostly wrong in the same way for all of a domain.
 */
#ifndef MK_VERDICT_NAMING_H
#define MK_VERDICT_NAMING_H

#include <stddef.h>
#include <stdint.h>

#include "address/traits.h"
#include "base/slice.h"

/* symbol, how people write it; with "." where any of the separators "._-" stands. */
#define NAMING_PATTERNS(X)                                                                         \
    X(NONE, "none") /* of no person's name: numbers, strange letters */                            \
    X(FIRST, "first")                                                                              \
    X(LAST, "last")                                                                                \
    X(WORD, "word") /* one word that is no name we know */                                         \
    X(FIRST_LAST, "firstlast")                                                                     \
    X(LAST_FIRST, "lastfirst")                                                                     \
    X(INITIAL_LAST, "flast")                                                                       \
    X(FIRST_INITIAL, "firstl")                                                                     \
    X(FIRST_DOT_LAST, "first.last")                                                                \
    X(FIRST_LINE_LAST, "first_last")                                                               \
    X(FIRST_DASH_LAST, "first-last")                                                               \
    X(LAST_DOT_FIRST, "last.first")                                                                \
    X(LAST_LINE_FIRST, "last_first")                                                               \
    X(LAST_DASH_FIRST, "last-first")                                                               \
    X(INITIAL_DOT_LAST, "f.last")                                                                  \
    X(INITIAL_LINE_LAST, "f_last")                                                                 \
    X(INITIAL_DASH_LAST, "f-last")                                                                 \
    X(FIRST_DOT_INITIAL, "first.l")                                                                \
    X(FIRST_LINE_INITIAL, "first_l")                                                               \
    X(FIRST_DASH_INITIAL, "first-l")                                                               \
    X(THREE, "first.middle.last") /* three parts or more */

enum naming_pattern {
#define X(symbol, name) NAMING_##symbol,
    NAMING_PATTERNS(X)
#undef X
    NAMING_PATTERN_COUNT,
};

const char *naming_pattern_name(enum naming_pattern pattern);

/* Of a local part without quotes. A tag after "+" and numbers at its end are not looked at. */
enum naming_pattern naming_pattern_of(struct slice local);
/* Does it, likewise, hold a given name or a surname that is known? */
bool naming_has_known_name(const struct address_traits *traits);

/* How many proven mailboxes follow each pattern; zero: none is known. */
struct naming_habits {
    uint8_t counts[NAMING_PATTERN_COUNT];
};

/* One more mailbox is proven. Patternless ones tell nothing. Old ones fade: 255 become 127. */
void naming_learn(struct naming_habits *habits, enum naming_pattern pattern);
/* All that were learnt, and those of the pattern. */
unsigned naming_total(const struct naming_habits *habits);
unsigned naming_alike(const struct naming_habits *habits, enum naming_pattern pattern);

#endif
