#include "cli/doctor_facts.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

const char *doctor_public_resolver(const struct ip *ip)
{
    static const struct {
        const char *network, *owner;
    } known[] = {
        {"1.1.1.0/29", "Cloudflare"},
        {"1.0.0.0/29", "Cloudflare"},
        {"2606:4700:4700::/48", "Cloudflare"},
        {"8.8.8.8", "Google"},
        {"8.8.4.4", "Google"},
        {"2001:4860:4860::/48", "Google"},
        {"9.9.9.0/24", "Quad9"},
        {"149.112.112.0/24", "Quad9"},
        {"2620:fe::/48", "Quad9"},
        {"208.67.222.0/24", "OpenDNS"},
        {"208.67.220.0/24", "OpenDNS"},
        {"2620:119::/32", "OpenDNS"},
        {"94.140.14.0/24", "AdGuard"},
        {"94.140.15.0/24", "AdGuard"},
        {"4.2.2.0/29", "Level 3"},
        {"64.6.64.6", "Vercara"},
        {"64.6.65.6", "Vercara"},
        {"77.88.8.0/24", "Yandex"},
        {"223.5.5.5", "Alibaba"},
        {"223.6.6.6", "Alibaba"},
        {"185.228.168.0/23", "CleanBrowsing"},
        {"76.76.2.0/24", "Control D"},
        {"45.90.28.0/22", "NextDNS"},
        {"193.110.81.0/24", "dns0.eu"},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct ip_network network;

        CHECK(ip_network_parse(slice_from_string(known[i].network), &network));
        if (ip_network_contains(&network, ip))
            return known[i].owner;
    }
    return NULL;
}

size_t doctor_read_resolv_conf(struct slice text, struct io_endpoint *out, size_t max)
{
    struct slice line;
    size_t count = 0;

    while (count < max && slice_split(&text, '\n', &line)) {
        ptrdiff_t end;

        line = slice_trim(line);
        if (!slice_starts_with(line, SLICE("nameserver")) || line.len < 11 ||
            !ascii_is_space(line.ptr[10]))
            continue;
        line = slice_trim(slice_from_offset(line, 10));
        /* A scope ("fe80::1%eth0") or a comment may follow. */
        for (end = 0; end < (ptrdiff_t)line.len; end++)
            if (ascii_is_space(line.ptr[end]) || line.ptr[end] == '%')
                break;
        out[count] = (struct io_endpoint){0};
        if (ip_parse(slice_prefix(line, (size_t)end), &out[count].ip))
            count++;
    }
    return count;
}

/* --- SPF -------------------------------------------------------------------------------------- */

bool doctor_spf_is_record(struct slice text, struct slice *ret_terms)
{
    static const size_t version_len = sizeof("v=spf1") - 1;

    if (!slice_starts_with_nocase(text, SLICE("v=spf1")) ||
        (text.len > version_len && text.ptr[version_len] != ' '))
        return false;
    *ret_terms = slice_from_offset(text, version_len);
    return true;
}

/* "/24", "//64", "/24//64" at the end of a term (RFC 7208 5.6 dual-cidr-length), taken off. */
static bool take_prefixes(struct slice *text, struct doctor_spf_term *term)
{
    ptrdiff_t slash = slice_find_byte(*text, '/');
    struct slice tail;
    uint64_t bits;
    ptrdiff_t both;

    term->prefix4 = 32;
    term->prefix6 = 128;
    if (slash < 0)
        return true;
    tail = slice_from_offset(*text, (size_t)slash);
    *text = slice_prefix(*text, (size_t)slash);
    both = slice_find(tail, SLICE("//"));
    if (both >= 0) {
        if (!slice_to_u64(slice_from_offset(tail, (size_t)both + 2), 128, &bits))
            return false;
        term->prefix6 = (uint8_t)bits;
        tail = slice_prefix(tail, (size_t)both);
    }
    if (tail.len == 0)
        return true;
    if (!slice_to_u64(slice_from_offset(tail, 1), 32, &bits))
        return false;
    term->prefix4 = (uint8_t)bits;
    return true;
}

/* Records in the wild leave host bits set; they mean the network. */
static bool network_of(struct slice text, uint8_t family, struct ip_network *ret)
{
    ptrdiff_t slash = slice_find_byte(text, '/');
    uint64_t bits = family == 4 ? 32 : 128;
    struct ip base;

    if (slash >= 0 && !slice_to_u64(slice_from_offset(text, (size_t)slash + 1), bits, &bits))
        return false;
    if (!ip_parse(slash >= 0 ? slice_prefix(text, (size_t)slash) : text, &base) ||
        base.family != family)
        return false;
    for (size_t i = 0; i < sizeof(base.bytes); i++) {
        size_t keep = bits > i * 8 ? (size_t)bits - i * 8 : 0;

        if (keep < 8)
            base.bytes[i] &= (uint8_t)(0xff00 >> keep);
    }
    *ret = (struct ip_network){base, (uint8_t)bits};
    return true;
}

static void read_mechanism(struct slice name, bool has_value, struct slice value,
                           struct doctor_spf_term *term)
{
    static const struct {
        const char *name;
        enum doctor_spf_kind kind;
    } kinds[] = {
        {"all", DOCTOR_SPF_ALL},      {"ip4", DOCTOR_SPF_IP},          {"ip6", DOCTOR_SPF_IP},
        {"a", DOCTOR_SPF_A},          {"mx", DOCTOR_SPF_MX},           {"ptr", DOCTOR_SPF_OTHER},
        {"exists", DOCTOR_SPF_OTHER}, {"include", DOCTOR_SPF_INCLUDE},
    };

    term->kind = DOCTOR_SPF_BAD;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (slice_equal_nocase(name, slice_from_string(kinds[i].name)))
            term->kind = kinds[i].kind;
    term->domain = value;
    if (term->kind == DOCTOR_SPF_IP &&
        !network_of(value, slice_ends_with(name, SLICE("4")) ? 4 : 6, &term->network))
        term->kind = DOCTOR_SPF_BAD;
    if ((term->kind == DOCTOR_SPF_INCLUDE && value.len == 0) ||
        (term->kind == DOCTOR_SPF_ALL && has_value) || (has_value && value.len == 0))
        term->kind = DOCTOR_SPF_BAD;
}

static void read_term(struct slice word, struct doctor_spf_term *term)
{
    ptrdiff_t equals = slice_find_byte(word, '='), colon = slice_find_byte(word, ':');
    struct slice name = word;

    if (equals >= 0 && (colon < 0 || equals < colon)) {
        term->kind = slice_equal_nocase(slice_prefix(word, (size_t)equals), SLICE("redirect"))
                         ? DOCTOR_SPF_REDIRECT
                         : DOCTOR_SPF_IGNORED;
        term->domain = slice_from_offset(word, (size_t)equals + 1);
    } else {
        if (strchr("+-~?", word.ptr[0]) != NULL) {
            term->qualifier = word.ptr[0];
            name = slice_from_offset(word, 1);
            colon--;
        }
        if (slice_find_byte(word, '%') >= 0) {
            term->kind = DOCTOR_SPF_OTHER;
            return;
        }
        if (colon >= 0) {
            struct slice value = slice_from_offset(name, (size_t)colon + 1);

            name = slice_prefix(name, (size_t)colon);
            if (!slice_starts_with_nocase(name, SLICE("ip")) && !take_prefixes(&value, term))
                term->kind = DOCTOR_SPF_BAD;
            else
                read_mechanism(name, true, value, term);
        } else if (!take_prefixes(&name, term)) {
            term->kind = DOCTOR_SPF_BAD;
        } else {
            read_mechanism(name, false, SLICE_EMPTY, term);
        }
    }
    if (slice_find_byte(term->domain, '%') >= 0 && term->kind == DOCTOR_SPF_REDIRECT)
        term->kind = DOCTOR_SPF_OTHER;
}

bool doctor_spf_next(struct slice *terms, struct doctor_spf_term *ret_term)
{
    struct slice word;

    while (slice_split(terms, ' ', &word)) {
        if (word.len == 0)
            continue;
        *ret_term = (struct doctor_spf_term){.qualifier = '+', .domain = SLICE_EMPTY};
        read_term(word, ret_term);
        return true;
    }
    return false;
}

bool doctor_spf_matches(const struct doctor_spf_term *term, const struct ip *candidate,
                        const struct ip *ours)
{
    unsigned bits = candidate->family == 4 ? term->prefix4 : term->prefix6;

    if (candidate->family != ours->family)
        return false;
    for (size_t i = 0; i * 8 < bits; i++) {
        uint8_t mask = bits - i * 8 >= 8 ? 0xff : (uint8_t)(0xff00 >> (bits - i * 8));

        if (((candidate->bytes[i] ^ ours->bytes[i]) & mask) != 0)
            return false;
    }
    return true;
}
