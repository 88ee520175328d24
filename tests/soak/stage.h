/*
 * One life of a process in a plan's world: loop, lab, resolver and engine with the faults laid over
 * them, and the promises looked after at every event.
 */
#ifndef MK_SOAK_STAGE_H
#define MK_SOAK_STAGE_H

#include "flaky.h"
#include "lab/world.h"
#include "plan.h"
#include "verdict/verdict.h"

#define SOAK_FAILURE_SIZE (VERDICT_EXPLANATION_SIZE + 256)

struct soak_stage {
    const struct soak_plan *plan;
    struct soak_faults faults;
    struct io_loop *loop;
    struct lab_scenario *scenario;
    struct lab_world *world;
    struct io_listener *inside[FLAKY_INSIDE_COUNT]; /* where nobody may connect */
    struct dns_transport *transport;
    struct dns_resolver *resolver;
    struct probe_engine *engine;
    struct io_timer memory, disturb;
    struct random random;
    unsigned disturbances;
    bool memory_is_short;
    unsigned lied_sites; /* bits: nothing is known for sure of them */
    uint64_t digest;     /* of all that servers saw and said */
    void (*look)(void *user);
    void *look_user;
    char failure[SOAK_FAILURE_SIZE]; /* "": none */
};

/* What came of an address. */
struct soak_outcome {
    unsigned done;
    enum verdict_status status;
    enum verdict_reason reason;
    char explanation[VERDICT_EXPLANATION_SIZE];
};

extern const struct soak_faults soak_no_faults;

/* The first failure stays. */
void soak_fail(struct soak_stage *stage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What a life begins with; all 0: nothing was before it. */
struct soak_dawn {
    unsigned life;        /* from 0, its own luck for each */
    unsigned boot;        /* of the machine */
    uint64_t stop_events; /* so many after which the loop stops; 0: never */
    uint64_t start_ms;
    int64_t start_unix_ms; /* 0: the usual */
    struct slice visits;   /* what servers know of the life before (lab/world.h) */
    uint64_t passed_ms;    /* since that */
};

void soak_stage_build(struct soak_stage *stage, const struct soak_plan *plan,
                      const struct soak_faults *faults, const struct soak_dawn *dawn);
/* Until nothing can happen any more, or the events are over. look: called after every event. */
void soak_stage_run(struct soak_stage *stage, void (*look)(void *user), void *user);
/* Nothing is left open by an engine that had time to end. */
void soak_stage_check_end(struct soak_stage *stage);
void soak_stage_done(struct soak_stage *stage);
uint64_t soak_stage_events(const struct soak_stage *stage);

/* Is this what is true of the address, as far as the run could know it? */
void soak_check_outcome(struct soak_stage *stage, const struct soak_address *address,
                        const struct soak_outcome *outcome);
/* A fault makes nobody invalid: what is found so with faults was so without, or is true. */
void soak_check_against(struct soak_stage *stage, const struct soak_address *address,
                        const struct soak_outcome *faulty, const struct soak_outcome *clean);

#endif
