#include "service/desk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "service/internal.h"

#define REMOVED_ROWS 2000 /* in a step */
#define STOP_GRACE   (5 * SECOND_MS)

static void step(struct io_timer *timer);

/* --- who hears of it ------------------------------------------------------------------------- */

void service_desk_listen(struct service_desk *desk, struct service_listener *listener)
{
    list_append(&desk->listeners, &listener->node);
}

void service_desk_unlisten(struct service_listener *listener)
{
    list_remove(&listener->node);
}

static void tell(struct service_desk *desk, uint64_t id, bool is_over)
{
    struct list_node *node = list_first(&desk->listeners), *next;

    for (; node != NULL; node = next) {
        struct service_listener *listener = LIST_ELEMENT(node, struct service_listener, node);

        next = list_after(&desk->listeners, node);
        if (listener->list == id)
            listener->changed(listener, is_over);
    }
}

/* --- lists that something is being done with ------------------------------------------------- */

struct service_list *service_desk_find(struct service_desk *desk, uint64_t id)
{
    for (struct list_node *node = list_first(&desk->lists); node != NULL;
         node = list_after(&desk->lists, node)) {
        struct service_list *list = LIST_ELEMENT(node, struct service_list, node);

        if (list->id == id)
            return list;
    }
    return NULL;
}

static void close_parts(struct service_list *list)
{
    bulk_load_close(list->load);
    bulk_reader_close(list->reader);
    bulk_job_free(list->job);
    list->load = NULL;
    list->reader = NULL;
    list->job = NULL;
}

static void list_free(struct service_list *list)
{
    io_timer_stop(&list->timer);
    close_parts(list);
    list_remove(&list->node);
    arena_done(&list->arena);
    memory_free(list);
}

static struct service_list *list_new(struct service_desk *desk, uint64_t id, struct error *error)
{
    struct service_list *list = memory_zalloc(1, sizeof(*list));

    if (list == NULL) {
        error_set(error, ERROR_NOMEM, "out of memory");
        return NULL;
    }
    list->desk = desk;
    list->id = id;
    list->ends_as = STORE_JOB_PAUSED;
    arena_init(&list->arena);
    io_timer_init(desk->service->prober->loop, &list->timer, step, list);
    list_append(&desk->lists, &list->node);
    return list;
}

/* Running jobs share what may be in flight. */
static void share(struct service_desk *desk)
{
    size_t running = 0, window;

    for (struct list_node *node = list_first(&desk->lists); node != NULL;
         node = list_after(&desk->lists, node))
        running += LIST_ELEMENT(node, struct service_list, node)->job != NULL;
    if (running == 0)
        return;
    /* Some are left for single checks. */
    window = desk->service->prober->settings.cases_max * 9 / 10 / running;
    for (struct list_node *node = list_first(&desk->lists); node != NULL;
         node = list_after(&desk->lists, node)) {
        struct service_list *list = LIST_ELEMENT(node, struct service_list, node);

        if (list->job != NULL)
            bulk_job_set_window(list->job, window > 0 ? window : 1);
    }
}

/* Nothing is done with it any more: in the next turn it leaves the desk. */
static void leave(struct service_list *list)
{
    (void)io_timer_start(&list->timer, io_now_ms(list->desk->service->prober->loop));
}

static int get_job(struct service_desk *desk, uint64_t id, struct arena *arena,
                   struct store_job *ret_job, struct error *error)
{
    return id == 0 ? error_set(error, ERROR_NOT_FOUND, "there is no such list")
                   : store_job_get(desk->service->store, id, arena, ret_job, error);
}

static int set_state(struct service_desk *desk, uint64_t id, enum store_job_state state,
                     const char *note, struct error *error)
{
    struct arena arena;
    struct store_job job;
    int code;

    arena_init(&arena);
    code = get_job(desk, id, &arena, &job, error);
    if (code == 0) {
        job.state = state;
        job.note = slice_from_string(note);
        code = store_job_update(desk->service->store, &job, error);
    }
    arena_done(&arena);
    return code;
}

static void log_trouble(struct service_desk *desk, uint64_t id, const char *message)
{
    struct service *service = desk->service;

    if (!service_log_begin(&service->log, SERVICE_LOG_ERROR, "list", service_unix_ms(service)))
        return;
    service_log_number(&service->log, "list", (int64_t)id);
    service_log_text(&service->log, "error", slice_from_string(message));
    service_log_end(&service->log);
}

static void fail(struct service_list *list, const struct error *error)
{
    struct error second = {0};

    log_trouble(list->desk, list->id, error->message);
    (void)set_state(list->desk, list->id, STORE_JOB_FAILED, error->message, &second);
    close_parts(list);
    tell(list->desk, list->id, true);
    leave(list);
}

/* --- files ------------------------------------------------------------------------------------ */

/* sources: {"file":"12.csv","from":"web","key":"3"} */
int service_desk_path(struct service_desk *desk, const struct store_job *job, struct arena *arena,
                      const char **ret_path, struct error *error)
{
    cJSON *object = cJSON_ParseWithLength(job->sources.ptr, job->sources.len);
    const cJSON *file = cJSON_GetObjectItemCaseSensitive(object, "file");
    int code = 0;

    if (!cJSON_IsString(file) || strchr(file->valuestring, '/') != NULL) {
        code = error_set(error, ERROR_FORMAT, "list %ju has no file here", (uintmax_t)job->id);
    } else {
        *ret_path = arena_printf(arena, "%s/%s", desk->folder, file->valuestring);
        if (*ret_path == NULL)
            code = error_set(error, ERROR_NOMEM, "out of memory");
    }
    cJSON_Delete(object);
    return code;
}

/* Fill options and path of a list from what the store has. */
static int read_list(struct service_list *list, struct error *error)
{
    struct service_desk *desk = list->desk;
    struct store_job job;
    int code = get_job(desk, list->id, &list->arena, &job, error);

    service_list_options_init(&list->options, &desk->service->prober->settings);
    if (code == 0)
        code = service_list_options_parse(&list->options, job.options, &list->arena, error);
    if (code == 0)
        code = service_desk_path(desk, &job, &list->arena, &list->path, error);
    return code;
}

static int open_reader(const char *path, const struct service_list_options *options,
                       struct bulk_reader **ret_reader, struct error *error)
{
    struct bulk_format format;

    service_list_options_format(options, &format);
    return bulk_reader_open(&path, 1, &format, ret_reader, error);
}

int service_desk_open_reader(struct service_desk *desk, uint64_t id,
                             struct bulk_reader **ret_reader, struct error *error)
{
    struct service_list_options options;
    struct store_job job;
    struct arena arena;
    const char *path;
    int code;

    arena_init(&arena);
    service_list_options_init(&options, &desk->service->prober->settings);
    code = get_job(desk, id, &arena, &job, error);
    if (code == 0)
        code = service_list_options_parse(&options, job.options, &arena, error);
    if (code == 0)
        code = service_desk_path(desk, &job, &arena, &path, error);
    if (code == 0)
        code = open_reader(path, &options, ret_reader, error);
    arena_done(&arena);
    return code;
}

/* --- loading ---------------------------------------------------------------------------------- */

static int begin_load(struct service_list *list, struct error *error)
{
    const struct bulk_load_options options = {.dedupe = list->options.dedupe, .keep_raw = true};
    int code = open_reader(list->path, &list->options, &list->reader, error);

    if (code == 0)
        code = bulk_load_open(list->desk->service->store, list->id, list->reader, &options,
                              &list->load, error);
    if (code == 0)
        code = io_timer_start(&list->timer, io_now_ms(list->desk->service->prober->loop));
    return code;
}

static int begin_job(struct service_list *list, struct error *error);

static void loaded(struct service_list *list)
{
    struct error error = {0};
    int code;

    close_parts(list);
    code = set_state(list->desk, list->id, STORE_JOB_READY, "", &error);
    if (code == 0 && list->options.start)
        code = begin_job(list, &error);
    else
        leave(list);
    if (code != 0)
        fail(list, &error);
    else
        tell(list->desk, list->id, false);
}

static void step_load(struct service_list *list)
{
    struct io_loop *loop = list->desk->service->prober->loop;
    struct error error = {0};
    int code = bulk_load_step(list->load, &error);

    if (code < 0)
        fail(list, &error);
    else if (code == 0)
        loaded(list);
    else
        (void)io_timer_start(&list->timer, io_now_ms(loop));
}

/* --- running ---------------------------------------------------------------------------------- */

static void kept(void *user, const struct store_result *results, size_t count)
{
    struct service_list *list = user;
    struct service *service = list->desk->service;

    for (size_t i = 0; i < count; i++)
        service_count(service, results[i].reason);
    tell(list->desk, list->id, false);
}

static void ended(void *user, enum bulk_job_end end)
{
    struct service_list *list = user;
    struct error error = {0};

    if (end == BULK_JOB_FAILED)
        log_trouble(list->desk, list->id, bulk_job_error(list->job)->message);
    if (end == BULK_JOB_STOPPED && list->ends_as != STORE_JOB_PAUSED)
        (void)set_state(list->desk, list->id, list->ends_as, "", &error);
    leave(list); /* the job may not be freed from here */
}

static int begin_job(struct service_list *list, struct error *error)
{
    static const struct bulk_job_events events = {kept, ended};
    struct service *service = list->desk->service;
    const struct bulk_job_options options = {
        .window = 1, /* share() says how many */
        .with_evidence = true,
        .habits = service->habits,
        .depth = list->options.wish.depth,
        .patience = list->options.wish.patience,
    };
    int code = bulk_job_open(service->prober->loop, service->prober->engine, service->store,
                             list->id, &options, &events, list, &list->job, error);

    if (code != 0)
        return code;
    list->ends_as = STORE_JOB_PAUSED;
    code = service_announce_later(service, list->id, error);
    if (code != 0)
        return code;
    share(list->desk);
    return bulk_job_start(list->job, error);
}

/* --- erasing ---------------------------------------------------------------------------------- */

static void step_remove(struct service_list *list)
{
    struct service_desk *desk = list->desk;
    struct error error = {0};
    int code = store_job_remove(desk->service->store, list->id, REMOVED_ROWS, &error);

    if (code < 0) {
        fail(list, &error);
    } else if (code > 0) {
        (void)io_timer_start(&list->timer, io_now_ms(desk->service->prober->loop));
    } else {
        if (list->path != NULL && unlink(list->path) != 0 && errno != ENOENT)
            log_trouble(desk, list->id, "its file could not be erased");
        service_announce_never(desk->service, list->id);
        tell(desk, list->id, true);
        list_free(list);
    }
}

/* --- the next bit of whatever is to be done -----------------------------------------------------
 */

static void step(struct io_timer *timer)
{
    struct service_list *list = timer->user;
    struct service_desk *desk = list->desk;
    uint64_t id = list->id;

    if (list->load != NULL) {
        step_load(list);
    } else if (list->is_removing) {
        close_parts(list);
        step_remove(list);
    } else {
        list_free(list);
        share(desk);
        tell(desk, id, true); /* only now it is seen in its new state */
        service_announce_list(desk->service, id);
        service_look_whether_stopped(desk->service);
    }
}

/* --- what people want ----------------------------------------------------------------------------
 */

static int add_job(struct service_desk *desk, const char *file, const char *name,
                   const char *source, uint64_t key, const struct service_list_options *options,
                   uint64_t *ret_id, struct error *error)
{
    struct buffer sources, kept_options;
    struct json json;
    struct store_job job = {
        .state = STORE_JOB_LOADING, .fingerprint = SLICE_EMPTY, .note = SLICE_EMPTY};
    char text[24];
    int code = 0;

    buffer_init(&sources, 0);
    buffer_init(&kept_options, 0);
    json_init(&json, &sources);
    json_object_begin(&json);
    json_name_cstring(&json, "file", file);
    json_name_cstring(&json, "from", source);
    snprintf(text, sizeof(text), "%ju", (uintmax_t)key);
    json_name_cstring(&json, "key", key != 0 ? text : NULL);
    json_object_end(&json);
    json_init(&json, &kept_options);
    service_list_options_write(&json, options);
    if (sources.failed || kept_options.failed)
        code = error_set(error, ERROR_NOMEM, "out of memory");
    job.name = slice_from_string(name);
    job.sources = buffer_slice(&sources);
    job.options = buffer_slice(&kept_options);
    job.created_unix_ms = service_unix_ms(desk->service);
    if (code == 0)
        code = store_job_add(desk->service->store, &job, ret_id, error);
    if (code == 0)
        code = service_announce_later(desk->service, *ret_id, error);
    buffer_done(&sources);
    buffer_done(&kept_options);
    return code;
}

int service_desk_add(struct service_desk *desk, const char *upload, const char *ending,
                     const char *name, const char *source, uint64_t key,
                     const struct service_list_options *options, uint64_t *ret_id,
                     struct error *error)
{
    char token[17];
    struct bulk_reader *reader = NULL;
    struct service_list *list;
    struct arena arena;
    const char *file, *path = NULL;
    uint64_t id = 0;
    int code;

    arena_init(&arena);
    service_random_text(token, 16);
    file = arena_printf(&arena, "%s%s", token, ending);
    if (file != NULL)
        path = arena_printf(&arena, "%s/%s", desk->folder, file);
    code = path != NULL ? 0 : error_set(error, ERROR_NOMEM, "out of memory");
    if (code == 0 && rename(upload, path) != 0)
        code = error_set(error, ERROR_IO, "can't keep the upload at %s: %s", path, strerror(errno));
    /* Is it a list at all? Asked before anything is made of it. */
    if (code == 0)
        code = open_reader(path, options, &reader, error);
    bulk_reader_close(reader);
    if (code == 0)
        code = add_job(desk, file, name, source, key, options, &id, error);
    if (code != 0) {
        if (path != NULL)
            (void)unlink(path);
        arena_done(&arena);
        return code;
    }
    arena_done(&arena);
    *ret_id = id;
    list = list_new(desk, id, error);
    code = list != NULL ? read_list(list, error) : ERROR_NOMEM;
    if (code == 0)
        code = begin_load(list, error);
    if (code != 0 && list != NULL)
        list_free(list);
    return code;
}

static int wrong_state(const struct store_job *job, const char *what, struct error *error)
{
    return error_set(error, ERROR_BUSY, "the list is %s: it can't be %s now",
                     store_job_state_name(job->state), what);
}

int service_desk_start(struct service_desk *desk, uint64_t id, struct error *error)
{
    struct service_list *list = service_desk_find(desk, id);
    struct store_job job;
    struct arena arena;
    int code;

    arena_init(&arena);
    code = get_job(desk, id, &arena, &job, error);
    if (code == 0 && (list != NULL || job.state == STORE_JOB_LOADING ||
                      job.state == STORE_JOB_FINISHED || job.rows == 0))
        code = wrong_state(&job, "started", error);
    arena_done(&arena);
    if (code != 0)
        return code;
    list = list_new(desk, id, error);
    code = list != NULL ? read_list(list, error) : ERROR_NOMEM;
    if (code == 0)
        code = begin_job(list, error);
    if (code != 0 && list != NULL)
        list_free(list);
    else if (code == 0)
        tell(desk, id, false);
    return code;
}

int service_desk_recheck(struct service_desk *desk, uint64_t id, struct error *error)
{
    int code = set_state(desk, id, STORE_JOB_PAUSED, "", error);

    return code == 0 ? service_desk_start(desk, id, error) : code;
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
    arena_init(&arena);
    code = get_job(desk, id, &arena, &job, error);
    if (code == 0 && (list != NULL || job.state == STORE_JOB_FINISHED ||
                      (state == STORE_JOB_PAUSED && job.state != STORE_JOB_READY)))
        code = wrong_state(&job, what, error);
    if (code == 0)
        code = set_state(desk, id, state, "", error);
    arena_done(&arena);
    if (code == 0) {
        tell(desk, id, true);
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
        list = list_new(desk, id, error);
        if (list == NULL)
            return ERROR_NOMEM;
        code = read_list(list, error);
        if (code != 0 && code != ERROR_FORMAT) {
            list_free(list);
            return code;
        }
    }
    list->is_removing = true;
    bulk_load_close(list->load);
    list->load = NULL;
    leave(list);
    return 0;
}

int service_desk_change(struct service_desk *desk, uint64_t id, const char *name,
                        const struct service_list_options *options, struct error *error)
{
    struct service_list *list = NULL;
    struct store_job job;
    struct buffer kept_options;
    struct json json;
    struct arena arena;
    int code;

    arena_init(&arena);
    buffer_init(&kept_options, 0);
    code = get_job(desk, id, &arena, &job, error);
    if (code == 0 && options != NULL &&
        (service_desk_find(desk, id) != NULL || job.state != STORE_JOB_READY))
        code = wrong_state(&job, "changed", error);
    if (code == 0 && options != NULL) {
        json_init(&json, &kept_options);
        service_list_options_write(&json, options);
        job.options = buffer_slice(&kept_options);
        job.state = STORE_JOB_LOADING;
    }
    if (code == 0 && name != NULL)
        job.name = slice_from_string(name);
    if (code == 0)
        code = store_job_update(desk->service->store, &job, error);
    if (code == 0 && options != NULL) {
        list = list_new(desk, id, error);
        code = list != NULL ? read_list(list, error) : ERROR_NOMEM;
        if (code == 0)
            code = begin_load(list, error);
        if (code != 0 && list != NULL) {
            (void)set_state(desk, id, STORE_JOB_FAILED, error->message, NULL);
            list_free(list);
        }
    }
    buffer_done(&kept_options);
    arena_done(&arena);
    return code;
}

/* --- from start to end
 * ---------------------------------------------------------------------------- */

static void go_on(struct service_desk *desk, const struct store_job *job)
{
    struct error error = {0};
    struct service_list *list;
    int code;

    if (job->state != STORE_JOB_LOADING && job->state != STORE_JOB_RUNNING)
        return;
    list = list_new(desk, job->id, &error);
    if (list == NULL)
        return;
    code = read_list(list, &error);
    if (code == 0)
        code = job->state == STORE_JOB_LOADING ? begin_load(list, &error) : begin_job(list, &error);
    if (code != 0)
        fail(list, &error);
}

int service_desk_open(struct service_desk *desk, struct service *service, struct error *error)
{
    struct store_job job = {0};
    struct arena arena;
    int code;

    desk->service = service;
    list_init(&desk->lists);
    list_init(&desk->listeners);
    arena_init(&arena);
    desk->folder = arena_printf(&arena, "%s/lists", service->options.data_folder);
    if (desk->folder != NULL)
        desk->folder = memory_copy_string(desk->folder, strlen(desk->folder));
    if (desk->folder == NULL) {
        arena_done(&arena);
        return error_set(error, ERROR_NOMEM, "out of memory");
    }
    if (mkdir(desk->folder, 0700) != 0 && errno != EEXIST)
        code = error_set(error, ERROR_IO, "can't make the folder %s: %s", desk->folder,
                         strerror(errno));
    else
        while ((code = store_job_next(service->store, job.id, &arena, &job, error)) == 1)
            go_on(desk, &job);
    arena_done(&arena);
    service_desk_listen_to_requests(desk);
    return code;
}

void service_desk_stop(struct service_desk *desk)
{
    for (struct list_node *node = list_first(&desk->lists); node != NULL;
         node = list_after(&desk->lists, node)) {
        struct service_list *list = LIST_ELEMENT(node, struct service_list, node);

        if (list->job == NULL)
            continue;
        list->ends_as = STORE_JOB_RUNNING; /* goes on at the next start */
        bulk_job_stop(list->job, STOP_GRACE);
    }
}

bool service_desk_is_idle(const struct service_desk *desk)
{
    for (struct list_node *node = list_first(&desk->lists); node != NULL;
         node = list_after(&desk->lists, node))
        if (LIST_ELEMENT(node, struct service_list, node)->job != NULL)
            return false;
    return true;
}

void service_desk_close(struct service_desk *desk)
{
    struct list_node *node;

    if (desk->service == NULL)
        return;
    io_timer_stop(&desk->request_timer);
    while ((node = list_first(&desk->lists)) != NULL)
        list_free(LIST_ELEMENT(node, struct service_list, node));
    memory_free(desk->folder);
}
