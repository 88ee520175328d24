/*
 * The desk from inside. Only src/service/desk*.c include this.
 */
#ifndef MK_SERVICE_DESK_INTERNAL_H
#define MK_SERVICE_DESK_INTERNAL_H

#include "service/desk.h"

/* The note of a list that is LOADING and was cancelled: it ends so, after a restart too. */
#define SERVICE_LIST_CANCELLED "cancelled"

/* --- desk.c --------------------------------------------------------------------------------------
 */

void service_desk_tell(struct service_desk *desk, uint64_t id, bool is_over);
/* ERROR_NOT_FOUND, the store's errors. */
int service_desk_get_job(struct service_desk *desk, uint64_t id, struct arena *arena,
                         struct store_job *ret_job, struct error *error);
/* Changes a job as it is now, with texts that live on; false: that is not to be changed. */
typedef bool service_desk_edit(void *user, struct store_job *job);
/*
 * Workers, and other services on the same store, change a list too: `edit` is asked again when one
 * of them was quicker, so that nobody's change is undone unseen. 0; 1: it was not to be changed.
 * ERROR_NOT_FOUND; ERROR_BUSY: others were quicker all the time; the store's errors.
 */
int service_desk_edit_job(struct service_desk *desk, uint64_t id, service_desk_edit *edit,
                          void *user, struct error *error);

#define SERVICE_DESK_IN(state) (1U << STORE_JOB_##state)
#define SERVICE_DESK_ANY       ((1U << STORE_JOB_STATE_COUNT) - 1)

/*
 * From one of the states `from` (SERVICE_DESK_IN) into `state`. 0; 1: it is in another one, and
 * stays so. *ret_found (NULL accepted): which it was in. Errors as above.
 */
int service_desk_move(struct service_desk *desk, uint64_t id, unsigned from,
                      enum store_job_state state, const char *note, enum store_job_state *ret_found,
                      struct error *error);
/* ERROR_BUSY: a list in this state can't be `what` now. */
int service_desk_wrong_state(enum store_job_state found, const char *what, struct error *error);

/* A list that nothing is being done with goes on, if its state says that something is to be, and
   its file is here. Trouble is logged. */
void service_desk_go_on(struct service_desk *desk, const struct store_job *job);
/* On the desk, with nothing being done yet. NULL and *error: no memory. */
struct service_list *service_list_new(struct service_desk *desk, uint64_t id, struct error *error);
void service_list_free(struct service_list *list);
int service_list_begin_load(struct service_list *list, struct error *error);
/* From one of these states (SERVICE_DESK_IN). 1: it is in another one by now, as *error says, but
   that others have begun it is as good. */
int service_list_begin_job(struct service_list *list, unsigned from, struct error *error);
/* Nothing is done with it any more: in the next turn it leaves the desk. */
void service_list_leave(struct service_list *list);

/* --- desk_source.c -------------------------------------------------------------------------------
 */

/* So begins the name of a file until the store has its list. */
#define SERVICE_DESK_TAKEN "taken-"

/*
 * Take away what an end without warning left behind: addresses of people that nothing would ever
 * erase. Before anything is uploaded or exported. ERROR_IO, or as the store.
 */
int service_desk_sweep(struct service_desk *desk, struct error *error);
/* 0. ERROR_BUSY: there is no file there, which another service on the same store may have. */
int service_desk_look_for(const char *path, struct error *error);
/* Fill options and path of a list from what the store has. */
int service_list_read(struct service_list *list, struct error *error);
int service_list_open_reader(const char *path, const struct service_list_options *options,
                             struct bulk_reader **ret_reader, struct error *error);

#endif
