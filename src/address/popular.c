/* Look-ups in the tables of suggestions: see popular.h. */
#include "address/popular.h"

#include "base/check.h"

/*
 * The place of `word` among `count` entries of `size` bytes that begin with their word and are
 * sorted by it; NULL when it is not there.
 */
static const void *find_word(const void *entries, size_t count, size_t size, struct slice word)
{
    const char *from = entries;

    while (count > 0) {
        const char *middle = from + count / 2 * size;
        int order = slice_compare(word, *(const struct slice *)(const void *)middle);

        if (order == 0)
            return middle;
        if (order > 0) {
            from = middle + size;
            count--;
        }
        count /= 2;
    }
    return NULL;
}

static const struct popular_domain *find_popular(const struct popular_entry *entries, size_t count,
                                                 struct slice word)
{
    const struct popular_entry *found = find_word(entries, count, sizeof(*entries), word);

    return found != NULL ? &popular_domains[found->row] : NULL;
}

const struct popular_domain *popular_find(struct slice domain)
{
    return find_popular(popular_by_domain, popular_by_domain_count, domain);
}

const struct popular_domain *popular_find_name(struct slice name)
{
    return find_popular(popular_by_name, popular_by_name_count, name);
}

const struct popular_domain *popular_find_letters(struct slice letters)
{
    return find_popular(popular_by_letters, popular_by_letters_count, letters);
}

bool popular_name_is_known(struct slice name)
{
    return popular_find_name(name) != NULL;
}

const struct tld_typo *tld_typo_find(struct slice tld)
{
    return find_word(tld_typos, tld_typo_count, sizeof(*tld_typos), tld);
}

bool typo_squat_is_known(struct slice domain)
{
    return find_word(typo_squats, typo_squat_count, sizeof(*typo_squats), domain) != NULL;
}

struct popular_rows popular_near_length(size_t len, size_t reach)
{
    struct popular_rows rows = {{0}};

    for (size_t each = len > reach ? len - reach : 0; each <= len + reach; each++)
        for (size_t at = 0; each <= POPULAR_NAME_MAX && at < ARRAY_LEN(rows.words); at++)
            rows.words[at] |= popular_by_length[each].words[at];
    return rows;
}
