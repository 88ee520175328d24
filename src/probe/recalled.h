/*
 * What the past says of one case, from its submission to its report. Only src/probe includes this.
 */
#ifndef MK_PROBE_RECALLED_H
#define MK_PROBE_RECALLED_H

#include "probe/past.h"
#include "probe/state.h"

struct probe_case;

struct probe_recalled {
    struct arena arena;
    enum probe_recall kind;
    struct evidence_history outcomes;
    struct evidence evidence; /* unless kind is NOTHING */
};

/* NULL: nothing is known, or no memory: then it is asked as if there were no past. */
struct probe_recalled *probe_recalled_new(struct probe_engine *engine,
                                          const struct address *address,
                                          const struct probe_wish *wish);
void probe_recalled_free(struct probe_recalled *recalled); /* NULL accepted */

/* Is nobody to be asked, because the past says all? */
bool probe_recalled_settles(const struct probe_recalled *recalled, const struct probe_wish *wish);
/* Everything but what follows from the input (probe/offline.h) and the lists' say on it. */
void probe_recalled_fill(const struct probe_recalled *recalled, const struct probe_engine *engine,
                         struct evidence *evidence);
/* Tell the past what the case found out; where that writes it down, evidence->written says so. */
void probe_recalled_learn(const struct probe_case *kase, struct evidence *evidence,
                          const struct verdict *verdict);

#endif
