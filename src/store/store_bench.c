/*
 * Rows a second through the SQLite store, by processor time, beside the bare loop of SQLite that
 * does as little as can be: one insert a row or result in transactions of 1000, the address of each
 * read before, in the same order of turns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "store/store.h"

enum {
    BATCH = 1000,
    CLAIM = 250,      /* rows read at once, by rising number */
    TARGET = 60,      /* percent of the bare loop */
    BARE_BYTES = 220, /* of a result */
};

static uint64_t rows = 200000;
static char folder[64];
static char path[96];

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct store_row row_of(uint64_t number, char address[64])
{
    snprintf(address, 64, "person.number%llu@company%llu.example", (unsigned long long)number,
             (unsigned long long)(number * 7919 % 50000));
    return (struct store_row){
        .number = number,
        .key = number * UINT64_C(0x9e3779b97f4a7c15),
        .turn = (uint32_t)(number * 2654435761U),
        .address = slice_from_string(address),
        .fault = SLICE_EMPTY,
    };
}

static struct store_result result_of(uint64_t number, char json[1024])
{
    int len = snprintf(
        json, 1024,
        "{\"schema\":1,\"address\":\"person.number%llu@company%llu.example\",\"normalized\":"
        "\"person.number%llu@company%llu.example\",\"status\":\"valid\",\"reason\":\"accepted\","
        "\"score\":97,\"action\":\"send\",\"retry_after\":null,\"flags\":[],\"suggestion\":null,"
        "\"domain\":\"company%llu.example\",\"provider\":\"google\",\"mx\":[{\"host\":"
        "\"aspmx.l.google.com\",\"preference\":10}],\"syntax\":{\"valid\":true,\"diagnosis\":null,"
        "\"offset\":null,\"flags\":[]},\"smtp\":{\"host\":\"aspmx.l.google.com\",\"ip\":"
        "\"192.0.2.%llu\",\"outcome\":\"reply\",\"code\":250,\"enhanced\":\"2.1.5\",\"text\":\"OK "
        "%llx - gsmtp\",\"detail\":null,\"stage\":\"rcpt\",\"class\":\"accepted\",\"rule\":"
        "\"accepted\",\"tls\":null,\"random_recipient\":null,\"attempts\":1},\"checked_at\":"
        "\"2026-11-25T22:13:14.%03lluZ\",\"duration_ms\":%llu,\"source\":\"live\",\"explanation\":"
        "\"aspmx.l.google.com accepted the address (\\\"250 2.1.5 OK\\\").\"}",
        (unsigned long long)number, (unsigned long long)(number * 7919 % 50000),
        (unsigned long long)number, (unsigned long long)(number * 7919 % 50000),
        (unsigned long long)(number * 7919 % 50000), (unsigned long long)(number % 250),
        (unsigned long long)(number * UINT64_C(0x9e3779b97f4a7c15)),
        (unsigned long long)(number % 1000), (unsigned long long)(number % 977));

    return (struct store_result){
        .row = number,
        .status = VERDICT_VALID,
        .reason = REASON_ACCEPTED,
        .score = 97,
        .provider = SLICE("google"),
        .domain = SLICE("company12345.example"),
        .suggestion = SLICE_EMPTY,
        .explanation = SLICE("aspmx.l.google.com accepted the address (\"250 2.1.5 OK\")."),
        .json = slice_from(json, (size_t)len),
    };
}

static double report(const char *what, double began, double cpu_began)
{
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_began;

    printf("store: %-34s %8.0f rows/s of processor time (%.0f by the clock)\n", what,
           (double)rows / cpu, (double)rows / (seconds(CLOCK_MONOTONIC) - began));
    return cpu;
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

/* The rows whose turn is claim number `claim`: from all over the list, sorted. */
static void numbers_of(uint64_t claim, uint64_t numbers[CLAIM])
{
    for (uint64_t i = 0; i < CLAIM; i++)
        numbers[i] = (claim * CLAIM + i) * 7919 % rows + 1;
    qsort(numbers, CLAIM, sizeof(numbers[0]), compare_numbers);
}

/* The bare loop: what `sql` inserts, with the same bytes. */
static void bare(const char *what, const char *table, const char *insert, bool results)
{
    static char text[1024];
    double began, cpu_began;
    sqlite3_stmt *statement;
    sqlite3 *db;

    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", NULL, NULL,
                       NULL) == SQLITE_OK);
    CHECK(sqlite3_exec(db, table, NULL, NULL, NULL) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(db, insert, -1, &statement, NULL) == SQLITE_OK);
    began = seconds(CLOCK_MONOTONIC);
    cpu_began = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (uint64_t number = 1; number <= rows; number++) {
        struct slice bytes;

        if (results)
            bytes = slice_prefix(result_of(number, text).json, BARE_BYTES);
        else
            bytes = row_of(number, text).address;
        if (number % BATCH == 1)
            sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
        sqlite3_bind_int64(statement, 1, (int64_t)number);
        sqlite3_bind_blob(statement, 2, bytes.ptr, (int)bytes.len, SQLITE_STATIC);
        CHECK(sqlite3_step(statement) == SQLITE_DONE);
        sqlite3_reset(statement);
        if (number % BATCH == 0)
            sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }
    report(what, began, cpu_began);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    unlink(path);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;

    CHECK(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK);
    return statement;
}

/* Addresses read by turn and results kept: the processor time. */
static double bare_claim_and_keep(void)
{
    sqlite3_stmt *row, *read, *keep;
    uint64_t numbers[CLAIM];
    double began, cpu_began, cpu;
    char text[1024];
    sqlite3 *db;

    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(
        sqlite3_exec(db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16384;"
                     "PRAGMA wal_autocheckpoint=8192;"
                     "CREATE TABLE row (a INTEGER PRIMARY KEY, b);"
                     "CREATE TABLE result (a INTEGER PRIMARY KEY, b); BEGIN",
                     NULL, NULL, NULL) == SQLITE_OK);
    row = prepare(db, "INSERT INTO row VALUES (?1, ?2)");
    read = prepare(db, "SELECT b FROM row WHERE a=?1");
    keep = prepare(db, "INSERT INTO result VALUES (?1, ?2)");
    for (uint64_t number = 1; number <= rows; number++) {
        struct slice bytes = row_of(number, text).address;

        sqlite3_bind_int64(row, 1, (int64_t)number);
        sqlite3_bind_blob(row, 2, bytes.ptr, (int)bytes.len, SQLITE_STATIC);
        CHECK(sqlite3_step(row) == SQLITE_DONE);
        sqlite3_reset(row);
    }
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    began = seconds(CLOCK_MONOTONIC);
    cpu_began = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (uint64_t claim = 0; claim < rows / CLAIM; claim++) {
        numbers_of(claim, numbers);
        if (claim % (BATCH / CLAIM) == 0)
            sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
        for (size_t i = 0; i < CLAIM; i++) {
            sqlite3_bind_int64(read, 1, (int64_t)numbers[i]);
            CHECK(sqlite3_step(read) == SQLITE_ROW && sqlite3_column_bytes(read, 0) > 0);
            sqlite3_reset(read);
            sqlite3_bind_int64(keep, 1, (int64_t)numbers[i]);
            sqlite3_bind_blob(keep, 2, result_of(numbers[i], text).json.ptr, BARE_BYTES,
                              SQLITE_STATIC);
            CHECK(sqlite3_step(keep) == SQLITE_DONE);
            sqlite3_reset(keep);
        }
        if ((claim + 1) % (BATCH / CLAIM) == 0)
            sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }
    cpu = report("bare loop: claimed and kept", began, cpu_began);
    sqlite3_finalize(row);
    sqlite3_finalize(read);
    sqlite3_finalize(keep);
    sqlite3_close(db);
    unlink(path);
    return cpu;
}

static void load(struct store *store, uint64_t job)
{
    static char addresses[BATCH][64];
    static struct store_row batch[BATCH];
    double began = seconds(CLOCK_MONOTONIC), cpu_began = seconds(CLOCK_PROCESS_CPUTIME_ID);

    for (uint64_t number = 1; number <= rows; number++) {
        batch[(number - 1) % BATCH] = row_of(number, addresses[(number - 1) % BATCH]);
        if (number % BATCH == 0)
            CHECK(store_rows_add(store, job, batch, BATCH, NULL) == 0);
    }
    report("rows added", began, cpu_began);
}

static void walk(struct store *store, uint64_t job)
{
    double began = seconds(CLOCK_MONOTONIC), cpu_began = seconds(CLOCK_PROCESS_CPUTIME_ID);
    struct store_keys *keys;
    uint64_t key, row, count = 0;

    CHECK(store_keys_open(store, job, &keys, NULL) == 0);
    while (store_keys_next(keys, &key, &row, NULL) == 1)
        count++;
    CHECK(count == rows);
    store_keys_close(keys);
    report("walked by key", began, cpu_began);
}

/* The processor time. */
static double claim_and_keep(struct store *store, uint64_t job, bool with_json)
{
    static char jsons[BATCH][1024];
    static struct store_result batch[BATCH];
    double began = seconds(CLOCK_MONOTONIC), cpu_began = seconds(CLOCK_PROCESS_CPUTIME_ID);
    double longest = 0, cpu;
    uint64_t numbers[CLAIM];
    struct store_page page;
    size_t count = 0;

    store_page_init(&page);
    for (uint64_t claim = 0; claim < rows / CLAIM; claim++) {
        double before, took;

        numbers_of(claim, numbers);
        CHECK(store_pending_read(store, job, numbers, CLAIM, &page, NULL) == 0 &&
              page.count == CLAIM);
        for (size_t i = 0; i < CLAIM; i++, count++) {
            batch[count] = result_of(numbers[i], jsons[count]);
            if (!with_json)
                batch[count].json = SLICE_EMPTY;
        }
        if (count < BATCH)
            continue;
        before = seconds(CLOCK_PROCESS_CPUTIME_ID);
        CHECK(store_results_put(store, job, batch, count, NULL) == 0);
        took = seconds(CLOCK_PROCESS_CPUTIME_ID) - before;
        longest = took > longest ? took : longest;
        count = 0;
    }
    store_page_done(&page);
    cpu = report(with_json ? "claimed and kept with JSON" : "claimed and kept", began, cpu_began);
    printf("store: longest commit of %d results: %.1f ms of processor time\n", BATCH,
           longest * 1000);
    return cpu;
}

static void read_all(struct store *store, uint64_t job, bool with_json)
{
    double began = seconds(CLOCK_MONOTONIC), cpu_began = seconds(CLOCK_PROCESS_CPUTIME_ID);
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 500, .with_json = with_json};
    struct store_page page;
    uint64_t count = 0;

    store_page_init(&page);
    do {
        CHECK(store_page_read(store, job, &query, &page, NULL) == 0);
        query.after = page.after;
        count += page.count;
    } while (!page.at_end);
    CHECK(count == rows);
    store_page_done(&page);
    report(with_json ? "read in order with JSON" : "read in order", began, cpu_began);
}

/* One job, loaded, claimed, kept and read: the processor time of claiming and keeping. */
static double measure(bool with_json)
{
    const struct store_job job = {.name = SLICE("bench")};
    struct store *store;
    struct stat info;
    uint64_t id;
    double cpu;

    CHECK(store_open(path, STORE_MODE_CREATE, &store, NULL) == 0);
    CHECK(store_job_add(store, &job, &id, NULL) == 0);
    load(store, id);
    if (!with_json)
        walk(store, id);
    cpu = claim_and_keep(store, id, with_json);
    read_all(store, id, with_json);
    store_close(store);
    CHECK(stat(path, &info) == 0);
    printf("store: %.0f bytes a row with its result\n", (double)info.st_size / (double)rows);
    unlink(path);
    return cpu;
}

int main(int argc, char **argv)
{
    double bare_cpu, cpu, share;

    if (argc > 1)
        rows = strtoull(argv[1], NULL, 10) / BATCH * BATCH;
    snprintf(folder, sizeof(folder), "%.40s/mk-store-bench-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    CHECK(rows % 7919 != 0 && mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/bench.mkjob", folder);
    bare("bare loop: rows", "CREATE TABLE t (a INTEGER PRIMARY KEY, b)",
         "INSERT INTO t VALUES (?1, ?2)", false);
    bare("bare loop: results of 220 bytes", "CREATE TABLE t (a INTEGER PRIMARY KEY, b)",
         "INSERT INTO t VALUES (?1, ?2)", true);
    bare_cpu = bare_claim_and_keep();
    cpu = measure(false);
    (void)measure(true);
    share = bare_cpu * 100 / cpu;
    printf("store: claiming and keeping at %.0f%% of the bare loop, target %d%%  %s\n", share,
           TARGET, share >= TARGET ? "ok" : "MISSED");
    rmdir(folder);
    return share >= TARGET ? 0 : 1;
}
