/* Tables of the SQLite store, and how older files become newer ones. */
#include "base/check.h"
#include "store/sqlite_internal.h"

#define APPLICATION_ID 0x4d4b4e4b /* "MKNK" in the file's head */
#define NOTES_SINCE    2          /* version; they are as they were in it */

/*
 * One entry a version, never changed once released. An older program may have the file open while
 * it is renewed: what it goes on to do must be right, or fail.
 *
 * Rows are clustered by (job, row): they are written and read in runs of neighbours. Results
 * (`outcome`) come in no order of rows, so they are appended as they come: clustered, a result cost
 * five times as much, with an index by row twice. Which one is a row's is said by `place` and
 * `place_log` (sqlite_place.h). `tally` is what pages and summaries count by.
 */
static const char *const migrations[] = {
    "CREATE TABLE job ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " state INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " sources TEXT NOT NULL,"
    " fingerprint TEXT NOT NULL,"
    " options TEXT NOT NULL,"
    " note TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " started_ms INTEGER NOT NULL,"
    " finished_ms INTEGER NOT NULL,"
    " active_ms INTEGER NOT NULL,"
    " rows INTEGER NOT NULL DEFAULT 0,"
    " faults INTEGER NOT NULL DEFAULT 0,"
    " duplicates INTEGER NOT NULL DEFAULT 0,"
    " done INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE row ("
    " job INTEGER NOT NULL,"
    " row INTEGER NOT NULL,"
    " first INTEGER NOT NULL DEFAULT 0,"
    " copies INTEGER NOT NULL DEFAULT 0,"
    " key INTEGER NOT NULL,"
    " turn INTEGER NOT NULL,"
    " address BLOB NOT NULL,"
    " fault TEXT,"
    " raw BLOB,"
    " PRIMARY KEY (job, row)) WITHOUT ROWID;"
    "CREATE TABLE result ("
    " seq INTEGER PRIMARY KEY,"
    " job INTEGER NOT NULL,"
    " row INTEGER NOT NULL,"
    " reason INTEGER NOT NULL,"
    " action INTEGER NOT NULL,"
    " score INTEGER NOT NULL,"
    " flags INTEGER NOT NULL,"
    " retry_after INTEGER NOT NULL,"
    " checked_ms INTEGER NOT NULL,"
    " provider TEXT,"
    " domain TEXT,"
    " suggestion TEXT,"
    " explanation TEXT,"
    " json BLOB);"
    "CREATE UNIQUE INDEX result_row ON result (job, row);"
    "CREATE INDEX result_reason ON result (job, reason, row);"
    "CREATE TABLE tally ("
    " job INTEGER NOT NULL,"
    " reason INTEGER NOT NULL,"
    " results INTEGER NOT NULL,"
    " rows INTEGER NOT NULL,"
    " PRIMARY KEY (job, reason)) WITHOUT ROWID;",
    "CREATE TABLE note ("
    " kind TEXT NOT NULL,"
    " id TEXT NOT NULL,"
    " body BLOB NOT NULL,"
    " until_ms INTEGER NOT NULL,"
    " PRIMARY KEY (kind, id)) WITHOUT ROWID;"
    "CREATE INDEX note_until ON note (until_ms) WHERE until_ms > 0;",
    /* Totals by trigger, so that no writer can forget them: how much is kept is asked often. We
       count for ourselves meanwhile, with triggers off, which took a third of the time. */
    "CREATE TABLE record ("
    " id INTEGER PRIMARY KEY,"
    " kind INTEGER NOT NULL,"
    " key BLOB NOT NULL,"
    " family BLOB NOT NULL,"
    " value INTEGER NOT NULL,"
    " proof INTEGER NOT NULL,"
    " checked_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL,"
    " failed_ms INTEGER NOT NULL DEFAULT 0,"
    " failures INTEGER NOT NULL DEFAULT 0,"
    " bytes INTEGER NOT NULL,"
    " body BLOB);"
    "CREATE UNIQUE INDEX record_key ON record (kind, key);"
    "CREATE INDEX record_family ON record (kind, family, key);"
    "CREATE INDEX record_expires ON record (kind, expires_ms);"
    "CREATE TABLE record_total ("
    " kind INTEGER PRIMARY KEY,"
    " records INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL);"
    "CREATE TRIGGER record_added AFTER INSERT ON record BEGIN"
    " INSERT INTO record_total (kind, records, bytes) VALUES (new.kind, 1, new.bytes)"
    " ON CONFLICT (kind) DO UPDATE SET records=records+1, bytes=bytes+excluded.bytes; END;"
    "CREATE TRIGGER record_changed AFTER UPDATE OF bytes ON record BEGIN"
    " UPDATE record_total SET bytes=bytes-old.bytes+new.bytes WHERE kind=new.kind; END;"
    "CREATE TRIGGER record_removed AFTER DELETE ON record BEGIN"
    " UPDATE record_total SET records=records-1, bytes=bytes-old.bytes WHERE kind=old.kind; END;",
    /* Pages of certain reasons pass over the others, and duplicates have none of their own. */
    "CREATE INDEX row_duplicate ON row (job, row) WHERE first<>0;",
    /* One index for both: in a long list each result changes a page of every index that there is.
       That a row has one result only is seen to where results are added. */
    "DROP INDEX result_reason;"
    "DROP INDEX result_row;"
    "CREATE UNIQUE INDEX result_row ON result (job, row, reason);",
    /* Chunks of places, keyed by job and number. Since then JSON may be packed by LZ4, too. */
    "CREATE TABLE place (id INTEGER PRIMARY KEY, packed BLOB NOT NULL);"
    "CREATE TABLE place_log (id INTEGER PRIMARY KEY, packed BLOB NOT NULL);"
    "INSERT INTO place SELECT job<<32|(row-1)/672, pack_places(row, seq, reason) FROM result"
    " GROUP BY 1;"
    "DROP INDEX result_row;",
    /* Results under another name: to an older program that has the file open, which keeps them
       without a place, they would be lost. It fails, and what the view is made of says why.
       While the view is there, renaming and dropping a table or column fails ("error in view
       result"): the next migration that does drops the view first, and makes it again last. */
    ("ALTER TABLE result RENAME TO outcome;"
     "CREATE VIEW result AS SELECT * FROM \"renewed by a newer mailknock: go on with that one\";"),
    "ALTER TABLE job ADD COLUMN doubts INTEGER NOT NULL DEFAULT 0;",
};

static int read_pragma(struct sqlite_store *store, const char *sql, int *ret_value,
                       struct error *error)
{
    sqlite3_stmt *statement = NULL;
    int code = 0;

    if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        *ret_value = sqlite3_column_int(statement, 0);
    else
        code = sqlite_store_fail(store, "open the store", error);
    sqlite3_finalize(statement);
    return code;
}

static int run(struct sqlite_store *store, const char *sql, struct error *error)
{
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_store_fail(store, "prepare the tables", error);
    return 0;
}

static int apply(struct sqlite_store *store, int version, struct error *error)
{
    char pragmas[96];
    int code = run(store, migrations[version], error);

    sqlite3_snprintf((int)sizeof(pragmas), pragmas,
                     "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID,
                     version + 1);
    return code == 0 ? run(store, pragmas, error) : code;
}

static int check_ours(struct sqlite_store *store, int *ret_version, struct error *error)
{
    int application = 0, tables = 0, version = 0;
    int code = read_pragma(store, "PRAGMA application_id", &application, error);

    if (code == 0)
        code = read_pragma(store, "PRAGMA user_version", &version, error);
    if (code == 0)
        code = read_pragma(store, "SELECT count(*) FROM sqlite_master", &tables, error);
    if (code != 0)
        return code;
    if (application == 0 && tables == 0 && version == 0 && store->mode == STORE_MODE_READ_ONLY)
        return error_set(error, ERROR_FORMAT, "%s is empty: nothing was kept in it", store->path);
    if (application != APPLICATION_ID &&
        (tables > 0 || version != 0 || store->mode == STORE_MODE_READ_ONLY))
        return error_set(error, ERROR_FORMAT, "%s is no mailknock file", store->path);
    if (version > (int)ARRAY_LEN(migrations))
        return error_set(error, ERROR_FORMAT,
                         "%s was written by a newer mailknock (version %d of its tables, this "
                         "program knows %d): use that one",
                         store->path, version, (int)ARRAY_LEN(migrations));
    *ret_version = version;
    return 0;
}

static int make_tables(struct sqlite_store *store, struct error *error)
{
    int version, code = sqlite_store_begin(store, "prepare the tables", error);

    if (code != 0)
        return code;
    code = check_ours(store, &version, error); /* somebody else may have been faster */
    for (; code == 0 && version < (int)ARRAY_LEN(migrations); version++)
        code = apply(store, version, error);
    return sqlite_store_end(store, code, "prepare the tables", error);
}

/*
 * A new file waits for no disk until something is in it. Killed, it is as any other. Without power
 * it may be empty again, and so new: what was committed before the first checkpoint is what
 * synchronous=NORMAL promises nothing of either, and its first page comes from the log, if that is
 * there. A new log has no frames of an older one behind its head, for which SQLite would write the
 * head through first.
 */
static int make_new(struct sqlite_store *store, struct error *error)
{
    int code = sqlite_store_set_up(store, false, error);

    if (code == 0)
        code = make_tables(store, error);
    return code == 0 ? run(store, "PRAGMA synchronous=NORMAL", error) : code;
}

int sqlite_store_migrate(struct sqlite_store *store, struct error *error)
{
    int version = 0, pages = 0, code = check_ours(store, &version, error);

    if (code == 0 && version == 0 && store->mode == STORE_MODE_CREATE) {
        code = read_pragma(store, "PRAGMA page_count", &pages, error);
        if (code == 0 && pages == 0)
            return make_new(store, error);
    }
    /* Before tables are made: in the log they wait for no disk. */
    if (code == 0)
        code = sqlite_store_set_up(store, true, error);
    if (code != 0 || version == (int)ARRAY_LEN(migrations))
        return code;
    if (store->mode == STORE_MODE_NOTES)
        return version >= NOTES_SINCE
                   ? 0
                   : error_set(error, ERROR_NOT_FOUND, "there are no notes in %s", store->path);
    if (store->mode == STORE_MODE_READ_ONLY)
        return error_set(error, ERROR_FORMAT,
                         "%s has tables of version %d, from an earlier mailknock: running the "
                         "same `mailknock clean` again renews them, and so does whatever else "
                         "writes to it",
                         store->path, version);
    return make_tables(store, error);
}
