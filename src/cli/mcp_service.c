/* The child of `mailknock mcp`, and the key that it is called with. */
#include "cli/mcp_service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "service/route.h"
#include "store/store.h"

#define CHILD_FD 3    /* sd_listen_fds(3) */
#define WORDS    1024 /* of the child's command line */

/* $STATE_DIRECTORY, else the user's own state (XDG base directories). */
static const char *data_folder(struct mcp_service *own)
{
    const char *state = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");

    if (own->data != NULL)
        return own->data;
    if (state != NULL && state[0] != '\0')
        return state;
    if (xdg != NULL && xdg[0] == '/')
        return arena_printf(own->call->arena, "%s/mailknock", xdg);
    return arena_printf(own->call->arena, "%s/.local/state/mailknock", home != NULL ? home : ".");
}

static int make_folders(struct mcp_service *own, const char *folder)
{
    char *path = arena_printf(own->call->arena, "%s", folder);

    for (char *p = path; path != NULL; p++) {
        char kept = *p;

        if ((kept != '/' || p == path) && kept != '\0')
            continue;
        *p = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return cli_fail(own->call, CLI_EXIT_USAGE, "can't make the folder %s: %s", path,
                            strerror(errno));
        *p = kept;
        if (kept == '\0')
            return CLI_EXIT_OK;
    }
    return cli_fail(own->call, CLI_EXIT_USAGE, "out of memory");
}

/* A key for as long as we run. */
static int make_key(struct mcp_service *own, const char *folder, struct error *error)
{
    const char *url = own->call->config->store;
    const struct service_key *key;
    char secret[SERVICE_KEY_SIZE];
    int code;

    if (url == NULL)
        url = arena_printf(own->call->arena, "sqlite:%s/mailknock.db", folder);
    code = url != NULL ? store_open(url, STORE_MODE_CREATE, &own->store, error)
                       : error_set(error, ERROR_NOMEM, "out of memory");
    if (code == 0)
        code = service_keys_open(&own->keys, own->store, error);
    if (code == 0)
        code = service_key_make(&own->keys, "mailknock mcp",
                                SERVICE_SCOPE_VERIFY | SERVICE_SCOPE_LISTS, 0,
                                (int64_t)time(NULL) * 1000, secret, &key, error);
    if (code == 0) {
        own->key_id = key->id;
        snprintf(own->authorization, sizeof(own->authorization), "Authorization: Bearer %s",
                 secret);
    }
    return code;
}

/* A store's URL may hold a password, and a command line is for everybody to read. */
static bool is_for_environment(const struct config_option *option)
{
    return strcmp(option->name, "store") == 0;
}

/* The options that we were given, for the child. */
static const char **child_arguments(struct mcp_service *own, const char *folder)
{
    struct arena *arena = own->call->arena;
    const char **words = arena_alloc(arena, WORDS * sizeof(*words));
    size_t count = 0;

    if (words == NULL)
        return NULL;
    words[count++] = "mailknock";
    words[count++] = "serve";
    words[count++] = arena_printf(arena, "--data=%s", folder);
    words[count++] = "--log-level=error";
    if (own->call->config_file != NULL)
        words[count++] = arena_printf(arena, "--config=%s", own->call->config_file);
    for (size_t i = 0; i < config_common.count; i++) {
        const struct config_option *option = &config_common.options[i];
        struct buffer value;

        if (option->command_line_only || option->secret || is_for_environment(option))
            continue;
        buffer_init(&value, 0);
        for (size_t k = 0;
             count < WORDS - 1 && config_format_value(option, own->call->config, k, &value); k++) {
            bool is_no =
                option->type == CONFIG_BOOL && slice_equal(buffer_slice(&value), SLICE("no"));

            words[count++] = option->type == CONFIG_BOOL
                                 ? arena_printf(arena, "--%s%s", is_no ? "no-" : "", option->name)
                                 : arena_printf(arena, "--%s=%.*s", option->name,
                                                SLICE_ARG(buffer_slice(&value)));
            buffer_clear(&value);
        }
        buffer_done(&value);
    }
    words[count] = NULL;
    for (size_t i = 0; i < count; i++)
        if (words[i] == NULL)
            return NULL;
    return words;
}

/* Becomes the service; only returns by _exit. */
static void be_the_service(const char **words, const char *store, int listener, pid_t parent)
{
    char pid[24];

    /* Whatever ends us ends it; unless we ended before that could be said. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        _exit(2);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    if (store != NULL)
        setenv("MAILKNOCK_STORE", store, 1);
    /* Its standard output is not the protocol's. */
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        _exit(2);
    if (listener != CHILD_FD && dup2(listener, CHILD_FD) < 0)
        _exit(2);
    execv("/proc/self/exe", (char *const *)words);
    _exit(2);
}

int mcp_service_start(struct mcp_service *own)
{
    const char *folder = data_folder(own);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    struct error error = {0};
    const char **words;
    int listener, status;
    pid_t parent = getpid();

    /* On the child's command line everybody could read its password. */
    if (own->call->config->egresses.count > 0 && own->call->config_file == NULL &&
        getenv("MAILKNOCK_EGRESS") == NULL)
        return cli_fail(own->call, CLI_EXIT_USAGE,
                        "egress goes into the configuration file or MAILKNOCK_EGRESS, not on the "
                        "command line");
    status = folder != NULL ? make_folders(own, folder) : CLI_EXIT_USAGE;
    if (status != CLI_EXIT_OK)
        return status;
    if (make_key(own, folder, &error) != 0)
        return cli_fail(own->call, CLI_EXIT_USAGE, "%s", error.message);
    words = child_arguments(own, folder);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (words == NULL || listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 ||
        listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&at, &len) != 0) {
        if (listener >= 0)
            close(listener);
        return cli_fail(own->call, CLI_EXIT_USAGE, "can't listen on a port of this machine: %s",
                        strerror(errno));
    }
    own->base = arena_printf(own->call->arena, "http://127.0.0.1:%u", ntohs(at.sin_port));
    own->child = fork();
    if (own->child == 0)
        be_the_service(words, own->call->config->store, listener, parent);
    close(listener);
    return own->child > 0 && own->base != NULL
               ? CLI_EXIT_OK
               : cli_fail(own->call, CLI_EXIT_USAGE, "can't start the service: %s",
                          strerror(errno));
}

void mcp_service_stop(struct mcp_service *own)
{
    struct error error = {0};

    if (own->child > 0) {
        kill(own->child, SIGTERM);
        while (waitpid(own->child, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (own->key_id != 0 && service_key_remove(&own->keys, own->key_id, &error) != 0)
        cli_fail(own->call, CLI_EXIT_USAGE, "the key could not be removed: %s", error.message);
    if (own->store != NULL) {
        service_keys_close(&own->keys);
        store_close(own->store);
    }
}
