/*
 * What the engine holds: for an open session that waits for a reply, in clear and by TLS, and for a
 * list of ten thousand, a hundred thousand and a million addresses over a tenth as many domains.
 *
 *   bench-memory
 *
 * The heap is counted (mallinfo2), so OpenSSL's share is in it and the kernel's is not. Sessions:
 * a server of the lab, in a process of its own, takes a thousand of them and never answers RCPT;
 * from the heap then, that of the same cases with one connection is taken off. Lists: asked in
 * pipelined batches of fifty at bench/sink.h; what must stay flat is the cost of an address and,
 * from the engine's ceiling of open cases on, the heap.
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "dns/resolver.h"
#include "io/uv_loop.h"
#include "lab/world.h"
#include "probe/engine.h"
#include "sink.h"

#define SESSIONS     1000
#define PLAIN_TARGET 512
#define TLS_TARGET   (28 * 1024)

static const struct ip_network everywhere[] = {{{4, {0}}, 0}, {{6, {0}}, 0}};

struct rig {
    struct io_loop *loop;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct dns_resolver *resolver;
    struct probe_engine *engine;
    struct io_timer timer;
    size_t asked, done, count, domains;
    size_t heap_start, heap_peak, sessions;
    bool want_tls;
};

/* With what the C library maps by itself: what is large enough for that changes as it runs. */
static size_t heap_now(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* A world of names only. */
static void rig_init(struct rig *rig, const char *zones, uint16_t port, unsigned connections,
                     unsigned rcpts, unsigned cases_max, bool want_tls)
{
    const struct ip_networks allowed = {everywhere, ARRAY_LEN(everywhere)};
    struct dns_resolver_options options = {.allowed = allowed, .use_ipv4 = true, .seed = 1};
    struct probe_settings settings;

    *rig = (struct rig){.want_tls = want_tls};
    rig->scenario = lab_scenario_parse(slice_from_string(zones), NULL);
    rig->loop = io_uv_loop_new(NULL);
    CHECK(rig->scenario != NULL && rig->loop != NULL);
    rig->world = lab_world_new(rig->loop, rig->scenario, port, 1, NULL);
    CHECK(rig->world != NULL);
    rig->resolver = dns_resolver_new(rig->loop, lab_world_transport(rig->world), &options);
    probe_settings_init(&settings);
    settings.helo_name = SLICE("probe.example");
    settings.port = port;
    settings.allowed = allowed;
    settings.tls = want_tls ? SMTP_TLS_REQUIRED : SMTP_TLS_NEVER;
    settings.connections_max = connections;
    settings.cases_max = cases_max;
    settings.catch_all = false;
    settings.limits_opened = true;
    settings.limits_override = (struct provider_limits){
        .connections = (uint16_t)connections,
        .rcpts_per_session = (uint16_t)rcpts,
        .rcpts_per_transaction = (uint16_t)rcpts,
    };
    rig->engine = probe_engine_new(rig->loop, rig->resolver, NULL, &settings);
    CHECK(rig->resolver != NULL && rig->engine != NULL);
}

static void rig_done(struct rig *rig)
{
    probe_engine_free(rig->engine);
    dns_resolver_free(rig->resolver);
    lab_world_free(rig->world);
    io_loop_free(rig->loop);
    lab_scenario_free(rig->scenario);
}

/* --- sessions ------------------------------------------------------------------------------ */

static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    close(fd);
    return ntohs(at.sin_port);
}

/* The lab's server, in a process of its own, that never answers RCPT. */
static pid_t start_silent_server(uint16_t port)
{
    static const char text[] = "domain any.example\n  mx 10 mx.any.example\n"
                               "server mx.any.example 0.0.0.0\n"
                               "  offer starttls\n  behave silent rcpt\n";
    struct lab_scenario *scenario;
    struct io_loop *loop;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid > 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    scenario = lab_scenario_parse(slice_from_string(text), NULL);
    loop = io_uv_loop_new(NULL);
    CHECK(scenario != NULL && loop != NULL);
    CHECK(lab_world_new(loop, scenario, port, 1, NULL) != NULL);
    io_loop_run(loop);
    exit(0);
}

static void session_done(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
}

static void look(struct io_timer *timer)
{
    struct rig *rig = timer->user;
    struct probe_counts counts;

    probe_engine_counts(rig->engine, &counts);
    CHECK(io_now_ms(rig->loop) < rig->heap_peak + 120 * SECOND_MS);
    if (counts.open_sessions >= rig->sessions &&
        (!rig->want_tls || counts.tls_handshakes >= rig->sessions) && ++rig->done > 4)
        io_loop_stop(rig->loop); /* and some time later, when all have come to RCPT */
    else
        CHECK(io_timer_start(timer, io_now_ms(rig->loop) + 500) == 0);
}

/* A thousand domains, each with a host of its own: a new site gets no more than two connections
   before it has answered. */
static char *zones_of_many(void)
{
    struct buffer text;

    buffer_init(&text, 0);
    for (unsigned i = 0; i < SESSIONS; i++)
        (void)buffer_printf(&text,
                            "domain s%u.example\n  mx 10 mx.s%u.example\n"
                            "domain mx.s%u.example\n  a 127.1.%u.%u\n",
                            i, i, i, i / 250, 1 + i % 250);
    (void)buffer_append_byte(&text, '\0');
    CHECK(!text.failed);
    return text.ptr;
}

static size_t heap_with_sessions(uint16_t port, unsigned sessions, bool want_tls)
{
    size_t before = heap_now(), held;
    char *zones = zones_of_many();
    struct rig rig;

    rig_init(&rig, zones, port, sessions, 1, SESSIONS, want_tls);
    rig.sessions = sessions;
    rig.heap_peak = (size_t)io_now_ms(rig.loop); /* when it began */
    for (unsigned i = 0; i < SESSIONS; i++) {
        char address[64];
        int len = snprintf(address, sizeof(address), "someone@s%u.example", i);

        CHECK(probe_engine_submit(rig.engine, slice_from(address, (size_t)len), session_done,
                                  &rig) == 0);
    }
    io_timer_init(rig.loop, &rig.timer, look, &rig);
    CHECK(io_timer_start(&rig.timer, io_now_ms(rig.loop) + 500) == 0);
    io_loop_run(rig.loop);
    held = heap_now() - before;
    probe_engine_cancel(rig.engine);
    rig_done(&rig);
    memory_free(zones);
    return held;
}

static bool measure_sessions(const char *what, bool want_tls, unsigned target)
{
    uint16_t port = free_port();
    pid_t server = start_silent_server(port);
    size_t one, all, each;

    usleep(500000); /* until it listens */
    one = heap_with_sessions(port, 1, want_tls);
    all = heap_with_sessions(port, SESSIONS, want_tls);
    each = (all - one) / (SESSIONS - 1);
    sink_stop(server);
    printf("%-36s %8zu octets a session, target %u  %s\n", what, each, target,
           each <= target ? "ok" : "MISSED");
    fflush(stdout);
    return each <= target;
}

/* --- lists --------------------------------------------------------------------------------- */

static void feed(struct rig *rig);

static void row_done(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct rig *rig = user;

    if (++rig->done % 1000 == 0) {
        size_t heap = heap_now();

        rig->heap_peak = heap > rig->heap_peak ? heap : rig->heap_peak;
    }
    if (rig->asked < rig->count)
        feed(rig);
    else if (rig->done == rig->count)
        io_loop_stop(rig->loop);
}

static void feed(struct rig *rig)
{
    char address[64];

    for (; rig->asked < rig->count; rig->asked++) {
        int len = snprintf(address, sizeof(address), "someone.%zu@d%zu.example", rig->asked,
                           rig->asked / 10);

        if (probe_engine_submit(rig->engine, slice_from(address, (size_t)len), row_done, rig) != 0)
            return;
    }
}

static void measure_list(uint16_t port, size_t count, double *first_us, bool *ok)
{
    static const char zones[] = "domain *.example\n  mx 10 mx.example.com\n"
                                "domain mx.example.com\n  a 127.0.0.1\n";
    struct rig rig;
    double cpu, cost;

    rig_init(&rig, zones, port, 64, 50, 10000, false);
    rig.count = count;
    rig.heap_start = heap_now();
    cpu = cpu_seconds();
    feed(&rig);
    io_loop_run(rig.loop);
    cost = (cpu_seconds() - cpu) * 1e6 / (double)count;
    if (*first_us == 0)
        *first_us = cost;
    *ok &= cost <= *first_us * 1.5;
    printf("%8zu addresses, %7zu domains  %8.2f us CPU an address, heap at most %.1f MB\n", count,
           count / 10, cost, (double)(rig.heap_peak - rig.heap_start) / 1e6);
    fflush(stdout);
    rig_done(&rig);
}

int main(void)
{
    double first_us = 0;
    uint16_t port;
    bool ok = true;
    pid_t sink;

    ok &= measure_sessions("a session in clear", false, PLAIN_TARGET);
    ok &= measure_sessions("a session by TLS", true, TLS_TARGET);
    sink = sink_start(1, &port);
    pin_to_core(0);
    for (size_t count = 10000; count <= 1000000; count *= 10)
        measure_list(port, count, &first_us, &ok);
    sink_stop(sink);
    return ok ? 0 : 1;
}
