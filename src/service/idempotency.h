/*
 * Idempotency-Key: a request that is sent twice, because its answer was lost, is done once.
 *
 * What was made is remembered for a day under who asked and the key that they chose, with a digest
 * of the request: the same key with another request is a mistake that must be said.
 */
#ifndef MK_SERVICE_IDEMPOTENCY_H
#define MK_SERVICE_IDEMPOTENCY_H

#include "service/call.h"

enum service_repeat {
    SERVICE_REPEAT_FIRST,   /* do it */
    SERVICE_REPEAT_AGAIN,   /* it was done: *ret_id is what was made */
    SERVICE_REPEAT_REFUSED, /* a problem was said */
};

/* Without the header: FIRST. digest: of everything that the request asks for. */
enum service_repeat service_idempotency_look(struct service_call *call, const char *digest,
                                             uint64_t *ret_id);
/* It was done; no-op without the header. */
void service_idempotency_keep(struct service_call *call, const char *digest, uint64_t id);

#endif
