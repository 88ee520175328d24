#include "smtp/queue.h"

#include "base/check.h"

struct smtp_recipient *smtp_queue_first(const struct smtp_queue *queue)
{
    return queue->last != NULL ? queue->last->next : NULL;
}

struct smtp_recipient *smtp_queue_after(const struct smtp_queue *queue,
                                        const struct smtp_recipient *recipient)
{
    return recipient != queue->last ? recipient->next : NULL;
}

void smtp_queue_push(struct smtp_queue *queue, struct smtp_recipient *recipient)
{
    if (queue->last != NULL) {
        recipient->next = queue->last->next;
        queue->last->next = recipient;
    } else {
        recipient->next = recipient;
    }
    queue->last = recipient;
    queue->count++;
}

struct smtp_recipient *smtp_queue_take_after(struct smtp_queue *queue,
                                             struct smtp_recipient *before)
{
    struct smtp_recipient *link = before != NULL ? before : queue->last, *recipient;

    if (queue->last == NULL || before == queue->last)
        return NULL;
    recipient = link->next;
    __builtin_prefetch(recipient->next); /* whose turn comes when this one's is over */
    if (recipient == link)
        queue->last = NULL;
    else if (recipient == queue->last)
        queue->last = link;
    link->next = recipient->next;
    recipient->next = NULL;
    CHECK(queue->count > 0);
    queue->count--;
    return recipient;
}

struct smtp_recipient *smtp_queue_pop(struct smtp_queue *queue)
{
    return smtp_queue_take_after(queue, NULL);
}

void smtp_queue_move(struct smtp_queue *queue, struct smtp_queue *from, unsigned count)
{
    struct smtp_queue moved = {from->last, count};
    struct smtp_recipient *first;

    CHECK(count > 0 && count <= from->count);
    if (count == from->count) {
        smtp_queue_append(queue, from);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        moved.last = moved.last->next;
    first = from->last->next;
    from->last->next = moved.last->next;
    moved.last->next = first;
    from->count -= count;
    smtp_queue_append(queue, &moved);
}

void smtp_queue_append(struct smtp_queue *queue, struct smtp_queue *from)
{
    struct smtp_recipient *first;

    if (from->last == NULL)
        return;
    if (queue->last != NULL) {
        first = queue->last->next;
        queue->last->next = from->last->next;
        from->last->next = first;
    }
    queue->last = from->last;
    queue->count += from->count;
    *from = (struct smtp_queue){0};
}

struct slice smtp_recipient_domain(const struct smtp_recipient *recipient)
{
    return slice_from_offset(recipient->mailbox, recipient->domain_at);
}
