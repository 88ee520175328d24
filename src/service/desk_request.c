/* What other processes want of the lists here: `mailknock jobs pause` and `resume`. */
#include "bulk/job_request.h"
#include "base/instant.h"
#include "service/internal.h"

#define LOOK_MS SECOND_MS

static void obey(struct service_desk *desk, uint64_t id, enum bulk_job_request request)
{
    struct service_log *log = &desk->service->log;
    struct error error = {0};
    int code = request == BULK_JOB_REQUEST_PAUSE ? service_desk_pause(desk, id, &error)
                                                 : service_desk_start(desk, id, &error);

    if (code == 0 ||
        !service_log_begin(log, SERVICE_LOG_INFO, "request", service_unix_ms(desk->service)))
        return;
    service_log_number(log, "list", (int64_t)id);
    service_log_text(log, "error", slice_from_string(error.message));
    service_log_end(log);
}

static void look(struct io_timer *timer)
{
    struct service_desk *desk = timer->user;
    struct service *service = desk->service;
    enum bulk_job_request request;
    uint64_t id = 0;

    while (bulk_job_request_next(service->store, id, service_unix_ms(service), &id, &request,
                                 NULL) == 0 &&
           id != 0) {
        if (bulk_job_request_remove(service->store, id, NULL) == 1)
            obey(desk, id, request);
    }
    (void)io_timer_start(timer, service_now_ms(service) + LOOK_MS);
}

void service_desk_listen_to_requests(struct service_desk *desk)
{
    struct io_loop *loop = desk->service->prober->loop;

    io_timer_init(loop, &desk->request_timer, look, desk);
    (void)io_timer_start(&desk->request_timer, io_now_ms(loop) + LOOK_MS);
}
