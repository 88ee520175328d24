/*
 * Landlock by its three system calls: Debian 12 has no library for it.
 *
 * Its rules hold for folders as they are when it is set up: a file that is later put into one
 * belongs to it, a file of its own that is replaced (renamed over) does not come back.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/confine.h"

#define VERSION_MIN 2 /* since then files can be renamed between folders */

/* Of later kernels than Debian 12's headers; see the headers of Linux 6.12. */
#define ACCESS_TRUNCATE  (UINT64_C(1) << 14) /* version 3 */
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15) /* version 5 */
#define SCOPE_SIGNAL     (UINT64_C(1) << 1)  /* version 6 */

/* struct landlock_ruleset_attr, as of version 6. */
struct ruleset {
    uint64_t files, net, scoped;
};

#define OF_FILES                                                                                   \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |   \
     ACCESS_TRUNCATE | ACCESS_IOCTL_DEV)
#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITING                                                                                    \
    (READING | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                     \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |  \
     LANDLOCK_ACCESS_FS_REFER | ACCESS_TRUNCATE)

unsigned confine_files_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return version >= VERSION_MIN ? (unsigned)version : 0;
}

/* All that this kernel can forbid; what is not granted by a rule is then forbidden. */
static uint64_t known(unsigned version)
{
    uint64_t all = ((uint64_t)LANDLOCK_ACCESS_FS_REFER << 1) - 1;

    if (version >= 3)
        all |= ACCESS_TRUNCATE;
    if (version >= 5)
        all |= ACCESS_IOCTL_DEV;
    return all;
}

static int grant(int ruleset, const char *path, uint64_t access, struct error *error)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = access,
        .parent_fd = open(path, O_PATH | O_CLOEXEC),
    };
    struct stat about;
    int code = 0;

    if (rule.parent_fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES
                   ? 0 /* then there is nothing to open below it either */
                   : error_set(error, ERROR_IO, "%s can't be looked at: %s", path, strerror(errno));
    if (fstat(rule.parent_fd, &about) == 0 && !S_ISDIR(about.st_mode))
        rule.allowed_access &= OF_FILES;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        code =
            error_set(error, ERROR_IO, "Landlock takes no rule for %s: %s", path, strerror(errno));
    close(rule.parent_fd);
    return code;
}

int confine_files(const struct confine_paths *paths, struct error *error)
{
    unsigned version = confine_files_version();
    uint64_t all = known(version);
    struct ruleset ruleset = {.files = all, .scoped = version >= 6 ? SCOPE_SIGNAL : 0};
    int fd, code = 0;

    if (version == 0)
        return error_set(error, ERROR_NOT_FOUND,
                         "this kernel has no Landlock of version %d or later", VERSION_MIN);
    fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset,
                      version >= 6 ? sizeof(ruleset) : sizeof(ruleset.files), 0);
    if (fd < 0)
        return error_set(error, ERROR_IO, "Landlock refuses: %s", strerror(errno));
    for (size_t i = 0; code == 0 && i < paths->readable_count; i++)
        code = grant(fd, paths->readable[i], READING, error);
    for (size_t i = 0; code == 0 && i < paths->writable_count; i++)
        code = grant(fd, paths->writable[i], WRITING & all, error);
    if (code == 0 && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        code = error_set(error, ERROR_IO, "Landlock refuses: %s", strerror(errno));
    close(fd);
    return code;
}
