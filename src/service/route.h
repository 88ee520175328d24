/*
 * Routes: one table row says a method, a path, who may call it and what answers.
 *
 * A pattern's segments are literal or "{name}", which matches one segment that is not empty. The
 * table is all there is: the OpenAPI description is tested against it, and so is that no route goes
 * without a scope unless it says so.
 */
#ifndef MK_SERVICE_ROUTE_H
#define MK_SERVICE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct service_call;

enum service_scope {
    SERVICE_SCOPE_PUBLIC = 0, /* anybody */
    SERVICE_SCOPE_VERIFY = 1 << 0,
    SERVICE_SCOPE_LISTS = 1 << 1,
    SERVICE_SCOPE_ADMIN = 1 << 2,
    SERVICE_SCOPE_ALL = (1 << 3) - 1,
};

/* How keys are shown and errors are said. */
enum service_manner {
    SERVICE_OWN,        /* problem details (RFC 9457) */
    SERVICE_VENDOR,     /* {"error": "..."} */
    SERVICE_VENDOR_KEY, /* the same; the key is in query or body, and the handler asks for it */
};

#define SERVICE_PARTS_MAX 3

struct service_route {
    const char *method;
    const char *pattern; /* "/v1/lists/{id}/results" */
    unsigned scope;      /* one of them is enough */
    void (*handle)(struct service_call *call);
    /* Called before the body comes, to take it in pieces; NULL: it is buffered. */
    void (*begin)(struct service_call *call);
    enum service_manner manner;
};

struct service_match {
    const struct service_route *route; /* NULL: none */
    struct slice parts[SERVICE_PARTS_MAX];
    unsigned methods; /* of the path when the method did not fit: how many; 0: no such path */
    char allow[64];   /* "GET, POST" */
};

/* HEAD is answered by GET's row. The parts borrow from `path`. */
void service_route_match(const struct service_route *routes, size_t count, const char *method,
                         const char *path, struct service_match *ret_match);

const char *service_scope_name(enum service_scope scope); /* "verify", "lists", "admin" */
/* "verify,lists" or with blanks; 0: a word is none of them. */
unsigned service_scopes_parse(struct slice text);

#endif
