/*
 * POST /v1/lists/{id}/rejudge: the kept evidence of a list, judged by the rules of this version and
 * by the lists in effect, without asking anybody (bulk/job_rejudge.h).
 *
 * A result is replaced only while it is the one that was read, so that a client that goes away, or
 * a kill, leaves whole judgements: the same again brings the rest.
 */
#include "base/instant.h"
#include "base/memory.h"
#include "bulk/job_rejudge.h"
#include "service/errand.h"
#include "service/internal.h"

struct rejudge {
    struct service_errand errand; /* first */
    uint64_t id;
    struct bulk_rejudge work;
};

static void rejudge_ended(struct service_errand *errand)
{
    struct rejudge *self = LIST_ELEMENT(errand, struct rejudge, errand);

    bulk_rejudge_done(&self->work);
    memory_free(self);
}

static int rejudge_step(struct service_errand *errand, struct error *error)
{
    struct rejudge *self = LIST_ELEMENT(errand, struct rejudge, errand);
    struct service *service = errand->call->service;

    /* Somebody may have started it, or changed the lists, between two steps. */
    if (service_desk_find(&service->desk, self->id) != NULL)
        return error_set(error, ERROR_BUSY, "the list is being worked on");
    self->work.lists = service->prober->lists;
    service_stats_forget(service, self->id);
    return bulk_rejudge_step(&self->work, error);
}

static void write_moves(struct json *json, const struct bulk_rejudge_counts *counts)
{
    json_name(json, "moves");
    json_array_begin(json);
    for (unsigned from = 0; from < VERDICT_REASON_COUNT; from++)
        for (unsigned to = 0; to < VERDICT_REASON_COUNT; to++) {
            if (counts->moves[from][to] == 0)
                continue;
            json_object_begin(json);
            json_name_cstring(json, "from", verdict_reason_name((enum verdict_reason)from));
            json_name_cstring(json, "to", verdict_reason_name((enum verdict_reason)to));
            json_name_int(json, "rows", (int64_t)counts->moves[from][to]);
            json_object_end(json);
        }
    json_array_end(json);
}

static void rejudge_done(struct service_errand *errand)
{
    struct rejudge *self = LIST_ELEMENT(errand, struct rejudge, errand);
    const struct bulk_rejudge_counts *counts = &self->work.counts;
    struct service_call *call = errand->call;
    struct buffer body;
    struct json json;

    if (counts->replaced > 0)
        service_audit(call, "list_judged_again", "list %ju", (uintmax_t)self->id);
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_bool(&json, "dry_run", self->work.is_dry_run);
    json_name_int(&json, "judged", (int64_t)counts->judged);
    json_name_int(&json, "changed", (int64_t)counts->changed);
    json_name_int(&json, "replaced", (int64_t)counts->replaced);
    json_name_int(&json, "without_evidence", (int64_t)counts->without_evidence);
    write_moves(&json, counts);
    json_object_end(&json);
    service_answer(call, 200, &body);
}

/* False: a problem was said. */
static bool read_body(struct service_call *call, bool *ret_is_dry_run)
{
    cJSON *object;
    bool is_read;

    if (http_request_body(call->request).len == 0)
        return true;
    object = service_body(call, "dry_run");
    is_read = object != NULL && service_get_bool(call, object, "dry_run", ret_is_dry_run);
    cJSON_Delete(object);
    return is_read;
}

void service_list_rejudge(struct service_call *call)
{
    struct service *service = call->service;
    struct rejudge *self;
    uint64_t id = service_list_id(call);
    bool is_dry_run = false;

    if (!service_list_is_at_rest(call, id) || !read_body(call, &is_dry_run))
        return;
    self = memory_zalloc(1, sizeof(*self));
    if (self == NULL) {
        service_no_memory(call);
        return;
    }
    self->id = id;
    bulk_rejudge_init(&self->work, service->store, id, service->prober->lists);
    self->work.is_dry_run = is_dry_run;
    self->work.bounce_days = (uint32_t)(service->config->bounce_ms / DAY_MS);
    self->errand.step = rejudge_step;
    self->errand.done = rejudge_done;
    self->errand.ended = rejudge_ended;
    service_errand_run(&self->errand, call);
}
