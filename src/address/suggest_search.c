/*
 * The nearest popular domain: see suggest_parts.h.
 *
 * Name (first label) and rest are measured apart. A rest whose top level exists was probably meant:
 * then only the name may be wrong. Caps grow with the name's length, because short names have many
 * real neighbours; names of three letters have so many that only their rest is ever mended.
 */
#include "address/distance.h"
#include "address/popular.h"
#include "address/suggest_parts.h"

enum {
    NEAR_TIE = 2,      /* two targets this near to each other are equally near */
    CLEARLY_MORE = 3,  /* times as popular: decides a tie */
    TOTAL_CAP = 22,    /* name and rest together, where the top level does not exist */
    REST_CAP = 17,     /* the rest alone */
    TWIN_CAP = 9,      /* rests of two labels in one country */
    TRANSPOSITION = 5, /* what distance_of_typing takes for one */
    LONG_NAME = 5,     /* names from this length on bear a slip beside a mistyped rest */
    SURE_SLIP = 6,     /* a slip that is hardly anything else */
    NAME_CAP = 17,     /* of a long name */
};

struct search {
    struct slice name;
    struct slice rest;
    uint64_t name_letters, rest_letters; /* distance_letters of both */
    bool is_prepared;                    /* the words below: only when a target comes near */
    struct distance_word typed_name;
    struct distance_word typed_rest;
    bool is_delegated;
    bool is_popular_name;        /* the name as typed is the name of a popular domain */
    const struct tld_typo *typo; /* of the rest, or NULL */
    const struct popular_domain *best;
    unsigned best_cost;
    bool is_tied;
};

static unsigned name_cap(size_t len)
{
    if (len <= 3)
        return 0;
    if (len == 4)
        return 6;
    return len == 5 ? 13 : NAME_CAP;
}

/* Typed as "co" where "com" was meant, and the like. */
static bool rest_is_popular_slip(const struct search *search, struct slice rest)
{
    return search->typo != NULL && search->typo->popular_only &&
           slice_equal(search->typo->meant, rest);
}

/*
 * Both rests have two labels, a slip apart, and both countries exist: "optusnet.co.au" was meant to
 * be "com.au". Another country only by a transposition: "bigpond.net.ua".
 */
static bool rests_are_twins(struct slice typed, struct slice meant)
{
    ptrdiff_t typed_dot = slice_rfind_byte(typed, '.');
    ptrdiff_t meant_dot = slice_rfind_byte(meant, '.');

    if (typed_dot < 0 || meant_dot < 0)
        return false;
    return distance_of_typing(typed, meant) <=
           (slice_equal(slice_from_offset(typed, (size_t)typed_dot),
                        slice_from_offset(meant, (size_t)meant_dot))
                ? (unsigned)TWIN_CAP
                : (unsigned)TRANSPOSITION);
}

/* The cost of having meant the rest of this target, or DISTANCE_FAR; may presume the same name. */
static unsigned rest_cost(const struct search *search, const struct popular_domain *popular,
                          bool same_name)
{
    if (slice_equal(search->rest, popular->rest))
        return 0;
    if (!search->is_delegated)
        return distance_between(&search->typed_rest, popular->rest, popular->rest_letters,
                                REST_CAP);
    if (rest_is_popular_slip(search, popular->rest))
        return SURE_SLIP;
    if (same_name && rests_are_twins(search->rest, popular->rest))
        return distance_of_typing(search->rest, popular->rest);
    return DISTANCE_FAR;
}

/* The cost of having meant this target, or DISTANCE_FAR. */
static unsigned target_cost(const struct search *search, const struct popular_domain *popular)
{
    bool same_name = slice_equal(search->name, popular->name);
    bool same_rest = slice_equal(search->rest, popular->rest);
    unsigned cap = name_cap(popular->name.len);
    unsigned cost, name_cost;

    /* "mail.cz" has both a name and a rest that exist: it is not "email.cz". */
    if (search->is_delegated && search->is_popular_name && !same_name)
        return DISTANCE_FAR;
    cost = rest_cost(search, popular, same_name);
    if (cost == DISTANCE_FAR || same_name)
        return cost;
    if (search->is_delegated && !same_rest)
        cap = popular->name.len >= LONG_NAME ? SURE_SLIP : 0;
    name_cost = distance_between(&search->typed_name, popular->name, popular->name_letters, cap);
    if (name_cost == DISTANCE_FAR || cost + name_cost > TOTAL_CAP)
        return DISTANCE_FAR;
    return cost + name_cost;
}

/*
 * Sorts out at little cost what target_cost would: a name that is nobody's must be near the one
 * that was meant.
 */
static bool may_be_meant(const struct search *search, const struct popular_domain *popular)
{
    return search->is_popular_name ||
           distance_is_within_reach(search->name.len, search->name_letters, popular->name.len,
                                    popular->name_letters, name_cap(popular->name.len));
}

static void consider(struct search *search, const struct popular_domain *popular)
{
    unsigned cost;

    if (!search->is_prepared) {
        distance_prepare(search->name, &search->typed_name);
        distance_prepare(search->rest, &search->typed_rest);
        search->is_prepared = true;
    }
    cost = target_cost(search, popular);
    if (cost == DISTANCE_FAR)
        return;
    /* The table stands in the order of popularity: who comes later is never more popular. */
    if (search->best == NULL || cost + NEAR_TIE < search->best_cost) {
        search->best = popular;
        search->best_cost = cost;
        search->is_tied = false;
    } else if (cost <= search->best_cost + NEAR_TIE &&
               popular->weight * CLEARLY_MORE > search->best->weight) {
        if (cost < search->best_cost) {
            search->best = popular;
            search->best_cost = cost;
        }
        search->is_tied = true;
    }
}

static void look_through(struct search *search)
{
    /* Behind a rest that exists only the same can have been meant, unless it is a known slip. */
    bool is_rest_meant = !search->is_popular_name && search->is_delegated && search->typo == NULL;

    struct popular_rows rows = popular_near_length(
        search->name.len,
        search->is_popular_name ? POPULAR_NAME_MAX : NAME_CAP / DISTANCE_STEP_LEAST);

    for (size_t i = popular_next(&rows, 0); i < popular_domain_count;
         i = popular_next(&rows, i + 1)) {
        const struct popular_domain *popular = &popular_domains[i];

        if (is_rest_meant && popular->rest_letters != search->rest_letters)
            continue;
        if (may_be_meant(search, popular))
            consider(search, popular);
    }
}

bool suggest_search(struct slice domain, bool is_delegated, struct slice *ret_found)
{
    ptrdiff_t dot = slice_find_byte(domain, '.');
    struct search search;

    search.is_delegated = is_delegated;
    search.is_prepared = search.is_tied = false;
    search.best = NULL;
    search.best_cost = 0;
    search.name = slice_prefix(domain, (size_t)dot);
    search.rest = slice_from_offset(domain, (size_t)dot + 1);
    search.is_popular_name = popular_name_is_known(search.name);
    search.typo = tld_typo_find(search.rest);
    if (search.name.len > DISTANCE_WORD_MAX || search.rest.len > DISTANCE_WORD_MAX)
        return false;
    search.name_letters = distance_letters(search.name);
    search.rest_letters = distance_letters(search.rest);
    look_through(&search);
    if (search.best == NULL || search.is_tied)
        return false;
    *ret_found = search.best->domain;
    return true;
}
