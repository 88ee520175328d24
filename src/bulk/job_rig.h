/*
 * For tests of jobs: lives of a program that works on one list in the simulated world, with a store
 * that lasts.
 */
#ifndef MK_BULK_JOB_RIG_H
#define MK_BULK_JOB_RIG_H

#include "bulk/job.h"
#include "bulk/job_internal.h"
#include "lab/sim_loop.h"
#include "lab/world.h"
#include "probe/state.h"

#define ROWS         300
#define ROWS_DOMAINS 5 /* of as many rows each */

/* One life of the program. */
struct run {
    struct lab_sim_plan plan;
    struct probe_settings settings;
    struct bulk_job_options options;
    struct store *store;
    uint64_t id;
    struct io_loop *loop;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct dns_resolver *resolver;
    struct probe_engine *engine;
    struct bulk_habits *habits;
    struct bulk_job *job;
    unsigned ended;
    enum bulk_job_end end;
    uint64_t ended_ms;
    uint64_t kept, kept_with_json;
    uint64_t in_flight_most, held_most;
    uint64_t stop_after_kept, stop_grace_ms;
    uint64_t rcpts_at_stop;
    unsigned strangers[ROWS_DOMAINS]; /* asked in this life */
    bool knew_habit[ROWS_DOMAINS];    /* before it */
};

/* Of a row; some are nobody's. */
void address_of(uint64_t row, char out[64]);
/* Row 11 is row 1 again, row 21 is row 11's, and so is the first of the greylisted ones. */
bool is_duplicate(uint64_t row);
/* The list, in a store; its job. */
uint64_t load(struct store *store);
/* A life; what it is like may be changed before it is built. */
void run_init(struct run *run, struct store *store, uint64_t id, uint64_t seed);
/* As the world saw them. */
uint64_t rcpts_of(const struct run *run);
/* What a life hears of its job; user: the run. */
void run_kept(void *user, const struct store_result *results, size_t count);
void run_ended(void *user, enum bulk_job_end end);
void run_build(struct run *run);
/* What a stranger taught in another life is not asked again, and is kept before any result is. */
void check_habits(const struct run *run, const bool has_result[ROWS + 1]);
/* One life, to its end or until the plan kills it. */
void run_live(struct run *run);
/* And its end. */
void run_done(struct run *run);
/* Which rows have results: the count; and that they are right. */
uint64_t check_results(struct store *store, uint64_t id, bool is_faulty, bool has_result[ROWS + 1]);
struct store *memory_store(void);
enum store_job_state state_of(struct store *store, uint64_t id);

#endif
