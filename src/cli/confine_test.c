/*
 * Does the confinement bite? Each case runs in a child that is confined as `serve` is, tries one
 * thing, and tells by its end how that went. What the machine under the test does not have is
 * skipped, and said.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "cli/confine.h"

static char folder[PATH_MAX]; /* may be written to; beside it "outside" and "inside" */
static char inside[PATH_MAX + 16], outside[PATH_MAX + 16];

static int make_world(void **state)
{
    char file[PATH_MAX + 32];

    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/mk-confine-XXXXXX");
    if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0)
        return -1;
    snprintf(inside, sizeof(inside), "%s/inside", folder);
    snprintf(outside, sizeof(outside), "%s/outside", folder);
    snprintf(file, sizeof(file), "%s/secret", outside);
    if (mkdir(inside, 0777) != 0 || chmod(inside, 0777) != 0 || mkdir(outside, 0777) != 0 ||
        chmod(outside, 0777) != 0)
        return -1;
    return close(open(file, O_CREAT | O_WRONLY, 0644));
}

static int remove_world(void **state)
{
    static const char *const files[] = {"outside/secret", "outside/new", "inside/a", "inside/b",
                                        "outside",        "inside",      ""};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[PATH_MAX + 32];

        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        (void)remove(path);
    }
    return 0;
}

/* --- attempts: 0 it went well, else the errno ------------------------------------------------- */

static int result(long outcome)
{
    return outcome < 0 ? errno : 0;
}

static int open_at(const char *base, const char *name, int flags)
{
    char path[PATH_MAX + 64];

    snprintf(path, sizeof(path), "%s/%s", base, name);
    return result(open(path, flags, 0600));
}

static int read_inside(void)
{
    int wrote = open_at(inside, "a", O_CREAT | O_WRONLY | O_TRUNC);

    return wrote != 0 ? wrote : open_at(inside, "a", O_RDONLY);
}

static int rename_inside(void)
{
    char from[PATH_MAX + 64], to[PATH_MAX + 64];

    snprintf(from, sizeof(from), "%s/a", inside);
    snprintf(to, sizeof(to), "%s/b", inside);
    return read_inside() != 0 ? 1 : result(rename(from, to));
}

static int read_outside(void)
{
    return open_at(outside, "secret", O_RDONLY);
}

static int write_outside(void)
{
    return open_at(outside, "new", O_CREAT | O_WRONLY);
}

static int list_outside(void)
{
    return open_at(outside, "", O_RDONLY | O_DIRECTORY);
}

static int remove_outside(void)
{
    char path[PATH_MAX + 64];

    snprintf(path, sizeof(path), "%s/secret", outside);
    return result(unlink(path));
}

static int read_shadow(void)
{
    return result(open("/etc/shadow", O_RDONLY));
}

static int write_library(void)
{
    return result(open("/usr/lib/mailknock-was-here", O_CREAT | O_WRONLY, 0600));
}

static int resolve(void)
{
    return result(open("/etc/resolv.conf", O_RDONLY));
}

static int run_program(void)
{
    char name[] = "true", *const words[] = {name, NULL};

    return result(execv("/bin/true", words));
}

static int trace(void)
{
    return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int become_root(void)
{
    return result(setuid(0));
}

static int new_namespace(void)
{
    return result(syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */));
}

static int start_process(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    return result(child);
}

static void *nothing(void *user)
{
    return user;
}

static int start_thread(void)
{
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, nothing, NULL);

    return failed != 0 ? failed : pthread_join(thread, NULL);
}

static int talk_to_the_network(void)
{
    return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int sniff(void)
{
    return result(socket(AF_PACKET, SOCK_RAW, 0));
}

static int make_code(void)
{
    void *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? errno : 0;
}

static int turn_into_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? 1 : result(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int signal_the_parent(void)
{
    return result(kill(getppid(), 0));
}

static int abort_oneself(void)
{
    abort();
}

static int raise_files(void)
{
    const struct rlimit limit = {100000, 100000};

    return result(setrlimit(RLIMIT_NOFILE, &limit));
}

/* --- one child -------------------------------------------------------------------------------- */

enum confinement {
    NOT_AT_ALL,
    FILES,
    CALLS,
    BOTH,
};

#define CONFINE_FAILED 125

static int confine_as_serve(enum confinement how)
{
    const char *const readable[] = {"/usr", "/lib", "/lib64", "/etc/resolv.conf"};
    const char *const writable[] = {inside, "/dev/null", "/nowhere/at/all"};
    const struct confine_paths paths = {readable, writable, ARRAY_LEN(readable),
                                        ARRAY_LEN(writable)};
    struct error error = {0};
    uint64_t files;
    int code = 0;

    if (how == NOT_AT_ALL)
        return 0;
    code = confine_close_up(&error);
    if (code == 0)
        code = confine_descriptors(200, &files, &error);
    if (code == 0 && how != CALLS)
        code = confine_files(&paths, &error);
    if (code == 0 && how != FILES)
        code = confine_calls(&error);
    if (code != 0)
        fprintf(stderr, "confinement: %s\n", error.message);
    return code;
}

/* The exit status of a child that tried it, or minus the signal that ended it. */
static int outcome_of(enum confinement how, int (*attempt)(void))
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(confine_as_serve(how) == 0 ? attempt() : CONFINE_FAILED);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

struct expectation {
    const char *what;
    int (*attempt)(void);
    int expected;
};

static void expect_all(enum confinement how, const struct expectation *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int got = outcome_of(how, all[i].attempt);

        if (got != all[i].expected)
            fail_msg("%s: %d, expected %d", all[i].what, got, all[i].expected);
    }
}

static void test_files(void **state)
{
    static const struct expectation all[] = {
        {"a folder of ours", read_inside, 0},
        {"renaming there", rename_inside, 0},
        {"reading elsewhere", read_outside, EACCES},
        {"writing elsewhere", write_outside, EACCES},
        {"listing elsewhere", list_outside, EACCES},
        {"removing elsewhere", remove_outside, EACCES},
        {"/etc/shadow", read_shadow, EACCES},
        {"writing where reading is allowed", write_library, EACCES},
        {"resolv.conf", resolve, 0},
        {"a program", run_program, EACCES},
    };

    (void)state;
    if (confine_files_version() == 0) {
        print_message("skipped: this kernel has no Landlock\n");
        skip();
    }
    expect_all(FILES, all, ARRAY_LEN(all));
    if (confine_files_version() >= 6)
        assert_int_equal(outcome_of(FILES, signal_the_parent), EPERM);
}

static void test_calls(void **state)
{
    static const struct expectation all[] = {
        {"a program", run_program, -SIGSYS},
        {"tracing", trace, -SIGSYS},
        {"root", become_root, -SIGSYS},
        {"a namespace", new_namespace, -SIGSYS},
        {"a process", start_process, ENOSYS},
        {"a thread", start_thread, 0},
        {"the network", talk_to_the_network, 0},
        {"raw packets", sniff, ENOSYS},
        {"memory that is code and data", make_code, ENOSYS},
        {"data that becomes code", turn_into_code, ENOSYS},
        {"a signal for somebody else", signal_the_parent, ENOSYS},
        {"abort", abort_oneself, -SIGABRT},
        {"files", read_inside, 0},
    };

    (void)state;
    if (!confine_calls_possible()) {
        print_message("skipped: system calls can't be filtered here\n");
        skip();
    }
    expect_all(CALLS, all, ARRAY_LEN(all));
}

/* Each attempt that is refused above is one that otherwise could go well. */
static void test_nothing_is_refused_unconfined(void **state)
{
    static const struct expectation all[] = {
        {"reading elsewhere", read_outside, 0},
        {"listing elsewhere", list_outside, 0},
        {"a program", run_program, 0},
        {"tracing", trace, 0},
        {"a process", start_process, 0},
        {"memory that is code and data", make_code, 0},
        {"data that becomes code", turn_into_code, 0},
        {"a signal for somebody else", signal_the_parent, 0},
    };

    (void)state;
    expect_all(NOT_AT_ALL, all, ARRAY_LEN(all));
}

static int is_closed_up(void)
{
    struct rlimit limit;

    return prctl(PR_GET_DUMPABLE) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
           getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0 ||
           getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != 200;
}

static void test_closed_up(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(FILES, is_closed_up),
                     confine_files_version() > 0 ? 0 : CONFINE_FAILED);
    if (geteuid() != 0)
        assert_int_equal(outcome_of(FILES, raise_files), EPERM);
}

static int take_memory(void)
{
    struct error error = {0};
    void *block;

    if (confine_memory(64 << 20, &error) != 0)
        return 1;
    block = mmap(NULL, 256 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return block == MAP_FAILED ? errno : 0;
}

static void test_memory(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* takes terabytes before it begins */
#endif
    assert_int_equal(outcome_of(NOT_AT_ALL, take_memory), ENOMEM);
}

/* --- another user ----------------------------------------------------------------------------- */

static int become_nobody(void)
{
    struct confine_user nobody;
    struct error error = {0};
    uid_t real, effective, saved;

    if (confine_find_user("nobody", &nobody, &error) != 0 ||
        confine_become("nobody", &nobody, &error) != 0 || getresuid(&real, &effective, &saved) != 0)
        return 1;
    if (real != nobody.uid || effective != nobody.uid || saved != nobody.uid || setuid(0) == 0)
        return 2;
    /* Again is nothing; somebody else is refused. */
    if (confine_become("nobody", &nobody, &error) != 0)
        return 3;
    nobody.uid = 0;
    return confine_become("root", &nobody, &error) == ERROR_USAGE &&
                   strstr(error.message, "only root can become") != NULL
               ? 0
               : 4;
}

static void test_user(void **state)
{
    struct confine_user user;
    struct error error = {0};

    (void)state;
    assert_int_equal(confine_find_user("no-such-user-here", &user, &error), ERROR_USAGE);
    assert_non_null(strstr(error.message, "there is no user no-such-user-here"));
    if (geteuid() != 0) {
        print_message("skipped in part: not root\n");
        return;
    }
    assert_int_equal(outcome_of(NOT_AT_ALL, become_nobody), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),     cmocka_unit_test(test_calls),
        cmocka_unit_test(test_closed_up), cmocka_unit_test(test_nothing_is_refused_unconfined),
        cmocka_unit_test(test_memory),    cmocka_unit_test(test_user),
    };

    return cmocka_run_group_tests_name("confine", tests, make_world, remove_world);
}
