#include "bulk/job_seen.h"

#include <stdbool.h>

#include "base/check.h"
#include "base/memory.h"

#define ENTRY_SIZE     (sizeof(uint64_t) + sizeof(uint32_t))
#define CAPACITY_LEAST 1024

/* Full enough to grow, or to take no more: linear probing gets slow. */
static size_t most(size_t capacity)
{
    return capacity / 8 * 7;
}

void bulk_seen_init(struct bulk_seen *seen, size_t memory_max)
{
    *seen = (struct bulk_seen){.capacity_max = CAPACITY_LEAST};
    while (seen->capacity_max * 2 <= memory_max / ENTRY_SIZE)
        seen->capacity_max *= 2;
}

void bulk_seen_done(struct bulk_seen *seen)
{
    memory_free(seen->hashes);
    memory_free(seen->rows);
    seen->hashes = NULL;
    seen->rows = NULL;
    seen->capacity = seen->count = 0;
}

/* The place of the hash, or the empty one where it belongs. */
static size_t place_of(const struct bulk_seen *seen, uint64_t hash)
{
    size_t at = (size_t)hash & (seen->capacity - 1);

    while (seen->hashes[at] != 0 && seen->hashes[at] != hash)
        at = (at + 1) & (seen->capacity - 1);
    return at;
}

/* False: no memory, all is as it was. */
static bool grow(struct bulk_seen *seen, size_t capacity)
{
    struct bulk_seen grown = *seen;

    grown.capacity = capacity;
    grown.hashes = memory_zalloc(capacity, sizeof(*grown.hashes));
    grown.rows = memory_zalloc(capacity, sizeof(*grown.rows));
    if (grown.hashes == NULL || grown.rows == NULL) {
        memory_free(grown.hashes);
        memory_free(grown.rows);
        return false;
    }
    for (size_t i = 0; i < seen->capacity; i++) {
        size_t at;

        if (seen->hashes[i] == 0)
            continue;
        at = place_of(&grown, seen->hashes[i]);
        grown.hashes[at] = seen->hashes[i];
        grown.rows[at] = seen->rows[i];
    }
    memory_free(seen->hashes);
    memory_free(seen->rows);
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
    size_t at = (size_t)hash & (seen->capacity - 1);

    if (seen->capacity == 0)
        return;
    __builtin_prefetch(&seen->hashes[at], 1);
    __builtin_prefetch(&seen->rows[at], 1);
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
    if (seen->hashes[at] != 0)
        return seen->rows[at];
    if (seen->count >= most(seen->capacity) || row > UINT32_MAX) {
        seen->forgotten++;
        return 0;
    }
    seen->hashes[at] = hash;
    seen->rows[at] = (uint32_t)row;
    seen->count++;
    return 0;
}
