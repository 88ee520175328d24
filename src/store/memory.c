/* The store in memory: for tests, and as the disk of the simulated world. */
#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
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

static struct memory_store *self(struct store *store)
{
    return (struct memory_store *)store;
}

static int no_memory(struct error *error)
{
    return error_set(error, ERROR_NOMEM, "no memory for the store");
}

static struct memory_job *find(struct store *store, uint64_t id)
{
    struct memory_store *memory = self(store);
    struct list_node *node;

    for (node = list_first(&memory->jobs); node != NULL; node = list_after(&memory->jobs, node)) {
        struct memory_job *job = LIST_ELEMENT(node, struct memory_job, node);

        if (job->job.id == id)
            return job;
    }
    return NULL;
}

static int not_found(uint64_t id, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "there is no list %llu", (unsigned long long)id);
}

/* --- jobs ---------------------------------------------------------------------------------- */

static void drop_texts(struct store_job *job)
{
    memory_free((void *)(uintptr_t)job->name.ptr);
    memory_free((void *)(uintptr_t)job->sources.ptr);
    memory_free((void *)(uintptr_t)job->fingerprint.ptr);
    memory_free((void *)(uintptr_t)job->options.ptr);
    memory_free((void *)(uintptr_t)job->note.ptr);
}

static bool copy_texts(struct store_job *to, const struct store_job *from)
{
    const struct slice texts[] = {from->name, from->sources, from->fingerprint, from->options,
                                  from->note};
    struct slice *copies[] = {&to->name, &to->sources, &to->fingerprint, &to->options, &to->note};
    bool fine = true;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *copies[i] = slice_from(memory_copy_string(texts[i].ptr, texts[i].len), texts[i].len);
        fine = fine && copies[i]->ptr != NULL;
    }
    if (!fine)
        drop_texts(to);
    return fine;
}

static int job_add(struct store *store, const struct store_job *from, uint64_t *ret_id,
                   struct error *error)
{
    struct memory_store *memory = self(store);
    struct memory_job *job = memory_zalloc(1, sizeof(*job));

    if (job == NULL)
        return no_memory(error);
    job->job = *from;
    if (!copy_texts(&job->job, from)) {
        memory_free(job);
        return no_memory(error);
    }
    job->job.id = ++memory->last_id;
    job->job.rows = job->job.faults = job->job.duplicates = job->job.done = 0;
    arena_init(&job->arena);
    list_append(&memory->jobs, &job->node);
    *ret_id = job->job.id;
    return 0;
}

static int job_next(struct store *store, uint64_t after, struct arena *arena,
                    struct store_job *ret_job, struct error *error)
{
    struct memory_store *memory = self(store);
    struct list_node *node = list_first(&memory->jobs);
    struct store_job found;

    while (node != NULL && LIST_ELEMENT(node, struct memory_job, node)->job.id <= after)
        node = list_after(&memory->jobs, node);
    if (node == NULL)
        return 0;
    found = LIST_ELEMENT(node, struct memory_job, node)->job;
    found.name = arena_slice(arena, found.name);
    found.sources = arena_slice(arena, found.sources);
    found.fingerprint = arena_slice(arena, found.fingerprint);
    found.options = arena_slice(arena, found.options);
    found.note = arena_slice(arena, found.note);
    if (found.name.ptr == NULL || found.sources.ptr == NULL || found.fingerprint.ptr == NULL ||
        found.options.ptr == NULL || found.note.ptr == NULL)
        return no_memory(error);
    *ret_job = found;
    return 1;
}

static bool is_same(const struct store_job *a, const struct store_job *b)
{
    return a->state == b->state && slice_equal(a->name, b->name) &&
           slice_equal(a->options, b->options) && slice_equal(a->note, b->note);
}

static int job_update(struct store *store, const struct store_job *before,
                      const struct store_job *from, struct error *error)
{
    struct memory_job *job = find(store, from->id);
    struct store_job changed = *from;

    if (job == NULL || (before != NULL && !is_same(&job->job, before) && !is_same(&job->job, from)))
        return 0;
    if (!copy_texts(&changed, from))
        return no_memory(error);
    changed.rows = job->job.rows;
    changed.faults = job->job.faults;
    changed.duplicates = job->job.duplicates;
    changed.done = job->job.done;
    changed.created_unix_ms = job->job.created_unix_ms;
    if (before != NULL) {
        changed.started_unix_ms = job->job.started_unix_ms;
        changed.finished_unix_ms = job->job.finished_unix_ms;
        changed.active_ms = job->job.active_ms;
    }
    drop_texts(&job->job);
    job->job = changed;
    return 1;
}

static void empty(struct memory_job *job)
{
    arena_done(&job->arena);
    memory_free(job->rows);
    memory_free(job->results);
    job->rows = NULL;
    job->results = NULL;
    job->count = job->room = 0;
    job->counts = (struct store_counts){0};
    job->job.rows = job->job.faults = job->job.duplicates = job->job.done = 0;
}

static void job_free(struct memory_job *job)
{
    empty(job);
    drop_texts(&job->job);
    list_remove(&job->node);
    memory_free(job);
}

static int job_clear(struct store *store, uint64_t id, size_t max, bool job_too,
                     struct error *error)
{
    struct memory_job *job = find(store, id);

    if (job == NULL)
        return not_found(id, error);
    if (job_too)
        job_free(job);
    else
        empty(job);
    return 0;
}

/* --- rows ---------------------------------------------------------------------------------- */

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

static int rows_add(struct store *store, uint64_t id, const struct store_row *rows, size_t count,
                    struct error *error)
{
    struct memory_job *job = find(store, id);
    uint64_t faults = 0;

    if (job == NULL)
        return not_found(id, error);
    if (make_room(job, count) != 0)
        return no_memory(error);
    for (size_t i = 0; i < count; i++) {
        struct store_row *row = &job->rows[job->count + i];

        CHECK(rows[i].number > (job->count + i == 0 ? 0 : row[-1].number));
        *row = rows[i];
        row->first = row->copies = 0;
        row->address = arena_slice(&job->arena, rows[i].address);
        row->fault = arena_slice(&job->arena, rows[i].fault);
        row->raw = arena_slice(&job->arena, rows[i].raw);
        if (row->address.ptr == NULL || row->fault.ptr == NULL || row->raw.ptr == NULL)
            return no_memory(error);
        job->results[job->count + i] = NULL;
        faults += row->fault.len > 0;
    }
    job->count += count;
    job->job.rows += count;
    job->job.faults += faults;
    return 0;
}

/* Index of the first row with a number above `after`. */
static size_t index_after(const struct memory_job *job, uint64_t after)
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
static size_t index_of(const struct memory_job *job, uint64_t number)
{
    size_t index = index_after(job, number - 1);

    return index < job->count && job->rows[index].number == number ? index : SIZE_MAX;
}

static int rows_mark(struct store *store, uint64_t id, const struct store_mark *marks, size_t count,
                     struct error *error)
{
    struct memory_job *job = find(store, id);

    if (job == NULL)
        return not_found(id, error);
    for (size_t i = 0; i < count; i++) {
        size_t row = index_of(job, marks[i].row), first = index_of(job, marks[i].first);

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

static int keys_open(struct store *store, uint64_t id, struct store_keys **ret_keys,
                     struct error *error)
{
    struct memory_job *job = find(store, id);
    struct memory_keys *keys;

    if (job == NULL)
        return not_found(id, error);
    keys = memory_alloc(sizeof(*keys) + job->count * sizeof(keys->keys[0]));
    if (keys == NULL)
        return no_memory(error);
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

static int keys_next(struct store_keys *base, uint64_t *ret_key, uint64_t *ret_row,
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

static void keys_close(struct store_keys *base)
{
    memory_free(base);
}

/* --- results ------------------------------------------------------------------------------- */

static struct store_result *copy_result(struct arena *arena, const struct store_result *from)
{
    struct store_result *copy = arena_alloc(arena, sizeof(*copy));
    const struct slice texts[] = {from->provider, from->domain, from->suggestion, from->explanation,
                                  from->json};
    struct slice copies[ARRAY_LEN(texts)];

    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        copies[i] = arena_slice(arena, texts[i]);
        if (copies[i].ptr == NULL)
            return NULL;
    }
    *copy = *from;
    copy->provider = copies[0];
    copy->domain = copies[1];
    copy->suggestion = copies[2];
    copy->explanation = copies[3];
    copy->json = copies[4];
    return copy;
}

/* All or none: NULL when memory ran out. The list of pointers is the caller's to free. */
static struct store_result **copy_results(struct memory_job *job,
                                          const struct store_result *results, size_t count)
{
    struct store_result **copies = memory_zalloc(count, sizeof(struct store_result *));

    for (size_t i = 0; copies != NULL && i < count; i++) {
        copies[i] = copy_result(&job->arena, &results[i]);
        if (copies[i] == NULL) {
            memory_free(copies);
            return NULL;
        }
    }
    return copies;
}

static int results_put(struct store *store, uint64_t id, const struct store_result *results,
                       size_t count, struct error *error)
{
    struct memory_job *job = find(store, id);
    struct store_result **copies;

    if (job == NULL)
        return not_found(id, error);
    copies = copy_results(job, results, count);
    if (copies == NULL)
        return no_memory(error);
    for (size_t i = 0; i < count; i++) {
        size_t index = index_of(job, results[i].row);

        CHECK(index != SIZE_MAX && job->rows[index].first == 0);
        if (job->results[index] != NULL)
            continue;
        job->results[index] = copies[i];
        job->counts.results[results[i].reason]++;
        job->counts.rows[results[i].reason] += 1 + results[i].copies;
        job->job.done++;
    }
    memory_free(copies);
    return 0;
}

static int results_forget(struct store *store, uint64_t id, const uint64_t *rows, size_t count,
                          uint64_t *ret_forgotten, struct error *error)
{
    struct memory_job *job = find(store, id);

    if (job == NULL)
        return not_found(id, error);
    *ret_forgotten = 0;
    for (size_t i = 0; i < count; i++) {
        size_t index = index_of(job, rows[i]);
        const struct store_result *result = index != SIZE_MAX ? job->results[index] : NULL;

        if (result == NULL)
            continue;
        job->counts.results[result->reason]--;
        job->counts.rows[result->reason] -= 1 + result->copies;
        job->job.done--;
        job->results[index] = NULL;
        ++*ret_forgotten;
    }
    return 0;
}

static int results_replace(struct store *store, uint64_t id, const struct store_result *results,
                           size_t count, uint64_t *ret_replaced, struct error *error)
{
    struct memory_job *job = find(store, id);
    struct store_result **copies;

    if (job == NULL)
        return not_found(id, error);
    copies = copy_results(job, results, count);
    if (copies == NULL)
        return no_memory(error);
    *ret_replaced = 0;
    for (size_t i = 0; i < count; i++) {
        size_t index = index_of(job, results[i].row);
        const struct store_result *old = index != SIZE_MAX ? job->results[index] : NULL;

        if (old == NULL || old->checked_unix_ms != results[i].checked_unix_ms ||
            job->rows[index].fault.len > 0)
            continue;
        job->counts.results[old->reason]--;
        job->counts.rows[old->reason] -= 1 + old->copies;
        copies[i]->copies = old->copies;
        job->results[index] = copies[i];
        job->counts.results[copies[i]->reason]++;
        job->counts.rows[copies[i]->reason] += 1 + old->copies;
        ++*ret_replaced;
    }
    memory_free(copies);
    return 0;
}

static int row_erase(struct store *store, uint64_t id, uint64_t row, struct slice fault,
                     struct error *error)
{
    struct memory_job *job = find(store, id);
    size_t index;
    struct store_result *result;

    if (job == NULL)
        return not_found(id, error);
    index = index_of(job, row);
    if (index == SIZE_MAX)
        return 0;
    fault = arena_slice(&job->arena, fault);
    if (fault.ptr == NULL)
        return no_memory(error);
    job->rows[index].address = job->rows[index].raw = SLICE_EMPTY;
    job->rows[index].fault = fault;
    job->rows[index].key = 0;
    result = job->results[index];
    if (result != NULL)
        result->provider = result->domain = result->suggestion = result->explanation =
            result->json = SLICE_EMPTY;
    return 0;
}

static int counts(struct store *store, uint64_t id, struct store_counts *ret_counts,
                  struct error *error)
{
    struct memory_job *job = find(store, id);

    if (job == NULL)
        return not_found(id, error);
    *ret_counts = job->counts;
    return 0;
}

/* --- pages --------------------------------------------------------------------------------- */

static bool in_scope(enum store_scope scope, const struct store_line *line)
{
    switch (scope) {
    case STORE_SCOPE_ROWS:
        return true;
    case STORE_SCOPE_MAILBOXES:
        return line->row.first == 0;
    case STORE_SCOPE_PENDING:
        return line->row.first == 0 && !line->has_result;
    }
    return false;
}

static bool copy_line(struct memory_job *job, size_t index, const struct store_query *query,
                      struct store_page *page, struct store_line *line)
{
    const struct store_row *row = &job->rows[index];
    const struct store_result *result =
        job->results[row->first == 0 ? index : index_of(job, row->first)];
    struct store_result *copy;

    line->row.address = arena_slice(&page->arena, row->address);
    line->row.fault = arena_slice(&page->arena, row->fault);
    line->row.raw = arena_slice(&page->arena, query->with_raw ? row->raw : SLICE_EMPTY);
    if (line->row.address.ptr == NULL || line->row.fault.ptr == NULL || line->row.raw.ptr == NULL)
        return false;
    if (result == NULL)
        return true;
    copy = copy_result(&page->arena, result);
    if (copy == NULL)
        return false;
    line->result = *copy;
    if (!query->with_json)
        line->result.json = SLICE_EMPTY;
    return true;
}

static int page_read(struct store *store, uint64_t id, const struct store_query *query,
                     struct store_page *page, struct error *error)
{
    struct memory_job *job = find(store, id);
    size_t index, looked_at = 0;

    if (job == NULL)
        return not_found(id, error);
    for (index = index_after(job, query->after); index < job->count; index++) {
        const struct store_row *row = &job->rows[index];
        const struct store_result *result =
            job->results[row->first == 0 ? index : index_of(job, row->first)];
        struct store_line line = {.row = *row, .has_result = result != NULL};

        if (query->until != 0 && row->number > query->until)
            break;
        if (page->count == query->limit || looked_at++ == store_query_scan(query))
            return 0;
        line.row.key = 0;
        if (result != NULL)
            line.result = *result;
        page->after = row->number;
        if (!in_scope(query->scope, &line) || !store_filter_passes(&query->filter, &line))
            continue;
        if (!copy_line(job, index, query, page, &line))
            return no_memory(error);
        page->lines[page->count++] = line;
    }
    page->at_end = true;
    return 0;
}

/* --- notes --------------------------------------------------------------------------------- */

static int note_put(struct store *store, const char *kind, const char *id, struct slice body,
                    int64_t until_unix_ms, struct error *error)
{
    int code = memory_notes_put(&self(store)->notes, slice_from_string(kind), slice_from_string(id),
                                body, until_unix_ms);

    return code == 0 ? 0 : no_memory(error);
}

static int note_change(struct store *store, const char *kind, const char *id, struct slice before,
                       struct slice body, struct error *error)
{
    int code = memory_notes_change(&self(store)->notes, slice_from_string(kind),
                                   slice_from_string(id), before, body);

    return code >= 0 ? code : no_memory(error);
}

static int note_next(struct store *store, const char *kind, struct slice after, bool inclusive,
                     struct arena *arena, struct slice *ret_id, struct slice *ret_body,
                     struct error *error)
{
    int code = memory_notes_next(&self(store)->notes, slice_from_string(kind), after, inclusive,
                                 arena, ret_id, ret_body);

    return code >= 0 ? code : no_memory(error);
}

static int note_remove(struct store *store, const char *kind, const char *id, struct error *error)
{
    (void)error;
    memory_notes_remove(&self(store)->notes, slice_from_string(kind), slice_from_string(id));
    return 0;
}

static int note_expire(struct store *store, int64_t now_unix_ms, size_t max, struct error *error)
{
    (void)error;
    return memory_notes_expire(&self(store)->notes, now_unix_ms, max);
}

/* --- records ------------------------------------------------------------------------------- */

static int records_put(struct store *store, const struct store_record *records, size_t count,
                       struct error *error)
{
    int code = 0;

    for (size_t i = 0; i < count && code == 0; i++)
        code = memory_records_put(&self(store)->records, &records[i]);
    return code == 0 ? 0 : no_memory(error);
}

static int record_get(struct store *store, enum store_record_kind kind, struct slice key,
                      struct arena *arena, struct store_record *ret_record, struct error *error)
{
    int code = memory_records_get(&self(store)->records, kind, key, arena, ret_record);

    return code >= 0 ? code : no_memory(error);
}

static int record_next(struct store *store, enum store_record_kind kind, struct slice group,
                       struct slice after, struct arena *arena, struct store_record *ret_record,
                       struct error *error)
{
    int code = memory_records_next(&self(store)->records, kind, group, after, arena, ret_record);

    return code >= 0 ? code : no_memory(error);
}

static int record_remove(struct store *store, enum store_record_kind kind, struct slice key,
                         struct error *error)
{
    (void)error;
    return memory_records_remove(&self(store)->records, kind, key);
}

static int records_expire(struct store *store, enum store_record_kind kind, int64_t now_unix_ms,
                          uint64_t bytes_max, size_t max, struct error *error)
{
    (void)error;
    return memory_records_expire(&self(store)->records, kind, now_unix_ms, bytes_max, max);
}

static int records_total(struct store *store, enum store_record_kind kind,
                         struct store_record_total *ret_total, struct error *error)
{
    (void)error;
    *ret_total = self(store)->records.totals[kind];
    return 0;
}

/* --- opening ------------------------------------------------------------------------------- */

static void memory_close(struct store *store)
{
    struct memory_store *memory = self(store);
    struct list_node *node;

    while ((node = list_first(&memory->jobs)) != NULL)
        job_free(LIST_ELEMENT(node, struct memory_job, node));
    memory_notes_done(&memory->notes);
    memory_records_done(&memory->records);
    memory_free(memory);
}

static const struct store_ops memory_ops = {
    .close = memory_close,
    .job_add = job_add,
    .job_next = job_next,
    .job_update = job_update,
    .job_clear = job_clear,
    .rows_add = rows_add,
    .rows_mark = rows_mark,
    .keys_open = keys_open,
    .keys_next = keys_next,
    .keys_close = keys_close,
    .results_put = results_put,
    .results_forget = results_forget,
    .results_replace = results_replace,
    .row_erase = row_erase,
    .counts = counts,
    .page_read = page_read,
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
        return no_memory(error);
    memory->base.ops = &memory_ops;
    list_init(&memory->jobs);
    memory_notes_init(&memory->notes);
    memory_records_init(&memory->records);
    *ret_store = &memory->base;
    return 0;
}
