/* Tests of the judge: every reason reached, every combination of attempts, and what must never be.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/instant.h"
#include "base/utf8.h"
#include "lists/builtin.h"
#include "lists/operator.h"
#include "verdict/verdict.h"
#include "verdict/recall.h"
#include "verdict/result.h"
#include "verdict/verdict_rig.h"

#define NF    "550 5.1.1 <user@example.com>: User unknown"
#define SOFT  "450 4.1.1 <user@example.com>: User unknown in local recipient table"
#define OK_   "250 2.1.5 Ok"
#define RBL   "554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org"
#define GREY  "450 4.2.0 Greylisted, see http://postgrey.schweikert.ch/help/example.com.html"
#define VAGUE "550 5.7.1 Rejected for policy reasons"

struct row {
    const char *name;
    const char *address;  /* NULL: user@example.com */
    const char *domain;   /* rig_domain; NULL: not asked */
    const char *attempts; /* rig_attempts */
    const char *provider;
    unsigned builtin, operator_bits;
    void (*adjust)(struct evidence *evidence);
    enum verdict_reason reason;
    const char *says; /* words of the explanation */
    bool is_reviewed; /* its action: too little is known to throw anybody away */
};

#define ON(kind) (1u << LISTS_OPERATOR_##kind)

static void as_duplicate(struct evidence *evidence)
{
    evidence->duplicate = true;
}

static void as_cancelled(struct evidence *evidence)
{
    evidence->stop = EVIDENCE_STOP_CANCELLED;
}

static void as_internal(struct evidence *evidence)
{
    evidence->stop = EVIDENCE_STOP_INTERNAL;
    evidence->internal = SLICE("out of memory");
}

static void as_deadline(struct evidence *evidence)
{
    evidence->stop = EVIDENCE_STOP_DEADLINE;
}

static void as_breaker(struct evidence *evidence)
{
    evidence->stop = EVIDENCE_STOP_BREAKER;
}

static void as_syntax_depth(struct evidence *evidence)
{
    evidence->depth = EVIDENCE_DEPTH_SYNTAX;
    evidence->stop = EVIDENCE_STOP_DEPTH;
}

static void as_dns_depth(struct evidence *evidence)
{
    evidence->depth = EVIDENCE_DEPTH_DNS;
    evidence->stop = EVIDENCE_STOP_DEPTH;
}

static void as_breach(struct evidence *evidence)
{
    evidence->mailbox_breach = "Gmail names have 6 to 30 characters.";
}

static void as_disposable_mx(struct evidence *evidence)
{
    evidence->disposable_mx = true;
}

static void as_bounced(struct evidence *evidence)
{
    evidence->history.known_bounce = true;
    evidence->history.bounced_unix_ms = evidence->checked_unix_ms - 10 * (int64_t)DAY_MS;
    evidence->history.bounce = SLICE("550 5.1.1 unknown");
}

static void as_bounced_long_ago(struct evidence *evidence)
{
    as_bounced(evidence);
    evidence->history.bounced_unix_ms = evidence->checked_unix_ms - 400 * (int64_t)DAY_MS;
}

static void as_complained(struct evidence *evidence)
{
    evidence->history.complained = true;
    evidence->history.complained_unix_ms = evidence->checked_unix_ms - 3 * (int64_t)DAY_MS;
}

static void as_delivered(struct evidence *evidence)
{
    evidence->history.delivered_unix_ms = evidence->checked_unix_ms - 20 * (int64_t)DAY_MS;
}

/* Found out a week ago, and a message bounced between then and the limit. */
static void as_remembered(struct evidence *evidence)
{
    evidence->is_remembered = true;
    evidence->asked_unix_ms = evidence->checked_unix_ms + 7 * (int64_t)DAY_MS;
}

static void as_remembered_bounced_too_long_ago(struct evidence *evidence)
{
    as_bounced(evidence);
    as_remembered(evidence);
    evidence->history.bounce_days = 16;
}

static void remembers_accepts(struct evidence *evidence)
{
    evidence->catch_all = EVIDENCE_CATCH_ALL_ACCEPTS;
    evidence->catch_all_from_cache = true;
}

static void remembers_refuses(struct evidence *evidence)
{
    evidence->catch_all = EVIDENCE_CATCH_ALL_REFUSES;
    evidence->catch_all_from_cache = true;
    evidence->catch_all_code = 550;
    evidence->catch_all_text = SLICE("Rejected for policy reasons");
}

static void remembers_same(struct evidence *evidence)
{
    evidence->catch_all = EVIDENCE_CATCH_ALL_SAME_REFUSAL;
    evidence->catch_all_from_cache = true;
}

static void waited(struct evidence *evidence)
{
    evidence->greylist_waited_s = 600;
}

static const struct row rows[] = {
    /* valid */
    {"accepted, random refused", .domain = "mx1", .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " NF,
     .reason = REASON_ACCEPTED, .says = "mx1.example.net accepted the address (\"250 2.1.5 Ok\")"},
    {"accepted, random refused for now", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " SOFT, .reason = REASON_ACCEPTED},
    {"251 is an acceptance", .domain = "mx1",
     .attempts = "mx1 rcpt 251 User not local; will forward to <x@example.org>\n?mx1 rcpt " NF,
     .reason = REASON_ACCEPTED},
    {"accepted, remembered control", .domain = "mx1", .attempts = "mx1 rcpt " OK_,
     .adjust = remembers_refuses, .reason = REASON_ACCEPTED, .says = "known to refuse"},
    {"accepted at a consumer domain", .address = "someone.real@gmail.com", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_, .provider = "google", .reason = REASON_ACCEPTED,
     .says = "Google"},
    {"accepted after a greylist", .domain = "mx1",
     .attempts = "mx1 rcpt " GREY "\n+300 mx1 rcpt " OK_ "\n?mx1 rcpt " NF,
     .reason = REASON_ACCEPTED},
    {"accepted by the second MX", .domain = "mx1 mx2",
     .attempts = "mx1 connect !connect_failed\nmx2 rcpt " OK_ "\n?mx2 rcpt " NF,
     .reason = REASON_ACCEPTED, .says = "mx2.example.net"},
    {"accepted, random refused in words of two meanings", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt 550 Mailbox unavailable or access denied",
     .provider = "qq", .reason = REASON_ACCEPTED},
    {"random refused at a provider that accepts all", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " NF, .provider = "ACCEPTS_ALL",
     .reason = REASON_ACCEPTED},
    {"exists, restricted", .domain = "mx1",
     .attempts = "mx1 rcpt 550 5.7.1 RESOLVER.RST.AuthRequired; authentication required",
     .provider = "microsoft365", .reason = REASON_ACCEPTED_RESTRICTED, .says = "exists, but not"},

    /* invalid */
    {"bad syntax", .address = "user@@example.com", .reason = REASON_BAD_SYNTAX, .says = "byte"},
    {"empty", .address = "", .reason = REASON_BAD_SYNTAX, .says = "no address"},
    {"provider syntax", .address = "abc@gmail.com", .adjust = as_breach,
     .reason = REASON_PROVIDER_SYNTAX, .says = "gmail.com: Gmail names have 6 to 30 characters."},
    {"NXDOMAIN", .domain = "nxdomain", .reason = REASON_DOMAIN_NOT_FOUND, .says = "NXDOMAIN"},
    {"no MX and no address", .domain = "none", .reason = REASON_NO_MAIL_SERVER,
     .says = "neither a mail server"},
    {"dead MX hosts", .domain = "mx1=dead mx2=dead", .reason = REASON_NO_MAIL_SERVER,
     .says = "mx1.example.net and 1 more"},
    {"null MX", .domain = "null_mx", .reason = REASON_NULL_MX, .says = "RFC 7505"},
    {"reserved addresses only", .domain = "mx1=reserved mx2=dead", .reason = REASON_UNROUTABLE_MX,
     .says = "mx1.example.net: loopback"},
    {"domain not served", .domain = "mx1 mx2",
     .attempts = "mx1 rcpt 554 5.7.1 <user@example.com>: Relay access denied\n"
                 "mx2 rcpt 550 5.7.1 Relaying denied",
     .reason = REASON_DOMAIN_NOT_ACCEPTED, .says = "does not serve example.com",
     .is_reviewed = true},
    {"domain not served by the MX that was asked, the other's turn never came", .domain = "mx1 mx2",
     .attempts = "mx1 rcpt 554 5.7.1 <user@example.com>: Relay access denied",
     .reason = REASON_PROBE_BLOCKED},
    {"domain not served by the MX that was found", .domain = "mx1 mx2=servfail",
     .attempts = "mx1 rcpt 554 5.7.1 <user@example.com>: Relay access denied",
     .reason = REASON_PROBE_BLOCKED},
    {"556 of the only MX", .domain = "mx1",
     .attempts = "mx1 rcpt 556 5.1.10 Domain example.com does not accept mail (nullMX)",
     .reason = REASON_DOMAIN_NOT_ACCEPTED},
    {"not found", .domain = "mx1", .attempts = "mx1 rcpt " NF, .reason = REASON_MAILBOX_NOT_FOUND,
     .says = "User unknown"},
    {"not found in a catch-all domain", .domain = "mx1",
     .attempts = "mx1 rcpt " NF "\n?mx1 rcpt " OK_, .reason = REASON_MAILBOX_NOT_FOUND},
    {"not found, as random ones are", .domain = "mx1",
     .attempts = "mx1 rcpt " NF "\n?mx1 rcpt 550 5.1.1 <mailknock-probe-x7@example.com>: User "
                 "unknown",
     .reason = REASON_MAILBOX_NOT_FOUND},
    {"not found at Yahoo is meant so", .domain = "mx1",
     .attempts = "mx1 rcpt 554 delivery error: dd This user doesn't have a yahoo.com account",
     .provider = "yahoo", .reason = REASON_MAILBOX_NOT_FOUND},
    {"not found with a 4xx, twice", .domain = "mx1",
     .attempts = "mx1 rcpt " SOFT "\n+900 mx1 rcpt " SOFT, .reason = REASON_MAILBOX_NOT_FOUND,
     .says = "said again after 15 minutes", .is_reviewed = true},
    {"form refused", .domain = "mx1", .attempts = "mx1 rcpt 501 5.1.3 Bad recipient address syntax",
     .reason = REASON_MAILBOX_NOT_FOUND, .says = "can have such a name", .is_reviewed = true},
    {"form refused, another is refused otherwise", .domain = "mx1",
     .attempts = "mx1 rcpt 501 5.1.3 Bad recipient address syntax\n?mx1 rcpt " NF,
     .reason = REASON_MAILBOX_NOT_FOUND},
    {"disabled", .domain = "mx1",
     .attempts = "mx1 rcpt 550 5.2.1 The email account that you tried to reach is disabled.",
     .reason = REASON_MAILBOX_DISABLED, .is_reviewed = true},
    {"moved", .domain = "mx1",
     .attempts = "mx1 rcpt 551 5.1.6 User has moved; please try <new@example.org>",
     .reason = REASON_MAILBOX_MOVED, .says = "moved"},

    /* catch_all */
    {"accepts all", .domain = "mx1", .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " OK_,
     .reason = REASON_ACCEPTS_ALL, .says = "accepts anything"},
    {"accepts all, remembered", .domain = "mx1", .attempts = "mx1 rcpt " OK_,
     .adjust = remembers_accepts, .reason = REASON_ACCEPTS_ALL, .says = "known to accept"},
    {"provider accepts all", .domain = "mx1", .attempts = "mx1 rcpt " OK_,
     .provider = "ACCEPTS_ALL", .reason = REASON_PROVIDER_ACCEPTS_ALL},

    /* do_not_mail */
    {"disposable though accepted", .domain = "mx1", .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " NF,
     .builtin = LISTS_DISPOSABLE, .reason = REASON_DISPOSABLE, .says = "throwaway"},
    {"disposable by its MX", .domain = "mx1", .adjust = as_disposable_mx,
     .reason = REASON_DISPOSABLE, .says = "service for throwaway"},
    {"disposable but absent", .domain = "mx1", .attempts = "mx1 rcpt " NF,
     .builtin = LISTS_DISPOSABLE, .reason = REASON_MAILBOX_NOT_FOUND},
    {"disposable and blocked", .domain = "mx1", .attempts = "mx1 connect " RBL,
     .builtin = LISTS_DISPOSABLE, .reason = REASON_DISPOSABLE},
    {"not disposable, says the operator", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " NF, .builtin = LISTS_DISPOSABLE,
     .operator_bits = ON(NOT_DISPOSABLE), .reason = REASON_ACCEPTED},
    {"allowed, so not disposable", .domain = "mx1", .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " NF,
     .builtin = LISTS_DISPOSABLE, .operator_bits = ON(ALLOW), .reason = REASON_ACCEPTED},
    {"disposable by the operator", .domain = "mx1", .operator_bits = ON(DISPOSABLE),
     .reason = REASON_DISPOSABLE},
    {"spam trap", .domain = "mx1", .operator_bits = ON(TRAP) | ON(COMPLAINT),
     .reason = REASON_SPAM_TRAP, .says = "spam traps"},
    {"complainer", .domain = "mx1", .operator_bits = ON(COMPLAINT) | ON(LISTED),
     .builtin = LISTS_DISPOSABLE, .reason = REASON_COMPLAINER},
    {"listed domain", .domain = "mx1", .operator_bits = ON(LISTED), .builtin = LISTS_DISPOSABLE,
     .reason = REASON_LISTED_DOMAIN, .says = "example.com"},
    {"listed but allowed", .domain = "mx1", .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " NF,
     .operator_bits = ON(LISTED) | ON(ALLOW), .reason = REASON_ACCEPTED},
    {"full", .domain = "mx1", .attempts = "mx1 rcpt 552 5.2.2 Mailbox is over quota",
     .reason = REASON_MAILBOX_FULL, .says = "full"},
    {"full for now", .domain = "mx1",
     .attempts = "mx1 rcpt 452 4.2.2 The recipient's inbox is out of storage space",
     .provider = "google", .reason = REASON_MAILBOX_FULL},
    {"known bounce", .domain = "mx1", .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " NF,
     .adjust = as_bounced, .reason = REASON_KNOWN_BOUNCE, .says = "2026-02-19"},
    {"bounce, judged on a later day", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " NF, .adjust = as_remembered_bounced_too_long_ago,
     .reason = REASON_ACCEPTED},
    {"remembered", .domain = "mx1", .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " NF,
     .adjust = as_remembered, .reason = REASON_ACCEPTED, .says = "; so found on 2026-03-01."},
    {"complained", .domain = "mx1", .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " NF,
     .adjust = as_complained, .reason = REASON_COMPLAINER, .says = "2026-02-26"},
    {"delivered to a catch-all", .domain = "mx1", .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " OK_,
     .adjust = as_delivered, .reason = REASON_ACCEPTS_ALL,
     .says = "; your mail was delivered on 2026-02-09."},
    {"delivered once, refused now", .domain = "mx1", .attempts = "mx1 rcpt " NF "\n?mx1 rcpt " NF,
     .adjust = as_delivered, .reason = REASON_MAILBOX_NOT_FOUND},
    {"delivered, greylisted", .domain = "mx1", .attempts = "mx1 rcpt " GREY, .adjust = as_delivered,
     .reason = REASON_GREYLISTED, .says = "delivered on 2026-02-09"},
    {"old bounce", .domain = "mx1", .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " NF,
     .adjust = as_bounced_long_ago, .reason = REASON_ACCEPTED},
    {"syntax before lists", .address = "user@", .operator_bits = ON(TRAP),
     .reason = REASON_BAD_SYNTAX},

    /* unknown: the reply */
    {"greylisted", .domain = "mx1", .attempts = "mx1 rcpt " GREY "\n+300 mx1 rcpt " GREY,
     .adjust = waited, .reason = REASON_GREYLISTED, .says = "a wait of 10 min 00 s"},
    {"rate limited", .domain = "mx1",
     .attempts = "mx1 connect 421 4.7.0 Too many connections from your IP",
     .reason = REASON_RATE_LIMITED},
    {"recipient throttled", .domain = "mx1",
     .attempts = "mx1 rcpt 450 4.2.1 The user you are trying to contact is receiving mail at a "
                 "rate that prevents additional messages from being delivered",
     .provider = "google", .reason = REASON_RATE_LIMITED, .says = "probably exists"},
    {"temporary failure", .domain = "mx1",
     .attempts = "mx1 rcpt 451 4.3.0 Temporary lookup failure", .reason = REASON_TEMPORARY_FAILURE},
    {"not found with a 4xx, once", .domain = "mx1", .attempts = "mx1 rcpt " SOFT,
     .reason = REASON_TEMPORARY_FAILURE, .says = "temporary code"},
    {"not found with a 4xx, twice too soon", .domain = "mx1",
     .attempts = "mx1 rcpt " SOFT "\n+899 mx1 rcpt " SOFT, .reason = REASON_TEMPORARY_FAILURE},
    {"not found with a 4xx, then accepted", .domain = "mx1",
     .attempts = "mx1 rcpt " SOFT "\n+900 mx1 rcpt " OK_ "\n?mx1 rcpt " SOFT,
     .reason = REASON_ACCEPTED},
    {"blocked at the greeting", .domain = "mx1", .attempts = "mx1 connect " RBL,
     .reason = REASON_PROBE_BLOCKED, .says = "refused us, not the mailbox, at the greeting"},
    {"blocked at RCPT with a code that lies", .domain = "mx1",
     .attempts = "mx1 rcpt 550 5.1.1 <user@example.com> - 192.0.2.1 has sent to too many "
                 "recipients this hour. IB607",
     .provider = "godaddy", .reason = REASON_RATE_LIMITED},
    {"blocked though it speaks of the mailbox", .domain = "mx1",
     .attempts = "mx1 rcpt 550 5.2.1 Mailbox unavailable. Your IP address 192.0.2.1 is "
                 "blacklisted using SPAMHAUS-XBL",
     .reason = REASON_PROBE_BLOCKED},
    {"blocked stays blocked beside a random one", .domain = "mx1",
     .attempts = "mx1 rcpt " RBL "\n?mx1 rcpt " RBL, .reason = REASON_PROBE_BLOCKED},
    {"sender refused", .domain = "mx1",
     .attempts = "mx1 mail 550 5.7.1 Sender address rejected: null sender not accepted",
     .reason = REASON_PROBE_BLOCKED, .says = "MAIL FROM"},
    {"our sender was not verified", .domain = "mx1",
     .attempts = "mx1 rcpt 550-Verification failed for <probe@example.org> | 550-No Such User Here "
                 "| 550 Sender verify failed",
     .reason = REASON_PROBE_BLOCKED},
    {"not found before RCPT is no proof", .domain = "mx1",
     .attempts = "mx1 mail 550 5.1.1 User unknown", .reason = REASON_PROBE_BLOCKED},
    {"breaker", .domain = "mx1", .adjust = as_breaker, .reason = REASON_PROBE_BLOCKED,
     .says = "not asked again"},
    {"relay denied by one of two", .domain = "mx1 mx2",
     .attempts = "mx1 rcpt 554 5.7.1 Relay access denied\nmx2 connect !connect_failed",
     .reason = REASON_PROBE_BLOCKED},
    {"relay denied, then accepted elsewhere", .domain = "mx1 mx2",
     .attempts = "mx1 rcpt 554 5.7.1 Relay access denied\nmx2 rcpt " OK_ "\n?mx2 rcpt " NF,
     .reason = REASON_ACCEPTED},
    {"refuses all", .domain = "mx1", .attempts = "mx1 rcpt " VAGUE "\n?mx1 rcpt " VAGUE,
     .reason = REASON_REFUSES_ALL, .says = "in the same words"},
    {"refuses all, remembered", .domain = "mx1", .attempts = "mx1 rcpt " VAGUE,
     .adjust = remembers_same, .reason = REASON_REFUSES_ALL},
    {"full is not believed when everybody is", .domain = "mx1",
     .attempts = "mx1 rcpt 552 5.2.2 Over quota\n?mx1 rcpt 552 5.2.2 Over quota",
     .reason = REASON_REFUSES_ALL},
    {"likely unknown, but who is unknown hears other words", .domain = "mx1",
     .attempts = "mx1 rcpt 550 casella protetta contro i bot\n?mx1 rcpt " NF,
     .reason = REASON_AMBIGUOUS_REPLY},
    {"likely unknown, where anybody else is accepted", .domain = "mx1",
     .attempts = "mx1 rcpt 550 casella protetta contro i bot\n?mx1 rcpt " OK_,
     .reason = REASON_MAILBOX_NOT_FOUND, .is_reviewed = true},
    {"likely unknown, where others were accepted once", .domain = "mx1",
     .attempts = "mx1 rcpt 550 casella protetta contro i bot", .adjust = remembers_accepts,
     .reason = REASON_AMBIGUOUS_REPLY},
    {"suspended, and others were refused once", .domain = "mx1",
     .attempts = "mx1 rcpt 550 5.2.1 This account has been suspended", .adjust = remembers_refuses,
     .reason = REASON_MAILBOX_DISABLED, .is_reviewed = true},
    {"suspended, and another is refused now", .domain = "mx1",
     .attempts = "mx1 rcpt 550 5.2.1 This account has been suspended\n?mx1 rcpt " NF,
     .reason = REASON_MAILBOX_DISABLED},
    {"vague refusal alone", .domain = "mx1", .attempts = "mx1 rcpt " VAGUE,
     .reason = REASON_PROBE_BLOCKED},
    {"two states in one text", .domain = "mx1",
     .attempts = "mx1 rcpt 550 Adressat unbekannt oder Mailbox deaktiviert",
     .reason = REASON_AMBIGUOUS_REPLY, .says = "several things"},
    {"form refused, but it is a rare one", .address = "\"a b\"@example.com", .domain = "mx1",
     .attempts = "mx1 rcpt 501 5.1.3 Bad recipient address syntax",
     .reason = REASON_AMBIGUOUS_REPLY, .says = "form of the address"},
    {"TLS demanded", .domain = "mx1",
     .attempts = "mx1 mail 530 5.7.0 Must issue a STARTTLS command first",
     .reason = REASON_TLS_REQUIRED},
    {"TLS fails", .domain = "mx1", .attempts = "mx1 starttls !tls_failed",
     .reason = REASON_TLS_REQUIRED, .says = "handshake"},
    {"TLS is cut off by our clock", .domain = "mx1", .attempts = "mx1 starttls !tls_failed",
     .adjust = as_deadline, .reason = REASON_TIMEOUT, .says = "in time at STARTTLS"},
    {"TLS not offered", .domain = "mx1", .attempts = "mx1 helo !tls_not_offered",
     .reason = REASON_TLS_REQUIRED, .says = "does not offer"},
    {"login wanted", .domain = "mx1", .attempts = "mx1 mail 530 5.7.0 Authentication required",
     .reason = REASON_AUTH_REQUIRED, .says = "login"},
    {"our dialogue is wrong", .domain = "mx1",
     .attempts = "mx1 rcpt 503 5.5.1 Bad sequence of commands", .reason = REASON_PROTOCOL_ERROR},
    {"421 after RCPT says nothing", .domain = "mx1",
     .attempts = "mx1 rcpt 421 5.1.1 User unknown, closing channel",
     .reason = REASON_TEMPORARY_FAILURE},

    /* unknown: silence */
    {"timeout", .domain = "mx1", .attempts = "mx1 rcpt !timeout", .reason = REASON_TIMEOUT,
     .says = "in time at RCPT TO"},
    {"no MX reachable", .domain = "mx1 mx2",
     .attempts = "mx1 connect !connect_failed\nmx2 connect !connect_failed",
     .reason = REASON_CONNECT_FAILED, .says = "None of the 2 mail servers"},
    {"timeout says more than no connection", .domain = "mx1 mx2",
     .attempts = "mx1 connect !timeout\nmx2 connect !connect_failed", .reason = REASON_TIMEOUT},
    {"addresses of another family", .domain = "mx1=ipv6", .reason = REASON_CONNECT_FAILED},
    {"disconnected", .domain = "mx1", .attempts = "mx1 rcpt !disconnected",
     .reason = REASON_DISCONNECTED},
    {"idle, says the peer", .domain = "mx1",
     .attempts = "mx1 rcpt 421 4.4.2 mx1.example.net Error: timeout exceeded",
     .reason = REASON_DISCONNECTED},
    {"not SMTP", .domain = "mx1", .attempts = "mx1 connect !protocol_error",
     .reason = REASON_PROTOCOL_ERROR, .says = "not SMTP"},
    {"a reply says more than silence", .domain = "mx1 mx2",
     .attempts = "mx1 rcpt " GREY "\nmx2 connect !connect_failed", .reason = REASON_GREYLISTED},

    /* unknown: accepted, but no control */
    {"accepted, nobody asked for a random one", .domain = "mx1", .attempts = "mx1 rcpt " OK_,
     .reason = REASON_RCPT_UNTRUSTED, .says = "no made-up address"},
    {"accepted at Yahoo", .address = "someone@yahoo.com", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " OK_, .provider = "yahoo",
     .reason = REASON_RCPT_UNTRUSTED, .says = "Yahoo"},
    {"accepted, random greylisted", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " GREY, .reason = REASON_GREYLISTED,
     .says = "made-up address was answered with"},
    {"accepted, random rate limited", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt 452 4.5.3 Too many recipients",
     .reason = REASON_RATE_LIMITED},
    {"accepted, random blocked", .domain = "mx1", .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " RBL,
     .reason = REASON_PROBE_BLOCKED},
    {"accepted, random hung up on", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt !disconnected", .reason = REASON_DISCONNECTED,
     .says = "no answer for a made-up"},
    {"accepted, no time for the random one", .domain = "mx1", .attempts = "mx1 rcpt " OK_,
     .adjust = as_deadline, .reason = REASON_NOT_PROBED, .says = "no time left"},
    {"accepted at a hosted domain of a consumer provider", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_, .provider = "google", .reason = REASON_RCPT_UNTRUSTED},
    {"gmail.com behind somebody else's MX", .address = "someone@gmail.com", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_, .provider = "generic", .reason = REASON_RCPT_UNTRUSTED},
    {"unclear, then clear", .domain = "mx1",
     .attempts = "mx1 rcpt " OK_ "\n?mx1 rcpt " GREY "\n+300 ?mx1 rcpt " NF,
     .reason = REASON_ACCEPTED},

    /* unknown: DNS and ourselves */
    {"SERVFAIL", .domain = "servfail", .reason = REASON_DNS_ERROR, .says = "servfail"},
    {"DNS timeout", .domain = "timeout", .reason = REASON_DNS_ERROR},
    {"one MX host unresolved", .domain = "mx1=dead mx2=servfail", .reason = REASON_DNS_ERROR},
    {"depth syntax", .adjust = as_syntax_depth, .reason = REASON_NOT_PROBED,
     .says = "Only the address itself"},
    {"depth dns", .domain = "mx1", .adjust = as_dns_depth, .reason = REASON_NOT_PROBED,
     .says = "as wished"},
    {"depth dns, settled", .domain = "null_mx", .adjust = as_dns_depth, .reason = REASON_NULL_MX},
    {"no time", .domain = "mx1", .attempts = "mx1 connect !untried", .adjust = as_deadline,
     .reason = REASON_NOT_PROBED, .says = "no time left"},
    {"SMTPUTF8 not offered", .address = "j\xc3\xb6rg@example.com", .domain = "mx1",
     .attempts = "mx1 mail !smtputf8_not_offered", .reason = REASON_NOT_PROBED, .says = "SMTPUTF8"},
    {"internal", .domain = "mx1", .adjust = as_internal, .reason = REASON_INTERNAL_ERROR,
     .says = "out of memory"},
    {"internal, but settled", .domain = "mx1", .attempts = "mx1 rcpt " NF, .adjust = as_internal,
     .reason = REASON_MAILBOX_NOT_FOUND},

    /* skipped */
    {"opted out", .operator_bits = ON(OPT_OUT) | ON(ALLOW), .reason = REASON_OPTED_OUT,
     .says = "opt-out"},
    {"blocked domain", .operator_bits = ON(BLOCK), .domain = "nxdomain",
     .reason = REASON_BLOCKED_DOMAIN, .says = "example.com"},
    {"blocked but allowed", .operator_bits = ON(BLOCK) | ON(ALLOW), .domain = "nxdomain",
     .reason = REASON_DOMAIN_NOT_FOUND},
    {"duplicate", .adjust = as_duplicate, .reason = REASON_DUPLICATE, .says = "earlier"},
    {"cancelled", .domain = "mx1", .attempts = "mx1 rcpt " GREY, .adjust = as_cancelled,
     .reason = REASON_CANCELLED, .says = "stopped"},
    {"cancelled, but known", .domain = "mx1", .attempts = "mx1 rcpt " NF, .adjust = as_cancelled,
     .reason = REASON_MAILBOX_NOT_FOUND},
};

static const struct provider_profile accepts_all_profile = {
    .name = "acceptor",
    .title = "The Acceptor",
    .is_gateway = true,
    .trust = PROVIDER_TRUST_ACCEPTS_ALL,
};

static void set_up(struct rig *rig, const struct row *row)
{
    rig_init(rig, row->address != NULL ? row->address : "user@example.com");
    if (row->domain != NULL)
        rig_domain(rig, row->domain);
    if (row->attempts != NULL)
        rig_attempts(rig, row->attempts);
    if (row->provider != NULL && strcmp(row->provider, "ACCEPTS_ALL") == 0)
        rig->evidence.provider = &accepts_all_profile;
    else if (row->provider != NULL)
        rig_provider(rig, row->provider);
    rig->evidence.builtin_classes = row->builtin;
    rig->evidence.operator_matches = row->operator_bits;
    if (row->adjust != NULL)
        row->adjust(&rig->evidence);
}

/* What holds of every verdict. */
static void check_verdict(const char *name, const struct rig *rig, const struct verdict *verdict)
{
    size_t len = strlen(verdict->explanation);

    if (verdict->status != verdict_reason_status(verdict->reason))
        fail_msg("%s: status", name);
    if (len == 0 || len >= VERDICT_EXPLANATION_SIZE || verdict->explanation[len - 1] != '.')
        fail_msg("%s: explanation \"%s\"", name, verdict->explanation);
    assert_int_equal(utf8_find_invalid(slice_from(verdict->explanation, len)), -1);
    for (size_t i = 0; i < len; i++)
        assert_true((unsigned char)verdict->explanation[i] >= 0x20);
    assert_true(verdict->attempt < (ptrdiff_t)rig->evidence.attempt_count);
    assert_true(verdict->score <= 100);
    if (verdict->status == VERDICT_INVALID)
        assert_true(verdict->score <= 12 && verdict->action != ACTION_SEND);
    if (verdict->reason == REASON_ACCEPTED)
        assert_true(verdict->score >= 90);
    else
        assert_true(
            verdict->action != ACTION_SEND ||
            (verdict->status == VERDICT_CATCH_ALL && rig->evidence.history.delivered_unix_ms > 0));
}

static void write_json(struct buffer *out, const struct evidence *evidence,
                       const struct verdict *verdict)
{
    const struct result_options options = {.with_evidence = true};
    struct json json;

    buffer_clear(out);
    json_init(&json, out);
    result_write_json(&json, evidence, verdict, &options);
    assert_false(out->failed);
}

/* What is kept of the evidence gives the same verdict, and the same words again. */
static void check_recall(const char *name, const struct rig *rig, const struct verdict *verdict)
{
    const struct evidence *from = &rig->evidence;
    struct evidence again;
    struct verdict second;
    struct buffer kept, written;
    struct arena arena;

    buffer_init(&kept, 0);
    buffer_init(&written, 0);
    arena_init(&arena);
    write_json(&kept, from, verdict);
    assert_int_equal(recall_evidence(buffer_slice(&kept), &arena, &again), 0);
    /* What follows from the address and the lists of today. */
    again.builtin_classes = from->builtin_classes;
    again.mailbox_breach = from->mailbox_breach;
    again.subaddress = from->subaddress;
    again.disposable_mx = from->disposable_mx;
    again.duplicate = from->duplicate;
    again.is_remembered = from->is_remembered;
    again.asked_unix_ms = from->asked_unix_ms;
    again.history.bounce_days = from->history.bounce_days;
    if (from->provider == &accepts_all_profile)
        again.provider = from->provider; /* no row of the table */
    verdict_judge(&again, &second);
    write_json(&written, &again, &second);
    if (!slice_equal(buffer_slice(&kept), buffer_slice(&written)))
        fail_msg("%s: kept as\n%.*s\nwritten again as\n%.*s", name, SLICE_ARG(buffer_slice(&kept)),
                 SLICE_ARG(buffer_slice(&written)));
    assert_int_equal(second.classification.rule == NULL, verdict->classification.rule == NULL);
    arena_done(&arena);
    buffer_done(&kept);
    buffer_done(&written);
}

static void every_row_is_judged_so(void **state)
{
    bool seen[VERDICT_REASON_COUNT] = {false};
    static struct rig rig;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct verdict verdict;

        set_up(&rig, &rows[i]);
        verdict_judge(&rig.evidence, &verdict);
        if (verdict.reason != rows[i].reason)
            fail_msg("%s: %s, not %s (%s) by %s", rows[i].name, verdict_reason_name(verdict.reason),
                     verdict_reason_name(rows[i].reason), verdict.explanation,
                     verdict.classification.rule != NULL ? verdict.classification.rule : "-");
        if (rows[i].says != NULL && strstr(verdict.explanation, rows[i].says) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].name, verdict.explanation,
                     rows[i].says);
        if (verdict.status == VERDICT_INVALID &&
            (verdict.action == ACTION_REVIEW) != rows[i].is_reviewed)
            fail_msg("%s: %s", rows[i].name, verdict_action_name(verdict.action));
        check_verdict(rows[i].name, &rig, &verdict);
        check_recall(rows[i].name, &rig, &verdict);
        seen[verdict.reason] = true;
    }
    for (int i = 0; i < VERDICT_REASON_COUNT; i++)
        if (!seen[i])
            fail_msg("nothing reaches %s", verdict_reason_name((enum verdict_reason)i));
}

/* A refusal of us, at any stage, alone or beside anything that is no answer, is never `invalid`. */
static void a_refusal_of_us_is_never_invalid(void **state)
{
    static const char *const refusals[] = {
        RBL,
        GREY,
        "550 5.7.1 Service unavailable; client host blocked",
        "550 5.1.8 Sender address rejected: Domain not found",
        "421 4.7.0 Try again later",
        "550 5.7.606 Access denied, banned sending IP [192.0.2.1]",
        ("550 Requested action not taken: mailbox unavailable | 550 Reject due to policy "
         "restrictions"),
        "550 Too many invalid recipients",
        "550 5.1.2 Too many RCPT errors, disconnecting",
    };
    static const char *const stages[] = {"connect", "helo", "mail", "rcpt"};
    static struct rig rig;

    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        for (size_t k = 0; k < ARRAY_LEN(stages); k++) {
            struct verdict verdict;
            char lines[1024];

            snprintf(lines, sizeof(lines), "mx1 %s %s\nmx2 connect !connect_failed\n?mx1 %s %s",
                     stages[k], refusals[i], stages[k], refusals[i]);
            rig_init(&rig, "user@example.com");
            rig_domain(&rig, "mx1 mx2");
            rig_attempts(&rig, lines);
            verdict_judge(&rig.evidence, &verdict);
            if (verdict.status != VERDICT_UNKNOWN)
                fail_msg("%s at %s: %s", refusals[i], stages[k],
                         verdict_reason_name(verdict.reason));
        }
}

/* "Disabled" may be said to everybody: beyond doubt only once somebody else was heard. */
static void disabled_is_reviewed_until_another_is_heard(void **state)
{
    static struct rig rig;
    struct verdict verdict;

    rig_init(&rig, "jane@example.com");
    rig_domain(&rig, "mx1");
    rig_attempts(&rig, "mx1 rcpt 550 This account has been suspended");
    verdict_judge(&rig.evidence, &verdict);
    assert_int_equal(verdict.reason, REASON_MAILBOX_DISABLED);
    assert_int_equal(verdict.action, ACTION_REVIEW);

    rig_init(&rig, "jane@example.com");
    rig_domain(&rig, "mx1");
    rig_attempts(&rig, "mx1 rcpt 550 This account has been suspended\n?mx1 rcpt " NF);
    verdict_judge(&rig.evidence, &verdict);
    assert_int_equal(verdict.reason, REASON_MAILBOX_DISABLED);
    assert_int_equal(verdict.action, ACTION_SUPPRESS);

    /* A consumer provider speaks of its own accounts; no random recipient is asked there. */
    rig_init(&rig, "jane.doe.1@gmail.com");
    rig_domain(&rig, "mx1");
    rig_provider(&rig, "google");
    rig_attempts(&rig, "mx1 rcpt 550 5.2.1 The email account that you tried to reach is disabled");
    verdict_judge(&rig.evidence, &verdict);
    assert_int_equal(verdict.reason, REASON_MAILBOX_DISABLED);
    assert_int_equal(verdict.action, ACTION_SUPPRESS);

    /* But not by a code alone. */
    rig_attempts(&rig, "mx1 rcpt 550 5.2.1 Nix da");
    verdict_judge(&rig.evidence, &verdict);
    assert_int_equal(verdict.reason, REASON_MAILBOX_DISABLED);
    assert_int_equal(verdict.action, ACTION_REVIEW);
}

/* What was said of a reply for one provider's profile says nothing for another's. */
static void a_memo_holds_for_its_profile_alone(void **state)
{
    static const struct {
        const char *provider, *memo_for;
        bool is_believed;
    } memos[] = {
        {"google", "google", true}, {"google", "qq", false}, {"google", NULL, false},
        {NULL, NULL, true},         {NULL, "google", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(memos); i++) {
        struct verdict verdict;
        struct rig rig;

        rig_init(&rig, "user@example.com");
        rig_domain(&rig, "mx1");
        rig_attempts(&rig, "mx1 rcpt " NF);
        if (memos[i].memo_for != NULL) {
            rig_provider(&rig, memos[i].memo_for);
            rig.attempts[0].classified_for = rig.evidence.provider->name;
        }
        rig.evidence.provider = NULL;
        if (memos[i].provider != NULL)
            rig_provider(&rig, memos[i].provider);
        verdict_judge(&rig.evidence, &verdict);
        assert_int_equal(verdict.reason, REASON_MAILBOX_NOT_FOUND); /* there is no memo yet */
        rig.attempts[0].classified = (struct classification){
            .reply_class = SMTP_CLASS_MAILBOX_FULL, .confidence = 99, .rule = "memo"};
        verdict_judge(&rig.evidence, &verdict);
        assert_int_equal(verdict.reason,
                         memos[i].is_believed ? REASON_MAILBOX_FULL : REASON_MAILBOX_NOT_FOUND);
    }
}

static void scores_and_flags_follow_the_evidence(void **state)
{
    static struct rig rig;
    struct verdict verdict;
    uint8_t plain;

    rig_init(&rig, "xkqzvbwt@example.com");
    rig_domain(&rig, "implicit");
    rig_attempts(&rig, "www rcpt " OK_ "\n?www rcpt " OK_);
    rig.evidence.suggestion = SLICE("x@example.org");
    rig.evidence.builtin_classes = LISTS_FREE;
    rig.evidence.subaddress = true;
    verdict_judge(&rig.evidence, &verdict);
    assert_int_equal(verdict.flags, VERDICT_FLAG_FREE | VERDICT_FLAG_CATCH_ALL_DOMAIN |
                                        VERDICT_FLAG_SUBADDRESS | VERDICT_FLAG_GIBBERISH |
                                        VERDICT_FLAG_TYPO_SUSPECTED | VERDICT_FLAG_IMPLICIT_MX);
    /* Every one of them makes it less likely than an unremarkable name (62). */
    assert_in_range(verdict.score, 1, 30);
    assert_int_equal(verdict.action, ACTION_REVIEW);

    /* A list says nothing about delivery. */
    rig_init(&rig, "jane@example.com");
    rig_domain(&rig, "mx1");
    rig_attempts(&rig, "mx1 rcpt " OK_ "\n?mx1 rcpt " NF);
    verdict_judge(&rig.evidence, &verdict);
    plain = verdict.score;
    assert_int_equal(verdict.action, ACTION_SEND);
    rig.evidence.operator_matches = ON(TRAP);
    verdict_judge(&rig.evidence, &verdict);
    assert_int_equal(verdict.score, plain);
    assert_int_equal(verdict.action, ACTION_SUPPRESS);
    rig.evidence.operator_matches = 0;
    rig.evidence.builtin_classes = LISTS_NO_REPLY;
    verdict_judge(&rig.evidence, &verdict);
    assert_int_equal(verdict.action, ACTION_REVIEW);

    /* The time that the server named. */
    rig_init(&rig, "jane@example.com");
    rig_domain(&rig, "mx1");
    rig_attempts(&rig, "mx1 rcpt 451 4.7.1 Greylisted for 5 minutes");
    verdict_judge(&rig.evidence, &verdict);
    assert_int_equal(verdict.reason, REASON_GREYLISTED);
    assert_in_range(verdict.retry_after_s, 300, 900);
    assert_int_equal(verdict.action, ACTION_RETRY);
    assert_int_equal(verdict.attempt, 0);
}

static void explanations_survive_hostile_words(void **state)
{
    static struct rig rig;
    static char text[4000];
    struct verdict verdict;

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 37 + i / 256);
    rig_init(&rig, "user@example.com");
    rig_domain(&rig, "mx1");
    rig_attempts(&rig, "mx1 rcpt " NF);
    rig.attempts[0].reply.text = slice_from(text, sizeof(text));
    rig.attempts[0].host = slice_from(text + 100, 400);
    for (int code = 200; code < 600; code++) {
        rig.attempts[0].reply.code = (uint16_t)code;
        verdict_judge(&rig.evidence, &verdict);
        assert_int_equal(utf8_find_invalid(slice_from_string(verdict.explanation)), -1);
        for (const char *p = verdict.explanation; *p != '\0'; p++)
            assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
    }
    rig.attempts[0].reply.text = SLICE("no\r\n\"such\" \xe2\x80\xaeuser\x1b[31m \xff");
    rig.attempts[0].reply.code = 550;
    verdict_judge(&rig.evidence, &verdict);
    assert_non_null(strstr(verdict.explanation, "no 'such' \xef\xbf\xbduser [31m \xef\xbf\xbd"));
}

/* What is not ours, or was kept without evidence, or is cut short, is told so. */
static void what_is_kept_otherwise_is_not_recalled(void **state)
{
    static struct rig rig;
    struct evidence evidence;
    struct verdict verdict;
    struct buffer kept;
    struct arena arena;

    arena_init(&arena);
    buffer_init(&kept, 0);
    assert_int_equal(recall_evidence(SLICE(""), &arena, &evidence), ERROR_FORMAT);
    assert_int_equal(recall_evidence(SLICE("[]"), &arena, &evidence), ERROR_FORMAT);
    assert_int_equal(recall_evidence(SLICE("{\"schema\":2,\"evidence\":{\"stop\":\"none\"}}"),
                                     &arena, &evidence),
                     ERROR_FORMAT);
    assert_int_equal(recall_evidence(SLICE("{\"schema\":1}"), &arena, &evidence), ERROR_NOT_FOUND);
    set_up(&rig, &rows[0]);
    verdict_judge(&rig.evidence, &verdict);
    write_json(&kept, &rig.evidence, &verdict);
    for (size_t len = 0; len < kept.len; len++)
        assert_int_equal(recall_evidence(slice_from(kept.ptr, len), &arena, &evidence),
                         ERROR_FORMAT);
    assert_int_equal(recall_evidence(buffer_slice(&kept), &arena, &evidence), 0);
    buffer_done(&kept);
    arena_done(&arena);
}

static void single_replies_mean_what_they_mean_alone(void **state)
{
    static const struct {
        enum smtp_class reply_class;
        unsigned code, confidence;
        enum smtp_stage stage;
        enum verdict_reason reason;
        enum verdict_action action;
    } cases[] = {
        {SMTP_CLASS_ACCEPTED, 250, 90, SMTP_STAGE_RCPT, REASON_ACCEPTED, ACTION_SEND},
        {SMTP_CLASS_ACCEPTED, 250, 90, SMTP_STAGE_MAIL, REASON_NOT_PROBED, ACTION_REVIEW},
        {SMTP_CLASS_MAILBOX_NOT_FOUND, 550, 90, SMTP_STAGE_ANY, REASON_MAILBOX_NOT_FOUND,
         ACTION_SUPPRESS},
        {SMTP_CLASS_MAILBOX_NOT_FOUND, 450, 90, SMTP_STAGE_RCPT, REASON_TEMPORARY_FAILURE,
         ACTION_RETRY},
        {SMTP_CLASS_MAILBOX_NOT_FOUND, 550, 90, SMTP_STAGE_MAIL, REASON_PROBE_BLOCKED,
         ACTION_REVIEW},
        {SMTP_CLASS_MAILBOX_FULL, 452, 90, SMTP_STAGE_RCPT, REASON_MAILBOX_FULL, ACTION_RETRY},
        {SMTP_CLASS_RELAY_DENIED, 550, 90, SMTP_STAGE_RCPT, REASON_PROBE_BLOCKED, ACTION_REVIEW},
        {SMTP_CLASS_DOMAIN_NOT_ACCEPTED, 550, 90, SMTP_STAGE_RCPT, REASON_DOMAIN_NOT_ACCEPTED,
         ACTION_SUPPRESS},
        {SMTP_CLASS_MAILBOX_NOT_FOUND, 550, 50, SMTP_STAGE_RCPT, REASON_MAILBOX_NOT_FOUND,
         ACTION_REVIEW},
        {SMTP_CLASS_SENDER_BLOCKED, 550, 90, SMTP_STAGE_RCPT, REASON_PROBE_BLOCKED, ACTION_REVIEW},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct classification classification = {.reply_class = cases[i].reply_class,
                                                      .confidence = cases[i].confidence};
        enum verdict_reason reason;
        enum verdict_action action;

        verdict_of_reply(&classification, cases[i].code, cases[i].stage, &reason, &action);
        if (reason != cases[i].reason || action != cases[i].action)
            fail_msg("%s %u: %s", smtp_class_name(cases[i].reply_class), cases[i].code,
                     verdict_reason_name(reason));
    }
    for (int trust = PROVIDER_TRUST_FULL; trust <= PROVIDER_TRUST_ACCEPTS_ALL; trust++) {
        static const enum verdict_reason reasons[] = {
            [PROVIDER_TRUST_FULL] = REASON_ACCEPTED,
            [PROVIDER_TRUST_ACCEPT_NONE] = REASON_RCPT_UNTRUSTED,
            [PROVIDER_TRUST_ACCEPTS_ALL] = REASON_PROVIDER_ACCEPTS_ALL,
        };
        const struct classification classification = {.reply_class = SMTP_CLASS_ACCEPTED,
                                                      .trust = (enum provider_trust)trust};
        enum verdict_reason reason;
        enum verdict_action action;

        verdict_of_reply(&classification, 250, SMTP_STAGE_RCPT, &reason, &action);
        assert_int_equal(reason, reasons[trust]);
    }
    /* Before RCPT nothing is ever proven. */
    for (int c = 0; c < SMTP_CLASS_COUNT; c++)
        for (unsigned code = 220; code < 600; code += 10) {
            const struct classification classification = {.reply_class = (enum smtp_class)c};
            enum verdict_reason reason;
            enum verdict_action action;

            verdict_of_reply(&classification, code, SMTP_STAGE_MAIL, &reason, &action);
            assert_int_equal(verdict_reason_status(reason), VERDICT_UNKNOWN);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_judged_so),
        cmocka_unit_test(what_is_kept_otherwise_is_not_recalled),
        cmocka_unit_test(a_refusal_of_us_is_never_invalid),
        cmocka_unit_test(disabled_is_reviewed_until_another_is_heard),
        cmocka_unit_test(a_memo_holds_for_its_profile_alone),
        cmocka_unit_test(scores_and_flags_follow_the_evidence),
        cmocka_unit_test(explanations_survive_hostile_words),
        cmocka_unit_test(single_replies_mean_what_they_mean_alone),
    };

    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
