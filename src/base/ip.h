/*
 * IP addresses, networks, and which of them no probe may ever reach.
 *
 * Text forms: dotted quad (RFC 1123 2.1, no leading zeros) and RFC 4291 2.2 for IPv6; output is
 * RFC 5952. Nothing here resolves names or touches a socket.
 */
#ifndef MK_BASE_IP_H
#define MK_BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define IP_TEXT_SIZE 46 /* longest text and NUL */

struct ip {
    uint8_t family;    /* 4, 6, or 0: none */
    uint8_t bytes[16]; /* network order; IPv4 uses the first four, the rest is 0 */
};

struct ip_network {
    struct ip base;      /* host bits are zero */
    uint8_t prefix_bits; /* 0 to 32 or 128 */
};

struct ip_networks {
    const struct ip_network *items;
    size_t count;
};

bool ip_parse(struct slice text, struct ip *ret_ip);
/* Writes a NUL-terminated string and returns out. Family 0 gives "". */
const char *ip_format(const struct ip *ip, char out[IP_TEXT_SIZE]);
bool ip_equal(const struct ip *a, const struct ip *b);
struct ip ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);

/* "192.0.2.0/24", "::1/128", or a lone address; host bits beyond the prefix must be zero. */
bool ip_network_parse(struct slice text, struct ip_network *ret_network);
bool ip_network_contains(const struct ip_network *network, const struct ip *ip);

/*
 * Why an address is no public unicast host, or NULL when it is one. Covers loopback, private,
 * link-local, shared (CGNAT), multicast, documentation, benchmarking, reserved and "this network"
 * ranges of the IANA special-purpose registries (RFC 6890 and successors), and IPv6 forms that
 * carry an IPv4 address (mapped, compatible, 6to4, NAT64, Teredo), which are judged by what they
 * carry.
 */
const char *ip_reserved_range(const struct ip *ip);

/* True when a probe may connect: public, or inside one of the networks that were allowed. */
bool ip_may_probe(const struct ip *ip, struct ip_networks allowed);

#endif
