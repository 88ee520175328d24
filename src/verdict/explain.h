/*
 * The explanation: one English sentence that says what decided, who said it and in which words.
 *
 * At most VERDICT_EXPLANATION_SIZE - 1 bytes of valid UTF-8 on one line, whatever strangers wrote
 * (verdict/sentence.h).
 */
#ifndef MK_VERDICT_EXPLAIN_H
#define MK_VERDICT_EXPLAIN_H

#include "verdict/finding.h"

/* `finding` is NULL when no server was asked. Fills verdict->explanation from its other fields. */
void explain_verdict(const struct evidence *evidence, const struct finding *finding,
                     struct verdict *verdict);

/* When a mail host is not to blame: "our stage of the dialogue", for people. Static. */
const char *explain_stage(enum smtp_stage stage);

#endif
