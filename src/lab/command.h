/*
 * What a client said, judged as strictly as the sternest server would: the lab's ear.
 */
#ifndef MK_LAB_COMMAND_H
#define MK_LAB_COMMAND_H

#include <stdbool.h>

#include "base/slice.h"

enum lab_verb {
    LAB_VERB_UNKNOWN,
    LAB_VERB_EHLO,
    LAB_VERB_HELO,
    LAB_VERB_STARTTLS,
    LAB_VERB_MAIL,
    LAB_VERB_RCPT,
    LAB_VERB_RSET,
    LAB_VERB_NOOP,
    LAB_VERB_QUIT,
    LAB_VERB_DATA,
    LAB_VERB_BDAT,
    LAB_VERB_OTHER, /* known to SMTP, not served here: VRFY, EXPN, HELP, AUTH, ... */
};

struct lab_command {
    enum lab_verb verb;
    struct slice argument; /* HELO name; the path without brackets */
    bool smtputf8;         /* MAIL said SMTPUTF8 */
    const char *fault;     /* how it breaks RFC 5321; NULL: it does not. Static */
    bool is_forgiven;      /* the fault is one that servers put up with: noted, and obeyed */
};

/* A line without its CRLF. Borrows. */
void lab_command_parse(struct slice line, struct lab_command *ret_command);

#endif
