/*
 * Idempotency-Key: a request that is sent twice, because its answer was lost, is done once.
 *
 * What was made is remembered for a day under who asked and the key that they chose, with a digest
 * of the request: the same key with another request is a mistake that must be said, unless nothing
 * came of the first one (a file that is no list, sent again after it was put right). It is noted
 * before it is made, too, with a word by which it can be found: whoever dies in between, or has no
 * room for the second note, does not make it twice.
 */
#ifndef MK_SERVICE_IDEMPOTENCY_H
#define MK_SERVICE_IDEMPOTENCY_H

#include "service/call.h"
#include "service/desk.h"

enum service_repeat {
    SERVICE_REPEAT_FIRST,   /* do it */
    SERVICE_REPEAT_BEGUN,   /* do it, unless something is there under ret_token */
    SERVICE_REPEAT_OTHER,   /* so, too; but what is there was another request's: refuse this one */
    SERVICE_REPEAT_AGAIN,   /* it was done: *ret_id is what was made */
    SERVICE_REPEAT_REFUSED, /* a problem was said */
};

/* Without the header: FIRST. digest: of everything that the request asks for. */
enum service_repeat service_idempotency_look(struct service_call *call, const char *digest,
                                             uint64_t *ret_id, char ret_token[SERVICE_TOKEN_SIZE]);
/* It is to be made, under this word: on an error nothing may be. No-op without the header. */
int service_idempotency_begin(struct service_call *call, const char *digest, const char *token,
                              struct error *error);
/* Say that the key came with another request before. */
void service_idempotency_refuse(struct service_call *call);
/* It was done; no-op without the header. */
void service_idempotency_keep(struct service_call *call, const char *digest, uint64_t id);

#endif
