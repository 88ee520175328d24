#include "verdict/advice.h"

#include "base/check.h"

#define HOURS(n) ((n)*3600u)
#define DAYS(n)  ((n)*86400u)

struct advice {
    enum verdict_action action;
    uint32_t retry_after_s;
};

static const struct advice table[VERDICT_REASON_COUNT] = {
    [REASON_ACCEPTED] = {ACTION_SEND, 0},
    [REASON_ACCEPTED_RESTRICTED] = {ACTION_REVIEW, 0},
    [REASON_BAD_SYNTAX] = {ACTION_SUPPRESS, 0},
    [REASON_PROVIDER_SYNTAX] = {ACTION_SUPPRESS, 0},
    [REASON_DOMAIN_NOT_FOUND] = {ACTION_SUPPRESS, 0},
    [REASON_NO_MAIL_SERVER] = {ACTION_SUPPRESS, 0},
    [REASON_NULL_MX] = {ACTION_SUPPRESS, 0},
    [REASON_UNROUTABLE_MX] = {ACTION_SUPPRESS, 0},
    [REASON_DOMAIN_NOT_ACCEPTED] = {ACTION_SUPPRESS, 0},
    [REASON_MAILBOX_NOT_FOUND] = {ACTION_SUPPRESS, 0},
    [REASON_MAILBOX_DISABLED] = {ACTION_SUPPRESS, 0},
    [REASON_MAILBOX_MOVED] = {ACTION_SUPPRESS, 0},
    [REASON_ACCEPTS_ALL] = {ACTION_REVIEW, 0},
    [REASON_PROVIDER_ACCEPTS_ALL] = {ACTION_REVIEW, 0},
    [REASON_DISPOSABLE] = {ACTION_SUPPRESS, 0},
    [REASON_SPAM_TRAP] = {ACTION_SUPPRESS, 0},
    [REASON_COMPLAINER] = {ACTION_SUPPRESS, 0},
    [REASON_LISTED_DOMAIN] = {ACTION_SUPPRESS, 0},
    [REASON_MAILBOX_FULL] = {ACTION_RETRY, DAYS(3)},
    [REASON_KNOWN_BOUNCE] = {ACTION_SUPPRESS, 0},
    [REASON_GREYLISTED] = {ACTION_RETRY, 900},
    [REASON_RATE_LIMITED] = {ACTION_RETRY, HOURS(1)},
    [REASON_TEMPORARY_FAILURE] = {ACTION_RETRY, HOURS(1)},
    [REASON_TIMEOUT] = {ACTION_RETRY, HOURS(1)},
    [REASON_CONNECT_FAILED] = {ACTION_RETRY, HOURS(1)},
    [REASON_DISCONNECTED] = {ACTION_RETRY, 1800},
    [REASON_PROBE_BLOCKED] = {ACTION_REVIEW, HOURS(4)},
    [REASON_REFUSES_ALL] = {ACTION_REVIEW, 0},
    [REASON_TLS_REQUIRED] = {ACTION_REVIEW, 0},
    [REASON_AUTH_REQUIRED] = {ACTION_REVIEW, 0},
    [REASON_RCPT_UNTRUSTED] = {ACTION_REVIEW, 0},
    [REASON_AMBIGUOUS_REPLY] = {ACTION_REVIEW, 0},
    [REASON_DNS_ERROR] = {ACTION_RETRY, 900},
    [REASON_PROTOCOL_ERROR] = {ACTION_REVIEW, 0},
    [REASON_NOT_PROBED] = {ACTION_REVIEW, 0},
    [REASON_INTERNAL_ERROR] = {ACTION_RETRY, 300},
    [REASON_OPTED_OUT] = {ACTION_SUPPRESS, 0},
    [REASON_BLOCKED_DOMAIN] = {ACTION_SUPPRESS, 0},
    [REASON_DUPLICATE] = {ACTION_SUPPRESS, 0},
    [REASON_CANCELLED] = {ACTION_RETRY, 0},
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

/* A list says "unwise", not "undeliverable": the estimate stays what it was. */
static bool is_by_list(enum verdict_reason reason)
{
    return reason == REASON_DISPOSABLE || reason == REASON_SPAM_TRAP ||
           reason == REASON_COMPLAINER || reason == REASON_LISTED_DOMAIN;
}

void advice_score(const struct evidence *evidence, const struct finding *finding,
                  enum verdict_reason without_lists, const struct verdict_local *local,
                  const struct verdict *verdict, struct score *ret_score)
{
    score_estimate(evidence, finding, is_by_list(verdict->reason) ? without_lists : verdict->reason,
                   verdict->flags, local, ret_score);
}

void advice_give(const struct evidence *evidence, const struct finding *finding,
                 enum verdict_reason without_lists, const struct verdict_local *local,
                 struct verdict *verdict)
{
    bool is_weak = finding != NULL && finding->weak && verdict->status == VERDICT_INVALID;
    struct score score;

    advice_score(evidence, finding, without_lists, local, verdict, &score);
    verdict->score = score.percent;
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
