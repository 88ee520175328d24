/*
 * `mailknock worker`: takes rows of running lists from a shared store, asks, and brings results
 * home.
 *
 * When the store was out of reach for so long that others may ask at our sites, everything is
 * closed and begun anew: a new prober, a new membership.
 */
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/instant.h"
#include "bulk/fleet.h"
#include "cli/command.h"
#include "cli/harden.h"
#include "config/kept_lists.h"
#include "config/prober.h"
#include "io/uv_loop.h"
#include "service/list_options.h"

#define GRACE_MS    (10 * SECOND_MS)
#define GOODBYE_MS  3000
#define AGAIN_MS    1000             /* after a failure to begin */
#define FILES_ASIDE 1000             /* of libraries, resolvers and the store, beside connections */
#define LISTS_MS    (15 * SECOND_MS) /* between looks at the lists that the store keeps */

enum {
    LEASES_BY_SITE,
    LEASES_BY_ADDRESS
};

struct worker_options {
    uint64_t lease_ms;
    unsigned leases;
    struct harden_options harden;
};

struct worker {
    struct cli_call *call;
    const struct worker_options *options;
    struct io_loop *loop;
    struct prober prober;
    struct store *store;
    struct bulk_habits *habits;
    struct probe_egress egress; /* of one that is configured without identities */
    struct bulk_fleet *fleet;
    struct io_timer again, look;
    uint64_t lists_stamp; /* of the kept lists that are in effect */
    char name[128];
    bool is_stopping, is_lost;
};

/* --- what happens -------------------------------------------------------------------------- */

static void say(struct worker *worker, const char *message)
{
    char moment[INSTANT_TEXT_SIZE];

    fprintf(worker->call->err, "%s %s\n", instant_format(io_unix_ms(worker->loop), moment),
            message);
    fflush(worker->call->err);
}

static void trouble(void *user, const char *message)
{
    say(user, message);
}

static void lost(void *user)
{
    struct worker *worker = user;

    worker->is_lost = true;
    io_loop_stop(worker->loop);
}

static void stopped(void *user)
{
    struct worker *worker = user;

    io_loop_stop(worker->loop);
}

static void terminate(void *user, int signal_number)
{
    struct worker *worker = user;

    (void)signal_number;
    if (worker->is_stopping || worker->fleet == NULL)
        io_loop_stop(worker->loop);
    else
        bulk_fleet_stop(worker->fleet, GRACE_MS);
    worker->is_stopping = true;
}

/* --- the operator's lists ------------------------------------------------------------------- */

/* The files' entries and those that services keep in the store. On failure the old lists stay. */
static int read_lists(struct worker *worker, uint64_t stamp, struct error *error)
{
    int code = prober_reload_lists(&worker->prober, worker->call->config, worker->store, error);

    if (code == 0)
        worker->lists_stamp = stamp;
    return code;
}

/* Somebody who opted out at a service's door meanwhile is not to be asked. */
static void look_at_lists(struct io_timer *timer)
{
    struct worker *worker = timer->user;
    struct error error = {0};
    uint64_t stamp;
    int code = kept_lists_stamp(worker->store, &stamp, &error);

    /* A store that is out of reach is the fleet's to tell of. */
    if (code == 0 && stamp != worker->lists_stamp && read_lists(worker, stamp, &error) != 0)
        say(worker, error.message);
    (void)io_timer_start(&worker->look, io_now_ms(worker->loop) + LISTS_MS);
}

static void reload(void *user, int signal_number)
{
    struct worker *worker = user;
    struct error error = {0};
    char line[sizeof(error.message) + 32];

    (void)signal_number;
    if (worker->fleet == NULL) /* they are read when it begins */
        return;
    /* The next look reads once more if a kept list was changed just now. */
    if (read_lists(worker, worker->lists_stamp, &error) == 0) {
        say(worker, "lists read again");
        return;
    }
    snprintf(line, sizeof(line), "lists not read again: %s", error.message);
    say(worker, line);
}

/* --- one membership ------------------------------------------------------------------------ */

static int read_wish(void *user, const struct store_fleet_list *list, struct probe_wish *ret_wish,
                     struct error *error)
{
    const struct worker *worker = user;
    struct service_list_options options;
    struct arena arena;
    int code;

    arena_init(&arena);
    service_list_options_init(&options, &worker->prober.settings);
    code = service_list_options_parse(&options, list->options, &arena, error);
    if (code == 0 && options.wish.depth > worker->prober.settings.depth)
        options.wish.depth = worker->prober.settings.depth;
    if (code == 0)
        *ret_wish = options.wish;
    arena_done(&arena);
    return code;
}

/* By address: each has to be known, and to be what the world sees. */
static int name_addresses(struct worker *worker, struct bulk_fleet_options *options,
                          struct error *error)
{
    const struct probe_settings *settings = &worker->prober.settings;

    if (worker->options->leases != LEASES_BY_ADDRESS)
        return 0;
    options->egresses = settings->egresses;
    options->egress_count = settings->egress_count;
    if (settings->egress_count > 0)
        return 0;
    if (settings->source.ip.family == 0)
        return error_set(error, ERROR_USAGE,
                         "--leases address needs to know the address that mail servers see: "
                         "--source-ip or --egress");
    worker->egress = (struct probe_egress){
        .name = slice_from_string(
            arena_printf(&worker->prober.arena, "%s via nobody", worker->call->config->source_ip)),
        .source = settings->source,
    };
    if (worker->egress.name.ptr == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    options->egresses = &worker->egress;
    options->egress_count = 1;
    return 0;
}

static int begin(struct worker *worker, struct error *error)
{
    static const struct bulk_fleet_events events = {trouble, lost, stopped};
    const struct config *config = worker->call->config;
    struct bulk_fleet_options options = {
        .name = slice_from_string(worker->name),
        .ttl_ms = worker->options->lease_ms,
        .read_wish = read_wish,
    };
    struct probe_memory memory;
    uint64_t stamp;
    int code = store_open(config->store, STORE_MODE_CREATE, &worker->store, error);

    if (code == 0)
        code = prober_open(&worker->prober, worker->loop, config, error);
    if (code == 0)
        cli_advise(worker->call, &worker->prober);
    if (code == 0)
        code = prober_remember(&worker->prober, worker->store, config, error);
    /* The stamp first: what is changed in between is seen at the next look. */
    if (code == 0)
        code = kept_lists_stamp(worker->store, &stamp, error);
    if (code == 0)
        code = read_lists(worker, stamp, error);
    if (code == 0)
        code = name_addresses(worker, &options, error);
    if (code == 0)
        code = io_timer_start(&worker->look, io_now_ms(worker->loop) + LISTS_MS);
    if (code != 0)
        return code;
    worker->habits = bulk_habits_new(worker->loop, worker->store, worker->store);
    if (worker->habits == NULL)
        return error_set(error, ERROR_NOMEM, "out of memory");
    memory = bulk_habits_memory(worker->habits);
    probe_engine_set_memory(worker->prober.engine, &memory);
    options.habits = worker->habits;
    options.window = worker->prober.settings.cases_max * 9 / 10;
    return bulk_fleet_open(worker->loop, worker->prober.engine, worker->store, &options, &events,
                           worker, &worker->fleet, error);
}

/* Leases are given back when the last connection is gone; when they are over already, at once. */
static void end(struct worker *worker)
{
    struct store_fleet *membership =
        worker->fleet != NULL ? bulk_fleet_membership(worker->fleet) : NULL;

    io_timer_stop(&worker->look);
    bulk_fleet_free(worker->fleet);
    worker->fleet = NULL;
    if (worker->prober.engine != NULL) {
        probe_engine_set_memory(worker->prober.engine, NULL);
        if (!worker->is_lost)
            prober_say_goodbye(&worker->prober, GOODBYE_MS);
    }
    bulk_habits_free(worker->habits);
    worker->habits = NULL;
    prober_close(&worker->prober);
    store_fleet_leave(membership);
    store_close(worker->store);
    worker->store = NULL;
}

static void try_again(struct io_timer *timer)
{
    struct worker *worker = timer->user;

    io_loop_stop(worker->loop);
}

/* Of what is wrong with the configuration the program ends; of what is wrong with the world it does
   not, once it has worked. */
static bool is_for_good(int code)
{
    return code == ERROR_USAGE || code == ERROR_FORMAT || code == ERROR_NOMEM;
}

static int work(struct worker *worker)
{
    bool has_worked = false;
    int status = CLI_EXIT_OK;

    while (!worker->is_stopping) {
        struct error error = {0};
        int code = begin(worker, &error);

        worker->is_lost = false;
        if (code == 0) {
            struct bulk_fleet_counts counts;
            char line[64];

            has_worked = true;
            bulk_fleet_counts(worker->fleet, &counts);
            snprintf(line, sizeof(line), "worker %llu is at work",
                     (unsigned long long)counts.worker);
            say(worker, line);
        } else if (!has_worked || is_for_good(code)) {
            status = cli_fail(worker->call, CLI_EXIT_USAGE, "%s", error.message);
            end(worker);
            break;
        } else {
            say(worker, error.message);
            (void)io_timer_start(&worker->again, io_now_ms(worker->loop) + AGAIN_MS);
        }
        io_loop_run(worker->loop);
        io_timer_stop(&worker->again);
        if (worker->is_lost)
            say(worker, "the store was out of reach for too long: every connection is closed, and "
                        "all is begun anew");
        end(worker);
    }
    return status;
}

/* --- the command --------------------------------------------------------------------------- */

/* Before anything is opened, and before a library starts a thread. */
static int harden(struct cli_call *call, struct error *error)
{
    const struct worker_options *options = call->options;
    struct service_log log;
    int code;

    service_log_open(&log, call->err, SERVICE_LOG_LOGFMT, SERVICE_LOG_INFO, false);
    code = cli_harden(call, &options->harden, NULL, 2 * call->config->connections + FILES_ASIDE,
                      &log, error);
    service_log_close(&log);
    return code;
}

static int run(struct cli_call *call)
{
    struct worker worker = {.call = call, .options = call->options};
    struct config config = *call->config;
    char host[64] = "";
    struct error error = {0};
    int status;

    config.transcripts = true;
    call->config = &config;
    if (config.store == NULL || !store_url_is_shared(config.store))
        return cli_fail(call, CLI_EXIT_USAGE,
                        "a worker needs a store that is shared: --store "
                        "postgresql://USER@HOST/DATABASE");
    if (harden(call, &error) != 0)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    (void)gethostname(host, sizeof(host) - 1);
    snprintf(worker.name, sizeof(worker.name), "%s:%ld", host, (long)getpid());
    worker.loop = io_uv_loop_new(&error);
    if (worker.loop == NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    io_timer_init(worker.loop, &worker.again, try_again, &worker);
    io_timer_init(worker.loop, &worker.look, look_at_lists, &worker);
    (void)io_uv_loop_on_signal(worker.loop, SIGINT, terminate, &worker);
    (void)io_uv_loop_on_signal(worker.loop, SIGTERM, terminate, &worker);
    (void)io_uv_loop_on_signal(worker.loop, SIGHUP, reload, &worker);
    status = work(&worker);
    io_loop_free(worker.loop);
    return status;
}

static const struct config_option rows[] = {
    {.name = "lease",
     .type = CONFIG_DURATION,
     .offset = offsetof(struct worker_options, lease_ms),
     .value_name = "TIME",
     .fallback = "20s",
     .min = 5 * SECOND_MS,
     .max = 5 * MINUTE_MS,
     .group = "Worker",
     .help = "When a worker was not heard of for so long, others take its sites and rows."},
    {.name = "leases",
     .type = CONFIG_CHOICE,
     .offset = offsetof(struct worker_options, leases),
     .value_name = "OF",
     .fallback = "site",
     .choices = "site|address",
     .help = "What one worker at a time may ask: a mail operator (site), or a mail operator from a "
             "source address (address), where workers' addresses on the Internet differ. All "
             "workers of a store must say the same."},
    HARDEN_ROWS(struct worker_options, harden),
};

const struct cli_command cli_worker = {
    .name = "worker",
    .arguments = "",
    .summary = "work on the lists of a shared store, one of many",
    .details =
        "Takes rows of running lists from PostgreSQL, asks mail servers, and keeps the results\n"
        "there. As many as wanted, on any number of machines; `mailknock serve` with the same "
        "store\n"
        "takes lists in. Each site is asked by one worker at a time, so that its limits hold for "
        "all\n"
        "of them together.\n"
        "\n"
        "  mailknock worker --store postgresql://mailknock@db.internal/mailknock\n"
        "\n"
        "SIGTERM: what was asked is answered and kept, then it leaves. Killed, it loses what was\n"
        "in flight, which others ask again. SIGHUP: your lists are read again; those that a "
        "service\n"
        "keeps in the store are looked at every 15 seconds.\n",
    .own = {rows, sizeof(rows) / sizeof(rows[0])},
    .options_size = sizeof(struct worker_options),
    .uses_common = true,
    .arguments_max = 0,
    .run = run,
};
