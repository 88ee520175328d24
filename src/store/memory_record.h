/*
 * Records of the memory store: found by kind and key, walked in the order of keys. Only memory.c
 * includes this.
 */
#ifndef MK_STORE_MEMORY_RECORD_H
#define MK_STORE_MEMORY_RECORD_H

#include "base/list.h"
#include "base/table.h"
#include "store/store.h"

struct memory_records {
    struct table table; /* by kind and key */
    struct list list;   /* in no order */
    struct store_record_total totals[STORE_RECORD_KIND_COUNT];
};

void memory_records_init(struct memory_records *records);
void memory_records_done(struct memory_records *records);

/* As the store's functions of these names; ERROR_NOMEM only. */
int memory_records_put(struct memory_records *records, const struct store_record *record);
int memory_records_get(const struct memory_records *records, enum store_record_kind kind,
                       struct slice key, struct arena *arena, struct store_record *ret_record);
int memory_records_next(const struct memory_records *records, enum store_record_kind kind,
                        struct slice group, struct slice after, struct arena *arena,
                        struct store_record *ret_record);
int memory_records_remove(struct memory_records *records, enum store_record_kind kind,
                          struct slice key);
int memory_records_expire(struct memory_records *records, enum store_record_kind kind,
                          int64_t now_unix_ms, uint64_t bytes_max, size_t max);

#endif
