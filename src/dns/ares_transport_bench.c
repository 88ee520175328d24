/*
 * What a DNS look-up costs by the transport, against a bare UDP client in the same run.
 *
 * A child answers every question at once with an empty NOERROR. One look-up is two questions, MX
 * then A, as for a domain with one mail host. The bare client (send, recv, poll; ids as slots)
 * does nothing that could be left out, and sends everything it may have outstanding at once; the
 * transport sends no more than buffers hold and lets the rest wait its turn. CPU time of this
 * process, kernel included, is what counts; wall time depends on who else is at work.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "dns/ares_transport.h"
#include "dns/writer.h"
#include "io/uv_loop.h"

#define LOOKUPS 50000
#define ROUNDS  3
#define BUFFER  (4 << 20)
#define BATCH   64
#define LOST_MS 200
#define NAME    "example-domain-4711.example"

struct figures {
    double wall_s, cpu_s;
    unsigned long long resent;
};

static double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int socket_new(void)
{
    int size = BUFFER, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    return fd;
}

/* --- the responder ------------------------------------------------------------------------- */

static _Noreturn void respond(int fd)
{
    static uint8_t bytes[BATCH][512];
    struct sockaddr_in from[BATCH];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];

    for (;;) {
        int count;

        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){bytes[i], sizeof(bytes[i])};
            messages[i].msg_hdr =
                (struct msghdr){&from[i], sizeof(from[i]), &parts[i], 1, NULL, 0, 0};
        }
        count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < count; i++) {
            bytes[i][2] |= 0x80; /* QR */
            bytes[i][3] = 0x80;  /* RA, NOERROR */
            parts[i].iov_len = messages[i].msg_len;
        }
        for (int sent = 0, n; sent < count; sent += n) {
            n = sendmmsg(fd, messages + sent, (unsigned)(count - sent), 0);
            if (n < 0)
                _exit(1);
        }
    }
}

static pid_t responder_start(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket_new();
    pid_t pid;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    *ret_port = ntohs(address.sin_port);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        respond(fd);
    }
    (void)close(fd);
    return pid;
}

/* --- the bare client ----------------------------------------------------------------------- */

static struct {
    int fd;
    unsigned lookups_begun, lookups_done;
    uint16_t types[65536]; /* of the question under way with this id; 0: none */
} bare;

static void bare_send(uint16_t id, uint16_t type)
{
    uint8_t bytes[DNS_QUERY_MAX];
    size_t len = dns_query_build(bytes, sizeof(bytes), id, NAME, type, 0);

    bare.types[id] = type;
    (void)send(bare.fd, bytes, len, 0);
}

static void bare_receive(void)
{
    uint8_t bytes[512];

    while (recv(bare.fd, bytes, sizeof(bytes), MSG_DONTWAIT) >= DNS_HEADER_LEN) {
        uint16_t id = (uint16_t)(bytes[0] << 8 | bytes[1]);

        if (bare.types[id] == DNS_TYPE_MX) {
            bare_send(id, DNS_TYPE_A);
            continue;
        }
        bare.types[id] = 0;
        bare.lookups_done++;
        if (bare.lookups_begun < LOOKUPS) {
            bare.lookups_begun++;
            bare_send(id, DNS_TYPE_MX);
        }
    }
}

static struct figures bare_run(uint16_t port, unsigned outstanding)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct figures figures = {-seconds(CLOCK_MONOTONIC), -seconds(CLOCK_PROCESS_CPUTIME_ID), 0};

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memset(&bare, 0, sizeof(bare));
    bare.fd = socket_new();
    CHECK(connect(bare.fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    while (bare.lookups_begun < outstanding)
        bare_send((uint16_t)bare.lookups_begun++, DNS_TYPE_MX);
    while (bare.lookups_done < LOOKUPS) {
        struct pollfd ready = {bare.fd, POLLIN, 0};

        if (poll(&ready, 1, LOST_MS) > 0) {
            bare_receive();
            continue;
        }
        for (unsigned id = 0; id < outstanding; id++) {
            if (bare.types[id] != 0) {
                bare_send((uint16_t)id, bare.types[id]);
                figures.resent++;
            }
        }
    }
    (void)close(bare.fd);
    figures.wall_s += seconds(CLOCK_MONOTONIC);
    figures.cpu_s += seconds(CLOCK_PROCESS_CPUTIME_ID);
    return figures;
}

/* --- the transport ------------------------------------------------------------------------- */

static struct {
    struct io_loop *loop;
    struct dns_transport *transport;
    unsigned lookups_begun, lookups_done, failures;
} ours;

static void on_address(void *user, enum dns_outcome outcome, const uint8_t *message, size_t len);

static void on_mx(void *user, enum dns_outcome outcome, const uint8_t *message, size_t len)
{
    ours.failures += outcome != DNS_FOUND;
    CHECK(dns_transport_ask(ours.transport, NAME, DNS_TYPE_A, on_address, NULL) == 0);
}

static void lookup_begin(void)
{
    ours.lookups_begun++;
    CHECK(dns_transport_ask(ours.transport, NAME, DNS_TYPE_MX, on_mx, NULL) == 0);
}

static void on_address(void *user, enum dns_outcome outcome, const uint8_t *message, size_t len)
{
    ours.failures += outcome != DNS_FOUND;
    if (++ours.lookups_done == LOOKUPS)
        io_loop_stop(ours.loop);
    else if (ours.lookups_begun < LOOKUPS)
        lookup_begin();
}

static struct figures ours_run(uint16_t port, unsigned outstanding)
{
    struct figures figures = {-seconds(CLOCK_MONOTONIC), -seconds(CLOCK_PROCESS_CPUTIME_ID), 0};
    struct io_endpoint server = {.ip = ip_v4(127, 0, 0, 1), .port = port};
    struct dns_ares_counts counts;

    memset(&ours, 0, sizeof(ours));
    ours.loop = io_uv_loop_new(NULL);
    CHECK(ours.loop != NULL);
    ours.transport = dns_ares_transport_new(
        ours.loop, &(struct dns_ares_options){&server, 1, .max_outstanding = outstanding}, NULL);
    CHECK(ours.transport != NULL);
    while (ours.lookups_begun < outstanding)
        lookup_begin();
    io_loop_run(ours.loop);
    CHECK(ours.lookups_done == LOOKUPS && ours.failures == 0);
    dns_ares_transport_counts(ours.transport, &counts);
    figures.resent = counts.resent;
    dns_transport_free(ours.transport);
    io_loop_free(ours.loop);
    figures.wall_s += seconds(CLOCK_MONOTONIC);
    figures.cpu_s += seconds(CLOCK_PROCESS_CPUTIME_ID);
    return figures;
}

static void best_keep(struct figures *best, const struct figures *figures)
{
    if (best->cpu_s == 0 || figures->cpu_s < best->cpu_s)
        best->cpu_s = figures->cpu_s;
    if (best->wall_s == 0 || figures->wall_s < best->wall_s)
        best->wall_s = figures->wall_s;
    best->resent += figures->resent;
}

static void print_row(const char *what, unsigned outstanding, const struct figures *figures)
{
    printf("%-10s %5u outstanding  %8.0f look-ups/s  %6.2f us CPU each  %llu sent again\n", what,
           outstanding, LOOKUPS / figures->wall_s, figures->cpu_s / LOOKUPS * 1e6, figures->resent);
}

int main(void)
{
    static const unsigned outstanding[] = {1000, 5000};
    uint16_t port;
    pid_t responder = responder_start(&port);

    for (size_t i = 0; i < ARRAY_LEN(outstanding); i++) {
        struct figures limit = {0}, reached = {0}, figures;

        for (int round = 0; round < ROUNDS; round++) {
            figures = bare_run(port, outstanding[i]);
            best_keep(&limit, &figures);
            figures = ours_run(port, outstanding[i]);
            best_keep(&reached, &figures);
        }
        print_row("bare UDP", outstanding[i], &limit);
        print_row("transport", outstanding[i], &reached);
        printf("transport / bare: %.0f%% by CPU, %.0f%% by wall\n",
               100 * limit.cpu_s / reached.cpu_s, 100 * limit.wall_s / reached.wall_s);
    }
    (void)kill(responder, SIGKILL);
    (void)waitpid(responder, NULL, 0);
    return 0;
}
