#include "base/ip.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

struct ip ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct ip){.family = 4, .bytes = {a, b, c, d}};
}

static bool parse_v4(struct slice text, uint8_t out[4])
{
    struct slice part;
    int count = 0;

    while (slice_split(&text, '.', &part)) {
        uint64_t value;

        if (count == 4 || part.len > 3 || !slice_to_u64(part, 255, &value) ||
            (part.len > 1 && part.ptr[0] == '0'))
            return false;
        out[count++] = (uint8_t)value;
    }
    return count == 4;
}

/* One group of 1 to 4 hexadecimal digits. */
static bool parse_group(struct slice part, uint16_t *ret_group)
{
    unsigned value = 0;

    if (part.len < 1 || part.len > 4)
        return false;
    for (size_t i = 0; i < part.len; i++) {
        int digit = ascii_hex_value(part.ptr[i]);

        if (digit < 0)
            return false;
        value = value << 4 | (unsigned)digit;
    }
    *ret_group = (uint16_t)value;
    return true;
}

/* Groups separated by ":", the last may be a dotted quad when `may_end_v4`. */
static bool parse_groups(struct slice text, bool may_end_v4, uint16_t groups[8], int *ret_count)
{
    struct slice part;
    int count = 0;

    *ret_count = 0;
    if (text.len == 0)
        return true;
    while (slice_split(&text, ':', &part)) {
        uint8_t quad[4];

        if (may_end_v4 && text.ptr == NULL && slice_find_byte(part, '.') >= 0) {
            if (count > 6 || !parse_v4(part, quad))
                return false;
            groups[count++] = (uint16_t)(quad[0] << 8 | quad[1]);
            groups[count++] = (uint16_t)(quad[2] << 8 | quad[3]);
        } else {
            if (count == 8 || !parse_group(part, &groups[count]))
                return false;
            count++;
        }
    }
    *ret_count = count;
    return true;
}

static bool parse_v6(struct slice text, uint8_t out[16])
{
    ptrdiff_t gap = slice_find(text, SLICE("::"));
    uint16_t head[8] = {0}, tail[8] = {0};
    int heads = 0, tails = 0;

    if (gap < 0) {
        if (!parse_groups(text, true, head, &heads) || heads != 8)
            return false;
    } else {
        if (!parse_groups(slice_prefix(text, (size_t)gap), false, head, &heads) ||
            !parse_groups(slice_from_offset(text, (size_t)gap + 2), true, tail, &tails) ||
            heads + tails > 7)
            return false;
        for (int i = 0; i < tails; i++)
            head[8 - tails + i] = tail[i];
    }
    for (int i = 0; i < 8; i++) {
        out[2 * i] = (uint8_t)(head[i] >> 8);
        out[2 * i + 1] = (uint8_t)head[i];
    }
    return true;
}

bool ip_parse(struct slice text, struct ip *ret_ip)
{
    struct ip ip = {0};

    if (slice_find_byte(text, ':') >= 0) {
        ip.family = 6;
        if (text.len >= IP_TEXT_SIZE || !parse_v6(text, ip.bytes))
            return false;
    } else {
        ip.family = 4;
        if (text.len > 15 || !parse_v4(text, ip.bytes))
            return false;
    }
    *ret_ip = ip;
    return true;
}

static void find_longest_zeros(const uint16_t groups[8], int *ret_start, int *ret_len)
{
    *ret_start = -1;
    *ret_len = 1; /* a single zero group is not shortened (RFC 5952 4.2.2) */
    for (int i = 0; i < 8; i++) {
        int len = 0;

        while (i + len < 8 && groups[i + len] == 0)
            len++;
        if (len > *ret_len) {
            *ret_start = i;
            *ret_len = len;
        }
        if (len > 0)
            i += len - 1;
    }
}

static char *put_decimal(char *at, uint8_t value)
{
    if (value >= 100)
        *at++ = (char)('0' + value / 100);
    if (value >= 10)
        *at++ = (char)('0' + value / 10 % 10);
    *at++ = (char)('0' + value % 10);
    return at;
}

const char *ip_format(const struct ip *ip, char out[IP_TEXT_SIZE])
{
    const uint8_t *b = ip->bytes;
    uint16_t groups[8];
    int start, len;
    char *at = out;

    out[0] = '\0';
    if (ip->family == 4) {
        for (int i = 0; i < 4; i++) {
            if (i > 0)
                *at++ = '.';
            at = put_decimal(at, b[i]);
        }
        *at = '\0';
        return out;
    }
    if (ip->family != 6)
        return out;
    for (int i = 0; i < 8; i++)
        groups[i] = (uint16_t)(b[2 * i] << 8 | b[2 * i + 1]);
    find_longest_zeros(groups, &start, &len);
    for (int i = 0; i < 8; i++) {
        if (i == start) {
            at += snprintf(at, 3, "::");
            i += len - 1;
            continue;
        }
        at += snprintf(at, 6, i == 0 || i == start + len ? "%x" : ":%x", groups[i]);
    }
    return out;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool prefix_matches(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool ip_network_parse(struct slice text, struct ip_network *ret_network)
{
    ptrdiff_t slash = slice_find_byte(text, '/');
    struct ip_network network;
    struct ip_network whole;
    uint64_t bits, max;

    if (!ip_parse(slash < 0 ? text : slice_prefix(text, (size_t)slash), &network.base))
        return false;
    max = network.base.family == 4 ? 32 : 128;
    bits = max;
    if (slash >= 0 && !slice_to_u64(slice_from_offset(text, (size_t)slash + 1), max, &bits))
        return false;
    network.prefix_bits = (uint8_t)bits;
    whole = network;
    for (unsigned bit = (unsigned)bits; bit < max; bit++)
        whole.base.bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
    if (!ip_equal(&whole.base, &network.base))
        return false;
    *ret_network = network;
    return true;
}

bool ip_network_contains(const struct ip_network *network, const struct ip *ip)
{
    return network->base.family == ip->family &&
           prefix_matches(network->base.bytes, ip->bytes, network->prefix_bits);
}

struct reserved {
    struct ip_network network;
    const char *what;
};

#define V4(a, b, c, d, bits, what)                                                                 \
    {                                                                                              \
        {{4, {a, b, c, d}}, bits}, what                                                            \
    }
#define V6(bits, what, ...)                                                                        \
    {                                                                                              \
        {{6, {__VA_ARGS__}}, bits}, what                                                           \
    }

/* IANA IPv4 and IPv6 Special-Purpose Address Registries; multicast by RFC 5771 and RFC 4291. */
static const struct reserved reserved_ranges[] = {
    V4(0, 0, 0, 0, 8, "this network (RFC 791)"),
    V4(10, 0, 0, 0, 8, "private (RFC 1918)"),
    V4(100, 64, 0, 0, 10, "shared, carrier-grade NAT (RFC 6598)"),
    V4(127, 0, 0, 0, 8, "loopback (RFC 1122)"),
    V4(169, 254, 0, 0, 16, "link-local (RFC 3927)"),
    V4(172, 16, 0, 0, 12, "private (RFC 1918)"),
    V4(192, 0, 0, 0, 24, "protocol assignments (RFC 6890)"),
    V4(192, 0, 2, 0, 24, "documentation (RFC 5737)"),
    V4(192, 88, 99, 0, 24, "6to4 relay, deprecated (RFC 7526)"),
    V4(192, 168, 0, 0, 16, "private (RFC 1918)"),
    V4(198, 18, 0, 0, 15, "benchmarking (RFC 2544)"),
    V4(198, 51, 100, 0, 24, "documentation (RFC 5737)"),
    V4(203, 0, 113, 0, 24, "documentation (RFC 5737)"),
    V4(224, 0, 0, 0, 4, "multicast (RFC 5771)"),
    V4(240, 0, 0, 0, 4, "reserved (RFC 1112)"),
    V6(128, "unspecified (RFC 4291)", 0),
    V6(128, "loopback (RFC 4291)", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    V6(48, "local-use NAT64 (RFC 8215)", 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01),
    V6(64, "discard-only (RFC 6666)", 0x01),
    V6(23, "protocol assignments (RFC 2928)", 0x20, 0x01),
    V6(32, "documentation (RFC 3849)", 0x20, 0x01, 0x0d, 0xb8),
    V6(20, "documentation (RFC 9637)", 0x3f, 0xff),
    V6(16, "segment routing (RFC 9602)", 0x5f),
    V6(7, "unique local (RFC 4193)", 0xfc),
    V6(10, "link-local (RFC 4291)", 0xfe, 0x80),
    V6(10, "site-local, deprecated (RFC 3879)", 0xfe, 0xc0),
    V6(8, "multicast (RFC 4291)", 0xff),
};

/* IPv6 prefixes that carry an IPv4 address, and where. */
static const struct {
    struct ip_network network;
    uint8_t offset;
    bool inverted; /* Teredo stores it complemented */
} carriers[] = {
    {{{6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}}, 96}, 12, false}, /* mapped, RFC 4291 */
    {{{6, {0}}, 96}, 12, false},                                        /* compatible, RFC 4291 */
    {{{6, {0x00, 0x64, 0xff, 0x9b}}, 96}, 12, false},                   /* NAT64, RFC 6052 */
    {{{6, {0x20, 0x02}}, 16}, 2, false},                                /* 6to4, RFC 3056 */
    {{{6, {0x20, 0x01, 0x00, 0x00}}, 32}, 12, true},                    /* Teredo, RFC 4380 */
};

const char *ip_reserved_range(const struct ip *ip)
{
    if (ip->family != 4 && ip->family != 6)
        return "no address";
    for (size_t i = 0; i < ARRAY_LEN(reserved_ranges); i++)
        if (ip_network_contains(&reserved_ranges[i].network, ip))
            return reserved_ranges[i].what;
    if (ip->family == 6) {
        for (size_t i = 0; i < ARRAY_LEN(carriers); i++) {
            const uint8_t *at = ip->bytes + carriers[i].offset;
            uint8_t flip = carriers[i].inverted ? 0xff : 0;
            struct ip carried = ip_v4(at[0] ^ flip, at[1] ^ flip, at[2] ^ flip, at[3] ^ flip);
            const char *what;

            if (!ip_network_contains(&carriers[i].network, ip))
                continue;
            what = ip_reserved_range(&carried);
            if (what != NULL)
                return what;
        }
    }
    if (ip->family == 6 && (ip->bytes[0] & 0xe0) != 0x20 &&
        !ip_network_contains(&carriers[0].network, ip) &&
        !ip_network_contains(&carriers[2].network, ip))
        return "outside global unicast (RFC 4291)";
    return NULL;
}

bool ip_may_probe(const struct ip *ip, struct ip_networks allowed)
{
    if (ip_reserved_range(ip) == NULL)
        return true;
    for (size_t i = 0; i < allowed.count; i++)
        if (ip_network_contains(&allowed.items[i], ip))
            return true;
    return false;
}
