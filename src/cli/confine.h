/*
 * What a process that listens to strangers gives up for good, so that a fault in a parser is worth
 * little: root, core dumps, other programs, files and system calls that it does not need.
 *
 * Mechanisms only; cli/harden.c knows what the commands need. Each part stands alone and says
 * whether this kernel has it. What is given up holds for the calling thread and those it starts:
 * call before any thread is started. Nothing here is undone before the process ends.
 */
#ifndef MK_CLI_CONFINE_H
#define MK_CLI_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* --- confine.c --- */

#define CONFINE_HOME_SIZE 256

struct confine_user {
    uid_t uid;
    gid_t gid;
    char home[CONFINE_HOME_SIZE]; /* "" when it is longer */
};

/* A user by name. ERROR_USAGE: there is none; ERROR_IO. */
int confine_find_user(const char *name, struct confine_user *ret_user, struct error *error);
/*
 * Become that user, with the groups that the system gives it and its HOME, and check that the way
 * back is closed. 0 also when the process is that user already. ERROR_USAGE: it is another one, and
 * not root; ERROR_IO.
 */
int confine_become(const char *name, const struct confine_user *user, struct error *error);
/*
 * No privileges by set-user-ID programs; memory in no core dump, and closed to debuggers of the
 * same user (after confine_become, which opens it again). ERROR_IO.
 */
int confine_close_up(struct error *error);
/*
 * At most `count` descriptors, fewer where the hard limit is lower and may not be raised.
 * *ret_count is what holds now. ERROR_IO.
 */
int confine_descriptors(uint64_t count, uint64_t *ret_count, struct error *error);
/* At most so much data (RLIMIT_DATA). ERROR_IO. */
int confine_memory(uint64_t bytes, struct error *error);

/* --- confine_files.c: Landlock (Linux 5.19 and later) --- */

struct confine_paths {
    const char *const *readable, *const *writable; /* folders with all below, or files */
    size_t readable_count, writable_count;
};

/*
 * The version of Landlock that is there, or 0. One that can't rename between folders (version 1) is
 * as good as none.
 */
unsigned confine_files_version(void);
/*
 * Open nothing but these from now on (descriptors that are open stay so), run no program, and
 * signal nobody outside where the kernel can see to that. Paths that do not exist are passed over.
 * Wants confine_close_up before, where the process is not root. ERROR_NOT_FOUND: no Landlock here;
 * ERROR_IO.
 */
int confine_files(const struct confine_paths *paths, struct error *error);

/* --- confine_calls.c: seccomp --- */

/* Whether the kernel takes filters, and this build can live with one (sanitizers can't). */
bool confine_calls_possible(void);
/*
 * Only the system calls that a network service makes; see the file for what becomes of others.
 * ERROR_NOT_FOUND: not possible here; ERROR_NOMEM, ERROR_IO.
 */
int confine_calls(struct error *error);

#endif
