/*
 * The memory store's own parts: memory.c opens and closes, memory_job.c, memory_row.c and
 * memory_result.c are the interface's; notes and records have headers of their own. Nothing outside
 * src/store includes this.
 */
#ifndef MK_STORE_MEMORY_INTERNAL_H
#define MK_STORE_MEMORY_INTERNAL_H

#include "base/list.h"
#include "store/memory_note.h"
#include "store/memory_record.h"
#include "store/store.h"

struct memory_job {
    struct list_node node;
    struct store_job job; /* texts on the heap */
    struct arena arena;   /* of rows and results */
    struct store_row *rows;
    struct store_result **results; /* by index of the row; NULL: none yet */
    size_t count, room;
    struct store_counts counts;
};

struct memory_store {
    struct store base;
    struct list jobs; /* by id */
    uint64_t last_id;
    struct memory_notes notes;
    struct memory_records records;
};

static inline struct memory_store *memory_store_of(struct store *store)
{
    return (struct memory_store *)store;
}

int memory_store_no_memory(struct error *error);

struct memory_job *memory_job_find(struct store *store, uint64_t id);
int memory_job_not_found(uint64_t id, struct error *error);
int memory_job_add(struct store *store, const struct store_job *from, uint64_t *ret_id,
                   struct error *error);
int memory_job_next(struct store *store, uint64_t after, struct arena *arena,
                    struct store_job *ret_job, struct error *error);
int memory_job_update(struct store *store, const struct store_job *before,
                      const struct store_job *from, struct error *error);
void memory_job_free(struct memory_job *job);
int memory_job_clear(struct store *store, uint64_t id, size_t max, bool job_too,
                     struct error *error);

int memory_rows_add(struct store *store, uint64_t id, const struct store_row *rows, size_t count,
                    struct error *error);
size_t memory_row_after(const struct memory_job *job, uint64_t after);
size_t memory_row_index(const struct memory_job *job, uint64_t number);
int memory_rows_mark(struct store *store, uint64_t id, const struct store_mark *marks, size_t count,
                     struct error *error);
int memory_keys_open(struct store *store, uint64_t id, struct store_keys **ret_keys,
                     struct error *error);
int memory_keys_next(struct store_keys *base, uint64_t *ret_key, uint64_t *ret_row,
                     struct error *error);
void memory_keys_close(struct store_keys *base);

int memory_results_put(struct store *store, uint64_t id, const struct store_result *results,
                       size_t count, struct error *error);
int memory_results_forget(struct store *store, uint64_t id, const uint64_t *rows, size_t count,
                          uint64_t *ret_forgotten, struct error *error);
int memory_results_replace(struct store *store, uint64_t id, const struct store_result *results,
                           size_t count, uint64_t *ret_replaced, struct error *error);
int memory_rows_fault(struct store *store, uint64_t job, const struct store_fault *faults,
                      size_t count, struct error *error);
int memory_row_erase(struct store *store, uint64_t id, uint64_t row, struct slice fault,
                     struct error *error);
int memory_counts(struct store *store, uint64_t id, struct store_counts *ret_counts,
                  struct error *error);
int memory_page_read(struct store *store, uint64_t id, const struct store_query *query,
                     struct store_page *page, struct error *error);

#endif
