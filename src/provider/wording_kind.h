/*
 * What a run of characters in a reply is: an IP address, a host's name, an identifier. By its looks
 * alone, in the way of a reader; only wording.c asks.
 */
#ifndef MK_PROVIDER_WORDING_KIND_H
#define MK_PROVIDER_WORDING_KIND_H

#include <stdbool.h>

#include "base/slice.h"

/* With a port, too: "192.0.2.1:39153". */
bool wording_is_ip(struct slice s);
/* A dotted name; labels of letters, digits, hyphens and underscores, not all of digits. */
bool wording_is_host(struct slice s);
/* A queue id or the like: "1MNcgj-1ue23t3pyV-00S2YR". Words with hyphens don't alternate so. */
bool wording_is_id(struct slice s);

#endif
