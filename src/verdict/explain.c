#include "verdict/explain.h"

#include <stdio.h>

#include "base/check.h"
#include "base/instant.h"
#include "verdict/telling.h"

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
        sentence_add_foreign(&telling->sentence, telling->evidence->internal, TELLING_REPLY_MAX);
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
