#include "probe/offline.h"

#include "lists/builtin.h"
#include "provider/mailbox.h"

#define BIT(kind) (1U << (kind))

bool probe_offline_domain_is_real(void *context, struct slice domain)
{
    return (lists_domain_classes(domain) & (LISTS_FREE | LISTS_PROVIDER)) != 0;
}

bool probe_offline_is_skipped(unsigned matches)
{
    return (matches & BIT(LISTS_OPERATOR_OPT_OUT)) != 0 ||
           ((matches & BIT(LISTS_OPERATOR_BLOCK)) != 0 &&
            (matches & BIT(LISTS_OPERATOR_ALLOW)) == 0);
}

static struct slice domain_of(const struct address *address)
{
    return address->is_literal ? address->domain
                               : slice_from(address->domain_ascii, address->domain_ascii_len);
}

void probe_offline_fill(struct slice input, const struct suggest_world *world,
                        struct evidence *evidence, char suggestion[ADDRESS_WIRE_SIZE])
{
    struct address *address = &evidence->address;
    struct slice domain;

    evidence->input = input;
    evidence->suggestion = slice_from(suggestion, suggest_address(input, world, suggestion));
    if (!address_parse(input.ptr, input.len, address))
        return;
    domain = domain_of(address);
    evidence->builtin_classes = lists_local_classes(address->local) |
                                (address->is_literal ? 0 : lists_domain_classes(domain));
    evidence->mailbox_breach = provider_mailbox_breach(address->local, domain);
    evidence->subaddress =
        provider_mailbox_is_subaddress(address->local, domain, evidence->provider);
}

void probe_offline_judge(struct slice input, const struct lists_operator *lists, int64_t unix_ms,
                         enum evidence_stop stop, struct evidence *ret_evidence,
                         struct verdict *ret_verdict, char suggestion[ADDRESS_WIRE_SIZE])
{
    const struct suggest_world world = {probe_offline_domain_is_real, NULL};
    struct evidence *evidence = ret_evidence;

    *evidence = (struct evidence){
        .depth = stop == EVIDENCE_STOP_DEPTH ? EVIDENCE_DEPTH_SYNTAX : EVIDENCE_DEPTH_SMTP,
        .catch_all_text = SLICE_EMPTY,
        .internal = SLICE_EMPTY,
        .checked_unix_ms = unix_ms,
    };
    probe_offline_fill(input, &world, evidence, suggestion);
    if (evidence->address.diagnosis == ADDRESS_VALID) {
        if (lists != NULL)
            evidence->operator_matches =
                lists_operator_match(lists, evidence->address.local, domain_of(&evidence->address));
        if (!probe_offline_is_skipped(evidence->operator_matches) &&
            evidence->mailbox_breach == NULL)
            evidence->stop = stop;
    }
    verdict_judge(evidence, ret_verdict);
}
