/* What people want done with lists. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/instant.h"
#include "service/desk_internal.h"
#include "service/internal.h"
#include "store/fleet.h"

#define STOP_GRACE (5 * SECOND_MS)
#define TOKEN_KIND "list-token" /* of notes */

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

/* As many as there may be, about, for a store that gives a large list a place of its own. */
static uint64_t rows_expected(const char *path, const char *ending)
{
    const uint64_t row_bytes = 32, packed = 6;
    struct stat info;
    size_t len = strlen(ending);
    bool is_packed = len >= 3 && (strcmp(ending + len - 3, ".gz") == 0 || strstr(ending, ".xlsx"));

    if (stat(path, &info) != 0 || info.st_size < 0)
        return 0;
    return (uint64_t)info.st_size * (is_packed ? packed : 1) / row_bytes;
}

/*
 * Lists by their tokens: a note for each, as long as somebody may ask. It says "" until the list is
 * in the store, so that who was killed in between is known to have been.
 */
static int keep_token(struct service_desk *desk, const char *token, uint64_t id,
                      struct error *error)
{
    char body[24] = "";

    if (token == NULL)
        return 0;
    if (id != 0)
        snprintf(body, sizeof(body), "%ju", (uintmax_t)id);
    return store_note_put(desk->service->store, TOKEN_KIND, token, slice_from_string(body),
                          service_unix_ms(desk->service) + SERVICE_TOKEN_KEPT_MS, error);
}

static int add_job(struct service_desk *desk, const struct service_list_source *source,
                   const char *file, uint64_t expected, const struct service_list_options *options,
                   uint64_t *ret_id, struct error *error)
{
    struct buffer sources, kept_options;
    struct json json;
    struct store_job job = {
        .state = STORE_JOB_LOADING,
        .name = slice_from_string(source->name),
        .fingerprint = slice_from_string(source->fingerprint),
        .note = SLICE_EMPTY,
        .created_unix_ms = service_unix_ms(desk->service),
        .expected = expected,
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
        code = keep_token(desk, source->token, 0, error);
    if (code == 0)
        code = store_job_add(desk->service->store, &job, ret_id, error);
    if (code == 0) {
        code = keep_token(desk, source->token, *ret_id, error);
        if (code == 0)
            code = service_announce_later(desk->service, *ret_id, error);
        if (code != 0) /* it has no rows yet, and its file is taken away */
            (void)store_job_remove(desk->service->store, *ret_id, 1, NULL);
    }
    buffer_done(&sources);
    buffer_done(&kept_options);
    return code;
}

/* The file that is being taken in gets its name when the store has the list: killed in between, it
   does not stay without one (service_desk_sweep). */
static int keep_file(struct service_desk *desk, uint64_t list, const char *taken, const char *path,
                     struct error *error)
{
    if (rename(taken, path) == 0)
        return 0;
    error_set(error, ERROR_IO, "the upload can't be kept: %s", strerror(errno));
    (void)store_job_remove(desk->service->store, list, 1, NULL); /* it has no rows yet */
    return ERROR_IO;
}

/* Take the file in, and the list into the store. Is it a list at all? Asked before anything is
   made of it. */
static int take_in(struct service_desk *desk, const struct service_list_source *source,
                   const struct service_list_options *options, uint64_t *ret_id,
                   struct error *error)
{
    struct bulk_reader *reader = NULL;
    const char *file, *path = NULL, *taken = NULL;
    struct arena arena;
    char token[SERVICE_TOKEN_SIZE];
    int code;

    arena_init(&arena);
    service_random_text(token, sizeof(token) - 1);
    /* Files bear the tokens of their lists. */
    file =
        arena_printf(&arena, "%s%s", source->token != NULL ? source->token : token, source->ending);
    if (file != NULL)
        path = arena_printf(&arena, "%s/%s", desk->folder, file);
    if (path != NULL)
        taken = arena_printf(&arena, "%s/" SERVICE_DESK_TAKEN "%s", desk->folder, file);
    code = taken != NULL ? 0 : error_set(error, ERROR_NOMEM, "out of memory");
    if (code == 0 && rename(source->upload, taken) != 0)
        code = error_set(error, ERROR_IO, "the upload can't be kept: %s", strerror(errno));
    if (code == 0)
        code = service_list_open_reader(taken, options, &reader, error);
    bulk_reader_close(reader);
    if (code == 0)
        code = add_job(desk, source, file, rows_expected(taken, source->ending), options, ret_id,
                       error);
    if (code == 0)
        code = keep_file(desk, *ret_id, taken, path, error);
    if (code != 0 && taken != NULL)
        (void)unlink(taken);
    arena_done(&arena);
    return code;
}

int service_desk_seek_token(struct service_desk *desk, const char *token, uint64_t *ret_id,
                            struct error *error)
{
    struct store_job job = {0};
    struct arena arena;
    char text[64];
    int code;

    snprintf(text, sizeof(text), "{\"file\":\"%s", token); /* see write_sources */
    arena_init(&arena);
    while ((code = store_job_next(desk->service->store, job.id, &arena, &job, error)) == 1 &&
           !slice_starts_with(job.sources, slice_from_string(text)))
        arena_reset(&arena); /* one list's texts at a time, however many there are */
    *ret_id = job.id;
    arena_done(&arena);
    return code == 1   ? 0
           : code == 0 ? error_set(error, ERROR_NOT_FOUND, "no list was made so")
                       : code;
}

int service_desk_find_token(struct service_desk *desk, const char *token, uint64_t *ret_id,
                            struct error *error)
{
    struct store_job job;
    struct slice body;
    struct arena arena;
    uint64_t id = 0;
    int code;

    arena_init(&arena);
    code = store_note_get(desk->service->store, TOKEN_KIND, token, &arena, &body, error);
    if (code == 0 && !slice_to_u64(body, INT64_MAX, &id)) {
        code = service_desk_seek_token(desk, token, &id, error);
        if (code == 0)
            code = keep_token(desk, token, id, error);
    } else if (code == 0) {
        code = store_job_get(desk->service->store, id, &arena, &job, error);
    }
    if (code == 0)
        *ret_id = id;
    arena_done(&arena);
    return code == ERROR_NOT_FOUND ? error_set(error, code, "no list was made so") : code;
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

#define STARTED_FROM                                                                               \
    (SERVICE_DESK_IN(READY) | SERVICE_DESK_IN(PAUSED) | SERVICE_DESK_IN(CANCELLED) |               \
     SERVICE_DESK_IN(FAILED) | SERVICE_DESK_IN(RUNNING))

/* anew: whoever has it asked again does not want what was found out before. */
static int start(struct service_desk *desk, uint64_t id, bool anew, struct error *error)
{
    struct service_list *list = service_desk_find(desk, id);
    enum store_job_state found = STORE_JOB_FAILED;
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
        code = service_desk_wrong_state(job.state, "started", error);
    arena_done(&arena);
    if (code != 0)
        return code;
    list = service_list_new(desk, id, error);
    code = list != NULL ? service_list_read(list, error) : ERROR_NOMEM;
    if (code == 0 && reload)
        code = service_desk_look_for(list->path, error);
    if (code == 0 && reload) {
        list->options.start = true;
        code = service_list_begin_load(list, error);
        if (code == 0)
            code = service_desk_move(desk, id, SERVICE_DESK_IN(FAILED), STORE_JOB_LOADING, "",
                                     &found, error);
        if (code == 1)
            code = service_desk_wrong_state(found, "started", error);
    } else if (code == 0) {
        list->options.wish.is_fresh = anew;
        code = service_list_begin_job(list, STARTED_FROM, error);
        if (code == 1)
            code = ERROR_BUSY;
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
    const unsigned busy =
        SERVICE_DESK_IN(LOADING) | SERVICE_DESK_IN(RUNNING) | SERVICE_DESK_IN(REMOVING);
    enum store_job_state found;
    int code =
        service_desk_move(desk, id, SERVICE_DESK_ANY & ~busy, STORE_JOB_PAUSED, "", &found, error);

    if (code == 1)
        return service_desk_wrong_state(found, "asked again", error);
    return code == 0 ? start(desk, id, true, error) : code;
}

struct stop {
    struct service_desk *desk;
    enum store_job_state state, found;
    bool is_here;          /* the desk is at the list, which nobody else may stop */
    struct buffer options; /* of a list that is not to start */
};

/*
 * It is loaded whole all the same: it may be started later. Kept, since a restart loads it anew,
 * and since it may be another service that loads it.
 */
static bool stop_loading(struct stop *self, struct store_job *job)
{
    struct service_list_options options;
    struct error error = {0};
    struct arena arena;
    int code;

    arena_init(&arena);
    buffer_clear(&self->options);
    service_list_options_init(&options, &self->desk->service->prober->settings);
    code = service_list_options_parse(&options, job->options, &arena, &error);
    options.start = false;
    if (code == 0)
        code = write_options(&self->options, &options, &error);
    arena_done(&arena);
    if (code != 0)
        return false;
    job->options = buffer_slice(&self->options);
    if (self->state == STORE_JOB_CANCELLED)
        job->note = SLICE(SERVICE_LIST_CANCELLED);
    return true;
}

/* Workers ask a list that was handed to them, and may be done with it since anybody looked. */
static bool stop(void *user, struct store_job *job)
{
    struct stop *self = user;
    unsigned from = SERVICE_DESK_IN(READY);

    self->found = job->state;
    if (job->state == STORE_JOB_LOADING)
        return stop_loading(self, job);
    if (store_is_shared(self->desk->service->store))
        from |= SERVICE_DESK_IN(RUNNING);
    if (self->state == STORE_JOB_CANCELLED)
        from |= SERVICE_DESK_IN(PAUSED) | SERVICE_DESK_IN(CANCELLED) | SERVICE_DESK_IN(FAILED);
    if (self->is_here)
        from &= SERVICE_DESK_IN(RUNNING);
    if ((from & 1U << job->state) == 0)
        return false;
    job->state = self->state;
    job->note = SLICE_EMPTY;
    return true;
}

/* Nobody may be loading it, to hear of it: if its file is here, it is for us to. */
static void take_up(struct service_desk *desk, uint64_t id)
{
    struct error error = {0};
    struct store_job job;
    struct arena arena;

    arena_init(&arena);
    if (service_desk_get_job(desk, id, &arena, &job, &error) == 0 && job.state == STORE_JOB_LOADING)
        service_desk_go_on(desk, &job);
    arena_done(&arena);
}

static int stop_as(struct service_desk *desk, uint64_t id, enum store_job_state state,
                   const char *what, struct error *error)
{
    struct service_list *list = service_desk_find(desk, id);
    struct stop self = {.desk = desk, .state = state, .is_here = list != NULL};
    int code;

    if (list != NULL && list->job != NULL) {
        list->ends_as = state;
        bulk_job_stop(list->job, STOP_GRACE);
        return 0;
    }
    buffer_init(&self.options, 0);
    code = service_desk_edit_job(desk, id, stop, &self, error);
    buffer_done(&self.options);
    if (code != 0)
        return code == 1 ? service_desk_wrong_state(self.found, what, error) : code;
    if (self.found == STORE_JOB_LOADING && list != NULL) {
        list->options.start = false;
        if (state == STORE_JOB_CANCELLED)
            list->ends_as = state;
    }
    if (self.found == STORE_JOB_RUNNING)
        (void)store_fleet_tell(desk->service->store, error);
    if (list == NULL && self.found == STORE_JOB_LOADING) {
        take_up(desk, id);
    } else if (list == NULL) {
        service_desk_tell(desk, id, true);
        service_announce_list(desk->service, id);
    }
    return 0;
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
    code = service_desk_move(desk, id, SERVICE_DESK_ANY, STORE_JOB_REMOVING, "", NULL, error);
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

struct change {
    const char *name;
    const struct buffer *options; /* NULL: as they are */
    enum store_job_state found;
};

static bool change(void *user, struct store_job *job)
{
    struct change *self = user;

    self->found = job->state;
    if (self->options != NULL) {
        if (job->state != STORE_JOB_READY)
            return false;
        job->options = buffer_slice(self->options);
        job->state = STORE_JOB_LOADING;
    }
    if (self->name != NULL)
        job->name = slice_from_string(self->name);
    return true;
}

static int load_again(struct service_desk *desk, uint64_t id, struct error *error)
{
    struct service_list *list = service_list_new(desk, id, error);
    int code = list != NULL ? service_list_read(list, error) : ERROR_NOMEM;

    if (code == 0)
        code = service_list_begin_load(list, error);
    if (code != 0 && list != NULL) {
        (void)service_desk_move(desk, id, SERVICE_DESK_IN(LOADING), STORE_JOB_FAILED,
                                service_desk_public(desk, error->message), NULL, NULL);
        service_list_free(list);
    }
    return code;
}

int service_desk_change(struct service_desk *desk, uint64_t id, const char *name,
                        const struct service_list_options *options, struct error *error)
{
    struct buffer kept_options;
    struct change self = {.name = name};
    const char *path = NULL;
    struct store_job job;
    struct arena arena;
    int code;

    arena_init(&arena);
    buffer_init(&kept_options, 0);
    self.options = options != NULL ? &kept_options : NULL;
    code = service_desk_get_job(desk, id, &arena, &job, error);
    if (code == 0 && options != NULL && service_desk_find(desk, id) != NULL)
        code = service_desk_wrong_state(job.state, "changed", error);
    /* Of several services only one has it: no two of them load a list at once. */
    if (code == 0 && options != NULL)
        code = service_desk_path(desk, &job, &arena, &path, error);
    if (code == 0 && options != NULL)
        code = service_desk_look_for(path, error);
    if (code == 0 && options != NULL)
        code = write_options(&kept_options, options, error);
    if (code == 0)
        code = service_desk_edit_job(desk, id, change, &self, error);
    if (code == 1)
        code = service_desk_wrong_state(self.found, "changed", error);
    buffer_done(&kept_options);
    arena_done(&arena);
    return code == 0 && options != NULL ? load_again(desk, id, error) : code;
}
