#include "service/errand.h"

#include "base/check.h"
#include "service/internal.h"

#define ROWS_LEAST 16
#define ROWS_MOST  2000

static void next_step(struct io_timer *timer)
{
    struct service_errand *errand = timer->user;
    struct error error = {0};
    int code;

    errand->amount = io_pace_begin(&errand->pace);
    code = errand->step(errand, &error);
    (void)io_pace_end(&errand->pace, errand->amount);
    if (code < 0)
        service_problem_of(errand->call, &error);
    else if (code == 0)
        errand->done(errand);
    else if (io_timer_start(timer, service_now_ms(errand->call->service)) != 0)
        service_no_memory(errand->call);
}

static void call_ended(struct service_call *call)
{
    struct service_errand *errand = call->state;

    io_timer_stop(&errand->timer);
    errand->ended(errand);
}

void service_errand_run(struct service_errand *errand, struct service_call *call)
{
    struct io_loop *loop = call->service->prober->loop;

    CHECK(call->state == NULL && call->ended == NULL);
    errand->call = call;
    io_pace_init(&errand->pace, IO_PACE_MS, ROWS_LEAST, ROWS_MOST);
    call->state = errand;
    call->ended = call_ended;
    io_timer_init(loop, &errand->timer, next_step, errand);
    if (io_timer_start(&errand->timer, io_now_ms(loop)) != 0)
        service_no_memory(call);
}
