#include "base/heap.h"

#include "base/check.h"
#include "base/error.h"
#include "base/memory.h"

void heap_init(struct heap *heap)
{
    *heap = (struct heap){0};
}

void heap_done(struct heap *heap)
{
    memory_free(heap->nodes);
    heap_init(heap);
}

bool heap_node_is_before(const struct heap_node *node, uint32_t order)
{
    return (int32_t)(node->order - order) < 0;
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key < b->key || (a->key == b->key && heap_node_is_before(a, b->order));
}

static void place(struct heap *heap, struct heap_node *node, size_t index)
{
    heap->nodes[index - 1] = node;
    node->index = (uint32_t)index;
}

static void sift_up(struct heap *heap, struct heap_node *node)
{
    size_t at = node->index;

    while (at > 1 && before(node, heap->nodes[at / 2 - 1])) {
        place(heap, heap->nodes[at / 2 - 1], at);
        at /= 2;
    }
    place(heap, node, at);
}

static void sift_down(struct heap *heap, struct heap_node *node)
{
    size_t at = node->index;

    for (;;) {
        size_t child = at * 2;

        if (child > heap->count)
            break;
        if (child < heap->count && before(heap->nodes[child], heap->nodes[child - 1]))
            child++;
        if (!before(heap->nodes[child - 1], node))
            break;
        place(heap, heap->nodes[child - 1], at);
        at = child;
    }
    place(heap, node, at);
}

int heap_reserve(struct heap *heap, size_t count)
{
    size_t capacity = heap->capacity > 0 ? heap->capacity : 16;
    struct heap_node **grown;

    if (count <= heap->capacity)
        return 0;
    if (count > UINT32_MAX)
        return ERROR_NOMEM;
    while (capacity < count)
        capacity *= 2;
    grown = memory_resize(heap->nodes, capacity, sizeof(struct heap_node *));
    if (grown == NULL)
        return ERROR_NOMEM;
    heap->nodes = grown;
    heap->capacity = capacity;
    return 0;
}

int heap_push(struct heap *heap, struct heap_node *node, uint64_t key)
{
    CHECK(node->index == 0);
    if (heap_reserve(heap, heap->count + 1) != 0)
        return ERROR_NOMEM;
    node->key = key;
    node->order = heap->next_order++;
    heap->count++;
    place(heap, node, heap->count);
    sift_up(heap, node);
    return 0;
}

struct heap_node *heap_peek(const struct heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

struct heap_node *heap_pop(struct heap *heap)
{
    struct heap_node *top = heap_peek(heap);

    if (top != NULL)
        heap_remove(heap, top);
    return top;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    size_t hole = node->index;
    struct heap_node *last;

    if (hole == 0)
        return;
    CHECK(hole <= heap->count && heap->nodes[hole - 1] == node);
    last = heap->nodes[heap->count - 1];
    heap->count--;
    node->index = 0;
    if (last == node)
        return;
    place(heap, last, hole);
    sift_up(heap, last);
    sift_down(heap, last);
}

bool heap_node_is_in(const struct heap_node *node)
{
    return node->index != 0;
}
