/* GET /v1/workers: who works on the lists of a shared store, and what waits. */
#include "service/workers.h"

#include "base/buffer.h"
#include "base/instant.h"
#include "service/internal.h"

#define WORKERS_MAX 1000 /* shown */

void service_worker_write(struct json *json, const struct store_worker *worker)
{
    char moment[INSTANT_TEXT_SIZE];

    json_object_begin(json);
    json_name_int(json, "worker", (int64_t)worker->id);
    json_name_string(json, "name", worker->name);
    json_name_bool(json, "alive", worker->is_alive);
    json_name_cstring(json, "joined_at", instant_format(worker->joined_unix_ms, moment));
    json_name_int(json, "beat_ms", (int64_t)worker->beat_ms);
    json_name_int(json, "sites", (int64_t)worker->leases);
    json_name_int(json, "chunks", (int64_t)worker->chunks);
    json_name_int(json, "handed_rows", (int64_t)worker->tasks);
    json_name_int(json, "in_flight", (int64_t)worker->in_flight);
    json_name_int(json, "rows_per_s", (int64_t)worker->rows_per_s);
    json_object_end(json);
}

static int write_workers(struct store *store, struct json *json, struct error *error)
{
    struct store_worker worker = {.id = 0};
    struct arena arena;
    int code = 1;

    arena_init(&arena);
    json_name(json, "items");
    json_array_begin(json);
    for (unsigned i = 0; i < WORKERS_MAX && code == 1; i++) {
        code = store_worker_next(store, worker.id, &arena, &worker, error);
        if (code == 1)
            service_worker_write(json, &worker);
    }
    json_array_end(json);
    arena_done(&arena);
    return code < 0 ? code : 0;
}

static int write_waiting(struct store *store, struct json *json, struct error *error)
{
    struct store_fleet_totals totals;
    int code = store_fleet_totals(store, &totals, error);

    if (code != 0)
        return code;
    json_name(json, "waiting");
    json_object_begin(json);
    json_name_int(json, "chunks", (int64_t)totals.chunks_free);
    json_name_int(json, "handed_rows", (int64_t)totals.tasks_free);
    json_name_int(json, "sites", (int64_t)totals.free_leases);
    json_name_int(json, "lag_ms", (int64_t)totals.lag_ms);
    json_object_end(json);
    return 0;
}

void service_workers_get(struct service_call *call)
{
    struct store *store = call->service->store;
    bool is_shared = store_is_shared(store);
    struct error error = {0};
    struct buffer body;
    struct json json;
    int code = 0;

    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_bool(&json, "shared", is_shared);
    if (is_shared) {
        code = write_workers(store, &json, &error);
        if (code == 0)
            code = write_waiting(store, &json, &error);
    } else {
        json_name(&json, "items");
        json_array_begin(&json);
        json_array_end(&json);
        json_name_null(&json, "waiting");
    }
    json_object_end(&json);
    if (code == 0) {
        service_answer(call, 200, &body);
        return;
    }
    buffer_done(&body);
    service_problem_of(call, &error);
}
