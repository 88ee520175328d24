#include "sink.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTIONS_MAX 20000
#define READ_SIZE       65536

/* Only the part of a line that came without its end has to be remembered: its first letter. */
struct connection {
    char first; /* '\n': at the start of a line */
};

static struct connection connections[CONNECTIONS_MAX];

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(2);
}

void pin_to_core(unsigned core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);
    (void)sched_setaffinity(0, sizeof(set), &set); /* on one core it is where it is */
}

static void say(int fd, const char *text, size_t len)
{
    if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
        close(fd); /* it went away, or reads nothing: not in this benchmark */
}

static void answer(int fd, const char *bytes, size_t len)
{
    static const char ehlo[] = "250-sink.example\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n";
    static const char ok[] = "250 2.1.5 Ok\r\n", bye[] = "221 2.0.0 Bye\r\n";
    static char out[READ_SIZE * 4];
    struct connection *connection = &connections[fd];
    size_t out_len = 0;

    for (size_t i = 0; i < len;) {
        const char *end = memchr(bytes + i, '\n', len - i);

        if (connection->first == '\n')
            connection->first = bytes[i];
        if (end == NULL)
            break;
        i = (size_t)(end - bytes) + 1;
        if (connection->first == 'Q') {
            memcpy(out + out_len, bye, sizeof(bye) - 1);
            say(fd, out, out_len + sizeof(bye) - 1);
            close(fd);
            return;
        }
        if (connection->first == 'E') {
            memcpy(out + out_len, ehlo, sizeof(ehlo) - 1);
            out_len += sizeof(ehlo) - 1;
        } else {
            memcpy(out + out_len, ok, sizeof(ok) - 1);
            out_len += sizeof(ok) - 1;
        }
        connection->first = '\n';
    }
    if (out_len > 0)
        say(fd, out, out_len);
}

static void take(int epoll, int listener)
{
    static const char greeting[] = "220 sink.example ESMTP\r\n";
    int fd, one = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

        if (fd >= CONNECTIONS_MAX || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
            close(fd);
            continue;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        connections[fd].first = '\n';
        say(fd, greeting, sizeof(greeting) - 1);
    }
}

static _Noreturn void serve(int listener)
{
    static char bytes[READ_SIZE];
    struct epoll_event events[256], event = {.events = EPOLLIN, .data.fd = listener};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
        give_up("epoll");
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);

        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            ssize_t len;

            if (fd == listener) {
                take(epoll, listener);
                continue;
            }
            len = recv(fd, bytes, sizeof(bytes), 0);
            if (len <= 0)
                close(fd);
            else
                answer(fd, bytes, (size_t)len);
        }
    }
}

/* Port 0: any; returns the listening socket. */
static int open_listener(uint32_t address, uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listener, 4096) != 0)
        give_up("listening");
    return listener;
}

_Noreturn void sink_serve(uint16_t port)
{
    serve(open_listener(INADDR_ANY, port));
}

pid_t sink_start(unsigned core, uint16_t *ret_port)
{
    struct sockaddr_in at;
    socklen_t len = sizeof(at);
    int listener = open_listener(INADDR_LOOPBACK, 0);
    pid_t pid;

    if (getsockname(listener, (struct sockaddr *)&at, &len) != 0)
        give_up("getsockname");
    *ret_port = ntohs(at.sin_port);
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the benchmark */
        pin_to_core(core);
        serve(listener);
    }
    close(listener);
    return pid;
}

void sink_stop(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}
