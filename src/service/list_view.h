/*
 * A list as the API shows it.
 */
#ifndef MK_SERVICE_LIST_VIEW_H
#define MK_SERVICE_LIST_VIEW_H

#include "base/json.h"
#include "service/desk.h"

/* One object: what the store knows, and how it goes now. The store's errors. */
int service_list_view_write(struct service_desk *desk, uint64_t id, struct json *json,
                            struct error *error);
/* The operators that are being asked now: {"items":[{key, provider, waiting, sessions, ...}]}. */
void service_sites_view_write(struct service_desk *desk, struct json *json);

#endif
