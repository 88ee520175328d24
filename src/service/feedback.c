/* POST /v1/feedback: what became of messages, in our words or a mail service's own. */
#include "base/memory.h"
#include "feedback/event.h"
#include "feedback/keeper.h"
#include "service/internal.h"

#define FAULTS_TOLD 100

/* One request's events on their way into the store. */
struct taking {
    struct service_call *call;
    struct feedback_keeper *keeper;
    struct json faults;
    uint64_t events, fault_count; /* events: all that were met, faulty ones too */
    int code;
    struct error error;
};

static void tell_fault(struct taking *taking, const char *why)
{
    if (taking->fault_count++ >= FAULTS_TOLD)
        return;
    json_object_begin(&taking->faults);
    json_name_int(&taking->faults, "event", (int64_t)taking->events);
    json_name_cstring(&taking->faults, "detail", why);
    json_object_end(&taking->faults);
}

static void heard(void *user, const struct feedback_event *event)
{
    struct taking *taking = user;
    int code;

    taking->events++;
    if (taking->code != 0)
        return;
    code = feedback_keep(taking->keeper, event, &taking->error);
    if (code == ERROR_RANGE)
        tell_fault(taking, "the address is none");
    else if (code != 0)
        taking->code = code;
    else /* what was answered a moment ago may be wrong now */
        service_verifier_erase(&taking->call->service->verifier, event->address);
}

static void fault(void *user, const char *why)
{
    struct taking *taking = user;

    taking->events++;
    tell_fault(taking, why);
}

static void answer(struct taking *taking, const struct buffer *faults)
{
    struct buffer body;
    struct json json;

    buffer_init(&body, 0);
    json_init(&json, &body);
    json_object_begin(&json);
    for (int i = 0; i < FEEDBACK_OUTCOME_COUNT; i++)
        json_name_int(&json, feedback_outcome_name((enum feedback_outcome)i),
                      (int64_t)taking->keeper->counts[i]);
    json_name_int(&json, "faulty", (int64_t)taking->fault_count);
    json_name(&json, "faults");
    json_raw(&json, buffer_slice(faults));
    json_object_end(&json);
    body.failed |= faults->failed;
    service_answer(taking->call, 200, &body);
}

void service_feedback(struct service_call *call)
{
    struct service *service = call->service;
    struct feedback_keeper *keeper = memory_alloc(sizeof(*keeper));
    struct taking taking = {.call = call, .keeper = keeper};
    const struct feedback_listener listener = {heard, fault, &taking};
    struct buffer faults;

    if (keeper == NULL) {
        service_no_memory(call);
        return;
    }
    feedback_keeper_init(keeper, service->store, service_unix_ms(service));
    buffer_init(&faults, 0);
    json_init(&taking.faults, &faults);
    json_array_begin(&taking.faults);
    if (feedback_events_read(http_request_body(call->request), &listener) != 0) {
        service_problem(call, 400, "bad_json", "the body must be JSON: one event or an array");
        goto done;
    }
    json_array_end(&taking.faults);
    if (taking.code == 0)
        taking.code = feedback_keep_all(keeper, &taking.error);
    if (taking.code != 0)
        service_problem_of(call, &taking.error);
    else
        answer(&taking, &faults);
done:
    buffer_done(&faults);
    feedback_keeper_done(keeper);
    memory_free(keeper);
}
