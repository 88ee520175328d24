/*
 * The options of a verifier: the program's own table (config/config.h), and what only the library
 * has.
 */
#ifndef MK_LIBRARY_OPTIONS_H
#define MK_LIBRARY_OPTIONS_H

#include "config/config.h"
#include "mailknock/mailknock.h"

struct library_own_options {
    bool evidence; /* results carry the whole conversation */
};

struct mailknock_options {
    struct arena arena; /* of the values */
    struct config common;
    struct library_own_options own;
};

#endif
