#include "bulk/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/instant.h"
#include "base/memory.h"
#include "bulk/spool.h"

#define BUFFER_SIZE ((size_t)256 << 10)
#define LAST_MS     (3 * (int64_t)SECOND_MS) /* for what is left when we are to stop */
#define LAST_PIECE  512       /* _POSIX_PIPE_BUF: does not wait where poll(2) says so */
#define LINKS_MAX   40        /* as path_resolution(7) has it */
#define PIPE_SIZE   (1 << 20) /* what a process may have without privileges (pipe(7)) */

struct bulk_output {
    char *path;      /* to appear under; links resolved */
    char *temporary; /* NULL: written directly */
    int fd;
    int aside; /* a file of which a pipe gets what is in it in the end; -1: none */
    bool is_direct;
    bool is_passing; /* needs no fsync */
    unsigned (*stops)(void);
    gzFile gz; /* owns a duplicate of fd; or NULL */
    struct buffer pending;
    struct error failed; /* what ended the writing; code 0: nothing did */
};

static unsigned times_stopped(const struct bulk_output *output)
{
    return output->is_direct && output->stops != NULL ? output->stops() : 0;
}

static int io_error(const struct bulk_output *output, const char *doing, int number,
                    struct error *error)
{
    const char *advice = number == ENOSPC || number == EDQUOT
                             ? "; make room and run it again: nothing that was found out is lost"
                         : number == EACCES || number == EROFS || number == EPERM
                             ? "; choose a folder that can be written"
                             : "";

    if (number == EINTR)
        return error_set(error, ERROR_STOPPED, "%s: a signal ended the wait for its reader",
                         output->path);
    if (number == EPIPE)
        return error_set(error, times_stopped(output) > 0 ? ERROR_STOPPED : ERROR_IO,
                         "%s: nobody reads it any more", output->path);
    return error_set(error, ERROR_IO, "%s: %s failed: %s%s", output->path, doing, strerror(number),
                     advice);
}

/* The folder of a path, with its slash; "" where it has none. */
static int folder_len(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? (int)(slash - path) + 1 : 0;
}

static int make_temporary(struct bulk_output *output, struct error *error)
{
    static atomic_uint serial;
    size_t size = strlen(output->path) + 64;

    output->temporary = memory_alloc(size);
    if (output->temporary == NULL)
        return error_set(error, ERROR_NOMEM, "%s: no memory to write it", output->path);
    do {
        snprintf(output->temporary, size, "%.*s.mailknock-%ld-%u.tmp", folder_len(output->path),
                 output->path, (long)getpid(), atomic_fetch_add(&serial, 1));
        output->fd = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (output->fd < 0 && errno == EEXIST);
    if (output->fd < 0) {
        int number = errno;

        memory_free(output->temporary);
        output->temporary = NULL;
        return io_error(output, "writing", number, error);
    }
    return 0;
}

/* Where a link leads to that leads to nothing yet: made there, as by anybody who writes to it. */
static bool follow(const char *path, char out[PATH_MAX])
{
    char target[PATH_MAX], from[PATH_MAX];
    ssize_t len;

    snprintf(out, PATH_MAX, "%s", path);
    for (unsigned i = 0; i < LINKS_MAX; i++) {
        len = readlink(out, target, sizeof(target) - 1);
        if (len <= 0)
            return i > 0;
        target[len] = '\0';
        memcpy(from, out, PATH_MAX);
        if (snprintf(out, PATH_MAX, "%.*s%s", target[0] == '/' ? 0 : folder_len(from), from,
                     target) >= PATH_MAX)
            return false;
    }
    return false;
}

const char *bulk_output_place(const char *path, char room[BULK_OUTPUT_PLACE_SIZE])
{
    struct stat about;

    if (stat(path, &about) == 0)
        return realpath(path, room) != NULL ? room : path;
    if (errno == ELOOP)
        return NULL;
    return follow(path, room) ? room : path;
}

/* What stands at the path already: a device or pipe is written directly, a file keeps its mode. */
static int open_path(struct bulk_output *output, const char *path, struct error *error)
{
    struct stat about;
    char resolved[PATH_MAX];
    bool exists = stat(path, &about) == 0;
    const char *place = bulk_output_place(path, resolved);
    int code;

    path = place != NULL ? place : path;
    output->path = memory_copy_string(path, strlen(path));
    if (output->path == NULL)
        return error_set(error, ERROR_NOMEM, "%s: no memory to write it", path);
    if (place == NULL)
        return io_error(output, "opening", ELOOP, error);
    if (exists && S_ISDIR(about.st_mode))
        return error_set(error, ERROR_IO, "%s: is a folder; name a file in it", path);
    if (exists && !S_ISREG(about.st_mode)) {
        output->is_direct = true;
        output->fd = open(path, O_WRONLY | O_CLOEXEC);
        return output->fd >= 0 ? 0 : io_error(output, "opening", errno, error);
    }
    code = make_temporary(output, error);
    if (code == 0 && exists)
        (void)fchmod(output->fd, about.st_mode & 07777); /* as near as we may come to it */
    return code;
}

/*
 * Results come a batch at a time: as much as fits into the pipe does not wait for its reader.
 * Anything else than a pipe, and a system that grants no more, stays as it is.
 */
static void widen_pipe(int fd)
{
#ifdef F_SETPIPE_SZ
    int size = fcntl(fd, F_GETPIPE_SZ);

    if (size >= 0 && size < PIPE_SIZE)
        (void)fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
#else
    (void)fd;
#endif
}

int bulk_output_open(const char *path, struct bulk_output **ret_output, struct error *error)
{
    struct bulk_output *output = memory_zalloc(1, sizeof(*output));
    int code = 0;

    if (output == NULL)
        return error_set(error, ERROR_NOMEM, "%s: no memory to write it", path);
    output->fd = -1;
    output->aside = -1;
    buffer_init(&output->pending, 0);
    if (strcmp(path, "-") == 0) {
        output->is_direct = true;
        output->path = memory_copy_string("standard output", 15);
        output->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        if (output->path == NULL)
            code = error_set(error, ERROR_NOMEM, "no memory to write");
        else if (output->fd < 0)
            code = io_error(output, "opening", errno, error);
    } else {
        code = open_path(output, path, error);
    }
    if (code == 0 && output->is_direct)
        widen_pipe(output->fd);
    if (code == 0 && slice_ends_with_nocase(slice_from_string(path), SLICE(".gz"))) {
        int copy = fcntl(output->fd, F_DUPFD_CLOEXEC, 3);

        output->gz = copy >= 0 ? gzdopen(copy, "wb6") : NULL;
        if (output->gz == NULL) {
            if (copy >= 0)
                close(copy);
            code = error_set(error, ERROR_NOMEM, "%s: no memory to compress it", path);
        }
    }
    if (code != 0) {
        bulk_output_abandon(output);
        return code;
    }
    *ret_output = output;
    return 0;
}

static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND_MS + now.tv_nsec / 1000000;
}

/* In pieces that don't wait, so that time and the next signal can end it. */
static int write_last(struct bulk_output *output, struct slice bytes, struct error *error)
{
    int64_t until = clock_ms() + (times_stopped(output) > 1 ? 0 : LAST_MS);

    while (bytes.len > 0) {
        struct pollfd place = {.fd = output->fd, .events = POLLOUT};
        int64_t left = until - clock_ms();
        int ready = poll(&place, 1, left > 0 ? (int)left : 0);
        ssize_t len = -1;

        if (ready < 0 && errno == EINTR && times_stopped(output) < 2)
            continue; /* another signal than those that stop us */
        errno = EINTR;
        if (ready > 0)
            len = write(output->fd, bytes.ptr, bytes.len < LAST_PIECE ? bytes.len : LAST_PIECE);
        if (len < 0 && errno == EINTR)
            return error_set(error, ERROR_STOPPED,
                             "%s: nobody read on when we were to stop: it breaks off",
                             output->path);
        if (len < 0)
            return io_error(output, "writing", errno, error);
        bytes = slice_from_offset(bytes, (size_t)len);
    }
    return 0;
}

static int write_all(struct bulk_output *output, struct slice bytes, struct error *error)
{
    while (bytes.len > 0 && times_stopped(output) == 0) {
        ssize_t len = write(output->fd, bytes.ptr, bytes.len);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return io_error(output, "writing", errno, error);
        bytes = slice_from_offset(bytes, (size_t)len);
    }
    return write_last(output, bytes, error);
}

static int write_pending(struct bulk_output *output, struct error *error)
{
    struct slice bytes = buffer_slice(&output->pending);
    struct error *failed = &output->failed;

    if (failed->code == 0 && output->gz == NULL)
        (void)write_all(output, bytes, failed);
    else if (failed->code == 0 && bytes.len > 0 &&
             gzwrite(output->gz, bytes.ptr, (unsigned)bytes.len) == 0)
        (void)io_error(output, "writing", errno, failed);
    buffer_clear(&output->pending);
    return failed->code == 0 ? 0 : error_set(error, failed->code, "%s", failed->message);
}

void bulk_output_heed(struct bulk_output *output, unsigned (*stops)(void))
{
    output->stops = stops;
}

void bulk_output_skip_sync(struct bulk_output *output)
{
    output->is_passing = true;
}

struct buffer *bulk_output_buffer(struct bulk_output *output)
{
    return &output->pending;
}

int bulk_output_push(struct bulk_output *output, struct error *error)
{
    return output->pending.len < BUFFER_SIZE ? 0 : write_pending(output, error);
}

int bulk_output_write(struct bulk_output *output, struct slice bytes, struct error *error)
{
    if (!buffer_append_slice(&output->pending, bytes))
        return error_set(error, ERROR_NOMEM, "%s: no memory to write it", output->path);
    return bulk_output_push(output, error);
}

int bulk_output_flush(struct bulk_output *output, struct error *error)
{
    return output->is_direct ? write_pending(output, error) : 0;
}

int bulk_output_file(struct bulk_output *output, int *ret_fd, struct error *error)
{
    int code = output->is_direct ? bulk_spool_unnamed(&output->aside, error) : 0;

    *ret_fd = output->is_direct ? output->aside : output->fd;
    return code;
}

/* What was to be complete before it goes to a pipe. */
static int copy_aside(struct bulk_output *output, struct error *error)
{
    char bytes[65536];
    ssize_t len = 1;
    int code = 0;

    for (off_t at = 0; code == 0 && len > 0; at += len) {
        len = pread(output->aside, bytes, sizeof(bytes), at);
        if (len < 0)
            return io_error(output, "reading back", errno, error);
        code = write_all(output, slice_from(bytes, (size_t)len), error);
    }
    return code;
}

/* The name itself must survive a power failure too. */
static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    int len = folder_len(path), fd;

    if (len >= (int)sizeof(folder))
        return;
    snprintf(folder, sizeof(folder), "%.*s", len > 0 ? len : 1, len > 0 ? path : ".");
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd); /* some file systems know no such thing for folders */
    close(fd);
}

static int complete_file(struct bulk_output *output, struct error *error)
{
    if (!output->is_passing && fsync(output->fd) != 0)
        return io_error(output, "writing", errno, error);
    if (rename(output->temporary, output->path) != 0)
        return io_error(output, "renaming", errno, error);
    memory_free(output->temporary);
    output->temporary = NULL;
    if (!output->is_passing)
        sync_folder(output->path);
    return 0;
}

int bulk_output_finish(struct bulk_output *output, struct error *error)
{
    int code = write_pending(output, error);

    if (output->gz != NULL) {
        int result = gzclose(output->gz);

        output->gz = NULL;
        if (code == 0 && result != Z_OK)
            code = io_error(output, "writing", errno, error);
    }
    if (code == 0 && !output->is_direct)
        code = complete_file(output, error);
    else if (code == 0 && output->aside >= 0)
        code = copy_aside(output, error);
    if (output->fd >= 0 && close(output->fd) != 0 && code == 0)
        code = io_error(output, "closing", errno, error);
    output->fd = -1;
    bulk_output_abandon(output);
    return code;
}

void bulk_output_abandon(struct bulk_output *output)
{
    if (output == NULL)
        return;
    if (output->gz != NULL)
        gzclose(output->gz);
    if (output->fd >= 0)
        close(output->fd);
    if (output->aside >= 0)
        close(output->aside);
    if (output->temporary != NULL)
        unlink(output->temporary);
    buffer_done(&output->pending);
    memory_free(output->temporary);
    memory_free(output->path);
    memory_free(output);
}
