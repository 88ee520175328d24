/* Tests of how an SQLite file is used: when somebody waits for the disk. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_file_waits_for_the_disk_when_its_log_is_written_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
