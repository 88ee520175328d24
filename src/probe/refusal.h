/*
 * Do two refusals say the same? For "refused in the same words as a recipient that cannot exist".
 */
#ifndef MK_PROBE_REFUSAL_H
#define MK_PROBE_REFUSAL_H

#include <stdbool.h>

#include "base/slice.h"
#include "smtp/reply.h"

/*
 * Codes are equal, and texts too once what differs from reply to reply is taken out: the mailbox
 * and its local part, and words that carry digits (queue ids, times, session ids).
 */
bool probe_refusals_are_alike(const struct smtp_reply *a, struct slice mailbox_a,
                              const struct smtp_reply *b, struct slice mailbox_b);

#endif
