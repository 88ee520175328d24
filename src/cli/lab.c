/*
 * `mailknock lab SCENARIO`: the simulated internet on loopback, for people and for tests of other
 * programs. What a scenario can say is in doc/LAB.md and listed by `mailknock lab behaviours`.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "cli/command.h"
#include "io/uv_loop.h"
#include "lab/behaviour.h"
#include "lab/file.h"
#include "lab/loopback.h"
#include "lab/preset.h"
#include "lab/run.h"
#include "lab/setup.h"
#include "lab/sign.h"

#define FIRST_SEED 1
#define REHEARSALS 6 /* seeds */

struct lab_options {
    uint64_t port;
    const char *dns;
    const char *log;
    uint64_t for_ms;
    const char *port_file;
    const char *write_config;
    const char *verdicts;
    bool virtual;
};

/* --- what scenarios can say --------------------------------------------------------------------
 */

static void directives_list(FILE *out)
{
    const struct lab_directive *directive;

    for (size_t i = 0; (directive = lab_directive_at(i)) != NULL; i++)
        (void)fprintf(out, "  %-8s %-58s %s\n", directive->name, directive->usage,
                      directive->summary);
}

static void behaviours_list(FILE *out)
{
    const struct lab_behaviour_kind *kind;
    char usage[LAB_BEHAVIOUR_USAGE_SIZE];

    for (size_t i = 0; (kind = lab_behaviour_at(i)) != NULL; i++)
        (void)fprintf(out, "  %-34s %s\n", lab_behaviour_usage(kind, usage), kind->summary);
}

static void presets_list(FILE *out)
{
    const struct lab_preset *preset;

    for (size_t i = 0; (preset = lab_preset_at(i)) != NULL; i++) {
        const char *greeting = preset->texts[LAB_TEXT_GREETING];

        (void)fprintf(out, "  %-22s %s\n", preset->name,
                      greeting != NULL ? greeting : lab_text_default(LAB_TEXT_GREETING));
    }
}

static void texts_list(FILE *out)
{
    for (unsigned i = 0; i < LAB_TEXT_COUNT; i++)
        (void)fprintf(out, "  %-14s %s\n", lab_text_name((enum lab_text)i),
                      lab_text_default((enum lab_text)i));
}

static void settings_list(FILE *out)
{
    const struct lab_setting_kind *kind;

    for (size_t i = 0; (kind = lab_setting_at(i)) != NULL; i++)
        (void)fprintf(out, "  %-17s %-39s %s\n", kind->name, kind->values, kind->summary);
}

static const struct {
    const char *name;
    void (*list)(FILE *out);
} topics[] = {
    {"directives", directives_list}, {"behaviours", behaviours_list}, {"presets", presets_list},
    {"texts", texts_list},           {"settings", settings_list},
};

/* SMTP port, then the endpoint of DNS, a line each. */
static int port_file_write(const char *path, const struct lab_loopback *loopback,
                           struct error *error)
{
    struct buffer text;
    int code;

    buffer_init(&text, 0);
    (void)buffer_printf(&text, "%u\n", loopback->port);
    lab_sign_endpoint(&text, &loopback->dns);
    (void)buffer_append_byte(&text, '\n');
    code = lab_file_write(path, buffer_slice(&text), error);
    buffer_done(&text);
    return code;
}

/* --- running -----------------------------------------------------------------------------------
 */

static void line_to_log(void *user, const char *line)
{
    FILE *log = user;

    (void)fputs(line, log);
    (void)fputc('\n', log);
}

static void stop_on_signal(void *user, int signal_number)
{
    io_loop_stop(user);
}

static void stop_on_timer(struct io_timer *timer)
{
    io_loop_stop(timer->loop);
}

static void opening_show(struct cli_call *call, const char *path,
                         const struct lab_loopback *loopback, const struct lab_scenario *scenario)
{
    const struct lab_options *options = call->options;
    char ip[IP_TEXT_SIZE];
    struct slice example = SLICE("ADDRESS");
    struct buffer words;

    if (lab_scenario_expectation_count(scenario) > 0)
        example = lab_scenario_expectation(scenario, 0)->address;
    buffer_init(&words, 0);
    lab_sign_options(&words, loopback, scenario, 4, call->width);
    (void)fprintf(call->out, "%s is open: SMTP port %u, DNS on %s port %u, all on loopback.\n\n",
                  path, loopback->port, ip_format(&loopback->dns.ip, ip), loopback->dns.port);
    (void)fprintf(call->out, "Knock from another terminal:\n\n  mailknock check %.*s \\\n%.*s\n",
                  SLICE_ARG(example), SLICE_ARG(buffer_slice(&words)));
    if (options->write_config != NULL)
        (void)fprintf(call->out, "\nor shorter:\n\n  mailknock check %.*s --config %s\n",
                      SLICE_ARG(example), options->write_config);
    (void)fputs("\nCtrl-C closes the lab.\n", call->out);
    (void)fflush(call->out);
    buffer_done(&words);
}

static void counts_show(struct cli_call *call, const struct lab_counts *counts)
{
    (void)fprintf(call->out,
                  "\n%llu connections, %llu recipients asked for (%llu of them unknown), "
                  "%llu DNS questions.\n",
                  (unsigned long long)counts->connections, (unsigned long long)counts->rcpts,
                  (unsigned long long)counts->unknown_rcpts, (unsigned long long)counts->questions);
}

static int closing_show(struct cli_call *call, const struct lab_world *world)
{
    struct lab_counts counts;
    const char *violation;

    lab_world_counts(world, &counts);
    counts_show(call, &counts);
    if (counts.left_without_quit > 0)
        (void)fprintf(call->out, "%llu sessions were left without QUIT.\n",
                      (unsigned long long)counts.left_without_quit);
    if (counts.violations == 0) {
        (void)fputs("No violations: nobody said DATA, and all limits were kept.\n", call->out);
        return CLI_EXIT_OK;
    }
    (void)fprintf(call->out, "%llu violations:\n", (unsigned long long)counts.violations);
    for (size_t i = 0; (violation = lab_world_violation(world, i)) != NULL; i++)
        (void)fprintf(call->out, "  %s\n", violation);
    return CLI_EXIT_NOT_VALID;
}

static int run_open(struct cli_call *call, struct io_loop *loop, const char *path,
                    const struct lab_loopback *loopback, const struct lab_scenario *scenario)
{
    const struct lab_options *options = call->options;
    struct error error = {0};
    struct io_timer timer;
    FILE *log = NULL;
    int status;

    if (options->log != NULL) {
        log = strcmp(options->log, "-") == 0 ? call->out : fopen(options->log, "w");
        if (log == NULL)
            return cli_fail(call, CLI_EXIT_USAGE, "%s: %s", options->log, strerror(errno));
        (void)setvbuf(log, NULL, _IOLBF, 0);
        lab_world_on_line(loopback->world, line_to_log, log);
    }
    io_timer_init(loop, &timer, stop_on_timer, NULL);
    if (options->for_ms != 0)
        (void)io_timer_start(&timer, io_now_ms(loop) + options->for_ms);
    (void)io_uv_loop_on_signal(loop, SIGINT, stop_on_signal, loop);
    (void)io_uv_loop_on_signal(loop, SIGTERM, stop_on_signal, loop);
    if ((options->write_config != NULL &&
         lab_sign_write(options->write_config, loopback, scenario, &error) < 0) ||
        (options->port_file != NULL && port_file_write(options->port_file, loopback, &error) < 0)) {
        status = cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    } else {
        opening_show(call, path, loopback, scenario);
        io_loop_run(loop);
        status = closing_show(call, loopback->world);
    }
    io_timer_stop(&timer);
    lab_world_on_line(loopback->world, NULL, NULL);
    if (log != NULL && log != call->out)
        (void)fclose(log);
    return status;
}

/* "127.0.0.1", "127.0.0.1:5300", "[::1]:5300" */
static bool endpoint_parse(struct slice text, struct io_endpoint *ret_at)
{
    struct io_endpoint at = {.port = 0};
    ptrdiff_t colon = slice_rfind_byte(text, ':');
    uint64_t port = 0;

    if (ip_parse(text, &at.ip)) {
        *ret_at = at;
        return true;
    }
    if (colon < 0 || !slice_to_u64(slice_from_offset(text, (size_t)colon + 1), UINT16_MAX, &port))
        return false;
    text = slice_prefix(text, (size_t)colon);
    if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
        text = slice_from(text.ptr + 1, text.len - 2);
    at.port = (uint16_t)port;
    *ret_at = at;
    return ip_parse(text, &ret_at->ip);
}

static int scenario_run(struct cli_call *call, const char *path)
{
    const struct lab_options *options = call->options;
    struct lab_loopback_options wanted = {.port = (uint16_t)options->port,
                                          .seed = call->config->seed};
    struct lab_loopback loopback = {0};
    struct lab_scenario *scenario = NULL;
    struct io_loop *loop = NULL;
    struct error error = {0};
    int status;

    if (options->dns != NULL && !endpoint_parse(slice_from_string(options->dns), &wanted.dns))
        return cli_fail(call, CLI_EXIT_USAGE, "--dns %s: not an address with a port", options->dns);
    scenario = lab_loopback_read(path, &error);
    if (scenario != NULL)
        loop = io_uv_loop_new(&error);
    if (loop == NULL || lab_loopback_open(&loopback, loop, scenario, &wanted, &error) < 0)
        status = cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    else
        status = run_open(call, loop, path, &loopback, scenario);
    lab_loopback_close(&loopback);
    if (loop != NULL)
        io_loop_free(loop);
    lab_scenario_free(scenario);
    return status;
}

/* One run on the virtual clock, and what every address ended as. */
static int scenario_verdicts(struct cli_call *call, const char *path)
{
    const struct lab_options *options = call->options;
    struct error error = {0};
    struct lab_scenario *scenario = lab_loopback_read(path, &error);
    struct buffer report, verdicts;
    struct lab_run run = {0};
    int code = scenario != NULL ? 0 : error.code;
    char span[32];

    buffer_init(&report, 0);
    buffer_init(&verdicts, 0);
    if (code == 0)
        code = lab_run_virtual(scenario, FIRST_SEED, false, &report, &verdicts, &run, &error);
    if (code == 0)
        code = lab_file_write(options->verdicts, buffer_slice(&verdicts), &error);
    lab_scenario_free(scenario);
    if (code == 0) {
        (void)fprintf(call->out, "%.*s%s: %zu verdicts, %s of virtual time\n",
                      SLICE_ARG(buffer_slice(&report)), path, run.asked,
                      span_format(run.virtual_ms, span));
        counts_show(call, &run.counts);
    }
    buffer_done(&report);
    buffer_done(&verdicts);
    if (code < 0)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    return run.faults == 0 ? CLI_EXIT_OK : CLI_EXIT_NOT_VALID;
}

/* The scenario against its own expectations, on the virtual clock. */
static int scenario_rehearse(struct cli_call *call, const char *path)
{
    struct error error = {0};
    struct lab_scenario *scenario = lab_loopback_read(path, &error);
    size_t asked = 0, faults = 0;
    uint64_t virtual_ms = 0;
    char span[32];

    if (scenario == NULL)
        return cli_fail(call, CLI_EXIT_USAGE, "%s", error.message);
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + REHEARSALS; seed++) {
        struct lab_run run;
        struct buffer report;
        int code;

        buffer_init(&report, 0);
        code = lab_run_virtual(scenario, seed, false, &report, NULL, &run, &error);
        if (code == 0 && run.faults > 0)
            (void)fprintf(call->out, "seed %llu:\n%.*s", (unsigned long long)seed,
                          SLICE_ARG(buffer_slice(&report)));
        buffer_done(&report);
        if (code < 0) {
            lab_scenario_free(scenario);
            return cli_fail(call, CLI_EXIT_USAGE, "%s: %s", path, error.message);
        }
        asked += run.asked;
        faults += run.faults;
        virtual_ms += run.virtual_ms;
    }
    lab_scenario_free(scenario);
    (void)fprintf(call->out, "%s: %d runs, %zu verdicts, %s of virtual time: %zu %s\n", path,
                  REHEARSALS, asked, span_format(virtual_ms, span), faults,
                  faults == 1 ? "fault" : "faults");
    return faults == 0 ? CLI_EXIT_OK : CLI_EXIT_NOT_VALID;
}

static int run(struct cli_call *call)
{
    const struct lab_options *options = call->options;

    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        if (strcmp(call->arguments[0], topics[i].name) == 0) {
            topics[i].list(call->out);
            return CLI_EXIT_OK;
        }
    if (options->verdicts != NULL && !options->virtual)
        return cli_fail(call, CLI_EXIT_USAGE, "--verdicts goes with --virtual");
    if (options->verdicts != NULL)
        return scenario_verdicts(call, call->arguments[0]);
    return options->virtual ? scenario_rehearse(call, call->arguments[0])
                            : scenario_run(call, call->arguments[0]);
}

#define AT(field) offsetof(struct lab_options, field)

static const struct config_option options[] = {
    {.name = "port",
     .type = CONFIG_NUMBER,
     .offset = AT(port),
     .value_name = "N",
     .fallback = "0",
     .max = UINT16_MAX,
     .help = "SMTP port of all servers, or the next one above it that is free. 0: 2525."},
    {.name = "dns",
     .type = CONFIG_TEXT,
     .offset = AT(dns),
     .value_name = "IP:PORT",
     .fallback = "127.0.0.1:5300",
     .help = "Where to answer DNS, by UDP and TCP, or the next port above it that is free."},
    {.name = "log",
     .type = CONFIG_TEXT,
     .offset = AT(log),
     .value_name = "FILE",
     .help = "Write every line of every conversation; - for standard output."},
    {.name = "for",
     .type = CONFIG_DURATION,
     .offset = AT(for_ms),
     .value_name = "TIME",
     .fallback = "0",
     .help = "Close the lab after so many seconds. 0: never."},
    {.name = "port-file",
     .type = CONFIG_TEXT,
     .offset = AT(port_file),
     .value_name = "FILE",
     .help = "Once everything listens, write the SMTP port and the DNS address, a line each."},
    {.name = "write-config",
     .type = CONFIG_TEXT,
     .offset = AT(write_config),
     .value_name = "FILE",
     .help = "Write a configuration with which `check` and `clean` find this lab; lists of the "
             "scenario go into files beside it."},
    {.name = "virtual",
     .type = CONFIG_BOOL,
     .offset = AT(virtual),
     .fallback = "no",
     .help =
         "Open nothing: act the scenario out on a virtual clock, with several seeds, and compare "
         "every verdict with what it expects."},
    {.name = "verdicts",
     .type = CONFIG_TEXT,
     .offset = AT(verdicts),
     .value_name = "FILE",
     .help = "With --virtual: one run only, and what every address ended as goes into FILE, a "
             "line each: address, status, reason, with tabs between."},
};

const struct cli_command cli_lab = {
    .name = "lab",
    .arguments = "SCENARIO|TOPIC",
    .summary = "run a simulated internet on loopback: DNS and mail servers from a scenario file",
    .details =
        "Servers stand on the 127.x.x.x addresses that the scenario gives them, all on one SMTP\n"
        "port; its zones are answered on a DNS port. No root is needed. The exit status is 1 when\n"
        "a visitor said DATA or BDAT, broke SMTP or exceeded a site's limits.\n"
        "\n"
        "  mailknock lab examples/demo.scenario --write-config lab.conf\n"
        "  mailknock check anyone@everyone.example --config lab.conf --explain\n"
        "  mailknock clean examples/customers.csv --config lab.conf\n"
        "\n"
        "directives, behaviours, presets, texts and settings list what a scenario can "
        "say\n(doc/LAB.md).",
    .own = {options, ARRAY_LEN(options)},
    .options_size = sizeof(struct lab_options),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
