/*
 * What a batch was answered so far, and is not told yet.
 *
 * With PIPELINING a reply belongs to a command by its place alone (RFC 2920 3.2): where a server
 * loses one, or says one too many, all that follow are taken for those of others. So what is said
 * to a batch is kept, and counts when the answer to its last command proves it (smtp/session.h).
 *
 * First in, first out; made when it is needed, so that a session that waits for no batch has none.
 * Internal to the session.
 */
#ifndef MK_SMTP_HELD_H
#define MK_SMTP_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "smtp/queue.h"
#include "smtp/reply.h"

struct smtp_held {
    struct smtp_queue recipients;
    unsigned owed;             /* the first of the transaction, held as well, are moved later */
    struct buffer replies;     /* to them, in their order; one that came several times, once */
    size_t at;                 /* of the oldest that is not told */
    size_t newest;             /* of the newest */
    struct smtp_reply telling; /* to so many more of the oldest: */
    unsigned telling_count;
};

struct smtp_held *smtp_held_new(void); /* NULL: no memory */
/*
 * The reply came for `count` more, which are owed from now on. It is copied, unless it is that of
 * those before them. False: no memory, and they are not held.
 */
bool smtp_held_push(struct smtp_held *held, unsigned count, const struct smtp_reply *reply);
/* Take those that are owed from the front of the queue that they are in. */
void smtp_held_collect(struct smtp_held *held, struct smtp_queue *from);
/* The oldest; NULL: none is left. The reply's text is borrowed until smtp_held_clear. */
struct smtp_recipient *smtp_held_pop(struct smtp_held *held, struct smtp_reply *ret_reply);
void smtp_held_clear(struct smtp_held *held); /* keeps the memory */
void smtp_held_free(struct smtp_held *held);  /* NULL accepted */

#endif
