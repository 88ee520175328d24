#include "base/instant.h"
#include "verdict/explain.h"
#include "verdict/telling.h"

void explain_accepted(struct telling *telling)
{
    say_accepted_so_far(telling);
    if (telling->finding->by_consumer) {
        say(telling, ", and ");
        say_provider(telling);
        say(telling, " refuses mailboxes of its own that do not exist.");
    } else if (telling->random != NULL) {
        say(telling, " and refused a made-up one (");
        say_quote_of(telling, telling->random, TELLING_SECOND_REPLY_MAX);
        say(telling, "), so the mailbox exists.");
    } else {
        say(telling, " and is known to refuse made-up ones, so the mailbox exists.");
    }
}

/* Accepted, but the random recipient was not heard. */
void explain_no_control(struct telling *telling)
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
        say_quote_of(telling, telling->random, TELLING_SECOND_REPLY_MAX);
        say(telling, ".");
    } else {
        say(telling, "there was no answer for a made-up address");
        say_detail(telling, telling->random->detail);
        say(telling, ".");
    }
}

static void explain_soft_not_found(struct telling *telling)
{
    say_host(telling);
    say(telling, " said again after 15 minutes or more that there is no such mailbox, though each "
                 "time with a temporary code: ");
    say_quote_of(telling, telling->attempt, TELLING_REPLY_MAX);
    say(telling, ".");
}

void explain_not_found(struct telling *telling)
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

void explain_domain_not_accepted(struct telling *telling)
{
    say(telling, "Every mail server that was asked says that it does not serve ");
    say_domain(telling);
    say(telling, ": ");
    say_quote_of(telling, telling->attempt, TELLING_REPLY_MAX);
    say(telling, ".");
}

void explain_catch_all(struct telling *telling)
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

void explain_greylisted(struct telling *telling)
{
    uint32_t waited_s = telling->evidence->greylist_waited_s;
    char span[32];

    say_host(telling);
    say(telling, " puts unknown senders off and wants to be asked again later");
    if (waited_s > 0)
        sentence_printf(&telling->sentence, ", still after a wait of %s",
                        span_format(waited_s * SECOND_MS, span));
    say(telling, ": ");
    say_quote_of(telling, telling->attempt, TELLING_REPLY_MAX);
    say(telling, ".");
}

void explain_temporary(struct telling *telling)
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

void explain_connect_failed(struct telling *telling)
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

void explain_silence(struct telling *telling)
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

void explain_blocked(struct telling *telling)
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
    say_quote_of(telling, telling->attempt, TELLING_REPLY_MAX);
    say(telling, ".");
}

void explain_tls(struct telling *telling)
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

void explain_untrusted(struct telling *telling)
{
    say_accepted_so_far(telling);
    say(telling, ", but ");
    say_provider(telling);
    say(telling, " accepts recipients that do not exist and refuses their mail later, so that "
                 "proves nothing.");
}

void explain_ambiguous(struct telling *telling)
{
    enum smtp_class reply_class = telling->verdict->classification.reply_class;

    say_quoting(telling,
                reply_class == SMTP_CLASS_SYNTAX_REJECTED
                    ? " refuses the form of the address, which tells nothing of the mailbox"
                : reply_class == SMTP_CLASS_AMBIGUOUS
                    ? " answered what can mean several things"
                    : " refused the address in words that do not plainly mean the mailbox");
}

void explain_rate(struct telling *telling)
{
    say_quoting(telling, telling->finding != NULL && telling->finding->throttled
                             ? " says that the mailbox is getting too much mail just now, so it "
                               "probably exists"
                             : " takes no more from us for the time being");
}

void explain_refusal(struct telling *telling)
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
