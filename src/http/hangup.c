/*
 * Clients that go away while a stream waits for something to say. MHD does not look at a connection
 * that is suspended, so the loop does.
 */
#include <errno.h>
#include <sys/socket.h>

#include "http/internal.h"

static void on_readable(void *user, unsigned events)
{
    struct http_request *request = user;
    char byte;
    ssize_t got = recv(request->link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    http_hangup_unwatch(request);
    if (got > 0)
        return; /* the next request, sent already: MHD reads it in time */
    request->is_gone = true;
    http_respond_wake(request);
}

void http_hangup_watch(struct http_request *request)
{
    /* Without it, whoever left is noticed when something is sent. */
    if (request->link != NULL && request->hangup == NULL)
        (void)io_watch_start(request->server->loop, request->link->fd, IO_READABLE, on_readable,
                             request, &request->hangup);
}

void http_hangup_unwatch(struct http_request *request)
{
    if (request->hangup != NULL)
        io_watch_stop(request->hangup);
    request->hangup = NULL;
}
