/*
 * The score against made-up populations whose outcomes are known: it tells more than the share of
 * deliveries does, and what it says comes true. The weights were fitted on seed 1 (doc/SCORING.md);
 * the seeds here they have not seen.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "population.h"
#include "verdict/verdict.h"

#define BINS    10
#define DOMAINS 2500

struct tally {
    size_t count, delivered;
    double brier;
    struct {
        double foretold;
        size_t delivered;
    } bins[BINS];
    bool only_catch_all;
    uint32_t told_least, told_most; /* others of the domain that something is known of */
};

#define ANY UINT32_MAX

static uint32_t told(const struct evidence_peers *peers)
{
    uint32_t by_mail = peers->delivered + peers->bounced, asked = peers->accepted + peers->absent;

    return by_mail > asked ? by_mail : asked;
}

static void count(void *user, const struct evidence *evidence, bool is_delivered)
{
    struct tally *tally = user;
    struct verdict verdict;
    double chance;
    size_t bin;

    verdict_judge(evidence, &verdict);
    assert_true(verdict.status == VERDICT_CATCH_ALL || verdict.status == VERDICT_UNKNOWN);
    if ((tally->only_catch_all && verdict.status != VERDICT_CATCH_ALL) ||
        told(&evidence->peers) < tally->told_least || told(&evidence->peers) > tally->told_most)
        return;
    chance = verdict.score / 100.0;
    bin = verdict.score * BINS / 100;
    tally->count++;
    tally->delivered += is_delivered;
    tally->brier += (chance - is_delivered) * (chance - is_delivered);
    tally->bins[bin].foretold += chance;
    tally->bins[bin].delivered += is_delivered;
}

static double calibration_error(const struct tally *tally)
{
    double error = 0;

    for (size_t i = 0; i < BINS; i++) {
        double off = tally->bins[i].foretold - (double)tally->bins[i].delivered;

        error += off < 0 ? -off : off;
    }
    return error / (double)tally->count;
}

static struct tally tally_told(uint64_t seed, unsigned live_percent, bool only_catch_all,
                               uint32_t told_least, uint32_t told_most)
{
    const char *root = getenv("MK_SOURCE_ROOT");
    struct slice names = population_names(root != NULL ? root : ".");
    struct tally tally = {
        .only_catch_all = only_catch_all,
        .told_least = told_least,
        .told_most = told_most,
    };
    double share, base;

    population_make(seed, DOMAINS, live_percent, names, count, &tally);
    memory_free((void *)(uintptr_t)names.ptr);
    share = (double)tally.delivered / (double)tally.count;
    base = share * (1 - share);
    tally.brier /= (double)tally.count;
    print_message("seed %llu: %zu outcomes, %.1f %% delivered; Brier %.4f, %.2f of %.4f; "
                  "calibration error %.3f\n",
                  (unsigned long long)seed, tally.count, 100 * share, tally.brier,
                  tally.brier / base, base, calibration_error(&tally));
    tally.brier /= base;
    return tally;
}

static struct tally tally_of(uint64_t seed, unsigned live_percent, bool only_catch_all)
{
    return tally_told(seed, live_percent, only_catch_all, 0, ANY);
}

static void it_tells_more_than_the_share_and_comes_true(void **state)
{
    for (uint64_t seed = 1001; seed < 1006; seed++) {
        struct tally tally = tally_of(seed, 0, false);

        assert_true(tally.count > DOMAINS);
        assert_true(tally.brier < 0.82);
        assert_true(calibration_error(&tally) < 0.05);
    }
}

static void so_it_does_of_catch_all_domains_alone(void **state)
{
    struct tally tally = tally_of(1010, 0, true);

    assert_true(tally.brier < 0.82);
    assert_true(calibration_error(&tally) < 0.05);
}

/* It grows with use: the more is known of a domain's others, the more it tells. */
static void it_tells_more_where_more_is_known(void **state)
{
    static const struct {
        uint32_t least, most;
        double brier;
    } rows[] = {{0, 0, 0.95}, {1, 3, 0.84}, {4, ANY, 0.75}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tally tally = tally_told(1011, 0, false, rows[i].least, rows[i].most);

        assert_true(tally.count > DOMAINS);
        assert_true(tally.brier < rows[i].brier);
        assert_true(calibration_error(&tally) < 0.05);
    }
}

/* Better and worse lists than it was fitted on: it still tells more than their share does. */
static void other_lists_are_still_told_apart(void **state)
{
    assert_true(tally_of(1020, 48, false).brier < 0.93);
    assert_true(tally_of(1021, 68, false).brier < 0.93);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_more_than_the_share_and_comes_true),
        cmocka_unit_test(so_it_does_of_catch_all_domains_alone),
        cmocka_unit_test(it_tells_more_where_more_is_known),
        cmocka_unit_test(other_lists_are_still_told_apart),
    };

    return cmocka_run_group_tests_name("score-population", tests, NULL, NULL);
}
