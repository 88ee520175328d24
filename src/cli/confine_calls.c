/*
 * The filter of system calls (seccomp, by libseccomp).
 *
 * Three answers:
 *  - What a network service with files and threads needs is allowed: named below, with its
 *    arguments narrowed where that is worth it.
 *  - Whatever else there is fails with ENOSYS, as on an older kernel: libraries try new calls and
 *    fall back to old ones (clone3, io_uring, statx), and an update of theirs must not end the
 *    service. EPERM would not do: they take it for a refusal of this one request.
 *  - What no code of ours or of a library ever calls here, and whoever has taken the process over
 *    calls first (running a program, looking into other processes, loading modules, mounting),
 *    ends the process at once: there is no second try, and the kernel's audit log tells. Nothing is
 *    lost by it: the store is made for dying at any moment.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/confine.h"

/* Names, as some are not on every architecture, and some are later than the headers. */
static const char *const allowed[] = {
    /* memory */
    "brk", "madvise", "membarrier", "mlock", "mlock2", "mremap", "msync", "munlock", "munmap",
    /* files */
    "access", "close", "close_range", "copy_file_range", "dup", "dup2", "dup3", "faccessat",
    "faccessat2", "fadvise64", "fallocate", "fchmod", "fchown", "fcntl", "fdatasync", "flock",
    "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64",
    "lseek", "lstat", "mkdir", "mkdirat", "newfstatat", "open", "openat", "pipe", "pipe2",
    "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readlink",
    "readlinkat", "readv", "rename", "renameat", "renameat2", "rmdir", "sendfile", "stat", "statfs",
    "statx", "sync_file_range", "truncate", "umask", "unlink", "unlinkat", "utimensat", "write",
    "writev",
    /* the network */
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen",
    "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    "socketpair",
    /* waiting */
    "clock_getres", "clock_gettime", "clock_nanosleep", "epoll_create", "epoll_create1",
    "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "gettimeofday",
    "inotify_add_watch", "inotify_init1", "inotify_rm_watch", "nanosleep", "pause", "poll", "ppoll",
    "pselect6", "select", "time", "timerfd_create", "timerfd_gettime", "timerfd_settime",
    /* threads and signals */
    "arch_prctl", "exit", "exit_group", "futex", "futex_waitv", "get_robust_list", "getcpu",
    "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_yield", "set_robust_list",
    "set_tid_address", "sigaltstack", "signalfd4", "times",
    /* who and where we are */
    "getegid", "geteuid", "getgid", "getgroups", "getpgrp", "getpid", "getppid", "getpriority",
    "getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "gettid", "getuid",
    "setrlimit", "sysinfo", "uname"};

static const char *const deadly[] = {"execve",
                                     "execveat",
                                     "ptrace",
                                     "process_vm_readv",
                                     "process_vm_writev",
                                     "process_madvise",
                                     "pidfd_getfd",
                                     "kcmp",
                                     "init_module",
                                     "finit_module",
                                     "delete_module",
                                     "kexec_load",
                                     "kexec_file_load",
                                     "bpf",
                                     "perf_event_open",
                                     "userfaultfd",
                                     "mount",
                                     "umount2",
                                     "move_mount",
                                     "fsopen",
                                     "open_tree",
                                     "pivot_root",
                                     "chroot",
                                     "setns",
                                     "unshare",
                                     "open_by_handle_at",
                                     "setuid",
                                     "setgid",
                                     "setreuid",
                                     "setregid",
                                     "setresuid",
                                     "setresgid",
                                     "setgroups",
                                     "setfsuid",
                                     "setfsgid",
                                     "capset",
                                     "iopl",
                                     "ioperm",
                                     "personality",
                                     "acct",
                                     "quotactl",
                                     "reboot",
                                     "swapon",
                                     "swapoff",
                                     "sethostname",
                                     "setdomainname",
                                     "clock_settime",
                                     "settimeofday",
                                     "adjtimex",
                                     "clock_adjtime",
                                     "syslog",
                                     "vhangup"};

/* Calls of many uses: of each, those with these arguments. */
struct narrowed {
    const char *name;
    struct scmp_arg_cmp when[1];
};

static const struct narrowed narrowed[] = {
    {"socket", {SCMP_CMP(0, SCMP_CMP_EQ, AF_INET)}},
    {"socket", {SCMP_CMP(0, SCMP_CMP_EQ, AF_INET6)}},
    {"socket", {SCMP_CMP(0, SCMP_CMP_EQ, AF_UNIX)}},
    {"socket", {SCMP_CMP(0, SCMP_CMP_EQ, AF_NETLINK)}}, /* getaddrinfo asks for our addresses */
    /* Threads only: no process is started, no namespace. */
    {"clone", {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)}},
    /* Libraries may be loaded late; nothing becomes code that was written to. */
    {"mmap", {SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)}},
    {"mmap", {SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_WRITE, 0)}},
    {"mprotect", {SCMP_CMP(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)}},
    {"ioctl", {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 0xffffffff, FIONBIO)}},
    {"ioctl", {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 0xffffffff, FIONREAD)}},
    {"ioctl", {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 0xffffffff, FIOCLEX)}},
    {"ioctl", {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 0xffffffff, TCGETS)}},
    {"ioctl", {SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 0xffffffff, TIOCGWINSZ)}},
    {"prctl", {SCMP_CMP(0, SCMP_CMP_EQ, PR_SET_NAME)}},
    {"prctl", {SCMP_CMP(0, SCMP_CMP_EQ, PR_GET_NAME)}},
    {"prctl", {SCMP_CMP(0, SCMP_CMP_EQ, PR_GET_DUMPABLE)}},
    {"prlimit64", {SCMP_CMP(0, SCMP_CMP_EQ, 0)}},
};

/* Of our own process, for abort() and pthread_kill(). */
static const char *const to_ourselves[] = {"kill", "tgkill"};

bool confine_calls_possible(void)
{
#if !defined(__x86_64__) && !defined(__aarch64__)
    return false; /* the calls above have other names there: not tried */
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false; /* looking for leaks is done by a process that traces this one */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return false;
#else
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
#endif
#else
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
#endif
}

/* A name that this libseccomp does not know is one that this machine need not have. */
static int add(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned count,
               const struct scmp_arg_cmp *when)
{
    int number = seccomp_syscall_resolve_name(name);

    return number == __NR_SCMP_ERROR ? 0
                                     : seccomp_rule_add_array(filter, action, number, count, when);
}

static int add_all(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp us = SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t)getpid());
    int failed = 0;

    for (size_t i = 0; failed == 0 && i < ARRAY_LEN(deadly); i++)
        failed = add(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0, NULL);
    for (size_t i = 0; failed == 0 && i < ARRAY_LEN(allowed); i++)
        failed = add(filter, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
    for (size_t i = 0; failed == 0 && i < ARRAY_LEN(narrowed); i++)
        failed = add(filter, SCMP_ACT_ALLOW, narrowed[i].name, 1, narrowed[i].when);
    for (size_t i = 0; failed == 0 && i < ARRAY_LEN(to_ourselves); i++)
        failed = add(filter, SCMP_ACT_ALLOW, to_ourselves[i], 1, &us);
    return failed;
}

int confine_calls(struct error *error)
{
    scmp_filter_ctx filter;
    int failed;

    if (!confine_calls_possible())
        return error_set(error, ERROR_NOT_FOUND, "system calls can't be filtered here");
    filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a row */
    if (failed == 0)
        failed = add_all(filter);
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed == 0 ? 0
                       : error_set(error, ERROR_IO, "the filter of system calls is refused: %s",
                                   strerror(-failed));
}
