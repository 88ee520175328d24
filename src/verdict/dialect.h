/*
 * Other vendors' words for our verdicts, for those who change over: one table row a reason.
 *
 * Sources: FIELD section 6 (public documentation and client libraries). Pure.
 */
#ifndef MK_VERDICT_DIALECT_H
#define MK_VERDICT_DIALECT_H

#include <stdbool.h>

#include "base/slice.h"
#include "verdict/verdict.h"

#define VERDICT_DIALECTS(X)                                                                        \
    X(MAILKNOCK, "mailknock")                                                                      \
    X(EMAILVERIFY, "emailverify")                                                                  \
    X(ZEROBOUNCE, "zerobounce")                                                                    \
    X(NEVERBOUNCE, "neverbounce")                                                                  \
    X(KICKBOX, "kickbox")                                                                          \
    X(REACHER, "reacher")

enum verdict_dialect {
#define X(symbol, name) DIALECT_##symbol,
    VERDICT_DIALECTS(X)
#undef X
    VERDICT_DIALECT_COUNT,
};

/* What a vendor would say. All static strings. */
struct dialect_words {
    const char *status; /* "do_not_mail", "undeliverable", "safe", ... */
    const char *detail; /* sub_status, reason or flags word; "" for none */
};

/* flags: enum verdict_flag bits (role and typo change some vendors' words). */
struct dialect_words dialect_words(enum verdict_dialect dialect, enum verdict_status status,
                                   enum verdict_reason reason, uint32_t flags);

/* Names of the vendor's two fields: "status", "sub_status"; detail NULL where there is none. */
void dialect_fields(enum verdict_dialect dialect, const char **ret_status, const char **ret_detail);

const char *dialect_name(enum verdict_dialect dialect);
bool dialect_by_name(struct slice name, enum verdict_dialect *ret_dialect);

#endif
