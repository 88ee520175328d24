/* Jobs in SQLite. */
#include "base/check.h"
#include "store/sqlite_internal.h"

/* NOT NULL columns: an empty text stays one. */
static void bind_string(sqlite3_stmt *statement, int index, struct slice text)
{
    sqlite3_bind_text(statement, index, text.len > 0 ? text.ptr : "", (int)text.len, SQLITE_STATIC);
}

static void bind_job(sqlite3_stmt *statement, const struct store_job *job)
{
    sqlite3_bind_int(statement, 1, (int)job->state);
    bind_string(statement, 2, job->name);
    bind_string(statement, 3, job->sources);
    bind_string(statement, 4, job->fingerprint);
    bind_string(statement, 5, job->options);
    bind_string(statement, 6, job->note);
    sqlite3_bind_int64(statement, 7, job->created_unix_ms);
    sqlite3_bind_int64(statement, 8, job->started_unix_ms);
    sqlite3_bind_int64(statement, 9, job->finished_unix_ms);
    sqlite3_bind_int64(statement, 10, (int64_t)job->active_ms);
}

int sqlite_job_add(struct store *base, const struct store_job *job, uint64_t *ret_id,
                   struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_JOB_ADD);
    int code;

    if (statement == NULL)
        return sqlite_store_fail(store, "add a job", error);
    bind_job(statement, job);
    code = sqlite_store_do(store, statement, "add a job", error);
    if (code == 0)
        *ret_id = (uint64_t)sqlite3_last_insert_rowid(store->db);
    return code;
}

static bool copy_column(sqlite3_stmt *statement, int index, struct arena *arena,
                        struct slice *ret_text)
{
    *ret_text = arena_slice(arena, sqlite_store_column(statement, index));
    return ret_text->ptr != NULL;
}

static int read_job(sqlite3_stmt *statement, struct arena *arena, struct store_job *ret_job,
                    struct error *error)
{
    struct store_job job = {.id = (uint64_t)sqlite3_column_int64(statement, 0)};
    unsigned state = (unsigned)sqlite3_column_int(statement, 1);

    if (state >= STORE_JOB_STATE_COUNT)
        return error_set(error, ERROR_FORMAT, "job %llu is in a state that does not exist",
                         (unsigned long long)job.id);
    job.state = (enum store_job_state)state;
    if (!copy_column(statement, 2, arena, &job.name) ||
        !copy_column(statement, 3, arena, &job.sources) ||
        !copy_column(statement, 4, arena, &job.fingerprint) ||
        !copy_column(statement, 5, arena, &job.options) ||
        !copy_column(statement, 6, arena, &job.note))
        return error_set(error, ERROR_NOMEM, "no memory to read a job");
    job.created_unix_ms = sqlite3_column_int64(statement, 7);
    job.started_unix_ms = sqlite3_column_int64(statement, 8);
    job.finished_unix_ms = sqlite3_column_int64(statement, 9);
    job.active_ms = (uint64_t)sqlite3_column_int64(statement, 10);
    job.rows = (uint64_t)sqlite3_column_int64(statement, 11);
    job.faults = (uint64_t)sqlite3_column_int64(statement, 12);
    job.duplicates = (uint64_t)sqlite3_column_int64(statement, 13);
    job.done = (uint64_t)sqlite3_column_int64(statement, 14);
    job.doubts = (uint64_t)sqlite3_column_int64(statement, 15);
    *ret_job = job;
    return 1;
}

int sqlite_job_next(struct store *base, uint64_t after, struct arena *arena,
                    struct store_job *ret_job, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_JOB_NEXT);
    int code = 0, result;

    if (statement == NULL)
        return sqlite_store_fail(store, "read a job", error);
    sqlite3_bind_int64(statement, 1, (int64_t)after);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        code = read_job(statement, arena, ret_job, error);
    else if (result != SQLITE_DONE)
        code = sqlite_store_fail(store, "read a job", error);
    sqlite3_reset(statement);
    return sqlite_store_read(store, code, error);
}

static bool rests(enum store_job_state state)
{
    return state != STORE_JOB_LOADING && state != STORE_JOB_READY && state != STORE_JOB_RUNNING;
}

int sqlite_job_update(struct store *base, const struct store_job *before,
                      const struct store_job *job, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement =
        sqlite_store_prepare(store, before != NULL ? STATEMENT_JOB_CHANGE : STATEMENT_JOB_UPDATE);
    int code;

    if (statement == NULL)
        return sqlite_store_fail(store, "change a job", error);
    bind_job(statement, job);
    sqlite3_bind_int64(statement, 11, (int64_t)job->id);
    if (before != NULL) {
        sqlite3_bind_int(statement, 12, (int)before->state);
        bind_string(statement, 13, before->name);
        bind_string(statement, 14, before->options);
        bind_string(statement, 15, before->note);
    }
    code = sqlite_store_do(store, statement, "change a job", error);
    if (code == 0 && rests(job->state))
        sqlite_places_rest(store, job->id);
    return code == 0 ? sqlite3_changes(store->db) : code;
}

/* Run it with (job, max); *ret_left is lowered by the rows it took away. */
static int take_away(struct sqlite_store *store, enum sqlite_statement which, uint64_t id,
                     size_t *left, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, which);
    int code;

    if (statement == NULL)
        return sqlite_store_fail(store, "remove a job", error);
    sqlite3_bind_int64(statement, 1, (int64_t)id);
    if (sqlite3_bind_parameter_count(statement) > 1)
        sqlite3_bind_int64(statement, 2, (int64_t)*left);
    code = sqlite_store_do(store, statement, "remove a job", error);
    if (code == 0) {
        CHECK((size_t)sqlite3_changes(store->db) <= *left);
        *left -= (size_t)sqlite3_changes(store->db);
    }
    return code;
}

int sqlite_job_clear(struct store *base, uint64_t id, size_t max, bool job_too, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    size_t left = max, few = VERDICT_REASON_COUNT + 1;
    int code = sqlite_store_begin(store, "remove a job", error);

    if (code != 0)
        return code;
    code = sqlite_places_clear(store, id, &left, error);
    if (code == 0 && left > 0)
        code = take_away(store, STATEMENT_ROWS_DELETE, id, &left, error);
    if (code == 0)
        code = take_away(store, STATEMENT_TALLY_DELETE, id, &few, error);
    /* While some are left, the counts are not true: they are gone first. */
    if (code == 0)
        code = take_away(store, left > 0 && job_too ? STATEMENT_JOB_DELETE : STATEMENT_JOB_RESET,
                         id, &few, error);
    code = sqlite_store_end(store, code, "remove a job", error);
    return code == 0 && left == 0 ? 1 : code;
}
