/* Results of a job taken away, by its places. */
#include "base/buffer.h"
#include "store/sqlite_internal.h"

struct clearing {
    struct sqlite_store *store;
    uint64_t job;
    struct buffer *work; /* the piece that is being taken away */
    size_t *left;        /* results */
    size_t looks;        /* left, so that a call ends where most are gone already */
};

/* 1: go on; 0: enough for now. */
static int clear_result(struct clearing *clearing, uint64_t at, struct error *error)
{
    int code;

    if (*clearing->left == 0 || clearing->looks == 0) {
        *clearing->left = 0;
        return 0;
    }
    clearing->looks--;
    if (at == 0)
        return 1;
    code = sqlite_place_run(clearing->store, STATEMENT_RESULT_DELETE, (int64_t)place_number(at),
                            (int64_t)clearing->job, error);
    if (code == 0)
        *clearing->left -= (size_t)sqlite3_changes(clearing->store->db);
    return code == 0 ? 1 : code;
}

/* The piece in the work buffer, from its end on: 1: all of it; 0: the rest is kept. */
static int clear_log(struct clearing *clearing, int64_t key, struct error *error)
{
    struct buffer *work = clearing->work;
    size_t count = place_log_count(slice_from(work->ptr, work->len));
    int code = 1;

    if (count == SIZE_MAX)
        return sqlite_place_damaged(clearing->store, error);
    while (count > 0) {
        struct slice log = slice_from(work->ptr, work->len);

        code = clear_result(clearing, place_log_read(log, --count).at, error);
        if (code != 1)
            break;
        work->len -= PLACE_LOG_BYTES;
    }
    if (code == 0)
        code = sqlite_place_put(clearing->store, STATEMENT_PLACES_LOG, key,
                                slice_from(work->ptr, work->len), error);
    else if (code == 1)
        code = sqlite_place_run(clearing->store, STATEMENT_PLACES_FORGET, key - 1, key, error);
    return code != 0 ? code : *clearing->left > 0;
}

static int clear_chunk(struct clearing *clearing, int64_t key, struct error *error)
{
    struct buffer *work = clearing->work;
    int code = 1;

    if (work->len != PLACE_CHUNK_BYTES)
        return sqlite_place_damaged(clearing->store, error);
    for (size_t i = 0; code == 1 && i < PLACE_CHUNK_ROWS; i++) {
        uint64_t at = place_read(work->ptr, i);

        code = at != 0 ? clear_result(clearing, at, error) : 1;
        if (code == 1)
            place_write(work->ptr, i, 0);
    }
    if (code == 0)
        code = sqlite_place_put(clearing->store, STATEMENT_PLACE_WRITE, key,
                                slice_from(work->ptr, work->len), error);
    else if (code == 1)
        code = sqlite_place_run(clearing->store, STATEMENT_PLACE_DELETE, key, 0, error);
    return code != 0 ? code : *clearing->left > 0;
}

/* The first of a job's chunks or pieces of the log into the work buffer: 1; 0: there is none. */
static int read_first(struct clearing *clearing, enum sqlite_statement which, int64_t *ret_key,
                      struct error *error)
{
    struct sqlite_store *store = clearing->store;
    sqlite3_stmt *statement = sqlite_place_prepare(store, which, sqlite_place_key(clearing->job, 0),
                                                   sqlite_place_key(clearing->job + 1, 0));
    struct buffer *work = clearing->work;
    int result, code = 0;

    if (statement == NULL)
        return sqlite_store_fail(store, "remove results", error);
    result = sqlite3_step(statement);
    buffer_clear(work);
    if (result == SQLITE_ROW) {
        *ret_key = sqlite3_column_int64(statement, 0);
        buffer_append_slice(work, sqlite_store_column(statement, 1));
        code = work->failed ? error_set(error, ERROR_NOMEM, "no memory to remove results") : 1;
    } else if (result != SQLITE_DONE) {
        code = sqlite_store_fail(store, "remove results", error);
    }
    sqlite3_reset(statement);
    return code;
}

static int clear_all(struct clearing *clearing, enum sqlite_statement which,
                     int (*clear)(struct clearing *clearing, int64_t key, struct error *error),
                     struct error *error)
{
    int64_t key = 0;
    int code;

    do {
        code = read_first(clearing, which, &key, error);
        if (code == 1)
            code = clear(clearing, key, error);
    } while (code == 1);
    return code;
}

int sqlite_places_clear(struct sqlite_store *store, uint64_t job, size_t *left, struct error *error)
{
    struct buffer work;
    struct clearing clearing = {store, job, &work, left, 16 * *left + PLACE_CHUNK_ROWS};
    int code;

    buffer_init(&work, 0);
    code = clear_all(&clearing, STATEMENT_PLACES_LOGGED, clear_log, error);
    if (code == 0 && *left > 0)
        code = clear_all(&clearing, STATEMENT_PLACES_NEXT, clear_chunk, error);
    buffer_done(&work);
    sqlite_places_drop(store);
    return code;
}
