/* The store in memory: for tests, and as the disk of the simulated world. */
#include "base/memory.h"
#include "store/memory_internal.h"

int memory_store_no_memory(struct error *error)
{
    return error_set(error, ERROR_NOMEM, "no memory for the store");
}

/* --- notes --------------------------------------------------------------------------------- */

static int note_put(struct store *store, const char *kind, const char *id, struct slice body,
                    int64_t until_unix_ms, struct error *error)
{
    int code = memory_notes_put(&memory_store_of(store)->notes, slice_from_string(kind),
                                slice_from_string(id), body, until_unix_ms);

    return code == 0 ? 0 : memory_store_no_memory(error);
}

static int note_change(struct store *store, const char *kind, const char *id, struct slice before,
                       struct slice body, struct error *error)
{
    int code = memory_notes_change(&memory_store_of(store)->notes, slice_from_string(kind),
                                   slice_from_string(id), before, body);

    return code >= 0 ? code : memory_store_no_memory(error);
}

static int note_next(struct store *store, const char *kind, struct slice after, bool inclusive,
                     struct arena *arena, struct slice *ret_id, struct slice *ret_body,
                     struct error *error)
{
    int code = memory_notes_next(&memory_store_of(store)->notes, slice_from_string(kind), after,
                                 inclusive, arena, ret_id, ret_body);

    return code >= 0 ? code : memory_store_no_memory(error);
}

static int note_remove(struct store *store, const char *kind, const char *id, struct error *error)
{
    (void)error;
    memory_notes_remove(&memory_store_of(store)->notes, slice_from_string(kind),
                        slice_from_string(id));
    return 0;
}

static int note_expire(struct store *store, int64_t now_unix_ms, size_t max, struct error *error)
{
    (void)error;
    return memory_notes_expire(&memory_store_of(store)->notes, now_unix_ms, max);
}

/* --- records ------------------------------------------------------------------------------- */

static int records_put(struct store *store, const struct store_record *records, size_t count,
                       struct error *error)
{
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++)
        code = memory_records_put(&memory_store_of(store)->records, &records[i]);
    return code == 0 ? 0 : memory_store_no_memory(error);
}

static int record_get(struct store *store, enum store_record_kind kind, struct slice key,
                      struct arena *arena, struct store_record *ret_record, struct error *error)
{
    int code = memory_records_get(&memory_store_of(store)->records, kind, key, arena, ret_record);

    return code >= 0 ? code : memory_store_no_memory(error);
}

static int record_next(struct store *store, enum store_record_kind kind, struct slice group,
                       struct slice after, struct arena *arena, struct store_record *ret_record,
                       struct error *error)
{
    int code = memory_records_next(&memory_store_of(store)->records, kind, group, after, arena,
                                   ret_record);

    return code >= 0 ? code : memory_store_no_memory(error);
}

static int record_remove(struct store *store, enum store_record_kind kind, struct slice key,
                         struct error *error)
{
    (void)error;
    return memory_records_remove(&memory_store_of(store)->records, kind, key);
}

static int records_expire(struct store *store, enum store_record_kind kind, int64_t now_unix_ms,
                          uint64_t bytes_max, size_t max, struct error *error)
{
    (void)error;
    return memory_records_expire(&memory_store_of(store)->records, kind, now_unix_ms, bytes_max,
                                 max);
}

static int records_total(struct store *store, enum store_record_kind kind,
                         struct store_record_total *ret_total, struct error *error)
{
    (void)error;
    *ret_total = memory_store_of(store)->records.totals[kind];
    return 0;
}

/* --- opening ------------------------------------------------------------------------------- */

static void memory_close(struct store *store)
{
    struct memory_store *memory = memory_store_of(store);
    struct list_node *node;

    while ((node = list_first(&memory->jobs)) != NULL)
        memory_job_free(LIST_ELEMENT(node, struct memory_job, node));
    memory_notes_done(&memory->notes);
    memory_records_done(&memory->records);
    memory_free(memory);
}

static const struct store_ops memory_ops = {
    .close = memory_close,
    .job_add = memory_job_add,
    .job_next = memory_job_next,
    .job_update = memory_job_update,
    .job_clear = memory_job_clear,
    .rows_add = memory_rows_add,
    .rows_mark = memory_rows_mark,
    .keys_open = memory_keys_open,
    .keys_next = memory_keys_next,
    .keys_close = memory_keys_close,
    .results_put = memory_results_put,
    .results_forget = memory_results_forget,
    .results_replace = memory_results_replace,
    .rows_fault = memory_rows_fault,
    .row_erase = memory_row_erase,
    .counts = memory_counts,
    .page_read = memory_page_read,
    .note_put = note_put,
    .note_change = note_change,
    .note_next = note_next,
    .note_remove = note_remove,
    .note_expire = note_expire,
    .records_put = records_put,
    .record_get = record_get,
    .record_next = record_next,
    .record_remove = record_remove,
    .records_expire = records_expire,
    .records_total = records_total,
};

int store_memory_open(struct store **ret_store, struct error *error)
{
    struct memory_store *memory = memory_zalloc(1, sizeof(*memory));

    if (memory == NULL)
        return memory_store_no_memory(error);
    memory->base.ops = &memory_ops;
    list_init(&memory->jobs);
    memory_notes_init(&memory->notes);
    memory_records_init(&memory->records);
    *ret_store = &memory->base;
    return 0;
}
