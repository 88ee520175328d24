/*
 * What servers say: the texts of every situation, their defaults, and how placeholders are filled.
 *
 * A text is a reply with its code, "550 5.1.1 <%r>: User unknown"; "|" separates the lines of one
 * of several lines, each with or without its own code. Placeholders: %r recipient, %l its local
 * part, %d its domain, %s sender, %h this host, %i the client's address, %c the client's HELO name,
 * %% a percent sign.
 */
#ifndef MK_LAB_TEXT_H
#define MK_LAB_TEXT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

/* symbol, name in `reply NAME TEXT`, default */
#define LAB_TEXTS(X)                                                                               \
    X(GREETING, "greeting", "220 %h ESMTP lab")                                                    \
    X(HELO, "helo", "250 %h")                                                                      \
    X(STARTTLS, "starttls", "220 2.0.0 Ready to start TLS")                                        \
    X(MAIL, "mail", "250 2.1.0 Ok")                                                                \
    X(RCPT, "rcpt", "250 2.1.5 Ok")                                                                \
    X(UNKNOWN, "unknown",                                                                          \
      "550 5.1.1 <%r>: Recipient address rejected: User unknown in local recipient table")         \
    X(RELAY, "relay", "554 5.7.1 <%r>: Relay access denied")                                       \
    X(FULL, "full", "452 4.2.2 <%r>: user is over quota")                                          \
    X(DISABLED, "disabled", "550 5.2.1 <%r>: mailbox disabled, not accepting messages")            \
    X(MOVED, "moved", "551 5.1.6 <%r>: User has moved, please try <new.%l@%d>")                    \
    X(RESTRICTED, "restricted",                                                                    \
      "550 5.7.1 <%r>: This group only accepts mail from people in its organization")              \
    X(THROTTLED, "throttled",                                                                      \
      "450 4.2.1 <%r>: User is receiving mail too quickly, try again later")                       \
    X(TEMPORARY, "temporary", "451 4.3.0 <%r>: Temporary lookup failure")                          \
    X(FORWARDS, "forwards", "251 2.1.5 User not local; will forward to <%r>")                      \
    X(UNVERIFIED, "unverified",                                                                    \
      "252 2.1.5 Cannot VRFY user, but will accept message and attempt delivery")                  \
    X(RSET, "rset", "250 2.0.0 Ok")                                                                \
    X(QUIT, "quit", "221 2.0.0 Bye")                                                               \
    X(BAD_COMMAND, "bad-command", "502 5.5.2 Error: command not recognized")                       \
    X(BAD_SEQUENCE, "bad-sequence", "503 5.5.1 Error: need MAIL command")

enum lab_text {
#define X(symbol, name, text) LAB_TEXT_##symbol,
    LAB_TEXTS(X)
#undef X
    LAB_TEXT_COUNT,
};

bool lab_text_by_name(struct slice name, enum lab_text *ret_text);
const char *lab_text_name(enum lab_text text);
const char *lab_text_default(enum lab_text text);

struct lab_text_facts {
    struct slice recipient, sender, host, client, helo;
};

/* NULL when the text is a reply; else why not (static). */
const char *lab_text_check(struct slice text);

/* Append the reply with CRLF line ends. A failure shows in out->failed. */
void lab_text_expand(struct slice text, const struct lab_text_facts *facts, struct buffer *out);

#endif
