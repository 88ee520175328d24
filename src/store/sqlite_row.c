/* Rows in SQLite, and the walk over their keys. */
#include "base/check.h"
#include "base/memory.h"
#include "store/sqlite_internal.h"

#define SORT_CACHE_KIB 32768 /* of a run sorted in memory; more goes to temporary files */

/* numbers: ?2 and those after it, as many as the statement has. */
static int job_count(struct sqlite_store *store, enum sqlite_statement which, uint64_t job,
                     const uint64_t *numbers, const char *what, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, which);
    int code;

    if (statement == NULL)
        return sqlite_store_fail(store, what, error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    for (int i = 2; i <= sqlite3_bind_parameter_count(statement); i++)
        sqlite3_bind_int64(statement, i, (int64_t)numbers[i - 2]);
    code = sqlite_store_do(store, statement, what, error);
    if (code == 0 && sqlite3_changes(store->db) == 0)
        code = error_set(error, ERROR_NOT_FOUND, "there is no list %llu", (unsigned long long)job);
    return code;
}

static int add_rows(struct sqlite_store *store, uint64_t job, const struct store_row *rows,
                    size_t count, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_ROW_ADD);
    uint64_t numbers[] = {count, 0, 0};
    int code = 0;

    if (statement == NULL)
        return sqlite_store_fail(store, "add rows", error);
    sqlite3_bind_int64(statement, 1, (int64_t)job);
    for (size_t i = 0; i < count && code == 0; i++) {
        sqlite3_bind_int64(statement, 2, (int64_t)rows[i].number);
        sqlite3_bind_int64(statement, 3, (int64_t)rows[i].key);
        sqlite_store_bind_blob(statement, 4, rows[i].address);
        sqlite_store_bind_text(statement, 5, rows[i].fault);
        if (rows[i].raw.len > 0)
            sqlite_store_bind_blob(statement, 6, rows[i].raw);
        else
            sqlite3_bind_null(statement, 6);
        sqlite3_bind_int64(statement, 7, rows[i].turn);
        numbers[1] += rows[i].fault.len > 0;
        numbers[2] += rows[i].is_doubtful;
        code = sqlite_store_do(store, statement, "add rows", error);
    }
    if (code == 0)
        code = job_count(store, STATEMENT_JOB_LOADED, job, numbers, "add rows", error);
    return code;
}

int sqlite_rows_add(struct store *base, uint64_t job, const struct store_row *rows, size_t count,
                    struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    int code = sqlite_store_begin(store, "add rows", error);

    if (code != 0)
        return code;
    code = add_rows(store, job, rows, count, error);
    return sqlite_store_end(store, code, "add rows", error);
}

/* UPDATE ... WHERE job=?1 AND row=?2, value ?3; it must hit one row. */
static int update_row(struct sqlite_store *store, sqlite3_stmt *statement, uint64_t job,
                      uint64_t row, uint64_t value, struct error *error)
{
    int code;

    sqlite3_bind_int64(statement, 1, (int64_t)job);
    sqlite3_bind_int64(statement, 2, (int64_t)row);
    sqlite3_bind_int64(statement, 3, (int64_t)value);
    code = sqlite_store_do(store, statement, "mark duplicates", error);
    if (code == 0 && sqlite3_changes(store->db) != 1)
        code = error_set(error, ERROR_NOT_FOUND, "there is no row %llu", (unsigned long long)row);
    return code;
}

static int mark_rows(struct sqlite_store *store, uint64_t job, const struct store_mark *marks,
                     size_t count, struct error *error)
{
    sqlite3_stmt *mark = sqlite_store_prepare(store, STATEMENT_ROW_MARK);
    sqlite3_stmt *copies = sqlite_store_prepare(store, STATEMENT_ROW_COPIES);
    uint64_t many = count;
    size_t run = 0;
    int code = 0;

    if (mark == NULL || copies == NULL)
        return sqlite_store_fail(store, "mark duplicates", error);
    for (size_t i = 0; i < count && code == 0; i++) {
        code = update_row(store, mark, job, marks[i].row, marks[i].first, error);
        run++;
        /* Neighbours mostly have the same first: count them at once. */
        if (code == 0 && (i + 1 == count || marks[i + 1].first != marks[i].first)) {
            code = update_row(store, copies, job, marks[i].first, run, error);
            run = 0;
        }
    }
    if (code == 0)
        code = job_count(store, STATEMENT_JOB_MARKED, job, &many, "mark duplicates", error);
    return code;
}

int sqlite_rows_mark(struct store *base, uint64_t job, const struct store_mark *marks, size_t count,
                     struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    int code = sqlite_store_begin(store, "mark duplicates", error);

    if (code != 0)
        return code;
    code = mark_rows(store, job, marks, count, error);
    return sqlite_store_end(store, code, "mark duplicates", error);
}

/* --- keys ---------------------------------------------------------------------------------- */

/*
 * A connection of its own: its view of the rows must not stand in the way of writing. A temporary
 * file has one connection only, and nobody whom a view stands in the way of: all is sorted before
 * the first is told.
 */
struct sqlite_keys {
    struct store_keys base;
    sqlite3 *db;
    bool is_borrowed; /* the store's own connection */
    sqlite3_stmt *statement;
};

void sqlite_keys_close(struct store_keys *base)
{
    struct sqlite_keys *keys = (struct sqlite_keys *)base;

    sqlite3_finalize(keys->statement);
    if (!keys->is_borrowed)
        CHECK(sqlite3_close(keys->db) == SQLITE_OK);
    memory_free(keys);
}

static int connect_for_keys(struct sqlite_keys *keys, const char *path)
{
    char *uri = sqlite_store_uri(path, "mode=ro");
    char pragma[64];
    int result;

    if (uri == NULL)
        return SQLITE_NOMEM;
    result = sqlite3_open_v2(uri, &keys->db,
                             SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    memory_free(uri);
    sqlite3_snprintf((int)sizeof(pragma), pragma, "PRAGMA cache_size=-%d", SORT_CACHE_KIB);
    return result == SQLITE_OK ? sqlite3_exec(keys->db, pragma, NULL, NULL, NULL) : result;
}

static int start_walk(struct sqlite_keys *keys, const struct sqlite_store *store, uint64_t job)
{
    static const char text[] = "SELECT key, row FROM row WHERE job=?1 AND key<>0 ORDER BY key, row";
    int result = SQLITE_OK;

    keys->is_borrowed = store->mode == STORE_MODE_TEMPORARY;
    if (keys->is_borrowed)
        keys->db = store->db;
    else
        result = connect_for_keys(keys, store->path);
    if (result == SQLITE_OK)
        result = sqlite3_prepare_v2(keys->db, text, -1, &keys->statement, NULL);
    if (result == SQLITE_OK)
        sqlite3_bind_int64(keys->statement, 1, (int64_t)job);
    return result;
}

/* Where the file can be written but there is no room, it is for what is sorted: a temporary one. */
static int keys_fail(const struct sqlite_keys *keys, int result, struct error *error)
{
    const struct sqlite_store *store = sqlite_store_of(keys->base.store);

    return keys->is_borrowed || result == SQLITE_FULL
               ? sqlite_store_temporary_error(keys->db, result, "sort the rows", error)
               : sqlite_store_error(keys->db, store->path, result, "sort the rows", error);
}

int sqlite_keys_open(struct store *base, uint64_t job, struct store_keys **ret_keys,
                     struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct sqlite_keys *keys = memory_zalloc(1, sizeof(*keys));
    int result, code;

    if (keys == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to sort the rows");
    keys->base.store = base;
    result = start_walk(keys, store, job);
    if (result != SQLITE_OK) {
        code = keys_fail(keys, result, error);
        sqlite_keys_close(&keys->base);
        return code;
    }
    *ret_keys = &keys->base;
    return 0;
}

int sqlite_keys_next(struct store_keys *base, uint64_t *ret_key, uint64_t *ret_row,
                     struct error *error)
{
    struct sqlite_keys *keys = (struct sqlite_keys *)base;
    int result = sqlite3_step(keys->statement);

    if (result == SQLITE_DONE)
        return 0;
    if (result != SQLITE_ROW)
        return keys_fail(keys, result, error);
    *ret_key = (uint64_t)sqlite3_column_int64(keys->statement, 0);
    *ret_row = (uint64_t)sqlite3_column_int64(keys->statement, 1);
    return 1;
}
