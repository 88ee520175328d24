/*
 * A server and its requests from inside. Only files of src/http include this.
 */
#ifndef MK_HTTP_INTERNAL_H
#define MK_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <sys/socket.h>

#include "base/list.h"
#include "http/server.h"

struct http_server {
    struct io_loop *loop;
    struct MHD_Daemon *daemon;
    struct io_watch *watch;
    struct io_timer timer;  /* the daemon's own time-outs */
    struct io_timer patrol; /* requests that take too long to arrive */
    struct http_limits limits;
    struct http_events events;
    void *user;
    struct list connections; /* struct http_connection */
    struct http_counts counts;
    bool running; /* inside MHD_run */
    bool again;   /* something was resumed meanwhile */
    bool freeing;
};

struct http_connection {
    struct list_node node;
    struct http_server *server;
    int fd;
    struct http_request *request; /* under way, or NULL */
    uint64_t waiting_since_ms;    /* for the headers of a request, while none is under way */
    bool is_used;                 /* a request came */
};

enum http_phase {
    HTTP_PHASE_BODY,      /* it arrives */
    HTTP_PHASE_ASKED,     /* complete was called */
    HTTP_PHASE_SUSPENDED, /* no answer yet; MHD waits for us */
    HTTP_PHASE_ANSWERED,
};

struct http_header {
    struct http_header *next;
    char *value;  /* in text */
    bool is_heap; /* else it stands in the request's own room */
    char text[];  /* name and value, each with its NUL */
};

/* What the headers of most answers need: they cost no allocation of their own. */
#define HTTP_HEADER_ROOM 512

struct http_request {
    struct http_server *server;
    struct MHD_Connection *connection;
    struct http_connection *link;
    enum http_phase phase;
    char *method, *path; /* behind the structure, in one piece with it */
    uint64_t started_ms;
    struct buffer body;
    bool too_large;
    void *cookie;
    http_sink *sink;
    void *sink_user;
    struct MHD_PostProcessor *multipart;
    struct http_header *headers;
    struct MHD_Response *response; /* made, not yet given to MHD */
    bool is_shared;                /* the response is an answer's own */
    unsigned status;
    http_read *read;
    void *read_user;
    bool stream_waits;
    bool is_gone;            /* the client, while a stream waited */
    struct io_watch *hangup; /* while a stream waits; NULL: nobody looks */
    size_t room_used;
    /* From here on nothing is set to zero when a request begins. */
    _Alignas(struct http_header) char room[HTTP_HEADER_ROOM];
    char text[];
};

void http_server_run(struct http_server *server);
/* Tell MHD that a suspended connection goes on. */
void http_server_resume(struct http_server *server, struct http_request *request);
/* Give the answer to MHD, from inside its access handler. */
enum MHD_Result http_response_queue(struct http_request *request);
void http_request_free(struct http_request *request);
/* Has MHD been told to wait for us? */
bool http_request_is_suspended(const struct http_request *request);
/* Notice that the client leaves, and wake the stream to end it (hangup.c). */
void http_hangup_watch(struct http_request *request);
void http_hangup_unwatch(struct http_request *request);
struct io_endpoint http_endpoint_from(const struct sockaddr_storage *address);

#endif
