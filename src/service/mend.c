#include "service/mend.h"

#include "base/instant.h"
#include "service/internal.h"

#define ROWS_LEAST 16
#define ROWS_MOST  500

/* The next list that is to be mended, or none: 1, 0; the store's errors. */
static int next_list(struct service_mend *mend, struct error *error)
{
    struct store_job job = {0};
    struct arena arena;
    int code;

    arena_init(&arena);
    code = store_job_next(mend->service->store, mend->work.job, &arena, &job, error);
    if (code == 0)
        code = bulk_mend_keep(&mend->work, error);
    if (code == 1) {
        code = bulk_mend_begin(&mend->work, &job, error);
        mend->is_at_list = code == 1;
        code = code >= 0 ? 1 : code;
    }
    arena_done(&arena);
    return code;
}

static int mend_list(struct service_mend *mend, struct error *error)
{
    uint64_t before = mend->work.mended;
    size_t amount = io_pace_begin(&mend->pace);
    int code = bulk_mend_step(&mend->work, amount, error);

    (void)io_pace_end(&mend->pace, amount);
    mend->is_at_list = code == 1;
    if (mend->work.mended > before)
        service_stats_forget(mend->service, mend->work.job);
    if (code == 0)
        code = bulk_mend_keep(&mend->work, error);
    return code < 0 ? code : 1;
}

/* What could not be done now is done after the next start. */
static void step(struct io_timer *timer)
{
    struct service_mend *mend = timer->user;
    struct service *service = mend->service;
    struct error error = {0};
    int code = mend->is_at_list ? mend_list(mend, &error) : next_list(mend, &error);

    if (code == 1 && io_timer_start(timer, service_now_ms(service)) == 0)
        return;
    if (code < 0 &&
        service_log_begin(&service->log, SERVICE_LOG_ERROR, "store", service_unix_ms(service))) {
        service_log_text(&service->log, "error", slice_from_string(error.message));
        service_log_end(&service->log);
    }
}

int service_mend_start(struct service_mend *mend, struct service *service, struct error *error)
{
    struct io_loop *loop = service->prober->loop;
    int code;

    mend->service = service;
    io_pace_init(&mend->pace, IO_PACE_MS, ROWS_LEAST, ROWS_MOST);
    bulk_mend_init(&mend->work, service->store);
    mend->work.unix_ms = service_unix_ms(service);
    io_timer_init(loop, &mend->timer, step, mend);
    code = bulk_mend_recall(&mend->work, &mend->work.job, error);
    if (code != 0)
        return code;
    return io_timer_start(&mend->timer, io_now_ms(loop)) == 0
               ? 0
               : error_set(error, ERROR_NOMEM, "no memory to open the service");
}

void service_mend_stop(struct service_mend *mend)
{
    if (mend->service == NULL)
        return;
    io_timer_stop(&mend->timer);
    bulk_mend_done(&mend->work);
}
