/*
 * Sixteen bytes looked at together, as eight.h does with eight: on most machines one instruction
 * does for all of them what takes a dozen for eight in a word.
 */
#ifndef MK_BASE_SIXTEEN_H
#define MK_BASE_SIXTEEN_H

#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/eight.h"

/* Bytes; or for each all of its bits where something is true of it, or none. */
typedef signed char sixteen __attribute__((vector_size(16)));

/* Of two words of eight_read. */
static inline sixteen sixteen_from(uint64_t first, uint64_t second)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    first = __builtin_bswap64(first);
    second = __builtin_bswap64(second);
#endif
    return (sixteen)(uint64_t __attribute__((vector_size(16)))){first, second};
}

/* The first len bytes, sixteen at most, and zeros. */
static inline sixteen sixteen_read(const char *bytes, size_t len)
{
    sixteen all;

    if (len < 8)
        return sixteen_from(eight_read_some(bytes, len), 0);
    if (len < 16)
        return sixteen_from(eight_read(bytes), len > 8 ? eight_read_last(bytes + len, len - 8) : 0);
    memcpy(&all, bytes, 16);
    return all;
}

/* Those from first to last, both below 0x80: `last` is moved to the greatest there is, and all that
 * is too great falls below. */
static inline sixteen sixteen_between(sixteen bytes, signed char first, signed char last)
{
    typedef unsigned char unsigned_sixteen __attribute__((vector_size(16)));
    sixteen moved = (sixteen)((unsigned_sixteen)bytes + (unsigned char)(0x7f - last));

    return (sixteen)(moved > (signed char)(0x7e - (last - first)));
}

/* A bit a byte, the first byte's the lowest. */
static inline uint64_t sixteen_gather(sixteen found)
{
#if defined(__SSE2__)
    return (uint64_t)(unsigned)_mm_movemask_epi8((__m128i)found);
#else
    char bytes[16];

    memcpy(bytes, &found, 16);
    return eight_gather(eight_read(bytes) & EIGHT_HIGH) |
           eight_gather(eight_read(bytes + 8) & EIGHT_HIGH) << 8;
#endif
}

#endif
