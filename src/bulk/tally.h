/*
 * Counts by name (domains, operators) in bounded memory, however many names there are.
 *
 * Names are counted exactly until there are more than `capacity`; then the smaller half is
 * forgotten, again and again (lossy counting, Manku and Motwani 2002). What is often stays; a count
 * that began after its name was forgotten lacks at most `lost` rows.
 */
#ifndef MK_BULK_TALLY_H
#define MK_BULK_TALLY_H

#include "base/table.h"
#include "verdict/verdict.h"

struct bulk_tally_entry {
    struct slice name;
    uint64_t total;
    uint64_t by_status[VERDICT_STATUS_COUNT];
};

struct bulk_tally {
    struct table index; /* name to entry */
    struct bulk_tally_entry **entries;
    size_t count, capacity;
    uint64_t lost;      /* 0: all counts are exact */
    uint64_t forgotten; /* how many names */
};

/* capacity: at least 2. */
void bulk_tally_init(struct bulk_tally *tally, size_t capacity, uint64_t seed);
void bulk_tally_done(struct bulk_tally *tally);

/* One more row; `name` is copied. ERROR_NOMEM leaves the tally as it was. */
int bulk_tally_add(struct bulk_tally *tally, struct slice name, enum verdict_status status);

/* Sort entries by what `weigh` gives, largest first, by name among equals. */
void bulk_tally_sort(struct bulk_tally *tally, uint64_t (*weigh)(const struct bulk_tally_entry *));

/* Ready-made weights: all rows; rows that would bounce or must not be mailed. */
uint64_t bulk_tally_total(const struct bulk_tally_entry *entry);
uint64_t bulk_tally_bad(const struct bulk_tally_entry *entry);

#endif
