/*
 * Doubly linked lists whose nodes live inside their elements.
 *
 * Adding, removing and moving are O(1) and allocate nothing. A node is either in one list or
 * unlinked (both pointers NULL, as zeroed memory has it). The list is a ring through its own head,
 * so it must not be copied once it has been initialised.
 */
#ifndef MK_BASE_LIST_H
#define MK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *previous, *next;
};

struct list {
    struct list_node head;
};

/* The element that `member` of type `type` stands in. */
#define LIST_ELEMENT(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->head.previous = list->head.next = &list->head;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

static inline bool list_node_is_in(const struct list_node *node)
{
    return node->next != NULL;
}

static inline struct list_node *list_first(const struct list *list) /* NULL when empty */
{
    return list_is_empty(list) ? NULL : list->head.next;
}

static inline struct list_node *list_last(const struct list *list) /* NULL when empty */
{
    return list_is_empty(list) ? NULL : list->head.previous;
}

/* The node after `node`, or NULL at the end. */
static inline struct list_node *list_after(const struct list *list, const struct list_node *node)
{
    return node->next == &list->head ? NULL : node->next;
}

static inline void list_link(struct list_node *node, struct list_node *previous,
                             struct list_node *next)
{
    node->previous = previous;
    node->next = next;
    previous->next = node;
    next->previous = node;
}

static inline void list_append(struct list *list, struct list_node *node)
{
    list_link(node, list->head.previous, &list->head);
}

static inline void list_prepend(struct list *list, struct list_node *node)
{
    list_link(node, &list->head, list->head.next);
}

/* No-op when the node is in no list. */
static inline void list_remove(struct list_node *node)
{
    if (node->next == NULL)
        return;
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->previous = node->next = NULL;
}

/* Take the first node out; NULL when empty. */
static inline struct list_node *list_pop(struct list *list)
{
    struct list_node *node = list_first(list);

    if (node != NULL)
        list_remove(node);
    return node;
}

/* All nodes of `from`, in order, to the end of `to`. */
static inline void list_move_all(struct list *to, struct list *from)
{
    struct list_node *first = list_first(from);

    if (first == NULL)
        return;
    first->previous = to->head.previous;
    to->head.previous->next = first;
    from->head.previous->next = &to->head;
    to->head.previous = from->head.previous;
    list_init(from);
}

#endif
