/* GET /v1/lists/{id}/events: how a list goes, as server-sent events. */
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "service/internal.h"
#include "service/list_view.h"

#define LEAST_MS      500              /* between two events */
#define HEARTBEAT_MS  (15 * SECOND_MS) /* proxies hang up on silence */
#define LISTENERS_MAX 5000

struct events {
    struct service_listener listener; /* first */
    struct service_call *call;
    struct io_timer timer;
    struct buffer out; /* not yet sent */
    size_t sent;
    uint64_t told_ms;
    bool is_over; /* the list's state changed, and that is to be told */
};

static void events_ended(struct service_call *call)
{
    struct events *events = call->state;

    service_desk_unlisten(&events->listener);
    io_timer_stop(&events->timer);
    call->service->listeners--;
    buffer_done(&events->out);
    memory_free(events);
}

static void write_events(struct events *events)
{
    struct service_desk *desk = &events->call->service->desk;
    struct error error = {0};
    struct buffer text;
    struct json json;

    buffer_init(&text, 0);
    json_init(&json, &text);
    if (service_list_view_write(desk, events->listener.list, &json, &error) != 0) {
        buffer_append_string(&events->out, "event: gone\ndata: {}\n\n");
    } else {
        buffer_printf(&events->out, "event: %s\ndata: %.*s\n\n",
                      events->is_over ? "state" : "progress", SLICE_ARG(buffer_slice(&text)));
        buffer_clear(&text);
        json_init(&json, &text);
        service_sites_view_write(desk, &json);
        buffer_printf(&events->out, "event: sites\ndata: %.*s\n\n", SLICE_ARG(buffer_slice(&text)));
    }
    buffer_done(&text);
    events->is_over = false; /* it may be started again */
    events->told_ms = service_now_ms(events->call->service);
    http_respond_wake(events->call->request);
}

static void on_timer(struct io_timer *timer)
{
    struct events *events = timer->user;
    struct service *service = events->call->service;

    /* Somebody who does not read gets no more to read. */
    if (events->out.len - events->sent < 65536)
        write_events(events);
    (void)io_timer_start(&events->timer, service_now_ms(service) + HEARTBEAT_MS);
}

static void changed(struct service_listener *listener, bool is_over)
{
    struct events *events = LIST_ELEMENT(listener, struct events, listener);
    uint64_t now = service_now_ms(events->call->service);

    events->is_over |= is_over;
    (void)io_timer_start(&events->timer, is_over || events->told_ms + LEAST_MS < now
                                             ? now
                                             : events->told_ms + LEAST_MS);
}

static ptrdiff_t read_events(void *user, char *out, size_t size)
{
    struct events *events = user;
    size_t left = events->out.len - events->sent;

    if (left == 0) {
        buffer_clear(&events->out);
        events->sent = 0;
        return events->call->service->stopped != NULL ? HTTP_READ_END : 0;
    }
    if (left > size)
        left = size;
    memcpy(out, events->out.ptr + events->sent, left);
    events->sent += left;
    return (ptrdiff_t)left;
}

void service_events_get(struct service_call *call)
{
    struct service *service = call->service;
    uint64_t id = service_list_id(call);
    struct events *events;

    if (!service_list_exists(call, id))
        return;
    if (service->listeners >= LISTENERS_MAX) {
        service_problem(call, 503, "busy", "as many listen as may; ask for the list instead");
        return;
    }
    events = memory_zalloc(1, sizeof(*events));
    if (events == NULL) {
        service_no_memory(call);
        return;
    }
    service->listeners++;
    events->call = call;
    events->listener.list = id;
    events->listener.changed = changed;
    buffer_init(&events->out, 0);
    call->state = events;
    call->ended = events_ended;
    io_timer_init(service->prober->loop, &events->timer, on_timer, events);
    service_desk_listen(&service->desk, &events->listener);
    buffer_append_string(&events->out, "retry: 2000\n\n");
    write_events(events);
    (void)io_timer_start(&events->timer, service_now_ms(service) + HEARTBEAT_MS);
    http_response_header(call->request, "Cache-Control", "no-store");
    http_response_header(call->request, "X-Accel-Buffering", "no");
    http_respond_stream(call->request, 200, "text/event-stream", read_events, events);
}

void service_events_stop(struct service *service)
{
    for (struct list_node *node = list_first(&service->calls); node != NULL;
         node = list_after(&service->calls, node)) {
        struct service_call *call = LIST_ELEMENT(node, struct service_call, node);

        if (call->ended == events_ended)
            http_respond_wake(call->request);
    }
}
