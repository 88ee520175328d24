/*
 * All that follows from a seed: a world, a list of addresses, settings, and the faults of a run.
 *
 * A plan is data without pointers into itself, so that it can be copied, made smaller and tried
 * again (trial.h).
 */
#ifndef MK_SOAK_PLAN_H
#define MK_SOAK_PLAN_H

#include "lab/sim_loop.h"
#include "probe/engine.h"
#include "world.h"

#define SOAK_ADDRESSES_MAX 150
#define SOAK_ADDRESS_SIZE  64

/* name, what it is: every fault that can be taken away on its own */
#define SOAK_FAULTS(X)                                                                             \
    X(drop_permille)      /* connections never answered */                                         \
    X(reset_permille)     /* pieces that are a reset instead */                                    \
    X(tls_fail_permille)  /* handshakes that fail */                                               \
    X(stall_permille)     /* replies that are late by up to ten minutes */                         \
    X(split)              /* what is written arrives in pieces: short writes and reads */          \
    X(reorder)            /* what is due at once happens in any order */                           \
    X(dns_loss_permille)  /* answers that get lost */                                              \
    X(dns_lie_permille)   /* answers that are lies */                                              \
    X(memory_after)       /* allocations until some fail for a while; 0: none does */              \
    X(wall_jumps)         /* times that the wall clock is set */                                   \
    X(hold_ups)           /* times that the process is held up */                                  \
    X(hold_up_max_ms)     /* for so long at most */                                                \
    X(stop_ms)            /* when it is stopped by its owner; 0: it is not */                      \
    X(store_permille)     /* calls of the store that fail, half of them after they took effect */  \
    X(slow_disk_permille) /* calls that take so long that steps become small */                    \
    X(deaths)             /* times that a list's process is killed and started again */

struct soak_faults {
#define X(name) unsigned name;
    SOAK_FAULTS(X)
#undef X
};

enum soak_address_kind {
    SOAK_MAILBOX,
    SOAK_BAD_SYNTAX,
    SOAK_BAD_ROW, /* of a list: has no such column */
};

struct soak_address {
    enum soak_address_kind kind;
    bool is_user; /* its name is one of a mailbox */
    unsigned site, domain, number;
    uint64_t at_ms; /* when it is submitted, where there is no list */
    bool in_no_hurry;
};

struct soak_plan {
    uint64_t seed;
    struct soak_world world;
    uint32_t latency_max_ms;
    enum probe_patience patience;
    bool transcripts, has_second_sender, few_connections, few_cases;
    size_t window;        /* of a list */
    size_t piece;         /* bytes of the list read at once */
    bool on_disk;         /* the list's store is a file */
    uint64_t dies_at;     /* of its first life: this event or call of the store; 0: any */
    bool dies_in_store;   /* a call, not an event */
    bool dies_after_call; /* it took effect */
    struct soak_faults faults;
    struct soak_address addresses[SOAK_ADDRESSES_MAX];
    unsigned address_count;
};

void soak_plan_make(uint64_t seed, struct soak_plan *plan);
/* One so small that it can be run as often as it has events. */
void soak_plan_make_small(uint64_t seed, struct soak_plan *plan);
void soak_plan_settings(const struct soak_plan *plan, struct probe_settings *settings);

/* The address in the words of a list. Returns out. */
const char *soak_address_text(const struct soak_address *address, char out[SOAK_ADDRESS_SIZE]);
bool soak_address_exists(const struct soak_plan *plan, const struct soak_address *address);
/* The list: a header, a row an address. */
void soak_plan_list(const struct soak_plan *plan, struct buffer *out);
/* For people: world, list and faults, as a scenario. */
void soak_plan_print(const struct soak_plan *plan);

#endif
