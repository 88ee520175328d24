/*
 * The verdict: what the evidence proves about an address. A pure function; no clock, no memory.
 *
 * Exactly one status and one reason (DESIGN 1: others rely on the names). Precedence: skipped >
 * syntax and domain > proven absent > do_not_mail > catch_all > valid; otherwise unknown. A refusal
 * of us is never a verdict on the mailbox.
 */
#ifndef MK_VERDICT_VERDICT_H
#define MK_VERDICT_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "provider/classify.h"
#include "verdict/evidence.h"
#include "verdict/gibberish.h"

#define VERDICT_STATUSES(X)                                                                        \
    X(VALID, "valid")                                                                              \
    X(INVALID, "invalid")                                                                          \
    X(CATCH_ALL, "catch_all")                                                                      \
    X(DO_NOT_MAIL, "do_not_mail")                                                                  \
    X(UNKNOWN, "unknown")                                                                          \
    X(SKIPPED, "skipped")

enum verdict_status {
#define X(symbol, name) VERDICT_##symbol,
    VERDICT_STATUSES(X)
#undef X
    VERDICT_STATUS_COUNT,
};

/* symbol, name, status it belongs to */
#define VERDICT_REASONS(X)                                                                         \
    X(ACCEPTED, "accepted", VALID)                                                                 \
    X(ACCEPTED_RESTRICTED, "accepted_restricted", VALID)                                           \
    X(BAD_SYNTAX, "bad_syntax", INVALID)                                                           \
    X(PROVIDER_SYNTAX, "provider_syntax", INVALID)                                                 \
    X(DOMAIN_NOT_FOUND, "domain_not_found", INVALID)                                               \
    X(NO_MAIL_SERVER, "no_mail_server", INVALID)                                                   \
    X(NULL_MX, "null_mx", INVALID)                                                                 \
    X(UNROUTABLE_MX, "unroutable_mx", INVALID)                                                     \
    X(DOMAIN_NOT_ACCEPTED, "domain_not_accepted", INVALID)                                         \
    X(MAILBOX_NOT_FOUND, "mailbox_not_found", INVALID)                                             \
    X(MAILBOX_DISABLED, "mailbox_disabled", INVALID)                                               \
    X(MAILBOX_MOVED, "mailbox_moved", INVALID)                                                     \
    X(ACCEPTS_ALL, "accepts_all", CATCH_ALL)                                                       \
    X(PROVIDER_ACCEPTS_ALL, "provider_accepts_all", CATCH_ALL)                                     \
    X(DISPOSABLE, "disposable", DO_NOT_MAIL)                                                       \
    X(SPAM_TRAP, "spam_trap", DO_NOT_MAIL)                                                         \
    X(COMPLAINER, "complainer", DO_NOT_MAIL)                                                       \
    X(LISTED_DOMAIN, "listed_domain", DO_NOT_MAIL)                                                 \
    X(MAILBOX_FULL, "mailbox_full", DO_NOT_MAIL)                                                   \
    X(KNOWN_BOUNCE, "known_bounce", DO_NOT_MAIL)                                                   \
    X(GREYLISTED, "greylisted", UNKNOWN)                                                           \
    X(RATE_LIMITED, "rate_limited", UNKNOWN)                                                       \
    X(TEMPORARY_FAILURE, "temporary_failure", UNKNOWN)                                             \
    X(TIMEOUT, "timeout", UNKNOWN)                                                                 \
    X(CONNECT_FAILED, "connect_failed", UNKNOWN)                                                   \
    X(DISCONNECTED, "disconnected", UNKNOWN)                                                       \
    X(PROBE_BLOCKED, "probe_blocked", UNKNOWN)                                                     \
    X(REFUSES_ALL, "refuses_all", UNKNOWN)                                                         \
    X(TLS_REQUIRED, "tls_required", UNKNOWN)                                                       \
    X(AUTH_REQUIRED, "auth_required", UNKNOWN)                                                     \
    X(RCPT_UNTRUSTED, "rcpt_untrusted", UNKNOWN)                                                   \
    X(AMBIGUOUS_REPLY, "ambiguous_reply", UNKNOWN)                                                 \
    X(DNS_ERROR, "dns_error", UNKNOWN)                                                             \
    X(PROTOCOL_ERROR, "protocol_error", UNKNOWN)                                                   \
    X(NOT_PROBED, "not_probed", UNKNOWN)                                                           \
    X(INTERNAL_ERROR, "internal_error", UNKNOWN)                                                   \
    X(OPTED_OUT, "opted_out", SKIPPED)                                                             \
    X(BLOCKED_DOMAIN, "blocked_domain", SKIPPED)                                                   \
    X(DUPLICATE, "duplicate", SKIPPED)                                                             \
    X(CANCELLED, "cancelled", SKIPPED)

enum verdict_reason {
#define X(symbol, name, status) REASON_##symbol,
    VERDICT_REASONS(X)
#undef X
    VERDICT_REASON_COUNT,
};

#define VERDICT_FLAGS(X)                                                                           \
    X(ROLE, "role")                                                                                \
    X(FREE, "free")                                                                                \
    X(DISPOSABLE, "disposable")                                                                    \
    X(CATCH_ALL_DOMAIN, "catch_all_domain")                                                        \
    X(SUBADDRESS, "subaddress")                                                                    \
    X(NO_REPLY, "no_reply")                                                                        \
    X(FULL, "full")                                                                                \
    X(GATEWAY, "gateway")                                                                          \
    X(GIBBERISH, "gibberish")                                                                      \
    X(TYPO_SUSPECTED, "typo_suspected")                                                            \
    X(IDN, "idn")                                                                                  \
    X(SMTPUTF8, "smtputf8")                                                                        \
    X(QUOTED, "quoted")                                                                            \
    X(DOMAIN_LITERAL, "domain_literal")                                                            \
    X(IMPLICIT_MX, "implicit_mx")                                                                  \
    X(OWN_HISTORY, "own_history")

enum verdict_flag_index {
#define X(symbol, name) VERDICT_FLAG_INDEX_##symbol,
    VERDICT_FLAGS(X)
#undef X
    VERDICT_FLAG_COUNT,
};

enum verdict_flag {
#define X(symbol, name) VERDICT_FLAG_##symbol = 1 << VERDICT_FLAG_INDEX_##symbol,
    VERDICT_FLAGS(X)
#undef X
};

#define VERDICT_ACTIONS(X)                                                                         \
    X(SEND, "send")                                                                                \
    X(REVIEW, "review")                                                                            \
    X(RETRY, "retry")                                                                              \
    X(SUPPRESS, "suppress")

enum verdict_action {
#define X(symbol, name) ACTION_##symbol,
    VERDICT_ACTIONS(X)
#undef X
    VERDICT_ACTION_COUNT,
};

#define VERDICT_EXPLANATION_SIZE 400

/*
 * From this confidence on, a reply plainly means its class. Below it, a refusal of the mailbox
 * must be compared with that of a random recipient.
 */
#define VERDICT_PLAIN_CONFIDENCE 60

/* How long a reported hard bounce makes an address one not to mail. */
#define VERDICT_BOUNCE_DAYS 180

struct verdict {
    enum verdict_status status;
    enum verdict_reason reason;
    enum verdict_action action;
    uint8_t score;          /* 0 to 100: estimate that a message sent now is delivered */
    uint32_t flags;         /* enum verdict_flag bits */
    uint32_t retry_after_s; /* 0: waiting does not help */
    ptrdiff_t attempt;      /* index of the attempt that decided, or -1 */
    struct classification classification;       /* of that attempt's reply; rule NULL when none */
    char explanation[VERDICT_EXPLANATION_SIZE]; /* one English sentence */
};

/* Judge. Never fails. */
void verdict_judge(const struct evidence *evidence, struct verdict *ret_verdict);

/*
 * What the letters of a local part tell. Of roles nothing is said: theirs are words of their own.
 */
struct verdict_local {
    const struct address_traits *traits; /* read only for the score, and never of roles */
    struct gibberish letters;
};

/* traits: of a valid address's local part, without quotes; borrowed. Not read of roles and of what
 * is no address. */
void verdict_look(const struct evidence *evidence, const struct address_traits *traits,
                  struct verdict_local *ret_local);

/*
 * As verdict_judge, by whoever has looked at the local part already. False: it depends on the
 * recipient's very name, as replies may hold it.
 */
bool verdict_judge_local(const struct evidence *evidence, const struct verdict_local *local,
                         struct verdict *ret_verdict);

/* What the score of the same evidence is made of (verdict/score.h), to show it. */
struct score;
void verdict_score(const struct evidence *evidence, struct score *ret_score);

/*
 * What one reply alone would mean at its stage, for `mailknock classify`: an accepted RCPT is
 * valid/accepted, unless its provider accepts everybody, and a refusal in vague words stands, as if
 * a random recipient had been refused in others. Stage ANY is read as RCPT. code: a 4xx "no such
 * user" said once proves nothing.
 */
void verdict_of_reply(const struct classification *classification, unsigned code,
                      enum smtp_stage stage, enum verdict_reason *ret_reason,
                      enum verdict_action *ret_action);

enum verdict_status verdict_reason_status(enum verdict_reason reason);
const char *verdict_status_name(enum verdict_status status);
const char *verdict_reason_name(enum verdict_reason reason);
const char *verdict_flag_name(enum verdict_flag_index flag);
const char *verdict_action_name(enum verdict_action action);

#endif
