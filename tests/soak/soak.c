/*
 * The engine in thousands of random worlds on the virtual clock, with faults laid over them.
 *
 *   test-soak [--seed FIRST] [--seeds COUNT]      COUNT 0: until it is stopped
 *
 * Each seed makes a world (tests/soak/world.h), addresses, settings, and the faults of one run:
 * connections that are never answered, resets, broken handshakes, replies that are late by minutes,
 * DNS answers that get lost, memory that runs out for a while, a cancel in the middle. The world is
 * run twice, without the faults and with them. In both every submission must end exactly once, the
 * lab must have seen no limit exceeded and no DATA, no existing mailbox may be found absent and no
 * absent one valid; and with the faults no address may be found invalid that was not so without
 * them, but for what is true anyway. The first seed that fails is printed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "flaky.h"
#include "lab/sim_loop.h"
#include "lab/world.h"
#include "probe/engine.h"
#include "world.h"

#define SEEDS         2000
#define ADDRESSES_MAX 150
#define ADDRESS_SIZE  64

struct faults {
    unsigned drop_permille, reset_permille, tls_fail_permille, stall_permille, dns_permille;
    uint32_t stall_max_ms;
    int64_t memory_after; /* allocations that succeed before some fail; -1: all succeed */
    uint64_t memory_span_ms;
    uint64_t cancel_ms; /* 0: never */
};

struct soak_address {
    char text[ADDRESS_SIZE];
    uint64_t at_ms; /* when it is submitted */
    bool is_known;  /* the mailbox exists, and the domain does */
    bool in_no_hurry;
};

struct outcome {
    unsigned done;
    enum verdict_status status;
    enum verdict_reason reason;
    char explanation[VERDICT_EXPLANATION_SIZE];
};

/* All that follows from a seed. */
struct plan {
    uint64_t seed;
    struct buffer text;
    struct soak_world world;
    struct lab_sim_plan sim;
    struct probe_settings settings;
    struct faults faults;
    struct soak_address addresses[ADDRESSES_MAX];
    unsigned address_count;
};

struct run {
    const struct plan *plan;
    struct io_loop *loop;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct dns_transport *transport;
    struct dns_resolver *resolver;
    struct probe_engine *engine;
    struct io_timer feed, memory, cancel;
    unsigned fed;
    bool memory_is_short;
    struct outcome outcomes[ADDRESSES_MAX];
    char failure[VERDICT_EXPLANATION_SIZE + 256]; /* "": none */
};

struct ticket {
    struct run *run;
    unsigned index;
};

static const struct ip_network everywhere[] = {{{4, {0}}, 0}, {{6, {0}}, 0}};

#define FAIL(run, ...)                                                                             \
    do {                                                                                           \
        if ((run)->failure[0] == '\0')                                                             \
            (void)snprintf((run)->failure, sizeof((run)->failure), __VA_ARGS__);                   \
    } while (0)

/* --- what a seed makes --------------------------------------------------------------------- */

static unsigned perhaps(struct random *random, unsigned below)
{
    return random_chance(random, 1, 2) ? (unsigned)random_below(random, below) : 0;
}

static void plan_faults(struct random *random, struct faults *faults)
{
    *faults = (struct faults){
        .drop_permille = perhaps(random, 60),
        .reset_permille = perhaps(random, 20),
        .tls_fail_permille = perhaps(random, 300),
        .stall_permille = perhaps(random, 30),
        .dns_permille = perhaps(random, 200),
        .stall_max_ms = 1 + (uint32_t)random_below(random, 10 * MINUTE_MS),
        .memory_after = random_chance(random, 1, 5) ? (int64_t)random_below(random, 20000) : -1,
        .memory_span_ms = random_below(random, 30 * SECOND_MS),
        .cancel_ms = random_chance(random, 1, 10) ? 1 + random_below(random, 5 * MINUTE_MS) : 0,
    };
}

static void plan_settings(struct random *random, uint64_t seed, struct probe_settings *settings)
{
    probe_settings_init(settings);
    settings->helo_name = SLICE("probe.mailknock.example");
    settings->allowed = (struct ip_networks){everywhere, ARRAY_LEN(everywhere)};
    settings->seed = seed;
    settings->patience = (enum probe_patience)random_below(random, 3);
    settings->transcripts = random_chance(random, 1, 2);
    if (random_chance(random, 1, 3))
        settings->connections_max = 2;
    if (random_chance(random, 1, 3))
        settings->cases_max = ADDRESSES_MAX;
    if (random_chance(random, 1, 2))
        settings->second_sender = SLICE("probe@mailknock.example");
}

static void plan_addresses(struct random *random, struct plan *plan)
{
    uint64_t span_ms = random_chance(random, 1, 2) ? 0 : random_below(random, 10 * MINUTE_MS);
    uint64_t at_ms = 0;

    plan->address_count = 20 + (unsigned)random_below(random, 100);
    for (unsigned i = 0; i < plan->address_count; i++) {
        struct soak_address *address = &plan->addresses[i];
        bool is_user = random_chance(random, 1, 2);
        unsigned site = (unsigned)random_below(random, plan->world.site_count);
        unsigned domains = plan->world.domain_counts[site];
        unsigned domain = (unsigned)random_below(
            random, random_chance(random, 1, 10) ? SOAK_DOMAINS_MAX : domains);
        /* Now and then the same again. */
        unsigned number = random_chance(random, 1, 10) ? i / 2 : i;

        (void)snprintf(address->text, ADDRESS_SIZE, "%c%u@d%u.op%u.example", is_user ? 'u' : 'n',
                       number, domain, site);
        address->is_known = is_user && domain < domains;
        address->in_no_hurry = random_chance(random, 1, 2);
        address->at_ms = at_ms;
        at_ms += span_ms > 0 ? random_below(random, span_ms / plan->address_count + 1) : 0;
    }
}

static void plan_make(uint64_t seed, struct plan *plan)
{
    struct random random;

    *plan = (struct plan){.seed = seed};
    random_init(&random, seed);
    buffer_init(&plan->text, 0);
    soak_world_write(&random, &plan->text, &plan->world);
    plan->sim = (struct lab_sim_plan){
        .seed = seed,
        .latency_min_ms = 20,
        .latency_max_ms = 20 + (uint32_t)random_below(&random, 300),
        .split_writes = random_chance(&random, 1, 3),
    };
    plan_faults(&random, &plan->faults);
    plan_settings(&random, seed, &plan->settings);
    plan_addresses(&random, plan);
}

/* --- one run ------------------------------------------------------------------------------- */

static void done(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct ticket *ticket = user;
    struct run *run = ticket->run;
    struct outcome *outcome = &run->outcomes[ticket->index];

    outcome->done++;
    outcome->status = verdict->status;
    outcome->reason = verdict->reason;
    memcpy(outcome->explanation, verdict->explanation, sizeof(outcome->explanation));
    if (!slice_equal(evidence->input, slice_from_string(run->plan->addresses[ticket->index].text)))
        FAIL(run, "%s ended as another", run->plan->addresses[ticket->index].text);
    free(ticket);
}

/* Only the engine's own want of memory excuses a submission that is refused. */
static void submit(struct run *run, unsigned index)
{
    const struct soak_address *address = &run->plan->addresses[index];
    struct probe_wish wish = {EVIDENCE_DEPTH_SMTP, run->plan->settings.patience,
                              address->in_no_hurry};
    struct ticket *ticket = malloc(sizeof(*ticket));
    int code;

    CHECK(ticket != NULL);
    *ticket = (struct ticket){run, index};
    code = probe_engine_submit_wish(run->engine, slice_from_string(address->text), &wish, done,
                                    ticket);
    if (code == 0)
        return;
    if (code != ERROR_NOMEM || !run->memory_is_short)
        FAIL(run, "%s was not taken: %d", address->text, code);
    run->outcomes[index].done = 1;
    run->outcomes[index].status = VERDICT_SKIPPED;
    run->outcomes[index].reason = REASON_CANCELLED;
    free(ticket);
}

static void feed(struct io_timer *timer)
{
    struct run *run = timer->user;
    const struct plan *plan = run->plan;

    while (run->fed < plan->address_count &&
           plan->addresses[run->fed].at_ms <= io_now_ms(run->loop))
        submit(run, run->fed++);
    if (run->fed == plan->address_count)
        return;
    if (io_timer_start(timer, plan->addresses[run->fed].at_ms) != 0) { /* no memory: now, then */
        while (run->fed < plan->address_count)
            submit(run, run->fed++);
    }
}

static void memory_is_back(struct io_timer *timer)
{
    (void)memory_fail_after(-1);
}

static void cancel(struct io_timer *timer)
{
    struct run *run = timer->user;

    probe_engine_cancel(run->engine);
}

static void run_build(struct run *run, const struct plan *plan, const struct faults *faults)
{
    struct dns_resolver_options options = {
        .allowed = plan->settings.allowed, .use_ipv4 = true, .use_ipv6 = true, .seed = plan->seed};
    struct lab_sim_plan sim = plan->sim;
    struct error error = {0};

    *run = (struct run){.plan = plan};
    sim.drop_permille = faults->drop_permille;
    sim.reset_permille = faults->reset_permille;
    sim.tls_fail_permille = faults->tls_fail_permille;
    sim.stall_permille = faults->stall_permille;
    sim.stall_max_ms = faults->stall_max_ms;
    run->scenario = lab_scenario_parse(slice_from_string(plan->text.ptr), &error);
    run->loop = lab_sim_loop_new(&sim);
    CHECK(run->scenario != NULL && run->loop != NULL);
    run->world = lab_world_new(run->loop, run->scenario, 25, plan->seed, &error);
    CHECK(run->world != NULL);
    lab_world_set_slack(run->world, (uint64_t)sim.latency_max_ms * 2);
    run->transport =
        flaky_transport_new(lab_world_transport(run->world), faults->dns_permille, plan->seed);
    CHECK(run->transport != NULL);
    run->resolver = dns_resolver_new(run->loop, run->transport, &options);
    run->engine = probe_engine_new(run->loop, run->resolver, NULL, &plan->settings);
    CHECK(run->resolver != NULL && run->engine != NULL);
    io_timer_init(run->loop, &run->feed, feed, run);
    io_timer_init(run->loop, &run->memory, memory_is_back, run);
    io_timer_init(run->loop, &run->cancel, cancel, run);
}

static void run_world(struct run *run, const struct faults *faults)
{
    CHECK(io_timer_start(&run->feed, 0) == 0);
    if (faults->cancel_ms > 0)
        CHECK(io_timer_start(&run->cancel, faults->cancel_ms) == 0);
    if (faults->memory_after >= 0) {
        run->memory_is_short = true;
        CHECK(io_timer_start(&run->memory, faults->memory_span_ms) == 0);
        (void)memory_fail_after(faults->memory_after);
    }
    io_loop_run(run->loop);
    (void)memory_fail_after(-1);
    if (run->memory_is_short) /* the world may have stood still for want of it */
        probe_engine_cancel(run->engine);
}

static void check_outcome(struct run *run, unsigned index, const struct faults *faults)
{
    const struct soak_address *address = &run->plan->addresses[index];
    const struct outcome *outcome = &run->outcomes[index];

    if (outcome->done != 1)
        FAIL(run, "%s ended %u times", address->text, outcome->done);
    if (!address->is_known && outcome->status == VERDICT_VALID)
        FAIL(run, "%s does not exist and is valid: %s", address->text, outcome->explanation);
    if (address->is_known && outcome->status == VERDICT_INVALID &&
        outcome->reason != REASON_DOMAIN_NOT_ACCEPTED)
        FAIL(run, "%s exists and is invalid: %s", address->text, outcome->explanation);
    if (outcome->reason == REASON_INTERNAL_ERROR && !run->memory_is_short)
        FAIL(run, "%s: %s", address->text, outcome->explanation);
    if (outcome->reason == REASON_CANCELLED && faults->cancel_ms == 0 && !run->memory_is_short)
        FAIL(run, "%s was cancelled by nobody", address->text);
}

static void check_run(struct run *run, const struct faults *faults)
{
    struct probe_counts counts;

    for (unsigned i = 0; i < run->plan->address_count; i++)
        check_outcome(run, i, faults);
    if (lab_world_violation(run->world, 0) != NULL)
        FAIL(run, "%s", lab_world_violation(run->world, 0));
    probe_engine_counts(run->engine, &counts);
    if (counts.open_cases != 0 || counts.submitted != counts.finished)
        FAIL(run, "%" PRIu64 " cases are open", counts.open_cases);
    if (!run->memory_is_short && faults->cancel_ms == 0 && counts.open_sessions != 0)
        FAIL(run, "%" PRIu64 " sessions are open", counts.open_sessions);
}

static void run_done(struct run *run)
{
    io_timer_stop(&run->feed);
    io_timer_stop(&run->memory);
    io_timer_stop(&run->cancel);
    probe_engine_free(run->engine);
    dns_resolver_free(run->resolver);
    dns_transport_free(run->transport);
    lab_world_free(run->world);
    io_loop_free(run->loop);
    lab_scenario_free(run->scenario);
}

static void run_all(struct run *run, const struct plan *plan, const struct faults *faults)
{
    run_build(run, plan, faults);
    run_world(run, faults);
    check_run(run, faults);
    run_done(run);
}

/* --- a seed -------------------------------------------------------------------------------- */

/* A fault makes nobody invalid: what is found so with faults was so without, or is true. */
static void compare(struct run *faulty, const struct run *clean)
{
    for (unsigned i = 0; i < faulty->plan->address_count; i++) {
        const struct outcome *got = &faulty->outcomes[i], *truth = &clean->outcomes[i];
        bool is_true =
            !faulty->plan->addresses[i].is_known && got->reason == REASON_MAILBOX_NOT_FOUND;

        if (got->status == VERDICT_INVALID && truth->status != VERDICT_INVALID && !is_true)
            FAIL(faulty, "%s is invalid with faults only (%s without): %s",
                 faulty->plan->addresses[i].text, verdict_reason_name(truth->reason),
                 got->explanation);
    }
}

static bool run_seed(uint64_t seed, uint64_t reasons[VERDICT_REASON_COUNT])
{
    static const struct faults none = {.memory_after = -1};
    static struct plan plan;
    static struct run clean, faulty;
    const char *failure;

    plan_make(seed, &plan);
    run_all(&clean, &plan, &none);
    run_all(&faulty, &plan, &plan.faults);
    compare(&faulty, &clean);
    for (unsigned i = 0; i < plan.address_count; i++)
        reasons[faulty.outcomes[i].reason]++;
    buffer_done(&plan.text);
    failure = clean.failure[0] != '\0' ? clean.failure : faulty.failure;
    if (failure[0] == '\0')
        return true;
    printf("seed %" PRIu64 "%s: %s\n", seed, clean.failure[0] != '\0' ? ", without faults" : "",
           failure);
    return false;
}

static void tell_reasons(const uint64_t reasons[VERDICT_REASON_COUNT])
{
    uint64_t all = 0;

    for (int i = 0; i < VERDICT_REASON_COUNT; i++)
        all += reasons[i];
    for (int i = 0; i < VERDICT_REASON_COUNT; i++) {
        if (reasons[i] > 0)
            printf("  %-22s %8" PRIu64 "  %4.1f%%\n", verdict_reason_name((enum verdict_reason)i),
                   reasons[i], 100.0 * (double)reasons[i] / (double)all);
    }
    /* However odd these worlds are, a good part of the mailboxes can be told apart in them. */
    CHECK((reasons[REASON_ACCEPTED] + reasons[REASON_MAILBOX_NOT_FOUND]) * 5 > all);
}

int main(int argc, char **argv)
{
    uint64_t reasons[VERDICT_REASON_COUNT] = {0}, first = 1, count = SEEDS, seed;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            first = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seeds") == 0)
            count = strtoull(argv[i + 1], NULL, 10);
        else
            argc = 0;
    }
    if (argc % 2 == 0) {
        fprintf(stderr, "usage: test-soak [--seed FIRST] [--seeds COUNT]\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (seed = first; count == 0 || seed < first + count; seed++) {
        if (!run_seed(seed, reasons))
            return 1;
        if ((seed - first + 1) % 10000 == 0)
            printf("%" PRIu64 " seeds\n", seed - first + 1);
    }
    printf("%" PRIu64 " seeds, from %" PRIu64 "\n", count, first);
    if (count >= 100)
        tell_reasons(reasons);
    return 0;
}
