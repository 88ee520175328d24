#include "minimal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 20000

enum state {
    GREETING,
    EHLO,
    MAIL,
    RCPT,
    BATCH, /* MAIL, RCPTs and QUIT at once */
    QUIT,
};

struct connection {
    enum state state;
    unsigned left;  /* recipients to ask, or replies to come in a batch */
    bool multiline; /* the last line had a hyphen */
    unsigned at;    /* octets of the line seen */
};

static struct connection connections[CONNECTIONS_MAX];

struct run {
    struct sockaddr_in to;
    int epoll;
    unsigned rcpts, open, started, sessions;
    bool pipelined;
    char batch[65536];
    size_t batch_len;
};

static const char ehlo[] = "EHLO probe.example\r\n", mail[] = "MAIL FROM:<>\r\n",
                  rcpt[] = "RCPT TO:<someone.there@example.com>\r\n", quit[] = "QUIT\r\n";

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(2);
}

static void start(struct run *run)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0 || fd >= CONNECTIONS_MAX)
        give_up("socket");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&run->to, sizeof(run->to)) != 0 && errno != EINPROGRESS)
        give_up("connect");
    event.data.fd = fd;
    if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        give_up("epoll");
    connections[fd] = (struct connection){GREETING, run->rcpts, false, 0};
    run->open++;
    run->started++;
}

static void say(int fd, const char *text, size_t len)
{
    if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
        give_up("send");
}

/* A whole reply has come. */
static void go_on(struct run *run, int fd)
{
    struct connection *connection = &connections[fd];

    switch (connection->state) {
    case GREETING:
        say(fd, ehlo, sizeof(ehlo) - 1);
        connection->state = EHLO;
        break;
    case EHLO:
        if (run->pipelined) {
            say(fd, run->batch, run->batch_len);
            connection->state = BATCH;
        } else {
            say(fd, mail, sizeof(mail) - 1);
            connection->state = MAIL;
        }
        break;
    case MAIL:
    case RCPT:
        if (connection->left-- > 0)
            say(fd, rcpt, sizeof(rcpt) - 1);
        else
            say(fd, quit, sizeof(quit) - 1);
        connection->state = connection->left == UINT32_MAX ? QUIT : RCPT;
        break;
    case BATCH: /* counted no further than the server's close */
    case QUIT:
        break;
    }
}

static void received(struct run *run, int fd, const char *bytes, size_t len)
{
    struct connection *connection = &connections[fd];

    for (size_t i = 0; i < len;) {
        const char *end = memchr(bytes + i, '\n', len - i);
        size_t stop = end != NULL ? (size_t)(end - bytes) : len;

        if (connection->at <= 3 && connection->at + (stop - i) > 3)
            connection->multiline = bytes[i + 3 - connection->at] == '-';
        connection->at += (unsigned)(stop - i);
        if (end == NULL)
            return;
        connection->at = 0;
        i = stop + 1;
        if (!connection->multiline)
            go_on(run, fd);
    }
}

static void make_batch(struct run *run)
{
    char *at = run->batch;

    at = mempcpy(at, mail, sizeof(mail) - 1);
    for (unsigned i = 0; i < run->rcpts; i++)
        at = mempcpy(at, rcpt, sizeof(rcpt) - 1);
    at = mempcpy(at, quit, sizeof(quit) - 1);
    run->batch_len = (size_t)(at - run->batch);
}

void minimal_run(uint16_t port, unsigned connection_count, unsigned rcpts, bool pipelined,
                 unsigned probes)
{
    static char bytes[65536];
    static struct run run;
    struct epoll_event events[256];

    run = (struct run){.rcpts = rcpts, .pipelined = pipelined, .sessions = probes / rcpts};
    run.to = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (run.epoll < 0)
        give_up("epoll");
    make_batch(&run);
    while (run.open < connection_count && run.started < run.sessions)
        start(&run);
    while (run.open > 0) {
        int count = epoll_wait(run.epoll, events, 256, -1);

        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            ssize_t len = recv(fd, bytes, sizeof(bytes), 0);

            if (len > 0) {
                received(&run, fd, bytes, (size_t)len);
                continue;
            }
            close(fd);
            run.open--;
            if (run.started < run.sessions)
                start(&run);
        }
    }
    close(run.epoll);
}
