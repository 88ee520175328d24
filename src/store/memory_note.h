/*
 * Notes of the memory store: a list ordered by kind and id. Only src/store/memory*.c include this.
 */
#ifndef MK_STORE_MEMORY_NOTE_H
#define MK_STORE_MEMORY_NOTE_H

#include "base/list.h"
#include "store/store.h"

struct memory_notes {
    struct list list;
};

void memory_notes_init(struct memory_notes *notes);
void memory_notes_done(struct memory_notes *notes);

/* As the store's functions of these names; ERROR_NOMEM only. */
int memory_notes_put(struct memory_notes *notes, struct slice kind, struct slice id,
                     struct slice body, int64_t until_unix_ms);
/* 1, 0 or ERROR_NOMEM. */
int memory_notes_change(struct memory_notes *notes, struct slice kind, struct slice id,
                        struct slice before, struct slice body);
int memory_notes_next(const struct memory_notes *notes, struct slice kind, struct slice after,
                      bool inclusive, struct arena *arena, struct slice *ret_id,
                      struct slice *ret_body);
void memory_notes_remove(struct memory_notes *notes, struct slice kind, struct slice id);
int memory_notes_expire(struct memory_notes *notes, int64_t now_unix_ms, size_t max);

#endif
