/*
 * Eight bytes looked at together, in a word: for what is done to every byte of millions of names.
 *
 * What is found of a byte shows in its high bit; eight_gather makes a bit a byte of them, the first
 * byte's the lowest. Nothing is carried from one byte to another, whatever they hold.
 */
#ifndef MK_BASE_EIGHT_H
#define MK_BASE_EIGHT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EIGHT_TIMES(byte) (UINT64_C(0x0101010101010101) * (byte))
#define EIGHT_HIGH        EIGHT_TIMES(0x80)

/* The first byte is the lowest on every machine. */
static inline uint64_t eight_read(const char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The last 1 to 8 bytes before `end`, and zeros: eight bytes at least can be read there. */
static inline uint64_t eight_read_last(const char *end, size_t len)
{
    return eight_read(end - 8) >> (8 * (8 - len));
}

/* The first four, the first byte the lowest on every machine. */
static inline uint64_t eight_read_four(const char *bytes)
{
    uint32_t word;

    memcpy(&word, bytes, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

/* The first len bytes, fewer than eight, and zeros. */
static inline uint64_t eight_read_some(const char *bytes, size_t len)
{
    const unsigned char *each = (const unsigned char *)bytes;
    uint64_t word = 0;

    if (len >= 4) {
        word = eight_read_four(bytes) | eight_read_four(bytes + len - 4) << (8 * (len - 4));
    } else if (len > 0) {
        word = (uint64_t)each[0] | (uint64_t)each[len / 2] << (8 * (len / 2)) |
               (uint64_t)each[len - 1] << (8 * (len - 1));
    }
    return word;
}

static inline void eight_write(uint64_t word, char *bytes)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(bytes, &word, 8);
}

/* Those from first to last, both below 0x80. */
static inline uint64_t eight_between(uint64_t word, unsigned char first, unsigned char last)
{
    uint64_t low = word & ~EIGHT_HIGH;

    return (low + EIGHT_TIMES(0x80U - first)) & ~(low + EIGHT_TIMES(0x7fU - last)) & ~word &
           EIGHT_HIGH;
}

/* Those that are this byte. */
static inline uint64_t eight_equal(uint64_t word, unsigned char byte)
{
    uint64_t other = word ^ EIGHT_TIMES(byte);

    return ~(((other & ~EIGHT_HIGH) + EIGHT_TIMES(0x7fU)) | other) & EIGHT_HIGH;
}

static inline uint64_t eight_gather(uint64_t highs)
{
    return highs * UINT64_C(0x0002040810204081) >> 56;
}

/*
 * memcpy of some dozen bytes: without a call, and without the instructions for long copies, which
 * take longer to begin than this takes in all.
 */
static inline void eight_copy(char *to, const char *from, size_t len)
{
    if (len >= 8) {
        for (size_t at = 0; at + 8 < len; at += 8)
            memcpy(to + at, from + at, 8);
        memcpy(to + len - 8, from + len - 8, 8);
    } else if (len >= 4) {
        uint32_t first, last;

        memcpy(&first, from, 4);
        memcpy(&last, from + len - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + len - 4, &last, 4);
    } else if (len > 0) {
        char middle = from[len / 2], last = from[len - 1];

        to[0] = from[0];
        to[len / 2] = middle;
        to[len - 1] = last;
    }
}

/* ASCII letters in lower case. */
static inline uint64_t eight_lower(uint64_t word)
{
    return word | eight_between(word, 'A', 'Z') >> 2;
}

#endif
