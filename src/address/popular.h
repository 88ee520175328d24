/*
 * The tables of suggestions, compiled from data/popular_domains.tsv, data/tld_typos.tsv and
 * data/typo_squats.txt, and the look-ups in them.
 */
#ifndef MK_ADDRESS_POPULAR_H
#define MK_ADDRESS_POPULAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* A domain that a mistyped one may have been meant to be; the most popular stand first. */
struct popular_domain {
    struct slice domain;
    struct slice name;     /* its first label ... */
    struct slice rest;     /* ... and what follows the dot */
    uint64_t name_letters; /* distance_letters of the name ... */
    uint64_t rest_letters; /* ... and of the rest */
    unsigned weight;       /* roughly how popular, gmail.com being 1000 */
    bool is_name_told;     /* one that is more popular has the same name */
};

/* A mistyped top level domain. */
struct tld_typo {
    struct slice typed;
    struct slice meant;
    bool popular_only; /* delegated: mended only behind the exact name of a popular domain */
};

enum {
    POPULAR_ROWS_MAX = 256, /* tools/compile-suggestions checks both */
    POPULAR_NAME_MAX = 20,
};

/* A set of rows of popular_domains, a bit each. */
struct popular_rows {
    uint64_t words[POPULAR_ROWS_MAX / 64];
};

extern const struct popular_domain popular_domains[];
extern const size_t popular_domain_count;
extern const struct popular_rows popular_by_length[POPULAR_NAME_MAX + 1]; /* of the name */
/* A word and the first, most popular, domain that has it. */
struct popular_entry {
    struct slice word;
    unsigned row;
};
/* Each sorted by its words, which are unique. */
extern const struct popular_entry popular_by_domain[], popular_by_name[];
extern const struct popular_entry popular_by_letters[]; /* without dots and hyphens */
extern const size_t popular_by_domain_count, popular_by_name_count, popular_by_letters_count;
extern const struct tld_typo tld_typos[]; /* sorted by what was typed */
extern const size_t tld_typo_count;
extern const struct slice typo_squats[]; /* sorted */
extern const size_t typo_squat_count;

/* Those whose names are at most so many characters longer or shorter than len: most names are out
 * of reach of a mistyped one by that alone. */
struct popular_rows popular_near_length(size_t len, size_t reach);
/* The first of them from row `from` on; popular_domain_count: there is none. */
static inline size_t popular_next(const struct popular_rows *rows, size_t from)
{
    for (size_t at = from / 64; at < POPULAR_ROWS_MAX / 64; at++) {
        uint64_t word = rows->words[at];

        if (at == from / 64)
            word = word >> from % 64 << from % 64;
        if (word != 0)
            return 64 * at + (size_t)__builtin_ctzll(word);
    }
    return popular_domain_count;
}

/* Lower case in all of them. NULL or false when it is not in the table. */
const struct popular_domain *popular_find(struct slice domain);
const struct popular_domain *popular_find_name(struct slice name); /* the first that has it */
/* By its letters and digits alone; not those with names of two letters. */
const struct popular_domain *popular_find_letters(struct slice letters);
bool popular_name_is_known(struct slice name); /* "gmail", of gmail.com */
const struct tld_typo *tld_typo_find(struct slice tld);
bool typo_squat_is_known(struct slice domain);

#endif
