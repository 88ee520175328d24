/* Notes in SQLite. */
#include "store/sqlite_internal.h"

static void bind_word(sqlite3_stmt *statement, int index, struct slice word)
{
    sqlite3_bind_text(statement, index, word.len > 0 ? word.ptr : "", (int)word.len, SQLITE_STATIC);
}

int sqlite_note_put(struct store *base, const char *kind, const char *id, struct slice body,
                    int64_t until_unix_ms, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_NOTE_PUT);

    if (statement == NULL)
        return sqlite_store_fail(store, "keep a note", error);
    bind_word(statement, 1, slice_from_string(kind));
    bind_word(statement, 2, slice_from_string(id));
    sqlite_store_bind_blob(statement, 3, body);
    sqlite3_bind_int64(statement, 4, until_unix_ms);
    return sqlite_store_do(store, statement, "keep a note", error);
}

int sqlite_note_change(struct store *base, const char *kind, const char *id, struct slice before,
                       struct slice body, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement =
        sqlite_store_prepare(store, before.len > 0 ? STATEMENT_NOTE_CHANGE : STATEMENT_NOTE_ADD);
    int code;

    if (statement == NULL)
        return sqlite_store_fail(store, "change a note", error);
    bind_word(statement, 1, slice_from_string(kind));
    bind_word(statement, 2, slice_from_string(id));
    sqlite_store_bind_blob(statement, 3, body);
    if (before.len > 0)
        sqlite_store_bind_blob(statement, 4, before);
    code = sqlite_store_do(store, statement, "change a note", error);
    return code == 0 ? sqlite3_changes(store->db) : code;
}

int sqlite_note_next(struct store *base, const char *kind, struct slice after, bool inclusive,
                     struct arena *arena, struct slice *ret_id, struct slice *ret_body,
                     struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement =
        sqlite_store_prepare(store, inclusive ? STATEMENT_NOTE_FROM : STATEMENT_NOTE_NEXT);
    int result, code = 0;

    if (statement == NULL)
        return sqlite_store_fail(store, "read a note", error);
    bind_word(statement, 1, slice_from_string(kind));
    bind_word(statement, 2, after);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        struct slice id = arena_slice(arena, sqlite_store_column(statement, 0));
        struct slice body = arena_slice(arena, sqlite_store_column(statement, 1));

        if (id.ptr == NULL || body.ptr == NULL) {
            code = error_set(error, ERROR_NOMEM, "no memory to read a note");
        } else {
            *ret_id = id;
            *ret_body = body;
            code = 1;
        }
    } else if (result != SQLITE_DONE) {
        code = sqlite_store_fail(store, "read a note", error);
    }
    sqlite3_reset(statement);
    return sqlite_store_read(store, code, error);
}

int sqlite_note_remove(struct store *base, const char *kind, const char *id, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_NOTE_REMOVE);

    if (statement == NULL)
        return sqlite_store_fail(store, "remove a note", error);
    bind_word(statement, 1, slice_from_string(kind));
    bind_word(statement, 2, slice_from_string(id));
    return sqlite_store_do(store, statement, "remove a note", error);
}

int sqlite_note_expire(struct store *base, int64_t now_unix_ms, size_t max, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_NOTE_EXPIRE);
    int code;

    if (statement == NULL)
        return sqlite_store_fail(store, "remove old notes", error);
    sqlite3_bind_int64(statement, 1, now_unix_ms);
    sqlite3_bind_int64(statement, 2, (int64_t)max);
    code = sqlite_store_do(store, statement, "remove old notes", error);
    return code == 0 ? sqlite3_changes(store->db) : code;
}
