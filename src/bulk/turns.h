/*
 * Row numbers sorted by their turns, or by another number of 32 bits, outside of memory and a bit
 * at a time.
 *
 * Whoever works in a loop cannot stop to sort millions. Pairs are added as they are read and sorted
 * in runs of some ten thousand (a few milliseconds each), which go to a file without a name; then
 * they come out merged, one by one. Memory: half a megabyte, and 4 KiB for every run. Knows neither
 * store nor job.
 */
#ifndef MK_BULK_TURNS_H
#define MK_BULK_TURNS_H

#include <stdint.h>

#include "base/error.h"

struct bulk_turns;

/* NULL: no memory. */
struct bulk_turns *bulk_turns_new(void);
void bulk_turns_free(struct bulk_turns *turns); /* NULL accepted */

/* Rows in rising order. ERROR_NOMEM; ERROR_IO: no room for a temporary file. */
int bulk_turns_add(struct bulk_turns *turns, uint32_t turn, uint64_t row, struct error *error);
/* All are added. The same errors. */
int bulk_turns_settle(struct bulk_turns *turns, struct error *error);
/* Then: the lowest turn and its row, among equal ones the lowest: 1; none is left: 0. ERROR_IO. */
int bulk_turns_next(struct bulk_turns *turns, uint32_t *ret_turn, uint64_t *ret_row,
                    struct error *error);

#endif
