/*
 * What a server says it can do: the keywords of its reply to EHLO (RFC 5321 4.1.1.1).
 *
 * Only what matters to a client that never sends a message is read: STARTTLS (RFC 3207), PIPELINING
 * (RFC 2920), SMTPUTF8 (RFC 6531), SIZE (RFC 1870), 8BITMIME (RFC 6152), ENHANCEDSTATUSCODES
 * (RFC 2034) and AUTH (RFC 4954). The rest, and anything garbled, is passed over.
 */
#ifndef MK_SMTP_EHLO_H
#define MK_SMTP_EHLO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct smtp_ehlo {
    bool starttls;
    bool pipelining;
    bool smtputf8;
    bool eight_bit_mime;
    bool enhanced_codes;
    bool auth;
    bool size;
    uint64_t size_max; /* octets; 0: no fixed limit was named */
};

/*
 * Read the text of a 2xx reply to EHLO as smtp_reply_parsed gives it: lines joined by " | ", the
 * first of which is a greeting and not a keyword. Any bytes are fine.
 */
void smtp_ehlo_parse(struct slice text, struct smtp_ehlo *ret_ehlo);

#endif
