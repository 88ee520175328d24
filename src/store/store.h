/*
 * The store: jobs, their rows and results, kept so that a kill at any moment loses nothing.
 *
 * One interface, several back ends that pass the same tests (store_test.c): memory (tests, the
 * simulated world), SQLite (a file beside the cleaned list, or the service's database; one schema
 * for both) and PostgreSQL (many processes on many machines; store/fleet.h). Synchronous; one
 * handle a thread. Every call does a bounded amount of work, so that it may be made from the loop,
 * and is all or nothing. Big lists are written and read in batches: 1000 rows a call is a good
 * size.
 *
 * A job's rows are numbered from 1 as in the input and mostly keep the address only; whoever writes
 * the cleaned list reads the input again. A row that names the same mailbox as an earlier one
 * points to that (`first`) and has no result of its own. The store knows nothing of mailboxes,
 * files or engines.
 *
 * Functions return 0 (or a count) or ERROR_NOMEM, ERROR_IO (disk full, file not writable),
 * ERROR_BUSY (locked by somebody else for too long), ERROR_FORMAT (corrupt), ERROR_NOT_FOUND (no
 * such job), each with a message for people.
 */
#ifndef MK_STORE_STORE_H
#define MK_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "verdict/verdict.h"

struct store;

enum store_mode {
    STORE_MODE_CREATE,    /* made when it is not there */
    STORE_MODE_EXISTING,  /* ERROR_NOT_FOUND when it is not there */
    STORE_MODE_READ_ONLY, /* as EXISTING; also while somebody else writes */
    /*
     * As READ_ONLY, for a look at notes and nothing else: tables of an older program will do as
     * they are, and beside a file nothing is left. No notes so far: ERROR_NOT_FOUND.
     */
    STORE_MODE_NOTES,
    /*
     * A new file without a name, gone with whoever has it open: nobody else can look at it, and
     * nothing is written before it outgrows the memory that a file may use. The URL, a file's, only
     * says what errors call it.
     */
    STORE_MODE_TEMPORARY,
};
bool store_mode_writes(enum store_mode mode);

/*
 * "memory:", "sqlite:PATH" or a bare path, "postgresql://..." as libpq reads it (its environment
 * and service files count too). ERROR_USAGE for an unknown kind, or a password in the URL;
 * ERROR_FORMAT when the file is not ours, damaged, or of a newer version; ERROR_IO; ERROR_BUSY;
 * ERROR_NOMEM.
 */
int store_open(const char *url, enum store_mode mode, struct store **ret_store,
               struct error *error);
/* The path of the file behind a URL, or NULL when there is none. Points into url. */
const char *store_url_path(const char *url);
/*
 * Tell the files and folders that a client of this URL reads of itself, now and when it connects
 * again: certificates, keys, passwords, sockets, as URL, environment and service file name them.
 * Those in a home folder that nobody names (~/.pgpass, ~/.postgresql) are not among them. A path
 * may not exist, and lives for the call. The first code that is not 0 ends it and is returned;
 * ERROR_NOMEM. Not while other threads read the environment.
 */
int store_url_files(const char *url, int (*each)(void *user, const char *path), void *user);
/* Is it a database that other machines may work on too? */
bool store_url_is_shared(const char *url);
/* Can this program open such a one? */
bool store_has_postgres(void);
bool store_is_shared(const struct store *store);
void store_close(struct store *store); /* NULL accepted */
/*
 * This process is our own program: SQLite need not count the memory that it uses, under a lock, as
 * nobody will ask it. Before the first store is opened; a library lives in other people's
 * processes and never calls it.
 */
void store_own_process(void);
/*
 * A number that is another one whenever somebody else (another handle, another process) has written
 * since: whoever keeps what it read asks whether that still holds. Own writing does not change it.
 */
int store_others_mark(struct store *store, uint64_t *ret_mark, struct error *error);
/* 0. 1: something is not as it should be, though all works: *error says what, and what to do. */
int store_advise(struct store *store, struct error *error);
/*
 * May this user write to all there is, as far as the store knows beforehand? 1; 0: *error says what
 * not. Also of one that was opened to read only.
 */
int store_may_write(struct store *store, struct error *error);
/*
 * May this user make our tables in the database behind the URL where there are none, and renew
 * those of an older program? 1; 0: *error says what it may not; the errors of store_open. Nothing
 * is changed; not known of files, so 1.
 */
int store_may_prepare(const char *url, struct error *error);

/* --- jobs ---------------------------------------------------------------------------------- */

#define STORE_JOB_STATES(X)                                                                        \
    X(LOADING, "loading") /* rows are being added; killed here, loading starts again */            \
    X(READY, "ready")     /* loaded, nobody works on it */                                         \
    X(RUNNING, "running")                                                                          \
    X(PAUSED, "paused")                                                                            \
    X(FINISHED, "finished") /* every row has its result */                                         \
    X(CANCELLED, "cancelled")                                                                      \
    X(FAILED, "failed")     /* `note` says why; may be started again */                            \
    X(REMOVING, "removing") /* rows are being taken away; killed here, that goes on */

enum store_job_state {
#define X(symbol, name) STORE_JOB_##symbol,
    STORE_JOB_STATES(X)
#undef X
    STORE_JOB_STATE_COUNT,
};

const char *store_job_state_name(enum store_job_state state);

struct store_job {
    uint64_t id; /* from 1, never used again; set by the store */
    enum store_job_state state;
    struct slice name;        /* for people */
    struct slice sources;     /* JSON: where the list came from */
    struct slice fingerprint; /* of the input: says whether it is still the same */
    struct slice options;     /* JSON: what changes results or their meaning */
    struct slice note;        /* last error or "" */
    int64_t created_unix_ms;
    int64_t started_unix_ms;  /* 0: not yet */
    int64_t finished_unix_ms; /* 0: not yet */
    uint64_t active_ms;       /* worked on, over all starts */
    uint64_t expected;        /* when it is added: rows that will come, about; 0: nobody knows */
    /* Kept by the store. */
    uint64_t rows;       /* of the list */
    uint64_t faults;     /* rows that can't be read */
    uint64_t doubts;     /* rows that can, but with a doubt */
    uint64_t duplicates; /* rows that point to an earlier one */
    uint64_t done;       /* results */
};

/* Results still to come. */
uint64_t store_job_left(const struct store_job *job);

int store_job_add(struct store *store, const struct store_job *job, uint64_t *ret_id,
                  struct error *error);
/* Texts are copied to the arena. */
int store_job_get(struct store *store, uint64_t id, struct arena *arena, struct store_job *ret_job,
                  struct error *error);
/* The job with the next id above `after`: 1; none: 0. */
int store_job_next(struct store *store, uint64_t after, struct arena *arena,
                   struct store_job *ret_job, struct error *error);
/* Change what is the owner's: state, name, options, note, times. */
int store_job_update(struct store *store, const struct store_job *job, struct error *error);
/*
 * The same but for the times, and only where state, name, options and note are still those of
 * `before`, as they were read: 1. 0: somebody else was quicker (or the job is gone) and nothing was
 * changed. What stands there as `job` wants it counts as changed. Times are those of whoever works
 * on it, who may have begun since it was read.
 */
int store_job_change(struct store *store, const struct store_job *before,
                     const struct store_job *job, struct error *error);
/* Take away at most `max` of its rows and results, and when none is left the job: 1 when there is
   more to do, 0 when it is gone. */
int store_job_remove(struct store *store, uint64_t id, size_t max, struct error *error);
/* The same, but the job stays, empty: to load it again. */
int store_job_clear(struct store *store, uint64_t id, size_t max, struct error *error);

/* --- rows ---------------------------------------------------------------------------------- */

struct store_row {
    uint64_t number; /* from 1 */
    uint64_t first;  /* the row with the same mailbox; 0: it is itself the first */
    uint64_t copies; /* later rows that point to it */
    uint64_t key;    /* hash of the mailbox: equal ones may be duplicates; 0: never one */
    uint32_t turn;   /* rows are worked on by rising turn */
    struct slice address;
    struct slice fault; /* why it can't be read; "" */
    struct slice raw;   /* as it came, where it will be wanted out of order; "": not kept */
    bool is_doubtful;   /* how it was read leaves a doubt: only counted, when rows are added */
};

/* Append rows, numbers ascending over all calls. */
int store_rows_add(struct store *store, uint64_t job, const struct store_row *rows, size_t count,
                   struct error *error);

struct store_mark {
    uint64_t row, first;
};
/* Say which rows are duplicates of which; each row once. */
int store_rows_mark(struct store *store, uint64_t job, const struct store_mark *marks, size_t count,
                    struct error *error);

/*
 * Walk all rows with a key by (key, row), as they are at the start: to find duplicates. Sorted
 * outside of memory where there are many: the first takes seconds for millions of rows. Other calls
 * may be made meanwhile; but what is written grows a log until the walk is closed.
 */
struct store_keys;
int store_keys_open(struct store *store, uint64_t job, struct store_keys **ret_keys,
                    struct error *error);
/* ret_key: in the order of int64_t. 1, 0 at the end. */
int store_keys_next(struct store_keys *keys, uint64_t *ret_key, uint64_t *ret_row,
                    struct error *error);
void store_keys_close(struct store_keys *keys);

/* --- results ------------------------------------------------------------------------------- */

struct store_result {
    uint64_t row;
    uint64_t copies; /* of the row: how many rows more it answers */
    enum verdict_status status;
    enum verdict_reason reason;
    enum verdict_action action;
    uint8_t score;
    uint32_t flags; /* enum verdict_flag bits */
    uint32_t retry_after_s;
    int64_t checked_unix_ms;
    struct slice provider, domain, suggestion; /* "" for none */
    struct slice explanation;
    struct slice json; /* kept packed; "": not kept */
};

/*
 * Keep results and count them, in one transaction. A row that has one keeps the older and is not
 * counted twice.
 */
int store_results_put(struct store *store, uint64_t job, const struct store_result *results,
                      size_t count, struct error *error);

/*
 * Take the results of these rows away, and out of the counts, so that the rows are pending again.
 * Rows that have none are passed over; *ret_forgotten: how many had one.
 */
int store_results_forget(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                         uint64_t *ret_forgotten, struct error *error);
/*
 * Put newer judgements in the place of results and count them anew, in one transaction. A row is
 * passed over when it has no result of the same checked_unix_ms any more or was erased: whoever
 * asked again or erased it meanwhile was later. *ret_replaced: how many.
 */
int store_results_replace(struct store *store, uint64_t job, const struct store_result *results,
                          size_t count, uint64_t *ret_replaced, struct error *error);
struct store_fault {
    uint64_t row;
    struct slice why;
};
/*
 * Rows that were added as ones that can be read can't: say why, and count them and their copies.
 * Passed over are those that have a fault already, and those that are not there.
 */
int store_rows_fault(struct store *store, uint64_t job, const struct store_fault *faults,
                     size_t count, struct error *error);
/*
 * Erase what a row and its result say of a person: address, raw text and every text of the result.
 * The row stays, with `fault` for its reader, and so do status, reason and counts. The erased bytes
 * are overwritten where the back end can do that. A row that is not there is no error.
 */
int store_row_erase(struct store *store, uint64_t job, uint64_t row, struct slice fault,
                    struct error *error);

struct store_counts {
    uint64_t results[VERDICT_REASON_COUNT]; /* mailboxes */
    uint64_t rows[VERDICT_REASON_COUNT];    /* the same with their duplicates */
};
int store_counts(struct store *store, uint64_t job, struct store_counts *ret_counts,
                 struct error *error);

/* --- reading pages ------------------------------------------------------------------------- */

struct store_filter {
    uint64_t reasons;             /* 1 << enum verdict_reason; 0: any, also without a result */
    uint32_t flags;               /* all of them */
    uint8_t score_min, score_max; /* both 0: any */
    struct slice provider;        /* exactly; "": any */
    struct slice domain;          /* that and what is below it; "": any */
    struct slice text;            /* within address, domain or explanation, in any case; "": any */
};

bool store_filter_is_empty(const struct store_filter *filter);
/* The reasons of a status, as bits. */
uint64_t store_filter_status(enum verdict_status status);

enum store_scope {
    STORE_SCOPE_ROWS,      /* every row, duplicates with the result of their first */
    STORE_SCOPE_MAILBOXES, /* rows that are no duplicates */
    STORE_SCOPE_PENDING,   /* of those, the ones without result */
};

struct store_query {
    enum store_scope scope;
    uint64_t after; /* rows with numbers above */
    uint64_t until; /* up to and with this one; 0: the end */
    size_t limit;   /* lines wanted, at most STORE_PAGE_MAX */
    size_t scan;    /* rows looked at in one call, at most; 0: STORE_SCAN_MAX */
    bool with_json, with_raw;
    struct store_filter filter; /* not with PENDING */
};

#define STORE_PAGE_MAX 4096
/* Rows looked at in one call, whatever the filter lets through. */
#define STORE_SCAN_MAX 50000

static inline size_t store_query_scan(const struct store_query *query)
{
    return query->scan != 0 && query->scan < STORE_SCAN_MAX ? query->scan : STORE_SCAN_MAX;
}

struct store_line {
    struct store_row row; /* the key is not read, the turn only with STORE_SCOPE_PENDING */
    bool has_result;
    struct store_result result;
};

/* Lines live until the page is used again. */
struct store_page {
    struct arena arena;
    struct store_line *lines;
    size_t count;
    uint64_t after; /* where to go on */
    bool at_end;    /* nothing comes after; without it an empty page only means: go on */
};

void store_page_init(struct store_page *page);
void store_page_done(struct store_page *page);
int store_page_read(struct store *store, uint64_t job, const struct store_query *query,
                    struct store_page *page, struct error *error);
/*
 * Of these rows, numbers ascending and at most STORE_PAGE_MAX of them, the ones without result that
 * are no duplicates.
 */
int store_pending_read(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                       struct store_page *page, struct error *error);
/*
 * These rows, numbers ascending and at most STORE_PAGE_MAX of them, with what came and without
 * results. Those that are not there are left out.
 */
int store_rows_read(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                    struct store_page *page, struct error *error);
/* One line by its number, with all there is. ERROR_NOT_FOUND. */
int store_line_read(struct store *store, uint64_t job, uint64_t row, struct store_page *page,
                    struct error *error);

/* --- notes: small things that others keep ---------------------------------------------------- */

/*
 * A note is some bytes under a kind ("key", "webhook", ...) and an id; both are ASCII words, and
 * notes of a kind are walked in the order of their ids. One with a time is gone after that.
 */
#define STORE_NOTE_MAX (1024 * 1024) /* bytes of a body */

/* Add or replace. until_unix_ms 0: kept for good. */
int store_note_put(struct store *store, const char *kind, const char *id, struct slice body,
                   int64_t until_unix_ms, struct error *error);
/*
 * The same, kept for good, but only where the note's body is still `before` ("": there is none, or
 * an empty one): 1. 0: somebody else was quicker and nothing was changed. A body that is `body`
 * already counts as changed.
 */
int store_note_change(struct store *store, const char *kind, const char *id, struct slice before,
                      struct slice body, struct error *error);
/* ERROR_NOT_FOUND. Copied to the arena. */
int store_note_get(struct store *store, const char *kind, const char *id, struct arena *arena,
                   struct slice *ret_body, struct error *error);
/* The note with the next id after `after`: 1; none: 0. `after` may point into the same arena. */
int store_note_next(struct store *store, const char *kind, struct slice after, struct arena *arena,
                    struct slice *ret_id, struct slice *ret_body, struct error *error);
/* A number that is another one when a note of the kind is put, changed or removed. */
int store_notes_mark(struct store *store, const char *kind, uint64_t *ret_mark,
                     struct error *error);
/* No error when there is none. */
int store_note_remove(struct store *store, const char *kind, const char *id, struct error *error);
/* Take away at most `max` whose time is over; how many. */
int store_note_expire(struct store *store, int64_t now_unix_ms, size_t max, struct error *error);

/* --- records: what is remembered beyond a job ------------------------------------------------ */

/*
 * A record says of one thing (a mailbox, a domain) what was found out and when. There is one for
 * each kind and key; a newer one takes the place of an older, but for this: what proves nothing
 * never takes the place of a proof that has not expired.
 */
#define STORE_RECORD_KINDS(X)                                                                      \
    X(MAILBOX, "mailbox")     /* what its server said of it */                                     \
    X(DOMAIN, "domain")       /* what its servers do with strangers */                             \
    X(BOUNCE, "bounce")       /* a message to the mailbox came back for good */                    \
    X(DELIVERY, "delivery")   /* a message to the mailbox was delivered */                         \
    X(COMPLAINT, "complaint") /* its owner called a message spam */

enum store_record_kind {
#define X(symbol, name) STORE_RECORD_##symbol,
    STORE_RECORD_KINDS(X)
#undef X
    STORE_RECORD_KIND_COUNT,
};

const char *store_record_kind_name(enum store_record_kind kind);

#define STORE_RECORD_KEY_MAX 1024 /* bytes of a key or group */

struct store_record {
    enum store_record_kind kind;
    struct slice key;   /* any bytes, not empty */
    struct slice group; /* the domain; "" for none */
    uint8_t value;      /* of the keeper's own meaning, such as a reason */
    bool is_proof;
    int64_t checked_unix_ms;
    int64_t expires_unix_ms;
    struct slice body; /* kept packed; "" for none */
    /* Kept by the store: what came later and proved nothing. */
    int64_t failed_unix_ms; /* the last of them; 0: none */
    uint32_t failures;
};

/*
 * Keep records, in one transaction. One that is older than what is kept is passed over; one that
 * proves nothing, where a proof is kept that had not expired when it was made, is only counted.
 */
int store_records_put(struct store *store, const struct store_record *records, size_t count,
                      struct error *error);
/*
 * Many records are going to be read: till the end as one reader, who sees the store as it is at the
 * first of them. Only a saving: it can't fail, calls may be nested, and whatever this handle writes
 * meanwhile is written at once, and seen.
 */
void store_reads_begin(struct store *store);
void store_reads_end(struct store *store);
struct store_record_name {
    enum store_record_kind kind;
    struct slice key;
};
/*
 * store_record_get will be asked for these soon, whether they are there or not. Where each would
 * cost a wait they are read at once, in place of those expected before, and answered from memory,
 * each once and for ten seconds at most. It can't fail: what could not be read is read when it is
 * asked for.
 */
void store_records_expect(struct store *store, const struct store_record_name *names, size_t count);
/* 1; none: 0. Copied to the arena. Whether it has expired is the caller's affair. */
int store_record_get(struct store *store, enum store_record_kind kind, struct slice key,
                     struct arena *arena, struct store_record *ret_record, struct error *error);
/*
 * The same of one key in several kinds, bits of 1 << kind, at once: ret_records[kind] is filled for
 * each of *ret_found. 0 or negative.
 */
int store_records_get(struct store *store, unsigned kinds, struct slice key, struct arena *arena,
                      struct store_record ret_records[STORE_RECORD_KIND_COUNT], unsigned *ret_found,
                      struct error *error);
/*
 * The record with the next key above `after`, bytewise, of a group ("": any): 1; none: 0. `after`
 * may point into the same arena.
 */
int store_record_next(struct store *store, enum store_record_kind kind, struct slice group,
                      struct slice after, struct arena *arena, struct store_record *ret_record,
                      struct error *error);
/* 1 when there was one. Its bytes are overwritten where the back end can do that. */
int store_record_remove(struct store *store, enum store_record_kind kind, struct slice key,
                        struct error *error);
/*
 * Take away at most `max` of a kind: those whose time is over and then, while those that stay
 * hold more than bytes_max, those that would expire first; how many.
 */
int store_records_expire(struct store *store, enum store_record_kind kind, int64_t now_unix_ms,
                         uint64_t bytes_max, size_t max, struct error *error);

struct store_record_total {
    uint64_t records;
    uint64_t bytes; /* as kept, with an allowance for what surrounds them */
};
int store_records_total(struct store *store, enum store_record_kind kind,
                        struct store_record_total *ret_total, struct error *error);

/* --- for implementations ------------------------------------------------------------------- */

#define STORE_RECORD_OVERHEAD 96 /* bytes counted beside key, group and body */

struct store_ops {
    bool is_shared; /* by machines */
    void (*close)(struct store *store);
    int (*others_mark)(struct store *store, uint64_t *ret_mark,
                       struct error *error);                    /* NULL: there are no others */
    int (*advise)(struct store *store, struct error *error);    /* NULL: there is nothing to say */
    int (*may_write)(struct store *store, struct error *error); /* NULL: not known, so yes */
    int (*job_add)(struct store *store, const struct store_job *job, uint64_t *ret_id,
                   struct error *error);
    int (*job_next)(struct store *store, uint64_t after, struct arena *arena,
                    struct store_job *ret_job, struct error *error);
    /* As store_job_change; before NULL: whatever it is. 0: nothing was changed. */
    int (*job_update)(struct store *store, const struct store_job *before,
                      const struct store_job *job, struct error *error);
    int (*job_clear)(struct store *store, uint64_t id, size_t max, bool job_too,
                     struct error *error);
    int (*rows_add)(struct store *store, uint64_t job, const struct store_row *rows, size_t count,
                    struct error *error);
    int (*rows_mark)(struct store *store, uint64_t job, const struct store_mark *marks,
                     size_t count, struct error *error);
    int (*keys_open)(struct store *store, uint64_t job, struct store_keys **ret_keys,
                     struct error *error);
    int (*keys_next)(struct store_keys *keys, uint64_t *ret_key, uint64_t *ret_row,
                     struct error *error);
    void (*keys_close)(struct store_keys *keys);
    int (*results_put)(struct store *store, uint64_t job, const struct store_result *results,
                       size_t count, struct error *error);
    int (*results_forget)(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                          uint64_t *ret_forgotten, struct error *error);
    int (*results_replace)(struct store *store, uint64_t job, const struct store_result *results,
                           size_t count, uint64_t *ret_replaced, struct error *error);
    int (*rows_fault)(struct store *store, uint64_t job, const struct store_fault *faults,
                      size_t count, struct error *error);
    int (*row_erase)(struct store *store, uint64_t job, uint64_t row, struct slice fault,
                     struct error *error);
    int (*counts)(struct store *store, uint64_t job, struct store_counts *ret_counts,
                  struct error *error);
    /* To what is on the page, until it has query->limit lines: there is room for so many. */
    int (*page_read)(struct store *store, uint64_t job, const struct store_query *query,
                     struct store_page *page, struct error *error);
    /* As store_pending_read, onto an empty page; NULL: by page_reads. */
    int (*pending_read)(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                        struct store_page *page, struct error *error);
    /* As store_rows_read, onto an empty page; NULL: by page_reads. */
    int (*rows_read)(struct store *store, uint64_t job, const uint64_t *rows, size_t count,
                     struct store_page *page, struct error *error);
    /* NULL where that spares nothing. */
    void (*reads_begin)(struct store *store);
    void (*reads_end)(struct store *store);
    int (*note_put)(struct store *store, const char *kind, const char *id, struct slice body,
                    int64_t until_unix_ms, struct error *error);
    int (*note_change)(struct store *store, const char *kind, const char *id, struct slice before,
                       struct slice body, struct error *error);
    int (*note_next)(struct store *store, const char *kind, struct slice after, bool inclusive,
                     struct arena *arena, struct slice *ret_id, struct slice *ret_body,
                     struct error *error);
    int (*notes_mark)(struct store *store, const char *kind, uint64_t *ret_mark,
                      struct error *error); /* NULL: all of them are read */
    int (*note_remove)(struct store *store, const char *kind, const char *id, struct error *error);
    int (*note_expire)(struct store *store, int64_t now_unix_ms, size_t max, struct error *error);
    int (*records_put)(struct store *store, const struct store_record *records, size_t count,
                       struct error *error);
    /* NULL where that spares nothing. */
    void (*records_expect)(struct store *store, const struct store_record_name *names,
                           size_t count);
    int (*record_get)(struct store *store, enum store_record_kind kind, struct slice key,
                      struct arena *arena, struct store_record *ret_record, struct error *error);
    /* NULL: by record_get. *ret_found is 0 before. */
    int (*records_get)(struct store *store, unsigned kinds, struct slice key, struct arena *arena,
                       struct store_record ret_records[STORE_RECORD_KIND_COUNT],
                       unsigned *ret_found, struct error *error);
    int (*record_next)(struct store *store, enum store_record_kind kind, struct slice group,
                       struct slice after, struct arena *arena, struct store_record *ret_record,
                       struct error *error);
    int (*record_remove)(struct store *store, enum store_record_kind kind, struct slice key,
                         struct error *error);
    int (*records_expire)(struct store *store, enum store_record_kind kind, int64_t now_unix_ms,
                          uint64_t bytes_max, size_t max, struct error *error);
    int (*records_total)(struct store *store, enum store_record_kind kind,
                         struct store_record_total *ret_total, struct error *error);
};

/* First member of every implementation. */
struct store {
    const struct store_ops *ops;
};
struct store_keys {
    struct store *store;
};

int store_memory_open(struct store **ret_store, struct error *error);
int store_sqlite_open(const char *path, enum store_mode mode, struct store **ret_store,
                      struct error *error);
void store_sqlite_own_process(void);
/* ERROR_USAGE where the program was built without it (store/postgres_none.c). */
int store_postgres_open(const char *url, enum store_mode mode, struct store **ret_store,
                        struct error *error);
int store_postgres_may_prepare(const char *url, struct error *error);
/* store_url_files of such a one. */
int store_postgres_files(const char *url, int (*each)(void *user, const char *path), void *user);
/* Does the line pass? One meaning for all back ends. */
bool store_filter_passes(const struct store_filter *filter, const struct store_line *line);

#endif
