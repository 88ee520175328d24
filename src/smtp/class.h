/*
 * What a reply, or the lack of one, can mean: a closed list.
 *
 * The class says whose fault a refusal is and what follows for the mailbox; how a reply is
 * classified stands in provider/classify.h, what follows for the address in verdict/verdict.h.
 */
#ifndef MK_SMTP_CLASS_H
#define MK_SMTP_CLASS_H

#include <stdbool.h>

#include "base/slice.h"

#define SMTP_CLASSES(X)                                                                            \
    X(ACCEPTED, "accepted")                                                                        \
    X(MAILBOX_NOT_FOUND, "mailbox_not_found")                                                      \
    X(MAILBOX_DISABLED, "mailbox_disabled")                                                        \
    X(MAILBOX_FULL, "mailbox_full")                                                                \
    X(RECIPIENT_RESTRICTED, "recipient_restricted")                                                \
    X(RECIPIENT_THROTTLED, "recipient_throttled")                                                  \
    X(MOVED, "moved")                                                                              \
    X(GREYLISTED, "greylisted")                                                                    \
    X(RATE_LIMITED, "rate_limited")                                                                \
    X(SENDER_BLOCKED, "sender_blocked")                                                            \
    X(SENDER_REJECTED, "sender_rejected")                                                          \
    X(RELAY_DENIED, "relay_denied")                                                                \
    X(DOMAIN_NOT_ACCEPTED, "domain_not_accepted")                                                  \
    X(POLICY_REJECTED, "policy_rejected")                                                          \
    X(TLS_REQUIRED, "tls_required")                                                                \
    X(AUTH_REQUIRED, "auth_required")                                                              \
    X(SERVER_TEMPORARY_FAILURE, "server_temporary_failure")                                        \
    X(SERVER_PERMANENT_FAILURE, "server_permanent_failure")                                        \
    X(SYNTAX_REJECTED, "syntax_rejected")                                                          \
    X(PROTOCOL_ERROR, "protocol_error")                                                            \
    X(NETWORK, "network")                                                                          \
    X(AMBIGUOUS, "ambiguous")

enum smtp_class {
#define X(symbol, name) SMTP_CLASS_##symbol,
    SMTP_CLASSES(X)
#undef X
    SMTP_CLASS_COUNT,
};

/* Where in the dialogue. CONNECT is the greeting; HELO is EHLO or HELO. ANY: not known. */
#define SMTP_STAGES(X)                                                                             \
    X(ANY, "any")                                                                                  \
    X(CONNECT, "connect")                                                                          \
    X(HELO, "helo")                                                                                \
    X(STARTTLS, "starttls")                                                                        \
    X(MAIL, "mail")                                                                                \
    X(RCPT, "rcpt")                                                                                \
    X(RSET, "rset")                                                                                \
    X(QUIT, "quit")

enum smtp_stage {
#define X(symbol, name) SMTP_STAGE_##symbol,
    SMTP_STAGES(X)
#undef X
    SMTP_STAGE_COUNT,
};

const char *smtp_class_name(enum smtp_class smtp_class);
const char *smtp_stage_name(enum smtp_stage stage);
bool smtp_class_from_name(struct slice name, enum smtp_class *ret_class);
bool smtp_stage_from_name(struct slice name, enum smtp_stage *ret_stage);

#endif
