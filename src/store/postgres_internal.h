/*
 * The PostgreSQL store's own parts: connection, statements, parameters, schema.
 *
 * postgres.c opens and closes; postgres_connection.c connects, waits and says what failed;
 * postgres_params.c puts values into the binary forms of the protocol; postgres_schema.c makes and
 * migrates tables; the others are the interface's parts. Two types are spoken, so that nothing
 * depends on anybody's encoding: int8 and bytea, and arrays of them. Nothing outside src/store
 * includes this.
 *
 * Every wait has a deadline (the caller may be a loop with lives of its own to keep), after which
 * the connection is given up. The next call makes a new one, but not sooner than a back-off after
 * the last attempt. A statement that may be said twice is said again on the new connection (what
 * reads, and changes that make no difference the second time); of others the caller hears that they
 * failed.
 */
#ifndef MK_STORE_POSTGRES_INTERNAL_H
#define MK_STORE_POSTGRES_INTERNAL_H

#include <libpq-fe.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/table.h"
#include "store/pack.h"
#include "store/store.h"

/* Counters that many sessions add to are kept in so many places: nobody waits for a row's lock. */
#define POSTGRES_TALLY_PLACES 16

/* Columns in the order of read_line (postgres_page.c). $5: with json, $6: with raw. */
#define POSTGRES_LINE                                                                              \
    "SELECT r.row, r.first, r.copies, r.address, r.fault, s.reason::int8, s.action::int8,"         \
    " s.score::int8, s.flags, s.retry_after, s.checked_ms, s.provider, s.domain, s.suggestion,"    \
    " s.explanation, CASE WHEN $5::int8<>0 THEN s.json END,"                                       \
    " CASE WHEN $6::int8<>0 THEN r.raw END, r.turn FROM line r "
#define POSTGRES_BETWEEN " WHERE r.job=$1::int8 AND r.row>$2::int8 AND r.row<=$3::int8"
#define POSTGRES_ORDER   " ORDER BY r.row LIMIT $4::int8"
#define POSTGRES_OF_FIRST                                                                          \
    "LEFT JOIN result s ON s.job=r.job AND s.row=CASE r.first WHEN 0 THEN r.row ELSE r.first END"
#define POSTGRES_OF_ROW "LEFT JOIN result s ON s.job=r.job AND s.row=r.row"
#define POSTGRES_PENDING(raw)                                                                      \
    "SELECT r.row, r.first, r.copies, r.address, r.fault, NULL::int8, NULL::int8, NULL::int8,"     \
    " NULL::int8, NULL::int8, NULL::int8, NULL::bytea, NULL::bytea, NULL::bytea, NULL::bytea,"     \
    " NULL::bytea, " raw ", r.turn FROM line r "
#define POSTGRES_UNANSWERED                                                                        \
    " AND r.first=0 AND NOT EXISTS (SELECT 1 FROM result s WHERE s.job=r.job AND s.row=r.row)"

/* Results as arrays, $2 to $14; of one row, the one that was known first. */
#define POSTGRES_RESULTS_IN                                                                        \
    "i AS (SELECT DISTINCT ON (row) * FROM unnest($2::int8[], $3::int8[], $4::int8[], $5::int8[]," \
    " $6::int8[], $7::int8[], $8::int8[], $9::int8[], $10::bytea[], $11::bytea[], $12::bytea[],"   \
    " $13::bytea[], $14::bytea[]) WITH ORDINALITY AS t(row, copies, reason, action, score, flags," \
    " retry_after, checked_ms, provider, domain, suggestion, explanation, json, n)"                \
    " ORDER BY row, n)"
#define POSTGRES_RESULT_COLUMNS                                                                    \
    "row, reason, action, score, flags, retry_after, checked_ms, provider, domain, suggestion,"    \
    " explanation, json"
#define POSTGRES_TALLY_ADDS                                                                        \
    " ON CONFLICT (job, reason, place) DO UPDATE SET"                                              \
    " results=tally.results+excluded.results, rows=tally.rows+excluded.rows"

/* Columns in the order of read_record (postgres_record.c). */
#define POSTGRES_RECORD                                                                            \
    "SELECT key, family, value::int8, proof::int8, checked_ms, expires_ms, failed_ms, failures,"   \
    " body FROM record WHERE kind=$1::int8"

#define POSTGRES_STATEMENTS(X)                                                                     \
    X(BEGIN, "BEGIN")                                                                              \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(JOB_ADD, "INSERT INTO job (state, name, sources, fingerprint, options, note, created_ms,"    \
               " started_ms, finished_ms, active_ms) VALUES ($1::int8, $2, $3, $4, $5, $6,"        \
               " $7::int8, $8::int8, $9::int8, $10::int8) RETURNING id")                           \
    X(JOB_NEXT, "SELECT id, state::int8, name, sources, fingerprint, options, note, created_ms,"   \
                " started_ms, finished_ms, active_ms, rows, faults, duplicates,"                   \
                " (SELECT coalesce(sum(results), 0) FROM tally WHERE job=id)::int8, doubts"        \
                " FROM job WHERE id>$1::int8 ORDER BY id LIMIT 1")                                 \
    X(JOB_UPDATE, "UPDATE job SET state=$1::int8, name=$2, sources=$3, fingerprint=$4,"            \
                  " options=$5, note=$6, started_ms=$7::int8, finished_ms=$8::int8,"               \
                  " active_ms=$9::int8 WHERE id=$10::int8")                                        \
    X(JOB_CHANGE, "UPDATE job SET state=$1::int8, name=$2, sources=$3, fingerprint=$4,"            \
                  " options=$5, note=$6 WHERE id=$7::int8 AND ((state=$8::int8 AND name=$9"        \
                  " AND options=$10 AND note=$11) OR (state=$1::int8 AND name=$2 AND options=$5"   \
                  " AND note=$6))")                                                                \
    X(JOB_DELETE, "DELETE FROM job WHERE id=$1::int8")                                             \
    X(JOB_RESET, "UPDATE job SET rows=0, faults=0, doubts=0, duplicates=0, dealt=0"                \
                 " WHERE id=$1::int8")                                                             \
    X(JOB_LOADED, "UPDATE job SET rows=rows+$2::int8, faults=faults+$3::int8,"                     \
                  " doubts=doubts+$4::int8 WHERE id=$1::int8")                                     \
    X(JOB_MARKED, "UPDATE job SET duplicates=duplicates+$2::int8 WHERE id=$1::int8")               \
    X(RESULTS_DELETE, "DELETE FROM result WHERE job=$1::int8 AND row<=(SELECT max(row) FROM"       \
                      " (SELECT row FROM result WHERE job=$1::int8 ORDER BY row"                   \
                      " LIMIT $2::int8) AS few)")                                                  \
    X(ROWS_DELETE, "DELETE FROM line WHERE job=$1::int8 AND row<=(SELECT max(row) FROM"            \
                   " (SELECT row FROM line WHERE job=$1::int8 ORDER BY row LIMIT $2::int8)"        \
                   " AS few)")                                                                     \
    X(TALLY_DELETE, "DELETE FROM tally WHERE job=$1::int8")                                        \
    X(QUEUE_DELETE, "WITH c AS (DELETE FROM chunk WHERE job=$1::int8) DELETE FROM task"            \
                    " WHERE job=$1::int8")                                                         \
    X(ROWS_MARK, "UPDATE line SET first=m.first FROM unnest($2::int8[], $3::int8[])"               \
                 " AS m(row, first) WHERE line.job=$1::int8 AND line.row=m.row AND line.first=0")  \
    X(ROWS_COPIES, "UPDATE line SET copies=copies+m.many FROM (SELECT first, count(*) AS many"     \
                   " FROM unnest($2::int8[]) AS t(first) GROUP BY first) AS m"                     \
                   " WHERE line.job=$1::int8 AND line.row=m.first")                                \
    X(RESULTS_PUT,                                                                                 \
      "WITH list AS (SELECT id FROM job WHERE id=$1::int8 FOR KEY SHARE), " POSTGRES_RESULTS_IN    \
      ", put AS (INSERT INTO result (job, " POSTGRES_RESULT_COLUMNS ") SELECT list.id,"            \
      " " POSTGRES_RESULT_COLUMNS " FROM i, list ORDER BY row ON CONFLICT DO NOTHING"              \
      " RETURNING row),"                                                                           \
      " counted AS (INSERT INTO tally (job, reason, place, results, rows) SELECT $1::int8,"        \
      " i.reason, $15::int8, count(*), sum(1+i.copies) FROM i JOIN put USING (row)"                \
      " GROUP BY i.reason ORDER BY i.reason" POSTGRES_TALLY_ADDS ")"                               \
      " SELECT (SELECT count(*) FROM list), (SELECT count(*) FROM put)")                           \
    X(RESULTS_FORGET,                                                                              \
      "WITH list AS (UPDATE job SET dealt=0 WHERE id=$1::int8 RETURNING id), gone AS (DELETE FROM" \
      " result WHERE job=$1::int8 AND EXISTS (SELECT 1 FROM list) AND row=ANY($2::int8[])"         \
      " RETURNING row, reason),"                                                                   \
      " counted AS (INSERT INTO tally (job, reason, place, results, rows) SELECT $1::int8,"        \
      " gone.reason, $3::int8, -count(*), -sum(1+r.copies) FROM gone JOIN line r"                  \
      " ON r.job=$1::int8 AND r.row=gone.row GROUP BY gone.reason ORDER BY"                        \
      " gone.reason" POSTGRES_TALLY_ADDS ")"                                                       \
      " SELECT (SELECT count(*) FROM list), (SELECT count(*) FROM gone)")                          \
    X(RESULTS_REPLACE,                                                                             \
      "WITH list AS (SELECT id FROM job WHERE id=$1::int8 FOR KEY SHARE), " POSTGRES_RESULTS_IN    \
      ", old AS (SELECT s.row, s.reason::int8 AS reason, r.copies FROM i JOIN result s"            \
      " ON s.job=$1::int8 AND s.row=i.row AND s.checked_ms=i.checked_ms JOIN line r"               \
      " ON r.job=s.job AND r.row=s.row WHERE s.explanation IS NOT NULL FOR UPDATE OF s),"          \
      " new AS (UPDATE result s SET (reason, action, score, flags, retry_after, checked_ms,"       \
      " provider, domain, suggestion, explanation, json)=(i.reason, i.action, i.score, i.flags,"   \
      " i.retry_after, i.checked_ms, i.provider, i.domain, i.suggestion, i.explanation, i.json)"   \
      " FROM i JOIN old USING (row) WHERE s.job=$1::int8 AND s.row=i.row"                          \
      " RETURNING s.row, s.reason::int8 AS reason, old.copies),"                                   \
      " counted AS (INSERT INTO tally (job, reason, place, results, rows) SELECT $1::int8,"        \
      " reason, $15::int8, sum(one), sum(one*(1+copies)) FROM (SELECT reason, copies, -1 AS one"   \
      " FROM old UNION ALL SELECT reason, copies, 1 FROM new) AS both_ways GROUP BY reason"        \
      " ORDER BY reason" POSTGRES_TALLY_ADDS ")"                                                   \
      " SELECT (SELECT count(*) FROM list), (SELECT count(*) FROM new)")                           \
    X(ROW_ERASE,                                                                                   \
      "WITH r AS (UPDATE line SET address='', raw=NULL, key=0, fault=$3 WHERE job=$1::int8 AND"    \
      " row=$2::int8) UPDATE result SET provider=NULL, domain=NULL, suggestion=NULL,"              \
      " explanation=NULL, json=NULL WHERE job=$1::int8 AND row=$2::int8")                          \
    X(ROW_FAULT, "WITH r AS (UPDATE line SET fault=$3 WHERE job=$1::int8 AND row=$2::int8 AND"     \
                 " coalesce(fault,'')='' RETURNING copies) UPDATE job"                             \
                 " SET faults=faults+1+r.copies FROM r WHERE id=$1::int8")                         \
    X(TALLY_READ, "SELECT reason::int8, sum(results)::int8, sum(rows)::int8 FROM tally"            \
                  " WHERE job=$1::int8 GROUP BY reason")                                           \
    X(PAGE_ROWS, POSTGRES_LINE POSTGRES_OF_FIRST POSTGRES_BETWEEN POSTGRES_ORDER)                  \
    X(PAGE_ROWS_OF, POSTGRES_LINE POSTGRES_OF_FIRST POSTGRES_BETWEEN                               \
      " AND s.reason=ANY($7::int8[])" POSTGRES_ORDER)                                              \
    X(PAGE_MAILBOXES,                                                                              \
      POSTGRES_LINE POSTGRES_OF_ROW POSTGRES_BETWEEN " AND r.first=0" POSTGRES_ORDER)              \
    X(PAGE_MAILBOXES_OF, POSTGRES_LINE POSTGRES_OF_ROW POSTGRES_BETWEEN                            \
      " AND r.first=0 AND s.reason=ANY($7::int8[])" POSTGRES_ORDER)                                \
    X(PAGE_PENDING, POSTGRES_PENDING("CASE WHEN $5::int8<>0 THEN r.raw END")                       \
                        POSTGRES_BETWEEN POSTGRES_UNANSWERED POSTGRES_ORDER)                       \
    X(PAGE_BEYOND, "SELECT 1::int8 FROM line WHERE job=$1::int8 AND row>$2::int8 LIMIT 1")         \
    X(PENDING_OF, POSTGRES_PENDING("NULL::bytea") " WHERE r.job=$1::int8 AND"                      \
                                                  " r.row=ANY($2::int8[])" POSTGRES_UNANSWERED     \
                                                  " ORDER BY r.row")                               \
    X(NOTE_PUT, "INSERT INTO note (kind, id, body, until_ms) VALUES ($1, $2, $3, $4::int8)"        \
                " ON CONFLICT (kind, id) DO UPDATE SET body=excluded.body,"                        \
                " until_ms=excluded.until_ms")                                                     \
    X(NOTE_ADD, "INSERT INTO note (kind, id, body, until_ms) VALUES ($1, $2, $3, 0)"               \
                " ON CONFLICT (kind, id) DO UPDATE SET body=excluded.body, until_ms=0"             \
                " WHERE note.body IN ('', excluded.body)")                                         \
    X(NOTE_CHANGE, "UPDATE note SET body=$3, until_ms=0 WHERE kind=$1 AND id=$2"                   \
                   " AND body IN ($3, $4)")                                                        \
    X(NOTE_NEXT, "SELECT id, body FROM note WHERE kind=$1 AND id>$2 ORDER BY id LIMIT 1")          \
    X(NOTE_FROM, "SELECT id, body FROM note WHERE kind=$1 AND id>=$2 ORDER BY id LIMIT 1")         \
    /* What was written last to each of them: none of their text has to come. */                   \
    X(NOTES_MARK, "SELECT coalesce(hashtextextended(string_agg(encode(id, 'hex')||' '||xmin,"      \
                  " ' ' ORDER BY id), 0), 0) FROM note WHERE kind=$1")                             \
    X(NOTE_REMOVE, "DELETE FROM note WHERE kind=$1 AND id=$2")                                     \
    X(NOTE_EXPIRE, "DELETE FROM note WHERE (kind, id) IN (SELECT kind, id FROM note"               \
                   " WHERE until_ms>0 AND until_ms<=$1::int8 LIMIT $2::int8)")                     \
    X(RECORD_PUT,                                                                                  \
      "WITH put AS (INSERT INTO record AS r (kind, key, family, value, proof, checked_ms,"         \
      " expires_ms, bytes, body) VALUES ($1::int8, $2, $3, $4::int8, $5::int8, $6::int8,"          \
      " $7::int8, $8::int8, $9) ON CONFLICT (kind, key) DO UPDATE SET family=excluded.family,"     \
      " value=excluded.value, proof=excluded.proof, checked_ms=excluded.checked_ms,"               \
      " expires_ms=excluded.expires_ms, failed_ms=0, failures=0, bytes=excluded.bytes,"            \
      " body=excluded.body WHERE excluded.checked_ms>=r.checked_ms AND (excluded.proof=1 OR"       \
      " r.proof=0 OR r.expires_ms<=excluded.checked_ms) RETURNING 1)"                              \
      " UPDATE record SET failed_ms=$6::int8, failures=failures+1 WHERE kind=$1::int8 AND key=$2"  \
      " AND $5::int8=0 AND NOT EXISTS (SELECT 1 FROM put) AND proof=1 AND checked_ms<=$6::int8"    \
      " AND failed_ms<$6::int8")                                                                   \
    X(RECORD_GET, POSTGRES_RECORD " AND key=$2")                                                   \
    X(RECORD_NEXT, POSTGRES_RECORD " AND key>$2 ORDER BY key LIMIT $3::int8")                      \
    X(RECORD_NEXT_OF, POSTGRES_RECORD " AND family=$4 AND key>$2 ORDER BY key LIMIT $3::int8")     \
    X(RECORD_EXPECT,                                                                               \
      "SELECT key, family, value::int8, proof::int8, checked_ms, expires_ms, failed_ms, failures," \
      " body, r.kind::int8 FROM unnest($1::int8[], $2::bytea[]) AS e(k, name) JOIN record r"       \
      " ON r.kind=e.k AND r.key=e.name")                                                           \
    X(RECORD_REMOVE, "DELETE FROM record WHERE kind=$1::int8 AND key=$2")                          \
    X(RECORD_EXPIRE, "DELETE FROM record WHERE (kind, key) IN (SELECT kind, key FROM record WHERE" \
                     " kind=$1::int8 AND expires_ms<=$2::int8 ORDER BY expires_ms"                 \
                     " LIMIT $3::int8)")                                                           \
    X(RECORD_FIRST, "DELETE FROM record WHERE (kind, key) IN (SELECT kind, key FROM record WHERE"  \
                    " kind=$1::int8 ORDER BY expires_ms LIMIT $2::int8)")                          \
    X(RECORD_TOTAL, "SELECT count(*), coalesce(sum(bytes), 0)::int8 FROM record"                   \
                    " WHERE kind=$1::int8")

enum postgres_statement {
#define X(symbol, sql) POSTGRES_##symbol,
    POSTGRES_STATEMENTS(X)
#undef X
    POSTGRES_STATEMENT_COUNT,
};

/* A statement of ours: prepared once a connection, under its name. */
struct postgres_text {
    const char *name, *sql;
    bool repeats; /* said twice it does what it does once: it may be, when a connection is lost */
};

/* What was read ahead (postgres_ahead.c). */
#define POSTGRES_WALK_AHEAD 64

struct postgres_ahead {
    struct arena arena;    /* of the expected ones */
    struct table expected; /* by kind and key; values: struct store_record */
    uint64_t expected_ms, seed;
    PGresult *walk; /* NULL: none */
    int walk_at;    /* the next one's place in it */
    enum store_record_kind walk_kind;
    bool walk_of_group;
    uint64_t walk_ms;
};

struct postgres_store {
    struct store base;
    PGconn *connection; /* NULL: lost */
    char *url;
    char *place; /* for messages: where it is, without anything secret */
    enum store_mode mode;
    bool in_transaction;
    uint64_t deadline_ms; /* of one statement */
    uint64_t over_ms;  /* nothing is waited for after it, by postgres_clock_ms; 0: no such time */
    bool is_hasty;     /* nothing is said twice, and a connection is there soon or not at all */
    uint64_t tried_ms; /* when a connection was last asked for */
    uint64_t backoff_ms;
    uint64_t connections; /* made so far */
    struct store_pack *pack;
    struct postgres_ahead ahead;
    const char **prepared; /* names said to this connection */
    size_t prepared_count, prepared_room;
    /* Said on each new connection, once it is there; NULL: nothing. */
    const char *greeting;
    uint64_t statement_ms; /* after which the server itself ends a statement; 0: never */
    struct postgres_ear {
        int all, news; /* what a loop watches; that something was told is known already; -1: none */
        bool is_on;
    } ear;
};

/* --- postgres_params.c --------------------------------------------------------------------------
 */

#define POSTGRES_PARAMS_MAX 20

struct postgres_params {
    struct buffer bytes;
    size_t offsets[POSTGRES_PARAMS_MAX];
    int lengths[POSTGRES_PARAMS_MAX]; /* -1: NULL */
    int count;
};

void postgres_params_init(struct postgres_params *params);
void postgres_params_done(struct postgres_params *params);
void postgres_bind_int(struct postgres_params *params, int64_t value);
void postgres_bind_bytes(struct postgres_params *params, struct slice bytes);
void postgres_bind_text(struct postgres_params *params, struct slice text); /* "": NULL */
/* An array: its count, then so many elements of its kind. */
void postgres_bind_ints_begin(struct postgres_params *params, size_t count);
void postgres_bind_texts_begin(struct postgres_params *params, size_t count);
void postgres_add_int(struct postgres_params *params, int64_t value);
void postgres_add_text(struct postgres_params *params, struct slice text); /* "": NULL */
/* The same ints, from an array. */
void postgres_bind_numbers(struct postgres_params *params, const uint64_t *numbers, size_t count);

void postgres_put_u16(struct buffer *buffer, uint16_t value);
void postgres_put_u32(struct buffer *buffer, uint32_t value);
void postgres_put_u64(struct buffer *buffer, uint64_t value);

/* Columns of an answer; NULL: 0 or "". Borrowed from it. */
int64_t postgres_int(const PGresult *answer, int row, int column);
struct slice postgres_bytes(const PGresult *answer, int row, int column);

/* --- postgres_connection.c ----------------------------------------------------------------------
 */

/* Parse the URL into what a message may say of it. ERROR_USAGE, also for a password in it. */
int postgres_store_place(const char *url, char **ret_place, struct error *error);
/* A connection that works, the one there is or a new one. ERROR_IO, ERROR_BUSY, ERROR_NOMEM. */
int postgres_store_connect(struct postgres_store *store, struct error *error);
void postgres_store_disconnect(struct postgres_store *store);

/* --- postgres_dial.c ----------------------------------------------------------------------------
 */

#define POSTGRES_HASTY_MS 2000

/* NULL: it is not there, or empty. */
const char *postgres_option(const PQconninfoOption *options, const char *name);
/* A connection of its own, not blocking, with our settings. The caller calls PQfinish. Bounded but
   for the look-up of names. ERROR_IO, ERROR_NOMEM. */
int postgres_store_open_connection(struct postgres_store *store, PGconn **ret_connection,
                                   struct error *error);
/* Say something on a connection that does not block; the last answer, or the first that failed.
   NULL: lost, or not answered before `until_ms` (postgres_clock_ms). */
PGresult *postgres_say_until(PGconn *connection, const char *sql, int binary, uint64_t until_ms);

/* --- postgres_ear.c -----------------------------------------------------------------------------
 */

/* A descriptor that stays, readable when somebody told us something, whatever the connection. */
void postgres_ear_open(struct postgres_store *store);
void postgres_ear_close(struct postgres_store *store);
/* There is a new connection. */
void postgres_hear_connection(struct postgres_store *store);
/* What was told may have come in with an answer to something else. */
void postgres_hear_notes(struct postgres_store *store);
/* Take what was told: true if there was anything, also that we might have missed something. */
bool postgres_heard(struct postgres_store *store);

/* --- postgres_connection.c, statements ----------------------------------------------------------
 */

/*
 * Say a statement and wait for its answer; *ret_answer (PQclear) may be NULL when nobody wants it.
 * `text` is prepared under its name when it has one. ERROR_IO (no connection, the server's own
 * trouble), ERROR_BUSY (locks), ERROR_INTERNAL (our SQL), ERROR_NOMEM.
 */
int postgres_store_ask(struct postgres_store *store, const struct postgres_text *text,
                       const struct postgres_params *params, PGresult **ret_answer,
                       const char *what, struct error *error);
/* The same for one of ours. */
int postgres_store_do(struct postgres_store *store, enum postgres_statement which,
                      const struct postgres_params *params, PGresult **ret_answer, const char *what,
                      struct error *error);
/* ... that changes something: how many rows, or negative. */
int64_t postgres_store_change(struct postgres_store *store, enum postgres_statement which,
                              const struct postgres_params *params, const char *what,
                              struct error *error);
/* Text of any number of statements, in one go. */
int postgres_store_run(struct postgres_store *store, const char *sql, const char *what,
                       struct error *error);
/* The same statement for each of many parameters, in the pipeline: one wait for all. Inside of a
   transaction. */
int postgres_store_pipeline(struct postgres_store *store, enum postgres_statement which,
                            const struct postgres_params *params, size_t count, const char *what,
                            struct error *error);
/* Rows in by COPY: `sql` begins it, `bytes` are all of its binary form. */
int postgres_store_copy_in(struct postgres_store *store, const char *sql, struct slice bytes,
                           const char *what, struct error *error);

int postgres_store_begin(struct postgres_store *store, const char *what, struct error *error);
/* Commit when code is 0, else roll back: returns what became of it. */
int postgres_store_end(struct postgres_store *store, int code, const char *what,
                       struct error *error);

uint64_t postgres_clock_ms(void);

/* --- postgres_schema.c --------------------------------------------------------------------------
 */

/* Held while tables are made: any number of processes may start at once. */
#define POSTGRES_LOCK_TABLES "SELECT pg_advisory_xact_lock(1296780875)" /* "MKNK" */

int postgres_store_migrate(struct postgres_store *store, struct error *error);
/* As store_may_write. */
int postgres_may_write(struct store *store, struct error *error);
/* As store_may_prepare; the tables were not looked at yet. */
int postgres_may_prepare(struct postgres_store *store, struct error *error);

/* --- postgres_part.c ----------------------------------------------------------------------------
 */

/* POSTGRES_JOB_ADD, into a part where it can go cheaply. expected: rows, about; 0: nobody knows. */
int postgres_part_add(struct postgres_store *store, const struct postgres_params *job,
                      uint64_t expected, PGresult **ret_answer, struct error *error);
/*
 * Rows and results of a list that is alone in its part and has more rows than `beyond` are gone: 1.
 * Else 0. ERROR_BUSY: somebody is there.
 */
int postgres_part_empty(struct postgres_store *store, uint64_t job, size_t beyond,
                        struct error *error);
/* What was there before there were parts becomes the first one. Large, that takes minutes, beside
   others who work there. */
int postgres_part_settle(struct postgres_store *store, struct error *error);
/* As store_advise: when no parts can be made. */
int postgres_part_advise(struct store *store, struct error *error);

/* --- the interface's parts ----------------------------------------------------------------------
 */

int postgres_job_add(struct store *store, const struct store_job *job, uint64_t *ret_id,
                     struct error *error);
int postgres_job_next(struct store *store, uint64_t after, struct arena *arena,
                      struct store_job *ret_job, struct error *error);
int postgres_job_update(struct store *store, const struct store_job *before,
                        const struct store_job *job, struct error *error);
int postgres_job_clear(struct store *store, uint64_t id, size_t max, bool job_too,
                       struct error *error);
int postgres_rows_add(struct store *store, uint64_t job, const struct store_row *rows, size_t count,
                      struct error *error);
int postgres_rows_mark(struct store *store, uint64_t job, const struct store_mark *marks,
                       size_t count, struct error *error);
int postgres_keys_open(struct store *store, uint64_t job, struct store_keys **ret_keys,
                       struct error *error);
int postgres_keys_next(struct store_keys *keys, uint64_t *ret_key, uint64_t *ret_row,
                       struct error *error);
void postgres_keys_close(struct store_keys *keys);
int postgres_results_put(struct store *store, uint64_t job, const struct store_result *results,
                         size_t count, struct error *error);
int postgres_results_forget(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                            uint64_t *ret_forgotten, struct error *error);
int postgres_results_replace(struct store *store, uint64_t job, const struct store_result *results,
                             size_t count, uint64_t *ret_replaced, struct error *error);
int postgres_rows_fault(struct store *store, uint64_t job, const struct store_fault *faults,
                        size_t count, struct error *error);
int postgres_row_erase(struct store *store, uint64_t job, uint64_t row, struct slice fault,
                       struct error *error);
int postgres_counts(struct store *store, uint64_t job, struct store_counts *ret_counts,
                    struct error *error);
int postgres_page_read(struct store *store, uint64_t job, const struct store_query *query,
                       struct store_page *page, struct error *error);
int postgres_pending_read(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                          struct store_page *page, struct error *error);
int postgres_note_put(struct store *store, const char *kind, const char *id, struct slice body,
                      int64_t until_unix_ms, struct error *error);
int postgres_note_change(struct store *store, const char *kind, const char *id, struct slice before,
                         struct slice body, struct error *error);
int postgres_note_next(struct store *store, const char *kind, struct slice after, bool inclusive,
                       struct arena *arena, struct slice *ret_id, struct slice *ret_body,
                       struct error *error);
int postgres_notes_mark(struct store *store, const char *kind, uint64_t *ret_mark,
                        struct error *error);
int postgres_note_remove(struct store *store, const char *kind, const char *id,
                         struct error *error);
int postgres_note_expire(struct store *store, int64_t now_unix_ms, size_t max, struct error *error);
int postgres_records_put(struct store *store, const struct store_record *records, size_t count,
                         struct error *error);
int postgres_record_get(struct store *store, enum store_record_kind kind, struct slice key,
                        struct arena *arena, struct store_record *ret_record, struct error *error);
int postgres_record_next(struct store *store, enum store_record_kind kind, struct slice group,
                         struct slice after, struct arena *arena, struct store_record *ret_record,
                         struct error *error);
/* A row of columns as in POSTGRES_RECORD: 1. ERROR_NOMEM, ERROR_FORMAT. */
int postgres_record_read(struct postgres_store *store, const PGresult *answer, int row,
                         enum store_record_kind kind, struct arena *arena,
                         struct store_record *ret_record, struct error *error);
void postgres_records_expect(struct store *store, const struct store_record_name *names,
                             size_t count);
int postgres_record_remove(struct store *store, enum store_record_kind kind, struct slice key,
                           struct error *error);
int postgres_records_expire(struct store *store, enum store_record_kind kind, int64_t now_unix_ms,
                            uint64_t bytes_max, size_t max, struct error *error);
int postgres_records_total(struct store *store, enum store_record_kind kind,
                           struct store_record_total *ret_total, struct error *error);

/* --- postgres_ahead.c ---------------------------------------------------------------------------
 */

void postgres_ahead_init(struct postgres_store *store);
void postgres_ahead_done(struct postgres_store *store);
/* True: it was read ahead, *ret_code is 1 with a record on the arena or 0. */
bool postgres_ahead_get(struct postgres_store *store, enum store_record_kind kind, struct slice key,
                        struct arena *arena, int *ret_code, struct store_record *ret_record);
/* A record is another one from now on. */
void postgres_ahead_forget(struct postgres_store *store, enum store_record_kind kind,
                           struct slice key);

/* Results as the arrays of POSTGRES_RESULTS_IN, after the job. ERROR_NOMEM. */
int postgres_bind_results(struct postgres_store *store, struct postgres_params *params,
                          const struct store_result *results, size_t count, struct error *error);
/* In which place of the tally this session counts. */
int64_t postgres_tally_place(const struct postgres_store *store);

static inline struct postgres_store *postgres_store_of(struct store *store)
{
    return (struct postgres_store *)store;
}

#endif
