/*
 * DNS over the network by c-ares (LIMITS section 2: channel options, outstanding cap).
 */
#ifndef MK_DNS_ARES_TRANSPORT_H
#define MK_DNS_ARES_TRANSPORT_H

#include "dns/transport.h"
#include "io/loop.h"

struct dns_ares_options {
    const struct io_endpoint *servers; /* port 0: 53 */
    size_t server_count;               /* 0: those of /etc/resolv.conf */
    unsigned timeout_ms;               /* of one try; 0: 2000 */
    unsigned tries;                    /* over all servers; 0: 4 */
    unsigned max_outstanding;          /* further questions wait; 0: 2000 */
};

/* NULL and *error on failure. The loop must outlive the transport. */
struct dns_transport *dns_ares_transport_new(struct io_loop *loop,
                                             const struct dns_ares_options *options,
                                             struct error *error);

#endif
