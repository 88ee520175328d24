/* Tests of what only PostgreSQL can show: its URLs, lost connections, tables of other ages. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/check.h"
#include "store/postgres_rig.h"
#include "store/store_rig.h"

/* --- what only PostgreSQL can show ----------------------------------------------------------- */

static int note_path(void *user, const char *path)
{
    buffer_append_string(user, path);
    buffer_append_byte(user, ' ');
    return strcmp(path, "/stop") == 0 ? ERROR_LIMIT : 0;
}

static void files_that_a_url_names_are_told(void **state)
{
    static const struct {
        const char *url, *told;
        int code;
    } rows[] = {
        {"sqlite:/a/b.db", "", 0},
        {"postgresql://h/d", "/env/root.crt ", 0},
        {"postgresql://h/d?sslrootcert=/url/root.crt", "/url/root.crt ", 0},
        {"postgresql://h/d?sslkey=/k&sslcert=/c&passfile=/p", "/p /c /k /env/root.crt ", 0},
        {"postgresql:///d?host=/run/one,h,/run/two", "/env/root.crt /run/one /run/two ", 0},
        {"postgresql://h/d?sslcert=/stop&sslkey=/k", "/stop ", ERROR_LIMIT},
        {"postgresql://?service=none-of-that-name", "/env/root.crt ", 0},
        {"postgresql://h:x:y/", "/env/root.crt ", 0},
    };
    struct buffer told;

    assert_int_equal(setenv("PGSSLROOTCERT", "/env/root.crt", 1), 0);
    buffer_init(&told, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buffer_clear(&told);
        assert_int_equal(store_url_files(rows[i].url, note_path, &told), rows[i].code);
        if (!slice_equal(buffer_slice(&told), slice_from_string(rows[i].told)))
            fail_msg("%s: %.*s", rows[i].url, SLICE_ARG(buffer_slice(&told)));
        assert_null(getenv("PGSERVICE"));
    }
    buffer_done(&told);
    assert_int_equal(unsetenv("PGSSLROOTCERT"), 0);
}

static void secrets_are_refused_and_not_repeated(void **state)
{
    static const char *const urls[] = {
        "postgresql://me:hush-hush@/db?host=/nowhere",
        "postgresql:///db?host=/nowhere&password=hush-hush",
        "postgresql:///db?host=/nowhere&sslpassword=hush-hush",
        "postgresql://me:hush-hush@[::1/db",
        "postgresql:///db?hush-hush=1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct error error = {0};
        struct store *store;

        assert_int_equal(store_open(urls[i], STORE_MODE_CREATE, &store, &error), ERROR_USAGE);
        assert_null(strstr(error.message, "hush"));
    }
}

static void a_server_that_is_not_there_is_an_error(void **state)
{
    struct error error = {0};
    struct store *store;

    (void)state;
    setenv("PGPASSWORD", "hush-hush", 1);
    assert_int_equal(
        store_open("postgresql://me@/db?host=/nowhere", STORE_MODE_CREATE, &store, &error),
        ERROR_IO);
    unsetenv("PGPASSWORD");
    assert_non_null(strstr(error.message, "postgresql:///nowhere/db"));
    assert_null(strstr(error.message, "hush"));
}

/* Texts of a row that is being erased don't come back with a newer judgement. */
static void what_is_erased_meanwhile_stays_so(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store), replaced = 99;
    struct store_result result = result_of(1, REASON_LISTED_DOMAIN);
    struct postgres_rig_session *session;
    struct store_page page;
    char sql[400];

    add_rows(bench->store, id, 1, 2, 1000);
    put(bench->store, id, 1, REASON_ACCEPTS_ALL);
    snprintf(sql, sizeof(sql),
             "BEGIN; UPDATE mailknock.line SET address='', fault='erased' WHERE job=%llu AND row=1;"
             "UPDATE mailknock.result SET explanation=NULL, json=NULL WHERE job=%llu AND row=1",
             (unsigned long long)id, (unsigned long long)id);
    session = postgres_rig_begin(sql, "SELECT pg_sleep(0.3); COMMIT");
    assert_int_equal(store_results_replace(bench->store, id, &result, 1, &replaced, NULL), 0);
    postgres_rig_end(session);
    assert_int_equal(replaced, 0);
    store_page_init(&page);
    assert_int_equal(store_line_read(bench->store, id, 1, &page, NULL), 0);
    assert_int_equal(page.lines[0].result.reason, REASON_ACCEPTS_ALL);
    assert_int_equal(page.lines[0].result.explanation.len, 0);
    store_page_done(&page);
}

static void a_lost_connection_is_made_again(void **state)
{
    static const char kill[] = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                               " WHERE application_name='mailknock'";
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);

    add_rows(bench->store, id, 1, 50, 1000);
    put(bench->store, id, 1, REASON_ACCEPTED);
    for (int i = 0; i < 3; i++) {
        postgres_rig_run(kill);
        usleep(20000);
        /* Prepared statements were the old connection's. */
        put(bench->store, id, 1, REASON_TIMEOUT);
        assert_int_equal(get_job(bench->store, id).done, 1);
    }
    add_rows(bench->store, id, 51, 60, 1000);
    assert_int_equal(get_job(bench->store, id).rows, 60);
}

static void many_may_start_at_once(void **state)
{
    struct bench *bench = *state;
    pid_t pids[8];

    store_close(bench->store);
    bench->store = NULL;
    for (int round = 0; round < 2; round++) {
        postgres_rig_run("SET client_min_messages TO error; DROP SCHEMA mailknock CASCADE");
        for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                struct error error = {0};
                struct store *store;

                if (store_open(bench->path, STORE_MODE_CREATE, &store, &error) == 0)
                    _exit(0);
                fprintf(stderr, "%s\n", error.message);
                _exit(1);
            }
        }
        for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
            int status = -1;

            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_int_equal(status, 0);
        }
    }
    open_again(bench, STORE_MODE_EXISTING);
}

static void tables_have_an_age(void **state)
{
    struct bench *bench = *state;
    struct error error = {0};
    struct store *store;

    /* Of a newer program, but this one may go on with them. */
    postgres_rig_run("INSERT INTO mailknock.version (version, oldest) VALUES (1000, 1)");
    open_again(bench, STORE_MODE_CREATE);
    postgres_rig_run("UPDATE mailknock.version SET oldest=1000 WHERE version=1000");
    assert_int_equal(store_open(bench->path, STORE_MODE_CREATE, &store, &error), ERROR_FORMAT);
    assert_non_null(strstr(error.message, "newer mailknock"));
    postgres_rig_run("SET client_min_messages TO error; DROP SCHEMA mailknock CASCADE");
    assert_int_equal(store_open(bench->path, STORE_MODE_EXISTING, &store, &error), ERROR_NOT_FOUND);
    assert_int_equal(store_open(bench->path, STORE_MODE_READ_ONLY, &store, &error),
                     ERROR_NOT_FOUND);
}

static void a_reader_changes_nothing(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    struct store_job job = get_job(bench->store, id);
    struct error error = {0};

    open_again(bench, STORE_MODE_READ_ONLY);
    assert_int_equal(store_job_update(bench->store, &job, &error), ERROR_IO);
    assert_int_equal(get_job(bench->store, id).created_unix_ms, 1000);
}

/* Of an older program's tables: they are left so. */
static void notes_are_looked_at_as_they_are(void **state)
{
    static const char older[] = "DELETE FROM mailknock.version WHERE version=(SELECT max(version) "
                                "FROM mailknock.version)";
    struct bench *bench = *state;
    struct error error = {0};
    struct store *store;
    struct slice body;
    struct arena arena;

    arena_init(&arena);
    assert_int_equal(store_note_put(bench->store, "list", "a", SLICE("text"), 0, NULL), 0);
    postgres_rig_run(older);
    for (int i = 0; i < 2; i++) {
        open_again(bench, STORE_MODE_NOTES);
        assert_int_equal(store_note_get(bench->store, "list", "a", &arena, &body, NULL), 0);
        assert_true(slice_equal(body, SLICE("text")));
    }
    assert_int_equal(store_note_put(bench->store, "list", "a", SLICE("mine"), 0, &error), ERROR_IO);
    assert_int_equal(store_open(bench->path, STORE_MODE_READ_ONLY, &store, &error), ERROR_FORMAT);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_refused_and_not_repeated),
        cmocka_unit_test(files_that_a_url_names_are_told),
        cmocka_unit_test(a_server_that_is_not_there_is_an_error),
    };
    const struct CMUnitTest shared[] = {
        IN_POSTGRES(what_is_erased_meanwhile_stays_so),
        IN_POSTGRES(a_lost_connection_is_made_again),
        IN_POSTGRES(many_may_start_at_once),
        IN_POSTGRES(tables_have_an_age),
        IN_POSTGRES(a_reader_changes_nothing),
        IN_POSTGRES(notes_are_looked_at_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL) + store_rig_shared(shared, ARRAY_LEN(shared));
}
