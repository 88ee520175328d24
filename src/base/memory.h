/*
 * The one door to the heap, so that tests can fail the n-th allocation.
 *
 * Everything in src/ allocates here. All functions return NULL when memory cannot be had; callers
 * answer ERROR_NOMEM and leave their state as it was. Not thread-safe in the failing mode, which
 * only tests use.
 */
#ifndef MK_BASE_MEMORY_H
#define MK_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* size bytes, uninitialised; size 0 is taken as 1. Freed with memory_free. */
void *memory_alloc(size_t size);

/* The same, from a line of the processor's cache on, which is MEMORY_LINE bytes long. */
#define MEMORY_LINE 64
void *memory_alloc_lines(size_t size);

/* count * size bytes set to zero; NULL also when the product overflows. */
void *memory_zalloc(size_t count, size_t size);

/*
 * The same for a table that is looked up all over: from some megabytes on in large pages, where the
 * system has them. With small ones most looks walk through the page tables first.
 */
void *memory_zalloc_table(size_t count, size_t size);

/*
 * From now on the whole heap grows by some megabytes at a time, in large pages where the system has
 * them, and keeps what is freed: for a process that works through a list, where each small page
 * that is touched first, or again, is a call into the kernel.
 */
void memory_use_large_pages(void);

/* As realloc(3), but count * size is checked for overflow; on failure the old block stays valid. */
void *memory_resize(void *block, size_t count, size_t size);

/* A NUL-terminated copy of len bytes. */
char *memory_copy_string(const char *bytes, size_t len);

/* NULL accepted. */
void memory_free(void *block);

/*
 * Tests only: let `successes` more allocations succeed, then fail every one until called again.
 * A negative number switches failing off. Returns how many allocations were asked for since the
 * last call.
 */
uint64_t memory_fail_after(int64_t successes);

#endif
