/* A DNS transport in front of another, whose answers get lost or garbled now and then. */
#ifndef MK_SOAK_FLAKY_H
#define MK_SOAK_FLAKY_H

#include "dns/transport.h"

/* permille: chance that a question comes to nothing. The inner one stays its owner's. NULL: no
   memory. */
struct dns_transport *flaky_transport_new(struct dns_transport *inner, unsigned permille,
                                          uint64_t seed);

#endif
