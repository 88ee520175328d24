/*
 * Evidence read back from the JSON in which it was kept (verdict/result.h, with evidence), so that
 * it can be judged again: by newer rules, on another day, without asking anybody.
 *
 * What was learnt is read: attempts with their replies, DNS outcomes, habits, what own messages
 * met. What follows from the address and today's lists (classes, breach, suggestion, throwaway MX)
 * is not; whoever judges fills it in as for a fresh case (probe/offline.h). Unknown members are
 * passed over, missing ones are zero.
 */
#ifndef MK_VERDICT_RECALL_H
#define MK_VERDICT_RECALL_H

#include "base/arena.h"
#include "base/error.h"
#include "verdict/evidence.h"

/*
 * All that *ret_evidence points to lives on the arena. is_remembered is as the result says
 * (`source`), asked_unix_ms the caller's to set. ERROR_NOT_FOUND: the result was kept without
 * evidence; ERROR_FORMAT: it is none of ours; ERROR_NOMEM.
 */
int recall_evidence(struct slice json, struct arena *arena, struct evidence *ret_evidence);

#endif
