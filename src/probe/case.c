#include "probe/case.h"

#include <string.h>

#include "base/check.h"
#include "base/eight.h"
#include "base/memory.h"
#include "lists/builtin.h"
#include "probe/case_round.h"
#include "probe/domain.h"
#include "probe/host.h"
#include "probe/offline.h"
#include "probe/owner.h"
#include "probe/recalled.h"
#include "probe/taken.h"
#include "provider/mailbox.h"

#define SPARE_BYTES 2000 /* used: it has no second block, or that is not much larger */

static void case_start(struct probe_case *kase, const struct probe_taken *taken);

/* --- submitting ---------------------------------------------------------------------------- */

/* input: stands as long as the submission does. */
static void submission_init(struct probe_submission *submission, struct slice input,
                            struct address_memo memo, const struct probe_wish *wish,
                            probe_done *done, void *user)
{
    *submission = (struct probe_submission){
        .done = done,
        .user = user,
        .owner = wish->owner,
        .input = input.ptr,
        .input_len = (uint32_t)input.len,
        .memo = memo,
        .patience = (uint8_t)wish->patience,
        .is_fresh = wish->is_fresh,
    };
}

/* Of one who joins a case: with its input behind it. */
static struct probe_submission *submission_new(struct slice input, struct address_memo memo,
                                               const struct probe_wish *wish, probe_done *done,
                                               void *user)
{
    struct probe_submission *submission = memory_alloc(sizeof(*submission) + input.len);
    char *bytes;

    if (submission == NULL)
        return NULL;
    bytes = (char *)(submission + 1);
    if (input.len > 0)
        memcpy(bytes, input.ptr, input.len);
    submission_init(submission, slice_from(bytes, input.len), memo, wish, done, user);
    return submission;
}

static void join(struct probe_case *kase, struct probe_submission *submission)
{
    struct probe_submission *first = kase->submissions;

    kase->is_withdrawn = false;
    if (first == NULL) {
        kase->submissions = submission;
    } else {
        submission->next = first->next;
        first->next = submission;
    }
}

/*
 * Cases come and go by the dozen, more at once than the C library keeps at hand: their memory goes
 * from one to the next. Not where the use of memory is watched: that would hide what is wrong.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define KEEPS_BLOCKS false
#else
#define KEEPS_BLOCKS true
#endif

static void case_give_back(struct probe_engine *engine, struct probe_case *kase)
{
    if (KEEPS_BLOCKS && kase->is_in_block && engine->case_block_count < PROBE_SPARES_MAX)
        engine->case_blocks[engine->case_block_count++] = kase;
    else
        memory_free(kase);
}

/*
 * All zero but what lies behind it, `more` bytes. The first line of one that was there before holds
 * nothing that means anything, and an alarm that is not set: it need not be fetched.
 */
static struct probe_case *case_take(struct probe_engine *engine, size_t more)
{
    const size_t first = offsetof(struct probe_case, recalled);
    bool fits = sizeof(struct probe_case) + more <= PROBE_CASE_BLOCK;
    struct probe_case *kase;

    if (fits && engine->case_block_count > 0) {
        kase = engine->case_blocks[--engine->case_block_count];
    } else {
        kase = memory_alloc_lines(fits ? PROBE_CASE_BLOCK : sizeof(struct probe_case) + more);
        if (kase == NULL)
            return NULL;
        memset(kase, 0, first);
    }
    memset((char *)kase + first, 0, sizeof(*kase) - first);
    kase->is_in_block = fits;
    return kase;
}

/* Most addresses are given as they go on the wire: then there is one copy for both. */
static struct probe_case *case_new(struct probe_engine *engine, const struct probe_taken *taken,
                                   struct slice input, struct slice *ret_input)
{
    struct slice wire = taken->wire;
    bool is_wire = taken->is_plain || slice_equal(wire, input);
    struct probe_case *kase = case_take(engine, wire.len + 1 + (is_wire ? 0 : input.len));
    char *at;

    if (kase == NULL)
        return NULL;
    if (probe_alarms_count_in(&engine->waits) != 0) {
        case_give_back(engine, kase);
        return NULL;
    }
    if (probe_alarms_count_in(&engine->alarms) != 0) {
        probe_alarms_count_out(&engine->waits);
        case_give_back(engine, kase);
        return NULL;
    }
    kase->engine = engine;
    at = kase->wire;
    eight_copy(at, wire.ptr, wire.len);
    at[wire.len] = '\0';
    kase->ask.recipient.mailbox = slice_from(at, wire.len);
    if (taken->is_plain)
        smtp_recipient_vouch(&kase->ask.recipient, (uint16_t)(taken->local.len + 1));
    else
        (void)smtp_recipient_check(&kase->ask.recipient); /* what can't be sent is told then */
    kase->ask.recipient.needs_smtputf8 = taken->needs_smtputf8;
    if (!is_wire)
        at += wire.len + 1;
    if (!is_wire && input.len > 0)
        memcpy(at, input.ptr, input.len);
    *ret_input = slice_from(at, input.len);
    arena_init(&kase->arena);
    kase->submitted_ms = probe_engine_now(engine);
    kase->budget_ms = engine->settings.case_timeout_ms;
    return kase;
}

/* The block that attempts lie in is as large as many small ones: it goes from case to case. */
static void give_up_arena(struct probe_engine *engine, struct arena *arena)
{
    if (arena->newest == NULL || engine->spare_count == PROBE_SPARES_MAX ||
        arena->used_bytes > SPARE_BYTES) {
        arena_done(arena);
        return;
    }
    arena_reset(arena);
    engine->spares[engine->spare_count++] = *arena;
}

void probe_case_free(struct probe_case *kase)
{
    struct probe_engine *engine = kase->engine;

    probe_recalled_free(kase->recalled);
    /* It is neither WAITING nor OUT. */
    probe_alarms_count_out(&engine->waits);
    probe_alarms_count_out(&engine->alarms);
    give_up_arena(engine, &kase->arena);
    case_give_back(engine, kase);
}

void probe_case_hurry(struct probe_case *kase)
{
    probe_host_hurry(&kase->ask);
}

/* It is one of those under way, whom others may join. False: no memory. */
static bool case_begin(struct probe_case *kase, uint32_t hash, bool may_be_joined)
{
    struct probe_engine *engine = kase->engine;

    kase->mailbox_hash = hash;
    if (may_be_joined &&
        table_add_hashed(&engine->mailboxes, kase->ask.recipient.mailbox, hash, kase) != 0)
        return false;
    kase->has_mailbox_key = may_be_joined;
    list_append(&engine->cases, &kase->in_cases);
    return true;
}

/* One that goes less far is soon over: from now on others join the deeper one. */
static void part_with(struct probe_engine *engine, struct probe_case *shallow)
{
    table_take_hashed(&engine->mailboxes, shallow->ask.recipient.mailbox, shallow->mailbox_hash);
    shallow->has_mailbox_key = false;
}

int probe_case_submit(struct probe_engine *engine, struct slice address,
                      const struct probe_wish *wish, probe_done *done, void *user)
{
    struct probe_submission *submission = NULL;
    struct probe_case *kase = NULL, *fresh;
    struct probe_recalled *recalled = NULL;
    struct probe_taken taken;
    struct slice input;
    uint32_t hash = 0;
    bool is_settled = false, is_new;

    if (address.len > UINT32_MAX)
        return ERROR_NOMEM;
    probe_take_in(engine, address, &taken);
    if (taken.wire.len > 0) {
        hash = table_hash(&engine->mailboxes, taken.wire);
        table_fetch(&engine->mailboxes, hash);
    }
    /* Nearly all are new: it is made while the place where it will stand is fetched. */
    fresh = case_new(engine, &taken, address, &input);
    if (fresh == NULL)
        goto no_memory;
    if (taken.wire.len > 0) {
        if (engine->past.recall != NULL)
            recalled = probe_recalled_new(engine, probe_taken_address(&taken), wish);
        is_settled = probe_recalled_settles(recalled, wish);
        /* An answer at hand does not wait for one that is under way. */
        if (!is_settled)
            kase = table_get_hashed(&engine->mailboxes, taken.wire, hash);
        if (kase != NULL && kase->depth < wish->depth) {
            part_with(engine, kase);
            kase = NULL;
        }
    }
    is_new = kase == NULL;
    if (is_new) {
        if (!case_begin(fresh, hash, taken.wire.len > 0 && !is_settled))
            goto no_memory;
        kase = fresh;
        kase->depth = (uint8_t)wish->depth;
        kase->patience = (uint8_t)wish->patience;
        submission = &kase->first;
        submission_init(submission, input, taken.memo, wish, done, user);
    } else {
        submission = submission_new(address, taken.memo, wish, done, user);
        if (submission == NULL)
            goto no_memory;
        probe_case_free(fresh);
    }
    if (wish->patience > kase->patience)
        kase->patience = (uint8_t)wish->patience;
    join(kase, submission);
    if (kase->recalled == NULL)
        kase->recalled = recalled;
    else
        probe_recalled_free(recalled);
    if (!wish->is_in_no_hurry)
        probe_case_hurry(kase);
    probe_owner_count_in(kase, submission);
    engine->counts.submitted++;
    if (is_new && taken.wire.len > 0)
        case_start(kase, &taken);
    else if (is_new)
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
    return 0;

no_memory:
    if (fresh != NULL)
        probe_case_free(fresh);
    probe_recalled_free(recalled);
    return ERROR_NOMEM;
}

/* --- ending -------------------------------------------------------------------------------- */

static void case_waits_no_more(struct probe_case *kase)
{
    probe_owner_waits_no_more(kase);
    probe_alarm_clear(&kase->engine->waits, &kase->alarm);
}

void probe_case_finish(struct probe_case *kase, enum evidence_stop stop)
{
    struct probe_engine *engine = kase->engine;

    CHECK(kase->state != PROBE_CASE_OUT && kase->state != PROBE_CASE_FINISHED);
    if (engine->cancelled && stop == EVIDENCE_STOP_NONE)
        stop = EVIDENCE_STOP_CANCELLED; /* it would have gone on */
    if (kase->state == PROBE_CASE_WAITING)
        case_waits_no_more(kase);
    probe_host_dequeue(&kase->ask);
    list_remove(&kase->node);
    kase->stop = stop;
    kase->state = PROBE_CASE_FINISHED;
    /* From now on the same mailbox is a new question. */
    if (kase->has_mailbox_key) {
        table_take_hashed(&engine->mailboxes, kase->ask.recipient.mailbox, kase->mailbox_hash);
        kase->has_mailbox_key = false;
    }
    list_append(&engine->finished, &kase->node);
    engine->finished_count++;
}

void probe_case_fail(struct probe_case *kase, const char *why)
{
    kase->internal = why;
    probe_case_finish(kase, EVIDENCE_STOP_INTERNAL);
}

void probe_case_elsewhere(struct probe_case *kase, const char *site)
{
    kase->elsewhere = arena_string(&kase->arena, slice_from_string(site));
    if (kase->elsewhere == NULL)
        probe_case_fail(kase, "out of memory");
    else
        probe_case_finish(kase, EVIDENCE_STOP_ELSEWHERE);
}

/* --- the cheap layers ---------------------------------------------------------------------- */

#define BIT(kind) (1U << (kind))

/* What the lists say is bad to mail, whether it exists or not: no server is bothered with it. */
static bool is_listed(unsigned matches, unsigned builtin, bool disposable_mx)
{
    bool allowed = (matches & BIT(LISTS_OPERATOR_ALLOW)) != 0;
    bool disposable = (builtin & LISTS_DISPOSABLE) != 0 || disposable_mx ||
                      (matches & BIT(LISTS_OPERATOR_DISPOSABLE)) != 0;

    if ((matches & (BIT(LISTS_OPERATOR_TRAP) | BIT(LISTS_OPERATOR_COMPLAINT))) != 0)
        return true;
    if (allowed)
        return false;
    if ((matches & BIT(LISTS_OPERATOR_LISTED)) != 0)
        return true;
    return disposable && (matches & BIT(LISTS_OPERATOR_NOT_DISPOSABLE)) == 0;
}

static void case_go_by_facts(struct probe_case *kase);

static void case_look_up(struct probe_case *kase, const struct probe_taken *taken)
{
    struct probe_engine *engine = kase->engine;
    struct probe_domain *domain = taken->known;
    const struct evidence_domain *facts = NULL;
    int code;

    if (domain != NULL)
        probe_domain_hold(domain);
    else
        domain = probe_domain_get(engine, taken->domain);
    kase->ask.domain = domain;
    if (domain == NULL) {
        probe_case_fail(kase, "out of memory");
        return;
    }
    domain->cases++;
    if (taken->is_literal)
        code = probe_domain_make_literal(kase->ask.domain, &taken->literal);
    else
        code = 0;
    if (code == 0)
        code = probe_domain_look_up(kase->ask.domain, &facts);
    if (code != 0) {
        probe_case_fail(kase, "out of memory");
    } else if (facts == NULL) {
        kase->state = PROBE_CASE_LOOKING_UP;
        list_append(&kase->ask.domain->dns_waiters, &kase->node);
    } else {
        case_go_by_facts(kase);
    }
}

static void case_go_by_past(struct probe_case *kase)
{
    kase->is_recalled = kase->recalled->kind != PROBE_RECALL_NOTHING;
    kase->engine->counts.recalled++;
    probe_case_finish(kase, EVIDENCE_STOP_NONE);
}

/* No such mailbox can exist. The rules of a domain that other cases have got are at hand. */
static bool is_breach(const struct probe_taken *taken)
{
    if (taken->known == NULL)
        return provider_mailbox_breach(taken->local, taken->domain) != NULL;
    return provider_mailbox_breach_of(taken->local, &taken->known->known.rules) != NULL;
}

struct probe_wish probe_case_wish(const struct probe_case *kase)
{
    return (struct probe_wish){
        .depth = (enum evidence_depth)kase->depth,
        .patience = (enum probe_patience)kase->patience,
        .is_in_no_hurry = !kase->ask.hurried,
    };
}

static void case_start(struct probe_case *kase, const struct probe_taken *taken)
{
    const struct probe_wish wish = probe_case_wish(kase);

    if (kase->engine->lists != NULL)
        kase->operator_matches =
            lists_operator_match(kase->engine->lists, taken->local, taken->domain);
    if (probe_offline_is_skipped(kase->operator_matches) || is_breach(taken))
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
    else if (probe_recalled_settles(kase->recalled, &wish))
        case_go_by_past(kase);
    else if (kase->depth == EVIDENCE_DEPTH_SYNTAX)
        probe_case_finish(kase, EVIDENCE_STOP_DEPTH);
    else
        case_look_up(kase, taken);
}

void probe_case_step(struct probe_case *kase)
{
    CHECK(kase->state == PROBE_CASE_READY);
    if (kase->facts == NULL)
        probe_case_facts_came(kase);
    else if (kase->needs_stranger)
        probe_case_needs_stranger(kase);
    else
        probe_case_next_host(kase, PROBE_RETRY_NONE);
}

/* --- facts --------------------------------------------------------------------------------- */

static bool facts_failed(const struct evidence_domain *facts)
{
    return dns_outcome_is_failure(facts->mx_outcome) ||
           dns_outcome_is_failure(facts->address_outcome);
}

static bool facts_have_address(const struct evidence_domain *facts)
{
    for (size_t i = 0; i < facts->host_count; i++) {
        if (facts->hosts[i].address_count > 0)
            return true;
    }
    return false;
}

static void case_go_by_facts(struct probe_case *kase)
{
    const struct evidence_domain *facts = kase->ask.domain->facts;
    struct probe_domain *domain = kase->ask.domain;
    unsigned builtin = domain->is_literal ? 0 : domain->known.classes;

    kase->facts = domain->is_literal ? facts : dns_facts_hold(facts);
    kase->operator_matches |= domain->mx_matches;
    if (facts->null_mx || !facts_have_address(facts)) {
        if (facts_failed(facts) && probe_case_wait(kase, PROBE_RETRY_DNS, 0, 0)) {
            if (!domain->is_literal)
                dns_facts_release(kase->facts);
            kase->facts = NULL; /* look again when the wait is over */
            return;
        }
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
    } else if (probe_offline_is_skipped(kase->operator_matches) ||
               is_listed(kase->operator_matches, builtin, domain->disposable_mx)) {
        /* Throwaway and listed domains are settled; probing them would only annoy. */
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
    } else if (kase->depth == EVIDENCE_DEPTH_DNS) {
        probe_case_finish(kase, EVIDENCE_STOP_DEPTH);
    } else {
        probe_case_next_host(kase, PROBE_RETRY_NONE);
    }
}

void probe_case_facts_came(struct probe_case *kase)
{
    const struct evidence_domain *facts;

    kase->state = PROBE_CASE_READY;
    list_remove(&kase->node);
    if (probe_domain_look_up(kase->ask.domain, &facts) != 0) {
        probe_case_fail(kase, "out of memory");
    } else if (facts == NULL) {
        kase->state = PROBE_CASE_LOOKING_UP;
        list_append(&kase->ask.domain->dns_waiters, &kase->node);
    } else {
        case_go_by_facts(kase);
    }
}
