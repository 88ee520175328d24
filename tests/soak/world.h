/*
 * Random worlds for the soak: mail operators with limits, hosts, domains, and one quirk a host.
 *
 * Mailboxes that begin with "u" exist everywhere, others nowhere, so what is true of an address is
 * known without asking. Domains beyond domain_count of a site do not exist. A world is a structure
 * first and a scenario after, so that whoever looks for the smallest one that fails can take parts
 * away.
 */
#ifndef MK_SOAK_WORLD_H
#define MK_SOAK_WORLD_H

#include "base/buffer.h"
#include "base/random.h"

#define SOAK_SITES_MAX   4
#define SOAK_DOMAINS_MAX 4
#define SOAK_HOSTS_MAX   3

struct soak_site {
    unsigned domain_count, host_count; /* no domains: it is not there */
    unsigned preferences[SOAK_DOMAINS_MAX][SOAK_HOSTS_MAX];
    unsigned quirks[SOAK_HOSTS_MAX]; /* 0: none */
};

struct soak_world {
    unsigned site_count;
    struct soak_site sites[SOAK_SITES_MAX];
};

void soak_world_make(struct random *random, struct soak_world *ret_world);
/* As a scenario, NUL-terminated. */
void soak_world_write(const struct soak_world *world, struct buffer *text);

#endif
