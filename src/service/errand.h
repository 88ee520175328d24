/*
 * Work for one request that takes long: done in steps of some milliseconds between the loop's other
 * business, and dropped when the client goes away.
 */
#ifndef MK_SERVICE_ERRAND_H
#define MK_SERVICE_ERRAND_H

#include "base/error.h"
#include "io/loop.h"
#include "io/pace.h"

struct service_call;

struct service_errand {
    struct io_timer timer;
    struct service_call *call;
    struct io_pace pace;
    size_t amount; /* rows that fit into this step */
    /* A bit of work: 1 when there is more, 0 when it is done, negative with *error. */
    int (*step)(struct service_errand *errand, struct error *error);
    void (*done)(struct service_errand *errand);  /* answer */
    void (*ended)(struct service_errand *errand); /* free what it holds, and itself */
};

/* Begin; the call is the errand's from then on. What fails is answered as a problem. */
void service_errand_run(struct service_errand *errand, struct service_call *call);

#endif
