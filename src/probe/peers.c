/* What is known of a domain's mailboxes, for the score of those that nobody vouches for. */
#include "base/check.h"
#include "lists/builtin.h"
#include "probe/domain.h"

#define RECORD_MAX 1000000 /* more tell no more */

/* Of a person's address; roles and what is made up say nothing of how names are written. */
static enum naming_pattern find_pattern(const struct evidence *evidence)
{
    char local[ADDRESS_LOCAL_MAX];

    if (evidence->address.diagnosis != ADDRESS_VALID ||
        (evidence->builtin_classes & (LISTS_ROLE | LISTS_NO_REPLY)) != 0)
        return NAMING_NONE;
    return naming_pattern_of(slice_from(local, address_unquote_local(&evidence->address, local)));
}

static enum naming_pattern pattern_of(const struct evidence *evidence, enum naming_pattern *pattern)
{
    if (*pattern == PROBE_PATTERN_UNSEEN)
        *pattern = find_pattern(evidence);
    return *pattern;
}

/* At a mail provider's own domain everybody chooses a name as he likes. */
static bool has_habits(const struct probe_domain *domain)
{
    return !domain->is_literal && !domain->is_consumer;
}

static void recall(struct probe_domain *domain)
{
    const struct probe_memory *memory = &domain->engine->memory;

    if (domain->is_acquainted || memory->acquaint == NULL)
        return;
    domain->is_acquainted = true;
    memory->acquaint(memory->user, slice_from_string(domain->name), &domain->naming,
                     &domain->record);
}

void probe_domain_fill_peers(struct probe_domain *domain, struct evidence *evidence,
                             enum naming_pattern *pattern)
{
    unsigned proven;

    if (!has_habits(domain))
        return;
    recall(domain);
    evidence->peers = domain->record;
    evidence->peers.refused += domain->catch_all == EVIDENCE_CATCH_ALL_REFUSES;
    proven = naming_total(&domain->naming);
    if (proven == 0 || pattern_of(evidence, pattern) == NAMING_NONE)
        return;
    evidence->peers.proven = proven;
    evidence->peers.alike = naming_alike(&domain->naming, *pattern);
}

static bool proves_mailbox(enum verdict_reason reason)
{
    return reason == REASON_ACCEPTED || reason == REASON_ACCEPTED_RESTRICTED ||
           reason == REASON_MAILBOX_FULL;
}

void probe_domain_note_verdict(struct probe_domain *domain, const struct evidence *evidence,
                               const struct verdict *verdict, enum naming_pattern *pattern)
{
    if (!has_habits(domain) || evidence->is_remembered || evidence->attempt_count == 0)
        return;
    if (domain->record.accepted > RECORD_MAX || domain->record.refused > RECORD_MAX)
        return;
    if (proves_mailbox(verdict->reason)) {
        naming_learn(&domain->naming, pattern_of(evidence, pattern));
        domain->record.accepted++;
    } else if (verdict->reason == REASON_MAILBOX_NOT_FOUND) {
        domain->record.refused++;
        domain->record.absent++;
    }
}
