/*
 * Workers of a shared store as JSON: GET /v1/workers, `mailknock jobs workers --json`.
 */
#ifndef MK_SERVICE_WORKERS_H
#define MK_SERVICE_WORKERS_H

#include "base/json.h"
#include "store/fleet.h"

void service_worker_write(struct json *json, const struct store_worker *worker);

#endif
