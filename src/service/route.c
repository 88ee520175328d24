#include "service/route.h"

#include <string.h>

static bool segment_fits(struct slice pattern, struct slice segment)
{
    if (pattern.len >= 2 && pattern.ptr[0] == '{' && pattern.ptr[pattern.len - 1] == '}')
        return segment.len > 0;
    return slice_equal(pattern, segment);
}

static bool path_fits(const char *pattern_text, const char *path_text,
                      struct slice parts[SERVICE_PARTS_MAX])
{
    struct slice pattern = slice_from_string(pattern_text), path = slice_from_string(path_text);
    struct slice want, have;
    size_t count = 0;

    while (slice_split(&pattern, '/', &want)) {
        if (!slice_split(&path, '/', &have) || !segment_fits(want, have))
            return false;
        if (want.len > 0 && want.ptr[0] == '{' && count < SERVICE_PARTS_MAX)
            parts[count++] = have;
    }
    /* A trailing slash is forgiven: old clients of some vendors write one. */
    return path.ptr == NULL || (path.len == 0);
}

static void note_method(struct service_match *match, const char *method)
{
    size_t len = strlen(match->allow);

    if (len + strlen(method) + 3 > sizeof(match->allow) || strstr(match->allow, method) != NULL)
        return;
    if (len > 0)
        strcat(match->allow, ", ");
    strcat(match->allow, method);
}

void service_route_match(const struct service_route *routes, size_t count, const char *method,
                         const char *path, struct service_match *ret_match)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    struct slice parts[SERVICE_PARTS_MAX];

    memset(ret_match, 0, sizeof(*ret_match));
    for (size_t i = 0; i < count; i++) {
        memset(parts, 0, sizeof(parts));
        if (!path_fits(routes[i].pattern, path, parts))
            continue;
        if (strcmp(routes[i].method, wanted) == 0) {
            ret_match->route = &routes[i];
            memcpy(ret_match->parts, parts, sizeof(parts));
            return;
        }
        ret_match->methods++;
        note_method(ret_match, routes[i].method);
    }
}

static const struct {
    enum service_scope scope;
    const char *name;
} scopes[] = {
    {SERVICE_SCOPE_VERIFY, "verify"},
    {SERVICE_SCOPE_LISTS, "lists"},
    {SERVICE_SCOPE_ADMIN, "admin"},
};

const char *service_scope_name(enum service_scope scope)
{
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
        if (scopes[i].scope == scope)
            return scopes[i].name;
    return "public";
}

unsigned service_scopes_parse(struct slice text)
{
    unsigned bits = 0;
    struct slice word;

    while (slice_split(&text, ',', &word)) {
        unsigned bit = 0;

        word = slice_trim(word);
        for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
            if (slice_equal(word, slice_from_string(scopes[i].name)))
                bit = scopes[i].scope;
        if (bit == 0)
            return 0;
        bits |= bit;
    }
    return bits;
}
