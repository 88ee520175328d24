/*
 * For tests of the engine: the engine in the lab's simulated world, which it is watched from.
 *
 * Addresses are submitted, the world runs to its end, and each outcome can be looked at. Whatever a
 * verdict is, it is compared with that of the same evidence alone.
 */
#ifndef MK_PROBE_ENGINE_RIG_H
#define MK_PROBE_ENGINE_RIG_H

#include "lab/sim_loop.h"
#include "lab/world.h"
#include "probe/engine.h"

/* One address that was submitted, and how it ended. */
struct outcome {
    char address[704];
    unsigned done;
    uint64_t done_ms;
    enum verdict_status status;
    enum verdict_reason reason;
    size_t attempts, random_attempts;
    enum evidence_stop stop;
    struct evidence_peers peers;
    enum evidence_catch_all catch_all;
    bool catch_all_from_cache;
    int64_t ended_before_ms; /* when it was told */
    char explanation[VERDICT_EXPLANATION_SIZE];
};

struct bench {
    struct lab_sim_plan plan;
    struct probe_settings settings;
    struct io_loop *loop;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct dns_resolver *resolver;
    struct lists_operator *lists;
    struct probe_engine *engine;
    struct outcome *outcomes;
    size_t outcome_count, done_count;
    uint64_t last_done_ms;
    bool inside_submit;
    void (*on_done)(struct bench *bench); /* after each */
};

/* A world of one seed and short ways, and settings to be changed before it is built. */
struct bench *bench_new(void);
/* Set the world up from a scenario; false when memory ran out (only tests that make it do). */
bool bench_build(struct bench *bench, const char *text);
void bench_free(struct bench *bench);
/* NULL: the engine is full, or has no memory. wish NULL: as the settings say. */
struct outcome *submit_wish(struct bench *bench, struct slice address,
                            const struct probe_wish *wish);
struct outcome *submit(struct bench *bench, struct slice address);
/* Fail the test otherwise. */
void everybody_ended_once(const struct bench *bench);
/* No limit was exceeded, as the world saw it. */
void nobody_was_annoyed(const struct bench *bench);
/* Submit all addresses that the scenario expects something of, and run the world to its end. */
void bench_run(struct bench *bench);
struct probe_counts counts_of(const struct bench *bench);

/* Three mailboxes at one host. */
#define SERVER_A                                                                                   \
    "domain a.example\n"                                                                           \
    "  mx 10 mx.a.example\n"                                                                       \
    "server mx.a.example 192.0.2.1\n"                                                              \
    "  offer pipelining\n"                                                                         \
    "  mailbox ann\n"                                                                              \
    "  mailbox bob\n"                                                                              \
    "  mailbox cas full\n"

#endif
