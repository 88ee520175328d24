/*
 * Rounds: rows that we failed ourselves are asked again.
 *
 * That we lacked something (memory, a source address) says nothing of the row: it is put back,
 * stays without a result, and is asked again when all others have theirs, after a while. As long as
 * some of them get one the waits are short; when again and again none does, it will not mend by
 * itself, and the list has failed. What asks and waits is the job's, or the worker's.
 */
#ifndef MK_BULK_ROUNDS_H
#define MK_BULK_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

struct bulk_rounds { /* zeroed to begin with */
    unsigned vain;   /* rounds in a row that brought nothing */
    size_t put_back; /* rows that we failed in this one */
    bool has_brought;
    struct error lack; /* why the last of them was put back */
};

void bulk_rounds_put_back(struct bulk_rounds *rounds, struct slice why);
/* A row has got its result, or is somebody else's now. */
void bulk_rounds_brought(struct bulk_rounds *rounds);
/*
 * All are through, and some were put back: the next round begins in *ret_wait_ms. False: it will
 * not mend by itself, *error says how many there are, and why; for whoever tries all the same,
 * *ret_wait_ms is the longest wait.
 */
bool bulk_rounds_next(struct bulk_rounds *rounds, uint64_t *ret_wait_ms, struct error *error);

#endif
