/*
 * An outcome: what is kept of one verified address when its evidence is gone.
 *
 * The columns by which lists are filtered and counted stand alone; the whole result is kept beside
 * them as the JSON text of verdict/result.h. Plain data; slices borrow from whoever filled it in.
 */
#ifndef MK_BULK_OUTCOME_H
#define MK_BULK_OUTCOME_H

#include "verdict/verdict.h"

struct bulk_outcome {
    enum verdict_status status;
    enum verdict_reason reason;
    enum verdict_action action;
    uint8_t score;
    uint32_t flags; /* enum verdict_flag bits */
    uint32_t retry_after_s;
    bool duplicate;               /* the same mailbox stands earlier in the list */
    uint64_t duplicate_of;        /* row number of that one, from 1; 0: none */
    struct slice suggestion;      /* "" for none */
    bool is_suggestion_unwelcome; /* it stands on a list of those that are not to be mailed */
    struct slice provider;        /* "" when not known */
    struct slice domain;          /* lower-case A-labels, "" for none */
    struct slice explanation;
    struct slice json; /* one object without newline; "" when it was not kept */
};

#endif
