/*
 * The shape of an address: all that its verdict depends on where nobody was asked and no list of
 * the operator's names it. Of a list's millions of addresses there are a few hundred shapes, so
 * whoever judges many may judge each once and copy.
 *
 * The verdicts of one shape are the same, explanation too, and their JSON (verdict/result.h) is but
 * for the address and its domain; probe/offline_test.c holds them against each other. What a
 * verdict comes to depend on at depth syntax must be in here.
 */
#ifndef MK_VERDICT_SHAPE_H
#define MK_VERDICT_SHAPE_H

#include <stdint.h>

#include "address/traits.h"
#include "verdict/evidence.h"

/*
 * Never 0 where there is one. 0: judge it by itself (it is no address, somebody was asked or
 * remembered, a list names it, there is something to suggest, it is a literal).
 * traits: of the local part without quotes.
 */
uint64_t verdict_shape_of(const struct evidence *evidence, const struct address_traits *traits);

#endif
