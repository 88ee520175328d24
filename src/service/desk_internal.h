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
int service_desk_set_state(struct service_desk *desk, uint64_t id, enum store_job_state state,
                           const char *note, struct error *error);

/* On the desk, with nothing being done yet. NULL and *error: no memory. */
struct service_list *service_list_new(struct service_desk *desk, uint64_t id, struct error *error);
void service_list_free(struct service_list *list);
int service_list_begin_load(struct service_list *list, struct error *error);
int service_list_begin_job(struct service_list *list, struct error *error);
/* Nothing is done with it any more: in the next turn it leaves the desk. */
void service_list_leave(struct service_list *list);

/* --- desk_source.c -------------------------------------------------------------------------------
 */

/*
 * Take away what an end without warning left behind: addresses of people that nothing would ever
 * erase. Before anything is uploaded or exported. ERROR_IO.
 */
int service_desk_sweep(const struct service_desk *desk, struct error *error);
/* Fill options and path of a list from what the store has. */
int service_list_read(struct service_list *list, struct error *error);
int service_list_open_reader(const char *path, const struct service_list_options *options,
                             struct bulk_reader **ret_reader, struct error *error);

#endif
