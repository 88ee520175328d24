/* One world, one engine, all expectations at once. */
#include "lab/run.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/random.h"
#include "lab/setup.h"
#include "lab/sim_loop.h"

#define SMTP_PORT 25

struct asked {
    struct run *run;
    const struct lab_expectation *expected;
    unsigned done;
};

struct run {
    struct lab_setup setup;
    struct io_loop *loop;
    struct lab_world *world;
    struct dns_resolver *resolver;
    struct probe_engine *engine;
    struct asked *asked;
    struct buffer *report, *verdicts;
    struct lab_run result;
};

size_t lab_run_compare(const struct lab_expectation *expected, struct slice status,
                       struct slice reason, struct slice explanation, struct slice suggestion,
                       struct buffer *report)
{
    size_t faults = 0;

    if (expected->status.len == 0)
        return 0;
    if (!slice_equal(status, expected->status) || !slice_equal(reason, expected->reason)) {
        (void)buffer_printf(report, "line %u: %.*s is %.*s/%.*s, not %.*s/%.*s: %.*s\n",
                            expected->line, SLICE_ARG(slice_prefix(expected->address, 100)),
                            SLICE_ARG(status), SLICE_ARG(reason), SLICE_ARG(expected->status),
                            SLICE_ARG(expected->reason), SLICE_ARG(explanation));
        faults++;
    }
    if (slice_find(explanation, expected->explanation) < 0) {
        (void)buffer_printf(report, "line %u: %.*s: \"%.*s\" does not say \"%.*s\"\n",
                            expected->line, SLICE_ARG(slice_prefix(expected->address, 100)),
                            SLICE_ARG(explanation), SLICE_ARG(expected->explanation));
        faults++;
    }
    if (expected->suggestion.len > 0 && !slice_equal(suggestion, expected->suggestion)) {
        (void)buffer_printf(report, "line %u: %.*s: \"%.*s\" is suggested, not %.*s\n",
                            expected->line, SLICE_ARG(slice_prefix(expected->address, 100)),
                            SLICE_ARG(suggestion), SLICE_ARG(expected->suggestion));
        faults++;
    }
    return faults;
}

static void finished(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct asked *asked = user;
    struct run *run = asked->run;

    asked->done++;
    if (run->verdicts != NULL)
        (void)buffer_printf(run->verdicts, "%.*s\t%s\t%s\n", SLICE_ARG(asked->expected->address),
                            verdict_status_name(verdict->status),
                            verdict_reason_name(verdict->reason));
    run->result.virtual_ms = io_now_ms(run->loop);
    run->result.faults +=
        lab_run_compare(asked->expected, slice_from_string(verdict_status_name(verdict->status)),
                        slice_from_string(verdict_reason_name(verdict->reason)),
                        slice_from_string(verdict->explanation), evidence->suggestion, run->report);
}

static int run_open(struct run *run, const struct lab_scenario *scenario, uint64_t seed,
                    struct error *error)
{
    struct random random;
    struct lab_sim_plan plan = {.seed = seed};
    struct dns_resolver_options options = {.use_ipv4 = true, .use_ipv6 = true, .seed = seed};
    int code = lab_setup_init(&run->setup, scenario, error);

    if (code < 0)
        return code;
    random_init(&random, seed);
    plan.latency_min_ms = 1 + (uint32_t)random_below(&random, 40);
    plan.latency_max_ms = plan.latency_min_ms + (uint32_t)random_below(&random, 80);
    plan.split_writes = random_chance(&random, 1, 2) && run->setup.split;
    run->setup.settings.port = SMTP_PORT;
    run->setup.settings.seed = seed;
    options.allowed = run->setup.settings.allowed;
    options.blocklists = run->setup.blocklists;
    options.blocklist_count = run->setup.blocklist_count;
    run->asked = memory_zalloc(lab_scenario_expectation_count(scenario) + 1, sizeof(*run->asked));
    run->loop = lab_sim_loop_new(&plan);
    if (run->asked == NULL || run->loop == NULL)
        return error_set(error, ERROR_NOMEM, "no memory for a simulated world");
    run->world = lab_world_new(run->loop, scenario, SMTP_PORT, seed, error);
    if (run->world == NULL)
        return error != NULL ? error->code : ERROR_NOMEM;
    lab_world_set_slack(run->world, (uint64_t)plan.latency_max_ms * 2);
    run->resolver = dns_resolver_new(run->loop, lab_world_transport(run->world), &options);
    if (run->resolver != NULL)
        run->engine =
            probe_engine_new(run->loop, run->resolver, run->setup.lists, &run->setup.settings);
    return run->engine != NULL ? 0 : error_set(error, ERROR_NOMEM, "no memory for an engine");
}

static void run_close(struct run *run)
{
    probe_engine_free(run->engine);
    dns_resolver_free(run->resolver);
    lab_world_free(run->world);
    if (run->loop != NULL)
        io_loop_free(run->loop);
    lab_setup_done(&run->setup);
    memory_free(run->asked);
}

static int ask_all(struct run *run, const struct lab_scenario *scenario, struct error *error)
{
    size_t count = lab_scenario_expectation_count(scenario);

    for (size_t i = 0; i < count; i++) {
        int code;

        run->asked[i] =
            (struct asked){.run = run, .expected = lab_scenario_expectation(scenario, i)};
        code = probe_engine_submit(run->engine, run->asked[i].expected->address, finished,
                                   &run->asked[i]);
        if (code < 0)
            return error_set(error, code, "the engine took %zu addresses only", i);
    }
    io_loop_run(run->loop);
    run->result.asked = count;
    for (size_t i = 0; i < count; i++)
        if (run->asked[i].done != 1) {
            (void)buffer_printf(
                run->report, "line %u: %.*s ended %u times\n", run->asked[i].expected->line,
                SLICE_ARG(slice_prefix(run->asked[i].expected->address, 100)), run->asked[i].done);
            run->result.faults++;
        }
    return 0;
}

int lab_run_virtual(const struct lab_scenario *scenario, uint64_t seed, bool log,
                    struct buffer *report, struct buffer *verdicts, struct lab_run *ret_run,
                    struct error *error)
{
    struct run run = {.report = report, .verdicts = verdicts};
    struct error why = {0};
    const char *violation;
    int code = run_open(&run, scenario, seed, &why);

    if (code == 0)
        code = ask_all(&run, scenario, &why);
    for (size_t i = 0; code == 0 && (violation = lab_world_violation(run.world, i)) != NULL; i++) {
        (void)buffer_printf(report, "violation: %s\n", violation);
        run.result.faults++;
    }
    if (code == 0 && log && run.result.faults > 0)
        (void)buffer_append_slice(report, lab_world_log_text(run.world));
    if (code == 0)
        lab_world_counts(run.world, &run.result.counts);
    *ret_run = run.result;
    run_close(&run);
    return code < 0 ? error_set(error, code, "%s", why.message) : 0;
}
