/*
 * The recipients of one session, in first-in-first-out queues.
 *
 * A recipient is in exactly one queue at any time: waiting (not asked yet), in the transaction
 * (MAIL has been or is about to be said for it), held (answered, as others of its batch are not) or
 * settled (its RESULT is to be told). Internal to the session.
 */
#ifndef MK_SMTP_QUEUE_H
#define MK_SMTP_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "smtp/session.h"

struct smtp_queue {
    struct smtp_recipient *last; /* whose next is the first: a ring */
    unsigned count;
};

/* NULL when empty. */
struct smtp_recipient *smtp_queue_first(const struct smtp_queue *queue);
/* NULL after the last. */
struct smtp_recipient *smtp_queue_after(const struct smtp_queue *queue,
                                        const struct smtp_recipient *recipient);

void smtp_queue_push(struct smtp_queue *queue, struct smtp_recipient *recipient);
struct smtp_recipient *smtp_queue_pop(struct smtp_queue *queue); /* NULL when empty */
/* Take out the one that follows `before` (NULL: the first). */
struct smtp_recipient *smtp_queue_take_after(struct smtp_queue *queue,
                                             struct smtp_recipient *before);
/* Move the first `count`, which are as many, to the end. */
void smtp_queue_move(struct smtp_queue *queue, struct smtp_queue *from, unsigned count);
/* Append all of `from`, which is empty afterwards. */
void smtp_queue_append(struct smtp_queue *queue, struct smtp_queue *from);

struct slice smtp_recipient_domain(const struct smtp_recipient *recipient);

#endif
