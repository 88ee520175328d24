/*
 * A binary min-heap of elements that know their own place, for timers and queues.
 *
 * Elements embed a `struct heap_node`; the heap holds pointers only. Equal keys come out in the
 * order they went in (as long as no two are 2^31 pushes apart). Removing and rekeying any element
 * is O(log n).
 */
#ifndef MK_BASE_HEAP_H
#define MK_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;
    uint32_t order; /* set by the heap: the tie-breaker; goes round */
    uint32_t index; /* 1-based place in the heap; 0: not in one */
};

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t capacity;
    uint32_t next_order;
};

void heap_init(struct heap *heap);
void heap_done(struct heap *heap); /* frees the heap's own array only */
/* Room for `count` nodes in all: pushes up to there can't fail. ERROR_NOMEM changes nothing. */
int heap_reserve(struct heap *heap, size_t count);
/* Add node with key; ERROR_NOMEM leaves both untouched. The node must not be in a heap. */
int heap_push(struct heap *heap, struct heap_node *node, uint64_t key);
struct heap_node *heap_peek(const struct heap *heap);        /* NULL when empty */
struct heap_node *heap_pop(struct heap *heap);               /* NULL when empty */
void heap_remove(struct heap *heap, struct heap_node *node); /* no-op when not in it */
bool heap_node_is_in(const struct heap_node *node);
/* Was it pushed before the heap's next_order was `order`? */
bool heap_node_is_before(const struct heap_node *node, uint32_t order);

#endif
