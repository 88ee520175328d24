/*
 * What a probe costs on real sockets, against the least that a client can do (bench/minimal.h),
 * all on core 0, in turns, against the same server (bench/sink.h) on core 1: our conversation, and
 * the whole engine.
 *
 *   bench-probe [ROUNDS [SHAPE CLIENT]]
 *
 * With a shape (0, 1 or 2) and a client (0, 1 or 2) it runs that alone, for a profiler.
 *
 * The conversation (bench/conversation.h) does what the minimal client does, and reads the replies.
 * The engine, which has the targets, does for each address all it does for a row of a list: parses
 * it, finds its domain's facts, queues it at its host, classifies the reply, judges, suggests,
 * explains. CPU time is the figure to trust: it counts what the kernel does for the client too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/check.h"
#include "conversation.h"
#include "dns/resolver.h"
#include "io/uv_loop.h"
#include "lab/world.h"
#include "minimal.h"
#include "probe/engine.h"
#include "sink.h"

#define CONNECTIONS 128
#define ROUNDS      5
#define ROUNDS_MAX  99
#define PROBES_MAX  200000

struct shape {
    const char *name;
    unsigned rcpts;
    bool pipelined;
    unsigned probes;
    double target; /* share of the minimal client's probes a CPU second */
};

static const struct shape shapes[] = {
    {"1 recipient a connection", 1, false, 10000, 0.75},
    {"50 recipients a connection", 50, false, 100000, 0.70},
    {"50 recipients, pipelined", 50, true, PROBES_MAX, 0.45},
};

struct cost {
    double cpu_us, wall_us; /* a probe */
};

/* Made before anything is measured: rows of a list are there already. */
static char addresses[PROBES_MAX][32];

struct engine_run {
    struct io_loop *loop;
    struct probe_engine *engine;
    unsigned submitted, done, probes;
};

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double wall_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void feed(struct engine_run *run);

static void done(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct engine_run *run = user;

    if (verdict->reason != REASON_RCPT_UNTRUSTED) { /* accepted, and no stranger was asked */
        fprintf(stderr, "probe: %.*s is %s: %s\n", SLICE_ARG(evidence->input),
                verdict_reason_name(verdict->reason), verdict->explanation);
        exit(1);
    }
    run->done++;
    if (run->submitted < run->probes)
        feed(run);
    else if (run->done == run->probes)
        io_loop_stop(run->loop);
}

static void feed(struct engine_run *run)
{
    for (; run->submitted < run->probes; run->submitted++) {
        struct slice address = slice_from_string(addresses[run->submitted]);

        if (probe_engine_submit(run->engine, address, done, run) != 0)
            return;
    }
}

static void make_addresses(void)
{
    for (unsigned i = 0; i < PROBES_MAX; i++)
        snprintf(addresses[i], sizeof(addresses[i]), "someone.%06u@example.com", i);
}

static void run_engine(uint16_t port, const struct shape *shape)
{
    static const struct ip_network everywhere[] = {{{4, {0}}, 0}, {{6, {0}}, 0}};
    static const char zones[] = "domain example.com\n  mx 10 mx.example.com\n"
                                "domain mx.example.com\n  a 127.0.0.1\n";
    const struct ip_networks allowed = {everywhere, ARRAY_LEN(everywhere)};
    struct dns_resolver_options options = {.allowed = allowed, .use_ipv4 = true, .seed = 1};
    struct engine_run run = {.probes = shape->probes};
    struct probe_settings settings;
    struct dns_resolver *resolver;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct error error = {0};

    scenario = lab_scenario_parse(slice_from_string(zones), &error);
    run.loop = io_uv_loop_new(&error);
    CHECK(scenario != NULL && run.loop != NULL);
    world = lab_world_new(run.loop, scenario, port, 1, &error);
    CHECK(world != NULL);
    resolver = dns_resolver_new(run.loop, lab_world_transport(world), &options);
    probe_settings_init(&settings);
    settings.helo_name = SLICE("probe.example");
    settings.port = port;
    settings.allowed = allowed;
    settings.connections_max = CONNECTIONS;
    settings.pipelining = shape->pipelined;
    settings.catch_all = false;
    settings.limits_opened = true;
    settings.limits_override = (struct provider_limits){
        .connections = CONNECTIONS,
        .rcpts_per_session = (uint16_t)shape->rcpts,
        .rcpts_per_transaction = (uint16_t)shape->rcpts,
    };
    run.engine = probe_engine_new(run.loop, resolver, NULL, &settings);
    CHECK(resolver != NULL && run.engine != NULL);
    feed(&run);
    io_loop_run(run.loop);
    CHECK(run.done == run.probes);
    probe_engine_free(run.engine);
    dns_resolver_free(resolver);
    lab_world_free(world);
    io_loop_free(run.loop);
    lab_scenario_free(scenario);
}

enum client {
    MINIMAL,
    CONVERSATION,
    ENGINE,
    CLIENT_COUNT,
};

static struct cost measure(uint16_t port, const struct shape *shape, enum client client)
{
    double cpu = cpu_seconds(), wall = wall_seconds();

    if (client == ENGINE)
        run_engine(port, shape);
    else if (client == CONVERSATION)
        conversation_run(port, CONNECTIONS, shape->rcpts, shape->pipelined, shape->probes);
    else
        minimal_run(port, CONNECTIONS, shape->rcpts, shape->pipelined, shape->probes);
    return (struct cost){(cpu_seconds() - cpu) * 1e6 / shape->probes,
                         (wall_seconds() - wall) * 1e6 / shape->probes};
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *figures, unsigned count)
{
    qsort(figures, count, sizeof(*figures), compare);
    return figures[count / 2];
}

static bool run_shape(uint16_t port, const struct shape *shape, unsigned rounds)
{
    static double cpu[CLIENT_COUNT][ROUNDS_MAX], wall[CLIENT_COUNT][ROUNDS_MAX];
    double costs[CLIENT_COUNT], rates[CLIENT_COUNT], share, whole;

    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned client = 0; client < CLIENT_COUNT; client++) {
            struct cost cost = measure(port, shape, (enum client)client);

            cpu[client][i] = cost.cpu_us;
            wall[client][i] = cost.wall_us;
        }
    }
    for (unsigned client = 0; client < CLIENT_COUNT; client++) {
        costs[client] = median(cpu[client], rounds);
        rates[client] = 1e6 / median(wall[client], rounds);
    }
    share = costs[MINIMAL] / costs[CONVERSATION];
    whole = costs[MINIMAL] / costs[ENGINE];
    printf("%-27s %8.2f %8.2f %8.2f us %8.0f %8.0f %8.0f/s %6.0f%% %6.0f%% %4.0f%%  %s\n",
           shape->name, costs[MINIMAL], costs[CONVERSATION], costs[ENGINE], rates[MINIMAL],
           rates[CONVERSATION], rates[ENGINE], share * 100, whole * 100, shape->target * 100,
           whole >= shape->target ? "ok" : "MISSED");
    fflush(stdout);
    return whole >= shape->target;
}

/* One client alone; what it costs a probe. */
static int run_alone(uint16_t port, const struct shape *shape, enum client client, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        struct cost cost = measure(port, shape, client);

        printf("%s, client %d: %.2f us, %.0f/s\n", shape->name, (int)client, cost.cpu_us,
               1e6 / cost.wall_us);
    }
    return 0;
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : ROUNDS;
    unsigned shape = argc > 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    unsigned client = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    bool ok = true;
    uint16_t port;
    pid_t sink;

    if (rounds == 0 || rounds > ROUNDS_MAX || shape >= ARRAY_LEN(shapes) ||
        client >= CLIENT_COUNT) {
        fprintf(stderr, "probe: 1 to %d rounds; shape and client 0 to 2\n", ROUNDS_MAX);
        return 2;
    }
    make_addresses();
    sink = sink_start(1, &port);
    pin_to_core(0);
    if (argc > 3) {
        int code = run_alone(port, &shapes[shape], (enum client)client, rounds);

        sink_stop(sink);
        return code;
    }
    printf("%-27s %8s %8s %8s    %8s %8s %8s  convers. engine target\n",
           "CPU a probe; probes a second", "minimal", "convers.", "engine", "minimal", "convers.",
           "engine");
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        ok &= run_shape(port, &shapes[i], rounds);
    sink_stop(sink);
    return ok ? 0 : 1;
}
