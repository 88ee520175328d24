#include "verdict/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/instant.h"
#include "lists/builtin.h"
#include "lists/operator.h"
#include "verdict/sentence.h"

/* Bytes of foreign words in one sentence: two replies, a host and a domain always fit. */
#define REPLY_MAX        140
#define SECOND_REPLY_MAX 70
#define NAME_MAX_BYTES   64
#define DETAIL_MAX       90

struct telling {
    struct sentence sentence;
    const struct evidence *evidence;
    const struct finding *finding; /* or NULL */
    const struct verdict *verdict;
    const struct evidence_attempt *attempt; /* that decided, or NULL */
    const struct evidence_attempt *random;  /* the control, or NULL */
};

const char *explain_stage(enum smtp_stage stage)
{
    switch (stage) {
    case SMTP_STAGE_CONNECT:
        return "the greeting";
    case SMTP_STAGE_HELO:
        return "EHLO";
    case SMTP_STAGE_STARTTLS:
        return "STARTTLS";
    case SMTP_STAGE_MAIL:
        return "MAIL FROM";
    case SMTP_STAGE_RCPT:
        return "RCPT TO";
    case SMTP_STAGE_RSET:
        return "RSET";
    case SMTP_STAGE_QUIT:
        return "QUIT";
    case SMTP_STAGE_ANY:
    case SMTP_STAGE_COUNT:
        break;
    }
    return "some stage";
}

/* Those in the source; plain ASCII. */
static void say_words(struct telling *telling, const char *words)
{
    sentence_add_plain(&telling->sentence, words, strlen(words));
}

#define say(telling, words) sentence_add_literal(&(telling)->sentence, words)

static void say_host(struct telling *telling)
{
    char ip[IP_TEXT_SIZE];

    if (telling->attempt == NULL)
        say(telling, "The mail server");
    else if (telling->attempt->host.len > 0)
        sentence_add_foreign(&telling->sentence, telling->attempt->host, NAME_MAX_BYTES);
    else
        say_words(telling, telling->attempt->ip.family != 0 ? ip_format(&telling->attempt->ip, ip)
                                                            : "The mail server");
}

static void say_domain(struct telling *telling)
{
    const struct evidence *evidence = telling->evidence;
    struct slice name = evidence->address.domain;

    if (evidence->domain != NULL && evidence->domain->name.len > 0)
        name = evidence->domain->name;
    else if (evidence->address.domain_ascii[0] != '\0')
        name = slice_from_string(evidence->address.domain_ascii);
    if (name.len == 0)
        say(telling, "the domain");
    else
        sentence_add_foreign(&telling->sentence, name, NAME_MAX_BYTES);
}

static void say_provider(struct telling *telling)
{
    const struct provider_profile *provider = telling->evidence->provider;

    sentence_add(&telling->sentence,
                 provider != NULL && provider->title != NULL ? provider->title : "the operator");
}

static void say_quote_of(struct telling *telling, const struct evidence_attempt *attempt,
                         size_t max)
{
    if (attempt != NULL && attempt->outcome == SMTP_OUTCOME_REPLY)
        sentence_add_reply(&telling->sentence, &attempt->reply, max);
    else
        say(telling, "no reply");
}

/* "HOST words: "550 ..."." */
static void say_quoting(struct telling *telling, const char *words)
{
    say_host(telling);
    say_words(telling, words);
    if (telling->attempt != NULL && telling->attempt->outcome == SMTP_OUTCOME_REPLY) {
        say(telling, ": ");
        say_quote_of(telling, telling->attempt, REPLY_MAX);
    }
    say(telling, ".");
}

static void say_detail(struct telling *telling, struct slice detail)
{
    if (detail.len == 0)
        return;
    say(telling, " (");
    sentence_add_foreign(&telling->sentence, detail, DETAIL_MAX);
    say(telling, ")");
}

/* Our own full sentences become parts of one. */
static void say_without_stop(struct telling *telling, const char *words)
{
    struct slice part = slice_from_string(words);

    while (part.len > 0 && part.ptr[part.len - 1] == '.')
        part.len--;
    sentence_add_foreign(&telling->sentence, part, 200);
}

static void say_accepted_so_far(struct telling *telling)
{
    say_host(telling);
    say(telling, " accepted the address (");
    say_quote_of(telling, telling->attempt, SECOND_REPLY_MAX);
    say(telling, ")");
}

static void explain_accepted(struct telling *telling)
{
    say_accepted_so_far(telling);
    if (telling->finding->by_consumer) {
        say(telling, ", and ");
        say_provider(telling);
        say(telling, " refuses mailboxes of its own that do not exist.");
    } else if (telling->random != NULL) {
        say(telling, " and refused a made-up one (");
        say_quote_of(telling, telling->random, SECOND_REPLY_MAX);
        say(telling, "), so the mailbox exists.");
    } else {
        say(telling, " and is known to refuse made-up ones, so the mailbox exists.");
    }
}

/* Accepted, but the random recipient was not heard. */
static void explain_no_control(struct telling *telling)
{
    say_accepted_so_far(telling);
    say(telling, ", but whether it accepts anything could not be tested: ");
    if (telling->random == NULL) {
        say_words(telling, telling->verdict->reason == REASON_PROBE_BLOCKED
                               ? "we were refused there before the second question."
                           : telling->verdict->reason == REASON_NOT_PROBED
                               ? "there was no time left to ask for a made-up address."
                               : "no made-up address was asked for.");
    } else if (telling->random->outcome == SMTP_OUTCOME_REPLY) {
        say(telling, "a made-up address was answered with ");
        say_quote_of(telling, telling->random, SECOND_REPLY_MAX);
        say(telling, ".");
    } else {
        say(telling, "there was no answer for a made-up address");
        say_detail(telling, telling->random->detail);
        say(telling, ".");
    }
}

static void explain_syntax(struct telling *telling)
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
        sentence_add_foreign(&telling->sentence, domain->hosts[0].name, NAME_MAX_BYTES);
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
        sentence_add_foreign(&telling->sentence, domain->hosts[i].name, NAME_MAX_BYTES);
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

static void explain_domain(struct telling *telling)
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

static void explain_soft_not_found(struct telling *telling)
{
    say_host(telling);
    say(telling, " said again after 15 minutes or more that there is no such mailbox, though each "
                 "time with a temporary code: ");
    say_quote_of(telling, telling->attempt, REPLY_MAX);
    say(telling, ".");
}

static void explain_not_found(struct telling *telling)
{
    const struct finding *finding = telling->finding;

    if (finding->classification.reply_class == SMTP_CLASS_SYNTAX_REJECTED)
        say_quoting(telling, " says that no mailbox can have such a name");
    else if (!finding->weak)
        say_quoting(telling, " says that there is no such mailbox");
    else if (telling->attempt != NULL && telling->attempt->reply.code < 500)
        explain_soft_not_found(telling);
    else if (finding->control == FINDING_CONTROL_ACCEPTED)
        say_quoting(telling, " refused the address and accepts made-up ones, so it is unknown or "
                             "unwanted there");
    else
        say_quoting(telling, " refused the address, and not in the words that it has for made-up "
                             "ones");
}

static void explain_domain_not_accepted(struct telling *telling)
{
    say(telling, "Every mail server that was asked says that it does not serve ");
    say_domain(telling);
    say(telling, ": ");
    say_quote_of(telling, telling->attempt, REPLY_MAX);
    say(telling, ".");
}

static void explain_catch_all(struct telling *telling)
{
    say_accepted_so_far(telling);
    if (telling->verdict->reason == REASON_PROVIDER_ACCEPTS_ALL) {
        say(telling, ", but ");
        say_provider(telling);
        say(telling, " accepts every recipient at this stage, so that proves nothing.");
    } else if (telling->random != NULL) {
        say(telling, " and a made-up one just the same, so the server accepts anything.");
    } else {
        say(telling, ", but the domain is known to accept made-up ones just the same.");
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
        sentence_add_quoted(&telling->sentence, history->bounce, REPLY_MAX);
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
    sentence_add_foreign(&telling->sentence, listing->subject, NAME_MAX_BYTES);
    if (!slice_equal(listing->subject, telling->evidence->domain->name)) {
        say(telling, ", which belongs to the mail of ");
        say_domain(telling);
        say(telling, ",");
    }
    say(telling, " is on the block list ");
    sentence_add_foreign(&telling->sentence, listing->zone, NAME_MAX_BYTES);
    say_detail(telling, listing->meaning);
    say(telling, ".");
}

static void explain_list(struct telling *telling)
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

static void explain_greylisted(struct telling *telling)
{
    uint32_t waited_s = telling->evidence->greylist_waited_s;
    char span[32];

    say_host(telling);
    say(telling, " puts unknown senders off and wants to be asked again later");
    if (waited_s > 0)
        sentence_printf(&telling->sentence, ", still after a wait of %s",
                        span_format(waited_s * SECOND_MS, span));
    say(telling, ": ");
    say_quote_of(telling, telling->attempt, REPLY_MAX);
    say(telling, ".");
}

static void explain_temporary(struct telling *telling)
{
    const struct classification *classification = &telling->verdict->classification;
    bool is_fault = classification->reply_class == SMTP_CLASS_SERVER_PERMANENT_FAILURE;

    if (classification->reply_class == SMTP_CLASS_MAILBOX_NOT_FOUND)
        say_quoting(telling, " says that there is no such mailbox, but with a temporary code, so "
                             "that may change");
    else
        say_quoting(telling, is_fault ? " has a fault of its own and tells nothing of the mailbox"
                                      : " can't say for the time being");
}

static void explain_connect_failed(struct telling *telling)
{
    size_t hosts = telling->evidence->domain != NULL ? telling->evidence->domain->host_count : 0;

    if (telling->attempt == NULL) {
        say(telling, "The mail servers of ");
        say_domain(telling);
        say_words(telling,
                  telling->evidence->domain != NULL && telling->evidence->domain->hosts_left_out > 0
                      ? " are too many to look at all; the preferred ones can't be reached."
                      : " have no address that can be reached from here.");
        return;
    }
    if (hosts > 1)
        sentence_printf(&telling->sentence,
                        "None of the %zu mail servers could be reached; the last asked was ",
                        hosts);
    else
        say(telling, "No connection could be made to ");
    say_host(telling);
    say_detail(telling, telling->attempt->detail);
    say(telling, ".");
}

static void say_where(struct telling *telling)
{
    if (telling->attempt != NULL)
        sentence_printf(&telling->sentence, " at %s", explain_stage(telling->attempt->stage));
}

static void explain_silence(struct telling *telling)
{
    bool is_reply = telling->attempt != NULL && telling->attempt->outcome == SMTP_OUTCOME_REPLY;

    if (is_reply) {
        say_quoting(telling, telling->verdict->reason == REASON_PROTOCOL_ERROR
                                 ? " finds fault with the dialogue itself, not with the mailbox"
                                 : " ended the session without a word about the mailbox");
        return;
    }
    say_host(telling);
    if (telling->verdict->reason == REASON_TIMEOUT)
        say(telling, " did not answer in time");
    else if (telling->verdict->reason == REASON_DISCONNECTED)
        say(telling, " dropped the connection without an answer");
    else
        say(telling, " said something that is not SMTP");
    say_where(telling);
    if (telling->attempt != NULL)
        say_detail(telling, telling->attempt->detail);
    say(telling, ".");
}

static void explain_blocked(struct telling *telling)
{
    if (telling->attempt == NULL) {
        say(telling, "The mail servers of ");
        if (telling->evidence->provider != NULL &&
            telling->evidence->provider != provider_generic())
            say_provider(telling);
        else
            say_domain(telling);
        say(telling, " refused us a short while ago, so they were not asked again.");
        return;
    }
    say_host(telling);
    say(telling, " refused us, not the mailbox,");
    say_where(telling);
    say(telling, ": ");
    say_quote_of(telling, telling->attempt, REPLY_MAX);
    say(telling, ".");
}

static void explain_tls(struct telling *telling)
{
    enum smtp_outcome outcome =
        telling->attempt != NULL ? telling->attempt->outcome : SMTP_OUTCOME_REPLY;

    if (outcome == SMTP_OUTCOME_REPLY) {
        say_quoting(telling, " demands an encrypted connection, which could not be had");
        return;
    }
    if (outcome == SMTP_OUTCOME_TLS_NOT_OFFERED) {
        say_host(telling);
        say(telling, " does not offer the encryption (STARTTLS) that is required here");
    } else {
        say(telling, "The TLS handshake with ");
        say_host(telling);
        say(telling, " failed");
    }
    say_detail(telling, telling->attempt->detail);
    say(telling, ".");
}

static void explain_untrusted(struct telling *telling)
{
    say_accepted_so_far(telling);
    say(telling, ", but ");
    say_provider(telling);
    say(telling, " accepts recipients that do not exist and refuses their mail later, so that "
                 "proves nothing.");
}

static void explain_ambiguous(struct telling *telling)
{
    enum smtp_class reply_class = telling->verdict->classification.reply_class;

    say_quoting(telling,
                reply_class == SMTP_CLASS_SYNTAX_REJECTED
                    ? " refuses the form of the address, which tells nothing of the mailbox"
                : reply_class == SMTP_CLASS_AMBIGUOUS
                    ? " answered what can mean several things"
                    : " refused the address in words that do not plainly mean the mailbox");
}

static void explain_not_probed(struct telling *telling)
{
    const struct evidence *evidence = telling->evidence;

    if (telling->attempt != NULL &&
        telling->attempt->outcome == SMTP_OUTCOME_SMTPUTF8_NOT_OFFERED) {
        say_host(telling);
        say(telling, " does not offer SMTPUTF8 (RFC 6531), without which this address can't be "
                     "named to it.");
    } else if (evidence->depth == EVIDENCE_DEPTH_SYNTAX) {
        say(telling, "Only the address itself was looked at, as asked; no server was.");
    } else if (evidence->depth == EVIDENCE_DEPTH_DNS) {
        say(telling, "DNS names mail servers for ");
        say_domain(telling);
        say(telling, "; they were not asked, as wished.");
    } else if (evidence->stop == EVIDENCE_STOP_DEADLINE) {
        say(telling, "There was no time left to ask the mail servers of ");
        say_domain(telling);
        say(telling, ".");
    } else {
        say(telling, "No mail server of ");
        say_domain(telling);
        say(telling, " was asked.");
    }
}

static void explain_internal(struct telling *telling)
{
    say(telling, "A fault of our own kept the address from being checked");
    if (telling->evidence->internal.len > 0) {
        say(telling, ": ");
        sentence_add_foreign(&telling->sentence, telling->evidence->internal, REPLY_MAX);
    }
    say(telling, ".");
}

static void explain_skipped(struct telling *telling)
{
    switch (telling->verdict->reason) {
    case REASON_OPTED_OUT:
        say(telling, "The address is on your opt-out list, so it was not checked.");
        break;
    case REASON_BLOCKED_DOMAIN:
        say_domain(telling);
        say(telling, " is on your block list, so the address was not checked.");
        break;
    case REASON_DUPLICATE:
        say(telling, "The same mailbox stands earlier in the list.");
        break;
    default:
        say(telling, "The job was stopped before the answer was known.");
        break;
    }
}

static void explain_rate(struct telling *telling)
{
    say_quoting(telling, telling->finding != NULL && telling->finding->throttled
                             ? " says that the mailbox is getting too much mail just now, so it "
                               "probably exists"
                             : " takes no more from us for the time being");
}

static void explain_refusal(struct telling *telling)
{
    switch (telling->verdict->reason) {
    case REASON_ACCEPTED_RESTRICTED:
        say_quoting(telling, " says that the mailbox exists, but not for senders like us");
        break;
    case REASON_MAILBOX_DISABLED:
        say_quoting(telling, " says that the mailbox is disabled");
        break;
    case REASON_MAILBOX_MOVED:
        say_quoting(telling, " says that the mailbox has moved");
        break;
    case REASON_MAILBOX_FULL:
        say_quoting(telling, " says that the mailbox exists but is full");
        break;
    case REASON_REFUSES_ALL:
        say_quoting(telling, " refused a made-up address in the same words, so they do not tell "
                             "of this mailbox");
        break;
    default:
        say_quoting(telling, " wants a login before it takes mail");
        break;
    }
}

typedef void explainer(struct telling *telling);

static explainer *const explainers[VERDICT_REASON_COUNT] = {
    [REASON_ACCEPTED] = explain_accepted,
    [REASON_ACCEPTED_RESTRICTED] = explain_refusal,
    [REASON_BAD_SYNTAX] = explain_syntax,
    [REASON_PROVIDER_SYNTAX] = explain_syntax,
    [REASON_DOMAIN_NOT_FOUND] = explain_domain,
    [REASON_NO_MAIL_SERVER] = explain_domain,
    [REASON_NULL_MX] = explain_domain,
    [REASON_UNROUTABLE_MX] = explain_domain,
    [REASON_DOMAIN_NOT_ACCEPTED] = explain_domain_not_accepted,
    [REASON_MAILBOX_NOT_FOUND] = explain_not_found,
    [REASON_MAILBOX_DISABLED] = explain_refusal,
    [REASON_MAILBOX_MOVED] = explain_refusal,
    [REASON_ACCEPTS_ALL] = explain_catch_all,
    [REASON_PROVIDER_ACCEPTS_ALL] = explain_catch_all,
    [REASON_DISPOSABLE] = explain_list,
    [REASON_SPAM_TRAP] = explain_list,
    [REASON_COMPLAINER] = explain_list,
    [REASON_LISTED_DOMAIN] = explain_list,
    [REASON_MAILBOX_FULL] = explain_refusal,
    [REASON_KNOWN_BOUNCE] = explain_list,
    [REASON_GREYLISTED] = explain_greylisted,
    [REASON_RATE_LIMITED] = explain_rate,
    [REASON_TEMPORARY_FAILURE] = explain_temporary,
    [REASON_TIMEOUT] = explain_silence,
    [REASON_CONNECT_FAILED] = explain_connect_failed,
    [REASON_DISCONNECTED] = explain_silence,
    [REASON_PROBE_BLOCKED] = explain_blocked,
    [REASON_REFUSES_ALL] = explain_refusal,
    [REASON_TLS_REQUIRED] = explain_tls,
    [REASON_AUTH_REQUIRED] = explain_refusal,
    [REASON_RCPT_UNTRUSTED] = explain_untrusted,
    [REASON_AMBIGUOUS_REPLY] = explain_ambiguous,
    [REASON_DNS_ERROR] = explain_domain,
    [REASON_PROTOCOL_ERROR] = explain_silence,
    [REASON_NOT_PROBED] = explain_not_probed,
    [REASON_INTERNAL_ERROR] = explain_internal,
    [REASON_OPTED_OUT] = explain_skipped,
    [REASON_BLOCKED_DOMAIN] = explain_skipped,
    [REASON_DUPLICATE] = explain_skipped,
    [REASON_CANCELLED] = explain_skipped,
};

/* Accepted, and unknown only because the random recipient was not heard. */
static bool is_without_control(const struct telling *telling)
{
    const struct provider_profile *provider = telling->evidence->provider;

    return telling->finding != NULL && telling->finding->accepted &&
           telling->verdict->status == VERDICT_UNKNOWN &&
           telling->verdict->reason == telling->finding->reason &&
           (provider == NULL || provider->trust != PROVIDER_TRUST_ACCEPT_NONE);
}

/* Where the answer is not of today, or our own messages tell more: added to the sentence. */
static void explain_records(struct telling *telling)
{
    const struct evidence *evidence = telling->evidence;
    int64_t delivered = evidence->history.delivered_unix_ms;
    bool says_delivered = delivered > 0 && telling->verdict->status != VERDICT_INVALID &&
                          telling->verdict->status != VERDICT_DO_NOT_MAIL &&
                          telling->verdict->status != VERDICT_SKIPPED;
    char when[INSTANT_TEXT_SIZE], words[96] = "";
    int len = 0;

    if (!evidence->is_remembered && !says_delivered)
        return;
    if (evidence->is_remembered)
        len = snprintf(words, sizeof(words), "; so found on %.10s",
                       instant_format(evidence->checked_unix_ms, when));
    if (says_delivered)
        snprintf(words + len, sizeof(words) - (size_t)len, "; your mail was delivered on %.10s",
                 instant_format(delivered, when));
    sentence_append_clause(&telling->sentence, words);
}

void explain_verdict(const struct evidence *evidence, const struct finding *finding,
                     struct verdict *verdict)
{
    struct telling telling = {.evidence = evidence, .finding = finding, .verdict = verdict};

    CHECK((unsigned)verdict->reason < VERDICT_REASON_COUNT);
    sentence_init(&telling.sentence, verdict->explanation, sizeof(verdict->explanation));
    if (finding != NULL && finding->attempt >= 0)
        telling.attempt = &evidence->attempts[finding->attempt];
    if (finding != NULL && finding->random_attempt >= 0)
        telling.random = &evidence->attempts[finding->random_attempt];
    if (is_without_control(&telling))
        explain_no_control(&telling);
    else
        explainers[verdict->reason](&telling);
    explain_records(&telling);
}
