#include "base/instant.h"
#include "lists/builtin.h"
#include "lists/operator.h"
#include "verdict/telling.h"

void explain_syntax(struct telling *telling)
{
    const struct address *address = &telling->evidence->address;

    if (telling->verdict->reason == REASON_PROVIDER_SYNTAX) {
        say(telling, "No such mailbox can exist at ");
        say_domain(telling);
        say(telling, ": ");
        say_without_stop(telling, telling->evidence->mailbox_breach);
        say(telling, ".");
        return;
    }
    say_without_stop(telling, address_diagnosis_sentence(address->diagnosis));
    if (address->diagnosis == ADDRESS_EMPTY) { /* it has no place in it */
        say(telling, ".");
        return;
    }
    sentence_printf(&telling->sentence, " (byte %zu of the address).", address->offset + 1);
}

static void explain_no_mail_server(struct telling *telling)
{
    const struct evidence_domain *domain = telling->evidence->domain;

    if (domain != NULL && domain->host_count > 0 && !domain->implicit_mx) {
        say(telling, "None of the mail servers named for ");
        say_domain(telling);
        say(telling, " has an address in DNS (");
        sentence_add_foreign(&telling->sentence, domain->hosts[0].name, TELLING_NAME_MAX);
        if (domain->host_count > 1)
            sentence_printf(&telling->sentence, " and %zu more", domain->host_count - 1);
        say(telling, ").");
    } else {
        say_domain(telling);
        say(telling, " exists, but DNS names neither a mail server (MX) nor an address for it.");
    }
}

static void explain_unroutable(struct telling *telling)
{
    const struct evidence_domain *domain = telling->evidence->domain;

    say(telling, "Every mail server of ");
    say_domain(telling);
    say(telling, " leads to addresses that are not on the public internet");
    for (size_t i = 0; domain != NULL && i < domain->host_count; i++) {
        if (domain->hosts[i].refused_range == NULL)
            continue;
        say(telling, " (");
        sentence_add_foreign(&telling->sentence, domain->hosts[i].name, TELLING_NAME_MAX);
        sentence_printf(&telling->sentence, ": %s)", domain->hosts[i].refused_range);
        break;
    }
    say(telling, ".");
}

static void explain_dns_error(struct telling *telling)
{
    const struct evidence_domain *domain = telling->evidence->domain;
    enum dns_outcome outcome = DNS_NOT_ASKED;

    if (domain != NULL) {
        outcome = domain->mx_outcome;
        if (!dns_outcome_is_failure(outcome))
            outcome = domain->address_outcome;
        for (size_t i = 0; !dns_outcome_is_failure(outcome) && i < domain->host_count; i++)
            outcome = domain->hosts[i].outcome;
    }
    say(telling, "DNS gave no usable answer about the mail servers of ");
    say_domain(telling);
    if (dns_outcome_is_failure(outcome))
        sentence_printf(&telling->sentence, " (%s)", dns_outcome_name(outcome));
    say(telling, ", which does not tell whether there are any.");
}

void explain_domain(struct telling *telling)
{
    switch (telling->verdict->reason) {
    case REASON_DOMAIN_NOT_FOUND:
        say(telling, "The domain ");
        say_domain(telling);
        say(telling, " does not exist: DNS answers NXDOMAIN.");
        break;
    case REASON_NULL_MX:
        say_domain(telling);
        say(telling, " says by a null MX record (RFC 7505) that it takes no mail.");
        break;
    case REASON_NO_MAIL_SERVER:
        explain_no_mail_server(telling);
        break;
    case REASON_UNROUTABLE_MX:
        explain_unroutable(telling);
        break;
    default:
        explain_dns_error(telling);
        break;
    }
}

static void explain_disposable(struct telling *telling)
{
    const struct evidence *evidence = telling->evidence;

    if (evidence->disposable_mx && (evidence->builtin_classes & LISTS_DISPOSABLE) == 0) {
        say(telling, "Mail for ");
        say_domain(telling);
        say(telling, " goes to a service for throwaway addresses.");
    } else {
        say_domain(telling);
        say(telling, " is a domain for throwaway addresses.");
    }
}

static void explain_known_bounce(struct telling *telling)
{
    const struct evidence_history *history = &telling->evidence->history;
    char when[INSTANT_TEXT_SIZE];

    instant_format(history->bounced_unix_ms, when);
    sentence_printf(&telling->sentence,
                    "Your own records say that mail to this address bounced for good on %.10s",
                    when);
    if (history->bounce.len > 0) {
        say(telling, ": ");
        sentence_add_quoted(&telling->sentence, history->bounce, TELLING_REPLY_MAX);
    }
    say(telling, ".");
}

static void explain_complainer(struct telling *telling)
{
    const struct evidence *evidence = telling->evidence;
    char when[INSTANT_TEXT_SIZE];

    if ((evidence->operator_matches & (1U << LISTS_OPERATOR_COMPLAINT)) != 0) {
        say(telling, "The address is on your list of people who complained.");
        return;
    }
    instant_format(evidence->history.complained_unix_ms, when);
    sentence_printf(&telling->sentence,
                    "Your own records say that its owner called your mail spam on %.10s.", when);
}

static const struct evidence_listing *first_listing(const struct evidence_domain *domain)
{
    for (size_t i = 0; domain != NULL && i < domain->listing_count; i++)
        if (!domain->listings[i].is_refused)
            return &domain->listings[i];
    return NULL;
}

static void explain_listed(struct telling *telling)
{
    const struct evidence_listing *listing = first_listing(telling->evidence->domain);

    if (listing == NULL ||
        (telling->evidence->operator_matches & (1u << LISTS_OPERATOR_LISTED)) != 0) {
        say_domain(telling);
        say(telling, " is on your list of domains not to mail.");
        return;
    }
    sentence_add_foreign(&telling->sentence, listing->subject, TELLING_NAME_MAX);
    if (!slice_equal(listing->subject, telling->evidence->domain->name)) {
        say(telling, ", which belongs to the mail of ");
        say_domain(telling);
        say(telling, ",");
    }
    say(telling, " is on the block list ");
    sentence_add_foreign(&telling->sentence, listing->zone, TELLING_NAME_MAX);
    say_detail(telling, listing->meaning);
    say(telling, ".");
}

void explain_list(struct telling *telling)
{
    switch (telling->verdict->reason) {
    case REASON_DISPOSABLE:
        explain_disposable(telling);
        break;
    case REASON_SPAM_TRAP:
        say(telling, "The address is on your list of spam traps.");
        break;
    case REASON_COMPLAINER:
        explain_complainer(telling);
        break;
    case REASON_LISTED_DOMAIN:
        explain_listed(telling);
        break;
    default:
        explain_known_bounce(telling);
        break;
    }
}
