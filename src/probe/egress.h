/*
 * From where a site is asked, and under which name: an egress identity.
 *
 * With several, every site stays with one, chosen by its key alone (rendezvous hashing), so that it
 * always meets the same visitor, and an identity that is added or taken away moves only its own
 * share of the sites. A refusal moves nothing: there is no second identity to try.
 */
#ifndef MK_PROBE_EGRESS_H
#define MK_PROBE_EGRESS_H

#include "io/socks.h"

struct probe_egress {
    struct slice name;                  /* of its place in the choice; unique */
    struct slice helo_name;             /* a real name of ours that fits the address */
    struct slice sender, second_sender; /* as in struct probe_settings */
    struct io_endpoint source;          /* address to connect from; family 0: the system's choice */
    const struct io_socks_proxy *proxy; /* NULL: none */
};

/* Of count (at least one) the one for a site. */
const struct probe_egress *probe_egress_choose(const struct probe_egress *egresses, size_t count,
                                               struct slice site_key);

#endif
