/*
 * A DNS transport in front of another, whose answers get lost now and then, or are lies: names that
 * exist do not, mail goes to the house's own machines, aliases bite their tails, records come by
 * the hundred, octets are others than were sent.
 */
#ifndef MK_SOAK_FLAKY_H
#define MK_SOAK_FLAKY_H

#include "base/ip.h"
#include "dns/transport.h"

/* The house's own machines, in several spellings: where lies send mail, and nobody may connect. */
#define FLAKY_INSIDE_COUNT 7
extern const struct ip flaky_inside[FLAKY_INSIDE_COUNT];

struct flaky_plan {
    unsigned loss_permille, lie_permille;
    uint64_t seed;
    void (*lied)(void *user, const char *name); /* told before the lie is */
    void *user;
};

/* The inner one stays its owner's. NULL: no memory. */
struct dns_transport *flaky_transport_new(struct dns_transport *inner,
                                          const struct flaky_plan *plan);

#endif
