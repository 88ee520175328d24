/* What people want done with lists. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/instant.h"
#include "service/desk_internal.h"
#include "service/internal.h"
#include "store/fleet.h"

#define STOP_GRACE (5 * SECOND_MS)

static void write_sources(struct json *json, const struct service_list_source *source,
                          const char *file)
{
    char key[24];

    snprintf(key, sizeof(key), "%ju", (uintmax_t)source->key);
    json_object_begin(json);
    json_name_cstring(json, "file", file);
    json_name_cstring(json, "from", source->from);
    json_name_cstring(json, "key", source->key != 0 ? key : NULL);
    json_object_end(json);
}

static int write_options(struct buffer *out, const struct service_list_options *options,
                         struct error *error)
{
    struct json json;

    json_init(&json, out);
    service_list_options_write(&json, options);
    return out->failed ? error_set(error, ERROR_NOMEM, "out of memory") : 0;
}

static int add_job(struct service_desk *desk, const struct service_list_source *source,
                   const char *file, const struct service_list_options *options, uint64_t *ret_id,
                   struct error *error)
{
    struct buffer sources, kept_options;
    struct json json;
    struct store_job job = {
        .state = STORE_JOB_LOADING,
        .name = slice_from_string(source->name),
        .fingerprint = slice_from_string(source->fingerprint),
        .note = SLICE_EMPTY,
        .created_unix_ms = service_unix_ms(desk->service),
    };
    int code;

    buffer_init(&sources, 0);
    buffer_init(&kept_options, 0);
    json_init(&json, &sources);
    write_sources(&json, source, file);
    code = write_options(&kept_options, options, error);
    if (code == 0 && sources.failed)
        code = error_set(error, ERROR_NOMEM, "out of memory");
    job.sources = buffer_slice(&sources);
    job.options = buffer_slice(&kept_options);
    if (code == 0)
        code = store_job_add(desk->service->store, &job, ret_id, error);
    if (code == 0) {
        code = service_announce_later(desk->service, *ret_id, error);
        if (code != 0) /* it has no rows yet, and its file is taken away */
            (void)store_job_remove(desk->service->store, *ret_id, 1, NULL);
    }
    buffer_done(&sources);
    buffer_done(&kept_options);
    return code;
}

/* Take the file in, and the list into the store. Is it a list at all? Asked before anything is
   made of it. */
static int take_in(struct service_desk *desk, const struct service_list_source *source,
                   const struct service_list_options *options, uint64_t *ret_id,
                   struct error *error)
{
    struct bulk_reader *reader = NULL;
    const char *file, *path = NULL;
    struct arena arena;
    char token[17];
    int code;

    arena_init(&arena);
    service_random_text(token, 16);
    file = arena_printf(&arena, "%s%s", token, source->ending);
    if (file != NULL)
        path = arena_printf(&arena, "%s/%s", desk->folder, file);
    code = path != NULL ? 0 : error_set(error, ERROR_NOMEM, "out of memory");
    if (code == 0 && rename(source->upload, path) != 0)
        code = error_set(error, ERROR_IO, "the upload can't be kept: %s", strerror(errno));
    if (code == 0)
        code = service_list_open_reader(path, options, &reader, error);
    bulk_reader_close(reader);
    if (code == 0)
        code = add_job(desk, source, file, options, ret_id, error);
    if (code != 0 && path != NULL)
        (void)unlink(path);
    arena_done(&arena);
    return code;
}

int service_desk_add(struct service_desk *desk, const struct service_list_source *source,
                     const struct service_list_options *options, uint64_t *ret_id,
                     struct error *error)
{
    struct service_list *list;
    uint64_t id = 0;
    int code = take_in(desk, source, options, &id, error);

    if (code != 0)
        return code;
    *ret_id = id;
    list = service_list_new(desk, id, error);
    code = list != NULL ? service_list_read(list, error) : ERROR_NOMEM;
    if (code == 0)
        code = service_list_begin_load(list, error);
    if (code != 0 && list != NULL)
        service_list_free(list);
    return code;
}

static int wrong_state(const struct store_job *job, const char *what, struct error *error)
{
    return error_set(error, ERROR_BUSY, "the list is %s: it can't be %s now",
                     store_job_state_name(job->state), what);
}

/* anew: whoever has it asked again does not want what was found out before. */
static int start(struct service_desk *desk, uint64_t id, bool anew, struct error *error)
{
    struct service_list *list = service_desk_find(desk, id);
    bool reload = false;
    struct store_job job;
    struct arena arena;
    int code;

    arena_init(&arena);
    code = service_desk_get_job(desk, id, &arena, &job, error);
    /* It failed before it ever began: what rows there are may be a part of the list only. */
    reload = code == 0 && job.state == STORE_JOB_FAILED && job.started_unix_ms == 0;
    if (code == 0 &&
        (list != NULL || job.state == STORE_JOB_LOADING || job.state == STORE_JOB_FINISHED ||
         job.state == STORE_JOB_REMOVING || (job.rows == 0 && !reload)))
        code = wrong_state(&job, "started", error);
    arena_done(&arena);
    if (code != 0)
        return code;
    list = service_list_new(desk, id, error);
    code = list != NULL ? service_list_read(list, error) : ERROR_NOMEM;
    if (code == 0 && reload) {
        list->options.start = true;
        code = service_list_begin_load(list, error);
        if (code == 0)
            code = service_desk_set_state(desk, id, STORE_JOB_LOADING, "", error);
    } else if (code == 0) {
        list->options.wish.is_fresh = anew;
        code = service_list_begin_job(list, error);
    }
    if (code != 0 && list != NULL)
        service_list_free(list);
    else if (code == 0)
        service_desk_tell(desk, id, false);
    return code;
}

int service_desk_start(struct service_desk *desk, uint64_t id, struct error *error)
{
    return start(desk, id, false, error);
}

int service_desk_recheck(struct service_desk *desk, uint64_t id, struct error *error)
{
    int code = service_desk_set_state(desk, id, STORE_JOB_PAUSED, "", error);

    return code == 0 ? start(desk, id, true, error) : code;
}

/* Workers ask it, and may be done with it since the desk last looked. */
static int stop_handed(struct service_list *list, enum store_job_state state, const char *what,
                       struct error *error)
{
    struct service_desk *desk = list->desk;
    struct store_job job;
    struct arena arena;
    int code;

    arena_init(&arena);
    code = service_desk_get_job(desk, list->id, &arena, &job, error);
    if (code == 0 && job.state != STORE_JOB_RUNNING)
        code = wrong_state(&job, what, error);
    arena_done(&arena);
    if (code == 0)
        code = service_desk_set_state(desk, list->id, state, "", error);
    if (code == 0)
        (void)store_fleet_tell(desk->service->store, error);
    return code;
}

/* It is loaded whole all the same: it may be started later. Kept, since a restart loads it anew. */
static int stop_loading(struct service_list *list, enum store_job_state state, struct error *error)
{
    struct service_desk *desk = list->desk;
    struct service_list_options options = list->options;
    struct buffer kept_options;
    struct store_job job;
    struct arena arena;
    int code;

    options.start = false;
    arena_init(&arena);
    buffer_init(&kept_options, 0);
    code = write_options(&kept_options, &options, error);
    if (code == 0)
        code = service_desk_get_job(desk, list->id, &arena, &job, error);
    if (code == 0) {
        job.options = buffer_slice(&kept_options);
        if (state == STORE_JOB_CANCELLED)
            job.note = slice_from_string(SERVICE_LIST_CANCELLED);
        code = store_job_update(desk->service->store, &job, error);
    }
    if (code == 0) {
        list->options.start = false;
        if (state == STORE_JOB_CANCELLED)
            list->ends_as = state;
    }
    buffer_done(&kept_options);
    arena_done(&arena);
    return code;
}

static int stop_as(struct service_desk *desk, uint64_t id, enum store_job_state state,
                   const char *what, struct error *error)
{
    struct service_list *list = service_desk_find(desk, id);
    struct store_job job;
    struct arena arena;
    int code;

    if (list != NULL && list->job != NULL) {
        list->ends_as = state;
        bulk_job_stop(list->job, STOP_GRACE);
        return 0;
    }
    if (list != NULL && list->is_handed && !list->is_removing)
        return stop_handed(list, state, what, error);
    if (list != NULL && (list->load != NULL || list->load_failures > 0) && !list->is_removing)
        return stop_loading(list, state, error);
    arena_init(&arena);
    code = service_desk_get_job(desk, id, &arena, &job, error);
    if (code == 0 &&
        (list != NULL || job.state == STORE_JOB_FINISHED || job.state == STORE_JOB_REMOVING ||
         (state == STORE_JOB_PAUSED && job.state != STORE_JOB_READY)))
        code = wrong_state(&job, what, error);
    if (code == 0)
        code = service_desk_set_state(desk, id, state, "", error);
    arena_done(&arena);
    if (code == 0) {
        service_desk_tell(desk, id, true);
        service_announce_list(desk->service, id);
    }
    return code;
}

int service_desk_pause(struct service_desk *desk, uint64_t id, struct error *error)
{
    return stop_as(desk, id, STORE_JOB_PAUSED, "paused", error);
}

int service_desk_cancel(struct service_desk *desk, uint64_t id, struct error *error)
{
    return stop_as(desk, id, STORE_JOB_CANCELLED, "cancelled", error);
}

int service_desk_remove(struct service_desk *desk, uint64_t id, struct error *error)
{
    struct service_list *list = service_desk_find(desk, id);
    int code;

    if (list == NULL) {
        list = service_list_new(desk, id, error);
        if (list == NULL)
            return ERROR_NOMEM;
        code = service_list_read(list, error);
        if (code != 0 && code != ERROR_FORMAT) {
            service_list_free(list);
            return code;
        }
    }
    code = service_desk_set_state(desk, id, STORE_JOB_REMOVING, "", error);
    if (code != 0) {
        if (list->job == NULL && list->load == NULL && list->load_failures == 0 &&
            !list->is_removing)
            service_list_free(list);
        return code;
    }
    list->is_removing = true;
    bulk_load_close(list->load);
    list->load = NULL;
    service_list_leave(list);
    return 0;
}

int service_desk_change(struct service_desk *desk, uint64_t id, const char *name,
                        const struct service_list_options *options, struct error *error)
{
    struct service_list *list = NULL;
    struct store_job job;
    struct buffer kept_options;
    struct arena arena;
    int code;

    arena_init(&arena);
    buffer_init(&kept_options, 0);
    code = service_desk_get_job(desk, id, &arena, &job, error);
    if (code == 0 && options != NULL &&
        (service_desk_find(desk, id) != NULL || job.state != STORE_JOB_READY))
        code = wrong_state(&job, "changed", error);
    if (code == 0 && options != NULL) {
        code = write_options(&kept_options, options, error);
        job.options = buffer_slice(&kept_options);
        job.state = STORE_JOB_LOADING;
    }
    if (code == 0 && name != NULL)
        job.name = slice_from_string(name);
    if (code == 0)
        code = store_job_update(desk->service->store, &job, error);
    if (code == 0 && options != NULL) {
        list = service_list_new(desk, id, error);
        code = list != NULL ? service_list_read(list, error) : ERROR_NOMEM;
        if (code == 0)
            code = service_list_begin_load(list, error);
        if (code != 0 && list != NULL) {
            (void)service_desk_set_state(desk, id, STORE_JOB_FAILED,
                                         service_desk_public(desk, error->message), NULL);
            service_list_free(list);
        }
    }
    buffer_done(&kept_options);
    arena_done(&arena);
    return code;
}
