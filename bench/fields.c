#include "fields.h"

#include "base/eight.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* The set bits' places. Eight at a time: mostly there are fewer, and no branch is to be guessed. */
static inline __attribute__((always_inline)) size_t put_places(uint64_t bits, uint32_t base,
                                                               uint32_t *out)
{
    size_t count = (size_t)__builtin_popcountll(bits);

    for (size_t at = 0; at < count; at += 8)
        for (size_t i = 0; i < 8; i++) {
            out[at + i] = base + (uint32_t)__builtin_ctzll(bits | UINT64_C(1) << 63);
            bits &= bits - 1;
        }
    return count;
}

/* Those that stand where the number of quotes before them is even: `within` has a bit elsewhere. */
static inline __attribute__((always_inline)) size_t
put_block(uint64_t separators, uint64_t within, uint64_t *is_quoted, uint32_t base, uint32_t *out)
{
    within ^= *is_quoted;
    *is_quoted = -(within >> 63);
    return put_places(separators & ~within, base, out);
}

#if defined(__x86_64__)

#define WITH_AVX2 __attribute__((target("avx2,pclmul,popcnt,bmi")))

WITH_AVX2 static inline uint64_t equal_avx2(__m256i low, __m256i high, char byte)
{
    const __m256i all = _mm256_set1_epi8(byte);
    uint32_t first = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, all));
    uint32_t second = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, all));

    return first | (uint64_t)second << 32;
}

WITH_AVX2 static size_t find_avx2(const char *bytes, size_t len, uint32_t base, uint64_t *is_quoted,
                                  uint32_t *out)
{
    size_t count = 0;

    for (size_t at = 0; at < len; at += FIELDS_BLOCK) {
        __m256i low = _mm256_loadu_si256((const void *)(bytes + at));
        __m256i high = _mm256_loadu_si256((const void *)(bytes + at + 32));
        uint64_t quotes = equal_avx2(low, high, '"');
        uint64_t separators = equal_avx2(low, high, ',') | equal_avx2(low, high, '\n');
        __m128i parity =
            _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t)quotes), _mm_set1_epi8(-1), 0);

        count += put_block(separators, (uint64_t)_mm_cvtsi128_si64(parity), is_quoted,
                           base + (uint32_t)at, out + count);
    }
    return count;
}

#endif

static size_t find_anywhere(const char *bytes, size_t len, uint32_t base, uint64_t *is_quoted,
                            uint32_t *out)
{
    size_t count = 0;

    for (size_t at = 0; at < len; at += FIELDS_BLOCK) {
        uint64_t quotes = 0, separators = 0;

        for (unsigned i = 0; i < FIELDS_BLOCK; i += 8) {
            uint64_t word = eight_read(bytes + at + i);

            quotes |= eight_gather(eight_equal(word, '"')) << i;
            separators |= eight_gather(eight_equal(word, ',') | eight_equal(word, '\n')) << i;
        }
        for (unsigned shift = 1; shift < 64; shift *= 2)
            quotes ^= quotes << shift;
        count += put_block(separators, quotes, is_quoted, base + (uint32_t)at, out + count);
    }
    return count;
}

size_t fields_find(const char *bytes, size_t len, uint32_t base, uint64_t *is_quoted, uint32_t *out)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul"))
        return find_avx2(bytes, len, base, is_quoted, out);
#endif
    return find_anywhere(bytes, len, base, is_quoted, out);
}
