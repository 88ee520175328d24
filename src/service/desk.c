#include "service/desk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "service/desk_internal.h"
#include "service/internal.h"
#include "store/fleet.h"

#define REMOVED_ROWS  2000 /* in a step, at most */
#define REMOVED_LEAST 50
#define STOP_GRACE    (5 * SECOND_MS)
#define LOOK_MS       500       /* how far workers are */
#define LOAD_AGAIN_MS SECOND_MS /* after a failure of a shared store */
#define LOADS_MAX     600
#define EDITS_MAX     20 /* of a job, while others change it, too */

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

void service_desk_tell(struct service_desk *desk, uint64_t id, bool is_over)
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

void service_list_free(struct service_list *list)
{
    io_timer_stop(&list->timer);
    close_parts(list);
    list_remove(&list->node);
    arena_done(&list->arena);
    memory_free(list);
}

struct service_list *service_list_new(struct service_desk *desk, uint64_t id, struct error *error)
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
    io_pace_init(&list->removing, IO_PACE_MS, REMOVED_LEAST, REMOVED_ROWS);
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
void service_list_leave(struct service_list *list)
{
    (void)io_timer_start(&list->timer, io_now_ms(list->desk->service->prober->loop));
}

int service_desk_get_job(struct service_desk *desk, uint64_t id, struct arena *arena,
                         struct store_job *ret_job, struct error *error)
{
    return id == 0 ? error_set(error, ERROR_NOT_FOUND, "there is no such list")
                   : store_job_get(desk->service->store, id, arena, ret_job, error);
}

const char *service_desk_public(const struct service_desk *desk, const char *message)
{
    size_t len = strlen(desk->folder);
    const char *colon = strncmp(message, desk->folder, len) == 0 && message[len] == '/'
                            ? strstr(message, ": ")
                            : NULL;

    return colon != NULL ? colon + 2 : message;
}

int service_desk_edit_job(struct service_desk *desk, uint64_t id, service_desk_edit *edit,
                          void *user, struct error *error)
{
    struct arena arena;
    int code = 0;

    arena_init(&arena);
    for (unsigned i = 0; i < EDITS_MAX && code == 0; i++) {
        struct store_job before, after;

        arena_reset(&arena);
        code = service_desk_get_job(desk, id, &arena, &before, error);
        if (code != 0)
            break;
        after = before;
        if (!edit(user, &after)) {
            arena_done(&arena);
            return 1;
        }
        code = store_job_change(desk->service->store, &before, &after, error);
    }
    arena_done(&arena);
    return code > 0 ? 0
           : code == 0
               ? error_set(error, ERROR_BUSY, "others change the list at the same time; try again")
               : code;
}

struct move {
    unsigned from;
    enum store_job_state state, found;
    struct slice note;
};

static bool move(void *user, struct store_job *job)
{
    struct move *self = user;

    self->found = job->state;
    if ((self->from & 1U << job->state) == 0)
        return false;
    job->state = self->state;
    job->note = self->note;
    if (self->state == STORE_JOB_RUNNING)
        job->finished_unix_ms = 0; /* it has failed, and goes on */
    return true;
}

int service_desk_move(struct service_desk *desk, uint64_t id, unsigned from,
                      enum store_job_state state, const char *note, enum store_job_state *ret_found,
                      struct error *error)
{
    struct move self = {.from = from, .state = state, .note = slice_from_string(note)};
    int code = service_desk_edit_job(desk, id, move, &self, error);

    if (ret_found != NULL)
        *ret_found = self.found;
    return code;
}

int service_desk_wrong_state(enum store_job_state found, const char *what, struct error *error)
{
    return error_set(error, ERROR_BUSY, "the list is %s: it can't be %s now",
                     store_job_state_name(found), what);
}

static void log_trouble(struct service_desk *desk, uint64_t id, const char *message)
{
    struct service *service = desk->service;

    if (!service_log_begin(&service->log, SERVICE_LOG_ERROR, "list", service_unix_ms(service)))
        return;
    service_log_number(&service->log, "list", (int64_t)id);
    service_log_text(&service->log, "error", slice_from_string(service_desk_public(desk, message)));
    service_log_end(&service->log);
}

static void fail(struct service_list *list, const struct error *error)
{
    const unsigned from = SERVICE_DESK_IN(LOADING) | SERVICE_DESK_IN(READY) |
                          SERVICE_DESK_IN(RUNNING) | SERVICE_DESK_IN(FAILED) |
                          (list->is_removing ? SERVICE_DESK_IN(REMOVING) : 0);
    struct error second = {0};

    list->load_failures = 0; /* it is not begun anew */
    log_trouble(list->desk, list->id, error->message);
    (void)service_desk_move(list->desk, list->id, from, STORE_JOB_FAILED,
                            service_desk_public(list->desk, error->message), NULL, &second);
    close_parts(list);
    service_desk_tell(list->desk, list->id, true);
    service_list_leave(list);
}

/* --- loading ---------------------------------------------------------------------------------- */

int service_list_begin_load(struct service_list *list, struct error *error)
{
    const struct bulk_load_options options = {.dedupe = list->options.dedupe, .keep_raw = true};
    int code = service_list_open_reader(list->path, &list->options, &list->reader, error);

    if (code == 0)
        code = bulk_load_open(list->desk->service->store, list->id, list->reader, &options,
                              &list->load, error);
    if (code == 0)
        code = io_timer_start(&list->timer, io_now_ms(list->desk->service->prober->loop));
    return code;
}

/*
 * A database that is restarted, or fails over, ends no list: it is loaded anew from its file, from
 * the first row. False: it failed for good.
 */
static bool loads_again(struct service_list *list, int code, const struct error *error)
{
    struct service *service = list->desk->service;

    if (!store_is_shared(service->store) || (code != ERROR_IO && code != ERROR_BUSY) ||
        list->load_failures >= LOADS_MAX)
        return false;
    if (list->load_failures++ == 0)
        log_trouble(list->desk, list->id, error->message);
    close_parts(list);
    return io_timer_start(&list->timer, io_now_ms(service->prober->loop) + LOAD_AGAIN_MS) == 0;
}

/* The store may say that it is ready, in an answer that was lost: its rows are cleared now. */
static bool begin_anew(void *user, struct store_job *job)
{
    const struct service_list *list = user;

    if (job->state != STORE_JOB_LOADING && job->state != STORE_JOB_READY)
        return false;
    job->state = STORE_JOB_LOADING;
    if (list->ends_as == STORE_JOB_CANCELLED)
        job->note = SLICE(SERVICE_LIST_CANCELLED);
    return true;
}

static void load_anew(struct service_list *list)
{
    struct error error = {0};
    int code = service_desk_edit_job(list->desk, list->id, begin_anew, list, &error);

    if (code == 1) {
        list->load_failures = 0;
        service_list_leave(list); /* somebody else has done something with it */
        return;
    }
    if (code == 0)
        code = service_list_begin_load(list, &error);
    if (code != 0 && !loads_again(list, code, &error))
        fail(list, &error);
}

/* It may have been stopped at another service, which until now is only noted. */
static bool end_load(void *user, struct store_job *job)
{
    struct service_list *list = user;
    struct service_list_options options = list->options;
    struct error error = {0};

    if (job->state != STORE_JOB_LOADING)
        return false;
    if (slice_equal(job->note, SLICE(SERVICE_LIST_CANCELLED)))
        list->ends_as = STORE_JOB_CANCELLED;
    if (service_list_options_parse(&options, job->options, &list->arena, &error) == 0)
        list->options.start = options.start;
    job->state = list->ends_as == STORE_JOB_CANCELLED ? STORE_JOB_CANCELLED : STORE_JOB_READY;
    job->note = SLICE_EMPTY;
    return true;
}

static void loaded(struct service_list *list)
{
    struct error error = {0};
    bool is_begun;
    int code;

    close_parts(list);
    code = service_desk_edit_job(list->desk, list->id, end_load, list, &error);
    is_begun = code == 0 && list->options.start && list->ends_as != STORE_JOB_CANCELLED;
    if (is_begun)
        code = service_list_begin_job(list, SERVICE_DESK_IN(READY), &error);
    if (code < 0 && loads_again(list, code, &error))
        return;
    list->load_failures = 0;
    if (code < 0) {
        fail(list, &error);
        return;
    }
    if (code == 1 || !is_begun)
        service_list_leave(list);
    service_desk_tell(list->desk, list->id, false);
}

static void step_load(struct service_list *list)
{
    struct io_loop *loop = list->desk->service->prober->loop;
    struct error error = {0};
    int code = bulk_load_step(list->load, &error);

    if (code < 0 && loads_again(list, code, &error))
        return;
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
    service_desk_tell(list->desk, list->id, false);
}

static void ended(void *user, enum bulk_job_end end)
{
    struct service_list *list = user;
    struct error error = {0};

    if (end == BULK_JOB_FAILED)
        log_trouble(list->desk, list->id, bulk_job_error(list->job)->message);
    if (end == BULK_JOB_STOPPED && list->ends_as != STORE_JOB_PAUSED)
        (void)service_desk_move(list->desk, list->id,
                                SERVICE_DESK_IN(PAUSED) | SERVICE_DESK_IN(RUNNING), list->ends_as,
                                "", NULL, &error);
    service_list_leave(list); /* the job may not be freed from here */
}

/* To the workers: they see it by its state. Somebody else may have been quicker. */
static int hand_over(struct service_list *list, unsigned from, struct error *error)
{
    struct service *service = list->desk->service;
    enum store_job_state found = STORE_JOB_RUNNING;
    int code = service_announce_later(service, list->id, error);

    /* Of what goes on after a pause or a restart the store knows whether it is asked anew. */
    if (code == 0 && list->options.wish.is_fresh)
        code = store_fleet_prepare(service->store, list->id, true, error);
    if (code == 0)
        code = service_desk_move(list->desk, list->id, from, STORE_JOB_RUNNING, "", &found, error);
    if (code == 1 && found != STORE_JOB_RUNNING)
        (void)service_desk_wrong_state(found, "started", error);
    else if (code == 1)
        code = 0;
    if (code != 0)
        return code;
    list->is_handed = true;
    (void)store_fleet_tell(service->store, error);
    return io_timer_start(&list->timer, io_now_ms(service->prober->loop) + LOOK_MS);
}

/* True while workers are at it. A store that can't be reached says nothing. */
static bool is_under_way(struct service_list *list)
{
    struct service_desk *desk = list->desk;
    struct error error = {0};
    struct store_job job;
    struct arena arena;
    int code;

    arena_init(&arena);
    code = service_desk_get_job(desk, list->id, &arena, &job, &error);
    arena_done(&arena);
    if (code == ERROR_NOT_FOUND || (code == 0 && job.state != STORE_JOB_RUNNING))
        return false;
    if (code == 0 && job.done != list->seen_done) {
        list->seen_done = job.done;
        service_desk_tell(desk, list->id, false);
    }
    (void)io_timer_start(&list->timer, io_now_ms(desk->service->prober->loop) + LOOK_MS);
    return true;
}

static int run_job(struct service_list *list, struct error *error)
{
    static const struct bulk_job_events events = {kept, ended};
    struct service *service = list->desk->service;
    const struct bulk_job_options options = {
        .window = 1, /* share() says how many */
        .with_evidence = true,
        .habits = service->habits,
        .depth = list->options.wish.depth,
        .patience = list->options.wish.patience,
        .asks_anew = list->options.wish.is_fresh,
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

int service_list_begin_job(struct service_list *list, unsigned from, struct error *error)
{
    if (store_is_shared(list->desk->service->store))
        return hand_over(list, from, error);
    return run_job(list, error);
}

/* --- erasing ---------------------------------------------------------------------------------- */

static void step_remove(struct service_list *list)
{
    struct service_desk *desk = list->desk;
    struct error error = {0};
    size_t count = io_pace_begin(&list->removing);
    int code = store_job_remove(desk->service->store, list->id, count, &error);

    (void)io_pace_end(&list->removing, code > 0 ? count : 0);
    if (code < 0) {
        fail(list, &error);
    } else if (code > 0) {
        (void)io_timer_start(&list->timer, io_now_ms(desk->service->prober->loop));
    } else {
        if (list->path != NULL && unlink(list->path) != 0 && errno != ENOENT)
            log_trouble(desk, list->id, "its file could not be erased");
        service_announce_never(desk->service, list->id);
        service_desk_tell(desk, list->id, true);
        service_list_free(list);
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
    } else if (list->load_failures > 0 && !list->is_removing) {
        load_anew(list);
    } else if (list->is_removing) {
        close_parts(list);
        step_remove(list);
    } else if (!list->is_handed || !is_under_way(list)) {
        service_list_free(list);
        share(desk);
        service_desk_tell(desk, id, true); /* only now it is seen in its new state */
        service_announce_list(desk->service, id);
        service_look_whether_stopped(desk->service);
    }
}

/* --- from start to end
 * ---------------------------------------------------------------------------- */

void service_desk_go_on(struct service_desk *desk, const struct store_job *job)
{
    struct error error = {0};
    struct service_list *list;
    int code;

    if (job->state == STORE_JOB_REMOVING && service_desk_remove(desk, job->id, &error) != 0)
        log_trouble(desk, job->id, error.message);
    if (job->state != STORE_JOB_LOADING && job->state != STORE_JOB_RUNNING)
        return;
    list = service_list_new(desk, job->id, &error);
    if (list == NULL)
        return;
    code = service_list_read(list, &error);
    /* Another service's, on another machine, whose file it is. */
    if (code == 0 && store_is_shared(desk->service->store) && job->state == STORE_JOB_LOADING &&
        service_desk_look_for(list->path, &error) != 0) {
        service_list_free(list);
        return;
    }
    if (code == 0)
        code = job->state == STORE_JOB_LOADING
                   ? service_list_begin_load(list, &error)
                   : service_list_begin_job(list, SERVICE_DESK_IN(RUNNING), &error);
    if (code < 0 && (job->state == STORE_JOB_LOADING || !store_is_shared(desk->service->store))) {
        fail(list, &error);
        return;
    }
    /* Workers ask it whether we look or not, or another program does: it may have no file at all.
       1: somebody has done something else with it. */
    if (code < 0)
        log_trouble(desk, job->id, error.message);
    if (code != 0)
        service_list_free(list);
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
        code = service_desk_sweep(desk, error);
    if (code == 0)
        while ((code = store_job_next(service->store, job.id, &arena, &job, error)) == 1)
            service_desk_go_on(desk, &job);
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
        service_list_free(LIST_ELEMENT(node, struct service_list, node));
    memory_free(desk->folder);
}
