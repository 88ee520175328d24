/*
 * Many sessions open at the same time in one process, against the lab: each at an operator of its
 * own that answers late, until all are open; then all of them end well.
 *
 *   bench-sessions [virtual|real] [COUNT]
 *
 * virtual (50,000): the network of the lab's virtual clock, both ends of it in this process. real
 * (as many as this machine gives, 50,000 at most): loopback sockets, with the servers in processes
 * of their own. COUNT must have been open at once and every address must be found valid, or the
 * exit status is 1.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "dns/resolver.h"
#include "io/uv_loop.h"
#include "lab/sim_loop.h"
#include "lab/world.h"
#include "probe/engine.h"
#include "sink.h"

#define COUNT_USUAL 50000
#define COUNT_MOST  1000000
#define PATIENCE_MS (30 * MINUTE_MS)
/* Below what is waited for each reply; four times as long a session is open. */
#define DELAY_MOST_S 50

static const struct ip_network everywhere[] = {{{4, {0}}, 0}, {{6, {0}}, 0}};

struct rig {
    struct io_loop *loop;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct dns_resolver *resolver;
    struct probe_engine *engine;
    struct io_timer look;
    unsigned count, done, valid, peak;
    size_t heap_at_peak;
    long resident_kb_at_peak;
};

/* --- the world ----------------------------------------------------------------------------- */

/* One server on every address, which takes its time for everything: until all have come to it. */
static void write_server(struct buffer *text, unsigned delay_s)
{
    buffer_printf(text,
                  "domain any.example\n  mx 10 mx.any.example\n"
                  "server mx.any.example 0.0.0.0\n  serves *.example\n  mailbox someone\n"
                  "  behave delay any %us\n",
                  delay_s);
}

static void write_names(struct buffer *text, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buffer_printf(text,
                      "domain s%u.example\n  mx 10 mx.s%u.example\n"
                      "domain mx.s%u.example\n  a 127.%u.%u.%u\n",
                      i, i, i, 1 + i / 62500, i / 250 % 250, 1 + i % 250);
}

static struct lab_scenario *parse(struct buffer *text)
{
    struct error error = {0};
    struct lab_scenario *scenario;

    CHECK(!text->failed);
    scenario = lab_scenario_parse(buffer_slice(text), &error);
    if (scenario == NULL)
        fprintf(stderr, "%s\n", error.message);
    CHECK(scenario != NULL);
    buffer_done(text);
    return scenario;
}

/* --- the run ------------------------------------------------------------------------------- */

static long resident_kb(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long all = 0, resident = 0;

    CHECK(file != NULL && fscanf(file, "%ld %ld", &all, &resident) == 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void look(struct io_timer *timer)
{
    struct rig *rig = timer->user;
    struct probe_counts counts;

    probe_engine_counts(rig->engine, &counts);
    if (counts.open_sessions > rig->peak) {
        rig->peak = (unsigned)counts.open_sessions;
        rig->heap_at_peak = mallinfo2().uordblks;
        rig->resident_kb_at_peak = resident_kb();
    }
    if (rig->done < rig->count)
        CHECK(io_timer_start(timer, io_now_ms(rig->loop) + 500) == 0);
}

static void session_done(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct rig *rig = user;

    if (verdict->status == VERDICT_VALID)
        rig->valid++;
    else if (rig->done == rig->valid)
        printf("%.*s is %s: %s\n", SLICE_ARG(evidence->input), verdict_reason_name(verdict->reason),
               verdict->explanation);
    if (++rig->done == rig->count)
        io_loop_stop(rig->loop);
}

static void rig_init(struct rig *rig, struct io_loop *loop, unsigned count, uint16_t port,
                     const char *server)
{
    const struct ip_networks allowed = {everywhere, ARRAY_LEN(everywhere)};
    struct dns_resolver_options options = {.allowed = allowed, .use_ipv4 = true, .seed = 1};
    struct probe_settings settings;
    struct buffer text;

    *rig = (struct rig){.loop = loop, .count = count};
    buffer_init(&text, 0);
    buffer_append_string(&text, server);
    write_names(&text, count);
    rig->scenario = parse(&text);
    rig->world = lab_world_new(loop, rig->scenario, port, 1, NULL);
    CHECK(rig->world != NULL);
    rig->resolver = dns_resolver_new(loop, lab_world_transport(rig->world), &options);
    probe_settings_init(&settings);
    settings.helo_name = SLICE("probe.example");
    settings.port = port;
    settings.allowed = allowed;
    settings.connections_max = settings.cases_max = count;
    settings.case_timeout_ms = PATIENCE_MS;
    rig->engine = probe_engine_new(loop, rig->resolver, NULL, &settings);
    CHECK(rig->resolver != NULL && rig->engine != NULL);
}

static void rig_done(struct rig *rig)
{
    io_timer_stop(&rig->look);
    probe_engine_free(rig->engine);
    dns_resolver_free(rig->resolver);
    lab_world_free(rig->world);
    io_loop_free(rig->loop);
    lab_scenario_free(rig->scenario);
}

static bool run(struct rig *rig, const char *how)
{
    size_t heap = mallinfo2().uordblks;
    long resident = resident_kb();
    uint64_t begun_ms = io_now_ms(rig->loop);
    double cpu = cpu_seconds();
    bool ok;

    for (unsigned i = 0; i < rig->count; i++) {
        char address[64];
        int len = snprintf(address, sizeof(address), "someone@s%u.example", i);

        CHECK(probe_engine_submit(rig->engine, slice_from(address, (size_t)len), session_done,
                                  rig) == 0);
    }
    io_timer_init(rig->loop, &rig->look, look, rig);
    CHECK(io_timer_start(&rig->look, begun_ms + 500) == 0);
    io_loop_run(rig->loop);
    ok = rig->peak == rig->count && rig->valid == rig->count;
    printf("%-8s %u sessions open at once of %u, %u found valid, in %.0f s; %.1f MB of heap (%.0f "
           "octets each), %.1f MB resident more; %.1f s of CPU (%.2f ms each)  %s\n",
           how, rig->peak, rig->count, rig->valid,
           (double)(io_now_ms(rig->loop) - begun_ms) / SECOND_MS,
           (double)(rig->heap_at_peak - heap) / 1e6,
           (double)(rig->heap_at_peak - heap) / (double)rig->count,
           (double)(rig->resident_kb_at_peak - resident) / 1e3, cpu_seconds() - cpu,
           (cpu_seconds() - cpu) * 1e3 / (double)rig->count, ok ? "ok" : "MISSED");
    return ok;
}

/* --- virtual ------------------------------------------------------------------------------- */

static bool run_virtual(unsigned count)
{
    struct lab_sim_plan plan = {.seed = 1, .latency_min_ms = 10, .latency_max_ms = 200};
    struct io_loop *loop = lab_sim_loop_new(&plan);
    struct buffer server;
    struct rig rig;
    bool ok;

    CHECK(loop != NULL);
    buffer_init(&server, 0);
    write_server(&server, DELAY_MOST_S);
    buffer_append_byte(&server, '\0');
    CHECK(!server.failed);
    rig_init(&rig, loop, count, 25, server.ptr);
    ok = run(&rig, "virtual");
    if (lab_world_violation(rig.world, 0) != NULL) {
        printf("%s\n", lab_world_violation(rig.world, 0));
        ok = false;
    }
    rig_done(&rig);
    buffer_done(&server);
    return ok;
}

/* --- real ---------------------------------------------------------------------------------- */

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

static pid_t start_server(uint16_t port, unsigned delay_s)
{
    struct lab_scenario *scenario;
    struct io_loop *loop;
    struct buffer text;
    int ready[2];
    char byte;
    pid_t pid;

    fflush(NULL);
    CHECK(pipe(ready) == 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid > 0) {
        close(ready[1]);
        CHECK(read(ready[0], &byte, 1) == 1);
        close(ready[0]);
        return pid;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    buffer_init(&text, 0);
    write_server(&text, delay_s);
    scenario = parse(&text);
    loop = io_uv_loop_new(NULL);
    CHECK(loop != NULL && lab_world_new(loop, scenario, port, 1, NULL) != NULL);
    CHECK(write(ready[1], "", 1) == 1);
    io_loop_run(loop);
    exit(0);
}

static bool run_real(unsigned count, bool is_wish)
{
    uint16_t port = free_port();
    struct io_loop *loop = io_uv_loop_new(NULL);
    unsigned room = io_uv_loop_socket_limit() - 16;
    struct rig rig;
    pid_t server;
    bool ok;

    CHECK(loop != NULL);
    if (count > room) {
        printf("This machine gives a process %u connections: for %u raise the limit of open files "
               "(ulimit -Hn, LimitNOFILE=) to %u.\n",
               room, count, count + 1000);
        if (is_wish)
            return false;
        count = room;
    }
    /* A busy machine needs time to open them. */
    server = start_server(port, count / 400 < DELAY_MOST_S ? 1 + count / 400 : DELAY_MOST_S);
    rig_init(&rig, loop, count, port, "");
    ok = run(&rig, "real");
    rig_done(&rig);
    sink_stop(server);
    return ok;
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : COUNT_USUAL;
    bool is_virtual = argc < 2 || strcmp(argv[1], "virtual") == 0;
    bool is_real = argc < 2 || strcmp(argv[1], "real") == 0;
    bool ok = true;

    if (count == 0 || count > COUNT_MOST || (!is_virtual && !is_real)) {
        fprintf(stderr, "usage: bench-sessions [virtual|real] [COUNT]\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (is_virtual)
        ok &= run_virtual((unsigned)count);
    if (is_real)
        ok &= run_real((unsigned)count, argc > 2);
    return ok ? 0 : 1;
}
