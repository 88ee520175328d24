#include "store/memory_record.h"

#include <string.h>

#include "base/memory.h"

struct record {
    struct list_node node;
    struct store_record record; /* texts in bytes */
    uint64_t size;
    char bytes[];
};

void memory_records_init(struct memory_records *records)
{
    *records = (struct memory_records){0};
    table_init(&records->table, 1);
    list_init(&records->list);
}

void memory_records_done(struct memory_records *records)
{
    struct list_node *node;

    while ((node = list_pop(&records->list)) != NULL)
        memory_free(LIST_ELEMENT(node, struct record, node));
    table_done(&records->table);
}

/* The name in the table: kind, then key. */
static struct slice name_of(enum store_record_kind kind, struct slice key,
                            char out[STORE_RECORD_KEY_MAX + 1])
{
    out[0] = (char)kind;
    key = slice_prefix(key, STORE_RECORD_KEY_MAX);
    if (key.len > 0)
        memcpy(out + 1, key.ptr, key.len);
    return slice_from(out, key.len + 1);
}

static struct record *find(const struct memory_records *records, enum store_record_kind kind,
                           struct slice key)
{
    char name[STORE_RECORD_KEY_MAX + 1];

    return table_get(&records->table, name_of(kind, key, name));
}

static void drop(struct memory_records *records, struct record *record)
{
    struct store_record_total *total = &records->totals[record->record.kind];
    char name[STORE_RECORD_KEY_MAX + 1];

    (void)table_take(&records->table, name_of(record->record.kind, record->record.key, name));
    list_remove(&record->node);
    total->records--;
    total->bytes -= record->size;
    memory_free(record);
}

static struct slice add_bytes(struct record *record, size_t *at, struct slice from)
{
    struct slice to = slice_from(record->bytes + *at, from.len);

    if (from.len > 0)
        memcpy(record->bytes + *at, from.ptr, from.len);
    *at += from.len;
    return to;
}

static struct record *copy_of(const struct store_record *from)
{
    size_t len = from->key.len + from->group.len + from->body.len, at = 0;
    struct record *record = memory_zalloc(1, sizeof(*record) + len + 1);

    if (record == NULL)
        return NULL;
    record->record = *from;
    record->record.key = add_bytes(record, &at, from->key);
    record->record.group = add_bytes(record, &at, from->group);
    record->record.body = add_bytes(record, &at, from->body);
    record->record.failed_unix_ms = 0;
    record->record.failures = 0;
    record->size = len + STORE_RECORD_OVERHEAD;
    return record;
}

int memory_records_put(struct memory_records *records, const struct store_record *from)
{
    struct record *old = find(records, from->kind, from->key), *record;
    char name[STORE_RECORD_KEY_MAX + 1];

    if (old != NULL && from->checked_unix_ms < old->record.checked_unix_ms)
        return 0;
    if (old != NULL && !from->is_proof && old->record.is_proof &&
        old->record.expires_unix_ms > from->checked_unix_ms) {
        if (old->record.failed_unix_ms < from->checked_unix_ms) {
            old->record.failed_unix_ms = from->checked_unix_ms;
            old->record.failures++;
        }
        return 0;
    }
    record = copy_of(from);
    if (record == NULL)
        return ERROR_NOMEM;
    if (table_put(&records->table, name_of(from->kind, from->key, name), record) != 0) {
        memory_free(record);
        return ERROR_NOMEM;
    }
    if (old != NULL) {
        records->totals[from->kind].records--;
        records->totals[from->kind].bytes -= old->size;
        list_remove(&old->node);
        memory_free(old);
    }
    list_append(&records->list, &record->node);
    records->totals[from->kind].records++;
    records->totals[from->kind].bytes += record->size;
    return 0;
}

static int give(const struct record *record, struct arena *arena, struct store_record *ret_record)
{
    struct store_record copy = record->record;

    copy.key = arena_slice(arena, copy.key);
    copy.group = arena_slice(arena, copy.group);
    copy.body = arena_slice(arena, copy.body);
    if (copy.key.ptr == NULL || copy.group.ptr == NULL || copy.body.ptr == NULL)
        return ERROR_NOMEM;
    *ret_record = copy;
    return 1;
}

int memory_records_get(const struct memory_records *records, enum store_record_kind kind,
                       struct slice key, struct arena *arena, struct store_record *ret_record)
{
    const struct record *record = find(records, kind, key);

    return record != NULL ? give(record, arena, ret_record) : 0;
}

/* Bytewise, as SQLite orders them. */
static int compare(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

int memory_records_next(const struct memory_records *records, enum store_record_kind kind,
                        struct slice group, struct slice after, struct arena *arena,
                        struct store_record *ret_record)
{
    const struct record *next = NULL;

    for (struct list_node *node = list_first(&records->list); node != NULL;
         node = list_after(&records->list, node)) {
        const struct record *record = LIST_ELEMENT(node, struct record, node);

        if (record->record.kind == kind && compare(record->record.key, after) > 0 &&
            (group.len == 0 || slice_equal(record->record.group, group)) &&
            (next == NULL || compare(record->record.key, next->record.key) < 0))
            next = record;
    }
    return next != NULL ? give(next, arena, ret_record) : 0;
}

int memory_records_remove(struct memory_records *records, enum store_record_kind kind,
                          struct slice key)
{
    struct record *record = find(records, kind, key);

    if (record == NULL)
        return 0;
    drop(records, record);
    return 1;
}

int memory_records_expire(struct memory_records *records, enum store_record_kind kind,
                          int64_t now_unix_ms, uint64_t bytes_max, size_t max)
{
    size_t removed = 0;

    while (removed < max) {
        struct record *first = NULL;

        for (struct list_node *node = list_first(&records->list); node != NULL;
             node = list_after(&records->list, node)) {
            struct record *record = LIST_ELEMENT(node, struct record, node);

            if (record->record.kind == kind &&
                (first == NULL || record->record.expires_unix_ms < first->record.expires_unix_ms))
                first = record;
        }
        if (first == NULL || (first->record.expires_unix_ms > now_unix_ms &&
                              records->totals[kind].bytes <= bytes_max))
            break;
        drop(records, first);
        removed++;
    }
    return (int)removed;
}
