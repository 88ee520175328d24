/*
 * A seeded random source: the same seed gives the same run, on every machine.
 *
 * xoshiro256** seeded by SplitMix64 (Blackman and Vigna, 2018). For spreading load and for tests;
 * never for secrets.
 */
#ifndef MK_BASE_RANDOM_H
#define MK_BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_init(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);
/* Uniform in 0 to bound - 1; bound must be above 0. */
uint64_t random_below(struct random *random, uint64_t bound);
/* True with probability numerator / denominator. */
bool random_chance(struct random *random, uint32_t numerator, uint32_t denominator);
/* Fisher-Yates over count elements of size bytes each (size up to 256). */
void random_shuffle(struct random *random, void *array, size_t count, size_t size);

#endif
