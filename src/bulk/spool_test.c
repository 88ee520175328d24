/* Tests of temporary files: where there is no room, it is said where. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "bulk/spool.h"

static void a_full_folder_is_named(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC), unnamed = -1;
    struct error error = {0};

    assert_true(fd >= 0);
    assert_int_equal(setenv("TMPDIR", "/nowhere", 1), 0);
    assert_int_equal(bulk_spool_write(fd, NULL, SLICE("x"), &error), ERROR_IO);
    assert_string_equal(error.message,
                        "a temporary file in /nowhere: writing failed: No space left "
                        "on device; TMPDIR names another folder");
    assert_int_equal(bulk_spool_unnamed(&unnamed, &error), ERROR_IO);
    assert_string_equal(error.message, "/nowhere: no temporary file can be made: No such file or "
                                       "directory; TMPDIR names another folder");
    assert_int_equal(setenv("TMPDIR", "", 1), 0);
    assert_int_equal(bulk_spool_write(fd, NULL, SLICE("x"), &error), ERROR_IO);
    assert_string_equal(error.message, "a temporary file in /tmp: writing failed: No space left on "
                                       "device; TMPDIR names another folder");
    assert_int_equal(bulk_spool_write(fd, "list", SLICE("x"), &error), ERROR_IO);
    assert_string_equal(error.message, "list: writing failed: No space left on device");
    unsetenv("TMPDIR");
    close(fd);
}

#define LIST_OCTETS 200000

struct bench {
    char folder[64], list[80], copy[80];
    struct rlimit before;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    FILE *list;

    if (bench == NULL)
        return -1;
    strcpy(bench->folder, "/tmp/mk-spool-XXXXXX");
    if (mkdtemp(bench->folder) == NULL)
        return -1;
    snprintf(bench->list, sizeof(bench->list), "%s/list", bench->folder);
    snprintf(bench->copy, sizeof(bench->copy), "%s/copy", bench->folder);
    list = fopen(bench->list, "w");
    for (int i = 0; list != NULL && i < LIST_OCTETS / 20; i++)
        fprintf(list, "user%05d@b.example\n", i);
    *state = bench;
    return list == NULL || fclose(list) != 0 || setenv("TMPDIR", bench->folder, 1) != 0 ||
           getrlimit(RLIMIT_FSIZE, &bench->before) != 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    unsetenv("TMPDIR");
    unlink(bench->list);
    unlink(bench->copy);
    assert_int_equal(rmdir(bench->folder), 0); /* nothing is left in it */
    free(bench);
    return 0;
}

/* A limit of a file's size answers just as a full disk does, in other words. */
static void allow(const struct bench *bench, rlim_t octets)
{
    struct rlimit limit = bench->before;

    signal(SIGXFSZ, SIG_IGN);
    limit.rlim_cur = octets;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static bool goes_on(void)
{
    return false;
}

static bool is_over(void)
{
    return true;
}

static off_t size_of(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? info.st_size : -1;
}

/* What is kept of a pipe does not fit: it is said where, and nothing is left. */
static void a_pipe_that_does_not_fit_is_told(void **state)
{
    struct bench *bench = *state;
    char path[BULK_SPOOL_PATH_SIZE], wanted[200];
    struct error unnamed = {0}, named = {0}, rest = {0};
    struct bulk_source *source = NULL;
    int fd = -1, codes[3];

    assert_int_equal(bulk_source_open(bench->list, &source, &rest), 0);
    allow(bench, LIST_OCTETS / 2);
    codes[0] = bulk_spool_input_unnamed(bench->list, goes_on, path, &unnamed);
    codes[1] = bulk_spool_input(bench->list, bench->copy, goes_on, &named);
    codes[2] = bulk_spool_source(source, &fd, &rest);
    allow(bench, bench->before.rlim_cur); /* what a test says may stand in a long file */
    bulk_source_close(source);
    for (int i = 0; i < 3; i++)
        assert_int_equal(codes[i], ERROR_IO);
    snprintf(wanted, sizeof(wanted),
             "a temporary file in %s: writing failed: File too large; TMPDIR names another folder",
             bench->folder);
    assert_string_equal(unnamed.message, wanted);
    assert_string_equal(rest.message, wanted);
    snprintf(wanted, sizeof(wanted), "%s: writing failed: File too large", bench->copy);
    assert_string_equal(named.message, wanted);
    assert_int_equal(size_of(bench->copy), -1);
}

static void a_pipe_that_fits_is_kept_whole(void **state)
{
    struct bench *bench = *state;
    char path[BULK_SPOOL_PATH_SIZE];
    struct error error = {0};

    assert_int_equal(bulk_spool_input_unnamed(bench->list, goes_on, path, &error), 0);
    assert_int_equal(size_of(path), LIST_OCTETS);
    assert_int_equal(bulk_spool_input(bench->list, bench->copy, goes_on, &error), 0);
    assert_int_equal(size_of(bench->copy), LIST_OCTETS);
    /* A signal may have ended whoever writes to us: then what came is not the list. */
    assert_int_equal(bulk_spool_input_unnamed(bench->list, is_over, path, &error), ERROR_STOPPED);
    assert_int_equal(bulk_spool_input(bench->list, bench->copy, is_over, &error), ERROR_STOPPED);
    assert_int_equal(size_of(bench->copy), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_folder_is_named),
        cmocka_unit_test_setup_teardown(a_pipe_that_does_not_fit_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pipe_that_fits_is_kept_whole, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
