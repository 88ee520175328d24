/*
 * The limits of sites, watched from outside: what the servers of a site see of its visitors.
 *
 * Concurrent connections, new connections in any minute, RCPTs a session, the gap between RCPTs,
 * refused recipients a session. `slack` forgives what the network's jitter makes of a client that
 * keeps exactly to the limit.
 */
#ifndef MK_LAB_LIMITS_H
#define MK_LAB_LIMITS_H

#include "base/buffer.h"
#include "io/loop.h"
#include "lab/model.h"

struct lab_world;
struct lab_visit;

struct lab_site_run {
    struct lab_site_run *next;
    struct lab_world *world;
    const struct lab_site *model;
    unsigned open, peak;
    uint64_t *starts; /* ring of the last per_minute connections */
    size_t start_count;
    struct io_timer over; /* runs while there are too many connections */
};

struct lab_site_run *lab_limits_new(struct lab_world *world, const struct lab_site *model);
void lab_limits_free(struct lab_site_run *site);

/* How long ago its last connections were, for a site of the same model in another world. */
void lab_limits_save(const struct lab_site_run *site, struct buffer *out);
/* What was saved, passed_ms ago; takes its own from the front. */
void lab_limits_restore(struct lab_site_run *site, struct slice *saved, uint64_t passed_ms);

/* site may be NULL in all of these. */
void lab_limits_connect(struct lab_site_run *site, struct lab_visit *visit);
void lab_limits_disconnect(struct lab_site_run *site);
void lab_limits_rcpt(struct lab_site_run *site, struct lab_visit *visit);
void lab_limits_unknown(struct lab_site_run *site, struct lab_visit *visit);

#endif
