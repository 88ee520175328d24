#include "bulk/job_rig.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"

static const struct ip_network everywhere[] = {{{4, {0}}, 0}, {{6, {0}}, 0}};

static const char scenario_text[] = "domain a.example\n"
                                    "  mx 10 mx.a.example\n"
                                    "server mx.a.example 192.0.2.1\n"
                                    "  offer pipelining\n"
                                    "  mailbox u*\n"
                                    "domain all.example\n"
                                    "  mx 10 mx.all.example\n"
                                    "server mx.all.example 192.0.2.2\n"
                                    "  behave accept-all\n"
                                    "domain grey.example\n"
                                    "  mx 10 mx.grey.example\n"
                                    "server mx.grey.example 192.0.2.3\n"
                                    "  mailbox u*\n"
                                    "  behave greylist 300s\n"
                                    "domain null.example\n"
                                    "  mx null\n";

/* Rows stand sorted by domain, as exports do. */
static const char *const domains[] = {"a.example", "all.example", "grey.example", "null.example",
                                      "none.example"};

static enum verdict_reason expected(uint64_t row)
{
    static const enum verdict_reason reasons[] = {REASON_ACCEPTED, REASON_ACCEPTS_ALL,
                                                  REASON_ACCEPTED, REASON_NULL_MX,
                                                  REASON_DOMAIN_NOT_FOUND};
    size_t domain = (size_t)(row - 1) / (ROWS / ARRAY_LEN(domains));

    if (row % 50 == 0)
        return REASON_NOT_PROBED; /* can't be read */
    if (row % 7 == 0 && (domain == 0 || domain == 2))
        return REASON_MAILBOX_NOT_FOUND;
    return reasons[domain];
}

void address_of(uint64_t row, char out[64])
{
    size_t domain = (size_t)(row - 1) / (ROWS / ARRAY_LEN(domains));

    snprintf(out, 64, "%s%llu@%s", row % 7 == 0 ? "x" : "u", (unsigned long long)row,
             domains[domain]);
}

bool is_duplicate(uint64_t row)
{
    return row == 11 || row == 21;
}

uint64_t load(struct store *store)
{
    static char addresses[ROWS][64];
    static struct store_row rows[ROWS];
    const struct store_mark marks[] = {{11, 1}, {21, 1}};
    struct store_job job = {.state = STORE_JOB_LOADING, .name = SLICE("list")};
    struct arena arena;
    uint64_t id;

    arena_init(&arena);
    for (uint64_t i = 0; i < ROWS; i++) {
        rows[i] = (struct store_row){
            .number = i + 1, .turn = (uint32_t)(i * 7919 % ROWS), .fault = SLICE_EMPTY};
        address_of(i + 1, addresses[i]);
        if ((i + 1) % 60 == 30) { /* as an earlier version kept them */
            char kept[64];

            snprintf(kept, sizeof(kept), "\xc2\xa0\"%.50s\"", addresses[i]);
            memcpy(addresses[i], kept, sizeof(kept));
        }
        rows[i].address = slice_from_string(addresses[i]);
        if ((i + 1) % 50 == 0) {
            rows[i].address = SLICE_EMPTY;
            rows[i].fault = SLICE("no such column");
        }
        if ((i + 1) % 100 == 0) { /* these, too */
            rows[i].address = SLICE("a@x.example; b@x.example");
            rows[i].fault = SLICE_EMPTY;
        }
    }
    assert_int_equal(store_job_add(store, &job, &id, NULL), 0);
    assert_int_equal(store_rows_add(store, id, rows, ROWS, NULL), 0);
    assert_int_equal(store_rows_mark(store, id, marks, 2, NULL), 0);
    assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
    job.state = STORE_JOB_READY;
    assert_int_equal(store_job_update(store, &job, NULL), 0);
    arena_done(&arena);
    return id;
}

void run_init(struct run *run, struct store *store, uint64_t id, uint64_t seed)
{
    *run = (struct run){
        .plan = {.seed = seed, .latency_min_ms = 5, .latency_max_ms = 40},
        .options = {.window = 40, .depth = EVIDENCE_DEPTH_SMTP, .patience = PROBE_PATIENCE_NORMAL},
        .store = store,
        .id = id,
    };
    probe_settings_init(&run->settings);
    run->settings.helo_name = SLICE("probe.mailknock.example");
    run->settings.allowed = (struct ip_networks){everywhere, ARRAY_LEN(everywhere)};
    run->settings.seed = seed;
}

static void look(struct run *run)
{
    struct bulk_job_progress progress;

    bulk_job_progress(run->job, &progress);
    if (progress.in_flight > run->in_flight_most)
        run->in_flight_most = progress.in_flight;
    if (progress.in_flight + progress.waiting > run->held_most)
        run->held_most = progress.in_flight + progress.waiting;
    assert_int_equal(progress.done + progress.left + progress.duplicates, progress.rows);
}

uint64_t rcpts_of(const struct run *run)
{
    struct lab_counts counts;

    lab_world_counts(run->world, &counts);
    return counts.rcpts;
}

static void stop(struct run *run)
{
    bulk_job_stop(run->job, run->stop_grace_ms);
    run->rcpts_at_stop = rcpts_of(run);
}

void run_kept(void *user, const struct store_result *results, size_t count)
{
    struct run *run = user;
    uint64_t before = run->kept;

    assert_true(count > 0 && results[0].row > 0);
    run->kept += count;
    for (size_t i = 0; i < count; i++)
        run->kept_with_json += results[i].json.len > 0;
    look(run);
    if (before < run->stop_after_kept && run->kept >= run->stop_after_kept)
        stop(run);
}

void run_ended(void *user, enum bulk_job_end end)
{
    struct run *run = user;

    run->ended++;
    run->end = end;
    run->ended_ms = io_now_ms(run->loop);
}

void run_build(struct run *run)
{
    const struct bulk_job_events events = {run_kept, run_ended};
    struct dns_resolver_options options = {
        .allowed = run->settings.allowed,
        .use_ipv4 = true,
        .use_ipv6 = true,
        .seed = run->plan.seed,
    };
    struct probe_memory memory;
    struct error error = {0};

    run->scenario = lab_scenario_parse(slice_from_string(scenario_text), &error);
    if (run->scenario == NULL)
        fail_msg("%s", error.message);
    run->loop = lab_sim_loop_new(&run->plan);
    run->world = lab_world_new(run->loop, run->scenario, 25, run->plan.seed, &error);
    assert_non_null(run->world);
    lab_world_set_slack(run->world, run->plan.latency_max_ms * 2);
    run->resolver = dns_resolver_new(run->loop, lab_world_transport(run->world), &options);
    run->engine = probe_engine_new(run->loop, run->resolver, NULL, &run->settings);
    assert_non_null(run->engine);
    run->habits = run->options.habits = bulk_habits_new(run->loop, run->store, run->store);
    memory = bulk_habits_memory(run->habits);
    probe_engine_set_memory(run->engine, &memory);
    if (bulk_job_open(run->loop, run->engine, run->store, run->id, &run->options, &events, run,
                      &run->job, &error) != 0)
        fail_msg("%s", error.message);
}

static void hear(void *user, const char *line)
{
    struct run *run = user;
    char words[64];

    if (strstr(line, "RCPT TO:<mailknock-probe-") == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
        snprintf(words, sizeof(words), "@%s>", domains[i]);
        run->strangers[i] += strstr(line, words) != NULL;
    }
}

static bool is_habit_kept(struct store *store, const char *domain)
{
    struct store_record record;
    struct arena arena;
    int code;

    arena_init(&arena);
    code = store_record_get(store, STORE_RECORD_DOMAIN, slice_from_string(domain), &arena, &record,
                            NULL);
    arena_done(&arena);
    assert_true(code == 0 || code == 1);
    return code == 1;
}

void check_habits(const struct run *run, const bool has_result[ROWS + 1])
{
    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        if (run->knew_habit[i] && run->strangers[i] > 0)
            fail_msg("seed %llu: %s was met with a stranger again",
                     (unsigned long long)run->plan.seed, domains[i]);
    for (uint64_t row = 1; row <= ROWS; row++) {
        size_t domain = (size_t)(row - 1) / (ROWS / ARRAY_LEN(domains));

        if (has_result[row] && domain == 1 && row % 50 != 0)
            assert_true(is_habit_kept(run->store, domains[domain]));
    }
}

void run_live(struct run *run)
{
    struct error error = {0};

    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        run->knew_habit[i] = is_habit_kept(run->store, domains[i]);
    lab_world_on_line(run->world, hear, run);
    if (bulk_job_start(run->job, &error) == 0) {
        look(run);
        io_loop_run(run->loop);
    }
    if (lab_world_violation(run->world, 0) != NULL)
        fail_msg("seed %llu: %s", (unsigned long long)run->plan.seed,
                 lab_world_violation(run->world, 0));
    assert_true(run->held_most <= run->options.window * 4);
}

void run_done(struct run *run)
{
    bulk_job_free(run->job);
    probe_engine_free(run->engine);
    bulk_habits_free(run->habits);
    dns_resolver_free(run->resolver);
    lab_world_free(run->world);
    io_loop_free(run->loop);
    lab_scenario_free(run->scenario);
}

uint64_t check_results(struct store *store, uint64_t id, bool is_faulty, bool has_result[ROWS + 1])
{
    const struct store_query query = {.scope = STORE_SCOPE_ROWS, .limit = ROWS + 1};
    struct store_counts counts;
    uint64_t results = 0, rows = 0;
    struct store_page page;

    store_page_init(&page);
    assert_int_equal(store_page_read(store, id, &query, &page, NULL), 0);
    assert_int_equal(page.count, ROWS);
    for (size_t i = 0; i < page.count; i++) {
        const struct store_line *line = &page.lines[i];

        has_result[i + 1] = line->has_result;
        rows += line->has_result;
        if (line->has_result && !is_duplicate(i + 1)) {
            results++;
            /* What breaks on the way may keep us from knowing, never make us wrong. */
            if (line->result.reason != expected(i + 1) &&
                !(is_faulty && line->result.status != VERDICT_INVALID))
                fail_msg("row %zu is %s, not %s: %.*s", i + 1,
                         verdict_reason_name(line->result.reason),
                         verdict_reason_name(expected(i + 1)), SLICE_ARG(line->result.explanation));
        }
    }
    store_page_done(&page);
    assert_int_equal(store_counts(store, id, &counts, NULL), 0);
    for (size_t i = 0; i < VERDICT_REASON_COUNT; i++) {
        results -= counts.results[i];
        rows -= counts.rows[i];
    }
    assert_int_equal(results, 0);
    assert_int_equal(rows, 0);
    for (size_t i = 1; i <= ROWS; i++)
        results += has_result[i];
    return results;
}

struct store *memory_store(void)
{
    struct store *store;

    assert_int_equal(store_open("memory:", STORE_MODE_CREATE, &store, NULL), 0);
    return store;
}

enum store_job_state state_of(struct store *store, uint64_t id)
{
    struct store_job job;
    struct arena arena;

    arena_init(&arena);
    assert_int_equal(store_job_get(store, id, &arena, &job, NULL), 0);
    arena_done(&arena);
    return job.state;
}
