#include "provider/wording_kind.h"

#include <string.h>

#include "base/check.h"

#define ID_LENGTH 12 /* a hyphenated mixture this long is an identifier */

static bool is_ipv4(struct slice s)
{
    unsigned parts = 1, digits = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (ascii_is_digit(s.ptr[i])) {
            if (++digits > 3)
                return false;
        } else if (s.ptr[i] == '.' && digits > 0) {
            parts++;
            digits = 0;
        } else {
            return false;
        }
    }
    return parts == 4 && digits > 0;
}

static bool is_ipv6(struct slice s)
{
    unsigned colons = 0, hex = 0;

    if (slice_starts_with_nocase(s, SLICE("ipv6:")))
        s = slice_from_offset(s, 5);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == ':')
            colons++;
        else if (ascii_hex_value(s.ptr[i]) >= 0)
            hex++;
        else if (s.ptr[i] != '.')
            return false;
    }
    return colons >= 2 && hex > 0 && s.len <= 45;
}

bool wording_is_ip(struct slice s)
{
    ptrdiff_t colon = slice_find_byte(s, ':');

    if (s.len < 3 ||
        !(ascii_hex_value(s.ptr[0]) >= 0 || s.ptr[0] == ':' || s.ptr[0] == 'I' || s.ptr[0] == 'i'))
        return false;
    if (colon > 0 && is_ipv4(slice_prefix(s, (size_t)colon)))
        return true;
    return colon < 0 ? is_ipv4(s) : is_ipv6(s);
}

/* Whether a name with one dot ends in a domain, or is two sentences: "rejected.Please". */
static bool is_domain_label(struct slice label)
{
    static const char *const known[] = {
        "com",     "net",     "org",    "edu",       "gov",   "mil",         "int",
        "info",    "biz",     "name",   "arpa",      "local", "localdomain", "lan",
        "invalid", "example", "test",   "localhost", "mobi",  "aero",        "coop",
        "museum",  "shop",    "online", "site",      "xyz",   "cloud",       "email",
        "ninja",   "tech",    "store",  "internal",  "home",  "corp",        "intranet",
    };

    if (label.len >= 2 && label.ptr[0] >= 'A' && label.ptr[0] <= 'Z' && label.ptr[1] >= 'a' &&
        label.ptr[1] <= 'z')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (!ascii_is_alpha(label.ptr[i]))
            return slice_starts_with_nocase(label, SLICE("xn--"));
    }
    if (label.len == 2)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (slice_equal_nocase(label, slice_from_string(known[i])))
            return true;
    }
    return false;
}

bool wording_is_host(struct slice s)
{
    unsigned dots = 0, letters = 0;
    char before = '.';

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (c == '.' && before == '.')
            return false;
        if (c == '.')
            dots++;
        else if (ascii_is_alpha(c) || (unsigned char)c >= 0x80)
            letters++;
        else if (!ascii_is_digit(c) && c != '-' && c != '_' && !(c == '*' && i == 0))
            return false;
        before = c;
    }
    if (dots == 0 || letters == 0 || before == '.')
        return false;
    if (dots >= 2)
        return true;
    return is_domain_label(slice_from_offset(s, (size_t)slice_rfind_byte(s, '.') + 1));
}

bool wording_is_id(struct slice s)
{
    unsigned changes = 0;

    if (s.len < ID_LENGTH)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!ascii_is_alnum(s.ptr[i]) && strchr("-_=+/.", s.ptr[i]) == NULL)
            return false;
        changes += i > 0 && ascii_is_digit(s.ptr[i]) != ascii_is_digit(s.ptr[i - 1]);
    }
    return changes >= 4;
}
