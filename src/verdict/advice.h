/*
 * What to do with a verdict: the score, the action and when to ask again. One table row a reason.
 *
 * The score estimates the chance that a message sent now is delivered, in percent. The bases are
 * judgements, to be replaced by what feedback teaches; what moves them is small and stands here:
 *   accepted            97, and +1 where a known operator answers for itself, +1 at its consumer
 *                       domain; -2 for a remembered control, -2 for gibberish
 *   accepted_restricted 50: it exists, and refuses some
 *   invalid             1 to 3; 12 where the proof is weak
 *   catch_all           62 (60 at a provider that accepts all): -12 gibberish, -15 a suspected
 *                       typo, -5 no MX record, -5 neither SPF nor DMARC, +4 a role name, which
 *                       small domains do keep
 *   unknown             by reason, 25 to 60; 80 where the recipient was accepted and only the
 *                       control is missing; 85 where the mailbox is said to be busy; 15 where it
 *                       is said once to be unknown; -10 gibberish, -15 a suspected typo
 *                       either: at least 93 (catch_all, action send) or 85 (unknown) where a
 *                       message of ours was delivered and none came back since
 *   do_not_mail         by a list: what it would be without the list; full 15; known bounce 5
 *   skipped             50: not looked at
 */
#ifndef MK_VERDICT_ADVICE_H
#define MK_VERDICT_ADVICE_H

#include "verdict/finding.h"

/*
 * Fill score, action and retry_after_s of a verdict whose status, reason, flags and classification
 * are set. `finding` is NULL when no server was asked; `without_lists` is the reason that stands
 * when the operator's and built-in lists are not looked at.
 */
void advice_give(const struct evidence *evidence, const struct finding *finding,
                 enum verdict_reason without_lists, struct verdict *verdict);

/* The action by the reason alone. */
enum verdict_action advice_action(enum verdict_reason reason);
/* How long to wait before asking again when the reply names no time; 0: waiting is no help. */
uint32_t advice_retry_after_s(enum verdict_reason reason);

#endif
