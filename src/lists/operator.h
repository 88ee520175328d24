/*
 * The operator's own lists: addresses and domains to allow, block, leave alone, or never mail.
 *
 * A list is text, one entry a line: "user@example.com" (that address), "example.com" (the domain
 * and everything below it), "@example.com" (exactly that domain), "mx:mail.example.com" (mail
 * hosts, and below); "#" at the start of a line or after a blank starts a comment. A domain has two
 * labels or more: a bare word is more likely a slip than a top level domain. An address stands for
 * its mailbox, in every spelling that its provider takes for it ("jane.doe+news@gmail.com" for
 * "janedoe@gmail.com"), where whoever made the lists says how. This module parses bytes and answers
 * questions; who reads the files, and when again, is the caller's affair.
 */
#ifndef MK_LISTS_OPERATOR_H
#define MK_LISTS_OPERATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "address/address.h"
#include "base/error.h"
#include "base/slice.h"

enum lists_operator_kind {
    LISTS_OPERATOR_ALLOW,          /* overrides block, disposable and listed_domain */
    LISTS_OPERATOR_OPT_OUT,        /* skipped/opted_out */
    LISTS_OPERATOR_BLOCK,          /* skipped/blocked_domain */
    LISTS_OPERATOR_TRAP,           /* do_not_mail/spam_trap */
    LISTS_OPERATOR_COMPLAINT,      /* do_not_mail/complainer */
    LISTS_OPERATOR_LISTED,         /* do_not_mail/listed_domain */
    LISTS_OPERATOR_DISPOSABLE,     /* adds to the built-in list */
    LISTS_OPERATOR_NOT_DISPOSABLE, /* takes away from it */
    LISTS_OPERATOR_KIND_COUNT,
};

struct lists_operator;

struct lists_operator *lists_operator_new(void); /* NULL: no memory */
void lists_operator_free(struct lists_operator *lists);

/*
 * Writes the one address that stands for all spellings of a mailbox, and returns its length. local,
 * domain: of an accepted address, lower-case A-labels or a literal.
 */
typedef size_t lists_spelling(struct slice local, struct slice domain, char out[ADDRESS_WIRE_SIZE]);
/* Before anything is loaded. What providers do stands above this folder. */
void lists_operator_heed_spellings(struct lists_operator *lists, lists_spelling *spelling);

/*
 * Add the entries of `text`. ERROR_FORMAT names the line that is neither address nor domain (the
 * lines before it were added); ERROR_NOMEM. Entries are folded to lower case; U-labels converted.
 */
int lists_operator_load(struct lists_operator *lists, enum lists_operator_kind kind,
                        struct slice text, struct error *error);

/* What a line says, without its comment and blanks around; empty: nothing. Borrows from it. */
struct slice lists_operator_entry(struct slice line);

/* Bits (1 << kind) for an address in wire form, lower-case domain. */
unsigned lists_operator_match(const struct lists_operator *lists, struct slice local,
                              struct slice domain);
/* Bits (1 << kind) of "mx:" entries for a lower-case mail host. */
unsigned lists_operator_match_mx(const struct lists_operator *lists, struct slice host);

/* "allow", "opt_out", "block", ... as in the configuration file. */
const char *lists_operator_kind_name(enum lists_operator_kind kind);
size_t lists_operator_count(const struct lists_operator *lists, enum lists_operator_kind kind);

#endif
