/*
 * A result that outlives its case: what the engine's callback shows, copied for the library's user.
 */
#ifndef MK_LIBRARY_RESULT_H
#define MK_LIBRARY_RESULT_H

#include "mailknock/mailknock.h"
#include "verdict/verdict.h"

/* Copy. NULL: no memory. Freed with mailknock_result_free. */
mailknock_result *library_result_new(const struct evidence *evidence, const struct verdict *verdict,
                                     bool with_evidence);

#endif
