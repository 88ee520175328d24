/*
 * Tests of how an SQLite file is used: when somebody waits for the disk, and that what is kept of
 * records, and how much that is, is what other stores keep, whoever else writes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/check.h"
#include "base/random.h"
#include "store/store.h"

/* --- files that count ----------------------------------------------------------------------- */

static unsigned waits; /* for the disk */
static sqlite3_vfs *usual;
static struct {
    sqlite3_io_methods methods;
    int (*sync)(sqlite3_file *file, int flags);
} of_main, of_others; /* databases lock, logs don't: their methods differ */

static int sync_main(sqlite3_file *file, int flags)
{
    waits++;
    return of_main.sync(file, flags);
}

static int sync_other(sqlite3_file *file, int flags)
{
    waits++;
    return of_others.sync(file, flags);
}

static int open_counting(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                         int *ret_flags)
{
    bool is_main = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    int code = usual->xOpen(usual, name, file, flags, ret_flags);

    (void)vfs;
    if (code != SQLITE_OK || file->pMethods == NULL)
        return code;
    if (is_main) {
        of_main.methods = *file->pMethods;
        of_main.sync = file->pMethods->xSync;
        of_main.methods.xSync = sync_main;
        file->pMethods = &of_main.methods;
    } else {
        of_others.methods = *file->pMethods;
        of_others.sync = file->pMethods->xSync;
        of_others.methods.xSync = sync_other;
        file->pMethods = &of_others.methods;
    }
    return code;
}

static void count_waits(void)
{
    static sqlite3_vfs counting;

    usual = sqlite3_vfs_find(NULL);
    counting = *usual;
    counting.zName = "counting";
    counting.xOpen = open_counting;
    assert_int_equal(sqlite3_vfs_register(&counting, 1), SQLITE_OK);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void keep_record(struct store *store)
{
    const struct store_record record = {
        .kind = STORE_RECORD_MAILBOX,
        .key = SLICE("a@x.example"),
        .group = SLICE("x.example"),
        .is_proof = true,
        .body = SLICE("{}"),
    };

    assert_int_equal(store_records_put(store, &record, 1, NULL), 0);
}

/* A log's pages are written back only when they are on the disk, and taken away when those are. */
static void a_new_file_waits_for_the_disk_when_its_log_is_written_back(void **state)
{
    char folder[] = "/tmp/mailknock-sqlite-XXXXXX", path[64];
    struct store *store;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/new.db", folder);
    count_waits();
    assert_int_equal(store_open(path, STORE_MODE_CREATE, &store, NULL), 0);
    assert_int_equal(waits, 0);
    keep_record(store);
    store_close(store);
    assert_true(waits >= 2);
    waits = 0;
    assert_int_equal(store_open(path, STORE_MODE_CREATE, &store, NULL), 0);
    keep_record(store);
    store_close(store);
    assert_true(waits >= 2);
    unlink(path);
    rmdir(folder);
}

/* --- records --------------------------------------------------------------------------------- */

#define KEYS       40
#define BATCH_MOST 30

static struct slice key_of(size_t number, char out[16])
{
    return slice_from(out, (size_t)snprintf(out, 16, "%zu@x.example", number));
}

/* By all that decides what replaces what: kind, key, proof, time. */
static void draw(struct random *random, struct store_record *record, char key[16])
{
    bool is_proof = random_below(random, 2) == 0;
    int64_t checked_ms = (int64_t)random_below(random, 1000);

    *record = (struct store_record){
        .kind = random_below(random, 4) == 0 ? STORE_RECORD_BOUNCE : STORE_RECORD_MAILBOX,
        .key = key_of((size_t)random_below(random, KEYS), key),
        .group = SLICE("x.example"),
        .value = (uint8_t)random_below(random, 5),
        .is_proof = is_proof,
        .checked_unix_ms = checked_ms,
        .expires_unix_ms = checked_ms + (int64_t)random_below(random, 500),
        .body = is_proof ? SLICE("{\"schema\":1}") : SLICE_EMPTY,
    };
}

static void compare_records(struct store *left, struct store *right)
{
    for (int kind = 0; kind < STORE_RECORD_KIND_COUNT; kind++)
        for (size_t i = 0; i < KEYS; i++) {
            struct store_record a = {0}, b = {0};
            struct arena arena;
            char key[16];
            int found;

            arena_init(&arena);
            found = store_record_get(left, (enum store_record_kind)kind, key_of(i, key), &arena, &a,
                                     NULL);
            assert_int_equal(found, store_record_get(right, (enum store_record_kind)kind,
                                                     key_of(i, key), &arena, &b, NULL));
            assert_int_equal(a.is_proof, b.is_proof);
            assert_int_equal(a.value, b.value);
            assert_int_equal(a.checked_unix_ms, b.checked_unix_ms);
            assert_int_equal(a.expires_unix_ms, b.expires_unix_ms);
            assert_int_equal(a.failed_unix_ms, b.failed_unix_ms);
            assert_int_equal(a.failures, b.failures);
            assert_true(slice_equal(a.body, b.body));
            arena_done(&arena);
        }
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t value;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* Totals are what is there. */
static void check_totals(sqlite3 *db)
{
    assert_int_equal(number(db, "SELECT count(*) FROM record"),
                     number(db, "SELECT coalesce(sum(records),0) FROM record_total"));
    assert_int_equal(number(db, "SELECT count(*) FROM record_total t WHERE records<>"
                                "(SELECT count(*) FROM record r WHERE r.kind=t.kind) OR bytes<>"
                                "(SELECT coalesce(sum(bytes),0) FROM record r"
                                " WHERE r.kind=t.kind)"),
                     0);
}

static void remove_some(struct random *random, struct store *left, struct store *right)
{
    enum store_record_kind kind =
        random_below(random, 2) == 0 ? STORE_RECORD_BOUNCE : STORE_RECORD_MAILBOX;
    int64_t now_ms = (int64_t)random_below(random, 1500);
    char key[16];

    key_of((size_t)random_below(random, KEYS), key);
    assert_int_equal(store_record_remove(left, kind, slice_from_string(key), NULL),
                     store_record_remove(right, kind, slice_from_string(key), NULL));
    assert_int_equal(store_records_expire(left, kind, now_ms, UINT64_MAX, 1000, NULL),
                     store_records_expire(right, kind, now_ms, UINT64_MAX, 1000, NULL));
}

/* As an older program, whose totals are kept by triggers. */
static void write_otherwise(sqlite3 *db)
{
    assert_int_equal(sqlite3_exec(db,
                                  "DELETE FROM record WHERE kind=4;"
                                  "INSERT INTO record (kind, key, family, value, proof, checked_ms,"
                                  " expires_ms, bytes) VALUES (4, x'00', x'', 0, 1, 1, 1, 5000);"
                                  "UPDATE record SET bytes=6000 WHERE kind=4",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
}

static void records_are_kept_and_counted_by_the_rules(void **state)
{
    struct store *memory, *file;
    char path[32];
    struct random random;
    sqlite3 *db;

    (void)state;
    random_init(&random, 1);
    for (int round = 0; round < 20; round++) {
        snprintf(path, sizeof(path), "/tmp/mailknock-sqlite-XXXXXX");
        close(mkstemp(path));
        assert_int_equal(store_open("memory:", STORE_MODE_CREATE, &memory, NULL), 0);
        assert_int_equal(store_open(path, STORE_MODE_CREATE, &file, NULL), 0);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        for (int batch = 0; batch < 6; batch++) {
            struct store_record records[BATCH_MOST];
            char keys[BATCH_MOST][16];
            size_t count = 1 + (size_t)random_below(&random, BATCH_MOST);

            for (size_t i = 0; i < count; i++) {
                draw(&random, &records[i], keys[i]);
                assert_int_equal(store_records_put(memory, &records[i], 1, NULL), 0);
            }
            assert_int_equal(store_records_put(file, records, count, NULL), 0);
            compare_records(memory, file);
            write_otherwise(db);
            check_totals(db);
            remove_some(&random, memory, file);
            compare_records(memory, file);
            check_totals(db);
        }
        assert_true(store_records_expire(file, STORE_RECORD_MAILBOX, 0, 500, 1000, NULL) >= 0);
        check_totals(db);
        sqlite3_close(db);
        store_close(memory);
        store_close(file);
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_file_waits_for_the_disk_when_its_log_is_written_back),
        cmocka_unit_test(records_are_kept_and_counted_by_the_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
