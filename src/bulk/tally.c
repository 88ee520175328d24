#include "bulk/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"

void bulk_tally_init(struct bulk_tally *tally, size_t capacity, uint64_t seed)
{
    CHECK(capacity >= 2);
    *tally = (struct bulk_tally){.capacity = capacity};
    table_init(&tally->index, seed);
}

void bulk_tally_done(struct bulk_tally *tally)
{
    for (size_t i = 0; i < tally->count; i++)
        memory_free(tally->entries[i]);
    memory_free(tally->entries);
    table_done(&tally->index);
}

uint64_t bulk_tally_total(const struct bulk_tally_entry *entry)
{
    return entry->total;
}

uint64_t bulk_tally_bad(const struct bulk_tally_entry *entry)
{
    return entry->by_status[VERDICT_INVALID] + entry->by_status[VERDICT_DO_NOT_MAIL];
}

struct ranked {
    uint64_t weight;
    struct bulk_tally_entry *entry;
};

static int compare(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;

    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return slice_compare(a->entry->name, b->entry->name);
}

/* The weights beside the entries, so that they are taken once. False: no memory. */
static bool sort(struct bulk_tally *tally, uint64_t (*weigh)(const struct bulk_tally_entry *))
{
    struct ranked *ranked = memory_zalloc(tally->count + 1, sizeof(*ranked));

    if (ranked == NULL)
        return false;
    for (size_t i = 0; i < tally->count; i++)
        ranked[i] = (struct ranked){weigh(tally->entries[i]), tally->entries[i]};
    qsort(ranked, tally->count, sizeof(*ranked), compare);
    for (size_t i = 0; i < tally->count; i++)
        tally->entries[i] = ranked[i].entry;
    memory_free(ranked);
    return true;
}

void bulk_tally_sort(struct bulk_tally *tally, uint64_t (*weigh)(const struct bulk_tally_entry *))
{
    sort(tally, weigh);
}

/* Forget the smaller half. */
static int make_room(struct bulk_tally *tally)
{
    size_t kept = tally->capacity / 2;

    if (!sort(tally, bulk_tally_total))
        return ERROR_NOMEM;
    tally->lost += tally->entries[kept]->total;
    tally->forgotten += tally->count - kept;
    while (tally->count > kept) {
        struct bulk_tally_entry *entry = tally->entries[--tally->count];

        table_take(&tally->index, entry->name);
        memory_free(entry);
    }
    return 0;
}

static struct bulk_tally_entry *add_name(struct bulk_tally *tally, struct slice name)
{
    struct bulk_tally_entry *entry;

    if (tally->entries == NULL)
        tally->entries = memory_zalloc(tally->capacity, sizeof(struct bulk_tally_entry *));
    if (tally->entries == NULL || (tally->count == tally->capacity && make_room(tally) != 0))
        return NULL;
    entry = memory_zalloc(1, sizeof(*entry) + name.len);
    if (entry == NULL)
        return NULL;
    if (name.len > 0)
        memcpy(entry + 1, name.ptr, name.len);
    entry->name = slice_from((const char *)(entry + 1), name.len);
    if (table_put(&tally->index, name, entry) != 0) {
        memory_free(entry);
        return NULL;
    }
    tally->entries[tally->count++] = entry;
    return entry;
}

int bulk_tally_add(struct bulk_tally *tally, struct slice name, enum verdict_status status)
{
    struct bulk_tally_entry *entry = table_get(&tally->index, name);

    CHECK(status < VERDICT_STATUS_COUNT);
    if (entry == NULL)
        entry = add_name(tally, name);
    if (entry == NULL)
        return ERROR_NOMEM;
    entry->total++;
    entry->by_status[status]++;
    return 0;
}
