/*
 * Notes that are only looked at, in an SQLite file that is somebody else's: nothing is changed, and
 * nothing is left beside it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "base/check.h"
#include "store/store.h"

#define NOBODY 65534

static char folder[] = "/tmp/mk-notes-XXXXXX";
static char path[64];

static struct store *open_as(enum store_mode mode)
{
    struct store *store = NULL;
    struct error error = {0};

    if (store_open(path, mode, &store, &error) != 0)
        fail_msg("%s", error.message);
    return store;
}

static bool stands_beside(const char *end)
{
    char name[80];

    snprintf(name, sizeof(name), "%s%s", path, end);
    return access(name, F_OK) == 0;
}

static void remove_file(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[80];

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

/* A file with a note, as a service has it open. */
static struct store *keep(const char *text)
{
    struct store *store = open_as(STORE_MODE_CREATE);

    assert_int_equal(store_note_put(store, "list", "a", slice_from_string(text), 0, NULL), 0);
    return store;
}

/* 0: the note is this one; else what went wrong, also from inside a child. */
static int look(const char *text)
{
    struct store *store = NULL;
    struct slice body;
    struct arena arena;
    int code = store_open(path, STORE_MODE_NOTES, &store, NULL);

    arena_init(&arena);
    if (code == 0)
        code = store_note_get(store, "list", "a", &arena, &body, NULL);
    if (code == 0 && !slice_equal(body, slice_from_string(text)))
        code = 1;
    arena_done(&arena);
    store_close(store);
    return code;
}

/* By somebody who may read only; where we are not root, we make ourselves so for the file. */
static int look_as_another(const char *text)
{
    int status = -1;
    pid_t pid;

    assert_int_equal(chmod(path, 0444), 0);
    pid = fork();
    if (pid == 0)
        _exit(getuid() == 0 && setuid(NOBODY) != 0 ? 100 : -look(text));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(chmod(path, 0644), 0);
    return status;
}

static int version(int set)
{
    char sql[48];
    sqlite3_stmt *statement;
    sqlite3 *db;
    int found;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (set > 0) {
        snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", set);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    }
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    found = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return found;
}

static void older_tables_stay_as_they_are(void **state)
{
    struct store *store = keep("text");

    store_close(store);
    version(4);
    assert_int_equal(look("text"), 0);
    assert_int_equal(look_as_another("text"), 0);
    assert_int_equal(version(0), 4);
    assert_int_equal(store_open(path, STORE_MODE_READ_ONLY, &store, NULL), ERROR_FORMAT);
    version(1);
    assert_int_equal(look("text"), ERROR_NOT_FOUND); /* there were none then */
    version(9999);
    assert_int_equal(look("text"), ERROR_FORMAT);
    remove_file();
    assert_int_equal(look("text"), ERROR_NOT_FOUND);
    assert_false(stands_beside(""));
}

static void nothing_is_left_beside_it(void **state)
{
    store_close(keep("text"));
    assert_int_equal(look("text"), 0);
    assert_int_equal(look_as_another("text"), 0);
    assert_false(stands_beside("-wal"));
    assert_false(stands_beside("-shm"));
    remove_file();
}

/* Who has the file open goes on, sees nothing of it, and keeps what is his. */
static void a_service_is_not_disturbed(void **state)
{
    struct store *service = keep("first"), *reader = open_as(STORE_MODE_NOTES);

    assert_int_equal(store_note_put(reader, "list", "a", SLICE("mine"), 0, NULL), ERROR_IO);
    assert_int_equal(store_note_put(service, "list", "a", SLICE("second"), 0, NULL), 0);
    store_close(reader);
    assert_int_equal(look("second"), 0);
    assert_int_equal(look_as_another("second"), 0);
    assert_true(stands_beside("-wal"));
    assert_int_equal(store_note_put(service, "list", "a", SLICE("third"), 0, NULL), 0);
    store_close(service);
    assert_false(stands_beside("-wal"));
    assert_int_equal(look("third"), 0);
    remove_file();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(older_tables_stay_as_they_are),
        cmocka_unit_test(nothing_is_left_beside_it),
        cmocka_unit_test(a_service_is_not_disturbed),
    };
    int failed;

    /* Others may make files in it, and must not. */
    if (mkdtemp(folder) == NULL || chmod(folder, 0777) != 0)
        return 1;
    snprintf(path, sizeof(path), "%s/x.db", folder);
    failed = cmocka_run_group_tests_name("store-notes", tests, NULL, NULL);
    remove_file();
    (void)rmdir(folder);
    return failed;
}
