/* Records in SQLite: the rules of what replaces what stand in the statements. */
#include "store/sqlite_internal.h"

static struct slice own(struct arena *arena, sqlite3_stmt *statement, int column, bool *fine)
{
    struct slice copy = arena_slice(arena, sqlite_store_column(statement, column));

    *fine = *fine && copy.ptr != NULL;
    return copy;
}

static int read_record(struct sqlite_store *store, sqlite3_stmt *statement,
                       enum store_record_kind kind, struct arena *arena,
                       struct store_record *ret_record, struct error *error)
{
    bool fine = true;
    struct store_record record = {
        .kind = kind,
        .key = own(arena, statement, 0, &fine),
        .group = own(arena, statement, 1, &fine),
        .value = (uint8_t)sqlite3_column_int(statement, 2),
        .is_proof = sqlite3_column_int(statement, 3) != 0,
        .checked_unix_ms = sqlite3_column_int64(statement, 4),
        .expires_unix_ms = sqlite3_column_int64(statement, 5),
        .failed_unix_ms = sqlite3_column_int64(statement, 6),
        .failures = (uint32_t)sqlite3_column_int64(statement, 7),
    };
    int code =
        fine ? store_unpack(store->pack, sqlite_store_column(statement, 8), arena, &record.body)
             : ERROR_NOMEM;

    if (code == ERROR_NOMEM)
        return error_set(error, code, "no memory to read a record");
    if (code != 0)
        return error_set(error, code, "a record in %s is damaged", store->path);
    *ret_record = record;
    return 1;
}

/* Step a statement that gives one record or none. */
static int read_one(struct sqlite_store *store, sqlite3_stmt *statement,
                    enum store_record_kind kind, struct arena *arena,
                    struct store_record *ret_record, struct error *error)
{
    int result = sqlite3_step(statement), code = 0;

    if (result == SQLITE_ROW)
        code = read_record(store, statement, kind, arena, ret_record, error);
    else if (result != SQLITE_DONE)
        code = sqlite_store_fail(store, "read a record", error);
    sqlite3_reset(statement);
    return sqlite_store_read(store, code, error);
}

int sqlite_record_get(struct store *base, enum store_record_kind kind, struct slice key,
                      struct arena *arena, struct store_record *ret_record, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_RECORD_GET);

    if (statement == NULL)
        return sqlite_store_fail(store, "read a record", error);
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite_store_bind_blob(statement, 2, key);
    return read_one(store, statement, kind, arena, ret_record, error);
}

static void find_kinds(struct sqlite_store *store)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_RECORD_KINDS);
    int result = SQLITE_ERROR;

    store->kinds = 0;
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW)
        store->kinds |= 1U << sqlite3_column_int(statement, 0);
    sqlite3_reset(statement);
    store->knows_kinds = result == SQLITE_DONE;
}

/* Of most kinds most stores have no record: what isn't there need not be looked for each time. */
static unsigned kinds_to_look_for(struct sqlite_store *store, unsigned kinds)
{
    if (store->is_reading && !store->knows_kinds)
        find_kinds(store);
    return store->is_reading && store->knows_kinds ? kinds & store->kinds : kinds;
}

int sqlite_records_get(struct store *base, unsigned kinds, struct slice key, struct arena *arena,
                       struct store_record ret_records[STORE_RECORD_KIND_COUNT],
                       unsigned *ret_found, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement;
    int result, code = 0;

    kinds = kinds_to_look_for(store, kinds);
    if (kinds == 0)
        return sqlite_store_read(store, 0, error);
    statement = sqlite_store_prepare(store, STATEMENT_RECORDS_GET);
    if (statement == NULL)
        return sqlite_store_fail(store, "read records", error);
    sqlite_store_bind_blob(statement, 1, key);
    sqlite3_bind_int64(statement, 2, kinds);
    while (code >= 0 && (result = sqlite3_step(statement)) != SQLITE_DONE) {
        int kind = sqlite3_column_int(statement, 9);

        if (result != SQLITE_ROW) {
            code = sqlite_store_fail(store, "read records", error);
            break;
        }
        code = read_record(store, statement, (enum store_record_kind)kind, arena,
                           &ret_records[kind], error);
        *ret_found |= 1U << kind;
    }
    sqlite3_reset(statement);
    return sqlite_store_read(store, code < 0 ? code : 0, error);
}

int sqlite_record_next(struct store *base, enum store_record_kind kind, struct slice group,
                       struct slice after, struct arena *arena, struct store_record *ret_record,
                       struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement = sqlite_store_prepare(store, group.len > 0 ? STATEMENT_RECORD_NEXT_OF
                                                                        : STATEMENT_RECORD_NEXT);

    if (statement == NULL)
        return sqlite_store_fail(store, "read a record", error);
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite_store_bind_blob(statement, 2, after);
    if (group.len > 0)
        sqlite_store_bind_blob(statement, 3, group);
    return read_one(store, statement, kind, arena, ret_record, error);
}

static int count_failure(struct sqlite_store *store, const struct store_record *record,
                         struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_RECORD_FAILED);

    if (statement == NULL)
        return sqlite_store_fail(store, "keep a record", error);
    sqlite3_bind_int(statement, 1, (int)record->kind);
    sqlite_store_bind_blob(statement, 2, record->key);
    sqlite3_bind_int64(statement, 3, record->checked_unix_ms);
    return sqlite_store_do(store, statement, "keep a record", error);
}

/* --- writing --------------------------------------------------------------------------------- */

/* What a transaction adds to the total of a kind. */
struct change {
    int64_t records, bytes;
};

/* Counted once a transaction: the tables' triggers, which are off here, would do it each time. */
static int count_change(struct sqlite_store *store, enum store_record_kind kind,
                        const struct change *change, struct error *error)
{
    sqlite3_stmt *statement;

    if (change->records == 0 && change->bytes == 0)
        return 0;
    statement = sqlite_store_prepare(store, STATEMENT_RECORD_COUNT);
    if (statement == NULL)
        return sqlite_store_fail(store, "count records", error);
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite3_bind_int64(statement, 2, change->records);
    sqlite3_bind_int64(statement, 3, change->bytes);
    return sqlite_store_do(store, statement, "count records", error);
}

static int64_t bytes_of(const struct store_record *record, struct slice body)
{
    return (int64_t)(record->key.len + record->group.len + body.len) + STORE_RECORD_OVERHEAD;
}

/* 1 when it did: the statement adds or replaces; 0 when it did not. */
static int write_record(struct sqlite_store *store, enum sqlite_statement which,
                        const struct store_record *record, struct slice body, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, which);
    int code;

    if (statement == NULL)
        return sqlite_store_fail(store, "keep a record", error);
    sqlite3_bind_int(statement, 1, (int)record->kind);
    sqlite_store_bind_blob(statement, 2, record->key);
    sqlite_store_bind_blob(statement, 3, record->group);
    sqlite3_bind_int(statement, 4, record->value);
    sqlite3_bind_int(statement, 5, record->is_proof);
    sqlite3_bind_int64(statement, 6, record->checked_unix_ms);
    sqlite3_bind_int64(statement, 7, record->expires_unix_ms);
    sqlite3_bind_int64(statement, 8, bytes_of(record, body));
    sqlite_store_bind_blob(statement, 9, body);
    code = sqlite_store_do(store, statement, "keep a record", error);
    return code == 0 ? sqlite3_changes(store->db) : code;
}

/* Of one that is kept. */
static int read_bytes(struct sqlite_store *store, const struct store_record *record,
                      int64_t *ret_bytes, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_RECORD_BYTES);
    int code = 0;

    if (statement == NULL)
        return sqlite_store_fail(store, "keep a record", error);
    sqlite3_bind_int(statement, 1, (int)record->kind);
    sqlite_store_bind_blob(statement, 2, record->key);
    if (sqlite3_step(statement) == SQLITE_ROW)
        *ret_bytes = sqlite3_column_int64(statement, 0);
    else
        code = sqlite_store_fail(store, "keep a record", error);
    sqlite3_reset(statement);
    return code;
}

/* In the place of the one that is kept, if the rules let it. */
static int replace_record(struct sqlite_store *store, const struct store_record *record,
                          struct slice body, struct change *change, struct error *error)
{
    int64_t before = 0;
    int code = read_bytes(store, record, &before, error);

    if (code == 0)
        code = write_record(store, STATEMENT_RECORD_REPLACE, record, body, error);
    if (code == 1)
        change->bytes += bytes_of(record, body) - before;
    if (code == 0 && !record->is_proof)
        code = count_failure(store, record, error);
    return code < 0 ? code : 0;
}

static int put_record(struct sqlite_store *store, const struct store_record *record,
                      struct change *change, struct error *error)
{
    struct slice body = store_pack(store->pack, record->body);
    int code;

    if (body.ptr == NULL)
        return error_set(error, ERROR_NOMEM, "no memory to keep a record");
    code = write_record(store, STATEMENT_RECORD_ADD, record, body, error);
    if (code == 0)
        return replace_record(store, record, body, change, error);
    if (code < 0)
        return code;
    change->records++;
    change->bytes += bytes_of(record, body);
    return 0;
}

int sqlite_records_put(struct store *base, const struct store_record *records, size_t count,
                       struct error *error)
{
    struct change changes[STORE_RECORD_KIND_COUNT] = {{0}};
    struct sqlite_store *store = sqlite_store_of(base);
    int code = sqlite_store_begin(store, "keep records", error);

    if (code != 0)
        return code;
    for (size_t i = 0; i < count && code == 0; i++)
        code = put_record(store, &records[i], &changes[records[i].kind], error);
    for (int kind = 0; kind < STORE_RECORD_KIND_COUNT && code == 0; kind++)
        code = count_change(store, (enum store_record_kind)kind, &changes[kind], error);
    return sqlite_store_end(store, code, "keep records", error);
}

/* Step a statement that removes records of a kind; how many. */
static int remove_by(struct sqlite_store *store, sqlite3_stmt *statement,
                     enum store_record_kind kind, const char *what, struct error *error)
{
    struct change change = {0};
    int result, code = 0;

    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        change.records--;
        change.bytes -= sqlite3_column_int64(statement, 0);
    }
    if (result != SQLITE_DONE)
        code = sqlite_store_fail(store, what, error);
    sqlite3_reset(statement);
    if (code == 0)
        code = count_change(store, kind, &change, error);
    return code == 0 ? (int)-change.records : code;
}

int sqlite_record_remove(struct store *base, enum store_record_kind kind, struct slice key,
                         struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement;
    int code, removed;

    /* Whoever asks for it may want it to be unreadable too, as in sqlite_row_erase. */
    (void)sqlite3_exec(store->db, "PRAGMA secure_delete=ON", NULL, NULL, NULL);
    code = sqlite_store_begin(store, "remove a record", error);
    if (code != 0)
        return code;
    statement = sqlite_store_prepare(store, STATEMENT_RECORD_REMOVE);
    if (statement == NULL) {
        removed = sqlite_store_fail(store, "remove a record", error);
    } else {
        sqlite3_bind_int(statement, 1, (int)kind);
        sqlite_store_bind_blob(statement, 2, key);
        removed = remove_by(store, statement, kind, "remove a record", error);
    }
    code = sqlite_store_end(store, removed < 0 ? removed : 0, "remove a record", error);
    return code == 0 ? removed : code;
}

int sqlite_records_total(struct store *base, enum store_record_kind kind,
                         struct store_record_total *ret_total, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_RECORD_TOTAL);
    int result, code = 0;

    if (statement == NULL)
        return sqlite_store_fail(store, "count records", error);
    *ret_total = (struct store_record_total){0};
    sqlite3_bind_int(statement, 1, (int)kind);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        ret_total->records = (uint64_t)sqlite3_column_int64(statement, 0);
        ret_total->bytes = (uint64_t)sqlite3_column_int64(statement, 1);
    } else if (result != SQLITE_DONE) {
        code = sqlite_store_fail(store, "count records", error);
    }
    sqlite3_reset(statement);
    return sqlite_store_read(store, code, error);
}

/* Those whose time is over; how many. */
static int remove_expired(struct sqlite_store *store, enum store_record_kind kind,
                          int64_t now_unix_ms, size_t max, struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_RECORD_EXPIRE);

    if (statement == NULL)
        return sqlite_store_fail(store, "remove old records", error);
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite3_bind_int64(statement, 2, now_unix_ms);
    sqlite3_bind_int64(statement, 3, (int64_t)max);
    return remove_by(store, statement, kind, "remove old records", error);
}

/* Those that would expire first: about as many as are too many. */
static int remove_first(struct sqlite_store *store, enum store_record_kind kind, uint64_t bytes_max,
                        size_t max, struct error *error)
{
    struct store_record_total total = {0};
    sqlite3_stmt *statement;
    uint64_t many;
    int code = sqlite_records_total(&store->base, kind, &total, error);

    if (code != 0 || total.bytes <= bytes_max || total.records == 0)
        return code;
    many = (total.bytes - bytes_max) / (total.bytes / total.records + 1) + 1;
    statement = sqlite_store_prepare(store, STATEMENT_RECORD_FIRST);
    if (statement == NULL)
        return sqlite_store_fail(store, "remove old records", error);
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite3_bind_int64(statement, 2, (int64_t)(many < max ? many : max));
    return remove_by(store, statement, kind, "remove old records", error);
}

int sqlite_records_expire(struct store *base, enum store_record_kind kind, int64_t now_unix_ms,
                          uint64_t bytes_max, size_t max, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    int removed, more, code = sqlite_store_begin(store, "remove old records", error);

    if (code != 0)
        return code;
    removed = remove_expired(store, kind, now_unix_ms, max, error);
    do {
        more = removed >= 0 && (size_t)removed < max
                   ? remove_first(store, kind, bytes_max, max - (size_t)removed, error)
                   : 0;
        removed = more < 0 ? more : removed + more;
    } while (more > 0);
    code = sqlite_store_end(store, removed < 0 ? removed : 0, "remove old records", error);
    return code == 0 ? removed : code;
}
