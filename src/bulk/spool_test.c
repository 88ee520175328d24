/* Tests of temporary files: where there is no room, it is said where. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdlib.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_folder_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
