/* Look-ups in the tables of suggestions: see popular.h. */
#include "address/popular.h"

/* Most differ in length: that is seen without a call. */
static inline bool are_equal(struct slice a, struct slice b)
{
    return a.len == b.len && slice_equal(a, b);
}

const struct popular_domain *popular_find(struct slice domain)
{
    for (size_t i = 0; i < popular_domain_count; i++) {
        if (are_equal(popular_domains[i].domain, domain))
            return &popular_domains[i];
    }
    return NULL;
}

bool popular_name_is_known(struct slice name)
{
    for (size_t i = 0; i < popular_domain_count; i++) {
        if (are_equal(popular_domains[i].name, name))
            return true;
    }
    return false;
}

const struct tld_typo *tld_typo_find(struct slice tld)
{
    for (size_t i = 0; i < tld_typo_count; i++) {
        if (are_equal(tld_typos[i].typed, tld))
            return &tld_typos[i];
    }
    return NULL;
}

bool typo_squat_is_known(struct slice domain)
{
    for (size_t i = 0; i < typo_squat_count; i++) {
        if (are_equal(typo_squats[i], domain))
            return true;
    }
    return false;
}
