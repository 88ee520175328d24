/*
 * The recipients of one session, in first-in-first-out queues.
 *
 * A recipient is in exactly one queue at any time: waiting (not asked yet), in the transaction
 * (MAIL has been or is about to be said for it), or settled (its RESULT is to be told). Internal to
 * the session.
 */
#ifndef MK_SMTP_QUEUE_H
#define MK_SMTP_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "smtp/session.h"

struct smtp_entry {
    struct smtp_entry *next;
    struct slice mailbox;
    void *tag;
    const char *detail; /* static words; with settled entries */
    uint16_t domain_at; /* offset of the domain in mailbox */
    uint8_t outcome;    /* enum smtp_outcome; with settled entries */
    uint8_t stage;      /* enum smtp_stage; with settled entries */
    bool needs_smtputf8;
    bool is_sent; /* its RCPT has been sent and not been answered */
};

struct smtp_queue {
    struct smtp_entry *first, *last;
    unsigned count;
};

void smtp_queue_push(struct smtp_queue *queue, struct smtp_entry *entry);
struct smtp_entry *smtp_queue_pop(struct smtp_queue *queue); /* NULL when empty */
/* Take out the entry that follows `before` (NULL: the first). */
struct smtp_entry *smtp_queue_take_after(struct smtp_queue *queue, struct smtp_entry *before);
/* Append all of `from`, which is empty afterwards. */
void smtp_queue_append(struct smtp_queue *queue, struct smtp_queue *from);
/* Free every entry. */
void smtp_queue_free(struct smtp_queue *queue);

struct slice smtp_entry_domain(const struct smtp_entry *entry);

#endif
