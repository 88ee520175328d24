#include "bulk/stats.h"

#include <string.h>

#include "base/check.h"
#include "base/instant.h"

void bulk_stats_init(struct bulk_stats *stats, uint64_t seed)
{
    *stats = (struct bulk_stats){.bin_ms = SECOND_MS};
    bulk_tally_init(&stats->domains, BULK_STATS_DOMAINS, seed);
    bulk_tally_init(&stats->providers, BULK_STATS_PROVIDERS, seed);
}

void bulk_stats_done(struct bulk_stats *stats)
{
    bulk_tally_done(&stats->domains);
    bulk_tally_done(&stats->providers);
}

/* Bins twice as wide: pairs counted from the first moment are put together. */
static void widen(struct bulk_stats *stats)
{
    for (size_t i = 0; i < BULK_STATS_TIME_BINS / 2; i++)
        for (size_t s = 0; s < VERDICT_STATUS_COUNT; s++)
            stats->by_time[i][s] = stats->by_time[2 * i][s] + stats->by_time[2 * i + 1][s];
    memset(stats->by_time[BULK_STATS_TIME_BINS / 2], 0, sizeof(stats->by_time) / 2);
    stats->bin_ms *= 2;
    stats->time_bins = (stats->time_bins + 1) / 2;
}

/* An earlier moment than the first: everything moves to the right by whole bins. */
static void begin_earlier(struct bulk_stats *stats, int64_t unix_ms)
{
    int64_t bins = (stats->first_unix_ms - unix_ms + stats->bin_ms - 1) / stats->bin_ms;

    while (bins + (int64_t)stats->time_bins > BULK_STATS_TIME_BINS) {
        widen(stats);
        bins = (stats->first_unix_ms - unix_ms + stats->bin_ms - 1) / stats->bin_ms;
    }
    memmove(stats->by_time[bins], stats->by_time[0], stats->time_bins * sizeof(stats->by_time[0]));
    memset(stats->by_time[0], 0, (size_t)bins * sizeof(stats->by_time[0]));
    stats->time_bins += (size_t)bins;
    stats->first_unix_ms -= bins * stats->bin_ms;
}

static void add_time(struct bulk_stats *stats, enum verdict_status status, int64_t unix_ms)
{
    int64_t bin;

    if (unix_ms <= 0)
        return;
    if (stats->first_unix_ms == 0)
        stats->first_unix_ms = stats->last_unix_ms = unix_ms;
    if (unix_ms < stats->first_unix_ms)
        begin_earlier(stats, unix_ms);
    if (unix_ms > stats->last_unix_ms)
        stats->last_unix_ms = unix_ms;
    while ((bin = (unix_ms - stats->first_unix_ms) / stats->bin_ms) >= BULK_STATS_TIME_BINS)
        widen(stats);
    stats->by_time[bin][status]++;
    if ((size_t)bin >= stats->time_bins)
        stats->time_bins = (size_t)bin + 1;
}

static void add_scores(struct bulk_stats *stats, const struct bulk_outcome *outcome)
{
    size_t bin = outcome->score / (100 / BULK_STATS_SCORE_BINS);

    stats->by_score[bin < BULK_STATS_SCORE_BINS ? bin : BULK_STATS_SCORE_BINS - 1]++;
    if (outcome->status == VERDICT_SKIPPED)
        return;
    stats->looked_at++;
    stats->looked_at_score += outcome->score;
    if (outcome->action == ACTION_SEND) {
        stats->to_send++;
        stats->to_send_score += outcome->score;
    }
    if (outcome->action == ACTION_SEND || outcome->status == VERDICT_CATCH_ALL) {
        stats->with_catch_all++;
        stats->with_catch_all_score += outcome->score;
    }
}

int bulk_stats_add(struct bulk_stats *stats, const struct bulk_outcome *outcome, bool has_fault,
                   int64_t unix_ms)
{
    if (outcome != NULL) {
        struct slice provider = outcome->provider.len > 0 ? outcome->provider : SLICE("other");

        if (bulk_tally_add(&stats->providers, provider, outcome->status) != 0)
            return ERROR_NOMEM;
        if (outcome->domain.len > 0 &&
            bulk_tally_add(&stats->domains, outcome->domain, outcome->status) != 0)
            return ERROR_NOMEM;
    }
    stats->rows++;
    stats->faults += has_fault;
    if (outcome == NULL) {
        stats->pending++;
        return 0;
    }
    CHECK(outcome->reason < VERDICT_REASON_COUNT && outcome->action < VERDICT_ACTION_COUNT);
    stats->duplicates += outcome->duplicate;
    stats->suggestions += outcome->suggestion.len > 0;
    stats->by_status[outcome->status]++;
    stats->by_reason[outcome->reason]++;
    stats->by_action[outcome->action]++;
    for (unsigned i = 0; i < VERDICT_FLAG_COUNT; i++)
        stats->by_flag[i] += outcome->flags >> i & 1;
    add_scores(stats, outcome);
    add_time(stats, outcome->status, unix_ms);
    return 0;
}

static double bounce(uint64_t count, uint64_t score)
{
    return count > 0 ? 100.0 - (double)score / (double)count : 0.0;
}

double bulk_stats_bounce_before(const struct bulk_stats *stats)
{
    return bounce(stats->looked_at, stats->looked_at_score);
}

double bulk_stats_bounce_after(const struct bulk_stats *stats)
{
    return bounce(stats->to_send, stats->to_send_score);
}

double bulk_stats_bounce_with_catch_all(const struct bulk_stats *stats)
{
    return bounce(stats->with_catch_all, stats->with_catch_all_score);
}
