/*
 * A hash table from byte strings to pointers: open addressing, linear probing, keys copied or
 * borrowed.
 *
 * The hash is XXH3 with a seed of the table's own, so that a hostile peer cannot choose
 * collisions. Iteration order is not meaningful. At most 2^31 entries.
 */
#ifndef MK_BASE_TABLE_H
#define MK_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct table_entry {
    char *key; /* NULL: empty slot */
    uint32_t key_len;
    uint32_t hash;
    void *value;
};

struct table {
    struct table_entry *entries;
    size_t capacity; /* power of two, or 0 */
    size_t count;
    uint64_t seed;
    bool borrows; /* keys stand in what the values point to, and are not its own */
};

void table_init(struct table *table, uint64_t seed);
/* Of a key that is put only the place is kept: it must stay as it is until it is taken out. */
void table_init_borrowing(struct table *table, uint64_t seed);
/* Frees keys of its own and slots; values are the caller's. */
void table_done(struct table *table);
/* The value, or NULL. */
void *table_get(const struct table *table, struct slice key);
/* Add or replace; value must not be NULL. ERROR_NOMEM leaves the table as it was. */
int table_put(struct table *table, struct slice key, void *value);
/* Take out and return the value, or NULL. */
void *table_take(struct table *table, struct slice key);
/*
 * The same with the key's hash at hand: for what is looked for, put and taken out again, and to
 * have the place fetched into the processor's cache before it is needed. A hash holds for this
 * table alone, as long as it lives.
 */
uint32_t table_hash(const struct table *table, struct slice key);
static inline void table_fetch(const struct table *table, uint32_t hash)
{
    if (table->capacity > 0)
        __builtin_prefetch(&table->entries[hash & (table->capacity - 1)]);
}
void *table_get_hashed(const struct table *table, struct slice key, uint32_t hash);
int table_put_hashed(struct table *table, struct slice key, uint32_t hash, void *value);
/* Of a key that is known not to be there. */
int table_add_hashed(struct table *table, struct slice key, uint32_t hash, void *value);
void *table_take_hashed(struct table *table, struct slice key, uint32_t hash);
/* Walk: start with *cursor 0; false at the end. The table must not change meanwhile. */
bool table_next(const struct table *table, size_t *cursor, struct slice *ret_key, void **ret_value);

/* 64-bit XXH3 of bytes, for anyone who needs a good hash. */
uint64_t hash_bytes(const void *bytes, size_t len, uint64_t seed);

#endif
