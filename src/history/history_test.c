/*
 * Tests of the history in the lab's simulated world: what is fresh is not asked, what is stale is
 * asked again, what proves nothing takes no proof's place, and all of it goes when its time is
 * over.
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
#include "base/instant.h"
#include "history/history.h"
#include "lab/sim_loop.h"
#include "lab/world.h"
#include "verdict/result.h"

#define SMTP_PORT 25

static const struct ip_network everywhere[] = {{{4, {0}}, 0}, {{6, {0}}, 0}};

static const char scenario_text[] = "domain a.example\n"
                                    "  mx 10 mx.a.example\n"
                                    "server mx.a.example 192.0.2.1\n"
                                    "  mailbox ann\n"
                                    "  mailbox cas full\n"
                                    "domain all.example\n"
                                    "  mx 10 mx.all.example\n"
                                    "server mx.all.example 192.0.2.2\n"
                                    "  behave accept-all\n";

struct bench {
    struct io_loop *loop;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct dns_resolver *resolver;
    struct lists_operator *lists;
    struct probe_engine *engine;
    struct store *store;
    struct history *history;
    struct history_options options;
    /* Of the last answer. */
    unsigned answers;
    enum verdict_status status;
    enum verdict_reason reason;
    uint32_t flags;
    uint8_t score;
    bool is_remembered;
    bool is_written; /* already, by the history */
    int64_t checked_unix_ms;
    uint64_t answered_ms;
    char explanation[VERDICT_EXPLANATION_SIZE];
};

static void open_history(struct bench *bench)
{
    history_close(bench->history);
    bench->history = NULL;
    assert_int_equal(history_open(bench->loop, bench->store, bench->engine, &bench->options,
                                  &bench->history, NULL),
                     0);
}

static int set_up(void **state)
{
    const struct lab_sim_plan plan = {.seed = 1, .latency_min_ms = 20, .latency_max_ms = 40};
    struct bench *bench = calloc(1, sizeof(*bench));
    struct dns_resolver_options options = {
        .allowed = {everywhere, ARRAY_LEN(everywhere)},
        .use_ipv4 = true,
        .seed = 1,
    };
    struct probe_settings settings;
    struct error error = {0};

    assert_non_null(bench);
    probe_settings_init(&settings);
    settings.helo_name = SLICE("probe.mailknock.example");
    settings.port = SMTP_PORT;
    settings.allowed = options.allowed;
    settings.patience = PROBE_PATIENCE_QUICK;
    settings.seed = 1;
    bench->scenario = lab_scenario_parse(slice_from_string(scenario_text), &error);
    if (bench->scenario == NULL)
        fail_msg("%s", error.message);
    bench->loop = lab_sim_loop_new(&plan);
    bench->world = lab_world_new(bench->loop, bench->scenario, SMTP_PORT, 1, &error);
    assert_non_null(bench->world);
    lab_world_set_slack(bench->world, 80);
    bench->resolver = dns_resolver_new(bench->loop, lab_world_transport(bench->world), &options);
    bench->lists = lists_operator_new();
    bench->engine = probe_engine_new(bench->loop, bench->resolver, bench->lists, &settings);
    assert_non_null(bench->engine);
    assert_int_equal(store_open("memory:", STORE_MODE_CREATE, &bench->store, &error), 0);
    open_history(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    assert_null(lab_world_violation(bench->world, 0));
    history_close(bench->history);
    probe_engine_free(bench->engine);
    dns_resolver_free(bench->resolver);
    lab_world_free(bench->world);
    io_loop_free(bench->loop);
    lab_scenario_free(bench->scenario);
    lists_operator_free(bench->lists);
    store_close(bench->store);
    free(bench);
    return 0;
}

/* What the history wrote for itself is what anybody else would write. */
static void check_written(const struct evidence *evidence, const struct verdict *verdict,
                          bool with_evidence)
{
    const struct result_options options = {.with_evidence = with_evidence};
    const struct evidence copy = *evidence; /* nobody wrote down that one */
    struct buffer out, anew;
    struct json json;

    buffer_init(&out, 0);
    buffer_init(&anew, 0);
    json_init(&json, &out);
    json_array_begin(&json);
    result_write_json(&json, evidence, verdict, &options);
    result_write_json(&json, evidence, verdict, &options);
    json_array_end(&json);
    json_init(&json, &anew);
    json_array_begin(&json);
    result_write_json(&json, &copy, verdict, &options);
    result_write_json(&json, &copy, verdict, &options);
    json_array_end(&json);
    assert_true(slice_equal(buffer_slice(&out), buffer_slice(&anew)));
    buffer_done(&out);
    buffer_done(&anew);
}

static void answered(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct bench *bench = user;

    check_written(evidence, verdict, false);
    check_written(evidence, verdict, true);
    bench->answers++;
    bench->is_written = evidence->written.evidence == evidence;
    bench->status = verdict->status;
    bench->reason = verdict->reason;
    bench->flags = verdict->flags;
    bench->score = verdict->score;
    bench->is_remembered = evidence->is_remembered;
    bench->checked_unix_ms = evidence->checked_unix_ms;
    bench->answered_ms = io_now_ms(bench->loop);
    snprintf(bench->explanation, sizeof(bench->explanation), "%s", verdict->explanation);
}

static void stop_loop(struct io_timer *timer)
{
    io_loop_stop(timer->loop);
}

static void pass_time(struct bench *bench, uint64_t ms)
{
    struct io_timer timer;

    io_timer_init(bench->loop, &timer, stop_loop, NULL);
    assert_int_equal(io_timer_start(&timer, io_now_ms(bench->loop) + ms), 0);
    io_loop_run(bench->loop);
}

static void ask_wish(struct bench *bench, const char *address, const struct probe_wish *wish)
{
    unsigned before = bench->answers;

    assert_int_equal(
        probe_engine_submit_wish(bench->engine, slice_from_string(address), wish, answered, bench),
        0);
    pass_time(bench, 5 * MINUTE_MS);
    assert_int_equal(bench->answers, before + 1);
}

static const struct probe_wish usual = {.depth = EVIDENCE_DEPTH_SMTP};

static void ask(struct bench *bench, const char *address)
{
    ask_wish(bench, address, &usual);
}

static uint64_t asked(struct bench *bench, const char *address)
{
    return lab_world_rcpt_count(bench->world, slice_from_string(address));
}

/* Nobody answers there any more. */
static void unplug(struct bench *bench, uint8_t last)
{
    struct ip ip = ip_v4(192, 0, 2, last);

    assert_int_equal(lab_sim_loop_set_fate(bench->loop, &ip, LAB_SIM_UNREACHABLE), 0);
}

static void is_answer(const struct bench *bench, enum verdict_reason reason, bool is_remembered)
{
    if (bench->reason != reason || bench->is_remembered != is_remembered)
        fail_msg("%s, %s: %s", verdict_reason_name(bench->reason),
                 bench->is_remembered ? "remembered" : "live", bench->explanation);
    assert_int_equal((bench->flags & VERDICT_FLAG_OWN_HISTORY) != 0, is_remembered);
}

/* --- freshness ----------------------------------------------------------------------------------
 */

static void a_fresh_answer_asks_nobody(void **state)
{
    struct bench *bench = *state;
    struct lab_counts before, after;
    int64_t checked;

    ask(bench, "ann@a.example");
    is_answer(bench, REASON_ACCEPTED, false);
    checked = bench->checked_unix_ms;
    pass_time(bench, 6 * DAY_MS);
    lab_world_counts(bench->world, &before);
    ask(bench, "ann@A.example"); /* another spelling is still who was asked before */
    lab_world_counts(bench->world, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(bench->checked_unix_ms, checked);
    assert_non_null(strstr(bench->explanation, "so found on 2026-01-01."));
}

static void another_local_part_is_another_mailbox(void **state)
{
    struct bench *bench = *state;

    ask(bench, "ann@a.example");
    ask(bench, "ann+tag@a.example"); /* nothing is cut on a guess */
    is_answer(bench, REASON_MAILBOX_NOT_FOUND, false);
    ask(bench, "Ann@a.example"); /* RFC 5321 2.4: cases may differ */
    assert_false(bench->is_remembered);
}

static void the_four_clocks_hold(void **state)
{
    static const struct {
        const char *address;
        enum verdict_reason reason;
        uint64_t refresh_ms, expire_ms;
        uint8_t server;
    } rows[] = {
        {"ann@a.example", REASON_ACCEPTED, 7 * DAY_MS, 31 * DAY_MS, 1},
        {"any@all.example", REASON_ACCEPTS_ALL, 7 * DAY_MS, 31 * DAY_MS, 2},
        {"nobody@a.example", REASON_MAILBOX_NOT_FOUND, 3 * HOUR_MS, 3 * DAY_MS, 1},
        {"cas@a.example", REASON_MAILBOX_FULL, 3 * HOUR_MS, 3 * DAY_MS, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bench *bench;
        uint64_t times;

        assert_int_equal(set_up((void **)&bench), 0);
        ask(bench, rows[i].address);
        is_answer(bench, rows[i].reason, false);
        pass_time(bench, rows[i].refresh_ms - HOUR_MS);
        ask(bench, rows[i].address);
        is_answer(bench, rows[i].reason, true);
        pass_time(bench, HOUR_MS);
        times = asked(bench, rows[i].address);
        ask(bench, rows[i].address); /* stale: asked again, and fresh from now on */
        is_answer(bench, rows[i].reason, false);
        assert_int_equal(asked(bench, rows[i].address), times + 1);
        unplug(bench, rows[i].server);
        pass_time(bench, rows[i].expire_ms - HOUR_MS);
        ask(bench, rows[i].address); /* nothing learnt: the proof still holds */
        is_answer(bench, rows[i].reason, true);
        pass_time(bench, HOUR_MS);
        ask(bench, rows[i].address);
        is_answer(bench, REASON_CONNECT_FAILED, false);
        tear_down((void **)&bench);
    }
}

static void what_proves_nothing_is_never_answered_from(void **state)
{
    struct bench *bench = *state;
    struct store_record record;
    struct arena arena;

    arena_init(&arena);
    unplug(bench, 1);
    ask(bench, "ann@a.example");
    is_answer(bench, REASON_CONNECT_FAILED, false);
    ask(bench, "ann@a.example");
    is_answer(bench, REASON_CONNECT_FAILED, false);
    assert_int_equal(store_record_get(bench->store, STORE_RECORD_MAILBOX, SLICE("ann@a.example"),
                                      &arena, &record, NULL),
                     1);
    assert_false(record.is_proof);
    assert_int_equal(record.value, REASON_CONNECT_FAILED);
    assert_true(slice_equal(record.group, SLICE("a.example")));
    arena_done(&arena);
}

static void a_failure_is_counted_beside_the_proof(void **state)
{
    struct bench *bench = *state;
    struct store_record record;
    struct arena arena;

    arena_init(&arena);
    ask(bench, "ann@a.example");
    pass_time(bench, 8 * DAY_MS);
    unplug(bench, 1);
    ask(bench, "ann@a.example");
    is_answer(bench, REASON_ACCEPTED, true);
    ask_wish(bench, "ann@a.example",
             &(struct probe_wish){.depth = EVIDENCE_DEPTH_SMTP, .is_fresh = true});
    is_answer(bench, REASON_CONNECT_FAILED, false); /* who wants the news gets them */
    assert_int_equal(store_record_get(bench->store, STORE_RECORD_MAILBOX, SLICE("ann@a.example"),
                                      &arena, &record, NULL),
                     1);
    assert_true(record.is_proof);
    assert_int_equal(record.value, REASON_ACCEPTED);
    assert_int_equal(record.failures, 2);
    arena_done(&arena);
}

static void a_fresh_wish_asks_anyway(void **state)
{
    struct bench *bench = *state;

    ask(bench, "ann@a.example");
    ask_wish(bench, "ann@a.example",
             &(struct probe_wish){.depth = EVIDENCE_DEPTH_SMTP, .is_fresh = true});
    is_answer(bench, REASON_ACCEPTED, false);
    assert_int_equal(asked(bench, "ann@a.example"), 2);
    /* Shallow questions are not answered by deep ones: they cost next to nothing. */
    ask_wish(bench, "ann@a.example", &(struct probe_wish){.depth = EVIDENCE_DEPTH_DNS});
    is_answer(bench, REASON_NOT_PROBED, false);
}

static void a_service_answers_stale_and_asks_behind(void **state)
{
    struct bench *bench = *state;
    struct history_counts counts;
    uint64_t before;

    bench->options.refreshes_behind = true;
    open_history(bench);
    ask(bench, "ann@a.example");
    pass_time(bench, 8 * DAY_MS);
    before = io_now_ms(bench->loop);
    for (int i = 0; i < 5; i++)
        assert_int_equal(probe_engine_submit_wish(bench->engine, SLICE("ann@a.example"), &usual,
                                                  answered, bench),
                         0);
    pass_time(bench, MINUTE_MS);
    assert_int_equal(bench->answers, 6);
    is_answer(bench, REASON_ACCEPTED, true);
    assert_int_equal(bench->answered_ms, before); /* nobody was waited for */
    assert_int_equal(asked(bench, "ann@a.example"), 2);
    history_counts(bench->history, &counts);
    assert_int_equal(counts.stale, 5);
    assert_int_equal(counts.refreshes, 1);
    ask(bench, "ann@a.example");
    is_answer(bench, REASON_ACCEPTED, true);
    assert_in_range(bench->checked_unix_ms, io_unix_ms(bench->loop) - (int64_t)HOUR_MS,
                    io_unix_ms(bench->loop));
    assert_int_equal(asked(bench, "ann@a.example"), 2);
}

static void closing_withdraws_refreshes(void **state)
{
    struct bench *bench = *state;

    bench->options.refreshes_behind = true;
    open_history(bench);
    ask(bench, "ann@a.example");
    pass_time(bench, 8 * DAY_MS);
    assert_int_equal(
        probe_engine_submit_wish(bench->engine, SLICE("ann@a.example"), &usual, answered, bench),
        0);
    pass_time(bench, 10); /* the refresh is under way */
    history_close(bench->history);
    bench->history = NULL;
    pass_time(bench, MINUTE_MS);
    ask(bench, "ann@a.example");
    is_answer(bench, REASON_ACCEPTED, false);
}

/* --- lists and outcomes -------------------------------------------------------------------------
 */

static void todays_lists_are_laid_over(void **state)
{
    struct bench *bench = *state;

    ask(bench, "ann@a.example");
    assert_int_equal(
        lists_operator_load(bench->lists, LISTS_OPERATOR_LISTED, SLICE("mx:mx.a.example\n"), NULL),
        0);
    ask(bench, "ann@a.example");
    is_answer(bench, REASON_LISTED_DOMAIN, true);
    assert_int_equal(
        lists_operator_load(bench->lists, LISTS_OPERATOR_OPT_OUT, SLICE("ann@a.example\n"), NULL),
        0);
    ask(bench, "ann@a.example");
    assert_int_equal(bench->reason, REASON_OPTED_OUT);
}

static void put_outcome(struct bench *bench, enum store_record_kind kind, const char *key,
                        int64_t days_ago)
{
    const struct store_record record = {
        .kind = kind,
        .key = slice_from_string(key),
        .group = SLICE_EMPTY,
        .is_proof = true,
        .checked_unix_ms = io_unix_ms(bench->loop) - days_ago * (int64_t)DAY_MS,
        .expires_unix_ms = INT64_MAX,
        .body = kind == STORE_RECORD_BOUNCE ? SLICE("550 5.1.1 gone") : SLICE_EMPTY,
    };

    assert_int_equal(store_records_put(bench->store, &record, 1, NULL), 0);
}

static void what_became_of_messages_counts(void **state)
{
    struct bench *bench = *state;
    uint8_t score;

    pass_time(bench, 400 * DAY_MS);
    put_outcome(bench, STORE_RECORD_BOUNCE, "ann@a.example", 179);
    ask(bench, "ann@a.example");
    assert_int_equal(bench->reason, REASON_KNOWN_BOUNCE);
    assert_non_null(strstr(bench->explanation, "550 5.1.1 gone"));
    assert_int_equal(asked(bench, "ann@a.example"), 0); /* left in peace */
    put_outcome(bench, STORE_RECORD_DELIVERY, "ann@a.example", 178);
    ask(bench, "ann@a.example");
    assert_int_equal(bench->reason, REASON_ACCEPTED);
    put_outcome(bench, STORE_RECORD_COMPLAINT, "ann@a.example", 3);
    ask(bench, "ann@a.example");
    assert_int_equal(bench->reason, REASON_COMPLAINER);

    put_outcome(bench, STORE_RECORD_BOUNCE, "old@all.example", 181);
    ask(bench, "old@all.example");
    assert_int_equal(bench->reason, REASON_ACCEPTS_ALL);
    score = bench->score;
    put_outcome(bench, STORE_RECORD_DELIVERY, "old@all.example", 1);
    ask(bench, "old@all.example");
    assert_int_equal(bench->reason, REASON_ACCEPTS_ALL); /* and never valid */
    assert_int_equal(bench->status, VERDICT_CATCH_ALL);
    assert_true(bench->score > score);
    assert_true((bench->flags & VERDICT_FLAG_OWN_HISTORY) != 0);
}

static void a_delivery_ends_a_refusal_before_it(void **state)
{
    struct bench *bench = *state;

    ask(bench, "nobody@a.example");
    ask(bench, "nobody@a.example");
    is_answer(bench, REASON_MAILBOX_NOT_FOUND, true);
    put_outcome(bench, STORE_RECORD_DELIVERY, "nobody@a.example", 0);
    ask(bench, "nobody@a.example");
    assert_false(bench->is_remembered);
    assert_int_equal(asked(bench, "nobody@a.example"), 2);
}

/* --- a store that fails
 * ------------------------------------------------------------------------- */

static int refusing_records_put(struct store *store, const struct store_record *records,
                                size_t count, struct error *error)
{
    return error_set(error, ERROR_IO, "the disk is full");
}

static void a_failing_store_costs_no_answer_and_is_told(void **state)
{
    struct bench *bench = *state;
    const struct store_ops *sound = bench->store->ops;
    struct store_ops ops = *sound;
    struct history_counts counts;
    struct error error = {0};

    assert_string_equal(history_trouble(bench->history), "");
    ops.records_put = refusing_records_put;
    bench->store->ops = &ops;
    assert_int_equal(
        probe_engine_submit_wish(bench->engine, SLICE("ann@a.example"), &usual, answered, bench),
        0);
    pass_time(bench, 900); /* answered, and not written yet */
    assert_int_equal(bench->answers, 1);
    assert_int_equal(bench->reason, REASON_ACCEPTED);
    assert_int_equal(history_flush(bench->history, &error), ERROR_IO);
    assert_string_equal(error.message, "the disk is full");
    history_counts(bench->history, &counts);
    assert_true(counts.store_failures >= 1);
    assert_int_equal(counts.lost, 0); /* it is tried again */
    assert_string_equal(history_trouble(bench->history), "the disk is full");
    pass_time(bench, 10 * MINUTE_MS);
    history_counts(bench->history, &counts);
    assert_int_equal(counts.lost, 1);
    assert_int_equal(counts.kept, 0);
    bench->store->ops = sound;
    ask(bench, "ann@a.example");
    is_answer(bench, REASON_ACCEPTED, false);
    assert_int_equal(history_flush(bench->history, NULL), 0);
    history_counts(bench->history, &counts);
    assert_int_equal(counts.kept, 1);
}

/* --- keeping it small, erasing
 * -------------------------------------------------------------------- */

static void it_goes_when_its_time_is_over(void **state)
{
    struct bench *bench = *state;
    struct store_record_total total;
    char address[64];

    bench->options.refreshes_behind = true;
    bench->options.bytes_max = 100 * 3000;
    open_history(bench);
    for (int i = 0; i < 300; i++) {
        snprintf(address, sizeof(address), "user%d@all.example", i);
        assert_int_equal(probe_engine_submit_wish(bench->engine, slice_from_string(address), &usual,
                                                  answered, bench),
                         0);
    }
    pass_time(bench, 6 * HOUR_MS);
    assert_int_equal(bench->answers, 300);
    assert_int_equal(store_records_total(bench->store, STORE_RECORD_MAILBOX, &total, NULL), 0);
    assert_in_range(total.bytes, bench->options.bytes_max / 2, bench->options.bytes_max);
    pass_time(bench, 30 * DAY_MS);
    assert_int_equal(store_records_total(bench->store, STORE_RECORD_MAILBOX, &total, NULL), 0);
    assert_true(total.records > 0);
    pass_time(bench, DAY_MS);
    assert_int_equal(store_records_total(bench->store, STORE_RECORD_MAILBOX, &total, NULL), 0);
    assert_int_equal(total.records, 0);
}

static void erased_is_forgotten_at_once(void **state)
{
    struct bench *bench = *state;
    struct address address;
    unsigned records;

    put_outcome(bench, STORE_RECORD_DELIVERY, "ann@a.example", 1);
    assert_int_equal(
        probe_engine_submit_wish(bench->engine, SLICE("ann@a.example"), &usual, answered, bench),
        0);
    pass_time(bench, 900); /* answered, and not written yet */
    assert_int_equal(bench->answers, 1);
    assert_true(address_parse("ann@A.example", 13, &address));
    assert_int_equal(history_erase(bench->history, bench->store, &address, &records, NULL), 0);
    assert_int_equal(records, 2);
    ask(bench, "ann@a.example");
    is_answer(bench, REASON_ACCEPTED, false);
}

/* Written once for the history and for whoever asked, where both are about the same spelling. */
static void what_is_kept_is_what_is_told(void **state)
{
    struct bench *bench = *state;

    ask(bench, "ann@a.example");
    is_answer(bench, REASON_ACCEPTED, false);
    assert_true(bench->is_written);
    ask(bench, "cas@A.example");
    is_answer(bench, REASON_MAILBOX_FULL, false);
    assert_false(bench->is_written);
    ask(bench, "\xc3\xbc@all.example");
    assert_false(bench->is_remembered);
    ask(bench, "ann@a.example");
    is_answer(bench, REASON_ACCEPTED, true);
    assert_false(bench->is_written);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_fresh_answer_asks_nobody),
        TEST(another_local_part_is_another_mailbox),
        cmocka_unit_test(the_four_clocks_hold),
        TEST(what_proves_nothing_is_never_answered_from),
        TEST(a_failure_is_counted_beside_the_proof),
        TEST(a_fresh_wish_asks_anyway),
        TEST(a_service_answers_stale_and_asks_behind),
        TEST(closing_withdraws_refreshes),
        TEST(todays_lists_are_laid_over),
        TEST(what_became_of_messages_counts),
        TEST(a_delivery_ends_a_refusal_before_it),
        TEST(a_failing_store_costs_no_answer_and_is_told),
        TEST(it_goes_when_its_time_is_over),
        TEST(erased_is_forgotten_at_once),
        TEST(what_is_kept_is_what_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
