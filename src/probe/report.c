/* The end of a case: evidence put together, judged, and told to everybody who asked. */
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "probe/case.h"
#include "probe/domain.h"
#include "probe/offline.h"
#include "probe/owner.h"
#include "probe/recalled.h"
#include "probe/stranger.h"

/* A domain that people really use is never "corrected". */
static bool domain_is_real(void *context, struct slice domain)
{
    const struct evidence *evidence = context;
    const struct evidence_domain *facts = evidence->domain;

    return probe_offline_domain_is_real(NULL, domain) ||
           (facts != NULL && slice_equal_nocase(domain, facts->name) &&
            facts->mx_outcome == DNS_FOUND && !facts->null_mx);
}

static void fill_catch_all(const struct probe_case *kase, struct evidence *evidence)
{
    struct probe_domain *domain = kase->ask.domain;

    evidence->catch_all = probe_domain_habit(domain, &kase->answered_by);
    if (evidence->catch_all == EVIDENCE_CATCH_ALL_UNKNOWN)
        return;
    evidence->catch_all_from_cache = !kase->saw_stranger;
    evidence->catch_all_text = domain->catch_all_reply.text;
    evidence->catch_all_code = domain->catch_all_reply.code;
}

static void fill_domain(const struct probe_case *kase, struct evidence *evidence)
{
    const struct probe_domain *domain = kase->ask.domain;

    if (domain == NULL)
        return;
    evidence->domain = kase->facts;
    if (kase->facts == NULL)
        return;
    evidence->provider = domain->provider;
    evidence->disposable_mx = domain->disposable_mx;
    fill_catch_all(kase, evidence);
}

static void fill(const struct probe_case *kase, struct evidence *evidence)
{
    struct probe_engine *engine = kase->engine;

    *evidence = (struct evidence){
        .depth = kase->depth,
        .suggestion = SLICE_EMPTY,
        .elsewhere = kase->stop == EVIDENCE_STOP_ELSEWHERE ? slice_from_string(kase->elsewhere)
                                                           : SLICE_EMPTY,
        .catch_all_text = SLICE_EMPTY,
        .internal =
            kase->stop == EVIDENCE_STOP_INTERNAL ? slice_from_string(kase->internal) : SLICE_EMPTY,
        .operator_matches = kase->operator_matches,
        .attempts = kase->attempts,
        .attempt_count = kase->attempt_count,
        .greylist_waited_s = (uint32_t)(kase->waited_ms / SECOND_MS),
        .checked_unix_ms = probe_engine_unix(engine), /* the same for all who hear of its end */
        .duration_ms = (uint32_t)(probe_engine_now(engine) - kase->submitted_ms),
    };
    fill_domain(kase, evidence);
    if (kase->recalled != NULL)
        evidence->history = kase->recalled->outcomes;
    if (kase->is_recalled)
        probe_recalled_fill(kase->recalled, engine, evidence);
}

static void release(struct probe_case *kase)
{
    bool is_literal = kase->ask.domain != NULL && kase->ask.domain->is_literal;

    if (!is_literal)
        dns_facts_release(kase->facts);
    if (kase->ask.domain != NULL) {
        if (--kase->ask.domain->cases == 0)
            probe_stranger_abandon(kase->ask.domain);
        probe_domain_release(kase->ask.domain);
    }
    list_remove(&kase->in_cases);
    probe_case_free(kase);
}

/* Nothing was learnt, but what was found out before still holds. */
static bool falls_back(const struct probe_case *kase, const struct probe_submission *submission,
                       enum evidence_stop stop, const struct verdict *verdict)
{
    return verdict->status == VERDICT_UNKNOWN && stop != EVIDENCE_STOP_CANCELLED &&
           stop != EVIDENCE_STOP_ELSEWHERE && kase->recalled != NULL &&
           kase->recalled->kind != PROBE_RECALL_NOTHING && !kase->is_recalled &&
           !submission->is_fresh && kase->depth == EVIDENCE_DEPTH_SMTP;
}

static const struct probe_offline_known *known_of(const struct probe_domain *domain)
{
    return domain != NULL && !domain->is_literal ? &domain->known : NULL;
}

/* The number of the facts that the evidence holds. A case may have had the domain's last ones. */
static uint64_t facts_id(const struct probe_case *kase, const struct evidence *evidence)
{
    const struct probe_domain *domain = kase->ask.domain;

    return domain != NULL && evidence->domain == domain->facts ? domain->facts_id : 0;
}

/* Evidence and verdict, and what they borrow. */
struct judged {
    struct evidence evidence;
    struct verdict verdict;
    enum naming_pattern pattern;
    char suggestion[ADDRESS_WIRE_SIZE];
};

/* Evidence for one who asked, judged. */
static void judge(const struct probe_case *kase, struct slice input, struct address_memo memo,
                  enum evidence_stop stop, bool by_past, struct judged *ret_judged)
{
    struct evidence *evidence = &ret_judged->evidence;
    const struct suggest_world world = {domain_is_real, evidence};
    struct address_traits traits;

    ret_judged->pattern = PROBE_PATTERN_UNSEEN;
    fill(kase, evidence);
    if (by_past)
        probe_recalled_fill(kase->recalled, kase->engine, evidence);
    else if (!kase->is_recalled)
        evidence->stop = stop;
    probe_offline_fill(input, memo, known_of(kase->ask.domain), &world, evidence, &traits,
                       ret_judged->suggestion);
    if (kase->ask.domain != NULL)
        probe_domain_fill_peers(kase->ask.domain, evidence, &ret_judged->pattern);
    verdict_memo_judge(&kase->engine->judged, evidence, facts_id(kase, evidence), &traits,
                       &ret_judged->verdict);
}

/* `judged` is what the case means to whoever asked, unless what was found out before holds. */
static void tell(struct probe_case *kase, struct probe_submission *submission,
                 enum evidence_stop stop, struct judged *judged)
{
    if (falls_back(kase, submission, stop, &judged->verdict))
        judge(kase, probe_submission_input(submission), submission->memo, stop, true, judged);
    if (kase->ask.domain != NULL && !kase->is_noted)
        probe_domain_note_verdict(kase->ask.domain, &judged->evidence, &judged->verdict,
                                  &judged->pattern);
    kase->is_noted = true;
    probe_owner_count_out(kase, submission);
    kase->engine->counts.finished++;
    submission->done(submission->user, &judged->evidence, &judged->verdict);
    if (submission != &kase->first)
        memory_free(submission);
}

void probe_case_tell(struct probe_case *kase, struct probe_submission *submission,
                     enum evidence_stop stop)
{
    struct judged judged;

    judge(kase, probe_submission_input(submission), submission->memo, stop, false, &judged);
    tell(kase, submission, stop, &judged);
}

/* Who asked first, if it was by the mailbox's own name, as nearly all do. */
static struct probe_submission *spelt_as_it_is(const struct probe_case *kase)
{
    struct probe_submission *first = kase->submissions;

    return first != NULL && slice_equal(probe_submission_input(first), kase->ask.recipient.mailbox)
               ? first
               : NULL;
}

static bool is_to_be_learnt(const struct probe_case *kase)
{
    return kase->engine->past.learn != NULL && !kase->is_recalled && kase->wire[0] != '\0';
}

/*
 * Kept under the mailbox's own name, whoever spelt it how. Who asked by that name is told what was
 * judged for this, once for both.
 */
static void learn(struct probe_case *kase)
{
    struct probe_submission *first = spelt_as_it_is(kase);
    struct judged judged;

    if (first == NULL) {
        judge(kase, kase->ask.recipient.mailbox, (struct address_memo){0}, kase->stop, false,
              &judged);
        probe_recalled_learn(kase, &judged.evidence, &judged.verdict);
        return;
    }
    judge(kase, probe_submission_input(first), first->memo, kase->stop, false, &judged);
    probe_recalled_learn(kase, &judged.evidence, &judged.verdict);
    kase->submissions = first->next;
    tell(kase, first, kase->stop, &judged);
}

/* What the next one's end needs was last looked at when it was submitted, thousands of cases ago:
 * it is fetched meanwhile. */
static void fetch_next(const struct probe_engine *engine)
{
    const struct list_node *node = list_first(&engine->finished);
    const struct probe_case *next;

    if (node == NULL)
        return;
    next = LIST_ELEMENT(node, struct probe_case, node);
    __builtin_prefetch(&next->recalled);
    __builtin_prefetch(&next->first);
    __builtin_prefetch(&next->in_cases);
}

void probe_case_report(struct probe_case *kase)
{
    struct probe_submission *submission;

    CHECK(kase->state == PROBE_CASE_FINISHED);
    fetch_next(kase->engine);
    if (is_to_be_learnt(kase))
        learn(kase);
    while ((submission = kase->submissions) != NULL) {
        kase->submissions = submission->next;
        probe_case_tell(kase, submission, kase->stop);
    }
    release(kase);
}
