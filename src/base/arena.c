#include "base/arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define FIRST_BLOCK   1000
#define LARGEST_BLOCK 65536

struct arena_block {
    struct arena_block *older;
    size_t size; /* of data */
    size_t used;
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

static void free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *older = block->older;

        memory_free(block);
        block = older;
    }
}

void arena_done(struct arena *arena)
{
    free_blocks(arena->newest);
    arena_init(arena);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->newest;

    if (kept != NULL) {
        free_blocks(kept->older);
        kept->older = NULL;
        kept->used = 0;
    }
    arena->used_bytes = 0;
}

static struct arena_block *add_block(struct arena *arena, size_t size)
{
    size_t want = arena->newest == NULL ? FIRST_BLOCK : arena->newest->size * 2;
    struct arena_block *block;

    if (want > LARGEST_BLOCK)
        want = LARGEST_BLOCK;
    if (want < size)
        want = size;
    block = memory_alloc(sizeof(*block) + want);
    if (block == NULL)
        return NULL;
    block->older = arena->newest;
    block->size = want;
    block->used = 0;
    arena->newest = block;
    return block;
}

void *arena_take(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->newest;
    void *result;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (block == NULL || block->size - block->used < size) {
        block = add_block(arena, size);
        if (block == NULL)
            return NULL;
    }
    result = block->data + block->used;
    block->used += size;
    arena->used_bytes += size;
    return result;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *result = arena_take(arena, size);

    return result != NULL ? memset(result, 0, size) : NULL;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(arena, total);
}

char *arena_string(struct arena *arena, struct slice s)
{
    char *copy = arena_take(arena, s.len + 1);

    if (copy == NULL)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

struct slice arena_slice(struct arena *arena, struct slice s)
{
    char *copy = arena_string(arena, s);

    return copy == NULL ? (struct slice){NULL, 0} : (struct slice){copy, s.len};
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *result;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return NULL;
    result = arena_alloc(arena, (size_t)len + 1);
    if (result != NULL) {
        va_start(args, format);
        vsnprintf(result, (size_t)len + 1, format, args);
        va_end(args);
    }
    return result;
}
