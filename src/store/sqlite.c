/*
 * The store in an SQLite file: write-ahead log, so that readers never wait for the writer.
 *
 * synchronous=NORMAL: a killed process loses nothing; a machine that loses its power may lose the
 * last commits, never the file (sqlite.org/wal.html). What is lost so is probed again.
 *
 * A temporary one is SQLite's file without a name: no locks, no log, no waiting for a disk.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "store/sqlite_internal.h"

#define BUSY_TIMEOUT_MS 10000
#define CACHE_KIB       65536    /* rows are read from all over a list; taken as it is used */
#define TICK_NS         20000000 /* more than one of the kernel's, by which files are dated */
#define LOG_PAGES       8192     /* written back at once: the same pages change again and again */

/* --- errors -------------------------------------------------------------------------------- */

/* Not every place of SQLite's that writes says by itself that the disk is full. */
static int kind_of(sqlite3 *db, int result)
{
    int system = db != NULL ? sqlite3_system_errno(db) : 0;

    result &= 0xff;
    return result == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT) ? SQLITE_FULL : result;
}

int sqlite_store_error(sqlite3 *db, const char *path, int result, const char *what,
                       struct error *error)
{
    const char *why = db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(result);
    int system = db != NULL ? sqlite3_system_errno(db) : 0;

    switch (kind_of(db, result)) {
    case SQLITE_NOMEM:
        return error_set(error, ERROR_NOMEM, "cannot %s in %s: no memory", what, path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(error, ERROR_BUSY,
                         "cannot %s in %s: another process keeps it locked; try again when that "
                         "one is done",
                         what, path);
    case SQLITE_FULL:
        return error_set(error, ERROR_IO,
                         "cannot %s in %s: the disk is full; make room and run the same command "
                         "again, nothing is lost",
                         what, path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return error_set(
            error, ERROR_FORMAT,
            "cannot %s in %s: the file is damaged or no mailknock file (%s); take it away to "
            "start over",
            what, path, why);
    case SQLITE_READONLY:
        return error_set(error, ERROR_IO, "cannot %s in %s: %s", what, path,
                         db != NULL && sqlite3_extended_errcode(db) == SQLITE_READONLY_DBMOVED
                             ? "it was taken away or moved meanwhile"
                             : "this user may not write to it, or not in its folder");
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
    case SQLITE_AUTH:
        return error_set(error, ERROR_IO, "cannot %s in %s: %s", what, path,
                         system != 0 ? strerror(system) : why);
    default:
        return error_set(error, ERROR_INTERNAL, "cannot %s in %s: %s", what, path, why);
    }
}

static bool has_changed(const struct sqlite_store *store)
{
    const struct stat *found = &store->found;
    struct stat now;

    return stat(store->path, &now) != 0 || now.st_dev != found->st_dev ||
           now.st_ino != found->st_ino || now.st_size != found->st_size ||
           now.st_mtim.tv_sec != found->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != found->st_mtim.tv_nsec;
}

int sqlite_store_read(struct sqlite_store *store, int code, struct error *error)
{
    if (!store->is_unlocked || !has_changed(store))
        return code;
    return error_set(error, ERROR_BUSY,
                     "%s was changed while it was read, which this user can't prevent: try again",
                     store->path);
}

/* Where SQLite puts files without a name (os_unix.c, unixTempFileDir). */
static const char *temporary_folder(void)
{
    const char *const folders[] = {getenv("SQLITE_TMPDIR"), getenv("TMPDIR"), "/var/tmp",
                                   "/usr/tmp", "/tmp"};
    struct stat about;

    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (folders[i] != NULL && stat(folders[i], &about) == 0 && S_ISDIR(about.st_mode) &&
            access(folders[i], W_OK | X_OK) == 0)
            return folders[i];
    return "the current folder";
}

int sqlite_store_temporary_error(sqlite3 *db, int result, const char *what, struct error *error)
{
    char file[4096];

    if (kind_of(db, result) == SQLITE_FULL)
        return error_set(error, ERROR_IO,
                         "cannot %s: the disk of temporary files (%s) is full; make room there, or "
                         "name another folder by TMPDIR, and run the same command again",
                         what, temporary_folder());
    sqlite3_snprintf((int)sizeof(file), file, "a temporary file in %s", temporary_folder());
    return sqlite_store_error(db, file, result, what, error);
}

int sqlite_store_fail(struct sqlite_store *store, const char *what, struct error *error)
{
    int result = sqlite3_errcode(store->db);

    if (sqlite_store_read(store, 0, error) != 0)
        return ERROR_BUSY;
    return store->mode == STORE_MODE_TEMPORARY
               ? sqlite_store_temporary_error(store->db, result, what, error)
               : sqlite_store_error(store->db, store->path, result, what, error);
}

/* --- statements ---------------------------------------------------------------------------- */

static sqlite3_stmt *prepare(struct sqlite_store *store, enum sqlite_statement which)
{
    static const char *const texts[] = {
#define X(symbol, sql) sql,
        SQLITE_STORE_STATEMENTS(X)
#undef X
    };
    sqlite3_stmt **statement = &store->statements[which];

    if (*statement != NULL) {
        sqlite3_reset(*statement);
        return *statement;
    }
    return sqlite3_prepare_v3(store->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, statement,
                              NULL) == SQLITE_OK
               ? *statement
               : NULL;
}

static void stop_reading(struct sqlite_store *store)
{
    sqlite3_stmt *statement = store->is_reading ? prepare(store, STATEMENT_COMMIT) : NULL;

    store->is_reading = false;
    if (statement != NULL)
        (void)sqlite_store_do(store, statement, "read", NULL);
}

sqlite3_stmt *sqlite_store_prepare(struct sqlite_store *store, enum sqlite_statement which)
{
    sqlite3_stmt *statement = prepare(store, which);

    /* It would be kept only when the reading ends. */
    if (store->is_reading && statement != NULL && !sqlite3_stmt_readonly(statement))
        stop_reading(store);
    return statement;
}

int sqlite_store_do(struct sqlite_store *store, sqlite3_stmt *statement, const char *what,
                    struct error *error)
{
    int code = 0;

    if (sqlite3_step(statement) != SQLITE_DONE)
        code = sqlite_store_fail(store, what, error);
    sqlite3_reset(statement);
    return code;
}

static int do_simple(struct sqlite_store *store, enum sqlite_statement which, const char *what,
                     struct error *error)
{
    sqlite3_stmt *statement = sqlite_store_prepare(store, which);

    return statement == NULL ? sqlite_store_fail(store, what, error)
                             : sqlite_store_do(store, statement, what, error);
}

int sqlite_store_begin(struct sqlite_store *store, const char *what, struct error *error)
{
    sqlite_places_begin(store);
    return do_simple(store, STATEMENT_BEGIN, what, error);
}

int sqlite_store_end(struct sqlite_store *store, int code, const char *what, struct error *error)
{
    if (code == 0)
        code = do_simple(store, STATEMENT_COMMIT, what, error);
    /* Some failures have rolled back already. */
    if (code != 0 && sqlite3_get_autocommit(store->db) == 0)
        (void)do_simple(store, STATEMENT_ROLLBACK, what, NULL);
    if (code != 0)
        sqlite_places_drop(store);
    return code;
}

/* Without it each statement takes and gives back the lock of a reader by itself: four calls. */
void sqlite_reads_begin(struct store *base)
{
    struct sqlite_store *store = sqlite_store_of(base);

    store->readers++;
    if (store->is_reading)
        return;
    sqlite_places_begin(store);
    store->is_reading = do_simple(store, STATEMENT_READS_BEGIN, "read", NULL) == 0;
    store->knows_kinds = false;
}

void sqlite_reads_end(struct store *base)
{
    struct sqlite_store *store = sqlite_store_of(base);

    CHECK(store->readers > 0);
    if (--store->readers == 0)
        stop_reading(store);
}

void sqlite_store_bind_text(sqlite3_stmt *statement, int index, struct slice text)
{
    if (text.len == 0)
        sqlite3_bind_null(statement, index);
    else
        sqlite3_bind_text(statement, index, text.ptr, (int)text.len, SQLITE_STATIC);
}

void sqlite_store_bind_blob(sqlite3_stmt *statement, int index, struct slice bytes)
{
    if (bytes.len == 0)
        sqlite3_bind_zeroblob(statement, index, 0);
    else
        sqlite3_bind_blob(statement, index, bytes.ptr, (int)bytes.len, SQLITE_STATIC);
}

struct slice sqlite_store_column(sqlite3_stmt *statement, int index)
{
    const char *bytes = sqlite3_column_blob(statement, index);
    int len = sqlite3_column_bytes(statement, index);

    return bytes == NULL ? SLICE_EMPTY : slice_from(bytes, (size_t)len);
}

/* --- opening ------------------------------------------------------------------------------- */

char *sqlite_store_uri(const char *path, const char *parameters)
{
    struct buffer uri;

    buffer_init(&uri, 0);
    buffer_append_string(&uri, *path == '/' ? "file://" : "file:");
    for (; *path != '\0'; path++) {
        if (*path == '%' || *path == '?' || *path == '#')
            buffer_printf(&uri, "%%%02x", (unsigned char)*path);
        else
            buffer_append_byte(&uri, *path);
    }
    buffer_printf(&uri, "?%s", parameters);
    buffer_append_byte(&uri, '\0');
    if (uri.failed) {
        buffer_done(&uri);
        return NULL;
    }
    return uri.ptr;
}

/* Can its content be read at all? Opening alone touches nothing. */
static int try_open(const char *uri, int flags, sqlite3 **ret_db)
{
    int result = sqlite3_open_v2(uri, ret_db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);

    if (result == SQLITE_OK) {
        sqlite3_extended_result_codes(*ret_db, 0);
        sqlite3_busy_timeout(*ret_db, BUSY_TIMEOUT_MS);
        result = sqlite3_exec(*ret_db, "SELECT 1 FROM sqlite_master LIMIT 1", NULL, NULL, NULL);
    }
    return result;
}

static bool has_log(const char *path)
{
    char log[4096];

    sqlite3_snprintf((int)sizeof(log), log, "%s-wal", path);
    return access(log, F_OK) == 0;
}

/*
 * A file that nobody has open, in a folder where we may not write, can be read only as one that
 * never changes: SQLite would make its shared index otherwise. Whether it did is looked at when it
 * was read.
 */
static int open_read_only(const char *path, sqlite3 **ret_db)
{
    const char *const ways[] = {"mode=ro", "mode=ro&immutable=1"};
    int result = SQLITE_NOMEM;
    /* Where we may make that index, who owns the file might not be able to use it. */
    size_t first = access(path, W_OK) != 0 && !has_log(path) ? 1 : 0;

    for (size_t i = first; i < ARRAY_LEN(ways) && (i == first || !has_log(path)); i++) {
        char *uri = sqlite_store_uri(path, ways[i]);

        if (uri == NULL)
            return SQLITE_NOMEM;
        sqlite3_close(*ret_db);
        *ret_db = NULL;
        result = try_open(uri, SQLITE_OPEN_READONLY, ret_db);
        memory_free(uri);
        if (result != SQLITE_CANTOPEN && result != SQLITE_READONLY)
            break;
    }
    return result;
}

static int open_writable(const char *path, bool create, sqlite3 **ret_db)
{
    char *uri;
    int result;

    /* SQLite would fall back to reading, and leave what that needs beside the file. */
    if (access(path, F_OK) == 0 && access(path, W_OK) != 0)
        return SQLITE_READONLY;
    uri = sqlite_store_uri(path, create ? "mode=rwc" : "mode=rw");
    if (uri == NULL)
        return SQLITE_NOMEM;
    result = try_open(uri, SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), ret_db);
    memory_free(uri);
    if (result == SQLITE_OK && sqlite3_db_readonly(*ret_db, "main") == 1)
        result = SQLITE_READONLY;
    return result;
}

/*
 * The last one who has the file open takes its log and index away, if it may write; whoever only
 * reads would leave them behind.
 */
static int open_for_notes(const char *path, sqlite3 **ret_db)
{
    int result = open_writable(path, false, ret_db);

    return result == SQLITE_OK ? result : open_read_only(path, ret_db);
}

static int open_as(const char *path, enum store_mode mode, sqlite3 **ret_db)
{
    switch (mode) {
    case STORE_MODE_CREATE:
    case STORE_MODE_EXISTING:
        return open_writable(path, mode == STORE_MODE_CREATE, ret_db);
    case STORE_MODE_READ_ONLY:
        return open_read_only(path, ret_db);
    case STORE_MODE_NOTES:
        return open_for_notes(path, ret_db);
    case STORE_MODE_TEMPORARY:
        return try_open("", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, ret_db);
    }
    return SQLITE_MISUSE;
}

static const char *mode_pragma(enum store_mode mode)
{
    if (mode == STORE_MODE_TEMPORARY)
        return "PRAGMA journal_mode=MEMORY;";
    return store_mode_writes(mode) ? "PRAGMA journal_mode=WAL;" : "PRAGMA query_only=ON;";
}

int sqlite_store_set_up(struct sqlite_store *store, bool waits, struct error *error)
{
    char sql[256];

    sqlite3_snprintf((int)sizeof(sql), sql,
                     "PRAGMA synchronous=%s; %s PRAGMA cache_size=-%d; PRAGMA foreign_keys=OFF;"
                     " PRAGMA trusted_schema=OFF; PRAGMA temp_store=FILE;"
                     " PRAGMA wal_autocheckpoint=%d",
                     waits ? "NORMAL" : "OFF", mode_pragma(store->mode), CACHE_KIB, LOG_PAGES);
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_store_fail(store, "open the store", error);
    return 0;
}

static void sqlite_close(struct store *base)
{
    struct sqlite_store *store = sqlite_store_of(base);

    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    CHECK(sqlite3_close(store->db) == SQLITE_OK);
    sqlite_places_free(store->places);
    store_pack_free(store->pack);
    memory_free(store->path);
    memory_free(store);
}

static int others_mark(struct store *base, uint64_t *ret_mark, struct error *error)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite3_stmt *statement = sqlite_store_prepare(store, STATEMENT_OTHERS_MARK);
    int code = 0;

    if (statement == NULL || sqlite3_step(statement) != SQLITE_ROW)
        code = sqlite_store_fail(store, "read", error);
    else
        *ret_mark = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return code;
}

static const struct store_ops sqlite_ops = {
    .close = sqlite_close,
    .others_mark = others_mark,
    .job_add = sqlite_job_add,
    .job_next = sqlite_job_next,
    .job_update = sqlite_job_update,
    .job_clear = sqlite_job_clear,
    .rows_add = sqlite_rows_add,
    .rows_mark = sqlite_rows_mark,
    .keys_open = sqlite_keys_open,
    .keys_next = sqlite_keys_next,
    .keys_close = sqlite_keys_close,
    .results_put = sqlite_results_put,
    .results_forget = sqlite_results_forget,
    .results_replace = sqlite_results_replace,
    .rows_fault = sqlite_rows_fault,
    .row_erase = sqlite_row_erase,
    .counts = sqlite_counts,
    .page_read = sqlite_page_read,
    .rows_read = sqlite_rows_read,
    .reads_begin = sqlite_reads_begin,
    .reads_end = sqlite_reads_end,
    .note_put = sqlite_note_put,
    .note_change = sqlite_note_change,
    .note_next = sqlite_note_next,
    .note_remove = sqlite_note_remove,
    .note_expire = sqlite_note_expire,
    .records_put = sqlite_records_put,
    .record_get = sqlite_record_get,
    .records_get = sqlite_records_get,
    .record_next = sqlite_record_next,
    .record_remove = sqlite_record_remove,
    .records_expire = sqlite_records_expire,
    .records_total = sqlite_records_total,
};

/*
 * Of a file that may be read without locks, its time is what tells that it was changed, and changes
 * of one tick of the kernel's clock have the same: that of the last one is waited for. One that is
 * not there is not read.
 */
static void look_at(const char *path, enum store_mode mode, struct stat *ret_found)
{
    const struct timespec tick = {.tv_nsec = TICK_NS};

    for (int looks = 0; stat(path, ret_found) == 0 && !store_mode_writes(mode) && looks < 5;
         looks++) {
        struct timespec now;
        int64_t age_ns;

        clock_gettime(CLOCK_REALTIME, &now);
        age_ns = (now.tv_sec - ret_found->st_mtim.tv_sec) * INT64_C(1000000000) + now.tv_nsec -
                 ret_found->st_mtim.tv_nsec;
        if (age_ns > TICK_NS || age_ns < 0)
            break;
        nanosleep(&tick, NULL);
    }
}

void store_sqlite_own_process(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int store_sqlite_open(const char *path, enum store_mode mode, struct store **ret_store,
                      struct error *error)
{
    struct sqlite_store *store = memory_zalloc(1, sizeof(*store));
    int result, code;

    if (store == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for the store");
    store->base.ops = &sqlite_ops;
    store->mode = mode;
    store->path = memory_copy_string(path, strlen(path));
    store->pack = store_pack_new();
    store->places = sqlite_places_new();
    if (store->path == NULL || store->pack == NULL || store->places == NULL) {
        code = error_set(error, ERROR_NOMEM, "no memory for the store");
        goto done;
    }
    if (mode != STORE_MODE_CREATE && mode != STORE_MODE_TEMPORARY && access(path, F_OK) != 0) {
        code = error_set(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, "cannot open %s: %s",
                         path, strerror(errno));
        goto done;
    }
    look_at(path, mode, &store->found);
    if (mode != STORE_MODE_TEMPORARY && store->found.st_nlink > 0 &&
        !S_ISREG(store->found.st_mode)) {
        code = error_set(error, ERROR_IO, "%s is no file: nothing can be kept in it", path);
        goto done;
    }
    result = open_as(path, mode, &store->db);
    if (result == SQLITE_OK) {
        store->is_unlocked =
            sqlite3_uri_boolean(sqlite3_db_filename(store->db, "main"), "immutable", 0);
        result = sqlite_places_register(store);
    }
    if (result != SQLITE_OK) {
        code = mode == STORE_MODE_TEMPORARY
                   ? sqlite_store_temporary_error(store->db, result, "open the store", error)
                   : sqlite_store_error(store->db, path, result, "open the store", error);
        goto done;
    }
    code = sqlite_store_migrate(store, error);
    /* They count records, as sqlite_record.c does. */
    CHECK(sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) == SQLITE_OK);
done:
    if (code == 0)
        *ret_store = &store->base;
    else
        sqlite_close(&store->base);
    return code;
}
