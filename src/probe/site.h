/*
 * A site: the operator behind mail hosts, and everything it allows.
 *
 * Limits, breaker and the choice of the sender are the site's; hosts that want a connection take
 * turns. Work is done by probe_site_run only, which the engine calls for sites marked dirty. When
 * the engine's own allowance is used up, sites wait for it in a heap, the neediest first.
 */
#ifndef MK_PROBE_SITE_H
#define MK_PROBE_SITE_H

#include "probe/pace.h"
#include "probe/state.h"

struct probe_host;
struct probe_session;

/* By sender, in batches or one by one, in clear or not, alone or not. */
#define PROBE_SITE_PLANS 16

struct probe_site {
    struct probe_engine *engine;
    char *key;
    const struct provider_profile *profile;
    const struct probe_egress *egress; /* whom it sees */
    struct probe_limits limits;
    struct probe_breaker breaker;
    struct smtp_plan *plans[PROBE_SITE_PLANS]; /* of its conversations; made when first wanted */
    bool use_second_sender;
    bool granted;        /* the engine's next connection is for this site */
    struct list waiting; /* hosts with asks in their queues */
    struct list hungry;  /* those that want one more connection */
    struct list sessions;
    struct list idle_sessions;
    size_t host_count, waiting_count;
    struct probe_pace pace; /* of recipients answered */
    size_t later_count;     /* cases that wait for a later attempt, as last counted */
    uint64_t later_ms;      /* when the first of them goes on */
    struct list_node in_dirty;
    struct heap_node in_starved;
    struct probe_alarm alarm;
};

struct probe_site *probe_site_get(struct probe_engine *engine,
                                  const struct provider_profile *profile,
                                  struct slice host_name); /* NULL: no memory */
/* Free it if nothing is lost by forgetting it. */
void probe_site_drop(struct probe_site *site);

/* May we ask there? */
enum probe_gate_answer probe_site_gate(const struct probe_site *site);
/* It said LATER: the breaker opens where that is for long. */
void probe_site_heed_gate(struct probe_site *site);
/* The gate says something else: its queue goes on, or away. */
void probe_site_gate_turned(struct probe_site *site);
/* Are its connections noted in the engine's ledger before they are opened? */
bool probe_site_needs_note(const struct probe_site *site);
void probe_site_mark(struct probe_site *site);
void probe_site_run(struct probe_site *site);

struct slice probe_site_sender(const struct probe_site *site);
/*
 * How conversations with it are held from now on; lives as long as the site. in_clear: without TLS,
 * which fails there. alone: for one recipient. one_by_one: without batches. NULL: no memory.
 */
const struct smtp_plan *probe_site_plan(struct probe_site *site, bool in_clear, bool alone,
                                        bool one_by_one);

/* What conversations brought. `opens`: a refusal said before RCPT, holding for everybody. */
void probe_site_succeeded(struct probe_site *site);
void probe_site_refused(struct probe_site *site, enum probe_refusal refusal, bool opens);
void probe_site_slot_freed(struct probe_site *site);

#endif
