/*
 * What is told to webhooks: lists that are over, answers that nobody could wait for.
 *
 * That a list is yet to be announced stands in the store from its beginning until its webhooks'
 * deliveries stand there too: a crash in between makes an announcement come twice, never not at
 * all, and with the same id. Where a list is over before its own webhook is there, which a crash of
 * its maker can lead to, that one is owed it for a day longer.
 */
#include <stdio.h>

#include "base/instant.h"
#include "service/internal.h"
#include "service/list_view.h"

#define KIND        "announce"
#define OWN_MS      SERVICE_TOKEN_KEPT_MS /* as long as a request can be sent again */
#define TOO_OLD_MS  ((int64_t)(30 * DAY_MS))
#define ONLY_TO_OWN "own "

static void note_id(uint64_t id, char out[24])
{
    snprintf(out, 24, "%020ju", (uintmax_t)id);
}

static void complain(struct service *service, uint64_t id, const struct error *error)
{
    if (!service_log_begin(&service->log, SERVICE_LOG_ERROR, "announce", service_unix_ms(service)))
        return;
    service_log_number(&service->log, "list", (int64_t)id);
    service_log_text(&service->log, "error", slice_from_string(error->message));
    service_log_end(&service->log);
}

/* The note's body is the event's id, or "own ID", where all others were told. */
int service_announce_later(struct service *service, uint64_t id, struct error *error)
{
    char text[24], event[SERVICE_EVENT_ID_SIZE];

    note_id(id, text);
    service_event_id(event);
    return store_note_put(service->store, KIND, text, slice_from_string(event), 0, error);
}

static int forget(struct service *service, uint64_t id, struct error *error)
{
    char text[24];

    note_id(id, text);
    return store_note_remove(service->store, KIND, text, error);
}

void service_announce_never(struct service *service, uint64_t id)
{
    struct error error = {0};
    int code = forget(service, id, &error);

    if (code == 0)
        code = service_courier_remove_of(&service->courier, 0, id, &error);
    if (code != 0)
        complain(service, id, &error);
}

/* False: it is not over. */
static bool event_of(enum store_job_state state, enum service_event *ret_event)
{
    switch (state) {
    case STORE_JOB_FINISHED:
        *ret_event = SERVICE_EVENT_LIST_FINISHED;
        return true;
    case STORE_JOB_CANCELLED:
        *ret_event = SERVICE_EVENT_LIST_CANCELLED;
        return true;
    case STORE_JOB_FAILED:
        *ret_event = SERVICE_EVENT_LIST_FAILED;
        return true;
    default:
        return false;
    }
}

/* Whose list it is; 0: nobody's. */
static uint64_t key_of(const struct store_job *job)
{
    cJSON *object = cJSON_ParseWithLength(job->sources.ptr, job->sources.len);
    const cJSON *key = cJSON_GetObjectItemCaseSensitive(object, "key");
    uint64_t id = 0;

    if (cJSON_IsString(key))
        (void)slice_to_u64(slice_from_string(key->valuestring), UINT64_MAX, &id);
    cJSON_Delete(object);
    return id;
}

static int announce(struct service *service, const struct store_job *job, struct service_news news,
                    struct error *error)
{
    uint64_t key = key_of(job);
    struct buffer data;
    struct json json;
    int code;

    buffer_init(&data, 0);
    json_init(&json, &data);
    code = service_list_view_write(&service->desk, job->id, &json, error);
    if (code == 0 && data.failed)
        code = error_set(error, ERROR_NOMEM, "out of memory");
    news.list = job->id;
    news.keys = &key;
    news.key_count = 1;
    news.data = buffer_slice(&data);
    if (code == 0)
        code = service_courier_announce(&service->courier, &news, error);
    buffer_done(&data);
    return code;
}

/* Was it to have a webhook of its own, and has none? 1, 0; the errors of its options. */
static int lacks_own(struct service *service, const struct store_job *job, struct arena *arena,
                     struct error *error)
{
    struct service_list_options options;
    int code;

    if (service_webhook_of_list(&service->courier.webhooks, job->id) != NULL)
        return 0;
    service_list_options_init(&options, &service->prober->settings);
    code = service_list_options_parse(&options, job->options, arena, error);
    return code == 0 ? options.webhook != NULL : code;
}

/* The list is over: tell it, as far as there is somebody to be told. */
static int tell(struct service *service, const struct store_job *job, enum service_event event,
                struct slice body, struct arena *arena, struct error *error)
{
    bool only_to_own = slice_starts_with(body, SLICE(ONLY_TO_OWN));
    int lacks = lacks_own(service, job, arena, error), code = 0;
    char id[SERVICE_EVENT_ID_SIZE], text[24], kept[sizeof(ONLY_TO_OWN) + sizeof(id)];

    if (lacks < 0 || (lacks && only_to_own))
        return lacks < 0 ? lacks : 0;
    if (only_to_own)
        body = slice_from_offset(body, strlen(ONLY_TO_OWN));
    if (!slice_starts_with(body, SLICE("evt_")) || !slice_to_string(body, id, sizeof(id)))
        service_event_id(id); /* an earlier version's note */
    code = announce(service, job,
                    (struct service_news){.event = event, .id = id, .only_to_own = only_to_own},
                    error);
    if (code != 0 || !lacks)
        return code == 0 ? forget(service, job->id, error) : code;
    note_id(job->id, text);
    snprintf(kept, sizeof(kept), ONLY_TO_OWN "%s", id);
    return store_note_put(service->store, KIND, text, slice_from_string(kept),
                          service_unix_ms(service) + OWN_MS, error);
}

static bool is_too_old(const struct service *service, const struct store_job *job)
{
    return job->finished_unix_ms != 0 &&
           job->finished_unix_ms + TOO_OLD_MS < service_unix_ms(service);
}

/* ERROR_NOT_FOUND: it was removed meanwhile, or is not to be announced. */
static int look_at(struct service *service, uint64_t id, struct error *error)
{
    enum service_event event;
    struct store_job job;
    struct slice body;
    struct arena arena;
    char text[24];
    int code;

    arena_init(&arena);
    note_id(id, text);
    code = store_note_get(service->store, KIND, text, &arena, &body, error);
    if (code == 0)
        code = store_job_get(service->store, id, &arena, &job, error);
    if (code == 0 && event_of(job.state, &event))
        code = is_too_old(service, &job) ? forget(service, id, error)
                                         : tell(service, &job, event, body, &arena, error);
    arena_done(&arena);
    return code;
}

void service_announce_list(struct service *service, uint64_t id)
{
    struct error error = {0};
    int code = look_at(service, id, &error);

    if (code != 0 && code != ERROR_NOT_FOUND)
        complain(service, id, &error);
}

int service_announce_owed(struct service *service, struct error *error)
{
    struct slice text = SLICE_EMPTY, body;
    struct arena arena;
    uint64_t id;
    int code;

    arena_init(&arena);
    while ((code = store_note_next(service->store, KIND, text, &arena, &text, &body, error)) == 1) {
        if (!slice_to_u64(text, UINT64_MAX, &id) || service_desk_find(&service->desk, id) != NULL)
            continue; /* something is being done with it */
        code = look_at(service, id, error);
        if (code == ERROR_NOT_FOUND)
            code = forget(service, id, error);
        if (code != 0)
            break;
    }
    arena_done(&arena);
    return code;
}

void service_announce_verified(void *user, const uint64_t *askers, size_t count,
                               const struct service_verified *verified)
{
    struct service *service = user;
    struct error error = {0};
    const struct service_news news = {.event = SERVICE_EVENT_VERIFY_FINISHED,
                                      .keys = askers,
                                      .key_count = count,
                                      .data = verified->json};

    if (service_courier_is_wanted(&service->courier, SERVICE_EVENT_VERIFY_FINISHED))
        (void)service_courier_announce(&service->courier, &news, &error);
}
