#include "bulk/job_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/memory.h"
#include "probe/ledger.h"

#define LOCK_TRIES   20 /* somebody who only looks holds it for an instant */
#define LOCK_WAIT_US 50000
#define READ_SIZE    (1U << 20)

/* -1 with errno; *ret_same: the file that was locked still has this name. */
static int open_and_lock(const char *path, int creating, bool *ret_same, bool *ret_is_new)
{
    int fd = open(path, O_RDWR | creating | O_NONBLOCK | O_CLOEXEC, 0666);
    struct stat locked = {0}, named;

    if (fd < 0)
        return -1;
    if (fstat(fd, &locked) == 0 && !S_ISREG(locked.st_mode)) {
        close(fd);
        errno = ENOTSUP;
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int why = errno;

        close(fd);
        errno = why;
        return -1;
    }
    *ret_same = fstat(fd, &locked) == 0 && stat(path, &named) == 0 &&
                locked.st_ino == named.st_ino && locked.st_dev == named.st_dev;
    *ret_is_new = locked.st_size == 0;
    return fd;
}

int bulk_job_lock(const char *path, int *ret_lock, bool *ret_is_new, struct error *error)
{
    int creating = ret_is_new != NULL ? O_CREAT : 0;
    bool is_new = false;

    if (ret_is_new == NULL)
        ret_is_new = &is_new;
    for (unsigned i = 0; i < LOCK_TRIES; i++) {
        bool same = false;
        int fd = open_and_lock(path, creating, &same, ret_is_new);

        if (fd >= 0 && same) {
            *ret_lock = fd;
            return 0;
        }
        if (fd >= 0)
            close(fd); /* its last owner has just taken it away */
        else if (errno == ENOTSUP || errno == EISDIR || errno == ENXIO) /* a socket */
            return error_set(error, ERROR_IO,
                             "%s is no file: take it away, or give the output another name", path);
        else if (errno == ENOENT && creating == 0)
            return error_set(error, ERROR_IO, "%s is not there any more", path);
        else if (errno != EWOULDBLOCK && errno != EINTR)
            return error_set(
                error, ERROR_IO,
                "cannot open %s, which keeps what is found out: %s; let this user write "
                "to it, or give the output another name",
                path, strerror(errno));
        usleep(LOCK_WAIT_US);
    }
    return error_set(error, ERROR_BUSY,
                     "another mailknock works on %s; wait for it, or look with: mailknock jobs %s",
                     path, path);
}

void bulk_job_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}

bool bulk_job_is_locked(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* it may be a pipe without a writer */
    bool is_locked;

    if (fd < 0)
        return false;
    is_locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return is_locked;
}

void bulk_job_spool_name(struct buffer *out, const char *path, size_t index, bool is_part)
{
    buffer_clear(out);
    buffer_printf(out, "%s.input", path);
    if (index > 0)
        buffer_printf(out, "%zu", index + 1);
    if (is_part)
        buffer_printf(out, ".part");
    buffer_append_byte(out, '\0');
}

void bulk_job_spools_remove(const char *path, size_t index)
{
    struct buffer name;
    size_t end = index;
    bool is_there = true;

    buffer_init(&name, 0);
    while (is_there) {
        is_there = false;
        for (unsigned part = 0; part < 2; part++) {
            bulk_job_spool_name(&name, path, end, part == 1);
            is_there |= !name.failed && access(name.ptr, F_OK) == 0;
        }
        end += is_there;
    }
    /* From the last on: killed meanwhile, the rest is still found. */
    for (; end > index; end--)
        for (unsigned part = 0; part < 2; part++) {
            bulk_job_spool_name(&name, path, end - 1, part == 1);
            if (!name.failed)
                unlink(name.ptr);
        }
    buffer_done(&name);
}

void bulk_job_file_remove(const char *path)
{
    static const char *const endings[] = {"-wal", "-shm", PROBE_LEDGER_END, ""};
    struct buffer name;

    bulk_job_spools_remove(path, 0);
    buffer_init(&name, 0);
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        buffer_clear(&name);
        if (buffer_printf(&name, "%s%s", path, endings[i]) && buffer_append_byte(&name, '\0'))
            unlink(name.ptr);
    }
    buffer_done(&name);
}

/* --- fingerprints -------------------------------------------------------------------------- */

static int add_file(const char *path, char *bytes, XXH3_state_t *state, uint64_t *size,
                    struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), code = 0;
    ssize_t got = 1;

    if (fd < 0)
        return error_set(error, ERROR_IO, "cannot read %s: %s%s", path, strerror(errno),
                         path[0] != '/' && errno == ENOENT
                             ? "; it was looked for in the folder that you are in"
                             : "");
    while (got > 0) {
        got = read(fd, bytes, READ_SIZE);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got < 0)
            code = error_set(error, ERROR_IO, "cannot read %s: %s", path, strerror(errno));
        else if (got > 0) {
            XXH3_128bits_update(state, bytes, (size_t)got);
            *size += (uint64_t)got;
        }
    }
    /* So that two files are not as one. */
    XXH3_128bits_update(state, size, sizeof(*size));
    close(fd);
    return code;
}

int bulk_job_fingerprint(const char *const *files, size_t count, char out[BULK_FINGERPRINT_SIZE],
                         struct error *error)
{
    XXH3_state_t *state = XXH3_createState();
    char *bytes = memory_alloc(READ_SIZE);
    uint64_t size = 0;
    XXH128_hash_t hash;
    int code = 0;

    if (state == NULL || bytes == NULL) {
        code = error_set(error, ERROR_NOMEM, "no memory to read the list");
        goto done;
    }
    XXH3_128bits_reset(state);
    for (size_t i = 0; i < count && code == 0; i++)
        code = add_file(files[i], bytes, state, &size, error);
    hash = XXH3_128bits_digest(state);
    snprintf(out, BULK_FINGERPRINT_SIZE, "%llu-%016llx%016llx", (unsigned long long)size,
             (unsigned long long)hash.high64, (unsigned long long)hash.low64);
done:
    XXH3_freeState(state);
    memory_free(bytes);
    return code;
}
