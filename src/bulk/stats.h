/*
 * What a list came to: counts of everything a report or a page shows, gathered row by row in memory
 * that does not grow with the list.
 */
#ifndef MK_BULK_STATS_H
#define MK_BULK_STATS_H

#include "base/error.h"
#include "bulk/outcome.h"
#include "bulk/reliability.h"
#include "bulk/tally.h"

#define BULK_STATS_SCORE_BINS 20 /* of five points; 100 is in the last */
#define BULK_STATS_TIME_BINS  96 /* at most; they grow wider as time goes on */
#define BULK_STATS_DOMAINS    4096
#define BULK_STATS_PROVIDERS  512

struct bulk_stats {
    uint64_t rows;       /* all of the list */
    uint64_t pending;    /* of them: not determined yet */
    uint64_t duplicates; /* the same mailbox stands further up */
    uint64_t faults;     /* rows that could not be read */
    uint64_t suggestions;
    uint64_t by_status[VERDICT_STATUS_COUNT];
    uint64_t by_reason[VERDICT_REASON_COUNT];
    uint64_t by_flag[VERDICT_FLAG_COUNT];
    uint64_t by_action[VERDICT_ACTION_COUNT];
    uint64_t by_score[BULK_STATS_SCORE_BINS];
    /* Sums of scores, for the share that would bounce: of all that were looked at, of those to be
     * sent to, and of those with catch-all domains beside them. */
    uint64_t looked_at, looked_at_score;
    uint64_t to_send, to_send_score;
    uint64_t with_catch_all, with_catch_all_score;

    struct bulk_reliability reliability; /* filled by whoever knows outcomes */
    struct bulk_tally domains, providers;

    /* When rows were determined. */
    int64_t first_unix_ms, last_unix_ms; /* 0: not known */
    int64_t bin_ms;                      /* width of a bin */
    uint64_t by_time[BULK_STATS_TIME_BINS][VERDICT_STATUS_COUNT];
    size_t time_bins;
};

void bulk_stats_init(struct bulk_stats *stats, uint64_t seed);
void bulk_stats_done(struct bulk_stats *stats);

/*
 * One row. outcome NULL: pending. unix_ms: when it was determined, 0 where that is not known; rows
 * may come in any order of time. ERROR_NOMEM: the row was not counted.
 */
int bulk_stats_add(struct bulk_stats *stats, const struct bulk_outcome *outcome, bool has_fault,
                   int64_t unix_ms);

/* Estimated share of messages that would bounce, in percent; 0 where there is nothing to send to.
 */
double bulk_stats_bounce_before(const struct bulk_stats *stats);
double bulk_stats_bounce_after(const struct bulk_stats *stats);
double bulk_stats_bounce_with_catch_all(const struct bulk_stats *stats);

#endif
