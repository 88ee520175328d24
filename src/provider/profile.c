#include "provider/profile.h"

#include <string.h>

#include "address/suffix.h"
#include "provider/data.h"

#define ROUND_TRIP_MS  100 /* assumed of a mail server */
#define GREETING_TRIPS 5   /* connect, greeting, EHLO, MAIL, QUIT */

const struct provider_name *provider_find_name(const struct provider_name *names, size_t count,
                                               struct slice name)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t len = names[middle].len < name.len ? names[middle].len : name.len;
        int order = 0;

        if (len > 0) /* most differ in the first byte */
            order = (unsigned char)names[middle].name[0] - (unsigned char)name.ptr[0];
        if (len > 0 && order == 0)
            order = memcmp(names[middle].name, name.ptr, len);

        if (order == 0 && names[middle].len == name.len)
            return &names[middle];
        if (order < 0 || (order == 0 && names[middle].len < name.len))
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

double provider_limits_seconds(const struct provider_limits *limits, uint64_t recipients)
{
    double per_session = limits->rcpts_per_session;
    double step_s = (ROUND_TRIP_MS + (double)limits->gap_ms) / 1000;
    double session_s = GREETING_TRIPS * ROUND_TRIP_MS / 1000.0 + per_session * step_s;
    double per_s = limits->connections * per_session / session_s;

    if (limits->connections_per_minute > 0 &&
        limits->connections_per_minute * per_session / 60 < per_s)
        per_s = limits->connections_per_minute * per_session / 60;
    return (double)recipients / per_s;
}

const struct provider_profile *provider_generic(void)
{
    return &provider_rows[0];
}

const struct provider_profile *provider_at(size_t index)
{
    return index < provider_row_count ? &provider_rows[index] : NULL;
}

const struct provider_profile *provider_by_name(struct slice name)
{
    const struct provider_name *found =
        provider_find_name(provider_names, provider_row_count, name);

    return found != NULL ? &provider_rows[found->row] : NULL;
}

const struct provider_profile *provider_by_domain(struct slice domain)
{
    const struct mailbox_rule *rule = mailbox_rule_of_domain(domain);

    return rule != NULL ? &provider_rows[rule->provider] : NULL;
}

/* "*" in the pattern stands for one label. */
static bool matches_wildcard(const struct provider_name *pattern, struct slice host)
{
    struct slice text = slice_from(pattern->name, pattern->len);
    size_t star = (size_t)slice_find_byte(text, '*');
    struct slice tail = slice_from_offset(text, star + 1);

    return host.len > star + tail.len && slice_starts_with(host, slice_prefix(text, star)) &&
           slice_ends_with(host, tail) &&
           memchr(host.ptr + star, '.', host.len - star - tail.len) == NULL;
}

const struct provider_profile *provider_by_mx(struct slice host)
{
    const struct provider_name *found =
        provider_find_name(provider_mx_names, provider_mx_name_count, host);

    /* The longest suffix comes first: ".alias.proton.me" is not Proton Mail. */
    for (size_t i = 1; found == NULL && i < host.len; i++) {
        if (host.ptr[i] == '.')
            found = provider_find_name(provider_mx_names, provider_mx_name_count,
                                       slice_from_offset(host, i));
    }
    for (size_t i = 0; found == NULL && i < provider_mx_wildcard_count; i++) {
        if (matches_wildcard(&provider_mx_wildcards[i], host))
            found = &provider_mx_wildcards[i];
    }
    return found != NULL ? &provider_rows[found->row] : NULL;
}

const struct provider_profile *provider_by_mx_set(const struct slice *hosts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct provider_profile *profile = provider_by_mx(hosts[i]);

        if (profile != NULL)
            return profile;
    }
    return provider_generic();
}

const struct provider_profile *provider_by_greeting(struct slice greeting)
{
    /* In the order of the rows: an operator's own words stand before its software's. */
    for (size_t i = 0; i < provider_row_count; i++) {
        struct slice words = slice_from_string(provider_rows[i].greeting);

        if (words.len > 0 && slice_find_nocase(greeting, words) >= 0)
            return &provider_rows[i];
    }
    return NULL;
}

void provider_site_key(const struct provider_profile *profile, struct slice preferred_host,
                       char out[PROVIDER_SITE_KEY_SIZE])
{
    struct slice name;
    size_t len = 0;

    if (profile->mx_patterns[0] != '\0') {
        slice_to_string(slice_from_string(profile->name), out, PROVIDER_SITE_KEY_SIZE);
        return;
    }
    name = address_registrable_domain(preferred_host);
    if (name.len == 0)
        name = preferred_host;
    name = slice_prefix(name, PROVIDER_SITE_KEY_SIZE - sizeof("mx:"));
    memcpy(out, "mx:", 3);
    len = 3;
    for (size_t i = 0; i < name.len; i++)
        out[len++] = name.ptr[i] != '\0' ? ascii_lower(name.ptr[i]) : '?';
    out[len] = '\0';
}
