/*
 * The order in which a list's rows are fed to the engine, whatever their order in the file.
 *
 * Two things make a list fast and its probing polite. Every operator should have work all the
 * time, so the rows of a big domain must be spread evenly over the whole list. And the few rows of
 * a small domain should come together, so that one connection and one stranger
 * (probe/stranger.h) serve them all. So the rows of a domain are taken in batches; its first batch
 * falls on a random place, and each later one the golden ratio of the list further on, round and
 * round, which spreads any number of them evenly (the additive sequence of Kronecker and Weyl). A
 * list sorted by domain and a shuffled one are fed almost alike.
 *
 * One pass, no second look, 4 MiB for a list of any length: rows of a domain are counted in a
 * fixed number of counters. Domains that share a counter only fill their batches sooner.
 */
#ifndef MK_BULK_ORDER_H
#define MK_BULK_ORDER_H

#include <stdint.h>

#include "base/slice.h"

/* Full sessions of 5, 10, 20, 50 and 100 recipients. */
#define BULK_ORDER_BATCH 100

struct bulk_order;

/* seed: an order of one's own; the same seed and rows give the same keys. NULL: no memory. */
struct bulk_order *bulk_order_new(uint64_t seed);
void bulk_order_free(struct bulk_order *order); /* NULL accepted */

/*
 * The key of the next row, with this domain (lower case; anything for a row that has none). Feed
 * rows by rising key, equal ones as they stand in the list.
 */
uint32_t bulk_order_key(struct bulk_order *order, struct slice domain);

#endif
