/*
 * Memory that is dropped whole: one arena a case, a request, a file being read.
 *
 * Allocation is a bump of a pointer; nothing is freed alone. Blocks grow from 4 KiB to 64 KiB.
 * arena_reset keeps the first block for reuse.
 */
#ifndef MK_BASE_ARENA_H
#define MK_BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *newest;
    size_t used_bytes; /* handed out since init or reset */
};

void arena_init(struct arena *arena);
void arena_done(struct arena *arena);  /* frees everything; the arena may be used again */
void arena_reset(struct arena *arena); /* as done, but keeps one block */

/* size bytes set to zero, aligned for any type; NULL when memory cannot be had. */
void *arena_alloc(struct arena *arena, size_t size);
/* The same, but with whatever was there before: for what is written whole at once. */
void *arena_take(struct arena *arena, size_t size);
/* As arena_alloc for an array; NULL also on overflow. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* A NUL-terminated copy; NULL when memory cannot be had. */
char *arena_string(struct arena *arena, struct slice s);
/* As arena_string, as a slice; ptr is NULL when memory cannot be had. */
struct slice arena_slice(struct arena *arena, struct slice s);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
