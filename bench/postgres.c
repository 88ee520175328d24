/*
 * What lists cost a PostgreSQL: rows in, results in, all of it read, and removed, once by the part
 * that a list has alone and once row by row beside a small list in the same part.
 *
 *   bench-postgres URL [ROWS [PARTS]]
 *
 * PARTS: so many parts are made before, as of lists that stay. bench/postgres.py starts a server.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "store/store.h"

enum {
    BATCH = 500,
    PAGE = 1000,
    REMOVED = 5000, /* at once */
};

static uint64_t rows = 500000;
static PGconn *beside;

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of the server, as text: bytes of its log. */
static double log_bytes(void)
{
    PGresult *answer = PQexec(beside, "SELECT pg_current_wal_insert_lsn()-'0/0'::pg_lsn");
    double bytes = atof(PQgetvalue(answer, 0, 0));

    PQclear(answer);
    return bytes;
}

/* Seconds of processor time of the session that the store has there, where it is on this machine.
 */
static double session_cpu(void)
{
    PGresult *answer =
        PQexec(beside, "SELECT pid FROM pg_stat_activity WHERE application_name='mailknock'");
    unsigned long user = 0, kernel = 0;
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%s/stat", PQgetvalue(answer, 0, 0));
    file = fopen(path, "r");
    PQclear(answer);
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &kernel) != 2)
        user = kernel = 0;
    fclose(file);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static struct {
    double clock, cpu, session, log;
} began;

static void begin(void)
{
    began.log = log_bytes();
    began.session = session_cpu();
    began.clock = seconds(CLOCK_MONOTONIC);
    began.cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
}

static void report(const char *what)
{
    double took = seconds(CLOCK_MONOTONIC) - began.clock;
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - began.cpu;
    double session = session_cpu() - began.session;

    printf("postgres: %-22s %7.3f s, %7.0f rows/s; processor time %5.2f s, of the session"
           " %5.2f s; %6.1f MB of log\n",
           what, took, (double)rows / took, cpu, session, (log_bytes() - began.log) / 1e6);
    fflush(stdout);
}

static uint64_t add(struct store *store, uint64_t expected)
{
    const struct store_job job = {.name = SLICE("bench"), .expected = expected};
    uint64_t id;

    CHECK(store_job_add(store, &job, &id, NULL) == 0);
    return id;
}

static void load(struct store *store, uint64_t job, uint64_t count)
{
    static char addresses[BATCH][64];
    static struct store_row batch[BATCH];
    size_t filled = 0;

    for (uint64_t number = 1; number <= count; number++) {
        snprintf(addresses[filled], sizeof(addresses[0]), "person.number%llu@company%llu.example",
                 (unsigned long long)number, (unsigned long long)(number * 7919 % 50000));
        batch[filled] = (struct store_row){
            .number = number,
            .key = number * UINT64_C(0x9e3779b97f4a7c15),
            .turn = (uint32_t)(number * 2654435761U),
            .address = slice_from_string(addresses[filled]),
        };
        if (++filled == BATCH || number == count) {
            CHECK(store_rows_add(store, job, batch, filled, NULL) == 0);
            filled = 0;
        }
    }
}

static void keep(struct store *store, uint64_t job, uint64_t count)
{
    static char jsons[BATCH][512];
    static struct store_result batch[BATCH];
    size_t filled = 0;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t number = count % 7919 != 0 ? i * 7919 % count + 1 : i + 1; /* in no order */
        int len = snprintf(
            jsons[filled], sizeof(jsons[0]),
            "{\"address\":\"person.number%llu@company.example\",\"status\":\"valid\",\"reason\":"
            "\"accepted\",\"score\":97,\"smtp\":{\"host\":\"mx%llu.example\",\"code\":250,\"text\":"
            "\"2.1.5 OK "
            "%llx\"},\"checked_at\":\"2026-11-25T22:13:14.%03lluZ\",\"source\":\"live\"}",
            (unsigned long long)number, (unsigned long long)(number % 97),
            (unsigned long long)(number * UINT64_C(0x9e3779b97f4a7c15)),
            (unsigned long long)(number % 1000));

        batch[filled] = (struct store_result){
            .row = number,
            .status = VERDICT_VALID,
            .reason = REASON_ACCEPTED,
            .action = ACTION_SEND,
            .score = 97,
            .checked_unix_ms = (int64_t)number,
            .provider = SLICE("google"),
            .domain = SLICE("company12345.example"),
            .explanation = SLICE("aspmx.l.google.com accepted the address (\"250 2.1.5 OK\")."),
            .json = slice_from(jsons[filled], (size_t)len),
        };
        if (++filled == BATCH || i + 1 == count) {
            CHECK(store_results_put(store, job, batch, filled, NULL) == 0);
            filled = 0;
        }
    }
}

static void read_all(struct store *store, uint64_t job, bool with_json)
{
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = PAGE, .with_json = with_json};
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
}

/* Returns its longest step, in seconds. */
static double take_away(struct store *store, uint64_t job)
{
    double longest = 0, before;
    int code;

    do {
        before = seconds(CLOCK_MONOTONIC);
        code = store_job_remove(store, job, REMOVED, NULL);
        before = seconds(CLOCK_MONOTONIC) - before;
        longest = before > longest ? before : longest;
    } while (code == 1);
    CHECK(code == 0);
    return longest;
}

static void vacuum(void)
{
    PGresult *answer = PQexec(beside, "VACUUM mailknock.line, mailknock.result");

    CHECK(PQresultStatus(answer) == PGRES_COMMAND_OK);
    PQclear(answer);
}

int main(int argc, char **argv)
{
    uint64_t alone, small, mixed;
    struct error error = {0};
    struct store *store;
    double longest;

    if (argc < 2) {
        puts("postgres: bench-postgres URL [ROWS [PARTS]]; bench/postgres.py starts a server for "
             "it");
        return 0;
    }
    if (argc > 2)
        rows = strtoull(argv[2], NULL, 10);
    beside = PQconnectdb(argv[1]);
    if (store_open(argv[1], STORE_MODE_CREATE, &store, &error) != 0 ||
        PQstatus(beside) != CONNECTION_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    for (unsigned long i = 0; argc > 3 && i < strtoul(argv[3], NULL, 10); i++) {
        uint64_t id = add(store, UINT64_C(1) << 30);

        load(store, id, 1000);
        keep(store, id, 1000);
    }
    alone = add(store, UINT64_C(1) << 30);
    small = add(store, 0);
    mixed = add(store, 0);
    begin(), load(store, alone, rows), report("rows added");
    begin(), keep(store, alone, rows), report("results kept");
    load(store, small, 1000);
    load(store, mixed, rows);
    keep(store, mixed, rows);
    vacuum();
    begin(), read_all(store, alone, false), report("read");
    begin(), read_all(store, alone, true), report("read with JSON");
    begin(), longest = take_away(store, mixed), report("removed row by row");
    printf("postgres: its longest step: %.3f s\n", longest);
    begin(), vacuum(), report("VACUUM after it");
    begin(), longest = take_away(store, alone), report("removed with its part");
    printf("postgres: its longest step: %.3f s\n", longest);
    (void)take_away(store, small);
    store_close(store);
    PQfinish(beside);
    return 0;
}
