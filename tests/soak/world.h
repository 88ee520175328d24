/*
 * Random worlds for the soak: mail operators with limits, hosts, domains, what these say of mail in
 * TXT records (or don't, or late), and one quirk a host. Every other world has limits under which
 * recipients go out in batches (RFC 2920), and hosts that offer that.
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
#include "provider/profile.h"

#define SOAK_SITES_MAX   4
#define SOAK_DOMAINS_MAX 4
#define SOAK_HOSTS_MAX   3

/* What a domain's TXT records say of mail, and how late: nobody waits for them. */
struct soak_signals {
    bool has_spf, has_dmarc;
    unsigned spf_late_s, dmarc_late_s;
};

struct soak_site {
    unsigned domain_count, host_count; /* no domains: it is not there */
    unsigned preferences[SOAK_DOMAINS_MAX][SOAK_HOSTS_MAX];
    struct soak_signals signals[SOAK_DOMAINS_MAX];
    unsigned quirks[SOAK_HOSTS_MAX]; /* 0: none */
    bool pipelines[SOAK_HOSTS_MAX];
};

struct soak_world {
    bool has_batches;              /* its limits are not those of unknown operators */
    struct provider_limits limits; /* of every site */
    unsigned site_count;
    struct soak_site sites[SOAK_SITES_MAX];
};

void soak_world_make(struct random *random, struct soak_world *ret_world);
/* As a scenario, NUL-terminated. */
void soak_world_write(const struct soak_world *world, struct buffer *text);

#endif
