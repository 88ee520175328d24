#include "bulk/reliability.h"

#include <stddef.h>

#include "base/check.h"

void bulk_reliability_add(struct bulk_reliability *reliability, uint8_t score, bool is_delivered)
{
    size_t bin = score * BULK_RELIABILITY_BINS / 100u;
    int off = score - (is_delivered ? 100 : 0);

    CHECK(score <= 100);
    if (bin == BULK_RELIABILITY_BINS)
        bin--;
    reliability->count++;
    reliability->delivered += is_delivered;
    reliability->error_sum += (uint64_t)(off * off);
    reliability->bins[bin].count++;
    reliability->bins[bin].delivered += is_delivered;
    reliability->bins[bin].score_sum += score;
}

double bulk_reliability_brier(const struct bulk_reliability *reliability)
{
    if (reliability->count == 0)
        return 0;
    return (double)reliability->error_sum / 10000.0 / (double)reliability->count;
}

double bulk_reliability_base(const struct bulk_reliability *reliability)
{
    double share;

    if (reliability->count == 0)
        return 0;
    share = (double)reliability->delivered / (double)reliability->count;
    return share * (1 - share);
}

double bulk_reliability_error(const struct bulk_reliability *reliability)
{
    double sum = 0;

    if (reliability->count == 0)
        return 0;
    for (size_t i = 0; i < BULK_RELIABILITY_BINS; i++) {
        double off =
            (double)reliability->bins[i].score_sum / 100.0 - (double)reliability->bins[i].delivered;

        sum += off < 0 ? -off : off;
    }
    return sum / (double)reliability->count;
}
