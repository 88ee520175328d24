/* Tests of the score: its arithmetic, its bounds, and that nothing in it touches a status. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "lists/builtin.h"
#include "verdict/score.h"
#include "verdict/verdict.h"
#include "verdict/verdict_rig.h"

#define OK_ "250 2.1.5 Ok"
#define NF  "550 5.1.1 <user@example.com>: User unknown"

static const struct score_term *term_of(const struct score *score, const char *name)
{
    for (size_t i = 0; i < score->term_count; i++)
        if (strcmp(score->terms[i].weight->name, name) == 0)
            return &score->terms[i];
    return NULL;
}

/* 1 / (1 + e^-x) without the mathematics library: e^-x by its series, halved into reach. */
static double logistic(double x)
{
    double y = -x / 4096, sum = 1 + y + y * y / 2 + y * y * y / 6;

    for (int i = 0; i < 12; i++)
        sum *= sum;
    return 1 / (1 + sum);
}

static void steps_are_those_of_the_logistic_curve(void **state)
{
    for (int percent = 1; percent <= 100; percent++) {
        double at = 100 * logistic(score_percent_steps[percent - 1] / 1000.0);

        if (at < percent - 0.501 || at > percent - 0.47)
            fail_msg("step of %d %%: %f", percent, at);
    }
}

static void weights_have_names_and_meanings(void **state)
{
    for (int i = 0; i < VERDICT_REASON_COUNT; i++)
        assert_string_equal(score_reason_weights[i].name,
                            verdict_reason_name((enum verdict_reason)i));
    for (int i = 0; i < SCORE_BASIS_COUNT; i++)
        assert_true(strlen(score_special_weights[i].meaning) > 0);
    for (int i = 0; i < SCORE_FEATURE_COUNT; i++)
        assert_true(strlen(score_feature_weights[i].meaning) > 0);
}

static void catch_all(struct rig *rig, const char *address)
{
    rig_init(rig, address);
    rig_domain(rig, "mx1");
    rig_attempts(rig, "mx1 rcpt " OK_ "\n?mx1 rcpt " OK_);
}

static uint8_t score_now(const struct rig *rig)
{
    struct verdict verdict;

    verdict_judge(&rig->evidence, &verdict);
    return verdict.score;
}

static void each_feature_pulls_its_way(void **state)
{
    static struct rig rig;
    struct score score;
    uint8_t plain;

    catch_all(&rig, "webshop@example.net");
    plain = score_now(&rig);
    assert_in_range(plain, 45, 70);

    catch_all(&rig, "xkqzvbwt@example.net");
    assert_true(score_now(&rig) + 15 < plain);

    catch_all(&rig, "webshop@example.net");
    rig.evidence.peers = (struct evidence_peers){.proven = 5, .alike = 5};
    assert_true(score_now(&rig) > plain + 10);
    verdict_score(&rig.evidence, &score);
    assert_non_null(term_of(&score, "pattern_fits"));
    assert_int_equal(term_of(&score, "pattern_fits")->value_milli, 833);
    assert_null(term_of(&score, "pattern_differs"));
    rig.evidence.peers = (struct evidence_peers){.proven = 5};
    assert_true(score_now(&rig) + 10 < plain);

    rig.evidence.peers = (struct evidence_peers){.delivered = 9};
    assert_true(score_now(&rig) > plain);
    rig.evidence.peers = (struct evidence_peers){.bounced = 9};
    assert_true(score_now(&rig) + 10 < plain);
    rig.evidence.peers = (struct evidence_peers){.refused = 3};
    assert_true(score_now(&rig) > plain);
    /* Of who accepts everybody only refusals are seen: they don't tell how many are gone. */
    rig.evidence.peers = (struct evidence_peers){.refused = 3, .absent = 3};
    verdict_score(&rig.evidence, &score);
    assert_null(term_of(&score, "others_gone"));
    rig.evidence.peers = (struct evidence_peers){0};

    rig.evidence.suggestion = SLICE("webshop@example.com");
    verdict_score(&rig.evidence, &score);
    assert_non_null(term_of(&score, "lookalike_domain"));
    assert_true(score.percent + 10 < plain);
    rig.evidence.suggestion = SLICE("webshops@example.net");
    verdict_score(&rig.evidence, &score);
    assert_null(term_of(&score, "lookalike_domain"));
    assert_non_null(term_of(&score, "typo"));

    catch_all(&rig, "webshop@example.net");
    rig.evidence.history.delivered_unix_ms = 1;
    assert_in_range(score_now(&rig), 90, 94);
}

/* As doc/HISTORY.md has it: what a delivery does to addresses that no server proved. */
static void a_delivery_raises_what_is_not_proven(void **state)
{
    static const struct {
        const char *address, *attempts;
        enum verdict_reason reason;
        uint8_t least, most;
    } rows[] = {
        {"webshop@example.net", "mx1 rcpt " OK_ "\n?mx1 rcpt " OK_, REASON_ACCEPTS_ALL, 90, 94},
        {"xk7qz9wv3hj@example.net", "mx1 rcpt " OK_ "\n?mx1 rcpt " OK_, REASON_ACCEPTS_ALL, 75, 85},
        {"webshop@example.net", "mx1 connect !connect_failed", REASON_CONNECT_FAILED, 80, 90},
        {"webshop@example.net", "mx1 rcpt 451 4.7.1 Greylisted, try again later", REASON_GREYLISTED,
         90, 94},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct rig rig;
        struct verdict verdict;
        uint8_t plain;

        rig_init(&rig, rows[i].address);
        rig_domain(&rig, "mx1");
        rig_attempts(&rig, rows[i].attempts);
        plain = score_now(&rig);
        rig.evidence.history.delivered_unix_ms = 1;
        verdict_judge(&rig.evidence, &verdict);
        assert_int_equal(verdict.reason, rows[i].reason);
        assert_true(verdict.score >= plain + 20);
        assert_in_range(verdict.score, rows[i].least, rows[i].most);
        assert_int_equal(verdict.action,
                         verdict.status == VERDICT_CATCH_ALL ? ACTION_SEND : ACTION_RETRY);
    }
}

/* Where no server answers now, what it said of others tells how the domain is kept. */
static void others_of_the_domain_tell(void **state)
{
    static struct rig rig;
    struct score score;
    uint8_t plain;

    rig_init(&rig, "webshop@example.net");
    rig_domain(&rig, "mx1");
    rig_attempts(&rig, "mx1 rcpt !timeout");
    plain = score_now(&rig);
    rig.evidence.peers = (struct evidence_peers){.accepted = 10, .absent = 1, .refused = 1};
    verdict_score(&rig.evidence, &score);
    assert_int_equal(term_of(&score, "others_live")->value_milli, 666); /* 10 of 11 + 4 */
    assert_int_equal(term_of(&score, "others_gone")->value_milli, 66);
    assert_true(score.percent > plain + 5);
    rig.evidence.peers = (struct evidence_peers){.delivered = 1, .bounced = 6, .absent = 3};
    verdict_score(&rig.evidence, &score);
    assert_int_equal(term_of(&score, "others_gone")->value_milli, 642); /* 9 of 10 + 4 */
    assert_true(score.percent + 10 < plain);
    /* One tells little, ten more. */
    rig.evidence.peers = (struct evidence_peers){.bounced = 1};
    assert_in_range(plain - score_now(&rig), 1, 12);
}

/* The sum is what the parts say, and nothing is left out. */
static void parts_add_up(void **state)
{
    static struct rig rig;
    struct score score;
    int32_t sum;

    catch_all(&rig, "anna.schmidt@example.net");
    rig.evidence.peers =
        (struct evidence_peers){.proven = 7, .alike = 3, .delivered = 2, .bounced = 1};
    verdict_score(&rig.evidence, &score);
    assert_true(score.term_count >= 4);
    sum = score.basis->milli;
    for (size_t i = 0; i < score.term_count; i++) {
        assert_in_range(score.terms[i].value_milli, 1, 1000);
        sum += score.terms[i].milli;
    }
    assert_int_equal(sum, score.log_odds_milli);
    assert_int_equal(score.percent, score_now(&rig));
}

/*
 * The whole space of features, extremes and all: an address that is not proven stays below every
 * one that is, and its status stays what the servers said.
 */
static void no_feature_makes_a_catch_all_valid(void **state)
{
    static const char *const locals[] = {"anna.schmidt", "webshop", "info", "xkqzvbwt", "no-reply"};
    static const char *const attempts[] = {"mx1 rcpt " OK_ "\n?mx1 rcpt " OK_,
                                           "mx1 rcpt 450 4.2.0 Greylisted"};
    static const struct evidence_peers peers[] = {
        {0},
        {.proven = UINT32_MAX, .alike = UINT32_MAX, .refused = UINT32_MAX, .delivered = UINT32_MAX},
        {.proven = UINT32_MAX, .bounced = UINT32_MAX},
    };
    static const char *const providers[] = {NULL, "google"};
    static struct rig rig;
    struct verdict verdict;
    size_t looked_at = 0;

    for (unsigned i = 0; i < 5 * 2 * 3 * 2 * 128; i++) {
        unsigned bits = i & 127, rest = i >> 7;
        const char *local = locals[rest % 5];
        bool accepts = (rest / 5) % 2 == 0;
        char address[64];

        snprintf(address, sizeof(address), "%s@example.net", local);
        rig_init(&rig, address);
        rig_domain(&rig, (bits & 1) != 0 ? "implicit" : "mx1");
        rig_attempts(&rig, attempts[accepts ? 0 : 1]);
        rig.evidence.peers = peers[(rest / 10) % 3];
        if (providers[(rest / 30) % 2] != NULL)
            rig_provider(&rig, providers[(rest / 30) % 2]);
        rig.domain.spf_outcome = DNS_NODATA;
        rig.domain.spf = (bits & 2) != 0 ? SLICE("v=spf1 -all") : SLICE_EMPTY;
        rig.domain.dmarc = (bits & 4) != 0 ? SLICE("v=DMARC1; p=none") : SLICE_EMPTY;
        rig.evidence.suggestion = (bits & 8) != 0 ? SLICE("a@example.com") : SLICE_EMPTY;
        rig.evidence.builtin_classes = (bits & 16 ? LISTS_ROLE : 0) | (bits & 32 ? LISTS_FREE : 0);
        rig.evidence.history.delivered_unix_ms = (bits & 64) != 0 ? 1 : 0;
        verdict_judge(&rig.evidence, &verdict);
        assert_int_equal(verdict.status, accepts ? VERDICT_CATCH_ALL : VERDICT_UNKNOWN);
        assert_in_range(verdict.score, 1, 94);
        looked_at++;
    }
    assert_int_equal(looked_at, 7680);
}

static void what_is_proven_keeps_its_place(void **state)
{
    static struct rig rig;

    for (unsigned bits = 0; bits < 8; bits++) {
        rig_init(&rig, (bits & 1) != 0 ? "xkqzvbwt@example.net" : "anna@example.net");
        rig_domain(&rig, "mx1");
        rig_attempts(&rig, (bits & 2) != 0 ? "mx1 rcpt " OK_ : "mx1 rcpt " OK_ "\n?mx1 rcpt " NF);
        if ((bits & 2) != 0)
            rig.evidence.catch_all = EVIDENCE_CATCH_ALL_REFUSES;
        if ((bits & 4) != 0)
            rig_provider(&rig, "microsoft365");
        assert_in_range(score_now(&rig), 95, 99);
    }
    rig_init(&rig, "user@example.com");
    rig_domain(&rig, "mx1");
    rig_attempts(&rig, "mx1 rcpt " NF);
    rig.evidence.peers = (struct evidence_peers){.proven = 9, .alike = 9, .delivered = 9};
    assert_in_range(score_now(&rig), 0, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_the_logistic_curve),
        cmocka_unit_test(weights_have_names_and_meanings),
        cmocka_unit_test(each_feature_pulls_its_way),
        cmocka_unit_test(a_delivery_raises_what_is_not_proven),
        cmocka_unit_test(others_of_the_domain_tell),
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(no_feature_makes_a_catch_all_valid),
        cmocka_unit_test(what_is_proven_keeps_its_place),
    };

    return cmocka_run_group_tests_name("score", tests, NULL, NULL);
}
