#include "bulk/job_seen.h"

#include <stdbool.h>

#include "base/check.h"
#include "base/memory.h"

#define CAPACITY_LEAST 1024

/* In numbers of 32 bits: a hash in one piece would want another four bytes beside it. */
struct bulk_seen_entry {
    uint32_t hash[2]; /* low and high half; both 0: empty */
    uint32_t row;
};

static uint64_t hash_at(const struct bulk_seen *seen, size_t at)
{
    const struct bulk_seen_entry *entry = &seen->entries[at];

    return (uint64_t)entry->hash[1] << 32 | entry->hash[0];
}

static void put_at(struct bulk_seen *seen, size_t at, uint64_t hash, uint32_t row)
{
    seen->entries[at] = (struct bulk_seen_entry){{(uint32_t)hash, (uint32_t)(hash >> 32)}, row};
}

/* Full enough to grow, or to take no more: linear probing gets slow. */
static size_t most(size_t capacity)
{
    return capacity / 8 * 7;
}

void bulk_seen_init(struct bulk_seen *seen, size_t memory_max)
{
    *seen = (struct bulk_seen){.capacity_max = CAPACITY_LEAST};
    while (seen->capacity_max * 2 <= memory_max / sizeof(*seen->entries))
        seen->capacity_max *= 2;
}

void bulk_seen_done(struct bulk_seen *seen)
{
    memory_free(seen->entries);
    seen->entries = NULL;
    seen->capacity = seen->count = 0;
}

/* The place of the hash, or the empty one where it belongs. */
static size_t place_of(const struct bulk_seen *seen, uint64_t hash)
{
    size_t at = (size_t)hash & (seen->capacity - 1);

    while (hash_at(seen, at) != 0 && hash_at(seen, at) != hash)
        at = (at + 1) & (seen->capacity - 1);
    return at;
}

/* False: no memory, all is as it was. */
static bool grow(struct bulk_seen *seen, size_t capacity)
{
    struct bulk_seen grown = *seen;

    grown.capacity = capacity;
    grown.entries = memory_zalloc_table(capacity, sizeof(*grown.entries));
    if (grown.entries == NULL)
        return false;
    for (size_t i = 0; i < seen->capacity; i++) {
        uint64_t hash = hash_at(seen, i);

        if (hash != 0)
            put_at(&grown, place_of(&grown, hash), hash, seen->entries[i].row);
    }
    memory_free(seen->entries);
    *seen = grown;
    return true;
}

void bulk_seen_expect(struct bulk_seen *seen, uint64_t count)
{
    size_t capacity = seen->capacity == 0 ? CAPACITY_LEAST : seen->capacity;

    while (most(capacity) < count && capacity < seen->capacity_max)
        capacity *= 2;
    if (capacity > seen->capacity)
        (void)grow(seen, capacity);
}

void bulk_seen_fetch(const struct bulk_seen *seen, uint64_t hash)
{
    if (seen->capacity > 0)
        __builtin_prefetch(&seen->entries[(size_t)hash & (seen->capacity - 1)], 1);
}

uint64_t bulk_seen_first(struct bulk_seen *seen, uint64_t hash, uint64_t row)
{
    size_t at;

    CHECK(hash != 0);
    if (seen->count >= most(seen->capacity) && seen->capacity < seen->capacity_max)
        (void)grow(seen, seen->capacity == 0 ? CAPACITY_LEAST : seen->capacity * 2);
    if (seen->capacity == 0) {
        seen->forgotten++;
        return 0;
    }
    at = place_of(seen, hash);
    if (hash_at(seen, at) != 0)
        return seen->entries[at].row;
    if (seen->count >= most(seen->capacity) || row > UINT32_MAX) {
        seen->forgotten++;
        return 0;
    }
    put_at(seen, at, hash, (uint32_t)row);
    seen->count++;
    return 0;
}
