/* POST /v1/erase: one address out of everything that is kept. */
#include "base/memory.h"
#include "service/erasure.h"
#include "service/errand.h"
#include "service/internal.h"

struct erase {
    struct service_errand errand; /* first */
    struct service_erasure erasure;
};

static void erase_ended(struct service_errand *errand)
{
    struct erase *self = LIST_ELEMENT(errand, struct erase, errand);

    service_erasure_close(&self->erasure);
    memory_free(self);
}

static int erase_step(struct service_errand *errand, struct error *error)
{
    return service_erasure_step(&LIST_ELEMENT(errand, struct erase, errand)->erasure, error);
}

static void erase_done(struct service_errand *errand)
{
    struct erase *self = LIST_ELEMENT(errand, struct erase, errand);
    struct service_call *call = errand->call;
    char hash[SERVICE_KEY_HASH_SIZE];
    struct buffer body;
    struct json json;

    /* Figures may name the domain that is gone. */
    service_stats_forget(call->service, 0);
    service_hash(self->erasure.key, hash);
    service_audit(call, "erased", "address %.12s", hash);
    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    json_name_int(&json, "rows", (int64_t)self->erasure.rows);
    json_name_int(&json, "records", self->erasure.records);
    json_object_end(&json);
    /* The lists are whole objects already. */
    body.len--;
    buffer_printf(&body, ",\"lists\":[%.*s]}", SLICE_ARG(buffer_slice(&self->erasure.lists)));
    if (self->erasure.lists.failed)
        body.failed = true;
    service_answer(call, 200, &body);
}

void service_erase(struct service_call *call)
{
    struct service *service = call->service;
    const char *address = "";
    struct error error = {0};
    struct erase *self;
    cJSON *object = service_body(call, "address");

    if (object == NULL)
        return;
    if (!service_get_text(call, object, "address", &address))
        goto done;
    self = memory_zalloc(1, sizeof(*self));
    if (self == NULL) {
        service_no_memory(call);
        goto done;
    }
    self->errand.step = erase_step;
    self->errand.done = erase_done;
    self->errand.ended = erase_ended;
    if (service_erasure_open(&self->erasure, service->store, service->prober->history,
                             slice_from_string(address), &error) != 0) {
        service_problem_of(call, &error);
        erase_ended(&self->errand);
        goto done;
    }
    service_verifier_erase(&service->verifier, slice_from_string(address));
    service_errand_run(&self->errand, call);
done:
    cJSON_Delete(object);
}
