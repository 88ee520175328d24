/*
 * Tests of the report: its numbers are there, strangers' words are harmless, empty lists are lists.
 * With MK_REPORT=FILE the page of a made-up list is written there too, to be looked at.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/random.h"
#include "bulk/html.h"
#include "bulk/report.h"

static const struct {
    enum verdict_reason reason;
    enum verdict_action action;
    uint8_t score, spread;
    unsigned weight;
} kinds[] = {
    {REASON_ACCEPTED, ACTION_SEND, 95, 5, 610},
    {REASON_MAILBOX_NOT_FOUND, ACTION_SUPPRESS, 1, 3, 118},
    {REASON_DOMAIN_NOT_FOUND, ACTION_SUPPRESS, 1, 1, 31},
    {REASON_BAD_SYNTAX, ACTION_SUPPRESS, 1, 1, 9},
    {REASON_NULL_MX, ACTION_SUPPRESS, 1, 1, 4},
    {REASON_ACCEPTS_ALL, ACTION_REVIEW, 42, 25, 92},
    {REASON_PROVIDER_ACCEPTS_ALL, ACTION_REVIEW, 45, 20, 48},
    {REASON_DISPOSABLE, ACTION_SUPPRESS, 40, 15, 8},
    {REASON_MAILBOX_FULL, ACTION_SUPPRESS, 15, 1, 11},
    {REASON_KNOWN_BOUNCE, ACTION_SUPPRESS, 5, 1, 3},
    {REASON_GREYLISTED, ACTION_RETRY, 60, 10, 19},
    {REASON_TIMEOUT, ACTION_RETRY, 35, 10, 14},
    {REASON_PROBE_BLOCKED, ACTION_RETRY, 50, 10, 22},
    {REASON_RCPT_UNTRUSTED, ACTION_REVIEW, 60, 5, 24},
    {REASON_OPTED_OUT, ACTION_SUPPRESS, 50, 1, 4},
};

static const char *const providers[] = {
    "Gmail",    "Microsoft 365", "Outlook.com",          "Yahoo", "GMX", "Proofpoint",
    "Fastmail", "iCloud",        "<b>Evil & \"Co\"</b>", "OVH",   "",
};
static const char *const domains[] = {
    "gmail.com",
    "outlook.com",
    "yahoo.com",
    "gmx.de",
    "kestrelworks.example",
    "granitebank.example",
    "lumenstudio.example",
    "old-shop.example",
    "closed.example",
    "<script>alert(1)</script>.example",
    "xn--bcher-kva.example",
};

static void fill(struct bulk_stats *stats, int rows)
{
    struct random random;
    unsigned whole = 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        whole += kinds[i].weight;
    random_init(&random, 5);
    bulk_stats_init(stats, 1);
    for (int i = 0; i < rows; i++) {
        size_t kind = 0, who;
        unsigned at = (unsigned)random_below(&random, whole);
        struct bulk_outcome outcome;

        while (at >= kinds[kind].weight)
            at -= kinds[kind++].weight;
        who = (size_t)(random_below(&random, ARRAY_LEN(providers)) *
                       random_below(&random, ARRAY_LEN(providers)) / ARRAY_LEN(providers));
        outcome = (struct bulk_outcome){
            .status = verdict_reason_status(kinds[kind].reason),
            .reason = kinds[kind].reason,
            .action = kinds[kind].action,
            .score = (uint8_t)(kinds[kind].score + random_below(&random, kinds[kind].spread)),
            .flags = (random_chance(&random, 1, 9) ? VERDICT_FLAG_ROLE : 0u) |
                     (who < 4 ? VERDICT_FLAG_FREE : 0u) |
                     (random_chance(&random, 1, 80) ? VERDICT_FLAG_TYPO_SUSPECTED : 0u),
            .duplicate = random_chance(&random, 1, 50),
            .provider = slice_from_string(providers[who]),
            .domain = slice_from_string(domains[who]),
            .suggestion = random_chance(&random, 1, 90) ? SLICE("x@gmail.com") : SLICE_EMPTY,
        };
        assert_int_equal(
            bulk_stats_add(stats, &outcome, random_chance(&random, 1, 2000),
                           INT64_C(1795950000000) + (int64_t)(random_below(&random, 20000) *
                                                              random_below(&random, 1000))),
            0);
    }
}

static const struct bulk_report_setting some_settings[] = {
    {"Depth", "smtp"},
    {"Patience", "normal (up to 10 minutes)"},
    {"Duplicates", "same mailbox, answered on every row"},
    {"HELO name", "probe.kestrelworks.example"},
    {"Store", "sqlite: customers.csv.mailknock"},
};

static struct bulk_report report_of(struct bulk_stats *stats)
{
    return (struct bulk_report){
        .title = "customers <2026>.csv",
        .format = "CSV with ';', header, addresses in column 3 \"E-Mail\"",
        .stats = stats,
        .doubts = 3,
        .started_unix_ms = INT64_C(1795950000000),
        .finished_unix_ms = INT64_C(1795970000000),
        .settings = some_settings,
        .setting_count = ARRAY_LEN(some_settings),
        .version = "0.1.0",
    };
}

static bool has(const struct buffer *page, const char *text)
{
    return slice_find(buffer_slice(page), slice_from_string(text)) >= 0;
}

static void a_page_says_it_all(void **state)
{
    struct bulk_stats stats;
    struct bulk_report report = report_of(&stats);
    struct buffer page, again;
    const char *path = getenv("MK_REPORT");
    struct error error = {0};

    fill(&stats, 84512);
    buffer_init(&page, 0);
    buffer_init(&again, 0);
    assert_true(bulk_report_render(&report, &page));
    assert_true(bulk_report_render(&report, &again));
    assert_true(slice_equal(buffer_slice(&page), buffer_slice(&again)));
    assert_true(has(&page, ">84,512<"));
    assert_true(has(&page, "mailbox not found"));
    assert_true(has(&page, "E-Mail&quot;"));
    assert_true(has(&page, "5 h 33 min"));
    assert_true(has(&page, "<b>3</b> rows have quotes that leave a doubt"));
    assert_true(has(&page, "<h1>customers &lt;2026&gt;.csv</h1>"));
    assert_true(has(&page, "&lt;script&gt;alert(1)&lt;/script&gt;.example"));
    assert_true(has(&page, "&lt;b&gt;Evil &amp; &quot;Co&quot;&lt;/b&gt;"));
    /* a table goes on on the next sheet of paper, rather than leave half of one empty */
    assert_true(has(&page, "<section class=\"card long\"><h2>Reasons"));
    assert_true(has(&page, "<section class=\"card long\"><h2>Mail operators"));
    assert_true(has(&page, "<section class=\"card half long\"><h2>Worst domains"));
    /* nothing is run, nothing is loaded */
    assert_false(has(&page, "<script"));
    assert_false(has(&page, "<b>Evil"));
    assert_false(has(&page, "http://"));
    assert_false(has(&page, "https://"));
    assert_false(has(&page, "nan"));
    assert_false(has(&page, "inf;"));
    if (path != NULL)
        assert_int_equal(bulk_report_write(path, &report, &error), 0);
    buffer_done(&page);
    buffer_done(&again);
    bulk_stats_done(&stats);
}

static void small_lists_have_pages_too(void **state)
{
    for (int rows = 0; rows < 3; rows++) {
        struct bulk_stats stats;
        struct bulk_report report = {.title = "x", .stats = &stats, .version = "0"};
        struct buffer page;

        fill(&stats, rows);
        assert_int_equal(bulk_stats_add(&stats, NULL, false, 0), 0);
        buffer_init(&page, 0);
        assert_true(bulk_report_render(&report, &page));
        assert_true(has(&page, "<b>1</b> row is not determined yet"));
        /* no heading stands above nothing */
        assert_false(has(&page, "<h2>Settings"));
        assert_int_equal(has(&page, "<h2>What kind of addresses"), has(&page, "class=\"chips\""));
        assert_int_equal(has(&page, "0 messages</span></td><td></td><td class=\"r\">&ndash;</td>"),
                         stats.to_send == 0);
        assert_true(has(&page, "own mail servers"));
        report.asked_nobody = true;
        buffer_clear(&page);
        assert_true(bulk_report_render(&report, &page));
        assert_true(has(&page, "No mail server was asked"));
        assert_false(has(&page, "own mail servers"));
        assert_false(has(&page, "nan"));
        buffer_done(&page);
        bulk_stats_done(&stats);
    }
}

static void nothing_falls_where_all_is_sent(void **state)
{
    const struct bulk_outcome good = {
        .status = VERDICT_VALID, .reason = REASON_ACCEPTED, .action = ACTION_SEND, .score = 97};
    const struct bulk_outcome bad = {
        .status = VERDICT_INVALID, .reason = REASON_BAD_SYNTAX, .action = ACTION_SUPPRESS};
    struct bulk_stats stats;
    struct bulk_report report = {.title = "x", .stats = &stats, .version = "0"};
    struct buffer page;

    buffer_init(&page, 0);
    bulk_stats_init(&stats, 1);
    assert_int_equal(bulk_stats_add(&stats, &good, false, 0), 0);
    assert_true(bulk_report_render(&report, &page));
    assert_true(has(&page, "can be mailed now; estimated bounces are 3.0 %.</p>"));
    assert_int_equal(bulk_stats_add(&stats, &bad, false, 0), 0);
    buffer_clear(&page);
    assert_true(bulk_report_render(&report, &page));
    assert_true(has(&page, "(50.0 %); estimated bounces fall from 51.5 to 3.0 %.</p>"));
    buffer_done(&page);
    bulk_stats_done(&stats);
}

static void numbers_are_for_people(void **state)
{
    static const struct {
        uint64_t part, whole;
        const char *text;
    } rows[] = {
        {0, 0, "0 %"},    {0, 5, "0 %"},          {5, 5, "100 %"},
        {1, 3, "33.3 %"}, {1, 5000, "&lt;0.1 %"}, {99999, 100000, "99.9 %"},
    };
    struct buffer out;

    buffer_init(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buffer_clear(&out);
        html_share(&out, rows[i].part, rows[i].whole);
        assert_true(slice_equal(buffer_slice(&out), slice_from_string(rows[i].text)));
    }
    buffer_clear(&out);
    html_count(&out, 1234567);
    html_count(&out, 123);
    assert_true(slice_equal(buffer_slice(&out), SLICE("1,234,567123")));
    buffer_clear(&out);
    html_moment(&out, INT64_C(1795950000000));
    assert_true(slice_equal(buffer_slice(&out), SLICE("29 Nov 2026, 11:00 UTC")));
    buffer_clear(&out);
    html_text(&out, SLICE("a\n<\xe2\x80\xae\xff'"));
    assert_false(slice_find(buffer_slice(&out), SLICE("\xe2\x80\xae")) >= 0);
    assert_false(slice_find(buffer_slice(&out), SLICE("\xff")) >= 0);
    assert_true(slice_starts_with(buffer_slice(&out), SLICE("a &lt;")));
    buffer_done(&out);
}

static void memory_runs_out(void **state)
{
    struct bulk_stats stats;
    struct bulk_report report = report_of(&stats);
    bool done = false;

    fill(&stats, 100);
    for (int64_t n = 0; n < 200 && !done; n++) {
        struct buffer page;

        buffer_init(&page, 0);
        memory_fail_after(n);
        done = bulk_report_render(&report, &page);
        memory_fail_after(-1);
        buffer_done(&page);
    }
    assert_true(done);
    bulk_stats_done(&stats);
}

/* Only where outcomes are known, and with the right figures. */
static void scores_are_held_against_outcomes(void **state)
{
    struct bulk_reliability *reliability;
    struct bulk_stats stats;
    struct bulk_report report;
    struct buffer out;

    fill(&stats, 100);
    report = report_of(&stats);
    buffer_init(&out, 0);
    assert_true(bulk_report_render(&report, &out));
    assert_true(slice_find(buffer_slice(&out), SLICE("come true")) < 0);
    reliability = &stats.reliability;
    bulk_reliability_add(reliability, 80, true);
    bulk_reliability_add(reliability, 80, true);
    bulk_reliability_add(reliability, 80, false);
    bulk_reliability_add(reliability, 100, true);
    assert_true(bulk_reliability_brier(reliability) > 0.1799 &&
                bulk_reliability_brier(reliability) < 0.1801); /* (0.04 + 0.04 + 0.64 + 0) / 4 */
    assert_true(bulk_reliability_base(reliability) == 0.75 * 0.25);
    assert_true(bulk_reliability_error(reliability) > 0.0999 &&
                bulk_reliability_error(reliability) < 0.1001); /* |2.4 - 2| / 4 */
    buffer_clear(&out);
    assert_true(bulk_report_render(&report, &out));
    assert_true(slice_find(buffer_slice(&out), SLICE("Brier score 0.180 (0.188 for")) >= 0);
    assert_true(slice_find(buffer_slice(&out), SLICE("off by 10.0 points")) >= 0);
    assert_true(slice_find(buffer_slice(&out), SLICE("80.0 %</td><td class=\"r\">66.7 %")) >= 0);
    assert_true(slice_find(buffer_slice(&out), SLICE("90 to 100")) >= 0);
    /* Three of four foretold at 80 and delivered at two thirds; one at 100, which was. */
    assert_true(slice_find(buffer_slice(&out), SLICE("cx=\"148.0\" cy=\"53.3\" r=\"6.8\"")) >= 0);
    assert_true(slice_find(buffer_slice(&out), SLICE("cx=\"180.0\" cy=\"0.0\" r=\"4.2\"")) >= 0);
    buffer_done(&out);
    bulk_stats_done(&stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_held_against_outcomes),
        cmocka_unit_test(a_page_says_it_all),
        cmocka_unit_test(small_lists_have_pages_too),
        cmocka_unit_test(nothing_falls_where_all_is_sent),
        cmocka_unit_test(numbers_are_for_people),
        cmocka_unit_test(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
