#include "base/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#define PAGE_MOST   ((size_t)64 << 10) /* small pages are no larger on any system */
#define PAGE_LEAST  4096
#define LARGE_BYTES ((size_t)4 << 20) /* smaller ones may have no whole large page in them */
#define SMALL_BYTES 1024              /* of which the C library keeps freed blocks at hand */

#define HEAP_STEP (16 << 20)
#define HEAP_KEPT (32 << 20)

static bool failing;
static int64_t successes_left;
static uint64_t asked;

static bool must_fail(void)
{
    if (__builtin_expect(!failing, 1))
        return false;
    asked++;
    if (successes_left > 0) {
        successes_left--;
        return false;
    }
    return true;
}

/* --- large pages ---------------------------------------------------------------------------- */

#ifdef MADV_HUGEPAGE
static void advise_large(void *block, size_t size)
{
    size_t before = -(uintptr_t)block & (PAGE_MOST - 1);

    /* A wish: where it is not granted all is as before. */
    if (size > before)
        (void)madvise((char *)block + before, (size - before) & ~(PAGE_MOST - 1), MADV_HUGEPAGE);
}
#else
static void advise_large(void *block, size_t size)
{
}
#endif

#if defined(__GLIBC__) && defined(MADV_HUGEPAGE)
/* Of the heap; NULL: nobody wants it. Two threads may give the same advice, which does no harm. */
static _Atomic(char *) advised_until;

/* Rounded down, so that the next advice begins where the last one ended. */
static char *heap_end(void)
{
    char *end = sbrk(0); /* no system call */

    return end - ((uintptr_t)end & (PAGE_MOST - 1));
}

static void advise_heap(void)
{
    char *end = heap_end();
    char *from = atomic_load_explicit(&advised_until, memory_order_relaxed);

    if (end > from)
        advise_large(from, (size_t)(end - from));
    if (end != from)
        atomic_store_explicit(&advised_until, end, memory_order_relaxed);
}

/* Libraries that use much of the heap don't ask us for it: it grows before they do. */
static void grow_heap(void)
{
    void *volatile block = malloc(LARGE_BYTES - PAGE_MOST);

    advise_heap();
    free(block);
}

void memory_use_large_pages(void)
{
    if (advised_until != NULL)
        return;
    advised_until = heap_end();
    mallopt(M_TOP_PAD, HEAP_STEP);
    mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    grow_heap();
}

static void look_at_heap(size_t size)
{
    if (size >= PAGE_LEAST && atomic_load_explicit(&advised_until, memory_order_relaxed) != NULL)
        advise_heap();
}
#else
void memory_use_large_pages(void)
{
}

static void look_at_heap(size_t size)
{
    (void)size;
}
#endif

/* --- the heap ------------------------------------------------------------------------------- */

void *memory_alloc(size_t size)
{
    void *block;

    if (must_fail())
        return NULL;
    block = malloc(size > 0 ? size : 1);
    look_at_heap(size);
    return block;
}

/* From the compiler, which makes calloc() of a malloc() whose block is set to zero: something else
   might have looked at it before. */
#define hide(block) __asm__ volatile("" : : "r"(block) : "memory")

void *memory_alloc_lines(size_t size)
{
    size_t whole = (size + MEMORY_LINE - 1) & ~(size_t)(MEMORY_LINE - 1);

    return must_fail() ? NULL : aligned_alloc(MEMORY_LINE, whole > 0 ? whole : MEMORY_LINE);
}

void *memory_zalloc(size_t count, size_t size)
{
    size_t total;
    void *block;

    if (must_fail())
        return NULL;
    if (count == 0 || size == 0)
        count = size = 1;
    /* calloc() of the C library goes past the thread's cache, where free() put the last one. */
    if (!__builtin_mul_overflow(count, size, &total) && total <= SMALL_BYTES) {
        block = malloc(total);
        hide(block);
        return block != NULL ? memset(block, 0, total) : NULL;
    }
    return calloc(count, size);
}

void *memory_zalloc_table(size_t count, size_t size)
{
    void *block = memory_zalloc(count, size);

    if (block != NULL && size > 0 && count >= LARGE_BYTES / size)
        advise_large(block, count * size);
    return block;
}

void *memory_resize(void *block, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total) || must_fail())
        return NULL;
    return realloc(block, total > 0 ? total : 1);
}

char *memory_copy_string(const char *bytes, size_t len)
{
    char *copy = memory_alloc(len + 1);

    if (copy != NULL) {
        if (len > 0)
            memcpy(copy, bytes, len);
        copy[len] = '\0';
    }
    return copy;
}

void memory_free(void *block)
{
    free(block);
}

uint64_t memory_fail_after(int64_t successes)
{
    uint64_t before = asked;

    failing = successes >= 0;
    successes_left = successes;
    asked = 0;
    return before;
}
