/*
 * Which row had a key first: a table of hashes with a ceiling on its memory.
 *
 * Open addressing, twelve bytes an entry, which mostly stand in one line of the processor's cache;
 * hashes only, so that two keys with the same 64 bits pass for one (a chance of one in 370,000 over
 * ten million rows). Pure.
 */
#ifndef MK_BULK_JOB_SEEN_H
#define MK_BULK_JOB_SEEN_H

#include <stddef.h>
#include <stdint.h>

struct bulk_seen_entry;

struct bulk_seen {
    struct bulk_seen_entry *entries;
    size_t capacity; /* power of two, or 0 */
    size_t count;
    size_t capacity_max;
    uint64_t forgotten; /* rows that found no place */
};

/* memory_max: bytes. */
void bulk_seen_init(struct bulk_seen *seen, size_t memory_max);
void bulk_seen_done(struct bulk_seen *seen);
/* Room for `count` keys at once: saves growing. Best effort. */
void bulk_seen_expect(struct bulk_seen *seen, uint64_t count);
/* It will be asked for soon: in a large table that is a walk to main memory, begun now. */
void bulk_seen_fetch(const struct bulk_seen *seen, uint64_t hash);

/* The row that had this hash first (above 0), or 0 and it is remembered for `row`. hash: not 0. */
uint64_t bulk_seen_first(struct bulk_seen *seen, uint64_t hash, uint64_t row);

#endif
