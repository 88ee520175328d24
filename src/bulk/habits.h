/*
 * Habits of domains, kept in a store: the memory of an engine (probe/habit.h).
 *
 * Beside them, what became of own messages and what servers said of mailboxes before (records of
 * deliveries, bounces and history, whoever keeps those) is told of a domain when it is met. What is
 * learnt is gathered and kept in batches: by whoever keeps results, before those (so that a job
 * killed at any moment repeats no random recipient whose domain has results), and within a second
 * by itself. A store that fails costs a question more, no result: it is tried again.
 */
#ifndef MK_BULK_HABITS_H
#define MK_BULK_HABITS_H

#include "io/loop.h"
#include "probe/engine.h"
#include "store/store.h"

struct bulk_habits;

/* All are borrowed. outcomes: where deliveries, bounces and history are kept; NULL: nowhere. NULL:
 * no memory. */
struct bulk_habits *bulk_habits_new(struct io_loop *loop, struct store *store,
                                    struct store *outcomes);
/* Keeps what is to be kept. The engine must be gone or have been told to forget (set_memory NULL),
   the loop still be there. NULL accepted. */
void bulk_habits_free(struct bulk_habits *habits);
/* For probe_engine_set_memory; as long as the habits. */
struct probe_memory bulk_habits_memory(struct bulk_habits *habits);
/* Keep now what was learnt. NULL accepted. */
void bulk_habits_flush(struct bulk_habits *habits);

#endif
