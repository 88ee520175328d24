/* Lists that are done long enough are removed: their own retention_days, else the service's. */
#include "base/instant.h"
#include "service/audit.h"
#include "service/internal.h"

#define PERIOD_MS HOUR_MS

static bool is_over(const struct store_job *job)
{
    return job->state == STORE_JOB_FINISHED || job->state == STORE_JOB_CANCELLED ||
           job->state == STORE_JOB_FAILED;
}

static uint64_t days_of(const struct service *service, const struct store_job *job)
{
    struct service_list_options options;
    struct error error = {0};
    struct arena arena;
    uint64_t days = service->options.retention_days;

    arena_init(&arena);
    service_list_options_init(&options, &service->prober->settings);
    if (service_list_options_parse(&options, job->options, &arena, &error) == 0 &&
        options.retention_days > 0)
        days = options.retention_days;
    arena_done(&arena);
    return days;
}

static void look_at(struct service *service, const struct store_job *job)
{
    int64_t since = job->finished_unix_ms != 0 ? job->finished_unix_ms : job->created_unix_ms;
    uint64_t days;
    struct error error = {0};
    char subject[40];

    if (!is_over(job) || service_desk_find(&service->desk, job->id) != NULL)
        return;
    days = days_of(service, job);
    if (days == 0 || service_unix_ms(service) - since < (int64_t)(days * DAY_MS))
        return;
    snprintf(subject, sizeof(subject), "list %ju", (uintmax_t)job->id);
    if (service_desk_remove(&service->desk, job->id, &error) == 0)
        (void)service_audit_note(service->store, service_unix_ms(service), "list_expired", 0,
                                 subject, &error);
}

void service_retention(struct service *service)
{
    struct store_job job = {0};
    struct error error = {0};
    struct arena arena;

    if (service_now_ms(service) < service->retention_ms)
        return;
    service->retention_ms = service_now_ms(service) + PERIOD_MS;
    arena_init(&arena);
    while (store_job_next(service->store, job.id, &arena, &job, &error) == 1)
        look_at(service, &job);
    arena_done(&arena);
}
