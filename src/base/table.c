#include "base/table.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "base/eight.h"
#include "base/error.h"
#include "base/memory.h"

uint64_t hash_bytes(const void *bytes, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, len, seed);
}

void table_init(struct table *table, uint64_t seed)
{
    *table = (struct table){.seed = seed};
}

void table_init_borrowing(struct table *table, uint64_t seed)
{
    *table = (struct table){.seed = seed, .borrows = true};
}

void table_done(struct table *table)
{
    for (size_t i = 0; !table->borrows && i < table->capacity; i++)
        memory_free(table->entries[i].key);
    memory_free(table->entries);
    *table = (struct table){.seed = table->seed, .borrows = table->borrows};
}

/* Keys are some dozen bytes long: too short for a call of memcmp to gain anything. */
static inline bool is_equal(const char *a, const char *b, size_t len)
{
    size_t at = 0;

    for (; at + 8 <= len; at += 8)
        if (eight_read(a + at) != eight_read(b + at))
            return false;
    for (; at < len; at++)
        if (a[at] != b[at])
            return false;
    return true;
}

/* The slot that holds key, or the empty slot where it would go. */
static inline struct table_entry *find_slot(const struct table *table, struct slice key,
                                            uint32_t hash)
{
    size_t mask = table->capacity - 1;

    for (size_t at = hash & mask;; at = (at + 1) & mask) {
        struct table_entry *entry = &table->entries[at];

        if (entry->key == NULL)
            return entry;
        if (entry->hash == hash && entry->key_len == key.len &&
            (entry->key == key.ptr || is_equal(entry->key, key.ptr, key.len)))
            return entry;
    }
}

uint32_t table_hash(const struct table *table, struct slice key)
{
    return (uint32_t)hash_bytes(key.ptr != NULL ? key.ptr : "", key.len, table->seed);
}

void *table_get_hashed(const struct table *table, struct slice key, uint32_t hash)
{
    return table->count > 0 ? find_slot(table, key, hash)->value : NULL;
}

void *table_get(const struct table *table, struct slice key)
{
    return table->count > 0 ? table_get_hashed(table, key, table_hash(table, key)) : NULL;
}

static int grow(struct table *table)
{
    struct table grown = *table;

    grown.capacity = table->capacity > 0 ? table->capacity * 2 : 16;
    grown.entries = memory_zalloc(grown.capacity, sizeof(*grown.entries));
    if (grown.entries == NULL)
        return ERROR_NOMEM;
    for (size_t i = 0; i < table->capacity; i++) {
        const struct table_entry *entry = &table->entries[i];

        if (entry->key != NULL)
            *find_slot(&grown, slice_from(entry->key, entry->key_len), entry->hash) = *entry;
    }
    memory_free(table->entries);
    *table = grown;
    return 0;
}

/* For one more. */
static bool has_no_room(const struct table *table)
{
    return (table->count + 1) * 4 > table->capacity * 3;
}

static char *key_to_keep(const struct table *table, struct slice key)
{
    if (!table->borrows)
        return memory_copy_string(key.ptr, key.len);
    CHECK(key.ptr != NULL);
    return (char *)(uintptr_t)key.ptr; /* never written to */
}

int table_put_hashed(struct table *table, struct slice key, uint32_t hash, void *value)
{
    struct table_entry *slot;

    CHECK(value != NULL && key.len < UINT32_MAX);
    if (has_no_room(table) && grow(table) != 0)
        return ERROR_NOMEM;
    slot = find_slot(table, key, hash);
    if (slot->key == NULL || table->borrows) {
        char *kept = key_to_keep(table, key);

        if (kept == NULL)
            return ERROR_NOMEM;
        table->count += slot->key == NULL;
        *slot = (struct table_entry){.key = kept, .key_len = (uint32_t)key.len, .hash = hash};
    }
    slot->value = value;
    return 0;
}

int table_add_hashed(struct table *table, struct slice key, uint32_t hash, void *value)
{
    size_t mask, at;
    char *kept;

    CHECK(value != NULL && key.len < UINT32_MAX);
    if (has_no_room(table) && grow(table) != 0)
        return ERROR_NOMEM;
    kept = key_to_keep(table, key);
    if (kept == NULL)
        return ERROR_NOMEM;
    mask = table->capacity - 1;
    for (at = hash & mask; table->entries[at].key != NULL; at = (at + 1) & mask)
        ;
    table->entries[at] = (struct table_entry){
        .key = kept, .key_len = (uint32_t)key.len, .hash = hash, .value = value};
    table->count++;
    return 0;
}

int table_put(struct table *table, struct slice key, void *value)
{
    return table_put_hashed(table, key, table_hash(table, key), value);
}

void *table_take_hashed(struct table *table, struct slice key, uint32_t hash)
{
    size_t mask = table->capacity - 1;
    struct table_entry *slot;
    void *value;

    if (table->count == 0)
        return NULL;
    slot = find_slot(table, key, hash);
    if (slot->key == NULL)
        return NULL;
    value = slot->value;
    if (!table->borrows)
        memory_free(slot->key);
    table->count--;
    /* Close the gap: move back every later entry of the run that may stand nearer its home. */
    for (size_t hole = (size_t)(slot - table->entries), at = hole;;) {
        at = (at + 1) & mask;
        if (table->entries[at].key == NULL) {
            table->entries[hole] = (struct table_entry){0};
            break;
        }
        if (((at - (table->entries[at].hash & mask)) & mask) >= ((at - hole) & mask)) {
            table->entries[hole] = table->entries[at];
            hole = at;
        }
    }
    return value;
}

void *table_take(struct table *table, struct slice key)
{
    return table->count > 0 ? table_take_hashed(table, key, table_hash(table, key)) : NULL;
}

bool table_next(const struct table *table, size_t *cursor, struct slice *ret_key, void **ret_value)
{
    for (; *cursor < table->capacity; (*cursor)++) {
        const struct table_entry *entry = &table->entries[*cursor];

        if (entry->key == NULL)
            continue;
        *ret_key = slice_from(entry->key, entry->key_len);
        *ret_value = entry->value;
        (*cursor)++;
        return true;
    }
    return false;
}
