#include "store/store.h"

#include <string.h>

#include "base/check.h"
#include "base/table.h"

#define SCHEME_SQLITE "sqlite:"
#define SCHEME_MEMORY "memory:"

static const char *const shared_schemes[] = {"postgresql://", "postgres://"}; /* as libpq */

static bool starts_with(const char *url, const char *scheme)
{
    return strncmp(url, scheme, strlen(scheme)) == 0;
}

/* "mysql://host" is no path; "./a:b" and "C" are. */
static bool is_unknown_scheme(const char *url)
{
    return strstr(url, "://") != NULL;
}

bool store_url_is_shared(const char *url)
{
    for (size_t i = 0; i < ARRAY_LEN(shared_schemes); i++)
        if (starts_with(url, shared_schemes[i]))
            return true;
    return false;
}

const char *store_url_path(const char *url)
{
    if (starts_with(url, SCHEME_MEMORY) || (is_unknown_scheme(url) && *url != '/'))
        return NULL;
    return starts_with(url, SCHEME_SQLITE) ? url + strlen(SCHEME_SQLITE) : url;
}

int store_url_files(const char *url, int (*each)(void *user, const char *path), void *user)
{
    return store_url_is_shared(url) ? store_postgres_files(url, each, user) : 0;
}

int store_open(const char *url, enum store_mode mode, struct store **ret_store, struct error *error)
{
    const char *path = store_url_path(url);

    if (strcmp(url, SCHEME_MEMORY) == 0)
        return store_memory_open(ret_store, error);
    if (store_url_is_shared(url))
        return store_postgres_open(url, mode, ret_store, error);
    if (path == NULL || *path == '\0')
        return error_set(error, ERROR_USAGE,
                         "'%s' is no store: use a file's name, sqlite:PATH or postgresql://...",
                         url);
    return store_sqlite_open(path, mode, ret_store, error);
}

bool store_is_shared(const struct store *store)
{
    return store->ops->is_shared;
}

void store_close(struct store *store)
{
    if (store != NULL)
        store->ops->close(store);
}

void store_own_process(void)
{
    store_sqlite_own_process();
}

bool store_mode_writes(enum store_mode mode)
{
    return mode == STORE_MODE_CREATE || mode == STORE_MODE_EXISTING || mode == STORE_MODE_TEMPORARY;
}

int store_others_mark(struct store *store, uint64_t *ret_mark, struct error *error)
{
    if (store->ops->others_mark != NULL)
        return store->ops->others_mark(store, ret_mark, error);
    *ret_mark = 0;
    return 0;
}

int store_advise(struct store *store, struct error *error)
{
    return store->ops->advise != NULL ? store->ops->advise(store, error) : 0;
}

int store_may_write(struct store *store, struct error *error)
{
    return store->ops->may_write != NULL ? store->ops->may_write(store, error) : 1;
}

int store_may_prepare(const char *url, struct error *error)
{
    return store_url_is_shared(url) ? store_postgres_may_prepare(url, error) : 1;
}

const char *store_job_state_name(enum store_job_state state)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        STORE_JOB_STATES(X)
#undef X
    };

    CHECK((unsigned)state < ARRAY_LEN(names));
    return names[state];
}

uint64_t store_job_left(const struct store_job *job)
{
    CHECK(job->done + job->duplicates <= job->rows);
    return job->rows - job->duplicates - job->done;
}

int store_job_add(struct store *store, const struct store_job *job, uint64_t *ret_id,
                  struct error *error)
{
    return store->ops->job_add(store, job, ret_id, error);
}

int store_job_next(struct store *store, uint64_t after, struct arena *arena,
                   struct store_job *ret_job, struct error *error)
{
    return store->ops->job_next(store, after, arena, ret_job, error);
}

int store_job_get(struct store *store, uint64_t id, struct arena *arena, struct store_job *ret_job,
                  struct error *error)
{
    struct store_job job;
    int found;

    CHECK(id > 0);
    found = store_job_next(store, id - 1, arena, &job, error);
    if (found < 0)
        return found;
    if (found == 0 || job.id != id)
        return error_set(error, ERROR_NOT_FOUND, "there is no list %llu", (unsigned long long)id);
    *ret_job = job;
    return 0;
}

int store_job_update(struct store *store, const struct store_job *job, struct error *error)
{
    int changed = store->ops->job_update(store, NULL, job, error);

    return changed > 0    ? 0
           : changed == 0 ? error_set(error, ERROR_NOT_FOUND, "there is no list %llu",
                                      (unsigned long long)job->id)
                          : changed;
}

int store_job_change(struct store *store, const struct store_job *before,
                     const struct store_job *job, struct error *error)
{
    CHECK(before->id == job->id);
    return store->ops->job_update(store, before, job, error);
}

int store_job_remove(struct store *store, uint64_t id, size_t max, struct error *error)
{
    return store->ops->job_clear(store, id, max, true, error);
}

int store_job_clear(struct store *store, uint64_t id, size_t max, struct error *error)
{
    return store->ops->job_clear(store, id, max, false, error);
}

int store_rows_add(struct store *store, uint64_t job, const struct store_row *rows, size_t count,
                   struct error *error)
{
    return store->ops->rows_add(store, job, rows, count, error);
}

int store_rows_mark(struct store *store, uint64_t job, const struct store_mark *marks, size_t count,
                    struct error *error)
{
    for (size_t i = 0; i < count; i++)
        CHECK(marks[i].first > 0 && marks[i].first < marks[i].row);
    return store->ops->rows_mark(store, job, marks, count, error);
}

int store_keys_open(struct store *store, uint64_t job, struct store_keys **ret_keys,
                    struct error *error)
{
    return store->ops->keys_open(store, job, ret_keys, error);
}

int store_keys_next(struct store_keys *keys, uint64_t *ret_key, uint64_t *ret_row,
                    struct error *error)
{
    return keys->store->ops->keys_next(keys, ret_key, ret_row, error);
}

void store_keys_close(struct store_keys *keys)
{
    if (keys != NULL)
        keys->store->ops->keys_close(keys);
}

int store_results_put(struct store *store, uint64_t job, const struct store_result *results,
                      size_t count, struct error *error)
{
    return store->ops->results_put(store, job, results, count, error);
}

int store_results_forget(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                         uint64_t *ret_forgotten, struct error *error)
{
    return store->ops->results_forget(store, job, rows, count, ret_forgotten, error);
}

int store_results_replace(struct store *store, uint64_t job, const struct store_result *results,
                          size_t count, uint64_t *ret_replaced, struct error *error)
{
    return store->ops->results_replace(store, job, results, count, ret_replaced, error);
}

int store_rows_fault(struct store *store, uint64_t job, const struct store_fault *faults,
                     size_t count, struct error *error)
{
    return store->ops->rows_fault(store, job, faults, count, error);
}

int store_row_erase(struct store *store, uint64_t job, uint64_t row, struct slice fault,
                    struct error *error)
{
    return store->ops->row_erase(store, job, row, fault, error);
}

int store_counts(struct store *store, uint64_t job, struct store_counts *ret_counts,
                 struct error *error)
{
    return store->ops->counts(store, job, ret_counts, error);
}

void store_page_init(struct store_page *page)
{
    *page = (struct store_page){0};
    arena_init(&page->arena);
}

void store_page_done(struct store_page *page)
{
    arena_done(&page->arena);
    *page = (struct store_page){0};
}

static int empty_page(struct store_page *page, size_t room, struct error *error)
{
    arena_reset(&page->arena);
    page->count = 0;
    page->after = 0;
    page->at_end = false;
    page->lines = arena_array(&page->arena, room, sizeof(*page->lines));
    return page->lines != NULL ? 0 : error_set(error, ERROR_NOMEM, "no memory for a page of rows");
}

int store_page_read(struct store *store, uint64_t job, const struct store_query *query,
                    struct store_page *page, struct error *error)
{
    int code;

    CHECK(query->limit > 0 && query->limit <= STORE_PAGE_MAX);
    CHECK(query->scope != STORE_SCOPE_PENDING || store_filter_is_empty(&query->filter));
    code = empty_page(page, query->limit, error);
    page->after = query->after;
    return code == 0 ? store->ops->page_read(store, job, query, page, error) : code;
}

void store_reads_begin(struct store *store)
{
    if (store->ops->reads_begin != NULL)
        store->ops->reads_begin(store);
}

void store_reads_end(struct store *store)
{
    if (store->ops->reads_end != NULL)
        store->ops->reads_end(store);
}

/* One by one, onto an empty page, as one reader. */
static int read_by_number(struct store *store, uint64_t job, struct store_query query,
                          const uint64_t *rows, size_t count, struct store_page *page,
                          struct error *error)
{
    int code = 0;

    store_reads_begin(store);
    for (size_t i = 0; code == 0 && i < count; i++) {
        CHECK(rows[i] > query.until);
        query.after = rows[i] - 1;
        query.until = rows[i];
        query.limit = page->count + 1;
        code = store->ops->page_read(store, job, &query, page, error);
    }
    store_reads_end(store);
    page->at_end = true;
    return code;
}

int store_pending_read(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                       struct store_page *page, struct error *error)
{
    const struct store_query query = {.scope = STORE_SCOPE_PENDING};
    int code;

    CHECK(count > 0 && count <= STORE_PAGE_MAX);
    code = empty_page(page, count, error);
    if (code != 0 || store->ops->pending_read == NULL)
        return code == 0 ? read_by_number(store, job, query, rows, count, page, error) : code;
    page->at_end = true;
    return store->ops->pending_read(store, job, rows, count, page, error);
}

int store_rows_read(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                    struct store_page *page, struct error *error)
{
    const struct store_query query = {.scope = STORE_SCOPE_ROWS, .with_raw = true};
    int code;

    CHECK(count > 0 && count <= STORE_PAGE_MAX);
    code = empty_page(page, count, error);
    if (code == 0 && store->ops->rows_read != NULL) {
        page->at_end = true;
        return store->ops->rows_read(store, job, rows, count, page, error);
    }
    if (code == 0)
        code = read_by_number(store, job, query, rows, count, page, error);
    for (size_t i = 0; code == 0 && i < page->count; i++) {
        page->lines[i].has_result = false;
        page->lines[i].result = (struct store_result){0};
    }
    return code;
}

int store_line_read(struct store *store, uint64_t job, uint64_t row, struct store_page *page,
                    struct error *error)
{
    const struct store_query query = {
        .scope = STORE_SCOPE_ROWS,
        .after = row - 1,
        .until = row,
        .limit = 1,
        .with_json = true,
        .with_raw = true,
    };
    int code;

    CHECK(row > 0);
    code = store_page_read(store, job, &query, page, error);
    if (code == 0 && page->count == 0)
        code = error_set(error, ERROR_NOT_FOUND, "there is no row %llu", (unsigned long long)row);
    return code;
}

/* --- notes --------------------------------------------------------------------------------- */

static int check_note(struct slice body, struct error *error)
{
    return body.len <= STORE_NOTE_MAX
               ? 0
               : error_set(error, ERROR_LIMIT, "a note of %zu bytes is too large for the store",
                           body.len);
}

int store_note_put(struct store *store, const char *kind, const char *id, struct slice body,
                   int64_t until_unix_ms, struct error *error)
{
    int code = check_note(body, error);

    return code == 0 ? store->ops->note_put(store, kind, id, body, until_unix_ms, error) : code;
}

int store_note_change(struct store *store, const char *kind, const char *id, struct slice before,
                      struct slice body, struct error *error)
{
    int code = check_note(body, error);

    return code == 0 ? store->ops->note_change(store, kind, id, before, body, error) : code;
}

int store_note_get(struct store *store, const char *kind, const char *id, struct arena *arena,
                   struct slice *ret_body, struct error *error)
{
    struct slice wanted = slice_from_string(id), found_id, body;
    int found = store->ops->note_next(store, kind, wanted, true, arena, &found_id, &body, error);

    if (found < 0)
        return found;
    if (found == 0 || !slice_equal(found_id, wanted))
        return error_set(error, ERROR_NOT_FOUND, "there is no %s %s", kind, id);
    *ret_body = body;
    return 0;
}

int store_note_next(struct store *store, const char *kind, struct slice after, struct arena *arena,
                    struct slice *ret_id, struct slice *ret_body, struct error *error)
{
    return store->ops->note_next(store, kind, after, false, arena, ret_id, ret_body, error);
}

/* Of a store that does not know itself when one was changed. */
static int read_mark(struct store *store, const char *kind, uint64_t *ret_mark, struct error *error)
{
    struct slice id = SLICE_EMPTY, body;
    uint64_t mark = 0;
    struct arena arena;
    int code;

    arena_init(&arena);
    while ((code = store_note_next(store, kind, id, &arena, &id, &body, error)) == 1)
        mark = hash_bytes(body.ptr, body.len, hash_bytes(id.ptr, id.len, mark));
    arena_done(&arena);
    *ret_mark = mark;
    return code;
}

int store_notes_mark(struct store *store, const char *kind, uint64_t *ret_mark, struct error *error)
{
    return store->ops->notes_mark != NULL ? store->ops->notes_mark(store, kind, ret_mark, error)
                                          : read_mark(store, kind, ret_mark, error);
}

int store_note_remove(struct store *store, const char *kind, const char *id, struct error *error)
{
    return store->ops->note_remove(store, kind, id, error);
}

int store_note_expire(struct store *store, int64_t now_unix_ms, size_t max, struct error *error)
{
    return store->ops->note_expire(store, now_unix_ms, max, error);
}

/* --- records ------------------------------------------------------------------------------- */

const char *store_record_kind_name(enum store_record_kind kind)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        STORE_RECORD_KINDS(X)
#undef X
    };

    CHECK((unsigned)kind < ARRAY_LEN(names));
    return names[kind];
}

int store_records_put(struct store *store, const struct store_record *records, size_t count,
                      struct error *error)
{
    for (size_t i = 0; i < count; i++)
        CHECK(records[i].key.len > 0 && records[i].key.len <= STORE_RECORD_KEY_MAX &&
              records[i].group.len <= STORE_RECORD_KEY_MAX);
    return count > 0 ? store->ops->records_put(store, records, count, error) : 0;
}

void store_records_expect(struct store *store, const struct store_record_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        CHECK(names[i].key.len > 0 && names[i].key.len <= STORE_RECORD_KEY_MAX);
    if (store->ops->records_expect != NULL && count > 0)
        store->ops->records_expect(store, names, count);
}

int store_record_get(struct store *store, enum store_record_kind kind, struct slice key,
                     struct arena *arena, struct store_record *ret_record, struct error *error)
{
    return store->ops->record_get(store, kind, key, arena, ret_record, error);
}

int store_records_get(struct store *store, unsigned kinds, struct slice key, struct arena *arena,
                      struct store_record ret_records[STORE_RECORD_KIND_COUNT], unsigned *ret_found,
                      struct error *error)
{
    int code = 0;

    *ret_found = 0;
    if (store->ops->records_get != NULL)
        return store->ops->records_get(store, kinds, key, arena, ret_records, ret_found, error);
    for (unsigned kind = 0; kind < STORE_RECORD_KIND_COUNT && code >= 0; kind++) {
        if ((kinds >> kind & 1) == 0)
            continue;
        code = store_record_get(store, (enum store_record_kind)kind, key, arena, &ret_records[kind],
                                error);
        if (code == 1)
            *ret_found |= 1U << kind;
    }
    return code < 0 ? code : 0;
}

int store_record_next(struct store *store, enum store_record_kind kind, struct slice group,
                      struct slice after, struct arena *arena, struct store_record *ret_record,
                      struct error *error)
{
    return store->ops->record_next(store, kind, group, after, arena, ret_record, error);
}

int store_record_remove(struct store *store, enum store_record_kind kind, struct slice key,
                        struct error *error)
{
    return store->ops->record_remove(store, kind, key, error);
}

int store_records_expire(struct store *store, enum store_record_kind kind, int64_t now_unix_ms,
                         uint64_t bytes_max, size_t max, struct error *error)
{
    return store->ops->records_expire(store, kind, now_unix_ms, bytes_max, max, error);
}

int store_records_total(struct store *store, enum store_record_kind kind,
                        struct store_record_total *ret_total, struct error *error)
{
    return store->ops->records_total(store, kind, ret_total, error);
}
