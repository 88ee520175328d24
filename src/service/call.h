/*
 * One request being answered, and the tools that handlers answer with.
 *
 * A call lives from the first header to the last byte of its answer. Errors are problem details
 * (RFC 9457) with a machine's word in "code" and a person's sentence in "detail".
 */
#ifndef MK_SERVICE_CALL_H
#define MK_SERVICE_CALL_H

#include <cjson/cJSON.h>

#include "base/json.h"
#include "http/server.h"
#include "service/key.h"
#include "service/route.h"

struct service;

struct service_call {
    struct service *service;
    struct http_request *request;
    struct service_match match;
    uint64_t key_id;        /* who calls; 0: nobody said, or none is needed */
    unsigned scopes;        /* what the caller may */
    uint32_t retry_after_s; /* of service_look_up_key */
    struct list_node node;  /* in a handler's list of those that wait */
    void *state;            /* the handler's own; `ended` frees it */
    void (*ended)(struct service_call *call);
};

/* Answer with what json wrote into `body`, and free it. A body that failed is a 500. */
void service_answer(struct service_call *call, unsigned status, struct buffer *body);
/* 204. */
void service_answer_nothing(struct service_call *call);
/* {"error": message}, as the vendors whose dialects are spoken say it. */
void service_refuse(struct service_call *call, unsigned status, const char *message);
/* A problem; on a vendor's route in the vendor's manner. code: snake_case, static. Every 503 says
   when to come again. */
void service_problem(struct service_call *call, unsigned status, const char *code,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
/* 503. */
void service_no_memory(struct service_call *call);
/* The same for what store, files and memory refuse: by error->code. */
void service_problem_of(struct service_call *call, const struct error *error);

/*
 * The body as a JSON object; NULL: it was answered with a problem. The caller deletes it. Names
 * that are not in `allowed` (comma separated, NULL: any) are a problem that names them.
 */
cJSON *service_body(struct service_call *call, const char *allowed);

/* Members of an object. False: there, but of another type or out of bounds; the problem was said.
 */
bool service_get_text(struct service_call *call, const cJSON *object, const char *name,
                      const char **ret_text);
bool service_get_number(struct service_call *call, const cJSON *object, const char *name,
                        uint64_t min, uint64_t max, uint64_t *ret_number);
bool service_get_bool(struct service_call *call, const cJSON *object, const char *name,
                      bool *ret_bool);

/* Query arguments, in the same way; absent: untouched and true. */
bool service_query_number(struct service_call *call, const char *name, uint64_t min, uint64_t max,
                          uint64_t *ret_number);
bool service_query_bool(struct service_call *call, const char *name, bool *ret_bool);
struct slice service_query_text(const struct service_call *call, const char *name); /* "" */

#endif
