/*
 * Which column of a list holds the addresses: what its name says in many languages. Pure.
 */
#ifndef MK_BULK_COLUMN_H
#define MK_BULK_COLUMN_H

#include "base/slice.h"

enum column_hint {
    COLUMN_HINT_NONE,
    COLUMN_HINT_WEAK,   /* "address", "contact", "login": may be something else */
    COLUMN_HINT_LIKELY, /* "Customer e-mail (private)" */
    COLUMN_HINT_SURE,   /* "email", "Courriel", "メールアドレス" */
};

/* name: UTF-8, as it stands in the header. Case, blanks and punctuation do not matter. */
enum column_hint column_name_hint(struct slice name);

#endif
