/*
 * The SQLite store's own parts: connection, schema, prepared statements, transactions.
 *
 * sqlite.c opens and closes; sqlite_schema.c makes and migrates tables; sqlite_job.c, sqlite_row.c,
 * sqlite_result.c, sqlite_note.c and sqlite_record.c are the interface's parts; sqlite_place.c
 * knows which result is whose. Nothing outside src/store includes this.
 */
#ifndef MK_STORE_SQLITE_INTERNAL_H
#define MK_STORE_SQLITE_INTERNAL_H

#include <sqlite3.h>
#include <sys/stat.h>

#include "store/pack.h"
#include "store/sqlite_place.h"
#include "store/store.h"

#define SQLITE_STORE_STATEMENTS(X)                                                                 \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(READS_BEGIN, "BEGIN")                                                                        \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(OTHERS_MARK, "PRAGMA data_version")                                                          \
    X(JOB_ADD, "INSERT INTO job (state, name, sources, fingerprint, options, note, created_ms,"    \
               " started_ms, finished_ms, active_ms) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)")     \
    X(JOB_NEXT, "SELECT id, state, name, sources, fingerprint, options, note, created_ms,"         \
                " started_ms, finished_ms, active_ms, rows, faults, duplicates, done, doubts"      \
                " FROM job WHERE id > ?1 ORDER BY id LIMIT 1")                                     \
    X(JOB_UPDATE, "UPDATE job SET state=?1, name=?2, sources=?3, fingerprint=?4, options=?5,"      \
                  " note=?6, started_ms=?8, finished_ms=?9, active_ms=?10 WHERE id=?11")           \
    X(JOB_CHANGE, "UPDATE job SET state=?1, name=?2, sources=?3, fingerprint=?4, options=?5,"      \
                  " note=?6 WHERE id=?11 AND"                                                      \
                  " ((state=?12 AND name=?13 AND options=?14 AND note=?15) OR"                     \
                  " (state=?1 AND name=?2 AND options=?5 AND note=?6))")                           \
    X(JOB_DELETE, "DELETE FROM job WHERE id=?1")                                                   \
    X(JOB_RESET, "UPDATE job SET rows=0, faults=0, doubts=0, duplicates=0, done=0 WHERE id=?1")    \
    X(JOB_LOADED, "UPDATE job SET rows=rows+?2, faults=faults+?3, doubts=doubts+?4 WHERE id=?1")   \
    X(JOB_MARKED, "UPDATE job SET duplicates=duplicates+?2 WHERE id=?1")                           \
    X(JOB_DONE, "UPDATE job SET done=done+?2 WHERE id=?1")                                         \
    X(RESULT_DELETE, "DELETE FROM outcome WHERE seq=?1 AND job=?2")                                \
    X(ROWS_DELETE, "DELETE FROM row WHERE job=?1 AND row<=(SELECT max(row) FROM"                   \
                   " (SELECT row FROM row WHERE job=?1 ORDER BY row LIMIT ?2))")                   \
    X(TALLY_DELETE, "DELETE FROM tally WHERE job=?1")                                              \
    X(ROW_ADD,                                                                                     \
      "INSERT INTO row (job, row, key, address, fault, raw, turn) VALUES (?1,?2,?3,?4,?5,?6,?7)")  \
    X(ROW_MARK, "UPDATE row SET first=?3 WHERE job=?1 AND row=?2 AND first=0")                     \
    X(ROW_COPIES, "UPDATE row SET copies=copies+?3 WHERE job=?1 AND row=?2")                       \
    X(RESULT_ADD, "INSERT INTO outcome (job, row, reason, action, score, flags, retry_after,"      \
                  " checked_ms, provider, domain, suggestion, explanation, json)"                  \
                  " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)")                          \
    X(RESULT_GET, "SELECT s.reason, r.copies, s.checked_ms,"                                       \
                  " r.fault IS NULL OR r.fault='' OR s.explanation IS NOT NULL"                    \
                  " FROM outcome s JOIN row r ON r.job=s.job AND r.row=s.row"                      \
                  " WHERE s.seq=place(?1,?2) AND s.job=?1 AND s.row=?2")                           \
    X(RESULT_FORGET, "DELETE FROM outcome WHERE seq=place(?1,?2) AND job=?1 AND row=?2")           \
    X(RESULT_ERASE, "UPDATE outcome SET provider=NULL, domain=NULL, suggestion=NULL,"              \
                    " explanation=NULL, json=NULL"                                                 \
                    " WHERE seq=place(?1,?2) AND job=?1 AND row=?2")                               \
    X(ROW_ERASE, "UPDATE row SET address=x'', raw=NULL, key=0, fault=?3 WHERE job=?1 AND row=?2")  \
    X(ROW_FAULT, "UPDATE row SET fault=?3 WHERE job=?1 AND row=?2 AND coalesce(fault,'')=''")      \
    X(JOB_FAULT, "UPDATE job SET faults=faults+1+(SELECT copies FROM row WHERE job=?1 AND row=?2)" \
                 " WHERE id=?1")                                                                   \
    X(TALLY_TAKE, "UPDATE tally SET results=results-1, rows=rows-?3 WHERE job=?1 AND reason=?2")   \
    X(TALLY_ADD, "INSERT INTO tally (job, reason, results, rows) VALUES (?1,?2,?3,?4)"             \
                 " ON CONFLICT (job, reason) DO UPDATE SET results=results+excluded.results,"      \
                 " rows=rows+excluded.rows")                                                       \
    X(TALLY_READ, "SELECT reason, results, rows FROM tally WHERE job=?1")                          \
    X(PAGE_ROWS, SQLITE_STORE_LINE "LEFT JOIN outcome s ON s.seq=place(r.job,"                     \
                                   " CASE r.first WHEN 0 THEN r.row ELSE r.first END)"             \
                                   " AND s.job=r.job AND"                                          \
                                   " s.row=CASE r.first WHEN 0 THEN r.row ELSE r.first END"        \
                                   " WHERE r.job=?1 AND r.row>?2 AND r.row<=?3 ORDER BY r.row")    \
    X(PAGE_MAILBOXES, SQLITE_STORE_LINE "LEFT JOIN outcome s ON s.seq=place(r.job, r.row)"         \
                                        " AND s.job=r.job AND s.row=r.row"                         \
                                        " WHERE r.job=?1 AND r.row>?2 AND r.row<=?3 AND r.first=0" \
                                        " ORDER BY r.row")                                         \
    X(ROW_READ, "SELECT row, first, copies, address, fault, raw FROM row WHERE job=?1 AND row=?2") \
    X(ROWS_DUPLICATE, "SELECT row FROM row INDEXED BY row_duplicate WHERE job=?1 AND row>?2"       \
                      " AND row<=?3 AND first<>0 ORDER BY row")                                    \
    X(ROW_AFTER, "SELECT 1 FROM row WHERE job=?1 AND row>?2 AND row<=?3 LIMIT 1")                  \
    X(PAGE_PENDING, "SELECT r.row, r.first, r.copies, r.address, r.fault, NULL, r.turn,"           \
                    " CASE ?4 WHEN 1 THEN r.raw END FROM row r"                                    \
                    " WHERE r.job=?1 AND r.row>?2 AND r.row<=?3 AND r.first=0"                     \
                    " AND place(r.job, r.row) IS NULL ORDER BY r.row")                             \
    X(PLACE_READ, "SELECT packed FROM place WHERE id=?1")                                          \
    X(PLACE_WRITE, "INSERT OR REPLACE INTO place (id, packed) VALUES (?1,?2)")                     \
    X(PLACE_DELETE, "DELETE FROM place WHERE id=?1")                                               \
    X(PLACES_NEXT, "SELECT id, packed FROM place WHERE id>=?1 AND id<?2 ORDER BY id")              \
    X(PLACES_LOG, "INSERT OR REPLACE INTO place_log (id, packed) VALUES (?1,?2)")                  \
    X(PLACES_LOGGED, "SELECT id, packed FROM place_log WHERE id>=?1 AND id<?2 ORDER BY id")        \
    X(PLACES_FORGET, "DELETE FROM place_log WHERE id>?1 AND id<=?2")                               \
    X(NOTE_PUT, "INSERT INTO note (kind, id, body, until_ms) VALUES (?1,?2,?3,?4)"                 \
                " ON CONFLICT (kind, id) DO UPDATE SET body=excluded.body,"                        \
                " until_ms=excluded.until_ms")                                                     \
    X(NOTE_ADD, "INSERT INTO note (kind, id, body, until_ms) VALUES (?1,?2,?3,0)"                  \
                " ON CONFLICT (kind, id) DO UPDATE SET body=excluded.body, until_ms=0"             \
                " WHERE body IN (x'', excluded.body)")                                             \
    X(NOTE_CHANGE, "UPDATE note SET body=?3, until_ms=0 WHERE kind=?1 AND id=?2"                   \
                   " AND body IN (?3, ?4)")                                                        \
    X(NOTE_NEXT, "SELECT id, body FROM note WHERE kind=?1 AND id>?2 ORDER BY id LIMIT 1")          \
    X(NOTE_FROM, "SELECT id, body FROM note WHERE kind=?1 AND id>=?2 ORDER BY id LIMIT 1")         \
    X(NOTE_REMOVE, "DELETE FROM note WHERE kind=?1 AND id=?2")                                     \
    X(NOTE_EXPIRE, "DELETE FROM note WHERE (kind, id) IN (SELECT kind, id FROM note"               \
                   " WHERE until_ms>0 AND until_ms<=?1 LIMIT ?2)")                                 \
    X(RECORD_ADD, "INSERT INTO record (kind, key, family, value, proof, checked_ms, expires_ms,"   \
                  " bytes, body) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9) ON CONFLICT (kind, key)"      \
                  " DO NOTHING")                                                                   \
    X(RECORD_REPLACE, "UPDATE record SET family=?3, value=?4, proof=?5, checked_ms=?6,"            \
                      " expires_ms=?7, failed_ms=0, failures=0, bytes=?8, body=?9"                 \
                      " WHERE kind=?1 AND key=?2 AND ?6>=checked_ms AND (?5=1 OR proof=0 OR"       \
                      " expires_ms<=?6)")                                                          \
    X(RECORD_BYTES, "SELECT bytes FROM record WHERE kind=?1 AND key=?2")                           \
    X(RECORD_FAILED, "UPDATE record SET failed_ms=?3, failures=failures+1 WHERE kind=?1 AND"       \
                     " key=?2 AND proof=1 AND checked_ms<=?3 AND failed_ms<?3")                    \
    X(RECORD_GET, SQLITE_STORE_RECORD "kind=?1 AND key=?2")                                        \
    X(RECORDS_GET, SQLITE_STORE_RECORDS)                                                           \
    X(RECORD_NEXT, SQLITE_STORE_RECORD "kind=?1 AND key>?2 ORDER BY key LIMIT 1")                  \
    X(RECORD_NEXT_OF, SQLITE_STORE_RECORD "kind=?1 AND key>?2 AND family=?3"                       \
                                          " ORDER BY key LIMIT 1")                                 \
    X(RECORD_REMOVE, "DELETE FROM record WHERE kind=?1 AND key=?2 RETURNING bytes")                \
    X(RECORD_EXPIRE, "DELETE FROM record WHERE id IN (SELECT id FROM record WHERE kind=?1 AND"     \
                     " expires_ms<=?2 ORDER BY expires_ms LIMIT ?3) RETURNING bytes")              \
    X(RECORD_FIRST, "DELETE FROM record WHERE id IN (SELECT id FROM record WHERE kind=?1"          \
                    " ORDER BY expires_ms LIMIT ?2) RETURNING bytes")                              \
    X(RECORD_COUNT, "INSERT INTO record_total (kind, records, bytes) VALUES (?1,?2,?3)"            \
                    " ON CONFLICT (kind) DO UPDATE SET records=records+excluded.records,"          \
                    " bytes=bytes+excluded.bytes")                                                 \
    X(RECORD_KINDS, "SELECT kind FROM record_total WHERE records>0")                               \
    X(RECORD_TOTAL, "SELECT records, bytes FROM record_total WHERE kind=?1")

/* Columns in the order of read_record (sqlite_record.c). */
#define SQLITE_STORE_RECORD                                                                        \
    "SELECT key, family, value, proof, checked_ms, expires_ms, failed_ms, failures, body"          \
    " FROM record WHERE "

/* The same and its kind, where bit `kind` of ?2 is set. */
#define SQLITE_STORE_RECORD_OF(kind)                                                               \
    "SELECT key, family, value, proof, checked_ms, expires_ms, failed_ms, failures, body, kind"    \
    " FROM record WHERE (?2>>" kind ")&1 AND kind=" kind " AND key=?1"
#define SQLITE_STORE_RECORDS                                                                       \
    SQLITE_STORE_RECORD_OF("0")                                                                    \
    " UNION ALL " SQLITE_STORE_RECORD_OF("1") " UNION ALL " SQLITE_STORE_RECORD_OF(                \
        "2") " UNION ALL " SQLITE_STORE_RECORD_OF("3") " UNION ALL " SQLITE_STORE_RECORD_OF("4")

/* Columns in the order of read_line (sqlite_page.c). */
#define SQLITE_STORE_LINE                                                                          \
    "SELECT r.row, r.first, r.copies, r.address, r.fault, s.reason, s.action, s.score, s.flags,"   \
    " s.retry_after, s.checked_ms, s.provider, s.domain, s.suggestion, s.explanation, s.json, "    \
    "r.raw"                                                                                        \
    " FROM row r "

enum sqlite_statement {
#define X(symbol, sql) STATEMENT_##symbol,
    SQLITE_STORE_STATEMENTS(X)
#undef X
    STATEMENT_COUNT,
};

struct sqlite_store {
    struct store base;
    sqlite3 *db;
    char *path;
    enum store_mode mode;
    struct store_pack *pack;
    struct sqlite_places *places;
    unsigned readers; /* who want to be one reader */
    bool is_reading;  /* as one, since the first of them, until somebody writes */
    bool knows_kinds; /* `kinds`, for as long as it is reading */
    unsigned kinds;   /* of which there are records: bits of 1 << kind */
    sqlite3_stmt *statements[STATEMENT_COUNT];
    bool is_unlocked;  /* read without locks */
    struct stat found; /* before it was opened */
};

/* What SQLite's last failure on `db` means for us: "cannot WHAT in PATH: why; what to do". */
int sqlite_store_error(sqlite3 *db, const char *path, int result, const char *what,
                       struct error *error);
/* The same of a file without a name: its folder is told, and what of it is to be changed. */
int sqlite_store_temporary_error(sqlite3 *db, int result, const char *what, struct error *error);
/* The same for the store's own connection. */
int sqlite_store_fail(struct sqlite_store *store, const char *what, struct error *error);

/*
 * What became of a reading, `code`: of a file that is read without locks, as one that never
 * changes, ERROR_BUSY where it did, for what was read may be torn.
 */
int sqlite_store_read(struct sqlite_store *store, int code, struct error *error);

/* The statement, prepared once, reset; NULL on failure, which sqlite_store_fail knows. */
sqlite3_stmt *sqlite_store_prepare(struct sqlite_store *store, enum sqlite_statement which);
/* Step a statement that gives no rows, and reset it. 0 or negative. */
int sqlite_store_do(struct sqlite_store *store, sqlite3_stmt *statement, const char *what,
                    struct error *error);

int sqlite_store_begin(struct sqlite_store *store, const char *what, struct error *error);
/* Commit when code is 0, else roll back: returns what became of it. */
int sqlite_store_end(struct sqlite_store *store, int code, const char *what, struct error *error);

/* Bound for the statement's life only: reset before the slice goes. */
void sqlite_store_bind_text(sqlite3_stmt *statement, int index, struct slice text);
void sqlite_store_bind_blob(sqlite3_stmt *statement, int index, struct slice bytes);
/* Borrowed until the next step; NULL gives "". */
struct slice sqlite_store_column(sqlite3_stmt *statement, int index);

/* How a file is used that is ours; waits: for the disk, where that is needed. */
int sqlite_store_set_up(struct sqlite_store *store, bool waits, struct error *error);
/* Check that the file is ours, set it up, and make the tables or bring them up to date. */
int sqlite_store_migrate(struct sqlite_store *store, struct error *error);
/* The path as a URI with these parameters. NULL: no memory. On the heap. */
char *sqlite_store_uri(const char *path, const char *parameters);

int sqlite_job_add(struct store *store, const struct store_job *job, uint64_t *ret_id,
                   struct error *error);
int sqlite_job_next(struct store *store, uint64_t after, struct arena *arena,
                    struct store_job *ret_job, struct error *error);
int sqlite_job_update(struct store *store, const struct store_job *before,
                      const struct store_job *job, struct error *error);
int sqlite_job_clear(struct store *store, uint64_t id, size_t max, bool job_too,
                     struct error *error);
int sqlite_rows_add(struct store *store, uint64_t job, const struct store_row *rows, size_t count,
                    struct error *error);
int sqlite_rows_mark(struct store *store, uint64_t job, const struct store_mark *marks,
                     size_t count, struct error *error);
int sqlite_keys_open(struct store *store, uint64_t job, struct store_keys **ret_keys,
                     struct error *error);
int sqlite_keys_next(struct store_keys *keys, uint64_t *ret_key, uint64_t *ret_row,
                     struct error *error);
void sqlite_keys_close(struct store_keys *keys);
int sqlite_results_put(struct store *store, uint64_t job, const struct store_result *results,
                       size_t count, struct error *error);
int sqlite_results_forget(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                          uint64_t *ret_forgotten, struct error *error);
int sqlite_results_replace(struct store *store, uint64_t job, const struct store_result *results,
                           size_t count, uint64_t *ret_replaced, struct error *error);
int sqlite_rows_fault(struct store *store, uint64_t job, const struct store_fault *faults,
                      size_t count, struct error *error);
int sqlite_row_erase(struct store *store, uint64_t job, uint64_t row, struct slice fault,
                     struct error *error);
int sqlite_counts(struct store *store, uint64_t job, struct store_counts *ret_counts,
                  struct error *error);
/* One view of the file for all that is read between. */
void sqlite_reads_begin(struct store *store);
void sqlite_reads_end(struct store *store);
int sqlite_page_read(struct store *store, uint64_t job, const struct store_query *query,
                     struct store_page *page, struct error *error);

int sqlite_rows_read(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                     struct store_page *page, struct error *error);

int sqlite_note_put(struct store *store, const char *kind, const char *id, struct slice body,
                    int64_t until_unix_ms, struct error *error);
int sqlite_note_change(struct store *store, const char *kind, const char *id, struct slice before,
                       struct slice body, struct error *error);
int sqlite_note_next(struct store *store, const char *kind, struct slice after, bool inclusive,
                     struct arena *arena, struct slice *ret_id, struct slice *ret_body,
                     struct error *error);
int sqlite_note_remove(struct store *store, const char *kind, const char *id, struct error *error);
int sqlite_note_expire(struct store *store, int64_t now_unix_ms, size_t max, struct error *error);

int sqlite_records_put(struct store *store, const struct store_record *records, size_t count,
                       struct error *error);
int sqlite_record_get(struct store *store, enum store_record_kind kind, struct slice key,
                      struct arena *arena, struct store_record *ret_record, struct error *error);
int sqlite_records_get(struct store *store, unsigned kinds, struct slice key, struct arena *arena,
                       struct store_record ret_records[STORE_RECORD_KIND_COUNT],
                       unsigned *ret_found, struct error *error);
int sqlite_record_next(struct store *store, enum store_record_kind kind, struct slice group,
                       struct slice after, struct arena *arena, struct store_record *ret_record,
                       struct error *error);
int sqlite_record_remove(struct store *store, enum store_record_kind kind, struct slice key,
                         struct error *error);
int sqlite_records_expire(struct store *store, enum store_record_kind kind, int64_t now_unix_ms,
                          uint64_t bytes_max, size_t max, struct error *error);
int sqlite_records_total(struct store *store, enum store_record_kind kind,
                         struct store_record_total *ret_total, struct error *error);

static inline struct sqlite_store *sqlite_store_of(struct store *store)
{
    return (struct sqlite_store *)store;
}

/* --- for sqlite_place*.c alone ------------------------------------------------------------------
 */

/* Both tables are keyed by a job's number and that of a chunk or of a log entry. */
int64_t sqlite_place_key(uint64_t job, uint64_t number);
int sqlite_place_damaged(const struct sqlite_store *store, struct error *error);
/* A statement with one or two keys; NULL as sqlite_store_prepare. */
sqlite3_stmt *sqlite_place_prepare(struct sqlite_store *store, enum sqlite_statement which,
                                   int64_t first, int64_t second);
/* The same, and run. */
int sqlite_place_run(struct sqlite_store *store, enum sqlite_statement which, int64_t first,
                     int64_t second, struct error *error);
/* Keep a chunk or a log entry. */
int sqlite_place_put(struct sqlite_store *store, enum sqlite_statement which, int64_t key,
                     struct slice bytes, struct error *error);

#endif
