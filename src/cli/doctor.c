/*
 * `mailknock doctor`: can this host verify, and what is to be mended?
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/instant.h"
#include "cli/confine.h"
#include "cli/doctor.h"
#include "config/egress.h"
#include "config/value.h"
#include "io/uv_loop.h"
#include "store/store.h"

#define YEAR_LEAST 2026 /* this was written in it */
#define YEAR_MOST  2100

/* --- waiting ---------------------------------------------------------------------------------- */

void doctor_wait(struct doctor *doctor)
{
    while (doctor->pending > 0 && !doctor->expired) {
        doctor->waiting = true;
        io_loop_run(doctor->loop);
        doctor->waiting = false;
    }
}

void doctor_settle(struct doctor *doctor)
{
    CHECK(doctor->pending > 0);
    if (--doctor->pending == 0 && doctor->waiting)
        io_loop_stop(doctor->loop);
}

static void time_is_up(struct io_timer *timer)
{
    struct doctor *doctor = timer->user;

    doctor->expired = true;
    if (doctor->waiting)
        io_loop_stop(doctor->loop);
}

/* --- the machine itself ----------------------------------------------------------------------- */

static void check_clock(struct doctor *doctor)
{
    time_t now = (time_t)(io_unix_ms(doctor->loop) / 1000);
    char text[INSTANT_TEXT_SIZE];
    struct tm tm = {0};
    int year;

    gmtime_r(&now, &tm);
    year = tm.tm_year + 1900;
    instant_format(io_unix_ms(doctor->loop), text);
    if (year >= YEAR_LEAST && year <= YEAR_MOST)
        doctor_report_add(&doctor->report, DOCTOR_CLOCK, DOCTOR_OK, "", "it is %.16s UTC", text);
    else
        doctor_report_add(&doctor->report, DOCTOR_CLOCK, DOCTOR_FAILED,
                          "Set the clock, and keep it by NTP (systemd-timesyncd, chrony).",
                          "the year is %d", year);
}

static void check_files(struct doctor *doctor)
{
    unsigned sockets = io_uv_loop_socket_limit();
    uint64_t wanted = doctor->config->connections;

    if (wanted <= sockets)
        doctor_report_add(&doctor->report, DOCTOR_FILES, DOCTOR_OK, "",
                          "enough for %" PRIu64 " connections", wanted);
    else
        doctor_report_add(&doctor->report, DOCTOR_FILES, DOCTOR_WARNING,
                          "Raise the limit (ulimit -n, LimitNOFILE= of the service) or lower "
                          "--connections.",
                          "room for %u connections, --connections says %" PRIu64, sockets, wanted);
}

static void check_hardening(struct doctor *doctor)
{
    unsigned files = confine_files_version();
    bool calls = confine_calls_possible();

    if (files > 0 && calls)
        doctor_report_add(&doctor->report, DOCTOR_HARDENING, DOCTOR_OK, "",
                          "Landlock (version %u) and seccomp are here for serve", files);
    else
        doctor_report_add(&doctor->report, DOCTOR_HARDENING, DOCTOR_WARNING,
                          files == 0 ? "Run Linux 5.19 or later that has Landlock on; until then "
                                       "let systemd's unit do it."
                                     : "Run a kernel with CONFIG_SECCOMP_FILTER, and no build with "
                                       "sanitizers.",
                          "serve can't limit %s%s%s here", files == 0 ? "the files it opens" : "",
                          files == 0 && !calls ? " and " : "",
                          calls ? "" : "the system calls it makes");
}

/*
 * Others work on it, so that nothing is made or renewed here: that may keep them waiting, and
 * takes long when there is much. 1: all is said already.
 */
static int open_shared(struct doctor *doctor, const char *url, struct store **ret_store,
                       struct error *error)
{
    int code = store_open(url, STORE_MODE_READ_ONLY, ret_store, error), may;
    /* Of an older program; those of a newer one are refused for a look at notes too. */
    bool is_old = code == ERROR_FORMAT && store_open(url, STORE_MODE_NOTES, ret_store, NULL) == 0;

    if (!is_old && code != ERROR_NOT_FOUND)
        return code;
    may = store_may_prepare(url, error);
    if (may < 0)
        return may;
    if (may == 0)
        doctor_report_add(&doctor->report, DOCTOR_STORE, DOCTOR_FAILED,
                          "Let serve's role own the tables there, or start serve or worker once "
                          "with a role that may.",
                          "the store has %s, and %s",
                          is_old ? "tables of an older version" : "no tables yet", error->message);
    else if (is_old)
        doctor_report_add(&doctor->report, DOCTOR_STORE, DOCTOR_WARNING,
                          "Start serve or worker of this version once, when it suits you.",
                          "the store has tables of an older version: the first start renews them");
    else
        doctor_report_add(&doctor->report, DOCTOR_STORE, DOCTOR_OK, "",
                          "the store has no tables yet: they are made at the first start");
    return 1;
}

static void check_shared_store(struct doctor *doctor, const char *url)
{
    struct store *store = NULL;
    struct error error = {0};
    int code = open_shared(doctor, url, &store, &error), advice = 0;

    if (code == 0) {
        code = store_may_write(store, &error) == 1 ? 0 : ERROR_IO;
        advice = code == 0 ? store_advise(store, &error) : 0;
    }
    store_close(store);
    if (code == ERROR_FORMAT)
        doctor_report_add(&doctor->report, DOCTOR_STORE, DOCTOR_FAILED,
                          "Use the version of mailknock that the other programs on this store are, "
                          "or name another store with --store.",
                          "%s", error.message);
    else if (code < 0 || advice < 0)
        doctor_report_add(&doctor->report, DOCTOR_STORE, DOCTOR_FAILED,
                          "Let serve's role reach the database and own the tables there, or name "
                          "another with --store.",
                          "%s", error.message);
    else if (advice == 1)
        doctor_report_add(&doctor->report, DOCTOR_STORE, DOCTOR_WARNING,
                          "All works, but lists take longer to be removed (doc/SCALING.md).", "%s",
                          error.message);
    else if (code == 0)
        doctor_report_add(&doctor->report, DOCTOR_STORE, DOCTOR_OK, "",
                          "the store has its tables, and this role may write to them");
}

static void check_store(struct doctor *doctor)
{
    const char *url = doctor->config->store, *path, *slash, *folder;
    struct store *store = NULL;
    struct error error = {0};
    int code = 0;

    if (url == NULL)
        return;
    if (store_url_is_shared(url)) {
        check_shared_store(doctor, url);
        return;
    }
    path = store_url_path(url);
    slash = path != NULL ? strrchr(path, '/') : NULL;
    folder = slash == NULL ? "."
             : slash == path
                 ? "/"
                 : arena_string(doctor->arena, slice_from(path, (size_t)(slash - path)));
    if (folder == NULL) {
        doctor->report.out_of_memory = true;
    } else if (path == NULL || access(path, F_OK) == 0) {
        code = store_open(url, path == NULL ? STORE_MODE_CREATE : STORE_MODE_READ_ONLY, &store,
                          &error);
        store_close(store);
        if (code == 0 && path != NULL && access(path, W_OK) != 0)
            code = error_set(&error, ERROR_IO, "%.200s can't be written by this user", path);
    }
    /* SQLite writes its journal beside the file. */
    if (code == 0 && path != NULL && folder != NULL && access(folder, W_OK | X_OK) != 0)
        code = error_set(&error, ERROR_IO, "nothing can be written in %.200s by this user", folder);
    if (code == 0)
        doctor_report_add(&doctor->report, DOCTOR_STORE, DOCTOR_OK, "", "%s can be written", url);
    else
        doctor_report_add(&doctor->report, DOCTOR_STORE, DOCTOR_FAILED,
                          "Let this user own the file and its folder, or name another with "
                          "--store.",
                          "%s", error.message);
}

/* --- the command ------------------------------------------------------------------------------ */

static int read_networks(struct doctor *doctor)
{
    const struct config_list *given = &doctor->config->allow_nets;
    struct ip_network *networks = arena_array(doctor->arena, given->count + 1, sizeof(*networks));

    if (networks == NULL)
        return ERROR_NOMEM;
    for (size_t i = 0; i < given->count; i++)
        CHECK(ip_network_parse(slice_from_string(given->values[i]), &networks[i]));
    doctor->allowed = (struct ip_networks){networks, given->count};
    return 0;
}

static void examine_identity(struct doctor *doctor)
{
    doctor->helo = NULL;
    doctor->source_count = 0;
    doctor_check_source(doctor);
    /* The heaviest question first, so that slow DNS can't use up its time. */
    doctor_check_port(doctor);
    doctor_check_names(doctor);
    doctor_check_senders(doctor);
    doctor_check_blocklists(doctor);
}

static const char *string_of(struct doctor *doctor, struct slice text)
{
    const char *string = text.len > 0 ? arena_string(doctor->arena, text) : NULL;

    doctor->report.out_of_memory |= text.len > 0 && string == NULL;
    return string;
}

static struct slice slice_of(const char *string)
{
    return string != NULL ? slice_from_string(string) : SLICE_EMPTY;
}

/* One of several identities; what it does not say is as for a single one. */
static void become(struct doctor *doctor, size_t index)
{
    const struct config *config = doctor->config;
    struct probe_egress egress = {
        .helo_name = slice_of(config->helo),
        .sender = slice_of(config->mail_from),
        .second_sender = slice_of(config->second_mail_from),
    };
    char text[IP_TEXT_SIZE];

    if (config_parse_egress(config->egresses.values[index], doctor->arena, &egress, NULL) < 0) {
        doctor->report.out_of_memory = true; /* all else was refused with the option */
        return;
    }
    doctor->who = (struct doctor_identity){
        .source_ip = egress.source.ip.family != 0
                         ? string_of(doctor, slice_from_string(ip_format(&egress.source.ip, text)))
                         : config->source_ip,
        .helo = string_of(doctor, egress.helo_name),
        .mail_from = egress.sender.len > 0 ? string_of(doctor, egress.sender) : "",
        .second_mail_from = string_of(doctor, egress.second_sender),
        .proxy = egress.proxy,
    };
    doctor->report.about = arena_printf(
        doctor->arena, "egress %zu (%.*s)", index + 1,
        SLICE_ARG(egress.proxy == NULL ? slice_of(doctor->who.source_ip) : egress.name));
    doctor->report.out_of_memory |= doctor->report.about == NULL;
}

static void examine(struct doctor *doctor)
{
    const struct config *config = doctor->config;

    check_clock(doctor);
    check_files(doctor);
    check_hardening(doctor);
    check_store(doctor);
    doctor_check_resolvers(doctor);
    doctor->who = (struct doctor_identity){config->source_ip, config->helo, config->mail_from,
                                           config->second_mail_from, NULL};
    for (size_t i = 0; i < config->egresses.count && !doctor->report.out_of_memory; i++) {
        become(doctor, i);
        if (!doctor->report.out_of_memory)
            examine_identity(doctor);
    }
    doctor->report.about = NULL;
    if (config->egresses.count == 0)
        examine_identity(doctor);
}

static void leave(struct doctor *doctor)
{
    io_timer_stop(&doctor->deadline);
    dns_resolver_free(doctor->resolver);
    dns_transport_free(doctor->transport);
    for (size_t i = 0; i < doctor->server_count; i++)
        dns_transport_free(doctor->servers[i].transport);
    io_loop_free(doctor->loop);
}

static int print(struct doctor *doctor)
{
    const struct view_style style = {.width = doctor->call->width, .colour = doctor->call->colour};
    struct buffer text;

    buffer_init(&text, 0);
    if (doctor->options->json)
        doctor_report_json(&doctor->report, &text);
    else
        doctor_report_text(&doctor->report, &style, &text);
    text.failed |= doctor->report.out_of_memory;
    return cli_print(doctor->call, &text);
}

static int run(struct cli_call *call)
{
    struct doctor *doctor = arena_alloc(call->arena, sizeof(*doctor));
    struct error error = {0};
    int status;

    if (doctor == NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "out of memory");
    *doctor = (struct doctor){
        .call = call,
        .config = call->config,
        .options = call->options,
        .arena = call->arena,
    };
    if (!call->config->ipv4 && !call->config->ipv6)
        return cli_fail(call, CLI_EXIT_USAGE, "ipv4 and ipv6 are both off: nobody can be asked");
    if (doctor->options->public_ip != NULL && call->config->egresses.count > 1)
        return cli_fail(call, CLI_EXIT_USAGE,
                        "--public-ip is one address: look at one --egress at a time with it");
    doctor_report_init(&doctor->report, call->arena);
    if (read_networks(doctor) < 0)
        return cli_fail(call, CLI_EXIT_USAGE, "out of memory");
    doctor->loop = io_uv_loop_new(&error);
    if (doctor->loop == NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    io_timer_init(doctor->loop, &doctor->deadline, time_is_up, doctor);
    if (io_timer_start(&doctor->deadline, io_now_ms(doctor->loop) + doctor->options->timeout_ms) <
        0)
        doctor->report.out_of_memory = true;
    else
        examine(doctor);
    leave(doctor);
    status = print(doctor);
    return status != CLI_EXIT_OK ? status : doctor_report_status(&doctor->report);
}

static int check_domain(const char *value, struct error *error)
{
    return dns_name_is_askable(value) ? 0 : error_set(error, ERROR_USAGE, "is no domain name");
}

static const struct config_option rows[] = {
    {.name = "json",
     .type = CONFIG_BOOL,
     .offset = offsetof(struct doctor_options, json),
     .command_line_only = true,
     .help = "An array of {check, result, detail, why, fix}."},
    {.name = "timeout",
     .type = CONFIG_DURATION,
     .offset = offsetof(struct doctor_options, timeout_ms),
     .value_name = "TIME",
     .fallback = "30s",
     .min = SECOND_MS,
     .max = 10 * MINUTE_MS,
     .command_line_only = true,
     .help = "The most that all checks may take together; what is left then is not checked."},
    {.name = "site",
     .type = CONFIG_LIST,
     .offset = offsetof(struct doctor_options, sites),
     .value_name = "DOMAIN",
     .check = check_domain,
     .command_line_only = true,
     .help = "A domain whose mail server is connected to (greeting and QUIT, no more); up to 8. "
             "Default: gmail.com, outlook.com, yahoo.com, icloud.com."},
    {.name = "blocklist",
     .type = CONFIG_LIST,
     .offset = offsetof(struct doctor_options, blocklists),
     .value_name = "ZONE",
     .check = check_domain,
     .has_key = true,
     .command_line_only = true,
     .help = "A DNS block list to look our address up in; up to 16. Default: none, as most have "
             "terms of use."},
    {.name = "public-ip",
     .type = CONFIG_TEXT,
     .offset = offsetof(struct doctor_options, public_ip),
     .value_name = "IP",
     .check = config_check_ip,
     .command_line_only = true,
     .help = "The address that mail servers see, where the network translates this host's own, or "
             "a proxy has another. Not with several --egress."},
};

const struct cli_command cli_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "tell whether this host can verify, and what to mend",
    .details =
        "Looks at the clock, the limits of the system, the store, the resolvers, and at what mail "
        "servers look at: the address we come from, its name and back, the name said in EHLO, the "
        "senders, SPF; then whether the mail servers of a few large sites can be reached. Every "
        "finding says why it matters and what to do.\n"
        "\n"
        "Of several --egress each is looked at; of one behind a proxy only what can be seen from "
        "here: its names, and whether mail servers greet through it.\n"
        "\n"
        "Give it the options that check and clean get, or the same configuration file. Nobody is "
        "asked about a mailbox: a mail server hears QUIT after its greeting.\n"
        "\n"
        "Exit status: 0 nothing failed; 1 something failed; 2 wrong usage; 3 nothing failed, but "
        "something could not be checked.\n"
        "\n"
        "  mailknock doctor --helo probe.example.org\n"
        "  mailknock doctor --config mailknock.conf --json\n"
        "  mailknock doctor --public-ip 198.51.100.7 --blocklist zen.spamhaus.org\n",
    .own = {rows, ARRAY_LEN(rows)},
    .options_size = sizeof(struct doctor_options),
    .uses_common = true,
    .common = "Who we are|Whom to "
              "ask|--connections|--mx-blocklist|--domain-blocklist|--config|--store|--color",
    .arguments_min = 0,
    .arguments_max = 0,
    .run = run,
};
