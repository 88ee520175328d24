/*
 * Rows a second through the SQLite store, by processor time, beside the bare loop of SQLite that
 * does as little as can be: one insert a row or result in transactions of 1000.
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
};

static uint64_t rows = 200000;
static char folder[] = "/tmp/mk-store-bench-XXXXXX";
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

static void report(const char *what, double began, double cpu_began)
{
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_began;

    printf("store: %-34s %8.0f rows/s of processor time (%.0f by the clock)\n", what,
           (double)rows / cpu, (double)rows / (seconds(CLOCK_MONOTONIC) - began));
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
            bytes = slice_prefix(result_of(number, text).json, 220); /* LIMITS: ~220 B a result */
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

static void claim_and_keep(struct store *store, uint64_t job)
{
    static char jsons[BATCH][1024];
    static struct store_result batch[BATCH];
    double began = seconds(CLOCK_MONOTONIC), cpu_began = seconds(CLOCK_PROCESS_CPUTIME_ID);
    double longest = 0;
    struct store_page page;
    struct store_query query = {.scope = STORE_SCOPE_PENDING, .limit = 1};

    store_page_init(&page);
    for (uint64_t i = 0; i < rows; i++) {
        uint64_t number = i * 7919 % rows + 1; /* not in order, as by turn */

        query.after = number - 1;
        query.until = number;
        CHECK(store_page_read(store, job, &query, &page, NULL) == 0 && page.count == 1);
        batch[i % BATCH] = result_of(number, jsons[i % BATCH]);
        if ((i + 1) % BATCH == 0) {
            double before = seconds(CLOCK_MONOTONIC), took;

            CHECK(store_results_put(store, job, batch, BATCH, NULL) == 0);
            took = seconds(CLOCK_MONOTONIC) - before;
            longest = took > longest ? took : longest;
        }
    }
    store_page_done(&page);
    report("claimed one by one, results kept", began, cpu_began);
    printf("store: longest commit of %d results: %.1f ms\n", BATCH, longest * 1000);
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

int main(int argc, char **argv)
{
    const struct store_job job = {.name = SLICE("bench")};
    struct store *store;
    struct stat info;
    uint64_t id;

    if (argc > 1)
        rows = strtoull(argv[1], NULL, 10) / BATCH * BATCH;
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/bench.mkjob", folder);
    bare("bare loop: rows", "CREATE TABLE t (a INTEGER PRIMARY KEY, b)",
         "INSERT INTO t VALUES (?1, ?2)", false);
    bare("bare loop: results of 220 bytes", "CREATE TABLE t (a INTEGER PRIMARY KEY, b)",
         "INSERT INTO t VALUES (?1, ?2)", true);
    CHECK(store_open(path, STORE_MODE_CREATE, &store, NULL) == 0);
    CHECK(store_job_add(store, &job, &id, NULL) == 0);
    load(store, id);
    CHECK(stat(path, &info) == 0);
    walk(store, id);
    claim_and_keep(store, id);
    read_all(store, id, false);
    read_all(store, id, true);
    store_close(store);
    CHECK(stat(path, &info) == 0);
    printf("store: %.0f bytes a row with its result\n", (double)info.st_size / (double)rows);
    unlink(path);
    rmdir(folder);
    return 0;
}
