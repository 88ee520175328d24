/* Where output goes: what a pipe takes without its reader. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "bulk/output.h"

#define BATCH (600U << 10) /* of results; pipes hold 64 KiB unless they are asked to hold more */

static void a_pipe_takes_a_batch_before_it_is_read(void **state)
{
    char folder[] = "/tmp/mk-output-XXXXXX", path[64];
    struct bulk_output *output = NULL;
    char *batch = memory_zalloc(BATCH, 1), *got = memory_zalloc(BATCH, 1);
    struct error error = {0};
    size_t len = 0;
    ssize_t more;
    int reader;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    for (size_t i = 0; i < BATCH; i++)
        batch[i] = (char)(i * 31 >> 3);
    assert_int_equal(bulk_output_open(path, &output, &error), 0);
    if (fcntl(reader, F_GETPIPE_SZ) < (int)BATCH)
        skip(); /* the system grants this user no more */
    alarm(20);  /* else it would wait for ever */
    assert_int_equal(bulk_output_write(output, slice_from(batch, BATCH), &error), 0);
    assert_int_equal(bulk_output_flush(output, &error), 0);
    alarm(0);
    while (len < BATCH && (more = read(reader, got + len, BATCH - len)) > 0)
        len += (size_t)more;
    assert_int_equal(len, BATCH);
    assert_memory_equal(got, batch, BATCH);
    assert_int_equal(bulk_output_finish(output, &error), 0);
    close(reader);
    unlink(path);
    rmdir(folder);
    memory_free(batch);
    memory_free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_takes_a_batch_before_it_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
