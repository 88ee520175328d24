/*
 * What to do with a verdict: the score, the action and when to ask again. One table row a reason.
 * The score is an estimate made of documented features (verdict/score.h).
 */
#ifndef MK_VERDICT_ADVICE_H
#define MK_VERDICT_ADVICE_H

#include "verdict/finding.h"
#include "verdict/score.h"

/*
 * Fill score, action and retry_after_s of a verdict whose status, reason, flags and classification
 * are set. `finding` is NULL when no server was asked; `without_lists` is the reason that stands
 * when the operator's and built-in lists are not looked at.
 */
void advice_give(const struct evidence *evidence, const struct finding *finding,
                 enum verdict_reason without_lists, const struct verdict_local *local,
                 struct verdict *verdict);

/* The score of such a verdict with all that it is made of. */
void advice_score(const struct evidence *evidence, const struct finding *finding,
                  enum verdict_reason without_lists, const struct verdict_local *local,
                  const struct verdict *verdict, struct score *ret_score);

/* The action by the reason alone. */
enum verdict_action advice_action(enum verdict_reason reason);
/* How long to wait before asking again when the reply names no time; 0: waiting is no help. */
uint32_t advice_retry_after_s(enum verdict_reason reason);

#endif
