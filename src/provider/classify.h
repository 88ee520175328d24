/*
 * What a reply means: who is refused (us, the sender, the recipient, the domain), for how long, and
 * whose fault it is. Rules are data (data/reply_rules.tsv), matched on a normalised text.
 *
 * The worst error is to read a refusal of us as one of the mailbox; unknown words fall to the safe
 * side, and AMBIGUOUS is an honest answer. A refusal before RCPT is never about the mailbox.
 */
#ifndef MK_PROVIDER_CLASSIFY_H
#define MK_PROVIDER_CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "provider/profile.h"
#include "smtp/class.h"
#include "smtp/reply.h"

struct classify_input {
    enum smtp_stage stage;
    const char *provider; /* a profile's name; NULL or "": unknown */
    struct smtp_reply reply;
};

struct classification {
    enum smtp_class reply_class;
    const char *rule;          /* stable name of the rule that fired, static */
    uint8_t confidence;        /* 0 to 100 */
    uint32_t retry_after_s;    /* 0: waiting does not help, or no time was named */
    const char *sentence;      /* plain English: what the server said; static */
    enum provider_trust trust; /* ACCEPTED only: what the provider's yes is worth; else FULL */
};

/* Pure; allocates nothing; any bytes are fine. */
void classify_reply(const struct classify_input *input, struct classification *ret);

#endif
