/*
 * The words of a reply, made comparable: the input of the phrase matcher (concepts.h).
 *
 * Lower case, accents folded (Latin) or lowered (Greek and Cyrillic), apostrophes dropped, words
 * separated by one blank, blanks at both ends. What a server echoes or generates must never be read
 * as its own words (a local part may be "full" or "blocked"), so it is masked:
 *
 *   @addr  a mailbox, whatever form it is echoed in; "<...>" without blanks also
 *   @null  "<>"
 *   @ip    an IPv4 or IPv6 address
 *   @host  a host name, followed by its labels marked with "~": "@host ~zen ~spamhaus ~org"
 *   @url   a URL, followed by its words marked likewise: "@url ~http ~mail ~i ~ua ~err ~2"
 *   @id    a long mixture of letters, digits and hyphens
 *
 * A marked word can match only phrases written with the mark, and "@" and "~" never come from the
 * text itself. "\n" stands between clauses: the end of a sentence, a line that does not run on,
 * "please" and the like. Chinese and Japanese text is left as it stands.
 *
 * Bytes that are not UTF-8 are read as Latin-1 where they stand alone between ASCII, else skipped.
 */
#ifndef MK_PROVIDER_WORDING_H
#define MK_PROVIDER_WORDING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "smtp/reply.h"

#define WORDING_MAX 12288 /* what is longer is cut: nobody explains himself so late */

struct wording {
    struct smtp_enhanced enhanced; /* first one found within the text; status_class 0: none */
    size_t len;
    char bytes[WORDING_MAX];
};

/* Pure, any bytes. */
void wording_from_text(struct slice text, struct wording *ret_wording);

#endif
