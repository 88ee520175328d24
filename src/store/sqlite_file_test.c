/* Tests of SQLite files that are damaged, foreign, older, newer, not writable, or on a full disk.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "base/check.h"
#include "store/store_rig.h"

static int try_open(const struct bench *bench, enum store_mode mode, struct error *error)
{
    struct store *store;
    int code = store_open(bench->path, mode, &store, error);

    if (code == 0)
        store_close(store);
    else
        assert_non_null(strstr(error->message, bench->path));
    return code;
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static int64_t count_sql(const char *path, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t count;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

static void files_that_are_not_ours_are_refused(void **state)
{
    struct bench *bench = *state;
    struct error error = {0};
    char garbage[8192];
    FILE *file;

    store_close(bench->store);
    bench->store = NULL;
    run_sql(bench->path, "PRAGMA user_version=9999");
    assert_int_equal(try_open(bench, STORE_MODE_EXISTING, &error), ERROR_FORMAT);
    assert_non_null(strstr(error.message, "newer"));
    /* Somebody else's database. */
    unlink(bench->path);
    assert_int_equal(try_open(bench, STORE_MODE_EXISTING, &error), ERROR_NOT_FOUND);
    assert_int_equal(try_open(bench, STORE_MODE_READ_ONLY, &error), ERROR_NOT_FOUND);
    run_sql(bench->path, "CREATE TABLE theirs (x)");
    assert_int_equal(try_open(bench, STORE_MODE_CREATE, &error), ERROR_FORMAT);
    /* No database at all. */
    memset(garbage, 'x', sizeof(garbage));
    write_file(bench->path, garbage, sizeof(garbage));
    assert_int_equal(try_open(bench, STORE_MODE_CREATE, &error), ERROR_FORMAT);
    file = fopen(bench->path, "rb");
    assert_int_equal(fread(garbage, 1, sizeof(garbage), file), sizeof(garbage));
    fclose(file);
    assert_int_equal(garbage[100], 'x'); /* and it is left as it was */
}

/* As files of version 4 are: an index of results for rows, another for reasons; of 5: one for both;
   of 6: places; of 7: results under another name. */
#define NO_DOUBTS      "DROP VIEW result; ALTER TABLE job DROP COLUMN doubts;"
#define NAMED_RESULT   NO_DOUBTS "ALTER TABLE outcome RENAME TO result;"
#define WITHOUT_PLACES "DROP TABLE place; DROP TABLE place_log;"
static const char version_4[] =
    NAMED_RESULT WITHOUT_PLACES "CREATE UNIQUE INDEX result_row ON result (job, row);"
                                "CREATE INDEX result_reason ON result (job, reason, row);"
                                "PRAGMA user_version=4";
static const char version_5[] =
    NAMED_RESULT WITHOUT_PLACES "CREATE UNIQUE INDEX result_row ON result (job, row, reason);"
                                "PRAGMA user_version=5";
static const char version_6[] = NAMED_RESULT "PRAGMA user_version=6";
static const char version_7[] = NO_DOUBTS "CREATE VIEW result AS SELECT 1 FROM \"newer\";"
                                          "PRAGMA user_version=7";

static void renew(struct bench *bench, const char *older)
{
    uint64_t id = add_job(bench->store), numbers[8];
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 8};
    struct error error = {0};

    add_rows(bench->store, id, 1, 5, 1000);
    add_rows(bench->store, id, 1001, 2000, 1000);
    put(bench->store, id, 1500, REASON_TIMEOUT);
    put(bench->store, id, 1, REASON_ACCEPTED);
    put(bench->store, id, 4, REASON_TIMEOUT);
    store_close(bench->store);
    bench->store = NULL;
    run_sql(bench->path, older);
    assert_int_equal(try_open(bench, STORE_MODE_READ_ONLY, &error), ERROR_FORMAT);
    open_again(bench, STORE_MODE_EXISTING);
    put(bench->store, id, 4, REASON_ACCEPTED); /* it has one */
    assert_int_equal(counts_of(bench->store, id).results[REASON_ACCEPTED], 1);
    query.filter.reasons = UINT64_C(1) << REASON_TIMEOUT;
    assert_int_equal(collect(bench->store, id, query, numbers, ARRAY_LEN(numbers)), 2);
    assert_true(numbers[0] == 4 && numbers[1] == 1500);
    put(bench->store, id, 5, REASON_ACCEPTED);
    assert_int_equal(get_job(bench->store, id).done, 4);
    while (store_job_remove(bench->store, id, 100, &error) == 1)
        ;
    assert_int_equal(count_sql(bench->path, "SELECT (SELECT count(*) FROM outcome) +"
                                            " (SELECT count(*) FROM place) +"
                                            " (SELECT count(*) FROM place_log)"),
                     0);
}

static void older_files_are_renewed(void **state)
{
    struct bench *bench = *state;

    renew(bench, version_7);
    renew(bench, version_6);
    renew(bench, version_5);
    renew(bench, version_4);
}

/* By what programs of versions 1 to 5 keep, read and take away results. */
static const char *const older_statements[] = {
    "INSERT INTO result (job, row, reason, action, score, flags, retry_after, checked_ms, provider,"
    " domain, suggestion, explanation, json) SELECT 1,2,1,1,0,0,0,0,NULL,NULL,NULL,NULL,NULL"
    " WHERE NOT EXISTS (SELECT 1 FROM result WHERE job=1 AND row=2)",
    "SELECT r.row, s.reason FROM row r LEFT JOIN result s ON s.job=r.job AND s.row=r.row",
    "SELECT row FROM result WHERE job=1 AND row>0 AND row<=9 AND reason=1 ORDER BY row",
    "UPDATE result SET provider=NULL WHERE job=1 AND row=1",
    "DELETE FROM result WHERE job=1 AND row=1",
};

/* One that has the file open meanwhile learns it by its next statement, and changes nothing. */
static void older_programs_fail_on_a_renewed_file(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    sqlite3_stmt *statements[ARRAY_LEN(older_statements)];
    sqlite3 *db;

    add_rows(bench->store, id, 1, 2, 1000);
    put(bench->store, id, 1, REASON_ACCEPTED);
    store_close(bench->store);
    bench->store = NULL;
    run_sql(bench->path, version_4);
    assert_int_equal(sqlite3_open(bench->path, &db), SQLITE_OK);
    for (size_t i = 0; i < ARRAY_LEN(statements); i++)
        assert_int_equal(sqlite3_prepare_v2(db, older_statements[i], -1, &statements[i], NULL),
                         SQLITE_OK);
    open_again(bench, STORE_MODE_EXISTING);
    for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
        assert_int_equal(sqlite3_step(statements[i]), SQLITE_ERROR);
        assert_non_null(strstr(sqlite3_errmsg(db), "renewed by a newer mailknock"));
        sqlite3_finalize(statements[i]);
    }
    sqlite3_close(db);
    assert_int_equal(counts_of(bench->store, id).results[REASON_ACCEPTED], 1);
    put(bench->store, id, 2, REASON_TIMEOUT);
    assert_int_equal(get_job(bench->store, id).done, 2);
}

static void damage_is_noticed(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 1000};
    struct error error = {0};
    struct store_page page;
    struct stat info;
    char junk[512];
    FILE *file;
    int code;

    add_rows(bench->store, id, 1, 900, 1000);
    store_close(bench->store);
    bench->store = NULL;
    assert_int_equal(stat(bench->path, &info), 0);
    memset(junk, 0xa5, sizeof(junk));
    file = fopen(bench->path, "r+b");
    for (long at = 4096; at < info.st_size; at += 4096) {
        fseek(file, at, SEEK_SET);
        assert_int_equal(fwrite(junk, 1, sizeof(junk), file), sizeof(junk));
    }
    fclose(file);
    store_page_init(&page);
    code = store_open(bench->path, STORE_MODE_EXISTING, &bench->store, &error);
    if (code == 0)
        code = store_page_read(bench->store, id, &query, &page, &error);
    assert_int_equal(code, ERROR_FORMAT);
    assert_non_null(strstr(error.message, "damaged"));
    store_page_done(&page);
}

/* Root may write everywhere: then there is nothing to see. */
static void folders_may_be_read_only(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    struct error error = {0};

    store_close(bench->store);
    bench->store = NULL;
    assert_int_equal(chmod(bench->path, 0400), 0);
    assert_int_equal(chmod(bench->folder, 0500), 0);
    open_again(bench, STORE_MODE_READ_ONLY);
    assert_int_equal(get_job(bench->store, id).id, id);
    store_close(bench->store);
    bench->store = NULL;
    if (access(bench->path, W_OK) == 0)
        skip();
    assert_int_equal(try_open(bench, STORE_MODE_EXISTING, &error), ERROR_IO);
    strcat(bench->path, "-new");
    assert_int_equal(try_open(bench, STORE_MODE_CREATE, &error), ERROR_IO);
}

/* A limit of pages answers just as a full disk does. The connection must be the store's. */
static void limit_pages(struct store *store, const char *sql)
{
    sqlite3 *db = ((struct {
                      struct store base;
                      sqlite3 *db;
                  } *)(void *)store)
                      ->db;

    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int put_until_full(struct store *store, uint64_t id, struct error *error)
{
    struct store_result result = result_of(1, REASON_ACCEPTED);
    char text[4000];
    int code = 0;

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('!' + (i * i * 31 + i / 7 * 11) % 90);
    result.explanation = slice_from(text, sizeof(text));
    for (uint64_t row = 1; row <= 900 && code == 0; row++) {
        result.row = row;
        code = store_results_put(store, id, &result, 1, error);
    }
    return code;
}

static void a_full_disk_loses_nothing(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store), done;
    struct error error = {0};

    add_rows(bench->store, id, 1, 900, 1000);
    limit_pages(bench->store, "PRAGMA max_page_count=60");
    assert_int_equal(put_until_full(bench->store, id, &error), ERROR_IO);
    assert_non_null(strstr(error.message, "disk is full"));
    done = get_job(bench->store, id).done;
    assert_true(done > 5 && done < 900);
    assert_int_equal(counts_of(bench->store, id).rows[REASON_ACCEPTED], done);
    /* Room again: on it goes. */
    limit_pages(bench->store, "PRAGMA max_page_count=100000");
    put(bench->store, id, 900, REASON_ACCEPTED);
    open_again(bench, STORE_MODE_EXISTING);
    assert_int_equal(get_job(bench->store, id).done, done + 1);
}

/* A file without a name is in none of the places that its URL could name. */
static void a_full_folder_of_temporary_files_is_named(void **state)
{
    struct bench *bench = *state;
    struct error error = {0};
    struct store *store;
    char wanted[128];
    uint64_t id;

    snprintf(wanted, sizeof(wanted), "the disk of temporary files (%s) is full; make room there",
             bench->folder);
    assert_int_equal(setenv("TMPDIR", bench->folder, 1), 0);
    assert_int_equal(store_open("/nowhere/list.mkjob", STORE_MODE_TEMPORARY, &store, &error), 0);
    id = add_job(store);
    add_rows(store, id, 1, 900, 1000);
    limit_pages(store, "PRAGMA max_page_count=60");
    assert_int_equal(put_until_full(store, id, &error), ERROR_IO);
    assert_non_null(strstr(error.message, wanted));
    assert_non_null(strstr(error.message, "TMPDIR"));
    assert_null(strstr(error.message, "/nowhere"));
    store_close(store);
    /* As SQLite does, where that folder is none. */
    assert_int_equal(setenv("TMPDIR", "/nowhere", 1), 0);
    assert_int_equal(store_open("list.mkjob", STORE_MODE_TEMPORARY, &store, &error), 0);
    id = add_job(store);
    add_rows(store, id, 1, 900, 1000);
    limit_pages(store, "PRAGMA max_page_count=60");
    assert_int_equal(put_until_full(store, id, &error), ERROR_IO);
    assert_non_null(strstr(error.message, "tmp) is full"));
    store_close(store);
    unsetenv("TMPDIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SQLITE(files_that_are_not_ours_are_refused),
        SQLITE(older_files_are_renewed),
        SQLITE(older_programs_fail_on_a_renewed_file),
        SQLITE(damage_is_noticed),
        SQLITE(folders_may_be_read_only),
        SQLITE(a_full_disk_loses_nothing),
        SQLITE(a_full_folder_of_temporary_files_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
