/* Tests of the lock on a job file. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "bulk/job_file.h"

/* Whoever looks at, or takes away, a job that has just gone does not leave an empty one behind. */
static void what_is_gone_is_not_made(void **state)
{
    char path[] = "/tmp/mk-job-XXXXXX";
    struct error error = {0};
    bool is_new = false;
    int lock = -1, fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(bulk_job_lock(path, &lock, NULL, &error), ERROR_IO);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(bulk_job_lock(path, &lock, &is_new, &error), 0);
    assert_true(is_new);
    assert_true(bulk_job_is_locked(path));
    bulk_job_unlock(lock);
    assert_int_equal(bulk_job_lock(path, &lock, NULL, &error), 0);
    assert_true(bulk_job_is_locked(path));
    bulk_job_unlock(lock);
    assert_false(bulk_job_is_locked(path));
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_gone_is_not_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
