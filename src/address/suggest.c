/*
 * The domain that was meant: see suggest.h. Steps, each only when the one before found nothing:
 *
 *   1. junk that no domain has is taken out (suggest_repair.c);
 *   2. a real domain, or one below a real one, is left alone;
 *   3. a popular domain whose dots went astray ("gmailcom"), or that lacks its top level
 * ("hotmail");
 *   4. the nearest popular domain by typing distance, name and rest apart (suggest_search.c);
 *   5. a mistyped top level domain behind a name that is nobody's;
 *   6. a popular name behind a rest with which it is known to be real ("hotmial.be").
 */
#include "address/suggest.h"

#include <string.h>

#include "address/distance.h"
#include "address/popular.h"
#include "address/suggest_parts.h"
#include "address/tld.h"

static bool is_real(struct slice domain, const struct suggest_world *world)
{
    if (popular_find(domain) != NULL)
        return true;
    return world != NULL && world->is_real != NULL && world->is_real(world->context, domain);
}

/* Some domain above this one is real, as onet.pl is above poczta.onet.pl. */
static bool has_real_parent(struct slice domain, const struct suggest_world *world)
{
    for (;;) {
        ptrdiff_t dot = slice_find_byte(domain, '.');

        if (dot < 0)
            return false;
        domain = slice_from_offset(domain, (size_t)dot + 1);
        if (slice_find_byte(domain, '.') >= 0 && is_real(domain, world))
            return true;
    }
}

/* Copy without dots and hyphens; returns the length. */
static size_t squeeze(struct slice s, char out[ADDRESS_DOMAIN_MAX + 1])
{
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '.' && s.ptr[i] != '-')
            out[len++] = s.ptr[i];
    }
    return len;
}

static size_t count_dots(struct slice s)
{
    size_t count = 0;

    for (size_t i = 0; i < s.len; i++)
        count += s.ptr[i] == '.';
    return count;
}

/*
 * A popular domain with a dot lost or moved: "gmailcom", "yahooco.uk", "gmail.co.m". More dots than
 * it should have are an error only where the top level shows it: "hot.mail.com" may be a host.
 */
static bool mend_dots(struct slice domain, bool is_delegated, struct slice *ret_found)
{
    char squeezed[ADDRESS_DOMAIN_MAX + 1];
    const struct popular_domain *popular =
        popular_find_letters(slice_from(squeezed, squeeze(domain, squeezed)));

    if (popular == NULL || (is_delegated && count_dots(domain) >= count_dots(popular->domain)))
        return false;
    *ret_found = popular->domain;
    return true;
}

/* A popular name without its top level: "hotmail", "hotmial". */
static bool mend_bare_name(struct slice name, struct slice *ret_found)
{
    enum {
        NAME_MIN = 4,
        CAP = 6,
    };

    const struct popular_domain *near;
    struct distance_word typed;

    if (name.len < NAME_MIN || slice_equal(name, SLICE("mail")))
        return false;
    near = popular_find_name(name);
    distance_prepare(name, &typed);
    for (size_t i = 0; near == NULL && i < popular_domain_count; i++) {
        const struct popular_domain *popular = &popular_domains[i];

        if (popular->name.len > NAME_MIN &&
            distance_between(&typed, popular->name, popular->name_letters, CAP) <= CAP)
            near = popular;
    }
    if (near == NULL)
        return false;
    *ret_found = near->domain;
    return true;
}

/* A top level domain that is not delegated, behind an unknown name: by table, or one slip away. */
static bool mend_tld(struct slice domain, char out[ADDRESS_DOMAIN_MAX + 1])
{
    enum {
        CAP = 10,
        TLD_MIN = 3, /* two letters may be any of 250 countries' */
        STEM_MIN = 2,
    };
    static const struct slice common[] = {{"com", 3}, {"net", 3}, {"org", 3}, {"edu", 3}};
    ptrdiff_t dot = slice_rfind_byte(domain, '.');
    struct slice stem = slice_prefix(domain, dot < 0 ? 0 : (size_t)dot);
    struct slice tld = slice_from_offset(domain, stem.len + 1);
    struct slice meant = SLICE_EMPTY;
    const struct tld_typo *typo;
    unsigned nearest = DISTANCE_FAR;

    /* A popular name has been searched for already: "gmail.edd" is not gmail.edu. */
    if (stem.len < STEM_MIN || address_tld_find(tld) != ADDRESS_TLD_UNKNOWN ||
        popular_name_is_known(stem))
        return false;
    typo = tld_typo_find(tld);
    if (typo != NULL)
        meant = typo->meant;
    for (size_t i = 0; typo == NULL && tld.len >= TLD_MIN && i < sizeof(common) / sizeof(*common);
         i++) {
        unsigned distance = distance_of_typing(tld, common[i]);

        if (distance <= CAP && distance < nearest) {
            nearest = distance;
            meant = common[i];
        }
    }
    if (meant.len == 0 || stem.len + 1 + meant.len > ADDRESS_DOMAIN_MAX)
        return false;
    memcpy(out, stem.ptr, stem.len);
    out[stem.len] = '.';
    memcpy(out + stem.len + 1, meant.ptr, meant.len);
    out[stem.len + 1 + meant.len] = '\0';
    return true;
}

/* "hotmial.be": no target of ours, but hotmail.be is known to be real. */
static bool mend_regional(struct slice domain, const struct suggest_world *world,
                          char out[ADDRESS_DOMAIN_MAX + 1])
{
    enum {
        NAME_MIN = 5,
        CAP = 8,
    };
    ptrdiff_t dot = slice_find_byte(domain, '.');
    struct slice name = slice_prefix(domain, dot < 0 ? 0 : (size_t)dot);
    struct slice rest = slice_from_offset(domain, name.len);
    uint64_t letters = distance_letters(name);
    struct popular_rows rows = popular_near_length(name.len, CAP / DISTANCE_STEP_LEAST);
    struct distance_word typed;
    bool is_prepared = false;

    if (world == NULL || world->is_real == NULL)
        return false;
    for (size_t i = popular_next(&rows, 0); i < popular_domain_count;
         i = popular_next(&rows, i + 1)) {
        struct slice meant = popular_domains[i].name;

        if (popular_domains[i].is_name_told || meant.len < NAME_MIN ||
            !distance_is_within_reach(name.len, letters, meant.len, popular_domains[i].name_letters,
                                      CAP) ||
            meant.len + rest.len > ADDRESS_DOMAIN_MAX)
            continue;
        if (!is_prepared && popular_name_is_known(name))
            return false;
        if (!is_prepared)
            distance_prepare(name, &typed);
        is_prepared = true;
        if (distance_between(&typed, meant, popular_domains[i].name_letters, CAP) > CAP)
            continue;
        memcpy(out, meant.ptr, meant.len);
        memcpy(out + meant.len, rest.ptr, rest.len);
        out[meant.len + rest.len] = '\0';
        if (is_real(slice_from(out, meant.len + rest.len), world))
            return true;
    }
    return false;
}

static bool copy_out(struct slice found, char out[ADDRESS_DOMAIN_MAX + 1])
{
    return slice_to_string(found, out, ADDRESS_DOMAIN_MAX + 1);
}

/* domain is clean and not real. */
static bool mend(struct slice domain, const struct suggest_world *world,
                 char out[ADDRESS_DOMAIN_MAX + 1])
{
    ptrdiff_t dot = slice_rfind_byte(domain, '.');
    bool is_delegated = dot >= 0 && address_tld_find(slice_from_offset(domain, (size_t)dot + 1)) !=
                                        ADDRESS_TLD_UNKNOWN;
    struct slice found;

    if (mend_dots(domain, is_delegated, &found))
        return copy_out(found, out);
    if (dot < 0)
        return mend_bare_name(domain, &found) && copy_out(found, out);
    if (suggest_search(domain, is_delegated, &found))
        return copy_out(found, out);
    return mend_tld(domain, out) || mend_regional(domain, world, out);
}

bool suggest_domain(struct slice domain, const struct suggest_world *world,
                    char out[ADDRESS_DOMAIN_MAX + 1])
{
    char clean[ADDRESS_DOMAIN_MAX + 1];
    char found[ADDRESS_DOMAIN_MAX + 1];
    struct slice cleaned, without_www;

    if (!suggest_repair_domain(domain, clean))
        return false;
    cleaned = slice_from_string(clean);
    without_www = slice_from_offset(cleaned, 4);
    if (world != NULL && world->has_mail_server && !typo_squat_is_known(cleaned))
        return false;
    if (slice_starts_with(cleaned, SLICE("www.")) && is_real(without_www, world))
        copy_out(without_www, found);
    else if (is_real(cleaned, world) || has_real_parent(cleaned, world) ||
             !mend(cleaned, world, found))
        copy_out(cleaned, found);
    if (slice_equal_nocase(slice_from_string(found), domain))
        return false;
    /* What was mended may still be no domain: a lone label, or one that is too long. */
    return suggest_is_domain(slice_from_string(found)) && copy_out(slice_from_string(found), out);
}
