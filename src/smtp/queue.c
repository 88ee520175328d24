#include "smtp/queue.h"

#include "base/check.h"
#include "base/memory.h"

void smtp_queue_push(struct smtp_queue *queue, struct smtp_entry *entry)
{
    entry->next = NULL;
    if (queue->last != NULL)
        queue->last->next = entry;
    else
        queue->first = entry;
    queue->last = entry;
    queue->count++;
}

struct smtp_entry *smtp_queue_take_after(struct smtp_queue *queue, struct smtp_entry *before)
{
    struct smtp_entry **link = before != NULL ? &before->next : &queue->first, *entry = *link;

    if (entry == NULL)
        return NULL;
    *link = entry->next;
    if (queue->last == entry)
        queue->last = before;
    entry->next = NULL;
    CHECK(queue->count > 0);
    queue->count--;
    return entry;
}

struct smtp_entry *smtp_queue_pop(struct smtp_queue *queue)
{
    return smtp_queue_take_after(queue, NULL);
}

void smtp_queue_append(struct smtp_queue *queue, struct smtp_queue *from)
{
    if (from->first == NULL)
        return;
    if (queue->last != NULL)
        queue->last->next = from->first;
    else
        queue->first = from->first;
    queue->last = from->last;
    queue->count += from->count;
    *from = (struct smtp_queue){0};
}

void smtp_queue_free(struct smtp_queue *queue)
{
    struct smtp_entry *entry;

    while ((entry = smtp_queue_pop(queue)) != NULL)
        memory_free(entry);
}

struct slice smtp_entry_domain(const struct smtp_entry *entry)
{
    return slice_from_offset(entry->mailbox, entry->domain_at);
}
