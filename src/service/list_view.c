#include "service/list_view.h"

#include <stdio.h>

#include "base/instant.h"
#include "service/internal.h"

#define SITES_SHOWN 50

static void write_moment(struct json *json, const char *name, int64_t unix_ms)
{
    char text[INSTANT_TEXT_SIZE];

    json_name_cstring(json, name, unix_ms != 0 ? instant_format(unix_ms, text) : NULL);
}

/* When something happens that is a while away, on the wall clock. */
static void write_until(struct service *service, struct json *json, const char *name,
                        uint64_t at_ms)
{
    if (at_ms == INSTANT_NEVER || at_ms == 0)
        json_name_null(json, name);
    else
        write_moment(json, name,
                     service_unix_ms(service) + (int64_t)(at_ms - service_now_ms(service)));
}

static const char *state_name(const struct service_list *list, const struct store_job *job)
{
    if (list != NULL && list->is_removing)
        return "removing";
    if (job->state == STORE_JOB_FINISHED)
        return "done";
    if (list != NULL && list->job != NULL)
        return "running";
    return store_job_state_name(job->state);
}

static void write_counts(struct json *json, const struct store_counts *counts)
{
    uint64_t by_status[VERDICT_STATUS_COUNT] = {0};

    for (unsigned i = 0; i < VERDICT_REASON_COUNT; i++)
        by_status[verdict_reason_status((enum verdict_reason)i)] += counts->rows[i];
    json_name(json, "counts");
    json_object_begin(json);
    for (unsigned i = 0; i < VERDICT_STATUS_COUNT; i++)
        json_name_int(json, verdict_status_name((enum verdict_status)i), (int64_t)by_status[i]);
    json_object_end(json);
    json_name(json, "reasons");
    json_object_begin(json);
    for (unsigned i = 0; i < VERDICT_REASON_COUNT; i++)
        if (counts->rows[i] > 0)
            json_name_int(json, verdict_reason_name((enum verdict_reason)i),
                          (int64_t)counts->rows[i]);
    json_object_end(json);
}

/* How it goes: while it is loaded, the rows read so far; while it runs, its pace. */
static void write_progress(struct service *service, struct json *json,
                           const struct service_list *list)
{
    struct bulk_job_progress progress;
    struct probe_counts counts;

    if (list == NULL || list->job == NULL) {
        json_name_null(json, "rate");
        json_name_null(json, "eta_s");
        json_name_null(json, "waiting");
        return;
    }
    bulk_job_progress(list->job, &progress);
    probe_engine_counts(service->prober->engine, &counts);
    json_name(json, "rate");
    json_double(json, progress.rows_per_s, 1);
    if (progress.eta_ms == INSTANT_NEVER)
        json_name_null(json, "eta_s");
    else
        json_name_int(json, "eta_s", (int64_t)(progress.eta_ms / SECOND_MS));
    json_name(json, "waiting");
    json_object_begin(json);
    json_name_int(json, "count", (int64_t)progress.waiting);
    write_until(service, json, "until", progress.waiting > 0 ? counts.next_retry_ms : 0);
    json_object_end(json);
}

static void write_totals(struct json *json, const struct service_list *list,
                         const struct store_job *job)
{
    struct bulk_load_progress loading = {
        .rows = job->rows,
        .faults = job->faults,
        .doubts = job->doubts,
        .duplicates = job->duplicates,
    };

    if (list != NULL && list->load != NULL)
        loading = bulk_load_progress(list->load);
    json_name_int(json, "rows", (int64_t)loading.rows);
    json_name_int(json, "unique", (int64_t)(loading.rows - loading.duplicates));
    json_name_int(json, "duplicates", (int64_t)loading.duplicates);
    json_name_int(json, "unreadable", (int64_t)loading.faults);
    json_name_int(json, "doubtful", (int64_t)loading.doubts);
    json_name_int(json, "done", (int64_t)job->done);
}

static void write_options(struct json *json, const struct store_job *job)
{
    json_name(json, "options");
    json_raw(json, job->options);
    json_name(json, "source");
    json_raw(json, job->sources);
}

int service_list_view_write(struct service_desk *desk, uint64_t id, struct json *json,
                            struct error *error)
{
    struct service *service = desk->service;
    const struct service_list *list = service_desk_find(desk, id);
    struct store_counts counts;
    struct store_job job;
    struct arena arena;
    char text[24];
    int code;

    arena_init(&arena);
    code = id != 0 ? store_job_get(service->store, id, &arena, &job, error)
                   : error_set(error, ERROR_NOT_FOUND, "there is no such list");
    if (code == 0)
        code = store_counts(service->store, id, &counts, error);
    if (code == 0) {
        snprintf(text, sizeof(text), "%ju", (uintmax_t)id);
        json_object_begin(json);
        json_name_cstring(json, "id", text);
        json_name_string(json, "name", job.name);
        json_name_cstring(json, "state", state_name(list, &job));
        if (job.note.len > 0 && job.state != STORE_JOB_LOADING)
            json_name_string(json, "error", job.note);
        else
            json_name_null(json, "error");
        write_moment(json, "created_at", job.created_unix_ms);
        write_moment(json, "started_at", job.started_unix_ms);
        write_moment(json, "finished_at", job.finished_unix_ms);
        write_totals(json, list, &job);
        write_counts(json, &counts);
        write_progress(service, json, list);
        write_options(json, &job);
        json_object_end(json);
    }
    arena_done(&arena);
    return code;
}

void service_sites_view_write(struct service_desk *desk, struct json *json)
{
    struct service *service = desk->service;
    struct probe_site_state state;
    unsigned shown = 0;
    bool is_generic;

    json_object_begin(json);
    json_name(json, "items");
    json_array_begin(json);
    for (size_t cursor = 0;
         shown < SITES_SHOWN && probe_engine_next_site(service->prober->engine, &cursor, &state);) {
        if (state.waiting == 0 && state.sessions == 0 && state.later == 0 &&
            state.breaker_until_ms == 0)
            continue;
        is_generic = state.profile == NULL || state.profile == provider_generic();
        json_object_begin(json);
        json_name_cstring(json, "key", state.key);
        json_name_cstring(json, "provider", is_generic ? NULL : state.profile->name);
        json_name_int(json, "waiting", (int64_t)state.waiting);
        json_name_int(json, "sessions", (int64_t)state.sessions);
        json_name_int(json, "limit", state.connection_limit);
        json_name(json, "rate");
        json_double(json, state.rcpts_per_s, 1);
        if (state.eta_ms == INSTANT_NEVER)
            json_name_null(json, "eta_s");
        else
            json_name_int(json, "eta_s", (int64_t)((state.eta_ms + SECOND_MS - 1) / SECOND_MS));
        json_name(json, "later");
        json_object_begin(json);
        json_name_int(json, "count", (int64_t)state.later);
        write_until(service, json, "until", state.later_ms);
        json_object_end(json);
        write_until(service, json, "blocked_until",
                    state.breaker_until_ms > service_now_ms(service) ? state.breaker_until_ms : 0);
        json_object_end(json);
        shown++;
    }
    json_array_end(json);
    json_object_end(json);
}
