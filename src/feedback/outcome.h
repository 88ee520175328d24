/*
 * What became of a message: the words by which others say it, and whether a bounce is one.
 *
 * A hard bounce says that the mailbox takes no mail. Mail services and delivery reports also call
 * "hard" what was a refusal of the sender (a block list, a policy): those words are read by the
 * same rules as a probe's replies (provider/classify.h), and a refusal of us is never held against
 * the address. Pure.
 */
#ifndef MK_FEEDBACK_OUTCOME_H
#define MK_FEEDBACK_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define FEEDBACK_OUTCOMES(X)                                                                       \
    X(BOUNCE, "bounce")       /* the mailbox takes no mail */                                      \
    X(DELIVERY, "delivery")   /* accepted, opened, clicked */                                      \
    X(COMPLAINT, "complaint") /* called spam by its owner */                                       \
    X(SOFT, "soft_bounce")    /* not this time: full, slow, temporarily broken */                  \
    X(BLOCKED, "blocked")     /* the sender was refused, not the mailbox */                        \
    X(OTHER, "other")         /* says nothing about the mailbox: queued, unsubscribed */

enum feedback_outcome {
#define X(symbol, name) FEEDBACK_##symbol,
    FEEDBACK_OUTCOMES(X)
#undef X
    FEEDBACK_OUTCOME_COUNT,
};

const char *feedback_outcome_name(enum feedback_outcome outcome);

/* One message's fate. Slices borrow from whoever read it. */
struct feedback_event {
    enum feedback_outcome outcome;
    struct slice address; /* as written; not yet parsed */
    int64_t unix_ms;      /* when; 0: not said */
    struct slice words;   /* of the bounce; "" */
};

/*
 * By a word in any case, blanks as "_": "Hard Bounce", "delivered", "spamreport", "opened". False:
 * not known.
 */
bool feedback_outcome_from_word(struct slice word, enum feedback_outcome *ret_outcome);

/*
 * What a bounce is, by its diagnostic ("smtp; 550 5.1.1 no such user", "" for none) and its status
 * ("5.1.1", "" for none). claimed: what its source calls it (BOUNCE or SOFT), which stands where
 * the words say nothing. BOUNCE, SOFT or BLOCKED.
 */
enum feedback_outcome feedback_judge_bounce(struct slice diagnostic, struct slice status,
                                            enum feedback_outcome claimed);

/* "John <a@b.example>" and "<a@b.example>" without what surrounds the address. */
struct slice feedback_bare_address(struct slice text);

/*
 * A moment as RFC 3339, as RFC 5322 ("Fri, 21 Oct 2011 11:02:55 +0000"), or in seconds or
 * milliseconds since 1970. False: none of these.
 */
bool feedback_parse_moment(struct slice text, int64_t *ret_unix_ms);

#endif
