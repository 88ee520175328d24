/* Tests of who reads an SQLite file that others write meanwhile. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "store/store_rig.h"

static int64_t age_ms(const char *path)
{
    struct timespec now;
    struct stat info;

    if (stat(path, &info) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    return (now.tv_sec - info.st_mtim.tv_sec) * 1000 +
           (now.tv_nsec - info.st_mtim.tv_nsec) / 1000000;
}

static bool expect_busy(int code, const struct error *error)
{
    return code == ERROR_BUSY && strstr(error->message, "changed while it was read") != NULL;
}

/* Whatever is read of a file that was changed. */
static bool is_refused(struct store *store, uint64_t job, struct store_page *page)
{
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 10};
    struct store_record record, records[STORE_RECORD_KIND_COUNT];
    struct store_record_total total;
    struct store_counts counts;
    struct store_job info;
    struct slice id, body;
    struct error e = {0};
    struct arena *arena = &page->arena;
    unsigned found;

    return expect_busy(store_page_read(store, job, &query, page, &e), &e) &&
           expect_busy(store_job_get(store, job, arena, &info, &e), &e) &&
           expect_busy(store_counts(store, job, &counts, &e), &e) &&
           expect_busy(store_note_get(store, "key", "one", arena, &body, &e), &e) &&
           expect_busy(store_note_next(store, "key", SLICE_EMPTY, arena, &id, &body, &e), &e) &&
           expect_busy(store_record_get(store, STORE_RECORD_BOUNCE, SLICE("k"), arena, &record, &e),
                       &e) &&
           expect_busy(store_records_get(store, 3, SLICE("k"), arena, records, &found, &e), &e) &&
           expect_busy(store_record_next(store, STORE_RECORD_BOUNCE, SLICE_EMPTY, SLICE_EMPTY,
                                         arena, &record, &e),
                       &e) &&
           expect_busy(store_records_total(store, STORE_RECORD_BOUNCE, &total, &e), &e);
}

/* A child without rights reads what the parent changes. Exit status: 0 as it should be. */
static int read_without_rights(const char *path, uint64_t job, int told, int go)
{
    struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = 10};
    struct store *store = NULL;
    struct store_page page;
    char byte = 0;

    store_page_init(&page);
    /* Changed right now: a change that follows could have the same time. */
    if (utimensat(AT_FDCWD, path, NULL, 0) != 0 || setuid(65534) != 0 ||
        store_open(path, STORE_MODE_READ_ONLY, &store, NULL) != 0)
        return 1;
    if (store_page_read(store, job, &query, &page, NULL) != 0 || page.count != 10)
        return 2;
    if (age_ms(path) < 19)
        return 3;
    if (write(told, &byte, 1) != 1 || read(go, &byte, 1) != 1)
        return 4;
    return is_refused(store, job, &page) ? 0 : 5;
}

static void a_change_under_a_reader_without_locks_is_noticed(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    int told[2], go[2], status;
    char byte = 0;
    pid_t child;

    if (getuid() != 0)
        skip(); /* for another user it takes one */
    add_rows(bench->store, id, 1, 100, 1000);
    store_close(bench->store);
    bench->store = NULL;
    assert_int_equal(chmod(bench->path, 0644), 0);
    assert_int_equal(chmod(bench->folder, 0755), 0);
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(go), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(go[1]);
        _exit(read_without_rights(bench->path, id, told[1], go[0]));
    }
    close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    open_again(bench, STORE_MODE_EXISTING);
    add_rows(bench->store, id, 101, 900, 1000);
    store_close(bench->store); /* the log goes into the file */
    bench->store = NULL;
    assert_int_equal(write(go[1], &byte, 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(told[0]);
    close(go[0]);
    close(go[1]);
}

static void readers_see_what_was_kept_while_it_is_written(void **state)
{
    struct bench *bench = *state;
    uint64_t id = add_job(bench->store);
    struct store *reader = NULL;

    add_rows(bench->store, id, 1, 100, 1000);
    assert_int_equal(store_open(bench->path, STORE_MODE_READ_ONLY, &reader, NULL), 0);
    assert_int_equal(get_job(reader, id).rows, 100);
    put(bench->store, id, 1, REASON_ACCEPTED);
    assert_int_equal(counts_of(reader, id).rows[REASON_ACCEPTED], 1);
    assert_int_equal(store_job_update(reader, &(struct store_job){.id = id}, NULL), ERROR_IO);
    store_close(reader);
}

static int64_t checked_ms(struct store *store, struct slice key)
{
    struct store_record record = {0};
    struct arena arena;
    int code;

    arena_init(&arena);
    code = store_record_get(store, STORE_RECORD_MAILBOX, key, &arena, &record, NULL);
    arena_done(&arena);
    assert_true(code >= 0);
    return code == 1 ? record.checked_unix_ms : 0;
}

static void keep_mailbox(struct store *store, struct slice key, int64_t checked_unix_ms)
{
    const struct store_record record = {
        .kind = STORE_RECORD_MAILBOX,
        .key = key,
        .group = SLICE("x.example"),
        .is_proof = true,
        .checked_unix_ms = checked_unix_ms,
        .expires_unix_ms = checked_unix_ms + 1000,
        .body = SLICE("{}"),
    };

    assert_int_equal(store_records_put(store, &record, 1, NULL), 0);
}

static void many_reads_are_one_view_until_somebody_writes(void **state)
{
    struct bench *bench = *state;
    struct slice a = SLICE("a@x.example"), b = SLICE("b@x.example");
    struct store *store = bench->store, *other = NULL;

    assert_int_equal(store_open(bench->path, STORE_MODE_EXISTING, &other, NULL), 0);
    keep_mailbox(store, a, 1);
    store_reads_begin(store);
    assert_int_equal(checked_ms(store, a), 1);
    keep_mailbox(other, a, 2);
    store_reads_begin(store);
    assert_int_equal(checked_ms(store, a), 1);
    store_reads_end(store);
    assert_int_equal(checked_ms(store, a), 1);
    /* What is written within is written at once, in a transaction or by a statement alone. */
    keep_mailbox(store, b, 3);
    assert_int_equal(checked_ms(other, b), 3);
    assert_int_equal(checked_ms(store, a), 2);
    store_reads_begin(store);
    assert_int_equal(checked_ms(store, a), 2);
    assert_int_equal(store_record_remove(store, STORE_RECORD_MAILBOX, b, NULL), 1);
    assert_int_equal(checked_ms(other, b), 0);
    store_reads_end(store);
    keep_mailbox(other, a, 4);
    assert_int_equal(checked_ms(store, a), 4);
    store_reads_end(store);
    keep_mailbox(other, a, 5);
    assert_int_equal(checked_ms(store, a), 5);
    store_close(other);
}

static unsigned kinds_found(struct store *store, struct slice key)
{
    struct store_record records[STORE_RECORD_KIND_COUNT];
    struct arena arena;
    unsigned found;

    arena_init(&arena);
    assert_int_equal(store_records_get(store, (1U << STORE_RECORD_KIND_COUNT) - 1, key, &arena,
                                       records, &found, NULL),
                     0);
    arena_done(&arena);
    return found;
}

static void kinds_that_come_later_are_found(void **state)
{
    const unsigned mailbox = 1U << STORE_RECORD_MAILBOX, bounce = 1U << STORE_RECORD_BOUNCE;
    struct store_record bounced = {.kind = STORE_RECORD_BOUNCE, .group = SLICE("x.example")};
    struct bench *bench = *state;
    struct store *store = bench->store, *other = NULL;
    struct slice a = SLICE("a@x.example");

    bounced.key = a;
    assert_int_equal(store_open(bench->path, STORE_MODE_EXISTING, &other, NULL), 0);
    store_reads_begin(store);
    assert_int_equal(kinds_found(store, a), 0);
    keep_mailbox(other, a, 1);
    assert_int_equal(kinds_found(store, a), 0); /* one view */
    store_reads_end(store);
    store_reads_begin(store);
    assert_int_equal(kinds_found(store, a), mailbox);
    assert_int_equal(store_records_put(store, &bounced, 1, NULL), 0);
    assert_int_equal(kinds_found(store, a), mailbox | bounce);
    store_reads_begin(store);
    assert_int_equal(kinds_found(store, a), mailbox | bounce);
    assert_int_equal(store_record_remove(store, STORE_RECORD_MAILBOX, a, NULL), 1);
    assert_int_equal(kinds_found(store, a), bounce);
    store_reads_end(store);
    store_reads_end(store);
    assert_int_equal(kinds_found(store, a), bounce);
    store_close(other);
}

static void what_others_wrote_is_noticed(void **state)
{
    struct bench *bench = *state;
    uint64_t before, after;
    struct store *other;
    struct error error = {0};

    assert_int_equal(store_others_mark(bench->store, &before, &error), 0);
    add_job(bench->store);
    assert_int_equal(store_others_mark(bench->store, &after, &error), 0);
    assert_true(after == before);
    assert_int_equal(store_open(bench->path, STORE_MODE_EXISTING, &other, &error), 0);
    add_job(other);
    store_close(other);
    assert_int_equal(store_others_mark(bench->store, &after, &error), 0);
    assert_true(after != before);
    before = after;
    assert_int_equal(store_others_mark(bench->store, &after, &error), 0);
    assert_true(after == before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SQLITE(a_change_under_a_reader_without_locks_is_noticed),
        SQLITE(readers_see_what_was_kept_while_it_is_written),
        SQLITE(many_reads_are_one_view_until_somebody_writes),
        SQLITE(kinds_that_come_later_are_found),
        SQLITE(what_others_wrote_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
