/*
 * A case's rounds: from host to host in the order of its facts, and the waits between two rounds.
 *
 * A round asks the hosts in turn until one settles the case. Hosts known to be dead are passed over
 * (and said to be, once a round, in the evidence), those that are not to be bothered now make the
 * case wait or end. What an answer means is not known here: probe/case_answer.c calls in.
 */
#ifndef MK_PROBE_CASE_ROUND_H
#define MK_PROBE_CASE_ROUND_H

#include "probe/case.h"

#define PROBE_CASE_ATTEMPTS_MAX 40 /* kept; a bound, not a plan */

/* On to the next host that may be asked; with none left the round is over, and `retry` says what
 * for. */
void probe_case_next_host(struct probe_case *kase, enum probe_retry_kind retry);
/* Into the queue of `host`, if it is to be bothered now. first: before others of the domain. */
void probe_case_enqueue(struct probe_case *kase, struct probe_host *host, bool first);
/* True when the case waits now; false when there is no patience for it. */
bool probe_case_wait(struct probe_case *kase, enum probe_retry_kind kind, uint64_t hint_ms,
                     uint64_t asked_ms);
/* Where the next attempt is to be written: kept when attempt_count says so. NULL: no memory. */
struct evidence_attempt *probe_case_next_attempt(struct probe_case *kase);
/* Keep an attempt whose texts live as long as the case. ERROR_NOMEM. */
int probe_case_add_attempt(struct probe_case *kase, const struct evidence_attempt *attempt);

#endif
