/*
 * The history: what every probe found out, kept in a store beyond the job that asked, and what
 * became of messages to a mailbox; the past of an engine (probe/past.h).
 *
 * A mailbox has one record, its key folded as its provider folds it, with the evidence as a result
 * writes it. Four clocks say how long it holds, as in Postfix verify(8): what was accepted (also by
 * a catch-all) is asked again after positive_refresh_ms and forgotten after positive_expire_ms;
 * what was refused sooner. What proves nothing (any unknown, also an `invalid` whose proof is weak)
 * never takes the place of a proof that holds; it is kept where there is none, for those who look,
 * and never answered from. Verdicts are not kept: evidence is judged when it is wanted, by the
 * rules and lists of that day.
 *
 * Between refresh and expiry a record is stale: with refreshes_behind (a service) it is answered
 * all the same and the mailbox asked again in the background, once; without, the engine asks and
 * falls back on it when nothing is learnt. Records are written in batches, within a second: a
 * process that is killed forgets that much. A store that fails costs questions, no result.
 */
#ifndef MK_HISTORY_HISTORY_H
#define MK_HISTORY_HISTORY_H

#include "io/loop.h"
#include "probe/engine.h"
#include "provider/mailbox.h"
#include "store/store.h"

struct history;

struct history_options {
    uint64_t positive_expire_ms, positive_refresh_ms; /* 0: 31 d, 7 d */
    uint64_t negative_expire_ms, negative_refresh_ms; /* 0: 3 d, 3 h */
    uint32_t bounce_days;                             /* 0: VERDICT_BOUNCE_DAYS */
    uint64_t bytes_max;                               /* of mailboxes; 0: 1 GiB */
    bool refreshes_behind;
    bool asks_always; /* keep, but answer from what became of messages only */
};

/*
 * Make it the past of the engine. Loop, store and engine are borrowed and outlive it. ERROR_NOMEM.
 */
int history_open(struct io_loop *loop, struct store *store, struct probe_engine *engine,
                 const struct history_options *options, struct history **ret_history,
                 struct error *error);
/* Keeps what is to be kept; refreshes under way are withdrawn. NULL accepted. */
void history_close(struct history *history);
/* Keep now what was learnt. The store's errors; it is tried again later. */
int history_flush(struct history *history, struct error *error);

struct history_counts {
    uint64_t fresh, stale, unknown; /* what questions met */
    uint64_t refreshes;             /* begun in the background */
    uint64_t kept, lost;            /* records; lost: the store failed for too long */
    uint64_t store_failures;        /* times that records could not be kept, or not yet */
};
void history_counts(const struct history *history, struct history_counts *ret_counts);
/* Why records could not be kept, the last time; "" when that never happened. */
const char *history_trouble(const struct history *history);

/* --- keys, for others who keep records of mailboxes ------------------------------------------- */

/* The key of an accepted address: as provider_mailbox_key without a profile. */
struct slice history_key(const struct address *address, char out[PROVIDER_KEY_SIZE]);

/*
 * Erase all that is remembered of a mailbox, also what is not written yet (history may be NULL).
 * *ret_records: how many records. The store's errors.
 */
int history_erase(struct history *history, struct store *store, const struct address *address,
                  unsigned *ret_records, struct error *error);

/* --- what counts, for tests ------------------------------------------------------------------- */

enum history_class {
    HISTORY_NOTHING,  /* not kept: nobody was asked, or a list says it all */
    HISTORY_UNPROVEN, /* kept, never answered from */
    HISTORY_POSITIVE,
    HISTORY_NEGATIVE,
};
/* What a judged case is worth. */
enum history_class history_class_of(const struct evidence *evidence, const struct verdict *verdict);

#endif
