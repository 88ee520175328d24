#include "bulk/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *bulk_spool_folder(void)
{
    const char *folder = getenv("TMPDIR");

    return folder != NULL && folder[0] != '\0' ? folder : "/tmp";
}

static int write_failed(const char *name, int number, struct error *error)
{
    if (name != NULL)
        return error_set(error, ERROR_IO, "%s: writing failed: %s", name, strerror(number));
    return error_set(error, ERROR_IO,
                     "a temporary file in %s: writing failed: %s; TMPDIR names another folder",
                     bulk_spool_folder(), strerror(number));
}

int bulk_spool_write(int fd, const char *name, struct slice bytes, struct error *error)
{
    while (bytes.len > 0) {
        ssize_t len = write(fd, bytes.ptr, bytes.len);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return write_failed(name, errno, error);
        bytes = slice_from_offset(bytes, (size_t)len);
    }
    return 0;
}

static const char *name_of(const char *from)
{
    return strcmp(from, "-") == 0 ? "standard input" : from;
}

static int wait_ended(const char *from, struct error *error)
{
    return error_set(error, ERROR_STOPPED, "%s: a signal ended the wait for it", name_of(from));
}

/* -1: an error was set. */
static int open_input(const char *from, struct error *error)
{
    int fd = strcmp(from, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                    : open(from, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == EINTR) /* a pipe without a writer */
        (void)wait_ended(from, error);
    else if (fd < 0)
        (void)error_set(error, ERROR_IO, "%s: can't be opened: %s", name_of(from), strerror(errno));
    return fd;
}

static int copy_input(int input, const char *from, int fd, const char *path,
                      bool (*is_stopped)(void), struct error *error)
{
    static const size_t size = 65536;
    char bytes[65536];
    ssize_t len;

    for (;;) {
        int code;

        len = read(input, bytes, size);
        if ((len < 0 && errno == EINTR) || (len >= 0 && is_stopped()))
            return wait_ended(from, error);
        if (len < 0)
            return error_set(error, ERROR_IO, "%s: reading failed: %s", name_of(from),
                             strerror(errno));
        if (len == 0)
            return 0;
        code = bulk_spool_write(fd, path, slice_from(bytes, (size_t)len), error);
        if (code != 0)
            return code;
    }
}

int bulk_spool_input(const char *from, const char *path, bool (*is_stopped)(void),
                     struct error *error)
{
    int input = open_input(from, error), fd, code;

    if (input < 0)
        return error->code;
    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        code = error_set(error, ERROR_IO, "%s: can't be made to keep %s in: %s", path,
                         name_of(from), strerror(errno));
        close(input);
        return code;
    }
    code = copy_input(input, from, fd, path, is_stopped, error);
    close(input);
    if (code == 0 && fsync(fd) != 0)
        code = error_set(error, ERROR_IO, "%s: writing failed: %s", path, strerror(errno));
    if (close(fd) != 0 && code == 0)
        code = error_set(error, ERROR_IO, "%s: closing failed: %s", path, strerror(errno));
    if (code != 0)
        unlink(path);
    return code;
}

int bulk_spool_input_unnamed(const char *from, bool (*is_stopped)(void),
                             char ret_path[BULK_SPOOL_PATH_SIZE], struct error *error)
{
    int input = open_input(from, error), fd = -1, code;

    if (input < 0)
        return error->code;
    code = bulk_spool_unnamed(&fd, error);
    if (code == 0)
        code = copy_input(input, from, fd, NULL, is_stopped, error);
    close(input);
    if (code == 0) {
        snprintf(ret_path, BULK_SPOOL_PATH_SIZE, "/proc/self/fd/%d", fd);
        if (access(ret_path, R_OK) != 0)
            code = error_set(error, ERROR_IO,
                             "%s can't be kept: %s: %s; put it into a file, and name that",
                             name_of(from), ret_path, strerror(errno));
    }
    if (code != 0 && fd >= 0)
        close(fd);
    return code;
}

int bulk_spool_unnamed(int *ret_fd, struct error *error)
{
    const char *folder = bulk_spool_folder();
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof(path), "%s/mailknock-XXXXXX", folder);
#ifdef O_TMPFILE
    *ret_fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*ret_fd >= 0) /* not every file system has files without a name from the start */
        return 0;
#endif
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return error_set(error, ERROR_IO,
                         "%s: no temporary file can be made: %s; TMPDIR names another folder",
                         folder, strerror(errno));
    unlink(path);
    *ret_fd = fd;
    return 0;
}

int bulk_spool_source(struct bulk_source *source, int *ret_fd, struct error *error)
{
    int fd, code = bulk_spool_unnamed(&fd, error);

    if (code != 0)
        return code;
    for (;;) {
        struct slice window = bulk_source_window(source);

        code = bulk_spool_write(fd, NULL, window, error);
        bulk_source_use(source, window.len);
        if (code != 0 || (window.len == 0 && bulk_source_at_end(source)))
            break;
        code = bulk_source_more(source, error);
        if (code != 0)
            break;
    }
    if (code == 0 && lseek(fd, 0, SEEK_SET) != 0)
        code = error_set(error, ERROR_IO, "temporary file: %s", strerror(errno));
    if (code != 0) {
        close(fd);
        return code;
    }
    *ret_fd = fd;
    return 0;
}
