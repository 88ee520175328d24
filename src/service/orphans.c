#include "service/orphans.h"

#include "service/desk_internal.h"
#include "service/internal.h"

#define LOOKED_AT_ONCE 100

static struct service_orphan *find(struct service_orphans *orphans, uint64_t list)
{
    for (size_t i = 0; i < SERVICE_ORPHANS_MAX; i++)
        if (orphans->seen[i].list == list)
            return &orphans->seen[i];
    return NULL;
}

bool service_orphans_look(struct service_orphans *orphans, const struct store_job *job,
                          uint64_t now_ms)
{
    struct service_orphan *seen = find(orphans, job->id);

    if (job->state != STORE_JOB_LOADING) {
        if (seen != NULL)
            seen->list = 0;
        return false;
    }
    if (seen != NULL && seen->rows == job->rows && seen->duplicates == job->duplicates)
        return now_ms >= seen->since_ms + SERVICE_ORPHAN_MS;
    if (seen == NULL)
        seen = find(orphans, 0);
    if (seen != NULL)
        *seen = (struct service_orphan){job->id, job->rows, job->duplicates, now_ms};
    return false;
}

static void give_up(struct service_desk *desk, uint64_t id)
{
    struct error error = {0};

    if (service_desk_move(desk, id, SERVICE_DESK_IN(LOADING), STORE_JOB_FAILED,
                          "the service that was loading it is gone, and its file with it: upload "
                          "it again, or start that service and then the list",
                          NULL, &error) != 0)
        return; /* looked at again */
    service_desk_tell(desk, id, true);
    service_announce_list(desk->service, id);
}

/* Of those that went in between nobody says that they are not loading any more. */
static void forget_gone(struct service_orphans *orphans, uint64_t above, uint64_t below)
{
    for (size_t i = 0; i < SERVICE_ORPHANS_MAX; i++)
        if (orphans->seen[i].list > above && orphans->seen[i].list < below)
            orphans->seen[i].list = 0;
}

void service_orphans_tend(struct service_orphans *orphans, struct service_desk *desk)
{
    struct store *store = desk->service->store;
    struct store_job job = {0};
    struct error error = {0};
    struct arena arena;

    if (!store_is_shared(store))
        return;
    arena_init(&arena);
    for (unsigned i = 0; i < LOOKED_AT_ONCE; i++) {
        int code = store_job_next(store, orphans->looked_at, &arena, &job, &error);

        if (code < 0)
            break;
        forget_gone(orphans, orphans->looked_at, code == 1 ? job.id : UINT64_MAX);
        orphans->looked_at = code == 1 ? job.id : 0;
        if (code == 0)
            break;
        if (service_desk_find(desk, job.id) != NULL)
            continue;
        if (job.state == STORE_JOB_LOADING)
            service_desk_go_on(desk, &job);
        if (service_desk_find(desk, job.id) == NULL &&
            service_orphans_look(orphans, &job, service_now_ms(desk->service)))
            give_up(desk, job.id);
        arena_reset(&arena);
    }
    arena_done(&arena);
}
