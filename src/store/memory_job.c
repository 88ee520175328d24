/* Jobs of the memory store. */
#include "base/check.h"
#include "base/memory.h"
#include "store/memory_internal.h"

struct memory_job *memory_job_find(struct store *store, uint64_t id)
{
    struct memory_store *memory = memory_store_of(store);
    struct list_node *node;

    for (node = list_first(&memory->jobs); node != NULL; node = list_after(&memory->jobs, node)) {
        struct memory_job *job = LIST_ELEMENT(node, struct memory_job, node);

        if (job->job.id == id)
            return job;
    }
    return NULL;
}

int memory_job_not_found(uint64_t id, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "there is no list %llu", (unsigned long long)id);
}

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

int memory_job_add(struct store *store, const struct store_job *from, uint64_t *ret_id,
                   struct error *error)
{
    struct memory_store *memory = memory_store_of(store);
    struct memory_job *job = memory_zalloc(1, sizeof(*job));

    if (job == NULL)
        return memory_store_no_memory(error);
    job->job = *from;
    if (!copy_texts(&job->job, from)) {
        memory_free(job);
        return memory_store_no_memory(error);
    }
    job->job.id = ++memory->last_id;
    job->job.rows = job->job.faults = job->job.doubts = 0;
    job->job.duplicates = job->job.done = 0;
    arena_init(&job->arena);
    list_append(&memory->jobs, &job->node);
    *ret_id = job->job.id;
    return 0;
}

int memory_job_next(struct store *store, uint64_t after, struct arena *arena,
                    struct store_job *ret_job, struct error *error)
{
    struct memory_store *memory = memory_store_of(store);
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
        return memory_store_no_memory(error);
    *ret_job = found;
    return 1;
}

static bool is_same(const struct store_job *a, const struct store_job *b)
{
    return a->state == b->state && slice_equal(a->name, b->name) &&
           slice_equal(a->options, b->options) && slice_equal(a->note, b->note);
}

int memory_job_update(struct store *store, const struct store_job *before,
                      const struct store_job *from, struct error *error)
{
    struct memory_job *job = memory_job_find(store, from->id);
    struct store_job changed = *from;

    if (job == NULL || (before != NULL && !is_same(&job->job, before) && !is_same(&job->job, from)))
        return 0;
    if (!copy_texts(&changed, from))
        return memory_store_no_memory(error);
    changed.rows = job->job.rows;
    changed.faults = job->job.faults;
    changed.doubts = job->job.doubts;
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
    job->job.rows = job->job.faults = job->job.doubts = 0;
    job->job.duplicates = job->job.done = 0;
}

void memory_job_free(struct memory_job *job)
{
    empty(job);
    drop_texts(&job->job);
    list_remove(&job->node);
    memory_free(job);
}

int memory_job_clear(struct store *store, uint64_t id, size_t max, bool job_too,
                     struct error *error)
{
    struct memory_job *job = memory_job_find(store, id);

    if (job == NULL)
        return memory_job_not_found(id, error);
    if (job_too)
        memory_job_free(job);
    else
        empty(job);
    return 0;
}
