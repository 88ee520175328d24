/*
 * Outcomes kept in a store, as records by mailbox: the latest bounce, delivery and complaint of
 * each (store/store.h). The same again changes nothing, so that a file may be imported twice.
 */
#ifndef MK_FEEDBACK_KEEPER_H
#define MK_FEEDBACK_KEEPER_H

#include "base/arena.h"
#include "feedback/outcome.h"
#include "provider/mailbox.h"
#include "store/store.h"

#define FEEDBACK_BATCH 500

struct feedback_keeper {
    struct store *store;
    int64_t now_unix_ms; /* the moment of events that name none, or one to come */
    uint64_t counts[FEEDBACK_OUTCOME_COUNT];
    uint64_t bad_addresses;
    struct arena arena;
    struct store_record records[FEEDBACK_BATCH];
    size_t record_count;
};

void feedback_keeper_init(struct feedback_keeper *keeper, struct store *store, int64_t now_unix_ms);
void feedback_keeper_done(struct feedback_keeper *keeper);
/*
 * Count an event and, if it is a bounce, delivery or complaint, keep it with the next batch.
 * ERROR_RANGE: the address is none (counted in bad_addresses); the store's errors; ERROR_NOMEM.
 */
int feedback_keep(struct feedback_keeper *keeper, const struct feedback_event *event,
                  struct error *error);
/* Keep what was not yet. The store's errors. */
int feedback_keep_all(struct feedback_keeper *keeper, struct error *error);

#endif
