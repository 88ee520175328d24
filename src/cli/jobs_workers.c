/* `mailknock jobs workers`: who works on a store that is shared, and what waits. */
#include <inttypes.h>

#include "base/instant.h"
#include "cli/jobs.h"
#include "cli/view.h"
#include "service/workers.h"

static void write_worker(struct buffer *out, const struct store_worker *worker)
{
    buffer_printf(out, "%5" PRIu64 "  %-7s ", worker->id, worker->is_alive ? "alive" : "silent");
    view_clean(out, worker->name);
    buffer_printf(out,
                  "  beat %.1f s ago, %" PRIu64 " sites, %" PRIu64 " chunks, %" PRIu64
                  " handed rows, %" PRIu64 " in flight, %.0f rows/s\n",
                  (double)worker->beat_ms / (double)SECOND_MS, worker->leases, worker->chunks,
                  worker->tasks, worker->in_flight, worker->rows_per_s);
}

static void write_worker_json(struct buffer *out, const struct store_worker *worker)
{
    struct json json;

    json_init(&json, out);
    service_worker_write(&json, worker);
    buffer_append_byte(out, '\n');
}

static void write_totals(struct buffer *out, const struct store_fleet_totals *totals)
{
    buffer_printf(out,
                  "%" PRIu64 " workers hold %" PRIu64 " sites. Waiting: %" PRIu64
                  " chunks of rows, %" PRIu64 " handed rows, %" PRIu64
                  " sites that nobody holds (for %.1f s at most)\n",
                  totals->workers, totals->leases, totals->chunks_free, totals->tasks_free,
                  totals->free_leases, (double)totals->lag_ms / (double)SECOND_MS);
}

int jobs_workers(struct jobs *jobs)
{
    struct store_fleet_totals totals;
    struct store_worker worker = {.id = 0};
    struct error error = {0};
    struct buffer out;
    int code, status = CLI_EXIT_OK;

    buffer_init(&out, 0);
    while ((code = store_worker_next(jobs->store, worker.id, &jobs->arena, &worker, &error)) == 1) {
        if (jobs->options->json)
            write_worker_json(&out, &worker);
        else
            write_worker(&out, &worker);
    }
    if (code == 0)
        code = store_fleet_totals(jobs->store, &totals, &error);
    if (code == 0 && !jobs->options->json)
        write_totals(&out, &totals);
    if (code < 0)
        status = jobs_fail(jobs, &error);
    else if (out.failed)
        status = cli_fail(jobs->call, CLI_EXIT_USAGE, "out of memory");
    else if (out.len > 0)
        fwrite(out.ptr, 1, out.len, jobs->call->out);
    buffer_done(&out);
    return status;
}
