/*
 * `mailknock serve`: the HTTP API, the page and the list engine in one process.
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/instant.h"
#include "bulk/job_file.h"
#include "cli/command.h"
#include "cli/harden.h"
#include "cli/place.h"
#include "cli/terminal.h"
#include "io/uv_loop.h"
#include "service/key.h"
#include "service/service.h"

#define GRACE_MS     (20 * SECOND_MS)
#define GOODBYE_MS   3000
#define FIRST_PASSED 3 /* sd_listen_fds(3) */
/* Connections of clients with a file each, the store, libraries; doubled, as TLS and uploads may.
 */
#define FILES_ASIDE 6000

struct serve_options {
    const char *listen, *data;
    bool open, metrics_public, log_addresses;
    struct config_list origins;
    uint64_t body_bytes, upload_bytes, retention_days;
    unsigned log_format, log_level;
    struct harden_options harden;
};

struct serve {
    struct cli_call *call;
    const struct serve_options *options;
    struct io_loop *loop;
    struct prober prober;
    struct store *store;
    int lock; /* of the folder: a second service would keep limits of its own; -1: none */
    struct service *service;
    struct io_timer grace;
    bool is_stopping;
};

/* --- the service manager (sd_notify(3), sd_listen_fds(3))
 * ------------------------------------------ */

static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path != NULL ? strlen(path) : 0;
    int fd;

    if (len == 0 || len >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* the abstract namespace */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

/* The socket that was passed to us, or -1. */
static int passed_socket(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

    if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != (long)getpid() ||
        strtol(count, NULL, 10) < 1)
        return -1;
    return FIRST_PASSED;
}

/* --- signals
 * ---------------------------------------------------------------------------------------- */

static void stopped(void *user)
{
    struct serve *serve = user;

    io_timer_stop(&serve->grace);
    io_loop_stop(serve->loop);
}

static void grace_is_over(struct io_timer *timer)
{
    struct serve *serve = timer->user;

    io_loop_stop(serve->loop);
}

static void terminate(void *user, int signal_number)
{
    struct serve *serve = user;

    (void)signal_number;
    if (serve->is_stopping) { /* asked again: at once, sessions without QUIT too */
        io_loop_stop(serve->loop);
        return;
    }
    serve->is_stopping = true;
    notify("STOPPING=1");
    (void)io_timer_start(&serve->grace, io_now_ms(serve->loop) + GRACE_MS);
    service_stop(serve->service, stopped, serve);
}

static void reload(void *user, int signal_number)
{
    struct serve *serve = user;
    struct error error = {0};

    (void)signal_number;
    if (!serve->is_stopping && service_reload(serve->service, &error) != 0)
        cli_fail(serve->call, 0, "lists not read again: %s", error.message);
}

/* --- the command
 * -------------------------------------------------------------------------------------- */

static int open_store(struct serve *serve, const char *folder, struct error *error)
{
    const char *path = arena_printf(serve->call->arena, "%s/serve.lock", folder);
    bool is_new;
    int code;

    if (path == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    code = bulk_job_lock(path, &serve->lock, &is_new, error);
    if (code == ERROR_BUSY)
        return error_set(error, code,
                         "another service works in %s; use that, or name another "
                         "folder with --data",
                         folder);
    if (code != 0)
        return code;
    return cli_place_open(serve->call, folder, STORE_MODE_CREATE, &serve->store, error);
}

/* Who asks a site again after a restart counts what was opened there before. */
static int keep_ledger(struct serve *serve, const char *folder, struct error *error)
{
    const char *owner = arena_printf(serve->call->arena, "%s/serve", folder);

    return owner != NULL ? prober_keep_ledger(&serve->prober, owner, error)
                         : error_set(error, ERROR_NOMEM, "out of memory");
}

/* Into a file that nobody else can read; the one of a database that is gone is replaced. */
static bool keep_first_key(const char *path, const char *key)
{
    bool is_kept = false;
    FILE *file;
    int fd;

    (void)unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    file = fdopen(fd, "w");
    if (file == NULL) {
        close(fd);
        return false;
    }
    is_kept = fprintf(file, "%s\n", key) > 0;
    return fclose(file) == 0 && is_kept;
}

/* On a terminal, or else into a file: what is not a terminal is mostly a log that others read. */
static void say_first_key(const struct serve *serve, const char *folder, const char *key)
{
    FILE *out = serve->call->out;
    const char *path;

    if (terminal_is(out)) {
        fprintf(out, "\nThis is the first start. Its key, shown this once:\n\n    %s\n\n", key);
    } else {
        path = arena_printf(serve->call->arena, "%s/first-key", folder);
        if (path == NULL || !keep_first_key(path, key)) {
            fprintf(out,
                    "This is the first start, and its key can't be kept in %s. "
                    "Make one: mailknock keys add NAME --scopes verify,lists,admin\n",
                    folder);
            return;
        }
        fprintf(out, "This is the first start. Its key is in %s; take it and remove the file.\n",
                path);
    }
    fprintf(out, "Sign in on the page with it, or send it as \"Authorization: Bearer KEY\".\n"
                 "More keys: on the page under Settings, or with `mailknock keys add NAME`.\n");
}

static void say_where(const struct serve *serve, const char *folder, const char *key)
{
    struct io_endpoint at = service_endpoint(serve->service);
    char ip[IP_TEXT_SIZE];
    FILE *out = serve->call->out;

    ip_format(&at.ip, ip);
    fprintf(out,
            at.ip.family == 6 ? "mailknock listens at http://[%s]:%u/\n"
                              : "mailknock listens at http://%s:%u/\n",
            ip, at.port);
    if (key[0] != '\0')
        say_first_key(serve, folder, key);
    fflush(out);
}

static void watch_signals(struct serve *serve)
{
    (void)io_uv_loop_on_signal(serve->loop, SIGINT, terminate, serve);
    (void)io_uv_loop_on_signal(serve->loop, SIGTERM, terminate, serve);
    (void)io_uv_loop_on_signal(serve->loop, SIGHUP, reload, serve);
}

/* Before anything is opened, but for a port that may want root. */
static int harden(struct serve *serve, struct service_options *options, struct error *error)
{
    const struct harden_options *wanted = &serve->options->harden;
    struct service_log log;
    int code = 0;

    if (harden_changes_user(wanted) && options->listen_fd < 0) {
        options->listen_fd = service_bind(options->listen, error);
        if (options->listen_fd < 0)
            return error->code;
    }
    service_log_open(&log, options->log_file, (enum service_log_format)options->log_format,
                     (enum service_log_level)options->log_level, false);
    code = cli_harden(serve->call, wanted, options->data_folder,
                      2 * serve->call->config->connections + FILES_ASIDE, &log, error);
    service_log_close(&log);
    return code;
}

static int open_all(struct serve *serve, struct error *error)
{
    const struct serve_options *from = serve->options;
    char key[SERVICE_KEY_SIZE] = "";
    struct service_options options = {
        .listen = from->listen,
        .listen_fd = passed_socket(),
        .data_folder = cli_place_folder(from->data),
        .open = from->open,
        .origins = from->origins,
        .body_bytes = from->body_bytes,
        .upload_bytes = from->upload_bytes,
        .retention_days = from->retention_days,
        .metrics_public = from->metrics_public,
        .log_format = from->log_format,
        .log_level = from->log_level,
        .log_addresses = from->log_addresses,
        .log_file = serve->call->err,
    };
    int code = harden(serve, &options, error);

    if (code == 0)
        code = open_store(serve, options.data_folder, error);
    serve->loop = code == 0 ? io_uv_loop_new(error) : NULL;
    if (serve->loop == NULL)
        return error->code;
    code = prober_open(&serve->prober, serve->loop, serve->call->config, error);
    if (code == 0)
        code = keep_ledger(serve, options.data_folder, error);
    if (code == 0)
        code = prober_remember(&serve->prober, serve->store, serve->call->config, error);
    if (code == 0)
        code = service_open(&serve->prober, serve->store, serve->call->config, &options,
                            &serve->service, key, error);
    if (code == 0) {
        /* Before anybody is told: who hears it may stop us at once. */
        io_timer_init(serve->loop, &serve->grace, grace_is_over, serve);
        watch_signals(serve);
        say_where(serve, options.data_folder, key);
    }
    if (code == 0)
        cli_advise(serve->call, &serve->prober);
    return code;
}

/* One that comes when the loop no longer hears it would kill the process at its very end. */
static void block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int run(struct cli_call *call)
{
    struct serve serve = {.call = call, .options = call->options, .lock = -1};
    struct config config = *call->config;
    struct error error = {0};
    int status = CLI_EXIT_OK;

    config.transcripts = true;
    call->config = &config;
    if (open_all(&serve, &error) == 0) {
        notify("READY=1");
        io_loop_run(serve.loop);
        io_timer_stop(&serve.grace);
    } else {
        status = cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    }
    service_close(serve.service);
    /* Signals are heard until everything is closed: one more must not cut that off. */
    if (serve.prober.engine != NULL)
        prober_say_goodbye(&serve.prober, GOODBYE_MS);
    prober_close(&serve.prober);
    store_close(serve.store);
    bulk_job_unlock(serve.lock);
    block_signals();
    if (serve.loop != NULL)
        io_loop_free(serve.loop);
    return status;
}

#define AT(member) .offset = offsetof(struct serve_options, member)

static const struct config_option rows[] = {
    {.name = "listen",
     .type = CONFIG_TEXT,
     AT(listen),
     .value_name = "IP:PORT",
     .fallback = "127.0.0.1:8025",
     .group = "Service",
     .help = "Where to listen. Anything but loopback needs API keys, and TLS in front of it."},
    {.name = "data",
     .type = CONFIG_TEXT,
     AT(data),
     .value_name = "FOLDER",
     .group = "Service",
     .help = "Where uploads and the database are kept. Default: $STATE_DIRECTORY, else "
             "./mailknock-data."},
    {.name = "open",
     .type = CONFIG_BOOL,
     AT(open),
     .fallback = "no",
     .group = "Service",
     .help = "Ask for no key. On loopback only: whoever reaches the port may do everything."},
    {.name = "cors",
     .type = CONFIG_LIST,
     AT(origins),
     .value_name = "ORIGIN",
     .group = "Service",
     .help = "A web site whose pages may call the API, such as https://example.org; * is any. May "
             "be given several times."},
    {.name = "max-body",
     .type = CONFIG_SIZE,
     AT(body_bytes),
     .value_name = "SIZE",
     .fallback = "1M",
     .min = 1024,
     .max = 1024 * 1024 * 1024,
     .group = "Service",
     .help = "The largest JSON body."},
    {.name = "max-upload",
     .type = CONFIG_SIZE,
     AT(upload_bytes),
     .value_name = "SIZE",
     .fallback = "1G",
     .min = 1024,
     .max = UINT64_C(1) << 40,
     .group = "Service",
     .help = "The largest list."},
    {.name = "retention",
     .type = CONFIG_NUMBER,
     AT(retention_days),
     .value_name = "DAYS",
     .fallback = "0",
     .min = 0,
     .max = 36500,
     .group = "Service",
     .help = "Erase lists and their results this many days after they were done. 0: never."},
    {.name = "metrics-public",
     .type = CONFIG_BOOL,
     AT(metrics_public),
     .fallback = "no",
     .group = "Service",
     .help = "Show /metrics to everybody, not to loopback and admins only."},
    {.name = "log-format",
     .type = CONFIG_CHOICE,
     AT(log_format),
     .value_name = "FORMAT",
     .fallback = "logfmt",
     .choices = "logfmt|json",
     .group = "Service",
     .help = "How the log on stderr is written."},
    {.name = "log-level",
     .type = CONFIG_CHOICE,
     AT(log_level),
     .value_name = "LEVEL",
     .fallback = "info",
     .choices = "error|warning|info|debug",
     .group = "Service",
     .help = "What is logged."},
    {.name = "log-addresses",
     .type = CONFIG_BOOL,
     AT(log_addresses),
     .fallback = "no",
     .group = "Service",
     .help = "Write addresses into the log in clear. Otherwise a part of their hash stands there."},
    HARDEN_ROWS(struct serve_options, harden),
};

const struct cli_command cli_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "serve the HTTP API and the web page",
    .details =
        "One process with everything: page, API, lists, store. The first start shows an API key, "
        "or\n"
        "leaves it in the file first-key of its folder when the output is no terminal.\n"
        "\n"
        "  mailknock serve\n"
        "  mailknock serve --listen 127.0.0.1:8080 --data /var/lib/mailknock\n"
        "\n"
        "SIGTERM stops when what is under way is answered and saved; SIGHUP reads your lists "
        "again. Put a web server with TLS in front before you open it to a network.\n",
    .own = {rows, sizeof(rows) / sizeof(rows[0])},
    .options_size = sizeof(struct serve_options),
    .uses_common = true,
    .arguments_max = 0,
    .run = run,
};
