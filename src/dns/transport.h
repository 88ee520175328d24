/*
 * Questions go out, raw DNS messages come back: the seam between the resolver and the world.
 *
 * Two implementations: dns/ares_transport.h (c-ares: retries, several servers, TCP after TC) and
 * lab/sim_transport.h (answers made from zones on the virtual clock). What a message says is read
 * by dns/message.h in both cases.
 */
#ifndef MK_DNS_TRANSPORT_H
#define MK_DNS_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "verdict/evidence.h"

#define DNS_TYPE_A     1
#define DNS_TYPE_CNAME 5
#define DNS_TYPE_SOA   6
#define DNS_TYPE_PTR   12
#define DNS_TYPE_MX    15
#define DNS_TYPE_TXT   16
#define DNS_TYPE_AAAA  28

struct dns_transport;

/*
 * outcome FOUND: a message came (whatever its RCODE), valid during the call; otherwise TIMEOUT,
 * UNREACHABLE or BOGUS and message is NULL.
 */
typedef void dns_transport_done(void *user, enum dns_outcome outcome, const uint8_t *message,
                                size_t len);

struct dns_transport_ops {
    int (*ask)(struct dns_transport *transport, const char *name, uint16_t type,
               dns_transport_done *done, void *user);
    void (*free)(struct dns_transport *transport);
};

struct dns_transport {
    const struct dns_transport_ops *ops;
};

/*
 * Ask for `name` (ASCII, no trailing dot, NUL-terminated, at most 253 octets). `done` is called
 * exactly once, never from inside this call. ERROR_NOMEM, ERROR_RANGE (not a host name).
 */
int dns_transport_ask(struct dns_transport *transport, const char *name, uint16_t type,
                      dns_transport_done *done, void *user);
/* Outstanding questions end with `done` TIMEOUT during this call. NULL accepted. */
void dns_transport_free(struct dns_transport *transport);

#endif
