#include "verdict/advice.h"

#include "base/check.h"

#define HOURS(n) ((n)*3600u)
#define DAYS(n)  ((n)*86400u)

#define DELIVERED_SCORE         93 /* catch_all, and a message of ours was delivered */
#define DELIVERED_UNKNOWN_SCORE 85

struct advice {
    uint8_t score;
    enum verdict_action action;
    uint32_t retry_after_s;
};

static const struct advice table[VERDICT_REASON_COUNT] = {
    [REASON_ACCEPTED] = {97, ACTION_SEND, 0},
    [REASON_ACCEPTED_RESTRICTED] = {50, ACTION_REVIEW, 0},
    [REASON_BAD_SYNTAX] = {1, ACTION_SUPPRESS, 0},
    [REASON_PROVIDER_SYNTAX] = {2, ACTION_SUPPRESS, 0},
    [REASON_DOMAIN_NOT_FOUND] = {1, ACTION_SUPPRESS, 0},
    [REASON_NO_MAIL_SERVER] = {1, ACTION_SUPPRESS, 0},
    [REASON_NULL_MX] = {1, ACTION_SUPPRESS, 0},
    [REASON_UNROUTABLE_MX] = {1, ACTION_SUPPRESS, 0},
    [REASON_DOMAIN_NOT_ACCEPTED] = {3, ACTION_SUPPRESS, 0},
    [REASON_MAILBOX_NOT_FOUND] = {2, ACTION_SUPPRESS, 0},
    [REASON_MAILBOX_DISABLED] = {2, ACTION_SUPPRESS, 0},
    [REASON_MAILBOX_MOVED] = {3, ACTION_SUPPRESS, 0},
    [REASON_ACCEPTS_ALL] = {62, ACTION_REVIEW, 0},
    [REASON_PROVIDER_ACCEPTS_ALL] = {60, ACTION_REVIEW, 0},
    [REASON_DISPOSABLE] = {50, ACTION_SUPPRESS, 0},
    [REASON_SPAM_TRAP] = {50, ACTION_SUPPRESS, 0},
    [REASON_COMPLAINER] = {50, ACTION_SUPPRESS, 0},
    [REASON_LISTED_DOMAIN] = {50, ACTION_SUPPRESS, 0},
    [REASON_MAILBOX_FULL] = {15, ACTION_RETRY, DAYS(3)},
    [REASON_KNOWN_BOUNCE] = {5, ACTION_SUPPRESS, 0},
    [REASON_GREYLISTED] = {60, ACTION_RETRY, 900},
    [REASON_RATE_LIMITED] = {55, ACTION_RETRY, HOURS(1)},
    [REASON_TEMPORARY_FAILURE] = {45, ACTION_RETRY, HOURS(1)},
    [REASON_TIMEOUT] = {35, ACTION_RETRY, HOURS(1)},
    [REASON_CONNECT_FAILED] = {25, ACTION_RETRY, HOURS(1)},
    [REASON_DISCONNECTED] = {40, ACTION_RETRY, 1800},
    [REASON_PROBE_BLOCKED] = {50, ACTION_REVIEW, HOURS(4)},
    [REASON_REFUSES_ALL] = {30, ACTION_REVIEW, 0},
    [REASON_TLS_REQUIRED] = {55, ACTION_REVIEW, 0},
    [REASON_AUTH_REQUIRED] = {25, ACTION_REVIEW, 0},
    [REASON_RCPT_UNTRUSTED] = {65, ACTION_REVIEW, 0},
    [REASON_AMBIGUOUS_REPLY] = {35, ACTION_REVIEW, 0},
    [REASON_DNS_ERROR] = {30, ACTION_RETRY, 900},
    [REASON_PROTOCOL_ERROR] = {35, ACTION_REVIEW, 0},
    [REASON_NOT_PROBED] = {50, ACTION_REVIEW, 0},
    [REASON_INTERNAL_ERROR] = {50, ACTION_RETRY, 300},
    [REASON_OPTED_OUT] = {50, ACTION_SUPPRESS, 0},
    [REASON_BLOCKED_DOMAIN] = {50, ACTION_SUPPRESS, 0},
    [REASON_DUPLICATE] = {50, ACTION_SUPPRESS, 0},
    [REASON_CANCELLED] = {50, ACTION_RETRY, 0},
};

enum verdict_action advice_action(enum verdict_reason reason)
{
    CHECK((unsigned)reason < VERDICT_REASON_COUNT);
    return table[reason].action;
}

uint32_t advice_retry_after_s(enum verdict_reason reason)
{
    CHECK((unsigned)reason < VERDICT_REASON_COUNT);
    return table[reason].retry_after_s;
}

static int score_of_valid(const struct evidence *evidence, const struct finding *finding,
                          uint32_t flags)
{
    int score = table[REASON_ACCEPTED].score;

    if (evidence->provider != NULL && evidence->provider != provider_generic() &&
        !evidence->provider->is_gateway)
        score++;
    score += finding->by_consumer || (flags & VERDICT_FLAG_FREE) != 0;
    if (finding->random_attempt < 0 && !finding->by_consumer)
        score -= 2;
    if (flags & VERDICT_FLAG_GIBBERISH)
        score -= 2;
    return score;
}

static int score_of_catch_all(const struct evidence *evidence, enum verdict_reason reason,
                              uint32_t flags)
{
    const struct evidence_domain *domain = evidence->domain;
    int score = table[reason].score;

    if (flags & VERDICT_FLAG_GIBBERISH)
        score -= 12;
    if (flags & VERDICT_FLAG_TYPO_SUSPECTED)
        score -= 15;
    if (flags & VERDICT_FLAG_IMPLICIT_MX)
        score -= 5;
    if (flags & VERDICT_FLAG_ROLE)
        score += 4;
    if (domain != NULL && domain->spf.len == 0 && domain->dmarc.len == 0 &&
        domain->spf_outcome != DNS_NOT_ASKED && !dns_outcome_is_failure(domain->spf_outcome))
        score -= 5;
    /* A message got through, and nothing came back since. */
    if (evidence->history.delivered_unix_ms > 0 && score < DELIVERED_SCORE)
        score = DELIVERED_SCORE;
    return score;
}

static int score_of_unknown(const struct finding *finding, enum verdict_reason reason,
                            uint32_t flags)
{
    int score = table[reason].score;

    if (finding != NULL && finding->throttled)
        score = 85;
    else if (finding != NULL && finding->accepted && reason != REASON_RCPT_UNTRUSTED)
        score = 80;
    else if (finding != NULL && finding->attempt >= 0 && finding->classification.rule != NULL &&
             finding->classification.reply_class == SMTP_CLASS_MAILBOX_NOT_FOUND)
        score = 15;
    if (flags & VERDICT_FLAG_GIBBERISH)
        score -= 10;
    if (flags & VERDICT_FLAG_TYPO_SUSPECTED)
        score -= 15;
    return score;
}

static int score_of(const struct evidence *evidence, const struct finding *finding,
                    enum verdict_reason reason, uint32_t flags)
{
    int score;

    switch (verdict_reason_status(reason)) {
    case VERDICT_VALID:
        return reason == REASON_ACCEPTED ? score_of_valid(evidence, finding, flags)
                                         : table[reason].score;
    case VERDICT_INVALID:
        return finding != NULL && finding->weak ? 12 : table[reason].score;
    case VERDICT_CATCH_ALL:
        return score_of_catch_all(evidence, reason, flags);
    case VERDICT_UNKNOWN:
        score = score_of_unknown(finding, reason, flags);
        return evidence->history.delivered_unix_ms > 0 && score < DELIVERED_UNKNOWN_SCORE
                   ? DELIVERED_UNKNOWN_SCORE
                   : score;
    default:
        return table[reason].score;
    }
}

/* A list says "unwise", not "undeliverable": the estimate stays what it was. */
static bool is_by_list(enum verdict_reason reason)
{
    return reason == REASON_DISPOSABLE || reason == REASON_SPAM_TRAP ||
           reason == REASON_COMPLAINER || reason == REASON_LISTED_DOMAIN;
}

void advice_give(const struct evidence *evidence, const struct finding *finding,
                 enum verdict_reason without_lists, struct verdict *verdict)
{
    enum verdict_reason scored = is_by_list(verdict->reason) ? without_lists : verdict->reason;
    bool is_weak = finding != NULL && finding->weak && verdict->status == VERDICT_INVALID;
    int score = score_of(evidence, finding, scored, verdict->flags);

    verdict->score = (uint8_t)(score < 0 ? 0 : score > 100 ? 100 : score);
    verdict->action = is_weak ? ACTION_REVIEW : advice_action(verdict->reason);
    if (verdict->status == VERDICT_CATCH_ALL && evidence->history.delivered_unix_ms > 0)
        verdict->action = ACTION_SEND;
    if (verdict->action == ACTION_SEND &&
        (verdict->flags & (VERDICT_FLAG_TYPO_SUSPECTED | VERDICT_FLAG_NO_REPLY)) != 0)
        verdict->action = ACTION_REVIEW;
    verdict->retry_after_s = advice_retry_after_s(verdict->reason);
    if (verdict->retry_after_s > 0 && verdict->status == VERDICT_UNKNOWN &&
        verdict->classification.rule != NULL && verdict->classification.retry_after_s > 0)
        verdict->retry_after_s = verdict->classification.retry_after_s;
}
