#include "provider/mailbox.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/eight.h"
#include "provider/data.h"

const struct mailbox_rule *mailbox_rule_of_domain(struct slice domain)
{
    const struct provider_name *found =
        provider_find_name(mailbox_domains, mailbox_domain_count, domain);

    return found != NULL ? &mailbox_rules[found->row] : NULL;
}

struct provider_mailbox_rules provider_mailbox_rules_of(struct slice domain)
{
    struct provider_mailbox_rules rules = {mailbox_rule_of_domain(domain), NULL};
    ptrdiff_t dot = slice_find_byte(domain, '.');

    if (rules.own == NULL && dot > 0) {
        rules.parent = mailbox_rule_of_domain(slice_from_offset(domain, (size_t)dot + 1));
        if (rules.parent != NULL && !(rules.parent->folds & MAILBOX_FOLD_SUBDOMAIN))
            rules.parent = NULL;
    }
    return rules;
}

static const struct mailbox_rule *rule_of_profile(const struct provider_profile *profile)
{
    const struct provider_name *found;

    if (profile == NULL || profile == provider_generic())
        return NULL;
    found =
        provider_find_name(mailbox_hosted, mailbox_hosted_count, slice_from_string(profile->name));
    return found != NULL ? &mailbox_rules[found->row] : NULL;
}

/* What is between the quotes, with escapes removed; into out[ADDRESS_LOCAL_MAX]. */
static struct slice unquote(struct slice local, char out[ADDRESS_LOCAL_MAX])
{
    size_t len = 0;

    if (local.len < 2 || local.ptr[0] != '"' || local.ptr[local.len - 1] != '"')
        return local;
    for (size_t i = 1; i + 1 < local.len && len < ADDRESS_LOCAL_MAX; i++) {
        if (local.ptr[i] == '\\' && i + 2 < local.len)
            i++;
        out[len++] = local.ptr[i];
    }
    return slice_from(out, len);
}

/* Before the tag; a "+" in front is no tag. */
static struct slice cut_tag(struct slice local)
{
    ptrdiff_t plus = slice_find_byte(local, '+');

    return plus > 0 ? slice_prefix(local, (size_t)plus) : local;
}

/* Is one of these bytes, which are no letters and digits, none that the rule allows? */
static bool has_foreign(const struct address_traits *traits, uint64_t others,
                        const struct mailbox_rule *rule)
{
    for (; others != 0; others &= others - 1) {
        char c = traits->lower[__builtin_ctzll(others)];

        if (c == '\0' || strchr(rule->chars, c) == NULL)
            return true;
    }
    return false;
}

const char *provider_mailbox_breach_by(const struct address_traits *traits,
                                       const struct provider_mailbox_rules *rules)
{
    const struct mailbox_rule *rule = rules->own;
    size_t len;
    uint64_t all, ignored;

    if (rule == NULL)
        return NULL;
    len = rule->folds & MAILBOX_FOLD_PLUS ? address_traits_untagged(traits) : traits->len;
    all = address_traits_first(len);
    if (rule->has_chars && has_foreign(traits, all & ~(traits->letters | traits->digits), rule))
        return rule->says_chars;
    ignored = rule->folds & MAILBOX_FOLD_DOTS ? traits->dots & all : 0;
    len -= (size_t)__builtin_popcountll(ignored);
    if (len < rule->least || (rule->most > 0 && len > rule->most))
        return rule->says_length;
    return NULL;
}

const char *provider_mailbox_breach_of(struct slice local,
                                       const struct provider_mailbox_rules *rules)
{
    struct address_traits traits;
    char bytes[ADDRESS_LOCAL_MAX];

    if (rules->own == NULL)
        return NULL;
    address_traits_of(unquote(local, bytes), &traits);
    return provider_mailbox_breach_by(&traits, rules);
}

const char *provider_mailbox_breach(struct slice local, struct slice domain)
{
    const struct provider_mailbox_rules rules = provider_mailbox_rules_of(domain);

    return provider_mailbox_breach_of(local, &rules);
}

/* Append local to out as the rule folds it; returns the new length. */
static size_t fold_local(struct slice local, unsigned folds, char *out, size_t len)
{
    size_t start = len;
    struct slice whole = local;

    if (folds == 0) {
        eight_copy(out + len, local.ptr, local.len);
        return len + local.len;
    }
    if (folds & MAILBOX_FOLD_PLUS)
        local = cut_tag(local);
    for (size_t i = 0; i < local.len; i++) {
        char c = local.ptr[i];

        if (ascii_is_alnum(c)) {
            out[len++] = folds & MAILBOX_FOLD_LOWER ? ascii_lower(c) : c;
            continue;
        }
        if (c == '.' && (folds & (MAILBOX_FOLD_DOTS | MAILBOX_FOLD_SEPARATORS)))
            continue;
        if ((c == '_' || c == '-') && (folds & MAILBOX_FOLD_SEPARATORS))
            continue;
        if (c == '-' && (folds & MAILBOX_FOLD_DOT_IS_DASH))
            c = '.';
        if (c == '_' && (folds & MAILBOX_FOLD_SUBDOMAIN))
            c = '-';
        out[len++] = c;
    }
    /* A name of nothing but dots is no name; keep the bytes, so that keys stay apart. */
    if (len == start) {
        memcpy(out + len, whole.ptr, whole.len);
        len += whole.len;
    }
    return len;
}

/* rules: NULL for a literal. */
static size_t write_key(struct slice local, struct slice domain,
                        const struct provider_mailbox_rules *rules,
                        const struct provider_profile *profile, char out[PROVIDER_KEY_SIZE])
{
    const struct mailbox_rule *rule = NULL;
    char bytes[ADDRESS_LOCAL_MAX];
    unsigned folds = 0;
    size_t len;

    CHECK(local.len <= ADDRESS_LOCAL_MAX && domain.len <= ADDRESS_DOMAIN_MAX);
    local = unquote(local, bytes);
    if (rules != NULL) {
        rule = rules->own;
        if (rules->parent != NULL) {
            size_t dot = (size_t)slice_find_byte(domain, '.');

            rule = rules->parent;
            local = slice_prefix(domain, dot);
            domain = slice_from_offset(domain, dot + 1);
        }
        if (rule == NULL)
            rule = rule_of_profile(profile);
    }
    if (rule != NULL)
        folds = rule->folds;
    else if (slice_equal_nocase(local, SLICE("postmaster"))) /* RFC 5321 4.5.1 */
        folds = MAILBOX_FOLD_LOWER;
    len = fold_local(local, folds, out, 0);
    out[len++] = '@';
    if (rule != NULL && rule->key_domain[0] != '\0')
        domain = slice_from_string(rule->key_domain);
    eight_copy(out + len, domain.ptr, domain.len);
    if (rules == NULL) /* domains are in lower case */
        ascii_lower_bytes(out + len, domain.len);
    len += domain.len;
    out[len] = '\0';
    return len;
}

size_t provider_mailbox_key_of(const struct address *address,
                               const struct provider_mailbox_rules *rules,
                               const struct provider_profile *profile, char out[PROVIDER_KEY_SIZE])
{
    struct slice domain = address->is_literal
                              ? address->domain
                              : slice_from(address->domain_ascii, address->domain_ascii_len);
    struct provider_mailbox_rules found;

    CHECK(address->diagnosis == ADDRESS_VALID);
    if (address->is_literal) {
        rules = NULL;
    } else if (rules == NULL) {
        found = provider_mailbox_rules_of(domain);
        rules = &found;
    }
    return write_key(address->local, domain, rules, profile, out);
}

size_t provider_mailbox_spelling(struct slice local, struct slice domain,
                                 char out[PROVIDER_KEY_SIZE])
{
    const struct provider_mailbox_rules rules = provider_mailbox_rules_of(domain);
    bool is_literal = slice_starts_with(domain, SLICE("["));

    return write_key(local, domain, is_literal ? NULL : &rules, NULL, out);
}

size_t provider_mailbox_key(const struct address *address, const struct provider_profile *profile,
                            char out[PROVIDER_KEY_SIZE])
{
    return provider_mailbox_key_of(address, NULL, profile, out);
}

bool provider_mailbox_is_subaddress_by(const struct address_traits *traits,
                                       const struct provider_mailbox_rules *rules,
                                       const struct provider_profile *profile)
{
    const struct mailbox_rule *rule = rules->own;

    if (rules->parent != NULL)
        return true;
    if (rule == NULL)
        rule = rule_of_profile(profile);
    if (rule != NULL && (rule->folds & MAILBOX_FOLD_DASH) &&
        (traits->hyphens & ~(traits->hyphens - 1)) > 1)
        return true;
    /* Where "+" is no character of a name and no tag either, there is none. */
    if (rule != NULL && !(rule->folds & MAILBOX_FOLD_PLUS) && rule->has_chars &&
        strchr(rule->chars, '+') == NULL)
        return false;
    return (traits->pluses & ~(traits->pluses - 1)) > 1;
}

bool provider_mailbox_is_subaddress_of(struct slice local,
                                       const struct provider_mailbox_rules *rules,
                                       const struct provider_profile *profile)
{
    struct address_traits traits;

    if (local.len == 0 || local.ptr[0] == '"')
        return false;
    address_traits_of(local, &traits);
    return provider_mailbox_is_subaddress_by(&traits, rules, profile);
}

bool provider_mailbox_is_subaddress(struct slice local, struct slice domain,
                                    const struct provider_profile *profile)
{
    const struct provider_mailbox_rules rules = provider_mailbox_rules_of(domain);

    return provider_mailbox_is_subaddress_of(local, &rules, profile);
}

/* "6 to 30", "at least 6", "up to 30" or "any number of". */
static void length_words(const struct mailbox_rule *rule, char out[32])
{
    if (rule->least > 0 && rule->most > 0)
        snprintf(out, 32, "%u to %u", rule->least, rule->most);
    else if (rule->least > 0)
        snprintf(out, 32, "at least %u", rule->least);
    else if (rule->most > 0)
        snprintf(out, 32, "up to %u", rule->most);
    else
        snprintf(out, 32, "any number of");
}

bool provider_mailbox_words(struct slice domain, char ret_names[PROVIDER_MAILBOX_WORDS],
                            char ret_folds[PROVIDER_MAILBOX_WORDS])
{
    static const struct {
        unsigned fold;
        const char *words;
    } folds[] = {
        {MAILBOX_FOLD_LOWER, "case does not count"},
        {MAILBOX_FOLD_DOTS, "dots do not count"},
        {MAILBOX_FOLD_SEPARATORS, "'.', '_' and '-' do not count"},
        {MAILBOX_FOLD_DOT_IS_DASH, "'-' is '.'"},
        {MAILBOX_FOLD_PLUS, "'+tag' is cut off"},
        {MAILBOX_FOLD_DASH, "'base-keyword' is an alias of its own"},
        {MAILBOX_FOLD_SUBDOMAIN, "x@user.domain is user@domain"},
    };
    const struct mailbox_rule *rule = mailbox_rule_of_domain(domain);
    size_t len = 0;
    char length[32];

    if (rule == NULL)
        return false;
    ret_names[0] = ret_folds[0] = '\0';
    length_words(rule, length);
    if (rule->has_chars)
        snprintf(ret_names, PROVIDER_MAILBOX_WORDS, "%s letters and digits%s%s", length,
                 rule->chars[0] != '\0' ? " and any of " : "", rule->chars);
    else if (rule->least > 0 || rule->most > 0)
        snprintf(ret_names, PROVIDER_MAILBOX_WORDS, "%s characters", length);
    for (size_t i = 0; i < ARRAY_LEN(folds) && len < PROVIDER_MAILBOX_WORDS; i++) {
        if (rule->folds & folds[i].fold)
            len += (size_t)snprintf(ret_folds + len, PROVIDER_MAILBOX_WORDS - len, "%s%s",
                                    len > 0 ? "; " : "", folds[i].words);
    }
    if (rule->key_domain[0] != '\0' && len < PROVIDER_MAILBOX_WORDS)
        snprintf(ret_folds + len, PROVIDER_MAILBOX_WORDS - len, "%sat %s", len > 0 ? "; " : "",
                 rule->key_domain);
    return true;
}
