/*
 * What to do after one recipient's result: the engine's manners in one pure function.
 *
 * Decides who is to be asked next (the same host, its next address, the next MX, nobody), whether
 * waiting helps, and whether the reply was a refusal of us that must quiet the whole site. It does
 * not judge the address: verdict/verdict.h reads the kept replies again. The rules are REPLIES.md 1
 * ("class -> verdict -> action") and DESIGN.md 5: never the sibling MX after a rate limit or a
 * block, and an unclear refusal is compared with that of a random recipient.
 */
#ifndef MK_PROBE_PLAN_H
#define MK_PROBE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/breaker.h"
#include "probe/retry.h"
#include "provider/classify.h"
#include "smtp/session.h"

enum probe_step {
    PROBE_STEP_FINISH,        /* what is known decides, or nothing more can be learnt */
    PROBE_STEP_ACCEPTED,      /* does the domain accept anybody? */
    PROBE_STEP_VAGUE,         /* refused, maybe not because of the mailbox: would anybody be? */
    PROBE_STEP_AGAIN,         /* the same host in a new session: it was not this recipient's turn */
    PROBE_STEP_IN_CLEAR,      /* the same host without TLS */
    PROBE_STEP_SECOND_SENDER, /* the same host with the other reverse-path */
    PROBE_STEP_NEXT_ADDRESS,  /* the host's next address, then the next host */
    PROBE_STEP_NEXT_HOST,     /* the next MX */
    PROBE_STEP_WAIT,          /* the same host later, if patience allows */
};

struct probe_plan_input {
    enum smtp_outcome outcome;
    enum smtp_stage stage;
    uint16_t code;                    /* with SMTP_OUTCOME_REPLY */
    struct classification classified; /* with SMTP_OUTCOME_REPLY */
    bool first_in_session;            /* nobody was asked in the session before this recipient */
    bool lost_in_batch;               /* maybe: its batch was not proven to be in step */
    bool was_tls_tried;               /* the host was known to fail TLS, this was in clear */
    bool may_do_without_tls;
    bool too_many;         /* 452 4.5.3: this session or transaction is full */
    bool has_other_sender; /* a second sender is configured and was not used here */
    unsigned again_count;  /* how often PROBE_STEP_AGAIN was the answer for this address */
};

struct probe_plan {
    enum probe_step step;
    enum probe_retry_kind retry; /* with WAIT; or once no host is left after NEXT_* */
    bool vague;                  /* once no host is left: PROBE_STEP_VAGUE */
    bool refuses_us;             /* quiet the site: `refusal` says how */
    bool refuses_session;        /* ... said before RCPT, so it holds for all of the site */
    enum probe_refusal refusal;
    bool ordinary; /* the site answered as it does to everybody */
};

void probe_plan_next(const struct probe_plan_input *input, struct probe_plan *ret_plan);

/* Does the reply to a random recipient settle the domain's habit? */
enum probe_random_answer {
    PROBE_RANDOM_ACCEPTED,
    PROBE_RANDOM_REFUSED, /* permanently, and not because of us */
    PROBE_RANDOM_LATER,   /* greylisted, too many of us, or their trouble: ask again */
    PROBE_RANDOM_BROKEN,  /* no answer: ask again at once, a few times */
    PROBE_RANDOM_NOTHING, /* it tells nothing; remember nothing */
};
enum probe_random_answer probe_plan_random(const struct probe_plan_input *input);

#endif
