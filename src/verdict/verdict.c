#include "verdict/verdict.h"

#include "base/check.h"
#include "base/instant.h"
#include "lists/builtin.h"
#include "lists/operator.h"
#include "verdict/advice.h"
#include "verdict/explain.h"
#include "verdict/finding.h"

static bool is_on(const struct evidence *evidence, enum lists_operator_kind kind)
{
    return (evidence->operator_matches & (1u << kind)) != 0;
}

static bool is_allowed(const struct evidence *evidence)
{
    return is_on(evidence, LISTS_OPERATOR_ALLOW);
}

/* By the operator's own list, or one in DNS. A list that refuses to answer says nothing. */
static bool is_listed(const struct evidence *evidence)
{
    const struct evidence_domain *domain = evidence->domain;

    if (is_allowed(evidence))
        return false;
    for (size_t i = 0; domain != NULL && i < domain->listing_count; i++)
        if (!domain->listings[i].is_refused)
            return true;
    return is_on(evidence, LISTS_OPERATOR_LISTED);
}

static bool is_disposable(const struct evidence *evidence)
{
    if (is_allowed(evidence) || is_on(evidence, LISTS_OPERATOR_NOT_DISPOSABLE))
        return false;
    return (evidence->builtin_classes & LISTS_DISPOSABLE) != 0 || evidence->disposable_mx ||
           is_on(evidence, LISTS_OPERATOR_DISPOSABLE);
}

/* Recent enough to count, at the moment of the check. */
static bool is_known_bounce(const struct evidence *evidence)
{
    const struct evidence_history *history = &evidence->history;
    const int64_t days = history->bounce_days > 0 ? history->bounce_days : VERDICT_BOUNCE_DAYS;
    int64_t now_ms =
        evidence->asked_unix_ms > 0 ? evidence->asked_unix_ms : evidence->checked_unix_ms;

    return history->known_bounce &&
           history->bounced_unix_ms / 2 >= now_ms / 2 - days * (int64_t)(DAY_MS / 2);
}

/* Lists that keep an address from being looked at at all; VERDICT_REASON_COUNT: none does. */
static enum verdict_reason reason_to_skip(const struct evidence *evidence)
{
    if (is_on(evidence, LISTS_OPERATOR_OPT_OUT))
        return REASON_OPTED_OUT;
    if (is_on(evidence, LISTS_OPERATOR_BLOCK) && !is_allowed(evidence))
        return REASON_BLOCKED_DOMAIN;
    if (evidence->duplicate)
        return REASON_DUPLICATE;
    return VERDICT_REASON_COUNT;
}

/* The hosts of the domain: usable ones settle nothing. */
static enum verdict_reason reason_of_hosts(const struct evidence_domain *domain)
{
    bool any_unsure = false, any_reserved = false, any_out_of_reach = false;

    for (size_t i = 0; i < domain->host_count; i++) {
        const struct evidence_host *host = &domain->hosts[i];

        if (host->address_count > 0)
            return VERDICT_REASON_COUNT;
        any_reserved |= host->refused_count > 0;
        any_unsure |= dns_outcome_is_failure(host->outcome) || host->outcome == DNS_NOT_ASKED;
        any_out_of_reach |= host->outcome == DNS_FOUND && host->refused_count == 0;
    }
    if (any_unsure)
        return REASON_DNS_ERROR;
    if (any_out_of_reach || domain->hosts_left_out > 0)
        return REASON_CONNECT_FAILED; /* there are addresses, of a family that we do not speak, or
                                         not looked at */
    return any_reserved ? REASON_UNROUTABLE_MX : REASON_NO_MAIL_SERVER;
}

/* What DNS settles; VERDICT_REASON_COUNT: there are servers to ask. */
static enum verdict_reason reason_of_domain(const struct evidence_domain *domain)
{
    if (domain->null_mx)
        return REASON_NULL_MX;
    if (domain->host_count > 0)
        return reason_of_hosts(domain);
    if (domain->mx_outcome == DNS_NXDOMAIN)
        return REASON_DOMAIN_NOT_FOUND;
    if (dns_outcome_is_failure(domain->mx_outcome) || domain->mx_outcome == DNS_NOT_ASKED ||
        dns_outcome_is_failure(domain->address_outcome))
        return REASON_DNS_ERROR;
    if (domain->mx_outcome == DNS_NODATA && domain->address_outcome == DNS_NOT_ASKED)
        return REASON_DNS_ERROR; /* the implicit MX was not looked for */
    return domain->address_outcome == DNS_FOUND ? REASON_CONNECT_FAILED : REASON_NO_MAIL_SERVER;
}

/* Lists that make an address one not to mail. What the operator says comes before what we say. */
static enum verdict_reason reason_not_to_mail(const struct evidence *evidence)
{
    if (is_on(evidence, LISTS_OPERATOR_TRAP))
        return REASON_SPAM_TRAP;
    if (is_on(evidence, LISTS_OPERATOR_COMPLAINT) || evidence->history.complained)
        return REASON_COMPLAINER;
    if (is_listed(evidence))
        return REASON_LISTED_DOMAIN;
    if (is_known_bounce(evidence))
        return REASON_KNOWN_BOUNCE;
    if (is_disposable(evidence))
        return REASON_DISPOSABLE;
    return VERDICT_REASON_COUNT;
}

/* What address, DNS and servers prove; *ret_asked tells whether `finding` was filled. */
static enum verdict_reason reason_of_layers(const struct evidence *evidence,
                                            struct finding *finding, bool *ret_asked)
{
    enum verdict_reason reason = VERDICT_REASON_COUNT;

    *ret_asked = false;
    if (evidence->address.diagnosis != ADDRESS_VALID)
        return REASON_BAD_SYNTAX;
    if (evidence->mailbox_breach != NULL)
        return REASON_PROVIDER_SYNTAX;
    if (evidence->domain != NULL)
        reason = reason_of_domain(evidence->domain);
    /* A look-up that failed, while a greylist was waited for, takes back nothing that was heard. */
    if (reason != VERDICT_REASON_COUNT &&
        (evidence->attempt_count == 0 || verdict_reason_status(reason) == VERDICT_INVALID))
        return reason;
    finding_combine(evidence, finding);
    *ret_asked = true;
    return finding->reason;
}

/* The verdict's reason, once lists and the end of the work are laid over what is proven. */
static enum verdict_reason reason_of_all(const struct evidence *evidence,
                                         enum verdict_reason proven)
{
    enum verdict_reason listed;

    if (verdict_reason_status(proven) == VERDICT_INVALID)
        return proven;
    listed = reason_not_to_mail(evidence);
    if (listed != VERDICT_REASON_COUNT)
        return listed;
    if (verdict_reason_status(proven) == VERDICT_UNKNOWN) {
        if (evidence->stop == EVIDENCE_STOP_CANCELLED || evidence->stop == EVIDENCE_STOP_ELSEWHERE)
            return REASON_CANCELLED;
        if (evidence->stop == EVIDENCE_STOP_INTERNAL)
            return REASON_INTERNAL_ERROR;
    }
    return proven;
}

static uint32_t flag_if(bool condition, uint32_t flag)
{
    return condition ? flag : 0;
}

static bool has_letters(const struct evidence *evidence)
{
    return evidence->address.diagnosis == ADDRESS_VALID &&
           (evidence->builtin_classes & (LISTS_ROLE | LISTS_NO_REPLY)) == 0;
}

void verdict_look(const struct evidence *evidence, const struct address_traits *traits,
                  struct verdict_local *ret_local)
{
    *ret_local = (struct verdict_local){.traits = traits};
    if (has_letters(evidence))
        gibberish_look(traits, &ret_local->letters);
}

/* traits: room for them. */
static void look_at_address(const struct evidence *evidence, struct address_traits *traits,
                            struct verdict_local *ret_local)
{
    const struct address *address = &evidence->address;
    char local[ADDRESS_LOCAL_MAX];

    if (has_letters(evidence))
        address_traits_of(slice_from(local, address_unquote_local(address, local)), traits);
    verdict_look(evidence, traits, ret_local);
}

static uint32_t flags_of(const struct evidence *evidence, const struct finding *finding,
                         enum verdict_reason reason, const struct gibberish *gibberish)
{
    const struct address *address = &evidence->address;
    bool parsed = address->diagnosis == ADDRESS_VALID;
    bool accepts_all = evidence->catch_all == EVIDENCE_CATCH_ALL_ACCEPTS ||
                       (finding != NULL && finding->control == FINDING_CONTROL_ACCEPTED);

    return flag_if((evidence->builtin_classes & LISTS_ROLE) != 0, VERDICT_FLAG_ROLE) |
           flag_if((evidence->builtin_classes & LISTS_FREE) != 0, VERDICT_FLAG_FREE) |
           flag_if(is_disposable(evidence), VERDICT_FLAG_DISPOSABLE) |
           flag_if(accepts_all, VERDICT_FLAG_CATCH_ALL_DOMAIN) |
           flag_if(evidence->subaddress, VERDICT_FLAG_SUBADDRESS) |
           flag_if((evidence->builtin_classes & LISTS_NO_REPLY) != 0, VERDICT_FLAG_NO_REPLY) |
           flag_if(finding != NULL && finding->reason == REASON_MAILBOX_FULL, VERDICT_FLAG_FULL) |
           flag_if(evidence->provider != NULL && evidence->provider->is_gateway,
                   VERDICT_FLAG_GATEWAY) |
           flag_if(gibberish->is_suspected, VERDICT_FLAG_GIBBERISH) |
           flag_if(evidence->suggestion.len > 0, VERDICT_FLAG_TYPO_SUSPECTED) |
           flag_if((address->flags & ADDRESS_FLAG_IDN) != 0, VERDICT_FLAG_IDN) |
           flag_if((address->flags & ADDRESS_FLAG_SMTPUTF8) != 0, VERDICT_FLAG_SMTPUTF8) |
           flag_if((address->flags & ADDRESS_FLAG_QUOTED_LOCAL) != 0, VERDICT_FLAG_QUOTED) |
           flag_if(parsed && address->is_literal, VERDICT_FLAG_DOMAIN_LITERAL) |
           flag_if(evidence->domain != NULL && evidence->domain->implicit_mx,
                   VERDICT_FLAG_IMPLICIT_MX) |
           flag_if(reason == REASON_KNOWN_BOUNCE || evidence->is_remembered ||
                       evidence->history.complained || evidence->history.delivered_unix_ms > 0,
                   VERDICT_FLAG_OWN_HISTORY);
}

/* All but advice and explanation, which is "". Returns what stands without lists. */
static enum verdict_reason judge(const struct evidence *evidence, const struct gibberish *letters,
                                 struct finding *finding, bool *ret_asked,
                                 struct verdict *ret_verdict)
{
    enum verdict_reason skip = reason_to_skip(evidence), proven;

    ret_verdict->attempt = -1;
    ret_verdict->classification = (struct classification){.reply_class = SMTP_CLASS_AMBIGUOUS};
    ret_verdict->explanation[0] = '\0';
    proven = reason_of_layers(evidence, finding, ret_asked);
    ret_verdict->reason = skip != VERDICT_REASON_COUNT ? skip : reason_of_all(evidence, proven);
    ret_verdict->status = verdict_reason_status(ret_verdict->reason);
    ret_verdict->flags =
        flags_of(evidence, *ret_asked ? finding : NULL, ret_verdict->reason, letters);
    if (*ret_asked) {
        ret_verdict->attempt = finding->attempt;
        ret_verdict->classification = finding->classification;
    }
    return proven;
}

bool verdict_judge_local(const struct evidence *evidence, const struct verdict_local *local,
                         struct verdict *ret_verdict)
{
    struct finding finding;
    bool asked;
    enum verdict_reason proven = judge(evidence, &local->letters, &finding, &asked, ret_verdict);

    advice_give(evidence, asked ? &finding : NULL, proven, local, ret_verdict);
    explain_verdict(evidence, asked ? &finding : NULL, ret_verdict);
    return !asked || !finding.heeds_names;
}

void verdict_judge(const struct evidence *evidence, struct verdict *ret_verdict)
{
    struct address_traits traits;
    struct verdict_local local;

    look_at_address(evidence, &traits, &local);
    (void)verdict_judge_local(evidence, &local, ret_verdict);
}

void verdict_score(const struct evidence *evidence, struct score *ret_score)
{
    struct address_traits traits;
    struct verdict_local local;
    struct verdict verdict;
    struct finding finding;
    bool asked;
    enum verdict_reason proven;

    look_at_address(evidence, &traits, &local);
    proven = judge(evidence, &local.letters, &finding, &asked, &verdict);
    advice_score(evidence, asked ? &finding : NULL, proven, &local, &verdict, ret_score);
}

void verdict_of_reply(const struct classification *classification, unsigned code,
                      enum smtp_stage stage, enum verdict_reason *ret_reason,
                      enum verdict_action *ret_action)
{
    bool at_rcpt = stage == SMTP_STAGE_RCPT || stage == SMTP_STAGE_ANY;

    *ret_reason = finding_reason_of_class(classification->reply_class, code, at_rcpt);
    if (*ret_reason == REASON_ACCEPTED && classification->trust == PROVIDER_TRUST_ACCEPT_NONE)
        *ret_reason = REASON_RCPT_UNTRUSTED;
    if (*ret_reason == REASON_ACCEPTED && classification->trust == PROVIDER_TRUST_ACCEPTS_ALL)
        *ret_reason = REASON_PROVIDER_ACCEPTS_ALL;
    /* What the words only make likely throws nobody away. */
    *ret_action = verdict_reason_status(*ret_reason) == VERDICT_INVALID &&
                          classification->confidence < VERDICT_PLAIN_CONFIDENCE
                      ? ACTION_REVIEW
                      : advice_action(*ret_reason);
}

enum verdict_status verdict_reason_status(enum verdict_reason reason)
{
    static const enum verdict_status statuses[] = {
#define X(symbol, name, status) VERDICT_##status,
        VERDICT_REASONS(X)
#undef X
    };

    CHECK((unsigned)reason < ARRAY_LEN(statuses));
    return statuses[reason];
}

const char *verdict_status_name(enum verdict_status status)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        VERDICT_STATUSES(X)
#undef X
    };

    CHECK((unsigned)status < ARRAY_LEN(names));
    return names[status];
}

const char *verdict_reason_name(enum verdict_reason reason)
{
    static const char *const names[] = {
#define X(symbol, name, status) name,
        VERDICT_REASONS(X)
#undef X
    };

    CHECK((unsigned)reason < ARRAY_LEN(names));
    return names[reason];
}

const char *verdict_flag_name(enum verdict_flag_index flag)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        VERDICT_FLAGS(X)
#undef X
    };

    CHECK((unsigned)flag < ARRAY_LEN(names));
    return names[flag];
}

const char *verdict_action_name(enum verdict_action action)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        VERDICT_ACTIONS(X)
#undef X
    };

    CHECK((unsigned)action < ARRAY_LEN(names));
    return names[action];
}
