#include "cli/harden.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/confine.h"
#include "store/store.h"

#define PATHS_MAX 512

/* Libraries that load late (name services, OpenSSL's modules), time zones, certificates. */
static const char *const readable[] = {
    "/usr",
    "/lib",
    "/lib64",
    "/proc",
    "/dev/urandom",
    "/dev/random",
    "/etc/ssl/certs",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/connman",
    "/sys/devices/system/cpu",
};

/* What others than root may read of /etc is theirs; of root's, no more than this. */
static const char *const readable_of_root[] = {
    "/etc/ld.so.cache",   "/etc/resolv.conf",     "/etc/hosts",           "/etc/host.conf",
    "/etc/nsswitch.conf", "/etc/gai.conf",        "/etc/services",        "/etc/protocols",
    "/etc/localtime",     "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls",
    "/etc/passwd",        "/etc/group",
};

static const char *const variables[] = {"SSL_CERT_FILE", "SSL_CERT_DIR"};

struct hardening {
    struct cli_call *call;
    const struct harden_options *options;
    struct confine_user user;
    const char *read[PATHS_MAX], *write[16];
    size_t read_count, write_count;
    uint64_t files;
    bool has_dumps, has_files, has_calls, has_memory;
    const char *missing; /* what could not be had; NULL: nothing */
};

bool harden_changes_user(const struct harden_options *options)
{
    return options->user != NULL && geteuid() == 0;
}

/* --- paths ------------------------------------------------------------------------------------ */

static bool may_read(struct hardening *hardening, const char *path)
{
    if (path == NULL || hardening->read_count >= PATHS_MAX)
        return false;
    hardening->read[hardening->read_count++] = path;
    return true;
}

static void may_write(struct hardening *hardening, const char *path)
{
    CHECK(hardening->write_count < ARRAY_LEN(hardening->write));
    hardening->write[hardening->write_count++] = path;
}

/* On the arena, NULL without memory. Of what lies in the root folder only the path itself. */
static const char *folder_of(struct hardening *hardening, const char *path)
{
    const char *slash = strrchr(path, '/');
    char here[PATH_MAX];

    if (slash == NULL)
        return getcwd(here, sizeof(here)) != NULL && strcmp(here, "/") == 0 ? path : ".";
    return slash == path
               ? path
               : arena_string(hardening->call->arena, slice_from(path, (size_t)(slash - path)));
}

/* The folder of what a path that is a link leads to; "" where it leads nowhere. */
static const char *folder_behind(struct hardening *hardening, const char *path)
{
    char real[PATH_MAX];
    const char *copy = realpath(path, real) != NULL
                           ? arena_string(hardening->call->arena, slice_from_string(real))
                           : "";

    return copy != NULL && copy[0] != '\0' ? folder_of(hardening, copy) : copy;
}

/* Of these no more is granted than the file that is meant: too much else lies in them. */
static bool is_broad(const char *folder)
{
    static const char *const broad[] = {"/", "/etc", "/home", "/root", "/var", "/run"};
    const char *home = getenv("HOME");
    char real[PATH_MAX];

    if (realpath(folder, real) == NULL)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(broad); i++)
        if (strcmp(real, broad[i]) == 0)
            return true;
    return home != NULL && strcmp(real, home) == 0;
}

static bool may_read_folder(struct hardening *hardening, const char *folder)
{
    return folder != NULL && (folder[0] == '\0' || is_broad(folder) || may_read(hardening, folder));
}

/* A file with its folder: who renews a certificate replaces it, or the link to it. */
static int may_read_of_store(void *user, const char *path)
{
    struct hardening *hardening = user;
    const char *copy = arena_string(hardening->call->arena, slice_from_string(path));
    struct stat about;

    if (copy == NULL || !may_read(hardening, copy))
        return ERROR_NOMEM;
    if (stat(copy, &about) != 0 || S_ISDIR(about.st_mode))
        return 0;
    if (!may_read_folder(hardening, folder_of(hardening, copy)) ||
        !may_read_folder(hardening, folder_behind(hardening, copy)))
        return ERROR_NOMEM;
    return 0;
}

/* What libpq reads of itself: passwords, certificates, services. */
static bool may_be_client_of_postgresql(struct hardening *hardening, const char *url)
{
    static const char *const of_libpq[] = {"PGSERVICEFILE", "PGSYSCONFDIR"};
    static const char *const at_home[] = {".pgpass", ".pg_service.conf", ".postgresql"};
    const char *home = getenv("HOME");

    for (size_t i = 0; i < ARRAY_LEN(of_libpq); i++)
        may_read(hardening, getenv(of_libpq[i]));
    may_read(hardening, "/etc/postgresql-common"); /* Debian's PGSYSCONFDIR */
    for (size_t i = 0; home != NULL && i < ARRAY_LEN(at_home); i++)
        if (!may_read(hardening, arena_printf(hardening->call->arena, "%s/%s", home, at_home[i])))
            return false;
    return store_url_files(url, may_read_of_store, hardening) == 0;
}

static bool may_write_beside(struct hardening *hardening, const char *path)
{
    const char *folder = folder_of(hardening, path), *behind = folder_behind(hardening, path);

    if (folder == NULL || behind == NULL)
        return false;
    may_write(hardening, folder);
    if (behind[0] != '\0')
        may_write(hardening, behind);
    return true;
}

/* SQLite keeps its journal beside the file. */
static bool may_use_store(struct hardening *hardening, const char *url)
{
    const char *path = url != NULL ? store_url_path(url) : NULL;

    if (path == NULL)
        return url == NULL || may_be_client_of_postgresql(hardening, url);
    return may_write_beside(hardening, path);
}

/* Editors replace files: the folder is what stays. */
static int may_read_lists(struct hardening *hardening, struct error *error)
{
    const struct config *config = hardening->call->config;
    const char *behind;

    for (size_t kind = 0; kind < ARRAY_LEN(config->lists); kind++)
        for (size_t i = 0; i < config->lists[kind].count; i++) {
            if (hardening->read_count + 2 > PATHS_MAX)
                return error_set(error, ERROR_LIMIT,
                                 "so many lists can't be kept readable: put them into one file, or "
                                 "use --no-hardening");
            behind = folder_behind(hardening, config->lists[kind].values[i]);
            if (behind == NULL ||
                !may_read(hardening, folder_of(hardening, config->lists[kind].values[i])))
                return error_set(error, ERROR_NOMEM, "out of memory");
            if (behind[0] != '\0')
                may_read(hardening, behind);
        }
    return 0;
}

static int choose_paths(struct hardening *hardening, const char *folder, struct error *error)
{
    const struct config *config = hardening->call->config;
    const char *temporary = getenv("TMPDIR");
    const char *resolvers = folder_behind(hardening, "/etc/resolv.conf");
    const char *store =
        folder != NULL ? arena_printf(hardening->call->arena, "%s/mailknock.db", folder) : NULL;

    if (resolvers == NULL || (folder != NULL && store == NULL))
        return error_set(error, ERROR_NOMEM, "out of memory");
    for (size_t i = 0; i < ARRAY_LEN(readable); i++)
        may_read(hardening, readable[i]);
    /* A link, mostly; what it leads to is replaced when the network changes. */
    if (strcmp(resolvers, "/etc") != 0 && resolvers[0] != '\0')
        may_read(hardening, resolvers);
    for (size_t i = 0; geteuid() == 0 && i < ARRAY_LEN(readable_of_root); i++)
        may_read(hardening, readable_of_root[i]);
    if (geteuid() != 0)
        may_read(hardening, "/etc");
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        may_read(hardening, getenv(variables[i]));
    if (folder != NULL)
        may_write(hardening, folder);
    may_write(hardening, "/dev/null");
    if (temporary != NULL && temporary[0] != '\0') {
        may_write(hardening, temporary);
    } else {
        may_write(hardening, "/tmp");
        may_write(hardening, "/var/tmp"); /* SQLite's first choice */
    }
    if ((store != NULL && !may_write_beside(hardening, store)) ||
        !may_use_store(hardening, config->store) || !may_use_store(hardening, config->history_file))
        return error_set(error, ERROR_NOMEM, "out of memory");
    return may_read_lists(hardening, error);
}

/* --- steps ------------------------------------------------------------------------------------ */

/* One that is there already is left to its owner: the store says what is wrong with it. */
static int make_folder(const struct hardening *hardening, const char *folder, struct error *error)
{
    if (mkdir(folder, 0700) != 0)
        return errno == EEXIST ? 0
                               : error_set(error, ERROR_IO, "can't make the folder %s: %s", folder,
                                           strerror(errno));
    if (harden_changes_user(hardening->options) &&
        chown(folder, hardening->user.uid, hardening->user.gid) != 0)
        return error_set(error, ERROR_IO, "can't give the folder %s to the user %s: %s", folder,
                         hardening->options->user, strerror(errno));
    return 0;
}

static int become_user(struct hardening *hardening, const char *folder, struct error *error)
{
    const char *name = hardening->options->user;
    int code = 0;

    if (name != NULL)
        code = confine_find_user(name, &hardening->user, error);
    if (code == 0 && folder != NULL)
        code = make_folder(hardening, folder, error);
    if (code == 0 && name != NULL)
        code = confine_become(name, &hardening->user, error);
    return code;
}

/*
 * Whether it holds. What this machine refuses is told and done without: a service that does not
 * start would be no safer.
 */
static bool holds(struct hardening *hardening, int code, const struct error *error)
{
    const char *before = hardening->missing;

    if (code == 0)
        return true;
    hardening->missing =
        arena_printf(hardening->call->arena, "%s%s%s", before != NULL ? before : "",
                     before != NULL ? "; " : "", error->message);
    if (hardening->missing == NULL)
        hardening->missing = "out of memory";
    return false;
}

static void confine(struct hardening *hardening, const char *folder, uint64_t files)
{
    struct confine_paths paths = {.readable = hardening->read, .writable = hardening->write};
    struct error error = {0};
    int code;

    hardening->has_dumps = !holds(hardening, confine_close_up(&error), &error);
    (void)holds(hardening, confine_descriptors(files, &hardening->files, &error), &error);
    code = choose_paths(hardening, folder, &error);
    if (code == 0) {
        paths.readable_count = hardening->read_count;
        paths.writable_count = hardening->write_count;
        code = confine_files(&paths, &error);
    }
    hardening->has_files = holds(hardening, code, &error);
    hardening->has_calls = holds(hardening, confine_calls(&error), &error);
}

/* --- the log ---------------------------------------------------------------------------------- */

static void tell(const struct hardening *hardening, struct service_log *log)
{
    bool is_root = geteuid() == 0, on = hardening->options->on;
    enum service_log_level level =
        is_root || !on || hardening->missing != NULL ? SERVICE_LOG_WARNING : SERVICE_LOG_INFO;

    if (!service_log_begin(log, level, "hardening", (int64_t)time(NULL) * 1000))
        return;
    service_log_number(log, "uid", (int64_t)geteuid());
    service_log_text(log, "files", hardening->has_files ? SLICE("landlock") : SLICE("off"));
    service_log_text(log, "calls", hardening->has_calls ? SLICE("seccomp") : SLICE("off"));
    service_log_text(log, "core_dumps", hardening->has_dumps ? SLICE("on") : SLICE("off"));
    if (on)
        service_log_number(log, "open_files", (int64_t)hardening->files);
    if (hardening->has_memory)
        service_log_number(log, "memory_bytes", (int64_t)hardening->options->memory_bytes);
    if (hardening->missing != NULL)
        service_log_text(log, "missing", slice_from_string(hardening->missing));
    if (is_root)
        service_log_text(log, "advice",
                         SLICE("this runs as root and need not: name a user with --user"));
    service_log_end(log);
}

int cli_harden(struct cli_call *call, const struct harden_options *options, const char *folder,
               uint64_t files, struct service_log *log, struct error *error)
{
    struct hardening *hardening = arena_alloc(call->arena, sizeof(*hardening));
    struct error refused = {0};
    int code;

    if (hardening == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    *hardening = (struct hardening){.call = call, .options = options};
    code = become_user(hardening, folder, error);
    if (code != 0)
        return code;
    hardening->has_dumps = true;
    /* Asked for by itself, and the filter of system calls may not let it through later. */
    if (options->memory_bytes > 0)
        hardening->has_memory =
            holds(hardening, confine_memory(options->memory_bytes, &refused), &refused);
    if (options->on)
        confine(hardening, folder, files);
    tell(hardening, log);
    return 0;
}
