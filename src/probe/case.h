/*
 * A case: one address on its way through the layers, cheap ones first.
 *
 *   READY ─ syntax, lists ─> LOOKING_UP ─ facts ─> QUEUED ⇄ OUT (in a session)
 *     └────────┬──────────────────┘                 │  ⇅ WAITING (greylist, later)
 *              v                                    v
 *          FINISHED <──────── STRANGER (the domain's random recipient)
 *
 * Small while it waits: the input, the wire form and a few numbers. The arena is touched only
 * when there are attempts to keep; what can be computed again is computed when it is reported.
 */
#ifndef MK_PROBE_CASE_H
#define MK_PROBE_CASE_H

#include "base/memory.h"
#include "probe/ask.h"
#include "probe/state.h"

enum probe_case_state {
    PROBE_CASE_READY,
    PROBE_CASE_LOOKING_UP,
    PROBE_CASE_QUEUED,
    PROBE_CASE_OUT,
    PROBE_CASE_WAITING,
    PROBE_CASE_STRANGER,
    PROBE_CASE_FINISHED,
};

struct probe_submission {
    struct probe_submission *next;
    probe_done *done;
    void *user;
    struct probe_owner *owner; /* NULL: nobody in particular */
    const char *input;
    uint32_t input_len;
    struct address_memo memo; /* of the input */
    uint8_t patience;         /* enum probe_patience */
    bool is_fresh;
};

static inline struct slice probe_submission_input(const struct probe_submission *submission)
{
    return slice_from(submission->input, submission->input_len);
}

/*
 * Thousands are open, more than the processor's caches hold, and each is looked at in three or four
 * short moments. So what a moment needs stands together, from a line of those caches on: first what
 * few cases ever need; then what is of its beginning and its end; what an answer brings; last what
 * is of its way out and back, with the wire form behind.
 */
struct probe_case {
    /* WAITING, in engine->waits: go on. OUT, in engine->alarms, if not in engine->out: no time
       left. */
    struct probe_alarm alarm;
    uint64_t waiting_since_ms; /* WAITING */
    uint64_t blocked_since_ms; /* was_blocked */
    const char *internal;      /* with EVIDENCE_STOP_INTERNAL: what failed, static */
    const char *elsewhere;     /* with EVIDENCE_STOP_ELSEWHERE: whose site it is, on the arena */

    _Alignas(MEMORY_LINE) struct probe_recalled *recalled; /* what the past says; NULL: nothing */
    uint64_t waited_ms;
    struct probe_submission first;        /* who made the case; those who join lie by themselves */
    struct probe_submission *submissions; /* first submitted first */
    struct list_node in_cases;
    uint64_t submitted_ms;
    unsigned operator_matches;
    uint32_t mailbox_hash; /* of the wire form, in engine->mailboxes */

    struct evidence_attempt *attempts;
    uint16_t attempt_count, attempt_room;
    uint32_t hint_s; /* what the last reply's kind usually wants to be waited for */
    struct arena arena;
    struct probe_place answered_by; /* the last host that replied */
    const struct evidence_domain *facts;
    uint8_t retries[PROBE_RETRY_COUNT];

    _Alignas(MEMORY_LINE) struct probe_engine *engine;
    uint64_t budget_ms;    /* when OUT, its deadline is so long after ask.asked_ms */
    struct list_node node; /* in the list that the state says; OUT: in engine->out, or in none */
    enum probe_case_state state;
    enum evidence_stop stop;
    uint8_t depth, patience;     /* as wished for: enum evidence_depth, probe_patience */
    uint8_t host_at, address_at; /* where in the facts' hosts */
    uint8_t again_count, untried_count, round_attempts;
    bool vague : 1;          /* refused in a way that a random recipient must explain */
    bool needs_stranger : 1; /* READY for that, not for the next host */
    bool saw_stranger : 1;   /* waited for it: its attempt is among its own */
    bool was_blocked : 1;    /* by a breaker */
    bool broke : 1;          /* the last conversation did, for no reason given */
    bool retried_at_once : 1;
    bool is_withdrawn : 1;    /* OUT, and nobody wants it to go further */
    bool has_mailbox_key : 1; /* in engine->mailboxes */
    bool is_noted : 1;        /* its domain has learnt from its verdict */
    bool is_recalled : 1;     /* the past says all: nobody was asked */
    bool is_in_block : 1;     /* of PROBE_CASE_BLOCK bytes, for another case when this is over */
    struct probe_ask ask;     /* its domain NULL: not got so far */
    char wire[]; /* NUL-terminated; "" for a bad address; then the input, where it is another */
};

/* What is wished for now, by whoever wishes for most; nobody's in particular. */
struct probe_wish probe_case_wish(const struct probe_case *kase);
/* ERROR_NOMEM. It takes its first steps at once; one that is under way is joined. */
int probe_case_submit(struct probe_engine *engine, struct slice address,
                      const struct probe_wish *wish, probe_done *done, void *user);
/* The next step of a READY case. */
void probe_case_step(struct probe_case *kase);
void probe_case_facts_came(struct probe_case *kase);
/* Somebody waits for it from now on. */
void probe_case_hurry(struct probe_case *kase);

/* End it wherever it is; it is reported when things have settled. Not for one that is OUT. */
void probe_case_finish(struct probe_case *kase, enum evidence_stop stop);
void probe_case_fail(struct probe_case *kase, const char *why);
/* It belongs to a site that another process asks. */
void probe_case_elsewhere(struct probe_case *kase, const char *site);

/* --- probe/case_round.c: backs of probe/ask.h and of the clock ------------------------------- */

void probe_case_host_dead(struct probe_case *kase);
void probe_case_blocked(struct probe_case *kase, uint64_t until_ms);
void probe_case_wait_is_over(void *owner);

/* --- probe/case_answer.c: out, and what comes back ------------------------------------------- */

void probe_case_out(struct probe_case *kase);
void probe_case_answered(struct probe_case *kase, const struct probe_answer *answer);
/* It is out no more: its time stands still. */
void probe_case_in(struct probe_case *kase);
/* When the first in engine->out has no time left; INSTANT_NEVER. */
uint64_t probe_case_next_deadline(const struct probe_engine *engine);
void probe_case_deadlines_ring(struct probe_engine *engine);
/* Back of its own alarm. */
void probe_case_deadline_came(void *owner);
/* READY: compare with the domain's random recipient, if that tells anything. */
void probe_case_needs_stranger(struct probe_case *kase);
/* The stranger's outcome is known, or won't be. */
void probe_case_stranger_settled(struct probe_case *kase);

/* Tell one who submitted it (and was taken from its list) what is known; frees the submission. */
void probe_case_tell(struct probe_case *kase, struct probe_submission *submission,
                     enum evidence_stop stop);
/* It is over, and empty. */
void probe_case_free(struct probe_case *kase);
/* Report to everybody who submitted it, and free it (probe/report.c). */
void probe_case_report(struct probe_case *kase);

/* Copy an attempt into an arena. ERROR_NOMEM: what *ret_attempt holds then means nothing. */
int probe_attempt_make(struct arena *arena, const struct probe_ask *ask,
                       const struct probe_answer *answer, struct slice host_name,
                       struct evidence_attempt *ret_attempt);

#endif
