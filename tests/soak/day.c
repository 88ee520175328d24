/*
 * A day of a service's engine with its history, on the virtual clock: nothing piles up.
 *
 *   test-day [HOURS [SEED]]      24, 1
 *
 * Twice a second, day and night, one of some thousand addresses is asked at operators with habits,
 * over a network that now and then drops a connection. Clocks of the history are short, so that
 * answers grow stale, are refreshed behind, and expire, many times. Every submission must end
 * exactly once, with what is true or with unknown; no limit may be exceeded; and the heap of the
 * last quarter of the hours must be that of the second.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/instant.h"
#include "base/random.h"
#include "dns/resolver.h"
#include "history/history.h"
#include "lab/sim_loop.h"
#include "lab/world.h"
#include "probe/engine.h"

#define OPERATORS     20
#define PEOPLE        150 /* of an operator, and as many whom it does not know */
#define HOURS         24
#define HOURS_MAX     (24 * 366)
#define EVERY_MS      500
#define WORDS_SIZE    64
#define GROWTH        0.02
#define GROWTH_OCTETS (256 * 1024)

static const char *const habits[] = {
    "",
    "  offer starttls pipelining\n",
    "  behave accept-all\n",
    "  behave greylist 300s\n",
    "  behave slow-banner 5s\n",
    "",
    "  behave rate-connections 15 60s\n",
    "  behave split\n",
    "  behave tarpit 1s\n",
    "  behave fail-first 1\n",
};
#define TAKES_ALL 2

static const struct ip_network everywhere[] = {{{4, {0}}, 0}, {{6, {0}}, 0}};

struct day {
    struct io_loop *loop;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct dns_resolver *resolver;
    struct store *store;
    struct probe_engine *engine;
    struct history *history;
    struct random random;
    struct io_timer feed, look;
    unsigned hours, hour;
    uint64_t submitted, finished, unknown, wrong;
    size_t heaps[HOURS_MAX];
};

struct question {
    struct day *day;
    unsigned operator_number;
    bool is_user;
    char text[WORDS_SIZE];
};

static void done(void *user, const struct evidence *evidence, const struct verdict *verdict)
{
    struct question *question = user;
    struct day *day = question->day;
    enum verdict_status wanted = question->operator_number % ARRAY_LEN(habits) == TAKES_ALL
                                     ? VERDICT_CATCH_ALL
                                 : question->is_user ? VERDICT_VALID
                                                     : VERDICT_INVALID;

    day->finished++;
    if (verdict->status == VERDICT_UNKNOWN) {
        day->unknown++;
    } else if (verdict->status != wanted) {
        day->wrong++;
        printf("%s is %s: %s\n", question->text, verdict_reason_name(verdict->reason),
               verdict->explanation);
    }
    free(question);
}

static void ask(struct day *day)
{
    struct probe_wish wish = {EVIDENCE_DEPTH_SMTP, PROBE_PATIENCE_NORMAL, false};
    struct question *question = malloc(sizeof(*question));

    CHECK(question != NULL);
    *question = (struct question){
        .day = day,
        .operator_number = (unsigned)random_below(&day->random, OPERATORS),
        .is_user = random_chance(&day->random, 2, 3),
    };
    (void)snprintf(question->text, sizeof(question->text), "%c%u@op%u.example",
                   question->is_user ? 'u' : 'n', (unsigned)random_below(&day->random, PEOPLE),
                   question->operator_number);
    wish.is_in_no_hurry = random_chance(&day->random, 1, 2);
    CHECK(probe_engine_submit_wish(day->engine, slice_from_string(question->text), &wish, done,
                                   question) == 0);
    day->submitted++;
}

static void feed(struct io_timer *timer)
{
    struct day *day = timer->user;

    ask(day);
    if (day->hour < day->hours)
        CHECK(io_timer_start(timer,
                             io_now_ms(day->loop) + random_below(&day->random, 2 * EVERY_MS)) == 0);
}

static void look(struct io_timer *timer)
{
    struct day *day = timer->user;

    if (day->hour < day->hours)
        day->heaps[day->hour++] = mallinfo2().uordblks;
    else if (day->finished == day->submitted) /* the history's own clock would go on for ever */
        io_loop_stop(day->loop);
    CHECK(io_timer_start(timer, io_now_ms(day->loop) + HOUR_MS) == 0);
}

static void write_world(struct buffer *text)
{
    for (unsigned i = 0; i < OPERATORS; i++)
        (void)buffer_printf(text,
                            "site op%u connections 2 per-minute 20 rcpts-per-session 10 "
                            "unknowns-per-session 4 gap 500ms\n"
                            "domain op%u.example\n  mx 10 mx.op%u.example\n"
                            "server mx.op%u.example 192.0.2.%u\n  site op%u\n  mailbox u*\n%s",
                            i, i, i, i, 1 + i, i, habits[i % ARRAY_LEN(habits)]);
    CHECK(!text->failed);
}

static void day_open(struct day *day, unsigned hours, uint64_t seed)
{
    const struct lab_sim_plan plan = {.seed = seed,
                                      .latency_min_ms = 20,
                                      .latency_max_ms = 200,
                                      .drop_permille = 2,
                                      .reset_permille = 1};
    const struct ip_networks allowed = {everywhere, ARRAY_LEN(everywhere)};
    struct dns_resolver_options options = {.allowed = allowed,
                                           .use_ipv4 = true,
                                           .use_ipv6 = true,
                                           .want_spf = true,
                                           .want_dmarc = true,
                                           .seed = seed};
    const struct history_options clocks = {.positive_refresh_ms = 2 * HOUR_MS,
                                           .positive_expire_ms = 5 * HOUR_MS,
                                           .negative_refresh_ms = HOUR_MS,
                                           .negative_expire_ms = 3 * HOUR_MS,
                                           .refreshes_behind = true};
    struct probe_settings settings;
    struct buffer text;

    *day = (struct day){.hours = hours};
    random_init(&day->random, seed);
    buffer_init(&text, 0);
    write_world(&text);
    day->scenario = lab_scenario_parse(buffer_slice(&text), NULL);
    buffer_done(&text);
    day->loop = lab_sim_loop_new(&plan);
    CHECK(day->scenario != NULL && day->loop != NULL);
    day->world = lab_world_new(day->loop, day->scenario, 25, seed, NULL);
    CHECK(day->world != NULL);
    lab_world_set_slack(day->world, 400); /* twice the latency */
    day->resolver = dns_resolver_new(day->loop, lab_world_transport(day->world), &options);
    probe_settings_init(&settings);
    settings.helo_name = SLICE("probe.mailknock.example");
    settings.allowed = allowed;
    settings.seed = seed;
    day->engine = probe_engine_new(day->loop, day->resolver, NULL, &settings);
    CHECK(day->resolver != NULL && day->engine != NULL);
    CHECK(store_open("memory:", STORE_MODE_CREATE, &day->store, NULL) == 0);
    CHECK(history_open(day->loop, day->store, day->engine, &clocks, &day->history, NULL) == 0);
    io_timer_init(day->loop, &day->feed, feed, day);
    io_timer_init(day->loop, &day->look, look, day);
    CHECK(io_timer_start(&day->feed, 0) == 0 && io_timer_start(&day->look, HOUR_MS) == 0);
}

static void day_close(struct day *day)
{
    io_timer_stop(&day->feed);
    io_timer_stop(&day->look);
    history_close(day->history);
    probe_engine_free(day->engine);
    store_close(day->store);
    dns_resolver_free(day->resolver);
    lab_world_free(day->world);
    io_loop_free(day->loop);
    lab_scenario_free(day->scenario);
}

static size_t mean(const size_t *heaps, unsigned first, unsigned behind)
{
    size_t sum = 0;

    for (unsigned i = first; i < behind; i++)
        sum += heaps[i];
    return sum / (behind - first);
}

static bool is_flat(const struct day *day)
{
    size_t second = mean(day->heaps, day->hours / 4, day->hours / 2);
    size_t last = mean(day->heaps, day->hours - day->hours / 4, day->hours);

    printf("heap: %.2f MB in the second quarter, %.2f MB in the last\n", (double)second / 1e6,
           (double)last / 1e6);
    return (double)last <= (double)second * (1 + GROWTH) + GROWTH_OCTETS;
}

static bool went_well(struct day *day)
{
    struct probe_counts counts;
    struct history_counts kept;
    struct lab_counts seen;
    bool ok = is_flat(day);

    probe_engine_counts(day->engine, &counts);
    history_counts(day->history, &kept);
    lab_world_counts(day->world, &seen);
    printf("%u hours: %" PRIu64 " asked for, %" PRIu64 " answered, %" PRIu64 " of them unknown, "
           "%" PRIu64 " wrong; %" PRIu64 " from memory, %" PRIu64 " refreshed behind; %" PRIu64
           " connections, %" PRIu64 " recipients, %" PRIu64 " violations\n",
           day->hours, day->submitted, day->finished, day->unknown, day->wrong, counts.recalled,
           kept.refreshes, seen.connections, seen.rcpts, seen.violations);
    if (seen.violations > 0)
        printf("%s\n", lab_world_violation(day->world, 0));
    ok &= day->finished == day->submitted && day->wrong == 0 && seen.violations == 0;
    ok &= counts.open_cases == 0 && counts.submitted == counts.finished && kept.lost == 0;
    /* It was a day's work: asked anew, from memory, refreshed; and little was left open. */
    ok &= counts.recalled > day->submitted / 4 && kept.refreshes > day->hours;
    return ok && seen.rcpts > day->submitted / 20 && day->unknown * 50 < day->submitted;
}

int main(int argc, char **argv)
{
    static struct day day;
    unsigned long hours = argc > 1 ? strtoul(argv[1], NULL, 10) : HOURS;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    bool ok;

    if (hours < 8 || hours > HOURS_MAX) {
        fprintf(stderr, "usage: test-day [HOURS [SEED]]\n8 hours or more: the first are for "
                        "filling up.\n");
        return 2;
    }
    day_open(&day, (unsigned)hours, seed);
    io_loop_run(day.loop);
    ok = went_well(&day);
    day_close(&day);
    return ok ? 0 : 1;
}
