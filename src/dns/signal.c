/*
 * SPF (RFC 7208) and DMARC (RFC 7489) records, as signs that a domain means to do mail. They are
 * asked for beside the hosts' addresses and nobody waits for them: what comes late is written into
 * the facts that their readers hold already.
 */
#include <stdio.h>
#include <string.h>

#include "address/suffix.h"
#include "base/memory.h"
#include "dns/resolver_internal.h"

struct dns_signal {
    struct list_node node; /* in the resolver's signals */
    struct dns_resolver *resolver;
    struct dns_facts *facts; /* held */
    struct dns_query *query;
    bool is_dmarc, is_organization;
    char name[DNS_NAME_TEXT_MAX + 1];
};

static void signal_end(struct dns_signal *signal)
{
    list_remove(&signal->node);
    dns_query_forget(signal->query);
    dns_facts_release(&signal->facts->domain);
    memory_free(signal);
}

/* Printable ASCII that begins with the version and ends it (RFC 7208 section 4.5, 7489 6.6.3). */
static bool is_record(struct slice text, bool dmarc)
{
    struct slice version = dmarc ? SLICE("v=DMARC1") : SLICE("v=spf1");

    if (!slice_starts_with_nocase(text, version))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < ' ' || text.ptr[i] > '~')
            return false;
    }
    return text.len == version.len || text.ptr[version.len] == ' ' ||
           (dmarc && text.ptr[version.len] == ';');
}

static void signal_start(struct dns_resolver *resolver, struct dns_facts *facts, bool dmarc,
                         struct slice organization);

/* Note the record, if there is one. The outcome says what was found of the kind. */
static enum dns_outcome signal_record(struct dns_signal *signal, const struct dns_answer *answer,
                                      struct slice *ret_text)
{
    for (size_t i = 0; i < answer->record_count; i++) {
        if (!is_record(answer->records[i].text, signal->is_dmarc))
            continue;
        *ret_text = dns_facts_copy(signal->facts, answer->records[i].text);
        if (ret_text->ptr != NULL)
            return DNS_FOUND;
        *ret_text = SLICE_EMPTY;
        return DNS_NOT_ASKED;
    }
    return answer->outcome == DNS_FOUND ? DNS_NODATA : answer->outcome;
}

static void signal_on_answer(void *owner, const struct dns_answer *answer)
{
    struct dns_signal *signal = owner;
    struct evidence_domain *domain = &signal->facts->domain;
    struct slice text = SLICE_EMPTY, organization;
    enum dns_outcome outcome;

    signal->query = NULL;
    /* Without memory the signal stays not asked: it is only a signal. */
    if (answer == NULL || dns_facts_add_signal(signal->facts, signal->name, answer) != 0)
        goto done;
    outcome = signal_record(signal, answer, &text);
    if (!signal->is_dmarc) {
        domain->spf = text;
        domain->spf_outcome = outcome;
        goto done;
    }
    domain->dmarc = text;
    domain->dmarc_outcome = outcome;
    if (outcome == DNS_FOUND || dns_outcome_is_failure(outcome) || signal->is_organization)
        goto done;
    organization = address_registrable_domain(domain->name);
    if (organization.len > 0 && organization.len < domain->name.len)
        signal_start(signal->resolver, signal->facts, true, organization);
done:
    signal_end(signal);
}

static void signal_start(struct dns_resolver *resolver, struct dns_facts *facts, bool dmarc,
                         struct slice organization)
{
    struct slice domain = organization.len > 0 ? organization : facts->domain.name;
    struct dns_signal *signal = memory_zalloc(1, sizeof(*signal));
    int n;

    if (signal == NULL)
        return;
    n = snprintf(signal->name, sizeof(signal->name), "%s%.*s", dmarc ? "_dmarc." : "",
                 SLICE_ARG(domain));
    signal->resolver = resolver;
    signal->is_dmarc = dmarc;
    signal->is_organization = organization.len > 0;
    if (n < 0 || (size_t)n >= sizeof(signal->name) ||
        dns_query_start(resolver, signal->name, DNS_TYPE_TXT, signal_on_answer, signal,
                        &signal->query) != 0) {
        memory_free(signal);
        return;
    }
    signal->facts = facts;
    dns_facts_hold(&facts->domain);
    list_append(&resolver->signals, &signal->node);
}

void dns_signals_start(struct dns_resolver *resolver, struct dns_facts *facts)
{
    if (resolver->options.want_spf)
        signal_start(resolver, facts, false, SLICE_EMPTY);
    if (resolver->options.want_dmarc)
        signal_start(resolver, facts, true, SLICE_EMPTY);
}

void dns_signals_stop(struct dns_resolver *resolver)
{
    struct list_node *node;

    while ((node = list_first(&resolver->signals)) != NULL)
        signal_end(LIST_ELEMENT(node, struct dns_signal, node));
}
