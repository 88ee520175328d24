/* Results of the memory store, and pages of them. */
#include "base/check.h"
#include "base/memory.h"
#include "store/memory_internal.h"

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

int memory_results_put(struct store *store, uint64_t id, const struct store_result *results,
                       size_t count, struct error *error)
{
    struct memory_job *job = memory_job_find(store, id);
    struct store_result **copies;

    if (job == NULL)
        return memory_job_not_found(id, error);
    copies = copy_results(job, results, count);
    if (copies == NULL)
        return memory_store_no_memory(error);
    for (size_t i = 0; i < count; i++) {
        size_t index = memory_row_index(job, results[i].row);

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

int memory_results_forget(struct store *store, uint64_t id, const uint64_t *rows, size_t count,
                          uint64_t *ret_forgotten, struct error *error)
{
    struct memory_job *job = memory_job_find(store, id);

    if (job == NULL)
        return memory_job_not_found(id, error);
    *ret_forgotten = 0;
    for (size_t i = 0; i < count; i++) {
        size_t index = memory_row_index(job, rows[i]);
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

int memory_results_replace(struct store *store, uint64_t id, const struct store_result *results,
                           size_t count, uint64_t *ret_replaced, struct error *error)
{
    struct memory_job *job = memory_job_find(store, id);
    struct store_result **copies;

    if (job == NULL)
        return memory_job_not_found(id, error);
    copies = copy_results(job, results, count);
    if (copies == NULL)
        return memory_store_no_memory(error);
    *ret_replaced = 0;
    for (size_t i = 0; i < count; i++) {
        size_t index = memory_row_index(job, results[i].row);
        const struct store_result *old = index != SIZE_MAX ? job->results[index] : NULL;

        if (old == NULL || old->checked_unix_ms != results[i].checked_unix_ms ||
            (job->rows[index].fault.len > 0 && old->explanation.len == 0))
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

int memory_rows_fault(struct store *store, uint64_t id, const struct store_fault *faults,
                      size_t count, struct error *error)
{
    struct memory_job *job = memory_job_find(store, id);

    if (job == NULL)
        return memory_job_not_found(id, error);
    for (size_t i = 0; i < count; i++) {
        size_t index = memory_row_index(job, faults[i].row);
        struct slice why;

        if (index == SIZE_MAX || job->rows[index].fault.len > 0)
            continue;
        why = arena_slice(&job->arena, faults[i].why);
        if (why.ptr == NULL)
            return memory_store_no_memory(error);
        job->rows[index].fault = why;
        job->job.faults += 1 + job->rows[index].copies;
    }
    return 0;
}

int memory_row_erase(struct store *store, uint64_t id, uint64_t row, struct slice fault,
                     struct error *error)
{
    struct memory_job *job = memory_job_find(store, id);
    size_t index;
    struct store_result *result;

    if (job == NULL)
        return memory_job_not_found(id, error);
    index = memory_row_index(job, row);
    if (index == SIZE_MAX)
        return 0;
    fault = arena_slice(&job->arena, fault);
    if (fault.ptr == NULL)
        return memory_store_no_memory(error);
    job->rows[index].address = job->rows[index].raw = SLICE_EMPTY;
    job->rows[index].fault = fault;
    job->rows[index].key = 0;
    result = job->results[index];
    if (result != NULL)
        result->provider = result->domain = result->suggestion = result->explanation =
            result->json = SLICE_EMPTY;
    return 0;
}

int memory_counts(struct store *store, uint64_t id, struct store_counts *ret_counts,
                  struct error *error)
{
    struct memory_job *job = memory_job_find(store, id);

    if (job == NULL)
        return memory_job_not_found(id, error);
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
        job->results[row->first == 0 ? index : memory_row_index(job, row->first)];
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

int memory_page_read(struct store *store, uint64_t id, const struct store_query *query,
                     struct store_page *page, struct error *error)
{
    struct memory_job *job = memory_job_find(store, id);
    size_t index, looked_at = 0;

    if (job == NULL)
        return memory_job_not_found(id, error);
    for (index = memory_row_after(job, query->after); index < job->count; index++) {
        const struct store_row *row = &job->rows[index];
        const struct store_result *result =
            job->results[row->first == 0 ? index : memory_row_index(job, row->first)];
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
            return memory_store_no_memory(error);
        page->lines[page->count++] = line;
    }
    page->at_end = true;
    return 0;
}
