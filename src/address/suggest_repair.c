/* Taking out of a domain what no domain has: see suggest_parts.h. */
#include <string.h>

#include "address/char_class.h"
#include "address/popular.h"
#include "address/suffix.h"
#include "address/suggest_parts.h"
#include "address/tld.h"

/* A key beside the dot, or a space: a dot when it stands between two letters or digits. */
static bool may_mean_dot(char c)
{
    return c == ',' || c == ';' || c == ':' || c == '/' || c == ' ' || c == '>';
}

/* Hyphens and dots off the end of out. */
static size_t trim_end(const char *out, size_t len)
{
    while (len > 0 && (out[len - 1] == '-' || out[len - 1] == '.'))
        len--;
    return len;
}

/* "gmail.com.com": the last label once, when it is one of the generic ones. */
static size_t drop_repeated_tld(const char *out, size_t len)
{
    static const struct slice generic[] = {{".com", 4}, {".net", 4}, {".org", 4}};

    for (size_t i = 0; i < sizeof(generic) / sizeof(*generic); i++) {
        size_t unit = generic[i].len;

        while (len > 2 * unit && memcmp(out + len - unit, generic[i].ptr, unit) == 0 &&
               memcmp(out + len - 2 * unit, generic[i].ptr, unit) == 0)
            len -= unit;
    }
    return len;
}

/* "x.example (work)": what stands in parentheses behind a domain is no part of it. */
static struct slice drop_comment(struct slice domain)
{
    ptrdiff_t open = slice_find_byte(domain, '(');

    if (open <= 0 || domain.ptr[domain.len - 1] != ')')
        return domain;
    return slice_trim(slice_prefix(domain, (size_t)open));
}

/* Is what came so far a domain, and does something else begin here ("x.example, Berlin")? At what
   may mean a dot only where it has none to come. */
static bool ends_here(struct slice rest, const char *out, size_t len)
{
    ptrdiff_t dot;

    if (!may_mean_dot(rest.ptr[0]) && rest.ptr[0] != '|')
        return false;
    dot = slice_rfind_byte(slice_from(out, trim_end(out, len)), '.');
    if (dot < 0)
        return false;
    if ((rest.ptr[0] == ',' || rest.ptr[0] == ';') && rest.len > 1 && rest.ptr[1] == ' ')
        return true;
    return address_tld_find(slice_from(out + dot + 1, trim_end(out, len) - (size_t)dot - 1)) !=
           ADDRESS_TLD_UNKNOWN;
}

/* "x.co uk", "yahoo.com br": what stands behind a domain belongs to its end all the same. */
static bool goes_on(struct slice whole, struct slice head)
{
    struct slice owned = address_registrable_domain(whole);

    if (whole.len == head.len || popular_find(whole) != NULL)
        return true;
    return owned.len > 0 && whole.ptr[head.len] == '.' &&
           whole.len - owned.len == head.len - address_registrable_domain(head).len;
}

bool suggest_repair_domain(struct slice domain, char out[ADDRESS_DOMAIN_MAX + 1])
{
    size_t len = 0, head_len = 0;

    domain = drop_comment(slice_trim(domain));
    if (domain.len > ADDRESS_DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < domain.len; i++) {
        char c = domain.ptr[i];
        bool between = i > 0 && i + 1 < domain.len && char_is(domain.ptr[i - 1], CHAR_LET_DIG) &&
                       char_is(domain.ptr[i + 1], CHAR_LET_DIG);

        if (head_len == 0 && ends_here(slice_from_offset(domain, i), out, len))
            head_len = trim_end(out, len);
        if (char_is(c, CHAR_HIGH) && head_len > 0) {
            out[head_len] = '\0';
            return true;
        }
        if (char_is(c, CHAR_HIGH))
            return false;
        if (char_is(c, CHAR_LET_DIG)) {
            out[len++] = ascii_lower(c);
        } else if (c == '-') {
            /* Not at the start of a label. */
            if (len > 0 && out[len - 1] != '.')
                out[len++] = c;
        } else if (c == '.' || (may_mean_dot(c) && between)) {
            len = trim_end(out, len);
            if (len > 0)
                out[len++] = '.';
        }
    }
    len = trim_end(out, len);
    if (head_len > 0 && !goes_on(slice_from(out, len), slice_from(out, head_len)))
        len = head_len;
    len = drop_repeated_tld(out, len);
    out[len] = '\0';
    return len > 0;
}

bool suggest_is_domain(struct slice domain)
{
    char text[2 + ADDRESS_DOMAIN_MAX];
    struct address address;

    if (domain.len > ADDRESS_DOMAIN_MAX)
        return false;
    memcpy(text, "a@", 2);
    memcpy(text + 2, domain.ptr, domain.len);
    return address_parse(text, domain.len + 2, &address) &&
           address_deliverable_form(&address) != ADDRESS_FORM_REJECT &&
           (address.flags & ADDRESS_FLAG_SINGLE_LABEL) == 0;
}
