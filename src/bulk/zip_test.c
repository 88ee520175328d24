/* Tests of ZIP archives: libzip finds what was put in, also beyond four gigabytes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zip.h>
#include <zlib.h>

#include "base/memory.h"
#include "bulk/spool.h"
#include "bulk/zip.h"

static int temporary(void)
{
    char path[] = "/tmp/mk-zip-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    return fd;
}

static int add(struct bulk_zip *zip, const char *name, struct slice bytes, uint64_t said,
               struct error *error)
{
    int code = bulk_zip_begin(zip, name, said, error);

    for (size_t at = 0; at < bytes.len && code == 0; at += 1000)
        code = bulk_zip_write(zip, slice_prefix(slice_from_offset(bytes, at), 1000), error);
    return code == 0 ? bulk_zip_end(zip, error) : code;
}

static void assert_entry(zip_t *zip, const char *name, struct slice wanted)
{
    zip_file_t *file = zip_fopen(zip, name, 0);
    char *bytes = malloc(wanted.len + 1);

    assert_non_null(file);
    assert_non_null(bytes);
    assert_int_equal(zip_fread(file, bytes, wanted.len + 1), wanted.len);
    assert_memory_equal(bytes, wanted.ptr, wanted.len);
    assert_int_equal(zip_fclose(file), 0); /* and its checksum is right */
    free(bytes);
}

static void entries_come_back(void **state)
{
    /* The second begins as an entry beyond four gigabytes does. */
    static const uint64_t said[] = {200000, UINT64_C(5) << 30};
    char noise[200000];
    struct slice large = slice_from(noise, sizeof(noise));

    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)(i * i >> 7 ^ i * 31);
    for (size_t i = 0; i < 2; i++) {
        struct error error = {0};
        struct bulk_zip *writer;
        int fd = temporary(), number = 0;
        zip_t *zip;
        zip_stat_t about;

        assert_int_equal(bulk_zip_open(fd, INT64_C(1764115200000), &writer, &error), 0);
        assert_int_equal(add(writer, "a.csv", large, said[i], &error), 0);
        assert_int_equal(add(writer, "empty", SLICE_EMPTY, 0, &error), 0);
        assert_int_equal(add(writer, "original/\xc3\xa9.csv", SLICE("x"), said[i], &error), 0);
        assert_int_equal(bulk_zip_finish(writer, &error), 0);
        bulk_zip_close(writer);
        zip = zip_fdopen(fd, ZIP_CHECKCONS, &number);
        assert_non_null(zip);
        assert_int_equal(zip_get_num_entries(zip, 0), 3);
        assert_entry(zip, "a.csv", large);
        assert_entry(zip, "empty", SLICE_EMPTY);
        assert_entry(zip, "original/\xc3\xa9.csv", SLICE("x"));
        assert_int_equal(zip_stat(zip, "a.csv", 0, &about), 0);
        assert_true(about.comp_size < sizeof(noise));
        zip_discard(zip);
    }
}

static uint64_t number_at(const unsigned char *bytes, unsigned len)
{
    uint64_t number = 0;

    while (len-- > 0)
        number = number << 8 | bytes[len];
    return number;
}

/* What stands at the end (APPNOTE 4.3.14 to 4.3.16), read without libzip's help. */
static void assert_end(int fd, bool is_far, uint64_t entries, uint64_t directory_at)
{
    unsigned char end[22], locator[20], end_64[56];
    off_t size = lseek(fd, 0, SEEK_END);

    assert_int_equal(pread(fd, end, sizeof(end), size - 22), sizeof(end));
    assert_int_equal(number_at(end, 4), 0x06054b50);
    assert_int_equal(number_at(end + 10, 2), entries);
    assert_int_equal(number_at(end + 16, 4), is_far ? UINT32_MAX : directory_at);
    assert_int_equal(pread(fd, locator, sizeof(locator), size - 42), sizeof(locator));
    assert_int_equal(number_at(locator, 4) == 0x07064b50, is_far);
    if (!is_far)
        return;
    assert_int_equal(number_at(locator + 16, 4), 1); /* disks */
    assert_int_equal(number_at(locator + 8, 8), size - 42 - 56);
    assert_int_equal(pread(fd, end_64, sizeof(end_64), size - 42 - 56), sizeof(end_64));
    assert_int_equal(number_at(end_64, 4), 0x06064b50);
    assert_int_equal(number_at(end_64 + 4, 8), sizeof(end_64) - 12);
    assert_int_equal(number_at(end_64 + 24, 8), entries);
    assert_int_equal(number_at(end_64 + 32, 8), entries);
    assert_int_equal(number_at(end_64 + 40, 8) + number_at(end_64 + 48, 8), size - 42 - 56);
    assert_int_equal(number_at(end_64 + 48, 8), directory_at);
}

/* What its headers say of an entry, read without libzip's help: APPNOTE 4.3.7, 4.3.12, 4.5.3. */
static void assert_headers(int fd, uint64_t at, uint64_t directory_at, uint64_t size, bool is_large)
{
    bool is_far = at >= UINT32_MAX, needs_64 = is_large || is_far;
    unsigned char local[30], extra[28], record[46];
    unsigned name_len, extra_len;

    assert_int_equal(pread(fd, local, sizeof(local), (off_t)at), sizeof(local));
    assert_int_equal(number_at(local, 4), 0x04034b50);
    assert_int_equal(number_at(local + 4, 2), is_large ? 45 : 20);
    assert_int_equal(number_at(local + 22, 4), is_large ? UINT32_MAX : size);
    assert_int_equal(number_at(local + 28, 2), is_large ? 20 : 0);
    assert_int_equal(pread(fd, record, sizeof(record), (off_t)directory_at), sizeof(record));
    assert_int_equal(number_at(record, 4), 0x02014b50);
    assert_int_equal(number_at(record + 6, 2), needs_64 ? 45 : 20);
    assert_int_equal(number_at(record + 24, 4), is_large ? UINT32_MAX : size);
    assert_int_equal(number_at(record + 42, 4), is_far ? UINT32_MAX : at);
    name_len = (unsigned)number_at(record + 28, 2);
    extra_len = (unsigned)number_at(record + 30, 2);
    assert_int_equal(extra_len, needs_64 ? 4 + is_large * 16 + is_far * 8 : 0);
    assert_int_equal(pread(fd, extra, extra_len, (off_t)(directory_at + 46 + name_len)), extra_len);
    if (is_large)
        assert_int_equal(number_at(extra + 4, 8), size);
    if (is_far)
        assert_int_equal(number_at(extra + extra_len - 8, 8), at);
}

/* Where ZIP64 begins is said by what is announced, and by where an entry begins. */
static void large_entries_are_told_from_others(void **state)
{
    static const struct {
        uint64_t said, hole;
        bool is_large;
    } rows[] = {
        {0, 0, false},
        {BULK_ZIP_PLAIN_MAX - 1, 0, false},
        {BULK_ZIP_PLAIN_MAX, 0, true},
        {UINT32_MAX, 0, true},
        {UINT64_MAX, 0, true},
        {BULK_ZIP_PLAIN_MAX - 1, UINT32_MAX - UINT64_C(1), false},
        {BULK_ZIP_PLAIN_MAX - 1, UINT32_MAX, false},
        {BULK_ZIP_PLAIN_MAX, UINT32_MAX, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {0};
        struct bulk_zip *writer;
        int fd = temporary();
        uint64_t directory_at;

        assert_int_equal(bulk_zip_open(fd, 0, &writer, &error), 0);
        bulk_zip_skip(writer, rows[i].hole);
        assert_int_equal(add(writer, "some.csv", SLICE("what is in it"), rows[i].said, &error), 0);
        directory_at = (uint64_t)lseek(fd, 0, SEEK_END);
        assert_int_equal(bulk_zip_finish(writer, &error), 0);
        bulk_zip_close(writer);
        assert_headers(fd, rows[i].hole, directory_at, 13, rows[i].is_large);
        close(fd);
    }
}

/* The largest entry without ZIP64 fits into it, though it be noise. */
static void noise_fits_without_zip64(void **state)
{
    z_stream stream = {0};

    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_true(deflateBound(&stream, BULK_ZIP_PLAIN_MAX - 1) < UINT32_MAX);
    assert_int_equal(deflateEnd(&stream), Z_OK);
}

/* Archives that end just before and just beyond four gigabytes, with an entry on either side. */
static void archives_go_beyond_four_gigabytes(void **state)
{
    static const uint64_t ends[] = {UINT32_MAX - 1, UINT32_MAX, (UINT64_C(1) << 32) + 1,
                                    UINT64_C(9) << 30};

    for (size_t i = 0; i < 4; i++) {
        struct error error = {0};
        struct bulk_zip *writer;
        int fd = temporary(), number = 0;
        uint64_t first, second;
        zip_t *zip;

        assert_int_equal(bulk_zip_open(fd, INT64_C(1764115200000), &writer, &error), 0);
        assert_int_equal(add(writer, "near.csv", SLICE("near"), 4, &error), 0);
        first = (uint64_t)lseek(fd, 0, SEEK_END);
        assert_int_equal(add(writer, "far.csv", SLICE("as far"), 6, &error), 0);
        second = (uint64_t)lseek(fd, 0, SEEK_END) - first;
        /* The third is as long as the second, and the directory begins behind it. */
        bulk_zip_skip(writer, ends[i] - first - 2 * second);
        assert_int_equal(add(writer, "end.csv", SLICE("at end"), 6, &error), 0);
        assert_int_equal(lseek(fd, 0, SEEK_END), ends[i]);
        assert_int_equal(bulk_zip_finish(writer, &error), 0);
        bulk_zip_close(writer);
        assert_end(fd, ends[i] >= UINT32_MAX, 3, ends[i]);
        zip = zip_fdopen(fd, ZIP_CHECKCONS, &number);
        assert_non_null(zip);
        assert_int_equal(zip_get_num_entries(zip, 0), 3);
        assert_entry(zip, "near.csv", SLICE("near"));
        assert_entry(zip, "far.csv", SLICE("as far"));
        assert_entry(zip, "end.csv", SLICE("at end"));
        zip_discard(zip);
    }
}

static void failures_are_said(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct error error = {0};
    struct rlimit before;
    struct bulk_zip *zip;
    char wanted[200];

    assert_true(fd >= 0);
    assert_int_equal(bulk_zip_open(fd, 0, &zip, &error), 0);
    assert_int_equal(bulk_zip_begin(zip, "a", 1, &error), ERROR_IO);
    assert_non_null(strstr(error.message, "make room and run it again: nothing that was found"));
    bulk_zip_close(zip);
    close(fd);
    /* Of a file without a name its folder is. */
    fd = temporary();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, before.rlim_max}), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(bulk_zip_open(fd, 0, &zip, &error), 0);
    assert_int_equal(bulk_zip_begin(zip, "a", 1, &error), ERROR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    snprintf(wanted, sizeof(wanted), "a temporary file in %s: File too large; TMPDIR names",
             bulk_spool_folder());
    assert_non_null(strstr(error.message, wanted));
    bulk_zip_close(zip);
    close(fd);
}

static void memory_runs_out(void **state)
{
    bool done = false;

    for (int64_t n = 0; n < 100 && !done; n++) {
        struct error error = {0};
        struct bulk_zip *zip = NULL;
        int fd = temporary(), code;

        memory_fail_after(n);
        code = bulk_zip_open(fd, 0, &zip, &error);
        if (code == 0)
            code = add(zip, "a", SLICE("abc"), 3, &error);
        if (code == 0)
            code = bulk_zip_finish(zip, &error);
        memory_fail_after(-1);
        assert_true(code == 0 || code == ERROR_NOMEM);
        bulk_zip_close(zip);
        close(fd);
        done = code == 0;
    }
    assert_true(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_back),
        cmocka_unit_test(large_entries_are_told_from_others),
        cmocka_unit_test(noise_fits_without_zip64),
        cmocka_unit_test(archives_go_beyond_four_gigabytes),
        cmocka_unit_test(failures_are_said),
        cmocka_unit_test(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
