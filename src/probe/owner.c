#include "probe/owner.h"

#include "base/check.h"
#include "base/instant.h"
#include "base/memory.h"
#include "probe/session.h"

/* --- counting ------------------------------------------------------------------------------ */

static void count_waiting(struct probe_case *kase, const struct probe_submission *submission,
                          bool more)
{
    struct probe_engine *engine = kase->engine;
    struct probe_owner *owner = submission->owner;

    CHECK(more || engine->waiting > 0);
    engine->waiting = more ? engine->waiting + 1 : engine->waiting - 1;
    if (owner == NULL)
        return;
    owner->waiting = more ? owner->waiting + 1 : owner->waiting - 1;
    if (more && owner->waits != NULL)
        owner->waits(owner);
}

void probe_owner_count_in(struct probe_case *kase, const struct probe_submission *submission)
{
    kase->engine->submissions++;
    if (submission->owner != NULL)
        submission->owner->open++;
    if (kase->state == PROBE_CASE_WAITING)
        count_waiting(kase, submission, true);
}

void probe_owner_count_out(struct probe_case *kase, const struct probe_submission *submission)
{
    CHECK(kase->engine->submissions > 0);
    kase->engine->submissions--;
    if (kase->state == PROBE_CASE_WAITING)
        count_waiting(kase, submission, false);
    if (submission->owner != NULL)
        submission->owner->open--;
}

void probe_owner_waits(struct probe_case *kase)
{
    for (const struct probe_submission *at = kase->submissions; at != NULL; at = at->next)
        count_waiting(kase, at, true);
}

void probe_owner_waits_no_more(struct probe_case *kase)
{
    for (const struct probe_submission *at = kase->submissions; at != NULL; at = at->next)
        count_waiting(kase, at, false);
}

/* --- withdrawing --------------------------------------------------------------------------- */

static bool is_all_of(const struct probe_case *kase, const struct probe_owner *owner)
{
    const struct probe_submission *at = kase->submissions;

    while (at != NULL && at->owner == owner)
        at = at->next;
    return at == NULL;
}

static bool is_any_of(const struct probe_case *kase, const struct probe_owner *owner)
{
    const struct probe_submission *at = kase->submissions;

    while (at != NULL && at->owner != owner)
        at = at->next;
    return at != NULL;
}

/* Those who stay may have less patience than the one who went. */
static void settle_for_less(struct probe_case *kase)
{
    uint64_t patience;

    kase->patience = PROBE_PATIENCE_QUICK;
    for (const struct probe_submission *at = kase->submissions; at != NULL; at = at->next)
        if (at->patience > kase->patience)
            kase->patience = at->patience;
    patience = probe_patience_ms(kase->patience);
    if (kase->state == PROBE_CASE_WAITING && !kase->was_blocked &&
        kase->waited_ms + (probe_alarm_time(&kase->alarm) - kase->waiting_since_ms) > patience)
        probe_case_finish(kase, EVIDENCE_STOP_NONE);
}

static struct probe_submission *take_one(struct probe_case *kase, const struct probe_owner *owner)
{
    struct probe_submission **link = &kase->submissions, *found;

    while (*link != NULL && (*link)->owner != owner)
        link = &(*link)->next;
    found = *link;
    if (found != NULL)
        *link = found->next;
    return found;
}

/* The owner's submissions end as cancelled; the case goes on, for others or for nobody. */
static void tell_now(struct probe_case *kase, const struct probe_owner *owner)
{
    enum evidence_stop stop =
        kase->state == PROBE_CASE_FINISHED ? kase->stop : EVIDENCE_STOP_CANCELLED;
    struct probe_submission *submission;

    while ((submission = take_one(kase, owner)) != NULL)
        probe_case_tell(kase, submission, stop);
    if (kase->submissions != NULL)
        settle_for_less(kase);
}

/* Nobody wants it any more: it ends now, or with the reply to a RCPT that was said. */
static void end(struct probe_case *kase)
{
    if (kase->state == PROBE_CASE_FINISHED)
        return; /* on its way home, with what there is to tell */
    if (kase->state == PROBE_CASE_OUT) {
        if (!probe_session_withdraw(&kase->ask)) {
            kase->is_withdrawn = true;
            return;
        }
        probe_case_in(kase);
        kase->state = PROBE_CASE_READY;
    }
    probe_case_finish(kase, EVIDENCE_STOP_CANCELLED);
}

void probe_engine_withdraw(struct probe_engine *engine, struct probe_owner *owner, bool at_once)
{
    struct list_node *node, *after;

    probe_engine_enter(engine);
    /* Cases are freed when things settle, so that the walk is safe whatever `done` does. */
    for (node = list_first(&engine->cases); node != NULL && owner->open > 0; node = after) {
        struct probe_case *kase = LIST_ELEMENT(node, struct probe_case, in_cases);

        after = list_after(&engine->cases, node);
        if (!is_any_of(kase, owner))
            continue;
        if (!is_all_of(kase, owner)) {
            tell_now(kase, owner);
            continue;
        }
        end(kase);
        if (at_once)
            tell_now(kase, owner);
    }
    probe_engine_leave(engine);
}
