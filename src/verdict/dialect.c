#include "verdict/dialect.h"

#include "base/check.h"

/* status, detail */
struct words_row {
    enum verdict_reason reason;
    struct dialect_words emailverify, zerobounce, neverbounce, kickbox;
    const char *reacher;
};

/*
 * FIELD section 6. Reasons that no vendor tells apart have the words of the nearest that they do.
 * What is never to be mailed is never called good or unknown where the vendor has a better word.
 */
#define ROW(symbol, ...) [REASON_##symbol] = {REASON_##symbol, __VA_ARGS__}
static const struct words_row rows[VERDICT_REASON_COUNT] = {
    /* emailverify, zerobounce, neverbounce, kickbox, reacher */
    ROW(ACCEPTED, {"valid", "permitted"}, {"valid", ""}, {"valid", ""},
        {"deliverable", "accepted_email"}, "safe"),
    ROW(ACCEPTED_RESTRICTED, {"valid", "permitted"}, {"valid", ""}, {"valid", ""},
        {"risky", "low_deliverability"}, "risky"),
    ROW(BAD_SYNTAX, {"invalid", "failed_syntax_check"}, {"invalid", "failed_syntax_check"},
        {"invalid", "bad_syntax"}, {"undeliverable", "invalid_email"}, "invalid"),
    ROW(PROVIDER_SYNTAX, {"invalid", "failed_syntax_check"}, {"invalid", "failed_syntax_check"},
        {"invalid", ""}, {"undeliverable", "invalid_email"}, "invalid"),
    ROW(DOMAIN_NOT_FOUND, {"invalid", "no_dns_entries"}, {"invalid", "no_dns_entries"},
        {"invalid", "bad_dns"}, {"undeliverable", "invalid_domain"}, "invalid"),
    ROW(NO_MAIL_SERVER, {"invalid", "no_dns_entries"}, {"invalid", "no_dns_entries"},
        {"invalid", "bad_dns"}, {"undeliverable", "invalid_domain"}, "invalid"),
    ROW(NULL_MX, {"invalid", "no_dns_entries"}, {"invalid", "does_not_accept_mail"},
        {"invalid", ""}, {"undeliverable", "invalid_domain"}, "invalid"),
    ROW(UNROUTABLE_MX, {"invalid", "no_dns_entries"}, {"invalid", "unroutable_ip_address"},
        {"invalid", ""}, {"undeliverable", "invalid_domain"}, "invalid"),
    ROW(DOMAIN_NOT_ACCEPTED, {"invalid", "mailbox_not_found"}, {"invalid", "does_not_accept_mail"},
        {"invalid", ""}, {"undeliverable", "invalid_domain"}, "invalid"),
    ROW(MAILBOX_NOT_FOUND, {"invalid", "mailbox_not_found"}, {"invalid", "mailbox_not_found"},
        {"invalid", ""}, {"undeliverable", "rejected_email"}, "invalid"),
    ROW(MAILBOX_DISABLED, {"invalid", "mailbox_not_found"}, {"invalid", "mailbox_not_found"},
        {"invalid", ""}, {"undeliverable", "rejected_email"}, "invalid"),
    ROW(MAILBOX_MOVED, {"invalid", "mailbox_not_found"}, {"invalid", "mailbox_not_found"},
        {"invalid", ""}, {"undeliverable", "rejected_email"}, "invalid"),
    ROW(ACCEPTS_ALL, {"catch_all", "none"}, {"catch-all", ""}, {"catchall", ""},
        {"risky", "low_deliverability"}, "risky"),
    ROW(PROVIDER_ACCEPTS_ALL, {"catch_all", "none"}, {"catch-all", ""}, {"catchall", ""},
        {"risky", "low_deliverability"}, "risky"),
    ROW(DISPOSABLE, {"do_not_mail", "disposable"}, {"do_not_mail", "disposable"},
        {"disposable", ""}, {"risky", "low_quality"}, "risky"),
    ROW(SPAM_TRAP, {"do_not_mail", "none"}, {"spamtrap", ""}, {"invalid", "spamtrap_network"},
        {"risky", "low_quality"}, "risky"),
    ROW(COMPLAINER, {"do_not_mail", "none"}, {"abuse", ""}, {"invalid", ""},
        {"risky", "low_quality"}, "risky"),
    ROW(LISTED_DOMAIN, {"do_not_mail", "none"}, {"do_not_mail", "toxic"}, {"invalid", ""},
        {"risky", "low_quality"}, "risky"),
    ROW(MAILBOX_FULL, {"do_not_mail", "mailbox_quota_exceeded"},
        {"invalid", "mailbox_quota_exceeded"}, {"invalid", ""}, {"risky", "low_deliverability"},
        "risky"),
    ROW(KNOWN_BOUNCE, {"do_not_mail", "none"}, {"invalid", "mailbox_not_found"}, {"invalid", ""},
        {"undeliverable", "rejected_email"}, "invalid"),
    ROW(GREYLISTED, {"unknown", "none"}, {"unknown", "greylisted"}, {"unknown", ""},
        {"unknown", "unavailable_smtp"}, "unknown"),
    ROW(RATE_LIMITED, {"unknown", "none"}, {"unknown", "mail_server_temporary_error"},
        {"unknown", ""}, {"unknown", "unavailable_smtp"}, "unknown"),
    ROW(TEMPORARY_FAILURE, {"unknown", "none"}, {"unknown", "mail_server_temporary_error"},
        {"unknown", ""}, {"unknown", "unavailable_smtp"}, "unknown"),
    ROW(TIMEOUT, {"unknown", "none"}, {"unknown", "timeout_exceeded"}, {"unknown", ""},
        {"unknown", "timeout"}, "unknown"),
    ROW(CONNECT_FAILED, {"unknown", "none"}, {"unknown", "failed_smtp_connection"},
        {"unknown", "connect_fails"}, {"unknown", "no_connect"}, "unknown"),
    ROW(DISCONNECTED, {"unknown", "none"}, {"unknown", "forcible_disconnect"}, {"unknown", ""},
        {"unknown", "invalid_smtp"}, "unknown"),
    ROW(PROBE_BLOCKED, {"unknown", "none"}, {"unknown", "antispam_system"}, {"unknown", ""},
        {"unknown", "unavailable_smtp"}, "unknown"),
    ROW(REFUSES_ALL, {"unknown", "none"}, {"unknown", "antispam_system"}, {"unknown", ""},
        {"unknown", "invalid_smtp"}, "unknown"),
    ROW(TLS_REQUIRED, {"unknown", "none"}, {"unknown", "failed_smtp_connection"}, {"unknown", ""},
        {"unknown", "unavailable_smtp"}, "unknown"),
    ROW(AUTH_REQUIRED, {"unknown", "none"}, {"unknown", "failed_smtp_connection"}, {"unknown", ""},
        {"unknown", "unavailable_smtp"}, "unknown"),
    ROW(RCPT_UNTRUSTED, {"unknown", "none"}, {"unknown", "antispam_system"}, {"unknown", ""},
        {"unknown", "invalid_smtp"}, "unknown"),
    ROW(AMBIGUOUS_REPLY, {"unknown", "none"}, {"unknown", "exception_occurred"}, {"unknown", ""},
        {"unknown", "invalid_smtp"}, "unknown"),
    ROW(DNS_ERROR, {"unknown", "none"}, {"unknown", "exception_occurred"},
        {"unknown", "temporary_dns_error"}, {"unknown", "timeout"}, "unknown"),
    ROW(PROTOCOL_ERROR, {"unknown", "none"}, {"unknown", "exception_occurred"}, {"unknown", ""},
        {"unknown", "invalid_smtp"}, "unknown"),
    ROW(NOT_PROBED, {"unknown", "none"}, {"unknown", "exception_occurred"}, {"unknown", ""},
        {"unknown", "unexpected_error"}, "unknown"),
    ROW(INTERNAL_ERROR, {"unknown", "none"}, {"unknown", "exception_occurred"}, {"unknown", ""},
        {"unknown", "unexpected_error"}, "unknown"),
    ROW(OPTED_OUT, {"skipped", "opt_out"}, {"do_not_mail", "global_suppression"}, {"invalid", ""},
        {"risky", "low_quality"}, "risky"),
    ROW(BLOCKED_DOMAIN, {"skipped", "blocked_domain"}, {"invalid", "blocked"}, {"invalid", ""},
        {"risky", "low_quality"}, "risky"),
    /* The vendors remove duplicates and never tell of a job that was stopped. */
    ROW(DUPLICATE, {"skipped", "none"}, {"unknown", ""}, {"unknown", ""},
        {"unknown", "unexpected_error"}, "unknown"),
    ROW(CANCELLED, {"skipped", "none"}, {"unknown", ""}, {"unknown", ""},
        {"unknown", "unexpected_error"}, "unknown"),
};

static const char *const names[VERDICT_DIALECT_COUNT] = {
#define X(symbol, name) [DIALECT_##symbol] = name,
    VERDICT_DIALECTS(X)
#undef X
};

static struct dialect_words emailverify_words(const struct words_row *row,
                                              enum verdict_status status, uint32_t flags)
{
    struct dialect_words words = row->emailverify;

    if (status == VERDICT_VALID && (flags & VERDICT_FLAG_ROLE))
        words.status = "role_based";
    return words;
}

static struct dialect_words zerobounce_words(const struct words_row *row,
                                             enum verdict_status status, uint32_t flags)
{
    if (status == VERDICT_VALID && (flags & VERDICT_FLAG_ROLE))
        return (struct dialect_words){"do_not_mail", "role_based"};
    if (status == VERDICT_CATCH_ALL && (flags & VERDICT_FLAG_ROLE))
        return (struct dialect_words){"do_not_mail", "role_based_catch_all"};
    if (status == VERDICT_INVALID && (flags & VERDICT_FLAG_TYPO_SUSPECTED))
        return (struct dialect_words){"invalid", "possible_typo"};
    return row->zerobounce;
}

static struct dialect_words neverbounce_words(const struct words_row *row,
                                              enum verdict_status status, uint32_t flags)
{
    struct dialect_words words = row->neverbounce;

    if ((status == VERDICT_VALID || status == VERDICT_CATCH_ALL) && (flags & VERDICT_FLAG_ROLE))
        words.detail = "role_account";
    if (status == VERDICT_INVALID && (flags & VERDICT_FLAG_TYPO_SUSPECTED))
        words.detail = "spelling_mistake";
    return words;
}

static struct dialect_words kickbox_words(const struct words_row *row, enum verdict_status status,
                                          uint32_t flags)
{
    if (status == VERDICT_VALID && (flags & VERDICT_FLAG_ROLE))
        return (struct dialect_words){"risky", "low_quality"};
    return row->kickbox;
}

struct dialect_words dialect_words(enum verdict_dialect dialect, enum verdict_status status,
                                   enum verdict_reason reason, uint32_t flags)
{
    const struct words_row *row = &rows[reason];
    bool is_valid_role = status == VERDICT_VALID && (flags & VERDICT_FLAG_ROLE);

    CHECK(reason < VERDICT_REASON_COUNT);
    switch (dialect) {
    case DIALECT_EMAILVERIFY:
        return emailverify_words(row, status, flags);
    case DIALECT_ZEROBOUNCE:
        return zerobounce_words(row, status, flags);
    case DIALECT_NEVERBOUNCE:
        return neverbounce_words(row, status, flags);
    case DIALECT_KICKBOX:
        return kickbox_words(row, status, flags);
    case DIALECT_REACHER:
        return (struct dialect_words){is_valid_role ? "risky" : row->reacher, ""};
    default:
        return (struct dialect_words){verdict_status_name(status), verdict_reason_name(reason)};
    }
}

void dialect_fields(enum verdict_dialect dialect, const char **ret_status, const char **ret_detail)
{
    static const char *const fields[VERDICT_DIALECT_COUNT][2] = {
        [DIALECT_MAILKNOCK] = {"status", "reason"},
        [DIALECT_EMAILVERIFY] = {"status", "sub_status"},
        [DIALECT_ZEROBOUNCE] = {"status", "sub_status"},
        [DIALECT_NEVERBOUNCE] = {"result", "flags"},
        [DIALECT_KICKBOX] = {"result", "reason"},
        [DIALECT_REACHER] = {"is_reachable", NULL},
    };

    CHECK(dialect < VERDICT_DIALECT_COUNT);
    *ret_status = fields[dialect][0];
    *ret_detail = fields[dialect][1];
}

const char *dialect_name(enum verdict_dialect dialect)
{
    CHECK(dialect < VERDICT_DIALECT_COUNT);
    return names[dialect];
}

bool dialect_by_name(struct slice name, enum verdict_dialect *ret_dialect)
{
    for (size_t i = 0; i < VERDICT_DIALECT_COUNT; i++) {
        if (slice_equal_nocase(name, slice_from_string(names[i]))) {
            *ret_dialect = (enum verdict_dialect)i;
            return true;
        }
    }
    return false;
}
