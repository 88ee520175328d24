/*
 * The desk: the lists that the service works on, from upload to erasure.
 *
 *   upload ─> loading ─> ready ─ start ─> running ─> finished
 *                ^          │               │  ^
 *                └ reload ──┘               v  │
 *                                 paused, cancelled, failed
 *
 * What a list is stands in the store; the desk holds only those that something is being done with.
 * In a store that several machines share (store/fleet.h) workers ask the lists, and the desk only
 * looks how far they are.
 *
 * Long work goes in steps of some milliseconds, so that the loop stays alive. Lists that were
 * loading or running when the process died go on when it starts again.
 */
#ifndef MK_SERVICE_DESK_H
#define MK_SERVICE_DESK_H

#include "base/instant.h"
#include "base/list.h"
#include "bulk/job.h"
#include "bulk/job_load.h"
#include "io/pace.h"
#include "service/list_options.h"
#include "store/store.h"

struct service;

/* Somebody who wants to hear of a list as it changes (server-sent events). */
struct service_listener {
    struct list_node node;
    uint64_t list;
    /* Something changed; is_over: nothing will any more. */
    void (*changed)(struct service_listener *listener, bool is_over);
};

struct service_list {
    struct list_node node;
    struct service_desk *desk;
    uint64_t id;
    struct service_list_options options;
    struct arena arena; /* of the options and the path */
    const char *path;
    struct bulk_reader *reader;
    struct bulk_load *load;
    unsigned
        load_failures; /* of the store, since it began; above 0 without load: begun anew soon */
    struct bulk_job *job;
    struct io_timer timer;
    enum store_job_state ends_as; /* when it is loaded or its job stops: PAUSED or CANCELLED */
    bool is_handed;               /* workers ask it */
    uint64_t seen_done;           /* of it, when last looked */
    bool is_removing;             /* rows are taken away; the list goes with the last */
    struct io_pace removing;      /* in rows */
};

struct service_desk {
    struct service *service;
    char *folder;
    struct list lists;
    struct list listeners;
    struct io_timer request_timer;
};

/* Where an upload is kept is nobody's business: "FOLDER/x.csv: why" is told as "why". */
const char *service_desk_public(const struct service_desk *desk, const char *message);

/* Look for what other processes want, from now on (service/desk_request.c). */
void service_desk_listen_to_requests(struct service_desk *desk);

/* Make the folder, go on with what was under way. ERROR_IO, ERROR_NOMEM. */
int service_desk_open(struct service_desk *desk, struct service *service, struct error *error);
/* Jobs keep what they have; call service_desk_stop before, and let the loop run. */
void service_desk_close(struct service_desk *desk);
/* Every job saves and pauses, to go on at the next start. */
void service_desk_stop(struct service_desk *desk);
bool service_desk_is_idle(const struct service_desk *desk); /* no job is under way */

#define SERVICE_TOKEN_SIZE    17                /* of a list's token, with the NUL */
#define SERVICE_TOKEN_KEPT_MS ((int64_t)DAY_MS) /* as long as an Idempotency-Key */

/* Where a new list comes from. Texts are borrowed for the call. */
struct service_list_source {
    const char *upload;      /* its file, which is moved away */
    const char *ending;      /* of its name, with the dot, or "" */
    const char *name;        /* for people */
    const char *from;        /* "web", "api", a dialect */
    const char *fingerprint; /* of the file's bytes, or "" */
    const char *token;       /* by which service_desk_find_token finds the list; NULL: any */
    uint64_t key;            /* whose it is; 0: nobody's */
};

/*
 * A new list; loading begins. ERROR_FORMAT: not a list, or no addresses in it; others as the store
 * and the reader.
 */
int service_desk_add(struct service_desk *desk, const struct service_list_source *source,
                     const struct service_list_options *options, uint64_t *ret_id,
                     struct error *error);

/* The list that was made with this token within SERVICE_TOKEN_KEPT_MS; ERROR_NOT_FOUND. */
int service_desk_find_token(struct service_desk *desk, const char *token, uint64_t *ret_id,
                            struct error *error);

/* The same, whenever it was made: looks through all lists. */
int service_desk_seek_token(struct service_desk *desk, const char *token, uint64_t *ret_id,
                            struct error *error);

/* All: ERROR_NOT_FOUND; ERROR_BUSY: not in this state. */
int service_desk_start(struct service_desk *desk, uint64_t id, struct error *error);
int service_desk_pause(struct service_desk *desk, uint64_t id, struct error *error);
int service_desk_cancel(struct service_desk *desk, uint64_t id, struct error *error);
/* Results were taken away from a list nothing is being done with: ask for them again. */
int service_desk_recheck(struct service_desk *desk, uint64_t id, struct error *error);
int service_desk_remove(struct service_desk *desk, uint64_t id, struct error *error);
/* Other options for a list that is ready: it is loaded again. */
int service_desk_change(struct service_desk *desk, uint64_t id, const char *name,
                        const struct service_list_options *options, struct error *error);

/* What is being done with it; NULL: nothing. */
struct service_list *service_desk_find(struct service_desk *desk, uint64_t id);
/* The path of its file, on the arena. ERROR_NOMEM. */
int service_desk_path(struct service_desk *desk, const struct store_job *job, struct arena *arena,
                      const char **ret_path, struct error *error);
/* Open its file as it was read. */
int service_desk_open_reader(struct service_desk *desk, uint64_t id,
                             struct bulk_reader **ret_reader, struct error *error);

void service_desk_listen(struct service_desk *desk, struct service_listener *listener);
void service_desk_unlisten(struct service_listener *listener);

#endif
