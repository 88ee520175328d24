/* Rows of the memory store, and the walk over their keys. */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/memory_internal.h"

static int make_room(struct memory_job *job, size_t count)
{
    size_t room = job->room == 0 ? 64 : job->room;
    struct store_row *rows;
    struct store_result **results;

    while (room < job->count + count)
        room *= 2;
    if (room == job->room)
        return 0;
    rows = memory_resize(job->rows, room, sizeof(*rows));
    if (rows == NULL)
        return ERROR_NOMEM;
    job->rows = rows;
    results = memory_resize(job->results, room, sizeof(struct store_result *));
    if (results == NULL)
        return ERROR_NOMEM;
    job->results = results;
    job->room = room;
    return 0;
}

int memory_rows_add(struct store *store, uint64_t id, const struct store_row *rows, size_t count,
                    struct error *error)
{
    struct memory_job *job = memory_job_find(store, id);
    uint64_t faults = 0, doubts = 0;

    if (job == NULL)
        return memory_job_not_found(id, error);
    if (make_room(job, count) != 0)
        return memory_store_no_memory(error);
    for (size_t i = 0; i < count; i++) {
        struct store_row *row = &job->rows[job->count + i];

        CHECK(rows[i].number > (job->count + i == 0 ? 0 : row[-1].number));
        *row = rows[i];
        row->first = row->copies = 0;
        row->address = arena_slice(&job->arena, rows[i].address);
        row->fault = arena_slice(&job->arena, rows[i].fault);
        row->raw = arena_slice(&job->arena, rows[i].raw);
        if (row->address.ptr == NULL || row->fault.ptr == NULL || row->raw.ptr == NULL)
            return memory_store_no_memory(error);
        job->results[job->count + i] = NULL;
        faults += row->fault.len > 0;
        doubts += row->is_doubtful;
    }
    job->count += count;
    job->job.rows += count;
    job->job.faults += faults;
    job->job.doubts += doubts;
    return 0;
}

/* Index of the first row with a number above `after`. */
size_t memory_row_after(const struct memory_job *job, uint64_t after)
{
    size_t low = 0, high = job->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (job->rows[middle].number <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* SIZE_MAX: there is no such row. */
size_t memory_row_index(const struct memory_job *job, uint64_t number)
{
    size_t index = memory_row_after(job, number - 1);

    return index < job->count && job->rows[index].number == number ? index : SIZE_MAX;
}

int memory_rows_mark(struct store *store, uint64_t id, const struct store_mark *marks, size_t count,
                     struct error *error)
{
    struct memory_job *job = memory_job_find(store, id);

    if (job == NULL)
        return memory_job_not_found(id, error);
    for (size_t i = 0; i < count; i++) {
        size_t row = memory_row_index(job, marks[i].row),
               first = memory_row_index(job, marks[i].first);

        CHECK(row != SIZE_MAX && first != SIZE_MAX && job->rows[row].first == 0);
        job->rows[row].first = marks[i].first;
        job->rows[first].copies++;
    }
    job->job.duplicates += count;
    return 0;
}

/* --- keys ---------------------------------------------------------------------------------- */

struct memory_key {
    uint64_t key, row;
};

struct memory_keys {
    struct store_keys base;
    size_t at, count;
    struct memory_key keys[];
};

static int compare_keys(const void *left, const void *right)
{
    const struct memory_key *a = left, *b = right;

    if (a->key != b->key)
        return (int64_t)a->key < (int64_t)b->key ? -1 : 1; /* as SQLite does */
    return a->row < b->row ? -1 : a->row > b->row;
}

int memory_keys_open(struct store *store, uint64_t id, struct store_keys **ret_keys,
                     struct error *error)
{
    struct memory_job *job = memory_job_find(store, id);
    struct memory_keys *keys;

    if (job == NULL)
        return memory_job_not_found(id, error);
    keys = memory_alloc(sizeof(*keys) + job->count * sizeof(keys->keys[0]));
    if (keys == NULL)
        return memory_store_no_memory(error);
    keys->base.store = store;
    keys->at = keys->count = 0;
    for (size_t i = 0; i < job->count; i++) {
        const struct store_row *row = &job->rows[i];

        if (row->key != 0)
            keys->keys[keys->count++] = (struct memory_key){row->key, row->number};
    }
    qsort(keys->keys, keys->count, sizeof(keys->keys[0]), compare_keys);
    *ret_keys = &keys->base;
    return 0;
}

int memory_keys_next(struct store_keys *base, uint64_t *ret_key, uint64_t *ret_row,
                     struct error *error)
{
    struct memory_keys *keys = (struct memory_keys *)base;

    if (keys->at == keys->count)
        return 0;
    *ret_key = keys->keys[keys->at].key;
    *ret_row = keys->keys[keys->at].row;
    keys->at++;
    return 1;
}

void memory_keys_close(struct store_keys *base)
{
    memory_free(base);
}
