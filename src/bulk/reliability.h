/*
 * How far scores came true: of addresses whose server proved nothing and whose outcome is known by
 * now, what was foretold beside what happened (doc/SCORING.md).
 */
#ifndef MK_BULK_RELIABILITY_H
#define MK_BULK_RELIABILITY_H

#include <stdbool.h>
#include <stdint.h>

#define BULK_RELIABILITY_BINS 10 /* of ten points; 100 is in the last */

struct bulk_reliability {
    uint64_t count, delivered;
    uint64_t error_sum; /* of (score - outcome)^2, both in percent */
    struct {
        uint64_t count, delivered, score_sum;
    } bins[BULK_RELIABILITY_BINS];
};

void bulk_reliability_add(struct bulk_reliability *reliability, uint8_t score, bool is_delivered);

/* Of none: 0. The Brier score: 0 is perfect, 0.25 a coin. */
double bulk_reliability_brier(const struct bulk_reliability *reliability);
/* The Brier score of who only knows the share of deliveries. */
double bulk_reliability_base(const struct bulk_reliability *reliability);
/* How far, on average, a score is off what happened to its bin: 0 to 1. */
double bulk_reliability_error(const struct bulk_reliability *reliability);

#endif
