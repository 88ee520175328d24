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

extern const struct popular_domain popular_domains[];
extern const size_t popular_domain_count;
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

/* Lower case in all of them. NULL or false when it is not in the table. */
const struct popular_domain *popular_find(struct slice domain);
const struct popular_domain *popular_find_name(struct slice name); /* the first that has it */
/* By its letters and digits alone; not those with names of two letters. */
const struct popular_domain *popular_find_letters(struct slice letters);
bool popular_name_is_known(struct slice name); /* "gmail", of gmail.com */
const struct tld_typo *tld_typo_find(struct slice tld);
bool typo_squat_is_known(struct slice domain);

#endif
