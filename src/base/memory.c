#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_MOST   ((size_t)64 << 10) /* small pages are no larger on any system */
#define LARGE_BYTES ((size_t)4 << 20)  /* smaller ones may have no whole large page in them */
#define SMALL_BYTES 1024               /* of which the C library keeps freed blocks at hand */

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

void *memory_alloc(size_t size)
{
    if (must_fail())
        return NULL;
    return malloc(size > 0 ? size : 1);
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
        return block != NULL ? memset(block, 0, total) : NULL;
    }
    return calloc(count, size);
}

#ifdef MADV_HUGEPAGE
static void advise_large(void *block, size_t size)
{
    size_t before = -(uintptr_t)block & (PAGE_MOST - 1);

    /* A wish: where it is not granted all is as before. */
    (void)madvise((char *)block + before, (size - before) & ~(PAGE_MOST - 1), MADV_HUGEPAGE);
}
#else
static void advise_large(void *block, size_t size)
{
}
#endif

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
