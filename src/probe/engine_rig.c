#include "probe/engine_rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/check.h"

#define SMTP_PORT     25
#define ADDRESSES_MAX 4000

static const struct ip_network everywhere[] = {{{4, {0}}, 0}, {{6, {0}}, 0}};

struct bench *bench_new(void)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    bench->outcomes = calloc(ADDRESSES_MAX, sizeof(*bench->outcomes));
    assert_non_null(bench->outcomes);
    bench->plan = (struct lab_sim_plan){.seed = 1, .latency_min_ms = 20, .latency_max_ms = 40};
    probe_settings_init(&bench->settings);
    bench->settings.helo_name = SLICE("probe.mailknock.example");
    bench->settings.port = SMTP_PORT;
    bench->settings.allowed = (struct ip_networks){everywhere, ARRAY_LEN(everywhere)};
    bench->settings.seed = 1;
    return bench;
}

bool bench_build(struct bench *bench, const char *text)
{
    struct dns_resolver_options options = {
        .allowed = bench->settings.allowed,
        .use_ipv4 = true,
        .use_ipv6 = true,
        .want_spf = true,
        .want_dmarc = true,
        .seed = bench->plan.seed,
    };
    struct error error = {0};

    bench->scenario = lab_scenario_parse(slice_from_string(text), &error);
    if (bench->scenario == NULL)
        fail_msg("%s", error.message);
    bench->loop = lab_sim_loop_new(&bench->plan);
    assert_non_null(bench->loop);
    bench->world = lab_world_new(bench->loop, bench->scenario, SMTP_PORT, bench->plan.seed, &error);
    if (bench->world == NULL)
        fail_msg("%s", error.message);
    lab_world_set_slack(bench->world, bench->plan.latency_max_ms * 2);
    bench->resolver = dns_resolver_new(bench->loop, lab_world_transport(bench->world), &options);
    assert_non_null(bench->resolver);
    bench->engine = probe_engine_new(bench->loop, bench->resolver, bench->lists, &bench->settings);
    return bench->engine != NULL;
}

void bench_free(struct bench *bench)
{
    probe_engine_free(bench->engine);
    dns_resolver_free(bench->resolver);
    lab_world_free(bench->world);
    if (bench->loop != NULL)
        io_loop_free(bench->loop);
    lab_scenario_free(bench->scenario);
    lists_operator_free(bench->lists);
    free(bench->outcomes);
    free(bench);
}

struct ticket {
    struct bench *bench;
    struct outcome *outcome;
};

/* That a reply was classified before changes nothing: whoever judges by evidence alone agrees. */
static void judged_from_evidence_alone(const struct evidence *evidence,
                                       const struct verdict *verdict)
{
    struct evidence_attempt attempts[32];
    struct evidence bare = *evidence;
    struct verdict again;

    assert_in_range(evidence->attempt_count, 0, ARRAY_LEN(attempts));
    for (size_t i = 0; i < evidence->attempt_count; i++) {
        attempts[i] = evidence->attempts[i];
        assert_true((attempts[i].classified.rule != NULL) ==
                    (attempts[i].outcome == SMTP_OUTCOME_REPLY));
        attempts[i].classified = (struct classification){0};
    }
    bare.attempts = attempts;
    verdict_judge(&bare, &again);
    assert_string_equal(again.explanation, verdict->explanation);
    assert_int_equal(again.reason, verdict->reason);
    assert_int_equal(again.score, verdict->score);
    assert_int_equal(again.flags, verdict->flags);
    assert_int_equal(again.retry_after_s, verdict->retry_after_s);
    assert_int_equal(again.classification.reply_class, verdict->classification.reply_class);
    assert_ptr_equal(again.classification.rule, verdict->classification.rule);
}

static void finished(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct ticket *ticket = user;
    struct bench *bench = ticket->bench;
    struct outcome *outcome = ticket->outcome;

    assert_false(bench->inside_submit);
    assert_true(slice_equal(evidence->input, slice_from_string(outcome->address)));
    judged_from_evidence_alone(evidence, verdict);
    outcome->done++;
    outcome->done_ms = bench->last_done_ms = io_now_ms(bench->loop);
    outcome->status = verdict->status;
    outcome->reason = verdict->reason;
    outcome->attempts = evidence->attempt_count;
    outcome->stop = evidence->stop;
    outcome->peers = evidence->peers;
    outcome->catch_all = evidence->catch_all;
    outcome->catch_all_from_cache = evidence->catch_all_from_cache;
    outcome->ended_before_ms = io_unix_ms(bench->loop) - evidence->checked_unix_ms;
    for (size_t i = 0; i < evidence->attempt_count; i++) {
        outcome->random_attempts += evidence->attempts[i].random_recipient;
        assert_true(evidence->attempts[i].recipient.len > 0);
        assert_true(evidence->attempts[i].host.len > 0);
    }
    snprintf(outcome->explanation, sizeof(outcome->explanation), "%s", verdict->explanation);
    bench->done_count++;
    free(ticket);
    if (bench->on_done != NULL)
        bench->on_done(bench);
}

struct outcome *submit_wish(struct bench *bench, struct slice address,
                            const struct probe_wish *wish)
{
    struct outcome *outcome = &bench->outcomes[bench->outcome_count];
    struct ticket *ticket = malloc(sizeof(*ticket));
    int code;

    assert_true(bench->outcome_count < ADDRESSES_MAX);
    assert_non_null(ticket);
    *ticket = (struct ticket){bench, outcome};
    *outcome = (struct outcome){0};
    assert_true(slice_to_string(address, outcome->address, sizeof(outcome->address)));
    bench->inside_submit = true;
    code = wish != NULL ? probe_engine_submit_wish(bench->engine, address, wish, finished, ticket)
                        : probe_engine_submit(bench->engine, address, finished, ticket);
    bench->inside_submit = false;
    if (code != 0) {
        assert_true(code == ERROR_NOMEM || code == ERROR_BUSY);
        free(ticket);
        return NULL;
    }
    bench->outcome_count++;
    return outcome;
}

struct outcome *submit(struct bench *bench, struct slice address)
{
    return submit_wish(bench, address, NULL);
}

void everybody_ended_once(const struct bench *bench)
{
    struct probe_counts counts;

    for (size_t i = 0; i < bench->outcome_count; i++) {
        if (bench->outcomes[i].done != 1)
            fail_msg("%s ended %u times", bench->outcomes[i].address, bench->outcomes[i].done);
    }
    probe_engine_counts(bench->engine, &counts);
    assert_int_equal(counts.open_cases, 0);
    assert_int_equal(counts.submitted, counts.finished);
}

void nobody_was_annoyed(const struct bench *bench)
{
    if (lab_world_violation(bench->world, 0) != NULL && getenv("MK_LOG") != NULL)
        printf("%.*s\n", SLICE_ARG(lab_world_log_text(bench->world)));
    if (lab_world_violation(bench->world, 0) != NULL)
        fail_msg("seed %llu: %s", (unsigned long long)bench->plan.seed,
                 lab_world_violation(bench->world, 0));
}

static void check_expectations(const struct bench *bench)
{
    size_t count = lab_scenario_expectation_count(bench->scenario);

    for (size_t i = 0; i < count; i++) {
        const struct lab_expectation *expected = lab_scenario_expectation(bench->scenario, i);
        const struct outcome *got = &bench->outcomes[i];

        if (!slice_equal(expected->status, slice_from_string(verdict_status_name(got->status))) ||
            !slice_equal(expected->reason, slice_from_string(verdict_reason_name(got->reason))))
            fail_msg("line %u: %s is %s/%s, expected %.*s/%.*s: %s", expected->line, got->address,
                     verdict_status_name(got->status), verdict_reason_name(got->reason),
                     SLICE_ARG(expected->status), SLICE_ARG(expected->reason), got->explanation);
    }
}

void bench_run(struct bench *bench)
{
    size_t count = lab_scenario_expectation_count(bench->scenario);

    for (size_t i = 0; i < count; i++)
        assert_non_null(submit(bench, lab_scenario_expectation(bench->scenario, i)->address));
    io_loop_run(bench->loop);
    everybody_ended_once(bench);
    nobody_was_annoyed(bench);
    check_expectations(bench);
}

struct probe_counts counts_of(const struct bench *bench)
{
    struct probe_counts counts;

    probe_engine_counts(bench->engine, &counts);
    return counts;
}
