/*
 * The registrable domain of a name: the public suffix and one label more ("mail.shop.co.uk" gives
 * "shop.co.uk"), by the Public Suffix List built into libpsl.
 *
 * Private sections count ("a.b.github.io" gives "b.github.io"): names below them belong to
 * different owners. A TLD that the list doesn't know is a suffix by itself (the list's implicit "*"
 * rule).
 */
#ifndef MK_ADDRESS_SUFFIX_H
#define MK_ADDRESS_SUFFIX_H

#include "base/slice.h"

/*
 * ascii_domain: A-labels in any case, without a trailing dot. The result is a part of
 * ascii_domain's own bytes; empty when there is none: the name is itself a suffix or a single
 * label, or it is no name (empty labels, NUL, over 255 octets).
 */
struct slice address_registrable_domain(struct slice ascii_domain);

#endif
