/*
 * The gate: may we ask at a site at all?
 *
 * Where several processes share the sites of the world, whoever knows which are ours gives the
 * engine a gate. It is asked when a case wants to go to a site, again before connections are opened
 * there, and before an open one is given more to ask. LATER holds the site's queue until
 * probe_engine_gate_turned; CLOSED ends its cases with EVIDENCE_STOP_ELSEWHERE and the site's key,
 * and lets what is being said come to its end. Without a gate every site is open.
 */
#ifndef MK_PROBE_GATE_H
#define MK_PROBE_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct probe_engine;
struct probe_site_state;

enum probe_gate_answer {
    PROBE_GATE_OPEN,
    PROBE_GATE_LATER,  /* not known yet, or not yet */
    PROBE_GATE_CLOSED, /* somebody else's */
};

struct probe_gate_question {
    const char *site;                /* its key */
    unsigned connections_per_minute; /* its limit of new ones; 0: none */
};

/* Called from inside the engine, costs little, and doesn't call it. */
struct probe_gate {
    enum probe_gate_answer (*ask)(void *user, const struct probe_gate_question *question);
    /* After LATER: nobody is to ask there before this time of the loop; 0: no such time. NULL: as
       0. Cases without the patience for it end as they do after a refusal of our own. */
    uint64_t (*rests_until)(void *user, const char *site);
    /* We were refused there, or asked to slow down: nobody asks before until_ms of the loop. NULL:
       not to be told. */
    void (*refused)(void *user, const char *site, uint64_t until_ms);
    void *user;
};

/* Copied; NULL: none, all are open. */
void probe_engine_set_gate(struct probe_engine *engine, const struct probe_gate *gate);
/* The answer about a site is another one from now on. No such site: no-op. */
void probe_engine_gate_turned(struct probe_engine *engine, const char *site);
/*
 * How long from now until connections that were opened at a site do not count against its limit of
 * new ones a minute any more; 0: none were, or it has no such limit.
 */
uint64_t probe_engine_site_fresh_ms(struct probe_engine *engine, const char *site);
/* One site by its key: false when nothing is known of it. Without `later`. */
bool probe_engine_find_site(struct probe_engine *engine, const char *site,
                            struct probe_site_state *ret_state);

#endif
