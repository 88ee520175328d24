/*
 * How long a list takes within everybody's limits: the engine on the virtual clock, in the lab's
 * world, against the lower bound that the limits allow (bench/realistic.h), and beside it what the
 * usual policies need (bench/fifo.h).
 *
 *   bench-schedule [ADDRESSES [SEED]]     1,000,000 and 1 by default
 *
 * Rows are fed as a job feeds them (bulk/order.h). The lab's servers watch the limits; the program
 * fails when one is exceeded, a verdict is wrong, or a target is missed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/instant.h"
#include "bulk/order.h"
#include "dns/resolver.h"
#include "fifo.h"
#include "lab/sim_loop.h"
#include "lab/world.h"
#include "probe/engine.h"
#include "realistic.h"

#define CONNECTIONS      200
#define TARGET           1.05
#define TARGET_PIPELINED 1.10
#define CONNECTION_SHARE 0.10

struct row {
    uint32_t key, index;
};

struct run {
    const struct realistic_list *list;
    struct io_loop *loop;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct dns_resolver *resolver;
    struct probe_engine *engine;
    struct row *rows; /* in the order in which they are fed */
    size_t fed;
    uint64_t last_done_ms;
    size_t statuses[VERDICT_STATUS_COUNT];
    size_t wrong; /* a mailbox that exists found absent, or the other way round */
};

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void feed(struct run *run);

static void done(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct run *run = user;
    bool is_known = evidence->input.len > 0 && evidence->input.ptr[0] == 'u';

    run->last_done_ms = io_now_ms(run->loop);
    run->statuses[verdict->status]++;
    run->wrong += verdict->status == (is_known ? VERDICT_INVALID : VERDICT_VALID);
    feed(run);
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void arrange(struct run *run, uint64_t seed)
{
    size_t count = run->list->address_count;
    struct bulk_order *order = bulk_order_new(seed);
    char address[REALISTIC_ADDRESS_SIZE];

    run->rows = calloc(count, sizeof(*run->rows));
    CHECK(order != NULL && run->rows != NULL);
    for (size_t i = 0; i < count; i++) {
        struct slice text = slice_from(address, realistic_address_write(run->list, i, address));
        struct slice domain = slice_from_offset(text, (size_t)slice_rfind_byte(text, '@') + 1);

        run->rows[i] = (struct row){bulk_order_key(order, domain), (uint32_t)i};
    }
    bulk_order_free(order);
    qsort(run->rows, count, sizeof(*run->rows), compare_rows);
}

static void feed(struct run *run)
{
    const struct probe_wish wish = {EVIDENCE_DEPTH_SMTP, PROBE_PATIENCE_NORMAL, true};
    char address[REALISTIC_ADDRESS_SIZE];

    for (; run->fed < run->list->address_count; run->fed++) {
        size_t len = realistic_address_write(run->list, run->rows[run->fed].index, address);

        if (probe_engine_submit_wish(run->engine, slice_from(address, len), &wish, done, run) != 0)
            return; /* full: at the next `done` */
    }
}

static void set_latency(void *user, const struct ip *ip, uint32_t rtt_ms)
{
    CHECK(lab_sim_loop_set_latency(user, ip, rtt_ms / 2) == 0);
}

static void build_world(struct run *run, bool pipelined, uint64_t seed)
{
    static const struct ip_network everywhere[] = {{{4, {0}}, 0}, {{6, {0}}, 0}};
    struct lab_sim_plan plan = {.seed = seed, .latency_min_ms = 50, .latency_max_ms = 50};
    struct dns_resolver_options options = {
        .allowed = {everywhere, ARRAY_LEN(everywhere)}, .use_ipv4 = true, .seed = seed};
    struct error error = {0};
    struct buffer text;

    buffer_init(&text, 0);
    realistic_scenario_write(run->list, pipelined, &text);
    run->scenario = lab_scenario_parse(slice_from_string(text.ptr), &error);
    buffer_done(&text);
    if (run->scenario == NULL) {
        fprintf(stderr, "schedule: %s\n", error.message);
        exit(2);
    }
    run->loop = lab_sim_loop_new(&plan);
    CHECK(run->loop != NULL);
    realistic_places(run->list, set_latency, run->loop);
    run->world = lab_world_new(run->loop, run->scenario, 25, seed, &error);
    CHECK(run->world != NULL);
    lab_world_set_slack(run->world, 1);
    run->resolver = dns_resolver_new(run->loop, lab_world_transport(run->world), &options);
    CHECK(run->resolver != NULL);
}

static void build_engine(struct run *run, uint64_t seed)
{
    static const struct ip_network everywhere[] = {{{4, {0}}, 0}, {{6, {0}}, 0}};
    static struct probe_site_limits limits[REALISTIC_OWNER_COUNT];
    struct probe_settings settings;

    for (size_t i = 0; i < REALISTIC_OWNER_COUNT; i++) {
        const struct realistic_limits *from = &realistic_limits[i];

        limits[i].provider = slice_from_string(from->provider);
        limits[i].limits = (struct provider_limits){
            .connections = (uint16_t)from->connections,
            .connections_per_minute = (uint16_t)(from->gap_ms > 0 ? MINUTE_MS / from->gap_ms : 0),
            .rcpts_per_session = (uint16_t)from->rcpts_per_session,
            .rcpts_per_transaction = (uint16_t)from->rcpts_per_session,
        };
    }
    probe_settings_init(&settings);
    settings.helo_name = SLICE("probe.mailknock.example");
    settings.allowed = (struct ip_networks){everywhere, ARRAY_LEN(everywhere)};
    settings.connections_max = CONNECTIONS;
    settings.site_limits = limits;
    settings.site_limit_count = ARRAY_LEN(limits);
    settings.seed = seed;
    run->engine = probe_engine_new(run->loop, run->resolver, NULL, &settings);
    CHECK(run->engine != NULL);
}

static void tear_down(struct run *run)
{
    probe_engine_free(run->engine);
    dns_resolver_free(run->resolver);
    lab_world_free(run->world);
    io_loop_free(run->loop);
    lab_scenario_free(run->scenario);
    free(run->rows);
}

/* True when everything is as it must be. */
static bool judge(const struct run *run, double ratio, double share, bool pipelined)
{
    struct lab_counts counts;
    bool small = run->list->address_count < 200000; /* start and tail weigh too much to judge */
    bool ok = true;

    lab_world_counts(run->world, &counts);
    for (size_t i = 0; i < 3 && lab_world_violation(run->world, i) != NULL; i++)
        printf("    violation: %s\n", lab_world_violation(run->world, i));
    ok = counts.violations == 0 && run->wrong == 0;
    if (!small)
        ok = ok && ratio <= (pipelined ? TARGET_PIPELINED : TARGET) && share <= CONNECTION_SHARE;
    return ok;
}

static bool run_engine(struct realistic_list *list, bool pipelined, bool sorted, uint64_t seed)
{
    struct realistic_bound bound = realistic_bound(list, pipelined, true, CONNECTIONS);
    struct run run = {.list = list};
    double start = cpu_seconds(), ratio, share;
    struct probe_counts counts;
    struct lab_counts seen;
    size_t ended = 0;
    bool ok;

    arrange(&run, seed);
    build_world(&run, pipelined, seed);
    build_engine(&run, seed);
    feed(&run);
    io_loop_run(run.loop);
    probe_engine_counts(run.engine, &counts);
    lab_world_counts(run.world, &seen);
    for (size_t i = 0; i < VERDICT_STATUS_COUNT; i++)
        ended += run.statuses[i];
    CHECK(ended == list->address_count);
    ratio = (double)run.last_done_ms / 1e3 / bound.seconds;
    share = (double)counts.connections / (double)list->address_count;
    ok = judge(&run, ratio, share, pipelined);
    printf("%-34s %-8s %7.3f h %6.2f x %8.1f%% %10llu  %s\n", "mailknock's engine",
           sorted ? "sorted" : "random", (double)run.last_done_ms / 3.6e6, ratio, share * 100,
           (unsigned long long)seen.violations, ok ? "ok" : "MISSED");
    printf("    bound %.3f h (%s), %llu recipients (bound: %llu), %.1f us CPU an address with the "
           "lab; valid %zu, invalid %zu, unknown %zu, wrong %zu\n",
           bound.seconds / 3600, bound.what, (unsigned long long)counts.rcpts,
           (unsigned long long)bound.recipients,
           (cpu_seconds() - start) * 1e6 / (double)list->address_count, run.statuses[VERDICT_VALID],
           run.statuses[VERDICT_INVALID], run.statuses[VERDICT_UNKNOWN], run.wrong);
    fflush(stdout);
    tear_down(&run);
    return ok;
}

static void run_fifo(const struct realistic_list *list, const char *name, enum fifo_policy policy,
                     unsigned workers, bool pipelined, bool sorted)
{
    struct realistic_bound bound = realistic_bound(list, pipelined, false, CONNECTIONS);
    struct fifo_outcome outcome = fifo_run(list, policy, workers, pipelined);

    printf("%-34s %-8s %7.2f h %6.1f x %8.1f%%  over by %u\n", name, sorted ? "sorted" : "random",
           outcome.seconds / 3600, outcome.seconds / bound.seconds,
           (double)outcome.connections * 100 / (double)list->address_count, outcome.over);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct realistic_list list;
    bool ok = true;

    if (count == 0) {
        fprintf(stderr, "schedule: how many addresses?\n");
        return 2;
    }
    realistic_list_init(&list, count, seed);
    for (int pipelined = 0; pipelined < 2; pipelined++) {
        printf("%s%zu addresses, seed %llu, %s\n%-34s %-8s %9s %8s %9s %11s\n",
               pipelined ? "\n" : "", count, (unsigned long long)seed,
               pipelined ? "servers with PIPELINING" : "no PIPELINING", "policy", "list", "time",
               "bound", "connect.", "violations");
        for (int sorted = 0; sorted < 2; sorted++) {
            realistic_list_arrange(&list, sorted ? REALISTIC_SORTED : REALISTIC_RANDOM, seed);
            ok &= run_engine(&list, pipelined, sorted, seed);
            run_fifo(&list, "FIFO, full sites block, 100 workers", FIFO_LIMITED, 100, pipelined,
                     sorted);
            run_fifo(&list, "a domain a worker, 100 workers", FIFO_DOMAINS, 100, pipelined, sorted);
            run_fifo(&list, "FIFO without limits, 100 workers", FIFO_UNLIMITED, 100, pipelined,
                     sorted);
        }
    }
    realistic_list_done(&list);
    return ok ? 0 : 1;
}
