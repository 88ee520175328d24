/*
 * What the conversations prove, all attempts taken together: one reason, and what it rests on.
 *
 * An address may be asked of several MX hosts, again after a greylist, and beside a random
 * recipient. The rules:
 *   - Only a reply to RCPT can tell of the mailbox, and never a 421, which closes the session
 *     (RFC 5321 3.8). The last such reply that is definite wins over whatever else happened.
 *   - Definite is: accepted; full (any code); and with a 5xx: not found, disabled, moved,
 *     restricted, address form refused. "Not found" with a 4xx becomes definite, weakly, when it
 *     was said twice at least 15 minutes apart.
 *   - A definite refusal in words that do not plainly speak of the mailbox (confidence below
 *     VERDICT_PLAIN_CONFIDENCE) needs the random recipient: the same refusal means that the server
 *     refuses all; anything else that it said means that it tells recipients apart. Plain words
 *     too, where they can't be true of the random one: restricted, disabled.
 *   - Without a definite reply, an answer says more than none, a later one more than an earlier.
 *     "We do not serve that domain" needs every host that was asked to say so.
 *   - Accepted is valid only beside a random recipient that was refused, or at a provider's own
 *     consumer domain, where no catch-all can be. When the random one was not heard, the reason
 *     why is the reason of the unknown.
 */
#ifndef MK_VERDICT_FINDING_H
#define MK_VERDICT_FINDING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/instant.h"
#include "provider/classify.h"
#include "verdict/evidence.h"
#include "verdict/verdict.h"

/* Two replies "no such user" with 4xx count from this distance (REPLIES.md 1). */
#define FINDING_SOFT_PROOF_MS (15 * MINUTE_MS)

enum finding_control {
    FINDING_CONTROL_NONE,     /* no random recipient was asked */
    FINDING_CONTROL_ACCEPTED, /* it was accepted */
    FINDING_CONTROL_REFUSED,  /* it was refused: the server tells recipients apart */
    FINDING_CONTROL_UNCLEAR,  /* it was asked and nothing was learnt */
};

struct finding {
    enum verdict_reason reason;
    bool accepted;    /* the real recipient was accepted */
    bool throttled;   /* the mailbox is busy, so it exists */
    bool weak;        /* proven, but not beyond doubt: an `invalid` to review */
    bool by_consumer; /* valid because the provider's own domain can't be a catch-all */
    bool heeds_names; /* recipients' names were looked for in replies: it holds for this one only */
    ptrdiff_t attempt;                    /* that decided, or -1 */
    struct classification classification; /* of its reply; rule NULL when it has none */
    enum finding_control control;
    ptrdiff_t random_attempt; /* that told `control`, or -1: remembered, or none */
    struct classification random_classification; /* rule NULL when there is no reply */
};

/* From the attempts on; what DNS and lists say is not looked at. */
void finding_combine(const struct evidence *evidence, struct finding *ret_finding);

/* What the reply of an attempt means: as whoever made it knows already, or classified now. */
void finding_classify(const struct evidence *evidence, const struct evidence_attempt *attempt,
                      struct classification *ret);

/* Do two replies use the same code and words, names of the recipients and numbers aside? */
bool finding_same_words(const struct smtp_reply *a, struct slice recipient_a,
                        const struct smtp_reply *b, struct slice recipient_b);

/*
 * Does this reply to a random recipient tell what the server does with unknown ones? A refusal of
 * us or of the moment does not; a 4xx that says "no such user" does. A permanent refusal in words
 * that name neither us nor a fault counts, because it is compared with an acceptance of another
 * recipient under the same circumstances. Never FINDING_CONTROL_NONE.
 */
enum finding_control finding_control_of(enum smtp_stage stage, unsigned code,
                                        enum smtp_class reply_class);

/* What a reply of this class means when it is the only one, at RCPT (or before it). */
enum verdict_reason finding_reason_of_class(enum smtp_class reply_class, unsigned code,
                                            bool at_rcpt);

#endif
