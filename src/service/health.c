/* /healthz, /readyz, /metrics: for those who watch the process. */
#include "service/internal.h"

void service_health(struct service_call *call)
{
    http_respond(call->request, 200, "text/plain", SLICE("ok\n"));
}

/* Ready: not stopping, and the store answers. */
void service_ready(struct service_call *call)
{
    struct service *service = call->service;
    struct error error = {0};

    if (service->stopped != NULL)
        service_problem(call, 503, "stopping", "the service is stopping");
    else if (store_note_expire(service->store, service_unix_ms(service), 1, &error) < 0)
        service_problem(call, 503, "storage", "%s", error.message);
    else
        http_respond(call->request, 200, "text/plain", SLICE("ready\n"));
}

void service_metrics_get(struct service_call *call)
{
    struct service *service = call->service;
    struct buffer body;

    if (!service->options.metrics_public && !service->options.open && !service->is_loopback &&
        (call->scopes & SERVICE_SCOPE_ADMIN) == 0) {
        service_problem(call, 403, "private", "metrics are not public here (--metrics-public)");
        return;
    }
    buffer_init(&body, 0);
    service_metrics_write(service, &body);
    if (body.failed)
        service_no_memory(call);
    else
        http_respond(call->request, 200, "text/plain; version=0.0.4; charset=utf-8",
                     buffer_slice(&body));
    buffer_done(&body);
}
