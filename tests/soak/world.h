/*
 * Random worlds for the soak: mail operators with limits, hosts, domains, and one quirk a host.
 *
 * Mailboxes that begin with "u" exist everywhere, others nowhere, so what is true of an address is
 * known without asking. Domains beyond domain_count of a site do not exist.
 */
#ifndef MK_SOAK_WORLD_H
#define MK_SOAK_WORLD_H

#include "base/buffer.h"
#include "base/random.h"

#define SOAK_SITES_MAX   4
#define SOAK_DOMAINS_MAX 4

struct soak_world {
    unsigned site_count;
    unsigned domain_counts[SOAK_SITES_MAX];
};

/* Write one as a scenario, NUL-terminated. */
void soak_world_write(struct random *random, struct buffer *text, struct soak_world *ret_world);

#endif
