/* /v1/lists/{id}/stats and .../report: what a list came to, in numbers and as a page. */
#include <string.h>

#include "base/memory.h"
#include "bulk/job_outcome.h"
#include "service/errand.h"
#include "service/internal.h"
#include "service/report.h"

#define PROVIDERS_MAX 30
#define DOMAINS_MAX   30

struct count {
    struct service_errand errand; /* first */
    uint64_t id;
    struct bulk_stats stats;
    struct store_page page;
    struct store_job job;
    struct store_counts counts; /* when counting began */
    uint64_t others_mark;       /* of the store then */
    uint64_t forgotten;         /* service->forgotten_stats then */
    struct arena arena;         /* of the job's texts */
    struct store *outcomes;     /* of own messages; NULL: not wanted, or none are known */
};

static void count_ended(struct service_errand *errand)
{
    struct count *self = LIST_ELEMENT(errand, struct count, errand);

    bulk_stats_done(&self->stats);
    store_page_done(&self->page);
    arena_done(&self->arena);
    memory_free(self);
}

static int count_step(struct service_errand *errand, struct error *error)
{
    struct count *self = LIST_ELEMENT(errand, struct count, errand);
    const struct store_query query = {
        .scope = STORE_SCOPE_ROWS,
        .after = self->page.after,
        .limit = errand->amount,
    };
    int code = store_page_read(errand->call->service->store, self->id, &query, &self->page, error);

    for (size_t i = 0; i < self->page.count && code == 0; i++)
        code = bulk_job_count(&self->page.lines[i], self->outcomes, &self->stats, error);
    if (code != 0)
        return code;
    return !self->page.at_end;
}

static void begin(struct service_call *call, struct store *outcomes,
                  void (*done)(struct service_errand *errand))
{
    struct count *self;
    struct error error = {0};
    uint64_t id = service_list_id(call);

    if (!service_list_exists(call, id))
        return;
    self = memory_zalloc(1, sizeof(*self));
    if (self == NULL) {
        service_no_memory(call);
        return;
    }
    self->id = id;
    self->outcomes = outcomes;
    self->forgotten = call->service->forgotten_stats;
    arena_init(&self->arena);
    store_page_init(&self->page);
    bulk_stats_init(&self->stats, call->service->prober->settings.seed);
    self->errand.step = count_step;
    self->errand.done = done;
    self->errand.ended = count_ended;
    if (store_job_get(call->service->store, id, &self->arena, &self->job, &error) != 0 ||
        store_counts(call->service->store, id, &self->counts, &error) != 0 ||
        store_others_mark(call->service->store, &self->others_mark, &error) != 0) {
        service_problem_of(call, &error);
        count_ended(&self->errand);
    } else {
        service_errand_run(&self->errand, call);
    }
}

/* --- numbers -------------------------------------------------------------------------------------
 */

static void write_statuses(struct json *json, const uint64_t counts[VERDICT_STATUS_COUNT])
{
    json_name(json, "counts");
    json_object_begin(json);
    for (unsigned i = 0; i < VERDICT_STATUS_COUNT; i++)
        json_name_int(json, verdict_status_name((enum verdict_status)i), (int64_t)counts[i]);
    json_object_end(json);
}

static void write_tally(struct json *json, const char *name, const char *what,
                        struct bulk_tally *tally,
                        uint64_t (*weigh)(const struct bulk_tally_entry *entry), size_t max)
{
    bulk_tally_sort(tally, weigh);
    json_name(json, name);
    json_array_begin(json);
    for (size_t i = 0; i < tally->count && i < max && weigh(tally->entries[i]) > 0; i++) {
        const struct bulk_tally_entry *entry = tally->entries[i];

        json_object_begin(json);
        json_name_string(json, what, entry->name);
        json_name_int(json, "rows", (int64_t)entry->total);
        json_name_int(json, "bad", (int64_t)bulk_tally_bad(entry));
        write_statuses(json, entry->by_status);
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_numbers(struct json *json, struct bulk_stats *stats)
{
    json_object_begin(json);
    json_name_int(json, "rows", (int64_t)stats->rows);
    json_name_int(json, "pending", (int64_t)stats->pending);
    write_statuses(json, stats->by_status);
    json_name(json, "flags");
    json_object_begin(json);
    for (unsigned i = 0; i < VERDICT_FLAG_COUNT; i++)
        json_name_int(json, verdict_flag_name((enum verdict_flag_index)i),
                      (int64_t)stats->by_flag[i]);
    json_object_end(json);
    json_name(json, "score_histogram");
    json_array_begin(json);
    for (unsigned i = 0; i < BULK_STATS_SCORE_BINS; i += 2)
        json_int(json, (int64_t)(stats->by_score[i] + stats->by_score[i + 1]));
    json_array_end(json);
    write_tally(json, "by_provider", "provider", &stats->providers, bulk_tally_total,
                PROVIDERS_MAX);
    write_tally(json, "domains", "domain", &stats->domains, bulk_tally_bad, DOMAINS_MAX);
    json_name(json, "bounce_before");
    json_double(json, bulk_stats_bounce_before(stats), 1);
    json_name(json, "bounce_after");
    json_double(json, bulk_stats_bounce_after(stats), 1);
    json_object_end(json);
}

static bool is_of(const struct service_stats *stats, uint64_t id, const struct store_job *job,
                  const struct store_counts *counts, uint64_t others_mark)
{
    return id != 0 && stats->id == id && stats->done == job->done &&
           stats->active_ms == job->active_ms && stats->finished_unix_ms == job->finished_unix_ms &&
           stats->others_mark == others_mark &&
           memcmp(&stats->counts, counts, sizeof(*counts)) == 0;
}

/* Kept in place of the oldest, where there is memory for it; unless rows may have changed while
   they were counted. */
static void keep(struct service *service, const struct count *counted, struct slice json)
{
    const struct store_job *job = &counted->job;
    struct service_stats *stats = &service->stats[service->next_stats];

    if (counted->forgotten != service->forgotten_stats)
        return;
    service->next_stats = (service->next_stats + 1) % SERVICE_STATS_KEPT;
    buffer_done(&stats->json);
    buffer_init(&stats->json, 0);
    *stats = (struct service_stats){
        .id = buffer_append_slice(&stats->json, json) ? counted->id : 0,
        .done = job->done,
        .active_ms = job->active_ms,
        .finished_unix_ms = job->finished_unix_ms,
        .counts = counted->counts,
        .others_mark = counted->others_mark,
        .json = stats->json,
    };
}

void service_stats_forget(struct service *service, uint64_t id)
{
    service->forgotten_stats++;
    for (unsigned i = 0; i < SERVICE_STATS_KEPT; i++)
        if (id == 0 || service->stats[i].id == id)
            service->stats[i].id = 0;
}

void service_stats_done(struct service *service)
{
    for (unsigned i = 0; i < SERVICE_STATS_KEPT; i++)
        buffer_done(&service->stats[i].json);
}

static void stats_done(struct service_errand *errand)
{
    struct count *self = LIST_ELEMENT(errand, struct count, errand);
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    write_numbers(&json, &self->stats);
    if (!body.failed)
        keep(errand->call->service, self, buffer_slice(&body));
    service_answer(errand->call, 200, &body);
}

/* True: it was counted before, and nothing came since. */
static bool answer_kept(struct service_call *call, uint64_t id)
{
    struct service *service = call->service;
    struct store_counts counts;
    struct error error = {0};
    struct store_job job;
    struct buffer body;
    struct arena arena;
    uint64_t others_mark;
    bool found = false;

    arena_init(&arena);
    if (id != 0 && store_job_get(service->store, id, &arena, &job, &error) == 0 &&
        store_counts(service->store, id, &counts, &error) == 0 &&
        store_others_mark(service->store, &others_mark, &error) == 0)
        for (unsigned i = 0; i < SERVICE_STATS_KEPT && !found; i++) {
            if (!is_of(&service->stats[i], id, &job, &counts, others_mark))
                continue;
            buffer_init(&body, 0);
            buffer_append_slice(&body, buffer_slice(&service->stats[i].json));
            service_answer(call, 200, &body);
            found = true;
        }
    arena_done(&arena);
    return found;
}

void service_stats_get(struct service_call *call)
{
    if (!answer_kept(call, service_list_id(call)))
        begin(call, NULL, stats_done);
}

/* --- the page
 * ------------------------------------------------------------------------------------- */

static void report_done(struct service_errand *errand)
{
    struct count *self = LIST_ELEMENT(errand, struct count, errand);
    struct bulk_report report;
    struct error error = {0};
    struct buffer page;
    int code = service_report_of(errand->call->service, &self->job, &self->arena, &report, &error);

    report.stats = &self->stats;
    buffer_init(&page, 0);
    if (code != 0 || !bulk_report_render(&report, &page)) {
        service_no_memory(errand->call);
    } else {
        /* Styles stand in the page itself; it runs nothing and loads nothing. */
        http_response_header(errand->call->request, "Content-Security-Policy",
                             "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
                             "frame-ancestors 'none'; sandbox");
        http_response_header(errand->call->request, "Cache-Control", "no-store");
        http_respond(errand->call->request, 200, "text/html; charset=utf-8", buffer_slice(&page));
    }
    buffer_done(&page);
}

void service_report_get(struct service_call *call)
{
    begin(call, bulk_job_outcomes(call->service->store), report_done);
}
