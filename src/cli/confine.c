#include "cli/confine.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

int confine_find_user(const char *name, struct confine_user *ret_user, struct error *error)
{
    const struct passwd *found;

    errno = 0;
    found = getpwnam(name);
    if (found == NULL && errno != 0 && errno != ENOENT)
        return error_set(error, ERROR_IO, "can't look up the user %.60s: %s", name,
                         strerror(errno));
    if (found == NULL)
        return error_set(error, ERROR_USAGE, "there is no user %.60s on this machine (--user)",
                         name);
    *ret_user = (struct confine_user){.uid = found->pw_uid, .gid = found->pw_gid};
    if (strlen(found->pw_dir) < sizeof(ret_user->home))
        memcpy(ret_user->home, found->pw_dir, strlen(found->pw_dir) + 1);
    return 0;
}

int confine_become(const char *name, const struct confine_user *user, struct error *error)
{
    if (geteuid() == user->uid && getuid() == user->uid)
        return 0;
    if (geteuid() != 0)
        return error_set(error, ERROR_USAGE,
                         "only root can become the user %.60s; start as root, or as that user",
                         name);
    if (initgroups(name, user->gid) != 0 || setresgid(user->gid, user->gid, user->gid) != 0 ||
        setresuid(user->uid, user->uid, user->uid) != 0)
        return error_set(error, ERROR_IO, "can't become the user %.60s: %s", name, strerror(errno));
    if (user->uid != 0 && setuid(0) == 0)
        return error_set(error, ERROR_IO, "root can't be given up here");
    /* Libraries look there for what is the user's: libpq for its passwords. */
    if (setenv("HOME", user->home, 1) != 0 || setenv("USER", name, 1) != 0 ||
        setenv("LOGNAME", name, 1) != 0)
        return error_set(error, ERROR_NOMEM, "out of memory");
    return 0;
}

int confine_close_up(struct error *error)
{
    const struct rlimit none = {0, 0};

    /* The limit alone would not do: it does not hold where core_pattern is a pipe. */
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return error_set(error, ERROR_IO, "core dumps can't be switched off: %s", strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set(error, ERROR_IO, "new privileges can't be ruled out: %s", strerror(errno));
    return 0;
}

int confine_descriptors(uint64_t count, uint64_t *ret_count, struct error *error)
{
    struct rlimit limit = {count, count}, now;

    if (getrlimit(RLIMIT_NOFILE, &now) != 0)
        return error_set(error, ERROR_IO, "the limit of open files can't be read: %s",
                         strerror(errno));
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        limit = now;
        limit.rlim_cur = now.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            return error_set(error, ERROR_IO, "open files can't be limited: %s", strerror(errno));
    }
    *ret_count = limit.rlim_cur;
    return 0;
}

int confine_memory(uint64_t bytes, struct error *error)
{
    struct rlimit limit = {bytes, bytes};

    if (setrlimit(RLIMIT_DATA, &limit) != 0)
        return error_set(error, ERROR_IO, "memory can't be limited to %ju bytes: %s",
                         (uintmax_t)bytes, strerror(errno));
    return 0;
}
