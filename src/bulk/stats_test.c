/* Tests of the counts of a list, and of counting names in bounded memory. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/random.h"
#include "bulk/stats.h"

static struct bulk_outcome outcome(enum verdict_reason reason, enum verdict_action action,
                                   uint8_t score, const char *domain, const char *provider)
{
    return (struct bulk_outcome){
        .status = verdict_reason_status(reason),
        .reason = reason,
        .action = action,
        .score = score,
        .domain = slice_from_string(domain),
        .provider = slice_from_string(provider),
        .suggestion = SLICE_EMPTY,
    };
}

static void everything_is_counted(void **state)
{
    struct bulk_stats stats;
    struct bulk_outcome rows[] = {
        outcome(REASON_ACCEPTED, ACTION_SEND, 98, "a.example", "Gmail"),
        outcome(REASON_ACCEPTED, ACTION_SEND, 100, "a.example", "Gmail"),
        outcome(REASON_ACCEPTS_ALL, ACTION_REVIEW, 60, "b.example", ""),
        outcome(REASON_MAILBOX_NOT_FOUND, ACTION_SUPPRESS, 2, "a.example", "Gmail"),
        outcome(REASON_OPTED_OUT, ACTION_SUPPRESS, 50, "", ""),
    };

    rows[1].flags = VERDICT_FLAG_ROLE | VERDICT_FLAG_FREE;
    rows[3].suggestion = SLICE("x@y.example");
    rows[3].duplicate = true;
    bulk_stats_init(&stats, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(bulk_stats_add(&stats, &rows[i], i == 3, 1000000 + (int64_t)i), 0);
    assert_int_equal(bulk_stats_add(&stats, NULL, false, 0), 0);
    assert_int_equal(stats.rows, 6);
    assert_int_equal(stats.pending, 1);
    assert_int_equal(stats.duplicates, 1);
    assert_int_equal(stats.faults, 1);
    assert_int_equal(stats.suggestions, 1);
    assert_int_equal(stats.by_status[VERDICT_VALID], 2);
    assert_int_equal(stats.by_reason[REASON_ACCEPTS_ALL], 1);
    assert_int_equal(stats.by_action[ACTION_SUPPRESS], 2);
    assert_int_equal(stats.by_flag[VERDICT_FLAG_INDEX_ROLE], 1);
    assert_int_equal(stats.by_score[0], 1);
    assert_int_equal(stats.by_score[19], 2);
    assert_int_equal(stats.by_score[12], 1);
    assert_true(bulk_stats_bounce_before(&stats) == 100.0 - 260.0 / 4);
    assert_true(bulk_stats_bounce_after(&stats) == 1.0);
    assert_true(bulk_stats_bounce_with_catch_all(&stats) == 14.0);
    assert_int_equal(stats.providers.count, 2);
    bulk_tally_sort(&stats.domains, bulk_tally_bad);
    assert_true(slice_equal(stats.domains.entries[0]->name, SLICE("a.example")));
    assert_int_equal(stats.domains.entries[0]->total, 3);
    assert_int_equal(stats.domains.entries[0]->by_status[VERDICT_INVALID], 1);
    bulk_stats_done(&stats);
}

static void an_empty_list_has_no_rates(void **state)
{
    struct bulk_stats stats;

    bulk_stats_init(&stats, 1);
    assert_true(bulk_stats_bounce_before(&stats) == 0.0);
    assert_true(bulk_stats_bounce_after(&stats) == 0.0);
    bulk_stats_done(&stats);
}

/* Moments in any order, over a second or over weeks: none is lost, and all bins suffice. */
static void time_always_fits(void **state)
{
    static const int64_t spans[] = {1000, 95000, 97000, 3600000, INT64_C(86400000) * 30};
    struct bulk_outcome row = outcome(REASON_ACCEPTED, ACTION_SEND, 98, "a.example", "");
    struct random random;

    random_init(&random, 7);
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
        struct bulk_stats stats;
        int64_t first = INT64_MAX, last = 0;
        uint64_t sum = 0;

        bulk_stats_init(&stats, 1);
        for (int k = 0; k < 2000; k++) {
            int64_t at =
                INT64_C(1700000000000) + (int64_t)random_below(&random, (uint64_t)spans[i]);

            first = at < first ? at : first;
            last = at > last ? at : last;
            assert_int_equal(bulk_stats_add(&stats, &row, false, at), 0);
            assert_true(stats.time_bins <= BULK_STATS_TIME_BINS);
        }
        for (size_t b = 0; b < stats.time_bins; b++)
            sum += stats.by_time[b][VERDICT_VALID];
        assert_int_equal(sum, 2000);
        assert_int_equal(stats.last_unix_ms, last);
        assert_true(stats.first_unix_ms <= first && stats.first_unix_ms > first - stats.bin_ms);
        assert_true((int64_t)stats.time_bins * stats.bin_ms >= last - first);
        bulk_stats_done(&stats);
    }
}

/* A hundred thousand names in room for 256: the frequent ones are there, nearly exact. */
static void frequent_names_stay(void **state)
{
    struct bulk_tally tally;
    struct random random;

    random_init(&random, 3);
    bulk_tally_init(&tally, 256, 9);
    for (int i = 0; i < 200000; i++) {
        char name[32];
        bool is_frequent = random_chance(&random, 1, 2);

        snprintf(name, sizeof(name), is_frequent ? "frequent%llu" : "rare%llu",
                 (unsigned long long)random_below(&random, is_frequent ? 10 : 100000));
        assert_int_equal(bulk_tally_add(&tally, slice_from_string(name), VERDICT_INVALID), 0);
        assert_true(tally.count <= 256);
    }
    assert_true(tally.lost > 0);
    bulk_tally_sort(&tally, bulk_tally_total);
    for (int i = 0; i < 10; i++) {
        assert_true(slice_starts_with(tally.entries[i]->name, SLICE("frequent")));
        assert_in_range(tally.entries[i]->total, 9000, 11000);
    }
    bulk_tally_done(&tally);
}

static void memory_runs_out(void **state)
{
    struct bulk_outcome row = outcome(REASON_ACCEPTED, ACTION_SEND, 98, "a.example", "Gmail");

    for (int64_t n = 0; n < 20; n++) {
        struct bulk_stats stats;
        int code;

        bulk_stats_init(&stats, 1);
        memory_fail_after(n);
        code = bulk_stats_add(&stats, &row, false, 0);
        memory_fail_after(-1);
        assert_true(code == 0 || code == ERROR_NOMEM);
        assert_int_equal(stats.rows, code == 0);
        assert_int_equal(bulk_stats_add(&stats, &row, false, 0), 0);
        bulk_stats_done(&stats);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_counted), cmocka_unit_test(an_empty_list_has_no_rates),
        cmocka_unit_test(time_always_fits),      cmocka_unit_test(frequent_names_stay),
        cmocka_unit_test(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
