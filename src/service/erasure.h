/*
 * One person's address taken out of everything that is kept: rows and results of all lists.
 *
 * Walks the store in bits, so that a service may do it between its other business; `mailknock
 * erase` does the same without one. Addresses are the same when they are the same mailbox (case,
 * dots and tags as its provider takes them). Files that were uploaded stay as they came: what they
 * still hold is said, and goes when the list is removed.
 */
#ifndef MK_SERVICE_ERASURE_H
#define MK_SERVICE_ERASURE_H

#include "base/buffer.h"
#include "bulk/job_key.h"
#include "history/history.h"
#include "io/pace.h"
#include "store/store.h"

struct service_erasure {
    struct store *store;     /* borrowed */
    struct history *history; /* borrowed; may be NULL */
    char address[1024], key_bytes[BULK_KEY_SIZE];
    struct slice key;
    struct store_page page;
    struct io_pace pace; /* in rows */
    uint64_t list;       /* that is being walked; 0: none yet */
    bool is_busy;        /* it is being worked on */
    uint64_t rows, rows_of_list;
    unsigned records;    /* of the history and of what became of messages */
    struct buffer lists; /* JSON objects, comma separated: those that held it */
};

/* history may be NULL. ERROR_USAGE: no address, or a longer one than there are. */
int service_erasure_open(struct service_erasure *erasure, struct store *store,
                         struct history *history, struct slice address, struct error *error);
void service_erasure_close(struct service_erasure *erasure);
/*
 * A bit of it: 1 there is more, 0 done. ERROR_BUSY: a list that is being worked on holds it, and
 * must be paused first; what was erased until then stays erased.
 */
int service_erasure_step(struct service_erasure *erasure, struct error *error);

#endif
